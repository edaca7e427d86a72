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
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use self::mount::Image;
use self::writers::{Batches, WRITERS};
use crate::sample::{exhaustive, mix, seed};

/// Bytes of the image: room for the rows of all rounds.
const IMAGE_BYTES: u64 = 192 << 20;

#[test]
fn c1_c2_hold_for_a_power_cut_on_ext4() {
    let seed = seed();
    let image = match Image::new(IMAGE_BYTES).and_then(|image| image.cut_power_once().map(|()| image)) {
        Ok(image) => image,
        Err(why) => {
            // Past the harness, which keeps what a passing test prints to itself.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("SKIPPED: power cut: {why}\n"),
            );
            return;
        }
    };
    let mut acked = BTreeMap::new();
    for round in 0..if exhaustive() { 20 } else { 4 } {
        let dice = mix(seed.wrapping_add(round));
        let context = format!("round {round}, seed {seed}");
        work_until_cut(&image, dice, &mut acked, &context);
        image.mount().unwrap();
        writers::read(&image.data()).check(&acked, &context);
        image.unmount().unwrap();
    }
}

/// One round: mounts, lets the writers work, and leaves the file system unmounted. `acked` takes the last sequence
/// acknowledged to each writer.
fn work_until_cut(image: &Image, dice: u64, acked: &mut BTreeMap<u64, u64>, context: &str) {
    image.mount().unwrap();
    let mut child = spawn(image);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let wanted = 20 + dice % 200;
    for _ in 0..wanted {
        let ack = lines.find_map(|line| ack(&line));
        let (writer, sequence) =
            ack.unwrap_or_else(|| panic!("{context}: the writers stopped by themselves"));
        acked.insert(writer, sequence);
    }
    // Both orders: a killed process and then the power, and the power while it is still at work.
    if dice & (1 << 20) == 0 {
        child.kill().unwrap();
        image.shut_down().unwrap();
    } else {
        image.shut_down().unwrap();
        child.kill().unwrap();
    }
    // What was acknowledged before the end counts too.
    acked.extend(lines.filter_map(|line| ack(&line)));
    child.wait().unwrap();
    image.unmount().unwrap();
}

/// This test program again, as the writers.
fn spawn(image: &Image) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["power_cut::writers::work", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
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
    /// Every acknowledged batch is there, every batch that is there is whole and there once, and a writer has at most
    /// the one batch more that was on its way.
    fn check(&self, acked: &BTreeMap<u64, u64>, context: &str) {
        for (id, (rows, count)) in &self.rows {
            let wanted: Vec<u64> = (0..*count).collect();
            assert_eq!(*rows, wanted, "C2 broken, {context}: the rows of batch {id:?}");
        }
        for writer in 0..WRITERS {
            let there: Vec<u64> = self.rows.keys().filter(|id| id.0 == writer).map(|id| id.1).collect();
            let last = acked.get(&writer).copied().unwrap_or(0);
            let missing: Vec<u64> = (1..=last).filter(|sequence| !there.contains(sequence)).collect();
            assert!(missing.is_empty(), "C1 broken, {context}: writer {writer} lost the batches {missing:?}");
            let beyond = there.iter().filter(|sequence| **sequence > last).count();
            assert!(beyond <= 1, "{context}: writer {writer} has {there:?}, acknowledged to {last}");
            let known = self.sequences.get(&writer).copied().unwrap_or(0);
            assert_eq!(known, there.last().copied().unwrap_or(0), "{context}: sequence of writer {writer}");
        }
    }
}
