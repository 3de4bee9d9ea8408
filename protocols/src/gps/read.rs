//! The 40 bytes to a fix: every character is judged, nothing is guessed.

use super::{Angle, Axis, Date, Gps, GpsField, LATITUDE, LONGITUDE, Time};
use crate::error::{DecodeError, Layer};
use crate::refuse::{value, whole};
use core::ops::RangeInclusive;
use nom::bytes::complete::take;
use nom::number::complete::u8;

impl<'a> GpsField<'a> {
    /// The fix the bytes stand for.
    ///
    /// # Errors
    /// Characters that do not belong, and impossible values: minute 60, 31 February, latitude 91.
    pub fn read(self) -> Result<Gps, DecodeError> {
        let three = || take(3usize);
        let stamp = || take(6usize);
        let place = (u8, take(9usize), u8, take(10usize));
        let fields = (u8, stamp(), stamp(), place, three(), three());
        let expected = "40 bytes";
        let (status, clock, day, place, speed, course) =
            whole(Layer::Gps, self.0.as_slice(), expected, fields)?;
        let (north, latitude, east, longitude) = place;
        let valid = match status {
            b'A' => true,
            b'V' | 0 => false,
            _ => return Err(value(Layer::Gps, "status", status)),
        };
        Ok(Gps {
            valid,
            time: known(clock, time)?,
            date: known(day, date)?,
            latitude: known(latitude, |field| angle(field, north, &LATITUDE))?,
            longitude: known(longitude, |field| angle(field, east, &LONGITUDE))?,
            speed_dkn: known(speed, tenths)?,
            course_deg: known(course, degrees)?,
        })
    }
}

/// Nothing for a field of NULs or blanks, else what `read` makes of it.
fn known<T>(
    field: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return Ok(None);
    }
    read(field).map(Some)
}

/// At most nine ASCII digits as a number.
fn number(field: &[u8], what: &'static str) -> Result<u32, DecodeError> {
    field.iter().try_fold(0, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u32::from(byte - b'0')),
        _ => Err(value(Layer::Gps, what, *byte)),
    })
}

fn within(number: u32, range: RangeInclusive<u32>, what: &'static str) -> Checked {
    match u8::try_from(number) {
        Ok(small) if range.contains(&number) => Ok(small),
        _ => Err(value(Layer::Gps, what, number)),
    }
}

type Checked = Result<u8, DecodeError>;

fn time(field: &[u8]) -> Result<Time, DecodeError> {
    let clock = number(field, "time")?;
    Ok(Time {
        hour: within(clock / 10_000, 0..=23, "hour")?,
        minute: within(clock / 100 % 100, 0..=59, "minute")?,
        second: within(clock % 100, 0..=60, "second")?,
    })
}

fn date(field: &[u8]) -> Result<Date, DecodeError> {
    let written = number(field, "date")?;
    let (day, month, year) = (written / 10_000, written / 100 % 100, written % 100);
    let mut date = Date {
        year: 2000 + u16::try_from(year).unwrap_or(0),
        month: within(month, 1..=12, "month")?,
        day: 1,
    };
    date.day = within(day, 1..=u32::from(date.days_in(date.month)), "day")?;
    Ok(date)
}

fn angle(field: &[u8], half: u8, axis: &Axis) -> Result<Angle, DecodeError> {
    let sign = match half {
        _ if half == axis.positive => 1,
        _ if half == axis.negative => -1,
        _ => return Err(value(Layer::Gps, axis.name, half)),
    };
    let (degrees, minutes) = field.split_at_checked(axis.width).unwrap_or_default();
    let (whole, fraction) = minutes.split_at_checked(2).unwrap_or_default();
    let Some((b'.', fraction)) = fraction.split_first() else {
        let found = fraction.first().copied().unwrap_or(0);
        return Err(value(Layer::Gps, "decimal point", found));
    };
    let degrees = within(number(degrees, axis.name)?, 0..=180, axis.name)?;
    let whole = within(number(whole, "minutes")?, 0..=59, "minutes")?;
    let fraction = i32::try_from(number(fraction, "minutes")?).unwrap_or(0);
    let steps = i32::from(degrees) * Angle::DEGREE + i32::from(whole) * 10_000 + fraction;
    if steps > axis.limit_deg * Angle::DEGREE {
        return Err(value(Layer::Gps, axis.name, degrees));
    }
    let minutes_e4 = sign * steps;
    Ok(Angle { minutes_e4 })
}

/// Digits without the blanks or NULs around them.
fn trimmed(field: &[u8]) -> &[u8] {
    let is_filled = |byte: &u8| *byte != b' ' && *byte != 0;
    let first = field.iter().position(is_filled).unwrap_or(0);
    let last = field.iter().rposition(is_filled).unwrap_or(0);
    field.get(first..=last).unwrap_or_default()
}

/// Knots with at most one point, as tenths, half up.
fn tenths(field: &[u8]) -> Result<u16, DecodeError> {
    let field = trimmed(field);
    let point = field.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point.and_then(|at| field.split_at_checked(at)) {
        Some((whole, rest)) => (whole, rest.get(1..).unwrap_or_default()),
        None => (field, [].as_slice()),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(value(Layer::Gps, "speed", b'.'));
    }
    let whole = number(whole, "speed")? * 100;
    let fraction = match fraction.len() {
        0 | 2 => number(fraction, "speed")?,
        _ => number(fraction, "speed")? * 10,
    };
    Ok(u16::try_from((whole + fraction + 5) / 10).unwrap_or(u16::MAX))
}

fn degrees(field: &[u8]) -> Result<u16, DecodeError> {
    let course = number(trimmed(field), "course")?;
    match u16::try_from(course) {
        Ok(degrees) if degrees <= 360 => Ok(degrees),
        _ => Err(value(Layer::Gps, "course", course)),
    }
}
