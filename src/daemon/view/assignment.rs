//! Assignments: one incident and one unit, with where they stand.

use super::{Name, Views};
use crate::engine::assignment::{Assignment, Rung, Source};
use crate::engine::id::{AssignmentId, EngineTime, IncidentId, RadioId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// One incident and one unit (处警单).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Assignment")]
pub struct AssignmentView<'a> {
    /// Its number.
    pub assignment: AssignmentId,
    /// Its incident.
    pub incident: IncidentId,
    /// Call sign of its unit.
    pub unit: Option<&'a str>,
    /// Where it stands.
    pub rung: Name<Rung>,
    /// The attempt on the air, from 1.
    pub attempt: u8,
    /// The terminal of this attempt; none where somebody must say it by voice.
    pub terminal: Option<RadioId>,
    /// Straight distance when it was offered, metres.
    pub distance_m: Option<u32>,
    /// The ranking that put another unit first, where a person chose this one.
    pub overrode: Option<u64>,
    /// When the limit of its rung runs out; none once it has ended.
    pub deadline: Option<EngineTime>,
    /// Its safety check, while there is one.
    pub safety: Option<SafetyView>,
    /// When it reached each rung, and who said so.
    pub stamps: Stamps<'a>,
}

/// An officer's safety check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Safety")]
pub struct SafetyView {
    /// Whether the question was asked and waits for its answer.
    pub asked: bool,
    /// When the question, or its answer, is due.
    pub deadline: EngineTime,
}

/// When a rung was reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Stamp")]
pub struct StampView {
    /// When.
    pub at: EngineTime,
    /// Who said so.
    pub source: Name<Source>,
}

/// The rungs that were reached, by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamps<'a>(&'a Assignment);

impl Serialize for Stamps<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for rung in Rung::ALL {
            if let Some(stamp) = self.0.stamp(rung) {
                let (at, source) = (stamp.at, Name(stamp.source));
                map.serialize_entry(&Name(rung), &StampView { at, source })?;
            }
        }
        map.end()
    }
}

impl JsonSchema for Stamps<'_> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Stamps")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rungs = generator.subschema_for::<Name<Rung>>();
        let stamp = generator.subschema_for::<StampView>();
        json_schema!({
            "type": "object", "propertyNames": rungs, "additionalProperties": stamp,
        })
    }
}

impl<'a> Views<'a> {
    /// An assignment with its stamps.
    #[must_use]
    pub fn assignment(self, assignment: &'a Assignment) -> AssignmentView<'a> {
        let open = assignment.rung.is_open();
        AssignmentView {
            assignment: assignment.id,
            incident: assignment.incident,
            unit: self.call_sign(assignment.unit),
            rung: Name(assignment.rung),
            attempt: assignment.attempt,
            terminal: assignment.terminal,
            distance_m: assignment.distance_m,
            overrode: assignment.overrode,
            deadline: open.then_some(assignment.deadline),
            safety: assignment.safety.map(|safety| SafetyView {
                asked: safety.asked,
                deadline: safety.deadline,
            }),
            stamps: Stamps(assignment),
        }
    }
}
