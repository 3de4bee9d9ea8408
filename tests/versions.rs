//! Other versions: what an older one left is read, what a newer one wrote is refused and kept.
//!
//! `fixtures/versions/VERSION` holds a data directory (a segment, a compressed one, a snapshot), a
//! console's lines and what a start over the data must show; `pruned` beside it a journal that
//! begins at a base. They are frozen: nobody edits them. A version that has none yet writes its own
//! here, once, from a daemon that ran, and fails so that they are looked at and committed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::aged::{self, BEGAN_MS, CANCELLED, REPORTED};
use common::{PASSWORD, report, sample, users};
use crc::{CRC_32_ISCSI, Crc};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tieqi::cli::client::Client;
use tieqi::engine::Engine;
use tieqi::engine::event::Event;
use tieqi::engine::id::EngineTime;
use tieqi::engine::image::IMAGE_FORMAT;
use tieqi::journal::{self, FileDisk, Journal, Kind, Options, SnapshotHead};
use tieqi::shell::{Server, StartError};

const SEGMENT_BYTES: usize = 16 << 10;

fn versions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/versions")
}

/// The frozen versions, this one among them.
fn frozen() -> Vec<PathBuf> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap();
    let own = versions().join(env!("CARGO_PKG_VERSION"));
    if !own.is_dir() {
        freeze(&own);
        panic!("{} is new: look at it and commit it", own.display());
    }
    let all = fs::read_dir(versions()).unwrap();
    all.map(|entry| entry.unwrap().path()).collect()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What the transcript asks, in order.
fn questions() -> Vec<(&'static str, Value)> {
    let mut asked: Vec<_> = (1..=6)
        .map(|call| ("incident.report", report(&format!("frozen-{call}"))))
        .collect();
    asked.extend([
        (
            "incident.note",
            json!({ "key": "n", "incident": 2, "text": "后座无人" }),
        ),
        ("incident.get", json!({ "incident": 2 })),
        ("unit.list", json!({})),
        ("system.health", json!({})),
    ]);
    asked
}

/// Runs a daemon and writes what it left, small.
fn freeze(to: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let config = sample();
    let server = Server::start(config.clone(), users(), dir.path()).unwrap();
    let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
    let mut lines = String::new();
    for (method, params) in questions() {
        let answer = console.call(method, &params).unwrap();
        let line = json!({ "method": method, "params": params, "result": answer });
        lines.push_str(&format!("{line}\n"));
    }
    drop(console);
    server.stop();
    let data = to.join("data");
    fs::create_dir_all(data.join("snapshots")).unwrap();
    fs::write(to.join("console.jsonl"), lines).unwrap();
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::at(1_700_000_000_000)
    };
    let (mut journal, _) = Journal::open(FileDisk::lock(&data).unwrap(), &options, |_| ()).unwrap();
    let mut engine = Engine::new(config.policy);
    journal::read(
        &mut FileDisk::read_only(dir.path()),
        1,
        u64::MAX,
        |record| {
            if record.kind == Kind::EVENT {
                let event: Event = postcard::from_bytes(record.payload).unwrap();
                engine.apply(EngineTime(record.time_ms), &event);
                journal
                    .push(Kind::EVENT, record.time_ms, record.payload)
                    .unwrap();
                if record.last {
                    journal.commit().unwrap();
                }
            }
        },
    )
    .unwrap();
    engine.replayed();
    let head = SnapshotHead {
        format: IMAGE_FORMAT,
        point: journal.tip(),
        time_ms: 60_000,
        wall_ms: 1_700_000_060_000,
    };
    let image = postcard::to_allocvec(&engine.image()).unwrap();
    let mut snapshots = FileDisk::lock(&data.join("snapshots")).unwrap();
    let length = image.len() as u64;
    journal::write_snapshot(&mut snapshots, &head, length, |sink| sink(&image)).unwrap();
    let mut disk = journal.into_disk();
    assert!(journal::cool(&mut disk, head.point.seq).unwrap().is_some());
    for lock in [data.join("lock"), data.join("snapshots/lock")] {
        fs::remove_file(lock).unwrap();
    }
    let expected = json!({ "record": head.point.seq, "incidents": [6, 5, 4, 3, 2, 1] });
    fs::write(to.join("expected.json"), format!("{expected}\n")).unwrap();
}

/// A copy of a frozen data directory that a daemon may write to.
fn copy_of(version: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for folder in ["", "cold", "snapshots"] {
        fs::create_dir_all(to.path().join(folder)).unwrap();
        for entry in fs::read_dir(version.join("data").join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                let copy = to.path().join(folder).join(entry.file_name());
                fs::copy(entry.path(), copy).unwrap();
            }
        }
    }
    to
}

/// A start over `dir` shows what is expected, and takes more.
fn serves(dir: &Path, expected: &Value) {
    let server = Server::start(sample(), users(), dir).unwrap();
    assert_eq!(server.recovery.damage, None);
    assert_eq!(json!(server.recovery.last_seq), expected["record"]);
    let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
    let shown = |incident: &Value| {
        let ask = json!({ "incident": incident });
        console.call("incident.get", &ask).unwrap()["incident"].clone()
    };
    let incidents = expected["incidents"].as_array().unwrap();
    let shown: Vec<_> = incidents.iter().map(shown).collect();
    assert_eq!(shown.len(), incidents.len());
    // The same key gets the same answer, from whatever version it is.
    let again = console
        .call("incident.report", &report("frozen-1"))
        .unwrap();
    assert_eq!(again["incident"], 1);
    let new = console.call("incident.report", &report("new")).unwrap();
    assert_eq!(
        new["incident"].as_u64().unwrap(),
        incidents.len() as u64 + 1
    );
    drop(console);
    server.stop();
    let report = journal::verify(&mut FileDisk::read_only(dir), |_, _| ()).unwrap();
    assert!(report.is_intact(), "{report:?}");
}

#[test]
fn what_an_older_version_left_is_read_with_its_snapshot_and_without() {
    for version in frozen() {
        let expected = read_json(&version.join("expected.json"));
        serves(copy_of(&version).path(), &expected);
        let without = copy_of(&version);
        fs::remove_dir_all(without.path().join("snapshots")).unwrap();
        serves(without.path(), &expected);
    }
}

/// A copy of the pruned journal that a version left; its own it writes, once.
fn pruned(version: &Path) -> Option<tempfile::TempDir> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let from = version.join("pruned");
    if !from.is_dir() && version.ends_with(env!("CARGO_PKG_VERSION")) {
        aged::write(&from);
        let now_ms = BEGAN_MS + 4 * 366 * 24 * 3_600_000;
        let how = (true, true);
        tieqi::cli::prune::run(&sample(), Some(&from), now_ms, how, &mut Vec::new()).unwrap();
        fs::remove_file(from.join("lock")).unwrap();
        let _ = fs::remove_dir(from.join("cold"));
        panic!("{} is new: look at it and commit it", from.display());
    }
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&from).ok()? {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    Some(to)
}

#[test]
fn a_journal_that_an_older_version_pruned_begins_at_its_base() {
    let mut tried = 0;
    for dir in frozen().iter().filter_map(|version| pruned(version)) {
        let server = Server::start(sample(), users(), dir.path()).unwrap();
        assert_eq!(server.recovery.damage, None);
        let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
        for number in CANCELLED + 1..=REPORTED {
            let ask = json!({ "incident": number });
            let shown = console.call("incident.get", &ask).unwrap();
            assert_eq!(shown["incident"]["caller"], format!("139-{number}"));
        }
        let new = console.call("incident.report", &report("new")).unwrap();
        assert_eq!(new["incident"], REPORTED + 1);
        drop(console);
        server.stop();
        let report = journal::verify(&mut FileDisk::read_only(dir.path()), |_, _| ()).unwrap();
        assert!(report.is_intact(), "{report:?}");
        tried += 1;
    }
    assert!(tried > 0, "this version has one");
}

#[test]
fn a_base_of_a_newer_version_is_refused_and_kept() {
    let version = versions().join(env!("CARGO_PKG_VERSION"));
    // The version of its header, and the layout of what is in it.
    for at in [4, 6] {
        let dir = pruned(&version).unwrap();
        let path = only(dir.path(), "snap");
        rewrite(&path, None, |bytes| bytes[at] = 0xee);
        let before = journal_files(dir.path());
        let said = refusal(dir.path());
        assert!(
            said.contains("newer") && said.contains("a later one"),
            "{said}"
        );
        assert_eq!(journal_files(dir.path()), before);
    }
}

/// Where `new` lacks what `old` has, or has it in another form.
fn missing(old: &Value, new: &Value, at: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let at = format!("{at}.{name}");
                match new.get(name) {
                    Some(new) => missing(value, new, &at, found),
                    None if value.is_null() => {}
                    None => found.push(at),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (old, new) in old.iter().zip(new) {
                missing(old, new, &format!("{at}[]"), found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ if std::mem::discriminant(old) == std::mem::discriminant(new) => {}
        _ => found.push(format!("{at}: {old} became {new}")),
    }
}

#[test]
fn an_older_console_asks_as_it_did_and_finds_every_field() {
    for version in frozen() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(sample(), users(), dir.path()).unwrap();
        let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
        let lines = fs::read_to_string(version.join("console.jsonl")).unwrap();
        let mut found = Vec::new();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let method = line["method"].as_str().unwrap();
            let answer = console.call(method, &line["params"]).unwrap();
            missing(&line["result"], &answer, method, &mut found);
        }
        assert!(lines.lines().count() >= questions().len());
        assert_eq!(found, Vec::<String>::new(), "{}", version.display());
        drop(console);
        server.stop();
    }
}

/// Changes bytes of a file and gives the checksum at `crc` what it must be for those before.
fn rewrite(path: &Path, crc: Option<usize>, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    let at = crc.unwrap_or(bytes.len() - 4);
    let sum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&bytes[..at]);
    bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

fn only(folder: &Path, ending: &str) -> PathBuf {
    let found = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    found
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == ending))
        .unwrap()
}

/// Every file of the journal, with its bytes.
fn journal_files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in [dir.to_owned(), dir.join("cold")] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some() {
                files.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn refusal(dir: &Path) -> String {
    let error: StartError = Server::start(sample(), users(), dir).map(drop).unwrap_err();
    error.to_string()
}

#[test]
fn a_newer_journal_is_refused_with_what_to_do_and_left_as_it_is() {
    let version = versions().join(env!("CARGO_PKG_VERSION"));
    for (folder, ending, crc) in [("", "seg", Some(124)), ("cold", "cold", None)] {
        let dir = copy_of(&version);
        let path = only(&dir.path().join(folder), ending);
        rewrite(&path, crc, |bytes| bytes[4] = 2);
        let before = journal_files(dir.path());
        let said = refusal(dir.path());
        assert!(
            said.contains("version 2 is newer") && said.contains("a later one"),
            "{said}"
        );
        assert_eq!(journal_files(dir.path()), before, "{ending}");
    }
}

#[test]
fn a_record_of_a_newer_version_is_refused_and_kept() {
    let version = versions().join(env!("CARGO_PKG_VERSION"));
    let dir = copy_of(&version);
    let disk = FileDisk::lock(dir.path()).unwrap();
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::at(1_700_000_100_000)
    };
    let (mut journal, found) = Journal::open(disk, &options, |_| ()).unwrap();
    let unknown = [0xff, 0xff, 0x03, 1, 2, 3];
    let seq = journal
        .push(Kind::EVENT, found.engine_time_ms, &unknown)
        .unwrap();
    journal.commit().unwrap();
    drop(journal);
    let said = refusal(dir.path());
    assert!(
        said.contains(&format!("record {seq}")) && said.contains("a later one"),
        "{said}"
    );
    let mut kept = Vec::new();
    let mut disk = FileDisk::read_only(dir.path());
    let read = journal::read(&mut disk, seq, seq, |record| kept = record.payload.to_vec());
    assert!(read.unwrap().is_intact() && kept == unknown);
}

#[test]
fn a_snapshot_of_a_newer_version_is_passed_over() {
    let version = versions().join(env!("CARGO_PKG_VERSION"));
    let expected = read_json(&version.join("expected.json"));
    // The version of its header, and the layout of what is in it.
    for at in [4, 6] {
        let dir = copy_of(&version);
        let path = only(&dir.path().join("snapshots"), "snap");
        rewrite(&path, None, |bytes| bytes[at] = 0xee);
        serves(dir.path(), &expected);
    }
}
