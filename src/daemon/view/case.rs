//! What the desks wrote beside an incident: referral, feedback, follow-up.

use super::{Name, who};
use crate::engine::case::{Agency, Feedback, FollowUp, Outcome, Referral};
use crate::engine::id::{AssignmentId, EngineTime, FeedbackId};
use schemars::JsonSchema;
use serde::Serialize;

/// An incident given to others (移交).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Referral")]
pub struct ReferralView<'a> {
    /// To whom.
    pub to: Name<Agency>,
    /// Which one, where there are several.
    pub name: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Since when.
    pub at: EngineTime,
    /// Who took it, once somebody did.
    pub receipt: Option<Receipt<'a>>,
    /// That it came back (退单), if it did.
    pub returned: Option<Returned<'a>>,
}

/// Others took it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Receipt<'a> {
    /// When.
    pub at: EngineTime,
    /// Who.
    pub receiver: &'a str,
    /// Their number for it, empty if they gave none.
    pub number: &'a str,
}

/// Others gave it back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Returned<'a> {
    /// When.
    pub at: EngineTime,
    /// Why.
    pub reason: &'a str,
}

/// A feedback form (反馈单).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Feedback")]
pub struct FeedbackView<'a> {
    /// Its number.
    pub feedback: FeedbackId,
    /// The assignment it reports on.
    pub assignment: Option<AssignmentId>,
    /// What came of it.
    pub outcome: Name<Outcome>,
    /// Injured people.
    pub injured: u32,
    /// People dealt with.
    pub persons: u32,
    /// In words.
    pub text: &'a str,
    /// When it was written.
    pub at: EngineTime,
    /// The user.
    pub by: Option<&'a str>,
}

/// What the caller said afterwards (回访).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "FollowUp")]
pub struct FollowUpView<'a> {
    /// When.
    pub at: EngineTime,
    /// Whether the caller was content, if they said.
    pub satisfied: Option<bool>,
    /// In words.
    pub text: &'a str,
    /// The user.
    pub by: Option<&'a str>,
}

impl<'a> From<&'a Referral> for ReferralView<'a> {
    fn from(referral: &'a Referral) -> Self {
        let receipt = referral.receipt.as_ref();
        let returned = referral.returned.as_ref();
        Self {
            to: Name(referral.to),
            name: &referral.name,
            reason: &referral.reason,
            at: referral.at,
            receipt: receipt.map(|(at, receiver, number)| Receipt {
                at: *at,
                receiver,
                number,
            }),
            returned: returned.map(|(at, reason)| Returned { at: *at, reason }),
        }
    }
}

impl<'a> From<&'a Feedback> for FeedbackView<'a> {
    fn from(feedback: &'a Feedback) -> Self {
        Self {
            feedback: feedback.id,
            assignment: feedback.assignment,
            outcome: Name(feedback.form.outcome),
            injured: feedback.form.injured,
            persons: feedback.form.persons,
            text: &feedback.form.text,
            at: feedback.at,
            by: who(&feedback.by),
        }
    }
}

impl<'a> From<&'a FollowUp> for FollowUpView<'a> {
    fn from(follow_up: &'a FollowUp) -> Self {
        Self {
            at: follow_up.at,
            satisfied: follow_up.satisfied,
            text: &follow_up.text,
            by: who(&follow_up.by),
        }
    }
}
