//! Rows and answers without a daemon: a day later the engine has forgotten, the archive has not.

use super::query::answer;
use super::replica::Replica;
use super::store::{Store, Whole};
use super::*;
use crate::config::Config;
use crate::daemon::archive::{CallFilter, Filter, Rows, Span};
use crate::engine::assignment::{Rung, Source as Stamp};
use crate::engine::call::{CallEvent, CallPhase, Invalid, Ring};
use crate::engine::event::{By, Event, Offer};
use crate::engine::id::{AssignmentId, CallId, EngineTime, IncidentId, MessageNo, RadioId, UnitId};
use crate::engine::incident::{Classification, Report, Source};
use crate::engine::policy::{Grade, UnitKind};
use crate::engine::state::State;
use crate::journal::{DIGEST_BYTES, Journal, Options};
use serde_json::Value;

const WALL_MS: i64 = 1_763_000_000_000;

/// A replica and its archive in a directory of their own.
struct World {
    replica: Replica,
    store: Store,
    rows: Rows,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let config = Config::sample().unwrap();
        let rules = Rules {
            policy: config.policy.clone(),
            plane: config.plane,
        };
        let dir = tempfile::tempdir().unwrap();
        let (store, meta) = Store::open(&dir.path().join("archive")).unwrap();
        assert_eq!(meta, None);
        Self {
            replica: Replica::new(rules),
            store,
            rows: Rows::default(),
            dir,
        }
    }

    fn tell(&mut self, at_ms: u64, event: &Event) {
        let payload = postcard::to_allocvec(event).unwrap();
        let wall_ms = WALL_MS + i64::try_from(at_ms).unwrap();
        self.replica.apply(at_ms, wall_ms, &payload).unwrap();
    }

    fn write(&mut self, seq: u64) {
        let digest = [1; DIGEST_BYTES];
        self.replica.point = Some(ChainPoint { seq, digest });
        let whole = Some(Whole {
            gap: false,
            making: false,
        });
        let written = self.replica.store(&self.store, &mut self.rows, whole);
        written.unwrap();
    }

    fn ask(&self, ask: &Ask) -> Result<Value, String> {
        let status = Status {
            seq: self.replica.seq(),
            ..Status::default()
        };
        let text = answer(Some(&self.store), &status, ask, 0)?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    fn list(&self, filter: Filter) -> (Vec<u64>, Option<String>) {
        let span = Span {
            limit: 50,
            ..filter.span
        };
        let filter = Box::new(Filter { span, ..filter });
        self.numbers(&Ask::List(filter), "incident")
    }

    fn calls(&self, filter: CallFilter) -> Vec<u64> {
        let span = Span {
            limit: 50,
            ..filter.span
        };
        let filter = Box::new(CallFilter { span, ..filter });
        self.numbers(&Ask::Calls(filter), "call").0
    }

    fn numbers(&self, ask: &Ask, what: &str) -> (Vec<u64>, Option<String>) {
        let page = self.ask(ask).unwrap();
        let items = page[format!("{what}s")].as_array().unwrap();
        let number = |item: &Value| item[what].as_u64().unwrap();
        let next = page["next"].as_str().map(str::to_owned);
        (items.iter().map(number).collect(), next)
    }
}

fn reported(id: u32, text: &str) -> Event {
    Event::IncidentReported {
        incident: IncidentId(id),
        report: Report {
            source: Source::Police110,
            by: "calls".into(),
            place: "黄江大道".into(),
            point: None,
            caller: String::new(),
            text: text.into(),
            occurred_at_ms: None,
            classification: Classification {
                category: None,
                grade: Grade::Two,
            },
        },
        review_at: EngineTime(u64::MAX),
    }
}

/// One incident from report to closing, served by one unit.
fn served(world: &mut World) {
    let (unit, incident, assignment) = (UnitId(1), IncidentId(1), AssignmentId(1));
    let registered = Event::UnitRegistered {
        unit,
        call_sign: "铁骑01".into(),
        kind: UnitKind::Motorcycle,
    };
    world.tell(0, &registered);
    world.tell(1_000, &reported(1, "两车相撞"));
    let offered = Event::AssignmentOffered {
        assignment,
        incident,
        slot: 0,
        unit,
        message: MessageNo(7),
        offer: Offer {
            terminal: Some(RadioId(1001)),
            distance_m: Some(300),
            deadline: EngineTime(9_000),
        },
        by: By::Engine,
    };
    world.tell(1_000, &offered);
    for (at_ms, rung) in [(2_000, Rung::Delivered), (3_000, Rung::Cleared)] {
        let advanced = Event::AssignmentAdvanced {
            assignment,
            rung,
            source: Stamp::Radio,
            by: By::Radio(RadioId(1001)),
            deadline: EngineTime(9_000),
        };
        world.tell(at_ms, &advanced);
    }
    let by = By::User("desk".into());
    let ended = Event::IncidentResolved {
        incident,
        by: by.clone(),
    };
    world.tell(4_000, &ended);
    world.tell(5_000, &Event::IncidentClosed { incident, by });
}

#[test]
fn what_the_engine_forgot_is_found_with_its_delivery_log() {
    let mut world = World::new();
    served(&mut world);
    world.write(8);
    world.tell(State::KEEP_ENDED_MS + 5_001, &reported(2, "另一起"));
    world.write(9);
    let found = world.ask(&Ask::Get(IncidentId(1))).unwrap();
    assert_eq!(found["incident"]["phase"], "closed", "{found}");
    assert_eq!(found["assignments"][0]["rung"], "cleared");
    let log = found["deliveries"].as_array().unwrap();
    let what: Vec<_> = log
        .iter()
        .map(|line| line["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["offered", "delivered", "cleared"]);
    assert_eq!(log[1]["wall_ms"], WALL_MS + 2_000);
    assert_eq!(log[0]["terminal"], 1001);
    let unknown = world.ask(&Ask::Get(IncidentId(5))).unwrap_err();
    assert!(unknown.contains("no incident"), "{unknown}");
    let unit = |name: &str| Filter {
        unit: Some(name.to_owned()),
        ..Filter::default()
    };
    assert_eq!(world.list(unit("铁骑01")).0, [1]);
    assert_eq!(world.list(unit("铁骑0")).0, [0u64; 0]);
    let within = |from_ms, to_ms| Filter {
        span: Span {
            from_ms,
            to_ms,
            ..Span::default()
        },
        ..Filter::default()
    };
    let at = Some(WALL_MS + 1_000);
    let first = world.list(within(at, Some(WALL_MS + 1_001))).0;
    assert_eq!(first, [1], "from is inclusive");
    assert_eq!(world.list(within(None, at)).0, [0u64; 0], "to is exclusive");
}

#[test]
fn what_is_written_is_there_when_it_is_opened_again() {
    let mut world = World::new();
    served(&mut world);
    world.write(8);
    let seq = world.replica.seq();
    let World { store, dir, .. } = world;
    store.flush().unwrap();
    drop(store);
    // sled gives its lock back from a thread of its own, a moment after the last handle is gone.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let (_, meta) = loop {
        match Store::open(&dir.path().join("archive")) {
            Ok(opened) => break opened,
            Err(error) if std::time::Instant::now() > until => panic!("{error}"),
            Err(_) => std::thread::yield_now(),
        }
    };
    let meta = meta.unwrap();
    let at = (meta.point().seq, meta.seq, meta.rows.incidents);
    assert_eq!(at, (8, seq, 1));
}

#[test]
fn a_rare_word_is_found_a_page_at_a_time() {
    let mut world = World::new();
    for id in 1..=20_500 {
        let text = if id == 3 { "红色摩托车" } else { "普通" };
        world.tell(u64::from(id) * 1_000, &reported(id, text));
    }
    world.write(20_500);
    let mut filter = Filter {
        text: Some("红色".into()),
        ..Filter::default()
    };
    let (found, next) = world.list(filter.clone());
    assert_eq!(found, [0u64; 0], "20,000 were looked at");
    let next = next.expect("a place to go on");
    let (time, number) = next.rsplit_once('-').unwrap();
    filter.span.cursor = Some((time.parse().unwrap(), number.parse().unwrap()));
    assert_eq!(world.list(filter), (vec![3], None));
}

fn rings(world: &mut World, at_ms: u64, id: u32, caller: &str) {
    let ring = Ring {
        source: Source::Police110,
        caller: caller.into(),
        trunk: String::new(),
        desk: None,
        called_at: EngineTime(at_ms),
    };
    let arrived = CallEvent::Arrived {
        call: CallId(id),
        ring,
        deadline: EngineTime(u64::MAX),
    };
    world.tell(at_ms, &Event::Call(arrived));
}

/// One call of each outcome, a second apart: abandoned, misdialled, ended with nothing come of it,
/// ended with an incident, still ringing.
fn called(world: &mut World) {
    for (id, caller) in [(1, "138"), (2, "1380"), (3, "138"), (4, ""), (5, "138")] {
        rings(world, u64::from(id) * 1_000, id, caller);
    }
    world.tell(6_000, &reported(1, "两车相撞"));
    let call = CallId;
    let by = || "calls".to_owned();
    let answered = [2, 3, 4].map(|id| CallEvent::Answered {
        call: call(id),
        by: by(),
    });
    let gone = [
        CallEvent::Abandoned { call: call(1) },
        CallEvent::Dismissed {
            call: call(2),
            kind: Invalid::Misdial,
            by: by(),
        },
        CallEvent::Attached {
            call: call(4),
            incident: IncidentId(1),
            by: By::User(by()),
        },
        CallEvent::Ended { call: call(3) },
        CallEvent::Ended { call: call(4) },
    ];
    for event in answered.into_iter().chain(gone) {
        world.tell(7_000, &Event::Call(event));
    }
}

#[test]
fn calls_the_engine_forgot_are_found_by_time_number_and_outcome() {
    let mut world = World::new();
    called(&mut world);
    world.write(14);
    world.tell(State::KEEP_ENDED_MS + 7_001, &reported(2, "另一起"));
    let kept: Vec<_> = world.replica.calls().collect();
    assert_eq!(kept, [CallId(4), CallId(5)], "of an open incident, or open");
    world.write(15);
    assert_eq!(world.rows.calls, 5);
    let any = CallFilter::default;
    assert_eq!(world.calls(any()), [5, 4, 3, 2, 1]);
    let phase = |phase| CallFilter {
        phase: Some(phase),
        ..any()
    };
    assert_eq!(world.calls(phase(CallPhase::Ringing)), [5]);
    assert_eq!(world.calls(phase(CallPhase::Abandoned)), [1]);
    assert_eq!(world.calls(phase(CallPhase::Ended)), [4, 3]);
    let nothing = CallFilter {
        without_incident: true,
        ..phase(CallPhase::Ended)
    };
    assert_eq!(world.calls(nothing), [3]);
    let invalid = |kind| CallFilter {
        invalid: Some(kind),
        ..any()
    };
    assert_eq!(world.calls(invalid(Invalid::Misdial)), [2]);
    assert_eq!(world.calls(invalid(Invalid::Silent)), [0u64; 0]);
    let from = |caller: &str| CallFilter {
        caller: Some(caller.to_owned()),
        ..any()
    };
    assert_eq!(world.calls(from("138")), [5, 3, 1], "not 1380");
    assert_eq!(world.calls(from("")), [4], "withheld");
    let mut span = from("138");
    (span.span.from_ms, span.span.to_ms) = (Some(WALL_MS + 1_000), Some(WALL_MS + 5_000));
    assert_eq!(world.calls(span), [3, 1], "until excludes");
    let one = |call| CallFilter {
        call: Some(CallId(call)),
        ..from("138")
    };
    assert_eq!(world.calls(one(3)), [3]);
    assert_eq!(world.calls(one(4)), [0u64; 0]);
}

#[test]
fn an_incident_shows_its_calls_as_they_ended() {
    let mut world = World::new();
    rings(&mut world, 1_000, 1, "138");
    world.tell(2_000, &reported(1, "两车相撞"));
    let call = CallId(1);
    let answered = CallEvent::Answered {
        call,
        by: "calls".into(),
    };
    let attached = CallEvent::Attached {
        call,
        incident: IncidentId(1),
        by: By::Engine,
    };
    for event in [answered, attached] {
        world.tell(2_000, &Event::Call(event));
    }
    world.write(4);
    world.tell(3_000, &Event::Call(CallEvent::Ended { call }));
    world.write(5);
    let found = world.ask(&Ask::Get(IncidentId(1))).unwrap();
    assert_eq!(found["calls"][0]["phase"], "ended", "{found}");
}

#[test]
fn a_page_of_calls_ends_between_two_of_the_same_millisecond() {
    let mut world = World::new();
    for id in 1..=5 {
        rings(&mut world, 1_000, id, "138");
    }
    world.write(5);
    let mut span = Span {
        limit: 2,
        ..Span::default()
    };
    let mut found = Vec::new();
    for _ in 0..3 {
        let filter = Box::new(CallFilter {
            span: span.clone(),
            ..CallFilter::default()
        });
        let (numbers, next) = world.numbers(&Ask::Calls(filter), "call");
        found.push(numbers);
        let next = next.as_deref().and_then(|next| next.rsplit_once('-'));
        span.cursor = next.map(|(time, number)| (time.parse().unwrap(), number.parse().unwrap()));
    }
    assert_eq!(found, [vec![5, 4], vec![3, 2], vec![1]]);
    assert_eq!(span.cursor, None);
}

#[test]
fn an_archive_that_holds_nothing_yet_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let disk = FileDisk::lock(dir).unwrap();
    let (journal, _) = Journal::open(disk, &Options::at(WALL_MS), |_| ()).unwrap();
    let tip = journal.tip();
    // A daemon that is killed in its first second leaves this.
    drop(Store::open(&dir.join(ARCHIVE_DIR)).unwrap());
    let config = Config::sample().unwrap();
    let rules = Rules {
        policy: config.policy,
        plane: config.plane,
    };
    rebuild(dir, rules, tip, |_, _| ()).unwrap();
    assert_eq!(inspect(dir).unwrap().record, tip.seq);
    assert!(!dir.join(BROKEN_DIR).exists());
}
