//! Ring 1: the domain. Commands become events, events become state; nothing else happens here.
//!
//! ```text
//! decide(&self, now, &Command) -> Result<Vec<Event>, Rejection>     reads
//! apply(&mut self, at, &Event)                                      the only mutation, cannot fail
//! observe(&mut self, now, radio, fix)                               positions, beside the journal
//! next_deadline() -> Option<EngineTime>                             when to send Command::Tick
//! ```
//! What an event makes necessary (a freed unit looks for work, a declined offer for the next unit)
//! is decided in the same batch by [`Engine::execute`], one thing at a time, each on the state the
//! last one left. No clock, no I/O, no randomness, no floats, no hash order: same inputs, same
//! answer, everywhere.

pub mod alarm;
pub mod answer;
mod apply;
pub mod assignment;
pub mod command;
pub mod deadline;
mod decide;
pub mod event;
pub mod id;
pub mod incident;
mod index;
pub mod message;
pub mod policy;
pub mod position;
pub mod queue;
pub mod ranking;
pub mod rejection;
pub mod spatial;
pub mod state;
pub mod unit;

use command::Command;
use event::Event;
use id::{EngineTime, IncidentId, MessageNo, RadioId, UnitId};
use index::Index;
use policy::{Need, Policy};
use position::{Doubt, Fix, Observed, Positions};
use queue::Turn;
use ranking::{Fitness, Question, Ranking, Why};
use rejection::Rejection;
use state::State;
use std::collections::VecDeque;
use unit::UnitState;

/// What the last events made necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Todo {
    /// Fill what an incident misses, or take back what it needs no more.
    Place(IncidentId),
    /// Find work for a unit.
    Free(UnitId),
}

/// The engine: state, the policy it decides by, and where everybody is.
#[derive(Debug, Clone)]
pub struct Engine {
    policy: Policy,
    state: State,
    positions: Positions,
    index: Index,
    todo: VecDeque<Todo>,
}

impl Engine {
    /// An engine before its first event.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            state: State::default(),
            positions: Positions::default(),
            index: Index::default(),
            todo: VecDeque::new(),
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

    /// Decides what earlier events and positions made necessary.
    pub fn settle(&mut self, now: EngineTime, batch: &mut Vec<Event>) {
        while let Some(todo) = self.todo.pop_front() {
            let events = self.decide_todo(now, todo);
            self.take(now, events, batch);
        }
    }

    /// Whether [`Engine::settle`] has something to do.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        !self.todo.is_empty()
    }

    fn take(&mut self, now: EngineTime, events: Vec<Event>, batch: &mut Vec<Event>) {
        for event in events {
            self.apply(now, &event);
            batch.push(event);
        }
    }

    /// Forgets what replayed events would have made necessary: it stands in the journal already.
    pub fn replayed(&mut self) {
        self.todo.clear();
    }

    /// When to send [`Command::Tick`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<EngineTime> {
        self.index.deadlines.first().map(|(at, _)| at)
    }

    /// Takes a terminal's fix. A unit that becomes rankable by it finds work at the next
    /// [`Engine::settle`]; a doubtful fix is journalled once in a while, by the event returned.
    pub fn observe(
        &mut self,
        now: EngineTime,
        radio: RadioId,
        fix: Fix,
    ) -> (Observed, Option<Event>) {
        if !self.policy.terminals.contains(&radio) {
            return (Observed::Stranger, None);
        }
        let speed_cm_s = u64::from(self.policy.plausible_cm_s);
        let observed = self.positions.observe(now, radio, fix, speed_cm_s);
        match observed {
            Observed::Doubted(doubt) if doubt != Doubt::Stale => {
                let due = self.positions.note_doubt(now, radio);
                let event = Event::FixDoubted {
                    radio,
                    point: fix.point,
                    doubt,
                };
                (observed, due.then_some(event))
            }
            Observed::Taken => {
                self.touch_holder(now, radio);
                (observed, None)
            }
            _ => (observed, None),
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
        let need = need.or(first).unwrap_or_default();
        let to = found.report.point;
        let to = to.ok_or(Rejection::Invalid(
            "the incident has no position to rank from",
        ))?;
        let question = Question {
            as_of: self.state.seq,
            now,
            to,
            need,
        };
        Ok(ranking::rank(
            &self.policy,
            &self.index.spatial,
            question,
            |unit| self.fitness(now, found, unit, need),
        ))
    }

    /// What the state knows of a unit as a candidate for one slot of an incident.
    fn fitness(
        &self,
        now: EngineTime,
        incident: &incident::Incident,
        unit: UnitId,
        need: Need,
    ) -> Option<Fitness> {
        let found = self.state.units.get(&unit)?;
        let duty = found.duty.as_ref()?;
        let why_not = match found.state() {
            UnitState::OffDuty => return None,
            UnitState::OutOfService => Some(Why::OutOfService),
            UnitState::Committed => Some(Why::Committed),
            UnitState::Available if incident.holds(unit) => Some(Why::Held),
            UnitState::Available if !duty.skills.covers(need.skills) => Some(Why::LacksSkill),
            UnitState::Available if duty.sworn() < need.sworn => Some(Why::LacksSworn),
            UnitState::Available => None,
        };
        Some(Fitness {
            why_not,
            taken_at: self.positions.of_unit(now, &duty.terminals)?.taken_at,
            has_terminal: self.state.reachable(found).is_some(),
        })
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

    /// The open assignment or text a message counter belongs to, for the edge to match acks by.
    #[must_use]
    pub fn terminal_of(&self, message: MessageNo) -> Option<RadioId> {
        if let Some(assignment) = self.index.by_message.get(&message) {
            return self.state.assignments.get(assignment)?.terminal;
        }
        Some(self.state.messages.get(&message)?.radio)
    }
}
