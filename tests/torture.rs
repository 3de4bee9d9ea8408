//! The real binary, loaded over its API and radios, killed with SIGKILL at random moments, also
//! while it starts, on a good disk and on one that is full, and stopped for a while with SIGSTOP.
//! After each restart what it says is compared with the callers' own record, and at the end the
//! journal is.
//!
//! `make torture KILLS=n` runs a long one; `KILLS`, `SEED` and `FREEZE_S` are its settings. The
//! seed fixes what is asked and when it is killed, not how the threads interleave.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::process::{Daemon, Place};
use common::{PASSWORD, radios, report, tieqi, until_call};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant, SystemTime};
use tieqi::cli::audit::{self, Acked};
use tieqi::cli::client::{Client, Refused};
use tieqi::config::Config;
use tieqi::engine::assignment::Rung;
use tieqi::engine::event::Event;
use tieqi::engine::id::{AssignmentId, UnitId};
use tieqi::radio::Rates;

/// Callers at once.
const CALLERS: usize = 3;
/// Longest life of a daemon, milliseconds.
const LIFE_MS: u64 = 800;
/// Answers that are kept for sure: 100,000 are, less those asked for again that had no answer.
const REMEMBERED: usize = 95_000;
/// Old answers asked for again after each restart; at the end it is all of them.
const SAMPLE: u64 = 20;

fn setting(name: &str, usual: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(usual, |set| set.parse().unwrap())
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

/// A command and what was answered; no answer means that the daemon died first.
#[derive(Clone)]
struct Told {
    method: &'static str,
    params: Value,
    answer: Option<Value>,
}

impl Told {
    /// Asks, or asks again under the same key; false when the daemon is gone.
    fn ask(&mut self, client: &mut Client) -> bool {
        match client.call(self.method, &self.params) {
            Ok(answer) => {
                if let Some(before) = self.answer.replace(answer) {
                    assert_eq!(Some(before), self.answer, "{} {}", self.method, self.params);
                }
                true
            }
            // What is refused is not remembered; what was accepted is never refused.
            Err(error) if error.is::<Refused>() => {
                assert!(self.answer.is_none(), "{error:#}: {}", self.params);
                true
            }
            Err(_) => false,
        }
    }

    fn incident(&self) -> Option<u64> {
        self.answer.as_ref()?["incident"].as_u64()
    }

    /// The event that answered it.
    fn seq(&self) -> Option<u64> {
        self.answer.as_ref()?["seq"].as_u64()
    }
}

/// What a caller knows after a daemon's life.
struct Lived {
    told: Vec<Told>,
    /// Its incidents that it did not end; the next one may.
    open: Vec<u64>,
    /// It was told that nothing is acknowledged.
    degraded: bool,
}

/// One caller's life: reports, notes and endings until the daemon is gone.
fn call_until_killed(
    place: &Place,
    mut client: Client,
    name: &str,
    mut dice: Dice,
    mut open: Vec<u64>,
) -> Lived {
    let mut told: Vec<Told> = Vec::new();
    for number in 0.. {
        let key = format!("{name}-{number}");
        // About as many end as begin: there is a limit of open ones.
        let (method, params) = match (dice.roll(10), open.last().copied()) {
            (0..2, Some(incident)) => {
                let params = json!({ "key": key, "incident": incident, "text": "再查" });
                ("incident.note", params)
            }
            (2..6, Some(incident)) => {
                open.pop();
                let params = json!({ "key": key, "incident": incident, "reason": "重复" });
                ("incident.cancel", params)
            }
            _ => {
                let mut params = report(&key);
                // A small disk is soon used up.
                let times = if place.disk.is_some() { 300 } else { 1 };
                params["text"] = json!("测试".repeat(times));
                ("incident.report", params)
            }
        };
        let answer = None;
        told.push(Told {
            method,
            params,
            answer,
        });
        if !told.last_mut().unwrap().ask(&mut client) {
            break;
        }
        told.pop_if(|told| told.answer.is_none());
        if method == "incident.report" {
            open.extend(told.last().and_then(Told::incident));
        }
    }
    let mut degraded = false;
    while let Ok(Some(notice)) = client.notice(Duration::ZERO) {
        degraded |= notice["method"] == "board.degraded";
    }
    Lived {
        told,
        open,
        degraded,
    }
}

/// Lets time pass, in which the console is told what it may.
fn wait(watcher: &Client, time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        let _ = watcher.notice(left).unwrap();
    }
}

/// Starts a daemon and kills it after a while, or as soon as it serves.
fn kill_starting(place: &Place, after: Duration) {
    let until = Instant::now() + after;
    let mut starting = place.serve().spawn().unwrap();
    let log = BufReader::new(starting.stderr.take().unwrap());
    let (said, lines) = sync_channel(16);
    let reading = std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = said.try_send(line);
        }
    });
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        match lines.recv_timeout(left) {
            Ok(line) if !line.contains("serving") => {}
            _ => break,
        }
    }
    starting.kill().unwrap();
    starting.wait().unwrap();
    reading.join().unwrap();
}

/// What all callers know, and what happened to the daemon.
#[derive(Default)]
struct Campaign {
    told: Vec<Told>,
    open: [Vec<u64>; CALLERS],
    in_doubt: usize,
    starts_killed: u64,
    /// Daemons that had told that nothing is acknowledged.
    degraded: u64,
    max_restart: Duration,
}

impl Campaign {
    /// A daemon's life and death; what it left is checked by the next one.
    fn round(&mut self, place: &Place, round: u64, dice: &mut Dice, disk_fills: bool) {
        let began = Instant::now();
        let daemon = Daemon::start(place);
        self.max_restart = self.max_restart.max(began.elapsed());
        self.check(place, dice);
        // A login takes long on purpose: life begins behind it.
        let login = || Client::login(place.console, "desk", PASSWORD).unwrap();
        let (watcher, callers) = (login(), [(); CALLERS].map(|()| login()));
        // A full disk takes time to be felt: there is a segment ahead.
        let longer = if disk_fills { 2 } else { 1 };
        let lives = Duration::from_millis(dice.roll(LIFE_MS * longer));
        let fills = lives.mul_f64(0.3);
        let more = std::thread::scope(|scope| {
            let open = self.open.each_mut().map(std::mem::take);
            let callers = callers.into_iter().zip(open).enumerate();
            let callers = callers.map(|(caller, (client, open))| {
                let (name, dice) = (format!("{round}-{caller}"), Dice(dice.roll(u64::MAX)));
                scope.spawn(move || call_until_killed(place, client, &name, dice, open))
            });
            let callers: Vec<_> = callers.collect();
            wait(&watcher, fills);
            if disk_fills && let Some(disk) = &place.disk {
                disk.fill();
            }
            wait(&watcher, lives - fills);
            daemon.kill();
            let told = callers.into_iter().map(|caller| caller.join().unwrap());
            told.collect::<Vec<Lived>>()
        });
        self.degraded += u64::from(more.iter().any(|it| it.degraded));
        for (lived, open) in more.into_iter().zip(&mut self.open) {
            self.told.extend(lived.told);
            *open = lived.open;
        }
        if disk_fills && let Some(disk) = &place.disk {
            disk.empty();
        }
        if dice.roll(4) == 0 {
            self.starts_killed += 1;
            kill_starting(place, Duration::from_millis(dice.roll(300)));
        }
    }

    /// Everything just told, and some of what was told long ago.
    fn check(&mut self, place: &Place, dice: &mut Dice) {
        let mut client = Client::login(place.console, "desk", PASSWORD).unwrap();
        let health = client.call("system.health", &json!({})).unwrap();
        let newest = self.told.iter().filter_map(Told::seq).max();
        assert!(health["seq"].as_u64() >= newest, "{newest:?} {health}");
        let doubted = self.told.iter_mut().filter(|told| told.answer.is_none());
        for told in doubted {
            self.in_doubt += 1;
            // Twice: it is one command, whether it had been taken or not.
            assert!(told.ask(&mut client) && told.ask(&mut client));
        }
        // What was refused even now never happened.
        self.told.retain(|told| told.answer.is_some());
        let kept = self.remembered();
        let all = kept.len() as u64;
        for _ in 0..SAMPLE.min(all) {
            let at = usize::try_from(dice.roll(all)).unwrap();
            assert!(kept[at].ask(&mut client));
        }
    }

    /// The newest commands: the daemon forgets the answers of older ones, of which the journal is
    /// asked at the end. Each caller told its own in a row, so they are put in the daemon's order: a
    /// life may have tens of thousands.
    fn remembered(&mut self) -> &mut [Told] {
        self.told.sort_by_key(|told| told.seq().unwrap_or(u64::MAX));
        let forgotten = self.told.len().saturating_sub(REMEMBERED);
        &mut self.told[forgotten..]
    }

    /// Every answer again, then the journal itself.
    fn finish(mut self, place: &Place, config: &Config) -> Summary {
        let daemon = Daemon::start(place);
        let mut client = Client::login(place.console, "desk", PASSWORD).unwrap();
        for told in self.remembered() {
            assert!(told.ask(&mut client));
        }
        daemon.kill();
        let data = data(place);
        let reports = self.told.iter().filter(|told| told.incident().is_some());
        let reports: Vec<&Told> = reports
            .filter(|it| it.method == "incident.report")
            .collect();
        let acked =
            |told: &&Told| audit::acked(told.answer.as_ref().unwrap(), &told.params).unwrap();
        let acked: Vec<Acked> = reports.iter().map(acked).collect();
        let (figures, _) = audit::audit(&data, config.policy.ladder, &acked).unwrap();
        let of = |method| self.told.iter().filter(|it| it.method == method).count();
        let tried = ["incident.report", "incident.note", "incident.cancel"].map(of);
        assert!(
            tried.iter().all(|tried| *tried > 5),
            "hardly tried: {tried:?}"
        );
        assert_eq!(figures.lost, 0, "{figures:?}");
        assert_eq!(figures.incidents, acked.len() as u64, "no call became two");
        let seqs: Vec<u64> = self.told.iter().filter_map(Told::seq).collect();
        let distinct: BTreeSet<u64> = seqs.iter().copied().collect();
        assert_eq!(distinct.len(), seqs.len(), "a seq was given twice");
        let offers = one_active_assignment_a_unit(&data);
        verified(&data);
        Summary {
            acked: self.told.len(),
            incidents: acked.len(),
            offers,
            in_doubt: self.in_doubt,
            starts_killed: self.starts_killed,
            degraded: self.degraded,
            max_restart_ms: self.max_restart.as_millis(),
        }
    }
}

/// What a campaign found; a loss would have stopped it.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Summary {
    acked: usize,
    incidents: usize,
    offers: usize,
    in_doubt: usize,
    starts_killed: u64,
    degraded: u64,
    max_restart_ms: u128,
}

fn data(place: &Place) -> PathBuf {
    match &place.disk {
        Some(disk) => disk.outside().join("data"),
        None => place.data.clone(),
    }
}

/// From the journal alone: who was offered something had nothing else open but what is stacked.
fn one_active_assignment_a_unit(data: &Path) -> usize {
    let mut active = BTreeMap::<UnitId, AssignmentId>::new();
    let mut unit_of = BTreeMap::<AssignmentId, UnitId>::new();
    let mut offers = 0;
    let walked = audit::walk(data, |at, event| match event {
        Event::AssignmentOffered {
            assignment, unit, ..
        } => {
            offers += 1;
            unit_of.insert(*assignment, *unit);
            let before = active.insert(*unit, *assignment);
            let other = before.filter(|before| before != assignment);
            assert_eq!(other, None, "{unit:?} twice at {at:?}");
        }
        Event::AssignmentDeclined { assignment, .. }
        | Event::AssignmentExpired { assignment, .. }
        | Event::AssignmentRecalled { assignment, .. }
        | Event::AssignmentAdvanced {
            assignment,
            rung: Rung::Cleared,
            ..
        } => {
            if let Some(unit) = unit_of.get(assignment)
                && active.get(unit) == Some(assignment)
            {
                active.remove(unit);
            }
        }
        _ => {}
    });
    walked.unwrap();
    offers
}

fn verified(data: &Path) {
    let mut verify = tieqi();
    let verify = verify.args(["journal", "verify", "--json"]).arg(data);
    let said = verify.output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = setting("SEED", u64::from(now.unwrap().subsec_nanos()));
    println!("SEED={seed}");
    seed
}

fn bar(kills: u64) -> ProgressBar {
    let bar = ProgressBar::new(kills);
    // Nothing where nobody looks.
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar
}

#[test]
fn nothing_acknowledged_is_lost_however_often_it_is_killed() {
    let kills = setting("KILLS", 4);
    let (place, seed) = (Place::new(), seed());
    place.add_user("desk", "dispatcher");
    let config = Config::load(&place.config).unwrap();
    let radios = radios(&config, seed, Rates::NONE);
    let (mut campaign, mut dice) = (Campaign::default(), Dice(seed));
    let bar = bar(kills);
    for round in 0..kills {
        campaign.round(&place, round, &mut dice, false);
        bar.inc(1);
    }
    radios.stop().unwrap();
    println!("{kills} kills: {:?}", campaign.finish(&place, &config));
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_on_a_full_disk() {
    let kills = setting("KILLS", 4).div_ceil(2);
    let mib = 64 + 16 * u32::try_from(kills).unwrap();
    let Some(place) = Place::on_small_disk(mib) else {
        return;
    };
    place.add_user("desk", "dispatcher");
    let seed = seed();
    let config = Config::load(&place.config).unwrap();
    let (mut campaign, mut dice) = (Campaign::default(), Dice(seed));
    let bar = bar(kills);
    for round in 0..kills {
        campaign.round(&place, round, &mut dice, true);
        bar.inc(1);
    }
    println!(
        "{kills} kills on a full disk: {:?}",
        campaign.finish(&place, &config)
    );
}

fn signal(daemon: &Daemon, signal: &str) {
    let id = daemon.0.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status();
    assert!(sent.unwrap().success());
}

#[test]
#[ignore = "a client that must speak every few seconds needs a quiet machine: make torture"]
fn a_stopped_process_goes_on_where_it_was() {
    let freeze = Duration::from_secs(setting("FREEZE_S", 7));
    let place = Place::new();
    let config = Config::load(&place.config).unwrap();
    let daemon = Daemon::start(&place);
    let radios = radios(&config, 5, Rates::NONE);
    let mut pinging = Client::login(place.console, "calls", PASSWORD).unwrap();
    common::until_registered(&radios, &pinging);
    pinging.call("session.ping", &json!({})).unwrap();
    let mut caller = Client::login(place.console, "calls", PASSWORD).unwrap();
    caller.call("incident.report", &report("before")).unwrap();
    signal(&daemon, "-STOP");
    let thaws_at = Instant::now() + freeze;
    let ping = json!({ "jsonrpc": "2.0", "id": 1_000, "method": "session.ping", "params": {} });
    pinging.send(&format!("{ping}\n")).unwrap();
    for number in 0..5 {
        let params = report(&format!("frozen-{number}"));
        let request = json!({ "jsonrpc": "2.0", "id": 2_000 + number,
                              "method": "incident.report", "params": params });
        caller.send(&format!("{request}\n")).unwrap();
    }
    // Consoles see that nobody answers: nothing comes for longer than a heartbeat may take.
    while let Some(left) = thaws_at.checked_duration_since(Instant::now()) {
        assert_eq!(pinging.notice(left).unwrap(), None);
    }
    signal(&daemon, "-CONT");
    // Who spoke meanwhile is not silent, and is heard.
    let mut incidents = BTreeSet::new();
    for number in 0..5 {
        let answer = caller.answer().unwrap();
        assert_eq!(answer["id"], 2_000 + number, "{answer}");
        incidents.insert(answer["result"]["incident"].as_u64().unwrap());
    }
    assert_eq!(incidents.len(), 5);
    assert_eq!(pinging.answer().unwrap()["id"], 1_000);
    let health = pinging.call("system.health", &json!({})).unwrap();
    assert_eq!(health["since_start"]["consoles_cut"], json!({}), "{health}");
    // And dispatching goes on: each of them ends.
    for incident in incidents {
        let which = ("incident.get", json!({ "incident": incident }));
        until_call("an end", &mut caller, which, |found| {
            (found["incident"]["phase"] == "resolved").then_some(())
        });
    }
    daemon.kill();
    radios.stop().unwrap();
    one_active_assignment_a_unit(&place.data);
    verified(&place.data);
}
