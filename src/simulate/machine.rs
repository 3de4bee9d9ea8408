//! The computer the daemon runs on: a disk that outlives the process, and the process itself, which
//! is the production daemon with its journal, opened and committed by the production code.

use super::Broken;
use crate::config::Config;
use crate::daemon::output::Output;
use crate::daemon::{Daemon, Input, Now};
use crate::engine::id::EngineTime;
use crate::journal::{
    self, ChainPoint, Disk, DiskError, Entry, Kind, Options, Recovery, ScanError, SimDisk,
};
use crate::shell::archive::{Feed, Next, Replica, Rules};
use crate::shell::disk::{Append, Committed, Fed};
use crate::shell::replay::{self, Opened};
use crate::shell::start::roster;
use jiff::Timestamp;
use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

/// Small segments, so that they roll often.
const SEGMENT_BYTES: usize = 64 << 10;

/// A disk the process writes and the simulator breaks.
#[derive(Debug, Clone, Default)]
pub(super) struct Platter(Rc<RefCell<SimDisk>>);

impl Platter {
    pub(super) fn new(disk: SimDisk) -> Self {
        Self(Rc::new(RefCell::new(disk)))
    }

    /// The disk behind it; never held over a call of the process.
    pub(super) fn disk(&self) -> RefMut<'_, SimDisk> {
        self.0.borrow_mut()
    }
}

impl Disk for Platter {
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.disk().create(name, len)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk().write_at(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.disk().sync(name)
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> Result<(), DiskError> {
        self.disk().read_at(name, offset, buf)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk().rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.disk().remove(name)
    }

    fn list(&mut self) -> Result<Vec<Entry>, DiskError> {
        self.disk().list()
    }
}

/// What is on the computer when no process runs: the journal's disk and the snapshots'.
#[derive(Debug, Clone, Default)]
pub(super) struct Disks {
    pub(super) journal: Platter,
    pub(super) snapshots: Platter,
}

/// A running daemon.
pub(super) struct Process {
    pub(super) daemon: Daemon,
    pub(super) recovery: Recovery,
    /// Whether the start found the state of the process before, as far as that was known.
    pub(super) found_it: bool,
    fed: Fed<Platter>,
    feed: Feed,
    /// The archive's replica, once the first snapshot was asked for.
    replica: Option<Replica>,
    /// The daemon's next timer, while that is known.
    timer: Option<Option<EngineTime>>,
    waiting: VecDeque<Append>,
    /// The last batch of the commit that is under way, as the process knows it.
    committing: Option<u64>,
    /// The journal failed: nothing more is tried.
    pub(super) failed: bool,
    started_ms: u64,
    /// The last batch handed to the journal, and the last one known durable.
    last: u64,
    durable: u64,
}

/// How far a commit came.
pub(super) enum Progress {
    /// Nothing waits, or a commit is under way.
    Idle,
    /// On the disk; the process hears of it when the disk says so.
    Synced(u64),
    /// Tried again later.
    Stalled(String),
    /// For good.
    Failed(String),
}

impl Process {
    /// Opens the journal and starts the daemon over it, as the shell does. `before` is the process
    /// that ended with all it decided durable.
    pub(super) fn start(
        config: &Arc<Config>,
        disks: &Disks,
        (ms, wall_ms): (u64, i64),
        before: Option<&Self>,
        out: &mut Vec<Output>,
    ) -> Result<Self, String> {
        let options = options(wall_ms);
        let mut snapshots = disks.snapshots.clone();
        let opened = replay::open(
            disks.journal.clone(),
            Some(&mut snapshots),
            &options,
            &config.policy,
        );
        let Opened {
            journal,
            recovery,
            engine,
        } = opened.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        let now = Now {
            at: EngineTime(recovery.engine_time_ms),
            wall_ms,
            mono_us: 0,
        };
        let feed = Feed::behind(journal.tip());
        let wall = Timestamp::from_millisecond(wall_ms).unwrap_or_default();
        let sign_on = roster(config, &engine, wall);
        let found_it = before.is_none_or(|it| it.daemon.engine().state() == engine.state());
        let epoch = u64::try_from(wall_ms).unwrap_or(0);
        let mut daemon = Daemon::new(now, Arc::clone(config), engine, epoch);
        if let Some(damage) = &recovery.damage {
            daemon.degrade(format!("the journal is damaged ({damage})"), out);
        }
        daemon.start(now, sign_on, out);
        Ok(Self {
            daemon,
            recovery,
            found_it,
            fed: Fed::new(journal, feed.clone()),
            feed,
            replica: None,
            timer: None,
            waiting: VecDeque::new(),
            committing: None,
            failed: false,
            started_ms: ms,
            last: 0,
            durable: 0,
        })
    }

    /// The process's clocks at a moment of the world: engine time goes by the monotonic clock.
    pub(super) fn now(&self, ms: u64, wall_ms: i64) -> Now {
        let since_ms = ms - self.started_ms;
        Now {
            at: EngineTime(self.recovery.engine_time_ms + since_ms),
            wall_ms,
            mono_us: since_ms * 1000,
        }
    }

    pub(super) fn handle(&mut self, now: Now, input: Input<'_>, out: &mut Vec<Output>) {
        self.timer = None;
        self.daemon.handle(now, input, out);
    }

    /// One turn of the daemon's loop, if there is something to do.
    pub(super) fn turn(&mut self, now: Now) -> Option<Vec<Output>> {
        if !self.daemon.has_work() && self.next_timer().is_none_or(|at| at > now.at) {
            return None;
        }
        self.timer = None;
        let mut out = Vec::new();
        self.daemon.work(now, &mut out);
        Some(out)
    }

    /// When the daemon has something to do though nothing comes. It is asked again only when it did
    /// something: the loop of the town asks more often.
    pub(super) fn next_timer(&mut self) -> Option<EngineTime> {
        let daemon = &self.daemon;
        *self.timer.get_or_insert_with(|| daemon.next_timer())
    }

    /// A batch for the journal.
    pub(super) fn append(&mut self, batch: Append) {
        self.last = batch.batch;
        self.waiting.push_back(batch);
    }

    /// Whether everything decided is known to be durable.
    pub(super) fn is_durable(&self) -> bool {
        self.durable == self.last
    }

    /// Writes and syncs what waits, as the disk's thread does: all of it at once, if it fits.
    pub(super) fn commit(&mut self) -> Result<Progress, Broken> {
        if self.failed || self.committing.is_some() {
            return Ok(Progress::Idle);
        }
        let mut last = None;
        while let Some(next) = self.waiting.front() {
            let fits = self.fed.journal.fits(next.records.len(), next.bytes());
            if !fits && last.is_some() {
                break;
            }
            let Some(batch) = self.waiting.pop_front() else {
                break;
            };
            last = Some(batch.batch);
            if let Err(reason) = self.fed.push(batch) {
                self.failed = true;
                return Ok(Progress::Failed(reason));
            }
        }
        let Some(last) = last else {
            return Ok(Progress::Idle);
        };
        self.committing = Some(last);
        self.again()
    }

    /// The commit that stalled.
    pub(super) fn again(&mut self) -> Result<Progress, Broken> {
        let Some(last) = self.committing.filter(|_| !self.failed) else {
            return Ok(Progress::Idle);
        };
        match self.fed.commit() {
            Committed::Durable => {
                self.follow()?;
                Ok(Progress::Synced(last))
            }
            Committed::NoSpace(reason) => Ok(Progress::Stalled(reason)),
            Committed::Failed(reason) => {
                self.failed = true;
                Ok(Progress::Failed(reason))
            }
        }
    }

    /// The disk said that a commit is durable.
    pub(super) fn committed(&mut self, batch: u64) {
        self.committing = None;
        self.durable = batch;
    }

    /// Prepares the next segment while nothing waits; false when that failed.
    pub(super) fn prepare(&mut self) -> bool {
        while self.fed.journal.needs_segment() && !self.failed {
            match self.fed.journal.prepare_step() {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// The archive's replica takes what became durable.
    fn follow(&mut self) -> Result<(), Broken> {
        let Some(replica) = &mut self.replica else {
            return Ok(());
        };
        self.feed.want();
        if let Next::Groups(groups, tip) = self.feed.next() {
            for group in groups {
                for record in &group.records {
                    let applied = replica.apply(group.time_ms, group.wall_ms, record);
                    applied.map_err(cannot_follow)?;
                }
            }
            replica.point = Some(tip);
            replica.drop_pending();
        }
        Ok(())
    }

    /// Writes a snapshot, as the archive's thread does.
    pub(super) fn snapshot(&mut self, config: &Config, disks: &Disks) -> Result<(), Broken> {
        if self.replica.is_none() {
            self.replica = caught_up(config, disks, self.fed.journal.tip())?;
            if self.replica.is_some() {
                // It has what the feed left to be read.
                let _ = self.feed.next();
            }
        }
        if let Some(replica) = &self.replica {
            let mut disk = disks.snapshots.clone();
            // One that cannot be written leaves the one before.
            let _ = replica.snapshot(&mut disk);
        }
        Ok(())
    }

    /// A hash of the journalled state.
    pub(super) fn state_hash(&self) -> blake3::Hash {
        state_hash(self.daemon.engine())
    }
}

/// How the simulated daemon opens its journal.
pub(super) fn options(wall_ms: i64) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::at(wall_ms)
    }
}

/// A hash of the journalled state of an engine.
pub(super) fn state_hash(engine: &crate::engine::Engine) -> blake3::Hash {
    blake3::hash(&postcard::to_allocvec(engine.state()).unwrap_or_default())
}

/// A replica that reads the journal up to a durable record behind the newest snapshot, as the
/// archive's thread does when it begins; none when the disk fails.
fn caught_up(config: &Config, disks: &Disks, tip: ChainPoint) -> Result<Option<Replica>, Broken> {
    let rules = Rules {
        policy: config.policy.clone(),
        plane: config.plane,
    };
    let mut replica = match replay::newest(&mut disks.snapshots.clone(), &config.policy, 0) {
        Some((point, engine)) => Replica::behind(rules, engine, point),
        None => Replica::new(rules),
    };
    let mut applied = Ok(());
    let mut journal = disks.journal.clone();
    let report = journal::follow(&mut journal, replica.point, tip.seq, |record| {
        if record.kind == Kind::EVENT && applied.is_ok() {
            applied = replica.apply(record.time_ms, record.wall_ms, record.payload);
        }
    });
    let report = match report {
        Err(ScanError::Disk(_)) => return Ok(None),
        report => report.map_err(cannot_follow)?,
    };
    applied.map_err(cannot_follow)?;
    if report.tip != Some(tip) {
        return Err(cannot_follow((report.tip, tip)));
    }
    replica.point = Some(tip);
    replica.drop_pending();
    Ok(Some(replica))
}

fn cannot_follow(why: impl Debug) -> Broken {
    Broken::new("the replica cannot follow", why)
}
