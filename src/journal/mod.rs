//! The journal: the truth of the daemon, an append-only, hash-chained log of batches.
//!
//! Ring 2: plain structs over the [`Disk`] seam. No threads, no clock (times are arguments), no
//! knowledge of what a payload means. The shell's disk thread drives it:
//!
//! ```text
//! let (mut journal, recovery) = Journal::open(FileDisk::lock(dir)?, &Options::at(wall), replay)?;
//! loop {
//!     journal.push(Kind::EVENT, time_ms, payload)?;    // one decision or several, while they fit
//!     let durable_up_to = journal.commit()?;           // one write, one sync
//!     if idle { journal.prepare_step()?; }             // one segment ahead
//! }
//! ```
//!
//! What it promises: a batch whose commit returned `Ok` is found after any crash; a batch is found
//! whole or not at all; any changed bit is reported. What it cannot show by itself: that the tail
//! was removed together with everything behind it, or that the whole directory was replaced by
//! another journal; an outside copy of [`Journal::tip`] shows both.

mod base;
mod chain;
mod cold;
mod direct;
mod disk;
mod file_disk;
mod finding;
mod inspect;
mod limits;
mod prune;
mod record;
mod recovery;
mod repair;
mod scan;
mod search;
mod segment;
mod sim_disk;
mod snapshot;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use base::{Base, base, base_name, write_base};
pub use chain::{ChainPoint, DIGEST_BYTES, Digest, HashKind, WallLabel};
pub use cold::{COLD_DIR, cold_name, cool};
pub use disk::{Disk, DiskError, Entry};
pub use file_disk::{FileDisk, LOCK_NAME, LockError};
pub use finding::{Damage, DamageKind, Repaired, ScanError, Stray, Torn};
pub use inspect::{Report, follow, read, verify};
pub use limits::{
    DEFAULT_SEGMENT_BYTES, MAX_BATCH_BYTES, MAX_DOWN_MS, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES,
    PREPARE_STEP_BYTES,
};
pub use prune::{SegmentFile, files_before, prune, segments};
pub use record::{
    HEAD_BYTES, Kind, MAX_PAYLOAD_BYTES, RECORD_OVERHEAD_BYTES, Record, opened_wall_ms,
};
pub use recovery::{OpenError, Options, Recovery};
pub use repair::{Loss, copy_away, cut, loss, note_repair};
pub use segment::{FIRST_RECORD_AT, FORMAT_VERSION, HEADER_BYTES, segment_index, segment_name};
pub use sim_disk::{Call, Fault, SECTOR_BYTES, SimDisk};
pub use snapshot::{
    MAX_SNAPSHOT_BYTES, SNAPSHOTS_KEPT, Sink, Snapshot, SnapshotError, SnapshotFile, SnapshotHead,
    read_snapshot, snapshots, write_snapshot,
};
pub use writer::{CommitError, Journal, PushError, State};
