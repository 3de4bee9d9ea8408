//! Confirmed delivery on one slot: the sender waits for a response, sends blocks or the whole
//! again, and gives up; the receiver acknowledges, asks for missing blocks, and delivers once
//! (TS 102 361-1, 8.2 and table 8.3). Time is an argument, milliseconds of any clock that does not
//! go back; what is to go out is polled.
//!
//! ```text
//! Sender     send ─▶ waiting ─ ACK ───────────────▶ Delivered
//!                    │  ▲ └─ NACK, not of the CRC ─▶ Failed(Refused)
//!                    │  │
//!                    └──┴ asked for blocks: only these; CRC or silence: all of it; at most `tries`
//!                         and `retries` times, then ─▶ Failed
//!
//! Receiver   header ─▶ collecting ─ last block or a gap ─▶ all there ─ CRC fits ─▶ ACK, Received
//!                          ▲                                  │         └ does not ─▶ NACK
//!                          └─ asks for the missing ones ──────┴ some are missing
//! ```
//! An acknowledgement says that a terminal has the packet, not that anybody read it.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use receiver::{Received, Receiver, ReceiverEvent, Refusal};
pub use sender::{Busy, SendFault, Sender, SenderEvent};

/// Times and limits of both ends. Chosen: the standard leaves them to the implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How long after its last burst a packet's response may come, milliseconds.
    pub response_ms: u64,
    /// How long the next block may take to come, milliseconds.
    pub gap_ms: u64,
    /// How often the whole packet is sent at most.
    pub tries: u8,
    /// How often blocks are asked for, or sent again, at most.
    pub retries: u8,
}

impl Config {
    /// When the answer to something that lasts so long is overdue.
    fn deadline_ms(&self, now_ms: u64, lasts_ms: u64) -> u64 {
        let sent_ms = now_ms.saturating_add(lasts_ms);
        sent_ms.saturating_add(self.response_ms)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            response_ms: 1_500,
            gap_ms: 300,
            tries: 3,
            retries: 4,
        }
    }
}
