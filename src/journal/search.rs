//! Bytes that are not a whole batch: where they end, and what sound records lie behind them.
//!
//! This decides between a tear (cut and reported) and damage (read-only). It looks at one segment
//! in memory. Its work is bounded: a payload made of record-like bytes cannot make it quadratic.

use super::record::{RECORD_OVERHEAD_BYTES, Stored};

/// Bytes whose CRC the search computes before it gives up; giving up counts as damage.
const SEARCH_BYTES_MAX: usize = 256 << 20;

const BLOCK_BYTES: usize = 64;

/// What lies behind a bad place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// No sound record of a later batch: the bad bytes may be a torn write.
    Nothing,
    /// A sound record of a later batch starts at `at`.
    Later { at: usize, seq: u64 },
    /// Too many record-like bytes to tell.
    Unknown,
}

impl Behind {
    /// The record found, if one was.
    pub(super) fn seq(self) -> Option<u64> {
        match self {
            Self::Later { seq, .. } => Some(seq),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

/// Searches `segment` from `from` for a sound record of a batch later than `batch`.
pub(super) fn later_record(segment: &[u8], from: usize, batch: u64) -> Behind {
    search(segment, from, batch, |found| found.head.batch > batch)
}

/// The same, but for the first record of a whole batch: where reading may go on.
pub(super) fn later_batch(segment: &[u8], from: usize, batch: u64) -> Behind {
    search(segment, from, batch, |found| {
        found.head.batch > batch && found.head.seq == found.head.batch
    })
}

/// Searches `segment` from `from` for the sound record `seq`.
pub(super) fn sound_record(segment: &[u8], from: usize, seq: u64) -> Behind {
    let before = (segment.len() / RECORD_OVERHEAD_BYTES) as u64;
    let first = seq.saturating_sub(before).max(1);
    search(segment, from, first, |found| found.head.seq == seq)
}

fn search(segment: &[u8], from: usize, batch: u64, wanted: impl Fn(&Stored<'_>) -> bool) -> Behind {
    let end = written_end(segment).max(from);
    // No more records than fit can lie between: random bytes hardly ever have such a seq.
    let most = batch.saturating_add((segment.len() / RECORD_OVERHEAD_BYTES) as u64);
    let (mut at, mut budget) = (from, SEARCH_BYTES_MAX);
    while at < end {
        let found = segment.get(at..).and_then(Stored::split);
        let Some(found) = found.filter(|r| r.head.seq >= batch && r.head.seq <= most) else {
            at += 1;
            continue;
        };
        let Some(left) = budget.checked_sub(found.size()) else {
            return Behind::Unknown;
        };
        budget = left;
        if !found.is_sound() {
            at += 1;
        } else if wanted(&found) {
            return Behind::Later {
                at,
                seq: found.head.seq,
            };
        } else {
            at += found.size();
        }
    }
    Behind::Nothing
}

/// Offset behind the last byte that is not zero; 0 if all are.
pub(super) fn written_end(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    for block in bytes.rchunks(BLOCK_BYTES) {
        // Without an early exit inside the block this is a few wide instructions.
        if block.iter().fold(0, |any, byte| any | byte) != 0 {
            let zeros = block.iter().rev().take_while(|byte| **byte == 0).count();
            return end - zeros;
        }
        end -= block.len();
    }
    0
}

/// Whether all of `bytes` are zero.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    written_end(bytes) == 0
}

#[cfg(test)]
mod tests {
    use super::super::chain::HashKind;
    use super::super::record::{Kind, put, seal};
    use super::*;

    fn batch(first: u64, records: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for seq in first..first + records {
            put(&mut out, Kind::EVENT, seq, first, 0, &[7; 100]);
        }
        seal(&mut out, HashKind::Blake3, [0; 32]);
        out
    }

    #[test]
    fn the_same_batch_is_a_tear_and_a_later_one_is_damage() {
        let mut segment = batch(5, 3);
        segment[70] ^= 1;
        segment.resize(2000, 0);
        assert_eq!(later_record(&segment, 0, 5), Behind::Nothing);
        let at = segment.len();
        segment.extend(batch(8, 2));
        assert_eq!(later_record(&segment, 0, 5), Behind::Later { at, seq: 8 });
        segment[at] ^= 1;
        assert_eq!(
            later_record(&segment, 0, 5),
            Behind::Later {
                at: at + 168,
                seq: 9
            }
        );
        assert_eq!(later_batch(&segment, 0, 5), Behind::Nothing);
    }

    #[test]
    fn record_like_bytes_do_not_make_it_slow() {
        // Heads at every 64 bytes, each claiming a 1 MiB payload, none sound.
        let mut head = Vec::new();
        put(&mut head, Kind::EVENT, 9, 9, 0, &[]);
        head[0..4].copy_from_slice(&(1u32 << 20).to_le_bytes());
        let segment = head[..64].repeat(3 * (1 << 20) / 64);
        assert_eq!(later_record(&segment, 0, 5), Behind::Unknown);
    }

    #[test]
    fn written_end_is_exact() {
        let mut bytes = vec![0; 1000];
        assert_eq!(written_end(&bytes), 0);
        for at in [0, 63, 64, 500, 999] {
            bytes[at] = 1;
            assert_eq!(written_end(&bytes), at + 1);
        }
    }
}
