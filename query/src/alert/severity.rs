//! How bad an alert is.

use std::fmt;
use std::str::FromStr;

/// How bad it is, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Low,
    /// During the day.
    Medium,
    /// Soon.
    High,
    /// Now.
    Critical,
}

impl Severity {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Any case; other systems' names are taken too: warning is medium, error is high, info is low.
impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "low" | "info" => Ok(Self::Low),
            "medium" | "warning" => Ok(Self::Medium),
            "high" | "error" => Ok(Self::High),
            "critical" => Ok(Self::Critical),
            _ => Err(format!(
                "{text:?} is no severity; it is critical, high (or error), medium (or warning) or low (or info)"
            )),
        }
    }
}
