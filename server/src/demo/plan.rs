//! In which order predictions and labels are sent. The order is a function of the data, so that the n-th batch of a
//! writer is the same in every run and a replay that was interrupted goes on where it stopped.

use std::ops::Range;

use super::times::{DAY_NS, Event};

/// Predictions in a batch: about eight days of them.
pub const BATCH_ROWS: usize = 1500;
/// A batch's labels go out when the replay is this far past its last prediction. With batches of eight days each
/// label comes between three weeks and 37 days after its prediction.
const LABEL_DELAY_NS: i64 = 21 * DAY_NS;

/// One batch: what is sent, of which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Predictions.
    Predictions(Range<usize>),
    /// What became known of them.
    Labels(Range<usize>),
}

impl Step {
    /// The events it is about.
    pub fn events(&self) -> &Range<usize> {
        match self {
            Self::Predictions(events) | Self::Labels(events) => events,
        }
    }
}

/// The batches of a replay of `events`, which are in order of time: every event once as a prediction and later, once,
/// as a label.
pub fn plan(events: &[Event]) -> Vec<Step> {
    let batches: Vec<Range<usize>> = (0..events.len())
        .step_by(BATCH_ROWS)
        .map(|start| start..events.len().min(start + BATCH_ROWS))
        .collect();
    let mut steps = Vec::with_capacity(2 * batches.len());
    let mut labelled = 0;
    for batch in &batches {
        let now = events[batch.start].time;
        let due = batches[labelled..].iter().take_while(|b| events[b.end - 1].time + LABEL_DELAY_NS <= now);
        let due = due.count();
        steps.extend(batches[labelled..labelled + due].iter().cloned().map(Step::Labels));
        steps.push(Step::Predictions(batch.clone()));
        labelled += due;
    }
    steps.extend(batches[labelled..].iter().cloned().map(Step::Labels));
    steps
}

#[cfg(test)]
mod tests;
