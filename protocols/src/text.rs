//! Text on the air: UTF-16, little-endian, no terminator, and where a text may be cut. It does not
//! know messages; `tmp` carries it.

use bytes::BufMut;
use core::fmt;

/// A text, either as it came or as it is to go.
///
/// What came may be broken (half a surrogate pair, half a unit): it reads with replacement
/// characters rather than being lost, and is emitted again as it was.
#[derive(Clone, Copy)]
pub struct Text<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Wire(&'a [u8]),
    Ours(&'a str),
}

impl<'a> Text<'a> {
    /// Units the only known client of its maker allots; no public text states the terminals' limit.
    pub const USUAL_UNITS: usize = 140;
    /// Units that fit a frame beside addresses and option data. Longer texts are cut by
    /// [`shorten`] when emitted.
    pub const MAX_UNITS: usize = 440;

    /// A text to send.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self(Form::Ours(shorten(text, Self::MAX_UNITS)))
    }

    /// A text as it came.
    #[must_use]
    pub fn from_wire(bytes: &'a [u8]) -> Self {
        Self(Form::Wire(bytes))
    }

    /// Its characters; U+FFFD where the bytes stand for none.
    pub fn chars(self) -> impl Iterator<Item = char> + 'a {
        let (wire, ours) = match self.0 {
            Form::Wire(bytes) => (bytes, ""),
            Form::Ours(text) => ([].as_slice(), text),
        };
        let (units, half) = wire.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        let known =
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        let half = half.iter().map(|_| char::REPLACEMENT_CHARACTER);
        known.chain(half).chain(ours.chars())
    }

    /// Whether [`chars`](Self::chars) says all the bytes say.
    #[must_use]
    pub fn is_lossless(self) -> bool {
        let Form::Wire(bytes) = self.0 else {
            return true;
        };
        let (units, half) = bytes.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        half.is_empty() && char::decode_utf16(units).all(|unit| unit.is_ok())
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn wire_len(self) -> usize {
        match self.0 {
            Form::Wire(bytes) => bytes.len(),
            Form::Ours(text) => text.chars().map(|char| char.len_utf16() * 2).sum(),
        }
    }

    /// Writes it.
    pub fn emit(self, out: &mut impl BufMut) {
        match self.0 {
            Form::Wire(bytes) => out.put_slice(bytes),
            Form::Ours(text) => text.encode_utf16().for_each(|unit| out.put_u16_le(unit)),
        }
    }

    fn wire_bytes(self) -> impl Iterator<Item = u8> + 'a {
        let (wire, ours) = match self.0 {
            Form::Wire(bytes) => (bytes, ""),
            Form::Ours(text) => ([].as_slice(), text),
        };
        wire.iter()
            .copied()
            .chain(ours.encode_utf16().flat_map(u16::to_le_bytes))
    }
}

/// The longest start of `text` that has at most `max_units` UTF-16 units and cuts no character:
/// neither a surrogate pair nor a base from its combining marks, variation selector, skin tone or
/// whatever a zero-width joiner joins to it. May be empty. Flags of two regional letters and Hangul
/// written in single letters may still be cut.
#[must_use]
pub fn shorten(text: &str, max_units: usize) -> &str {
    let mut units = 0;
    let mut whole = 0;
    let mut is_joined = true;
    for (at, char) in text.char_indices() {
        if !is_joined && !clings(char) {
            whole = at;
        }
        units += char.len_utf16();
        if units > max_units {
            return text.get(..whole).unwrap_or_default();
        }
        is_joined = char == JOINER;
    }
    text
}

const JOINER: char = '\u{200D}';

/// Whether a character belongs to the one before it.
fn clings(char: char) -> bool {
    matches!(char,
        '\u{0300}'..='\u{036F}' // combining marks
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' // enclosing marks, keycaps
        | '\u{302A}'..='\u{302F}' // tone marks of Chinese characters
        | '\u{3099}'..='\u{309A}' // kana voicing
        | '\u{FE00}'..='\u{FE0F}' // variation selectors
        | '\u{FE20}'..='\u{FE2F}'
        | '\u{1F3FB}'..='\u{1F3FF}' // skin tones
        | '\u{E0020}'..='\u{E007F}' // tags
        | '\u{E0100}'..='\u{E01EF}' // variants of Chinese characters
        | JOINER)
}

impl PartialEq for Text<'_> {
    /// The same bytes on the wire.
    fn eq(&self, other: &Self) -> bool {
        self.wire_bytes().eq(other.wire_bytes())
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for Text<'_> {
    /// Its characters; control characters are escaped, so that no terminal writes into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|char| match char.is_control() {
            true => write!(f, "{}", char.escape_default()),
            false => fmt::Write::write_char(f, char),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn reads_what_was_captured() {
        let bytes = [0x66, 0x8b, 0xc5, 0x60, 0x3a, 0x00, 0xc4, 0x9e];
        let text = Text::from_wire(&bytes);
        assert_eq!(text.to_string(), "警情:黄");
        assert!(text.is_lossless());
        assert_eq!(text, Text::new("警情:黄"));
    }

    #[test]
    fn broken_text_reads_and_stays_as_it_was() {
        for (bytes, words) in [
            (&[0x66, 0x8B, 0x00][..], "警\u{FFFD}"),
            (&[0x00, 0xD8, 0x41, 0x00], "\u{FFFD}A"),
            (&[0x00, 0xDC], "\u{FFFD}"),
        ] {
            let text = Text::from_wire(bytes);
            assert_eq!(text.to_string(), words);
            assert!(!text.is_lossless());
            let mut out = Vec::new();
            text.emit(&mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn control_characters_do_not_reach_a_log() {
        assert_eq!(Text::new("a\u{1B}[2J\n").to_string(), "a\\u{1b}[2J\\n");
    }

    #[test]
    fn nothing_is_cut_from_its_base() {
        for (text, max, expected) in [
            ("警情:黄江大道", 4, "警情:黄"),
            ("警情", 2, "警情"),
            ("警情", 0, ""),
            ("a🚓b", 2, "a"),
            ("a🚓b", 3, "a🚓"),
            ("xe\u{301}y", 2, "x"),
            ("xe\u{301}y", 3, "xe\u{301}"),
            ("👮\u{200D}♂\u{FE0F}!", 4, ""),
            ("👮\u{200D}♂\u{FE0F}!", 5, "👮\u{200D}♂\u{FE0F}"),
            ("葛\u{E0100}x", 2, ""),
            ("\u{301}a", 1, "\u{301}"),
        ] {
            assert_eq!(shorten(text, max), expected, "{text} in {max}");
        }
    }

    #[test]
    fn too_long_a_text_is_cut_to_the_frame() {
        let long = "警".repeat(Text::MAX_UNITS + 1);
        assert_eq!(Text::new(&long).wire_len(), Text::MAX_UNITS * 2);
    }

    proptest! {
        #[test]
        fn shortened_is_a_prefix_within_the_limit(
            text in "[a-z警情\u{301}\u{200D}\u{FE0F}🚓👮🏽]{0,24}",
            max in 0..30usize,
        ) {
            let short = shorten(&text, max);
            prop_assert!(short.encode_utf16().count() <= max);
            prop_assert!(text.starts_with(short));
            let rest = &text[short.len()..];
            if !short.is_empty() {
                prop_assert!(!rest.chars().next().is_some_and(clings));
                prop_assert!(rest.is_empty() || !short.ends_with(JOINER));
            }
            prop_assert_eq!(shorten(short, max), short);
        }

        #[test]
        fn any_string_survives(text in any::<String>()) {
            let mut out = Vec::new();
            Text::new(&text).emit(&mut out);
            prop_assert_eq!(out.len(), Text::new(&text).wire_len());
            let read = Text::from_wire(&out);
            prop_assert!(read.is_lossless());
            prop_assert_eq!(read.chars().collect::<String>(), text);
        }

        #[test]
        fn any_bytes_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = Text::from_wire(&bytes);
            let again: String = text.chars().collect();
            prop_assert_eq!(text.is_lossless(), Text::new(&again) == text);
        }
    }
}
