//! Snapshots: what the journal came to at a record, so that a start replays only what is behind.
//!
//! `snapshot-00000000000000001234.snap` is complete or not there: it is written under another
//! name, synced, and renamed. The last two are kept. What is in it is opaque here.
//!
//! | offset | bytes | field   | meaning                                                         |
//! |-------:|------:|---------|-----------------------------------------------------------------|
//! |      0 |     4 | magic   | `TQS1`                                                          |
//! |      4 |     2 | version | version of this header, 1                                       |
//! |      6 |     2 | format  | layout of the payload, its owner's                              |
//! |      8 |     8 | seq     | the last record in it, the end of a batch                       |
//! |     16 |    32 | digest  | digest of that record                                           |
//! |     48 |     8 | time    | engine time of that record, ms                                  |
//! |     56 |     8 | wall    | wall label of that moment, UTC ms since 1970                    |
//! |     64 |     8 | length  | payload bytes                                                   |
//! |     72 |     n | payload |                                                                 |
//! | 72 + n |     4 | crc     | CRC32C of everything before                                     |
//!
//! All integers are little-endian. Nothing here decides when a snapshot is made.

use serde::Serialize;
use std::io;

use super::chain::ChainPoint;
use super::disk::{Disk, DiskError};
use super::record::{Checksum, checksum};

/// Largest snapshot read or written: 1 GiB, more than ten times a province.
pub const MAX_SNAPSHOT_BYTES: u64 = 1 << 30;
/// Snapshots kept; the older one is for the case that the newer is damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

const MAGIC: [u8; 4] = *b"TQS1";
const VERSION: u16 = 1;
const HEAD: usize = 72;
const CRC: usize = 4;
const DRAFT: &str = "snapshot.new";
/// Bytes of one write.
const PIECE: usize = 64 * 1024;

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// Layout of the payload.
    pub format: u16,
    /// The record it was taken behind.
    pub point: ChainPoint,
    /// Engine time of that record, ms.
    pub time_ms: u64,
    /// Its wall label, UTC ms since 1970.
    pub wall_ms: i64,
}

/// A sound snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it says of itself.
    pub head: SnapshotHead,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A snapshot file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotFile {
    /// Its name.
    pub name: String,
    /// The record its name says it was taken behind.
    pub seq: u64,
    /// Its length.
    pub bytes: u64,
}

/// Why a snapshot is not used; the journal before it is.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It could not be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its bytes changed, or are not all there.
    #[error("failed to read {name}: it is damaged")]
    Damaged {
        /// Its name.
        name: String,
    },
    /// It was written by a newer program.
    #[error("failed to read {name}: its version {version} is newer than this program's")]
    Newer {
        /// Its name.
        name: String,
        /// Its header's version.
        version: u16,
    },
}

/// The snapshots on `disk`, newest first.
pub fn snapshots<D: Disk>(disk: &mut D) -> Result<Vec<SnapshotFile>, DiskError> {
    let mut found: Vec<_> = disk
        .list()?
        .into_iter()
        .filter_map(|entry| {
            let seq = seq_of(&entry.name)?;
            let (name, bytes) = (entry.name, entry.len);
            Some(SnapshotFile { name, seq, bytes })
        })
        .collect();
    found.sort_by_key(|file| std::cmp::Reverse(file.seq));
    Ok(found)
}

/// Reads a snapshot and checks every bit of it.
pub fn read_snapshot<D: Disk>(
    disk: &mut D,
    file: &SnapshotFile,
) -> Result<Snapshot, SnapshotError> {
    let snapshot = read_sealed(disk, &file.name, file.bytes)?;
    if snapshot.head.point.seq != file.seq {
        let name = file.name.clone();
        return Err(SnapshotError::Damaged { name });
    }
    Ok(snapshot)
}

/// Reads a file laid out like a snapshot, of so many bytes.
pub(super) fn read_sealed<D: Disk>(
    disk: &mut D,
    name: &str,
    bytes: u64,
) -> Result<Snapshot, SnapshotError> {
    let name = name.to_owned();
    if bytes > MAX_SNAPSHOT_BYTES {
        return Err(SnapshotError::Damaged { name });
    }
    let mut bytes = vec![0; usize::try_from(bytes).unwrap_or(0)];
    disk.read_at(&name, 0, &mut bytes)?;
    let Some((head, length)) = decode(&bytes) else {
        return Err(SnapshotError::Damaged { name });
    };
    let head = head.map_err(|version| SnapshotError::Newer {
        name: name.clone(),
        version,
    })?;
    if length != bytes.len() - HEAD - CRC {
        return Err(SnapshotError::Damaged { name });
    }
    // In its place: a province's is tens of megabytes, and a copy would be as much again.
    bytes.truncate(HEAD + length);
    bytes.drain(..HEAD);
    let payload = bytes;
    Ok(Snapshot { head, payload })
}

/// Takes the next bytes of a payload.
pub type Sink<'s> = &'s mut dyn FnMut(&[u8]);

/// Writes a snapshot whose payload of `length` bytes `fill` hands over in pieces, and removes all
/// but the last two; its length in bytes. At no time are more than 64 KiB of it in memory.
///
/// # Errors
/// When the disk says no, or `fill` gives another number of bytes.
pub fn write_snapshot<D: Disk>(
    disk: &mut D,
    head: &SnapshotHead,
    length: u64,
    fill: impl FnOnce(Sink<'_>),
) -> Result<u64, DiskError> {
    let bytes = write_sealed(disk, (DRAFT, &name_of(head.point.seq)), head, length, fill)?;
    for old in snapshots(disk)?.into_iter().skip(SNAPSHOTS_KEPT) {
        disk.remove(&old.name)?;
    }
    Ok(bytes)
}

/// Writes a file laid out like a snapshot: as the draft, which takes its name when it is durable.
pub(super) fn write_sealed<D: Disk>(
    disk: &mut D,
    (draft, name): (&str, &str),
    head: &SnapshotHead,
    length: u64,
    fill: impl FnOnce(Sink<'_>),
) -> Result<u64, DiskError> {
    // One that was being written when the power went.
    if disk.list()?.iter().any(|entry| entry.name == draft) {
        disk.remove(draft)?;
    }
    let bytes = (HEAD + CRC) as u64 + length;
    disk.create(draft, bytes)?;
    let mut pieces = Pieces::new(disk, draft);
    pieces.put(&encode_head(head, length));
    fill(&mut |piece| pieces.put(piece));
    let written = pieces.finish()?;
    if written != bytes {
        let odd = io::Error::other(format!("{written} bytes, not {bytes}"));
        return Err(DiskError::new("write", draft, odd));
    }
    disk.sync(draft)?;
    disk.rename(draft, name)?;
    Ok(bytes)
}

/// The draft while it is written: the piece at hand, and the checksum of those before it.
struct Pieces<'d, D> {
    disk: &'d mut D,
    draft: &'d str,
    written: u64,
    piece: Vec<u8>,
    checksum: Checksum,
    failed: Option<DiskError>,
}

impl<'d, D: Disk> Pieces<'d, D> {
    fn new(disk: &'d mut D, draft: &'d str) -> Self {
        Self {
            disk,
            draft,
            written: 0,
            piece: Vec::with_capacity(PIECE),
            checksum: Checksum::new(),
            failed: None,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.piece.len() + bytes.len() > PIECE {
            self.checksum.add(&self.piece);
            self.write();
        }
        self.piece.extend_from_slice(bytes);
    }

    fn write(&mut self) {
        if self.failed.is_none() {
            let done = self.disk.write_at(self.draft, self.written, &self.piece);
            self.failed = done.err();
        }
        self.written += self.piece.len() as u64;
        self.piece.clear();
    }

    /// Writes the last piece and the checksum; how many bytes that makes.
    fn finish(mut self) -> Result<u64, DiskError> {
        self.checksum.add(&self.piece);
        let crc = self.checksum.value();
        self.piece.extend_from_slice(&crc.to_le_bytes());
        self.write();
        self.failed.map_or(Ok(self.written), Err)
    }
}

fn encode_head(head: &SnapshotHead, length: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&head.format.to_le_bytes());
    out.extend_from_slice(&head.point.seq.to_le_bytes());
    out.extend_from_slice(&head.point.digest);
    out.extend_from_slice(&head.time_ms.to_le_bytes());
    out.extend_from_slice(&head.wall_ms.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out
}

/// Head and payload length, or the version when that is newer; nothing when a bit is wrong.
fn decode(bytes: &[u8]) -> Option<(Result<SnapshotHead, u16>, usize)> {
    let (body, crc) = bytes.split_last_chunk::<CRC>()?;
    if checksum(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (magic, rest) = body.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let version = u16::from_le_bytes(*version);
    if *magic != MAGIC {
        return None;
    }
    if version > VERSION {
        return Some((Err(version), 0));
    }
    let (format, rest) = rest.split_first_chunk()?;
    let (seq, rest) = rest.split_first_chunk()?;
    let (digest, rest) = rest.split_first_chunk()?;
    let (time_ms, rest) = rest.split_first_chunk()?;
    let (wall_ms, rest) = rest.split_first_chunk()?;
    let (length, _) = rest.split_first_chunk()?;
    let head = SnapshotHead {
        format: u16::from_le_bytes(*format),
        point: ChainPoint {
            seq: u64::from_le_bytes(*seq),
            digest: *digest,
        },
        time_ms: u64::from_le_bytes(*time_ms),
        wall_ms: i64::from_le_bytes(*wall_ms),
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    Some((Ok(head), length))
}

fn name_of(seq: u64) -> String {
    format!("snapshot-{seq:020}.snap")
}

fn seq_of(name: &str) -> Option<u64> {
    let seq = name.strip_prefix("snapshot-")?.strip_suffix(".snap")?;
    let seq = seq.parse().ok()?;
    (name_of(seq) == name).then_some(seq)
}
