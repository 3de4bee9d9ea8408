//! Radio gateways: the links of each, and what waits to go out on them.
//!
//! A gateway is a set of links, one per service and slot, or one for all. A link
//! carries one unacknowledged message at a time; what waits is ordered by grade, then age, bounded,
//! and told when it is dropped. What comes in is turned into [`Heard`]; what it means is the
//! engine's business.

use super::output::{LinkId, Outbox, Output};
use super::port::Port;
use super::view::Named;
use crate::config::{AirSide, AnyPort, Config, Service};
use crate::engine::event::{LinkName, Peer};
use crate::engine::id::EngineTime;
use crate::engine::message::Request;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tieqi_protocols::link::homebrew::Side;
use tieqi_protocols::link::{Answer, AnyLink, LinkConfig, LinkEvent};

/// Rank of all an emergency causes.
pub const RANK_EMERGENCY: u8 = 0;
/// Rank of frames that are no text: answers to registrations, position requests.
pub const RANK_SIGNALLING: u8 = 5;

/// A message for a link.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Smaller goes first: 0 emergency, 1 to 4 grades, then signalling.
    pub rank: u8,
    /// The text it carries, if somebody waits to hear whether it was sent.
    pub request: Option<Request>,
    /// Dropped and told as not sent after this.
    pub expires_at: EngineTime,
    /// When the report or emergency it answers was read, if it is of its first frames;
    /// microseconds.
    pub arrived_us: Option<u64>,
    /// When it was decided, microseconds.
    pub decided_us: u64,
    /// The whole HDAP message.
    pub bytes: Bytes,
}

/// What can happen at a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serial<'a> {
    /// It was opened, or opened again.
    Opened,
    /// Bytes came, as many as there were.
    Bytes(&'a [u8]),
    /// It was lost.
    Lost,
}

/// What came of the links.
#[derive(Debug)]
pub enum Heard {
    /// A frame was handed to its socket.
    Left {
        /// [`Frame::rank`].
        rank: u8,
        /// [`Frame::arrived_us`].
        arrived_us: Option<u64>,
    },
    /// A gateway took a text.
    Sent {
        /// Which.
        request: Request,
        /// [`Frame::decided_us`].
        decided_us: u64,
    },
    /// No gateway took it.
    NotSent(Request),
    /// A link has a peer.
    Linked {
        /// Which.
        link: LinkId,
        /// Who.
        peer: Peer,
    },
    /// A service message came in.
    Message {
        /// On which link.
        link: LinkId,
        /// The slot of the air interface.
        slot: u8,
        /// The whole HDAP message, its checksum verified.
        bytes: Bytes,
    },
}

/// Link, source and reason.
type Refusal = (LinkId, Option<SocketAddr>, &'static str);

/// Refused datagrams.
type Refusals = BTreeMap<Refusal, u64>;

/// All links of all gateways. A link's place in the config is its [`LinkId`].
pub struct Gateways {
    names: Vec<String>,
    ports: Vec<Port>,
    /// Until when each gateway is not the first choice: a frame to it was not acknowledged.
    doubted_until: Vec<EngineTime>,
    ticket: u64,
    capacity: usize,
    /// Refused datagrams by reason; each source and reason is logged once.
    refused: Refusals,
}

impl Gateways {
    /// Sources remembered for the log; beyond them refusals are only counted.
    const MAX_SOURCES: usize = 1024;
    /// How long a gateway that did not acknowledge a frame is passed over, milliseconds. Anything
    /// it says ends that.
    const DOUBT_MS: u64 = 10_000;

    /// The gateways of a config, none connected yet. `epoch` is new at each start.
    #[must_use]
    pub fn new(now: EngineTime, config: &Config, epoch: u64) -> Self {
        let (gateways, limits) = (&config.gateways, &config.link);
        let (dispatcher, renew_s) = (config.radio.dispatcher, config.radio.renew_s);
        let config = LinkConfig {
            ack_ms: u64::from(limits.ack_ms),
            tries: u32::from(limits.tries),
            heartbeat_ms: u64::from(limits.heartbeat_s) * 1000,
            missed: u32::from(limits.missed),
            reconnect_ms: u64::from(limits.reconnect_s) * 1000,
            reconnect_max_ms: u64::from(limits.reconnect_max_s) * 1000,
            seed: 0,
        };
        let ports = gateways.iter().enumerate().flat_map(|(index, gateway)| {
            gateway.ports().map(move |port| match port {
                AnyPort::Udp(link) => Port::udp(now, (index, gateway), link, config),
                AnyPort::Serial(serial) => Port::serial(index, serial, limits),
                AnyPort::Air(air) => {
                    let side = AirSide {
                        side: Side::Desk,
                        host: gateway.host,
                        dispatcher,
                        renew_s,
                        seed: epoch,
                    };
                    Port::air(now, (index, gateway), air, side)
                }
                AnyPort::Http(http) => Port::http(index, http),
            })
        });
        Self {
            names: gateways
                .iter()
                .map(|gateway| gateway.name.clone())
                .collect(),
            ports: ports.collect(),
            doubted_until: vec![EngineTime::default(); gateways.len()],
            ticket: 0,
            capacity: limits.queue,
            refused: BTreeMap::new(),
        }
    }

    /// The link of a gateway for a service on a slot; on any slot when that one has none.
    #[must_use]
    pub fn link_for(&self, gateway: &str, service: Service, slot: u8) -> Option<LinkId> {
        let index = self.names.iter().position(|name| name == gateway)?;
        let carries = |port: &Port| port.service.is_none_or(|one| one == service);
        let fits = |port: &Port| port.gateway == index && carries(port);
        let exact = self
            .ports
            .iter()
            .position(|port| fits(port) && port.slot == slot);
        exact
            .or_else(|| self.ports.iter().position(fits))
            .map(LinkId)
    }

    /// All links that carry a service.
    #[must_use]
    pub fn links_of(&self, service: Service) -> Vec<LinkId> {
        let carries = |port: &Port| port.service.is_none_or(|one| one == service);
        let links = self.ports.iter().enumerate();
        links
            .filter(|(_, port)| carries(port))
            .map(|(index, _)| LinkId(index))
            .collect()
    }

    /// The link a message to a terminal goes by: of the gateway it registered through, or, while
    /// that is down or does not answer, of the first other one in the config's order that is up.
    /// When none is, the registered one: what waits there goes out when it comes back.
    #[must_use]
    pub fn route(
        &self,
        now: EngineTime,
        gateway: &str,
        service: Service,
        slot: u8,
    ) -> Option<LinkId> {
        let own = self.link_for(gateway, service, slot);
        let others = self.names.iter().filter(|name| *name != gateway);
        let others = others.filter_map(|name| self.link_for(name, service, slot));
        let mut ways = own.into_iter().chain(others);
        ways.find(|link| self.is_sound(now, *link)).or(own)
    }

    fn is_sound(&self, now: EngineTime, link: LinkId) -> bool {
        self.ports.get(link.0).is_some_and(|port| {
            let doubted = self.doubted_until.get(port.gateway);
            port.up && doubted.is_none_or(|until| *until <= now)
        })
    }

    /// The gateway a link belongs to.
    #[must_use]
    pub fn name_of(&self, link: LinkId) -> Option<&str> {
        Some(self.names.get(self.ports.get(link.0)?.gateway)?.as_str())
    }

    /// Queues a frame. When the queue is full the last in line makes room.
    pub fn push(&mut self, link: LinkId, frame: Frame, heard: &mut Vec<Heard>) {
        let Some(port) = self.ports.get_mut(link.0) else {
            heard.extend(frame.request.map(Heard::NotSent));
            return;
        };
        self.ticket += 1;
        let first = port.expires_at.unwrap_or(frame.expires_at);
        port.expires_at = Some(first.min(frame.expires_at));
        port.queue.insert((frame.rank, self.ticket), frame);
        if port.queue.len() > self.capacity
            && let Some((_, dropped)) = port.queue.pop_last()
        {
            heard.extend(dropped.request.map(Heard::NotSent));
        }
    }

    /// Listens to the peers of before a restart at once. Sequences begin elsewhere than then, or
    /// the first message could pass for a repeat.
    pub fn resume(&mut self, links: &BTreeMap<LinkName, Peer>, sequence: u16) {
        for index in 0..self.ports.len() {
            let name = self.link_name(LinkId(index));
            let Some(peer) = name.and_then(|name| links.get(&name)) else {
                continue;
            };
            if let (Some(port), Ok(address)) = (self.ports.get_mut(index), peer.address.parse())
                && let AnyLink::Datagram(link) = &mut port.link
            {
                let (device_id, channel) = (peer.device_id, peer.channel);
                link.resume(address, device_id, channel, sequence);
            }
        }
    }

    /// A link as the journal names it; one that carries all has no peer to remember.
    #[must_use]
    pub fn link_name(&self, link: LinkId) -> Option<LinkName> {
        let port = self.ports.get(link.0)?;
        Some(LinkName {
            gateway: self.names.get(port.gateway)?.clone(),
            service: port.service?.name().to_owned(),
            slot: port.slot,
        })
    }

    /// Takes a datagram.
    pub fn handle_bytes(&mut self, now: EngineTime, link: LinkId, from: SocketAddr, bytes: &[u8]) {
        let Some(port) = self.ports.get_mut(link.0) else {
            return;
        };
        if port.accept_from.is_some_and(|only| only != from.ip()) {
            let label = || label(&self.names, port);
            return refuse(&mut self.refused, (link, Some(from), "address"), label);
        }
        port.link.handle_bytes(now.0, Some(from), bytes);
    }

    /// Takes what happened at a serial port.
    pub fn handle_serial(&mut self, now: EngineTime, link: LinkId, what: Serial<'_>) {
        let Some(port) = self.ports.get_mut(link.0) else {
            return;
        };
        match what {
            Serial::Opened => port.link.opened(now.0),
            Serial::Bytes(bytes) => port.link.handle_bytes(now.0, None, bytes),
            Serial::Lost => port.link.lost(),
        }
    }

    /// Takes what came of a request to a gateway behind HTTP.
    pub fn handle_answer(&mut self, now: EngineTime, link: LinkId, answer: &Answer) {
        if let Some(port) = self.ports.get_mut(link.0) {
            port.link.handle_answer(now.0, answer);
        }
    }

    /// Lets timers fire that are due; whether one was, or frames expired: then there is something
    /// to pump.
    pub fn handle_timeout(&mut self, now: EngineTime) -> bool {
        let mut was_due = false;
        for port in &mut self.ports {
            if port.link.poll_timeout().is_some_and(|at| at <= now.0) {
                port.link.handle_timeout(now.0);
                was_due = true;
            }
            was_due |= port.expires_at.is_some_and(|at| at <= now);
        }
        was_due
    }

    /// When [`Gateways::handle_timeout`] or [`Gateways::pump`] has something to do by itself.
    #[must_use]
    pub fn next_timeout(&self) -> Option<EngineTime> {
        let timers = self
            .ports
            .iter()
            .filter_map(|port| port.link.poll_timeout().map(EngineTime));
        let expiries = self.ports.iter().filter_map(|port| port.expires_at);
        timers.chain(expiries).min()
    }

    /// Moves everything that can move: events in, the next frame out, datagrams to the shell.
    pub fn pump(&mut self, now: EngineTime, out: &mut dyn Outbox, heard: &mut Vec<Heard>) {
        for (index, port) in self.ports.iter_mut().enumerate() {
            let link = LinkId(index);
            loop {
                while let Some(event) = port.link.poll_event() {
                    if let Some(until) = self.doubted_until.get_mut(port.gateway) {
                        *until = doubt(now, *until, &event);
                    }
                    note(&mut self.refused, &self.names, (link, port), event, heard);
                }
                if !port.send_next(now, heard) {
                    break;
                }
            }
            while let Some((to, bytes)) = port.link.poll_transmit() {
                out.push(match to {
                    Some(to) => Output::Datagram { link, to, bytes },
                    None => Output::Bytes { link, bytes },
                });
            }
            while let Some(ask) = port.link.poll_ask() {
                out.push(Output::Ask { link, ask });
            }
        }
    }

    /// Gateway, service (`all` where one link carries them), slot, up or not, and frames waiting,
    /// for each link.
    pub fn health(&self) -> impl Iterator<Item = (&str, &'static str, u8, bool, usize)> {
        self.ports.iter().map(|port| {
            let (name, service, slot) = place(&self.names, port);
            (name, service, slot, port.up, port.queue.len())
        })
    }

    /// Refused datagrams, by reason.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        let mut by_reason = BTreeMap::new();
        for ((_, _, reason), count) in &self.refused {
            *by_reason.entry(*reason).or_default() += count;
        }
        by_reason
    }
}

/// Until when a gateway is passed over after this event.
fn doubt(now: EngineTime, until: EngineTime, event: &LinkEvent) -> EngineTime {
    match event {
        LinkEvent::SendFailed { .. } => now.plus_ms(Gateways::DOUBT_MS),
        LinkEvent::Up { .. } | LinkEvent::Sent { .. } | LinkEvent::Received { .. } => now,
        LinkEvent::Down { .. } | LinkEvent::LoginFailed { .. } | LinkEvent::Refused { .. } => until,
    }
}

/// Gateway, service (`all` where one link carries them) and slot of a link.
fn place<'a>(names: &'a [String], port: &Port) -> (&'a str, &'static str, u8) {
    let name = names.get(port.gateway).map_or("", String::as_str);
    (name, port.service.map_or("all", Named::name), port.slot)
}

/// The same as the log has it.
fn label(names: &[String], port: &Port) -> String {
    let (name, service, slot) = place(names, port);
    format!("{name} {service} {slot}")
}

fn note(
    refused: &mut Refusals,
    names: &[String],
    (link, port): (LinkId, &mut Port),
    event: LinkEvent,
    heard: &mut Vec<Heard>,
) {
    match event {
        LinkEvent::Up {
            peer,
            device_id,
            channel,
        } => {
            port.up = true;
            port.to_set_up = port.setup.iter().cloned().collect();
            tracing::info!(link = label(names, port), ?peer, "link up");
            heard.extend(peer.map(|peer| Heard::Linked {
                link,
                peer: Peer {
                    address: peer.to_string(),
                    device_id,
                    channel,
                },
            }));
        }
        LinkEvent::Down { reason } => {
            port.up = false;
            tracing::warn!(link = label(names, port), ?reason, "link down");
        }
        LinkEvent::LoginFailed { cause } => {
            tracing::error!(link = label(names, port), %cause, "cannot log in");
        }
        LinkEvent::Sent { token } => {
            let sent = port.landed(token);
            heard.extend(sent.map(|(request, decided_us)| Heard::Sent {
                request,
                decided_us,
            }));
        }
        LinkEvent::SendFailed { token, .. } => {
            heard.extend(
                port.landed(token)
                    .map(|(request, _)| Heard::NotSent(request)),
            );
        }
        LinkEvent::Received { bytes, channel } => {
            let slot = channel.unwrap_or(port.slot);
            heard.push(Heard::Message { link, slot, bytes });
        }
        LinkEvent::Refused { from, reason } => {
            refuse(refused, (link, from, reason.reason()), || {
                label(names, port)
            });
        }
    }
}

/// Counts a refused datagram; each source and reason is logged once.
fn refuse(refused: &mut Refusals, key: Refusal, label: impl FnOnce() -> String) {
    let (link, from, reason) = key;
    if let Some(count) = refused.get_mut(&key) {
        *count += 1;
    } else if refused.len() < Gateways::MAX_SOURCES {
        tracing::warn!(
            link = label(),
            ?from,
            reason,
            "refused; further ones are counted"
        );
        refused.insert(key, 1);
    } else {
        // Too many sources to tell apart: all further ones count as one.
        *refused.entry((link, None, "flood")).or_default() += 1;
    }
}
