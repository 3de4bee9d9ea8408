//! HRNP: service messages over a serial line, USB or the radio control port. It frames and checks;
//! the dialogue (connect, data, ack) is [`SerialLink`](crate::link::SerialLink)'s.
//!
//! | off | size | field |
//! |---|---|---|
//! | 0 | 1 | start, 0x7E |
//! | 1 | 1 | version: 4, older ones 3 and 0 |
//! | 2 | 1 | block number, 0 in all captures |
//! | 3 | 1 | opcode, see [`Opcode`] |
//! | 4 | 1 | source: 0x10 the radio, 0x20 the computer |
//! | 5 | 1 | destination |
//! | 6 | 2 | packet number, big-endian; DATA_ACK repeats the one of its DATA |
//! | 8 | 2 | bytes of the whole frame, big-endian |
//! | 10 | 2 | checksum over all other bytes, the Internet's (RFC 1071), big-endian |
//! | 12 | n | one HDAP message, DATA only |
//!
//! There is no byte stuffing, 0x7E may stand inside: after a fault [`resync`] finds the next
//! start, and the checksum tells whether it was one.
//!
//! ```text
//! 7e 04 00 fe 20 10 0000 000c 60e1     CONNECT
//! 7e 04 00 10 20 10 0001 000c 61ce     DATA_ACK of packet 1
//! ```

use crate::error::{DecodeError, Layer, Parsed};
use crate::hdap::{self, Hdap};
use crate::refuse::check;
use bytes::BufMut;
use core::fmt;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, u8};
use nom::{IResult, Parser};

/// Bytes before the message.
pub const HEADER: usize = 12;
/// Largest frame taken. A reader's buffer needs no more than this.
pub const MAX_FRAME: usize = HEADER + hdap::OVERHEAD + hdap::MAX_PAYLOAD;
/// First byte of a frame.
pub const START: u8 = 0x7E;
/// The version in use; 3 and 0 are read too.
pub const VERSION: u8 = 4;
/// Address of the radio.
pub const RADIO: u8 = 0x10;
/// Address of the computer at the radio.
pub const COMPUTER: u8 = 0x20;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opcode {
    /// Carries one message.
    Data,
    /// Took the data of the same packet number.
    DataAck,
    /// Took the close.
    CloseAck,
    /// Ends the dialogue.
    Close,
    /// Does not take the connect.
    Reject,
    /// Takes the connect.
    Accept,
    /// Opens the dialogue.
    Connect,
}

impl Opcode {
    /// The byte on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Data => 0x00,
            Self::DataAck => 0x10,
            Self::CloseAck => 0xFA,
            Self::Close => 0xFB,
            Self::Reject => 0xFC,
            Self::Accept => 0xFD,
            Self::Connect => 0xFE,
        }
    }

    /// The opcode of a byte, none if it is not known.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x00 => Self::Data,
            0x10 => Self::DataAck,
            0xFA => Self::CloseAck,
            0xFB => Self::Close,
            0xFC => Self::Reject,
            0xFD => Self::Accept,
            0xFE => Self::Connect,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "DATA",
            Self::DataAck => "DATA_ACK",
            Self::CloseAck => "CLOSE_ACK",
            Self::Close => "CLOSE",
            Self::Reject => "REJECT",
            Self::Accept => "ACCEPT",
            Self::Connect => "CONNECT",
        }
    }
}

/// One frame, its message still in the buffer it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hrnp<'a> {
    /// 0, 3 or 4.
    pub version: u8,
    /// Block number, 0 in all captures.
    pub block: u8,
    /// What it is for.
    pub opcode: Opcode,
    /// Address of the sender.
    pub source: u8,
    /// Address of the receiver.
    pub destination: u8,
    /// Which packet it is, or acknowledges.
    pub packet_number: u16,
    /// The message: always in DATA, never elsewhere.
    pub message: Option<Hdap<'a>>,
}

impl<'a> Hrnp<'a> {
    /// Reads one frame from the start of a stream. After an error drop [`resync`] bytes.
    ///
    /// # Errors
    /// Wrong start, version or opcode, a length that does not fit the opcode or the cap, a wrong
    /// checksum, a faulty message inside. Start, version, opcode and a message that does not fill
    /// the frame are refused as soon as they are there, so that noise does not wait for a length.
    pub fn parse(input: &'a [u8]) -> Result<Parsed<Self>, DecodeError> {
        check_start(input)?;
        let Ok((body, head)) = header(input) else {
            return Ok(Parsed::Incomplete(HEADER - input.len().min(HEADER - 1)));
        };
        let opcode = opcode_of(head.opcode)?;
        let total = usize::from(head.length);
        let fits = match opcode {
            Opcode::Data => (HEADER + hdap::OVERHEAD..=MAX_FRAME).contains(&total),
            _ => total == HEADER,
        };
        if !fits {
            let expected = match opcode {
                Opcode::Data => "19 to 1043",
                _ => "12",
            };
            let (layer, found) = (Layer::Hrnp, total);
            return Err(DecodeError::Length {
                layer,
                found,
                expected,
            });
        }
        let (Some(frame), Some(body)) = (input.get(..total), body.get(..total - HEADER)) else {
            check_begun(body, total - HEADER)?;
            return Ok(Parsed::Incomplete(total - input.len()));
        };
        check_sum(frame, head.checksum)?;
        let message = match opcode {
            Opcode::Data => Some(only_message(body)?),
            _ => None,
        };
        let frame = Self {
            version: head.version,
            block: head.block,
            opcode,
            source: head.source,
            destination: head.destination,
            packet_number: head.packet_number,
            message,
        };
        Ok(Parsed::Complete(frame, total))
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        HEADER + self.message.map_or(0, |message| message.wire_len())
    }

    /// Writes the frame. Its message must be within the cap of HDAP.
    pub fn emit(&self, out: &mut impl BufMut) {
        let mut body = alloc::vec::Vec::with_capacity(self.wire_len() - HEADER);
        if let Some(message) = self.message {
            message.emit(&mut body);
        }
        let length = u16::try_from(HEADER + body.len()).unwrap_or(0);
        let [number_high, number_low] = self.packet_number.to_be_bytes();
        let [length_high, length_low] = length.to_be_bytes();
        let head = [
            START,
            self.version,
            self.block,
            self.opcode.code(),
            self.source,
            self.destination,
            number_high,
            number_low,
            length_high,
            length_low,
        ];
        out.put_slice(&head);
        out.put_u16(checksum(head.iter().chain(&body).copied()));
        out.put_slice(&body);
    }
}

/// The checksum of a frame's bytes without its checksum field (RFC 1071; an odd last byte is
/// followed by a 0).
#[must_use]
pub fn checksum(covered: impl Iterator<Item = u8>) -> u16 {
    let sum = covered.enumerate().fold(0u16, |sum, (at, byte)| {
        let shift = if at % 2 == 0 { 8 } else { 0 };
        let (sum, carry) = sum.overflowing_add(u16::from(byte) << shift);
        sum + u16::from(carry)
    });
    !sum
}

/// How many bytes to drop after a fault: at least one, up to the next start byte, all if there is
/// none. Never more than one pass over `input`, which a reader keeps within [`MAX_FRAME`].
#[must_use]
pub fn resync(input: &[u8]) -> usize {
    let next = input.iter().skip(1).position(|byte| *byte == START);
    next.map_or(input.len(), |at| at + 1)
}

struct Header {
    version: u8,
    block: u8,
    opcode: u8,
    source: u8,
    destination: u8,
    packet_number: u16,
    length: u16,
    checksum: u16,
}

fn header(input: &[u8]) -> IResult<&[u8], Header> {
    let (input, _start) = take(1usize).parse(input)?;
    let (input, (version, block, opcode)) = (u8, u8, u8).parse(input)?;
    let (input, (source, destination)) = (u8, u8).parse(input)?;
    let (input, (packet_number, length, checksum)) = (be_u16, be_u16, be_u16).parse(input)?;
    let head = Header {
        version,
        block,
        opcode,
        source,
        destination,
        packet_number,
        length,
        checksum,
    };
    Ok((input, head))
}

/// Refuses what can be refused before the header is whole.
fn check_start(input: &[u8]) -> Result<(), DecodeError> {
    if let Some(&start) = input.first()
        && start != START
    {
        return Err(value("start byte", start));
    }
    if let Some(&version) = input.get(1)
        && !matches!(version, 0 | 3 | 4)
    {
        return Err(value("version", version));
    }
    input
        .get(3)
        .map_or(Ok(()), |code| opcode_of(*code).map(|_| ()))
}

/// Refuses the beginning of a body whose message cannot fill it: lengths that agree by chance are
/// rare in noise.
fn check_begun(body: &[u8], whole: usize) -> Result<(), DecodeError> {
    /// Service, opcode and length of a message.
    const HEAD: usize = 5;
    let message = match Hdap::parse(body)? {
        Parsed::Incomplete(missing) if body.len() >= HEAD => body.len() + missing,
        Parsed::Incomplete(_) => return Ok(()),
        Parsed::Complete(_, used) => used,
    };
    match message == whole {
        true => Ok(()),
        false => Err(DecodeError::Length {
            layer: Layer::Hrnp,
            found: whole,
            expected: "the length of its message",
        }),
    }
}

fn opcode_of(code: u8) -> Result<Opcode, DecodeError> {
    Opcode::from_code(code).ok_or(value("opcode", code))
}

fn check_sum(frame: &[u8], found: u16) -> Result<(), DecodeError> {
    let (head, rest) = frame.split_at_checked(10).unwrap_or_default();
    let body = rest.get(2..).unwrap_or_default();
    let expected = checksum(head.iter().chain(body).copied());
    check(Layer::Hrnp, found.into(), expected.into())
}

/// The one message that fills the body.
fn only_message(body: &[u8]) -> Result<Hdap<'_>, DecodeError> {
    match Hdap::parse(body)? {
        Parsed::Complete(message, used) if used == body.len() => Ok(message),
        Parsed::Complete(_, used) => Err(DecodeError::Length {
            layer: Layer::Hrnp,
            found: body.len() - used,
            expected: "no bytes after the message",
        }),
        Parsed::Incomplete(missing) => Err(DecodeError::Truncated {
            layer: Layer::Hrnp,
            missing,
        }),
    }
}

fn value(what: &'static str, found: u8) -> DecodeError {
    DecodeError::Value {
        layer: Layer::Hrnp,
        what,
        found: u32::from(found),
    }
}

impl fmt::Display for Hrnp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, from, to) = (self.opcode.name(), self.source, self.destination);
        write!(f, "{name} {}, {from:#04x} to {to:#04x}", self.packet_number)?;
        match self.message {
            Some(message) => write!(f, ", {message}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::capture::{bytes_of, flips, frames, hex};
    use proptest::prelude::*;
    use serde_json::Value;
    use std::string::ToString;
    use std::vec::Vec;

    const VECTORS: &str = include_str!("../../fixtures/radio/hytera_hrnp.json");
    const TRANSCRIPTS: &str = include_str!("../../fixtures/radio/hytera_transcripts.json");

    /// All captured HRNP frames.
    fn captured() -> Vec<Value> {
        let mut all = frames(VECTORS);
        all.extend(frames(TRANSCRIPTS));
        all.retain(|frame| {
            frame["protocol"]
                .as_str()
                .unwrap()
                .eq_ignore_ascii_case("hrnp")
        });
        all
    }

    fn parsed(bytes: &[u8]) -> Hrnp<'_> {
        match Hrnp::parse(bytes) {
            Ok(Parsed::Complete(frame, used)) if used == bytes.len() => frame,
            other => panic!("{bytes:02x?}: {other:?}"),
        }
    }

    fn check(found: impl Into<u64>, expected: &Value) {
        if let Some(expected) = expected.as_u64() {
            assert_eq!(found.into(), expected);
        }
    }

    #[test]
    fn captured_frames_give_their_fields_and_the_same_bytes() {
        let all = captured();
        for frame in &all {
            let (bytes, expected) = (bytes_of(frame), &frame["expected"]);
            let read = parsed(&bytes);
            assert_eq!(read.opcode.name(), expected["opcode"]);
            check(read.version, &expected["version"]);
            check(read.block, &expected["block"]);
            check(read.source, &expected["source"]);
            check(read.destination, &expected["destination"]);
            check(read.packet_number, &expected["packet_number"]);
            let hdap = &expected["hdap"];
            assert_eq!(read.message.is_some(), !hdap.is_null());
            if let (Some(message), Some(service)) = (read.message, hdap["service"].as_str()) {
                assert_eq!(message.service.name(), service);
                assert_eq!(hdap["checksum_verifies"], true);
                let opcode = hex(hdap["opcode_hex"].as_str().unwrap());
                assert_eq!(bytes[HEADER + 1..HEADER + 3], opcode);
            }
            let mut again = Vec::new();
            read.emit(&mut again);
            assert_eq!((again.len(), again), (read.wire_len(), bytes));
        }
        assert_eq!(all.len(), 13);
    }

    #[test]
    fn every_prefix_waits_for_the_rest() {
        for frame in captured() {
            let bytes = bytes_of(&frame);
            for end in 0..bytes.len() {
                match Hrnp::parse(&bytes[..end]) {
                    Ok(Parsed::Incomplete(missing)) => {
                        assert!((1..=bytes.len() - end).contains(&missing));
                    }
                    other => panic!("{end} of {bytes:02x?}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn no_flipped_bit_is_taken() {
        for frame in captured() {
            let bytes = bytes_of(&frame);
            for (at, bit, flipped) in flips(&bytes, 0..bytes.len()) {
                let read = Hrnp::parse(&flipped);
                let refused = matches!(read, Err(_) | Ok(Parsed::Incomplete(_)));
                assert!(refused, "bit {bit} of byte {at}: {read:?}");
            }
        }
    }

    #[test]
    fn frames_are_found_again_after_noise() {
        let frame = bytes_of(&captured()[0]);
        let stream = [&[0x7E, 0x04, 0x7E, 0xFF, 0x00][..], &frame, &[0x01]].concat();
        let (mut at, mut found) = (0, 0);
        while at < stream.len() {
            match Hrnp::parse(&stream[at..]) {
                Ok(Parsed::Complete(_, used)) => (at, found) = (at + used, found + 1),
                Ok(Parsed::Incomplete(_)) => break,
                Err(_) => at += resync(&stream[at..]),
            }
        }
        assert_eq!((at, found), (stream.len(), 1));
    }

    #[test]
    fn it_reads_as_one_line() {
        let bytes =
            hex("7e04000010200004002767790980b1001400000001000000010a000835610068006f006a000203");
        let line = "DATA 4, 0x10 to 0x20, TMP 0x80b1, 20 bytes";
        assert_eq!(parsed(&bytes).to_string(), line);
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_awaited_or_written_back(bytes: Vec<u8>, number: u16) {
            let mut start = std::vec![START, VERSION, 0, 0, RADIO, COMPUTER];
            start.extend(number.to_be_bytes());
            start.extend(&bytes);
            for input in [&bytes, &start] {
                prop_assert!((0..=input.len()).contains(&resync(input)));
                match Hrnp::parse(input) {
                    Ok(Parsed::Complete(frame, used)) => {
                        let mut again = Vec::new();
                        frame.emit(&mut again);
                        prop_assert_eq!(&again, &input[..used]);
                    }
                    Ok(Parsed::Incomplete(missing)) => prop_assert!(missing <= MAX_FRAME),
                    Err(_) => {}
                }
            }
        }
    }
}
