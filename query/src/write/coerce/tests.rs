use arrow::array::{Float64Array, Int64Array};
use proptest::prelude::*;

use super::*;

const PLACE: Place<'_> = Place { table: "t", column: "c", first_row: 0 };

fn coerced(values: impl Array + 'static, ty: ColumnType) -> Result<ArrayRef> {
    let values: ArrayRef = Arc::new(values);
    to(&values, ty, &PLACE)
}

proptest! {
    /// What is taken can be given back bit for bit; what cannot is refused.
    #[test]
    fn an_integer_becomes_a_double_only_if_it_is_one(value in prop_oneof![any::<i64>(), -(1_i64 << 54)..(1_i64 << 54)]) {
        let exact = (value as f64) as i128 == i128::from(value);
        match coerced(Int64Array::from(vec![value]), ColumnType::Double) {
            Ok(doubles) => {
                prop_assert!(exact);
                prop_assert_eq!(doubles.as_primitive::<Float64Type>().value(0), value as f64);
            }
            Err(error) => {
                prop_assert!(!exact);
                prop_assert!(error.to_string().contains(&format!("row 1 is {value}")), "{}", error);
            }
        }
    }

    #[test]
    fn a_double_becomes_an_integer_only_if_it_is_one(value in prop_oneof![any::<f64>(), (-1000_i64..1000).prop_map(|n| n as f64)]) {
        let Ok(integers) = coerced(Float64Array::from(vec![value]), ColumnType::BigInt) else {
            let integer = value.fract() == 0.0 && value.abs() <= (1_i64 << 53) as f64 && value.to_bits() != (-0.0_f64).to_bits();
            prop_assert!(!integer, "{} was refused", value);
            return Ok(());
        };
        let back = integers.as_primitive::<Int64Type>().value(0) as f64;
        prop_assert_eq!(back.to_bits(), value.to_bits());
    }
}

#[test]
fn nulls_go_through_whatever_the_type() {
    let sparse = coerced(Int64Array::from(vec![None, Some(1)]), ColumnType::Double).unwrap();
    assert!(sparse.is_null(0));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![None::<i64>]));
    let error = to(&numbers, ColumnType::Text, &PLACE).unwrap_err().to_string();
    assert_eq!(error, "column c of table t is TEXT, the rows have Int64");
}

#[test]
fn sliced_vectors_keep_their_own_numbers() {
    use arrow::array::ListArray;
    let row = |a, b| Some(vec![Some(a), Some(b)]);
    let lists = ListArray::from_iter_primitive::<arrow::datatypes::Float32Type, _, _>(vec![
        row(1.0, 2.0),
        row(3.0, 4.0),
        None,
    ]);
    let vectors = coerced(lists.slice(1, 2), ColumnType::Vector(2)).unwrap();
    assert_eq!((shown(&vectors, 0).as_str(), vectors.is_null(1)), ("[3.0, 4.0]", true));
}
