//! At what times the row of a label is looked for.

/// How far a row may lie from the time that its key embeds, for labels to be looked for there only: an hour. Tables
/// with rows farther away say so (`id_time = 'any'`).
pub(crate) const NEAR_NANOS: i64 = 3_600 * 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;
/// Letters and digits of a ULID, in the order of their values.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const UUID_LENGTH: usize = 36;
const ULID_LENGTH: usize = 26;

/// Where in time the rows of a label are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// At this time: it came with the label.
    At(i64),
    /// Within [`NEAR_NANOS`] of this time, which the key embeds.
    Near(i64),
    /// Anywhere.
    Anywhere,
}

impl Aim {
    /// Of a label that is kept under `time`, arrived at `arrival` and has the key `key`, if that is a text.
    ///
    /// A label without a time is kept under the one that its key embeds, else under that of its arrival.
    pub(crate) fn of(time: i64, arrival: i64, key: Option<&str>, ids_are_near: bool) -> Self {
        match key.and_then(embedded_time) {
            Some(embedded) if embedded == time && ids_are_near => Self::Near(time),
            Some(embedded) if embedded == time => Self::Anywhere,
            _ if time == arrival => Self::Anywhere,
            _ => Self::At(time),
        }
    }

    /// Whether a row of this time may be meant.
    pub(crate) fn takes(self, time: i64) -> bool {
        match self {
            Self::At(at) => at == time,
            Self::Near(_) | Self::Anywhere => true,
        }
    }
}

/// The time that an id embeds, in nanoseconds since 1970: that of a UUID of version 7 or of a ULID, which is of whole
/// milliseconds. None of any other text.
pub fn embedded_time(id: &str) -> Option<i64> {
    let millis = match id.len() {
        UUID_LENGTH => uuid_millis(id.as_bytes())?,
        ULID_LENGTH => ulid_millis(id.as_bytes())?,
        _ => return None,
    };
    i64::try_from(millis).ok()?.checked_mul(MILLISECOND)
}

/// Whether a row of this time lies too far from the time its key embeds for labels to find it by that.
pub fn is_far(id: &str, time: i64) -> bool {
    embedded_time(id).is_some_and(|embedded| embedded.abs_diff(time) > NEAR_NANOS.unsigned_abs())
}

/// `xxxxxxxx-xxxx-7xxx-yxxx-xxxxxxxxxxxx`, of which the first twelve digits are the time and y is 8, 9, a or b.
fn uuid_millis(id: &[u8]) -> Option<u64> {
    let is_version_7 = id[14] == b'7' && matches!(id[19], b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
    let is_hyphen = |at: usize| id[at] == b'-';
    if !is_version_7 || ![8, 13, 18, 23].into_iter().all(is_hyphen) {
        return None;
    }
    let digits = id[..8].iter().chain(&id[9..13]);
    let mut value = digits.map(|digit| char::from(*digit).to_digit(16));
    value.try_fold(0, |sum, digit| Some(sum << 4 | u64::from(digit?)))
}

/// Ten digits of time and sixteen of chance, in base 32.
fn ulid_millis(id: &[u8]) -> Option<u64> {
    let value = |digit: &u8| CROCKFORD.iter().position(|known| *known == digit.to_ascii_uppercase());
    if id[0] > b'7' || !id[10..].iter().all(|digit| value(digit).is_some()) {
        return None;
    }
    id[..10].iter().try_fold(0, |sum, digit| Some(sum << 5 | value(digit)? as u64))
}
