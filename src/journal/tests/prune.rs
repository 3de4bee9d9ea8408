//! Pruned journals: what stays is what was there, whatever happens on the way and to the base.

use super::*;

/// The segment that stays, in a journal of at least six.
const STAYS: u32 = 4;

/// A journal, the oldest segments compressed, and the head of the base before [`STAYS`].
fn aged(batches: &[Batch]) -> (SimDisk, SnapshotHead) {
    let mut disk = written(batches).crash(1).kill();
    let used = segments(&mut disk).unwrap();
    assert!(used.len() >= 6, "{}", used.len());
    let point = used[STAYS as usize - 1].before;
    cool(&mut disk, u64::MAX).unwrap();
    let report = read(&mut disk, 1, point.seq, |_| ()).unwrap();
    assert_eq!(report.tip, Some(point));
    let (time_ms, wall_ms) = (report.time_ms, report.wall_ms);
    let format = 7;
    let head = SnapshotHead {
        format,
        point,
        time_ms,
        wall_ms,
    };
    (disk, head)
}

/// The steps of a prune.
fn pruned(disk: &mut SimDisk, head: &SnapshotHead) -> Result<(), String> {
    write_base(disk, STAYS, head, b"the state").map_err(|error| error.to_string())?;
    prune(disk).map_err(|error| error.to_string())?;
    Ok(())
}

/// Opens the journal where it begins; the payloads of the events behind that, and what it found.
fn from_base(disk: &mut SimDisk) -> Result<(Vec<Vec<u8>>, Recovery), OpenError> {
    let base = base(disk).unwrap_or(None);
    let options = Options {
        after: base.map(|base| base.snapshot.head.point),
        ..options()
    };
    let mut events = Vec::new();
    let (_, recovery) = Journal::open(disk, &options, |record| {
        if record.kind == Kind::EVENT {
            events.push(record.payload.to_vec());
        }
    })?;
    Ok((events, recovery))
}

/// The payloads of the events from a record on.
fn events(disk: &SimDisk, first: u64) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    read(&mut disk.clone(), first, u64::MAX, |record| {
        if record.kind == Kind::EVENT {
            events.push(record.payload.to_vec());
        }
    })
    .unwrap();
    events
}

#[test]
fn a_pruned_journal_is_the_rest_of_it_and_is_written_behind() {
    let (mut disk, head) = aged(&script(71, 90));
    let (before, rest) = (
        verified(&mut disk.clone()),
        events(&disk, head.point.seq + 1),
    );
    pruned(&mut disk, &head).unwrap();
    assert!(files_before(&mut disk, STAYS).unwrap().is_empty());
    assert_eq!(disk.contents(&cold_name(1)), None);
    let report = verified(&mut disk);
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(report.tip, before.tip);
    assert_eq!(report.records, before.records - head.point.seq);
    assert_eq!(events(&disk, 1), rest, "who only reads gets what there is");
    let (replayed, recovery) = from_base(&mut disk).unwrap();
    assert_eq!(replayed, rest);
    assert_eq!((recovery.damage, recovery.down_ms), (None, 0));
    while cool(&mut disk, u64::MAX).unwrap().is_some() {}
    let options = Options {
        after: Some(head.point),
        ..options()
    };
    let mut journal = Journal::open(&mut disk, &options, |_| ()).unwrap().0;
    for (time_ms, batch) in (recovery.engine_time_ms + 1..).zip(&script(72, 40)) {
        push(&mut journal, time_ms, batch);
        journal.commit().unwrap();
    }
    drop(journal);
    let more = script(72, 40).concat();
    assert_eq!(from_base(&mut disk).unwrap().0, [rest, more].concat());
    assert!(verified(&mut disk).is_intact());
}

#[test]
fn a_prune_cut_short_at_any_call_leaves_a_journal_that_opens() {
    let (disk, head) = aged(&script(73, 60));
    let (all, rest) = (events(&disk, 1), events(&disk, head.point.seq + 1));
    let mut whole = disk.clone();
    let first = whole.calls() + 1;
    pruned(&mut whole, &head).unwrap();
    assert!(whole.calls() - first > 10);
    for fault in [Fault::PowerCut, Fault::Io, Fault::Full] {
        for call in first..=whole.calls() {
            let mut cut = disk.clone();
            cut.fail_at(call, fault);
            let _ = pruned(&mut cut, &head);
            for seed in 0..4 {
                let what = format!("{fault:?} at {call}, seed {seed}");
                let mut after = cut.crash(seed);
                let begun = base(&mut after).unwrap();
                assert!(verified(&mut after).is_intact(), "{what}");
                let (replayed, recovery) = from_base(&mut after).unwrap();
                let left = if begun.is_some() { &rest } else { &all };
                assert_eq!(&replayed, left, "{what}");
                assert_eq!(recovery.damage, None, "{what}");
                // The next prune ends it.
                pruned(&mut after, &head).unwrap();
                assert!(
                    files_before(&mut after, STAYS).unwrap().is_empty(),
                    "{what}"
                );
                assert_eq!(from_base(&mut after).unwrap().0, rest, "{what}");
            }
        }
    }
}

#[test]
fn a_base_that_is_missing_or_changed_is_refused_and_nothing_is_lost() {
    let (mut disk, head) = aged(&script(74, 60));
    pruned(&mut disk, &head).unwrap();
    let name = base_name(STAYS);
    let len = disk.contents(&name).unwrap().len();
    let mut harmed: Vec<_> = (0..len)
        .map(|at| {
            let mut harmed = disk.clone();
            harmed.flip(&name, at as u64, 1 << (at * 5 % 8));
            harmed
        })
        .collect();
    harmed.push(disk.clone());
    harmed[len].remove(&name).unwrap();
    for (at, harmed) in harmed.iter_mut().enumerate() {
        let files = harmed.list().unwrap();
        let error = from_base(harmed).unwrap_err().to_string();
        assert!(
            error.contains(&name) && error.contains("nothing was changed"),
            "{at}: {error}"
        );
        assert_eq!(harmed.list().unwrap(), files, "{at}");
        let report = verified(harmed);
        let damage = report.damage[0];
        assert_eq!(
            (damage.kind, damage.resumes_at),
            (DamageKind::NoBase, Some(head.point.seq + 1)),
            "{at}"
        );
        // What can be read is read, and a snapshot beyond still serves.
        assert_eq!(events(harmed, 1), events(&disk, 1), "{at}");
        let after = Some(verified(&mut disk).tip.unwrap());
        let options = Options { after, ..options() };
        let found = Journal::open(&mut harmed.clone(), &options, |_| ())
            .unwrap()
            .1;
        assert_eq!(found.damage, None, "{at}");
    }
}

#[test]
fn nobody_replays_a_pruned_journal_onto_another_state() {
    let (mut disk, head) = aged(&script(75, 60));
    let early = segments(&mut disk).unwrap()[1].before;
    pruned(&mut disk, &head).unwrap();
    for after in [None, Some(early)] {
        let options = Options { after, ..options() };
        let opened = Journal::open(&mut disk, &options, |_| ()).map(drop);
        let refused = matches!(opened, Err(OpenError::Scan(ScanError::Pruned { .. })));
        assert!(refused, "{after:?}");
        assert!(follow(&mut disk, after, u64::MAX, |_| ()).is_err());
    }
    let forked = ChainPoint {
        digest: [7; 32],
        ..head.point
    };
    let followed = follow(&mut disk, Some(forked), u64::MAX, |_| ());
    assert!(matches!(followed, Err(ScanError::Forked { .. })));
    // A base of another journal: the first segment does not continue it.
    let other = SnapshotHead {
        point: forked,
        ..head
    };
    write_base(&mut disk, STAYS, &other, b"the state").unwrap();
    let damage = from_base(&mut disk).unwrap().1.damage.unwrap();
    assert_eq!(
        (damage.segment, damage.kind),
        (STAYS, DamageKind::ChainBroken)
    );
}

#[test]
fn of_two_bases_the_newest_sound_one_counts() {
    let (mut disk, head) = aged(&script(76, 60));
    let (all, rest) = (events(&disk, 1), events(&disk, head.point.seq + 1));
    write_base(&mut disk, STAYS, &head, b"the state").unwrap();
    assert_eq!(from_base(&mut disk.clone()).unwrap().0, rest);
    let mut harmed = disk.clone();
    harmed.flip(&base_name(STAYS), 40, 1);
    assert_eq!(
        from_base(&mut harmed).unwrap().0,
        all,
        "everything is there still"
    );
    let later = segments(&mut disk).unwrap()[1];
    let point = later.before;
    write_base(
        &mut disk,
        later.index,
        &SnapshotHead { point, ..head },
        b"later",
    )
    .unwrap();
    let mut older = disk.clone();
    older.flip(&base_name(later.index), 40, 1);
    assert_eq!(from_base(&mut older).unwrap().0, rest);
    prune(&mut disk).unwrap();
    assert_eq!(disk.contents(&base_name(STAYS)), None);
    assert_eq!(
        from_base(&mut disk).unwrap().0,
        events(&disk, point.seq + 1)
    );
}

#[test]
fn a_pruned_journal_is_repaired_behind_its_base() {
    let (mut disk, head) = aged(&script(77, 60));
    pruned(&mut disk, &head).unwrap();
    let harms: [fn(&mut SimDisk); 4] = [
        |disk| disk.flip(&segment_name(STAYS), 20, 1),
        |disk| disk.flip(&segment_name(STAYS + 1), FIRST_RECORD_AT as u64 + 9, 1),
        |disk| disk.remove(&segment_name(STAYS)).unwrap(),
        |disk| {
            for index in STAYS..STAYS + 20 {
                let _ = disk.remove(&segment_name(index));
            }
        },
    ];
    for (at, harm) in harms.iter().enumerate() {
        let mut disk = disk.clone();
        harm(&mut disk);
        let (kept, recovery) = from_base(&mut disk).unwrap();
        assert!(recovery.damage.is_some(), "{at}");
        let lost = loss(&mut disk, &[]).unwrap().unwrap();
        assert_eq!(lost.kept, recovery.last_seq, "{at}");
        cut(&mut disk, &lost).unwrap();
        let options = Options {
            after: lost.after,
            ..options()
        };
        let (mut journal, found) = Journal::open(&mut disk, &options, |_| ()).unwrap();
        note_repair(&mut journal, found.engine_time_ms, &lost).unwrap();
        drop(journal);
        let (left, recovery) = from_base(&mut disk).unwrap();
        assert_eq!((left, recovery.damage), (kept, None), "{at}");
        assert!(verified(&mut disk).is_intact(), "{at}");
    }
}
