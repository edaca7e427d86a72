//! Numbers by pco: the table of a chunk once, in its meta, each page by itself.

use std::cell::RefCell;

use pco::data_types::Number;
use pco::metadata::DeltaEncoding;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, PagingSpec};

use super::{Effort, EncodedChunk, Encoding, Malformed};
use crate::limits::ROW_GROUP_ROWS_MAX;

/// Numbers that [`Decoder::decode_map`] has in hand at once: they stay in the first cache. A multiple of pco's batch.
const PIECE: usize = 1_024;

/// Numbers that pco may look back at: those of a chunk.
const WINDOW_MAX: u64 = ROW_GROUP_ROWS_MAX as u64;

thread_local! {
    /// What pco needs while it decodes, some 20 KiB, kept from page to page.
    static SCRATCH: RefCell<DecompressorScratch> = RefCell::default();
}

/// Encodes the pages of a chunk, `counts` values each; a page of none has no bytes. None where pco refuses, which
/// its documentation allows for wrong settings only, and for more than 2^24 numbers.
pub(super) fn encode<T: Number>(values: &[T], counts: &[usize], level: usize) -> Option<EncodedChunk> {
    let paging = PagingSpec::Exact(counts.iter().copied().filter(|c| *c > 0).collect());
    let config = ChunkConfig::default().with_compression_level(level).with_paging_spec(paging);
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(values, &config).ok()?;
    let meta = chunk.write_meta(file.write_header(Vec::new()).ok()?).ok()?;
    let mut next = 0;
    let mut page = |count: &usize| {
        if *count == 0 {
            return Some(Vec::new());
        }
        next += 1;
        let bytes = Vec::with_capacity(chunk.page_size_hint(next - 1));
        chunk.write_page(next - 1, bytes).ok()
    };
    let pages = counts.iter().map(&mut page).collect::<Option<_>>()?;
    Some(EncodedChunk { encoding: Encoding::Pco, meta, pages })
}

/// Bits a value of a sample, the table left out: in a chunk it is paid for by many more values.
pub(super) fn bits<T: Number>(sample: &[T]) -> f64 {
    let chunk = encode(sample, &[sample.len()], Effort::Flush.level());
    chunk.map_or(f64::INFINITY, |c| {
        c.pages.iter().map(Vec::len).sum::<usize>() as f64 * 8.0 / sample.len() as f64
    })
}

/// So many zeros, written out: asked for zeroed memory of this size, allocators give pages back to the system and take
/// new ones, whose faults cost more than all decoding.
pub(super) fn zeros<T: Copy + Default>(count: usize) -> Vec<T> {
    let mut zeros = Vec::with_capacity(count);
    zeros.resize(count, T::default());
    zeros
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder<T: Number>(ChunkDecompressor<T>);

impl<T: Number> Decoder<T> {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let (file, meta) = FileDecompressor::new(meta).map_err(|_| Malformed("a pco header"))?;
        if !holds_dictionary(meta) {
            return Err(Malformed("a pco dictionary within the meta"));
        }
        let (chunk, rest) =
            file.chunk_decompressor(meta).map_err(|_| Malformed("the meta of a pco chunk"))?;
        // A page takes memory for the window before it is known to be worth it.
        if let DeltaEncoding::Lookback { config, .. } = &chunk.meta().delta_encoding
            && 1_u64.checked_shl(config.window_n_log).is_none_or(|window| window > WINDOW_MAX)
        {
            return Err(Malformed("a pco window of no more numbers than a chunk has"));
        }
        if rest.is_empty() { Ok(Self(chunk)) } else { Err(Malformed("no bytes after the pco meta")) }
    }

    /// The first `wanted` of the `count` values of a page. What comes after them is not looked at.
    pub(super) fn decode(&self, page: &[u8], count: usize, wanted: usize) -> Result<Vec<T>, Malformed> {
        let mut values = zeros(wanted.next_multiple_of(PIECE).min(count));
        let rest = SCRATCH.with_borrow_mut(|scratch| {
            let mut decompressor = self.0.page_decompressor_with_scratch(page, count, scratch)?;
            decompressor.read(&mut values)?;
            Ok(decompressor.into_src().len())
        });
        ended(rest, values.len() < count)?;
        values.truncate(wanted);
        Ok(values)
    }

    /// The same for numbers that are kept narrower than they are given back.
    pub(super) fn decode_map<V>(
        &self,
        page: &[u8],
        (count, wanted): (usize, usize),
        widen: impl Fn(T) -> V,
    ) -> Result<Vec<V>, Malformed> {
        let read = wanted.next_multiple_of(PIECE).min(count);
        let mut values = Vec::with_capacity(read);
        let mut piece = [T::default(); PIECE];
        let rest = SCRATCH.with_borrow_mut(|scratch| {
            let mut decompressor = self.0.page_decompressor_with_scratch(page, count, scratch)?;
            while values.len() < read {
                decompressor.read(&mut piece)?;
                let numbers = piece.iter().take(read - values.len());
                values.extend(numbers.map(|n| widen(*n)));
            }
            Ok(decompressor.into_src().len())
        });
        ended(rest, read < count)?;
        values.truncate(wanted);
        Ok(values)
    }
}

/// Pco takes memory for as many numbers as its dictionary says it has, before it looks for them: up to 2^25. The meta
/// begins with four bits of a mode, and in that of a dictionary 25 of its length; a number takes a byte at least.
fn holds_dictionary(meta: &[u8]) -> bool {
    const DICTIONARY: u32 = 4;
    let head = meta.first_chunk().map_or(0, |head| u32::from_le_bytes(*head));
    head & 0xf != DICTIONARY || (head >> 4 & 0x1ff_ffff) as usize <= meta.len()
}

fn ended(rest: pco::errors::PcoResult<usize>, is_cut: bool) -> Result<(), Malformed> {
    match rest {
        Ok(0) => Ok(()),
        Ok(_) if is_cut => Ok(()),
        Ok(_) => Err(Malformed("no bytes after the pco page")),
        Err(_) => Err(Malformed("a pco page")),
    }
}
