//! Batches to the disk: one write and one sync for all that wait.
//!
//! A batch that comes alone is synced by the loop itself: waking another thread and being woken by
//! it costs a third of the whole way of a call. Everything else is the disk thread's: many batches
//! at once, the roll to another segment, preparing the next one, a full disk, and a slow one. The
//! loop never spends more than one part in [`RARELY`] of its time in slow syncs.
//! A failed sync is never tried again by either.

use super::Wake;
use super::archive::{Feed, Group};
use super::mailbox::{Inlet, Outlet};
use crate::engine::id::EngineTime;
use crate::journal::{CommitError, Disk, Journal, Kind, PushError};
use std::collections::VecDeque;
use std::sync::mpsc::{RecvTimeoutError, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::sync::mpsc::Sender;

/// One decision's records.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) batch: u64,
    pub(crate) at: EngineTime,
    pub(crate) records: Vec<Vec<u8>>,
}

impl Append {
    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(Vec::len).sum()
    }
}

/// The journal, and where batches go once they are durable. It starts no thread and reads no clock:
/// the simulator commits by it, too.
#[derive(Debug)]
pub(crate) struct Fed<D> {
    pub(crate) journal: Journal<D>,
    feed: Feed,
    /// Batches of the commit being made.
    pushed: Vec<Append>,
}

/// The journal, for the loop and the disk thread in turn.
#[derive(Debug)]
pub(super) struct Shared<D>(Arc<Mutex<Fed<D>>>);

impl<D> Clone for Shared<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Disk> Shared<D> {
    pub(super) fn new(journal: Journal<D>, feed: Feed) -> Self {
        Self(Arc::new(Mutex::new(Fed::new(journal, feed))))
    }

    /// Whoever panicked left a journal that says itself whether it takes more.
    fn lock(&self) -> MutexGuard<'_, Fed<D>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Batches the loop syncs itself when no more wait.
const FEW: usize = 4;
/// A sync of the loop that takes longer is slow.
const SLOW: Duration = Duration::from_millis(2);
/// After a slow sync the disk thread syncs for this many times as long.
const RARELY: u32 = 20;

/// The loop's end.
pub(super) struct Writer<D> {
    journal: Shared<D>,
    thread: Inlet<Append>,
    /// Batches that go nowhere yet.
    waiting: VecDeque<Append>,
    /// The last batch the thread was given, and the last that is durable.
    handed: u64,
    durable: u64,
    /// The thread syncs until then.
    rests_until: Option<Instant>,
}

impl<D: Disk> Writer<D> {
    pub(super) fn new(journal: Shared<D>, thread: Inlet<Append>) -> Self {
        Self {
            journal,
            thread,
            waiting: VecDeque::new(),
            handed: 0,
            durable: 0,
            rests_until: None,
        }
    }

    pub(super) fn push(&mut self, batch: Append) {
        self.waiting.push_back(batch);
    }

    /// The thread has made batches durable up to this one.
    pub(super) fn note_durable(&mut self, upto: u64) {
        self.durable = self.durable.max(upto);
    }

    /// Sends what waits on its way. The batch up to which all is durable now, when it was synced
    /// here, or why the journal failed.
    pub(super) fn flush(&mut self) -> Option<Result<u64, String>> {
        let last = self.waiting.back()?.batch;
        let rests = self.rests_until.is_some_and(|until| Instant::now() < until);
        if self.durable < self.handed || self.waiting.len() > FEW || rests {
            self.hand_over();
            return None;
        }
        let Some(synced) = self.sync() else {
            self.hand_over();
            return None;
        };
        self.durable = last;
        self.handed = last;
        Some(synced.map(|()| last))
    }

    /// Syncs what waits, unless the thread has the journal or this is more than an append.
    fn sync(&mut self) -> Option<Result<(), String>> {
        let fed = &mut *self.journal.0.try_lock().ok()?;
        let records = self.waiting.iter().map(|batch| batch.records.len()).sum();
        let bytes = self.waiting.iter().map(Append::bytes).sum();
        if !fed.journal.appends(records, bytes) {
            return None;
        }
        let began = Instant::now();
        for batch in self.waiting.drain(..) {
            if let Err(reason) = fed.push(batch) {
                return Some(Err(reason));
            }
        }
        let committed = match fed.commit() {
            Committed::Durable => Ok(()),
            Committed::NoSpace(reason) | Committed::Failed(reason) => Err(reason),
        };
        let took = began.elapsed();
        self.rests_until = (took > SLOW).then(|| began + took * RARELY);
        Some(committed)
    }

    fn hand_over(&mut self) {
        while let Some(batch) = self.waiting.pop_front() {
            let number = batch.batch;
            match self.thread.try_send(batch) {
                Ok(()) => self.handed = number,
                Err(TrySendError::Full(batch)) => {
                    self.waiting.push_front(batch);
                    return;
                }
                // The disk thread said why before it went.
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }
}

/// How long to wait before asking again for space.
pub(crate) const STALL: Duration = Duration::from_millis(200);

/// Lets this thread go before all that have no real-time priority, where the system allows it. It
/// sleeps most of the time; a sync that is over is of no use until it runs, and behind a busy
/// program that can be a whole tick, 4 ms.
pub(super) fn go_first() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let went = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = went {
        tracing::debug!(?error, "the disk thread waits for a core like any other");
    }
}

/// The disk thread: serves until the other end is gone or the journal failed.
pub(super) fn run<D: Disk>(journal: &Shared<D>, batches: &Outlet<Append>, told: &Sender<Wake>) {
    while let Some(first) = next(journal, batches, told) {
        if let Err(reason) = group(&mut journal.lock(), first, batches, told) {
            let _ = told.blocking_send(Wake::JournalFailed(reason));
            return;
        }
    }
}

/// The next batch. While none waits, the next segment is prepared step by step.
fn next<D: Disk>(
    journal: &Shared<D>,
    batches: &Outlet<Append>,
    told: &Sender<Wake>,
) -> Option<Append> {
    loop {
        if !journal.lock().journal.needs_segment() {
            return batches.recv();
        }
        match batches.recv_timeout(Duration::ZERO) {
            Ok(batch) => return Some(batch),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let prepared = journal.lock().journal.prepare_step();
        let news = match &prepared {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(chain(error))),
        };
        if let Some(news) = news {
            let _ = told.blocking_send(Wake::NextSegment(news));
        }
        if prepared.is_err() {
            match batches.recv_timeout(STALL) {
                Ok(batch) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Makes `first` and all that wait behind it durable together.
fn group<D: Disk>(
    fed: &mut Fed<D>,
    first: Append,
    batches: &Outlet<Append>,
    told: &Sender<Wake>,
) -> Result<(), String> {
    let mut last = first.batch;
    fed.push(first)?;
    while let Ok(more) = batches.recv_timeout(Duration::ZERO) {
        if !fed.journal.fits(more.records.len(), more.bytes()) {
            commit(fed, last, told)?;
        }
        last = more.batch;
        fed.push(more)?;
    }
    commit(fed, last, told)
}

/// What came of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// All that was pushed is on the disk.
    Durable,
    /// Nothing was written and the batches are kept: commit again when there is space.
    NoSpace(String),
    /// For good.
    Failed(String),
}

impl<D: Disk> Fed<D> {
    pub(crate) fn new(journal: Journal<D>, feed: Feed) -> Self {
        let pushed = Vec::new();
        Self {
            journal,
            feed,
            pushed,
        }
    }

    /// Adds a batch to those the next commit makes durable.
    pub(crate) fn push(&mut self, batch: Append) -> Result<(), String> {
        for record in &batch.records {
            let pushed = self.journal.push(Kind::EVENT, batch.at.0, record);
            pushed.map_err(|error: PushError| error.to_string())?;
        }
        self.pushed.push(batch);
        Ok(())
    }

    /// Makes what was pushed durable.
    pub(crate) fn commit(&mut self) -> Committed {
        match self.journal.commit() {
            Ok(_) => {
                self.publish();
                Committed::Durable
            }
            // This one recovers by itself when there is space again.
            Err(CommitError::NoSegment(error)) => Committed::NoSpace(error.to_string()),
            Err(error) => Committed::Failed(chain(&error)),
        }
    }

    /// What was pushed is durable.
    fn publish(&mut self) {
        let journal = &self.journal;
        let groups = self.pushed.drain(..).map(|batch| Group {
            time_ms: batch.at.0,
            wall_ms: journal.wall_at(batch.at.0),
            records: batch.records,
        });
        self.feed.publish(groups, journal.tip());
    }
}

fn commit<D: Disk>(fed: &mut Fed<D>, last: u64, told: &Sender<Wake>) -> Result<(), String> {
    loop {
        match fed.commit() {
            Committed::Durable => {
                let _ = told.blocking_send(Wake::Durable(last));
                return Ok(());
            }
            Committed::NoSpace(reason) => {
                let _ = told.blocking_send(Wake::JournalStalled(reason));
                std::thread::sleep(STALL);
            }
            Committed::Failed(reason) => return Err(reason),
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::archive::Next;
    use super::super::mailbox::mailbox;
    use super::*;
    use crate::journal::{Fault, MIN_SEGMENT_BYTES, Options, SimDisk};

    /// The loop's end over a new journal; the disk's call `fails` after opening it fails.
    fn writer(fails: Option<u64>) -> (Writer<SimDisk>, Outlet<Append>) {
        let options = Options {
            segment_bytes: MIN_SEGMENT_BYTES,
            ..Options::at(1_700_000_000_000)
        };
        let mut probe = SimDisk::new();
        drop(Journal::open(&mut probe, &options, |_| ()).unwrap());
        let mut disk = SimDisk::new();
        if let Some(call) = fails {
            disk.fail_at(probe.calls() + call, Fault::Io);
        }
        let (journal, _) = Journal::open(disk, &options, |_| ()).unwrap();
        let (thread, batches) = mailbox(8);
        let feed = Feed::behind(journal.tip());
        (Writer::new(Shared::new(journal, feed), thread), batches)
    }

    fn look(batches: &Outlet<Append>) -> Option<Append> {
        batches.recv_timeout(Duration::ZERO).ok()
    }

    fn batch(batch: u64) -> Append {
        Append {
            batch,
            at: EngineTime(batch),
            records: vec![vec![7; 100]],
        }
    }

    #[test]
    fn a_lone_batch_is_durable_at_once() {
        let (mut writer, batches) = writer(None);
        for number in 1..=3 {
            writer.push(batch(number));
            assert_eq!(writer.flush(), Some(Ok(number)));
        }
        assert_eq!(writer.flush(), None, "nothing waits");
        assert!(look(&batches).is_none(), "the thread has nothing to do");
    }

    #[test]
    fn many_go_to_the_thread_and_those_behind_them_in_order() {
        let (mut writer, batches) = writer(None);
        (1..=FEW as u64 + 1).for_each(|number| writer.push(batch(number)));
        assert_eq!(writer.flush(), None);
        writer.push(batch(6));
        assert_eq!(writer.flush(), None, "5 is not durable yet");
        let handed: Vec<_> = std::iter::from_fn(|| look(&batches))
            .map(|batch| batch.batch)
            .collect();
        assert_eq!(handed, [1, 2, 3, 4, 5, 6]);
        writer.note_durable(6);
        writer.push(batch(7));
        assert_eq!(writer.flush(), Some(Ok(7)));
    }

    #[test]
    fn what_is_more_than_an_append_goes_to_the_thread() {
        let (mut writer, batches) = writer(None);
        let mut last = 0;
        let handed = loop {
            last += 1;
            writer.push(batch(last));
            if writer.flush().is_none() {
                break look(&batches).unwrap();
            }
        };
        assert_eq!(handed.batch, last, "the segment is full");
        assert!(last > 10, "and was used before");
        let busy = writer.journal.clone();
        writer.note_durable(last);
        let _held = busy.lock();
        writer.push(batch(last + 1));
        assert_eq!(writer.flush(), None, "the thread has the journal");
    }

    #[test]
    fn what_is_durable_goes_to_the_archive_and_nothing_else_does() {
        let fed = |fails| {
            let (mut writer, _batches) = writer(fails);
            let feed = writer.journal.lock().feed.clone();
            assert!(matches!(feed.next(), Next::Read(tip) if tip.seq == 1));
            (1..=2).for_each(|number| writer.push(batch(number)));
            let _ = writer.flush();
            feed.close();
            feed.next()
        };
        assert!(
            matches!(fed(None), Next::Groups(groups, tip) if groups.len() == 2 && tip.seq == 3)
        );
        assert!(matches!(fed(Some(2)), Next::Closed), "the sync failed");
    }

    #[test]
    fn a_failed_sync_is_told_and_never_tried_again() {
        // The write is the first call, the sync the second.
        for call in [1, 2] {
            let (mut writer, _batches) = writer(Some(call));
            writer.push(batch(1));
            assert!(matches!(writer.flush(), Some(Err(_))), "call {call}");
            writer.push(batch(2));
            assert!(matches!(writer.flush(), Some(Err(_))), "call {call}");
        }
    }
}
