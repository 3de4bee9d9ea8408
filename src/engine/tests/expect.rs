//! What the lines of a scenario table expect ([`super::script`]).

use super::script::{Script, after, desk_of, incident};
use crate::engine::alarm::AlarmKind;
use crate::engine::event::{By, Event, RecallCause};
use crate::engine::id::{EngineTime, MessageNo, RadioId, UnitId};
use crate::engine::message::Body;
use crate::engine::ranking::PassedOver;

impl Script {
    /// Whether `verb` was an expectation; panics when it does not hold.
    pub(super) fn expectation(&mut self, verb: &str, words: &[&str]) -> bool {
        let line = self.line.clone();
        match verb {
            "refused" => {
                let reason = self.refused.take().map(|refused| refused.to_string());
                let reason = reason.unwrap_or_else(|| panic!("{line}: it was accepted"));
                assert!(reason.contains(&words.join(" ")), "{line}: {reason}");
                return true;
            }
            "expect" => self.expect(words),
            "alarm" => assert!(self.alarm(words).is_some(), "{line}: {:#?}", self.alarms()),
            "noalarm" => assert!(self.alarm(words).is_none(), "{line}: {:#?}", self.alarms()),
            "task" => assert!(self.task(words).is_some(), "{line}: {:#?}", self.batch),
            "notask" => assert!(self.task(words).is_none(), "{line}: {:#?}", self.batch),
            "suspect" | "believed" => self.suspicion(verb, words),
            "calls" => self.emergency(words),
            "batch" => assert_eq!(self.batch_names(), words, "{line}: {:#?}", self.batch),
            "ranked" | "passed" => self.ranking(verb, words),
            "queue" => {
                let queue = self.world.engine.queue(self.world.now);
                let queue: Vec<String> = queue.map(|(_, _, id)| id.to_string()).collect();
                assert_eq!(queue, words, "{line}");
            }
            "proposed" => self.proposed(words),
            "claimed" => {
                let claims = &self.world.engine.state().claims;
                let holder = claims.get(&incident(words[0])).map(|claim| &claim.desk);
                let wanted = (words[1] != "nobody").then(|| desk_of(words[1]));
                assert_eq!(holder, wanted.as_ref(), "{line}");
            }
            "message" => self.message(words),
            "call" | "todo" | "notodo" | "lines" | "links" | "first" | "merged" | "forms"
            | "counts" => self.case_expectation(verb, words),
            "counter" => {
                let last = self.world.engine.state().counters.message;
                assert_eq!(last.to_string(), words[0], "{line}");
            }
            "counted" => self.count(words[0].parse().unwrap()),
            _ => return false,
        }
        self.nothing_refused();
        true
    }

    /// `calls 铁骑01 #2 1001 x3`: the unit's mark, and what its emergency counts; `calls 铁骑01` no
    /// mark.
    fn emergency(&self, words: &[&str]) {
        let state = self.world.engine.state();
        let unit = state.units.get(&self.unit_id(words[0]));
        let marked = unit.and_then(|unit| unit.emergency);
        let Some(number) = words.get(1) else {
            return assert_eq!(marked, None, "{}", self.line);
        };
        let found = &state.incidents[&incident(number)];
        let emergency = found.emergency.as_ref().unwrap();
        assert_eq!(unit.map(|_| incident(number)), marked, "{}", self.line);
        assert_eq!(emergency.radio.to_string(), words[2], "{}", self.line);
        assert_eq!(format!("x{}", emergency.presses), words[3], "{}", self.line);
        let cancelled = words.contains(&"cancelled");
        assert_eq!(emergency.cancelled_at.is_some(), cancelled, "{}", self.line);
    }

    fn alarms(&self) -> Vec<(AlarmKind, u32)> {
        let alarms = self.world.engine.state().alarms.values();
        alarms.map(|alarm| (alarm.kind, alarm.times)).collect()
    }

    fn batch_names(&self) -> Vec<&'static str> {
        self.batch.iter().map(super::golden::name).collect()
    }

    /// Sets the message counter, as years of messages would.
    fn count(&mut self, last: u32) {
        let queued = Event::MessageQueued {
            message: MessageNo(last),
            unit: UnitId(1),
            radio: RadioId(1098),
            body: Body::Text(String::new()),
            deadline: EngineTime(u64::MAX),
            by: By::Engine,
        };
        let gone = Event::MessageDelivered {
            message: MessageNo(last),
        };
        self.world.told(&[queued, gone]);
    }

    /// `ranked a b c` and `passed a Why b Why`: what the last ranking of the batch says.
    fn ranking(&self, verb: &str, words: &[&str]) {
        let ranking = self.batch.iter().rev().find_map(|event| match event {
            Event::UnitsRanked { ranking, .. } => Some(ranking),
            _ => None,
        });
        let ranking = ranking.unwrap_or_else(|| panic!("{}: nothing was ranked", self.line));
        let seen: Vec<String> = match verb {
            "ranked" => {
                let best = ranking.candidates.iter();
                best.map(|best| self.name(best.unit).to_owned()).collect()
            }
            _ => {
                let passed = ranking.passed_over.iter();
                let pair = |unit: &PassedOver| {
                    [self.name(unit.unit).to_owned(), format!("{:?}", unit.why)]
                };
                passed.flat_map(pair).collect()
            }
        };
        assert_eq!(seen, words, "{}", self.line);
    }

    /// `proposed #1 a b`: the units proposed for an incident, by slot.
    fn proposed(&self, words: &[&str]) {
        let proposals = self.world.engine.state().proposals.of(incident(words[0]));
        let seen: Vec<&str> = proposals.map(|found| self.name(found.unit)).collect();
        assert_eq!(seen, words[1..], "{}", self.line);
    }

    /// `message 1001 Recalled #1` or `message 1001 Text words`: it was queued in this batch.
    fn message(&self, words: &[&str]) {
        let wanted = RadioId(words[0].parse().unwrap());
        let found = self.batch.iter().any(|event| match event {
            Event::MessageQueued { radio, body, .. } if *radio == wanted => match body {
                Body::Text(text) => words[1] == "Text" && words[2..].join(" ") == *text,
                Body::Safety(id) => words[1] == "Safety" && incident(words[2]) == *id,
                Body::Recalled(id) => words[1] == "Recalled" && incident(words[2]) == *id,
            },
            _ => false,
        });
        assert!(found, "{}: {:#?}", self.line, self.batch);
    }

    fn expect(&self, words: &[&str]) {
        let state = self.world.engine.state();
        let rest = match words[0].strip_prefix('#') {
            Some(_) if words[1] == "gone" => {
                assert!(
                    !state.incidents.contains_key(&incident(words[0])),
                    "{}",
                    self.line
                );
                return;
            }
            Some(_) => {
                let found = &state.incidents[&incident(words[0])];
                assert_eq!(format!("{:?}", found.phase), words[1], "{}", self.line);
                &words[2..]
            }
            None => words,
        };
        if rest.is_empty() {
            return;
        }
        let state_of = |name: &str| format!("{:?}", state.units[&self.unit_id(name)].state());
        if matches!(rest[1], "Available" | "OutOfService" | "OffDuty") {
            assert_eq!(state_of(rest[0]), rest[1], "{}", self.line);
            return;
        }
        let found = self.assignment(rest[0]);
        assert_eq!(format!("{:?}", found.rung), rest[1], "{}", self.line);
        if let Some(attempt) = after(rest, "attempt") {
            assert_eq!(found.attempt.to_string(), attempt, "{}", self.line);
        }
        if let Some(radio) = after(rest, "via") {
            assert_eq!(
                found.terminal.map(|it| it.to_string()),
                Some(radio.to_owned())
            );
        }
        if let Some(source) = after(rest, "by") {
            let seen = found
                .stamp(found.rung)
                .map(|stamp| format!("{:?}", stamp.source));
            assert_eq!(seen.as_deref(), Some(source), "{}", self.line);
        }
        if let Some(slot) = after(rest, "slot") {
            assert_eq!(found.slot.to_string(), slot, "{}", self.line);
        }
        if let Some(distance) = after(rest, "distance") {
            let seen = found
                .distance_m
                .map_or(String::from("none"), |m| m.to_string());
            assert_eq!(seen, distance, "{}", self.line);
        }
        if rest.contains(&"override") || rest.contains(&"followed") {
            let overrode = found.overrode.is_some();
            assert_eq!(overrode, rest.contains(&"override"), "{}", self.line);
        }
        if let Some(cause) = after(rest, "because") {
            let seen = self
                .world
                .log
                .iter()
                .rev()
                .find_map(|(_, event)| match event {
                    Event::AssignmentRecalled {
                        assignment, cause, ..
                    } if *assignment == found.id => Some(match cause {
                        RecallCause::Desk(_) => String::from("Desk"),
                        other => format!("{other:?}"),
                    }),
                    _ => None,
                });
            assert_eq!(seen.as_deref(), Some(cause), "{}", self.line);
        }
    }
}
