//! Events of what the desks must see to, applied: alarms, calls and tasks.

use super::Engine;
use super::alarm::{About, Alarm, AlarmKind};
use super::call::{Call, CallPhase, CallStep};
use super::deadline::Due;
use super::event::Event;
use super::id::{AlarmId, CallId, EngineTime, IncidentId, TaskId};
use super::incident::{Incident, Note};
use super::state::State;
use super::task::{Task, TaskKind};

impl Engine {
    pub(super) fn apply_alarm(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        let state = &mut self.state;
        match event {
            Event::AlarmRaised { alarm, kind, about } => {
                state.alarms_by_cause.insert((*kind, *about), *alarm);
                raise(state, at, *alarm, (*kind, *about), None)?;
            }
            Event::AlarmRepeated { alarm } => {
                let found = state.alarms.get_mut(alarm)?;
                found.times = found.times.saturating_add(1);
            }
            Event::AlarmAcked { alarm, .. } => {
                let found = state.alarms.remove(alarm)?;
                state.alarms_by_cause.remove(&(found.kind, found.about));
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn apply_call(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::CallArrived {
                call,
                ring,
                deadline,
            } => {
                self.state.counters.call = self.state.counters.call.max(call.0);
                self.state.call_counts.arrived += 1;
                self.state.open_calls += 1;
                let new = Call {
                    id: *call,
                    ring: ring.clone(),
                    phase: CallPhase::Ringing,
                    arrived_at: at,
                    answered: None,
                    ended_at: None,
                    invalid: None,
                    incident: None,
                    deadline: *deadline,
                    alarm: None,
                    called_back: None,
                };
                self.state.calls.insert(*call, new);
                self.touch_call(*call)?;
            }
            Event::CallAnswered { call, by } => {
                let found = self.state.calls.get_mut(call)?;
                found.phase = found.phase.after(CallStep::Answer)?;
                found.answered = Some((at, by.clone()));
                self.state.call_counts.answered += 1;
                self.touch_call(*call)?;
            }
            Event::CallEnded { call } | Event::CallAbandoned { call } => {
                let found = self.state.calls.get_mut(call)?;
                found.phase = found.phase.after(CallStep::End)?;
                if found.phase == CallPhase::Abandoned {
                    self.state.call_counts.abandoned += 1;
                }
                self.hang_up(at, *call)?;
            }
            Event::CallDismissed { call, kind, .. } => {
                let found = self.state.calls.get_mut(call)?;
                found.phase = found.phase.after(CallStep::Dismiss)?;
                found.invalid = Some(*kind);
                self.state.call_counts.dismiss(*kind);
                if found.ended_at.is_none() {
                    self.hang_up(at, *call)?;
                }
            }
            Event::CallOverdue {
                call,
                alarm,
                deadline,
            } => self.call_overdue(at, *call, *alarm, *deadline)?,
            Event::CallAttached { call, incident, .. } => self.attach(*call, *incident)?,
            _ => self.apply_task(at, event)?,
        }
        Some(())
    }

    fn apply_task(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::TaskOpened { task, kind } => {
                self.state.counters.task = self.state.counters.task.max(task.0);
                let new = Task {
                    id: *task,
                    kind: *kind,
                    opened_at: at,
                };
                self.state.tasks.insert(*task, new);
                self.state.tasks_by_kind.insert(*kind, *task);
                if self.state.tasks.len() > Task::MAX_OPEN {
                    let oldest = *self.state.tasks.keys().next()?;
                    self.drop_task(at, oldest)?;
                }
            }
            Event::TaskDone { task, outcome, by } => {
                let (outcome, by) = (outcome.clone(), by.clone());
                match self.drop_task(at, *task)? {
                    TaskKind::CallBack { call } => {
                        let found = self.state.calls.get_mut(&call)?;
                        found.called_back = Some((at, by, outcome));
                    }
                    TaskKind::TellCaller { incident } => {
                        let found = self.state.incidents.get_mut(&incident);
                        let room = |found: &&mut Incident| found.notes.len() < Incident::MAX_NOTES;
                        if let Some(found) = found.filter(room) {
                            let text = outcome;
                            found.notes.push(Note { at, by, text });
                        }
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// A task is no more; the call it was about is kept for a day from here on.
    fn drop_task(&mut self, at: EngineTime, id: TaskId) -> Option<TaskKind> {
        let task = self.state.tasks.remove(&id)?;
        self.state.tasks_by_kind.remove(&task.kind);
        if let TaskKind::CallBack { call } = task.kind {
            self.state.ended_calls.push_back((at, call));
        }
        Some(task.kind)
    }

    /// The line is closed. An abandoned call is kept until its caller was called back.
    fn hang_up(&mut self, at: EngineTime, id: CallId) -> Option<()> {
        let call = self.state.calls.get_mut(&id)?;
        call.ended_at = Some(at);
        if call.phase != CallPhase::Abandoned {
            self.state.ended_calls.push_back((at, id));
        }
        self.state.open_calls = self.state.open_calls.saturating_sub(1);
        self.touch_call(id)
    }

    fn call_overdue(
        &mut self,
        at: EngineTime,
        id: CallId,
        alarm: AlarmId,
        deadline: EngineTime,
    ) -> Option<()> {
        let call = self.state.calls.get_mut(&id)?;
        call.deadline = deadline;
        call.alarm = Some(alarm);
        match self.state.alarms.get_mut(&alarm) {
            Some(found) => found.times = found.times.saturating_add(1),
            None => {
                let cause = (AlarmKind::CallUnanswered, About::default());
                raise(&mut self.state, at, alarm, cause, Some(id))?;
            }
        }
        self.touch_call(id)
    }

    /// Moves a call to an incident.
    pub(super) fn attach(&mut self, id: CallId, incident: IncidentId) -> Option<()> {
        self.state.incidents.get(&incident)?;
        let call = self.state.calls.get_mut(&id)?;
        let old = call.incident.replace(incident);
        let old = old.and_then(|old| self.state.incidents.get_mut(&old));
        if let Some(old) = old {
            old.calls.retain(|call| *call != id);
        }
        self.state.incidents.get_mut(&incident)?.calls.push(id);
        Some(())
    }

    fn touch_call(&mut self, id: CallId) -> Option<()> {
        let call = self.state.calls.get(&id)?;
        let rings = call.phase == CallPhase::Ringing;
        let deadline = rings.then_some(call.deadline);
        self.index.deadlines.set(Due::Call(id), deadline);
        Some(())
    }

    /// Drops a call with its incident, unless somebody talks or must call back still.
    pub(super) fn forget_with_incident(&mut self, id: CallId) {
        let kind = TaskKind::CallBack { call: id };
        let waited_for = self.state.tasks_by_kind.contains_key(&kind);
        let Some(call) = self.state.calls.get_mut(&id) else {
            return;
        };
        if call.phase.is_open() || waited_for {
            call.incident = None;
        } else {
            self.state.calls.remove(&id);
        }
    }

    /// Drops calls without an incident that ended more than a day ago, or are too many.
    pub(super) fn forget_calls(&mut self, at: EngineTime) {
        while let Some((ended_at, id)) = self.state.ended_calls.front().copied()
            && (at.since_ms(ended_at) > Call::KEEP_ENDED_MS
                || self.state.ended_calls.len() > Call::MAX_ENDED)
        {
            self.state.ended_calls.pop_front();
            let call = self.state.calls.get(&id);
            if call.is_some_and(|call| call.incident.is_none()) {
                self.state.calls.remove(&id);
            }
        }
    }
}

/// Shows an alarm; when there are too many the oldest that is not urgent makes room.
fn raise(
    state: &mut State,
    at: EngineTime,
    id: AlarmId,
    (kind, about): (AlarmKind, About),
    call: Option<CallId>,
) -> Option<()> {
    state.counters.alarm = state.counters.alarm.max(id.0);
    let new = Alarm {
        id,
        kind,
        about,
        call,
        raised_at: at,
        times: 1,
    };
    state.alarms.insert(id, new);
    if state.alarms.len() > State::MAX_ALARMS {
        let mut alarms = state.alarms.values();
        let oldest = alarms.find(|alarm| !alarm.kind.is_urgent());
        let oldest = oldest.or_else(|| state.alarms.values().next())?;
        let (id, cause) = (oldest.id, (oldest.kind, oldest.about));
        state.alarms.remove(&id);
        state.alarms_by_cause.remove(&cause);
    }
    Some(())
}
