//! Events of incidents beyond their dispatch, applied: referrals, merging, reopening, undo,
//! feedback.

use super::Engine;
use super::case::{Act, ActKind, CaseEvent, Feedback, FollowUp, Referral};
use super::detail::By;
use super::id::{AssignmentId, EngineTime, IncidentId};
use super::incident::{Phase, Slot, Step};
use super::policy::Need;

impl Engine {
    pub(super) fn apply_case(&mut self, at: EngineTime, event: &CaseEvent) -> Option<()> {
        match event {
            CaseEvent::Received {
                incident,
                sender_number,
            } => {
                let found = self.state.incidents.get_mut(incident)?;
                found.sender_number.clone_from(sender_number);
            }
            CaseEvent::Referred { .. }
            | CaseEvent::ReferralAccepted { .. }
            | CaseEvent::ReferralReturned { .. } => self.apply_referral(at, event)?,
            CaseEvent::Merged { incident, into, by } => self.join(at, *incident, *into, by)?,
            CaseEvent::AssignmentMoved {
                assignment,
                incident,
                slot,
            } => self.move_assignment(*assignment, *incident, *slot)?,
            CaseEvent::Linked {
                incident, other, ..
            } => {
                self.state.incidents.get_mut(incident)?.links.insert(*other);
                self.state.incidents.get_mut(other)?.links.insert(*incident);
            }
            CaseEvent::Reopened {
                incident,
                review_at,
                ..
            } => {
                let found = self.state.incidents.get_mut(incident)?;
                found.phase = found.phase.after(Step::Reopen(found.anew()))?;
                self.revive(at, *incident, *review_at)?;
            }
            CaseEvent::Undone {
                incident,
                act,
                review_at,
                ..
            } => self.take_act_back(at, *incident, *act, *review_at)?,
            CaseEvent::FeedbackAwaited { incident, due_at } => {
                self.state.incidents.get_mut(incident)?.feedback_due = Some(*due_at);
                self.touch_incident(*incident);
            }
            CaseEvent::FeedbackGiven { .. } | CaseEvent::FollowedUp { .. } => {
                self.apply_paper(at, event)?;
            }
        }
        Some(())
    }

    /// Notes what somebody did last, and that the incident ended by it, if it did.
    pub(super) fn note_end(
        &mut self,
        at: EngineTime,
        id: IncidentId,
        kind: ActKind,
        by: &By,
    ) -> Option<()> {
        let incident = self.state.incidents.get_mut(&id)?;
        let by = by.clone();
        incident.last_act = Some(Act { kind, at, by });
        if kind == ActKind::Close {
            incident.feedback_due = None;
        }
        if incident.ended_at.is_none() {
            incident.ended_at = Some(at);
            self.state.open_incidents = self.state.open_incidents.saturating_sub(1);
            let telling = incident.task;
            self.end_emergency(at, id);
            // Nobody has to be told any more; the board still says that it is gone.
            telling.and_then(|task| self.drop_task(task));
        }
        if kind == ActKind::Resolve {
            self.state.unclosed.insert(id);
        } else {
            self.state.unclosed.remove(&id);
            self.state.ended.push_back((at, id));
            self.unclaim(id);
        }
        Some(())
    }

    /// An ended incident is open again.
    fn revive(&mut self, at: EngineTime, id: IncidentId, review_at: EngineTime) -> Option<()> {
        let incident = self.state.incidents.get_mut(&id)?;
        if incident.ended_at.is_some() {
            self.state.open_incidents += 1;
            self.state.ended.retain(|(_, ended)| *ended != id);
            self.state.unclosed.remove(&id);
        }
        incident.begin_anew();
        incident.review_at = review_at;
        self.revive_emergency(at, id);
        self.touch_incident(id);
        self.todo.place(id);
        Some(())
    }

    fn apply_referral(&mut self, at: EngineTime, event: &CaseEvent) -> Option<()> {
        match event {
            CaseEvent::Referred {
                incident,
                to,
                name,
                reason,
                review_at,
                ..
            } => {
                let found = self.state.incidents.get_mut(incident)?;
                found.phase = found.phase.after(Step::Refer)?;
                found.review_at = *review_at;
                found.referral = Some(Referral {
                    to: *to,
                    name: name.clone(),
                    reason: reason.clone(),
                    at,
                    receipt: None,
                    returned: None,
                });
                self.touch_incident(*incident);
                self.todo.place(*incident);
            }
            CaseEvent::ReferralAccepted {
                incident,
                receiver,
                number,
                ..
            } => {
                let referral = self.state.incidents.get_mut(incident)?.referral.as_mut()?;
                referral.receipt = Some((at, receiver.clone(), number.clone()));
                self.touch_incident(*incident);
            }
            CaseEvent::ReferralReturned {
                incident,
                reason,
                review_at,
                ..
            } => {
                let found = self.state.incidents.get_mut(incident)?;
                found.phase = found.phase.after(Step::Return(found.anew()))?;
                found.referral.as_mut()?.returned = Some((at, reason.clone()));
                self.revive(at, *incident, *review_at)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn join(&mut self, at: EngineTime, id: IncidentId, into: IncidentId, by: &By) -> Option<()> {
        self.state.incidents.get(&into)?;
        let duplicate = self.state.incidents.get_mut(&id)?;
        duplicate.phase = duplicate.phase.after(Step::Merge)?;
        duplicate.merged_into = Some(into);
        duplicate.moved_calls.clone_from(&duplicate.calls);
        for call in duplicate.moved_calls.clone() {
            self.attach(call, into)?;
        }
        self.note_end(at, id, ActKind::Merge, by)?;
        self.touch_incident(id);
        self.todo.place(id);
        Some(())
    }

    /// An assignment goes on for another incident.
    fn move_assignment(&mut self, id: AssignmentId, into: IncidentId, slot: u8) -> Option<()> {
        let moved = self.state.assignments.get_mut(&id)?;
        let from = std::mem::replace(&mut moved.incident, into);
        moved.slot = slot;
        let old = self.state.incidents.get_mut(&from)?;
        old.assignments.retain(|assignment| *assignment != id);
        for slot in &mut old.slots {
            if slot.filled_by == Some(id) {
                slot.filled_by = None;
            }
        }
        let new = self.state.incidents.get_mut(&into)?;
        new.assignments.push(id);
        if usize::from(slot) >= new.slots.len() {
            new.slots.push(Slot {
                need: Need::default(),
                planned: false,
                filled_by: None,
            });
        }
        new.slots.get_mut(usize::from(slot))?.filled_by = Some(id);
        self.touch_assignment(id)?;
        self.touch_incident(from);
        self.todo.place(from);
        self.todo.place(into);
        Some(())
    }

    /// Takes the last act back. Calls return to a duplicate; whoever worked on it stays where they
    /// are, so that nobody on the way is turned round.
    fn take_act_back(
        &mut self,
        at: EngineTime,
        id: IncidentId,
        act: ActKind,
        review_at: EngineTime,
    ) -> Option<()> {
        let incident = self.state.incidents.get_mut(&id)?;
        let before = incident.before(act);
        incident.phase = incident.phase.after(Step::Undo(before))?;
        let survivor = incident.merged_into.take();
        for call in std::mem::take(&mut incident.moved_calls) {
            let belongs = self.state.calls.get(&call).and_then(|call| call.incident);
            if belongs.is_some() && belongs == survivor {
                self.attach(call, id)?;
            }
        }
        match before {
            Phase::Reported | Phase::Queued => self.revive(at, id, review_at),
            _ => self.reopen_file(id, before, review_at),
        }
    }

    /// A closed incident is not closed any more; no work begins.
    fn reopen_file(&mut self, id: IncidentId, to: Phase, review_at: EngineTime) -> Option<()> {
        let incident = self.state.incidents.get_mut(&id)?;
        incident.last_act = None;
        self.state.ended.retain(|(_, ended)| *ended != id);
        if to == Phase::Referred {
            incident.ended_at = None;
            incident.review_at = review_at;
            self.state.open_incidents += 1;
        } else {
            self.state.unclosed.insert(id);
        }
        self.touch_incident(id);
        Some(())
    }

    fn apply_paper(&mut self, at: EngineTime, event: &CaseEvent) -> Option<()> {
        match event {
            CaseEvent::FeedbackGiven {
                feedback,
                incident,
                assignment,
                form,
                by,
            } => {
                let counters = &mut self.state.counters;
                counters.feedback = counters.feedback.max(feedback.0);
                let found = self.state.incidents.get_mut(incident)?;
                found.feedback_due = None;
                found.feedback.push(Feedback {
                    id: *feedback,
                    assignment: *assignment,
                    form: form.clone(),
                    at,
                    by: by.clone(),
                });
                self.touch_incident(*incident);
            }
            CaseEvent::FollowedUp {
                incident,
                satisfied,
                text,
                by,
            } => {
                let found = self.state.incidents.get_mut(incident)?;
                found.phase = found.phase.after(Step::FollowUp)?;
                found.last_act = None;
                found.follow_up = Some(FollowUp {
                    at,
                    satisfied: *satisfied,
                    text: text.clone(),
                    by: by.clone(),
                });
                self.touch_incident(*incident);
            }
            _ => return None,
        }
        Some(())
    }
}
