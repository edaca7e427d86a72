//! Buckets of time, in UTC and by the clock of a zone.

mod bucket;
mod date_bin_tz;
#[cfg(test)]
mod tests;

pub(super) use bucket::Buckets;
pub(super) use date_bin_tz::date_bin_tz;
