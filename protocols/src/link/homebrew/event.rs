//! What an end of the Homebrew network tells its owner, and the bounded queue it waits in.

use crate::error::DecodeError;
use crate::homebrew::Dmrd;
use crate::link::DownReason;
use alloc::collections::VecDeque;
use core::fmt;
use core::net::SocketAddr;

/// Most bursts waiting to be polled; the oldest is dropped. Two slots make 34 a second.
pub const MAX_BURSTS: usize = 256;
/// Most `Up`, `Down` and `LoginFailed` waiting; the oldest is dropped.
const MAX_STATES: usize = 64;
/// Most `Refused` waiting; the oldest is dropped.
const MAX_REFUSED: usize = 16;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A repeater is logged in. It may come again without a `Down` between: it logged in anew.
    Up {
        /// Which.
        repeater: u32,
        /// Who is at the other end.
        peer: SocketAddr,
    },
    /// It is not any more.
    Down {
        /// Which.
        repeater: u32,
        /// Why.
        reason: DownReason,
    },
    /// We cannot log in. Told once; again only for another cause, or after an `Up`.
    LoginFailed {
        /// As whom.
        repeater: u32,
        /// Why.
        cause: LoginFault,
    },
    /// A burst came.
    Burst(Dmrd),
    /// A datagram was not used.
    Refused {
        /// Where it came from.
        from: SocketAddr,
        /// Why.
        reason: Refusal,
    },
}

/// Why a master, or a gateway behind HTTP, does not let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginFault {
    /// It does not answer.
    Unreachable,
    /// It does not know our id.
    UnknownId,
    /// It knows the id, and another passphrase for it.
    WrongPassphrase,
    /// It takes the passphrase, but not what we tell of ourselves.
    Details,
    /// A gateway behind HTTP does not take our token.
    Token,
}

/// Why a datagram was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It is no packet of this protocol.
    #[error("{0}")]
    Frame(DecodeError),
    /// It does not come from whom it names.
    #[error("not from the peer")]
    Stranger,
    /// A packet only the other end sends.
    #[error("a packet of the other end")]
    Role,
    /// Whoever sends it is not logged in, or not that far.
    #[error("not logged in")]
    State,
    /// It is for another repeater.
    #[error("another repeater's")]
    OtherRepeater,
    /// Nobody knows this repeater.
    #[error("a repeater not in the table")]
    UnknownRepeater,
    /// The hash does not fit its passphrase.
    #[error("the passphrase does not fit")]
    WrongPassphrase,
    /// Too many from there; it was not even read.
    #[error("too many datagrams from one source")]
    Flood,
}

impl Refusal {
    /// A short word for counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Frame(error) => error.reason(),
            Self::Stranger => "stranger",
            Self::Role => "role",
            Self::State => "state",
            Self::OtherRepeater => "other_repeater",
            Self::UnknownRepeater => "unknown_repeater",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Flood => "flood",
        }
    }
}

impl fmt::Display for LoginFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the master does not answer",
            Self::UnknownId => "the master does not know this repeater's id",
            Self::WrongPassphrase => "the master has another passphrase for this repeater",
            Self::Details => "the master does not take this repeater's details",
            Self::Token => "the gateway does not take our token",
        })
    }
}

/// Events with a cap of their own, so that a flood of one never displaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Burst,
    State,
    Refused,
}

impl Class {
    fn of(event: &Event) -> Self {
        match event {
            Event::Burst(_) => Self::Burst,
            Event::Refused { .. } => Self::Refused,
            _ => Self::State,
        }
    }

    fn cap(self) -> usize {
        match self {
            Self::Burst => MAX_BURSTS,
            Self::State => MAX_STATES,
            Self::Refused => MAX_REFUSED,
        }
    }
}

/// Events in the order they happened.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<Event>);

impl Events {
    /// Adds an event; the oldest of its class goes if there is no room.
    pub(super) fn push(&mut self, event: Event) {
        let class = Class::of(&event);
        let same = |waiting: &Event| Class::of(waiting) == class;
        if self.0.iter().filter(|waiting| same(waiting)).count() >= class.cap() {
            let oldest = self.0.iter().position(same);
            oldest.and_then(|at| self.0.remove(at));
        }
        self.0.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front()
    }
}
