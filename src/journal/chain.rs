//! The hash chain: which hash, a point on the chain, and the wall label beside engine time.
//!
//! The digest of a record covers its header (with the digest of the record before) and payload;
//! the digest of a segment covers its header (with the digest of the last record before it). So
//! every digest stands for all bytes that came before. What is hashed is said in `record` and
//! `segment`; nothing here is keyed: the chain shows that bytes changed, not who changed them.

use sm3::{Digest as _, Sm3};

/// A digest of the chain, 32 bytes with either hash.
pub type Digest = [u8; DIGEST_BYTES];

/// Length of a [`Digest`].
pub const DIGEST_BYTES: usize = 32;

/// The hash of a segment's chain; a journal may change it at a segment boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKind {
    /// BLAKE3, the default.
    #[default]
    Blake3,
    /// SM3 (GB/T 32905-2016), where SM algorithms are required.
    Sm3,
}

impl HashKind {
    /// Its code in a segment header.
    pub const fn code(self) -> u8 {
        match self {
            Self::Blake3 => 1,
            Self::Sm3 => 2,
        }
    }

    /// The hash with that code, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Blake3),
            2 => Some(Self::Sm3),
            _ => None,
        }
    }

    /// The digest of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Blake3 => *blake3::hash(bytes).as_bytes(),
            Self::Sm3 => Sm3::digest(bytes).into(),
        }
    }
}

/// A point on the chain: the record `seq` and the digest that stands for all bytes up to it.
/// A snapshot carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainPoint {
    /// Sequence number of the record; 0 before the first.
    pub seq: u64,
    /// Digest of that record.
    pub digest: Digest,
}

/// What the wall clock said at a moment of engine time; labels of later records follow from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallLabel {
    /// Engine time, ms since the journal was created.
    pub time_ms: u64,
    /// Wall time then, UTC, ms since 1970.
    pub wall_ms: i64,
}

impl WallLabel {
    /// The wall label of the engine time `time_ms`, which may lie before the label's own.
    pub fn at(self, time_ms: u64) -> i64 {
        let ahead_ms = i128::from(time_ms) - i128::from(self.time_ms);
        let wall_ms = i128::from(self.wall_ms) + ahead_ms;
        let (low, high) = (i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(wall_ms.clamp(low, high)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for hash in [HashKind::Blake3, HashKind::Sm3] {
            assert_eq!(HashKind::from_code(hash.code()), Some(hash));
        }
        assert_eq!(HashKind::from_code(0), None);
    }

    #[test]
    fn sm3_is_the_standards_own_example() {
        // GB/T 32905-2016, A.1: the message "abc".
        let hex: String = HashKind::Sm3
            .digest(b"abc")
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hex,
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
    }

    #[test]
    fn labels_follow_engine_time_and_never_overflow() {
        let label = WallLabel {
            time_ms: 1_000,
            wall_ms: 50_000,
        };
        assert_eq!(label.at(1_500), 50_500);
        assert_eq!(label.at(400), 49_400);
        assert_eq!(label.at(u64::MAX), i64::MAX);
    }
}
