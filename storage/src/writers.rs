//! Idempotent writers: which sequences of whom have been applied.

use std::collections::BTreeMap;

use crate::batch::WriterSequence;
use crate::bytes::{Cursor, Malformed, Put};
use crate::error::{Result, StorageError};
use crate::limits::{WRITER_IDLE_NANOS_MAX, WRITER_WINDOW};

/// Every writer that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Writers(BTreeMap<String, Writer>);

/// One writer: its newest sequence, and the fingerprints of those within the window that were applied.
#[derive(Clone, Debug, Default, PartialEq)]
struct Writer {
    last: u64,
    applied: BTreeMap<u64, u64>,
    seen_at: i64,
}

/// What to do with a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is new.
    Apply,
    /// It was applied before.
    Duplicate,
}

impl Writers {
    /// The newest sequence applied for a writer.
    pub(crate) fn last(&self, writer: &str) -> Option<u64> {
        self.0.get(writer).map(|w| w.last)
    }

    /// Judges a sequence before it is applied.
    pub(crate) fn judge(&self, id: &WriterSequence, fingerprint: u64) -> Result<Verdict> {
        if id.sequence == 0 {
            return Err(StorageError::Invalid(format!("writer {}: sequences begin at 1", id.writer)));
        }
        let Some(writer) = self.0.get(&id.writer) else {
            return if id.sequence <= WRITER_WINDOW {
                Ok(Verdict::Apply)
            } else {
                Err(StorageError::WriterUnknown { writer: id.writer.clone(), sequence: id.sequence })
            };
        };
        match writer.applied.get(&id.sequence) {
            Some(before) if *before == fingerprint => Ok(Verdict::Duplicate),
            Some(_) => Err(StorageError::SequenceReused { writer: id.writer.clone(), sequence: id.sequence }),
            None if id.sequence + WRITER_WINDOW <= writer.last => Err(StorageError::SequenceTooOld {
                writer: id.writer.clone(),
                sequence: id.sequence,
                last: writer.last,
                window: WRITER_WINDOW,
            }),
            None => Ok(Verdict::Apply),
        }
    }

    /// Notes that a sequence was applied; fingerprints that fall out of the window are dropped.
    pub(crate) fn applied(&mut self, id: &WriterSequence, fingerprint: u64, now: i64) {
        let writer = self.0.entry(id.writer.clone()).or_default();
        writer.last = writer.last.max(id.sequence);
        writer.seen_at = writer.seen_at.max(now);
        writer.applied.insert(id.sequence, fingerprint);
        let last = writer.last;
        writer.applied.retain(|sequence, _| sequence + WRITER_WINDOW > last);
    }

    /// Forgets writers that have been silent for a week, so that their number stays bounded.
    pub(crate) fn expire(&mut self, now: i64) {
        self.0.retain(|_, writer| now.saturating_sub(writer.seen_at) < WRITER_IDLE_NANOS_MAX);
    }

    /// For the manifest.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.0.len() as u32);
        for (name, writer) in &self.0 {
            out.put_str(name);
            out.put_u64(writer.last);
            out.put_i64(writer.seen_at);
            out.put_u32(writer.applied.len() as u32);
            for (sequence, fingerprint) in &writer.applied {
                out.put_u64(*sequence);
                out.put_u64(*fingerprint);
            }
        }
    }

    /// From the manifest.
    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let mut writers = BTreeMap::new();
        for _ in 0..cursor.count(24, "writers")? {
            let name = cursor.str("a writer's name")?.to_owned();
            let last = cursor.u64("a writer's last sequence")?;
            let seen_at = cursor.i64("when a writer was last seen")?;
            let mut applied = BTreeMap::new();
            for _ in 0..cursor.count(16, "applied sequences")? {
                applied.insert(cursor.u64("a sequence")?, cursor.u64("a fingerprint")?);
            }
            writers.insert(name, Writer { last, applied, seen_at });
        }
        Ok(Self(writers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sequence: u64) -> WriterSequence {
        WriterSequence { writer: "w".into(), sequence }
    }

    #[test]
    fn a_repeat_is_a_duplicate_and_another_payload_is_refused() {
        let mut writers = Writers::default();
        assert_eq!(writers.judge(&id(1), 7).unwrap(), Verdict::Apply);
        writers.applied(&id(1), 7, 0);
        assert_eq!(writers.judge(&id(1), 7).unwrap(), Verdict::Duplicate);
        assert!(matches!(writers.judge(&id(1), 8), Err(StorageError::SequenceReused { .. })));
    }

    #[test]
    fn sequences_arrive_in_any_order_within_the_window() {
        let mut writers = Writers::default();
        writers.applied(&id(10), 0, 0);
        assert_eq!(writers.judge(&id(9), 0).unwrap(), Verdict::Apply);
        writers.applied(&id(WRITER_WINDOW + 9), 0, 0);
        assert_eq!(writers.judge(&id(10), 0).unwrap(), Verdict::Duplicate);
        assert!(matches!(writers.judge(&id(9), 0), Err(StorageError::SequenceTooOld { .. })));
    }

    #[test]
    fn a_silent_writer_is_forgotten_and_cannot_go_on_in_the_middle() {
        let mut writers = Writers::default();
        writers.applied(&id(100), 0, 0);
        writers.expire(WRITER_IDLE_NANOS_MAX);
        assert!(matches!(writers.judge(&id(101), 0), Err(StorageError::WriterUnknown { .. })));
        assert_eq!(writers.judge(&id(1), 0).unwrap(), Verdict::Apply);
    }

    #[test]
    fn survives_encoding() {
        let mut writers = Writers::default();
        writers.applied(&id(3), 5, 9);
        let mut bytes = Vec::new();
        writers.encode(&mut bytes);
        assert_eq!(Writers::decode(&mut Cursor::new(&bytes)).unwrap(), writers);
    }
}
