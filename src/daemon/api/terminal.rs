//! Methods of terminals.

use super::{Call, Context, keyed};
use crate::daemon::rpc::Problem;
use crate::engine::command::Command;
use crate::engine::id::RadioId;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustParams {
    /// A new one for each command; the same key gets the same answer.
    key: String,
    /// The terminal's number on the air.
    radio: u32,
    /// `true`: it is believed again. `false`: it is barred, because it is lost or stolen.
    trusted: bool,
}

pub(super) fn trust(_: Context<'_>, user: &str, params: TrustParams) -> Result<Call, Problem> {
    let command = Command::Trust {
        radio: RadioId(params.radio),
        trusted: params.trusted,
        by: user.to_owned(),
    };
    keyed(command, params.key)
}
