//! Data headers: what the blocks after them are, for whom and how many (TS 102 361-1, 9.2). The
//! blocks themselves are read by `block`, put together by `packet`.
//!
//! ```text
//! | G | A |   |   | format | SAP |       | destination | source |              | CRC |
//!   1   1   1   1     4       4     4          24          24          16         16   bits
//!           bits 2, 3            12 to 15                         64 to 79
//! ```
//! | format | header | bits 2, 3 | 12 to 15 | 64 to 79 |
//! |---|---|---|---|---|
//! | 0 | unified data | emergency, option | format | pad 5, 0, blocks-1 2, SF, PF, opcode 6 |
//! | 1 | response | 0 | 0 | F, blocks 7, class 2, type 3, status 3 |
//! | 2 | unconfirmed | 0, pad octets' 16 | pad octets | F, blocks 7, 0 4, FSN 4 |
//! | 3 | confirmed | 0, pad octets' 16 | pad octets | F, blocks 7, S, N(S) 3, FSN 4 |
//! | 13 | short data, defined | blocks' 32 and 16 | blocks | format 6, SARQ, F, pad bits 8 |
//! | 14 | short data, raw | as 13 | as 13 | ports 3, 3, SARQ, F, pad bits 8 |
//! | 14 | status | 0 | 0 | ports 3, 3, status 10 |
//!
//! A format that is not one of these, and a header with a reserved bit set, are not taken apart.

use super::Address;
use super::address::address;
use super::crc::{Mask, ccitt};
use super::element::{DataFormat, Sap, UdtFormat, Verdict};
use crate::bits::{Bits, Input, flag, whole};
use crate::error::{DecodeError, Layer};
use crate::refuse::{check, exactly};
use core::fmt;
use nom::bits::complete::take;
use nom::{IResult, Parser};

/// A data header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataHeader {
    /// The destination is a group.
    pub is_group: bool,
    /// A response is wanted; of short data it says that the blocks are confirmed ones.
    pub wants_response: bool,
    /// To whom.
    pub destination: Address,
    /// From whom.
    pub source: Address,
    /// What follows.
    pub kind: Kind,
}

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Unified data transport; see `udt`.
    Udt(UdtHeader),
    /// How a confirmed packet was taken.
    Response {
        /// Of the packet.
        sap: Sap,
        /// F; clear in every response known.
        is_first_try: bool,
        /// Blocks that map what is to be sent again.
        blocks: u8,
        /// How.
        verdict: Verdict,
        /// Of which: the packet's N(S), 3 bits.
        sequence: u8,
    },
    /// A packet nobody acknowledges.
    Unconfirmed(Packet),
    /// A packet that is acknowledged.
    Confirmed {
        /// Blocks and padding.
        packet: Packet,
        /// S: the receiver is to take the sequence from here.
        is_resync: bool,
        /// N(S), 3 bits.
        sequence: u8,
    },
    /// Short data whose format is told.
    Defined {
        /// Blocks and padding.
        data: ShortData,
        /// What it is.
        format: DataFormat,
    },
    /// Short data between two ports.
    Raw {
        /// Blocks and padding.
        data: ShortData,
        /// From which, 3 bits.
        source_port: u8,
        /// To which, 3 bits.
        destination_port: u8,
    },
    /// A status or precoded message; no block follows.
    Status {
        /// Short data, usually.
        sap: Sap,
        /// From which port, 3 bits.
        source_port: u8,
        /// To which port, 3 bits.
        destination_port: u8,
        /// The number, 10 bits.
        status: u16,
    },
}

/// Blocks and padding of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet {
    /// What it is handed to.
    pub sap: Sap,
    /// Octets at the end that mean nothing, 5 bits.
    pub pad_octets: u8,
    /// F: the whole of it; clear when only some blocks are sent again.
    pub is_first_try: bool,
    /// Blocks to follow, 7 bits.
    pub blocks: u8,
    /// Fragment sequence number, 4 bits: 8 of a single confirmed one, 0 of a single other one.
    pub fragment: u8,
}

/// Blocks and padding of short data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortData {
    /// Short data, usually.
    pub sap: Sap,
    /// Appended blocks, 6 bits.
    pub blocks: u8,
    /// Some blocks alone may be asked for again.
    pub may_retry: bool,
    /// F: the whole of it; clear when only some blocks are sent again.
    pub is_first_try: bool,
    /// Bits at the end that mean nothing.
    pub pad_bits: u8,
}

/// Header of unified data transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UdtHeader {
    /// It is an emergency.
    pub is_emergency: bool,
    /// Option flag.
    pub option: bool,
    /// Usually 0.
    pub sap: Sap,
    /// What the blocks are.
    pub format: UdtFormat,
    /// Half octets at the end that mean nothing, 5 bits.
    pub pad_nibbles: u8,
    /// Appended blocks, 1 to 4.
    pub blocks: u8,
    /// Supplementary data, not short data.
    pub is_supplementary: bool,
    /// The blocks are protected.
    pub protect: bool,
    /// 26 from a site, 27 from a radio.
    pub opcode: u8,
}

impl DataHeader {
    /// Bytes of a header.
    pub const LEN: usize = 12;

    /// Reads a header; none if it is not one of the table above.
    ///
    /// # Errors
    /// Not twelve bytes, or another CRC than they give.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let bytes = exactly::<{ Self::LEN }>(Layer::DataHeader, bytes, "12, a data header")?;
        let [body @ .., high, low] = bytes;
        let found = u16::from_be_bytes([*high, *low]);
        check(
            Layer::DataHeader,
            found.into(),
            ccitt(body, Mask::DataHeader).into(),
        )?;
        let read = whole(body, fields).flatten();
        // What does not write the same again has a reserved bit set.
        Ok(read.filter(|header| header.to_bytes() == *bytes))
    }

    /// Its twelve bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let ((two, sap, four), last) = self.kind.parts();
        let bits = Bits::default()
            .put(self.is_group, 1)
            .put(self.wants_response, 1)
            .put(two, 2)
            .put(self.kind.format(), 4)
            .put(sap.0, 4)
            .put(four, 4)
            .put(self.destination.number(), 24)
            .put(self.source.number(), 24)
            .put(last, 16);
        let crc = ccitt(&bits.bytes::<10>(), Mask::DataHeader);
        bits.put(crc, 16).bytes()
    }

    /// Blocks that follow it.
    #[must_use]
    pub fn blocks(&self) -> u8 {
        match self.kind {
            Kind::Udt(udt) => udt.blocks,
            Kind::Response { blocks, .. } => blocks,
            Kind::Unconfirmed(packet) | Kind::Confirmed { packet, .. } => packet.blocks,
            Kind::Defined { data, .. } | Kind::Raw { data, .. } => data.blocks,
            Kind::Status { .. } => 0,
        }
    }

    /// Whether its blocks have serial numbers and checksums of their own (of short data the
    /// request for a response says so).
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        match self.kind {
            Kind::Confirmed { .. } => true,
            Kind::Defined { .. } | Kind::Raw { .. } => self.wants_response,
            _ => false,
        }
    }

    /// Bits at the end of the packet that mean nothing.
    #[must_use]
    pub fn pad_bits(&self) -> usize {
        match self.kind {
            Kind::Unconfirmed(packet) | Kind::Confirmed { packet, .. } => {
                usize::from(packet.pad_octets) * 8
            }
            Kind::Defined { data, .. } | Kind::Raw { data, .. } => data.pad_bits.into(),
            Kind::Udt(udt) => usize::from(udt.pad_nibbles) * 4,
            Kind::Response { .. } | Kind::Status { .. } => 0,
        }
    }
}

impl Kind {
    /// Data packet format, 4 bits.
    #[must_use]
    pub fn format(&self) -> u8 {
        match self {
            Self::Udt(_) => 0,
            Self::Response { .. } => 1,
            Self::Unconfirmed(_) => 2,
            Self::Confirmed { .. } => 3,
            Self::Defined { .. } => 13,
            Self::Raw { .. } | Self::Status { .. } => 14,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Udt(_) => "unified data",
            Self::Response { .. } => "response",
            Self::Unconfirmed(_) => "unconfirmed data",
            Self::Confirmed { .. } => "confirmed data",
            Self::Defined { .. } => "short data, defined",
            Self::Raw { .. } => "short data, raw",
            Self::Status { .. } => "status",
        }
    }

    /// Bits 2 and 3, the SAP, bits 12 to 15; and bits 64 to 79.
    fn parts(&self) -> ((u8, Sap, u8), u16) {
        match self {
            Self::Udt(udt) => udt.parts(),
            Self::Response {
                sap,
                is_first_try,
                blocks,
                verdict,
                sequence,
            } => {
                let (class, kind) = verdict.codes();
                let last = class << 6 | (kind & 7) << 3 | sequence & 7;
                ((0, *sap, 0), halves(flagged(*is_first_try, *blocks), last))
            }
            Self::Unconfirmed(packet) => (packet.head(), halves(packet.count(), packet.fragment)),
            Self::Confirmed {
                packet,
                is_resync,
                sequence,
            } => {
                let last = flagged(*is_resync, (sequence & 7) << 4 | packet.fragment & 0xF);
                (packet.head(), halves(packet.count(), last))
            }
            Self::Defined { data, format } => {
                let first = format.0 << 2 | data.flags();
                (data.head(), halves(first, data.pad_bits))
            }
            Self::Raw {
                data,
                source_port,
                destination_port,
            } => {
                let first = ports(*source_port, *destination_port) | data.flags();
                (data.head(), halves(first, data.pad_bits))
            }
            Self::Status {
                sap,
                source_port,
                destination_port,
                status,
            } => {
                let ports = u16::from(ports(*source_port, *destination_port));
                ((0, *sap, 0), ports << 8 | status & 0x3FF)
            }
        }
    }

    /// The way back from [`parts`](Self::parts).
    fn read(format: u8, (two, sap, four): (u8, Sap, u8), last: u16) -> Option<Self> {
        let [high, low] = last.to_be_bytes();
        let (is_first_try, blocks) = (high & 0x80 != 0, high & 0x7F);
        let packet = Packet {
            sap,
            pad_octets: (two & 1) << 4 | four,
            is_first_try,
            blocks,
            fragment: low & 0xF,
        };
        let data = ShortData {
            sap,
            blocks: two << 4 | four,
            may_retry: high & 2 != 0,
            is_first_try: high & 1 != 0,
            pad_bits: low,
        };
        let (source_port, destination_port) = (high >> 5, high >> 2 & 7);
        Some(match format {
            0 => Self::Udt(UdtHeader::read(two, sap, four, high, low)),
            1 => Self::Response {
                sap,
                is_first_try,
                blocks,
                verdict: Verdict::from_codes(low >> 6, low >> 3 & 7),
                sequence: low & 7,
            },
            2 => Self::Unconfirmed(packet),
            3 => Self::Confirmed {
                packet,
                is_resync: low & 0x80 != 0,
                sequence: low >> 4 & 7,
            },
            13 => Self::Defined {
                data,
                format: DataFormat(high >> 2),
            },
            14 if data.blocks == 0 => Self::Status {
                sap,
                source_port,
                destination_port,
                status: last & 0x3FF,
            },
            14 => Self::Raw {
                data,
                source_port,
                destination_port,
            },
            _ => return None,
        })
    }
}

impl Packet {
    fn head(&self) -> (u8, Sap, u8) {
        (self.pad_octets >> 4 & 1, self.sap, self.pad_octets)
    }

    fn count(&self) -> u8 {
        flagged(self.is_first_try, self.blocks)
    }
}

impl ShortData {
    fn head(&self) -> (u8, Sap, u8) {
        (self.blocks >> 4, self.sap, self.blocks)
    }

    fn flags(&self) -> u8 {
        u8::from(self.may_retry) << 1 | u8::from(self.is_first_try)
    }
}

impl UdtHeader {
    fn read(two: u8, sap: Sap, four: u8, high: u8, low: u8) -> Self {
        Self {
            is_emergency: two & 2 != 0,
            option: two & 1 != 0,
            sap,
            format: UdtFormat(four),
            pad_nibbles: high >> 3,
            blocks: (high & 3) + 1,
            is_supplementary: low & 0x80 != 0,
            protect: low & 0x40 != 0,
            opcode: low & 0x3F,
        }
    }

    fn parts(&self) -> ((u8, Sap, u8), u16) {
        let two = u8::from(self.is_emergency) << 1 | u8::from(self.option);
        let first = self.pad_nibbles << 3 | self.blocks.saturating_sub(1) & 3;
        let protect = u8::from(self.protect) << 6;
        let last = flagged(self.is_supplementary, protect | self.opcode & 0x3F);
        ((two, self.sap, self.format.0), halves(first, last))
    }
}

/// A flag before seven bits.
fn flagged(flag: bool, bits: u8) -> u8 {
    u8::from(flag) << 7 | bits & 0x7F
}

fn ports(source: u8, destination: u8) -> u8 {
    source << 5 | (destination & 7) << 2
}

fn halves(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

fn fields(input: Input<'_>) -> IResult<Input<'_>, Option<DataHeader>> {
    let head = (flag, flag, take(2usize), take(4usize));
    let access = (take(4usize), take(4usize));
    let all = (head, access, address, address, take(16usize));
    let read = |((is_group, wants_response, two, format), (sap, four), to, from, last)| {
        Some(DataHeader {
            is_group,
            wants_response,
            destination: to,
            source: from,
            kind: Kind::read(format, (two, Sap(sap), four), last)?,
        })
    };
    all.map(read).parse(input)
}

impl fmt::Display for DataHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.source, self.destination);
        let group = if self.is_group { "group " } else { "" };
        write!(f, "{} from {from} to {group}{to}", self.kind.name())?;
        match self.kind {
            Kind::Response {
                verdict, sequence, ..
            } => write!(f, ": packet {sequence}, {}", verdict.name()),
            Kind::Status { status, .. } => write!(f, ": {status}"),
            Kind::Udt(udt) => {
                let emergency = if udt.is_emergency { ", emergency" } else { "" };
                write!(f, ": {}{emergency}", udt.format.name())
            }
            Kind::Defined { format, .. } => {
                write!(f, ": {}, {} blocks", format.name(), self.blocks())
            }
            _ => write!(f, ": {} blocks", self.blocks()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, flips, frames, hex};
    use crate::dmr::element::NackReason;
    use alloc::string::ToString;
    use proptest::prelude::*;

    const VECTORS: &str = include_str!("../../../fixtures/radio/dmr_pdus.json");
    const OTHERS: [&str; 2] = ["023a2337fc2337fe820081a3", "0da200000946313b5530593e"];

    fn read(digits: &str) -> DataHeader {
        DataHeader::parse(&hex(digits)).unwrap().unwrap()
    }

    #[test]
    fn the_vectors_both_ways() {
        let (mut taken, mut refused) = (0, 0);
        let vectors = frames(VECTORS);
        let headers = vectors
            .iter()
            .filter(|vector| vector["protocol"] == "DMR data header");
        for vector in headers {
            let (bytes, expected) = (bytes_of(vector), &vector["expected"]);
            let header = DataHeader::parse(&bytes);
            if expected["crc_ok"] == false {
                assert_eq!(header.unwrap_err().reason(), "checksum", "{vector}");
                refused += 1;
                continue;
            }
            let header = header.unwrap().unwrap();
            assert_eq!(header.to_bytes().to_vec(), bytes);
            assert_eq!(expected["is_group"], header.is_group);
            assert_eq!(expected["llid_destination"], header.destination.number());
            assert_eq!(expected["llid_source"], header.source.number());
            if let Kind::Defined { data, .. } = header.kind {
                assert_eq!(expected["appended_blocks"], data.blocks);
            }
            taken += 1;
        }
        assert_eq!((taken, refused), (4, 1));
        for digits in OTHERS {
            assert_eq!(read(digits).to_bytes().to_vec(), hex(digits));
        }
    }

    #[test]
    fn what_they_say() {
        for (digits, words) in [
            (
                "01402337fc2337fe000ff83a",
                "response from 2308094 to 2308092: packet 7, received",
            ),
            (
                "800500010627fce7001bacaf",
                "unified data from 2620647 to group 262: NMEA position",
            ),
            (
                "023a2337fc2337fe820081a3",
                "unconfirmed data from 2308094 to 2308092: 2 blocks",
            ),
            (
                "0da200000946313b5530593e",
                "short data, defined from 4600123 to 9: UTF-16LE, 2 blocks",
            ),
        ] {
            assert_eq!(read(digits).to_string(), words);
        }
        let padded = read("023a2337fc2337fe820081a3");
        assert_eq!((padded.pad_bits(), padded.is_confirmed()), (80, false));
        assert_eq!(read("0da200000946313b5530593e").pad_bits(), 48);
    }

    /// Of every kind, all fields at their limits; bits counted by hand for two.
    #[test]
    fn every_kind_both_ways() {
        let sap = Sap::SHORT_DATA;
        let data = ShortData {
            sap,
            blocks: 0x2B,
            may_retry: true,
            is_first_try: false,
            pad_bits: 0xFF,
        };
        let packet = Packet {
            sap: Sap::IP,
            pad_octets: 0x15,
            is_first_try: true,
            blocks: 0x7F,
            fragment: 8,
        };
        let response = |verdict| Kind::Response {
            sap,
            is_first_try: false,
            blocks: 1,
            verdict,
            sequence: 5,
        };
        let kinds = [
            Kind::Confirmed {
                packet,
                is_resync: true,
                sequence: 6,
            },
            Kind::Raw {
                data,
                source_port: 6,
                destination_port: 3,
            },
            Kind::Status {
                sap,
                source_port: 1,
                destination_port: 7,
                status: 0x3FF,
            },
            response(Verdict::Retry),
            response(Verdict::Nack(NackReason::PACKET_CRC)),
            response(Verdict::Unknown { class: 3, kind: 7 }),
            Kind::Unconfirmed(packet),
            Kind::Defined {
                data,
                format: DataFormat::UTF16BE,
            },
            Kind::Udt(UdtHeader {
                is_emergency: true,
                option: false,
                sap: Sap::UDT,
                format: UdtFormat::LIP,
                pad_nibbles: 31,
                blocks: 4,
                is_supplementary: true,
                protect: true,
                opcode: 26,
            }),
        ];
        for kind in kinds {
            let header = DataHeader {
                is_group: false,
                wants_response: true,
                destination: Address::ALL,
                source: Address::low(1),
                kind,
            };
            let bytes = header.to_bytes();
            assert_eq!(DataHeader::parse(&bytes), Ok(Some(header)));
            match kind {
                Kind::Confirmed { .. } => {
                    assert_eq!(bytes[..2], [0b0101_0011, 0x45]);
                    assert_eq!(bytes[8..10], [0xFF, 0b1110_1000]);
                }
                Kind::Raw { .. } => {
                    assert_eq!(bytes[..2], [0b0110_1110, 0xAB]);
                    assert_eq!(bytes[8..10], [0b1100_1110, 0xFF]);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_not_taken_apart() {
        // A proprietary header, and an unconfirmed one with a reserved bit.
        for (at, byte) in [(0, 0x0F), (9, 0x10), (0, 0x22)] {
            let mut bytes = hex(OTHERS[0]);
            bytes[at] = byte;
            let crc = ccitt(&bytes[..10], Mask::DataHeader).to_be_bytes();
            bytes[10..].copy_from_slice(&crc);
            assert_eq!(DataHeader::parse(&bytes), Ok(None), "{at}");
        }
    }

    #[test]
    fn flipped_bits_and_prefixes_are_refused() {
        for digits in OTHERS {
            let bytes = hex(digits);
            for (at, bit, flipped) in flips(&bytes, 0..12) {
                let error = DataHeader::parse(&flipped).unwrap_err();
                assert_eq!(error.reason(), "checksum", "{at}.{bit}");
            }
            for taken in 0..12 {
                let error = DataHeader::parse(&bytes[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated", "{taken}");
            }
        }
    }

    proptest! {
        /// Whatever ten bytes under a fitting CRC: taken and written again, or left alone.
        #[test]
        fn any_body_is_written_again(body: [u8; 10]) {
            let crc = ccitt(&body, Mask::DataHeader).to_be_bytes();
            let bytes = [&body[..], &crc].concat();
            if let Some(header) = DataHeader::parse(&bytes).unwrap() {
                prop_assert_eq!(header.to_bytes().to_vec(), bytes);
                let _ = header.to_string();
            }
        }
    }
}
