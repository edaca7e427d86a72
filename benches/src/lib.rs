//! Measurements of Driftline, with the peer in the same run. None yet: see the README of this crate.
