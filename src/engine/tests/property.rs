//! Random weeks of work, radio garbage included, under the auditor ([`super::audit`]).

use super::audit::Audited;
use super::{FIRST_AID, policy};
use crate::engine::assignment::{Assignment, Source, Step};
use crate::engine::call::{Invalid, Ring};
use crate::engine::case::{Agency, Form, Outcome};
use crate::engine::claim::Desk;
use crate::engine::command::{CaseAct, Command};
use crate::engine::detail::By;
use crate::engine::id::{
    AlarmId, AssignmentId, CallId, CategoryCode, EngineTime, IncidentId, MessageNo, Point,
    ProposalId, RadioId, TaskId, UnitId,
};
use crate::engine::incident::{Classification, Phase, Report, Source as Line};
use crate::engine::message::Request;
use crate::engine::policy::{Grade, Mode, Need, Skills, UnitKind};
use crate::engine::position::Fix;
use crate::engine::queue::{Queue, effective_rank};
use crate::engine::suspect::Suspicion;
use crate::engine::unit::{CrewMember, Duty};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const UNITS: u32 = 6;

/// The same cases each time; `PROPTEST_RNG_SEED` tries others, and a failure prints its own.
fn config(cases: u32) -> ProptestConfig {
    let fixed = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    match fixed.rng_seed {
        RngSeed::Random => ProptestConfig {
            rng_seed: RngSeed::Fixed(110_122),
            ..fixed
        },
        RngSeed::Fixed(_) => fixed,
    }
}

/// One thing that happens. The numbers are resolved against the state, out of range included.
#[derive(Debug, Clone)]
enum Op {
    Report(u16, u8, Option<(i8, i8)>),
    Confirm(u32, u16, u8),
    Place(u32, Option<(i8, i8)>),
    End(u32, u8),
    Offer(u32, u32, bool),
    Recall(u32),
    Decline(u32),
    Advance(u32, u8),
    Duty(u32, u8, u8, u8),
    Service(u32, bool),
    Text(u32),
    Sent(u32, u8),
    Failed(u32, u8),
    Delivery(u32, u8, u32, bool),
    Key(u32, u8, Option<u32>),
    Garbage(u32, String),
    Registration(u32, bool),
    Fix(u32, (i8, i8), i32),
    Emergency(u32, bool),
    Vouch(u32, Option<(i8, i8)>),
    Done(u32),
    Pass(u32),
    Note,
    Ack(u32),
    Claim(u32, u8, bool),
    Release(u32, u8),
    Gone(u8),
    Heard(u32, u8),
    Number(u32, u32),
    Replay(u32, u8),
    Trust(u32, bool),
    Restart,
    Ring,
    Call(u32, u8),
    Attach(u32, u32),
    ReportFrom(u32, bool, u16, Option<(i8, i8)>),
    Task(u32),
    Case(u32, u32, u8, u8),
}

fn op() -> impl Strategy<Value = Op> {
    let place = || (any::<i8>(), any::<i8>());
    let maybe = || prop::option::weighted(0.9, (any::<i8>(), any::<i8>()));
    let (incident, unit, radio) = (|| 0u32..12, || 0u32..=UNITS, || 0u32..=UNITS + 2);
    prop_oneof![
        6 => (0u16..8, 0u8..4, maybe()).prop_map(|(c, g, p)| Op::Report(c, g, p)),
        2 => (incident(), 0u16..8, 0u8..4).prop_map(|(i, c, g)| Op::Confirm(i, c, g)),
        1 => (incident(), maybe()).prop_map(|(i, p)| Op::Place(i, p)),
        2 => (incident(), 0u8..3).prop_map(|(i, how)| Op::End(i, how)),
        3 => (incident(), unit(), any::<bool>()).prop_map(|(i, u, s)| Op::Offer(i, u, s)),
        2 => (0u32..30).prop_map(Op::Recall),
        6 => (0u32..30, 0u8..8).prop_map(|(a, s)| Op::Advance(a, s)),
        3 => (unit(), 0u8..4, 0u8..3, 0u8..4).prop_map(|(u, how, s, t)| Op::Duty(u, how, s, t)),
        1 => (unit(), any::<bool>()).prop_map(|(u, out)| Op::Service(u, out)),
        1 => unit().prop_map(Op::Text),
        3 => (0u32..30, 0u8..4).prop_map(|(a, n)| Op::Sent(a, n)),
        1 => (0u32..30, 0u8..4).prop_map(|(a, n)| Op::Failed(a, n)),
        4 => (0u32..30, 0u8..4, radio(), prop::bool::weighted(0.9))
            .prop_map(|(a, n, r, ok)| Op::Delivery(a, n, r, ok)),
        8 => (radio(), 0u8..7, prop::option::weighted(0.3, 0u32..12))
            .prop_map(|(r, k, n)| Op::Key(r, k, n)),
        1 => (radio(), ".{0,6}").prop_map(|(r, text)| Op::Garbage(r, text)),
        2 => (radio(), prop::bool::weighted(0.7)).prop_map(|(r, on)| Op::Registration(r, on)),
        5 => (radio(), place(), -15_000i32..90_000).prop_map(|(r, p, age)| Op::Fix(r, p, age)),
        6 => prop_oneof![0u32..3_000, 0u32..200_000, 0u32..3_000_000].prop_map(Op::Pass),
        2 => (radio(), prop::bool::weighted(0.8)).prop_map(|(r, on)| Op::Emergency(r, on)),
        1 => (0u32..20, maybe()).prop_map(|(a, p)| Op::Vouch(a, p)),
        1 => (0u32..20).prop_map(Op::Done),
        4 => (radio(), 1u8..3).prop_map(|(r, slot)| Op::Heard(r, slot)),
        1 => (radio(), 0u32..4).prop_map(|(r, n)| Op::Number(r, n)),
        1 => (radio(), 0u8..7).prop_map(|(r, k)| Op::Replay(r, k)),
        2 => (radio(), prop::bool::weighted(0.7)).prop_map(|(r, yes)| Op::Trust(r, yes)),
        1 => Just(Op::Note),
        1 => (0u32..20).prop_map(Op::Ack),
        2 => (incident(), 0u8..3, any::<bool>()).prop_map(|(i, d, o)| Op::Claim(i, d, o)),
        1 => (incident(), 0u8..3).prop_map(|(i, d)| Op::Release(i, d)),
        1 => (0u8..3).prop_map(Op::Gone),
        1 => (0u32..4).prop_map(Op::Decline),
        1 => Just(Op::Restart),
        3 => Just(Op::Ring),
        4 => (0u32..6, 0u8..5).prop_map(|(c, how)| Op::Call(c, how)),
        2 => (0u32..6, incident()).prop_map(|(c, i)| Op::Attach(c, i)),
        3 => (0u32..6, any::<bool>(), 1u16..8, maybe())
            .prop_map(|(c, split, k, p)| Op::ReportFrom(c, split, k, p)),
        1 => (0u32..4).prop_map(Op::Task),
        8 => (incident(), incident(), 0u8..9, 0u8..3)
            .prop_map(|(i, other, what, who)| Op::Case(i, other, what, who)),
    ]
}

/// What the desks do of a busy hour: few incidents, so that acts meet.
fn desk_op() -> impl Strategy<Value = Op> {
    let place = || Just(Some((0i8, 0i8)));
    let (incident, radio) = (|| 0u32..4, || 1u32..=UNITS);
    prop_oneof![
        4 => (1u16..7, 0u8..4, place()).prop_map(|(c, g, p)| Op::Report(c, g, p)),
        1 => (incident(), 0u16..7, 0u8..4).prop_map(|(i, c, g)| Op::Confirm(i, c, g)),
        3 => (incident(), 0u8..3).prop_map(|(i, how)| Op::End(i, how)),
        2 => (incident(), radio(), any::<bool>()).prop_map(|(i, u, s)| Op::Offer(i, u, s)),
        9 => (radio(), 0u8..6).prop_map(|(r, k)| Op::Key(r, k, None)),
        2 => prop_oneof![0u32..3_000, 0u32..3_000_000].prop_map(Op::Pass),
        3 => Just(Op::Ring),
        6 => (0u32..3, 0u8..5).prop_map(|(c, how)| Op::Call(c, how)),
        3 => (0u32..3, incident()).prop_map(|(c, i)| Op::Attach(c, i)),
        4 => (0u32..3, any::<bool>(), 1u16..7, place())
            .prop_map(|(c, split, k, p)| Op::ReportFrom(c, split, k, p)),
        1 => (0u32..3).prop_map(Op::Task),
        5 => (incident(), incident(), 0u8..9, 0u8..3)
            .prop_map(|(i, other, what, who)| Op::Case(i, other, what, who)),
        5 => (incident(), incident()).prop_map(|(i, other)| Op::Case(i, other, 3, 1)),
        4 => (incident(), 0u8..3).prop_map(|(i, who)| Op::Case(i, 0, 6, who)),
        1 => Just(Op::Restart),
    ]
}

fn point((x, y): (i8, i8)) -> Point {
    Point {
        x_cm: i64::from(x) * 1_000,
        y_cm: i64::from(y) * 1_000,
    }
}

fn classification(category: u16, grade: u8) -> Classification {
    Classification {
        category: (category > 0).then_some(CategoryCode(category)),
        grade: Grade::ALL[usize::from(grade)],
    }
}

/// Unit `n` holds terminal `n`; the last terminal is a spare anybody may take.
fn duty(unit: u32, sworn: u8, extra: u8) -> Duty {
    let crew = (0..=sworn).map(|index| CrewMember {
        officer: format!("{unit}-{index}"),
        sworn: index < sworn,
    });
    let spare = (extra == 3).then_some(RadioId(UNITS + 1));
    Duty {
        crew: crew.collect(),
        vehicle: String::new(),
        terminals: spare.into_iter().chain([RadioId(unit)]).collect(),
        skills: if extra == 1 { FIRST_AID } else { Skills(0) },
        area: String::new(),
        until_ms: None,
    }
}

/// Two consoles of one user, one of another.
fn desk(number: u8) -> Desk {
    Desk {
        user: String::from(if number < 2 { "desk" } else { "other" }),
        console: u64::from(number),
    }
}

fn report(category: u16, grade: u8, place: Option<(i8, i8)>) -> Report {
    Report {
        source: Line::Police110,
        by: String::new(),
        place: String::new(),
        point: place.map(point),
        caller: String::new(),
        text: String::new(),
        occurred_at_ms: None,
        classification: classification(category, grade),
    }
}

fn by() -> By {
    By::User(String::from("desk"))
}

impl Audited {
    fn request(&self, assignment: u32, attempt: u8) -> Request {
        let found = self.assignment(assignment);
        Request {
            message: found.map_or(MessageNo(assignment), |found| found.message),
            attempt: found.map_or(1, |found| found.attempt.saturating_sub(attempt % 2)),
        }
    }

    /// One of the latest assignments, the newest for 0.
    fn assignment(&self, back: u32) -> Option<&Assignment> {
        let mut found = self.engine.state().assignments.values().rev();
        found.nth(usize::try_from(back).unwrap() / 3)
    }

    fn assignment_id(&self, back: u32) -> AssignmentId {
        self.assignment(back)
            .map_or(AssignmentId(0), |found| found.id)
    }

    /// One of the latest incidents.
    fn incident(&self, back: u32) -> IncidentId {
        let mut found = self.engine.state().incidents.keys().rev();
        let found = found.nth(usize::try_from(back).unwrap());
        found.copied().unwrap_or(IncidentId(0))
    }

    fn happen(&mut self, op: &Op) {
        match op {
            Op::Pass(ms) => {
                self.now = self.now.plus_ms(u64::from(*ms));
                self.tick();
            }
            Op::Restart => {
                self.restart();
            }
            Op::Fix(radio, place, age_ms) => {
                let fix = Fix {
                    point: point(*place),
                    taken_ms: i64::try_from(self.now.0).unwrap() - i64::from(*age_ms),
                };
                let slot = if age_ms % 4 == 0 { 2 } else { 1 };
                self.observe(RadioId(*radio), fix, Some(("gw", slot)));
            }
            Op::Heard(radio, slot) => {
                let (now, radio) = (self.now, RadioId(*radio));
                self.tell(|engine| engine.hear(now, radio, ("gw", *slot)));
            }
            Op::Number(radio, number) => {
                let (now, radio) = (self.now, RadioId(*radio));
                self.tell(|engine| engine.number(now, radio, *number));
            }
            _ => {
                let ours = self.desk(op).or_else(|| self.case(op));
                let ours = ours.map(|command| Command::ByDesk {
                    desk: desk(0),
                    command: Box::new(command),
                });
                let command = ours.unwrap_or_else(|| self.air(op));
                // A refusal is legal; the auditor has seen that it changed nothing.
                let _ = self.execute(&command);
            }
        }
    }

    /// Whatever is open can be brought to an end.
    fn wind_up(&mut self) {
        self.restart();
        self.tick();
        let incidents = self.engine.state().incidents.values();
        let open: Vec<IncidentId> = incidents
            .filter(|incident| incident.phase.is_open())
            .map(|incident| incident.id)
            .collect();
        for incident in open {
            let by = by();
            if self.engine.state().incidents[&incident].phase == Phase::Referred {
                let reason = String::new();
                let act = CaseAct::Return { reason };
                let by = by.clone();
                self.execute(&Command::Case { incident, act, by }).unwrap();
            }
            self.execute(&Command::Resolve { incident, by }).unwrap();
        }
        let state = self.engine.state();
        assert!(state.units.values().all(|unit| unit.active.is_none()));
        assert_eq!(state.open_incidents, 0);
    }

    fn desk(&self, op: &Op) -> Option<Command> {
        let by = by();
        Some(match op {
            Op::Report(category, grade, place) => {
                Command::Report(Box::new(report(*category, *grade, *place)))
            }
            Op::Done(task) => Command::FinishTask {
                task: TaskId(*task),
                outcome: String::new(),
                by,
            },
            Op::Vouch(alarm, place) => Command::ReportEmergency {
                alarm: AlarmId(*alarm),
                report: Box::new(report(0, 0, *place)),
                by,
            },
            Op::Confirm(back, category, grade) => Command::Confirm {
                incident: self.incident(*back),
                classification: Some(classification(*category, *grade)),
                place: None,
                by,
            },
            Op::Place(back, place) => Command::Confirm {
                incident: self.incident(*back),
                classification: None,
                place: Some((String::new(), place.map(point))),
                by,
            },
            Op::End(back, how) => {
                let incident = self.incident(*back);
                match how {
                    0 => Command::Resolve { incident, by },
                    1 => Command::Close { incident, by },
                    _ => Command::Cancel {
                        incident,
                        reason: String::new(),
                        by,
                    },
                }
            }
            Op::Offer(back, unit, stack) => Command::Offer {
                incident: self.incident(*back),
                unit: UnitId(*unit),
                ranking: self.engine.state().seq.saturating_sub(u64::from(*unit) * 3),
                shown: None,
                stack: *stack,
                by,
            },
            Op::Claim(back, number, take_over) => Command::Claim {
                incident: self.incident(*back),
                desk: desk(*number),
                take_over: *take_over,
            },
            Op::Release(back, number) => Command::Release {
                incident: self.incident(*back),
                desk: desk(*number),
            },
            Op::Gone(number) => Command::DeskGone {
                desk: desk(*number),
            },
            Op::Decline(back) => {
                let last = self.engine.state().counters.proposal;
                Command::DeclineProposal {
                    proposal: ProposalId(last.saturating_sub(*back)),
                    reason: String::new(),
                    by,
                }
            }
            Op::Recall(back) => Command::Recall {
                assignment: self.assignment_id(*back),
                reason: String::new(),
                by,
            },
            Op::Advance(back, step) => Command::Advance {
                assignment: self.assignment_id(*back),
                step: match step {
                    0 => Step::Deliver,
                    1 | 2 => Step::Accept,
                    3 => Step::Roll,
                    4 => Step::Arrive,
                    5 => Step::Clear,
                    6 => Step::Decline,
                    _ => Step::Expire,
                },
                source: Source::Voice,
                by,
            },
            _ => return Self::on_duty(op),
        })
    }

    fn on_duty(op: &Op) -> Option<Command> {
        let by = by();
        Some(match op {
            Op::Duty(unit, how, sworn, extra) => {
                let (unit, duty) = (UnitId(*unit), duty(*unit, *sworn, *extra));
                match how {
                    0 => Command::SignOff { unit, by },
                    1 => Command::EditCrew { unit, duty, by },
                    _ => Command::SignOn { unit, duty, by },
                }
            }
            Op::Service(unit, out) => Command::SetService {
                unit: UnitId(*unit),
                out: out.then(String::new),
                by,
            },
            Op::Text(unit) => Command::SendText {
                unit: UnitId(*unit),
                text: String::from("hello"),
                by,
            },
            Op::Trust(radio, trusted) => Command::Trust {
                radio: RadioId(*radio),
                trusted: *trusted,
                by: String::new(),
            },
            Op::Note => Command::NotePositions { behind: RadioId(0) },
            Op::Ack(back) => Command::AckAlarm {
                alarm: AlarmId(*back),
                by: String::new(),
            },
            _ => return None,
        })
    }

    /// One of the latest calls.
    fn call(&self, back: u32) -> CallId {
        let mut found = self.engine.state().calls.keys().rev();
        let found = found.nth(usize::try_from(back).unwrap());
        found.copied().unwrap_or(CallId(0))
    }

    fn case(&self, op: &Op) -> Option<Command> {
        let user = String::new;
        Some(match op {
            Op::Ring => Command::Arrive {
                ring: Ring {
                    source: Line::Traffic122,
                    caller: String::new(),
                    trunk: String::new(),
                    desk: None,
                    called_at: self.now,
                },
            },
            Op::Call(back, how) => {
                let (call, by) = (self.call(*back), user());
                match how {
                    0 | 1 => Command::Answer { call, by },
                    2 => Command::EndCall {
                        call,
                        invalid: Some(Invalid::Silent),
                        by,
                    },
                    _ => Command::EndCall {
                        call,
                        invalid: None,
                        by,
                    },
                }
            }
            Op::Attach(back, incident) => Command::Attach {
                call: self.call(*back),
                incident: self.incident(*incident),
                by: by(),
            },
            Op::ReportFrom(back, split, category, place) => {
                let report = Box::new(report(*category, 2, *place));
                let call = self.call(*back);
                match split {
                    true => Command::Split {
                        call,
                        report,
                        by: by(),
                    },
                    false => Command::ReportFrom {
                        report,
                        call: Some(call),
                        sender_number: String::new(),
                    },
                }
            }
            Op::Task(back) => Command::FinishTask {
                task: TaskId(self.engine.state().counters.task.saturating_sub(*back)),
                outcome: String::new(),
                by: by(),
            },
            Op::Case(back, other, what, who) => Command::Case {
                incident: self.incident(*back),
                act: self.act(*back, *other, *what, *who),
                by: match who {
                    0 => By::User(String::from("other")),
                    _ => by(),
                },
            },
            _ => return None,
        })
    }

    fn act(&self, back: u32, other: u32, what: u8, who: u8) -> CaseAct {
        let other = self.incident(other);
        match what {
            0 => CaseAct::Refer {
                to: Agency::City110,
                name: String::new(),
                reason: String::new(),
            },
            1 => CaseAct::Receive {
                receiver: String::new(),
                number: String::new(),
            },
            2 => CaseAct::Return {
                reason: String::new(),
            },
            3 => CaseAct::Merge { into: other },
            4 => CaseAct::Link { other },
            5 => CaseAct::Reopen {
                reason: String::new(),
            },
            6 => CaseAct::Undo { others: who == 2 },
            7 => CaseAct::Feedback {
                assignment: (who == 1).then(|| self.assignment_id(back)),
                form: Form {
                    outcome: Outcome::Handled,
                    injured: 0,
                    persons: 0,
                    text: String::new(),
                },
            },
            _ => CaseAct::FollowUp {
                satisfied: None,
                text: String::new(),
            },
        }
    }

    fn air(&self, op: &Op) -> Command {
        match op {
            Op::Sent(back, attempt) => Command::RecordSent {
                request: self.request(*back, *attempt),
            },
            Op::Delivery(back, attempt, radio, delivered) => {
                let own = self.assignment(*back).and_then(|found| found.terminal);
                Command::RecordDelivery {
                    request: self.request(*back, *attempt),
                    radio: own.filter(|_| radio % 4 != 0).unwrap_or(RadioId(*radio)),
                    delivered: *delivered,
                }
            }
            Op::Key(radio, key, number) => {
                let key = ["1", "2", "3", "4", "5", "9", "签收"][usize::from(*key)];
                let number = number.map(|back| format!(" {}", self.incident(back)));
                Command::RecordText {
                    radio: RadioId(*radio),
                    text: format!("{key}{}", number.unwrap_or_default()),
                }
            }
            Op::Replay(radio, key) => Command::RecordReplay {
                radio: RadioId(*radio),
                text: ["1", "2", "3", "4", "5", "9", "90"][usize::from(*key)].to_owned(),
            },
            Op::Garbage(radio, text) => Command::RecordText {
                radio: RadioId(*radio),
                text: text.clone(),
            },
            Op::Registration(radio, on) => Command::RecordRegistration {
                radio: RadioId(*radio),
                via: on.then(|| (String::from("gw"), 1)),
            },
            Op::Emergency(radio, true) => Command::RecordEmergency {
                radio: RadioId(*radio),
            },
            Op::Emergency(radio, false) => Command::RecordEmergencyCancel {
                radio: RadioId(*radio),
            },
            Op::Failed(back, attempt) => Command::RecordSendFailed {
                request: self.request(*back, *attempt),
            },
            desk => unreachable!("{desk:?}"),
        }
    }
}

/// A town with everybody on duty, on the air and somewhere.
fn town(mode: Mode) -> Audited {
    let kinds = UnitKind::ALL.into_iter().cycle();
    let register = (0..UNITS)
        .zip(kinds)
        .map(|(n, kind)| (format!("{n}"), kind));
    let terminals: Vec<u32> = (0..=UNITS + 1).collect();
    let mut policy = policy(register.collect(), &terminals);
    policy.mode = mode;
    // Little is enough, so that it happens.
    policy.suspicion = Suspicion {
        changes: 2,
        jumps: 2,
        replays: 1,
        late_ms: 30_000,
        at_once: 2,
        ..Suspicion::default()
    };
    let mut town = Audited::new(policy);
    town.now = EngineTime(100_000);
    for unit in 1..=UNITS {
        town.happen(&Op::Registration(unit, true));
        let kind = u8::try_from(unit % 3).unwrap();
        town.happen(&Op::Duty(unit, 3, kind, kind));
        let east = i8::try_from(unit * 10).unwrap();
        town.happen(&Op::Fix(unit, (east, 0), 0));
    }
    town
}

proptest! {
    #![proptest_config(config(96))]

    /// Whatever happens, in whatever order: the auditor agrees after every step, and in the end
    /// all that is open can be brought to an end.
    #[test]
    fn whatever_happens(
        ops in prop::collection::vec(op(), 1..120),
        modes in prop::array::uniform2(prop::sample::select(&[Mode::Auto, Mode::Recommend][..])),
    ) {
        let mut town = town(modes[0]);
        for op in &ops {
            town.happen(op);
        }
        town.restart_in(Some(modes[1]));
        town.wind_up();
    }

    /// The same of busy desks: calls, duplicates, splits, referrals, undo.
    #[test]
    fn whatever_the_desks_do(
        ops in prop::collection::vec(desk_op(), 20..150),
        mode in prop::sample::select(&[Mode::Auto, Mode::Recommend][..]),
    ) {
        let mut town = town(mode);
        for op in &ops {
            town.happen(op);
        }
        town.wind_up();
    }
}

proptest! {
    #![proptest_config(config(256))]

    /// DECISION.md, effective grade: Grade I aside, nobody reported later by more than the steps
    /// the earlier one has to rise to its grade goes before it.
    #[test]
    fn nobody_is_overtaken_for_ever(
        reports in prop::collection::vec((0u64..4_000_000, 1usize..4), 2..30),
        now in 4_000_000u64..9_000_000,
    ) {
        let step_ms = [600_000u32, 1_200_000];
        let (now, mut queue) = (EngineTime(now), Queue::default());
        let mut town = town(Mode::Auto);
        let mut base = {
            town.happen(&Op::Report(1, 0, None));
            town.engine.state().incidents.values().next().unwrap().clone()
        };
        for (id, (at, grade)) in (1u32..).zip(&reports) {
            base.id = IncidentId(id);
            base.reported_at = EngineTime(*at);
            base.confirmed = Some(Classification { category: None, grade: Grade::ALL[*grade] });
            queue.set(&base);
        }
        let order: Vec<_> = queue.in_order(step_ms, now, |_| true).collect();
        prop_assert_eq!(order.len(), reports.len());
        let grade_of = |id: IncidentId| Grade::ALL[reports[id.0 as usize - 1].1];
        for (place, (_, before_at, before)) in order.iter().enumerate() {
            for (rank, at, id) in &order[place + 1..] {
                let remaining = match (grade_of(*id), grade_of(*before)) {
                    (Grade::Four, Grade::Two) => u64::from(step_ms[0] + step_ms[1]),
                    (Grade::Four, Grade::Three) => u64::from(step_ms[1]),
                    (Grade::Three, Grade::Two) => u64::from(step_ms[0]),
                    _ => 0,
                };
                prop_assert!(before_at.since_ms(*at) <= remaining, "{before} before {id}");
                prop_assert!(*rank >= 2);
            }
        }
    }

    /// The effective grade only rises, and stops below Grade I.
    #[test]
    fn effective_grades_only_rise(grade in 0usize..4, a in any::<u32>(), b in any::<u32>()) {
        let rank = |waited: u32| effective_rank([600_000, 1_200_000], Some(Grade::ALL[grade]), waited.into());
        prop_assert!(rank(a.max(b)) <= rank(a.min(b)));
        prop_assert!(rank(a) >= 2 || grade == 0);
        prop_assert!(rank(0) == u8::try_from(grade).unwrap() + 1);
    }

    /// Which need is asked for does not change who meets it.
    #[test]
    fn qualification_is_monotone(skills in any::<u32>(), needed in any::<u32>(), sworn in 0u8..4) {
        let mut duty = duty(1, sworn, 0);
        duty.skills = Skills(skills);
        let need = Need { skills: Skills(needed & skills), sworn };
        prop_assert!(duty.meets(need));
        let more = Need { sworn: sworn + 1, ..need };
        prop_assert!(!duty.meets(more));
    }
}
