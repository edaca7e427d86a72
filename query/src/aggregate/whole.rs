//! Parts dealt so that no group has rows in two partitions: then a partition knows the whole of its groups, and answers them
//! itself instead of handing on states, which for percentiles are all the numbers there are.

use driftline_storage::ScanPart;

use super::shape::Buckets;
use crate::limits::AGGREGATE_WHOLE_ROWS_MAX;

/// How many times its even share of the rows a partition may have: a query takes as long as its last partition.
const SHARE_MAX: f64 = 1.25;

/// Parts that share no stretch of time with others.
#[derive(Debug, Default)]
struct Apart {
    parts: Vec<ScanPart>,
    rows: u64,
}

/// Deals the parts to as many partitions as there are, each in order of time; none where that cannot be done evenly, or a
/// stretch has too many rows to be kept until it is done.
pub(super) fn dealt(partitions: &[Vec<ScanPart>], buckets: Option<Buckets>) -> Option<Vec<Vec<ScanPart>>> {
    let parts: Vec<ScanPart> = partitions.iter().flatten().cloned().collect();
    let rows: u64 = parts.iter().map(ScanPart::rows).sum();
    let apart = match buckets {
        Some(buckets) => apart(parts, buckets),
        None if partitions.len() == 1 => vec![Apart { parts, rows }],
        None => return None,
    };
    if apart.iter().any(|apart| apart.rows > AGGREGATE_WHOLE_ROWS_MAX) {
        return None;
    }
    let even = rows as f64 / partitions.len() as f64;
    let (dealt, most) = deal(apart, partitions.len());
    (most as f64 <= even * SHARE_MAX).then_some(dealt)
}

/// All parts in one partition, which reads the last rows of segments, and of others hardly more than times; none where there
/// are many others.
pub(super) fn together(partitions: &[Vec<ScanPart>]) -> Option<Vec<Vec<ScanPart>>> {
    let parts: Vec<ScanPart> = partitions.iter().flatten().cloned().collect();
    let is_read = |part: &&ScanPart| part.segment().is_none() || !part.is_clean();
    let read: u64 = parts.iter().filter(is_read).map(ScanPart::rows).sum();
    (read <= AGGREGATE_WHOLE_ROWS_MAX).then(|| vec![parts])
}

/// Parts in order of time, those together that may have rows of one stretch.
fn apart(mut parts: Vec<ScanPart>, buckets: Buckets) -> Vec<Apart> {
    parts.sort_by_key(|part| part.time().min);
    let mut apart: Vec<Apart> = Vec::new();
    let mut reach = i64::MIN;
    for part in parts {
        let time = part.time();
        if apart.is_empty() || buckets.start(time.min) > reach {
            apart.push(Apart::default());
        }
        reach = reach.max(time.max);
        if let Some(last) = apart.last_mut() {
            last.rows += part.rows();
            last.parts.push(part);
        }
    }
    apart
}

/// The largest first, each to the partition that has fewest rows so far; and the rows of the fullest.
fn deal(mut apart: Vec<Apart>, partitions: usize) -> (Vec<Vec<ScanPart>>, u64) {
    apart.sort_by_key(|apart| std::cmp::Reverse(apart.rows));
    let mut dealt: Vec<Apart> = Vec::new();
    dealt.resize_with(partitions, Apart::default);
    for apart in apart {
        if let Some(emptiest) = dealt.iter_mut().min_by_key(|dealt| dealt.rows) {
            emptiest.rows += apart.rows;
            emptiest.parts.extend(apart.parts);
        }
    }
    let most = dealt.iter().map(|dealt| dealt.rows).max().unwrap_or(0);
    for dealt in &mut dealt {
        dealt.parts.sort_by_key(|part| part.time().min);
    }
    (dealt.into_iter().map(|dealt| dealt.parts).collect(), most)
}
