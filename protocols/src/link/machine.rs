//! What a link does with each datagram and each timer: the private half of [`Link`].

use super::act::{Act, control, datagram};
use super::event::{DownReason, LinkEvent, Refusal, SendFault};
use super::repeat::Repeats;
use super::timer::{Pulse, Timer, Timers};
use super::{Link, MAX_TRANSMITS, Pending, Role, State, Transmit};
use crate::hstrp::{ENDPOINT_OPTIONS, Hstrp, Kind, endpoint_options};
use bytes::Bytes;
use core::net::SocketAddr;

impl Link {
    pub(super) fn take(
        &mut self,
        now_ms: u64,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let frame = Hstrp::parse(bytes).map_err(Refusal::Frame)?;
        let act = Act::of(&frame)?;
        if act == Act::Connect {
            return self.on_connect(now_ms, from, &frame, bytes);
        }
        match self.peer {
            None => return Err(Refusal::NoConnect),
            Some(peer) if peer != from => return Err(Refusal::Stranger),
            Some(_) => {}
        }
        match (act, self.state) {
            (Act::Close, _) => self.on_close(now_ms, &frame),
            (Act::CloseAck, State::Closing { .. }) => self.finish(),
            (Act::ConnectAck, State::Idle) if self.role != Role::Listen => self.go_up(now_ms, from),
            (Act::ConnectReject, State::Idle) => return Err(Refusal::ConnectRejected),
            (Act::ConnectAck | Act::ConnectReject | Act::CloseAck, _) => self.counts.stale += 1,
            (_, State::Closing { .. } | State::Closed) => return Err(Refusal::Closed),
            (_, State::Idle) => return Err(Refusal::NoConnect),
            (_, State::Lost) => {
                self.go_up(now_ms, from);
                self.on_traffic(now_ms, act, &frame, bytes);
            }
            (_, State::Up) => self.on_traffic(now_ms, act, &frame, bytes),
        }
        Ok(())
    }

    fn on_connect(
        &mut self,
        now_ms: u64,
        from: SocketAddr,
        frame: &Hstrp<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        match self.state {
            _ if self.role != Role::Listen => return Err(Refusal::Role),
            State::Closing { .. } | State::Closed => return Err(Refusal::Closed),
            State::Idle | State::Up | State::Lost => {}
        }
        if self.peer != Some(from) {
            self.fail(SendFault::PeerChanged);
            self.repeats = Repeats::default();
            self.peer = Some(from);
        }
        let again = self.repeats.contain(now_ms, frame.sequence, bytes);
        self.transmit(datagram(&frame.ack()));
        if again && self.state == State::Up {
            self.counts.repeated += 1;
            return Ok(());
        }
        self.repeats.remember(now_ms, frame.sequence, bytes);
        (self.device_id, self.channel) = (frame.device_id(), frame.channel());
        self.go_up(now_ms, from);
        Ok(())
    }

    /// What only a link that is up does.
    fn on_traffic(&mut self, now_ms: u64, act: Act, frame: &Hstrp<'_>, bytes: &[u8]) {
        self.pulse.hear();
        match act {
            Act::Data => self.on_data(now_ms, frame, bytes),
            Act::Heartbeat => self.on_heartbeat(now_ms),
            Act::Ack => self.on_verdict(frame.sequence, None),
            _ => self.on_verdict(frame.sequence, Some(SendFault::Rejected)),
        }
    }

    fn on_data(&mut self, now_ms: u64, frame: &Hstrp<'_>, bytes: &[u8]) {
        if self.repeats.contain(now_ms, frame.sequence, bytes) {
            self.counts.repeated += 1;
            return self.transmit(datagram(&frame.ack()));
        }
        if !self.events.fits_received(frame.messages().count()) {
            self.counts.unread += 1;
            return;
        }
        self.repeats.remember(now_ms, frame.sequence, bytes);
        self.transmit(datagram(&frame.ack()));
        let channel = frame.channel();
        let mut rest = Bytes::copy_from_slice(frame.messages);
        for message in frame.messages().flatten() {
            let bytes = rest.split_to(message.wire_len().min(rest.len()));
            self.events.push(LinkEvent::Received { bytes, channel });
        }
    }

    fn on_heartbeat(&mut self, now_ms: u64) {
        let period_ms = self.config.heartbeat_ms;
        let Some(answer) = self.pulse.beat(now_ms, period_ms) else {
            return;
        };
        // The peer's own heartbeat shows it alive as well as an answer would: ours can wait.
        self.after(now_ms, Timer::Heartbeat, period_ms);
        if answer {
            self.transmit(control(Kind::HEARTBEAT));
        }
    }

    fn on_verdict(&mut self, sequence: u16, fault: Option<SendFault>) {
        let waits = self.pending.as_ref().map(|pending| pending.sequence);
        match fault {
            _ if waits != Some(sequence) => self.counts.stale += 1,
            Some(fault) => self.fail(fault),
            None => {
                self.timers.stop(Timer::Ack);
                if let Some(Pending { token, .. }) = self.pending.take() {
                    self.events.push(LinkEvent::Sent { token });
                }
            }
        }
    }

    fn on_close(&mut self, now_ms: u64, frame: &Hstrp<'_>) {
        self.transmit(datagram(&frame.ack()));
        if matches!(self.state, State::Up | State::Lost) {
            let was_up = self.state == State::Up;
            self.state = State::Idle;
            self.go_down(
                SendFault::LinkDown,
                was_up.then_some(DownReason::PeerClosed),
            );
            if self.role != Role::Listen {
                self.after(now_ms, Timer::Reconnect, self.config.reconnect_ms);
            }
        }
    }

    pub(super) fn on_no_ack(&mut self, now_ms: u64) {
        let most = self.config.tries;
        let again = match (&mut self.state, &mut self.pending) {
            (State::Closing { tries }, _) if *tries >= most => return self.finish(),
            (State::Closing { tries }, _) => {
                *tries += 1;
                control(Kind::CLOSE)
            }
            (_, Some(pending)) if pending.tries >= most => return self.fail(SendFault::NoAck),
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

    pub(super) fn on_period(&mut self, now_ms: u64) {
        if self.pulse.period() < self.config.missed {
            self.transmit(control(Kind::HEARTBEAT));
            return self.after(now_ms, Timer::Heartbeat, self.config.heartbeat_ms);
        }
        self.state = match self.role {
            Role::Listen => State::Lost,
            Role::Connect { .. } => State::Idle,
        };
        self.go_down(SendFault::LinkDown, Some(DownReason::Lost));
        self.connect(now_ms);
    }

    /// Sends CONNECT, if that is our part, and again until it is acknowledged. Always with sequence
    /// 0, so that a copy the network delays is known for one.
    pub(super) fn connect(&mut self, now_ms: u64) {
        if let Some(options) = self.own_options()
            && self.state == State::Idle
        {
            self.transmit(datagram(&Hstrp {
                kind: Kind::CONNECT.with(Kind::OPTION),
                sequence: 0,
                options: &options,
                messages: &[],
            }));
            self.after(now_ms, Timer::Reconnect, self.config.reconnect_ms);
        }
    }

    fn go_up(&mut self, now_ms: u64, peer: SocketAddr) {
        self.state = State::Up;
        self.pulse = Pulse::default();
        self.timers.stop(Timer::Reconnect);
        self.after(now_ms, Timer::Heartbeat, self.config.heartbeat_ms);
        let (device_id, channel) = (self.device_id, self.channel);
        self.events.push(LinkEvent::Up {
            peer: Some(peer),
            device_id,
            channel,
        });
    }

    /// Gives up what is on its way; the state is already the new one.
    fn go_down(&mut self, fault: SendFault, reason: Option<DownReason>) {
        self.fail(fault);
        self.timers = Timers::default();
        if let Some(reason) = reason {
            self.events.push(LinkEvent::Down { reason });
        }
    }

    pub(super) fn finish(&mut self) {
        self.state = State::Closed;
        self.go_down(SendFault::Closed, Some(DownReason::Closed));
    }

    pub(super) fn fail(&mut self, reason: SendFault) {
        if let Some(Pending { token, .. }) = self.pending.take() {
            self.timers.stop(Timer::Ack);
            self.events.push(LinkEvent::SendFailed { token, reason });
        }
    }

    /// The options of our own datagrams: a server's have none, a repeater's name it.
    pub(super) fn own_options(&self) -> Option<[u8; ENDPOINT_OPTIONS]> {
        match self.role {
            Role::Listen => None,
            Role::Connect {
                device_id, channel, ..
            } => Some(endpoint_options(device_id, channel)),
        }
    }

    pub(super) fn transmit(&mut self, bytes: Bytes) {
        match self.peer {
            Some(to) if self.transmits.len() < MAX_TRANSMITS => {
                self.transmits.push_back(Transmit { to, bytes });
            }
            _ => self.counts.dropped += 1,
        }
    }

    pub(super) fn after(&mut self, now_ms: u64, timer: Timer, wait_ms: u64) {
        self.timers.set(timer, now_ms.saturating_add(wait_ms));
    }
}
