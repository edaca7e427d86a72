//! One step of the runner.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use driftline_storage::{CatalogStamp, Snapshot, TableId};

use super::alerts::{Alerts, lag_key};
use super::continuous::{Computed, Running, in_order};
use super::{Labelled, Progressing, Sight, side_by_side, store};
use crate::alert::registry::Registry;
use crate::continuous::evaluate;
use crate::continuous::shape::{self, Shape};
use crate::continuous::{Definition, KEPT_BY_OPTION, Progress, Span, Spans, definitions};
use crate::database::Database;
use crate::error::Result;
use crate::limits::{ASKED_AT_ONCE_MAX, KEPT_AT_ONCE_MAX, KEPT_BATCH_BYTES_MAX, LATE_PAUSE_NANOS};
use crate::scan::Learned;
use crate::write::Kept;

/// What the runner knows from one step to the next.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    stamp: Option<CatalogStamp>,
    queries: Vec<Running>,
    pub(crate) alerts: Alerts,
    /// When late windows were computed last.
    late_at: i64,
    /// Which stretches of time continuous queries asked for last.
    learned: Learned,
}

/// A continuous query that is asked for windows.
struct Asked {
    at: usize,
    /// None where it is asked as it is written.
    shape: Option<Arc<Shape>>,
}

/// What a step left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// There is more that could be done at once.
    pub(crate) has_more: bool,
    /// When the clock alone makes something due; nanoseconds since 1970.
    pub(crate) due_at: Option<i64>,
}

impl Asked {
    fn joins(&self, other: &Self) -> bool {
        self.shape.as_ref().zip(other.shape.as_ref()).is_some_and(|(own, other)| own.joins(other))
    }
}

impl Runner {
    /// Does what is due. `is_eager`: also what could wait a little.
    pub(crate) async fn step(&mut self, db: &Database, is_eager: bool) -> Result<Left> {
        self.reload(db).await?;
        if self.queries.is_empty() && self.alerts.is_empty() {
            return Ok(Left::default());
        }
        let now = db.now_nanos();
        let is_idle = is_eager || now.saturating_sub(self.late_at) >= LATE_PAUSE_NANOS;
        if is_idle {
            db.watched().look_at_late();
        }
        let depths = self.queries.last().map_or(0, |query| query.depth);
        let mut has_more = false;
        for depth in 0..=depths {
            self.collect(db).await;
            has_more |= self.compute(db, depth, now, is_idle).await?;
        }
        if is_idle && !self.queries.iter().any(Running::has_prompt) {
            self.late_at = now;
        }
        has_more |= self.alerts.step(db, now, is_idle).await?;
        Ok(Left { has_more, due_at: self.show(db, now) })
    }

    /// Notices what was created, changed and dropped.
    pub(crate) async fn reload(&mut self, db: &Database) -> Result<()> {
        let snapshot = db.engine().snapshot();
        if self.stamp.as_ref() == Some(&snapshot.catalog_stamp()) {
            return Ok(());
        }
        let definitions = definitions(&snapshot)?;
        let is_idle = definitions.is_empty() && self.queries.is_empty();
        if is_idle && Registry::is_empty_in(&snapshot) && self.alerts.is_empty() {
            self.stamp = Some(snapshot.catalog_stamp());
            return Ok(());
        }
        // Of before: what changes meanwhile is looked at next time.
        let stamp = snapshot.catalog_stamp();
        let states = store::states(&snapshot)?;
        self.alerts.reload(db, &snapshot, &states).await?;
        let mut read = self.alerts.sources();
        read.extend(self.alerts.models());
        db.watched().watch(
            sources(&snapshot, &definitions, &self.granules(&read), &states, db.now_nanos()),
            labelled(&snapshot, &definitions, &self.alerts.sources()),
        );
        // Writes that began before their table was watched are there now.
        let snapshot = db.blocking(|ingest| Ok(ingest.settled())).await?;
        let (states, touched) = (store::states(&snapshot)?, store::touched(&snapshot)?);
        db.watched().stamps_from(touched.iter().map(|mark| mark.stamp + 1).max().unwrap_or(0));
        let mut known: HashMap<String, Running> =
            self.queries.drain(..).map(|query| (query.definition.name.clone(), query)).collect();
        for definition in definitions {
            let before = known.remove(&definition.name);
            match (before, Running::new(definition, &snapshot, &states, &touched)) {
                (Some(before), Ok(query)) if before.is_as(&query) => {
                    self.queries.push(query.with_progress(before));
                }
                (_, Ok(query)) => self.queries.push(query),
                (_, Err(error)) => tracing::warn!("{error}"),
            }
        }
        // Stamps go on where the last process ended, whether or not its marks are still there.
        let known = self.queries.iter().map(|query| query.progress.stamp).max();
        db.watched().stamps_from(known.unwrap_or(0));
        in_order(&mut self.queries);
        self.alerts.begin(db, &snapshot, &states);
        let names: Vec<&str> = self.queries.iter().map(|query| query.definition.name.as_str()).collect();
        db.board().keep(|name| names.contains(&name));
        self.stamp = Some(stamp);
        Ok(())
    }

    /// The tables that alerts read, with the length of stretches that fits the windows of all that read it; 0 of those of
    /// which nobody asks for marks.
    fn granules(&self, read: &BTreeSet<TableId>) -> BTreeMap<TableId, i64> {
        read.iter().map(|table| (*table, self.alerts.lengths(*table).fold(0, gcd))).collect()
    }

    /// Hands on what writes have touched.
    async fn collect(&mut self, db: &Database) {
        let (marks, reach) = db.watched().collect(|| db.engine().snapshot().seq());
        self.alerts.touched(&marks);
        let snapshot = db.engine().snapshot();
        for query in &mut self.queries {
            query.touched(marks.get(&query.source), reach);
            if let Err(error) = query.look_up(db).await {
                query.failed(&error);
            }
            query.clip(&snapshot);
        }
    }

    /// Computes and writes what is due of the queries of one depth; whether more is.
    async fn compute(&mut self, db: &Database, depth: usize, now: i64, is_idle: bool) -> Result<bool> {
        let due = self.due(db, depth, now, is_idle);
        if due.is_empty() {
            return Ok(false);
        }
        // Only now: it has all rows that closed the windows.
        let sight = Sight::new(db, std::mem::take(&mut self.learned));
        let (mut computed, mut bytes, mut any) = (Vec::new(), 0, false);
        let together = self.together(&sight, due).await;
        for some in together.chunks(ASKED_AT_ONCE_MAX) {
            for found in self.ask(&sight, some).await {
                bytes += found.kept.bytes();
                computed.push(found);
                any = true;
            }
            if bytes > KEPT_BATCH_BYTES_MAX || computed.len() >= KEPT_AT_ONCE_MAX {
                self.write(db, std::mem::take(&mut computed)).await;
                bytes = 0;
            }
        }
        self.write(db, computed).await;
        self.learned = sight.learned();
        // What failed is tried again after a pause.
        Ok(any)
    }

    /// The queries of one depth that have windows to compute, and which.
    fn due(&mut self, db: &Database, depth: usize, now: i64, is_idle: bool) -> Vec<(usize, Span)> {
        let mut due = Vec::new();
        for (at, query) in self.queries.iter_mut().enumerate() {
            if query.depth != depth || query.definition.paused {
                continue;
            }
            let Some(closed) = closed(db, query, now) else { continue };
            if let Some(span) = query.next(closed, now, is_idle) {
                due.push((at, span));
            } else if let Some(into) = db.engine().snapshot().table(&query.definition.into) {
                db.watched().advance(into.id, closed, now);
            }
        }
        due
    }

    /// Which of them are asked together: those of one shape, for the same windows.
    async fn together(&mut self, sight: &Sight<'_>, due: Vec<(usize, Span)>) -> Vec<(Span, Vec<Asked>)> {
        let mut places: HashMap<(String, Span), Vec<usize>> = HashMap::new();
        let mut groups: Vec<(Span, Vec<Asked>)> = Vec::new();
        for (at, span) in due {
            let query = &mut self.queries[at];
            let shape = match query.shape(sight).await {
                Ok(shape) => shape,
                Err(error) => {
                    query.failed(&error);
                    continue;
                }
            };
            let key = shape.as_ref().map_or_else(|| format!("${at}"), |shape| shape.key().to_owned());
            let asked = Asked { at, shape };
            let known = places.entry((key, span)).or_default();
            match known.iter().find(|place| groups[**place].1.iter().all(|other| asked.joins(other))) {
                Some(place) => groups[*place].1.push(asked),
                None => {
                    known.push(groups.len());
                    groups.push((span, vec![asked]));
                }
            }
        }
        groups
    }

    /// Asks for the windows of queries that are asked together.
    async fn ask(&mut self, sight: &Sight<'_>, some: &[(Span, Vec<Asked>)]) -> Vec<Computed> {
        let questions = some.iter().map(|(span, together)| {
            let shapes: Vec<Arc<Shape>> = together.iter().filter_map(|asked| asked.shape.clone()).collect();
            let alone = together.first().filter(|asked| asked.shape.is_none());
            let alone = alone.map(|asked| self.queries[asked.at].query());
            let session =
                sight.session(alone.is_some_and(|(_, uses_now)| uses_now).then_some((span.end, None)));
            let (span, query) = (*span, alone.map(|(query, _)| query.clone()));
            move || async move {
                let began = Instant::now();
                let rows = match query {
                    Some(query) => vec![evaluate::whole(&session, &query, span).await],
                    None => shape::each(&session, &shapes, span).await,
                };
                Ok((rows, began.elapsed()))
            }
        });
        let answers = side_by_side(questions.collect()).await;
        let mut computed = Vec::new();
        for ((span, together), answer) in some.iter().zip(answers) {
            match answer {
                Ok((rows, took)) => {
                    let took = took / u32::try_from(together.len()).unwrap_or(u32::MAX).max(1);
                    for (asked, rows) in together.iter().zip(rows) {
                        match rows {
                            Ok(rows) => {
                                computed.push(self.queries[asked.at].computed(asked.at, *span, rows, took));
                            }
                            Err(error) => self.queries[asked.at].failed(&error),
                        }
                    }
                }
                Err(error) => together.iter().for_each(|asked| self.queries[asked.at].failed(&error)),
            }
        }
        computed
    }

    /// Writes results down, each with the progress that it makes.
    async fn write(&mut self, db: &Database, computed: Vec<Computed>) {
        if computed.is_empty() {
            return;
        }
        let states = computed.iter().map(|found| {
            let mut spans = Spans::default();
            spans.add(found.span);
            self.queries[found.at].state_after(&spans)
        });
        let states: Vec<_> = states.collect();
        let done: Vec<(usize, Span)> = computed.iter().map(|found| (found.at, found.span)).collect();
        let kept: Vec<Kept> = computed.into_iter().map(|found| found.kept).collect();
        let written = db.blocking(move |ingest| ingest.keep(&kept, &states)).await;
        let now = db.now_nanos();
        for (at, span) in done {
            match &written {
                Ok(()) => self.queries[at].done(span, now),
                Err(error) => self.queries[at].failed(error),
            }
        }
    }

    /// Shows how far each has come, and asks to be woken when more is due; when that is by the clock.
    fn show(&self, db: &Database, now: i64) -> Option<i64> {
        let mut due: HashMap<TableId, (i64, i64)> = HashMap::new();
        for query in &self.queries {
            let progress = db.watched().source(query.source).map(|source| source.progress());
            let watermark = progress.and_then(|progress| progress.watermark(now));
            db.board().show(&query.definition.name, query.work(watermark));
            if let Some(watermark) = watermark.filter(|_| !query.definition.paused) {
                let closed = query.closed(watermark);
                let entry = due.entry(query.source).or_insert((i64::MAX, i64::MIN));
                *entry = (entry.0.min(query.due(closed)), entry.1.max(closed));
            }
        }
        let (tables, clock) = self.alerts.due(db);
        for (table, at) in tables {
            let entry = due.entry(table).or_insert((i64::MAX, i64::MIN));
            entry.0 = entry.0.min(at);
        }
        let at = due.iter().filter_map(|(table, (due, closed))| {
            db.watched().wake_at(*table, *due, *closed);
            db.watched().source(*table)?.progress().reaches(*due)
        });
        let at = at.min();
        let is_behind = self.alerts.is_behind()
            || db.watched().has_late()
            || self.queries.iter().any(|query| query.has_failed() || query.is_behind());
        let retry = is_behind.then(|| now.saturating_add(LATE_PAUSE_NANOS));
        at.into_iter().chain(retry).chain(clock).min()
    }

    /// Writes down how far all have come, so that the next process need not look again.
    pub(crate) async fn checkpoint(&mut self, db: &Database) -> Result<()> {
        self.reload(db).await?;
        self.collect(db).await;
        let states: Vec<_> = self.queries.iter().map(|query| query.state_after(&Spans::default())).collect();
        if states.is_empty() {
            return Ok(());
        }
        db.blocking(move |ingest| ingest.keep(&[], &states)).await
    }

    /// Computes windows of a query again, from now on and after a crash.
    pub(crate) async fn again(&mut self, db: &Database, name: &str, span: Span) -> Result<()> {
        self.reload(db).await?;
        self.queries
            .iter_mut()
            .filter(|query| query.definition.name == name)
            .for_each(|query| query.again(span));
        self.checkpoint(db).await
    }
}

/// Watches the tables of continuous queries before the first write: later, what it deletes or labels would be missed.
pub(crate) fn prepare(db: &Database) -> Result<()> {
    let snapshot = db.engine().snapshot();
    let definitions = definitions(&snapshot)?;
    if definitions.is_empty() {
        return Ok(());
    }
    let states = store::states(&snapshot)?;
    let tables = sources(&snapshot, &definitions, &BTreeMap::new(), &states, db.now_nanos());
    db.watched().watch(tables, labelled(&snapshot, &definitions, &BTreeSet::new()));
    let marked = store::touched(&snapshot)?.iter().map(|mark| mark.stamp + 1).max();
    let known = states.values().filter_map(|text| serde_json::from_str::<Progress>(text).ok());
    let known = known.map(|progress| progress.stamp).max();
    db.watched().stamps_from(marked.into_iter().chain(known).max().unwrap_or(0));
    Ok(())
}

fn closed(db: &Database, query: &Running, now: i64) -> Option<i64> {
    let source = db.watched().source(query.source)?;
    Some(query.closed(source.progress().watermark(now)?))
}

/// The tables to watch: each with the length of stretches that fits the buckets of all that read it.
fn sources(
    snapshot: &Snapshot,
    definitions: &[Definition],
    read: &BTreeMap<TableId, i64>,
    states: &BTreeMap<String, String>,
    now: i64,
) -> Vec<(TableId, Option<i64>, Progressing)> {
    let mut granules: HashMap<TableId, i64> =
        read.iter().map(|(table, granule)| (*table, *granule)).collect();
    for definition in definitions {
        let Some(table) = snapshot.table(&definition.source) else { continue };
        let granule = granules.entry(table.id).or_insert(0);
        *granule = definition.bucket.granules().into_iter().fold(*granule, gcd);
    }
    let found = |table: TableId| {
        let newest = snapshot.size(table).time.map(|time| time.max);
        // When it came is not known any more: as far behind the clock as rows came before the stop, else when it happened.
        let lag = states.get(&lag_key(table)).and_then(|text| text.parse().ok()).unwrap_or(0);
        let came = |newest: i64| newest.saturating_add(lag).min(now);
        Progressing::new(newest, newest.map_or(now, came))
    };
    let is_kept = |table: TableId| {
        let table = snapshot.tables().values().find(|known| known.id == table);
        table.is_some_and(|table| table.options.contains_key(KEPT_BY_OPTION))
    };
    let progress = |table| if is_kept(table) { Progressing::kept(found(table).newest) } else { found(table) };
    granules
        .into_iter()
        .map(|(table, granule)| (table, Some(granule).filter(|it| *it > 0), progress(table)))
        .collect()
}

/// Tables of labels of models that a continuous query or an alert reads.
fn labelled(
    snapshot: &Snapshot,
    definitions: &[Definition],
    read: &BTreeSet<TableId>,
) -> Vec<(TableId, Labelled)> {
    let of = |model: &str| {
        let model = snapshot.table(model)?;
        let labels = snapshot.table(&crate::model::labels_table(&model.name))?;
        let key = labels.columns.iter().find(|column| column.role == driftline_storage::Role::Key)?;
        let mut readers = definitions.iter().filter(|definition| definition.source == model.name);
        let is_kept = readers.any(|definition| definition.reads_labels);
        Some((labels.id, Labelled { model: model.id, key: key.name.clone(), is_kept }))
    };
    let by_alerts =
        snapshot.tables().values().filter(|table| read.contains(&table.id)).map(|table| &table.name);
    let models: BTreeSet<&String> =
        definitions.iter().map(|definition| &definition.source).chain(by_alerts).collect();
    models.into_iter().filter_map(|model| of(model)).collect()
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
