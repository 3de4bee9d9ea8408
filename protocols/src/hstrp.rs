//! HSTRP: service messages over UDP, as repeaters and trunking gateways speak it. It frames and
//! checks one datagram; who may send what when, retries and acks belong to the `link` module.
//!
//! | off | size | field |
//! |---|---|---|
//! | 0 | 2 | magic, ASCII `2B` |
//! | 2 | 1 | version, 0 |
//! | 3 | 1 | kind bits, see [`Kind`] |
//! | 4 | 2 | sequence, big-endian; an ack repeats it |
//! | 6 | .. | options, if OPTION is set and HEARTBEAT is not |
//! | .. | .. | zero or more HDAP messages |
//!
//! One option: bit 7 "another follows" and seven bits of id, one byte of length, data.
//!
//! No checksum covers header and options: only the one of UDP does, where it is switched on.
//!
//! ```text
//! 3242 00 24 0002  83 04 00000001  04 01 01     CONNECT, sequence 2, device 1, channel 1
//! 3242 00 02 0000                               HEARTBEAT
//! 3242 00 21 0014  83 04 00000001  04 01 01     ACK of data 20, its options kept
//! ```

use crate::error::{DecodeError, Layer, Parsed};
use crate::hdap::Hdap;
use bytes::BufMut;
use core::fmt;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, u8};
use nom::{IResult, Parser};

/// Most options of a datagram; captures show three.
pub const MAX_OPTIONS: usize = 16;
/// Most messages of a datagram; captures show one.
pub const MAX_MESSAGES: usize = 16;
/// Bytes before the options.
pub const HEADER: usize = 6;
/// Bytes of the option chain of [`endpoint_options`].
pub const ENDPOINT_OPTIONS: usize = 9;

const MAGIC: u16 = 0x3242;
const OPTION_DEVICE: u8 = 3;
const OPTION_CHANNEL: u8 = 4;
const MORE: u8 = 0x80;

/// What a datagram is for: a set of bits. Plain data has none, or OPTION alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(u8);

impl Kind {
    /// Carries messages, no options.
    pub const DATA: Self = Self(0);
    /// Repeats the header of what it acknowledges.
    pub const ACK: Self = Self(0x01);
    /// Alive; answered by another heartbeat.
    pub const HEARTBEAT: Self = Self(0x02);
    /// Opens a link.
    pub const CONNECT: Self = Self(0x04);
    /// Ends a link.
    pub const CLOSE: Self = Self(0x08);
    /// The opposite of an ack. In no public capture.
    pub const REJECT: Self = Self(0x10);
    /// Options follow the header, except in a heartbeat.
    pub const OPTION: Self = Self(0x20);
    const NAMES: [(Self, &'static str); 6] = [
        (Self::CONNECT, "CONNECT"),
        (Self::CLOSE, "CLOSE"),
        (Self::HEARTBEAT, "HEARTBEAT"),
        (Self::REJECT, "REJECT"),
        (Self::ACK, "ACK"),
        (Self::OPTION, "OPTION"),
    ];

    /// The kind of these bits, none if a reserved one (0xC0) is set.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits & 0xC0 == 0).then_some(Self(bits))
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// One datagram, options and messages still in the buffer it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hstrp<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Which one it is, or acknowledges.
    pub sequence: u16,
    /// The option chain as on the wire; empty unless `kind` has OPTION.
    pub options: &'a [u8],
    /// The messages as on the wire, one after the other.
    pub messages: &'a [u8],
}

impl<'a> Hstrp<'a> {
    /// Reads a whole datagram and checks every option and message in it.
    ///
    /// # Errors
    /// Wrong magic or version, reserved bits, an option chain or message that is cut, wrong or one
    /// too many, bytes after the last message.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let Ok((rest, (magic, version, bits, sequence))) = header(datagram) else {
            return Err(truncated(HEADER.saturating_sub(datagram.len())));
        };
        if magic != MAGIC {
            return Err(value("magic", u32::from(magic)));
        }
        if version != 0 {
            return Err(value("version", u32::from(version)));
        }
        let kind = Kind::from_bits(bits).ok_or(value("reserved kind bits", u32::from(bits)))?;
        let optioned = kind.has(Kind::OPTION) && !kind.has(Kind::HEARTBEAT);
        let length = if optioned { chain_len(rest)? } else { 0 };
        let (options, messages) = rest.split_at_checked(length).ok_or(truncated(1))?;
        let frame = Self {
            kind,
            sequence,
            options,
            messages,
        };
        for (index, message) in frame.messages().enumerate() {
            message?;
            if index >= MAX_MESSAGES {
                return Err(too_many(index + 1, "at most 16 messages"));
            }
        }
        Ok(frame)
    }

    /// The options in their order.
    #[must_use]
    pub fn options(&self) -> Options<'a> {
        Options(Some(self.options))
    }

    /// The messages in their order; it ends after the first error. None fails in a parsed datagram.
    #[must_use]
    pub fn messages(&self) -> Messages<'a> {
        Messages(self.messages)
    }

    /// Option 3: the number of the repeater.
    #[must_use]
    pub fn device_id(&self) -> Option<u32> {
        let device = self.options().find(|option| option.id == OPTION_DEVICE)?;
        device.data.try_into().ok().map(u32::from_be_bytes)
    }

    /// Option 4: the slot, 1 or 2.
    #[must_use]
    pub fn channel(&self) -> Option<u8> {
        let channel = self.options().find(|option| option.id == OPTION_CHANNEL)?;
        <[u8; 1]>::try_from(channel.data).ok().map(|[slot]| slot)
    }

    /// What acknowledges this: the same header with ACK set, options kept, messages left out.
    #[must_use]
    pub fn ack(&self) -> Self {
        Self {
            kind: self.kind.with(Kind::ACK),
            messages: &[],
            ..*self
        }
    }

    /// Bytes of the whole datagram.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        HEADER + self.options.len() + self.messages.len()
    }

    /// Writes the datagram.
    pub fn emit(&self, out: &mut impl BufMut) {
        out.put_u16(MAGIC);
        out.put_u8(0);
        out.put_u8(self.kind.bits());
        out.put_u16(self.sequence);
        out.put_slice(self.options);
        out.put_slice(self.messages);
    }
}

/// The option chain a repeater sends in CONNECT and data: its device id, then its channel.
#[must_use]
pub fn endpoint_options(device_id: u32, channel: u8) -> [u8; ENDPOINT_OPTIONS] {
    let [a, b, c, d] = device_id.to_be_bytes();
    [
        MORE | OPTION_DEVICE,
        4,
        a,
        b,
        c,
        d,
        OPTION_CHANNEL,
        1,
        channel,
    ]
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HstrpOption<'a> {
    /// 1 realtime (no data), 3 device, 4 channel, 5 to 7 site, index and channel type of XPT.
    pub id: u8,
    /// At most 255 bytes.
    pub data: &'a [u8],
}

/// Iterator over a chain of options; stops at one that is cut.
#[derive(Debug, Clone)]
pub struct Options<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Options<'a> {
    type Item = HstrpOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, (head, data)) = option(self.0?).ok()?;
        self.0 = (head & MORE != 0).then_some(rest);
        let id = head & !MORE;
        Some(HstrpOption { id, data })
    }
}

/// Iterator over messages standing one after the other.
#[derive(Debug, Clone)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Hdap<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (message, rest) = match Hdap::parse(self.0) {
            Ok(Parsed::Complete(message, used)) => (Ok(message), self.0.get(used..)),
            Ok(Parsed::Incomplete(missing)) => (Err(truncated(missing)), None),
            Err(error) => (Err(error), None),
        };
        self.0 = rest.unwrap_or_default();
        Some(message)
    }
}

fn header(input: &[u8]) -> IResult<&[u8], (u16, u8, u8, u16)> {
    (be_u16, u8, u8, be_u16).parse(input)
}

/// Its first byte and its data.
fn option(input: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (input, (head, length)) = (u8, u8).parse(input)?;
    let (input, data) = take(length).parse(input)?;
    Ok((input, (head, data)))
}

/// Bytes of the option chain at the start of `input`.
fn chain_len(input: &[u8]) -> Result<usize, DecodeError> {
    let mut rest = input;
    for _ in 0..MAX_OPTIONS {
        let Ok((after, (head, _))) = option(rest) else {
            let needed = 2 + rest.get(1).map_or(0, |length| usize::from(*length));
            return Err(truncated(needed.saturating_sub(rest.len())));
        };
        rest = after;
        if head & MORE == 0 {
            return Ok(input.len() - rest.len());
        }
    }
    Err(too_many(MAX_OPTIONS + 1, "at most 16 options"))
}

fn truncated(missing: usize) -> DecodeError {
    let layer = Layer::Hstrp;
    DecodeError::Truncated { layer, missing }
}

fn too_many(found: usize, expected: &'static str) -> DecodeError {
    DecodeError::Length {
        layer: Layer::Hstrp,
        found,
        expected,
    }
}

fn value(what: &'static str, found: u32) -> DecodeError {
    let layer = Layer::Hstrp;
    DecodeError::Value { layer, what, found }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (bit, name) in Self::NAMES {
            if self.has(bit) {
                write!(f, "{separator}{name}")?;
                separator = "+";
            }
        }
        match self.0 {
            0 => f.write_str("DATA"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Hstrp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.sequence)?;
        if let Some(device) = self.device_id() {
            write!(f, ", device {device}")?;
        }
        if let Some(channel) = self.channel() {
            write!(f, ", channel {channel}")?;
        }
        for message in self.messages().flatten() {
            write!(f, ", {message}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::capture::{bytes_of, flips, frames, hex, named};
    use serde_json::Value;
    use std::string::ToString;
    use std::vec::Vec;

    const VECTORS: &str = include_str!("../../fixtures/radio/hytera_hstrp.json");
    const TRANSCRIPTS: &str = include_str!("../../fixtures/radio/hytera_transcripts.json");

    fn parsed(bytes: &[u8]) -> Hstrp<'_> {
        Hstrp::parse(bytes).unwrap_or_else(|error| panic!("{bytes:02x?}: {error}"))
    }

    fn bit(name: &Value) -> Kind {
        let all = Kind::NAMES;
        let found = all.iter().find(|(_, known)| name == known);
        found.unwrap_or_else(|| panic!("{name}")).0
    }

    fn kind_of(flags: &Value) -> Kind {
        let flags = flags.as_array().unwrap().iter();
        flags.map(bit).fold(Kind::DATA, Kind::with)
    }

    #[test]
    fn captured_frames_give_their_fields_and_the_same_bytes() {
        let mut edited = 0;
        for frame in frames(VECTORS) {
            let (bytes, expected) = (bytes_of(&frame), &frame["expected"]);
            let hdap = &expected["hdap"];
            if hdap["checksum_verifies"] == false {
                let error = Hstrp::parse(&bytes).unwrap_err();
                assert_eq!((error.layer(), error.reason()), (Layer::Hdap, "checksum"));
                edited += 1;
                continue;
            }
            let read = parsed(&bytes);
            assert_eq!(read.kind, kind_of(&expected["flags"]), "{frame}");
            assert_eq!(
                u64::from(read.sequence),
                expected["sequence"].as_u64().unwrap()
            );
            let options: Vec<_> = read.options().collect();
            let named = expected["options"].as_array().unwrap();
            assert_eq!(options.len(), named.len());
            for (option, named) in options.iter().zip(named) {
                assert_eq!(u64::from(option.id), named["id"].as_u64().unwrap());
                assert_eq!(option.data, hex(named["value"].as_str().unwrap()));
            }
            let messages: Vec<_> = read.messages().map(Result::unwrap).collect();
            assert_eq!(messages.len(), usize::from(hdap.is_object()));
            for message in messages {
                assert_eq!(message.service.name(), hdap["service"]);
                assert_eq!(message.reliable, hdap["reliable"]);
                let opcode = hex(hdap["opcode_hex"].as_str().unwrap());
                assert_eq!(read.messages[1..3], opcode);
                let sum = read.messages[read.messages.len() - 2];
                assert_eq!(hex(hdap["checksum_hex"].as_str().unwrap()), [sum]);
            }
            let mut again = Vec::new();
            read.emit(&mut again);
            assert_eq!((again.len(), again), (read.wire_len(), bytes));
        }
        assert_eq!(edited, 1);
    }

    #[test]
    fn transcript_frames_give_their_fields_and_the_same_bytes() {
        let frames = frames(TRANSCRIPTS);
        let hstrp = frames.iter().filter(|frame| frame["protocol"] == "hstrp");
        let mut seen = 0;
        for frame in hstrp {
            let (bytes, expected) = (bytes_of(frame), &frame["expected"]);
            let read = parsed(&bytes);
            assert_eq!(read.kind, kind_of(&expected["flags"]), "{frame}");
            assert_eq!(u64::from(read.sequence), expected["sn"].as_u64().unwrap());
            let device = expected["DeviceID"].as_u64();
            if device.is_some() {
                assert_eq!(read.device_id().map(u64::from), device);
                let channel = expected["ChannelID"].as_u64();
                assert_eq!(read.channel().map(u64::from), channel);
            }
            let realtime = read
                .options()
                .any(|option| option.id == 1 && option.data.is_empty());
            assert_eq!(realtime, expected["realtime"] == true);
            let mut again = Vec::new();
            read.emit(&mut again);
            assert_eq!(again, bytes);
            seen += 1;
        }
        assert_eq!(seen, 9);
    }

    #[test]
    fn an_ack_repeats_header_and_options_as_captured() {
        let frames = frames(TRANSCRIPTS);
        let data = named(&frames, "hstrp.private_message_to_1002.3.message_reply.bin");
        let mut ack = Vec::new();
        parsed(&data).ack().emit(&mut ack);
        assert_eq!(
            ack,
            named(&frames, "hstrp.private_message_to_1002.4.ack.bin")
        );
        let connect = named(&frames, "hstrp.1.connect.bin");
        ack.clear();
        parsed(&connect).ack().emit(&mut ack);
        // The server of that capture answers with its own sequence 1; ours repeats the peer's.
        assert_eq!(ack, hex("324200250002830400000001040101"));
        assert_eq!(connect[HEADER..], endpoint_options(1, 1));
    }

    #[test]
    fn a_prefix_is_refused_or_a_shorter_datagram() {
        for frame in frames(VECTORS).iter().chain(&frames(TRANSCRIPTS)) {
            let bytes = bytes_of(frame);
            let Ok(whole) = Hstrp::parse(&bytes) else {
                continue;
            };
            for end in 0..bytes.len() {
                if let Ok(read) = Hstrp::parse(&bytes[..end]) {
                    assert_eq!((read.kind, read.options), (whole.kind, whole.options));
                    assert!(read.messages().count() < whole.messages().count());
                }
            }
        }
    }

    #[test]
    fn a_flipped_header_or_option_bit_is_refused_or_seen_in_its_field() {
        let bytes = hex("32420020000183040001869f04010211000300040a000064bd03");
        let whole = parsed(&bytes);
        for (at, bit, flipped) in flips(&bytes, 0..15) {
            let read = Hstrp::parse(&flipped);
            match (at, bit) {
                // Magic, version, reserved bits; options read as messages; an id that ends or goes
                // on with the chain; lengths.
                (0..=2, _) | (3, 5..) | (6, 7) | (7, _) | (12, 7) | (13, _) => {
                    assert!(read.is_err(), "{at}.{bit}: {read:?}");
                }
                // HEARTBEAT has no options, so they are read as a message.
                (3, 1) => assert!(read.is_err()),
                (3, _) => assert_eq!(read.unwrap().kind.bits(), whole.kind.bits() ^ (1 << bit)),
                (4 | 5, _) => assert_ne!(read.unwrap().sequence, whole.sequence),
                (6, _) => assert_eq!(read.unwrap().device_id(), None),
                (8..=11, _) => assert_ne!(read.unwrap().device_id(), whole.device_id()),
                (12, _) => assert_eq!(read.unwrap().channel(), None),
                _ => assert_ne!(read.unwrap().channel(), whole.channel()),
            }
        }
    }

    #[test]
    fn a_captured_message_takes_no_flipped_bit_under_its_checksum_and_waits_for_its_end() {
        for frame in frames(VECTORS) {
            let bytes = bytes_of(&frame);
            let Ok(read) = Hstrp::parse(&bytes) else {
                continue;
            };
            let message = read.messages;
            for (at, bit, flipped) in flips(message, 1..message.len()) {
                let read = Hdap::parse(&flipped);
                let refused = matches!(read, Err(_) | Ok(Parsed::Incomplete(_)));
                assert!(refused, "bit {bit} of byte {at}: {read:?}");
            }
            for end in 0..message.len() {
                let read = Hdap::parse(&message[..end]);
                assert!(matches!(read, Ok(Parsed::Incomplete(_))), "{end}: {read:?}");
            }
        }
    }

    #[test]
    fn unknown_options_are_skipped_by_length_and_chains_are_bounded() {
        let bytes = hex("3242002000018503aabbcc04010211000300040a000064bd03");
        let read = parsed(&bytes);
        assert_eq!((read.device_id(), read.channel()), (None, Some(2)));
        let mut endless = hex("324200200001");
        endless.extend([0x81, 0].repeat(MAX_OPTIONS));
        endless.extend([0x01, 0]);
        assert_eq!(Hstrp::parse(&endless).unwrap_err().reason(), "length");
        endless.drain(6..8);
        assert_eq!(parsed(&endless).options().count(), MAX_OPTIONS);
        let mut crowd = hex("324200000001");
        crowd.extend(hex("11000300040a000064bd03").repeat(MAX_MESSAGES));
        assert_eq!(parsed(&crowd).messages().count(), MAX_MESSAGES);
        crowd.extend(hex("11000300040a000064bd03"));
        assert_eq!(Hstrp::parse(&crowd).unwrap_err().reason(), "length");
    }

    #[test]
    fn it_reads_as_one_line() {
        let bytes = hex("32420024000283040000000104010111000300040a000064bd03");
        let line = "CONNECT+OPTION 2, device 1, channel 1, RRS 0x0003, 4 bytes";
        assert_eq!(parsed(&bytes).to_string(), line);
        assert_eq!(parsed(&hex("324200000001")).to_string(), "DATA 1");
    }
}
