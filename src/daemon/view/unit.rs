//! Units with their duty and position.

use super::{Name, Position, Views};
use crate::engine::id::{AssignmentId, IncidentId, RadioId};
use crate::engine::policy::UnitKind;
use crate::engine::unit::{Duty, Unit, UnitState};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// A unit of the register.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Unit")]
pub struct UnitView<'a> {
    /// Its call sign.
    pub unit: &'a str,
    /// What it moves with.
    pub kind: Name<UnitKind>,
    /// Where it stands.
    pub state: Name<UnitState>,
    /// Why it is out of service, if it is.
    pub out_of_service: Option<&'a str>,
    /// The assignment it works.
    pub active: Option<AssignmentId>,
    /// What waits behind it, in order.
    pub stacked: &'a BTreeSet<AssignmentId>,
    /// The open emergency of its crew; it is sent nowhere.
    pub emergency: Option<IncidentId>,
    /// Its first terminal on the air.
    pub reachable: Option<RadioId>,
    /// Its duty, none while off duty.
    pub duty: Option<DutyView<'a>>,
}

/// A unit's duty.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Duty")]
pub struct DutyView<'a> {
    /// Who is in it.
    pub crew: Vec<CrewView<'a>>,
    /// Plate or number, empty if none.
    pub vehicle: &'a str,
    /// Its terminals, the first registered one is used.
    pub terminals: &'a [RadioId],
    /// What it can do.
    pub skills: Vec<String>,
    /// Where it patrols, empty if everywhere.
    pub area: &'a str,
    /// Until when, milliseconds since 1970 UTC.
    pub until_ms: Option<i64>,
    /// Its newest position.
    pub position: Option<Position>,
    /// Age of that position, milliseconds.
    pub fix_age_ms: Option<u64>,
}

/// One of a crew.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "CrewMember")]
pub struct CrewView<'a> {
    /// Id in the register of officers.
    pub officer: &'a str,
    /// Sworn (民警) or auxiliary (辅警).
    pub sworn: bool,
}

impl<'a> Views<'a> {
    /// A unit with its duty.
    #[must_use]
    pub fn unit(self, unit: &'a Unit) -> UnitView<'a> {
        UnitView {
            unit: &unit.call_sign,
            kind: Name(unit.kind),
            state: Name(unit.state()),
            out_of_service: unit.out_of_service.as_deref(),
            active: unit.active,
            stacked: &unit.stacked,
            emergency: unit.emergency,
            reachable: self.engine.state().reachable(unit),
            duty: unit.duty.as_ref().map(|duty| self.duty(duty)),
        }
    }

    fn duty(self, duty: &'a Duty) -> DutyView<'a> {
        let place = self.engine.positions().of_unit(self.now, &duty.terminals);
        let crew = duty.crew.iter().map(|member| CrewView {
            officer: &member.officer,
            sworn: member.sworn,
        });
        DutyView {
            crew: crew.collect(),
            vehicle: &duty.vehicle,
            terminals: &duty.terminals,
            skills: self.skills(duty.skills.0),
            area: &duty.area,
            until_ms: duty.until_ms,
            position: place.map(|place| self.position(place.point)),
            fix_age_ms: place.map(|place| self.now.since_ms(place.taken_at)),
        }
    }
}
