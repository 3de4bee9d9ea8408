//! TETRA terminals behind one radio at a serial port: the daemon on one end of a pseudo-terminal, a
//! scripted radio on the other, which can be pulled out and put back.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{report, sample, until_call, users};
use serde_json::{Value, json};
use serialport::{SerialPort as _, TTYPort};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tieqi::cli::client::Client;
use tieqi::config::{Config, SerialPort, Speaks};
use tieqi::engine::id::RadioId;
use tieqi::shell::Server;
use tieqi_protocols::lip::{Elapsed, Lip, PositionError, Shape, Velocity};
use tieqi_protocols::pei::line::{Data, Party, Service};
use tieqi_protocols::pei::sds::{Body, Delivery, SIMPLE_TEXT};
use tieqi_protocols::pei::{Coding, Reader, Said, Sds};

/// A radio that takes every command. Its terminals report each text and answer it with `1`.
struct Radio {
    path: PathBuf,
    /// Lines to say, and what was written to whom.
    say: Option<Sender<Vec<u8>>>,
    texts: Arc<Mutex<Vec<(u32, String)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Radio {
    fn plugged(dir: &Path) -> Self {
        let mut radio = Self {
            path: dir.join("tetra"),
            say: None,
            texts: Arc::default(),
            thread: None,
        };
        radio.plug();
        radio
    }

    fn plug(&mut self) {
        let (mut line, end) = TTYPort::pair().unwrap();
        line.set_timeout(Duration::from_millis(5)).unwrap();
        symlink(end.name().unwrap(), &self.path).unwrap();
        let (say, said) = channel::<Vec<u8>>();
        let texts = Arc::clone(&self.texts);
        self.say = Some(say);
        self.thread = Some(std::thread::spawn(move || {
            let (mut reader, mut buffer) = (Reader::default(), [0; 512]);
            // The other end is held, so that the line stands until it is unplugged.
            let _held = end;
            loop {
                match said.try_recv() {
                    Ok(bytes) => line.write_all(&bytes).unwrap(),
                    Err(std::sync::mpsc::TryRecvError::Empty) => {}
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
                let length = line.read(&mut buffer).unwrap_or(0);
                let mut bytes = buffer.get(..length).unwrap_or_default();
                while let Some(said) = reader.read(&mut bytes) {
                    let answer = answer(&said.expect("no noise here"), &texts);
                    line.write_all(&answer).unwrap();
                }
            }
        }));
    }

    /// Both ends are closed and the device is gone.
    fn unplug(&mut self) {
        self.say = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::fs::remove_file(&self.path).unwrap();
    }

    fn say(&self, from: u32, service: Service, octets: Vec<u8>) {
        let bytes = received(from, service, octets);
        self.say.as_ref().unwrap().send(bytes).unwrap();
    }

    fn is_told(&self, words: &str) -> Option<u32> {
        let texts = self.texts.lock().unwrap();
        let found = texts.iter().find(|(_, text)| text.contains(words));
        found.map(|(to, _)| *to)
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.unplug();
        }
    }
}

fn received(from: u32, service: Service, octets: Vec<u8>) -> Vec<u8> {
    let said = Said::Received {
        service,
        from: Some(Party::own(from)),
        to: Party::own(1),
        data: Data::of(octets),
    };
    said.to_bytes()
}

fn answer(said: &Said, texts: &Mutex<Vec<(u32, String)>>) -> Vec<u8> {
    let mut out = Said::Ok.to_bytes();
    let Said::Send { to, data } = said else {
        return out;
    };
    let Ok(Sds::Transfer(transfer)) = Sds::parse(&data.octets) else {
        return out;
    };
    let Body::Text(text) = transfer.body else {
        return out;
    };
    let words = text.words().unwrap();
    texts.lock().unwrap().push((to.number, words));
    let report = Sds::Report {
        protocol: transfer.protocol,
        wants_ack: true,
        status: Delivery::RECEIVED,
        reference: transfer.reference,
        forward: None,
        rest: &[],
    };
    out.extend(received(to.number, Service::DATA, report.to_bytes()));
    let key = [SIMPLE_TEXT, Coding::LATIN1.0, b'1'];
    out.extend(received(to.number, Service::DATA, key.into()));
    out
}

/// A place in the middle of the town.
fn place() -> Vec<u8> {
    let steps = |degrees: f64| (degrees * f64::from(1 << 25) / 360.0) as i32;
    let lip = Lip {
        elapsed: Elapsed(0),
        longitude: steps(113.999),
        latitude: steps(22.875),
        error: PositionError(1),
        velocity: Velocity(0),
        direction: 0,
        shape: Shape::Sds {
            is_users: false,
            extra: 129,
        },
    };
    lip.to_sds().into()
}

/// The sample town whose one gateway is a radio that is spoken to by PEI.
fn config(path: &Path) -> Config {
    let mut config = sample();
    config.link.reconnect_s = 1;
    let gateway = config.gateways.first_mut().unwrap();
    gateway.links.clear();
    gateway.serial = Some(SerialPort {
        path: path.display().to_string(),
        baud: 115_200,
        slot: 1,
        ack_ms: 300,
        tries: 3,
        quiet_s: 60,
        on_first: false,
        speaks: Speaks::Pei(vec!["+CTSDS=12,0,0,0,1".into()]),
    });
    config
}

struct Town {
    radio: Radio,
    server: Server,
    terminals: Vec<RadioId>,
    _dir: TempDir,
}

impl Town {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let radio = Radio::plugged(dir.path());
        let config = config(&radio.path);
        let server = Server::start(config.clone(), users(), &dir.path().join("data")).unwrap();
        Self {
            radio,
            server,
            terminals: config.terminals.keys().copied().collect(),
            _dir: dir,
        }
    }

    fn console(&self, user: &str) -> Client {
        Client::login(self.server.console, user, common::PASSWORD).unwrap()
    }

    /// Every terminal tells where it is, once the line is up.
    fn come_on_the_air(&self, console: &mut Client) {
        until_up(console, true);
        for terminal in &self.terminals {
            self.radio.say(terminal.0, Service::DATA, place());
        }
        let health = ("system.health", json!({}));
        let all = u64::try_from(self.terminals.len()).unwrap();
        until_call("the terminals to be placed", console, health, |health| {
            (health["since_start"]["positions"].as_u64() >= Some(all)).then_some(())
        });
    }
}

fn until_up(console: &mut Client, up: bool) {
    let health = ("system.health", json!({}));
    until_call("the line", console, health, |health| {
        (health["links"][0]["up"] == up).then_some(())
    });
}

fn until_accepted(console: &mut Client, incident: &Value) {
    let get = ("incident.get", json!({ "incident": incident }));
    until_call("the report to be accepted", console, get, |found| {
        let first = &found["assignments"][0];
        (first["rung"] == "accepted").then_some(())
    });
}

#[test]
fn a_call_is_delivered_and_accepted_through_a_tetra_terminal() {
    let town = Town::start();
    let mut calls = town.console("calls");
    town.come_on_the_air(&mut calls);
    let answer = calls.call("incident.report", &report("one")).unwrap();
    until_accepted(&mut calls, &answer["incident"]);
    let told = town.radio.is_told("嘉荣广场").map(RadioId);
    assert!(told.is_some_and(|radio| town.terminals.contains(&radio)));
    town.server.stop();
}

#[test]
fn an_emergency_status_is_an_emergency() {
    let town = Town::start();
    let mut desk = town.console("desk");
    town.come_on_the_air(&mut desk);
    let first = town.terminals.first().unwrap();
    town.radio.say(first.0, Service::STATUS, vec![0, 0]);
    let get = ("incident.list", json!({}));
    until_call("the emergency", &mut desk, get, |list| {
        list.to_string().contains("radio_emergency").then_some(())
    });
    town.server.stop();
}

#[test]
fn an_unplugged_radio_is_told_and_mended_when_plugged_in() {
    let mut town = Town::start();
    let mut calls = town.console("calls");
    town.come_on_the_air(&mut calls);
    town.radio.unplug();
    until_up(&mut calls, false);
    let answer = calls.call("incident.report", &report("while")).unwrap();
    town.radio.plug();
    until_up(&mut calls, true);
    until_accepted(&mut calls, &answer["incident"]);
    town.server.stop();
}
