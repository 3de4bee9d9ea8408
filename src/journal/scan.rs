//! A walk over the segments: what it is asked for, what it found, which files it reads.
//!
//! ```text
//!  segment 1        segment 2 (last used)       segment 3 (spare)
//!  H RRR RR R 0000  H RR RRR R xxxxxxxx 00000   0000000000000000
//!  \- whole -----------------/ \- torn: bytes behind the last whole batch, none of a later one
//! ```
//!
//! One walk serves opening, `verify`, `show` and `export`. It reads into memory what is written of
//! one segment at a time, hands out whole batches only, and changes nothing on the disk.

use std::io;

use super::base::{Base, base_of};
use super::chain::{Digest, WallLabel};
use super::cold::{PEEK_BYTES, cold_found, cold_index, cold_name, read_cold};
use super::disk::{Disk, DiskError};
use super::finding::{Damage, Repaired, ScanError, Stray, Torn};
use super::limits::{MAX_BATCH_BYTES, MAX_SEGMENT_BYTES};
use super::record::Record;
use super::search::is_blank;
use super::segment::{HEADER_BYTES, Header, NoHeader, segment_index, segment_name};
use super::walk::Walk;

/// How much of a segment is read at once.
const PART_BYTES: usize = 256 << 10;

/// What to walk; the default is everything up to the first damage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// Start with the segment that holds this record; hand out only later ones.
    pub(super) after_seq: u64,
    /// The digest that record must have; it vouches for whatever is damaged before it.
    pub(super) after_digest: Option<Digest>,
    /// Go on behind damage where the records are sound again.
    pub(super) past_damage: bool,
    /// Stop once this record was handed out.
    pub(super) until_seq: Option<u64>,
}

/// What a walk hands out on its way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// It begins the segment behind `done` of `total`.
    Segment { done: usize, total: usize },
    /// A record of a whole batch.
    Record(Record<'a>),
}

/// What a walk found.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    pub(super) segments: u64,
    pub(super) batches: u64,
    /// Records in whole batches, handed out or not.
    pub(super) records: u64,
    /// Bytes of whole batches.
    pub(super) bytes: u64,
    /// The last whole record; 0 when there is none.
    pub(super) last_seq: u64,
    /// Its digest; `None` behind damage.
    pub(super) digest: Option<Digest>,
    /// Its engine time.
    pub(super) time_ms: u64,
    pub(super) label: Option<WallLabel>,
    pub(super) tail: Option<Tail>,
    pub(super) spare: Option<Spare>,
    /// The first segment there is or will be: 1, or the base's.
    pub(super) first_index: u32,
    pub(super) torn: Vec<Torn>,
    pub(super) damage: Vec<Damage>,
    /// Damage before the point the caller starts from.
    pub(super) covered: Vec<Damage>,
    pub(super) stray: Vec<Stray>,
    pub(super) repaired: Vec<Repaired>,
}

/// The last used segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) header: Header,
    /// Where its last whole batch starts; 0, with the header, if that is its first.
    pub(super) last_batch_at: usize,
    /// Where the next batch goes.
    pub(super) end: usize,
}

/// The blank segment behind the last used one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spare {
    pub(super) index: u32,
    pub(super) len: u64,
}

/// Walks the journal on `disk` as `plan` says.
pub(super) fn scan<D: Disk>(
    disk: &mut D,
    plan: &Plan,
    step: &mut dyn FnMut(Step<'_>),
) -> Result<Scan, ScanError> {
    let mut found = survey(disk)?;
    let (base, baseless) = match base_of(disk, &found) {
        Err(ScanError::NoBase { segment, .. }) => (None, Some(segment)),
        base => (base?, None),
    };
    let scan = begin(base.as_ref(), plan)?;
    // Those before the base are what a prune that was cut short left.
    found.retain(|segment| segment.index >= scan.first_index);
    let start = start_of(&found, plan.after_seq);
    let mut walk = Walk {
        plan,
        step,
        next_index: scan.first_index,
        scan,
    };
    if let Some((_, header)) = start {
        // The segments before are not read: the caller's digest vouches for them.
        walk.scan.last_seq = header.first_seq.saturating_sub(1);
        walk.scan.digest = Some(header.prev);
        walk.next_index = header.index;
    } else if let Some(segment) = baseless {
        walk.baseless(segment, found.first());
    } else if base.is_some() && found.is_empty() {
        walk.ends_at_base();
    }
    if walk.is_over() {
        return Ok(walk.scan);
    }
    let first = start.map_or(0, |(at, _)| at);
    let mut bytes = Vec::new();
    for (at, segment) in found.iter().enumerate().skip(first) {
        (walk.step)(Step::Segment {
            done: at - first,
            total: found.len() - first,
        });
        if !read_segment(disk, segment, &mut bytes)? {
            walk.cold_damaged(segment, found.get(at + 1));
            if walk.is_over() {
                break;
            }
            continue;
        }
        // Decoded again: a daemon may have begun the segment since it was listed.
        let header = bytes.first_chunk().map_or(segment.header, Header::decode);
        let segment = Found { header, ..*segment };
        walk.segment(&segment, &bytes, found.get(at + 1..).unwrap_or_default())?;
        if walk.is_over() {
            break;
        }
    }
    let scan = walk.scan;
    if scan.last_seq < plan.after_seq && plan.after_digest.is_some() && scan.damage.is_empty() {
        return Err(ScanError::Behind {
            last_seq: scan.last_seq,
            after_seq: plan.after_seq,
        });
    }
    Ok(scan)
}

/// Before the first record there is: nothing, or what the base says.
fn begin(base: Option<&Base>, plan: &Plan) -> Result<Scan, ScanError> {
    let Some(base) = base else {
        return Ok(Scan {
            digest: Some(Digest::default()),
            first_index: 1,
            ..Scan::default()
        });
    };
    let head = base.snapshot.head;
    let (after_seq, base_seq) = (plan.after_seq, head.point.seq);
    // Whoever replays must have what was before; whoever only reads need not.
    if !plan.past_damage && after_seq < base_seq {
        return Err(ScanError::Pruned {
            after_seq,
            base_seq,
        });
    }
    let other = |digest| digest != head.point.digest;
    if after_seq == base_seq && plan.after_digest.is_some_and(other) {
        return Err(ScanError::Forked { after_seq });
    }
    let (time_ms, wall_ms) = (head.time_ms, head.wall_ms);
    Ok(Scan {
        last_seq: base_seq,
        digest: Some(head.point.digest),
        time_ms,
        label: Some(WallLabel { time_ms, wall_ms }),
        first_index: base.segment,
        ..Scan::default()
    })
}

/// Reads a segment wherever it is; false when it is compressed and changed since.
pub(super) fn read_segment<D: Disk>(
    disk: &mut D,
    segment: &Found,
    bytes: &mut Vec<u8>,
) -> Result<bool, ScanError> {
    if !segment.is_cold {
        match read_written(disk, segment, bytes) {
            // A daemon may have compressed it since it was listed.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
            read => return Ok(read.map(|()| true)?),
        }
    }
    let Some(cold) = read_cold(disk, &cold_name(segment.index))? else {
        return Ok(false);
    };
    *bytes = cold.bytes;
    let padded = bytes.len().saturating_add(MAX_BATCH_BYTES);
    bytes.resize(padded.min(segment.len), 0);
    Ok(true)
}

/// Reads what is written of a segment, and as many zeros behind it as its last record may end
/// with: a segment is as long as it may become, and nobody needs its blank rest in memory.
pub(super) fn read_written<D: Disk>(
    disk: &mut D,
    segment: &Found,
    bytes: &mut Vec<u8>,
) -> Result<(), DiskError> {
    let name = segment_name(segment.index);
    let mut buffer = vec![0; PART_BYTES.min(segment.len)];
    let (mut at, mut end) = (0usize, 0usize);
    bytes.clear();
    while at < segment.len {
        let left = segment.len - at;
        let part = buffer.get_mut(..left.min(PART_BYTES)).unwrap_or_default();
        disk.read_at(&name, at as u64, part)?;
        at += part.len();
        if !is_blank(part) {
            bytes.resize(at - part.len(), 0);
            bytes.extend_from_slice(part);
            end = at;
        }
    }
    bytes.resize(end.saturating_add(MAX_BATCH_BYTES).min(segment.len), 0);
    Ok(())
}

/// A segment file and its header.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) index: u32,
    pub(super) len: usize,
    pub(super) header: Result<Header, NoHeader>,
    /// Whether it is there compressed only.
    pub(super) is_cold: bool,
}

impl Found {
    /// The file it is in.
    pub(super) fn name(&self) -> String {
        match self.is_cold {
            true => cold_name(self.index),
            false => segment_name(self.index),
        }
    }
}

/// All segment files in order, with their headers.
pub(super) fn survey<D: Disk>(disk: &mut D) -> Result<Vec<Found>, ScanError> {
    let mut found = Vec::new();
    for entry in disk.list()? {
        if let Some(index) = cold_index(&entry.name) {
            let mut start = [0; PEEK_BYTES];
            let len = usize::try_from(entry.len).unwrap_or(PEEK_BYTES);
            let there = start.get_mut(..len.min(PEEK_BYTES)).unwrap_or_default();
            disk.read_at(&entry.name, 0, there)?;
            found.push(cold_found(index, &start)?);
            continue;
        }
        let Some(index) = segment_index(&entry.name) else {
            continue;
        };
        let len = usize::try_from(entry.len).unwrap_or(usize::MAX);
        if len > MAX_SEGMENT_BYTES {
            return Err(ScanError::TooLarge {
                index,
                bytes: entry.len,
            });
        }
        let mut header = [0; HEADER_BYTES];
        let there = header.get_mut(..len.min(HEADER_BYTES)).unwrap_or_default();
        disk.read_at(&entry.name, 0, there)?;
        let header = Header::decode(&header);
        match header {
            Err(NoHeader::Newer { version }) => {
                return Err(ScanError::NewerFormat { index, version });
            }
            Err(NoHeader::UnknownHash { code }) => {
                return Err(ScanError::UnknownHash { index, code });
            }
            _ => found.push(Found {
                index,
                len,
                header,
                is_cold: false,
            }),
        }
    }
    // Of a segment that is there in both forms, itself.
    found.sort_by_key(|segment| (segment.index, segment.is_cold));
    found.dedup_by_key(|segment| segment.index);
    Ok(found)
}

/// The segment that holds the record `after_seq`, unless that is to be the first of all.
fn start_of(found: &[Found], after_seq: u64) -> Option<(usize, Header)> {
    let headers = found
        .iter()
        .enumerate()
        .filter_map(|(at, f)| Some((at, f.header.ok()?)));
    headers
        .rev()
        .find(|(_, header)| header.first_seq <= after_seq)
}
