//! What may be wrong with a journal, in words for an operator. It judges nothing.

use std::fmt;

use serde::Serialize;

use super::disk::DiskError;

/// Bytes behind the last whole batch with no later batch behind them: a write cut short.
///
/// Rot in the very last batch looks the same; so it is reported, never silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Torn {
    /// Index of the segment.
    pub segment: u32,
    /// Where the torn bytes start; 0 when it is the segment's first batch.
    pub offset: u64,
    /// Bytes up to the last one that is not zero.
    pub bytes: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            offset,
            bytes,
        } = self;
        write!(
            f,
            "torn tail: {bytes} bytes of segment {segment} at offset {offset}"
        )
    }
}

/// Bytes that are not zero where nothing was ever written; every batch around them is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// Index of the segment.
    pub segment: u32,
    /// Where they start.
    pub offset: u64,
    /// Bytes up to the last one that is not zero.
    pub bytes: u64,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            offset,
            bytes,
        } = self;
        write!(
            f,
            "stray bytes: {bytes} in unused space of segment {segment} at offset {offset}"
        )
    }
}

/// Records that were durable once and are not whole any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Index of the segment.
    pub segment: u32,
    /// Where the bad bytes start.
    pub offset: u64,
    /// The first record that is lost.
    pub seq: u64,
    /// A later record that is sound, if one was found: at most the records up to it are lost.
    pub resumes_at: Option<u64>,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong at a [`Damage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DamageKind {
    /// A record's bytes changed.
    BadRecord,
    /// A segment header's bytes changed.
    BadHeader,
    /// Sound bytes that do not continue the chain: swapped, stale, misdirected or edited.
    ChainBroken,
    /// A segment file is not there.
    MissingSegment,
    /// A segment that was used is all zeros.
    BlankSegment,
    /// A segment file was cut or grown.
    WrongLength,
    /// A compressed segment's bytes changed.
    BadCold,
    /// The first segment's base is missing or damaged.
    NoBase,
}

impl DamageKind {
    /// A word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRecord => "bad record",
            Self::BadHeader => "bad header",
            Self::ChainBroken => "chain broken",
            Self::MissingSegment => "segment missing",
            Self::BlankSegment => "segment blank",
            Self::WrongLength => "segment of wrong length",
            Self::BadCold => "compressed segment changed",
            Self::NoBase => "base missing or damaged",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            offset,
            seq,
            resumes_at,
            kind,
        } = self;
        let kind = kind.as_str();
        write!(
            f,
            "damage: {kind}, segment {segment} at offset {offset}, from record {seq}"
        )?;
        match resumes_at {
            Some(seq) => write!(f, ", sound again at record {seq}"),
            None => Ok(()),
        }
    }
}

/// A repair gave records up here; the journal was cut and goes on behind with the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// The record that says so.
    pub seq: u64,
    /// The first record that was given up.
    pub from: u64,
    /// The last one that is known to have been.
    pub to: u64,
    /// Bytes of them and of what was between.
    pub bytes: u64,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seq,
            from,
            to,
            bytes,
        } = self;
        write!(
            f,
            "repaired: record {seq} tells that records {from} to {to} were given up, {bytes} bytes"
        )
    }
}

/// Why a journal could not be walked at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It was written by a newer program.
    #[error(
        "failed to read journal segment {index}: format version {version} is newer than \
         this program's; use the program that wrote it, or a later one"
    )]
    NewerFormat {
        /// Index of the segment.
        index: u32,
        /// Its format version.
        version: u16,
    },
    /// Its chain uses a hash this program does not know.
    #[error("failed to read journal segment {index}: unknown chain hash {code}")]
    UnknownHash {
        /// Index of the segment.
        index: u32,
        /// The code in its header.
        code: u8,
    },
    /// A segment file is larger than any this program writes.
    #[error("failed to read journal segment {index}: {bytes} bytes are too many for a segment")]
    TooLarge {
        /// Index of the segment.
        index: u32,
        /// Its length.
        bytes: u64,
    },
    /// The journal ends before the point it was to be read from: acknowledged records are gone.
    #[error("failed to start after record {after_seq}: the journal ends at record {last_seq}")]
    Behind {
        /// Last whole record.
        last_seq: u64,
        /// The record of the snapshot.
        after_seq: u64,
    },
    /// What came before the first segment is neither in segments nor in a base.
    #[error(
        "failed to start: the journal begins at segment {segment}, and {name} is missing or \
         damaged; put it back from a copy of the data directory; nothing was changed"
    )]
    NoBase {
        /// The first segment there is.
        segment: u32,
        /// Its base.
        name: String,
    },
    /// A newer program made the base.
    #[error(
        "failed to read {name}: its version {version} is newer than this program's; use the \
         program that wrote it, or a later one"
    )]
    NewerBase {
        /// Its name.
        name: String,
        /// Its version.
        version: u16,
    },
    /// The records behind that point were removed.
    #[error("failed to start after record {after_seq}: the journal begins behind {base_seq} now")]
    Pruned {
        /// The point it was to be read from.
        after_seq: u64,
        /// The last record that was removed.
        base_seq: u64,
    },
    /// The snapshot does not belong to this journal.
    #[error("failed to start after record {after_seq}: its chain hash is not the snapshot's")]
    Forked {
        /// The record of the snapshot.
        after_seq: u64,
    },
}
