//! Watches from outside: what consoles were answered and told, what reached the air, and what the
//! journal holds when it is opened anew. The daemon is never asked whether it was right.

use crate::cli::audit::{Acked, Audit, Figures, Told};
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::event::Event;
use crate::engine::id::EngineTime;
use crate::journal::{self, ChainPoint, Kind, SimDisk};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Faults that are told one by one; all are counted.
const TOLD: usize = 20;
/// Rungs in the order of the ladder; those behind the seventh have ended.
const LADDER: [&str; 11] = [
    "stacked",
    "offered",
    "sent",
    "delivered",
    "accepted",
    "en_route",
    "on_scene",
    "cleared",
    "declined",
    "expired",
    "recalled",
];
const ON_SCENE: usize = 6;
/// What was decided so long before the end may not have reached a slow disk.
const SLOWEST_MS: u64 = 6_000;

/// What went wrong that must not.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) count: u64,
    pub(super) first: Vec<String>,
}

/// What one console can know of the assignments.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Epoch and number of the last delta; none before a subscription.
    pub(super) at: Option<(u64, u64)>,
    /// The pages show what may never be durable: the disk has failed.
    unsure: bool,
    /// Unit, rung and attempt of each open assignment.
    open: BTreeMap<u64, (String, usize, u64)>,
    /// Those it saw end, ever.
    ended: BTreeSet<u64>,
}

impl Board {
    /// It is not followed any more.
    pub(super) fn left(&mut self) {
        self.at = None;
        self.open.clear();
    }
}

/// The auditor.
pub(super) struct Auditor {
    pub(super) faults: Faults,
    pub(super) accepted: u64,
    acked: BTreeMap<String, Acked>,
    /// Answered since the journal was last looked at.
    fresh: Vec<Acked>,
    /// The greatest incident a frame named.
    on_air: u32,
    audit: Audit,
    audited: Option<ChainPoint>,
}

impl Auditor {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            faults: Faults::default(),
            accepted: 0,
            acked: BTreeMap::new(),
            fresh: Vec::new(),
            on_air: 0,
            audit: Audit::new(config.policy.ladder),
            audited: None,
        }
    }

    /// Notes what must not be.
    pub(super) fn fault(&mut self, ms: u64, what: &str) {
        self.faults.count += 1;
        if self.faults.first.len() < TOLD {
            let (hours, rest) = (ms / 3_600_000, ms % 3_600_000);
            let (minutes, seconds) = (rest / 60_000, rest % 60_000 / 1_000);
            let told = format!("{hours}:{minutes:02}:{seconds:02} {what}");
            self.faults.first.push(told);
        }
    }

    /// A console's report was acknowledged under this key, perhaps once more.
    pub(super) fn acknowledged(&mut self, ms: u64, key: &str, params: &Value, result: &Value) {
        let Some(acked) = crate::cli::audit::acked(result, params) else {
            return self.fault(
                ms,
                &format!("an answer to {key} names no incident: {result}"),
            );
        };
        match self.acked.get(key) {
            Some(known) if *known != acked => {
                let (was, is) = (known.incident.0, acked.incident.0);
                self.fault(ms, &format!("key {key} made incident {was} and then {is}"));
            }
            Some(_) => {}
            None => {
                self.fresh.push(acked.clone());
                self.acked.insert(key.to_owned(), acked);
            }
        }
    }

    /// A console was told what its subscription begins with.
    pub(super) fn subscribed(board: &mut Board, result: &Value) {
        let number = |name| result.get(name).and_then(Value::as_u64);
        board.at = number("epoch").zip(number("seq"));
        board.unsure = result
            .get("degraded")
            .is_some_and(|reason| !reason.is_null());
        board.open.clear();
    }

    /// A page of the board.
    pub(super) fn page(&mut self, ms: u64, board: &mut Board, params: &Value) {
        let items = params.get("items").and_then(Value::as_array);
        for item in items.into_iter().flatten() {
            if item.get("kind").and_then(Value::as_str) == Some("assignment")
                && let Some(value) = item.get("value")
            {
                self.assignment(ms, board, value);
            }
        }
        self.one_job_each(ms, board);
    }

    /// A delta: the next one, of legal steps, and no unit has two jobs.
    pub(super) fn delta(&mut self, ms: u64, board: &mut Board, params: &Value) {
        let number = |name| params.get(name).and_then(Value::as_u64);
        let (Some((epoch, seq)), Some(now)) = (board.at, number("epoch").zip(number("seq"))) else {
            return;
        };
        if now != (epoch, seq + 1) {
            let (is, wanted) = (now.1, seq + 1);
            self.fault(ms, &format!("delta {is} came where {wanted} was due"));
        }
        board.at = Some(now);
        let assignments = params.get("assignments").and_then(Value::as_array);
        for value in assignments.into_iter().flatten() {
            self.assignment(ms, board, value);
        }
        self.one_job_each(ms, board);
    }

    fn assignment(&mut self, ms: u64, board: &mut Board, value: &Value) {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (id, attempt) = (number("assignment"), number("attempt"));
        let Some(rung) = LADDER.iter().position(|name| *name == text("rung")) else {
            return self.fault(ms, &format!("assignment {id} stands at `{}`", text("rung")));
        };
        if let Some((_, before, tried)) = board.open.get(&id) {
            let again = rung == 1 && attempt > *tried;
            if rung < *before && !again {
                let from = LADDER.get(*before).copied().unwrap_or_default();
                let to = text("rung");
                self.fault(
                    ms,
                    &format!("assignment {id} went from {from} back to {to}"),
                );
            }
        }
        if rung > ON_SCENE {
            if !board.unsure {
                board.ended.insert(id);
            }
            board.open.remove(&id);
        } else if board.ended.contains(&id) {
            self.fault(ms, &format!("assignment {id} had ended and is open again"));
        } else {
            board
                .open
                .insert(id, (text("unit").to_owned(), rung, attempt));
        }
    }

    fn one_job_each(&mut self, ms: u64, board: &Board) {
        let mut busy = BTreeMap::new();
        for (id, (unit, rung, _)) in &board.open {
            if *rung > 0
                && let Some(other) = busy.insert(unit.as_str(), *id)
            {
                let what = format!("{unit} has assignments {other} and {id} at once");
                self.faults.count += 1;
                if self.faults.first.len() < TOLD {
                    self.faults.first.push(format!("{ms} {what}"));
                }
            }
        }
    }

    /// A datagram the daemon sent: which incident it names, if it is an offer.
    pub(super) fn sent(&mut self, datagram: &[u8]) {
        if let Some(incident) = named(datagram) {
            self.on_air = self.on_air.max(incident);
        }
    }

    /// The journal was opened anew: all that was acknowledged or sent is in it.
    pub(super) fn recovered(&mut self, ms: u64, engine: &Engine) {
        let state = engine.state();
        let last = state.counters.incident;
        if self.on_air > last {
            let on_air = self.on_air;
            self.fault(
                ms,
                &format!("incident {on_air} was on the air, the journal ends at {last}"),
            );
            self.on_air = last;
        }
        for acked in std::mem::take(&mut self.fresh) {
            let kept = state.incidents.get(&acked.incident);
            if kept.map(|incident| Told::of(&incident.report)) != Some(acked.told) {
                let number = acked.incident.0;
                self.fault(
                    ms,
                    &format!("incident {number} was acknowledged and is gone"),
                );
            }
        }
    }

    /// Reads on in the journal. The daemon was silent from engine time `silent_ms`, when it died or
    /// could write no more, until it was opened.
    pub(super) fn read_on(&mut self, ms: u64, disk: &SimDisk, silent_ms: Option<u64>) {
        let audit = &mut self.audit;
        let mut unread = 0u64;
        let read = journal::follow(&mut disk.kill(), self.audited, u64::MAX, |record| {
            if record.kind == Kind::OPENED {
                let opened = EngineTime(record.time_ms);
                let silent = silent_ms.map_or(record.time_ms, |at| at.saturating_sub(SLOWEST_MS));
                audit.was_down(EngineTime(silent), opened);
            } else if record.kind == Kind::EVENT {
                match postcard::from_bytes::<Event>(record.payload) {
                    Ok(event) => audit.take(EngineTime(record.time_ms), &event),
                    Err(_) => unread += 1,
                }
            }
        });
        match read {
            Ok(report) if report.damage.is_empty() && unread == 0 => {
                self.audited = report.tip.or(self.audited);
            }
            Ok(report) => {
                let damage = report.damage.len();
                self.fault(
                    ms,
                    &format!("the journal has {damage} faults, {unread} unreadable"),
                );
            }
            Err(error) => self.fault(ms, &format!("the journal cannot be read: {error}")),
        }
    }

    /// The figures of the whole journal, against all that was acknowledged.
    pub(super) fn finish(self, at_ms: u64) -> (Figures, Faults, u64) {
        let acked: Vec<Acked> = self.acked.into_values().collect();
        let reports = acked.len() as u64;
        let at = EngineTime(at_ms.saturating_sub(SLOWEST_MS));
        let (figures, _) = self.audit.finish(at, &acked);
        (figures, self.faults, reports)
    }
}

/// The number behind `#` in a text: DESIGN of the text, not its codec. A private text (TMP A1) over
/// HSTRP is six bytes of header, then `09 00 A1`.
fn named(datagram: &[u8]) -> Option<u32> {
    if datagram.get(6..9)? != [0x09, 0x00, 0xa1] {
        return None;
    }
    let text = datagram.get(9..)?;
    let hash = text.windows(2).position(|pair| pair == b"#\0")?;
    let units = text.get(hash + 2..)?.chunks_exact(2);
    let digits = units.map_while(|unit| match unit {
        [digit, 0] if digit.is_ascii_digit() => Some(u32::from(digit - b'0')),
        _ => None,
    });
    let digits: Vec<u32> = digits.collect();
    (!digits.is_empty()).then(|| {
        digits
            .iter()
            .fold(0u32, |sum, digit| sum.wrapping_mul(10) + digit)
    })
}
