//! Parameters of each method, as clients send them. Unknown fields are refused, so that a typing
//! error is told and not ignored.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginParams {
    pub(super) user: String,
    pub(super) password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadIncident {
    pub(super) incident: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    #[serde(default)]
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) to: Option<String>,
    #[serde(default)]
    pub(super) incident: Option<u32>,
    #[serde(default)]
    pub(super) unit: Option<String>,
    #[serde(default)]
    pub(super) grade: Option<String>,
    #[serde(default)]
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionParams {
    pub(super) lat: f64,
    pub(super) lon: f64,
    pub(super) datum: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportParams {
    pub(super) key: String,
    #[serde(default)]
    pub(super) source: Option<String>,
    pub(super) place: String,
    #[serde(default)]
    pub(super) position: Option<PositionParams>,
    #[serde(default)]
    pub(super) caller: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) grade: Option<String>,
    #[serde(default)]
    pub(super) occurred_at: Option<String>,
    #[serde(default)]
    pub(super) alarm: Option<u32>,
    #[serde(default)]
    pub(super) call: Option<u32>,
    #[serde(default)]
    pub(super) sender_number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmParams {
    pub(super) key: String,
    pub(super) incident: u32,
    #[serde(default)]
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) grade: Option<String>,
    #[serde(default)]
    pub(super) place: Option<String>,
    #[serde(default)]
    pub(super) position: Option<PositionParams>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentParams {
    pub(super) key: String,
    pub(super) incident: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelParams {
    pub(super) key: String,
    pub(super) incident: u32,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteParams {
    pub(super) key: String,
    pub(super) incident: u32,
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferParams {
    pub(super) key: String,
    pub(super) incident: u32,
    pub(super) unit: String,
    pub(super) ranking: u64,
    #[serde(default)]
    pub(super) stack: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecallParams {
    pub(super) key: String,
    pub(super) assignment: u32,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceParams {
    pub(super) key: String,
    pub(super) assignment: u32,
    pub(super) to: String,
    #[serde(default)]
    pub(super) source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DutyParams {
    pub(super) key: String,
    pub(super) unit: String,
    pub(super) crew: Vec<String>,
    #[serde(default)]
    pub(super) vehicle: String,
    #[serde(default)]
    pub(super) terminals: Option<Vec<u32>>,
    #[serde(default)]
    pub(super) area: String,
    #[serde(default)]
    pub(super) until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitParams {
    pub(super) key: String,
    pub(super) unit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusParams {
    pub(super) key: String,
    pub(super) unit: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageParams {
    pub(super) key: String,
    pub(super) unit: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupMessageParams {
    pub(super) key: String,
    pub(super) talkgroup: u32,
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmParams {
    pub(super) key: String,
    pub(super) alarm: u32,
}
