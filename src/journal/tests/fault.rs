//! A disk that fails while the process lives on.

use super::*;

/// Like [`run`], but goes on after errors; which batches were acknowledged.
fn run_on(disk: &mut SimDisk, batches: &[Batch]) -> Option<(Vec<usize>, State)> {
    let (mut journal, _) = Journal::open(disk, &options(), |_| ()).ok()?;
    let mut acked = Vec::new();
    let mut failed = false;
    for (at, (batch, time_ms)) in batches.iter().zip(1..).enumerate() {
        push(&mut journal, time_ms, batch);
        // A batch that waits for a segment is kept and committed again.
        let committed = match journal.commit() {
            Err(CommitError::NoSegment(_)) => journal.commit(),
            other => other,
        };
        assert!(
            !(failed && committed.is_ok()),
            "acknowledged after a failure"
        );
        failed |= committed.is_err();
        if committed.is_ok() {
            acked.push(at);
        }
        if journal.needs_segment() && journal.prepare_next().is_err() {
            assert_eq!(journal.state(), State::Degraded);
            journal.prepare_next().unwrap();
            assert_eq!(journal.state(), State::Ready);
        }
        assert_eq!(failed, journal.state() == State::Failed);
    }
    Some((acked, journal.state()))
}

#[test]
fn an_error_at_any_call_is_final_or_harmless() {
    let batches = script(21, 24);
    let calls = written(&batches).calls();
    let mut finals = 0;
    for fault in [Fault::Io, Fault::Full] {
        for call in 1..=calls {
            let mut disk = SimDisk::new();
            disk.fail_at(call, fault);
            let Some((acked, state)) = run_on(&mut disk, &batches) else {
                continue;
            };
            let expected: Vec<usize> = (0..acked.len()).collect();
            assert_eq!(acked, expected, "{fault:?} at call {call}: a gap");
            finals += usize::from(state == State::Failed);
            assert_eq!(state == State::Failed, acked.len() < batches.len());
            for seed in 0..4 {
                let what = format!("{fault:?} at call {call}, seed {seed}");
                let (recovered, recovery) = replay(&mut disk.crash(seed));
                assert_eq!(recovery.damage, None, "{what}");
                assert!(recovered.len() >= acked.len(), "{what}");
                assert!(batches.starts_with(&recovered), "{what}");
            }
        }
    }
    assert!(
        finals >= 4 * 24 - 8,
        "writes and syncs of batches are final: {finals}"
    );
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    journal.prepare_next().unwrap();
    let sync = journal.disk.calls() + 2;
    journal.disk.fail_at(sync, Fault::Io);
    journal.push(Kind::EVENT, 1, b"lost").unwrap();
    assert!(matches!(journal.commit(), Err(CommitError::Disk(_))));
    let calls = journal.disk.calls();
    for _ in 0..3 {
        journal.push(Kind::EVENT, 2, b"refused").unwrap();
        let refused = journal.commit();
        assert!(matches!(
            refused,
            Err(CommitError::Refused {
                state: State::Failed
            })
        ));
        assert!(journal.prepare_step().unwrap());
    }
    assert_eq!(journal.disk.calls(), calls, "the disk is left alone");
}

#[test]
fn no_space_for_the_next_segment_recovers_by_itself() {
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(), |_| ()).unwrap();
    let big = vec![vec![1; 3_000]];
    push(&mut journal, 1, &big);
    journal.commit().unwrap();
    // Every call of preparing fails once, the batch waits, nothing is lost.
    for time_ms in 2..8 {
        push(&mut journal, time_ms, &big);
        let next = journal.disk.calls() + time_ms - 1;
        journal.disk.fail_at(next, Fault::Full);
        match journal.commit() {
            Err(CommitError::NoSegment(error)) => {
                assert!(error.is_full());
                assert_eq!((journal.state(), journal.pushed()), (State::Degraded, 1));
                journal.commit().unwrap();
                assert_eq!(journal.state(), State::Ready);
            }
            other => panic!("{time_ms}: {other:?}"),
        }
        if time_ms == 6 {
            break;
        }
    }
    assert!(verified(&mut disk).is_intact());
    assert_eq!(replay(&mut disk.crash(0)).0.len(), 6);
}

#[test]
fn a_failed_read_is_an_error_not_a_loss() {
    let batches = script(22, 10);
    let disk = written(&batches);
    for call in 1..40 {
        let mut failing = disk.kill();
        failing.fail_at(call, Fault::Io);
        let _ = Journal::open(&mut failing, &options(), |_| ());
        assert_eq!(replay(&mut failing.crash(call)).0, batches, "call {call}");
    }
}
