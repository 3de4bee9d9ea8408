//! Floods that mean harm: 10,000 junk calls a minute of five numbers, connections that say nothing,
//! connections that say a byte a second, at the consoles' port and at the HTTP port, and positions
//! that are not true.

use crate::client::Client;
use crate::gateway::Positions;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Junk calls a second.
const JUNK: u32 = 10_000 / 60;
/// Numbers they come from.
const NUMBERS: u32 = 5;
/// Connections that drip, at each port.
const DRIPPING: usize = 100;

/// The threads of a flood.
pub(crate) struct Floods {
    over: Arc<AtomicBool>,
    junk: JoinHandle<anyhow::Result<u32>>,
    idle: JoinHandle<usize>,
    slow: JoinHandle<u64>,
}

impl Floods {
    /// Begins, and opens so many idle connections within `seconds`.
    pub(crate) fn begin(
        client: Client,
        [console, http]: [SocketAddr; 2],
        idle: u32,
        seconds: u32,
    ) -> anyhow::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let flag = || Arc::clone(&over);
        let (junk, holding, dripping) = (flag(), flag(), flag());
        Ok(Self {
            junk: std::thread::spawn(move || call(client, &junk)),
            idle: std::thread::spawn(move || hold(console, idle, seconds, &holding)),
            slow: std::thread::spawn(move || drip([console, http], &dripping)),
            over,
        })
    }

    /// Ends; what was done.
    pub(crate) fn end(self) -> anyhow::Result<Value> {
        self.over.store(true, Ordering::Relaxed);
        let panicked = |_| anyhow::anyhow!("a thread of the flood panicked");
        let calls = self.junk.join().map_err(panicked)??;
        let idle = self.idle.join().map_err(panicked)?;
        let bytes = self.slow.join().map_err(panicked)?;
        Ok(json!({ "junk_calls": calls, "idle_connections": idle, "dripped_bytes": bytes }))
    }
}

/// What a receiver tells that is broken or lies, by unit: now 30 km off and now not, of an hour
/// hence, or stuck in the second when all began.
pub(crate) fn lie(
    positions: &mut Positions,
    unit: u32,
    turn: u32,
    stuck: SystemTime,
) -> anyhow::Result<()> {
    let now = SystemTime::now();
    match unit % 3 {
        0 => positions.tell(unit, turn % 2 * 5_000, now),
        1 => positions.tell(unit, 0, now + Duration::from_secs(3_600)),
        _ => positions.tell(unit, 0, stuck),
    }
}

/// Calls that arrive and hang up at once; every one must be taken.
fn call(mut client: Client, over: &AtomicBool) -> anyhow::Result<u32> {
    let began = Instant::now();
    let mut calls = 0;
    while !over.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs(1) * calls / JUNK;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let caller = format!("1380000000{}", calls % NUMBERS);
        let ring = json!({ "key": format!("junk-{calls}"), "caller": caller });
        let taken = client.call("call.arrive", &ring)?;
        let end = json!({ "key": format!("junk-end-{calls}"), "call": taken["call"] });
        client.call("call.end", &end)?;
        calls += 1;
    }
    Ok(calls)
}

/// Connections that say nothing, all kept open from here.
fn hold(console: SocketAddr, idle: u32, seconds: u32, over: &AtomicBool) -> usize {
    let began = Instant::now();
    let mut held = Vec::new();
    for number in 0..idle {
        let due = began + Duration::from_secs(1) * seconds * number / idle.max(1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if over.load(Ordering::Relaxed) {
            break;
        }
        held.extend(TcpStream::connect_timeout(&console, Duration::from_secs(1)));
    }
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    held.len()
}

/// Connections that say a byte a second; who is cut comes again.
fn drip(ports: [SocketAddr; 2], over: &AtomicBool) -> u64 {
    let mut bytes = 0;
    let mut held: Vec<(SocketAddr, Option<TcpStream>)> = Vec::new();
    ports
        .iter()
        .for_each(|port| held.extend((0..DRIPPING).map(|_| (*port, None))));
    while !over.load(Ordering::Relaxed) {
        for (port, stream) in &mut held {
            let written = stream.as_mut().is_some_and(|it| it.write_all(b"G").is_ok());
            bytes += u64::from(written);
            if !written {
                *stream = TcpStream::connect_timeout(port, Duration::from_millis(200)).ok();
            }
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    bytes
}
