//! The journal being written: batches, the roll to the next segment, failure.
//!
//! ```text
//!         prepare fails        prepared
//!  Ready ---------------> Degraded ----> Ready
//!    \-- write or sync of a batch fails --> Failed      (final: restart)
//!  opened with damage: ReadOnly                         (final: repair)
//! ```
//!
//! A batch is one write and one sync; it is durable when [`Journal::commit`] returns `Ok`. A
//! failed write or sync is never tried again, because the pages may count as clean afterwards.
//! Nothing here starts threads, waits or reads a clock; `recovery` opens the journal.

use super::chain::{ChainPoint, Digest, HashKind, WallLabel};
use super::disk::{Disk, DiskError};
use super::limits::{MAX_BATCH_BYTES, PREPARE_STEP_BYTES};
use super::record::{self, Kind, MAX_PAYLOAD_BYTES, RECORD_OVERHEAD_BYTES};
use super::segment::{FIRST_RECORD_AT, Header, draft_name, segment_name};
use crate::planted::{Planted, planted};

/// Zeros for preparing and cutting.
pub(super) static ZEROS: [u8; PREPARE_STEP_BYTES] = [0; PREPARE_STEP_BYTES];

/// What a journal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It takes batches.
    Ready,
    /// It takes batches until the current segment is full: the next one could not be prepared.
    Degraded,
    /// A write or sync failed; it takes nothing until the process starts again.
    Failed,
    /// It was opened with damage and takes nothing until it is repaired.
    ReadOnly,
}

impl State {
    /// Whether a commit is worth trying.
    pub const fn takes_batches(self) -> bool {
        matches!(self, Self::Ready | Self::Degraded)
    }
}

/// Why a record was not added to the batch, which stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The payload is too large for any batch.
    #[error("failed to add a record of {bytes} bytes: a payload has at most {limit}")]
    PayloadTooLarge {
        /// Its length.
        bytes: usize,
        /// [`MAX_PAYLOAD_BYTES`], or less in small segments.
        limit: usize,
    },
    /// It does not fit the batch any more; it will fit the next one.
    #[error("failed to add a record: the batch would have {bytes} bytes of at most {limit}")]
    BatchFull {
        /// Length of the batch with it.
        bytes: usize,
        /// [`MAX_BATCH_BYTES`], or less in small segments.
        limit: usize,
    },
    /// Engine time never goes back.
    #[error("failed to add a record of {time_ms} ms: the one before is of {last_ms} ms")]
    TimeWentBack {
        /// Its engine time.
        time_ms: u64,
        /// Engine time of the record before.
        last_ms: u64,
    },
}

/// Why a batch is not durable.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The state takes no batches. The batch is dropped.
    #[error("failed to append to the journal: it is {state:?}")]
    Refused {
        /// `Failed` or `ReadOnly`.
        state: State,
    },
    /// The segment is full and the next cannot be prepared. Nothing was written, the batch is
    /// kept: commit again when there is space.
    #[error("failed to prepare the next journal segment")]
    NoSegment(#[source] DiskError),
    /// Final: whether the batch is on the disk shows after the next start.
    #[error("failed to append to the journal")]
    Disk(#[source] DiskError),
}

/// A journal open for appending.
#[derive(Debug)]
pub struct Journal<D> {
    pub(super) disk: D,
    pub(super) state: State,
    pub(super) segment_bytes: usize,
    /// Hash of segments yet to begin.
    pub(super) hash: HashKind,
    /// The segment to begin with when there is none.
    pub(super) first_index: u32,
    pub(super) created_ms: i64,
    pub(super) label: WallLabel,
    pub(super) tail: Option<Segment>,
    pub(super) spare: Option<Segment>,
    /// Bytes filled of the segment being prepared.
    pub(super) draft_bytes: Option<usize>,
    /// Room for a segment header and its padding, then the records of the batch.
    pub(super) buf: Vec<u8>,
    pub(super) pushed: u64,
    pub(super) pushed_time_ms: u64,
    pub(super) first_time_ms: u64,
    /// What is durable.
    pub(super) tip: ChainPoint,
    pub(super) time_ms: u64,
}

/// A segment file of the journal being written.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) len: usize,
    pub(super) hash: HashKind,
    /// Where the next batch goes.
    pub(super) end: usize,
}

impl<D: Disk> Journal<D> {
    /// What it can do.
    pub fn state(&self) -> State {
        self.state
    }

    /// The last durable record, for snapshots and reports.
    pub fn tip(&self) -> ChainPoint {
        self.tip
    }

    /// The wall label of an engine time, UTC ms since 1970.
    pub fn wall_at(&self, time_ms: u64) -> i64 {
        self.label.at(time_ms)
    }

    /// Whether `records` more records with `payload_bytes` in all fit the batch being built.
    pub fn fits(&self, records: usize, payload_bytes: usize) -> bool {
        self.batch_bytes_with(records, payload_bytes) <= self.batch_limit()
    }

    /// Whether a batch of so much more only appends: no roll to another segment.
    pub fn appends(&self, records: usize, payload_bytes: usize) -> bool {
        let bytes = self.batch_bytes_with(records, payload_bytes);
        let fits = |tail: &Segment| tail.end.saturating_add(bytes) <= tail.len;
        bytes <= self.batch_limit() && self.tail.as_ref().is_some_and(fits)
    }

    /// Length of the batch with so much more.
    fn batch_bytes_with(&self, records: usize, payload_bytes: usize) -> usize {
        let more = records
            .saturating_mul(RECORD_OVERHEAD_BYTES)
            .saturating_add(payload_bytes);
        self.batch_bytes().saturating_add(more)
    }

    /// Adds a record to the batch being built; the number it will have.
    pub fn push(&mut self, kind: Kind, time_ms: u64, payload: &[u8]) -> Result<u64, PushError> {
        let limit = MAX_PAYLOAD_BYTES.min(self.batch_limit() - RECORD_OVERHEAD_BYTES);
        if payload.len() > limit {
            return Err(PushError::PayloadTooLarge {
                bytes: payload.len(),
                limit,
            });
        }
        if !self.fits(1, payload.len()) {
            let bytes = self.batch_bytes() + RECORD_OVERHEAD_BYTES + payload.len();
            return Err(PushError::BatchFull {
                bytes,
                limit: self.batch_limit(),
            });
        }
        if time_ms < self.pushed_time_ms {
            return Err(PushError::TimeWentBack {
                time_ms,
                last_ms: self.pushed_time_ms,
            });
        }
        if self.pushed == 0 {
            self.first_time_ms = time_ms;
        }
        let batch = self.tip.seq + 1;
        let seq = batch + self.pushed;
        record::put(&mut self.buf, kind, seq, batch, time_ms, payload);
        self.pushed += 1;
        self.pushed_time_ms = time_ms;
        Ok(seq)
    }

    /// Records in the batch being built.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Drops the batch being built.
    pub fn discard(&mut self) {
        self.buf.truncate(FIRST_RECORD_AT);
        self.pushed = 0;
        self.pushed_time_ms = self.time_ms;
    }

    /// Makes the batch durable; the number of its last record. An empty batch writes nothing.
    pub fn commit(&mut self) -> Result<u64, CommitError> {
        if !self.state.takes_batches() {
            self.discard();
            return Err(CommitError::Refused { state: self.state });
        }
        if self.pushed == 0 {
            return Ok(self.tip.seq);
        }
        let bytes = self.batch_bytes();
        let fits = self
            .tail
            .as_ref()
            .is_some_and(|tail| tail.end + bytes <= tail.len);
        if !fits && self.spare.is_none() {
            self.prepare_next().map_err(CommitError::NoSegment)?;
        }
        let written = if fits { self.append() } else { self.roll() };
        match written {
            Ok(digest) => {
                self.tip = ChainPoint {
                    seq: self.tip.seq + self.pushed,
                    digest,
                };
                self.time_ms = self.pushed_time_ms;
                self.discard();
                Ok(self.tip.seq)
            }
            Err(error) => {
                self.state = State::Failed;
                self.discard();
                Err(CommitError::Disk(error))
            }
        }
    }

    /// Whether the next segment is still to be prepared.
    pub fn needs_segment(&self) -> bool {
        self.spare.is_none() && self.state.takes_batches()
    }

    /// Prepares the next segment by one step of at most [`PREPARE_STEP_BYTES`] and a sync; true
    /// when none is left. An error means `Degraded` and discards the steps so far; call again.
    pub fn prepare_step(&mut self) -> Result<bool, DiskError> {
        if !self.needs_segment() {
            return Ok(true);
        }
        let step = self.try_prepare_step();
        match step {
            Ok(true) => self.state = State::Ready,
            Ok(false) => {}
            Err(_) => {
                self.draft_bytes = None;
                self.state = State::Degraded;
            }
        }
        step
    }

    /// Prepares the next segment, all of it.
    pub fn prepare_next(&mut self) -> Result<(), DiskError> {
        while !self.prepare_step()? {}
        Ok(())
    }

    /// Gives the disk back; what was not committed is dropped.
    pub fn into_disk(self) -> D {
        self.disk
    }

    fn batch_bytes(&self) -> usize {
        self.buf.len().saturating_sub(FIRST_RECORD_AT)
    }

    fn batch_limit(&self) -> usize {
        MAX_BATCH_BYTES.min(self.segment_bytes - FIRST_RECORD_AT)
    }

    /// Writes the batch into the current segment; its last digest.
    fn append(&mut self) -> Result<Digest, DiskError> {
        let Some(tail) = self.tail.as_mut() else {
            return Ok(self.tip.digest);
        };
        let batch = self.buf.get_mut(FIRST_RECORD_AT..).unwrap_or_default();
        let digest = record::seal(batch, tail.hash, self.tip.digest);
        self.disk.append_at(&tail.name, tail.end as u64, batch)?;
        let synced = self.disk.sync(&tail.name);
        if !planted(Planted::SyncErrorIgnored) {
            synced?;
        }
        tail.end += batch.len();
        Ok(digest)
    }

    /// Begins the prepared segment with the batch, header and records in one write.
    fn roll(&mut self) -> Result<Digest, DiskError> {
        let Some(mut spare) = self.spare.take() else {
            return Ok(self.tip.digest);
        };
        let header = Header {
            hash: spare.hash,
            index: spare.index,
            size: spare.len as u64,
            first_seq: self.tip.seq + 1,
            time_ms: self.first_time_ms,
            wall_ms: self.label.at(self.first_time_ms),
            created_ms: self.created_ms,
            prev: self.tip.digest,
        };
        let page_bytes = FIRST_RECORD_AT.min(self.buf.len());
        let (page, batch) = self.buf.split_at_mut(page_bytes);
        page.iter_mut()
            .zip(header.encode())
            .for_each(|(to, from)| *to = from);
        let digest = record::seal(batch, spare.hash, header.digest());
        self.disk.append_at(&spare.name, 0, &self.buf)?;
        self.disk.sync(&spare.name)?;
        spare.end = self.buf.len();
        self.tail = Some(spare);
        Ok(digest)
    }

    fn try_prepare_step(&mut self) -> Result<bool, DiskError> {
        let first = self.first_index;
        let index = self.tail.as_ref().map_or(first, |tail| tail.index + 1);
        let (draft, name) = (draft_name(index), segment_name(index));
        let Some(filled) = self.draft_bytes else {
            // What an earlier attempt left; a blank segment of that name is renamed over.
            if self.disk.list()?.iter().any(|entry| entry.name == draft) {
                self.disk.remove(&draft)?;
            }
            self.disk.create(&draft, 0)?;
            self.draft_bytes = Some(0);
            return Ok(false);
        };
        let step = (self.segment_bytes - filled).min(PREPARE_STEP_BYTES);
        self.disk
            .write_at(&draft, filled as u64, ZEROS.get(..step).unwrap_or(&ZEROS))?;
        self.disk.sync(&draft)?;
        self.draft_bytes = Some(filled + step);
        if filled + step < self.segment_bytes {
            return Ok(false);
        }
        self.disk.rename(&draft, &name)?;
        self.draft_bytes = None;
        let (len, hash) = (self.segment_bytes, self.hash);
        self.spare = Some(Segment {
            name,
            index,
            len,
            hash,
            end: FIRST_RECORD_AT,
        });
        Ok(true)
    }
}
