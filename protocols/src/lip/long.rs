//! The long location report: a place with its time, its shape and its speed, each of one of several
//! forms that a number before it names. Read are the forms two public decoders describe; no report
//! is on public record, so all of it is assumed (TS 100 392-18-1, 6.2.2).
//!
//! ```text
//! | 1 2 | 3 4 | time 2, .. | shape 4, .. | speed 3, .. | ack 1 | extra type 1 | extra 8 | 0 .. |
//! time   0 none | 1 elapsed 2 | 2 day 5, hour 5, minute 6, second 6
//! shape  1 point: longitude 25, latitude 24 | 2 circle: + radius 6 |
//!        4 point with height: + height 12   | 5 circle with height: + radius 6, height 12
//! speed  0 none | 1 velocity 7 | 5 velocity 7, direction 8
//! ```
//! Height and radius are kept as their codes: nothing here decides by them.

use super::{Degrees, Elapsed, Velocity, degrees_e7};
use crate::bits::{Bits, Input, flag, signed};
use crate::error::{DecodeError, Layer};
use crate::gps::Time;
use crate::refuse::value;
use alloc::vec::Vec;
use core::fmt;
use nom::bits::complete::take;
use nom::combinator::{map, map_opt};
use nom::error::{Error, ErrorKind};
use nom::{IResult, Parser};

/// Report type, and its extension behind it: 6 bits.
const HEAD: u8 = 0b01_0011;

/// A long location report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LongReport {
    /// When it was there.
    pub time: When,
    /// East is positive; steps of 360/2^25 degrees.
    pub longitude: i32,
    /// North is positive; the same steps.
    pub latitude: i32,
    /// Code of the radius it is within, 6 bits.
    pub radius: Option<u8>,
    /// Its height and how that was measured, 12 bits.
    pub height: Option<u16>,
    /// How fast and where to.
    pub motion: Motion,
    /// The terminal wants to hear that it arrived.
    pub wants_ack: bool,
    /// The extra octet is the user's, not a reason for sending.
    pub is_users: bool,
    /// The extra octet.
    pub extra: u8,
}

/// When a terminal was at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// It does not say.
    Unsaid,
    /// So long ago.
    Elapsed(Elapsed),
    /// On a day of the month, UTC.
    At(u8, Time),
}

/// What is said of speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Motion {
    /// Nothing.
    Unsaid,
    /// How fast.
    Velocity(Velocity),
    /// How fast, and where to in 256ths of a circle from north, clockwise.
    Directed(Velocity, u8),
}

impl LongReport {
    /// Reads a report, its protocol identifier taken off.
    ///
    /// # Errors
    /// Too few bits, another report, a form not listed above, a time that cannot be, or bits set
    /// behind it.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let found = u32::from(bytes.first().copied().unwrap_or(0));
        let wrong = |what| value(Layer::Lip, what, found);
        match report((bytes, 0)) {
            Ok((rest, report)) if is_blank(rest) => Ok(report),
            Ok(_) => Err(wrong("bits behind a long report")),
            Err(nom::Err::Error(error)) if error.code == ErrorKind::Eof => {
                let (layer, missing) = (Layer::Lip, 1);
                Err(DecodeError::Truncated { layer, missing })
            }
            Err(_) => Err(wrong("form of a long report")),
        }
    }

    /// The bytes of [`parse`](Self::parse).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Fields::default();
        fields.put(HEAD, 6);
        match self.time {
            When::Unsaid => fields.put(0u8, 2),
            When::Elapsed(Elapsed(code)) => fields.put(1u8, 2).put(code, 2),
            When::At(day, time) => fields
                .put(2u8, 2)
                .put(day, 5)
                .put(time.hour, 5)
                .put(time.minute, 6)
                .put(time.second, 6),
        };
        let shape: u8 = match (self.radius, self.height) {
            (None, None) => 1,
            (Some(_), None) => 2,
            (None, Some(_)) => 4,
            (Some(_), Some(_)) => 5,
        };
        fields
            .put(shape, 4)
            .put(self.longitude as u32, 25)
            .put(self.latitude as u32, 24);
        self.radius.map(|code| fields.put(code, 6).count);
        self.height.map(|code| fields.put(code, 12).count);
        match self.motion {
            Motion::Unsaid => fields.put(0u8, 3),
            Motion::Velocity(Velocity(code)) => fields.put(1u8, 3).put(code, 7),
            Motion::Directed(Velocity(code), way) => fields.put(5u8, 3).put(code, 7).put(way, 8),
        };
        fields
            .put(self.wants_ack, 1)
            .put(self.is_users, 1)
            .put(self.extra, 8);
        fields.bytes()
    }

    /// North, then east, in 1e-7 degrees, nearest.
    #[must_use]
    pub fn degrees_e7(&self) -> (i32, i32) {
        (degrees_e7(self.latitude), degrees_e7(self.longitude))
    }
}

/// More bits than fit one number: each field's own, the highest first.
#[derive(Default)]
struct Fields {
    bits: Vec<bool>,
    count: u32,
}

impl Fields {
    fn put(&mut self, number: impl Into<u32>, count: u32) -> &mut Self {
        let number = number.into();
        self.bits
            .extend((0..count).rev().map(|bit| number >> bit & 1 != 0));
        self.count += count;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let [byte] = bits
                .iter()
                .fold(Bits::default(), |all, bit| all.put(*bit, 1))
                .bytes();
            byte
        };
        self.bits.chunks(8).map(byte).collect()
    }
}

fn is_blank((rest, taken): Input<'_>) -> bool {
    match rest.split_first() {
        None => true,
        Some((first, [])) => taken > 0 && first << taken == 0,
        Some(_) => false,
    }
}

type Read<'a, T> = IResult<Input<'a>, T>;

/// A form this reader does not know.
fn unknown<T>(input: Input<'_>) -> Read<'_, T> {
    Err(nom::Err::Error(Error::new(input, ErrorKind::Switch)))
}

fn report(input: Input<'_>) -> Read<'_, LongReport> {
    let head = map_opt(take(6usize), |head: u8| (head == HEAD).then_some(()));
    let (input, ((), time)) = (head, when).parse(input)?;
    let (input, (longitude, latitude, radius, height)) = place(input)?;
    let (input, motion) = motion(input)?;
    let (input, (wants_ack, is_users, extra)) = (flag, flag, take(8usize)).parse(input)?;
    let report = LongReport {
        time,
        longitude,
        latitude,
        radius,
        height,
        motion,
        wants_ack,
        is_users,
        extra,
    };
    Ok((input, report))
}

fn when(input: Input<'_>) -> Read<'_, When> {
    let (input, form): (_, u8) = take(2usize).parse(input)?;
    match form {
        0 => Ok((input, When::Unsaid)),
        1 => map(take(2usize), |code| When::Elapsed(Elapsed(code))).parse(input),
        2 => {
            let fields = (take(5usize), take(5usize), take(6usize), take(6usize));
            map_opt(fields, |(day, hour, minute, second): (u8, u8, u8, u8)| {
                let time = Time {
                    hour,
                    minute,
                    second,
                };
                let can_be = day >= 1 && hour <= 23 && minute <= 59 && second <= 60;
                can_be.then_some(When::At(day, time))
            })
            .parse(input)
        }
        _ => unknown(input),
    }
}

type Shape = (i32, i32, Option<u8>, Option<u16>);

fn place(input: Input<'_>) -> Read<'_, Shape> {
    let (input, form): (_, u8) = take(4usize).parse(input)?;
    let (has_radius, has_height) = match form {
        1 => (false, false),
        2 => (true, false),
        4 => (false, true),
        5 => (true, true),
        _ => return unknown(input),
    };
    let (input, (longitude, latitude)) = (take(25usize), take(24usize)).parse(input)?;
    let (input, radius) = if_there(has_radius, 6, input)?;
    let (input, height) = if_there(has_height, 12, input)?;
    let radius = radius.and_then(|code| u8::try_from(code).ok());
    let shape = (signed(longitude, 25), signed(latitude, 24), radius, height);
    Ok((input, shape))
}

fn if_there(is: bool, count: usize, input: Input<'_>) -> Read<'_, Option<u16>> {
    match is {
        true => map(take(count), Some).parse(input),
        false => Ok((input, None)),
    }
}

fn motion(input: Input<'_>) -> Read<'_, Motion> {
    let (input, form): (_, u8) = take(3usize).parse(input)?;
    match form {
        0 => Ok((input, Motion::Unsaid)),
        1 => map(take(7usize), |code| Motion::Velocity(Velocity(code))).parse(input),
        5 => {
            let fields = (take(7usize), take(8usize));
            let read = |(code, way)| Motion::Directed(Velocity(code), way);
            map(fields, read).parse(input)
        }
        _ => unknown(input),
    }
}

impl fmt::Display for LongReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (north, east) = self.degrees_e7();
        write!(f, "{},{}", Degrees(north), Degrees(east))?;
        if let Motion::Velocity(velocity) | Motion::Directed(velocity, _) = self.motion
            && let Some(kmh) = velocity.kmh()
        {
            write!(f, " {kmh} km/h")?;
        }
        match self.time {
            When::Unsaid => Ok(()),
            When::Elapsed(elapsed) => write!(f, " {}", elapsed.name()),
            When::At(day, time) => write!(f, " on day {day} {time}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn example() -> LongReport {
        LongReport {
            time: When::At(
                28,
                Time {
                    hour: 4,
                    minute: 5,
                    second: 6,
                },
            ),
            longitude: 10_624_000,
            latitude: 2_130_000,
            radius: Some(9),
            height: Some(0x201),
            motion: Motion::Directed(Velocity(60), 64),
            wants_ack: true,
            is_users: false,
            extra: 129,
        }
    }

    /// The one form a public decoder reads has 129 bits.
    #[test]
    fn the_form_that_is_described() {
        let bytes = example().to_bytes();
        assert_eq!(bytes.len(), 17);
        assert_eq!(bytes[0] >> 2, HEAD);
        assert_eq!(bytes[0] & 3, 2);
        assert_eq!(bytes[16], 0x80, "the last bit of 129, then nothing");
        assert_eq!(LongReport::parse(&bytes), Ok(example()));
        let words = "22.8524208,113.9831543 92 km/h on day 28 04:05:06Z";
        assert_eq!(example().to_string(), words);
        for taken in 0..bytes.len() {
            let error = LongReport::parse(&bytes[..taken]).unwrap_err();
            assert_eq!(error.reason(), "truncated");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(LongReport::parse(&longer).is_err());
    }

    #[test]
    fn forms_nobody_describes_are_refused() {
        let bytes = example().to_bytes();
        for (at, flipped) in [(0, 0x80), (0, 0x01), (3, 0x02), (16, 0x01)] {
            let mut other = bytes.clone();
            other[at] ^= flipped;
            assert_eq!(LongReport::parse(&other).unwrap_err().reason(), "value");
        }
    }

    proptest! {
        #[test]
        fn whatever_reads_is_written_again(
            head in 0u8..4,
            rest in proptest::collection::vec(any::<u8>(), 8..20),
            cut in 0usize..20,
        ) {
            let mut bytes = alloc::vec![HEAD << 2 | head];
            bytes.extend(rest);
            bytes.truncate(cut);
            let _ = LongReport::parse(&bytes).map(|report| report.to_string());
        }

        #[test]
        fn any_report_both_ways(
            place: (i32, i32),
            forms: (Option<u8>, Option<u16>),
            flags: (bool, bool),
            extra: u8,
            time in 0..3,
            speed in 0..3,
            code: u8,
        ) {
            let (longitude, latitude) = (place.0 >> 7, place.1 >> 8);
            let velocity = Velocity(code & 0x7F);
            let report = LongReport {
                longitude,
                latitude,
                radius: forms.0.map(|code| code & 0x3F),
                height: forms.1.map(|code| code & 0xFFF),
                wants_ack: flags.0,
                is_users: flags.1,
                extra,
                time: match time {
                    0 => When::Unsaid,
                    1 => When::Elapsed(Elapsed(code & 3)),
                    _ => example().time,
                },
                motion: match speed {
                    0 => Motion::Unsaid,
                    1 => Motion::Velocity(velocity),
                    _ => Motion::Directed(velocity, extra),
                },
            };
            prop_assert_eq!(LongReport::parse(&report.to_bytes()), Ok(report));
        }
    }
}
