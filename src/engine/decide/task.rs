//! Tasks at the desks.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Move, Rung, Source, Step};
use super::super::event::{By, Event};
use super::super::id::TaskId;
use super::super::rejection::Rejection;
use super::super::state::State;
use super::super::task::TaskKind;
use super::Draft;

impl Engine {
    /// Somebody must tell the unit of an offer by voice. When nobody ticks tasks off and there are
    /// too many, an alarm says the same.
    pub(super) fn voice_task(&self, draft: &mut Draft, about: About) {
        if self.state.tasks.len() >= State::MAX_TASKS {
            return self.alarm(draft, AlarmKind::VoiceOnly, about);
        }
        draft.events.push(Event::TaskOpened {
            task: draft.ids.next_task(),
            kind: TaskKind::Voice,
            about,
        });
    }

    /// A desk did it. A unit told by voice has its offer, as if a terminal had acknowledged it: the
    /// officer's own limit begins.
    pub(super) fn finish_task(
        &self,
        draft: &mut Draft,
        id: TaskId,
        by: &By,
    ) -> Result<(), Rejection> {
        let task = self.state.tasks.get(&id);
        let task = task.ok_or(Rejection::UnknownTask(id))?;
        draft.events.push(Event::TaskDone {
            task: id,
            by: by.clone(),
        });
        let assignment = task.about.assignment;
        let offered = assignment.and_then(|id| self.state.assignments.get(&id));
        if let Some(offered) = offered.filter(|found| found.rung == Rung::Offered)
            && let Move::To(rung) = offered.rung.take(Step::Deliver)
        {
            self.step_to(draft, offered, rung, Source::Voice, by.clone());
        }
        Ok(())
    }
}
