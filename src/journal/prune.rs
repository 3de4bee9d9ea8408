//! Removing the journal's oldest segments once a base stands for them.
//!
//! ```text
//!  segment 1  2  3 | 4  5  6        base-00000004.snap is durable: 1 to 3 are not read any more
//!          x  x  x | 4  5  6        removed from the oldest on, then older bases
//! ```
//! Cut short at any step, the journal begins at the new base or, before that is durable, where it
//! began. Nothing here decides what may go, or makes a base.

use super::base::{base, base_index};
use super::chain::ChainPoint;
use super::cold::cold_index;
use super::disk::{Disk, DiskError, Entry};
use super::finding::ScanError;
use super::scan::survey;
use super::segment::segment_index;

/// A used segment of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its index.
    pub index: u32,
    /// The last record before it, and that record's digest.
    pub before: ChainPoint,
}

/// The used segments with a sound header, in order, from the base on.
///
/// # Errors
/// When the disk fails, the journal is a newer program's, or its base is missing.
pub fn segments<D: Disk>(disk: &mut D) -> Result<Vec<SegmentFile>, ScanError> {
    let first = base(disk)?.map_or(1, |base| base.segment);
    let used = survey(disk)?.into_iter().filter_map(|found| {
        let header = found.header.ok()?;
        let before = ChainPoint {
            seq: header.first_seq.saturating_sub(1),
            digest: header.prev,
        };
        let index = found.index;
        (index >= first).then_some(SegmentFile { index, before })
    });
    Ok(used.collect())
}

/// The files of segments before the segment `index`, compressed or not, oldest first, then those
/// of older bases.
///
/// # Errors
/// When the disk fails.
pub fn files_before<D: Disk>(disk: &mut D, index: u32) -> Result<Vec<Entry>, DiskError> {
    let mut files = Vec::new();
    for entry in disk.list()? {
        let segment = segment_index(&entry.name).or_else(|| cold_index(&entry.name));
        let base = base_index(&entry.name);
        if let Some(of) = segment.or(base).filter(|of| *of < index) {
            files.push(((segment.is_none(), of), entry));
        }
    }
    files.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
    Ok(files.into_iter().map(|(_, entry)| entry).collect())
}

/// Removes what lies before the journal's base; how many files.
///
/// # Errors
/// When the disk fails; the next call removes the rest.
pub fn prune<D: Disk>(disk: &mut D) -> Result<u64, ScanError> {
    let Some(base) = base(disk)? else {
        return Ok(0);
    };
    let mut removed = 0;
    for file in files_before(disk, base.segment)? {
        disk.remove(&file.name)?;
        removed += 1;
    }
    Ok(removed)
}
