//! Every single bit of a journal of 64 KiB, turned: `verify` and a start both tell.
//!
//! Each flip is looked for from its own segment on, which is how the chain is checked anyway: what
//! lies before cannot know. In debug builds one bit in [`EVERY`]; `make flips` tries them all.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use tieqi::journal::{
    ChainPoint, Journal, Kind, MIN_SEGMENT_BYTES, Options, SimDisk, State, read, segment_name,
    verify,
};

const JOURNAL_BYTES: usize = 64 << 10;
const SEGMENTS: usize = JOURNAL_BYTES / MIN_SEGMENT_BYTES;
const EVERY: usize = if cfg!(debug_assertions) { 61 } else { 1 };
const WALL_MS: i64 = 1_700_000_000_000;

fn options(after: Option<ChainPoint>) -> Options {
    Options {
        segment_bytes: MIN_SEGMENT_BYTES,
        after,
        ..Options::at(WALL_MS)
    }
}

/// A journal of full segments, and the last record of each.
fn journal() -> (SimDisk, Vec<ChainPoint>) {
    let mut disk = SimDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &options(None), |_| ()).unwrap();
    let mut ends = Vec::new();
    let mut number = 0u64;
    while ends.len() < SEGMENTS {
        number += 1;
        let payload: Vec<u8> = (0..60 + number % 90)
            .map(|at| (at * number) as u8)
            .collect();
        if !journal.appends(1, payload.len()) {
            ends.push(journal.tip());
            if ends.len() == SEGMENTS {
                break;
            }
        }
        journal.push(Kind::EVENT, number, &payload).unwrap();
        journal.commit().unwrap();
    }
    drop(journal);
    (disk, ends)
}

#[test]
fn every_flipped_bit_of_a_journal_is_told_by_verify_and_at_the_start() {
    let (clean, ends) = journal();
    let whole = verify(&mut clean.clone(), |_, _| ()).unwrap();
    assert!(whole.is_intact() && whole.segments == SEGMENTS as u64);
    let mut disk = clean.clone();
    let mut flips = 0;
    for at in (0..JOURNAL_BYTES * 8).step_by(EVERY) {
        let (segment, bit) = (at / (MIN_SEGMENT_BYTES * 8), at % (MIN_SEGMENT_BYTES * 8));
        let name = segment_name(u32::try_from(segment).unwrap() + 1);
        let (byte, mask) = ((bit / 8) as u64, 1 << (bit % 8));
        disk.flip(&name, byte, mask);
        let before = segment.checked_sub(1).map(|before| ends[before]);
        let first = before.map_or(0, |before| before.seq) + 2;
        let last = ends[segment].seq + 1;
        let report = read(&mut disk, first, last, |_| ()).unwrap();
        assert!(
            !report.is_intact(),
            "{name} byte {byte} mask {mask}: verify is silent"
        );
        let (journal, found) = Journal::open(&mut disk, &options(before), |_| ()).unwrap();
        let told = found.damage.is_some() || !found.torn.is_empty() || !found.stray.is_empty();
        assert!(told, "{name} byte {byte} mask {mask}: the start is silent");
        match journal.state() == State::ReadOnly {
            // It changed nothing.
            true => disk.flip(&name, byte, mask),
            false => disk = clean.clone(),
        }
        flips += 1;
    }
    assert_eq!(flips, (JOURNAL_BYTES * 8).div_ceil(EVERY));
}
