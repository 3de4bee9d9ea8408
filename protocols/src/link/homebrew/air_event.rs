//! What happens on a slot, for its owner.

use crate::dmr::delivery::{Refusal, SendFault};
use crate::dmr::{Address, Transmission, udt};
use crate::error::DecodeError;
use alloc::string::String;

/// Something that happened on the slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AirEvent {
    /// A packet begins to go out.
    Sent {
        /// As given to `send`.
        token: u64,
    },
    /// The radio has it. Never of a packet nobody answers.
    Delivered {
        /// As given to `send`.
        token: u64,
    },
    /// It is given up.
    Failed {
        /// As given to `send`.
        token: u64,
        /// Why.
        reason: SendFault,
    },
    /// Somebody acknowledged what nobody here waits for, such as a status.
    Answered {
        /// Whom the answer is for.
        radio: Address,
    },
    /// A radio was heard: something of its own whose checksum fits.
    Heard {
        /// Which.
        radio: Address,
    },
    /// A text.
    Text {
        /// From whom.
        from: Address,
        /// To whom.
        to: Address,
        /// That is a group.
        is_group: bool,
        /// What it says.
        words: String,
        /// What tells the radio that it is kept, if it waits for that.
        answer: Option<Transmission>,
    },
    /// A status or precoded message.
    Status {
        /// From whom.
        from: Address,
        /// To whom.
        to: Address,
        /// The number, 10 bits.
        status: u16,
        /// As of a text.
        answer: Option<Transmission>,
    },
    /// A position or other unified data.
    Data {
        /// From whom.
        from: Address,
        /// What it is.
        content: udt::Content,
        /// The header says that it is an emergency.
        is_emergency: bool,
    },
    /// A radio calls in an emergency.
    Emergency {
        /// Which.
        from: Address,
    },
    /// Something was not understood.
    Refused(AirRefusal),
}

/// Why something on a slot was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AirRefusal {
    /// A burst, or what is in it.
    Burst(DecodeError),
    /// A packet.
    Packet(Refusal),
    /// A packet that is no text.
    NoText,
}

impl AirRefusal {
    /// A short word for counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Burst(error) | Self::Packet(Refusal::Packet(error)) => error.reason(),
            Self::Packet(Refusal::Missing) => "missing_blocks",
            Self::Packet(Refusal::Overtaken) => "overtaken",
            Self::NoText => "no_text",
        }
    }
}
