//! `tieqi journal repair`: what a damaged journal would have to give up, and giving it up.
//!
//! Without `--accept-loss` it only reads, so the daemon may be running, read-only as damage makes
//! it. With it, everything that is changed or removed is first copied to `given-up/N` in the data
//! directory, what is printed here beside it; the archive is moved there. `journal show` reads the
//! copies.

use crate::engine::event::Event;
use crate::engine::id::{AssignmentId, IncidentId};
use crate::journal::{self, ChainPoint, Damage, FileDisk, Journal, Kind, Loss, Options, Record};
use crate::shell::archive::{ARCHIVE_DIR, SNAPSHOT_DIR};
use crate::shell::clock::wall_ms;
use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Where what was given up is kept, in the data directory.
pub const GIVEN_UP_DIR: &str = "given-up";
/// Records listed; a range and a count say what the others are.
const MAX_LISTED: usize = 1_000;
/// What a repair told, beside its copies.
const REPORT_NAME: &str = "repair.json";
/// Names of fields that hold the number of an incident.
const INCIDENT_FIELDS: [&str; 4] = ["incident", "into", "other", "survivor"];

/// What would be, or was, given up.
#[derive(Serialize)]
struct Told {
    /// Whether it was done.
    done: bool,
    damage: Option<Damage>,
    /// The last record that is kept.
    kept: u64,
    /// The range given up.
    from: u64,
    to: u64,
    /// Of them, records that can still be read, and bytes in all.
    readable: usize,
    bytes: u64,
    files: Vec<String>,
    /// Snapshots that know more than what is kept.
    snapshots: Vec<String>,
    incidents: BTreeSet<u64>,
    records: Vec<Lost>,
    /// Where copies are.
    #[serde(skip_serializing_if = "Option::is_none")]
    copied_to: Option<String>,
}

/// A readable record that is given up.
#[derive(Serialize)]
struct Lost {
    seq: u64,
    wall: String,
    kind: String,
    incidents: BTreeSet<u64>,
}

/// Tells what a repair of the journal in `dir` gives up, and with `accept_loss` does it. True when
/// the journal is sound now.
///
/// # Errors
/// When a daemon has the directory, or it cannot be read or written.
pub fn run(dir: &Path, accept_loss: bool, json: bool, out: &mut dyn Write) -> Result<bool> {
    let mut disk = match accept_loss {
        true => FileDisk::lock(dir)?,
        false => super::journal::disk(dir)?,
    };
    let snapshots = sound_snapshots(dir);
    let points: Vec<_> = snapshots.iter().map(|(point, _)| *point).collect();
    let Some(loss) = journal::loss(&mut disk, &points)? else {
        if json {
            writeln!(
                out,
                "{}",
                serde_json::json!({ "done": false, "damage": null })
            )?;
        } else {
            writeln!(out, "nothing to repair")?;
        }
        return Ok(true);
    };
    let mut told = tell(&mut disk, &loss, &snapshots)?;
    if accept_loss {
        give_up(dir, disk, &loss, &mut told)?;
    }
    if json {
        serde_json::to_writer(&mut *out, &told)?;
        writeln!(out)?;
    } else {
        print(&told, out)?;
    }
    Ok(accept_loss)
}

/// The sound snapshots, newest first.
fn sound_snapshots(dir: &Path) -> Vec<(ChainPoint, String)> {
    let mut disk = FileDisk::read_only(&dir.join(SNAPSHOT_DIR));
    let files = journal::snapshots(&mut disk).unwrap_or_default();
    let sound = files.into_iter().filter_map(|file| {
        let snapshot = journal::read_snapshot(&mut disk, &file).ok()?;
        Some((snapshot.head.point, file.name))
    });
    sound.collect()
}

fn tell(disk: &mut FileDisk, loss: &Loss, snapshots: &[(ChainPoint, String)]) -> Result<Told> {
    let after_seq = loss.after.map_or(0, |after| after.seq);
    let beyond = snapshots.iter().filter(|(point, _)| point.seq > after_seq);
    let mut told = Told {
        done: false,
        damage: loss.damage,
        kept: loss.kept,
        from: loss.kept + 1,
        to: loss.last,
        readable: 0,
        bytes: loss.bytes,
        files: loss.files.clone(),
        snapshots: beyond.map(|(_, name)| name.clone()).collect(),
        incidents: BTreeSet::new(),
        records: Vec::new(),
        copied_to: None,
    };
    let mut assignments = BTreeMap::new();
    journal::read(disk, 1, u64::MAX, |record| {
        let event = (record.kind == Kind::EVENT)
            .then(|| postcard::from_bytes::<Event>(record.payload).ok())
            .flatten();
        if let Some(
            Event::AssignmentOffered {
                assignment,
                incident,
                ..
            }
            | Event::AssignmentStacked {
                assignment,
                incident,
                ..
            },
        ) = &event
        {
            assignments.insert(*assignment, *incident);
        }
        if record.seq > loss.kept {
            told.add(&record, event.as_ref(), &assignments);
        }
    })?;
    Ok(told)
}

impl Told {
    fn add(
        &mut self,
        record: &Record<'_>,
        event: Option<&Event>,
        assignments: &BTreeMap<AssignmentId, IncidentId>,
    ) {
        let value = event.and_then(|event| serde_json::to_value(event).ok());
        let mut incidents = BTreeSet::new();
        if let Some(value) = &value {
            concerned(value, assignments, &mut incidents);
        }
        self.readable += 1;
        self.incidents.extend(&incidents);
        if self.records.len() < MAX_LISTED {
            let named = value.as_ref().and_then(variant);
            self.records.push(Lost {
                seq: record.seq,
                wall: super::journal::wall(record.wall_ms),
                kind: named.unwrap_or_else(|| super::journal::kind_name(record.kind)),
                incidents,
            });
        }
    }
}

/// The name of an event's variant, with the one inside where there is one.
fn variant(event: &Value) -> Option<String> {
    let (name, inner) = match event {
        Value::String(name) => return Some(name.clone()),
        Value::Object(fields) if fields.len() == 1 => fields.iter().next()?,
        _ => return None,
    };
    let is_variant = |name: &String| name.starts_with(char::is_uppercase);
    let inner = variant(inner).filter(is_variant);
    Some(inner.unwrap_or_else(|| name.clone()))
}

/// Adds the incidents that an event names, or whose assignments it does.
fn concerned(
    event: &Value,
    assignments: &BTreeMap<AssignmentId, IncidentId>,
    incidents: &mut BTreeSet<u64>,
) {
    match event {
        Value::Object(fields) => {
            for (name, value) in fields {
                let number = value.as_u64();
                if INCIDENT_FIELDS.contains(&name.as_str()) {
                    incidents.extend(number);
                }
                let id = number.and_then(|number| u32::try_from(number).ok());
                let of = id.and_then(|id| assignments.get(&AssignmentId(id)));
                if name == "assignment" {
                    incidents.extend(of.map(|incident| u64::from(incident.0)));
                }
                concerned(value, assignments, incidents);
            }
        }
        Value::Array(values) => {
            for value in values {
                concerned(value, assignments, incidents);
            }
        }
        _ => {}
    }
}

/// Copies, cuts, and journals that it was done.
fn give_up(dir: &Path, mut disk: FileDisk, loss: &Loss, told: &mut Told) -> Result<()> {
    let copies = dir.join(GIVEN_UP_DIR);
    fs::create_dir_all(&copies).context("failed to make the directory for copies")?;
    let number = (1..=u32::MAX).find(|number| !copies.join(number.to_string()).exists());
    let side = copies.join(number.unwrap_or(u32::MAX).to_string());
    fs::create_dir(&side).with_context(|| format!("failed to make {}", side.display()))?;
    for folder in [dir, &copies] {
        File::open(folder)?.sync_all()?;
    }
    told.copied_to = Some(side.display().to_string());
    told.done = true;
    let mut to = FileDisk::lock(&side)?;
    journal::copy_away(&mut disk, &mut to, &told.files)?;
    let mut snapshots = FileDisk::lock(&dir.join(SNAPSHOT_DIR));
    if let Ok(snapshots) = &mut snapshots {
        journal::copy_away(snapshots, &mut to, &told.snapshots)?;
    }
    let mut report = File::create_new(side.join(REPORT_NAME))?;
    serde_json::to_writer(&mut report, told)?;
    report.sync_all()?;
    // From here on something changes. The archive holds rows of what is given up; the daemon
    // makes another. A snapshot beyond the journal keeps it from opening.
    let archive = dir.join(ARCHIVE_DIR);
    if archive.is_dir() {
        fs::rename(&archive, side.join(ARCHIVE_DIR))?;
    }
    if let Ok(snapshots) = &mut snapshots {
        for name in &told.snapshots {
            journal::Disk::remove(snapshots, name)?;
        }
    }
    journal::cut(&mut disk, loss)?;
    let options = Options {
        after: loss.after,
        ..Options::at(wall_ms())
    };
    let (mut journal, found) = Journal::open(disk, &options, |_| ())?;
    journal::note_repair(&mut journal, found.engine_time_ms, loss)?;
    Ok(())
}

fn print(told: &Told, out: &mut dyn Write) -> Result<()> {
    if let Some(damage) = told.damage {
        writeln!(out, "{damage}")?;
    }
    let Told {
        kept,
        from,
        to,
        readable,
        bytes,
        ..
    } = told;
    let verb = if told.done { "gave" } else { "would give" };
    let files = told.files.len();
    writeln!(
        out,
        "{verb} up records {from} to {to}, {bytes} bytes in {files} files; {readable} of them can \
         be read; record {kept} is the last that is kept"
    )?;
    for Lost {
        seq,
        wall,
        kind,
        incidents,
    } in &told.records
    {
        let numbers: Vec<_> = incidents.iter().map(ToString::to_string).collect();
        let of = if numbers.is_empty() {
            ""
        } else {
            "  incident "
        };
        writeln!(out, "{seq:>10}  {wall}  {kind}{of}{}", numbers.join(", "))?;
    }
    if told.records.len() < *readable {
        writeln!(
            out,
            "           ... and {} more",
            readable - told.records.len()
        )?;
    }
    for name in &told.snapshots {
        writeln!(
            out,
            "snapshot {name} knows more than that and is given up too"
        )?;
    }
    match &told.copied_to {
        Some(copies) => writeln!(out, "copies of all of it are in {copies}")?,
        None => writeln!(
            out,
            "nothing was changed: stop the daemon and repeat with --accept-loss"
        )?,
    }
    Ok(())
}
