//! Methods of a connection itself.

use super::params::NoParams;
use super::{Call, Context, MAX_NAME, short};
use crate::daemon::rpc::Problem;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginParams {
    /// The user's name.
    user: String,
    /// The password.
    password: String,
}

pub(super) fn login(_: Context<'_>, _: &str, params: LoginParams) -> Result<Call, Problem> {
    let LoginParams { user, password } = params;
    short("user", &user, MAX_NAME)?;
    short("password", &password, MAX_NAME)?;
    Ok(Call::Login { user, password })
}

pub(super) fn ping(_: Context<'_>, _: &str, _: NoParams) -> Result<Call, Problem> {
    Ok(Call::Ping)
}

pub(super) fn health(_: Context<'_>, _: &str, _: NoParams) -> Result<Call, Problem> {
    Ok(Call::Health)
}

pub(super) fn subscribe(_: Context<'_>, _: &str, _: NoParams) -> Result<Call, Problem> {
    Ok(Call::Subscribe)
}
