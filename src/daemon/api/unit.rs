//! Methods of units and talkgroups.

use super::names::{duty, unit_id};
use super::params::NoParams;
use super::{Call, Context, MAX_NAME, MAX_TEXT, by, keyed, some_text};
use crate::daemon::rpc::Problem;
use crate::engine::command::Command;
use crate::engine::message::Talkgroup;
use schemars::JsonSchema;
use serde::Deserialize;
use tieqi_protocols::radio_ip::RadioIp;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DutyParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// Its call sign.
    unit: String,
    /// Ids of officers of the register; who is sworn stands there.
    pub(super) crew: Vec<String>,
    /// Plate or number.
    #[serde(default)]
    pub(super) vehicle: String,
    /// Its terminals, the first is used while it is on the air; the register's unless named.
    #[serde(default)]
    pub(super) terminals: Option<Vec<u32>>,
    /// Where it patrols.
    #[serde(default)]
    pub(super) area: String,
    /// Until when, with an offset.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub(super) until: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// Its call sign.
    unit: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// Its call sign.
    unit: String,
    /// `available` or `out_of_service`.
    status: String,
    /// Why; needed for `out_of_service`.
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// Its call sign.
    unit: String,
    /// What to say.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupMessageParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// Number of the talkgroup.
    talkgroup: u32,
    /// What to say.
    text: String,
}

pub(super) fn list(_: Context<'_>, _: &str, _: NoParams) -> Result<Call, Problem> {
    Ok(Call::Units)
}

pub(super) fn sign_on(
    context: Context<'_>,
    user: &str,
    params: DutyParams,
) -> Result<Call, Problem> {
    let unit = unit_id(context, &params.unit)?;
    let (duty, by) = (duty(context, unit, &params)?, by(user));
    keyed(Command::SignOn { unit, duty, by }, params.key)
}

pub(super) fn edit_crew(
    context: Context<'_>,
    user: &str,
    params: DutyParams,
) -> Result<Call, Problem> {
    let unit = unit_id(context, &params.unit)?;
    let (duty, by) = (duty(context, unit, &params)?, by(user));
    keyed(Command::EditCrew { unit, duty, by }, params.key)
}

pub(super) fn sign_off(
    context: Context<'_>,
    user: &str,
    params: UnitParams,
) -> Result<Call, Problem> {
    let (unit, by) = (unit_id(context, &params.unit)?, by(user));
    keyed(Command::SignOff { unit, by }, params.key)
}

pub(super) fn status(
    context: Context<'_>,
    user: &str,
    params: StatusParams,
) -> Result<Call, Problem> {
    let out = match params.status.as_str() {
        "available" => None,
        "out_of_service" => {
            some_text("reason", &params.reason, MAX_NAME)?;
            Some(params.reason)
        }
        other => {
            let message =
                format!("`status`: `{other}` cannot be set; known are available, out_of_service");
            return Err(Problem::params(message));
        }
    };
    let (unit, by) = (unit_id(context, &params.unit)?, by(user));
    keyed(Command::SetService { unit, out, by }, params.key)
}

pub(super) fn message(
    context: Context<'_>,
    user: &str,
    params: MessageParams,
) -> Result<Call, Problem> {
    let MessageParams { key, unit, text } = params;
    some_text("text", &text, MAX_TEXT)?;
    let (unit, by) = (unit_id(context, &unit)?, by(user));
    keyed(Command::SendText { unit, text, by }, key)
}

pub(super) fn talkgroup(
    _: Context<'_>,
    user: &str,
    params: GroupMessageParams,
) -> Result<Call, Problem> {
    some_text("text", &params.text, MAX_TEXT)?;
    if !(1..=RadioIp::MAX_ID).contains(&params.talkgroup) {
        let message = format!("`talkgroup` must be 1 to {}", RadioIp::MAX_ID);
        return Err(Problem::params(message));
    }
    let command = Command::SendGroupText {
        talkgroup: Talkgroup(params.talkgroup),
        text: params.text,
        by: by(user),
    };
    keyed(command, params.key)
}
