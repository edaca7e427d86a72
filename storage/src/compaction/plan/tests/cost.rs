//! Bytes written for each byte flushed, in a day of a model: the figures in the storage README.

use super::*;

const MIB: u64 = 1 << 20;
const MINUTE: i64 = 60_000_000_000;

/// A day of writes: each flush holds `flush_mib` rows of a MiB, of which `late_in_ten` in ten lie anywhere before.
fn day(
    flush_mib: u64,
    day_mib: u64,
    series: SeriesId,
    late_in_ten: u64,
    width: Width,
) -> (f64, usize, usize) {
    let (mut store, mut seq, mut flushed_bytes) = (Store::default(), 0_u64, 0);
    let mut most_flushed = 0;
    let mut pending = Vec::new();
    for at in 0..day_mib {
        seq += 1;
        let now = (at * 1_440 / day_mib) as i64 * MINUTE;
        let late = seq.wrapping_mul(0x9e37_79b9) % 10 < late_in_ten;
        let time = if late { (seq.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 1) as i64 % (now + 1) } else { now };
        pending.push(Row {
            time,
            series: (seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as SeriesId % series,
            seq,
            bytes: MIB,
        });
        if pending.len() as u64 == flush_mib || at + 1 == day_mib {
            flushed_bytes += pending.len() as u64 * MIB;
            store.flush(&std::mem::take(&mut pending), Partition::DAY, width, false);
            store.compact(&PlanOptions::default(), &mut |_| Ok(width));
            most_flushed = most_flushed.max(store.segments.iter().filter(|s| s.info.level == 0).count());
        }
    }
    store.compact(&PlanOptions { force: true, ..PlanOptions::default() }, &mut |_| Ok(width));
    (store.written as f64 / flushed_bytes as f64 - 1.0, store.segments.len(), most_flushed)
}

#[test]
fn a_day_of_writes_is_rewritten_a_bounded_number_of_times() {
    let [minutes, hour, whole] = [1, 2, 4].map(|at| Width::all().nth(at).unwrap());
    for (name, late, width, bound) in [
        ("in time order, 10 m", 0, minutes, 2.0),
        ("in time order, 1 h", 0, hour, 2.5),
        ("in time order, 1 d", 0, whole, 10.0),
        ("10 % late, 10 m", 1, minutes, 10.0),
        ("10 % late, 1 d", 1, whole, 10.0),
    ] {
        for (flush_mib, day_mib) in [(24, 1_200), (24, 9_600)] {
            let (rewritten, segments, most) = day(flush_mib, day_mib, 40, late, width);
            println!(
                "{name}, {day_mib} MiB by {flush_mib}: {rewritten:.2} bytes rewritten a byte flushed, {segments} segments, at most {most} flushed ones wait"
            );
            assert!(rewritten <= bound, "{name}: {rewritten}");
            assert!(most <= 24, "{name}: {most} flushed segments");
            assert!(segments as u64 <= 2 * day_mib / 256 + 4, "{name}: {segments} segments");
        }
    }
}
