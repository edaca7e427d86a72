//! The ledger as bytes.

use super::{Entry, Hash, LEDGER_FILE, Ledger, Link, Name, Scope};
use crate::bytes::{Cursor, Malformed, Put};
use crate::error::{Result, StorageError};

const MAGIC: [u8; 8] = *b"DRFTLGR\n";
/// The format this build writes, and the newest it reads.
const LEDGER_VERSION: u16 = 1;
/// Magic, version, zeros, key, checksum, zeros.
const HEADER_BYTES: usize = 56;
/// Length and checksum before an entry.
const ENTRY_HEAD: usize = 8;

/// The whole file.
pub(super) fn encode(ledger: &Ledger) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.put_u16(LEDGER_VERSION);
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&ledger.key);
    let crc = crc32fast::hash(&out);
    out.put_u32(crc);
    out.put_u32(0);
    for entry in &ledger.entries {
        let bytes = encode_entry(entry);
        let crc = checksum(out.len() as u64, &bytes);
        out.put_u32(bytes.len() as u32);
        out.put_u32(crc);
        out.extend_from_slice(&bytes);
    }
    out
}

/// Covers where the entry lies: one that was moved never validates.
fn checksum(offset: u64, entry: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&offset.to_le_bytes());
    hasher.update(entry);
    hasher.finalize()
}

pub(super) fn encode_entry(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_i64(entry.time);
    match &entry.scope {
        Scope::Subject => out.put_u8(0),
        Scope::Columns { table, columns } => {
            out.put_u8(1);
            put_name(table, &mut out);
            out.put_u32(columns.len() as u32);
            columns.iter().for_each(|column| put_name(column, &mut out));
        }
    }
    out.extend_from_slice(&entry.hash);
    out.put_u32(entry.linked.len() as u32);
    for link in &entry.linked {
        match link {
            Link::Keys { own, table, theirs } => {
                out.put_u8(0);
                [own, table, theirs].into_iter().for_each(|name| put_name(name, &mut out));
            }
            Link::Rows { table, column, text } => {
                out.put_u8(1);
                [table, column].into_iter().for_each(|name| put_name(name, &mut out));
                out.put_str(text);
            }
        }
    }
    out
}

fn put_name(name: &Name, out: &mut Vec<u8>) {
    out.put_u32(name.id);
    out.put_str(&name.name);
}

/// Reads the whole file.
pub(super) fn decode(bytes: &[u8]) -> Result<Ledger> {
    let key = decode_header(bytes)?;
    let (mut entries, mut at) = (Vec::new(), HEADER_BYTES);
    while at < bytes.len() {
        let entry = take_entry(&bytes[at..], at as u64);
        let entry = entry.ok_or_else(|| {
            StorageError::corrupt(LEDGER_FILE, at as u64, "an entry that fits its checksum")
        })?;
        let mut cursor = Cursor::new(entry);
        let base = (at + ENTRY_HEAD) as u64;
        let decoded = decode_entry(&mut cursor).and_then(|decoded| cursor.end("the entry").map(|()| decoded));
        entries.push(decoded.map_err(|e| e.at(LEDGER_FILE, base))?);
        at += ENTRY_HEAD + entry.len();
    }
    Ok(Ledger { key, entries })
}

fn decode_header(bytes: &[u8]) -> Result<[u8; 32]> {
    let invalid = || StorageError::corrupt(LEDGER_FILE, 0, "the header of a ledger");
    let header = bytes.get(..HEADER_BYTES).ok_or_else(invalid)?;
    let crc = crc32fast::hash(&header[..48]).to_le_bytes();
    if header[..8] != MAGIC || header[48..52] != crc || header[52..] != [0; 4] {
        return Err(invalid());
    }
    // Only a version that the checksum vouches for is a newer format.
    let found = u16::from_le_bytes([header[8], header[9]]);
    if found > LEDGER_VERSION {
        return Err(StorageError::NewerFormat { path: LEDGER_FILE.into(), found, known: LEDGER_VERSION });
    }
    header[16..48].try_into().map_err(|_| invalid())
}

fn take_entry(bytes: &[u8], offset: u64) -> Option<&[u8]> {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.u32("length").ok()?;
    let crc = cursor.u32("checksum").ok()?;
    let entry = cursor.take(length as usize, "an entry").ok()?;
    (checksum(offset, entry) == crc).then_some(entry)
}

fn decode_entry(cursor: &mut Cursor<'_>) -> Result<Entry, Malformed> {
    let time = cursor.i64("when")?;
    let scope = match cursor.u8("a scope")? {
        0 => Scope::Subject,
        1 => {
            let table = take_name(cursor)?;
            let count = cursor.count(8, "columns")?;
            Scope::Columns {
                table,
                columns: (0..count).map(|_| take_name(cursor)).collect::<Result<_, _>>()?,
            }
        }
        other => return cursor.fail(format!("a scope of 0 or 1, found {other}")),
    };
    let hash = take_hash(cursor)?;
    let count = cursor.count(17, "links")?;
    let linked = (0..count).map(|_| take_link(cursor)).collect::<Result<_, _>>()?;
    Ok(Entry { time, scope, hash, linked })
}

fn take_hash(cursor: &mut Cursor<'_>) -> Result<Hash, Malformed> {
    let mut hash = Hash::default();
    hash.copy_from_slice(cursor.take(32, "a hash")?);
    Ok(hash)
}

fn take_link(cursor: &mut Cursor<'_>) -> Result<Link, Malformed> {
    match cursor.u8("a kind of link")? {
        0 => {
            Ok(Link::Keys { own: take_name(cursor)?, table: take_name(cursor)?, theirs: take_name(cursor)? })
        }
        1 => {
            let (table, column) = (take_name(cursor)?, take_name(cursor)?);
            Ok(Link::Rows { table, column, text: cursor.str("a text")?.to_owned() })
        }
        other => cursor.fail(format!("a link of kind 0 or 1, found {other}")),
    }
}

fn take_name(cursor: &mut Cursor<'_>) -> Result<Name, Malformed> {
    Ok(Name { id: cursor.u32("an id")?, name: cursor.str("a name")?.to_owned() })
}
