//! Names that stay the same when the same windows are judged again.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::alert::Rule;

/// Ends each part of what is hashed. No UTF-8 text has this byte, so `ab`, `c` and `a`, `bc` differ.
const END: u8 = 0xff;

/// Stands for the alert itself where an instance has its labels. No label has such a name.
const ALERT_ITSELF: &str = "\u{0}alert";

/// The name of an instance: 16 hex digits from its labels, in their order.
pub fn fingerprint(identity: &BTreeMap<String, String>) -> String {
    let mut bytes = Vec::new();
    for text in identity.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(END);
    }
    format!("{:016x}", xxh3_64(&bytes))
}

/// The fingerprint of an alert's own trouble, which has no labels. It differs from that of the one instance of an
/// alert without BY.
pub fn alert_fingerprint() -> String {
    fingerprint(&BTreeMap::from([(ALERT_ITSELF.to_owned(), String::new())]))
}

/// The name of an episode: 32 hex digits. An instance begins at most one episode with a window.
///
/// When the alert was made is part of it: one dropped and made again under its name may judge a window a second time.
pub(super) fn episode(rule: &Rule, fingerprint: &str, began_at: i64) -> String {
    let mut hash = Xxh3::new();
    for part in [rule.name.as_bytes(), fingerprint.as_bytes()] {
        hash.update(part);
        hash.update(&[END]);
    }
    hash.update(&rule.created_at.to_le_bytes());
    hash.update(&began_at.to_le_bytes());
    format!("{:032x}", hash.digest128())
}
