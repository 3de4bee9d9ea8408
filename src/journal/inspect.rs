//! Reading a journal without opening it: `verify`, `show`, `export`.
//!
//! Nothing is changed and no lock is needed. While a daemon is appending, its batch in flight may
//! show as torn. Unlike opening, reading goes on behind damage and reports all of it.

use super::chain::ChainPoint;
use super::disk::Disk;
use super::finding::{Damage, Repaired, ScanError, Stray, Torn};
use super::record::Record;
use super::scan::{Plan, Scan, Step, scan};

/// What [`verify`] or [`read`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Used segments.
    pub segments: u64,
    /// Whole batches.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The last record and its digest; an outside copy of it is what shows a deleted tail.
    pub tip: Option<ChainPoint>,
    /// Engine time of the last record, ms.
    pub time_ms: u64,
    /// Its wall label, UTC ms since 1970.
    pub wall_ms: i64,
    /// Writes cut short.
    pub torn: Vec<Torn>,
    /// Records that were durable and are not whole any more.
    pub damage: Vec<Damage>,
    /// Bytes in unused space.
    pub stray: Vec<Stray>,
    /// What repairs gave up; the journal is intact all the same.
    pub repaired: Vec<Repaired>,
}

impl Report {
    /// Whether nothing at all is wrong.
    pub fn is_intact(&self) -> bool {
        self.torn.is_empty() && self.damage.is_empty() && self.stray.is_empty()
    }

    fn of(scan: Scan) -> Self {
        Self {
            segments: scan.segments,
            batches: scan.batches,
            records: scan.records,
            bytes: scan.bytes,
            tip: scan.digest.map(|digest| ChainPoint {
                seq: scan.last_seq,
                digest,
            }),
            time_ms: scan.time_ms,
            wall_ms: scan.label.unwrap_or_default().at(scan.time_ms),
            torn: scan.torn,
            damage: scan.damage,
            stray: scan.stray,
            repaired: scan.repaired,
        }
    }
}

/// Checks every byte of the journal; `progress` gets segments done and in all.
pub fn verify<D: Disk>(
    disk: &mut D,
    mut progress: impl FnMut(usize, usize),
) -> Result<Report, ScanError> {
    let plan = Plan {
        past_damage: true,
        ..Plan::default()
    };
    let scan = scan(disk, &plan, &mut |step| {
        if let Step::Segment { done, total } = step {
            progress(done, total);
        }
    })?;
    Ok(Report::of(scan))
}

/// Visits the records from number `first` to number `last`, in order. The report covers the
/// segments that were read for it.
pub fn read<D: Disk>(
    disk: &mut D,
    first: u64,
    last: u64,
    mut visit: impl FnMut(Record<'_>),
) -> Result<Report, ScanError> {
    let plan = Plan {
        after_seq: first.saturating_sub(1),
        past_damage: true,
        until_seq: Some(last),
        ..Plan::default()
    };
    let scan = scan(disk, &plan, &mut |step| {
        if let Step::Record(record) = step
            && record.seq <= last
        {
            visit(record);
        }
    })?;
    Ok(Report::of(scan))
}

/// Visits the records behind `after`, a point known to be on the chain, up to the end of the batch
/// that holds the durable record `last`, in order. Reading ends at damage behind `after`;
/// [`Report::tip`] is where it ended.
///
/// # Errors
/// [`ScanError::Forked`] or [`ScanError::Behind`] when `after` is not on this journal's chain.
pub fn follow<D: Disk>(
    disk: &mut D,
    after: Option<ChainPoint>,
    last: u64,
    mut visit: impl FnMut(Record<'_>),
) -> Result<Report, ScanError> {
    let plan = Plan {
        after_seq: after.map_or(0, |after| after.seq),
        after_digest: after.map(|after| after.digest),
        past_damage: false,
        until_seq: Some(last),
    };
    let scan = scan(disk, &plan, &mut |step| {
        if let Step::Record(record) = step {
            visit(record);
        }
    })?;
    Ok(Report::of(scan))
}
