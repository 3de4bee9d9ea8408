//! Alarms and tasks.

use super::{Name, Views};
use crate::engine::alarm::{Alarm, AlarmKind};
use crate::engine::id::{AlarmId, AssignmentId, CallId, EngineTime, IncidentId, RadioId, TaskId};
use crate::engine::task::{Task, TaskKind};
use schemars::JsonSchema;
use serde::Serialize;

/// An alarm nobody has acknowledged yet.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Alarm")]
pub struct AlarmView<'a> {
    /// Its number.
    pub alarm: AlarmId,
    /// Why.
    pub kind: Name<AlarmKind>,
    /// Shown above everything, with sound.
    pub urgent: bool,
    /// A desk did not do its part.
    pub for_supervisor: bool,
    /// The incident it is about.
    pub incident: Option<IncidentId>,
    /// The assignment it is about.
    pub assignment: Option<AssignmentId>,
    /// Call sign of the unit it is about.
    pub unit: Option<&'a str>,
    /// The terminal it is about.
    pub radio: Option<RadioId>,
    /// The call it is about.
    pub call: Option<CallId>,
    /// When it was first raised.
    pub raised_at: EngineTime,
    /// How often it was raised since.
    pub times: u32,
}

/// What a person at a desk has to do.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Task")]
pub struct TaskView<'a> {
    /// Its number.
    pub task: TaskId,
    /// `voice`: tell the unit by voice where to go. `call_back`: call the abandoned caller back.
    /// `tell_caller`: tell the caller that it takes longer.
    pub kind: TaskName,
    /// The call to call back.
    pub call: Option<CallId>,
    /// The telephone number to call.
    pub number: Option<&'a str>,
    /// The incident it is about.
    pub incident: Option<IncidentId>,
    /// The offer to tell.
    pub assignment: Option<AssignmentId>,
    /// Call sign of the unit to tell.
    pub unit: Option<&'a str>,
    /// When it was opened.
    pub opened_at: EngineTime,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TaskName {
    /// 语音派警.
    Voice,
    /// 漏话回拨.
    CallBack,
    /// 告知报警人.
    TellCaller,
}

impl<'a> Views<'a> {
    /// An alarm.
    #[must_use]
    pub fn alarm(self, alarm: &'a Alarm) -> AlarmView<'a> {
        let about = &alarm.about;
        AlarmView {
            alarm: alarm.id,
            kind: Name(alarm.kind),
            urgent: alarm.kind.is_urgent(),
            for_supervisor: alarm.kind.is_for_supervisor(),
            incident: about.incident,
            assignment: about.assignment,
            unit: about.unit.and_then(|unit| self.call_sign(unit)),
            radio: about.radio,
            call: alarm.call,
            raised_at: alarm.raised_at,
            times: alarm.times,
        }
    }

    /// A task; one about a caller names the number to call.
    #[must_use]
    pub fn task(self, task: &'a Task) -> TaskView<'a> {
        let state = self.engine.state();
        let incident = task.about.incident;
        let (kind, call, number) = match task.kind {
            TaskKind::Voice => (TaskName::Voice, None, None),
            TaskKind::CallBack { call } => {
                let found = state.calls.get(&call);
                let number = found.map(|call| call.ring.caller.as_str());
                (TaskName::CallBack, Some(call), number)
            }
            TaskKind::TellCaller => {
                let found = incident.and_then(|id| state.incidents.get(&id));
                let number = found.map(|incident| incident.report.caller.as_str());
                (TaskName::TellCaller, None, number)
            }
        };
        TaskView {
            task: task.id,
            kind,
            call,
            number,
            incident,
            assignment: task.about.assignment,
            unit: task.about.unit.and_then(|unit| self.call_sign(unit)),
            opened_at: task.opened_at,
        }
    }
}
