//! Dispatch latency: from a console's write to the radio frame at the gateway, durably.
//!
//! One program: a client, the daemon on its own threads, a UDP gateway. t0 is before the client's
//! write; t1 is after the gateway's receive of the datagram that holds the text of that incident's
//! offer. Auto mode, 20,000 units on duty, one report at a time. It is compared with a floor taken
//! in turns with it: what the same machine needs for the same two hops and the same sync when
//! nothing is decided (see floor.rs). Samples of both are interleaved in small blocks, so that a
//! machine that drifts drifts for both.
//!
//! `cargo bench --bench dispatch` writes target/dispatch.json; `-- --quick` is a smoke of a few
//! seconds that asserts nothing about speed.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

mod client;
mod floor;
mod gateway;
mod town;

use hdrhistogram::Histogram;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tieqi::config::users::Users;
use tieqi::shell::Server;

/// Rounds; the figure is the median of their quantiles.
const ROUNDS: usize = 5;
/// Samples taken of one kind before the other has its turn.
const BLOCK: usize = 10;

/// Rest before each sample, of either kind: the figure is that of an idle system, whose cores have
/// gone to sleep, and the floor must pay for waking them alike.
const REST: Duration = Duration::from_millis(1);

struct Scale {
    units: u32,
    samples: usize,
}

fn main() -> anyhow::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let scale = match quick {
        true => Scale {
            units: 500,
            samples: 20,
        },
        false => Scale {
            units: 20_000,
            samples: 500,
        },
    };
    let dir = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(target())?;
    let users = dir.path().join("users.toml");
    let mut register = Users::load(&users)?;
    register.add(
        client::USER,
        tieqi::config::users::Role::Supervisor,
        client::PASSWORD,
    )?;
    let config = town::config(scale.units)?;
    let server = Server::start(config, register, &dir.path().join("data"))?;
    let mut client = client::Client::connect(server.console)?;
    let mut gateway = gateway::Gateway::connect(&server.links)?;
    eprintln!(
        "{} units: signing on, registering, placing ...",
        scale.units
    );
    client.sign_on(scale.units)?;
    gateway.register(scale.units)?;
    gateway.place(scale.units)?;
    let texts = gateway.listen();
    client.settle()?;

    let mut floor = floor::Floor::start(dir.path())?;
    let (mut floors, mut idles) = (Vec::new(), Vec::new());
    // Warm-up: caches, branch predictors, the journal's second segment.
    for number in 0..BLOCK * 2 {
        floor.sample()?;
        client.sample(number, &texts)?;
    }
    for round in 0..ROUNDS {
        let (mut floor_us, mut idle_us) = (histogram()?, histogram()?);
        for block in 0..scale.samples.div_ceil(BLOCK) {
            for _ in 0..BLOCK {
                std::thread::sleep(REST);
                floor_us.saturating_record(floor.sample()?);
            }
            for number in 0..BLOCK {
                std::thread::sleep(REST);
                idle_us.saturating_record(client.sample(block * BLOCK + number, &texts)?);
            }
        }
        eprintln!(
            "round {}: floor {}, idle {}",
            round + 1,
            shown(&floor_us),
            shown(&idle_us)
        );
        floors.push(quantiles(&floor_us));
        idles.push(quantiles(&idle_us));
    }
    let (floor_us, idle_us) = (median(&floors), median(&idles));
    let ratio = |of: usize| round2(idle_us[of] / floor_us[of]);
    let result = json!({
        "floor_us": { "p50": round2(floor_us[0]), "p99": round2(floor_us[1]) },
        "idle_us": { "p50": round2(idle_us[0]), "p99": round2(idle_us[1]) },
        "ratio_idle": { "p50": ratio(0), "p99": ratio(1) },
        "rounds": ROUNDS,
        "samples": ROUNDS * scale.samples,
        "units": scale.units,
    });
    std::fs::write(target().join("dispatch.json"), format!("{result}\n"))?;
    println!("{result}");
    let health = client.call("system.health", &json!({}))?;
    eprintln!("inside the daemon, microseconds: {}", health["stages_us"]);
    server.stop();
    Ok(())
}

/// The build's folder: on the disk that is measured, and cleaned with it.
fn target() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target"))
}

/// Nanoseconds up to ten seconds, three digits.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(10_000_000_000, 3)?)
}

/// Median and 99th percentile, microseconds.
fn quantiles(times: &Histogram<u64>) -> [f64; 2] {
    [0.5, 0.99].map(|quantile| times.value_at_quantile(quantile) as f64 / 1000.0)
}

fn shown(times: &Histogram<u64>) -> String {
    let [p50, p99] = quantiles(times);
    format!("p50 {p50:.0} us, p99 {p99:.0} us")
}

fn median(rounds: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|of| {
        let mut values: Vec<f64> = rounds.iter().map(|round| round[of]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    })
}

fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
