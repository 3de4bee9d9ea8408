//! Several desks at once over real sockets, in recommend mode: proposals, races, claims, roles,
//! and keys that were overheard.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, Town, on_board, radios, refused, report, sample, until, until_registered};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, Instant};
use tieqi::cli::client::{Client, Refused};
use tieqi::config::users::{Role, Users};
use tieqi::engine::policy::Mode;
use tieqi::radio::{Radios, Rates};
use tieqi::shell::Server;

/// The sample town in recommend mode with handhelds on the air.
fn town(seed: u64) -> (Town, Radios) {
    let mut config = sample();
    config.policy.mode = Mode::Recommend;
    let dir = tempfile::tempdir().unwrap();
    let cheap = argon2::Params::new(8, 1, 1, None).unwrap();
    let mut users = Users::with_cost(cheap).unwrap();
    for (name, role) in [
        ("watch", Role::Viewer),
        ("calls", Role::CallTaker),
        ("li", Role::Dispatcher),
        ("wang", Role::Dispatcher),
        ("chief", Role::Supervisor),
    ] {
        users.add(name, role, PASSWORD).unwrap();
    }
    let server = Server::start(config.clone(), users, dir.path()).unwrap();
    let links = config.gateways.iter_mut().flat_map(|it| &mut it.links);
    for (link, bound) in links.zip(&server.links) {
        link.port = bound.port();
    }
    let radios = radios(&config, seed, Rates::NONE);
    let town = Town {
        config,
        server,
        dir,
    };
    until_registered(&radios, &town.console("calls"));
    (town, radios)
}

/// A call that is put to the desks: the incident and its proposal.
fn proposed(town: &Town, key: &str) -> Value {
    let mut calls = town.console("calls");
    let answer = calls.call("incident.report", &report(key)).unwrap();
    assert!(answer.get("offered").is_none(), "{answer}");
    let incident = answer["incident"].clone();
    match answer["proposed"].as_array() {
        Some(made) => made[0].clone(),
        // The fixes are not there yet.
        None => proposal(&mut calls, &incident),
    }
}

/// The proposal for an incident as the board shows it.
fn proposal(console: &mut Client, incident: &Value) -> Value {
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        if let Some(found) = on_board(console, "proposal", "incident", incident) {
            return found;
        }
        assert!(Instant::now() < deadline, "no proposal for {incident}");
        console.notice(Duration::from_millis(20)).unwrap();
    }
}

fn offer(key: &str, proposal: &Value) -> Value {
    let ranking = match &proposal["ranking"] {
        Value::Object(ranking) => ranking["ranking"].clone(),
        id => id.clone(),
    };
    json!({
        "key": key, "incident": proposal["incident"], "unit": proposal["unit"],
        "ranking": ranking,
    })
}

fn error_of(result: anyhow::Result<Value>) -> Value {
    match result.unwrap_err().downcast::<Refused>() {
        Ok(refused) => refused.error,
        Err(error) => panic!("{error:#}"),
    }
}

#[test]
fn two_desks_offer_the_same_unit_and_one_wins() {
    let (town, _radios) = town(4);
    for round in 0..5 {
        let shown = proposed(&town, &format!("race-{round}"));
        let start = Barrier::new(2);
        let race = |user: &str| {
            let mut desk = town.console(user);
            start.wait();
            desk.call(
                "assignment.offer",
                &offer(&format!("{user}-{round}"), &shown),
            )
        };
        let (li, wang) = std::thread::scope(|scope| {
            let li = scope.spawn(|| race("li"));
            let wang = scope.spawn(|| race("wang"));
            (li.join().unwrap(), wang.join().unwrap())
        });
        let (won, lost) = match li {
            Ok(won) => (won, wang),
            Err(_) => (wang.unwrap(), li),
        };
        let offered = won["offered"].as_array().unwrap();
        assert_eq!(offered.len(), 1, "{won}");
        assert_eq!(offered[0]["unit"], shown["unit"]);
        let error = error_of(lost);
        assert_eq!(error["data"]["kind"], "stale_ranking", "{error}");
        let fresh = &error["data"]["ranking"];
        assert!(fresh["ranking"].as_u64().is_some(), "{error}");
        let mut candidates = fresh["candidates"].as_array().unwrap().iter();
        assert!(candidates.all(|it| it["unit"] != shown["unit"]), "{error}");
    }
}

#[test]
fn a_choice_against_the_ranking_is_shown_as_such() {
    let (town, _radios) = town(5);
    let shown = proposed(&town, "override");
    let mut desk = town.console("li");
    let get = json!({ "incident": shown["incident"] });
    let ranking = desk.call("incident.rank", &get).unwrap();
    let other = &ranking["candidates"][1]["unit"];
    let params = json!({
        "key": "1", "incident": shown["incident"], "unit": other, "ranking": ranking["ranking"],
    });
    let answer = desk.call("assignment.offer", &params).unwrap();
    assert_eq!(answer["offered"][0]["unit"], *other);
    let found = desk.call("incident.get", &get).unwrap();
    assert_eq!(found["assignments"][0]["overrode"], ranking["ranking"]);
    assert!(on_board(&mut desk, "proposal", "incident", &shown["incident"]).is_none());
}

#[test]
fn a_declined_proposal_goes_to_the_next_and_is_kept() {
    let (town, _radios) = town(9);
    let shown = proposed(&town, "declined");
    let mut desk = town.console("li");
    let decline = |key: &str| {
        let reason = "车辆检修";
        json!({ "key": key, "proposal": shown["proposal"], "reason": reason })
    };
    let answer = desk.call("proposal.decline", &decline("1")).unwrap();
    let next = &answer["proposed"][0];
    assert_eq!(next["incident"], shown["incident"], "{answer}");
    assert_ne!(next["unit"], shown["unit"], "{answer}");
    let seen = proposal(&mut desk, &shown["incident"]);
    assert_eq!(seen["proposal"], next["proposal"], "{seen}");
    let again = desk.call("proposal.decline", &decline("1")).unwrap();
    assert_eq!(again, answer, "the same key, the same answer");
    let error = refused(&mut desk, "proposal.decline", &decline("2"));
    assert_eq!(error["data"]["kind"], "unknown_proposal", "{error}");
    let blank = json!({ "key": "3", "proposal": next["proposal"], "reason": "" });
    let error = refused(&mut desk, "proposal.decline", &blank);
    assert_eq!(error["code"], -32602, "{error}");
    let mut calls = town.console("calls");
    let error = refused(&mut calls, "proposal.decline", &decline("4"));
    assert_eq!(error["code"], 3, "only who dispatches declines: {error}");
}

#[test]
fn a_claim_names_its_holder_until_its_desk_is_gone() {
    let (town, _radios) = town(6);
    let shown = proposed(&town, "claim");
    let incident = &shown["incident"];
    let claim = |key: &str| json!({ "key": key, "incident": incident });
    let (mut li, mut wang) = (town.console("li"), town.console("wang"));
    li.call("incident.claim", &claim("1")).unwrap();
    let error = refused(&mut wang, "assignment.offer", &offer("1", &shown));
    assert_eq!(error["data"]["kind"], "claimed", "{error}");
    assert_eq!(error["data"]["holder"], "li");
    let error = refused(&mut wang, "incident.claim", &claim("wang-2"));
    assert_eq!(error["data"]["holder"], "li");
    let found = wang.call("incident.get", &claim_free(incident)).unwrap();
    assert_eq!(found["incident"]["claim"]["user"], "li");
    // Its supervisor may take it over, and gives it back.
    let mut chief = town.console("chief");
    chief.call("incident.claim", &claim("chief-1")).unwrap();
    let error = refused(&mut li, "incident.resolve", &claim("2"));
    assert_eq!(error["data"]["holder"], "chief");
    chief.call("incident.release", &claim("chief-2")).unwrap();
    li.call("incident.claim", &claim("3")).unwrap();
    drop(li);
    let alarm = until("the claim to be released", &chief, || {
        on_board(&mut wang, "alarm", "kind", &json!("desk_gone"))
    });
    assert_eq!(alarm["incident"], *incident);
    assert_eq!(alarm["for_supervisor"], true);
    wang.call("assignment.offer", &offer("3", &shown)).unwrap();
}

fn claim_free(incident: &Value) -> Value {
    json!({ "incident": incident })
}

#[test]
fn a_viewer_reads_and_nothing_else() {
    let (town, _radios) = town(7);
    let shown = proposed(&town, "view");
    let incident = &shown["incident"];
    let mut watch = town.console("watch");
    let seen = proposal(&mut watch, incident);
    assert!(
        seen["deadline"].as_u64() > seen["made_at"].as_u64(),
        "{seen}"
    );
    for (method, params) in [
        ("system.health", json!({})),
        ("unit.list", json!({})),
        ("incident.get", json!({ "incident": incident })),
        ("incident.rank", json!({ "incident": incident })),
    ] {
        watch.call(method, &params).unwrap();
    }
    let methods = tieqi::daemon::api::METHODS.iter();
    for method in methods.filter(|method| method.role > Some(Role::Viewer)) {
        let error = refused(&mut watch, method.name, &json!({ "key": "k" }));
        assert_eq!(error["code"], 3, "{}: {error}", method.name);
    }
    let mut calls = town.console("calls");
    let error = refused(&mut calls, "assignment.offer", &offer("1", &shown));
    assert_eq!(error["code"], 3, "{error}");
}

/// Somebody repeats what another user sent, letter by letter.
#[test]
fn another_users_key_is_not_replayed() {
    let (town, _radios) = town(8);
    let (mut calls, mut li) = (town.console("calls"), town.console("li"));
    let answer = calls.call("incident.report", &report("mine")).unwrap();
    let error = refused(&mut li, "incident.report", &report("mine"));
    assert_eq!(error["code"], 6, "{error}");
    let again = calls.call("incident.report", &report("mine")).unwrap();
    assert_eq!(again, answer);
    let next = li.call("incident.report", &report("yours")).unwrap();
    let number = |answer: &Value| answer["incident"].as_u64().unwrap();
    assert_eq!(number(&next), number(&answer) + 1);
}
