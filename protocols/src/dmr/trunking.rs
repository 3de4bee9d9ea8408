//! The trunked control blocks a dispatcher needs (TS 102 361-4): AHOY, by which a site offers a
//! service to a radio or asks it for one, and the acknowledgements. No vector of either is public:
//! the layout is assumed from a decoder's reading of 7.1.1.1.
//!
//! ```text
//! AHOY | options 7 | flag | ALS | group | appended 2 | kind 4 | target 24 | source 24 |
//! ACK  | information 7 | reason 8 | 0 | target 24 | source 24 |
//! ```
//! A status goes as an AHOY of kind 7. Where its number stands is not public, so the options are
//! kept as they are.

use super::Address;
use super::address::address;
use crate::bits::{Bits, flag, whole};
use core::fmt;
use nom::Parser;
use nom::bits::complete::{tag, take};

/// A service offered or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ahoy {
    /// Service options, mirrored, 7 bits.
    pub options: u8,
    /// Service kind flag; its meaning depends on the kind.
    pub flag: bool,
    /// Ambient listening is asked for.
    pub is_ambient: bool,
    /// The target, or the source of an answer, is a group.
    pub is_group: bool,
    /// UDT blocks appended, 2 bits.
    pub appended_blocks: u8,
    /// What it is about.
    pub kind: ServiceKind,
    /// To whom.
    pub target: Address,
    /// From whom, or which service.
    pub source: Address,
}

/// What an AHOY is about, 4 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServiceKind(pub u8);

impl ServiceKind {
    /// A status.
    pub const STATUS: Self = Self(7);
    /// Registration, or its check.
    pub const REGISTRATION: Self = Self(14);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 | 1 => "voice",
            2 | 3 => "packet data",
            4 | 5 => "short data",
            6 => "short data poll",
            7 => "status",
            8 => "diversion",
            9 => "answer",
            10 => "duplex voice",
            11 => "duplex packet data",
            13 => "supplementary",
            14 => "registration",
            15 => "cancel",
            _ => "reserved",
        }
    }
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ack {
    /// Where it is sent.
    pub channel: AckChannel,
    /// Response information, 7 bits.
    pub information: u8,
    /// Why; the numbers depend on what is acknowledged.
    pub reason: u8,
    /// To whom.
    pub target: Address,
    /// From whom, or which service.
    pub source: Address,
}

/// Where an acknowledgement is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AckChannel {
    /// Control channel, to a radio.
    ControlDown,
    /// Control channel, from a radio.
    ControlUp,
    /// Payload channel, to a radio.
    PayloadDown,
    /// Payload channel, from a radio.
    PayloadUp,
}

impl AckChannel {
    const ALL: [Self; 4] = [
        Self::ControlDown,
        Self::ControlUp,
        Self::PayloadDown,
        Self::PayloadUp,
    ];
    const FIRST: u8 = 32;

    /// The opcode of its block.
    #[must_use]
    pub fn opcode(self) -> u8 {
        Self::FIRST + self as u8
    }

    pub(super) fn from_opcode(opcode: u8) -> Option<Self> {
        let at = opcode.checked_sub(Self::FIRST)?;
        Self::ALL.get(usize::from(at)).copied()
    }

    /// What TS 102 361-4 calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlDown => "C_ACKD",
            Self::ControlUp => "C_ACKU",
            Self::PayloadDown => "P_ACKD",
            Self::PayloadUp => "P_ACKU",
        }
    }
}

impl Ahoy {
    /// None only if the bytes were too few.
    pub(super) fn parse(payload: &[u8; 8]) -> Option<Self> {
        let head = (take(7usize), flag, flag, flag, take(2usize), take(4usize));
        let read = |((options, flag, is_ambient, is_group, blocks, kind), target, source)| Self {
            options,
            flag,
            is_ambient,
            is_group,
            appended_blocks: blocks,
            kind: ServiceKind(kind),
            target,
            source,
        };
        whole(payload, (head, address, address).map(read))
    }

    pub(super) fn payload(&self) -> [u8; 8] {
        Bits::default()
            .put(self.options, 7)
            .put(self.flag, 1)
            .put(self.is_ambient, 1)
            .put(self.is_group, 1)
            .put(self.appended_blocks, 2)
            .put(self.kind.0, 4)
            .put(self.target.number(), 24)
            .put(self.source.number(), 24)
            .bytes()
    }
}

impl Ack {
    /// None if its reserved bit is set.
    pub(super) fn parse(channel: AckChannel, payload: &[u8; 8]) -> Option<Self> {
        let fields = (
            take(7usize),
            take(8usize),
            tag(0u8, 1usize),
            address,
            address,
        );
        let read = |(information, reason, _, target, source)| Self {
            channel,
            information,
            reason,
            target,
            source,
        };
        whole(payload, fields.map(read))
    }

    pub(super) fn payload(&self) -> [u8; 8] {
        Bits::default()
            .put(self.information, 7)
            .put(self.reason, 8)
            .put(0u8, 1)
            .put(self.target.number(), 24)
            .put(self.source.number(), 24)
            .bytes()
    }
}

impl fmt::Display for Ahoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, source, kind) = (self.target, self.source, self.kind.name());
        write!(f, "AHOY from {source} to {target}: {kind}")
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, source, name) = (self.target, self.source, self.channel.name());
        write!(
            f,
            "{name} from {source} to {target}: reason {:#04x}",
            self.reason
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dmr::csbk::{Body, Csbk};
    use alloc::string::ToString;

    const TARGET: Address = Address::DISPATCHER;

    /// Written by hand from the layout: options 1010101, flag 1, ALS 0, group 1, blocks 10, kind 7.
    #[test]
    fn ahoy_both_ways() {
        let ahoy = Ahoy {
            options: 0x55,
            flag: true,
            is_ambient: false,
            is_group: true,
            appended_blocks: 2,
            kind: ServiceKind::STATUS,
            target: TARGET,
            source: Address::low(1001),
        };
        let block = Csbk::new(Body::Ahoy(ahoy));
        let bytes = block.to_bytes();
        assert_eq!(bytes[..4], [0x80 | 28, 0, 0b1010_1011, 0b0110_0111]);
        assert_eq!(Csbk::parse(&bytes), Ok(block));
        assert_eq!(block.to_string(), "AHOY from 1001 to DISPATI: status");
    }

    #[test]
    fn acks_both_ways() {
        for (opcode, channel) in (32..).zip(AckChannel::ALL) {
            let ack = Ack {
                channel,
                information: 0x7F,
                reason: 0x44,
                target: TARGET,
                source: Address::low(1001),
            };
            let block = Csbk::new(Body::Ack(ack));
            let bytes = block.to_bytes();
            assert_eq!(bytes[..4], [0x80 | opcode, 0, 0xFE, 0x88]);
            assert_eq!(Csbk::parse(&bytes), Ok(block));
            let words = alloc::format!("{} from 1001 to DISPATI: reason 0x44", channel.name());
            assert_eq!(block.to_string(), words);
        }
        assert_eq!(AckChannel::from_opcode(31), None);
        assert_eq!(AckChannel::from_opcode(36), None);
    }
}
