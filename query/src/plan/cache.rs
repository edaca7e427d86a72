//! Plans by the text of their statement and who asked.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Kept;
use crate::database::Access;
use crate::limits::{PLAN_TEXT_BYTES_MAX, PLANS_KEPT_MAX};

/// The plans used last, a bounded number.
#[derive(Debug)]
pub(crate) struct PlanCache {
    inner: Mutex<Inner>,
    max: usize,
}

#[derive(Debug, Default)]
struct Inner {
    embedded: ByText,
    network: ByText,
    /// Counts uses, to tell which was longest ago.
    uses: u64,
}

/// Each with its last use.
type ByText = HashMap<Arc<str>, (u64, Arc<Kept>)>;

impl Default for PlanCache {
    fn default() -> Self {
        Self { inner: Mutex::default(), max: PLANS_KEPT_MAX }
    }
}

impl Inner {
    fn of(&mut self, access: Access) -> &mut ByText {
        match access {
            Access::Embedded => &mut self.embedded,
            Access::Network => &mut self.network,
        }
    }

    fn forget_oldest(&mut self, access: Access) {
        let plans = self.of(access);
        let oldest = plans.iter().min_by_key(|(_, (used, _))| *used).map(|(text, _)| Arc::clone(text));
        oldest.map(|text| plans.remove(&text));
    }
}

impl PlanCache {
    /// The plan of a text. It may hold no more: [`Kept::holds_in`] tells.
    pub(crate) fn get(&self, text: &str, access: Access) -> Option<Arc<Kept>> {
        let mut inner = self.inner.lock();
        inner.uses += 1;
        let uses = inner.uses;
        let (used, plan) = inner.of(access).get_mut(text)?;
        *used = uses;
        Some(Arc::clone(plan))
    }

    /// Keeps a plan in place of one before. The one used longest ago makes room; a text too long is not kept.
    pub(crate) fn put(&self, text: &str, access: Access, plan: Arc<Kept>) {
        if text.len() > PLAN_TEXT_BYTES_MAX {
            return;
        }
        let mut inner = self.inner.lock();
        inner.uses += 1;
        let uses = inner.uses;
        if inner.of(access).len() >= self.max && !inner.of(access).contains_key(text) {
            inner.forget_oldest(access);
        }
        inner.of(access).insert(Arc::from(text), (uses, plan));
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner.lock();
        inner.embedded.clear();
        inner.network.clear();
    }
}
