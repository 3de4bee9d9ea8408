//! Tests of the journal as a whole: scripts of batches over a simulated disk.

mod cold;
mod crash;
mod fault;
mod file;
mod golden;
mod prune;
mod repair;
mod rot;
mod snapshot;
mod states;
mod write;

use super::*;

const WALL_MS: i64 = 1_700_000_000_000;

fn options() -> Options {
    Options {
        segment_bytes: MIN_SEGMENT_BYTES,
        ..Options::at(WALL_MS)
    }
}

/// A batch: its payloads.
type Batch = Vec<Vec<u8>>;

/// Batches of one to four records of up to 900 bytes, each different: a few segments of 8 KiB.
fn script(seed: u64, batches: usize) -> Vec<Batch> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut roll = |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let mut batch = |number: usize| -> Batch {
        let records = 1 + roll(4) as usize;
        (0..records)
            .map(|record| {
                let len = if roll(3) == 0 { roll(900) } else { roll(120) };
                let mut payload = format!("batch {number} record {record} ").into_bytes();
                payload.extend((0..len).map(|_| roll(256) as u8));
                payload
            })
            .collect()
    };
    (0..batches).map(&mut batch).collect()
}

fn push(journal: &mut Journal<&mut SimDisk>, time_ms: u64, batch: &Batch) {
    for payload in batch {
        journal.push(Kind::EVENT, time_ms, payload).unwrap();
    }
}

/// Opens the journal and appends the batches until one fails; how many were acknowledged.
fn run(disk: &mut SimDisk, batches: &[Batch]) -> usize {
    let Ok((mut journal, recovery)) = Journal::open(disk, &options(), |_| ()) else {
        return 0;
    };
    let mut acked = 0;
    for (batch, time_ms) in batches.iter().zip(recovery.engine_time_ms + 1..) {
        push(&mut journal, time_ms, batch);
        match journal.commit() {
            Ok(_) => acked += 1,
            Err(_) => break,
        }
        if journal.needs_segment() {
            let _ = journal.prepare_next();
        }
    }
    acked
}

/// Opens the journal; the batches of events replayed.
fn replay(disk: &mut SimDisk) -> (Vec<Batch>, Recovery) {
    let mut batches: Vec<Batch> = Vec::new();
    let mut begun = false;
    let (_, recovery) = Journal::open(disk, &options(), |record| {
        if record.kind == Kind::EVENT {
            if !begun {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(record.payload.to_vec());
            begun = !record.last;
        }
    })
    .unwrap();
    assert!(!begun, "half a batch was replayed");
    (batches, recovery)
}

/// A journal of `batches` on a disk without faults.
fn written(batches: &[Batch]) -> SimDisk {
    let mut disk = SimDisk::new();
    assert_eq!(run(&mut disk, batches), batches.len());
    disk
}

fn is_silent(recovery: &Recovery) -> bool {
    recovery.torn.is_empty() && recovery.damage.is_none() && recovery.stray.is_empty()
}

fn verified(disk: &mut SimDisk) -> Report {
    verify(disk, |_, _| ()).unwrap()
}
