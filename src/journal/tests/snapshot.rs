//! Snapshots: every bit counts, every call may be the last, the journal is always there behind.

use super::*;

const FORMAT: u16 = 7;

/// What a start has: the newest sound snapshot's payload and the records behind it.
fn start(disk: &mut SimDisk) -> (Vec<u8>, Recovery) {
    let files = snapshots(disk).unwrap();
    let mut sound = files
        .iter()
        .filter_map(|file| read_snapshot(disk, file).ok());
    let snapshot = sound.next();
    drop(sound);
    let options = Options {
        after: snapshot.as_ref().map(|snapshot| snapshot.head.point),
        ..options()
    };
    let mut state = snapshot.map(|found| found.payload).unwrap_or_default();
    let (_, recovery) = Journal::open(disk, &options, |record| add(&mut state, &record)).unwrap();
    (state, recovery)
}

/// The state of this journal: all payloads.
fn add(state: &mut Vec<u8>, record: &Record<'_>) {
    if record.kind == Kind::EVENT {
        state.extend_from_slice(record.payload);
    }
}

fn state_of(batches: &[Batch]) -> Vec<u8> {
    batches.iter().flatten().flatten().copied().collect()
}

/// The next snapshot, made as the daemon does: from the last one and the journal behind it.
fn snap(disk: &mut SimDisk, tip: ChainPoint) -> Result<(), DiskError> {
    let files = snapshots(disk)?;
    let last = files.iter().find_map(|file| read_snapshot(disk, file).ok());
    let after = last.as_ref().map(|last| last.head.point);
    let mut state = last.map(|last| last.payload).unwrap_or_default();
    let read = follow(disk, after, tip.seq, |record| add(&mut state, &record));
    let Ok(report) = read else { return Ok(()) };
    assert_eq!(report.tip, Some(tip));
    write(disk, tip, &state)
}

fn write(disk: &mut SimDisk, point: ChainPoint, payload: &[u8]) -> Result<(), DiskError> {
    let length = payload.len() as u64;
    write_snapshot(disk, &head(point), length, |sink| sink(payload)).map(|_| ())
}

fn head(point: ChainPoint) -> SnapshotHead {
    let (format, time_ms, wall_ms) = (FORMAT, 5, WALL_MS);
    SnapshotHead {
        format,
        point,
        time_ms,
        wall_ms,
    }
}

/// Appends batches and makes a snapshot after every third; how many were acknowledged.
fn run_with_snapshots(disk: &mut SimDisk, batches: &[Batch]) -> usize {
    let files = snapshots(disk).unwrap_or_default();
    let last = files.iter().find_map(|file| read_snapshot(disk, file).ok());
    let options = Options {
        after: last.map(|last| last.head.point),
        ..options()
    };
    let Ok((mut journal, recovery)) = Journal::open(disk, &options, |_| ()) else {
        return 0;
    };
    let mut acked = 0;
    for (batch, time_ms) in batches.iter().zip(recovery.engine_time_ms + 1..) {
        push(&mut journal, time_ms, batch);
        if journal.commit().is_err() {
            break;
        }
        acked += 1;
        if acked % 3 == 0 && snap(journal.disk, journal.tip).is_err() {
            break;
        }
    }
    acked
}

#[test]
fn a_power_cut_at_any_call_while_snapshotting_loses_nothing() {
    let batches = script(21, 14);
    let mut whole = SimDisk::new();
    assert_eq!(run_with_snapshots(&mut whole, &batches), batches.len());
    for call in 1..=whole.calls() {
        let mut disk = SimDisk::new();
        disk.fail_at(call, Fault::PowerCut);
        let acked = run_with_snapshots(&mut disk, &batches);
        for seed in 0..8 {
            let what = format!("cut at call {call}, seed {seed}");
            let mut after = disk.crash(seed);
            let (state, recovery) = start(&mut after.clone());
            assert_eq!(recovery.damage, None, "{what}");
            let whole = (acked..=acked + 1).find(|n| {
                let some = batches.get(..*n);
                some.is_some_and(|some| state_of(some) == state)
            });
            let done = whole.unwrap_or_else(|| panic!("{what}: {acked} were acknowledged"));
            assert_eq!(state, state_of(&replay(&mut after.clone()).0));
            // It goes on where it ended, over whatever is left of the snapshot.
            let more = &batches[done..];
            assert_eq!(run_with_snapshots(&mut after, more), more.len(), "{what}");
            assert_eq!(start(&mut after).0, state_of(&batches), "{what}");
        }
    }
}

#[test]
fn every_flipped_bit_is_refused_and_the_older_one_serves() {
    let batches = script(22, 9);
    let mut disk = SimDisk::new();
    run_with_snapshots(&mut disk, &batches);
    let files = snapshots(&mut disk).unwrap();
    assert_eq!(files.len(), SNAPSHOTS_KEPT);
    let point = read_snapshot(&mut disk, &files[0]).unwrap().head.point;
    write(&mut disk, point, b"small").unwrap();
    let bytes = disk.contents(&files[0].name).unwrap().to_vec();
    let file = snapshots(&mut disk).unwrap().remove(0);
    assert!(read_snapshot(&mut disk, &file).is_ok());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.plant(&file.name, flipped);
        assert!(read_snapshot(&mut disk, &file).is_err(), "bit {bit}");
    }
    for cut in 0..bytes.len() {
        disk.plant(&file.name, bytes[..cut].to_vec());
        let file = snapshots(&mut disk).unwrap().remove(0);
        assert!(read_snapshot(&mut disk, &file).is_err(), "cut at {cut}");
    }
    assert_eq!(start(&mut disk).0, state_of(&batches));
}

#[test]
fn a_payload_in_pieces_is_the_payload() {
    let mut disk = SimDisk::new();
    let point = ChainPoint {
        seq: 3,
        digest: [1; DIGEST_BYTES],
    };
    let payload: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let length = payload.len() as u64;
    let in_pieces = |sink: Sink<'_>| payload.chunks(777).for_each(sink);
    let bytes = write_snapshot(&mut disk, &head(point), length, in_pieces).unwrap();
    let file = snapshots(&mut disk).unwrap().remove(0);
    assert_eq!(file.bytes, bytes);
    assert_eq!(read_snapshot(&mut disk, &file).unwrap().payload, payload);
}

#[test]
fn a_payload_of_another_length_than_said_is_no_snapshot() {
    let mut disk = SimDisk::new();
    let point = ChainPoint {
        seq: 3,
        digest: [1; DIGEST_BYTES],
    };
    for length in [0, 4, 6] {
        let written = write_snapshot(&mut disk, &head(point), length, |sink| sink(b"state"));
        assert!(written.is_err(), "{length}");
        assert_eq!(snapshots(&mut disk).unwrap(), []);
    }
    assert!(
        write(&mut disk, point, b"state").is_ok(),
        "over the draft that was left"
    );
}

#[test]
fn a_newer_version_is_named() {
    let mut disk = SimDisk::new();
    let point = ChainPoint {
        seq: 3,
        digest: [1; DIGEST_BYTES],
    };
    write(&mut disk, point, b"later").unwrap();
    let file = snapshots(&mut disk).unwrap().remove(0);
    let mut bytes = disk.contents(&file.name).unwrap().to_vec();
    bytes[4] = 2;
    let body = bytes.len() - 4;
    let crc = crate::journal::record::checksum(&bytes[..body]);
    bytes[body..].copy_from_slice(&crc.to_le_bytes());
    disk.plant(&file.name, bytes);
    let refused = read_snapshot(&mut disk, &file);
    assert!(matches!(
        refused,
        Err(SnapshotError::Newer { version: 2, .. })
    ));
}

#[test]
fn damage_before_a_snapshot_is_survived() {
    let batches = script(23, 24);
    let mut disk = SimDisk::new();
    run_with_snapshots(&mut disk, &batches);
    let name = segment_name(1);
    let mut bytes = disk.contents(&name).unwrap().to_vec();
    bytes[5000] ^= 1;
    disk.plant(&name, bytes);
    assert!(replay(&mut disk.clone()).1.damage.is_some());
    let (state, recovery) = start(&mut disk);
    assert_eq!(recovery.damage, None);
    assert_eq!(state, state_of(&batches));
}

/// A clean stop leaves the snapshot at the end: nothing follows that could show where to go on.
#[test]
fn damage_before_a_snapshot_at_the_end_is_survived_and_written_behind() {
    let batches = script(26, 15);
    let mut tried = 0;
    for at in [4100, 4300, 5000, 5600] {
        let mut disk = SimDisk::new();
        assert_eq!(run_with_snapshots(&mut disk, &batches), batches.len());
        let name = segment_name(verified(&mut disk.clone()).segments as u32);
        let mut bytes = disk.contents(&name).unwrap().to_vec();
        bytes[at] ^= 1;
        disk.plant(&name, bytes);
        if replay(&mut disk.clone()).1.damage.is_none() {
            continue;
        }
        tried += 1;
        let (state, recovery) = start(&mut disk);
        assert_eq!(recovery.damage, None, "byte {at}");
        assert_eq!(recovery.covered.len(), 1, "byte {at}");
        assert_eq!(state, state_of(&batches), "byte {at}");
        let more = script(27, 2);
        assert_eq!(run_with_snapshots(&mut disk, &more), 2, "byte {at}");
        let all = [state, state_of(&more)].concat();
        assert_eq!(start(&mut disk).0, all, "byte {at}");
    }
    assert!(tried >= 2, "{tried} were damage");
}

/// Without the snapshot it would be a tear, and cut.
#[test]
fn what_a_snapshot_has_is_never_cut_as_torn() {
    let batches = script(28, 15);
    let mut disk = SimDisk::new();
    assert_eq!(run_with_snapshots(&mut disk, &batches), batches.len());
    let name = segment_name(verified(&mut disk.clone()).segments as u32);
    let mut bytes = disk.contents(&name).unwrap().to_vec();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 10] ^= 1;
    disk.plant(&name, bytes.clone());
    let (cut, recovery) = replay(&mut disk.clone());
    assert_eq!((cut.len(), recovery.torn.len()), (batches.len() - 1, 1));
    let (state, recovery) = start(&mut disk);
    assert_eq!(state, state_of(&batches), "the snapshot has it");
    assert!(recovery.damage.is_some() && recovery.torn.is_empty());
    assert_eq!(disk.contents(&name), Some(bytes.as_slice()), "read-only");
}

#[test]
fn a_snapshot_of_another_journal_is_told() {
    let (mut one, mut other) = (SimDisk::new(), SimDisk::new());
    run_with_snapshots(&mut one, &script(24, 9));
    run(&mut other, &script(25, 30));
    for file in snapshots(&mut one).unwrap() {
        other.plant(&file.name, one.contents(&file.name).unwrap().to_vec());
    }
    let file = snapshots(&mut other).unwrap().remove(0);
    let point = read_snapshot(&mut other, &file).unwrap().head.point;
    let read = follow(&mut other, Some(point), u64::MAX, |_| ());
    assert!(matches!(read, Err(ScanError::Forked { .. })), "{read:?}");
}
