//! The daemon as a process: the production loop's content over the production journal on a disk
//! that fails. What the shell does with threads is done here in steps: a batch is written and
//! synced some time after it was decided, and a crash may come before, between and after.

use super::fault::{Fault, Storm};
use crate::config::Config;
use crate::daemon::output::Outbox;
use crate::daemon::{Daemon, Input, Now};
use crate::engine::Engine;
use crate::engine::event::Event;
use crate::engine::id::EngineTime;
use crate::engine::image::IMAGE_FORMAT;
use crate::journal::{
    self, ChainPoint, CommitError, Journal, Kind, Options, SimDisk, SnapshotHead,
};
use crate::shell::replay::{self, Opened};
use crate::shell::start::roster;
use jiff::Timestamp;
use std::collections::VecDeque;

/// Size of the journal's segments: small, so that it rolls often.
const SEGMENT_BYTES: usize = 256 << 10;
/// Records between two snapshots.
const SNAPSHOT_EVERY: u64 = 1_500;

/// Milliseconds since the run began, and the wall clock's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant {
    pub(super) ms: u64,
    pub(super) wall_ms: i64,
}

struct Append {
    batch: u64,
    at: EngineTime,
    records: Vec<Vec<u8>>,
}

/// The disks of the machine: they outlive the process.
#[derive(Clone, Default)]
pub(super) struct Disks {
    pub(super) journal: SimDisk,
    pub(super) snapshots: SimDisk,
}

/// How a commit ended.
pub(super) enum Committed {
    /// Nothing waits any more, or it is durable and the daemon was told.
    Done,
    /// There is no space for the next segment; it is tried again.
    Stalled,
    /// It failed for good; the daemon says so to everybody until it is started again.
    Failed,
    /// The power went.
    Dark,
}

/// A running daemon.
pub(super) struct Process {
    pub(super) daemon: Daemon,
    journal: Journal<SimDisk>,
    snapshots: SimDisk,
    /// A second engine, fed with what is durable.
    replica: Engine,
    point: ChainPoint,
    last_ms: u64,
    snapshot_at: u64,
    engine_ms: u64,
    began_ms: u64,
    waiting: VecDeque<Append>,
    /// A commit began and did not end well: some of it may be on the disk.
    unsure: bool,
    /// The journal failed: nothing is committed any more.
    failed: bool,
}

impl Process {
    /// Starts on these disks, as `tieqi serve` does. The disks come back when it does not start.
    pub(super) fn start(
        disks: Disks,
        config: &Config,
        now: Instant,
        out: &mut dyn Outbox,
    ) -> Result<Self, String> {
        let Disks {
            journal,
            mut snapshots,
        } = disks;
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            ..Options::at(now.wall_ms)
        };
        let opened = replay::open(journal, Some(&mut snapshots), &options, &config.policy);
        let Opened {
            mut journal,
            recovery,
            engine,
        } = opened.map_err(|error| error.to_string())?;
        let replica = copy(&engine, config)?;
        // What the disk thread does while nothing waits.
        let _ = journal.prepare_next();
        let point = journal.tip();
        let clock = |ms: u64| Now {
            at: EngineTime(recovery.engine_time_ms + ms - now.ms),
            wall_ms: now.wall_ms,
            mono_us: 0,
        };
        let wall = Timestamp::from_millisecond(now.wall_ms).unwrap_or_default();
        let sign_on = roster(config, &engine, wall);
        let epoch = u64::try_from(now.wall_ms).unwrap_or(0);
        let mut daemon = Daemon::new(clock(now.ms), config.clone(), engine, epoch);
        if let Some(damage) = &recovery.damage {
            return Err(format!("the journal is damaged: {damage}"));
        }
        daemon.start(clock(now.ms), sign_on, out);
        Ok(Self {
            daemon,
            journal,
            snapshots,
            replica,
            point,
            last_ms: recovery.engine_time_ms,
            snapshot_at: point.seq,
            engine_ms: recovery.engine_time_ms,
            began_ms: now.ms,
            waiting: VecDeque::new(),
            unsure: false,
            failed: false,
        })
    }

    /// The daemon's clocks.
    pub(super) fn now(&self, now: Instant) -> Now {
        let elapsed_ms = now.ms.saturating_sub(self.began_ms);
        Now {
            at: EngineTime(self.engine_ms + elapsed_ms),
            wall_ms: now.wall_ms,
            mono_us: elapsed_ms * 1_000,
        }
    }

    /// When it wants to work next, milliseconds of the run.
    pub(super) fn next_ms(&self, now_ms: u64) -> Option<u64> {
        if self.daemon.has_work() {
            return Some(now_ms);
        }
        let at = self.daemon.next_timer()?;
        Some(self.began_ms + at.0.saturating_sub(self.engine_ms))
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut dyn Outbox) {
        self.daemon.handle(self.now(now), input, out);
    }

    pub(super) fn work(&mut self, now: Instant, out: &mut dyn Outbox) {
        self.daemon.work(self.now(now), out);
    }

    /// Takes a batch that is to be made durable.
    pub(super) fn append(&mut self, batch: u64, at: EngineTime, records: Vec<Vec<u8>>) {
        self.waiting.push_back(Append { batch, at, records });
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() && !self.failed
    }

    /// Lets the disk's call so many from now fail.
    pub(super) fn spoil(&mut self, calls: u64, fault: journal::Fault) {
        let disk = self.journal.disk_mut();
        let at = disk.calls() + calls;
        disk.fail_at(at, fault);
    }

    /// Writes and syncs what waits. With `told` the daemon hears of it and lets go what it held.
    pub(super) fn commit(&mut self, now: Instant, told: bool, out: &mut dyn Outbox) -> Committed {
        let mut group = Vec::new();
        while let Some(next) = self.waiting.front() {
            let bytes = next.records.iter().map(Vec::len).sum();
            if !group.is_empty() && !self.journal.fits(next.records.len(), bytes) {
                break;
            }
            let Some(next) = self.waiting.pop_front() else {
                break;
            };
            for record in &next.records {
                if let Err(error) = self.journal.push(Kind::EVENT, next.at.0, record) {
                    return self.fail(now, error.to_string(), out);
                }
            }
            group.push(next);
        }
        let Some(last) = group.last().map(|append| append.batch) else {
            return Committed::Done;
        };
        self.unsure = true;
        loop {
            match self.journal.commit() {
                Ok(_) => break,
                Err(CommitError::NoSegment(error)) => {
                    if self.journal.disk_mut().is_off() {
                        return Committed::Dark;
                    }
                    // The fault is over by the next call: the thread would ask again.
                    let reason = error.to_string();
                    self.handle(now, Input::JournalStalled(reason), out);
                    if self.journal.prepare_next().is_err() {
                        return Committed::Stalled;
                    }
                }
                Err(_) if self.journal.disk_mut().is_off() => return Committed::Dark,
                Err(error) => return self.fail(now, error.to_string(), out),
            }
        }
        self.unsure = false;
        self.follow(&group);
        if told {
            self.handle(now, Input::Durable(last), out);
        }
        if self.journal.needs_segment() {
            let _ = self.journal.prepare_next();
        }
        self.snapshot();
        match self.journal.disk_mut().is_off() {
            true => Committed::Dark,
            false => Committed::Done,
        }
    }

    fn fail(&mut self, now: Instant, reason: String, out: &mut dyn Outbox) -> Committed {
        if self.journal.disk_mut().is_off() {
            return Committed::Dark;
        }
        self.failed = true;
        self.waiting.clear();
        self.handle(now, Input::JournalFailed(reason), out);
        Committed::Failed
    }

    /// The replica takes what is durable, as the archive's thread does.
    fn follow(&mut self, group: &[Append]) {
        for append in group {
            for record in &append.records {
                if let Ok(event) = postcard::from_bytes::<Event>(record) {
                    self.replica.apply(append.at, &event);
                    self.replica.replayed();
                }
            }
            self.last_ms = append.at.0;
        }
        self.point = self.journal.tip();
    }

    fn snapshot(&mut self) {
        if self.point.seq.saturating_sub(self.snapshot_at) < SNAPSHOT_EVERY {
            return;
        }
        self.snapshot_at = self.point.seq;
        let head = SnapshotHead {
            format: IMAGE_FORMAT,
            point: self.point,
            time_ms: self.last_ms,
            wall_ms: self.journal.wall_at(self.last_ms),
        };
        if let Ok(payload) = postcard::to_allocvec(&self.replica.image()) {
            let _ = journal::write_snapshot(&mut self.snapshots, &head, &payload);
        }
    }

    pub(super) fn disk(&self) -> &SimDisk {
        self.journal.disk()
    }

    /// Whether the live engine is what the durable events make, where all of them are durable.
    pub(super) fn agrees(&self) -> bool {
        if !self.waiting.is_empty() || self.failed || self.unsure {
            return true;
        }
        let live = postcard::to_allocvec(self.daemon.engine().state());
        let replica = postcard::to_allocvec(self.replica.state());
        live.ok() == replica.ok()
    }

    /// The process is gone; so is what was not written, and with the power what was not synced.
    pub(super) fn die(self, dark: Option<u64>) -> Disks {
        let (journal, snapshots) = (self.journal.into_disk(), self.snapshots);
        match dark {
            Some(seed) => Disks {
                journal: journal.crash(seed),
                snapshots: snapshots.crash(seed),
            },
            None => Disks {
                journal: journal.kill(),
                snapshots: snapshots.kill(),
            },
        }
    }
}

/// The same engine once more.
fn copy(engine: &Engine, config: &Config) -> Result<Engine, String> {
    let image = postcard::to_allocvec(&engine.image()).map_err(|error| error.to_string())?;
    let image = postcard::from_bytes(&image).map_err(|error| error.to_string())?;
    Ok(Engine::restored(config.policy.clone(), image))
}

/// Spoils a copy of the journal and opens it: whatever the recovery says nothing of must make no
/// difference. What was silently different, if anything.
pub(super) fn rot(disks: &Disks, fault: Fault, storm: &mut Storm, wall_ms: i64) -> Option<String> {
    let sound = walk(&disks.journal, wall_ms);
    let mut spoilt = disks.journal.clone();
    let place = spoilt.spoil_sector(fault_of(fault), |bound| storm.below(bound))?;
    let found = walk(&spoilt, wall_ms);
    let told = found.as_ref().map_or(true, |(_, told)| *told);
    let same = found.as_ref().ok().map(|it| &it.0) == sound.as_ref().ok().map(|it| &it.0);
    (!told && !same).then(|| format!("{} at {place} was not noticed", fault.name()))
}

fn fault_of(fault: Fault) -> journal::Rot {
    match fault {
        Fault::Misdirected => journal::Rot::Misdirected,
        Fault::LostSector => journal::Rot::Lost,
        _ => journal::Rot::Bit,
    }
}

/// Opens a copy: the digest of all records, and whether anything was said of it.
fn walk(disk: &SimDisk, wall_ms: i64) -> Result<(blake3::Hash, bool), String> {
    let mut hash = blake3::Hasher::new();
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::at(wall_ms)
    };
    let opened = Journal::open(disk.kill(), &options, |record| {
        hash.update(record.payload);
        hash.update(&record.time_ms.to_le_bytes());
    });
    let (_, recovery) = opened.map_err(|error| error.to_string())?;
    let told = recovery.damage.is_some()
        || !recovery.torn.is_empty()
        || !recovery.stray.is_empty()
        || !recovery.covered.is_empty();
    Ok((hash.finalize(), told))
}
