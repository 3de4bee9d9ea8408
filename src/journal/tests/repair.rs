//! Repairs: what is kept is what a start replayed, nothing goes that was not told, and a repair
//! that is cut short is one that can be made again.

use super::*;

/// A way to damage a journal of some segments.
type Harm = (&'static str, fn(&mut SimDisk));

const HARMS: [Harm; 8] = [
    ("a bit of a record", |disk| {
        disk.flip(&segment_name(3), 4_300, 1)
    }),
    ("the first record of a segment", |disk| {
        disk.flip(&segment_name(3), FIRST_RECORD_AT as u64 + 9, 1);
    }),
    ("a header", |disk| disk.flip(&segment_name(3), 20, 1)),
    ("the first header", |disk| {
        disk.flip(&segment_name(1), 20, 1)
    }),
    ("a missing segment", |disk| {
        disk.remove(&segment_name(3)).unwrap();
    }),
    ("a segment cut short", |disk| {
        let bytes = disk.contents(&segment_name(3)).unwrap()[..5_000].to_vec();
        disk.plant(&segment_name(3), bytes);
    }),
    ("a compressed segment", |disk| {
        while cool(disk, u64::MAX).unwrap().is_some() {}
        disk.flip(&cold_name(3), 400, 1);
    }),
    ("a record before compressed segments", |disk| {
        disk.flip(&segment_name(2), 4_300, 1);
        while cool(disk, u64::MAX).unwrap().is_some() {}
    }),
];

/// Repairs until there is nothing to repair, and tells it.
fn repair(disk: &mut SimDisk) -> Loss {
    let lost = loss(disk, &[]).unwrap().unwrap();
    cut(disk, &lost).unwrap();
    let (mut journal, found) = Journal::open(disk, &options(), |_| ()).unwrap();
    note_repair(&mut journal, found.engine_time_ms, &lost).unwrap();
    lost
}

#[test]
fn what_a_start_replayed_is_kept_and_written_behind() {
    let batches = script(61, 60);
    for (what, harm) in HARMS {
        let mut disk = written(&batches);
        let last = verified(&mut disk).tip.unwrap().seq;
        harm(&mut disk);
        let (kept, recovery) = replay(&mut disk.clone());
        let damage = recovery.damage.unwrap();
        let mut side = SimDisk::new();
        let told = loss(&mut disk, &[]).unwrap().unwrap();
        assert_eq!((told.damage, told.last), (Some(damage), last), "{what}");
        assert_eq!(told.kept, damage.seq - 1, "{what}");
        copy_away(&mut disk, &mut side, &told.files).unwrap();
        for name in &told.files {
            let copy = name.rsplit('/').next().unwrap();
            assert_eq!(side.contents(copy), disk.contents(name), "{what}: {name}");
        }
        let lost = repair(&mut disk);
        assert!(lost.bytes > 0, "{what}");
        let report = verified(&mut disk);
        assert!(report.is_intact(), "{what}: {report:?}");
        let [repaired] = report.repaired[..] else {
            panic!("{what}: {report:?}")
        };
        assert_eq!(
            (repaired.from, repaired.to),
            (lost.kept + 1, last),
            "{what}"
        );
        let more = script(62, 30);
        assert_eq!(run(&mut disk, &more), more.len(), "{what}");
        let (all, recovery) = replay(&mut disk);
        assert_eq!(all, [kept, more].concat(), "{what}");
        assert_eq!(recovery.repaired, [repaired], "{what}");
    }
}

#[test]
fn a_repair_cut_short_at_any_call_is_made_again() {
    let batches = script(63, 30);
    for (what, harm) in HARMS {
        let mut disk = written(&batches).crash(1);
        harm(&mut disk);
        let disk = disk.kill();
        let kept = replay(&mut disk.clone()).0;
        let mut whole = disk.clone();
        let lost = loss(&mut whole, &[]).unwrap().unwrap();
        let first = whole.calls() + 1;
        cut(&mut whole, &lost).unwrap();
        for call in first..=whole.calls() {
            let mut disk = disk.clone();
            let lost = loss(&mut disk, &[]).unwrap().unwrap();
            disk.fail_at(call, Fault::PowerCut);
            cut(&mut disk, &lost).unwrap_err();
            for seed in 0..6 {
                let what = format!("{what}, cut at {call}, seed {seed}");
                let mut after = disk.crash(seed);
                if loss(&mut after, &[]).unwrap().is_some() {
                    repair(&mut after);
                }
                let (left, recovery) = replay(&mut after);
                assert_eq!(left, kept, "{what}");
                assert_eq!(recovery.damage, None, "{what}");
            }
        }
    }
}

#[test]
fn a_sound_journal_is_left_alone() {
    let mut disk = written(&script(64, 20));
    let tip = verified(&mut disk).tip.unwrap();
    assert!(loss(&mut disk, &[]).unwrap().is_none());
    assert!(loss(&mut disk, &[tip]).unwrap().is_none());
}

/// The tail is gone: a snapshot knows more than the journal, which does not open behind it.
#[test]
fn a_journal_that_ends_before_its_snapshot_can_be_begun_again_without_it() {
    let batches = script(65, 20);
    let mut disk = written(&batches);
    let tip = verified(&mut disk).tip.unwrap();
    let mut short = written(&batches[..12]);
    let beyond = Options {
        after: Some(tip),
        ..options()
    };
    assert!(Journal::open(&mut short, &beyond, |_| ()).is_err());
    let lost = loss(&mut short, &[tip]).unwrap().unwrap();
    assert_eq!((lost.damage, lost.last, lost.after), (None, tip.seq, None));
    assert!(lost.files.is_empty());
    cut(&mut short, &lost).unwrap();
    assert_eq!(replay(&mut short).0, batches[..12]);
}
