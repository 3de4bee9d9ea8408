//! Bytes that change by themselves, files that are missing, swapped or stale.

use super::*;

/// Every finding of an opening is also one of `verify`, and the state is a prefix.
fn check_rotten(what: &str, disk: &SimDisk, batches: &[Batch]) {
    match verify(&mut disk.clone(), |_, _| ()) {
        Ok(report) => assert!(!report.is_intact(), "{what}: silent"),
        Err(error) => panic!("{what}: {error}"),
    }
    let (recovered, recovery) = replay(&mut disk.clone());
    assert!(!is_silent(&recovery), "{what}: opened silently");
    assert!(batches.starts_with(&recovered), "{what}: not a prefix");
    if recovery.torn.is_empty() && recovery.damage.is_none() {
        assert_eq!(
            recovered, batches,
            "{what}: only stray bytes, yet records are missing"
        );
    }
    if recovery.damage.is_none() {
        assert!(
            recovered.len() + 1 >= batches.len(),
            "{what}: more than the last batch was cut"
        );
    }
}

/// Flips bits of the masks that `bits` gives for an offset and whether that is written space.
fn flip_bits(bits: impl Fn(usize, bool) -> u8) {
    let batches = script(31, 9);
    let disk = written(&batches);
    let segments = verified(&mut disk.clone()).segments as u32;
    assert_eq!(segments, 2, "two used ones and the spare");
    for index in 1..=segments + 1 {
        let name = segment_name(index);
        let bytes = disk.contents(&name).unwrap();
        let end = search::written_end(bytes) + RECORD_OVERHEAD_BYTES;
        for offset in 0..bytes.len() {
            let is_written = offset < HEADER_BYTES || (FIRST_RECORD_AT..end).contains(&offset);
            let mask = bits(offset, is_written);
            for bit in (0..8).filter(|bit| mask & (1 << bit) != 0) {
                let mut rotten = disk.clone();
                rotten.flip(&name, offset as u64, 1 << bit);
                check_rotten(
                    &format!("{name} byte {offset} bit {bit}"),
                    &rotten,
                    &batches,
                );
            }
        }
    }
}

#[test]
fn a_flipped_bit_of_every_byte_is_found() {
    // One bit a byte, another one in the next; of unused space every 16th byte.
    flip_bits(|offset, is_written| {
        let is_tried = is_written || offset.is_multiple_of(16);
        if is_tried { 1 << (offset * 5 % 8) } else { 0 }
    });
}

#[test]
fn a_page_of_rot_in_the_middle_is_damage() {
    let batches = script(32, 40);
    let disk = written(&batches);
    for (offset, fill) in [(0, 0), (0, 0xff), (4096, 0), (4096, 0x55), (4608, 0)] {
        let mut bytes = disk.contents(&segment_name(2)).unwrap().to_vec();
        let end = (offset + 4096).min(bytes.len());
        bytes[offset..end].fill(fill);
        let mut rotten = disk.clone();
        rotten.plant(&segment_name(2), bytes);
        check_rotten(&format!("page at {offset} of {fill}"), &rotten, &batches);
        let (_, recovery) = replay(&mut rotten);
        assert_eq!(recovery.damage.unwrap().segment, 2);
    }
}

#[test]
fn missing_swapped_and_stale_segments_are_found() {
    let batches = script(33, 60);
    let disk = written(&batches);
    let segments = verified(&mut disk.clone()).segments as u32;
    let bytes = |index| disk.contents(&segment_name(index)).unwrap().to_vec();
    for index in 1..=segments {
        let mut missing = disk.clone();
        missing.remove(&segment_name(index)).unwrap();
        if index == 1 {
            // As if it had been pruned, with no base to begin at.
            assert!(!verified(&mut missing.clone()).is_intact());
            assert!(Journal::open(&mut missing, &options(), |_| ()).is_err());
        } else {
            check_rotten(&format!("{index} missing"), &missing, &batches);
        }
        let mut blank = disk.clone();
        blank.plant(&segment_name(index), vec![0; MIN_SEGMENT_BYTES]);
        check_rotten(&format!("{index} blank"), &blank, &batches);
        for len in [0, 100, 4096, 5000] {
            let mut cut = disk.clone();
            cut.plant(&segment_name(index), bytes(index)[..len].to_vec());
            check_rotten(&format!("{index} cut to {len}"), &cut, &batches);
        }
        for other in 1..=segments {
            if other != index {
                let mut copied = disk.clone();
                copied.plant(&segment_name(index), bytes(other));
                check_rotten(&format!("{other} over {index}"), &copied, &batches);
            }
        }
    }
    // The same segment of another journal, and of the same one at an earlier time.
    let foreign = written(&script(34, 60));
    let stale = (1..).map(|count| written(&batches[..count]));
    let stale = stale
        .into_iter()
        .find(|disk: &SimDisk| disk.contents(&segment_name(3)).is_some())
        .unwrap();
    for (what, from) in [("foreign", foreign), ("stale", stale)] {
        let mut mixed = disk.clone();
        mixed.plant(
            &segment_name(2),
            from.contents(&segment_name(2)).unwrap().to_vec(),
        );
        check_rotten(what, &mixed, &batches);
        assert_eq!(
            replay(&mut mixed).1.damage.unwrap().kind.as_str(),
            "chain broken",
            "{what}"
        );
    }
}

/// Two journals of the same shape and other contents: every record has its like in the other.
fn twins() -> [SimDisk; 2] {
    [b'a', b'b'].map(|byte| written(&vec![vec![vec![byte; 700], vec![byte; 90]]; 20]))
}

#[test]
fn a_sound_segment_of_a_twin_breaks_the_chain() {
    let [mut disk, twin] = twins();
    disk.plant(
        &segment_name(3),
        twin.contents(&segment_name(3)).unwrap().to_vec(),
    );
    let damage = replay(&mut disk).1.damage.unwrap();
    assert_eq!(
        (damage.segment, damage.offset, damage.kind),
        (3, 0, DamageKind::ChainBroken)
    );
}

#[test]
fn an_edited_record_with_a_new_crc_breaks_the_chain() {
    let [mut disk, _] = twins();
    let mut bytes = disk.contents(&segment_name(2)).unwrap().to_vec();
    let record = record::Stored::parse(&bytes[FIRST_RECORD_AT..]).unwrap();
    let (body_bytes, size) = (record.body.len(), record.size());
    bytes[FIRST_RECORD_AT + HEAD_BYTES] = b'?';
    let crc = record::checksum(&bytes[FIRST_RECORD_AT..FIRST_RECORD_AT + body_bytes]);
    let crc_at = FIRST_RECORD_AT + body_bytes;
    bytes[crc_at..FIRST_RECORD_AT + size].copy_from_slice(&crc.to_le_bytes());
    disk.plant(&segment_name(2), bytes);
    let damage = replay(&mut disk).1.damage.unwrap();
    assert_eq!((damage.segment, damage.kind), (2, DamageKind::ChainBroken));
}

#[test]
fn what_was_durable_for_certain_is_damage_not_a_tear() {
    let [disk, _] = twins();
    // The last batch of a segment with a used one behind it.
    let mut rotten = disk.clone();
    let end = search::written_end(disk.contents(&segment_name(1)).unwrap());
    rotten.flip(&segment_name(1), end as u64 - 20, 1);
    let recovery = replay(&mut rotten).1;
    assert_eq!(recovery.torn, []);
    assert_eq!(
        recovery.damage.map(|d| (d.segment, d.kind)),
        Some((1, DamageKind::BadRecord))
    );
    // The only batch of the last used segment: the spare behind it was made later.
    let mut one = SimDisk::new();
    run(&mut one, &[]);
    let (mut journal, _) = Journal::open(&mut one, &options(), |_| ()).unwrap();
    journal.push(Kind::EVENT, 1, &[1; 4_000]).unwrap();
    journal.commit().unwrap();
    journal.prepare_next().unwrap();
    for offset in [3, FIRST_RECORD_AT as u64 + 200] {
        let mut rotten = one.clone();
        rotten.flip(&segment_name(2), offset, 1);
        let recovery = replay(&mut rotten).1;
        assert_eq!(
            (recovery.torn.len(), recovery.damage.unwrap().segment),
            (0, 2),
            "{offset}"
        );
    }
    // A file cut short in the middle of a batch, with nothing behind it.
    let mut cut = SimDisk::new();
    let large = Options {
        segment_bytes: 3 * MIN_SEGMENT_BYTES,
        ..options()
    };
    let (mut journal, _) = Journal::open(&mut cut, &large, |_| ()).unwrap();
    for _ in 0..5 {
        journal.push(Kind::EVENT, 1, &[1; 3_000]).unwrap();
        journal.commit().unwrap();
    }
    for (len, whole) in [(9_000, 2), (11_000, 3), (24_000, 6)] {
        let mut cut = cut.clone();
        cut.plant(
            &segment_name(1),
            cut.contents(&segment_name(1)).unwrap()[..len].to_vec(),
        );
        let (recovered, recovery) = replay(&mut cut);
        assert_eq!(
            (recovery.torn.len(), recovered.len() + 1),
            (0, whole),
            "cut to {len}"
        );
        assert!(recovery.damage.is_some(), "cut to {len}");
    }
}

#[test]
fn misdirected_writes_are_found() {
    let batches = script(35, 40);
    let disk = written(&batches);
    for (from, to) in [(4096, 6144), (4608, 4096), (5120, 7680), (4096, 0)] {
        let mut bytes = disk.contents(&segment_name(2)).unwrap().to_vec();
        bytes.copy_within(from..from + 512, to);
        let mut rotten = disk.clone();
        rotten.plant(&segment_name(2), bytes);
        check_rotten(&format!("{from} written to {to}"), &rotten, &batches);
    }
}

#[test]
fn damage_is_read_only_and_changes_nothing() {
    let batches = script(36, 40);
    let mut disk = written(&batches);
    disk.flip(&segment_name(2), 5_000, 4);
    let before: Vec<_> = (1..6)
        .map(|n| disk.contents(&segment_name(n)).map(<[u8]>::to_vec))
        .collect();
    let (mut journal, recovery) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    assert_eq!(journal.state(), State::ReadOnly);
    let damage = recovery.damage.unwrap();
    assert!(damage.seq <= damage.resumes_at.unwrap());
    journal.push(Kind::EVENT, 99_999, b"x").unwrap();
    assert!(matches!(
        journal.commit(),
        Err(CommitError::Refused {
            state: State::ReadOnly
        })
    ));
    assert!(!journal.needs_segment());
    let after: Vec<_> = (1..6)
        .map(|n| disk.contents(&segment_name(n)).map(<[u8]>::to_vec))
        .collect();
    assert_eq!(before, after);
}

#[test]
fn reading_goes_on_behind_damage() {
    let batches = script(37, 60);
    let mut disk = written(&batches);
    let mut all = Vec::new();
    read(&mut disk, 1, u64::MAX, |r| all.push(r.seq)).unwrap();
    disk.flip(&segment_name(1), 5_000, 4);
    disk.flip(&segment_name(2), 5_000, 4);
    disk.flip(&segment_name(3), 20, 4);
    let mut left = Vec::new();
    let report = read(&mut disk, 1, u64::MAX, |r| left.push(r.seq)).unwrap();
    let places: Vec<_> = report.damage.iter().map(|d| (d.segment, d.kind)).collect();
    let record = DamageKind::BadRecord;
    assert_eq!(
        places,
        [(1, record), (2, record), (3, DamageKind::BadHeader)]
    );
    assert!(
        left.is_sorted() && left.len() + 15 > all.len(),
        "{} of {}",
        left.len(),
        all.len()
    );
    assert_eq!(left.last(), all.last());
    let lost = |seq: &u64| {
        report
            .damage
            .iter()
            .any(|d| (d.seq..d.resumes_at.unwrap()).contains(seq))
    };
    for seq in all.iter().filter(|seq| !left.contains(seq)) {
        assert!(lost(seq), "{seq} is missing and not reported");
    }
}

#[test]
fn a_snapshot_makes_good_what_is_damaged_before_it() {
    let batches = script(38, 40);
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    let mut points = Vec::new();
    for (batch, time_ms) in batches.iter().zip(1..) {
        push(&mut journal, time_ms, batch);
        journal.commit().unwrap();
        points.push(journal.tip());
    }
    disk.flip(&segment_name(2), 5_000, 4);
    let damage = replay(&mut disk.clone()).1.damage.unwrap();
    let mut writable = 0;
    for point in &points[..points.len() - 1] {
        let mut seqs = Vec::new();
        let from = Options {
            after: Some(*point),
            ..options()
        };
        let opened = Journal::open(disk.clone(), &from, |r| seqs.push(r.seq));
        let (journal, recovery) = opened.unwrap();
        let is_beyond = damage.resumes_at.unwrap() <= point.seq + 1;
        assert_eq!(
            journal.state() == State::Ready,
            is_beyond,
            "{point:?} {recovery:?}"
        );
        if is_beyond {
            assert_eq!(seqs.first(), Some(&(point.seq + 1)));
            writable += 1;
        }
    }
    assert!(writable > 10);
}

#[test]
fn a_newer_format_is_refused_with_a_clear_error() {
    let mut disk = written(&script(39, 3));
    let mut bytes = disk.contents(&segment_name(1)).unwrap().to_vec();
    bytes[4] = 2;
    let crc = record::checksum(&bytes[..124]);
    bytes[124..128].copy_from_slice(&crc.to_le_bytes());
    disk.plant(&segment_name(1), bytes);
    let error = Journal::open(&mut disk, &options(), |_| ()).unwrap_err();
    insta::assert_snapshot!(error, @"failed to read journal segment 1: format version 2 is newer than this program's; use the program that wrote it, or a later one");
}
