//! What a data burst says of itself beside its sync (TS 102 361-1, 9.1.3): the colour code that
//! keeps neighbouring systems apart, and what the information is. Golay(20,8,7) guards it.
//!
//! ```text
//! | colour code | data type | parity |
//!        4            4         12    bits
//! ```

use super::golay;
use crate::error::{DecodeError, Layer};
use crate::refuse::value;
use core::fmt;

/// A slot type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotType {
    /// 0 to 15; higher bits are not sent.
    pub colour_code: u8,
    /// What the information of the burst is.
    pub data_type: DataType,
}

/// What the information of a data burst is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// Privacy indicator.
    PiHeader,
    /// Full link control before voice.
    VoiceHeader,
    /// Full link control after voice.
    Terminator,
    /// Control signalling block.
    Csbk,
    /// First block of a multi-block control message.
    MbcHeader,
    /// A further one.
    MbcContinuation,
    /// Data header.
    DataHeader,
    /// Data block at rate 1/2.
    Half,
    /// Data block at rate 3/4.
    ThreeQuarter,
    /// Nothing to say.
    Idle,
    /// Data block at rate 1.
    Full,
    /// Unified single block data.
    Usbd,
}

impl DataType {
    /// In the order of their codes, from 0 on.
    pub const ALL: [Self; 12] = [
        Self::PiHeader,
        Self::VoiceHeader,
        Self::Terminator,
        Self::Csbk,
        Self::MbcHeader,
        Self::MbcContinuation,
        Self::DataHeader,
        Self::Half,
        Self::ThreeQuarter,
        Self::Idle,
        Self::Full,
        Self::Usbd,
    ];

    /// Its four bits (9.3.6).
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The type of four bits; 12 to 15 are reserved.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PiHeader => "privacy header",
            Self::VoiceHeader => "voice header",
            Self::Terminator => "voice terminator",
            Self::Csbk => "control signalling block",
            Self::MbcHeader => "multi-block control header",
            Self::MbcContinuation => "multi-block control continuation",
            Self::DataHeader => "data header",
            Self::Half => "rate 1/2 data",
            Self::ThreeQuarter => "rate 3/4 data",
            Self::Idle => "idle",
            Self::Full => "rate 1 data",
            Self::Usbd => "unified single block data",
        }
    }
}

impl SlotType {
    /// Reads 20 bits.
    ///
    /// # Errors
    /// More than three of them wrong, or a reserved type.
    pub fn parse(bits: u32) -> Result<Self, DecodeError> {
        let layer = Layer::Burst;
        let byte = golay::decode(bits).ok_or(DecodeError::Uncorrectable { layer })?;
        let (colour_code, code) = (byte >> 4, byte & 0xF);
        let data_type = DataType::from_code(code);
        Ok(Self {
            colour_code,
            data_type: data_type.ok_or_else(|| value(layer, "data type", code))?,
        })
    }

    /// Its 20 bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        golay::encode(self.colour_code << 4 | self.data_type.code())
    }
}

impl fmt::Display for SlotType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (colour, name) = (self.colour_code, self.data_type.name());
        write!(f, "colour code {colour}, {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn all_of_them_both_ways() {
        for colour_code in 0..16 {
            for (code, data_type) in (0u8..).zip(DataType::ALL) {
                let slot = SlotType {
                    colour_code,
                    data_type,
                };
                assert_eq!(data_type.code(), code);
                assert_eq!(SlotType::parse(slot.bits()), Ok(slot));
            }
            for code in 12..16 {
                let error = SlotType::parse(golay::encode(colour_code << 4 | code)).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    alloc::format!("burst: data type is {code:#04x}")
                );
            }
        }
    }
}
