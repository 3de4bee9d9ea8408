//! Assignments go as work orders where a gateway has them switched on: over real sockets, with
//! states of the operator's own choice on both sides.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{Town, radios, report, sample, until, until_call, until_cleared, until_registered};
use serde_json::{Value, json};
use tieqi::cli::client::Client;
use tieqi::config::Config;
use tieqi::engine::policy::Key;
use tieqi::radio::{Radios, Rates};

/// The sample town, its gateways set to work orders.
fn with_work_orders() -> Config {
    let mut config = sample();
    for gateway in &mut config.gateways {
        gateway.work_orders = true;
    }
    // As nobody has them by default.
    let states = [
        (0x31, Key::Accept),
        (0x32, Key::Decline),
        (0x33, Key::Rolling),
        (0x34, Key::OnScene),
        (0x35, Key::Clear),
    ];
    config.radio.work_states = states.into();
    config
}

fn stamps(story: &Value) -> Vec<&str> {
    let assignment = &story["assignments"][0];
    let stamps = assignment["stamps"].as_object().unwrap();
    let given = stamps.iter().filter(|(_, stamp)| stamp.is_object());
    given.map(|(rung, _)| rung.as_str()).collect()
}

/// Waits until handhelds have so many acks of their reports: the daemon acts on one before.
fn until_reported(radios: &Radios, console: &Client, reports: u64) {
    until("the reports' acks", console, || {
        (radios.stats().work_order_reports >= reports).then_some(())
    });
}

#[test]
fn an_assignment_climbs_the_ladder_as_a_work_order() {
    let town = Town::start_with(with_work_orders());
    let radios = radios(&town.config, 1, Rates::NONE);
    let mut calls = town.console("calls");
    until_registered(&radios, &calls);

    let answer = calls.call("incident.report", &report("one")).unwrap();
    let story = until_cleared(&mut calls, &answer["incident"]);
    for rung in [
        "sent",
        "delivered",
        "accepted",
        "en_route",
        "on_scene",
        "cleared",
    ] {
        assert!(stamps(&story).contains(&rung), "{rung}: {story}");
    }
    // Not one text was written: the order brought the offer, its states were the keys.
    until_reported(&radios, &calls, 4);
    let stats = radios.stop().unwrap();
    assert_eq!((stats.offers, stats.keys.total()), (1, 4), "{stats}");
    assert!(stats.work_orders >= 1, "{stats:?}");
}

#[test]
fn an_order_that_is_declined_goes_to_another_unit() {
    let town = Town::start_with(with_work_orders());
    let rates = Rates {
        decline: 1.0,
        ..Rates::NONE
    };
    let radios = radios(&town.config, 1, rates);
    let mut calls = town.console("calls");
    until_registered(&radios, &calls);

    let answer = calls.call("incident.report", &report("one")).unwrap();
    let get = ("incident.get", json!({ "incident": answer["incident"] }));
    let [first, second] = until_call("a second unit to be asked", &mut calls, get, |story| {
        let assignments = story["assignments"].as_array()?;
        let first = assignments.iter().find(|one| one["rung"] == "declined")?;
        let second = assignments
            .iter()
            .find(|one| one["unit"] != first["unit"])?;
        Some([first, second].map(|one| one["stamps"].clone()))
    });
    assert_eq!(first["declined"]["source"], "radio");
    assert!(second["offered"]["at"].as_u64() >= first["declined"]["at"].as_u64());
    until_reported(&radios, &calls, 1);
    let stats = radios.stop().unwrap();
    assert!(stats.declines >= 1, "{stats:?}");
}

#[test]
fn a_state_that_means_nothing_here_is_shown_and_advances_nothing() {
    let town = Town::start_with(with_work_orders());
    // The terminals were set up otherwise than the daemon was told.
    let mut theirs = town.config.clone();
    theirs.radio.work_states = sample().radio.work_states;
    let radios = radios(&theirs, 1, Rates::NONE);
    let mut calls = town.console("calls");
    let mut desk = town.console("desk");
    until_registered(&radios, &calls);
    desk.call("board.subscribe", &json!({})).unwrap();

    let answer = calls.call("incident.report", &report("one")).unwrap();
    let words = format!("工单 {} 状态 0x20", answer["incident"]);
    let said = |notice: &Value| notice.to_string().contains(&words);
    while !said(&desk.notice(common::PATIENCE).unwrap().unwrap()) {}
    let get = json!({ "incident": answer["incident"] });
    let story = calls.call("incident.get", &get).unwrap();
    for rung in ["accepted", "en_route", "on_scene", "cleared"] {
        assert!(!stamps(&story).contains(&rung), "{rung}: {story}");
    }
    radios.stop().unwrap();
}
