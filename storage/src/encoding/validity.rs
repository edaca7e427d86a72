//! Which rows of a page are null.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};

use super::squeeze::{squeeze, unsqueeze};
use super::{Cursor, Malformed, put_bytes};

/// Whether a page starts with a bitmap: only where it has both nulls and values.
pub(super) fn has_bitmap(rows: usize, nulls: usize) -> bool {
    0 < nulls && nulls < rows
}

/// How many values each page has.
pub(super) fn value_counts(nulls: Option<&NullBuffer>, page_rows: &[usize]) -> Vec<usize> {
    let Some(nulls) = nulls else { return page_rows.to_vec() };
    pages(nulls, page_rows).map(|page| page.len() - page.null_count()).collect()
}

fn pages<'a>(nulls: &'a NullBuffer, page_rows: &'a [usize]) -> impl Iterator<Item = NullBuffer> + 'a {
    page_rows.iter().scan(0, |start, rows| {
        let page = nulls.slice(*start, *rows);
        *start += rows;
        Some(page)
    })
}

/// Puts the bitmaps before the values of those pages that need one.
pub(super) fn prepend(encoded: &mut [Vec<u8>], nulls: &NullBuffer, page_rows: &[usize]) {
    for (values, page) in encoded.iter_mut().zip(pages(nulls, page_rows)) {
        if has_bitmap(page.len(), page.null_count()) {
            let mut with_bitmap = Vec::with_capacity(values.len() + page.len() / 8 + 4);
            put_bytes(&mut with_bitmap, &squeeze(pack(page.inner())));
            with_bitmap.append(values);
            *values = with_bitmap;
        }
    }
}

/// The bits from the first row on, eight a byte, least first, the last byte padded with zeros.
pub(super) fn pack(bits: &BooleanBuffer) -> Vec<u8> {
    let mut packed = BooleanBufferBuilder::new(bits.len());
    packed.append_buffer(bits);
    packed.finish().into_inner().as_slice()[..bits.len().div_ceil(8)].to_vec()
}

/// Bits of [`pack`] again. `packed` holds at least `count` bits.
pub(super) fn unpack(packed: Vec<u8>, count: usize) -> Result<BooleanBuffer, Malformed> {
    if packed.len() != count.div_ceil(8) {
        return Err(Malformed("a bit for each value"));
    }
    Ok(BooleanBuffer::new(packed.into(), 0, count))
}

/// The bitmap of a page, where it has one, and the bytes of its values.
pub(super) fn split(
    page: &[u8],
    rows: usize,
    nulls: usize,
) -> Result<(Option<NullBuffer>, &[u8]), Malformed> {
    if !has_bitmap(rows, nulls) {
        return Ok((None, page));
    }
    let mut cursor = Cursor::new(page);
    let packed = unsqueeze(cursor.bytes()?, rows.div_ceil(8))?;
    let validity = NullBuffer::new(unpack(packed, rows)?);
    if validity.null_count() != nulls {
        return Err(Malformed("as many nulls in the bitmap as in the page index"));
    }
    Ok((Some(validity), cursor.rest()))
}
