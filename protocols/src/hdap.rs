//! HDAP: one service message, the same over IP and serial. It frames and checks; what a payload
//! means is said by the service's own file.
//!
//! | off | size | field |
//! |---|---|---|
//! | 0 | 1 | bit 7 reliable flag, bits 6..0 service |
//! | 1 | 2 | opcode, big-endian (RCP little-endian) |
//! | 3 | 2 | N, payload bytes, big-endian (RCP little-endian) |
//! | 5 | N | payload |
//! | 5+N | 1 | checksum over opcode, length and payload: `!sum + 0x33` |
//! | 6+N | 1 | 0x03 |
//!
//! There is no byte stuffing: 0x03 may stand inside, framing goes by length only. The checksum
//! leaves the first byte out, so a flipped bit there shows only as another service.

use crate::error::{DecodeError, Layer, Parsed};
use bytes::BufMut;
use core::fmt;
use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, le_u16, u8};
use nom::{Parser, combinator::map};

/// Largest payload taken. The largest message seen is 206 bytes; a text of 140 characters needs
/// 292, a data slice 460.
pub const MAX_PAYLOAD: usize = 1024;
/// Bytes of a message beside its payload.
pub const OVERHEAD: usize = 7;
const END: u8 = 0x03;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Radio control (little-endian).
    Rcp,
    /// Location.
    Lp,
    /// Text messages, short data, work orders.
    Tmp,
    /// Registration.
    Rrs,
    /// Telemetry.
    Tp,
    /// Data transfer.
    Dtp,
    /// Data delivery states.
    Dds,
}

impl Service {
    /// The seven bits on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Rcp => 0x02,
            Self::Lp => 0x08,
            Self::Tmp => 0x09,
            Self::Rrs => 0x11,
            Self::Tp => 0x12,
            Self::Dtp => 0x13,
            Self::Dds => 0x14,
        }
    }

    /// The service of seven bits, none if it is not known.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x02 => Self::Rcp,
            0x08 => Self::Lp,
            0x09 => Self::Tmp,
            0x11 => Self::Rrs,
            0x12 => Self::Tp,
            0x13 => Self::Dtp,
            0x14 => Self::Dds,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rcp => "RCP",
            Self::Lp => "LP",
            Self::Tmp => "TMP",
            Self::Rrs => "RRS",
            Self::Tp => "TP",
            Self::Dtp => "DTP",
            Self::Dds => "DDS",
        }
    }

    fn is_little_endian(self) -> bool {
        self == Self::Rcp
    }
}

/// One service message, its payload still in the buffer it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hdap<'a> {
    /// What it is about.
    pub service: Service,
    /// Bit 7 of the first byte.
    pub reliable: bool,
    /// As a number; on the wire big-endian, RCP little-endian.
    pub opcode: u16,
    /// At most [`MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
}

/// The checksum over opcode, length and payload.
#[must_use]
pub fn checksum(covered: &[u8]) -> u8 {
    let sum = covered
        .iter()
        .fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    (!sum).wrapping_add(0x33)
}

impl<'a> Hdap<'a> {
    /// Reads one message from the start of `input`.
    ///
    /// # Errors
    /// Unknown service, payload over the cap, wrong checksum or end byte.
    pub fn parse(input: &'a [u8]) -> Result<Parsed<Self>, DecodeError> {
        let Some((&head, _)) = input.split_first() else {
            return Ok(Parsed::Incomplete(OVERHEAD));
        };
        let service = Service::from_code(head & 0x7F).ok_or(DecodeError::Value {
            layer: Layer::Hdap,
            what: "service",
            found: u32::from(head & 0x7F),
        })?;
        let Ok((rest, (opcode, length))) = header(input, service) else {
            return Ok(Parsed::Incomplete(
                OVERHEAD.saturating_sub(input.len()).max(1),
            ));
        };
        let length = usize::from(length);
        if length > MAX_PAYLOAD {
            let expected = "at most 1024";
            return Err(DecodeError::Length {
                layer: Layer::Hdap,
                found: length,
                expected,
            });
        }
        let total = length + OVERHEAD;
        let Ok((_, (payload, found, end))) = body(rest, length) else {
            return Ok(Parsed::Incomplete(total.saturating_sub(input.len()).max(1)));
        };
        let covered = input.get(1..5 + length).unwrap_or_default();
        let expected = checksum(covered);
        if found != expected {
            let (found, expected) = (u32::from(found), u32::from(expected));
            return Err(DecodeError::Checksum {
                layer: Layer::Hdap,
                found,
                expected,
            });
        }
        if end != END {
            let (what, found) = ("end byte", u32::from(end));
            return Err(DecodeError::Value {
                layer: Layer::Hdap,
                what,
                found,
            });
        }
        let message = Self {
            service,
            reliable: head & 0x80 != 0,
            opcode,
            payload,
        };
        Ok(Parsed::Complete(message, total))
    }

    /// Bytes of the whole message.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.payload.len() + OVERHEAD
    }

    /// Writes the message. A payload over the cap is cut: callers build theirs within it.
    pub fn emit(&self, out: &mut impl BufMut) {
        let payload = self.payload.get(..MAX_PAYLOAD).unwrap_or(self.payload);
        let length = u16::try_from(payload.len()).unwrap_or(0);
        let order = |value: u16| match self.service.is_little_endian() {
            true => value.to_le_bytes(),
            false => value.to_be_bytes(),
        };
        let (opcode, length) = (order(self.opcode), order(length));
        let covered = opcode.iter().chain(&length).chain(payload);
        let sum = covered.fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        out.put_u8(self.service.code() | u8::from(self.reliable) << 7);
        out.put_slice(&opcode);
        out.put_slice(&length);
        out.put_slice(payload);
        out.put_u8((!sum).wrapping_add(0x33));
        out.put_u8(END);
    }
}

/// Opcode and length, in the service's byte order.
fn header(input: &[u8], service: Service) -> IResult<&[u8], (u16, u16)> {
    let head = |input| map(u8, |_| ()).parse(input);
    if service.is_little_endian() {
        map((head, le_u16, le_u16), |(_, opcode, length)| {
            (opcode, length)
        })
        .parse(input)
    } else {
        map((head, be_u16, be_u16), |(_, opcode, length)| {
            (opcode, length)
        })
        .parse(input)
    }
}

fn body(input: &[u8], length: usize) -> IResult<&[u8], (&[u8], u8, u8)> {
    (take(length), u8, u8).parse(input)
}

impl fmt::Display for Hdap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = (self.service.name(), self.payload.len());
        write!(f, "{name} {:#06x}, {bytes} bytes", self.opcode)
    }
}
