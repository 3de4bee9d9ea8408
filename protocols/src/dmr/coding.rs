//! How the words of a short message become octets. A text that came broken reads with U+FFFD where
//! its bytes stand for no character.

use super::element::DataFormat;
use alloc::string::String;
use alloc::vec::Vec;

/// A coding of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// UTF-8: shortest for Latin letters.
    Utf8,
    /// UTF-16, big-endian.
    Utf16Be,
    /// UTF-16, little-endian: what the radios of the captures send.
    Utf16Le,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Utf8, Self::Utf16Be, Self::Utf16Le];

    /// What a header calls it.
    #[must_use]
    pub fn format(self) -> DataFormat {
        match self {
            Self::Utf8 => DataFormat::UTF8,
            Self::Utf16Be => DataFormat::UTF16BE,
            Self::Utf16Le => DataFormat::UTF16LE,
        }
    }

    /// The octets of a text.
    #[must_use]
    pub fn encode(self, text: &str) -> Vec<u8> {
        let units = text.encode_utf16();
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16Be => units.flat_map(u16::to_be_bytes).collect(),
            Self::Utf16Le => units.flat_map(u16::to_le_bytes).collect(),
        }
    }

    /// The text of octets.
    #[must_use]
    pub fn decode(self, octets: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(octets).into_owned(),
            Self::Utf16Be => utf16(octets, u16::from_be_bytes),
            Self::Utf16Le => utf16(octets, u16::from_le_bytes),
        }
    }
}

/// The words of short data; none if its format is no text, or a coding nobody here reads.
#[must_use]
pub fn decode(format: DataFormat, octets: &[u8]) -> Option<String> {
    let known = Coding::ALL
        .into_iter()
        .find(|coding| coding.format() == format);
    match (known, octets) {
        (Some(coding), _) => Some(coding.decode(octets)),
        (None, [0xFF, 0xFE, rest @ ..]) if format == DataFormat::UTF16 => {
            Some(Coding::Utf16Le.decode(rest))
        }
        (None, [0xFE, 0xFF, rest @ ..] | rest) if format == DataFormat::UTF16 => {
            Some(Coding::Utf16Be.decode(rest))
        }
        (None, _) => None,
    }
}

fn utf16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, half) = octets.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let known = char::decode_utf16(units);
    let known = known.map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER));
    let half = half.iter().map(|_| char::REPLACEMENT_CHARACTER);
    known.chain(half).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_byte_order_shows() {
        assert_eq!(Coding::Utf16Le.encode("警"), [0x66, 0x8B]);
        assert_eq!(Coding::Utf16Be.encode("警"), [0x8B, 0x66]);
        assert_eq!(Coding::Utf8.encode("警"), [0xE8, 0xAD, 0xA6]);
        for (octets, words) in [
            (&[0xFF, 0xFE, 0x66, 0x8B][..], "警"),
            (&[0xFE, 0xFF, 0x8B, 0x66], "警"),
            (&[0x8B, 0x66], "警"),
        ] {
            let text = decode(DataFormat::UTF16, octets);
            assert_eq!(text.as_deref(), Some(words));
        }
        assert_eq!(decode(DataFormat::BINARY, b"x"), None);
    }

    #[test]
    fn broken_text_reads() {
        assert_eq!(Coding::Utf16Le.decode(&[0x66, 0x8B, 0x00]), "警\u{FFFD}");
        assert_eq!(Coding::Utf16Be.decode(&[0xD8, 0x00]), "\u{FFFD}");
        assert_eq!(Coding::Utf8.decode(&[0xE8, 0xAD]), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn any_text_survives(text in any::<String>()) {
            for coding in Coding::ALL {
                let octets = coding.encode(&text);
                prop_assert_eq!(decode(coding.format(), &octets), Some(text.clone()));
            }
        }

        #[test]
        fn any_octets_read(octets in proptest::collection::vec(any::<u8>(), 0..64), format: u8) {
            let _ = decode(DataFormat(format), &octets);
        }
    }
}
