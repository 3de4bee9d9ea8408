//! Homebrew gateways: DMR repeaters that log in to us, or a master we log in to as a repeater.
//!
//! The passphrase stands in a file of its own, and who is who on the air in a table: no formula
//! would know a force's number plan.

use super::fault::Text;
use super::load::Files;
use super::node::Node;
use super::radio::{Gateway, GatewayRole};
use super::table;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tieqi_protocols::dmr::Address;
use tieqi_protocols::dmr::delivery;
use tieqi_protocols::homebrew::{Slot, key};
use tieqi_protocols::link::homebrew::{
    AirLink, AirLinkConfig, Client, ClientConfig, End, Master, MasterConfig, NumberPlan,
    Passphrase, Side,
};
use tieqi_protocols::radio_ip::RadioIp;

/// Largest passphrase file, bytes.
const PASSPHRASE_MAX: usize = 256;
/// Repeaters one master lets in.
const REPEATERS_MAX: usize = 64;
/// Numbers on the air, 24 bits; the last ones have a meaning of their own.
const ADDRESSES: std::ops::RangeInclusive<i64> = 1..=0x00FF_FEBF;
/// Columns of the table of numbers.
const COLUMNS: &[&str] = &["radio", "dmr"];

/// What a Homebrew gateway needs besides role and host.
#[derive(Debug, Clone)]
pub struct AirPort {
    /// UDP port: ours as a master, the master's as a repeater.
    pub port: u16,
    /// Shared by the master and its repeaters.
    pub passphrase: Passphrase,
    /// Ids let in; as a repeater the first is our own.
    pub repeaters: Vec<u32>,
    /// The dispatcher's number on the air.
    pub desk: Address,
    /// Slot that radios are called on before they are heard, 1 or 2.
    pub slot: u8,
    /// Preambles before each packet, so that sleeping radios listen.
    pub preambles: u8,
    /// Radio and group ids and their numbers on the air.
    pub plan: NumberPlan,
}

/// What a link over the air takes from elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct AirSide {
    /// The daemon's side or the simulated radios'.
    pub side: Side,
    /// Whom it reaches the other end at, if it is the one that logs in.
    pub host: IpAddr,
    /// Address that texts come from.
    pub dispatcher: Ipv4Addr,
    /// A registration is renewed after this, seconds.
    pub renew_s: u16,
    /// New at each start.
    pub seed: u64,
}

impl AirPort {
    /// The link of one side: where the daemon is the master the radios log in, and the other way
    /// round.
    #[must_use]
    pub fn link(&self, now_ms: u64, gateway: &Gateway, of: AirSide) -> AirLink {
        let [subnet, high, middle, low] = of.dispatcher.octets();
        let id = u32::from_be_bytes([0, high, middle, low]);
        // Nobody without the passphrase can tell the salts to come.
        let [a, b, c, d, start @ ..] = of.seed.to_be_bytes();
        let secret = key([a, b, c, d], &[&start, &*self.passphrase.0].concat());
        let config = AirLinkConfig {
            side: of.side,
            dispatcher: RadioIp { subnet, id },
            desk: self.desk,
            plan: self.plan.clone(),
            slot: match self.slot {
                2 => Slot::Two,
                _ => Slot::One,
            },
            preambles: self.preambles,
            // So that an attempt ends within the time the ladder gives a delivery.
            delivery: delivery::Config {
                tries: 2,
                ..delivery::Config::default()
            },
            renew_ms: u64::from(of.renew_s) * 1000,
            secret,
        };
        let is_master = (gateway.role == GatewayRole::Listen) == (of.side == Side::Desk);
        let end = match is_master {
            true => {
                let known = self.repeaters.iter();
                let known = known.map(|id| (*id, self.passphrase.clone()));
                End::Master(Master::new(MasterConfig::new(known.collect())))
            }
            false => {
                let repeater = self.repeaters.first().copied().unwrap_or(0);
                let at = SocketAddr::new(of.host, self.port);
                let config = ClientConfig::new(at, repeater, self.passphrase.clone());
                End::Client(Client::new(now_ms, config))
            }
        };
        AirLink::new(config, end)
    }
}

/// The port of a gateway whose transport is Homebrew.
pub(super) fn port(node: &Node<'_>, files: &mut Files<'_>) -> AirPort {
    let port = node.int("port", 1..=65_535);
    let desk = address(node.int("dispatcher", ADDRESSES));
    let mut plan = NumberPlan::default();
    if let Some(source) = files.table(node.text("numbers")) {
        for row in table::rows(node.report, &source, COLUMNS) {
            let pair = row.int("radio", ADDRESSES).zip(row.int("dmr", ADDRESSES));
            let Some((radio, dmr)) = pair else { continue };
            let dmr = address(dmr);
            if dmr == desk || !plan.add(u32::try_from(radio).unwrap_or(0), dmr) {
                let text = "the radio or the number stands twice, or is the dispatcher's";
                node.report.fault(&row.spot("dmr"), text);
            }
        }
    }
    AirPort {
        port: u16::try_from(port).unwrap_or(1),
        passphrase: passphrase(node, files),
        repeaters: repeaters(node),
        desk,
        slot: u8::try_from(node.int_or("slot", super::radio::SLOTS, 1)).unwrap_or(1),
        preambles: u8::try_from(node.int_or("preambles", 0..=30, 4)).unwrap_or(4),
        plan,
    }
}

fn address(number: i64) -> Address {
    let number = u32::try_from(number).ok().and_then(Address::new);
    number.unwrap_or(Address::ALL)
}

/// The file's text without the line break editors leave.
fn passphrase(node: &Node<'_>, files: &mut Files<'_>) -> Passphrase {
    let name = node.text("passphrase_file");
    let bytes = name
        .as_ref()
        .and_then(|name| files.read(name, PASSPHRASE_MAX));
    let bytes = bytes.unwrap_or_default();
    let words = bytes.trim_ascii_end();
    if let Some(name) = name.filter(|_| words.is_empty()) {
        node.report.fault(&name.spot, "holds no passphrase");
    }
    Passphrase(words.to_vec().into())
}

fn repeaters(node: &Node<'_>) -> Vec<u32> {
    let mut out = Vec::new();
    for Text { value, spot } in node.texts("repeaters") {
        match value.parse() {
            Ok(id) if !out.contains(&id) && out.len() < REPEATERS_MAX => out.push(id),
            Ok(_) => node.report.fault(
                &spot,
                format!("`{value}` stands twice, or is one of more than {REPEATERS_MAX}"),
            ),
            Err(_) => node
                .report
                .fault(&spot, format!("`{value}` is no repeater's id")),
        }
    }
    out
}
