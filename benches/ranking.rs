//! Ranking: the nearest 8 units through the engine, against the bare tree query below it.
//!
//! Both answer the same questions over the same points in the same run, in turns of one block, so
//! that a machine that drifts drifts for both; before it is timed, both must give the same
//! distances. The figure is their ratio, to be held at 2 or less. The floor's tree was filled unit
//! by unit as the engine's is; `bulk_ns` is the same query on a bulk-loaded tree, which a town that
//! moves never has.
//!
//! Each unit has one sworn officer, seven skills, a registered terminal and a fresh fix; the
//! question asks for a sworn officer and a skill. Cases beside the plain ones: a station with 1,000
//! units out of service, a metre apart or all on one spot, and the questions around it (a ranking
//! names the 8 nearest it passed over, so the floor asks their tree too); and units of all four
//! speeds, where the nearest are not the fastest and four trees are searched.
//!
//! `cargo bench --bench ranking` writes target/ranking.json; `-- --quick` is a smoke; names of
//! cases run only those.

mod common;

use anyhow::{Context, ensure};
use common::{ROUNDS, is_quick, median, publish, round2};
use hdrhistogram::Histogram;
use rstar::primitives::GeomWithData;
use rstar::{PointDistance, RTree};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tieqi::config::Config;
use tieqi::engine::Engine;
use tieqi::engine::command::Command;
use tieqi::engine::event::By;
use tieqi::engine::id::{EngineTime, IncidentId, Point, RadioId, UnitId};
use tieqi::engine::incident::{Classification, Report, Source};
use tieqi::engine::policy::{Grade, Need, Skills, UnitKind};
use tieqi::engine::position::Fix;
use tieqi::engine::unit::{CrewMember, Duty};

/// Candidates asked for.
const K: u8 = 8;
/// Places that are asked about, each of them an incident.
const PLACES: usize = 1_024;
/// Questions asked of one before the other has its turn.
const BLOCK: usize = 64;
/// Side of the square the units stand in: 28 km.
const SIDE_CM: u64 = 2_800_000;
/// Where the station is.
const STATION: Point = Point {
    x_cm: 1_400_000,
    y_cm: 1_400_000,
};
/// Radio id of the first unit.
const FIRST_RADIO: u32 = 1_000_001;
const NOW: EngineTime = EngineTime(1_000);
const NEED: Need = Need {
    skills: Skills(1),
    sworn: 1,
};

type Tree = RTree<GeomWithData<[i64; 2], u32>>;

struct Case {
    name: &'static str,
    sendable: u32,
    kinds: &'static [UnitKind],
    /// Units out of service at the station.
    parked: u32,
    /// How far apart those are.
    apart_cm: i64,
}

impl Case {
    const fn plain(name: &'static str, sendable: u32) -> Self {
        Self {
            name,
            sendable,
            kinds: &[UnitKind::Motorcycle],
            parked: 0,
            apart_cm: 0,
        }
    }
}

const CASES: [Case; 6] = [
    Case::plain("300", 300),
    Case::plain("5000", 5_000),
    Case::plain("100000", 100_000),
    Case {
        parked: 1_000,
        apart_cm: 100,
        ..Case::plain("5000_yard_of_1000", 5_000)
    },
    Case {
        parked: 1_000,
        ..Case::plain("5000_spot_of_1000", 5_000)
    },
    Case {
        kinds: &UnitKind::ALL,
        ..Case::plain("5000_mixed", 5_000)
    },
];

/// Numbers without an end, the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit) as i64
    }

    /// A place in a square around the station.
    fn around_station(&mut self, side_cm: u64) -> Point {
        let half = (side_cm / 2) as i64;
        Point {
            x_cm: STATION.x_cm - half + self.below(side_cm),
            y_cm: STATION.y_cm - half + self.below(side_cm),
        }
    }
}

/// The engine with its units and incidents, and the floor's trees over the sendable ones.
struct Town {
    engine: Engine,
    grown: Tree,
    bulk: Tree,
    parked: Tree,
    questions: Vec<(IncidentId, [i64; 2])>,
}

fn main() -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |case: &&Case| asked.iter().any(|name| name == case.name);
    let mut cases: Vec<&Case> = CASES.iter().filter(is_asked).collect();
    let blocks = if is_quick() { 1 } else { 128 };
    if cases.is_empty() {
        let most = if is_quick() { 5_000 } else { u32::MAX };
        cases.extend(CASES.iter().filter(|case| case.sendable <= most));
    }
    let mut figures = Map::new();
    for case in cases {
        let town = Town::build(case)?;
        town.check(case)?;
        let measured = town.measure(blocks)?;
        eprintln!("{}: {measured}", case.name);
        figures.insert(case.name.to_owned(), measured);
    }
    let samples = ROUNDS * blocks * BLOCK;
    let result = json!({ "k": K, "rounds": ROUNDS, "samples": samples, "units": figures });
    publish("ranking", &result)
}

impl Town {
    fn build(case: &Case) -> anyhow::Result<Self> {
        let mut policy = Config::sample()?.policy;
        let units = case.sendable + case.parked;
        policy.top_k = K;
        policy.register = (0..units)
            .zip(case.kinds.iter().cycle())
            .map(|(unit, kind)| (format!("B{unit:06}").into(), *kind))
            .collect();
        policy.terminals = Arc::new((0..units).map(radio).collect());
        let mut town = Self {
            engine: Engine::new(policy),
            grown: Tree::new(),
            bulk: Tree::new(),
            parked: Tree::new(),
            questions: Vec::new(),
        };
        while town.execute(&Command::PublishPolicy)? > 0 {}
        let mut numbers = Numbers(1);
        // Before anybody is on duty, and withdrawn: nobody is sent to them, everybody stays free.
        let side_cm = if case.parked > 0 { 20_000 } else { SIDE_CM };
        for _ in 0..PLACES {
            let point = numbers.around_station(side_cm);
            town.report(point)?;
        }
        for unit in 0..units {
            let is_parked = unit >= case.sendable;
            let row = i64::from(unit - case.sendable.min(unit));
            let point = match is_parked {
                true => Point {
                    x_cm: STATION.x_cm + row / 32 * case.apart_cm,
                    y_cm: STATION.y_cm + row % 32 * case.apart_cm,
                },
                false => numbers.around_station(SIDE_CM),
            };
            town.place(unit, point, is_parked)?;
        }
        town.bulk = Tree::bulk_load(town.grown.iter().copied().collect());
        Ok(town)
    }

    /// One command; how many events came of it.
    fn execute(&mut self, command: &Command) -> anyhow::Result<usize> {
        let mut batch = Vec::new();
        self.engine.execute(NOW, command, &mut batch)?;
        Ok(batch.len())
    }

    fn report(&mut self, point: Point) -> anyhow::Result<()> {
        let report = Report {
            source: Source::Police110,
            by: "bench".to_owned(),
            place: String::new(),
            point: Some(point),
            caller: String::new(),
            text: String::new(),
            occurred_at_ms: None,
            classification: Classification {
                category: None,
                grade: Grade::Three,
            },
        };
        self.execute(&Command::Report(Box::new(report)))?;
        let incident = IncidentId(u32::try_from(self.questions.len() + 1)?);
        self.execute(&Command::Cancel {
            incident,
            reason: String::new(),
            by: By::Engine,
        })?;
        self.questions.push((incident, [point.x_cm, point.y_cm]));
        Ok(())
    }

    /// Puts a unit on duty, on the air and on the map.
    fn place(&mut self, number: u32, point: Point, is_parked: bool) -> anyhow::Result<()> {
        let (unit, radio, by) = (UnitId(number + 1), radio(number), By::Engine);
        let duty = Duty {
            crew: vec![CrewMember {
                officer: format!("P{number:06}"),
                sworn: true,
            }],
            vehicle: String::new(),
            terminals: vec![radio],
            skills: Skills(0x7F),
            area: String::new(),
            until_ms: None,
        };
        self.execute(&Command::SignOn { unit, duty, by })?;
        let via = Some(("hj-1".to_owned(), 1));
        self.execute(&Command::RecordRegistration { radio, via })?;
        let spot = GeomWithData::new([point.x_cm, point.y_cm], unit.0);
        if is_parked {
            let (out, by) = (Some("parked".to_owned()), By::Engine);
            self.execute(&Command::SetService { unit, out, by })?;
            self.parked.insert(spot);
        } else {
            self.grown.insert(spot);
        }
        let taken_ms = i64::try_from(NOW.0)?;
        self.engine
            .observe(NOW, radio, Fix { point, taken_ms }, None);
        self.engine.settle(NOW, &mut Vec::new());
        Ok(())
    }

    /// Both give the same distances; with several speeds only their number can be the same.
    fn check(&self, case: &Case) -> anyhow::Result<()> {
        for (incident, from) in &self.questions {
            let ranking = self.engine.rank(NOW, *incident, Some(NEED))?;
            let found = ranking.candidates.iter();
            let ours: Vec<u32> = found.map(|candidate| candidate.distance_m).collect();
            let metres = |spot: &GeomWithData<[i64; 2], u32>| {
                u32::try_from(spot.distance_2(from).isqrt() / 100)
            };
            let bare = self.grown.nearest_neighbor_iter(from).take(K.into());
            let theirs = bare.map(metres).collect::<Result<Vec<_>, _>>()?;
            ensure!(ours.len() == theirs.len(), "not {K} candidates: {ours:?}");
            let is_alike = case.kinds.len() > 1 || ours == theirs;
            ensure!(is_alike, "{ours:?} is not {theirs:?}");
        }
        Ok(())
    }

    /// The floor: the nearest units that can be sent and, where some cannot, as many of those.
    fn bare(&self, sendable: &Tree, from: &[i64; 2]) -> [Vec<(u32, i64)>; 2] {
        [sendable, &self.parked].map(|tree| match tree.size() {
            0 => Vec::new(),
            _ => nearest(tree, from),
        })
    }

    fn measure(&self, blocks: usize) -> anyhow::Result<Value> {
        let (mut bares, mut bulks, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        let mut places = self.questions.chunks_exact(BLOCK).cycle();
        // The first round warms up.
        for round in 0..=ROUNDS {
            let (mut bare_ns, mut bulk_ns, mut rank_ns) = (times()?, times()?, times()?);
            for _ in 0..blocks {
                let block = places.next().context("no questions")?;
                for (_, from) in block {
                    bare_ns.saturating_record(timed(|| self.bare(&self.grown, from)));
                }
                for (incident, _) in block {
                    let rank = || self.engine.rank(NOW, *incident, Some(NEED));
                    rank_ns.saturating_record(timed(rank));
                }
                for (_, from) in block {
                    bulk_ns.saturating_record(timed(|| self.bare(&self.bulk, from)));
                }
            }
            if round > 0 {
                bares.push(quantiles(&bare_ns));
                bulks.push(quantiles(&bulk_ns));
                ranks.push(quantiles(&rank_ns));
            }
        }
        let of =
            |rounds: &[[f64; 2]], which: fn(&[f64; 2]) -> f64| median(rounds.iter().map(which));
        let (p50, p99) = (|both: &[f64; 2]| both[0], |both: &[f64; 2]| both[1]);
        Ok(json!({
            "rank_ns": { "p50": of(&ranks, p50), "p99": of(&ranks, p99) },
            "bare_ns": { "p50": of(&bares, p50), "p99": of(&bares, p99) },
            "bulk_ns": { "p50": of(&bulks, p50), "p99": of(&bulks, p99) },
            "ratio": {
                "p50": round2(of(&ranks, p50) / of(&bares, p50)),
                "p99": round2(of(&ranks, p99) / of(&bares, p99)),
            },
        }))
    }
}

fn radio(unit: u32) -> RadioId {
    RadioId(FIRST_RADIO + unit)
}

/// What a caller of the tree does for the units and their distances.
fn nearest(tree: &Tree, from: &[i64; 2]) -> Vec<(u32, i64)> {
    let found = tree.nearest_neighbor_iter(from).take(K.into());
    found
        .map(|spot| (spot.data, spot.distance_2(from)))
        .collect()
}

/// Nanoseconds of one call, the clock's own 20 to 40 among them.
fn timed<T>(call: impl FnOnce() -> T) -> u64 {
    let start = Instant::now();
    let answer = black_box(call());
    let spent = start.elapsed();
    drop(answer);
    u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds up to a second, three digits.
fn times() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(1_000_000_000, 3)?)
}

/// Median and 99th percentile.
fn quantiles(times: &Histogram<u64>) -> [f64; 2] {
    [0.5, 0.99].map(|quantile| times.value_at_quantile(quantile) as f64)
}
