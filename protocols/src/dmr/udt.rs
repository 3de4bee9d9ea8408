//! Unified data transport: a header and one to four blocks at rate 1/2 (TS 102 361-1, 9.2.13, and
//! -4, 7.2.27). The last two octets are a CRC-CCITT over all before them, without a mask. Assumed
//! from a decoder's reading: only a header is on record.
//!
//! ```text
//! header | block | ... | block: ... CRC |      12 octets a block
//! ```

use super::block::{Block, Rate};
use super::coding::Coding;
use super::crc::{Mask, ccitt};
use super::element::UdtFormat;
use super::header::UdtHeader;
use super::nmea::Nmea;
use crate::error::{DecodeError, Layer};
use crate::lip::Lip;
use crate::refuse::{check, length};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Octets of a block.
const BLOCK: usize = 12;
/// Octets of the checksum.
const CRC: usize = 2;
/// Most octets carried: four blocks without their checksum.
pub const MAX_OCTETS: usize = 4 * BLOCK - CRC;

/// What unified data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A position.
    Nmea(Nmea),
    /// A position.
    Lip(Lip),
    /// Words.
    Text(String),
    /// Not read: all octets, their padding too.
    Raw(Vec<u8>),
}

impl Content {
    /// Reads the octets of all blocks after a header.
    ///
    /// # Errors
    /// Not as many octets as the header says, another CRC, a position that is none. Protected data
    /// is raw.
    pub fn parse(header: &UdtHeader, octets: &[u8]) -> Result<Self, DecodeError> {
        let layer = Layer::Udt;
        let expected = usize::from(header.blocks) * BLOCK;
        let missing = expected.saturating_sub(octets.len());
        if missing > 0 {
            return Err(DecodeError::Truncated { layer, missing });
        }
        let wrong = || length(layer, octets.len(), "12 a block, as the header says");
        let (data, found) = octets.split_last_chunk::<CRC>().ok_or_else(wrong)?;
        if octets.len() != expected || data.len() > MAX_OCTETS {
            return Err(wrong());
        }
        let found = u16::from_be_bytes(*found);
        check(layer, found.into(), ccitt(data, Mask::Appended).into())?;
        Ok(match header.format {
            _ if header.protect => Self::Raw(data.to_vec()),
            UdtFormat::NMEA => Self::Nmea(Nmea::parse(data)?),
            UdtFormat::LIP => Self::Lip(Lip::parse_udt(data)?),
            UdtFormat::UTF16BE => {
                let padding = usize::from(header.pad_nibbles).div_ceil(2);
                let used = data.len().checked_sub(padding).ok_or_else(wrong)?;
                let words = data.get(..used).unwrap_or_default();
                Self::Text(Coding::Utf16Be.decode(words))
            }
            _ => Self::Raw(data.to_vec()),
        })
    }

    /// Its blocks; none if it is too long for four. Beside them the half octets of padding.
    #[must_use]
    pub fn blocks(&self) -> Option<(Vec<Block>, u8)> {
        let mut data = match self {
            Self::Nmea(nmea) => nmea.to_bytes(),
            Self::Lip(lip) => lip.to_udt().to_vec(),
            Self::Text(text) => Coding::Utf16Be.encode(text),
            Self::Raw(octets) => octets.clone(),
        };
        let used = data.len();
        let count = (used + CRC).div_ceil(BLOCK).max(1);
        if count > 4 {
            return None;
        }
        data.resize(count * BLOCK - CRC, 0);
        let padding = u8::try_from((data.len() - used) * 2).ok()?;
        let crc = ccitt(&data, Mask::Appended).to_be_bytes();
        data.extend_from_slice(&crc);
        let blocks = data.chunks(BLOCK);
        let blocks: Option<_> = blocks
            .map(|part| Block::new(Rate::Half, None, part))
            .collect();
        Some((blocks?, padding))
    }

    /// What a header calls it; raw octets are binary.
    #[must_use]
    pub fn format(&self) -> UdtFormat {
        match self {
            Self::Nmea(_) => UdtFormat::NMEA,
            Self::Lip(_) => UdtFormat::LIP,
            Self::Text(_) => UdtFormat::UTF16BE,
            Self::Raw(_) => UdtFormat(0),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nmea(nmea) => nmea.fmt(f),
            Self::Lip(lip) => lip.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Raw(octets) => write!(f, "{} octets", octets.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dmr::element::Sap;
    use crate::gps::{Angle, Time};
    use proptest::prelude::*;

    fn header(content: &Content, blocks: usize, pad_nibbles: u8) -> UdtHeader {
        UdtHeader {
            is_emergency: false,
            option: false,
            sap: Sap::UDT,
            format: content.format(),
            pad_nibbles,
            blocks: u8::try_from(blocks).unwrap(),
            is_supplementary: false,
            protect: false,
            opcode: 27,
        }
    }

    fn contents() -> [Content; 4] {
        let nmea = Nmea {
            valid: true,
            speed_kn: 3,
            latitude: Angle { minutes_e4: 1 },
            longitude: Angle { minutes_e4: -1 },
            time: Time {
                hour: 23,
                minute: 59,
                second: 50,
            },
            course_deg: None,
        };
        let lip = Lip::parse_udt(&[0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
        let long = Nmea {
            course_deg: Some(0),
            ..nmea
        };
        [
            Content::Nmea(nmea),
            Content::Nmea(long),
            Content::Lip(lip),
            Content::Text("警情:黄江".into()),
        ]
    }

    #[test]
    fn all_of_them_both_ways() {
        for content in contents() {
            let (blocks, padding) = content.blocks().unwrap();
            let header = header(&content, blocks.len(), padding);
            let octets: Vec<u8> = blocks
                .iter()
                .flat_map(|block| block.data().to_vec())
                .collect();
            assert_eq!(Content::parse(&header, &octets), Ok(content));
            for taken in 0..octets.len() {
                let error = Content::parse(&header, &octets[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated");
            }
            let longer = [&octets[..], &[0]].concat();
            let error = Content::parse(&header, &longer).unwrap_err();
            assert_eq!(error.reason(), "length");
            for (at, bit, flipped) in crate::capture::flips(&octets, 0..octets.len()) {
                let error = Content::parse(&header, &flipped).unwrap_err();
                assert_eq!(error.reason(), "checksum", "{at}.{bit}");
            }
            let secret = UdtHeader {
                protect: true,
                ..header
            };
            let read = Content::parse(&secret, &octets);
            assert!(matches!(read, Ok(Content::Raw(_))));
        }
    }

    #[test]
    fn no_more_than_four_blocks() {
        assert!(Content::Raw([0; MAX_OCTETS].to_vec()).blocks().is_some());
        assert_eq!(Content::Raw([0; MAX_OCTETS + 1].to_vec()).blocks(), None);
    }

    proptest! {
        #[test]
        fn any_octets_do_no_harm(
            data in proptest::collection::vec(any::<u8>(), 0..60),
            (format, blocks, pad_nibbles) in (0..16u8, 0..6u8, any::<u8>()),
        ) {
            let raw = Content::Raw(Vec::new());
            let header = UdtHeader {
                format: UdtFormat(format),
                ..header(&raw, blocks.into(), pad_nibbles)
            };
            let _ = Content::parse(&header, &data);
            let crc = ccitt(&data, Mask::Appended).to_be_bytes();
            let _ = Content::parse(&header, &[&data[..], &crc].concat());
        }
    }
}
