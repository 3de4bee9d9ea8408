//! LP: positions asked for, reported, sent along with an alarm, or subscribed to. It does not judge
//! a place; the 40 bytes of a fix are kept unread, see `gps`.
//!
//! | opcode | message | payload |
//! |---|---|---|
//! | A001 | request | request 4, radio 4, in one capture one unknown byte more |
//! | A002 | report | request 4, radio 4, result 2, fix 40 |
//! | A003 | report with RSSI | as A002, RSSI 2 |
//! | B001 | stop of emergency reports asked for | request 4, radio 4 |
//! | B002 | its answer | request 4, radio 4, result 2 |
//! | B003 | emergency report | radio 4, kind 1, fix 40 |
//! | D001 | subscription | 57 bytes, see [`Subscription`] |
//! | D002 | its answer | request 4, radio 4, trigger 1, result 2 |
//! | D003 | subscribed report | request 4, radio 4, fix 40; also taken: as A002 |
//! | D004 | the same with RSSI | as A003 |
//!
//! RSSI is signed, in dBm. Every other opcode stays raw: no capture shows it.

use crate::error::{DecodeError, Layer};
use crate::gps::{Gps, GpsField};
use crate::radio_ip::RadioIp;
use crate::refuse::whole;
use bytes::BufMut;
use core::fmt;
use nom::bytes::complete::take;
use nom::combinator::{map_opt, opt};
use nom::number::complete::{be_i16, be_u16, be_u32, u8};
use nom::{IResult, Parser};

mod subscription;

pub use subscription::{Subscription, Trigger};

const LAYER: Layer = Layer::Lp;

/// A location message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lp<'a> {
    /// Where are you?
    Request {
        /// Chosen by the asker, repeated in the report.
        request_id: u32,
        /// Who is asked.
        radio: RadioIp,
        /// A ninth byte one capture has; nobody says what it means.
        extra: Option<u8>,
    },
    /// Here.
    Report(Report<'a>),
    /// The alarm key was pressed.
    Emergency {
        /// On which terminal.
        radio: RadioIp,
        /// What kind; no public list.
        kind: u8,
        /// Where. Unread, so that the alarm is not lost with a broken fix.
        gps: GpsField<'a>,
    },
    /// Report your emergency no more: the alarm was seen.
    StopEmergency {
        /// Chosen by the asker, repeated in the answer.
        request_id: u32,
        /// Who is asked.
        radio: RadioIp,
    },
    /// Answer to that.
    EmergencyStopped {
        /// The request's.
        request_id: u32,
        /// Who answers.
        radio: RadioIp,
        /// Whether it reports no more.
        result: LpResult,
    },
    /// Report on your own from now on.
    Subscribe(Subscription<'a>),
    /// Answer to that.
    Subscribed {
        /// The subscription's.
        request_id: u32,
        /// Who answers.
        radio: RadioIp,
        /// What was subscribed to.
        trigger: Trigger,
        /// Whether it will.
        result: LpResult,
    },
}

/// A position a terminal sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report<'a> {
    /// Why it was sent.
    pub cause: Cause,
    /// The request's or the subscription's.
    pub request_id: u32,
    /// Who sent it.
    pub radio: RadioIp,
    /// Whether the terminal could place itself. Only D003 may come without.
    pub result: Option<LpResult>,
    /// The fix, unread.
    pub gps: GpsField<'a>,
    /// Signal strength at the repeater, dBm; with it the opcode is A003 or D004.
    pub rssi_dbm: Option<i16>,
}

/// Why a position was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Somebody asked (A002, A003).
    Asked,
    /// A subscription's distance or time was up (D003, D004).
    Subscribed,
}

/// How a request ended. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LpResult(pub u16);

impl LpResult {
    /// Placed.
    pub const OK: Self = Self(0);

    /// Whether it worked.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0x00 => "ok",
            0x06 => "no position method",
            0x69 => "format error",
            _ => "unknown result",
        }
    }
}

impl<'a> Lp<'a> {
    /// Reads a payload; none if the opcode is not one of the table above.
    ///
    /// # Errors
    /// A payload of another length than the opcode's; an unknown trigger, a broken interval.
    pub fn parse(opcode: u16, payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match opcode {
            0xA001 => request(payload)?,
            0xA002 | 0xA003 | 0xD003 | 0xD004 => Self::Report(Report::parse(opcode, payload)?),
            0xB001 => stop_emergency(payload)?,
            0xB002 => emergency_stopped(payload)?,
            0xB003 => emergency(payload)?,
            0xD001 => Self::Subscribe(Subscription::parse(payload)?),
            0xD002 => subscribed(payload)?,
            _ => return Ok(None),
        }))
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        match self {
            Self::Request { .. } => 0xA001,
            Self::Report(report) => report.opcode(),
            Self::StopEmergency { .. } => 0xB001,
            Self::EmergencyStopped { .. } => 0xB002,
            Self::Emergency { .. } => 0xB003,
            Self::Subscribe(_) => 0xD001,
            Self::Subscribed { .. } => 0xD002,
        }
    }

    /// The terminal it is about.
    #[must_use]
    pub fn radio(&self) -> RadioIp {
        match self {
            Self::Report(report) => report.radio,
            Self::Subscribe(subscription) => subscription.radio,
            Self::Request { radio, .. }
            | Self::Emergency { radio, .. }
            | Self::StopEmergency { radio, .. }
            | Self::EmergencyStopped { radio, .. }
            | Self::Subscribed { radio, .. } => *radio,
        }
    }

    /// The fix it carries.
    #[must_use]
    pub fn gps(&self) -> Option<GpsField<'a>> {
        match self {
            Self::Report(report) => Some(report.gps),
            Self::Emergency { gps, .. } => Some(*gps),
            Self::Request { .. }
            | Self::StopEmergency { .. }
            | Self::EmergencyStopped { .. }
            | Self::Subscribe(_)
            | Self::Subscribed { .. } => None,
        }
    }

    /// Writes the payload.
    pub fn emit(&self, out: &mut impl BufMut) {
        match self {
            Self::Request {
                request_id,
                radio,
                extra,
            } => {
                out.put_u32(*request_id);
                radio.emit(out);
                extra.iter().for_each(|byte| out.put_u8(*byte));
            }
            Self::Report(report) => report.emit(out),
            Self::Emergency { radio, kind, gps } => {
                radio.emit(out);
                out.put_u8(*kind);
                out.put_slice(gps.0);
            }
            Self::StopEmergency { request_id, radio } => {
                out.put_u32(*request_id);
                radio.emit(out);
            }
            Self::EmergencyStopped {
                request_id,
                radio,
                result,
            } => {
                out.put_u32(*request_id);
                radio.emit(out);
                out.put_u16(result.0);
            }
            Self::Subscribe(subscription) => subscription.emit(out),
            Self::Subscribed {
                request_id,
                radio,
                trigger,
                result,
            } => {
                out.put_u32(*request_id);
                radio.emit(out);
                out.put_u8(trigger.code());
                out.put_u16(result.0);
            }
        }
    }
}

fn request(payload: &[u8]) -> Result<Lp<'_>, DecodeError> {
    let expected = "8 or 9, a request's";
    let fields = (be_u32, RadioIp::read, opt(u8));
    let (request_id, radio, extra) = whole(LAYER, payload, expected, fields)?;
    Ok(Lp::Request {
        request_id,
        radio,
        extra,
    })
}

fn emergency(payload: &[u8]) -> Result<Lp<'_>, DecodeError> {
    let expected = "45, an emergency report's";
    let (radio, kind, gps) = whole(LAYER, payload, expected, (RadioIp::read, u8, fix))?;
    Ok(Lp::Emergency { radio, kind, gps })
}

fn stop_emergency(payload: &[u8]) -> Result<Lp<'_>, DecodeError> {
    let expected = "8, a stop's";
    let (request_id, radio) = whole(LAYER, payload, expected, (be_u32, RadioIp::read))?;
    Ok(Lp::StopEmergency { request_id, radio })
}

fn emergency_stopped(payload: &[u8]) -> Result<Lp<'_>, DecodeError> {
    let fields = (be_u32, RadioIp::read, be_u16);
    let (request_id, radio, result) = whole(LAYER, payload, "10, a stop answer's", fields)?;
    Ok(Lp::EmergencyStopped {
        request_id,
        radio,
        result: LpResult(result),
    })
}

fn subscribed(payload: &[u8]) -> Result<Lp<'_>, DecodeError> {
    let expected = "11, a subscription answer's";
    let fields = (be_u32, RadioIp::read, u8, be_u16);
    let (request_id, radio, trigger, result) = whole(LAYER, payload, expected, fields)?;
    Ok(Lp::Subscribed {
        request_id,
        radio,
        trigger: Trigger::from_code(trigger)?,
        result: LpResult(result),
    })
}

fn fix(input: &[u8]) -> IResult<&[u8], GpsField<'_>> {
    characters(input).map(|(rest, field)| (rest, GpsField(field)))
}

/// Exactly `N` bytes, borrowed.
pub(super) fn characters<const N: usize>(input: &[u8]) -> IResult<&[u8], &[u8; N]> {
    map_opt(take(N), <[u8]>::as_array).parse(input)
}

impl<'a> Report<'a> {
    /// Bytes of a report without result and RSSI.
    const BARE: usize = 8 + Gps::LEN;

    fn parse(opcode: u16, payload: &'a [u8]) -> Result<Self, DecodeError> {
        let has_rssi = matches!(opcode, 0xA003 | 0xD004);
        let is_bare = opcode == 0xD003 && payload.len() == Self::BARE;
        let expected = match opcode {
            0xD003 => "48 or 50, a subscribed report's",
            0xA002 => "50, a report's",
            _ => "52, a report's with RSSI",
        };
        let result = |input| match is_bare {
            true => Ok((input, None)),
            false => be_u16(input).map(|(rest, result)| (rest, Some(LpResult(result)))),
        };
        let rssi = |input| match has_rssi {
            true => be_i16(input).map(|(rest, rssi)| (rest, Some(rssi))),
            false => Ok((input, None)),
        };
        let fields = (be_u32, RadioIp::read, result, fix, rssi);
        let (request_id, radio, result, gps, rssi_dbm) = whole(LAYER, payload, expected, fields)?;
        let cause = if opcode < 0xD000 {
            Cause::Asked
        } else {
            Cause::Subscribed
        };
        Ok(Self {
            cause,
            request_id,
            radio,
            result,
            gps,
            rssi_dbm,
        })
    }

    fn opcode(&self) -> u16 {
        match (self.cause, self.rssi_dbm) {
            (Cause::Asked, None) => 0xA002,
            (Cause::Asked, Some(_)) => 0xA003,
            (Cause::Subscribed, None) => 0xD003,
            (Cause::Subscribed, Some(_)) => 0xD004,
        }
    }

    fn emit(&self, out: &mut impl BufMut) {
        out.put_u32(self.request_id);
        self.radio.emit(out);
        if self.result.is_some() || self.opcode() != 0xD003 {
            out.put_u16(self.result.unwrap_or(LpResult::OK).0);
        }
        out.put_slice(self.gps.0);
        self.rssi_dbm.iter().for_each(|rssi| out.put_i16(*rssi));
    }
}

impl fmt::Display for LpResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.name(), self.0)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (request, radio) = (self.request_id, self.radio);
        write!(f, "position {request} of {radio}")?;
        if let Some(result) = self.result.filter(|result| !result.is_ok()) {
            write!(f, ": {result}")?;
        }
        write!(f, ": {}", self.gps)?;
        match self.rssi_dbm {
            Some(rssi) => write!(f, ", {rssi} dBm"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Lp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request {
                request_id, radio, ..
            } => write!(f, "position {request_id} of {radio} asked for"),
            Self::Report(report) => report.fmt(f),
            Self::Emergency { radio, kind, gps } => {
                write!(f, "emergency of {radio}, kind {kind}: {gps}")
            }
            Self::StopEmergency { request_id, radio } => {
                write!(f, "stop {request_id} of the emergency of {radio} asked for")
            }
            Self::EmergencyStopped {
                request_id,
                radio,
                result,
            } => write!(f, "stop {request_id} of the emergency of {radio}: {result}"),
            Self::Subscribe(subscription) => subscription.fmt(f),
            Self::Subscribed {
                request_id,
                radio,
                result,
                ..
            } => write!(f, "subscription {request_id} to {radio}: {result}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const FIX: &[u8; 40] = b"A184030061221N4724.0158E00731.10730.0207";

    fn emitted(message: &Lp<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        message.emit(&mut out);
        out
    }

    fn radio() -> RadioIp {
        RadioIp::terminal(1001).unwrap()
    }

    #[test]
    fn an_alarm_with_a_broken_fix_is_an_alarm() {
        let payload = [&[10, 0, 3, 0xE9, 1][..], &[b'?'; 40]].concat();
        let alarm = Lp::parse(0xB003, &payload).unwrap().unwrap();
        assert!(alarm.gps().unwrap().read().is_err());
        let words = "emergency of 1001 (subnet 10), kind 1: not a fix (gps: status is 0x3f)";
        assert_eq!(alarm.to_string(), words);
        assert_eq!(emitted(&alarm), payload);
    }

    #[test]
    fn a_subscribed_report_comes_with_and_without_result() {
        let head = [0, 0, 0, 9, 10, 0, 3, 0xE9];
        for (tail, result) in [(&[][..], None), (&[0, 6], Some(LpResult(6)))] {
            let payload = [&head[..], tail, FIX].concat();
            let lp = Lp::parse(0xD003, &payload).unwrap().unwrap();
            let Lp::Report(report) = lp else {
                panic!("{lp}");
            };
            assert_eq!((report.result, report.cause), (result, Cause::Subscribed));
            assert_eq!(emitted(&lp), payload);
        }
    }

    /// Every proper prefix is refused, but for the two messages that come in two lengths.
    #[test]
    fn prefixes() {
        let payload = [&[0; 8][..], &[b'0'; 60]].concat();
        for (opcode, lengths) in [
            (0xA001, &[8, 9][..]),
            (0xA002, &[50]),
            (0xA003, &[52]),
            (0xB001, &[8]),
            (0xB002, &[10]),
            (0xB003, &[45]),
            (0xD003, &[48, 50]),
            (0xD004, &[52]),
        ] {
            for taken in 0..=payload.len() {
                let is_read = Lp::parse(opcode, &payload[..taken]).is_ok();
                assert_eq!(is_read, lengths.contains(&taken), "{opcode:#x} {taken}");
            }
        }
        for (opcode, length) in [(0xD001, 57), (0xD002, 11)] {
            let mut payload = payload.clone();
            payload[8] = 0;
            for taken in 0..=payload.len() {
                let is_read = Lp::parse(opcode, &payload[..taken]).is_ok();
                assert_eq!(is_read, taken == length, "{opcode:#x} {taken}");
            }
        }
        assert_eq!(Lp::parse(0xA004, &payload), Ok(None));
    }

    fn any_lp() -> impl Strategy<Value = Lp<'static>> {
        let numbers = (any::<u32>(), any::<u32>(), any::<u8>());
        let signal = (any::<u16>(), proptest::option::of(any::<i16>()));
        let spans = (
            0..=Subscription::MAX_INTERVAL_S,
            0..=Subscription::MAX_INTERVAL_S,
        );
        (0..9u8, numbers, signal, spans).prop_map(|(kind, numbers, signal, spans)| {
            let (request_id, distance_m, byte) = numbers;
            let (radio, gps) = (radio(), GpsField(FIX));
            let (result, rssi_dbm) = (LpResult(signal.0), signal.1);
            let trigger = Trigger::from_code(byte % 5).unwrap();
            let report = Report {
                cause: if kind == 2 {
                    Cause::Asked
                } else {
                    Cause::Subscribed
                },
                request_id,
                radio,
                result: Some(result),
                gps,
                rssi_dbm,
            };
            match kind {
                0 => Lp::Request {
                    request_id,
                    radio,
                    extra: Some(byte),
                },
                1 => Lp::Request {
                    request_id,
                    radio,
                    extra: None,
                },
                2 | 3 => Lp::Report(report),
                4 => Lp::Emergency {
                    radio,
                    kind: byte,
                    gps,
                },
                5 => Lp::StopEmergency { request_id, radio },
                6 => Lp::EmergencyStopped {
                    request_id,
                    radio,
                    result,
                },
                7 => Lp::Subscribed {
                    request_id,
                    radio,
                    trigger,
                    result,
                },
                _ => Lp::Subscribe(Subscription {
                    request_id,
                    radio,
                    trigger,
                    distance_m,
                    start: b"20260401080000",
                    stop: Subscription::ALWAYS,
                    interval_s: spans.0,
                    longest_s: spans.1,
                }),
            }
        })
    }

    proptest! {
        #[test]
        fn round_trip(lp in any_lp()) {
            let payload = emitted(&lp);
            prop_assert_eq!(Lp::parse(lp.opcode(), &payload), Ok(Some(lp)));
        }

        #[test]
        fn whatever_is_read_is_written_again(
            opcode in proptest::sample::select(vec![
                0xA001, 0xA002, 0xA003, 0xB001, 0xB002, 0xB003, 0xD001, 0xD002, 0xD003, 0xD004,
            ]),
            length in proptest::sample::select(vec![8usize, 9, 10, 11, 45, 48, 50, 52, 57]),
            bytes in proptest::collection::vec(any::<u8>(), 57),
        ) {
            let payload = &bytes[..length];
            if let Ok(Some(lp)) = Lp::parse(opcode, payload) {
                prop_assert_eq!(emitted(&lp), payload);
                let _ = lp.to_string();
            }
        }
    }
}
