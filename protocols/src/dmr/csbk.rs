//! CSBK: a control signalling block, twelve bytes under a CRC of their own (TS 102 361-2,
//! 7.1.2). Says what a block asks; granting a channel or answering is somebody else's.
//!
//! ```text
//! |LB|PF| opcode | feature set | payload | CRC |
//!  1  1     6          8           64      16    bits
//! ```
//! | opcode | block | payload |
//! |---|---|---|
//! | 4 | unit to unit request | options 8, 0 8, target 24, source 24 |
//! | 5 | its answer | options 8, answer 8, target 24, source 24 |
//! | 28 | AHOY | see [`trunking`](super::trunking) |
//! | 32 … 35 | acknowledgements | see [`trunking`](super::trunking) |
//! | 38 | refusal | more 1, radio's 1, service 6, reason 8, source 24, target 24 |
//! | 56 | activate the base station | 0 16, base station 24, source 24 |
//! | 61 | preamble | data 1, group 1, 0 6, blocks 8, target 24, source 24 |
//!
//! Another opcode, a maker's feature set, and a block with a reserved bit set are kept raw.

use super::Address;
use super::address::address;
use super::crc::{Mask, ccitt};
use super::trunking::{Ack, AckChannel, Ahoy};
use crate::bits::{Bits, flag, whole};
use crate::error::{DecodeError, Layer};
use crate::refuse::{check, exactly};
use core::fmt;
use nom::bits::complete::{tag, take};
use nom::{IResult, Parser};

/// A control signalling block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Csbk {
    /// No further block of the same message follows.
    pub last: bool,
    /// The payload is protected; then it is kept raw.
    pub protect: bool,
    /// What it says.
    pub body: Body,
}

/// What a block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// A radio wants to call another.
    UnitRequest {
        /// Service options.
        options: u8,
        /// Who is called.
        target: Address,
        /// Who calls.
        source: Address,
    },
    /// Whether the other takes the call.
    UnitAnswer {
        /// Service options.
        options: u8,
        /// Proceed or not.
        answer: Answer,
        /// Who called.
        target: Address,
        /// Who answers.
        source: Address,
    },
    /// Asks a trunked radio for something, or offers it.
    Ahoy(Ahoy),
    /// Acknowledges on a trunked channel.
    Ack(Ack),
    /// A request is refused.
    Nack {
        /// More information follows, as its first bit says.
        has_more: bool,
        /// A radio refuses, not a base station.
        from_radio: bool,
        /// Opcode of what was asked, 6 bits.
        service: u8,
        /// Why.
        reason: u8,
        /// Who refuses.
        source: Address,
        /// Who had asked.
        target: Address,
    },
    /// Wakes a base station up. It must come before anything else goes out over it.
    Activate {
        /// Which; [`Address::ALL`] any.
        base_station: Address,
        /// Who wakes it.
        source: Address,
    },
    /// Something follows, so that sleeping radios listen.
    Preamble {
        /// Data follows, not control signalling.
        is_data: bool,
        /// The target is a group.
        is_group: bool,
        /// Preambles, headers and blocks still to come.
        blocks_to_follow: u8,
        /// To whom.
        target: Address,
        /// From whom.
        source: Address,
    },
    /// Not read.
    Raw {
        /// Which, 6 bits.
        opcode: u8,
        /// 0 standard, else a maker's.
        feature_set: u8,
        /// What it says.
        payload: [u8; 8],
    },
}

/// The answer to a unit to unit request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer(pub u8);

impl Answer {
    /// The call may go on.
    pub const PROCEED: Self = Self(0x20);
    /// It may not.
    pub const DENY: Self = Self(0x21);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PROCEED => "proceed",
            Self::DENY => "deny",
            _ => "unknown answer",
        }
    }
}

impl Csbk {
    /// Bytes of a block.
    pub const LEN: usize = 12;

    /// A block by itself.
    #[must_use]
    pub fn new(body: Body) -> Self {
        let (last, protect) = (true, false);
        Self {
            last,
            protect,
            body,
        }
    }

    /// Reads a block.
    ///
    /// # Errors
    /// Not twelve bytes, or another CRC than they give.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = exactly::<{ Self::LEN }>(Layer::Csbk, bytes, "12, a control block")?;
        let [head, feature_set, payload @ .., high, low] = bytes;
        let found = u16::from_be_bytes([*high, *low]);
        let covered = bytes.get(..10).unwrap_or_default();
        check(Layer::Csbk, found.into(), ccitt(covered, Mask::Csbk).into())?;
        let (opcode, protect) = (head & 0x3F, head & 0x40 != 0);
        let standard = *feature_set == 0 && !protect;
        let known = standard.then(|| Body::known(opcode, payload)).flatten();
        let raw = Body::Raw {
            opcode,
            feature_set: *feature_set,
            payload: *payload,
        };
        Ok(Self {
            last: head & 0x80 != 0,
            protect,
            body: known.unwrap_or(raw),
        })
    }

    /// Its twelve bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let feature_set = match self.body {
            Body::Raw { feature_set, .. } => feature_set,
            _ => 0,
        };
        let bits = Bits::default()
            .put(self.last, 1)
            .put(self.protect, 1)
            .put(self.body.opcode(), 6)
            .put(feature_set, 8)
            .put(u64::from_be_bytes(self.body.payload()), 64);
        let crc = ccitt(&bits.bytes::<10>(), Mask::Csbk);
        bits.put(crc, 16).bytes()
    }
}

impl Body {
    /// A standard block, if it is one of the table's.
    fn known(opcode: u8, payload: &[u8; 8]) -> Option<Self> {
        match opcode {
            4 => whole(payload, unit_request),
            5 => whole(payload, unit_answer),
            28 => Ahoy::parse(payload).map(Self::Ahoy),
            38 => whole(payload, nack),
            56 => whole(payload, activate),
            61 => whole(payload, preamble),
            _ => Ack::parse(AckChannel::from_opcode(opcode)?, payload).map(Self::Ack),
        }
    }

    /// Its opcode, 6 bits.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        match self {
            Self::UnitRequest { .. } => 4,
            Self::UnitAnswer { .. } => 5,
            Self::Ahoy(_) => 28,
            Self::Ack(ack) => ack.channel.opcode(),
            Self::Nack { .. } => 38,
            Self::Activate { .. } => 56,
            Self::Preamble { .. } => 61,
            Self::Raw { opcode, .. } => *opcode,
        }
    }

    fn payload(&self) -> [u8; 8] {
        let bits = Bits::default();
        let (bits, first, second) = match self {
            Self::UnitRequest {
                options,
                target,
                source,
            } => (bits.put(*options, 8).put(0u8, 8), target, source),
            Self::UnitAnswer {
                options,
                answer,
                target,
                source,
            } => (bits.put(*options, 8).put(answer.0, 8), target, source),
            Self::Nack {
                has_more,
                from_radio,
                service,
                reason,
                source,
                target,
            } => {
                let bits = bits.put(*has_more, 1).put(*from_radio, 1);
                (bits.put(*service, 6).put(*reason, 8), source, target)
            }
            Self::Activate {
                base_station,
                source,
            } => (bits.put(0u8, 16), base_station, source),
            Self::Preamble {
                is_data,
                is_group,
                blocks_to_follow,
                target,
                source,
            } => {
                let bits = bits.put(*is_data, 1).put(*is_group, 1).put(0u8, 6);
                (bits.put(*blocks_to_follow, 8), target, source)
            }
            Self::Ahoy(ahoy) => return ahoy.payload(),
            Self::Ack(ack) => return ack.payload(),
            Self::Raw { payload, .. } => return *payload,
        };
        let bits = bits.put(first.number(), 24);
        bits.put(second.number(), 24).bytes()
    }
}

type Bitwise<'a> = IResult<crate::bits::Input<'a>, Body>;

fn unit_request(input: crate::bits::Input<'_>) -> Bitwise<'_> {
    let fields = (take(8usize), tag(0u8, 8usize), address, address);
    let read = |(options, _, target, source)| Body::UnitRequest {
        options,
        target,
        source,
    };
    fields.map(read).parse(input)
}

fn unit_answer(input: crate::bits::Input<'_>) -> Bitwise<'_> {
    let fields = (take(8usize), take(8usize), address, address);
    let read = |(options, answer, target, source)| Body::UnitAnswer {
        options,
        answer: Answer(answer),
        target,
        source,
    };
    fields.map(read).parse(input)
}

fn nack(input: crate::bits::Input<'_>) -> Bitwise<'_> {
    let fields = (flag, flag, take(6usize), take(8usize), address, address);
    let read = |(has_more, from_radio, service, reason, source, target)| Body::Nack {
        has_more,
        from_radio,
        service,
        reason,
        source,
        target,
    };
    fields.map(read).parse(input)
}

fn activate(input: crate::bits::Input<'_>) -> Bitwise<'_> {
    let fields = (tag(0u16, 16usize), address, address);
    let read = |(_, base_station, source)| Body::Activate {
        base_station,
        source,
    };
    fields.map(read).parse(input)
}

fn preamble(input: crate::bits::Input<'_>) -> Bitwise<'_> {
    let fields = (flag, flag, tag(0u8, 6usize), take(8usize), address, address);
    let read = |(is_data, is_group, _, blocks_to_follow, target, source)| Body::Preamble {
        is_data,
        is_group,
        blocks_to_follow,
        target,
        source,
    };
    fields.map(read).parse(input)
}

impl fmt::Display for Csbk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::UnitRequest { target, source, .. } => {
                write!(f, "{source} wants to call {target}")
            }
            Body::UnitAnswer {
                answer,
                target,
                source,
                ..
            } => write!(f, "{source} answers {target}: {}", answer.name()),
            Body::Ahoy(ahoy) => ahoy.fmt(f),
            Body::Ack(ack) => ack.fmt(f),
            Body::Nack {
                service,
                reason,
                source,
                target,
                ..
            } => write!(
                f,
                "{source} refuses {target} service {service}: reason {reason:#04x}"
            ),
            Body::Activate {
                base_station,
                source,
            } => write!(f, "{source} activates base station {base_station}"),
            Body::Preamble {
                is_data,
                blocks_to_follow,
                target,
                source,
                ..
            } => {
                let what = if *is_data { "data" } else { "control" };
                write!(
                    f,
                    "preamble from {source} to {target}: {what}, {blocks_to_follow} blocks follow"
                )
            }
            Body::Raw {
                opcode,
                feature_set,
                ..
            } => write!(f, "opcode {opcode} of feature set {feature_set:#04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, flips, frames, hex};
    use alloc::string::ToString;
    use alloc::vec::Vec;

    const FILES: [&str; 2] = [
        include_str!("../../../fixtures/radio/dmr_csbk.json"),
        include_str!("../../../fixtures/radio/dmr_pdus.json"),
    ];

    fn vectors() -> Vec<serde_json::Value> {
        let all = FILES.into_iter().flat_map(frames);
        all.filter(|vector| vector["protocol"] == "DMR CSBK")
            .collect()
    }

    fn read(digits: &str) -> Csbk {
        Csbk::parse(&hex(digits)).unwrap()
    }

    #[test]
    fn the_vectors_both_ways() {
        let (mut seen, mut raw) = (0, Vec::new());
        for vector in vectors() {
            let (bytes, expected) = (bytes_of(&vector), &vector["expected"]);
            let block = Csbk::parse(&bytes).unwrap();
            assert_eq!(block.to_bytes().to_vec(), bytes, "{vector}");
            if let Some(opcode) = expected["csbko"].as_u64() {
                assert_eq!(u64::from(block.body.opcode()), opcode);
            }
            match block.body {
                Body::Preamble {
                    blocks_to_follow,
                    target,
                    source,
                    ..
                } if expected["blocks_to_follow"].is_u64() => {
                    assert_eq!(expected["blocks_to_follow"], blocks_to_follow);
                    assert_eq!(expected["target_address"], target.number());
                    assert_eq!(expected["source_address"], source.number());
                }
                Body::Activate {
                    base_station,
                    source,
                } => {
                    assert_eq!(expected["bs_address"], base_station.number());
                    assert_eq!(expected["source_address"], source.number());
                }
                Body::Raw { opcode, .. } => raw.push(opcode),
                _ => {}
            }
            seen += 1;
        }
        assert_eq!((seen, raw), (11, [7, 36, 36, 25].to_vec()));
    }

    #[test]
    fn what_they_say() {
        for (digits, words) in [
            (
                "bd00000100019a00019c56ce",
                "preamble from 412 to 410: control, 1 blocks follow",
            ),
            ("8400000004e3a404e391ea1a", "320401 wants to call 320420"),
            (
                "a600c4210669e00669d63675",
                "420320 refuses 420310 service 4: reason 0x21",
            ),
            (
                "b8000000ffffff0000ca640b",
                "202 activates base station ALLMSID",
            ),
            ("a410000000019c00019a4b96", "opcode 36 of feature set 0x10"),
        ] {
            assert_eq!(read(digits).to_string(), words);
        }
    }

    /// Blocks no vector shows; what is written is read again.
    #[test]
    fn the_others_both_ways() {
        let (target, source) = (Address::low(0x0012_3456), Address::DISPATCHER);
        let bodies = [
            Body::UnitAnswer {
                options: 0x81,
                answer: Answer::PROCEED,
                target,
                source,
            },
            Body::Nack {
                has_more: false,
                from_radio: true,
                service: 0x3F,
                reason: 0xFF,
                source,
                target,
            },
            Body::Raw {
                opcode: 4,
                feature_set: 0x08,
                payload: [0xFF; 8],
            },
        ];
        for body in bodies {
            let block = Csbk {
                last: false,
                ..Csbk::new(body)
            };
            assert_eq!(Csbk::parse(&block.to_bytes()), Ok(block));
        }
        let answer = Csbk::new(bodies[0]).to_string();
        assert_eq!(answer, "DISPATI answers 1193046: proceed");
    }

    #[test]
    fn a_reserved_bit_or_protection_keeps_it_raw() {
        for (at, bit) in [(3, 0x01), (0, 0x40)] {
            let mut bytes = hex("8400000004e3a404e391ea1a");
            bytes[at] |= bit;
            let crc = ccitt(&bytes[..10], Mask::Csbk).to_be_bytes();
            bytes[10..].copy_from_slice(&crc);
            let block = Csbk::parse(&bytes).unwrap();
            assert!(matches!(block.body, Body::Raw { opcode: 4, .. }));
            assert_eq!(block.to_bytes().to_vec(), bytes);
        }
    }

    #[test]
    fn flipped_bits_and_prefixes_are_refused() {
        for vector in vectors() {
            let bytes = bytes_of(&vector);
            for (at, bit, flipped) in flips(&bytes, 0..12) {
                let error = Csbk::parse(&flipped).unwrap_err();
                assert_eq!(error.reason(), "checksum", "{at}.{bit}");
            }
            for taken in 0..12 {
                let error = Csbk::parse(&bytes[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated", "{taken}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(Csbk::parse(&longer).unwrap_err().reason(), "length");
        }
    }
}
