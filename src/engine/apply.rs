//! Events become state. This is the only way it changes, it cannot fail, and it decides nothing.
//!
//! An event about something the state does not know is counted and ignored: a journal may be
//! older than a rule. After each event the indexes of what it touched are made again.

use super::Engine;
use super::answer::KeyOf;
use super::assignment::{Assignment, Rung, Source};
use super::case::ActKind;
use super::event::{Event, Offer};
use super::id::{AssignmentId, EngineTime, IncidentId, MessageNo, UnitId};
use super::incident::{Incident, Note, Phase, Report, Slot, Step, replan};
use super::policy::{Limits, Need};
use super::position::Place;
use super::state::State;
use super::unit::{Duty, Unit};
use std::collections::BTreeSet;

impl Engine {
    /// Applies one journalled event.
    pub fn apply(&mut self, at: EngineTime, event: &Event) {
        self.state.seq += 1;
        self.state.at = at;
        if self.apply_known(at, event).is_none() {
            self.state.ignored += 1;
        }
        self.forget_ended(at);
    }

    fn apply_known(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::PolicyPublished { hash } => self.state.policy_hash = *hash,
            Event::UnitRegistered { .. }
            | Event::UnitSignedOn { .. }
            | Event::UnitCrewEdited { .. }
            | Event::UnitSignedOff { .. }
            | Event::UnitTakenOut { .. }
            | Event::UnitReturned { .. } => self.apply_unit(at, event)?,
            Event::TerminalRegistered { .. }
            | Event::TerminalLost { .. }
            | Event::StrangerHeard { .. }
            | Event::PositionsNoted { .. } => self.apply_terminal(at, event),
            Event::FixDoubted { .. } | Event::UnitsRanked { .. } => {}
            Event::TextReceived { radio, .. } => drop(self.note_ignored(*radio)),
            Event::Suspect(event) => self.apply_suspect(at, event)?,
            Event::IncidentReported {
                incident,
                report,
                review_at,
            } => {
                self.report(at, *incident, report, *review_at);
            }
            Event::IncidentConfirmed { .. }
            | Event::IncidentRelocated { .. }
            | Event::IncidentNoted { .. }
            | Event::IncidentReviewed { .. }
            | Event::IncidentCancelled { .. }
            | Event::IncidentResolved { .. }
            | Event::IncidentClosed { .. } => self.apply_incident(at, event)?,
            Event::ProposalMade { .. }
            | Event::ProposalOverdue { .. }
            | Event::ProposalEnded { .. }
            | Event::ProposalDeclined { .. }
            | Event::RankingOverridden { .. } => self.apply_proposal(at, event)?,
            Event::IncidentClaimed { .. }
            | Event::ClaimQuestioned { .. }
            | Event::ClaimReleased { .. } => self.apply_claim(at, event)?,
            Event::AssignmentStacked { .. }
            | Event::AssignmentOffered { .. }
            | Event::AssignmentRetried { .. }
            | Event::AssignmentAdvanced { .. }
            | Event::AssignmentOverdue { .. } => self.apply_ladder(at, event)?,
            Event::Call(event) => self.apply_call(at, event)?,
            Event::Case(event) => self.apply_case(at, event)?,
            Event::AssignmentDeclined { .. }
            | Event::AssignmentExpired { .. }
            | Event::AssignmentRecalled { .. } => self.apply_end(at, event)?,
            Event::MessageQueued { .. }
            | Event::MessageRetried { .. }
            | Event::MessageDelivered { .. }
            | Event::MessageFailed { .. } => self.apply_message(event)?,
            Event::AlarmRaised { .. } | Event::AlarmRepeated { .. } | Event::AlarmAcked { .. } => {
                self.apply_alarm(at, event)?;
            }
            Event::TalkgroupMessaged { message, .. } => self.state.counters.message = message.0,
            Event::GatewayLinked { link, peer } => {
                self.state.links.insert(link.clone(), peer.clone());
            }
            Event::EmergencyRaised { .. }
            | Event::EmergencyRepeated { .. }
            | Event::EmergencyCancelled { .. } => self.apply_emergency(at, event)?,
            Event::SafetyScheduled { .. }
            | Event::SafetyAsked { .. }
            | Event::SafetyAnswered { .. } => self.apply_safety(event)?,
            Event::TaskOpened { .. } | Event::TaskDone { .. } => self.apply_task(at, event)?,
            Event::CommandAnswered {
                user,
                method,
                key,
                digest,
                answer,
            } => {
                let key = KeyOf { user, method, key };
                self.state.answers.keep(at, key, *digest, answer);
            }
        }
        Some(())
    }

    fn apply_unit(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::UnitRegistered {
                unit,
                call_sign,
                kind,
            } => {
                self.state.call_signs.insert(call_sign.clone(), *unit);
                let unit = Box::new(Unit {
                    id: *unit,
                    call_sign: call_sign.clone(),
                    kind: *kind,
                    duty: None,
                    on_duty_since: at,
                    out_of_service: None,
                    active: None,
                    stacked: Default::default(),
                    emergency: None,
                });
                self.state.units.insert(unit.id, unit);
            }
            Event::UnitSignedOn { unit, duty, .. } => {
                self.state.units.get_mut(unit)?.on_duty_since = at;
                self.equip(*unit, Some(duty))?;
            }
            Event::UnitCrewEdited { unit, duty, .. } => self.equip(*unit, Some(duty))?,
            Event::UnitSignedOff { unit, .. } => {
                self.equip(*unit, None)?;
                self.state.units.get_mut(unit)?.out_of_service = None;
            }
            Event::UnitTakenOut { unit, reason, .. } => {
                self.state.units.get_mut(unit)?.out_of_service = Some(reason.clone());
            }
            Event::UnitReturned { unit, .. } => {
                self.state.units.get_mut(unit)?.out_of_service = None;
            }
            _ => return None,
        }
        match event {
            Event::UnitSignedOn { unit, .. }
            | Event::UnitCrewEdited { unit, .. }
            | Event::UnitSignedOff { unit, .. }
            | Event::UnitTakenOut { unit, .. }
            | Event::UnitReturned { unit, .. } => self.touch_unit(at, *unit),
            _ => {}
        }
        // A new crew may meet what the old one did not.
        if let Event::UnitCrewEdited { unit, .. } = event {
            self.todo.free(*unit);
        }
        Some(())
    }

    /// Gives a unit its terminals and whatever else it signed on with.
    fn equip(&mut self, id: UnitId, duty: Option<&Duty>) -> Option<()> {
        let unit = self.state.units.get_mut(&id)?;
        let old = std::mem::replace(&mut unit.duty, duty.cloned());
        for radio in old.into_iter().flat_map(|duty| duty.terminals) {
            if let Some(terminal) = self.state.terminals.get_mut(&radio)
                && terminal.holder == Some(id)
            {
                terminal.holder = None;
            }
        }
        for radio in duty.into_iter().flat_map(|duty| &duty.terminals) {
            self.state.terminals.entry(*radio).or_default().holder = Some(id);
        }
        Some(())
    }

    fn apply_terminal(&mut self, at: EngineTime, event: &Event) {
        match event {
            Event::TerminalRegistered {
                radio,
                gateway,
                slot,
            } => {
                let terminal = self.state.terminals.entry(*radio).or_default();
                terminal.via = Some((gateway.clone(), *slot));
                self.touch_holder(at, *radio);
            }
            Event::TerminalLost { radio } => {
                self.state.terminals.entry(*radio).or_default().via = None;
                self.touch_holder(at, *radio);
            }
            Event::StrangerHeard { radio } if self.state.strangers.len() < State::MAX_STRANGERS => {
                self.state.strangers.insert(*radio);
            }
            Event::PositionsNoted { fixes } => {
                for (radio, point, taken_at) in fixes {
                    self.positions.restore(
                        *radio,
                        Place {
                            point: *point,
                            taken_at: *taken_at,
                        },
                    );
                    self.touch_holder(at, *radio);
                }
            }
            _ => {}
        }
    }

    fn report(&mut self, at: EngineTime, id: IncidentId, report: &Report, review_at: EngineTime) {
        self.state.counters.incident = self.state.counters.incident.max(id.0);
        let none = Limits {
            accept_ms: 0,
            roll_ms: 0,
            arrive_ms: 0,
            on_scene_ms: 0,
        };
        let incident = Incident {
            id,
            reported_at: at,
            report: report.clone(),
            confirmed: None,
            phase: Phase::Reported,
            slots: Vec::new(),
            assignments: Vec::new(),
            limits: none,
            notes: Vec::new(),
            held: Vec::new(),
            review_at,
            task: None,
            emergency: None,
            ended_at: None,
            calls: Vec::new(),
            links: BTreeSet::new(),
            sender_number: String::new(),
            referral: None,
            merged_into: None,
            moved_calls: Vec::new(),
            feedback: Vec::new(),
            feedback_due: None,
            follow_up: None,
            last_act: None,
        };
        if self.state.incidents.insert(id, incident).is_none() {
            self.state.open_incidents += 1;
        }
        self.touch_incident(id);
    }

    fn apply_incident(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        let (Event::IncidentConfirmed { incident: id, .. }
        | Event::IncidentRelocated { incident: id, .. }
        | Event::IncidentNoted { incident: id, .. }
        | Event::IncidentReviewed { incident: id, .. }
        | Event::IncidentCancelled { incident: id, .. }
        | Event::IncidentResolved { incident: id, .. }
        | Event::IncidentClosed { incident: id, .. }) = event
        else {
            return None;
        };
        let incident = self.state.incidents.get_mut(id)?;
        let step = match event {
            Event::IncidentConfirmed {
                classification,
                needs,
                limits,
                review_at,
                ..
            } => {
                incident.confirmed = Some(*classification);
                incident.limits = *limits;
                incident.review_at = *review_at;
                incident.held.retain(|(_, until)| *until > at);
                replan(
                    incident,
                    &mut self.state.assignments,
                    &self.state.units,
                    needs,
                );
                Some(Step::Confirm)
            }
            Event::IncidentRelocated { place, point, .. } => {
                incident.report.place.clone_from(place);
                incident.report.point = *point;
                None
            }
            Event::IncidentNoted { text, by, .. } => {
                let note = Note {
                    at,
                    by: by.clone(),
                    text: text.clone(),
                };
                incident.notes.push(note);
                None
            }
            Event::IncidentReviewed { review_at, .. } => {
                incident.review_at = *review_at;
                incident.held.retain(|(_, until)| *until > at);
                None
            }
            Event::IncidentCancelled { .. } => Some(Step::Cancel),
            Event::IncidentResolved { .. } => Some(Step::Resolve),
            _ => Some(Step::Close),
        };
        if let Some(step) = step {
            incident.phase = incident.phase.after(step)?;
        }
        let act = match event {
            Event::IncidentCancelled { by, .. } => Some((ActKind::Cancel, by)),
            Event::IncidentResolved { by, .. } => Some((ActKind::Resolve, by)),
            Event::IncidentClosed { by, .. } => Some((ActKind::Close, by)),
            _ => None,
        };
        if let Some((kind, by)) = act {
            self.note_end(at, *id, kind, by)?;
        }
        self.touch_incident(*id);
        if !matches!(event, Event::IncidentNoted { .. }) {
            self.todo.place(*id);
        }
        Some(())
    }

    fn apply_ladder(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::AssignmentStacked {
                assignment,
                incident,
                unit,
                deadline,
                ..
            } => {
                self.open(*assignment, *incident, *unit, at)?.deadline = *deadline;
                self.state.units.get_mut(unit)?.stacked.insert(*assignment);
                self.touch_assignment(*assignment)?;
            }
            Event::AssignmentOffered {
                assignment,
                incident,
                slot,
                unit,
                message,
                offer,
                ..
            } => {
                self.offer(
                    at,
                    *assignment,
                    (*incident, *slot),
                    *unit,
                    (*message, offer),
                )?;
            }
            Event::AssignmentRetried {
                assignment,
                attempt,
                terminal,
                deadline,
            } => {
                let found = self.state.assignments.get_mut(assignment)?;
                found.reach(Rung::Offered, at, Source::Inferred);
                found.attempt = *attempt;
                found.terminal = Some(*terminal);
                found.deadline = *deadline;
                self.touch_assignment(*assignment)?;
            }
            Event::AssignmentAdvanced {
                assignment,
                rung,
                source,
                deadline,
                ..
            } => {
                let found = self.state.assignments.get_mut(assignment)?;
                found.reach(*rung, at, *source);
                found.deadline = *deadline;
                let unit = found.unit;
                let incident = found.incident;
                if *rung == Rung::Cleared {
                    self.release(at, *assignment, unit)?;
                    self.todo.place(incident);
                }
                self.touch_assignment(*assignment)?;
            }
            Event::AssignmentOverdue {
                assignment,
                deadline,
            } => {
                self.state.assignments.get_mut(assignment)?.deadline = *deadline;
                self.touch_assignment(*assignment)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn apply_end(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::AssignmentDeclined {
                assignment,
                held_until,
                by,
            } => {
                // A desk says it for somebody heard on the air; by itself it would recall.
                let ended = (Rung::Declined, by.source(Source::Voice));
                self.end(at, *assignment, ended, *held_until)
            }
            Event::AssignmentExpired {
                assignment,
                held_until,
            } => {
                let ended = (Rung::Expired, Source::Inferred);
                self.end(at, *assignment, ended, *held_until)
            }
            Event::AssignmentRecalled {
                assignment,
                held_until,
                by,
                ..
            } => {
                let ended = (Rung::Recalled, by.source(Source::Console));
                self.end(at, *assignment, ended, *held_until)
            }
            _ => None,
        }
    }

    /// A new assignment, or the stacked one of this id.
    fn open(
        &mut self,
        id: AssignmentId,
        incident: IncidentId,
        unit: UnitId,
        at: EngineTime,
    ) -> Option<&mut Assignment> {
        let counters = &mut self.state.counters;
        counters.assignment = counters.assignment.max(id.0);
        let of = self.state.incidents.get_mut(&incident)?;
        if !of.assignments.contains(&id) {
            of.assignments.push(id);
        }
        let limits = of.limits;
        let opened_seq = self.state.seq;
        Some(self.state.assignments.entry(id).or_insert_with(|| {
            let mut new = Assignment {
                id,
                incident,
                slot: 0,
                unit,
                rung: Rung::Stacked,
                message: MessageNo(0),
                attempt: 0,
                terminal: None,
                distance_m: None,
                safety: None,
                task: None,
                deadline: at,
                limits,
                opened_seq,
                overrode: None,
                stamps: Default::default(),
            };
            new.reach(Rung::Stacked, at, Source::Console);
            new
        }))
    }

    fn offer(
        &mut self,
        at: EngineTime,
        id: AssignmentId,
        (incident, slot): (IncidentId, u8),
        unit: UnitId,
        (message, offer): (MessageNo, &Offer),
    ) -> Option<()> {
        let was_stacked = self.state.assignments.contains_key(&id);
        let limits = self.state.incidents.get(&incident)?.limits;
        let assignment = self.open(id, incident, unit, at)?;
        if !was_stacked {
            assignment.stamps = Default::default();
        }
        assignment.reach(Rung::Offered, at, Source::Inferred);
        assignment.slot = slot;
        assignment.message = message;
        assignment.attempt = 1;
        assignment.terminal = offer.terminal;
        assignment.distance_m = offer.distance_m;
        assignment.deadline = offer.deadline;
        assignment.limits = limits;
        self.state.counters.message = message.0;
        self.index.by_message.insert(message, id);
        let of = self.state.incidents.get_mut(&incident)?;
        if usize::from(slot) >= of.slots.len() {
            of.slots.push(Slot {
                need: Need::default(),
                planned: false,
                filled_by: None,
            });
        }
        of.slots.get_mut(usize::from(slot))?.filled_by = Some(id);
        if self.state.proposals.of_slot(incident, slot).is_some() {
            self.todo.place(incident);
        }
        let by = self.state.units.get_mut(&unit)?;
        by.stacked.remove(&id);
        by.active = Some(id);
        self.touch_unit(at, unit);
        self.touch_assignment(id)
    }

    /// Ends an assignment without service: its slot is open again.
    fn end(
        &mut self,
        at: EngineTime,
        id: AssignmentId,
        (rung, source): (Rung, Source),
        held_until: EngineTime,
    ) -> Option<()> {
        let assignment = self.state.assignments.get_mut(&id)?;
        assignment.reach(rung, at, source);
        let (incident, unit) = (assignment.incident, assignment.unit);
        let of = self.state.incidents.get_mut(&incident)?;
        for slot in &mut of.slots {
            if slot.filled_by == Some(id) {
                slot.filled_by = None;
            }
        }
        of.hold(at, unit, held_until);
        self.release(at, id, unit)?;
        self.touch_assignment(id)?;
        self.todo.place(incident);
        Some(())
    }

    /// The unit no longer works on `id`.
    fn release(&mut self, at: EngineTime, id: AssignmentId, unit: UnitId) -> Option<()> {
        let of = self.state.units.get_mut(&unit)?;
        of.stacked.remove(&id);
        if of.active == Some(id) {
            of.active = None;
        }
        self.touch_unit(at, unit);
        Some(())
    }
}
