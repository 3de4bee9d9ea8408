//! The mini language of the scenario tables: one command or expectation a line, times in seconds.
//!
//! ```text
//! 0.0   unit    铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
//! 0.0   report  traffic grade III at 0,0
//! 0.0   expect  #1 Assigned 铁骑01 Offered
//! ```
//! Places are metres. A unit's name means its active assignment; `铁骑01#2` the latest one it had
//! for incident 2. A refused command must be followed by `refused <part of the reason>`.
//! `as li:2` says which user at which console commands; `mode recommend` holds for the whole table.

use super::audit::Audited;
use super::script_suspect::via_of;
use super::{FIRST_AID, policy};
use crate::engine::alarm::Alarm;
use crate::engine::assignment::{Assignment, Source, Step};
use crate::engine::claim::Desk;
use crate::engine::command::Command;
use crate::engine::event::{By, Event};
use crate::engine::id::{EngineTime, IncidentId, Point, ProposalId, RadioId, UnitId};
use crate::engine::incident::{Classification, Report, Source as Line};
use crate::engine::message::Request;
use crate::engine::policy::{Grade, Mode, Skills, UnitKind};
use crate::engine::position::Fix;
use crate::engine::rejection::Rejection;
use crate::engine::task::Task;
use crate::engine::unit::{CrewMember, Duty};

/// Runs a table; panics at the first line that does not hold.
pub(super) fn check(table: &str) {
    play(table);
}

/// Runs a table; what came of it.
pub(super) fn play(table: &str) -> Audited {
    let lines = lines(table);
    Script::new(&lines).run(&lines)
}

/// Runs a table in a world that has a past.
pub(super) fn resume(world: Audited, table: &str) -> Audited {
    let script = Script {
        world,
        line: String::new(),
        refused: None,
        batch: Vec::new(),
    };
    script.run(&lines(table))
}

fn lines(table: &str) -> Vec<(usize, Vec<&str>)> {
    (1..)
        .zip(table.lines())
        .map(|(number, line)| (number, line.split("//").next().unwrap_or("")))
        .map(|(number, line)| (number, line.split_whitespace().collect()))
        .filter(|(_, words): &(_, Vec<_>)| !words.is_empty())
        .collect()
}

pub(super) struct Script {
    pub(super) world: Audited,
    pub(super) line: String,
    pub(super) refused: Option<Rejection>,
    pub(super) batch: Vec<Event>,
}

/// Seconds with one decimal.
fn time(word: &str) -> EngineTime {
    let (seconds, tenths) = word.split_once('.').unwrap_or((word, "0"));
    let [seconds, tenths]: [u64; 2] = [seconds, tenths].map(|digits| digits.parse().unwrap());
    assert!(tenths < 10, "one decimal: {word}");
    EngineTime(seconds * 1000 + tenths * 100)
}

fn kind_of(word: &str) -> UnitKind {
    match word {
        "motorcycle" => UnitKind::Motorcycle,
        "car" => UnitKind::Car,
        "ebike" => UnitKind::EBike,
        "foot" => UnitKind::Foot,
        other => panic!("no kind {other}"),
    }
}

/// The word after `name`, if it is there.
pub(super) fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1).copied()
}

/// The number of `name=N`, else `default`.
pub(super) fn number<T: std::str::FromStr>(words: &[&str], name: &str, default: T) -> T {
    let found = words.iter().find_map(|word| {
        let (key, value) = word.split_once('=')?;
        (key == name).then(|| value.parse().ok()).flatten()
    });
    found.unwrap_or(default)
}

fn radios(words: &[&str]) -> Vec<RadioId> {
    let list = after(words, "terminal").into_iter();
    list.flat_map(|list| list.split(','))
        .map(|id| RadioId(id.parse().unwrap()))
        .collect()
}

fn place(words: &[&str]) -> Option<Point> {
    let (x, y) = after(words, "at")?.split_once(',')?;
    Some(Point {
        x_cm: x.parse::<i64>().unwrap().saturating_mul(100),
        y_cm: y.parse::<i64>().unwrap().saturating_mul(100),
    })
}

pub(super) fn incident(word: &str) -> IncidentId {
    IncidentId(word.trim_start_matches('#').parse().unwrap())
}

fn classification(category: &str, words: &[&str]) -> Classification {
    let codes = (1u16..).zip(super::categories());
    let known = codes.into_iter().find(|(_, (key, ..))| *key == category);
    assert!(
        known.is_some() || matches!(category, "-" | "ufo"),
        "no category {category}"
    );
    let code = if category == "ufo" {
        Some(999)
    } else {
        known.as_ref().map(|(code, _)| *code)
    };
    let default = known.map_or(Grade::Two, |(_, (_, grade, _))| grade);
    let grade = after(words, "grade").map(|word| {
        Grade::ALL
            .into_iter()
            .find(|grade| grade.numeral() == word)
            .unwrap()
    });
    Classification {
        category: code.map(crate::engine::id::CategoryCode),
        grade: grade.unwrap_or(default),
    }
}

/// `li:2`: the user at the console; without a number at the first.
pub(super) fn desk_of(word: &str) -> Desk {
    let (user, console) = word.split_once(':').unwrap_or((word, "1"));
    Desk {
        user: user.to_owned(),
        console: console.parse().unwrap(),
    }
}

fn mode_of(word: &str) -> Mode {
    match word {
        "auto" => Mode::Auto,
        "recommend" => Mode::Recommend,
        other => panic!("no mode {other}"),
    }
}

/// `traffic grade III at 0,0 line 122`.
pub(super) fn report(words: &[&str]) -> Report {
    Report {
        source: match after(words, "line") {
            Some("122") => Line::Traffic122,
            Some("city") => Line::City110,
            _ => Line::Police110,
        },
        by: String::from("taker"),
        place: String::from("黄江大道"),
        point: place(words),
        caller: String::new(),
        text: String::new(),
        occurred_at_ms: None,
        classification: classification(words[0], words),
    }
}

pub(super) fn desk() -> By {
    By::User(String::from("desk"))
}

impl Script {
    fn new(lines: &[(usize, Vec<&str>)]) -> Self {
        let units = lines.iter().filter(|(_, words)| words[1] == "unit");
        let register = units
            .clone()
            .map(|(_, words)| (words[2].to_owned(), kind_of(words[3])));
        let terminals = units
            .flat_map(|(_, words)| radios(words))
            .map(|radio| radio.0);
        let terminals: Vec<u32> = terminals.chain([1098, 1099]).collect();
        let mut policy = policy(register.collect(), &terminals);
        let mode = lines.iter().find(|(_, words)| words[1] == "mode");
        policy.mode = mode.map_or(Mode::Auto, |(_, words)| mode_of(words[2]));
        Self {
            world: Audited::new(policy),
            line: String::new(),
            refused: None,
            batch: Vec::new(),
        }
    }

    fn run(mut self, lines: &[(usize, Vec<&str>)]) -> Audited {
        for (number, words) in lines {
            self.line = format!("line {number}: {}", words.join(" "));
            self.step(words);
        }
        self.line = String::from("end of the table");
        self.nothing_refused();
        self.world
    }

    fn step(&mut self, words: &[&str]) {
        let now = time(words[0]);
        assert!(now >= self.world.now, "{}: time runs backwards", self.line);
        self.world.now = now;
        let (verb, rest) = (words[1], &words[2..]);
        if self.expectation(verb, rest) {
            return;
        }
        self.nothing_refused();
        if self.evidence(verb, rest) {
            return;
        }
        match verb {
            "tick" => self.batch = self.world.tick(),
            "mode" => {}
            "restart" => {
                let mode = rest.first().map(|word| mode_of(word));
                self.batch = self.world.restart_in(mode);
            }
            "unit" => self.unit(rest),
            "fix" => self.fix(rest),
            _ => {
                let mut command = self.command(verb, rest);
                let named = !matches!(verb, "claim" | "release" | "gone");
                if let (Some(who), true) = (after(rest, "as"), named) {
                    let command_of = Box::new(command);
                    command = Command::ByDesk {
                        desk: desk_of(who),
                        command: command_of,
                    };
                }
                self.execute(&command);
            }
        }
    }

    pub(super) fn nothing_refused(&self) {
        assert_eq!(
            self.refused, None,
            "before {}: nobody expected a refusal",
            self.line
        );
    }

    fn execute(&mut self, command: &Command) {
        match self.world.execute(command) {
            Ok(batch) => self.batch = batch,
            Err(rejection) => {
                self.batch.clear();
                self.refused = Some(rejection);
            }
        }
    }

    pub(super) fn name(&self, unit: UnitId) -> &str {
        &self.world.engine.state().units[&unit].call_sign
    }

    pub(super) fn unit_id(&self, name: &str) -> UnitId {
        let known = self.world.engine.state().call_signs.get(name).copied();
        known.unwrap_or(UnitId(999))
    }

    /// A unit's active assignment, or with `#N` its latest for that incident.
    pub(super) fn assignment(&self, word: &str) -> &Assignment {
        let state = self.world.engine.state();
        let found = match word.split_once('#') {
            None => {
                let active = state.units[&self.unit_id(word)].active;
                active.and_then(|id| state.assignments.get(&id))
            }
            Some((name, number)) => state.assignments.values().rfind(|found| {
                found.unit == self.unit_id(name) && found.incident == incident(number)
            }),
        };
        found.unwrap_or_else(|| panic!("{}: no assignment {word}", self.line))
    }

    fn request(&self, words: &[&str]) -> (Request, RadioId) {
        let found = self.assignment(words[0]);
        let request = Request {
            message: found.message,
            attempt: number(words, "attempt", found.attempt),
        };
        let radio = found.terminal.unwrap_or(RadioId(0));
        (request, RadioId(number(words, "radio", radio.0)))
    }

    fn duty(words: &[&str]) -> Duty {
        let sworn: u8 = number(words, "sworn", 0);
        let crew = (0..sworn.max(1)).map(|index| CrewMember {
            officer: format!("{}-{index}", words[0]),
            sworn: index < sworn,
        });
        Duty {
            crew: crew.collect(),
            vehicle: String::from("粤S0001"),
            terminals: radios(words),
            skills: if words.contains(&"aid") {
                FIRST_AID
            } else {
                Skills(0)
            },
            area: String::new(),
            until_ms: None,
        }
    }

    /// Signs a unit on, with registered terminals unless `silent`, at its place.
    fn unit(&mut self, words: &[&str]) {
        let unit = self.unit_id(words[0]);
        let duty = Self::duty(words);
        for radio in duty.terminals.iter().filter(|_| !words.contains(&"silent")) {
            let via = Some((String::from("gw"), 1));
            self.execute(&Command::RecordRegistration { radio: *radio, via });
        }
        let first = duty.terminals.first().copied();
        let by = By::Roster;
        self.execute(&Command::SignOn { unit, duty, by });
        if let (Some(radio), Some(point)) = (first, place(words)) {
            let taken_ms = i64::try_from(self.world.now.0).unwrap();
            self.batch.extend(
                self.world
                    .observe(radio, Fix { point, taken_ms }, Some(("gw", 1)))
                    .1,
            );
        }
    }

    fn fix(&mut self, words: &[&str]) {
        let age_ms: i64 = number(words, "age", 0) * 1000;
        let fix = Fix {
            point: place(words).unwrap(),
            taken_ms: i64::try_from(self.world.now.0).unwrap() - age_ms,
        };
        let radio = RadioId(words[0].parse().unwrap());
        let (observed, batch) = self.world.observe(radio, fix, Some(via_of(words)));
        self.batch = batch;
        let seen = format!("{observed:?}");
        assert_eq!(after(words, "is").unwrap(), seen, "{}", self.line);
    }

    fn command(&self, verb: &str, words: &[&str]) -> Command {
        match verb {
            "report" | "confirm" | "place" | "note" | "cancel" | "resolve" | "close" => {
                self.desk_command(verb, words)
            }
            "emergency" | "over" => self.emergency_command(verb, words),
            "sent" | "sendfail" | "delivered" | "undelivered" | "key" | "replayed" | "on"
            | "off" => self.radio_command(verb, words),
            "vouch" => Command::ReportEmergency {
                alarm: self
                    .alarm(&words[..words.len() - 1])
                    .map_or(crate::engine::id::AlarmId(999), |alarm| alarm.id),
                report: Box::new(report(&["-", "at", words[words.len() - 1]])),
                by: desk(),
            },
            "done" => Command::FinishTask {
                task: self
                    .task(words)
                    .map_or(crate::engine::id::TaskId(999), |task| task.id),
                outcome: String::new(),
                by: desk(),
            },
            "ring" | "answer" | "hangup" | "attach" | "reportfrom" | "split" | "told" | "refer"
            | "receipt" | "return" | "merge" | "link" | "reopen" | "undo" | "feedback"
            | "followup" => self.case_command(verb, words),
            "trust" | "bar" => Self::trust_command(verb, words),
            "notefixes" => Command::NotePositions { behind: RadioId(0) },
            "msg" => self.message_command(words),
            "claim" => Command::Claim {
                incident: incident(words[0]),
                desk: desk_of(after(words, "as").unwrap()),
                take_over: words.contains(&"over"),
            },
            "release" => Command::Release {
                incident: incident(words[0]),
                desk: desk_of(after(words, "as").unwrap()),
            },
            "gone" => Command::DeskGone {
                desk: desk_of(words[0]),
            },
            "offer" => Command::Offer {
                incident: incident(words[0]),
                unit: self.unit_id(words[1]),
                ranking: self.shown(words),
                shown: None,
                stack: words.contains(&"stack"),
                by: desk(),
            },
            "decline" => Command::DeclineProposal {
                proposal: self.proposal(words[0], words[1]),
                reason: String::from("desk"),
                by: desk(),
            },
            "recall" => Command::Recall {
                assignment: self.assignment(words[0]).id,
                reason: String::from("desk"),
                by: desk(),
            },
            "voice" => Command::Advance {
                assignment: self.assignment(words[0]).id,
                step: step_of(words[1]),
                source: Source::Voice,
                by: desk(),
            },
            _ => self.duty_command(verb, words),
        }
    }

    /// The open proposal of a unit for an incident.
    fn proposal(&self, of: &str, unit: &str) -> ProposalId {
        let mut proposals = self.world.engine.state().proposals.of(incident(of));
        let unit = self.unit_id(unit);
        proposals.find(|found| found.unit == unit).unwrap().id
    }

    /// The ranking an offer names: `proposal` for the incident's first, else the newest.
    fn shown(&self, words: &[&str]) -> u64 {
        let state = self.world.engine.state();
        let mut proposals = state.proposals.of(incident(words[0]));
        let proposed = proposals.next().filter(|_| words.contains(&"proposal"));
        let newest = proposed.map_or(state.seq, |found| found.ranking.as_of);
        number(words, "ranking", newest)
    }

    fn duty_command(&self, verb: &str, words: &[&str]) -> Command {
        let by = desk();
        let unit = self.unit_id(words[0]);
        match verb {
            "signon" => Command::SignOn {
                unit,
                duty: Self::duty(words),
                by,
            },
            "edit" => Command::EditCrew {
                unit,
                duty: Self::duty(words),
                by,
            },
            "signoff" => Command::SignOff { unit, by },
            "out" => Command::SetService {
                unit,
                out: Some(words[1].to_owned()),
                by,
            },
            "back" => Command::SetService {
                unit,
                out: None,
                by,
            },
            "text" => Command::SendText {
                unit,
                text: words[1..].join(" "),
                by,
            },
            "ack" => Command::AckAlarm {
                alarm: self
                    .alarm(words)
                    .map_or(crate::engine::id::AlarmId(999), |alarm| alarm.id),
                by: String::from("desk"),
            },
            other => panic!("{}: no verb {other}", self.line),
        }
    }

    pub(super) fn desk_command(&self, verb: &str, words: &[&str]) -> Command {
        let by = desk();
        let number = words.first().filter(|_| verb != "report");
        let number = number.map_or(IncidentId(0), |word| incident(word));
        match verb {
            "report" => Command::Report(Box::new(report(words))),
            "confirm" => Command::Confirm {
                incident: number,
                classification: Some(classification(words[1], words)),
                place: None,
                by,
            },
            "place" => Command::Confirm {
                incident: number,
                classification: None,
                place: Some((String::from("宝山路"), place(words))),
                by,
            },
            "note" => Command::Note {
                incident: number,
                text: words[1..].join(" "),
                by: String::from("desk"),
            },
            "cancel" => Command::Cancel {
                incident: number,
                reason: String::from("false"),
                by,
            },
            "resolve" => Command::Resolve {
                incident: number,
                by,
            },
            _ => Command::Close {
                incident: number,
                by,
            },
        }
    }

    fn emergency_command(&self, verb: &str, words: &[&str]) -> Command {
        let radio = RadioId(words[0].parse().unwrap());
        match verb {
            "emergency" => Command::RecordEmergency { radio },
            _ => Command::RecordEmergencyCancel { radio },
        }
    }

    fn radio_command(&self, verb: &str, words: &[&str]) -> Command {
        let radio = || RadioId(words[0].parse().unwrap());
        match verb {
            "sent" => Command::RecordSent {
                request: self.request(words).0,
            },
            "sendfail" => Command::RecordSendFailed {
                request: self.request(words).0,
            },
            "delivered" | "undelivered" => {
                let (request, radio) = self.request(words);
                let delivered = verb == "delivered";
                Command::RecordDelivery {
                    request,
                    radio,
                    delivered,
                }
            }
            "key" => Command::RecordText {
                radio: radio(),
                text: words[1..].join(" "),
            },
            "replayed" => Command::RecordReplay {
                radio: radio(),
                text: words[1..].join(" "),
            },
            "on" => {
                let (gateway, slot) = via_of(words);
                Command::RecordRegistration {
                    radio: radio(),
                    via: Some((gateway.to_owned(), slot)),
                }
            }
            _ => Command::RecordRegistration {
                radio: radio(),
                via: None,
            },
        }
    }

    /// `msg delivered|failed 1001`: the newest text to a terminal.
    fn message_command(&self, words: &[&str]) -> Command {
        let radio = RadioId(words[1].parse().unwrap());
        let mut messages = self.world.engine.state().messages.values();
        let found = messages.rfind(|found| found.radio == radio).unwrap();
        let request = Request {
            message: found.no,
            attempt: found.attempt,
        };
        match words[0] {
            "delivered" => Command::RecordDelivery {
                request,
                radio,
                delivered: true,
            },
            _ => Command::RecordSendFailed { request },
        }
    }

    /// The open voice task for the unit and incident named.
    pub(super) fn task(&self, words: &[&str]) -> Option<&Task> {
        let mut tasks = self.world.engine.state().tasks.values();
        tasks.find(|task| {
            words.iter().all(|word| match word.strip_prefix('#') {
                Some(_) => task.about.incident == Some(incident(word)),
                None => task.about.unit == Some(self.unit_id(word)),
            })
        })
    }

    /// The open alarm of a kind about all the units and incidents named.
    pub(super) fn alarm(&self, words: &[&str]) -> Option<&Alarm> {
        let alarms = self.world.engine.state().alarms.values();
        let mut named = alarms.filter(|alarm| format!("{:?}", alarm.kind) == words[0]);
        named.find(|alarm| {
            words[1..].iter().all(|word| match word.strip_prefix('#') {
                Some(_) => alarm.about.incident == Some(incident(word)),
                None if word.starts_with('x') => word[1..] == alarm.times.to_string(),
                None => match word.parse() {
                    Ok(radio) => alarm.about.radio == Some(RadioId(radio)),
                    Err(_) => alarm.about.unit == Some(self.unit_id(word)),
                },
            })
        })
    }
}

fn step_of(word: &str) -> Step {
    match word {
        "offer" => Step::Offer,
        "deliver" => Step::Deliver,
        "accept" => Step::Accept,
        "roll" => Step::Roll,
        "arrive" => Step::Arrive,
        "clear" => Step::Clear,
        "decline" => Step::Decline,
        other => panic!("no step {other}"),
    }
}
