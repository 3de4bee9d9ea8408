//! How the daemon is, for `system.health`.

use super::Name;
use crate::daemon::notice::Space;
use crate::engine::id::EngineTime;
use crate::engine::policy::Mode;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How the daemon is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health<'a> {
    /// `degraded`: nothing is acknowledged.
    pub status: Status,
    /// Why it is degraded.
    pub degraded: Option<&'a str>,
    /// Room on the journal's disk.
    pub space: Space<'a>,
    /// Now.
    pub at: EngineTime,
    /// Now, milliseconds since 1970 UTC.
    pub wall_ms: i64,
    /// New at each start.
    pub epoch: u64,
    /// Events seen so far.
    pub seq: u64,
    /// Whether all of them are on disk.
    pub durable: bool,
    /// Answers and frames that wait for the disk.
    pub held: usize,
    /// Connections.
    pub consoles: usize,
    /// What waits to be looked at.
    pub lanes: Lanes,
    /// Incidents that have not ended.
    pub open_incidents: u32,
    /// Alarms nobody acknowledged.
    pub open_alarms: usize,
    /// Emergencies nobody ended.
    pub open_emergencies: usize,
    /// Terminals that are not believed.
    pub suspects: usize,
    /// Tasks nobody did.
    pub open_tasks: usize,
    /// Calls there ever were.
    pub calls: CallsHealth,
    /// Who chooses units.
    pub mode: Name<Mode>,
    /// Rankings that wait for a desk.
    pub open_proposals: usize,
    /// Incidents a desk claims.
    pub claims: usize,
    /// Incidents that miss a unit, by grade.
    pub queue: BTreeMap<&'static str, Waiting>,
    /// Open assignments, by rung.
    pub receipts: BTreeMap<&'static str, u64>,
    /// The gateways' links.
    pub links: Vec<LinkHealth<'a>>,
    /// How far the archive is.
    pub archive: ArchiveHealth<'a>,
    /// The newest snapshot.
    pub snapshot: Option<SnapshotHealth>,
    /// How long the stages of a report took, microseconds.
    pub stages_us: BTreeMap<&'static str, StageTimes>,
    /// What was counted since the start.
    pub since_start: Counts,
}

/// What waits to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lanes {
    /// Grade I and emergencies.
    pub urgent: usize,
    /// The rest of what consoles and terminals say.
    pub normal: usize,
    /// Terminals with a new position.
    pub positions: usize,
}

/// Whether anything is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Status {
    /// It is.
    Ok,
    /// Nothing is acknowledged: the journal failed, or waits for its disk.
    Degraded,
}

/// Calls there ever were, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallsHealth {
    /// Ringing or answered now.
    pub open: u32,
    /// Numbers of which very many wait.
    pub flooding: usize,
    /// Came in.
    pub arrived: u64,
    /// Were answered.
    pub answered: u64,
    /// Hung up before an answer.
    pub abandoned: u64,
    /// Were none of ours.
    pub invalid: InvalidHealth,
}

/// Invalid calls, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InvalidHealth {
    /// 骚扰.
    pub nuisance: u64,
    /// 误拨.
    pub misdial: u64,
    /// 无声.
    pub silent: u64,
}

/// Incidents of a grade that miss a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waiting {
    /// How many.
    pub waiting: usize,
    /// How long the oldest waits, milliseconds.
    pub oldest_ms: Option<u64>,
}

/// A gateway's link.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Link")]
pub struct LinkHealth<'a> {
    /// The gateway.
    pub gateway: &'a str,
    /// Its service; `all` where one link carries all.
    pub service: &'static str,
    /// Its slot.
    pub slot: u8,
    /// Whether it is connected.
    pub up: bool,
    /// Frames that wait to be sent.
    pub queued: usize,
    /// What the gateway tells of its own radio.
    pub radio: RadioHealth,
}

/// What a gateway told of itself.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "GatewayRadio")]
pub struct RadioHealth {
    /// Id of the radio at the port.
    pub id: Option<u32>,
    /// What its repeater does.
    pub repeater: Option<RepeaterHealth>,
    /// What is the matter with the radio at the port.
    pub status: Option<RadioStatus>,
}

/// What a repeater does.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Repeater")]
pub struct RepeaterHealth {
    /// Its state.
    pub status: &'static str,
    /// The kind of call.
    pub call: &'static str,
    /// Who calls.
    pub sender: u32,
}

/// What a gateway's radio told last.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RadioStatus {
    /// About what.
    pub about: &'static str,
    /// The value on the air.
    pub value: u16,
}

/// How far the archive is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Archive")]
pub struct ArchiveHealth<'a> {
    /// Events it has.
    pub seq: u64,
    /// Events it lacks.
    pub lag: u64,
    /// Incidents in it.
    pub incidents: u64,
    /// Calls in it, those without an incident too.
    pub calls: u64,
    /// Being made again, and how far.
    pub rebuilding: Option<Rebuilding>,
    /// Whether events are missing in it.
    pub gap: bool,
    /// Why it is not written any more.
    pub failed: Option<&'a str>,
}

/// How far an archive that is made again is.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Rebuilding {
    /// Records read.
    pub done: u64,
    /// Records there are.
    pub total: u64,
}

/// The newest snapshot.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "Snapshot")]
pub struct SnapshotHealth {
    /// The record it was taken behind.
    pub record: u64,
    /// Its length.
    pub bytes: u64,
    /// Its age, milliseconds.
    pub age_ms: i64,
}

/// A stage of a report.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct StageTimes {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
}

/// What was counted since the start.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SinceStart")]
pub struct Counts {
    /// Incidents reported.
    pub incidents: u64,
    /// Offers.
    pub offered: u64,
    /// Further attempts of an offer.
    pub retries: u64,
    /// Offers an officer refused.
    pub declines: u64,
    /// Offers nobody answered.
    pub expired: u64,
    /// Assignments taken back.
    pub recalled: u64,
    /// Assignments that reached a rung.
    pub rungs: BTreeMap<&'static str, u64>,
    /// Alarms raised.
    pub alarms: u64,
    /// Terminals that became suspect, by cause; `stranger` for radio ids nobody knows.
    pub suspected: BTreeMap<&'static str, u64>,
    /// Proposals made.
    pub proposed: u64,
    /// Offers of another unit than the ranking's first.
    pub overridden: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams refused, by reason.
    pub datagrams_refused: BTreeMap<&'static str, u64>,
    /// Service messages that could not be read.
    pub messages_refused: u64,
    /// Service messages nothing was done with.
    pub messages_unused: u64,
    /// Data a gateway says it could not deliver.
    pub data_undelivered: u64,
    /// Frames that were given up before they were sent.
    pub frames_unsent: u64,
    /// Messages from the air that were dropped because too many waited.
    pub radio_dropped: u64,
    /// Messages from the air that were dropped because their terminal sent too many a second.
    pub radio_flooded: u64,
    /// Texts that came again after later ones.
    pub texts_replayed: u64,
    /// Positions taken.
    pub positions: u64,
    /// Positions that a newer one of the same terminal overtook.
    pub positions_overwritten: u64,
    /// Positions without a fix.
    pub positions_invalid: u64,
    /// Positions kept as evidence only.
    pub positions_doubted: u64,
    /// Connections refused.
    pub consoles_refused: u64,
    /// Connections cut, by reason.
    pub consoles_cut: BTreeMap<&'static str, u64>,
    /// Boards dropped because their console was too slow.
    pub boards_lost: u64,
    /// Requests refused.
    pub requests_refused: u64,
    /// The same, by kind.
    pub refused_by_kind: BTreeMap<String, u64>,
    /// What the engine refused of the air.
    pub radio_rejected: u64,
    /// Numbers whose calls became a flood.
    pub floods: u64,
    /// Messages from the air dropped while degraded.
    pub dropped_degraded: u64,
}
