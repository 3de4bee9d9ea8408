//! The Homebrew network's two ends: a repeater that logs in to a master, and the master. No socket,
//! no clock, no randomness: bytes, the time and salts go in; datagrams, a deadline and events are
//! polled out.
//!
//! ```text
//! Client   Resting ─ wait over ─▶ Login ─ salt ─▶ Key ─ ack ─▶ Config ─ ack ─▶ Up
//!             ▲                     │              │             │             │
//!             └──── refused, or no answer ─────────┴─────────────┴─── MSTNAK, MSTCL, no pong
//!
//! Master   a login for each repeater and address, until its key fits and its details are there;
//!          then a session for each repeater, until it leaves, is silent, or logs in elsewhere
//! ```
//! Bursts are handed on as they come: a network may lose, double and reorder them, and there is no
//! transport acknowledgement. What they carry is `air`'s business.

mod air;
mod air_event;
mod air_link;
#[cfg(test)]
mod air_tests;
mod client;
mod event;
mod hear;
mod limit;
#[cfg(test)]
mod link_tests;
mod master;
mod plan;
#[cfg(test)]
mod tests;

pub use air::{Air, AirConfig};
pub use air_event::{AirEvent, AirRefusal};
pub use air_link::{AirLink, End, PRESENT};
pub use client::{Client, ClientConfig};
pub use event::{Event, LoginFault, MAX_BURSTS, Refusal};
pub use limit::Rate;
pub use master::{Master, MasterConfig};
pub use plan::{AirLinkConfig, NumberPlan, Side};

use bytes::Bytes;
use core::fmt;

/// A passphrase; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(pub Bytes);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

/// What an end counted since it was made.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Datagrams handed in.
    pub received: u64,
    /// Of these, not used; each gave a `Refused`.
    pub refused: u64,
    /// Of these, of no use in this state but no fault either: late copies, aliases, beacons.
    pub passed_over: u64,
    /// Datagrams dropped because too many wait to be polled.
    pub dropped: u64,
}
