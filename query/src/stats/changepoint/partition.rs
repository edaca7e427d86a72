//! The cheapest cut into segments.

use super::cost::Costs;

/// A row at which the last segment may start.
struct Start {
    row: usize,
    /// From this end on a later start is never dearer.
    useless_from: usize,
}

/// The starts of all segments but the first, where the sum of costs, and of a penalty for each change, is least. Exact:
/// the best cut of the first `end` rows is the best over the start of its last segment, and a start is dropped only once
/// a later one is at least as good for all ends to come.
pub(super) fn best(costs: &Costs, rows: usize, rows_min: usize, penalty: f64) -> Vec<usize> {
    // The cost of the best cut of the first rows, with a penalty for each segment, and where its last one starts.
    let mut cuts: Vec<Option<(f64, usize)>> = vec![None; rows + 1];
    if let Some(none) = cuts.first_mut() {
        *none = Some((-penalty, 0));
    }
    let mut starts: Vec<Start> = Vec::new();
    for end in rows_min..=rows {
        starts.push(Start { row: end - rows_min, useless_from: usize::MAX });
        starts.retain(|start| start.useless_from > end);
        let before = |start: &Start| cuts.get(start.row).copied().flatten().map(|cut| cut.0);
        let total = |start: &Start| Some(before(start)? + costs.cost(start.row, end));
        let totals: Vec<Option<f64>> = starts.iter().map(total).collect();
        let of_each = || totals.iter().zip(&starts).filter_map(|(total, start)| Some(((*total)?, start.row)));
        let Some((least, row)) = of_each().min_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
        let reached = least + penalty;
        // The next segment has its own least length: until then an earlier start may still be the better one. The
        // margin is for rounding.
        let useless = reached + 1e-9 * (1.0 + reached.abs());
        for (start, total) in starts.iter_mut().zip(&totals) {
            let is_useless = total.is_some_and(|total| total > useless);
            start.useless_from = start.useless_from.min(if is_useless { end + rows_min } else { usize::MAX });
        }
        if let Some(cut) = cuts.get_mut(end) {
            *cut = Some((reached, row));
        }
    }
    starts_back_from(rows, &cuts)
}

fn starts_back_from(rows: usize, cuts: &[Option<(f64, usize)>]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut end = rows;
    while let Some((_, start)) = cuts.get(end).copied().flatten()
        && start > 0
    {
        found.push(start);
        end = start;
    }
    found.reverse();
    found
}
