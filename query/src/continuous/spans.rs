//! Sets of times, as stretches that do not touch.

use std::collections::BTreeMap;

use crate::limits::SPANS_MAX;

/// Times from `start` up to but without `end`, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Span {
    /// All there is.
    pub(crate) const ALL: Self = Self { start: i64::MIN, end: i64::MAX };

    fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// What lies in both; it may be empty.
    pub(crate) fn cut(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

/// A set of times. It has at most [`SPANS_MAX`] stretches: beyond, those that lie nearest to each other become one with
/// what is between, so that the set is never smaller than what was added.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<(i64, i64)>", into = "Vec<(i64, i64)>")]
pub(crate) struct Spans(BTreeMap<i64, i64>);

impl Spans {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The stretches, rising.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Span> {
        self.0.iter().map(|(start, end)| Span { start: *start, end: *end })
    }

    /// Adds times.
    pub(crate) fn add(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let mut joined = span;
        let before = self.0.range(..=joined.start).next_back().map(|(start, end)| (*start, *end));
        if let Some((start, end)) = before.filter(|(_, end)| *end >= joined.start) {
            joined = Span { start, end: end.max(joined.end) };
        }
        while let Some((start, end)) = self.0.range(joined.start..=joined.end).next().map(|(s, e)| (*s, *e)) {
            self.0.remove(&start);
            joined.end = joined.end.max(end);
        }
        self.0.insert(joined.start, joined.end);
        if self.0.len() > SPANS_MAX {
            self.join_nearest();
        }
    }

    /// Takes times away.
    pub(crate) fn remove(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let within = |(start, end): (&i64, &i64)| (*end > span.start).then_some((*start, *end));
        let hit: Vec<_> = self.0.range(..span.end).rev().map_while(within).collect();
        for (start, end) in hit {
            self.0.remove(&start);
            for rest in [Span { start, end: span.start }, Span { start: span.end.max(start), end }] {
                if !rest.is_empty() {
                    self.0.insert(rest.start, rest.end);
                }
            }
        }
    }

    /// Those within.
    pub(crate) fn within(&self, span: Span) -> Self {
        let mut cut = Self::default();
        self.iter().map(|own| own.cut(span)).for_each(|own| cut.add(own));
        cut
    }

    /// The first and the last time.
    pub(crate) fn hull(&self) -> Option<Span> {
        Some(Span { start: *self.0.keys().next()?, end: *self.0.values().next_back()? })
    }

    fn join_nearest(&mut self) {
        let spans: Vec<Span> = self.iter().collect();
        let gap = |pair: &[Span]| pair[1].start.saturating_sub(pair[0].end);
        if let Some(pair) = spans.windows(2).min_by_key(|pair| gap(pair)) {
            self.0.remove(&pair[1].start);
            self.0.insert(pair[0].start, pair[1].end);
        }
    }
}

impl Extend<Span> for Spans {
    fn extend<T: IntoIterator<Item = Span>>(&mut self, spans: T) {
        spans.into_iter().for_each(|span| self.add(span));
    }
}

impl From<Vec<(i64, i64)>> for Spans {
    fn from(pairs: Vec<(i64, i64)>) -> Self {
        let mut spans = Self::default();
        spans.extend(pairs.into_iter().map(|(start, end)| Span { start, end }));
        spans
    }
}

impl From<Spans> for Vec<(i64, i64)> {
    fn from(spans: Spans) -> Self {
        spans.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
