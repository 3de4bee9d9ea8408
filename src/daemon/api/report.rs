//! Reports: what a caller, a call or another desk tells.

use super::names::{category, grade, point, wall_ms};
use super::params::PositionParams;
use super::{Call, Context, MAX_NAME, MAX_TEXT, by, dispatcher, keyed, short, some_text};
use crate::daemon::rpc::Problem;
use crate::daemon::view::{Name, Named};
use crate::engine::command::Command;
use crate::engine::id::{AlarmId, CallId};
use crate::engine::incident::{Classification, Report, Source};
use crate::engine::policy::Grade;
use schemars::JsonSchema;
use serde::Deserialize;
use std::mem::take;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The line or system it came in by; the call's, or `110`, unless named.
    #[serde(default)]
    #[schemars(with = "Option<Name<Source>>")]
    source: Option<String>,
    /// Where, in words.
    place: String,
    /// Where, on the map.
    #[serde(default)]
    position: Option<PositionParams>,
    /// The caller's number or name; the call's unless named.
    #[serde(default)]
    caller: String,
    /// What was told.
    #[serde(default)]
    text: String,
    /// Key of the category; without one it waits for a desk to confirm it.
    #[serde(default)]
    category: Option<String>,
    /// The category's usual grade unless named.
    #[serde(default)]
    #[schemars(with = "Option<Name<Grade>>")]
    grade: Option<String>,
    /// When it happened, with an offset.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    occurred_at: Option<String>,
    /// The alarm of an unknown terminal's emergency that this is; needs a dispatcher.
    #[serde(default)]
    alarm: Option<u32>,
    /// The call it came from.
    #[serde(default)]
    call: Option<u32>,
    /// The sender's number for it, of a transfer.
    #[serde(default)]
    sender_number: String,
}

/// Understands `incident.report`.
pub(super) fn report(
    context: Context<'_>,
    user: &str,
    mut params: ReportParams,
) -> Result<Call, Problem> {
    if params.alarm.is_some() {
        dispatcher(context, "incident.report with `alarm`")?;
    }
    short("sender_number", &params.sender_number, MAX_NAME)?;
    let (alarm, call) = (params.alarm, params.call.map(CallId));
    let (key, number) = (take(&mut params.key), take(&mut params.sender_number));
    let report = Box::new(told(context, user, params, call)?);
    let command = match (alarm, call, number) {
        (None, None, number) if number.is_empty() => Command::Report(report),
        (Some(alarm), None, number) if number.is_empty() => Command::ReportEmergency {
            alarm: AlarmId(alarm),
            report,
            by: by(user),
        },
        (Some(_), ..) => {
            let why = "`alarm`: a terminal's emergency comes from no call and no other desk";
            return Err(Problem::params(why));
        }
        (None, call, sender_number) => Command::ReportFrom {
            report,
            call,
            sender_number,
        },
    };
    keyed(command, key)
}

/// Understands `incident.split`.
pub(super) fn split(
    context: Context<'_>,
    user: &str,
    mut params: ReportParams,
) -> Result<Call, Problem> {
    let Some(call) = params.call.map(CallId) else {
        let why = "`call` is missing: which call becomes an incident of its own?";
        return Err(Problem::params(why));
    };
    if params.alarm.is_some() {
        let why = "`alarm`: a call is split, which no terminal's emergency is";
        return Err(Problem::params(why));
    }
    if !params.sender_number.is_empty() {
        let why = "`sender_number`: a call is split, which no other desk sent";
        return Err(Problem::params(why));
    }
    let key = take(&mut params.key);
    let command = Command::Split {
        call,
        report: Box::new(told(context, user, params, Some(call))?),
        by: by(user),
    };
    keyed(command, key)
}

/// What was told; source and number are the call's where nobody says another.
fn told(
    context: Context<'_>,
    user: &str,
    params: ReportParams,
    call: Option<CallId>,
) -> Result<Report, Problem> {
    some_text("place", &params.place, MAX_NAME)?;
    short("caller", &params.caller, MAX_NAME)?;
    short("text", &params.text, MAX_TEXT)?;
    let ring = call.and_then(|call| context.engine.state().calls.get(&call));
    let ring = ring.map(|call| &call.ring);
    let source = match &params.source {
        Some(name) => {
            Source::named(name).map_err(|why| Problem::params(format!("`source`: {why}")))?
        }
        None => ring.map_or(Source::Police110, |ring| ring.source),
    };
    let caller = match ring {
        Some(ring) if params.caller.is_empty() => ring.caller.clone(),
        _ => params.caller,
    };
    let category = params
        .category
        .as_deref()
        .map(|key| category(context, key))
        .transpose()?;
    let default = category.map_or(Grade::Two, |(_, grade)| grade);
    let grade = params.grade.as_deref().map(grade).transpose()?;
    let position = params.position.as_ref();
    let occurred_at = params.occurred_at.as_deref();
    Ok(Report {
        source,
        by: user.to_owned(),
        place: params.place,
        point: position
            .map(|position| point(context, position))
            .transpose()?,
        caller,
        text: params.text,
        occurred_at_ms: occurred_at
            .map(|at| wall_ms("occurred_at", at))
            .transpose()?,
        classification: Classification {
            category: category.map(|(code, _)| code),
            grade: grade.unwrap_or(default),
        },
    })
}
