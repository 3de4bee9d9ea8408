//! The checksums of DMR data (TS 102 361-1, B.3): CRC-CCITT, CRC-9 and CRC-32, each from the
//! highest bit on and starting at 0. They say whether bytes fit, not what to do if they do not.
//!
//! | checksum | polynomial | over | sent |
//! |---|---|---|---|
//! | CRC-CCITT | 0x1021 | a PDU's first 10 bytes | inverted, xor its kind's mask |
//! | CRC-9 | 0x059 | a block's octets, its serial in 7 bits | inverted, xor its rate's mask |
//! | CRC-32 | 0x04C11DB7 | a packet, the bytes of each pair swapped | as it is, last byte first |
//!
//! A mask keeps one kind of PDU from passing for another, so a bare PDU tells by it what it is.

/// What a CRC-CCITT protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mask {
    /// Privacy indicator header.
    PiHeader,
    /// Control signalling block.
    Csbk,
    /// First block of a multi-block control message.
    MbcHeader,
    /// Data header.
    DataHeader,
    /// Unified single block data.
    Usbd,
    /// The appended blocks of UDT, and multi-block continuations: no mask.
    Appended,
}

impl Mask {
    /// Those a PDU of 12 bytes may have, and the last block of several.
    pub const OF_PDUS: [Self; 6] = [
        Self::Csbk,
        Self::DataHeader,
        Self::MbcHeader,
        Self::PiHeader,
        Self::Usbd,
        Self::Appended,
    ];

    /// Its 16 bits (B.3.12).
    #[must_use]
    pub fn bits(self) -> u16 {
        match self {
            Self::PiHeader => 0x6969,
            Self::Csbk => 0xA5A5,
            Self::MbcHeader => 0xAAAA,
            Self::DataHeader => 0xCCCC,
            Self::Usbd => 0x3333,
            Self::Appended => 0,
        }
    }
}

/// The CRC-CCITT of bytes as it is sent.
#[must_use]
pub fn ccitt(bytes: &[u8], mask: Mask) -> u16 {
    let crc = bytes.iter().fold(0u16, |crc, byte| {
        let at = usize::from((crc >> 8) as u8 ^ byte);
        crc << 8 ^ CCITT.get(at).copied().unwrap_or(0)
    });
    !crc ^ mask.bits()
}

/// The CRC-9 of a confirmed block as it is sent, 9 bits. `mask` is the rate's, see
/// [`Rate`](super::block::Rate).
#[must_use]
pub fn nine(octets: &[u8], serial: u8, mask: u16) -> u16 {
    let crc = octets.iter().fold(0, |crc, byte| nine_bits(crc, *byte, 8));
    (!nine_bits(crc, serial, 7) ^ mask) & 0x1FF
}

/// The CRC over the low `count` bits of `bits` added to one.
fn nine_bits(crc: u16, bits: u8, count: u32) -> u16 {
    (0..count).rev().fold(crc, |crc, at| {
        let bit = u16::from(bits >> at & 1);
        let top = crc >> 8 & 1;
        (crc << 1 & 0x1FF) ^ (0x059 * (top ^ bit))
    })
}

/// The CRC-32 of a packet as its four bytes are sent. A packet has an even number of bytes; an odd
/// last one would stand alone.
#[must_use]
pub fn thirty_two(packet: &[u8]) -> [u8; 4] {
    let pairs = packet.chunks(2).flat_map(|pair| pair.iter().rev());
    let crc = pairs.fold(0u32, |crc, byte| {
        let at = usize::from((crc >> 24) as u8 ^ byte);
        crc << 8 ^ THIRTY_TWO.get(at).copied().unwrap_or(0)
    });
    crc.to_le_bytes()
}

#[expect(clippy::indexing_slicing, reason = "at compile time, below 256")]
const CCITT: [u16; 256] = {
    let wide = table(0x1021 << 16);
    let mut narrow = [0; 256];
    let mut at = 0;
    while at < 256 {
        narrow[at] = (wide[at] >> 16) as u16;
        at += 1;
    }
    narrow
};
const THIRTY_TWO: [u32; 256] = table(0x04C1_1DB7);

/// What each byte does to a CRC of 32 bits, or of fewer at their top.
#[expect(clippy::indexing_slicing, reason = "at compile time, below 256")]
const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let top = crc >> 31;
            crc = (crc << 1) ^ (polynomial * top);
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, frames, hex};
    use alloc::format;
    use serde_json::Value;

    const VECTORS: &str = include_str!("../../../fixtures/radio/dmr_fec_crc.json");

    fn vectors(protocol: &str) -> impl Iterator<Item = Value> {
        let protocol = alloc::string::String::from(protocol);
        let all = frames(VECTORS).into_iter();
        all.filter(move |vector| vector["protocol"] == *protocol)
    }

    #[test]
    fn ccitt_of_the_vectors() {
        let mut seen = 0;
        for vector in vectors("CRC-CCITT") {
            let mask = match vector["expected"]["mask"].as_str() {
                Some("DataHeader") => Mask::DataHeader,
                Some("CSBK") => Mask::Csbk,
                Some("PiHeader") => Mask::PiHeader,
                other => panic!("{other:?}"),
            };
            let crc = format!("\"{:04x}\"", ccitt(&bytes_of(&vector), mask));
            assert_eq!(vector["expected"]["crc"], crc, "{vector}");
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn nine_of_the_vectors() {
        let mut seen = 0;
        for vector in vectors("CRC-9") {
            let expected = &vector["expected"];
            let appended = hex(expected["crc32_appended"].as_str().unwrap_or_default());
            let octets = [bytes_of(&vector), appended].concat();
            let serial = u8::try_from(expected["dbsn"].as_u64().unwrap()).unwrap();
            assert_eq!(nine(&octets, serial, 0x1FF), expected["crc9"], "{vector}");
            seen += 1;
        }
        assert_eq!(seen, 20);
    }

    #[test]
    fn thirty_two_of_the_vectors() {
        let mut seen = 0;
        for vector in vectors("CRC-32") {
            let sent = &vector["expected"]["crc32_as_transmitted_bytes_little_endian"];
            let crc = thirty_two(&bytes_of(&vector));
            assert_eq!(crc.to_vec(), hex(sent.as_str().unwrap()), "{vector}");
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn masks_differ() {
        for (at, mask) in Mask::OF_PDUS.iter().enumerate() {
            let others = Mask::OF_PDUS.iter().skip(at + 1);
            others.for_each(|other| assert_ne!(mask.bits(), other.bits()));
        }
    }
}
