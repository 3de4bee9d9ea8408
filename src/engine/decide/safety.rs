//! Asking an officer whether all is well, and what comes of it.

use super::super::Engine;
use super::super::alarm::AlarmKind;
use super::super::assignment::{Assignment, Rung};
use super::super::event::{By, Event};
use super::super::id::{EngineTime, UnitId};
use super::super::message::Body;
use super::super::safety::of_grade;
use super::Draft;
use super::assignment::about;

impl Engine {
    /// Plans the first question of a rung that is checked.
    pub(super) fn plan_safety(&self, draft: &mut Draft, assignment: &Assignment, rung: Rung) {
        if let Some(at) = self.next_check(draft, assignment, rung) {
            let assignment = assignment.id;
            draft.events.push(Event::SafetyScheduled { assignment, at });
        }
    }

    fn next_check(&self, draft: &Draft, assignment: &Assignment, rung: Rung) -> Option<EngineTime> {
        let checks = &self.policy.safety;
        let by_grade = match rung {
            Rung::EnRoute => checks.en_route_ms?,
            Rung::OnScene => checks.on_scene_ms?,
            _ => return None,
        };
        let incident = self.state.incidents.get(&assignment.incident)?;
        let every_ms = of_grade(by_grade, incident.gravity()).max(1);
        Some(draft.now.plus_ms(u64::from(every_ms)))
    }

    /// The question is due, or its answer. Who cannot be asked by text must be asked by voice: the
    /// alarm says so.
    pub(super) fn safety_due(&self, draft: &mut Draft, assignment: &Assignment) {
        let Some(safety) = assignment.safety else {
            return;
        };
        let answer_ms = u64::from(self.policy.safety.answer_ms.max(1));
        let unit = self.state.units.get(&assignment.unit);
        let radio = unit.and_then(|unit| self.state.reachable(unit));
        let (id, soon) = (assignment.id, draft.now.plus_ms(answer_ms));
        match radio {
            Some(radio) if !safety.asked => {
                let body = Body::Safety(assignment.incident);
                self.message(draft, (assignment.unit, radio), body, By::Engine);
                draft.events.push(Event::SafetyAsked {
                    assignment: id,
                    radio,
                    deadline: soon,
                });
            }
            _ => {
                self.alarm(draft, AlarmKind::SafetyUnanswered, about(assignment));
                let (assignment, at) = (id, soon);
                draft.events.push(Event::SafetyScheduled { assignment, at });
            }
        }
    }

    /// A unit was heard: whatever it said answers the question.
    pub(super) fn note_alive(&self, draft: &mut Draft, unit: UnitId) {
        let active = self.active_of(unit);
        let asked = active.filter(|found| found.safety.is_some_and(|safety| safety.asked));
        if let Some(assignment) = asked {
            draft.events.push(Event::SafetyAnswered {
                assignment: assignment.id,
                next: self.next_check(draft, assignment, assignment.rung),
            });
        }
    }
}
