//! No value is missed, few others pass, any bytes decode or fail.

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};

use super::*;

fn filter_of(values: std::ops::Range<i64>) -> Bloom {
    Bloom::of(values.map(hash_integer).collect())
}

#[test]
fn no_value_is_missed_and_few_others_pass() {
    for count in [0, 1, 31, 33, 320, 1_000, 65_536_i64] {
        let encoded = filter_of(0..count).encode();
        let bloom = Bloom::decode(&encoded).unwrap();
        assert!((0..count).all(|value| bloom.may_contain(hash_integer(value))));
        let passed =
            (1 << 32..(1 << 32) + 100_000).filter(|value| bloom.may_contain(hash_integer(*value))).count();
        println!("{count} values, {} bytes: {passed} of 100000 pass", encoded.len());
        assert!(passed < 3_500, "{passed} of 100000 pass among {count}");
        assert!(encoded.len() < count as usize + BLOCK_BYTES);
        assert!(count < 320 || encoded.len() * 10 <= count as usize * 11);
    }
}

#[test]
fn repeated_values_take_no_room() {
    let hashes = (0..65_536).map(|i| hash_integer(i % 32)).collect();
    assert_eq!(Bloom::of(hashes).encode().len(), BLOCK_BYTES);
}

#[test]
fn any_bytes_decode_or_fail() {
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
        assert_eq!(Bloom::decode(&bytes).is_ok(), length % BLOCK_BYTES == 0);
    }
    assert!(Bloom::decode(&vec![0; FILTER_BYTES_MAX + BLOCK_BYTES]).is_err());
}

#[test]
fn an_index_comes_back_and_damage_is_no_panic() {
    let place = |column, offset, bytes| FilterPlace { column, extent: Extent { offset, bytes, crc: 7 } };
    let index =
        FilterIndex { groups: vec![vec![place(1, 40, 32), place(9, 72, 0)], vec![], vec![place(1, 99, 64)]] };
    let (bytes, body) = (index.encode().unwrap(), 32..200);
    assert_eq!(FilterIndex::decode(&bytes, 3, &body).unwrap(), index);
    assert_eq!(index.find(2, 1).map(|e| e.offset), Some(99));
    assert_eq!(index.find(1, 1), None);
    assert!(FilterIndex::decode(&bytes, 3, &(32..160)).is_err());
    for at in 0..bytes.len() {
        assert!(FilterIndex::decode(&bytes[..at], 3, &body).is_err());
        for byte in 0..=255 {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            let _ = FilterIndex::decode(&damaged, 3, &body);
        }
    }
    assert_eq!(FilterIndex { groups: vec![vec![], vec![]] }.encode(), None);
}

#[test]
fn hashes_never_change() {
    assert_eq!(hash_text(""), 0x2D06_8005_38D3_94C2);
    assert_eq!(hash_integer(1), 7_064_932_199_564_934_657);
    let found = [hash_time(1), hash_boolean(false), hash_boolean(true), hash_text("prediction-1")];
    let fixed = [
        3_439_722_301_264_460_078,
        14_144_645_293_874_801_883,
        16_226_181_191_752_404_715,
        9_289_428_932_342_619_902,
    ];
    assert_eq!(found, fixed);
}

#[test]
fn equal_values_hash_alike_and_nulls_do_not_count() {
    assert_eq!(hash_double(0.0), hash_double(-0.0));
    assert_eq!(hash_double(f64::NAN), hash_double(f64::from_bits(0xfff8_0000_0000_0123)));
    assert_eq!(hash_integer(-3), hash_double(-3.0));
    let arrays: [(ColumnType, ArrayRef, u64); 5] = [
        (ColumnType::Text, Arc::new(StringArray::from(vec![None, Some("a")])), hash_text("a")),
        (ColumnType::BigInt, Arc::new(Int64Array::from(vec![None, Some(5)])), hash_integer(5)),
        (ColumnType::Double, Arc::new(Float64Array::from(vec![None, Some(0.5)])), hash_double(0.5)),
        (ColumnType::Timestamp, Arc::new(TimestampNanosecondArray::from(vec![None, Some(5)])), hash_time(5)),
        (ColumnType::Boolean, Arc::new(BooleanArray::from(vec![None, Some(true)])), hash_boolean(true)),
    ];
    for (ty, array, hash) in arrays {
        assert_eq!(hash_array(ty, &array), [hash]);
    }
}
