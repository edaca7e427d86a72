//! The fuzz targets (`/fuzz`) on stable Rust: each committed input, and mutations of it that follow from a printed seed.
//!
//! A target must not panic, and must not take memory because a length in its input says so: the allocator of this test
//! binary tells how much a thread took at once.

use std::path::{Path, PathBuf};

use driftline_storage::fuzzing::{TARGETS, Target};

use crate::allocation;
use crate::sample::{exhaustive, mix, seed};

/// Mutations of each input.
const MUTATIONS: u64 = 400;
/// The same in an exhaustive run.
const MUTATIONS_EXHAUSTIVE: u64 = 20_000;
/// Bytes that a target may take in one piece: the largest value, twice as an array grows.
const PIECE_BYTES_MAX: usize = 2 * driftline_storage::limits::VALUE_BYTES_MAX;
/// The same of a log: ids of series may have holes, and their table goes up to the greatest.
const LOG_PIECE_BYTES_MAX: usize = 16 * driftline_storage::limits::SERIES_MAX;
/// Bytes of all committed inputs of a target together.
const CORPUS_BYTES_MAX: usize = 120 << 10;
/// Numbers that lie at the edge of something.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fffe,
    u64::MAX,
];

fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

/// The committed inputs of a target, by name.
#[expect(clippy::disallowed_methods, reason = "inputs are files of the repository")]
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
    };
    let mut inputs: Vec<_> = std::fs::read_dir(directory(target)).unwrap().map(read).collect();
    inputs.sort();
    inputs
}

fn run(name: &str, target: Target, input: &[u8], context: &str) {
    let piece = allocation::largest_piece(|| target(input));
    let most = if name == "wal_recover" { LOG_PIECE_BYTES_MAX } else { PIECE_BYTES_MAX };
    assert!(piece <= most, "{name}, {context}: took {piece} bytes at once for {}", input.len());
}

#[test]
fn fuzz_targets_have_inputs_and_take_them() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let bytes: usize = corpus.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(!corpus.is_empty() && bytes <= CORPUS_BYTES_MAX, "{name}: {bytes} bytes");
        for (input, bytes) in &corpus {
            run(name, target, bytes, input);
        }
    }
}

macro_rules! mutated {
    ($($test:ident $target:literal)*) => {$(
        #[test]
        fn $test() {
            mutate_all($target);
        }
    )*};
}

mutated! {
    a_mutated_log_is_recovered_or_refused "wal_recover"
    a_mutated_segment_is_read_or_refused "segment_open"
    a_mutated_page_is_decoded_or_refused "page_decode"
    a_mutated_manifest_is_read_or_refused "manifest_decode"
    a_mutated_distribution_is_read_or_refused "distribution_decode"
    a_mutated_patch_is_read_or_refused "patch_decode"
}

fn mutate_all(name: &str) {
    let seed = seed();
    let (_, target) = TARGETS.into_iter().find(|(found, _)| *found == name).unwrap();
    let corpus = corpus(name);
    for (input, bytes) in &corpus {
        for round in 0..if exhaustive() { MUTATIONS_EXHAUSTIVE } else { MUTATIONS } {
            let mut dice = Dice(mix(seed ^ mix(round)));
            let mutated = mutate(bytes, &corpus, &mut dice);
            let context = format!("{input}, round {round}, DRIFTLINE_SEED={seed}");
            // A panic shows the message of the target; this says which input it was.
            let told = Told(&context);
            run(name, target, &mutated, &context);
            std::mem::forget(told);
        }
    }
}

/// Says where a run was when it panicked.
struct Told<'a>(&'a str);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        println!("panicked at {}", self.0);
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// One to four changes.
fn mutate(bytes: &[u8], corpus: &[(String, Vec<u8>)], dice: &mut Dice) -> Vec<u8> {
    let mut mutated = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(mutated.len());
        let length = 1 + dice.below((mutated.len() - at.min(mutated.len())).min(64));
        let end = (at + length).min(mutated.len());
        match dice.below(8) {
            0 => mutated[at..end].iter_mut().take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
            1 => mutated[at..end].iter_mut().take(1).for_each(|byte| *byte = dice.next() as u8),
            2 | 3 => put_number(&mut mutated, at, dice),
            4 => drop(mutated.drain(at..end)),
            5 => {
                let copy = mutated[at..end].to_vec();
                let to = dice.below(mutated.len());
                mutated.splice(to..to, copy);
            }
            6 => mutated.truncate(at),
            _ => {
                let other = &corpus[dice.below(corpus.len())].1;
                let from = dice.below(other.len());
                let piece = other[from..(from + length).min(other.len())].to_vec();
                mutated.splice(at..end, piece);
            }
        }
        if mutated.is_empty() {
            break;
        }
    }
    mutated
}

/// An edge as one, two, four or eight bytes.
fn put_number(bytes: &mut [u8], at: usize, dice: &mut Dice) {
    let number = NUMBERS[dice.below(NUMBERS.len())].to_le_bytes();
    let width = 1 << dice.below(4);
    bytes[at..].iter_mut().zip(&number[..width]).for_each(|(byte, with)| *byte = *with);
}
