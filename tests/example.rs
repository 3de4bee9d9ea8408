//! The example console of docs/examples does what its first lines say, against a real daemon.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{PASSWORD, Town};
use std::process::Command;

const CONSOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/console.py");

/// What the console prints. Needs python3, as .ci/run does.
fn console(town: &Town, arguments: &[&str], password: &str) -> (bool, String, String) {
    let ran = Command::new("python3")
        .arg(CONSOLE)
        .arg(town.server.console.to_string())
        .args(arguments)
        .env("TIEQI_PASSWORD", password)
        .output()
        .expect("python3 runs");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ran.status.success(), text(ran.stdout), text(ran.stderr))
}

#[test]
fn it_reports_and_shows_the_board_change() {
    let town = Town::start();
    let report = [
        "desk",
        "--report",
        "黄江大道17号",
        "--position",
        "22.877,113.996",
        "--category",
        "traffic_minor",
        "--seconds",
        "1",
    ];
    let (done, shown, errors) = console(&town, &report, PASSWORD);
    assert!(done, "{errors}");
    let said = |word: &str| shown.lines().any(|line| line.starts_with(word));
    assert!(said("reported {\"incident\""), "{shown}");
    assert!(
        said("incidents ") && shown.contains("黄江大道17号"),
        "{shown}"
    );
    // Who comes later sees it on the board's pages.
    let (done, shown, errors) = console(&town, &["calls", "--seconds", "0.5"], PASSWORD);
    assert!(done, "{errors}");
    assert!(
        shown.lines().any(|line| line.starts_with("incident {")),
        "{shown}"
    );
}

#[test]
fn a_wrong_password_and_a_wrong_category_are_told() {
    let town = Town::start();
    let (done, _, errors) = console(&town, &["desk"], "wrong");
    assert!(
        !done && errors.contains("wrong user or password"),
        "{errors}"
    );
    let wrong = [
        "desk",
        "--report",
        "x",
        "--category",
        "nonsense",
        "--seconds",
        "1",
    ];
    let (done, _, errors) = console(&town, &wrong, PASSWORD);
    assert!(!done && errors.contains("nonsense"), "{errors}");
}
