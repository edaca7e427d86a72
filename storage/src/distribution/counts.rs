//! Counts by bucket or by number, as a sorted array: compact, and merged in one walk.

/// Counts by key, ascending, none zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts(Vec<(i64, u64)>);

impl Counts {
    /// Counts a key; nothing for a count of zero.
    pub fn add(&mut self, key: i64, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.binary_search_by_key(&key, |entry| entry.0) {
            Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
            Err(at) => self.0.insert(at, (key, count)),
        }
    }

    /// Keys and counts, ascending.
    pub fn entries(&self) -> &[(i64, u64)] {
        &self.0
    }

    /// Adds entries that ascend.
    pub fn merge(&mut self, theirs: &[(i64, u64)]) {
        self.take(theirs.iter().copied());
    }

    /// Adds entries that ascend.
    pub fn take(&mut self, theirs: impl Iterator<Item = (i64, u64)>) {
        if self.0.is_empty() {
            return self.0.extend(theirs);
        }
        let mut adding = self.adding();
        theirs.for_each(|(key, count)| adding.add(key, count));
        adding.finish();
    }

    /// To add entries that ascend one by one.
    pub fn adding(&mut self) -> Adding<'_> {
        Adding { counts: self, at: 0, missing: Vec::new() }
    }

    /// Takes entries that ascend away; None where a count would go below zero.
    pub fn without(&self, theirs: &[(i64, u64)]) -> Option<Self> {
        let mut left = Vec::with_capacity(self.0.len());
        let mut theirs = theirs.iter().copied().peekable();
        for (key, count) in &self.0 {
            let gone = theirs.next_if(|entry| entry.0 == *key).map_or(0, |entry| entry.1);
            let rest = count.checked_sub(gone)?;
            if rest > 0 {
                left.push((*key, rest));
            }
        }
        theirs.peek().is_none().then_some(Self(left))
    }

    /// By other keys, which need not ascend.
    pub fn by(entries: &[(i64, u64)], key: impl Fn(i64) -> i64) -> Self {
        let mut all: Vec<(i64, u64)> = entries.iter().map(|(old, count)| (key(*old), *count)).collect();
        all.sort_unstable_by_key(|entry| entry.0);
        all.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(later.1);
            }
            same
        });
        Self(all)
    }
}

/// Entries being added in ascending order. Most keys are there already when many like parts are merged: those are counted in
/// place, the others put in at the end, all at once.
pub(super) struct Adding<'a> {
    counts: &'a mut Counts,
    /// The first entry that is not below the key added last.
    at: usize,
    missing: Vec<(i64, u64)>,
}

impl Adding<'_> {
    /// Counts a key above all added before.
    #[inline]
    pub fn add(&mut self, key: i64, count: u64) {
        while self.counts.0.get(self.at).is_some_and(|own| own.0 < key) {
            self.at += 1;
        }
        match self.counts.0.get_mut(self.at) {
            Some(own) if own.0 == key => own.1 = own.1.saturating_add(count),
            _ => self.missing.push((key, count)),
        }
    }

    /// Puts in what was not there, from the back, so that each entry moves once.
    pub fn finish(self) {
        let (entries, mut left) = (&mut self.counts.0, self.missing.as_slice());
        let mut own = entries.len();
        entries.resize(own + left.len(), (0, 0));
        for to in (0..entries.len()).rev() {
            let Some((last, before)) = left.split_last() else { return };
            if own > 0 && entries[own - 1].0 > last.0 {
                own -= 1;
                entries[to] = entries[own];
            } else {
                (entries[to], left) = (*last, before);
            }
        }
    }
}

impl From<Vec<(i64, u64)>> for Counts {
    /// Of entries that ascend.
    fn from(entries: Vec<(i64, u64)>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
        Self(entries)
    }
}
