//! The daemon without sockets, disk or clock: what it wants done is looked at one by one, and the
//! disk answers when the test says so.

mod disk;
mod radio;

use super::archive::{Ask, MAX_QUESTIONS};
use super::board::MAX_PAGE;
use super::session::MAX_BACKLOG;
use super::*;
use crate::config::Service;
use crate::engine::position::Fix;
use serde_json::{Value, json};
use tieqi_protocols::Parsed;
use tieqi_protocols::gps::{Gps, GpsField};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::link::{Link, LinkConfig, LinkEvent, Role as End};
use tieqi_protocols::lp::{Lp, LpResult};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rcp::{CallType, Rcp, RepeaterStatus};
use tieqi_protocols::rrs::Rrs;
use tieqi_protocols::tmp::{Body, Tmp};

/// A gateway's end of one of the daemon's links.
struct Far {
    link: Link,
    at: SocketAddr,
}

/// A daemon with what it said.
struct Bench {
    daemon: Daemon,
    now: Now,
    /// The disk answers by itself.
    disk: bool,
    last_batch: u64,
    journal: Vec<Event>,
    far: BTreeMap<LinkId, Far>,
    /// Service messages that reached the gateway.
    air: Vec<Bytes>,
    lines: BTreeMap<ConsoleId, Vec<Value>>,
    closed: BTreeSet<ConsoleId>,
    /// Bytes handed to sockets that nobody reads.
    stuck: BTreeMap<ConsoleId, usize>,
    asked: u64,
    questions: Vec<(ConsoleId, Value, Ask, u64)>,
    lists: Vec<String>,
}

const DESK: ConsoleId = ConsoleId(1);
const WATCH: ConsoleId = ConsoleId(2);

impl Bench {
    fn new() -> Self {
        let mut config = Config::sample().unwrap();
        config.policy.plausible_cm_s = u32::MAX;
        let now = Now {
            at: EngineTime(1_000),
            wall_ms: 1_763_000_000_000,
            mono_us: 0,
        };
        let engine = Engine::new(config.policy.clone());
        let mut bench = Self {
            daemon: Daemon::new(now, config, engine, 7),
            now,
            disk: true,
            last_batch: 0,
            journal: Vec::new(),
            far: BTreeMap::new(),
            air: Vec::new(),
            lines: BTreeMap::new(),
            closed: BTreeSet::new(),
            stuck: BTreeMap::new(),
            asked: 0,
            questions: Vec::new(),
            lists: Vec::new(),
        };
        let mut out = Vec::new();
        bench.daemon.start(now, Vec::new(), &mut out);
        bench.take(out);
        bench
    }

    /// Two consoles, logged in.
    fn with_consoles() -> Self {
        let mut bench = Self::new();
        for console in [DESK, WATCH] {
            bench.open(console);
        }
        bench
    }

    fn open(&mut self, console: ConsoleId) {
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        self.give(Input::ConsoleOpened { console, peer });
        let login = json!({ "user": "somebody", "password": "checked elsewhere" });
        self.ask(console, "session.login", &login);
        let role = Some(Role::Dispatcher);
        self.give(Input::PasswordChecked { console, role });
        assert_eq!(self.last(console)["result"]["role"], "dispatcher");
    }

    fn give(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.daemon.handle(self.now, input, &mut out);
        self.take(out);
    }

    /// Works until nothing is left to do.
    fn work(&mut self) {
        loop {
            let mut out = Vec::new();
            self.daemon.work(self.now, &mut out);
            let idle = out.is_empty();
            self.take(out);
            if idle && !self.daemon.has_work() {
                return;
            }
        }
    }

    /// Whether a printable list is under way or due.
    fn writes_list(&self) -> bool {
        self.daemon
            .fallback_at()
            .is_some_and(|at| at <= self.now.at)
    }

    /// The printable list, once it is written.
    fn written_list(&mut self) -> String {
        for _ in 0..100 {
            self.work();
            if let Some(list) = self.lists.pop() {
                return list;
            }
        }
        panic!("no list after a hundred turns");
    }

    fn send(&mut self, console: ConsoleId, method: &str, params: &Value) {
        self.asked += 1;
        let request = json!({
            "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params,
        });
        let bytes = format!("{request}\n").into_bytes();
        let bytes = &bytes;
        self.give(Input::ConsoleBytes { console, bytes });
    }

    fn ask(&mut self, console: ConsoleId, method: &str, params: &Value) {
        self.send(console, method, params);
        self.work();
    }

    fn last(&self, console: ConsoleId) -> &Value {
        self.lines[&console].last().unwrap()
    }

    /// What a console was told since it was last asked for.
    fn told(&mut self, console: ConsoleId) -> Vec<Value> {
        self.lines.remove(&console).unwrap_or_default()
    }

    fn later(&mut self, ms: u64) {
        self.now.at = self.now.at.plus_ms(ms);
        self.now.wall_ms += i64::try_from(ms).unwrap();
        self.now.mono_us += ms * 1000;
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Journal { batch, records, .. } => {
                    assert_eq!(batch, self.last_batch + 1, "batches come in order");
                    self.last_batch = batch;
                    let events = records.iter().map(|it| postcard::from_bytes(it).unwrap());
                    self.journal.extend(events);
                    if self.disk {
                        self.durable();
                    }
                }
                Output::Bytes { link, .. } => panic!("{link:?} is not serial"),
                Output::Ask { link, .. } => panic!("{link:?} is not behind HTTP"),
                Output::Console { console, bytes } => {
                    let line = serde_json::from_slice(&bytes).unwrap();
                    self.lines.entry(console).or_default().push(line);
                    match self.stuck.get_mut(&console) {
                        Some(stuck) => *stuck += bytes.len(),
                        None => {
                            let bytes = bytes.len();
                            self.give(Input::ConsoleWritten { console, bytes });
                        }
                    }
                }
                Output::CloseConsole(console) => {
                    self.closed.insert(console);
                }
                Output::Datagram { link, bytes, .. } => self.hear(link, &bytes),
                Output::Fallback(list) => self.lists.push(list),
                Output::CheckPassword { .. } => {}
                Output::AskArchive {
                    console,
                    id,
                    ask,
                    wanted,
                } => self.questions.push((console, id, ask, wanted)),
            }
        }
    }

    fn durable(&mut self) {
        self.give(Input::Durable(self.last_batch));
    }

    fn hear(&mut self, link: LinkId, bytes: &[u8]) {
        let at = SocketAddr::from(([127, 0, 0, 1], 30_000));
        if let Some(far) = self.far.get_mut(&link) {
            far.link.handle_bytes(self.now.at.0, at, bytes);
        }
        self.carry(link);
    }

    /// Moves datagrams of the gateway's end to the daemon.
    fn carry(&mut self, link: LinkId) {
        while let Some(far) = self.far.get_mut(&link) {
            let from = far.at;
            while let Some(event) = far.link.poll_event() {
                if let LinkEvent::Received { bytes, .. } = event {
                    self.air.push(bytes);
                }
            }
            let Some(transmit) = far.link.poll_transmit() else {
                return;
            };
            let bytes = &transmit.bytes;
            self.give(Input::Datagram { link, from, bytes });
        }
    }

    /// A gateway connects all its links.
    fn connect(&mut self) {
        let links = self.daemon.config.gateways[0].links.len();
        for index in 0..links {
            let at = SocketAddr::from(([127, 0, 0, 1], 40_000 + index as u16));
            let peer = SocketAddr::from(([127, 0, 0, 1], 30_000));
            let role = End::Connect {
                peer,
                device_id: 1,
                channel: self.daemon.config.gateways[0].links[index].slot,
            };
            let link = Link::new(self.now.at.0, role, LinkConfig::default());
            self.far.insert(LinkId(index), Far { link, at });
            self.far
                .get_mut(&LinkId(index))
                .unwrap()
                .link
                .handle_timeout(self.now.at.0);
            self.carry(LinkId(index));
        }
        assert!(self.daemon.gateways.health().all(|(.., up, _)| up));
    }

    /// A terminal of the first unit registers, and the unit signs on.
    fn on_duty(&mut self) -> RadioId {
        self.connect();
        let entry = &self.daemon.config.register[0];
        let (call_sign, radio) = (&*entry.call_sign, entry.terminals[0]);
        let duty = json!({
            "key": "on", "unit": call_sign, "crew": ["P0001"], "terminals": [radio],
        });
        self.ask(DESK, "unit.sign_on", &duty);
        assert!(
            self.last(DESK).get("result").is_some(),
            "{}",
            self.last(DESK)
        );
        let address = RadioIp {
            subnet: 10,
            id: radio.0,
        };
        let registration = Message::Rrs(Rrs::Registration(address)).to_bytes(false);
        let far = self.far.get_mut(&LinkId(0)).unwrap();
        far.link.send(self.now.at.0, 1, registration).unwrap();
        self.carry(LinkId(0));
        let point = crate::engine::id::Point { x_cm: 0, y_cm: 0 };
        let taken_ms = i64::try_from(self.now.at.0).unwrap();
        self.daemon
            .positions
            .insert(radio, (Fix { point, taken_ms }, (LinkId(0), 1)));
        self.work();
        self.air.clear();
        for console in [DESK, WATCH] {
            self.told(console);
        }
        radio
    }

    /// Texts that reached the gateway.
    fn texts(&self) -> usize {
        let is_text = |bytes: &&Bytes| match Hdap::parse(bytes) {
            Ok(Parsed::Complete(hdap, _)) => matches!(
                Message::from_hdap(&hdap),
                Ok(Message::Tmp(Tmp {
                    body: Body::Private { .. },
                    ..
                }))
            ),
            _ => false,
        };
        self.air.iter().filter(is_text).count()
    }
}

fn report(key: &str, grade: &str) -> Value {
    json!({
        "key": key, "place": "嘉荣广场", "caller": key, "category": "noise", "grade": grade,
        "position": { "lat": 22.9180, "lon": 114.01048, "datum": "wgs84" },
    })
}

/// Found by the simulator, seed 1: nobody else followed, so the delta was never made.
#[test]
fn a_console_misses_nothing_while_its_board_is_on_its_way() {
    let mut bench = Bench::with_consoles();
    bench.told(WATCH);
    bench.disk = false;
    bench.ask(DESK, "incident.report", &report("one", "III"));
    bench.ask(WATCH, "board.subscribe", &json!({}));
    bench.ask(DESK, "incident.report", &report("two", "III"));
    bench.durable();
    bench.work();
    let told = bench.told(WATCH);
    let subscribed = told[0]["result"]["seq"].as_u64().unwrap();
    let deltas = told.iter().filter(|line| line["method"] == "board.delta");
    let seqs: Vec<_> = deltas
        .map(|line| line["params"]["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [subscribed + 1]);
}

#[test]
fn a_slow_console_is_bounded_told_and_may_come_again() {
    let mut bench = Bench::with_consoles();
    bench.ask(WATCH, "board.subscribe", &json!({}));
    bench.told(WATCH);
    bench.stuck.insert(WATCH, 0);
    let text = "很长的话".repeat(400);
    bench.ask(DESK, "incident.report", &report("one", "III"));
    for note in 0..200 {
        let note = json!({ "key": format!("n{note}"), "incident": 1, "text": text });
        bench.ask(DESK, "incident.note", &note);
        assert!(
            bench.stuck[&WATCH] <= MAX_BACKLOG + MAX_PAGE,
            "{:?}",
            bench.stuck
        );
        let session = &bench.daemon.sessions[&WATCH];
        assert_eq!(session.backlog, bench.stuck[&WATCH]);
    }
    // Deltas without a gap, then the resync, and nothing after it until it subscribes.
    let told = bench.told(WATCH);
    let methods: Vec<_> = told.iter().map(|line| &line["method"]).collect();
    let (last, deltas) = methods.split_last().unwrap();
    assert!(*last == "board.resync" && deltas.iter().all(|it| *it == "board.delta"));
    let dropped_after = &told.last().unwrap()["params"]["dropped_after"];
    assert!(dropped_after.as_u64() > told[deltas.len() - 1]["params"]["seq"].as_u64());
    let bytes = bench.stuck.remove(&WATCH).unwrap();
    bench.give(Input::ConsoleWritten {
        console: WATCH,
        bytes,
    });
    bench.ask(DESK, "incident.report", &report("two", "III"));
    assert!(bench.told(WATCH).is_empty());
    bench.ask(WATCH, "board.subscribe", &json!({}));
    assert_eq!(bench.told(WATCH).last().unwrap()["params"]["last"], true);
    bench.ask(DESK, "incident.report", &report("three", "III"));
    assert_eq!(bench.told(WATCH)[0]["method"], "board.delta");
    assert!(!bench.closed.contains(&WATCH));
}

/// Intervals of the subscriptions that reached the gateway since they were last asked for.
fn subscribed(bench: &mut Bench) -> Vec<u32> {
    let air = std::mem::take(&mut bench.air);
    let interval = |bytes: &Bytes| match Hdap::parse(bytes) {
        Ok(Parsed::Complete(hdap, _)) => match Message::from_hdap(&hdap) {
            Ok(Message::Lp(Lp::Subscribe(asked))) => Some(asked.interval_s),
            _ => None,
        },
        _ => None,
    };
    air.iter().filter_map(interval).collect()
}

fn press(bench: &mut Bench, radio: RadioId) {
    let none = Gps::NONE.to_field();
    let radio = RadioIp::terminal(radio.0).unwrap();
    let gps = GpsField(&none);
    let kind = 1;
    from_air(bench, Lp::Emergency { radio, kind, gps });
}

/// What the gateway hands on of a terminal's place or emergency.
fn from_air(bench: &mut Bench, lp: Lp<'_>) {
    let place = bench.daemon.config.gateways[0].links.iter();
    let place = place.take_while(|link| link.service != Service::Lp).count();
    let far = bench.far.get_mut(&LinkId(place)).unwrap();
    let now = bench.now.at.0;
    let bytes = Message::Lp(lp).to_bytes(false);
    far.link.send(now, 2, bytes).unwrap();
    bench.carry(LinkId(place));
}

#[test]
fn a_cancel_from_the_air_is_recorded_and_ends_nothing() {
    let mut bench = Bench::with_consoles();
    bench.connect();
    let pressed = *bench.daemon.config.terminals.keys().next().unwrap();
    press(&mut bench, pressed);
    bench.work();
    let emergency = |bench: &mut Bench| {
        bench.ask(DESK, "incident.get", &json!({ "incident": 1 }));
        bench.last(DESK)["result"]["incident"].clone()
    };
    let open = emergency(&mut bench);
    let stopped = |radio: RadioId, result| Lp::EmergencyStopped {
        request_id: 7,
        radio: RadioIp::terminal(radio.0).unwrap(),
        result: LpResult(result),
    };
    // Not from this terminal, not done, not yet done.
    from_air(&mut bench, stopped(RadioId(pressed.0 + 1), 0));
    from_air(&mut bench, stopped(pressed, 0x69));
    let asked = Lp::StopEmergency {
        request_id: 7,
        radio: RadioIp::terminal(pressed.0).unwrap(),
    };
    from_air(&mut bench, asked);
    bench.work();
    let still = emergency(&mut bench);
    assert_eq!(still["emergency"]["cancelled_at"], Value::Null, "{still}");
    from_air(&mut bench, stopped(pressed, 0));
    bench.work();
    let cancelled = emergency(&mut bench);
    assert!(
        cancelled["emergency"]["cancelled_at"].is_u64(),
        "{cancelled}"
    );
    assert_eq!(cancelled["phase"], open["phase"]);
    assert!(
        bench
            .daemon
            .engine()
            .state()
            .emergencies
            .contains_key(&pressed)
    );
}

#[test]
fn only_a_dispatcher_vouches_for_a_stranger() {
    let mut bench = Bench::with_consoles();
    let login = json!({ "user": "taker", "password": "checked elsewhere" });
    let taker = ConsoleId(3);
    let peer = SocketAddr::from(([127, 0, 0, 1], 9));
    bench.give(Input::ConsoleOpened {
        console: taker,
        peer,
    });
    bench.ask(taker, "session.login", &login);
    let role = Some(Role::CallTaker);
    bench.give(Input::PasswordChecked {
        console: taker,
        role,
    });
    let mut vouched = report("known", "I");
    vouched["alarm"] = json!(1);
    bench.ask(taker, "incident.report", &vouched);
    assert_eq!(bench.last(taker)["error"]["code"], Problem::FORBIDDEN);
    bench.ask(DESK, "incident.report", &vouched);
    assert_eq!(bench.last(DESK)["error"]["data"]["kind"], "unknown_alarm");
}

#[test]
fn a_grave_report_goes_before_a_hundred_others() {
    let mut bench = Bench::with_consoles();
    for call in 0..100 {
        bench.send(DESK, "incident.report", &report(&format!("{call}"), "IV"));
    }
    bench.send(WATCH, "incident.report", &report("grave", "I"));
    bench.work();
    let reported = bench.journal.iter().filter_map(|event| match event {
        Event::IncidentReported { report, .. } => Some(report.caller.as_str()),
        _ => None,
    });
    let callers: Vec<_> = reported.collect();
    assert_eq!(callers.len(), 101);
    assert_eq!(callers[0], "grave");
}

#[test]
fn a_list_goes_outside_with_what_its_asker_knows_and_never_too_many_at_once() {
    let mut bench = Bench::with_consoles();
    bench.ask(DESK, "incident.list", &json!({ "grade": "II" }));
    let report = json!({ "key": "one", "place": "here" });
    bench.ask(DESK, "incident.report", &report);
    let seq = bench.daemon.engine().state().seq;
    bench.ask(DESK, "call.list", &json!({}));
    let wanted: Vec<_> = bench.questions.iter().map(|(.., wanted)| *wanted).collect();
    assert_eq!(wanted, [0, seq]);
    assert!(matches!(bench.questions[1].2, Ask::Calls(_)));
    for _ in 2..MAX_QUESTIONS {
        bench.ask(WATCH, "incident.list", &json!({}));
    }
    bench.told(WATCH);
    bench.ask(WATCH, "incident.list", &json!({}));
    assert_eq!(bench.last(WATCH)["error"]["code"], Problem::BUSY);
    let (console, id, ..) = bench.questions.remove(0);
    let answer = Ok(r#"{"incidents":[]}"#.to_owned());
    bench.give(Input::ArchiveAnswered {
        console,
        id,
        answer,
    });
    assert_eq!(bench.last(DESK)["result"], json!({ "incidents": [] }));
    bench.ask(WATCH, "incident.list", &json!({}));
    assert_eq!(bench.questions.len(), MAX_QUESTIONS);
}

#[test]
fn what_the_engine_forgot_is_asked_of_the_archive() {
    let mut bench = Bench::with_consoles();
    for key in ["one", "two"] {
        let report = json!({ "key": key, "place": "here" });
        bench.ask(DESK, "incident.report", &report);
    }
    let cancel = json!({ "key": "off", "incident": 1, "reason": "nothing there" });
    bench.ask(DESK, "incident.cancel", &cancel);
    bench.later(crate::engine::state::State::KEEP_ENDED_MS + 1);
    bench.open(ConsoleId(99));
    let report = json!({ "key": "three", "place": "here" });
    bench.ask(ConsoleId(99), "incident.report", &report);
    for incident in [1, 2, 4] {
        let which = json!({ "incident": incident });
        bench.ask(ConsoleId(99), "incident.get", &which);
    }
    let asked: Vec<_> = bench.questions.iter().map(|(_, _, ask, _)| ask).collect();
    assert_eq!(asked, [&Ask::Get(crate::engine::id::IncidentId(1))]);
    let last = bench.last(ConsoleId(99));
    assert_eq!(last["error"]["data"]["kind"], "unknown_incident");
}

/// RELIABILITY: a half-open connection is known after 6 s, and its claims with it.
#[test]
fn a_silent_desk_loses_its_claims_after_six_seconds() {
    let mut bench = Bench::with_consoles();
    bench.ask(DESK, "session.ping", &json!({}));
    bench.ask(DESK, "incident.report", &report("one", "III"));
    let claim = json!({ "key": "c", "incident": 1 });
    bench.ask(DESK, "incident.claim", &claim);
    assert!(bench.told(DESK).last().unwrap().get("result").is_some());
    bench.ask(WATCH, "board.subscribe", &json!({}));
    let pages = bench.told(WATCH);
    let items = pages.last().unwrap()["params"]["items"].clone();
    let incident = items.as_array().unwrap().iter();
    let incident = incident
        .clone()
        .find(|it| it["kind"] == "incident")
        .unwrap();
    assert_eq!(incident["value"]["claim"]["console"], DESK.0);
    bench.later(session::DEAD_MS - 1);
    bench.work();
    assert!(!bench.closed.contains(&DESK));
    let cancel = json!({ "key": "x", "incident": 1, "reason": "test" });
    bench.ask(WATCH, "incident.cancel", &cancel);
    let refused = bench.told(WATCH).pop().unwrap();
    assert_eq!(refused["error"]["data"]["kind"], "claimed", "{refused}");
    bench.later(1);
    bench.work();
    assert!(bench.closed.contains(&DESK));
    let told = bench.told(WATCH);
    let delta = &told.last().unwrap()["params"];
    assert_eq!(delta["alarms"][0]["kind"], "desk_gone", "{told:?}");
    assert_eq!(delta["incidents"][0]["claim"], Value::Null);
    // A new key: a refusal is not remembered, and the same one works too.
    bench.ask(WATCH, "incident.cancel", &cancel);
    assert!(
        bench
            .told(WATCH)
            .iter()
            .any(|it| it.get("result").is_some())
    );
}

/// Logging in again on a connection is another desk.
#[test]
fn a_new_login_leaves_the_old_desks_claims() {
    let mut bench = Bench::with_consoles();
    bench.ask(DESK, "incident.report", &report("one", "III"));
    bench.ask(
        DESK,
        "incident.claim",
        &json!({ "key": "c", "incident": 1 }),
    );
    assert_eq!(bench.daemon.engine().state().claims.len(), 1);
    let login = json!({ "user": "another", "password": "checked elsewhere" });
    bench.ask(DESK, "session.login", &login);
    bench.work();
    assert!(bench.daemon.engine().state().claims.is_empty());
}

/// A terminal writes, heard on a slot.
fn write(bench: &mut Bench, radio: RadioId, (slot, request_id): (u8, u32), words: &str) {
    let gateway = bench.daemon.config.gateways[0].name.clone();
    let link = bench.daemon.gateways.link_for(&gateway, Service::Tmp, slot);
    let text = Message::Tmp(Tmp {
        flag: false,
        request_id,
        body: Body::Private {
            destination: RadioIp { subnet: 10, id: 1 },
            source: RadioIp {
                subnet: 10,
                id: radio.0,
            },
            text: tieqi_protocols::text::Text::new(words),
        },
        option: None,
    });
    let link = link.unwrap();
    let far = bench.far.get_mut(&link).unwrap();
    far.link
        .send(bench.now.at.0, 1, text.to_bytes(false))
        .unwrap();
    bench.carry(link);
    bench.work();
}

/// What was journalled of texts: words, or the rung a key reached.
fn taken(bench: &Bench) -> Vec<String> {
    let events = bench.journal.iter().filter_map(|event| match event {
        Event::TextReceived { text, .. } => Some(text.clone()),
        Event::AssignmentAdvanced { rung, .. } => Some(format!("{rung:?}")),
        Event::Suspect(event) => Some(format!("{event:?}")),
        _ => None,
    });
    events.collect()
}

#[test]
fn a_number_that_floods_is_told_once_and_loses_no_call() {
    const EACH: usize = 12;
    let mut bench = Bench::with_consoles();
    bench.told(WATCH);
    let arrive = |bench: &mut Bench, caller: &str, number: usize| {
        let key = format!("{caller}-{number}");
        let ring = json!({ "key": key, "caller": caller });
        bench.ask(DESK, "call.arrive", &ring);
        bench.last(DESK)["result"]["call"].as_u64().unwrap()
    };
    // Half ring on, half hang up at once and would be called back.
    for number in 0..EACH {
        for caller in ["139-1", "139-2", ""] {
            let call = arrive(&mut bench, caller, number);
            if number % 2 == 0 {
                let end = json!({ "key": format!("e{call}"), "call": call });
                bench.ask(DESK, "call.end", &end);
            }
        }
    }
    let floods: Vec<_> = bench.told(WATCH);
    assert_eq!(floods.len(), 2, "{floods:?}");
    for (told, caller) in floods.iter().zip(["139-1", "139-2"]) {
        assert_eq!(told["method"], "board.flood");
        assert_eq!(told["params"], json!({ "caller": caller, "waiting": 10 }));
    }
    let real = arrive(&mut bench, "138-5", 0);
    bench.ask(DESK, "system.health", &json!({}));
    let health = bench.last(DESK)["result"].clone();
    assert_eq!(health["calls"]["arrived"], 3 * EACH + 1, "none was dropped");
    assert_eq!(health["calls"]["flooding"], 2);
    bench.ask(WATCH, "board.subscribe", &json!({}));
    let pages = bench.told(WATCH);
    let items = pages
        .iter()
        .filter_map(|page| page["params"]["items"].as_array());
    let calls = items.flatten().filter(|item| item["kind"] == "call");
    let calls: Vec<_> = calls.map(|item| item["value"].clone()).collect();
    let of = |caller: &str| {
        let same = calls.iter().filter(|call| call["caller"] == caller);
        same.cloned().collect::<Vec<_>>()
    };
    for caller in ["139-1", "139-2"] {
        let calls = of(caller);
        let first = &calls[0]["call"];
        assert!(calls[0]["first_of_caller"].is_null());
        assert!(
            calls[1..]
                .iter()
                .all(|call| call["first_of_caller"] == *first)
        );
        assert!(calls.iter().all(|call| call["waiting_of_caller"] == EACH));
    }
    // A withheld number is nobody's.
    assert!(of("").iter().all(|call| call["waiting_of_caller"] == 0));
    assert_eq!(of("138-5")[0]["call"], real);
}
