//! Definitions of series as bytes: shapes and values once, then the series by their places.

use hashbrown::HashMap;

use super::sets::{Sets, Shape};
use super::symbols::Symbol;
use crate::bytes::{Cursor, Malformed};
use crate::error::StorageError;
use crate::limits::{COLUMNS_MAX, TAG_BYTES_MAX};
use crate::schema::{ColumnId, SeriesId, TableId};

/// Appends what `series`, ascending, stand for; ids that stand for nothing are left out.
pub(super) fn encode(sets: &Sets, series: &[SeriesId], out: &mut Vec<u8>) {
    let mut shapes: Numbered = Numbered::default();
    let mut values: Numbered = Numbered::default();
    let mut lines = Vec::new();
    let (mut count, mut before) = (0u32, 0);
    for id in series {
        let Some((shape, tags)) = sets.get(*id) else { continue };
        put(&mut lines, id - before);
        put(&mut lines, shapes.place(shape));
        tags.iter().for_each(|tag| put(&mut lines, values.place(*tag)));
        before = *id;
        count += 1;
    }
    put(out, shapes.order.len() as u32);
    for shape in shapes.order.iter().filter_map(|id| sets.shape(*id)) {
        put(out, shape.table);
        put(out, shape.columns.len() as u32);
        shape.columns.iter().for_each(|column| put(out, *column));
    }
    put(out, values.order.len() as u32);
    for value in &values.order {
        let text = sets.symbols.text(*value);
        put(out, text.len() as u32);
        out.extend_from_slice(text.as_bytes());
    }
    put(out, count);
    out.extend_from_slice(&lines);
}

/// Numbers in the order they first come.
#[derive(Default)]
struct Numbered {
    places: HashMap<u32, u32>,
    order: Vec<u32>,
}

impl Numbered {
    fn place(&mut self, id: u32) -> u32 {
        *self.places.entry(id).or_insert_with(|| {
            self.order.push(id);
            self.order.len() as u32 - 1
        })
    }
}

/// Takes over what [`encode`] wrote.
pub(super) fn define(sets: &mut Sets, bytes: &[u8]) -> Result<Vec<SeriesId>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let shapes = take_shapes(&mut cursor, sets)?;
    let values = take_values(&mut cursor, sets)?;
    let count = take_count(&mut cursor, 3, "series")?;
    let mut defined = Vec::with_capacity(count);
    let mut tags: Vec<Symbol> = Vec::new();
    let mut id: SeriesId = 0;
    for _ in 0..count {
        let at = cursor.offset();
        id = match id.checked_add(take(&mut cursor, "a series")?) {
            Some(next) if next > id => next,
            _ => return Err(Malformed { offset: at, expected: "ascending ids of series".into() }),
        };
        let shape = take(&mut cursor, "a shape")? as usize;
        let Some((shape, width)) = shapes.get(shape).copied() else {
            return cursor.fail(format!("one of {} shapes, found {shape}", shapes.len()));
        };
        tags.clear();
        for _ in 0..width {
            let place = take(&mut cursor, "a tag")? as usize;
            let Some(symbol) = values.get(place) else {
                return cursor.fail(format!("one of {} values, found {place}", values.len()));
            };
            tags.push(*symbol);
        }
        define_one(sets, id, shape, &tags).map_err(|expected| Malformed { offset: at, expected })?;
        defined.push(id);
    }
    cursor.end("the definitions of series")?;
    Ok(defined)
}

fn define_one(sets: &mut Sets, id: SeriesId, shape: u32, tags: &[Symbol]) -> Result<(), String> {
    match (sets.get(id), sets.find(shape, tags)) {
        (Some(known), _) if known == (shape, tags) => Ok(()),
        (Some(_), _) => Err(format!("the tags that series {id} had before")),
        (None, Some(other)) => Err(format!("tags that no series has, these are series {other}")),
        (None, None) => sets.insert(id, shape, tags).map_err(|e: StorageError| e.to_string()),
    }
}

/// Defines a series by its tags, ascending by column.
pub(super) fn define_tags(
    sets: &mut Sets,
    id: SeriesId,
    table: TableId,
    tags: &[(ColumnId, &str)],
) -> Result<(), String> {
    let columns = tags.iter().map(|(column, _)| *column).collect();
    let shape = sets.intern_shape(&Shape { table, columns });
    let symbols = tags.iter().map(|(_, value)| sets.symbols.intern(value)).collect::<Result<Vec<_>, _>>();
    define_one(sets, id, shape, &symbols.map_err(|error| error.to_string())?)
}

fn take_shapes(cursor: &mut Cursor<'_>, sets: &mut Sets) -> Result<Vec<(u32, usize)>, Malformed> {
    let count = take_count(cursor, 3, "shapes")?;
    let mut shapes = Vec::with_capacity(count);
    for _ in 0..count {
        let table = take(cursor, "a table")?;
        let width = take_count(cursor, 1, "tag columns")?;
        let columns =
            (0..width).map(|_| take(cursor, "a tag column")).collect::<Result<Vec<ColumnId>, _>>()?;
        if width == 0 || width > COLUMNS_MAX || !columns.is_sorted_by(|a, b| a < b) {
            return cursor.fail("tag columns, ascending");
        }
        shapes.push((sets.intern_shape(&Shape { table, columns }), width));
    }
    Ok(shapes)
}

fn take_values(cursor: &mut Cursor<'_>, sets: &mut Sets) -> Result<Vec<Symbol>, Malformed> {
    let count = take_count(cursor, 1, "values of tags")?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let offset = cursor.offset();
        let length = take(cursor, "the length of a tag")? as usize;
        let text =
            std::str::from_utf8(cursor.take(length, "a tag")?).ok().filter(|_| length <= TAG_BYTES_MAX);
        let symbol = text.and_then(|text| sets.symbols.intern(text).ok());
        let expected = || format!("a tag of at most {TAG_BYTES_MAX} bytes in UTF-8, and room for it");
        values.push(symbol.ok_or_else(|| Malformed { offset, expected: expected() })?);
    }
    Ok(values)
}

/// Seven bits a byte, least first; the high bit says that more follow.
fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(cursor: &mut Cursor<'_>, what: &str) -> Result<u32, Malformed> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = cursor.u8(what)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let found = u32::try_from(value).ok();
            return found.map_or_else(|| cursor.fail(format!("{what} below 2^32")), Ok);
        }
    }
    cursor.fail(format!("{what} of at most 5 bytes"))
}

/// A number of things of at least `bytes_each`, so that a damaged count asks for no memory.
fn take_count(cursor: &mut Cursor<'_>, bytes_each: usize, what: &str) -> Result<usize, Malformed> {
    let count = take(cursor, what)? as usize;
    if count.saturating_mul(bytes_each) > cursor.remaining() {
        return cursor.fail(format!("{what} that fit the {} bytes left, found {count}", cursor.remaining()));
    }
    Ok(count)
}
