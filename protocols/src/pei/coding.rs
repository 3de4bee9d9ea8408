//! Text in short data: which characters the octets stand for (EN 300 392-2, table 29.29). Read are
//! the alphabets terminals are known to send; the others stay octets.
//!
//! | code | alphabet |
//! |---|---|
//! | 00 | GSM, 7 bits a character, packed from the lowest bit; no extension table |
//! | 01 | ISO 8859-1 |
//! | 0D | ISO 8859-15, read as 8859-1 but for its eight other characters |
//! | 1A | UTF-16, big-endian |

use alloc::string::String;
use alloc::vec::Vec;

/// An alphabet, 7 bits. Unknown ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coding(pub u8);

/// The characters of the GSM alphabet, by their numbers; the escape is no character.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{FFFD}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Where 8859-15 differs from 8859-1.
const LATIN9: [(u8, char); 8] = [
    (0xA4, '€'),
    (0xA6, 'Š'),
    (0xA8, 'š'),
    (0xB4, 'Ž'),
    (0xB8, 'ž'),
    (0xBC, 'Œ'),
    (0xBD, 'œ'),
    (0xBE, 'Ÿ'),
];

impl Coding {
    /// GSM, 7 bits.
    pub const GSM7: Self = Self(0x00);
    /// ISO 8859-1.
    pub const LATIN1: Self = Self(0x01);
    /// ISO 8859-15.
    pub const LATIN9: Self = Self(0x0D);
    /// UTF-16, big-endian.
    pub const UTF16: Self = Self(0x1A);

    /// The smallest alphabet that has all of a text: [`LATIN1`](Self::LATIN1) or
    /// [`UTF16`](Self::UTF16).
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.chars().all(|char| u8::try_from(char).is_ok()) {
            true => Self::LATIN1,
            false => Self::UTF16,
        }
    }

    /// What it is called, if it is one of those read.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::GSM7 => "GSM",
            Self::LATIN1 => "ISO 8859-1",
            Self::LATIN9 => "ISO 8859-15",
            Self::UTF16 => "UTF-16BE",
            Self(_) => return None,
        })
    }

    /// The characters of `octets`; U+FFFD where they stand for none. None if the alphabet is not
    /// one of those read.
    #[must_use]
    pub fn read(self, octets: &[u8]) -> Option<String> {
        let latin1 = |octet: &u8| char::from(*octet);
        let latin9 = |octet: &u8| {
            let other = LATIN9.iter().find(|(code, _)| code == octet);
            other.map_or(char::from(*octet), |(_, char)| *char)
        };
        Some(match self {
            Self::GSM7 => septets(octets).map(gsm).collect(),
            Self::LATIN1 => octets.iter().map(latin1).collect(),
            Self::LATIN9 => octets.iter().map(latin9).collect(),
            Self::UTF16 => {
                let (units, half) = octets.as_chunks::<2>();
                let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
                let chars = char::decode_utf16(units).map(|char| char.unwrap_or('\u{FFFD}'));
                chars.chain(half.iter().map(|_| '\u{FFFD}')).collect()
            }
            Self(_) => return None,
        })
    }

    /// The octets of a text; `?` for what the alphabet has not. Empty if it is not one of those
    /// read.
    #[must_use]
    pub fn write(self, text: &str) -> Vec<u8> {
        let latin9 = |char| {
            let other = LATIN9.iter().find(|(_, other)| *other == char);
            let displaced = |octet: &u8| LATIN9.iter().all(|(code, _)| code != octet);
            let same = u8::try_from(char).ok().filter(displaced);
            other.map(|(code, _)| *code).or(same).unwrap_or(b'?')
        };
        match self {
            Self::GSM7 => pack(text.chars().map(to_gsm)),
            Self::LATIN1 => text
                .chars()
                .map(|char| u8::try_from(char).unwrap_or(b'?'))
                .collect(),
            Self::LATIN9 => text.chars().map(latin9).collect(),
            Self::UTF16 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self(_) => Vec::new(),
        }
    }
}

fn gsm(code: u8) -> char {
    GSM.chars().nth(code.into()).unwrap_or('\u{FFFD}')
}

fn to_gsm(char: char) -> u8 {
    let code = GSM.chars().position(|one| one == char);
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(b'?')
}

/// Groups of seven bits. Seven spare bits at the end are a character only if they are not all 0,
/// which would be an `@` no sender can have meant for certain.
fn septets(octets: &[u8]) -> impl Iterator<Item = u8> {
    let count = octets.len() * 8 / 7;
    let bit = |at: usize| {
        octets
            .get(at / 8)
            .is_some_and(|octet| octet >> (at % 8) & 1 != 0)
    };
    let septet = move |at: usize| (0..7).fold(0, |all, n| all | u8::from(bit(at * 7 + n)) << n);
    let is_padding =
        octets.len().is_multiple_of(7) && octets.last().is_some_and(|last| last >> 1 == 0);
    (0..count - usize::from(is_padding)).map(septet)
}

fn pack(septets: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut octets = Vec::new();
    let (mut held, mut count) = (0u16, 0);
    for septet in septets {
        held |= u16::from(septet) << count;
        count += 7;
        if count >= 8 {
            octets.push((held & 0xFF) as u8);
            held >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        octets.push((held & 0xFF) as u8);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_alphabet_both_ways() {
        for (coding, text, octets) in [
            (Coding::LATIN1, "Grüß", &[0x47, 0x72, 0xFC, 0xDF][..]),
            (Coding::LATIN9, "5 €", &[0x35, 0x20, 0xA4]),
            (Coding::UTF16, "警a", &[0x8B, 0x66, 0x00, 0x61]),
            // The well-known example of packing.
            (
                Coding::GSM7,
                "hellohello",
                &[0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37],
            ),
        ] {
            assert_eq!(coding.write(text), octets, "{text}");
            assert_eq!(coding.read(octets).as_deref(), Some(text));
        }
        assert_eq!(GSM.chars().count(), 128);
    }

    #[test]
    fn what_an_alphabet_has_not() {
        assert_eq!(Coding::LATIN1.write("a警"), b"a?");
        assert_eq!(Coding::LATIN9.write("¤"), b"?");
        assert_eq!(Coding::GSM7.write("警"), [b'?']);
        assert_eq!(Coding(0x33).read(b"a"), None);
        assert_eq!(
            Coding::UTF16.read(&[0xD8, 0, 0x41]).as_deref(),
            Some("\u{FFFD}\u{FFFD}")
        );
        assert_eq!(
            (Coding::of("é"), Coding::of("警")),
            (Coding::LATIN1, Coding::UTF16)
        );
    }

    proptest! {
        #[test]
        fn whatever_fits_comes_back(text in "[a-zA-Z0-9 ]{0,40}", wide in "[a-z警情🚓é]{0,20}") {
            for coding in [Coding::LATIN1, Coding::LATIN9, Coding::GSM7] {
                let read = coding.read(&coding.write(&text));
                prop_assert_eq!(read.as_deref(), Some(text.as_str()));
            }
            let read = Coding::of(&wide).read(&Coding::of(&wide).write(&wide));
            prop_assert_eq!(read.as_deref(), Some(wide.as_str()));
        }

        #[test]
        fn no_octets_panic(code: u8, octets: Vec<u8>) {
            let _ = Coding(code).read(&octets);
        }
    }
}
