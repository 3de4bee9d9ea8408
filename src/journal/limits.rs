//! The journal's limits and how they hang together. Nothing else.

use super::record::{MAX_PAYLOAD_BYTES, RECORD_OVERHEAD_BYTES};
use super::segment::FIRST_RECORD_AT;

/// Largest batch, all its records together: bounds the write buffer and one sync's work.
pub const MAX_BATCH_BYTES: usize = 4 << 20;
/// Smallest segment: the header and as much again for records.
pub const MIN_SEGMENT_BYTES: usize = 2 * FIRST_RECORD_AT;
/// Segment size unless configured.
pub const DEFAULT_SEGMENT_BYTES: usize = 16 << 20;
/// Largest segment: recovery reads one into memory.
pub const MAX_SEGMENT_BYTES: usize = 64 << 20;
/// Most engine time a process start adds for the time it was down: 24 h.
pub const MAX_DOWN_MS: u64 = 24 * 60 * 60 * 1000;
/// Bytes zero-filled and synced by one step of preparing the next segment: under one slow sync.
pub const PREPARE_STEP_BYTES: usize = 256 << 10;

const _: () = {
    assert!(MAX_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES <= MAX_BATCH_BYTES);
    assert!(MAX_BATCH_BYTES <= DEFAULT_SEGMENT_BYTES - FIRST_RECORD_AT);
    assert!(MIN_SEGMENT_BYTES <= DEFAULT_SEGMENT_BYTES);
    assert!(DEFAULT_SEGMENT_BYTES <= MAX_SEGMENT_BYTES);
    assert!(MAX_PAYLOAD_BYTES <= u32::MAX as usize);
};
