//! What a repeater tells of itself when it logs in: ASCII fields of fixed width, numbers padded
//! with zeros in front, words with blanks behind. Nothing here decides; an operator reads it.
//!
//! ```text
//! full   | callsign 8 | rx 9 | tx 9 | power 2 | colour 2 | latitude 8 | longitude 9 | height 3 |
//!        | location 20 | description 19 | slots 1 | url 124 | software 40 | package 40 |
//! short  | callsign 8 | rx 9 | tx 9 | power 2 | colour 2 | slots 1 | software 40 | package 40 |
//! ```
//! The full form is what DMRGateway sends to a master (captured, and hblink3 reads the same); the
//! short one goes from MMDVMHost to its gateway or straight to a master (captured).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A field of the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Call sign.
    Callsign,
    /// Frequency it receives on, Hz.
    Rx,
    /// Frequency it sends on, Hz.
    Tx,
    /// Watts.
    Power,
    /// Colour code, 0 to 15.
    Colour,
    /// Degrees.
    Latitude,
    /// Degrees.
    Longitude,
    /// Metres.
    Height,
    /// Where it is, in words.
    Location,
    /// What it is, in words.
    Description,
    /// 1, 2, both as 3, or 4 of a simplex one.
    Slots,
    /// Where to read on.
    Url,
    /// Software.
    Software,
    /// Package of the software.
    Package,
}

/// Which fields there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// All.
    Full,
    /// Those a host tells.
    Short,
}

const FULL: [(Field, usize); 14] = [
    (Field::Callsign, 8),
    (Field::Rx, 9),
    (Field::Tx, 9),
    (Field::Power, 2),
    (Field::Colour, 2),
    (Field::Latitude, 8),
    (Field::Longitude, 9),
    (Field::Height, 3),
    (Field::Location, 20),
    (Field::Description, 19),
    (Field::Slots, 1),
    (Field::Url, 124),
    (Field::Software, 40),
    (Field::Package, 40),
];
const SHORT: [(Field, usize); 8] = [
    (Field::Callsign, 8),
    (Field::Rx, 9),
    (Field::Tx, 9),
    (Field::Power, 2),
    (Field::Colour, 2),
    (Field::Slots, 1),
    (Field::Software, 40),
    (Field::Package, 40),
];

impl Form {
    /// Its fields with their widths, in order.
    #[must_use]
    pub fn fields(self) -> &'static [(Field, usize)] {
        match self {
            Self::Full => &FULL,
            Self::Short => &SHORT,
        }
    }

    /// Bytes of all fields.
    #[must_use]
    pub fn width(self) -> usize {
        self.fields().iter().map(|(_, width)| width).sum()
    }
}

impl Field {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Callsign => "callsign",
            Self::Rx => "receives on",
            Self::Tx => "sends on",
            Self::Power => "power",
            Self::Colour => "colour code",
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
            Self::Height => "height",
            Self::Location => "location",
            Self::Description => "description",
            Self::Slots => "slots",
            Self::Url => "url",
            Self::Software => "software",
            Self::Package => "package",
        }
    }

    fn is_number(self) -> bool {
        matches!(
            self,
            Self::Rx | Self::Tx | Self::Power | Self::Colour | Self::Height
        )
    }
}

/// The details as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Details<'a> {
    form: Form,
    bytes: &'a [u8],
}

impl<'a> Details<'a> {
    /// Details of that form; none of another length.
    #[must_use]
    pub fn new(form: Form, bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() == form.width()).then_some(Self { form, bytes })
    }

    /// Which fields there are.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// All of them.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What a field says, its padding of blanks taken off; nothing if it is not there.
    #[must_use]
    pub fn get(&self, field: Field) -> Cow<'a, str> {
        let mut at = 0;
        for (each, width) in self.form.fields() {
            let bytes = self.bytes.get(at..at + width).unwrap_or_default();
            if *each == field {
                return String::from_utf8_lossy(bytes.trim_ascii());
            }
            at += width;
        }
        Cow::Borrowed("")
    }
}

/// Writes details; a field that is not named is empty, one that is too long is cut.
#[must_use]
pub fn write(form: Form, values: &[(Field, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(form.width());
    for (field, width) in form.fields() {
        let value = values.iter().find(|(each, _)| each == field);
        let value = value.map_or("", |(_, value)| value).as_bytes();
        let value = value.get(..*width).unwrap_or(value);
        let padding = width - value.len();
        match field.is_number() {
            true => {
                out.resize(out.len() + padding, b'0');
                out.extend_from_slice(value);
            }
            false => {
                out.extend_from_slice(value);
                out.resize(out.len() + padding, b' ');
            }
        }
    }
    out
}
