//! Emergency: from the datagram of a pressed alarm key to the back-up's frame, under full load.
//!
//! The dispatch benchmark's town of 20,000 units in auto mode, with its load of 1,000 reports and
//! 5,000 positions a second, and 100 emergencies (LP B003) a second among them. t0 is before the
//! datagram is sent to the gateway's socket, behind the positions of its millisecond; t1 is after
//! the gateway's receive of the first text (TMP A1) that names the caller. In between: ack, read,
//! put into the urgent lane, open the incident, rank, offer, sync, frame, and the wait for the
//! frame that is under way. The second unit's frame waits for the first one's ack.
//! Each round has a daemon of its own, so that units do not run out, and takes its floor before the
//! load: one UDP echo, one sync, one UDP echo on an idle machine.
//!
//! `cargo bench --bench emergency` writes target/emergency.json; `-- --quick` is a smoke.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

#[expect(dead_code, reason = "no report is sent alone here")]
#[path = "common/client.rs"]
mod client;
#[expect(dead_code, reason = "the quantiles are those of all rounds together")]
mod common;
#[expect(dead_code, reason = "the scheduler places the threads here")]
#[path = "dispatch/cores.rs"]
mod cores;
#[expect(dead_code, reason = "nothing begins at a console here")]
#[path = "dispatch/floor.rs"]
mod floor;
#[path = "common/gateway.rs"]
mod gateway;
#[path = "dispatch/loaded.rs"]
mod loaded;
#[path = "dispatch/ready.rs"]
mod ready;
#[path = "common/town.rs"]
mod town;

use common::{is_quick, publish, round2};
use hdrhistogram::Histogram;
use loaded::Run;
use serde_json::{Value, json};
use std::time::Duration;

/// Before each sample of the floor, as in the dispatch benchmark.
const REST: Duration = Duration::from_millis(2);

struct Scale {
    units: u32,
    rounds: usize,
    floors: usize,
    run: Run,
}

fn main() -> anyhow::Result<()> {
    let scale = scale();
    let (mut floor, mut first, mut second, mut reports) =
        (histogram()?, histogram()?, histogram()?, histogram()?);
    let (mut unhelped, mut dropped, mut sent) = (0, 0, [0, 0, 0]);
    for round in 1..=scale.rounds {
        let mut ready = ready::Ready::start(scale.units)?;
        take_floor(&ready, scale.floors, &mut floor)?;
        let loaded = loaded::run(
            scale.run,
            &mut ready.client,
            &mut ready.positions,
            &ready.offers,
            histogram()?,
        )?;
        let mut of_round = histogram()?;
        for times in &loaded.helped {
            unhelped += usize::from(times.is_empty());
            times.first().iter().for_each(|took| of_round += **took);
            times.get(1).iter().for_each(|took| second += **took);
        }
        sent[0] += loaded.helped.len() as u64;
        sent[1] += u64::from(loaded.reports);
        sent[2] += loaded.positions;
        let [p50, p99, _] = us(&of_round);
        dropped += loaded.dropped;
        eprintln!("round {round}: {p50} / {p99} us (p50 / p99), {dropped} reports dropped");
        first += of_round;
        reports += loaded.times;
        let health = ready.client.call("system.health", &json!({}))?;
        eprintln!("inside the daemon, microseconds: {}", health["stages_us"]);
        ready.server.stop();
    }
    let (floor_us, our_us) = (us(&floor), us(&first));
    let ratio = |at: usize| round2(our_us[at] / floor_us[at]);
    publish(
        "emergency",
        &json!({
            "floor_us": named(floor_us), "emergency_us": named(our_us),
            "ratio": named([ratio(0), ratio(1), ratio(2)]),
            "second_us": named(us(&second)), "reports_us": named(us(&reports)),
            "emergencies": sent[0], "unhelped": unhelped,
            "reports": sent[1], "dropped": dropped, "positions": sent[2],
            "floors": floor.len(), "rounds": scale.rounds, "units": scale.units,
        }),
    )
}

fn scale() -> Scale {
    match is_quick() {
        true => Scale {
            units: 2_000,
            rounds: 1,
            floors: 20,
            run: Run {
                warm_up: 0,
                measured: 1,
                emergencies: 100,
            },
        },
        false => Scale {
            units: 20_000,
            rounds: 10,
            floors: 1_000,
            run: Run {
                warm_up: 2,
                measured: 10,
                emergencies: 100,
            },
        },
    }
}

fn take_floor(
    ready: &ready::Ready,
    samples: usize,
    times: &mut Histogram<u64>,
) -> anyhow::Result<()> {
    let floor = floor::Floor::start(ready.dir.path())?;
    for number in 0..samples + 20 {
        let took = floor.sample_of_radio(REST)?;
        if number >= 20 {
            times.saturating_record(took);
        }
    }
    Ok(())
}

/// Nanoseconds up to ten seconds, three digits.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(10_000_000_000, 3)?)
}

/// Median, 99th and 99.9th percentile, microseconds.
fn us(times: &Histogram<u64>) -> [f64; 3] {
    [0.5, 0.99, 0.999].map(|quantile| round2(times.value_at_quantile(quantile) as f64 / 1000.0))
}

fn named([p50, p99, p999]: [f64; 3]) -> Value {
    json!({ "p50": p50, "p99": p99, "p99_9": p999 })
}
