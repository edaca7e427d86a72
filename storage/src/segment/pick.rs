//! Reads of one row group what a query wants: cells first, then pages, then rows.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBufferBuilder;
use arrow_select::filter::{FilterBuilder, FilterPredicate, filter_record_batch};
use roaring::RoaringBitmap;

use super::scan::GroupScan;
use super::value_range::ValueRange;
use super::{CellTable, SegmentReader, TimeRange};
use crate::error::{Result, StorageError};
use crate::label::Laid;
use crate::limits::SERIES_SOUGHT_MAX;
use crate::read::{Bound, Filter, Piece, ReadCounts, Run, Want, kept_runs};
use crate::schema::Column;

/// What stands over the rows of a row group.
#[derive(Clone, Copy, Default)]
pub(crate) struct Over<'a> {
    /// Rows to leave out, by their places in the segment.
    pub(crate) hidden: Option<&'a RoaringBitmap>,
    /// By wanted column the labels over it; shorter where there are none.
    pub(crate) labels: &'a [Option<Laid>],
    /// The same by column of the filter.
    pub(crate) filter_labels: &'a [Option<Laid>],
}

/// Rows of a page that are wanted so far.
struct Picked {
    /// Places in the page, rising, apart from each other.
    rows: Vec<Range<usize>>,
    runs: Vec<Run>,
    /// The times of the page, where they had to be looked at.
    times: Option<ArrayRef>,
}

/// How rows are taken out of the arrays of a page.
enum Taking {
    All,
    Slice(Range<usize>),
    Some(FilterPredicate),
}

impl SegmentReader {
    /// Hands on the wanted rows of a row group, a piece a page at most, in file order, until `each` says that it has
    /// enough; whether it did not.
    pub(crate) fn pick(
        &self,
        row_group: usize,
        want: &Want<'_>,
        over: Over<'_>,
        counts: &mut ReadCounts,
        each: &mut dyn FnMut(Piece) -> Result<bool>,
    ) -> Result<bool> {
        let (group, chunks) = self.group_and_chunks(row_group)?;
        let pages = group.page_rows.len();
        // The filters first: a look-up by key asks every row group, and most have no more to say.
        let may_match = self.may_match(row_group, want.filter, over)?;
        let cells = if may_match { self.picked_cells(row_group, want)? } else { Vec::new() };
        if cells.is_empty() {
            counts.pages_skipped += pages as u64;
            return Ok(true);
        }
        let mut rows = GroupScan::new(self, group, chunks, want.columns)?.labelled(over.labels);
        let filter = want.filter.map(|filter| {
            let scan = GroupScan::new(self, group, chunks, filter.columns)?.labelled(over.filter_labels);
            Ok::<_, StorageError>((filter, scan))
        });
        let mut filter = filter.transpose()?;
        for page in 0..pages {
            let picked = self.picked_rows(&mut rows, page, &cells, want.time)?;
            let picked = picked.and_then(|picked| shown(picked, rows.first_row(page), over.hidden));
            let piece = match picked {
                Some(picked) => pick_page(&mut rows, filter.as_mut(), page, picked, over)?,
                None => None,
            };
            let Some(piece) = piece else {
                counts.pages_skipped += 1;
                continue;
            };
            counts.pages_read += 1;
            if piece.rows.num_rows() > 0 && !each(piece)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The cells with rows in a row group that may have rows in `time` and of `series`, as ranges of places.
    pub(crate) fn cells_of_group(
        &self,
        row_group: usize,
        time: TimeRange,
        series: Option<&RoaringBitmap>,
    ) -> Result<Vec<Range<usize>>> {
        Ok(cells_of(self.cells()?, self.group_cells(row_group)?, time, self.info().width.nanos(), series))
    }

    fn group_cells(&self, row_group: usize) -> Result<Range<usize>> {
        let (group, _) = self.group_and_chunks(row_group)?;
        let rows = group.info.first_row..group.info.first_row + group.info.rows as u64;
        Ok(self.cells()?.cells_of_rows(&rows))
    }

    /// The cells with rows in a row group that are wanted, as ranges of places.
    fn picked_cells(&self, row_group: usize, want: &Want<'_>) -> Result<Vec<Range<usize>>> {
        let Some(cells) = want.cells else { return self.cells_of_group(row_group, want.time, want.series) };
        let here = self.group_cells(row_group)?;
        Ok(cells.iter().map(|range| common(range, &here)).filter(|range| !range.is_empty()).collect())
    }

    /// Whether rows of a row group may meet a condition, as far as the filters of its columns tell.
    fn may_match(&self, row_group: usize, filter: Option<&Filter<'_>>, over: Over<'_>) -> Result<bool> {
        let Some(filter) = filter else { return Ok(true) };
        for bound in filter.bounds {
            let Some(hashes) = bound.hashes().filter(|_| !is_labelled(filter, over, bound)) else { continue };
            if !self.may_contain_each(row_group, bound.column(), &hashes)?.contains(&true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The rows of a page that are of these cells and lie in `time`.
    fn picked_rows(
        &self,
        scan: &mut GroupScan<'_>,
        page: usize,
        cells: &[Range<usize>],
        time: TimeRange,
    ) -> Result<Option<Picked>> {
        let first = u64::from(scan.first_row(page));
        let rows = first..first + scan.rows(page)? as u64;
        let covered = scan.time_of(page)?;
        if covered.is_some_and(|covered| !covered.overlaps(time)) {
            return Ok(None);
        }
        let is_whole = covered.is_some_and(|covered| time.contains(covered));
        let (all, width) = (self.cells()?, self.info().width.nanos());
        let here = all.cells_of_rows(&rows);
        let mut picked = Picked { rows: Vec::new(), runs: Vec::new(), times: None };
        for range in cells.iter().map(|range| common(range, &here)) {
            for cell in range {
                let (Some(key), of_cell) = (all.key(cell), common_rows(&all.rows(cell), &rows)) else {
                    continue;
                };
                let mut place = (of_cell.start - first) as usize..(of_cell.end - first) as usize;
                if !is_whole && !time.contains(interval(key.interval, width)) {
                    if picked.times.is_none() {
                        picked.times = Some(scan.times(page)?);
                    }
                    place = within(picked.times.as_ref(), place, time);
                }
                picked.push(place, key.series, key.interval);
            }
        }
        Ok((!picked.rows.is_empty()).then_some(picked))
    }
}

/// The cells of `here` that may have wanted rows. Few series are looked up, many are looked through.
fn cells_of(
    all: &CellTable,
    here: Range<usize>,
    time: TimeRange,
    width: i64,
    series: Option<&RoaringBitmap>,
) -> Vec<Range<usize>> {
    let mut picked: Vec<Range<usize>> = Vec::new();
    let mut push = |range: Range<usize>| match picked.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ if range.is_empty() => {}
        _ => picked.push(range),
    };
    let mut at = here.start;
    while let Some(key) = all.key(at).filter(|_| at < here.end) {
        let of_interval = common(&all.interval_cells(key.interval), &here);
        at = of_interval.end;
        if !time.overlaps(interval(key.interval, width)) {
            continue;
        }
        match series {
            None => push(of_interval),
            Some(series) if series.len() <= SERIES_SOUGHT_MAX => {
                let found = series.iter().filter_map(|series| {
                    all.find(crate::partition::CellKey { interval: key.interval, series })
                });
                found.filter(|cell| of_interval.contains(cell)).for_each(|cell| push(cell..cell + 1));
            }
            Some(series) => {
                let is_wanted = |cell: &usize| all.series.get(*cell).is_some_and(|s| series.contains(*s));
                of_interval.filter(is_wanted).for_each(|cell| push(cell..cell + 1));
            }
        }
    }
    picked
}

/// The times of an interval.
fn interval(start: i64, width: i64) -> TimeRange {
    TimeRange { min: start, max: start.saturating_add(width - 1) }
}

/// Of a cell's rows those in `time`: their times rise.
fn within(times: Option<&ArrayRef>, rows: Range<usize>, time: TimeRange) -> Range<usize> {
    let times = times.map(|times| times.as_primitive::<TimestampNanosecondType>().values());
    let Some(times) = times.and_then(|times| times.get(rows.clone())) else { return rows };
    let from = times.partition_point(|t| *t < time.min);
    let to = times.partition_point(|t| *t <= time.max).max(from);
    rows.start + from..rows.start + to
}

impl Picked {
    fn push(&mut self, rows: Range<usize>, series: u32, interval: i64) {
        if rows.is_empty() {
            return;
        }
        self.runs.push(Run { series, rows: rows.len(), interval: Some(interval) });
        match self.rows.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => self.rows.push(rows),
        }
    }

    fn taking(&self, page_rows: usize) -> Taking {
        match self.rows.as_slice() {
            [all] if all.len() == page_rows => Taking::All,
            [one] => Taking::Slice(one.clone()),
            some => Taking::Some(FilterBuilder::new(&mask(some, page_rows)).optimize().build()),
        }
    }
}

fn mask(rows: &[Range<usize>], page_rows: usize) -> BooleanArray {
    let mut mask = BooleanBufferBuilder::new(page_rows);
    for range in rows {
        mask.append_n(range.start - mask.len(), false);
        mask.append_n(range.len(), true);
    }
    mask.append_n(page_rows - mask.len(), false);
    BooleanArray::new(mask.finish(), None)
}

/// Without hidden rows; none where none is left.
fn shown(picked: Picked, first: u32, hidden: Option<&RoaringBitmap>) -> Option<Picked> {
    let is_hidden = |range: &Range<usize>| {
        let rows = first + range.start as u32..first + range.end as u32;
        hidden.is_some_and(|hidden| hidden.range_cardinality(rows) > 0)
    };
    if !picked.rows.iter().any(is_hidden) {
        return Some(picked);
    }
    let mut left = Picked { rows: Vec::new(), runs: Vec::new(), times: picked.times };
    let mut places = picked.rows.iter().cloned().flatten();
    for run in &picked.runs {
        let is_shown = |place: &usize| !hidden.is_some_and(|hidden| hidden.contains(first + *place as u32));
        let shown: Vec<usize> = places.by_ref().take(run.rows).filter(is_shown).collect();
        if !shown.is_empty() {
            left.runs.push(Run { rows: shown.len(), ..*run });
        }
        for place in shown {
            match left.rows.last_mut() {
                Some(last) if last.end == place => last.end += 1,
                _ => left.rows.push(place..place + 1),
            }
        }
    }
    (!left.rows.is_empty()).then_some(left)
}

/// The picked rows of a page that meet the condition; none where its columns need not be decoded to tell that there are
/// none.
fn pick_page(
    scan: &mut GroupScan<'_>,
    filter: Option<&mut (&Filter<'_>, GroupScan<'_>)>,
    page: usize,
    picked: Picked,
    over: Over<'_>,
) -> Result<Option<Piece>> {
    // Numbers are decoded from the first of a page on, so those after the last that is wanted are spared.
    let reach = picked.rows.last().map_or(0, |range| range.end);
    let taking = picked.taking(reach);
    let taking = (reach, &taking);
    let rows: usize = picked.runs.iter().map(|run| run.rows).sum();
    let Some((filter, columns)) = filter else {
        let rows = batch(scan, page, taking, rows, picked.times.as_ref())?;
        return Ok(Some(Piece { rows, runs: picked.runs }));
    };
    for bound in filter.bounds.iter().filter(|bound| !is_labelled(filter, over, bound)) {
        if !columns.may_meet(page, bound)? {
            return Ok(None);
        }
    }
    let judged = batch(columns, page, taking, rows, picked.times.as_ref())?;
    let judged = Piece { rows: judged, runs: picked.runs };
    let keep = (filter.keep)(&judged)?;
    let kept = if keep.null_count() > 0 { arrow_select::filter::prep_null_mask_filter(&keep) } else { keep };
    let runs = kept_runs(&judged.runs, &kept);
    if runs.is_empty() {
        return Ok(Some(Piece { rows: judged.rows.slice(0, 0), runs }));
    }
    if kept.true_count() == rows {
        let rows = batch(scan, page, taking, rows, picked.times.as_ref())?;
        return Ok(Some(Piece { rows, runs }));
    }
    let times = picked.times.as_ref();
    let count = kept.values().set_indices().last().map_or(0, |last| last + 1);
    let all = match nearer(taking.1, count) {
        Some((reach, taking)) => batch(scan, page, (reach, &Taking::Slice(taking)), count, times)?,
        None => batch(scan, page, taking, rows, times)?,
    };
    let places = kept.slice(0, all.num_rows());
    let rows = filter_record_batch(&all, &places).map_err(|e| StorageError::Invalid(e.to_string()))?;
    Ok(Some(Piece { rows, runs }))
}

/// The rows of the page no further than to the last that is kept, where those that were taken lie side by side.
fn nearer(taking: &Taking, count: usize) -> Option<(usize, Range<usize>)> {
    let start = match taking {
        Taking::All => 0,
        Taking::Slice(rows) => rows.start,
        Taking::Some(_) => return None,
    };
    Some((start + count, start..start + count))
}

/// Whether labels stand over the column of a bound: what pages say of it counts no more.
pub(crate) fn is_labelled(filter: &Filter<'_>, over: Over<'_>, bound: &Bound) -> bool {
    let at = filter.columns.iter().position(|column: &Column| column.id == bound.column());
    at.and_then(|at| over.filter_labels.get(at)).is_some_and(Option::is_some)
}

fn batch(
    scan: &mut GroupScan<'_>,
    page: usize,
    (reach, taking): (usize, &Taking),
    rows: usize,
    times: Option<&ArrayRef>,
) -> Result<RecordBatch> {
    let arrays = scan.arrays(page, reach, times)?;
    let taken = |array: ArrayRef| match taking {
        Taking::All => Ok(array),
        Taking::Slice(rows) => Ok(array.slice(rows.start, rows.len())),
        Taking::Some(rows) => rows.filter(&array).map_err(|e| StorageError::Invalid(e.to_string())),
    };
    let arrays = arrays.into_iter().map(taken).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(scan.schema(), arrays, &options)
        .map_err(|e| StorageError::Invalid(e.to_string()))
}

impl GroupScan<'_> {
    /// Whether values of a page may be within a bound.
    fn may_meet(&mut self, page: usize, bound: &Bound) -> Result<bool> {
        if let Bound::Texts { column, texts } = bound {
            return self.may_hold(page, *column, texts);
        }
        let range = self.range_of(page, bound.column());
        Ok(match (bound, range) {
            (Bound::Integers { min, max, .. }, Some(ValueRange::Integer { min: least, max: most })) => {
                least <= *max && *min <= most
            }
            (Bound::Doubles { min, max, .. }, Some(ValueRange::Double { min: least, max: most })) => {
                max.is_none_or(|max| least.total_cmp(&max).is_le())
                    && min.is_none_or(|min| min.total_cmp(&most).is_le())
            }
            _ => true,
        })
    }
}

fn common(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

fn common_rows(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}
