//! Calls and emergencies at a fixed pace, and when each was answered and sent out.
//!
//! A time begins when its call was due, not when it was written: whoever falls behind does not
//! hide the wait.

use crate::client::{Client, report};
use crate::daemon::Fleet;
use crate::floods::lie;
use crate::gateway::{Offer, Offers, Positions};
use crate::refusals::{Refusals, kind};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The grades, gravest first.
pub(crate) const GRADES: [&str; 4] = ["I", "II", "III", "IV"];
/// Grades of ten calls as they come: one of Grade I, three, four and two of the others.
pub(crate) const USUAL: [usize; 10] = [0, 1, 2, 3, 2, 1, 2, 1, 3, 2];
/// Nine of Grade I, so that there are enough of them for a quantile.
pub(crate) const GRAVE: [usize; 10] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// The pace of positions is kept in steps this long.
const STEP: Duration = Duration::from_millis(1);
/// A terminal that gets no help presses again after this.
const AGAIN: Duration = Duration::from_millis(500);
/// How long to wait for the last answers and frames.
const PATIENCE: Duration = Duration::from_secs(10);

/// What comes in a second, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) calls: u32,
    pub(crate) mix: [usize; 10],
    pub(crate) positions: u32,
    /// Positions that are not true, besides.
    pub(crate) lies: u32,
    pub(crate) seconds: u32,
    /// Seconds between two emergencies.
    pub(crate) emergency_every: f64,
}

impl Pace {
    /// Index in [`GRADES`] of a call's grade.
    fn grade(&self, number: u32) -> usize {
        self.mix[number as usize % self.mix.len()]
    }
}

/// Times of one grade, nanoseconds.
pub(crate) struct Times {
    pub(crate) calls: u32,
    pub(crate) to_answer: Histogram<u64>,
    pub(crate) to_frame: Histogram<u64>,
    /// Neither answered nor refused.
    pub(crate) lost: u32,
    /// Offered to somebody and no frame came.
    pub(crate) unsent: u32,
}

impl Times {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            calls: 0,
            to_answer: Histogram::new_with_max(60_000_000_000, 3)?,
            to_frame: Histogram::new_with_max(60_000_000_000, 3)?,
            lost: 0,
            unsent: 0,
        })
    }
}

pub(crate) struct Measured {
    /// Emergencies, whose answer nobody waits for, then the grades.
    pub(crate) emergencies: Times,
    pub(crate) grades: Vec<Times>,
    pub(crate) positions: u64,
    pub(crate) lies: u64,
    /// Presses repeated because nobody was sent: the daemon's socket was full and lost one.
    pub(crate) pressed_again: u64,
    pub(crate) refused: Refusals,
}

/// An answer as it came: the incident, and whether somebody was offered.
struct Answer {
    at: Instant,
    incident: u32,
    offered: bool,
}

/// One desk a grade, a connection each.
pub(crate) struct Desks(Vec<Client>);

impl Desks {
    pub(crate) fn connect(at: std::net::SocketAddr) -> anyhow::Result<Self> {
        let desks = GRADES.iter().map(|_| Client::connect(at));
        Ok(Self(desks.collect::<anyhow::Result<_>>()?))
    }
}

/// Runs one phase. `first` is the number of its first call and emergency.
pub(crate) fn run(
    pace: Pace,
    first: (u32, u32),
    fleet: Fleet,
    desks: &Desks,
    positions: &mut Positions,
    texts: &Offers,
) -> anyhow::Result<Measured> {
    let began = Instant::now() + Duration::from_millis(50);
    let due = |number: u32| began + Duration::from_secs(1) * number / pace.calls;
    let calls = pace.calls * pace.seconds;
    let end = began + Duration::from_secs(1) * pace.seconds;
    let done = AtomicBool::new(false);
    let (sent, lied) = (AtomicU64::new(0), AtomicU64::new(0));
    let of_grade = |grade| (0..calls).filter(move |number| pace.grade(*number) == grade);
    let mut streams = Vec::new();
    for desk in &desks.0 {
        streams.push(desk.stream()?);
    }
    let mut writers: Vec<_> = streams
        .iter()
        .map(TcpStream::try_clone)
        .collect::<Result<_, _>>()?;
    let mut heard: Vec<Offer> = Vec::new();
    let helped = Mutex::new(BTreeSet::new());
    let (answers, (pressed, pressed_again)) = std::thread::scope(|scope| -> anyhow::Result<_> {
        let readers = streams.into_iter().enumerate().map(|(grade, stream)| {
            let expected = of_grade(grade).count();
            scope.spawn(move || read(stream, expected))
        });
        let readers: Vec<_> = readers.collect();
        let air_says = Air {
            done: &done,
            sent: &sent,
            lied: &lied,
            helped: &helped,
        };
        let air =
            scope.spawn(move || drive(pace, (first.1, fleet), positions, began, end, air_says));
        scope.spawn(move || -> anyhow::Result<()> {
            for number in 0..calls {
                std::thread::sleep(due(number).saturating_duration_since(Instant::now()));
                let grade = pace.grade(number);
                let line = call(first.0 + number, GRADES[grade]);
                writers[grade].write_all(line.as_bytes())?;
            }
            Ok(())
        });
        while let Some(left) = (end + PATIENCE / 5).checked_duration_since(Instant::now()) {
            let Ok(text) = texts.recv_timeout(left) else {
                continue;
            };
            if let Some(unit) = text.emergency {
                helped
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(unit);
            }
            heard.push(text);
        }
        done.store(true, Ordering::Relaxed);
        let joined = |_| anyhow::anyhow!("a thread of the load panicked");
        let answers = readers.into_iter().map(|it| it.join().map_err(joined)?);
        let answers = answers.collect::<anyhow::Result<Vec<_>>>()?;
        Ok((answers, air.join().map_err(joined)?))
    })?;
    let mut measured = Measured {
        emergencies: Times::new()?,
        grades: Vec::new(),
        positions: sent.into_inner(),
        lies: lied.into_inner(),
        pressed_again,
        refused: Refusals::default(),
    };
    let mut frames = BTreeMap::new();
    let mut backups = BTreeMap::new();
    for text in heard {
        frames.entry(text.incident).or_insert(text.arrived);
        if let Some(unit) = text.emergency {
            backups.entry(unit).or_insert(text.arrived);
        }
    }
    for (grade, (answers, refused)) in answers.into_iter().enumerate() {
        let mut times = Times::new()?;
        for number in of_grade(grade) {
            times.calls += 1;
            let Some(answer) = answers.get(&(first.0 + number)) else {
                times.lost += 1;
                continue;
            };
            note(&mut times.to_answer, due(number), answer.at)?;
            match frames.get(&answer.incident) {
                Some(at) if answer.offered => note(&mut times.to_frame, due(number), *at)?,
                None if answer.offered => times.unsent += 1,
                _ => {}
            }
        }
        times.lost -= refused.total();
        measured.refused.add(&refused);
        measured.grades.push(times);
    }
    for (unit, at) in pressed {
        let times = &mut measured.emergencies;
        times.calls += 1;
        match backups.get(&unit) {
            Some(frame) => note(&mut times.to_frame, at, *frame)?,
            None => times.unsent += 1,
        }
    }
    Ok(measured)
}

fn note(times: &mut Histogram<u64>, from: Instant, to: Instant) -> anyhow::Result<()> {
    let took = to.saturating_duration_since(from);
    times.saturating_record(u64::try_from(took.as_nanos())?);
    Ok(())
}

fn call(number: u32, grade: &str) -> String {
    let mut params = report(&format!("call-{number}"), number);
    params["grade"] = json!(grade);
    let request =
        json!({ "jsonrpc": "2.0", "id": number, "method": "incident.report", "params": params });
    format!("{request}\n")
}

/// Reads answers until all are there or none came for long.
fn read(stream: TcpStream, expected: usize) -> anyhow::Result<(BTreeMap<u32, Answer>, Refusals)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream);
    let (mut answers, mut refused) = (BTreeMap::new(), Refusals::default());
    let mut line = String::new();
    let mut answered = 0;
    while answered < expected {
        line.clear();
        if !lines.read_line(&mut line).is_ok_and(|length| length > 0) {
            break;
        }
        let at = Instant::now();
        let answer: Value = serde_json::from_str(&line)?;
        // What everybody is told, of a flood for instance.
        if answer.get("method").is_some() {
            continue;
        }
        answered += 1;
        let result = &answer["result"];
        match (answer["id"].as_u64(), result["incident"].as_u64()) {
            (Some(number), Some(incident)) => {
                let incident = u32::try_from(incident)?;
                let answer = Answer {
                    at,
                    incident,
                    offered: offers(result, incident),
                };
                answers.insert(u32::try_from(number)?, answer);
            }
            _ => refused.note(&kind(&answer["error"])),
        }
    }
    Ok((answers, refused))
}

fn offers(result: &Value, incident: u32) -> bool {
    let offered = result["offered"].as_array();
    offered.is_some_and(|offers| offers.iter().any(|offer| offer["incident"] == incident))
}

/// What the thread of the air shares with the others.
#[derive(Clone, Copy)]
struct Air<'a> {
    done: &'a AtomicBool,
    sent: &'a AtomicU64,
    lied: &'a AtomicU64,
    /// Units whose back-up was sent.
    helped: &'a Mutex<BTreeSet<u32>>,
}

/// Sends positions and emergencies at their pace; which unit pressed when, and how often one had to
/// press again.
fn drive(
    pace: Pace,
    (first, fleet): (u32, Fleet),
    positions: &mut Positions,
    began: Instant,
    end: Instant,
    air: Air<'_>,
) -> (Vec<(u32, Instant)>, u64) {
    let Air {
        done,
        sent,
        lied,
        helped,
    } = air;
    let (mut unit, mut pressed, mut again) = (0, Vec::new(), 0);
    let stuck = SystemTime::now();
    // Who pressed, and waits for help, since when.
    let mut waiting: Vec<(u32, Instant)> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        let now = Instant::now();
        // A real radio calls until it is answered.
        let helped = helped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        waiting.retain(|(caller, _)| !helped.contains(caller));
        for (caller, at) in &mut waiting {
            if at.elapsed() > AGAIN && positions.press(*caller).is_ok() {
                (*at, again) = (now, again + 1);
            }
        }
        if now > end {
            continue;
        }
        let seconds = now.saturating_duration_since(began).as_secs_f64();
        if seconds > pace.emergency_every * (pressed.len() as f64 + 0.5) {
            let caller = fleet.caller(first + pressed.len() as u32);
            let at = Instant::now();
            if positions.press(caller).is_ok() {
                pressed.push((caller, at));
                waiting.push((caller, at));
            }
        }
        let due = (seconds * f64::from(pace.positions)) as u64;
        while sent.load(Ordering::Relaxed) < due {
            if positions.send(unit).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
            unit += 1;
        }
        while lied.load(Ordering::Relaxed) < (seconds * f64::from(pace.lies)) as u64 {
            let number = lied.fetch_add(1, Ordering::Relaxed) as u32;
            // One that the socket refuses is lost, like any other datagram.
            let _ = lie(positions, fleet.liar(number), number / fleet.liars, stuck);
        }
    }
    (pressed, again)
}
