//! The files: series as CSV, and the windows of all of them as one JSON.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use crate::Result;

/// Seconds of a day.
const DAY: u32 = 86_400;

/// A series and its anomalies.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Folder and file.
    pub name: String,
    /// The values, a row each.
    pub values: Vec<f64>,
    /// The rows of each anomaly, in their order.
    pub windows: Vec<RangeInclusive<usize>>,
    /// Rows of a day, by the usual time between two rows.
    pub day: usize,
}

impl Labelled {
    /// The folder.
    pub fn folder(&self) -> &str {
        self.name.split_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Reads `combined_windows.json` of a directory, and all of its series that are there.
///
/// # Errors
/// Where a file cannot be read or does not hold what it should.
pub fn read_corpus(directory: &Path) -> Result<Vec<Labelled>> {
    let text = fs::read_to_string(directory.join("combined_windows.json"))?;
    let windows: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&text)?;
    let present = windows.into_iter().filter(|(name, _)| directory.join(name).exists());
    present
        .map(|(name, windows)| {
            let text = fs::read_to_string(directory.join(&name))?;
            labelled(name, &text, &windows)
        })
        .collect()
}

/// Times are compared as texts: the same format in both files, but for the fraction of a second.
pub(super) fn labelled(name: String, text: &str, windows: &[[String; 2]]) -> Result<Labelled> {
    let lines = || text.lines().skip(1).filter_map(|line| line.split_once(','));
    let times: Vec<&str> = lines().map(|(time, _)| time).collect();
    let values = lines().map(|(_, value)| value.trim().parse()).collect::<Result<_, _>>()?;
    let row = |time: &str| {
        let time = time.split('.').next().unwrap_or(time);
        times.iter().position(|row| *row == time).ok_or_else(|| format!("{name} has no row at {time}"))
    };
    let windows = windows.iter().map(|[from, to]| Ok(row(from)?..=row(to)?)).collect::<Result<_>>()?;
    let day = rows_of_a_day(&times).ok_or_else(|| format!("{name} has times of another format"))?;
    Ok(Labelled { name, values, windows, day })
}

/// By the median of the times between rows, which are less than a day. None for fewer than two rows.
fn rows_of_a_day(times: &[&str]) -> Option<usize> {
    let seconds: Vec<u32> = times.iter().map(|time| second_of_day(time)).collect::<Option<_>>()?;
    let between = seconds.windows(2).filter_map(|pair| Some((pair.get(1)? + DAY - pair.first()?) % DAY));
    let mut between: Vec<u32> = between.filter(|seconds| *seconds > 0).collect();
    between.sort_unstable();
    let usual = between.get(between.len() / 2)?;
    Some((DAY + usual / 2) as usize / *usual as usize)
}

/// Of a time like `2014-04-10 07:15:00`.
fn second_of_day(time: &str) -> Option<u32> {
    let mut parts = time.split_once(' ')?.1.split(':').map(|part| part.parse::<u32>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some(hours * 3_600 + minutes * 60 + seconds)
}
