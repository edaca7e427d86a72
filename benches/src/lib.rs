//! Driftline.
