//! DMRD: one burst of a slot, with who speaks to whom told beside it so that no burst needs to be
//! read on the way. What comes after the four letters:
//!
//! ```text
//! | seq | source | destination | repeater | bits | stream | burst | BER | RSSI |
//!    1      3          3            4         1      4       33      1     1    bytes
//!
//! bits: | slot 2 | one radio | data sync | voice sync | type or voice burst |
//!            1         1           1           1                4              bits
//! ```
//! BER and RSSI may be missing, hblink3 does without. A transmission has one stream id, and its
//! numbers go up by one from 0 to 255 and begin anew. MMDVMHost takes a new id at every control
//! block and data header.

use crate::dmr::slot_type::DataType;
use crate::dmr::{Address, Burst};
use crate::error::{DecodeError, Layer};
use crate::refuse::{length, value, whole};
use alloc::vec::Vec;
use core::fmt;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u24, be_u32};

/// One burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dmrd {
    /// Number within the stream.
    pub sequence: u8,
    /// From whom.
    pub source: Address,
    /// To whom.
    pub destination: Address,
    /// At which repeater.
    pub repeater: u32,
    /// On which slot.
    pub slot: Slot,
    /// The destination is one radio, no group.
    pub is_private: bool,
    /// What the burst is.
    pub content: Content,
    /// Of which transmission.
    pub stream: u32,
    /// The burst as it is on the air.
    pub burst: [u8; Burst::LEN],
    /// Bit errors and field strength, if they are told: of 141 bits, and -dBm.
    pub quality: Option<(u8, u8)>,
}

/// One of the two slots of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The first.
    One,
    /// The second.
    Two,
}

/// What a burst is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Data or signalling; the code of its data type, 4 bits.
    Data(u8),
    /// The first voice burst of six; 4 bits that mean nothing.
    VoiceSync(u8),
    /// Another voice burst; its place among the six, 4 bits.
    Voice(u8),
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];

    /// 1 or 2.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl Content {
    /// The data type, if it is one of the table's.
    #[must_use]
    pub fn data_type(self) -> Option<DataType> {
        match self {
            Self::Data(code) => DataType::ALL.get(usize::from(code)).copied(),
            Self::VoiceSync(_) | Self::Voice(_) => None,
        }
    }

    fn read(bits: u8) -> Result<Self, DecodeError> {
        let low = bits & 0xF;
        match bits >> 4 & 3 {
            0 => Ok(Self::Voice(low)),
            1 => Ok(Self::VoiceSync(low)),
            2 => Ok(Self::Data(low)),
            _ => Err(value(Layer::Homebrew, "both syncs set, bits", bits)),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Voice(low) => low & 0xF,
            Self::VoiceSync(low) => 0x10 | low & 0xF,
            Self::Data(low) => 0x20 | low & 0xF,
        }
    }
}

impl Dmrd {
    /// Bytes without BER and RSSI, and with them.
    pub const LENS: [usize; 2] = [53, 55];

    /// Reads what stands behind the four letters.
    pub(super) fn parse(rest: &[u8]) -> Result<Self, DecodeError> {
        let layer = Layer::Homebrew;
        let (rest, quality) = match rest.len() + 4 {
            53 => (rest, None),
            55 => match rest.split_last_chunk() {
                Some((rest, [ber, rssi])) => (rest, Some((*ber, *rssi))),
                None => (rest, None),
            },
            found @ ..53 => {
                let missing = 53 - found;
                return Err(DecodeError::Truncated { layer, missing });
            }
            found => return Err(length(layer, found, "53 or 55, a burst")),
        };
        let fields = (
            (be_u8, be_u24, be_u24, be_u32),
            (be_u8, be_u32),
            take(Burst::LEN),
        );
        let (who, (bits, stream), burst): (_, _, &[u8]) =
            whole(layer, rest, "53 or 55, a burst", fields)?;
        let (sequence, source, destination, repeater) = who;
        Ok(Self {
            sequence,
            source: Address::low(source),
            destination: Address::low(destination),
            repeater,
            slot: match bits & 0x80 {
                0 => Slot::One,
                _ => Slot::Two,
            },
            is_private: bits & 0x40 != 0,
            content: Content::read(bits)?,
            stream,
            burst: burst.as_array().copied().unwrap_or([0; Burst::LEN]),
            quality,
        })
    }

    /// Appends what stands behind the four letters.
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let slot = match self.slot {
            Slot::One => 0,
            Slot::Two => 0x80,
        };
        out.push(self.sequence);
        out.extend_from_slice(&address_bytes(self.source));
        out.extend_from_slice(&address_bytes(self.destination));
        out.extend_from_slice(&self.repeater.to_be_bytes());
        out.push(slot | u8::from(self.is_private) << 6 | self.content.bits());
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.burst);
        if let Some((ber, rssi)) = self.quality {
            out.extend_from_slice(&[ber, rssi]);
        }
    }
}

/// The three bytes of an address.
pub(super) fn address_bytes(address: Address) -> [u8; 3] {
    let [_, bytes @ ..] = address.number().to_be_bytes();
    bytes
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.data_type()) {
            (_, Some(data_type)) => f.write_str(data_type.name()),
            (Self::Data(code), None) => write!(f, "data of type {code}"),
            (Self::VoiceSync(_), None) => f.write_str("voice with sync"),
            (Self::Voice(at), None) => write!(f, "voice burst {at}"),
        }
    }
}

impl fmt::Display for Dmrd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (content, source, destination) = (self.content, self.source, self.destination);
        let (slot, whom) = (
            self.slot.number(),
            if self.is_private { "" } else { "group " },
        );
        write!(
            f,
            "slot {slot}, {content} from {source} to {whom}{destination}"
        )
    }
}
