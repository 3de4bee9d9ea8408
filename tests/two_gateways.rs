//! Two gateways over real sockets, and a cable to one of them that is pulled: what nobody there
//! acknowledges goes out by the other within two seconds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::cable::Cable;
use common::{Town, radios, report, sample, until_call, until_registered};
use serde_json::json;
use std::net::SocketAddr;
use tieqi::config::Config;
use tieqi::radio::Rates;

/// The sample town with a second gateway like its first.
fn town() -> Town {
    let mut config = sample();
    let mut second = config.gateways[0].clone();
    second.name = String::from("huangjiang-2");
    config.gateways.push(second);
    Town::start_with(config)
}

/// The config of radios that know one gateway only, on these ports.
fn of_gateway(config: &Config, place: usize, ports: impl Iterator<Item = u16>) -> Config {
    let mut config = config.clone();
    config.gateways = vec![config.gateways[place].clone()];
    for (link, port) in config.gateways[0].links.iter_mut().zip(ports) {
        link.port = port;
    }
    config
}

#[test]
fn a_gateway_without_its_cable_is_passed_over_within_two_seconds() {
    let town = town();
    let (first, second) = town
        .server
        .links
        .split_at(town.config.gateways[0].links.len());
    let cable = Cable::to(first);
    let mut calls = town.console("calls");

    // Every handheld is within reach of both, and registers through the first one last.
    let ports = second.iter().map(SocketAddr::port);
    let reserve = radios(&of_gateway(&town.config, 1, ports), 21, Rates::NONE);
    until_registered(&reserve, &calls);
    let ports = cable.ports.iter().copied();
    let usual = radios(&of_gateway(&town.config, 0, ports), 22, Rates::NONE);
    until_registered(&usual, &calls);
    let offers = reserve.stats().offers;
    let resolved = |calls: &mut _, key| {
        let answer = tieqi::cli::client::Client::call(calls, "incident.report", &report(key));
        let which = json!({ "incident": answer.unwrap()["incident"] });
        until_call(
            "the scene to be cleared",
            calls,
            ("incident.get", which),
            |found| {
                (found["incident"]["phase"] == "resolved").then(|| found["assignments"].clone())
            },
        )
    };
    let assignments = resolved(&mut calls, "plugged");
    assert_eq!(assignments[0]["attempt"], 1, "{assignments}");
    assert_eq!(
        reserve.stats().offers,
        offers,
        "by the gateway it registered through"
    );

    cable.pull();
    let assignments = resolved(&mut calls, "pulled");
    assert_eq!(
        assignments.as_array().unwrap().len(),
        1,
        "the same unit: {assignments}"
    );
    assert_eq!(assignments[0]["attempt"], 2, "{assignments}");
    let at = |rung: &str| assignments[0]["stamps"][rung]["at"].as_u64().unwrap();
    let took_ms = at("sent") - at("offered");
    assert!(
        took_ms <= 2_500,
        "{took_ms} ms: two seconds, and the machine's own"
    );
    // Until it says something, nobody waits for it again.
    let assignments = resolved(&mut calls, "passed over");
    assert_eq!(assignments[0]["attempt"], 1, "{assignments}");
    reserve.stop().unwrap();
    usual.stop().unwrap();
}
