//! A block of labels: one column, rows of one segment, cut into ranges of rows so that a reader of a row group decodes
//! what it needs (`docs/format/patch.md`).

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow_array::Array;

use super::file::PatchBytes;
use super::{PatchFile, Place};
use crate::bytes::{Cursor, Malformed, Put};
use crate::encoding::{self, Effort};
use crate::error::Result;
use crate::label::{Entries, LabelCounts};
use crate::limits::{
    LABEL_BLOCK_BYTES_MIN, LABEL_RANGE_ENTRIES_MAX, PATCH_BLOCK_BYTES_MAX, ROW_GROUP_ROWS_MAX,
};
use crate::schema::{ColumnId, ColumnType, TableId};
use crate::schema_codec::{type_code, type_of};
use crate::segment::{put_column, read_column};

/// A block of labels.
pub(super) const KIND_LABELS: u32 = 2;
/// Kind, table, segment, column, type, length of the counts, ranges, checksum of the counts.
const HEAD_BYTES: usize = 40;
/// Of one range in the head.
const RANGE_BYTES: usize = 24;
/// Rows of a range.
pub(crate) const RANGE_ROWS: u32 = ROW_GROUP_ROWS_MAX as u32;

/// Where labels lie, and how many they are: corrections count again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LabelPlace {
    /// The block.
    pub(crate) place: Place,
    /// Labels in it.
    pub(crate) entries: u64,
}

/// Whose labels a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LabelsOf {
    pub(crate) table: TableId,
    pub(crate) segment: u64,
    pub(crate) column: ColumnId,
}

/// A block on disk, its head read when it is first wanted.
#[derive(Debug)]
pub(crate) struct LabelBlock {
    pub(crate) of: LabelsOf,
    pub(crate) place: LabelPlace,
    file: Arc<PatchFile>,
    head: OnceLock<Head>,
}

/// What the head of a block says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    ty: ColumnType,
    /// Where the counts lie, in the block, and their checksum.
    counts: Extent,
    /// By rising number.
    ranges: Vec<LabelRange>,
}

/// Bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    offset: u32,
    bytes: u32,
    crc: u32,
}

/// Labels of the rows from `number` x [`RANGE_ROWS`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LabelRange {
    number: u32,
    entries: u32,
    /// Distinct rows among them.
    rows: u32,
    extent: Extent,
}

impl LabelBlock {
    /// No I/O.
    pub(crate) fn new(of: LabelsOf, place: LabelPlace, file: Arc<PatchFile>) -> Arc<Self> {
        Arc::new(Self { of, place, file, head: OnceLock::new() })
    }

    /// The file that holds it.
    pub(crate) fn file(&self) -> &Arc<PatchFile> {
        &self.file
    }

    /// The labels of these rows, with their arrivals if `arrivals`.
    pub(crate) fn read(&self, rows: &Range<u32>, arrivals: bool) -> Result<Vec<Entries>> {
        let head = self.head()?;
        let is_near = |range: &&LabelRange| {
            let first = range.number.saturating_mul(RANGE_ROWS);
            first < rows.end && rows.start < first.saturating_add(RANGE_ROWS)
        };
        let read = |range: &LabelRange| {
            let entries = self.file.bytes()?.labels(self.place, head.ty, range, arrivals)?;
            Ok(entries.within(rows))
        };
        head.ranges.iter().filter(is_near).map(read).collect()
    }

    /// What its labels change of the counts of the segment's rows.
    pub(crate) fn counts(&self) -> Result<LabelCounts> {
        let head = self.head()?;
        self.file.bytes()?.counts(self.place, head.counts)
    }

    /// The type that the column had when it was written.
    pub(crate) fn ty(&self) -> Result<ColumnType> {
        Ok(self.head()?.ty)
    }

    /// The numbers of the ranges that have labels.
    pub(crate) fn ranges(&self) -> Result<Vec<u32>> {
        Ok(self.head()?.ranges.iter().map(|range| range.number).collect())
    }

    fn head(&self) -> Result<&Head> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let head = self.file.bytes()?.head(self.of, self.place)?;
        Ok(self.head.get_or_init(|| head))
    }
}

impl PatchBytes<'_> {
    fn head(&self, of: LabelsOf, place: LabelPlace) -> Result<Head> {
        let Place { offset, bytes, .. } = place.place;
        let fits = |wanted: u64| match wanted <= bytes.min(PATCH_BLOCK_BYTES_MAX) {
            true => Ok(wanted),
            false => Err(self.corrupt(offset, format!("a head of labels that fits {bytes} bytes"))),
        };
        let fixed = self.unchecked(offset, fits(HEAD_BYTES as u64)?)?;
        let ranges = u32::from_le_bytes([fixed[32], fixed[33], fixed[34], fixed[35]]);
        let length = fits(HEAD_BYTES as u64 + u64::from(ranges) * RANGE_BYTES as u64)?;
        let head = self.block(Place { bytes: length, ..place.place })?;
        decode_head(&head, of, place).map_err(|e| e.at(self.path, offset))
    }

    fn counts(&self, block: LabelPlace, counts: Extent) -> Result<LabelCounts> {
        let place = counts.place(block.place);
        LabelCounts::decode(&self.block(place)?).map_err(|error| self.corrupt(place.offset, error.0))
    }

    fn labels(
        &self,
        block: LabelPlace,
        ty: ColumnType,
        range: &LabelRange,
        arrivals: bool,
    ) -> Result<Entries> {
        let place = range.extent.place(block.place);
        let entries = decode_range(&self.block(place)?, ty, range, arrivals);
        entries.map_err(|error| self.corrupt(place.offset, error.0))
    }

    /// Whether a block is what the manifest says: all of it.
    pub(super) fn check_labels(&self, of: LabelsOf, place: LabelPlace) -> Result<()> {
        let head = self.head(of, place)?;
        self.counts(place, head.counts)?;
        head.ranges.iter().try_for_each(|range| self.labels(place, head.ty, range, true).map(drop))
    }
}

impl Extent {
    /// Of these bytes.
    fn of(offset: usize, bytes: &[u8]) -> Self {
        Self { offset: offset as u32, bytes: bytes.len() as u32, crc: crc32fast::hash(bytes) }
    }

    /// Where it lies, in a block that lies there.
    fn place(&self, block: Place) -> Place {
        let offset = block.offset + u64::from(self.offset);
        Place { file: block.file, offset, bytes: u64::from(self.bytes), crc: self.crc }
    }
}

/// A block being put together: ranges come in rising order.
#[derive(Debug)]
pub(crate) struct LabelBuilder {
    of: LabelsOf,
    ty: ColumnType,
    counts: LabelCounts,
    ranges: Vec<LabelRange>,
    body: Vec<u8>,
}

impl LabelBuilder {
    pub(crate) fn new(of: LabelsOf, ty: ColumnType) -> Self {
        Self { of, ty, counts: LabelCounts::default(), ranges: Vec::new(), body: Vec::new() }
    }

    /// Adds to what its labels change of the counts of the segment's rows.
    pub(crate) fn count(&mut self, counts: LabelCounts) {
        self.counts.merge(counts);
    }

    /// Adds the labels of one range, or of a part of it where these are very many: rows of `number` x [`RANGE_ROWS`]
    /// and on, with arrivals.
    pub(crate) fn push(&mut self, number: u32, entries: &Entries) {
        for start in (0..entries.rows.len()).step_by(LABEL_RANGE_ENTRIES_MAX) {
            let end = entries.rows.len().min(start + LABEL_RANGE_ENTRIES_MAX);
            self.push_small(number, entries, start..end);
        }
    }

    /// A reader takes no more bytes at once than a limit.
    fn push_small(&mut self, number: u32, entries: &Entries, piece: Range<usize>) {
        let values = entries.values.slice(piece.start, piece.len()).to_data();
        let bytes = values.get_slice_memory_size().unwrap_or(usize::MAX);
        if bytes <= LABEL_BLOCK_BYTES_MIN || piece.len() == 1 {
            return self.push_piece(number, entries, piece);
        }
        let half = piece.start + piece.len() / 2;
        self.push_small(number, entries, piece.start..half);
        self.push_small(number, entries, half..piece.end);
    }

    fn push_piece(&mut self, number: u32, entries: &Entries, piece: Range<usize>) {
        let rows = &entries.rows[piece.clone()];
        let from = number.saturating_mul(RANGE_ROWS);
        let places: Vec<i64> = rows.iter().map(|row| i64::from(row - from)).collect();
        let mut values = Vec::new();
        put_column(&mut values, self.ty, &entries.values.slice(piece.start, piece.len()));
        let mut bytes = Vec::new();
        encoding::put_bytes(&mut bytes, &encoding::encode_integers(&places, Effort::Compaction));
        encoding::put_bytes(&mut bytes, &values);
        let arrivals = &entries.arrivals[piece.clone()];
        encoding::put_bytes(&mut bytes, &encoding::encode_integers(arrivals, Effort::Compaction));
        self.ranges.push(LabelRange {
            number,
            entries: piece.len() as u32,
            rows: rows.chunk_by(|a, b| a == b).count() as u32,
            // From the start of the ranges; the length of what comes before is added when it is known.
            extent: Extent::of(self.body.len(), &bytes),
        });
        self.body.extend_from_slice(&bytes);
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The block, the length of the head that its checksum is of, and its labels; none without labels.
    pub(super) fn finish(self) -> Option<(Vec<u8>, usize, u64)> {
        let head = HEAD_BYTES + self.ranges.len() * RANGE_BYTES;
        let counts = self.counts.encode();
        let before = head + counts.len();
        let mut out = Vec::with_capacity(before + self.body.len());
        out.put_u32(KIND_LABELS);
        out.put_u32(self.of.table);
        out.put_u64(self.of.segment);
        out.put_u32(self.of.column);
        let (code, length) = type_code(self.ty);
        out.put_u32(u32::from(code));
        out.put_u32(length);
        out.put_u32(counts.len() as u32);
        out.put_u32(self.ranges.len() as u32);
        out.put_u32(crc32fast::hash(&counts));
        for range in &self.ranges {
            let LabelRange { number, entries, rows, extent: Extent { offset, bytes, crc } } = *range;
            for value in [number, entries, rows, offset + before as u32, bytes, crc] {
                out.put_u32(value);
            }
        }
        out.extend_from_slice(&counts);
        out.extend_from_slice(&self.body);
        let entries = self.ranges.iter().map(|range| u64::from(range.entries)).sum();
        (!self.ranges.is_empty()).then_some((out, head, entries))
    }
}

fn decode_head(bytes: &[u8], of: LabelsOf, place: LabelPlace) -> std::result::Result<Head, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let kind = cursor.u32("kind")?;
    let found = LabelsOf {
        table: cursor.u32("table")?,
        segment: cursor.u64("segment")?,
        column: cursor.u32("column")?,
    };
    if (kind, found) != (KIND_LABELS, of) {
        return cursor.fail(format!("labels of {of:?}, found kind {kind} of {found:?}"));
    }
    let (code, length) = (cursor.u32("type")?, cursor.u32("length of a vector")?);
    let Some(ty) = u8::try_from(code).ok().and_then(|code| type_of(code, length)) else {
        return cursor.fail(format!("a type of a column, found {code}"));
    };
    let bytes = cursor.u32("length of the counts")?;
    let ranges = cursor.u32("ranges of rows")?;
    let crc = cursor.u32("checksum of the counts")?;
    if cursor.remaining() / RANGE_BYTES != ranges as usize {
        return cursor.fail(format!("{ranges} ranges of rows"));
    }
    // The head was read up to its end, which is within the block.
    let counts = Extent { offset: (HEAD_BYTES + ranges as usize * RANGE_BYTES) as u32, bytes, crc };
    let ranges =
        (0..ranges).map(|_| decode_place(&mut cursor)).collect::<std::result::Result<Vec<_>, _>>()?;
    let all: u64 = ranges.iter().map(|range| u64::from(range.entries)).sum();
    let is_within = |extent: Extent| u64::from(extent.offset) + u64::from(extent.bytes) <= place.place.bytes;
    let fits = |range: &LabelRange| {
        is_within(range.extent)
            && range.entries as usize <= LABEL_RANGE_ENTRIES_MAX
            && range.number <= u32::MAX / RANGE_ROWS
    };
    let rises = ranges.is_sorted_by_key(|range| range.number);
    match all == place.entries && rises && ranges.iter().all(fits) && is_within(counts) {
        true => Ok(Head { ty, counts, ranges }),
        false => cursor.fail(format!("{} labels in rising ranges within the block", place.entries)),
    }
}

fn decode_place(cursor: &mut Cursor<'_>) -> std::result::Result<LabelRange, Malformed> {
    Ok(LabelRange {
        number: cursor.u32("a range's number")?,
        entries: cursor.u32("a range's labels")?,
        rows: cursor.u32("a range's rows")?,
        extent: Extent {
            offset: cursor.u32("a range's offset")?,
            bytes: cursor.u32("a range's length")?,
            crc: cursor.u32("a range's checksum")?,
        },
    })
}

fn decode_range(
    bytes: &[u8],
    ty: ColumnType,
    range: &LabelRange,
    wants_arrivals: bool,
) -> std::result::Result<Entries, encoding::Malformed> {
    let count = range.entries as usize;
    let mut cursor = encoding::Cursor::new(bytes);
    let (places, values) = (cursor.bytes()?, cursor.bytes()?);
    let places = encoding::decode_integers(&mut encoding::Cursor::new(places), count)?;
    let values = read_column(&mut encoding::Cursor::new(values), ty, count)?;
    let is_row = |place: &i64| (0..i64::from(RANGE_ROWS)).contains(place);
    if places.len() != count || !places.iter().all(is_row) || !places.is_sorted() {
        return Err(encoding::Malformed("rising places of rows in their range"));
    }
    let arrivals = match wants_arrivals {
        true => encoding::decode_integers(&mut encoding::Cursor::new(cursor.bytes()?), count)?,
        false => Vec::new(),
    };
    if values.len() != count || (wants_arrivals && arrivals.len() != count) {
        return Err(encoding::Malformed("a value and an arrival for each place"));
    }
    let first = range.number.saturating_mul(RANGE_ROWS);
    Ok(Entries { rows: places.iter().map(|place| first + *place as u32).collect(), arrivals, values })
}
