//! How the values of a column chunk become bytes.
