//! A model of each seed, whose windows the database judges through SQL.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use driftline_benches::Result;
use driftline_query::{Database, Write, WritePart, WriteTarget};

use super::change::Change;
use super::columns::Column;
use super::sample::{CATEGORIES, NUMBERS, Source};

const HOUR: i64 = 3_600_000_000_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000_000;

/// How large samples are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows of the reference, a multiple of those of a window.
    pub reference: usize,
    /// Rows of a window, which is an hour long.
    pub window: usize,
    /// Windows of each seed in which nothing changes.
    pub calm: usize,
}

/// What was alarmed of the windows of a seed.
#[derive(Debug, Default)]
pub struct Alarms {
    /// Of those in which nothing changed.
    pub calm: usize,
    /// For each change.
    pub changed: Vec<bool>,
}

/// One model after the other.
#[derive(Debug)]
pub struct Bench<'a> {
    pub db: &'a Database,
    pub columns: &'a [Column],
    pub size: Size,
    /// How much a row is like the one before.
    pub phi: f64,
    pub changes: &'a [Change],
    /// Whether rows are flushed and compacted before they are judged, so that cells can answer.
    pub is_compacted: bool,
}

impl Bench<'_> {
    /// The alarms of a seed at each level; None is the level that a window has by its length.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn seed(&self, seed: u64, levels: &[Option<f64>]) -> Result<Vec<Alarms>> {
        self.create().await?;
        let mut source = Source::new(self.columns, self.phi, seed);
        let Size { reference, window, calm } = self.size;
        let before = (reference / window) as i64;
        for at in 0..before + calm as i64 {
            self.write(source.rows(window).batch(START + at * HOUR, self.step())?).await?;
        }
        for (at, change) in self.changes.iter().enumerate() {
            let mut rows = source.rows(window);
            change.apply(&mut rows, &mut source);
            self.write(rows.batch(START + (before + (calm + at) as i64) * HOUR, self.step())?).await?;
        }
        if self.is_compacted {
            self.db.flush().await?;
            self.db.sql("COMPACT").await?;
        }
        let baseline = format!(
            "CREATE BASELINE b FOR MODEL m AS SELECT * FROM m WHERE time < to_timestamp_nanos({})",
            START + before * HOUR
        );
        self.db.sql(&baseline).await?;
        let mut found = Vec::new();
        for level in levels {
            found.push(self.alarms(START + before * HOUR, *level).await?);
        }
        Ok(found)
    }

    fn step(&self) -> i64 {
        HOUR / self.size.window as i64
    }

    async fn create(&self) -> Result<()> {
        let numbers = (0..NUMBERS).map(|at| format!("n{at} DOUBLE FEATURE"));
        let levels = (0..CATEGORIES).map(|at| format!("c{at} TEXT FEATURE CATEGORICAL"));
        let columns: Vec<String> = numbers.chain(levels).collect();
        self.db.sql("DROP MODEL IF EXISTS m").await?;
        self.db.sql(&format!("CREATE MODEL m ({})", columns.join(", "))).await?;
        Ok(())
    }

    async fn write(&self, rows: RecordBatch) -> Result<()> {
        let part = WritePart { target: WriteTarget::Table("m".into()), rows };
        self.db.write(Write { writer: None, parts: vec![part] }).await?;
        Ok(())
    }

    /// The windows from a time on, judged in one statement.
    async fn alarms(&self, from: i64, level: Option<f64>) -> Result<Alarms> {
        let rows = self.db.sql(&self.question(from, level)).await?;
        let flags: Vec<bool> = rows
            .iter()
            .flat_map(|batch| batch.column(1).as_boolean().iter().map(|flag| flag == Some(true)))
            .collect();
        let expected = self.size.calm + self.changes.len();
        if flags.len() != expected {
            return Err(format!("{} windows were judged, not {expected}", flags.len()).into());
        }
        let (calm, changed) = flags.split_at(self.size.calm);
        Ok(Alarms { calm: calm.iter().filter(|flag| **flag).count(), changed: changed.to_vec() })
    }

    fn question(&self, from: i64, level: Option<f64>) -> String {
        let to = from + (self.size.calm + self.changes.len()) as i64 * HOUR;
        let alpha = level.map_or(String::new(), |level| format!(", alpha => {level}"));
        format!(
            "SELECT window_start, bool_or(drifted) AS alarm FROM drift_over_time('m', window => INTERVAL '1 hour', \
             from => to_timestamp_nanos({from}), to => to_timestamp_nanos({to}){alpha}) GROUP BY 1 ORDER BY 1"
        )
    }

    /// The plan of the question with what it did, of the last seed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn plan(&self) -> Result<String> {
        let from = START + (self.size.reference / self.size.window) as i64 * HOUR;
        let rows = self.db.sql(&format!("EXPLAIN ANALYZE {}", self.question(from, None))).await?;
        let texts = rows.iter().flat_map(|batch| {
            batch.column(1).as_string_opt::<i32>().map(|texts| texts.iter().flatten().collect::<Vec<_>>())
        });
        Ok(texts.flatten().collect::<Vec<_>>().join("\n"))
    }
}
