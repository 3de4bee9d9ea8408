//! Bases: what the journal came to before a segment, for when the segments before it are removed.
//!
//! `base-00000007.snap` is laid out like a snapshot and is the state before segment 7, at the
//! record and digest that segment's header continues. Unlike a snapshot it cannot be made again,
//! so what is in it must be readable by every later version; that is its owner's to see to. It is
//! durable under its name before any segment is removed; what still lies before it then is not
//! read any more. Of several the newest sound one counts.

use super::disk::Disk;
use super::finding::ScanError;
use super::scan::{Found, survey};
use super::snapshot::{Snapshot, SnapshotError, SnapshotHead, read_sealed, write_sealed};

const DRAFT: &str = "base.new";

/// What the journal begins at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The first segment behind it.
    pub segment: u32,
    /// The state there.
    pub snapshot: Snapshot,
}

/// Name of the base before the segment `index`.
pub fn base_name(index: u32) -> String {
    format!("base-{index:08}.snap")
}

/// The segment in a base's name; `None` for any other file.
pub(super) fn base_index(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("base-")?.strip_suffix(".snap")?;
    let index = digits.parse().ok()?;
    (index > 1 && base_name(index) == name).then_some(index)
}

/// The base that the journal on `disk` begins at; `None` when it begins at its first record.
///
/// # Errors
/// [`ScanError::NoBase`] when it begins later and there is no sound base.
pub fn base<D: Disk>(disk: &mut D) -> Result<Option<Base>, ScanError> {
    let found = survey(disk)?;
    base_of(disk, &found)
}

/// The same, when the segments are known.
pub(super) fn base_of<D: Disk>(disk: &mut D, found: &[Found]) -> Result<Option<Base>, ScanError> {
    let entries = disk.list()?.into_iter();
    let mut bases: Vec<_> = entries
        .filter_map(|entry| Some((base_index(&entry.name)?, entry)))
        .collect();
    bases.sort_by_key(|(segment, _)| std::cmp::Reverse(*segment));
    for (segment, entry) in bases {
        match read_sealed(disk, &entry.name, entry.len) {
            Ok(snapshot) => return Ok(Some(Base { segment, snapshot })),
            Err(SnapshotError::Damaged { .. }) => {}
            Err(SnapshotError::Disk(error)) => return Err(error.into()),
            Err(SnapshotError::Newer { name, version }) => {
                return Err(ScanError::NewerBase { name, version });
            }
        }
    }
    match found.first() {
        Some(first) if first.index > 1 => Err(no_base(first.index)),
        _ => Ok(None),
    }
}

/// The journal begins at that segment, and there is no base for it.
pub(super) fn no_base(segment: u32) -> ScanError {
    let name = base_name(segment);
    ScanError::NoBase { segment, name }
}

/// Makes the base before a segment durable, and reads it back; its length in bytes.
///
/// # Errors
/// When the disk fails or does not give back what was written; nothing was removed.
pub fn write_base<D: Disk>(
    disk: &mut D,
    segment: u32,
    head: &SnapshotHead,
    payload: &[u8],
) -> Result<u64, SnapshotError> {
    let name = base_name(segment);
    let length = payload.len() as u64;
    let bytes = write_sealed(disk, (DRAFT, &name), head, length, |put| put(payload))?;
    let back = read_sealed(disk, &name, bytes)?;
    match back.head == *head && back.payload == payload {
        true => Ok(bytes),
        false => Err(SnapshotError::Damaged { name }),
    }
}
