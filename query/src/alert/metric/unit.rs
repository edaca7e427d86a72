//! Thresholds with units: `500ms`, `5%`, `10/s`.

/// What a metric is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// From 0 to 1.
    Fraction,
    /// A number of no unit that is known, such as that of a label.
    Plain,
    /// A time.
    Milliseconds,
    /// So many a second.
    PerSecond,
    /// So many.
    Count,
}

/// A unit as written, the power of ten that it is, and what a number in it is then multiplied with and divided by.
/// Powers of ten are put into the text before it is read: 17.3 / 100 is not the number nearest to 0.173.
type Scale = (&'static str, i32, f64, f64);

const PLAIN: Scale = ("", 0, 1.0, 1.0);

impl Unit {
    fn scales(self) -> &'static [Scale] {
        match self {
            Self::Plain | Self::Count => &[PLAIN],
            Self::Fraction => &[PLAIN, ("%", -2, 1.0, 1.0)],
            Self::Milliseconds => &[
                PLAIN,
                ("ms", 0, 1.0, 1.0),
                ("s", 3, 1.0, 1.0),
                ("us", -3, 1.0, 1.0),
                ("µs", -3, 1.0, 1.0),
                ("ns", -6, 1.0, 1.0),
                ("sec", 3, 1.0, 1.0),
                ("min", 3, 60.0, 1.0),
                ("h", 3, 3600.0, 1.0),
            ],
            Self::PerSecond => &[PLAIN, ("/s", 0, 1.0, 1.0), ("/min", 0, 1.0, 60.0), ("/h", 0, 1.0, 3600.0)],
        }
    }

    /// What fits, behind the name of a metric.
    fn remedy(self) -> &'static str {
        match self {
            Self::Plain => "is a number without a unit: write 0.5",
            Self::Fraction => "is a fraction from 0 to 1: write 0.05 or '5%'",
            Self::Milliseconds => {
                "is a time of 0 or more: write 500 (milliseconds), '500ms', '2 s', '250 us', '1 min' or '1 h'"
            }
            Self::PerSecond => "is a rate of 0 or more: write 10 (a second), '10/s', '600/min' or '36000/h'",
            Self::Count => "is a number of rows, 0 or more, without a unit: write 1000",
        }
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::Plain => value.is_finite(),
            Self::Fraction => (0.0..=1.0).contains(&value),
            Self::Milliseconds | Self::PerSecond | Self::Count => value.is_finite() && value >= 0.0,
        }
    }

    /// A number with a unit or without.
    ///
    /// # Errors
    /// What to write instead.
    pub(super) fn read(self, text: &str) -> Result<f64, String> {
        let value = self.value(text).filter(|value| self.holds(*value));
        value.ok_or_else(|| format!("{}, not {:?}", self.remedy(), text.trim()))
    }

    fn value(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let number = text.trim_end_matches(|c: char| c.is_alphabetic() || c == '%' || c == '/');
        let unit = text.get(number.len()..)?.to_lowercase();
        let (_, power, times, parts) = self.scales().iter().find(|(name, ..)| *name == unit)?;
        // -0 would be written as "-0" and is no other threshold than 0.
        Some(shifted(number.trim(), *power)? * times / parts + 0.0)
    }
}

/// A number times a power of ten.
fn shifted(number: &str, power: i32) -> Option<f64> {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent = exponent.parse::<i32>().ok()?.checked_add(power)?;
    format!("{digits}e{exponent}").parse().ok()
}
