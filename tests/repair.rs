//! A damaged data directory, the daemon over it, the repair, and the daemon again; and old
//! segments compressed under a daemon that dispatches.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, refused, report, sample, tieqi, until_call, users};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tieqi::cli::client::Client;
use tieqi::config::Config;
use tieqi::journal::{self, FIRST_RECORD_AT, FileDisk};
use tieqi::shell::Server;

fn start(config: &Config, dir: &Path) -> (Server, Client) {
    let server = Server::start(config.clone(), users(), dir).unwrap();
    let console = Client::login(server.console, "calls", PASSWORD).unwrap();
    (server, console)
}

/// Runs `tieqi journal WHAT DIR ARGS --json`: its exit code and the object it printed.
fn run(what: &str, dir: &Path, args: &[&str]) -> (i32, Value) {
    let mut command = tieqi();
    command
        .args(["journal", what])
        .arg(dir)
        .args(args)
        .arg("--json");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or("null");
    (
        output.status.code().unwrap(),
        serde_json::from_str(last).unwrap(),
    )
}

fn report_calls(console: &mut Client, numbers: std::ops::Range<u32>) {
    for number in numbers {
        console
            .call("incident.report", &report(&number.to_string()))
            .unwrap();
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Every file below, with its bytes.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_file() && name != "lock" && !name.starts_with("fallback") {
            files.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn a_damaged_journal_is_read_only_until_it_is_repaired_and_goes_on_then() {
    let config = sample();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (server, mut console) = start(&config, dir);
    report_calls(&mut console, 0..40);
    drop(console);
    server.stop();
    // Without its snapshots nothing makes the damage good.
    std::fs::remove_dir_all(dir.join("snapshots")).unwrap();
    let segment = dir.join("journal-00000001.seg");
    let written = std::fs::read(&segment).unwrap();
    let end = written.iter().rposition(|byte| *byte != 0).unwrap();
    flip(&segment, (FIRST_RECORD_AT + end) / 2);

    let (server, mut console) = start(&config, dir);
    assert!(server.recovery.damage.is_some());
    let error = refused(&mut console, "incident.report", &report("refused"));
    assert!(
        error.to_string().contains("read-only until repaired"),
        "{error}"
    );
    let before = contents(dir);
    let (code, shown) = run("repair", dir, &[]);
    assert_eq!((code, &shown["done"]), (1, &json!(false)), "{shown}");
    assert_eq!(contents(dir), before, "a dry run changes nothing");
    let listed = shown["records"].as_array().unwrap();
    let kept = shown["kept"].as_u64().unwrap();
    assert!(kept > 40 && !listed.is_empty(), "{shown}");
    assert_eq!(shown["from"], kept + 1);
    let incidents = shown["incidents"].as_array().unwrap();
    assert_eq!(incidents.last().unwrap(), 40, "{shown}");
    let reported = |one: &&Value| one["kind"] == "IncidentReported";
    for one in listed.iter().filter(reported) {
        assert_eq!(one["incidents"].as_array().unwrap().len(), 1, "{one}");
    }
    assert!(listed.iter().filter(reported).count() > 5, "{shown}");

    let held = tieqi()
        .args(["journal", "repair", "--accept-loss"])
        .arg(dir)
        .output()
        .unwrap();
    let said = String::from_utf8(held.stderr).unwrap();
    assert_eq!(held.status.code(), Some(2), "{said}");
    assert!(said.contains(&std::process::id().to_string()), "{said}");
    assert_eq!(contents(dir), before, "the daemon has it");
    drop(console);
    server.stop();

    let (code, done) = run("repair", dir, &["--accept-loss"]);
    assert_eq!((code, &done["done"]), (0, &json!(true)), "{done}");
    for field in ["damage", "kept", "to", "bytes", "records"] {
        assert_eq!(done[field], shown[field], "{field}");
    }
    let copies = dir.join("given-up/1");
    assert_eq!(
        std::fs::read(copies.join("journal-00000001.seg"))
            .unwrap()
            .len(),
        written.len()
    );
    let beside = std::fs::read_to_string(copies.join("repair.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&beside).unwrap(), done);
    let (code, verified) = run("verify", dir, &[]);
    assert_eq!((code, &verified["intact"]), (0, &json!(true)), "{verified}");
    assert_eq!(verified["repaired"][0]["from"], kept + 1, "{verified}");
    assert_eq!(run("repair", dir, &[]).0, 0, "nothing is left to repair");

    let (server, mut console) = start(&config, dir);
    assert_eq!(server.recovery.damage, None);
    assert_eq!(server.recovery.repaired.len(), 1);
    report_calls(&mut console, 100..105);
    let ask = ("incident.list", json!({ "limit": 200 }));
    let count = until_call("the archive", &mut console, ask, |page| {
        let count = page["incidents"].as_array().unwrap().len();
        (page["archive"]["complete"] == true).then_some(count)
    });
    let lost = listed.iter().filter(reported).count();
    assert!(
        (5..=45 - lost).contains(&count),
        "{count} incidents, {lost} read as lost"
    );
    drop(console);
    server.stop();
    assert_eq!(run("verify", dir, &[]).0, 0);
}

/// The snapshot of a clean stop has the last batch; when that rots, both go together.
#[test]
fn a_snapshot_beyond_the_damage_is_set_aside() {
    let config = sample();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (server, mut console) = start(&config, dir);
    report_calls(&mut console, 0..10);
    drop(console);
    server.stop();
    let segment = dir.join("journal-00000001.seg");
    let written = std::fs::read(&segment).unwrap();
    flip(
        &segment,
        written.iter().rposition(|byte| *byte != 0).unwrap() - 8,
    );
    let (server, console) = start(&config, dir);
    assert!(server.recovery.damage.is_some());
    drop(console);
    server.stop();
    let (_, done) = run("repair", dir, &["--accept-loss"]);
    assert_eq!(done["done"], true, "{done}");
    assert!(!done["snapshots"].as_array().unwrap().is_empty(), "{done}");
    for name in done["snapshots"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(
            dir.join("given-up/1").join(name).is_file()
                && !dir.join("snapshots").join(name).exists()
        );
    }
    let (server, mut console) = start(&config, dir);
    assert_eq!(server.recovery.damage, None);
    report_calls(&mut console, 10..12);
    drop(console);
    server.stop();
}

#[test]
fn old_segments_are_compressed_while_calls_go_on_and_read_like_others() {
    const ENOUGH: u64 = 700;
    let mut config = sample();
    config.journal.snapshot_every = 300;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let cold = dir.join(journal::cold_name(1));
    let (server, mut console) = start(&config, dir);
    let mut calls = 0_u64;
    let long = "路".repeat(600);
    let deadline = Instant::now() + common::PATIENCE;
    while !cold.is_file() || dir.join("journal-00000001.seg").exists() {
        let mut call = report(&calls.to_string());
        call["text"] = json!(long);
        console.call("incident.report", &call).unwrap();
        calls += 1;
        assert!(Instant::now() < deadline, "{calls} calls");
        // The archive's thread gets what others leave: from here on there is enough for it.
        if calls > ENOUGH {
            console.notice(Duration::from_millis(20)).unwrap();
        }
    }
    drop(console);
    server.stop();
    let mut disk = FileDisk::read_only(dir);
    let verified = journal::verify(&mut disk, |_, _| ()).unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    let shown = tieqi()
        .args(["journal", "show", "--to", "9"])
        .arg(dir)
        .output()
        .unwrap();
    assert_eq!(
        shown.stdout.iter().filter(|byte| **byte == b'\n').count(),
        9
    );
    // Neither archive nor snapshots: all of it comes from the journal, compressed or not.
    for name in ["archive", "snapshots"] {
        std::fs::remove_dir_all(dir.join(name)).unwrap();
    }
    let (server, mut console) = start(&config, dir);
    let ask = ("incident.get", json!({ "incident": 1 }));
    let first = until_call("the first incident", &mut console, ask, |got| {
        Some(got.clone())
    });
    assert!(first.to_string().contains(&long), "{first}");
    let ask = ("incident.list", json!({ "limit": 1 }));
    until_call("the archive", &mut console, ask, |page| {
        let newest = page["incidents"][0]["incident"].as_u64();
        (page["archive"]["complete"] == true && newest == Some(calls)).then_some(())
    });
    drop(console);
    server.stop();
}
