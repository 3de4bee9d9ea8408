//! The 40 ASCII bytes of a fix. Integers only: two readers get the same place to the last digit.
//! It says whether a fix is possible, not whether it is believable: jumps and stale fixes are the
//! engine's matter.
//!
//! | off | size | field | example |
//! |---|---|---|---|
//! | 0 | 1 | `A` valid, `V` not | `A` |
//! | 1 | 6 | UTC, HHMMSS | `183648` |
//! | 7 | 6 | date, DDMMYY | `261015` |
//! | 13 | 1 | `N` or `S` | `N` |
//! | 14 | 9 | latitude, DDMM.MMMM | `4718.8051` |
//! | 23 | 1 | `E` or `W` | `E` |
//! | 24 | 10 | longitude, DDDMM.MMMM | `01854.4387` |
//! | 34 | 3 | speed, knots | `0.1`, `12 ` |
//! | 37 | 3 | course, degrees | `121` |
//!
//! A field a terminal does not know is all NUL (said of real captures; blanks are taken alike).

mod read;
mod write;

use core::fmt;

/// The 40 bytes as they came.
///
/// Messages keep them unread, so that an alarm is never lost because its coordinates are nonsense.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct GpsField<'a>(pub &'a [u8; Gps::LEN]);

/// A fix, or what of it the terminal knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gps {
    /// `A`: the receiver vouches for the place. `V` and NUL are both false.
    pub valid: bool,
    /// Time of day, UTC.
    pub time: Option<Time>,
    /// Date, UTC.
    pub date: Option<Date>,
    /// North is positive, at most 90 degrees.
    pub latitude: Option<Angle>,
    /// East is positive, at most 180 degrees.
    pub longitude: Option<Angle>,
    /// Tenths of a knot. Three characters hold tenths only below 10 knots.
    pub speed_dkn: Option<u16>,
    /// Degrees from north, clockwise, 0 to 360.
    pub course_deg: Option<u16>,
}

/// Time of day, UTC. Second 60 is a leap second and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

/// A date, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// 2000 to 2099: the wire has two digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31, as the month has.
    pub day: u8,
}

/// Degrees north or east in exactly the steps of the wire: one ten-thousandth of a minute, about
/// 0.19 metres of latitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Angle {
    /// Ten-thousandths of a minute; 600000 make a degree.
    pub minutes_e4: i32,
}

impl Time {
    /// The day begins.
    pub const MIDNIGHT: Self = Self {
        hour: 0,
        minute: 0,
        second: 0,
    };

    /// Down to whole tens of seconds, as DMR's short positions have it.
    #[must_use]
    pub fn in_tens(self) -> Self {
        let second = self.second.min(59) / 10 * 10;
        Self { second, ..self }
    }
}

impl Angle {
    /// On the equator, or the meridian of Greenwich.
    pub const ZERO: Self = Self { minutes_e4: 0 };
    const DEGREE: i32 = 600_000;

    /// In 1e-7 degrees. One step is 50/3 of them, so the nearest is never a tie.
    #[must_use]
    pub fn degrees_e7(self) -> i32 {
        let e7 = (i64::from(self.minutes_e4) * 50 + i64::from(self.minutes_e4.signum())) / 3;
        i32::try_from(e7).unwrap_or(0)
    }

    /// The nearest step to 1e-7 degrees, ties away from zero.
    #[must_use]
    pub fn from_degrees_e7(degrees_e7: i32) -> Self {
        let steps = (i64::from(degrees_e7) * 3 + i64::from(degrees_e7.signum()) * 25) / 50;
        let minutes_e4 = i32::try_from(steps).unwrap_or(0);
        Self { minutes_e4 }
    }
}

impl Time {
    /// A time of day; none if there is no such.
    #[must_use]
    pub fn of(hour: u8, minute: u8, second: u8) -> Option<Self> {
        let time = Self {
            hour,
            minute,
            second,
        };
        (hour <= 23 && minute <= 59 && second <= 60).then_some(time)
    }

    /// Milliseconds since midnight. A leap second counts as the second after it.
    #[must_use]
    pub fn of_day_ms(self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        (minutes * 60 + i64::from(self.second)) * 1000
    }
}

impl Date {
    /// A date of 2000 to 2099; none if there is no such.
    #[must_use]
    pub fn of(year: u16, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        let can_be = matches!(year, 2000..=2099) && matches!(month, 1..=12);
        (can_be && (1..=date.days_in(month)).contains(&day)).then_some(date)
    }

    /// That time of that day, milliseconds since 1970 UTC.
    #[must_use]
    pub fn utc_ms(self, time: Time) -> i64 {
        self.days() * 86_400_000 + time.of_day_ms()
    }

    /// 1 January of 2000 is day 10957 since 1970.
    const EPOCH_DAYS: i64 = 10_957;

    fn is_leap(self) -> bool {
        // Holds from 2000 to 2099, and no other year can be written.
        self.year.is_multiple_of(4)
    }

    fn days_in(self, month: u8) -> u8 {
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if self.is_leap() => 29,
            2 => 28,
            _ => 31,
        }
    }

    /// Days since 1 January 1970.
    fn days(self) -> i64 {
        let years = i64::from(self.year) - 2000;
        let leap_days = (years + 3) / 4;
        let months = (1..self.month).map(|month| i64::from(self.days_in(month)));
        Self::EPOCH_DAYS + years * 365 + leap_days + months.sum::<i64>() + i64::from(self.day) - 1
    }
}

impl Gps {
    /// Bytes of a fix.
    pub const LEN: usize = 40;
    /// Fastest that can be written, tenths of a knot.
    pub const MAX_SPEED_DKN: u16 = 9_990;

    /// No fix: everything unknown.
    pub const NONE: Self = Self {
        valid: false,
        time: None,
        date: None,
        latitude: None,
        longitude: None,
        speed_dkn: None,
        course_deg: None,
    };

    /// Latitude and longitude if the receiver vouches for them.
    #[must_use]
    pub fn place(&self) -> Option<(Angle, Angle)> {
        let place = self.latitude.zip(self.longitude);
        place.filter(|_| self.valid)
    }

    /// When it was taken, milliseconds since 1970 UTC; the wire has whole seconds. A leap second
    /// counts as the second after it.
    #[must_use]
    pub fn taken_utc_ms(&self) -> Option<i64> {
        let (date, time) = self.date.zip(self.time)?;
        Some(date.utc_ms(time))
    }
}

/// How one of the two angles is written.
struct Axis {
    name: &'static str,
    /// Digits of the degrees.
    width: usize,
    limit_deg: i32,
    positive: u8,
    negative: u8,
}

const LATITUDE: Axis = Axis {
    name: "latitude",
    width: 2,
    limit_deg: 90,
    positive: b'N',
    negative: b'S',
};
const LONGITUDE: Axis = Axis {
    name: "longitude",
    width: 3,
    limit_deg: 180,
    positive: b'E',
    negative: b'W',
};

impl fmt::Debug for GpsField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GpsField(\"{}\")", self.0.escape_ascii())
    }
}

impl fmt::Display for GpsField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read() {
            Ok(gps) => gps.fmt(f),
            Err(error) => write!(f, "not a fix ({error})"),
        }
    }
}

impl fmt::Display for Angle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e7 = self.degrees_e7();
        let (sign, e7) = (if e7 < 0 { "-" } else { "" }, e7.unsigned_abs());
        write!(f, "{sign}{}.{:07}", e7 / 10_000_000, e7 % 10_000_000)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}Z", self.hour, self.minute, self.second)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Gps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid { "fix" } else { "no fix" })?;
        if let Some((latitude, longitude)) = self.latitude.zip(self.longitude) {
            write!(f, " {latitude},{longitude}")?;
        }
        if let Some(date) = self.date {
            write!(f, " {date}")?;
        }
        if let Some(time) = self.time {
            write!(f, " {time}")?;
        }
        if let Some(speed) = self.speed_dkn {
            write!(f, " {}.{} kn", speed / 10, speed % 10)?;
        }
        if let Some(course) = self.course_deg {
            write!(f, " {course}°")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::write::speed_text;
    use super::*;
    use crate::error::{DecodeError, Layer};
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    const CAPTURED: &[u8; 40] = b"A183648261015N4718.8051E01854.43870.1121";

    fn read(field: &[u8; 40]) -> Result<Gps, DecodeError> {
        GpsField(field).read()
    }

    /// The captured fix with other characters from `at` on.
    fn with(at: usize, text: &[u8]) -> [u8; 40] {
        let mut field = *CAPTURED;
        field[at..at + text.len()].copy_from_slice(text);
        field
    }

    #[test]
    fn captured_fix() {
        let gps = read(CAPTURED).unwrap();
        let (latitude, longitude) = gps.place().unwrap();
        assert_eq!(latitude.minutes_e4, 47 * 600_000 + 188_051);
        assert_eq!(latitude.degrees_e7(), 473_134_183);
        assert_eq!(longitude.degrees_e7(), 189_073_117);
        assert_eq!((gps.speed_dkn, gps.course_deg), (Some(1), Some(121)));
        // date -u -d '2015-10-26 18:36:48' +%s
        assert_eq!(gps.taken_utc_ms(), Some(1_445_884_608_000));
        assert_eq!(gps.to_field(), *CAPTURED);
        let words = "fix 47.3134183,18.9073117 2015-10-26 18:36:48Z 0.1 kn 121°";
        assert_eq!(gps.to_string(), words);
    }

    #[test]
    fn unknown_fields_are_nul() {
        assert_eq!(read(&[0; 40]), Ok(Gps::NONE));
        let mut none = [0; 40];
        none[0] = b'V';
        assert_eq!(Gps::NONE.to_field(), none);
        let gps = read(&with(1, &[0; 12])).unwrap();
        assert_eq!((gps.time, gps.date, gps.taken_utc_ms()), (None, None, None));
        assert!(gps.place().is_some());
        let gps = read(&with(34, b"      ")).unwrap();
        assert_eq!((gps.speed_dkn, gps.course_deg), (None, None));
    }

    #[test]
    fn what_the_receiver_does_not_vouch_for_is_no_place() {
        let gps = read(&with(0, b"V")).unwrap();
        assert!(gps.latitude.is_some());
        assert_eq!(gps.place(), None);
    }

    #[test]
    fn impossible_values_are_refused() {
        let cases: [(usize, &[u8], &str, u32); 17] = [
            (0, b"X", "status", 0x58),
            (1, b"240000", "hour", 24),
            (1, b"236000", "minute", 60),
            (1, b"235961", "second", 61),
            (1, b"2359 0", "time", 0x20),
            (7, b"001015", "day", 0),
            (7, b"290215", "day", 29),
            (7, b"310415", "day", 31),
            (7, b"261315", "month", 13),
            (13, b"\0", "latitude", 0),
            (14, b"9000.0001", "latitude", 90),
            (14, b"4760.0000", "minutes", 60),
            (14, b"47188.051", "decimal point", 0x38),
            (24, b"18000.0001", "longitude", 180),
            (24, b"99900.0000", "longitude", 999),
            (34, b" . ", "speed", 0x2E),
            (37, b"361", "course", 361),
        ];
        for (at, text, what, found) in cases {
            let layer = Layer::Gps;
            let expected = DecodeError::Value { layer, what, found };
            assert_eq!(read(&with(at, text)), Err(expected), "{what} at {at}");
        }
    }

    #[test]
    fn edges_that_are_possible() {
        for (at, text) in [
            (1, b"235960".as_slice()),
            (7, b"290216"),
            (7, b"311299"),
            (14, b"9000.0000"),
            (23, b"W18000.0000"),
            (37, b"360"),
        ] {
            let field = with(at, text);
            assert_eq!(read(&field).unwrap().to_field(), field);
        }
    }

    #[test]
    fn speeds_in_three_characters() {
        for (text, tenths) in [
            (b"0.0", 0),
            (b"5.2", 52),
            (b"12 ", 120),
            (b"123", 1230),
            (b"7\0\0", 70),
            (b".25", 3),
            (b" 12", 120),
            (b"12.", 120),
        ] {
            let gps = read(&with(34, text)).unwrap();
            assert_eq!(gps.speed_dkn, Some(tenths), "{}", text.escape_ascii());
        }
        for (tenths, text) in [
            (99, b"9.9"),
            (100, b"10 "),
            (125, b"13 "),
            (995, b"100"),
            (u16::MAX, b"999"),
        ] {
            assert_eq!(speed_text(tenths), *text);
        }
    }

    #[test]
    fn days_since_1970() {
        let days = |year, month, day| Date { year, month, day }.days();
        assert_eq!(days(2000, 1, 1), 10_957);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2024, 2, 29), 19_782);
        assert_eq!(days(2099, 12, 31), 47_481);
    }

    fn any_gps() -> impl Strategy<Value = Gps> {
        let time = (0..24u8, 0..60u8, 0..=60u8);
        let date = (2000..2100u16, 1..=12u8, 1..=28u8);
        let angle = |limit: i32| proptest::option::of(-limit..=limit);
        let place = (angle(90 * 600_000), angle(180 * 600_000));
        let motion = (
            proptest::option::of(0..=9_990u16),
            proptest::option::of(0..=360u16),
        );
        let clock = (proptest::option::of(time), proptest::option::of(date));
        (any::<bool>(), clock, place, motion).prop_map(|(valid, clock, place, motion)| Gps {
            valid,
            time: clock.0.map(|(hour, minute, second)| Time {
                hour,
                minute,
                second,
            }),
            date: clock.1.map(|(year, month, day)| Date { year, month, day }),
            latitude: place.0.map(|minutes_e4| Angle { minutes_e4 }),
            longitude: place.1.map(|minutes_e4| Angle { minutes_e4 }),
            // From ten knots on only whole ones can be written.
            speed_dkn: motion
                .0
                .map(|dkn| if dkn < 100 { dkn } else { dkn / 10 * 10 }),
            course_deg: motion.1,
        })
    }

    proptest! {
        #[test]
        fn round_trip(gps in any_gps()) {
            prop_assert_eq!(read(&gps.to_field()), Ok(gps));
        }

        #[test]
        fn angles_survive_1e_7_degrees(minutes_e4 in -108_000_000..=108_000_000i32) {
            let angle = Angle { minutes_e4 };
            prop_assert_eq!(Angle::from_degrees_e7(angle.degrees_e7()), angle);
            let exact = f64::from(minutes_e4) * 1e7 / 6e5;
            prop_assert!((exact - f64::from(angle.degrees_e7())).abs() < 0.34);
        }

        #[test]
        fn random_bytes_and_values_never_panic(
            noise in proptest::array::uniform32(any::<u8>()),
            tail in proptest::array::uniform8(any::<u8>()),
            speed in any::<u16>(),
            steps in any::<i32>(),
            at in 0..40usize,
            byte in any::<u8>(),
        ) {
            let mut field = [0; 40];
            field[..32].copy_from_slice(&noise);
            field[32..].copy_from_slice(&tail);
            let _ = read(&field).map(|gps| (gps.taken_utc_ms(), format!("{gps}")));
            let _ = read(&with(at, &[byte])).map(|gps| gps.to_field());
            let angle = Some(Angle { minutes_e4: steps });
            let (latitude, longitude, speed_dkn) = (angle, angle, Some(speed));
            let wild = Gps { latitude, longitude, speed_dkn, ..Gps::NONE };
            prop_assert!(read(&wild.to_field()).is_ok());
        }
    }
}
