//! Data blocks: the pieces of a packet (TS 102 361-1, 9.2.2, 9.2.7, 9.2.15). A block does not know
//! its packet: whether it is a confirmed one says the header before it.
//!
//! ```text
//! unconfirmed | octets                    |     12, 18 or 24 of them by the rate
//! confirmed   | serial | CRC-9 | octets   |     two fewer; the serial counts from 0
//!                  7       9         bits
//! ```
//! The CRC-9 stands with its highest bit first, as two blocks recorded off the air show; one public
//! library writes it the other way round.

use super::burst::Octets;
use super::crc::nine;
use super::slot_type::DataType;
use crate::error::{DecodeError, Layer};
use crate::refuse::{check, length};
use nom::bits::complete::take;

/// How a block is coded, and so how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rate {
    /// Rate 1/2: 12 octets, the safest.
    Half,
    /// Rate 3/4: 18 octets.
    ThreeQuarter,
    /// Rate 1: 24 octets, nothing corrected.
    Full,
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Half, Self::ThreeQuarter, Self::Full];

    /// The rate of a burst's blocks, if it carries one.
    #[must_use]
    pub fn of(data_type: DataType) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|rate| rate.data_type() == data_type)
    }

    /// The data type of its bursts.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Half => DataType::Half,
            Self::ThreeQuarter => DataType::ThreeQuarter,
            Self::Full => DataType::Full,
        }
    }

    /// Octets of a block on the air.
    #[must_use]
    pub fn octets(self) -> usize {
        match self {
            Self::Half => 12,
            Self::ThreeQuarter => 18,
            Self::Full => 24,
        }
    }

    /// Octets of the packet a block holds.
    #[must_use]
    pub fn data_octets(self, is_confirmed: bool) -> usize {
        self.octets() - if is_confirmed { 2 } else { 0 }
    }

    /// The mask of its CRC-9 (B.3.12).
    fn mask(self) -> u16 {
        match self {
            Self::Half => 0x0F0,
            Self::ThreeQuarter => 0x1FF,
            Self::Full => 0x10F,
        }
    }
}

/// A data block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    /// How it is coded.
    pub rate: Rate,
    /// Its number in the packet, 0 to 127; none of an unconfirmed one.
    pub serial: Option<u8>,
    /// Its part of the packet, [`Rate::data_octets`] long.
    data: Octets,
}

impl Block {
    /// A block; none if `data` is not as long as such a block holds.
    #[must_use]
    pub fn new(rate: Rate, serial: Option<u8>, data: &[u8]) -> Option<Self> {
        let fits = data.len() == rate.data_octets(serial.is_some());
        fits.then(|| Self {
            rate,
            serial: serial.map(|serial| serial & 0x7F),
            data: Octets::of(data),
        })
    }

    /// Reads what a burst carried.
    ///
    /// # Errors
    /// Not as many octets as the rate has; of a confirmed one, another CRC-9 than they give.
    pub fn parse(rate: Rate, is_confirmed: bool, octets: &[u8]) -> Result<Self, DecodeError> {
        let layer = Layer::Block;
        let missing = rate.octets().saturating_sub(octets.len());
        if missing > 0 {
            return Err(DecodeError::Truncated { layer, missing });
        }
        let wrong = || length(layer, octets.len(), "12, 18 or 24, by the rate");
        if !is_confirmed {
            return Self::new(rate, None, octets).ok_or_else(wrong);
        }
        let (head, data) = octets.split_at_checked(2).ok_or_else(wrong)?;
        let fields = (take(7usize), take(9usize));
        let (serial, found): (u8, u16) = crate::bits::whole(head, fields).ok_or_else(wrong)?;
        check(layer, found.into(), nine(data, serial, rate.mask()).into())?;
        Self::new(rate, Some(serial), data).ok_or_else(wrong)
    }

    /// Its part of the packet.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// What a burst carries of it.
    #[must_use]
    pub fn octets(&self) -> Octets {
        let Some(serial) = self.serial else {
            return self.data;
        };
        let crc = nine(&self.data, serial, self.rate.mask());
        let head = (u16::from(serial) << 9 | crc).to_be_bytes();
        Octets::chain(&head, &self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, flips, frames, hex};
    use crate::dmr::Burst;
    use alloc::vec::Vec;

    /// Of a radio, recorded off the air: serial 0, CRC-9 1BF, highest bit first.
    const OFF_AIR: &str = "01bf0001410048004f004a000000a197ccb4";

    #[test]
    fn the_order_of_the_nine_bits() {
        let octets = hex(OFF_AIR);
        let block = Block::parse(Rate::ThreeQuarter, true, &octets).unwrap();
        assert_eq!((block.serial, block.data()), (Some(0), &octets[2..]));
        assert_eq!(*block.octets(), octets);
        // As one library writes the same block.
        let reversed = [&[0x01, 0xFB], &octets[2..]].concat();
        let error = Block::parse(Rate::ThreeQuarter, true, &reversed).unwrap_err();
        assert_eq!(error.reason(), "checksum");
    }

    /// Another one off the air, as a burst, and as the bits of the trellis two of another message
    /// and one whose octets were edited.
    #[test]
    fn captured_confirmed_blocks() {
        let bursts = frames(include_str!("../../../fixtures/radio/dmr_bursts.json"));
        let captured = bursts
            .iter()
            .find(|burst| burst["name"] == "test_burst:133");
        let burst = Burst::parse(&bytes_of(captured.unwrap())).unwrap();
        let mut blocks: Vec<_> = [burst.octets().unwrap().to_vec()].into();
        let vectors = frames(include_str!("../../../fixtures/radio/dmr_fec_crc.json"));
        for vector in vectors
            .iter()
            .filter(|vector| vector["name"] == "trellis34")
        {
            blocks.push(hex(vector["expected"]["decoded_hex"].as_str().unwrap()));
        }
        let read = |octets: &Vec<u8>| {
            let block = Block::parse(Rate::ThreeQuarter, true, octets).ok()?;
            assert_eq!(*block.octets(), *octets);
            block.serial
        };
        let serials: Vec<_> = blocks.iter().map(read).collect();
        assert_eq!(serials, [Some(1), None, Some(1), Some(2)]);
    }

    #[test]
    fn every_rate_both_ways() {
        for rate in Rate::ALL {
            assert_eq!(Rate::of(rate.data_type()), Some(rate));
            for serial in [None, Some(0), Some(127)] {
                let is_confirmed = serial.is_some();
                let data: Vec<u8> = (1..).take(rate.data_octets(is_confirmed)).collect();
                let block = Block::new(rate, serial, &data).unwrap();
                let octets = block.octets();
                assert_eq!(octets.len(), rate.octets());
                assert_eq!(Block::parse(rate, is_confirmed, &octets), Ok(block));
                assert_eq!(Block::new(rate, serial, &data[1..]), None);
                for taken in 0..octets.len() {
                    let error = Block::parse(rate, is_confirmed, &octets[..taken]).unwrap_err();
                    assert_eq!(error.reason(), "truncated");
                }
                let longer = [&*octets, &[0]].concat();
                assert!(Block::parse(rate, is_confirmed, &longer).is_err());
                for (at, bit, flipped) in flips(&octets, 0..octets.len()) {
                    let block = Block::parse(rate, is_confirmed, &flipped);
                    assert_eq!(block.is_err(), is_confirmed, "{at}.{bit}");
                }
            }
        }
        assert_eq!(Rate::of(DataType::Csbk), None);
    }
}
