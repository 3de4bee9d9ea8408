//! Opening the journal and making the engine what it was: the newest sound snapshot, and what the
//! journal holds behind it. Whatever is not used is told.

use super::archive::restore;
use super::start::StartError;
use crate::engine::Engine;
use crate::engine::event::Event;
use crate::engine::id::EngineTime;
use crate::engine::policy::Policy;
use crate::journal::{self, ChainPoint, Disk, Journal, Kind, Options, Recovery};

/// An open journal and what it came to.
pub(crate) struct Opened<D> {
    pub(crate) journal: Journal<D>,
    pub(crate) recovery: Recovery,
    pub(crate) engine: Engine,
}

/// Opens the journal and makes the engine what it was, from a snapshot where there is one.
pub(crate) fn open<D: Disk>(
    disk: D,
    snapshots: Option<&mut D>,
    options: &Options,
    policy: &Policy,
) -> Result<Opened<D>, StartError> {
    let found = snapshots.and_then(|disk| newest(disk, policy));
    let (after, mut engine) = match found {
        Some((point, engine)) => (Some(point), engine),
        None => (None, Engine::new(policy.clone())),
    };
    let options = Options { after, ..*options };
    let mut broken: Option<StartError> = None;
    let (journal, recovery) = Journal::open(disk, &options, |record| {
        if record.kind != Kind::EVENT || broken.is_some() {
            return;
        }
        match postcard::from_bytes::<Event>(record.payload) {
            Ok(event) => engine.apply(EngineTime(record.time_ms), &event),
            Err(error) => {
                let reason = error.to_string();
                broken = Some(StartError::Record {
                    seq: record.seq,
                    reason,
                });
            }
        }
    })?;
    engine.replayed();
    report(&recovery, after);
    match broken {
        Some(error) => Err(error),
        None => Ok(Opened {
            journal,
            recovery,
            engine,
        }),
    }
}

/// The newest snapshot that can be used. A faulty one is told and the one before it is looked at;
/// without any the whole journal is replayed.
fn newest<D: Disk>(disk: &mut D, policy: &Policy) -> Option<(ChainPoint, Engine)> {
    let files = journal::snapshots(disk).unwrap_or_else(|error| {
        tracing::warn!(%error, "no snapshot is used");
        Vec::new()
    });
    for file in files {
        match journal::read_snapshot(disk, &file) {
            Ok(snapshot) => match restore(policy, &snapshot) {
                Some(engine) => return Some((snapshot.head.point, engine)),
                None => {
                    let format = snapshot.head.format;
                    tracing::warn!(name = file.name, format, "a snapshot of another program");
                }
            },
            Err(error) => tracing::warn!(%error, "a snapshot is not used"),
        }
    }
    None
}

/// Nothing that recovery did is silent.
fn report(recovery: &Recovery, after: Option<ChainPoint>) {
    let Recovery {
        records,
        segments,
        down_ms,
        wall_gap_ms,
        ..
    } = recovery;
    let snapshot = after.map_or(0, |after| after.seq);
    tracing::info!(snapshot, records, segments, down_ms, "journal replayed");
    if i64::try_from(*down_ms).ok() != Some(*wall_gap_ms) {
        tracing::warn!(
            down_ms,
            wall_gap_ms,
            "engine time did not follow the wall clock"
        );
    }
    for torn in &recovery.torn {
        tracing::warn!(%torn, "a torn batch was cut: it was never acknowledged");
    }
    for damage in &recovery.covered {
        tracing::error!(%damage, "the journal is damaged; a snapshot makes it good");
    }
    for stray in &recovery.stray {
        tracing::warn!(%stray, "bytes in unused space");
    }
    for repaired in &recovery.repaired {
        tracing::warn!(%repaired, "records were given up by a repair");
    }
    if let Some(damage) = &recovery.damage {
        tracing::error!(%damage, "the journal is damaged");
    }
}
