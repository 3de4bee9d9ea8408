//! Terminals at a serial gateway: the daemon on one pseudo-terminal, simulated handhelds on another,
//! and between them a cable that can be cut, plugged in again and filled with noise.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{SPEED, report, sample, until, until_call, until_registered, users};
use serde_json::{Value, json};
use serialport::{SerialPort as _, TTYPort};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tieqi::cli::client::Client;
use tieqi::config::{Config, SerialPort, Speaks};
use tieqi::radio::{RadioOptions, Radios, Rates};
use tieqi::shell::Server;

/// Two pseudo-terminals whose masters are joined. Its ends are links to devices that come and go,
/// like those of a USB adapter.
struct Cable {
    ends: [PathBuf; 2],
    cut: Arc<AtomicBool>,
    /// Pieces of noise to come, towards the radio and towards the daemon.
    noise: [Arc<AtomicUsize>; 2],
    threads: Vec<JoinHandle<()>>,
}

impl Cable {
    fn plugged(dir: &Path) -> Self {
        let mut cable = Self {
            ends: ["daemon", "radio"].map(|name| dir.join(name)),
            cut: Arc::default(),
            noise: Default::default(),
            threads: Vec::new(),
        };
        cable.plug();
        cable
    }

    fn plug(&mut self) {
        let pairs = [TTYPort::pair().unwrap(), TTYPort::pair().unwrap()];
        self.cut = Arc::default();
        let [(left, left_end), (right, right_end)] = pairs;
        for (path, end) in self.ends.iter().zip([&left_end, &right_end]) {
            let _ = std::fs::remove_file(path);
            symlink(end.name().unwrap(), path).unwrap();
        }
        let (left_out, right_out) = (
            left.try_clone_native().unwrap(),
            right.try_clone_native().unwrap(),
        );
        // The slaves are held, so that the masters stand until the cable is cut.
        self.threads = vec![
            self.carry(left, right_out, left_end, 0),
            self.carry(right, left_out, right_end, 1),
        ];
    }

    fn carry(
        &self,
        mut from: TTYPort,
        mut to: TTYPort,
        held: TTYPort,
        way: usize,
    ) -> JoinHandle<()> {
        let (cut, noise) = (Arc::clone(&self.cut), Arc::clone(&self.noise[way]));
        from.set_timeout(Duration::from_millis(5)).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            let mut seed = 1u32;
            while !cut.load(Ordering::Relaxed) {
                let mut left = noise.swap(0, Ordering::Relaxed);
                while left > 0 {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let garbage = [0x7E, 0x04, 0x00, (seed >> 24) as u8];
                    let _ = to.write_all(&garbage);
                    left -= 1;
                }
                match from.read(&mut buffer) {
                    Ok(length) => {
                        let _ = to.write_all(&buffer[..length]);
                    }
                    Err(error) if error.kind() == ErrorKind::TimedOut => {}
                    Err(_) => return,
                }
            }
            drop(held);
        })
    }

    /// Masters and slaves are closed: both ends read nothing or an error from here on.
    fn unplug(&mut self) {
        self.cut.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        for path in &self.ends {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// The sample town whose one gateway is a radio at a serial port.
fn config(path: &Path) -> Config {
    let mut config = sample();
    config.link.reconnect_s = 1;
    let gateway = &mut config.gateways[0];
    gateway.links.clear();
    gateway.serial = Some(SerialPort {
        path: path.display().to_string(),
        baud: 115_200,
        slot: 1,
        ack_ms: 300,
        tries: 3,
        quiet_s: 60,
        on_first: false,
        speaks: Speaks::Hrnp,
    });
    config
}

struct Town {
    cable: Cable,
    server: Server,
    radios: Radios,
    _dir: TempDir,
}

impl Town {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cable = Cable::plugged(dir.path());
        let config = config(&cable.ends[0]);
        let server = Server::start(config.clone(), users(), &dir.path().join("data")).unwrap();
        let options = RadioOptions {
            serial: Some(cable.ends[1].display().to_string()),
            speed: SPEED,
            scene_s: 60,
            spread_ms: 100,
            air_ms: 10,
            rates: Rates::NONE,
            ..RadioOptions::default()
        };
        Self {
            cable,
            server,
            radios: Radios::start(&config, options).unwrap(),
            _dir: dir,
        }
    }

    fn console(&self, user: &str) -> Client {
        Client::login(self.server.console, user, common::PASSWORD).unwrap()
    }
}

/// The one link, as `system.health` shows it.
fn until_link(what: &str, console: &mut Client, is: impl Fn(&Value) -> bool) -> Value {
    let health = ("system.health", json!({}));
    until_call(what, console, health, |health| {
        let link = &health["links"][0];
        is(link).then(|| link.clone())
    })
}

fn until_resolved(console: &mut Client, incident: &Value) {
    let get = ("incident.get", json!({ "incident": incident }));
    until_call("the scene to be cleared", console, get, |found| {
        (found["incident"]["phase"] == "resolved").then_some(())
    });
}

#[test]
fn one_call_is_delivered_and_acknowledged_over_a_serial_line() {
    let town = Town::start();
    let mut calls = town.console("calls");
    until_registered(&town.radios, &calls);
    let link = until_link("the radio to say who it is", &mut calls, |link| {
        link["radio"]["id"].is_u64()
    });
    assert_eq!(
        (&link["service"], &link["up"]),
        (&json!("all"), &json!(true))
    );
    assert_eq!(link["radio"]["id"], 1001);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    until_resolved(&mut calls, &answer["incident"]);

    let mut desk = town.console("desk");
    let words = json!({ "key": "group", "talkgroup": 10_000, "text": "注意安全" });
    let told = desk.call("talkgroup.message", &words).unwrap();
    assert!(told["message"].is_u64(), "{told}");
    until("the group to hear it", &desk, || {
        (town.radios.stats().group_texts_heard == 1).then_some(())
    });
    let stats = town.radios.stop().unwrap();
    assert_eq!((stats.offers, stats.delivered), (1, 1), "{stats}");
    town.server.stop();
}

#[test]
fn an_unplugged_line_is_told_and_mended_when_plugged_in_under_traffic() {
    let mut town = Town::start();
    let mut calls = town.console("calls");
    until_registered(&town.radios, &calls);
    let first = calls.call("incident.report", &report("before")).unwrap();
    town.cable.unplug();
    until_link("the line to be lost", &mut calls, |link| {
        link["up"] == false
    });
    let second = calls.call("incident.report", &report("while")).unwrap();
    town.cable.plug();
    until_link("the line to be mended", &mut calls, |link| {
        link["up"] == true
    });
    let third = calls.call("incident.report", &report("after")).unwrap();
    for answer in [first, second, third] {
        until_resolved(&mut calls, &answer["incident"]);
    }
    town.radios.stop().unwrap();
    town.server.stop();
}

#[test]
fn noise_on_the_line_costs_frames_and_no_call() {
    let town = Town::start();
    let mut calls = town.console("calls");
    until_registered(&town.radios, &calls);
    let mut reported = Vec::new();
    for key in ["a", "b", "c"] {
        for noise in &town.cable.noise {
            noise.store(300, Ordering::Relaxed);
        }
        let answer = calls.call("incident.report", &report(key)).unwrap();
        reported.push(answer["incident"].clone());
    }
    for incident in &reported {
        until_resolved(&mut calls, incident);
    }
    let health = calls.call("system.health", &json!({})).unwrap();
    let refused = &health["since_start"]["datagrams_refused"];
    assert!(
        refused.as_object().is_some_and(|it| !it.is_empty()),
        "{refused}"
    );
    town.radios.stop().unwrap();
    town.server.stop();
}
