//! The report's figures, counted from the journal and the client's own record: the daemon is not
//! asked whether it lost anything.

use super::client;
use crate::engine::assignment::Rung;
use crate::engine::event::Event;
use crate::engine::id::{AssignmentId, EngineTime, IncidentId};
use crate::engine::incident::Report;
use crate::engine::policy::{Ladder, Limits};
use crate::journal::{FileDisk, Kind, Record};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How much later than its limit an alarm or a transition may come, milliseconds.
const GRACE_MS: u64 = 500;

/// A report the daemon acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    /// The number it was given.
    pub incident: IncidentId,
    /// What was told in it.
    pub told: Told,
}

/// What makes a report that one and no other: the journal's must agree with the client's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The caller's number.
    pub caller: String,
    /// Place in words.
    pub place: String,
    /// What happened, in words.
    pub text: String,
    /// When it happened, milliseconds since 1970 UTC.
    pub occurred_at_ms: Option<i64>,
}

impl Told {
    /// As the journal has it.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self {
            caller: report.caller.clone(),
            place: report.place.clone(),
            text: report.text.clone(),
            occurred_at_ms: report.occurred_at_ms,
        }
    }

    /// As the daemon shows an incident.
    #[must_use]
    pub fn shown(incident: &Value) -> Self {
        let occurred_at_ms = incident.get("occurred_at_ms").and_then(Value::as_i64);
        Self {
            occurred_at_ms,
            ..Self::sent(incident)
        }
    }

    /// As a client sent it: the parameters of `incident.report`.
    #[must_use]
    pub fn sent(params: &Value) -> Self {
        let text = |name| params.get(name).and_then(Value::as_str).unwrap_or_default();
        let occurred_at: Option<Timestamp> = text("occurred_at").parse().ok();
        Self {
            caller: text("caller").to_owned(),
            place: text("place").to_owned(),
            text: text("text").to_owned(),
            occurred_at_ms: occurred_at.map(Timestamp::as_millisecond),
        }
    }
}

/// Counted figures.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Incidents in the journal.
    pub incidents: u64,
    /// Offers.
    pub offered: u64,
    /// Transport acks.
    pub sent: u64,
    /// Delivery acks.
    pub delivered: u64,
    /// Accepted.
    pub accepted: u64,
    /// Rolling.
    pub en_route: u64,
    /// On scene.
    pub on_scene: u64,
    /// Cleared.
    pub cleared: u64,
    /// Resolved incidents.
    pub resolved: u64,
    /// Next attempts on the air.
    pub retries: u64,
    /// Refused by officers.
    pub declines: u64,
    /// Not answered in time.
    pub expired: u64,
    /// Alarms raised.
    pub alarms: u64,
    /// Emergencies of officers.
    pub emergencies: u64,
    /// Further presses that joined them.
    pub emergency_repeats: u64,
    /// Units offered as back-up.
    pub emergency_backups: u64,
    /// Rungs that outlasted their limit without a transition or an alarm.
    pub silent_past_limit: u64,
    /// Calls acknowledged but not in the journal.
    pub lost: u64,
}

/// Where an open assignment stands and since when something was last said of it.
struct Open {
    rung: Rung,
    since: EngineTime,
    limits: Limits,
    by_voice: bool,
}

/// Counts as records come.
pub struct Audit {
    ladder: Ladder,
    figures: Figures,
    reported: BTreeMap<IncidentId, Told>,
    limits: BTreeMap<IncidentId, Limits>,
    emergencies: BTreeSet<IncidentId>,
    open: BTreeMap<AssignmentId, Open>,
    reported_at: BTreeMap<IncidentId, EngineTime>,
    incident_of: BTreeMap<AssignmentId, IncidentId>,
    /// From report to the first unit on scene, milliseconds of wall time.
    to_scene_ms: Vec<u64>,
}

impl Audit {
    /// An audit under the limits the daemon ran with.
    #[must_use]
    pub fn new(ladder: Ladder) -> Self {
        Self {
            ladder,
            figures: Figures::default(),
            reported: BTreeMap::new(),
            limits: BTreeMap::new(),
            emergencies: BTreeSet::new(),
            open: BTreeMap::new(),
            reported_at: BTreeMap::new(),
            incident_of: BTreeMap::new(),
            to_scene_ms: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, at: EngineTime, event: &Event) {
        match event {
            Event::IncidentReported {
                incident, report, ..
            } => {
                self.figures.incidents += 1;
                self.reported.insert(*incident, Told::of(report));
                self.reported_at.insert(*incident, at);
            }
            Event::IncidentConfirmed {
                incident, limits, ..
            } => {
                self.limits.insert(*incident, *limits);
            }
            Event::IncidentResolved { .. } => self.figures.resolved += 1,
            Event::AssignmentStacked {
                assignment,
                incident,
                ..
            } => {
                self.moved(at, *assignment, *incident, Rung::Stacked, false);
            }
            Event::AssignmentOffered {
                assignment,
                incident,
                offer,
                ..
            } => {
                self.figures.offered += 1;
                if self.emergencies.contains(incident) {
                    self.figures.emergency_backups += 1;
                }
                let by_voice = offer.terminal.is_none();
                self.moved(at, *assignment, *incident, Rung::Offered, by_voice);
            }
            Event::AssignmentRetried { assignment, .. } => {
                self.figures.retries += 1;
                self.stepped(at, *assignment, Rung::Offered);
            }
            Event::AssignmentAdvanced {
                assignment, rung, ..
            } => {
                self.count(at, *assignment, *rung);
                self.stepped(at, *assignment, *rung);
            }
            Event::AssignmentDeclined { assignment, .. } => {
                self.figures.declines += 1;
                self.stepped(at, *assignment, Rung::Declined);
            }
            Event::AssignmentExpired { assignment, .. } => {
                self.figures.expired += 1;
                self.stepped(at, *assignment, Rung::Expired);
            }
            Event::AssignmentRecalled { assignment, .. } => {
                self.stepped(at, *assignment, Rung::Recalled);
            }
            Event::AlarmRaised { about, .. } => {
                self.figures.alarms += 1;
                if let Some(assignment) = about.assignment {
                    self.said(at, assignment);
                }
            }
            Event::EmergencyRaised { incident, .. } => {
                self.figures.emergencies += 1;
                self.emergencies.insert(*incident);
            }
            Event::EmergencyRepeated { .. } => self.figures.emergency_repeats += 1,
            // A repeated alarm comes with the event that sets the next limit.
            Event::AssignmentOverdue { assignment, .. } => self.said(at, *assignment),
            _ => {}
        }
    }

    fn count(&mut self, at: EngineTime, assignment: AssignmentId, rung: Rung) {
        let figure = match rung {
            Rung::Sent => &mut self.figures.sent,
            Rung::Delivered => &mut self.figures.delivered,
            Rung::Accepted => &mut self.figures.accepted,
            Rung::EnRoute => &mut self.figures.en_route,
            Rung::OnScene => &mut self.figures.on_scene,
            Rung::Cleared => &mut self.figures.cleared,
            _ => return,
        };
        *figure += 1;
        let incident = self.incident_of.get(&assignment);
        if rung == Rung::OnScene
            && let Some(reported_at) = incident.and_then(|id| self.reported_at.remove(id))
        {
            self.to_scene_ms.push(at.since_ms(reported_at));
        }
    }

    fn moved(
        &mut self,
        at: EngineTime,
        assignment: AssignmentId,
        incident: IncidentId,
        rung: Rung,
        by_voice: bool,
    ) {
        self.judge(at, assignment);
        self.incident_of.insert(assignment, incident);
        if let Some(limits) = self.limits.get(&incident) {
            let open = Open {
                rung,
                since: at,
                limits: *limits,
                by_voice,
            };
            self.open.insert(assignment, open);
        }
    }

    fn stepped(&mut self, at: EngineTime, assignment: AssignmentId, rung: Rung) {
        self.judge(at, assignment);
        if !rung.is_open() {
            self.open.remove(&assignment);
        } else if let Some(open) = self.open.get_mut(&assignment) {
            open.rung = rung;
            open.since = at;
        }
    }

    fn said(&mut self, at: EngineTime, assignment: AssignmentId) {
        self.judge(at, assignment);
        if let Some(open) = self.open.get_mut(&assignment) {
            open.since = at;
        }
    }

    /// Whether nothing was said for too long until `at`.
    fn judge(&mut self, at: EngineTime, assignment: AssignmentId) {
        let Some(open) = self.open.get(&assignment) else {
            return;
        };
        let ladder = &self.ladder;
        let limit_ms = match open.rung {
            Rung::Stacked => ladder.stacked_ms,
            Rung::Offered if open.by_voice => open.limits.accept_ms,
            Rung::Offered => ladder.send_ms,
            Rung::Sent => ladder.deliver_ms,
            Rung::Delivered => open.limits.accept_ms,
            Rung::Accepted => open.limits.roll_ms,
            Rung::EnRoute => open.limits.arrive_ms,
            Rung::OnScene => open.limits.on_scene_ms,
            _ => return,
        };
        if at.since_ms(open.since) > u64::from(limit_ms) + GRACE_MS {
            self.figures.silent_past_limit += 1;
        }
    }

    /// The figures at the end, `at` engine time, against the client's record.
    #[must_use]
    pub fn finish(mut self, at: EngineTime, acked: &[Acked]) -> (Figures, Vec<u64>) {
        let open: Vec<_> = self.open.keys().copied().collect();
        for assignment in open {
            self.judge(at, assignment);
        }
        let kept = |acked: &&Acked| self.reported.get(&acked.incident) == Some(&acked.told);
        let found = acked.iter().filter(kept).count();
        self.figures.lost = u64::try_from(acked.len() - found).unwrap_or(u64::MAX);
        self.to_scene_ms.sort_unstable();
        (self.figures, self.to_scene_ms)
    }
}

/// Audits the journal in `dir`.
///
/// # Errors
/// When the journal cannot be read.
pub fn audit(dir: &Path, ladder: Ladder, acked: &[Acked]) -> anyhow::Result<(Figures, Vec<u64>)> {
    let mut audit = Audit::new(ladder);
    let last = walk(dir, |at, event| audit.take(at, event))?;
    Ok(audit.finish(last, acked))
}

/// Hands every event of the journal in `dir` to `take`; the time of the last record.
///
/// # Errors
/// When the journal cannot be read, or an event in it.
pub fn walk(dir: &Path, mut take: impl FnMut(EngineTime, &Event)) -> anyhow::Result<EngineTime> {
    let mut last = EngineTime(0);
    let mut unreadable = 0u64;
    crate::journal::read(
        &mut FileDisk::read_only(dir),
        1,
        u64::MAX,
        |record: Record<'_>| {
            last = EngineTime(record.time_ms);
            if record.kind == Kind::EVENT {
                match postcard::from_bytes(record.payload) {
                    Ok(event) => take(last, &event),
                    Err(_) => unreadable += 1,
                }
            }
        },
    )?;
    anyhow::ensure!(
        unreadable == 0,
        "{unreadable} records of the journal are unreadable"
    );
    Ok(last)
}

/// A report's answer as the client keeps it, with what it sent.
#[must_use]
pub fn acked(answer: &Value, params: &Value) -> Option<Acked> {
    let number = answer.get("incident")?.as_u64()?;
    let incident = IncidentId(u32::try_from(number).ok()?);
    let told = Told::sent(params);
    Some(Acked { incident, told })
}

/// Whether an error is a refusal the daemon gave, and not a broken connection.
#[must_use]
pub fn is_refusal(error: &anyhow::Error) -> bool {
    error.is::<client::Refused>()
}
