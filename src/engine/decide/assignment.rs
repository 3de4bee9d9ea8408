//! Offers, recalls and voice reports by hand, and the steps of the ladder.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Assignment, Move, Rung, Source, Step};
use super::super::event::{By, Event, RecallCause};
use super::super::id::{AssignmentId, EngineTime, IncidentId, UnitId};
use super::super::incident::Incident;
use super::super::message::Body;
use super::super::ranking::Ranking;
use super::super::rejection::Rejection;
use super::super::unit::{Unit, UnitState};
use super::Draft;

impl Engine {
    pub(super) fn offer_by_hand(
        &self,
        draft: &mut Draft,
        (incident, unit): (IncidentId, UnitId),
        (ranking, shown): (u64, Option<&Ranking>),
        stack: bool,
        by: &By,
    ) -> Result<(), Rejection> {
        let found = self.state.incident(incident)?;
        let whom = self.state.unit(unit)?;
        if ranking > self.state.seq {
            return Err(Rejection::UnknownRanking(ranking));
        }
        let phase = found.phase;
        if found.confirmed.is_none() || !phase.is_ours() {
            let expected = "queued, assigned or underway";
            return Err(Rejection::WrongPhase {
                incident,
                phase,
                expected,
            });
        }
        let mut open = self.state.open_assignments(found);
        if let Some(open) = open.find(|open| open.unit == unit) {
            // Another desk was faster, and the ranking shown could not tell.
            return Err(match open.opened_seq > ranking {
                true => self.stale(draft.now, incident, whom),
                false => Rejection::AlreadyAssigned { unit, incident },
            });
        }
        match whom.state() {
            UnitState::Available if whom.is_free() => {
                let seen = (ranking, shown);
                self.offer_free(draft, found, whom, seen, by)
            }
            UnitState::Committed if stack && whom.emergency.is_none() => {
                self.stack(draft, incident, whom, by)
            }
            _ => Err(self.stale(draft.now, incident, whom)),
        }
    }

    /// Offers a slot to a unit that is free: the one it is proposed for, or one it fits.
    fn offer_free(
        &self,
        draft: &mut Draft,
        incident: &Incident,
        unit: &Unit,
        shown: (u64, Option<&Ranking>),
        by: &By,
    ) -> Result<(), Rejection> {
        let id = incident.id;
        let proposed = self.state.proposals.of(id).filter(|it| it.unit == unit.id);
        let own = proposed.map(|it| it.slot).min();
        let slot = own.unwrap_or_else(|| self.slot_for(incident, unit));
        if usize::from(slot) >= Incident::MAX_SLOTS {
            let limit = u32::try_from(Incident::MAX_SLOTS).unwrap_or(u32::MAX);
            return Err(Rejection::Full {
                what: "units on one incident",
                limit,
            });
        }
        let need = incident.slots.get(usize::from(slot)).map(|slot| slot.need);
        let fresh = self.rank(draft.now, id, need).ok();
        let seen = self.seen(id, slot, shown).or(fresh.as_ref());
        let overridden = seen.filter(|it| it.first() != Some(unit.id)).cloned();
        draft.events.extend(fresh.map(|ranking| Event::UnitsRanked {
            incident: id,
            ranking,
        }));
        self.answer_proposal(draft, id, slot);
        let assignment = draft.ids.next_assignment();
        self.offer_to(draft, (incident, slot), assignment, unit.id, by.clone());
        if let Some(shown) = overridden {
            let by = by.clone();
            draft.events.push(Event::RankingOverridden {
                assignment,
                shown,
                by,
            });
        }
        Ok(())
    }

    fn stack(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        unit: &Unit,
        by: &By,
    ) -> Result<(), Rejection> {
        if unit.stacked.len() >= Unit::MAX_STACKED {
            let limit = u32::try_from(Unit::MAX_STACKED).unwrap_or(u32::MAX);
            return Err(Rejection::Full {
                what: "assignments stacked behind one unit",
                limit,
            });
        }
        let assignment = draft.ids.next_assignment();
        let deadline = draft.now.plus_ms(u64::from(self.policy.ladder.stacked_ms));
        let (unit, by) = (unit.id, by.clone());
        draft.events.push(Event::AssignmentStacked {
            assignment,
            incident,
            unit,
            deadline,
            by,
        });
        Ok(())
    }

    /// The unit shown cannot be sent any more: here is what can.
    fn stale(&self, now: EngineTime, incident: IncidentId, unit: &Unit) -> Rejection {
        match self.rank(now, incident, None) {
            Ok(fresh) => Rejection::StaleRanking {
                unit: unit.id,
                fresh: Box::new(fresh),
            },
            Err(_) => Rejection::WrongUnitState {
                unit: unit.id,
                state: unit.state(),
                expected: "available, or committed with stack",
            },
        }
    }

    pub(super) fn recall(
        &self,
        draft: &mut Draft,
        id: AssignmentId,
        reason: &str,
        by: &By,
    ) -> Result<(), Rejection> {
        let assignment = self.state.assignment(id)?;
        match assignment.rung.take(Step::Recall) {
            Move::To(_) => {
                self.take_back(draft, id, RecallCause::Desk(reason.to_owned()), by.clone());
                Ok(())
            }
            Move::Already => Ok(()),
            Move::Illegal => Err(wrong_rung(assignment, Step::Recall)),
        }
    }

    /// Recalls an assignment and, if its text may be out there, tells the terminal.
    pub(super) fn take_back(
        &self,
        draft: &mut Draft,
        id: AssignmentId,
        cause: RecallCause,
        by: By,
    ) {
        let Some(assignment) = self.state.assignments.get(&id) else {
            return;
        };
        let held_until = draft.now.plus_ms(u64::from(self.policy.ladder.reoffer_ms));
        let recalled = Event::AssignmentRecalled {
            assignment: id,
            cause,
            held_until,
            by,
        };
        draft.events.push(recalled);
        self.call_off(draft, assignment);
    }

    /// Tells a terminal that its unit need not go, if the offer may have reached it.
    pub(super) fn call_off(&self, draft: &mut Draft, assignment: &Assignment) {
        let (Some(radio), true) = (assignment.terminal, assignment.rung != Rung::Stacked) else {
            return;
        };
        let body = Body::Recalled(assignment.incident);
        self.message(draft, (assignment.unit, radio), body, By::Engine);
    }

    pub(super) fn advance(
        &self,
        draft: &mut Draft,
        id: AssignmentId,
        step: Step,
        source: Source,
        by: &By,
    ) -> Result<(), Rejection> {
        let assignment = self.state.assignment(id)?;
        let by_people = matches!(
            step,
            Step::Deliver | Step::Accept | Step::Roll | Step::Arrive | Step::Clear | Step::Decline
        );
        if !by_people {
            return Err(wrong_rung(assignment, step));
        }
        match assignment.rung.take(step) {
            Move::To(rung) => {
                self.step_to(draft, assignment, rung, source, by.clone());
                Ok(())
            }
            Move::Already => Ok(()),
            Move::Illegal => Err(wrong_rung(assignment, step)),
        }
    }

    /// The event of a step, with the limit of the rung it reaches.
    pub(super) fn step_to(
        &self,
        draft: &mut Draft,
        assignment: &Assignment,
        rung: Rung,
        source: Source,
        by: By,
    ) {
        let id = assignment.id;
        let event = match rung {
            Rung::Declined => {
                let held_until = draft.now.plus_ms(u64::from(self.policy.ladder.reoffer_ms));
                Event::AssignmentDeclined {
                    assignment: id,
                    held_until,
                    by,
                }
            }
            _ => {
                let limit_ms = self.limit_ms(assignment, rung);
                let deadline = draft.now.plus_ms(u64::from(limit_ms));
                Event::AssignmentAdvanced {
                    assignment: id,
                    rung,
                    source,
                    by,
                    deadline,
                }
            }
        };
        draft.events.push(event);
        self.plan_safety(draft, assignment, rung);
    }

    /// How long an assignment may stay at a rung.
    pub(super) fn limit_ms(&self, assignment: &Assignment, rung: Rung) -> u32 {
        let ladder = &self.policy.ladder;
        let limits = &assignment.limits;
        match rung {
            Rung::Stacked => ladder.stacked_ms,
            Rung::Offered => ladder.send_ms,
            Rung::Sent => ladder.deliver_ms,
            Rung::Delivered => limits.accept_ms,
            Rung::Accepted => limits.roll_ms,
            Rung::EnRoute => limits.arrive_ms,
            Rung::OnScene => limits.on_scene_ms,
            Rung::Cleared | Rung::Declined | Rung::Expired | Rung::Recalled => 0,
        }
    }

    /// The next attempt on the air, by the unit's next terminal if it has one, or the end of the
    /// ladder: alarm, and the next unit.
    pub(super) fn retry(&self, draft: &mut Draft, assignment: &Assignment) {
        let unit = self.state.units.get(&assignment.unit);
        let last = assignment.terminal;
        let terminal = unit.and_then(|unit| self.state.next_reachable(unit, last));
        let attempt = assignment.attempt + 1;
        match terminal {
            Some(terminal) if attempt <= self.policy.ladder.attempts => {
                let deadline = draft.now.plus_ms(u64::from(self.policy.ladder.send_ms));
                let assignment = assignment.id;
                draft.events.push(Event::AssignmentRetried {
                    assignment,
                    attempt,
                    terminal,
                    deadline,
                });
            }
            _ => self.give_up(draft, assignment, AlarmKind::NotDelivered),
        }
    }

    /// Alarms, ends the offer and leaves its slot to the next unit.
    pub(super) fn give_up(&self, draft: &mut Draft, assignment: &Assignment, kind: AlarmKind) {
        self.alarm(draft, kind, about(assignment));
        let held_until = draft.now.plus_ms(u64::from(self.policy.ladder.reoffer_ms));
        let expired = Event::AssignmentExpired {
            assignment: assignment.id,
            held_until,
        };
        draft.events.push(expired);
        self.call_off(draft, assignment);
    }

    /// The unit's newest unanswered offer or the work in hand.
    pub(super) fn active_of(&self, unit: UnitId) -> Option<&Assignment> {
        self.state
            .assignments
            .get(&self.state.units.get(&unit)?.active?)
    }
}

/// What an alarm about an assignment is about.
pub(super) fn about(assignment: &Assignment) -> About {
    About {
        incident: Some(assignment.incident),
        assignment: Some(assignment.id),
        unit: Some(assignment.unit),
        radio: None,
    }
}

fn wrong_rung(assignment: &Assignment, step: Step) -> Rejection {
    Rejection::WrongRung {
        assignment: assignment.id,
        rung: assignment.rung,
        step,
    }
}
