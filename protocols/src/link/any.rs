//! A link over either transport, so that its owner need not care which. It adds nothing of its own.

use super::event::{Busy, LinkEvent};
use super::homebrew::AirLink;
use super::http::{Answer, Ask, HttpLink};
use super::nmea::NmeaLink;
use super::pei::PeiLink;
use super::serial::SerialLink;
use super::{Link, LinkCounts};
use alloc::boxed::Box;
use bytes::Bytes;
use core::net::SocketAddr;

/// A link over UDP, over a serial line, or over the air.
#[derive(Debug)]
pub enum AnyLink {
    /// HSTRP.
    Datagram(Link),
    /// HRNP.
    Serial(SerialLink),
    /// Homebrew, with DMR behind it.
    Air(Box<AirLink>),
    /// A TETRA terminal's interface.
    Pei(PeiLink),
    /// A satellite receiver.
    Nmea(NmeaLink),
    /// A vendor's gateway behind HTTP, and the place where another kind plugs in.
    Http(Box<HttpLink>),
}

impl AnyLink {
    /// Takes what came: a datagram with its sender, or bytes of a line without one. What does not
    /// fit the transport is ignored.
    pub fn handle_bytes(&mut self, now_ms: u64, from: Option<SocketAddr>, bytes: &[u8]) {
        match (self, from) {
            (Self::Datagram(link), Some(from)) => link.handle_bytes(now_ms, from, bytes),
            (Self::Serial(link), None) => link.handle_bytes(now_ms, bytes),
            (Self::Air(link), Some(from)) => link.handle_bytes(now_ms, from, bytes),
            (Self::Pei(link), None) => link.handle_bytes(now_ms, bytes),
            (Self::Nmea(link), None) => link.handle_bytes(now_ms, bytes),
            _ => {}
        }
    }

    /// The serial port was opened; nothing over UDP.
    pub fn opened(&mut self, now_ms: u64) {
        match self {
            Self::Datagram(_) | Self::Air(_) | Self::Http(_) => {}
            Self::Serial(link) => link.opened(now_ms),
            Self::Pei(link) => link.opened(now_ms),
            Self::Nmea(link) => link.opened(),
        }
    }

    /// The serial port was lost; nothing over UDP.
    pub fn lost(&mut self) {
        match self {
            Self::Datagram(_) | Self::Air(_) | Self::Http(_) => {}
            Self::Serial(link) => link.lost(),
            Self::Pei(link) => link.lost(),
            Self::Nmea(link) => link.lost(),
        }
    }

    /// The next request to put to a gateway behind HTTP; each is answered by
    /// [`AnyLink::handle_answer`] once.
    pub fn poll_ask(&mut self) -> Option<Ask> {
        match self {
            Self::Http(link) => link.poll_ask(),
            _ => None,
        }
    }

    /// Takes what came of a request.
    pub fn handle_answer(&mut self, now_ms: u64, answer: &Answer) {
        if let Self::Http(link) = self {
            link.handle_answer(now_ms, answer);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        match self {
            Self::Datagram(link) => link.handle_timeout(now_ms),
            Self::Serial(link) => link.handle_timeout(now_ms),
            Self::Air(link) => link.handle_timeout(now_ms),
            Self::Pei(link) => link.handle_timeout(now_ms),
            Self::Nmea(link) => link.handle_timeout(now_ms),
            Self::Http(link) => link.handle_timeout(now_ms),
        }
    }

    /// Sends one message; ends in exactly one `Sent` or `SendFailed` with its `token`.
    ///
    /// # Errors
    /// Says why the message is not taken; then no event follows.
    pub fn send(&mut self, now_ms: u64, token: u64, hdap: Bytes) -> Result<(), Busy> {
        match self {
            Self::Datagram(link) => link.send(now_ms, token, hdap),
            Self::Serial(link) => link.send(now_ms, token, hdap),
            Self::Air(link) => link.send(now_ms, token, &hdap),
            Self::Pei(link) => link.send(now_ms, token, &hdap),
            // It only listens.
            Self::Nmea(_) => Err(Busy::Malformed),
            Self::Http(link) => link.send(token, &hdap),
        }
    }

    /// Ends the link for good.
    pub fn close(&mut self, now_ms: u64) {
        match self {
            Self::Datagram(link) => link.close(now_ms),
            Self::Serial(link) => link.close(now_ms),
            Self::Air(link) => link.close(now_ms),
            Self::Pei(link) => link.close(now_ms),
            Self::Nmea(link) => link.close(),
            Self::Http(link) => link.close(),
        }
    }

    /// The next bytes to send, and to whom; a serial line has but one other end.
    pub fn poll_transmit(&mut self) -> Option<(Option<SocketAddr>, Bytes)> {
        match self {
            Self::Datagram(link) => {
                let transmit = link.poll_transmit()?;
                Some((Some(transmit.to), transmit.bytes))
            }
            Self::Serial(link) => Some((None, link.poll_transmit()?)),
            Self::Air(link) => {
                let transmit = link.poll_transmit()?;
                Some((Some(transmit.to), transmit.bytes))
            }
            Self::Pei(link) => Some((None, link.poll_transmit()?)),
            Self::Nmea(_) | Self::Http(_) => None,
        }
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        match self {
            Self::Datagram(link) => link.poll_timeout(),
            Self::Serial(link) => link.poll_timeout(),
            Self::Air(link) => link.poll_timeout(),
            Self::Pei(link) => link.poll_timeout(),
            Self::Nmea(link) => link.poll_timeout(),
            Self::Http(link) => link.poll_timeout(),
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        match self {
            Self::Datagram(link) => link.poll_event(),
            Self::Serial(link) => link.poll_event(),
            Self::Air(link) => link.poll_event(),
            Self::Pei(link) => link.poll_event(),
            Self::Nmea(link) => link.poll_event(),
            Self::Http(link) => link.poll_event(),
        }
    }

    /// Whether `send` takes a message now.
    #[must_use]
    pub fn ready(&self) -> bool {
        match self {
            Self::Datagram(link) => link.ready(),
            Self::Serial(link) => link.ready(),
            Self::Air(link) => link.ready(),
            Self::Pei(link) => link.ready(),
            Self::Nmea(link) => link.is_up(),
            Self::Http(link) => link.ready(),
        }
    }

    /// Whether the link carries messages.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match self {
            Self::Datagram(link) => link.is_up(),
            Self::Serial(link) => link.is_up(),
            Self::Air(link) => link.is_up(),
            Self::Pei(link) => link.is_up(),
            Self::Nmea(link) => link.is_up(),
            Self::Http(link) => link.is_up(),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        match self {
            Self::Datagram(link) => link.counts(),
            Self::Serial(link) => link.counts(),
            Self::Air(link) => link.counts(),
            Self::Pei(link) => link.counts(),
            Self::Nmea(link) => link.counts(),
            Self::Http(link) => link.counts(),
        }
    }
}
