//! A fix to its 40 bytes: always 40, whatever the values.

use super::{Angle, Axis, Date, Gps, LATITUDE, LONGITUDE, Time};
use bytes::BufMut;

impl Gps {
    /// The 40 bytes. What does not fit is clamped: angles to 90 and 180 degrees, speed to 999 knots
    /// and, from 10 knots on, to whole ones (half up); unknown fields are NUL.
    #[must_use]
    pub fn to_field(&self) -> [u8; Self::LEN] {
        let mut field = [0; Self::LEN];
        let mut room = field.as_mut_slice();
        room.put_u8(if self.valid { b'A' } else { b'V' });
        let time = |time: Time| pairs([time.hour, time.minute, time.second]);
        put_known(&mut room, self.time.map(time));
        let year = |date: Date| u8::try_from(date.year % 100).unwrap_or(0);
        let date = |date: Date| pairs([date.day, date.month, year(date)]);
        put_known(&mut room, self.date.map(date));
        put_angle::<2>(&mut room, &LATITUDE, self.latitude);
        put_angle::<3>(&mut room, &LONGITUDE, self.longitude);
        put_known(&mut room, self.speed_dkn.map(speed_text));
        let course = |course: u16| digits::<3>(u32::from(course.min(360)));
        put_known(&mut room, self.course_deg.map(course));
        field
    }
}

fn digits<const N: usize>(mut number: u32) -> [u8; N] {
    let mut out = [b'0'; N];
    for digit in out.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out
}

/// Three numbers of two digits.
fn pairs(numbers: [u8; 3]) -> [u8; 6] {
    let joined = numbers
        .iter()
        .fold(0, |sum, number| sum * 100 + u32::from(number % 100));
    digits(joined)
}

fn put_known<const N: usize>(out: &mut impl BufMut, text: Option<[u8; N]>) {
    out.put_slice(&text.unwrap_or([0; N]));
}

/// Hemisphere, degrees in `WIDTH` digits, minutes; or as many NULs.
fn put_angle<const WIDTH: usize>(out: &mut impl BufMut, axis: &Axis, angle: Option<Angle>) {
    let Some(angle) = angle else {
        return out.put_bytes(0, 1 + WIDTH + 7);
    };
    let limit = axis.limit_deg.unsigned_abs() * 600_000;
    let steps = angle.minutes_e4.unsigned_abs().min(limit);
    let is_negative = angle.minutes_e4 < 0;
    out.put_u8(if is_negative {
        axis.negative
    } else {
        axis.positive
    });
    out.put_slice(&digits::<WIDTH>(steps / 600_000));
    out.put_slice(&digits::<2>(steps / 10_000 % 60));
    out.put_u8(b'.');
    out.put_slice(&digits::<4>(steps % 10_000));
}

/// `9.9` below ten knots, `12 ` below a hundred, `123` above.
pub(super) fn speed_text(speed_dkn: u16) -> [u8; 3] {
    let tenths = u32::from(speed_dkn.min(Gps::MAX_SPEED_DKN));
    if tenths < 100 {
        let [whole, tenth] = digits(tenths);
        return [whole, b'.', tenth];
    }
    let knots = (tenths + 5) / 10;
    let [hundreds, tens, ones] = digits(knots);
    match knots {
        0..=99 => [tens, ones, b' '],
        _ => [hundreds, tens, ones],
    }
}
