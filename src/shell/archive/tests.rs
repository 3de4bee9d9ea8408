//! Rows and answers without a daemon: a day later the engine has forgotten, the archive has not.

use super::query::answer;
use super::replica::Replica;
use super::store::{Store, Whole};
use super::*;
use crate::config::Config;
use crate::daemon::archive::Filter;
use crate::engine::assignment::{Rung, Source as Stamp};
use crate::engine::event::{By, Event, Offer};
use crate::engine::id::{AssignmentId, EngineTime, IncidentId, MessageNo, RadioId, UnitId};
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
    incidents: u64,
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
            incidents: 0,
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
        let written = self.replica.store(&self.store, &mut self.incidents, whole);
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
        let filter = Box::new(Filter {
            limit: 50,
            ..filter
        });
        let page = self.ask(&Ask::List(filter)).unwrap();
        let incidents = page["incidents"].as_array().unwrap();
        let number = |incident: &Value| incident["incident"].as_u64().unwrap();
        let next = page["next"].as_str().map(str::to_owned);
        (incidents.iter().map(number).collect(), next)
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
    let early = Filter {
        from_ms: Some(WALL_MS + 1_000),
        to_ms: Some(WALL_MS + 1_001),
        ..Filter::default()
    };
    assert_eq!(world.list(early.clone()).0, [1], "from is inclusive");
    let before = Filter {
        to_ms: Some(WALL_MS + 1_000),
        from_ms: None,
        ..early
    };
    assert_eq!(world.list(before).0, [0u64; 0], "to is exclusive");
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
    assert_eq!((meta.point().seq, meta.seq, meta.incidents), (8, seq, 1));
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
    filter.cursor = Some((time.parse().unwrap(), number.parse().unwrap()));
    assert_eq!(world.list(filter), (vec![3], None));
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
