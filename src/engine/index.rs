//! Indexes over the state: made again from it after each event, never journalled.

use super::Engine;
use super::assignment::Rung;
use super::caller::Callers;
use super::deadline::{Deadlines, Due};
use super::id::{AssignmentId, EngineTime, IncidentId, MessageNo, RadioId, UnitId};
use super::incident::{Engaged, Incident, Phase, Step};
use super::queue::Queue;
use super::ranking::Why;
use super::spatial::{Placement, Spatial};
use super::state::State;
use super::unit::UnitState;
use std::collections::{BTreeMap, BTreeSet};

/// Indexes over the state, made again from it by `apply`.
#[derive(Debug, Default, Clone)]
pub(super) struct Index {
    pub(super) spatial: Spatial,
    /// Free units nobody knows the place of.
    pub(super) unplaced: BTreeSet<UnitId>,
    pub(super) queue: Queue,
    pub(super) deadlines: Deadlines,
    pub(super) by_message: BTreeMap<MessageNo, AssignmentId>,
    pub(super) callers: Callers,
}

impl Engine {
    /// Makes the indexes of an assignment and its incident again.
    pub(super) fn touch_assignment(&mut self, id: AssignmentId) -> Option<()> {
        let assignment = self.state.assignments.get(&id)?;
        let open = assignment.rung.is_open();
        let incident = assignment.incident;
        let deadline = open.then_some(assignment.deadline);
        if !open {
            self.index.by_message.remove(&assignment.message);
        }
        let check = assignment.safety.map(|safety| safety.deadline);
        self.index.deadlines.set(Due::Assignment(id), deadline);
        self.index.deadlines.set(Due::Safety(id), check);
        self.void_task(id);
        self.engage(incident)?;
        self.touch_incident(incident);
        Some(())
    }

    /// Lets an incident's phase follow its assignments.
    fn engage(&mut self, id: IncidentId) -> Option<()> {
        let incident = self.state.incidents.get(&id)?;
        let working = self
            .state
            .open_assignments(incident)
            .filter(|assignment| assignment.rung != Rung::Stacked);
        let engaged = working.fold(Engaged::Nobody, |so_far, assignment| match so_far {
            Engaged::Rolling => Engaged::Rolling,
            _ if assignment.rung >= Rung::EnRoute => Engaged::Rolling,
            _ => Engaged::Offered,
        });
        let incident = self.state.incidents.get_mut(&id)?;
        if let Some(phase) = incident.phase.after(Step::Engage(engaged)) {
            incident.phase = phase;
        }
        Some(())
    }

    /// Makes the indexes of an incident again.
    pub(super) fn touch_incident(&mut self, id: IncidentId) {
        let Some(incident) = self.state.incidents.get(&id) else {
            return;
        };
        self.index.queue.set(incident);
        let due = self.review_of(incident);
        let feedback_due = incident.feedback_due;
        self.index.deadlines.set(Due::Incident(id), due);
        self.index.deadlines.set(Due::Feedback(id), feedback_due);
    }

    /// When an incident must be looked at again: it waits for a category, for a unit, or for others
    /// to take it.
    fn review_of(&self, incident: &Incident) -> Option<EngineTime> {
        let waits_for_others = incident.phase == Phase::Referred && !incident.is_received();
        if incident.phase == Phase::Reported || waits_for_others {
            return Some(incident.review_at);
        }
        incident.missing().next()?;
        let lapse = incident.held.iter().map(|(_, until)| *until).min();
        Some(lapse.map_or(incident.review_at, |at| at.min(incident.review_at)))
    }

    /// Puts a unit where it can be found; when that makes it sendable, work is looked for.
    pub(super) fn touch_unit(&mut self, at: EngineTime, id: UnitId) {
        let Some(unit) = self.state.units.get(&id) else {
            return;
        };
        let barred = match unit.state() {
            UnitState::Available if unit.emergency.is_some() => Some(Why::Emergency),
            UnitState::Available => None,
            UnitState::Committed => Some(Why::Committed),
            UnitState::OffDuty | UnitState::OutOfService => Some(Why::OutOfService),
        };
        let reachable = self.state.reachable(unit).is_some();
        let placement = unit.duty.as_ref().and_then(|duty| {
            let place = self.positions.of_unit(at, &duty.terminals)?;
            Some(Placement {
                kind: unit.kind,
                point: place.point,
                taken_at: place.taken_at,
                barred,
                able: duty.able(),
                reachable,
            })
        });
        let old = self.index.spatial.placement(id);
        let was_sendable = old.is_some_and(Placement::is_sendable);
        let fitness = |placement: Option<Placement>| placement.map(|it| (it.barred, it.able));
        if fitness(old) != fitness(placement) {
            // It may be fit for less than before.
            let proposals = self.state.proposals.of_unit(id);
            self.todo.place.extend(proposals.map(|it| it.incident));
        }
        self.index.spatial.set(id, placement);
        let sendable = barred.is_none();
        match sendable && placement.is_none() {
            true => self.index.unplaced.insert(id),
            false => self.index.unplaced.remove(&id),
        };
        if sendable && (placement.is_some() && !was_sendable || !unit.stacked.is_empty()) {
            self.todo.free(id);
        }
    }

    /// The same for the unit that holds a terminal.
    pub(super) fn touch_holder(&mut self, at: EngineTime, radio: RadioId) {
        let holder = self
            .state
            .terminals
            .get(&radio)
            .and_then(|terminal| terminal.holder);
        if let Some(unit) = holder {
            self.touch_unit(at, unit);
        }
    }

    /// Drops incidents that ended more than a day ago, with their assignments and calls.
    pub(super) fn forget_ended(&mut self, at: EngineTime) {
        while let Some((ended_at, id)) = self.state.ended.front().copied()
            && at.since_ms(ended_at) > State::KEEP_ENDED_MS
        {
            self.state.ended.pop_front();
            self.forget(id);
        }
        while self.state.unclosed.len() > State::MAX_UNCLOSED
            && let Some(id) = self.state.unclosed.pop_first()
        {
            self.forget(id);
        }
        self.forget_calls(at);
    }

    fn forget(&mut self, id: IncidentId) {
        let Some(incident) = self.state.incidents.remove(&id) else {
            return;
        };
        self.index.queue.remove(&incident);
        self.index.deadlines.set(Due::Incident(id), None);
        self.index.deadlines.set(Due::Feedback(id), None);
        self.unclaim(id);
        for call in &incident.calls {
            self.forget_with_incident(*call);
        }
        for assignment in incident.assignments {
            self.state.assignments.remove(&assignment);
            self.index.deadlines.set(Due::Assignment(assignment), None);
        }
    }
}
