//! What people do to an episode: acknowledge, resolve, comment.

use std::fmt;

use super::instance::{Instance, Mark};
use super::{AlertState, EndReason, Kind, Phase, Standing, Transition};
use crate::alert::Rule;

/// Why somebody could not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleError {
    /// There is no such episode, or no longer.
    Unknown(String),
    /// It has not fired: there is nothing to acknowledge or to resolve.
    Pending(String),
    /// It is the alert's own error or lack of data, which ends when windows can be judged again.
    Trouble(String),
}

impl fmt::Display for PeopleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "no episode {id} is going on; SHOW ALERTS lists those that are"),
            Self::Pending(id) => write!(f, "episode {id} is pending; it can be commented on until it fires"),
            Self::Trouble(id) => write!(
                f,
                "episode {id} is an error or lack of data of the alert itself; it ends when a window can be judged \
                 again; mend the query, or silence or drop the alert"
            ),
        }
    }
}

impl std::error::Error for PeopleError {}

impl AlertState {
    /// Somebody takes care of an episode: it is no longer open, not repeated and not escalated. Where it was
    /// acknowledged before, the first mark stays, and the history gets the second.
    pub fn acknowledge(&mut self, rule: &Rule, id: &str, mark: Mark) -> Result<Transition, PeopleError> {
        let told = self.said(rule, id, &mark, Kind::Acknowledged)?;
        if told.to == Standing::Pending {
            return Err(PeopleError::Pending(id.to_owned()));
        }
        if let Some(trouble) = self.trouble.as_mut().filter(|trouble| trouble.episode == id) {
            trouble.acknowledged.get_or_insert(mark);
        } else if let Some(instance) = self.instances.get_mut(&told.fingerprint) {
            instance.acknowledged.get_or_insert(mark);
        }
        Ok(told)
    }

    /// Somebody ends an episode. The instance is kept as [`Phase::Settled`] and fires again only after a row of it was
    /// not bad, or after it was without data for as long as the rule's `expire_after`.
    pub fn resolve(&mut self, rule: &Rule, id: &str, mark: Mark) -> Result<Transition, PeopleError> {
        if self.trouble.as_ref().is_some_and(|trouble| trouble.episode == id) {
            return Err(PeopleError::Trouble(id.to_owned()));
        }
        let told = self.said(rule, id, &mark, Kind::Ended(EndReason::ByHand))?;
        if told.from == Standing::Pending {
            return Err(PeopleError::Pending(id.to_owned()));
        }
        if let Some(instance) = self.instances.get_mut(&told.fingerprint) {
            instance.phase = Phase::Settled;
        }
        Ok(Transition { to: Standing::Normal, reason: Some(resolved_by(&mark)), ..told })
    }

    /// Somebody says something of an episode. It is not kept here: the history has it.
    pub fn comment(&mut self, rule: &Rule, id: &str, mark: Mark) -> Result<Transition, PeopleError> {
        self.said(rule, id, &mark, Kind::Commented)
    }

    /// The instance of an episode that goes on, with its fingerprint.
    pub fn episode(&self, id: &str) -> Option<(&str, &Instance)> {
        let mut going_on = self.instances.iter().filter(|(_, instance)| instance.phase != Phase::Settled);
        going_on.find(|(_, it)| it.episode == id).map(|(fingerprint, it)| (fingerprint.as_str(), it))
    }

    fn said(&self, rule: &Rule, id: &str, mark: &Mark, kind: Kind) -> Result<Transition, PeopleError> {
        let own = self.trouble.as_ref().filter(|trouble| trouble.episode == id);
        let told = match (own, self.episode(id)) {
            (Some(trouble), _) => trouble.told(rule, kind, trouble.standing),
            (None, Some((fingerprint, it))) => it.told(rule, fingerprint, kind, it.standing()),
            (None, None) => return Err(PeopleError::Unknown(id.to_owned())),
        };
        Ok(Transition { at: mark.at, reason: mark.comment.clone(), who: Some(mark.who.clone()), ..told })
    }
}

fn resolved_by(mark: &Mark) -> String {
    match &mark.comment {
        Some(comment) => format!("resolved by {}: {comment}", mark.who),
        None => format!("resolved by {}", mark.who),
    }
}
