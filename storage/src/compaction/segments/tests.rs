use std::cell::Cell;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};

use super::*;
use crate::clock::ManualClock;
use crate::compaction::plan::{PlanOptions, plan};
use crate::disk::SimDisk;
use crate::schema::{Column, ColumnType, NO_TAGS, Role};

fn schema() -> Arc<TableSchema> {
    let time = Column::new("time", ColumnType::Timestamp, Role::Time);
    let mut schema = TableSchema::new("t", vec![time, Column::new("n", ColumnType::BigInt, Role::Field)]);
    schema.id = 1;
    (1..).zip(&mut schema.columns).for_each(|(id, column)| column.id = id);
    Arc::new(schema)
}

/// Rows 10 s apart from `start` on, numbered from `number`.
fn rows(schema: &TableSchema, start: i64, number: i64) -> Rows {
    let times = (0..500).map(|at| (start + at * 10) * 1_000_000_000);
    let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
    let columns: Vec<ArrayRef> =
        vec![Arc::new(times), Arc::new(Int64Array::from_iter_values(number..number + 500))];
    let batch = RecordBatch::try_new(schema.stored_arrow(), columns).unwrap();
    Rows { series: vec![NO_TAGS; 500].into(), batch }
}

#[test]
fn segments_on_disk_become_a_run_with_their_rows_in_order() {
    let (schema, disk, series) = (schema(), Arc::new(SimDisk::new(7)), Arc::new(SeriesRegistry::new()));
    let (lattices, next) = (BTreeMap::new(), Cell::new(1));
    let take_id = || next.replace(next.get() + 1);
    let target = Target { disk: &*disk, take_id: &take_id, series: &series, lattices: &lattices, threads: 1 };
    let partition = Partition::of(0, Partition::DAY);
    let open = |info: SegmentInfo| {
        SegmentReader::new(SegmentFile::new(disk.clone(), info.file), info, series.clone())
    };
    let mut inputs = Vec::new();
    for seq in 1..=4 {
        let mut files =
            Files { target: &target, schema: &schema, lattices: BTreeMap::new(), numbers: Vec::new() };
        let job = Job { level: 0, first_seq: seq, last_seq: seq, ..blank(partition) };
        let fill = &mut |output: &mut dyn Output<Arc<SegmentReader>>| {
            output.push(rows(&schema, 0, seq as i64 * 1_000))
        };
        inputs.push(open(files.write(&job, fill).unwrap().0.info));
    }
    let infos: Vec<SegmentInfo> = inputs.iter().map(|input| input.info().clone()).collect();
    let width = choose_width(&inputs, &schema, partition).unwrap();
    let options = PlanOptions { force: true, ..PlanOptions::default() };
    let job = plan(&infos, &options, &mut |_| Ok(width)).unwrap().unwrap();
    let clock = ManualClock::at(0);
    let written = run(&job, &inputs, &schema, &target, &Control::new(&clock, &|| false, &|_| ())).unwrap();
    assert_eq!(written.len(), 1);
    let read = open(written[0].info.clone()).read_rows(0, &schema).unwrap();
    let numbers = read.batch.column(1).as_primitive::<Int64Type>().values().to_vec();
    let expected: Vec<i64> = (0..500).flat_map(|at| (1..=4).map(move |seq| seq * 1_000 + at)).collect();
    assert_eq!(numbers, expected, "equal times come in order of writing");
}

fn blank(partition: Partition) -> Job {
    Job {
        table: 1,
        partition,
        inputs: Vec::new(),
        first_seq: 0,
        last_seq: 0,
        width: Width::MIN,
        level: 0,
        cuts: Vec::new(),
        open: None,
        run_bytes_max: u64::MAX,
        group_rows: 65_536,
        bytes: 0,
    }
}
