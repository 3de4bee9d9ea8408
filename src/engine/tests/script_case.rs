//! Lines of the scenario tables about calls, tasks and incidents beyond their dispatch.
//!
//! ```text
//! 0.0   ring    13800000001          call 1 rings; `desk D1`, `line 122`, `waited=5`
//! 1.0   answer  1
//! 2.0   reportfrom 1 theft at 0,0    an incident from call 1; `sender N` for a transfer
//! 3.0   hangup  1                    or `hangup 1 nuisance`
//! 3.0   call    1 Ended #1
//! ```

use super::script::{Script, after, desk, incident, number, report};
use crate::engine::alarm::About;
use crate::engine::call::{Invalid, Ring};
use crate::engine::case::{Agency, Form, Outcome};
use crate::engine::command::{CaseAct, Command};
use crate::engine::event::By;
use crate::engine::id::{CallId, EngineTime, TaskId};
use crate::engine::incident::Source as Line;
use crate::engine::task::TaskKind;

fn call(word: &str) -> CallId {
    CallId(word.parse().unwrap())
}

fn invalid(word: &str) -> Invalid {
    match word {
        "nuisance" => Invalid::Nuisance,
        "misdial" => Invalid::Misdial,
        "silent" => Invalid::Silent,
        other => panic!("no kind {other}"),
    }
}

impl Script {
    pub(super) fn case_command(&self, verb: &str, words: &[&str]) -> Command {
        let by = desk();
        let user = || String::from("taker");
        match verb {
            "ring" => {
                let waited_ms = number::<u64>(words, "waited", 0) * 1000;
                let source = match after(words, "line") {
                    Some("122") => Line::Traffic122,
                    _ => Line::Police110,
                };
                let ring = Ring {
                    source,
                    caller: words[0].to_owned(),
                    trunk: String::new(),
                    desk: after(words, "desk").map(str::to_owned),
                    called_at: EngineTime(self.world.now.0.saturating_sub(waited_ms)),
                };
                Command::Arrive { ring }
            }
            "answer" => Command::Answer {
                call: call(words[0]),
                by: user(),
            },
            "hangup" => Command::EndCall {
                call: call(words[0]),
                invalid: words.get(1).map(|word| invalid(word)),
                by: user(),
            },
            "attach" => Command::Attach {
                call: call(words[0]),
                incident: incident(words[1]),
                by,
            },
            "reportfrom" => Command::ReportFrom {
                report: Box::new(report(&words[1..])),
                call: (words[0] != "-").then(|| call(words[0])),
                sender_number: after(words, "sender").unwrap_or_default().to_owned(),
            },
            "split" => Command::Split {
                call: call(words[0]),
                report: Box::new(report(&words[1..])),
                by,
            },
            "told" => Command::FinishTask {
                task: TaskId(words[0].parse().unwrap()),
                outcome: words[1..].join(" "),
                by,
            },
            _ => Command::Case {
                incident: incident(words[0]),
                act: self.act(verb, words),
                by: match after(words, "by") {
                    Some(user) => By::User(user.to_owned()),
                    None => by,
                },
            },
        }
    }

    fn act(&self, verb: &str, words: &[&str]) -> CaseAct {
        let reason = String::from("because");
        match verb {
            "refer" => CaseAct::Refer {
                to: Agency::Fire119,
                name: String::new(),
                reason,
            },
            "receipt" => CaseAct::Receive {
                receiver: String::from("119"),
                number: words
                    .get(1)
                    .map(|word| (*word).to_owned())
                    .unwrap_or_default(),
            },
            "return" => CaseAct::Return { reason },
            "merge" => CaseAct::Merge {
                into: incident(words[1]),
            },
            "link" => CaseAct::Link {
                other: incident(words[1]),
            },
            "reopen" => CaseAct::Reopen { reason },
            "undo" => CaseAct::Undo {
                others: words.contains(&"supervisor"),
            },
            "feedback" => CaseAct::Feedback {
                assignment: words.get(1).map(|word| self.assignment(word).id),
                form: Form {
                    outcome: Outcome::Handled,
                    injured: 0,
                    persons: 1,
                    text: String::new(),
                },
            },
            _ => CaseAct::FollowUp {
                satisfied: Some(true),
                text: String::from("content"),
            },
        }
    }

    /// What stands about calls, tasks and the rest; panics when it does not hold.
    pub(super) fn case_expectation(&self, verb: &str, words: &[&str]) {
        let line = &self.line;
        let state = self.world.engine.state();
        let same = |seen: Vec<String>, wanted: &[&str]| assert_eq!(seen, wanted, "{line}");
        let of = |word: &str| &state.incidents[&incident(word)];
        match verb {
            "call" if words[1] == "gone" => {
                assert!(!state.calls.contains_key(&call(words[0])), "{line}");
            }
            "call" => {
                let found = &state.calls[&call(words[0])];
                let mut seen = vec![format!("{:?}", found.phase)];
                seen.extend(found.incident.map(|incident| incident.to_string()));
                same(seen, &words[1..]);
            }
            "todo" => {
                let wanted = match words[1].starts_with('#') {
                    true => (TaskKind::TellCaller, About::of(incident(words[1]))),
                    false => {
                        let call = call(words[1]);
                        (TaskKind::CallBack { call }, About::default())
                    }
                };
                let found = &state.tasks[&TaskId(words[0].parse().unwrap())];
                assert_eq!((found.kind, found.about), wanted, "{line}");
            }
            "notodo" => assert!(state.tasks.is_empty(), "{line}: {:#?}", state.tasks),
            "lines" => {
                let calls = of(words[0]).calls.iter();
                same(calls.map(|id| id.0.to_string()).collect(), &words[1..]);
            }
            "links" => {
                let links = of(words[0]).links.iter();
                same(links.map(ToString::to_string).collect(), &words[1..]);
            }
            "first" => {
                let at_ms = state.first_call_at(of(words[0])).0;
                assert_eq!((at_ms / 1000).to_string(), words[1], "{line}");
            }
            "merged" => {
                let into = of(words[0]).merged_into.map(|id| id.to_string());
                assert_eq!(into.as_deref(), words.get(1).copied(), "{line}");
            }
            "forms" => {
                let forms = of(words[0]).feedback.len().to_string();
                assert_eq!(forms, words[1], "{line}");
            }
            // arrived, answered, abandoned, nuisance, misdial, silent
            _ => {
                let counts = state.call_counts;
                let all = [counts.arrived, counts.answered, counts.abandoned];
                let all = all.into_iter().chain(counts.invalid);
                same(all.map(|count| count.to_string()).collect(), words);
            }
        }
    }
}
