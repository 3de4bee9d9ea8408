//! The incident (警情): what was reported, what it was confirmed to be, and where it stands.
//!
//! ```text
//! Reported ─▶ Queued ⇄ Assigned ─▶ Underway ─▶ Resolved ─▶ FollowedUp ─▶ Closed
//!     │          │         │          │             └────────────────────────▲
//!     └──────────┴─────────┴──────────┴─▶ Cancelled · Merged · Referred ─▶ Closed
//!                ▲ returned, reopened, undone (what was never confirmed: to Reported)
//! ```
//! Being in the queue is derived (`missing() > 0`), whatever the phase. Queued, Assigned and
//! Underway follow from the assignments; only the other steps are said by somebody.

use super::assignment::Assignment;
use super::case::{Act, ActKind, Feedback, FollowUp, Referral};
use super::emergency::Emergency;
use super::id::{
    AssignmentId, CallId, CategoryCode, EngineTime, IncidentId, Point, TaskId, UnitId,
};
use super::policy::{Grade, Limits, Need};
use super::unit::Unit;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where an incident came in (来源). Both lines join one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// The 110 line.
    Police110,
    /// The 122 line.
    Traffic122,
    /// Text message to 12110.
    Sms12110,
    /// A web form.
    Web,
    /// An alarm panel.
    AlarmPanel,
    /// A grid worker (网格员).
    GridWorker,
    /// A terminal's emergency.
    RadioEmergency,
    /// Pushed by the city's 110 desk.
    City110,
    /// Transferred from 12345.
    Hotline12345,
    /// Transferred from the fire brigade.
    Fire119,
    /// Transferred from the ambulances.
    Ambulance120,
    /// A neighbouring branch.
    Neighbour,
    /// Found by a patrol.
    Patrol,
}

impl Source {
    /// Whether another desk sends it, which has a number of its own for it.
    #[must_use]
    pub fn is_transfer(self) -> bool {
        matches!(
            self,
            Self::City110
                | Self::Hotline12345
                | Self::Fire119
                | Self::Ambulance120
                | Self::Neighbour
        )
    }
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for its category.
    Reported,
    /// Confirmed, no open assignment.
    Queued,
    /// An open assignment, nobody rolling yet.
    Assigned,
    /// Somebody rolls or is there.
    Underway,
    /// Given to others (移交), who may give it back; closed once they took it.
    Referred,
    /// Handled (处置完毕).
    Resolved,
    /// The caller was asked afterwards (回访).
    FollowedUp,
    /// Reviewed and closed (审核结警).
    Closed,
    /// Withdrawn.
    Cancelled,
    /// Joined another incident (并警). Terminal but for undo.
    Merged,
}

/// How far the open assignments of an incident are; stacked ones do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engaged {
    /// None is open.
    Nobody,
    /// Some are open, nobody rolls.
    Offered,
    /// Somebody rolls or is on scene.
    Rolling,
}

/// What may happen to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Category and grade are known.
    Confirm,
    /// Its assignments changed.
    Engage(Engaged),
    /// The work is done.
    Resolve,
    /// Reviewed.
    Close,
    /// Withdrawn.
    Cancel,
    /// The caller was asked.
    FollowUp,
    /// Given to others.
    Refer,
    /// They gave it back: to Queued, or Reported if it was never confirmed.
    Return(Phase),
    /// It is work again: the same.
    Reopen(Phase),
    /// It joined another.
    Merge,
    /// The last act is taken back: to where it stood.
    Undo(Phase),
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 10] = [
        Self::Reported,
        Self::Queued,
        Self::Assigned,
        Self::Underway,
        Self::Referred,
        Self::Resolved,
        Self::FollowedUp,
        Self::Closed,
        Self::Cancelled,
        Self::Merged,
    ];

    /// Work is still to be done, by us or by others.
    #[must_use]
    pub fn is_open(self) -> bool {
        self < Self::Resolved
    }

    /// Our units may work on it.
    #[must_use]
    pub fn is_ours(self) -> bool {
        self < Self::Referred
    }

    /// The table of this lifecycle: the phase after `step`, none where it is not legal.
    #[must_use]
    pub fn after(self, step: Step) -> Option<Self> {
        use Phase::*;
        match (self, step) {
            (Reported, Step::Confirm) => Some(Queued),
            (Queued | Assigned | Underway, Step::Confirm) => Some(self),
            (Queued | Assigned | Underway, Step::Engage(Engaged::Nobody)) => Some(Queued),
            (Underway, Step::Engage(Engaged::Offered)) => Some(Underway),
            (Queued | Assigned, Step::Engage(Engaged::Offered)) => Some(Assigned),
            (Queued | Assigned | Underway, Step::Engage(Engaged::Rolling)) => Some(Underway),
            (Reported | Queued | Assigned | Underway, Step::Resolve) => Some(Resolved),
            (Resolved, Step::FollowUp) => Some(FollowedUp),
            (Resolved | FollowedUp | Referred, Step::Close) => Some(Closed),
            (Reported | Queued | Assigned | Underway, Step::Cancel) => Some(Cancelled),
            (Reported | Queued | Assigned | Underway, Step::Refer) => Some(Referred),
            (Reported | Queued | Assigned | Underway, Step::Merge) => Some(Merged),
            (Referred, Step::Return(to @ (Reported | Queued))) => Some(to),
            (
                Resolved | FollowedUp | Closed | Cancelled,
                Step::Reopen(to @ (Reported | Queued)),
            ) => Some(to),
            (Resolved | Cancelled | Merged, Step::Undo(to @ (Reported | Queued))) => Some(to),
            (Closed, Step::Undo(to @ (Referred | Resolved | FollowedUp))) => Some(to),
            _ => None,
        }
    }
}

/// One unit's place in an incident's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What it asks of the unit.
    pub need: Need,
    /// Whether the plan asks for it; one a dispatcher added is not filled again by the engine.
    pub planned: bool,
    /// The open or cleared assignment that fills it.
    pub filled_by: Option<AssignmentId>,
}

/// What the desk says an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classification {
    /// Its category, if somebody said one.
    pub category: Option<CategoryCode>,
    /// Its grade.
    pub grade: Grade,
}

/// A line a desk added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Engine time.
    pub at: EngineTime,
    /// The user.
    pub by: String,
    /// What was said.
    pub text: String,
}

/// What the caller told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Where it came in.
    pub source: Source,
    /// The user that took it.
    pub by: String,
    /// Place in words.
    pub place: String,
    /// Place in the plane, if one is known.
    pub point: Option<Point>,
    /// The caller's number as given, empty if unknown.
    pub caller: String,
    /// What happened, in words.
    pub text: String,
    /// When it happened, wall clock, milliseconds since 1970 UTC, if it was not now.
    pub occurred_at_ms: Option<i64>,
    /// What the call-taker took it for.
    pub classification: Classification,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// Engine time of the report.
    pub reported_at: EngineTime,
    /// What the caller told; place and point as corrected since.
    pub report: Report,
    /// What it was confirmed to be; statistics use this one.
    pub confirmed: Option<Classification>,
    /// Where it stands.
    pub phase: Phase,
    /// Slots of its plan, plus those a dispatcher added.
    pub slots: Vec<Slot>,
    /// Every assignment it ever had, by id.
    pub assignments: Vec<AssignmentId>,
    /// Limits of people in force for it.
    pub limits: Limits,
    /// Lines the desks added, oldest first.
    pub notes: Vec<Note>,
    /// Units that declined, let an offer expire or were recalled, until they may be asked again.
    pub held: Vec<(UnitId, EngineTime)>,
    /// When somebody must be told that it still waits.
    pub review_at: EngineTime,
    /// The task to tell its caller that it takes longer, until it is done.
    pub task: Option<TaskId>,
    /// The emergency it is about; then it is of rank 0, whatever its grade.
    pub emergency: Option<Emergency>,
    /// When it was resolved, cancelled or merged, or closed after others took it.
    pub ended_at: Option<EngineTime>,
    /// Its calls, in the order they joined.
    pub calls: Vec<CallId>,
    /// Incidents it has to do with.
    pub links: BTreeSet<IncidentId>,
    /// The number of whoever sent it, empty when it came from a caller.
    pub sender_number: String,
    /// The last time it was given to others.
    pub referral: Option<Referral>,
    /// The incident it joined.
    pub merged_into: Option<IncidentId>,
    /// Calls that moved when it was merged: an undo takes them back.
    pub moved_calls: Vec<CallId>,
    /// Feedback forms, oldest first.
    pub feedback: Vec<Feedback>,
    /// Until when one is awaited.
    pub feedback_due: Option<EngineTime>,
    /// What the caller said afterwards.
    pub follow_up: Option<FollowUp>,
    /// What may be undone.
    pub last_act: Option<Act>,
}

impl Incident {
    /// Most notes one incident keeps.
    pub const MAX_NOTES: usize = 200;
    /// Most slots one incident may grow to.
    pub const MAX_SLOTS: usize = 32;
    /// Most incidents one is linked with.
    pub const MAX_LINKS: usize = 32;

    /// Category and grade in force.
    #[must_use]
    pub fn classification(&self) -> Classification {
        self.confirmed.unwrap_or(self.report.classification)
    }

    /// The grade whose limits of waiting and of proof hold: an emergency's are Grade I's, whatever
    /// it was confirmed as.
    #[must_use]
    pub fn gravity(&self) -> Grade {
        match self.emergency {
            Some(_) => Grade::One,
            None => self.classification().grade,
        }
    }

    /// Indices and needs of the plan's slots that no open or cleared assignment fills; empty unless
    /// it is waiting for units.
    pub fn missing(&self) -> impl Iterator<Item = (u8, Need)> + '_ {
        let waiting = self.phase.is_ours() && self.phase != Phase::Reported;
        (0u8..)
            .zip(&self.slots)
            .filter(move |(_, slot)| waiting && slot.planned && slot.filled_by.is_none())
            .map(|(index, slot)| (index, slot.need))
    }

    /// Whether a call may still join it.
    #[must_use]
    pub fn takes_calls(&self) -> bool {
        self.phase.is_open() || matches!(self.phase, Phase::Resolved | Phase::FollowedUp)
    }

    /// Where it stands once it is work again.
    #[must_use]
    pub fn anew(&self) -> Phase {
        match self.confirmed {
            Some(_) => Phase::Queued,
            None => Phase::Reported,
        }
    }

    /// Where it stood before its last act.
    #[must_use]
    pub fn before(&self, act: ActKind) -> Phase {
        match act {
            ActKind::Merge | ActKind::Cancel | ActKind::Resolve => self.anew(),
            ActKind::Close if self.is_referred() => Phase::Referred,
            ActKind::Close if self.follow_up.is_some() => Phase::FollowedUp,
            ActKind::Close => Phase::Resolved,
        }
    }

    /// Given to others and not given back.
    #[must_use]
    pub fn is_referred(&self) -> bool {
        let referral = self.referral.as_ref();
        referral.is_some_and(|referral| referral.returned.is_none())
    }

    /// Whether others took it.
    #[must_use]
    pub fn is_received(&self) -> bool {
        let referral = self.referral.as_ref();
        self.is_referred() && referral.is_some_and(|referral| referral.receipt.is_some())
    }

    /// Work is to be done again: its plan is to be filled anew, and everybody may be asked.
    pub(super) fn begin_anew(&mut self) {
        self.ended_at = None;
        self.feedback_due = None;
        self.follow_up = None;
        self.last_act = None;
        self.held.clear();
        for slot in &mut self.slots {
            slot.filled_by = None;
        }
    }

    /// `unit` is not asked again before `until`; those whose time has come may be.
    pub(super) fn hold(&mut self, at: EngineTime, unit: UnitId, until: EngineTime) {
        self.held
            .retain(|(held, until)| *held != unit && *until > at);
        self.held.push((unit, until));
    }

    /// Whether `unit` was asked before and must not be asked again yet.
    #[must_use]
    pub fn holds(&self, unit: UnitId) -> bool {
        self.held.iter().any(|(held, _)| *held == unit)
    }
}

/// Gives an incident the slots of a plan. A unit on it keeps a slot that asks for the same as its
/// own did, or takes one it meets; whoever fits none stays beside the plan.
pub(super) fn replan(
    incident: &mut Incident,
    assignments: &mut BTreeMap<AssignmentId, Assignment>,
    units: &BTreeMap<UnitId, Box<Unit>>,
    needs: &[Need],
) {
    let old = std::mem::take(&mut incident.slots);
    let slots = &mut incident.slots;
    slots.extend(needs.iter().map(|need| Slot {
        need: *need,
        planned: true,
        filled_by: None,
    }));
    let mut fill = |id, fits: &dyn Fn(Need) -> bool| {
        let mut open = slots.iter_mut().filter(|slot| slot.filled_by.is_none());
        let slot = open.find(|slot| fits(slot.need));
        slot.is_some_and(|slot| slot.filled_by.replace(id).is_none())
    };
    let mut left: Vec<AssignmentId> = Vec::new();
    for slot in &old {
        let Some(id) = slot.filled_by else { continue };
        if !(slot.planned && fill(id, &|need| need == slot.need)) {
            left.push(id);
        }
    }
    left.retain(|id| {
        let unit = assignments.get(id).and_then(|found| units.get(&found.unit));
        let duty = unit.and_then(|unit| unit.duty.as_ref());
        !fill(*id, &|need| duty.is_some_and(|duty| duty.meets(need)))
    });
    slots.extend(left.into_iter().map(|id| Slot {
        need: Need::default(),
        planned: false,
        filled_by: Some(id),
    }));
    for (index, slot) in (0u8..).zip(&incident.slots) {
        let filled_by = slot.filled_by.and_then(|id| assignments.get_mut(&id));
        if let Some(assignment) = filled_by {
            assignment.slot = index;
        }
    }
}
