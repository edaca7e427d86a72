//! The columns that windows are drawn from: real ones, read where they lie.

use std::path::Path;

use driftline_benches::Result;

/// The values of a real column, ascending, with their mean and standard deviation.
#[derive(Debug)]
pub struct Column {
    values: Vec<f64>,
    pub mean: f64,
    pub deviation: f64,
}

impl Column {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { values, mean, deviation: (squares / n).sqrt() }
    }

    /// The value below which a share `u` (0..1) of all lies: of uniform ones, a bootstrap.
    pub fn at(&self, u: f64) -> f64 {
        let place = (u * self.values.len() as f64) as usize;
        self.values.get(place).or(self.values.last()).copied().unwrap_or(0.0)
    }
}

/// The columns of a directory: a file each, a number a line, below its name.
///
/// # Errors
/// A file that cannot be read, and a directory without one.
pub fn read(directory: &Path) -> Result<Vec<Column>> {
    let mut paths: Vec<_> = std::fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "csv"))
        .collect();
    paths.sort();
    let column = |path: &std::path::PathBuf| -> Result<Column> {
        let text = std::fs::read_to_string(path)?;
        let values: Vec<f64> = text.lines().skip(1).filter_map(|line| line.trim().parse().ok()).collect();
        Ok(Column::new(values))
    };
    let columns = paths.iter().map(column).collect::<Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Err(
            format!("{} has no .csv file; make them with benches/drift_data", directory.display()).into()
        );
    }
    Ok(columns)
}
