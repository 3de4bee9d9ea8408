//! Parameters that several methods take. Unknown fields are refused everywhere, so that a typing
//! error is told and not ignored.

use crate::daemon::view::Name;
use crate::geo::datum::Datum;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadIncident {
    /// The incident.
    pub(super) incident: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentParams {
    /// A new one for each command; the same key gets the same answer.
    pub(super) key: String,
    /// The incident.
    pub(super) incident: u32,
}

/// A place on the earth.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionParams {
    /// Degrees north.
    pub(super) lat: f64,
    /// Degrees east.
    pub(super) lon: f64,
    /// What the degrees are of.
    #[schemars(with = "Name<Datum>")]
    pub(super) datum: String,
}
