//! Events of calls, applied.

use super::Engine;
use super::alarm::{About, AlarmKind};
use super::apply_desk::raise;
use super::call::{Call, CallEvent, CallPhase, CallStep};
use super::deadline::Due;
use super::id::{AlarmId, CallId, EngineTime, IncidentId};

impl Engine {
    pub(super) fn apply_call(&mut self, at: EngineTime, event: &CallEvent) -> Option<()> {
        match event {
            CallEvent::Arrived {
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
            CallEvent::Answered { call, by } => {
                let found = self.state.calls.get_mut(call)?;
                found.phase = found.phase.after(CallStep::Answer)?;
                found.answered = Some((at, by.clone()));
                self.state.call_counts.answered += 1;
                self.touch_call(*call)?;
            }
            CallEvent::Ended { call } | CallEvent::Abandoned { call } => {
                let found = self.state.calls.get_mut(call)?;
                found.phase = found.phase.after(CallStep::End)?;
                if found.phase == CallPhase::Abandoned {
                    self.state.call_counts.abandoned += 1;
                }
                self.hang_up(at, *call)?;
            }
            CallEvent::Dismissed { call, kind, .. } => {
                let found = self.state.calls.get_mut(call)?;
                found.phase = found.phase.after(CallStep::Dismiss)?;
                found.invalid = Some(*kind);
                self.state.call_counts.dismiss(*kind);
                if found.ended_at.is_none() {
                    self.hang_up(at, *call)?;
                }
            }
            CallEvent::Overdue {
                call,
                alarm,
                deadline,
            } => self.call_overdue(at, *call, *alarm, *deadline)?,
            CallEvent::Attached { call, incident, .. } => self.attach(*call, *incident)?,
            CallEvent::CalledBack { call, outcome, by } => {
                let found = self.state.calls.get_mut(call)?;
                found.called_back = Some((at, by.clone(), outcome.clone()));
                self.index.callers.set(found);
            }
        }
        Some(())
    }

    /// The line is closed.
    fn hang_up(&mut self, at: EngineTime, id: CallId) -> Option<()> {
        let call = self.state.calls.get_mut(&id)?;
        call.ended_at = Some(at);
        self.state.ended_calls.push_back((at, id));
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
        self.index.callers.set(call);
        let old = old.and_then(|old| self.state.incidents.get_mut(&old));
        if let Some(old) = old {
            old.calls.retain(|call| *call != id);
        }
        self.state.incidents.get_mut(&incident)?.calls.push(id);
        Some(())
    }

    fn touch_call(&mut self, id: CallId) -> Option<()> {
        let call = self.state.calls.get(&id)?;
        self.index.deadlines.set(Due::Call(id), call.due());
        self.index.callers.set(call);
        Some(())
    }

    /// Drops a call with its incident, unless somebody talks or must call back still.
    pub(super) fn forget_with_incident(&mut self, id: CallId) {
        let waited_for = self.state.calling_back(id).is_some();
        let Some(call) = self.state.calls.get_mut(&id) else {
            return;
        };
        if call.phase.is_open() || waited_for {
            call.incident = None;
            self.index.callers.set(call);
        } else {
            self.forget_call(id);
        }
    }

    /// Drops calls without an incident that ended more than a day ago, or are too many.
    pub(super) fn forget_calls(&mut self, at: EngineTime) {
        while let Some((ended_at, id)) = self.state.ended_calls.front().copied()
            && (at.since_ms(ended_at) > Call::KEEP_ENDED_MS
                || self.state.ended_calls.len() > Call::MAX_ENDED)
        {
            self.state.ended_calls.pop_front();
            // One that must be called back, or was since, is dropped a day after that.
            let waited_for = self.state.calling_back(id).is_some();
            let call = self.state.calls.get(&id).filter(|_| !waited_for);
            let over = call.filter(|call| call.last_at() <= Some(ended_at));
            if over.is_some_and(|call| call.incident.is_none()) {
                self.forget_call(id);
            }
        }
    }

    fn forget_call(&mut self, id: CallId) {
        if let Some(call) = self.state.calls.remove(&id) {
            self.index.callers.remove(&call);
        }
    }
}
