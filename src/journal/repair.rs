//! Cutting a journal where it is damaged, so that it can be written again.
//!
//! A repair keeps what a start replays today, all whole batches before the damage, and gives up
//! everything behind: sound records behind a hole were decided on what is in the hole. Nothing is
//! thrown away that was not copied first ([`copy_away`]). Cutting goes from the end to the damage,
//! so that a repair that is cut short leaves the same damage for the next one. Nothing here
//! decides to do it.

use super::base::{Base, base};
use super::chain::ChainPoint;
use super::disk::{Disk, DiskError};
use super::finding::{Damage, ScanError};
use super::limits::DEFAULT_SEGMENT_BYTES;
use super::record::{Kind, repaired_payload};
use super::scan::{Found, Plan, Scan, Tail, read_segment, scan, survey};
use super::search::written_end;
use super::segment::{draft_name, segment_name};
use super::writer::{CommitError, Journal};

/// What a repair would give up.
#[derive(Debug)]
pub struct Loss {
    /// Where the journal is damaged; `None` when it ends too early for a snapshot.
    pub damage: Option<Damage>,
    /// The last record that is kept.
    pub kept: u64,
    /// The last record that is known to have been there.
    pub last: u64,
    /// Bytes given up, unused space aside.
    pub bytes: u64,
    /// The files that are changed or removed, in order.
    pub files: Vec<String>,
    /// The newest of the points handed in that is kept.
    pub after: Option<ChainPoint>,
    tail: Option<Tail>,
}

/// What a repair of the journal on `disk` would give up; `None` when a start finds it sound.
/// `points` are those of the sound snapshots, newest first.
///
/// # Errors
/// When the disk fails or the journal is a newer program's.
pub fn loss<D: Disk>(disk: &mut D, points: &[ChainPoint]) -> Result<Option<Loss>, ScanError> {
    let begins = begins(disk)?.map(|base| base.snapshot.head.point);
    let starts = points.iter().copied().map(Some).chain([begins]);
    for (passed, after) in starts.enumerate() {
        let plan = Plan {
            after_seq: after.map_or(0, |after| after.seq),
            after_digest: after.map(|after| after.digest),
            ..Plan::default()
        };
        let kept = match scan(disk, &plan, &mut |_| ()) {
            // A snapshot of what the journal does not have, or not any more.
            Err(ScanError::Behind { .. } | ScanError::Forked { .. } | ScanError::Pruned { .. }) => {
                continue;
            }
            kept => kept?,
        };
        if kept.damage.is_empty() && passed == 0 {
            return Ok(None);
        }
        if kept.last_seq >= plan.after_seq {
            let newest = points.first().map_or(0, |point| point.seq);
            return weigh(disk, &kept, after, newest).map(Some);
        }
    }
    Ok(None)
}

/// The base there is, if it is of use.
fn begins<D: Disk>(disk: &mut D) -> Result<Option<Base>, ScanError> {
    match base(disk) {
        Err(ScanError::NoBase { .. }) => Ok(None),
        begins => begins,
    }
}

fn weigh<D: Disk>(
    disk: &mut D,
    kept: &Scan,
    after: Option<ChainPoint>,
    newest: u64,
) -> Result<Loss, ScanError> {
    let damage = kept.damage.first().copied();
    let mut loss = Loss {
        damage,
        kept: kept.last_seq,
        last: newest.max(kept.last_seq),
        bytes: 0,
        files: Vec::new(),
        after,
        tail: kept.tail,
    };
    let Some(damage) = damage else {
        return Ok(loss);
    };
    let mut bytes = Vec::new();
    for segment in survey(disk)? {
        let written = match read_segment(disk, &segment, &mut bytes)? {
            true => written_end(&bytes),
            false => segment.len,
        };
        let keeps = keeps(kept.tail, damage, &segment);
        if keeps >= written && keeps > 0 {
            continue;
        }
        loss.bytes += (written - keeps.min(written)) as u64;
        loss.files.push(segment.name());
    }
    let plan = Plan {
        after_seq: kept.last_seq,
        past_damage: true,
        ..Plan::default()
    };
    let behind = scan(disk, &plan, &mut |_| ())?;
    let known = behind.damage.iter().filter_map(|one| one.resumes_at).max();
    loss.last = loss.last.max(behind.last_seq).max(known.unwrap_or(0));
    loss.last = loss.last.max(damage.seq);
    Ok(loss)
}

/// How many bytes of a segment are kept.
fn keeps(tail: Option<Tail>, damage: Damage, segment: &Found) -> usize {
    match tail {
        Some(tail) if segment.index == tail.header.index => tail.end,
        Some(tail) if segment.index < tail.header.index => usize::MAX,
        None if segment.index < damage.segment => usize::MAX,
        _ => 0,
    }
}

/// Copies files of one disk to another, whole and synced; folders in names are left out.
///
/// # Errors
/// When either disk fails; nothing of `from` was changed.
pub fn copy_away<D: Disk, E: Disk>(
    from: &mut D,
    to: &mut E,
    names: &[String],
) -> Result<(), DiskError> {
    const PART_BYTES: usize = 1 << 20;
    for entry in from.list()? {
        if !names.contains(&entry.name) {
            continue;
        }
        let copy = entry.name.rsplit('/').next().unwrap_or_default();
        to.create(copy, entry.len)?;
        let mut part = vec![0; PART_BYTES];
        let mut at = 0;
        while at < entry.len {
            let step = usize::try_from(entry.len - at).unwrap_or(PART_BYTES);
            let part = part.get_mut(..step.min(PART_BYTES)).unwrap_or_default();
            from.read_at(&entry.name, at, part)?;
            to.write_at(copy, at, part)?;
            at += part.len() as u64;
        }
        to.sync(copy)?;
    }
    Ok(())
}

/// Removes from the journal on `disk` what `loss` says, last things first. What was written of the
/// last segment that is kept takes its place in one step. A base keeps its segment, blank if
/// nothing of it is kept.
///
/// # Errors
/// When the disk fails; what is left has the same damage or ends at it.
pub fn cut<D: Disk>(disk: &mut D, loss: &Loss) -> Result<(), ScanError> {
    let found = survey(disk)?;
    let tail = loss.tail.filter(|_| loss.damage.is_some());
    for segment in found.iter().rev() {
        let name = segment.name();
        if !loss.files.contains(&name) {
            continue;
        }
        match tail.filter(|tail| tail.header.index == segment.index) {
            Some(tail) => shorten(disk, segment, &tail)?,
            None => disk.remove(&name)?,
        }
    }
    let begins = begins(disk)?.filter(|_| tail.is_none() && loss.damage.is_some());
    if let Some(base) = begins {
        put(disk, base.segment, DEFAULT_SEGMENT_BYTES as u64, &[])?;
    }
    Ok(())
}

fn shorten<D: Disk>(disk: &mut D, segment: &Found, tail: &Tail) -> Result<(), ScanError> {
    let mut bytes = Vec::new();
    read_segment(disk, segment, &mut bytes)?;
    bytes.truncate(tail.end);
    put(disk, segment.index, tail.header.size, &bytes)?;
    if segment.is_cold {
        disk.remove(&segment.name())?;
    }
    Ok(())
}

/// Puts a segment of `size` bytes in its place, the first of them `bytes`.
fn put<D: Disk>(disk: &mut D, index: u32, size: u64, bytes: &[u8]) -> Result<(), DiskError> {
    let draft = draft_name(index);
    if disk.list()?.iter().any(|entry| entry.name == draft) {
        disk.remove(&draft)?;
    }
    disk.create(&draft, size)?;
    disk.write_at(&draft, 0, bytes)?;
    disk.sync(&draft)?;
    disk.rename(&draft, &segment_name(index))
}

/// Journals that a repair gave records up, once the cut journal is open again.
///
/// # Errors
/// Like any commit.
pub fn note_repair<D: Disk>(
    journal: &mut Journal<D>,
    time_ms: u64,
    loss: &Loss,
) -> Result<u64, CommitError> {
    let payload = repaired_payload(loss.kept + 1, loss.last, loss.bytes);
    // It fits an empty batch, and its time is that of the opening before.
    let pushed = journal.push(Kind::REPAIRED, time_ms, &payload);
    debug_assert!(pushed.is_ok(), "{pushed:?}");
    journal.commit()
}
