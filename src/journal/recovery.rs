//! Opening a journal: replay, the cut of a torn tail, engine time, the record of the opening.
//!
//! 1. Walk all segments and hand every record of a whole batch to the caller.
//! 2. Damage: stop there, change nothing, `ReadOnly`.
//! 3. Cut what is torn: zeros, synced, reported.
//! 4. Write the last batch once more and sync it: after a failed sync its pages may read back
//!    without being on the disk. The same for the name of the spare segment.
//! 5. Append an `OPENED` record. From here on the journal is `Ready`.
//!
//! It neither locks (that is `FileDisk`) nor repairs damage.

use super::base::no_base;
use super::chain::{ChainPoint, HashKind, WallLabel};
use super::cold::thaw;
use super::disk::{Disk, DiskError};
use super::finding::{Damage, DamageKind, Repaired, ScanError, Stray, Torn};
use super::limits::{DEFAULT_SEGMENT_BYTES, MAX_DOWN_MS, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};
use super::record::{Kind, Record, opened_payload};
use super::scan::{Plan, Scan, Step, scan};
use super::segment::{FIRST_RECORD_AT, draft_name, segment_name};
use super::writer::{CommitError, Journal, Segment, State, ZEROS};
use crate::planted::{Planted, planted};

/// How to open a journal.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of segments yet to be made, [`MIN_SEGMENT_BYTES`] to [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: usize,
    /// Hash of segments yet to begin; those that exist keep theirs.
    pub hash: HashKind,
    /// Wall time now, UTC ms since 1970.
    pub wall_ms: i64,
    /// Replay only what is behind this point, a snapshot's; everything when `None`.
    pub after: Option<ChainPoint>,
}

impl Options {
    /// The defaults, opened at a wall time.
    pub const fn at(wall_ms: i64) -> Self {
        let hash = HashKind::Blake3;
        Self {
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            hash,
            wall_ms,
            after: None,
        }
    }
}

/// What opening found and did.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Used segments walked.
    pub segments: u64,
    /// Whole batches walked.
    pub batches: u64,
    /// Records walked; those behind [`Options::after`] were replayed.
    pub records: u64,
    /// Number of the last record replayed, 0 in a new journal; `OPENED` comes behind it.
    pub last_seq: u64,
    /// What was torn, and cut unless there is damage.
    pub torn: Vec<Torn>,
    /// The first damage; the journal is `ReadOnly` then and replay ended there.
    pub damage: Option<Damage>,
    /// Damage before [`Options::after`], which the snapshot makes good.
    pub covered: Vec<Damage>,
    /// Bytes in unused space, left as they are.
    pub stray: Vec<Stray>,
    /// What repairs gave up, as far as it was walked.
    pub repaired: Vec<Repaired>,
    /// Engine time of the opening, ms since the journal was created.
    pub engine_time_ms: u64,
    /// Engine time added for the time the process was down, 0 to [`MAX_DOWN_MS`].
    pub down_ms: u64,
    /// What the wall clock says it was; negative when it went back. Differs from `down_ms` only
    /// when that was limited, which is worth a line in the log.
    pub wall_gap_ms: i64,
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The caller asked for what cannot be.
    #[error(
        "failed to open the journal: segments have {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES} \
         bytes, not {bytes}"
    )]
    SegmentBytes {
        /// What was asked for.
        bytes: usize,
    },
    /// It could not be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The torn tail could not be cut, or the last batch not be made durable.
    #[error("failed to recover the journal")]
    Disk(#[from] DiskError),
    /// The record of the opening could not be appended.
    #[error("failed to begin writing the journal")]
    Begin(#[from] CommitError),
}

impl<D: Disk> Journal<D> {
    /// Opens the journal on `disk`, a new one if there is none; `replay` gets every record behind
    /// [`Options::after`], in order, whole batches only.
    pub fn open(
        mut disk: D,
        options: &Options,
        mut replay: impl FnMut(Record<'_>),
    ) -> Result<(Self, Recovery), OpenError> {
        let bytes = options.segment_bytes;
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&bytes) {
            return Err(OpenError::SegmentBytes { bytes });
        }
        let plan = Plan {
            after_seq: options.after.map_or(0, |after| after.seq),
            after_digest: options.after.map(|after| after.digest),
            ..Plan::default()
        };
        let scan = scan(&mut disk, &plan, &mut |step| {
            if let Step::Record(record) = step {
                replay(record);
            }
        })?;
        let recovery = report(&scan, options);
        if let Some(damage) = recovery.damage.filter(|one| one.kind == DamageKind::NoBase) {
            return Err(no_base(damage.segment).into());
        }
        let mut journal = Self::behind(disk, options, &scan);
        if recovery.damage.is_some() {
            journal.state = State::ReadOnly;
            return Ok((journal, recovery));
        }
        if let Some(tail) = scan.tail {
            thaw(&mut journal.disk, tail.header.index)?;
        }
        journal.cut(&scan.torn)?;
        journal.harden(&scan)?;
        journal.begin(options.wall_ms, recovery.engine_time_ms)?;
        Ok((journal, recovery))
    }

    /// A journal that goes on where the walk ended.
    fn behind(disk: D, options: &Options, scan: &Scan) -> Self {
        let tail = scan.tail.map(|tail| Segment {
            name: segment_name(tail.header.index),
            index: tail.header.index,
            len: usize::try_from(tail.header.size).unwrap_or(0),
            hash: tail.header.hash,
            end: tail.end,
        });
        let spare = scan
            .spare
            .filter(|spare| spare.len == options.segment_bytes as u64);
        let spare = spare.map(|spare| Segment {
            name: segment_name(spare.index),
            index: spare.index,
            len: options.segment_bytes,
            hash: options.hash,
            end: FIRST_RECORD_AT,
        });
        Self {
            disk,
            state: State::Ready,
            segment_bytes: options.segment_bytes,
            hash: options.hash,
            created_ms: scan
                .tail
                .map_or(options.wall_ms, |tail| tail.header.created_ms),
            label: scan.label.unwrap_or_default(),
            tail,
            spare,
            draft_bytes: None,
            first_index: scan.first_index,
            buf: vec![0; FIRST_RECORD_AT],
            pushed: 0,
            pushed_time_ms: scan.time_ms,
            first_time_ms: scan.time_ms,
            tip: ChainPoint {
                seq: scan.last_seq,
                digest: scan.digest.unwrap_or_default(),
            },
            time_ms: scan.time_ms,
        }
    }

    /// Overwrites torn bytes with zeros, so that they are never taken for a later batch.
    fn cut(&mut self, torn: &[Torn]) -> Result<(), DiskError> {
        for torn in torn {
            if planted(Planted::TornTailKept) {
                continue;
            }
            let name = segment_name(torn.segment);
            let (mut at, end) = (torn.offset, torn.offset + torn.bytes);
            while at < end {
                let step = usize::try_from(end - at)
                    .unwrap_or(ZEROS.len())
                    .min(ZEROS.len());
                self.disk
                    .write_at(&name, at, ZEROS.get(..step).unwrap_or(&ZEROS))?;
                at += step as u64;
            }
            self.disk.sync(&name)?;
        }
        Ok(())
    }

    fn harden(&mut self, scan: &Scan) -> Result<(), DiskError> {
        if let Some(tail) = scan.tail {
            let name = segment_name(tail.header.index);
            let at = tail.last_batch_at as u64;
            let mut batch = vec![0; tail.end - tail.last_batch_at];
            self.disk.read_at(&name, at, &mut batch)?;
            self.disk.write_at(&name, at, &batch)?;
            self.disk.sync(&name)?;
        }
        if let Some(spare) = &self.spare {
            let draft = draft_name(spare.index);
            self.disk.rename(&spare.name, &draft)?;
            self.disk.rename(&draft, &spare.name)?;
        }
        Ok(())
    }

    fn begin(&mut self, wall_ms: i64, time_ms: u64) -> Result<(), CommitError> {
        self.label = WallLabel { time_ms, wall_ms };
        // It always fits an empty batch, and its time was derived from the last one.
        let pushed = self.push(Kind::OPENED, time_ms, &opened_payload(wall_ms));
        debug_assert!(pushed.is_ok(), "{pushed:?}");
        self.commit().map(|_| ())
    }
}

fn report(scan: &Scan, options: &Options) -> Recovery {
    let wall_gap_ms = match (scan.last_seq, scan.label) {
        (1.., Some(label)) => options.wall_ms.saturating_sub(label.at(scan.time_ms)),
        _ => 0,
    };
    let down_ms = u64::try_from(wall_gap_ms).unwrap_or(0).min(MAX_DOWN_MS);
    Recovery {
        segments: scan.segments,
        batches: scan.batches,
        records: scan.records,
        last_seq: scan.last_seq,
        torn: scan.torn.clone(),
        damage: scan.damage.first().copied(),
        covered: scan.covered.clone(),
        stray: scan.stray.clone(),
        repaired: scan.repaired.clone(),
        engine_time_ms: scan.time_ms.saturating_add(down_ms),
        down_ms,
        wall_gap_ms,
    }
}
