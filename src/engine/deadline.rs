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

impl Due {
    const KINDS: usize = 8;

    /// Which kind of thing, and which one of these.
    fn place(self) -> (usize, u32) {
        match self {
            Self::Assignment(id) => (0, id.0),
            Self::Incident(id) => (1, id.0),
            Self::Message(no) => (2, no.0),
            Self::Safety(id) => (3, id.0),
            Self::Proposal(id) => (4, id.0),
            Self::Claim(id) => (5, id.0),
            Self::Call(id) => (6, id.0),
            Self::Feedback(id) => (7, id.0),
        }
    }
}

/// Deadlines in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Deadlines {
    by_time: BTreeSet<(EngineTime, Due)>,
    /// By kind: after each event all kinds a thing can have are set, and most are not there.
    of: [BTreeMap<u32, EngineTime>; Due::KINDS],
}

impl Deadlines {
    /// Sets, moves or (with none) lifts a deadline.
    pub fn set(&mut self, due: Due, at: Option<EngineTime>) {
        let (kind, id) = due.place();
        let Some(of) = self.of.get_mut(kind) else {
            return;
        };
        let old = of.get(&id).copied();
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.by_time.remove(&(old, due));
        }
        match at {
            Some(at) => {
                self.by_time.insert((at, due));
                of.insert(id, at);
            }
            None => drop(of.remove(&id)),
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
