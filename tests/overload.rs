//! More than can be done at once: what is grave goes first, what is refused is counted and said,
//! and nobody who is slow slows the others. The daemon without sockets, disk or clock; where the
//! loop itself is meant, all of it.
//!
//! Nothing here is timed: what is counted are turns of the loop and events of the journal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, PATIENCE, report, sample, users};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use tieqi::config::Config;
use tieqi::config::users::Role;
use tieqi::daemon::output::Output;
use tieqi::daemon::session::{ConsoleId, LOGIN_MS, MAX_BACKLOG, MAX_WAITING, STUCK_MS};
use tieqi::daemon::{Daemon, Input, Now};
use tieqi::engine::Engine;
use tieqi::engine::event::Event;
use tieqi::engine::id::{EngineTime, IncidentId};
use tieqi::engine::policy::Policy;
use tieqi::shell::Server;

const DESK: ConsoleId = ConsoleId(1);
const SLOW: ConsoleId = ConsoleId(2);

/// The daemon, a disk that syncs at once, and consoles that read at once, but one.
struct Desks {
    daemon: Daemon,
    now: Now,
    lines: BTreeMap<ConsoleId, Vec<Value>>,
    closed: BTreeSet<ConsoleId>,
    /// Bytes under way to a console that does not read.
    unread: usize,
    /// Events of each batch since it was last asked for.
    batches: Vec<Vec<Event>>,
}

impl Desks {
    /// With nobody on duty.
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = sample();
        change(&mut config);
        let now = Now {
            at: EngineTime(1_000),
            wall_ms: 1_763_000_000_000,
            mono_us: 0,
        };
        let engine = Engine::new(config.policy.clone());
        let mut desks = Self {
            daemon: Daemon::new(now, config, engine, 7),
            now,
            lines: BTreeMap::new(),
            closed: BTreeSet::new(),
            unread: 0,
            batches: Vec::new(),
        };
        desks.open(DESK);
        desks
    }

    fn open(&mut self, console: ConsoleId) {
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        self.give(Input::ConsoleOpened { console, peer });
        let login = json!({ "user": "somebody", "password": "checked elsewhere" });
        self.write(console, "session.login", &login);
        self.work();
        let role = Some(Role::Dispatcher);
        self.give(Input::PasswordChecked { console, role });
        assert_eq!(self.told(console)[0]["result"]["role"], "dispatcher");
    }

    fn give(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.daemon.handle(self.now, input, &mut out);
        self.take(out);
    }

    fn write(&mut self, console: ConsoleId, method: &str, params: &Value) {
        let id = &params["key"];
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let bytes = &format!("{request}\n").into_bytes();
        self.give(Input::ConsoleBytes { console, bytes });
    }

    /// One turn of the loop.
    fn turn(&mut self) {
        let mut out = Vec::new();
        self.daemon.work(self.now, &mut out);
        self.take(out);
    }

    /// Turns until nothing waits; how many.
    fn work(&mut self) -> usize {
        for turns in 1..10_000 {
            self.turn();
            let due = self.daemon.next_timer().is_some_and(|at| at <= self.now.at);
            if !self.daemon.has_work() && !due {
                return turns;
            }
        }
        panic!("the daemon never rests")
    }

    fn later(&mut self, ms: u64) {
        self.now.at = self.now.at.plus_ms(ms);
        self.now.mono_us += ms * 1_000;
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Journal { batch, records, .. } => {
                    let events = records.iter().map(|it| postcard::from_bytes(it).unwrap());
                    self.batches.push(events.collect());
                    self.give(Input::Durable(batch));
                }
                Output::Console { console, bytes } => {
                    let line = serde_json::from_slice(&bytes).unwrap();
                    self.lines.entry(console).or_default().push(line);
                    let bytes = bytes.len();
                    match console {
                        SLOW => self.unread += bytes,
                        _ => self.give(Input::ConsoleWritten { console, bytes }),
                    }
                }
                Output::CloseConsole(console) => {
                    self.closed.insert(console);
                }
                _ => {}
            }
        }
    }

    /// What a console was told since it was last asked for.
    fn told(&mut self, console: ConsoleId) -> Vec<Value> {
        self.lines.remove(&console).unwrap_or_default()
    }

    fn health(&mut self) -> Value {
        self.write(DESK, "system.health", &json!({}));
        self.work();
        self.told(DESK).pop().unwrap()["result"].take()
    }

    /// Events of one kind since this was last asked for.
    fn count(&mut self, kind: impl Fn(&Event) -> bool) -> usize {
        let batches = std::mem::take(&mut self.batches);
        batches.iter().flatten().filter(|it| kind(it)).count()
    }
}

fn graded(key: &str, grade: &str) -> Value {
    let mut report = report(key);
    report["grade"] = json!(grade);
    report
}

fn short_reviews(policy: &mut Policy) {
    policy.ladder.waiting_ms = [200; 4];
    policy.max_open_incidents = 10_000;
}

const THOUSANDS: usize = 3_000;

/// So many incidents that nobody can go to, all to be reviewed now.
fn due(incidents: usize) -> Desks {
    let mut desks = Desks::new(|config| short_reviews(&mut config.policy));
    for number in 0..incidents {
        let report = graded(&format!("w{number}"), "III");
        desks.write(DESK, "incident.report", &report);
        desks.work();
    }
    assert_eq!(desks.told(DESK).len(), incidents);
    desks.later(200);
    desks.batches.clear();
    desks
}

#[test]
fn thousands_waiting_do_not_delay_a_report() {
    let mut desks = due(THOUSANDS);
    let reviewed = |event: &Event| matches!(event, Event::IncidentReviewed { .. });
    let mut reviews = 0;
    for turn in 0.. {
        desks.write(DESK, "incident.report", &graded(&format!("l{turn}"), "III"));
        desks.turn();
        // In the same turn, behind a bounded number of reviews.
        let told = desks.told(DESK);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["id"], format!("l{turn}"));
        assert!(desks.batches.len() <= 17, "{}", desks.batches.len());
        let some = desks.count(reviewed);
        assert!(some <= 512, "{some}");
        reviews += some;
        if some == 0 {
            break;
        }
    }
    // Nobody was forgotten.
    assert_eq!(reviews, THOUSANDS);
    assert_eq!(desks.health()["open_alarms"], THOUSANDS);
}

#[test]
fn a_report_of_grade_one_waits_for_no_review() {
    let mut desks = due(THOUSANDS);
    desks.write(DESK, "incident.report", &graded("grave", "I"));
    desks.turn();
    let first = &desks.batches[0];
    assert!(matches!(first[0], Event::IncidentReported { .. }));
}

#[test]
fn a_queue_where_nothing_changes_costs_less_and_less() {
    let mut desks = due(200);
    desks.work();
    let one = |event: &Event| matches!(event, Event::IncidentReviewed { incident, .. } if *incident == IncidentId(1));
    let mut reviews = desks.count(one);
    // An hour is 18,000 times the limit.
    for _ in 0..3_600 {
        desks.later(1_000);
        desks.write(DESK, "session.ping", &json!({}));
        desks.work();
        reviews += desks.count(one);
    }
    assert!((100..=300).contains(&reviews), "{reviews}");
}

#[test]
fn a_full_lane_says_busy_and_lets_the_grave_pass() {
    let mut desks = Desks::new(|_| {});
    for incident in 1..=10 {
        let report = report(&format!("{incident}"));
        desks.write(DESK, "incident.report", &report);
        desks.work();
    }
    desks.told(DESK);
    // Each console may have more under way than it is asked to, but only so much in all.
    let mut sent = 0;
    (10..20).for_each(|console| desks.open(ConsoleId(console)));
    for console in (10..20).map(ConsoleId) {
        for number in 0..120 {
            let key = format!("{}-{number}", console.0);
            let incident = console.0 - 9;
            let note = json!({ "key": key, "incident": incident, "text": "?" });
            desks.write(console, "incident.note", &note);
            sent += 1;
            let room = sent <= Daemon::LANE;
            assert!(!room || desks.daemon.rests(console) == (number + 1 >= MAX_WAITING));
        }
        assert!(!desks.daemon.rests(DESK));
    }
    let told = (10..20).flat_map(|console| desks.told(ConsoleId(console)));
    let busy: Vec<_> = told.collect();
    assert_eq!(busy.len(), sent - Daemon::LANE);
    assert!(busy.iter().all(|it| it["error"]["code"] == 5), "{busy:?}");
    // Calls still come in, and the gravest goes before all.
    desks.batches.clear();
    desks.write(DESK, "incident.report", &graded("call", "III"));
    desks.write(DESK, "incident.report", &graded("grave", "I"));
    desks.turn();
    assert_eq!(desks.told(DESK)[0]["id"], "grave");
    let Event::IncidentReported { report, .. } = &desks.batches[0][0] else {
        panic!("{:?}", desks.batches[0])
    };
    assert_eq!(report.caller, "139-grave");
    // Who was refused tries again, under the same key.
    desks.work();
    assert_eq!(desks.told(DESK)[0]["id"], "call");
    let again = json!({ "key": busy[0]["id"], "incident": 10, "text": "?" });
    desks.write(DESK, "incident.note", &again);
    desks.work();
    assert!(desks.told(DESK)[0]["result"]["seq"].is_u64());
    let health = desks.health();
    assert_eq!(health["since_start"]["incidents"], 12);
    let refused = &health["since_start"]["refused_by_kind"];
    assert_eq!(*refused, json!({ "busy": busy.len() }));
    assert_eq!(health["lanes"]["normal"], 0);
}

#[test]
fn a_console_that_never_reads_is_cut_while_others_go_on() {
    let mut desks = Desks::new(|_| {});
    for console in [SLOW, ConsoleId(3)] {
        desks.open(console);
        desks.write(console, "board.subscribe", &json!({}));
        desks.work();
        desks.told(console);
    }
    let text = "很长的话".repeat(400);
    desks.write(DESK, "incident.report", &report("one"));
    for note in 0..100 {
        let note = json!({ "key": format!("n{note}"), "incident": 1, "text": text });
        desks.write(DESK, "incident.note", &note);
        desks.work();
    }
    // First it loses the board, and holds no more than that.
    assert!(desks.unread <= MAX_BACKLOG + 64 * 1024, "{}", desks.unread);
    let seqs = desks.told(ConsoleId(3));
    let seqs = seqs.iter().map(|it| it["params"]["seq"].as_u64().unwrap());
    let seqs: Vec<u64> = seqs.collect();
    assert_eq!(seqs.len(), 101, "the other one misses nothing");
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert_eq!(desks.health()["since_start"]["boards_lost"], 1);
    desks.later(STUCK_MS - 1);
    desks.work();
    assert!(desks.closed.is_empty());
    desks.later(1);
    desks.work();
    assert_eq!(desks.closed, BTreeSet::from([SLOW]));
    let cut = &desks.health()["since_start"]["consoles_cut"];
    assert_eq!(*cut, json!({ "stuck": 1 }));
}

/// A console of a real daemon that writes without waiting.
struct Desk {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Desk {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.console).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Self { stream, lines }
    }

    fn login(server: &Server) -> Self {
        let mut desk = Self::connect(server);
        let login = json!({ "user": "desk", "password": PASSWORD });
        desk.write("session.login", &login);
        // That the disk is slow is told to everybody, and may come first.
        let mut answer = desk.read();
        while answer["method"].is_string() {
            answer = desk.read();
        }
        assert_eq!(answer["result"]["role"], "dispatcher");
        desk
    }

    fn write(&mut self, method: &str, params: &Value) {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.stream
            .write_all(format!("{request}\n").as_bytes())
            .unwrap();
    }

    /// The next line, but for what a slow disk is told with.
    fn read(&mut self) -> Value {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            let method = line["method"].as_str().unwrap_or_default();
            if !method.starts_with("board.") {
                return line;
            }
        }
    }
}

#[test]
fn one_console_too_many_is_told_so() {
    let mut config = sample();
    config.console.max_sessions = 2;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config, users(), dir.path()).unwrap();
    let mut desks = [Desk::login(&server), Desk::login(&server)];
    let mut third = Desk::connect(&server);
    let error = &third.read()["error"];
    assert_eq!(error["code"], 5, "{error}");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("consoles is full (2)")
    );
    let mut rest = String::new();
    assert_eq!(third.lines.read_line(&mut rest).unwrap(), 0);
    desks[1].write("system.health", &json!({}));
    let health = desks[1].read();
    assert_eq!(health["result"]["since_start"]["consoles_refused"], 1);
}

/// The loop always has something due here, and reads and answers all the same: the best of some
/// reports sees only so many events between itself and the one before.
#[test]
fn a_loop_that_is_never_idle_hears_and_answers() {
    const INCIDENTS: usize = 1_000;
    let mut config = sample();
    config.roster.sign_on_at_start = false;
    config.policy.ladder.waiting_ms = [1; 4];
    config.policy.max_open_incidents = 10_000;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config, users(), dir.path()).unwrap();
    let mut desk = Desk::login(&server);
    for number in 0..INCIDENTS {
        desk.write("incident.report", &graded(&format!("w{number}"), "I"));
    }
    let mut seqs: Vec<u64> = Vec::new();
    for _ in 0..INCIDENTS {
        desk.read();
    }
    for number in 0..20 {
        desk.write("incident.report", &graded(&format!("l{number}"), "III"));
        seqs.push(desk.read()["result"]["seq"].as_u64().unwrap());
    }
    let between = seqs.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(
        between < 50_000,
        "{between} events from one report to the next"
    );
}

#[test]
fn idle_connections_keep_nobody_out() {
    const IDLE: usize = 400;
    const KEPT: usize = Daemon::STRANGERS_OF_ONE;
    let mut config = sample();
    config.console.max_sessions = KEPT + 2;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config, users(), dir.path()).unwrap();
    let mut before = Desk::login(&server);
    let mut idle: Vec<_> = (0..IDLE).map(|_| Desk::connect(&server)).collect();
    // The first came first, and goes first.
    assert_eq!(idle[0].read()["params"]["reason"], "crowded");
    let mut after = Desk::login(&server);
    before.write("incident.report", &report("before"));
    assert_eq!(before.read()["result"]["incident"], 1);
    after.write("system.health", &json!({}));
    let health = after.read();
    let health = &health["result"];
    assert_eq!(health["consoles"], KEPT + 1, "{health}");
    let cut = &health["since_start"]["consoles_cut"];
    assert_eq!(*cut, json!({ "crowded": IDLE + 1 - KEPT }), "{health}");
    assert_eq!(health["since_start"]["consoles_refused"], 0);
}

#[test]
fn a_byte_now_and_then_is_no_login() {
    let mut desks = Desks::new(|_| {});
    let console = ConsoleId(5);
    let peer = SocketAddr::from(([127, 0, 0, 1], 9));
    desks.give(Input::ConsoleOpened { console, peer });
    for _ in 0..LOGIN_MS / 1_000 {
        assert!(desks.closed.is_empty());
        desks.later(1_000);
        desks.give(Input::ConsoleBytes {
            console,
            bytes: b"{",
        });
        desks.work();
    }
    assert_eq!(desks.closed, BTreeSet::from([console]));
}

/// They hold every place at the HTTP port and say nothing, or never come to an end: whoever asks
/// waits for one of them to be ended, and no longer.
#[test]
fn slow_clients_do_not_keep_the_http_port() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(sample(), users(), dir.path()).unwrap();
    let slow: Vec<_> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(server.http).unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ").unwrap();
            }
            stream
        })
        .collect();
    let mut asks = TcpStream::connect(server.http).unwrap();
    asks.set_read_timeout(Some(PATIENCE)).unwrap();
    asks.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
        .unwrap();
    let mut line = String::new();
    BufReader::new(asks).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    drop(slow);
}
