//! Methods of calls and tasks: what the exchange and the call-takers' desks say.

use super::{Call, Context, MAX_NAME, MAX_TEXT, by, keyed, read, role_for, short, some_text};
use crate::config::users::Role;
use crate::daemon::rpc::Problem;
use crate::daemon::wire::Named;
use crate::engine::call::{Invalid, Ring};
use crate::engine::command::Command;
use crate::engine::id::{CallId, EngineTime, IncidentId, TaskId};
use crate::engine::incident::Source;
use crate::engine::task::TaskKind;
use serde::Deserialize;
use serde_json::Value;

/// Longest a call may have waited in the exchange before it rang, milliseconds.
const MAX_WAITED_MS: u64 = 3_600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArriveParams {
    key: String,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    caller: String,
    #[serde(default)]
    trunk: String,
    #[serde(default)]
    desk: Option<String>,
    #[serde(default)]
    waited_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerParams {
    key: String,
    call: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndParams {
    key: String,
    call: u32,
    #[serde(default)]
    invalid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachParams {
    key: String,
    call: u32,
    incident: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskParams {
    key: String,
    task: u32,
    #[serde(default)]
    outcome: String,
}

/// Understands `call.*`.
pub(super) fn parse(
    context: Context<'_>,
    user: &str,
    method: &str,
    params: &Value,
) -> Result<Call, Problem> {
    match method {
        "call.arrive" => arrive(context, read(params)?),
        "call.answer" => {
            let AnswerParams { key, call } = read(params)?;
            let (call, by) = (CallId(call), user.to_owned());
            keyed(Command::Answer { call, by }, key)
        }
        "call.end" => {
            let EndParams { key, call, invalid } = read(params)?;
            let kind = |name: &str| {
                Invalid::named(name).map_err(|why| Problem::params(format!("`invalid`: {why}")))
            };
            let command = Command::EndCall {
                call: CallId(call),
                invalid: invalid.as_deref().map(kind).transpose()?,
                by: user.to_owned(),
            };
            keyed(command, key)
        }
        "call.attach" => {
            let AttachParams {
                key,
                call,
                incident,
            } = read(params)?;
            let command = Command::Attach {
                call: CallId(call),
                incident: IncidentId(incident),
                by: by(user),
            };
            keyed(command, key)
        }
        _ => Err(role_for(method)
            .err()
            .unwrap_or_else(|| Problem::params("no such call"))),
    }
}

fn arrive(context: Context<'_>, params: ArriveParams) -> Result<Call, Problem> {
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

/// Understands `task.done`.
pub(super) fn task_done(context: Context<'_>, user: &str, params: &Value) -> Result<Call, Problem> {
    let TaskParams { key, task, outcome } = read(params)?;
    let found = context.engine.state().tasks.get(&TaskId(task));
    let moves_a_unit = found.is_some_and(|task| task.kind == TaskKind::Voice);
    if moves_a_unit && context.role < Some(Role::Dispatcher) {
        let message = "task.done of a voice task needs the role dispatcher";
        return Err(Problem::new(Problem::FORBIDDEN, message));
    }
    short("outcome", &outcome, MAX_TEXT)?;
    let command = Command::FinishTask {
        task: TaskId(task),
        outcome,
        by: by(user),
    };
    keyed(command, key)
}
