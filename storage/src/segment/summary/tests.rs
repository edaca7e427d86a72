use proptest::prelude::*;

use super::piece::Piece;
use super::section::{Head, HeadColumn, PREFIX_BYTES, StoredKind};
use super::spans::{SpanKind, spans};
use crate::distribution::Lattice;
use crate::limits::SUMMARY_ROWS_MIN;
use crate::partition::{CellKey, Width};
use crate::segment::source::Extent;

const CELLS: usize = 500;

fn head() -> impl Strategy<Value = (Head, u64)> {
    let kind = prop_oneof![
        Just(StoredKind::GivenUp),
        Just(StoredKind::Categories),
        Just(StoredKind::Numbers(Lattice::Dict)),
        (0..13_u8).prop_map(|bits| StoredKind::Numbers(Lattice::Log { bits })),
        any::<i16>().prop_map(|exponent| StoredKind::Numbers(Lattice::Affine { exponent })),
    ];
    let column = (any::<u32>(), kind, 0..9_999_usize, 0..9_999_u64, any::<u32>());
    let cells = proptest::collection::btree_set(0..CELLS as u32, 0..40);
    let intervals = proptest::collection::btree_set(-90_000..90_000_i64, 0..40);
    (cells, intervals, proptest::collection::vec(column, 0..8)).prop_map(|(cells, intervals, all)| {
        let (mut offset, mut columns) = (0, Vec::new());
        for (id, kind, plain_bytes, bytes, crc) in all {
            let none = kind == StoredKind::GivenUp;
            let (plain_bytes, bytes, crc) = if none { (0, 0, 0) } else { (plain_bytes, bytes, crc) };
            columns.push(HeadColumn { id, kind, plain_bytes, extent: Extent { offset, bytes, crc } });
            offset += bytes;
        }
        let intervals = intervals.into_iter().map(|number| number * Width::MIN.nanos()).collect();
        (Head { cells: cells.into_iter().collect(), intervals, columns }, offset)
    })
}

proptest! {
    #[test]
    fn heads_come_back((head, bytes) in head()) {
        let encoded = head.encode(Width::MIN);
        let found = Head::decode(&encoded[PREFIX_BYTES..], Width::MIN, CELLS, bytes).unwrap();
        prop_assert_eq!(found, head);
    }

    #[test]
    fn a_damaged_head_is_an_error_or_another_head(
        (head, bytes) in head(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut encoded = head.encode(Width::MIN).split_off(PREFIX_BYTES);
        let at = at.index(encoded.len());
        encoded[at] = byte;
        if let Ok(found) = Head::decode(&encoded, Width::MIN, CELLS, bytes) {
            prop_assert!(found.cells.is_sorted_by(|a, b| a < b) && found.cells.iter().all(|c| *c < CELLS as u32));
            prop_assert!(found.intervals.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0..1_000_000_usize) {
        let _ = Head::decode(&bytes, Width::MAX, usize::MAX, bytes.len() as u64);
        if let Ok(piece) = Piece::decode(&bytes, count) {
            prop_assert!((0..count).all(|at| piece.get(at).is_some()) && piece.get(count).is_none());
        }
    }

    #[test]
    fn pieces_come_back(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20)) {
        let (cells, intervals) = all.split_at(all.len() / 2);
        let piece = |all: &[Vec<u8>]| {
            let mut piece = Piece::default();
            all.iter().for_each(|bytes| piece.push(bytes));
            piece
        };
        let found = Piece::decode(&piece(cells).encode(&piece(intervals)), all.len()).unwrap();
        for (at, bytes) in all.iter().enumerate() {
            prop_assert_eq!(found.get(at), Some(bytes.as_slice()));
        }
    }

    #[test]
    fn spans_hold_each_row_that_matters_once(
        cells in proptest::collection::btree_map((0..4_i64, 0..9_u32), 1..2_000_usize, 1..30), whole in any::<bool>(),
    ) {
        let key = |(interval, series)| CellKey { interval, series };
        let cells: Vec<_> = cells.into_iter().map(|(at, rows)| (key(at), rows)).collect();
        let (spans, rows) = (spans(&cells, whole), cells.iter().map(|(_, rows)| rows).sum::<usize>());
        let mut seen = vec![false; rows];
        for span in &spans {
            prop_assert_eq!(span.rows, span.ranges.iter().map(|range| range.len() as u64).sum::<u64>());
            for row in span.ranges.iter().flat_map(Clone::clone) {
                prop_assert!(!std::mem::replace(&mut seen[row], true));
            }
        }
        let mut row = 0;
        for (key, rows) in &cells {
            let small = cells.iter().filter(|(other, rows)| other.interval == key.interval && *rows < SUMMARY_ROWS_MIN);
            let outer = [cells[0].0.interval, cells[cells.len() - 1].0.interval].contains(&key.interval);
            let matters = outer || *rows >= SUMMARY_ROWS_MIN
                || small.map(|(_, rows)| rows).sum::<usize>() >= SUMMARY_ROWS_MIN;
            prop_assert_eq!(&seen[row..row + rows], vec![matters; *rows]);
            row += rows;
        }
        prop_assert_eq!(spans.iter().any(|span| matches!(span.kind, SpanKind::Edge(..))), !whole);
    }
}
