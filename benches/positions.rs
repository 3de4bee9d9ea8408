//! Positions: what one costs from datagram to R-tree, in the daemon without its sockets.
//!
//! 20,000 units on duty, each moving 50 m a minute. A datagram holds one position report (HSTRP,
//! HDAP, LP D003). Timed: the link takes it and acks it, the report is read, projected, judged
//! plausible, and the unit moves in its tree; 256 datagrams come before the daemon works, as the
//! shell's loop gives them. The floor is reading the same frames' fields alone. One thread.
//!
//! `cargo bench --bench positions` writes target/positions.json; `-- --quick` is a smoke.

mod common;
#[expect(
    clippy::indexing_slicing,
    reason = "a benchmark may stop at what it did not expect"
)]
#[path = "common/town.rs"]
mod town;

use anyhow::{Context, ensure};
use common::{ROUNDS, is_quick, median, publish, round2};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Instant;
use tieqi::daemon::output::{LinkId, Output};
use tieqi::daemon::{Daemon, Input, Now};
use tieqi::engine::Engine;
use tieqi::engine::command::Command;
use tieqi::engine::event::By;
use tieqi::engine::id::{EngineTime, RadioId, UnitId};
use tieqi::engine::policy::Skills;
use tieqi::engine::unit::{CrewMember, Duty};
use tieqi_protocols::Parsed;
use tieqi_protocols::gps::{Gps, GpsField};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::lp::{Cause, Lp, Report};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;

/// Datagrams before the daemon works.
const TURN: usize = 256;
/// Length of the HSTRP header before a message without options.
const HEADER: usize = 6;
/// The location link is the second of the town's.
const LINK: LinkId = LinkId(1);
/// A minute a round.
const ROUND_MS: u64 = 60_000;
/// 2026-11-24T00:00:00Z.
const WALL_MS: i64 = 1_795_478_400_000;

fn main() -> anyhow::Result<()> {
    let units = if is_quick() { 300 } else { 20_000 };
    let (mut daemon, mut sequence) = (on_duty(units)?, 0u16);
    let from = SocketAddr::from(([127, 0, 0, 1], 30_003));
    let connect = [0x32, 0x42, 0, 0x24, 0, 2, 0x83, 4, 0, 0, 0, 1, 4, 1, 1];
    give(&mut daemon, at(0), from, &connect);
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    // The first round places the units and is not counted.
    for round in 0..=ROUNDS as u64 {
        let mut datagrams = Vec::new();
        for unit in 0..units {
            sequence = sequence.wrapping_add(1);
            datagrams.push(datagram(unit, round, sequence)?);
        }
        let began = Instant::now();
        for datagram in &datagrams {
            let read = read(datagram.get(HEADER..).unwrap_or_default());
            ensure!(
                std::hint::black_box(read).is_some(),
                "a frame is not a position"
            );
        }
        let floor = began.elapsed();
        let began = Instant::now();
        for some in datagrams.chunks(TURN) {
            for datagram in some {
                give(&mut daemon, at(round), from, datagram);
            }
            daemon.work(at(round), &mut Sink);
        }
        let took = began.elapsed();
        let ns = |of: std::time::Duration| of.as_secs_f64() * 1e9 / f64::from(units);
        eprintln!(
            "round {round}: reading {:.0} ns, in all {:.0} ns",
            ns(floor),
            ns(took)
        );
        if round > 0 {
            floors.push(ns(floor));
            ours.push(ns(took));
        }
    }
    let moved = daemon.engine().positions();
    ensure!(!moved.is_still(), "no unit moved");
    let (floor, ours) = (median(floors), median(ours));
    publish(
        "positions",
        &json!({
            "units": units, "floor_ns": round2(floor), "position_ns": round2(ours),
            "ratio": round2(ours / floor), "per_second": (1e9 / ours).round(),
        }),
    )
}

fn at(round: u64) -> Now {
    Now {
        at: EngineTime(1_000 + round * ROUND_MS),
        wall_ms: WALL_MS + i64::try_from(round * ROUND_MS).unwrap_or(0),
        mono_us: round * ROUND_MS * 1_000,
    }
}

/// What the daemon wants done goes nowhere: no disk, no sockets.
struct Sink;

impl tieqi::daemon::output::Outbox for Sink {
    fn push(&mut self, output: Output) {
        std::hint::black_box(&output);
    }
}

fn give(daemon: &mut Daemon, now: Now, from: SocketAddr, bytes: &[u8]) {
    let datagram = Input::Datagram {
        link: LINK,
        from,
        bytes,
    };
    daemon.handle(now, datagram, &mut Sink);
}

/// A daemon with all units signed on.
fn on_duty(units: u32) -> anyhow::Result<Daemon> {
    let config = town::config(units)?;
    let sign_on = (0..units).map(|unit| Command::SignOn {
        unit: UnitId(unit + 1),
        duty: Duty {
            crew: vec![CrewMember {
                officer: town::officer(unit),
                sworn: true,
            }],
            vehicle: String::new(),
            terminals: vec![RadioId(town::FIRST_RADIO + unit)],
            skills: Skills(0x7F),
            area: String::new(),
            until_ms: None,
        },
        by: By::Roster,
    });
    let engine = Engine::new(config.policy.clone());
    let mut daemon = Daemon::new(at(0), config, engine, 7);
    daemon.start(at(0), sign_on.collect(), &mut Sink);
    loop {
        daemon.handle(at(0), Input::Durable(u64::MAX), &mut Sink);
        let on_duty = count_on_duty(&daemon);
        if on_duty == units as usize {
            return Ok(daemon);
        }
        daemon.work(at(0), &mut Sink);
        ensure!(
            count_on_duty(&daemon) > on_duty,
            "not all units are on duty"
        );
    }
}

fn count_on_duty(daemon: &Daemon) -> usize {
    let units = daemon.engine().state().units.values();
    units.filter(|unit| unit.duty.is_some()).count()
}

/// A position report as the gateway sends it.
fn datagram(unit: u32, round: u64, sequence: u16) -> anyhow::Result<Vec<u8>> {
    let north_e7 = i32::try_from(round)? * 4_500;
    let field = town::fix(unit, north_e7, at(round).wall_ms)?.to_field();
    let report = Message::Lp(Lp::Report(Report {
        cause: Cause::Subscribed,
        request_id: unit,
        radio: RadioIp {
            subnet: 10,
            id: town::FIRST_RADIO + unit,
        },
        result: None,
        gps: GpsField(&field),
        rssi_dbm: None,
    }));
    let mut bytes = vec![0x32, 0x42, 0, 0];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(report.to_bytes(false));
    ensure!(read(bytes.get(HEADER..).context("no message")?).is_some());
    Ok(bytes)
}

/// The fields of a position.
fn read(message: &[u8]) -> Option<Gps> {
    let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(message) else {
        return None;
    };
    let Ok(Message::Lp(Lp::Report(report))) = Message::from_hdap(&hdap) else {
        return None;
    };
    report.gps.read().ok()
}
