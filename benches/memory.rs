//! Memory: what a daemon that serves takes, resident and at its highest.
//!
//! `tieqi serve`, the binary itself as a process of its own: nothing of this program is counted,
//! and all of the daemon is: both engines, archive, snapshots, HTTP. Linux tells it in
//! /proc/PID/status (VmRSS, VmHWM), 1 MiB = 1,048,576 bytes.
//!
//! - **The town** is config/huangjiang.toml with its roster on duty; `tieqi radio`, a process too,
//!   is its radios. 1,000 reports come in and most are served to the end.
//! - **100,000 units** are the same town with another register. All are signed on, registered and
//!   placed; 10,000 reports are offered, delivered and stay open.
//!
//! Each is then killed and started again, which reads snapshot and journal: its highest counts too.
//!
//! `cargo bench --bench memory` writes target/memory.json; `-- --quick` is a smoke.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark that finds something unexpected may stop"
)]

#[expect(dead_code, reason = "only the calls of one console are used here")]
#[path = "common/client.rs"]
mod client;
#[expect(dead_code, reason = "nothing is timed")]
mod common;
#[expect(dead_code, reason = "nobody moves and nobody presses")]
#[path = "common/gateway.rs"]
mod gateway;
#[expect(dead_code, reason = "the binary has a config of files")]
#[path = "common/town.rs"]
mod town;

use anyhow::{Context, ensure};
use client::Client;
use common::{is_quick, publish, round2};
use gateway::Gateway;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tieqi::config::users::{Role, Users};
use toml::{Table, Value as Toml};

const BINARY: &str = env!("CARGO_BIN_EXE_tieqi");
/// Within this a start is over and a town has settled.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
/// Between two reports in the town; at [`SPEED`] it copes.
const CALM: Duration = Duration::from_millis(20);
const SPEED: &str = "600";
/// What may be resident at most, MiB: the town, 100,000 units.
const HELD_MIB: [f64; 2] = [64.0, 512.0];

fn main() -> anyhow::Result<()> {
    let (town_reports, units, reports) = match is_quick() {
        true => (50, 1_000, 100),
        false => (1_000, 100_000, 10_000),
    };
    let town = measure_town(town_reports)?;
    eprintln!("the town: {town}");
    let many = measure_many(units, reports)?;
    eprintln!("{units} units: {many}");
    let held = |peak: bool| {
        let limits = [&town, &many].into_iter().zip(HELD_MIB);
        limits.into_iter().all(|(figures, limit)| {
            let names: &[&str] = match peak {
                true => &["peak_mib", "restart_peak_mib"],
                false => &["rss_mib"],
            };
            names
                .iter()
                .all(|name| figures[name].as_f64().is_some_and(|mib| mib <= limit))
        })
    };
    let (resident, peak) = (held(false), held(true));
    publish(
        "memory",
        &json!({ "town": town, "many": many, "held": { "resident": resident, "peak": peak } }),
    )
}

fn measure_town(reports: usize) -> anyhow::Result<Value> {
    let place = Place::new(None)?;
    let mut daemon = Daemon::start(&place)?;
    let radio = Command::new(BINARY)
        .arg("radio")
        .arg(&place.config)
        .args(["--speed", SPEED, "--loss", "0", "--ignore", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let _radio = Running(radio);
    let mut client = place.console()?;
    settled(&mut client)?;
    let listed = client.call("unit.list", &json!({}))?;
    let listed = listed["units"].as_array().map_or(&[][..], Vec::as_slice);
    let units = listed.iter().filter(|unit| unit["state"] != "off_duty");
    let (units, on_duty) = (units.count(), daemon.memory()?);
    for number in 0..reports {
        client.report(number)?;
        std::thread::sleep(CALM);
    }
    let health = settled(&mut client)?;
    let figures = json!({
        "units": units, "reports": reports, "open": health["open_incidents"],
        "on_duty_mib": on_duty.0,
    });
    finish(figures, daemon, &place)
}

fn measure_many(units: u32, reports: usize) -> anyhow::Result<Value> {
    let place = Place::new(Some(units))?;
    let mut daemon = Daemon::start(&place)?;
    let mut client = place.console()?;
    let mut gateway = Gateway::connect(&place.links)?;
    client.sign_on(units)?;
    gateway.register(units)?;
    gateway.place(units)?;
    let (_offers, _positions) = gateway.listen(units)?;
    settled(&mut client)?;
    let on_duty = daemon.memory()?;
    for number in 0..reports {
        client.report(number)?;
    }
    let health = settled(&mut client)?;
    let figures = json!({
        "units": units, "reports": reports, "open": health["open_incidents"],
        "on_duty_mib": on_duty.0,
    });
    finish(figures, daemon, &place)
}

/// Measures, kills, starts again and measures.
fn finish(mut figures: Value, mut daemon: Daemon, place: &Place) -> anyhow::Result<Value> {
    let (rss, peak) = daemon.memory()?;
    drop(daemon);
    let mut again = Daemon::start(place)?;
    settled(&mut place.console()?)?;
    let (_, restart_peak) = again.memory()?;
    figures["rss_mib"] = json!(rss);
    figures["peak_mib"] = json!(peak);
    figures["restart_peak_mib"] = json!(restart_peak);
    Ok(figures)
}

/// Waits until nothing is queued, all is durable and the archive has it.
fn settled(client: &mut Client) -> anyhow::Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let health = client.call("system.health", &json!({}))?;
        let links = health["links"].as_array().cloned().unwrap_or_default();
        let quiet = links.iter().all(|link| link["queued"] == 0);
        let whole = health["archive"]["seq"] == health["seq"];
        if quiet && whole && health["durable"] == true {
            return Ok(health);
        }
        ensure!(Instant::now() < until, "it does not settle: {health}");
        std::thread::sleep(PAUSE);
    }
}

/// A process that ends with this program.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Daemon(Running);

impl Daemon {
    fn start(place: &Place) -> anyhow::Result<Self> {
        let mut serve = Command::new(BINARY);
        serve.arg("serve").arg(&place.config);
        let serve = serve.env("RUST_LOG", "warn").stdout(Stdio::null());
        let mut daemon = Self(Running(serve.spawn()?));
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(place.console).is_err() {
            let ended = daemon.0.0.try_wait()?;
            ensure!(ended.is_none(), "`tieqi serve` ended: {ended:?}");
            ensure!(Instant::now() < until, "`tieqi serve` does not listen");
            std::thread::sleep(PAUSE);
        }
        Ok(daemon)
    }

    /// Resident now, and the most it ever was, MiB.
    fn memory(&mut self) -> anyhow::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.0.id()))?;
        let mib = |name: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            let kib: f64 = kib.with_context(|| format!("no {name}"))?.trim().parse()?;
            Ok(round2(kib / 1024.0))
        };
        Ok((mib("VmRSS:")?, mib("VmHWM:")?))
    }
}

/// A folder with config, users and data, and the ports in it.
struct Place {
    config: PathBuf,
    console: SocketAddr,
    links: Vec<SocketAddr>,
    _dir: tempfile::TempDir,
}

impl Place {
    /// The sample town, with other units if so many are wanted.
    fn new(units: Option<u32>) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(root.join("target"))?;
        let tables = dir.path().join("huangjiang");
        fs::create_dir(&tables)?;
        for table in fs::read_dir(root.join("config/huangjiang"))? {
            let table = table?;
            fs::copy(table.path(), tables.join(table.file_name()))?;
        }
        let sample = fs::read_to_string(root.join("config/huangjiang.toml"))?;
        let mut config: Table = toml::from_str(&sample)?;
        let users = dir.path().join("users.toml");
        let mut register = Users::load(&users)?;
        register.add(client::USER, Role::Supervisor, client::PASSWORD)?;
        register.save(&users)?;
        let console = free_tcp()?;
        set(&mut config, "console", "listen", console.to_string());
        set(&mut config, "http", "listen", free_tcp()?.to_string());
        let data = dir.path().join("data");
        set(&mut config, "journal", "dir", data.display().to_string());
        let mut links = Vec::new();
        let gateway = &mut config["gateway"][0]["links"];
        let listed = gateway.as_array_mut().context("no links")?;
        // The benchmark's gateway has one slot.
        listed.retain(|link| units.is_none() || link["slot"].as_integer() == Some(1));
        for link in listed {
            let at = free_udp()?;
            links.push(at);
            link["port"] = Toml::Integer(at.port().into());
        }
        if let Some(units) = units {
            set(&mut config, "roster", "sign_on_at_start", false);
            write_register(&tables, units)?;
        }
        let path = dir.path().join("huangjiang.toml");
        fs::write(&path, toml::to_string(&config)?)?;
        Ok(Self {
            config: path,
            console,
            links,
            _dir: dir,
        })
    }

    fn console(&self) -> anyhow::Result<Client> {
        Client::connect(self.console)
    }
}

fn set(config: &mut Table, section: &str, key: &str, value: impl Into<Toml>) {
    config[section][key] = value.into();
}

fn write_register(tables: &Path, units: u32) -> anyhow::Result<()> {
    let mut officers = "id,name,sworn,squad,group,skills,origin\n".to_owned();
    let mut terminals = "radio_id,subnet,model,gateway,slot,origin\n".to_owned();
    let mut register = "call_sign,kind,squad,post,skills,terminal_1,terminal_2,origin\n".to_owned();
    for unit in 0..units {
        let (officer, radio) = (town::officer(unit), town::FIRST_RADIO + unit);
        let call_sign = town::call_sign(unit);
        let skills = "traffic order crime";
        writeln!(officers, "{officer},名,true,队,A,{skills},simulated")?;
        writeln!(terminals, "{radio},10,台,huangjiang-1,1,simulated")?;
        writeln!(
            register,
            "{call_sign},motorcycle,队,grid-005,,{radio},,simulated"
        )?;
    }
    fs::write(tables.join("officers.csv"), officers)?;
    fs::write(tables.join("terminals.csv"), terminals)?;
    fs::write(tables.join("units.csv"), register)?;
    // One row, because none is a fault; nobody signs on by it.
    let (unit, crew, radio) = (town::call_sign(0), town::officer(0), town::FIRST_RADIO);
    let roster = format!(
        "group,shift,unit,crew,terminals,area,origin\n\
         A,*,{unit},{crew},{radio},community-1,simulated\n"
    );
    Ok(fs::write(tables.join("roster.csv"), roster)?)
}

/// A port nobody has; the daemon takes it a moment later.
fn free_tcp() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn free_udp() -> anyhow::Result<SocketAddr> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
