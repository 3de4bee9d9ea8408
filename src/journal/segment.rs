//! A segment file: its name, its header, its room.
//!
//! `journal-00000001.seg`, `journal-00000002.seg`, ... are files of one size, zero-filled before
//! they are used. The header is written together with the first batch, so a segment is either
//! blank or holds at least one batch. Batches follow from [`FIRST_RECORD_AT`]; none spans two.
//!
//! | offset | bytes | field     | meaning                                                   |
//! |-------:|------:|-----------|-----------------------------------------------------------|
//! |      0 |     4 | magic     | `TQJ1`                                                    |
//! |      4 |     2 | version   | format version, 1                                         |
//! |      6 |     1 | hash      | 1 BLAKE3, 2 SM3                                           |
//! |      7 |     1 | -         | zero                                                      |
//! |      8 |     4 | index     | the number in the file's name                             |
//! |     12 |     4 | -         | zero                                                      |
//! |     16 |     8 | size      | length of the file                                        |
//! |     24 |     8 | first seq | seq of its first record                                   |
//! |     32 |     8 | time      | engine time of its first record, ms                       |
//! |     40 |     8 | wall      | wall label of that moment, UTC ms since 1970              |
//! |     48 |     8 | created   | when the journal was created, UTC ms since 1970           |
//! |     56 |    32 | prev      | digest of the last record before; zeros in the first      |
//! |     88 |    36 | -         | zero                                                      |
//! |    124 |     4 | crc       | CRC32C of offsets 0 to 124                                |
//!
//! All integers are little-endian. The first record's `prev` is H(offsets 0 to 128). Magic,
//! version and the header's CRC stay where they are in every later version, so that a newer
//! journal is told from a broken one. Nothing here reads or writes a disk.

use super::chain::{Digest, HashKind};
use super::record::checksum;

/// Bytes of a segment header.
pub const HEADER_BYTES: usize = 128;
/// Where the records of a segment start; zeros lie between the header and there.
pub const FIRST_RECORD_AT: usize = 4096;
/// The format version this program writes, and the newest it reads.
pub const FORMAT_VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"TQJ1";
const _: () = assert!(HEADER_BYTES <= FIRST_RECORD_AT);

/// A segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) hash: HashKind,
    pub(super) index: u32,
    pub(super) size: u64,
    pub(super) first_seq: u64,
    pub(super) time_ms: u64,
    pub(super) wall_ms: i64,
    pub(super) created_ms: i64,
    pub(super) prev: Digest,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// All zeros: the segment is not used yet.
    Blank,
    /// Torn or damaged.
    Bad,
    /// Sound, but of a format this program does not know.
    Newer { version: u16 },
    /// Sound, but with a hash this program does not know.
    UnknownHash { code: u8 },
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..4].copy_from_slice(&MAGIC);
        out[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[6] = self.hash.code();
        out[8..12].copy_from_slice(&self.index.to_le_bytes());
        out[16..24].copy_from_slice(&self.size.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        out[32..40].copy_from_slice(&self.time_ms.to_le_bytes());
        out[40..48].copy_from_slice(&self.wall_ms.to_le_bytes());
        out[48..56].copy_from_slice(&self.created_ms.to_le_bytes());
        out[56..88].copy_from_slice(&self.prev);
        let crc = checksum(&out[0..124]);
        out[124..128].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, NoHeader> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(NoHeader::Blank);
        }
        let crc = u32::from_le_bytes(array(&bytes[124..128]));
        if bytes[0..4] != MAGIC || checksum(&bytes[0..124]) != crc {
            return Err(NoHeader::Bad);
        }
        let version = u16::from_le_bytes(array(&bytes[4..6]));
        if version != FORMAT_VERSION {
            return Err(NoHeader::Newer { version });
        }
        let code = bytes[6];
        let hash = HashKind::from_code(code).ok_or(NoHeader::UnknownHash { code })?;
        Ok(Self {
            hash,
            index: u32::from_le_bytes(array(&bytes[8..12])),
            size: u64::from_le_bytes(array(&bytes[16..24])),
            first_seq: u64::from_le_bytes(array(&bytes[24..32])),
            time_ms: u64::from_le_bytes(array(&bytes[32..40])),
            wall_ms: i64::from_le_bytes(array(&bytes[40..48])),
            created_ms: i64::from_le_bytes(array(&bytes[48..56])),
            prev: array(&bytes[56..88]),
        })
    }

    /// The digest the segment's first record continues.
    pub(super) fn digest(&self) -> Digest {
        self.hash.digest(&self.encode())
    }
}

/// File name of the segment `index`.
pub fn segment_name(index: u32) -> String {
    format!("journal-{index:08}.seg")
}

/// Name of the segment `index` while it is being zero-filled.
pub(super) fn draft_name(index: u32) -> String {
    format!("journal-{index:08}.new")
}

/// The index in a segment's file name; `None` for any other file.
pub fn segment_index(name: &str) -> Option<u32> {
    let index = name
        .strip_prefix("journal-")?
        .strip_suffix(".seg")?
        .parse()
        .ok()?;
    (index > 0 && segment_name(index) == name).then_some(index)
}

/// A slice of known length as an array; shorter slices are padded with zeros.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            hash: HashKind::Sm3,
            index: 7,
            size: 16 << 20,
            first_seq: 99,
            time_ms: 1_234,
            wall_ms: 1_700_000_000_000,
            created_ms: 1_699_999_998_766,
            prev: [3; 32],
        }
    }

    #[test]
    fn headers_round_trip_and_every_flip_shows() {
        let bytes = header().encode();
        assert_eq!(Header::decode(&bytes), Ok(header()));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), Err(NoHeader::Bad), "bit {bit}");
        }
        assert_eq!(Header::decode(&[0; HEADER_BYTES]), Err(NoHeader::Blank));
    }

    #[test]
    fn newer_versions_and_hashes_are_named() {
        let reseal = |mut bytes: [u8; HEADER_BYTES]| {
            let crc = checksum(&bytes[..124]);
            bytes[124..].copy_from_slice(&crc.to_le_bytes());
            bytes
        };
        let mut newer = header().encode();
        newer[4] = 2;
        assert_eq!(
            Header::decode(&reseal(newer)),
            Err(NoHeader::Newer { version: 2 })
        );
        let mut hash = header().encode();
        hash[6] = 9;
        assert_eq!(
            Header::decode(&reseal(hash)),
            Err(NoHeader::UnknownHash { code: 9 })
        );
    }

    #[test]
    fn names_round_trip() {
        assert_eq!(segment_index(&segment_name(42)), Some(42));
        for name in [
            "journal-42.seg",
            "journal-00000000.seg",
            "journal-00000001.new",
            "lock",
            "",
        ] {
            assert_eq!(segment_index(name), None, "{name}");
        }
    }
}
