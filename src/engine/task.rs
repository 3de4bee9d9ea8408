//! Tasks: what a person at a desk has to do, and ticks off by name. An alarm tells that something
//! happened; a task stays until it is done.
//!
//! A voice task asks for a unit to be called that no terminal reaches. It belongs to an offer, and
//! is gone by itself when the offer is answered or ends. A call-back belongs to an abandoned call.
//! Telling a caller that it takes longer belongs to an incident, and is gone when that ends.

use super::Engine;
use super::alarm::About;
use super::assignment::Rung;
use super::event::Event;
use super::id::{AssignmentId, CallId, EngineTime, TaskId};
use super::state::State;
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskKind {
    /// Tell a unit by voice where to go (语音派警).
    Voice,
    /// Call an abandoned caller back (漏话回拨).
    CallBack {
        /// The call.
        call: CallId,
    },
    /// Tell the caller that help takes longer (告知报警人).
    TellCaller,
}

/// A task nobody has done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// What is to be done.
    pub kind: TaskKind,
    /// What it is about, beside the call of a call-back.
    pub about: About,
    /// When it was opened.
    pub opened_at: EngineTime,
}

impl State {
    /// Most tasks open at once; beyond them an alarm takes the place of a new one.
    pub const MAX_TASKS: usize = 10_000;

    /// The open task to call an abandoned caller back.
    #[must_use]
    pub fn calling_back(&self, call: CallId) -> Option<TaskId> {
        let cause = (TaskKind::CallBack { call }, About::default());
        self.tasks_by_cause.get(&cause).copied()
    }
}

impl Engine {
    pub(super) fn apply_task(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::TaskOpened { task, kind, about } => {
                self.state.counters.task = self.state.counters.task.max(task.0);
                let new = Task {
                    id: *task,
                    kind: *kind,
                    about: *about,
                    opened_at: at,
                };
                self.state.tasks.insert(*task, new);
                self.state.tasks_by_cause.insert((*kind, *about), *task);
                if *kind == TaskKind::TellCaller {
                    self.state.incidents.get_mut(&about.incident?)?.task = Some(*task);
                }
                if let Some(assignment) = about.assignment {
                    self.state.assignments.get_mut(&assignment)?.task = Some(*task);
                }
            }
            Event::TaskDone { task, .. } => {
                let old = self.drop_task(*task)?;
                if let TaskKind::CallBack { call } = old.kind {
                    self.state.ended_calls.push_back((at, call));
                }
                let told = old
                    .about
                    .incident
                    .filter(|_| old.kind == TaskKind::TellCaller);
                if let Some(found) = told.and_then(|id| self.state.incidents.get_mut(&id)) {
                    found.task = None;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// An offer that waits for nobody's call any more needs no voice task.
    pub(super) fn void_task(&mut self, id: AssignmentId) {
        let assignment = self.state.assignments.get(&id);
        let answered = assignment.filter(|found| found.rung != Rung::Offered);
        if let Some(task) = answered.and_then(|found| found.task) {
            self.drop_task(task);
        }
    }

    pub(super) fn drop_task(&mut self, id: TaskId) -> Option<Task> {
        let task = self.state.tasks.remove(&id)?;
        self.state.tasks_by_cause.remove(&(task.kind, task.about));
        Some(task)
    }
}
