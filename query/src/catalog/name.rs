//! Finding a thing by its name as a person writes it.

use crate::error::{QueryError, Result};

/// How many letters a slip of the pen changes at most.
const SLIPS_MAX: usize = 2;

/// The one of `known` that `name` means: the one written exactly so, else the only one that differs in case alone.
///
/// None where nothing matches; an error where several do.
pub(crate) fn find<'a>(
    what: &str,
    known: impl IntoIterator<Item = &'a str>,
    name: &str,
) -> Result<Option<&'a str>> {
    let mut alike = Vec::new();
    for candidate in known {
        if candidate == name {
            return Ok(Some(candidate));
        }
        if same(candidate, name) {
            alike.push(candidate);
        }
    }
    match alike.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(ambiguous(what, name, several)),
    }
}

/// Whether two names are the same but for their case.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// Whether one is likely a slip of the pen for the other.
pub(crate) fn is_near(known: &str, name: &str) -> bool {
    distance(known, name) <= SLIPS_MAX
}

/// What to say of a name that means several things.
pub(crate) fn ambiguous(what: &str, name: &str, several: &[&str]) -> QueryError {
    QueryError::Invalid(format!(
        "{what} {name} is ambiguous: {} differ only in case; write the one you mean in double quotes",
        several.join(" and ")
    ))
}

/// What to say of a name that means nothing: the nearest known name, else all of them while they are few.
pub(crate) fn missing<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    remedy: &str,
) -> QueryError {
    const LISTED_MAX: usize = 8;
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known.iter().min_by_key(|k| distance(k, name)).filter(|k| is_near(k, name));
    let hint = match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None if known.is_empty() => String::new(),
        None if known.len() <= LISTED_MAX => format!("; there is {}", known.join(", ")),
        None => format!("; there are {} others", known.len()),
    };
    let remedy = if remedy.is_empty() { String::new() } else { format!(". {remedy}") };
    QueryError::NotFound(format!("{what} {name} does not exist{hint}{remedy}"))
}

/// Levenshtein distance without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_written_exactly_wins_over_others_that_differ_in_case() {
        assert_eq!(find("column", ["agep", "AGEP"], "AGEP").unwrap(), Some("AGEP"));
        assert_eq!(find("column", ["AGEP", "WAGP"], "agep").unwrap(), Some("AGEP"));
        assert_eq!(find("column", ["AGEP"], "sex").unwrap(), None);
    }

    #[test]
    fn an_ambiguous_name_lists_what_it_could_mean() {
        let error = find("column", ["agep", "AGEP"], "Agep").unwrap_err().to_string();
        assert!(error.contains("agep and AGEP"), "{error}");
    }

    #[test]
    fn a_missing_name_is_told_with_the_nearest_one() {
        let error = missing("table", "fruad", ["fraud", "churn"], "").to_string();
        assert_eq!(error, "table fruad does not exist; did you mean fraud?");
        let error = missing("table", "requests", ["fraud", "churn"], "").to_string();
        assert_eq!(error, "table requests does not exist; there is fraud, churn");
    }
}
