//! Archive and snapshots of the whole daemon: looked up, thrown away, broken, killed, and there
//! again, while calls go on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::process::{Daemon, Place};
use common::{PASSWORD, Town, radios, report, tieqi, until_call, users};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tieqi::cli::client::Client;
use tieqi::engine::Engine;
use tieqi::engine::event::Event;
use tieqi::engine::id::{EngineTime, IncidentId};
use tieqi::engine::image::Image;
use tieqi::engine::incident::{Classification, Report, Source};
use tieqi::engine::policy::{Grade, Policy};
use tieqi::geo::Wgs84;
use tieqi::journal::{self, FileDisk, Journal, Kind, Options};
use tieqi::radio::Rates;
use tieqi::shell::Server;
use tieqi::shell::archive::{self, Rules};

fn numbers(page: &Value) -> Vec<u64> {
    let incidents = page["incidents"].as_array().unwrap();
    let number = |incident: &Value| incident["incident"].as_u64().unwrap();
    incidents.iter().map(number).collect()
}

fn position(at: Wgs84) -> Value {
    json!({ "lat": at.lat(), "lon": at.lon(), "datum": "wgs84" })
}

fn list(console: &mut Client, params: Value) -> Vec<u64> {
    numbers(&console.call("incident.list", &params).unwrap())
}

#[test]
fn a_list_holds_what_its_asker_was_told_and_every_filter_narrows_it() {
    let town = Town::start();
    let mut console = town.console("calls");
    let grid = town.config.places.iter().find(|it| it.key == "grid-040");
    let community = town.config.communities.get(2);
    let (grid, community) = (grid.unwrap(), community.unwrap());
    for number in 1..=7u64 {
        let mut call = report(&number.to_string());
        if number == 3 {
            call["text"] = json!("摩托车 Collision 有人受伤");
            call["grade"] = json!("I");
        }
        match number {
            2 => call["position"] = position(grid.at),
            4 => call["position"] = position(community.at),
            6 => drop(call.as_object_mut().unwrap().remove("position")),
            _ => {}
        }
        console.call("incident.report", &call).unwrap();
        let ask = ("incident.list", json!({}));
        // It waits a second at most: on a machine that is very busy it may have to be asked again.
        let page = until_call("the report", &mut console, ask, |page| {
            (page["archive"]["complete"] == true).then(|| page.clone())
        });
        assert_eq!(numbers(&page)[0], number, "newest first");
    }
    let note = json!({ "key": "n", "incident": 5, "text": "后座无人" });
    console.call("incident.note", &note).unwrap();
    all_of(&mut console);
    let narrowed = [
        (json!({}), vec![7, 6, 5, 4, 3, 2, 1]),
        (json!({ "grade": "I" }), vec![3]),
        (json!({ "text": "受伤 collision" }), vec![3]),
        (json!({ "text": "后座" }), vec![5]),
        (json!({ "text": "没有" }), vec![]),
        (json!({ "incident": 4 }), vec![4]),
        (json!({ "incident": 4, "grade": "I" }), vec![]),
        (json!({ "incident": 99 }), vec![]),
        (json!({ "category": "theft" }), vec![]),
        (json!({ "category": "traffic_minor", "limit": 1 }), vec![7]),
        (json!({ "grid": "grid-040" }), vec![2]),
        (json!({ "grid": "grid-040", "incident": 3 }), vec![]),
        (
            json!({ "community": community.key, "incident": 4 }),
            vec![4],
        ),
        // Without a place it is nobody's, and it is in no grid twice.
        (json!({ "community": community.key, "incident": 6 }), vec![]),
        (
            json!({ "community": community.key, "grid": "grid-040", "incident": 4 }),
            vec![],
        ),
        (json!({ "from": "2100-01-01T00:00:00Z" }), vec![]),
        (json!({ "to": "2000-01-01T00:00:00Z" }), vec![]),
        (json!({ "unit": "nobody" }), vec![]),
        (json!({ "limit": 2 }), vec![7, 6]),
    ];
    for (filter, expected) in narrowed {
        assert_eq!(list(&mut console, filter.clone()), expected, "{filter}");
    }
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let params = json!({ "limit": 3, "cursor": cursor });
        let page = console.call("incident.list", &params).unwrap();
        all.extend(numbers(&page));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(all, [7, 6, 5, 4, 3, 2, 1]);
    let bad = [
        json!({ "limit": 0 }),
        json!({ "limit": 201 }),
        json!({ "cursor": "x" }),
        json!({ "text": " " }),
        json!({ "grade": "V" }),
        json!({ "from": "yesterday" }),
        json!({ "colour": "red" }),
        json!({ "grid": "community-1" }),
        json!({ "community": "nowhere" }),
        json!({ "category": "robery" }),
    ];
    for params in bad {
        let error = common::refused(&mut console, "incident.list", &params);
        assert_eq!(error["code"], -32602, "{params}: {error}");
    }
    let health = console.call("system.health", &json!({})).unwrap();
    assert_eq!(health["archive"]["incidents"], 7, "{health}");
    assert_eq!(health["archive"]["rebuilding"], Value::Null);
}

/// A call that rings and, unless it is abandoned, is answered and ended; its number.
fn called(console: &mut Client, caller: &str, end: Option<Value>) -> Value {
    let key = |what: &str| json!(format!("{what}-{caller}"));
    let ring = json!({ "key": key("arrive"), "caller": caller, "desk": "D1" });
    let call = console.call("call.arrive", &ring).unwrap()["call"].clone();
    let mut ended = json!({ "key": key("end"), "call": call });
    if let Some(how) = end {
        let answer = json!({ "key": key("answer"), "call": call });
        console.call("call.answer", &answer).unwrap();
        ended["invalid"] = how;
    }
    console.call("call.end", &ended).unwrap();
    call
}

fn calls(page: &Value) -> Vec<u64> {
    let calls = page["calls"].as_array().unwrap();
    let number = |call: &Value| call["call"].as_u64().unwrap();
    calls.iter().map(number).collect()
}

#[test]
fn calls_without_an_incident_are_listed_by_outcome_also_after_a_kill() {
    let place = Place::new();
    place.add_user("watch", "viewer");
    let daemon = Daemon::start(&place);
    let mut console = Client::login(place.console, "calls", PASSWORD).unwrap();
    called(&mut console, "13800000001", None);
    called(&mut console, "13800000002", Some(json!("silent")));
    let led = called(&mut console, "13800000003", Some(Value::Null));
    called(&mut console, "13800000004", Some(Value::Null));
    let mut told = report("call");
    told["call"] = led;
    console.call("incident.report", &told).unwrap();
    let expected = [
        (json!({}), vec![4, 3, 2, 1]),
        (json!({ "without_incident": true }), vec![4, 2, 1]),
        (json!({ "phase": "abandoned" }), vec![1]),
        (
            json!({ "phase": "ended", "without_incident": true }),
            vec![4],
        ),
        (json!({ "invalid": "silent" }), vec![2]),
        (json!({ "invalid": "nuisance" }), vec![]),
        (json!({ "caller": "13800000004" }), vec![4]),
        (json!({ "caller": "1380000000" }), vec![]),
        (json!({ "caller": "" }), vec![]),
        (json!({ "call": 3, "without_incident": true }), vec![]),
        (json!({ "from": "2100-01-01T00:00:00Z" }), vec![]),
        (json!({ "to": "2000-01-01T00:00:00Z" }), vec![]),
        (json!({ "limit": 2 }), vec![4, 3]),
    ];
    let check = |console: &mut Client, when: &str| {
        // It waits a second at most: on a machine that is very busy it may have to be asked again.
        let ask = ("call.list", json!({}));
        until_call("the calls", console, ask, |page| {
            (page["archive"]["complete"] == true).then_some(())
        });
        for (filter, expected) in &expected {
            let page = console.call("call.list", filter).unwrap();
            assert_eq!(calls(&page), *expected, "{when}: {filter}");
        }
    };
    check(&mut console, "told");
    daemon.kill();
    let _running = Daemon::start(&place);
    let mut console = Client::login(place.console, "watch", PASSWORD).unwrap();
    check(&mut console, "after a kill, to a viewer");
    let first = json!({ "phase": "abandoned" });
    let page = console.call("call.list", &first).unwrap();
    let (call, now_ms) = (&page["calls"][0], console.call("session.ping", &json!({})));
    let arrived_ms = call["arrived_ms"].as_i64().unwrap();
    let now_ms = now_ms.unwrap()["wall_ms"].as_i64().unwrap();
    assert!((now_ms - 600_000..=now_ms).contains(&arrived_ms), "{call}");
    assert_eq!(call["caller"], "13800000001");
    assert!(call["stamps"]["ended"].as_u64() >= call["stamps"]["arrived"].as_u64());
    let health = console.call("system.health", &json!({})).unwrap();
    assert_eq!(health["archive"]["calls"], 4, "{health}");
    let bad = [
        json!({ "limit": 0 }),
        json!({ "cursor": "x" }),
        json!({ "phase": "gone" }),
        json!({ "invalid": "rude" }),
        json!({ "outcome": "ended" }),
        json!({ "from": "yesterday" }),
        json!({ "caller": "1".repeat(201) }),
    ];
    for params in bad {
        let error = common::refused(&mut console, "call.list", &params);
        assert_eq!(error["code"], -32602, "{params}: {error}");
    }
}

#[test]
fn incidents_are_found_by_the_units_that_had_them() {
    let town = Town::start();
    let mut console = town.console("calls");
    let radios = radios(&town.config, 5, Rates::NONE);
    common::until_registered(&radios, &console);
    let told = console.call("incident.report", &report("u")).unwrap();
    let which = json!({ "incident": told["incident"] });
    let get = ("incident.get", which);
    let unit = until_call("a unit", &mut console, get, |found| {
        Some(found["assignments"][0]["unit"].as_str()?.to_owned())
    });
    let by_unit = json!({ "unit": unit });
    until_call(
        "the unit's",
        &mut console,
        ("incident.list", by_unit),
        |page| (numbers(page) == [1]).then_some(()),
    );
    all_of(&mut console);
    let both = json!({ "unit": unit, "incident": 1 });
    assert_eq!(list(&mut console, both), [1]);
    radios.stop().unwrap();
}

/// The journal's events from `after` on, applied to an engine.
fn applied(dir: &Path, mut engine: Engine, after: u64) -> Engine {
    let mut disk = FileDisk::read_only(dir);
    let read = journal::read(&mut disk, after + 1, u64::MAX, |record| {
        if record.kind == Kind::EVENT {
            let event: Event = postcard::from_bytes(record.payload).unwrap();
            engine.apply(EngineTime(record.time_ms), &event);
        }
    });
    assert!(read.unwrap().damage.is_empty());
    engine.replayed();
    engine
}

fn snapshot_plus_tail(dir: &Path, policy: &Policy) -> (usize, Engine) {
    let mut disk = FileDisk::read_only(&dir.join("snapshots"));
    let files = journal::snapshots(&mut disk).unwrap();
    let snapshot = journal::read_snapshot(&mut disk, &files[0]).unwrap();
    let image: Image = postcard::from_bytes(&snapshot.payload).unwrap();
    let engine = Engine::restored(policy.clone(), image);
    let engine = applied(dir, engine, snapshot.head.point.seq);
    (files.len(), engine)
}

#[test]
fn a_snapshot_and_the_journal_behind_it_are_the_whole_journal() {
    let mut config = common::sample();
    config.journal.snapshot_every = 100;
    let policy = config.policy.clone();
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let server = Server::start(config.clone(), users(), dir.path()).unwrap();
        let replayed = server.recovery.records;
        let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
        for call in 0..40 {
            let call = report(&format!("{round}-{call}"));
            console.call("incident.report", &call).unwrap();
        }
        let expected: Vec<u64> = (1..=40 * (round + 1)).rev().collect();
        let page = all_of(&mut console);
        assert_eq!(page, expected.into_iter().collect(), "round {round}");
        let health = ("system.health", json!({}));
        let made = until_call("a snapshot", &mut console, health, |health| {
            health["snapshot"]["record"].as_u64()
        });
        assert!(made >= 100, "record {made}");
        drop(console);
        server.stop();
        assert!(round == 0 || replayed > 0);
        let whole = applied(dir.path(), Engine::new(policy.clone()), 0);
        let (kept, engine) = snapshot_plus_tail(dir.path(), &policy);
        assert_eq!(engine.state(), whole.state(), "round {round}");
        assert_eq!(engine.next_deadline(), whole.next_deadline());
        assert!(kept <= 2, "{kept} snapshots");
    }
}

/// Flips a bit in the middle of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_a_sound_one_makes_good_a_damaged_journal() {
    let mut config = common::sample();
    config.journal.snapshot_every = 100;
    let dir = tempfile::tempdir().unwrap();
    let start = || Server::start(config.clone(), users(), dir.path()).unwrap();
    let mut told: u64 = 0;
    let mut serve = |server: Server, what: &str| {
        let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
        let before = all_of(&mut console);
        assert_eq!(before, (1..=told).collect(), "{what}");
        for call in 0..30 {
            let call = report(&format!("{what}-{call}"));
            console.call("incident.report", &call).unwrap();
        }
        told += 30;
        drop(console);
        server.stop();
    };
    let snapshots = || {
        let mut disk = FileDisk::read_only(&dir.path().join("snapshots"));
        let files = journal::snapshots(&mut disk).unwrap();
        let path = |name| dir.path().join("snapshots").join(name);
        files
            .into_iter()
            .map(|file| path(file.name))
            .collect::<Vec<_>>()
    };
    serve(start(), "first");
    serve(start(), "second");
    flip(&snapshots()[0], 500);
    serve(start(), "the newest snapshot is damaged");
    for path in snapshots() {
        flip(&path, 500);
    }
    serve(start(), "all snapshots are damaged");
    let journal = dir.path().join("journal-00000001.seg");
    flip(&journal, 6_000);
    let server = start();
    assert_eq!(server.recovery.damage, None);
    assert_eq!(server.recovery.covered.len(), 1, "{:?}", server.recovery);
    serve(server, "the journal is damaged before the snapshot");
    gone(&dir.path().join("archive"));
    let server = start();
    let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
    let ask = ("incident.list", json!({ "limit": 200 }));
    let page = until_call("the gap", &mut console, ask, |page| {
        (numbers(page).len() == 150).then(|| page.clone())
    });
    // The engine keeps what is open, so nothing is missing but what was closed long ago.
    assert_eq!(page["archive"]["complete"], false, "{page}");
    let health = console.call("system.health", &json!({})).unwrap();
    assert_eq!(health["archive"]["gap"], true);
    assert_eq!(health["status"], "ok");
}

/// Does something to every file below a directory.
fn each_file(dir: &Path, change: &dyn Fn(&Path)) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_file(&path, change),
            false => change(&path),
        }
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

fn halve(path: &Path) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length(path) / 2).unwrap();
}

fn scramble(path: &Path) {
    let bytes: Vec<u8> = (0..length(path))
        .map(|at| (at * 7 + at / 251) as u8)
        .collect();
    std::fs::write(path, bytes).unwrap();
}

/// Every eighth byte of what is not zero.
fn rot(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    for byte in bytes.iter_mut().step_by(8).filter(|byte| **byte != 0) {
        *byte ^= 0x10;
    }
    std::fs::write(path, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, &to).unwrap()),
        }
    }
}

fn gone(dir: &Path) {
    std::fs::remove_dir_all(dir).unwrap();
}

/// What may have happened to the archive while no daemon ran.
type Mishap<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn an_archive_that_is_gone_or_broken_is_made_again_while_calls_go_on() {
    let other = tempfile::tempdir().unwrap();
    let server = Server::start(common::sample(), users(), other.path()).unwrap();
    let mut console = Client::login(server.console, "calls", PASSWORD).unwrap();
    console
        .call("incident.report", &report("elsewhere"))
        .unwrap();
    all_of(&mut console);
    drop(console);
    server.stop();
    let foreign = other.path().join("archive");
    let mishaps: [Mishap<'_>; 8] = [
        ("nothing but a kill", &|_| ()),
        ("deleted", &gone),
        ("cut", &|dir| each_file(dir, &halve)),
        ("garbage", &|dir| each_file(dir, &scramble)),
        ("rotten", &|dir| each_file(dir, &rot)),
        ("empty files", &|dir| {
            each_file(dir, &|path| std::fs::write(path, []).unwrap())
        }),
        ("another journal's", &|dir| {
            gone(dir);
            copy(&foreign, dir);
        }),
        ("a file in its place", &|dir| {
            gone(dir);
            std::fs::write(dir, "not sled").unwrap();
        }),
    ];
    let place = Place::new();
    let mut daemon = Daemon::start(&place);
    let mut told = BTreeSet::new();
    for (name, mishap) in mishaps {
        let mut console = Client::login(place.console, "calls", PASSWORD).unwrap();
        for call in 0..5 {
            let call = report(&format!("{name}-{call}"));
            let answer = console.call("incident.report", &call).unwrap();
            told.insert(answer["incident"].as_u64().unwrap());
        }
        assert_eq!(all_of(&mut console), told, "before: {name}");
        daemon.kill();
        mishap(&place.data.join("archive"));
        daemon = Daemon::start(&place);
        let mut console = Client::login(place.console, "calls", PASSWORD).unwrap();
        let call = report(&format!("{name}-after"));
        let answer = console.call("incident.report", &call).unwrap();
        told.insert(answer["incident"].as_u64().unwrap());
        assert_eq!(all_of(&mut console), told, "after: {name}");
        let elsewhere = list(&mut console, json!({ "text": "139-elsewhere" }));
        assert_eq!(elsewhere, [0u64; 0], "after: {name}");
    }
}

/// All incidents, once the archive says that it has them.
fn all_of(console: &mut Client) -> BTreeSet<u64> {
    let ask = ("incident.list", json!({ "limit": 200 }));
    until_call("the archive", console, ask, |page| {
        (page["archive"]["complete"] == true).then(|| numbers(page).into_iter().collect())
    })
}

fn archive_command(place: &Place, what: &str) -> Command {
    let mut command = tieqi();
    command.args(["archive", what, "--json", "--config"]);
    command.arg(&place.config).arg("--dir").arg(&place.data);
    command
}

/// What `tieqi archive WHAT` prints, or why it ended with that code.
fn command_line(place: &Place, what: &str, code: i32) -> Value {
    let ran = archive_command(place, what).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(code), "{what}: {said}");
    let last = String::from_utf8_lossy(&ran.stdout).into_owned();
    serde_json::from_str::<Value>(last.trim()).unwrap_or(json!(said))
}

#[test]
fn the_command_line_tells_and_makes_the_archive() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let mut console = Client::login(place.console, "calls", PASSWORD).unwrap();
    for call in 0..3 {
        console
            .call("incident.report", &report(&call.to_string()))
            .unwrap();
    }
    all_of(&mut console);
    let ask = |what: &str, code: i32| command_line(&place, what, code);
    let status = ask("status", 0);
    let holder = u64::from(daemon.0.id());
    assert_eq!(status["held_by"], json!(holder.to_string()), "{status}");
    assert!(ask("rebuild", 2).as_str().unwrap().contains("holds it"));
    daemon.kill();
    let status = ask("status", 0);
    // Killed, it may be behind: what it has not is in the journal.
    let (at, end) = (&status["archive"]["record"], &status["journal_record"]);
    assert!(at.as_u64() <= end.as_u64(), "{status}");
    assert_eq!(status["held_by"], Value::Null);
    gone(&place.data.join("archive"));
    assert!(
        ask("status", 1)["problem"]
            .as_str()
            .unwrap()
            .contains("no archive")
    );
    let rebuilt = ask("rebuild", 0);
    assert_eq!(rebuilt["incidents"], 3, "{rebuilt}");
    assert_eq!(ask("status", 0)["archive"]["incidents"], 3);
    let _running = Daemon::start(&place);
    let mut console = Client::login(place.console, "calls", PASSWORD).unwrap();
    assert_eq!(all_of(&mut console).len(), 3);
}

/// A journal of so many reports, written without a daemon.
fn write_journal(data: &Path, reports: u32) {
    std::fs::create_dir_all(data).unwrap();
    let options = Options {
        segment_bytes: 1 << 20,
        ..Options::at(1_700_000_000_000)
    };
    let (mut journal, _) = Journal::open(FileDisk::lock(data).unwrap(), &options, |_| ()).unwrap();
    for number in 1..=reports {
        let event = Event::IncidentReported {
            incident: IncidentId(number),
            report: Report {
                source: Source::Police110,
                by: "calls".into(),
                place: "嘉荣广场".into(),
                point: None,
                caller: format!("139-{number}"),
                text: "测试".into(),
                occurred_at_ms: None,
                classification: Classification {
                    category: None,
                    grade: Grade::Two,
                },
            },
            review_at: EngineTime(u64::MAX),
        };
        let payload = postcard::to_allocvec(&event).unwrap();
        let at_ms = u64::from(number) * 10;
        journal.push(Kind::EVENT, at_ms, &payload).unwrap();
        // Batches of several records, so that a stage does not end where its count says.
        if number % 67 == 0 || number == reports {
            journal.commit().unwrap();
        }
    }
    drop(journal.into_disk());
}

#[test]
fn a_making_that_is_cut_short_goes_on_from_where_it_was() {
    const REPORTS: u32 = 9_000;
    const CUT_AT: u64 = 8_000;
    let dir = tempfile::tempdir().unwrap();
    write_journal(dir.path(), REPORTS);
    let tip = journal::verify(&mut FileDisk::read_only(dir.path()), |_, _| ());
    let tip = tip.unwrap().tip.unwrap();
    let config = common::sample();
    let make = |cut_at: Option<u64>| {
        let rules = Rules {
            policy: config.policy.clone(),
            plane: config.plane,
        };
        let progress = move |done: u64, _| assert_ne!(Some(done), cut_at, "cut short");
        archive::rebuild(dir.path(), rules, tip, progress).unwrap()
    };
    assert!(std::panic::catch_unwind(|| make(Some(CUT_AT))).is_err());
    let (made, from) = make(None);
    assert!((5_000..CUT_AT).contains(&from), "{from}");
    assert_eq!(made.rows.incidents, u64::from(REPORTS));
    let found = archive::inspect(dir.path()).unwrap();
    assert_eq!((found.record, found.rows), (tip.seq, made.rows));
    // What is finished is made anew when somebody asks for it.
    let (again, from) = make(None);
    assert_eq!((again.rows, from), (made.rows, 0));
}

/// Begins to make the archive on the command line, and kills it when so many records are done.
fn killed_at(place: &Place, records: u64) {
    let mut making = archive_command(place, "rebuild")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(making.stderr.take().unwrap()).lines();
    let done = said.map_while(Result::ok).find_map(|line| {
        let done = line
            .strip_prefix("record ")?
            .split(' ')
            .next()?
            .parse()
            .ok();
        done.filter(|done: &u64| *done >= records)
    });
    making.kill().unwrap();
    let ended = making.wait().unwrap();
    assert!(done.is_some() && ended.signal().is_some(), "{ended}");
}

#[test]
fn a_making_that_is_killed_goes_on_from_where_it_was() {
    const REPORTS: u32 = 9_500;
    let place = Place::new();
    write_journal(&place.data, REPORTS);
    let at = || archive::inspect(&place.data).unwrap().record;
    killed_at(&place, 6_000);
    let first = at();
    assert!((5_000..u64::from(REPORTS)).contains(&first), "{first}");
    // Without a snapshot the next one reads from the first record again, but makes no row twice.
    killed_at(&place, 2_000);
    let second = at();
    assert!((first..u64::from(REPORTS)).contains(&second), "{second}");
    // The daemon goes on with it, too: nothing is set aside.
    let (copied, broken) = (
        place.data.with_file_name("copy"),
        place.data.join("archive.broken"),
    );
    copy(&place.data, &copied);
    let daemon = Daemon::start(&place);
    let mut console = Client::login(place.console, "calls", PASSWORD).unwrap();
    let newest = ("incident.list", json!({ "limit": 1 }));
    let newest = until_call("the archive", &mut console, newest, |page| {
        (page["archive"]["complete"] == true).then(|| numbers(page))
    });
    assert_eq!(newest, [u64::from(REPORTS)]);
    let health = console.call("system.health", &json!({})).unwrap();
    assert_eq!(health["archive"]["incidents"], REPORTS, "{health}");
    assert!(!broken.exists());
    daemon.kill();
    gone(&place.data);
    std::fs::rename(copied, &place.data).unwrap();
    let rebuilt = command_line(&place, "rebuild", 0);
    assert_eq!(rebuilt["from"], second, "{rebuilt}");
    assert_eq!(rebuilt["incidents"], REPORTS, "{rebuilt}");
    assert_eq!(at(), rebuilt["record"].as_u64().unwrap());
}
