//! The same way of a call while much else comes in: reports and positions at a fixed pace.
//!
//! t0 is when a report was due to be written, not when it was: a client that falls behind does not
//! hide the wait. Every report that became no frame counts as dropped.

use crate::client::{Client, Texts};
use crate::gateway::Positions;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What comes in a second.
const REPORTS: u32 = 1_000;
const POSITIONS: u32 = 5_000;
/// The pace is kept in steps this long.
const STEP: Duration = Duration::from_millis(1);
/// How long to wait for the last frames.
const PATIENCE: Duration = Duration::from_secs(5);

/// Seconds of warm-up, which are not counted, and of measuring.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) warm_up: u32,
    pub(crate) measured: u32,
}

pub(crate) struct Loaded {
    /// Nanoseconds.
    pub(crate) times: Histogram<u64>,
    pub(crate) reports: u32,
    pub(crate) dropped: u32,
    pub(crate) positions: u64,
}

/// Runs the load.
pub(crate) fn run(
    run: Run,
    client: &mut Client,
    positions: &mut Positions,
    texts: &Texts,
    times: Histogram<u64>,
) -> anyhow::Result<Loaded> {
    let reports = REPORTS * (run.warm_up + run.measured);
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now() + Duration::from_millis(10);
    let due = |number: u32| began + Duration::from_secs(1) * number / REPORTS;
    let (mut writer, lines) = client.split()?;
    let mut arrived = BTreeMap::new();
    let answered = std::thread::scope(|scope| -> anyhow::Result<BTreeMap<u32, u32>> {
        let answers = scope.spawn(move || lines.incidents(reports));
        scope.spawn(|| drive(positions, began, &done, &sent));
        let reporter = scope.spawn(move || -> anyhow::Result<()> {
            for number in 0..reports {
                std::thread::sleep(due(number).saturating_duration_since(Instant::now()));
                writer.report(number)?;
            }
            Ok(())
        });
        while arrived.len() < reports as usize {
            let Ok(text) = texts.recv_timeout(PATIENCE) else {
                break;
            };
            arrived.entry(text.incident).or_insert(text.arrived);
        }
        done.store(true, Ordering::Relaxed);
        let joined = |_| anyhow::anyhow!("a thread of the load panicked");
        reporter.join().map_err(joined)??;
        answers.join().map_err(joined)?
    })?;
    let mut loaded = Loaded {
        times,
        reports: REPORTS * run.measured,
        dropped: 0,
        positions: sent.into_inner(),
    };
    for number in REPORTS * run.warm_up..reports {
        let incident = answered.get(&number);
        match incident.and_then(|incident| arrived.get(incident)) {
            Some(at) => {
                let took = at.saturating_duration_since(due(number));
                loaded
                    .times
                    .saturating_record(u64::try_from(took.as_nanos())?);
            }
            None => loaded.dropped += 1,
        }
    }
    Ok(loaded)
}

/// Sends positions at their pace until told to stop.
fn drive(positions: &mut Positions, began: Instant, done: &AtomicBool, sent: &AtomicU64) {
    let mut unit = 0;
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        let due = Instant::now()
            .saturating_duration_since(began)
            .as_secs_f64();
        let due = (due * f64::from(POSITIONS)) as u64;
        while sent.load(Ordering::Relaxed) < due {
            if positions.send(unit).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
            unit += 1;
        }
    }
}
