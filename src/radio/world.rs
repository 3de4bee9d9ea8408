//! The simulated radios as one machine: bytes and time go in, datagrams and a deadline come out.
//! No socket, no clock, and nothing shared with the daemon at the other end: what it knows of the
//! daemon came in datagrams. `hear` reads what comes; `act` lets people do what is due, `send`
//! lets radios.

use super::agenda::Agenda;
use super::carrier::{Carrier, Heard, Outgoing, Port};
use super::chance::Chance;
use super::crew::{Job, Step};
use super::ground::Ground;
use super::handheld::Handheld;
use super::hear::Arrived;
use super::muster::Muster;
use super::network::{Datagram, Network};
use super::notice::KeyTexts;
use super::options::{Pace, RadioError, RadioOptions};
use super::stats::Stats;
use crate::config::{Config, Service};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// By the socket of this link, its place in [`World::ports`].
    pub link: usize,
    /// Where to; none on a serial line.
    pub to: Option<SocketAddr>,
    /// One datagram or frame.
    pub bytes: Bytes,
}

/// What is due at some time.
#[derive(Debug)]
pub(super) enum Task {
    Register { handheld: usize, plan: u32 },
    Report { handheld: usize, plan: u32 },
    Arrive(Box<Arrived>),
    Retry { handheld: usize, request_id: u32 },
    Crew { crew: usize, plan: u32, step: Step },
    LateYes(Job),
    Emergency,
    Press { handheld: usize, left: u32 },
}

/// Both clocks, milliseconds: one that never goes back, and UTC since 1970 for fixes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) ms: u64,
    pub(super) wall_ms: i64,
}

/// Gateways with handhelds and the people who carry them; see the module.
pub struct World {
    pub(super) options: RadioOptions,
    pub(super) pace: Pace,
    pub(super) ground: Ground,
    pub(super) keys: KeyTexts,
    pub(super) carriers: Vec<Carrier>,
    pub(super) muster: Muster,
    pub(super) agenda: Agenda<Task>,
    /// What happens on the air, for everybody.
    pub(super) air: Chance,
    /// Whose emergency button is pressed.
    pub(super) trouble: Chance,
    pub(super) stats: Stats,
    /// The next officer who is asked takes this long, simulated milliseconds.
    pub(super) dawdle_ms: Option<u64>,
    network: Network,
    out: VecDeque<Transmit>,
    /// When the first link has something to do, as of the last [`World::settle`]: nothing else
    /// moves a link, and drivers ask often.
    links_due: Option<u64>,
}

impl World {
    /// Streams of chance below radio ids, which are at least 1 and number the crews' streams.
    const AIR: u64 = 1 << 32;
    const NETWORK: u64 = 2 << 32;
    const EMERGENCY: u64 = 3 << 32;

    /// A world in which nobody is registered yet. The first datagrams wait to be polled.
    ///
    /// `now_ms` is of any clock that never goes back, `wall_ms` is UTC since 1970.
    ///
    /// # Errors
    /// Options that cannot be: an unknown gateway or terminal, a rate above 1.
    pub fn new(
        now_ms: u64,
        wall_ms: i64,
        config: &Config,
        options: &RadioOptions,
    ) -> Result<Self, RadioError> {
        options.check(config)?;
        let ground = Ground::new(config);
        let carriers = Carrier::all(now_ms, config, options);
        let muster = Muster::new(wall_ms, config, options, &ground, &carriers)?;
        let network = Chance::stream(options.seed, Self::NETWORK);
        let mut world = Self {
            options: options.clone(),
            pace: options.pace(),
            ground,
            keys: KeyTexts::new(&config.policy.keys, &config.radio.work_states),
            carriers,
            agenda: Agenda::default(),
            air: Chance::stream(options.seed, Self::AIR),
            trouble: Chance::stream(options.seed, Self::EMERGENCY),
            stats: Stats {
                handhelds: muster.handhelds.len() as u64,
                ..Stats::default()
            },
            muster,
            dawdle_ms: None,
            network: Network::new(network, options),
            out: VecDeque::new(),
            links_due: None,
        };
        for handheld in 0..world.muster.handhelds.len() {
            world.register_soon(now_ms, handheld);
        }
        for crew in 0..world.muster.crews.len() {
            world.rest(now_ms, crew);
        }
        if let Some(after_ms) = options.emergency_after_ms {
            let at_ms = now_ms + u64::from(after_ms);
            world.agenda.note(at_ms, Task::Emergency);
        }
        world.settle(Now {
            ms: now_ms,
            wall_ms,
        });
        Ok(world)
    }

    /// The links, in the order of their indices.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        self.carriers.iter().map(|carrier| &carrier.port)
    }

    /// Takes a datagram from the socket of a link, or bytes without a sender from its serial port.
    pub fn handle_bytes(
        &mut self,
        now_ms: u64,
        wall_ms: i64,
        link: usize,
        from: Option<SocketAddr>,
        bytes: &[u8],
    ) {
        self.stats.frames_received += 1;
        let datagram = Datagram {
            link,
            inbound: true,
            peer: from,
            bytes: Bytes::copy_from_slice(bytes),
        };
        self.pass(now_ms, datagram);
        self.settle(Now {
            ms: now_ms,
            wall_ms,
        });
    }

    /// The serial port of a link was opened or lost.
    pub fn plug(&mut self, now_ms: u64, wall_ms: i64, link: usize, plugged: bool) {
        if let Some(carrier) = self.carriers.get_mut(link) {
            carrier.plug(now_ms, plugged);
        }
        self.settle(Now {
            ms: now_ms,
            wall_ms,
        });
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64, wall_ms: i64) {
        let now = Now {
            ms: now_ms,
            wall_ms,
        };
        while let Some(datagram) = self.network.release(now_ms) {
            self.carry(now_ms, datagram);
        }
        for carrier in &mut self.carriers {
            carrier.handle_timeout(now_ms);
        }
        while let Some((_, task)) = self.agenda.pop(now_ms) {
            self.perform(now, task);
        }
        self.settle(now);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let times = [
            self.links_due,
            self.network.poll_timeout(),
            self.agenda.next(),
        ];
        times.into_iter().flatten().min()
    }

    /// Ends all links politely: the daemon hears that the gateways are gone.
    pub fn close(&mut self, now_ms: u64, wall_ms: i64) {
        for carrier in &mut self.carriers {
            carrier.close(now_ms);
        }
        self.settle(Now {
            ms: now_ms,
            wall_ms,
        });
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Lines a message up for a link.
    pub(super) fn push(&mut self, link: Option<usize>, outgoing: Outgoing) {
        let carrier = link.and_then(|link| self.carriers.get_mut(link));
        if !carrier.is_some_and(|carrier| carrier.push(outgoing)) {
            self.stats.overflows += 1;
        }
    }

    /// A handheld by its place.
    pub(super) fn handheld(&mut self, handheld: usize) -> Option<&mut Handheld> {
        self.muster.handhelds.get_mut(handheld)
    }

    /// Through the network that loses and delays; a serial line keeps its order, so nothing is
    /// delayed on it, or lost on purpose.
    fn pass(&mut self, now_ms: u64, datagram: Datagram) {
        let arrived = match datagram.peer {
            Some(_) => self.network.pass(now_ms, datagram),
            None => Some(datagram),
        };
        if let Some(datagram) = arrived {
            self.carry(now_ms, datagram);
        }
    }

    /// Brings a datagram to where it goes.
    fn carry(&mut self, now_ms: u64, datagram: Datagram) {
        let Datagram {
            link, peer, bytes, ..
        } = datagram;
        if !datagram.inbound {
            self.stats.frames_sent += 1;
            let to = peer;
            return self.out.push_back(Transmit { link, to, bytes });
        }
        if let Some(carrier) = self.carriers.get_mut(link) {
            carrier.handle_bytes(now_ms, peer, &bytes);
        }
    }

    /// Moves everything that can move.
    fn settle(&mut self, now: Now) {
        let mut moved = true;
        while moved {
            moved = false;
            for link in 0..self.carriers.len() {
                while let Some(heard) = self.poll_heard(link) {
                    self.note(now, link, heard);
                    moved = true;
                }
                moved |= self.send_next(now, link);
            }
        }
        for link in 0..self.carriers.len() {
            while let Some((peer, bytes)) = self.poll_link(link) {
                let datagram = Datagram {
                    link,
                    inbound: false,
                    peer,
                    bytes,
                };
                self.pass(now.ms, datagram);
            }
        }
        let due = self.carriers.iter().filter_map(Carrier::poll_timeout);
        self.links_due = due.min();
        self.stats.frames_lost = self.network.lost;
        self.stats.links_up = self.carriers.iter().filter(|c| c.is_up()).count() as u64;
    }

    fn poll_heard(&mut self, link: usize) -> Option<Heard> {
        self.carriers.get_mut(link)?.poll_heard()
    }

    fn poll_link(&mut self, link: usize) -> Option<(Option<SocketAddr>, Bytes)> {
        self.carriers.get_mut(link)?.poll_transmit()
    }

    fn send_next(&mut self, now: Now, link: usize) -> bool {
        let Some(next) = self.carriers.get_mut(link).and_then(Carrier::next) else {
            return false;
        };
        let message = self.written(now, next);
        let carrier = self.carriers.get_mut(link);
        let sent = carrier
            .zip(message)
            .is_some_and(|(c, message)| c.send(now.ms, message));
        self.stats.unsent += u64::from(!sent);
        true
    }

    fn note(&mut self, now: Now, link: usize, heard: Heard) {
        match heard {
            Heard::Up { again } => {
                if again {
                    self.register_again(now.ms, link);
                }
            }
            Heard::Message(bytes) => self.hear(now, link, &bytes),
            Heard::Refused => self.stats.refused += 1,
            Heard::Unsent { deaf } => {
                self.stats.unsent += 1;
                if deaf {
                    self.reconnect(now.ms, link);
                }
            }
        }
    }

    /// A daemon that does not answer on one link has been started again and knows none of them.
    fn reconnect(&mut self, now_ms: u64, link: usize) {
        let gateway = self.carriers.get(link).map(|carrier| carrier.gateway);
        for carrier in &mut self.carriers {
            if Some(carrier.gateway) == gateway {
                carrier.reconnect(now_ms);
            }
        }
        self.stats.reconnects += 1;
    }

    /// A link came back: the daemon behind it may have forgotten who is registered.
    fn register_again(&mut self, now_ms: u64, link: usize) {
        let ours = |handheld: &Handheld| handheld.link(Service::Rrs) == Some(link);
        let handhelds = self.muster.handhelds.iter().enumerate();
        let ours: Vec<usize> = handhelds
            .filter(|(_, h)| ours(h))
            .map(|(place, _)| place)
            .collect();
        for handheld in ours {
            self.register_soon(now_ms, handheld);
        }
    }
}
