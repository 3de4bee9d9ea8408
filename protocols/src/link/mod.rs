//! One HSTRP link: connects, heartbeats, acknowledges and retries. No socket and no clock: bytes
//! and the time go in, datagrams, a deadline and events are polled out. Times are milliseconds of
//! any clock that never goes back. The same object is a gateway's link and a simulated repeater.
//!
//! ```text
//!          CONNECT (Listen), its ack (Connect)       close()         acked, or tried enough
//!   Idle ──────────────────────────────────────▶ Up ─────────▶ Closing ──────────────▶ Closed
//!    ▲ ▲ ◀──────── CLOSE from the peer ───────── │ ▲
//!    │ └────────── heartbeats lost (Connect) ─── │ │ anything valid from the peer
//!    │                                           ▼ │
//!    └──────────── CLOSE from the peer ───────── Lost   (Listen: heartbeats lost, or `resume`)
//! ```
//! What it does not do: keep a queue of messages (it takes one and takes the next when that is
//! acknowledged), send a message again after `SendFailed`, know whether a terminal got it, or
//! check who may connect: in `Listen` any address that sends CONNECT becomes the peer, so the
//! owner passes on only datagrams of addresses it trusts.
//!
//! A datagram sent again within [`REPEAT_WINDOW_MS`] is acknowledged again and not delivered
//! twice, as long as it is among the last [`REPEATS`]. A peer that connects anew from the same
//! address keeps that memory, so a late copy is known even then; another address starts afresh.
//! So a repeater that restarts within the window and sends its first message byte for byte again
//! has it acknowledged only.
//!
//! Only plain data carries messages. A control datagram with one, data with none, and kind bits
//! that contradict each other are refused: so a kind bit flipped in a message or its ack, which
//! no checksum of this protocol covers, cannot confirm, connect, close or reject by mistake.

mod act;
mod any;
mod backoff;
mod event;
mod heard;
pub mod homebrew;
mod http;
#[cfg(test)]
mod http_tests;
mod http_words;
mod machine;
mod nmea;
mod pei;
mod repeat;
mod serial;
mod short_data;
mod timer;

#[cfg(test)]
mod pair;
#[cfg(test)]
mod pei_tests;
#[cfg(test)]
mod serial_tests;
#[cfg(test)]
mod tests;

pub use any::AnyLink;
pub use event::{
    Busy, DownReason, LinkEvent, MAX_EVENTS, MAX_RECEIVED, MAX_REFUSED, MAX_STATES, MAX_VERDICTS,
    Refusal, SendFault,
};
pub use http::{Answer, Ask, HttpConfig, HttpLink, Way};
pub use http_words::Trouble;
pub use nmea::NmeaLink;
pub use pei::PeiLink;
pub use repeat::{REPEAT_WINDOW_MS, REPEATS};
pub use serial::{GAP_MS, SerialConfig, SerialEnd, SerialLink};

use crate::error::Parsed;
use crate::hdap::Hdap;
use crate::hstrp::{Hstrp, Kind};
use act::{control, datagram};
use alloc::collections::VecDeque;
use backoff::Backoff;
use bytes::Bytes;
use core::net::SocketAddr;
use event::Events;
use repeat::Repeats;
use timer::{Pulse, Timer, Timers};

/// Most datagrams waiting to be polled. One too many is dropped: its sender, or the peer that
/// waits for it, tries again.
pub const MAX_TRANSMITS: usize = 32;

/// Which end of the link this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A repeater connects to us, as in the public captures; it becomes the peer.
    Listen,
    /// We connect, as a repeater does, and name ourselves in every message.
    Connect {
        /// Whom to connect to.
        peer: SocketAddr,
        /// Our number.
        device_id: u32,
        /// Our slot, 1 or 2.
        channel: u8,
    },
}

/// Times and limits. Zeros are taken as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkConfig {
    /// How long to wait for an ack before sending again.
    pub ack_ms: u64,
    /// How often a message is sent in all before it has failed.
    pub tries: u32,
    /// Between two heartbeats.
    pub heartbeat_ms: u64,
    /// Heartbeats in a row without answer before the link is down.
    pub missed: u32,
    /// Between the first two CONNECTs; each wait after is twice as long.
    pub reconnect_ms: u64,
    /// The longest of these waits.
    pub reconnect_max_ms: u64,
    /// Of the lot that takes up to a quarter off each wait: give each link its own.
    pub seed: u64,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            ack_ms: 400,
            tries: 3,
            heartbeat_ms: 6000,
            missed: 10,
            reconnect_ms: 5000,
            reconnect_max_ms: 5000,
            seed: 0,
        }
    }
}

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// One datagram.
    pub bytes: Bytes,
}

/// What a link counted since it was made.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkCounts {
    /// Datagrams handed in.
    pub received: u64,
    /// Of these, not used; each gave a `Refused`.
    pub refused: u64,
    /// Of these, sent again by the peer: acknowledged, not delivered.
    pub repeated: u64,
    /// Of these, acks and rejects of nothing that waits for one.
    pub stale: u64,
    /// Of these, left unacknowledged because too many messages wait to be polled.
    pub unread: u64,
    /// Datagrams dropped because too many wait to be polled.
    pub dropped: u64,
    /// Messages and CLOSEs sent again.
    pub resent: u64,
}

/// One HSTRP link; see the module.
#[derive(Debug)]
pub struct Link {
    role: Role,
    config: LinkConfig,
    state: State,
    peer: Option<SocketAddr>,
    device_id: Option<u32>,
    channel: Option<u8>,
    sequence: u16,
    pending: Option<Pending>,
    pulse: Pulse,
    repeats: Repeats,
    timers: Timers,
    backoff: Backoff,
    up_at_ms: u64,
    transmits: VecDeque<Transmit>,
    events: Events,
    counts: LinkCounts,
}

impl Link {
    /// A link that is down; in `Connect` its first CONNECT waits to be polled.
    #[must_use]
    pub fn new(now_ms: u64, role: Role, config: LinkConfig) -> Self {
        let (peer, device_id, channel) = match role {
            Role::Listen => (None, None, None),
            Role::Connect {
                peer,
                device_id,
                channel,
            } => (Some(peer), Some(device_id), Some(channel)),
        };
        let config = LinkConfig {
            ack_ms: config.ack_ms.max(1),
            tries: config.tries.max(1),
            heartbeat_ms: config.heartbeat_ms.max(1),
            missed: config.missed.max(1),
            reconnect_ms: config.reconnect_ms.max(1),
            reconnect_max_ms: config.reconnect_max_ms.max(1),
            seed: config.seed,
        };
        let mut link = Self {
            role,
            config,
            state: State::Idle,
            peer,
            device_id,
            channel,
            sequence: 1,
            pending: None,
            pulse: Pulse::default(),
            repeats: Repeats::default(),
            timers: Timers::default(),
            backoff: Backoff::new(config.seed),
            up_at_ms: 0,
            transmits: VecDeque::new(),
            events: Events::default(),
            counts: LinkCounts::default(),
        };
        link.connect(now_ms);
        link
    }

    /// Lets a listening link nobody has connected to go on with the peer of an earlier run: it is
    /// up with the first valid datagram from there, a heartbeat at the latest, instead of when the
    /// peer has missed enough heartbeats to connect again. `sequence` is the next one to send; let
    /// it differ from those of the earlier run, or the peer may take a message for a repeat.
    pub fn resume(
        &mut self,
        peer: SocketAddr,
        device_id: Option<u32>,
        channel: Option<u8>,
        sequence: u16,
    ) {
        if self.role == Role::Listen && self.state == State::Idle && self.peer.is_none() {
            self.state = State::Lost;
            (self.peer, self.device_id, self.channel) = (Some(peer), device_id, channel);
            self.sequence = sequence;
        }
    }

    /// Takes one datagram from the socket.
    pub fn handle_bytes(&mut self, now_ms: u64, from: SocketAddr, bytes: &[u8]) {
        self.counts.received += 1;
        if let Err(reason) = self.take(now_ms, from, bytes) {
            self.counts.refused += 1;
            let from = Some(from);
            self.events.push(LinkEvent::Refused { from, reason });
        }
    }

    /// Does what is due. Harmless when nothing is; late calls do not add up to bursts.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        for timer in Timer::ALL {
            if !self.timers.expire(timer, now_ms) {
                continue;
            }
            match timer {
                Timer::Ack => self.on_no_ack(now_ms),
                Timer::Heartbeat => self.on_period(now_ms),
                Timer::Reconnect => self.connect(now_ms),
                // A datagram is whole or not there.
                Timer::Gap => {}
            }
        }
    }

    /// Sends one message. Each message taken ends in exactly one `Sent` or `SendFailed` with its
    /// `token`.
    ///
    /// # Errors
    /// Says why the message is not taken; then no event follows.
    pub fn send(&mut self, now_ms: u64, token: u64, hdap: Bytes) -> Result<(), Busy> {
        if self.state != State::Up {
            return Err(Busy::Down);
        }
        if self.pending.is_some() {
            return Err(Busy::Pending);
        }
        if !self.events.fits_verdict() {
            return Err(Busy::Unpolled);
        }
        match Hdap::parse(&hdap) {
            Ok(Parsed::Complete(_, used)) if used == hdap.len() => {}
            _ => return Err(Busy::Malformed),
        }
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let options = self.own_options();
        let datagram = datagram(&Hstrp {
            kind: options.map_or(Kind::DATA, |_| Kind::OPTION),
            sequence,
            options: options.as_ref().map_or(&[], |options| options),
            messages: &hdap,
        });
        self.transmit(datagram.clone());
        self.pending = Some(Pending {
            token,
            sequence,
            datagram,
            tries: 1,
        });
        self.after(now_ms, Timer::Ack, self.config.ack_ms);
        Ok(())
    }

    /// Ends the link for good; `Down` with `Closed` follows, at the latest after the tries of a
    /// message. The peer's messages are not acknowledged any more.
    pub fn close(&mut self, now_ms: u64) {
        match self.state {
            State::Closing { .. } | State::Closed => return,
            State::Idle => return self.finish(),
            State::Up | State::Lost => {}
        }
        self.fail(SendFault::Closed);
        self.timers = Timers::default();
        self.state = State::Closing { tries: 1 };
        self.transmit(control(Kind::CLOSE));
        self.after(now_ms, Timer::Ack, self.config.ack_ms);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.timers.next()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop()
    }

    /// Whether `send` takes a message now.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.state == State::Up && self.pending.is_none() && self.events.fits_verdict()
    }

    /// Whether the link carries messages.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether the link has ended for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Who is, or was last, at the other end.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Up,
    Lost,
    Closing { tries: u32 },
    Closed,
}

/// The message that is not acknowledged yet.
#[derive(Debug)]
struct Pending {
    token: u64,
    sequence: u16,
    datagram: Bytes,
    tries: u32,
}
