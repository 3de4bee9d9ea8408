//! Methods of incidents beyond their dispatch: referral, merging, links, reopening, undo, feedback.

use super::{Call, Context, MAX_NAME, MAX_TEXT, by, keyed, read, role_for, short, some_text};
use crate::config::users::Role;
use crate::daemon::rpc::Problem;
use crate::daemon::wire::Named;
use crate::engine::case::{Agency, Form, Outcome};
use crate::engine::command::{CaseAct, Command};
use crate::engine::id::{AssignmentId, IncidentId};
use serde::Deserialize;
use serde_json::Value;

/// Most people one feedback form counts.
const MAX_PEOPLE: u32 = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferParams {
    key: String,
    incident: u32,
    to: String,
    #[serde(default)]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptParams {
    key: String,
    incident: u32,
    receiver: String,
    #[serde(default)]
    number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonParams {
    key: String,
    incident: u32,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeParams {
    key: String,
    incident: u32,
    into: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkParams {
    key: String,
    incident: u32,
    other: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UndoParams {
    key: String,
    incident: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedbackParams {
    key: String,
    incident: u32,
    #[serde(default)]
    assignment: Option<u32>,
    outcome: String,
    #[serde(default)]
    injured: u32,
    #[serde(default)]
    persons: u32,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowUpParams {
    key: String,
    incident: u32,
    #[serde(default)]
    satisfied: Option<bool>,
    text: String,
}

/// Understands a request of `user` about an incident.
pub(super) fn parse(
    context: Context<'_>,
    user: &str,
    method: &str,
    params: &Value,
) -> Result<Call, Problem> {
    let (incident, act, key) = match method {
        "incident.refer" => refer(read(params)?)?,
        "incident.receipt" => {
            let params: ReceiptParams = read(params)?;
            some_text("receiver", &params.receiver, MAX_NAME)?;
            short("number", &params.number, MAX_NAME)?;
            let (receiver, number) = (params.receiver, params.number);
            let act = CaseAct::Receive { receiver, number };
            (params.incident, act, params.key)
        }
        "incident.return" | "incident.reopen" => {
            let params: ReasonParams = read(params)?;
            some_text("reason", &params.reason, MAX_TEXT)?;
            let reason = params.reason;
            let act = match method {
                "incident.return" => CaseAct::Return { reason },
                _ => CaseAct::Reopen { reason },
            };
            (params.incident, act, params.key)
        }
        "incident.merge" => {
            let params: MergeParams = read(params)?;
            let into = IncidentId(params.into);
            (params.incident, CaseAct::Merge { into }, params.key)
        }
        "incident.link" => {
            let params: LinkParams = read(params)?;
            let other = IncidentId(params.other);
            (params.incident, CaseAct::Link { other }, params.key)
        }
        "incident.undo" => {
            let params: UndoParams = read(params)?;
            let others = context.role >= Some(Role::Supervisor);
            (params.incident, CaseAct::Undo { others }, params.key)
        }
        "incident.feedback" => feedback(read(params)?)?,
        "incident.follow_up" => {
            let params: FollowUpParams = read(params)?;
            some_text("text", &params.text, MAX_TEXT)?;
            let (satisfied, text) = (params.satisfied, params.text);
            let act = CaseAct::FollowUp { satisfied, text };
            (params.incident, act, params.key)
        }
        _ => {
            return Err(role_for(method)
                .err()
                .unwrap_or_else(|| Problem::params("no such call")));
        }
    };
    let command = Command::Case {
        incident: IncidentId(incident),
        act,
        by: by(user),
    };
    keyed(command, key)
}

fn refer(params: ReferParams) -> Result<(u32, CaseAct, String), Problem> {
    let to = Agency::named(&params.to).map_err(|why| Problem::params(format!("`to`: {why}")))?;
    match to {
        Agency::Branch | Agency::Neighbour => some_text("name", &params.name, MAX_NAME)?,
        _ => short("name", &params.name, MAX_NAME)?,
    }
    some_text("reason", &params.reason, MAX_TEXT)?;
    let (name, reason) = (params.name, params.reason);
    let act = CaseAct::Refer { to, name, reason };
    Ok((params.incident, act, params.key))
}

fn feedback(params: FeedbackParams) -> Result<(u32, CaseAct, String), Problem> {
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
    let act = CaseAct::Feedback { assignment, form };
    Ok((params.incident, act, params.key))
}
