//! What each segment of a journal holds, and how many of the oldest may go.
//!
//! Only whole segments, none with a record that is still to be kept, and none in which an incident
//! begins or goes on that is open, waits for its closing, or has a record that is still to be kept.

use crate::config::Retention;
use crate::daemon::board::Touched;
use crate::daemon::view::Views;
use crate::engine::Engine;
use crate::engine::event::Event;
use crate::engine::id::{CallId, EngineTime, IncidentId};
use crate::engine::policy::Policy;
use crate::geo::plane::Plane;
use crate::journal::{self, Base, Disk, Kind, Record, Report, SegmentFile};
use crate::shell::base;
use anyhow::{Context as _, Result, anyhow, ensure};
use std::collections::BTreeMap;

/// A journal read once, from its base or its first record to its end.
pub(super) struct Weighed {
    pub(super) segments: Vec<Held>,
    pub(super) incidents: BTreeMap<IncidentId, Life>,
    /// The engine at its end.
    pub(super) engine: Engine,
}

/// What a segment holds.
pub(super) struct Held {
    pub(super) file: SegmentFile,
    pub(super) records: u64,
    /// Wall labels of its oldest and its youngest record, UTC ms since 1970.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

/// Where an incident's records are.
pub(super) struct Life {
    /// The first segment with one, its calls' among them; a place in [`Weighed::segments`].
    pub(super) first: usize,
    /// Wall label of the last one, UTC ms since 1970.
    last_ms: i64,
}

/// Reads the journal on `disk`.
///
/// # Errors
/// When it is damaged, or another program's.
pub(super) fn weigh<D: Disk>(disk: &mut D, policy: &Policy, plane: &Plane) -> Result<Weighed> {
    let base = journal::base(disk)?;
    let held = |file| Held {
        file,
        records: 0,
        from_ms: i64::MAX,
        to_ms: i64::MIN,
    };
    let files = journal::segments(disk)?;
    let mut segments: Vec<_> = files.into_iter().map(held).collect();
    let mut incidents = BTreeMap::new();
    // The segment that holds each call's first record.
    let mut calls: BTreeMap<CallId, usize> = BTreeMap::new();
    let mut at = 0;
    let engine = begin(policy, base.as_ref())?;
    let (engine, _) = replay(
        disk,
        engine,
        base.as_ref(),
        u64::MAX,
        |engine, record, event| {
            let begun = |next: &Held| next.file.before.seq < record.seq;
            while segments.get(at + 1).is_some_and(begun) {
                at += 1;
            }
            if let Some(held) = segments.get_mut(at) {
                held.records += 1;
                held.from_ms = held.from_ms.min(record.wall_ms);
                held.to_ms = held.to_ms.max(record.wall_ms);
            }
            let Some(event) = event else { return };
            let mut touched = Touched::default();
            let now = EngineTime(record.time_ms);
            touched.note(Views { engine, plane, now }, event);
            let wall_ms = record.wall_ms;
            for id in touched.incidents() {
                live(&mut incidents, id, at, wall_ms);
            }
            for id in touched.calls() {
                let first = *calls.entry(id).or_insert(at);
                let call = engine.state().calls.get(&id);
                if let Some(id) = call.and_then(|call| call.incident) {
                    live(&mut incidents, id, first, wall_ms);
                }
            }
        },
    )?;
    Ok(Weighed {
        segments,
        incidents,
        engine,
    })
}

fn live(incidents: &mut BTreeMap<IncidentId, Life>, id: IncidentId, at: usize, wall_ms: i64) {
    let life = incidents.entry(id).or_insert(Life {
        first: at,
        last_ms: wall_ms,
    });
    life.first = life.first.min(at);
    life.last_ms = life.last_ms.max(wall_ms);
}

/// The engine before the first record there is.
pub(super) fn begin(policy: &Policy, base: Option<&Base>) -> Result<Engine> {
    Ok(match base {
        Some(base) => base::restore(policy, base)?,
        None => Engine::new(policy.clone()),
    })
}

/// Applies to an engine at `base` all records up to `last`; `visit` sees each with its event.
pub(super) fn replay<D: Disk>(
    disk: &mut D,
    mut engine: Engine,
    base: Option<&Base>,
    last: u64,
    mut visit: impl FnMut(&Engine, &Record<'_>, Option<&Event>),
) -> Result<(Engine, Report)> {
    let after = base.map(|base| base.snapshot.head.point);
    let mut broken = None;
    let report = journal::follow(disk, after, last, |record| {
        if broken.is_some() {
            return;
        }
        if record.kind != Kind::EVENT {
            return visit(&engine, &record, None);
        }
        match postcard::from_bytes::<Event>(record.payload) {
            Ok(event) => {
                engine.apply(EngineTime(record.time_ms), &event);
                engine.replayed();
                visit(&engine, &record, Some(&event));
            }
            Err(error) => broken = Some((record.seq, error)),
        }
    })?;
    if let Some((seq, error)) = broken {
        let what = format!("failed to read record {seq} of the journal: a newer tieqi wrote it");
        return Err(anyhow!(error).context(what));
    }
    if let Some(damage) = report.damage.first() {
        return Err(anyhow!("{damage}")).context(
            "failed to prune: the journal is damaged, see `tieqi journal repair`; nothing was \
             removed",
        );
    }
    ensure!(
        report.tip.is_some(),
        "failed to prune: the journal is empty"
    );
    Ok((engine, report))
}

impl Weighed {
    /// How many of the oldest segments may go, and why the next one may not.
    pub(super) fn removable(&self, retention: &Retention, now_ms: i64) -> (usize, String) {
        let logs_from_ms = retention.logs_from_ms(now_ms);
        let young = self
            .segments
            .iter()
            .position(|held| held.to_ms >= logs_from_ms);
        let last = self.segments.len().saturating_sub(1);
        let wall = super::super::journal::wall;
        let mut bound = (last, "it is the last one that is used".to_owned());
        if let Some((at, held)) = young.and_then(|at| Some((at, self.segments.get(at)?)))
            && at < bound.0
        {
            let days = retention.logs_days;
            let text = format!("it has a record of {}: {days} days", wall(held.to_ms));
            bound = (at, text);
        }
        let from_ms = retention.incidents_from_ms(now_ms);
        for (id, life) in &self.incidents {
            let number = id.0;
            let why = match self.is_open(*id) {
                true => format!("incident {number} has records in it and is not closed"),
                false if life.last_ms >= from_ms => {
                    let (at, years) = (wall(life.last_ms), retention.incidents_years);
                    format!("incident {number} has records in it, the last of {at}: {years} years")
                }
                false => continue,
            };
            if life.first < bound.0 {
                bound = (life.first, why);
            }
        }
        bound
    }

    /// Whether somebody may still do something about an incident.
    fn is_open(&self, id: IncidentId) -> bool {
        let state = self.engine.state();
        let found = state.incidents.get(&id);
        state.unclosed.contains(&id) || found.is_some_and(|incident| incident.phase.is_open())
    }
}
