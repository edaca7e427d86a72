//! Segments as the merge reads and writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compaction::Job;
use crate::compaction::merge::{Group, Input, Output, Outputs};
use crate::distribution::Lattice;
use crate::engine::flush::Context;
use crate::error::Result;
use crate::rows::Rows;
use crate::schema::{ColumnId, TableSchema};
use crate::segment::{SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec, SegmentWriter, Written};

impl Input for Arc<SegmentReader> {
    fn info(&self) -> &SegmentInfo {
        SegmentReader::info(self)
    }

    fn groups(&self, schema: &TableSchema) -> Result<Vec<Group>> {
        // Of an older schema a column may be missing, or narrower: then the bytes do not serve.
        let same_columns = SegmentReader::info(self).schema_version == schema.version;
        let group = |group: &crate::segment::GroupInfo| Group {
            rows: group.rows as u64,
            first: group.first_key,
            last: group.last_key,
            copyable: group.compacted && group.whole_cells && same_columns,
            bytes: group.bytes,
        };
        Ok(SegmentReader::groups(self)?.iter().map(group).collect())
    }

    fn rows(&self, group: usize, schema: &TableSchema) -> Result<Rows> {
        self.read_rows(group, schema)
    }
}

/// Begins the segments of a job, each in a file of its own.
pub(super) struct Runs<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) schema: &'a Arc<TableSchema>,
    pub(super) lattices: BTreeMap<ColumnId, Lattice>,
}

impl<'a> Outputs<Arc<SegmentReader>> for Runs<'a> {
    type Output = SegmentWriter<'a>;

    fn begin(&mut self, job: &Job) -> Result<Self::Output> {
        let context = self.context;
        let file = SegmentFileWriter::create(&**context.disk, context.take_id())?;
        file.begin(SegmentSpec {
            id: context.take_id(),
            schema: self.schema,
            partition: job.partition,
            width: job.width,
            level: job.level,
            first_seq: job.first_seq,
            last_seq: job.last_seq,
            series: context.registry,
            lattices: self.lattices.clone(),
            threads: context.threads,
        })
    }
}

impl Output<Arc<SegmentReader>> for SegmentWriter<'_> {
    fn push(&mut self, rows: Rows) -> Result<()> {
        SegmentWriter::push(self, rows)
    }

    fn copy(&mut self, input: &Arc<SegmentReader>, group: usize) -> Result<()> {
        SegmentWriter::copy(self, input, group..group + 1)
    }

    fn bytes(&self) -> u64 {
        SegmentWriter::bytes(self)
    }

    fn finish(self) -> Result<(Written, u64)> {
        let (written, file) = SegmentWriter::finish(self)?;
        file.finish()?;
        let rows = written.info.rows;
        Ok((written, rows))
    }

    type Written = Written;
}
