//! Subscriptions: a terminal reports on its own after a distance or a time. It counts nothing
//! itself; the terminal does.
//!
//! | off | size | field of D001 |
//! |---|---|---|
//! | 0 | 4 | request id |
//! | 4 | 4 | radio |
//! | 8 | 1 | trigger: 0 cancel, 1 distance, 2 time, 3 both, 4 either |
//! | 9 | 4 | distance, metres |
//! | 13 | 14 | start, yyyyMMddhhmmss |
//! | 27 | 14 | stop, yyyyMMddhhmmss |
//! | 41 | 8 | interval, ddhhmmss |
//! | 49 | 8 | longest interval, ddhhmmss |

use super::{LAYER, characters};
use crate::error::DecodeError;
use crate::radio_ip::RadioIp;
use crate::refuse::{value, whole};
use bytes::BufMut;
use core::fmt;
use nom::number::complete::{be_u32, u8};

/// Which positions a terminal shall send on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subscription<'a> {
    /// Chosen by the asker, repeated in the reports.
    pub request_id: u32,
    /// Who shall report.
    pub radio: RadioIp,
    /// When a report is due.
    pub trigger: Trigger,
    /// After that many metres.
    pub distance_m: u32,
    /// From when, yyyyMMddhhmmss in digits; [`Subscription::ALWAYS`] for now.
    pub start: &'a [u8; 14],
    /// Until when, likewise; [`Subscription::ALWAYS`] for ever.
    pub stop: &'a [u8; 14],
    /// After that many seconds, at most [`Subscription::MAX_INTERVAL_S`].
    pub interval_s: u32,
    /// The longest gap between two reports, seconds.
    pub longest_s: u32,
}

/// What makes a report due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// Nothing any more.
    Cancel,
    /// Distance.
    Distance,
    /// Time.
    Time,
    /// Both at once.
    Both,
    /// Whichever comes first.
    Either,
}

impl Trigger {
    /// The byte on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Cancel => 0,
            Self::Distance => 1,
            Self::Time => 2,
            Self::Both => 3,
            Self::Either => 4,
        }
    }

    /// The trigger of a byte.
    ///
    /// # Errors
    /// A byte over 4.
    pub fn from_code(code: u8) -> Result<Self, DecodeError> {
        Ok(match code {
            0 => Self::Cancel,
            1 => Self::Distance,
            2 => Self::Time,
            3 => Self::Both,
            4 => Self::Either,
            _ => return Err(value(LAYER, "trigger", code)),
        })
    }
}

impl Subscription<'_> {
    /// No start, no stop: as captured.
    pub const ALWAYS: &'static [u8; 14] = b"00000000000000";
    /// 99 days and the rest of the day; longer ones are cut to it.
    pub const MAX_INTERVAL_S: u32 = 100 * 86_400 - 1;
}

impl<'a> Subscription<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let head = (be_u32, RadioIp::read, u8, be_u32);
        let tail = (characters, characters, characters, characters);
        let expected = "57, a subscription's";
        let (head, (start, stop, interval, longest)) =
            whole(LAYER, payload, expected, (head, tail))?;
        let (request_id, radio, trigger, distance_m) = head;
        for (what, stamp) in [("start", start), ("stop", stop)] {
            number(what, stamp)?;
        }
        Ok(Self {
            request_id,
            radio,
            trigger: Trigger::from_code(trigger)?,
            distance_m,
            start,
            stop,
            interval_s: seconds("interval", interval)?,
            longest_s: seconds("longest interval", longest)?,
        })
    }

    pub(super) fn emit(&self, out: &mut impl BufMut) {
        out.put_u32(self.request_id);
        self.radio.emit(out);
        out.put_u8(self.trigger.code());
        out.put_u32(self.distance_m);
        out.put_slice(self.start);
        out.put_slice(self.stop);
        out.put_slice(&ddhhmmss(self.interval_s));
        out.put_slice(&ddhhmmss(self.longest_s));
    }
}

/// The number at most fourteen ASCII digits stand for.
fn number(what: &'static str, digits: &[u8]) -> Result<u64, DecodeError> {
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(digit - b'0')),
        _ => Err(value(LAYER, what, *digit)),
    })
}

/// Seconds of "ddhhmmss".
fn seconds(what: &'static str, digits: &[u8; 8]) -> Result<u32, DecodeError> {
    let written = u32::try_from(number(what, digits)?).unwrap_or(u32::MAX);
    let (days, hours) = (written / 1_000_000, written / 10_000 % 100);
    let (minutes, seconds) = (written / 100 % 100, written % 100);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return Err(value(LAYER, what, written));
    }
    Ok(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// Seconds as "ddhhmmss".
fn ddhhmmss(seconds: u32) -> [u8; 8] {
    let mut rest = seconds.min(Subscription::MAX_INTERVAL_S);
    let mut out = [b'0'; 8];
    // From the last digit: seconds and minutes go to 60, hours to 24, two digits each.
    for (pair, size) in out.rchunks_mut(2).zip([60, 60, 24, 100]) {
        let number = u8::try_from(rest % size).unwrap_or(0);
        if let [tens, ones] = pair {
            (*tens, *ones) = (b'0' + number / 10, b'0' + number % 10);
        }
        rest /= size;
    }
    out
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "cancel",
            Self::Distance => "distance",
            Self::Time => "time",
            Self::Both => "distance and time",
            Self::Either => "distance or time",
        })
    }
}

impl fmt::Display for Subscription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (request, radio, trigger) = (self.request_id, self.radio, self.trigger);
        let (metres, seconds) = (self.distance_m, self.interval_s);
        write!(
            f,
            "subscription {request} to {radio}: {trigger}, {metres} m, {seconds} s"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lp::Lp;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn a_subscription_as_captured() {
        let digits = b"00000000000000000000000000000000010000000820";
        let payload = [
            &[0x20, 0, 0, 2, 10, 3, 100, 14, 4, 0, 0, 3, 232][..],
            digits,
        ]
        .concat();
        let lp = Lp::parse(0xD001, &payload).unwrap().unwrap();
        let Lp::Subscribe(subscription) = lp else {
            panic!("{lp}");
        };
        assert_eq!(subscription.trigger, Trigger::Either);
        assert_eq!(subscription.distance_m, 1000);
        assert_eq!(subscription.start, Subscription::ALWAYS);
        assert_eq!((subscription.interval_s, subscription.longest_s), (60, 500));
        let mut out = Vec::new();
        lp.emit(&mut out);
        assert_eq!(out, payload);
        for (at, byte, what) in [
            (8, 5, "trigger"),
            (13, b' ', "start"),
            (40, 0, "stop"),
            (45, b'6', "interval"),
            (53, b'6', "longest interval"),
        ] {
            let mut broken = payload.clone();
            broken[at] = byte;
            let error = Lp::parse(0xD001, &broken).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("lp: {what} is")),
                "{error}"
            );
        }
    }

    #[test]
    fn intervals() {
        assert_eq!(&ddhhmmss(60), b"00000100");
        assert_eq!(&ddhhmmss(90_061), b"01010101");
        assert_eq!(&ddhhmmss(u32::MAX), b"99235959");
    }

    proptest! {
        #[test]
        fn intervals_survive(interval_s in 0..=Subscription::MAX_INTERVAL_S) {
            prop_assert_eq!(seconds("interval", &ddhhmmss(interval_s)), Ok(interval_s));
        }
    }
}
