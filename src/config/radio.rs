//! Gateways, their links, and what goes over the air.
//!
//! Addresses are numbers, never host names: a daemon that must dispatch does not wait for DNS.

use super::fault::{Report, Text};
use super::homebrew::{self, AirPort};
use super::http::{self, HttpPort};
use super::load::Files;
use super::node::Node;
use super::origin::Origin;
use super::serial::{self, SerialPort, Speaks};
use super::table::Keys;
use super::work_order;
use crate::engine::policy::Key;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// UTF-16 units a text message may be configured to.
const TEXT_UNITS: std::ops::RangeInclusive<i64> = 20..=500;
/// Longest renewal of a registration and interval of positions, seconds.
const INTERVAL_S_MAX: i64 = 65_535;
/// Interval of positions while an emergency is open, where the config says none, seconds.
const EMERGENCY_INTERVAL_S: i64 = 5;
/// Longest wait between two CONNECTs, where the config says none, seconds.
const RECONNECT_MAX_S: i64 = 30;
/// Longest transport timers.
pub(super) const ACK_MS_MAX: i64 = 10_000;
pub(super) const LINK_S_MAX: i64 = 3_600;
/// Longest queue of a link.
const QUEUE_MAX: i64 = 65_536;
/// Slots of a carrier.
pub(super) const SLOTS: std::ops::RangeInclusive<i64> = 1..=2;
/// Gateways and links one daemon serves.
const GATEWAYS_MAX: usize = 64;
const LINKS_MAX: usize = 16;

/// What goes over the air, for all gateways.
#[derive(Debug, Clone)]
pub struct Radio {
    /// Longest text in UTF-16 units.
    pub text_units_max: usize,
    /// Address that texts come from: an IPv4 address, or subnet and 24-bit id written as one.
    pub dispatcher: Ipv4Addr,
    /// A registration is renewed after this, seconds.
    pub renew_s: u16,
    /// Interval of triggered position reports, seconds.
    pub position_interval_s: u16,
    /// The same while the terminal's emergency is open, seconds.
    pub emergency_interval_s: u16,
    /// Sets bit 7 of the message header (reliable) on texts sent.
    pub tmp_flag_bit7: bool,
    /// What the states of a work order mean.
    pub work_states: BTreeMap<u16, Key>,
}

/// Timers and bounds of each link.
#[derive(Debug, Clone, Copy)]
pub struct LinkLimits {
    /// A transport ack is awaited this long, milliseconds.
    pub ack_ms: u32,
    /// Times a frame is sent before `SendFailed`.
    pub tries: u8,
    /// Between heartbeats, seconds.
    pub heartbeat_s: u32,
    /// Heartbeats missed before the link counts as down.
    pub missed: u8,
    /// Between attempts to connect, seconds.
    pub reconnect_s: u32,
    /// The longest of these waits, seconds: each is twice the one before.
    pub reconnect_max_s: u32,
    /// Frames waiting at most.
    pub queue: usize,
    /// A frame waits at most this long, seconds.
    pub ttl_s: u32,
}

/// Who opens the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayRole {
    /// The repeater connects to us.
    Listen,
    /// We connect to the repeater.
    Connect,
}

/// What a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Registration.
    Rrs,
    /// Positions.
    Lp,
    /// Texts.
    Tmp,
}

impl Service {
    /// All services with the names the config uses.
    pub const NAMES: [(&'static str, Self); 3] =
        [("RRS", Self::Rrs), ("LP", Self::Lp), ("TMP", Self::Tmp)];
}

/// One service on one slot: a UDP port of its own.
#[derive(Debug, Clone, Copy)]
pub struct GatewayLink {
    /// What it carries.
    pub service: Service,
    /// Slot, 1 or 2.
    pub slot: u8,
    /// Port: ours when listening, the repeater's when connecting.
    pub port: u16,
}

/// One link, whatever it goes over.
#[derive(Debug, Clone, Copy)]
pub enum AnyPort<'a> {
    /// One service on one slot, HSTRP.
    Udp(&'a GatewayLink),
    /// All services, HRNP or PEI; or positions alone, of a receiver.
    Serial(&'a SerialPort),
    /// All services, over DMR repeaters.
    Air(&'a AirPort),
    /// All services, of a gateway behind HTTP.
    Http(&'a HttpPort),
}

/// A radio gateway: a set of links.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Name used in `terminals.csv`, metrics and logs.
    pub name: String,
    /// Who opens its links.
    pub role: GatewayRole,
    /// Address to bind when listening, address of the repeater when connecting.
    pub host: IpAddr,
    /// Only peer whose datagrams are taken; `None` takes any.
    pub accept_from: Option<IpAddr>,
    /// Device id told when connecting.
    pub device_id: u32,
    /// Its links; none when one port carries all.
    pub links: Vec<GatewayLink>,
    /// Its port when it is serial; then role, host and device id mean nothing.
    pub serial: Option<SerialPort>,
    /// Its port when it is Homebrew; role and host are that port's.
    pub air: Option<AirPort>,
    /// Its port when it is behind HTTP; then role, host and device id mean nothing.
    pub http: Option<HttpPort>,
    /// Whether assignments go over it as work orders.
    pub work_orders: bool,
    /// Where the row comes from.
    pub origin: Origin,
}

impl Gateway {
    /// Its links over UDP, or the one that carries all.
    pub fn ports(&self) -> impl Iterator<Item = AnyPort<'_>> {
        let udp = self.links.iter().map(AnyPort::Udp);
        let air = self.air.iter().map(AnyPort::Air);
        udp.chain(self.serial.iter().map(AnyPort::Serial))
            .chain(air)
            .chain(self.http.iter().map(AnyPort::Http))
    }

    /// Whether one port carries all services on all slots.
    #[must_use]
    pub fn carries_all(&self) -> bool {
        self.serial.is_some() || self.air.is_some() || self.http.is_some()
    }
}

pub(super) fn radio(root: &Node<'_>) -> Option<Radio> {
    let node = root.section("radio");
    let dispatcher = address::<Ipv4Addr>(&node, "dispatcher_address");
    let seconds = |key| u16::try_from(node.int(key, 1..=INTERVAL_S_MAX)).unwrap_or(1);
    let text_units_max = usize::try_from(node.int("text_units_max", TEXT_UNITS)).unwrap_or(20);
    let (renew_s, position_interval_s) = (seconds("rrs_renew_s"), seconds("position_interval_s"));
    let burst_s = node.int_or(
        "emergency_interval_s",
        1..=INTERVAL_S_MAX,
        EMERGENCY_INTERVAL_S,
    );
    let emergency_interval_s = u16::try_from(burst_s).unwrap_or(position_interval_s);
    let tmp_flag_bit7 = node.flag_or("tmp_flag_bit7", false);
    let work_states = work_order::states(&node);
    let dispatcher = dispatcher?;
    Some(Radio {
        text_units_max,
        dispatcher,
        renew_s,
        position_interval_s,
        emergency_interval_s,
        tmp_flag_bit7,
        work_states,
    })
}

/// `[link]`; the frame's deadline in the ladder must outlast the link's own retries, or every slow
/// ack would be taken for a lost one.
pub(super) fn link(root: &Node<'_>, send_ms: u32) -> LinkLimits {
    let node = root.section("link");
    let small = |key, most| u8::try_from(node.int(key, 1..=most)).unwrap_or(1);
    let seconds = |key| u32::try_from(node.int(key, 1..=LINK_S_MAX)).unwrap_or(1);
    let ack_ms = u32::try_from(node.int("ack_ms", 1..=ACK_MS_MAX)).unwrap_or(1);
    let (tries, missed) = (small("tries", 16), small("missed", 100));
    let reconnect_s = seconds("reconnect_s");
    let reconnect_max_s = node.int_or("reconnect_max_s", 1..=LINK_S_MAX, RECONNECT_MAX_S);
    let reconnect_max_s = u32::try_from(reconnect_max_s).unwrap_or(reconnect_s);
    let limits = LinkLimits {
        ack_ms,
        tries,
        heartbeat_s: seconds("heartbeat_s"),
        missed,
        reconnect_s,
        reconnect_max_s: reconnect_max_s.max(reconnect_s),
        queue: usize::try_from(node.int("queue", 1..=QUEUE_MAX)).unwrap_or(1),
        ttl_s: seconds("ttl_s"),
    };
    let retries_ms = ack_ms.saturating_mul(u32::from(tries));
    if send_ms < retries_ms {
        let text = format!(
            "ack_ms x tries is {retries_ms} ms, longer than ladder.send_ms = {send_ms}: \
             the engine would give up before the link does"
        );
        node.report.fault(&node.spot("ack_ms"), text);
    }
    limits
}

/// The gateways and receivers, and the radio ids the receivers name.
pub(super) fn gateways(
    root: &Node<'_>,
    files: &mut Files<'_>,
    send_ms: u32,
) -> (Vec<Gateway>, Vec<Text>) {
    const ROLES: [(&str, GatewayRole); 2] = [
        ("listen", GatewayRole::Listen),
        ("connect", GatewayRole::Connect),
    ];
    let mut names = Keys::default();
    let mut ports = Ports::default();
    // Serial ports, and places behind HTTP.
    let mut lines = Vec::new();
    let mut out = Vec::new();
    for node in root.list("gateway") {
        let name = node.text("name");
        let serial = serial::port(&node, send_ms, &mut lines);
        let transport = node.text_opt("transport");
        let is = |name| transport.as_ref().is_some_and(|text| text.value == name);
        let air = is("homebrew").then(|| homebrew::port(&node, files));
        let http = is("http").then(|| http::port(&node, files, send_ms, &mut lines));
        let by_udp = serial.is_none() && http.is_none();
        let (role, host, links) = match by_udp {
            // Of the keys for UDP none is read, so each one there is told as unknown.
            false => (None, None, Vec::new()),
            true => {
                let role = node.choice("role", &ROLES);
                let host = address::<IpAddr>(&node, "host");
                let end = role.zip(host);
                let links = match &air {
                    Some(air) => {
                        ports.claim_for_air(&node, end, air);
                        Vec::new()
                    }
                    None => links(&node, end, &mut ports),
                };
                (role, host, links)
            }
        };
        let accept_from = by_udp.then(|| node.text_opt("accept_from")).flatten();
        let accept_from = accept_from.and_then(|t| parsed(node.report, &t));
        let device = match by_udp && air.is_none() {
            true => node.int_or("device_id", 0..=i64::from(u32::MAX), 0),
            false => 0,
        };
        // Only their maker's frames know work orders.
        let has_orders = match &serial {
            Some(serial) => serial.speaks == Speaks::Hrnp,
            None => air.is_none() && http.is_none(),
        };
        let work_orders = has_orders && node.flag_or("work_orders", false);
        let origin = node.choice("origin", &Origin::NAMES);
        names.claim(node.report, name.as_ref(), "gateway");
        if out.len() == GATEWAYS_MAX {
            node.report
                .fault(node.here(), format!("more than {GATEWAYS_MAX} gateways"));
        }
        let Some(name) = name else { continue };
        out.push(Gateway {
            name: name.value,
            role: role.unwrap_or(GatewayRole::Listen),
            host: host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            accept_from,
            device_id: u32::try_from(device).unwrap_or(0),
            links,
            serial,
            air,
            http,
            work_orders,
            origin: origin.unwrap_or(Origin::Sample),
        });
    }
    let mut vehicles = Vec::new();
    let receivers = if root.has("gps") {
        root.list("gps")
    } else {
        Vec::new()
    };
    for node in receivers {
        let name = node.text("name");
        names.claim(node.report, name.as_ref(), "gateway or receiver");
        let serial = Some(serial::receiver(&node, &mut lines, &mut vehicles));
        let origin = node.choice("origin", &Origin::NAMES);
        if out.len() >= GATEWAYS_MAX {
            let text = format!("more than {GATEWAYS_MAX} gateways and receivers");
            node.report.fault(node.here(), text);
        }
        out.extend(name.map(|name| Gateway {
            name: name.value,
            role: GatewayRole::Listen,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            accept_from: None,
            device_id: 0,
            links: Vec::new(),
            serial,
            air: None,
            http: None,
            work_orders: false,
            origin: origin.unwrap_or(Origin::Sample),
        }));
    }
    (out, vehicles)
}

fn links(
    node: &Node<'_>,
    end: Option<(GatewayRole, IpAddr)>,
    ports: &mut Ports,
) -> Vec<GatewayLink> {
    let mut out: Vec<GatewayLink> = Vec::new();
    for entry in node.list("links") {
        let service = entry.choice("service", &Service::NAMES);
        let slot = entry
            .int_if("slot", SLOTS)
            .and_then(|s| u8::try_from(s).ok());
        let port = entry
            .int_if("port", 1..=65_535)
            .and_then(|p| u16::try_from(p).ok());
        let (Some(service), Some(slot), Some(port)) = (service, slot, port) else {
            continue;
        };
        if out.iter().any(|l| l.service == service && l.slot == slot) {
            entry.report.fault(
                entry.here(),
                format!("slot {slot} has two links of this service"),
            );
        }
        if let Some((role, host)) = end {
            let spot = entry.spot("port");
            ports.claim(
                entry.report,
                &Text {
                    value: spot.key.clone(),
                    spot,
                },
                role,
                host,
                port,
            );
        }
        out.push(GatewayLink {
            service,
            slot,
            port,
        });
    }
    if out.len() > LINKS_MAX {
        node.report
            .fault(&node.spot("links"), format!("more than {LINKS_MAX} links"));
    }
    out
}

/// Ports taken, with who took them.
#[derive(Default)]
struct Ports(Vec<(GatewayRole, IpAddr, u16, String)>);

impl Ports {
    fn claim_for_air(
        &mut self,
        node: &Node<'_>,
        end: Option<(GatewayRole, IpAddr)>,
        air: &AirPort,
    ) {
        let spot = node.spot("port");
        let value = spot.key.clone();
        if let Some((role, host)) = end {
            self.claim(node.report, &Text { value, spot }, role, host, air.port);
        }
    }

    fn claim(&mut self, report: &Report, who: &Text, role: GatewayRole, host: IpAddr, port: u16) {
        let clash = |taken: &&(GatewayRole, IpAddr, u16, String)| {
            taken.0 == role && taken.2 == port && same_host(taken.1, host)
        };
        if let Some((_, _, _, first)) = self.0.iter().find(clash) {
            report.fault(&who.spot, format!("port {port} is taken by {first}"));
        }
        self.0.push((role, host, port, who.value.clone()));
    }
}

/// Whether binding both would collide.
fn same_host(a: IpAddr, b: IpAddr) -> bool {
    a == b || a.is_unspecified() || b.is_unspecified()
}

/// Whether two sockets of one kind would collide; port 0 is a free one each time.
pub(super) fn same_socket(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0 && a.port() == b.port() && same_host(a.ip(), b.ip())
}

/// A key holding an address.
pub(super) fn address<T: std::str::FromStr>(node: &Node<'_>, key: &str) -> Option<T> {
    parsed(node.report, &node.text(key)?)
}

fn parsed<T: std::str::FromStr>(report: &Report, text: &Text) -> Option<T> {
    let found = text.value.parse().ok();
    if found.is_none() {
        let text_ = format!(
            "`{}` is not such an address (numbers, no host name)",
            text.value
        );
        report.fault(&text.spot, text_);
    }
    found
}
