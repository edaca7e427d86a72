//! A range of time is exact, and costs only the pages it touches.

use super::memory_disk::MemoryDisk;
use super::sample::{read_all, reader, rows, schema, write_segment};
use crate::segment::TimeRange;

#[test]
fn a_range_of_time_is_cut_exactly_at_any_edge() {
    let schema = schema();
    let all = rows(&schema, 0..70_000);
    let disk = MemoryDisk::default();
    let reader = reader(&disk, write_segment(&disk, 1, &schema, std::slice::from_ref(&all)).unwrap());
    let columns = [schema.columns[7].clone(), schema.columns[0].clone(), schema.columns[2].clone()];
    for (first, last) in
        [(0, 0), (8_191, 8_191), (8_191, 8_192), (8_192, 16_383), (100, 69_999), (65_535, 65_536)]
    {
        let expected = all.slice(first, last - first + 1);
        for (min, max) in [(0, 0), (-999, 999)] {
            let time = TimeRange { min: first as i64 * 1_000 + min, max: last as i64 * 1_000 + max };
            let found = read_all(&reader, &columns, time);
            assert_eq!(
                found.columns(),
                [expected.column(7), expected.column(0), expected.column(2)].map(Clone::clone)
            );
        }
    }
    for time in [
        TimeRange { min: 1, max: 999 },
        TimeRange { min: 70_000_000, max: i64::MAX },
        TimeRange { min: 9, max: 3 },
    ] {
        assert_eq!(read_all(&reader, &columns, time).num_rows(), 0);
    }
}

#[test]
fn a_short_range_and_few_columns_read_few_bytes() {
    let schema = schema();
    let disk = MemoryDisk::default();
    let info = write_segment(&disk, 1, &schema, &[rows(&schema, 0..65_536)]).unwrap();
    let reader = reader(&disk, info);
    reader.groups().unwrap();
    reader.read(0, &[], TimeRange::ALL).unwrap();
    let note = [schema.columns[5].clone()];
    disk.take_read_bytes();
    let read = |columns, time| {
        read_all(&reader, columns, time);
        disk.take_read_bytes()
    };
    let everything = read(&schema.columns, TimeRange::ALL);
    let column = read(&note, TimeRange::ALL);
    let page = read(&note, TimeRange { min: 20_000_000, max: 20_001_000 });
    let outside = read(&note, TimeRange { min: -5, max: -1 });
    assert!(everything < reader.info().bytes && everything > reader.info().bytes * 9 / 10);
    assert!(column * 2 < everything, "{column} of {everything}");
    assert!(page * 7 < column && page > 0, "{page} of {column}");
    assert_eq!(outside, 0);
}
