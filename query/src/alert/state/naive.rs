//! The same rules said a second time, slowly: from the whole list of windows, looking ahead, with no state.

use super::{EndReason, Kind, Standing};
use crate::alert::{Hold, Rule};

/// What one window held for one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Failed,
    NoData,
    Data { bad: bool, well: bool },
}

/// One identity over all windows judged.
pub struct Timeline<'a> {
    pub rule: &'a Rule,
    /// Ends of the windows, rising.
    pub ends: &'a [i64],
    pub cells: Vec<Cell>,
    /// After which windows somebody tried to end what fires.
    pub resolved: Vec<bool>,
}

/// (window, kind, from, to, end of the first bad window)
pub type Change = (usize, Kind, Standing, Standing, i64);

impl Timeline<'_> {
    /// All changes, in order.
    pub fn changes(&self) -> Vec<Change> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < self.cells.len() {
            at = if self.bad(at) { self.episode(at, &mut out) } else { at + 1 };
        }
        out
    }

    /// From the first bad window to where the next episode may begin.
    fn episode(&self, first: usize, out: &mut Vec<Change>) -> usize {
        let began = self.ends[first];
        let run = (first..).take_while(|at| *at == first || self.joined(*at) && self.bad(*at));
        let Some(fired) = run.clone().find(|at| self.held(first, *at)) else {
            let after = first + run.count();
            out.push((first, Kind::Pending, Standing::Normal, Standing::Pending, began));
            if after < self.cells.len() {
                out.push((after, Kind::Broken, Standing::Pending, Standing::Normal, began));
            }
            return after;
        };
        if fired > first {
            out.push((first, Kind::Pending, Standing::Normal, Standing::Pending, began));
        }
        let before = if fired > first { Standing::Pending } else { Standing::Normal };
        out.push((fired, Kind::Fired, before, Standing::Firing, began));
        self.live(first, fired, out)
    }

    fn live(&self, first: usize, fired: usize, out: &mut Vec<Change>) -> usize {
        let began = self.ends[first];
        let mut standing = Standing::Firing;
        for at in fired.. {
            if at >= self.cells.len() {
                return at;
            }
            if at > fired {
                let end = if self.over(fired, at) {
                    Some(EndReason::Resolved)
                } else {
                    self.expired(first, at).then_some(EndReason::Expired)
                };
                if let Some(reason) = end {
                    out.push((at, Kind::Ended(reason), standing, Standing::Normal, began));
                    return at + 1;
                }
                let now = match self.cells[at] {
                    Cell::Failed => standing,
                    Cell::NoData => Standing::NoData,
                    Cell::Data { .. } => Standing::Firing,
                };
                if now != standing {
                    let kind = if now == Standing::NoData { Kind::NoData } else { Kind::FiredAgain };
                    out.push((at, kind, standing, now, began));
                    standing = now;
                }
            }
            if self.resolved[at] {
                out.push((at, Kind::Ended(EndReason::ByHand), standing, Standing::Normal, began));
                let free = |at: &usize| {
                    matches!(self.cells[*at], Cell::Data { bad: false, .. }) || self.expired(first, *at)
                };
                return (at + 1..self.cells.len()).find(free).unwrap_or(self.cells.len() - 1) + 1;
            }
        }
        unreachable!()
    }

    fn bad(&self, at: usize) -> bool {
        matches!(self.cells.get(at), Some(Cell::Data { bad: true, .. }))
    }

    /// Whether no window is missing before this one.
    fn joined(&self, at: usize) -> bool {
        at < self.ends.len() && self.ends[at] - self.ends[at - 1] <= self.rule.every
    }

    fn held(&self, first: usize, at: usize) -> bool {
        match self.rule.hold {
            Hold::Windows(n) => at - first + 1 >= n as usize,
            Hold::Time(time) => self.ends[at] - self.ends[first] >= time,
        }
    }

    /// Whether the unbroken run of well windows up to this one is long enough.
    fn over(&self, fired: usize, at: usize) -> bool {
        let well = |at: usize| matches!(self.cells[at], Cell::Data { well: true, .. });
        let mut start = at;
        if !well(at) {
            return false;
        }
        while start - 1 > fired && well(start - 1) && self.joined(start) {
            start -= 1;
        }
        self.ends[at] - self.ends[start] >= self.rule.keep_firing
    }

    fn expired(&self, first: usize, at: usize) -> bool {
        let data = |at: &usize| matches!(self.cells[*at], Cell::Data { .. });
        let last = (first..=at).rev().find(data).unwrap();
        last < at && self.ends[at] - self.ends[last] >= self.rule.expire_after
    }
}

/// What is wrong with the alert itself after each window: an error, or no rows.
pub fn troubles(rule: &Rule, ends: &[i64], failed: &[bool], rows: &[bool]) -> Vec<Change> {
    let standing = |at: usize| {
        if failed[at] {
            return Standing::Error;
        }
        let since = (0..=at).rev().find(|at| rows[*at]).map_or(ends[0], |at| ends[at]);
        match rule.no_data_after {
            Some(after) if !rows[at] && ends[at] - since >= after => Standing::NoData,
            _ => Standing::Normal,
        }
    };
    let mut out = Vec::new();
    let mut began = 0;
    for (at, end) in ends.iter().enumerate() {
        let from = if at == 0 { Standing::Normal } else { standing(at - 1) };
        let to = standing(at);
        if from == Standing::Normal {
            began = *end;
        }
        let kind = match to {
            Standing::Error => Kind::Failed,
            Standing::NoData => Kind::NoData,
            _ => Kind::Ended(EndReason::Resolved),
        };
        if from != to {
            out.push((at, kind, from, to, began));
        }
    }
    out
}
