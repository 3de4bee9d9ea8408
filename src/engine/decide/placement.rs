//! Who is offered what. In auto mode an incident takes the best free unit for each slot it misses;
//! a freed unit takes the first incident in the queue that it qualifies for. In recommend mode the
//! same is proposed ([`super::proposal`]); only what a desk stacked goes out by itself.
//!
//! Between decisions no incident waits that a free unit could be offered for, so looking only at
//! what changed is enough.

use super::super::Engine;
use super::super::alarm::About;
use super::super::assignment::{Rung, Source};
use super::super::event::{By, Event, Offer, RecallCause};
use super::super::id::{AssignmentId, EngineTime, IncidentId, UnitId};
use super::super::incident::{Incident, Phase};
use super::super::policy::{Mode, Need};
use super::super::queue::{Turn, turn};
use super::super::unit::Unit;
use super::Draft;
use crate::planted::{Planted, planted};

/// What a free unit is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Work {
    /// What is stacked behind it.
    Promote(AssignmentId),
    /// What waits in the queue.
    Fill(IncidentId),
}

impl Engine {
    /// Fills what an incident misses, and takes back what it needs no more.
    pub(super) fn place(&self, draft: &mut Draft, id: IncidentId) {
        let Some(incident) = self.state.incidents.get(&id) else {
            return;
        };
        self.withdraw(draft, incident);
        if incident.phase == Phase::Merged {
            return self.hand_over(draft, incident);
        }
        if !incident.phase.is_ours() {
            return self.wind_up(draft, incident);
        }
        if incident.phase == Phase::Reported {
            return;
        }
        if incident.missing().next().is_none() {
            return self.finish(draft, incident);
        }
        if self.locate_emergency(draft, incident) {
            return;
        }
        // An emergency's back-up too: offered here, or proposed where people choose.
        match self.policy.mode {
            Mode::Auto => self.fill(draft, incident),
            Mode::Recommend => self.propose(draft, incident),
        }
    }

    /// An ended incident keeps nobody: who is there is done, who is not is called off.
    fn wind_up(&self, draft: &mut Draft, incident: &Incident) {
        for assignment in self.state.open_assignments(incident) {
            if assignment.rung == Rung::OnScene {
                draft.events.push(Event::AssignmentAdvanced {
                    assignment: assignment.id,
                    rung: Rung::Cleared,
                    source: Source::Inferred,
                    by: By::Engine,
                    deadline: draft.now,
                });
            } else {
                self.take_back(draft, assignment.id, RecallCause::IncidentEnded, By::Engine);
            }
        }
    }

    /// Nothing is missing: stacked ones are surplus, and when nobody works on it any more it is
    /// done.
    fn finish(&self, draft: &mut Draft, incident: &Incident) {
        let mut working = false;
        for assignment in self.state.open_assignments(incident) {
            if assignment.rung == Rung::Stacked {
                self.take_back(draft, assignment.id, RecallCause::Surplus, By::Engine);
            } else {
                working = true;
            }
        }
        if !working {
            self.resolved(draft, incident, By::Engine);
        }
    }

    fn fill(&self, draft: &mut Draft, incident: &Incident) {
        let mut taken: Vec<UnitId> = Vec::new();
        for (slot, need) in incident.missing() {
            // A long queue that nobody is free for costs nothing to look at.
            if !self.index.spatial.anyone_for(need) {
                continue;
            }
            let Ok(ranking) = self.rank_without(draft.now, incident, need, &taken) else {
                return;
            };
            let Some(best) = ranking.candidates.first().map(|best| best.unit) else {
                continue;
            };
            if !planted(Planted::OfferedTwice) {
                taken.push(best);
            }
            draft.events.push(Event::UnitsRanked {
                incident: incident.id,
                ranking,
            });
            let assignment = draft.ids.next_assignment();
            self.offer_to(draft, (incident, slot), assignment, best, By::Engine);
        }
    }

    /// Work for a unit that may be free: what is stacked behind it, unless graver things wait.
    pub(in crate::engine) fn work_for(&self, now: EngineTime, id: UnitId) -> Option<(Turn, Work)> {
        let unit = self.state.units.get(&id)?;
        let duty = unit.duty.as_ref()?;
        if !unit.is_free() {
            return None;
        }
        let step_ms = self.policy.age_step_ms;
        let placed = self.index.spatial.placement(id).is_some();
        let auto = self.policy.mode == Mode::Auto;
        let of_use = |turn: &Turn| {
            self.may_serve(turn.2, id) && (auto || self.wants_proposal(turn.2, id, duty))
        };
        let mut turns = self
            .index
            .queue
            .in_order(step_ms, now, |need| placed && duty.meets(need))
            .take_while(|(rank, ..)| auto || self.room(*rank) > 0);
        let waiting = turns.find(of_use).map(|turn| (turn, Work::Fill(turn.2)));
        match (self.first_stacked(now, unit), waiting) {
            (Some(own), Some(next)) if auto && next.0.0 < own.0.0 => Some(next),
            (own, next) => own.or(next),
        }
    }

    fn may_serve(&self, incident: IncidentId, unit: UnitId) -> bool {
        let found = self.state.incidents.get(&incident);
        found.is_some_and(|found| found.report.point.is_some() && !found.holds(unit))
    }

    /// The stacked assignment whose turn is first.
    fn first_stacked(&self, now: EngineTime, unit: &Unit) -> Option<(Turn, Work)> {
        let turns = unit.stacked.iter().filter_map(|id| {
            let of = self.state.assignments.get(id)?.incident;
            let incident = self.state.incidents.get(&of)?;
            Some((turn(self.policy.age_step_ms, now, incident), *id))
        });
        turns.min().map(|(turn, id)| (turn, Work::Promote(id)))
    }

    pub(super) fn promote(&self, draft: &mut Draft, id: AssignmentId, unit: UnitId) {
        let assignment = self.state.assignments.get(&id);
        let incident = assignment.and_then(|found| self.state.incidents.get(&found.incident));
        let (Some(incident), Some(unit)) = (incident, self.state.units.get(&unit)) else {
            return;
        };
        if incident.missing().next().is_none() {
            return self.take_back(draft, id, RecallCause::Surplus, By::Engine);
        }
        let slot = self.slot_for(incident, unit);
        self.offer_to(draft, (incident, slot), id, unit.id, By::Engine);
    }

    /// Offers one slot of an incident to a unit. Data goes only to a registered terminal; without
    /// one somebody must say it by voice, and gets the officer's own limit to do so.
    pub(super) fn offer_to(
        &self,
        draft: &mut Draft,
        (incident, slot): (&Incident, u8),
        assignment: AssignmentId,
        unit: UnitId,
        by: By,
    ) {
        let Some(found) = self.state.units.get(&unit) else {
            return;
        };
        let terminal = self.state.reachable(found);
        let limit_ms = match terminal {
            Some(_) => self.policy.ladder.send_ms,
            None => incident.limits.accept_ms,
        };
        let offer = Offer {
            terminal,
            distance_m: self.distance_m(incident, unit),
            deadline: draft.now.plus_ms(u64::from(limit_ms)),
        };
        let message = self.free_message(draft);
        let incident = incident.id;
        draft.events.push(Event::AssignmentOffered {
            assignment,
            incident,
            slot,
            unit,
            message,
            offer,
            by,
        });
        if terminal.is_none() {
            let about = About {
                incident: Some(incident),
                assignment: Some(assignment),
                unit: Some(unit),
                radio: None,
            };
            self.voice_task(draft, about);
        }
    }

    /// Straight distance from a unit to an incident, if both have a place.
    fn distance_m(&self, incident: &Incident, unit: UnitId) -> Option<u32> {
        let from = self.index.spatial.placement(unit)?.point;
        let distance_cm = from.distance_cm(incident.report.point?);
        u32::try_from(distance_cm / 100).ok()
    }

    /// The slot a unit takes by hand: one it fits, any that is missing, or one beside the plan.
    pub(super) fn slot_for(&self, incident: &Incident, unit: &Unit) -> u8 {
        let meets = |need: &Need| unit.duty.as_ref().is_some_and(|duty| duty.meets(*need));
        let fitting = incident.missing().find(|(_, need)| meets(need));
        let any = fitting.or_else(|| incident.missing().next());
        let beside = (0u8..)
            .zip(&incident.slots)
            .find(|(_, slot)| !slot.planned && slot.filled_by.is_none());
        let added = u8::try_from(incident.slots.len()).unwrap_or(u8::MAX);
        any.map_or_else(|| beside.map_or(added, |(slot, _)| slot), |(slot, _)| slot)
    }
}
