//! What consoles may ask of the archive, and what the daemon knows of it. The archive itself is
//! outside: a question leaves as an output and its answer comes back as an input.

use super::output::{Outbox, Output};
use super::rpc::{self, Problem};
use super::session::ConsoleId;
use super::view::{ArchiveHealth, Rebuilding, SnapshotHealth};
use super::{Daemon, Now};
use crate::engine::call::{CallPhase, Invalid};
use crate::engine::id::{CallId, IncidentId, Point};
use crate::engine::policy::Grade;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Questions that may be on their way at once.
pub const MAX_QUESTIONS: usize = 64;
/// Most items a page holds.
pub const MAX_PAGE: usize = 200;
/// Items of a page unless asked otherwise.
pub const DEFAULT_PAGE: usize = 50;

/// Where a page ended: time of report or arrival in UTC ms since 1970, and number.
pub type Cursor = (i64, u32);

/// A grid (网格) or a community (社区): what is nearer to its centre than to any other of its kind,
/// because the config knows no more of them than their centres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Centres of all of its kind, in the config's order.
    pub centres: Vec<Point>,
    /// Which of them is its own.
    pub own: usize,
}

impl Area {
    /// Whether a place lies in it; of two equally far the first in the config has it.
    #[must_use]
    pub fn holds(&self, at: Point) -> bool {
        let centres = self.centres.iter().enumerate();
        let nearest = centres.min_by_key(|(number, centre)| (centre.distance_cm(at), *number));
        nearest.is_some_and(|(number, _)| number == self.own)
    }
}

/// Which part of what is listed by time, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// Reported, or arrived, at or after, UTC ms since 1970.
    pub from_ms: Option<i64>,
    /// Reported, or arrived, before, UTC ms since 1970.
    pub to_ms: Option<i64>,
    /// Only what is older than the end of the page before.
    pub cursor: Option<Cursor>,
    /// Most items of this page.
    pub limit: usize,
}

/// Which incidents; everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// When they were reported, and how many.
    pub span: Span,
    /// This number.
    pub incident: Option<IncidentId>,
    /// A unit with this call sign had an assignment.
    pub unit: Option<String>,
    /// Its grade now.
    pub grade: Option<Grade>,
    /// Key of its category now.
    pub category: Option<String>,
    /// It lies in all of these.
    pub areas: Vec<Area>,
    /// Words that all stand in place, text, caller or notes.
    pub text: Option<String>,
}

/// Which calls; everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// When they came in, and how many.
    pub span: Span,
    /// This number of ours.
    pub call: Option<CallId>,
    /// The caller's number, all of it.
    pub caller: Option<String>,
    /// Where it stands.
    pub phase: Option<CallPhase>,
    /// What kind of invalid it is.
    pub invalid: Option<Invalid>,
    /// It belongs to none.
    pub without_incident: bool,
}

/// A question to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A page of incidents, newest report first.
    List(Box<Filter>),
    /// A page of calls, newest arrival first.
    Calls(Box<CallFilter>),
    /// One incident the engine does not keep any more.
    Get(IncidentId),
}

/// How many of each there are in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Incidents in it.
    pub incidents: u64,
    /// Calls in it, those without an incident too.
    pub calls: u64,
}

/// The newest snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// The journal's record it was taken behind.
    pub record: u64,
    /// Wall label of that record, UTC ms since 1970.
    pub wall_ms: i64,
    /// Its length.
    pub bytes: u64,
}

/// How archive and snapshots are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Events it has, counted as the engine's `seq`.
    pub seq: u64,
    /// What is in it.
    pub rows: Rows,
    /// Records done and in all while it is made again.
    pub rebuilding: Option<(u64, u64)>,
    /// The journal is damaged before a snapshot: what happened in between is missing here.
    pub gap: bool,
    /// Why there is none.
    pub failed: Option<String>,
    /// The newest snapshot.
    pub snapshot: Option<SnapshotStatus>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArchiveNote {
    /// Events the archive has.
    pub seq: u64,
    /// Whether that is all this connection was told of, with nothing missing.
    pub complete: bool,
}

impl Status {
    /// Whether it holds every event up to `seq`.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        self.seq >= seq && self.rebuilding.is_none() && self.failed.is_none()
    }

    /// What an answer says of where it comes from.
    #[must_use]
    pub fn note(&self, wanted: u64) -> ArchiveNote {
        ArchiveNote {
            seq: self.seq,
            complete: self.has(wanted) && !self.gap,
        }
    }
}

impl Daemon {
    /// Sends a question on its way; the answer is written when it comes back.
    pub(super) fn ask_archive(
        &mut self,
        console: ConsoleId,
        id: &Value,
        ask: Ask,
        out: &mut dyn Outbox,
    ) {
        let Some(session) = self.sessions.get(&console) else {
            return;
        };
        if self.questions >= MAX_QUESTIONS {
            let message = "the archive has enough to do: ask again";
            let problem = Problem::new(Problem::BUSY, message);
            return self.refuse(console, id, &problem, out);
        }
        let wanted = session.acked_seq;
        self.questions += 1;
        let id = id.clone();
        out.push(Output::AskArchive {
            console,
            id,
            ask,
            wanted,
        });
    }

    /// An answer came back.
    pub(super) fn archive_answered(
        &mut self,
        console: ConsoleId,
        id: &Value,
        answer: Result<String, String>,
        out: &mut dyn Outbox,
    ) {
        self.questions = self.questions.saturating_sub(1);
        match answer {
            Ok(answer) => self.write(console, rpc::answer(id, &answer), out),
            Err(why) => {
                let mut problem = Problem::new(Problem::REJECTED, why);
                problem.data = Some(json!({ "kind": "not_archived" }));
                self.refuse(console, id, &problem, out);
            }
        }
    }

    /// The archive for `system.health`.
    pub(super) fn archive_health(&self) -> ArchiveHealth<'_> {
        let status = &self.archive;
        ArchiveHealth {
            seq: status.seq,
            lag: self.engine.state().seq.saturating_sub(status.seq),
            incidents: status.rows.incidents,
            calls: status.rows.calls,
            rebuilding: status
                .rebuilding
                .map(|(done, total)| Rebuilding { done, total }),
            gap: status.gap,
            failed: status.failed.as_deref(),
        }
    }

    /// The newest snapshot for `system.health`.
    pub(super) fn snapshot_health(&self, now: Now) -> Option<SnapshotHealth> {
        self.archive.snapshot.map(|snapshot| SnapshotHealth {
            record: snapshot.record,
            bytes: snapshot.bytes,
            age_ms: now.wall_ms.saturating_sub(snapshot.wall_ms).max(0),
        })
    }
}
