//! Each encoding gives back what it was given, bit for bit; each decoder takes any bytes without a panic.

use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, StringArray,
    TimestampNanosecondArray,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// Runs a property with a seed that is printed, and taken from `DRIFTLINE_SEED` where that is set.
fn check<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value)) {
    let seed = std::env::var("DRIFTLINE_SEED").ok().and_then(|s| s.parse::<u64>().ok());
    let seed = seed.unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
    println!("DRIFTLINE_SEED={seed}");
    let bytes: Vec<u8> = (0..4_u64).flat_map(|i| seed.wrapping_mul(i * 2 + 1).to_le_bytes()).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = |value| {
        property(value);
        Ok(())
    };
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&strategy, run) {
        panic!("DRIFTLINE_SEED={seed}: {error}");
    }
}

/// Pages of this size, and a shorter one at the end.
fn pages(rows: usize, page: usize) -> Vec<usize> {
    (0..rows).step_by(page).map(|start| page.min(rows - start)).collect()
}

/// What makes two arrays the same: lengths, nulls, and every bit of the values that are not null.
fn bits(array: &dyn Array) -> Vec<Option<Vec<u8>>> {
    let value = |row: usize| {
        let one = array.slice(row, 1);
        match one.data_type() {
            arrow_schema::DataType::Boolean => vec![u8::from(one.as_boolean().value(0))],
            arrow_schema::DataType::Float64 => {
                one.as_primitive::<Float64Type>().value(0).to_bits().to_le_bytes().to_vec()
            }
            arrow_schema::DataType::Int64 => one.as_primitive::<Int64Type>().value(0).to_le_bytes().to_vec(),
            arrow_schema::DataType::Timestamp(..) => {
                one.as_primitive::<TimestampNanosecondType>().value(0).to_le_bytes().to_vec()
            }
            arrow_schema::DataType::Utf8 => one.as_string::<i32>().value(0).as_bytes().to_vec(),
            arrow_schema::DataType::Binary => one.as_binary::<i32>().value(0).to_vec(),
            _ => {
                let items = one.as_fixed_size_list().value(0);
                let items = items.as_primitive::<Float32Type>();
                items
                    .iter()
                    .flat_map(|v| v.map_or([1; 5].to_vec(), |v| v.to_bits().to_le_bytes().to_vec()))
                    .collect()
            }
        }
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| value(row))).collect()
}

/// Encodes with either effort, decodes page by page, compares; says how a flush encoded it.
fn round_trip(ty: ColumnType, array: ArrayRef, page: usize) -> Encoding {
    round_trip_with(ty, &array, page, Effort::Compaction);
    round_trip_with(ty, &array, page, Effort::Flush)
}

fn round_trip_with(ty: ColumnType, array: &ArrayRef, page: usize, effort: Effort) -> Encoding {
    let page_rows = pages(array.len(), page);
    let chunk = encode(ty, array, &page_rows, effort);
    assert_eq!(chunk.pages.len(), page_rows.len());
    let decoder = ChunkDecoder::new(chunk.encoding, ty, &chunk.meta).unwrap();
    let mut start = 0;
    for (bytes, rows) in chunk.pages.iter().zip(page_rows) {
        let expected = array.slice(start, rows);
        let found = decoder.decode(bytes, rows, expected.null_count()).unwrap();
        assert_eq!(*found.data_type(), ty.arrow());
        assert_eq!(bits(&found), bits(&expected), "{:?}", chunk.encoding);
        if let Some(texts) = array.as_string_opt::<i32>() {
            let here = expected.as_string::<i32>();
            finds(&decoder, chunk.encoding, (bytes, here), texts.iter().flatten());
        }
        start += rows;
    }
    chunk.encoding
}

/// Texts of a chunk, and some that nearly are, are looked for in one of its pages.
fn finds<'a>(
    decoder: &ChunkDecoder,
    encoding: Encoding,
    (page, here): (&[u8], &StringArray),
    texts: impl Iterator<Item = &'a str>,
) {
    for text in texts.step_by(37).flat_map(|text| [text.to_owned(), format!("{text}0"), format!("0{text}")]) {
        let may_be = match decoder.seek(std::slice::from_ref(&text)) {
            Sought::Nowhere => false,
            Sought::Anywhere => true,
            Sought::InPages(sought) => sought.is_in(page, here.len(), here.null_count()).unwrap(),
        };
        let is_here = here.iter().flatten().any(|other| other == text);
        assert!(may_be || !is_here, "{text:?} is in a page of {encoding:?}");
        let is_exact = matches!(encoding, Encoding::Prefixed | Encoding::AllNull);
        assert!(is_here || !may_be || !is_exact, "{text:?} is in no page of {encoding:?}");
    }
}

fn optional<T: Clone + std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = (Vec<Option<T>>, usize)> {
    let values = values.boxed();
    let column = select(vec![0, 5, 50, 98, 100]).prop_flat_map(move |percent| {
        let value =
            (0..100_u32, values.clone()).prop_map(move |(at, value)| (at >= percent).then_some(value));
        vec(value, 1..600)
    });
    (column, 1..300_usize)
}

/// Integers of one of several habits.
fn integers() -> BoxedStrategy<Vec<i64>> {
    let run = (any::<i64>(), -5..5_i64).prop_map(|(first, step)| {
        (0..300).map(|i| first.wrapping_add(step.wrapping_mul(i))).collect::<Vec<_>>()
    });
    prop_oneof![
        vec(any::<i64>(), 1..400),
        vec(0..4_i64, 1..400),
        vec(select(vec![i64::MIN, i64::MAX, 0, -1]), 1..400),
        vec((0..100_i64).prop_map(|v| v * v * v), 1..400),
        run,
    ]
    .boxed()
}

#[test]
fn integers_come_back() {
    check(200, (integers(), 1..200_usize, 0..4_usize), |(values, page, gap)| {
        let array: Int64Array =
            values.iter().enumerate().map(|(i, v)| (gap == 0 || i % (gap + 1) > 0).then_some(*v)).collect();
        round_trip(ColumnType::BigInt, Arc::new(array), page);
    });
    check(50, optional(any::<i64>()), |(values, page)| {
        let array = TimestampNanosecondArray::from(values).with_timezone("UTC");
        round_trip(ColumnType::Timestamp, Arc::new(array), page);
    });
}

/// Every bit pattern, and the ones that matter.
fn doubles() -> BoxedStrategy<f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (0..1_000_i32).prop_map(|v| f64::from(v) / 100.0),
        any::<f32>().prop_map(f64::from),
        select(vec![
            -0.0,
            0.0,
            f64::NAN,
            -f64::NAN,
            f64::from_bits(0x7ff0_0000_0000_0001),
            f64::INFINITY,
            5e-324
        ]),
    ]
    .boxed()
}

#[test]
fn doubles_come_back_bit_for_bit() {
    check(200, optional(doubles()), |(values, page)| {
        round_trip(ColumnType::Double, Arc::new(Float64Array::from(values)), page);
    });
    // Decimals with rare special values: the modes of pco that take numbers apart.
    let special = prop_oneof![40 => (0..100_000_i32).prop_map(|v| f64::from(v) / 100.0), 1 => doubles()];
    check(30, vec(special, 3_000..6_000), |values| {
        let encoding = round_trip(ColumnType::Double, Arc::new(Float64Array::from(values)), 1_024);
        assert_eq!(encoding, Encoding::Pco);
    });
}

/// Singles as doubles: every bit pattern, and the ones at an edge.
fn singles() -> BoxedStrategy<f64> {
    let nan = (any::<bool>(), 1..0x80_0000_u64)
        .prop_map(|(sign, payload)| f64::from_bits(u64::from(sign) << 63 | 0x7ff << 52 | payload << 29));
    let edge = vec![0.0_f32, -0.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY];
    let finite =
        any::<u32>().prop_map(f32::from_bits).prop_filter("nan", |v| !v.is_nan()).prop_map(f64::from);
    prop_oneof![20 => finite, 1 => select(edge).prop_map(f64::from), 2 => nan].boxed()
}

#[test]
fn doubles_that_are_singles_are_kept_as_singles() {
    check(60, (vec(singles(), 600..3_000), 1..2_000_usize), |(values, page)| {
        let array: ArrayRef = Arc::new(Float64Array::from(values.clone()));
        assert_eq!(round_trip(ColumnType::Double, array, page), Encoding::PcoF32);
    });
    let smooth =
        vec(0..1_u32 << 20, 3_000).prop_flat_map(|v| (Just(v), 0..3_000_usize, singles(), doubles()));
    check(60, smooth, |(values, at, single, double)| {
        let mut values: Vec<f64> = values.iter().map(|v| f64::from(*v) / 1_048_576.0).collect();
        values[at] = single;
        let array = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
        assert_eq!(round_trip(ColumnType::Double, array(&values), 1_000), Encoding::PcoF32);
        values[at] = double;
        round_trip(ColumnType::Double, array(&values), 1_000);
        values[at] = 0.1;
        assert_eq!(round_trip(ColumnType::Double, array(&values), 1_000), Encoding::Pco);
    });
}

/// A NaN whose payload reaches below a single's, and one that would become infinity if it were cut there.
#[test]
fn a_nan_of_53_bits_is_no_single() {
    let mut values: Vec<f64> = (0..3_000).map(|i| f64::from(i * i % 7_919) / 4_096.0).collect();
    let payloads = [1, 1 << 28, 1 << 51 | 1, (1 << 52) - 1];
    for bits in payloads.into_iter().flat_map(|p| [0x7ff << 52 | p, 0xfff << 52 | p]) {
        values[1_234] = f64::from_bits(bits);
        let array = Arc::new(Float64Array::from(values.clone()));
        assert_eq!(round_trip(ColumnType::Double, array, 1_000), Encoding::Pco, "{bits:x}");
    }
}

/// Numbers without any order, the same in each run.
fn hashed(i: i64) -> i64 {
    let mut z = (i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as i64
}

#[test]
fn each_shape_of_numbers_has_its_encoding() {
    let encoding = |number: &dyn Fn(i64) -> i64| {
        let array = Int64Array::from_iter_values((0..20_000).map(number));
        round_trip(ColumnType::BigInt, Arc::new(array), 8_192)
    };
    assert_eq!(encoding(&|_| -7), Encoding::Constant);
    assert_eq!(
        encoding(&|i| 1_700_000_000_000_000_000 + i * 10_000_000_000),
        Encoding::Delta,
        "regular times"
    );
    assert_eq!(encoding(&hashed), Encoding::Delta, "hashes");
    assert_eq!(encoding(&|i| hashed(i).rem_euclid(64) + 18), Encoding::Delta, "six bits, all used");
    assert_eq!(encoding(&|i| (hashed(i).rem_euclid(10_000)).isqrt()), Encoding::PcoU32);
    assert_eq!(encoding(&|i| i64::MIN + (hashed(i).rem_euclid(10_000)).isqrt()), Encoding::PcoU32);
    let reaching = |most: i64| move |i| if i == 77 { most } else { hashed(i).rem_euclid(9_801).isqrt() };
    assert_eq!(encoding(&reaching(i64::from(u32::MAX))), Encoding::PcoU32);
    assert_eq!(encoding(&reaching((1 << 32) + 99)), Encoding::Pco);
    assert_eq!(encoding(&|i| hashed(hashed(i).rem_euclid(300))), Encoding::Dictionary);
}

#[test]
fn bits_that_are_no_numbers_are_kept_raw_without_a_try() {
    let array = Float64Array::from_iter_values((0..20_000).map(|i| f64::from_bits(hashed(i) as u64)));
    assert_eq!(round_trip(ColumnType::Double, Arc::new(array), 8_192), Encoding::Raw);
}

/// Ids that carry, skip, fall back and gain digits.
#[test]
fn prefixed_integers_count_on() {
    let steps = vec(prop_oneof![5 => 0..12_i64, 1 => -30..3_000_i64], 300..700);
    check(100, (steps, 0..2_000_i64, 0..8_usize, 1..300_usize), |(steps, first, width, page)| {
        let mut at = first;
        let ids = steps.iter().map(|step| {
            at = (at + step).max(0);
            format!("order-{at:0width$}")
        });
        round_trip(ColumnType::Text, Arc::new(StringArray::from_iter_values(ids)), page);
    });
}

#[test]
fn numbers_that_repeat_come_back() {
    let few = vec(doubles(), 2..40).prop_flat_map(|few| vec(select(few), 300..3_000));
    check(60, (few, 1..1_000_usize), |(values, page)| {
        round_trip(ColumnType::Double, Arc::new(Float64Array::from(values)), page);
    });
    let few = vec(any::<i64>(), 200).prop_flat_map(|few| vec(select(few), 4_000));
    check(20, few, |values| {
        let encoding = round_trip(ColumnType::BigInt, Arc::new(Int64Array::from(values.clone())), 1_000);
        assert_eq!(encoding, Encoding::Dictionary);
        let doubles = Float64Array::from_iter_values(values.iter().map(|v| f64::from_bits(*v as u64)));
        assert_eq!(round_trip(ColumnType::Double, Arc::new(doubles), 1_000), Encoding::Dictionary);
    });
}

#[test]
fn blocks_come_back() {
    let effort = || select(vec![Effort::Flush, Effort::Compaction]);
    check(100, (prop_oneof![Just(Vec::new()), integers()], effort()), |(values, effort)| {
        let mut bytes = encode_integers(&values, effort);
        bytes.push(7);
        let mut cursor = Cursor::new(&bytes);
        assert_eq!(decode_integers(&mut cursor, values.len()).unwrap(), values);
        assert_eq!(cursor.rest(), [7]);
        assert!(values.is_empty() || decode_integers(&mut Cursor::new(&bytes), values.len() - 1).is_err());
    });
    check(100, (vec(doubles(), 0..400), effort()), |(values, effort)| {
        let bytes = encode_doubles(&values, effort);
        let mut cursor = Cursor::new(&bytes);
        let found = decode_doubles(&mut cursor, values.len()).unwrap();
        cursor.finish().unwrap();
        assert!(found.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
    });
    assert!(encode_integers(&[1, 2, 3], Effort::Flush).len() <= 10);
    check(3_000, vec(any::<u8>(), 0..100), |bytes| {
        for lead in 0..=12 {
            let bytes: Vec<u8> = [3, lead].into_iter().chain(bytes.iter().copied()).collect();
            let _ = (
                decode_integers(&mut Cursor::new(&bytes), 5_000),
                decode_doubles(&mut Cursor::new(&bytes), 5_000),
            );
        }
    });
}

#[test]
fn booleans_come_back() {
    check(100, optional(any::<bool>()), |(values, page)| {
        round_trip(ColumnType::Boolean, Arc::new(BooleanArray::from(values)), page);
    });
    let rare: BooleanArray = (0..20_000).map(|i| Some(i % 5_000 == 7)).collect();
    assert_eq!(round_trip(ColumnType::Boolean, Arc::new(rare), 8_192), Encoding::Bitmap);
}

/// Texts that some encoding nearly takes.
fn texts() -> BoxedStrategy<String> {
    let uuid = |upper: bool| {
        any::<u128>().prop_map(move |v| {
            let h = format!("{v:032x}");
            let text = format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..]);
            if upper { text.to_uppercase() } else { text }
        })
    };
    prop_oneof![
        ".*".boxed(),
        select(vec!["", "a", "red", "0", "00", "-1", "é"]).prop_map(String::from).boxed(),
        (0..100_u64).prop_map(|v| v.to_string()).boxed(),
        any::<u64>().prop_map(|v| format!("p{v}")).boxed(),
        (0..1_000_u32).prop_map(|v| format!("r-{v:06}")).boxed(),
        uuid(false).boxed(),
        uuid(true).boxed(),
    ]
    .boxed()
}

#[test]
fn texts_come_back() {
    check(200, optional(texts()), |(values, page)| {
        round_trip(ColumnType::Text, Arc::new(StringArray::from(values)), page);
    });
    let odd = vec(texts(), 1..3).prop_flat_map(|odd| (0..50_usize, Just(odd)));
    // All of one shape but for one or two: the rule must see them wherever they are.
    check(100, (odd, 0..4_usize, 0..200_u64), |((at, odd), shape, from)| {
        let plain = |i: u64| match shape {
            0 => format!("{i}"),
            1 => format!("order-{i:05}"),
            2 => format!("{:08x}-0000-7000-8000-{:012x}", i, i * i),
            _ => format!("{}", i % 3),
        };
        let mut values: Vec<String> = (from..from + 100).map(plain).collect();
        values.splice(at..at, odd);
        round_trip(ColumnType::Text, Arc::new(StringArray::from_iter_values(values)), 40);
    });
}

#[test]
fn each_shape_of_text_has_its_encoding() {
    let encoding =
        |texts: Vec<String>| round_trip(ColumnType::Text, Arc::new(StringArray::from(texts)), 8_192);
    let many = |text: &dyn Fn(u64) -> String| encoding((0..2_000).map(text).collect());
    assert_eq!(many(&|_| "one".into()), Encoding::Constant);
    assert_eq!(many(&|i| format!("v{}", i % 500)), Encoding::Dictionary);
    assert_eq!(many(&|i| format!("v{}", i % 501)), Encoding::Prefixed);
    assert_eq!(many(&|i| format!("{i:018}")), Encoding::Prefixed);
    assert_eq!(many(&|i| format!("{}", i * 1_000_000_000_000_000)), Encoding::Zstd, "19 digits");
    assert_eq!(many(&|i| if i == 1_999 { "01".into() } else { format!("{i}") }), Encoding::Zstd);
    assert_eq!(many(&|i| format!("{i:08x}-0000-4000-8000-000000000000")), Encoding::Uuid);
    assert_eq!(many(&|i| format!("{i:08X}-0000-4000-8000-000000000000")), Encoding::Zstd);
}

#[test]
fn byte_strings_come_back() {
    check(100, optional(vec(any::<u8>(), 0..40)), |(values, page)| {
        let array: BinaryArray = values.into_iter().collect();
        round_trip(ColumnType::Distribution, Arc::new(array), page);
    });
}

#[test]
fn vectors_come_back_with_null_elements() {
    let item = proptest::option::weighted(0.9, any::<u32>().prop_map(f32::from_bits));
    let column = vec(proptest::option::weighted(0.8, vec(item, 4)), 1..200);
    check(100, (column, 1..60_usize), |(values, page)| {
        let array = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(values, 4);
        round_trip(ColumnType::Vector(4), Arc::new(array), page);
    });
}

/// A decoder and a page of every type and encoding that a chunk of rows `0..rows` leads to.
fn samples(rows: usize) -> Vec<(ColumnType, EncodedChunk, usize, usize)> {
    let text = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new((0..rows).map(|i| (i % 7 > 0).then(|| text(i))).collect::<StringArray>())
    };
    let hashed = |i: usize| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64;
    let vectors = (0..rows).map(|i| (i % 7 > 0).then_some([Some(1.0_f32), (i % 3 > 0).then_some(2.0)]));
    let arrays: Vec<(ColumnType, ArrayRef)> = vec![
        (ColumnType::BigInt, Arc::new((0..rows).map(|i| Some(i as i64 * 1_000)).collect::<Int64Array>())),
        (
            ColumnType::BigInt,
            Arc::new((0..rows).map(|i| Some((hashed(i) % 1_000).pow(5))).collect::<Int64Array>()),
        ),
        (
            ColumnType::Boolean,
            Arc::new((0..rows).map(|i| (i % 7 > 0).then_some(i % 3 == 0)).collect::<BooleanArray>()),
        ),
        (
            ColumnType::BigInt,
            Arc::new((0..rows).map(|i| (i % 7 > 0).then_some(hashed(i))).collect::<Int64Array>()),
        ),
        (
            ColumnType::BigInt,
            Arc::new((0..rows).map(|i| Some((hashed(i) % 11).pow(4))).collect::<Int64Array>()),
        ),
        (
            ColumnType::Double,
            Arc::new((0..rows).map(|i| Some(f64::from_bits(hashed(i) as u64))).collect::<Float64Array>()),
        ),
        (
            ColumnType::Double,
            Arc::new((0..rows).map(|i| Some((hashed(i) % 1_000) as f64 / 10.0)).collect::<Float64Array>()),
        ),
        (
            ColumnType::Double,
            Arc::new((0..rows).map(|i| Some(f64::from(hashed(i) as i16) / 8.0)).collect::<Float64Array>()),
        ),
        (ColumnType::Text, text(&|i| format!("v{}", i % 5))),
        (ColumnType::Text, text(&|i| format!("v{i}"))),
        (ColumnType::Text, text(&|i| format!("{i} and more"))),
        (ColumnType::Text, text(&|i| format!("{:08x}-0000-4000-8000-{:012x}", hashed(i) as u32, i))),
        (ColumnType::Text, text(&|_| "constant".into())),
        (
            ColumnType::Distribution,
            Arc::new((0..rows).map(|i| Some(i.to_le_bytes().to_vec())).collect::<BinaryArray>()),
        ),
        (
            ColumnType::Vector(2),
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(vectors, 2)),
        ),
        (ColumnType::Double, Arc::new(Float64Array::new_null(rows))),
    ];
    let encode = |(ty, array): (ColumnType, ArrayRef)| {
        let efforts = [Effort::Flush, Effort::Compaction];
        efforts.map(|effort| (ty, encode(ty, &array, &[rows], effort), rows, array.null_count()))
    };
    let samples: Vec<_> = arrays.into_iter().flat_map(encode).collect();
    for encoding in Encoding::ALL {
        assert!(samples.iter().any(|(_, chunk, ..)| chunk.encoding == encoding), "no sample of {encoding:?}");
    }
    samples
}

/// Where a decoder takes the bytes, its array is whole: every value can be looked at.
fn decode_any(ty: ColumnType, encoding: Encoding, meta: &[u8], page: &[u8], rows: usize, nulls: usize) {
    if let Ok(decoder) = ChunkDecoder::new(encoding, ty, meta)
        && let Ok(array) = decoder.decode(page, rows, nulls)
    {
        assert_eq!((array.len(), array.null_count()), (rows, nulls));
        bits(&array);
    }
}

#[test]
fn damaged_chunks_are_errors_or_other_values() {
    let samples = samples(500);
    let index = any::<proptest::sample::Index>;
    let change = (index(), index(), vec((index(), any::<u8>()), 1..4), index(), any::<bool>());
    check(4_000, change, |(sample, part, flips, cut, shorten)| {
        let (ty, chunk, rows, nulls) = sample.get(&samples);
        let mut parts = [chunk.meta.clone(), chunk.pages[0].clone()];
        let damaged = &mut parts[part.index(2)];
        for (at, byte) in flips.iter().filter(|_| !damaged.is_empty()).collect::<Vec<_>>() {
            let at = at.index(damaged.len());
            damaged[at] = *byte;
        }
        if shorten && !damaged.is_empty() {
            damaged.truncate(cut.index(damaged.len()));
        }
        decode_any(*ty, chunk.encoding, &parts[0], &parts[1], *rows, *nulls);
    });
}

#[test]
fn decoders_take_arbitrary_bytes() {
    let types = vec![
        ColumnType::Boolean,
        ColumnType::BigInt,
        ColumnType::Double,
        ColumnType::Text,
        ColumnType::Timestamp,
        ColumnType::Json,
        ColumnType::Vector(3),
        ColumnType::Vector(u32::MAX),
        ColumnType::Distribution,
    ];
    let bytes = || prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..100), vec(0..4_u8, 0..30)];
    let input =
        (select(types), select(Encoding::ALL.to_vec()), bytes(), bytes(), 0..9_000_usize, 0..9_000_usize);
    check(6_000, input, |(ty, encoding, meta, page, rows, nulls)| {
        decode_any(ty, encoding, &meta, &page, rows, nulls % (rows + 2));
    });
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let bomb = squeeze::squeeze(vec![0; 100 << 20]);
    assert!(bomb.len() < 20_000);
    assert!(squeeze::unsqueeze(&bomb, 1 << 20).is_err());
    let mut page = Vec::new();
    put_bytes(&mut page, &delta::encode(&[100 << 20]));
    put_varint(&mut page, 100 << 20);
    page.extend(bomb);
    let decoder = ChunkDecoder::new(Encoding::Zstd, ColumnType::Text, &[]).unwrap();
    assert!(decoder.decode(&page, 1, 0).is_err());
}

#[test]
fn numbers_on_disk_stay() {
    assert_eq!(Encoding::ALL.map(Encoding::id), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert!(Encoding::from_id(12).is_err());
    check(200, (any::<u64>(), any::<i64>()), |(plain, signed)| {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, plain);
        put_signed(&mut bytes, signed);
        let mut cursor = Cursor::new(&bytes);
        assert_eq!((cursor.varint().unwrap(), cursor.signed().unwrap()), (plain, signed));
        cursor.finish().unwrap();
    });
    assert!(Cursor::new(&[0xff; 10]).varint().is_err(), "more than 64 bits");
}
