//! The journal on real files.

use super::*;

#[test]
fn a_journal_on_files_round_trips() {
    let dir = tempfile::tempdir().unwrap();
    let batches = script(41, 40);
    let open = |replayed: &mut Vec<Vec<u8>>| {
        let disk = FileDisk::lock(dir.path()).unwrap();
        Journal::open(disk, &options(), |record| {
            if record.kind == Kind::EVENT {
                replayed.push(record.payload.to_vec());
            }
        })
        .unwrap()
    };
    let (mut journal, _) = open(&mut Vec::new());
    assert!(matches!(
        FileDisk::lock(dir.path()),
        Err(LockError::Held { .. })
    ));
    for (batch, time_ms) in batches.iter().zip(1..) {
        for payload in batch {
            journal.push(Kind::EVENT, time_ms, payload).unwrap();
        }
        journal.commit().unwrap();
        journal.prepare_next().unwrap();
        // Reading needs no lock.
        let report = verify(&mut FileDisk::read_only(dir.path()), |_, _| ()).unwrap();
        assert!(report.is_intact(), "{report:?}");
    }
    drop(journal);
    let mut replayed = Vec::new();
    let (journal, recovery) = open(&mut replayed);
    assert_eq!(replayed, batches.concat());
    assert!(is_silent(&recovery) && journal.state() == State::Ready);
    assert!(recovery.segments > 2);
}

#[test]
fn a_torn_file_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FileDisk::lock(dir.path()).unwrap();
    let (mut journal, _) = Journal::open(disk, &options(), |_| ()).unwrap();
    journal.push(Kind::EVENT, 1, b"whole").unwrap();
    journal.commit().unwrap();
    let end = FIRST_RECORD_AT + 2 * RECORD_OVERHEAD_BYTES + 8 + 5;
    let mut disk = journal.into_disk();
    disk.write_at(&segment_name(1), end as u64, b"half a rec")
        .unwrap();
    let (journal, recovery) = Journal::open(disk, &options(), |_| ()).unwrap();
    assert_eq!(
        recovery.torn,
        [Torn {
            segment: 1,
            offset: end as u64,
            bytes: 10
        }]
    );
    assert_eq!((recovery.last_seq, journal.tip().seq), (2, 3));
}
