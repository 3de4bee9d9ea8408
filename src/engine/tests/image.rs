//! What a snapshot costs where: figures for docs/decisions/0015.

use super::policy;
use crate::engine::Engine;
use crate::engine::event::{By, Event};
use crate::engine::id::{EngineTime, IncidentId, Point, RadioId, UnitId};
use crate::engine::image::Image;
use crate::engine::incident::{Classification, Report, Source};
use crate::engine::policy::{Grade, Skills, UnitKind};
use crate::engine::unit::Duty;
use std::time::Instant;

/// Units on duty with places, a day's incidents and answers.
fn town(units: u32, incidents: u32, answers: u32) -> Engine {
    let mut engine = Engine::new(policy(Vec::new(), &[]));
    let at = EngineTime(1_000);
    for number in 1..=units {
        let (unit, radio) = (UnitId(number), RadioId(number));
        let duty = Duty {
            crew: Vec::new(),
            vehicle: String::from("粤S0001警"),
            terminals: vec![radio],
            skills: Skills(0),
            area: String::new(),
            until_ms: None,
        };
        let call_sign = format!("铁骑{number}");
        let kind = UnitKind::Motorcycle;
        let by = By::Roster;
        let (x_cm, y_cm) = (i64::from(number % 997) * 900, i64::from(number % 991) * 900);
        let fixes = vec![(radio, Point { x_cm, y_cm }, at)];
        let events = [
            Event::UnitRegistered {
                unit,
                call_sign,
                kind,
            },
            Event::UnitSignedOn { unit, duty, by },
            Event::PositionsNoted { fixes },
        ];
        events.iter().for_each(|event| engine.apply(at, event));
    }
    for number in 1..=incidents {
        let report = Report {
            source: Source::Police110,
            by: String::from("calls"),
            place: String::from("黄江大道17号"),
            point: None,
            caller: String::from("13900000000"),
            text: String::from("两车相撞, 一人受伤, 占用一条车道"),
            occurred_at_ms: None,
            classification: Classification {
                category: None,
                grade: Grade::Two,
            },
        };
        let event = Event::IncidentReported {
            incident: IncidentId(number),
            report,
            review_at: EngineTime(u64::MAX),
        };
        engine.apply(at, &event);
    }
    for number in 0..answers {
        let event = Event::CommandAnswered {
            user: String::from("calls"),
            method: String::from("incident.report"),
            key: format!("0198f2a4-7c1e-7000-8000-{number:012}"),
            digest: [0; 16],
            answer: format!("{{\"incident\":{number},\"phase\":\"queued\"}}"),
        };
        engine.apply(at, &event);
    }
    engine.replayed();
    engine
}

#[test]
#[ignore = "a measurement, to be run in release"]
fn what_a_snapshot_costs() {
    for (name, units, incidents, answers) in [
        ("the town", 60, 500, 3_000),
        ("20,000 units", 20_000, 20_000, 100_000),
    ] {
        let engine = town(units, incidents, answers);
        let mut best = [u128::MAX; 4];
        let mut size = 0;
        for _ in 0..7 {
            let began = Instant::now();
            let copy = engine.clone();
            best[0] = best[0].min(began.elapsed().as_micros());
            drop(copy);
            let began = Instant::now();
            let copy = engine.state().clone();
            best[1] = best[1].min(began.elapsed().as_micros());
            drop(copy);
            let began = Instant::now();
            let bytes = postcard::to_allocvec(&engine.image()).unwrap();
            best[2] = best[2].min(began.elapsed().as_micros());
            size = bytes.len();
            let began = Instant::now();
            let image: Image = postcard::from_bytes(&bytes).unwrap();
            let restored = Engine::restored(engine.policy().clone(), image);
            best[3] = best[3].min(began.elapsed().as_micros());
            assert_eq!(restored.state(), engine.state());
        }
        let [engine, state, encode, restore] = best;
        println!(
            "{name}: clone of the engine {engine} us, of the state {state} us; \
             image {size} bytes in {encode} us, restored in {restore} us"
        );
    }
}
