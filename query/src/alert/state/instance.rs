//! One instance of an alert, from the first bad window to the end of its episode.

use std::collections::BTreeMap;

use super::identity::episode;
use super::row::Verdict;
use super::{EndReason, Kind, Row, Standing, Transition, Window};
use crate::alert::{Hold, Rule};

/// Where an instance is in its episode. One that is well has none and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Bad, but not yet for long enough.
    Pending,
    /// Bad for long enough.
    Firing,
    /// It fired, and now nothing is known of it.
    NoData,
    /// Somebody ended the episode while the condition was true. Kept so that the next window does not fire again;
    /// forgotten with the first row that is not bad, or after `expire_after` without data.
    Settled,
}

/// What somebody said of an episode.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// Who.
    pub who: String,
    /// In their words.
    pub comment: Option<String>,
    /// Nanoseconds since 1970.
    pub at: i64,
}

/// The last row of an instance that had data.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sight {
    /// The window it was in.
    pub window: Window,
    /// What was judged.
    pub value: Option<f64>,
    /// The whole row.
    pub columns: serde_json::Map<String, serde_json::Value>,
}

/// An instance that is not simply well. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Instance {
    /// What tells it from others.
    pub identity: BTreeMap<String, String>,
    /// The episode.
    pub episode: String,
    /// Where it is in it.
    pub phase: Phase,
    /// The end of the first bad window of the run that led here.
    pub began_at: i64,
    /// Windows of that run, counted until it fires.
    pub bad_windows: u32,
    /// The end of the window at which it fired.
    pub fired_at: Option<i64>,
    /// The end of the first window of the run of well ones that may end it.
    pub well_since: Option<i64>,
    /// What was last known.
    pub last: Sight,
    /// Who takes care.
    pub acknowledged: Option<Mark>,
}

/// What the window judged holds for one instance.
pub(super) enum Given {
    /// The alert could not be judged.
    Failed,
    /// No row, or one of nulls.
    NoData,
    /// A row with data.
    Row(Verdict, Row),
}

/// The window judged.
pub(super) struct Step<'a> {
    pub(super) rule: &'a Rule,
    pub(super) window: Window,
    /// Whether windows between the last one judged and this one were left out: runs do not span it.
    pub(super) gap: bool,
}

impl Instance {
    /// Whether it is over its threshold and was told, or would be: what fires or fired before data went missing.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Firing | Phase::NoData)
    }

    /// Seed word *open*: it fires, or did when data went missing, and nobody has acknowledged it.
    pub fn is_open(&self) -> bool {
        self.is_live() && self.acknowledged.is_none()
    }

    /// How it stands, as the history calls it.
    pub fn standing(&self) -> Standing {
        match self.phase {
            Phase::Pending => Standing::Pending,
            Phase::Firing => Standing::Firing,
            Phase::NoData => Standing::NoData,
            Phase::Settled => Standing::Normal,
        }
    }

    /// The first bad row of a run. It may fire at once.
    pub(super) fn begin(step: &Step<'_>, fingerprint: &str, row: Row, out: &mut Vec<Transition>) -> Self {
        let end = step.window.end;
        let mut new = Self {
            episode: episode(step.rule, fingerprint, end),
            phase: Phase::Pending,
            began_at: end,
            bad_windows: 1,
            fired_at: None,
            well_since: None,
            last: Sight { window: step.window, value: row.value, columns: row.columns },
            acknowledged: None,
            identity: row.identity,
        };
        if !new.try_fire(step, Standing::Normal, fingerprint, out) {
            out.push(new.changed(step, fingerprint, Kind::Pending, Standing::Normal));
        }
        new
    }

    /// The instance after this window; None where it is well.
    pub(super) fn step(
        self,
        step: &Step<'_>,
        fingerprint: &str,
        given: Given,
        out: &mut Vec<Transition>,
    ) -> Option<Self> {
        match self.phase {
            Phase::Pending => self.step_pending(step, fingerprint, given, out),
            Phase::Firing | Phase::NoData => self.step_live(step, fingerprint, given, out),
            Phase::Settled => self.step_settled(step, given),
        }
    }

    fn step_pending(
        mut self,
        step: &Step<'_>,
        fingerprint: &str,
        given: Given,
        out: &mut Vec<Transition>,
    ) -> Option<Self> {
        match given {
            Given::Row(Verdict { bad: true, .. }, row) if !step.gap => {
                self.see(step, row);
                self.bad_windows = self.bad_windows.saturating_add(1);
                self.try_fire(step, Standing::Pending, fingerprint, out);
                Some(self)
            }
            given => {
                let why = self.break_run(step, &given);
                let broken = self.changed(step, fingerprint, Kind::Broken, Standing::Pending);
                out.push(Transition { to: Standing::Normal, reason: Some(why.to_owned()), ..broken });
                match given {
                    Given::Row(Verdict { bad: true, .. }, row) => {
                        Some(Self::begin(step, fingerprint, row, out))
                    }
                    _ => None,
                }
            }
        }
    }

    /// Says why a run ends here, and takes the value of the row that ends it.
    fn break_run(&mut self, step: &Step<'_>, given: &Given) -> &'static str {
        match given {
            Given::Failed => "the window could not be judged",
            Given::NoData => "no data",
            Given::Row(..) if step.gap => "windows were left out",
            Given::Row(_, row) => {
                self.see(step, row.clone());
                "the condition was false"
            }
        }
    }

    fn step_live(
        mut self,
        step: &Step<'_>,
        fingerprint: &str,
        given: Given,
        out: &mut Vec<Transition>,
    ) -> Option<Self> {
        let from = self.standing();
        let kind = match given {
            Given::Row(verdict, row) => {
                self.see(step, row);
                if self.is_over(step, verdict) {
                    out.push(self.ended(step, fingerprint, EndReason::Resolved));
                    return None;
                }
                self.phase = Phase::Firing;
                Kind::FiredAgain
            }
            absent => {
                self.well_since = None;
                if self.is_expired(step) {
                    out.push(self.ended(step, fingerprint, EndReason::Expired));
                    return None;
                }
                if matches!(absent, Given::NoData) {
                    self.phase = Phase::NoData;
                }
                Kind::NoData
            }
        };
        if self.standing() != from {
            out.push(self.changed(step, fingerprint, kind, from));
        }
        Some(self)
    }

    fn step_settled(mut self, step: &Step<'_>, given: Given) -> Option<Self> {
        match given {
            Given::Row(verdict, row) => {
                self.see(step, row);
                verdict.bad.then_some(self)
            }
            Given::Failed | Given::NoData => (!self.is_expired(step)).then_some(self),
        }
    }

    fn see(&mut self, step: &Step<'_>, row: Row) {
        self.last = Sight { window: step.window, value: row.value, columns: row.columns };
    }

    /// Whether the condition has held for long enough; says so if it has.
    fn try_fire(
        &mut self,
        step: &Step<'_>,
        from: Standing,
        fingerprint: &str,
        out: &mut Vec<Transition>,
    ) -> bool {
        let end = step.window.end;
        let held = match step.rule.hold {
            Hold::Windows(windows) => self.bad_windows >= windows,
            Hold::Time(time) => end.saturating_sub(self.began_at) >= time,
        };
        if held {
            self.phase = Phase::Firing;
            self.fired_at = Some(end);
            out.push(self.changed(step, fingerprint, Kind::Fired, from));
        }
        held
    }

    /// Whether it has been well for long enough.
    fn is_over(&mut self, step: &Step<'_>, verdict: Verdict) -> bool {
        if step.gap || !verdict.well {
            self.well_since = None;
        }
        let end = step.window.end;
        verdict.well && end.saturating_sub(*self.well_since.get_or_insert(end)) >= step.rule.keep_firing
    }

    fn is_expired(&self, step: &Step<'_>) -> bool {
        step.window.end.saturating_sub(self.last.window.end) >= step.rule.expire_after
    }

    fn ended(&self, step: &Step<'_>, fingerprint: &str, reason: EndReason) -> Transition {
        Transition {
            to: Standing::Normal,
            reason: Some(reason.text().to_owned()),
            ..self.changed(step, fingerprint, Kind::Ended(reason), self.standing())
        }
    }

    fn changed(&self, step: &Step<'_>, fingerprint: &str, kind: Kind, from: Standing) -> Transition {
        let seen_now = self.last.window == step.window;
        Transition {
            at: step.window.end,
            window: step.window,
            value: self.last.value.filter(|_| seen_now),
            ..self.told(step.rule, fingerprint, kind, from)
        }
    }

    /// A transition outside the judging of a window, with what was last known.
    pub(super) fn told(&self, rule: &Rule, fingerprint: &str, kind: Kind, from: Standing) -> Transition {
        Transition {
            at: self.last.window.end,
            window: self.last.window,
            identity: self.identity.clone(),
            fingerprint: fingerprint.to_owned(),
            episode: self.episode.clone(),
            kind,
            from,
            to: self.standing(),
            value: self.last.value,
            threshold: threshold(rule),
            columns: self.last.columns.clone(),
            began_at: self.began_at,
            fired_at: self.fired_at,
            reason: None,
            who: None,
        }
    }
}

/// What values are held against, where the rule says it as a number.
pub(super) fn threshold(rule: &Rule) -> Option<f64> {
    rule.metric.as_ref().map(|metric| metric.threshold)
}
