//! One rule at work: which windows it has judged, and what it found.

use std::sync::Arc;

use datafusion::sql::parser::Statement as SqlStatement;
use driftline_storage::{Snapshot, TableId};

use super::ask::{Judged, answer, ask, statement};
use super::told::Told;
use crate::alert::Rule;
use crate::alert::dispatch::News;
use crate::alert::state::{AlertState, EndReason, Mark, Seen, Standing, Transition, Window};
use crate::continuous::Bucket;
use crate::database::Database;
use crate::error::Result;
use crate::limits::{CATCH_UP_WINDOWS_MAX, REPLAY_NANOS};
use crate::runner::{Episode, Judging, Sight, Watched};
use crate::session::Session;

/// What is written down of a rule.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    /// As it was when it was judged last: what is told of its end goes by that.
    pub(super) rule: Rule,
    pub(super) state: AlertState,
}

/// A rule, of one model where it is of all.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) key: String,
    pub(crate) rule: Arc<Rule>,
    pub(crate) state: AlertState,
    pub(crate) judged: Judged,
    /// The tables that its query reads; of none it goes by the clock.
    pub(crate) sources: Vec<TableId>,
    /// Whether it looks at labels, so that those which come late change what it found.
    pub(super) reads_labels: bool,
    /// Why it cannot be judged until a table or column is there.
    pub(crate) dormant: Option<String>,
    /// Whether nobody has looked at its tables since it was made.
    is_new: bool,
    /// Windows that end up to here passed while the database was down.
    missed_until: i64,
    /// What they gave, until the last of them is judged.
    missed: Vec<Transition>,
    /// When the last window was written down, since the process began.
    pub(super) judged_at: Option<i64>,
    /// What is asked, once it was read.
    statement: Option<SqlStatement>,
}

/// What is asked of a window.
pub(super) struct Question {
    session: Arc<Session>,
    statement: SqlStatement,
    rule: Arc<Rule>,
    judged: Judged,
}

impl Question {
    /// Asks it.
    pub(super) async fn ask(self) -> Result<Seen> {
        answer(&self.session, self.statement, &self.rule, &self.judged).await
    }
}

impl Judge {
    /// A rule with what was written down of it, or none of its windows judged.
    pub(super) fn new(key: String, rule: Rule, state: AlertState) -> Self {
        let judged = Judged::of(&rule.when);
        let (sources, dormant, missed) = (Vec::new(), None, Vec::new());
        Self {
            key,
            rule: Arc::new(rule),
            state,
            judged,
            sources,
            reads_labels: false,
            dormant,
            is_new: true,
            missed_until: i64::MIN,
            missed,
            judged_at: None,
            statement: None,
        }
    }

    /// The same with a rule that judges alike.
    pub(super) fn with_rule(self, rule: Rule) -> Self {
        Self { rule: Arc::new(rule), statement: None, ..self }
    }

    /// Whether a rule asks and judges as this one does: then what fires goes on.
    pub(super) fn judges_as(&self, other: &Rule) -> bool {
        let part = |rule: &Rule| {
            (
                rule.query.clone(),
                rule.when.clone(),
                rule.resolve_when.clone(),
                rule.by.clone(),
                rule.every,
                rule.created_at,
            )
        };
        part(&self.rule) == part(other)
    }

    /// How far the time of its tables has come; None where none of them ever had a row.
    pub(crate) fn watermark(&self, watched: &Watched, now: i64) -> Option<i64> {
        if self.sources.is_empty() {
            return Some(now);
        }
        let sources = self.sources.iter().filter_map(|table| watched.source(*table));
        sources.filter_map(|source| source.progress().watermark(now)).min()
    }

    /// The windows before this moment were not watched: a new rule begins now, or with the first event where there was none
    /// when it was made.
    pub(super) fn begin(&mut self, snapshot: &Snapshot, watermark: Option<i64>) {
        if self.dormant.is_some() {
            return;
        }
        let is_new = std::mem::take(&mut self.is_new);
        let windows = Bucket::even(self.rule.every);
        let Some(watermark) = watermark.filter(|_| self.state.judged_until.is_none()) else { return };
        let first =
            self.sources.iter().filter_map(|table| snapshot.size(*table).time).map(|time| time.min).min();
        let from =
            if is_new { watermark.saturating_sub(self.rule.delay) } else { first.unwrap_or(watermark) };
        self.state.judged_until = Some(windows.floor(from));
    }

    /// The database was down until now.
    pub(super) fn was_down(&mut self, watermark: Option<i64>) {
        let Some(watermark) = watermark else { return };
        let Some(until) = self.state.judged_until else { return };
        let windows = Bucket::even(self.rule.every);
        let last = windows.floor(watermark.saturating_sub(self.rule.delay));
        if self.sources.is_empty() {
            // What it asks of the database itself has no past.
            self.state.judged_until = Some(until.max(last));
            return;
        }
        // What was last sent before is no news: a single window is late by chance, two were missed.
        if last.saturating_sub(until) > self.rule.every {
            self.missed_until = last;
        }
        let first = last.saturating_sub(self.rule.every.saturating_mul(CATCH_UP_WINDOWS_MAX));
        if until < first {
            tracing::warn!(
                "alert {}: windows before the last {CATCH_UP_WINDOWS_MAX} were missed",
                self.rule.name
            );
            self.state.judged_until = Some(first);
        }
    }

    /// The next window, if it is closed at a watermark.
    pub(super) fn next(&self, watermark: i64) -> Option<Window> {
        let start = self.state.judged_until?;
        let end = start.saturating_add(self.rule.every);
        (end.saturating_add(self.rule.delay) <= watermark).then_some(Window { start, end })
    }

    /// The watermark at which the next window is closed.
    pub(super) fn due(&self) -> Option<i64> {
        Some(self.state.judged_until?.saturating_add(self.rule.every).saturating_add(self.rule.delay))
    }

    /// What is to be asked of a window.
    pub(super) fn question(
        &mut self,
        sight: &Sight<'_>,
        window: Window,
        watermark: i64,
        now: i64,
    ) -> Result<Question> {
        let known_at = window.end.saturating_add(self.rule.delay);
        // Rows of long ago that come now have labels that come now too: then, none was known.
        let is_replay = now.saturating_sub(watermark) > REPLAY_NANOS;
        let session = sight.session(Some((window.end, (!is_replay).then_some(known_at))));
        let statement = match &self.statement {
            Some(known) => known.clone(),
            None => self.statement.insert(statement(&self.rule)?).clone(),
        };
        Ok(Question { session, statement, rule: Arc::clone(&self.rule), judged: self.judged.clone() })
    }

    /// Asks what a window that was judged holds by now.
    pub(super) async fn ask_again(&self, sight: &Sight<'_>, end: i64) -> Result<Seen> {
        ask(&sight.session(Some((end, None))), &self.rule, &self.judged).await
    }

    /// Judges a window by what it holds; None where the rule turns out to be dormant.
    pub(super) async fn judge(
        &mut self,
        db: &Database,
        window: Window,
        seen: Result<Seen>,
    ) -> Option<Vec<Told>> {
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) if self.is_dormant(db).await => {
                self.dormant = Some(error.to_string());
                return None;
            }
            Err(error) => Seen::Failed(error.to_string()),
        };
        let transitions = self.state.judge(&self.rule, window, seen);
        if window.end > self.missed_until {
            return Some(transitions.into_iter().map(|transition| self.told(transition, false)).collect());
        }
        self.missed.extend(transitions);
        let next_end = window.end.saturating_add(self.rule.every);
        Some(if next_end > self.missed_until { self.take_missed() } else { Vec::new() })
    }

    /// Whether its query cannot even be planned: something that it names is gone. What goes on is judged all the same, so
    /// that it ends in time.
    async fn is_dormant(&self, db: &Database) -> bool {
        self.state.instances.is_empty() && super::sources(db, &self.rule).await.is_err()
    }

    /// Whether windows that were missed are being judged: nothing of that is written down before all are.
    pub(super) fn catches_up(&self) -> bool {
        self.state.judged_until.is_some_and(|until| until < self.missed_until)
    }

    fn take_missed(&mut self) -> Vec<Told> {
        let missed = std::mem::take(&mut self.missed);
        missed.into_iter().map(|transition| self.told(transition, true)).collect()
    }

    /// Ends what fires.
    pub(super) fn end_all(&mut self, reason: EndReason, at: i64) -> Vec<Told> {
        let ended = self.state.end_all(&self.rule, reason, at);
        ended.into_iter().map(|transition| self.told(transition, false)).collect()
    }

    pub(super) fn told(&self, transition: Transition, late: bool) -> Told {
        let Judged { statistic, threshold } = self.judged.clone();
        let transition = Transition { threshold: transition.threshold.or(threshold), ..transition };
        Told { rule: Arc::clone(&self.rule), transition, threshold, statistic, late }
    }

    /// What is not well now.
    pub(super) fn live(&self) -> Vec<News> {
        let notices = self.state.live(&self.rule).into_iter().filter_map(|transition| {
            let told = self.told(transition, false);
            told.notice()
        });
        let news =
            |notice| News { notice, notify: self.rule.notify.clone(), repeat_every: self.rule.repeat_every };
        notices.map(news).collect()
    }

    /// The episodes that go on.
    pub(super) fn episodes(&self) -> Vec<Episode> {
        let episode = |now: Transition, acknowledged: &Option<Mark>| Episode {
            rule: Arc::clone(&self.rule),
            now,
            threshold: self.judged.threshold,
            statistic: self.judged.statistic.clone(),
            acknowledged: acknowledged.clone(),
        };
        self.state.going_on(&self.rule).into_iter().map(|(now, mark)| episode(now, &mark)).collect()
    }

    /// How far it has come.
    pub(super) fn judging(&self) -> Judging {
        let error = self.state.trouble.as_ref().filter(|trouble| trouble.standing == Standing::Error);
        Judging {
            judged_until: self.state.judged_until,
            judged_at: self.judged_at,
            dormant: self.dormant.clone(),
            error: error.map(|trouble| trouble.text.clone()),
        }
    }

    /// What is written down of it.
    pub(super) fn kept(&self) -> (String, Option<String>) {
        let kept = Kept { rule: Rule::clone(&self.rule), state: self.state.clone() };
        (self.key.clone(), serde_json::to_string(&kept).ok())
    }
}
