//! A power cut on a real file system.
//!
//! A process with four writers works on an ext4 image behind a loop mount and prints each acknowledgement. It is
//! killed, and the file system is shut down without a flush of its journal (`FS_IOC_SHUTDOWN`, as xfstests does it):
//! what was not synced is gone, as after a power cut. Then the image is mounted again, the journal replays, and every
//! acknowledged batch must be there once and whole. Rounds go on in the same directory.
//!
//! That it can fail shows `DRIFTLINE_POWER_CUT_SYNC=os`: the writers then acknowledge without a sync, and the first
//! or second round reports acknowledged batches that are gone.
//!
//! Needs Linux, root, a loop device and `mkfs.ext4`; says aloud where it cannot run.

mod mount;
mod writers;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use self::mount::Image;
use self::writers::{Batches, WRITERS};
use crate::sample::{exhaustive, mix, seed};

/// Bytes of the image: room for the rows of all rounds.
const IMAGE_BYTES: u64 = 192 << 20;

#[test]
fn c1_c2_hold_for_a_power_cut_on_ext4() {
    // Started by itself, it is the process that is killed.
    if writers::work() {
        return;
    }
    let seed = seed();
    let image = match Image::new(IMAGE_BYTES).and_then(|image| image.cut_power_once().map(|()| image)) {
        Ok(image) => image,
        Err(why) => {
            // Past the harness, which keeps what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED: power cut: {why}");
            return;
        }
    };
    let mut there = BTreeMap::new();
    for round in 0..if exhaustive() { 20 } else { 4 } {
        let dice = mix(seed.wrapping_add(round));
        let order = if dice & 1 == 0 { Order::KillThenCut } else { Order::CutThenKill };
        let context = format!("round {round}, {order:?}, seed {seed}");
        let acks = work_until_cut(&image, order, 20 + (dice >> 8) % 200, &context);
        // What a former round has shown stays, too.
        let mut least = there;
        least.extend(acks.safe);
        image.mount().unwrap();
        there = writers::read(&image.data()).check(&least, &acks.all, &context);
        image.unmount().unwrap();
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// The process dies, and the file system with it.
    KillThenCut,
    /// The file system dies under the process at work.
    CutThenKill,
}

/// The last sequence acknowledged to each writer.
struct Acks {
    /// Those that must be there.
    safe: Sequences,
    /// Those that were printed.
    all: Sequences,
}

/// One round: mounts, lets the writers work, and leaves the file system unmounted.
///
/// What is acknowledged after the shutdown began counts only where the process was dead by then. An fdatasync that
/// meets the shutdown halfway can return success for bytes that ext4 has thrown away (seen on Linux 6.18, also with
/// a plain loop of append and fdatasync); a real power cut takes the process along, so nobody hears of it.
fn work_until_cut(image: &Image, order: Order, wanted: u64, context: &str) -> Acks {
    image.mount().unwrap();
    let mut child = spawn(image);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut safe = BTreeMap::new();
    for _ in 0..wanted {
        let ack = lines.find_map(|line| ack(&line));
        let (writer, sequence) =
            ack.unwrap_or_else(|| panic!("{context}: the writers stopped by themselves"));
        safe.insert(writer, sequence);
    }
    if order == Order::KillThenCut {
        child.kill().unwrap();
    }
    image.shut_down().unwrap();
    child.kill().unwrap();
    let mut all = safe.clone();
    all.extend(lines.filter_map(|line| ack(&line)));
    if order == Order::KillThenCut {
        safe.clone_from(&all);
    }
    child.wait().unwrap();
    image.unmount().unwrap();
    Acks { safe, all }
}

/// This test program again, as the writers.
fn spawn(image: &Image) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["power_cut::c1_c2_hold_for_a_power_cut_on_ext4", "--exact", "--nocapture", "--test-threads=1"])
        .env(writers::DIRECTORY_VARIABLE, image.data())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Writer and sequence of an acknowledgement; the harness may print before it on the line.
fn ack(line: &str) -> Option<(u64, u64)> {
    let (writer, sequence) = line.split_once("ack ")?.1.split_once(' ')?;
    Some((writer.parse().ok()?, sequence.parse().ok()?))
}

impl Batches {
    /// Every acknowledged batch is there, every batch that is there is whole and there once, in order, and a writer
    /// has at most the one batch more that was on its way. The last sequence of each writer.
    fn check(&self, least: &Sequences, printed: &Sequences, context: &str) -> Sequences {
        for (id, (rows, count)) in &self.rows {
            let wanted: Vec<u64> = (0..*count).collect();
            assert_eq!(*rows, wanted, "C2 broken, {context}: the rows of batch {id:?}");
        }
        let mut last = Sequences::new();
        for writer in 0..WRITERS {
            let there: Vec<u64> = self.rows.keys().filter(|id| id.0 == writer).map(|id| id.1).collect();
            let count = there.len() as u64;
            let (least, printed) = (of(least, writer), of(printed, writer).max(of(least, writer)));
            assert_eq!(there, (1..=count).collect::<Vec<_>>(), "C3 broken, {context}: writer {writer}");
            assert!(count >= least, "C1 broken, {context}: writer {writer} has {count} batches of {least}");
            assert!(
                count <= printed + 1,
                "{context}: writer {writer} has {count} batches, sent {printed} + 1"
            );
            assert_eq!(of(&self.sequences, writer), count, "{context}: sequence of writer {writer}");
            last.insert(writer, count);
        }
        last
    }
}

type Sequences = BTreeMap<u64, u64>;

fn of(sequences: &Sequences, writer: u64) -> u64 {
    sequences.get(&writer).copied().unwrap_or(0)
}
