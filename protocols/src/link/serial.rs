//! One HRNP link over a serial line: connects, acknowledges, retries and finds frames again after
//! noise. No port and no clock, with the same verbs as [`Link`](super::Link); the same object is
//! the computer's end and a simulated radio's. The owner says when the port is open and when it is
//! lost.
//!
//! ```text
//!          opened()        ACCEPT (Computer), CONNECT (Radio)      close()
//!   NoPort ────────▶ Idle ────────────────────────────────────▶ Up ───────▶ Closing ──▶ Closed
//!     ▲               ▲ ◀── CLOSE, REJECT, or nothing answers ─ │          CLOSE_ACK, or tried
//!     └──── lost() ───┴─────────────────────────────────────────┘                    enough
//! ```
//! HRNP has no heartbeat. A dead line is noticed in three ways: the port is lost; a message is not
//! acknowledged in all its tries; or nothing valid came for [`SerialConfig::quiet_ms`] and then no
//! CONNECT is answered, the only frame a radio has to answer in every state. A radio that does
//! answer it has perhaps just been switched on, so the link says `Up` once more. In each case the
//! computer goes on sending CONNECT, the radio waits for one.
//!
//! A frame is found by its start, length and checksums. What is none is dropped up to the next
//! start byte, and what stays unfinished for [`GAP_MS`] is none: nothing behind it is lost, and the
//! second frame after any noise is taken at the latest.
//!
//! DATA sent again within [`REPEAT_WINDOW_MS`](super::REPEAT_WINDOW_MS) is acknowledged again and
//! not delivered twice; a CONNECT forgets that, since a line keeps its order.

use super::event::{Busy, DownReason, Events, LinkEvent, Refusal, SendFault};
use super::repeat::Repeats;
use super::timer::{Timer, Timers};
use super::{LinkCounts, MAX_TRANSMITS, Pending};
use crate::error::{DecodeError, Layer, Parsed};
use crate::hdap::Hdap;
use crate::hrnp::{self, Hrnp, Opcode};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A frame whose next byte does not come for so long is none, milliseconds: the largest one takes
/// 90 ms at 115200 baud, and drivers hand over what came in less.
pub const GAP_MS: u64 = 200;

/// Which end of the line this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SerialEnd {
    /// Connects.
    Computer,
    /// Is connected to.
    Radio,
}

/// Times and limits; zeros are taken as 1. No public source tells what radios expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SerialConfig {
    /// How long to wait for an ack before sending again.
    pub ack_ms: u64,
    /// How often a message is sent in all before it has failed.
    pub tries: u32,
    /// Between two CONNECTs.
    pub reconnect_ms: u64,
    /// A line that is quiet for so long is asked whether anybody is there.
    pub quiet_ms: u64,
}

impl Default for SerialConfig {
    fn default() -> Self {
        Self {
            ack_ms: 1000,
            tries: 3,
            reconnect_ms: 5000,
            quiet_ms: 60_000,
        }
    }
}

/// One HRNP link; see the module.
#[derive(Debug)]
pub struct SerialLink {
    end: SerialEnd,
    config: SerialConfig,
    state: State,
    own: u8,
    peer: u8,
    pub(super) number: u16,
    /// CONNECTs sent to a peer that has gone quiet.
    probes: u32,
    pending: Option<Pending>,
    repeats: Repeats,
    timers: Timers,
    /// The beginning of a frame: shorter than [`hrnp::MAX_FRAME`].
    buffer: Vec<u8>,
    transmits: VecDeque<Bytes>,
    events: Events,
    counts: LinkCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NoPort,
    Idle,
    Up,
    Closing { tries: u32 },
    Closed,
}

impl SerialLink {
    /// A link whose port is not open yet.
    #[must_use]
    pub fn new(end: SerialEnd, config: SerialConfig) -> Self {
        let (own, peer) = match end {
            SerialEnd::Computer => (hrnp::COMPUTER, hrnp::RADIO),
            SerialEnd::Radio => (hrnp::RADIO, hrnp::COMPUTER),
        };
        Self {
            end,
            config: SerialConfig {
                ack_ms: config.ack_ms.max(1),
                tries: config.tries.max(1),
                reconnect_ms: config.reconnect_ms.max(1),
                quiet_ms: config.quiet_ms.max(1),
            },
            state: State::NoPort,
            own,
            peer,
            number: 1,
            probes: 0,
            pending: None,
            repeats: Repeats::default(),
            timers: Timers::default(),
            buffer: Vec::new(),
            transmits: VecDeque::new(),
            events: Events::default(),
            counts: LinkCounts::default(),
        }
    }

    /// The port is open: the computer's first CONNECT waits to be polled.
    pub fn opened(&mut self, now_ms: u64) {
        if self.state == State::NoPort {
            self.state = State::Idle;
            self.connect(now_ms);
        }
    }

    /// The port is lost, with all that was on its way.
    pub fn lost(&mut self) {
        let state = core::mem::replace(&mut self.state, State::NoPort);
        self.buffer.clear();
        self.transmits.clear();
        match state {
            State::Up => self.go_down(SendFault::LinkDown, Some(DownReason::Lost)),
            State::NoPort | State::Idle => self.go_down(SendFault::LinkDown, None),
            State::Closing { .. } => self.finish(),
            State::Closed => self.state = State::Closed,
        }
    }

    /// Takes bytes of the line, as many as came.
    pub fn handle_bytes(&mut self, now_ms: u64, bytes: &[u8]) {
        if self.state == State::NoPort {
            return;
        }
        self.counts.received += 1;
        for piece in bytes.chunks(hrnp::MAX_FRAME) {
            self.buffer.extend_from_slice(piece);
            self.read(now_ms);
        }
        match self.buffer.is_empty() {
            true => self.timers.stop(Timer::Gap),
            false => self.after(now_ms, Timer::Gap, GAP_MS),
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        for timer in Timer::ALL {
            if !self.timers.expire(timer, now_ms) {
                continue;
            }
            match timer {
                Timer::Ack => self.on_no_ack(now_ms),
                Timer::Heartbeat => self.probe(now_ms),
                Timer::Reconnect if self.state == State::Up => self.probe(now_ms),
                Timer::Reconnect => self.connect(now_ms),
                Timer::Gap => self.on_gap(now_ms),
            }
        }
    }

    /// Sends one message. Each message taken ends in exactly one `Sent` or `SendFailed` with its
    /// `token`.
    ///
    /// # Errors
    /// Says why the message is not taken; then no event follows.
    pub fn send(&mut self, now_ms: u64, token: u64, hdap: Bytes) -> Result<(), Busy> {
        if self.state != State::Up {
            return Err(Busy::Down);
        }
        if self.pending.is_some() {
            return Err(Busy::Pending);
        }
        if !self.events.fits_verdict() {
            return Err(Busy::Unpolled);
        }
        let message = match Hdap::parse(&hdap) {
            Ok(Parsed::Complete(message, used)) if used == hdap.len() => message,
            _ => return Err(Busy::Malformed),
        };
        let sequence = self.number;
        self.number = sequence.wrapping_add(1);
        let frame = self.frame(Opcode::Data, sequence, Some(message));
        self.transmit(frame.clone());
        self.pending = Some(Pending {
            token,
            sequence,
            datagram: frame,
            tries: 1,
        });
        self.after(now_ms, Timer::Ack, self.config.ack_ms);
        Ok(())
    }

    /// Ends the link for good; `Down` with `Closed` follows, at the latest after the tries of a
    /// message.
    pub fn close(&mut self, now_ms: u64) {
        match self.state {
            State::Closing { .. } | State::Closed => return,
            State::NoPort | State::Idle => return self.finish(),
            State::Up => {}
        }
        self.fail(SendFault::Closed);
        self.timers = Timers::default();
        self.state = State::Closing { tries: 1 };
        self.say(Opcode::Close, 0);
        self.after(now_ms, Timer::Ack, self.config.ack_ms);
    }

    /// The next frame to write.
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
        self.is_up() && self.pending.is_none() && self.events.fits_verdict()
    }

    /// Whether the link carries messages.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// What was counted; `received` counts reads, not frames.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, usize, usize) {
        (self.buffer.len(), self.transmits.len(), self.events.len())
    }

    /// Takes all whole frames from the buffer and leaves the beginning of one.
    fn read(&mut self, now_ms: u64) {
        let mut buffer = core::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let used = match Hrnp::parse(rest) {
                Ok(Parsed::Incomplete(_)) => break,
                Ok(Parsed::Complete(frame, used)) => {
                    let bytes = rest.get(..used).unwrap_or_default();
                    if let Err(reason) = self.take(now_ms, &frame, bytes) {
                        self.refuse(reason);
                    }
                    used
                }
                Err(error) => {
                    self.refuse(Refusal::Frame(error));
                    hrnp::resync(rest)
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        let used = buffer.len() - rest.len();
        buffer.drain(..used);
        self.buffer = buffer;
    }

    /// What began like a frame did not go on: all of it came long ago, so all is read now.
    fn on_gap(&mut self, now_ms: u64) {
        while !self.buffer.is_empty() {
            let (layer, missing) = (Layer::Hrnp, 1);
            self.refuse(Refusal::Frame(DecodeError::Truncated { layer, missing }));
            self.buffer.drain(..hrnp::resync(&self.buffer));
            self.read(now_ms);
        }
    }

    fn take(&mut self, now_ms: u64, frame: &Hrnp<'_>, bytes: &[u8]) -> Result<(), Refusal> {
        match (frame.opcode, self.end) {
            (Opcode::Connect, SerialEnd::Radio) => return self.on_connect(now_ms, frame),
            (Opcode::Accept, SerialEnd::Computer) => return self.on_accept(now_ms, frame),
            (Opcode::Connect | Opcode::Accept, _) | (Opcode::Reject, SerialEnd::Radio) => {
                return Err(Refusal::Role);
            }
            _ => {}
        }
        if frame.destination != self.own || frame.source != self.peer {
            return Err(Refusal::Stranger);
        }
        match (frame.opcode, self.state) {
            (Opcode::Close, _) => self.on_close(now_ms, frame.packet_number),
            (Opcode::CloseAck, State::Closing { .. }) => self.finish(),
            (Opcode::CloseAck, _) => self.counts.stale += 1,
            (_, State::Closing { .. } | State::Closed) => return Err(Refusal::Closed),
            (Opcode::Reject, State::Idle) => return Err(Refusal::ConnectRejected),
            (Opcode::Reject, _) => {
                self.leave(now_ms, SendFault::Rejected, DownReason::PeerClosed);
            }
            (_, State::NoPort | State::Idle) => return Err(Refusal::NoConnect),
            (opcode, State::Up) => {
                self.hear(now_ms);
                match opcode {
                    Opcode::Data => self.on_data(now_ms, frame, bytes),
                    _ => self.on_ack(frame.packet_number),
                }
            }
        }
        Ok(())
    }

    fn on_connect(&mut self, now_ms: u64, frame: &Hrnp<'_>) -> Result<(), Refusal> {
        if frame.source == self.own {
            return Err(Refusal::Stranger);
        }
        match self.state {
            State::Closing { .. } | State::Closed => return Err(Refusal::Closed),
            State::NoPort | State::Idle | State::Up => {}
        }
        self.fail(SendFault::PeerChanged);
        self.peer = frame.source;
        self.say(Opcode::Accept, frame.packet_number);
        self.go_up(now_ms);
        Ok(())
    }

    fn on_accept(&mut self, now_ms: u64, frame: &Hrnp<'_>) -> Result<(), Refusal> {
        if frame.source == frame.destination {
            return Err(Refusal::Stranger);
        }
        match self.state {
            State::Closing { .. } | State::Closed => Err(Refusal::Closed),
            State::Up if self.probes == 0 => {
                self.counts.stale += 1;
                Ok(())
            }
            State::NoPort | State::Idle | State::Up => {
                // The radio is the master of addresses: it may give us another one.
                (self.own, self.peer) = (frame.destination, frame.source);
                self.go_up(now_ms);
                Ok(())
            }
        }
    }

    fn on_data(&mut self, now_ms: u64, frame: &Hrnp<'_>, bytes: &[u8]) {
        let number = frame.packet_number;
        if self.repeats.contain(now_ms, number, bytes) {
            self.counts.repeated += 1;
            return self.say(Opcode::DataAck, number);
        }
        if !self.events.fits_received(1) {
            self.counts.unread += 1;
            return;
        }
        self.say(Opcode::DataAck, number);
        self.repeats.remember(now_ms, number, bytes);
        let message = bytes.get(hrnp::HEADER..).unwrap_or_default();
        self.events.push(LinkEvent::Received {
            bytes: Bytes::copy_from_slice(message),
            channel: None,
        });
    }

    fn on_ack(&mut self, number: u16) {
        match self.pending.take_if(|pending| pending.sequence == number) {
            Some(Pending { token, .. }) => {
                self.timers.stop(Timer::Ack);
                self.events.push(LinkEvent::Sent { token });
            }
            None => self.counts.stale += 1,
        }
    }

    fn on_close(&mut self, now_ms: u64, number: u16) {
        self.say(Opcode::CloseAck, number);
        if self.state == State::Up {
            self.leave(now_ms, SendFault::LinkDown, DownReason::PeerClosed);
        }
    }

    fn on_no_ack(&mut self, now_ms: u64) {
        let most = self.config.tries;
        let again = match (&mut self.state, &mut self.pending) {
            (State::Closing { tries }, _) if *tries >= most => return self.finish(),
            (State::Closing { tries }, _) => {
                *tries += 1;
                self.frame(Opcode::Close, 0, None)
            }
            (_, Some(pending)) if pending.tries >= most => {
                self.leave(now_ms, SendFault::NoAck, DownReason::Lost);
                // A radio that was switched off and on does not know us: no need to wait.
                return self.connect(now_ms);
            }
            (_, Some(pending)) => {
                pending.tries += 1;
                pending.datagram.clone()
            }
            (_, None) => return,
        };
        self.counts.resent += 1;
        self.transmit(again);
        self.after(now_ms, Timer::Ack, self.config.ack_ms);
    }

    /// Something valid came from the peer.
    fn hear(&mut self, now_ms: u64) {
        self.probes = 0;
        self.timers.stop(Timer::Reconnect);
        if self.end == SerialEnd::Computer {
            self.after(now_ms, Timer::Heartbeat, self.config.quiet_ms);
        }
    }

    /// Asks a quiet line whether anybody is there.
    fn probe(&mut self, now_ms: u64) {
        if self.pending.is_some() {
            // Its own tries will tell.
            return self.hear(now_ms);
        }
        if self.probes >= self.config.tries {
            self.leave(now_ms, SendFault::LinkDown, DownReason::Lost);
            return;
        }
        self.probes += 1;
        self.say(Opcode::Connect, 0);
        self.after(now_ms, Timer::Reconnect, self.config.ack_ms);
    }

    fn connect(&mut self, now_ms: u64) {
        if self.end == SerialEnd::Computer && self.state == State::Idle {
            self.say(Opcode::Connect, 0);
            self.after(now_ms, Timer::Reconnect, self.config.reconnect_ms);
        }
    }

    fn go_up(&mut self, now_ms: u64) {
        self.state = State::Up;
        self.repeats = Repeats::default();
        self.hear(now_ms);
        self.events.push(LinkEvent::Up {
            peer: None,
            device_id: None,
            channel: None,
        });
    }

    /// From `Up` to `Idle`; the computer connects again after a while.
    fn leave(&mut self, now_ms: u64, fault: SendFault, reason: DownReason) {
        self.state = State::Idle;
        self.go_down(fault, Some(reason));
        if self.end == SerialEnd::Computer {
            self.after(now_ms, Timer::Reconnect, self.config.reconnect_ms);
        }
    }

    /// Gives up what is on its way; the state is already the new one.
    fn go_down(&mut self, fault: SendFault, reason: Option<DownReason>) {
        self.fail(fault);
        self.probes = 0;
        self.timers = Timers::default();
        if let Some(reason) = reason {
            self.events.push(LinkEvent::Down { reason });
        }
    }

    fn finish(&mut self) {
        self.state = State::Closed;
        self.go_down(SendFault::Closed, Some(DownReason::Closed));
    }

    fn fail(&mut self, reason: SendFault) {
        if let Some(Pending { token, .. }) = self.pending.take() {
            self.timers.stop(Timer::Ack);
            self.events.push(LinkEvent::SendFailed { token, reason });
        }
    }

    fn refuse(&mut self, reason: Refusal) {
        self.counts.refused += 1;
        self.events.push(LinkEvent::Refused { from: None, reason });
    }

    fn say(&mut self, opcode: Opcode, number: u16) {
        let frame = self.frame(opcode, number, None);
        self.transmit(frame);
    }

    fn frame(&self, opcode: Opcode, number: u16, message: Option<Hdap<'_>>) -> Bytes {
        let frame = Hrnp {
            version: hrnp::VERSION,
            block: 0,
            opcode,
            source: self.own,
            destination: self.peer,
            packet_number: number,
            message,
        };
        let mut bytes = Vec::with_capacity(frame.wire_len());
        frame.emit(&mut bytes);
        bytes.into()
    }

    fn transmit(&mut self, frame: Bytes) {
        match self.transmits.len() < MAX_TRANSMITS {
            true => self.transmits.push_back(frame),
            false => self.counts.dropped += 1,
        }
    }

    fn after(&mut self, now_ms: u64, timer: Timer, wait_ms: u64) {
        self.timers.set(timer, now_ms.saturating_add(wait_ms));
    }
}
