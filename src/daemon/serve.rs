//! Requests of consoles: who may ask, what was asked before, what the engine says.

use super::api::{self, Call, Context, Got, Method, Pong, Ranked, Subscribed, Units};
use super::archive::Ask;
use super::effect::Held;
use super::output::{Outbox, Output};
use super::rpc::{self, Problem, Request};
use super::session::{ConsoleId, Cut, Heard, Login};
use super::view::{Name, Named, to_json};
use super::{Daemon, Now, Work};
use crate::engine::answer::{KeyOf, Lookup};
use crate::engine::claim::Desk;
use crate::engine::command::Command;
use crate::engine::event::Event;
use crate::engine::id::IncidentId;
use crate::engine::policy::Grade;
use crate::engine::ranking::Ranking;
use crate::engine::rejection::Rejection;
use crate::planted::{Planted, planted};
use serde_json::{Value, json};

impl Daemon {
    /// Bytes of a console become work in a lane.
    pub(super) fn hear(
        &mut self,
        now: Now,
        console: ConsoleId,
        bytes: &[u8],
        out: &mut dyn Outbox,
    ) {
        let mut heard = Vec::new();
        if let Some(session) = self.sessions.get_mut(&console) {
            session.handle_bytes(now.at, bytes, &mut heard);
        }
        for heard in heard {
            match heard {
                Heard::Request(request) => self.sort_request(now, console, request, out),
                Heard::Fault(id, problem) => self.refuse(console, &id, &problem, out),
                Heard::GiveUp => self.cut(console, Cut::Garbage, out),
            }
        }
    }

    /// Puts a request into its lane; a full lane says so.
    fn sort_request(
        &mut self,
        now: Now,
        console: ConsoleId,
        request: Request,
        out: &mut dyn Outbox,
    ) {
        let grave = self.is_grave(&request);
        // Calls are turned away last.
        let room = match request.method == "incident.report" {
            true => Self::LANE + Self::CALLS,
            false => Self::LANE,
        };
        let (lane, what) = match grave {
            true => (&mut self.urgent, "the urgent lane"),
            false => (&mut self.normal, "the lane"),
        };
        if lane.len() >= room {
            let problem = Problem::busy(what, room);
            return self.refuse(console, &request.id, &problem, out);
        }
        lane.push_back(Work::Request {
            console,
            request,
            arrived_us: now.mono_us,
        });
        if let Some(session) = self.sessions.get_mut(&console) {
            session.waiting += 1;
        }
    }

    /// A Grade I report goes before everything that waits, and so does an emergency vouched for.
    fn is_grave(&self, request: &Request) -> bool {
        if request.method != "incident.report" {
            return false;
        }
        let text = |key| request.params.get(key).and_then(Value::as_str);
        let by_category = || {
            let key = text("category")?;
            let mut categories = self.engine.policy().categories.values();
            let found = categories.find(|category| category.key == key);
            found.map(|category| category.grade.name())
        };
        let grade = text("grade").or_else(by_category);
        grade == Some(Grade::One.name()) || has_alarm(request)
    }

    /// Answers one request, now or when what it caused is durable.
    pub(super) fn serve(
        &mut self,
        now: Now,
        console: ConsoleId,
        request: Request,
        arrived_us: u64,
        out: &mut dyn Outbox,
    ) {
        let Some(session) = self.sessions.get(&console) else {
            return;
        };
        let user = session.user().map(|(name, role)| (name.to_owned(), role));
        let Request { id, method, params } = request;
        let found = Method::find(&method);
        let allowed = found.and_then(|found| match (found.role, &user) {
            (None, _) => Ok(found),
            (Some(_), None) => {
                let message = "call session.login first";
                Err(Problem::new(Problem::NOT_LOGGED_IN, message))
            }
            (Some(least), Some((_, role))) if *role < least => {
                let message = format!("{method} needs the role {least}, you are {role}");
                Err(Problem::new(Problem::FORBIDDEN, message))
            }
            _ => Ok(found),
        });
        let context = Context {
            engine: &self.engine,
            config: &self.config,
            shown: &self.shown,
            console,
            now: now.at,
            role: user.as_ref().map(|(_, role)| *role),
        };
        let user = user.map_or_else(String::new, |(name, _)| name);
        let understood = allowed.and_then(|found| {
            // Before they are taken apart.
            let digest = digest(&params);
            Ok((found.parse(context, &user, params)?, digest))
        });
        match understood {
            Err(problem) => self.refuse(console, &id, &problem, out),
            Ok((Call::Do { command, key }, digest)) => {
                let desk = Desk {
                    user: user.clone(),
                    console: console.0,
                };
                let command = Box::new(command);
                let command = Command::ByDesk { desk, command };
                let keyed = Keyed {
                    id,
                    user,
                    method,
                    key,
                    digest,
                };
                self.command(now, console, &command, keyed, arrived_us, out);
            }
            Ok((call, _)) => self.read(now, console, &id, call, out),
        }
    }

    fn read(&mut self, now: Now, console: ConsoleId, id: &Value, call: Call, out: &mut dyn Outbox) {
        let durable = self.batches.is_durable();
        let views = self.views(now.at);
        let state = self.engine.state();
        let result = match call {
            Call::Login { user, password } => return self.login(console, id, user, password, out),
            Call::Ping => {
                if let Some(session) = self.sessions.get_mut(&console) {
                    session.pings = true;
                }
                let (at, wall_ms) = (now.at, now.wall_ms);
                Ok(to_json(&Pong { at, wall_ms }))
            }
            Call::Health => Ok(to_json(&self.health(now))),
            Call::Units => {
                let units = state.units.values().map(|unit| views.unit(unit));
                let units = units.collect();
                Ok(to_json(&Units { units, durable }))
            }
            Call::Ask(ask) => return self.ask_archive(console, id, ask, out),
            Call::Get(incident) if self.is_archived(incident) => {
                return self.ask_archive(console, id, Ask::Get(incident), out);
            }
            Call::Get(incident) => state.incident(incident).map(|found| {
                let assignments = found.assignments.iter();
                let assignments = assignments.filter_map(|id| state.assignments.get(id));
                let calls = found.calls.iter().filter_map(|id| state.calls.get(id));
                to_json(&Got {
                    incident: views.incident(found),
                    assignments: assignments.map(|found| views.assignment(found)).collect(),
                    calls: calls.map(|call| views.call(call)).collect(),
                    durable,
                    deliveries: None,
                    archive: None,
                })
            }),
            Call::Rank(incident) => {
                let ranking = self.engine.rank(now.at, incident, None);
                ranking.map(|ranking| self.show(now, incident, ranking))
            }
            Call::Subscribe => return self.subscribe(now, console, id, out),
            Call::Do { .. } => return,
        };
        match result {
            Ok(result) => self.write(console, rpc::answer(id, &result), out),
            Err(rejection) => {
                let problem = self.problem(now, &rejection);
                self.refuse(console, id, &problem, out);
            }
        }
    }

    /// The answer that shows a ranking; an offer may name it from here on.
    fn show(&mut self, now: Now, incident: IncidentId, ranking: Ranking) -> String {
        let answer = to_json(&Ranked {
            ranking: self.views(now.at).ranking(&ranking),
            durable: self.batches.is_durable(),
        });
        self.shown.note(incident, ranking);
        answer
    }

    fn login(
        &mut self,
        console: ConsoleId,
        id: &Value,
        user: String,
        password: String,
        out: &mut dyn Outbox,
    ) {
        let Some(session) = self.sessions.get_mut(&console) else {
            return;
        };
        if matches!(session.login, Login::Checking { .. }) {
            let problem = Problem::new(Problem::BUSY, "a login is being checked already");
            return self.refuse(console, id, &problem, out);
        }
        let checking = Login::Checking {
            id: id.clone(),
            user: user.clone(),
        };
        let before = std::mem::replace(&mut session.login, checking);
        let peer = session.peer;
        self.strangers.remove(peer, console);
        self.left(console, &before);
        out.push(Output::CheckPassword {
            console,
            user,
            password,
        });
    }

    fn subscribe(&mut self, now: Now, console: ConsoleId, id: &Value, out: &mut dyn Outbox) {
        let (epoch, seq) = (self.epoch, self.board_seq);
        let pages = super::board::pages(self.views(now.at), epoch, seq);
        let result = Subscribed {
            epoch,
            seq,
            pages: pages.len(),
            at: now.at,
            wall_ms: now.wall_ms,
            mode: Name(self.engine.policy().mode),
            degraded: self.degraded(),
            durable: self.batches.is_durable(),
        };
        let line = rpc::answer(id, &to_json(&result));
        if let Some(session) = self.sessions.get_mut(&console) {
            session.follow_soon();
        }
        let pages = Held::Pages {
            console,
            seq,
            pages,
        };
        for held in [Held::Line { console, line }, pages] {
            // The pages may show what is not durable yet, so they leave with the newest batch;
            // when nothing becomes durable any more they leave now, and say so.
            match self.degraded {
                Some(_) => self.let_go(held, out),
                None => self.hold(now, held, out),
            }
        }
    }

    fn command(
        &mut self,
        now: Now,
        console: ConsoleId,
        command: &Command,
        keyed: Keyed,
        arrived_us: u64,
        out: &mut dyn Outbox,
    ) {
        let Keyed {
            id,
            user,
            method,
            key,
            digest,
        } = keyed;
        let span = tracing::info_span!("call", method, user, key);
        let _entered = span.enter();
        let key_of = KeyOf {
            user: &user,
            method: &method,
            key: &key,
        };
        match self.engine.state().answers.lookup(key_of, digest) {
            _ if planted(Planted::DoneAgain) => {}
            Lookup::New => {}
            // What never becomes durable is not answered; the key may be tried after a restart.
            Lookup::Same(_) if self.degraded.is_some() && !self.batches.is_durable() => {}
            Lookup::Same(answer) => {
                let line = rpc::answer(&id, answer);
                self.note_acked(console);
                return self.hold(now, Held::Line { console, line }, out);
            }
            Lookup::Foreign => {
                let message = "another user gave this command under this key: make a new one";
                let problem = Problem::new(Problem::KEY_REUSED, message);
                return self.refuse(console, &id, &problem, out);
            }
            Lookup::Other => {
                let message = "this key was used with other parameters: make a new one";
                let problem = Problem::new(Problem::KEY_REUSED, message);
                return self.refuse(console, &id, &problem, out);
            }
        }
        if let Some(problem) = self.refuses() {
            return self.refuse(console, &id, &problem, out);
        }
        let mut batch = Vec::new();
        if let Err(rejection) = self.engine.execute(now.at, command, &mut batch) {
            let problem = self.problem(now, &rejection);
            if let (Command::ByDesk { command, .. }, Rejection::StaleRanking { fresh, .. }) =
                (command, rejection)
                && let Command::Offer { incident, .. } = **command
            {
                self.shown.note(incident, *fresh);
            }
            return self.refuse(console, &id, &problem, out);
        }
        let answer = to_json(&api::answer(&self.engine, &batch));
        let line = rpc::answer(&id, &answer);
        let answered = Event::CommandAnswered {
            user,
            method,
            key,
            digest,
            answer,
        };
        self.engine.apply(now.at, &answered);
        batch.push(answered);
        tracing::debug!(events = batch.len(), "decided");
        self.note_acked(console);
        self.commit(now, batch, Some(arrived_us), out);
        self.hold(now, Held::Line { console, line }, out);
    }

    /// What this console was told happened: its next list holds it.
    fn note_acked(&mut self, console: ConsoleId) {
        let seq = self.engine.state().seq;
        if let Some(session) = self.sessions.get_mut(&console) {
            session.acked_seq = seq;
        }
    }

    /// Whether an incident was once and the engine keeps it no more.
    fn is_archived(&self, incident: IncidentId) -> bool {
        let state = self.engine.state();
        let given = (1..=state.counters.incident).contains(&incident.0);
        given && !state.incidents.contains_key(&incident)
    }

    /// A rejection as the console sees it: its kind, and the fresh ranking where there is one.
    fn problem(&self, now: Now, rejection: &Rejection) -> Problem {
        let kind = match rejection {
            Rejection::UnknownIncident(_) => "unknown_incident",
            Rejection::UnknownAssignment(_) => "unknown_assignment",
            Rejection::UnknownUnit(_) => "unknown_unit",
            Rejection::UnknownAlarm(_) => "unknown_alarm",
            Rejection::UnknownProposal(_) => "unknown_proposal",
            Rejection::UnknownTask(_) => "unknown_task",
            Rejection::UnknownCategory(_) => "unknown_category",
            Rejection::UnknownTerminal(_) => "unknown_terminal",
            Rejection::WrongPhase { .. } => "wrong_phase",
            Rejection::WrongRung { .. } => "wrong_rung",
            Rejection::WrongUnitState { .. } => "wrong_unit_state",
            Rejection::StaleRanking { .. } => "stale_ranking",
            Rejection::UnknownRanking(_) => "unknown_ranking",
            Rejection::TerminalTaken { .. } => "terminal_taken",
            Rejection::Unreachable(_) => "unreachable",
            Rejection::AlreadyAssigned { .. } => "already_assigned",
            Rejection::Claimed { .. } => "claimed",
            Rejection::Full { .. } => "full",
            Rejection::UnknownCall(_) => "unknown_call",
            Rejection::WrongCallPhase { .. } => "wrong_call_phase",
            Rejection::CallTaken { .. } => "call_taken",
            Rejection::NothingToUndo(_) => "nothing_to_undo",
            Rejection::NotYours { .. } => "not_yours",
            Rejection::Invalid(_) => "invalid",
        };
        let mut data = json!({ "kind": kind });
        let fresh = match rejection {
            Rejection::StaleRanking { fresh, .. } => Some(json!(self.views(now.at).ranking(fresh))),
            _ => None,
        };
        if let (Some(data), Some(fresh)) = (data.as_object_mut(), fresh) {
            data.insert("ranking".into(), fresh);
        }
        if let (Some(data), Rejection::Claimed { holder, .. }) = (data.as_object_mut(), rejection) {
            data.insert("holder".into(), json!(holder.user));
            data.insert("console".into(), json!(holder.console));
        }
        let message = rejection.to_string();
        Problem {
            code: Problem::REJECTED,
            message,
            data: Some(data),
        }
    }
}

/// A command's request with whose it is.
pub(super) struct Keyed {
    /// The request's.
    id: Value,
    user: String,
    method: String,
    key: String,
    /// Of its parameters.
    digest: [u8; 16],
}

/// Whether it makes an incident of an alarm.
fn has_alarm(request: &Request) -> bool {
    request
        .params
        .get("alarm")
        .is_some_and(|alarm| !alarm.is_null())
}

/// Of the parameters, key order aside.
fn digest(params: &Value) -> [u8; 16] {
    let hash = blake3::hash(to_json(params).as_bytes());
    let (head, _) = hash
        .as_bytes()
        .split_first_chunk()
        .unwrap_or((&[0; 16], &[]));
    *head
}
