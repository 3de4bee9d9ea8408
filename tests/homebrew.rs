//! A call over DMR repeaters, on real sockets: the daemon is the master a simulated repeater logs in
//! to, or a repeater that logs in to a master. Texts go out as bursts, 60 ms each, so few handhelds
//! are on the air.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::air::{REPEATER, config, free_port, one_call};
use common::{PATIENCE, Town};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use tieqi::config::GatewayRole;
use tieqi_protocols::homebrew::Packet;

#[test]
fn a_call_over_a_repeater_that_logs_in_to_us() {
    let mut config = config(GatewayRole::Listen, 0);
    let town = Town::start_with(config.clone());
    config.gateways[0].air.as_mut().unwrap().port = town.server.links[0].port();
    one_call(&town, &config);
}

#[test]
fn a_call_over_a_master_we_log_in_to() {
    let config = config(GatewayRole::Connect, free_port());
    one_call(&Town::start_with(config.clone()), &config);
}

/// What a stranger sends is refused by reason and counted, and a flood stops nobody.
#[test]
fn bad_datagrams_are_counted_by_reason() {
    let town = Town::start_with(config(GatewayRole::Listen, 0));
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
