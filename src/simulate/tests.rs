//! A few clean stories, short enough for every run of the tests; `tieqi simulate` tells longer ones.

use super::*;

fn verdict(seed: u64, minutes: u64, faults: &str) -> Verdict {
    let plan = Plan {
        seed,
        total_ms: minutes * 60_000,
        faults: Fault::list(faults).unwrap(),
    };
    run(&Config::sample().unwrap(), &plan, &mut |_| {}).unwrap()
}

#[test]
fn nothing_is_broken_by_any_fault() {
    for seed in 1..=2 {
        let verdict = verdict(seed, 12, "all");
        assert_eq!(verdict.broken, None, "seed {seed}");
        assert!(
            verdict.figures.accepted > 50 && verdict.figures.crashes > 20,
            "{verdict:?}"
        );
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let [once, again, other] = [7, 7, 8].map(|seed| verdict(seed, 4, "kill,power-cut,loss,late"));
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
    assert!(!once.hash.is_empty() && once.hash != other.hash, "{once:?}");
}

#[test]
fn faults_have_names() {
    assert!(Fault::list("none").unwrap().is_empty());
    assert_eq!(Fault::list("all").unwrap().len(), Fault::ALL.len());
    assert_eq!(
        Fault::list("kill, rot").unwrap(),
        [Fault::Kill, Fault::Rot].into()
    );
    assert!(Fault::list("kil").unwrap_err().contains("power-cut"));
}

#[test]
fn a_fault_that_never_comes_fails_the_verdict() {
    let none = verdict(1, 1, "none");
    assert!(none.passed, "{none:?}");
    // Half a minute's slots are too short for what must come ten times each.
    let rare = Verdict::new(
        &Plan {
            seed: 1,
            total_ms: 1,
            faults: Fault::list("rot").unwrap(),
        },
        None,
        (
            Figures::default(),
            Fired::planned(&Fault::list("rot").unwrap()),
        ),
    );
    assert!(!rare.passed && rare.too_rare == ["rot"]);
}
