//! The one clock of the engine: everything that must be looked at again, by time.

use super::id::{AssignmentId, CallId, EngineTime, IncidentId, MessageNo, ProposalId};
use std::collections::{BTreeMap, BTreeSet};

/// What has a deadline. Each has exactly one while it is open, and none afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Due {
    /// An open assignment's rung.
    Assignment(AssignmentId),
    /// An incident that waits.
    Incident(IncidentId),
    /// A text to a terminal.
    Message(MessageNo),
    /// A safety check, beside the deadline of its assignment's rung.
    Safety(AssignmentId),
    /// An open proposal.
    Proposal(ProposalId),
    /// A claim that must be renewed.
    Claim(IncidentId),
    /// A call that rings.
    Call(CallId),
    /// An incident whose feedback form is awaited.
    Feedback(IncidentId),
}

/// Deadlines in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Deadlines {
    by_time: BTreeSet<(EngineTime, Due)>,
    of: BTreeMap<Due, EngineTime>,
}

impl Deadlines {
    /// Sets, moves or (with none) lifts a deadline.
    pub fn set(&mut self, due: Due, at: Option<EngineTime>) {
        let old = self.of.get(&due).copied();
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.by_time.remove(&(old, due));
            self.of.remove(&due);
        }
        if let Some(at) = at {
            self.by_time.insert((at, due));
            self.of.insert(due, at);
        }
    }

    /// What has come by `now`, the earliest first.
    pub fn due(&self, now: EngineTime) -> impl Iterator<Item = Due> {
        let come = self.by_time.iter().take_while(move |(at, _)| *at <= now);
        come.map(|(_, due)| *due)
    }

    /// The earliest.
    #[must_use]
    pub fn first(&self) -> Option<(EngineTime, Due)> {
        self.by_time.first().copied()
    }
}
