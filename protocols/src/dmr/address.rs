//! The 24 bits that name a radio, a talkgroup or a gateway. It does not know the number plan.

use crate::bits::Input;
use core::fmt;
use nom::bits::complete::take;
use nom::combinator::map;
use nom::{IResult, Parser};

/// Reads one.
pub(super) fn address(input: Input<'_>) -> IResult<Input<'_>, Address> {
    map(take(24usize), Address::low).parse(input)
}

/// A link layer identity (LLID), 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(u32);

impl Address {
    /// Largest of all: every radio.
    pub const ALL: Self = Self(0x00FF_FFFF);
    /// The dispatcher behind a trunked site (TS 102 361-4).
    pub const DISPATCHER: Self = Self(0x00FF_FECB);
    /// The registration service.
    pub const REGISTRATION: Self = Self(0x00FF_FEC6);

    /// An address; none of more than 24 bits.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (number <= Self::ALL.0).then_some(Self(number))
    }

    /// From the low 24 bits.
    pub(crate) const fn low(number: u32) -> Self {
        Self(number & Self::ALL.0)
    }

    /// As a number, below 2^24.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// What TS 102 361-4 calls it, if it is no radio's.
    #[must_use]
    pub fn service(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00FF_FEC0 => "PSTNI",
            0x00FF_FEC1 => "PABXI",
            0x00FF_FEC2 => "LINEI",
            0x00FF_FEC3 => "IPI",
            0x00FF_FEC4 => "SUPLI",
            0x00FF_FEC5 => "SDMI",
            0x00FF_FEC6 => "REGI",
            0x00FF_FEC9 => "DIVERTI",
            0x00FF_FECA => "TSI",
            0x00FF_FECB => "DISPATI",
            0x00FF_FECC => "STUNI",
            0x00FF_FECD => "AUTHI",
            0x00FF_FECE => "GPI",
            0x00FF_FED3 => "DISPATDI",
            0x00FF_FED4 => "ALLMSI",
            0x00FF_FED7 => "TATTSI",
            0x00FF_FFFD => "ALLMSIDL",
            0x00FF_FFFE => "ALLMSIDZ",
            0x00FF_FFFF => "ALLMSID",
            _ => return None,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.service() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn no_more_than_24_bits() {
        assert_eq!(Address::new(0x0100_0000), None);
        assert_eq!(Address::new(0x00FF_FFFF), Some(Address::ALL));
        assert_eq!(Address::new(4_600_123).unwrap().to_string(), "4600123");
        assert_eq!(Address::DISPATCHER.to_string(), "DISPATI");
    }
}
