//! NMEA 0183: the two sentences of a satellite receiver that place a vehicle. Others are refused by
//! name, unread.
//!
//! ```text
//! $GPRMC,183648.00,A,4718.8051,N,01854.4387,E,0.1,121.0,261015,,,A*hh CR LF
//!  |      time   valid latitude    longitude  knots course date  mode checksum
//! $GNGGA,183648.00,4718.8051,N,01854.4387,E,1,08,0.9,105.2,M,39.1,M,,*hh CR LF
//!  |      time     latitude    longitude  quality satellites  height of it and of the geoid
//! ```
//! The first two letters say which system fixed it: any are taken. What a receiver does not know is
//! empty. The checksum is the exclusive or of all between `$` and `*`; a sentence without one is
//! refused. Fractions of a second are dropped, of a minute rounded to the steps of [`Angle`].
//!
//! Years have two digits, and receivers count weeks in ten bits: [`Sentence::taken_utc_ms`] takes
//! the time nearest to the reader's clock that the sentence can mean.

use crate::error::{DecodeError, Layer, Parsed};
use crate::gps::{Angle, Date, Time};
use crate::refuse::{check, length, value};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::BufMut;
use core::fmt;
use nom::Parser;
use nom::bytes::complete::{tag, take_while, take_while_m_n};
use nom::character::complete::char as letter;
use nom::combinator::{all_consuming, opt};
use nom::multi::separated_list1;
use nom::sequence::preceded;

/// Characters of a sentence, its `$` and line end included, by the standard. Receivers that give
/// more digits exceed it.
pub const USUAL_LEN: usize = 82;
/// Characters taken at most.
pub const MAX_LEN: usize = 120;
const START: u8 = b'$';
const DAY_MS: i64 = 86_400_000;
/// Receivers count weeks in ten bits.
const ROLL_MS: i64 = 1024 * 7 * DAY_MS;

/// One sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sentence {
    /// Which system: `GP`, `BD`, `GN` and so on.
    pub talker: [u8; 2],
    /// When: of day, UTC.
    pub time: Option<Time>,
    /// Where: north, then east.
    pub place: Option<(Angle, Angle)>,
    /// What only one of them says.
    pub kind: Kind,
}

/// What only one of the sentences says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RMC.
    Minimum {
        /// The receiver vouches for it.
        valid: bool,
        /// Tenths of a knot.
        speed_dkn: Option<u16>,
        /// Tenths of a degree from north, clockwise.
        course_ddeg: Option<u16>,
        /// Date, UTC. Two digits from 80 up are of a receiver that does not know it yet: none.
        date: Option<Date>,
    },
    /// GGA.
    Fix {
        /// 0 none, 1 alone, 2 corrected, 6 by dead reckoning; 7 and 8 are no fix.
        quality: u8,
        /// Used.
        satellites: Option<u8>,
        /// Tenths.
        dilution: Option<u16>,
        /// Over the sea, tenths of a metre.
        height_dm: Option<i32>,
    },
}

impl Sentence {
    /// Finds the next sentence: how many bytes come before it, and what it is.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); [`resync`] tells where to go on.
    pub fn next(bytes: &[u8]) -> Result<Parsed<Self>, DecodeError> {
        match bytes.iter().take(MAX_LEN).position(|byte| *byte == b'\n') {
            Some(end) => {
                let line = bytes.get(..end).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                Self::parse(line).map(|sentence| Parsed::Complete(sentence, end + 1))
            }
            None if bytes.len() >= MAX_LEN => Err(length(Layer::Nmea, bytes.len(), "120 at most")),
            None => Ok(Parsed::Incomplete(1)),
        }
    }

    /// Reads one sentence, its line end taken off.
    ///
    /// # Errors
    /// No start, no checksum or one that does not fit, another sentence, fields too many or too few
    /// or of another form, a time, date or place that cannot be.
    pub fn parse(line: &[u8]) -> Result<Self, DecodeError> {
        let text = core::str::from_utf8(line).map_err(|_| wrong("character", line))?;
        let (body, found) = framed(text).ok_or_else(|| wrong("frame", line))?;
        check(Layer::Nmea, found, xor(body.as_bytes()).into())?;
        let fields = separated_list1(letter(','), take_while(|char| char != ','));
        let fields = all_consuming(fields).parse(body);
        let (_, fields): (_, Vec<&str>) =
            fields.map_err(|_: nom::Err<nom::error::Error<_>>| wrong("fields", line))?;
        let (name, fields) = fields.split_first().ok_or_else(|| wrong("fields", line))?;
        match name.as_bytes() {
            [first, second, b'R', b'M', b'C'] => minimum([*first, *second], fields),
            [first, second, b'G', b'G', b'A'] => fix([*first, *second], fields),
            _ => Err(value(Layer::Nmea, "sentence", first(name))),
        }
    }

    /// Where it is, if the receiver vouches for it.
    #[must_use]
    pub fn fix(&self) -> Option<(Angle, Angle)> {
        let vouched = match self.kind {
            Kind::Minimum { valid, .. } => valid,
            Kind::Fix { quality, .. } => matches!(quality, 1..=6),
        };
        self.place.filter(|_| vouched)
    }

    /// When it was taken, milliseconds since 1970 UTC: of all times it can mean the nearest to
    /// `now_utc_ms`. Without a date that is within half a day; with one, a receiver whose weeks
    /// began again is some 1024 weeks off and put right.
    #[must_use]
    pub fn taken_utc_ms(&self, now_utc_ms: i64) -> Option<i64> {
        let time = self.time?;
        match self.kind {
            Kind::Minimum {
                date: Some(date), ..
            } => nearest(date.utc_ms(time), ROLL_MS, now_utc_ms),
            _ => nearest(time.of_day_ms(), DAY_MS, now_utc_ms),
        }
    }

    /// Writes it with its line end. What does not fit its field is clamped.
    pub fn emit(&self, out: &mut impl BufMut) {
        let body = self.body();
        let sum = xor(body.as_bytes());
        out.put_slice(format!("${body}*{sum:02X}\r\n").as_bytes());
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.emit(&mut out);
        out
    }

    fn body(&self) -> String {
        let talker: String = self.talker.iter().map(|byte| char::from(*byte)).collect();
        let time = self.time.map(|time| {
            let Time {
                hour,
                minute,
                second,
            } = time;
            format!("{hour:02}{minute:02}{second:02}.00")
        });
        let time = time.unwrap_or_default();
        let place = match self.place {
            Some((north, east)) => {
                let (north, east) = (Axis::NORTH.write(north), Axis::EAST.write(east));
                format!("{north},{east}")
            }
            None => String::from(",,,"),
        };
        match self.kind {
            Kind::Minimum {
                valid,
                speed_dkn,
                course_ddeg,
                date,
            } => {
                let status = if valid { 'A' } else { 'V' };
                let (speed, course) = (tenths(speed_dkn), tenths(course_ddeg));
                let date = date
                    .map(|date| format!("{:02}{:02}{:02}", date.day, date.month, date.year % 100));
                let date = date.unwrap_or_default();
                let mode = if valid { 'A' } else { 'N' };
                format!("{talker}RMC,{time},{status},{place},{speed},{course},{date},,,{mode}")
            }
            Kind::Fix {
                quality,
                satellites,
                dilution,
                height_dm,
            } => {
                let satellites = satellites.map(|count| format!("{count:02}"));
                let satellites = satellites.unwrap_or_default();
                let (dilution, height) = (tenths(dilution), tenths(height_dm));
                format!(
                    "{talker}GGA,{time},{place},{quality},{satellites},{dilution},{height},M,,M,,"
                )
            }
        }
    }
}

/// Bytes to drop after a refused sentence: its line, or all up to the next `$`.
#[must_use]
pub fn resync(bytes: &[u8]) -> usize {
    let rest = bytes.get(1..).unwrap_or_default();
    let at = rest.iter().position(|byte| matches!(*byte, START | b'\n'));
    match at {
        Some(at) if rest.get(at) == Some(&b'\n') => at + 2,
        Some(at) => at + 1,
        None => bytes.len(),
    }
}

/// Of `moment` and all times whole periods from it, the nearest to `now`.
fn nearest(moment: i64, period: i64, now: i64) -> Option<i64> {
    let behind = now.checked_sub(moment)?;
    let periods = behind.checked_add(period / 2)?.div_euclid(period);
    moment.checked_add(periods.checked_mul(period)?)
}

/// What stands between `$` and `*`, and the checksum behind.
fn framed(text: &str) -> Option<(&str, u32)> {
    let hex = take_while_m_n(2, 2, |char: char| char.is_ascii_hexdigit());
    let body = take_while(|char| matches!(char, ' '..='~') && char != '*' && char != '$');
    let mut frame = all_consuming((tag("$"), body, preceded(tag("*"), hex)));
    let framed: nom::IResult<&str, _> = frame.parse(text);
    let (_, (_, body, sum)) = framed.ok()?;
    Some((body, u32::from_str_radix(sum, 16).ok()?))
}

fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

fn first(text: &str) -> u8 {
    text.bytes().next().unwrap_or(0)
}

fn wrong(what: &'static str, line: &[u8]) -> DecodeError {
    value(Layer::Nmea, what, line.first().copied().unwrap_or(0))
}

type Read<T> = Result<T, DecodeError>;

/// RMC: nine fields, and up to four more that newer receivers add.
fn minimum(talker: [u8; 2], fields: &[&str]) -> Read<Sentence> {
    let [
        time,
        status,
        north,
        n,
        east,
        e,
        speed,
        course,
        date,
        rest @ ..,
    ] = fields
    else {
        return Err(length(Layer::Nmea, fields.len(), "9 fields to 13, of RMC"));
    };
    if rest.len() > 4 {
        return Err(length(Layer::Nmea, fields.len(), "9 fields to 13, of RMC"));
    }
    let valid = match *status {
        "A" => true,
        "V" | "" => false,
        _ => return Err(value(Layer::Nmea, "status", first(status))),
    };
    let kind = Kind::Minimum {
        valid,
        speed_dkn: known(speed, |field| small("speed", decimal(field, 1)))?,
        course_ddeg: known(course, |field| {
            small("course", decimal(field, 1).filter(|ddeg| *ddeg <= 3600))
        })?,
        date: known(date, day)?.flatten(),
    };
    Ok(Sentence {
        talker,
        time: known(time, clock)?,
        place: place([north, n, east, e])?,
        kind,
    })
}

/// GGA: fourteen fields.
fn fix(talker: [u8; 2], fields: &[&str]) -> Read<Sentence> {
    let [
        time,
        north,
        n,
        east,
        e,
        quality,
        satellites,
        dilution,
        height,
        rest @ ..,
    ] = fields
    else {
        return Err(length(Layer::Nmea, fields.len(), "14 fields, of GGA"));
    };
    if rest.len() != 5 {
        return Err(length(Layer::Nmea, fields.len(), "14 fields, of GGA"));
    }
    let count = |what| move |field: &&str| small(what, decimal(field, 0));
    let quality = known(quality, |field| {
        small("quality", decimal(field, 0).filter(|quality| *quality <= 8))
    })?;
    Ok(Sentence {
        talker,
        time: known(time, clock)?,
        place: place([north, n, east, e])?,
        kind: Kind::Fix {
            quality: quality.unwrap_or(0),
            satellites: known(satellites, |field| count("satellites")(&field))?,
            dilution: known(dilution, |field| small("dilution", decimal(field, 1)))?,
            height_dm: known(height, |field| match field.strip_prefix('-') {
                Some(below) => small("height", decimal(below, 1)).map(|dm: i32| -dm),
                None => small("height", decimal(field, 1)),
            })?,
        },
    })
}

/// Nothing for an empty field.
fn known<'a, T>(field: &&'a str, read: impl FnOnce(&'a str) -> Read<T>) -> Read<Option<T>> {
    match *field {
        "" => Ok(None),
        field => read(field).map(Some),
    }
}

/// A number of digits with or without a fraction, in steps of one `places`th of ten, half up.
fn decimal(field: &str, places: usize) -> Option<u32> {
    let (whole, fraction) = match field.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (field, ""),
    };
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    let fits = whole.len() <= 6 && fraction.len() <= 12;
    if !(has_digits && fits && is_number(whole) && is_number(fraction)) {
        return None;
    }
    // One digit more than is kept rounds.
    let digits = whole
        .bytes()
        .chain(fraction.bytes().chain(core::iter::repeat(b'0')));
    let digits = digits.take(whole.len() + places + 1);
    let steps = digits.fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    u32::try_from((steps + 5) / 10).ok()
}

fn small<T: TryFrom<u32>>(what: &'static str, number: Option<u32>) -> Read<T> {
    let fitting = number.and_then(|number| T::try_from(number).ok());
    fitting.ok_or_else(|| value(Layer::Nmea, what, number.unwrap_or(u32::MAX)))
}

/// Six digits as three numbers, and the fraction behind them if there is one.
fn pairs(field: &str) -> Option<([u8; 3], Option<&str>)> {
    let pair = || take_while_m_n(2, 2, |char: char| char.is_ascii_digit());
    let fraction = preceded(letter('.'), take_while(|char: char| char.is_ascii_digit()));
    let mut fields = all_consuming((pair(), pair(), pair(), opt(fraction)));
    let parsed: nom::IResult<&str, _> = fields.parse(field);
    let (_, (one, two, three, fraction)) = parsed.ok()?;
    let numbers = [one.parse().ok()?, two.parse().ok()?, three.parse().ok()?];
    Some((numbers, fraction))
}

fn clock(field: &str) -> Read<Time> {
    let time = pairs(field).and_then(|([hour, minute, second], _)| Time::of(hour, minute, second));
    time.ok_or_else(|| value(Layer::Nmea, "time", first(field)))
}

fn day(field: &str) -> Read<Option<Date>> {
    let wrong = || value(Layer::Nmea, "date", first(field));
    let ([day, month, year], None) = pairs(field).ok_or_else(wrong)? else {
        return Err(wrong());
    };
    let date = Date::of(2000 + u16::from(year), month, day).ok_or_else(wrong)?;
    Ok((year < 80).then_some(date))
}

/// How one of the two angles is written.
struct Axis {
    name: &'static str,
    width: usize,
    limit_deg: i32,
    halves: [&'static str; 2],
}

impl Axis {
    const NORTH: Self = Self {
        name: "latitude",
        width: 2,
        limit_deg: 90,
        halves: ["N", "S"],
    };
    const EAST: Self = Self {
        name: "longitude",
        width: 3,
        limit_deg: 180,
        halves: ["E", "W"],
    };

    fn read(&self, field: &str, half: &str) -> Read<Angle> {
        let wrong = || value(Layer::Nmea, self.name, first(field));
        let sign = match self.halves.iter().position(|one| *one == half) {
            Some(0) => 1,
            Some(_) => -1,
            None => return Err(value(Layer::Nmea, self.name, first(half))),
        };
        let (degrees, minutes) = field.split_at_checked(self.width).ok_or_else(wrong)?;
        let has_two = |digits: &str| digits.split('.').next().map(str::len) == Some(2);
        let steps = decimal(minutes, 4).filter(|steps| *steps <= 600_000 && has_two(minutes));
        let minutes = steps.filter(|_| !minutes.starts_with(['6', '7', '8', '9']));
        let whole = decimal(degrees, 0).filter(|_| !degrees.contains('.'));
        let (whole, minutes) = whole.zip(minutes).ok_or_else(wrong)?;
        let steps = i32::try_from(whole * 600_000 + minutes).map_err(|_| wrong())?;
        match steps <= self.limit_deg * 600_000 {
            true => Ok(Angle {
                minutes_e4: sign * steps,
            }),
            false => Err(wrong()),
        }
    }

    fn write(&self, angle: Angle) -> String {
        let [positive, negative] = self.halves;
        let half = if angle.minutes_e4 < 0 {
            negative
        } else {
            positive
        };
        let limit = self.limit_deg.unsigned_abs() * 600_000;
        let steps = angle.minutes_e4.unsigned_abs().min(limit);
        let (degrees, minutes) = (steps / 600_000, steps % 600_000);
        let (width, whole, fraction) = (self.width, minutes / 10_000, minutes % 10_000);
        format!("{degrees:0width$}{whole:02}.{fraction:04},{half}")
    }
}

fn place([north, n, east, e]: [&str; 4]) -> Read<Option<(Angle, Angle)>> {
    match [north, n, east, e] {
        // Some receivers leave the halves in when they know no place.
        ["", _, "", _] => Ok(None),
        _ => Ok(Some((
            Axis::NORTH.read(north, n)?,
            Axis::EAST.read(east, e)?,
        ))),
    }
}

fn tenths(number: Option<impl Into<i64>>) -> String {
    let text = |number: i64| {
        let (sign, number) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
        format!("{sign}{}.{}", number / 10, number % 10)
    };
    number.map(|number| text(number.into())).unwrap_or_default()
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fix().is_some() {
            "fix"
        } else {
            "no fix"
        })?;
        if let Some((north, east)) = self.place {
            write!(f, " {north},{east}")?;
        }
        if let Kind::Minimum {
            date: Some(date), ..
        } = self.kind
        {
            write!(f, " {date}")?;
        }
        if let Some(time) = self.time {
            write!(f, " {time}")?;
        }
        match self.kind {
            Kind::Minimum { speed_dkn, .. } => {
                let speed = |dkn: u16| write!(f, " {}.{} kn", dkn / 10, dkn % 10);
                speed_dkn.map_or(Ok(()), speed)
            }
            Kind::Fix { satellites, .. } => {
                satellites.map_or(Ok(()), |count| write!(f, " by {count} satellites"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::flips;
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// The sentences most manuals print.
    const RMC: &[u8] = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A";
    const GGA: &[u8] = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
    /// As this program writes them, a newer date in it.
    const OURS: &[u8] = b"$GNRMC,123519.00,A,4807.0380,N,01131.0000,E,22.4,84.4,281126,,,A*4D\r\n";

    fn with_sum(body: &str) -> Vec<u8> {
        format!("${body}*{:02x}", xor(body.as_bytes())).into_bytes()
    }

    #[test]
    fn the_sentences_of_the_manuals() {
        let rmc = Sentence::parse(RMC).unwrap();
        let (north, east) = rmc.fix().unwrap();
        assert_eq!((north.minutes_e4, east.minutes_e4), (28_870_380, 6_910_000));
        let Kind::Minimum {
            speed_dkn,
            course_ddeg,
            date,
            ..
        } = rmc.kind
        else {
            panic!("{rmc}");
        };
        assert_eq!((speed_dkn, course_ddeg, date), (Some(224), Some(844), None));
        let gga = Sentence::parse(GGA).unwrap();
        assert_eq!(gga.place, rmc.place);
        assert_eq!(
            gga.kind,
            Kind::Fix {
                quality: 1,
                satellites: Some(8),
                dilution: Some(9),
                height_dm: Some(5454),
            }
        );
        assert_eq!(
            gga.to_string(),
            "fix 48.1173000,11.5166667 12:35:19Z by 8 satellites"
        );
        let newer = Sentence {
            talker: *b"GN",
            kind: Kind::Minimum {
                valid: true,
                speed_dkn,
                course_ddeg,
                date: Date::of(2026, 11, 28),
            },
            ..rmc
        };
        assert_eq!(newer.to_bytes(), OURS);
        let words = "fix 48.1173000,11.5166667 2026-11-28 12:35:19Z 22.4 kn";
        assert_eq!(newer.to_string(), words);
    }

    #[test]
    fn flipped_bits_are_refused_and_prefixes_incomplete() {
        for (_, bit, flipped) in flips(OURS, 0..OURS.len() - 2) {
            let read = Sentence::next(&flipped);
            // Letters of the checksum may change their case.
            let same = matches!(read, Ok(Parsed::Complete(..))) && bit == 5;
            assert!(read.is_err() || same, "{}", flipped.escape_ascii());
        }
        for taken in 0..OURS.len() - 1 {
            assert_eq!(Sentence::next(&OURS[..taken]), Ok(Parsed::Incomplete(1)));
        }
        let whole = Sentence::next(OURS).unwrap();
        assert!(matches!(whole, Parsed::Complete(_, used) if used == OURS.len()));
        assert_eq!(
            Sentence::next(&[b'x'; MAX_LEN]).unwrap_err().reason(),
            "length"
        );
    }

    #[test]
    fn what_a_receiver_does_not_know_is_empty() {
        for body in [
            "GPRMC,,V,,,,,,,,,,N",
            "BDRMC,,V,,N,,E,,,,",
            "GNGGA,,,,,,0,,,,M,,M,,",
        ] {
            let read = Sentence::parse(&with_sum(body)).unwrap();
            assert_eq!(
                (read.time, read.place, read.fix()),
                (None, None, None),
                "{body}"
            );
            assert_eq!(read.taken_utc_ms(0), None);
            let again = read.to_bytes();
            let again = again.strip_suffix(b"\r\n").unwrap();
            assert_eq!(Sentence::parse(again), Ok(read));
        }
    }

    #[test]
    fn what_the_receiver_does_not_vouch_for_is_no_fix() {
        for body in [
            "GPRMC,123519,V,4807.038,N,01131.000,E,,,281126,,",
            "GPGGA,123519,4807.038,N,01131.000,E,0,00,,,M,,M,,",
            "GPGGA,123519,4807.038,N,01131.000,E,8,00,,,M,,M,,",
        ] {
            let read = Sentence::parse(&with_sum(body)).unwrap();
            assert!(read.place.is_some() && read.fix().is_none(), "{body}");
        }
    }

    #[test]
    fn impossible_ones_are_refused() {
        for (body, reason) in [
            ("GPRMC,243519,A,4807.038,N,01131.000,E,,,281126,,", "value"),
            ("GPRMC,123519,A,4860.038,N,01131.000,E,,,281126,,", "value"),
            ("GPRMC,123519,A,9000.001,N,01131.000,E,,,281126,,", "value"),
            ("GPRMC,123519,A,4807.038,N,18000.001,E,,,281126,,", "value"),
            ("GPRMC,123519,A,4807.038,X,01131.000,E,,,281126,,", "value"),
            (
                "GPRMC,123519,A,4807.038,N,01131.000,E,,361,281126,,",
                "value",
            ),
            ("GPRMC,123519,A,4807.038,N,01131.000,E,,,300226,,", "value"),
            ("GPRMC,123519,B,4807.038,N,01131.000,E,,,281126,,", "value"),
            ("GPRMC,123519,A,4807.038,N,,E,,,281126,,", "value"),
            (
                "GPRMC,123519,A,4807.038,N,01131.000,E,-1,,281126,,",
                "value",
            ),
            ("GPRMC,123519,A", "length"),
            ("GPGGA,123519,4807.038,N,01131.000,E,1,08", "length"),
            ("GPGSV,3,1,11", "value"),
            ("", "value"),
        ] {
            let error = Sentence::parse(&with_sum(body)).unwrap_err();
            assert_eq!(error.reason(), reason, "{body}");
        }
        let bare = b"$GPRMC,123519,A,4807.038,N,01131.000,E,,,281126,,";
        assert_eq!(Sentence::parse(bare).unwrap_err().reason(), "value");
    }

    #[test]
    fn receivers_with_more_digits_are_rounded() {
        let read = |minutes: &str| {
            let body = format!("GPGGA,123519.999,48{minutes},N,01131.0,E,4,12,0.55,,M,,M,1.0,0000");
            let read = Sentence::parse(&with_sum(&body)).unwrap();
            read.fix().unwrap().0.minutes_e4 - 28_800_000
        };
        assert_eq!(read("07.03804999"), 70_380);
        assert_eq!(read("07.03805"), 70_381);
        assert_eq!(read("59.99999"), 600_000);
    }

    /// 28 November 2026, 00:00:01 UTC.
    const MIDNIGHT: i64 = 1_795_824_001_000;

    #[test]
    fn days_and_weeks_begin_again() {
        let at = |body: &str| {
            let sentence = Sentence::parse(&with_sum(body)).unwrap();
            sentence.taken_utc_ms(MIDNIGHT).unwrap() - MIDNIGHT
        };
        // A time without a date is of yesterday, or of today.
        assert_eq!(at("GPGGA,235959,,,,,0,,,,M,,M,,"), -2000);
        assert_eq!(at("GPGGA,000002,,,,,0,,,,M,,M,,"), 1000);
        assert_eq!(at("GPGGA,115959,,,,,0,,,,M,,M,,"), 43_198_000);
        // A date stands, but for weeks that began again: 1024 before are 14 April 2007.
        assert_eq!(at("GPRMC,000000,A,,,,,,,281126,,"), -1000);
        assert_eq!(at("GPRMC,000000,A,,,,,,,271126,,"), -1000 - DAY_MS);
        assert_eq!(at("GPRMC,000000,A,,,,,,,140407,,"), -1000);
        // A receiver that does not know the date yet says 1980.
        assert_eq!(at("GPRMC,235959,A,,,,,,,060180,,"), -2000);
    }

    #[test]
    fn a_stream_with_noise_is_read_again_at_once() {
        let stream = [b"x\xFF7*$GP".as_slice(), OURS, b"\n$\n", OURS].concat();
        let (mut rest, mut read) = (stream.as_slice(), 0);
        while !rest.is_empty() {
            let used = match Sentence::next(rest) {
                Ok(Parsed::Complete(_, used)) => {
                    read += 1;
                    used
                }
                Ok(Parsed::Incomplete(_)) => break,
                Err(_) => resync(rest),
            };
            assert!(used > 0);
            rest = &rest[used..];
        }
        assert_eq!(read, 2);
    }

    proptest! {
        #[test]
        fn any_sentence_both_ways(
            clock in proptest::option::of((0u8..24, 0u8..60, 0u8..60)),
            at in proptest::option::of((-54_000_000i32..=54_000_000, -108_000_000i32..=108_000_000)),
            numbers: (bool, u8),
            known: (Option<u16>, Option<u8>, Option<i16>),
            year in proptest::option::of(2000u16..2080),
        ) {
            let (north, east) = at.unzip();
            let angle = |minutes_e4| Angle { minutes_e4 };
            let time = clock.and_then(|(hour, minute, second)| Time::of(hour, minute, second));
            let kinds = [
                Kind::Minimum {
                    valid: numbers.0,
                    speed_dkn: known.0,
                    course_ddeg: known.1.map(u16::from),
                    date: year.and_then(|year| Date::of(year, 2, 28)),
                },
                Kind::Fix {
                    quality: numbers.1 % 9,
                    satellites: known.1,
                    dilution: known.0,
                    height_dm: known.2.map(i32::from),
                },
            ];
            for kind in kinds {
                let sentence = Sentence {
                    talker: *b"BD",
                    time,
                    place: north.map(angle).zip(east.map(angle)),
                    kind,
                };
                let bytes = sentence.to_bytes();
                prop_assert_eq!(
                    Sentence::next(&bytes),
                    Ok(Parsed::Complete(sentence, bytes.len()))
                );
                prop_assert!(bytes.len() <= USUAL_LEN);
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, body in "[GPRMCA,0-9.NE]{0,80}", now: i64) {
            prop_assert!(bytes.is_empty() || (1..=bytes.len()).contains(&resync(&bytes)));
            let _ = Sentence::next(&bytes);
            if let Ok(sentence) = Sentence::parse(&with_sum(&body)) {
                let _ = (sentence.taken_utc_ms(now), sentence.to_string());
            }
        }
    }
}
