//! A simulated desk: what a console sends and what it makes of what it is told, as bytes of JSON
//! lines. It keeps every command it gave until that is answered, and gives it again under the same
//! key on a new connection.

use crate::daemon::session::ConsoleId;
use crate::radio::Chance;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A command that was given and may be given again.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    pub(super) key: String,
    pub(super) params: Value,
}

/// What a line came to.
#[derive(Debug)]
pub(super) enum Told<'a> {
    /// A command was answered.
    Answer(Asked, String),
    /// A command was refused.
    Refused(Asked, String),
    /// The board was subscribed to: all of it comes anew, from memory when the journal failed.
    Anew {
        epoch: u64,
        seq: u64,
        from_memory: bool,
    },
    /// A delta.
    Delta(Delta<'a>),
    /// A page of the board.
    Page(Delta<'a>),
    /// The daemon says that nothing is accepted.
    Degraded,
}

/// What the desk looks at of a delta or a page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta<'a> {
    pub(super) epoch: u64,
    pub(super) seq: u64,
    #[serde(default, borrow)]
    pub(super) incidents: Vec<SeenIncident<'a>>,
    #[serde(default, borrow)]
    pub(super) assignments: Vec<SeenAssignment<'a>>,
    #[serde(default, borrow)]
    pub(super) alarms: Vec<SeenAlarm<'a>>,
    #[serde(default)]
    tasks: Vec<SeenTask>,
}

/// An incident as a console sees it.
#[derive(Debug, Deserialize)]
pub(super) struct SeenIncident<'a> {
    pub(super) incident: u32,
    phase: &'a str,
}

/// An assignment as a console sees it.
#[derive(Debug, Deserialize)]
pub(super) struct SeenAssignment<'a> {
    pub(super) assignment: u32,
    #[serde(borrow)]
    pub(super) unit: Option<Cow<'a, str>>,
    pub(super) rung: &'a str,
    terminal: Option<u32>,
}

/// An alarm as a console sees it.
#[derive(Debug, Deserialize)]
pub(super) struct SeenAlarm<'a> {
    pub(super) alarm: u32,
    kind: &'a str,
    incident: Option<u32>,
    assignment: Option<u32>,
    radio: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct SeenTask {
    task: u32,
}

#[derive(Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
enum Item<'a> {
    #[serde(borrow)]
    Incident(SeenIncident<'a>),
    #[serde(borrow)]
    Assignment(SeenAssignment<'a>),
    #[serde(borrow)]
    Alarm(SeenAlarm<'a>),
    Task(SeenTask),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Page<'a> {
    epoch: u64,
    seq: u64,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Line<'a> {
    id: Option<u64>,
    method: Option<&'a str>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Subscribed {
    epoch: u64,
    seq: u64,
    degraded: Option<String>,
}

/// A request on its way.
#[derive(Debug)]
enum Request {
    Command(Asked),
    Subscribe,
    Other,
}

/// One desk.
pub(super) struct Desk {
    pub(super) user: &'static str,
    /// The connection, while there is one.
    pub(super) console: Option<ConsoleId>,
    /// Whether the last login was taken.
    pub(super) logged_in: bool,
    /// Whether it pinged, so that its silence is noticed.
    pub(super) pinged: bool,
    /// Its cable is pulled until then.
    pub(super) dead_until: u64,
    /// It takes nothing until then.
    pub(super) slow_until: u64,
    /// What was sent to it and it has not taken yet.
    pub(super) untaken: VecDeque<bytes::Bytes>,
    /// What it says at once, with what comes next.
    pub(super) reply: Vec<u8>,
    /// Whether it follows the board and does what is to be done.
    dispatches: bool,
    asked: BTreeMap<u64, Request>,
    next_id: u64,
    keys: u64,
    /// To be given, not before then.
    todo: VecDeque<(u64, Asked)>,
    /// Rungs of the assignments as last seen.
    rungs: BTreeMap<u32, String>,
    /// Since when incidents wait for a unit.
    waits: BTreeMap<u32, u64>,
    /// Incidents, alarms and tasks something was planned for.
    planned: BTreeSet<(&'static str, u32)>,
    chance: Chance,
    /// Answered commands, some of which are given again.
    done: VecDeque<Asked>,
}

/// Answered commands a desk remembers.
const DONE: usize = 200;

impl Desk {
    pub(super) fn new(user: &'static str, dispatches: bool, seed: u64) -> Self {
        /// Radios and faults have others.
        const STREAM: u64 = 4 << 32;
        Self {
            user,
            console: None,
            logged_in: false,
            pinged: false,
            dead_until: 0,
            slow_until: 0,
            untaken: VecDeque::new(),
            reply: Vec::new(),
            dispatches,
            asked: BTreeMap::new(),
            next_id: 0,
            keys: 0,
            todo: VecDeque::new(),
            rungs: BTreeMap::new(),
            waits: BTreeMap::new(),
            planned: BTreeSet::new(),
            chance: Chance::stream(seed, STREAM + u64::from(dispatches)),
            done: VecDeque::new(),
        }
    }

    /// Gives a command under a new key once `at_ms` has come.
    pub(super) fn plan(&mut self, at_ms: u64, method: &'static str, mut params: Value) {
        self.keys += 1;
        let key = format!("{}-{}", self.user, self.keys);
        if let Some(params) = params.as_object_mut() {
            params.insert("key".to_owned(), key.clone().into());
        }
        let asked = Asked {
            method,
            key,
            params,
        };
        self.todo.push_back((at_ms, asked));
    }

    /// Gives a command again that was answered or is on its way; false when there is none.
    pub(super) fn repeat(&mut self, now_ms: u64) -> bool {
        let under_way = self.asked.values().find_map(|request| match request {
            Request::Command(asked) => Some(asked.clone()),
            Request::Subscribe | Request::Other => None,
        });
        let back = usize::try_from(self.chance.below(DONE as u64)).unwrap_or(0);
        let done = self
            .done
            .iter()
            .rev()
            .nth(back.min(self.done.len().saturating_sub(1)));
        let again = under_way.or_else(|| done.cloned());
        self.todo.extend(again.clone().map(|asked| (now_ms, asked)));
        again.is_some()
    }

    /// A refused command is given again later.
    pub(super) fn retry(&mut self, at_ms: u64, asked: Asked) {
        self.todo.push_back((at_ms, asked));
    }

    /// Commands on their way, and those that were due a minute ago.
    pub(super) fn open(&self, now_ms: u64) -> usize {
        let asked = self.asked.values();
        let asked = asked.filter(|request| matches!(request, Request::Command(_)));
        let late = self
            .todo
            .iter()
            .filter(|(at_ms, _)| at_ms + 60_000 < now_ms);
        asked.count() + late.count()
    }

    /// The connection is gone: what was not answered is given again.
    pub(super) fn lost(&mut self, now_ms: u64) {
        self.console = None;
        self.logged_in = false;
        self.pinged = false;
        self.untaken.clear();
        self.reply.clear();
        for request in std::mem::take(&mut self.asked).into_values() {
            if let Request::Command(asked) = request {
                self.todo.push_back((now_ms, asked));
            }
        }
    }

    /// The first lines of a connection.
    pub(super) fn greet(&mut self) -> Vec<u8> {
        let login = json!({ "user": self.user, "password": "checked by the simulator" });
        self.request("session.login", &login, Request::Other)
    }

    /// What is to be said now; a ping besides, so that silence means death.
    pub(super) fn speak(&mut self, now_ms: u64) -> Vec<u8> {
        /// No more at once than the daemon lets a console have.
        const AT_ONCE: usize = 8;
        self.pinged = true;
        let mut bytes = self.request("session.ping", &json!({}), Request::Other);
        let due = |(at_ms, _): &(u64, Asked)| *at_ms <= now_ms;
        for _ in 0..AT_ONCE {
            let Some(place) = self.todo.iter().position(due) else {
                break;
            };
            let Some((_, asked)) = self.todo.remove(place) else {
                break;
            };
            let params = asked.params.clone();
            bytes.extend(self.request(asked.method, &params, Request::Command(asked)));
        }
        bytes
    }

    fn subscribe(&mut self) -> Vec<u8> {
        self.request("board.subscribe", &json!({}), Request::Subscribe)
    }

    fn request(&mut self, method: &str, params: &Value, request: Request) -> Vec<u8> {
        self.next_id += 1;
        let id = self.next_id;
        self.asked.insert(id, request);
        let line = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        format!("{line}\n").into_bytes()
    }

    /// Takes a line; what it came to, and what is said at once.
    ///
    /// # Errors
    /// A line that is none.
    pub(super) fn hear<'a>(
        &mut self,
        now_ms: u64,
        line: &'a [u8],
    ) -> Result<(Option<Told<'a>>, Vec<u8>), String> {
        let error = |error: serde_json::Error| {
            format!(
                "a console cannot read {:?}: {error}",
                String::from_utf8_lossy(line)
            )
        };
        let said: Line<'_> = serde_json::from_slice(line).map_err(error)?;
        let params = said.params.map_or("null", RawValue::get);
        match said.method {
            Some("board.delta") => {
                let delta: Delta<'_> = serde_json::from_str(params).map_err(error)?;
                self.work_on(now_ms, &delta);
                return Ok((Some(Told::Delta(delta)), Vec::new()));
            }
            Some("board.page") => {
                let page: Page<'_> = serde_json::from_str(params).map_err(error)?;
                let page = whole(page);
                self.work_on(now_ms, &page);
                return Ok((Some(Told::Page(page)), Vec::new()));
            }
            Some("board.resync") => return Ok((None, self.subscribe())),
            Some("board.degraded") => return Ok((Some(Told::Degraded), Vec::new())),
            Some(_) => return Ok((None, Vec::new())),
            None => {}
        }
        let request = said.id.and_then(|id| self.asked.remove(&id));
        let told = match (request, said.result, said.error) {
            (Some(Request::Command(asked)), Some(result), _) => {
                self.done.push_back(asked.clone());
                if self.done.len() > DONE {
                    self.done.pop_front();
                }
                Told::Answer(asked, result.get().to_owned())
            }
            (Some(Request::Command(asked)), _, Some(problem)) => {
                Told::Refused(asked, problem.get().to_owned())
            }
            (Some(Request::Subscribe), Some(result), _) => {
                let Subscribed {
                    epoch,
                    seq,
                    degraded,
                } = serde_json::from_str(result.get()).map_err(error)?;
                Told::Anew {
                    epoch,
                    seq,
                    from_memory: degraded.is_some(),
                }
            }
            (Some(Request::Other), Some(_), _) if !self.logged_in => {
                self.logged_in = true;
                let more = if self.dispatches {
                    self.subscribe()
                } else {
                    Vec::new()
                };
                return Ok((None, more));
            }
            _ => return Ok((None, Vec::new())),
        };
        Ok((Some(told), Vec::new()))
    }

    /// What a dispatcher does about what is shown.
    fn work_on(&mut self, now_ms: u64, seen: &Delta<'_>) {
        let voice = |to: &str, assignment: u32| json!({ "assignment": assignment, "to": to });
        for assignment in &seen.assignments {
            let id = assignment.assignment;
            if self
                .rungs
                .get(&id)
                .is_some_and(|rung| rung == assignment.rung)
            {
                continue;
            }
            self.rungs.insert(id, assignment.rung.to_owned());
            let by_voice = match (assignment.terminal, assignment.rung) {
                (None, "offered") => Some("accepted"),
                (None, rung) => next_rung(rung),
                // Now and then a dispatcher takes one back.
                (Some(_), "delivered" | "accepted") if self.chance.hits(0.01) => {
                    let why = json!({ "assignment": id, "reason": "needed elsewhere" });
                    self.plan_within(now_ms, 20_000, "assignment.recall", why);
                    None
                }
                _ => None,
            };
            if let Some(to) = by_voice {
                self.plan_within(now_ms, 180_000, "assignment.advance", voice(to, id));
            }
        }
        for alarm in &seen.alarms {
            let rung = alarm
                .assignment
                .and_then(|id| Some((id, self.rungs.get(&id)?.clone())));
            let late = [
                "not_rolling",
                "not_arrived",
                "on_scene_long",
                "clear_to_confirm",
            ];
            if let Some((id, rung)) = rung.filter(|_| late.contains(&alarm.kind)) {
                let to = match alarm.kind {
                    "clear_to_confirm" => Some("cleared"),
                    _ => next_rung(&rung),
                };
                if let Some(to) = to {
                    self.plan_within(now_ms, 30_000, "assignment.advance", voice(to, id));
                }
            }
            if !self.planned.insert(("alarm", alarm.alarm)) {
                continue;
            }
            if let Some(incident) = alarm.incident {
                self.hand_on(now_ms, incident);
            }
            if let Some(radio) = alarm.radio.filter(|_| alarm.kind == "suspect_terminal") {
                let trust = json!({ "radio": radio, "trusted": true });
                self.plan_within(now_ms, 120_000, "terminal.trust", trust);
            }
            self.plan_within(now_ms, 60_000, "alarm.ack", json!({ "alarm": alarm.alarm }));
        }
        for task in &seen.tasks {
            if !self.planned.insert(("task", task.task)) {
                continue;
            }
            self.plan_within(now_ms, 30_000, "task.done", json!({ "task": task.task }));
        }
        for incident in &seen.incidents {
            let id = incident.incident;
            if incident.phase == "queued" {
                self.waits.entry(id).or_insert(now_ms);
            } else {
                self.waits.remove(&id);
            }
            let more = match incident.phase {
                "resolved" if self.planned.insert(("incident", id)) => "incident.close",
                "queued" if self.chance.hits(0.01) => "incident.claim",
                _ => continue,
            };
            self.plan_within(now_ms, 120_000, more, json!({ "incident": id }));
        }
    }

    /// Gives an incident to others that waits too long: a town at twenty times its load has not
    /// enough crews of every kind, and a queue that only grows is no shift but a siege.
    fn hand_on(&mut self, now_ms: u64, incident: u32) {
        /// How long a caller is put off.
        const PATIENCE_MS: u64 = 1_200_000;
        let since = self.waits.get(&incident);
        let late = since.is_some_and(|since| since + PATIENCE_MS < now_ms);
        if late && self.planned.insert(("hand on", incident)) {
            let why = json!({ "incident": incident, "reason": "others go" });
            self.plan_within(now_ms, 20_000, "incident.cancel", why);
        }
    }

    /// People take their time.
    fn plan_within(&mut self, now_ms: u64, most_ms: u64, method: &'static str, params: Value) {
        let at_ms = now_ms + 1_000 + self.chance.below(most_ms);
        self.plan(at_ms, method, params);
    }
}

/// The rung a unit says it has reached next.
fn next_rung(rung: &str) -> Option<&'static str> {
    match rung {
        "accepted" => Some("en_route"),
        "en_route" => Some("on_scene"),
        "on_scene" => Some("cleared"),
        _ => None,
    }
}

/// A page as a delta that holds all it shows.
fn whole(page: Page<'_>) -> Delta<'_> {
    let mut delta = Delta {
        epoch: page.epoch,
        seq: page.seq,
        ..Delta::default()
    };
    for item in page.items {
        match serde_json::from_str(item.get()) {
            Ok(Item::Incident(incident)) => delta.incidents.push(incident),
            Ok(Item::Assignment(assignment)) => delta.assignments.push(assignment),
            Ok(Item::Alarm(alarm)) => delta.alarms.push(alarm),
            Ok(Item::Task(task)) => delta.tasks.push(task),
            Ok(Item::Other) | Err(_) => {}
        }
    }
    delta
}
