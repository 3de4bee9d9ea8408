//! Why a command was not taken: each says what was wrong and what was expected.

use super::assignment::{Rung, Step};
use super::call::CallPhase;
use super::claim::Desk;
use super::id::{
    AlarmId, AssignmentId, CallId, CategoryCode, IncidentId, ProposalId, RadioId, TaskId, UnitId,
};
use super::incident::Phase;
use super::ranking::Ranking;
use super::unit::UnitState;

/// Why a command was not taken. The asker is to blame; the state did not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such incident, or closed more than 24 h ago.
    #[error("there is no incident {0} among the open ones and those ended within 24 h")]
    UnknownIncident(IncidentId),
    /// No such assignment.
    #[error("there is no assignment {0}")]
    UnknownAssignment(AssignmentId),
    /// No such proposal, or answered already.
    #[error("there is no open proposal {0}")]
    UnknownProposal(ProposalId),
    /// No such unit.
    #[error("there is no unit {0}")]
    UnknownUnit(UnitId),
    /// No such alarm, or acknowledged already.
    #[error("there is no open alarm {0}")]
    UnknownAlarm(AlarmId),
    /// No such task, or done already.
    #[error("there is no open task {0}")]
    UnknownTask(TaskId),
    /// The config has no such category.
    #[error("there is no category {0}")]
    UnknownCategory(CategoryCode),
    /// The config has no such radio id.
    #[error("terminal {0} is not in the config")]
    UnknownTerminal(RadioId),
    /// The incident's lifecycle does not allow it.
    #[error("incident {incident} is {}; expected {expected}", told(phase))]
    WrongPhase {
        /// Which.
        incident: IncidentId,
        /// Where it stands.
        phase: Phase,
        /// Where it would have to stand.
        expected: &'static str,
    },
    /// The assignment's lifecycle does not allow it.
    #[error(
        "assignment {assignment} is {}, which does not allow `{}`",
        told(rung),
        told(step)
    )]
    WrongRung {
        /// Which.
        assignment: AssignmentId,
        /// Where it stands.
        rung: Rung,
        /// What was asked.
        step: Step,
    },
    /// The unit's state does not allow it.
    #[error("unit {unit} is {}; expected {expected}", told(state))]
    WrongUnitState {
        /// Which.
        unit: UnitId,
        /// Where it stands.
        state: UnitState,
        /// Where it would have to stand.
        expected: &'static str,
    },
    /// The unit cannot be sent any more; here is the ranking of now.
    #[error("unit {unit} can no longer be offered: the ranking shown is stale")]
    StaleRanking {
        /// Which.
        unit: UnitId,
        /// The ranking of now.
        fresh: Box<Ranking>,
    },
    /// A ranking nobody was ever shown.
    #[error("ranking {0} was never shown")]
    UnknownRanking(u64),
    /// The terminal belongs to another unit now.
    #[error("terminal {radio} belongs to unit {holder} now")]
    TerminalTaken {
        /// Which.
        radio: RadioId,
        /// Who holds it.
        holder: UnitId,
    },
    /// The unit has no terminal to write to, or suspect ones only.
    #[error("unit {0} has no registered terminal that is believed")]
    Unreachable(UnitId),
    /// The unit works on this incident already.
    #[error("unit {unit} already has an open assignment for incident {incident}")]
    AlreadyAssigned {
        /// Which.
        unit: UnitId,
        /// For which.
        incident: IncidentId,
    },
    /// Another desk works the incident.
    #[error("incident {incident} is claimed by {holder}")]
    Claimed {
        /// Which.
        incident: IncidentId,
        /// Who holds it.
        holder: Desk,
    },
    /// A bound of the state.
    #[error("no more than {limit} {what}")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: u32,
    },
    /// No such call, or ended more than 24 h ago.
    #[error("there is no call {0} among the open ones and those kept")]
    UnknownCall(CallId),
    /// The call's lifecycle does not allow it.
    #[error("call {call} is {}; expected {expected}", told(phase))]
    WrongCallPhase {
        /// Which.
        call: CallId,
        /// Where it stands.
        phase: CallPhase,
        /// Where it would have to stand.
        expected: &'static str,
    },
    /// The call belongs to an incident already.
    #[error("call {call} belongs to incident {incident}")]
    CallTaken {
        /// Which.
        call: CallId,
        /// To which.
        incident: IncidentId,
    },
    /// Nothing that was done last can be undone any more.
    #[error("nothing done to incident {0} can be undone: expected an own act of the last 10 min")]
    NothingToUndo(IncidentId),
    /// Another user's act: a supervisor's business.
    #[error("{by} did this; only they or a supervisor may undo it")]
    NotYours {
        /// Who did it.
        by: String,
    },
    /// A value is not possible.
    #[error("{0}")]
    Invalid(&'static str),
}

/// A state in words, as `expected` has it: `on scene`.
fn told(state: &impl std::fmt::Debug) -> String {
    let mut told = String::new();
    for letter in format!("{state:?}").chars() {
        if letter.is_uppercase() && !told.is_empty() {
            told.push(' ');
        }
        told.extend(letter.to_lowercase());
    }
    told
}
