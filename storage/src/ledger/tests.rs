use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};

use super::*;
use crate::change::Value;
use crate::disk::SimDisk;

fn name(id: u32, name: &str) -> Name {
    Name { id, name: name.into() }
}

fn filled() -> Ledger {
    let mut ledger = Ledger::new(&SimDisk::new(1));
    let hash = ledger.hash(["c-17"]);
    let columns =
        Scope::Columns { table: name(3, "calls"), columns: vec![name(2, "customer"), name(4, "n")] };
    let linked = vec![
        Link::Keys { own: name(1, "id"), table: name(9, "calls$labels"), theirs: name(2, "id") },
        Link::Rows { table: name(5, "$rejected"), column: name(2, "table_name"), text: "calls".into() },
    ];
    ledger.add(vec![Entry { time: 7, scope: Scope::Subject, hash, linked: Vec::new() }]).unwrap();
    ledger.add(vec![Entry { time: 8, scope: columns, hash, linked }]).unwrap();
    ledger
}

#[test]
fn a_ledger_is_read_as_it_was_written_and_does_not_hold_the_value() {
    let disk = SimDisk::new(0);
    assert_eq!(Ledger::load(&disk).unwrap(), None);
    let ledger = filled();
    ledger.publish(&disk).unwrap();
    assert_eq!(Ledger::load(&disk).unwrap(), Some(ledger));
    let bytes = disk.read(LEDGER_FILE).unwrap();
    assert!(!bytes.windows(4).any(|part| part == b"c-17"));
}

#[test]
fn c6_every_damaged_byte_of_a_ledger_is_noticed() {
    let bytes = codec::encode(&filled());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let error = Ledger::decode(&damaged).unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }), "byte {at}: {error}");
    }
    assert!(Ledger::decode(&bytes[..bytes.len() - 1]).is_err(), "a file cut short");
}

#[test]
fn hashes_depend_on_the_key_and_on_where_one_value_ends() {
    let (one, other) = (Ledger::new(&SimDisk::new(1)), Ledger::new(&SimDisk::new(2)));
    assert_ne!(one.hash(["a"]), other.hash(["a"]));
    assert_ne!(one.hash(["ab", "c"]), one.hash(["a", "bc"]));
    assert!(filled().clone().merge(&other).is_err(), "two databases");
}

#[test]
fn ledgers_of_one_database_add_up() {
    let (mut one, mut other) = (filled(), filled());
    let entry = Entry { time: 9, scope: Scope::Subject, hash: [1; 32], linked: Vec::new() };
    other.add(vec![entry]).unwrap();
    one.merge(&other).unwrap();
    assert_eq!(one, other);
    one.merge(&filled()).unwrap();
    assert_eq!(one, other);
}

#[test]
fn a_value_is_the_same_text_in_every_type_it_can_have() {
    let cell = |array: ArrayRef| {
        let mut text = String::from("left over");
        assert!(write_cell(&array, 0, &mut text));
        text
    };
    assert_eq!(cell(Arc::new(Int64Array::from(vec![-42]))), "-42");
    assert_eq!(cell(Arc::new(Float64Array::from(vec![-42.0]))), "-42");
    assert_eq!(cell(Arc::new(Float64Array::from(vec![-0.0]))), "0");
    assert_eq!(cell(Arc::new(StringArray::from(vec!["-42"]))), text_of(&Value::Text("-42".into())));
    assert_eq!(text_of(&Value::Double(0.5)), cell(Arc::new(Float64Array::from(vec![0.5]))));
    assert_eq!(text_of(&Value::BigInt(-42)), "-42");
    let null: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    assert!(!write_cell(&null, 0, &mut String::new()));
}
