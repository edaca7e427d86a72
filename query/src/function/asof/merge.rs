//! The merge: both sides in order of key and time, each row looked at once.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use futures::TryStreamExt;

use super::Nearest;
use super::node::Compared;
use super::right::{Converters, Page, Right};

/// A side: its rows in order, and what of them is compared.
type Side = (SendableRecordBatchStream, Compared);

/// The join of one partition.
pub(super) struct Merge {
    left: SendableRecordBatchStream,
    of_left: Compared,
    right: Right,
    converters: Converters,
    nearest: Nearest,
    schema: SchemaRef,
    /// The right side's part of the schema.
    right_schema: SchemaRef,
    memory: MemoryReservation,
}

impl Merge {
    pub(super) fn try_new(
        (left, of_left): Side,
        (right, of_right): Side,
        schema: SchemaRef,
        nearest: Nearest,
        memory: MemoryReservation,
    ) -> Result<Self> {
        let converters = Converters::try_new(&of_left, &left.schema())?;
        let of_the_right = schema.fields().iter().skip(left.schema().fields().len()).cloned();
        let right_schema = Arc::new(Schema::new(of_the_right.collect::<Vec<_>>()));
        let right = Right::new(right, of_right);
        Ok(Self { left, of_left, right, converters, nearest, schema, right_schema, memory })
    }

    /// The next rows: a batch of the left side, each row with what was found for it.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(rows) = self.left.try_next().await? else { return Ok(None) };
        let page = Page::try_new(rows, &self.of_left, &self.converters)?;
        for row in 0..page.rows.num_rows() {
            if page.comparable(row) {
                self.find(&page, row).await?;
            } else {
                self.right.find_nothing();
            }
        }
        self.memory.try_resize(page.bytes() + self.right.bytes())?;
        let found = self.right.take_found(&self.right_schema)?;
        let columns = page.rows.columns().iter().cloned().chain(found).collect();
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }

    /// Finds the row nearest to one of the left side.
    async fn find(&mut self, left: &Page, row: usize) -> Result<()> {
        let Nearest { before, same_time } = self.nearest;
        while let Some((page, at)) = self.right.present(&self.converters).await? {
            let keys = page.compare_keys(at, left, row);
            let times = page.compare_times(at, left, row);
            match (keys, times) {
                (Ordering::Less, _) => self.right.pass(),
                (Ordering::Greater, _) => break,
                (_, Ordering::Less) if before => self.right.pass_as_nearest(),
                (_, Ordering::Equal) if before && same_time => self.right.pass_as_nearest(),
                _ if before => break,
                (_, Ordering::Less) => self.right.pass(),
                (_, Ordering::Equal) if !same_time => self.right.pass(),
                _ => {
                    self.right.find_present();
                    return Ok(());
                }
            }
        }
        if before {
            self.right.find_passed(left, row);
        } else {
            self.right.find_nothing();
        }
        Ok(())
    }
}
