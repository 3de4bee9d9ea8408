//! Calls (报警电话) with their stamps.

use super::{Name, Views, who};
use crate::engine::call::{Call, CallPhase, Invalid};
use crate::engine::id::{CallId, EngineTime, IncidentId};
use crate::engine::incident::Source;
use schemars::JsonSchema;
use serde::Serialize;

/// One telephone contact.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Call")]
pub struct CallView<'a> {
    /// Its number.
    pub call: CallId,
    /// Where it stands.
    pub phase: Name<CallPhase>,
    /// What kind of invalid it is, if it is.
    pub invalid: Option<Name<Invalid>>,
    /// The line it came in on.
    pub line: Name<Source>,
    /// The caller's number, empty if withheld.
    pub caller: &'a str,
    /// The trunk, empty if unknown.
    pub trunk: &'a str,
    /// The desk it rings at, none while it waits for one.
    pub desk: Option<&'a str>,
    /// The first call of the same number that waits for somebody: this one is shown under it.
    pub first_of_caller: Option<CallId>,
    /// Calls of the number that wait, this one among them; 0 when nobody waits here any more.
    pub waiting_of_caller: usize,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// The user who answered.
    pub answered_by: Option<&'a str>,
    /// When what happened.
    pub stamps: CallStamps,
    /// The call-back, once it was made.
    pub called_back: Option<CalledBack<'a>>,
}

/// The times of a call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct CallStamps {
    /// It was dialled (报警).
    pub called: EngineTime,
    /// It came in here.
    pub arrived: EngineTime,
    /// It rang at a desk (振铃).
    pub rang: Option<EngineTime>,
    /// Somebody answered (接警).
    pub answered: Option<EngineTime>,
    /// The line was closed (挂机).
    pub ended: Option<EngineTime>,
}

/// A call-back (回拨).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CalledBack<'a> {
    /// When.
    pub at: EngineTime,
    /// The user.
    pub by: Option<&'a str>,
    /// What came of it.
    pub outcome: &'a str,
}

impl<'a> Views<'a> {
    /// A call with its stamps.
    #[must_use]
    pub fn call(self, call: &'a Call) -> CallView<'a> {
        let (ring, answered) = (&call.ring, call.answered.as_ref());
        let called_back = call.called_back.as_ref();
        let same = self.engine.same_caller(call);
        CallView {
            call: call.id,
            phase: Name(call.phase),
            invalid: call.invalid.map(Name),
            line: Name(ring.source),
            caller: &ring.caller,
            trunk: &ring.trunk,
            desk: ring.desk.as_deref(),
            first_of_caller: same
                .map(|same| same.first)
                .filter(|first| *first != call.id),
            waiting_of_caller: same.map_or(0, |same| same.waiting),
            incident: call.incident,
            answered_by: answered.map(|(_, by)| by.as_str()),
            stamps: CallStamps {
                called: ring.called_at,
                arrived: call.arrived_at,
                rang: ring.desk.as_ref().map(|_| call.arrived_at),
                answered: answered.map(|(at, _)| *at),
                ended: call.ended_at,
            },
            called_back: called_back.map(|(at, by, outcome)| CalledBack {
                at: *at,
                by: who(by),
                outcome,
            }),
        }
    }
}
