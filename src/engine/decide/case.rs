//! Incidents beyond their dispatch: referrals, merging, links, reopening, undo, feedback.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Assignment, Rung};
use super::super::call::Call;
use super::super::case::{Act, ActKind, CaseEvent, Feedback, Form};
use super::super::command::CaseAct;
use super::super::event::{By, Event, RecallCause};
use super::super::id::{AssignmentId, EngineTime, FeedbackId, IncidentId};
use super::super::incident::{Incident, Phase, Step};
use super::super::rejection::Rejection;
use super::Draft;
use super::call::full;

/// Where work can still be taken away from our units.
const OURS: &str = "reported, queued, assigned or underway";

impl Engine {
    pub(super) fn case(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        act: &CaseAct,
        by: &By,
    ) -> Result<(), Rejection> {
        match act {
            CaseAct::Refer { to, name, reason } => {
                let found = self.legal(incident, Step::Refer, OURS)?;
                draft.events.push(Event::Case(CaseEvent::Referred {
                    incident,
                    to: *to,
                    name: name.clone(),
                    reason: reason.clone(),
                    review_at: self.review_at(draft.now, found),
                    by: by.clone(),
                }));
            }
            CaseAct::Receive { receiver, number } => {
                self.receive(draft, incident, (receiver, number), by)?;
            }
            CaseAct::Return { reason } => {
                let anew = self.state.incident(incident)?.anew();
                let found = self.legal(incident, Step::Return(anew), "referred")?;
                draft.events.push(Event::Case(CaseEvent::ReferralReturned {
                    incident,
                    reason: reason.clone(),
                    review_at: self.review_at(draft.now, found),
                    by: by.clone(),
                }));
            }
            CaseAct::Merge { into } => self.merge(draft, incident, *into, by)?,
            CaseAct::Link { other } => self.link(draft, incident, *other, by)?,
            CaseAct::Reopen { reason } => self.reopen(draft, incident, reason, by)?,
            CaseAct::Undo { others } => self.undo(draft, incident, *others, by)?,
            CaseAct::Feedback { assignment, form } => {
                self.feedback(draft, incident, *assignment, form, by)?;
            }
            CaseAct::FollowUp { satisfied, text } => {
                self.legal(incident, Step::FollowUp, "resolved")?;
                draft.events.push(Event::Case(CaseEvent::FollowedUp {
                    incident,
                    satisfied: *satisfied,
                    text: text.clone(),
                    by: by.clone(),
                }));
            }
        }
        Ok(())
    }

    /// When a desk must be told that an incident still waits.
    fn review_at(&self, now: EngineTime, incident: &Incident) -> EngineTime {
        let waiting_ms = match incident.confirmed {
            Some(confirmed) => self.waiting_ms(confirmed.grade),
            None => u64::from(self.policy.ladder.unclassified_ms),
        };
        now.plus_ms(waiting_ms)
    }

    fn receive(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        (receiver, number): (&str, &str),
        by: &By,
    ) -> Result<(), Rejection> {
        let found = self.state.incident(incident)?;
        if found.phase != Phase::Referred || found.is_received() {
            return Err(Rejection::WrongPhase {
                incident,
                phase: found.phase,
                expected: "referred, and taken by nobody yet",
            });
        }
        draft.events.push(Event::Case(CaseEvent::ReferralAccepted {
            incident,
            receiver: receiver.to_owned(),
            number: number.to_owned(),
            by: by.clone(),
        }));
        Ok(())
    }

    fn merge(
        &self,
        draft: &mut Draft,
        id: IncidentId,
        into: IncidentId,
        by: &By,
    ) -> Result<(), Rejection> {
        let duplicate = self.legal(id, Step::Merge, OURS)?;
        let survivor = self.state.incident(into)?;
        if id == into {
            return Err(Rejection::Invalid(
                "an incident cannot be merged into itself",
            ));
        }
        if duplicate.emergency.is_some() {
            return Err(Rejection::Invalid(
                "a terminal's emergency stays an incident of its own: merge the other into it",
            ));
        }
        if !survivor.phase.is_ours() || survivor.confirmed.is_none() {
            return Err(Rejection::WrongPhase {
                incident: into,
                phase: survivor.phase,
                expected: "queued, assigned or underway",
            });
        }
        if duplicate.classification().grade < survivor.classification().grade
            && duplicate.confirmed.is_some()
        {
            return Err(Rejection::Invalid(
                "the duplicate is graver than the survivor: confirm the survivor's grade first",
            ));
        }
        if duplicate.calls.len() + survivor.calls.len() > Call::MAX_OF_INCIDENT {
            return Err(full("calls of one incident", Call::MAX_OF_INCIDENT));
        }
        let by = by.clone();
        draft.events.push(Event::Case(CaseEvent::Merged {
            incident: id,
            into,
            by,
        }));
        Ok(())
    }

    /// What becomes of a duplicate's units, one at a time: who accepted goes on for the survivor;
    /// who has not answered is called off, since the survivor's plan fills itself.
    pub(super) fn hand_over(&self, draft: &mut Draft, duplicate: &Incident) {
        let survivor = duplicate.merged_into.map(|id| self.state.survivor(id));
        let survivor = survivor.and_then(|id| self.state.incidents.get(&id));
        let Some(assignment) = self.state.open_assignments(duplicate).next() else {
            return;
        };
        match survivor.and_then(|to| Some((to, self.slot_at(to, assignment)?))) {
            Some((survivor, slot)) => {
                let of_unit = |open: &&Assignment| open.unit == assignment.unit;
                let mut stacked = self.state.open_assignments(survivor);
                if let Some(stacked) = stacked.find(of_unit) {
                    self.take_back(draft, stacked.id, RecallCause::Surplus, By::Engine);
                }
                draft.events.push(Event::Case(CaseEvent::AssignmentMoved {
                    assignment: assignment.id,
                    incident: survivor.id,
                    slot,
                }));
            }
            None => self.take_back(draft, assignment.id, RecallCause::Merged, By::Engine),
        }
    }

    /// The survivor's slot an assignment moves to, if it moves.
    fn slot_at(&self, survivor: &Incident, assignment: &Assignment) -> Option<u8> {
        let accepted = assignment.rung >= Rung::Accepted;
        // Nobody is his own back-up.
        if !accepted || !survivor.phase.is_ours() || survivor.is_emergency_of(assignment.unit) {
            return None;
        }
        let slot = self.slot_for(survivor, self.state.units.get(&assignment.unit)?);
        (usize::from(slot) < Incident::MAX_SLOTS).then_some(slot)
    }

    fn link(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        other: IncidentId,
        by: &By,
    ) -> Result<(), Rejection> {
        if incident == other {
            return Err(Rejection::Invalid(
                "an incident cannot be linked with itself",
            ));
        }
        let found = self.state.incident(incident)?;
        self.state.incident(other)?;
        if found.links.contains(&other) {
            return Ok(());
        }
        self.room_for_link(incident)?;
        self.room_for_link(other)?;
        let by = by.clone();
        draft.events.push(Event::Case(CaseEvent::Linked {
            incident,
            other,
            by,
        }));
        Ok(())
    }

    pub(super) fn room_for_link(&self, incident: IncidentId) -> Result<(), Rejection> {
        match self.state.incident(incident)?.links.len() {
            links if links >= Incident::MAX_LINKS => {
                Err(full("links of one incident", Incident::MAX_LINKS))
            }
            _ => Ok(()),
        }
    }

    fn reopen(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        reason: &str,
        by: &By,
    ) -> Result<(), Rejection> {
        let anew = self.state.incident(incident)?.anew();
        let expected = "resolved, followed up, closed or cancelled";
        let found = self.legal(incident, Step::Reopen(anew), expected)?;
        self.may_revive(found)?;
        draft.events.push(Event::Case(CaseEvent::Reopened {
            incident,
            reason: reason.to_owned(),
            review_at: self.review_at(draft.now, found),
            by: by.clone(),
        }));
        Ok(())
    }

    /// Whether an ended incident may be open again.
    fn may_revive(&self, incident: &Incident) -> Result<(), Rejection> {
        let radio = incident.emergency.as_ref().map(|found| found.radio);
        let open = radio.and_then(|radio| self.state.emergencies.get(&radio));
        if open.is_some_and(|open| *open != incident.id) {
            return Err(Rejection::Invalid(
                "its terminal calls for help in a later incident that is open: work that one",
            ));
        }
        self.room_for(incident.classification().grade)
    }

    /// Takes the last merge, close, cancel or resolve of a desk back.
    fn undo(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        others: bool,
        by: &By,
    ) -> Result<(), Rejection> {
        let found = self.state.incident(incident)?;
        let nothing = Rejection::NothingToUndo(incident);
        let Some(act) = &found.last_act else {
            return Err(nothing);
        };
        let By::User(user) = &act.by else {
            return Err(nothing);
        };
        if draft.now.since_ms(act.at) > Act::UNDO_MS {
            return Err(nothing);
        }
        if act.by != *by && !others {
            return Err(Rejection::NotYours { by: user.clone() });
        }
        let before = found.before(act.kind);
        let expected = "merged, closed, cancelled or resolved";
        self.legal(incident, Step::Undo(before), expected)?;
        if before.is_open() {
            self.may_revive(found)?;
        }
        draft.events.push(Event::Case(CaseEvent::Undone {
            incident,
            act: act.kind,
            survivor: found.merged_into,
            review_at: self.review_at(draft.now, found),
            by: by.clone(),
        }));
        if act.kind == ActKind::Close && before != Phase::Referred {
            self.await_feedback(draft, found);
        }
        Ok(())
    }

    fn feedback(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        assignment: Option<AssignmentId>,
        form: &Form,
        by: &By,
    ) -> Result<(), Rejection> {
        let found = self.state.incident(incident)?;
        if !matches!(
            found.phase,
            Phase::Underway | Phase::Resolved | Phase::FollowedUp
        ) {
            return Err(Rejection::WrongPhase {
                incident,
                phase: found.phase,
                expected: "underway, resolved or followed up",
            });
        }
        if found.feedback.len() >= Feedback::MAX_OF_INCIDENT {
            return Err(full(
                "feedback forms of one incident",
                Feedback::MAX_OF_INCIDENT,
            ));
        }
        if let Some(id) = assignment.filter(|id| !found.assignments.contains(id)) {
            return Err(Rejection::UnknownAssignment(id));
        }
        draft.events.push(Event::Case(CaseEvent::FeedbackGiven {
            feedback: FeedbackId(draft.ids.feedback + 1),
            incident,
            assignment,
            form: form.clone(),
            by: by.clone(),
        }));
        Ok(())
    }

    /// From the end of the work on, a form is awaited, unless one was written already.
    pub(super) fn await_feedback(&self, draft: &mut Draft, incident: &Incident) {
        let feedback_ms = self.plan(incident.classification()).feedback_ms;
        if feedback_ms > 0 && incident.feedback.is_empty() {
            draft.events.push(Event::Case(CaseEvent::FeedbackAwaited {
                incident: incident.id,
                due_at: draft.now.plus_ms(u64::from(feedback_ms)),
            }));
        }
    }

    /// Still no form: the desk is told, and again each time the limit passes.
    pub(super) fn feedback_due(&self, draft: &mut Draft, incident: &Incident) {
        let about = About {
            incident: Some(incident.id),
            ..About::default()
        };
        self.alarm(draft, AlarmKind::FeedbackOverdue, about);
        let feedback_ms = self.plan(incident.classification()).feedback_ms.max(1_000);
        draft.events.push(Event::Case(CaseEvent::FeedbackAwaited {
            incident: incident.id,
            due_at: draft.now.plus_ms(u64::from(feedback_ms)),
        }));
    }
}
