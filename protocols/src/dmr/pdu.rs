//! The PDUs of twelve bytes, each with a checksum of its own: by the data type of their burst, or,
//! bare, by the checksum that fits. What is not read is kept as its ten bytes.

use super::crc::{Mask, ccitt};
use super::csbk::Csbk;
use super::header::DataHeader;
use super::lc::{Lc, LcKind};
use super::slot_type::DataType;
use crate::error::{DecodeError, Layer};
use crate::refuse::{check, exactly};
use core::fmt;

/// A PDU of twelve bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pdu {
    /// Control signalling.
    Csbk(Csbk),
    /// Before data blocks.
    Header(DataHeader),
    /// Before or after voice.
    Lc(LcKind, Lc),
    /// Not read.
    Raw {
        /// What protects it, and so what it is.
        mask: Mask,
        /// What it says.
        body: [u8; 10],
    },
}

impl Pdu {
    /// Bytes of any of them.
    pub const LEN: usize = 12;

    /// Reads what a burst of that type carries; none if such a burst carries no PDU.
    ///
    /// # Errors
    /// Not twelve bytes, or a checksum that does not fit.
    pub fn parse(data_type: DataType, bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match data_type {
            DataType::Csbk => Self::masked(Mask::Csbk, bytes)?,
            DataType::DataHeader => Self::masked(Mask::DataHeader, bytes)?,
            DataType::PiHeader => Self::masked(Mask::PiHeader, bytes)?,
            DataType::MbcHeader => Self::masked(Mask::MbcHeader, bytes)?,
            DataType::Usbd => Self::masked(Mask::Usbd, bytes)?,
            DataType::VoiceHeader => Self::lc(LcKind::Header, bytes)?,
            DataType::Terminator => Self::lc(LcKind::Terminator, bytes)?,
            _ => return Ok(None),
        }))
    }

    /// Reads whichever its checksum fits; a chance of one in ten thousand that noise does.
    ///
    /// # Errors
    /// Not twelve bytes, or none fits.
    pub fn told_by_checksum(bytes: &[u8]) -> Result<Self, DecodeError> {
        let whole = exactly::<{ Self::LEN }>(Layer::Pdu, bytes, "12, a DMR PDU")?;
        let masked = Mask::OF_PDUS.iter().map(|mask| Self::masked(*mask, whole));
        let kinds = [LcKind::Header, LcKind::Terminator];
        let lcs = kinds.into_iter().map(|kind| Self::lc(kind, whole));
        let [body @ .., high, low] = whole;
        masked
            .chain(lcs)
            .find_map(Result::ok)
            .ok_or_else(|| DecodeError::Checksum {
                layer: Layer::Pdu,
                found: u16::from_be_bytes([*high, *low]).into(),
                expected: ccitt(body, Mask::Appended).into(),
            })
    }

    fn masked(mask: Mask, bytes: &[u8]) -> Result<Self, DecodeError> {
        match mask {
            Mask::Csbk => return Csbk::parse(bytes).map(Self::Csbk),
            Mask::DataHeader => {
                if let Some(header) = DataHeader::parse(bytes)? {
                    return Ok(Self::Header(header));
                }
            }
            _ => {}
        }
        let bytes = exactly::<{ Self::LEN }>(Layer::Pdu, bytes, "12, a DMR PDU")?;
        let [body @ .., high, low] = bytes;
        let found = u16::from_be_bytes([*high, *low]);
        check(Layer::Pdu, found.into(), ccitt(body, mask).into())?;
        Ok(Self::Raw { mask, body: *body })
    }

    fn lc(kind: LcKind, bytes: &[u8]) -> Result<Self, DecodeError> {
        Lc::parse(kind, bytes).map(|lc| Self::Lc(kind, lc))
    }

    /// Its twelve bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        match self {
            Self::Csbk(csbk) => csbk.to_bytes(),
            Self::Header(header) => header.to_bytes(),
            Self::Lc(kind, lc) => lc.to_bytes(*kind),
            Self::Raw { mask, body } => {
                let mut bytes = [0; Self::LEN];
                let crc = ccitt(body, *mask).to_be_bytes();
                let parts = body.iter().chain(&crc);
                bytes
                    .iter_mut()
                    .zip(parts)
                    .for_each(|(to, from)| *to = *from);
                bytes
            }
        }
    }

    /// The data type of the burst it goes in.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Csbk(_) => DataType::Csbk,
            Self::Header(_) => DataType::DataHeader,
            Self::Lc(LcKind::Header, _) => DataType::VoiceHeader,
            Self::Lc(LcKind::Terminator, _) => DataType::Terminator,
            Self::Raw { mask, .. } => match mask {
                Mask::Csbk => DataType::Csbk,
                Mask::DataHeader => DataType::DataHeader,
                Mask::PiHeader => DataType::PiHeader,
                Mask::MbcHeader => DataType::MbcHeader,
                Mask::Usbd => DataType::Usbd,
                Mask::Appended => DataType::MbcContinuation,
            },
        }
    }
}

impl fmt::Display for Pdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csbk(csbk) => csbk.fmt(f),
            Self::Header(header) => header.fmt(f),
            Self::Lc(_, lc) => {
                let (name, from, to) = (self.data_type().name(), lc.source, lc.destination);
                write!(f, "{name}: {from} calls {to}")
            }
            // Alone, the last of several blocks does not say what the first one did.
            Self::Raw {
                mask: Mask::Appended,
                ..
            } => f.write_str("last block of UDT or of multi-block control"),
            Self::Raw { .. } => f.write_str(self.data_type().name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{flips, hex};
    use alloc::string::ToString;
    use proptest::prelude::*;

    const PI: &str = "211002177afc730000090dda";
    const VOICE: &str = "00104000000928072220fdf9";

    #[test]
    fn told_by_what_fits() {
        for (digits, data_type, words) in [
            (
                "bd0080180008fd23383bb2ed",
                DataType::Csbk,
                "preamble from 2308155 to 2301: data, 24 blocks follow",
            ),
            (
                "4da323383b23383b05608040",
                DataType::DataHeader,
                "short data, defined from 2308155 to 2308155: BCD, 3 blocks",
            ),
            (PI, DataType::PiHeader, "privacy header"),
            (
                VOICE,
                DataType::VoiceHeader,
                "voice header: 2623266 calls 9",
            ),
            (
                "0300002635a903d475c4889a",
                DataType::Terminator,
                "voice terminator: 250997 calls 2504105",
            ),
        ] {
            let bytes = hex(digits);
            let pdu = Pdu::told_by_checksum(&bytes).unwrap();
            assert_eq!((pdu.data_type(), &*pdu.to_string()), (data_type, words));
            assert_eq!(pdu.to_bytes().to_vec(), bytes);
            assert_eq!(Pdu::parse(data_type, &bytes), Ok(Some(pdu)));
            for (at, bit, flipped) in flips(&bytes, 0..12) {
                assert!(Pdu::told_by_checksum(&flipped).is_err(), "{at}.{bit}");
            }
            for taken in 0..12 {
                let error = Pdu::told_by_checksum(&bytes[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated");
                let error = Pdu::parse(data_type, &bytes[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated");
            }
        }
    }

    proptest! {
        /// Each mask's own kind, and no other.
        #[test]
        fn every_body_is_told_apart(body: [u8; 10]) {
            for mask in Mask::OF_PDUS {
                let bytes = Pdu::Raw { mask, body }.to_bytes();
                let pdu = Pdu::told_by_checksum(&bytes).unwrap();
                let data_type = Pdu::Raw { mask, body }.data_type();
                prop_assert_eq!((pdu.data_type(), pdu.to_bytes()), (data_type, bytes));
                for other in DataType::ALL.into_iter().filter(|other| *other != data_type) {
                    prop_assert!(!matches!(Pdu::parse(other, &bytes), Ok(Some(_))));
                }
            }
        }
    }
}
