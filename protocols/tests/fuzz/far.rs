//! The far end of a link: frames as they may come, and the answers of a peer that behaves. For a
//! link over the air the peer is the other end itself, so that logins and deliveries get far.

use crate::seeds::HOMEBREW;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use tieqi_protocols::Parsed;
use tieqi_protocols::dmr::{Address, delivery};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::homebrew::Slot;
use tieqi_protocols::hrnp::{COMPUTER, Hrnp, Opcode, RADIO, VERSION};
use tieqi_protocols::hstrp::{Hstrp, Kind, endpoint_options};
use tieqi_protocols::link::homebrew::{
    AirLink, AirLinkConfig, Client, ClientConfig, End, Master, MasterConfig, NumberPlan,
    Passphrase, Side,
};
use tieqi_protocols::link::{Answer, Ask, Way};
use tieqi_protocols::message::Message;
use tieqi_protocols::pei::line::{Data, Party, Said, Service};
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rrs::Rrs;
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp};

const OPCODES: [Opcode; 7] = [
    Opcode::Connect,
    Opcode::Accept,
    Opcode::Data,
    Opcode::DataAck,
    Opcode::Close,
    Opcode::CloseAck,
    Opcode::Reject,
];
/// What a terminal says without data: answers, errors that may pass and that do not, receipts.
const LINES: [&str; 8] = [
    "OK",
    "ERROR",
    "+CME ERROR: 35",
    "+CME ERROR: 4",
    "+CMGS: 0,1",
    "+CTXG: 1",
    "AT",
    "+CTSDSR: 12,1001,0,1",
];
/// What a gateway behind HTTP says of what it was asked: good, refusals and trouble.
const STATUSES: [u16; 8] = [200, 202, 200, 401, 200, 404, 429, 500];
/// Kinds of its events, and one nobody knows.
const KINDS: [&str; 8] = [
    "registered",
    "text",
    "status",
    "delivered",
    "position",
    "emergency",
    "left",
    "voice",
];
/// First byte of what is asked: news, or that a text is taken.
const NEWS: u8 = 0;
const TEXT: u8 = 1;
/// The repeater at the other end, and the one radio behind it.
const REPEATER: u32 = 7;
const HANDHELD: u32 = 1001;
const DESK: u32 = 1;

pub(crate) fn peer(stranger: bool) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 30_000 + u16::from(stranger)).into()
}

/// Who speaks to the link.
pub(crate) enum Far {
    /// HSTRP.
    Datagram,
    /// HRNP.
    Serial,
    /// A TETRA terminal.
    Terminal,
    /// The other end over the air.
    Air(Box<AirLink>),
    /// A gateway behind HTTP. An answer is told as [`answer`] reads it.
    Gateway,
}

/// A frame as it may come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odd {
    pub(crate) kind: u8,
    pub(crate) number: u16,
    pub(crate) carries: bool,
    pub(crate) turned: bool,
}

impl Far {
    pub(crate) fn is_line(&self) -> bool {
        matches!(self, Self::Serial | Self::Terminal)
    }

    /// A frame of the link's transport.
    pub(crate) fn frame(&self, odd: Odd) -> Vec<u8> {
        match self {
            Self::Datagram => datagram(odd),
            Self::Serial => {
                let opcode = OPCODES[usize::from(odd.kind) % OPCODES.len()];
                let payload = message(odd.number.into());
                let message = (opcode == Opcode::Data).then(|| hdap(&payload));
                let mut out = Vec::new();
                serial(opcode, odd.number, odd.turned, message).emit(&mut out);
                out
            }
            Self::Terminal if odd.carries => short_data(odd),
            Self::Terminal => line(LINES[usize::from(odd.kind) % LINES.len()]),
            Self::Air(_) => HOMEBREW[usize::from(odd.kind) % HOMEBREW.len()].clone(),
            Self::Gateway => {
                let event = news(odd.kind, odd.number);
                let way = if odd.carries {
                    Way::Events
                } else {
                    Way::Messages
                };
                let session = u64::from(odd.turned);
                reply(
                    way,
                    STATUSES[usize::from(odd.kind) % STATUSES.len()],
                    session,
                    &event,
                )
            }
        }
    }

    /// How the peer begins, and what it says of its own accord.
    pub(crate) fn begin(&mut self, now_ms: u64, number: u64) -> Vec<Vec<u8>> {
        let (carries, turned) = (false, false);
        match self {
            Self::Datagram => {
                let kind = Kind::CONNECT.with(Kind::OPTION).bits();
                let number = 0;
                vec![self.frame(Odd {
                    kind,
                    number,
                    carries,
                    turned,
                })]
            }
            Self::Serial => {
                let (kind, number) = (0, 0);
                vec![self.frame(Odd {
                    kind,
                    number,
                    carries,
                    turned,
                })]
            }
            Self::Terminal => vec![line("OK")],
            Self::Gateway => {
                let event = news(0, u16::try_from(number).unwrap_or(u16::MAX));
                vec![reply(Way::Events, 200, 0, &event)]
            }
            Self::Air(other) => {
                other.handle_timeout(now_ms);
                let radio = RadioIp::terminal(HANDHELD).unwrap();
                let said = match number % 3 {
                    0 => Message::Rrs(Rrs::Registration(radio)).to_bytes(false),
                    _ => text(HANDHELD, DESK, number),
                };
                let _ = other.send(now_ms, number, &said);
                said_by(other)
            }
        }
    }

    /// What a well-behaved peer answers to what the link sent.
    pub(crate) fn answer(&mut self, now_ms: u64, sent: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Air(other) => {
                other.handle_bytes(now_ms, peer(false), sent);
                return said_by(other);
            }
            Self::Terminal => out = line("OK"),
            Self::Gateway if sent.first() == Some(&TEXT) => {
                out = reply(Way::Messages, 202, 0, "");
            }
            Self::Gateway => out = reply(Way::Events, 200, 0, ""),
            Self::Datagram => {
                if let Ok(frame) = Hstrp::parse(sent) {
                    frame.ack().emit(&mut out);
                }
            }
            Self::Serial => {
                if let Ok(Parsed::Complete(frame, _)) = Hrnp::parse(sent) {
                    let opcode = match frame.opcode {
                        Opcode::Connect => Opcode::Accept,
                        Opcode::Close => Opcode::CloseAck,
                        _ => Opcode::DataAck,
                    };
                    let turned = frame.source == COMPUTER;
                    serial(opcode, frame.packet_number, turned, None).emit(&mut out);
                }
            }
        }
        vec![out]
    }
}

/// All that waits at the other end; its events are nobody's here.
fn said_by(other: &mut AirLink) -> Vec<Vec<u8>> {
    while other.poll_event().is_some() {}
    let bytes = std::iter::from_fn(|| other.poll_transmit());
    bytes.map(|transmit| transmit.bytes.to_vec()).collect()
}

/// The desk as the master, or as a repeater of a master elsewhere.
pub(crate) fn air(is_master: bool, side: Side) -> AirLink {
    let words = Passphrase(b"s3cr37w0rd"[..].into());
    let end = match is_master {
        true => {
            let known = BTreeMap::from([(REPEATER, words)]);
            End::Master(Master::new(MasterConfig::new(known)))
        }
        false => End::Client(Client::new(
            0,
            ClientConfig::new(peer(false), REPEATER, words),
        )),
    };
    let mut plan = NumberPlan::default();
    assert!(plan.add(HANDHELD, Address::new(4_600_123).unwrap()));
    let config = AirLinkConfig {
        side,
        dispatcher: RadioIp::terminal(DESK).unwrap(),
        desk: Address::new(4_600_000).unwrap(),
        plan,
        slot: Slot::One,
        preambles: 1,
        delivery: delivery::Config::default(),
        renew_ms: 60_000,
        secret: [u8::from(is_master); 32],
    };
    AirLink::new(config, end)
}

fn datagram(odd: Odd) -> Vec<u8> {
    let (mut out, payload) = (Vec::new(), message(odd.number.into()));
    let kind = Kind::from_bits(odd.kind & 0x3F).unwrap();
    let options = endpoint_options(1, 1);
    let options = if kind.has(Kind::OPTION) {
        options.as_slice()
    } else {
        &[]
    };
    let messages = if odd.carries { payload.as_slice() } else { &[] };
    Hstrp {
        kind,
        sequence: odd.number,
        options,
        messages,
    }
    .emit(&mut out);
    out
}

/// What the link asked for, told like a datagram.
pub(crate) fn asked(ask: &Ask) -> Bytes {
    let way = if ask.way == Way::Messages { TEXT } else { NEWS };
    [&[way], &*ask.body].concat().into()
}

/// The answer that such bytes tell: way, status, body; silence if there is no status.
pub(crate) fn answer(bytes: &[u8]) -> Answer {
    let (way, rest) = bytes.split_first().unwrap_or((&NEWS, &[]));
    let way = if way % 2 == TEXT {
        Way::Messages
    } else {
        Way::Events
    };
    let reply = rest.split_first_chunk();
    let reply = reply.map(|(status, body)| (u16::from_be_bytes(*status), body.to_vec().into()));
    Answer { way, reply }
}

fn reply(way: Way, status: u16, session: u64, events: &str) -> Vec<u8> {
    let way = if way == Way::Messages { TEXT } else { NEWS };
    let body = format!(r#"{{"session":{session},"events":[{events}]}}"#);
    [&[way], &status.to_be_bytes()[..], body.as_bytes()].concat()
}

/// An event of the handheld; its fields fit some kinds and not others.
fn news(kind: u8, number: u16) -> String {
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let degrees = f64::from(number) / 100.0;
    format!(
        r#"{{"seq":{number},"kind":"{kind}","radio":{HANDHELD},"text":"1","status":{number},
        "message":{number},"ok":true,"latitude":{degrees},"longitude":{degrees}}}"#
    )
}

fn line(words: &str) -> Vec<u8> {
    format!("\r\n{words}\r\n").into_bytes()
}

/// Short data of a terminal: a text, a status, a report of a delivery, or nothing known.
fn short_data(odd: Odd) -> Vec<u8> {
    let [high, low] = odd.number.to_be_bytes();
    let (service, octets) = match odd.kind % 5 {
        0 => (Service::STATUS, vec![high | 0x80, low]),
        // SDS-TL: a text that wants a report, and the report of one.
        1 => (Service::DATA, vec![0x82, 0x04, low, 0x01, b'1']),
        2 => (Service::DATA, vec![0x82, 0x10, 0x00, low]),
        3 => (Service::DATA, vec![0x02, 0x01, b'1', low]),
        _ => (Service::DATA, vec![odd.kind, high, low]),
    };
    let said = Said::Received {
        service,
        from: (!odd.turned).then(|| Party::own(HANDHELD)),
        to: Party::own(DESK),
        data: Data::of(octets),
    };
    said.to_bytes()
}

fn serial(opcode: Opcode, number: u16, from_radio: bool, message: Option<Hdap<'_>>) -> Hrnp<'_> {
    let (source, destination) = if from_radio {
        (RADIO, COMPUTER)
    } else {
        (COMPUTER, RADIO)
    };
    let (version, block, packet_number) = (VERSION, 0, number);
    Hrnp {
        version,
        block,
        opcode,
        source,
        destination,
        packet_number,
        message,
    }
}

/// A text to the handheld that differs by its number.
pub(crate) fn message(number: u64) -> Vec<u8> {
    text(DESK, HANDHELD, number).to_vec()
}

fn text(from: u32, to: u32, number: u64) -> Bytes {
    let body = Body::Private {
        destination: RadioIp::terminal(to).unwrap(),
        source: RadioIp::terminal(from).unwrap(),
        text: Text::new("1"),
    };
    let text = Message::Tmp(Tmp {
        flag: false,
        request_id: u32::try_from(number).unwrap(),
        body,
        option: None,
    });
    text.to_bytes(false)
}

fn hdap(bytes: &[u8]) -> Hdap<'_> {
    let Ok(Parsed::Complete(frame, _)) = Hdap::parse(bytes) else {
        unreachable!("made by `message`")
    };
    frame
}
