//! Methods of incidents: what they are, who works them, how they end.

use super::names::{category, grade, point};
use super::params::{IncidentParams, PositionParams, ReadIncident};
use super::{Call, Context, MAX_NAME, MAX_TEXT, by, keyed, some_text};
use crate::config::users::Role;
use crate::daemon::rpc::Problem;
use crate::daemon::view::Name;
use crate::engine::claim::Desk;
use crate::engine::command::Command;
use crate::engine::id::IncidentId;
use crate::engine::incident::Classification;
use crate::engine::policy::Grade;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// Key of the category; as it is unless named.
    #[serde(default)]
    category: Option<String>,
    /// The grade; the category's usual one unless named.
    #[serde(default)]
    #[schemars(with = "Option<Name<Grade>>")]
    grade: Option<String>,
    /// Where, in words; as it is unless named.
    #[serde(default)]
    place: Option<String>,
    /// Where, on the map; as it is unless named.
    #[serde(default)]
    position: Option<PositionParams>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonParams {
    /// A new one for each command; the same key gets the same answer.
    pub(super) key: String,
    /// The incident.
    pub(super) incident: u32,
    /// Why.
    pub(super) reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The incident.
    incident: u32,
    /// The line.
    text: String,
}

pub(super) fn get(_: Context<'_>, _: &str, params: ReadIncident) -> Result<Call, Problem> {
    Ok(Call::Get(IncidentId(params.incident)))
}

pub(super) fn rank(_: Context<'_>, _: &str, params: ReadIncident) -> Result<Call, Problem> {
    Ok(Call::Rank(IncidentId(params.incident)))
}

pub(super) fn confirm(
    context: Context<'_>,
    user: &str,
    params: ConfirmParams,
) -> Result<Call, Problem> {
    let incident = IncidentId(params.incident);
    let known = context.engine.state().incidents.get(&incident);
    let category = params
        .category
        .as_deref()
        .map(|key| category(context, key))
        .transpose()?;
    let grade = params.grade.as_deref().map(grade).transpose()?;
    let old = known.map(|incident| incident.classification());
    let classification = (category.is_some() || grade.is_some()).then(|| Classification {
        category: category
            .map(|(code, _)| code)
            .or(old.and_then(|old| old.category)),
        grade: grade
            .or(category.map(|(_, grade)| grade))
            .or(old.map(|old| old.grade))
            .unwrap_or(Grade::Two),
    });
    let position = params
        .position
        .map(|position| point(context, &position))
        .transpose()?;
    let place = match (params.place, position) {
        (None, None) => None,
        (place, position) => {
            let place = place.or(known.map(|incident| incident.report.place.clone()));
            let place = place.unwrap_or_default();
            some_text("place", &place, MAX_NAME)?;
            Some((
                place,
                position.or(known.and_then(|incident| incident.report.point)),
            ))
        }
    };
    keyed(
        Command::Confirm {
            incident,
            classification,
            place,
            by: by(user),
        },
        params.key,
    )
}

pub(super) fn note(_: Context<'_>, user: &str, params: NoteParams) -> Result<Call, Problem> {
    some_text("text", &params.text, MAX_TEXT)?;
    let command = Command::Note {
        incident: IncidentId(params.incident),
        text: params.text,
        by: user.to_owned(),
    };
    keyed(command, params.key)
}

pub(super) fn claim(
    context: Context<'_>,
    user: &str,
    params: IncidentParams,
) -> Result<Call, Problem> {
    let command = Command::Claim {
        incident: IncidentId(params.incident),
        desk: desk(context, user),
        take_over: context.role == Some(Role::Supervisor),
    };
    keyed(command, params.key)
}

pub(super) fn release(
    context: Context<'_>,
    user: &str,
    params: IncidentParams,
) -> Result<Call, Problem> {
    let (incident, desk) = (IncidentId(params.incident), desk(context, user));
    keyed(Command::Release { incident, desk }, params.key)
}

fn desk(context: Context<'_>, user: &str) -> Desk {
    Desk {
        user: user.to_owned(),
        console: context.console.0,
    }
}

pub(super) fn cancel(_: Context<'_>, user: &str, params: ReasonParams) -> Result<Call, Problem> {
    some_text("reason", &params.reason, MAX_TEXT)?;
    let command = Command::Cancel {
        incident: IncidentId(params.incident),
        reason: params.reason,
        by: by(user),
    };
    keyed(command, params.key)
}

pub(super) fn resolve(_: Context<'_>, user: &str, params: IncidentParams) -> Result<Call, Problem> {
    let (incident, by) = (IncidentId(params.incident), by(user));
    keyed(Command::Resolve { incident, by }, params.key)
}

pub(super) fn close(_: Context<'_>, user: &str, params: IncidentParams) -> Result<Call, Problem> {
    let (incident, by) = (IncidentId(params.incident), by(user));
    keyed(Command::Close { incident, by }, params.key)
}
