//! `tieqi journal prune` over what a daemon left years ago, and the daemon over what stays.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::aged::{self, BEGAN_MS, CANCELLED, FORGOTTEN, REPORTED};
use common::{PASSWORD, report, sample, tieqi, until_call, users};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tieqi::cli;
use tieqi::cli::client::Client;
use tieqi::journal::{FIRST_RECORD_AT, FileDisk, LockError};
use tieqi::shell::Server;

const DAY_MS: i64 = 24 * 3_600_000;
/// Four years later.
const NOW_MS: i64 = BEGAN_MS + 4 * 366 * DAY_MS;

/// Prunes as the command does, at a wall time; the object it prints.
fn prune(dir: &Path, now_ms: i64, yes: bool) -> anyhow::Result<Value> {
    let mut out = Vec::new();
    cli::prune::run(&sample(), Some(dir), now_ms, (yes, true), &mut out)?;
    Ok(serde_json::from_slice(&out).unwrap())
}

/// Every file of the journal with the hash of its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for folder in [dir.to_owned(), dir.join("cold")] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            let ours = name != "lock" && !name.to_str().unwrap().starts_with("fallback");
            if ours && path.is_file() {
                let hash = blake3::hash(&fs::read(&path).unwrap()).to_string();
                files.insert(path, hash);
            }
        }
    }
    files
}

fn verified(dir: &Path) -> (bool, Value) {
    let mut out = Vec::new();
    let fine = cli::journal::verify(dir, true, &mut out).unwrap();
    (fine, serde_json::from_slice(&out).unwrap())
}

/// What a daemon over `dir` shows of the open incidents.
fn open_ones(console: &mut Client) -> Vec<Value> {
    let shown = |number| {
        let ask = json!({ "incident": number });
        let got = console.call("incident.get", &ask).unwrap();
        let got = &got["incident"];
        json!([
            got["incident"],
            got["caller"],
            got["place"],
            got["notes"],
            got["reported_at"]
        ])
    };
    (CANCELLED + 1..=REPORTED).map(shown).collect()
}

/// Starts a daemon that must show `open`, and give the same key the same answer; what lists show.
fn serves(dir: &Path, open: &[Value]) -> Vec<u64> {
    let server = Server::start(sample(), users(), dir).unwrap();
    assert_eq!(server.recovery.damage, None);
    let mut console = Client::login(server.console, "desk", PASSWORD).unwrap();
    assert_eq!(open_ones(&mut console), open);
    let new = report("behind the base");
    let new = console.call("incident.report", &new).unwrap();
    assert_eq!(new["incident"], REPORTED + 1);
    let ask = ("incident.list", json!({ "limit": 200 }));
    let mut listed = until_call("the archive", &mut console, ask, |page| {
        let number = |one: &Value| one["incident"].as_u64();
        let all = page["incidents"].as_array()?.iter().filter_map(number);
        (page["archive"]["complete"] == true).then(|| all.collect::<Vec<_>>())
    });
    listed.sort_unstable();
    drop(console);
    server.stop();
    listed
}

#[test]
fn what_retention_no_longer_asks_for_goes_and_the_daemon_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let tip = aged::write(dir);
    // A copy that nobody prunes says what must be shown.
    let whole = tempfile::tempdir().unwrap();
    for path in contents(dir).into_keys() {
        let copy = whole.path().join(path.strip_prefix(dir).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
    let server = Server::start(sample(), users(), whole.path()).unwrap();
    let mut console = Client::login(server.console, "desk", PASSWORD).unwrap();
    let open = open_ones(&mut console);
    assert_eq!(open[0][0], CANCELLED + 1);
    assert_eq!(open[0][3].as_array().unwrap().len(), 3);
    drop(console);
    server.stop();
    let listed = serves(whole.path(), &open);
    assert_eq!(listed, (1..=u64::from(REPORTED) + 1).collect::<Vec<_>>());

    let before = contents(dir);
    let shown = prune(dir, NOW_MS, false).unwrap();
    assert_eq!(contents(dir), before, "a dry run changes nothing");
    assert_eq!(shown["done"], false);
    let why = format!(
        "incident {} has records in it and is not closed",
        CANCELLED + 1
    );
    assert_eq!(shown["because"], why, "{shown}");
    assert!(shown["segments"].as_u64().unwrap() >= 3, "{shown}");
    let affected = shown["incidents"].as_u64().unwrap();
    assert!(
        (u64::from(FORGOTTEN)..=u64::from(CANCELLED)).contains(&affected),
        "{shown}"
    );
    let last = shown["range"]["to"].as_u64().unwrap();
    assert_eq!(
        (&shown["range"]["from"], &shown["records"]),
        (&json!(1), &json!(last))
    );
    assert_eq!(shown["base"]["record"], last);
    let files: Vec<_> = shown["files"].as_array().unwrap().iter().collect();
    let there = |name: &&Value| before.contains_key(&dir.join(name.as_str().unwrap()));
    assert!(
        files.iter().all(there) && files.len() as u64 == shown["segments"],
        "{shown}"
    );

    // Somebody has it.
    let held = FileDisk::lock(dir).unwrap();
    let error = prune(dir, NOW_MS, true).unwrap_err();
    assert!(error.is::<LockError>(), "{error}");
    drop(held);
    assert_eq!(contents(dir), before);

    fs::create_dir(dir.join("archive")).unwrap();
    let done = prune(dir, NOW_MS, true).unwrap();
    assert_eq!(done["done"], true);
    for field in ["range", "incidents", "files", "bytes", "base", "because"] {
        assert_eq!(done[field], shown[field], "{field}");
    }
    let left = contents(dir);
    assert!(!dir.join("archive").exists(), "its rows go, too");
    for (path, hash) in &left {
        let is_base = path.ends_with(done["base"]["name"].as_str().unwrap());
        assert!(
            is_base || before.get(path) == Some(hash),
            "{}",
            path.display()
        );
    }
    let lost = before.keys().filter(|path| !left.contains_key(*path));
    assert_eq!(lost.count(), files.len());
    let (fine, report) = verified(dir);
    assert!(fine && report["last_seq"] == tip.seq, "{report}");
    assert_eq!(report["records"], tip.seq - last);
    let again = prune(dir, NOW_MS, true).unwrap();
    assert_eq!(
        (&again["done"], &again["segments"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(again["because"], why);

    // From the base, then from the snapshot of its stop, and with neither snapshot nor archive.
    let listed = serves(dir, &open);
    assert!(
        listed.iter().all(|number| *number > u64::from(FORGOTTEN)),
        "{listed:?}"
    );
    assert_eq!(listed.last(), Some(&u64::from(REPORTED + 1)));
    assert_eq!(serves(dir, &open), listed);
    fs::remove_dir_all(dir.join("snapshots")).unwrap();
    fs::remove_dir_all(dir.join("archive")).unwrap();
    assert_eq!(serves(dir, &open), listed);
    assert!(verified(dir).0);
}

#[test]
fn what_is_young_open_or_damaged_stays() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    aged::write(dir);
    let before = contents(dir);
    let after = |days: i64| prune(dir, BEGAN_MS + days * DAY_MS, false).unwrap();
    // Logs go by the day, incidents by the year; the story took three days.
    let young = prune(dir, BEGAN_MS + 180 * DAY_MS, true).unwrap();
    assert_eq!(
        (&young["segments"], &young["done"]),
        (&json!(0), &json!(false))
    );
    let why = young["because"].as_str().unwrap();
    assert!(why.ends_with("180 days"), "{young}");
    assert_eq!(contents(dir), before);
    let kept = after(3 * 366);
    assert_eq!(kept["incidents"], 0, "{kept}");
    let why = kept["because"].as_str().unwrap();
    assert!(
        why.starts_with("incident 1 ") && why.ends_with("3 years"),
        "{kept}"
    );
    // The first ones' years are over a pause before those of the others.
    let some = after(3 * 366 + 2);
    let all = prune(dir, NOW_MS, false).unwrap();
    assert!(
        some["segments"].as_u64() < all["segments"].as_u64(),
        "{some} {all}"
    );
    assert!(some["incidents"].as_u64().unwrap() > 0, "{some}");

    let segment = dir.join("journal-00000003.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[FIRST_RECORD_AT + 200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let before = contents(dir);
    let error = format!("{:#}", prune(dir, NOW_MS, true).unwrap_err());
    assert!(error.contains("tieqi journal repair"), "{error}");
    assert_eq!(contents(dir), before);
}

#[test]
fn a_base_that_is_gone_is_told_and_put_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    aged::write(dir);
    let done = prune(dir, NOW_MS, true).unwrap();
    let name = done["base"]["name"].as_str().unwrap();
    let base = dir.join(name);
    let sound = fs::read(&base).unwrap();
    let mut rotten = sound.clone();
    rotten[sound.len() / 2] ^= 1;
    for bytes in [None, Some(rotten)] {
        match bytes {
            Some(bytes) => fs::write(&base, bytes).unwrap(),
            None => fs::remove_file(&base).unwrap(),
        }
        let before = contents(dir);
        let error = Server::start(sample(), users(), dir).map(drop).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(name) && said.contains("from a copy"),
            "{said}"
        );
        assert_eq!(contents(dir), before);
        let (fine, report) = verified(dir);
        assert!(
            !fine && report["damage"][0]["kind"] == "no_base",
            "{report}"
        );
        let error = format!("{:#}", prune(dir, NOW_MS, true).unwrap_err());
        assert!(error.contains(name), "{error}");
    }
    fs::write(&base, sound).unwrap();
    Server::start(sample(), users(), dir).unwrap().stop();
    assert!(verified(dir).0);
}

#[test]
fn the_command_says_who_has_the_directory_and_changes_nothing_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    aged::write(&data);
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config/huangjiang.toml");
    let run = |args: &[&str]| {
        let mut command = tieqi();
        command
            .args(["journal", "prune", "--config", config, "--dir"])
            .arg(&data);
        let output = command.args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let before = contents(&data);
    let (code, said, _) = run(&[]);
    assert_eq!(code, Some(0));
    assert!(said.contains("would remove records 1 to "), "{said}");
    assert!(said.contains("repeat with --yes"), "{said}");
    let held = FileDisk::lock(&data).unwrap();
    let (code, _, error) = run(&["--yes"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains(&std::process::id().to_string()), "{error}");
    assert_eq!(contents(&data), before);
    drop(held);
    let (code, said, _) = run(&["--yes"]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("removed records 1 to ") && said.contains("begins at base-"),
        "{said}"
    );
    assert!(verified(&data).0);
}
