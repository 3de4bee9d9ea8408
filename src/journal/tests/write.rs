//! Round trips, rolls, limits, engine time, hashes.

use super::*;

#[test]
fn what_was_written_is_replayed() {
    let batches = script(1, 60);
    let mut disk = written(&batches);
    let report = verified(&mut disk);
    assert!(report.is_intact(), "{report:?}");
    assert!(report.segments >= 4, "{report:?}");
    let (replayed, recovery) = replay(&mut disk);
    assert_eq!(replayed, batches);
    assert!(is_silent(&recovery), "{recovery:?}");
    assert_eq!(recovery.batches, 61, "the opening is a batch");
    assert_eq!(report.tip.unwrap().seq, recovery.last_seq);
}

#[test]
fn every_opening_is_a_record() {
    let mut disk = SimDisk::new();
    for _ in 0..3 {
        Journal::open(&mut disk, &options(), |_| ()).unwrap();
    }
    let mut openings = Vec::new();
    read(&mut disk, 1, u64::MAX, |record| {
        assert_eq!(record.kind, Kind::OPENED);
        openings.push((record.seq, opened_wall_ms(record.payload)));
    })
    .unwrap();
    assert_eq!(
        openings,
        [(1, Some(WALL_MS)), (2, Some(WALL_MS)), (3, Some(WALL_MS))]
    );
}

#[test]
fn a_range_is_read_without_the_segments_before() {
    let batches = script(2, 60);
    let mut disk = written(&batches);
    let mut all = Vec::new();
    let whole = read(&mut disk, 0, u64::MAX, |r| {
        all.push((r.seq, r.payload.to_vec()))
    })
    .unwrap();
    let seqs: Vec<_> = all.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=whole.tip.unwrap().seq).collect::<Vec<_>>());
    let last = *seqs.last().unwrap();
    for (first, to) in [
        (1, 1),
        (40, 55),
        (last - 3, last),
        (last, u64::MAX),
        (last + 9, u64::MAX),
    ] {
        let mut part = Vec::new();
        let report = read(&mut disk, first, to, |r| {
            part.push((r.seq, r.payload.to_vec()))
        })
        .unwrap();
        let expected: Vec<_> = all
            .iter()
            .filter(|(seq, _)| (first..=to).contains(seq))
            .cloned()
            .collect();
        assert_eq!(part, expected, "{first} to {to}");
        assert!(
            report.is_intact() && report.segments <= 2,
            "{first} to {to}: {report:?}"
        );
    }
}

#[test]
fn replay_starts_behind_a_snapshot() {
    let batches = script(3, 40);
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    let mut points = Vec::new();
    for (batch, time_ms) in batches.iter().zip(1..) {
        push(&mut journal, time_ms, batch);
        journal.commit().unwrap();
        points.push(journal.tip());
    }
    for (at, point) in points.into_iter().enumerate() {
        let mut seqs = Vec::new();
        let from = Options {
            after: Some(point),
            ..options()
        };
        Journal::open(disk.clone(), &from, |r| seqs.push(r.seq)).unwrap();
        assert_eq!(
            seqs.first().copied(),
            (at + 1 < batches.len()).then_some(point.seq + 1)
        );
        let forked = ChainPoint {
            digest: [1; 32],
            ..point
        };
        let error = Journal::open(
            disk.clone(),
            &Options {
                after: Some(forked),
                ..from
            },
            |_| (),
        );
        assert!(
            matches!(error, Err(OpenError::Scan(ScanError::Forked { .. }))),
            "{error:?}"
        );
        let ahead = ChainPoint {
            seq: 9_999,
            ..point
        };
        let error = Journal::open(
            disk.clone(),
            &Options {
                after: Some(ahead),
                ..from
            },
            |_| (),
        );
        assert!(
            matches!(error, Err(OpenError::Scan(ScanError::Behind { .. }))),
            "{error:?}"
        );
    }
}

#[test]
fn batches_have_limits() {
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    let limit = MIN_SEGMENT_BYTES - FIRST_RECORD_AT;
    let largest = limit - RECORD_OVERHEAD_BYTES;
    assert_eq!(
        journal.push(Kind::EVENT, 0, &vec![1; largest + 1]),
        Err(PushError::PayloadTooLarge {
            bytes: largest + 1,
            limit: largest
        })
    );
    journal.push(Kind::EVENT, 0, &vec![1; largest]).unwrap();
    assert!(!journal.fits(1, 0));
    assert_eq!(
        journal.push(Kind::EVENT, 0, b""),
        Err(PushError::BatchFull {
            bytes: limit + RECORD_OVERHEAD_BYTES,
            limit
        })
    );
    assert_eq!(
        journal.commit().unwrap(),
        2,
        "a batch may fill a segment to the last byte"
    );
    assert_eq!(journal.push(Kind::EVENT, 0, b"").unwrap(), 3);
    assert_eq!(journal.commit().unwrap(), 3);
    assert!(verified(&mut disk).is_intact());
}

#[test]
fn empty_discarded_and_backward_batches_write_nothing() {
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    assert_eq!(journal.commit().unwrap(), 1);
    journal.push(Kind::EVENT, 50, b"dropped").unwrap();
    assert_eq!(
        journal.push(Kind::EVENT, 49, b"late"),
        Err(PushError::TimeWentBack {
            time_ms: 49,
            last_ms: 50
        })
    );
    journal.discard();
    assert_eq!(journal.pushed(), 0);
    assert_eq!(journal.push(Kind::EVENT, 10, b"kept").unwrap(), 2);
    assert_eq!(journal.commit().unwrap(), 2);
    assert_eq!(replay(&mut disk).0, [[b"kept".to_vec()]]);
}

#[test]
fn engine_time_goes_on_by_the_time_it_was_down() {
    const HOUR_MS: i64 = 3_600_000;
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    journal.push(Kind::EVENT, 5_000, b"x").unwrap();
    journal.commit().unwrap();
    // | wall clock since that record | engine time added |
    let cases = [
        (0, 0),
        (7 * HOUR_MS, 7 * HOUR_MS as u64),
        (-HOUR_MS, 0),
        (99 * 24 * HOUR_MS, MAX_DOWN_MS),
    ];
    for (gap_ms, down_ms) in cases {
        let later = Options {
            wall_ms: WALL_MS + 5_000 + gap_ms,
            ..options()
        };
        let (_, recovery) = Journal::open(&mut disk.clone(), &later, |_| ()).unwrap();
        assert_eq!((recovery.wall_gap_ms, recovery.down_ms), (gap_ms, down_ms));
        assert_eq!(recovery.engine_time_ms, 5_000 + down_ms);
    }
    let mut labels = Vec::new();
    read(&mut disk, 1, 9, |record| {
        labels.push(record.wall_ms - WALL_MS)
    })
    .unwrap();
    assert_eq!(labels, [0, 5_000]);
}

#[test]
fn the_hash_may_change_where_a_segment_begins() {
    let sm3 = Options {
        hash: HashKind::Sm3,
        ..options()
    };
    let mut disk = SimDisk::new();
    for options in [sm3, options(), sm3] {
        let (mut journal, recovery) = Journal::open(&mut disk, &options, |_| ()).unwrap();
        for _ in 0..3 {
            journal
                .push(Kind::EVENT, recovery.engine_time_ms, &[5; 3_000])
                .unwrap();
            journal.commit().unwrap();
        }
    }
    let report = verified(&mut disk);
    assert!(report.is_intact() && report.segments == 9, "{report:?}");
    let codes: Vec<u8> = (1..=9)
        .map(|index| disk.contents(&segment_name(index)).unwrap()[6])
        .collect();
    assert_eq!(codes[0], 2);
    assert!(codes.contains(&1) && codes[8] == 2, "{codes:?}");
}

#[test]
fn the_segment_size_may_change() {
    let batches = script(5, 20);
    let mut disk = written(&batches);
    let larger = Options {
        segment_bytes: 3 * MIN_SEGMENT_BYTES,
        ..options()
    };
    let (mut journal, _) = Journal::open(&mut disk, &larger, |_| ()).unwrap();
    for time_ms in 1_000..1_010 {
        journal.push(Kind::EVENT, time_ms, &[5; 3_000]).unwrap();
        journal.commit().unwrap();
    }
    let report = verified(&mut disk);
    assert!(report.is_intact(), "{report:?}");
    for bytes in [0, MIN_SEGMENT_BYTES - 1, MAX_SEGMENT_BYTES + 1] {
        let wrong = Options {
            segment_bytes: bytes,
            ..options()
        };
        let error = Journal::open(&mut disk, &wrong, |_| ()).unwrap_err();
        assert!(matches!(error, OpenError::SegmentBytes { .. }));
    }
}

/// What `append_at` needs, after any power cut.
#[test]
fn nothing_but_zeros_lies_behind_where_batches_are_appended() {
    let batches = script(11, 24);
    for call in 1..=written(&batches).calls() {
        let mut disk = SimDisk::new();
        disk.fail_at(call, Fault::PowerCut);
        run(&mut disk, &batches);
        for seed in 0..12 {
            let mut disk = disk.crash(seed);
            let (journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
            let tail = journal.tail.as_ref().map(|tail| (&tail.name, tail.end));
            let spare = journal.spare.as_ref().map(|spare| (&spare.name, 0));
            for (name, from) in tail.into_iter().chain(spare) {
                let behind = &journal.disk.contents(name).unwrap()[from..];
                let is_blank = behind.iter().all(|byte| *byte == 0);
                assert!(is_blank, "{name}, cut at call {call}, seed {seed}");
            }
        }
    }
}
