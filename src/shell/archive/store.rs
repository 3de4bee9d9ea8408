//! The archive on disk: one sled tree with rows and their indexes.
//!
//! | key                              | value                                                   |
//! |----------------------------------|---------------------------------------------------------|
//! | `m`                              | [`Meta`]                                                |
//! | `i` number                       | [`Row`]                                                 |
//! | `t` report time, number          | -                                                       |
//! | `u` call sign, 0, time, number   | -                                                       |
//! | `d` number, record               | a line of the delivery log, JSON                        |
//! | `c` number                       | [`CallRow`]                                             |
//! | `k` arrival time, number         | -                                                       |
//! | `n` caller, 0, time, number      | -                                                       |
//!
//! Numbers and times are big-endian, so that they sort. One batch of changes is atomic and brings
//! its own [`Meta`], so what is found after a crash is what was there at some record. sled may
//! refuse or panic on a directory that was cut or changed; both come out as [`StoreError`].

use crate::daemon::archive::{Cursor, Rows};
use crate::engine::id::{CallId, IncidentId, Point};
use crate::journal::ChainPoint;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind::WouldBlock;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Layout of keys and rows; an archive of another one is made again.
const FORMAT: u16 = 4;
/// Memory for pages, as sled counts it; it takes half as much again.
const CACHE_BYTES: u64 = 8 << 20;
/// A segment of sled's file, and the most it gives one of its threads to write.
const SEGMENT_BYTES: usize = 4 << 20;
/// Changes between two flushes. sled 0.34 waits for itself for ever when all seven of its threads
/// are about to write segments while another one is asked for: that needs more than they can have
/// in hand between two flushes, even if each change is written a dozen times over.
const UNFLUSHED_BYTES: usize = 1 << 20;
/// How often a locked file is tried again, and how long between.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const META: &[u8] = b"m";

/// Why the archive cannot be used; it is made again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// sled says so.
    #[error("failed to use the archive: {0}")]
    Sled(#[from] sled::Error),
    /// sled panicked.
    #[error("failed to use the archive: it is broken")]
    Panicked,
    /// It holds what nobody wrote.
    #[error("failed to use the archive: {0}")]
    Odd(&'static str),
}

/// How far the archive is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    format: u16,
    /// The journal's record everything up to which is in here, with its digest.
    record: u64,
    digest: [u8; 32],
    /// The same in the engine's count of events.
    pub(super) seq: u64,
    /// What is in it.
    pub(super) rows: Rows,
    /// The journal was damaged where a snapshot made it good.
    pub(super) gap: bool,
    /// It is being made: it was never at the journal's end.
    pub(super) making: bool,
}

/// How an archive is that has everything up to some record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) gap: bool,
    pub(super) making: bool,
}

impl Meta {
    pub(super) fn at(point: ChainPoint, seq: u64, rows: Rows, how: Whole) -> Self {
        Self {
            format: FORMAT,
            record: point.seq,
            digest: point.digest,
            seq,
            rows,
            gap: how.gap,
            making: how.making,
        }
    }

    /// The journal's record it is at.
    pub(crate) fn point(&self) -> ChainPoint {
        ChainPoint {
            seq: self.record,
            digest: self.digest,
        }
    }
}

/// One incident.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row<'a> {
    /// Report time, UTC ms since 1970.
    pub(super) reported_ms: i64,
    /// Its grade's name.
    pub(super) grade: &'a str,
    /// Its category's key, empty if none.
    pub(super) category: &'a str,
    /// Where it is, if that is known.
    pub(super) point: Option<Point>,
    /// Where words are looked for, lower case.
    pub(super) words: &'a str,
    /// What a list shows, JSON.
    pub(super) summary: &'a str,
    /// The incident as `incident.get` shows it, JSON.
    pub(super) incident: &'a str,
    /// Its assignments, a JSON array.
    pub(super) assignments: &'a str,
    /// Its calls, a JSON array.
    pub(super) calls: &'a str,
}

/// One call.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CallRow<'a> {
    /// When it came in, UTC ms since 1970.
    pub(super) arrived_ms: i64,
    /// The caller's number, empty if withheld.
    pub(super) caller: &'a str,
    /// Its phase's name.
    pub(super) phase: &'a str,
    /// The name of what kind of invalid it is, empty if none.
    pub(super) invalid: &'a str,
    /// It belongs to an incident.
    pub(super) attached: bool,
    /// What a list shows, JSON.
    pub(super) summary: &'a str,
}

/// What orders rows by time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Index<'a> {
    /// All incidents.
    Incidents,
    /// Incidents that a unit with this call sign had.
    OfUnit(&'a str),
    /// All calls.
    Calls,
    /// Calls from this number.
    OfCaller(&'a str),
}

impl Index<'_> {
    fn prefix(self) -> Vec<u8> {
        match self {
            Self::Incidents => b"t".to_vec(),
            Self::OfUnit(call_sign) => [b"u".as_slice(), call_sign.as_bytes(), &[0]].concat(),
            Self::Calls => b"k".to_vec(),
            Self::OfCaller(caller) => [b"n".as_slice(), caller.as_bytes(), &[0]].concat(),
        }
    }

    fn key(self, at: Cursor) -> Vec<u8> {
        [self.prefix().as_slice(), &time_key(at)].concat()
    }
}

/// An open archive. After an error it is [`Store::is_broken`].
#[derive(Debug)]
pub(crate) struct Store {
    db: sled::Db,
    broken: AtomicBool,
    unflushed: AtomicUsize,
}

impl Store {
    /// Opens or makes the archive in `dir` and reads all of it once.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Option<Meta>), StoreError> {
        let db = contained(|| {
            let config = sled::Config::new().path(dir).segment_size(SEGMENT_BYTES);
            Ok(open_unlocked(&config.cache_capacity(CACHE_BYTES))?)
        })?;
        let store = Self {
            db,
            broken: AtomicBool::new(false),
            unflushed: AtomicUsize::new(0),
        };
        let mut meta = store.meta()?;
        let rows = store.check(meta.as_ref())?;
        if let Some(meta) = &mut meta {
            meta.rows = rows;
        }
        Ok((store, meta))
    }

    /// Every row is there and can be read; how many there are. More than [`Meta`] says are those
    /// that were being written when the process ended: the journal has them, and they are written
    /// again.
    fn check(&self, meta: Option<&Meta>) -> Result<Rows, StoreError> {
        let counted = self.contained(|| {
            let mut rows = Rows::default();
            for pair in self.db.scan_prefix(b"i") {
                read_row::<Row<'_>>(&pair?.1)?;
                rows.incidents += 1;
            }
            for pair in self.db.scan_prefix(b"c") {
                read_row::<CallRow<'_>>(&pair?.1)?;
                rows.calls += 1;
            }
            Ok(rows)
        })?;
        match meta {
            Some(Meta { rows, .. })
                if rows.incidents > counted.incidents || rows.calls > counted.calls =>
            {
                Err(StoreError::Odd("rows are missing"))
            }
            None if !self.db.is_empty() => Err(StoreError::Odd("it was not finished")),
            _ => Ok(counted),
        }
    }

    /// Whether it failed once: it must be made again.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn contained<T>(&self, run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        contained(run).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }

    /// How far it is; none before anything was finished, or when another program wrote it.
    fn meta(&self) -> Result<Option<Meta>, StoreError> {
        let found = self.contained(|| Ok(self.db.get(META)?))?;
        let meta = found.and_then(|bytes| postcard::from_bytes::<Meta>(&bytes).ok());
        Ok(meta.filter(|meta| meta.format == FORMAT))
    }

    /// Applies changes at once.
    pub(super) fn write(&self, changes: Changes) -> Result<(), StoreError> {
        let bytes = changes.bytes;
        self.contained(|| Ok(self.db.apply_batch(changes.batch)?))?;
        match self.unflushed.fetch_add(bytes, Ordering::Relaxed) + bytes {
            0..UNFLUSHED_BYTES => Ok(()),
            _ => self.flush(),
        }
    }

    /// Hands everything to the operating system.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.unflushed.store(0, Ordering::Relaxed);
        self.contained(|| Ok(self.db.flush().map(|_| ())?))
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.contained(|| Ok(self.db.size_on_disk()?)).unwrap_or(0)
    }

    /// Looks at an incident's row.
    pub(super) fn row<T>(
        &self,
        id: IncidentId,
        look: impl FnOnce(Row<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        self.contained(|| {
            let found = self.db.get(row_key(id))?;
            found.map(|bytes| Ok(look(read_row(&bytes)?))).transpose()
        })
    }

    /// Looks at a call's row.
    pub(super) fn call<T>(
        &self,
        id: CallId,
        look: impl FnOnce(CallRow<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        self.contained(|| {
            let found = self.db.get(call_key(id))?;
            found.map(|bytes| Ok(look(read_row(&bytes)?))).transpose()
        })
    }

    /// The delivery log of an incident, JSON objects in order.
    pub(super) fn deliveries(&self, id: IncidentId) -> Result<Vec<String>, StoreError> {
        self.contained(|| {
            let prefix = [b"d".as_slice(), &id.0.to_be_bytes()].concat();
            let lines = self.db.scan_prefix(prefix).values();
            lines
                .map(|line| Ok(String::from_utf8_lossy(&line?).into_owned()))
                .collect()
        })
    }

    /// Visits what an index has there, newest first, until `visit` says stop.
    pub(super) fn visit(
        &self,
        index: Index<'_>,
        inside: Range<Cursor>,
        mut visit: impl FnMut(Cursor) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.contained(|| {
            let length = index.prefix().len();
            let keys = index.key(inside.start)..index.key(inside.end);
            for pair in self.db.range(keys).rev() {
                let (found, _) = pair?;
                let tail = found.get(length..).unwrap_or_default();
                let cursor = read_time_key(tail).ok_or(StoreError::Odd("a key is too short"))?;
                if !visit(cursor)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Changes that are made together.
#[derive(Debug, Default)]
pub(super) struct Changes {
    batch: sled::Batch,
    bytes: usize,
}

impl Changes {
    /// Most of them that should be made together.
    const MAX_BYTES: usize = UNFLUSHED_BYTES / 4;

    /// Whether they should be made before there are more.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= Self::MAX_BYTES
    }

    fn insert(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (key, value) = (key.as_ref(), value.as_ref());
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
    }

    pub(super) fn meta(&mut self, meta: &Meta) {
        if let Ok(bytes) = postcard::to_allocvec(meta) {
            self.insert(META, bytes);
        }
    }

    /// An incident as it is now, with the call signs of the units it ever had.
    pub(super) fn incident<'u>(
        &mut self,
        id: IncidentId,
        row: &Row<'_>,
        units: impl Iterator<Item = &'u str>,
    ) {
        let Ok(bytes) = postcard::to_allocvec(row) else {
            return;
        };
        self.insert(row_key(id), bytes);
        let indexes = units.map(Index::OfUnit).chain([Index::Incidents]);
        for index in indexes {
            self.insert(index.key((row.reported_ms, id.0)), []);
        }
    }

    /// A call as it is now.
    pub(super) fn call(&mut self, id: CallId, row: &CallRow<'_>) {
        let Ok(bytes) = postcard::to_allocvec(row) else {
            return;
        };
        self.insert(call_key(id), bytes);
        for index in [Index::Calls, Index::OfCaller(row.caller)] {
            self.insert(index.key((row.arrived_ms, id.0)), []);
        }
    }

    /// A line of an incident's delivery log; `record` orders them.
    pub(super) fn delivery(&mut self, id: IncidentId, record: u64, line: &str) {
        let number = id.0.to_be_bytes();
        let key = [b"d".as_slice(), &number, &record.to_be_bytes()].concat();
        self.insert(key, line);
    }
}

/// Opens it. Only this daemon has the directory; when sled finds its file locked, the one that was
/// closed a moment ago still has a thread at work in it.
fn open_unlocked(config: &sled::Config) -> sled::Result<sled::Db> {
    let mut tries = 0;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if error.kind() == WouldBlock && tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

/// sled's own faults must not take the daemon along.
fn contained<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(StoreError::Panicked))
}

fn read_row<'a, R: Deserialize<'a>>(bytes: &'a [u8]) -> Result<R, StoreError> {
    postcard::from_bytes(bytes).map_err(|_| StoreError::Odd("a row cannot be read"))
}

fn row_key(id: IncidentId) -> Vec<u8> {
    [b"i".as_slice(), &id.0.to_be_bytes()].concat()
}

fn call_key(id: CallId) -> Vec<u8> {
    [b"c".as_slice(), &id.0.to_be_bytes()].concat()
}

/// Time and number so that they sort; times before 1970 too.
fn time_key((time_ms, number): Cursor) -> [u8; 12] {
    let mut key = [0; 12];
    let (time, rest) = key.split_at_mut(8);
    time.copy_from_slice(&(time_ms ^ i64::MIN).to_be_bytes());
    rest.copy_from_slice(&number.to_be_bytes());
    key
}

fn read_time_key(bytes: &[u8]) -> Option<Cursor> {
    let (time, number) = bytes.split_first_chunk()?;
    let number = u32::from_be_bytes(*number.first_chunk()?);
    Some((i64::from_be_bytes(*time) ^ i64::MIN, number))
}
