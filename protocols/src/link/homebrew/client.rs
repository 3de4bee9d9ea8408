//! A repeater's end: logs in, keeps the login alive, logs in again.
//!
//! A step that is not answered is taken again, then the login begins anew. The cause of a refusal
//! follows from the step that was refused. But a step taken twice may be refused for being the
//! second, and a refusal may be late: so only that of a clean login, or the third of the same step
//! in a row, is told.

use super::event::{Event, Events, LoginFault, Refusal};
use super::{Counts, Passphrase};
use crate::homebrew::{Details, Dmrd, Form, Packet, key};
use crate::link::backoff::Backoff;
use crate::link::{Busy, DownReason, MAX_TRANSMITS, Transmit};
use alloc::collections::VecDeque;
use bytes::Bytes;
use core::net::SocketAddr;

/// Whom to log in to, and as what.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Whom to log in to.
    pub master: SocketAddr,
    /// Our id.
    pub repeater: u32,
    /// Shared with the master.
    pub passphrase: Passphrase,
    /// What we tell of ourselves, [`Form::Full`]; empty fields if it is not that long.
    pub details: Bytes,
    /// How long each step of a login waits for its answer.
    pub answer_ms: u64,
    /// How often a step is taken before the login begins anew.
    pub tries: u32,
    /// Between two pings.
    pub ping_ms: u64,
    /// Pings in a row without answer before the login counts as lost.
    pub missed: u32,
    /// Between the first two logins that fail; each wait after is twice as long.
    pub retry_ms: u64,
    /// The longest of these waits.
    pub retry_max_ms: u64,
    /// Of the lot that takes up to a quarter off each wait.
    pub seed: u64,
}

impl ClientConfig {
    /// Usual times; nothing told of ourselves.
    #[must_use]
    pub fn new(master: SocketAddr, repeater: u32, passphrase: Passphrase) -> Self {
        Self {
            master,
            repeater,
            passphrase,
            details: crate::homebrew::details::write(Form::Full, &[]).into(),
            answer_ms: 2_000,
            tries: 3,
            ping_ms: 5_000,
            missed: 3,
            retry_ms: 10_000,
            retry_max_ms: 60_000,
            seed: repeater.into(),
        }
    }
}

/// A repeater's end; see the module.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    due_ms: Option<u64>,
    /// A step of this login was taken twice, or a second salt came.
    doubtful: bool,
    /// Refusals of the same step in a row.
    refusals: (u32, Option<LoginFault>),
    told: Option<LoginFault>,
    up_at_ms: u64,
    backoff: Backoff,
    transmits: VecDeque<Transmit>,
    events: Events,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Resting,
    Asking { step: Step, tries: u32 },
    Up { unanswered: u32 },
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Login,
    Key { salt: [u8; 4] },
    Config,
}

impl Client {
    /// A client whose first login waits to be polled.
    #[must_use]
    pub fn new(now_ms: u64, config: ClientConfig) -> Self {
        let mut client = Self {
            state: State::Resting,
            due_ms: None,
            doubtful: false,
            refusals: (0, None),
            told: None,
            up_at_ms: now_ms,
            backoff: Backoff::new(config.seed),
            transmits: VecDeque::new(),
            events: Events::default(),
            counts: Counts::default(),
            config: ClientConfig {
                answer_ms: config.answer_ms.max(1),
                ping_ms: config.ping_ms.max(1),
                retry_ms: config.retry_ms.max(1),
                retry_max_ms: config.retry_max_ms.max(1),
                ..config
            },
        };
        client.login(now_ms);
        client
    }

    /// Takes one datagram from the socket.
    pub fn handle_bytes(&mut self, now_ms: u64, from: SocketAddr, bytes: &[u8]) {
        self.counts.received += 1;
        if let Err(reason) = self.take(now_ms, from, bytes) {
            self.counts.refused += 1;
            self.events.push(Event::Refused { from, reason });
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.due_ms.is_none_or(|due_ms| now_ms < due_ms) {
            return;
        }
        self.due_ms = None;
        match self.state {
            State::Closed => {}
            State::Resting => self.login(now_ms),
            State::Asking { step, tries } if tries < self.config.tries => {
                self.doubtful = true;
                self.ask(now_ms, step, tries + 1);
            }
            State::Asking {
                step: Step::Login, ..
            } => self.fail(now_ms, LoginFault::Unreachable),
            // It knew us a moment ago: only the first step tells whether it is there.
            State::Asking { .. } => self.login(now_ms),
            State::Up { unanswered } if unanswered < self.config.missed => {
                self.ping(now_ms, unanswered + 1);
            }
            State::Up { .. } => {
                self.go_down(DownReason::Lost);
                self.login(now_ms);
            }
        }
    }

    /// Sends a burst, under our own id.
    ///
    /// # Errors
    /// We are not logged in, or too much waits to be polled.
    pub fn send(&mut self, burst: &Dmrd) -> Result<(), Busy> {
        if !self.is_up() {
            return Err(Busy::Down);
        }
        if self.transmits.len() >= MAX_TRANSMITS {
            return Err(Busy::Pending);
        }
        let repeater = self.config.repeater;
        self.transmit(&Packet::Dmrd(Dmrd { repeater, ..*burst }));
        Ok(())
    }

    /// Leaves for good.
    pub fn close(&mut self) {
        let repeater = self.config.repeater;
        match self.state {
            State::Closed => return,
            State::Resting => {}
            State::Asking { .. } | State::Up { .. } => self.transmit(&Packet::Close { repeater }),
        }
        self.go_down(DownReason::Closed);
        (self.state, self.due_ms) = (State::Closed, None);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.due_ms
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Whether we are logged in.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Our id.
    #[must_use]
    pub fn repeater(&self) -> u32 {
        self.config.repeater
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn take(&mut self, now_ms: u64, from: SocketAddr, bytes: &[u8]) -> Result<(), Refusal> {
        if from != self.config.master {
            return Err(Refusal::Stranger);
        }
        let packet = Packet::parse(bytes).map_err(Refusal::Frame)?;
        let ours = self.config.repeater;
        // A master may leave another id in the bursts it passes on, as hblink3 does.
        let is_burst = matches!(packet, Packet::Dmrd(_));
        if !is_burst && packet.repeater().is_some_and(|named| named != ours) {
            return Err(Refusal::OtherRepeater);
        }
        match packet {
            Packet::Ack { number, .. } => self.on_ack(now_ms, number),
            Packet::Nak { .. } => self.on_nak(now_ms),
            Packet::Closing { .. } => self.on_closing(now_ms),
            Packet::Pong { .. } => match &mut self.state {
                State::Up { unanswered } => *unanswered = 0,
                _ => self.counts.passed_over += 1,
            },
            Packet::Dmrd(burst) => match &mut self.state {
                State::Up { unanswered } => {
                    *unanswered = 0;
                    let repeater = ours;
                    self.events.push(Event::Burst(Dmrd { repeater, ..burst }));
                }
                _ => return Err(Refusal::State),
            },
            Packet::Beacon { .. } | Packet::Alias { .. } | Packet::Position { .. } => {
                self.counts.passed_over += 1;
            }
            _ => return Err(Refusal::Role),
        }
        Ok(())
    }

    /// An acknowledgement names us, or brings a salt, which is never our id: else a late copy of
    /// the one could pass for the other.
    fn on_ack(&mut self, now_ms: u64, number: [u8; 4]) {
        let names_us = number == self.config.repeater.to_be_bytes();
        let State::Asking { step, .. } = self.state else {
            self.counts.passed_over += 1;
            return;
        };
        match step {
            Step::Login if !names_us => self.ask(now_ms, Step::Key { salt: number }, 1),
            Step::Key { .. } if names_us => self.ask(now_ms, Step::Config, 1),
            // The master drew a second salt: the first one is void.
            Step::Key { salt } if salt != number => {
                self.doubtful = true;
                self.ask(now_ms, Step::Key { salt: number }, 1);
            }
            Step::Config if names_us => self.go_up(now_ms),
            _ => self.counts.passed_over += 1,
        }
    }

    fn on_nak(&mut self, now_ms: u64) {
        match self.state {
            State::Resting | State::Closed => self.counts.passed_over += 1,
            State::Asking { step, .. } => self.on_refusal(
                now_ms,
                match step {
                    Step::Login => LoginFault::UnknownId,
                    Step::Key { .. } => LoginFault::WrongPassphrase,
                    Step::Config => LoginFault::Details,
                },
            ),
            State::Up { .. } => {
                let held_ms = now_ms.saturating_sub(self.up_at_ms);
                self.go_down(DownReason::PeerClosed);
                // At once, unless the master lets us in only to throw us out.
                match held_ms >= self.config.ping_ms {
                    true => self.login(now_ms),
                    false => self.rest(now_ms),
                }
                // A second refusal of what we sent before may be on its way.
                self.doubtful = true;
            }
        }
    }

    fn on_refusal(&mut self, now_ms: u64, cause: LoginFault) {
        /// Chance does not refuse the same step so often in a row.
        const SURE: u32 = 3;
        self.refusals = match self.refusals {
            (count, last) if last == Some(cause) => (count + 1, last),
            _ => (1, Some(cause)),
        };
        match self.doubtful && self.refusals.0 < SURE {
            true => self.rest(now_ms),
            false => self.fail(now_ms, cause),
        }
    }

    fn on_closing(&mut self, now_ms: u64) {
        match self.state {
            State::Resting | State::Closed => self.counts.passed_over += 1,
            State::Asking { .. } => self.rest(now_ms),
            State::Up { .. } => {
                self.go_down(DownReason::PeerClosed);
                self.rest(now_ms);
            }
        }
    }

    fn login(&mut self, now_ms: u64) {
        self.doubtful = false;
        self.ask(now_ms, Step::Login, 1);
    }

    /// Takes a step, for the first time or again.
    fn ask(&mut self, now_ms: u64, step: Step, tries: u32) {
        let repeater = self.config.repeater;
        let details = self.config.details.clone();
        let blank = crate::homebrew::details::write(Form::Full, &[]);
        let packet = match step {
            Step::Login => Packet::Login { repeater },
            Step::Key { salt } => {
                let hash = key(salt, &self.config.passphrase.0);
                Packet::Key { repeater, hash }
            }
            Step::Config => {
                let told = Details::new(Form::Full, &details);
                let Some(details) = told.or_else(|| Details::new(Form::Full, &blank)) else {
                    return;
                };
                Packet::Config { repeater, details }
            }
        };
        self.transmit(&packet);
        self.state = State::Asking { step, tries };
        self.after(now_ms, self.config.answer_ms);
    }

    fn ping(&mut self, now_ms: u64, unanswered: u32) {
        let repeater = self.config.repeater;
        self.transmit(&Packet::Ping { repeater });
        self.state = State::Up { unanswered };
        self.after(now_ms, self.config.ping_ms);
        if now_ms.saturating_sub(self.up_at_ms) >= self.config.ping_ms {
            self.backoff.reset();
        }
    }

    fn go_up(&mut self, now_ms: u64) {
        (self.told, self.refusals, self.up_at_ms) = (None, (0, None), now_ms);
        self.state = State::Up { unanswered: 0 };
        self.after(now_ms, self.config.ping_ms);
        let (repeater, peer) = (self.config.repeater, self.config.master);
        self.events.push(Event::Up { repeater, peer });
    }

    fn go_down(&mut self, reason: DownReason) {
        if self.is_up() {
            let repeater = self.config.repeater;
            self.events.push(Event::Down { repeater, reason });
        }
    }

    fn fail(&mut self, now_ms: u64, cause: LoginFault) {
        if self.told.replace(cause) != Some(cause) {
            let repeater = self.config.repeater;
            self.events.push(Event::LoginFailed { repeater, cause });
        }
        self.rest(now_ms);
    }

    /// Waits before the next login.
    fn rest(&mut self, now_ms: u64) {
        let config = &self.config;
        let most_ms = config.retry_max_ms.max(config.retry_ms);
        let wait_ms = self.backoff.wait_ms(config.retry_ms, most_ms);
        self.state = State::Resting;
        self.after(now_ms, wait_ms);
    }

    fn after(&mut self, now_ms: u64, wait_ms: u64) {
        self.due_ms = Some(now_ms.saturating_add(wait_ms));
    }

    fn transmit(&mut self, packet: &Packet<'_>) {
        if self.transmits.len() >= MAX_TRANSMITS {
            self.counts.dropped += 1;
            return;
        }
        let (to, bytes) = (self.config.master, packet.to_bytes().into());
        self.transmits.push_back(Transmit { to, bytes });
    }
}
