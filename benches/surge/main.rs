//! A surge: ten times the calls, 10,000 positions a second, 500 consoles of which 50 hardly read.
//!
//! The daemon runs in a process of its own over real sockets; this one is its desks, its consoles
//! and its gateway, on the same machine. First a busy desk is measured by itself: two calls a
//! second, which is eighty times the busiest hour of Milwaukee's day in fixtures/calls, and nine
//! of ten of Grade I, or a minute would give no figures. Then the surge, and the same is measured
//! in it. Grave calls have units of their own, so that there is always one to send; for the others
//! the units run out, and the queue grows. Nothing may be lost, what is refused must be counted
//! alike by clients, `system.health` and /metrics, and Grade I and the emergencies must not feel
//! it. At last the calm pace again while floods that mean harm come in, see `floods`, and 90
//! receivers tell a thousand positions a second that are not true.
//!
//! `cargo bench --bench surge` takes four minutes and writes target/surge.json; `-- --minutes 10`
//! is the whole of it, `-- --quick` a smoke that says nothing about speed.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

mod calls;
#[expect(dead_code, reason = "each benchmark takes what it needs")]
#[path = "../common/client.rs"]
mod client;
#[expect(dead_code, reason = "each benchmark takes what it needs")]
#[path = "../common/mod.rs"]
mod common;
mod daemon;
mod floods;
#[expect(dead_code, reason = "each benchmark takes what it needs")]
#[path = "../common/gateway.rs"]
mod gateway;
#[path = "../common/process.rs"]
mod process;
mod refusals;
#[path = "../common/town.rs"]
mod town;
mod watchers;

use anyhow::{Context, ensure};
use calls::{GRADES, GRAVE, Measured, Pace, Times, USUAL};
use client::Client;
use common::{is_quick, publish, round2};
use daemon::{Daemon, Fleet, Memory};
use floods::Floods;
use hdrhistogram::Histogram;
use refusals::{Refusals, counter, metrics};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use watchers::{Crowd, Watchers};

/// A report of Grade I and an emergency may take this long to their frame, 99 of 100.
const GRAVE_P99_MS: f64 = 50.0;
/// Resident memory of the daemon may be this much at most.
const MEMORY_MIB: f64 = 512.0;

struct Scale {
    calm: Pace,
    surge: Pace,
    /// The calm pace while receivers lie.
    flood: Pace,
    crowd: Crowd,
    fleet: Fleet,
    /// Connections that say nothing.
    idle: u32,
}

fn scale(quick: bool, minutes: u32) -> Scale {
    let seconds = if quick { 3 } else { minutes * 60 };
    let calm = Pace {
        calls: 2,
        mix: GRAVE,
        positions: 0,
        lies: 0,
        seconds: if quick { 2 } else { 60 },
        emergency_every: 0.97,
    };
    let flood = Pace {
        lies: 1_000,
        ..calm
    };
    let surge = Pace {
        calls: 20,
        mix: USUAL,
        positions: 10_000,
        lies: 0,
        seconds,
        emergency_every: 0.97,
    };
    // Grave are nine of ten calls or one, and the emergencies.
    let grave = |pace: Pace| {
        let of_ten = pace.mix.iter().filter(|grade| **grade == 0).count() as u32;
        pace.seconds * pace.calls * of_ten / 10 + pace.seconds * 2
    };
    let fleet = Fleet {
        reserve: 100 + 2 * grave(calm) + grave(surge),
        ordinary: if quick { 30 } else { 500 },
        callers: 10 + (2 * calm.seconds + surge.seconds) * 2,
        liars: 90,
    };
    let crowd = Crowd {
        quick: if quick { 40 } else { 450 },
        slow: if quick { 4 } else { 50 },
        greedy: if quick { 30 } else { 100 },
        beyond: 10,
    };
    Scale {
        calm,
        surge,
        flood,
        crowd,
        fleet,
        idle: if quick { 500 } else { 10_000 },
    }
}

fn minutes() -> anyhow::Result<u32> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--minutes");
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(minutes)) => Ok(minutes.parse()?),
        _ => Ok(1),
    }
}

fn main() -> anyhow::Result<()> {
    if daemon::serve()? {
        return Ok(());
    }
    let quick = is_quick();
    let Scale {
        calm,
        surge,
        flood,
        crowd,
        fleet,
        idle,
    } = scale(quick, minutes()?);
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target"));
    let dir = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(target)?;
    // The desks of the calls, the one that asks how things are, and the one of the junk.
    let sessions = (crowd.quick + crowd.slow) as usize + GRADES.len() + 2;
    let daemon = Daemon::start(dir.path(), fleet, sessions)?;
    let mut desk = Client::connect(daemon.console)?;
    let junk = Client::connect(daemon.console)?;
    let desks = calls::Desks::connect(daemon.console)?;
    let mut gateway = gateway::Gateway::connect(&daemon.links)?;
    eprintln!(
        "{} units: signing on, registering, placing ...",
        fleet.units()
    );
    desk.sign_on(fleet.units())?;
    gateway.register(fleet.units())?;
    gateway.place(fleet.units())?;
    let (texts, mut positions) = gateway.listen(fleet.units())?;
    desk.settle()?;

    let before = daemon.memory()?;
    eprintln!("calm, {} s ...", calm.seconds);
    let calmly = calls::run(calm, (1, 0), fleet, &desks, &mut positions, &texts)?;
    eprintln!("{} consoles ...", crowd.quick + crowd.slow);
    let watchers = Watchers::connect(daemon.console, crowd)?;
    eprintln!("the surge, {} s ...", surge.seconds);
    watchers.ask(true);
    let (cpu_s, began) = (daemon.cpu_s()?, Instant::now());
    let next = (100_000, calm.seconds * 2);
    let surged = calls::run(surge, next, fleet, &desks, &mut positions, &texts)?;
    let cores = (daemon.cpu_s()? - cpu_s) / began.elapsed().as_secs_f64();
    watchers.ask(false);
    let patience = Instant::now() + Duration::from_secs(10);
    while !watchers.is_answered() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(50));
    }
    let after = daemon.memory()?;
    let mut desk = again(desk, daemon.console)?;
    let told = Told::ask(&mut desk, &daemon)?;

    let mut seen = watchers
        .seen
        .refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    seen.add(&surged.refused);
    let checks = check(&surged, &told, &seen, &watchers, crowd, after);
    let consoles = crowd_view(&watchers, crowd);
    watchers.leave()?;
    eprintln!("floods, {} s ...", calm.seconds);
    let junk = again(junk, daemon.console)?;
    let floods = Floods::begin(junk, [daemon.console, daemon.http], idle, calm.seconds)?;
    let next = (200_000, (calm.seconds + surge.seconds) * 2);
    let flooded = calls::run(flood, next, fleet, &desks, &mut positions, &texts)?;
    let mut health = desk.call("system.health", &json!({}))?;
    let mut harm = floods.end()?;
    harm["lies"] = json!(flooded.lies);
    harm["lies_doubted"] = json!(Told::doubted(&health)? - told.doubted);
    let at_last = daemon.memory()?;
    let result = json!({
        "surge": figures(&surged), "calm": figures(&calmly), "floods": figures(&flooded),
        "harm": harm,
        "pressed_again": surged.pressed_again + calmly.pressed_again + flooded.pressed_again,
        "floods_told": health["calls"]["flooding"].take(),
        "ratio_p99": {
            "0": ratio(&surged.emergencies.to_frame, &calmly.emergencies.to_frame),
            "I": ratio(&surged.grades[0].to_frame, &calmly.grades[0].to_frame),
            "I_floods": ratio(&flooded.grades[0].to_frame, &calmly.grades[0].to_frame),
        },
        "pace": { "calls": surge.calls, "positions": surge.positions, "seconds": surge.seconds },
        "units": fleet.units(),
        "consoles": consoles,
        "positions": { "sent": surged.positions, "taken": told.positions["positions"],
                       "overwritten": told.positions["positions_overwritten"] },
        "refused": { "seen": seen, "health": told.refused, "metrics": told.in_metrics },
        "cut": told.cut,
        "boards_lost": told.boards_lost,
        "waiting": told.waiting,
        "memory_mib": memory_view(before, after, at_last),
        "daemon_cores": round2(cores),
    });
    daemon.stop()?;
    publish("surge", &result)?;
    checks?;
    nothing_lost(&flooded)?;
    ensure!(at_last.peak <= MEMORY_MIB, "memory: {} MiB", at_last.peak);
    let grave = [&surged, &flooded].map(|it| [&it.emergencies, &it.grades[0]]);
    let grave = grave.map(|of| of.map(|it| p99_ms(&it.to_frame)));
    ensure!(
        quick || grave.iter().flatten().all(|p99| *p99 <= GRAVE_P99_MS),
        "grave calls took too long: {grave:?} ms"
    );
    Ok(())
}

/// A new connection in the place of one that was silent for so long that it may have been cut.
fn again(old: Client, at: std::net::SocketAddr) -> anyhow::Result<Client> {
    old.close();
    Client::connect(at)
}

/// What the daemon says of itself.
struct Told {
    refused: Refusals,
    in_metrics: Refusals,
    cut: Refusals,
    consoles_refused: u64,
    boards_lost: u64,
    positions: Value,
    /// Positions that were not believed.
    doubted: u64,
    waiting: Value,
}

impl Told {
    fn doubted(health: &Value) -> anyhow::Result<u64> {
        let doubted = health["since_start"]["positions_doubted"].as_u64();
        doubted.context("no count")
    }

    fn ask(desk: &mut Client, daemon: &Daemon) -> anyhow::Result<Self> {
        let health = desk.call("system.health", &json!({}))?;
        let page = metrics(daemon.http)?;
        let counts = &health["since_start"];
        eprintln!("inside the daemon, microseconds: {}", health["stages_us"]);
        Ok(Self {
            refused: Refusals::of(&counts["refused_by_kind"]),
            in_metrics: counter(&page, "tieqi_requests_refused_total"),
            cut: Refusals::of(&counts["consoles_cut"]),
            consoles_refused: counts["consoles_refused"].as_u64().context("no count")?,
            boards_lost: counts["boards_lost"].as_u64().context("no count")?,
            positions: counts.clone(),
            doubted: Self::doubted(&health)?,
            waiting: health["queue"].clone(),
        })
    }
}

/// What must hold on any machine.
fn check(
    surged: &Measured,
    told: &Told,
    seen: &Refusals,
    watchers: &Watchers,
    crowd: Crowd,
    after: Memory,
) -> anyhow::Result<()> {
    let count = |of: &AtomicU32| of.load(Ordering::Relaxed);
    nothing_lost(surged)?;
    ensure!(*seen == told.refused, "refusals: seen and told differ");
    ensure!(
        *seen == told.in_metrics,
        "refusals: seen and /metrics differ"
    );
    ensure!(
        told.consoles_refused == u64::from(crowd.beyond),
        "consoles refused: told differs"
    );
    ensure!(
        count(&watchers.seen.beyond) == crowd.beyond,
        "consoles refused: not said to all"
    );
    ensure!(
        count(&watchers.seen.quick_cut) == 0,
        "a console that reads was cut"
    );
    ensure!(
        count(&watchers.seen.resyncs) == 0,
        "a console that reads lost its board"
    );
    ensure!(after.peak <= MEMORY_MIB, "memory: {} MiB", after.peak);
    Ok(())
}

/// What was taken was answered, and what was offered was sent.
fn nothing_lost(measured: &Measured) -> anyhow::Result<()> {
    for times in measured.grades.iter().chain([&measured.emergencies]) {
        ensure!(times.lost == 0, "{} calls were lost", times.lost);
        ensure!(times.unsent == 0, "{} offers made no frame", times.unsent);
    }
    Ok(())
}

fn figures(measured: &Measured) -> Value {
    let grades = GRADES.iter().zip(&measured.grades);
    let mut figures: serde_json::Map<_, _> = grades
        .map(|(grade, times)| ((*grade).to_owned(), times_view(times)))
        .collect();
    figures.insert("0".to_owned(), times_view(&measured.emergencies));
    figures.into()
}

fn times_view(times: &Times) -> Value {
    json!({
        "calls": times.calls, "lost": times.lost, "unsent": times.unsent,
        "to_answer_ms": quantiles(&times.to_answer), "to_frame_ms": quantiles(&times.to_frame),
    })
}

fn quantiles(times: &Histogram<u64>) -> Value {
    let ms = |quantile| round2(times.value_at_quantile(quantile) as f64 / 1e6);
    json!({ "count": times.len(), "p50": ms(0.5), "p99": ms(0.99), "p999": ms(0.999) })
}

fn p99_ms(times: &Histogram<u64>) -> f64 {
    round2(times.value_at_quantile(0.99) as f64 / 1e6)
}

fn ratio(surged: &Histogram<u64>, calm: &Histogram<u64>) -> f64 {
    round2(p99_ms(surged) / p99_ms(calm))
}

fn crowd_view(watchers: &Watchers, crowd: Crowd) -> Value {
    let seen = &watchers.seen;
    let count = |of: &AtomicU32| of.load(Ordering::Relaxed);
    json!({
        "quick": crowd.quick, "slow": crowd.slow, "refused": count(&seen.beyond),
        "quick_cut": count(&seen.quick_cut), "slow_cut": count(&seen.slow_cut),
        "lines": seen.lines.load(Ordering::Relaxed),
        "mib": seen.bytes.load(Ordering::Relaxed) >> 20,
    })
}

fn memory_view(before: Memory, surged: Memory, flooded: Memory) -> Value {
    json!({
        "before": before.now, "after": surged.now, "after_floods": flooded.now,
        "peak": flooded.peak,
    })
}
