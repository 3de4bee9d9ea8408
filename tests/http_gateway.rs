//! Terminals behind a gateway that speaks HTTP: the daemon on one side, on the other a small server
//! that does what docs/porting-a-gateway.md asks of one, and at times does not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use common::{PASSWORD, report, sample, until, until_call, users};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tieqi::cli::client::Client;
use tieqi::config::{Config, HttpPort, Token};
use tieqi::engine::id::RadioId;
use tieqi::shell::Server;
use tokio::sync::{Notify, oneshot};

const TOKEN: &str = "s3cr37w0rd";

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Good,
    /// It says this to everything.
    Says(u16, &'static str),
    /// It takes what comes, and never answers.
    Mute,
    /// It takes texts, and never says so; news it tells.
    MuteToTexts,
}

/// The gateway's memory: what it was told, and what its terminals did.
struct Air {
    mode: Mode,
    session: u64,
    events: Vec<Value>,
    /// Each text once, and how often one was put.
    texts: Vec<Value>,
    puts: usize,
    /// The last poll's `after`.
    confirmed: u64,
}

impl Air {
    fn tell(&mut self, mut event: Value) {
        event["seq"] = json!(self.events.len() + 1);
        self.events.push(event);
    }
}

#[derive(Clone)]
struct Gateway {
    air: Arc<Mutex<Air>>,
    news: Arc<Notify>,
}

type Reply = (StatusCode, String);

impl Gateway {
    fn with<T>(&self, change: impl FnOnce(&mut Air) -> T) -> T {
        let changed = change(&mut self.air.lock().unwrap());
        self.news.notify_waiters();
        changed
    }

    /// What a terminal does.
    fn say(&self, radio: RadioId, kind: &str, mut more: Value) {
        (more["radio"], more["kind"]) = (json!(radio.0), json!(kind));
        self.with(|air| air.tell(more));
    }

    /// The answer to whoever may not ask, or while it misbehaves.
    async fn spoilt(&self, headers: &HeaderMap) -> Option<Reply> {
        let mode = self.with(|air| air.mode);
        let token = headers.get("authorization").map(|it| it.to_str().unwrap());
        match mode {
            _ if token != Some(&format!("Bearer {TOKEN}")) => {
                Some((StatusCode::UNAUTHORIZED, String::new()))
            }
            Mode::Good | Mode::MuteToTexts => None,
            Mode::Says(status, body) => {
                Some((StatusCode::from_u16(status).unwrap(), body.to_owned()))
            }
            Mode::Mute => std::future::pending().await,
        }
    }

    /// The terminal that got a text with these words.
    fn told(&self, words: &str) -> Option<RadioId> {
        self.with(|air| {
            let has = |text: &&Value| text["text"].as_str().unwrap().contains(words);
            let to = air.texts.iter().find(has)?["to"].as_u64().unwrap();
            Some(RadioId(u32::try_from(to).unwrap()))
        })
    }
}

async fn messages(State(gateway): State<Gateway>, headers: HeaderMap, body: Bytes) -> Reply {
    let text: Value = serde_json::from_slice(&body).unwrap();
    let mute = gateway.with(|air| {
        air.puts += 1;
        air.mode == Mode::MuteToTexts
    });
    if let Some(reply) = gateway.spoilt(&headers).await {
        return reply;
    }
    gateway.with(|air| {
        let number = text["message"].clone();
        if !air.texts.iter().any(|it| it["message"] == number) {
            let radio = text["to"].clone();
            air.texts.push(text);
            air.tell(json!({"kind": "delivered", "radio": radio, "message": number, "ok": true}));
        }
    });
    if mute {
        std::future::pending::<()>().await;
    }
    (StatusCode::ACCEPTED, String::new())
}

async fn events(State(gateway): State<Gateway>, headers: HeaderMap, body: Bytes) -> Reply {
    if let Some(reply) = gateway.spoilt(&headers).await {
        return reply;
    }
    let poll: Value = serde_json::from_slice(&body).unwrap();
    let held = Duration::from_secs(poll["wait_s"].as_u64().unwrap());
    let over = tokio::time::sleep(held);
    tokio::pin!(over);
    loop {
        let news = gateway.news.notified();
        let answer = gateway.air.lock().map(|mut air| {
            let is_ours = poll["session"] == air.session;
            let after = poll["after"].as_u64().filter(|_| is_ours).unwrap_or(0);
            air.confirmed = after;
            let events = air.events.iter().skip(usize::try_from(after).unwrap());
            let events: Vec<_> = events.cloned().collect();
            // It does not hold back what asks for a server in its senses.
            let is_quiet = events.is_empty() && matches!(air.mode, Mode::Good | Mode::MuteToTexts);
            let answer = json!({ "session": air.session, "events": events });
            (answer, is_quiet)
        });
        let (answer, is_quiet) = answer.unwrap();
        let is_over = tokio::select! {
            biased;
            () = &mut over => true,
            () = std::future::ready(()), if !is_quiet => true,
            () = news => false,
        };
        if is_over {
            return (StatusCode::OK, answer.to_string());
        }
    }
}

/// The server while it runs.
struct Running {
    at: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// At any free port, or where it was before.
    fn start(gateway: &Gateway, at: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = Router::new()
            .route("/pdt/messages", post(messages))
            .route("/pdt/events", post(events))
            .with_state(gateway.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            // With the runtime all connections end, answered or not.
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router) => panic!("{served:?}"),
                    _ = stopped => {}
                }
            });
        });
        Self { at, stop, thread }
    }

    fn stop(self) -> SocketAddr {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        self.at
    }
}

/// The sample town whose one gateway is behind HTTP.
fn config(address: SocketAddr, token: &str) -> Config {
    let mut config = sample();
    let gateway = config.gateways.first_mut().unwrap();
    gateway.links.clear();
    gateway.http = Some(HttpPort {
        address,
        path: "/pdt".into(),
        token: Some(Token(token.into())),
        slot: 1,
        answer_ms: 250,
        tries: 3,
        retry_ms: 50,
        wait_s: 1,
    });
    config
}

struct Town {
    gateway: Gateway,
    running: Running,
    server: Server,
    terminals: Vec<RadioId>,
    _dir: TempDir,
}

impl Town {
    fn start() -> Self {
        Self::with_token(TOKEN)
    }

    fn with_token(token: &str) -> Self {
        let air = Air {
            mode: Mode::Good,
            session: 1,
            events: Vec::new(),
            texts: Vec::new(),
            puts: 0,
            confirmed: 0,
        };
        let gateway = Gateway {
            air: Arc::new(Mutex::new(air)),
            news: Arc::default(),
        };
        let running = Running::start(&gateway, ([127, 0, 0, 1], 0).into());
        let config = config(running.at, token);
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(config.clone(), users(), dir.path()).unwrap();
        Self {
            gateway,
            running,
            server,
            terminals: config.terminals.keys().copied().collect(),
            _dir: dir,
        }
    }

    fn console(&self) -> Client {
        Client::login(self.server.console, "calls", PASSWORD).unwrap()
    }

    /// Every terminal tells where it is, in the middle of the town.
    fn come_on_the_air(&self, console: &mut Client) {
        for terminal in &self.terminals {
            let place = json!({ "latitude": 22.875, "longitude": 113.999 });
            self.gateway.say(*terminal, "position", place);
        }
        let all = u64::try_from(self.terminals.len()).unwrap();
        until_health("the terminals to be placed", console, |health| {
            health["since_start"]["positions"].as_u64() >= Some(all)
        });
    }

    /// Waits for the assignment, and has its terminal report one rung after the other.
    fn work_off(&self, console: &mut Client, incident: &Value) {
        let radio = until("the text", console, || self.gateway.told("嘉荣广场"));
        assert!(self.terminals.contains(&radio));
        until_rung(console, incident, "delivered");
        for (key, rung) in [(1, "accepted"), (4, "on_scene"), (5, "cleared")] {
            self.gateway.say(radio, "status", json!({ "status": key }));
            until_rung(console, incident, rung);
        }
    }

    fn stop(self) {
        self.server.stop();
        self.running.stop();
    }
}

fn until_health(what: &str, console: &mut Client, is: impl Fn(&Value) -> bool) {
    let health = ("system.health", json!({}));
    until_call(what, console, health, |health| is(health).then_some(()));
}

fn until_up(console: &mut Client, up: bool) {
    until_health("the link", console, |health| health["links"][0]["up"] == up);
}

/// Waits until answers were refused for this reason.
fn until_refused(console: &mut Client, reason: &str) {
    until_health(reason, console, |health| {
        health["since_start"]["datagrams_refused"][reason].is_u64()
    });
}

fn until_rung(console: &mut Client, incident: &Value, rung: &str) {
    let get = ("incident.get", json!({ "incident": incident }));
    until_call(rung, console, get, |found| {
        let stamps = &found["assignments"][0]["stamps"];
        stamps[rung].is_object().then_some(())
    });
}

#[test]
fn a_call_is_delivered_accepted_and_cleared_over_http() {
    let town = Town::start();
    let mut calls = town.console();
    town.come_on_the_air(&mut calls);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    town.work_off(&mut calls, &answer["incident"]);
    // What the terminals said is confirmed once it is kept, and each text was taken once.
    until("the last to be confirmed", &calls, || {
        town.gateway.with(|air| {
            let told = u64::try_from(air.events.len()).unwrap();
            (air.confirmed == told).then_some(())
        })
    });
    town.gateway
        .with(|air| assert_eq!(air.puts, air.texts.len()));
    town.stop();
}

#[test]
fn a_gateway_that_was_gone_is_given_what_waits() {
    let mut town = Town::start();
    let mut calls = town.console();
    town.come_on_the_air(&mut calls);
    let at = town.running.stop();
    until_up(&mut calls, false);
    let answer = calls.call("incident.report", &report("while")).unwrap();
    // It has forgotten all, and counts its events from the start.
    town.gateway.with(|air| {
        air.session += 1;
        air.events.clear();
    });
    town.running = Running::start(&town.gateway, at);
    until_up(&mut calls, true);
    town.work_off(&mut calls, &answer["incident"]);
    town.stop();
}

#[test]
fn a_wrong_token_keeps_the_link_down() {
    let town = Town::with_token("another");
    let mut calls = town.console();
    until_refused(&mut calls, "http_token");
    until_up(&mut calls, false);
    town.stop();
}

#[test]
fn nonsense_is_counted_and_a_gateway_that_has_come_to_its_senses_is_used() {
    const LONG: &str = match str::from_utf8(&[b' '; 300 << 10]) {
        Ok(long) => long,
        Err(_) => "",
    };
    let town = Town::start();
    let mut calls = town.console();
    town.come_on_the_air(&mut calls);
    for (status, body, reason) in [
        (200, "<html>", "http_body"),
        (200, LONG, "http_body"),
        (302, "", "http_status"),
        (503, "", "http_status"),
        (404, "", "http_refused"),
        (403, "", "http_token"),
    ] {
        town.gateway.with(|air| air.mode = Mode::Says(status, body));
        until_up(&mut calls, false);
        until_refused(&mut calls, reason);
        town.gateway.with(|air| air.mode = Mode::Good);
        until_up(&mut calls, true);
    }
    let answer = calls.call("incident.report", &report("one")).unwrap();
    town.work_off(&mut calls, &answer["incident"]);
    town.stop();
}

#[test]
fn who_does_not_answer_in_time_is_asked_again_and_told_nothing_twice() {
    let town = Town::start();
    let mut calls = town.console();
    town.come_on_the_air(&mut calls);
    town.gateway.with(|air| air.mode = Mode::MuteToTexts);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    until("a text to be put again", &calls, || {
        town.gateway.with(|air| (air.puts > 1).then_some(()))
    });
    town.gateway.with(|air| {
        assert_eq!(air.texts.len(), 1);
        air.mode = Mode::Good;
    });
    town.work_off(&mut calls, &answer["incident"]);
    town.gateway.with(|air| air.mode = Mode::Mute);
    until_up(&mut calls, false);
    until_refused(&mut calls, "http_silence");
    town.stop();
}
