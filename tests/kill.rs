//! kill -9 in the middle of dispatching, again and again: the real binary, radios and callers that
//! outlive it. What was acknowledged is in the journal, and the same key gives the same answer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::process::{Daemon, Place};
use common::{PASSWORD, on_board, radios, report, tieqi, until_call};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tieqi::cli::audit::{self, Acked};
use tieqi::cli::client::{Client, Refused};
use tieqi::config::Config;
use tieqi::radio::{RadioOptions, Radios, Rates};

/// What a caller was told.
struct Told {
    params: Value,
    answer: Value,
}

/// Reports calls until the daemon is gone; a watcher kills it after `calls` answers.
fn report_until_killed(
    daemon: Daemon,
    place: &Place,
    round: u32,
    calls: usize,
) -> (Vec<Told>, Option<Value>) {
    let mut client = Client::login(place.console, "calls", PASSWORD).unwrap();
    let (answered, answers) = std::sync::mpsc::sync_channel::<()>(0);
    let killer = std::thread::spawn(move || {
        for () in answers.iter().take(calls) {}
        daemon.kill();
    });
    let mut told = Vec::new();
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the daemon was not killed");
        let params = report(&format!("{round}-{}", told.len()));
        match client.call("incident.report", &params) {
            Ok(answer) => told.push(Told { params, answer }),
            Err(error) => {
                assert!(!error.is::<Refused>(), "{error:#}");
                killer.join().unwrap();
                return (told, Some(params));
            }
        }
        let _ = answered.send(());
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_daemon_is_killed() {
    const ROUNDS: u32 = 3;
    let place = Place::new();
    let config = Config::load(&place.config).unwrap();
    let mut daemon = Daemon::start(&place);
    let radios = radios(&config, 7, Rates::NONE);
    let mut told: Vec<Told> = Vec::new();
    for round in 0..ROUNDS {
        let mut watcher = Client::login(place.console, "calls", PASSWORD).unwrap();
        links_up(&mut watcher);
        common::until_registered(&radios, &watcher);
        drop(watcher);
        let calls = 8 + 7 * round as usize;
        let (more, unanswered) = report_until_killed(daemon, &place, round, calls);
        assert!(more.len() >= calls, "{} calls", more.len());
        told.extend(more);
        daemon = Daemon::start(&place);
        let mut client = Client::login(place.console, "calls", PASSWORD).unwrap();
        for Told { params, answer } in &told {
            assert_eq!(
                client.call("incident.report", params).unwrap(),
                *answer,
                "{params}"
            );
        }
        // Whether it was taken or not, asking again gives one incident and one answer.
        if let Some(params) = unanswered {
            let answer = client.call("incident.report", &params).unwrap();
            assert_eq!(client.call("incident.report", &params).unwrap(), answer);
            told.push(Told { params, answer });
        }
    }
    let mut client = Client::login(place.console, "calls", PASSWORD).unwrap();
    let first = json!({ "incident": told[0].answer["incident"] });
    until_call(
        "the first call to end",
        &mut client,
        ("incident.get", first),
        |found| (found["incident"]["phase"] == "resolved").then_some(()),
    );
    one_active_assignment_a_unit(&mut client, &told);
    daemon.kill();
    radios.stop().unwrap();
    let acked = |told: &Told| audit::acked(&told.answer, &told.params);
    let acked: Vec<Acked> = told.iter().map(|told| acked(told).unwrap()).collect();
    let (figures, _) = audit::audit(&place.data, config.policy.ladder, &acked).unwrap();
    assert_eq!(figures.lost, 0, "{figures:?}");
    assert_eq!(
        figures.incidents,
        told.len() as u64,
        "no call became two: {figures:?}"
    );
    verified(&place.data);
}

/// Waits until the radios are connected to this daemon.
fn links_up(console: &mut Client) {
    let health = ("system.health", json!({}));
    until_call("the radios to come (back)", console, health, |health| {
        let links = health["links"].as_array().unwrap();
        links.iter().all(|link| link["up"] == true).then_some(())
    });
}

/// A unit's open and unstacked assignments: at most one.
fn one_active_assignment_a_unit(client: &mut Client, told: &[Told]) {
    let mut active = BTreeMap::<String, u32>::new();
    for told in told {
        let which = json!({ "incident": told.answer["incident"] });
        let found = client.call("incident.get", &which).unwrap();
        for assignment in found["assignments"].as_array().unwrap() {
            let open = [
                "offered",
                "sent",
                "delivered",
                "accepted",
                "en_route",
                "on_scene",
            ];
            if open.iter().any(|rung| assignment["rung"] == *rung) {
                *active.entry(assignment["unit"].to_string()).or_default() += 1;
            }
        }
    }
    let twice: Vec<_> = active.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn verified(data: &Path) {
    let verify = tieqi()
        .args(["journal", "verify", "--json"])
        .arg(data)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verify.stdout).into_owned();
    assert_eq!(verify.status.code(), Some(0), "{said}");
}

#[test]
fn an_open_emergency_outlives_the_daemon() {
    let place = Place::new();
    let config = Config::load(&place.config).unwrap();
    let daemon = Daemon::start(&place);
    let options = RadioOptions {
        seed: 9,
        speed: common::SPEED,
        spread_ms: 100,
        rates: Rates::NONE,
        // Nobody gets anywhere while the test looks.
        key_s: 86_400,
        emergency_after_ms: Some(2_000),
        ..RadioOptions::default()
    };
    println!("seed 9");
    let radios = Radios::start(&config, options).unwrap();
    let mut client = Client::login(place.console, "calls", PASSWORD).unwrap();
    let first = ("incident.get", json!({ "incident": 1 }));
    let wait = ("system.health", json!({}));
    until_call("the emergency", &mut client, wait, |health| {
        (health["open_emergencies"] == 1 && health["durable"] == true).then_some(())
    });
    let before = client.call(first.0, &first.1).unwrap();
    drop(client);
    daemon.kill();

    let daemon = Daemon::start(&place);
    let mut client = Client::login(place.console, "calls", PASSWORD).unwrap();
    let after = client.call(first.0, &first.1).unwrap();
    let emergency = &after["incident"]["emergency"];
    for same in ["radio", "unit"] {
        assert_eq!(
            emergency[same], before["incident"]["emergency"][same],
            "{after}"
        );
    }
    assert_eq!(after["incident"]["source"], "radio_emergency");
    let units = client.call("unit.list", &json!({})).unwrap();
    let units = units["units"].as_array().unwrap();
    let marked: Vec<_> = units.iter().filter(|unit| unit["emergency"] == 1).collect();
    let owner = emergency["unit"].as_str();
    assert_eq!(marked.len(), usize::from(owner.is_some()), "{marked:?}");
    links_up(&mut client);
    // Its back-up has the text, and its terminal still reports in a burst.
    until_call(
        "the back-up to have the text",
        &mut client,
        first,
        |found| {
            let units = found["assignments"].as_array().unwrap();
            units
                .iter()
                .any(|unit| unit["rung"] == "delivered")
                .then_some(())
        },
    );
    daemon.kill();
    let stats = radios.stop().unwrap();
    assert!(stats.emergencies >= 1, "{stats}");
    verified(&place.data);
}

/// A limit of everybody, in seconds.
fn set_limit(place: &Place, name: &str, seconds: u32) {
    let text = std::fs::read_to_string(&place.config).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let all = ["I", "II", "III", "IV"].map(|grade| format!("{grade} = {seconds}"));
    let set = format!("{name} = {{ {} }}", all.join(", "));
    std::fs::write(&place.config, text.replace(line, &set)).unwrap();
}

/// Waits for an alarm on the board, subscribing anew each time.
fn until_alarm(console: &mut Client, kind: &str) -> Value {
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        if let Some(alarm) = on_board(console, "alarm", "kind", &json!(kind)) {
            return alarm;
        }
        assert!(Instant::now() < deadline, "no alarm {kind}");
        console.notice(Duration::from_millis(20)).unwrap();
    }
}

/// No officer presses a key: the desk says by voice how far each unit is.
#[test]
fn limits_and_alarms_outlive_the_daemon() {
    let place = Place::new();
    place.add_user("desk", "dispatcher");
    set_limit(&place, "roll_s", 2);
    set_limit(&place, "feedback_s", 2);
    let daemon = Daemon::start(&place);
    let mut desk = Client::login(place.console, "desk", PASSWORD).unwrap();
    let config = Config::load(&place.config).unwrap();
    let silent = RadioOptions {
        seed: 11,
        speed: common::SPEED,
        spread_ms: 100,
        rates: Rates::NONE,
        key_s: 86_400,
        ..RadioOptions::default()
    };
    let radios = Radios::start(&config, silent).unwrap();
    common::until_registered(&radios, &desk);
    let mut accepted = Vec::new();
    for key in ["waits", "done"] {
        let told = desk.call("incident.report", &report(key)).unwrap();
        let assignment = told["offered"][0]["assignment"].clone();
        let params = json!({ "key": key, "assignment": assignment, "to": "accepted" });
        desk.call("assignment.advance", &params).unwrap();
        accepted.push((assignment, told["incident"].clone()));
    }
    let cleared = json!({ "key": "cleared", "assignment": accepted[1].0, "to": "cleared" });
    desk.call("assignment.advance", &cleared).unwrap();
    daemon.kill();

    let daemon = Daemon::start(&place);
    let mut desk = Client::login(place.console, "desk", PASSWORD).unwrap();
    let late = until_alarm(&mut desk, "not_rolling");
    assert_eq!(late["assignment"], accepted[0].0, "{late}");
    let form = until_alarm(&mut desk, "feedback_overdue");
    assert_eq!(form["incident"], accepted[1].1, "{form}");
    let rolls = json!({ "key": "rolls", "assignment": accepted[0].0, "to": "en_route" });
    desk.call("assignment.advance", &rolls).unwrap();
    let known = json!({ "key": "known", "alarm": late["alarm"] });
    desk.call("alarm.ack", &known).unwrap();
    daemon.kill();

    let _running = Daemon::start(&place);
    let mut desk = Client::login(place.console, "desk", PASSWORD).unwrap();
    assert_eq!(
        until_alarm(&mut desk, "feedback_overdue")["alarm"],
        form["alarm"]
    );
    let gone = on_board(&mut desk, "alarm", "kind", &json!("not_rolling"));
    assert_eq!(gone, None, "somebody knows");
    radios.stop().unwrap();
}

#[test]
fn a_second_daemon_on_a_directory_is_told_who_has_it() {
    let (place, other) = (Place::new(), Place::new());
    let daemon = Daemon::start(&place);
    let mut second = tieqi();
    second
        .arg("serve")
        .arg(&other.config)
        .arg("--dir")
        .arg(&place.data);
    let ended = second.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(
        said.contains(&format!("process {} holds it", daemon.0.id())),
        "{said}"
    );
    let mut client = Client::login(place.console, "calls", PASSWORD).unwrap();
    assert!(client.notice(Duration::ZERO).unwrap().is_none());
    client.call("system.health", &json!({})).unwrap();
}
