//! Two gateways over real sockets, and a cable to one of them that is pulled: what nobody there
//! acknowledges goes out by the other within two seconds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{Town, radios, report, sample, until_call, until_registered, users};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tieqi::config::Config;
use tieqi::radio::Rates;
use tieqi::shell::Server;

/// Carries datagrams between a gateway's links and the daemon's, until it is pulled.
struct Cable {
    /// Where the gateway finds the daemon's links.
    ports: Vec<u16>,
    pulled: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Cable {
    fn to(links: &[SocketAddr]) -> Self {
        let [pulled, over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let (mut ports, mut threads) = (Vec::new(), Vec::new());
        for link in links {
            let [near, far] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            ports.push(near.local_addr().unwrap().port());
            let gateway = Arc::new(Mutex::new(None));
            let ends = [(&near, &far), (&far, &near)];
            for (place, (from, to)) in ends.into_iter().enumerate() {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                from.set_read_timeout(Some(Duration::from_millis(50)))
                    .unwrap();
                let (pulled, over) = (Arc::clone(&pulled), Arc::clone(&over));
                let (gateway, link, up) = (Arc::clone(&gateway), *link, place == 0);
                threads.push(std::thread::spawn(move || {
                    let mut bytes = [0; 2048];
                    while !over.load(Ordering::Relaxed) {
                        let Ok((length, sender)) = from.recv_from(&mut bytes) else {
                            continue;
                        };
                        if up {
                            *gateway.lock().unwrap() = Some(sender);
                        }
                        let other = if up {
                            Some(link)
                        } else {
                            *gateway.lock().unwrap()
                        };
                        if let Some(other) = other.filter(|_| !pulled.load(Ordering::Relaxed)) {
                            to.send_to(&bytes[..length], other).unwrap();
                        }
                    }
                }));
            }
        }
        Self {
            ports,
            pulled,
            over,
            threads,
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The sample town with a second gateway like its first.
fn town() -> Town {
    let mut config = sample();
    let mut second = config.gateways[0].clone();
    second.name = String::from("huangjiang-2");
    config.gateways.push(second);
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config.clone(), users(), dir.path()).unwrap();
    Town {
        config,
        server,
        dir,
    }
}

/// The config of radios that know one gateway only, on these ports.
fn of_gateway(config: &Config, place: usize, ports: impl Iterator<Item = u16>) -> Config {
    let mut config = config.clone();
    config.gateways = vec![config.gateways[place].clone()];
    for (link, port) in config.gateways[0].links.iter_mut().zip(ports) {
        link.port = port;
    }
    config
}

#[test]
fn a_gateway_without_its_cable_is_passed_over_within_two_seconds() {
    let town = town();
    let (first, second) = town
        .server
        .links
        .split_at(town.config.gateways[0].links.len());
    let cable = Cable::to(first);
    let mut calls = town.console("calls");

    // Every handheld is within reach of both, and registers through the first one last.
    let ports = second.iter().map(SocketAddr::port);
    let reserve = radios(&of_gateway(&town.config, 1, ports), 21, Rates::NONE);
    until_registered(&reserve, &calls);
    let ports = cable.ports.iter().copied();
    let usual = radios(&of_gateway(&town.config, 0, ports), 22, Rates::NONE);
    until_registered(&usual, &calls);
    let offers = reserve.stats().offers;
    let resolved = |calls: &mut _, key| {
        let answer = tieqi::cli::client::Client::call(calls, "incident.report", &report(key));
        let which = json!({ "incident": answer.unwrap()["incident"] });
        until_call(
            "the scene to be cleared",
            calls,
            ("incident.get", which),
            |found| {
                (found["incident"]["phase"] == "resolved").then(|| found["assignments"].clone())
            },
        )
    };
    let assignments = resolved(&mut calls, "plugged");
    assert_eq!(assignments[0]["attempt"], 1, "{assignments}");
    assert_eq!(
        reserve.stats().offers,
        offers,
        "by the gateway it registered through"
    );

    cable.pulled.store(true, Ordering::Relaxed);
    let assignments = resolved(&mut calls, "pulled");
    assert_eq!(
        assignments.as_array().unwrap().len(),
        1,
        "the same unit: {assignments}"
    );
    assert_eq!(assignments[0]["attempt"], 2, "{assignments}");
    let at = |rung: &str| assignments[0]["stamps"][rung]["at"].as_u64().unwrap();
    let took_ms = at("sent") - at("offered");
    assert!(
        took_ms <= 2_500,
        "{took_ms} ms: two seconds, and the machine's own"
    );
    // Until it says something, nobody waits for it again.
    let assignments = resolved(&mut calls, "passed over");
    assert_eq!(assignments[0]["attempt"], 1, "{assignments}");
    reserve.stop().unwrap();
    usual.stop().unwrap();
}
