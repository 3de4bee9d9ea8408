//! The sample town over DMR repeaters (Homebrew).

#![expect(
    clippy::indexing_slicing,
    reason = "the sample and the answers are what the tests expect"
)]

use super::{Town, radios, report, sample, until_cleared, until_registered};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use tieqi::config::{AirPort, Config, GatewayRole};
use tieqi::radio::Rates;
use tieqi_protocols::dmr::Address;
use tieqi_protocols::link::homebrew::{NumberPlan, Passphrase};

/// The repeater the town has, or is to a master elsewhere.
pub(crate) const REPEATER: u32 = 4_600_001;
/// The passphrase of both ends.
pub(crate) const GOOD: &[u8] = b"s3cr37w0rd";

/// The sample town with one crew a group, whose one gateway is Homebrew on this port.
pub(crate) fn config(role: GatewayRole, port: u16) -> Config {
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

/// Reports one call, and follows it to the cleared scene: the story of it.
pub(crate) fn one_call(town: &Town, config: &Config) -> Value {
    let radios = radios(config, 1, Rates::NONE);
    let mut calls = town.console("calls");
    until_registered(&radios, &calls);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    let story = until_cleared(&mut calls, &answer["incident"]);
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
    story
}

/// A port nobody has now.
pub(crate) fn free_port() -> u16 {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}
