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
    /// The promise that was broken, and when, simulated milliseconds.
    pub broken: Option<String>,
    /// The moment of that, simulated milliseconds.
    pub broken_at_ms: Option<u64>,
    /// Enabled faults that came fewer than [`LEAST`] times.
    pub too_rare: Vec<&'static str>,
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
    /// How often each fault came.
    pub faults: Fired,
    /// Hash of the journal's records: the same for the same seed.
    pub hash: String,
}

impl Verdict {
    pub(super) fn new(plan: &Plan, broken: Option<(u64, Broken)>, fired: Fired) -> Self {
        let rare = |(name, count): (&'static str, u64)| (count < LEAST).then_some(name);
        let too_rare: Vec<_> = match broken {
            Some(_) => Vec::new(),
            None => fired.counts().filter_map(rare).collect(),
        };
        Self {
            passed: broken.is_none() && too_rare.is_empty(),
            seed: plan.seed,
            hours: plan.total_ms as f64 / 3_600_000.0,
            broken_at_ms: broken.as_ref().map(|(at_ms, _)| *at_ms),
            broken: broken.map(|(_, broken)| broken.to_string()),
            too_rare,
            accepted: 0,
            incidents: 0,
            assignments: 0,
            events: 0,
            deltas: 0,
            datagrams: 0,
            crashes: 0,
            failed_starts: 0,
            failed_calls: 0,
            failed_syncs: 0,
            link_cuts: 0,
            resends: 0,
            faults: fired,
            hash: String::new(),
        }
    }

    /// The row of the fault table a fault's name stands for.
    #[must_use]
    pub fn row(name: &str) -> Option<u8> {
        let found = Fault::ALL.iter().find(|fault| fault.name() == name);
        found.map(|fault| fault.row())
    }
}
