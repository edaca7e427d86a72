//! The manifest as bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Erasures, Manifest};
use crate::bytes::{Cursor, Malformed, Put};
use crate::distribution::Lattice;
use crate::error::{Result, StorageError};
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX};
use crate::overlay::HiddenPlace;
use crate::partition::{CellKey, Partition, Width};
use crate::patch::{LabelPlace, Place};
use crate::schema::ColumnId;
use crate::schema_codec;
use crate::segment::SegmentInfo;
use crate::writers::Writers;

const MAGIC: [u8; 8] = *b"DRFTMAN\n";
/// The format this build writes, and the newest it reads.
const MANIFEST_VERSION: u16 = 1;
/// Magic, format version, reserved, manifest version, payload length, checksum.
pub(super) const HEADER_BYTES: usize = 36;
/// A section that a reader must know to read the manifest at all.
const SECTION_REQUIRED: u16 = 1;
/// Bytes of one segment's record.
pub(super) const SEGMENT_BYTES: usize = 144;
/// The section that names blocks of patch files. Who passes it by shows rows that were deleted.
const PATCHES: [u8; 4] = *b"PTCH";
/// The section of what is known of erasures. Who passes it by forgets which backups must be told of them.
const ERASURES: [u8; 4] = *b"ERAS";
/// Bytes of one block's record in it.
const PATCH_BYTES: usize = 56;
/// A block of hidden rows.
const PATCH_HIDDEN: u32 = 1;
/// A block of labels.
const PATCH_LABELS: u32 = 2;

/// The whole file.
pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let payload = encode_payload(manifest);
    let mut out = MAGIC.to_vec();
    out.put_u16(MANIFEST_VERSION);
    out.extend_from_slice(&[0; 6]);
    out.put_u64(manifest.version);
    out.put_u64(payload.len() as u64);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&out);
    hasher.update(&payload);
    out.put_u32(hasher.finalize());
    out.extend_from_slice(&payload);
    out
}

fn encode_payload(manifest: &Manifest) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u64(manifest.catalog_seq);
    out.put_u64(manifest.wal_first);
    out.put_u64(manifest.wal_first_seq);
    out.put_u32(manifest.next_table_id);
    out.put_u64(manifest.next_segment_id);
    out.put_u32(manifest.tables.len() as u32);
    for table in &manifest.tables {
        schema_codec::encode(table, &mut out);
        out.put_u64(manifest.flushed_seq.get(&table.id).copied().unwrap_or(0));
        encode_lattices(manifest.lattices.get(&table.id), &mut out);
    }
    out.put_u32(manifest.entries.len() as u32);
    for (key, value) in &manifest.entries {
        out.put_str(key);
        out.put_bytes(value);
    }
    out.put_u32(manifest.segments.len() as u32);
    for segment in &manifest.segments {
        encode_segment(segment, &mut out);
    }
    manifest.writers.encode(&mut out);
    out.put_u32(manifest.series.0.len() as u32);
    for (number, bytes) in &manifest.series.0 {
        out.put_u64(*number);
        out.put_u64(*bytes);
    }
    encode_sections(manifest, &mut out);
    out
}

fn encode_sections(manifest: &Manifest, out: &mut Vec<u8>) {
    let mut sections = Vec::new();
    if !manifest.hidden.is_empty() || !manifest.labels.is_empty() {
        sections.push((PATCHES, encode_patches(manifest)));
    }
    if manifest.erasures != Erasures::default() {
        sections.push((ERASURES, encode_erasures(&manifest.erasures)));
    }
    out.put_u32(sections.len() as u32);
    for (tag, bytes) in sections {
        out.extend_from_slice(&tag);
        out.put_u16(SECTION_REQUIRED);
        out.put_bytes(&bytes);
    }
}

fn encode_erasures(erasures: &Erasures) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u64(erasures.entries);
    out.put_u32(erasures.backups.len() as u32);
    erasures.backups.iter().for_each(|backup| out.put_str(backup));
    out
}

fn encode_patches(manifest: &Manifest) -> Vec<u8> {
    let labels: usize = manifest.labels.values().map(Vec::len).sum();
    let blocks = manifest.hidden.len() + labels;
    let mut out = Vec::with_capacity(4 + blocks * PATCH_BYTES);
    out.put_u32(blocks as u32);
    for (segment, HiddenPlace { place, rows }) in &manifest.hidden {
        encode_patch(&mut out, *segment, (PATCH_HIDDEN, 0), *place, *rows);
    }
    for ((segment, column), places) in &manifest.labels {
        for LabelPlace { place, entries } in places {
            encode_patch(&mut out, *segment, (PATCH_LABELS, *column), *place, *entries);
        }
    }
    out
}

fn encode_patch(out: &mut Vec<u8>, segment: u64, kind: (u32, ColumnId), place: Place, count: u64) {
    out.put_u64(segment);
    for value in [kind.0, kind.1, place.crc, 0] {
        out.put_u32(value);
    }
    for value in [place.file, place.offset, place.bytes, count] {
        out.put_u64(value);
    }
}

fn encode_lattices(lattices: Option<&BTreeMap<ColumnId, Lattice>>, out: &mut Vec<u8>) {
    out.put_u32(lattices.map_or(0, BTreeMap::len) as u32);
    for (column, lattice) in lattices.into_iter().flatten() {
        let (kind, parameter) = match lattice {
            Lattice::Dict => (0, 0),
            Lattice::Log { bits } => (1, i16::from(*bits)),
            Lattice::Affine { exponent } => (2, *exponent),
        };
        out.put_u32(*column);
        out.put_u16(kind);
        out.put_u16(parameter as u16);
    }
}

pub(super) fn encode_segment(segment: &SegmentInfo, out: &mut Vec<u8>) {
    out.put_u64(segment.id);
    out.put_u32(segment.table);
    out.put_u32(segment.schema_version);
    for value in [segment.rows, segment.bytes, segment.raw_bytes] {
        out.put_u64(value);
    }
    out.put_i64(segment.min_time);
    out.put_i64(segment.max_time);
    out.put_u64(segment.first_seq);
    out.put_u64(segment.last_seq);
    out.put_u32(segment.footer_crc);
    out.put_u8(segment.level);
    out.put_u8(segment.width.code());
    out.put_u16(0);
    out.put_u64(segment.file);
    out.put_u64(segment.offset);
    out.put_i64(segment.partition.start);
    out.put_i64(segment.partition.length);
    for key in [segment.first_key, segment.last_key] {
        out.put_i64(key.interval);
        out.put_u32(key.series);
        out.put_u32(0);
    }
}

/// Reads the whole file.
pub(super) fn decode(bytes: &[u8], path: &str) -> Result<Manifest> {
    let version = check_header(bytes, path)?;
    let mut cursor = Cursor::new(&bytes[HEADER_BYTES..]);
    let mut manifest = decode_payload(&mut cursor).map_err(|e| e.at(path, HEADER_BYTES as u64))?;
    cursor.end("the manifest").map_err(|e| e.at(path, HEADER_BYTES as u64))?;
    manifest.version = version;
    Ok(manifest)
}

/// Checks magic, format, length and checksum; the manifest's version.
fn check_header(bytes: &[u8], path: &str) -> Result<u64> {
    let mut cursor = Cursor::new(bytes);
    let head = |e: Malformed| e.at(path, 0);
    if cursor.take(8, "the manifest's magic").map_err(head)? != MAGIC {
        return Err(StorageError::corrupt(path, 0, "the magic bytes of a manifest"));
    }
    let found = cursor.u16("the format version").map_err(head)?;
    cursor.take(6, "reserved bytes").map_err(head)?;
    let version = cursor.u64("the manifest's version").map_err(head)?;
    let length = cursor.u64("the payload's length").map_err(head)?;
    let crc = cursor.u32("the checksum").map_err(head)?;
    let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..HEADER_BYTES - 4]);
    hasher.update(payload);
    if length != payload.len() as u64 || hasher.finalize() != crc {
        return Err(StorageError::corrupt(
            path,
            0,
            format!("{length} bytes of payload with checksum {crc:08x}"),
        ));
    }
    // Only a version that the checksum vouches for is a newer format; anything else is damage.
    if found < MANIFEST_VERSION {
        // Version 0 was that of builds before the first promise.
        return Err(StorageError::OldFormat { path: path.into(), found, oldest: MANIFEST_VERSION });
    }
    if found > MANIFEST_VERSION {
        return Err(StorageError::NewerFormat { path: path.into(), found, known: MANIFEST_VERSION });
    }
    Ok(version)
}

fn decode_payload(cursor: &mut Cursor<'_>) -> Result<Manifest, Malformed> {
    let mut manifest = Manifest {
        catalog_seq: cursor.u64("the catalog's sequence")?,
        wal_first: cursor.u64("the first WAL file")?,
        wal_first_seq: cursor.u64("the first sequence in the WAL")?,
        next_table_id: cursor.u32("the next table's id")?,
        next_segment_id: cursor.u64("the next segment's id")?,
        ..Manifest::default()
    };
    for _ in 0..cursor.count(32, "tables")? {
        let schema = schema_codec::decode(cursor)?;
        manifest.flushed_seq.insert(schema.id, cursor.u64("a table's flushed sequence")?);
        let lattices = decode_lattices(cursor)?;
        if !lattices.is_empty() {
            manifest.lattices.insert(schema.id, lattices);
        }
        manifest.tables.push(Arc::new(schema));
    }
    let mut entries = BTreeMap::new();
    for _ in 0..cursor.count(8, "catalog entries")? {
        let key = cursor.str("an entry's key")?.to_owned();
        entries.insert(key, cursor.bytes("an entry's value")?.into());
    }
    manifest.entries = entries;
    let segments = cursor.count(SEGMENT_BYTES, "segments")?;
    manifest.segments = (0..segments).map(|_| decode_segment(cursor)).collect::<Result<_, _>>()?;
    manifest.writers = Writers::decode(cursor)?;
    for _ in 0..cursor.count(16, "series files")? {
        manifest.series.0.push((cursor.u64("a series file's number")?, cursor.u64("its length")?));
    }
    decode_sections(cursor, &mut manifest)?;
    Ok(manifest)
}

/// Passes over what later versions add, unless it says that who does not know it must not go on.
fn decode_sections(cursor: &mut Cursor<'_>, manifest: &mut Manifest) -> Result<(), Malformed> {
    for _ in 0..cursor.count(10, "sections")? {
        let tag = cursor.take(4, "a section's tag")?;
        let flags = cursor.u16("a section's flags")?;
        if tag == PATCHES || tag == ERASURES {
            let length = cursor.u32("a section's length")? as usize;
            let end = cursor.remaining().checked_sub(length);
            if tag == PATCHES {
                decode_patches(cursor, manifest)?;
            } else {
                manifest.erasures = decode_erasures(cursor)?;
            }
            if end != Some(cursor.remaining()) {
                return cursor.fail(format!("the end of the section {}", String::from_utf8_lossy(tag)));
            }
            continue;
        }
        cursor.bytes("a section")?;
        if flags & SECTION_REQUIRED != 0 {
            let tag = String::from_utf8_lossy(tag);
            return cursor.fail(format!("no section {tag}, which only a newer driftline reads"));
        }
    }
    Ok(())
}

fn decode_erasures(cursor: &mut Cursor<'_>) -> Result<Erasures, Malformed> {
    let entries = cursor.u64("entries of the ledger")?;
    let count = cursor.count(4, "backups")?;
    let path = |_| Ok(cursor.str("the directory of a backup")?.to_owned());
    Ok(Erasures { entries, backups: (0..count).map(path).collect::<Result<_, _>>()? })
}

fn decode_patches(cursor: &mut Cursor<'_>, manifest: &mut Manifest) -> Result<(), Malformed> {
    let rows: BTreeMap<u64, u64> = manifest.segments.iter().map(|s| (s.id, s.rows)).collect();
    for _ in 0..cursor.count(PATCH_BYTES, "blocks of patch files")? {
        let segment = cursor.u64("a patched segment")?;
        let (kind, column) = (cursor.u32("a kind of block")?, cursor.u32("a column's id")?);
        let crc = cursor.u32("a block's checksum")?;
        cursor.u32("reserved bytes")?;
        let (file, offset) = (cursor.u64("a patch file")?, cursor.u64("a block's offset")?);
        let (bytes, count) = (cursor.u64("a block's length")?, cursor.u64("what a block counts")?);
        let place = Place { file, offset, bytes, crc };
        let all = rows.get(&segment).copied().unwrap_or(0);
        match kind {
            PATCH_HIDDEN if (1..=all).contains(&count) => {
                manifest.hidden.insert(segment, HiddenPlace { place, rows: count });
            }
            PATCH_LABELS if all > 0 && count > 0 => {
                let places = manifest.labels.entry((segment, column)).or_default();
                places.push(LabelPlace { place, entries: count });
            }
            PATCH_HIDDEN | PATCH_LABELS => {
                let expected = format!("a count for segment {segment} of {all} rows, found {count}");
                return cursor.fail(expected);
            }
            _ => return cursor.fail(format!("a block of hidden rows or of labels, found kind {kind}")),
        }
    }
    Ok(())
}

fn decode_lattices(cursor: &mut Cursor<'_>) -> Result<BTreeMap<ColumnId, Lattice>, Malformed> {
    let mut lattices = BTreeMap::new();
    for _ in 0..cursor.count(8, "lattices")? {
        let column = cursor.u32("a column's id")?;
        let (kind, parameter) =
            (cursor.u16("a lattice's kind")?, cursor.u16("a lattice's parameter")? as i16);
        let lattice = match (kind, u8::try_from(parameter)) {
            (0, _) => Lattice::Dict,
            (1, Ok(bits)) => Lattice::Log { bits },
            (2, _) => Lattice::Affine { exponent: parameter },
            _ => return cursor.fail(format!("a known kind of lattice, found {kind}")),
        };
        lattices.insert(column, lattice);
    }
    Ok(lattices)
}

pub(super) fn decode_segment(cursor: &mut Cursor<'_>) -> Result<SegmentInfo, Malformed> {
    let (id, table) = (cursor.u64("a segment's id")?, cursor.u32("a segment's table")?);
    let schema_version = cursor.u32("a segment's schema version")?;
    let (rows, bytes) = (cursor.u64("a segment's rows")?, cursor.u64("a segment's length")?);
    let raw_bytes = cursor.u64("a segment's raw length")?;
    if rows > SEGMENT_ROWS_MAX || bytes.max(raw_bytes) > SEGMENT_BYTES_MAX {
        return cursor
            .fail(format!("rows and bytes of a segment within their limits, found {rows} and {bytes}"));
    }
    let (min_time, max_time) =
        (cursor.i64("a segment's least time")?, cursor.i64("a segment's greatest time")?);
    let (first_seq, last_seq) =
        (cursor.u64("a segment's first write")?, cursor.u64("a segment's last write")?);
    let footer_crc = cursor.u32("a segment's footer checksum")?;
    let level = cursor.u8("a segment's level")?;
    let width = cursor.u8("the width of a segment's intervals")?;
    let Some(width) = Width::of_code(width) else {
        return cursor.fail(format!("a known width of intervals, found {width}"));
    };
    cursor.u16("reserved bytes")?;
    let (file, offset) = (cursor.u64("a segment's file")?, cursor.u64("a segment's offset")?);
    let partition = decode_partition(cursor)?;
    let (first_key, last_key) = (decode_key(cursor)?, decode_key(cursor)?);
    Ok(SegmentInfo {
        id,
        file,
        offset,
        level,
        partition,
        width,
        first_key,
        last_key,
        table,
        schema_version,
        rows,
        bytes,
        raw_bytes,
        min_time,
        max_time,
        first_seq,
        last_seq,
        footer_crc,
    })
}

fn decode_partition(cursor: &mut Cursor<'_>) -> Result<Partition, Malformed> {
    let (start, length) = (cursor.i64("a partition's start")?, cursor.i64("a partition's length")?);
    if length <= 0 {
        return cursor.fail("a partition of some length");
    }
    Ok(Partition { start, length })
}

fn decode_key(cursor: &mut Cursor<'_>) -> Result<CellKey, Malformed> {
    let key = CellKey { interval: cursor.i64("an interval")?, series: cursor.u32("a series")? };
    cursor.u32("reserved bytes")?;
    Ok(key)
}
