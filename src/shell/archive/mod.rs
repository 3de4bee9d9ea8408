//! The archive (档案) and the snapshots: a view of the journal for what the engine forgot, and for
//! looking incidents up. It may be deleted at any time and is made again in the background.
//!
//! `DIR/archive` is sled's, `DIR/archive.broken` the last one that would not open, `DIR/snapshots`
//! the last two snapshots; `DIR/cold` gets old segments of the journal, compressed. Nothing here is
//! ever waited for by the loop.

mod feed;
mod follower;
mod query;
mod replica;
mod store;

#[cfg(test)]
mod tests;

pub(crate) use feed::Next;
pub(crate) use feed::{Feed, Group};
pub(crate) use replica::Replica;
pub use replica::Rules;
pub(super) use replica::restore;

use crate::daemon::archive::{Ask, Rows, Status};
use crate::journal::{ChainPoint, FileDisk};
use follower::Follower;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::sync::{Semaphore, watch};

/// The archive's directory in the data directory.
pub const ARCHIVE_DIR: &str = "archive";
/// Where a broken one is moved.
pub const BROKEN_DIR: &str = "archive.broken";
/// Where the snapshots are.
pub const SNAPSHOT_DIR: &str = "snapshots";
/// How long an answer waits until the archive holds what the asker knows to have happened.
const PATIENCE: Duration = Duration::from_secs(1);

/// The open archive, for the thread that writes and whoever reads.
#[derive(Debug, Clone, Default)]
struct Slot(Arc<Mutex<Option<Arc<Store>>>>);

impl Slot {
    fn get(&self) -> Option<Arc<Store>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn put(&self, store: Option<Store>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = store.map(Arc::new);
    }
}

/// The loop's end of the archive.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    slot: Slot,
    feed: Feed,
    status: watch::Receiver<Status>,
    /// One answer is worked on at a time: password checks need the pool too.
    turn: Arc<Semaphore>,
}

impl Archive {
    /// The status, when it changed since it was last asked for.
    pub(super) fn news(&mut self) -> Option<Status> {
        match self.status.has_changed() {
            Ok(true) => Some(self.status.borrow_and_update().clone()),
            _ => None,
        }
    }

    /// Answers a question; waits a second at most until the archive has the events up to `wanted`.
    pub(super) async fn answer(mut self, ask: Ask, wanted: u64) -> Result<String, String> {
        if !self.status.borrow().has(wanted) {
            self.feed.want();
            let there = |status: &Status| status.has(wanted) || status.failed.is_some();
            let _ = tokio::time::timeout(PATIENCE, self.status.wait_for(there)).await;
        }
        let _turn = self.turn.acquire().await;
        let status = self.status.borrow().clone();
        let store = self.slot.get();
        let looked = tokio::task::spawn_blocking(move || {
            query::answer(store.as_deref(), &status, &ask, wanted)
        });
        looked
            .await
            .unwrap_or_else(|_| Err("the archive broke while it was asked".into()))
    }
}

/// What the archive's thread runs, and the loop's end of it. `snapshots` is where they are and how
/// many records lie between two; old segments of the journal on `old` are compressed.
pub(super) fn start(
    dir: &Path,
    rules: Rules,
    snapshots: (Option<FileDisk>, u64),
    old: Option<FileDisk>,
    feed: Feed,
) -> (Archive, impl FnOnce() + Send + 'static) {
    let slot = Slot::default();
    let reading = Status {
        rebuilding: Some((0, 0)),
        ..Status::default()
    };
    let (told, status) = watch::channel(reading);
    let follower = Follower::new(dir, rules, snapshots, told, slot.clone()).cooling(old);
    let archive = Archive {
        slot,
        feed: feed.clone(),
        status,
        turn: Arc::new(Semaphore::new(1)),
    };
    let run = move || {
        stand_back();
        follower.run(&feed);
    };
    (archive, run)
}

/// Gives this thread, and those it starts, what the others leave: at the rate a loop can take
/// reports, making rows would take a core from it. A list then waits longer; it says so.
fn stand_back() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    let stood = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = stood {
        tracing::warn!(?error, "the archive's thread runs like any other");
    }
}

/// Lets whoever waits for this core have it. A thread that is woken need not displace one that
/// still has some of its slice, 2 or 3 ms of it, however nice that is: making rows in one go held
/// the loop up for as long, ten times a second.
fn make_way() {
    std::thread::yield_now();
}

/// Makes the archive in `dir` again from its journal up to `tip`, which nobody else may be doing:
/// the caller holds the directory's lock. One that was being made when a process ended is gone on
/// with: the second answer is the record it was at. `progress` gets records done and in all.
///
/// # Errors
/// When the journal or the directory cannot be used.
pub fn rebuild(
    dir: &Path,
    rules: Rules,
    tip: ChainPoint,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> anyhow::Result<(Status, u64)> {
    let snapshots = FileDisk::lock(&dir.join(SNAPSHOT_DIR)).ok();
    let (told, _) = watch::channel(Status::default());
    let follower = Follower::new(dir, rules, (snapshots, u64::MAX), told, Slot::default());
    Ok(follower.run_to(tip, progress)?)
}

/// What the archive in `dir` holds. The caller holds the lock.
///
/// # Errors
/// When it is missing or broken.
pub fn inspect(dir: &Path) -> anyhow::Result<Inspected> {
    let dir = dir.join(ARCHIVE_DIR);
    anyhow::ensure!(dir.is_dir(), "there is no archive yet");
    let (store, meta) = Store::open(&dir)?;
    let Some(meta) = meta else {
        anyhow::bail!("the archive was not finished");
    };
    Ok(Inspected {
        record: meta.point().seq,
        seq: meta.seq,
        rows: meta.rows,
        bytes: store.bytes(),
        gap: meta.gap,
    })
}

/// What [`inspect`] found.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Inspected {
    /// The journal's record it is at.
    pub record: u64,
    /// The same in the engine's count of events.
    pub seq: u64,
    /// What is in it.
    #[serde(flatten)]
    pub rows: Rows,
    /// Its size on disk.
    pub bytes: u64,
    /// Something is missing that the journal lost.
    pub gap: bool,
}
