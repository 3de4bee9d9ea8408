//! Old segments, compressed: `cold/journal-00000001.cold`, read wherever the segment was.
//!
//! | offset  | bytes | field   | meaning                                                        |
//! |--------:|------:|---------|----------------------------------------------------------------|
//! |       0 |     4 | magic   | `TQC1`                                                         |
//! |       4 |     2 | version | format version, 1                                              |
//! |       6 |     2 | -       | zero                                                           |
//! |       8 |     8 | length  | bytes of the segment                                           |
//! |      16 |   128 | header  | the segment's own, as it is                                    |
//! |     144 |     n | packed  | DEFLATE (RFC 1951) of what is written of it behind the header  |
//! | 144 + n |     4 | crc     | CRC32C of everything before                                    |
//!
//! All integers are little-endian. The chain runs through the segment's own bytes, so compressing
//! changes nothing of it. The way there can be cut at any step: the file takes its name when it is
//! whole and durable, and the segment goes when the file was read back and is the same. Until
//! then both are there, and the segment itself is read.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::disk::{Disk, DiskError};
use super::finding::ScanError;
use super::limits::MAX_SEGMENT_BYTES;
use super::record::checksum;
use super::scan::{Found, read_written, survey};
use super::search::written_end;
use super::segment::{HEADER_BYTES, Header, segment_name};

/// The folder of compressed segments in a data directory.
pub const COLD_DIR: &str = "cold";

const MAGIC: [u8; 4] = *b"TQC1";
const VERSION: u16 = 1;
const PREFIX: usize = 16;
/// Where the packed bytes start.
const HEAD: usize = PREFIX + HEADER_BYTES;
const CRC: usize = 4;
const DRAFT: &str = "cold/segment.new";

/// Name of the compressed segment `index`.
pub fn cold_name(index: u32) -> String {
    format!("{COLD_DIR}/journal-{index:08}.cold")
}

/// The index in a compressed segment's name; `None` for any other file.
pub(super) fn cold_index(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("cold/journal-")?.strip_suffix(".cold")?;
    let index = digits.parse().ok()?;
    (index > 0 && cold_name(index) == name).then_some(index)
}

/// Compresses the oldest segment that lies wholly at or before the record `behind` and has a used
/// one after it; its index, or `None` when there is none.
///
/// # Errors
/// When the disk fails; both forms of the segment, or the segment alone, are there then.
pub fn cool<D: Disk>(disk: &mut D, behind: u64) -> Result<Option<u32>, ScanError> {
    let found = survey(disk)?;
    let is_old = |next: &Found| {
        next.header
            .is_ok_and(|h| h.first_seq <= behind.saturating_add(1))
    };
    let oldest = found.windows(2).find_map(|pair| match pair {
        [one, next] if !one.is_cold && one.header.is_ok() && is_old(next) => Some(*one),
        _ => None,
    });
    let Some(segment) = oldest else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    read_written(disk, &segment, &mut bytes)?;
    bytes.truncate(written_end(&bytes).max(HEADER_BYTES));
    let (raw, cold) = (segment_name(segment.index), cold_name(segment.index));
    let same = |kept: &Cold| kept.len == segment.len as u64 && kept.bytes == bytes;
    if !read_cold(disk, &cold).is_ok_and(|kept| kept.as_ref().is_some_and(same)) {
        let packed = pack(segment.len as u64, &bytes)
            .map_err(|source| DiskError::new("compress", &raw, source))?;
        put(disk, &cold, &packed)?;
    }
    // What it will be read as from now on, before the only other copy goes.
    if !read_cold(disk, &cold)?.as_ref().is_some_and(same) {
        let source = io::ErrorKind::InvalidData.into();
        return Err(DiskError::new("compress", &raw, source).into());
    }
    disk.remove(&raw)?;
    Ok(Some(segment.index))
}

/// Makes the segment `index` writable again where it is compressed: everything behind it is gone.
pub(super) fn thaw<D: Disk>(disk: &mut D, index: u32) -> Result<(), DiskError> {
    let (raw, cold) = (segment_name(index), cold_name(index));
    if disk.list()?.iter().any(|entry| entry.name == raw) {
        return Ok(());
    }
    let Some(mut kept) = read_cold(disk, &cold)? else {
        return Ok(());
    };
    kept.bytes.resize(usize::try_from(kept.len).unwrap_or(0), 0);
    put(disk, &raw, &kept.bytes)?;
    disk.remove(&cold)
}

/// Puts a file there as a whole, under its name once it is durable.
fn put<D: Disk>(disk: &mut D, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
    // One that was being written when the power went.
    if disk.list()?.iter().any(|entry| entry.name == DRAFT) {
        disk.remove(DRAFT)?;
    }
    disk.create(DRAFT, bytes.len() as u64)?;
    disk.write_at(DRAFT, 0, bytes)?;
    disk.sync(DRAFT)?;
    disk.rename(DRAFT, name)
}

/// A compressed segment, unpacked.
pub(super) struct Cold {
    /// Length of the segment.
    pub(super) len: u64,
    /// What is written of it.
    pub(super) bytes: Vec<u8>,
}

/// Reads a compressed segment; `None` when any bit of it changed.
pub(super) fn read_cold<D: Disk>(disk: &mut D, name: &str) -> Result<Option<Cold>, DiskError> {
    let entry = disk.list()?.into_iter().find(|entry| entry.name == name);
    let len = entry.map_or(0, |entry| usize::try_from(entry.len).unwrap_or(usize::MAX));
    if !(HEAD + CRC..=MAX_SEGMENT_BYTES).contains(&len) {
        return Ok(None);
    }
    let mut file = vec![0; len];
    disk.read_at(name, 0, &mut file)?;
    Ok(unpack(&file))
}

/// The length and the header of a segment, from the start of its compressed file; or the version
/// of a program that is newer.
pub(super) fn peek(start: &[u8; HEAD]) -> Option<Result<(u64, [u8; HEADER_BYTES]), u16>> {
    let (prefix, rest) = start.split_first_chunk::<PREFIX>()?;
    let [m0, m1, m2, m3, v0, v1, 0, 0, len @ ..] = *prefix else {
        return None;
    };
    let version = u16::from_le_bytes([v0, v1]);
    match [m0, m1, m2, m3] == MAGIC {
        true if version == VERSION => Some(Ok((u64::from_le_bytes(len), *rest.first_chunk()?))),
        true if version > VERSION => Some(Err(version)),
        _ => None,
    }
}

/// Bytes that [`peek`] looks at.
pub(super) const PEEK_BYTES: usize = HEAD;

fn pack(len: u64, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let (header, written) = bytes.split_at_checked(HEADER_BYTES).unwrap_or_default();
    let mut out = Vec::with_capacity(bytes.len() / 2);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(header);
    let mut encoder = DeflateEncoder::new(out, Compression::fast());
    encoder.write_all(written)?;
    let mut out = encoder.finish()?;
    let crc = checksum(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    Ok(out)
}

fn unpack(file: &[u8]) -> Option<Cold> {
    let (body, crc) = file.split_last_chunk::<CRC>()?;
    if checksum(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (start, packed) = body.split_first_chunk()?;
    let (len, header) = peek(start)?.ok()?;
    let most = (MAX_SEGMENT_BYTES as u64).min(len);
    let mut bytes = header.to_vec();
    // One byte more than may come shows that there is more.
    let mut decoder = DeflateDecoder::new(packed).take(most + 1);
    decoder.read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(Cold { len, bytes })
}

/// Whether the start of a compressed file is of a segment with a sound header.
pub(super) fn cold_found(index: u32, start: &[u8; HEAD]) -> Result<Found, ScanError> {
    let (len, header) = match peek(start) {
        Some(Ok((len, header))) => (len, Header::decode(&header)),
        Some(Err(version)) => return Err(ScanError::NewerFormat { index, version }),
        None => (0, Err(super::segment::NoHeader::Bad)),
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    Ok(Found {
        index,
        len: len.min(MAX_SEGMENT_BYTES),
        header,
        is_cold: true,
    })
}
