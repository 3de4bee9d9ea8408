//! Callers that are waited on: which calls of one number are open or still to be called back.
//!
//! A number that calls again and again is one source, however many calls it makes (a flood of junk,
//! or one person in panic): its calls are shown under the first. Nothing is dropped for it. An
//! index over the state, never journalled.

use super::call::{Call, CallPhase};
use super::id::CallId;
use std::collections::{BTreeMap, BTreeSet};

/// Calls by number, as long as somebody has something to do with them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Callers {
    waiting: BTreeMap<String, BTreeSet<CallId>>,
    /// Numbers with [`Callers::FLOOD`] or more.
    flooding: BTreeSet<String>,
}

/// A call among those of its number that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SameCaller {
    /// The first of those that wait.
    pub first: CallId,
    /// How many wait, itself among them.
    pub waiting: usize,
}

impl Callers {
    /// So many calls of one number that wait at once are a flood.
    pub(super) const FLOOD: usize = 10;

    /// Puts a call among those of its number, or takes it out. A withheld number is no source.
    pub(super) fn set(&mut self, call: &Call) {
        let caller = &call.ring.caller;
        if caller.is_empty() {
            return;
        }
        match waits(call) {
            true => {
                let calls = self.waiting.entry(caller.clone()).or_default();
                calls.insert(call.id);
                if calls.len() >= Self::FLOOD {
                    self.flooding.insert(caller.clone());
                }
            }
            false => self.remove(call),
        }
    }

    /// A call is forgotten.
    pub(super) fn remove(&mut self, call: &Call) {
        let caller = call.ring.caller.as_str();
        let Some(calls) = self.waiting.get_mut(caller) else {
            return;
        };
        calls.remove(&call.id);
        if calls.len() < Self::FLOOD {
            self.flooding.remove(caller);
        }
        if calls.is_empty() {
            self.waiting.remove(caller);
        }
    }

    pub(super) fn of(&self, call: &Call) -> Option<SameCaller> {
        let calls = self.waiting.get(&call.ring.caller)?;
        let first = *calls.first().filter(|_| calls.contains(&call.id))?;
        let waiting = calls.len();
        Some(SameCaller { first, waiting })
    }

    /// How many calls of a number wait.
    pub(super) fn waiting(&self, caller: &str) -> usize {
        self.waiting.get(caller).map_or(0, BTreeSet::len)
    }

    /// Numbers of which [`Callers::FLOOD`] calls or more wait.
    pub(super) fn flooding(&self) -> &BTreeSet<String> {
        &self.flooding
    }
}

/// Somebody talks, it rings, or it must be called back.
fn waits(call: &Call) -> bool {
    let to_call_back =
        call.phase == CallPhase::Abandoned && call.called_back.is_none() && call.incident.is_none();
    call.phase.is_open() || to_call_back
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::call::Ring;
    use crate::engine::id::EngineTime;
    use crate::engine::incident::Source;

    fn call(id: u32, phase: CallPhase) -> Call {
        let ring = Ring {
            source: Source::Police110,
            caller: "139".to_owned(),
            trunk: String::new(),
            desk: None,
            called_at: EngineTime(0),
        };
        Call {
            id: CallId(id),
            ring,
            phase,
            arrived_at: EngineTime(0),
            answered: None,
            ended_at: None,
            invalid: None,
            incident: None,
            deadline: EngineTime(0),
            alarm: None,
            called_back: None,
        }
    }

    #[test]
    fn a_flood_is_over_when_enough_was_seen_to_and_nothing_is_kept_of_it() {
        let mut callers = Callers::default();
        let calls: Vec<Call> = (1..=10).map(|id| call(id, CallPhase::Ringing)).collect();
        for (before, call) in calls.iter().enumerate() {
            assert!(callers.flooding().is_empty());
            callers.set(call);
            let waiting = before + 1;
            let first = CallId(1);
            assert_eq!(callers.of(call), Some(SameCaller { first, waiting }));
        }
        assert_eq!(callers.flooding().len(), 1);
        callers.set(&call(1, CallPhase::Abandoned));
        assert_eq!(callers.flooding().len(), 1, "it is to be called back");
        callers.set(&call(1, CallPhase::Ended));
        assert!(callers.flooding().is_empty());
        assert_eq!(callers.of(&calls[0]), None);
        calls.iter().for_each(|call| callers.remove(call));
        assert_eq!(callers, Callers::default());
    }
}
