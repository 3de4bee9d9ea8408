//! Opening the journal and making the engine what it was: the newest sound snapshot, or the base of
//! a journal that was pruned, and what the journal holds behind it. Whatever is not used is told.

use super::archive::restore;
use super::base;
use super::start::StartError;
use crate::engine::Engine;
use crate::engine::event::Event;
use crate::engine::id::EngineTime;
use crate::engine::policy::Policy;
use crate::journal::{
    self, Base, ChainPoint, Disk, Journal, Kind, OpenError, Options, Recovery, ScanError,
};

/// An open journal and what it came to.
pub(crate) struct Opened<D> {
    pub(crate) journal: Journal<D>,
    pub(crate) recovery: Recovery,
    pub(crate) engine: Engine,
}

/// Opens the journal and makes the engine what it was, from a snapshot where there is one.
pub(crate) fn open<D: Disk>(
    mut disk: D,
    snapshots: Option<&mut D>,
    options: &Options,
    policy: &Policy,
) -> Result<Opened<D>, StartError> {
    let base = base_of(&mut disk)?;
    let base_seq = base.as_ref().map_or(0, |base| base.snapshot.head.point.seq);
    let found = snapshots.and_then(|disk| newest(disk, policy, base_seq));
    let (after, mut engine) = match (found, &base) {
        (Some((point, engine)), _) => (Some(point), engine),
        (None, Some(base)) => {
            let point = base.snapshot.head.point;
            (Some(point), base::restore(policy, base)?)
        }
        (None, None) => (None, Engine::new(policy.clone())),
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

/// Where a pruned journal begins. Without its base a snapshot may still serve, which is told.
fn base_of<D: Disk>(disk: &mut D) -> Result<Option<Base>, OpenError> {
    match journal::base(disk) {
        Err(error @ ScanError::NoBase { .. }) => {
            tracing::error!(%error, "the journal's base is missing or damaged");
            Ok(None)
        }
        base => Ok(base?),
    }
}

/// The newest snapshot from `base_seq` on that can be used. A faulty one is told and the one before
/// it is looked at; without any the whole journal is replayed.
pub(crate) fn newest<D: Disk>(
    disk: &mut D,
    policy: &Policy,
    base_seq: u64,
) -> Option<(ChainPoint, Engine)> {
    let files = journal::snapshots(disk).unwrap_or_else(|error| {
        tracing::warn!(%error, "no snapshot is used");
        Vec::new()
    });
    for file in files.into_iter().filter(|file| file.seq >= base_seq) {
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
