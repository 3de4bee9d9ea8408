//! Tasks: what a person at a desk has to do, and ticks off by name. An alarm tells that something
//! happened; a task stays until it is done.
//!
//! A voice task asks for a unit to be called that no terminal reaches. It belongs to an offer, and
//! is gone by itself when the offer is answered or ends.

use super::Engine;
use super::alarm::About;
use super::assignment::Rung;
use super::event::Event;
use super::id::{AssignmentId, EngineTime, TaskId};
use super::state::State;
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskKind {
    /// Tell a unit by voice where to go (语音派警).
    Voice,
}

/// A task nobody has done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// What is to be done.
    pub kind: TaskKind,
    /// What it is about.
    pub about: About,
    /// When it was opened.
    pub opened_at: EngineTime,
}

impl State {
    /// Most tasks open at once; beyond them an alarm takes the place of a new one.
    pub const MAX_TASKS: usize = 10_000;
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
                if let Some(assignment) = about.assignment {
                    self.state.assignments.get_mut(&assignment)?.task = Some(*task);
                }
            }
            Event::TaskDone { task, .. } => {
                self.state.tasks.remove(task)?;
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
            self.state.tasks.remove(&task);
        }
    }
}
