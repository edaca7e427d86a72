use std::cell::Cell;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};

use super::*;
use crate::clock::ManualClock;
use crate::compaction::plan::{PlanOptions, plan};
use crate::disk::SimDisk;
use crate::error::StorageError;
use crate::schema::{Column, ColumnType, Meaning, NO_TAGS, Role};
use crate::segment::Unit;
use crate::segment::tests::forge::with_summaries_of;

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

fn sources(segments: &[Arc<SegmentReader>]) -> Vec<Source> {
    segments.iter().map(|segment| Source { segment: segment.clone(), hidden: None }).collect()
}

#[test]
fn segments_on_disk_become_a_run_with_their_rows_in_order() {
    let (schema, disk, series) =
        (schema(), Arc::new(SimDisk::new(7)), Arc::new(SeriesRegistry::of_numbers(5_000)));
    let (lattices, next) = (BTreeMap::new(), Cell::new(1));
    let take_id = || next.replace(next.get() + 1);
    let target = Target {
        disk: &*disk,
        take_id: &take_id,
        series: &series,
        lattices: &lattices,
        threads: 1,
        shared: None,
    };
    let partition = Partition::of(0, Partition::DAY);
    let open = |info: SegmentInfo| {
        SegmentReader::new(SegmentFile::new(disk.clone(), info.file), info, series.clone())
    };
    let mut inputs = Vec::new();
    for seq in 1..=4 {
        let mut files =
            Files { target: &target, schema: &schema, lattices: BTreeMap::new(), numbers: Vec::new() };
        let job = Job { level: 0, first_seq: seq, last_seq: seq, ..blank(partition) };
        let fill = &mut |output: &mut dyn Output<Numbered>| output.push(rows(&schema, 0, seq as i64 * 1_000));
        inputs.push(open(files.write(&job, fill).unwrap().0.written.info));
    }
    let infos: Vec<SegmentInfo> = inputs.iter().map(|input| input.info().clone()).collect();
    let width = choose_width(&inputs, &schema, partition).unwrap();
    let options = PlanOptions { force: true, ..PlanOptions::default() };
    let job = plan(&infos, &options, &mut |_| Ok(width)).unwrap().unwrap();
    let clock = ManualClock::at(0);
    let written =
        run(&job, &sources(&inputs), &schema, &target, &Control::new(&clock, &|| false, &|_| ())).unwrap();
    assert_eq!(written.len(), 1);
    let read = open(written[0].written.info.clone()).read_rows(0, &schema).unwrap();
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

/// Two flushes and the run they become, of a table with meanings; the later flush repeats the cells of the first.
struct Outcome {
    schema: Arc<TableSchema>,
    inputs: Vec<Arc<SegmentReader>>,
    output: Result<Vec<Written>>,
    /// How many segment files there are then.
    files: usize,
}

fn with_meaning() -> Arc<TableSchema> {
    let meaning =
        |name: &str, ty, meaning| Column { meaning: Some(meaning), ..Column::new(name, ty, Role::Field) };
    let columns = vec![
        Column::new("host", ColumnType::Text, Role::Tag),
        Column::new("time", ColumnType::Timestamp, Role::Time),
        meaning("score", ColumnType::Double, Meaning::Score),
        meaning("answer", ColumnType::Text, Meaning::Prediction),
    ];
    let mut schema = TableSchema::new("m", columns);
    schema.id = 1;
    (1..).zip(&mut schema.columns).for_each(|(id, column)| column.id = id);
    Arc::new(schema)
}

/// Cells (minute, series, rows); `shift` is added to one score.
fn scores(schema: &TableSchema, cells: &[(i64, u32, usize)], seed: usize, shift: f64) -> Rows {
    let times = cells
        .iter()
        .flat_map(|(minute, _, rows)| (0..*rows as i64).map(move |at| minute * 60_000_000_000 + at));
    let series: Vec<u32> = cells.iter().flat_map(|(_, series, rows)| vec![*series; *rows]).collect();
    let number = |at: usize| (at + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mut scores: Vec<Option<f64>> =
        (0..series.len()).map(|at| (number(at) % 9 > 0).then(|| number(at) as f64 / 1_000.0)).collect();
    if let Some(score) = scores.iter_mut().flatten().nth(300) {
        *score += shift;
    }
    let answers = (0..series.len()).map(|at| Some(["yes", "no", "maybe"][number(at) % 3]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(scores.into_iter().collect::<Float64Array>()),
        Arc::new(answers.collect::<StringArray>()),
    ];
    Rows { series: series.into(), batch: RecordBatch::try_new(schema.stored_arrow(), columns).unwrap() }
}

/// Large cells, and in minute 1 only small ones.
const CELLS: [(i64, u32, usize); 8] = [
    (0, 1, 3_000),
    (0, 2, 300),
    (1, 1, 400),
    (1, 2, 300),
    (1, 3, 450),
    (2, 1, 2_000),
    (2, 2, 600),
    (2, 3, 700),
];

/// Merges two flushes. The inputs given back say of the second what it would be with one score shifted; `forged`: to the
/// merge too.
fn merge_two(shift: f64, forged: bool) -> Outcome {
    let (schema, disk, series) =
        (with_meaning(), Arc::new(SimDisk::new(7)), Arc::new(SeriesRegistry::of_numbers(5_000)));
    let next = Cell::new(1);
    let take_id = || next.replace(next.get() + 1);
    let partition = Partition::of(0, Partition::DAY);
    let open = |info: SegmentInfo| {
        SegmentReader::new(SegmentFile::new(disk.clone(), info.file), info, series.clone())
    };
    let mut lattices = BTreeMap::new();
    let mut write = |seq: u64, shift: f64| {
        let given = lattices.clone();
        let target = Target {
            disk: &*disk,
            take_id: &take_id,
            series: &series,
            lattices: &given,
            threads: 1,
            shared: None,
        };
        let mut files =
            Files { target: &target, schema: &schema, lattices: given.clone(), numbers: Vec::new() };
        let job = Job { level: 0, first_seq: seq, last_seq: seq, ..blank(partition) };
        let rows = scores(&schema, &CELLS, seq as usize * 9_000, shift);
        let fill = &mut |output: &mut dyn Output<Numbered>| output.push(rows.clone());
        let written = files.write(&job, fill).unwrap().0.written;
        lattices.extend(written.lattices);
        written.info
    };
    let mut inputs = vec![open(write(1, 0.0)), open(write(2, 0.0))];
    let ids = inputs.iter().map(|input| input.info().id).collect();
    let job = Job { inputs: ids, level: 1, first_seq: 1, last_seq: 2, ..blank(partition) };
    let told = open(write(2, shift));
    if forged {
        let (info, bytes) = with_summaries_of(&inputs[1], &told);
        let file = disk.create(&SegmentInfo::path_of(99)).unwrap();
        file.append(&bytes).unwrap();
        file.sync().unwrap();
        inputs[1] = open(SegmentInfo { file: 99, ..info });
        inputs[1].verify().unwrap();
    }
    let wrong = inputs[1].recount().unwrap();
    assert_eq!(wrong.is_empty(), !forged || shift == 0.0, "a count of the rows tells: {wrong:?}");
    let target = Target {
        disk: &*disk,
        take_id: &take_id,
        series: &series,
        lattices: &lattices,
        threads: 1,
        shared: None,
    };
    let clock = ManualClock::at(0);
    let output = run(&job, &sources(&inputs), &schema, &target, &Control::new(&clock, &|| false, &|_| ()));
    inputs[1] = told;
    let files = disk.list("seg").unwrap().len();
    let output = output.map(|merged| merged.into_iter().map(|merged| merged.written).collect());
    Outcome { schema, inputs, output, files }
}

#[test]
fn the_summaries_of_a_run_are_the_sums_of_those_merged() {
    let merged = merge_two(0.0, false);
    let written = merged.output.unwrap();
    let [run] = written.as_slice() else { panic!("{written:?}") };
    let output = merged.inputs[0].beside(run.info.clone());
    for (column, kind) in [(3, "numeric"), (4, "categorical")] {
        let of = |reader: &SegmentReader| reader.summaries(column).unwrap().unwrap();
        let (all, parts) = (of(&output), of(&merged.inputs[0]));
        let units = |of: &crate::segment::Summaries| of.units.iter().map(|unit| unit.0).collect::<Vec<_>>();
        let minute = |at: i64| Unit::Interval(at * 60_000_000_000);
        let [first, fifth, sixth, seventh] = [0, 5, 6, 7].map(Unit::Cell);
        assert_eq!(units(&parts), [first, fifth, minute(1), minute(2)]);
        assert_eq!(units(&all), [first, fifth, sixth, seventh, minute(1)]);
        assert_eq!((all.lattice, all.units[0].1.kind_name()), (parts.lattice, kind));
        let counted = |at: usize| all.units[at].1.count() + all.units[at].1.null_count();
        assert_eq!((counted(0), counted(4)), (6_000, 2_300));
    }
}

#[test]
fn a_sum_that_is_not_the_count_of_the_rows_is_refused() {
    let merged = merge_two(5.0, false);
    let output = merged.inputs[0].beside(merged.output.unwrap()[0].info.clone());
    let check = |column: usize| {
        summaries::check(&output, &merged.inputs, &merged.schema, &merged.schema.columns[column])
    };
    check(3).unwrap();
    let refused = check(2).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("table m") && text.contains("column score") && text.contains("series 1"), "{text}");
    assert!(
        matches!(refused, StorageError::SummaryDiffers { interval: 0, series: Some(1), .. }),
        "{refused}"
    );
}

#[test]
fn a_compaction_of_summaries_that_lie_leaves_nothing_behind() {
    let honest = merge_two(0.0, true);
    assert_eq!(
        (honest.output.unwrap().len(), honest.files),
        (1, 5),
        "two flushes, two copies of one, and the run"
    );
    let merged = merge_two(5.0, true);
    let refused = merged.output.unwrap_err();
    assert!(matches!(refused, StorageError::SummaryDiffers { .. }), "{refused}");
    assert_eq!(merged.files, 4);
}
