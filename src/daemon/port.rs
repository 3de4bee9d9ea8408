//! One link of a gateway: what its machine is made from, what waits for it, and what is in flight.

use super::gateway::{Frame, Heard};
use crate::config::{
    AirPort, AirSide, Gateway, GatewayLink, GatewayRole, HttpPort, LinkLimits, SerialPort, Service,
    Speaks,
};
use crate::engine::id::EngineTime;
use crate::engine::message::Request;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use tieqi_protocols::link::{
    AnyLink, HttpConfig, HttpLink, Link, LinkConfig, NmeaLink, PeiLink, Role, SerialConfig,
    SerialEnd, SerialLink,
};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rcp::{Identity, RECEIVING, REPEATER, Rcp, SENDING, switched_on};

/// One link with what waits for it.
pub(super) struct Port {
    pub(super) gateway: usize,
    /// None carries all.
    pub(super) service: Option<Service>,
    pub(super) slot: u8,
    pub(super) link: AnyLink,
    /// What a radio is told each time it is connected to, and what of that is still to be sent.
    pub(super) setup: Vec<Bytes>,
    pub(super) to_set_up: VecDeque<Bytes>,
    pub(super) queue: BTreeMap<(u8, u64), Frame>,
    /// No frame of the queue expires before then.
    pub(super) expires_at: Option<EngineTime>,
    pub(super) in_flight: Option<(u64, Option<Request>, u64)>,
    pub(super) up: bool,
    /// The only address it may be talked to from, if the config names one.
    pub(super) accept_from: Option<IpAddr>,
}

impl Port {
    fn new(gateway: usize, service: Option<Service>, slot: u8, link: AnyLink) -> Self {
        Self {
            gateway,
            service,
            slot,
            link,
            setup: Vec::new(),
            to_set_up: VecDeque::new(),
            queue: BTreeMap::new(),
            expires_at: None,
            in_flight: None,
            up: false,
            accept_from: None,
        }
    }

    pub(super) fn udp(
        now: EngineTime,
        (index, gateway): (usize, &Gateway),
        link: &GatewayLink,
        config: LinkConfig,
    ) -> Self {
        let role = match gateway.role {
            GatewayRole::Listen => Role::Listen,
            GatewayRole::Connect => Role::Connect {
                peer: SocketAddr::new(gateway.host, link.port),
                device_id: gateway.device_id,
                channel: link.slot,
            },
        };
        let config = LinkConfig {
            seed: u64::from(link.port),
            ..config
        };
        let machine = AnyLink::Datagram(Link::new(now.0, role, config));
        Self {
            accept_from: gateway.accept_from,
            ..Self::new(index, Some(link.service), link.slot, machine)
        }
    }

    pub(super) fn air(
        now: EngineTime,
        (index, gateway): (usize, &Gateway),
        air: &AirPort,
        side: AirSide,
    ) -> Self {
        let machine = AnyLink::Air(Box::new(air.link(now.0, gateway, side)));
        Self {
            accept_from: gateway.accept_from,
            ..Self::new(index, None, air.slot, machine)
        }
    }

    pub(super) fn serial(index: usize, serial: &SerialPort, limits: &LinkLimits) -> Self {
        let config = SerialConfig {
            ack_ms: u64::from(serial.ack_ms),
            tries: u32::from(serial.tries),
            reconnect_ms: u64::from(limits.reconnect_s) * 1000,
            quiet_ms: u64::from(serial.quiet_s) * 1000,
        };
        match &serial.speaks {
            Speaks::Hrnp => {}
            Speaks::Pei(setup) => {
                let machine = AnyLink::Pei(PeiLink::new(config, setup.clone()));
                return Self::new(index, None, serial.slot, machine);
            }
            Speaks::Nmea(radio_id) => {
                let (subnet, id) = (RadioIp::USUAL_SUBNET, *radio_id);
                let machine = AnyLink::Nmea(NmeaLink::new(RadioIp { subnet, id }));
                return Self::new(index, Some(Service::Lp), serial.slot, machine);
            }
        }
        let machine = AnyLink::Serial(SerialLink::new(SerialEnd::Computer, config));
        Self {
            setup: setup(serial.on_first),
            ..Self::new(index, None, serial.slot, machine)
        }
    }

    pub(super) fn http(index: usize, http: &HttpPort) -> Self {
        let config = HttpConfig {
            tries: u32::from(http.tries),
            retry_ms: u64::from(http.retry_ms),
            wait_s: http.wait_s,
        };
        let machine = AnyLink::Http(Box::new(HttpLink::new(config)));
        Self::new(index, None, http.slot, machine)
    }

    /// Drops what expired. The queue is looked through only when something may have.
    fn expire(&mut self, now: EngineTime, heard: &mut Vec<Heard>) {
        if self.expires_at.is_none_or(|first| first > now) {
            return;
        }
        self.queue.retain(|_, frame| {
            let drop = frame.expires_at <= now;
            if drop {
                heard.extend(frame.request.map(Heard::NotSent));
            }
            !drop
        });
        self.expires_at = self.queue.values().map(|frame| frame.expires_at).min();
    }

    /// Gives the link its next frame; true when there may be another.
    pub(super) fn send_next(&mut self, now: EngineTime, heard: &mut Vec<Heard>) -> bool {
        self.expire(now, heard);
        let idle = self.queue.is_empty() && self.to_set_up.is_empty();
        if idle || self.in_flight.is_some() || !self.link.ready() {
            return false;
        }
        if let Some(bytes) = self.to_set_up.pop_front() {
            // No ticket is 0, and nobody waits to hear of it: a radio that does not take it will
            // be connected to anew.
            let sent = self.link.send(now.0, 0, bytes).is_ok();
            self.in_flight = sent.then_some((0, None, 0));
            return true;
        }
        let Some(((_, ticket), frame)) = self.queue.pop_first() else {
            return false;
        };
        match self.link.send(now.0, ticket, frame.bytes) {
            Ok(()) => {
                self.in_flight = Some((ticket, frame.request, frame.decided_us));
                heard.push(Heard::Left {
                    rank: frame.rank,
                    arrived_us: frame.arrived_us,
                });
            }
            Err(_) => heard.extend(frame.request.map(Heard::NotSent)),
        }
        true
    }

    /// The text in flight under this token, and when it was decided.
    pub(super) fn landed(&mut self, token: u64) -> Option<(Request, u64)> {
        let (_, request, decided_us) = self.in_flight.take_if(|(ticket, ..)| *ticket == token)?;
        Some((request?, decided_us))
    }
}

/// What a radio at a serial port is told when it is connected to: to say who it is, to pass on
/// texts, and to tell what it and its repeater do.
fn setup(on_first: bool) -> Vec<Bytes> {
    /// Text messages.
    const TMP: u8 = 1;
    let pairs = switched_on([SENDING, RECEIVING, REPEATER], on_first);
    let messages = [
        Rcp::IdentityQuery(Identity::ID),
        Rcp::BroadcastMessages {
            flags: TMP,
            reserved: [0; 7],
        },
        Rcp::BroadcastStates { pairs: &pairs },
    ];
    let bytes = messages.map(|rcp| Message::Rcp(rcp).to_bytes(false));
    bytes.into()
}
