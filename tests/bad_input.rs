//! What bad input gets: an answer with a reason, a typed rejection or a count, and never a dead
//! connection, a dead link or a changed state.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, Town, radios, refused, report, until, until_call, until_registered};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use tieqi::cli::client::Client;
use tieqi::engine::event::Event;
use tieqi::journal::{FileDisk, Kind};
use tieqi::radio::Rates;
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::link::{Link, LinkConfig, LinkEvent, Role};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rrs::Rrs;

const PING: &str = "{\"jsonrpc\":\"2.0\",\"id\":\"ping\",\"method\":\"session.ping\"}\n";

/// A connection that sends whatever bytes.
struct Raw {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Raw {
    fn connect(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Self { stream, lines }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next line, none when the daemon closed. That the disk is slow, for one, is told to
    /// everybody, and passed over.
    fn answer(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => panic!("no answer: {error}"),
            }
            let value: Value = serde_json::from_str(&line).unwrap();
            if !value["method"]
                .as_str()
                .is_some_and(|it| it.starts_with("board."))
            {
                return Some(value);
            }
        }
    }
}

/// One line must be answered with a code and a reason, and the next request is served.
fn check_line(raw: &mut Raw, line: &[u8], code: i64, says: &str) {
    raw.send(line);
    raw.send(b"\n");
    let answer = raw.answer().unwrap();
    let error = &answer["error"];
    let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
    assert_eq!(error["code"], code, "{shown}: {answer}");
    assert!(
        error["message"].as_str().unwrap().contains(says),
        "{shown}: {answer}"
    );
    raw.send(PING.as_bytes());
    assert_eq!(raw.answer().unwrap()["id"], "ping", "after {shown}");
}

#[test]
fn bad_lines_are_answered_and_the_connection_lives() {
    let town = Town::start();
    let mut raw = Raw::connect(town.server.console);
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let method = |method: &str, params: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}")
    };
    let cases: [(&[u8], i64, &str); 14] = [
        (b"hello", -32700, "expected value"),
        (b"{\"jsonrpc\":\"2.0\",", -32700, "EOF"),
        (b"\0\0\0", -32700, "expected value"),
        (b"\xff\xfe\xfd", -32700, "UTF-8"),
        (deep.as_bytes(), -32700, "deeper"),
        (b"[]", -32600, "invalid length"),
        (b"null", -32600, "invalid type"),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, "method"),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"x\"}",
            -32600,
            "id",
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"x\"}",
            -32700,
            "out of range",
        ),
        (
            &method("no.such", "{}").into_bytes(),
            -32601,
            "session.login",
        ),
        (&method("session.ping", "[]").into_bytes(), -32602, "object"),
        (
            &method("session.login", "{\"user\":7}").into_bytes(),
            -32602,
            "string",
        ),
        (
            &method("board.subscribe", "{}").into_bytes(),
            2,
            "session.login",
        ),
    ];
    for (line, code, says) in cases {
        check_line(&mut raw, line, code, says);
    }
}

#[test]
fn who_sends_nothing_but_garbage_is_closed() {
    let town = Town::start();
    // A bad line after another, or a line without end.
    let endless = vec![b'x'; 300 * 1024];
    for (garbage, answers) in [("garbage\n".repeat(17).into_bytes(), 17), (endless, 1)] {
        let mut raw = Raw::connect(town.server.console);
        raw.send(&garbage);
        for _ in 0..answers {
            assert_eq!(raw.answer().unwrap()["error"]["code"], -32700);
        }
        let cut = raw.answer().unwrap();
        assert_eq!(cut["params"]["reason"], "garbage", "{cut}");
        assert!(raw.answer().is_none());
    }
    // Who is closed and does not go keeps no socket.
    let console = town.console("calls");
    let mut raw = Raw::connect(town.server.console);
    raw.send(&b"garbage\n".repeat(17));
    until("the socket to be gone", &console, || {
        let sent = raw.stream.write_all(PING.as_bytes());
        sent.is_err().then_some(())
    });
}

#[test]
fn passwords_are_not_guessed_on_one_connection() {
    let town = Town::start();
    let mut console = Client::connect(town.server.console).unwrap();
    for (user, password) in [
        ("calls", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("desk", "x"),
    ] {
        let login = json!({ "user": user, "password": password });
        assert_eq!(refused(&mut console, "session.login", &login)["code"], 2);
    }
    // Not yet closed, but not logged in either.
    assert_eq!(refused(&mut console, "unit.list", &json!({}))["code"], 2);
    let login = json!({ "user": "calls", "password": "wrong again" });
    assert_eq!(refused(&mut console, "session.login", &login)["code"], 2);
    console.call("session.ping", &json!({})).unwrap_err();
}

/// A call must be refused with a code; its kind, or the message, says why.
fn check_call(console: &mut Client, method: &str, params: Value, code: i64, says: &str) {
    let error = refused(console, method, &params);
    assert_eq!(error["code"], code, "{method} {params}: {error}");
    let kind = error["data"]["kind"].as_str();
    let message = error["message"].as_str().unwrap();
    assert!(
        kind == Some(says) || message.contains(says),
        "{method} {params}: {error}"
    );
}

#[test]
fn what_a_role_may_not_do_is_forbidden() {
    let town = Town::start();
    let mut calls = town.console("calls");
    let cases = [
        (
            "incident.cancel",
            json!({ "key": "k", "incident": 1, "reason": "r" }),
        ),
        ("incident.close", json!({ "key": "k", "incident": 1 })),
        (
            "assignment.offer",
            json!({ "key": "k", "incident": 1, "unit": "u", "ranking": 1 }),
        ),
        ("unit.sign_off", json!({ "key": "k", "unit": "u" })),
        ("alarm.ack", json!({ "key": "k", "alarm": 1 })),
    ];
    for (method, params) in cases {
        check_call(&mut calls, method, params, 3, "needs the role dispatcher");
    }
}

#[test]
fn impossible_calls_are_refused_with_what_was_expected() {
    let town = Town::start();
    let mut desk = town.console("desk");
    let before = desk.call("system.health", &json!({})).unwrap()["seq"].clone();
    let unit = desk.call("unit.list", &json!({})).unwrap()["units"][0]["unit"].clone();
    let on_nothing = json!({ "key": "k", "incident": 99 });
    let with = |key: &str, value: Value| {
        let mut params = report("k");
        params[key] = value;
        params
    };
    let at = |lat: Value, lon: Value, datum: &str| {
        with(
            "position",
            json!({ "lat": lat, "lon": lon, "datum": datum }),
        )
    };
    let no_datum = with("position", json!({ "lat": 22.9, "lon": 114.0 }));
    let offer = json!({ "key": "k", "incident": 99, "unit": unit, "ranking": 1 });
    let nobody = json!({ "key": "k", "unit": "nobody" });
    let advance = json!({ "key": "k", "assignment": 99, "to": "accepted" });
    let nowhere = json!({ "key": "k", "assignment": 99, "to": "sent" });
    let cases = [
        (
            "incident.get",
            json!({ "incident": 99 }),
            1,
            "unknown_incident",
        ),
        (
            "incident.rank",
            json!({ "incident": 99 }),
            1,
            "unknown_incident",
        ),
        (
            "incident.get",
            json!({ "incident": -1 }),
            -32602,
            "invalid value",
        ),
        (
            "incident.get",
            json!({ "incident": 1u64 << 40 }),
            -32602,
            "u32",
        ),
        ("incident.close", on_nothing, 1, "unknown_incident"),
        ("assignment.offer", offer, 1, "unknown_incident"),
        ("assignment.advance", advance, 1, "unknown_assignment"),
        ("assignment.advance", nowhere, -32602, "known are"),
        ("unit.sign_off", nobody, -32602, "call sign `nobody`"),
        (
            "alarm.ack",
            json!({ "key": "k", "alarm": 99 }),
            1,
            "unknown_alarm",
        ),
        (
            "incident.report",
            with("category", json!("robery")),
            -32602,
            "known are traffic_jam",
        ),
        (
            "incident.report",
            with("grade", json!("V")),
            -32602,
            "known are I, II, III, IV",
        ),
        (
            "incident.report",
            with("sauce", json!("110")),
            -32602,
            "unknown field `sauce`",
        ),
        (
            "incident.report",
            with("source", json!("911")),
            -32602,
            "known are 110",
        ),
        (
            "incident.report",
            with("place", json!(" ")),
            -32602,
            "must not be empty",
        ),
        (
            "incident.report",
            with("text", json!("字".repeat(2001))),
            -32602,
            "at most 2000",
        ),
        (
            "incident.report",
            with("key", json!("")),
            -32602,
            "1 to 64 bytes",
        ),
        (
            "incident.report",
            with("occurred_at", json!("today")),
            -32602,
            "is no time",
        ),
        ("incident.report", no_datum, -32602, "missing field `datum`"),
        (
            "incident.report",
            at(json!(22.9), json!(114.0), "mars"),
            -32602,
            "known are wgs84",
        ),
        (
            "incident.report",
            at(json!("NaN"), json!(114.0), "wgs84"),
            -32602,
            "invalid type",
        ),
        (
            "incident.report",
            at(json!(null), json!(114.0), "wgs84"),
            -32602,
            "invalid type",
        ),
        (
            "incident.report",
            at(json!(91), json!(114.0), "wgs84"),
            -32602,
            "`position`",
        ),
        (
            "incident.report",
            at(json!(22.9), json!(1e300), "bd09"),
            -32602,
            "`position`",
        ),
        (
            "incident.report",
            at(json!(48.85), json!(2.35), "gcj02"),
            -32602,
            "`position`",
        ),
        (
            "incident.report",
            at(json!(-22.9), json!(114.0), "wgs84"),
            -32602,
            "`position`",
        ),
    ];
    for (method, params, code, says) in cases {
        check_call(&mut desk, method, params, code, says);
    }
    let health = desk.call("system.health", &json!({})).unwrap();
    assert_eq!(health["seq"], before, "nothing changed");
}

/// Numbers that JSON may say and no double can hold.
#[test]
fn numbers_beyond_all_bounds_are_refused() {
    let town = Town::start();
    let mut raw = Raw::connect(town.server.console);
    let login = json!({ "user": "calls", "password": PASSWORD });
    let login = json!({ "jsonrpc": "2.0", "id": 0, "method": "session.login", "params": login });
    raw.send(format!("{login}\n").as_bytes());
    assert_eq!(raw.answer().unwrap()["result"]["role"], "call-taker");
    for (lat, code, says) in [
        ("NaN", -32700, "expected"),
        ("1e999", -32700, "out of range"),
        ("-Infinity", -32700, "invalid number"),
        ("1e308", -32602, "position"),
    ] {
        let params = report("huge").to_string().replace("22.918", lat);
        assert!(params.contains(lat), "{params}");
        let line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"incident.report\",\"params\":";
        check_line(&mut raw, format!("{line}{params}}}").as_bytes(), code, says);
    }
}

#[test]
fn illegal_transitions_and_stale_rankings_say_what_is_so() {
    let town = Town::start();
    let radios = radios(&town.config, 3, Rates::NONE);
    let (mut calls, mut desk) = (town.console("calls"), town.console("desk"));
    until_registered(&radios, &calls);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    let one = &answer["incident"];
    let early = json!({ "key": "early", "incident": one });
    check_call(&mut desk, "incident.close", early, 1, "wrong_phase");
    let get = ("incident.get", json!({ "incident": one }));
    let assignment = until_call("the end", &mut calls, get, |found| {
        let done = found["incident"]["phase"] == "resolved";
        done.then(|| found["assignments"][0]["assignment"].clone())
    });
    let again = json!({ "key": "again", "assignment": assignment, "to": "declined" });
    check_call(&mut desk, "assignment.advance", again, 1, "wrong_rung");
    let recall = json!({ "key": "recall", "assignment": assignment, "reason": "too late" });
    check_call(&mut desk, "assignment.recall", recall, 1, "wrong_rung");

    // A unit that was free when the ranking was shown has gone out of service since.
    let answer = calls.call("incident.report", &report("two")).unwrap();
    let two = &answer["incident"];
    let ranking = desk
        .call("incident.rank", &json!({ "incident": two }))
        .unwrap();
    let unit = &ranking["candidates"][0]["unit"];
    let out = json!({ "key": "out", "unit": unit, "status": "out_of_service", "reason": "tyre" });
    desk.call("unit.status", &out).unwrap();
    let offer = |ranking: &Value, key: &str| json!({ "key": key, "incident": two, "unit": unit, "ranking": ranking });
    let error = refused(
        &mut desk,
        "assignment.offer",
        &offer(&ranking["ranking"], "stale"),
    );
    assert_eq!(
        (&error["code"], &error["data"]["kind"]),
        (&json!(1), &json!("stale_ranking"))
    );
    let fresh = &error["data"]["ranking"];
    let candidates = fresh["candidates"].as_array().unwrap();
    assert!(!candidates.is_empty() && candidates.iter().all(|other| other["unit"] != *unit));
    assert!(
        fresh["ranking"].as_u64() > ranking["ranking"].as_u64(),
        "{error}"
    );
    let future = offer(&json!(u64::MAX), "future");
    check_call(&mut desk, "assignment.offer", future, 1, "unknown_ranking");
}

/// A gateway's end of one link, by hand.
struct Gateway {
    socket: UdpSocket,
    link: Link,
    at: SocketAddr,
}

impl Gateway {
    fn connect(at: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(common::PATIENCE)).unwrap();
        let role = Role::Connect {
            peer: at,
            device_id: 1,
            channel: 1,
        };
        let link = Link::new(0, role, LinkConfig::default());
        let mut gateway = Self { socket, link, at };
        gateway.link.handle_timeout(0);
        while !matches!(gateway.event(), LinkEvent::Up { .. }) {}
        gateway
    }

    /// Sends what waits and waits for what comes, until the link says something.
    fn event(&mut self) -> LinkEvent {
        let mut buffer = [0; 2048];
        loop {
            if let Some(event) = self.link.poll_event() {
                return event;
            }
            while let Some(transmit) = self.link.poll_transmit() {
                self.socket.send_to(&transmit.bytes, transmit.to).unwrap();
            }
            let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
            self.link.handle_bytes(0, from, &buffer[..length]);
        }
    }

    fn register(&mut self, radio: u32) -> Rrs {
        let address = RadioIp {
            subnet: RadioIp::USUAL_SUBNET,
            id: radio,
        };
        let bytes = Message::Rrs(Rrs::Registration(address)).to_bytes(false);
        self.link.send(0, u64::from(radio), bytes).unwrap();
        loop {
            if let LinkEvent::Received { bytes, .. } = self.event()
                && let Ok(tieqi_protocols::Parsed::Complete(hdap, _)) = Hdap::parse(&bytes)
                && let Ok(Message::Rrs(rrs)) = Message::from_hdap(&hdap)
            {
                return rrs;
            }
        }
    }
}

#[test]
fn bad_datagrams_are_counted_and_the_link_stays_up() {
    let town = Town::start();
    let mut desk = town.console("desk");
    let rrs = town.server.links[0];
    let mut gateway = Gateway::connect(rrs);
    let known = town.config.terminals.keys().next().unwrap().0;
    assert!(
        matches!(gateway.register(known), Rrs::RegistrationAnswer { result, .. } if
        result == tieqi_protocols::rrs::RegistrationResult::OK)
    );
    let stranger = (1..)
        .find(|id| !town.config.terminals.keys().any(|it| it.0 == *id))
        .unwrap();
    let units = desk.call("unit.list", &json!({})).unwrap()["units"].clone();
    assert!(
        matches!(gateway.register(stranger), Rrs::RegistrationAnswer { result, .. } if
        result == tieqi_protocols::rrs::RegistrationResult::REFUSED)
    );
    assert_eq!(desk.call("unit.list", &json!({})).unwrap()["units"], units);

    // A good registration, spoilt; from the gateway's own socket and from a stranger's.
    let address = RadioIp {
        subnet: RadioIp::USUAL_SUBNET,
        id: known,
    };
    let message = Message::Rrs(Rrs::Registration(address)).to_bytes(false);
    gateway.link.send(0, 7, message).unwrap();
    let good = gateway.link.poll_transmit().unwrap().bytes;
    let flipped = |bit: usize| {
        let mut bytes = good.to_vec();
        let at = bytes.len() - 2;
        bytes[at] ^= 1 << bit;
        bytes
    };
    let garbage: Vec<u8> = (0..1400u32).map(|i| (i * 37 % 251) as u8).collect();
    let spoilt = [
        vec![0],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        garbage,
        good[..good.len() / 2].to_vec(),
        good[..good.len() - 1].to_vec(),
        flipped(0),
        flipped(7),
    ];
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in &spoilt {
        gateway.socket.send_to(bytes, gateway.at).unwrap();
        elsewhere.send_to(bytes, gateway.at).unwrap();
    }
    // The good one comes last: when it is acknowledged the others were read.
    gateway.socket.send_to(&good, gateway.at).unwrap();
    while !matches!(gateway.event(), LinkEvent::Sent { token: 7 }) {}
    let health = desk.call("system.health", &json!({})).unwrap();
    let counts = &health["since_start"];
    let refused = counts["datagrams_refused"].as_object().unwrap();
    let refused: u64 = refused.values().map(|count| count.as_u64().unwrap()).sum();
    let refused = refused + counts["messages_refused"].as_u64().unwrap();
    assert!(refused >= 12, "{counts}");
    assert_eq!(health["links"][0]["up"], true);
    assert!(matches!(
        gateway.register(known),
        Rrs::RegistrationAnswer { .. }
    ));

    drop(desk);
    let Town { server, dir, .. } = town;
    server.stop();
    let mut strangers = Vec::new();
    tieqi::journal::read(
        &mut FileDisk::read_only(dir.path()),
        1,
        u64::MAX,
        |record| {
            if record.kind == Kind::EVENT
                && let Event::StrangerHeard { radio } =
                    postcard::from_bytes(record.payload).unwrap()
            {
                strangers.push(radio.0);
            }
        },
    )
    .unwrap();
    assert_eq!(strangers, [stranger], "a suspect, in the journal once");
}
