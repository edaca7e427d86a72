use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, TimestampNanosecondArray};
use proptest::prelude::*;

use super::*;
use crate::disk::{Disk, SimDisk};
use crate::error::StorageError;
use crate::schema::{Column, ColumnType, NO_TAGS, Role};

type Tags = Vec<Option<String>>;

fn schema(tags: usize) -> TableSchema {
    let mut columns = vec![Column::new("time", ColumnType::Timestamp, Role::Time)];
    columns.extend((0..tags).map(|i| Column::new(format!("t{i}"), ColumnType::Text, Role::Tag)));
    for (id, column) in (1..).zip(&mut columns) {
        column.id = id;
    }
    TableSchema { id: 7, ..TableSchema::new("t", columns) }
}

fn batch(rows: &[Tags], width: usize, dictionary: bool) -> RecordBatch {
    let times = TimestampNanosecondArray::from(vec![1; rows.len()]).with_timezone("UTC");
    let mut arrays: Vec<(String, ArrayRef)> = vec![("time".into(), Arc::new(times))];
    for tag in 0..width {
        let values = rows.iter().map(|row| row[tag].as_deref());
        let array: ArrayRef = if dictionary {
            Arc::new(values.collect::<DictionaryArray<Int32Type>>())
        } else {
            Arc::new(values.collect::<StringArray>())
        };
        arrays.push((format!("t{tag}"), array));
    }
    RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

fn tag_sets(width: usize) -> impl Strategy<Value = Vec<Tags>> {
    proptest::collection::vec(proptest::collection::vec(proptest::option::of("[ab]{0,2}"), width), 1..40)
}

fn filled() -> SeriesRegistry {
    let registry = SeriesRegistry::new();
    let rows: Vec<Tags> =
        (0..5).map(|i| vec![Some(format!("host{i}")), (i % 2 == 0).then(|| "x".into())]).collect();
    registry.resolve(&schema(2), &batch(&rows, 2, false)).unwrap();
    registry
}

fn bytes_of(registry: &SeriesRegistry) -> Vec<u8> {
    let mut out = Vec::new();
    registry.encode(&(1..=registry.last()).collect::<Vec<_>>(), &mut out);
    out
}

proptest! {
    #[test]
    fn rows_have_one_series_exactly_where_their_tags_are_equal(rows in tag_sets(3)) {
        let registry = SeriesRegistry::new();
        let plain = registry.resolve(&schema(3), &batch(&rows, 3, false)).unwrap();
        let coded = registry.resolve(&schema(3), &batch(&rows, 3, true)).unwrap();
        prop_assert_eq!(&plain.series, &coded.series);
        for (i, a) in rows.iter().enumerate() {
            prop_assert_eq!(plain.series[i] == NO_TAGS, a.iter().all(Option::is_none));
            for (j, b) in rows.iter().enumerate() {
                prop_assert_eq!(plain.series[i] == plain.series[j], a == b);
            }
        }
        for tag in 0..3 {
            let column = registry.tag_column(tag as u32 + 2, &plain.series);
            let wanted: StringArray = rows.iter().map(|row| row[tag].as_deref()).collect();
            prop_assert_eq!(column, wanted);
        }
    }

    #[test]
    fn definitions_survive_and_may_come_twice(rows in tag_sets(3)) {
        let registry = SeriesRegistry::new();
        let resolved = registry.resolve(&schema(3), &batch(&rows, 3, false)).unwrap();
        let other = SeriesRegistry::new();
        let bytes = bytes_of(&registry);
        prop_assert_eq!(other.define(&bytes).unwrap().len(), registry.len());
        other.define(&bytes).unwrap();
        for id in 1..=registry.last() {
            prop_assert_eq!(other.tags(id), registry.tags(id));
            prop_assert_eq!(other.table(id), Some(7));
        }
        let again = other.resolve(&schema(3), &batch(&rows, 3, true)).unwrap();
        prop_assert_eq!(again.series, resolved.series);
    }

    #[test]
    fn any_bytes_give_definitions_or_an_error(bytes in proptest::collection::vec(0u8..8, 0..60)) {
        let _ = SeriesRegistry::new().define(&bytes);
    }
}

#[test]
fn many_large_dictionaries_are_combined_beyond_64_bits() {
    let rows: Vec<Tags> =
        (0..3_000).map(|i| (0..8).map(|t| Some(format!("{}", (i * (t + 1)) % 2_999))).collect()).collect();
    let registry = SeriesRegistry::new();
    let resolved = registry.resolve(&schema(8), &batch(&rows, 8, true)).unwrap();
    assert_eq!(registry.len(), 2_999);
    assert_eq!(resolved.series[0], resolved.series[2_999]);
    assert_eq!(registry.tag_column(9, &resolved.series).value(5), rows[5][7].as_deref().unwrap());
}

#[test]
fn another_meaning_of_an_id_is_refused() {
    let registry = filled();
    let other = SeriesRegistry::new();
    other.resolve(&schema(2), &batch(&[vec![Some("elsewhere".into()), None]], 2, false)).unwrap();
    assert!(registry.define(&bytes_of(&other)).unwrap_err().expected.contains("series 1"));
}

#[test]
fn a_tag_that_is_too_long_is_refused_and_leaves_no_series() {
    let registry = SeriesRegistry::new();
    let rows = [vec![Some("a".into())], vec![Some("x".repeat(40_000))]];
    let error = registry.resolve(&schema(1), &batch(&rows, 1, false)).unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { limit: 32_767, .. }), "{error}");
    assert_eq!(registry.len(), 0);
}

#[test]
fn a_frame_defines_what_is_durable_nowhere() {
    let registry = filled();
    assert_eq!(registry.unlogged(&[3, 1, 3, NO_TAGS]), [1, 3]);
    registry.mark_logged(&[1]);
    assert_eq!(registry.unlogged(&[3, 1]), [3]);
    registry.forget_logged();
    assert_eq!(registry.unlogged(&[3, 1]), [1, 3]);
}

/// A disk with series in one file, and what the manifest says of it.
fn stored() -> (Arc<dyn Disk>, SimDisk, SeriesPlaces) {
    let sim = SimDisk::new(1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    let registry = filled();
    let mut files = SeriesFiles::open(&disk, &SeriesPlaces::default(), &registry).unwrap();
    let places = files.store(&registry).unwrap();
    assert_eq!(files.store(&registry).unwrap(), places, "nothing new");
    assert_eq!(registry.unlogged(&[1]), [1], "no manifest names the file yet");
    files.published(&registry);
    assert!(registry.unlogged(&[1, 5]).is_empty());
    (disk, sim, places)
}

#[test]
fn stored_series_are_there_after_a_power_cut_and_later_ones_go_to_another_file() {
    let (_, sim, places) = stored();
    let disk: Arc<dyn Disk> = Arc::new(sim.restart(3));
    let registry = SeriesRegistry::new();
    let mut files = SeriesFiles::open(&disk, &places, &registry).unwrap();
    assert_eq!(bytes_of(&registry), bytes_of(&filled()));
    registry.resolve(&schema(2), &batch(&[vec![Some("new".into()), None]], 2, false)).unwrap();
    let more = files.store(&registry).unwrap();
    assert_eq!(more.0.len(), 2);
    let again = SeriesRegistry::new();
    SeriesFiles::open(&disk, &more, &again).unwrap();
    assert_eq!(bytes_of(&again), bytes_of(&registry));
}

#[test]
fn remains_of_a_torn_append_are_ignored() {
    let (disk, sim, places) = stored();
    let (number, length) = places.0[0];
    let path = format!("{SERIES_DIR}/{number:020}.series");
    let bytes = disk.read(&path).unwrap();
    disk.remove(&path).unwrap();
    disk.create(&path).unwrap().append(&[bytes.as_slice(), b"half a block"].concat()).unwrap();
    assert!(sim.files().contains(&(path, length + 12)));
    SeriesFiles::open(&disk, &places, &SeriesRegistry::new()).unwrap();
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let (_, sim, places) = stored();
    let (number, length) = places.0[0];
    let path = format!("{SERIES_DIR}/{number:020}.series");
    for offset in 0..length {
        let (flipped, cut) = (sim.image(), sim.image());
        assert!(flipped.flip(&path, offset, 0x10) && cut.truncate(&path, offset));
        for disk in [flipped, cut] {
            let disk: Arc<dyn Disk> = Arc::new(disk);
            let error = SeriesFiles::open(&disk, &places, &SeriesRegistry::new()).unwrap_err();
            assert!(
                matches!(&error, StorageError::Corrupt { path: p, .. } if *p == path),
                "{offset}: {error}"
            );
        }
    }
}

#[test]
fn many_files_become_one_and_the_others_go() {
    let (disk, _, mut places) = stored();
    let registry = SeriesRegistry::new();
    for i in 0..SERIES_FILES {
        let mut files = SeriesFiles::open(&disk, &places, &registry).unwrap();
        registry.resolve(&schema(2), &batch(&[vec![Some(format!("new{i}")), None]], 2, false)).unwrap();
        places = files.store(&registry).unwrap();
    }
    assert_eq!(places.0.len(), 1);
    remove_unnamed(&*disk, &places).unwrap();
    assert_eq!(disk.list(SERIES_DIR).unwrap().len(), 1);
    let again = SeriesRegistry::new();
    SeriesFiles::open(&disk, &places, &again).unwrap();
    assert_eq!(bytes_of(&again), bytes_of(&registry));
}

const SERIES_FILES: usize = crate::limits::SERIES_FILES_MAX;

#[test]
fn after_a_failed_append_a_new_file_is_begun() {
    use crate::disk::Fault;
    for fault in [Fault::Eio, Fault::Enospc, Fault::ShortWrite, Fault::FailedSync] {
        for ahead in 0..2 {
            let sim = SimDisk::new(5);
            let disk: Arc<dyn Disk> = Arc::new(sim.clone());
            let registry = filled();
            let mut files = SeriesFiles::open(&disk, &SeriesPlaces::default(), &registry).unwrap();
            let first = files.store(&registry).unwrap();
            registry.resolve(&schema(2), &batch(&[vec![Some("new".into()), None]], 2, false)).unwrap();
            sim.fail(sim.calls() + ahead, fault);
            files.store(&registry).unwrap_err();
            assert_eq!(*files.places(), first);
            let places = files.store(&registry).unwrap();
            assert_eq!(places.0.len(), 2, "{fault:?}");
            let after: Arc<dyn Disk> = Arc::new(sim.restart(2));
            let found = SeriesRegistry::new();
            SeriesFiles::open(&after, &places, &found).unwrap();
            assert_eq!(bytes_of(&found), bytes_of(&registry));
        }
    }
}

#[test]
fn series_are_counted_by_table() {
    let registry = SeriesRegistry::of_numbers(7);
    assert_eq!((registry.count(1), registry.count(2), registry.len()), (7, 0, 7));
}

fn bounded(series: usize, values: usize) -> TableSchema {
    let mut schema = schema(2);
    schema.options.insert("series_max".into(), series.to_string());
    schema.options.insert("tag_values_max".into(), values.to_string());
    schema
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<Tags> {
    pairs.iter().map(|(a, b)| vec![Some((*a).into()), Some((*b).into())]).collect()
}

#[test]
fn a_batch_that_would_pass_the_series_of_its_table_defines_none() {
    let registry = SeriesRegistry::new();
    let three = pairs(&[("a", "x"), ("b", "x"), ("c", "x")]);
    registry.resolve(&bounded(4, 100), &batch(&three, 2, true)).unwrap();
    let five = pairs(&[("a", "x"), ("d", "x"), ("e", "x")]);
    let error = registry.resolve(&bounded(4, 100), &batch(&five, 2, false)).unwrap_err();
    assert!(matches!(&error, StorageError::TooManySeries { size: 5, limit: 4, .. }), "{error}");
    assert_eq!(registry.len(), 3);
    registry.resolve(&bounded(4, 100), &batch(&five[..2], 2, false)).unwrap();
    assert_eq!(registry.count(7), 4);
    registry.resolve(&bounded(1, 1), &batch(&three, 2, false)).expect("those that are there go on");
    let other = TableSchema { id: 8, ..bounded(3, 100) };
    registry.resolve(&other, &batch(&three, 2, false)).expect("another table counts for itself");
}

#[test]
fn a_batch_that_would_pass_the_values_of_a_tag_defines_none() {
    let registry = SeriesRegistry::new();
    let schema = bounded(100, 2);
    registry.resolve(&schema, &batch(&pairs(&[("a", "x"), ("a", "y")]), 2, false)).unwrap();
    let error = registry.resolve(&schema, &batch(&pairs(&[("b", "x"), ("b", "z")]), 2, true)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("tag t1 of table t would have 3 values, over its limit of 2"), "{text}");
    assert_eq!(registry.len(), 2);
    registry.resolve(&schema, &batch(&pairs(&[("b", "x"), ("b", "y")]), 2, true)).unwrap();
}

#[test]
fn what_a_dictionary_names_twice_counts_once() {
    let schema = bounded(1, 1);
    let keys = arrow_array::Int32Array::from(vec![0, 1, 0]);
    let tag = DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(vec!["a", "a"])));
    let times = TimestampNanosecondArray::from(vec![1; 3]).with_timezone("UTC");
    let tag: ArrayRef = Arc::new(tag);
    let columns: [(&str, ArrayRef); 3] = [("time", Arc::new(times)), ("t0", tag.clone()), ("t1", tag)];
    let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    let registry = SeriesRegistry::new();
    registry.resolve(&schema, &rows).unwrap();
    assert_eq!((registry.len(), registry.count(7)), (1, 1));
}

#[test]
fn writers_at_once_do_not_pass_a_limit() {
    let registry = SeriesRegistry::new();
    let refused = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let registry = &registry;
                scope.spawn(move || {
                    let one = |i: i32| batch(&[vec![Some(format!("{writer}-{i}")), None]], 2, false);
                    (0..50).filter(|i| registry.resolve(&bounded(120, 1_000), &one(*i)).is_err()).count()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum::<usize>()
    });
    assert_eq!((registry.count(7), refused), (120, 80));
}

#[test]
fn values_are_counted_anew_when_series_are_read() {
    let registry = filled();
    let other = SeriesRegistry::new();
    other.define(&bytes_of(&registry)).unwrap();
    let schema = bounded(100, 5);
    let more = [vec![Some("host5".into()), None]];
    let error = other.resolve(&schema, &batch(&more, 2, false)).unwrap_err();
    assert!(matches!(error, StorageError::TooManyTagValues { size: 6, .. }), "{error}");
}
