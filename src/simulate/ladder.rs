//! Rungs and units as the journal tells them, checked with tables of the auditor's own: only legal
//! steps, one active assignment a unit, no rung past its limit in silence, none cut short.

use super::Broken;
use crate::daemon::view::Named;
use crate::engine::assignment::Rung;
use crate::engine::event::Event;
use crate::engine::id::{AlarmId, AssignmentId, EngineTime, IncidentId, UnitId};
use crate::engine::policy::{Ladder, Limits};
use std::collections::{BTreeMap, BTreeSet};

/// A limit may be seen so much later, ms.
const GRACE_MS: u64 = 500;
/// And so much earlier.
const EARLY_MS: u64 = 50;

/// An assignment.
struct Open {
    incident: IncidentId,
    unit: UnitId,
    rung: Rung,
    since: EngineTime,
    limits: Limits,
    by_voice: bool,
    reached: BTreeSet<&'static str>,
}

/// All assignments of a journal.
pub(super) struct Ladders {
    ladder: Ladder,
    outages: Vec<(u64, u64)>,
    limits: BTreeMap<IncidentId, Limits>,
    assignments: BTreeMap<AssignmentId, Open>,
    active: BTreeMap<UnitId, AssignmentId>,
    alarms: BTreeMap<AlarmId, AssignmentId>,
    /// When an alarm was last raised about an assignment.
    alarmed: BTreeMap<AssignmentId, EngineTime>,
}

impl Ladders {
    pub(super) fn new(ladder: Ladder, outages: Vec<(u64, u64)>) -> Self {
        Self {
            ladder,
            outages,
            limits: BTreeMap::new(),
            assignments: BTreeMap::new(),
            active: BTreeMap::new(),
            alarms: BTreeMap::new(),
            alarmed: BTreeMap::new(),
        }
    }

    /// How many assignments there are.
    pub(super) fn known(&self) -> usize {
        self.assignments.len()
    }

    /// What an assignment is for.
    pub(super) fn incident(&self, assignment: AssignmentId) -> Option<IncidentId> {
        Some(self.assignments.get(&assignment)?.incident)
    }

    /// Whether an assignment ever stood at a rung.
    pub(super) fn reached(&self, assignment: AssignmentId, rung: &str) -> bool {
        let found = self.assignments.get(&assignment);
        found.is_some_and(|found| found.reached.contains(rung))
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, at: EngineTime, event: &Event) -> Result<(), Broken> {
        match event {
            Event::IncidentConfirmed {
                incident, limits, ..
            } => {
                self.limits.insert(*incident, *limits);
                Ok(())
            }
            Event::AssignmentStacked {
                assignment,
                incident,
                unit,
                ..
            } => self.begin(at, *assignment, (*incident, *unit), Rung::Stacked, false),
            Event::AssignmentOffered {
                assignment,
                incident,
                unit,
                offer,
                ..
            } => {
                let by_voice = offer.terminal.is_none();
                self.begin(at, *assignment, (*incident, *unit), Rung::Offered, by_voice)
            }
            Event::AssignmentRetried { assignment, .. } => {
                self.step(at, *assignment, Rung::Offered)
            }
            Event::AssignmentAdvanced {
                assignment, rung, ..
            } => self.step(at, *assignment, *rung),
            Event::AssignmentDeclined { assignment, .. } => {
                self.step(at, *assignment, Rung::Declined)
            }
            Event::AssignmentExpired { assignment, .. } => {
                self.not_early(at, *assignment)?;
                self.not_silent(at, *assignment)?;
                self.step(at, *assignment, Rung::Expired)
            }
            Event::AssignmentRecalled { assignment, .. } => {
                self.step(at, *assignment, Rung::Recalled)
            }
            Event::AssignmentOverdue { assignment, .. } => {
                self.not_early(at, *assignment)?;
                self.not_silent(at, *assignment)?;
                self.said(at, *assignment)
            }
            Event::AlarmRaised { alarm, about, .. } => {
                if let Some(assignment) = about.assignment {
                    self.alarms.insert(*alarm, assignment);
                    self.alarmed.insert(assignment, at);
                }
                Ok(())
            }
            Event::AlarmRepeated { alarm } => {
                if let Some(assignment) = self.alarms.get(alarm) {
                    self.alarmed.insert(*assignment, at);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        at: EngineTime,
        id: AssignmentId,
        (incident, unit): (IncidentId, UnitId),
        rung: Rung,
        by_voice: bool,
    ) -> Result<(), Broken> {
        if self.assignments.contains_key(&id) {
            self.step(at, id, rung)?;
        }
        let Some(limits) = self.limits.get(&incident).copied() else {
            return Err(Broken::new(
                "an unconfirmed incident got a unit",
                format!("{incident:?}"),
            ));
        };
        let reached = self.assignments.remove(&id).map(|open| open.reached);
        let mut reached = reached.unwrap_or_default();
        reached.insert(rung.name());
        let open = Open {
            incident,
            unit,
            rung,
            since: at,
            limits,
            by_voice,
            reached,
        };
        self.assignments.insert(id, open);
        if rung == Rung::Offered
            && let Some(other) = self.active.insert(unit, id).filter(|other| *other != id)
        {
            let what = format!("{unit:?}: {other:?} and {id:?} at {}", at.0);
            return Err(Broken::new("a unit has two active assignments", what));
        }
        Ok(())
    }

    fn step(&mut self, at: EngineTime, id: AssignmentId, to: Rung) -> Result<(), Broken> {
        self.in_time(at, id)?;
        let Some(open) = self.assignments.get_mut(&id) else {
            return Err(Broken::new(
                "an unknown assignment moved",
                format!("{id:?}"),
            ));
        };
        if !is_legal(open.rung, to) {
            let what = format!("{id:?} of {:?}: {:?} to {to:?}", open.incident, open.rung);
            return Err(Broken::new("an illegal step", what));
        }
        open.rung = to;
        open.since = at;
        open.reached.insert(to.name());
        if to >= Rung::Cleared && self.active.get(&open.unit) == Some(&id) {
            self.active.remove(&open.unit);
        }
        Ok(())
    }

    /// Somebody was told: the limit begins anew.
    fn said(&mut self, at: EngineTime, id: AssignmentId) -> Result<(), Broken> {
        self.in_time(at, id)?;
        if let Some(open) = self.assignments.get_mut(&id) {
            open.since = at;
        }
        Ok(())
    }

    /// A limit ran out: an alarm of the same moment says so.
    fn not_silent(&self, at: EngineTime, id: AssignmentId) -> Result<(), Broken> {
        match self.alarmed.get(&id) == Some(&at) {
            true => Ok(()),
            false => {
                let what = format!("{id:?} at {}", at.0);
                Err(Broken::new("a limit ran out without an alarm", what))
            }
        }
    }

    fn limit_ms(&self, open: &Open) -> Option<u64> {
        let (ladder, limits) = (&self.ladder, &open.limits);
        let limit_ms = match open.rung {
            Rung::Stacked => ladder.stacked_ms,
            Rung::Offered if open.by_voice => limits.accept_ms,
            Rung::Offered => ladder.send_ms,
            Rung::Sent => ladder.deliver_ms,
            Rung::Delivered => limits.accept_ms,
            Rung::Accepted => limits.roll_ms,
            Rung::EnRoute => limits.arrive_ms,
            Rung::OnScene => limits.on_scene_ms,
            Rung::Cleared | Rung::Declined | Rung::Expired | Rung::Recalled => return None,
        };
        Some(u64::from(limit_ms))
    }

    /// Nothing was said of it for too long. What ran out while nobody decided is due afterwards.
    fn in_time(&self, at: EngineTime, id: AssignmentId) -> Result<(), Broken> {
        let Some(open) = self.assignments.get(&id) else {
            return Ok(());
        };
        let Some(limit_ms) = self.limit_ms(open) else {
            return Ok(());
        };
        let mut due = open.since.0 + limit_ms;
        // They are in order: a long run has thousands, and each step would look at all of them.
        let first = self.outages.partition_point(|(_, to)| *to <= due);
        for (from, to) in self.outages.iter().skip(first) {
            if *from > due {
                break;
            }
            due = *to;
        }
        match at.0 > due + GRACE_MS {
            true => {
                let what = format!(
                    "{id:?} {:?} since {} until {}",
                    open.rung, open.since.0, at.0
                );
                Err(Broken::new("a rung outlasted its limit in silence", what))
            }
            false => Ok(()),
        }
    }

    /// A person's limit ran out before its time.
    fn not_early(&self, at: EngineTime, id: AssignmentId) -> Result<(), Broken> {
        let Some(open) = self.assignments.get(&id) else {
            return Ok(());
        };
        // Offers end early when no way is left to send them.
        if open.rung < Rung::Delivered {
            return Ok(());
        }
        match self.limit_ms(open) {
            Some(limit_ms) if at.0 + EARLY_MS < open.since.0 + limit_ms => {
                let what = format!("{id:?} {:?} since {} at {}", open.rung, open.since.0, at.0);
                Err(Broken::new("a limit ran out before its time", what))
            }
            _ => Ok(()),
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&self, at: EngineTime) -> Result<(), Broken> {
        let mut all = self.assignments.keys();
        all.try_for_each(|id| self.in_time(at, *id))
    }
}

/// The ladder as DESIGN has it, written down a second time.
fn is_legal(from: Rung, to: Rung) -> bool {
    use Rung::*;
    match from {
        Stacked => matches!(to, Offered | Recalled),
        Offered => matches!(
            to,
            Offered
                | Sent
                | Delivered
                | Accepted
                | EnRoute
                | OnScene
                | Declined
                | Expired
                | Recalled
        ),
        Sent => matches!(
            to,
            Offered | Delivered | Accepted | EnRoute | OnScene | Declined | Expired | Recalled
        ),
        Delivered => matches!(
            to,
            Accepted | EnRoute | OnScene | Declined | Expired | Recalled
        ),
        Accepted => matches!(to, EnRoute | OnScene | Cleared | Recalled),
        EnRoute => matches!(to, OnScene | Cleared | Recalled),
        OnScene => matches!(to, Cleared | Recalled),
        Cleared | Declined | Expired | Recalled => false,
    }
}
