//! `tieqi journal prune`: what retention no longer asks for, and removing it.
//!
//! Without `--yes` it only reads, and shows. With it, under the data directory's lock: the state at
//! the last record that goes is made by replay, written as a base, read back, and tried: from it
//! the rest must come to the same state as before. Then the archive goes, which the daemon makes
//! again without the rows of what is gone; then the segments, the oldest first. What a repair
//! copied to `given-up/` is not touched.

mod weigh;

use crate::config::{Config, Retention};
use crate::engine::Engine;
use crate::engine::image::IMAGE_FORMAT;
use crate::journal::{self, Base, ChainPoint, Disk, FileDisk, Snapshot, SnapshotHead};
use crate::shell::archive::{ARCHIVE_DIR, BROKEN_DIR, SNAPSHOT_DIR};
use crate::shell::base;
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use std::fs;
use std::io::Write;
use std::path::Path;
use weigh::Weighed;

/// What would be, or was, removed.
#[derive(Serialize)]
struct Told {
    /// Whether it was done.
    done: bool,
    /// The time that counts as now.
    now: String,
    logs_days: u32,
    incidents_years: u32,
    /// Whole segments.
    segments: usize,
    records: u64,
    /// Their records' numbers and wall labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    /// Incidents with records in them.
    incidents: usize,
    /// Files, what an earlier prune left among them, and their bytes.
    files: Vec<String>,
    bytes: u64,
    /// Where the journal would begin, or begins, then.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Begins>,
    /// The first segment that stays, and why.
    stays: u32,
    because: String,
}

#[derive(Serialize)]
struct Range {
    from: u64,
    to: u64,
    oldest: String,
    youngest: String,
}

#[derive(Serialize)]
struct Begins {
    name: String,
    /// The last record in it.
    record: u64,
}

/// Tells what a prune of the journal in `dir`, or in the config's data directory, removes at the
/// wall time `now_ms`; with `yes` removes it.
///
/// # Errors
/// When a daemon has the directory and something is to be removed, the journal is damaged, or the
/// base does not come to the same state; nothing was removed then.
pub fn run(
    config: &Config,
    dir: Option<&Path>,
    now_ms: i64,
    (yes, json): (bool, bool),
    out: &mut dyn Write,
) -> Result<()> {
    let dir = dir.unwrap_or(&config.journal.dir);
    let mut disk = match yes {
        true => FileDisk::lock(dir)?,
        false => super::journal::disk(dir)?,
    };
    let weighed = weigh::weigh(&mut disk, &config.policy, &config.plane)?;
    let (count, because) = weighed.removable(&config.retention, now_ms);
    let mut told = tell(&mut disk, &weighed, count, &config.retention)?;
    (told.because, told.now) = (because, super::journal::wall(now_ms));
    if yes && !told.files.is_empty() {
        if count > 0 {
            begin_at(&mut disk, config, &weighed, count)?;
        }
        forget(dir)?;
        journal::prune(&mut disk)?;
        told.done = true;
    }
    if json {
        serde_json::to_writer(&mut *out, &told)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&told, yes, out)
}

fn tell(disk: &mut FileDisk, weighed: &Weighed, count: usize, keep: &Retention) -> Result<Told> {
    let gone = weighed.segments.get(..count).unwrap_or_default();
    let stays = weighed.segments.get(count);
    let stays = stays.context("failed to prune: the journal has no used segment")?;
    let files = journal::files_before(disk, stays.file.index)?;
    let wall = super::journal::wall;
    let oldest_ms = gone.iter().map(|held| held.from_ms).min();
    let youngest_ms = gone.iter().map(|held| held.to_ms).max();
    let range = gone.first().map(|first| Range {
        from: first.file.before.seq + 1,
        to: stays.file.before.seq,
        oldest: wall(oldest_ms.unwrap_or(0)),
        youngest: wall(youngest_ms.unwrap_or(0)),
    });
    let begun = weighed.incidents.values().filter(|life| life.first < count);
    Ok(Told {
        done: false,
        now: String::new(),
        logs_days: keep.logs_days,
        incidents_years: keep.incidents_years,
        segments: count,
        records: gone.iter().map(|held| held.records).sum(),
        base: range.as_ref().map(|range| Begins {
            name: journal::base_name(stays.file.index),
            record: range.to,
        }),
        range,
        incidents: begun.count(),
        bytes: files.iter().map(|file| file.len).sum(),
        files: files.into_iter().map(|file| file.name).collect(),
        stays: stays.file.index,
        because: String::new(),
    })
}

/// Makes the base before the segment that is `count`-th from now on.
fn begin_at(disk: &mut FileDisk, config: &Config, weighed: &Weighed, count: usize) -> Result<()> {
    let stays = weighed.segments.get(count).map(|held| held.file);
    let stays = stays.context("failed to prune: the journal has no used segment")?;
    let old = journal::base(disk)?;
    let engine = weigh::begin(&config.policy, old.as_ref())?;
    let last = stays.before.seq;
    let (engine, report) = weigh::replay(disk, engine, old.as_ref(), last, |_, _, _| ())?;
    ensure!(
        report.tip == Some(stays.before),
        "failed to make a base: record {last} is not what segment {} continues; nothing was \
         removed",
        stays.index
    );
    let head = SnapshotHead {
        format: IMAGE_FORMAT,
        point: stays.before,
        time_ms: report.time_ms,
        wall_ms: report.wall_ms,
    };
    let payload = base::encode(&engine).context("failed to make a base; nothing was removed")?;
    let (segment, snapshot) = (stays.index, Snapshot { head, payload });
    let made = Base { segment, snapshot };
    // Tried as a later start would: read, and followed to the end.
    let restored = base::restore(&config.policy, &made)?;
    let (restored, _) = weigh::replay(disk, restored, Some(&made), u64::MAX, |_, _, _| ())?;
    ensure!(
        image(&restored)? == image(&weighed.engine)?,
        "failed to make a base: it does not come to the same state; nothing was removed"
    );
    journal::write_base(disk, segment, &head, &made.snapshot.payload)?;
    Ok(())
}

fn image(engine: &Engine) -> Result<Vec<u8>> {
    Ok(postcard::to_allocvec(&engine.image())?)
}

/// Removes what else holds something of what goes: the archive, and snapshots before the base.
fn forget(dir: &Path) -> Result<()> {
    for name in [ARCHIVE_DIR, BROKEN_DIR] {
        let folder = dir.join(name);
        if folder.is_dir() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("failed to remove {}", folder.display()))?;
        }
    }
    let begins = journal::base(&mut FileDisk::read_only(dir))?;
    let begins: Option<ChainPoint> = begins.map(|base| base.snapshot.head.point);
    let folder = dir.join(SNAPSHOT_DIR);
    if !folder.is_dir() {
        return Ok(());
    }
    let mut disk = FileDisk::lock(&folder)?;
    for file in journal::snapshots(&mut disk)? {
        if begins.is_some_and(|begins| file.seq < begins.seq) {
            disk.remove(&file.name)?;
        }
    }
    Ok(())
}

fn print(told: &Told, yes: bool, out: &mut dyn Write) -> Result<()> {
    let Told {
        done,
        now,
        segments,
        records,
        incidents,
        bytes,
        stays,
        because,
        ..
    } = told;
    let files = told.files.len();
    let verb = if *done { "removed" } else { "would remove" };
    match &told.range {
        None if files == 0 => writeln!(out, "nothing to remove at {now}")?,
        None => writeln!(
            out,
            "{verb} {files} files that an earlier prune left, {bytes} bytes"
        )?,
        Some(Range {
            from,
            to,
            oldest,
            youngest,
        }) => {
            writeln!(
                out,
                "{verb} records {from} to {to} ({records}) of {incidents} incidents, from {oldest} \
                 to {youngest}: {segments} segments, {files} files, {bytes} bytes"
            )?;
        }
    }
    if let Some(Begins { name, record }) = &told.base {
        let begins = if *done { "begins" } else { "would begin" };
        writeln!(
            out,
            "the journal {begins} at {name}, behind record {record}"
        )?;
        writeln!(
            out,
            "the archive is made again by the daemon, without what was removed"
        )?;
    }
    writeln!(out, "segment {stays} stays: {because}")?;
    if files > 0 && !yes {
        writeln!(
            out,
            "nothing was changed: stop the daemon and repeat with --yes"
        )?;
    }
    Ok(())
}
