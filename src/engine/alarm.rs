//! Alarms: what a desk must know now. One stays until somebody acknowledges it by name.

use super::id::{AlarmId, AssignmentId, CallId, EngineTime, IncidentId, RadioId, UnitId};
use serde::{Deserialize, Serialize};

/// Why an alarm was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmKind {
    /// An officer pressed "need help". Urgent.
    NeedHelp,
    /// No terminal acknowledged the text in all attempts; the next unit is offered.
    NotDelivered,
    /// The officer did not answer in time; the next unit is offered.
    NotAccepted,
    /// Accepted but not rolling in time.
    NotRolling,
    /// Rolling but not there in time.
    NotArrived,
    /// On scene for longer than the plan expects.
    OnSceneLong,
    /// Stacked for longer than its review.
    StackedLong,
    /// The unit has no registered terminal: somebody must call it by voice.
    VoiceOnly,
    /// No unit can be offered for an incident.
    NoUnit,
    /// An incident waits that nobody can rank for: it has no position.
    NoPlace,
    /// A report still has no category.
    Unclassified,
    /// A unit accepted an assignment it no longer has.
    LateReply,
    /// A unit reports a Grade I incident done: radio alone never frees it.
    ClearToConfirm,
    /// A text to a unit was not delivered.
    MessageFailed,
    /// A radio id the config does not know was heard.
    Stranger,
    /// An officer who was asked whether all is well did not answer, or cannot be asked. Urgent.
    SafetyUnanswered,
    /// A proposal waits unanswered past its deadline. For the supervisor.
    ProposalUnanswered,
    /// The desk that claimed an incident is gone. For the supervisor.
    DeskGone,
    /// A call rings and nobody answers.
    CallUnanswered,
    /// A resolved incident has no feedback form yet.
    FeedbackOverdue,
    /// Nobody took an incident that was referred.
    ReferralUnanswered,
    /// A terminal may not be who it says.
    SuspectTerminal,
}

impl AlarmKind {
    /// Shown above everything, with sound.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::NeedHelp | Self::SafetyUnanswered)
    }

    /// Meant for the supervisor besides: a desk or an officer did not answer.
    #[must_use]
    pub fn is_for_supervisor(self) -> bool {
        matches!(
            self,
            Self::ProposalUnanswered | Self::DeskGone | Self::SafetyUnanswered
        )
    }
}

/// What an alarm is about.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The assignment.
    pub assignment: Option<AssignmentId>,
    /// The unit.
    pub unit: Option<UnitId>,
    /// The terminal.
    pub radio: Option<RadioId>,
}

impl About {
    /// About an incident as a whole.
    #[must_use]
    pub fn of(incident: IncidentId) -> Self {
        Self {
            incident: Some(incident),
            ..Self::default()
        }
    }
}

/// An alarm nobody has acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its id.
    pub id: AlarmId,
    /// Why.
    pub kind: AlarmKind,
    /// What it is about.
    pub about: About,
    /// The call it is about.
    pub call: Option<CallId>,
    /// When it was first raised.
    pub raised_at: EngineTime,
    /// How often it was raised; the same cause about the same thing is counted, not listed again.
    pub times: u32,
}
