//! The alert's own condition, beside its instances: whether it can be judged, and whether there is anything to judge.

use super::identity::episode;
use super::instance::{Mark, Step, threshold};
use super::{EndReason, Kind, Standing, Transition, Window, alert_fingerprint};
use crate::alert::Rule;

/// Why an alert says nothing of its instances. From its beginning until all is well again it is one episode, also
/// where an error turns into no data or back. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trouble {
    /// [`Standing::Error`] or [`Standing::NoData`].
    pub standing: Standing,
    /// The last error, or for how long there were no rows.
    pub text: String,
    /// The end of the first window it was so.
    pub since: i64,
    /// The end of the first window of the episode.
    pub began_at: i64,
    /// The last window judged.
    pub window: Window,
    /// The episode.
    pub episode: String,
    /// Who takes care.
    pub acknowledged: Option<Mark>,
}

impl Trouble {
    /// The condition after this window, and what changed by it.
    pub(super) fn step(
        before: Option<Self>,
        step: &Step<'_>,
        now: Option<(Standing, String)>,
        out: &mut Vec<Transition>,
    ) -> Option<Self> {
        let Some((standing, text)) = now else {
            out.extend(before.map(|trouble| trouble.over(step)));
            return None;
        };
        let from = before.as_ref().map_or(Standing::Normal, |trouble| trouble.standing);
        let mut trouble = before.unwrap_or_else(|| Self::begin(step, standing));
        trouble.window = step.window;
        trouble.text = text;
        if standing != from {
            (trouble.standing, trouble.since) = (standing, step.window.end);
            out.push(trouble.told(step.rule, trouble.kind(), from));
        }
        Some(trouble)
    }

    fn begin(step: &Step<'_>, standing: Standing) -> Self {
        let end = step.window.end;
        Self {
            standing,
            text: String::new(),
            since: end,
            began_at: end,
            window: step.window,
            episode: episode(step.rule, &alert_fingerprint(), end),
            acknowledged: None,
        }
    }

    fn over(mut self, step: &Step<'_>) -> Transition {
        self.window = step.window;
        self.ended(step.rule, EndReason::Resolved)
    }

    pub(super) fn ended(&self, rule: &Rule, reason: EndReason) -> Transition {
        Transition {
            to: Standing::Normal,
            reason: Some(reason.text().to_owned()),
            ..self.told(rule, Kind::Ended(reason), self.standing)
        }
    }

    pub(super) fn kind(&self) -> Kind {
        if self.standing == Standing::Error { Kind::Failed } else { Kind::NoData }
    }

    pub(super) fn told(&self, rule: &Rule, kind: Kind, from: Standing) -> Transition {
        Transition {
            at: self.window.end,
            window: self.window,
            identity: Default::default(),
            fingerprint: alert_fingerprint(),
            episode: self.episode.clone(),
            kind,
            from,
            to: self.standing,
            value: None,
            threshold: threshold(rule),
            columns: Default::default(),
            began_at: self.began_at,
            fired_at: Some(self.began_at),
            reason: Some(self.text.clone()),
            who: None,
        }
    }
}
