//! A link whose messages go over the air: service messages (HDAP) on the owner's side, DMR packets
//! on the other, so that a gateway of repeaters is to its owner what any other gateway is. Both
//! sides are here: the desk's, and that of the simulated radios.
//!
//! | message | on the air |
//! |---|---|
//! | private text | short data in UTF-16LE, confirmed, rate 3/4 |
//! | its ack | the response to it; to the owner, how its delivery ended |
//! | group text | the same on every repeater, unconfirmed |
//! | registration | any packet of a radio that is new here; radios send status 0 |
//! | its answer | the response to that status |
//! | text that is a number | may come as a status of that number |
//! | position report, emergency | unified data, NMEA or LIP; also a call with the emergency bit |
//! | position request, subscription | nothing: no public source tells how to ask a radio |
//!
//! Numbers on the air are those of a table; a number that is not in it is nobody's.

use super::air::{Air, AirConfig};
use super::client::Client;
use super::hear::usual;
use super::master::Master;
use super::plan::{AirLinkConfig, Side};
use crate::Parsed;
use crate::dmr::block::Rate;
use crate::dmr::coding::Coding;
use crate::dmr::element::Sap;
use crate::dmr::header::{Kind, UdtHeader};
use crate::dmr::nmea::Nmea;
use crate::dmr::sync::SyncWord;
use crate::dmr::transmission::ShortText;
use crate::dmr::{Address, DataHeader, Transmission, udt};
use crate::gps::{Angle, Gps, GpsField, Time};
use crate::hdap::Hdap;
use crate::homebrew::{Slot, key};
use crate::link::event::Events;
use crate::link::{Busy, LinkCounts, LinkEvent, Refusal, SendFault, Transmit};
use crate::lp::Lp;
use crate::message::Message;
use crate::radio_ip::RadioIp;
use crate::rrs::{RegistrationResult, Rrs};
use crate::tmp::{Body, Tmp};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// The status of a radio that says no more than that it is there.
pub const PRESENT: u16 = 0;
/// Most packets whose answer waits for the owner; the oldest is dropped.
pub(super) const MAX_ASKED: usize = 256;
/// Packets waiting for one slot before no more is taken, so that what is urgent may still go first.
const AHEAD: usize = 2;

/// Which end of the network.
#[derive(Debug)]
pub enum End {
    /// Repeaters log in to us.
    Master(Master),
    /// We log in as a repeater.
    Client(Client),
}

/// A link over the air; see the module.
#[derive(Debug)]
pub struct AirLink {
    pub(super) config: AirLinkConfig,
    pub(super) end: End,
    pub(super) airs: BTreeMap<Way, Air>,
    /// Where radios were heard last, and until when they need not register.
    pub(super) heard: BTreeMap<u32, (Way, u64)>,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) asked: VecDeque<(Asked, Way, Transmission)>,
    tokens: u64,
    pub(super) requests: u32,
    draws: u32,
    pub(super) events: Events,
}

/// A slot of a repeater.
pub(super) type Way = (u32, Slot);

/// A text on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) way: Way,
    pub(super) flag: bool,
    pub(super) request_id: u32,
    pub(super) destination: RadioIp,
    pub(super) source: RadioIp,
}

/// What an answer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The ack of the text of this request.
    Text(u32),
    /// The answer to the registration of this radio.
    Presence(u32),
}

impl AirLink {
    /// A link over an end of the network.
    #[must_use]
    pub fn new(config: AirLinkConfig, end: End) -> Self {
        let [a, b, c, d, ..] = key([0xFF; 4], &config.secret);
        Self {
            config,
            end,
            airs: BTreeMap::new(),
            heard: BTreeMap::new(),
            pending: BTreeMap::new(),
            asked: VecDeque::new(),
            tokens: 0,
            requests: u32::from_be_bytes([a, b, c, d]),
            draws: 0,
            events: Events::default(),
        }
    }

    /// Takes one datagram from the socket.
    pub fn handle_bytes(&mut self, now_ms: u64, from: SocketAddr, bytes: &[u8]) {
        let salt = self.draw();
        match &mut self.end {
            End::Master(master) => master.handle_bytes(now_ms, from, bytes, salt),
            End::Client(client) => client.handle_bytes(now_ms, from, bytes),
        }
        self.settle(now_ms);
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        match &mut self.end {
            End::Master(master) => master.handle_timeout(now_ms),
            End::Client(client) => client.handle_timeout(now_ms),
        }
        for air in self.airs.values_mut() {
            air.handle_timeout(now_ms);
        }
        self.settle(now_ms);
    }

    /// Sends one message. Each message taken ends in exactly one `Sent` or `SendFailed` with its
    /// `token`; `Sent` says that a repeater is there and the packet waits for its slot. How the
    /// delivery of a text ends is told by its ack.
    ///
    /// # Errors
    /// Says why the message is not taken; then no event follows.
    pub fn send(&mut self, now_ms: u64, token: u64, hdap: &[u8]) -> Result<(), Busy> {
        if !self.is_up() {
            return Err(Busy::Down);
        }
        if !self.ready() {
            return Err(Busy::Pending);
        }
        let message = match Hdap::parse(hdap) {
            Ok(Parsed::Complete(frame, used)) if used == hdap.len() => Message::from_hdap(&frame),
            _ => return Err(Busy::Malformed),
        };
        let message = message.map_err(|_| Busy::Malformed)?;
        let event = match self.put(now_ms, &message) {
            Some(()) => LinkEvent::Sent { token },
            None => LinkEvent::SendFailed {
                token,
                reason: SendFault::NoNumber,
            },
        };
        self.events.push(event);
        self.settle(now_ms);
        Ok(())
    }

    /// Leaves the network.
    pub fn close(&mut self, now_ms: u64) {
        match &mut self.end {
            End::Master(master) => master.close(),
            End::Client(client) => client.close(),
        }
        self.settle(now_ms);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        match &mut self.end {
            End::Master(master) => master.poll_transmit(),
            End::Client(client) => client.poll_transmit(),
        }
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let end = match &self.end {
            End::Master(master) => master.poll_timeout(),
            End::Client(client) => client.poll_timeout(),
        };
        let airs = self.airs.values().filter_map(Air::poll_timeout);
        airs.chain(end).min()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop()
    }

    /// Whether `send` takes a message now.
    #[must_use]
    pub fn ready(&self) -> bool {
        let is_full = self.airs.values().any(|air| air.waiting() >= AHEAD);
        self.is_up() && !is_full && self.events.fits_verdict()
    }

    /// Whether any repeater is there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !self.airs.is_empty()
    }

    /// What was counted at its end of the network.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        let counts = match &self.end {
            End::Master(master) => master.counts(),
            End::Client(client) => client.counts(),
        };
        LinkCounts {
            received: counts.received,
            refused: counts.refused,
            stale: counts.passed_over,
            dropped: counts.dropped,
            ..LinkCounts::default()
        }
    }

    // From the owner to the air.

    /// None if a number is not in the plan, or the message does not fit the air.
    fn put(&mut self, now_ms: u64, message: &Message<'_>) -> Option<()> {
        match message {
            Message::Tmp(tmp) => self.put_text(now_ms, tmp),
            Message::Rrs(Rrs::Registration(radio)) if self.config.side == Side::Radios => {
                let kind = Kind::Status {
                    sap: Sap::SHORT_DATA,
                    source_port: 0,
                    destination_port: 0,
                    status: PRESENT,
                };
                self.put_from(now_ms, *radio, (kind, Vec::new()))
            }
            Message::Rrs(Rrs::RegistrationAnswer { radio, result, .. }) => {
                let is_ok = *result == RegistrationResult::OK;
                self.answer(now_ms, Asked::Presence(radio.id), is_ok);
                Some(())
            }
            Message::Lp(Lp::Report(report)) => {
                self.put_fix(now_ms, report.radio, report.gps, false)
            }
            Message::Lp(Lp::Emergency { radio, gps, .. }) => {
                self.put_fix(now_ms, *radio, *gps, true)
            }
            // The air has nothing of the kind; nobody waits for it either.
            _ => Some(()),
        }
    }

    fn put_text(&mut self, now_ms: u64, tmp: &Tmp<'_>) -> Option<()> {
        let (destination, source, text, is_group) = match tmp.body {
            Body::Private {
                destination,
                source,
                text,
            } => (destination, source, text, false),
            Body::Group {
                group,
                source,
                text,
            } => (group, source, text, true),
            Body::PrivateAck { result, .. } => {
                self.answer(now_ms, Asked::Text(tmp.request_id), result.is_ok());
                return Some(());
            }
            Body::GroupAck { .. } => return Some(()),
        };
        let words: String = text.chars().collect();
        let short = ShortText {
            destination: self.on_air(destination)?,
            source: self.on_air(source)?,
            is_group,
            is_confirmed: !is_group,
            rate: Rate::ThreeQuarter,
            coding: Coding::Utf16Le,
            text: &words,
        };
        let packet = short.transmission()?;
        if is_group {
            let slot = self.config.slot;
            for air in self.airs.iter_mut().filter(|((_, at), _)| *at == slot) {
                self.tokens += 1;
                // Nobody answers a group's text, and one too many is lost like any other.
                let _ = air.1.send(now_ms, self.tokens, packet.clone());
            }
            return Some(());
        }
        let way = self.way(destination.id)?;
        self.tokens += 1;
        let air = self.airs.get_mut(&way)?;
        air.send(now_ms, self.tokens, packet).ok()?;
        let pending = Pending {
            way,
            flag: tmp.flag,
            request_id: tmp.request_id,
            destination,
            source,
        };
        self.pending.insert(self.tokens, pending);
        Some(())
    }

    fn put_fix(
        &mut self,
        now_ms: u64,
        radio: RadioIp,
        gps: GpsField<'_>,
        is_emergency: bool,
    ) -> Option<()> {
        let gps = gps.read().unwrap_or(Gps::NONE);
        let (latitude, longitude) = gps.place().unwrap_or((Angle::ZERO, Angle::ZERO));
        let knots = gps.speed_dkn.unwrap_or(0) / 10;
        let content = udt::Content::Nmea(Nmea {
            valid: gps.place().is_some(),
            speed_kn: u8::try_from(knots).unwrap_or(127).min(127),
            latitude,
            longitude,
            time: gps.time.map_or(Time::MIDNIGHT, Time::in_tens),
            course_deg: None,
        });
        let (blocks, pad_nibbles) = content.blocks()?;
        let header = UdtHeader {
            is_emergency,
            option: false,
            sap: Sap::UDT,
            format: content.format(),
            pad_nibbles,
            blocks: u8::try_from(blocks.len()).ok()?,
            is_supplementary: false,
            protect: false,
            opcode: 27,
        };
        self.put_from(now_ms, radio, (Kind::Udt(header), blocks))
    }

    /// A packet of a radio to the desk.
    fn put_from(
        &mut self,
        now_ms: u64,
        radio: RadioIp,
        (kind, blocks): (Kind, Vec<crate::dmr::block::Block>),
    ) -> Option<()> {
        let header = DataHeader {
            is_group: false,
            wants_response: matches!(kind, Kind::Status { .. }),
            destination: self.config.desk,
            source: self.config.plan.to_air(radio.id)?,
            kind,
        };
        let way = self.way(radio.id)?;
        self.tokens += 1;
        let packet = Transmission { header, blocks };
        self.airs
            .get_mut(&way)?
            .send(now_ms, self.tokens, packet)
            .ok()
    }

    /// What waited for the owner is kept, or not: then the radio hears nothing and tries again.
    fn answer(&mut self, now_ms: u64, what: Asked, is_ok: bool) {
        let at = self.asked.iter().position(|(asked, ..)| *asked == what);
        let Some((_, way, answer)) = at.and_then(|at| self.asked.remove(at)) else {
            return;
        };
        if let Some(air) = self.airs.get_mut(&way).filter(|_| is_ok) {
            air.answer(now_ms, answer);
        }
    }

    // Numbers and ways.

    fn on_air(&self, radio: RadioIp) -> Option<Address> {
        match radio == self.config.dispatcher {
            true => Some(self.config.desk),
            false => self.config.plan.to_air(radio.id),
        }
    }

    /// Whose number it is; one that is nobody's is counted.
    pub(super) fn radio(&mut self, address: Address) -> Option<RadioIp> {
        if address == self.config.desk {
            return Some(self.config.dispatcher);
        }
        let id = self.config.plan.from_air(address);
        if id.is_none() {
            self.refuse(Refusal::UnknownNumber);
        }
        id.map(usual)
    }

    /// Where a radio was heard, if that repeater is still there; else the first one there is.
    fn way(&self, id: u32) -> Option<Way> {
        let heard = self.heard.get(&id).map(|(way, _)| *way);
        let first = self.airs.keys().find(|(_, slot)| *slot == self.config.slot);
        heard
            .filter(|way| self.airs.contains_key(way))
            .or(first.copied())
    }

    pub(super) fn air_config(&mut self, repeater: u32, slot: Slot) -> AirConfig {
        let config = &self.config;
        let ours: BTreeSet<Address> = match config.side {
            Side::Desk => BTreeSet::from([config.desk]),
            Side::Radios => config.plan.on_air().collect(),
        };
        AirConfig {
            repeater,
            slot,
            ours,
            colour_code: 1,
            sync: SyncWord::BsData,
            preambles: config.preambles,
            delivery: config.delivery,
            stream: u32::from_be_bytes(self.draw()),
        }
    }

    /// Four bytes nobody can guess.
    fn draw(&mut self) -> [u8; 4] {
        self.draws = self.draws.wrapping_add(1);
        let [a, b, c, d, ..] = key(self.draws.to_be_bytes(), &self.config.secret);
        [a, b, c, d]
    }
}
