//! Dispatch latency: from a console's write to the radio frame at the gateway, durably.
//!
//! One program: a client, the daemon on its own threads, a UDP gateway. t0 is before the client's
//! write; t1 is after the gateway's receive of the datagram that holds the text of that incident's
//! offer. Auto mode, 20,000 units on duty, one report at a time. It is compared with a floor taken
//! in turns with it: what the same machine needs for the same two hops and the same sync when
//! nothing is decided (see floor.rs). Rounds of both alternate, so that a machine that drifts
//! drifts for both. What is held is taken with the outside and the inside on cores of their own
//! (see cores.rs); beside it stands what it is as the scheduler places them, and what it is after a
//! pause that leaves nothing of the daemon in the caches.
//!
//! `cargo bench --bench dispatch` writes target/dispatch.json; `-- --quick` is a smoke of a few
//! seconds that asserts nothing about speed.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

#[expect(dead_code, reason = "each benchmark takes what it needs")]
#[path = "../common/client.rs"]
mod client;
mod cores;
#[expect(dead_code, reason = "nothing begins on the air here")]
mod floor;
#[path = "../common/gateway.rs"]
mod gateway;
mod loaded;
mod ready;
#[path = "../common/town.rs"]
mod town;

use client::Client;
use gateway::Offers;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::Duration;

/// Rounds; the figure is the median of their quantiles.
const ROUNDS: usize = 5;
/// Samples of each kind that are thrown away first: branch predictors, the journal's next segment.
const WARM_UP: usize = 20;

/// Rest before each sample, of either kind: the figure is that of an idle system. The daemon
/// finishes the offer before meanwhile (its delivery ack takes one more sync); asking it whether it
/// has would keep it busy.
const REST: Duration = Duration::from_millis(2);
/// A rest after which the caches hold nothing of either: on the machine of docs/latency.md a report
/// takes as long after this as after any longer one.
const PAUSE: Duration = Duration::from_millis(25);

struct Scale {
    units: u32,
    /// In a round: with the threads apart, after a pause, and as the scheduler places them.
    samples: (usize, usize, usize),
    /// Of the loaded run: warm-up, measured.
    seconds: (u32, u32),
}

fn main() -> anyhow::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let scale = match quick {
        true => Scale {
            units: 500,
            samples: (20, 4, 20),
            seconds: (0, 1),
        },
        false => Scale {
            units: 20_000,
            samples: (1_000, 40, 200),
            seconds: (2, 10),
        },
    };
    let cores = cores::Cores::all()?;
    let ready::Ready {
        server,
        mut client,
        offers,
        mut positions,
        dir,
    } = ready::Ready::start(scale.units)?;
    let floor = floor::Floor::start(dir.path())?;
    for number in 0..WARM_UP {
        floor.sample(REST)?;
        sample(&mut client, number, &offers)?;
    }
    let mut measure = |name, samples, rest| {
        rounds(name, samples, rest, &floor, |number| {
            sample(&mut client, number, &offers)
        })
    };
    cores.apart()?;
    let idle = measure("apart", scale.samples.0, REST)?;
    let paused = measure("after a pause", scale.samples.1, PAUSE)?;
    cores.as_scheduled()?;
    let scheduled = measure("as scheduled", scale.samples.2, REST)?;
    cores.apart()?;
    let run = loaded::Run {
        warm_up: scale.seconds.0,
        measured: scale.seconds.1,
        emergencies: 0,
    };
    eprintln!("loaded: 1,000 reports and 5,000 positions a second ...");
    let loaded = loaded::run(run, &mut client, &mut positions, &offers, histogram()?)?;
    let loaded_us = quantiles(&loaded.times);
    let result = json!({
        "floor_us": idle.floor_us, "idle_us": idle.ours_us, "ratio_idle": idle.ratio(),
        "loaded_us": loaded_us,
        "ratio_loaded_p99": round2(loaded_us.p99 / idle.floor_us.p99),
        "loaded": {
            "reports": loaded.reports, "dropped": loaded.dropped, "positions": loaded.positions,
        },
        "paused": paused.to_json(),
        "scheduled": scheduled.to_json(),
        "rounds": ROUNDS,
        "samples": ROUNDS * scale.samples.0,
        "units": scale.units,
    });
    std::fs::write(ready::target().join("dispatch.json"), format!("{result}\n"))?;
    println!("{result}");
    let health = client.call("system.health", &json!({}))?;
    eprintln!("inside the daemon, microseconds: {}", health["stages_us"]);
    server.stop();
    Ok(())
}

/// One report; the time until its text reached the gateway, nanoseconds.
fn sample(client: &mut Client, number: usize, offers: &Offers) -> anyhow::Result<u64> {
    let (began, incident) = client.report(number)?;
    loop {
        let offer = offers.recv_timeout(Duration::from_secs(10))?;
        if offer.incident == incident {
            return Ok(u64::try_from((offer.arrived - began).as_nanos())?);
        }
    }
}

/// Medians of the rounds' quantiles, microseconds.
#[derive(Clone, Copy, serde::Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

struct Figures {
    floor_us: Quantiles,
    ours_us: Quantiles,
}

impl Figures {
    fn ratio(&self) -> Quantiles {
        let (ours, floor) = (self.ours_us, self.floor_us);
        Quantiles {
            p50: round2(ours.p50 / floor.p50),
            p99: round2(ours.p99 / floor.p99),
        }
    }

    fn to_json(&self) -> Value {
        let ratio = self.ratio();
        json!({ "floor_us": self.floor_us, "ours_us": self.ours_us, "ratio": ratio })
    }
}

/// Takes a round of the floor and one of the daemon in turns.
fn rounds(
    name: &str,
    samples: usize,
    rest: Duration,
    floor: &floor::Floor,
    mut sample: impl FnMut(usize) -> anyhow::Result<u64>,
) -> anyhow::Result<Figures> {
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (mut floor_us, mut our_us) = (histogram()?, histogram()?);
        for _ in 0..samples {
            floor_us.saturating_record(floor.sample(rest)?);
        }
        for number in 0..samples {
            std::thread::sleep(rest);
            our_us.saturating_record(sample(number)?);
        }
        let (floor_us, our_us) = (quantiles(&floor_us), quantiles(&our_us));
        eprintln!(
            "{name}, round {round}: floor {:.0} / {:.0} us, ours {:.0} / {:.0} us (p50 / p99)",
            floor_us.p50, floor_us.p99, our_us.p50, our_us.p99
        );
        floors.push(floor_us);
        ours.push(our_us);
    }
    Ok(Figures {
        floor_us: median(&floors),
        ours_us: median(&ours),
    })
}

/// Nanoseconds up to ten seconds, three digits.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(10_000_000_000, 3)?)
}

/// Median and 99th percentile, microseconds.
fn quantiles(times: &Histogram<u64>) -> Quantiles {
    let us = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    Quantiles {
        p50: us(0.5),
        p99: us(0.99),
    }
}

fn median(rounds: &[Quantiles]) -> Quantiles {
    let middle = |of: fn(&Quantiles) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        round2(values[values.len() / 2])
    };
    Quantiles {
        p50: middle(|round| round.p50),
        p99: middle(|round| round.p99),
    }
}

fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
