//! Ring 1: the domain. Commands become events, events become state; nothing else happens here.
//!
//! ```text
//! decide(&self, now, &Command) -> Result<Vec<Event>, Rejection>     reads
//! apply(&mut self, at, &Event)                                      the only mutation, cannot fail
//! observe(&mut self, now, radio, fix, via)                          positions, beside the journal
//! hear(&mut self, now, radio, via)                                  evidence, beside it too
//! next_deadline() -> Option<EngineTime>                             when to send Command::Tick
//! ```
//! What an event makes necessary (a freed unit looks for work, a declined offer for the next unit)
//! is decided in the same batch by [`Engine::execute`], one thing at a time, each on the state the
//! last one left. No clock, no I/O, no randomness, no floats, no hash order: same inputs, same
//! answer, everywhere.

pub mod alarm;
pub mod answer;
mod apply;
mod apply_call;
mod apply_case;
mod apply_desk;
pub mod assignment;
pub mod call;
mod caller;
pub mod case;
pub mod claim;
pub mod command;
pub mod deadline;
mod decide;
pub mod detail;
pub mod emergency;
pub mod event;
pub mod id;
pub mod image;
pub mod incident;
mod index;
pub mod message;
mod pairs;
pub mod policy;
pub mod position;
pub mod proposal;
pub mod queue;
pub mod ranking;
pub mod rejection;
pub mod safety;
pub mod spatial;
pub mod state;
pub mod suspect;
pub mod task;
pub mod unit;

use crate::planted::{Planted, planted};
use call::Call;
use caller::SameCaller;
use command::Command;
use event::Event;
use id::{EngineTime, IncidentId, MessageNo, RadioId, UnitId};
use index::Index;
use policy::{Need, Policy};
use position::{Doubt, Fix, Observed, Positions};
use queue::Turn;
use ranking::{PassedOver, Question, Ranking, Why};
use rejection::Rejection;
use state::State;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use suspect::{Cause, Evidence, Via};

/// What the last events made necessary.
#[derive(Debug, Default, Clone)]
struct Todo {
    /// Terminals there is enough evidence against.
    suspect: BTreeMap<RadioId, Cause>,
    /// Units that may find work, each with the gravest it may hope for: among units freed together
    /// the gravest incident chooses first.
    free: BTreeSet<(Turn, UnitId)>,
    /// Incidents to fill, or to take back from what they need no more.
    place: VecDeque<IncidentId>,
    /// There is room for proposals again: the queue is looked through.
    refill: bool,
}

impl Todo {
    /// Finds work for a unit.
    fn free(&mut self, unit: UnitId) {
        let gravest = (0, EngineTime(0), IncidentId(0));
        self.free.insert((gravest, unit));
    }

    /// Looks at an incident.
    fn place(&mut self, incident: IncidentId) {
        self.place.push_back(incident);
    }
}

/// The engine: state, the policy it decides by, and where everybody is.
#[derive(Debug, Clone)]
pub struct Engine {
    policy: Policy,
    state: State,
    positions: Positions,
    evidence: Evidence,
    index: Index,
    todo: Todo,
}

impl Engine {
    /// An engine before its first event.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            state: State::default(),
            positions: Positions::default(),
            evidence: Evidence::default(),
            index: Index::default(),
            todo: Todo::default(),
        }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The journalled state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where the terminals are.
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Decides `command`, applies what comes of it, and settles what that makes necessary. The
    /// events, appended to `batch`, are one batch of the journal.
    ///
    /// # Errors
    /// A [`Rejection`] when the command cannot be taken; then nothing changed.
    pub fn execute(
        &mut self,
        now: EngineTime,
        command: &Command,
        batch: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let events = self.decide(now, command)?;
        self.take(now, events, batch);
        self.settle(now, batch);
        Ok(())
    }

    /// Whether [`Engine::tidy`] has something to do.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.index.spatial.is_untidy()
    }

    /// Puts the indexes in order when there is time. It changes no answer, only its cost.
    pub fn tidy(&mut self) {
        self.index.spatial.tidy();
    }

    /// Decides what earlier events and positions made necessary.
    pub fn settle(&mut self, now: EngineTime, batch: &mut Vec<Event>) {
        loop {
            let events = if let Some((radio, cause)) = self.todo.suspect.pop_first() {
                self.decide_suspect(now, radio, cause)
            } else if let Some((known, unit)) = self.todo.free.pop_first() {
                self.employ(now, unit, known)
            } else if let Some(incident) = self.todo.place.pop_front() {
                self.decide_place(now, incident)
            } else if std::mem::take(&mut self.todo.refill) {
                self.refill(now)
            } else {
                return;
            };
            self.take(now, events, batch);
        }
    }

    /// Finds work for a unit, unless another may have graver; `known` is the turn it found before.
    fn employ(&mut self, now: EngineTime, unit: UnitId, known: Turn) -> Vec<Event> {
        let Some((turn, work)) = self.work_for(now, unit) else {
            return Vec::new();
        };
        let events = if turn <= known {
            self.decide_work(now, unit, work)
        } else {
            Vec::new()
        };
        // The work may go to somebody nearer: it looks until it finds nothing more.
        if turn > known || !events.is_empty() {
            self.todo.free.insert((turn, unit));
        }
        events
    }

    /// Proposes for the next incident that waits without, and looks again until there is none.
    fn refill(&mut self, now: EngineTime) -> Vec<Event> {
        let events = self.decide_refill(now);
        self.todo.refill = !events.is_empty();
        events
    }

    /// Whether [`Engine::settle`] has something to do.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let idle = self.todo.free.is_empty() && self.todo.place.is_empty();
        !idle || self.todo.refill || !self.todo.suspect.is_empty()
    }

    fn take(&mut self, now: EngineTime, events: Vec<Event>, batch: &mut Vec<Event>) {
        for event in events {
            self.apply(now, &event);
            batch.push(event);
        }
    }

    /// Forgets what replayed events would have made necessary: it stands in the journal already.
    pub fn replayed(&mut self) {
        self.todo = Todo::default();
        if planted(Planted::TimerLost) {
            self.index.deadlines = deadline::Deadlines::default();
        }
        if planted(Planted::KeyForgotten) {
            self.state.answers = answer::Answers::default();
        }
    }

    /// When to send [`Command::Tick`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<EngineTime> {
        self.index.deadlines.first().map(|(at, _)| at)
    }

    /// Takes a terminal's fix. A unit that becomes rankable by it finds work at the next
    /// [`Engine::settle`]; a doubtful fix is journalled once in a while, by the event returned.
    /// `via` is where it was heard, if that is known.
    pub fn observe(
        &mut self,
        now: EngineTime,
        radio: RadioId,
        fix: Fix,
        via: Option<Via<'_>>,
    ) -> (Observed, Option<Event>) {
        if !self.policy.terminals.contains(&radio) {
            return (Observed::Stranger, None);
        }
        let speed_cm_s = u64::from(self.policy.plausible_cm_s);
        let observed = match self.is_suspect(radio) {
            true => Observed::Doubted(Doubt::Suspect),
            false => self.positions.observe(now, radio, fix, speed_cm_s),
        };
        self.weigh(now, radio, fix, (observed, via));
        match observed {
            Observed::Doubted(doubt) => {
                let due = self.positions.note_doubt(now, radio, (fix, doubt));
                let event = Event::FixDoubted {
                    radio,
                    point: fix.point,
                    doubt,
                };
                (observed, due.then_some(event))
            }
            Observed::Taken => {
                self.touch_holder(now, radio);
                if let Some(incident) = self.state.emergencies.get(&radio) {
                    self.todo.place(*incident);
                }
                (observed, None)
            }
            Observed::Stranger => (observed, None),
        }
    }

    /// The best units for what an incident misses first, or for `need` if given.
    ///
    /// # Errors
    /// When there is no such incident, or it has no position.
    pub fn rank(
        &self,
        now: EngineTime,
        incident: IncidentId,
        need: Option<Need>,
    ) -> Result<Ranking, Rejection> {
        let found = self.state.incident(incident)?;
        let first = found.missing().next().map(|(_, need)| need);
        self.rank_without(now, found, need.or(first).unwrap_or_default(), &[])
    }

    /// The same, passing over units that other slots take in this decision.
    fn rank_without(
        &self,
        now: EngineTime,
        incident: &incident::Incident,
        need: Need,
        taken: &[UnitId],
    ) -> Result<Ranking, Rejection> {
        let to = incident.report.point.ok_or(Rejection::Invalid(
            "the incident has no position to rank from",
        ))?;
        let question = Question {
            as_of: self.state.seq,
            now,
            to,
            need,
        };
        let held = |unit| match taken.contains(&unit) {
            true => Some(Why::Taken),
            false => incident.holds(unit).then_some(Why::Held),
        };
        let mut ranking = ranking::rank(&self.policy, &self.index.spatial, question, held);
        let room = Ranking::MAX_PASSED.saturating_sub(ranking.passed_over.len());
        let unplaced = self.index.unplaced.iter().take(room);
        ranking.passed_over.extend(unplaced.map(|unit| PassedOver {
            unit: *unit,
            travel_ms: u32::MAX,
            why: Why::NoPosition,
        }));
        Ok(ranking)
    }

    /// Incidents that wait, in the order they are served.
    pub fn queue(&self, now: EngineTime) -> impl Iterator<Item = Turn> {
        self.index
            .queue
            .in_order(self.policy.age_step_ms, now, |_| true)
    }

    /// How many incidents wait, by grade, and since when the oldest does.
    #[must_use]
    pub fn waiting(&self) -> [(usize, Option<EngineTime>); 4] {
        self.index.queue.by_grade()
    }

    /// A call among those of its number that wait for somebody; none when it waits no more.
    #[must_use]
    pub fn same_caller(&self, call: &Call) -> Option<SameCaller> {
        self.index.callers.of(call)
    }

    /// How many calls of a number wait for somebody.
    #[must_use]
    pub fn waiting_of_caller(&self, caller: &str) -> usize {
        self.index.callers.waiting(caller)
    }

    /// Numbers of which so many calls wait that it is a flood.
    #[must_use]
    pub fn flooding(&self) -> &BTreeSet<String> {
        self.index.callers.flooding()
    }

    /// The open assignment or text a message counter belongs to, for the edge to match acks by.
    #[must_use]
    pub fn terminal_of(&self, message: MessageNo) -> Option<RadioId> {
        if let Some(assignment) = self.index.by_message.get(&message) {
            return self.state.assignments.get(assignment)?.terminal;
        }
        Some(self.state.messages.get(&message)?.radio)
    }
}

#[cfg(test)]
mod tests;
