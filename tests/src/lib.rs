//! End to end tests of Driftline live in `tests/it` of this crate and in `tests/python`; the library is empty.
