//! Methods of incidents beyond their dispatch: referral, merging, links, reopening, undo, feedback.

use super::incident::ReasonParams;
use super::params::IncidentParams;
use super::{Call, Context, MAX_NAME, MAX_TEXT, by, keyed, short, some_text};
use crate::config::users::Role;
use crate::daemon::rpc::Problem;
use crate::daemon::view::{Name, Named};
use crate::engine::case::{Agency, Form, Outcome};
use crate::engine::command::{CaseAct, Command};
use crate::engine::id::{AssignmentId, IncidentId};
use schemars::JsonSchema;
use serde::Deserialize;

/// Most people one feedback form counts.
const MAX_PEOPLE: u32 = 100_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// To whom.
    #[schemars(with = "Name<Agency>")]
    to: String,
    /// Which one; needed for a branch or a neighbour.
    #[serde(default)]
    name: String,
    /// Why.
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// Who took it there.
    receiver: String,
    /// Their number for it.
    #[serde(default)]
    number: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The duplicate.
    incident: u32,
    /// The survivor.
    into: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// One.
    incident: u32,
    /// The other.
    other: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedbackParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// The assignment it reports on.
    #[serde(default)]
    assignment: Option<u32>,
    /// What came of it.
    #[schemars(with = "Name<Outcome>")]
    outcome: String,
    /// Injured people.
    #[serde(default)]
    injured: u32,
    /// People dealt with.
    #[serde(default)]
    persons: u32,
    /// In words; needed for `other`.
    #[serde(default)]
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FollowUpParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// Whether the caller was content.
    #[serde(default)]
    satisfied: Option<bool>,
    /// In words.
    text: String,
}

/// A desk's act on an incident.
fn act(user: &str, key: String, incident: u32, act: CaseAct) -> Result<Call, Problem> {
    let command = Command::Case {
        incident: IncidentId(incident),
        act,
        by: by(user),
    };
    keyed(command, key)
}

pub(super) fn refer(_: Context<'_>, user: &str, params: ReferParams) -> Result<Call, Problem> {
    let to = Agency::named(&params.to).map_err(|why| Problem::params(format!("`to`: {why}")))?;
    match to {
        Agency::Branch | Agency::Neighbour => some_text("name", &params.name, MAX_NAME)?,
        _ => short("name", &params.name, MAX_NAME)?,
    }
    some_text("reason", &params.reason, MAX_TEXT)?;
    let (name, reason) = (params.name, params.reason);
    let refer = CaseAct::Refer { to, name, reason };
    act(user, params.key, params.incident, refer)
}

pub(super) fn receipt(_: Context<'_>, user: &str, params: ReceiptParams) -> Result<Call, Problem> {
    some_text("receiver", &params.receiver, MAX_NAME)?;
    short("number", &params.number, MAX_NAME)?;
    let (receiver, number) = (params.receiver, params.number);
    let receive = CaseAct::Receive { receiver, number };
    act(user, params.key, params.incident, receive)
}

pub(super) fn give_back(_: Context<'_>, user: &str, params: ReasonParams) -> Result<Call, Problem> {
    some_text("reason", &params.reason, MAX_TEXT)?;
    let reason = params.reason;
    act(
        user,
        params.key,
        params.incident,
        CaseAct::Return { reason },
    )
}

pub(super) fn reopen(_: Context<'_>, user: &str, params: ReasonParams) -> Result<Call, Problem> {
    some_text("reason", &params.reason, MAX_TEXT)?;
    let reason = params.reason;
    act(
        user,
        params.key,
        params.incident,
        CaseAct::Reopen { reason },
    )
}

pub(super) fn merge(_: Context<'_>, user: &str, params: MergeParams) -> Result<Call, Problem> {
    let into = IncidentId(params.into);
    act(user, params.key, params.incident, CaseAct::Merge { into })
}

pub(super) fn link(_: Context<'_>, user: &str, params: LinkParams) -> Result<Call, Problem> {
    let other = IncidentId(params.other);
    act(user, params.key, params.incident, CaseAct::Link { other })
}

pub(super) fn undo(
    context: Context<'_>,
    user: &str,
    params: IncidentParams,
) -> Result<Call, Problem> {
    let others = context.role >= Some(Role::Supervisor);
    act(user, params.key, params.incident, CaseAct::Undo { others })
}

pub(super) fn follow_up(
    _: Context<'_>,
    user: &str,
    params: FollowUpParams,
) -> Result<Call, Problem> {
    some_text("text", &params.text, MAX_TEXT)?;
    let (satisfied, text) = (params.satisfied, params.text);
    let follow_up = CaseAct::FollowUp { satisfied, text };
    act(user, params.key, params.incident, follow_up)
}

pub(super) fn feedback(
    _: Context<'_>,
    user: &str,
    params: FeedbackParams,
) -> Result<Call, Problem> {
    let outcome = Outcome::named(&params.outcome)
        .map_err(|why| Problem::params(format!("`outcome`: {why}")))?;
    match outcome {
        Outcome::Other => some_text("text", &params.text, MAX_TEXT)?,
        _ => short("text", &params.text, MAX_TEXT)?,
    }
    for (what, count) in [("injured", params.injured), ("persons", params.persons)] {
        if count > MAX_PEOPLE {
            let why = format!("`{what}`: {count} is more than {MAX_PEOPLE}");
            return Err(Problem::params(why));
        }
    }
    let form = Form {
        outcome,
        injured: params.injured,
        persons: params.persons,
        text: params.text,
    };
    let assignment = params.assignment.map(AssignmentId);
    let feedback = CaseAct::Feedback { assignment, form };
    act(user, params.key, params.incident, feedback)
}
