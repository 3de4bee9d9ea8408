//! A simulator that tries to break the daemon, and an auditor that watches whether it did.
//!
//! ```text
//!  desks ── JSON lines ──▶ ┌─────────┐ ── batches ──▶ disk   fails, is slow, rots, loses power
//!       ◀──────────────── │ daemon  │ ◀─────────────
//!  radios ─▶ network ────▶ └─────────┘ ─▶ network ──▶ radios  cut, lossy, late, garbled
//!             auditor: answers, deltas, frames; at the end the journal, read anew
//! ```
//! The daemon, the engine, the journal with its recovery, the commit and the replica that makes
//! snapshots are the production code. One scheduler moves them over a virtual clock. Nothing here
//! reads a clock, opens a socket or draws unseeded chance: a seed is a story, and one command tells
//! it again. What is not simulated: threads, and whatever the operating system does between a
//! socket or a serial port and a disk; tests over real ones do that.

mod auditor;
mod desk;
mod fault;
mod ladder;
mod machine;
mod net;
mod places;
mod town;
mod verdict;

pub use fault::{Fault, Fired, LEAST};
pub use verdict::{Figures, Verdict};

use crate::config::Config;
use std::collections::BTreeSet;
use std::fmt::{self, Debug};

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The same seed tells the same story.
    pub seed: u64,
    /// Simulated milliseconds of load; a quiet minute follows.
    pub total_ms: u64,
    /// What goes wrong.
    pub faults: BTreeSet<Fault>,
}

/// A promise that was broken, and how that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which promise.
    pub what: &'static str,
    /// What was seen.
    pub how: String,
}

impl Broken {
    fn new(what: &'static str, how: impl Debug) -> Self {
        let how = format!("{how:?}");
        Self { what, how }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.how)
    }
}

/// Runs a plan to its end or to the first promise broken. `progress` is told the simulated
/// milliseconds done, every simulated minute.
///
/// # Errors
/// When the town itself cannot be made, which is no verdict.
pub fn run(
    config: &Config,
    plan: &Plan,
    progress: &mut dyn FnMut(u64),
) -> Result<Verdict, crate::radio::RadioError> {
    Ok(town::Town::new(config, plan)?.run(progress))
}

#[cfg(test)]
mod tests;
