//! A record on disk: its layout, its sealing into the chain, its parsing.
//!
//! | offset | bytes | field   | meaning                                                         |
//! |-------:|------:|---------|-----------------------------------------------------------------|
//! |      0 |     4 | length  | payload bytes, at most [`MAX_PAYLOAD_BYTES`]                    |
//! |      4 |     1 | kind    | [`Kind`]                                                        |
//! |      5 |     1 | flags   | bit 0: last record of its batch; the other bits are zero        |
//! |      6 |     2 | -       | zero                                                            |
//! |      8 |     8 | seq     | 1, 2, 3, ... without gaps                                       |
//! |     16 |     8 | batch   | seq of the first record of its batch                            |
//! |     24 |     8 | time    | engine time, ms since the journal was created                   |
//! |     32 |    32 | prev    | digest of the record before, or of the segment header           |
//! |     64 |     n | payload | opaque here                                                     |
//! | 64 + n |     4 | crc     | CRC32C of everything before                                     |
//!
//! All integers are little-endian. The digest of a record is H(offsets 0 to 64 + n): `prev` is in
//! it. A record is never all zeros, because seq starts at 1; zeros mean "not written yet".
//! `batch` tells a tear from damage: a good record behind a bad one of the *same* batch is a
//! write that was cut short, one of a later batch proves that the bad one was once durable.
//! Parsing never panics and never looks at the payload.

use crc::{CRC_32_ISCSI, Crc, Table};

use super::chain::{Digest, HashKind};
use super::finding::Repaired;

/// Largest payload of a record: 1 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Bytes of a record before its payload.
pub const HEAD_BYTES: usize = 64;
/// Bytes of a record that are not payload.
pub const RECORD_OVERHEAD_BYTES: usize = HEAD_BYTES + CRC_BYTES;

const CRC_BYTES: usize = 4;
const LAST_OF_BATCH: u8 = 1;

// Sixteen tables (16 KiB): about 3 GB/s where one table gives 0.4.
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// What a record's payload is. The journal itself writes and knows only `OPENED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    /// A fact of the engine.
    pub const EVENT: Self = Self(0);
    /// A process opened the journal. Payload: wall time then, UTC ms since 1970, i64 LE.
    pub const OPENED: Self = Self(1);
    /// A repair gave up what followed here. Payload: the first record given up, the last one known,
    /// bytes; three u64 LE.
    pub const REPAIRED: Self = Self(2);
}

/// One record as it is replayed, shown or exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number: 1, 2, 3, ...
    pub seq: u64,
    /// Number of the first record of its batch.
    pub batch: u64,
    /// Engine time, ms since the journal was created.
    pub time_ms: u64,
    /// Wall label, UTC ms since 1970: what the last opening said, plus engine time since.
    pub wall_ms: i64,
    /// What the payload is.
    pub kind: Kind,
    /// Whether it ends its batch.
    pub last: bool,
    /// The payload.
    pub payload: &'a [u8],
}

/// CRC32C of `bytes`.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes)
}

/// The same of bytes that come in pieces.
pub(super) struct Checksum(crc::Digest<'static, u32, Table<16>>);

impl Checksum {
    pub(super) fn new() -> Self {
        Self(CRC32C.digest())
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: u32,
    pub(super) kind: Kind,
    pub(super) last: bool,
    pub(super) seq: u64,
    pub(super) batch: u64,
    pub(super) time_ms: u64,
    pub(super) prev: Digest,
}

impl Head {
    pub(super) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[0..4].copy_from_slice(&self.len.to_le_bytes());
        out[4] = self.kind.0;
        out[5] = if self.last { LAST_OF_BATCH } else { 0 };
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..24].copy_from_slice(&self.batch.to_le_bytes());
        out[24..32].copy_from_slice(&self.time_ms.to_le_bytes());
        out[32..64].copy_from_slice(&self.prev);
        out
    }

    /// A head whose fixed bits and length are plausible; its CRC is not looked at.
    pub(super) fn decode(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let [l0, l1, l2, l3, kind, flags, 0, 0, fields @ ..] = *bytes else {
            return None;
        };
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        if flags & !LAST_OF_BATCH != 0 || len as usize > MAX_PAYLOAD_BYTES {
            return None;
        }
        let (seq, rest) = fields.split_first_chunk()?;
        let (batch, rest) = rest.split_first_chunk()?;
        let (time_ms, prev) = rest.split_first_chunk()?;
        let head = Self {
            len,
            kind: Kind(kind),
            last: flags & LAST_OF_BATCH != 0,
            seq: u64::from_le_bytes(*seq),
            batch: u64::from_le_bytes(*batch),
            time_ms: u64::from_le_bytes(*time_ms),
            prev: *prev.first_chunk()?,
        };
        (head.seq >= 1 && head.batch >= 1 && head.batch <= head.seq).then_some(head)
    }
}

/// A record found in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    pub(super) head: Head,
    /// Everything before the CRC: what the digest is taken of.
    pub(super) body: &'a [u8],
    pub(super) payload: &'a [u8],
    crc: u32,
}

impl<'a> Stored<'a> {
    /// The record that starts `bytes`, complete and plausible; its CRC is not looked at.
    pub(super) fn split(bytes: &'a [u8]) -> Option<Self> {
        let head = Head::decode(bytes.first_chunk()?)?;
        let (body, rest) = bytes.split_at_checked(HEAD_BYTES + head.len as usize)?;
        let (_, payload) = body.split_at_checked(HEAD_BYTES)?;
        Some(Self {
            head,
            body,
            payload,
            crc: u32::from_le_bytes(*rest.first_chunk()?),
        })
    }

    /// The record that starts `bytes`, if its CRC holds.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::split(bytes).filter(Self::is_sound)
    }

    pub(super) fn is_sound(&self) -> bool {
        checksum(self.body) == self.crc
    }

    /// Bytes on disk.
    pub(super) fn size(&self) -> usize {
        self.body.len() + CRC_BYTES
    }
}

/// Appends a record to `out` that [`seal`] completes: flags, `prev` and CRC are still zero.
pub(super) fn put(out: &mut Vec<u8>, kind: Kind, seq: u64, batch: u64, time_ms: u64, load: &[u8]) {
    let len = u32::try_from(load.len()).unwrap_or(u32::MAX);
    let head = Head {
        len,
        kind,
        last: false,
        seq,
        batch,
        time_ms,
        prev: [0; 32],
    };
    out.extend_from_slice(&head.encode());
    out.extend_from_slice(load);
    out.extend_from_slice(&[0; CRC_BYTES]);
}

/// Completes the records that [`put`] laid into `batch`, all of one batch, as the continuation
/// of `digest`. Returns the digest of the last.
pub(super) fn seal(batch: &mut [u8], hash: HashKind, mut digest: Digest) -> Digest {
    let mut rest = batch;
    while let Some(len) = rest
        .first_chunk()
        .map(|len| u32::from_le_bytes(*len) as usize)
    {
        let size = RECORD_OVERHEAD_BYTES + len;
        let last = rest.len() <= size;
        let Some((record, behind)) = rest.split_at_mut_checked(size) else {
            break;
        };
        rest = behind;
        let Some((body, crc)) = record.split_last_chunk_mut::<CRC_BYTES>() else {
            break;
        };
        if let Some(head) = body.first_chunk_mut::<HEAD_BYTES>() {
            head[5] = if last { LAST_OF_BATCH } else { 0 };
            head[32..64].copy_from_slice(&digest);
        }
        *crc = checksum(body).to_le_bytes();
        digest = hash.digest(body);
    }
    digest
}

/// Payload of an `OPENED` record.
pub(super) fn opened_payload(wall_ms: i64) -> [u8; 8] {
    wall_ms.to_le_bytes()
}

/// Wall time in the payload of an `OPENED` record, UTC ms since 1970.
pub fn opened_wall_ms(payload: &[u8]) -> Option<i64> {
    payload
        .first_chunk()
        .map(|bytes| i64::from_le_bytes(*bytes))
}

/// Payload of a `REPAIRED` record.
pub(super) fn repaired_payload(from: u64, to: u64, bytes: u64) -> Vec<u8> {
    [from, to, bytes].map(u64::to_le_bytes).concat()
}

/// What the `REPAIRED` record `seq` tells.
pub(super) fn repaired(seq: u64, payload: &[u8]) -> Option<Repaired> {
    let (from, rest) = payload.split_first_chunk()?;
    let (to, rest) = rest.split_first_chunk()?;
    Some(Repaired {
        seq,
        from: u64::from_le_bytes(*from),
        to: u64::from_le_bytes(*to),
        bytes: u64::from_le_bytes(*rest.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn checksum_is_crc32c() {
        // The check value of CRC-32/ISCSI.
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
    }

    proptest! {
        #[test]
        fn sealed_batches_parse_back(
            loads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            first in 1..u64::MAX / 2,
            time_ms: u64,
        ) {
            let mut batch = Vec::new();
            for (seq, load) in (first..).zip(&loads) {
                put(&mut batch, Kind(7), seq, first, time_ms, load);
            }
            let tip = seal(&mut batch, HashKind::Blake3, [9; 32]);
            let (mut rest, mut digest) = (batch.as_slice(), [9; 32]);
            for (at, load) in loads.iter().enumerate() {
                let found = Stored::parse(rest).unwrap();
                prop_assert_eq!(found.payload, load.as_slice());
                prop_assert_eq!(found.head, Head {
                    len: load.len() as u32, kind: Kind(7), last: at + 1 == loads.len(),
                    seq: first + at as u64, batch: first, time_ms, prev: digest,
                });
                digest = HashKind::Blake3.digest(found.body);
                rest = &rest[found.size()..];
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(digest, tip);
        }

        #[test]
        fn any_bytes_parse_without_panic(bytes: Vec<u8>) {
            let _ = Stored::parse(&bytes);
        }
    }
}
