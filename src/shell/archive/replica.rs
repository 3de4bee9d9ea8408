//! A second engine off the loop, fed by the journal: archive rows and snapshots are made from it,
//! so the loop neither stops nor copies anything for them.

use super::make_way;
use super::store::{CallRow, Changes, Meta, Row, Store, StoreError, Whole};
use crate::daemon::api::{Delivery, ListedCall, ListedIncident};
use crate::daemon::archive::Rows;
use crate::daemon::board::Touched;
use crate::daemon::view::{CallView, Named, Views, to_json};
use crate::engine::Engine;
use crate::engine::assignment::Rung;
use crate::engine::call::Call;
use crate::engine::event::Event;
use crate::engine::id::{CallId, EngineTime, IncidentId};
use crate::engine::image::{IMAGE_FORMAT, Image};
use crate::engine::incident::Incident;
use crate::engine::policy::Policy;
use crate::engine::state::State;
use crate::geo::plane::Plane;
use crate::journal::{
    Base, ChainPoint, Disk, DiskError, Sink, Snapshot, SnapshotHead, write_snapshot,
};
use crate::planted::{Planted, planted};
use crate::shell::base::{self, BaseError};
use postcard::ser_flavors::Flavor;
use postcard::serialize_with_flavor;
use std::collections::BTreeSet;

/// Rows that are written at once.
const TOGETHER: usize = 4;

/// The config's share of it.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What the engine decides by.
    pub policy: Policy,
    /// What points are drawn in.
    pub plane: Plane,
}

/// The engine at a record of the journal, and what the archive does not have of it yet.
pub(crate) struct Replica {
    rules: Rules,
    engine: Engine,
    /// The record it is behind; none before the first.
    pub(crate) point: Option<ChainPoint>,
    time_ms: u64,
    wall_ms: i64,
    /// Engine time from which on nothing is stored yet.
    pending_from_ms: u64,
    touched: BTreeSet<IncidentId>,
    touched_calls: BTreeSet<CallId>,
    log: Vec<(IncidentId, u64, String)>,
}

/// Why a replica cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplicaError {
    #[error("failed to read a record: {0}")]
    Record(#[from] postcard::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Replica {
    /// Before the first record.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            engine: Engine::new(rules.policy.clone()),
            rules,
            point: None,
            time_ms: 0,
            wall_ms: 0,
            pending_from_ms: 0,
            touched: BTreeSet::new(),
            touched_calls: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    /// Where a snapshot was taken. None when its payload is of another program.
    pub(super) fn restored(rules: Rules, snapshot: &Snapshot) -> Option<Self> {
        let engine = restore(&rules.policy, snapshot)?;
        Some(Self::at(rules, engine, &snapshot.head))
    }

    /// Where a pruned journal begins.
    pub(super) fn based(rules: Rules, base: &Base) -> Result<Self, BaseError> {
        let engine = base::restore(&rules.policy, base)?;
        Ok(Self::at(rules, engine, &base.snapshot.head))
    }

    /// An engine as it was there; everything in it counts as touched.
    fn at(rules: Rules, engine: Engine, head: &SnapshotHead) -> Self {
        Self {
            touched: engine.state().incidents.keys().copied().collect(),
            touched_calls: engine.state().calls.keys().copied().collect(),
            engine,
            point: Some(head.point),
            time_ms: head.time_ms,
            wall_ms: head.wall_ms,
            pending_from_ms: head.time_ms,
            ..Self::new(rules)
        }
    }

    /// Behind a record that `engine` was replayed to.
    pub(crate) fn behind(rules: Rules, engine: Engine, point: ChainPoint) -> Self {
        Self {
            engine,
            point: Some(point),
            ..Self::new(rules)
        }
    }

    /// Events it has.
    pub(super) fn seq(&self) -> u64 {
        self.engine.state().seq
    }

    /// Calls the engine has not forgotten.
    #[cfg(test)]
    pub(super) fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.engine.state().calls.keys().copied()
    }

    /// Applies an event's record.
    pub(crate) fn apply(
        &mut self,
        time_ms: u64,
        wall_ms: i64,
        payload: &[u8],
    ) -> Result<(), ReplicaError> {
        let event: Event = postcard::from_bytes(payload)?;
        if self.pending() == 0 {
            self.pending_from_ms = time_ms;
        }
        (self.time_ms, self.wall_ms) = (time_ms, wall_ms);
        let left_out = planted(Planted::SnapshotInMidBatch) && self.seq().is_multiple_of(97);
        if !left_out {
            self.engine.apply(EngineTime(time_ms), &event);
        }
        self.engine.replayed();
        self.touch(&event);
        if let Some((incident, line)) = self.delivery(&event) {
            let record = self.engine.state().seq;
            self.log.push((incident, record, line));
        }
        Ok(())
    }

    /// There is no archive to tell.
    pub(crate) fn drop_pending(&mut self) {
        self.touched.clear();
        self.touched_calls.clear();
        self.log.clear();
    }

    /// Rows the archive does not have yet.
    pub(super) fn pending(&self) -> usize {
        self.touched.len() + self.touched_calls.len() + self.log.len()
    }

    /// Whether what is pending must be stored before a record of that time is applied: the engine
    /// forgets an incident, and a call, a day after it ended.
    pub(super) fn is_due(&self, time_ms: u64) -> bool {
        self.pending() > 0
            && time_ms.saturating_sub(self.pending_from_ms) > State::KEEP_ENDED_MS / 2
    }

    fn touch(&mut self, event: &Event) {
        let mut touched = Touched::default();
        touched.note(self.views(), event);
        self.touched.extend(touched.incidents());
        self.touched_calls.extend(touched.calls());
        // An incident's row holds its calls.
        let calls = &self.engine.state().calls;
        let called = touched.calls().filter_map(|id| calls.get(&id)?.incident);
        self.touched.extend(called);
    }

    fn views(&self) -> Views<'_> {
        Views {
            engine: &self.engine,
            plane: &self.rules.plane,
            now: EngineTime(self.time_ms),
        }
    }

    /// The line of the delivery log an event is, if it is one.
    fn delivery(&self, event: &Event) -> Option<(IncidentId, String)> {
        let (id, what) = match event {
            Event::AssignmentOffered { assignment, .. } => (assignment, "offered"),
            Event::AssignmentRetried { assignment, .. } => (assignment, "retried"),
            Event::AssignmentAdvanced {
                assignment, rung, ..
            } => (assignment, rung.name()),
            Event::AssignmentDeclined { assignment, .. } => (assignment, Rung::Declined.name()),
            Event::AssignmentExpired { assignment, .. } => (assignment, Rung::Expired.name()),
            Event::AssignmentRecalled { assignment, .. } => (assignment, Rung::Recalled.name()),
            _ => return None,
        };
        let state = self.engine.state();
        let assignment = state.assignments.get(id)?;
        let unit = state.units.get(&assignment.unit);
        let line = Delivery {
            at: self.time_ms,
            wall_ms: self.wall_ms,
            assignment: *id,
            what,
            unit: unit.map(|unit| unit.call_sign.as_str()),
            attempt: assignment.attempt,
            terminal: assignment.terminal,
        };
        Some((assignment.incident, to_json(&line)))
    }

    /// Writes what is new into the archive, and, when the replica is `whole` at the end of a
    /// batch, how far it is. `rows` counts what is there.
    pub(super) fn store(
        &mut self,
        store: &Store,
        rows: &mut Rows,
        whole: Option<Whole>,
    ) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        for (count, id) in std::mem::take(&mut self.touched).into_iter().enumerate() {
            if count % TOGETHER == 0 {
                write_some(store, &mut changes)?;
            }
            if let Some(incident) = self.engine.state().incidents.get(&id) {
                let known_ms = store.row(id, |row| row.reported_ms)?;
                rows.incidents += u64::from(known_ms.is_none());
                self.row(&mut changes, incident, known_ms);
            }
        }
        let touched_calls = std::mem::take(&mut self.touched_calls);
        for (count, id) in touched_calls.into_iter().enumerate() {
            if count % TOGETHER == 0 {
                write_some(store, &mut changes)?;
            }
            if let Some(call) = self.engine.state().calls.get(&id) {
                let known_ms = store.call(id, |row| row.arrived_ms)?;
                rows.calls += u64::from(known_ms.is_none());
                self.call_row(&mut changes, call, known_ms);
            }
        }
        for (incident, record, line) in self.log.drain(..) {
            if changes.is_full() {
                write_some(store, &mut changes)?;
            }
            changes.delivery(incident, record, &line);
        }
        if let (Some(how), Some(point)) = (whole, self.point) {
            changes.meta(&Meta::at(point, self.seq(), *rows, how));
        }
        store.write(changes)
    }

    /// The wall label of a time, UTC ms since 1970, as the newest record has it.
    fn label(&self, at: EngineTime) -> i64 {
        let since_ms = EngineTime(self.time_ms).since_ms(at);
        let since_ms = i64::try_from(since_ms).unwrap_or(i64::MAX);
        self.wall_ms.saturating_sub(since_ms)
    }

    fn call_row(&self, changes: &mut Changes, call: &Call, known_ms: Option<i64>) {
        let arrived_ms = known_ms.unwrap_or_else(|| self.label(call.arrived_at));
        // How many of its number wait changes with the others, whose rows tell of themselves.
        let alone = CallView {
            first_of_caller: None,
            waiting_of_caller: 0,
            ..self.views().call(call)
        };
        let row = CallRow {
            arrived_ms,
            caller: &call.ring.caller,
            phase: call.phase.name(),
            invalid: call.invalid.map_or("", Named::name),
            attached: call.incident.is_some(),
            summary: &to_json(&ListedCall {
                call: alone,
                arrived_ms,
            }),
        };
        changes.call(call.id, &row);
    }

    fn row(&self, changes: &mut Changes, incident: &Incident, known_ms: Option<i64>) {
        let state = self.engine.state();
        let views = self.views();
        let reported_ms = known_ms.unwrap_or_else(|| self.label(incident.reported_at));
        let ids = incident.assignments.iter();
        let assignments: Vec<_> = ids.filter_map(|id| state.assignments.get(id)).collect();
        let units: BTreeSet<&str> = assignments
            .iter()
            .filter_map(|assignment| state.units.get(&assignment.unit))
            .map(|unit| unit.call_sign.as_str())
            .collect();
        let shown: Vec<_> = assignments
            .iter()
            .map(|one| views.assignment(one))
            .collect();
        let calls = incident.calls.iter();
        let calls = calls.filter_map(|id| state.calls.get(id));
        let calls: Vec<_> = calls.map(|call| views.call(call)).collect();
        let summary = ListedIncident {
            incident: views.summary(incident),
            reported_ms,
            units: units.iter().copied().collect(),
        };
        let report = &incident.report;
        let notes = incident.notes.iter().map(|note| note.text.as_str());
        let words = [&report.place, &report.text, &report.caller].map(String::as_str);
        let words: Vec<&str> = words.into_iter().chain(notes).collect();
        let row = Row {
            reported_ms,
            grade: incident.classification().grade.name(),
            category: summary.incident.category.unwrap_or_default(),
            point: report.point,
            words: &words.join("\n").to_lowercase(),
            summary: &to_json(&summary),
            incident: &to_json(&views.incident(incident)),
            assignments: &to_json(&shown),
            calls: &to_json(&calls),
        };
        changes.incident(incident.id, &row, units.into_iter());
    }

    /// Writes a snapshot; its record and length.
    pub(crate) fn snapshot<D: Disk>(
        &self,
        disk: &mut D,
    ) -> Result<Option<(SnapshotHead, u64)>, DiskError> {
        let Some(point) = self.point else {
            return Ok(None);
        };
        let image = self.engine.image();
        let Ok(length) = postcard::experimental::serialized_size(&image) else {
            return Ok(None);
        };
        let head = SnapshotHead {
            format: IMAGE_FORMAT,
            point,
            time_ms: self.time_ms,
            wall_ms: self.wall_ms,
        };
        let mut encoded = Ok(());
        let fill = |sink: Sink<'_>| encoded = serialize_with_flavor(&image, InPieces(sink));
        let bytes = write_snapshot(disk, &head, length as u64, fill)?;
        Ok(encoded.ok().map(|()| (head, bytes)))
    }
}

/// Changes of a piece, in a step that others need not wait for.
fn write_some(store: &Store, changes: &mut Changes) -> Result<(), StoreError> {
    store.write(std::mem::take(changes))?;
    make_way();
    Ok(())
}

/// An image is handed on as it is encoded: of a province it is tens of megabytes. The writer of
/// snapshots collects it.
struct InPieces<'s>(Sink<'s>);

impl Flavor for InPieces<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        (self.0)(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// The engine of a snapshot, unless another program's layout is in it.
pub(crate) fn restore(policy: &Policy, snapshot: &Snapshot) -> Option<Engine> {
    if snapshot.head.format != IMAGE_FORMAT {
        return None;
    }
    let image: Image = postcard::from_bytes(&snapshot.payload).ok()?;
    Some(Engine::restored(policy.clone(), image))
}
