//! Incidents.

use super::case::{FeedbackView, FollowUpView, ReferralView};
use super::{Name, Position, Views};
use crate::engine::emergency::Emergency;
use crate::engine::id::{AssignmentId, CallId, EngineTime, IncidentId, RadioId};
use crate::engine::incident::{Incident, Phase, Source};
use crate::engine::policy::Grade;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// What somebody reported, and what becomes of it (接警单).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Incident")]
pub struct IncidentView<'a> {
    /// Its number.
    pub incident: IncidentId,
    /// The desk that works it.
    pub claim: Option<ClaimView<'a>>,
    /// Where it stands.
    pub phase: Name<Phase>,
    /// The confirmed grade, or the reported one.
    pub grade: Name<Grade>,
    /// Whether grade and category are confirmed.
    pub confirmed: bool,
    /// Key of the category; none while it has none.
    pub category: Option<&'a str>,
    /// Grade and category as they were reported.
    pub reported: ReportedView<'a>,
    /// The line or system it came in by.
    pub source: Name<Source>,
    /// The user who took it.
    pub reported_by: &'a str,
    /// When.
    pub reported_at: EngineTime,
    /// When somebody first called about it.
    pub first_call_at: EngineTime,
    /// When it happened, milliseconds since 1970 UTC.
    pub occurred_at_ms: Option<i64>,
    /// Where, in words.
    pub place: &'a str,
    /// Where, on the map.
    pub position: Option<Position>,
    /// The caller's number or name.
    pub caller: &'a str,
    /// What was told.
    pub text: &'a str,
    /// The sender's number for it, of a transfer.
    pub sender_number: &'a str,
    /// Units it still needs.
    pub missing: usize,
    /// What its plan asks for; left out in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<Vec<SlotView>>,
    /// Its assignments, ended ones too.
    pub assignments: &'a [AssignmentId],
    /// Its calls.
    pub calls: &'a [CallId],
    /// Incidents it has to do with.
    pub links: &'a BTreeSet<IncidentId>,
    /// The incident it joined.
    pub merged_into: Option<IncidentId>,
    /// What was written down, in order; left out in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<NoteView<'a>>>,
    /// The emergency it is about; then it is of rank 0.
    pub emergency: Option<EmergencyView<'a>>,
    /// Others it was given to.
    pub referral: Option<ReferralView<'a>>,
    /// Feedback forms.
    pub feedback: Vec<FeedbackView<'a>>,
    /// When a form is due.
    pub feedback_due: Option<EngineTime>,
    /// What the caller said afterwards.
    pub follow_up: Option<FollowUpView<'a>>,
    /// When it ended.
    pub ended_at: Option<EngineTime>,
}

/// What an incident was reported as.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Reported")]
pub struct ReportedView<'a> {
    /// The grade.
    pub grade: Name<Grade>,
    /// Key of the category.
    pub category: Option<&'a str>,
}

/// Who works an incident.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Claim")]
pub struct ClaimView<'a> {
    /// The user.
    pub user: &'a str,
    /// The connection.
    pub console: u64,
    /// Since when.
    pub since: EngineTime,
    /// By when it must be claimed again after a restart.
    pub renew_by: Option<EngineTime>,
}

/// A unit the plan asks for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Slot")]
pub struct SlotView {
    /// Sworn officers it must have.
    pub sworn: u8,
    /// Skills it must have.
    pub skills: Vec<String>,
    /// The assignment that fills it.
    pub assignment: Option<AssignmentId>,
}

/// A line somebody wrote.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Note")]
pub struct NoteView<'a> {
    /// When.
    pub at: EngineTime,
    /// The user.
    pub by: &'a str,
    /// The line.
    pub text: &'a str,
}

/// An officer's emergency (紧急求助).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Emergency")]
pub struct EmergencyView<'a> {
    /// The terminal whose button was pressed.
    pub radio: RadioId,
    /// Call sign of the unit that held it.
    pub unit: Option<&'a str>,
    /// How often it was pressed.
    pub presses: u32,
    /// When it was last pressed.
    pub last_at: EngineTime,
    /// When the terminal took it back; it stays open all the same.
    pub cancelled_at: Option<EngineTime>,
}

impl<'a> Views<'a> {
    /// An incident with its assignments' ids.
    #[must_use]
    pub fn incident(self, incident: &'a Incident) -> IncidentView<'a> {
        let slots = incident.slots.iter().map(|slot| SlotView {
            sworn: slot.need.sworn,
            skills: self.skills(slot.need.skills.0),
            assignment: slot.filled_by,
        });
        let notes = incident.notes.iter().map(|note| NoteView {
            at: note.at,
            by: &note.by,
            text: &note.text,
        });
        IncidentView {
            slots: Some(slots.collect()),
            notes: Some(notes.collect()),
            ..self.summary(incident)
        }
    }

    /// An incident as a list shows it.
    #[must_use]
    pub fn summary(self, incident: &'a Incident) -> IncidentView<'a> {
        let (report, state) = (&incident.report, self.engine.state());
        let (reported, now) = (report.classification, incident.classification());
        let category = |code| Some(self.engine.policy().categories.get(&code)?.key.as_str());
        let claim = state.claims.get(&incident.id);
        let emergency = incident.emergency.as_ref();
        IncidentView {
            incident: incident.id,
            claim: claim.map(|claim| ClaimView {
                user: &claim.desk.user,
                console: claim.desk.console,
                since: claim.since,
                renew_by: claim.renew_by,
            }),
            phase: Name(incident.phase),
            grade: Name(now.grade),
            confirmed: incident.confirmed.is_some(),
            category: now.category.and_then(category),
            reported: ReportedView {
                grade: Name(reported.grade),
                category: reported.category.and_then(category),
            },
            source: Name(report.source),
            reported_by: &report.by,
            reported_at: incident.reported_at,
            first_call_at: state.first_call_at(incident),
            occurred_at_ms: report.occurred_at_ms,
            place: &report.place,
            position: report.point.map(|point| self.position(point)),
            caller: &report.caller,
            text: &report.text,
            sender_number: &incident.sender_number,
            missing: incident.missing().count(),
            slots: None,
            assignments: &incident.assignments,
            calls: &incident.calls,
            links: &incident.links,
            merged_into: incident.merged_into,
            notes: None,
            emergency: emergency.map(|found| self.emergency(found)),
            referral: incident.referral.as_ref().map(ReferralView::from),
            feedback: incident.feedback.iter().map(FeedbackView::from).collect(),
            feedback_due: incident.feedback_due,
            follow_up: incident.follow_up.as_ref().map(FollowUpView::from),
            ended_at: incident.ended_at,
        }
    }

    fn emergency(self, emergency: &Emergency) -> EmergencyView<'a> {
        EmergencyView {
            radio: emergency.radio,
            unit: emergency.unit.and_then(|unit| self.call_sign(unit)),
            presses: emergency.presses,
            last_at: emergency.last_at,
            cancelled_at: emergency.cancelled_at,
        }
    }
}
