//! DDS: whether a data message reached the terminal it was for. It is received only: nobody asks
//! for it, and it does not say which request it is about, but whose and of what kind.
//!
//! | off | size | field |
//! |---|---|---|
//! | 0 | 4 | radio |
//! | 4 | 2 | opcode of the message it is about |
//! | 6 | 1 | result |
//!
//! The opcode's high byte is 0, the low one the service it is about: 08 LP, 11 RRS, 12 TP, 13 DTP.
//! One program takes 07 for LP; both are read, and written as they came.
//!
//! ```text
//! 14 0008 0007 000364 0e a001 00 0d 03      LP A001 to 222222: ok
//! ```

use crate::error::{DecodeError, Layer};
use crate::hdap::Service;
use crate::radio_ip::RadioIp;
use crate::refuse::whole;
use bytes::BufMut;
use core::fmt;
use nom::number::complete::{be_u16, u8};

/// What LP is called by one program.
const OTHER_LP: u8 = 0x07;

/// A delivery state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dds {
    /// The service as it stands on the wire; see [`Dds::service`].
    pub code: u8,
    /// Whom the message was for.
    pub radio: RadioIp,
    /// The message's opcode.
    pub opcode: u16,
    /// What became of it.
    pub result: Delivery,
}

/// What became of a message. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delivery(pub u8);

impl Delivery {
    /// The terminal has it.
    pub const OK: Self = Self(0);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "ok",
            1 => "failed",
            4 => "limited timeout",
            5 => "no ack",
            6 => "error ack",
            7 => "repeater did not wake up",
            8 => "interrupted",
            9 => "not allowed to send",
            10 => "invalid",
            _ => "unknown result",
        }
    }
}

impl Dds {
    /// Reads a payload; none if the opcode names no service this is said about.
    ///
    /// # Errors
    /// A payload of another length than 7.
    pub fn parse(opcode: u16, payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let [0, code] = opcode.to_be_bytes() else {
            return Ok(None);
        };
        if service_of(code).is_none() {
            return Ok(None);
        }
        let fields = (RadioIp::read, be_u16, u8);
        let (radio, opcode, result) = whole(Layer::Dds, payload, "7, a delivery state", fields)?;
        let result = Delivery(result);
        Ok(Some(Self {
            code,
            radio,
            opcode,
            result,
        }))
    }

    /// The service it is about.
    #[must_use]
    pub fn service(&self) -> Option<Service> {
        service_of(self.code)
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        u16::from(self.code)
    }

    /// Writes the payload.
    pub fn emit(&self, out: &mut impl BufMut) {
        self.radio.emit(out);
        out.put_u16(self.opcode);
        out.put_u8(self.result.0);
    }
}

fn service_of(code: u8) -> Option<Service> {
    match code {
        OTHER_LP => Some(Service::Lp),
        0x08 | 0x11 | 0x12 | 0x13 => Service::from_code(code),
        _ => None,
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Display for Dds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self.service().map_or("?", Service::name);
        let (opcode, radio, result) = (self.opcode, self.radio, self.result);
        write!(f, "{service} {opcode:#06x} to {radio}: {result}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The payload of the captured `test_data_delivery_states:10`.
    const OK: [u8; 7] = [0x00, 0x03, 0x64, 0x0E, 0xA0, 0x01, 0x00];

    #[test]
    fn the_captured_one_tells_of_a_position_request() {
        for code in [0x08, 0x07] {
            let dds = Dds::parse(code, &OK).unwrap().unwrap();
            assert_eq!(dds.to_string(), "LP 0xa001 to 222222 (subnet 0): ok (0)");
        }
    }

    #[test]
    fn other_lengths_are_refused_and_other_services_are_not_read() {
        for length in 0..7 {
            assert!(Dds::parse(8, &OK[..length]).is_err());
        }
        for code in [0x0000, 0x0002, 0x0009, 0x0108, 0x0800] {
            assert_eq!(Dds::parse(code, &OK), Ok(None));
        }
        assert_eq!(Delivery(2).name(), "unknown result");
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_again(
            code in proptest::sample::select(alloc::vec![0x07u16, 0x08, 0x11, 0x12, 0x13]),
            bytes in proptest::collection::vec(any::<u8>(), 7),
        ) {
            let dds = Dds::parse(code, &bytes).unwrap().unwrap();
            let mut out = Vec::new();
            dds.emit(&mut out);
            prop_assert_eq!((&out, dds.opcode()), (&bytes, code));
        }
    }
}
