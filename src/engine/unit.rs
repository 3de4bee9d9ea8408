//! Units (警力单元) and their duty: who can be sent, with whom, in what, reachable how.
//!
//! The config holds only the register; crew, vehicle, terminals and area come with sign-on
//! (勤务报备). The state is derived: off duty, out of service, committed, available, in this order.

use super::id::{AssignmentId, EngineTime, IncidentId, RadioId, UnitId};
use super::policy::{Need, Skills, UnitKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A member of a crew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrewMember {
    /// Service number.
    pub officer: String,
    /// Sworn officer, or auxiliary (辅警).
    pub sworn: bool,
}

/// What a unit signed on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// Who is in it.
    pub crew: Vec<CrewMember>,
    /// Plate or name of the vehicle, empty on foot.
    pub vehicle: String,
    /// Its terminals, the preferred one first.
    pub terminals: Vec<RadioId>,
    /// What crew and vehicle can do.
    pub skills: Skills,
    /// Community or beat, free text.
    pub area: String,
    /// End of the shift, wall clock, milliseconds since 1970 UTC.
    pub until_ms: Option<i64>,
}

impl Duty {
    /// Most crew members.
    pub const MAX_CREW: usize = 16;
    /// Most terminals.
    pub const MAX_TERMINALS: usize = 8;

    /// Sworn officers in the crew.
    #[must_use]
    pub fn sworn(&self) -> u8 {
        let count = self.crew.iter().filter(|member| member.sworn).count();
        u8::try_from(count).unwrap_or(u8::MAX)
    }

    /// The skills and sworn officers it has.
    #[must_use]
    pub fn able(&self) -> Need {
        Need {
            skills: self.skills,
            sworn: self.sworn(),
        }
    }

    /// Whether it may fill a slot that asks for `need`.
    #[must_use]
    pub fn meets(&self, need: Need) -> bool {
        self.skills.covers(need.skills) && self.sworn() >= need.sworn
    }
}

/// Where a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitState {
    /// Not signed on.
    OffDuty,
    /// Signed on, free.
    Available,
    /// Has an active assignment.
    Committed,
    /// Signed on, not to be sent.
    OutOfService,
}

/// One unit of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// Its call sign (呼号).
    pub call_sign: String,
    /// What it moves with.
    pub kind: UnitKind,
    /// What it signed on with, none while off duty.
    pub duty: Option<Duty>,
    /// When it signed on.
    pub on_duty_since: EngineTime,
    /// Why it must not be sent, if it must not.
    pub out_of_service: Option<String>,
    /// The one assignment it works on.
    pub active: Option<AssignmentId>,
    /// Assignments waiting behind it.
    pub stacked: BTreeSet<AssignmentId>,
    /// The open emergency of its crew, beside its state: it is sent nowhere meanwhile.
    pub emergency: Option<IncidentId>,
}

impl Unit {
    /// Most assignments stacked behind the active one.
    pub const MAX_STACKED: usize = 16;

    /// Free to be sent: available, and nobody of its crew calls for help.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.state() == UnitState::Available && self.emergency.is_none()
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> UnitState {
        match () {
            () if self.duty.is_none() => UnitState::OffDuty,
            () if self.out_of_service.is_some() => UnitState::OutOfService,
            () if self.active.is_some() => UnitState::Committed,
            () => UnitState::Available,
        }
    }
}
