//! A call over DMR repeaters, on real sockets: the daemon is the master a simulated repeater logs in
//! to, or a repeater that logs in to a master. Texts go out as bursts, 60 ms each, so few handhelds
//! are on the air.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PATIENCE, Town, radios, report, sample, until_call, until_registered, users};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use tieqi::config::{AirPort, Config, GatewayRole};
use tieqi::radio::Rates;
use tieqi::shell::Server;
use tieqi_protocols::dmr::Address;
use tieqi_protocols::homebrew::Packet;
use tieqi_protocols::link::homebrew::{NumberPlan, Passphrase};

const REPEATER: u32 = 4_600_001;
const GOOD: &[u8] = b"s3cr37w0rd";

/// The sample town with one crew a group, whose one gateway is Homebrew on this port.
fn config(role: GatewayRole, port: u16) -> Config {
    let mut config = sample();
    // The first crew of each group, one of which is on duty.
    let mut groups = BTreeSet::new();
    let entries = &mut config.roster.entries;
    entries.retain(|entry| groups.insert(entry.group));
    let mut plan = NumberPlan::default();
    for (number, radio) in (4_610_000..).zip(config.terminals.keys()) {
        assert!(plan.add(radio.0, Address::new(number).unwrap()));
    }
    let gateway = &mut config.gateways[0];
    gateway.links.clear();
    gateway.role = role;
    gateway.air = Some(AirPort {
        port,
        passphrase: Passphrase(GOOD.into()),
        repeaters: vec![REPEATER],
        desk: Address::new(4_600_000).unwrap(),
        slot: 1,
        preambles: 1,
        plan,
    });
    config
}

fn town(config: Config) -> Town {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config.clone(), users(), dir.path()).unwrap();
    Town {
        config,
        server,
        dir,
    }
}

/// Reports one call, and follows it to the cleared scene.
fn one_call(town: &Town, config: &Config) {
    let radios = radios(config, 1, Rates::NONE);
    let mut calls = town.console("calls");
    until_registered(&radios, &calls);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    let get = ("incident.get", json!({ "incident": answer["incident"] }));
    let story = until_call("the scene to be cleared", &mut calls, get, |found| {
        let done = found["incident"]["phase"] == "resolved" && found["durable"] == true;
        done.then(|| found.clone())
    });
    let assignments = story["assignments"].as_array().unwrap();
    assert_eq!(assignments.len(), 1, "{story}");
    let stamps = &assignments[0]["stamps"];
    let at = |rung: &str| stamps[rung]["at"].as_u64().unwrap();
    let rungs = [
        "offered",
        "sent",
        "delivered",
        "accepted",
        "en_route",
        "on_scene",
        "cleared",
    ];
    assert!(rungs.is_sorted_by_key(|rung| at(rung)), "{stamps}");
    // Preamble, header and the blocks of a text take this long on the air at least.
    assert!(at("delivered") - at("sent") >= 5 * 60, "{stamps}");
    let stats = radios.stop().unwrap();
    assert_eq!((stats.offers, stats.repeated), (1, 0), "{stats}");
}

#[test]
fn a_call_over_a_repeater_that_logs_in_to_us() {
    let mut config = config(GatewayRole::Listen, 0);
    let town = town(config.clone());
    config.gateways[0].air.as_mut().unwrap().port = town.server.links[0].port();
    one_call(&town, &config);
}

#[test]
fn a_call_over_a_master_we_log_in_to() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let config = config(GatewayRole::Connect, port);
    one_call(&town(config.clone()), &config);
}

/// What a stranger sends is refused by reason and counted, and a flood stops nobody.
#[test]
fn bad_datagrams_are_counted_by_reason() {
    let town = town(config(GatewayRole::Listen, 0));
    let at: SocketAddr = town.server.links[0];
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let repeater = 99;
    let mut sent = vec![
        b"HELO....".to_vec(),
        b"RPTPING\0\0\0\0\0".to_vec(),
        Packet::Login { repeater }.to_bytes(),
        Packet::Ping { repeater: REPEATER }.to_bytes(),
        Packet::Pong { repeater: REPEATER }.to_bytes(),
    ];
    sent.extend((0..100).map(|_| Packet::Login { repeater }.to_bytes()));
    for bytes in sent {
        socket.send_to(&bytes, at).unwrap();
    }
    let mut desk = town.console("boss");
    let expected = [
        "value",
        "length",
        "unknown_repeater",
        "state",
        "role",
        "flood",
    ];
    let deadline = Instant::now() + PATIENCE;
    let refused = loop {
        let health = desk.call("system.health", &json!({})).unwrap();
        let refused = health["since_start"]["datagrams_refused"].clone();
        if expected.iter().all(|reason| refused[reason].is_u64()) {
            break refused;
        }
        assert!(Instant::now() < deadline, "{health}");
    };
    assert!(refused["flood"].as_u64().unwrap() >= 50, "{refused}");
}
