//! Short data: a status, a text, a place, or a transfer whose receiver reports (EN 300 392-2,
//! 29.4).
//!
//! ```text
//! status     | number 16 |                       7C00 to 7FFF: | 011111 6 | outcome 2 | ref 8 |
//! text       | 02, 09 | coding 8 | octets |
//! place      | 0A | see lip
//! transfer   | 8x | 0 4 | report wanted 2 | full report 1 | stored 1 | ref 8 | [forward] | body |
//!            body of 82, 89: | stamped 1 | coding 7 | [stamp 24] | octets |
//!            body of 8A: the same with | 05 00 03 | ref 8 | parts 8 | number 8 | before the octets
//! report     | 8x | 1 4 | ack wanted 1 | 0 2 | stored 1 | status 8 | ref 8 | [forward] | octets |
//! ack        | 8x | 2 4 | 0 4 | status 8 | ref 8 |
//! forward    | validity 5 | kind 3 | kind 0: address 8; 1: 24; 2: 48; 7: none |
//! stamp      | frame 2 | 0 2 | month 4 | day 5 | hour 5 | minute 6 |
//! ```
//! Protocols from 80 up have transfers. One public parser takes 7A for a short report, where its
//! own writer has 7C: 7A.. is a status here.

use super::Coding;
use super::element::{known, nom_of, truncated};
use crate::error::{DecodeError, Layer};
use crate::lip::{Lip, LongReport};
use crate::refuse::value;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::BufMut;
use core::fmt;
use nom::number::complete::{be_u24, u8};

pub use super::element::{Forward, ForwardTo, Stamp};

/// Octets of a short data message, at most: 2047 bits.
pub const MAX_OCTETS: usize = 255;
/// Text without reports.
pub const SIMPLE_TEXT: u8 = 0x02;
/// The same, to be shown at once.
pub const SIMPLE_IMMEDIATE: u8 = 0x09;
/// Text.
pub const TEXT: u8 = 0x82;
/// The same, to be shown at once.
pub const IMMEDIATE: u8 = 0x89;
/// Part of a long text.
pub const PARTS: u8 = 0x8A;

/// One short data message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sds<'a> {
    /// A number that stands for something both ends know.
    Status(Status),
    /// How a transfer ended, in a status.
    ShortReport {
        /// How.
        outcome: ShortOutcome,
        /// Which.
        reference: u8,
    },
    /// A text nobody reports on.
    Text {
        /// To be shown at once.
        immediate: bool,
        /// What it says.
        text: Coded<'a>,
    },
    /// Where a terminal is.
    Lip(Lip),
    /// The same at length.
    LongLip(LongReport),
    /// Something whose receipt may be reported.
    Transfer(Transfer<'a>),
    /// How a transfer ended.
    Report {
        /// Of which protocol it was.
        protocol: u8,
        /// The report wants an ack.
        wants_ack: bool,
        /// How.
        status: Delivery,
        /// Which.
        reference: u8,
        /// For the network that kept it.
        forward: Option<Forward>,
        /// More.
        rest: &'a [u8],
    },
    /// A report arrived.
    Ack {
        /// Of which protocol the transfer was.
        protocol: u8,
        /// What the report said, or that it is acknowledged.
        status: Delivery,
        /// Which transfer.
        reference: u8,
    },
    /// Another protocol, as it came.
    Raw(&'a [u8]),
}

/// A pre-coded status, 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

impl Status {
    /// The emergency key: 0 by 14.8.34.
    pub const EMERGENCY: Self = Self(0);
    /// The first of those a network may give a meaning.
    pub const FIRST_OWN: Self = Self(0x8000);
}

/// How a transfer ended, 2 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortOutcome(pub u8);

impl ShortOutcome {
    /// Received or consumed.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self.0, 2 | 3)
    }
}

/// How a transfer ended (table 29.16). Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Delivery(pub u8);

impl Delivery {
    /// The terminal has it.
    pub const RECEIVED: Self = Self(0x00);
    /// The report of that arrived.
    pub const RECEIVED_ACK: Self = Self(0x01);
    /// Its user read it.
    pub const CONSUMED: Self = Self(0x02);

    /// The terminal has it: `Some(true)`; it will not: `Some(false)`; it may yet: none.
    #[must_use]
    pub fn outcome(self) -> Option<bool> {
        match self.0 {
            0x00..=0x03 => Some(true),
            0x40..=0x5F => Some(false),
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0x00 => "received",
            0x01 => "receipt acknowledged",
            0x02 => "read",
            0x03 => "reading acknowledged",
            0x04..=0x1F => "passed on",
            0x20..=0x3F => "kept by the network",
            0x44 => "not allowed to the destination",
            0x45 => "unknown destination",
            0x48 | 0x49 => "expired",
            0x4B => "destination not registered",
            0x4C | 0x52 => "destination is full",
            0x4D => "too long",
            0x5A => "destination not reachable",
            0x40..=0x5F => "failed",
            _ => "flow control",
        }
    }
}

/// Which reports a transfer wants, 2 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted(pub u8);

impl Wanted {
    /// None.
    pub const NONE: Self = Self(0);
    /// That it was received.
    pub const RECEIPT: Self = Self(1);

    /// Whether a receipt is wanted.
    #[must_use]
    pub fn receipt(self) -> bool {
        self.0 & 1 != 0
    }
}

/// A message whose receipt may be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// What it is for: [`TEXT`] and so on, 0x80 and up.
    pub protocol: u8,
    /// Which reports are wanted.
    pub wanted: Wanted,
    /// A report must not be a [short](Sds::ShortReport) one.
    pub full_report: bool,
    /// Repeated in reports.
    pub reference: u8,
    /// For a network that keeps it.
    pub forward: Option<Forward>,
    /// What it carries.
    pub body: Body<'a>,
}

/// What a transfer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// A text.
    Text(Coded<'a>),
    /// A part of one.
    Part {
        /// The same in all parts.
        reference: u8,
        /// How many there are.
        parts: u8,
        /// Which this is, from 1.
        number: u8,
        /// What it says.
        text: Coded<'a>,
    },
    /// Another protocol's octets.
    Raw(&'a [u8]),
}

/// A text as octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded<'a> {
    /// Their alphabet.
    pub coding: Coding,
    /// When it was sent.
    pub stamp: Option<Stamp>,
    /// The octets.
    pub octets: &'a [u8],
}

impl<'a> Sds<'a> {
    /// Reads a status' two octets.
    ///
    /// # Errors
    /// Not two.
    pub fn parse_status(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let [high, low] = *crate::refuse::exactly::<2>(Layer::Sds, octets, "2, a status")?;
        Ok(match high {
            0x7C..=0x7F => Self::ShortReport {
                outcome: ShortOutcome(high & 3),
                reference: low,
            },
            _ => Self::Status(Status(u16::from_be_bytes([high, low]))),
        })
    }

    /// Reads a message that begins with its protocol.
    ///
    /// # Errors
    /// Too few octets, reserved bits set, a message type or forward address nobody describes, or a
    /// place that is none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let (protocol, body) = octets.split_first().ok_or_else(truncated)?;
        match *protocol {
            SIMPLE_TEXT | SIMPLE_IMMEDIATE => {
                let (text, coding) = nom_of(u8)(body)?;
                known("coding", coding, coding < 0x80)?;
                let text = Coded {
                    coding: Coding(coding),
                    stamp: None,
                    octets: text,
                };
                let immediate = *protocol == SIMPLE_IMMEDIATE;
                Ok(Self::Text { immediate, text })
            }
            Lip::SDS_PID if body.first().is_some_and(|head| head >> 6 == 1) => {
                LongReport::parse(body).map(Self::LongLip)
            }
            Lip::SDS_PID => Lip::parse_sds(octets).map(Self::Lip),
            0x80.. => Self::layered(*protocol, body),
            _ => Ok(Self::Raw(octets)),
        }
    }

    fn layered(protocol: u8, body: &'a [u8]) -> Result<Self, DecodeError> {
        let (body, head) = nom_of(u8)(body)?;
        let stored = head & 1 != 0;
        match head >> 4 {
            0 => {
                let (body, reference) = nom_of(u8)(body)?;
                let (body, forward) = Forward::read_if(stored, body)?;
                Ok(Self::Transfer(Transfer {
                    protocol,
                    wanted: Wanted(head >> 2 & 3),
                    full_report: head & 2 != 0,
                    reference,
                    forward,
                    body: Body::read(protocol, body)?,
                }))
            }
            1 => {
                known("reserved bits", head, head & 6 == 0)?;
                let (body, (status, reference)) = nom_of((u8, u8))(body)?;
                let (rest, forward) = Forward::read_if(stored, body)?;
                Ok(Self::Report {
                    protocol,
                    wants_ack: head & 8 != 0,
                    status: Delivery(status),
                    reference,
                    forward,
                    rest,
                })
            }
            2 => {
                known("reserved bits", head, head & 0xF == 0)?;
                let (rest, (status, reference)) = nom_of((u8, u8))(body)?;
                known("octets behind an ack", rest.len() as u8, rest.is_empty())?;
                Ok(Self::Ack {
                    protocol,
                    status: Delivery(status),
                    reference,
                })
            }
            kind => Err(value(Layer::Sds, "message type", kind)),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::ShortReport { .. } => "short report",
            Self::Text { .. } => "text without reports",
            Self::Lip(_) => "short location report",
            Self::LongLip(_) => "long location report",
            Self::Transfer(transfer) => match transfer.body {
                Body::Text(_) => "text",
                Body::Part { .. } => "part of a text",
                Body::Raw(_) => "transfer of another protocol",
            },
            Self::Report { .. } => "report",
            Self::Ack { .. } => "ack of a report",
            Self::Raw(_) => "another protocol",
        }
    }

    /// Writes it.
    pub fn emit(&self, out: &mut impl BufMut) {
        match self {
            Self::Status(Status(number)) => out.put_u16(*number),
            Self::ShortReport { outcome, reference } => {
                out.put_slice(&[0x7C | outcome.0 & 3, *reference]);
            }
            Self::Text { immediate, text } => {
                let protocol = if *immediate {
                    SIMPLE_IMMEDIATE
                } else {
                    SIMPLE_TEXT
                };
                out.put_slice(&[protocol, text.coding.0 & 0x7F]);
                out.put_slice(text.octets);
            }
            Self::Lip(lip) => out.put_slice(&lip.to_sds()),
            Self::LongLip(report) => {
                out.put_u8(Lip::SDS_PID);
                out.put_slice(&report.to_bytes());
            }
            Self::Transfer(transfer) => transfer.emit(out),
            Self::Report {
                protocol,
                wants_ack,
                status,
                reference,
                forward,
                rest,
            } => {
                let head = 0x10 | u8::from(*wants_ack) << 3 | u8::from(forward.is_some());
                out.put_slice(&[*protocol, head, status.0, *reference]);
                forward.iter().for_each(|forward| forward.emit(out));
                out.put_slice(rest);
            }
            Self::Ack {
                protocol,
                status,
                reference,
            } => out.put_slice(&[*protocol, 0x20, status.0, *reference]),
            Self::Raw(octets) => out.put_slice(octets),
        }
    }

    /// Its octets.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.emit(&mut out);
        out
    }
}

impl<'a> Transfer<'a> {
    fn emit(&self, out: &mut impl BufMut) {
        let stored = u8::from(self.forward.is_some());
        let head = (self.wanted.0 & 3) << 2 | u8::from(self.full_report) << 1 | stored;
        out.put_slice(&[self.protocol, head, self.reference]);
        self.forward.iter().for_each(|forward| forward.emit(out));
        match &self.body {
            Body::Text(text) => text.emit(out, |_| {}),
            Body::Part {
                reference,
                parts,
                number,
                text,
            } => text.emit(out, |out| {
                out.put_slice(&[5, 0, 3, *reference, *parts, *number]);
            }),
            Body::Raw(octets) => out.put_slice(octets),
        }
    }
}

impl<'a> Body<'a> {
    fn read(protocol: u8, octets: &'a [u8]) -> Result<Self, DecodeError> {
        match protocol {
            TEXT | IMMEDIATE => Coded::read(octets).map(Self::Text),
            PARTS => {
                let mut text = Coded::read(octets)?;
                let ([length, kind, size, reference, parts, number], words) =
                    text.octets.split_first_chunk().ok_or_else(truncated)?;
                if (*length, *kind, *size) != (5, 0, 3) {
                    // Another header than that of a part.
                    return Ok(Self::Raw(octets));
                }
                known("number of a part", *number, (1..=*parts).contains(number))?;
                text.octets = words;
                Ok(Self::Part {
                    reference: *reference,
                    parts: *parts,
                    number: *number,
                    text,
                })
            }
            _ => Ok(Self::Raw(octets)),
        }
    }
}

impl<'a> Coded<'a> {
    fn read(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let (octets, coding) = nom_of(u8)(octets)?;
        let (octets, stamp) = match coding & 0x80 {
            0 => (octets, None),
            _ => {
                let (octets, bits) = nom_of(be_u24)(octets)?;
                (octets, Some(Stamp::of(bits)?))
            }
        };
        Ok(Self {
            coding: Coding(coding & 0x7F),
            stamp,
            octets,
        })
    }

    fn emit<B: BufMut>(&self, out: &mut B, header: impl FnOnce(&mut B)) {
        let stamped = if self.stamp.is_some() { 0x80 } else { 0 };
        out.put_u8(self.coding.0 & 0x7F | stamped);
        if let Some(stamp) = self.stamp {
            out.put_uint(stamp.bits().into(), 3);
        }
        header(out);
        out.put_slice(self.octets);
    }

    /// Its characters; none if its alphabet is not one of those read.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        self.coding.read(self.octets)
    }
}

impl fmt::Display for Coded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => crate::text::Text::new(&words).fmt(f),
            None => write!(
                f,
                "{} octets of alphabet {}",
                self.octets.len(),
                self.coding.0
            ),
        }
    }
}

impl fmt::Display for Sds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(Status::EMERGENCY) => f.write_str("status 0, emergency"),
            Self::Status(Status(number)) => write!(f, "status {number}"),
            Self::ShortReport { outcome, reference } => {
                let words = if outcome.is_ok() {
                    "received"
                } else {
                    "failed"
                };
                write!(f, "short report on {reference}: {words}")
            }
            Self::Text { text, .. } => write!(f, "text: {text}"),
            Self::Lip(lip) => write!(f, "place: {lip}"),
            Self::LongLip(report) => write!(f, "place: {report}"),
            Self::Transfer(transfer) => {
                write!(f, "transfer {}: ", transfer.reference)?;
                match &transfer.body {
                    Body::Text(text) => write!(f, "{text}"),
                    Body::Part {
                        parts,
                        number,
                        text,
                        ..
                    } => write!(f, "part {number} of {parts}: {text}"),
                    Body::Raw(octets) => {
                        write!(
                            f,
                            "protocol {:#04x}, {} octets",
                            transfer.protocol,
                            octets.len()
                        )
                    }
                }
            }
            Self::Report {
                status, reference, ..
            } => write!(f, "report on {reference}: {}", status.name()),
            Self::Ack {
                status, reference, ..
            } => write!(f, "ack of the report on {reference}: {}", status.name()),
            Self::Raw(octets) => match octets.first() {
                Some(protocol) => write!(f, "protocol {protocol:#04x}, {} octets", octets.len()),
                None => f.write_str("nothing"),
            },
        }
    }
}
