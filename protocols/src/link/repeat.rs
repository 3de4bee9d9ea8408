//! Which datagrams came lately, so that one sent again is acknowledged again but not delivered
//! twice. A sender repeats a datagram when our ack was lost, with the same sequence and bytes; a
//! sequence alone would not do, since a restarted repeater counts from the start again.

/// How long a datagram is remembered, milliseconds: four times the 1.2 s our own end
/// repeats for, and shorter than a repeater takes to restart.
pub const REPEAT_WINDOW_MS: u64 = 5000;
/// Datagrams remembered. A peer has one unacknowledged message, so older ones are late copies.
pub const REPEATS: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Seen {
    sequence: u16,
    hash: u64,
    at_ms: u64,
}

/// The last datagrams of one peer.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Repeats {
    seen: [Option<Seen>; REPEATS],
    next: usize,
}

impl Repeats {
    /// Whether this datagram is among the last [`REPEATS`] and younger than [`REPEAT_WINDOW_MS`].
    pub(super) fn contain(&self, now_ms: u64, sequence: u16, datagram: &[u8]) -> bool {
        let hash = fnv(datagram);
        self.seen.iter().flatten().any(|seen| {
            let age_ms = now_ms.saturating_sub(seen.at_ms);
            seen.sequence == sequence && seen.hash == hash && age_ms < REPEAT_WINDOW_MS
        })
    }

    pub(super) fn remember(&mut self, now_ms: u64, sequence: u16, datagram: &[u8]) {
        if let Some(slot) = self.seen.get_mut(self.next) {
            let hash = fnv(datagram);
            *slot = Some(Seen {
                sequence,
                hash,
                at_ms: now_ms,
            });
        }
        self.next = (self.next + 1) % REPEATS;
    }
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
