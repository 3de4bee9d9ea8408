//! What a run came to.

use super::auditor::Faults;
use super::fault::Fault;
use crate::cli::audit::Figures;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A fault that came less often says nothing.
const LEAST: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) crashes: u64,
    pub(super) failed_syncs: u64,
    pub(super) link_cuts: u64,
}

/// Everything that was counted.
pub(super) struct Verdict {
    pub(super) simulated_ms: u64,
    /// Commands the daemon accepted.
    pub(super) accepted: u64,
    pub(super) counts: Counts,
    /// How often each fault came.
    pub(super) fired: BTreeMap<Fault, u64>,
    /// Hash of all the daemon wanted done, with the times.
    pub(super) log: String,
    /// Counted from the journal; what must not be; reports acknowledged.
    pub(super) outcome: (Figures, Faults, u64),
}

impl Verdict {
    /// What is wrong, in words; nothing when all is well.
    pub(super) fn wrong(&self) -> Vec<String> {
        let (figures, faults, _) = &self.outcome;
        let mut wrong = faults.first.clone();
        let more = faults.count.saturating_sub(wrong.len() as u64);
        if more > 0 {
            wrong.push(format!("and {more} more"));
        }
        if figures.lost > 0 {
            wrong.push(format!("{} acknowledged reports are lost", figures.lost));
        }
        if figures.silent_past_limit > 0 {
            let silent = figures.silent_past_limit;
            wrong.push(format!(
                "{silent} rungs outlasted their limit without an alarm"
            ));
        }
        for (fault, count) in self.fired.iter().filter(|(_, count)| **count < LEAST) {
            let name = fault.name();
            wrong.push(format!(
                "{name} came {count} times, fewer than {LEAST}: run longer"
            ));
        }
        wrong
    }

    pub(super) fn json(&self, seed: u64) -> Value {
        let (figures, faults, reports) = &self.outcome;
        let fired = self
            .fired
            .iter()
            .map(|(fault, count)| (fault.name(), *count));
        json!({
            "seed": seed, "ok": self.wrong().is_empty(), "simulated_ms": self.simulated_ms,
            "accepted": self.accepted, "reports": reports, "crashes": self.counts.crashes,
            "failed_syncs": self.counts.failed_syncs, "link_cuts": self.counts.link_cuts,
            "faults": fired.collect::<BTreeMap<_, _>>(), "figures": figures,
            "faults_found": faults.count, "wrong": self.wrong(), "log": self.log,
        })
    }
}
