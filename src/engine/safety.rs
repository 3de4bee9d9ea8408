//! Safety checks (安全确认): an officer on the way or on scene is asked from time to time whether all
//! is well. Any text or key is an answer; silence is an urgent alarm, and the question comes again.
//!
//! ```text
//! rolling, on scene ─▶ waits ─▶ asked ─▶ answered: waits again
//!                        ▲        └────▶ silent: alarm ─┐
//!                        └──────────────────────────────┘
//! ```
//! It belongs to an assignment at a rung, and ends with the rung.

use super::Engine;
use super::event::Event;
use super::id::EngineTime;
use super::policy::Grade;
use serde::{Deserialize, Serialize};

/// How often who is asked, milliseconds, by grade in the order of [`Grade::ALL`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SafetyChecks {
    /// Between two questions on the way; none asks nobody there.
    pub en_route_ms: Option<[u32; 4]>,
    /// Between two questions on scene.
    pub on_scene_ms: Option<[u32; 4]>,
    /// How long an answer may take, and then until the question comes again.
    pub answer_ms: u32,
}

/// Where the check of an assignment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Safety {
    /// Whether the officer was asked and has not answered yet.
    pub asked: bool,
    /// When the question is due, or the answer.
    pub deadline: EngineTime,
}

/// The value for a grade.
pub(super) fn of_grade([one, two, three, four]: [u32; 4], grade: Grade) -> u32 {
    match grade {
        Grade::One => one,
        Grade::Two => two,
        Grade::Three => three,
        Grade::Four => four,
    }
}

impl Engine {
    pub(super) fn apply_safety(&mut self, event: &Event) -> Option<()> {
        let (assignment, safety) = match event {
            Event::SafetyScheduled { assignment, at } => (assignment, Some((false, *at))),
            Event::SafetyAsked {
                assignment,
                deadline,
                ..
            } => (assignment, Some((true, *deadline))),
            Event::SafetyAnswered { assignment, next } => {
                (assignment, next.map(|next| (false, next)))
            }
            _ => return None,
        };
        let found = self.state.assignments.get_mut(assignment)?;
        found.safety = safety.map(|(asked, deadline)| Safety { asked, deadline });
        self.touch_assignment(*assignment)
    }
}
