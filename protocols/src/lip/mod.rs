//! Location information protocol: the short report in the two shapes public sources describe, and
//! the long one ([`LongReport`]).
//! Integers only. The place is exact to the wire's step of 360/2^25 degrees, 1.2 m at the equator.
//!
//! ```text
//! SDS   | 0A | 0 2 | elapsed 2 | longitude 25 | latitude 24 | error 3 | velocity 7 |
//!       | direction 4 | extra type 1 | extra 8 | 0 4 |          TETRA, TS 100 392-18-1
//! UDT   | service 4 | 0 2 | elapsed 2 | longitude 25 | latitude 24 | error 2 | velocity 7 |
//!       | direction 4 | reason 3 | rest 7 |                     DMR, TS 102 361-4, 6.6.11.3
//! ```
//! The first is verified by two recorded reports; it is what TETRA PEI terminals give. The second
//! is one decoder's reading and was never tested: its sender's hash of 8 bits does not fit into the
//! 80 bits of a block, so the last 7 are kept as they are.

use crate::bits::{Bits, Input, signed, whole};
use crate::error::{DecodeError, Layer};
use crate::refuse::{exactly, value};
use core::fmt;
use nom::bits::complete::{tag, take};
use nom::{IResult, Parser};

mod long;

pub use long::{LongReport, Motion, When};

/// A short location report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lip {
    /// How old the place is, 2 bits.
    pub elapsed: Elapsed,
    /// East is positive; 25 bits with their sign, in steps of 360/2^25 degrees.
    pub longitude: i32,
    /// North is positive; 24 bits with their sign, in the same steps.
    pub latitude: i32,
    /// How far off the place may be; 3 bits, of a UDT report 2.
    pub error: PositionError,
    /// How fast, 7 bits.
    pub velocity: Velocity,
    /// Where to, 4 bits: sixteenths of a circle from north, clockwise.
    pub direction: u8,
    /// What else it says.
    pub shape: Shape,
}

/// What differs between the two shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// In a TETRA short data message.
    Sds {
        /// The extra octet is the user's, not a reason for sending.
        is_users: bool,
        /// The extra octet.
        extra: u8,
    },
    /// In a block of unified data.
    Udt {
        /// Service type, 4 bits.
        service: u8,
        /// Why it was sent, 3 bits; 0 as asked.
        reason: u8,
        /// The last 7 bits.
        rest: u8,
    },
}

/// How old a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Elapsed(pub u8);

impl Elapsed {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "less than 5 s old",
            1 => "less than 5 min old",
            2 => "less than 30 min old",
            _ => "of unknown age",
        }
    }
}

/// How far off a place may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PositionError(pub u8);

impl PositionError {
    /// Less than so many metres; none if it is not known.
    #[must_use]
    pub fn metres(self) -> Option<u32> {
        (self.0 < 7).then(|| 2 * 10u32.pow(self.0.into()))
    }
}

/// How fast, in the code of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Velocity(pub u8);

impl Velocity {
    /// Not known.
    pub const UNKNOWN: Self = Self(127);

    /// Kilometres an hour: 0 to 28 as they are, above 16 x 1.038^(code - 13), nearest.
    #[must_use]
    pub fn kmh(self) -> Option<u32> {
        match self {
            Self(code @ ..=28) => Some(code.into()),
            Self(code @ 29..=126) => {
                let start = 16_000_000_000u64;
                let grown = (13..code).fold(start, |speed, _| speed * 1038 / 1000);
                u32::try_from((grown + 500_000_000) / 1_000_000_000).ok()
            }
            Self(_) => None,
        }
    }
}

/// Why a report was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(pub u8);

impl Reason {
    /// The emergency key was pressed, or whatever else the terminal takes for an emergency.
    pub const EMERGENCY: Self = Self(2);
    /// The longest time between two reports is over.
    pub const INTERVAL: Self = Self(129);
}

impl Lip {
    /// Bytes of a report in short data, its protocol identifier included.
    pub const SDS_LEN: usize = 11;
    /// Bytes of a report in a block, the block's checksum aside.
    pub const UDT_LEN: usize = 10;
    /// Protocol identifier of a report in short data.
    pub const SDS_PID: u8 = 0x0A;

    /// Reads a report of short data.
    ///
    /// # Errors
    /// Not 11 bytes, another protocol, a report of another type, or bits set behind it.
    pub fn parse_sds(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = exactly::<{ Self::SDS_LEN }>(Layer::Lip, bytes, "11, a short report")?;
        let [pid, head, .., last] = *bytes;
        if pid != Self::SDS_PID {
            return Err(value(Layer::Lip, "protocol", pid));
        }
        whole(bytes, sds).ok_or_else(|| match head >> 6 {
            0 => value(Layer::Lip, "last byte", last),
            report => value(Layer::Lip, "report type", report),
        })
    }

    /// Reads a report of unified data.
    ///
    /// # Errors
    /// Not 10 bytes, or reserved bits set.
    pub fn parse_udt(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = exactly::<{ Self::UDT_LEN }>(Layer::Lip, bytes, "10, a report in a block")?;
        let [head, ..] = *bytes;
        whole(bytes, udt).ok_or_else(|| value(Layer::Lip, "first byte", head))
    }

    /// The bytes of [`parse_sds`](Self::parse_sds); what only the other shape has is left out.
    #[must_use]
    pub fn to_sds(&self) -> [u8; Self::SDS_LEN] {
        let (is_users, extra) = match self.shape {
            Shape::Sds { is_users, extra } => (is_users, extra),
            Shape::Udt { .. } => (false, 0),
        };
        let bits = Bits::default().put(Self::SDS_PID, 8).put(0u8, 2);
        self.place(bits, 3).put(is_users, 1).put(extra, 8).bytes()
    }

    /// The bytes of [`parse_udt`](Self::parse_udt); what only the other shape has is left out, and
    /// an error that two bits cannot say is said as the largest.
    #[must_use]
    pub fn to_udt(&self) -> [u8; Self::UDT_LEN] {
        let (service, reason, rest) = match self.shape {
            Shape::Udt {
                service,
                reason,
                rest,
            } => (service, reason, rest),
            Shape::Sds { .. } => (0, 0, 0),
        };
        let bits = Bits::default().put(service, 4).put(0u8, 2);
        let error = PositionError(self.error.0.min(3));
        Self { error, ..*self }
            .place(bits, 2)
            .put(reason, 3)
            .put(rest, 7)
            .bytes()
    }

    /// What both shapes have, in its order.
    fn place(&self, bits: Bits, error_bits: u32) -> Bits {
        bits.put(self.elapsed.0, 2)
            .put(self.longitude as u32, 25)
            .put(self.latitude as u32, 24)
            .put(self.error.0, error_bits)
            .put(self.velocity.0, 7)
            .put(self.direction, 4)
    }

    /// North, then east, in 1e-7 degrees, nearest.
    #[must_use]
    pub fn degrees_e7(&self) -> (i32, i32) {
        (degrees_e7(self.latitude), degrees_e7(self.longitude))
    }

    /// Why it was sent, if it says so.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self.shape {
            Shape::Sds { is_users, extra } => (!is_users).then_some(Reason(extra)),
            // Three bits whose meaning is another one.
            Shape::Udt { .. } => None,
        }
    }

    /// Where to, tenths of a degree from north.
    #[must_use]
    pub fn direction_ddeg(&self) -> u16 {
        u16::from(self.direction) * 225
    }
}

fn degrees_e7(steps: i32) -> i32 {
    let scaled = i64::from(steps) * 3_600_000_000;
    i32::try_from((scaled + (1 << 24)) >> 25).unwrap_or(0)
}

type Place = (u8, i32, i32, u8, u8, u8);

/// What both shapes have, in its order.
fn place<'a>(error_bits: usize) -> impl FnMut(Input<'a>) -> IResult<Input<'a>, Place> {
    move |input| {
        let fields = (
            take(2usize),
            take(25usize),
            take(24usize),
            take(error_bits),
            take(7usize),
            take(4usize),
        );
        let read =
            |(elapsed, longitude, latitude, error, velocity, direction): (_, u32, u32, _, _, _)| {
                let (longitude, latitude) = (signed(longitude, 25), signed(latitude, 24));
                (elapsed, longitude, latitude, error, velocity, direction)
            };
        fields.map(read).parse(input)
    }
}

fn sds(input: Input<'_>) -> IResult<Input<'_>, Lip> {
    let head = (take(8usize), tag(0u8, 2usize));
    let fields = (head, place(3), take(1usize), take(8usize), tag(0u8, 4usize));
    let read = |((_, _), place, is_users, extra, _): ((u8, u8), _, u8, _, _)| {
        let is_users = is_users != 0;
        Lip::of(place, Shape::Sds { is_users, extra })
    };
    fields.map(read).parse(input)
}

fn udt(input: Input<'_>) -> IResult<Input<'_>, Lip> {
    let head = (take(4usize), tag(0u8, 2usize));
    let fields = (head, place(2), take(3usize), take(7usize));
    let read = |((service, _), place, reason, rest)| {
        let shape = Shape::Udt {
            service,
            reason,
            rest,
        };
        Lip::of(place, shape)
    };
    fields.map(read).parse(input)
}

impl Lip {
    fn of((elapsed, longitude, latitude, error, velocity, direction): Place, shape: Shape) -> Self {
        Self {
            elapsed: Elapsed(elapsed),
            longitude,
            latitude,
            error: PositionError(error),
            velocity: Velocity(velocity),
            direction,
            shape,
        }
    }
}

impl fmt::Display for Lip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (north, east) = self.degrees_e7();
        write!(f, "{},{}", Degrees(north), Degrees(east))?;
        if let Some(metres) = self.error.metres() {
            write!(f, " within {metres} m")?;
        }
        if let Some(kmh) = self.velocity.kmh() {
            write!(f, " {kmh} km/h")?;
        }
        write!(f, " {}", self.elapsed.name())
    }
}

/// 1e-7 degrees, for people.
pub(crate) struct Degrees(pub(crate) i32);

impl fmt::Display for Degrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (
            self.0.unsigned_abs() / 10_000_000,
            self.0.unsigned_abs() % 10_000_000,
        );
        write!(f, "{sign}{whole}.{part:07}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, flips, frames};
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn the_recorded_reports_both_ways() {
        let vectors = frames(include_str!("../../../fixtures/radio/lip.json"));
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let (bytes, expected) = (bytes_of(&vector), &vector["expected"]);
            let lip = Lip::parse_sds(&bytes).unwrap();
            assert_eq!(lip.to_sds().to_vec(), bytes);
            let (north, east) = lip.degrees_e7();
            for (name, degrees_e7) in [("lat", north), ("lon", east)] {
                let said = expected[name].as_f64().unwrap() * 1e7;
                assert!((said - f64::from(degrees_e7)).abs() < 6.0, "{vector}");
            }
            assert_eq!(expected["time_elapsed"], lip.elapsed.0);
            assert_eq!(expected["position_error"], lip.error.0);
            assert_eq!(expected["velocity_code"], lip.velocity.0);
            assert_eq!(expected["direction"], lip.direction);
            let Shape::Sds { extra, .. } = lip.shape else {
                panic!("{lip}");
            };
            assert_eq!(expected["additional_data"], extra);
            for taken in 0..Lip::SDS_LEN {
                let error = Lip::parse_sds(&bytes[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated");
            }
            // No checksum: a flipped bit is refused only where nothing else may stand.
            for (at, bit, flipped) in flips(&bytes, 0..11) {
                let fixed = at == 0 || (at == 1 && bit >= 6) || (at == 10 && bit < 4);
                assert_eq!(Lip::parse_sds(&flipped).is_err(), fixed, "{at}.{bit}");
            }
        }
    }

    #[test]
    fn what_one_says() {
        let vectors = frames(include_str!("../../../fixtures/radio/lip.json"));
        let lip = Lip::parse_sds(&bytes_of(&vectors[0])).unwrap();
        let words = "37.9919565,23.7641895 within 200 m less than 5 s old";
        assert_eq!(lip.to_string(), words);
    }

    #[test]
    fn velocities() {
        for (code, kmh) in [
            (0, Some(0)),
            (28, Some(28)),
            (29, Some(29)),
            (50, Some(64)),
            (126, Some(1082)),
            (127, None),
        ] {
            assert_eq!(Velocity(code).kmh(), kmh, "{code}");
        }
        assert_eq!(PositionError(7).metres(), None);
        assert_eq!(PositionError(6).metres(), Some(2_000_000));
    }

    #[test]
    fn the_ends_of_the_world() {
        for (steps, e7) in [
            (0, 0),
            (-1 << 24, -1_800_000_000),
            ((1 << 24) - 1, 1_799_999_893),
            (1 << 23, 900_000_000),
        ] {
            assert_eq!(degrees_e7(steps), e7);
        }
    }

    proptest! {
        #[test]
        fn any_report_both_ways(bytes: [u8; 10], sds in any::<[u8; 11]>()) {
            if let Ok(lip) = Lip::parse_udt(&bytes) {
                prop_assert_eq!(lip.to_udt(), bytes);
                let _ = lip.to_string();
            }
            let mut udt = bytes;
            udt[0] &= 0xF3;
            prop_assert_eq!(Lip::parse_udt(&udt).unwrap().to_udt(), udt);
            let mut sds = sds;
            (sds[0], sds[1], sds[10]) = (0x0A, sds[1] & 0x3F, sds[10] & 0xF0);
            prop_assert_eq!(Lip::parse_sds(&sds).unwrap().to_sds(), sds);
        }
    }
}
