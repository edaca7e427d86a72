//! Memory of queries, taken out of the one account that memtables are in too.

use std::fmt;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use driftline_storage::MemoryBudget;

/// A pool that asks the engine's budget before it asks the pool within, which shares what queries get among them.
#[derive(Debug)]
pub(crate) struct Budgeted<P> {
    within: P,
    budget: Arc<MemoryBudget>,
}

impl<P> Budgeted<P> {
    pub(crate) fn new(within: P, budget: Arc<MemoryBudget>) -> Self {
        Self { within, budget }
    }
}

impl<P: fmt::Display> fmt::Display for Budgeted<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.within.fmt(f)
    }
}

impl<P: MemoryPool> MemoryPool for Budgeted<P> {
    fn name(&self) -> &str {
        self.within.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.within.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.within.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.budget.take(additional);
        self.within.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.within.shrink(reservation, shrink);
        self.budget.give(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if !self.budget.try_take(additional) {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} needs {additional} more bytes, but rows in memory and queries hold {} of the {} there are",
                reservation.consumer().name(),
                self.budget.used(),
                self.budget.limit()
            )));
        }
        let grown = self.within.try_grow(reservation, additional);
        if grown.is_err() {
            self.budget.give(additional);
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.within.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.within.memory_limit()
    }
}
