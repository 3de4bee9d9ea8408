//! A TETRA terminal at a serial port: commands to it one at a time, and what it tells by itself.
//!
//! ```text
//! port opened -> AT, set-up commands -> Up -> AT+CMGS ... OK | ERROR | silence
//! ```
//! A command ends with `OK`, or with an error. One that cannot pass ([`Fault::is_final`]) ends a
//! message at once; any other, and silence for [`SerialConfig::ack_ms`], has it said again up to
//! [`SerialConfig::tries`] times. A set-up command that is refused is counted and passed over:
//! terminals know different ones. An answer that comes late must not be taken for that of the next
//! command: after one that was said more than once the line is left alone for [`GAP_MS`].
//!
//! The link goes down when the port is lost, or when the terminal is silent to all tries; it is set
//! up anew after a while. A line quiet for [`SerialConfig::quiet_ms`] is asked with a bare `AT`.
//!
//! The owner speaks service messages; `short_data` says which have a meaning here. `Sent` says that
//! the terminal took a text, its receiver's report comes as the text's ack. There is no receipt for
//! what a terminal tells: what does not fit is lost, and counted.

use super::event::{Busy, DownReason, Events, LinkEvent, Refusal, SendFault};
use super::serial::{GAP_MS, SerialConfig};
use super::short_data::ShortData;
use super::timer::{Timer, Timers};
use super::{LinkCounts, MAX_TRANSMITS};
use crate::error::{DecodeError, Layer};
use crate::pei::Reader;
use crate::pei::line::{Fault, Said};
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Acks of reports that may wait; more are not sent, their terminals report again.
const MAX_ANSWERS: usize = 16;

/// One terminal's link; see the module.
#[derive(Debug)]
pub struct PeiLink {
    config: SerialConfig,
    /// Said when the port opens, without their `AT`.
    setup: Vec<String>,
    state: State,
    flight: Option<Flight>,
    reader: Reader,
    short_data: ShortData,
    answers: VecDeque<Bytes>,
    timers: Timers,
    transmits: VecDeque<Bytes>,
    events: Events,
    counts: LinkCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NoPort,
    /// Nothing answers; it will be tried again.
    Silent,
    /// So many commands of the set-up are done.
    SettingUp(usize),
    Up,
    Closed,
}

/// The command that is not answered yet.
#[derive(Debug)]
struct Flight {
    bytes: Bytes,
    tries: u32,
    /// The terminal refused the last try for a reason that may pass.
    is_refused: bool,
    /// The owner's, if it is a message.
    token: Option<u64>,
}

impl PeiLink {
    /// A link whose port is not open yet, and what to say when it is: commands without their `AT`.
    #[must_use]
    pub fn new(config: SerialConfig, setup: Vec<String>) -> Self {
        Self {
            config: SerialConfig {
                ack_ms: config.ack_ms.max(1),
                tries: config.tries.max(1),
                reconnect_ms: config.reconnect_ms.max(1),
                quiet_ms: config.quiet_ms.max(1),
            },
            setup,
            state: State::NoPort,
            flight: None,
            reader: Reader::default(),
            short_data: ShortData::default(),
            answers: VecDeque::new(),
            timers: Timers::default(),
            transmits: VecDeque::new(),
            events: Events::default(),
            counts: LinkCounts::default(),
        }
    }

    /// The port is open: the first command waits to be polled.
    pub fn opened(&mut self, now_ms: u64) {
        if self.state == State::NoPort {
            self.set_up(now_ms);
        }
    }

    /// The port is lost, with all that was on its way.
    pub fn lost(&mut self) {
        if !matches!(self.state, State::NoPort | State::Closed) {
            self.leave(State::NoPort, SendFault::LinkDown, DownReason::Lost);
        }
    }

    /// Takes bytes of the line, as many as came.
    pub fn handle_bytes(&mut self, now_ms: u64, mut bytes: &[u8]) {
        if matches!(self.state, State::NoPort | State::Closed) {
            return;
        }
        self.counts.received += 1;
        while let Some(said) = self.reader.read(&mut bytes) {
            match said {
                Ok(said) => self.take(now_ms, said),
                Err(error) => self.refuse(Refusal::Frame(error)),
            }
        }
        self.go_on(now_ms);
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        for timer in Timer::ALL {
            if !self.timers.expire(timer, now_ms) {
                continue;
            }
            match timer {
                Timer::Ack => self.on_no_answer(now_ms),
                Timer::Heartbeat => self.probe(now_ms),
                Timer::Reconnect => self.set_up(now_ms),
                Timer::Gap => {}
            }
        }
        self.go_on(now_ms);
    }

    /// Sends one message. Each message taken ends in exactly one `Sent` or `SendFailed` with its
    /// `token`.
    ///
    /// # Errors
    /// Says why the message is not taken; then no event follows. A message short data has no word
    /// for is [`Busy::Malformed`].
    pub fn send(&mut self, now_ms: u64, token: u64, hdap: &[u8]) -> Result<(), Busy> {
        if self.state != State::Up {
            return Err(Busy::Down);
        }
        if !self.is_free() {
            return Err(Busy::Pending);
        }
        if !self.events.fits_verdict() {
            return Err(Busy::Unpolled);
        }
        let said = self.short_data.say(hdap).ok_or(Busy::Malformed)?;
        self.fly(now_ms, said.to_bytes().into(), Some(token));
        Ok(())
    }

    /// Ends the link for good.
    pub fn close(&mut self, _now_ms: u64) {
        if self.state != State::Closed {
            self.leave(State::Closed, SendFault::Closed, DownReason::Closed);
        }
    }

    /// The next bytes to write.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmits.pop_front()
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

    /// Whether `send` takes a message now.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.is_up() && self.is_free() && self.events.fits_verdict()
    }

    /// Whether the link carries messages.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// What was counted; `received` counts reads, `stale` answers nobody waits for.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, usize, usize) {
        (self.answers.len(), self.transmits.len(), self.events.len())
    }

    #[cfg(test)]
    pub(super) fn flight_is_there(&self) -> bool {
        self.flight.is_some()
    }

    /// No command waits for its answer, or for the line to fall silent after one.
    fn is_free(&self) -> bool {
        self.flight.is_none() && !self.timers.is_set(Timer::Gap)
    }

    fn take(&mut self, now_ms: u64, said: Said) {
        self.after(now_ms, Timer::Heartbeat, self.config.quiet_ms);
        match said {
            Said::Ok => self.on_answer(now_ms, None),
            Said::Fault(fault) => self.on_answer(now_ms, Some(fault)),
            Said::Received {
                service,
                from: Some(from),
                to,
                data,
            } => match self.short_data.mean(now_ms, service, (from, to), &data) {
                Ok(meaning) => {
                    meaning
                        .messages
                        .into_iter()
                        .for_each(|bytes| self.tell(bytes));
                    if let Some(answer) = meaning.answer
                        && self.answers.len() < MAX_ANSWERS
                    {
                        self.answers.push_back(answer.to_bytes().into());
                    }
                }
                Err(reason) => self.refuse(reason),
            },
            // Nobody can be told to have said it.
            Said::Received { from: None, .. } => self.refuse(Refusal::Stranger),
            // Echoes, receipts of the terminal's own store, and news of calls.
            Said::Command(_) | Said::Send { .. } | Said::Sent(_) | Said::Other(_) => {}
        }
    }

    fn tell(&mut self, bytes: Bytes) {
        match self.events.fits_received(1) {
            true => self.events.push(LinkEvent::Received {
                bytes,
                channel: None,
            }),
            false => self.counts.unread += 1,
        }
    }

    fn on_answer(&mut self, now_ms: u64, fault: Option<Fault>) {
        let Some(flight) = &mut self.flight else {
            self.counts.stale += 1;
            return;
        };
        let is_message = flight.token.is_some();
        match fault {
            Some(fault) if is_message && !fault.is_final() => {
                // Said again when its time is over.
                flight.is_refused = true;
            }
            Some(_) => self.land(now_ms, Some(SendFault::Rejected)),
            None => self.land(now_ms, None),
        }
    }

    /// The command in flight is done with.
    fn land(&mut self, now_ms: u64, fault: Option<SendFault>) {
        let Some(Flight { token, tries, .. }) = self.flight.take() else {
            return;
        };
        self.timers.stop(Timer::Ack);
        if tries > 1 {
            self.after(now_ms, Timer::Gap, GAP_MS);
        }
        match (token, fault) {
            (Some(token), None) => self.events.push(LinkEvent::Sent { token }),
            (Some(token), Some(reason)) => {
                self.events.push(LinkEvent::SendFailed { token, reason });
            }
            (None, Some(_)) => {
                let (layer, what, found) = (Layer::Pei, "set-up refused, command", 0);
                self.refuse(Refusal::Frame(DecodeError::Value { layer, what, found }));
            }
            (None, None) => {}
        }
        if let State::SettingUp(done) = self.state {
            self.state = State::SettingUp(done + 1);
        }
    }

    /// The next command of the set-up, or an ack that waits.
    fn go_on(&mut self, now_ms: u64) {
        if !self.is_free() {
            return;
        }
        match self.state {
            // A bare AT comes first: it tells whether anybody is there.
            State::SettingUp(0) => self.command(now_ms, String::new()),
            State::SettingUp(done) => match self.setup.get(done - 1).cloned() {
                Some(command) => self.command(now_ms, command),
                None => self.go_up(now_ms),
            },
            State::Up => {
                if let Some(answer) = self.answers.pop_front() {
                    self.fly(now_ms, answer, None);
                }
            }
            State::NoPort | State::Silent | State::Closed => {}
        }
    }

    fn go_up(&mut self, now_ms: u64) {
        self.state = State::Up;
        self.after(now_ms, Timer::Heartbeat, self.config.quiet_ms);
        self.events.push(LinkEvent::Up {
            peer: None,
            device_id: None,
            channel: None,
        });
    }

    fn set_up(&mut self, now_ms: u64) {
        self.state = State::SettingUp(0);
        self.go_on(now_ms);
    }

    fn probe(&mut self, now_ms: u64) {
        if self.state == State::Up && self.is_free() {
            self.command(now_ms, String::new());
        }
    }

    fn command(&mut self, now_ms: u64, command: String) {
        let bytes = Said::Command(command).to_bytes();
        self.fly(now_ms, bytes.into(), None);
    }

    fn fly(&mut self, now_ms: u64, bytes: Bytes, token: Option<u64>) {
        self.transmit(bytes.clone());
        self.flight = Some(Flight {
            bytes,
            tries: 1,
            is_refused: false,
            token,
        });
        self.after(now_ms, Timer::Ack, self.config.ack_ms);
    }

    fn on_no_answer(&mut self, now_ms: u64) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        if flight.tries < self.config.tries {
            flight.tries += 1;
            // Ends whatever the terminal has of the last try.
            let again = [&b"\x1A\r\n"[..], &flight.bytes].concat();
            self.counts.resent += 1;
            self.transmit(again.into());
            return self.after(now_ms, Timer::Ack, self.config.ack_ms);
        }
        if flight.is_refused {
            return self.land(now_ms, Some(SendFault::Rejected));
        }
        self.leave(State::Silent, SendFault::NoAck, DownReason::Lost);
        self.after(now_ms, Timer::Reconnect, self.config.reconnect_ms);
    }

    /// Gives up what is on its way.
    fn leave(&mut self, state: State, reason: SendFault, down: DownReason) {
        let was = core::mem::replace(&mut self.state, state);
        self.reader.forget();
        self.transmits.clear();
        self.answers.clear();
        self.timers = Timers::default();
        if let Some(Flight {
            token: Some(token), ..
        }) = self.flight.take()
        {
            self.events.push(LinkEvent::SendFailed { token, reason });
        }
        if was == State::Up || state == State::Closed {
            self.events.push(LinkEvent::Down { reason: down });
        }
    }

    fn refuse(&mut self, reason: Refusal) {
        self.counts.refused += 1;
        self.events.push(LinkEvent::Refused { from: None, reason });
    }

    fn transmit(&mut self, bytes: Bytes) {
        match self.transmits.len() < MAX_TRANSMITS {
            true => self.transmits.push_back(bytes),
            false => self.counts.dropped += 1,
        }
    }

    fn after(&mut self, now_ms: u64, timer: Timer, wait_ms: u64) {
        self.timers.set(timer, now_ms.saturating_add(wait_ms));
    }
}
