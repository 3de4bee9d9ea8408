//! Calls as records over TCP: a call-taker answers, an incident comes of it, others join; and what
//! the desks do with incidents beyond dispatching them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{Town, refused, report};
use serde_json::{Value, json};
use tieqi::cli::client::Client;

/// A call with a key of its own.
fn ask(console: &mut Client, key: &str, method: &str, mut params: Value) -> Value {
    params["key"] = json!(key);
    let answer = console.call(method, &params);
    answer.unwrap_or_else(|error| panic!("{method} {params}: {error:#}"))
}

/// The kind of a refusal.
fn kind(console: &mut Client, method: &str, mut params: Value) -> Value {
    params["key"] = json!("refused");
    refused(console, method, &params)["data"]["kind"].clone()
}

fn incident(console: &mut Client, id: &Value) -> Value {
    console
        .call("incident.get", &json!({ "incident": id }))
        .unwrap()
}

/// A call that rings and is answered.
fn answered(console: &mut Client, key: &str) -> Value {
    let params = json!({ "line": "122", "caller": "13800000001", "desk": "D1", "waited_ms": 500 });
    let call = ask(console, key, "call.arrive", params)["call"].clone();
    ask(console, key, "call.answer", json!({ "call": call }));
    call
}

/// An incident that came from a call.
fn reported(console: &mut Client, key: &str) -> (Value, Value) {
    let call = answered(console, key);
    let mut params = report(key);
    params["call"] = call.clone();
    params["caller"] = json!("");
    let incident = ask(console, key, "incident.report", params)["incident"].clone();
    (call, incident)
}

#[test]
fn a_call_becomes_an_incident_and_another_joins_it() {
    let town = Town::start();
    let mut calls = town.console("calls");
    let (first, id) = reported(&mut calls, "one");
    let second = answered(&mut calls, "two");
    let attach = json!({ "call": second, "incident": id });
    ask(&mut calls, "two", "call.attach", attach.clone());
    ask(&mut calls, "one", "call.end", json!({ "call": first }));
    let found = incident(&mut calls, &id);
    assert_eq!(found["incident"]["calls"], json!([first, second]));
    assert_eq!(found["incident"]["source"], "122", "the call's line");
    assert_eq!(
        found["incident"]["caller"], "13800000001",
        "the call's number"
    );
    let call = &found["calls"][0];
    assert_eq!((&call["phase"], &call["incident"]), (&json!("ended"), &id));
    let stamps = ["called", "arrived", "rang", "answered", "ended"];
    let stamps = stamps.map(|stamp| call["stamps"][stamp].as_u64().unwrap());
    assert!(stamps.is_sorted(), "{call}");
    assert_eq!(found["incident"]["first_call_at"], stamps[0]);
    assert!(found["incident"]["reported_at"].as_u64().unwrap() >= stamps[0]);

    let mut third = report("three");
    third["call"] = second.clone();
    assert_eq!(kind(&mut calls, "incident.report", third), "call_taken");
    let end = json!({ "call": second, "invalid": "silent" });
    assert_eq!(kind(&mut calls, "call.end", end), "call_taken");
    let unknown = json!({ "call": 99 });
    assert_eq!(kind(&mut calls, "call.answer", unknown), "unknown_call");
    let health = calls.call("system.health", &json!({})).unwrap();
    let counted = json!({ "open": 1, "flooding": 0, "arrived": 2, "answered": 2, "abandoned": 0,
        "invalid": { "nuisance": 0, "misdial": 0, "silent": 0 } });
    assert_eq!(health["calls"], counted);
    town.server.stop();
}

#[test]
fn an_abandoned_call_is_a_task_on_every_board() {
    let town = Town::start();
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    let params = json!({ "caller": "13800000002" });
    let call = ask(&mut calls, "one", "call.arrive", params)["call"].clone();
    let ended = ask(&mut calls, "one", "call.end", json!({ "call": call }));
    let task = &ended["task"];
    let told = desk.call("board.subscribe", &json!({})).unwrap();
    let mut items = Vec::new();
    for _ in 0..told["pages"].as_u64().unwrap() {
        let notice = desk.notice(common::PATIENCE).unwrap().unwrap();
        items.extend(notice["params"]["items"].as_array().unwrap().clone());
    }
    let of = |kind: &str| items.iter().find(|item| item["kind"] == kind).unwrap();
    assert_eq!(of("call")["value"]["phase"], "abandoned");
    let shown = &of("task")["value"];
    assert_eq!((&shown["task"], &shown["call"]), (task, &call));
    assert_eq!(shown["number"], "13800000002");

    let done = json!({ "task": task, "outcome": "打错了" });
    ask(&mut desk, "one", "task.done", done.clone());
    let delta = loop {
        let notice = desk.notice(common::PATIENCE).unwrap().unwrap();
        if notice["method"] == "board.delta" && notice["params"]["tasks_done"] != json!([]) {
            break notice;
        }
    };
    assert_eq!(delta["params"]["tasks_done"], json!([task]));
    assert_eq!(kind(&mut desk, "task.done", done), "unknown_task");
    town.server.stop();
}

#[test]
fn incidents_are_merged_split_referred_and_undone_by_who_may() {
    let town = Town::start();
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    let mut boss = town.console("boss");
    let (call, one) = reported(&mut calls, "one");
    let (_, two) = reported(&mut calls, "two");
    let merge = json!({ "key": "m", "incident": one, "into": two });
    let forbidden = refused(&mut calls, "incident.merge", &merge);
    assert!(
        forbidden["message"]
            .as_str()
            .unwrap()
            .contains("dispatcher")
    );
    ask(&mut boss, "m", "incident.merge", merge);
    let found = incident(&mut desk, &one);
    assert_eq!(found["incident"]["phase"], "merged");
    assert_eq!(found["incident"]["merged_into"], two);
    assert_eq!(
        incident(&mut desk, &two)["calls"].as_array().unwrap().len(),
        2
    );
    let undo = json!({ "incident": one });
    assert_eq!(kind(&mut desk, "incident.undo", undo.clone()), "not_yours");
    ask(&mut boss, "u", "incident.undo", undo.clone());
    assert_eq!(
        incident(&mut desk, &one)["incident"]["calls"],
        json!([call])
    );
    assert_eq!(kind(&mut boss, "incident.undo", undo), "nothing_to_undo");

    let mut split = report("split");
    split["call"] = call.clone();
    let three = ask(&mut desk, "s", "incident.split", split)["incident"].clone();
    assert_eq!(
        incident(&mut desk, &three)["incident"]["links"],
        json!([one])
    );
    assert_eq!(incident(&mut desk, &one)["incident"]["calls"], json!([]));

    let refer = json!({ "incident": one, "to": "neighbour", "name": "塘厦", "reason": "管辖" });
    ask(&mut desk, "r", "incident.refer", refer);
    let receipt = json!({ "incident": one, "receiver": "李四", "number": "7" });
    ask(&mut desk, "r", "incident.receipt", receipt);
    let back = json!({ "incident": one, "reason": "不在辖区" });
    ask(&mut desk, "r", "incident.return", back);
    let found = incident(&mut desk, &one);
    let referral = &found["incident"]["referral"];
    assert_eq!(referral["receipt"]["receiver"], "李四");
    assert_eq!(referral["returned"]["reason"], "不在辖区");
    assert_ne!(found["incident"]["phase"], "referred");
    town.server.stop();
}

/// 接警单, 处警单 and 反馈单 are linked by their numbers, and a restart keeps all of it.
#[test]
fn feedback_names_its_assignment_and_ends_the_wait() {
    let town = Town::start();
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    let (_, id) = reported(&mut calls, "one");
    let assignment = incident(&mut desk, &id)["assignments"][0]["assignment"].clone();
    ask(
        &mut desk,
        "r",
        "incident.resolve",
        json!({ "incident": id }),
    );
    assert!(incident(&mut desk, &id)["incident"]["feedback_due"].is_u64());
    let form = json!({ "incident": id, "assignment": assignment, "outcome": "mediated",
        "persons": 2 });
    let number = ask(&mut desk, "f", "incident.feedback", form)["feedback"].clone();
    let told = json!({ "incident": id, "text": "满意", "satisfied": true });
    ask(&mut desk, "v", "incident.follow_up", told);
    let found = incident(&mut desk, &id)["incident"].clone();
    assert_eq!(found["phase"], "followed_up");
    assert_eq!(found["feedback_due"], Value::Null);
    assert_eq!(found["follow_up"]["satisfied"], true);
    let form = &found["feedback"][0];
    assert_eq!(
        (&form["feedback"], &form["assignment"]),
        (&number, &assignment)
    );
    let reported = &found["reported"];
    assert_eq!(
        (&reported["grade"], &reported["category"]),
        (&found["grade"], &found["category"])
    );
    let wrong = json!({ "key": "w", "incident": id, "outcome": "magic" });
    let error = refused(&mut desk, "incident.feedback", &wrong);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("known are handled")
    );
    let wrong = json!({ "key": "w", "incident": id, "to": "branch", "reason": "x" });
    let error = refused(&mut desk, "incident.refer", &wrong);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("`name` must not be empty")
    );
    town.server.stop();
}
