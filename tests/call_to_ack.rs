//! One call becomes a frame, an ack, keys and a cleared scene, over real sockets: the daemon, the
//! simulated radios and two consoles share bytes only.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{Town, radios, refused, report, until_cleared, until_registered};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tieqi::cli::client::Client;
use tieqi::radio::Rates;

/// Objects of the board by kind and id, as a console keeps them.
#[derive(Default)]
struct Board {
    seq: u64,
    deltas: u64,
    objects: BTreeMap<(&'static str, String), Value>,
}

/// Kind, the list of a delta, the key of the id.
const KINDS: [(&str, &str, &str); 4] = [
    ("incident", "incidents", "incident"),
    ("assignment", "assignments", "assignment"),
    ("unit", "units", "unit"),
    ("alarm", "alarms", "alarm"),
];

impl Board {
    /// Subscribes and takes all pages.
    fn follow(console: &mut Client) -> Self {
        let told = console.call("board.subscribe", &json!({})).unwrap();
        let mut board = Self {
            seq: told["seq"].as_u64().unwrap(),
            ..Self::default()
        };
        for page in 0..told["pages"].as_u64().unwrap() {
            let notice = console.notice(common::PATIENCE).unwrap().unwrap();
            assert_eq!(notice["method"], "board.page");
            let params = &notice["params"];
            assert_eq!(
                (&params["page"], &params["seq"]),
                (&json!(page), &told["seq"])
            );
            for item in params["items"].as_array().unwrap() {
                let (kind, _, id) = KINDS
                    .into_iter()
                    .find(|kind| item["kind"] == kind.0)
                    .unwrap();
                let value = &item["value"];
                board
                    .objects
                    .insert((kind, value[id].to_string()), value.clone());
            }
        }
        board
    }

    /// Takes a notice; deltas must come without a gap.
    fn take(&mut self, notice: &Value) {
        if notice["method"] != "board.delta" {
            assert_eq!(notice["method"], "board.positions", "{notice}");
            return;
        }
        let params = &notice["params"];
        assert_eq!(params["seq"], self.seq + 1, "a gap");
        self.seq += 1;
        self.deltas += 1;
        for (kind, list, id) in KINDS {
            for value in params[list].as_array().unwrap() {
                self.objects
                    .insert((kind, value[id].to_string()), value.clone());
            }
        }
    }

    fn get(&self, kind: &'static str, id: &Value) -> &Value {
        &self.objects[&(kind, id.to_string())]
    }
}

#[test]
fn a_call_becomes_a_frame_an_ack_and_a_cleared_scene() {
    let town = Town::start();
    let radios = radios(&town.config, 1, Rates::NONE);
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    until_registered(&radios, &calls);
    let mut board = Board::follow(&mut desk);

    let answer = calls.call("incident.report", &report("one")).unwrap();
    let incident = &answer["incident"];
    let get = ("incident.get", json!({ "incident": incident }));
    let story = until_cleared(&mut calls, incident);
    let assignments = story["assignments"].as_array().unwrap();
    assert_eq!(assignments.len(), 1, "{story}");
    let stamps = &assignments[0]["stamps"];
    let ladder = [
        "offered",
        "sent",
        "delivered",
        "accepted",
        "en_route",
        "on_scene",
        "cleared",
    ];
    let times = ladder.map(|rung| {
        stamps[rung]["at"]
            .as_u64()
            .unwrap_or_else(|| panic!("{rung}"))
    });
    assert!(times.is_sorted(), "{stamps}");

    // A resolved incident rests, so the board comes to the same.
    let deadline = Instant::now() + common::PATIENCE;
    while *board
        .objects
        .get(&("incident", incident.to_string()))
        .unwrap_or(&Value::Null)
        != story["incident"]
    {
        assert!(Instant::now() < deadline, "the board never came to {story}");
        if let Some(notice) = desk.notice(Duration::from_millis(100)).unwrap() {
            board.take(&notice);
        }
    }
    assert_eq!(
        board.get("assignment", &assignments[0]["assignment"]),
        &assignments[0]
    );
    assert!(board.deltas >= 6, "{} deltas", board.deltas);

    let stats = radios.stop().unwrap();
    assert_eq!((stats.offers, stats.keys.total()), (1, 4), "{stats}");
    let closed = desk.call(
        "incident.close",
        &json!({ "key": "close", "incident": incident }),
    );
    closed.unwrap();
    let (method, params) = get;
    assert_eq!(
        desk.call(method, &params).unwrap()["incident"]["phase"],
        "closed"
    );
}

#[test]
fn a_key_gives_the_same_answer_on_any_connection_and_takes_no_other_call() {
    let town = Town::start();
    let mut first = town.console("calls");
    let answer = first.call("incident.report", &report("twice")).unwrap();
    drop(first);
    let mut second = town.console("calls");
    assert_eq!(
        second.call("incident.report", &report("twice")).unwrap(),
        answer
    );
    let health = second.call("system.health", &json!({})).unwrap();
    assert_eq!(health["since_start"]["incidents"], 1);

    let mut other = report("twice");
    other["text"] = json!("another call");
    assert_eq!(refused(&mut second, "incident.report", &other)["code"], 6);
    // Keys are each user's own, and each method's own.
    let mut desk = town.console("desk");
    let theirs = desk.call("incident.report", &other).unwrap();
    assert_ne!(theirs["incident"], answer["incident"]);
}
