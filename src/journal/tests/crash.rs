//! Power cuts and kills: every call of scripted runs, sectors cut, torn and reordered.

use proptest::prelude::*;

use super::*;

/// What was recovered is a prefix of what was written and holds all that was acknowledged.
pub(super) fn check(what: &str, batches: &[Batch], acked: usize, recovered: &[Batch]) {
    assert!(
        recovered.len() >= acked,
        "{what}: {} of {acked} acknowledged",
        recovered.len()
    );
    assert!(
        recovered.len() <= acked + 1,
        "{what}: more than the batch in flight"
    );
    assert!(batches.starts_with(recovered), "{what}: not a prefix");
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    let batches = script(11, 24);
    let calls = written(&batches).calls();
    for call in 1..=calls {
        let mut disk = SimDisk::new();
        disk.fail_at(call, Fault::PowerCut);
        let acked = run(&mut disk, &batches);
        for seed in 0..12 {
            let what = format!("cut at call {call}, seed {seed}");
            let mut after = disk.crash(seed);
            let (recovered, recovery) = replay(&mut after);
            check(&what, &batches, acked, &recovered);
            assert_eq!(recovery.damage, None, "{what}");
            assert!(
                verified(&mut after).is_intact(),
                "{what}: clean once it was cut"
            );
            // It goes on where it ended.
            let more = &batches[recovered.len()..];
            assert_eq!(run(&mut after, more), more.len(), "{what}");
            assert_eq!(replay(&mut after).0, batches, "{what}");
        }
    }
}

#[test]
fn a_power_cut_during_recovery_is_recovered_from() {
    let batches = script(12, 14);
    let calls = written(&batches).calls();
    for call in 1..=calls {
        let mut disk = SimDisk::new();
        disk.fail_at(call, Fault::PowerCut);
        let acked = run(&mut disk, &batches);
        for seed in 0..6 {
            let first = disk.crash(seed);
            for again in 1..=14 {
                let what = format!("cut at call {call}, seed {seed}, then at {again}");
                let mut second = first.clone();
                second.fail_at(again, Fault::PowerCut);
                let _ = Journal::open(&mut second, &options(), |_| ());
                let (recovered, recovery) = replay(&mut second.crash(seed + again));
                check(&what, &batches, acked, &recovered);
                assert_eq!(recovery.damage, None, "{what}");
            }
        }
    }
}

#[test]
fn what_a_restart_replayed_survives_a_later_power_cut() {
    // Killed between write and sync: the next process reads the batch from the page cache.
    let batches = script(13, 16);
    for call in 1..=written(&batches).calls() {
        for fault in [Fault::PowerCut, Fault::Io] {
            let mut disk = SimDisk::new();
            disk.fail_at(call, fault);
            let acked = run(&mut disk, &batches);
            let what = format!("{fault:?} at call {call}");
            let mut killed = disk.kill();
            let (recovered, recovery) = replay(&mut killed);
            check(&what, &batches, acked, &recovered);
            assert_eq!(recovery.damage, None, "{what}");
            let (later, _) = replay(&mut killed.crash(0));
            assert_eq!(later, recovered, "{what}: replayed once, lost later");
        }
    }
}

#[test]
fn a_segment_prepared_before_a_restart_is_durable_before_it_is_used() {
    // The rename that names a prepared segment failed: seen by the next process, not durable.
    let batches = script(15, 12);
    for call in 1..=written(&batches).calls() {
        let mut disk = SimDisk::new();
        disk.fail_at(call, Fault::PowerCut);
        run(&mut disk, &batches);
        let killed = disk.kill();
        for later in 1..40 {
            let mut disk = killed.clone();
            let (recovered, _) = replay(&mut disk.clone());
            let more = &batches[recovered.len()..];
            disk.fail_at(later, Fault::PowerCut);
            let acked = recovered.len() + run(&mut disk, more);
            let (after, recovery) = replay(&mut disk.crash(0));
            // Cut before the opening was durable, the batch in flight may still be lost.
            let least = if acked > recovered.len() {
                acked
            } else {
                recovered.len().saturating_sub(1)
            };
            assert!(after.len() >= least, "cut at {call}, then at {later}");
            assert_eq!(recovery.damage, None, "cut at {call}, then at {later}");
        }
    }
}

#[test]
fn the_last_records_cut_at_every_byte() {
    let mut batches = script(14, 6);
    batches.extend([vec![vec![7; 40]], vec![vec![8; 3], vec![9; 70]]]);
    let disk = written(&batches);
    let name = segment_name(verified(&mut disk.clone()).segments as u32);
    let bytes = disk.contents(&name).unwrap().to_vec();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let sizes = [40, 3 + RECORD_OVERHEAD_BYTES + 70].map(|size| size + RECORD_OVERHEAD_BYTES);
    let starts = [end - sizes[1] - sizes[0], end - sizes[1], end];
    for cut in starts[0]..end {
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        let mut disk = disk.clone();
        disk.plant(&name, torn.clone());
        let (recovered, recovery) = replay(&mut disk);
        let whole = starts.iter().filter(|start| **start <= cut).count() - 1;
        assert_eq!(recovered.len(), batches.len() - 2 + whole, "cut at {cut}");
        let left = torn.iter().rposition(|byte| *byte != 0).unwrap() + 1 - starts[whole];
        let reported: u64 = recovery.torn.iter().map(|torn| torn.bytes).sum();
        assert_eq!(reported, left as u64, "cut at {cut}");
        assert_eq!(recovery.damage, None, "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn runs_of_cuts_lose_nothing(
        script_seed: u64,
        cuts in prop::collection::vec((1u64..90, any::<u64>(), any::<bool>()), 1..6),
    ) {
        let batches = script(script_seed, 30);
        let mut disk = SimDisk::new();
        let mut done = 0;
        for (call, seed, is_cut) in cuts {
            disk.fail_at(call, Fault::PowerCut);
            let acked = done + run(&mut disk, &batches[done..]);
            disk = if is_cut { disk.crash(seed) } else { disk.kill() };
            let (recovered, recovery) = replay(&mut disk);
            prop_assert_eq!(recovery.damage, None);
            prop_assert!(recovered.len() >= acked && recovered.len() <= acked + 1);
            prop_assert!(batches.starts_with(&recovered));
            done = recovered.len();
            disk = disk.kill();
        }
        prop_assert!(verified(&mut disk).is_intact());
    }
}
