//! The files of a directory, and what stands in them for the environment.

use std::path::{Path, PathBuf};

use crate::cli::error::{CliError, Result};

/// How the names of files with statements end.
pub const STATEMENTS: &str = ".sql";
/// How the names of tests end.
pub const TESTS: &str = "_test.sql";
/// How deep directories are looked into.
const DEPTH_MAX: usize = 8;

/// The files whose names end so, in order of their names: those below a directory, or the one file.
pub fn find(path: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect(path, ending, DEPTH_MAX, &mut found)?;
    if found.is_empty() {
        return Err(CliError::Rules { path: path.to_owned(), reason: format!("it has no files *{ending}") });
    }
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, ending: &str, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let failed =
        |error: std::io::Error| CliError::Rules { path: directory.to_owned(), reason: error.to_string() };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && depth > 0 {
            collect(&path, ending, depth - 1, found)?;
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file is a test.
pub fn is_test(path: &Path) -> bool {
    path.to_string_lossy().ends_with(TESTS)
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| CliError::Rules { path: path.to_owned(), reason: error.to_string() };
    std::fs::read_to_string(path).map_err(failed)
}

/// The text with the values of variables in place of `${NAME}`, so that secrets need not stand in files.
pub fn filled(path: &Path, text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        let unset = || {
            let line = text[..text.len() - after.len()].lines().count();
            let reason = format!("line {line}: the environment has no variable {name}");
            CliError::Rules { path: path.to_owned(), reason }
        };
        out.push_str(before);
        // In a text of SQL a quote would end it.
        out.push_str(&value(name).ok_or_else(unset)?.replace('\'', "''"));
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_for_secrets() {
        let value = |name: &str| (name == "URL").then(|| "it's".to_owned());
        let filled = |text| super::filled(Path::new("a.sql"), text, value);
        assert_eq!(filled("url = '${URL}', x").unwrap(), "url = 'it''s', x");
        assert_eq!(filled("{{ value }} $5").unwrap(), "{{ value }} $5");
        let error = filled("a\nb '${NONE}'").unwrap_err().to_string();
        assert!(error.contains("a.sql") && error.contains("line 2") && error.contains("NONE"), "{error}");
    }
}
