//! Looks for texts in encoded pages: a look-up by key reads the numbers of a page, and makes its texts only where one of
//! them is there.

use super::text::Decoder;
use super::{ChunkDecoder, Malformed, ValueDecoder, validity};

/// Where texts may be in a chunk.
#[derive(Debug)]
pub(crate) enum Sought<'a> {
    /// In none of its pages.
    Nowhere,
    /// In any: its encoding does not tell.
    Anywhere,
    /// Each page can be asked.
    InPages(SoughtNumbers<'a>),
}

/// Texts as the numbers that pages keep in their place.
#[derive(Debug)]
pub(crate) struct SoughtNumbers<'a> {
    decoder: &'a Decoder,
    numbers: Vec<i64>,
}

impl ChunkDecoder {
    /// Where these texts may be in the pages of the chunk.
    pub(crate) fn seek(&self, texts: &[String]) -> Sought<'_> {
        match &self.values {
            ValueDecoder::Null => Sought::Nowhere,
            ValueDecoder::Text(decoder) => decoder.seek(texts),
            _ => Sought::Anywhere,
        }
    }
}

impl Decoder {
    fn seek(&self, texts: &[String]) -> Sought<'_> {
        let numbers: Vec<i64> = match self {
            Self::Constant(value) => return any(texts.iter().any(|text| text.as_bytes() == value)),
            Self::Dictionary(decoder) => return any(texts.iter().any(|text| decoder.has(text.as_bytes()))),
            Self::Zstd => return Sought::Anywhere,
            Self::Prefixed(decoder) => {
                texts.iter().filter_map(|text| decoder.number(text.as_bytes())).collect()
            }
            Self::Uuid(decoder) => texts.iter().filter_map(|text| decoder.high(text.as_bytes())).collect(),
        };
        if numbers.is_empty() {
            Sought::Nowhere
        } else {
            Sought::InPages(SoughtNumbers { decoder: self, numbers })
        }
    }
}

fn any(is_there: bool) -> Sought<'static> {
    if is_there { Sought::Anywhere } else { Sought::Nowhere }
}

impl SoughtNumbers<'_> {
    /// Whether one of them is in a page, of whose `rows` `nulls` are null.
    pub(crate) fn is_in(&self, page: &[u8], rows: usize, nulls: usize) -> Result<bool, Malformed> {
        let count = rows.checked_sub(nulls).ok_or(Malformed("no more nulls than rows"))?;
        if count == 0 {
            return Ok(false);
        }
        let (_, page) = validity::split(page, rows, nulls)?;
        let found = match self.decoder {
            Decoder::Prefixed(decoder) => decoder.numbers(page, count)?,
            Decoder::Uuid(decoder) => decoder.highs(page, count)?,
            _ => return Ok(true),
        };
        Ok(match self.numbers.as_slice() {
            [one] => found.contains(one),
            some => found.iter().any(|number| some.contains(number)),
        })
    }
}
