//! Calls, and what they leave to do.

use super::super::Engine;
use super::super::call::{Call, CallEvent, CallPhase, CallStep, Invalid, Ring};
use super::super::case::CaseEvent;
use super::super::event::{By, Event};
use super::super::id::{CallId, IncidentId};
use super::super::incident::Report;
use super::super::rejection::Rejection;
use super::Draft;

impl Engine {
    pub(super) fn call_arrives(&self, draft: &mut Draft, ring: &Ring) -> Result<(), Rejection> {
        let open = usize::try_from(self.state.open_calls).unwrap_or(usize::MAX);
        if open >= Call::MAX_OPEN {
            return Err(full("open calls", Call::MAX_OPEN));
        }
        draft.ids.call += 1;
        draft.events.push(Event::Call(CallEvent::Arrived {
            call: CallId(draft.ids.call),
            ring: ring.clone(),
            deadline: draft.now.plus_ms(u64::from(self.policy.answer_ms).max(1)),
        }));
        Ok(())
    }

    pub(super) fn answer_call(
        &self,
        draft: &mut Draft,
        id: CallId,
        by: &str,
    ) -> Result<(), Rejection> {
        self.legal_call(id, CallStep::Answer, "ringing")?;
        let by = by.to_owned();
        draft
            .events
            .push(Event::Call(CallEvent::Answered { call: id, by }));
        Ok(())
    }

    /// Hang-up. Nobody talked: somebody must call back. Nothing for the police: it is closed as
    /// such, even when that is seen after the hang-up only.
    pub(super) fn end_call(
        &self,
        draft: &mut Draft,
        id: CallId,
        invalid: Option<Invalid>,
        by: &str,
    ) -> Result<(), Rejection> {
        if let Some(kind) = invalid {
            let call = self.legal_call(id, CallStep::Dismiss, "answered or ended")?;
            if let Some(incident) = call.incident {
                return Err(Rejection::CallTaken { call: id, incident });
            }
            let by = by.to_owned();
            draft
                .events
                .push(Event::Call(CallEvent::Dismissed { call: id, kind, by }));
            return Ok(());
        }
        match self.state.call(id)?.phase {
            CallPhase::Ringing => {
                draft
                    .events
                    .push(Event::Call(CallEvent::Abandoned { call: id }));
                self.call_back_task(draft, id);
            }
            CallPhase::Answered => draft
                .events
                .push(Event::Call(CallEvent::Ended { call: id })),
            // Desk and exchange may both say so.
            CallPhase::Ended | CallPhase::Abandoned | CallPhase::Invalid => {}
        }
        Ok(())
    }

    pub(super) fn attach_call(
        &self,
        draft: &mut Draft,
        id: CallId,
        incident: IncidentId,
        by: &By,
    ) -> Result<(), Rejection> {
        let found = self.state.incident(incident)?;
        match self.attachable(id) {
            Err(Rejection::CallTaken { incident: of, .. }) if of == incident => return Ok(()),
            other => other?,
        };
        if !found.takes_calls() {
            return Err(Rejection::WrongPhase {
                incident,
                phase: found.phase,
                expected: "open, resolved or followed up",
            });
        }
        if found.calls.len() >= Call::MAX_OF_INCIDENT {
            return Err(full("calls of one incident", Call::MAX_OF_INCIDENT));
        }
        let by = by.clone();
        draft.events.push(Event::Call(CallEvent::Attached {
            call: id,
            incident,
            by,
        }));
        Ok(())
    }

    /// A report that names the call it came from, or its sender's number.
    pub(super) fn report_from(
        &self,
        draft: &mut Draft,
        report: &Report,
        call: Option<CallId>,
        sender_number: &str,
    ) -> Result<(), Rejection> {
        if let Some(call) = call {
            self.attachable(call)?;
        }
        if !sender_number.is_empty() && !report.source.is_transfer() {
            let why = "only a transfer from another desk has a sender's number";
            return Err(Rejection::Invalid(why));
        }
        let incident = self.report_incident(draft, report)?;
        if let Some(call) = call {
            let by = By::User(report.by.clone());
            draft
                .events
                .push(Event::Call(CallEvent::Attached { call, incident, by }));
        }
        if !sender_number.is_empty() {
            let sender_number = sender_number.to_owned();
            draft.events.push(Event::Case(CaseEvent::Received {
                incident,
                sender_number,
            }));
        }
        Ok(())
    }

    /// A call that was about something else becomes an incident of its own, linked with the one it
    /// leaves.
    pub(super) fn split(
        &self,
        draft: &mut Draft,
        id: CallId,
        report: &Report,
        by: &By,
    ) -> Result<(), Rejection> {
        let Some(from) = self.state.call(id)?.incident else {
            return Err(Rejection::Invalid(
                "the call belongs to no incident: report a new one from it",
            ));
        };
        self.room_for_link(from)?;
        let incident = self.report_incident(draft, report)?;
        let (call, other) = (id, from);
        draft.events.push(Event::Call(CallEvent::Attached {
            call,
            incident,
            by: by.clone(),
        }));
        draft.events.push(Event::Case(CaseEvent::Linked {
            incident,
            other,
            by: by.clone(),
        }));
        Ok(())
    }

    /// Nobody answers: the alarm is raised, or raised again.
    pub(super) fn call_due(&self, draft: &mut Draft, call: &Call) {
        let shown = call.alarm.filter(|id| self.state.alarms.contains_key(id));
        let answer_ms = u64::from(self.policy.answer_ms).max(1);
        draft.events.push(Event::Call(CallEvent::Overdue {
            call: call.id,
            alarm: shown.unwrap_or_else(|| draft.ids.next_alarm()),
            deadline: draft.now.plus_ms(answer_ms),
        }));
    }

    /// The call, if it may join an incident and has joined none.
    fn attachable(&self, id: CallId) -> Result<&Call, Rejection> {
        let call = self.legal_call(id, CallStep::Attach, "answered, ended or abandoned")?;
        match call.incident {
            Some(incident) => Err(Rejection::CallTaken { call: id, incident }),
            None => Ok(call),
        }
    }

    fn legal_call(
        &self,
        id: CallId,
        step: CallStep,
        expected: &'static str,
    ) -> Result<&Call, Rejection> {
        let call = self.state.call(id)?;
        let phase = call.phase;
        phase
            .after(step)
            .map(|_| call)
            .ok_or(Rejection::WrongCallPhase {
                call: id,
                phase,
                expected,
            })
    }
}

/// A bound of the state was reached.
pub(super) fn full(what: &'static str, limit: usize) -> Rejection {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    Rejection::Full { what, limit }
}
