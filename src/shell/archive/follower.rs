//! The archive's thread: follows the journal, writes rows, makes snapshots, and makes the archive
//! again when it is missing, stale or broken.
//!
//! ```text
//!  open ──▶ at a record of this journal? ──no──▶ set aside, begin at record 1
//!                 │ yes: the newest snapshot not beyond it
//!                 ▼
//!  read the journal up to its tip ⇄ take batches from the feed     (rows, then how far)
//! ```
//! Rows are written again rather than twice: each is keyed by its number, so reading a part of
//! the journal once more changes nothing.

use super::feed::{Feed, Group, Next};
use super::replica::{Replica, ReplicaError, Rules};
use super::store::{Meta, Store, StoreError, Whole};
use super::{ARCHIVE_DIR, BROKEN_DIR, Slot, make_way};
use crate::daemon::archive::{Rows, SnapshotStatus, Status};
use crate::journal::{
    self, ChainPoint, FileDisk, Kind, Record, SNAPSHOTS_KEPT, ScanError, Snapshot,
};
use crate::shell::base::BaseError;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// Rows and lines that are written together while the journal is read.
const TOGETHER: usize = 512;
/// Records between two places from where an archive that is being made can be gone on with, at
/// least: a stage reads the segment it begins in from its start.
const STAGE: u64 = 5_000;
/// A stage is this part of what was read before it: a process that ends loses no more of its work.
const STAGE_PART: u64 = 10;
/// Records between two reports of progress.
const REPORT_EVERY: u64 = 2_000;
/// How often a broken archive is made again before it is given up until a restart.
const MAX_ATTEMPTS: u32 = 3;

/// Why the thread cannot go on from where it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    #[error(transparent)]
    Base(#[from] BaseError),
    #[error("failed to make the archive's directory: {0}")]
    Dir(#[from] std::io::Error),
    #[error("failed to read the journal past record {0}: it is damaged and no snapshot covers it")]
    Damaged(u64),
}

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self::Replica(error.into())
    }
}

impl FollowError {
    /// Whether making the archive again can help.
    fn is_mendable(&self) -> bool {
        !matches!(
            self,
            Self::Replica(ReplicaError::Record(_)) | Self::Base(_) | Self::Damaged(_)
        )
    }
}

/// What follows the journal in one data directory.
pub(super) struct Follower {
    dir: PathBuf,
    rules: Rules,
    /// Where snapshots are; none where they cannot be.
    snapshots: Option<FileDisk>,
    snapshot_every: u64,
    /// The journal's own disk, to compress what is old; none where nothing may change.
    old: Option<FileDisk>,
    /// Segments behind this record are to be compressed.
    cool_behind: Option<u64>,
    told: watch::Sender<Status>,
    slot: Slot,
    replica: Replica,
    rows: Rows,
    gap: bool,
    /// It was at the journal's end once.
    made: bool,
    /// The record up to which the archive had everything when it was opened: no row is made for
    /// what lies before.
    stored: u64,
    attempts: u32,
    /// The journal cannot be followed: the replica is of no use.
    lost: bool,
    progress: Option<Progress>,
}

/// Gets records done and in all.
type Progress = Box<dyn FnMut(u64, u64) + Send>;

impl Follower {
    pub(super) fn new(
        dir: &Path,
        rules: Rules,
        (snapshots, snapshot_every): (Option<FileDisk>, u64),
        told: watch::Sender<Status>,
        slot: Slot,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            replica: Replica::new(rules.clone()),
            rules,
            snapshots,
            snapshot_every,
            old: None,
            cool_behind: None,
            told,
            slot,
            rows: Rows::default(),
            gap: false,
            made: false,
            stored: 0,
            attempts: 0,
            lost: false,
            progress: None,
        }
    }

    /// Compresses old segments of the journal on `disk`, too.
    pub(super) fn cooling(mut self, disk: Option<FileDisk>) -> Self {
        self.old = disk;
        self
    }

    /// Follows until the feed is closed; then makes a last snapshot.
    pub(super) fn run(mut self, feed: &Feed) {
        if let Err(error) = self.begin(|_| true) {
            self.give_up(&error, feed);
        }
        self.note_newest_snapshot();
        self.note_old();
        loop {
            let done = match feed.next() {
                Next::Groups(..) | Next::Read(_) if self.lost => Ok(()),
                Next::Groups(groups, tip) => self.take(groups, tip),
                Next::Read(tip) => self.read(tip),
                Next::Idle => Ok(()),
                Next::Closed => break,
            };
            let broken = self.store().is_some_and(|store| store.is_broken());
            match done {
                Ok(()) if !broken => self.snapshot_if_due(self.snapshot_every),
                Ok(()) => self.mend(&StoreError::Odd("it could not be read").into(), feed),
                Err(error) => self.mend(&error, feed),
            }
            self.cool();
        }
        self.snapshot_if_due(1);
    }

    /// Makes the archive again up to a record and ends; one that was being made when a process
    /// ended is gone on with. `progress` gets records done and in all.
    pub(super) fn run_to(
        mut self,
        tip: ChainPoint,
        progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<(Status, u64), FollowError> {
        self.progress = Some(Box::new(progress));
        self.begin(|meta| meta.making)?;
        self.read(tip)?;
        if let Some(store) = self.store() {
            store.flush()?;
        }
        let status = self.told.borrow().clone();
        Ok((status, self.stored))
    }

    fn store(&self) -> Option<std::sync::Arc<Store>> {
        self.slot.get()
    }

    /// Opens the archive and finds where to go on; one that is not `wanted` is made anew.
    fn begin(&mut self, wanted: impl Fn(&Meta) -> bool) -> Result<(), FollowError> {
        let dir = self.dir.join(ARCHIVE_DIR);
        // An archive that was never there is made, and nothing is set aside.
        let opened = dir.is_dir().then(|| Store::open(&dir)).transpose();
        let opened = opened.unwrap_or_else(|error| {
            tracing::warn!(%error, "the archive is made again");
            None
        });
        match opened {
            Some((store, Some(meta))) if wanted(&meta) && self.is_of_this_journal(&meta) => {
                self.replica = self.replica_at(&meta)?;
                (self.rows, self.gap) = (meta.rows, meta.gap);
                (self.made, self.stored) = (!meta.making, meta.point().seq);
                self.slot.put(Some(store));
                Ok(())
            }
            // A process ended before anything of it was durable.
            Some((store, None)) => self.make(store),
            other => {
                drop(other);
                self.make_anew()
            }
        }
    }

    /// Sets aside what there is.
    fn make_anew(&mut self) -> Result<(), FollowError> {
        self.slot.put(None);
        set_aside(&self.dir)?;
        let (store, _) = Store::open(&self.dir.join(ARCHIVE_DIR))?;
        self.make(store)
    }

    /// Begins at the beginning with an empty one.
    fn make(&mut self, store: Store) -> Result<(), FollowError> {
        self.slot.put(Some(store));
        (self.rows, self.gap) = (Rows::default(), false);
        (self.made, self.stored) = (false, 0);
        self.replica = self.beginning()?;
        Ok(())
    }

    /// Whether the record the archive is at is on this journal's chain. One that was put back from
    /// a copy, or under another journal, holds what never happened.
    fn is_of_this_journal(&self, meta: &Meta) -> bool {
        let point = meta.point();
        let mut disk = FileDisk::read_only(&self.dir);
        match journal::follow(&mut disk, Some(point), point.seq, |_| ()) {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "the archive is not this journal's: it is made again");
                false
            }
        }
    }

    /// An engine no further than the archive: from there on every event is in reach. Without a
    /// snapshot that old it begins at the first record, and makes no rows until it is there.
    fn replica_at(&mut self, meta: &Meta) -> Result<Replica, FollowError> {
        let last = meta.point().seq;
        let beginning = self.beginning()?;
        let first = beginning.point.map_or(0, |point| point.seq);
        let found = self.newest(|snapshot| (first..=last).contains(&snapshot.head.point.seq));
        Ok(found.unwrap_or(beginning))
    }

    /// Before the first record there is: nothing, or the base of a journal that was pruned.
    fn beginning(&self) -> Result<Replica, FollowError> {
        let rules = self.rules.clone();
        match journal::base(&mut FileDisk::read_only(&self.dir)) {
            Ok(Some(base)) => Ok(Replica::based(rules, &base)?),
            // Without its base the journal is damaged there, which reading it tells.
            Ok(None) | Err(ScanError::NoBase { .. }) => Ok(Replica::new(rules)),
            Err(error) => Err(error.into()),
        }
    }

    fn newest(&mut self, wanted: impl Fn(&Snapshot) -> bool) -> Option<Replica> {
        let disk = self.snapshots.as_mut()?;
        let files = journal::snapshots(disk).ok()?;
        let mut sound = files
            .iter()
            .filter_map(|file| journal::read_snapshot(disk, file).ok())
            .filter(wanted);
        sound.find_map(|snapshot| Replica::restored(self.rules.clone(), &snapshot))
    }

    fn take(&mut self, groups: Vec<Group>, tip: ChainPoint) -> Result<(), FollowError> {
        for group in groups {
            for record in &group.records {
                self.replica.apply(group.time_ms, group.wall_ms, record)?;
            }
            make_way();
        }
        self.reached(tip)
    }

    /// Everything up to `tip` is in the replica.
    fn reached(&mut self, tip: ChainPoint) -> Result<(), FollowError> {
        self.replica.point = Some(tip);
        let Some(store) = self.store() else {
            self.replica.drop_pending();
            return Ok(());
        };
        self.made = true;
        let whole = Some(self.whole());
        self.replica.store(&store, &mut self.rows, whole)?;
        let (seq, rows, gap) = (self.replica.seq(), self.rows, self.gap);
        self.told.send_modify(|status| {
            (status.seq, status.rows, status.gap) = (seq, rows, gap);
            status.rebuilding = None;
        });
        Ok(())
    }

    fn whole(&self) -> Whole {
        Whole {
            gap: self.gap,
            making: !self.made,
        }
    }

    /// Everything up to `at` is in the replica, on the way to the journal's end: a process that
    /// ends behind it need not begin again.
    fn staged(&mut self, at: ChainPoint) -> Result<(), FollowError> {
        self.replica.point = Some(at);
        let Some(store) = self.store() else {
            self.replica.drop_pending();
            return Ok(());
        };
        // Before that the archive has more than the replica.
        if at.seq >= self.stored {
            let whole = Some(self.whole());
            self.replica.store(&store, &mut self.rows, whole)?;
            store.flush()?;
        }
        Ok(())
    }

    /// Reads the journal up to the durable record `tip`.
    fn read(&mut self, tip: ChainPoint) -> Result<(), FollowError> {
        let report = self.read_on(tip)?;
        if report.tip.is_some_and(|at| at.seq == tip.seq) {
            return self.reached(report.tip.unwrap_or(tip));
        }
        let Some(damage) = report.damage.first().copied() else {
            return self.reached(report.tip.unwrap_or(tip));
        };
        // What the snapshot has of the time behind the damage is all there is.
        tracing::warn!(%damage, "the archive has a gap");
        let beyond = |snapshot: &Snapshot| snapshot.head.point.seq >= damage.seq;
        self.replica = self
            .newest(beyond)
            .ok_or(FollowError::Damaged(damage.seq))?;
        self.gap = true;
        let report = self.read_on(tip)?;
        match report.damage.first() {
            Some(damage) => Err(FollowError::Damaged(damage.seq)),
            None => self.reached(report.tip.unwrap_or(tip)),
        }
    }

    /// Reads behind where the replica is, a stage at a time; what the last one found.
    fn read_on(&mut self, tip: ChainPoint) -> Result<journal::Report, FollowError> {
        let first = self.replica.point.map_or(0, |after| after.seq);
        loop {
            let at = self.replica.point.map_or(0, |after| after.seq);
            let stage = STAGE.max(at.saturating_sub(first) / STAGE_PART);
            let report =
                self.read_stage(at.saturating_add(stage).min(tip.seq), (first, tip.seq))?;
            let stage = report.tip.filter(|end| at < end.seq && end.seq < tip.seq);
            match stage.filter(|_| report.damage.is_empty()) {
                Some(end) => self.staged(end)?,
                None => return Ok(report),
            }
        }
    }

    fn read_stage(
        &mut self,
        last: u64,
        (first, tip): (u64, u64),
    ) -> Result<journal::Report, FollowError> {
        let total = tip.saturating_sub(first);
        let store = self.store();
        let mut failed = None;
        let mut disk = FileDisk::read_only(&self.dir);
        let report = journal::follow(&mut disk, self.replica.point, last, |record| {
            if failed.is_none() {
                failed = self.read_record(&record, store.as_deref()).err();
            }
            let done = record.seq.saturating_sub(first);
            if done % REPORT_EVERY == 0 {
                let progress = Some((done, total));
                self.told.send_modify(|status| status.rebuilding = progress);
                if let Some(progress) = &mut self.progress {
                    progress(done, total);
                }
            }
        })?;
        failed.map_or(Ok(report), Err)
    }

    fn read_record(
        &mut self,
        record: &Record<'_>,
        store: Option<&Store>,
    ) -> Result<(), FollowError> {
        if record.kind != Kind::EVENT {
            return Ok(());
        }
        let replica = &mut self.replica;
        if let Some(store) = store.filter(|_| replica.is_due(record.time_ms)) {
            replica.store(store, &mut self.rows, None)?;
        }
        replica.apply(record.time_ms, record.wall_ms, record.payload)?;
        make_way();
        match store.filter(|_| record.seq > self.stored) {
            Some(store) if replica.pending() >= TOGETHER => {
                Ok(replica.store(store, &mut self.rows, None)?)
            }
            None => {
                replica.drop_pending();
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    /// Begins again at the first record, with a new archive.
    fn mend(&mut self, error: &FollowError, feed: &Feed) {
        self.attempts += 1;
        if !error.is_mendable() || self.attempts > MAX_ATTEMPTS {
            return self.give_up(error, feed);
        }
        tracing::warn!(%error, "the archive is made again");
        self.told
            .send_modify(|status| status.rebuilding = Some((0, 0)));
        match self.make_anew() {
            Ok(()) => feed.read_again(),
            Err(error) => self.give_up(&error, feed),
        }
    }

    /// Calls go on without an archive, and snapshots too unless the journal cannot be followed.
    fn give_up(&mut self, error: &FollowError, feed: &Feed) {
        tracing::error!(%error, "there is no archive until a restart");
        self.slot.put(None);
        self.lost = !error.is_mendable();
        match self.beginning() {
            Ok(replica) => self.replica = replica,
            Err(_) => self.lost = true,
        }
        feed.read_again();
        let why = error.to_string();
        self.told.send_modify(|status| {
            status.failed = Some(why);
            status.rebuilding = None;
        });
    }

    /// Makes a snapshot when the last one is at least so many records old.
    fn snapshot_if_due(&mut self, every: u64) {
        let last = self.told.borrow().snapshot.map_or(0, |last| last.record);
        let at = self.replica.point.map_or(0, |point| point.seq);
        if at.saturating_sub(last) < every || self.lost {
            return;
        }
        let Some(disk) = &mut self.snapshots else {
            return;
        };
        // A snapshot beyond the archive is of no use to it.
        if let Some(store) = self.slot.get()
            && store.flush().is_err()
        {
            return;
        }
        match self.replica.snapshot(disk) {
            Ok(Some((head, bytes))) => {
                let (record, wall_ms) = (head.point.seq, head.wall_ms);
                tracing::debug!(record, bytes, "snapshot");
                let snapshot = Some(SnapshotStatus {
                    record,
                    wall_ms,
                    bytes,
                });
                self.told.send_modify(|status| status.snapshot = snapshot);
                self.note_old();
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "failed to make a snapshot"),
        }
    }

    /// What lies behind all kept snapshots and the archive is old.
    fn note_old(&mut self) {
        let files = self.snapshots.as_mut().map(journal::snapshots);
        let files = files.and_then(Result::ok).unwrap_or_default();
        let oldest = files.get(SNAPSHOTS_KEPT - 1).map(|file| file.seq);
        let at = self.replica.point.map_or(0, |point| point.seq);
        self.cool_behind = oldest.map(|seq| seq.min(at));
    }

    /// Compresses one old segment, if there is one.
    fn cool(&mut self) {
        let (Some(disk), Some(behind)) = (&mut self.old, self.cool_behind) else {
            return;
        };
        match journal::cool(disk, behind) {
            Ok(Some(segment)) => tracing::debug!(segment, "compressed"),
            Ok(None) => self.cool_behind = None,
            Err(error) => {
                // Tried again behind the next snapshot.
                tracing::warn!(%error, "failed to compress a segment of the journal");
                self.cool_behind = None;
            }
        }
    }

    fn note_newest_snapshot(&mut self) {
        let Some(disk) = &mut self.snapshots else {
            return;
        };
        let files = journal::snapshots(disk).unwrap_or_default();
        let newest = files.iter().find_map(|file| {
            let head = journal::read_snapshot(disk, file).ok()?.head;
            Some(SnapshotStatus {
                record: head.point.seq,
                wall_ms: head.wall_ms,
                bytes: file.bytes,
            })
        });
        self.told.send_modify(|status| status.snapshot = newest);
    }
}

/// Moves what there is out of the way; only the last broken one is kept.
fn set_aside(dir: &Path) -> std::io::Result<()> {
    let (archive, broken) = (dir.join(ARCHIVE_DIR), dir.join(BROKEN_DIR));
    if !archive.try_exists()? {
        return Ok(());
    }
    if broken.is_dir() {
        std::fs::remove_dir_all(&broken)?;
    } else if broken.try_exists()? {
        std::fs::remove_file(&broken)?;
    }
    std::fs::rename(archive, broken)
}
