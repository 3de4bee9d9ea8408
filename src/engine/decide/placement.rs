//! Auto mode: who is offered what. An incident takes the best free unit for each slot it misses;
//! a freed unit takes the first incident in the queue that it qualifies for.
//!
//! Between decisions no incident waits that a free unit could be offered for, so looking only at
//! what changed is enough.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Rung, Source};
use super::super::event::{By, Event, Offer, RecallCause};
use super::super::id::{AssignmentId, IncidentId, UnitId};
use super::super::incident::{Incident, Phase};
use super::super::policy::{Mode, Need};
use super::super::queue::turn;
use super::super::ranking::{Candidate, PassedOver, Ranking, Why};
use super::super::unit::{Unit, UnitState};
use super::Draft;

impl Engine {
    /// Fills what an incident misses, and takes back what it needs no more.
    pub(super) fn place(&self, draft: &mut Draft, id: IncidentId) {
        let Some(incident) = self.state.incidents.get(&id) else {
            return;
        };
        if !incident.phase.is_open() {
            return self.wind_up(draft, incident);
        }
        if incident.phase == Phase::Reported {
            return;
        }
        if incident.missing().next().is_none() {
            return self.finish(draft, incident);
        }
        match self.policy.mode {
            Mode::Auto => self.fill(draft, incident),
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
            let resolved = Event::IncidentResolved {
                incident: incident.id,
                by: By::Engine,
            };
            draft.events.push(resolved);
        }
    }

    fn fill(&self, draft: &mut Draft, incident: &Incident) {
        let mut taken: Vec<UnitId> = Vec::new();
        let mut ranked: Option<Ranking> = None;
        for (slot, need) in incident.missing() {
            // Slots of one plan often ask for the same: one search serves them all.
            if ranked.as_ref().is_none_or(|ranking| ranking.need != need) {
                ranked = self.rank(draft.now, incident.id, Some(need)).ok();
            }
            let Some(ranking) = &ranked else { return };
            let Some(best) = without(ranking, &taken).cloned() else {
                continue;
            };
            taken.push(best.unit);
            let shown = told_apart(ranking, &taken, best.unit);
            draft.events.push(Event::UnitsRanked {
                incident: incident.id,
                ranking: shown,
            });
            let assignment = draft.ids.next_assignment();
            self.offer_to(
                draft,
                (incident, slot),
                assignment,
                Some(&best),
                best.unit,
                By::Engine,
            );
        }
    }

    /// Work for a unit that became free: what is stacked behind it, unless graver things wait.
    pub(super) fn find_work(&self, draft: &mut Draft, id: UnitId) {
        let Some(unit) = self.state.units.get(&id) else {
            return;
        };
        let Some(duty) = &unit.duty else { return };
        if unit.state() != UnitState::Available {
            return;
        }
        let step_ms = self.policy.age_step_ms;
        let waiting = match self.policy.mode {
            Mode::Auto => self
                .index
                .queue
                .in_order(step_ms, draft.now, |need| duty.meets(need))
                .find(|(_, _, incident)| self.may_serve(*incident, unit)),
        };
        let stacked = self.first_stacked(draft, unit);
        match (stacked, waiting) {
            (Some((rank, assignment)), next) if next.is_none_or(|next| rank <= next.0) => {
                self.promote(draft, assignment);
            }
            (_, Some((_, _, incident))) => {
                if let Some(incident) = self.state.incidents.get(&incident) {
                    self.fill(draft, incident);
                }
            }
            _ => {}
        }
    }

    fn may_serve(&self, incident: IncidentId, unit: &Unit) -> bool {
        let placed = self.index.spatial.placement(unit.id).is_some();
        self.state.incidents.get(&incident).is_some_and(|incident| {
            placed && incident.report.point.is_some() && !incident.holds(unit.id)
        })
    }

    /// The stacked assignment whose turn is first, with its rank.
    fn first_stacked(&self, draft: &Draft, unit: &Unit) -> Option<(u8, AssignmentId)> {
        let step_ms = self.policy.age_step_ms;
        let turns = unit.stacked.iter().filter_map(|id| {
            let incident = self
                .state
                .incidents
                .get(&self.state.assignments.get(id)?.incident)?;
            Some((turn(step_ms, draft.now, incident), *id))
        });
        turns.min().map(|((rank, ..), id)| (rank, id))
    }

    fn promote(&self, draft: &mut Draft, id: AssignmentId) {
        let Some(assignment) = self.state.assignments.get(&id) else {
            return;
        };
        let Some(incident) = self.state.incidents.get(&assignment.incident) else {
            return;
        };
        let slot = incident.missing().next().map(|(slot, _)| slot);
        match slot {
            Some(slot) => {
                self.offer_to(
                    draft,
                    (incident, slot),
                    id,
                    None,
                    assignment.unit,
                    By::Engine,
                );
            }
            None => self.take_back(draft, id, RecallCause::Surplus, By::Engine),
        }
    }

    /// Offers one slot of an incident to a unit. Data goes only to a registered terminal; without
    /// one somebody must say it by voice, and gets the officer's own limit to do so.
    pub(super) fn offer_to(
        &self,
        draft: &mut Draft,
        (incident, slot): (&Incident, u8),
        assignment: AssignmentId,
        best: Option<&Candidate>,
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
            distance_m: best.map(|best| best.distance_m),
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
            self.alarm(draft, AlarmKind::VoiceOnly, about);
        }
    }

    /// Whether a unit can be offered by hand for what an incident misses.
    pub(super) fn slot_for(&self, incident: &Incident, unit: &Unit) -> u8 {
        let meets = |need: &Need| unit.duty.as_ref().is_some_and(|duty| duty.meets(*need));
        let fitting = incident.missing().find(|(_, need)| meets(need));
        let any = fitting.or_else(|| incident.missing().next());
        let added = u8::try_from(incident.slots.len()).unwrap_or(u8::MAX);
        any.map_or(added, |(slot, _)| slot)
    }
}

/// The best candidate that another slot has not taken.
fn without<'a>(ranking: &'a Ranking, taken: &[UnitId]) -> Option<&'a Candidate> {
    ranking
        .candidates
        .iter()
        .find(|candidate| !taken.contains(&candidate.unit))
}

/// The ranking as it stood for one slot: those an earlier slot took are passed over.
fn told_apart(ranking: &Ranking, taken: &[UnitId], best: UnitId) -> Ranking {
    let mut shown = ranking.clone();
    shown.candidates.retain(|candidate| {
        let gone = taken.contains(&candidate.unit) && candidate.unit != best;
        if gone && shown.passed_over.len() < Ranking::MAX_PASSED {
            let (unit, travel_ms) = (candidate.unit, candidate.travel_ms);
            shown.passed_over.push(PassedOver {
                unit,
                travel_ms,
                why: Why::Taken,
            });
        }
        !gone
    });
    shown
}
