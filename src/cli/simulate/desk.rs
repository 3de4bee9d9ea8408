//! A simulated console: bytes of the console API, over a connection that may break. What it was not
//! answered it asks again under the same key, as the API asks of its clients.

use super::auditor::{Auditor, Board};
use super::process::Instant;
use crate::cli::demo::calls::Calls;
use crate::config::Config;
use crate::daemon::session::ConsoleId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Between two pings.
const PING_MS: u64 = 2_000;
/// A daemon that says nothing for so long is given up.
const SILENT_MS: u64 = 6_000;
/// Before what was refused for the moment is asked again.
const AGAIN_MS: u64 = 1_000;
/// Before a connection is tried again.
const RECONNECT_MS: u64 = 2_000;

struct Ask {
    key: Option<String>,
    method: &'static str,
    params: Value,
}

/// An open connection.
pub(super) struct Line {
    pub(super) console: ConsoleId,
    logged_in: bool,
    heard_ms: u64,
    pinged_ms: u64,
}

/// What a desk wants of its socket.
pub(super) enum Wish {
    Connect,
    Say(ConsoleId, String),
    Hang(ConsoleId),
}

/// A console and who sits at it.
pub(super) struct Desk<'a> {
    name: String,
    calls: Calls<'a>,
    mean_us: u64,
    next_call_ms: u64,
    pub(super) line: Option<Line>,
    connect_ms: u64,
    board: Board,
    asked: BTreeMap<u64, Ask>,
    again: VecDeque<(u64, Ask)>,
    next_id: u64,
    keys: u64,
}

impl<'a> Desk<'a> {
    pub(super) fn new(number: u64, seed: u64, config: &'a Config, mean_us: u64) -> Self {
        let mut calls = Calls::new(config, seed ^ number.rotate_left(32));
        let next_call_ms = calls.gap_us(mean_us) / 1_000 + RECONNECT_MS;
        Self {
            name: format!("desk{number}"),
            calls,
            mean_us,
            next_call_ms,
            line: None,
            connect_ms: 0,
            board: Board::default(),
            asked: BTreeMap::new(),
            again: VecDeque::new(),
            next_id: 0,
            keys: 0,
        }
    }

    /// When it wants to act.
    pub(super) fn next_ms(&self) -> u64 {
        let Some(line) = &self.line else {
            return self.connect_ms.min(self.next_call_ms);
        };
        let again = self.again.front().filter(|_| line.logged_in);
        let again = again.map_or(u64::MAX, |(at, _)| *at);
        let ping = line.pinged_ms + PING_MS;
        [self.next_call_ms, again, ping]
            .into_iter()
            .min()
            .unwrap_or(ping)
    }

    /// Does what is due.
    pub(super) fn act(&mut self, now: Instant) -> Vec<Wish> {
        let mut wishes = Vec::new();
        while self.next_call_ms <= now.ms {
            let gap = self.calls.gap_us(self.mean_us) / 1_000;
            self.next_call_ms += gap.max(1);
            if let Some(call) = self.calls.ring() {
                let number = self.next_call_ms;
                self.command(
                    "incident.report",
                    call.params,
                    &format!("call-{number}"),
                    now.ms,
                );
            }
        }
        let Some(line) = &mut self.line else {
            if self.connect_ms <= now.ms {
                self.connect_ms = now.ms + RECONNECT_MS;
                wishes.push(Wish::Connect);
            }
            return wishes;
        };
        if now.ms >= line.heard_ms + SILENT_MS {
            wishes.push(Wish::Hang(line.console));
            self.gone(now);
            return wishes;
        }
        let console = line.console;
        if line.pinged_ms + PING_MS <= now.ms && line.logged_in {
            line.pinged_ms = now.ms;
            wishes.push(self.say(
                console,
                Ask {
                    key: None,
                    method: "session.ping",
                    params: json!({}),
                },
            ));
        } else if line.pinged_ms + PING_MS <= now.ms {
            line.pinged_ms = now.ms;
        }
        while self.is_in()
            && let Some((_, ask)) = self.again.pop_front_if(|(at, _)| *at <= now.ms)
        {
            wishes.push(self.say(console, ask));
        }
        wishes
    }

    fn is_in(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.logged_in)
    }

    /// The connection stands.
    pub(super) fn opened(&mut self, now: Instant, console: ConsoleId) -> Wish {
        self.line = Some(Line {
            console,
            logged_in: false,
            heard_ms: now.ms,
            pinged_ms: now.ms,
        });
        self.board.left();
        let params = json!({ "user": self.name, "password": "simulated" });
        let ask = Ask {
            key: None,
            method: "session.login",
            params,
        };
        self.say(console, ask)
    }

    /// The connection is gone. What was not answered is asked again.
    pub(super) fn gone(&mut self, now: Instant) {
        self.line = None;
        self.connect_ms = now.ms + RECONNECT_MS;
        for ask in std::mem::take(&mut self.asked).into_values() {
            if ask.key.is_some() {
                self.again.push_back((now.ms, ask));
            }
        }
    }

    fn command(&mut self, method: &'static str, mut params: Value, key: &str, now_ms: u64) {
        let key = format!("{}-{key}", self.name);
        if let Some(params) = params.as_object_mut() {
            params.insert("key".into(), json!(key));
        }
        let key = Some(key);
        self.again.push_back((
            now_ms,
            Ask {
                key,
                method,
                params,
            },
        ));
    }

    fn say(&mut self, console: ConsoleId, ask: Ask) -> Wish {
        self.next_id += 1;
        let line = json!({
            "jsonrpc": "2.0", "id": self.next_id, "method": ask.method, "params": ask.params,
        });
        self.asked.insert(self.next_id, ask);
        Wish::Say(console, format!("{line}\n"))
    }

    /// Bytes of the daemon: whole lines.
    pub(super) fn hear(&mut self, now: Instant, bytes: &[u8], auditor: &mut Auditor) -> Vec<Wish> {
        let mut wishes = Vec::new();
        if let Some(line) = &mut self.line {
            line.heard_ms = now.ms;
        }
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => wishes.extend(self.take(now, &value, auditor)),
                Err(_) => auditor.fault(now.ms, "a console was sent what is no JSON"),
            }
        }
        wishes
    }

    fn take(&mut self, now: Instant, value: &Value, auditor: &mut Auditor) -> Vec<Wish> {
        if let Some(id) = value.get("id").and_then(Value::as_u64) {
            let Some(ask) = self.asked.remove(&id) else {
                auditor.fault(now.ms, &format!("an answer to {id}, which nobody asked"));
                return Vec::new();
            };
            return match value.get("result") {
                Some(result) => self.answered(now, ask, result, auditor),
                None => {
                    self.refused(now, ask, value, auditor);
                    Vec::new()
                }
            };
        }
        let params = value.get("params").unwrap_or(&Value::Null);
        match value.get("method").and_then(Value::as_str) {
            Some("board.page") => auditor.page(now.ms, &mut self.board, params),
            Some("board.delta") => {
                auditor.delta(now.ms, &mut self.board, params);
                self.work(now, params);
            }
            Some("board.resync") => {
                self.board.left();
                return self.subscribe().into_iter().collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn subscribe(&mut self) -> Option<Wish> {
        let console = self.line.as_ref()?.console;
        let ask = Ask {
            key: None,
            method: "board.subscribe",
            params: json!({}),
        };
        Some(self.say(console, ask))
    }

    fn answered(
        &mut self,
        now: Instant,
        ask: Ask,
        result: &Value,
        auditor: &mut Auditor,
    ) -> Vec<Wish> {
        match ask.method {
            "session.login" => {
                if let Some(line) = &mut self.line {
                    line.logged_in = true;
                }
                return self.subscribe().into_iter().collect();
            }
            "board.subscribe" => Auditor::subscribed(&mut self.board, result),
            "incident.report" => {
                auditor.accepted += 1;
                let key = ask.key.unwrap_or_default();
                auditor.acknowledged(now.ms, &key, &ask.params, result);
            }
            _ => auditor.accepted += u64::from(ask.key.is_some()),
        }
        Vec::new()
    }

    /// Refused for the moment, it is asked again; a report is refused for no other reason.
    fn refused(&mut self, now: Instant, ask: Ask, value: &Value, auditor: &mut Auditor) {
        const MOMENTARY: [i64; 3] = [2, 4, 5];
        let error = value.get("error").unwrap_or(&Value::Null);
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
        if ask.key.is_none() {
            return;
        }
        if MOMENTARY.contains(&code) {
            self.again.push_back((now.ms + AGAIN_MS, ask));
        } else if ask.method == "incident.report" {
            auditor.fault(now.ms, &format!("a report was refused: {error}"));
        }
    }

    /// What a dispatcher does on seeing this: confirms by voice, acknowledges, closes.
    fn work(&mut self, now: Instant, params: &Value) {
        for (method, params) in crate::cli::desk::todo(params) {
            self.keys += 1;
            let key = format!("{}-{}", now.ms, self.keys);
            self.command(method, params, &key, now.ms);
        }
    }
}
