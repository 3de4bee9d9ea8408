//! What the journal says: everything that replay must give back bit for bit.
//!
//! Indexes over it (queue, deadlines, R-trees) live beside it in [`super::Engine`]; positions too.

use super::alarm::{About, Alarm, AlarmKind};
use super::answer::Answers;
use super::assignment::Assignment;
use super::call::{Call, CallCounts};
use super::claim::{Claim, Desk};
use super::detail::{LinkName, Peer};
use super::id::{
    AlarmId, AssignmentId, CallId, EngineTime, IncidentId, MessageNo, ProposalId, RadioId, TaskId,
    UnitId,
};
use super::incident::Incident;
use super::message::{Message, Request};
use super::proposal::Proposals;
use super::rejection::Rejection;
use super::suspect::Suspect;
use super::task::{Task, TaskKind};
use super::unit::Unit;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The last id of each kind given out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Of incidents.
    pub incident: u32,
    /// Of assignments.
    pub assignment: u32,
    /// Of alarms.
    pub alarm: u32,
    /// Of messages on the air; 28 bits, 1 follows the largest.
    pub message: u32,
    /// Of tasks.
    pub task: u32,
    /// Of proposals.
    pub proposal: u32,
    /// Of calls.
    pub call: u32,
    /// Of feedback forms.
    pub feedback: u32,
}

impl Counters {
    /// The next assignment id.
    pub(super) fn next_assignment(&mut self) -> AssignmentId {
        self.assignment += 1;
        AssignmentId(self.assignment)
    }

    /// The next alarm id.
    pub(super) fn next_alarm(&mut self) -> AlarmId {
        self.alarm += 1;
        AlarmId(self.alarm)
    }

    /// The next task id.
    pub(super) fn next_task(&mut self) -> TaskId {
        self.task += 1;
        TaskId(self.task)
    }

    /// The next proposal id.
    pub(super) fn next_proposal(&mut self) -> ProposalId {
        self.proposal += 1;
        ProposalId(self.proposal)
    }

    /// The next message counter.
    pub(super) fn next_message(&mut self) -> MessageNo {
        self.message = self.message % Request::MAX_MESSAGE + 1;
        MessageNo(self.message)
    }
}

/// A terminal of the config as the air knows it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Gateway and slot it registered through, none while off the air.
    pub via: Option<(String, u8)>,
    /// The unit that holds it.
    pub holder: Option<UnitId>,
}

/// The journalled state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Events applied so far.
    pub seq: u64,
    /// Time of the last one.
    pub at: EngineTime,
    /// Hash of the config in force.
    pub policy_hash: [u8; 32],
    /// Last ids.
    pub counters: Counters,
    /// Open incidents, those that wait for their closing, and those closed within 24 h.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// Their assignments.
    pub assignments: BTreeMap<AssignmentId, Assignment>,
    /// The register. Boxed, because a map that grows in order keeps half its places empty.
    pub units: BTreeMap<UnitId, Box<Unit>>,
    /// Units by call sign.
    pub call_signs: BTreeMap<String, UnitId>,
    /// Terminals that were ever on the air or held by a unit.
    pub terminals: BTreeMap<RadioId, Terminal>,
    /// Peers of the gateways' links, as many as the config has links.
    #[serde(with = "super::pairs")]
    pub links: BTreeMap<LinkName, Peer>,
    /// Radio ids the config does not know, as many as [`State::MAX_STRANGERS`].
    pub strangers: BTreeSet<RadioId>,
    /// Terminals of the config that are not believed.
    pub suspects: BTreeMap<RadioId, Suspect>,
    /// Texts on their way.
    pub messages: BTreeMap<MessageNo, Message>,
    /// Alarms not acknowledged.
    pub alarms: BTreeMap<AlarmId, Alarm>,
    /// The same by cause, so that a repeat is counted.
    #[serde(with = "super::pairs")]
    pub alarms_by_cause: BTreeMap<(AlarmKind, About), AlarmId>,
    /// Tasks not done, as many as [`State::MAX_TASKS`].
    pub tasks: BTreeMap<TaskId, Task>,
    /// The same by cause, so that nothing is asked for twice.
    #[serde(with = "super::pairs")]
    pub tasks_by_cause: BTreeMap<(TaskKind, About), TaskId>,
    /// Open emergencies by terminal, at most one each.
    pub emergencies: BTreeMap<RadioId, IncidentId>,
    /// Rankings put to the desks, in recommend mode.
    pub proposals: Proposals,
    /// Who works which incident.
    pub claims: BTreeMap<IncidentId, Claim>,
    /// Answers given, by key.
    pub answers: Answers,
    /// Incidents still open.
    pub open_incidents: u32,
    /// Incidents that are resolved and not closed yet, at most [`State::MAX_UNCLOSED`].
    pub unclosed: BTreeSet<IncidentId>,
    /// Closed and cancelled incidents in the order they will be forgotten.
    pub ended: VecDeque<(EngineTime, IncidentId)>,
    /// Open calls and those kept.
    pub calls: BTreeMap<CallId, Call>,
    /// Calls ringing or answered.
    pub open_calls: u32,
    /// Ended calls in the order they will be forgotten.
    pub ended_calls: VecDeque<(EngineTime, CallId)>,
    /// How many there ever were.
    pub call_counts: CallCounts,
    /// Events about things the state does not know: counted, otherwise ignored.
    pub ignored: u64,
}

impl State {
    /// How long a closed or cancelled incident stays, milliseconds.
    pub const KEEP_ENDED_MS: u64 = 24 * 3_600_000;
    /// Most incidents that wait for their closing; beyond it the oldest is forgotten here and
    /// stays in the archive.
    pub const MAX_UNCLOSED: usize = 20_000;
    /// Most unknown radio ids remembered.
    pub const MAX_STRANGERS: usize = 10_000;
    /// Most alarms open at once; the oldest that is not urgent makes room.
    pub const MAX_ALARMS: usize = 10_000;

    /// An incident by id.
    pub fn incident(&self, id: IncidentId) -> Result<&Incident, Rejection> {
        self.incidents
            .get(&id)
            .ok_or(Rejection::UnknownIncident(id))
    }

    /// A call by id.
    pub fn call(&self, id: CallId) -> Result<&Call, Rejection> {
        self.calls.get(&id).ok_or(Rejection::UnknownCall(id))
    }

    /// When somebody first called about an incident; its report when no call is recorded.
    #[must_use]
    pub fn first_call_at(&self, incident: &Incident) -> EngineTime {
        let calls = incident.calls.iter().filter_map(|id| self.calls.get(id));
        let first = calls.map(|call| call.ring.called_at).min();
        first.map_or(incident.reported_at, |at| at.min(incident.reported_at))
    }

    /// The incident an id means now: the last survivor, where it was merged.
    #[must_use]
    pub fn survivor(&self, id: IncidentId) -> IncidentId {
        let mut found = id;
        // A survivor was there before it was joined, so a chain is no longer than the incidents.
        for _ in 0..self.incidents.len() {
            let next = self.incidents.get(&found);
            match next.and_then(|incident| incident.merged_into) {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }

    /// An assignment by id.
    pub fn assignment(&self, id: AssignmentId) -> Result<&Assignment, Rejection> {
        self.assignments
            .get(&id)
            .ok_or(Rejection::UnknownAssignment(id))
    }

    /// A unit by id.
    pub fn unit(&self, id: UnitId) -> Result<&Unit, Rejection> {
        self.units
            .get(&id)
            .map(Box::as_ref)
            .ok_or(Rejection::UnknownUnit(id))
    }

    /// Open assignments of an incident, by id; stacked ones too.
    pub fn open_assignments<'a>(
        &'a self,
        incident: &'a Incident,
    ) -> impl Iterator<Item = &'a Assignment> {
        let of = incident.assignments.iter();
        of.filter_map(|id| self.assignments.get(id))
            .filter(|found| found.rung.is_open())
    }

    /// Incidents a desk claims.
    pub fn claims_of<'a>(&'a self, desk: &'a Desk) -> impl Iterator<Item = IncidentId> + 'a {
        let own = self.claims.iter();
        own.filter(|(_, claim)| claim.renew_by.is_none() && claim.desk == *desk)
            .map(|(incident, _)| *incident)
    }

    /// The first terminal of a unit that is on the air and believed.
    #[must_use]
    pub fn reachable(&self, unit: &Unit) -> Option<RadioId> {
        let terminals = &unit.duty.as_ref()?.terminals;
        let usable = |radio: &&RadioId| self.is_usable(**radio);
        terminals.iter().find(usable).copied()
    }

    /// The registered terminal whose turn it is after `last`, in the unit's order and round again;
    /// `last` itself when no other is on the air.
    #[must_use]
    pub fn next_reachable(&self, unit: &Unit, last: Option<RadioId>) -> Option<RadioId> {
        let terminals = &unit.duty.as_ref()?.terminals;
        let after = terminals.iter().position(|radio| Some(*radio) == last);
        let from = after.map_or(0, |last| last + 1);
        let in_turn = terminals.iter().cycle().skip(from).take(terminals.len());
        let mut usable = in_turn.filter(|radio| self.is_usable(**radio));
        usable.next().copied()
    }

    /// On the air, and believed: who says that a suspect has a text?
    fn is_usable(&self, radio: RadioId) -> bool {
        self.gateway_of(radio).is_some() && !self.suspects.contains_key(&radio)
    }

    /// Gateway and slot through which a terminal can be reached.
    #[must_use]
    pub fn gateway_of(&self, radio: RadioId) -> Option<(&str, u8)> {
        let (gateway, slot) = self.terminals.get(&radio)?.via.as_ref()?;
        Some((gateway.as_str(), *slot))
    }

    /// The unit that holds a terminal.
    #[must_use]
    pub fn holder(&self, radio: RadioId) -> Option<&Unit> {
        self.units
            .get(&self.terminals.get(&radio)?.holder?)
            .map(Box::as_ref)
    }
}
