//! What the daemon tells consoles unasked.

use super::view::{
    AlarmView, AssignmentView, CallView, IncidentView, Position, ProposalView, SuspectView,
    TaskView, UnitView,
};
use crate::engine::id::{AlarmId, EngineTime, ProposalId, RadioId, TaskId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

/// `board.page`: a part of the snapshot, at most about 64 KiB.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// New at each start of the daemon.
    pub epoch: u64,
    /// The delta it includes.
    pub seq: u64,
    /// From 0.
    pub page: usize,
    /// Whether it is the last one.
    pub last: bool,
    /// What is shown.
    #[schemars(with = "Vec<Item<'static>>")]
    pub items: Vec<Box<RawValue>>,
}

/// One thing of a page.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time, written at once")]
pub enum Item<'a> {
    /// An incident that is not closed, cancelled or merged.
    Incident(IncidentView<'a>),
    /// An open assignment.
    Assignment(AssignmentView<'a>),
    /// A unit.
    Unit(UnitView<'a>),
    /// An alarm.
    Alarm(AlarmView<'a>),
    /// A task.
    Task(TaskView<'a>),
    /// A proposal.
    Proposal(ProposalView<'a>),
    /// A call that is open or must be called back.
    Call(CallView<'a>),
    /// A terminal that is not believed.
    Suspect(SuspectView<'a>),
}

/// `board.delta`: what one batch changed, whole things only.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Delta<'a> {
    /// New at each start of the daemon.
    pub epoch: u64,
    /// Gapless.
    pub seq: u64,
    /// When.
    pub at: EngineTime,
    /// Incidents as they are now.
    pub incidents: Vec<IncidentView<'a>>,
    /// Assignments as they are now.
    pub assignments: Vec<AssignmentView<'a>>,
    /// Units as they are now.
    pub units: Vec<UnitView<'a>>,
    /// Alarms as they are now.
    pub alarms: Vec<AlarmView<'a>>,
    /// Alarms that are gone.
    pub alarms_acked: Vec<AlarmId>,
    /// Calls as they are now.
    pub calls: Vec<CallView<'a>>,
    /// Tasks as they are now.
    pub tasks: Vec<TaskView<'a>>,
    /// Tasks that are gone.
    pub tasks_done: Vec<TaskId>,
    /// Proposals as they are now.
    pub proposals: Vec<ProposalView<'a>>,
    /// Proposals that are gone.
    pub proposals_ended: Vec<ProposalId>,
    /// Terminals that are not believed, as they are now.
    pub suspects: Vec<SuspectView<'a>>,
    /// Terminals that are believed again.
    pub suspects_cleared: Vec<RadioId>,
    /// Texts from the air.
    pub texts: Vec<TextView<'a>>,
}

/// A text from the air.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Text")]
pub struct TextView<'a> {
    /// From which terminal.
    pub radio: RadioId,
    /// Call sign of the unit that holds it.
    pub unit: Option<&'a str>,
    /// What it says.
    pub text: &'a str,
    /// Its terminal is not believed: it changed nothing.
    pub suspect: bool,
}

/// `board.positions`: who moved, at most once a second; it may be left out.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Positions<'a> {
    /// Who moved.
    pub units: Vec<Moved<'a>>,
}

/// A unit that moved.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Moved<'a> {
    /// Its call sign.
    pub unit: &'a str,
    /// Where it is.
    pub position: Position,
    /// How old that is, milliseconds.
    pub fix_age_ms: u64,
}

/// `board.resync`: this console was too slow, deltas were dropped: subscribe again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Resync {
    /// The last delta that was sent.
    pub dropped_after: u64,
}

/// `board.degraded`: nothing is accepted, or acknowledged.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Degraded<'a> {
    /// Why.
    pub reason: &'a str,
    /// Until when.
    pub until: Until,
}

/// What ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Until {
    /// A restart: the journal failed.
    Restart,
    /// Space on the disk.
    Space,
    /// The disk's answer: it is slow.
    Disk,
}

/// `board.recovered`: it is over.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Recovered {}

/// `board.space`: the journal's disk is nearly full, or has room again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Space<'a> {
    /// Whether less than a tenth is free or the next segment of the journal cannot be prepared.
    pub low: bool,
    /// What is free, MiB; none until it was looked at.
    pub free_mib: Option<u64>,
    /// What there is in all, MiB.
    pub total_mib: Option<u64>,
    /// Why the next segment cannot be prepared, if it cannot.
    pub reason: Option<&'a str>,
}

/// `board.flood`: so many calls of one number wait that it is a flood; told once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Flood<'a> {
    /// The number.
    pub caller: &'a str,
    /// Its calls that ring, are talked on or must be called back.
    pub waiting: usize,
}

/// `board.unrecorded`: what a terminal says while nothing can be recorded. It changes nothing and
/// is not acknowledged: act on it by telephone and voice.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unrecorded<'a> {
    /// Which terminal.
    pub radio: RadioId,
    /// Call sign of the unit that holds it.
    pub unit: Option<&'a str>,
    /// Whether it calls for help.
    pub emergency: bool,
    /// What it says; none is the alarm key.
    pub text: Option<&'a str>,
    /// Where it was last.
    pub position: Option<Position>,
}
