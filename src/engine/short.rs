//! What is kept a hundred thousand times, kept short: names as hashes, and texts that are mostly a
//! few words in place, without an allocation of their own. A snapshot is read at each start and
//! dropped at each end, so this is a good part of both.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Names in 16 bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Short(pub(super) [u8; 16]);

impl Short {
    /// Of a list of parts: each has its length before it, so that no two lists are alike.
    pub(super) fn of(parts: [&[u8]; 3]) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let hash = hash.finalize();
        Self(*hash.as_bytes().first_chunk().unwrap_or(&[0; 16]))
    }
}

/// In one piece: as an array, formats write and read byte by byte.
impl Serialize for Short {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(ShortVisitor)
    }
}

struct ShortVisitor;

impl<'de> Visitor<'de> for ShortVisitor {
    type Value = Short;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("16 bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Short, E> {
        let short = bytes.try_into().map(Short);
        short.map_err(|_| E::invalid_length(bytes.len(), &self))
    }

    /// JSON has bytes as a list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Short, A::Error> {
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let next = list.next_element()?;
            *byte = next.ok_or_else(|| A::Error::invalid_length(at, &self))?;
        }
        Ok(Short(bytes))
    }
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// Its length, and its bytes.
    InPlace(u8, [u8; Self::IN_PLACE]),
    Apart(Box<str>),
}

impl Text {
    /// What fits where the other case has its pointer and length, and what aligns them.
    const IN_PLACE: usize = 22;

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::InPlace(len, bytes) => {
                let text = bytes.get(..usize::from(*len)).unwrap_or_default();
                str::from_utf8(text).unwrap_or_default()
            }
            Self::Apart(text) => text,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; Self::IN_PLACE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text.as_bytes());
                Self::InPlace(len, bytes)
            }
            _ => Self::Apart(text.into()),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back_from_both_formats() {
        let letters = ["", "a", "{\"seq\":1}", "警", "\u{10ffff}\"\\\n"];
        for text in letters.iter().flat_map(|it| (0..30).map(|n| it.repeat(n))) {
            let kept = Text::from(text.as_str());
            assert_eq!(kept.as_str(), text);
            let short = Short::of([text.as_bytes(), b"", b"x"]);
            let image = (kept, short);
            let (packed, json) = (
                postcard::to_allocvec(&image).unwrap(),
                serde_json::to_vec(&image).unwrap(),
            );
            assert_eq!(
                postcard::from_bytes::<(Text, Short)>(&packed),
                Ok(image.clone())
            );
            assert_eq!(
                serde_json::from_slice::<(Text, Short)>(&json).unwrap(),
                image
            );
        }
        assert_eq!(size_of::<Text>(), 24);
    }

    #[test]
    fn other_lengths_are_no_hash() {
        let of = |bytes: usize| serde_json::to_vec(&vec![7; bytes]).unwrap();
        for bytes in [0, 15, 17] {
            assert!(serde_json::from_slice::<Short>(&of(bytes)).is_err());
            let packed = postcard::to_allocvec(&vec![7u8; bytes]).unwrap();
            assert!(postcard::from_bytes::<Short>(&packed).is_err());
        }
        assert_eq!(
            serde_json::from_slice::<Short>(&of(16)).unwrap(),
            Short([7; 16])
        );
    }
}
