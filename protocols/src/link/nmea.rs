//! A satellite receiver at a serial port, in a vehicle: its fixes are told as positions of the
//! vehicle's terminal. It only listens.
//!
//! The link is up while sentences come whose checksum fits, whatever they say, and down when none
//! came for `QUIET_MS` or the port is lost. A fix is told at most once in `EVERY_MS`, as of now: a
//! receiver tells at once, and its own clock may be weeks off.

use super::LinkCounts;
use super::event::{DownReason, Events, LinkEvent, Refusal};
use super::timer::{Timer, Timers};
use crate::error::{DecodeError, Parsed};
use crate::gps::{Gps, GpsField};
use crate::lp::{Cause, Lp, LpResult, Report};
use crate::message::Message;
use crate::nmea::{MAX_LEN, Sentence, resync};
use crate::radio_ip::RadioIp;
use alloc::vec::Vec;
use bytes::Bytes;

/// A receiver quiet for so long is gone, milliseconds: they speak every second.
const QUIET_MS: u64 = 10_000;
/// Shortest time between two positions, milliseconds: each fix comes in two sentences.
const EVERY_MS: u64 = 500;

/// One receiver's line; see the module.
#[derive(Debug)]
pub struct NmeaLink {
    radio: RadioIp,
    is_open: bool,
    is_up: bool,
    told_ms: Option<u64>,
    /// The beginning of a sentence: shorter than [`MAX_LEN`].
    buffer: Vec<u8>,
    timers: Timers,
    events: Events,
    counts: LinkCounts,
}

impl NmeaLink {
    /// A line whose port is not open yet, of the vehicle with that terminal.
    #[must_use]
    pub fn new(radio: RadioIp) -> Self {
        Self {
            radio,
            is_open: false,
            is_up: false,
            told_ms: None,
            buffer: Vec::new(),
            timers: Timers::default(),
            events: Events::default(),
            counts: LinkCounts::default(),
        }
    }

    /// The port is open.
    pub fn opened(&mut self) {
        self.is_open = true;
    }

    /// The port is lost.
    pub fn lost(&mut self) {
        self.is_open = false;
        self.go_down(DownReason::Lost);
    }

    /// Listens no more.
    pub fn close(&mut self) {
        self.is_open = false;
        self.go_down(DownReason::Closed);
    }

    /// Takes bytes of the line, as many as came.
    pub fn handle_bytes(&mut self, now_ms: u64, bytes: &[u8]) {
        if !self.is_open {
            return;
        }
        self.counts.received += 1;
        for piece in bytes.chunks(MAX_LEN) {
            self.buffer.extend_from_slice(piece);
            self.read(now_ms);
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.timers.expire(Timer::Heartbeat, now_ms) {
            self.go_down(DownReason::Lost);
        }
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.timers.next()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop()
    }

    /// Whether sentences come.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// What was counted; `received` counts reads.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    fn read(&mut self, now_ms: u64) {
        let mut buffer = core::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let used = match Sentence::next(rest) {
                Ok(Parsed::Incomplete(_)) => break,
                Ok(Parsed::Complete(sentence, used)) => {
                    self.hear(now_ms);
                    self.tell(now_ms, &sentence);
                    used
                }
                Err(error) => {
                    self.on_refused(now_ms, error);
                    resync(rest)
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        let used = buffer.len() - rest.len();
        buffer.drain(..used);
        self.buffer = buffer;
    }

    /// A sentence of another kind is none of ours, but somebody is there.
    fn on_refused(&mut self, now_ms: u64, error: DecodeError) {
        match error {
            DecodeError::Value {
                what: "sentence", ..
            } => self.hear(now_ms),
            _ => {
                self.counts.refused += 1;
                let reason = Refusal::Frame(error);
                self.events.push(LinkEvent::Refused { from: None, reason });
            }
        }
    }

    fn hear(&mut self, now_ms: u64) {
        let at_ms = now_ms.saturating_add(QUIET_MS);
        self.timers.set(Timer::Heartbeat, at_ms);
        if !self.is_up {
            self.is_up = true;
            self.events.push(LinkEvent::Up {
                peer: None,
                device_id: None,
                channel: None,
            });
        }
    }

    fn tell(&mut self, now_ms: u64, sentence: &Sentence) {
        let Some((latitude, longitude)) = sentence.fix() else {
            return;
        };
        let is_soon = |told: u64| now_ms.saturating_sub(told) < EVERY_MS;
        if self.told_ms.is_some_and(is_soon) {
            return;
        }
        if !self.events.fits_received(1) {
            self.counts.unread += 1;
            return;
        }
        self.told_ms = Some(now_ms);
        let gps = Gps {
            valid: true,
            latitude: Some(latitude),
            longitude: Some(longitude),
            ..Gps::NONE
        };
        self.events.push(LinkEvent::Received {
            bytes: self.position(gps),
            channel: None,
        });
    }

    fn position(&self, gps: Gps) -> Bytes {
        let report = Report {
            cause: Cause::Subscribed,
            request_id: 0,
            radio: self.radio,
            result: Some(LpResult::OK),
            gps: GpsField(&gps.to_field()),
            rssi_dbm: None,
        };
        Message::Lp(Lp::Report(report)).to_bytes(false)
    }

    fn go_down(&mut self, reason: DownReason) {
        self.buffer.clear();
        self.timers = Timers::default();
        if core::mem::take(&mut self.is_up) {
            self.events.push(LinkEvent::Down { reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GGA: &[u8] = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n";

    fn events(link: &mut NmeaLink) -> Vec<LinkEvent> {
        core::iter::from_fn(|| link.poll_event()).collect()
    }

    fn opened() -> NmeaLink {
        let mut link = NmeaLink::new(RadioIp::terminal(77).unwrap());
        link.handle_bytes(0, GGA);
        assert!(events(&mut link).is_empty(), "no port yet");
        link.opened();
        link
    }

    #[test]
    fn a_fix_is_told_once_and_silence_noticed() {
        let mut link = opened();
        link.handle_bytes(0, &GGA[..30]);
        link.handle_bytes(0, &GGA[30..]);
        let first = events(&mut link);
        assert!(matches!(
            first[..],
            [LinkEvent::Up { .. }, LinkEvent::Received { .. }]
        ));
        link.handle_bytes(100, GGA);
        assert!(events(&mut link).is_empty());
        link.handle_bytes(1000, GGA);
        assert_eq!(events(&mut link), first[1..]);
        // Another sentence is no position, but somebody is there.
        link.handle_bytes(9000, b"$GPGSA,A,3*30\r\n");
        assert_eq!(link.poll_timeout(), Some(19_000));
        link.handle_timeout(19_000);
        assert!(matches!(events(&mut link)[..], [LinkEvent::Down { .. }]));
        link.handle_bytes(20_000, GGA);
        assert!(link.is_up());
        link.lost();
        assert_eq!((link.is_up(), link.poll_timeout()), (false, None));
    }

    proptest! {
        #[test]
        fn noise_costs_the_sentence_it_falls_into(noise: Vec<u8>, cut in 1usize..90) {
            let mut link = opened();
            let all = [noise.as_slice(), b"\n", GGA].concat();
            all.chunks(cut).for_each(|piece| link.handle_bytes(0, piece));
            let told = events(&mut link);
            let is_fix = |event: &&LinkEvent| matches!(event, LinkEvent::Received { .. });
            prop_assert_eq!(told.iter().filter(is_fix).count(), 1);
            prop_assert!(link.buffer.len() < MAX_LEN);
        }
    }
}
