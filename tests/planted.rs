//! Proof that the simulator can fail: each bug planted on purpose is found within a few seeds, and
//! without one the same seeds pass. `make planted` runs it; the feature keeps it out of releases.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::BTreeSet;
use tieqi::config::Config;
use tieqi::planted::{ALL, Planted, plant};
use tieqi::simulate::{Fault, Plan, Verdict, run};

/// Each bug is found within so many seeds of an hour.
const SEEDS: u64 = 5;

fn verdict(config: &Config, seed: u64) -> Verdict {
    let plan = Plan {
        seed,
        total_ms: 3_600_000,
        faults: Fault::ALL.iter().copied().collect(),
    };
    run(config, &plan, &mut |_| {}).unwrap()
}

/// The first seed that finds it, and as what.
fn found(config: &Config, bug: Planted) -> Option<(u64, String)> {
    plant(Some(bug));
    let verdicts = (1..=SEEDS).map(|seed| (seed, verdict(config, seed)));
    let mut broken = verdicts.filter_map(|(seed, verdict)| Some((seed, verdict.broken?)));
    let found = broken.next();
    plant(None);
    found
}

#[test]
fn every_planted_bug_is_found() {
    let config = Config::sample().unwrap();
    for seed in 1..=SEEDS {
        let clean = verdict(&config, seed);
        assert!(clean.passed, "seed {seed} without a bug: {clean:?}");
    }
    println!("{:<20} seed  found as", "planted");
    let mut missed = BTreeSet::new();
    for bug in ALL {
        let name = format!("{bug:?}");
        match found(&config, *bug) {
            Some((seed, how)) => {
                let what = how.split(':').next().unwrap_or_default();
                println!("{name:<20} {seed:>4}  {what}");
            }
            None => {
                println!("{name:<20}    -  NOT FOUND");
                missed.insert(name);
            }
        }
    }
    assert!(
        missed.is_empty(),
        "not found within {SEEDS} seeds: {missed:?}"
    );
}
