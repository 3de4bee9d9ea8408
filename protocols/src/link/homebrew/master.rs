//! The master's end: lets in repeaters it knows, and hands on their bursts.
//!
//! A login is bound to its address, and ends the session of before only when its key fits: nobody
//! throws a repeater out by asking for a salt in its name. A login keeps its salt until it is over,
//! so that a step that comes twice is answered twice alike.

use super::event::{Event, Events, Refusal};
use super::limit::{Bucket, Rate, Strangers};
use super::{Counts, Passphrase};
use crate::homebrew::{Details, Dmrd, Form, Packet, key};
use crate::link::{Busy, DownReason, MAX_TRANSMITS, Transmit};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;

/// Whom to let in, and how long.
#[derive(Debug, Clone)]
pub struct MasterConfig {
    /// The repeaters there are, by id.
    pub repeaters: BTreeMap<u32, Passphrase>,
    /// How long a login may take, milliseconds.
    pub login_ms: u64,
    /// How long a repeater may say nothing, milliseconds; DMRGateway pings every 10 s.
    pub silence_ms: u64,
    /// What a repeater may send: two slots make 34 a second.
    pub rate: Rate,
    /// What an address nobody is logged in from may send.
    pub strangers: Rate,
}

impl MasterConfig {
    /// Usual times and rates.
    #[must_use]
    pub fn new(repeaters: BTreeMap<u32, Passphrase>) -> Self {
        Self {
            repeaters,
            login_ms: 15_000,
            silence_ms: 45_000,
            rate: Rate {
                per_s: 80,
                burst: 160,
            },
            strangers: Rate {
                per_s: 5,
                burst: 40,
            },
        }
    }
}

/// The master's end; see the module.
#[derive(Debug)]
pub struct Master {
    config: MasterConfig,
    logins: BTreeMap<(u32, SocketAddr), Login>,
    sessions: BTreeMap<u32, Session>,
    strangers: Strangers,
    transmits: VecDeque<Transmit>,
    events: Events,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Login {
    salt: [u8; 4],
    has_key: bool,
    until_ms: u64,
}

#[derive(Debug)]
struct Session {
    peer: SocketAddr,
    until_ms: u64,
    details: Bytes,
    bucket: Bucket,
}

/// Most logins under way; one more takes the place of the oldest.
const MAX_LOGINS: usize = 64;
/// Most datagrams that wait, for each repeater there may be one answer and a few bursts.
const MAX_WAITING: usize = 8 * MAX_TRANSMITS;

impl Master {
    /// A master nobody has logged in to.
    #[must_use]
    pub fn new(config: MasterConfig) -> Self {
        Self {
            config,
            logins: BTreeMap::new(),
            sessions: BTreeMap::new(),
            strangers: Strangers::default(),
            transmits: VecDeque::new(),
            events: Events::default(),
            counts: Counts::default(),
        }
    }

    /// Takes one datagram from the socket. The salt is used if it begins a login: it must be one
    /// that nobody can guess.
    pub fn handle_bytes(&mut self, now_ms: u64, from: SocketAddr, bytes: &[u8], salt: [u8; 4]) {
        self.counts.received += 1;
        if let Err(reason) = self.take(now_ms, from, bytes, salt) {
            self.counts.refused += 1;
            self.events.push(Event::Refused { from, reason });
        }
    }

    /// Forgets logins that took too long, and repeaters that say nothing.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.logins.retain(|_, login| login.until_ms > now_ms);
        let silent = self.sessions.iter();
        let silent = silent.filter(|(_, session)| session.until_ms <= now_ms);
        let silent: Vec<_> = silent.map(|(repeater, _)| *repeater).collect();
        for repeater in silent {
            self.end(repeater, DownReason::Lost);
        }
    }

    /// Sends a burst to the repeater it names.
    ///
    /// # Errors
    /// That one is not logged in, or too much waits to be polled.
    pub fn send(&mut self, burst: &Dmrd) -> Result<(), Busy> {
        let session = self.sessions.get(&burst.repeater).ok_or(Busy::Down)?;
        if self.transmits.len() >= MAX_WAITING {
            return Err(Busy::Pending);
        }
        let to = session.peer;
        self.transmit(to, &Packet::Dmrd(*burst));
        Ok(())
    }

    /// Tells all repeaters that this master goes away. One that logs in later is let in again.
    pub fn close(&mut self) {
        self.logins.clear();
        while let Some((repeater, session)) = self.sessions.pop_first() {
            self.transmit(session.peer, &Packet::Closing { repeater });
            let reason = DownReason::Closed;
            self.events.push(Event::Down { repeater, reason });
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let logins = self.logins.values().map(|login| login.until_ms);
        let sessions = self.sessions.values().map(|session| session.until_ms);
        logins.chain(sessions).min()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Whether that repeater is logged in.
    #[must_use]
    pub fn is_up(&self, repeater: u32) -> bool {
        self.sessions.contains_key(&repeater)
    }

    /// What a repeater told of itself, if it is logged in: the details as they came.
    #[must_use]
    pub fn details(&self, repeater: u32) -> Option<Details<'_>> {
        let bytes = &self.sessions.get(&repeater)?.details;
        let forms = [Form::Full, Form::Short].into_iter();
        forms.filter_map(|form| Details::new(form, bytes)).next()
    }

    /// The repeaters that are logged in.
    pub fn repeaters(&self) -> impl Iterator<Item = u32> {
        self.sessions.keys().copied()
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn take(
        &mut self,
        now_ms: u64,
        from: SocketAddr,
        bytes: &[u8],
        salt: [u8; 4],
    ) -> Result<(), Refusal> {
        let rate = self.config.rate;
        let known = self
            .sessions
            .values_mut()
            .find(|session| session.peer == from);
        let may = match known {
            Some(session) => session.bucket.take(now_ms, rate),
            None => {
                let rate = self.config.strangers;
                self.strangers.take(now_ms, from.ip(), rate)
            }
        };
        if !may {
            return Err(Refusal::Flood);
        }
        let packet = Packet::parse(bytes).map_err(Refusal::Frame)?;
        match packet {
            Packet::Login { repeater } => self.on_login(now_ms, from, repeater, salt),
            Packet::Key { repeater, hash } => self.on_key(from, repeater, hash),
            Packet::Config { repeater, details } => self.on_config(now_ms, from, repeater, details),
            Packet::Options { repeater, .. } => {
                self.hear(now_ms, from, repeater)?;
                self.acknowledge(from, repeater.to_be_bytes());
                Ok(())
            }
            Packet::Ping { repeater } => {
                self.hear(now_ms, from, repeater)?;
                self.transmit(from, &Packet::Pong { repeater });
                Ok(())
            }
            Packet::Close { repeater } => {
                self.hear(now_ms, from, repeater)?;
                self.transmit(from, &Packet::Nak { repeater });
                self.end(repeater, DownReason::PeerClosed);
                Ok(())
            }
            Packet::Dmrd(burst) => {
                self.hear(now_ms, from, burst.repeater)?;
                self.events.push(Event::Burst(burst));
                Ok(())
            }
            Packet::Alias { .. } | Packet::Position { .. } | Packet::LocalPing => {
                self.counts.passed_over += 1;
                Ok(())
            }
            Packet::Ack { .. }
            | Packet::Nak { .. }
            | Packet::Pong { .. }
            | Packet::Closing { .. }
            | Packet::Beacon { .. } => Err(Refusal::Role),
        }
    }

    fn on_login(
        &mut self,
        now_ms: u64,
        from: SocketAddr,
        repeater: u32,
        salt: [u8; 4],
    ) -> Result<(), Refusal> {
        if !self.config.repeaters.contains_key(&repeater) {
            self.transmit(from, &Packet::Nak { repeater });
            return Err(Refusal::UnknownRepeater);
        }
        if self.logins.len() >= MAX_LOGINS && !self.logins.contains_key(&(repeater, from)) {
            let oldest = self.logins.iter().min_by_key(|(_, login)| login.until_ms);
            let oldest = oldest.map(|(login, _)| *login);
            oldest.map(|login| self.logins.remove(&login));
        }
        let until_ms = now_ms.saturating_add(self.config.login_ms);
        let login = self.logins.entry((repeater, from)).or_insert(Login {
            salt: never_the_id(salt, repeater),
            has_key: false,
            until_ms,
        });
        login.until_ms = until_ms;
        let salt = login.salt;
        self.acknowledge(from, salt);
        Ok(())
    }

    fn on_key(&mut self, from: SocketAddr, repeater: u32, hash: [u8; 32]) -> Result<(), Refusal> {
        let passphrase = self.config.repeaters.get(&repeater);
        let login = self.logins.get_mut(&(repeater, from));
        let (Some(passphrase), Some(login)) = (passphrase, login) else {
            // A late copy, or the salt is too old. The repeater asks for another by itself; a
            // refusal it would take for one of its passphrase.
            return self.late(from, repeater);
        };
        if key(login.salt, &passphrase.0) != hash {
            self.logins.remove(&(repeater, from));
            self.transmit(from, &Packet::Nak { repeater });
            return Err(Refusal::WrongPassphrase);
        }
        login.has_key = true;
        self.acknowledge(from, repeater.to_be_bytes());
        Ok(())
    }

    fn on_config(
        &mut self,
        now_ms: u64,
        from: SocketAddr,
        repeater: u32,
        details: Details<'_>,
    ) -> Result<(), Refusal> {
        let login = self.logins.get(&(repeater, from));
        if login.is_none_or(|login| !login.has_key) {
            // The acknowledgement of a login that is complete was lost.
            self.hear(now_ms, from, repeater)?;
            self.acknowledge(from, repeater.to_be_bytes());
            return Ok(());
        }
        self.logins.remove(&(repeater, from));
        let session = Session {
            peer: from,
            until_ms: now_ms.saturating_add(self.config.silence_ms),
            details: Bytes::copy_from_slice(details.bytes()),
            bucket: Bucket::full(now_ms, self.config.rate),
        };
        self.sessions.insert(repeater, session);
        self.acknowledge(from, repeater.to_be_bytes());
        let peer = from;
        self.events.push(Event::Up { repeater, peer });
        Ok(())
    }

    fn late(&mut self, from: SocketAddr, repeater: u32) -> Result<(), Refusal> {
        let session = self.sessions.get(&repeater);
        if session.is_none_or(|session| session.peer != from) {
            return Err(Refusal::State);
        }
        self.counts.passed_over += 1;
        Ok(())
    }

    /// Whoever is logged in is alive; anybody else is told to log in.
    fn hear(&mut self, now_ms: u64, from: SocketAddr, repeater: u32) -> Result<(), Refusal> {
        let silence_ms = self.config.silence_ms;
        let refusal = match self.sessions.get_mut(&repeater) {
            Some(session) if session.peer == from => {
                session.until_ms = now_ms.saturating_add(silence_ms);
                return Ok(());
            }
            Some(_) => Refusal::Stranger,
            None => Refusal::State,
        };
        self.transmit(from, &Packet::Nak { repeater });
        Err(refusal)
    }

    fn end(&mut self, repeater: u32, reason: DownReason) {
        if self.sessions.remove(&repeater).is_some() {
            self.events.push(Event::Down { repeater, reason });
        }
    }

    fn acknowledge(&mut self, to: SocketAddr, number: [u8; 4]) {
        let is_masters = false;
        self.transmit(to, &Packet::Ack { is_masters, number });
    }

    fn transmit(&mut self, to: SocketAddr, packet: &Packet<'_>) {
        if self.transmits.len() >= MAX_WAITING {
            self.counts.dropped += 1;
            return;
        }
        let bytes = packet.to_bytes().into();
        self.transmits.push_back(Transmit { to, bytes });
    }
}

/// A salt that is the repeater's id could pass for the acknowledgement of a later step.
fn never_the_id(salt: [u8; 4], repeater: u32) -> [u8; 4] {
    let [first, b, c, d] = salt;
    match salt == repeater.to_be_bytes() {
        true => [!first, b, c, d],
        false => salt,
    }
}
