use super::*;
use crate::bytes::Cursor;
use crate::change::{Change, decode, encode};

fn schema() -> TableSchema {
    let column = |id, name: &str, ty, role| Column { id, ..Column::new(name, ty, role) };
    let columns = vec![
        column(1, "time", ColumnType::Timestamp, Role::Time),
        column(2, "x", ColumnType::Double, Role::Field),
        column(3, "n", ColumnType::BigInt, Role::Field),
        column(4, "s", ColumnType::Text, Role::Field),
        column(5, "v", ColumnType::Vector(2), Role::Field),
    ];
    TableSchema { id: 7, ..TableSchema::new("t", columns) }
}

fn compare(column: ColumnId, by: Comparison, value: Value) -> Predicate {
    Predicate::Compare { column, by, value }
}

fn matches(predicate: Predicate, array: ArrayRef) -> Vec<bool> {
    let filter = Filter::new(predicate, &schema()).unwrap();
    let rows = RecordBatch::try_from_iter([("c", array)]).unwrap();
    filter.matches(&rows).unwrap().values().iter().collect()
}

#[test]
fn unknown_is_neither_true_nor_its_opposite() {
    let numbers = || -> ArrayRef { std::sync::Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) };
    let less = || compare(3, Comparison::Less, Value::BigInt(2));
    assert_eq!(matches(less(), numbers()), [true, false, false]);
    assert_eq!(matches(Predicate::Not(Box::new(less())), numbers()), [false, false, true]);
    assert_eq!(matches(Predicate::IsNull(3), numbers()), [false, true, false]);
    let known = Predicate::Or(vec![less(), Predicate::Not(Box::new(Predicate::IsNull(3)))]);
    assert_eq!(matches(known, numbers()), [true, false, true]);
    let nothing = Predicate::And(vec![less(), Predicate::Or(Vec::new())]);
    assert_eq!(matches(nothing, numbers()), [false, false, false]);
}

#[test]
fn nan_is_the_greatest_and_zero_is_one() {
    let doubles: ArrayRef = std::sync::Arc::new(Float64Array::from(vec![f64::NAN, 1.0, f64::INFINITY]));
    let is_nan = compare(2, Comparison::Equal, Value::Double(f64::NAN));
    assert_eq!(matches(is_nan, doubles.clone()), [true, false, false]);
    let large = compare(2, Comparison::Greater, Value::Double(f64::INFINITY));
    assert_eq!(matches(large, doubles), [true, false, false]);
    let zeros: ArrayRef = std::sync::Arc::new(Float64Array::from(vec![0.0, -0.0]));
    for zero in [0.0, -0.0] {
        let equal = compare(2, Comparison::Equal, Value::Double(zero));
        assert_eq!(matches(equal, zeros.clone()), [true, true]);
        assert_eq!(matches(compare(2, Comparison::Less, Value::Double(zero)), zeros.clone()), [false, false]);
    }
}

#[test]
fn the_times_that_can_match_are_known() {
    let at = |by, nanos| compare(1, by, Value::Timestamp(nanos));
    let range = |p| {
        let time = Filter::new(p, &schema()).unwrap().time();
        (time.min, time.max)
    };
    let within = Predicate::And(vec![at(Comparison::GreaterOrEqual, 10), at(Comparison::Less, 20)]);
    assert_eq!(range(within.clone()), (10, 19));
    assert_eq!(range(Predicate::Or(vec![within.clone(), at(Comparison::Equal, 40)])), (10, 40));
    assert_eq!(range(Predicate::Or(vec![within.clone(), Predicate::IsNull(2)])), (i64::MIN, i64::MAX));
    assert_eq!(range(Predicate::Not(Box::new(within))), (i64::MIN, i64::MAX));
    let never = Predicate::And(vec![at(Comparison::Less, 0), at(Comparison::Greater, 0)]);
    let (min, max) = range(never);
    assert!(min > max);
}

#[test]
fn what_does_not_fit_the_table_is_refused_by_name() {
    let refused = |predicate| Filter::new(predicate, &schema()).unwrap_err().to_string();
    assert!(refused(Predicate::IsNull(9)).contains("no column with id 9"));
    let text = refused(compare(3, Comparison::Equal, Value::Text("1".into())));
    assert!(text.contains("column n is BIGINT"), "{text}");
    assert!(refused(compare(5, Comparison::Equal, Value::Double(1.0))).contains("column v is VECTOR(2)"));
    let deep = (0..100).fold(Predicate::True, |inner, _| Predicate::Not(Box::new(inner)));
    assert!(refused(deep).contains("101 deep"));
}

#[test]
fn changes_read_back_and_no_cut_or_flip_panics() {
    let predicate = Predicate::And(vec![
        Predicate::Or(vec![compare(4, Comparison::NotEqual, Value::Text("ü".into())), Predicate::IsNull(2)]),
        Predicate::Not(Box::new(compare(2, Comparison::LessOrEqual, Value::Double(-0.0)))),
        compare(1, Comparison::Greater, Value::Timestamp(-5)),
        compare(3, Comparison::Equal, Value::BigInt(i64::MIN)),
        compare(6, Comparison::GreaterOrEqual, Value::Boolean(true)),
        Predicate::True,
    ]);
    let changes =
        vec![Change::Delete { table: 7, predicate }, Change::Delete { table: 1, predicate: Predicate::True }];
    let mut bytes = Vec::new();
    encode(&changes, &mut bytes);
    assert_eq!(decode(&mut Cursor::new(&bytes)).unwrap(), changes);
    for cut in 0..bytes.len() {
        assert!(decode(&mut Cursor::new(&bytes[..cut])).is_err(), "cut at {cut}");
    }
    for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let _ = decode(&mut Cursor::new(&flipped));
    }
}
