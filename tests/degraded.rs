//! Disks that really fail under the real binary: a full one, and one that refuses a write. Consoles
//! are told, nothing is acknowledged, reading and ranking go on, and the printable list says so.
//! And a process that gets no descriptor any more.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::process::{Daemon, Place};
use common::{PASSWORD, PATIENCE, report, tieqi};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

/// A desk that sees answers and notices in the order they come.
struct Desk {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    sent: u64,
    /// Reports by id, and their answers.
    reports: BTreeMap<u64, Value>,
    answers: BTreeMap<u64, Value>,
}

impl Desk {
    fn login(place: &Place) -> Self {
        let stream = TcpStream::connect(place.console).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut desk = Self {
            stream,
            lines,
            sent: 0,
            reports: BTreeMap::new(),
            answers: BTreeMap::new(),
        };
        let login = json!({ "user": "calls", "password": PASSWORD });
        assert_eq!(
            desk.ask("session.login", &login)["result"]["role"],
            "call-taker"
        );
        desk
    }

    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.sent += 1;
        let id = self.sent;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let line = format!("{request}\n");
        self.stream.write_all(line.as_bytes()).unwrap();
        id
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "it was cut");
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(id) = line["id"].as_u64() {
            self.answers.insert(id, line.clone());
        }
        line
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.until(|line| line["id"] == id)
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            if wanted(&line) {
                return line;
            }
        }
    }

    fn until_told(&mut self, notice: &str) -> Value {
        self.until(|line| line["method"] == notice)["params"].take()
    }

    /// Reports one after the other until there is a notice of this name instead of an answer.
    fn report_until(&mut self, notice: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no {notice}");
            let mut params = report(&format!("d{}", self.sent));
            params["text"] = json!("很长的话".repeat(400));
            let id = self.send("incident.report", &params);
            self.reports.insert(id, params);
            let mut came = self.until(|line| line["id"] == id || line["method"] == notice);
            if came["method"] == notice {
                return came["params"].take();
            }
        }
    }

    /// What was acknowledged: parameters and answers.
    fn acked(&self) -> Vec<(Value, Value)> {
        let answered = self.reports.iter().filter_map(|(id, params)| {
            let result = self.answers.get(id)?.get("result")?;
            Some((params.clone(), result.clone()))
        });
        answered.collect()
    }
}

/// Answers and reads go on, and the list is the one of now.
fn goes_on_without_its_disk(place: &Place, desk: &mut Desk) {
    let first = json!({ "incident": 1 });
    let ranked = desk.ask("incident.rank", &first);
    assert_eq!(ranked["result"]["durable"], false, "{ranked}");
    assert!(ranked["result"]["passed_over"].is_array(), "{ranked}");
    let got = desk.ask("incident.get", &first);
    assert_eq!(got["result"]["incident"]["place"], "嘉荣广场");
    let health = desk.ask("system.health", &json!({}));
    assert_eq!(health["result"]["status"], "degraded");
    assert!(healthz(place).contains("503"));
    let deadline = Instant::now() + PATIENCE;
    let list = loop {
        let list = std::fs::read_to_string(&place.fallback).unwrap_or_default();
        if list.contains("降级 DEGRADED") {
            break list;
        }
        assert!(Instant::now() < deadline, "{list}");
        desk.ask("session.ping", &json!({}));
    };
    let open = health["result"]["open_incidents"].as_u64().unwrap();
    assert!(list.contains(&format!("== 未结警情 {open} ==")), "{list}");
    assert!(list.contains("#1 "), "{list}");
    assert!(list.contains("== 在勤警力 "), "{list}");
}

fn healthz(place: &Place) -> String {
    let mut stream = TcpStream::connect(place.http).unwrap();
    let ask = b"GET /healthz HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

/// After a restart everything acknowledged is there, under the same keys.
fn nothing_is_lost(place: &Place, acked: &[(Value, Value)]) {
    assert!(!acked.is_empty());
    let daemon = Daemon::start(place);
    let mut desk = Desk::login(place);
    for (params, answer) in acked {
        let again = desk.ask("incident.report", params);
        assert_eq!(again["result"], *answer, "{params}");
    }
    daemon.kill();
    let data = match &place.disk {
        Some(disk) => disk.outside().join("data"),
        None => place.data.clone(),
    };
    let verified = tieqi().args(["journal", "verify"]).arg(data).output();
    assert!(verified.unwrap().status.success());
}

/// Sets a limit of a process that runs.
fn limit(daemon: &Daemon, what: &str) {
    let limited = Command::new("prlimit")
        .args([what, "--pid", &daemon.0.id().to_string()])
        .status();
    assert!(limited.unwrap().success());
}

#[test]
fn a_full_disk_is_told_and_mends_itself() {
    let Some(place) = Place::on_small_disk(32) else {
        return;
    };
    let disk = place.disk.as_ref().unwrap();
    let daemon = Daemon::start(&place);
    let mut desk = Desk::login(&place);
    assert!(healthz(&place).contains("200 OK"));
    disk.fill();
    let space = desk.report_until("board.space");
    assert_eq!(space["low"], true, "{space}");
    // There is a segment ahead: acknowledged on as long as it lasts.
    let before = desk.acked().len();
    let told = desk.report_until("board.degraded");
    assert_eq!(told["until"], "space", "{told}");
    assert!(desk.acked().len() > before);
    goes_on_without_its_disk(&place, &mut desk);
    let acked = desk.acked().len();
    disk.empty();
    desk.until_told("board.recovered");
    // What was withheld comes now.
    let last = *desk.reports.last_key_value().unwrap().0;
    desk.until(|line| line["id"] == last);
    assert_eq!(desk.acked().len(), acked + 1);
    desk.until(|line| line["method"] == "board.space" && line["params"]["low"] == false);
    assert!(healthz(&place).contains("200 OK"));
    daemon.kill();
    nothing_is_lost(&place, &desk.acked());
}

#[test]
fn a_refused_write_is_final_until_a_restart() {
    let mut place = Place::new();
    place.survives_limits = true;
    let daemon = Daemon::start(&place);
    let mut desk = Desk::login(&place);
    desk.ask("incident.report", &report("first"));
    // From here on every write behind the first half of a segment fails.
    limit(&daemon, "--fsize=524288");
    let told = desk.report_until("board.degraded");
    assert_eq!(told["until"], "restart", "{told}");
    goes_on_without_its_disk(&place, &mut desk);
    let refused = desk.ask("incident.report", &report("after"));
    assert_eq!(refused["error"]["code"], 4, "{refused}");
    daemon.kill();
    nothing_is_lost(&place, &desk.acked());
}

#[test]
fn without_descriptors_nothing_is_lost_and_it_mends_itself() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let mut desk = Desk::login(&place);
    desk.ask("incident.report", &report("first"));
    // From here on it opens no file and accepts no connection.
    limit(&daemon, "--nofile=8:");
    let told = desk.report_until("board.degraded");
    assert_eq!(told["until"], "space", "{told}");
    let ranked = desk.ask("incident.rank", &json!({ "incident": 1 }));
    assert_eq!(ranked["result"]["durable"], false, "{ranked}");
    let acked = desk.acked().len();
    limit(&daemon, "--nofile=1024:");
    desk.until_told("board.recovered");
    let last = *desk.reports.last_key_value().unwrap().0;
    desk.until(|line| line["id"] == last);
    assert_eq!(desk.acked().len(), acked + 1);
    assert!(healthz(&place).contains("200 OK"));
    Desk::login(&place);
    daemon.kill();
    nothing_is_lost(&place, &desk.acked());
}
