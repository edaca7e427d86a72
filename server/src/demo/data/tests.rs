use super::*;

/// Accuracy, precision, recall and AUC of each year, computed by scikit-learn from the source.
const QUALITY: [(i32, [f64; 4]); 4] = [
    (2015, [0.8272, 0.8000, 0.8685, 0.9034]),
    (2016, [0.8253, 0.8042, 0.8610, 0.9020]),
    (2017, [0.8292, 0.8115, 0.8602, 0.9051]),
    (2018, [0.8282, 0.8108, 0.8608, 0.9057]),
];

#[test]
fn carried_data_has_the_known_quality() {
    let data = Employment::carried().unwrap();
    assert_eq!(data.years().iter().map(|y| y.rows.len()).sum::<usize>(), 277_677);
    assert_eq!(data.years()[0], YearRows { year: 2015, rows: 0..68_785 });
    for (year, known) in data.years().iter().zip(QUALITY) {
        assert_eq!(year.year, known.0);
        for (found, known) in quality(&data, year.rows.clone()).into_iter().zip(known.1) {
            assert!((found - known).abs() <= 5.1e-5, "{}: {found} is not {known}", year.year);
        }
    }
}

fn quality(data: &Employment, rows: Range<usize>) -> [f64; 4] {
    let count = |label, prediction| {
        rows.clone().filter(|r| data.label(*r) == label && data.prediction(*r) == prediction).count() as f64
    };
    let (tp, fp, missed) = (count(1, 1), count(0, 1), count(1, 0));
    let accuracy = (tp + count(0, 0)) / rows.len() as f64;
    [accuracy, tp / (tp + fp), tp / (tp + missed), auc(data, rows)]
}

/// Mann and Whitney: the share of (yes, no) pairs that the probability orders rightly, ties half.
fn auc(data: &Employment, rows: Range<usize>) -> f64 {
    let mut scored: Vec<(f64, i64)> = rows.map(|r| (data.probability(r), data.label(r))).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut pairs, mut positives) = (0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let yes = tied.iter().filter(|(_, label)| *label == 1).count() as f64;
        let no = tied.len() as f64 - yes;
        pairs += yes * (below + no / 2.0);
        below += no;
        positives += yes;
    }
    pairs / (positives * below)
}

#[test]
fn first_and_last_rows_are_those_of_the_source() {
    let data = Employment::carried().unwrap();
    assert_eq!(data.codes(0), &[62, 16, 1, 17, 1, 0, 1, 1, 4, 2, 1, 2, 2, 2, 2, 1]);
    assert_eq!(data.codes(277_676), &[1, 0, 5, 2, 2, 1, 1, 1, 0, 2, 1, 2, 2, 0, 2, 1]);
    assert_eq!(data.probability(277_676), 0.0001559150040561598);
    assert_eq!((data.prediction(0), data.label(0), data.prediction(3), data.label(3)), (0, 0, 1, 0));
    assert_eq!(format!("{:.6}", data.probability(2)), "0.951815");
}

#[test]
fn damaged_data_are_refused() {
    let raw = zstd::bulk::decompress(FILE, DECODED_BYTES_MAX).unwrap();
    for cut in [0, 7, 12, 24, 60, 100_000, raw.len() - 1] {
        assert!(decode(&mut Bytes(&raw[..cut])).is_err(), "cut at {cut}");
    }
    let flipped = |at: usize| {
        let mut raw = raw.clone();
        raw[at] ^= 0x40;
        decode(&mut Bytes(&raw))
    };
    for at in 0..24 {
        assert!(flipped(at).is_err(), "flipped at {at}");
    }
    assert!(Employment::decode(&FILE[..FILE.len() - 1]).is_err());
}
