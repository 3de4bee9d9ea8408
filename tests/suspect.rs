//! A radio in two places over real sockets: the town's handhelds at one gateway, an impostor with
//! the id of one of them at another. It is told at its first report, believed in nothing, loud when
//! it calls for help, and a dispatcher decides, also after a restart.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PATIENCE, Town, radios, refused, sample, until_call, until_registered, users};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Instant;
use tieqi::cli::client::Client;
use tieqi::config::{Config, Service};
use tieqi::radio::Rates;
use tieqi::shell::Server;
use tieqi_protocols::gps::{Angle, Gps, GpsField};
use tieqi_protocols::link::{Link, LinkConfig, Role};
use tieqi_protocols::lp::{Cause, Lp, Report};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp};

/// The sample town with a second gateway like its first, where nobody drives faster than they may.
fn town() -> Town {
    let mut config = sample();
    config.policy.plausible_cm_s = 6_000;
    let mut second = config.gateways[0].clone();
    second.name = String::from("huangjiang-2");
    config.gateways.push(second);
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config.clone(), users(), dir.path()).unwrap();
    let links = config.gateways.iter_mut().flat_map(|it| &mut it.links);
    for (link, bound) in links.zip(&server.links) {
        link.port = bound.port();
    }
    Town {
        config,
        server,
        dir,
    }
}

/// Somebody who programmed another's id into a radio, in the air of the second gateway.
struct Impostor {
    radio: RadioIp,
    links: Vec<(Service, Link, UdpSocket)>,
    now_ms: u64,
}

impl Impostor {
    fn new(config: &Config, radio: u32) -> Self {
        let (lp, tmp) = (Service::Lp, Service::Tmp);
        let links = [lp, tmp].map(|service| {
            let mut found = config.gateways[1].links.iter();
            let port = found.find(|it| it.service == service).unwrap().port;
            let role = Role::Connect {
                peer: SocketAddr::from(([127, 0, 0, 1], port)),
                device_id: 7,
                channel: 1,
            };
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            (service, Link::new(0, role, LinkConfig::default()), socket)
        });
        let radio = RadioIp::terminal(radio).unwrap();
        Self {
            radio,
            links: links.into(),
            now_ms: 1,
        }
    }

    /// Says something, once its link is up and takes it.
    fn say(&mut self, service: Service, message: &Message<'_>) {
        let mut links = self.links.iter_mut();
        let (_, link, socket) = links.find(|(it, ..)| *it == service).unwrap();
        let mut bytes = [0; 2048];
        while !(link.is_up() && link.ready()) {
            while let Some(transmit) = link.poll_transmit() {
                socket.send_to(&transmit.bytes, transmit.to).unwrap();
            }
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            self.now_ms += 1;
            link.handle_bytes(self.now_ms, from, &bytes[..length]);
        }
        link.send(self.now_ms, self.now_ms, message.to_bytes(false))
            .unwrap();
        while let Some(transmit) = link.poll_transmit() {
            socket.send_to(&transmit.bytes, transmit.to).unwrap();
        }
    }

    fn claim_to_be_at(&mut self, lat_e7: i32, lon_e7: i32) {
        let [latitude, longitude] = [lat_e7, lon_e7].map(|e7| Some(Angle::from_degrees_e7(e7)));
        let gps = Gps {
            valid: true,
            latitude,
            longitude,
            ..Gps::NONE
        };
        let report = Lp::Report(Report {
            cause: Cause::Asked,
            request_id: self.radio.id,
            radio: self.radio,
            result: Some(tieqi_protocols::lp::LpResult::OK),
            gps: GpsField(&gps.to_field()),
            rssi_dbm: None,
        });
        self.say(Service::Lp, &Message::Lp(report));
    }

    fn write(&mut self, request_id: u32, words: &str) {
        let body = Body::Private {
            destination: RadioIp { subnet: 10, id: 1 },
            source: self.radio,
            text: Text::new(words),
        };
        let tmp = Tmp {
            flag: false,
            request_id,
            body,
            option: None,
        };
        self.say(Service::Tmp, &Message::Tmp(tmp));
    }

    fn call_for_help(&mut self) {
        let none = Gps::NONE.to_field();
        let pressed = Lp::Emergency {
            radio: self.radio,
            kind: 1,
            gps: GpsField(&none),
        };
        self.say(Service::Lp, &Message::Lp(pressed));
    }
}

/// A unit on the air with a place, and the terminal it is reached by.
fn somebody(units: &Value) -> Option<(String, u32)> {
    let units = units["units"].as_array()?;
    let placed = |unit: &&Value| unit["duty"]["position"].is_object() && unit["reachable"].is_u64();
    let unit = units.iter().find(placed)?;
    let radio = u32::try_from(unit["reachable"].as_u64()?).ok()?;
    Some((unit["unit"].as_str()?.to_owned(), radio))
}

/// The first of a kind of things in the next deltas that fits.
fn shown(console: &Client, what: &str, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let notice = console.notice(PATIENCE).unwrap().unwrap_or_default();
        let things = notice["params"][kind].as_array().into_iter().flatten();
        if let Some(thing) = things.into_iter().find(|thing| fits(thing)) {
            return thing.clone();
        }
    }
    panic!("no use waiting for {what}");
}

fn metrics(http: SocketAddr) -> String {
    let mut stream = TcpStream::connect(http).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn an_impostor_elsewhere_is_told_at_once_and_changes_nothing() {
    let town = town();
    let mut desk = town.console("desk");
    let mut first = town.config.clone();
    first.gateways.truncate(1);
    let handhelds = radios(&first, 31, Rates::NONE);
    until_registered(&handhelds, &desk);
    let list = ("unit.list", json!({}));
    let (unit, radio) = until_call("a unit with a place", &mut desk, list, somebody);
    desk.call("board.subscribe", &json!({})).unwrap();

    let mut impostor = Impostor::new(&town.config, radio);
    impostor.claim_to_be_at(230_500_000, 1_141_500_000);
    let suspect = shown(&desk, "the suspect", "suspects", |it| it["radio"] == radio);
    assert_eq!(suspect["cause"], "two_places", "{suspect}");
    assert_eq!(suspect["unit"], *unit);
    assert_eq!(suspect["barred_by"], Value::Null);
    assert!(suspect["claims"]["lat"].is_f64(), "{suspect}");
    let units = desk.call("unit.list", &json!({})).unwrap();
    let mut units = units["units"].as_array().unwrap().iter();
    let found = units.find(|it| it["unit"] == *unit).unwrap();
    let place = &found["duty"]["position"]["lat"];
    assert!(
        place.as_f64() < Some(23.0),
        "its unit is where it was: {found}"
    );
    assert_ne!(found["reachable"], radio);
    let health = desk.call("system.health", &json!({})).unwrap();
    assert_eq!(health["suspects"], 1, "{health}");
    assert_eq!(health["since_start"]["suspected"]["two_places"], 1);
    let metrics = metrics(town.server.http);
    let counted = "tieqi_suspects_total{cause=\"two_places\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains("tieqi_suspects 1"));

    impostor.write(1, "5");
    let text = shown(&desk, "the text", "texts", |it| it["radio"] == radio);
    assert_eq!(
        (&text["suspect"], &text["text"]),
        (&json!(true), &json!("5"))
    );
    impostor.call_for_help();
    let urgent = |it: &Value| it["kind"] == "need_help" && it["radio"] == radio;
    let alarm = shown(&desk, "the alarm", "alarms", urgent);
    assert_eq!(
        (&alarm["urgent"], &alarm["incident"]),
        (&json!(true), &Value::Null)
    );
    let health = desk.call("system.health", &json!({})).unwrap();
    assert_eq!(health["open_emergencies"], 0, "nobody is drawn away by it");
    handhelds.stop().unwrap();

    // The dispatcher asked by voice: it was the officer, with a spare radio.
    let Town {
        config,
        server,
        dir,
    } = town;
    drop(desk);
    server.stop();
    let server = Server::start(config.clone(), users(), dir.path()).unwrap();
    let town = Town {
        config,
        server,
        dir,
    };
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    let health = desk.call("system.health", &json!({})).unwrap();
    assert_eq!(health["suspects"], 1, "a restart believes nobody");
    let trust = json!({ "key": "it is theirs", "radio": radio, "trusted": true });
    let kind = refused(&mut calls, "terminal.trust", &trust);
    assert_eq!(
        kind["code"],
        tieqi::daemon::rpc::Problem::FORBIDDEN,
        "{kind}"
    );
    desk.call("terminal.trust", &trust).unwrap();
    let health = desk.call("system.health", &json!({})).unwrap();
    assert_eq!(
        (&health["suspects"], &health["open_emergencies"]),
        (&json!(0), &json!(1)),
        "nobody had answered its call for help"
    );
    let which = ("incident.get", json!({ "incident": 1 }));
    let found = desk.call(which.0, &which.1).unwrap();
    assert_eq!(found["incident"]["emergency"]["unit"], *unit);
    assert_eq!(found["incident"]["emergency"]["radio"], radio);
}
