use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn width(&mut self, partition: i64) -> Width {
        let allowed: Vec<Width> = Width::all().filter(|w| partition % w.nanos() == 0).collect();
        allowed[self.below(allowed.len() as u64) as usize]
    }
}

/// The two rules of the module, and that nothing is lost, doubled or out of order.
fn check(store: &Store, written: &[Row], story: &str) {
    for (at, a) in store.segments.iter().enumerate() {
        for b in &store.segments[at + 1..] {
            if a.info.partition != b.info.partition || !overlap(&a.info, &b.info) {
                continue;
            }
            assert!(a.info.level == 0 || b.info.level == 0, "{story}: two runs share a cell: {a:?} {b:?}");
            let apart = a.info.last_seq < b.info.first_seq || b.info.last_seq < a.info.first_seq;
            assert!(
                apart,
                "{story}: write ranges of segments that share a cell meet: {:?} {:?}",
                a.info, b.info
            );
        }
    }
    let mut order: Vec<&Model> = store.segments.iter().collect();
    order.sort_by_key(|s| (s.info.first_seq, s.info.id));
    let mut found: Vec<Row> = order.iter().flat_map(|s| s.rows.iter().copied()).collect();
    let mut expected = written.to_vec();
    // Both sorts are stable: equal keys must come in order of writing by themselves.
    found.sort_by_key(|row| (row.time, row.series));
    expected.sort_by_key(|row| (row.time, row.series));
    assert!(found == expected, "{story}: rows differ");
}

fn random_flush(random: &mut Random, seq: &mut u64, now: i64) -> Vec<Row> {
    let (rows, series) = (1 + random.below(60), 1 + random.below(6));
    let late = random.below(3) == 0;
    (0..rows)
        .map(|_| {
            *seq += 1;
            let back = if late { random.below(2 * 86_400) } else { random.below(5_000) };
            // Few distinct times, so that many rows have equal keys.
            let time = (now - back as i64).div_euclid(300) * 300_000_000_000;
            Row { time, series: random.below(series) as SeriesId, seq: *seq, bytes: 1 + random.below(3) }
        })
        .collect()
}

fn random_options(random: &mut Random) -> PlanOptions {
    PlanOptions {
        runs_max: 2 + random.below(4) as usize,
        late_share: 0.05,
        run_bytes_max: 20 + random.below(200),
        quiet: random.below(3) == 0,
        force: random.below(8) == 0,
        ..PlanOptions::default()
    }
}

fn story(seed: u64) {
    let mut random = Random(seed);
    let (mut store, mut written, mut seq) = (Store::default(), Vec::new(), 0);
    let length = if random.below(4) == 0 { Partition::LONG } else { Partition::DAY };
    for step in 0..30 {
        let rows = random_flush(&mut random, &mut seq, 400_000 + step * 3_000);
        let width = random.width(length);
        store.flush(&rows, length, width, random.below(3) == 0);
        written.extend(rows);
        let options = random_options(&mut random);
        for _ in 0..random.below(3) {
            let fixed = random.width(length);
            let Some(job) = plan(&store.infos(), &options, &mut |_| Ok(fixed)).unwrap() else { break };
            store.run(&job);
            check(&store, &written, &format!("seed {seed}, step {step}"));
        }
    }
    let options = PlanOptions { force: true, run_bytes_max: 50, ..PlanOptions::default() };
    store.compact(&options, &mut |_| Ok(Width::MIN));
    check(&store, &written, &format!("seed {seed}, at the end"));
    assert!(store.segments.iter().all(|s| s.info.level == 1));
}

#[test]
fn flushes_and_jobs_in_any_order_keep_the_rules() {
    let first = 0xc0ffee;
    println!("seeds from {first}");
    (first..first + 300).for_each(story);
}

#[test]
fn a_chosen_width_that_changes_from_call_to_call_keeps_the_rules() {
    for seed in 0..100 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let (mut store, mut written, mut seq) = (Store::default(), Vec::new(), 0);
        for step in 0..12 {
            let rows = random_flush(&mut random, &mut seq, 400_000);
            store.flush(&rows, Partition::DAY, random.width(Partition::DAY), false);
            written.extend(rows);
            let options = PlanOptions { runs_max: 3, run_bytes_max: 30, ..PlanOptions::default() };
            store.compact(&options, &mut |_| Ok(random.width(Partition::DAY)));
            check(&store, &written, &format!("seed {seed}, step {step}"));
        }
    }
}

#[test]
fn only_the_runs_that_flushed_rows_touch_are_rewritten() {
    let mut store = Store::default();
    let hour = 3_600_000_000_000;
    let width = Width::all().nth(2).unwrap();
    let row = |time, seq| Row { time, series: 0, seq, bytes: 10 };
    for at in [0, 5, 10] {
        let partition = Partition::of(0, Partition::DAY);
        store.add(
            (0..9).map(|i| row(at * hour + i, at as u64)).collect(),
            1,
            partition,
            width,
            (at as u64, at as u64),
        );
    }
    store.flush(&[row(5 * hour, 20), row(7 * hour, 21)], Partition::DAY, width, false);
    store.flush(&[row(2 * hour, 22), row(2 * hour, 23)], Partition::DAY, width, false);
    let options = PlanOptions { force: true, ..PlanOptions::default() };
    let job = plan(&store.infos(), &options, &mut |_| Ok(width)).unwrap().unwrap();
    assert_eq!(job.inputs, [2, 4, 5]);
    assert_eq!((job.first_seq, job.last_seq), (5, 23));
    assert_eq!(job.cuts.len(), 2, "nothing may lie on both sides of the runs that stay");
    // A day's width covers the day: no run stays.
    let job = plan(&store.infos(), &options, &mut |_| Ok(Width::all().nth(4).unwrap())).unwrap().unwrap();
    assert_eq!(job.inputs, [1, 2, 3, 4, 5]);
}

#[test]
fn little_that_came_late_waits() {
    let width = Width::MIN;
    let row = |time, seq| Row { time, series: 0, seq, bytes: 100 };
    let mut store = Store::default();
    let partition = Partition::of(0, Partition::DAY);
    store.add((0..100).map(|i| row(i, 1)).collect(), 1, partition, width, (1, 1));
    let due = |store: &Store, quiet| {
        let options = PlanOptions { quiet, ..PlanOptions::default() };
        plan(&store.infos(), &options, &mut |_| Ok(width)).unwrap().is_some()
    };
    store.flush(&[row(1, 2), row(2, 3), row(3, 4), row(4, 5), row(5, 6)], Partition::DAY, width, false);
    assert!(!due(&store, true), "5 % are not over 5 %");
    store.flush(&[row(1, 7)], Partition::DAY, width, false);
    assert!(due(&store, true) && !due(&store, false));
    (8..14).for_each(|seq| store.flush(&[row(1, seq)], Partition::DAY, width, false));
    assert!(due(&store, false), "8 flushed segments");
}
