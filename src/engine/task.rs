//! Tasks of the desks: what a person must do by telephone, until somebody says it is done.

use super::id::{CallId, EngineTime, IncidentId, TaskId};
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskKind {
    /// Call an abandoned caller back (漏话回拨).
    CallBack {
        /// The call.
        call: CallId,
    },
    /// Tell the caller that help takes longer (告知报警人).
    TellCaller {
        /// The incident.
        incident: IncidentId,
    },
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// What is to be done.
    pub kind: TaskKind,
    /// Since when.
    pub opened_at: EngineTime,
}

impl Task {
    /// Most tasks open at once; the oldest makes room.
    pub const MAX_OPEN: usize = 10_000;
}
