//! Throughput: how many reports a second are answered, each after its batch is synced.
//!
//! Recommend mode, 300 units that are all out of service: a report is taken, filed, ranked, queued
//! and journalled, and nobody is offered it. 64 consoles, each with one report under way, on one
//! thread of this program; the daemon has its own. The floor is the journal alone: the very records
//! of those reports, those of 64 reports a sync, written by one thread that does nothing else.
//! Rounds of both take turns.
//!
//! `cargo bench --bench throughput` writes target/throughput.json; `-- --quick` is a smoke.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

#[expect(dead_code, reason = "only the calls of one console are used here")]
#[path = "common/client.rs"]
mod client;
mod common;
#[expect(dead_code, reason = "nobody is on the air here")]
#[path = "common/town.rs"]
mod town;

use anyhow::Context;
use client::{Client, report};
use common::{ROUNDS, is_quick, median, publish, round2};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tieqi::config::users::{Role, Users};
use tieqi::engine::event::Event;
use tieqi::engine::policy::Mode;
use tieqi::journal::{self, FileDisk, Journal, Kind, Options};
use tieqi::shell::Server;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const CLIENTS: usize = 64;
const UNITS: u32 = 300;
/// Reports may stay open: nobody works them.
const OPEN: u32 = 2_000_000;
/// Reports whose records the floor writes, again and again.
const SAMPLE: usize = CLIENTS * 100;

/// Of one round: not counted, counted, and the floor's.
struct Spans {
    warm_up: Duration,
    measured: Duration,
    floor: Duration,
}

fn main() -> anyhow::Result<()> {
    let millis = Duration::from_millis;
    let (rounds, spans) = match is_quick() {
        true => (1, [50, 300, 100]),
        false => (ROUNDS, [500, 3_000, 1_000]),
    };
    let [warm_up, measured, floor] = spans.map(millis);
    let spans = Spans {
        warm_up,
        measured,
        floor,
    };
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    let dir = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(target)?;
    let data = dir.path().join("data");
    let server = start(dir.path(), &data)?;
    let mut desk = Client::connect(server.console)?;
    out_of_service(&mut desk)?;
    let clients = Clients::connect(server.console)?;
    let (mut ours, mut floors, mut floor_dir) = (Vec::new(), Vec::new(), 0);
    let mut answered = Histogram::new_with_max(10_000_000_000, 3)?;
    let mut records = 0.0;
    for round in 1..=rounds {
        let reports_s = clients.run(&spans, &mut answered)?;
        let sample = records_of_reports(&data, &mut desk)?;
        records = sample.iter().map(Vec::len).sum::<usize>() as f64 / sample.len() as f64;
        floor_dir += 1;
        let floor_s = floor_of(
            &dir.path().join(floor_dir.to_string()),
            &sample,
            spans.floor,
        )?;
        eprintln!("round {round}: {reports_s:.0} reports/s, the journal alone {floor_s:.0}");
        ours.push(reports_s);
        floors.push(floor_s);
    }
    let (reports_s, floor_s) = (median(ours), median(floors));
    let us = |quantile| round2(answered.value_at_quantile(quantile) as f64 / 1000.0);
    publish(
        "throughput",
        &json!({
            "reports_s": reports_s.round(), "floor_s": floor_s.round(),
            "ratio": round2(reports_s / floor_s),
            "answer_us": { "p50": us(0.5), "p99": us(0.99) },
            "reports": answered.len(), "records_per_report": round2(records),
            "clients": CLIENTS, "units": UNITS, "rounds": rounds,
        }),
    )?;
    let health = desk.call("system.health", &json!({}))?;
    eprintln!("inside the daemon, microseconds: {}", health["stages_us"]);
    server.stop();
    Ok(())
}

fn start(dir: &Path, data: &Path) -> anyhow::Result<Server> {
    let mut users = Users::load(&dir.join("users.toml"))?;
    users.add(client::USER, Role::Supervisor, client::PASSWORD)?;
    let mut config = town::config(UNITS)?;
    config.policy.mode = Mode::Recommend;
    config.policy.max_open_incidents = OPEN;
    config.console.max_sessions = CLIENTS + 1;
    Ok(Server::start(config, users, data)?)
}

/// Everybody is on duty and nobody can be sent.
fn out_of_service(desk: &mut Client) -> anyhow::Result<()> {
    desk.sign_on(UNITS)?;
    for unit in 0..UNITS {
        let params = json!({ "key": format!("out-{unit}"), "unit": town::call_sign(unit),
                             "status": "out_of_service", "reason": "bench" });
        desk.call("unit.status", &params)?;
    }
    Ok(())
}

/// One console of the many.
struct Console {
    stream: BufReader<TcpStream>,
    number: usize,
    sent: u64,
    line: String,
}

/// All of them, on this thread.
struct Clients {
    runtime: tokio::runtime::Runtime,
    consoles: std::cell::RefCell<Vec<Console>>,
}

impl Clients {
    fn connect(at: SocketAddr) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut consoles = Vec::new();
        for number in 0..CLIENTS {
            consoles.push(runtime.block_on(Console::connect(at, number))?);
        }
        Ok(Self {
            runtime,
            consoles: consoles.into(),
        })
    }

    /// Reports answered a second; how long each took goes into `answered`, nanoseconds.
    fn run(&self, spans: &Spans, answered: &mut Histogram<u64>) -> anyhow::Result<f64> {
        let from = Instant::now() + spans.warm_up;
        let until = from + spans.measured;
        let consoles = std::mem::take(&mut *self.consoles.borrow_mut());
        let before = answered.len();
        self.runtime.block_on(async {
            let run = |console: Console| tokio::spawn(console.report_until(from, until));
            let running: Vec<_> = consoles.into_iter().map(run).collect();
            for console in running {
                let (console, times) = console.await??;
                self.consoles.borrow_mut().push(console);
                for took in times {
                    answered.saturating_record(took);
                }
            }
            anyhow::Ok(())
        })?;
        let reports = answered.len() - before;
        Ok(reports as f64 / spans.measured.as_secs_f64())
    }
}

impl Console {
    async fn connect(at: SocketAddr, number: usize) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let mut console = Self {
            stream: BufReader::new(stream),
            number,
            sent: 0,
            line: String::new(),
        };
        let who = json!({ "user": client::USER, "password": client::PASSWORD });
        console.ask("session.login", &who).await?;
        Ok(console)
    }

    /// Reports until the end; how long each answer of the counted time took, nanoseconds.
    async fn report_until(
        mut self,
        from: Instant,
        until: Instant,
    ) -> anyhow::Result<(Self, Vec<u64>)> {
        let mut times = Vec::new();
        loop {
            let key = format!("c-{}-{}", self.number, self.sent);
            let params = report(&key, (self.sent as u32) * 64 + self.number as u32);
            let began = Instant::now();
            self.ask("incident.report", &params).await?;
            let answered = Instant::now();
            if answered >= until {
                return Ok((self, times));
            }
            if answered >= from {
                times.push(u64::try_from((answered - began).as_nanos())?);
            }
        }
    }

    async fn ask(&mut self, method: &str, params: &Value) -> anyhow::Result<()> {
        self.sent += 1;
        let id = self.sent;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let request = format!("{request}\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.line.clear();
        self.stream.read_line(&mut self.line).await?;
        // Not parsed: the program that asks shares the cores with the daemon.
        anyhow::ensure!(self.line.contains("\"result\""), "refused: {}", self.line);
        Ok(())
    }
}

/// The records of some reports answered last, by report.
fn records_of_reports(data: &Path, desk: &mut Client) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
    let health = desk.call("system.health", &json!({}))?;
    let last = health["seq"].as_u64().context("health has no seq")?;
    let mut reports: Vec<Vec<Vec<u8>>> = Vec::new();
    let first = last.saturating_sub(SAMPLE as u64 * 4);
    journal::read(
        &mut FileDisk::read_only(data),
        first,
        last,
        |record| match postcard::from_bytes(record.payload) {
            Ok(Event::IncidentReported { .. }) => reports.push(vec![record.payload.to_vec()]),
            _ => reports
                .last_mut()
                .into_iter()
                .for_each(|report| report.push(record.payload.to_vec())),
        },
    )?;
    // The last one may not be whole.
    reports.pop();
    reports.truncate(SAMPLE);
    anyhow::ensure!(!reports.is_empty(), "no reports in the journal");
    Ok(reports)
}

/// Reports a second the journal alone makes durable, 64 of them a sync.
fn floor_of(dir: &Path, reports: &[Vec<Vec<u8>>], span: Duration) -> anyhow::Result<f64> {
    std::fs::create_dir_all(dir)?;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let options = Options::at(i64::try_from(wall.as_millis())?);
    let (mut journal, _) = Journal::open(FileDisk::lock(dir)?, &options, |_| ())?;
    let (mut written, began) = (0, Instant::now());
    for some in reports.chunks(CLIENTS).cycle() {
        for record in some.iter().flatten() {
            journal.push(Kind::EVENT, 0, record)?;
        }
        journal.commit()?;
        written += some.len();
        if began.elapsed() >= span {
            break;
        }
    }
    Ok(written as f64 / began.elapsed().as_secs_f64())
}
