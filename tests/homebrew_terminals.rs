//! What terminals behind DMR repeaters send, as bursts over real sockets: registrations, states,
//! positions and emergencies, to a daemon that is the master and to one that is a repeater; and a
//! terminal that moves from one repeater to another.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::air::{GOOD, REPEATER, config, free_port};
use common::{PATIENCE, Town, report, until_call};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tieqi::config::{Config, GatewayRole};
use tieqi_protocols::dmr::element::Sap;
use tieqi_protocols::dmr::header::{Kind, UdtHeader};
use tieqi_protocols::dmr::lc::{Lc, LcKind};
use tieqi_protocols::dmr::nmea::Nmea;
use tieqi_protocols::dmr::slot_type::SlotType;
use tieqi_protocols::dmr::sync::SyncWord;
use tieqi_protocols::dmr::{
    Address, Burst, DataHeader, Pdu, Transmission, block::Block, delivery, udt,
};
use tieqi_protocols::gps::{Angle, Time};
use tieqi_protocols::homebrew::{Content, Dmrd, Slot};
use tieqi_protocols::link::homebrew::{
    Air, AirConfig, AirEvent, Client, ClientConfig, Event, Master, MasterConfig, Passphrase,
};

/// The second repeater of a roaming terminal.
const OTHER: u32 = REPEATER + 1;
/// Where a terminal says it is, degrees.
const PLACE: (f64, f64) = (22.9251, 114.0211);
/// Where all of them are first: whose place nobody knows is sent nowhere.
const POST: (f64, f64) = (22.9190, 114.0115);

/// Our end of the network.
enum End {
    Repeater(Client),
    Master(Master),
}

/// A repeater with the terminals within its reach.
struct Site {
    end: End,
    air: Air,
    socket: UdpSocket,
    start: Instant,
    desk: Address,
    is_up: bool,
    repeater: u32,
    tokens: u64,
    /// Terminals whose status was acknowledged.
    answered: BTreeSet<Address>,
    /// Texts to terminals here.
    texts: Vec<(Address, String)>,
}

impl Site {
    /// A site for the daemon of that config, which is master or repeater.
    fn new(config: &Config, repeater: u32) -> Self {
        let gateway = &config.gateways[0];
        let port = gateway.air.as_ref().unwrap();
        let words = Passphrase(GOOD.into());
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (end, bind) = match gateway.role {
            GatewayRole::Listen => {
                let config = ClientConfig::new(at(port.port), repeater, words);
                (End::Repeater(Client::new(0, config)), at(0))
            }
            GatewayRole::Connect => {
                let config = MasterConfig::new(BTreeMap::from([(repeater, words)]));
                (End::Master(Master::new(config)), at(port.port))
            }
        };
        let air = AirConfig {
            repeater,
            slot: Slot::One,
            ours: port.plan.on_air().collect(),
            colour_code: 1,
            sync: SyncWord::BsData,
            preambles: 0,
            delivery: delivery::Config::default(),
            stream: repeater,
        };
        let mut site = Self {
            end,
            air: Air::new(air),
            socket: UdpSocket::bind(bind).unwrap(),
            start: Instant::now(),
            desk: port.desk,
            is_up: false,
            repeater,
            tokens: 0,
            answered: BTreeSet::new(),
            texts: Vec::new(),
        };
        site.until("the login", |site| site.is_up.then_some(()));
        site
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }

    /// Lives until there is an answer.
    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "no use waiting for {what}");
            self.live();
        }
    }

    /// Takes a datagram, or does what is due.
    fn live(&mut self) {
        let now_ms = self.now_ms();
        match &mut self.end {
            End::Repeater(client) => client.handle_timeout(now_ms),
            End::Master(master) => master.handle_timeout(now_ms),
        }
        self.air.handle_timeout(now_ms);
        self.settle();
        let due_ms = self.air.poll_timeout().unwrap_or(u64::MAX);
        let wait_ms = due_ms.saturating_sub(self.now_ms()).clamp(1, 20);
        let wait = Duration::from_millis(wait_ms);
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let mut bytes = [0; 2048];
        let Ok((length, from)) = self.socket.recv_from(&mut bytes) else {
            return;
        };
        let (now_ms, bytes) = (self.now_ms(), &bytes[..length]);
        match &mut self.end {
            End::Repeater(client) => client.handle_bytes(now_ms, from, bytes),
            End::Master(master) => master.handle_bytes(now_ms, from, bytes, [7; 4]),
        }
        self.settle();
    }

    fn settle(&mut self) {
        let now_ms = self.now_ms();
        while let Some(event) = match &mut self.end {
            End::Repeater(client) => client.poll_event(),
            End::Master(master) => master.poll_event(),
        } {
            match event {
                Event::Up { .. } => self.is_up = true,
                Event::Burst(burst) => self.air.handle_burst(now_ms, &burst),
                _ => {}
            }
        }
        while let Some(event) = self.air.poll_event() {
            match event {
                AirEvent::Answered { radio } => {
                    self.answered.insert(radio);
                }
                AirEvent::Text {
                    to, words, answer, ..
                } => {
                    self.texts.push((to, words));
                    if let Some(answer) = answer {
                        self.air.answer(now_ms, answer);
                    }
                }
                _ => {}
            }
        }
        while let Some(burst) = self.air.poll_transmit() {
            self.burst(&burst);
        }
        self.flush();
    }

    fn burst(&mut self, burst: &Dmrd) {
        match &mut self.end {
            End::Repeater(client) => client.send(burst).unwrap(),
            End::Master(master) => master.send(burst).unwrap(),
        }
    }

    fn flush(&mut self) {
        while let Some(transmit) = match &mut self.end {
            End::Repeater(client) => client.poll_transmit(),
            End::Master(master) => master.poll_transmit(),
        } {
            self.socket.send_to(&transmit.bytes, transmit.to).unwrap();
        }
    }

    fn put(&mut self, from: Address, kind: Kind, blocks: Vec<Block>) {
        self.tokens += 1;
        let header = DataHeader {
            is_group: false,
            wants_response: matches!(kind, Kind::Status { .. }),
            destination: self.desk,
            source: from,
            kind,
        };
        let packet = Transmission { header, blocks };
        let now_ms = self.now_ms();
        self.air.send(now_ms, self.tokens, packet).unwrap();
    }

    /// A terminal sends a status, which the daemon has to acknowledge.
    fn status(&mut self, from: Address, status: u16) {
        let kind = Kind::Status {
            sap: Sap::SHORT_DATA,
            source_port: 0,
            destination_port: 0,
            status,
        };
        self.answered.remove(&from);
        self.put(from, kind, Vec::new());
        self.until("the answer to a status", |site| {
            site.answered.contains(&from).then_some(())
        });
    }

    /// A terminal tells where it is; nobody acknowledges that.
    fn position(&mut self, from: Address, (north, east): (f64, f64)) {
        #[expect(clippy::cast_possible_truncation, reason = "180e7 fits")]
        let angle = |degrees: f64| Angle::from_degrees_e7((degrees * 1e7) as i32);
        let content = udt::Content::Nmea(Nmea {
            valid: true,
            speed_kn: 3,
            latitude: angle(north),
            longitude: angle(east),
            time: Time::MIDNIGHT,
            course_deg: None,
        });
        let (blocks, pad_nibbles) = content.blocks().unwrap();
        let header = UdtHeader {
            is_emergency: false,
            option: false,
            sap: Sap::UDT,
            format: content.format(),
            pad_nibbles,
            blocks: u8::try_from(blocks.len()).unwrap(),
            is_supplementary: false,
            protect: false,
            opcode: 27,
        };
        self.put(from, Kind::Udt(header), blocks);
    }

    /// A terminal calls with the emergency bit set: the header of its voice.
    fn emergency_call(&mut self, from: Address) {
        let lc = Lc {
            protect: false,
            opcode: 0,
            feature_set: 0,
            options: 0x80,
            destination: self.desk,
            source: from,
        };
        let pdu = Pdu::Lc(LcKind::Header, lc);
        let data_type = pdu.data_type();
        let slot = SlotType {
            colour_code: 1,
            data_type,
        };
        let burst = Burst::new(SyncWord::BsData, slot, &pdu.to_bytes()).unwrap();
        for sequence in 0..3 {
            self.burst(&Dmrd {
                sequence,
                source: from,
                destination: self.desk,
                repeater: self.repeater,
                slot: Slot::One,
                is_private: false,
                content: Content::Data(data_type.code()),
                stream: 99,
                burst: burst.to_bytes(),
                quality: None,
            });
        }
        self.flush();
    }

    /// Who reads the offer of an incident here.
    fn offered(&mut self) -> Address {
        self.until("the offer", |site| {
            let offer = site.texts.iter().find(|(_, words)| words.starts_with('#'));
            offer.map(|(to, _)| *to)
        })
    }

    /// Switched off, as far as the daemon is told.
    fn leave(&mut self) {
        match &mut self.end {
            End::Repeater(client) => client.close(),
            End::Master(master) => master.close(),
        }
        self.flush();
    }
}

/// The handhelds of the crews, by their numbers on the air.
fn handhelds(config: &Config) -> BTreeSet<Address> {
    let plan = &config.gateways[0].air.as_ref().unwrap().plan;
    let crews = config.roster.entries.iter();
    let radios = crews.flat_map(|entry| &config.register[entry.unit].terminals);
    radios.map(|radio| plan.to_air(radio.0).unwrap()).collect()
}

/// Asks a console, while the site lives, until there is an answer.
fn ask<T>(
    site: &mut Site,
    town: &Town,
    (method, params): (&str, Value),
    found: impl Fn(&Value) -> Option<T>,
) -> T {
    let mut desk = town.console("boss");
    site.until(method, |_| found(&desk.call(method, &params).unwrap()))
}

fn status_position_and_emergency(role: GatewayRole) {
    let port = if role == GatewayRole::Connect {
        free_port()
    } else {
        0
    };
    let mut config = config(role, port);
    let town = Town::start_with(config.clone());
    if role == GatewayRole::Listen {
        config.gateways[0].air.as_mut().unwrap().port = town.server.links[0].port();
    }
    let mut site = Site::new(&config, REPEATER);
    for handheld in handhelds(&config) {
        site.status(handheld, 0);
        site.position(handheld, POST);
    }

    // A status is the text of its number: the key of the offer.
    let mut calls = town.console("calls");
    let incident = calls.call("incident.report", &report("one")).unwrap()["incident"].clone();
    let officer = site.offered();
    let get = || ("incident.get", json!({ "incident": incident }));
    for (key, rung) in [(1, "accepted"), (3, "en_route"), (4, "on_scene")] {
        site.status(officer, key);
        ask(&mut site, &town, get(), |story| {
            let stamp = &story["assignments"][0]["stamps"][rung];
            stamp.is_object().then_some(())
        });
    }

    site.position(officer, PLACE);
    let near = |position: &Value| {
        let [north, east] = ["lat", "lon"].map(|key| position[key].as_f64().unwrap_or(0.0));
        (north - PLACE.0).abs() < 1e-3 && (east - PLACE.1).abs() < 1e-3
    };
    ask(&mut site, &town, ("unit.list", json!({})), |units| {
        let mut units = units["units"].as_array().unwrap().iter();
        units
            .any(|unit| near(&unit["duty"]["position"]))
            .then_some(())
    });

    site.emergency_call(officer);
    ask(&mut site, &town, ("system.health", json!({})), |health| {
        (health["open_emergencies"] == 1).then_some(())
    });
    let opened = incident.as_u64().unwrap() + 1;
    let get = ("incident.get", json!({ "incident": opened }));
    let story = ask(&mut site, &town, get, |story| Some(story.clone()));
    let opened = &story["incident"];
    assert_eq!(opened["source"], "radio_emergency", "{story}");
    assert!(
        near(&opened["position"]),
        "where it was heard last: {story}"
    );
    // Of rank 0, that is; and one call with the bit in three bursts is one press.
    assert_eq!(opened["emergency"]["presses"], 1, "{story}");
}

#[test]
fn status_position_and_emergency_at_a_repeater_of_our_master() {
    status_position_and_emergency(GatewayRole::Listen);
}

#[test]
fn status_position_and_emergency_where_we_are_the_repeater() {
    status_position_and_emergency(GatewayRole::Connect);
}

/// Texts go where the terminal was heard last, and elsewhere when that repeater is gone.
#[test]
fn a_terminal_is_called_where_it_moved_to() {
    let mut config = config(GatewayRole::Listen, 0);
    config.gateways[0]
        .air
        .as_mut()
        .unwrap()
        .repeaters
        .push(OTHER);
    let town = Town::start_with(config.clone());
    config.gateways[0].air.as_mut().unwrap().port = town.server.links[0].port();
    let [mut first, mut second] = [REPEATER, OTHER].map(|id| Site::new(&config, id));
    let handhelds = handhelds(&config);
    for handheld in &handhelds {
        first.status(*handheld, 0);
        first.position(*handheld, POST);
    }
    for handheld in &handhelds {
        second.status(*handheld, 0);
        first.live();
    }

    let mut calls = town.console("calls");
    let which = calls.call("incident.report", &report("one")).unwrap()["incident"].clone();
    let officer = second.offered();
    second.status(officer, 1);
    let get = ("incident.get", json!({ "incident": which }));
    let story = until_call("the acceptance", &mut calls, get, |story| {
        let stamps = &story["assignments"][0]["stamps"];
        stamps["accepted"].is_object().then(|| story.clone())
    });
    assert!(story["assignments"][0]["stamps"]["delivered"].is_object());

    // The second repeater leaves; what is to be told now goes by the first.
    second.leave();
    let cancel = json!({ "key": "end", "incident": which, "reason": "duplicate" });
    let mut desk = town.console("desk");
    desk.call("incident.cancel", &cancel).unwrap();
    first.until("the recall", |site| {
        let mut texts = site.texts.iter();
        texts
            .any(|(_, words)| words.starts_with("撤销"))
            .then_some(())
    });
    let told: Vec<Address> = first.texts.iter().map(|(to, _)| *to).collect();
    assert_eq!(told, [officer], "nothing before it: {:?}", first.texts);
}
