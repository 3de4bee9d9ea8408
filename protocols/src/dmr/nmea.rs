//! A position in the manner of NMEA, as unified data carries it (TS 102 361-4, 7.2.27): degrees,
//! minutes and ten-thousandths of a minute, the steps of [`gps`](crate::gps). Assumed from one
//! decoder's reading; no recorded one is public.
//!
//! ```text
//! | secret 1 | north 1 | east 1 | valid 1 | knots 7 |
//! | degrees 7 | minutes 6 | fraction 14 |            latitude
//! | degrees 8 | minutes 6 | fraction 14 |            longitude
//! | hours 5 | minutes 6 | tens of seconds 3 |        short form: one block
//! | hours 5 | minutes 6 | seconds 6 | 0 20 | course 9 | 0 64 |      long form: two
//! ```

use crate::bits::{Bits, Input, flag, whole};
use crate::error::{DecodeError, Layer};
use crate::gps::{Angle, Time};
use crate::lip::Degrees;
use crate::refuse::{length, value};
use alloc::vec::Vec;
use core::fmt;
use nom::bits::complete::{tag, take};
use nom::{IResult, Parser};

/// A position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nmea {
    /// The receiver vouches for the place.
    pub valid: bool,
    /// Knots; 127 is more than 126.
    pub speed_kn: u8,
    /// North is positive.
    pub latitude: Angle,
    /// East is positive.
    pub longitude: Angle,
    /// Time of day, UTC; of the short form in tens of seconds.
    pub time: Time,
    /// Degrees from north, clockwise; the long form has it.
    pub course_deg: Option<u16>,
}

impl Nmea {
    /// Bytes of the short form, the block's checksum aside.
    const SHORT_LEN: usize = 10;
    /// Bytes of the long form, likewise.
    pub const LONG_LEN: usize = 22;

    /// Reads either form by its length.
    ///
    /// # Errors
    /// Another length, an encrypted position, a place or time that cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let is_short = bytes.len() == Self::SHORT_LEN;
        let read = match is_short {
            true => whole(bytes, short),
            false => whole(bytes, long),
        };
        let wrong = || {
            length(
                Layer::Udt,
                bytes.len(),
                "10 or 22 with nothing behind, a position",
            )
        };
        read.ok_or_else(wrong)?.checked()
    }

    /// The short form, or with a course the long one.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let is = |angle: Angle| angle.minutes_e4 >= 0;
        let bits = Bits::default()
            .put(0u8, 1)
            .put(is(self.latitude), 1)
            .put(is(self.longitude), 1)
            .put(self.valid, 1)
            .put(self.speed_kn, 7);
        let bits = put(put(bits, self.latitude, 7), self.longitude, 8)
            .put(self.time.hour, 5)
            .put(self.time.minute, 6);
        match self.course_deg {
            None => bits
                .put(self.time.second / 10, 3)
                .bytes::<{ Self::SHORT_LEN }>()
                .to_vec(),
            Some(course_deg) => bits
                .put(self.time.second, 6)
                .put(0u8, 20)
                .put(course_deg, 9)
                .bytes::<{ Self::LONG_LEN }>()
                .to_vec(),
        }
    }
}

fn put(bits: Bits, angle: Angle, degree_bits: u32) -> Bits {
    let steps = angle.minutes_e4.unsigned_abs();
    let (minutes, fraction) = (steps / 10_000, steps % 10_000);
    bits.put(minutes / 60, degree_bits)
        .put(minutes % 60, 6)
        .put(fraction, 14)
}

/// As the bits say, not yet judged.
struct Fields {
    secret: bool,
    north: bool,
    east: bool,
    valid: bool,
    speed_kn: u8,
    latitude: (u32, u32, u32),
    longitude: (u32, u32, u32),
    time: Time,
    course_deg: Option<u16>,
}

impl Fields {
    fn checked(self) -> Result<Nmea, DecodeError> {
        let wrong = |what, found: u32| Err(value(Layer::Udt, what, found));
        if self.secret {
            return wrong("encryption", 1);
        }
        let Time {
            hour,
            minute,
            second,
        } = self.time;
        if hour > 23 || minute > 59 || second > 59 {
            return wrong(
                "time",
                u32::from(hour) * 10_000 + u32::from(minute) * 100 + u32::from(second),
            );
        }
        if let Some(course_deg) = self.course_deg.filter(|course_deg| *course_deg > 360) {
            return wrong("course", course_deg.into());
        }
        Ok(Nmea {
            valid: self.valid,
            speed_kn: self.speed_kn,
            latitude: angle(self.latitude, self.north, 90)?,
            longitude: angle(self.longitude, self.east, 180)?,
            time: self.time,
            course_deg: self.course_deg,
        })
    }
}

fn angle(
    (degrees, minutes, fraction): (u32, u32, u32),
    is_positive: bool,
    most: u32,
) -> Result<Angle, DecodeError> {
    let steps = degrees * 600_000 + minutes * 10_000 + fraction;
    if minutes > 59 || fraction > 9_999 || steps > most * 600_000 {
        return Err(value(Layer::Udt, "latitude or longitude", steps));
    }
    let steps = i32::try_from(steps).unwrap_or(0);
    let minutes_e4 = if is_positive { steps } else { -steps };
    Ok(Angle { minutes_e4 })
}

/// All up to the minute of the time; the second follows.
fn place(input: Input<'_>) -> IResult<Input<'_>, Fields> {
    let flags = (flag, flag, flag, flag, take(7usize));
    let latitude = (take(7usize), take(6usize), take(14usize));
    let longitude = (take(8usize), take(6usize), take(14usize));
    let all = (flags, latitude, longitude, take(5usize), take(6usize));
    let read =
        |((secret, north, east, valid, speed_kn), latitude, longitude, hour, minute)| Fields {
            secret,
            north,
            east,
            valid,
            speed_kn,
            latitude,
            longitude,
            time: Time {
                hour,
                minute,
                second: 0,
            },
            course_deg: None,
        };
    all.map(read).parse(input)
}

fn short(input: Input<'_>) -> IResult<Input<'_>, Fields> {
    let read = |(mut fields, tens): (Fields, u8)| {
        fields.time.second = tens * 10;
        fields
    };
    (place, take(3usize)).map(read).parse(input)
}

fn long(input: Input<'_>) -> IResult<Input<'_>, Fields> {
    let spare = (tag(0u32, 20usize), take(9usize), tag(0u64, 64usize));
    let read = |(mut fields, second, (_, course_deg, _)): (Fields, _, _)| {
        fields.time.second = second;
        fields.course_deg = Some(course_deg);
        fields
    };
    (place, take(6usize), spare).map(read).parse(input)
}

impl fmt::Display for Nmea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let valid = if self.valid { "fix" } else { "no fix" };
        let [north, east] =
            [self.latitude, self.longitude].map(|angle| Degrees(angle.degrees_e7()));
        let Time {
            hour,
            minute,
            second,
        } = self.time;
        write!(
            f,
            "{valid} {north},{east} {hour:02}:{minute:02}:{second:02}Z {} kn",
            self.speed_kn
        )?;
        match self.course_deg {
            Some(course_deg) => write!(f, " {course_deg}°"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// Written by hand from the layout: 22°51.1234' N, 113°59.9876' E, 08:07:40, 17 knots.
    const SHORT: [u8; 10] = [0x72, 0x25, 0xB3, 0x13, 0x49, 0xC7, 0xB9, 0xA5, 0x10, 0x3C];

    fn example() -> Nmea {
        Nmea {
            valid: true,
            speed_kn: 17,
            latitude: Angle {
                minutes_e4: (22 * 60 + 51) * 10_000 + 1234,
            },
            longitude: Angle {
                minutes_e4: (113 * 60 + 59) * 10_000 + 9876,
            },
            time: Time {
                hour: 8,
                minute: 7,
                second: 40,
            },
            course_deg: None,
        }
    }

    #[test]
    fn both_forms_both_ways() {
        let short = example();
        assert_eq!(short.to_bytes(), SHORT);
        assert_eq!(Nmea::parse(&SHORT), Ok(short));
        let long = Nmea {
            course_deg: Some(359),
            valid: false,
            longitude: Angle {
                minutes_e4: -short.longitude.minutes_e4,
            },
            ..short
        };
        let bytes = long.to_bytes();
        assert_eq!(bytes.len(), Nmea::LONG_LEN);
        // Bits 103 to 111.
        assert_eq!((bytes[12] & 1, bytes[13]), (1, 103));
        assert_eq!(Nmea::parse(&bytes), Ok(long));
        assert_eq!(
            long.to_string(),
            "no fix 22.8520567,-113.9997933 08:07:40Z 17 kn 359°"
        );
        for bytes in [&SHORT[..], &bytes] {
            for taken in (0..bytes.len()).filter(|taken| *taken != Nmea::SHORT_LEN) {
                assert!(Nmea::parse(&bytes[..taken]).is_err());
            }
        }
    }

    #[test]
    fn impossible_ones_are_refused() {
        for (what, broken) in [
            ("encryption", |bytes: &mut [u8; 10]| bytes[0] |= 0x80),
            ("minutes", |bytes| bytes[2] |= 0x3F),
            ("degrees", |bytes| bytes[1] |= 0x1F),
            ("hours", |bytes| bytes[8] |= 0x3E),
        ] as [(_, fn(&mut [u8; 10])); 4]
        {
            let mut bytes = SHORT;
            broken(&mut bytes);
            assert_eq!(Nmea::parse(&bytes).unwrap_err().reason(), "value", "{what}");
        }
    }

    proptest! {
        #[test]
        fn whatever_reads_is_written_again(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 10),
                proptest::collection::vec(any::<u8>(), 0..30),
            ],
        ) {
            if let Ok(nmea) = Nmea::parse(&bytes) {
                let is_zero = |angle: Angle| angle.minutes_e4 == 0;
                if !is_zero(nmea.latitude) && !is_zero(nmea.longitude) {
                    prop_assert_eq!(nmea.to_bytes(), bytes);
                }
                let _ = nmea.to_string();
            }
        }
    }
}
