//! Bitmaps against a scan of the tags; any bytes give an error or a bitmap, never a panic.

use super::*;
use crate::schema::SeriesId;

fn mix(i: u64) -> u64 {
    let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

/// Series with a tag of some 300 values, many of them rare, and one of a few; some lack either.
fn tags(seed: u64, series: u32) -> SegmentTags {
    let tags = |id: SeriesId| {
        let n = mix(u64::from(id) + seed * 1_000_003);
        let rare: Arc<str> = format!("v{}", (n % 300) * (n % 3)).into();
        let all = [(3, rare), (8, format!("r{}", n % 5).into())];
        Some(all.into_iter().filter(|(column, _)| !mix(n + u64::from(*column)).is_multiple_of(5)).collect())
    };
    SegmentTags::build((0..series).map(|i| i * 2 + 1).collect(), tags).unwrap()
}

#[test]
fn bitmaps_tell_what_a_scan_tells() {
    for seed in 0..10 {
        let tags = tags(seed, (mix(seed) % 4_000) as u32 + 20);
        let postings = Postings::decode(encode(&tags).unwrap(), &tags).unwrap();
        postings.check(&tags).unwrap();
        for column in tags.columns() {
            for (code, value) in (1..).zip(column.values.iter().flatten()) {
                let has = |ordinal: &u32| tags.value(*ordinal as usize, column.id) == Some(value);
                let scanned: Vec<u32> = (0..tags.series().len() as u32).filter(has).collect();
                let found = postings.find(column.id, code).unwrap().map(|b| b.iter().collect::<Vec<_>>());
                assert_eq!(
                    found,
                    (scanned.len() >= POSTING_SERIES_MIN).then_some(scanned),
                    "seed {seed}: {value}"
                );
            }
        }
        assert!(postings.find(4, 1).unwrap().is_none());
    }
}

#[test]
fn rare_values_have_none() {
    let tags =
        SegmentTags::build((1..9).collect(), |id| Some(vec![(1, format!("{}", id / 3).into())])).unwrap();
    assert!(encode(&tags).is_none());
}

#[test]
fn damage_is_no_panic() {
    let tags = tags(1, 60);
    let bytes = encode(&tags).unwrap();
    for at in 0..bytes.len() {
        for byte in (0..=255).step_by(3) {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            if let Ok(postings) = Postings::decode(damaged, &tags) {
                let _ = postings.check(&tags);
            }
        }
        assert!(Postings::decode(bytes[..at].to_vec(), &tags).is_err());
    }
}

#[test]
fn any_bytes_are_a_bitmap_or_an_error() {
    let mut bitmap: RoaringBitmap =
        (0..50_000).filter(|i| mix(*i).is_multiple_of(3)).map(|i| i as u32 * 3).collect();
    bitmap.insert_range(1_000_000..1_200_000);
    bitmap.optimize();
    let mut whole = Vec::new();
    bitmap.serialize_into(&mut whole).unwrap();
    assert_eq!(decode_bitmap(&whole).unwrap(), bitmap);
    for seed in 0..20_000_u64 {
        let length = mix(seed) as usize % 60;
        let mut bytes: Vec<u8> = (0..length as u64).map(|i| mix(seed * 64 + i) as u8).collect();
        let _ = decode_bitmap(&bytes);
        // Either cookie, so that what follows is looked at.
        let cookie: [u8; 4] =
            if seed % 2 == 0 { [0x3a, 0x30, 0, 0] } else { [0x3b, 0x30, seed as u8 % 7, 0] };
        bytes.splice(0..0, cookie);
        let _ = decode_bitmap(&bytes);
        let mut damaged = whole[..whole.len().min(mix(seed + 9) as usize % 3_000)].to_vec();
        if let Some(byte) = damaged.get_mut(mix(seed + 8) as usize % 64) {
            *byte ^= seed as u8;
        }
        let _ = decode_bitmap(&damaged);
        let mut damaged = whole.clone();
        damaged[mix(seed + 8) as usize % 64] ^= seed as u8;
        let _ = decode_bitmap(&damaged);
    }
}
