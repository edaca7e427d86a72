//! The row of `drift_summary`: the verdict on a window.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;

use super::report::{Row, counts, flags, numbers, texts, time_type, times};

/// The verdict on a window.
#[derive(Debug)]
struct Verdict<'a> {
    window: (i64, i64),
    judged: Vec<&'a Row>,
    drifted: Vec<&'a Row>,
    rows: (u64, u64),
    alpha: f64,
}

impl<'a> Verdict<'a> {
    fn new(rows: &'a [Row]) -> Option<Self> {
        let first = rows.first()?;
        let most = |side: fn(&Row) -> u64| rows.iter().map(side).max().unwrap_or(0);
        Some(Self {
            window: first.window,
            judged: rows.iter().filter(|row| row.drifted.is_some()).collect(),
            drifted: rows.iter().filter(|row| row.drifted == Some(true)).collect(),
            rows: (most(|row| row.n.0), most(|row| row.n.1)),
            alpha: first.threshold,
        })
    }

    /// How much the column that drifted most did, 0..1: the greatest Jensen-Shannon distance, or difference of the shares of
    /// missing values, among those that drifted; 0 where none did.
    fn score(&self) -> f64 {
        let missing = |row: &Row| Some((row.missing.1? - row.missing.0?).abs());
        let of = |row: &&Row| row.js_distance.unwrap_or(0.0).max(missing(row).unwrap_or(0.0));
        self.drifted.iter().map(of).fold(0.0, f64::max)
    }

    /// The row with the least p value among those that drifted, else among all.
    fn worst(&self) -> Option<&'a Row> {
        let rows = if self.drifted.is_empty() { &self.judged } else { &self.drifted };
        let p = |row: &Row| row.p_adjusted.unwrap_or(1.0);
        rows.iter().copied().min_by(|a, b| p(a).total_cmp(&p(b)))
    }

    fn has_judged(&self) -> bool {
        !self.judged.is_empty()
    }
}

/// The columns.
pub(super) fn schema() -> SchemaRef {
    let field = |name: &str, ty: DataType| Field::new(name, ty, true);
    Arc::new(Schema::new(vec![
        Field::new("window_start", time_type(), false),
        Field::new("window_end", time_type(), false),
        field("drifted", DataType::Boolean),
        field("drift_score", DataType::Float64),
        field("share_drifted", DataType::Float64),
        field("features", DataType::Int64),
        field("features_drifted", DataType::Int64),
        field("worst_segment", DataType::Utf8),
        field("worst_feature", DataType::Utf8),
        field("worst_aspect", DataType::Utf8),
        field("p_adjusted", DataType::Float64),
        field("threshold", DataType::Float64),
        field("n_reference", DataType::Int64),
        field("n_current", DataType::Int64),
    ]))
}

/// A row for each window, of the rows of its columns, which follow each other.
pub(super) fn batch(rows: &[Row]) -> Result<RecordBatch> {
    let windows = rows.chunk_by(|a, b| a.window == b.window);
    let verdicts: Vec<Verdict<'_>> = windows.filter_map(Verdict::new).collect();
    let of = verdicts.as_slice();
    let known = |verdict: &Verdict<'_>, value: f64| verdict.has_judged().then_some(value);
    let count = |n: usize| i64::try_from(n).ok();
    let share = |verdict: &Verdict<'_>| verdict.drifted.len() as f64 / verdict.judged.len() as f64;
    let columns: Vec<ArrayRef> = vec![
        times(of, |verdict| verdict.window.0),
        times(of, |verdict| verdict.window.1),
        flags(of, |verdict| verdict.has_judged().then_some(!verdict.drifted.is_empty())),
        numbers(of, |verdict| known(verdict, verdict.score())),
        numbers(of, |verdict| known(verdict, share(verdict))),
        counts(of, |verdict| count(verdict.judged.len())),
        counts(of, |verdict| count(verdict.drifted.len())),
        texts(of, |verdict| verdict.worst().and_then(|row| row.segment.as_deref())),
        texts(of, |verdict| verdict.worst().map(|row| row.feature.as_str())),
        texts(of, |verdict| verdict.worst().and_then(|row| row.aspect)),
        numbers(of, |verdict| verdict.worst().and_then(|row| row.p_adjusted)),
        numbers(of, |verdict| Some(verdict.alpha)),
        counts(of, |verdict| i64::try_from(verdict.rows.0).ok()),
        counts(of, |verdict| i64::try_from(verdict.rows.1).ok()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}
