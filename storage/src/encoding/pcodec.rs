//! Numbers by pco: the table of a chunk once, in its meta, each page by itself.

use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, PagingSpec};

use super::{EncodedChunk, Encoding, Malformed};

/// Encodes the pages of a chunk, `counts` values each; a page of none has no bytes. None where pco refuses, which
/// its documentation allows for wrong settings only.
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
        chunk.write_page(next - 1, Vec::new()).ok()
    };
    let pages = counts.iter().map(&mut page).collect::<Option<_>>()?;
    Some(EncodedChunk { encoding: Encoding::Pco, meta, pages })
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder<T: Number>(ChunkDecompressor<T>);

impl<T: Number> Decoder<T> {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let (file, meta) = FileDecompressor::new(meta).map_err(|_| Malformed("a pco header"))?;
        let (chunk, rest) =
            file.chunk_decompressor(meta).map_err(|_| Malformed("the meta of a pco chunk"))?;
        if rest.is_empty() { Ok(Self(chunk)) } else { Err(Malformed("no bytes after the pco meta")) }
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<Vec<T>, Malformed> {
        let mut values = vec![T::default(); count];
        let mut scratch = DecompressorScratch::default();
        let rest = self.read(page, &mut values, &mut scratch).map_err(|_| Malformed("a pco page"))?;
        if rest == 0 { Ok(values) } else { Err(Malformed("no bytes after the pco page")) }
    }

    fn read(
        &self,
        page: &[u8],
        values: &mut [T],
        scratch: &mut DecompressorScratch,
    ) -> pco::errors::PcoResult<usize> {
        let mut decompressor = self.0.page_decompressor_with_scratch(page, values.len(), scratch)?;
        decompressor.read(values)?;
        Ok(decompressor.into_src().len())
    }
}
