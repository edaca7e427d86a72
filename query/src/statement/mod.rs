//! Statements of our own beside SQL.
