//! Labels and predictions as values: `'1'`, `1`, `1.0` and `true` are the same one.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::scalar::ScalarValue;

/// A label, a prediction or a class, in its one normal form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<T> {
    /// A whole number; booleans are 0 and 1.
    Integer(i64),
    /// Any other number; never NaN.
    Number(f64),
    /// Text that is neither a number nor a boolean, letter for letter.
    Text(T),
}

/// What rows say of a class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    /// It is this class.
    pub(super) yes: BooleanBuffer,
    /// It is this or another; nothing is said by NULL and NaN.
    pub(super) any: BooleanBuffer,
}

/// How many different texts of a column are remembered: labels have few.
const TEXTS_KNOWN_MAX: usize = 8;

/// 2^63: from here on a float is no i64.
const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;

impl<T> Value<T> {
    fn number(x: f64) -> Option<Self> {
        if x.is_nan() {
            return None;
        }
        let whole = x.fract() == 0.0 && (-INTEGER_END..INTEGER_END).contains(&x);
        Some(if whole { Self::Integer(x as i64) } else { Self::Number(x) })
    }
}

impl<'a> Value<&'a str> {
    /// The value a text stands for: a boolean (in any case), a finite number, else itself.
    pub(super) fn parse(text: &'a str) -> Self {
        if text.eq_ignore_ascii_case("true") {
            return Self::Integer(1);
        }
        if text.eq_ignore_ascii_case("false") {
            return Self::Integer(0);
        }
        if let Ok(x) = text.parse::<i64>() {
            return Self::Integer(x);
        }
        // Rust reads "inf" and "nan" as numbers; as a class they are words.
        let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
        number.and_then(Self::number).unwrap_or(Self::Text(text))
    }
}

impl PartialEq<Value<&str>> for Value<String> {
    fn eq(&self, other: &Value<&str>) -> bool {
        match (self, other) {
            (Self::Integer(a), Value::Integer(b)) => a == b,
            (Self::Number(a), Value::Number(b)) => a == b,
            (Self::Text(a), Value::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl Value<String> {
    /// The class a constant names; None for NULL and NaN.
    pub(super) fn of_scalar(scalar: &ScalarValue) -> Result<Option<Self>> {
        let array = scalar.to_array()?;
        let value = Values::new(&array)?;
        Ok(value.get(0).map(|value| match value {
            Value::Integer(x) => Self::Integer(x),
            Value::Number(x) => Self::Number(x),
            Value::Text(x) => Self::Text(x.to_string()),
        }))
    }
}

/// A column of labels or predictions, read as values.
pub(super) enum Values<'a> {
    Boolean(&'a arrow::array::BooleanArray),
    Integer(&'a arrow::array::Int64Array),
    Number(&'a arrow::array::Float64Array),
    Text(&'a StringArray),
}

impl<'a> Values<'a> {
    /// Reads a column of one of the four types that arguments of this kind are cast to.
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Number(array.as_primitive::<Float64Type>()),
            DataType::Utf8 => Self::Text(array.as_string::<i32>()),
            other => return exec_err!("labels and predictions are text, numbers or booleans, not {other}"),
        })
    }

    /// The value of a row; None where it is NULL or NaN, for then nothing was said.
    pub(super) fn get(&self, row: usize) -> Option<Value<&'a str>> {
        match self {
            Self::Boolean(a) => a.is_valid(row).then(|| Value::Integer(i64::from(a.value(row)))),
            Self::Integer(a) => a.is_valid(row).then(|| Value::Integer(a.value(row))),
            Self::Number(a) => a.is_valid(row).then(|| Value::number(a.value(row))).flatten(),
            Self::Text(a) => a.is_valid(row).then(|| Value::parse(a.value(row))),
        }
    }

    /// What each row says of a class.
    pub(super) fn of_class(&self, class: &Value<String>) -> Said {
        match self {
            Self::Boolean(a) => {
                let [no, yes] = [0, 1].map(|flag| *class == Value::<&str>::Integer(flag));
                let yes = match (no, yes) {
                    (true, true) => BooleanBuffer::new_set(a.len()),
                    (true, false) => !a.values(),
                    (false, true) => a.values().clone(),
                    (false, false) => BooleanBuffer::new_unset(a.len()),
                };
                Said::of(yes, a.nulls())
            }
            Self::Integer(a) => {
                let yes = |row| *class == Value::<&str>::Integer(a.value(row));
                Said::of(BooleanBuffer::collect_bool(a.len(), yes), a.nulls())
            }
            Self::Number(a) => {
                let value = |row| if a.is_valid(row) { Value::<&str>::number(a.value(row)) } else { None };
                let yes = BooleanBuffer::collect_bool(a.len(), |row| value(row).is_some_and(|v| *class == v));
                Said { yes, any: BooleanBuffer::collect_bool(a.len(), |row| value(row).is_some()) }
            }
            Self::Text(a) => {
                let mut texts = Texts::new(class);
                let yes = match of_one_byte(a) {
                    Some(bytes) => {
                        let is_it = texts.are_it(bytes);
                        BooleanBuffer::collect_bool(a.len(), |row| is_it[usize::from(bytes[row])])
                    }
                    None => BooleanBuffer::collect_bool(a.len(), |row| texts.is_it(a.value(row))),
                };
                Said::of(yes, a.nulls())
            }
        }
    }
}

impl Said {
    fn of(yes: BooleanBuffer, nulls: Option<&NullBuffer>) -> Self {
        match nulls {
            Some(nulls) => Self { yes: &yes & nulls.inner(), any: nulls.inner().clone() },
            None => Self { any: BooleanBuffer::new_set(yes.len()), yes },
        }
    }
}

/// The bytes of texts that have one each, as the labels 0 and 1; none where one is longer or missing.
fn of_one_byte(texts: &StringArray) -> Option<&[u8]> {
    let offsets = texts.value_offsets();
    let bytes = texts.value_data().get(*offsets.first()? as usize..*offsets.last()? as usize)?;
    let is_one =
        bytes.len() == texts.len() && offsets.iter().zip(offsets.iter().skip(1)).all(|(a, b)| b - a == 1);
    is_one.then_some(bytes)
}

/// Texts and whether they are a class, each read once as far as there are few.
struct Texts<'a> {
    class: &'a Value<String>,
    /// By the byte of texts that have but one.
    of_byte: [Option<bool>; 256],
    known: Vec<(u64, bool)>,
}

impl<'a> Texts<'a> {
    fn new(class: &'a Value<String>) -> Self {
        Self { class, of_byte: [None; 256], known: Vec::with_capacity(TEXTS_KNOWN_MAX) }
    }

    /// Which of the bytes are the class as texts; of bytes that are not there nothing is said.
    fn are_it(&mut self, bytes: &[u8]) -> [bool; 256] {
        let mut seen = [false; 256];
        bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        std::array::from_fn(|byte| {
            let text = [byte as u8];
            seen[byte] && std::str::from_utf8(&text).is_ok_and(|text| self.is_it(text))
        })
    }

    fn is_it(&mut self, text: &str) -> bool {
        if let [byte] = text.as_bytes() {
            let class = self.class;
            let known = self.of_byte.get_mut(usize::from(*byte));
            return match known {
                Some(known) => *known.get_or_insert_with(|| *class == Value::parse(text)),
                None => false,
            };
        }
        let Some(word) = word(text) else { return *self.class == Value::parse(text) };
        if let Some((_, is_it)) = self.known.iter().find(|(other, _)| *other == word) {
            return *is_it;
        }
        let is_it = *self.class == Value::parse(text);
        if self.known.len() < TEXTS_KNOWN_MAX {
            self.known.push((word, is_it));
        }
        is_it
    }
}

/// A text of up to 7 bytes and its length in one word: as quick to compare as a number.
fn word(text: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    let (length, rest) = bytes.split_first_mut()?;
    rest.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    *length = text.len() as u8;
    Some(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array};
    use proptest::prelude::*;

    use super::*;

    fn values(array: ArrayRef) -> Vec<Option<Value<String>>> {
        (0..array.len())
            .map(|i| Value::of_scalar(&ScalarValue::try_from_array(&array, i).unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn one_is_one_in_every_type() {
        let ones: [ArrayRef; 4] = [
            Arc::new(StringArray::from(vec!["1", "1.0", "true", "True", "1e0", "+1"])),
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(Float64Array::from(vec![1.0])),
            Arc::new(BooleanArray::from(vec![true])),
        ];
        for value in ones.into_iter().flat_map(values) {
            assert_eq!(value, Some(Value::Integer(1)));
        }
    }

    #[test]
    fn words_stay_words() {
        for word in ["", " 1", "fraud", "Fraud", "nan", "inf", "infinity", "yes", "0x1"] {
            assert_eq!(Value::parse(word), Value::Text(word));
        }
        assert_ne!(Value::parse("fraud"), Value::parse("Fraud"));
    }

    #[test]
    fn nothing_said_is_no_value() {
        assert_eq!(values(Arc::new(Float64Array::from(vec![None, Some(f64::NAN)]))), [None, None]);
        assert_eq!(values(Arc::new(StringArray::from(vec![None::<&str>]))), [None]);
    }

    #[test]
    fn whole_numbers_above_2_53_are_told_apart() {
        assert_ne!(Value::parse("9007199254740993"), Value::parse("9007199254740992"));
        assert_eq!(Value::parse("-0.0"), Value::Integer(0));
        assert_eq!(Value::parse("1e300"), Value::Number(1e300));
        assert_eq!(Value::<&str>::number(INTEGER_END), Some(Value::Number(INTEGER_END)));
    }

    proptest! {
        #[test]
        fn a_row_says_of_a_class_what_its_value_does(texts in prop_oneof![
            prop::collection::vec(prop::option::of("[01tx]{0,2}|1\\.0|true"), 0..60),
            prop::collection::vec("[01tx]".prop_map(Some), 0..60),
        ]) {
            let texts: ArrayRef = Arc::new(StringArray::from(texts));
            let numbers = arrow::compute::cast(&texts, &DataType::Float64).unwrap();
            let flags = arrow::compute::cast(&texts, &DataType::Boolean).unwrap();
            for (array, class) in [&texts, &numbers, &flags].into_iter().zip([Value::Integer(1), Value::Integer(1), Value::Integer(0)]) {
                let values = Values::new(array).unwrap();
                let said = values.of_class(&class);
                for row in 0..array.len() {
                    let expected = values.get(row).map(|value| class == value);
                    let found = said.any.value(row).then(|| said.yes.value(row));
                    prop_assert_eq!(found, expected);
                    prop_assert!(said.any.value(row) || !said.yes.value(row));
                }
            }
        }

        #[test]
        fn numbers_and_their_texts_are_equal(x in any::<i64>(), y in -1e9f64..1e9) {
            let (whole, other) = (x.to_string(), y.to_string());
            prop_assert_eq!(Value::parse(&whole), Value::Integer(x));
            prop_assert_eq!(Some(Value::parse(&other)), Value::number(y));
        }
    }
}
