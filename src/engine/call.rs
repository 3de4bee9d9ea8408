//! The call (报警电话): one telephone contact, with its own life beside the incident it leads to.
//!
//! ```text
//! Ringing ─▶ Answered ─▶ Ended ─▶ Invalid
//!    │           └──────────────────▲
//!    └─▶ Abandoned (a call-back task opens: 漏话回拨)
//! ```
//! Several calls may join one incident; a call belongs to at most one. An invalid call never does,
//! and is counted apart.

use super::detail::By;
use super::id::{AlarmId, CallId, EngineTime, IncidentId};
use super::incident::Source;
use serde::{Deserialize, Serialize};

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CallPhase {
    /// Nobody has answered yet (振铃).
    Ringing,
    /// Somebody talks (接警).
    Answered,
    /// Hung up after an answer (挂机).
    Ended,
    /// Hung up before an answer (漏话).
    Abandoned,
    /// No call for the police at all: see [`Invalid`]. Terminal.
    Invalid,
}

/// Why a call is invalid (无效警情).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Invalid {
    /// 骚扰.
    Nuisance,
    /// 误拨.
    Misdial,
    /// 无声.
    Silent,
}

/// What may happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStep {
    /// A desk takes it.
    Answer,
    /// The line is closed.
    End,
    /// It is judged to be none of ours.
    Dismiss,
    /// It joins an incident.
    Attach,
}

impl CallPhase {
    /// All phases.
    pub const ALL: [Self; 5] = [
        Self::Ringing,
        Self::Answered,
        Self::Ended,
        Self::Abandoned,
        Self::Invalid,
    ];

    /// The line is still in use.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Ringing | Self::Answered)
    }

    /// The table of this lifecycle: the phase after `step`, none where it is not legal.
    #[must_use]
    pub fn after(self, step: CallStep) -> Option<Self> {
        use CallPhase::*;
        match (self, step) {
            (Ringing, CallStep::Answer) => Some(Answered),
            (Ringing, CallStep::End) => Some(Abandoned),
            (Answered, CallStep::End) => Some(Ended),
            (Answered | Ended, CallStep::Dismiss) => Some(Invalid),
            (Answered | Ended | Abandoned, CallStep::Attach) => Some(self),
            _ => None,
        }
    }
}

/// What the exchange tells of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// The line (110, 122) or other source.
    pub source: Source,
    /// The caller's number as given, empty if withheld.
    pub caller: String,
    /// The trunk it came in on, empty if unknown.
    pub trunk: String,
    /// The desk (席位) it rings at, none while it waits for one.
    pub desk: Option<String>,
    /// When it was dialled (报警); it may have waited in the exchange before it rang.
    pub called_at: EngineTime,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number.
    pub id: CallId,
    /// What the exchange told.
    pub ring: Ring,
    /// Where it stands.
    pub phase: CallPhase,
    /// When it came in here (振铃, if it names a desk).
    pub arrived_at: EngineTime,
    /// When it was answered (接警), and by which user.
    pub answered: Option<(EngineTime, String)>,
    /// When the line was closed (挂机).
    pub ended_at: Option<EngineTime>,
    /// What kind of invalid it is, if it is.
    pub invalid: Option<Invalid>,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// When a desk must be told that nobody answers.
    pub deadline: EngineTime,
    /// The alarm that says so.
    pub alarm: Option<AlarmId>,
    /// Who called back, when, and what came of it.
    pub called_back: Option<(EngineTime, By, String)>,
}

impl Call {
    /// Most calls ringing or answered at once.
    pub const MAX_OPEN: usize = 2_000;
    /// Most calls kept that ended without an incident; the oldest make room.
    pub const MAX_ENDED: usize = 100_000;
    /// Most calls of one incident.
    pub const MAX_OF_INCIDENT: usize = 64;
    /// How long a call that belongs to no incident is kept after it ended, milliseconds.
    pub const KEEP_ENDED_MS: u64 = 24 * 3_600_000;

    /// When the last thing was done about it after it ended.
    #[must_use]
    pub fn last_at(&self) -> Option<EngineTime> {
        let called_back = self.called_back.as_ref().map(|(at, ..)| *at);
        self.ended_at.max(called_back)
    }

    /// When a desk must be told that nobody answers, while it rings.
    #[must_use]
    pub fn due(&self) -> Option<EngineTime> {
        (self.phase == CallPhase::Ringing).then_some(self.deadline)
    }
}

/// How many calls there ever were, invalid ones apart.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCounts {
    /// Came in.
    pub arrived: u64,
    /// Answered by somebody.
    pub answered: u64,
    /// Ended before an answer.
    pub abandoned: u64,
    /// Invalid: nuisance, misdial, silent, in the order of [`Invalid`].
    pub invalid: [u64; 3],
}

impl CallCounts {
    /// Counts an invalid call.
    pub(super) fn dismiss(&mut self, kind: Invalid) {
        if let Some(count) = self.invalid.get_mut(kind as usize) {
            *count += 1;
        }
    }
}

/// What happened to a call. Journalled, so frozen like [`super::event`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallEvent {
    /// A telephone rings.
    Arrived {
        /// The new call's number.
        call: CallId,
        /// What the exchange told.
        ring: Ring,
        /// When a desk must be told that nobody answers.
        deadline: EngineTime,
    },
    /// Somebody answered.
    Answered {
        /// Which.
        call: CallId,
        /// The user.
        by: String,
    },
    /// Hung up after an answer.
    Ended {
        /// Which.
        call: CallId,
    },
    /// Hung up before an answer.
    Abandoned {
        /// Which.
        call: CallId,
    },
    /// No call for the police.
    Dismissed {
        /// Which.
        call: CallId,
        /// Of which kind.
        kind: Invalid,
        /// The user.
        by: String,
    },
    /// Nobody answers: an alarm is raised, or raised again.
    Overdue {
        /// Which.
        call: CallId,
        /// The alarm.
        alarm: AlarmId,
        /// When it will be raised again.
        deadline: EngineTime,
    },
    /// A call joined an incident, and left the one it belonged to.
    Attached {
        /// Which.
        call: CallId,
        /// The incident.
        incident: IncidentId,
        /// Who said so.
        by: By,
    },
    /// The caller of an abandoned call was called back.
    CalledBack {
        /// Which.
        call: CallId,
        /// What came of it.
        outcome: String,
        /// Who called.
        by: By,
    },
}
