//! One page of a column chunk, as damage might leave it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};

use super::{ChunkDecoder, Cursor, Effort, Encoding, encode};
use crate::schema::ColumnType;
use crate::schema_codec::type_of;

/// Encoding and type u8, elements of a vector, rows and nulls u16, length of the meta u32, meta, page.
pub fn decode(data: &[u8]) {
    let Some((case, page)) = Case::take(data) else { return };
    let Ok(decoder) = ChunkDecoder::new(case.encoding, case.ty, case.meta) else { return };
    let Ok(array) = decoder.decode(page, case.rows, case.nulls) else { return };
    assert_eq!((array.len(), array.null_count()), (case.rows, case.nulls), "{:?}", case.encoding);
    assert_eq!(array.data_type(), &case.ty.arrow());
    for effort in [Effort::Flush, Effort::Compaction] {
        write_again(case.ty, &array, effort);
    }
}

/// A chunk and the size of its page.
#[derive(Debug)]
struct Case<'a> {
    encoding: Encoding,
    ty: ColumnType,
    rows: usize,
    nulls: usize,
    meta: &'a [u8],
}

impl<'a> Case<'a> {
    fn take(data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut cursor = Cursor::new(data);
        let encoding = Encoding::from_id(cursor.u8().ok()?).ok()?;
        let code = cursor.u8().ok()?;
        let ty = type_of(code, u32::from(cursor.u16().ok()?))?;
        let (rows, nulls) = (usize::from(cursor.u16().ok()?), usize::from(cursor.u16().ok()?));
        let meta = cursor.u32().ok()? as usize;
        let meta = cursor.take(meta).ok()?;
        // As the footer has it: a page has a row at least, and no more than fit.
        let within = (1..=crate::limits::PAGE_ROWS_MAX).contains(&rows) && nulls <= rows;
        within.then_some((Self { encoding, ty, rows, nulls, meta }, cursor.rest()))
    }
}

/// What was accepted is a column like any other: encoded anew it reads the same, bit for bit.
fn write_again(ty: ColumnType, array: &ArrayRef, effort: Effort) {
    let chunk = encode(ty, array, &[array.len()], effort);
    let page = chunk.pages.first().map(Vec::as_slice).unwrap_or_default();
    let again = ChunkDecoder::new(chunk.encoding, ty, &chunk.meta)
        .and_then(|decoder| decoder.decode(page, array.len(), array.null_count()));
    assert!(again.is_ok(), "{ty:?} as {:?}: {again:?}", chunk.encoding);
    let same = again.is_ok_and(|again| Arc::ptr_eq(&again, array) || again.to_data() == array.to_data());
    assert!(same, "{ty:?} as {:?} reads otherwise", chunk.encoding);
}

/// A page as [`decode`] takes it, for a corpus.
pub(crate) fn case(
    encoding: Encoding,
    ty: ColumnType,
    rows: usize,
    nulls: usize,
    meta: &[u8],
    page: &[u8],
) -> Vec<u8> {
    let (code, elements) = crate::schema_codec::type_code(ty);
    let mut out = vec![encoding.id(), code];
    [elements as usize, rows, nulls].iter().for_each(|number| out.extend((*number as u16).to_le_bytes()));
    out.extend((meta.len() as u32).to_le_bytes());
    out.extend(meta);
    out.extend(page);
    out
}
