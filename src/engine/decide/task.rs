//! Tasks at the desks.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Move, Rung, Source, Step};
use super::super::call::CallEvent;
use super::super::event::{By, Event};
use super::super::id::{CallId, IncidentId, TaskId};
use super::super::incident::Incident;
use super::super::rejection::Rejection;
use super::super::state::State;
use super::super::task::{Task, TaskKind};
use super::Draft;

impl Engine {
    /// Somebody must tell the unit of an offer by voice. When nobody ticks tasks off and there are
    /// too many, an alarm says the same.
    pub(super) fn voice_task(&self, draft: &mut Draft, about: About) {
        self.open_task(draft, TaskKind::Voice, about, Some(AlarmKind::VoiceOnly));
    }

    /// Somebody must call an abandoned caller back.
    pub(super) fn call_back_task(&self, draft: &mut Draft, call: CallId) {
        let kind = TaskKind::CallBack { call };
        let instead = Some(AlarmKind::CallUnanswered);
        self.open_task(draft, kind, About::default(), instead);
    }

    /// Whoever called should know that it takes longer; the alarm that no unit is free was raised.
    pub(super) fn tell_caller_task(&self, draft: &mut Draft, incident: IncidentId) {
        self.open_task(draft, TaskKind::TellCaller, About::of(incident), None);
    }

    /// Opens a task unless the same is open already.
    fn open_task(
        &self,
        draft: &mut Draft,
        kind: TaskKind,
        about: About,
        instead: Option<AlarmKind>,
    ) {
        if self.state.tasks_by_cause.contains_key(&(kind, about)) {
            return;
        }
        if self.state.tasks.len() < State::MAX_TASKS {
            let task = draft.ids.next_task();
            let opened = Event::TaskOpened { task, kind, about };
            draft.events.push(opened);
        } else if let Some(alarm) = instead {
            self.alarm(draft, alarm, about);
        }
    }

    /// A desk did it; `outcome` in words, where there is something to say.
    pub(super) fn finish_task(
        &self,
        draft: &mut Draft,
        id: TaskId,
        outcome: &str,
        by: &By,
    ) -> Result<(), Rejection> {
        let task = self.state.tasks.get(&id);
        let task = task.ok_or(Rejection::UnknownTask(id))?;
        let done = Event::TaskDone {
            task: id,
            by: by.clone(),
        };
        match task.kind {
            TaskKind::Voice => {
                draft.events.push(done);
                self.told_by_voice(draft, task, by);
                return Ok(());
            }
            TaskKind::CallBack { call } => {
                draft.events.push(Event::Call(CallEvent::CalledBack {
                    call,
                    outcome: outcome.to_owned(),
                    by: by.clone(),
                }));
            }
            TaskKind::TellCaller => self.note_told(draft, task, outcome, by),
        }
        draft.events.push(done);
        Ok(())
    }

    /// A unit told by voice has its offer, as if a terminal had acknowledged it: the officer's own
    /// limit begins.
    fn told_by_voice(&self, draft: &mut Draft, task: &Task, by: &By) {
        let assignment = task.about.assignment;
        let offered = assignment.and_then(|id| self.state.assignments.get(&id));
        if let Some(offered) = offered.filter(|found| found.rung == Rung::Offered)
            && let Move::To(rung) = offered.rung.take(Step::Deliver)
        {
            self.step_to(draft, offered, rung, Source::Voice, by.clone());
        }
    }

    fn note_told(&self, draft: &mut Draft, task: &Task, outcome: &str, by: &By) {
        let incident = task.about.incident;
        let incident = incident.and_then(|id| self.state.incidents.get(&id));
        let room = |found: &&Incident| found.notes.len() < Incident::MAX_NOTES;
        if let (Some(incident), By::User(user)) = (incident.filter(room), by)
            && !outcome.is_empty()
        {
            draft.events.push(Event::IncidentNoted {
                incident: incident.id,
                text: outcome.to_owned(),
                by: user.clone(),
            });
        }
    }
}
