//! A few seeds in the default suite; long runs are `tieqi simulate`'s.

use super::*;

fn plan(seed: u64, hours: f64, faults: &str) -> Plan {
    let faults = Fault::list(faults).unwrap();
    Plan {
        seed,
        hours,
        faults,
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let run = |seed| simulate(&plan(seed, 0.1, "all"), |_| ()).unwrap().log;
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn nothing_is_lost_whatever_fails() {
    for seed in 1..=2 {
        let verdict = simulate(&plan(seed, 1.0, "all"), |_| ()).unwrap();
        assert_eq!(
            verdict.wrong(),
            Vec::<String>::new(),
            "seed {seed}, one hour, all faults"
        );
    }
}
