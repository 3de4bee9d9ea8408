//! The gateway's side of the links: one message at a time on each, and what waits. What a message
//! means is not known here.

use super::options::RadioOptions;
use crate::config::{
    AirPort, AirSide, AnyPort, Config, Gateway, GatewayLink, GatewayRole, SerialPort, Service,
    Speaks,
};
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tieqi_protocols::link::homebrew::Side;
use tieqi_protocols::link::{
    AnyLink, Link, LinkConfig, LinkEvent, Role, SendFault, SerialConfig, SerialEnd, SerialLink,
};
use tieqi_protocols::lp::Cause;

/// Which end of a link a socket has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// We connect to the daemon there, from any port.
    Connect(SocketAddr),
    /// The daemon connects to us: bind this.
    Listen(SocketAddr),
    /// A serial port by path and bits a second.
    Serial(String, u32),
}

/// One link as a driver needs to know it. Its place in [`World::ports`](super::World::ports) is
/// its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name of the gateway.
    pub gateway: String,
    /// What it carries; none carries all.
    pub service: Option<Service>,
    /// Slot, 1 or 2.
    pub slot: u8,
    /// Who connects, and where.
    pub end: End,
}

/// What waits for a link. Registrations and fixes are written when their turn comes, so a fix is
/// never old and waits once however often it was due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outgoing {
    /// A whole HDAP message.
    Message(Bytes),
    /// A handheld registers.
    Register(usize),
    /// A handheld tells where it is.
    Fix {
        handheld: usize,
        cause: Cause,
        request_id: u32,
    },
}

/// One link with what waits for it.
pub(super) struct Carrier {
    pub(super) port: Port,
    /// Place of its gateway in the config.
    pub(super) gateway: usize,
    /// How to connect anew, where it is we who connect.
    anew: Option<(Role, LinkConfig)>,
    link: AnyLink,
    queue: VecDeque<Outgoing>,
    queued: BTreeSet<Outgoing>,
    /// Messages in a row that nobody acknowledged.
    unheard: u32,
    tokens: u64,
    was_up: bool,
}

/// What came of a link.
pub(super) enum Heard {
    /// It carries messages now; `again` when it did before.
    Up { again: bool },
    /// One whole HDAP message came.
    Message(Bytes),
    /// A message was given up; `deaf` when it is time to connect anew.
    Unsent { deaf: bool },
    /// A datagram was not understood.
    Refused,
}

impl Carrier {
    /// Messages that may wait; registrations and fixes wait once a handheld and need no limit.
    const QUEUE: usize = 1024;
    /// So many messages given up in a row, and the daemon has been started again.
    const DEAF: u32 = 2;

    /// The links of the gateways chosen, in the config's order.
    pub(super) fn all(now_ms: u64, config: &Config, options: &RadioOptions) -> Vec<Self> {
        let limits = &config.link;
        let link_config = LinkConfig {
            ack_ms: u64::from(limits.ack_ms),
            tries: u32::from(limits.tries),
            heartbeat_ms: u64::from(limits.heartbeat_s) * 1000,
            missed: u32::from(limits.missed),
            // A simulated repeater is steady: the same story at the same time.
            reconnect_ms: u64::from(limits.reconnect_s) * 1000,
            reconnect_max_ms: u64::from(limits.reconnect_s) * 1000,
            seed: options.seed,
        };
        let chosen = |name: &String| options.gateway.as_ref().is_none_or(|only| only == name);
        let mut out = Vec::new();
        for (place, gateway) in config.gateways.iter().enumerate() {
            if !chosen(&gateway.name) {
                continue;
            }
            out.extend(gateway.ports().filter_map(|port| match port {
                AnyPort::Udp(link) => {
                    let gateway = (place, gateway);
                    Some(Self::udp(now_ms, gateway, link, link_config, options))
                }
                AnyPort::Serial(serial) if serial.speaks == Speaks::Hrnp => {
                    Some(Self::serial((place, gateway), serial, options))
                }
                AnyPort::Air(air) => {
                    let side = AirSide {
                        side: Side::Radios,
                        host: reachable(options.daemon.unwrap_or(gateway.host)),
                        dispatcher: config.radio.dispatcher,
                        renew_s: config.radio.renew_s,
                        seed: options.seed,
                    };
                    Some(Self::air(now_ms, (place, gateway), air, side))
                }
                // No handheld here is a TETRA terminal, a receiver, or behind HTTP.
                AnyPort::Serial(_) | AnyPort::Http(_) => None,
            }));
        }
        out
    }

    fn udp(
        now_ms: u64,
        (place, gateway): (usize, &Gateway),
        link: &GatewayLink,
        config: LinkConfig,
        options: &RadioOptions,
    ) -> Self {
        let (end, role) = match gateway.role {
            GatewayRole::Listen => {
                let host = reachable(options.daemon.unwrap_or(gateway.host));
                let peer = SocketAddr::new(host, link.port);
                let role = Role::Connect {
                    peer,
                    device_id: gateway.device_id,
                    channel: link.slot,
                };
                (End::Connect(peer), role)
            }
            GatewayRole::Connect => {
                let at = SocketAddr::new(gateway.host, link.port);
                (End::Listen(at), Role::Listen)
            }
        };
        let port = Port {
            gateway: gateway.name.clone(),
            service: Some(link.service),
            slot: link.slot,
            end,
        };
        let link = AnyLink::Datagram(Link::new(now_ms, role, config));
        let anew = (role != Role::Listen).then_some((role, config));
        Self::new(place, port, link, anew)
    }

    /// A repeater with handhelds.
    fn air(now_ms: u64, (place, gateway): (usize, &Gateway), air: &AirPort, side: AirSide) -> Self {
        let end = match gateway.role {
            GatewayRole::Listen => End::Connect(SocketAddr::new(side.host, air.port)),
            GatewayRole::Connect => End::Listen(SocketAddr::new(gateway.host, air.port)),
        };
        let port = Port {
            gateway: gateway.name.clone(),
            service: None,
            slot: air.slot,
            end,
        };
        let link = AnyLink::Air(Box::new(air.link(now_ms, gateway, side)));
        Self::new(place, port, link, None)
    }

    fn serial(
        (place, gateway): (usize, &Gateway),
        serial: &SerialPort,
        options: &RadioOptions,
    ) -> Self {
        let path = options.serial.as_ref().unwrap_or(&serial.path).clone();
        let port = Port {
            gateway: gateway.name.clone(),
            service: None,
            slot: serial.slot,
            end: End::Serial(path, serial.baud),
        };
        let config = SerialConfig {
            ack_ms: u64::from(serial.ack_ms),
            tries: u32::from(serial.tries),
            ..SerialConfig::default()
        };
        let link = AnyLink::Serial(SerialLink::new(SerialEnd::Radio, config));
        Self::new(place, port, link, None)
    }

    fn new(gateway: usize, port: Port, link: AnyLink, anew: Option<(Role, LinkConfig)>) -> Self {
        Self {
            port,
            gateway,
            anew,
            link,
            queue: VecDeque::new(),
            queued: BTreeSet::new(),
            unheard: 0,
            tokens: 0,
            was_up: false,
        }
    }

    /// Lines something up; false when there is no room.
    pub(super) fn push(&mut self, outgoing: Outgoing) -> bool {
        match &outgoing {
            Outgoing::Message(_) if self.queue.len() - self.queued.len() >= Self::QUEUE => {
                return false;
            }
            Outgoing::Message(_) => {}
            once => {
                if !self.queued.insert(once.clone()) {
                    return true;
                }
            }
        }
        self.queue.push_back(outgoing);
        true
    }

    /// What is to be sent now, if the link takes something.
    pub(super) fn next(&mut self) -> Option<Outgoing> {
        if self.queue.is_empty() || !self.link.ready() {
            return None;
        }
        let next = self.queue.pop_front()?;
        self.queued.remove(&next);
        Some(next)
    }

    pub(super) fn send(&mut self, now_ms: u64, message: Bytes) -> bool {
        self.tokens += 1;
        self.link.send(now_ms, self.tokens, message).is_ok()
    }

    pub(super) fn handle_bytes(&mut self, now_ms: u64, from: Option<SocketAddr>, bytes: &[u8]) {
        self.link.handle_bytes(now_ms, from, bytes);
    }

    /// The serial port was opened or lost.
    pub(super) fn plug(&mut self, now_ms: u64, plugged: bool) {
        match plugged {
            true => self.link.opened(now_ms),
            false => self.link.lost(),
        }
    }

    /// Whether it carries a service.
    pub(super) fn carries(&self, service: Service) -> bool {
        self.port.service.is_none_or(|one| one == service)
    }

    pub(super) fn handle_timeout(&mut self, now_ms: u64) {
        if self.poll_timeout().is_some_and(|at_ms| at_ms <= now_ms) {
            self.link.handle_timeout(now_ms);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.link.poll_timeout()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(Option<SocketAddr>, Bytes)> {
        self.link.poll_transmit()
    }

    pub(super) fn poll_heard(&mut self) -> Option<Heard> {
        loop {
            return Some(match self.link.poll_event()? {
                LinkEvent::Up { .. } => Heard::Up {
                    again: std::mem::replace(&mut self.was_up, true),
                },
                LinkEvent::Received { bytes, .. } => Heard::Message(bytes),
                LinkEvent::Refused { .. } => Heard::Refused,
                LinkEvent::Sent { .. } => {
                    self.unheard = 0;
                    continue;
                }
                LinkEvent::Down { .. } | LinkEvent::LoginFailed { .. } => continue,
                LinkEvent::SendFailed { reason, .. } => {
                    self.unheard += u32::from(reason == SendFault::NoAck);
                    let deaf = self.unheard >= Self::DEAF;
                    Heard::Unsent { deaf }
                }
            });
        }
    }

    /// Connects anew where it is we who connect: a daemon started again does not know us, and the
    /// heartbeats would take a minute to tell.
    pub(super) fn reconnect(&mut self, now_ms: u64) {
        self.unheard = 0;
        if let Some((role, config)) = self.anew {
            self.link = AnyLink::Datagram(Link::new(now_ms, role, config));
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    pub(super) fn close(&mut self, now_ms: u64) {
        self.link.close(now_ms);
    }
}

/// The address for any is nobody's: a daemon bound to it is reached on loopback.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(at) if at.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(at) if at.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}
