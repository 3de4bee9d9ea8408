//! The ranking against brute force: random units of four kinds, equal distances, crowded points.

use crate::engine::id::{EngineTime, Point, UnitId};
use crate::engine::policy::{Need, Policy, Skills, UnitKind};
use crate::engine::ranking::{Question, Ranking, Why, rank, travel_ms};
use crate::engine::spatial::{Placement, Spatial};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;

/// A unit of these tests: kind, place on a coarse grid, whether it may be sent, what it lacks.
type Spec = (usize, (i64, i64), bool, u8);

fn why(spec: Spec) -> Option<Why> {
    match (spec.2, spec.3) {
        (false, 0) => Some(Why::OutOfService),
        (false, _) => Some(Why::Committed),
        (true, 0) => Some(Why::LacksSkill),
        (true, 1) => Some(Why::LacksSworn),
        (true, 2) => Some(Why::Held),
        (true, _) => None,
    }
}

/// What every question here asks for.
const NEED: Need = Need {
    skills: Skills(1),
    sworn: 1,
};

fn placement(spec: Spec) -> Placement {
    let (kind, (x, y), sendable, _) = spec;
    let lacks = why(spec);
    let has = |what| lacks != Some(what);
    Placement {
        kind: UnitKind::ALL[kind],
        point: Point {
            x_cm: x * 5_000,
            y_cm: y * 5_000,
        },
        taken_at: EngineTime(0),
        barred: lacks.filter(|_| !sendable),
        able: Need {
            skills: Skills(u32::from(has(Why::LacksSkill))),
            sworn: u8::from(has(Why::LacksSworn)),
        },
        reachable: true,
    }
}

fn ranked(policy: &Policy, specs: &BTreeMap<UnitId, Spec>, spatial: &Spatial) -> Ranking {
    let question = Question {
        as_of: 1,
        now: EngineTime(0),
        to: Point::default(),
        need: NEED,
    };
    rank(policy, spatial, question, |unit| {
        let held = why(*specs.get(&unit)?);
        held.filter(|why| *why == Why::Held)
    })
}

/// Every unit, its time and why it may not go, fastest first.
fn brute(policy: &Policy, specs: &BTreeMap<UnitId, Spec>) -> Vec<(u32, UnitId, Option<Why>)> {
    let mut all: Vec<_> = specs
        .iter()
        .map(|(unit, spec)| {
            let placed = placement(*spec);
            let distance_cm = placed.point.distance_cm(Point::default());
            (
                travel_ms(policy, placed.kind, distance_cm),
                *unit,
                why(*spec),
            )
        })
        .collect();
    all.sort_unstable();
    all
}

fn compare(policy: &Policy, specs: &BTreeMap<UnitId, Spec>, spatial: &Spatial) {
    let ranking = ranked(policy, specs, spatial);
    let all = brute(policy, specs);
    let able = specs.values().map(|spec| placement(*spec));
    let mut able = able.filter(|it| it.is_sendable()).map(|it| it.able);
    assert_eq!(spatial.anyone_for(NEED), able.any(|able| able.meets(NEED)));
    let k = usize::from(policy.top_k);
    let best = all.iter().filter(|(.., why)| why.is_none()).take(k);
    let best: Vec<_> = best.map(|(time, unit, _)| (*time, *unit)).collect();
    let seen = ranking.candidates.iter();
    let seen: Vec<_> = seen.map(|found| (found.travel_ms, found.unit)).collect();
    assert_eq!(seen, best);
    let first = best.first().map_or(u32::MAX, |(time, _)| *time);
    let passed = all
        .iter()
        .filter(|(time, _, why)| *time < first && why.is_some());
    let passed: Vec<_> = passed
        .take(Ranking::MAX_PASSED)
        .map(|(time, unit, why)| (*time, *unit, why.unwrap()))
        .collect();
    let seen = ranking.passed_over.iter();
    let seen: Vec<_> = seen
        .map(|unit| (unit.travel_ms, unit.unit, unit.why))
        .collect();
    assert_eq!(seen, passed);
}

fn numbered(specs: Vec<Spec>) -> BTreeMap<UnitId, Spec> {
    (1u32..).map(UnitId).zip(specs).collect()
}

fn spec() -> impl Strategy<Value = Spec> {
    (0usize..4, (-4i64..5, -4i64..5), any::<bool>(), 0u8..5)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(110_122),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Units come, move, change and go; the ranking stays exact, ties by id.
    #[test]
    fn ranking_is_exact(
        specs in prop::collection::vec(spec(), 0..80),
        moves in prop::collection::vec((0usize..80, prop::option::of(spec())), 0..60),
        top_k in 1u8..=16,
    ) {
        let mut policy = super::policy(Vec::new(), &[]);
        policy.top_k = top_k;
        let mut specs = numbered(specs);
        let mut spatial = Spatial::default();
        for (unit, spec) in &specs {
            spatial.set(*unit, Some(placement(*spec)));
        }
        compare(&policy, &specs, &spatial);
        for (index, new) in moves {
            let unit = UnitId(u32::try_from(index).unwrap() + 1);
            spatial.set(unit, new.map(placement));
            match new {
                Some(spec) => specs.insert(unit, spec),
                None => specs.remove(&unit),
            };
        }
        compare(&policy, &specs, &spatial);
    }
}

/// Radios parked at one station: hundreds of units at one point, of all kinds, free and not.
#[test]
fn a_crowded_station_ranks_exactly() {
    let policy = super::policy(Vec::new(), &[]);
    let crowd = (0..600usize).map(|n| (n % 4, (3, -2), n % 3 != 0, u8::try_from(n % 7).unwrap()));
    let specs = numbered(crowd.collect());
    let mut spatial = Spatial::default();
    for (unit, spec) in &specs {
        spatial.set(*unit, Some(placement(*spec)));
    }
    compare(&policy, &specs, &spatial);
    let (mut left, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        specs.into_iter().partition(|(unit, _)| unit.0 % 2 == 0);
    for unit in gone.keys() {
        spatial.set(*unit, None);
    }
    compare(&policy, &left, &spatial);
    let far = (2, (1_000_000, 1_000_000), true, 4);
    let edge = Placement {
        point: Point {
            x_cm: Point::LIMIT_CM,
            y_cm: -Point::LIMIT_CM,
        },
        ..placement(far)
    };
    spatial.set(UnitId(900), Some(edge));
    left.insert(UnitId(900), far);
    assert_eq!(ranked(&policy, &left, &spatial).candidates.len(), 3);
}
