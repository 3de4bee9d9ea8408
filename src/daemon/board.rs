//! The board every console sees: a snapshot in pages, then gapless deltas, and positions.
//!
//! A delta holds whole objects as they are now, so a console replaces what it has by id and can
//! never add up wrongly. Positions are not deltas: they are coalesced and may be dropped.

use super::notice::{Delta, Item, Moved, Page, Positions, TextView};
use super::rpc;
use super::view::{SuspectView, Views};
use crate::engine::call::CallEvent;
use crate::engine::case::CaseEvent;
use crate::engine::event::Event;
use crate::engine::id::{
    AlarmId, AssignmentId, CallId, IncidentId, ProposalId, RadioId, TaskId, UnitId,
};
use crate::engine::incident::Phase;
use crate::engine::suspect::SuspectEvent;
use bytes::Bytes;
use serde_json::value::to_raw_value;
use std::collections::BTreeSet;

/// Largest page of a snapshot, bytes.
pub const MAX_PAGE: usize = 64 * 1024;

/// What a batch changed, to be told in one delta.
#[derive(Debug, Default)]
pub struct Touched {
    incidents: BTreeSet<IncidentId>,
    assignments: BTreeSet<AssignmentId>,
    units: BTreeSet<UnitId>,
    alarms: BTreeSet<AlarmId>,
    tasks: BTreeSet<TaskId>,
    proposals: BTreeSet<ProposalId>,
    texts: Vec<(RadioId, String)>,
    terminals: BTreeSet<RadioId>,
    suspects: BTreeSet<RadioId>,
    calls: BTreeSet<CallId>,
}

impl Touched {
    /// Nothing a console shows changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.incidents.is_empty()
            && self.assignments.is_empty()
            && self.units.is_empty()
            && self.alarms.is_empty()
            && self.tasks.is_empty()
            && self.proposals.is_empty()
            && self.texts.is_empty()
            && self.terminals.is_empty()
            && self.suspects.is_empty()
            && self.calls.is_empty()
    }

    /// Incidents that changed.
    pub fn incidents(&self) -> impl Iterator<Item = IncidentId> + '_ {
        self.incidents.iter().copied()
    }

    /// Calls that changed.
    pub fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.calls.iter().copied()
    }

    /// Notes what an event changed.
    pub fn note(&mut self, views: Views<'_>, event: &Event) {
        match event {
            Event::UnitRegistered { unit, .. }
            | Event::UnitSignedOn { unit, .. }
            | Event::UnitCrewEdited { unit, .. }
            | Event::UnitSignedOff { unit, .. }
            | Event::UnitTakenOut { unit, .. }
            | Event::UnitReturned { unit, .. } => {
                self.units.insert(*unit);
            }
            Event::TerminalRegistered { radio, .. } | Event::TerminalLost { radio } => {
                self.terminals.insert(*radio);
                let holder = views.engine.state().holder(*radio);
                self.units.extend(holder.map(|unit| unit.id));
            }
            Event::IncidentReported { incident, .. }
            | Event::IncidentConfirmed { incident, .. }
            | Event::IncidentRelocated { incident, .. }
            | Event::IncidentNoted { incident, .. }
            | Event::IncidentCancelled { incident, .. }
            | Event::IncidentResolved { incident, .. }
            | Event::IncidentClosed { incident, .. }
            | Event::EmergencyRaised { incident, .. }
            | Event::EmergencyRepeated { incident, .. }
            | Event::EmergencyCancelled { incident, .. }
            | Event::IncidentClaimed { incident, .. }
            | Event::ClaimQuestioned { incident, .. }
            | Event::ClaimReleased { incident, .. } => {
                self.incidents.insert(*incident);
                // Its unit's mark comes and goes with it.
                let found = views.engine.state().incidents.get(incident);
                let emergency = found.and_then(|found| found.emergency.as_ref());
                self.units.extend(emergency.and_then(|found| found.unit));
            }
            Event::AssignmentStacked { assignment, .. }
            | Event::AssignmentOffered { assignment, .. }
            | Event::AssignmentRetried { assignment, .. }
            | Event::AssignmentAdvanced { assignment, .. }
            | Event::AssignmentOverdue { assignment, .. }
            | Event::AssignmentDeclined { assignment, .. }
            | Event::AssignmentExpired { assignment, .. }
            | Event::AssignmentRecalled { assignment, .. }
            | Event::SafetyScheduled { assignment, .. }
            | Event::SafetyAsked { assignment, .. }
            | Event::SafetyAnswered { assignment, .. }
            | Event::RankingOverridden { assignment, .. } => {
                self.assignments.insert(*assignment);
                if let Some(found) = views.engine.state().assignments.get(assignment) {
                    self.incidents.insert(found.incident);
                    self.units.insert(found.unit);
                    self.tasks.extend(found.task);
                }
            }
            Event::AlarmRaised { alarm, .. }
            | Event::AlarmRepeated { alarm }
            | Event::AlarmAcked { alarm, .. } => {
                self.alarms.insert(*alarm);
            }
            Event::TaskOpened { task, .. } | Event::TaskDone { task, .. } => {
                self.tasks.insert(*task);
            }
            Event::Call(event) => self.note_call(event),
            Event::Case(event) => self.note_case(views, event),
            Event::ProposalMade { proposal, .. }
            | Event::ProposalOverdue { proposal, .. }
            | Event::ProposalEnded { proposal, .. }
            | Event::ProposalDeclined { proposal, .. } => {
                self.proposals.insert(*proposal);
            }
            Event::TextReceived { radio, text, .. } => {
                self.texts.push((*radio, text.clone()));
                self.note_claim(views, *radio);
            }
            Event::FixDoubted { radio, .. } => self.note_claim(views, *radio),
            Event::Suspect(event) => self.note_suspect(views, event),
            Event::PolicyPublished { .. }
            | Event::IncidentReviewed { .. }
            | Event::StrangerHeard { .. }
            | Event::PositionsNoted { .. }
            | Event::UnitsRanked { .. }
            | Event::MessageQueued { .. }
            | Event::MessageRetried { .. }
            | Event::MessageDelivered { .. }
            | Event::MessageFailed { .. }
            | Event::GatewayLinked { .. }
            | Event::TalkgroupMessaged { .. }
            | Event::CommandAnswered { .. } => {}
        }
    }

    /// A terminal said something; it is shown again if it is suspect.
    fn note_claim(&mut self, views: Views<'_>, radio: RadioId) {
        let suspect = views.engine.is_suspect(radio);
        self.suspects.extend(suspect.then_some(radio));
    }

    fn note_suspect(&mut self, views: Views<'_>, event: &SuspectEvent) {
        let (SuspectEvent::Marked { radio, .. }
        | SuspectEvent::Ignored { radio, .. }
        | SuspectEvent::Trusted { radio, .. }
        | SuspectEvent::Barred { radio, .. }) = event;
        self.suspects.insert(*radio);
        // Whether its unit can be reached comes and goes with it.
        let holder = views.engine.state().holder(*radio);
        self.units.extend(holder.map(|unit| unit.id));
    }

    fn note_call(&mut self, event: &CallEvent) {
        match event {
            CallEvent::Arrived { call, .. }
            | CallEvent::Answered { call, .. }
            | CallEvent::Ended { call }
            | CallEvent::Abandoned { call }
            | CallEvent::Dismissed { call, .. }
            | CallEvent::CalledBack { call, .. } => {
                self.calls.insert(*call);
            }
            CallEvent::Overdue { call, alarm, .. } => {
                self.calls.insert(*call);
                self.alarms.insert(*alarm);
            }
            CallEvent::Attached { call, incident, .. } => {
                self.calls.insert(*call);
                self.incidents.insert(*incident);
            }
        }
    }

    fn note_case(&mut self, views: Views<'_>, event: &CaseEvent) {
        match event {
            CaseEvent::Received { incident, .. }
            | CaseEvent::Referred { incident, .. }
            | CaseEvent::ReferralAccepted { incident, .. }
            | CaseEvent::ReferralReturned { incident, .. }
            | CaseEvent::Reopened { incident, .. }
            | CaseEvent::FeedbackAwaited { incident, .. }
            | CaseEvent::FeedbackGiven { incident, .. }
            | CaseEvent::FollowedUp { incident, .. } => {
                self.incidents.insert(*incident);
            }
            CaseEvent::Merged { incident, into, .. } => {
                self.note_moved(views, *incident, Some(*into));
            }
            CaseEvent::Undone {
                incident, survivor, ..
            } => self.note_moved(views, *incident, *survivor),
            CaseEvent::Linked {
                incident, other, ..
            } => self.incidents.extend([*incident, *other]),
            CaseEvent::AssignmentMoved {
                assignment,
                incident,
                ..
            } => {
                self.assignments.insert(*assignment);
                self.incidents.insert(*incident);
            }
        }
    }

    /// Calls moved between two incidents.
    fn note_moved(&mut self, views: Views<'_>, incident: IncidentId, other: Option<IncidentId>) {
        for id in other.into_iter().chain([incident]) {
            self.incidents.insert(id);
            let found = views.engine.state().incidents.get(&id);
            let calls = found.into_iter().flat_map(|found| &found.calls);
            self.calls.extend(calls.copied());
        }
    }

    /// The delta's line.
    #[must_use]
    pub fn delta(&self, views: Views<'_>, epoch: u64, seq: u64) -> Bytes {
        let state = views.engine.state();
        let incidents = self
            .incidents
            .iter()
            .filter_map(|id| state.incidents.get(id));
        let assignments = self
            .assignments
            .iter()
            .filter_map(|id| state.assignments.get(id));
        let units = self.units.iter().filter_map(|id| state.units.get(id));
        let alarms = self.alarms.iter().filter_map(|id| state.alarms.get(id));
        let gone = self
            .alarms
            .iter()
            .filter(|id| !state.alarms.contains_key(id));
        let calls = self.calls.iter().filter_map(|id| state.calls.get(id));
        let told = incidents.clone().filter_map(|incident| incident.task);
        let touched: BTreeSet<TaskId> = self.tasks.iter().copied().chain(told).collect();
        let tasks = touched.iter().filter_map(|id| state.tasks.get(id));
        let done = touched.iter().filter(|id| !state.tasks.contains_key(id));
        let known = |id: &ProposalId| state.proposals.by_id(*id);
        let proposals = self.proposals.iter().filter_map(known);
        let ended = self.proposals.iter().filter(|id| known(id).is_none());
        let texts = self.texts.iter().map(|(radio, text)| TextView {
            radio: *radio,
            unit: state.holder(*radio).map(|unit| unit.call_sign.as_str()),
            text,
            suspect: state.suspects.contains_key(radio),
        });
        let known = |radio: &RadioId| state.suspects.contains_key(radio);
        let cleared = self.suspects.iter().filter(|radio| !known(radio));
        let delta = Delta {
            epoch,
            seq,
            at: state.at,
            incidents: incidents.map(|found| views.incident(found)).collect(),
            assignments: assignments.map(|found| views.assignment(found)).collect(),
            units: units.map(|found| views.unit(found)).collect(),
            alarms: alarms.map(|found| views.alarm(found)).collect(),
            alarms_acked: gone.copied().collect(),
            calls: calls.map(|found| views.call(found)).collect(),
            tasks: tasks.map(|found| views.task(found)).collect(),
            tasks_done: done.copied().collect(),
            proposals: proposals.map(|found| views.proposal(found)).collect(),
            proposals_ended: ended.copied().collect(),
            suspects: suspects(views, Some(&self.suspects)).collect(),
            suspects_cleared: cleared.copied().collect(),
            texts: texts.collect(),
        };
        rpc::notice("board.delta", &delta)
    }
}

/// The pages of a snapshot: incidents not closed, their assignments, units, alarms, tasks,
/// proposals, open calls and those to call back, suspect terminals. Deltas go on at `seq` + 1.
#[must_use]
pub fn pages(views: Views<'_>, epoch: u64, seq: u64) -> Vec<Bytes> {
    let state = views.engine.state();
    let shown = |phase: Phase| !matches!(phase, Phase::Closed | Phase::Cancelled | Phase::Merged);
    let incidents = state
        .incidents
        .values()
        .filter(|incident| shown(incident.phase));
    let open = state
        .assignments
        .values()
        .filter(|assignment| assignment.rung.is_open());
    let waited_for = |call: CallId| state.calling_back(call).is_some();
    let calls = state.calls.values();
    let calls = calls.filter(|call| call.phase.is_open() || waited_for(call.id));
    let items = (incidents.map(|found| Item::Incident(views.incident(found))))
        .chain(open.map(|found| Item::Assignment(views.assignment(found))))
        .chain((state.units.values()).map(|found| Item::Unit(views.unit(found))))
        .chain((state.alarms.values()).map(|found| Item::Alarm(views.alarm(found))))
        .chain((state.tasks.values()).map(|found| Item::Task(views.task(found))))
        .chain((state.proposals.iter()).map(|found| Item::Proposal(views.proposal(found))))
        .chain(calls.map(|found| Item::Call(views.call(found))))
        .chain(suspects(views, None).map(Item::Suspect));
    let mut pages = Vec::new();
    let (mut items_of, mut size) = (Vec::new(), 0usize);
    for item in items.filter_map(|item| to_raw_value(&item).ok()) {
        let length = item.get().len() + 1;
        if size + length > MAX_PAGE - 256 && !items_of.is_empty() {
            pages.push(std::mem::take(&mut items_of));
            size = 0;
        }
        size += length;
        items_of.push(item);
    }
    pages.push(items_of);
    let last = pages.len() - 1;
    let line = |(page, items)| {
        let last = page == last;
        let page = Page {
            epoch,
            seq,
            page,
            last,
            items,
        };
        rpc::notice("board.page", &page)
    };
    pages.into_iter().enumerate().map(line).collect()
}

/// Terminals that are not believed; of those named, if some are.
fn suspects<'a>(
    views: Views<'a>,
    of: Option<&'a BTreeSet<RadioId>>,
) -> impl Iterator<Item = SuspectView<'a>> {
    let all = views.engine.state().suspects.iter();
    let asked = all.filter(move |(radio, _)| of.is_none_or(|of| of.contains(radio)));
    asked.map(move |(radio, suspect)| views.suspect(*radio, suspect))
}

/// Units that moved, as one droppable line; none when nobody did.
#[must_use]
pub fn positions(views: Views<'_>, moved: &BTreeSet<UnitId>) -> Option<Bytes> {
    let state = views.engine.state();
    let places: Vec<_> = moved
        .iter()
        .filter_map(|id| {
            let unit = state.units.get(id)?;
            let duty = unit.duty.as_ref()?;
            let place = views
                .engine
                .positions()
                .of_unit(views.now, &duty.terminals)?;
            Some(Moved {
                unit: &unit.call_sign,
                position: views.position(place.point),
                fix_age_ms: views.now.since_ms(place.taken_at),
            })
        })
        .collect();
    (!places.is_empty()).then(|| rpc::notice("board.positions", &Positions { units: places }))
}
