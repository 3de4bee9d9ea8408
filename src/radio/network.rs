//! A network that loses and delays datagrams on purpose, both ways, at the gateway's sockets. What
//! the real network between them does comes on top.

use super::agenda::Agenda;
use super::chance::Chance;
use super::options::RadioOptions;
use bytes::Bytes;
use std::net::SocketAddr;

/// A datagram on its way.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) link: usize,
    /// Whether it comes from the daemon.
    pub(super) inbound: bool,
    /// Where it comes from or goes to; none on a serial line.
    pub(super) peer: Option<SocketAddr>,
    pub(super) bytes: Bytes,
}

/// What loses and delays datagrams.
#[derive(Debug)]
pub(super) struct Network {
    chance: Chance,
    loss: f64,
    delay_ms: u64,
    held: Agenda<Datagram>,
    pub(super) lost: u64,
}

impl Network {
    /// Datagrams held at most; one more is lost.
    const HELD: usize = 65_536;

    pub(super) fn new(chance: Chance, options: &RadioOptions) -> Self {
        Self {
            chance,
            loss: options.rates.loss,
            delay_ms: u64::from(options.delay_ms),
            held: Agenda::default(),
            lost: 0,
        }
    }

    /// Takes a datagram: gives it back at once, holds it, or loses it.
    pub(super) fn pass(&mut self, now_ms: u64, datagram: Datagram) -> Option<Datagram> {
        let (lost, delay_ms) = (
            self.chance.hits(self.loss),
            self.chance.below(self.delay_ms + 1),
        );
        if lost || self.held.len() >= Self::HELD {
            self.lost += 1;
            return None;
        }
        if delay_ms == 0 {
            return Some(datagram);
        }
        self.held.note(now_ms + delay_ms, datagram);
        None
    }

    /// A datagram whose delay is over.
    pub(super) fn release(&mut self, now_ms: u64) -> Option<Datagram> {
        self.held.pop(now_ms).map(|(_, datagram)| datagram)
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.held.next()
    }
}
