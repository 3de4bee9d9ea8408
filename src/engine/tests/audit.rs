//! An independent auditor: it sees the events of each batch one by one, keeps a replica fed by
//! `apply` alone, and works everything else out the slow way.

use crate::engine::Engine;
use crate::engine::alarm::AlarmKind;
use crate::engine::assignment::Rung;
use crate::engine::call::{Call, CallPhase};
use crate::engine::case::ActKind;
use crate::engine::command::Command;
use crate::engine::deadline::{Deadlines, Due};
use crate::engine::event::{By, Event};
use crate::engine::id::{AssignmentId, CallId, EngineTime, IncidentId, Point, RadioId, UnitId};
use crate::engine::incident::{Incident, Phase};
use crate::engine::policy::{Need, Policy};
use crate::engine::position::{Fix, Observed};
use crate::engine::queue::{Queue, Turn, turn};
use crate::engine::ranking::travel_ms;
use crate::engine::rejection::Rejection;
use crate::engine::state::State;
use crate::engine::task::TaskKind;
use crate::engine::unit::UnitState;
use std::collections::{BTreeMap, BTreeSet};

/// An engine under audit, with everything it ever said.
pub(super) struct Audited {
    pub(super) engine: Engine,
    pub(super) log: Vec<(EngineTime, Event)>,
    pub(super) now: EngineTime,
    replica: Engine,
    ended: BTreeMap<IncidentId, Option<EngineTime>>,
    calls: BTreeMap<CallId, Option<EngineTime>>,
    /// Calls that went with their incident.
    forgotten: BTreeSet<CallId>,
}

impl Audited {
    pub(super) fn new(policy: Policy) -> Self {
        let mut new = Self {
            engine: Engine::new(policy.clone()),
            log: Vec::new(),
            now: EngineTime(0),
            replica: Engine::new(policy),
            ended: BTreeMap::new(),
            calls: BTreeMap::new(),
            forgotten: BTreeSet::new(),
        };
        new.execute(&Command::PublishPolicy).unwrap();
        new
    }

    /// Executes a command; the events it came to.
    pub(super) fn execute(&mut self, command: &Command) -> Result<Vec<Event>, Rejection> {
        let before = (self.engine.state().clone(), self.engine.clone());
        let mut batch = Vec::new();
        let result = self.engine.execute(self.now, command, &mut batch);
        let mut again = Vec::new();
        let mut twin = before.1;
        assert_eq!(twin.execute(self.now, command, &mut again), result);
        assert_eq!(again, batch, "the same inputs gave other events");
        if let Err(rejection) = result {
            assert!(batch.is_empty());
            assert_eq!(
                *self.engine.state(),
                before.0,
                "{rejection} changed the state"
            );
            return Err(rejection);
        }
        self.audit(&batch);
        Ok(batch)
    }

    pub(super) fn observe(&mut self, radio: RadioId, fix: Fix) -> (Observed, Vec<Event>) {
        let (observed, event) = self.engine.observe(self.now, radio, fix);
        self.replica.observe(self.now, radio, fix);
        self.replica.replayed();
        let mut batch: Vec<Event> = event.into_iter().collect();
        for event in &batch {
            self.engine.apply(self.now, event);
        }
        self.engine.settle(self.now, &mut batch);
        self.audit(&batch);
        (observed, batch)
    }

    /// Events the journal holds that no command of the test made.
    pub(super) fn told(&mut self, events: &[Event]) {
        for event in events {
            self.engine.apply(self.now, event);
        }
        self.audit(events);
    }

    /// Handles everything due; each tick must change what was due.
    pub(super) fn tick(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        for _ in 0..10_000 {
            let first = self.engine.index.deadlines.first();
            match first {
                Some((at, _)) if at <= self.now => {}
                _ => return all,
            }
            all.extend(self.execute(&Command::Tick).unwrap());
            let next = self.engine.index.deadlines.first();
            assert_ne!(next, first, "a tick changed nothing");
        }
        panic!("the ticks at {:?} never end: {all:?}", self.now);
    }

    /// A new process: the journal is all there is.
    pub(super) fn restart(&mut self) -> Vec<Event> {
        let mut fresh = Engine::new(self.engine.policy().clone());
        for (at, event) in &self.log {
            fresh.apply(*at, event);
        }
        fresh.replayed();
        assert_eq!(
            fresh.state(),
            self.engine.state(),
            "replay gave another state"
        );
        self.replica = fresh.clone();
        self.engine = fresh;
        self.execute(&Command::Resume).unwrap()
    }

    fn audit(&mut self, batch: &[Event]) {
        for event in batch {
            self.before(event);
            let owned = self.replica.state().calls.values();
            let owned: Vec<CallId> = owned
                .filter(|call| call.incident.is_some())
                .map(|call| call.id)
                .collect();
            self.replica.apply(self.now, event);
            let gone = |call: &CallId| !self.replica.state().calls.contains_key(call);
            self.forgotten.extend(owned.into_iter().filter(gone));
            self.replica.replayed();
            self.log.push((self.now, event.clone()));
            self.note_end(event);
        }
        let (live, replica) = (&self.engine, &self.replica);
        assert_eq!(live.state(), replica.state(), "replay gave another state");
        assert_eq!(live.state().ignored, 0, "an event was ignored: {batch:?}");
        assert_eq!(live.index.queue, replica.index.queue);
        assert_eq!(live.index.deadlines, replica.index.deadlines);
        assert_eq!(live.index.by_message, replica.index.by_message);
        assert!(!live.is_unsettled());
        self.nothing_lost();
        self.calls();
        self.units_and_slots();
        self.indexes();
        self.nobody_idle();
    }

    /// When incidents and calls end, as one would write it down from the events alone.
    fn note_end(&mut self, event: &Event) {
        match event {
            Event::IncidentReported { incident, .. }
            | Event::IncidentReopened { incident, .. }
            | Event::ReferralReturned { incident, .. } => {
                self.ended.insert(*incident, None);
            }
            Event::IncidentCancelled { incident, .. }
            | Event::IncidentResolved { incident, .. }
            | Event::IncidentMerged { incident, .. } => {
                self.ended.insert(*incident, Some(self.now));
            }
            Event::IncidentClosed { incident, .. } => {
                let ended = self.ended.entry(*incident).or_default();
                ended.get_or_insert(self.now);
            }
            Event::IncidentUndone { incident, act, .. } => {
                let referred = self.replica.state().incidents[incident].is_referred();
                if *act != ActKind::Close || referred {
                    self.ended.insert(*incident, None);
                }
            }
            Event::CallArrived { call, .. } => {
                self.calls.insert(*call, None);
            }
            Event::CallEnded { call } | Event::CallDismissed { call, .. } => {
                let ended = self.calls.entry(*call).or_default();
                ended.get_or_insert(self.now);
            }
            _ => {}
        }
    }

    /// Calls that are open, wait for a call-back or ended within a day are kept; each belongs to at
    /// most one incident, and both know it.
    fn calls(&self) {
        let state = self.engine.state();
        for (id, ended) in &self.calls {
            let recent = ended.is_some_and(|at| self.now.since_ms(at) <= Call::KEEP_ENDED_MS);
            let back = TaskKind::CallBack { call: *id };
            let alone = state
                .calls
                .get(id)
                .is_none_or(|call| call.incident.is_none());
            let kept = state.tasks_by_kind.contains_key(&back);
            let forgotten = self.forgotten.contains(id);
            assert!(
                state.calls.contains_key(id) || !(recent && alone || kept) || forgotten,
                "{id} is lost"
            );
        }
        let mut open = 0;
        for call in state.calls.values() {
            open += u32::from(call.phase.is_open());
            assert_eq!(call.ended_at.is_none(), call.phase.is_open());
            assert!(call.invalid.is_none() || call.incident.is_none());
            assert_eq!(call.invalid.is_some(), call.phase == CallPhase::Invalid);
            if let Some(incident) = call.incident {
                assert!(state.incidents[&incident].calls.contains(&call.id));
            }
        }
        assert_eq!(open, state.open_calls);
        let mut owner: BTreeMap<CallId, IncidentId> = BTreeMap::new();
        for incident in state.incidents.values() {
            assert!(incident.calls.len() <= Call::MAX_OF_INCIDENT);
            for call in &incident.calls {
                assert_eq!(owner.insert(*call, incident.id), None, "{call} has two");
                assert_eq!(state.calls[call].incident, Some(incident.id));
            }
            assert_eq!(
                incident.merged_into.is_some(),
                incident.phase == Phase::Merged
            );
            if incident.phase == Phase::Merged {
                assert!(incident.calls.is_empty());
                assert_eq!(state.open_assignments(incident).count(), 0);
            }
        }
        for (kind, id) in &state.tasks_by_kind {
            assert_eq!(state.tasks[id].kind, *kind);
        }
        assert_eq!(state.tasks.len(), state.tasks_by_kind.len());
    }

    /// What must hold just before an event.
    fn before(&self, event: &Event) {
        let state = self.replica.state();
        match event {
            Event::AssignmentOffered {
                assignment,
                incident,
                slot,
                unit,
                by,
                ..
            } => {
                let incident = &state.incidents[incident];
                assert_eq!(state.units[unit].state(), UnitState::Available);
                let filled = incident.slots.get(usize::from(*slot));
                assert!(filled.is_none_or(|slot| slot.filled_by.is_none()));
                if *by == By::Engine && !state.assignments.contains_key(assignment) {
                    self.best_choice(incident, incident.slots[usize::from(*slot)].need, *unit);
                }
            }
            Event::AssignmentExpired { assignment, .. } => {
                let found = &state.assignments[assignment];
                let told = self.replica.state().alarms.values().any(|alarm| {
                    alarm.about.assignment == Some(*assignment)
                        && matches!(alarm.kind, AlarmKind::NotDelivered | AlarmKind::NotAccepted)
                });
                assert!(told, "{found:?} expired in silence");
            }
            _ => {}
        }
    }

    /// The unit offered is the fastest that may go, and nothing graver waits that it could serve.
    fn best_choice(&self, incident: &Incident, need: Need, unit: UnitId) {
        let to = incident.report.point.unwrap();
        let fit = self.free(incident, need);
        let best = fit
            .iter()
            .map(|(unit, at)| (self.travel(*unit, *at, to), *unit));
        assert_eq!(
            best.min().unwrap().1,
            unit,
            "not the nearest for {}",
            incident.id
        );
        let rank = self.turn(incident).0;
        for other in self.replica.state().incidents.values() {
            let graver = self.turn(other).0 < rank && other.report.point.is_some();
            let could = other
                .missing()
                .any(|(_, need)| self.free(other, need).contains_key(&unit));
            assert!(
                !(graver && could),
                "{unit} goes to {} before {}",
                incident.id,
                other.id
            );
        }
    }

    fn turn(&self, incident: &Incident) -> Turn {
        turn(self.replica.policy().age_step_ms, self.now, incident)
    }

    fn travel(&self, unit: UnitId, at: Point, to: Point) -> u32 {
        let kind = self.replica.state().units[&unit].kind;
        travel_ms(self.replica.policy(), kind, at.distance_cm(to))
    }

    /// Units that could be offered for a slot of an incident, and where they are.
    fn free(&self, incident: &Incident, need: Need) -> BTreeMap<UnitId, Point> {
        let units = self.replica.state().units.values();
        let free = units.filter(|unit| {
            unit.state() == UnitState::Available
                && !incident.held.iter().any(|(held, _)| *held == unit.id)
        });
        free.filter_map(|unit| {
            let duty = unit.duty.as_ref()?;
            let placed = self.replica.index.spatial.placement(unit.id)?.point;
            let place = self
                .replica
                .positions()
                .of_unit(self.now, &duty.terminals)?;
            // A second terminal takes over with the unit's next fix, not by time alone.
            assert!(duty.terminals.len() > 1 || placed == place.point);
            duty.meets(need).then_some((unit.id, placed))
        })
        .collect()
    }

    /// No incident waits that a free unit could serve.
    fn nobody_idle(&self) {
        let waiting = self.replica.state().incidents.values();
        for incident in waiting.filter(|incident| incident.report.point.is_some()) {
            for (slot, need) in incident.missing() {
                let free = self.free(incident, need);
                assert!(
                    free.is_empty(),
                    "{} slot {slot} waits with {free:?} free",
                    incident.id
                );
            }
        }
    }

    fn nothing_lost(&self) {
        let state = self.engine.state();
        for (id, ended) in &self.ended {
            let kept = ended.is_none_or(|at| self.now.since_ms(at) <= State::KEEP_ENDED_MS);
            assert!(!kept || state.incidents.contains_key(id), "{id} is lost");
        }
        let open = state
            .incidents
            .values()
            .filter(|incident| incident.phase.is_open());
        assert_eq!(open.count(), usize::try_from(state.open_incidents).unwrap());
        for (id, incident) in &state.incidents {
            assert_eq!(self.ended[id], incident.ended_at);
            assert_eq!(incident.ended_at.is_none(), incident.phase.is_open());
        }
    }

    /// One active assignment a unit, one assignment a slot, and both agree.
    fn units_and_slots(&self) {
        let state = self.engine.state();
        let mut active: BTreeMap<UnitId, AssignmentId> = BTreeMap::new();
        let mut stacked: BTreeMap<UnitId, BTreeSet<AssignmentId>> = BTreeMap::new();
        for assignment in state.assignments.values() {
            let incident = &state.incidents[&assignment.incident];
            assert!(incident.assignments.contains(&assignment.id));
            let slots = incident.slots.iter();
            let fills = slots
                .filter(|slot| slot.filled_by == Some(assignment.id))
                .count();
            match assignment.rung {
                Rung::Stacked => {
                    assert_eq!(fills, 0);
                    stacked
                        .entry(assignment.unit)
                        .or_default()
                        .insert(assignment.id);
                }
                open if open.is_open() => {
                    let slot = &incident.slots[usize::from(assignment.slot)];
                    assert_eq!(slot.filled_by, Some(assignment.id));
                    assert_eq!(fills, 1);
                    assert_eq!(active.insert(assignment.unit, assignment.id), None);
                }
                Rung::Cleared => assert!(fills <= 1),
                _ => assert_eq!(fills, 0),
            }
            assert!(incident.phase.is_ours() || !assignment.rung.is_open());
        }
        for unit in state.units.values() {
            assert_eq!(unit.active, active.get(&unit.id).copied());
            assert_eq!(unit.stacked, stacked.remove(&unit.id).unwrap_or_default());
            assert!(unit.duty.is_some() || unit.active.is_none() && unit.stacked.is_empty());
            for radio in unit.duty.iter().flat_map(|duty| &duty.terminals) {
                assert_eq!(state.terminals[radio].holder, Some(unit.id));
            }
        }
    }

    /// Queue and deadlines as one would write them down from the state alone.
    fn indexes(&self) {
        let state = self.engine.state();
        let (mut deadlines, mut queue) = (Deadlines::default(), Queue::default());
        let mut turns: Vec<Turn> = Vec::new();
        for incident in state.incidents.values() {
            queue.set(incident);
            let waits = incident.missing().next().is_some();
            let lapses = incident.held.iter().map(|(_, until)| *until);
            let soonest = lapses.filter(|_| waits).chain([incident.review_at]).min();
            let reported = incident.phase == Phase::Reported;
            let referred = incident.phase == Phase::Referred && !incident.is_received();
            if waits || reported || referred {
                deadlines.set(Due::Incident(incident.id), soonest);
            }
            deadlines.set(Due::Feedback(incident.id), incident.feedback_due);
            turns.extend(waits.then(|| self.turn(incident)));
        }
        for assignment in state.assignments.values() {
            if assignment.rung.is_open() {
                deadlines.set(Due::Assignment(assignment.id), Some(assignment.deadline));
            }
        }
        for call in state.calls.values() {
            let rings = call.phase == CallPhase::Ringing;
            deadlines.set(Due::Call(call.id), rings.then_some(call.deadline));
        }
        for message in state.messages.values() {
            deadlines.set(Due::Message(message.no), Some(message.deadline));
        }
        assert_eq!(self.engine.index.deadlines, deadlines);
        assert_eq!(self.engine.index.queue, queue);
        turns.sort_unstable();
        assert_eq!(self.engine.queue(self.now).collect::<Vec<_>>(), turns);
    }
}
