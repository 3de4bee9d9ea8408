//! Snapshots: what taking one costs where, and what a restart saves by it. Figures for
//! docs/decisions/0015.
//!
//! An engine with units on duty, open incidents and kept answers. Timed: a clone of it, a clone of
//! its state (the floor: what a copy costs that leaves the indexes out), its image in bytes, and an
//! engine restored from those. The best of [`ROUNDS`].
//!
//! `cargo bench --bench snapshot` writes target/snapshot.json; `-- --quick` is a smoke.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

#[expect(dead_code, reason = "the best round counts, and there is no ratio")]
mod common;

use anyhow::ensure;
use common::{ROUNDS, is_quick, publish};
use serde_json::json;
use std::time::Instant;
use tieqi::config::Config;
use tieqi::engine::Engine;
use tieqi::engine::event::{By, Event};
use tieqi::engine::id::{EngineTime, IncidentId, Point, RadioId, UnitId};
use tieqi::engine::image::Image;
use tieqi::engine::incident::{Classification, Report, Source};
use tieqi::engine::policy::{Grade, Policy, Skills, UnitKind};
use tieqi::engine::unit::Duty;

fn main() -> anyhow::Result<()> {
    let config = Config::sample()?;
    let mut sizes = vec![("town", [60, 500, 3_000])];
    if !is_quick() {
        sizes.push(("many", [20_000, 20_000, 100_000]));
    }
    let mut all = serde_json::Map::new();
    for (name, size) in sizes {
        let engine = town(config.policy.clone(), size);
        let mut best = [u128::MAX; 4];
        let mut bytes = Vec::new();
        for _ in 0..ROUNDS {
            let (took, copy) = timed(|| engine.clone());
            drop(copy);
            let (took_state, copy) = timed(|| engine.state().clone());
            drop(copy);
            let (took_image, image) = timed(|| postcard::to_allocvec(&engine.image()));
            bytes = image?;
            let (took_restore, restored) = timed(|| -> anyhow::Result<Engine> {
                let image: Image = postcard::from_bytes(&bytes)?;
                Ok(Engine::restored(engine.policy().clone(), image))
            });
            ensure!(restored?.state() == engine.state(), "restored as another");
            let round = [took, took_state, took_image, took_restore];
            best = std::array::from_fn(|at| best[at].min(round[at]));
        }
        let [clone, state, image, restore] = best;
        let units = size[0];
        all.insert(
            name.into(),
            json!({
                "units": units, "bytes": bytes.len(), "clone_us": clone as u64,
                "state_us": state as u64, "image_us": image as u64, "restore_us": restore as u64,
            }),
        );
    }
    publish("snapshot", &all.into())
}

/// Microseconds, and what came of it.
fn timed<T>(what: impl FnOnce() -> T) -> (u128, T) {
    let began = Instant::now();
    let made = what();
    (began.elapsed().as_micros(), made)
}

/// Units on duty with places, a day's incidents and answers.
fn town(policy: Policy, [units, incidents, answers]: [u32; 3]) -> Engine {
    let mut engine = Engine::new(policy);
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
