//! The runner's work on alerts: each rule is judged window by window ([`judge`], [`ask`]), what happens is told to whom it
//! concerns, and state, history ([`tables`]) and messages ([`outbox`]) are written in one batch.

mod ask;
pub(crate) mod delivery;
mod forget;
mod heard;
mod judge;
pub(crate) mod outbox;
pub(crate) mod replay;
mod revise;
pub(crate) mod tables;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use driftline_storage::{Snapshot, TableId, WriteBatch};

pub(crate) use self::forget::{Reader, Readers};
use self::heard::Heard;
use self::judge::{Judge, Kept};
use self::outbox::Letter;
pub(crate) use self::revise::Revised;
use self::revise::Revisions;
pub(crate) use self::told::Told;
use crate::alert::dispatch::{self, DispatchState, Dispatched, News, World};
use crate::alert::entry::ALERT_PREFIX;
use crate::alert::manage::check::check;
use crate::alert::manage::rule::take_up;
use crate::alert::metric::{self, ModelColumns};
use crate::alert::registry::Registry;
use crate::alert::state::{AlertState, EndReason, Mark, Window};
use crate::alert::{Notice, NotifierKind, Rule};
use crate::continuous::check::reads_labels;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::function::{may_read_labels, model_of};
use crate::limits::{ALERTS_AT_ONCE_MAX, LAG_CHANGE_NANOS};
use crate::runner::{Judging, Marks, Sight, side_by_side};
use crate::scan::{Learned, Table};
use crate::statement::watch::ResponseKind;

/// When the database was last seen at work, among the states.
const ALIVE: &str = "alive";
/// The name of what was told, among the states.
const TOLD: &str = "told";

/// All alerts at work.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    registry: Registry,
    pub(crate) judges: Vec<Judge>,
    told: DispatchState,
    is_loaded: bool,
    /// Silences, routes or notifiers changed since something was told.
    is_changed: bool,
    /// Tables of models.
    models: BTreeSet<TableId>,
    heard: Heard,
    revisions: Revisions,
    /// By table how far its rows come behind the clock, as it was written down.
    lags: HashMap<TableId, i64>,
    /// By alert that lies dormant since it was made, what it waits for.
    awaited: BTreeMap<String, String>,
    /// Which stretches of time were asked for last.
    learned: Learned,
    /// What ended because its rule did.
    ended: Vec<Told>,
    forgotten: Vec<String>,
}

impl Alerts {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.judges.is_empty() && self.ended.is_empty() && dispatch::next_due(&self.told).is_none()
    }

    /// Notices what was created, changed and dropped.
    pub(crate) async fn reload(
        &mut self,
        db: &Database,
        snapshot: &Snapshot,
        states: &BTreeMap<String, String>,
    ) -> Result<()> {
        self.registry = Registry::of(snapshot)?;
        let models = if self.registry.rules.is_empty() { Vec::new() } else { crate::model::all(snapshot)? };
        self.models = models.into_iter().map(|(_, table)| table.id).collect();
        self.is_changed = true;
        // What may fail comes before the judges are touched.
        if !self.is_loaded {
            grow(db).await?;
        }
        self.take_up(db).await?;
        let wanted = wanted(&self.registry, snapshot)?;
        let mut known: HashMap<String, Judge> =
            self.judges.drain(..).map(|judge| (judge.key.clone(), judge)).collect();
        if !self.is_loaded {
            known.extend(written_down(states));
            self.told = states.get(TOLD).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            db.outbox().load(snapshot)?;
        }
        for (key, rule) in wanted {
            let before = known.remove(&key);
            let judge = match before {
                Some(before) if !rule.enabled => self.end(before, EndReason::SwitchedOff, db.now_nanos()),
                Some(before) if before.judges_as(&rule) => Some(before.with_rule(rule.clone())),
                Some(before) => self.end(before, EndReason::Altered, db.now_nanos()),
                None => None,
            };
            let mut judge = judge.unwrap_or_else(|| Judge::new(key, rule, AlertState::default()));
            if judge.rule.unchecked {
                judge.dormant = self.awaited.get(&judge.rule.name).cloned();
            } else if judge.sources.is_empty() || judge.dormant.is_some() {
                (judge.sources, judge.reads_labels, judge.dormant) = match sources(db, &judge.rule).await {
                    Ok((sources, reads_labels)) => (sources, reads_labels, None),
                    Err(error) => (Vec::new(), false, Some(error.to_string())),
                };
            }
            self.judges.push(judge);
        }
        for gone in known.into_values() {
            self.forgotten.push(gone.key.clone());
            self.end(gone, EndReason::Dropped, db.now_nanos());
        }
        Ok(())
    }

    /// Looks whether what alerts that lie dormant wait for has come.
    async fn take_up(&mut self, db: &Database) -> Result<()> {
        self.awaited.clear();
        let mut found = Vec::new();
        for as_read in self.registry.rules.iter().filter(|rule| rule.unchecked) {
            let mut rule = as_read.clone();
            // As whoever may least would make it: the tables may have come from others.
            match check(db, &mut rule, Access::Network).await {
                Ok(()) => found.push((as_read.clone(), Rule { unchecked: false, ..rule.clone() })),
                Err(error) => drop(self.awaited.insert(rule.name.clone(), error.to_string())),
            }
            self.awaited.entry(rule.name).or_insert_with(|| "it is being taken up".to_owned());
        }
        if found.is_empty() {
            return Ok(());
        }
        take_up(db, found).await?;
        self.registry = Registry::of(&db.engine().snapshot())?;
        let waits =
            |name: &String| self.registry.rules.iter().any(|rule| rule.unchecked && rule.name == *name);
        self.awaited.retain(|name, _| waits(name));
        Ok(())
    }

    /// Ends what fires of a rule that is not judged as it was.
    fn end(&mut self, mut judge: Judge, reason: EndReason, at: i64) -> Option<Judge> {
        self.ended.extend(judge.end_all(reason, at));
        self.revisions.forget(&judge.key);
        None
    }

    /// From which windows on each is judged, once its tables are watched.
    pub(crate) fn begin(&mut self, db: &Database, snapshot: &Snapshot, states: &BTreeMap<String, String>) {
        let (now, was_loaded) = (db.now_nanos(), self.is_loaded);
        self.heard.begin(db, &self.models, states, now);
        for judge in &mut self.judges {
            let watermark = judge.watermark(db.watched(), now);
            if !was_loaded {
                judge.was_down(watermark);
            }
            judge.begin(snapshot, watermark);
        }
        if !was_loaded && let Err(error) = self.revisions.load(snapshot, &self.judges) {
            tracing::warn!("values of windows that were judged before are not revised: {error}");
        }
        self.is_loaded = true;
        self.show(db);
    }

    /// The tables of models, while there are alerts: that one falls silent is told by one.
    pub(crate) fn models(&self) -> impl Iterator<Item = TableId> {
        self.models.iter().copied()
    }

    /// The tables that are read.
    pub(crate) fn sources(&self) -> BTreeSet<TableId> {
        self.judges.iter().flat_map(|judge| judge.sources.iter().copied()).collect()
    }

    /// Judges one window of each that has one, and tells what there is to tell; whether there is more to do.
    pub(crate) async fn step(&mut self, db: &Database, now: i64, is_idle: bool) -> Result<bool> {
        let ended = std::mem::take(&mut self.ended);
        let forgotten: Vec<_> =
            std::mem::take(&mut self.forgotten).into_iter().map(|key| (key, None)).collect();
        self.tell(db, now, &ended, forgotten, false).await?;
        let due = self.due_windows(db, now);
        if due.is_empty() {
            return self.revise(db, is_idle).await;
        }
        // Only now: it has all rows that closed the windows.
        let sight = Sight::new(db, std::mem::take(&mut self.learned));
        for some in due.chunks(ALERTS_AT_ONCE_MAX) {
            self.judge(db, &sight, some, now).await?;
        }
        self.learned = sight.learned();
        self.show(db);
        Ok(true)
    }

    /// Notes what writes have touched of tables that are read.
    pub(crate) fn touched(&mut self, marks: &HashMap<TableId, Marks>) {
        self.revisions.touched(&self.judges, marks);
    }

    /// Asks windows again whose rows have changed since they were judged; whether there are more.
    async fn revise(&mut self, db: &Database, is_idle: bool) -> Result<bool> {
        if !is_idle || !self.revisions.is_behind() {
            return Ok(false);
        }
        let sight = Sight::new(db, Learned::default());
        self.revisions.revise(db, &sight, &self.judges).await?;
        Ok(self.revisions.is_behind())
    }

    /// Whether windows wait to be asked again.
    pub(crate) fn is_behind(&self) -> bool {
        self.revisions.is_behind()
    }

    /// The lengths of windows of those that read a table.
    pub(crate) fn lengths(&self, table: TableId) -> impl Iterator<Item = i64> {
        self.judges.iter().filter(move |judge| judge.sources.contains(&table)).map(|judge| judge.rule.every)
    }

    /// The next window of each that has one, with the watermark that closed it.
    fn due_windows(&mut self, db: &Database, now: i64) -> Vec<(usize, Window, i64)> {
        let snapshot = db.engine().snapshot();
        let mut due = Vec::new();
        for (at, judge) in self.judges.iter_mut().enumerate() {
            if !judge.rule.enabled || judge.dormant.is_some() {
                continue;
            }
            let Some(watermark) = judge.watermark(db.watched(), now) else { continue };
            judge.begin(&snapshot, Some(watermark));
            due.extend(judge.next(watermark).map(|window| (at, window, watermark)));
        }
        due
    }

    /// Judges some windows, and tells what comes of it.
    async fn judge(
        &mut self,
        db: &Database,
        sight: &Sight<'_>,
        due: &[(usize, Window, i64)],
        now: i64,
    ) -> Result<()> {
        let (mut told, mut states, mut is_late) = (Vec::new(), Vec::new(), false);
        let questions = due.iter().map(|(at, window, watermark)| {
            let question = self.judges[*at].question(sight, *window, *watermark, now);
            || async { question?.ask().await }
        });
        let answers = side_by_side(questions.collect()).await;
        for ((at, window, _), seen) in due.iter().zip(answers) {
            let judge = &mut self.judges[*at];
            let found = judge.judge(db, *window, seen).await.unwrap_or_default();
            is_late |= found.iter().any(|told| told.late);
            self.revisions.note(&judge.key, &found);
            told.extend(found);
            if !judge.catches_up() {
                states.push(judge.kept());
            }
        }
        if !states.is_empty() {
            states.extend(self.lags(db));
            states.extend(self.heard.changed(db, &self.models, now));
        }
        self.tell(db, now, &told, states, is_late).await?;
        let at = Some(db.now_nanos());
        due.iter().for_each(|(judge, ..)| self.judges[*judge].judged_at = at);
        Ok(())
    }

    /// How far the rows of tables come behind the clock, where that has changed: after a stop their time goes on from there.
    fn lags(&mut self, db: &Database) -> Vec<(String, Option<String>)> {
        let mut changed = Vec::new();
        for table in self.sources() {
            let Some(lag) = db.watched().source(table).and_then(|source| source.progress().lag()) else {
                continue;
            };
            let known = self.lags.get(&table).copied();
            if known.is_none_or(|known| known.abs_diff(lag) > LAG_CHANGE_NANOS) {
                self.lags.insert(table, lag);
                changed.push((lag_key(table), Some(lag.to_string())));
            }
        }
        changed
    }

    /// Writes down what happened, with the messages that come of it.
    async fn tell(
        &mut self,
        db: &Database,
        now: i64,
        told: &[Told],
        mut states: Vec<(String, Option<String>)>,
        is_late: bool,
    ) -> Result<()> {
        let is_due = dispatch::next_due(&self.told).is_some_and(|due| due <= now);
        let events: Vec<Notice> = told.iter().filter_map(Told::notice).collect();
        let mut after = self.told.clone();
        let mut sent = Vec::new();
        if !events.is_empty() || is_due || std::mem::take(&mut self.is_changed) {
            sent = self.dispatch(&mut after, now, &events, is_late);
        }
        if after != self.told {
            states.push((TOLD.to_owned(), serde_json::to_string(&after).ok()));
        }
        if states.is_empty() && told.is_empty() && sent.is_empty() {
            return Ok(());
        }
        let number = |sent: Dispatched| Letter::new(sent.message, db.outbox().number(now));
        let letters: Vec<Letter> = sent.into_iter().map(number).collect();
        let (told, written) = (told.to_vec(), letters.clone());
        db.blocking(move |ingest| ingest.tell(&told, &written, &states)).await?;
        self.told = after;
        db.outbox().add(letters);
        self.show(db);
        Ok(())
    }

    /// Shows how all stand.
    pub(crate) fn show(&self, db: &Database) {
        let mut rules: BTreeMap<String, Judging> = BTreeMap::new();
        for judge in &self.judges {
            let shown = rules.entry(judge.rule.name.clone()).or_insert_with(|| judge.judging());
            if judge.judging().judged_until < shown.judged_until {
                *shown = judge.judging();
            }
        }
        for (name, why) in &self.awaited {
            let dormant = || Judging { dormant: Some(why.clone()), ..Judging::default() };
            rules.entry(name.clone()).or_insert_with(dormant);
        }
        db.board().show_alerts(self.judges.iter().flat_map(Judge::episodes).collect(), rules);
    }

    fn dispatch(
        &self,
        state: &mut DispatchState,
        now: i64,
        events: &[Notice],
        is_late: bool,
    ) -> Vec<Dispatched> {
        let live: Vec<News> =
            self.judges.iter().filter(|judge| !judge.catches_up()).flat_map(Judge::live).collect();
        let acknowledged = self.judges.iter().flat_map(|judge| judge.state.acknowledged());
        let resend = self.registry.notifiers.iter().filter(|it| it.kind == NotifierKind::Alertmanager);
        let world = World {
            live: &live,
            acknowledged: &acknowledged.map(str::to_owned).collect(),
            silences: &self.registry.silences,
            routes: &self.registry.routes,
            inhibitions: &self.registry.inhibitions,
            resend: &resend.map(|it| it.name.clone()).collect(),
        };
        match (events.is_empty(), is_late) {
            (true, _) => dispatch::tick(state, now, &world),
            (false, true) => dispatch::dispatch_late(state, now, events, &world),
            (false, false) => dispatch::dispatch(state, now, events, &world),
        }
    }

    /// When something is due: of each table the time at which a window closes, and by the clock.
    pub(crate) fn due(&self, db: &Database) -> (Vec<(TableId, i64)>, Option<i64>) {
        let mut tables = Vec::new();
        let mut clock = dispatch::next_due(&self.told);
        for judge in self.judges.iter().filter(|judge| judge.rule.enabled && judge.dormant.is_none()) {
            let Some(due) = judge.due() else { continue };
            tables.extend(judge.sources.iter().map(|table| (*table, due)));
            let reaches = judge.sources.iter().filter_map(|table| db.watched().source(*table));
            let by_clock = match judge.sources.is_empty() {
                true => Some(due),
                false => reaches.filter_map(|source| source.progress().reaches(due)).max(),
            };
            clock = clock.into_iter().chain(by_clock).min();
        }
        (tables, clock)
    }

    /// What somebody says of an episode.
    pub(crate) async fn respond(
        &mut self,
        db: &Database,
        id: &str,
        kind: ResponseKind,
        mark: Mark,
    ) -> Result<()> {
        let has = |judge: &&mut Judge| {
            let own = judge.state.trouble.as_ref().is_some_and(|trouble| trouble.episode == id);
            own || judge.state.episode(id).is_some()
        };
        let Some(judge) = self.judges.iter_mut().find(has) else {
            return Err(QueryError::NotFound(format!(
                "no episode {id} is going on; SHOW ALERTS lists those that are"
            )));
        };
        let rule = Arc::clone(&judge.rule);
        let done = match kind {
            ResponseKind::Acknowledge => judge.state.acknowledge(&rule, id, mark),
            ResponseKind::Resolve => judge.state.resolve(&rule, id, mark),
            ResponseKind::Comment => judge.state.comment(&rule, id, mark),
        };
        let transition = done.map_err(|error| QueryError::Invalid(error.to_string()))?;
        let (told, state) = (judge.told(transition, false), judge.kept());
        self.is_changed = true;
        self.tell(db, db.now_nanos(), &[told], vec![state], false).await
    }
}

/// The name among the states of how far the rows of a table come behind the clock.
pub(crate) fn lag_key(table: TableId) -> String {
    format!("lag/{table}")
}

/// The rules there are to judge: one of all models is one for each that has what it needs.
fn wanted(registry: &Registry, snapshot: &Snapshot) -> Result<Vec<(String, Rule)>> {
    let mut wanted = Vec::new();
    for rule in &registry.rules {
        let key = format!("{ALERT_PREFIX}{}", rule.name);
        let Some(metric) = &rule.metric else {
            wanted.push((key, rule.clone()));
            continue;
        };
        for (model, schema) in crate::model::all(snapshot)? {
            if rule.model.as_ref().is_some_and(|only| *only != model.name) {
                continue;
            }
            let delay =
                model.options.get("label_delay").and_then(|text| driftline_storage::duration_nanos(text));
            let made = metric::query(metric, &model.name, &ModelColumns::of(&model, &schema), delay);
            let key = if rule.model.is_some() { key.clone() } else { format!("{key}/{}", model.name) };
            // What the model lacks may come: then this is asked again.
            if let Ok(made) = made {
                let own = Rule { model: Some(model.name.clone()), query: made.sql, ..rule.clone() };
                wanted.push((key, own));
            }
        }
    }
    Ok(wanted)
}

/// Gives tables that an earlier version made the columns that they lack.
async fn grow(db: &Database) -> Result<()> {
    let batch =
        |catalog: Vec<_>| (!catalog.is_empty()).then(|| WriteBatch { catalog, ..WriteBatch::default() });
    db.blocking(move |ingest| ingest.change(|snapshot| Ok(batch(tables::grow(snapshot))))).await
}

/// What was written down of all rules.
fn written_down(states: &BTreeMap<String, String>) -> impl Iterator<Item = (String, Judge)> {
    let of_alerts = states.iter().filter(|(key, _)| key.starts_with(ALERT_PREFIX));
    of_alerts.filter_map(|(key, text)| {
        let Kept { rule, state } = serde_json::from_str(text).ok()?;
        Some((key.clone(), Judge::new(key.clone(), rule, state)))
    })
}

/// The tables that a rule reads, and whether it looks at labels of one.
async fn sources(db: &Database, rule: &Rule) -> Result<(Vec<TableId>, bool)> {
    let session = db.session_at(db.now_nanos(), None);
    let plan = session.plan(ask::statement(rule)?, Access::Embedded).await?;
    let (mut tables, mut labels) = (BTreeSet::new(), false);
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            let named = match provider.downcast_ref::<Table>() {
                Some(table) => Some(table.table().id),
                None => {
                    let model = model_of(&*provider).and_then(|model| session.view().table(model).ok());
                    model.map(|table| table.id)
                }
            };
            tables.extend(named);
            labels |= may_read_labels(&*provider);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    for table in session.view().snapshot().tables().values().filter(|table| tables.contains(&table.id)) {
        labels |= reads_labels(&plan, table)?;
    }
    Ok((tables.into_iter().collect(), labels))
}
