//! The query of an alert with its conditions as columns of the answer, as it is judged.

/// The column that says whether a row is bad.
pub(crate) const WHEN: &str = "$when";
/// The column that says whether it is well again, where the alert says when.
pub(crate) const RESOLVE: &str = "$resolve";

/// `query` with [`WHEN`] and, where there is one, [`RESOLVE`] as last columns.
///
/// The conditions speak of the columns of the answer, so they stand around it. No text ends in a comment that goes to
/// the end of its line (the parser leaves those out), and each is on lines of its own besides.
pub(crate) fn sql(query: &str, when: &str, resolve_when: Option<&str>) -> String {
    let column = |condition: &str, name: &str| format!(", CAST((\n{condition}\n) AS BOOLEAN) AS \"{name}\"");
    let resolve = resolve_when.map_or(String::new(), |condition| column(condition, RESOLVE));
    format!("SELECT *{}{resolve} FROM (\n{query}\n)", column(when, WHEN))
}
