//! A burst: 264 bits, one slot of a carrier (TS 102 361-1, 4.2.2). Data bursts only; those with a
//! voice sync, or none, are refused.
//!
//! ```text
//! | information | slot type | sync | slot type | information |
//!       98           10        48       10           98        bits
//! ```
//! The information is coded by its data type: rate 1 not at all (bits 96 to 99 are empty, B.10B),
//! rate 3/4 by the trellis, everything else by BPTC(196,96).

use super::slot_type::{DataType, SlotType};
use super::sync::SyncWord;
use super::{bptc, trellis};
use crate::bits::whole;
use crate::error::{DecodeError, Layer};
use crate::refuse::{exactly, value};
use core::fmt;
use core::ops::Deref;
use nom::bits::complete::take;

/// A data burst, its information still coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Burst {
    /// Whose it is.
    pub sync: SyncWord,
    /// What it holds.
    pub slot: SlotType,
    /// The coded information.
    pub info: Info,
}

/// The 196 bits of information, four zeros behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Info([u8; 25]);

/// What information decodes to: 12, 18 or 24 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Octets {
    bytes: [u8; 24],
    count: usize,
}

impl Burst {
    /// Bytes of a burst.
    pub const LEN: usize = 33;

    /// Reads a burst; up to four wrong bits of the sync and three of the slot type are made good.
    ///
    /// # Errors
    /// Not 33 bytes, no sync of a data burst, a slot type beyond repair.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = exactly::<{ Self::LEN }>(Layer::Burst, bytes, "33, a burst")?;
        let fields = (
            take(98usize),
            take(10usize),
            take(48usize),
            take(10usize),
            take(98usize),
        );
        let read = whole(bytes, fields);
        let missing = DecodeError::Truncated {
            layer: Layer::Burst,
            missing: 1,
        };
        let (first, left, sync, right, second): (u128, u32, u64, u32, u128) =
            read.ok_or(missing)?;
        let sync = sync_of(sync)?;
        let slot = SlotType::parse(left << 10 | right)?;
        let info = Info::of_halves(first, second);
        Ok(Self { sync, slot, info })
    }

    /// A burst that carries these bytes; none unless they are as many as the data type takes.
    #[must_use]
    pub fn new(sync: SyncWord, slot: SlotType, octets: &[u8]) -> Option<Self> {
        let info = match slot.data_type {
            DataType::ThreeQuarter => trellis::encode(octets.as_array()?),
            DataType::Full => Info::uncoded(octets.as_array()?),
            _ => bptc::encode(octets.as_array()?),
        };
        Some(Self { sync, slot, info })
    }

    /// Its 33 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let slot = u128::from(self.slot.bits());
        let centre = slot >> 10 << 58 | u128::from(self.sync.bits()) << 10 | slot & 0x3FF;
        let (first, second) = self.info.halves();
        // 98 bits and 30 of the middle, then 38 of it and 90, then the last 8.
        let head = (first << 30 | centre >> 38).to_be_bytes();
        let tail = (centre << 90 | second >> 8).to_be_bytes();
        let mut bytes = [second as u8; Self::LEN];
        let parts = head.into_iter().chain(tail);
        bytes
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = from);
        bytes
    }

    /// The bytes it carries.
    ///
    /// # Errors
    /// More wrong bits than BPTC corrects. The trellis always gives bytes: the checksum within
    /// them has to tell.
    pub fn octets(&self) -> Result<Octets, DecodeError> {
        let layer = Layer::Burst;
        Ok(match self.slot.data_type {
            DataType::ThreeQuarter => Octets::of(&trellis::decode(&self.info).0),
            DataType::Full => Octets::of(&self.info.octets_uncoded()),
            _ => {
                let bytes = bptc::decode(&self.info);
                Octets::of(&bytes.ok_or(DecodeError::Uncorrectable { layer })?)
            }
        })
    }
}

fn sync_of(bits: u64) -> Result<SyncWord, DecodeError> {
    let refused = |what| value(Layer::Burst, what, (bits >> 16) as u32);
    match SyncWord::nearest(bits) {
        Some(word) if word.is_data() => Ok(word),
        Some(_) => Err(refused("start of the sync, of no data burst,")),
        None => Err(refused("start of the sync, which is none,")),
    }
}

impl Info {
    fn of_halves(first: u128, second: u128) -> Self {
        // 98 bits and the first 30 of the other half, then its last 68.
        let head = (first << 30 | second >> 68).to_be_bytes();
        let tail = (second << 60).to_be_bytes();
        let mut bytes = [0; 25];
        let parts = head.into_iter().chain(tail);
        bytes
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    fn halves(&self) -> (u128, u128) {
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u128::from(*byte))
        };
        let (head, tail) = self.0.split_at(16);
        let (head, tail) = (number(head), number(tail) >> 4);
        (head >> 30, (head & 0x3FFF_FFFF) << 68 | tail)
    }

    /// Bit `at`, counted from the first.
    pub(super) fn bit(&self, at: u8) -> bool {
        let byte = self.0.get(usize::from(at / 8)).copied().unwrap_or(0);
        byte & 0x80 >> (at % 8) != 0
    }

    /// Sets bit `at`.
    pub(super) fn set(&mut self, at: u8) {
        if let Some(byte) = self.0.get_mut(usize::from(at / 8)) {
            *byte |= 0x80 >> (at % 8);
        }
    }

    /// Turns bit `at` over, for tests.
    #[cfg(test)]
    pub(super) fn flip(&mut self, at: u8) {
        self.0[usize::from(at / 8)] ^= 0x80 >> (at % 8);
    }

    /// The 49 groups of four bits.
    pub(super) fn nibbles(&self) -> impl Iterator<Item = u8> {
        nibbles(&self.0).take(49)
    }

    /// From 49 groups of four bits.
    pub(super) fn of_nibbles(nibbles: impl Iterator<Item = u8>) -> Self {
        let mut bytes = [0; 25];
        pack(nibbles, &mut bytes);
        Self(bytes)
    }

    /// Rate 1: 96 bits, 4 empty ones, 96 bits.
    fn uncoded(octets: &[u8; 24]) -> Self {
        let (first, second) = octets.split_at(12);
        Self::of_nibbles(nibbles(first).chain([0]).chain(nibbles(second)))
    }

    fn octets_uncoded(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (first, second) = (self.nibbles().take(24), self.nibbles().skip(25));
        pack(first.chain(second), &mut bytes);
        bytes
    }
}

fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF])
}

fn pack(mut nibbles: impl Iterator<Item = u8>, bytes: &mut [u8]) {
    for byte in bytes {
        let high = nibbles.next().unwrap_or(0);
        *byte = high << 4 | nibbles.next().unwrap_or(0);
    }
}

impl Default for Info {
    /// All zeros.
    fn default() -> Self {
        Self([0; 25])
    }
}

impl Octets {
    /// Of at most 24 bytes.
    pub(super) fn of(from: &[u8]) -> Self {
        Self::chain(from, &[])
    }

    /// One after the other, at most 24 bytes.
    pub(super) fn chain(first: &[u8], second: &[u8]) -> Self {
        let mut bytes = [0; 24];
        let from = first.iter().chain(second);
        bytes
            .iter_mut()
            .zip(from)
            .for_each(|(to, from)| *to = *from);
        let count = (first.len() + second.len()).min(24);
        Self { bytes, count }
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, frames, hex};
    use alloc::vec::Vec;

    const VECTORS: &str = include_str!("../../../fixtures/radio/dmr_bursts.json");
    const GENERATED: &str =
        include_str!("../../../fixtures/radio/generated_dmr_short_data_utf16.json");

    #[test]
    fn the_vectors_both_ways() {
        let mut seen = 0;
        for vector in [VECTORS, GENERATED].into_iter().flat_map(frames) {
            let (bytes, expected) = (bytes_of(&vector), &vector["expected"]);
            let burst = Burst::parse(&bytes).unwrap();
            assert_eq!(burst.slot.colour_code, expected["colour_code"], "{vector}");
            let octets = burst.octets().unwrap();
            match expected["info_hex"].as_str() {
                None | Some("") => {}
                Some(info) => assert_eq!(*octets, *hex(info), "{vector}"),
            }
            assert_eq!(burst.to_bytes().to_vec(), bytes);
            assert_eq!(Burst::new(burst.sync, burst.slot, &octets), Some(burst));
            seen += 1;
        }
        assert_eq!(seen, 18 + 6);
    }

    /// All data types, all places.
    #[test]
    fn octets_survive() {
        for data_type in DataType::ALL {
            let slot = SlotType {
                colour_code: 9,
                data_type,
            };
            let count = match data_type {
                DataType::Full => 24,
                DataType::ThreeQuarter => 18,
                _ => 12,
            };
            for bit in 0..count * 8 {
                let mut octets = vec_of(0x5A, count);
                octets[bit / 8] ^= 0x80 >> (bit % 8);
                let burst = Burst::new(SyncWord::MsData, slot, &octets).unwrap();
                let read = Burst::parse(&burst.to_bytes()).unwrap();
                assert_eq!((read, &*read.octets().unwrap()), (burst, &*octets));
            }
            for other in [0, count - 1, count + 1] {
                let octets = vec_of(0, other);
                assert_eq!(Burst::new(SyncWord::BsData, slot, &octets), None);
            }
        }
    }

    fn vec_of(byte: u8, count: usize) -> Vec<u8> {
        alloc::vec![byte; count]
    }

    /// Any single bit, and any neighbours: sync, slot type and information each mend their own.
    #[test]
    fn flipped_bits_are_corrected() {
        for vector in [VECTORS, GENERATED].into_iter().flat_map(frames) {
            let bytes = bytes_of(&vector);
            let whole = Burst::parse(&bytes).unwrap();
            let widths = if whole.slot.data_type == DataType::ThreeQuarter {
                1..2
            } else {
                1..4
            };
            for (at, width) in widths.flat_map(|width| (0..265 - width).map(move |at| (at, width)))
            {
                let mut flipped = bytes.clone();
                (at..at + width).for_each(|bit| flipped[bit / 8] ^= 0x80 >> (bit % 8));
                let burst = Burst::parse(&flipped).unwrap();
                assert_eq!(
                    (burst.sync, burst.slot),
                    (whole.sync, whole.slot),
                    "{at}+{width}"
                );
                assert_eq!(burst.octets(), whole.octets(), "{at}+{width}");
            }
        }
    }

    #[test]
    fn other_bursts_are_refused() {
        let bytes = bytes_of(&frames(VECTORS)[0]);
        for taken in 0..Burst::LEN {
            let missing = Burst::LEN - taken;
            let layer = Layer::Burst;
            let error = DecodeError::Truncated { layer, missing };
            assert_eq!(Burst::parse(&bytes[..taken]), Err(error));
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Burst::parse(&longer).unwrap_err().reason(), "length");
        let mut burst = Burst::parse(&bytes).unwrap();
        for sync in SyncWord::ALL {
            burst.sync = sync;
            let read = Burst::parse(&burst.to_bytes());
            assert_eq!(read.is_ok(), sync.is_data(), "{sync:?}");
        }
        assert_eq!(Burst::parse(&[0; 33]).unwrap_err().reason(), "value");
    }
}
