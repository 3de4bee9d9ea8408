//! The same way of a call while much else comes in: reports and positions at a fixed pace, and
//! emergencies among them if wanted.
//!
//! t0 of a report is when it was due to be written, though the client was still at the one before:
//! a daemon that does not read hides no wait. Only when the client itself slept too long, which is
//! not the daemon's, it is when it woke up. Every report that became no frame counts as dropped. t0
//! of an emergency is before its datagram is sent, which nobody delays.

use crate::client::Client;
use crate::gateway::{Offers, Positions};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What comes in a second.
const REPORTS: u32 = 1_000;
const POSITIONS: u32 = 5_000;
/// The pace is kept in steps this long.
const STEP: Duration = Duration::from_millis(1);
/// How long to wait for the last frames.
const PATIENCE: Duration = Duration::from_secs(5);
/// Units that the town's plan sends to an emergency.
const BACK_UP: usize = 2;

/// Seconds of warm-up, which are not counted, and of measuring; emergencies a second.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) warm_up: u32,
    pub(crate) measured: u32,
    pub(crate) emergencies: u32,
}

pub(crate) struct Loaded {
    /// Nanoseconds.
    pub(crate) times: Histogram<u64>,
    pub(crate) reports: u32,
    pub(crate) dropped: u32,
    pub(crate) positions: u64,
    /// Of each emergency, how long until each frame to its back-up, nanoseconds.
    pub(crate) helped: Vec<Vec<u64>>,
}

/// What reached the gateway: of each incident the first text, of each caller all.
#[derive(Default)]
struct Arrived {
    incidents: BTreeMap<u32, Instant>,
    callers: BTreeMap<u32, Vec<Instant>>,
    back_up: usize,
}

impl Arrived {
    /// Waits until so many of both are there, or nothing comes any more.
    fn wait(&mut self, reports: u32, emergencies: u32, offers: &Offers) {
        let (reports, back_up) = (reports as usize, emergencies as usize * BACK_UP);
        while self.incidents.len() < reports || self.back_up < back_up {
            let Ok(offer) = offers.recv_timeout(PATIENCE) else {
                return;
            };
            match offer.emergency {
                Some(caller) => {
                    self.back_up += 1;
                    self.callers.entry(caller).or_default().push(offer.arrived);
                }
                None => {
                    let first = self.incidents.entry(offer.incident);
                    first.or_insert(offer.arrived);
                }
            }
        }
    }
}

/// What was sent on the air.
#[derive(Default)]
struct Sent {
    positions: u64,
    /// Who pressed the alarm key, and when.
    pressed: Vec<(u32, Instant)>,
}

/// Runs the load.
pub(crate) fn run(
    run: Run,
    client: &mut Client,
    positions: &mut Positions,
    offers: &Offers,
    times: Histogram<u64>,
) -> anyhow::Result<Loaded> {
    let seconds = run.warm_up + run.measured;
    let (reports, emergencies) = (REPORTS * seconds, run.emergencies * seconds);
    let done = AtomicBool::new(false);
    let began = Instant::now() + Duration::from_millis(10);
    let due = |number: u32| began + Duration::from_secs(1) * number / REPORTS;
    let (mut writer, lines) = client.split()?;
    let mut arrived = Arrived::default();
    let (answered, written, sent) = std::thread::scope(|scope| {
        let answers = scope.spawn(move || lines.incidents(reports));
        let driver = scope.spawn(|| drive(positions, began, run.emergencies, seconds, &done));
        let reporter = scope.spawn(move || -> anyhow::Result<Vec<Instant>> {
            let (mut written, mut awake) = (Vec::new(), began);
            for number in 0..reports {
                let early = due(number).saturating_duration_since(Instant::now());
                if !early.is_zero() {
                    std::thread::sleep(early);
                    awake = Instant::now();
                }
                written.push(due(number).max(awake));
                writer.report(number)?;
            }
            Ok(written)
        });
        arrived.wait(reports, emergencies, offers);
        done.store(true, Ordering::Relaxed);
        let joined = |_| anyhow::anyhow!("a thread of the load panicked");
        let written = reporter.join().map_err(joined)??;
        let sent = driver.join().map_err(joined)?;
        anyhow::Ok((answers.join().map_err(joined)??, written, sent))
    })?;
    let mut loaded = Loaded {
        times,
        reports: REPORTS * run.measured,
        dropped: 0,
        positions: sent.positions,
        helped: Vec::new(),
    };
    for (number, began) in (0..reports)
        .zip(written)
        .skip((REPORTS * run.warm_up) as usize)
    {
        let incident = answered.get(&number);
        match incident.and_then(|incident| arrived.incidents.get(incident)) {
            Some(at) => {
                let took = nanos(began, *at);
                loaded.times.saturating_record(took);
            }
            None => loaded.dropped += 1,
        }
    }
    for (caller, pressed) in sent
        .pressed
        .iter()
        .skip((run.emergencies * run.warm_up) as usize)
    {
        let frames = arrived.callers.get(caller).into_iter().flatten();
        let times = frames.map(|at| nanos(*pressed, *at));
        loaded.helped.push(times.collect());
    }
    Ok(loaded)
}

fn nanos(from: Instant, to: Instant) -> u64 {
    let took = to.saturating_duration_since(from);
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

/// Sends positions at their pace until told to stop, and emergencies for so many seconds, each
/// behind the positions of its millisecond.
fn drive(
    positions: &mut Positions,
    began: Instant,
    emergencies: u32,
    seconds: u32,
    done: &AtomicBool,
) -> Sent {
    let mut sent = Sent::default();
    let mut number = 0;
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        let elapsed = Instant::now().saturating_duration_since(began);
        let due = |a_second: u32| (elapsed.as_secs_f64() * f64::from(a_second)) as u64;
        while sent.positions < due(POSITIONS) {
            if positions.send(number).is_ok() {
                sent.positions += 1;
            }
            number += 1;
        }
        let presses = due(emergencies).min(u64::from(emergencies * seconds));
        while (sent.pressed.len() as u64) < presses {
            let caller = positions.some_unit(sent.pressed.len() as u32);
            let at = Instant::now();
            if positions.press(caller).is_ok() {
                sent.pressed.push((caller, at));
            }
        }
    }
    sent
}
