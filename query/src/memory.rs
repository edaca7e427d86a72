//! Memory of queries: each within its own limit, all together out of the one account that memtables are in too.

use std::fmt;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use driftline_storage::MemoryBudget;

use crate::govern::Query;

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

/// The memory of one query: a pool of its own, and what it takes is taken out of the pool of all as well.
#[derive(Debug)]
pub(crate) struct OfQuery {
    query: Arc<Query>,
    own: FairSpillPool,
    bytes_max: usize,
    all: Arc<dyn MemoryPool>,
}

impl OfQuery {
    /// At most so many bytes for a query, of those that `all` has.
    pub(crate) fn new(query: Arc<Query>, bytes_max: usize, all: Arc<dyn MemoryPool>) -> Self {
        Self { query, own: FairSpillPool::new(bytes_max), bytes_max, all }
    }

    fn refused(&self, consumer: &MemoryConsumer, additional: usize) -> DataFusionError {
        let why = format!(
            "{} needs {additional} more bytes, but one query may hold {} and this one holds {}; ask for a shorter time \
             range or fewer groups, or raise it: --query-memory-mb of driftline serve, QueryLimits::memory_bytes of a \
             program",
            consumer.name(),
            self.bytes_max,
            self.query.memory_bytes(),
        );
        self.query.refused_memory(why.clone());
        DataFusionError::ResourcesExhausted(why)
    }
}

impl fmt::Display for OfQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of_query({} of {} bytes)", self.query.memory_bytes(), self.bytes_max)
    }
}

impl MemoryPool for OfQuery {
    fn name(&self) -> &str {
        "of_query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
        self.all.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
        self.all.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.all.grow(reservation, additional);
        self.query.add_memory(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.all.shrink(reservation, shrink);
        self.query.give_memory(shrink);
    }

    /// Refuses what was ended too: a node that computes for long and never waits hears of it here.
    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if let Some(error) = self.query.stopped() {
            return Err(error.into());
        }
        if self.own.try_grow(reservation, additional).is_err() {
            return Err(self.refused(reservation.consumer(), additional));
        }
        if let Err(error) = self.all.try_grow(reservation, additional) {
            self.own.shrink(reservation, additional);
            self.query.refused_memory(error.strip_backtrace());
            return Err(error);
        }
        self.query.add_memory(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes_max)
    }
}
