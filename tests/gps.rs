//! A receiver in a vehicle: its sentences at a serial port move the unit, and an unplugged one is
//! told and taken up again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, sample, until_call, users};
use serde_json::json;
use serialport::TTYPort;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};
use tieqi::cli::client::Client;
use tieqi::config::{Config, Gateway, SerialPort, Speaks};
use tieqi::shell::Server;
use tieqi_protocols::gps::Angle;
use tieqi_protocols::nmea::{Kind, Sentence};

/// A receiver: the line, and its other end held so that it stands until it is dropped.
struct Receiver {
    line: TTYPort,
    _end: TTYPort,
}

impl Receiver {
    fn plugged(path: &Path) -> Self {
        let (line, end) = TTYPort::pair().unwrap();
        let _ = std::fs::remove_file(path);
        symlink(serialport::SerialPort::name(&end).unwrap(), path).unwrap();
        Self { line, _end: end }
    }

    fn say(&mut self, latitude_e7: i32, longitude_e7: i32) {
        let angle = Angle::from_degrees_e7;
        let sentence = Sentence {
            talker: *b"BD",
            time: None,
            place: Some((angle(latitude_e7), angle(longitude_e7))),
            kind: Kind::Fix {
                quality: 1,
                satellites: Some(9),
                dilution: None,
                height_dm: None,
            },
        };
        self.line.write_all(&sentence.to_bytes()).unwrap();
    }
}

/// The sample town with a receiver in the vehicle of one terminal.
fn config(path: &Path, radio_id: u32) -> Config {
    let mut config = sample();
    let first = config.gateways.first().unwrap();
    let receiver = Gateway {
        name: "gps-1".into(),
        links: Vec::new(),
        serial: Some(SerialPort {
            path: path.display().to_string(),
            baud: 4_800,
            slot: 1,
            ack_ms: 1,
            tries: 1,
            quiet_s: 1,
            on_first: false,
            speaks: Speaks::Nmea(radio_id),
        }),
        ..first.clone()
    };
    config.gateways.push(receiver);
    config
}

fn until_link(console: &mut Client, up: bool) {
    let health = ("system.health", json!({}));
    until_call("the receiver", console, health, |health| {
        let links = health["links"].as_array().unwrap();
        let link = links
            .iter()
            .find(|link| link["gateway"] == "gps-1")
            .unwrap();
        (link["up"] == up).then_some(())
    });
}

/// Says a place until the unit is there: a receiver speaks every second, this one faster.
fn until_there(console: &mut Client, receiver: &mut Receiver, radio_id: u32, lat: f64) {
    let units = json!({});
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        receiver.say((lat * 1e7) as i32, 1_139_990_000);
        let answer = console.call("unit.list", &units).unwrap();
        let of_it = |unit: &&serde_json::Value| {
            let terminals = unit["duty"]["terminals"].as_array();
            terminals.is_some_and(|terminals| terminals.contains(&json!(radio_id)))
        };
        let unit = answer["units"]
            .as_array()
            .unwrap()
            .iter()
            .find(of_it)
            .unwrap();
        let found = unit["duty"]["position"]["lat"].as_f64();
        if found.is_some_and(|found| (found - lat).abs() < 1e-5) {
            return;
        }
        assert!(Instant::now() < deadline, "never at {lat}: {unit}");
        console.notice(Duration::from_millis(20)).unwrap();
    }
}

/// A terminal of a unit on duty: who is depends on the day.
fn on_duty() -> u32 {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(sample(), users(), dir.path()).unwrap();
    let mut desk = Client::login(server.console, "desk", PASSWORD).unwrap();
    let id = until_call(
        "a unit on duty",
        &mut desk,
        ("unit.list", json!({})),
        |answer| {
            let units = answer["units"].as_array().unwrap();
            units
                .iter()
                .find_map(|unit| unit["duty"]["terminals"][0].as_u64())
        },
    );
    server.stop();
    u32::try_from(id).unwrap()
}

#[test]
fn a_receiver_moves_its_unit_and_may_be_unplugged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gps");
    let mut receiver = Receiver::plugged(&path);
    let radio_id = on_duty();
    let config = config(&path, radio_id);
    let server = Server::start(config, users(), &dir.path().join("data")).unwrap();
    let mut desk = Client::login(server.console, "desk", PASSWORD).unwrap();
    until_there(&mut desk, &mut receiver, radio_id, 22.87);
    until_link(&mut desk, true);
    until_there(&mut desk, &mut receiver, radio_id, 22.88);
    drop(receiver);
    std::fs::remove_file(&path).unwrap();
    until_link(&mut desk, false);
    let mut receiver = Receiver::plugged(&path);
    until_there(&mut desk, &mut receiver, radio_id, 22.89);
    until_link(&mut desk, true);
    server.stop();
}
