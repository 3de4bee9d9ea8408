//! Recovery: how long after the start of its process a daemon with 10^6 incidents behind it takes
//! a Grade I report, and shows its whole history.
//!
//! Thirteen records an incident, a thousand incidents a day, and as many records behind the newest
//! snapshot as there can be. Each start is of the real binary, which was killed before. Timed:
//! starts with everything there; with the newest snapshot damaged; with both damaged, so that the
//! whole journal is replayed; and with the archive gone. The floor, in the same run, is reading and
//! hashing the journal's bytes. Where others use the machine too, processor time says more than the
//! clock: both are given where it takes long.
//!
//! `cargo bench --bench recovery` writes target/recovery.json; `-- --quick` is a smoke.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

#[path = "../common/mod.rs"]
mod common;
mod history;
mod place;
#[path = "../common/process.rs"]
mod process;

use anyhow::{Result, ensure};
use common::{ROUNDS, is_quick, median, publish, round2};
use place::Place;
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tieqi::config::Config;
use tieqi::shell::archive::{self, ARCHIVE_DIR, Rules};

/// Seconds that each start may take: what this benchmark is for.
const HOLDS: [(&str, f64); 3] = [
    ("grade_one_s", 2.0),
    ("full_history_s", 10.0),
    ("both_snapshots_damaged_s", 60.0),
];

fn main() -> Result<()> {
    let (incidents, every) = if is_quick() {
        (2_000, 5_000)
    } else {
        (1_000_000, 50_000)
    };
    // On a disk, not in memory: the system's folder for temporary files may be either.
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    std::fs::create_dir_all(target)?;
    let folder = tempfile::tempdir_in(target)?;
    let place = Place::new(folder.path(), every)?;
    let config = Config::load(&place.config)?;
    let began = Instant::now();
    let tip = history::write(&place.data, &config, incidents)?;
    eprintln!(
        "{} records written in {:.0} s",
        tip.seq,
        began.elapsed().as_secs_f64()
    );
    let rules = Rules {
        policy: config.policy.clone(),
        plane: config.plane,
    };
    let cpu_before = process::cpu_s(std::process::id())?;
    let (rebuild_s, status) = timed(|| archive::rebuild(&place.data, rules, tip, |_, _| ()));
    ensure!(
        status?.0.rows.incidents == u64::from(incidents),
        "the archive has not all"
    );
    let rebuild_cpu_s = process::cpu_s(std::process::id())? - cpu_before;
    eprintln!("archive made in {rebuild_s:.0} s, {rebuild_cpu_s:.0} s of a processor");

    let mut starts = Vec::new();
    for round in 0..ROUNDS {
        starts.push(place.start(&format!("start-{round}"), true)?);
    }
    let grade_one_s = median(starts.iter().map(|start| start.grade_one));
    let full_history_s = median(starts.iter().map(|start| start.history));
    eprintln!("{grade_one_s:.2} s to Grade I, {full_history_s:.2} s to the history");

    damage(&snapshots(&place.data)?[0])?;
    let newest = place.start("newest snapshot damaged", false)?;
    // That start may have made a new one.
    for path in snapshots(&place.data)? {
        damage(&path)?;
    }
    let (floor_s, bytes) = timed(|| floor(&place.data));
    let bytes = bytes?;
    let none = place.start("both snapshots damaged", true)?;
    eprintln!(
        "{:.2} s to Grade I without a snapshot, {:.2} s of a processor, {:.2} s to the history, \
         floor {floor_s:.2} s",
        none.grade_one, none.grade_one_cpu, none.history
    );
    std::fs::remove_dir_all(place.data.join(ARCHIVE_DIR))?;
    let anew = place.start("no archive", true)?;

    let held = [grade_one_s, full_history_s, none.grade_one];
    let result = json!({
        "incidents": incidents, "records": tip.seq, "bytes": bytes,
        "grade_one_s": round2(grade_one_s), "full_history_s": round2(full_history_s),
        "newest_snapshot_damaged_s": round2(newest.grade_one),
        "both_snapshots_damaged_s": round2(none.grade_one),
        "both_snapshots_damaged_cpu_s": round2(none.grade_one_cpu),
        "both_snapshots_damaged_history_s": round2(none.history),
        "floor_read_and_hash_s": round2(floor_s),
        "replay_to_floor": round2(none.grade_one / floor_s),
        "archive_rebuilt_s": round2(rebuild_s), "archive_rebuilt_cpu_s": round2(rebuild_cpu_s),
        "no_archive": {
            "grade_one_s": round2(anew.grade_one), "full_history_s": round2(anew.history),
        },
    });
    publish("recovery", &result)?;
    for ((name, most), took) in HOLDS.iter().zip(held) {
        ensure!(took <= *most, "{name} is {took:.2}, at most {most}");
    }
    Ok(())
}

/// Seconds, and what came of it.
fn timed<T>(what: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let made = what();
    (began.elapsed().as_secs_f64(), made)
}

fn files(dir: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Newest first.
fn snapshots(data: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = files(&data.join("snapshots"), "snap")?;
    paths.reverse();
    ensure!(!paths.is_empty(), "there is no snapshot");
    Ok(paths)
}

/// Cuts it in half: damaged, however often it was before.
fn damage(path: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    Ok(file.set_len(file.metadata()?.len() / 2)?)
}

/// Reads and hashes every byte of the journal, compressed or not; how many there are.
fn floor(data: &Path) -> Result<u64> {
    let mut paths = files(data, "seg")?;
    let cold = data.join("cold");
    if cold.is_dir() {
        paths.extend(files(&cold, "cold")?);
    }
    let mut bytes = 0;
    let mut part = vec![0; 1 << 20];
    for path in paths {
        let mut file = std::fs::File::open(path)?;
        let mut hash = blake3::Hasher::new();
        loop {
            let read = file.read(&mut part)?;
            if read == 0 {
                break;
            }
            hash.update(&part[..read]);
            bytes += read as u64;
        }
        std::hint::black_box(hash.finalize());
    }
    Ok(bytes)
}
