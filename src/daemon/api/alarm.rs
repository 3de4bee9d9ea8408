//! Methods of alarms and tasks.

use super::{Call, Context, MAX_TEXT, by, dispatcher, keyed, short};
use crate::daemon::rpc::Problem;
use crate::engine::command::Command;
use crate::engine::id::{AlarmId, TaskId};
use crate::engine::task::TaskKind;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The alarm.
    alarm: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The task.
    task: u32,
    /// What came of it.
    #[serde(default)]
    outcome: String,
}

pub(super) fn ack(_: Context<'_>, user: &str, params: AlarmParams) -> Result<Call, Problem> {
    let command = Command::AckAlarm {
        alarm: AlarmId(params.alarm),
        by: user.to_owned(),
    };
    keyed(command, params.key)
}

pub(super) fn done(context: Context<'_>, user: &str, params: TaskParams) -> Result<Call, Problem> {
    let TaskParams { key, task, outcome } = params;
    let found = context.engine.state().tasks.get(&TaskId(task));
    let moves_a_unit = found.is_some_and(|task| task.kind == TaskKind::Voice);
    if moves_a_unit {
        dispatcher(context, "task.done of a voice task")?;
    }
    short("outcome", &outcome, MAX_TEXT)?;
    let command = Command::FinishTask {
        task: TaskId(task),
        outcome,
        by: by(user),
    };
    keyed(command, key)
}
