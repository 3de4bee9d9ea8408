//! What each method answers.

use crate::config::users::Role;
use crate::daemon::archive::ArchiveNote;
use crate::daemon::view::{AssignmentView, CallView, IncidentView, Name, RankingView, UnitView};
use crate::engine::Engine;
use crate::engine::call::CallEvent;
use crate::engine::case::CaseEvent;
use crate::engine::event::{By, Event};
use crate::engine::id::{
    AssignmentId, CallId, EngineTime, FeedbackId, IncidentId, MessageNo, ProposalId, TaskId,
};
use crate::engine::policy::Mode;
use schemars::JsonSchema;
use serde::Serialize;

/// Of a command: what came of it. It leaves when that is on disk.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Answer<'a> {
    /// The incident it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// The call it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The task it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The feedback form it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feedback: Option<FeedbackId>,
    /// The assignment that waits behind the unit's active one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacked: Option<AssignmentId>,
    /// The text that goes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageNo>,
    /// Units that are told to go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub offered: Vec<Offered<'a>>,
    /// Units put to the desks, in recommend mode.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub proposed: Vec<Proposed<'a>>,
    /// Events seen so far.
    pub seq: u64,
}

/// A unit that is told to go.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Offered<'a> {
    /// The assignment.
    pub assignment: AssignmentId,
    /// Its incident.
    pub incident: IncidentId,
    /// Call sign of the unit.
    pub unit: Option<&'a str>,
}

/// A unit put to the desks.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Proposed<'a> {
    /// The proposal.
    pub proposal: ProposalId,
    /// Its incident.
    pub incident: IncidentId,
    /// The slot it would fill.
    pub slot: u8,
    /// Call sign of the unit.
    pub unit: Option<&'a str>,
    /// The ranking it stands on.
    pub ranking: u64,
}

/// Of `session.login`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LoggedIn {
    /// What the user may do.
    pub role: Role,
    /// New at each start of the daemon.
    pub epoch: u64,
    /// How often to ping, milliseconds.
    pub heartbeat_ms: u64,
}

/// Of `session.ping`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pong {
    /// Now.
    pub at: EngineTime,
    /// Now, milliseconds since 1970 UTC.
    pub wall_ms: i64,
}

/// Of `board.subscribe`; pages and deltas follow.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Subscribed<'a> {
    /// New at each start of the daemon.
    pub epoch: u64,
    /// The delta the pages include; the next one is this + 1.
    pub seq: u64,
    /// How many pages follow.
    pub pages: usize,
    /// Now.
    pub at: EngineTime,
    /// Now, milliseconds since 1970 UTC.
    pub wall_ms: i64,
    /// Who chooses units.
    pub mode: Name<Mode>,
    /// Why nothing is accepted, if nothing is.
    pub degraded: Option<&'a str>,
    /// Whether all that the pages show is on disk.
    pub durable: bool,
}

/// Of `unit.list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Units<'a> {
    /// All units of the register.
    pub units: Vec<UnitView<'a>>,
    /// Whether all that is shown is on disk.
    pub durable: bool,
}

/// Of `incident.rank`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ranked<'a> {
    /// The ranking.
    #[serde(flatten)]
    pub ranking: RankingView<'a>,
    /// Whether all it rests on is on disk.
    pub durable: bool,
}

/// Of `incident.get`: 接警单, 处警单 and 报警电话 that belong together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Got<'a> {
    /// The incident, with its feedback forms.
    pub incident: IncidentView<'a>,
    /// Its assignments.
    pub assignments: Vec<AssignmentView<'a>>,
    /// Its calls.
    pub calls: Vec<CallView<'a>>,
    /// Whether all that is shown is on disk.
    pub durable: bool,
    /// From the archive only: each offer, attempt and receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Vec<Delivery<'a>>>,
    /// From the archive only: how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveNote>,
}

/// A line of the delivery log.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Delivery<'a> {
    /// When.
    pub at: u64,
    /// When, milliseconds since 1970 UTC.
    pub wall_ms: i64,
    /// The assignment.
    pub assignment: AssignmentId,
    /// `offered`, `retried`, or the rung it reached.
    pub what: &'a str,
    /// Call sign of the unit.
    pub unit: Option<&'a str>,
    /// The attempt.
    pub attempt: u8,
    /// The terminal.
    pub terminal: Option<crate::engine::id::RadioId>,
}

/// Of `incident.list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed<'a> {
    /// The newest report first.
    pub incidents: Vec<ListedIncident<'a>>,
    /// The `cursor` of the next page, null when there is none.
    pub next: Option<&'a str>,
    /// How far the archive is.
    pub archive: ArchiveNote,
}

/// An incident in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedIncident<'a> {
    /// The incident, without slots and notes.
    #[serde(flatten)]
    pub incident: IncidentView<'a>,
    /// When it was reported, milliseconds since 1970 UTC.
    pub reported_ms: i64,
    /// Call signs that ever had it.
    pub units: Vec<&'a str>,
}

/// Of `call.list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedCalls<'a> {
    /// The newest arrival first.
    pub calls: Vec<ListedCall<'a>>,
    /// The `cursor` of the next page, null when there is none.
    pub next: Option<&'a str>,
    /// How far the archive is.
    pub archive: ArchiveNote,
}

/// A call in a list. How many of its number wait is told by the board alone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedCall<'a> {
    /// The call.
    #[serde(flatten)]
    pub call: CallView<'a>,
    /// When it came in, milliseconds since 1970 UTC.
    pub arrived_ms: i64,
}

/// What a command answers, from what came of it.
#[must_use]
pub fn answer<'a>(engine: &'a Engine, events: &[Event]) -> Answer<'a> {
    let mut answer = Answer {
        seq: engine.state().seq,
        ..Answer::default()
    };
    let call_sign = |unit| {
        let unit = engine.state().units.get(&unit)?;
        Some(unit.call_sign.as_str())
    };
    for event in events {
        match event {
            Event::IncidentReported { incident, .. } => answer.incident = Some(*incident),
            Event::AssignmentOffered {
                assignment,
                unit,
                incident,
                ..
            } => answer.offered.push(Offered {
                assignment: *assignment,
                incident: *incident,
                unit: call_sign(*unit),
            }),
            Event::ProposalMade {
                proposal,
                incident,
                slot,
                ranking,
                ..
            } => answer.proposed.push(Proposed {
                proposal: *proposal,
                incident: *incident,
                slot: *slot,
                unit: ranking.first().and_then(call_sign),
                ranking: ranking.as_of,
            }),
            Event::Call(CallEvent::Arrived { call, .. }) => answer.call = Some(*call),
            Event::TaskOpened { task, .. } => answer.task = Some(*task),
            Event::Case(CaseEvent::FeedbackGiven { feedback, .. }) => {
                answer.feedback = Some(*feedback);
            }
            Event::AssignmentStacked { assignment, .. } => answer.stacked = Some(*assignment),
            Event::MessageQueued {
                message,
                by: By::User(_),
                ..
            }
            | Event::TalkgroupMessaged { message, .. } => answer.message = Some(*message),
            _ => {}
        }
    }
    answer
}
