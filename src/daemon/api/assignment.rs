//! Methods of assignments: one incident and one unit.

use super::names::unit_id;
use super::{Call, Context, MAX_TEXT, by, keyed, some_text};
use crate::daemon::rpc::Problem;
use crate::daemon::view::{Name, Named};
use crate::engine::assignment::{Source, Step};
use crate::engine::command::Command;
use crate::engine::id::{AssignmentId, IncidentId, ProposalId};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// Call sign of the unit.
    unit: String,
    /// Id of the ranking that was shown; refused with a fresh one when the unit is gone.
    ranking: u64,
    /// Behind the unit's active assignment.
    #[serde(default)]
    stack: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclineParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The proposal.
    proposal: u32,
    /// Why.
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecallParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The assignment.
    assignment: u32,
    /// Why.
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The assignment.
    assignment: u32,
    /// What the unit says.
    #[schemars(with = "Name<Step>")]
    to: String,
    /// `voice`, or `console`; `voice` unless named.
    #[serde(default)]
    source: Option<String>,
}

pub(super) fn offer(
    context: Context<'_>,
    user: &str,
    params: OfferParams,
) -> Result<Call, Problem> {
    let (incident, ranking) = (IncidentId(params.incident), params.ranking);
    let shown = context.shown.find(incident, ranking).cloned().map(Box::new);
    let command = Command::Offer {
        incident,
        unit: unit_id(context, &params.unit)?,
        ranking,
        shown,
        stack: params.stack,
        by: by(user),
    };
    keyed(command, params.key)
}

pub(super) fn decline(_: Context<'_>, user: &str, params: DeclineParams) -> Result<Call, Problem> {
    some_text("reason", &params.reason, MAX_TEXT)?;
    let command = Command::DeclineProposal {
        proposal: ProposalId(params.proposal),
        reason: params.reason,
        by: by(user),
    };
    keyed(command, params.key)
}

pub(super) fn recall(_: Context<'_>, user: &str, params: RecallParams) -> Result<Call, Problem> {
    some_text("reason", &params.reason, MAX_TEXT)?;
    let command = Command::Recall {
        assignment: AssignmentId(params.assignment),
        reason: params.reason,
        by: by(user),
    };
    keyed(command, params.key)
}

pub(super) fn advance(_: Context<'_>, user: &str, params: AdvanceParams) -> Result<Call, Problem> {
    let step = Step::named(&params.to).map_err(|why| Problem::params(format!("`to`: {why}")))?;
    let source = match params.source.as_deref() {
        None | Some("voice") => Source::Voice,
        Some("console") => Source::Console,
        Some(other) => {
            let message = format!("`source`: `{other}` is not known; known are voice, console");
            return Err(Problem::params(message));
        }
    };
    let command = Command::Advance {
        assignment: AssignmentId(params.assignment),
        step,
        source,
        by: by(user),
    };
    keyed(command, params.key)
}
