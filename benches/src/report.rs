//! What was measured, for people on standard output and for `peers/report.py` as lines of JSON.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::Result;
use crate::check::Check;

/// Where figures go.
#[derive(Debug)]
pub struct Report {
    lines: Option<File>,
    command: String,
}

impl Report {
    /// Adds lines to the file `out`, where one is given. The command that ran is the arguments of this process.
    pub fn new(out: Option<&Path>) -> Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        Ok(Self { lines: out.map(open).transpose()?, command: format!("driftline-bench {command}") })
    }

    /// A figure, such as `size/tsbs/bytes_per_value`; `durability` says what an acknowledgement meant meanwhile.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str, durability: &str) -> Result<()> {
        println!("{name:<44} {value:>16.4} {unit:<14} {durability}");
        self.line(&json!({
            "system": "driftline", "figure": name, "value": value, "unit": unit,
            "durability": durability, "command": self.command,
        }))
    }

    /// What the rows of a workload come to in `system`.
    pub fn check(&mut self, system: &str, workload: &str, check: &Check) -> Result<()> {
        println!("{workload:<44} {:>16} rows in {system}", check.rows);
        self.line(&json!({ "system": system, "workload": workload, "check": check.json() }))
    }

    fn line(&mut self, value: &Value) -> Result<()> {
        let Some(file) = &mut self.lines else { return Ok(()) };
        Ok(writeln!(file, "{value}")?)
    }
}
