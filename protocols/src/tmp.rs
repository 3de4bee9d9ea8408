//! TMP: text messages and their acknowledgements. It does not wait or retry. Work orders, of the
//! same service, are `work_order`'s; its short data (AE, AF, BE, BF) stays raw, because no capture
//! shows its layout.
//!
//! Opcode, high byte: bit 7 a flag, bit 6 option data, bits 5..0 reserved (a message that sets one
//! stays raw). Low byte: which message.
//!
//! | low | message | payload |
//! |---|---|---|
//! | A1 | private text | \[option length 2] request 4, destination 4, source 4, text \[option] |
//! | A2 | its ack | \[option length 2] request 4, destination 4, source 4, result 1 \[option] |
//! | B1 | group text | as A1, the destination a group |
//! | B2 | its ack | as A2; also seen described without source |
//!
//! Sources disagree whether the flag asks for an ack or waives it; captures show answers to both.
//! So it is copied unchanged and an ack is awaited either way.

use crate::error::{DecodeError, Layer};
use crate::hdap::MAX_PAYLOAD;
use crate::radio_ip::RadioIp;
use crate::refuse::{length, whole};
use crate::text::Text;
use bytes::BufMut;
use core::fmt;
use nom::combinator::rest;
use nom::number::complete::{be_u32, u8};

const FLAG: u16 = 0x8000;
const OPTION: u16 = 0x4000;

/// A text message or an ack of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmp<'a> {
    /// Bit 7 of the opcode's high byte, copied unchanged.
    pub flag: bool,
    /// Chosen by the sender, repeated in the ack.
    pub request_id: u32,
    /// What it is.
    pub body: Body<'a>,
    /// Option data; nobody says publicly what it means.
    pub option: Option<&'a [u8]>,
}

/// The four messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// A text to one terminal.
    Private {
        /// To whom.
        destination: RadioIp,
        /// From whom; a host by its IPv4 address.
        source: RadioIp,
        /// What it says.
        text: Text<'a>,
    },
    /// The terminal got it, or why not.
    PrivateAck {
        /// Whom the text went to.
        destination: RadioIp,
        /// Who had sent it; pseudo addresses are seen here.
        source: RadioIp,
        /// How it ended.
        result: TmpResult,
    },
    /// A text to a group.
    Group {
        /// To which.
        group: RadioIp,
        /// From whom.
        source: RadioIp,
        /// What it says.
        text: Text<'a>,
    },
    /// It went out. No single terminal is known to have it.
    GroupAck {
        /// Which group it went to.
        group: RadioIp,
        /// Who had sent it, in the longer form.
        source: Option<RadioIp>,
        /// How it ended.
        result: TmpResult,
    },
}

/// How a text ended. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TmpResult(pub u8);

impl TmpResult {
    /// Delivered.
    pub const OK: Self = Self(0);

    /// Whether it was delivered.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "ok",
            1 => "failed",
            3 => "invalid parameters",
            4 => "channel busy",
            5 => "receive only",
            6 => "low battery",
            7 => "PLL unlocked",
            8 => "no ack of the private call",
            9 => "repeater did not wake up",
            10 => "no contact",
            11 => "transmission denied",
            12 => "transmission interrupted",
            _ => "unknown result",
        }
    }
}

impl<'a> Tmp<'a> {
    /// Reads a payload; none if the opcode is not one of the table above.
    ///
    /// # Errors
    /// A payload too short for its opcode, or an ack too long.
    pub fn parse(opcode: u16, payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let kind = opcode & !(FLAG | OPTION);
        if !matches!(kind, 0xA1 | 0xA2 | 0xB1 | 0xB2) {
            return Ok(None);
        }
        let (fixed, option) = match opcode & OPTION {
            0 => (payload, None),
            _ => {
                let (fixed, option) = split_option(payload)?;
                (fixed, Some(option))
            }
        };
        let (request_id, body) = match kind {
            0xA1 | 0xB1 => {
                let expected = "12 or more, a text's";
                let fields = (be_u32, RadioIp::read, RadioIp::read, rest);
                let (request, destination, source, text) =
                    whole(Layer::Tmp, fixed, expected, fields)?;
                let text = Text::from_wire(text);
                (request, Body::text(kind, destination, source, text))
            }
            0xB2 if fixed.len() == 9 => {
                let fields = (be_u32, RadioIp::read, u8);
                let (request, group, result) = whole(Layer::Tmp, fixed, "9", fields)?;
                let (source, result) = (None, TmpResult(result));
                let body = Body::GroupAck {
                    group,
                    source,
                    result,
                };
                (request, body)
            }
            _ => {
                let expected = if kind == 0xA2 {
                    "13, an ack's"
                } else {
                    "9 or 13, an ack's"
                };
                let fields = (be_u32, RadioIp::read, RadioIp::read, u8);
                let (request, destination, source, result) =
                    whole(Layer::Tmp, fixed, expected, fields)?;
                (
                    request,
                    Body::ack(kind, destination, source, TmpResult(result)),
                )
            }
        };
        Ok(Some(Self {
            flag: opcode & FLAG != 0,
            request_id,
            body,
            option,
        }))
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        let kind = match self.body {
            Body::Private { .. } => 0xA1,
            Body::PrivateAck { .. } => 0xA2,
            Body::Group { .. } => 0xB1,
            Body::GroupAck { .. } => 0xB2,
        };
        let flag = if self.flag { FLAG } else { 0 };
        let option = if self.option.is_some() { OPTION } else { 0 };
        kind | flag | option
    }

    /// Whether this is the ack of the text with that request id to that terminal or group. Only the
    /// 24 bits of the id count: captured answers came back with another subnet and source.
    #[must_use]
    pub fn acknowledges(&self, request_id: u32, destination: u32) -> bool {
        let to = match self.body {
            Body::PrivateAck { destination, .. } => destination,
            Body::GroupAck { group, .. } => group,
            Body::Private { .. } | Body::Group { .. } => return false,
        };
        self.request_id == request_id && to.id == destination & RadioIp::MAX_ID
    }

    /// Writes the payload. Option data is cut to what room the frame leaves.
    pub fn emit(&self, out: &mut impl BufMut) {
        let option = self.option.map(|option| {
            let room = MAX_PAYLOAD.saturating_sub(2 + self.fixed_len());
            option.get(..room).unwrap_or(option)
        });
        if let Some(option) = option {
            out.put_u16(u16::try_from(option.len()).unwrap_or(0));
        }
        out.put_u32(self.request_id);
        match self.body {
            Body::Private {
                destination,
                source,
                text,
            }
            | Body::Group {
                group: destination,
                source,
                text,
            } => {
                destination.emit(out);
                source.emit(out);
                text.emit(out);
            }
            Body::PrivateAck {
                destination,
                source,
                result,
            } => {
                destination.emit(out);
                source.emit(out);
                out.put_u8(result.0);
            }
            Body::GroupAck {
                group,
                source,
                result,
            } => {
                group.emit(out);
                source.iter().for_each(|source| source.emit(out));
                out.put_u8(result.0);
            }
        }
        out.put_slice(option.unwrap_or_default());
    }

    /// Bytes of the payload without option length and data.
    fn fixed_len(&self) -> usize {
        match self.body {
            Body::Private { text, .. } | Body::Group { text, .. } => 12 + text.wire_len(),
            Body::PrivateAck { .. } => 13,
            Body::GroupAck { source, .. } => 9 + source.map_or(0, |_| RadioIp::LEN),
        }
    }
}

impl<'a> Body<'a> {
    fn text(kind: u16, destination: RadioIp, source: RadioIp, text: Text<'a>) -> Self {
        match kind {
            0xA1 => Self::Private {
                destination,
                source,
                text,
            },
            _ => Self::Group {
                group: destination,
                source,
                text,
            },
        }
    }

    fn ack(kind: u16, destination: RadioIp, source: RadioIp, result: TmpResult) -> Self {
        match kind {
            0xA2 => Self::PrivateAck {
                destination,
                source,
                result,
            },
            _ => Self::GroupAck {
                group: destination,
                source: Some(source),
                result,
            },
        }
    }
}

/// A payload whose first two bytes say how many of its last are option data.
fn split_option(payload: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let expected = "room for its option data";
    let refused = || length(Layer::Tmp, payload.len(), expected);
    let (size, rest) = payload.split_first_chunk().ok_or_else(refused)?;
    let size = usize::from(u16::from_be_bytes(*size));
    let at = rest.len().checked_sub(size).ok_or_else(refused)?;
    rest.split_at_checked(at).ok_or_else(refused)
}

impl fmt::Display for TmpResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Display for Tmp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request_id;
        match self.body {
            Body::Private {
                destination,
                source,
                text,
            } => write!(f, "text {request} from {source} to {destination}: {text}"),
            Body::Group {
                group,
                source,
                text,
            } => write!(f, "text {request} from {source} to group {group}: {text}"),
            Body::PrivateAck {
                destination,
                result,
                ..
            } => write!(f, "text {request} to {destination}: {result}"),
            Body::GroupAck { group, result, .. } => {
                write!(f, "text {request} to group {group}: {result}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const ADDRESSED: [u8; 12] = [0, 0, 0, 7, 10, 0, 3, 0xE9, 10, 0, 0, 1];

    fn payload(tail: &[u8]) -> Vec<u8> {
        [&ADDRESSED[..], tail].concat()
    }

    #[test]
    fn a_text_and_its_ack() {
        let payload = payload(&[0x66, 0x8B, 0xC5, 0x60]);
        let text = Tmp::parse(0x80A1, &payload).unwrap().unwrap();
        let words = "text 7 from 1 (subnet 10) to 1001 (subnet 10): 警情";
        assert_eq!(text.to_string(), words);
        assert!(text.flag);
        assert!(!text.acknowledges(7, 1001));

        // As captured from a repeater: subnet 0 and a pseudo source.
        let payload = [0, 0, 0, 0, 0, 0, 0x03, 0xEA, 0, 0, 0, 1, 0];
        let ack = Tmp::parse(0x00A2, &payload).unwrap().unwrap();
        assert_eq!(ack.to_string(), "text 0 to 1002 (subnet 0): ok (0)");
        assert!(ack.acknowledges(0, 0x0A00_03EA));
        assert!(!ack.acknowledges(1, 1002));
        assert!(!ack.acknowledges(0, 1003));
    }

    #[test]
    fn group_acks_come_with_and_without_source() {
        let long = payload(&[4]);
        let short = [0, 0, 0, 7, 0, 0, 0, 110, 4];
        for (payload, has_source) in [(&long[..], true), (&short, false)] {
            let ack = Tmp::parse(0x00B2, payload).unwrap().unwrap();
            let Body::GroupAck { source, result, .. } = ack.body else {
                panic!("{ack}");
            };
            assert_eq!(source.is_some(), has_source);
            assert_eq!(result.name(), "channel busy");
            let mut out = Vec::new();
            ack.emit(&mut out);
            assert_eq!(out, payload);
        }
    }

    #[test]
    fn option_data_stands_at_the_end() {
        let payload = [&[0, 2][..], &payload(&[0x41, 0]), &[0xDE, 0xAD]].concat();
        let text = Tmp::parse(0x40A1, &payload).unwrap().unwrap();
        assert_eq!(text.option, Some(&[0xDE, 0xAD][..]));
        assert!(text.to_string().ends_with(": A"));
        // It may be empty, which is not the same as absent.
        let empty = [&[0, 0][..], &ADDRESSED].concat();
        let text = Tmp::parse(0x40A1, &empty).unwrap().unwrap();
        assert_eq!((text.option, text.opcode()), (Some(&[][..]), 0x40A1));
    }

    #[test]
    fn option_data_is_cut_to_the_frame() {
        let long = vec![7; MAX_PAYLOAD];
        let payload = payload(&[]);
        let mut text = Tmp::parse(0x00A1, &payload).unwrap().unwrap();
        text.option = Some(&long);
        let mut out = Vec::new();
        text.emit(&mut out);
        assert_eq!(out.len(), MAX_PAYLOAD);
        let read = Tmp::parse(0x40A1, &out).unwrap().unwrap();
        assert_eq!(read.option.map(<[u8]>::len), Some(MAX_PAYLOAD - 14));
    }

    /// A text's prefix is a shorter text from 12 bytes on, and a long group ack's 9 bytes are a
    /// short one; every other prefix is refused.
    #[test]
    fn prefixes() {
        let payload = payload(&[0, 0x41, 0, 0x42]);
        for taken in 0..=payload.len() {
            let is_read = |opcode| Tmp::parse(opcode, &payload[..taken]).is_ok();
            for opcode in [0xA1, 0xB1, 0x80A1] {
                assert_eq!(is_read(opcode), taken >= 12, "{opcode:#x} {taken}");
            }
            assert_eq!(is_read(0xA2), taken == 13, "{taken}");
            assert_eq!(is_read(0xB2), taken == 13 || taken == 9, "{taken}");
            // Its first two bytes read as an option length of 0.
            assert_eq!(is_read(0x40A2), taken == 15, "{taken}");
        }
        assert!(Tmp::parse(0x40A1, &[0, 9, 0, 0]).is_err());
    }

    #[test]
    fn short_data_work_orders_and_reserved_bits_are_not_read() {
        let payload = payload(&[]);
        for low in 0..=0xFFu16 {
            let is_text = matches!(low, 0xA1 | 0xA2 | 0xB1 | 0xB2);
            if !is_text {
                assert_eq!(Tmp::parse(low, &payload), Ok(None));
            }
        }
        assert_eq!(Tmp::parse(0x01A1, &payload), Ok(None));
        assert_eq!(Tmp::parse(0x20A1, &payload), Ok(None));
    }

    #[test]
    fn results_have_names() {
        assert!(TmpResult(0).is_ok() && !TmpResult(8).is_ok());
        let known = (0..=255).filter(|code| TmpResult(*code).name() != "unknown result");
        assert_eq!(known.count(), 12);
    }

    fn any_radio() -> impl Strategy<Value = RadioIp> {
        (any::<u8>(), 0..=RadioIp::MAX_ID).prop_map(|(subnet, id)| RadioIp { subnet, id })
    }

    proptest! {
        #[test]
        fn round_trip(
            kind in 0..5u8,
            (flag, request_id, result) in (any::<bool>(), any::<u32>(), any::<u8>()),
            (destination, source) in (any_radio(), any_radio()),
            text in any::<String>(),
            option in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        ) {
            let (text, result) = (Text::new(&text), TmpResult(result));
            let body = match kind {
                0 => Body::text(0xA1, destination, source, text),
                1 => Body::text(0xB1, destination, source, text),
                2 => Body::ack(0xA2, destination, source, result),
                3 => Body::ack(0xB2, destination, source, result),
                _ => Body::GroupAck { group: destination, source: None, result },
            };
            let message = Tmp { flag, request_id, body, option: option.as_deref() };
            let mut payload = Vec::new();
            message.emit(&mut payload);
            prop_assert!(payload.len() <= MAX_PAYLOAD);
            prop_assert_eq!(Tmp::parse(message.opcode(), &payload), Ok(Some(message)));
        }

        #[test]
        fn whatever_is_read_is_written_again(
            kind in proptest::sample::select(vec![0xA1, 0xA2, 0xB1, 0xB2]),
            flags in 0..4u16,
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let opcode = flags << 14 | kind;
            if let Ok(Some(message)) = Tmp::parse(opcode, &bytes) {
                let mut out = Vec::new();
                message.emit(&mut out);
                prop_assert_eq!(&out, &bytes);
                prop_assert_eq!(message.opcode(), opcode);
            }
        }
    }
}
