//! An emergency over real sockets: the button of a simulated handheld, the back-up's text, the
//! mark on the unit, and the one way it ends.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{SPEED, Town, refused, until, until_call};
use serde_json::{Value, json};
use std::net::UdpSocket;
use tieqi::cli::client::Client;
use tieqi::radio::{RadioOptions, Radios, Rates};
use tieqi_protocols::gps::{Gps, GpsField};
use tieqi_protocols::link::{Link, LinkConfig, Role};
use tieqi_protocols::lp::Lp;
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;

fn health(console: &mut Client, what: &str, found: impl Fn(&Value) -> bool) {
    until_call(what, console, ("system.health", json!({})), |health| {
        found(health).then_some(())
    });
}

#[test]
fn a_button_brings_the_nearest_back_up_and_a_person_ends_it() {
    let town = Town::start();
    println!("seed 4");
    let options = RadioOptions {
        seed: 4,
        speed: SPEED,
        spread_ms: 100,
        air_ms: 10,
        rates: Rates::NONE,
        emergency_after_ms: Some(1_500),
        ..RadioOptions::default()
    };
    let radios = Radios::start(&town.config, options).unwrap();
    let mut desk = town.console("desk");
    health(&mut desk, "the emergency", |health| {
        health["open_emergencies"] == 1
    });
    let which = json!({ "incident": 1 });
    let get = ("incident.get", which.clone());
    let story = until_call("all presses and the back-up", &mut desk, get, |found| {
        let units = found["assignments"].as_array().unwrap();
        let all = found["incident"]["emergency"]["presses"] == 3 && units.len() == 2;
        all.then(|| found.clone())
    });
    let incident = &story["incident"];
    assert_eq!(incident["source"], "radio_emergency");
    assert!(incident["position"]["lat"].is_f64(), "{incident}");
    let own = &incident["emergency"]["unit"];
    let units = story["assignments"].as_array().unwrap();
    assert!(
        units.iter().all(|unit| unit["unit"] != *own),
        "not its own: {story}"
    );
    let to_backup = desk.call("system.health", &json!({})).unwrap();
    let to_backup = &to_backup["stages_us"]["emergency_to_backup"];
    assert!(to_backup["count"].as_u64() >= Some(1), "{to_backup}");

    let ended = json!({ "key": "end", "incident": 1 });
    desk.call("incident.resolve", &ended).unwrap();
    health(&mut desk, "the end", |health| {
        health["open_emergencies"] == 0
    });
    radios.stop().unwrap();
}

/// Somebody nobody knows: loud, and nothing more until a dispatcher says what it is.
#[test]
fn a_strangers_button_is_an_alarm_until_a_dispatcher_makes_it_an_incident() {
    let town = Town::start();
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    desk.call("board.subscribe", &json!({})).unwrap();
    let links = town.config.gateways[0].links.iter();
    let place = links.zip(&town.server.links);
    let (_, peer) = place
        .clone()
        .find(|(link, _)| link.service == tieqi::config::Service::Lp)
        .unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let role = Role::Connect {
        peer: *peer,
        device_id: 1,
        channel: 1,
    };
    let mut link = Link::new(0, role, LinkConfig::default());
    let radio = RadioIp {
        subnet: 10,
        id: 0x00AB_CDEF,
    };
    let none = Gps::NONE.to_field();
    let pressed = Message::Lp(Lp::Emergency {
        radio,
        kind: 1,
        gps: GpsField(&none),
    });
    socket.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let mut bytes = [0; 2048];
    while !link.is_up() {
        while let Some(transmit) = link.poll_transmit() {
            socket.send_to(&transmit.bytes, transmit.to).unwrap();
        }
        let (length, from) = socket.recv_from(&mut bytes).unwrap();
        link.handle_bytes(1, from, &bytes[..length]);
    }
    link.send(2, 1, pressed.to_bytes(false)).unwrap();
    while let Some(transmit) = link.poll_transmit() {
        socket.send_to(&transmit.bytes, transmit.to).unwrap();
    }

    let alarm = until("the alarm", &calls, || {
        let notice = desk.notice(common::PATIENCE).unwrap()?;
        let alarms = notice["params"]["alarms"].as_array()?;
        let loud = alarms.iter().find(|alarm| alarm["kind"] == "need_help")?;
        Some(loud.clone())
    });
    assert_eq!(
        (&alarm["urgent"], &alarm["incident"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(alarm["radio"], 0x00AB_CDEF);
    let health = calls.call("system.health", &json!({})).unwrap();
    assert_eq!(health["open_emergencies"], 0);

    let known = json!({
        "key": "known", "place": "嘉荣广场", "alarm": alarm["alarm"],
        "position": { "lat": 22.9180, "lon": 114.01048, "datum": "wgs84" },
    });
    let answer = desk.call("incident.report", &known).unwrap();
    let found = desk
        .call("incident.get", &json!({ "incident": answer["incident"] }))
        .unwrap();
    assert_eq!(
        found["incident"]["emergency"]["radio"], 0x00AB_CDEF,
        "{found}"
    );
    assert_eq!(found["incident"]["source"], "radio_emergency");
    let mut again = known;
    again["key"] = json!("again");
    assert_eq!(
        refused(&mut desk, "incident.report", &again)["data"]["kind"],
        "unknown_alarm"
    );
}
