//! The work of one partition: part after part, cells by their statistics where these say enough, rows of the others.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, UInt32Array, new_null_array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{Count, RecordOutput};
use driftline_storage::{Column, ColumnId, Meaning, Piece, ReadCounts, Role, Run, ScanPart};

use super::exec::{Aggregate, Plan};
use super::fold::{Fold, Span};
use super::groups::{Codes, Groups};
use super::latest::Latest;
use super::shape::Buckets;
use super::state::{CellState, Number, Statistics, span_states};
use crate::error::QueryError;
use crate::limits::{
    AGGREGATE_BYTES_KEPT_MAX, AGGREGATE_DONE_BYTES_MIN, AGGREGATE_DONE_GROUPS_MIN, AGGREGATE_GROUPS_KEPT_MAX,
};
use crate::scan::{Outlet, Reader, ScanMetrics};

/// Rows of a span on average from which on spans are summed up by themselves.
const SPAN_ROWS_MIN: usize = 32;

/// Spans from which on it is looked at whether rows are scattered.
const SCATTERED_SPANS_MIN: usize = 64;
/// Rows of a span on average up to which rows are scattered: rows of many groups in turn, as they were written.
const SCATTERED_ROWS_MAX: usize = 8;

/// What is counted.
#[derive(Debug)]
pub(super) struct WorkMetrics {
    pub(super) scan: ScanMetrics,
    pub(super) from_summary: Count,
    pub(super) from_rows: Count,
}

/// One partition at work.
pub(super) struct Work {
    plan: Arc<Plan>,
    codes: Codes,
    groups: Groups,
    folds: Vec<Fold>,
    statistics: Statistics,
    held: MemoryReservation,
    metrics: WorkMetrics,
    sent: bool,
    /// In place of folds where only the newest rows are wanted.
    latest: Option<Latest>,
    /// Segments of which the last rows were added.
    last_of: HashSet<u64>,
    /// The last time of the parts that the groups there are may have rows in.
    reach: i64,
}

impl Work {
    pub(super) fn new(plan: Arc<Plan>, held: MemoryReservation, metrics: WorkMetrics) -> Result<Self> {
        let codes = Codes::new(&plan.table, plan.reader.tags.clone(), &plan.shape)?;
        let is_one = plan.shape.keys.is_empty();
        let folds =
            plan.aggregates.iter().map(|a| Fold::new(a, is_one, plan.is_whole)).collect::<Result<_>>()?;
        let (groups, statistics) = (Groups::default(), Statistics::default());
        let latest = plan.is_latest.then(Latest::default);
        Ok(Self {
            plan,
            codes,
            groups,
            folds,
            statistics,
            held,
            metrics,
            sent: false,
            latest,
            last_of: HashSet::new(),
            reach: i64::MIN,
        })
    }

    /// Goes through the parts; states are handed on at the end, and before where they grow too many.
    pub(super) fn run(&mut self, parts: &[ScanPart], outlet: &Outlet) -> Result<()> {
        let mut parts: Vec<&ScanPart> = parts.iter().collect();
        let newest = self.plan.newest;
        if newest.is_some() {
            parts.sort_by_key(|part| std::cmp::Reverse(part.time().max));
        }
        for (at, part) in parts.iter().enumerate() {
            // No row of what is left can be in a group that begins later: those are done.
            if newest.is_some_and(|enough| !self.sent && self.groups.after(part.time().max) >= enough) {
                self.metrics.scan.parts_passed.add(parts.len() - at);
                break;
            }
            if !outlet.is_wanted() {
                return Ok(());
            }
            if self.plan.is_whole && self.are_done(part) && !self.send(outlet)? {
                return Ok(());
            }
            self.part(part, outlet)?;
            self.reach = self.reach.max(part.time().max);
            self.held.try_resize(self.bytes())?;
            let is_full =
                self.groups.len() >= AGGREGATE_GROUPS_KEPT_MAX || self.bytes() >= AGGREGATE_BYTES_KEPT_MAX;
            if is_full && !self.plan.is_whole && !self.send(outlet)? {
                return Ok(());
            }
        }
        // Of no rows at all an aggregation without groups has a state, too.
        if self.plan.shape.keys.is_empty() && !self.sent {
            self.groups.number(0, 0);
        }
        self.send(outlet).map(drop)
    }

    /// Whether no group there is has rows in a part, or in those after it, and they are worth handing on.
    fn are_done(&self, part: &ScanPart) -> bool {
        let are_many =
            self.groups.len() >= AGGREGATE_DONE_GROUPS_MIN || self.bytes() >= AGGREGATE_DONE_BYTES_MIN;
        are_many && self.plan.shape.buckets.is_some_and(|buckets| buckets.start(part.time().min) > self.reach)
    }

    fn bytes(&self) -> usize {
        let latest = self.latest.as_ref().map_or(0, Latest::bytes);
        latest + self.groups.bytes() + self.folds.iter().map(Fold::bytes).sum::<usize>()
    }

    /// Whether more is wanted.
    fn send(&mut self, outlet: &Outlet) -> Result<bool> {
        if self.groups.len() == 0 {
            return Ok(true);
        }
        let plan = Arc::clone(&self.plan);
        let fields = plan.schema.fields();
        let mut columns = self.groups.columns(&plan.shape, &self.codes, fields)?;
        columns.extend(if plan.is_whole { self.values()? } else { self.states()? });
        let options = RecordBatchOptions::new().with_row_count(Some(self.groups.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&plan.schema), columns, &options)?;
        (self.groups, self.sent) = (Groups::default(), true);
        self.held.try_resize(0)?;
        Ok(outlet.send(batch.record_output(&self.metrics.scan.baseline)))
    }

    fn states(&mut self) -> Result<Vec<ArrayRef>> {
        let mut states: Vec<Vec<ArrayRef>> = Vec::with_capacity(self.folds.len());
        for (fold, aggregate) in self.folds.iter_mut().zip(&self.plan.aggregates) {
            let same = aggregate.same_as.and_then(|at| states.get(at)).cloned();
            states.push(same.map_or_else(|| fold.states(self.groups.len()), Ok)?);
        }
        Ok(states.into_iter().flatten().collect())
    }

    fn values(&mut self) -> Result<Vec<ArrayRef>> {
        let (plan, total) = (Arc::clone(&self.plan), self.groups.len());
        if let Some(latest) = &mut self.latest {
            return latest.values(&plan.aggregates);
        }
        let mut values = Vec::with_capacity(self.folds.len());
        for (at, aggregate) in plan.aggregates.iter().enumerate() {
            let of = aggregate.same_as.unwrap_or(at);
            let (Some(fold), Some(own)) = (self.folds.get_mut(of), plan.aggregates.get(of)) else { continue };
            let shared_by = aggregate.same_as.map(|_| aggregate.function.as_ref());
            values.push(fold.values(total, &own.function, shared_by)?);
        }
        self.folds.iter_mut().for_each(Fold::clear);
        Ok(values)
    }

    fn part(&mut self, part: &ScanPart, outlet: &Outlet) -> Result<()> {
        let timer = self.metrics.scan.baseline.elapsed_compute().clone();
        let _timed = timer.timer();
        let plan = Arc::clone(&self.plan);
        let width = part.segment().map(|segment| segment.info().width.nanos());
        let needs_times = match (plan.shape.buckets, width) {
            (Some(buckets), Some(width)) => !buckets.holds_intervals(width),
            (buckets, None) => buckets.is_some(),
            (None, Some(_)) => false,
        };
        if plan.is_last && self.last_rows(part)? {
            return Ok(());
        }
        let cells = if needs_times { None } else { self.cells(part)? };
        let needs_times = needs_times || plan.is_latest;
        let reader = if needs_times { &plan.timed } else { &plan.reader };
        if cells.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let mut counts = ReadCounts::default();
        let mut from_rows = 0;
        reader.read(part, cells.as_deref(), &mut counts, &mut |piece| {
            from_rows += piece.runs.len();
            self.piece(&piece, reader, needs_times)?;
            Ok(outlet.is_wanted())
        })?;
        self.metrics.scan.add(counts);
        self.metrics.from_rows.add(from_rows);
        Ok(())
    }

    /// Adds the last rows of the part's segment in place of all of its rows; false where that cannot be.
    ///
    /// Other parts of the segment give the same rows again, maybe in another partition: that changes nothing.
    fn last_rows(&mut self, part: &ScanPart) -> Result<bool> {
        let plan = Arc::clone(&self.plan);
        let (reader, Some(segment)) = (&plan.reader, part.segment()) else { return Ok(false) };
        let (time, info) = (reader.condition.time, segment.info());
        if !part.is_clean() || time.max < info.max_time {
            return Ok(false);
        }
        if self.last_of.contains(&info.id) {
            return Ok(true);
        }
        let of_time = plan.table.columns.iter().find(|column| column.role == Role::Time).cloned();
        let stored = reader.columns.iter().filter(|column| column.role != Role::Tag).cloned();
        let columns: Vec<Column> = stored.chain(of_time).collect();
        if columns.iter().any(|column| column.meaning == Some(Meaning::Label)) {
            return Ok(false);
        }
        let Some(last) = segment.last_rows(&columns).map_err(QueryError::from)? else { return Ok(false) };
        let times = last.batch.columns().last().map(|times| times.as_primitive::<TimestampNanosecondType>());
        let Some(times) = times else { return Ok(false) };
        let is_wanted = |(at, series): (usize, &u32)| {
            times.value(at) >= time.min
                && reader.series.as_ref().is_none_or(|wanted| wanted.contains(*series))
        };
        let keep: BooleanArray = last.series.iter().enumerate().map(|row| Some(is_wanted(row))).collect();
        let (reader, kept_columns) = match plan.is_latest {
            true => (&plan.timed, columns.len()),
            false => (reader, columns.len() - 1),
        };
        let rows = filter_record_batch(&last.batch.project(&(0..kept_columns).collect::<Vec<_>>())?, &keep)?;
        let kept = last.series.iter().zip(keep.values()).filter(|(_, kept)| *kept);
        let runs = kept.map(|(series, _)| Run { series: *series, rows: 1, interval: None }).collect();
        self.last_of.insert(info.id);
        self.piece(&Piece { rows, runs }, reader, plan.is_latest)?;
        Ok(true)
    }

    /// Adds the states of the cells that have some; the cells of which rows are to be read, none where all are.
    fn cells(&mut self, part: &ScanPart) -> Result<Option<Vec<Range<usize>>>> {
        let plan = Arc::clone(&self.plan);
        let (Some(states), Some(segment)) = (&plan.states, part.segment()) else { return Ok(None) };
        if !part.is_clean() {
            return Ok(None);
        }
        let reader = &plan.reader;
        let picked = part.cells(reader.condition.time, reader.series.as_deref()).map_err(QueryError::from)?;
        let Some(here) = part.rows_of_segment().map_err(QueryError::from)? else { return Ok(None) };
        let all = segment.cells().map_err(QueryError::from)?;
        if !self.statistics.load(segment, states, &reader.statistics)? {
            return Ok(None);
        }
        let width = segment.info().width.nanos();
        let (mut known, mut rest): (Vec<usize>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
        for cell in picked.into_iter().flatten() {
            let interval = all.key(cell).map_or(0, |key| key.interval);
            let is_whole = reader.condition.time.contains(driftline_storage::TimeRange {
                min: interval,
                max: interval.saturating_add(width - 1),
            });
            if !is_whole || !self.statistics.know(cell, states) {
                match rest.last_mut() {
                    Some(last) if last.end == cell => last.end += 1,
                    _ => rest.push(cell..cell + 1),
                }
            } else if here.contains(&all.rows(cell).start) {
                // A cell that goes on in the next row group is added once, with all its rows.
                known.push(cell);
            }
        }
        let group = |cell: &usize| {
            let key = all.key(*cell).unwrap_or_default();
            let bucket = plan.shape.buckets.map_or(0, |buckets| buckets.start(key.interval));
            self.groups.number(self.codes.of(key.series), bucket)
        };
        let groups: Vec<usize> = known.iter().map(group).collect();
        let total = self.groups.len();
        let folds = self.folds.iter_mut().zip(states).zip(&plan.aggregates).enumerate();
        for (at, ((fold, state), aggregate)) in folds {
            if aggregate.same_as.is_some() {
                continue;
            }
            let function = &aggregate.function;
            if let CellState::Distribution(column) = state
                && fold.merge_summaries(self.statistics.summaries_of(*column, &known), &groups, total)?
            {
                continue;
            }
            let arrays = match state {
                CellState::Weighted(column, weight) => {
                    let of = |text: Option<&str>| value_of(aggregate, reader, *column, text);
                    self.statistics.weighted((*column, *weight), at, &known, function, &of)?
                }
                state => self.statistics.arrays(*state, &known, all, function)?,
            };
            fold.merge(&arrays, &groups, total)?;
        }
        self.metrics.from_summary.add(known.len());
        Ok(Some(rest))
    }

    /// Adds rows.
    fn piece(&mut self, piece: &Piece, reader: &Reader, is_timed: bool) -> Result<()> {
        let times = piece.rows.columns().last().filter(|_| is_timed);
        let times = times.map(|times| times.as_primitive::<TimestampNanosecondType>().values().as_ref());
        let mut spans = Vec::with_capacity(piece.runs.len());
        let mut first = 0;
        for run in &piece.runs {
            self.spans(run, first, times, &mut spans);
            first += run.rows;
        }
        let (Some(latest), Some(times)) = (&mut self.latest, times) else {
            return self.add(&reader.batch(piece)?, &spans);
        };
        let places = latest.choose(times, &spans, self.groups.len());
        if places.is_empty() {
            return Ok(());
        }
        latest.push(reader.batch(&some_of(piece, &places)?)?)
    }

    /// The groups of the rows of a run.
    fn spans(&mut self, run: &Run, first: usize, times: Option<&[i64]>, spans: &mut Vec<Span>) {
        let code = self.codes.of(run.series);
        let rows = first..first + run.rows;
        let times = times.and_then(|times| times.get(rows.clone()));
        let (buckets, times) = match (self.plan.shape.buckets, times) {
            (None, _) => return push(spans, self.groups.number(code, 0), rows),
            (Some(buckets), None) => {
                let bucket = buckets.start(run.interval.unwrap_or_default());
                return push(spans, self.groups.number(code, bucket), rows);
            }
            (Some(buckets), Some(times)) => (buckets, times),
        };
        let mut at = 0;
        while let Some(time) = times.get(at) {
            let bucket = buckets.start(*time);
            let rest = times.get(at..).unwrap_or_default();
            let length = within(rest, buckets, bucket);
            push(spans, self.groups.number(code, bucket), first + at..first + at + length);
            at += length;
        }
    }

    fn add(&mut self, batch: &RecordBatch, spans: &[Span]) -> Result<()> {
        // Where nothing but rows is counted there is nothing to move.
        let has_columns = batch.num_columns() > 0;
        if has_columns && is_scattered(spans, batch.num_rows(), self.groups.len()) {
            let (places, spans) = gathered(spans, self.groups.len());
            return self.add_spans(&take_record_batch(batch, &places)?, &spans);
        }
        self.add_spans(batch, spans)
    }

    fn add_spans(&mut self, batch: &RecordBatch, spans: &[Span]) -> Result<()> {
        let mut groups = Vec::with_capacity(batch.num_rows());
        for span in spans {
            groups.resize(span.rows.end, span.group);
        }
        let total = self.groups.len();
        // Where spans are long each is summed up by itself first: a group is then looked at once a span, not once a row.
        let is_long = spans.len() * SPAN_ROWS_MIN <= batch.num_rows();
        let (states, of_spans) =
            (&self.plan.of_spans, spans.iter().map(|span| span.group).collect::<Vec<_>>());
        for ((fold, aggregate), state) in self.folds.iter_mut().zip(&self.plan.aggregates).zip(states) {
            if aggregate.same_as.is_some() {
                continue;
            }
            if let (Some(state), Some(argument)) = (state.filter(|_| is_long), aggregate.arguments.first())
                && let Some(arrays) =
                    span_states(state, &evaluate(argument, batch)?, spans, &aggregate.function)?
            {
                fold.merge(&arrays, &of_spans, total)?;
                continue;
            }
            let values = aggregate.arguments.iter().map(|argument| evaluate(argument, batch));
            let values = values.collect::<Result<Vec<ArrayRef>>>()?;
            let kept = aggregate.filter.as_ref().map(|filter| kept(filter, batch)).transpose()?;
            fold.update(&values, &groups, spans, kept.as_ref(), total)?;
        }
        Ok(())
    }
}

/// What an aggregate of one text column makes of a text; none where it leaves it out.
fn value_of(
    aggregate: &Aggregate,
    reader: &Reader,
    column: ColumnId,
    text: Option<&str>,
) -> Result<Option<Number>> {
    let one = |other: &Column| -> ArrayRef {
        match other.id == column {
            true => Arc::new(StringArray::from(vec![text])),
            false => new_null_array(other.arrow().data_type(), 1),
        }
    };
    let arrays = reader.columns.iter().map(one).collect();
    let batch = RecordBatch::try_new(Arc::clone(&reader.schema), arrays)?;
    if let Some(filter) = &aggregate.filter
        && kept(filter, &batch)?.true_count() == 0
    {
        return Ok(None);
    }
    let Some(argument) = aggregate.arguments.first() else { return Ok(None) };
    let value = evaluate(argument, &batch)?;
    if value.is_null(0) {
        return Ok(None);
    }
    Ok(Some(match value.data_type() {
        DataType::Int64 => Number::Integer(value.as_primitive::<Int64Type>().value(0)),
        DataType::Float64 => Number::Double(value.as_primitive::<Float64Type>().value(0)),
        // Of a count it only matters that there is a value.
        _ => Number::Integer(0),
    }))
}

/// Some rows of a piece, rising.
fn some_of(piece: &Piece, places: &[u32]) -> Result<Piece> {
    let rows = take_record_batch(&piece.rows, &UInt32Array::from(places.to_vec()))?;
    let (mut runs, mut ends): (Vec<Run>, _) = (Vec::new(), piece.runs.iter());
    let (mut run, mut end) = (None, 0);
    for place in places {
        while *place as usize >= end {
            let Some(next) = ends.next() else { break };
            (run, end) = (Some(next), end + next.rows);
        }
        runs.extend(run.map(|run: &Run| Run { rows: 1, ..*run }));
    }
    Ok(Piece { rows, runs })
}

/// Whether rows are better put together by group first: one call a row takes longer than to move it.
fn is_scattered(spans: &[Span], rows: usize, groups: usize) -> bool {
    spans.len() > SCATTERED_SPANS_MIN.max(2 * groups) && spans.len() * SCATTERED_ROWS_MAX > rows
}

/// The places of rows by group, within a group in the order they have, and the spans that they make.
fn gathered(spans: &[Span], groups: usize) -> (UInt32Array, Vec<Span>) {
    let mut ends = vec![0_usize; groups + 1];
    for span in spans {
        if let Some(end) = ends.get_mut(span.group + 1) {
            *end += span.rows.len();
        }
    }
    let mut end = 0;
    let mut gathered = Vec::new();
    for (group, start) in ends.iter_mut().skip(1).enumerate() {
        let rows = end..end + *start;
        (*start, end) = (end, rows.end);
        if !rows.is_empty() {
            gathered.push(Span { group, rows });
        }
    }
    let mut places = vec![0_u32; end];
    for span in spans {
        let Some(next) = ends.get_mut(span.group + 1) else { continue };
        for row in span.rows.clone() {
            if let Some(place) = places.get_mut(*next) {
                *place = row as u32;
            }
            *next += 1;
        }
    }
    (places.into(), gathered)
}

fn push(spans: &mut Vec<Span>, group: usize, rows: Range<usize>) {
    match spans.last_mut() {
        Some(last) if last.group == group && last.rows.end == rows.start => last.rows.end = rows.end,
        _ => spans.push(Span { group, rows }),
    }
}

/// How many of these times, from the first on, are of one bucket. Only the ends of it are compared with.
fn within(times: &[i64], buckets: Buckets, bucket: i64) -> usize {
    let end = buckets.end(bucket);
    times.iter().take_while(|time| (bucket..=end).contains(*time)).count().max(1)
}

fn evaluate(expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(batch)?.into_array(batch.num_rows())
}

fn kept(filter: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray> {
    let kept = evaluate(filter, batch)?;
    let kept = as_boolean_array(&kept)?;
    Ok(if kept.null_count() > 0 { arrow::compute::prep_null_mask_filter(kept) } else { kept.clone() })
}
