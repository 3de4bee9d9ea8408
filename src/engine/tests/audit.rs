//! An independent auditor: it sees the events of each batch one by one, keeps a replica fed by
//! `apply` alone, and works everything else out the slow way.

use crate::engine::Engine;
use crate::engine::alarm::AlarmKind;
use crate::engine::assignment::Rung;
use crate::engine::call::{Call, CallEvent, CallPhase};
use crate::engine::case::{ActKind, CaseEvent};
use crate::engine::command::Command;
use crate::engine::deadline::{Deadlines, Due};
use crate::engine::event::{By, Event};
use crate::engine::id::{AssignmentId, CallId, EngineTime, IncidentId, Point, RadioId, UnitId};
use crate::engine::image::Image;
use crate::engine::incident::{Incident, Phase};
use crate::engine::policy::{Mode, Need, Policy};
use crate::engine::position::{Fix, Observed};
use crate::engine::proposal::{Over, Proposals};
use crate::engine::queue::{Queue, Turn, turn};
use crate::engine::ranking::travel_ms;
use crate::engine::rejection::Rejection;
use crate::engine::state::State;
use crate::engine::suspect::{SuspectEvent, Via};
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
    /// Closed or cancelled: forgotten a day later.
    closed: BTreeMap<IncidentId, EngineTime>,
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
            closed: BTreeMap::new(),
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
        suspect_is_kept_back(&before.0, command, &batch);
        self.audit(&batch);
        Ok(batch)
    }

    /// Tells the engine something that is beside the journal, and settles what comes of it.
    pub(super) fn tell<T>(&mut self, what: impl Fn(&mut Engine) -> T) -> (T, Vec<Event>) {
        let answer = what(&mut self.engine);
        what(&mut self.replica);
        self.replica.replayed();
        let mut batch = Vec::new();
        self.engine.settle(self.now, &mut batch);
        self.audit(&batch);
        (answer, batch)
    }

    pub(super) fn observe(
        &mut self,
        radio: RadioId,
        fix: Fix,
        via: Option<Via<'_>>,
    ) -> (Observed, Vec<Event>) {
        let (observed, event) = self.engine.observe(self.now, radio, fix, via);
        self.replica.observe(self.now, radio, fix, via);
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
        self.restart_in(None)
    }

    /// The same with another mode in the config.
    pub(super) fn restart_in(&mut self, mode: Option<Mode>) -> Vec<Event> {
        let mut policy = self.engine.policy().clone();
        policy.mode = mode.unwrap_or(policy.mode);
        self.restart_with(policy)
    }

    /// The same with another config.
    pub(super) fn restart_with(&mut self, policy: Policy) -> Vec<Event> {
        let mut fresh = Engine::new(policy);
        for (at, event) in &self.log {
            fresh.apply(*at, event);
        }
        fresh.replayed();
        assert_eq!(
            fresh.state(),
            self.engine.state(),
            "replay gave another state"
        );
        self.check_snapshot(&fresh);
        self.replica = fresh.clone();
        self.engine = fresh;
        self.execute(&Command::Resume).unwrap()
    }

    /// A snapshot of any moment and the events behind it give what all events give.
    fn check_snapshot(&self, full: &Engine) {
        let policy = full.policy();
        let (before, behind) = self.log.split_at(self.log.len() / 2);
        let mut engine = Engine::new(policy.clone());
        for (at, event) in before {
            engine.apply(*at, event);
        }
        let bytes = postcard::to_allocvec(&engine.image()).unwrap();
        let image: Image = postcard::from_bytes(&bytes).unwrap();
        let mut restored = Engine::restored(policy.clone(), image);
        assert_eq!(
            restored.state(),
            engine.state(),
            "a snapshot lost something"
        );
        assert_eq!(restored.index.deadlines, engine.index.deadlines);
        assert_eq!(restored.index.queue, engine.index.queue);
        for (at, event) in behind {
            restored.apply(*at, event);
        }
        assert_eq!(restored.state(), full.state(), "snapshot and tail differ");
        assert_eq!(restored.index.queue, full.index.queue);
        assert_eq!(restored.index.deadlines, full.index.deadlines);
        assert_eq!(restored.index.by_message, full.index.by_message);
        assert_eq!(restored.positions.places(), full.positions.places());
        for terminals in full
            .state()
            .units
            .values()
            .filter_map(|unit| unit.duty.as_ref())
        {
            let place = |of: &Engine| of.positions.of_unit(self.now, &terminals.terminals);
            assert_eq!(place(&restored), place(full));
        }
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
        self.emergencies();
        self.tasks();
        self.indexes();
        match self.engine.policy().mode {
            Mode::Auto => self.nobody_idle(),
            Mode::Recommend => self.everybody_proposed(),
        }
        self.proposals_hold();
        for (incident, claim) in &self.engine.state().claims {
            let phase = self.engine.state().incidents[incident].phase;
            assert!(
                !matches!(phase, Phase::Closed | Phase::Cancelled),
                "{claim:?}"
            );
        }
    }

    /// When incidents and calls end, as one would write it down from the events alone.
    fn note_end(&mut self, event: &Event) {
        match event {
            Event::IncidentReported { incident, .. }
            | Event::Case(
                CaseEvent::Reopened { incident, .. } | CaseEvent::ReferralReturned { incident, .. },
            ) => {
                self.ended.insert(*incident, None);
                self.closed.remove(incident);
            }
            Event::IncidentResolved { incident, .. } => {
                self.ended.insert(*incident, Some(self.now));
            }
            Event::IncidentCancelled { incident, .. }
            | Event::Case(CaseEvent::Merged { incident, .. })
            | Event::IncidentClosed { incident, .. } => {
                let ended = self.ended.entry(*incident).or_default();
                ended.get_or_insert(self.now);
                self.closed.insert(*incident, self.now);
            }
            Event::Case(CaseEvent::Undone { incident, act, .. }) => {
                let referred = self.replica.state().incidents[incident].is_referred();
                if *act != ActKind::Close || referred {
                    self.ended.insert(*incident, None);
                }
                self.closed.remove(incident);
            }
            Event::Call(CallEvent::Arrived { call, .. }) => {
                self.calls.insert(*call, None);
            }
            Event::Call(
                CallEvent::Ended { call }
                | CallEvent::Dismissed { call, .. }
                | CallEvent::Abandoned { call },
            ) => {
                let ended = self.calls.entry(*call).or_default();
                ended.get_or_insert(self.now);
            }
            Event::Call(CallEvent::CalledBack { call, .. }) => {
                self.calls.insert(*call, Some(self.now));
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
            let alone = state
                .calls
                .get(id)
                .is_none_or(|call| call.incident.is_none());
            let kept = state.calling_back(*id).is_some();
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
        for (cause, id) in &state.tasks_by_cause {
            let task = &state.tasks[id];
            assert_eq!((task.kind, task.about), *cause);
        }
        assert_eq!(state.tasks.len(), state.tasks_by_cause.len());
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
                offer,
                by,
                ..
            } => {
                self.believed(offer.terminal);
                let incident = &state.incidents[incident];
                assert_eq!(state.units[unit].state(), UnitState::Available);
                assert_eq!(
                    state.units[unit].emergency, None,
                    "it calls for help itself"
                );
                let filled = incident.slots.get(usize::from(*slot));
                assert!(filled.is_none_or(|slot| slot.filled_by.is_none()));
                let is_promoted = state.assignments.contains_key(assignment);
                let recommends = self.engine.policy().mode == Mode::Recommend;
                let commanded = *by != By::Engine || is_promoted;
                assert!(
                    commanded || !recommends,
                    "{unit} was offered without a command"
                );
                if *by == By::Engine && !is_promoted {
                    self.best_choice(incident, incident.slots[usize::from(*slot)].need, *unit);
                }
            }
            // A cancel from the air, or silence, ends none: a person does, or its back-up's end.
            Event::IncidentResolved { incident, by } if *by == By::Engine => {
                let open = self
                    .replica
                    .state()
                    .open_assignments(&state.incidents[incident]);
                assert_eq!(open.count(), 0, "{incident} was given up");
            }
            Event::IncidentResolved { by, .. } | Event::IncidentCancelled { by, .. } => {
                assert!(matches!(by, By::User(_)), "a radio ended an incident");
            }
            Event::ProposalMade {
                incident,
                slot,
                ranking,
                deadline,
                ..
            } => {
                assert!(state.proposals.of_slot(*incident, *slot).is_none());
                assert!(*deadline > self.now);
                let found = &state.incidents[incident];
                let fit = self.unproposed(found, ranking.need);
                let to = found.report.point.unwrap();
                let fit = fit
                    .iter()
                    .map(|(unit, at)| (self.travel(*unit, *at, to), *unit));
                assert_eq!(fit.min().map(|best| best.1), ranking.first());
            }
            Event::ProposalEnded { proposal, why } => {
                let found = state.proposals.by_id(*proposal).unwrap();
                let incident = &state.incidents[&found.incident];
                let asked = (found.slot, found.ranking.need);
                let may_go = self.free(incident, asked.1).contains_key(&found.unit);
                // Never because somebody nearer drove by.
                match why {
                    Over::UnitGone => assert!(!may_go, "{found:?} was taken away"),
                    Over::SlotFilled => assert!(incident.missing().all(|it| it != asked)),
                    Over::IncidentEnded => assert!(!incident.phase.is_ours()),
                    Over::Answered => {}
                }
            }
            Event::AssignmentRetried { terminal, .. } => self.believed(Some(*terminal)),
            Event::AssignmentAdvanced {
                by: By::Radio(radio),
                ..
            }
            | Event::AssignmentDeclined {
                by: By::Radio(radio),
                ..
            }
            | Event::TerminalRegistered { radio, .. }
            | Event::TerminalLost { radio } => self.believed(Some(*radio)),
            Event::MessageDelivered { message } => {
                self.believed(Some(state.messages[message].radio));
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

    /// Nobody is told anything by a suspect terminal, and it moves nothing.
    fn believed(&self, radio: Option<RadioId>) {
        let suspects = &self.replica.state().suspects;
        assert!(radio.is_none_or(|radio| !suspects.contains_key(&radio)));
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
                && unit.emergency.is_none()
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

    /// Units that could be proposed for a slot: those no other slot of the incident has.
    fn unproposed(&self, incident: &Incident, need: Need) -> BTreeMap<UnitId, Point> {
        let mut free = self.free(incident, need);
        for proposal in self.replica.state().proposals.of(incident.id) {
            free.remove(&proposal.unit);
        }
        free
    }

    /// Each slot that misses a unit somebody could be has its proposal.
    fn everybody_proposed(&self) {
        let state = self.replica.state();
        if state.proposals.len() >= Proposals::MAX {
            return;
        }
        let waiting = state.incidents.values();
        for incident in waiting.filter(|incident| incident.report.point.is_some()) {
            for (slot, need) in incident.missing() {
                let proposed = state.proposals.of_slot(incident.id, slot).is_some();
                let free = self.unproposed(incident, need);
                assert!(
                    proposed || free.is_empty(),
                    "{} slot {slot} has no proposal with {free:?} free",
                    incident.id
                );
            }
        }
    }

    /// An open proposal is for a slot that is missing, of a unit that may go, and has a deadline.
    fn proposals_hold(&self) {
        let state = self.replica.state();
        let recommends = self.engine.policy().mode == Mode::Recommend;
        assert!(recommends || state.proposals.is_empty());
        assert!(state.proposals.len() <= Proposals::MAX_GRAVE);
        for found in state.proposals.iter() {
            let incident = &state.incidents[&found.incident];
            let asked = (found.slot, found.ranking.need);
            assert!(
                incident.missing().any(|missing| missing == asked),
                "{found:?}"
            );
            assert!(
                self.free(incident, asked.1).contains_key(&found.unit),
                "{found:?}"
            );
            let twice = state
                .proposals
                .of(incident.id)
                .filter(|it| it.unit == found.unit);
            assert_eq!(twice.count(), 1);
        }
    }

    fn nothing_lost(&self) {
        let state = self.engine.state();
        for id in self.ended.keys() {
            let closed = self.closed.get(id);
            let kept = closed.is_none_or(|at| self.now.since_ms(*at) <= State::KEEP_ENDED_MS);
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

    /// One open emergency a terminal, each rank 0, and each unit marked with its first.
    fn emergencies(&self) {
        let state = self.engine.state();
        let mut by_radio = BTreeMap::new();
        let mut by_unit: BTreeMap<UnitId, IncidentId> = BTreeMap::new();
        for (id, incident) in &state.incidents {
            let Some(emergency) = &incident.emergency else {
                assert!(!incident.phase.is_open() || self.turn(incident).0 > 0);
                continue;
            };
            assert_eq!(self.turn(incident).0, 0);
            if incident.phase.is_open() {
                assert_eq!(by_radio.insert(emergency.radio, *id), None);
                if let Some(unit) = emergency.unit {
                    by_unit.entry(unit).or_insert(*id);
                }
                for open in state.open_assignments(incident) {
                    assert!(emergency.unit != Some(open.unit) || open.rung == Rung::Stacked);
                }
            }
        }
        assert_eq!(state.emergencies, by_radio);
        for unit in state.units.values() {
            assert_eq!(unit.emergency, by_unit.get(&unit.id).copied());
        }
        let ranks = self.engine.queue(self.now).map(|(rank, _, _)| rank);
        assert!(ranks.is_sorted(), "rank 0 first");
    }

    /// Whoever waits for a call has a task, until the call is made or not needed.
    fn tasks(&self) {
        let state = self.engine.state();
        let voice = state.tasks.iter();
        for (id, task) in voice.filter(|(_, task)| task.kind == TaskKind::Voice) {
            let assignment = &state.assignments[&task.about.assignment.unwrap()];
            assert_eq!(assignment.task, Some(*id));
            assert_eq!(assignment.rung, Rung::Offered);
        }
        let offered = state.assignments.values();
        let by_voice = offered.filter(|it| it.rung == Rung::Offered && it.terminal.is_none());
        for assignment in by_voice {
            let task = assignment.task.unwrap();
            assert!(
                state.tasks.contains_key(&task),
                "nobody is told of {assignment:?}"
            );
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
            if let Some(safety) = assignment.safety {
                assert_eq!(assignment.rung, Rung::OnScene, "only there");
                deadlines.set(Due::Safety(assignment.id), Some(safety.deadline));
            }
        }
        for proposal in state.proposals.iter() {
            deadlines.set(Due::Proposal(proposal.id), Some(proposal.deadline));
        }
        for (incident, claim) in &state.claims {
            deadlines.set(Due::Claim(*incident), claim.renew_by);
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

/// What a suspect terminal sends is kept, and changes nothing but the count of it; a call for help
/// is loud all the same, and nobody's is suppressed.
fn suspect_is_kept_back(before: &State, command: &Command, batch: &[Event]) {
    let radio = match command {
        Command::RecordDelivery { radio, .. }
        | Command::RecordText { radio, .. }
        | Command::RecordReplay { radio, .. }
        | Command::RecordEmergency { radio }
        | Command::RecordEmergencyCancel { radio }
        | Command::RecordRegistration { radio, .. } => radio,
        _ => return,
    };
    let loud = |event: &Event| {
        let raised =
            matches!(event, Event::AlarmRaised { kind, .. } if *kind == AlarmKind::NeedHelp);
        raised || matches!(event, Event::AlarmRepeated { .. })
    };
    if matches!(command, Command::RecordEmergency { .. }) {
        assert!(batch.iter().any(loud), "nobody hears {command:?}");
    }
    if !before.suspects.contains_key(radio) {
        return;
    }
    let harmless = |event: &Event| {
        let kept = matches!(
            event,
            Event::TextReceived { .. }
                | Event::EmergencyRepeated { .. }
                | Event::Suspect(SuspectEvent::Ignored { .. })
        );
        kept || loud(event)
    };
    assert!(batch.iter().all(harmless), "{command:?} changed something");
}
