//! The distinct values of a chunk, and each value's place among them.

use std::cmp::Reverse;
use std::hash::Hash;

use hashbrown::HashMap;

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
        let values = values.into_iter();
        let mut codes = Vec::with_capacity(values.size_hint().0);
        let (mut places, mut counted) = (HashMap::new(), Vec::new());
        let mut last: Option<(K, usize)> = None;
        for value in values {
            let code = match last {
                Some((same, code)) if same == value => code,
                _ => *places.entry(value).or_insert(counted.len()),
            };
            last = Some((value, code));
            match counted.get_mut(code) {
                Some((count, _)) => *count += 1,
                None if code == max => return None,
                None => counted.push((1_usize, value)),
            }
            codes.push(code as i64);
        }
        Some(Self::ranked(&counted, codes))
    }

    fn ranked(counted: &[(usize, K)], mut codes: Vec<i64>) -> Self {
        let mut order: Vec<usize> = (0..counted.len()).collect();
        order.sort_unstable_by_key(|place| (Reverse(counted[*place].0), counted[*place].1));
        let mut ranks = vec![0_i64; order.len()];
        order.iter().enumerate().for_each(|(rank, place)| ranks[*place] = rank as i64);
        codes.iter_mut().for_each(|code| *code = ranks[*code as usize]);
        Self { values: order.into_iter().map(|place| counted[place].1).collect(), codes }
    }
}
