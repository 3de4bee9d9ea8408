//! A packet: cut into blocks with its CRC-32 at the end, and put together again
//! (TS 102 361-1, 8.2). It does not ask for what is missing; `delivery` does.
//!
//! ```text
//! | octets                       | padding | CRC-32 |   cut into blocks of one rate
//!   what the header is about                   4
//! ```

use super::block::{Block, Rate};
use super::crc::thirty_two;
use super::header::{DataHeader, Kind};
use crate::error::{DecodeError, Layer};
use crate::refuse::{check, length, value};
use alloc::vec::Vec;

/// Most blocks a header can announce, 7 bits; of short data 63, 6 bits.
pub const MAX_BLOCKS: usize = 127;
/// Most octets a packet has, its checksum aside: 127 blocks at rate 1.
pub const MAX_OCTETS: usize = MAX_BLOCKS * 24 - CRC;
/// Octets of the checksum.
const CRC: usize = 4;

/// Cuts octets into blocks, with as little padding as there can be. Beside them how many octets of
/// padding there are. None if more blocks than [`MAX_BLOCKS`] were needed.
#[must_use]
pub fn cut(octets: &[u8], rate: Rate, is_confirmed: bool) -> Option<(Vec<Block>, usize)> {
    let each = rate.data_octets(is_confirmed);
    let count = (octets.len() + CRC).div_ceil(each);
    if count > MAX_BLOCKS {
        return None;
    }
    let padding = count * each - CRC - octets.len();
    let mut packet = Vec::with_capacity(count * each);
    packet.extend_from_slice(octets);
    packet.resize(octets.len() + padding, 0);
    packet.extend_from_slice(&thirty_two(&packet));
    let parts = (0..).zip(packet.chunks(each));
    let block = |(serial, part)| Block::new(rate, is_confirmed.then_some(serial), part);
    let blocks: Option<Vec<_>> = parts.map(block).collect();
    Some((blocks?, padding))
}

/// A packet that is being received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembly {
    header: DataHeader,
    rate: Option<Rate>,
    blocks: Vec<Option<Block>>,
    /// Of an unconfirmed packet, where the next block goes.
    next: usize,
}

impl Assembly {
    /// After a header; none if no blocks follow it, or those of unified data, which are another
    /// kind.
    #[must_use]
    pub fn begin(header: DataHeader) -> Option<Self> {
        let count = usize::from(header.blocks());
        if count == 0 || matches!(header.kind, Kind::Udt(_)) {
            return None;
        }
        let blocks = alloc::vec![None; count];
        let (rate, next) = (None, 0);
        Some(Self {
            header,
            rate,
            blocks,
            next,
        })
    }

    /// The header it began with.
    #[must_use]
    pub fn header(&self) -> &DataHeader {
        &self.header
    }

    /// Puts a block in its place; a confirmed one may come twice.
    ///
    /// # Errors
    /// As [`Block::parse`], and a block of another rate, beyond the last, or with a serial number
    /// beyond the last.
    pub fn take(&mut self, rate: Rate, octets: &[u8]) -> Result<(), DecodeError> {
        let block = Block::parse(rate, self.header.is_confirmed(), octets)?;
        if self.rate.is_some_and(|known| known != rate) {
            let code = rate.data_type().code();
            return Err(value(Layer::Packet, "rate, another than before,", code));
        }
        let at = block.serial.map_or(self.next, usize::from);
        let count = self.blocks.len();
        let place = self.blocks.get_mut(at);
        let beyond = || length(Layer::Packet, at + 1, "blocks as the header says");
        *place.ok_or_else(beyond)? = Some(block);
        self.rate = Some(rate);
        self.next = (self.next + 1).min(count);
        Ok(())
    }

    /// A block came that could not be read.
    pub fn skip(&mut self) {
        self.next = (self.next + 1).min(self.blocks.len());
    }

    /// Which blocks are missing.
    #[must_use]
    pub fn missing(&self) -> BlockMap {
        let blocks = (0..).zip(&self.blocks);
        let missing = blocks.filter(|(_, block)| block.is_none());
        missing.fold(BlockMap::default(), |map, (at, _)| map.with(at))
    }

    /// The octets the header is about, their padding taken off.
    ///
    /// # Errors
    /// A missing block, another CRC-32 than the octets give, more padding than octets.
    pub fn finish(&self) -> Result<Vec<u8>, DecodeError> {
        let layer = Layer::Packet;
        let mut octets = Vec::with_capacity(self.blocks.len() * 24);
        for block in &self.blocks {
            let missing = self.missing().count();
            let block = block.ok_or(DecodeError::Truncated { layer, missing })?;
            octets.extend_from_slice(block.data());
        }
        let (packet, found) = octets
            .split_last_chunk::<CRC>()
            .ok_or(DecodeError::Truncated { layer, missing: 1 })?;
        let expected = thirty_two(packet);
        check(
            layer,
            u32::from_be_bytes(*found),
            u32::from_be_bytes(expected),
        )?;
        let padding = self.header.pad_bits().div_ceil(8);
        let used = packet.len().checked_sub(padding);
        let used = used.ok_or_else(|| length(layer, padding, "no more padding than octets"))?;
        octets.truncate(used);
        Ok(octets)
    }
}

/// Some of a packet's blocks, by their serial numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct BlockMap(u128);

impl BlockMap {
    /// With this one too; serial numbers are below 127.
    #[must_use]
    pub fn with(self, serial: u8) -> Self {
        Self(self.0 | 1u128.checked_shl(serial.into()).unwrap_or(0))
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(self, serial: u8) -> bool {
        self.0.checked_shr(serial.into()).unwrap_or(0) & 1 != 0
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// As a response carries them: block 8 i + k is bit k of octet i, clear if it is to be sent
    /// again. Up to 64 blocks fill one block at rate 1/2, more take two.
    #[must_use]
    pub fn to_octets(self, of_blocks: usize) -> Vec<u8> {
        let octets = if of_blocks <= 64 { 8 } else { 20 };
        let bytes = self.0.to_le_bytes().into_iter().map(|byte| !byte);
        bytes.chain([0xFF; 4]).take(octets).collect()
    }

    /// What a response asks for.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        let bytes = octets.iter().take(16).rev();
        let fill = bytes.len() as u32 * 8;
        let kept = bytes.fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        Self(!kept & 1u128.checked_shl(fill).unwrap_or(0).wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dmr::Address;
    use crate::dmr::element::Sap;
    use crate::dmr::header::Packet;
    use proptest::prelude::*;

    fn header(is_confirmed: bool, blocks: usize, padding: usize) -> DataHeader {
        let packet = Packet {
            sap: Sap::IP,
            pad_octets: u8::try_from(padding).unwrap(),
            is_first_try: true,
            blocks: u8::try_from(blocks).unwrap(),
            fragment: 0,
        };
        let confirmed = Kind::Confirmed {
            packet,
            is_resync: false,
            sequence: 0,
        };
        DataHeader {
            is_group: false,
            wants_response: is_confirmed,
            destination: Address::low(9),
            source: Address::low(1),
            kind: match is_confirmed {
                true => confirmed,
                false => Kind::Unconfirmed(packet),
            },
        }
    }

    fn assembled(octets: &[u8], rate: Rate, is_confirmed: bool) -> Assembly {
        let (blocks, padding) = cut(octets, rate, is_confirmed).unwrap();
        let header = header(is_confirmed, blocks.len(), padding);
        let mut assembly = Assembly::begin(header).unwrap();
        for block in &blocks {
            assert!(assembly.finish().is_err());
            assembly.take(rate, &block.octets()).unwrap();
        }
        assembly
    }

    #[test]
    fn every_length_both_ways() {
        let octets: Vec<u8> = (0..=u8::MAX).cycle().take(MAX_OCTETS).collect();
        for rate in Rate::ALL {
            for is_confirmed in [false, true] {
                let most = MAX_BLOCKS * rate.data_octets(is_confirmed) - CRC;
                let lengths = (0..80).chain(most - 30..=most);
                for octets in lengths.map(|length| &octets[..length]) {
                    let assembly = assembled(octets, rate, is_confirmed);
                    assert_eq!(assembly.finish().as_deref(), Ok(octets));
                }
                let longer = alloc::vec![0; most + 1];
                assert_eq!(cut(&longer, rate, is_confirmed), None);
            }
        }
    }

    /// The lengths the standard gives for a last block: 8/6, 14/12, 20/18 octets beside the CRC.
    #[test]
    fn a_last_block_holds_four_fewer() {
        for (rate, unconfirmed, confirmed) in [
            (Rate::Half, 8, 6),
            (Rate::ThreeQuarter, 14, 12),
            (Rate::Full, 20, 18),
        ] {
            for (is_confirmed, most) in [(false, unconfirmed), (true, confirmed)] {
                let blocks = |octets| cut(&[7; 20][..octets], rate, is_confirmed).unwrap().0.len();
                assert_eq!(
                    (blocks(most), blocks(most.min(19) + 1)),
                    (1, 1 + usize::from(most < 20))
                );
            }
        }
    }

    #[test]
    fn confirmed_blocks_find_their_place() {
        let octets: Vec<u8> = (0..60).collect();
        let (blocks, padding) = cut(&octets, Rate::Half, true).unwrap();
        let header = header(true, blocks.len(), padding);
        let mut assembly = Assembly::begin(header).unwrap();
        for at in [5, 0, 3, 0, 6] {
            assembly.take(Rate::Half, &blocks[at].octets()).unwrap();
        }
        let missing = assembly.missing();
        let asked: Vec<u8> = (0..7).filter(|serial| missing.contains(*serial)).collect();
        assert_eq!((missing.count(), asked), (3, [1, 2, 4].to_vec()));
        let error = assembly.finish().unwrap_err();
        assert_eq!(
            alloc::format!("{error}"),
            "packet: truncated, 3 more bytes expected"
        );
        for at in [4, 2, 1] {
            assembly.take(Rate::Half, &blocks[at].octets()).unwrap();
        }
        assert_eq!(assembly.finish(), Ok(octets));
    }

    #[test]
    fn blocks_that_do_not_belong_are_refused() {
        let (blocks, padding) = cut(&[1; 30], Rate::Half, true).unwrap();
        let header = header(true, blocks.len() - 1, padding);
        let mut assembly = Assembly::begin(header).unwrap();
        assembly.take(Rate::Half, &blocks[0].octets()).unwrap();
        let beyond = assembly.take(Rate::Half, &blocks[3].octets());
        assert_eq!(beyond.unwrap_err().reason(), "length");
        let other = cut(&[1; 30], Rate::Full, true).unwrap().0;
        let other = assembly.take(Rate::Full, &other[0].octets());
        assert_eq!(other.unwrap_err().reason(), "value");
    }

    #[test]
    fn a_lost_or_broken_unconfirmed_block_spoils_the_packet() {
        let octets: Vec<u8> = (0..50).collect();
        let (blocks, padding) = cut(&octets, Rate::Half, false).unwrap();
        for lost in 0..blocks.len() {
            let header = header(false, blocks.len(), padding);
            let mut assembly = Assembly::begin(header).unwrap();
            for (at, block) in blocks.iter().enumerate() {
                if at == lost {
                    assembly.skip();
                } else {
                    assembly.take(Rate::Half, &block.octets()).unwrap();
                }
            }
            assert_eq!(assembly.finish().unwrap_err().reason(), "truncated");
            for bit in 0..96 {
                let mut broken = blocks[lost].octets().to_vec();
                broken[bit / 8] ^= 1 << (bit % 8);
                let mut assembly = assembled(&octets, Rate::Half, false);
                assembly.next = lost;
                assembly.take(Rate::Half, &broken).unwrap();
                assert_eq!(assembly.finish().unwrap_err().reason(), "checksum");
            }
        }
    }

    #[test]
    fn a_map_of_blocks_both_ways() {
        let map = BlockMap::default().with(0).with(9);
        assert_eq!(
            map.to_octets(12),
            [0xFE, 0xFD, 255, 255, 255, 255, 255, 255]
        );
        for serials in [&[][..], &[0], &[63], &[7, 8, 64, 126]] {
            let map = serials
                .iter()
                .fold(BlockMap::default(), |map, at| map.with(*at));
            let of_blocks = if serials.iter().any(|at| *at > 63) {
                127
            } else {
                64
            };
            let octets = map.to_octets(of_blocks);
            assert_eq!(octets.len(), if of_blocks == 64 { 8 } else { 20 });
            assert_eq!(BlockMap::from_octets(&octets), map);
            assert_eq!(map.count(), serials.len());
        }
        assert_eq!(BlockMap::from_octets(&[]), BlockMap::default());
    }

    proptest! {
        /// Whatever comes: bounded, and no panic.
        #[test]
        fn any_blocks_do_no_harm(
            body: [u8; 10],
            blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 24), 0..9),
        ) {
            use crate::dmr::crc::{Mask, ccitt};
            let crc = ccitt(&body, Mask::DataHeader).to_be_bytes();
            let header = DataHeader::parse(&[&body[..], &crc].concat()).unwrap();
            if let Some(mut assembly) = header.and_then(Assembly::begin) {
                for (octets, rate) in blocks.iter().zip(Rate::ALL.into_iter().cycle()) {
                    let _ = assembly.take(rate, octets);
                    let _ = assembly.take(rate, octets.get(..rate.octets()).unwrap());
                    assembly.skip();
                }
                let octets = assembly.finish().unwrap_or_default();
                prop_assert!(octets.len() <= MAX_OCTETS);
            }
        }
    }
}
