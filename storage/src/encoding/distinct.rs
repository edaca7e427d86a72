//! The distinct values of a chunk, and each value's place among them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

/// Distinct values and, for each value of the chunk, its place among them.
///
/// The most frequent come first, and equally frequent ones in their order. So neighbours in place are alike in
/// frequency, which is what pco's ranges of codes compress best, and long runs of the values themselves rise.
#[derive(Debug)]
pub(super) struct Distinct<K> {
    pub(super) values: Vec<K>,
    pub(super) codes: Vec<i64>,
}

impl<K: Copy + Eq + Hash + Ord> Distinct<K> {
    /// None as soon as there are more than `max`.
    pub(super) fn of(values: impl IntoIterator<Item = K>, max: usize) -> Option<Self> {
        let (mut places, mut counted, mut codes) = (HashMap::new(), Vec::new(), Vec::new());
        for value in values {
            let code = *places.entry(value).or_insert(counted.len());
            match counted.get_mut(code) {
                Some((count, _)) => *count += 1,
                None => counted.push((1_usize, value)),
            }
            if counted.len() > max {
                return None;
            }
            codes.push(code);
        }
        Some(Self::ranked(&counted, codes))
    }

    fn ranked(counted: &[(usize, K)], mut codes: Vec<usize>) -> Self {
        let mut order: Vec<usize> = (0..counted.len()).collect();
        order.sort_unstable_by_key(|place| (Reverse(counted[*place].0), counted[*place].1));
        let mut ranks = vec![0; order.len()];
        order.iter().enumerate().for_each(|(rank, place)| ranks[*place] = rank);
        codes.iter_mut().for_each(|code| *code = ranks[*code]);
        Self {
            values: order.into_iter().map(|place| counted[place].1).collect(),
            codes: codes.into_iter().map(|code| code as i64).collect(),
        }
    }
}
