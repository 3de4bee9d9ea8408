//! `tieqi archive status | rebuild`: what archive and snapshots there are, and making the archive
//! again. Figures go to `out`, progress to stderr.

use crate::config::Config;
use crate::daemon::archive::Rows;
use crate::journal::{self, ChainPoint, FileDisk, LockError, SnapshotFile};
use crate::shell::archive::{self, Inspected, Rules, SNAPSHOT_DIR};
use anyhow::{Context as _, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// What `status` prints.
#[derive(Serialize)]
struct Status {
    /// The journal's last durable record; none while a daemon writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    journal_record: Option<u64>,
    /// Process id of the daemon that has the directory.
    held_by: Option<String>,
    archive: Option<Inspected>,
    /// Why the archive cannot be told or used.
    problem: Option<String>,
    snapshots: Vec<Snapshot>,
}

#[derive(Serialize)]
struct Snapshot {
    #[serde(flatten)]
    file: SnapshotFile,
    /// Why it cannot be used.
    problem: Option<String>,
}

/// Prints what there is in `dir`, or in the config's data directory; true when the archive is fine
/// or a daemon has it.
///
/// # Errors
/// When there is no such directory.
pub fn status(
    config: &Config,
    dir: Option<&Path>,
    json: bool,
    out: &mut dyn Write,
) -> Result<bool> {
    let dir = existing(config, dir)?;
    let snapshots = snapshots(dir);
    let mut status = Status {
        journal_record: None,
        held_by: None,
        archive: None,
        problem: None,
        snapshots,
    };
    match FileDisk::lock(dir) {
        Ok(mut disk) => {
            status.journal_record = tip(dir, &mut disk).ok().map(|tip| tip.seq);
            match archive::inspect(dir) {
                Ok(found) => status.archive = Some(found),
                Err(error) => status.problem = Some(format!("{error:#}")),
            }
        }
        Err(LockError::Held { pid, .. }) => status.held_by = Some(pid),
        Err(error) => return Err(error.into()),
    }
    let fine = status.problem.is_none();
    if json {
        serde_json::to_writer(&mut *out, &status)?;
        writeln!(out)?;
    } else {
        tell(&status, out)?;
    }
    Ok(fine)
}

fn tell(status: &Status, out: &mut dyn Write) -> Result<()> {
    if let Some(record) = status.journal_record {
        writeln!(out, "journal   up to record {record}")?;
    }
    if let Some(pid) = &status.held_by {
        writeln!(out, "archive   process {pid} has it: ask its system.health")?;
    }
    if let Some(found) = &status.archive {
        let Inspected {
            record,
            rows,
            bytes,
            gap,
            ..
        } = found;
        let gap = if *gap {
            ", with a gap where the journal was damaged"
        } else {
            ""
        };
        let size = format!("{}, {bytes} bytes", counted(*rows));
        writeln!(out, "archive   up to record {record}: {size}{gap}")?;
    }
    if let Some(problem) = &status.problem {
        writeln!(
            out,
            "archive   {problem}; the daemon or `rebuild` makes it again"
        )?;
    }
    for Snapshot { file, problem } in &status.snapshots {
        let problem = problem.as_deref().unwrap_or("sound");
        let (seq, bytes) = (file.seq, file.bytes);
        writeln!(
            out,
            "snapshot  behind record {seq}, {bytes} bytes: {problem}"
        )?;
    }
    Ok(())
}

fn counted(Rows { incidents, calls }: Rows) -> String {
    format!("{incidents} incidents, {calls} calls")
}

fn snapshots(dir: &Path) -> Vec<Snapshot> {
    let mut disk = FileDisk::read_only(&dir.join(SNAPSHOT_DIR));
    let files = journal::snapshots(&mut disk).unwrap_or_default();
    files
        .into_iter()
        .map(|file| {
            let read = journal::read_snapshot(&mut disk, &file);
            let problem = read.err().map(|error| error.to_string());
            Snapshot { file, problem }
        })
        .collect()
}

/// The journal's last record, found from the newest sound snapshot or the base on.
fn tip(dir: &Path, journal: &mut FileDisk) -> Result<ChainPoint> {
    let mut disk = FileDisk::read_only(&dir.join(SNAPSHOT_DIR));
    let files = journal::snapshots(&mut disk).unwrap_or_default();
    let base = journal::base(journal)?.map(|base| base.snapshot.head.point);
    let first = base.map_or(0, |base| base.seq);
    let newest = files
        .iter()
        .filter(|file| file.seq >= first)
        .find_map(|file| journal::read_snapshot(&mut disk, file).ok());
    let after = newest.map(|snapshot| snapshot.head.point).or(base);
    let report = journal::follow(journal, after, u64::MAX, |_| ())?;
    report
        .tip
        .context("failed to read the journal: it is damaged, see `tieqi journal verify`")
}

/// What `rebuild` prints.
#[derive(Serialize)]
struct Rebuilt {
    /// Where an interrupted one was gone on with; 0 from the beginning.
    from: u64,
    record: u64,
    seq: u64,
    #[serde(flatten)]
    rows: Rows,
    gap: bool,
}

/// Draws on a terminal; elsewhere, as in a log, says at most twenty times how far it is.
fn progress(bar: ProgressBar) -> impl FnMut(u64, u64) + Send + 'static {
    let mut said = 0;
    move |at, total| {
        bar.set_length(total);
        bar.set_position(at);
        let part = at.saturating_mul(20) / total.max(1);
        if bar.is_hidden() && part > said {
            said = part;
            eprintln!("record {at} of {total}");
        }
    }
}

/// Makes the archive again. The one there was is moved to `archive.broken`.
///
/// # Errors
/// When a daemon has the directory, or the journal cannot be read.
pub fn rebuild(config: &Config, dir: Option<&Path>, json: bool, out: &mut dyn Write) -> Result<()> {
    let dir = existing(config, dir)?;
    let mut disk = FileDisk::lock(dir).map_err(crate::shell::StartError::from)?;
    let tip = tip(dir, &mut disk)?;
    let bar = ProgressBar::new(tip.seq);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} record {pos} of {len}, {eta} left",
    )?);
    let rules = Rules {
        policy: config.policy.clone(),
        plane: config.plane,
    };
    let (done, from) = archive::rebuild(dir, rules, tip, progress(bar.clone()))?;
    bar.finish_and_clear();
    let rebuilt = Rebuilt {
        from,
        record: tip.seq,
        seq: done.seq,
        rows: done.rows,
        gap: done.gap,
    };
    if json {
        serde_json::to_writer(&mut *out, &rebuilt)?;
        writeln!(out)?;
    } else {
        let Rebuilt { record, rows, .. } = rebuilt;
        writeln!(out, "archive   up to record {record}: {}", counted(rows))?;
    }
    Ok(())
}

fn existing<'a>(config: &'a Config, dir: Option<&'a Path>) -> Result<&'a Path> {
    let dir = dir.unwrap_or(&config.journal.dir);
    let shown = dir.display();
    ensure!(
        dir.is_dir(),
        "failed to read the archive: {shown} is no directory"
    );
    Ok(dir)
}
