//! Frames between a repeater's modem and its host (g4klx/MMDVMHost), over serial or UDP: for
//! `decode`, and for who stands in for a modem. The daemon speaks to no modem.
//!
//! ```text
//! | E0 | length | type |  data  |         length: of the whole frame, 3 to 255
//!    1      1       1     n             0: the next byte holds it, less 255
//!
//! DMR data (types 18, 1A)  | control 1 | burst 33 | field strength, 2 bytes or none |
//! ```
//! There is no checksum: the line is short, and a burst has its own codes.

use crate::dmr::Burst;
use crate::error::{DecodeError, Layer, Parsed};
use crate::refuse::{length, value};
use alloc::vec::Vec;
use core::fmt;

/// First byte of a frame.
pub const START: u8 = 0xE0;
/// Longest frame.
pub const MAX_FRAME: usize = 255 + 255;
/// What a length of one byte reaches.
const SHORT: usize = 255;

/// What a frame is for, as far as a capture or DMR names it.
const NAMES: [(u8, &str); 17] = [
    (0x00, "GET_VERSION"),
    (0x01, "GET_STATUS"),
    (0x02, "SET_CONFIG"),
    (0x03, "SET_MODE"),
    (0x04, "SET_FREQ"),
    (0x0A, "CW_ID"),
    (0x17, "DMR_ALOHA"),
    (0x18, "DMR_DATA1"),
    (0x19, "DMR_LOST1"),
    (0x1A, "DMR_DATA2"),
    (0x1B, "DMR_LOST2"),
    (0x1C, "DMR_SHORTLC"),
    (0x1D, "DMR_START"),
    (0x1E, "DMR_ABORT"),
    (0x70, "ACK"),
    (0x7F, "NAK"),
    (0x80, "SERIAL"),
];

/// One frame, its data still in the buffer it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mmdvm<'a> {
    /// What it is for.
    pub kind: u8,
    /// What follows the type.
    pub data: &'a [u8],
}

impl<'a> Mmdvm<'a> {
    /// A burst of slot 1, and one of slot 2.
    pub const DATA: [u8; 2] = [0x18, 0x1A];

    /// Reads one frame from the start of a stream.
    ///
    /// # Errors
    /// Another first byte, or a length that is less than its own head.
    pub fn parse(input: &'a [u8]) -> Result<Parsed<Self>, DecodeError> {
        let (head, size) = match input {
            [] => return Ok(Parsed::Incomplete(3)),
            [START] => return Ok(Parsed::Incomplete(2)),
            [START, 0] => return Ok(Parsed::Incomplete(2)),
            [START, 0, more, ..] => (3, SHORT + usize::from(*more)),
            [START, size, ..] => (2, usize::from(*size)),
            [first, ..] => return Err(value(Layer::Mmdvm, "start", *first)),
        };
        if size <= head {
            return Err(length(Layer::Mmdvm, size, "at least its own head"));
        }
        match input.get(head..size) {
            Some([kind, data @ ..]) => Ok(Parsed::Complete(Self { kind: *kind, data }, size)),
            _ => Ok(Parsed::Incomplete(size.saturating_sub(input.len()))),
        }
    }

    /// Writes it, the length in one byte where that will do. Data beyond [`MAX_FRAME`] is cut.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let size = 3 + self.data.len();
        let data = match u8::try_from(size) {
            Ok(short) => {
                out.extend([START, short]);
                self.data
            }
            Err(_) => {
                let more = (size + 1).min(MAX_FRAME) - SHORT;
                out.extend([START, 0, u8::try_from(more).unwrap_or(u8::MAX)]);
                self.data.get(..SHORT + more - 4).unwrap_or(self.data)
            }
        };
        out.push(self.kind);
        out.extend(data);
    }

    /// The control byte and the burst, if it carries one, and what follows them.
    #[must_use]
    pub fn burst(&self) -> Option<(u8, &'a [u8; Burst::LEN], &'a [u8])> {
        let (control, rest) = self.data.split_first()?;
        let (burst, rest) = rest.split_first_chunk()?;
        Self::DATA
            .contains(&self.kind)
            .then_some((*control, burst, rest))
    }

    /// Its type in words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let known = NAMES.iter().find(|(kind, _)| *kind == self.kind);
        known.map_or("unknown", |(_, name)| name)
    }
}

impl fmt::Display for Mmdvm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} bytes", self.name(), self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, frames};
    use alloc::vec;
    use proptest::prelude::*;

    const FIXTURE: &str = include_str!("../../fixtures/radio/captured_mmdvm_modem_frames.json");

    #[test]
    fn every_captured_frame_both_ways() {
        let frames = frames(FIXTURE);
        assert_eq!(frames.len(), 43);
        for vector in frames {
            let bytes = bytes_of(&vector);
            let Ok(Parsed::Complete(frame, taken)) = Mmdvm::parse(&bytes) else {
                panic!("{vector}");
            };
            assert_eq!(
                (taken, frame.name()),
                (bytes.len(), vector["expected"]["type"].as_str().unwrap())
            );
            let mut again = Vec::new();
            frame.emit(&mut again);
            assert_eq!(again, bytes);
            let is_data = frame.name().starts_with("DMR_DATA");
            assert_eq!(frame.burst().is_some(), is_data);
        }
    }

    #[test]
    fn other_lengths() {
        let error = |bytes: &[u8]| Mmdvm::parse(bytes).unwrap_err().reason();
        assert_eq!(error(&[0xE1, 3, 0]), "value");
        assert_eq!(error(&[START, 2, 0]), "length");
        assert_eq!(error(&[START, 1, 0]), "length");
        assert_eq!(Mmdvm::parse(&[START, 37, 0x18]), Ok(Parsed::Incomplete(34)));
        assert_eq!(Mmdvm::parse(&[START, 0, 0, 1]), Ok(Parsed::Incomplete(251)));
    }

    proptest! {
        #[test]
        fn any_frame_both_ways(kind: u8, data in proptest::collection::vec(any::<u8>(), 0..506)) {
            let frame = Mmdvm { kind, data: &data };
            let mut bytes = Vec::new();
            frame.emit(&mut bytes);
            prop_assert_eq!(Mmdvm::parse(&bytes), Ok(Parsed::Complete(frame, bytes.len())));
            for cut in 0..bytes.len() {
                let parsed = Mmdvm::parse(&bytes[..cut]);
                let is_waiting = matches!(parsed, Ok(Parsed::Incomplete(missing)) if missing <= bytes.len() - cut);
                prop_assert!(is_waiting, "{cut}: {parsed:?}");
            }
        }

        #[test]
        fn any_bytes_are_refused_awaited_or_written_back(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(first) = bytes.first_mut() {
                *first = START;
            }
            // The longest short ones can be said in the long way too.
            prop_assume!(!bytes.starts_with(&[START, 0]));
            if let Ok(Parsed::Complete(frame, taken)) = Mmdvm::parse(&bytes) {
                let mut again = vec![];
                frame.emit(&mut again);
                prop_assert_eq!(&again[..], &bytes[..taken]);
            }
        }
    }
}
