//! What a link tells its owner, and the bounded queue it waits in.

use crate::error::DecodeError;
use crate::hstrp::{Kind, MAX_MESSAGES};
use crate::link::homebrew;
use crate::link::http_words::Trouble;
use alloc::collections::VecDeque;
use bytes::Bytes;
use core::fmt;
use core::net::SocketAddr;

/// Most messages waiting to be polled. A datagram whose messages do not fit is not acknowledged,
/// so the peer sends it again.
pub const MAX_RECEIVED: usize = 64;
/// Most `Sent` and `SendFailed` waiting; then `send` takes nothing more, none is ever dropped.
pub const MAX_VERDICTS: usize = 8;
/// Most `Up` and `Down` waiting; the oldest is dropped, the newest tells the state.
pub const MAX_STATES: usize = 16;
/// Most `Refused` waiting; the oldest is dropped.
pub const MAX_REFUSED: usize = 16;
/// Most events waiting in all.
pub const MAX_EVENTS: usize = MAX_RECEIVED + MAX_VERDICTS + MAX_STATES + MAX_REFUSED;
const _: () = assert!(MAX_MESSAGES <= MAX_RECEIVED);

/// Something that happened on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The link can carry messages. It may come again without a `Down` between: the peer connected
    /// anew, or another one took its place.
    Up {
        /// Who is at the other end; none on a serial line, which has but one.
        peer: Option<SocketAddr>,
        /// Number of the repeater, from its CONNECT.
        device_id: Option<u32>,
        /// Slot, 1 or 2, from its CONNECT.
        channel: Option<u8>,
    },
    /// The link carries nothing until the next `Up`.
    Down {
        /// Why.
        reason: DownReason,
    },
    /// One message, acknowledged to the peer.
    Received {
        /// One whole HDAP message, checked.
        bytes: Bytes,
        /// Slot named in the datagram.
        channel: Option<u8>,
    },
    /// The peer acknowledged the message: it has it, no terminal need have it yet.
    Sent {
        /// As given to `send`.
        token: u64,
    },
    /// The message is given up. The peer may have it nevertheless, if all its acks were lost.
    SendFailed {
        /// As given to `send`.
        token: u64,
        /// Why.
        reason: SendFault,
    },
    /// A master, or a gateway behind HTTP, does not let us in. Told once, until the cause is
    /// another or it was mended.
    LoginFailed {
        /// Why.
        cause: homebrew::LoginFault,
    },
    /// A datagram was not used.
    Refused {
        /// Where it came from; none on a serial line.
        from: Option<SocketAddr>,
        /// Why.
        reason: Refusal,
    },
}

/// Why a link went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DownReason {
    /// Too many heartbeats in a row were not answered; on a serial line, the port is gone or
    /// nothing answers behind it.
    Lost,
    /// The peer sent CLOSE.
    PeerClosed,
    /// `close` was called; the link stays closed.
    Closed,
}

/// Why a message taken by `send` was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendFault {
    /// No ack came to any of the tries.
    NoAck,
    /// The peer sent REJECT.
    Rejected,
    /// The link went down.
    LinkDown,
    /// Another peer took over.
    PeerChanged,
    /// `close` was called.
    Closed,
    /// On the air: a number is not in the plan, or the text does not fit.
    NoNumber,
}

/// Why `send` did not take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Busy {
    /// Another message is not acknowledged yet.
    #[error("another message is not acknowledged yet")]
    Pending,
    /// [`MAX_VERDICTS`] verdicts wait to be polled.
    #[error("too many verdicts wait to be polled")]
    Unpolled,
    /// The link is down.
    #[error("the link is down")]
    Down,
    /// Not exactly one valid HDAP message.
    #[error("not one whole service message")]
    Malformed,
}

/// Why a datagram was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It is not a datagram of this protocol.
    #[error("{0}")]
    Frame(DecodeError),
    /// Its kind bits contradict each other, as ACK and REJECT do.
    #[error("kind bits {:#04x} mean nothing together", .0.bits())]
    Kind(Kind),
    /// A message where none belongs: only data carries them.
    #[error("a message in a control datagram")]
    Stowaway,
    /// Data without a message.
    #[error("data without a message")]
    Empty,
    /// Nobody has connected yet, or not since the link went down.
    #[error("no connect yet")]
    NoConnect,
    /// It does not come from the peer.
    #[error("not from the peer")]
    Stranger,
    /// A CONNECT where it is we who connect.
    #[error("we are the connecting end")]
    Role,
    /// The peer refused our CONNECT.
    #[error("connect rejected")]
    ConnectRejected,
    /// The link was closed by its owner.
    #[error("the link is closed")]
    Closed,
    /// A Homebrew end does not take it.
    #[error("{0}")]
    Homebrew(homebrew::Refusal),
    /// Something on a slot.
    #[error("on the air: {}", .0.reason())]
    Air(homebrew::AirRefusal),
    /// On the air: a number that is not in the plan.
    #[error("a number not in the plan")]
    UnknownNumber,
    /// A gateway behind HTTP.
    #[error("{0}")]
    Http(Trouble),
}

impl Refusal {
    /// A short word for counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Frame(error) => error.reason(),
            Self::Kind(_) => "kind",
            Self::Stowaway => "stowaway",
            Self::Empty => "empty",
            Self::NoConnect => "no_connect",
            Self::Stranger => "stranger",
            Self::Role => "role",
            Self::ConnectRejected => "connect_rejected",
            Self::Closed => "closed",
            Self::Homebrew(reason) => reason.reason(),
            Self::Air(reason) => reason.reason(),
            Self::UnknownNumber => "unknown_number",
            Self::Http(trouble) => trouble.reason(),
        }
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "nothing answers",
            Self::PeerClosed => "closed by the peer",
            Self::Closed => "closed",
        })
    }
}

impl fmt::Display for SendFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAck => "not acknowledged",
            Self::Rejected => "rejected by the peer",
            Self::LinkDown => "the link went down",
            Self::PeerChanged => "another peer took over",
            Self::Closed => "the link was closed",
            Self::NoNumber => "a number is not in the plan, or the text too long",
        })
    }
}

/// Events with a cap of their own, so that a flood of one never displaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Received,
    Verdict,
    State,
    Refused,
}

impl Class {
    fn of(event: &LinkEvent) -> Self {
        match event {
            LinkEvent::Up { .. } | LinkEvent::Down { .. } | LinkEvent::LoginFailed { .. } => {
                Self::State
            }
            LinkEvent::Received { .. } => Self::Received,
            LinkEvent::Sent { .. } | LinkEvent::SendFailed { .. } => Self::Verdict,
            LinkEvent::Refused { .. } => Self::Refused,
        }
    }

    fn cap(self) -> usize {
        match self {
            Self::Received => MAX_RECEIVED,
            Self::Verdict => MAX_VERDICTS,
            Self::State => MAX_STATES,
            Self::Refused => MAX_REFUSED,
        }
    }
}

/// Events in the order they happened.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<LinkEvent>);

impl Events {
    /// Adds an event; the oldest of its class goes if there is no room.
    pub(super) fn push(&mut self, event: LinkEvent) {
        let class = Class::of(&event);
        if self.waiting(class) >= class.cap() {
            let oldest = self
                .0
                .iter()
                .position(|waiting| Class::of(waiting) == class);
            oldest.and_then(|at| self.0.remove(at));
        }
        self.0.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<LinkEvent> {
        self.0.pop_front()
    }

    pub(super) fn fits_received(&self, messages: usize) -> bool {
        self.waiting(Class::Received) + messages <= MAX_RECEIVED
    }

    pub(super) fn fits_verdict(&self) -> bool {
        self.waiting(Class::Verdict) < MAX_VERDICTS
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn waiting(&self, class: Class) -> usize {
        let same = |event: &&LinkEvent| Class::of(event) == class;
        self.0.iter().filter(same).count()
    }
}
