//! Radio address: how a terminal, a group or a dispatcher's host is named inside payloads. It does
//! not know the number plan: which ids exist is the config's business.
//!
//! | off | size | field |
//! |---|---|---|
//! | 0 | 1 | subnet, set in the terminal (usually 10; groups have 0) |
//! | 1 | 3 | radio id, big-endian |
//!
//! A host is named by its real IPv4 address in captures, and the answer came back to 0.0.0.1, so an
//! answer is never matched by the address of whom it goes to.

use bytes::BufMut;
use core::fmt;
use nom::IResult;
use nom::number::complete::{be_u24, u8};
use nom::{Parser, combinator::map};

/// Four bytes that name a radio, a group or a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RadioIp {
    /// First byte.
    pub subnet: u8,
    /// The other three: at most [`RadioIp::MAX_ID`].
    pub id: u32,
}

impl RadioIp {
    /// Bytes on the wire.
    pub const LEN: usize = 4;
    /// Largest radio id, 24 bits.
    pub const MAX_ID: u32 = 0x00FF_FFFF;
    /// The subnet terminals have unless they were set up otherwise.
    pub const USUAL_SUBNET: u8 = 10;

    /// A terminal in the usual subnet; none if the id has more than 24 bits.
    #[must_use]
    pub fn terminal(id: u32) -> Option<Self> {
        let subnet = Self::USUAL_SUBNET;
        (id <= Self::MAX_ID).then_some(Self { subnet, id })
    }

    /// A group, subnet 0; none if the id has more than 24 bits.
    #[must_use]
    pub fn group(id: u32) -> Option<Self> {
        (id <= Self::MAX_ID).then_some(Self { subnet: 0, id })
    }

    /// Reads four bytes.
    pub(crate) fn read(input: &[u8]) -> IResult<&[u8], Self> {
        map((u8, be_u24), |(subnet, id)| Self { subnet, id }).parse(input)
    }

    /// Writes four bytes; of the id its low 24 bits.
    pub fn emit(&self, out: &mut impl BufMut) {
        out.put_u32(u32::from(self.subnet) << 24 | (self.id & Self::MAX_ID));
    }
}

impl fmt::Display for RadioIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (subnet {})", self.id, self.subnet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[test]
    fn ten_zero_three_233_is_1001() {
        let bytes = [0x0A, 0x00, 0x03, 0xE9, 0xFF];
        let (rest, radio) = RadioIp::read(&bytes).unwrap();
        assert_eq!(Some(radio), RadioIp::terminal(1001));
        assert_eq!(rest, [0xFF]);
        assert_eq!(radio.to_string(), "1001 (subnet 10)");
        let mut out = Vec::new();
        radio.emit(&mut out);
        assert_eq!(out, bytes[..4]);
    }

    #[test]
    fn ids_have_24_bits() {
        assert_eq!(RadioIp::terminal(RadioIp::MAX_ID + 1), None);
        assert_eq!(RadioIp::group(RadioIp::MAX_ID + 1), None);
        let wide = RadioIp {
            subnet: 1,
            id: 0xFF00_0002,
        };
        let mut out = Vec::new();
        wide.emit(&mut out);
        assert_eq!(out, [1, 0, 0, 2]);
        assert!(RadioIp::read(&[10, 0, 3]).is_err());
    }
}
