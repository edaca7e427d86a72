//! A model of segments as lists of rows: what a plan must keep, and what it costs.

use super::*;

mod cost;
mod invariants;

/// A row as far as its order goes: which write it came with, and its place therein.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    time: i64,
    series: SeriesId,
    seq: u64,
    bytes: u64,
}

/// A segment and its rows.
#[derive(Clone, Debug)]
struct Model {
    info: SegmentInfo,
    rows: Vec<Row>,
}

#[derive(Debug, Default)]
struct Store {
    segments: Vec<Model>,
    next_id: u64,
    written: u64,
}

fn key(row: &Row, width: Width) -> CellKey {
    CellKey { interval: width.interval(row.time), series: row.series }
}

fn sort(rows: &mut [Row], width: Width) {
    rows.sort_by_key(|row| (key(row, width), row.time));
}

impl Store {
    /// A segment of rows in order.
    fn add(&mut self, rows: Vec<Row>, level: u8, partition: Partition, width: Width, seqs: (u64, u64)) {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        self.next_id += 1;
        let bytes = rows.iter().map(|r| r.bytes).sum();
        self.written += bytes;
        let info = SegmentInfo {
            id: self.next_id,
            file: self.next_id,
            offset: 0,
            level,
            partition,
            width,
            first_key: key(first, width),
            last_key: key(last, width),
            table: 1,
            schema_version: 1,
            rows: rows.len() as u64,
            bytes,
            raw_bytes: bytes,
            min_time: rows.iter().map(|r| r.time).min().unwrap(),
            max_time: rows.iter().map(|r| r.time).max().unwrap(),
            first_seq: seqs.0,
            last_seq: seqs.1,
            footer_crc: 0,
        };
        self.segments.push(Model { info, rows });
    }

    /// Rows of one flush: a segment a partition, cut in two where `cut` says so.
    fn flush(&mut self, rows: &[Row], length: i64, width: Width, cut: bool) {
        let seqs = (rows.iter().map(|r| r.seq).min().unwrap(), rows.iter().map(|r| r.seq).max().unwrap());
        let mut parts: BTreeMap<Partition, Vec<Row>> = BTreeMap::new();
        for row in rows {
            parts.entry(Partition::of(row.time, length)).or_default().push(*row);
        }
        for (partition, mut rows) in parts {
            sort(&mut rows, width);
            let middle = key(&rows[rows.len() / 2], width);
            let at = if cut { rows.partition_point(|r| key(r, width) < middle) } else { 0 };
            let rest = rows.split_off(at);
            self.add(rows, 0, partition, width, seqs);
            self.add(rest, 0, partition, width, seqs);
        }
    }

    fn infos(&self) -> Vec<SegmentInfo> {
        self.segments.iter().map(|s| s.info.clone()).collect()
    }

    /// Does a job as the merge would.
    fn run(&mut self, job: &Job) {
        let mut rows = Vec::new();
        for id in &job.inputs {
            let at = self.segments.iter().position(|s| s.info.id == *id).unwrap();
            rows.extend(self.segments.remove(at).rows);
        }
        sort(&mut rows, job.width);
        let (mut run, mut bytes) = (Vec::new(), 0);
        for row in rows {
            let next = key(&row, job.width);
            let last: Option<CellKey> = run.last().map(|last| key(last, job.width));
            if last.is_some_and(|last| last < next && job.ends(last, next, bytes)) {
                self.add(
                    std::mem::take(&mut run),
                    job.level,
                    job.partition,
                    job.width,
                    (job.first_seq, job.last_seq),
                );
                bytes = 0;
            }
            bytes += row.bytes;
            run.push(row);
        }
        self.add(run, job.level, job.partition, job.width, (job.first_seq, job.last_seq));
    }

    /// Compacts until nothing is due; how many jobs it took.
    fn compact(&mut self, options: &PlanOptions, width: &mut ChooseWidth<'_>) -> usize {
        let mut jobs = 0;
        while let Some(job) = plan(&self.infos(), options, width).unwrap() {
            self.run(&job);
            jobs += 1;
            assert!(jobs < 1_000, "compaction does not come to an end");
        }
        jobs
    }
}
