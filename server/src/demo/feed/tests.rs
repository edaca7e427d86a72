use arrow::array::AsArray;
use arrow::datatypes::Float64Type;

use super::super::times::schedule;
use super::*;

#[test]
fn every_column_of_the_model_is_sent() {
    let data = Employment::carried().unwrap();
    let events = &schedule(data.years())[..5];
    let (rows, labels) = (predictions(&data, events, None).unwrap(), labels(&data, events).unwrap());
    let mut sent: Vec<&str> = rows.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
    sent.extend(labels.schema_ref().fields().iter().map(|f| f.name().as_str()).filter(|f| *f == "employed"));
    let declared = columns();
    let declared = declared.split(", ").map(|c| c.split(' ').next().unwrap());
    assert_eq!(sent[1..].to_vec(), declared.collect::<Vec<_>>());
    assert_eq!((rows.num_rows(), labels.num_rows()), (5, 5));
}

#[test]
fn only_the_fault_multiplies_ages() {
    let data = Employment::carried().unwrap();
    let events = &schedule(data.years())[..100];
    let ages = |from| {
        let rows = predictions(&data, events, from).unwrap();
        rows.column_by_name("AGEP").unwrap().as_primitive::<Float64Type>().values().to_vec()
    };
    let (right, wrong) = (ages(None), ages(Some(events[40].time)));
    assert_eq!(right[..40], wrong[..40]);
    assert!(right[40..].iter().zip(&wrong[40..]).all(|(years, months)| years * 12.0 == *months));
}
