//! Real calls through the whole daemon: the fixture day with radios, windows, bad tables, a daemon
//! that was there before.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, tieqi, users};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tieqi::config::Config;
use tieqi::shell::Server;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn replay(calls: &Path, more: &[&str]) -> Output {
    let mut command = tieqi();
    command.env_remove("RUST_LOG").arg("replay");
    command
        .arg("--config")
        .arg(shipped("config/milwaukee.toml"));
    command
        .arg("--calls")
        .arg(calls)
        .args(more)
        .output()
        .unwrap()
}

fn day(more: &[&str]) -> Output {
    replay(&shipped("fixtures/calls/milwaukee_2018-05-12.csv"), more)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn report(output: &Output) -> Value {
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

fn number(report: &Value, name: &str) -> u64 {
    report[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// Every row has one fate.
fn balanced(report: &Value) {
    let fates = [
        "bad_rows",
        "outside_window",
        "ignored",
        "reported",
        "refused",
        "untold",
    ];
    let sum: u64 = fates.iter().map(|name| number(report, name)).sum();
    assert_eq!(sum, number(report, "read"), "{report}");
}

#[test]
fn the_day_with_radios_loses_nothing_and_says_what_is_real() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().to_str().unwrap();
    let fast = [
        "--with-radios",
        "--speed",
        "3600",
        "--stretch-deadlines",
        "--json",
    ];
    let report = report(&day(&[fast.as_slice(), &["--keep", keep]].concat()));
    assert_eq!(number(&report, "read"), 1523);
    assert_eq!(
        (number(&report, "reported"), number(&report, "lost")),
        (887, 0)
    );
    assert_eq!(
        (
            number(&report, "without_location"),
            number(&report, "refused")
        ),
        (9, 0)
    );
    assert_eq!(report["lost_counted_from"], "journal");
    balanced(&report);
    let scene = &report["phases_simulated_s"]["report_to_scene"];
    assert_eq!(number(scene, "counted") + number(scene, "missing"), 887);
    assert!(scene["p50"].as_u64() <= scene["p99"].as_u64() && scene["p50"].is_u64());
    assert_eq!(
        (&report["origin"], &report["origins"]["calls"]),
        (&"simulated".into(), &"real".into())
    );
    assert_eq!(report["deadlines_stretched"], true);
    let verified = tieqi().args(["journal", "verify", keep]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0));
}

/// The fleet of the day behind DMR repeaters; five minutes of it, as the air takes its time.
#[test]
fn with_radios_it_goes_over_homebrew_too() {
    let window = ["--from", "2018-05-12T20:00", "--to", "2018-05-12T20:05"];
    let air = ["--with-radios", "--transport", "homebrew", "--speed", "60"];
    let report = report(&day(&[&window[..], &air, &["--json"]].concat()));
    balanced(&report);
    for (name, least) in [("reported", 1), ("delivered", 1), ("accepted", 1)] {
        assert!(number(&report, name) >= least, "{name}: {report}");
    }
    let none = ["lost", "silent_past_limit", "untold"];
    assert_eq!(none.map(|name| number(&report, name)), [0; 3], "{report}");
}

#[test]
fn six_hundred_times_faster_needs_no_stretching_and_more_does() {
    let hours = ["--from", "2018-05-12T20:00", "--to", "2018-05-12T20:20"];
    let told = report(&day(
        &[hours.as_slice(), &["--speed", "600", "--json"]].concat()
    ));
    assert_eq!(told["deadlines_stretched"], false);
    assert!(
        told["first_call"]
            .as_str()
            .unwrap()
            .starts_with("2018-05-12T20:")
    );
    assert!(told["last_call"].as_str().unwrap() < "2018-05-12T20:20");
    balanced(&told);
    let refused = day(&[hours.as_slice(), &["--speed", "601"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--stretch-deadlines"));
    let stretched = day(&[
        hours.as_slice(),
        &["--speed", "6000", "--stretch-deadlines", "--with-radios"],
    ]
    .concat());
    assert!(
        text(&stretched.stdout).contains("stretched"),
        "{}",
        text(&stretched.stderr)
    );
    let backwards = day(&["--from", "2018-05-12T20:00", "--to", "2018-05-12T19:00"]);
    assert!(text(&backwards.stderr).contains("--from must be before --to"));
}

#[test]
fn a_bad_table_imports_nothing_unless_told_to_skip() {
    let dir = tempfile::tempdir().unwrap();
    let calls = dir.path().join("calls.csv");
    let rows = b"id,time,location,latitude,longitude,district,nature,status\n\
        1,2018-05-12 20:00:00,A ST,43.0,-87.9,1,THEFT,x\n\
        2,yesterday,A ST,43.0,-87.9,1,THEFT,x\n\
        3,2018-05-12 20:00:01,CAF\xc9,43.0,-87.9,1,THEFT,x\n";
    std::fs::write(&calls, rows).unwrap();
    let keep = dir.path().join("data");
    let bad = replay(&calls, &["--keep", keep.to_str().unwrap()]);
    let complained = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(1));
    for said in [
        "2 of 3 rows are bad",
        "line 3, column `time`: `yesterday`",
        "line 4, column `location`: is not UTF-8",
        "nothing was imported",
    ] {
        assert!(complained.contains(said), "no {said} in {complained}");
    }
    assert!(!keep.exists(), "no daemon was started");
    let skipped = report(&replay(&calls, &["--skip-bad", "--json"]));
    assert_eq!(
        (number(&skipped, "bad_rows"), number(&skipped, "reported")),
        (2, 1)
    );
    balanced(&skipped);
    // Another town's table, whose header is a row, has none of the columns.
    let other = replay(&shipped("fixtures/calls/montgomery.csv"), &["--skip-bad"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(
        text(&other.stderr).contains("line 1, column `id`"),
        "{}",
        text(&other.stderr)
    );
}

#[test]
fn a_daemon_that_runs_is_told_each_row_once() {
    let mut config = Config::load(&shipped("config/milwaukee.toml")).unwrap();
    config.console.listen.set_port(0);
    config.http.listen.set_port(0);
    config.roster.sign_on_at_start = false;
    for link in config.gateways.iter_mut().flat_map(|it| &mut it.links) {
        link.port = 0;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config, users(), dir.path()).unwrap();
    let at = server.console.to_string();
    let hour = [
        "--from",
        "2018-05-12T20:00",
        "--to",
        "2018-05-12T21:00",
        "--speed",
        "10000",
    ];
    let there = [
        "--connect",
        &at,
        "--user",
        "calls",
        "--password",
        PASSWORD,
        "--json",
    ];
    let both = [hour.as_slice(), &there].concat();
    let first = report(&day(&both));
    assert_eq!(
        (number(&first, "lost"), &first["lost_counted_from"]),
        (0, &"incident.get".into())
    );
    let journal = ["--journal", dir.path().to_str().unwrap()];
    let again = report(&day(&[both.as_slice(), &journal].concat()));
    assert_eq!(
        (number(&again, "lost"), &again["lost_counted_from"]),
        (0, &"journal".into())
    );
    // The same keys: the same answers, and no incident twice.
    assert_eq!(again["reported"], first["reported"]);
    assert_eq!(again["incidents"], first["reported"]);
    server.stop();
    let alone = day(&["--connect", &at]);
    assert_eq!(alone.status.code(), Some(2), "--user is needed");
}
