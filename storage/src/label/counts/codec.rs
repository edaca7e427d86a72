//! Counts as bytes: numbers as varints, the whole by zstd (`docs/format/patch.md`).

use std::collections::BTreeMap;

use super::{ClassCounts, LabelCounts};
use crate::distribution::Lattice;
use crate::encoding::{Cursor, Malformed, put_bytes, put_signed, put_varint, squeeze, unsqueeze};
use crate::limits::{LABEL_CLASS_BYTES_MAX, LABEL_COUNTS_BYTES_MAX};
use crate::schema::ColumnId;
use crate::segment::Unit;

const NO_LATTICE: u64 = 0;
const DICT: u64 = 1;
const LOG: u64 = 2;
const AFFINE: u64 = 3;

impl LabelCounts {
    /// Scores, and then classes, are given up where they take more bytes than a reader takes.
    pub(crate) fn encode(mut self) -> Vec<u8> {
        let mut plain = self.plain();
        for forget in [Self::forget_scores, Self::forget_classes] {
            if plain.len() > LABEL_COUNTS_BYTES_MAX {
                forget(&mut self);
                plain = self.plain();
            }
        }
        let mut out = Vec::new();
        put_varint(&mut out, plain.len() as u64);
        out.extend(squeeze(plain));
        out
    }

    fn plain(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.is_classless)];
        put_varint(&mut out, self.prediction.map_or(0, u64::from));
        put_score(&mut out, self.score);
        put_varint(&mut out, self.units.len() as u64);
        for (unit, classes) in &self.units {
            put_unit(&mut out, *unit);
            put_varint(&mut out, classes.len() as u64);
            for (label, class) in classes {
                put_text(&mut out, label.as_deref());
                put_class(&mut out, class);
            }
        }
        out
    }

    /// What [`encode`](Self::encode) wrote, to the last byte.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let length = cursor.count(LABEL_COUNTS_BYTES_MAX)?;
        let plain = unsqueeze(cursor.rest(), length)?;
        let mut cursor = Cursor::new(&plain);
        let is_classless = cursor.u8()? != 0;
        let prediction = Some(take_id(&mut cursor)?).filter(|id| *id > 0);
        let score = take_score(&mut cursor)?;
        let count = cursor.count(plain.len())?;
        let units = (0..count).map(|_| take_unit(&mut cursor)).collect::<Result<BTreeMap<_, _>, _>>()?;
        cursor.finish()?;
        match units.len() == count {
            true => Ok(Self { prediction, score, is_classless, units }),
            false => Err(Malformed("each unit once")),
        }
    }
}

fn put_score(out: &mut Vec<u8>, score: Option<(ColumnId, Lattice)>) {
    let Some((column, lattice)) = score else { return put_varint(out, NO_LATTICE) };
    match lattice {
        Lattice::Dict => put_varint(out, DICT),
        Lattice::Log { bits } => {
            put_varint(out, LOG);
            put_varint(out, u64::from(bits));
        }
        Lattice::Affine { exponent } => {
            put_varint(out, AFFINE);
            put_signed(out, i64::from(exponent));
        }
    }
    put_varint(out, u64::from(column));
}

fn take_score(cursor: &mut Cursor<'_>) -> Result<Option<(ColumnId, Lattice)>, Malformed> {
    let lattice = match cursor.varint()? {
        NO_LATTICE => return Ok(None),
        DICT => Some(Lattice::Dict),
        LOG => u8::try_from(cursor.varint()?).ok().map(|bits| Lattice::Log { bits }),
        AFFINE => i16::try_from(cursor.signed()?).ok().map(|exponent| Lattice::Affine { exponent }),
        _ => None,
    };
    let lattice = lattice.filter(|lattice| lattice.is_held()).ok_or(Malformed("a lattice"))?;
    Ok(Some((take_id(cursor)?, lattice)))
}

fn take_id(cursor: &mut Cursor<'_>) -> Result<ColumnId, Malformed> {
    ColumnId::try_from(cursor.varint()?).map_err(|_| Malformed("the id of a column"))
}

fn put_unit(out: &mut Vec<u8>, unit: Unit) {
    match unit {
        Unit::Cell(cell) => {
            out.push(0);
            put_varint(out, u64::from(cell));
        }
        Unit::Interval(interval) => {
            out.push(1);
            put_signed(out, interval);
        }
    }
}

type Classes = BTreeMap<Option<String>, ClassCounts>;

fn take_unit(cursor: &mut Cursor<'_>) -> Result<(Unit, Classes), Malformed> {
    let unit = match cursor.u8()? {
        0 => Unit::Cell(u32::try_from(cursor.varint()?).map_err(|_| Malformed("the place of a cell"))?),
        _ => Unit::Interval(cursor.signed()?),
    };
    let count = take_count(cursor)?;
    let mut class = || Ok((take_text(cursor)?, take_class(cursor)?));
    let classes = (0..count).map(|_| class()).collect::<Result<Classes, Malformed>>()?;
    match classes.len() == count {
        true => Ok((unit, classes)),
        false => Err(Malformed("each label once")),
    }
}

fn put_class(out: &mut Vec<u8>, class: &ClassCounts) {
    put_signed(out, class.rows);
    put_varint(out, class.predictions.len() as u64);
    for (prediction, rows) in &class.predictions {
        put_text(out, prediction.as_deref());
        put_signed(out, *rows);
    }
    put_varint(out, class.scores.len() as u64);
    let mut last = 0;
    for (bucket, rows) in &class.scores {
        put_signed(out, bucket.wrapping_sub(last));
        put_signed(out, *rows);
        last = *bucket;
    }
}

fn take_class(cursor: &mut Cursor<'_>) -> Result<ClassCounts, Malformed> {
    let mut class = ClassCounts { rows: cursor.signed()?, ..ClassCounts::default() };
    for _ in 0..take_count(cursor)? {
        class.predictions.insert(take_text(cursor)?, cursor.signed()?);
    }
    let mut bucket = 0_i64;
    for _ in 0..take_count(cursor)? {
        bucket = bucket.wrapping_add(cursor.signed()?);
        class.scores.insert(bucket, cursor.signed()?);
    }
    Ok(class)
}

/// A thing takes a byte at least, so what comes too often ends with the bytes.
fn take_count(cursor: &mut Cursor<'_>) -> Result<usize, Malformed> {
    cursor.count(LABEL_COUNTS_BYTES_MAX)
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_bytes(out, text.as_bytes());
    }
}

fn take_text(cursor: &mut Cursor<'_>) -> Result<Option<String>, Malformed> {
    if cursor.u8()? == 0 {
        return Ok(None);
    }
    let bytes = cursor.bytes()?;
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LABEL_CLASS_BYTES_MAX);
    text.map(|text| Some(text.to_owned())).ok_or(Malformed("a class as text within its limit"))
}
