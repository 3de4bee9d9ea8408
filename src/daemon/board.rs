//! The board every console sees: a snapshot in pages, then gapless deltas, and positions.
//!
//! A delta holds whole objects as they are now, so a console replaces what it has by id and can
//! never add up wrongly. Positions are not deltas: they are coalesced and may be dropped.

use super::rpc;
use super::wire::Views;
use crate::engine::event::Event;
use crate::engine::id::{AlarmId, AssignmentId, IncidentId, ProposalId, RadioId, TaskId, UnitId};
use crate::engine::incident::Phase;
use bytes::Bytes;
use serde_json::{Value, json};
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
    }

    /// Incidents that changed.
    pub fn incidents(&self) -> impl Iterator<Item = IncidentId> + '_ {
        self.incidents.iter().copied()
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
            Event::ProposalMade { proposal, .. }
            | Event::ProposalOverdue { proposal, .. }
            | Event::ProposalEnded { proposal, .. } => {
                self.proposals.insert(*proposal);
            }
            Event::TextReceived { radio, text, .. } => self.texts.push((*radio, text.clone())),
            Event::PolicyPublished { .. }
            | Event::IncidentReviewed { .. }
            | Event::StrangerHeard { .. }
            | Event::PositionsNoted { .. }
            | Event::FixDoubted { .. }
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
        let tasks = self.tasks.iter().filter_map(|id| state.tasks.get(id));
        let done = self.tasks.iter().filter(|id| !state.tasks.contains_key(id));
        let known = |id: &ProposalId| state.proposals.by_id(*id);
        let proposals = self.proposals.iter().filter_map(known);
        let ended = self.proposals.iter().filter(|id| known(id).is_none());
        let texts = self.texts.iter().map(|(radio, text)| {
            let unit = state.holder(*radio).map(|unit| unit.call_sign.as_str());
            json!({ "radio": radio, "unit": unit, "text": text })
        });
        let params = json!({
            "epoch": epoch,
            "seq": seq,
            "at": state.at,
            "incidents": incidents.map(|found| views.incident(found)).collect::<Vec<_>>(),
            "assignments": assignments.map(|found| views.assignment(found)).collect::<Vec<_>>(),
            "units": units.map(|found| views.unit(found)).collect::<Vec<_>>(),
            "alarms": alarms.map(|found| views.alarm(found)).collect::<Vec<_>>(),
            "alarms_acked": gone.collect::<Vec<_>>(),
            "tasks": tasks.map(|found| views.task(found)).collect::<Vec<_>>(),
            "tasks_done": done.collect::<Vec<_>>(),
            "proposals": proposals.map(|found| views.proposal(found)).collect::<Vec<_>>(),
            "proposals_ended": ended.collect::<Vec<_>>(),
            "texts": texts.collect::<Vec<_>>(),
        });
        rpc::notice("board.delta", &params)
    }
}

/// The pages of a snapshot: open incidents, their assignments, units, alarms, tasks, proposals.
/// Deltas go on at `seq` + 1.
#[must_use]
pub fn pages(views: Views<'_>, epoch: u64, seq: u64) -> Vec<Bytes> {
    let state = views.engine.state();
    let shown = |phase: Phase| !matches!(phase, Phase::Closed | Phase::Cancelled);
    let incidents = state
        .incidents
        .values()
        .filter(|incident| shown(incident.phase));
    let open = state
        .assignments
        .values()
        .filter(|assignment| assignment.rung.is_open());
    let items = incidents
        .map(|found| ("incident", views.incident(found)))
        .chain(open.map(|found| ("assignment", views.assignment(found))))
        .chain(
            state
                .units
                .values()
                .map(|found| ("unit", views.unit(found))),
        )
        .chain(
            state
                .alarms
                .values()
                .map(|found| ("alarm", views.alarm(found))),
        )
        .chain(
            state
                .tasks
                .values()
                .map(|found| ("task", views.task(found))),
        )
        .chain(
            state
                .proposals
                .iter()
                .map(|found| ("proposal", views.proposal(found))),
        );
    let mut pages = Vec::new();
    let (mut page, mut size) = (Vec::new(), 0usize);
    for (kind, value) in items {
        let item = json!({ "kind": kind, "value": value });
        let length = item.to_string().len() + 1;
        if size + length > MAX_PAGE - 256 && !page.is_empty() {
            pages.push(std::mem::take(&mut page));
            size = 0;
        }
        size += length;
        page.push(item);
    }
    pages.push(page);
    let last = pages.len() - 1;
    let line = |(index, items): (usize, Vec<Value>)| {
        let params = json!({
            "epoch": epoch, "seq": seq, "page": index, "last": index == last, "items": items,
        });
        rpc::notice("board.page", &params)
    };
    pages.into_iter().enumerate().map(line).collect()
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
            let fix_age_ms = views.now.since_ms(place.taken_at);
            Some(json!({
                "unit": unit.call_sign,
                "position": views.position(place.point),
                "fix_age_ms": fix_age_ms,
            }))
        })
        .collect();
    (!places.is_empty()).then(|| rpc::notice("board.positions", &json!({ "units": places })))
}
