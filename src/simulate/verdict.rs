//! What a run came to.

use super::fault::{Fault, Fired, LEAST};
use super::{Broken, Plan};
use serde::Serialize;

/// The verdict on a run.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Nothing was broken and every fault came often enough.
    pub passed: bool,
    /// The seed.
    pub seed: u64,
    /// Simulated hours of load.
    pub hours: f64,
    /// The promise that was broken.
    pub broken: Option<String>,
    /// The moment of that, simulated milliseconds.
    pub broken_at_ms: Option<u64>,
    /// Enabled faults that came fewer than [`LEAST`] times.
    pub too_rare: Vec<&'static str>,
    /// What was counted.
    #[serde(flatten)]
    pub figures: Figures,
    /// How often each fault came.
    pub faults: Fired,
    /// Hash of the journal's records: the same for the same seed.
    pub hash: String,
}

/// Counts of a run.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Figures {
    /// Commands that were answered.
    pub accepted: u64,
    /// Incidents in the journal.
    pub incidents: u64,
    /// Assignments in the journal.
    pub assignments: u64,
    /// Events in the journal.
    pub events: u64,
    /// Deltas that consoles were shown.
    pub deltas: u64,
    /// Datagrams, both ways.
    pub datagrams: u64,
    /// Ends of a process without a word.
    pub crashes: u64,
    /// Starts that failed and were tried again.
    pub failed_starts: u64,
    /// Calls of the disk that failed.
    pub failed_calls: u64,
    /// Journals that failed for good and needed a restart.
    pub failed_syncs: u64,
    /// Links cut.
    pub link_cuts: u64,
    /// Texts that went out again under the same request.
    pub resends: u64,
}

impl Verdict {
    pub(super) fn new(
        plan: &Plan,
        broken: Option<(u64, Broken)>,
        (figures, faults): (Figures, Fired),
    ) -> Self {
        let is_rare = |(_, count): &(Fault, u64)| *count < LEAST && broken.is_none();
        let rare = faults.counts().filter(is_rare);
        let too_rare: Vec<_> = rare.map(|(fault, _)| fault.name()).collect();
        Self {
            passed: broken.is_none() && too_rare.is_empty(),
            seed: plan.seed,
            hours: plan.total_ms as f64 / 3_600_000.0,
            broken_at_ms: broken.as_ref().map(|(at_ms, _)| *at_ms),
            broken: broken.map(|(_, broken)| broken.to_string()),
            too_rare,
            figures,
            faults,
            hash: String::new(),
        }
    }
}
