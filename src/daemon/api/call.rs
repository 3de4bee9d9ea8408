//! Methods of calls: what the exchange and the call-takers' desks say.

use super::{Call, Context, MAX_NAME, by, keyed, short, some_text};
use crate::daemon::rpc::Problem;
use crate::daemon::view::{Name, Named};
use crate::engine::call::{Invalid, Ring};
use crate::engine::command::Command;
use crate::engine::id::{CallId, EngineTime, IncidentId};
use crate::engine::incident::Source;
use schemars::JsonSchema;
use serde::Deserialize;

/// Longest a call may have waited in the exchange before it rang, milliseconds.
const MAX_WAITED_MS: u64 = 3_600_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArriveParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The line; `110` unless named.
    #[serde(default)]
    #[schemars(with = "Option<Name<Source>>")]
    line: Option<String>,
    /// The caller's number, empty if withheld.
    #[serde(default)]
    caller: String,
    /// The trunk.
    #[serde(default)]
    trunk: String,
    /// The desk it rings at.
    #[serde(default)]
    desk: Option<String>,
    /// How long it waited in the exchange, milliseconds, an hour at most.
    #[serde(default)]
    waited_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The call.
    call: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The call.
    call: u32,
    /// That it was none of ours.
    #[serde(default)]
    #[schemars(with = "Option<Name<Invalid>>")]
    invalid: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The call.
    call: u32,
    /// The incident.
    incident: u32,
}

pub(super) fn answer(_: Context<'_>, user: &str, params: AnswerParams) -> Result<Call, Problem> {
    let (call, by) = (CallId(params.call), user.to_owned());
    keyed(Command::Answer { call, by }, params.key)
}

pub(super) fn end(_: Context<'_>, user: &str, params: EndParams) -> Result<Call, Problem> {
    let kind = |name: &str| {
        Invalid::named(name).map_err(|why| Problem::params(format!("`invalid`: {why}")))
    };
    let command = Command::EndCall {
        call: CallId(params.call),
        invalid: params.invalid.as_deref().map(kind).transpose()?,
        by: user.to_owned(),
    };
    keyed(command, params.key)
}

pub(super) fn attach(_: Context<'_>, user: &str, params: AttachParams) -> Result<Call, Problem> {
    let command = Command::Attach {
        call: CallId(params.call),
        incident: IncidentId(params.incident),
        by: by(user),
    };
    keyed(command, params.key)
}

pub(super) fn arrive(context: Context<'_>, _: &str, params: ArriveParams) -> Result<Call, Problem> {
    short("caller", &params.caller, MAX_NAME)?;
    short("trunk", &params.trunk, MAX_NAME)?;
    if let Some(desk) = &params.desk {
        some_text("desk", desk, MAX_NAME)?;
    }
    let waited_ms = params.waited_ms;
    if waited_ms > MAX_WAITED_MS {
        let why = format!("`waited_ms`: {waited_ms} is more than an hour ({MAX_WAITED_MS})");
        return Err(Problem::params(why));
    }
    let line = params.line.as_deref().unwrap_or(Source::Police110.name());
    let ring = Ring {
        source: Source::named(line).map_err(|why| Problem::params(format!("`line`: {why}")))?,
        caller: params.caller,
        trunk: params.trunk,
        desk: params.desk,
        called_at: EngineTime(context.now.0.saturating_sub(waited_ms)),
    };
    keyed(Command::Arrive { ring }, params.key)
}
