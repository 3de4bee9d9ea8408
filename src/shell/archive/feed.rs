//! Durable batches on their way from whoever syncs to the archive's thread.
//!
//! It is bounded: when the thread falls behind, what waits is dropped and the thread reads it from
//! the journal instead. Whoever syncs is never made to wait and wakes nobody, unless somebody asked
//! for what is newest: waking a thread costs a tenth of the way of a call.

use crate::journal::ChainPoint;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of records that may wait.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// How often the thread looks when nobody asks.
const PATIENCE: Duration = Duration::from_millis(100);

/// One decision's records, durable.
#[derive(Debug)]
pub(crate) struct Group {
    /// Engine time of all of them, ms.
    pub(crate) time_ms: u64,
    /// Its wall label, UTC ms since 1970.
    pub(crate) wall_ms: i64,
    /// Payloads of events.
    pub(crate) records: Vec<Vec<u8>>,
}

/// What the thread is to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Take these; then it is at that record.
    Groups(Vec<Group>, ChainPoint),
    /// Read the journal up to that record.
    Read(ChainPoint),
    /// Nothing came for a while.
    Idle,
    /// Nothing comes any more.
    Closed,
}

#[derive(Debug)]
struct Waiting {
    groups: Vec<Group>,
    bytes: usize,
    tip: ChainPoint,
    behind: bool,
    wanted: bool,
    closed: bool,
}

/// Both ends.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<(Mutex<Waiting>, Condvar)>);

impl Feed {
    /// A feed behind the journal's last record, which the thread reads up to first.
    pub(crate) fn behind(tip: ChainPoint) -> Self {
        let waiting = Waiting {
            groups: Vec::new(),
            bytes: 0,
            tip,
            behind: true,
            wanted: false,
            closed: false,
        };
        Self(Arc::new((Mutex::new(waiting), Condvar::new())))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These batches are durable and end with that record.
    pub(crate) fn publish(&self, groups: impl Iterator<Item = Group>, tip: ChainPoint) {
        let mut waiting = self.lock();
        waiting.tip = tip;
        for group in groups {
            waiting.bytes += group.records.iter().map(Vec::len).sum::<usize>();
            waiting.groups.push(group);
        }
        if waiting.behind || waiting.bytes > MAX_WAITING_BYTES {
            waiting.groups.clear();
            waiting.bytes = 0;
            waiting.behind = true;
        }
        if waiting.wanted {
            self.0.1.notify_one();
        }
    }

    /// Somebody waits for what is newest.
    pub(crate) fn want(&self) {
        self.lock().wanted = true;
        self.0.1.notify_one();
    }

    /// Everything must be read from the journal once more.
    pub(super) fn read_again(&self) {
        let mut waiting = self.lock();
        waiting.groups.clear();
        waiting.bytes = 0;
        waiting.behind = true;
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.1.notify_one();
    }

    /// What to do next. What came before the close is still handed out.
    pub(crate) fn next(&self) -> Next {
        let mut waiting = self.lock();
        let urgent = waiting.wanted && !waiting.groups.is_empty();
        if !(waiting.closed || waiting.behind || urgent) {
            let waited = self.0.1.wait_timeout(waiting, PATIENCE);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // Whoever wanted more has it now, or it is not durable yet and wakes us when it is.
        waiting.wanted &= waiting.groups.is_empty() && !waiting.behind;
        if std::mem::take(&mut waiting.behind) {
            return Next::Read(waiting.tip);
        }
        if !waiting.groups.is_empty() {
            waiting.bytes = 0;
            return Next::Groups(std::mem::take(&mut waiting.groups), waiting.tip);
        }
        if waiting.closed {
            Next::Closed
        } else {
            Next::Idle
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::DIGEST_BYTES;

    fn tip(seq: u64) -> ChainPoint {
        let digest = [0; DIGEST_BYTES];
        ChainPoint { seq, digest }
    }

    fn group(bytes: usize) -> Group {
        Group {
            time_ms: 1,
            wall_ms: 2,
            records: vec![vec![0; bytes]],
        }
    }

    #[test]
    fn what_falls_behind_is_read_from_the_journal_and_memory_stays_bounded() {
        let feed = Feed::behind(tip(3));
        assert!(matches!(feed.next(), Next::Read(at) if at == tip(3)));
        feed.publish([group(10), group(10)].into_iter(), tip(5));
        assert!(
            matches!(feed.next(), Next::Groups(groups, at) if groups.len() == 2 && at == tip(5))
        );
        for seq in 6..16 {
            feed.publish([group(1 << 20)].into_iter(), tip(seq));
            assert!(feed.lock().bytes <= MAX_WAITING_BYTES);
        }
        assert!(matches!(feed.next(), Next::Read(at) if at == tip(15)));
        feed.publish([group(1)].into_iter(), tip(16));
        feed.close();
        assert!(matches!(feed.next(), Next::Groups(_, at) if at == tip(16)));
        assert!(matches!(feed.next(), Next::Closed));
    }
}
