//! A config and a user on the disk, and the real daemon over it, timed from the start of its
//! process.

use crate::process::cpu_s;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tieqi::cli::client::Client;
use tieqi::config::sample::{FILES, MAIN};

const PASSWORD: &str = "correct horse";
/// Between two looks at a daemon that is not there yet.
const PAUSE: Duration = Duration::from_millis(2);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(600);

/// The sample town on ports of its own.
pub(crate) struct Place {
    pub(crate) config: PathBuf,
    pub(crate) data: PathBuf,
    console: SocketAddr,
}

/// What a start took, in seconds from the start of the process.
pub(crate) struct Took {
    /// Until the answer to a Grade I report.
    pub(crate) grade_one: f64,
    /// Processor time of the daemon until then.
    pub(crate) grade_one_cpu: f64,
    /// Until a list says that it is complete, where that was waited for.
    pub(crate) history: f64,
}

fn tieqi() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tieqi"))
}

impl Place {
    pub(crate) fn new(folder: &Path, snapshot_every: u64) -> Result<Self> {
        for (name, bytes) in FILES {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().context("no folder")?)?;
            std::fs::write(path, bytes)?;
        }
        let tcp = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        let console = tcp[0].local_addr()?;
        let config = folder.join(MAIN);
        let users = folder.join("users.toml");
        let mut text = std::fs::read_to_string(&config)?;
        let mut put = |old: &str, new: String| {
            ensure!(text.contains(old), "the sample has no {old}");
            text = text.replace(old, &new);
            Ok(())
        };
        put("127.0.0.1:7110", console.to_string())?;
        put("127.0.0.1:7111", tcp[1].local_addr()?.to_string())?;
        put(
            "\"users.toml\"",
            format!("{:?}", users.display().to_string()),
        )?;
        put(
            "snapshot_every = 50000",
            format!("snapshot_every = {snapshot_every}"),
        )?;
        let mut held = Vec::new();
        for port in [30001, 30002, 30003, 30004, 30007, 30008] {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            let free = socket.local_addr()?.port();
            put(&format!("port = {port} "), format!("port = {free} "))?;
            held.push(socket);
        }
        std::fs::write(&config, text)?;
        let mut adding = tieqi()
            .args([
                "user",
                "add",
                "calls",
                "--role",
                "call-taker",
                "--password-stdin",
                "--file",
            ])
            .arg(users)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        writeln!(adding.stdin.take().context("no stdin")?, "{PASSWORD}")?;
        ensure!(adding.wait()?.success(), "the user was not added");
        let data = folder.join("data");
        Ok(Self {
            config,
            data,
            console,
        })
    }

    /// Starts the daemon, reports a Grade I call, waits for the history when `whole`, kills it.
    pub(crate) fn start(&self, key: &str, whole: bool) -> Result<Took> {
        let began = Instant::now();
        let mut serve = tieqi();
        serve
            .arg("serve")
            .arg(&self.config)
            .arg("--dir")
            .arg(&self.data);
        serve.env("RUST_LOG", "error").stdout(Stdio::null());
        let mut daemon = Daemon(serve.spawn()?);
        while TcpStream::connect(self.console).is_err() {
            ensure!(daemon.0.try_wait()?.is_none(), "the daemon ended");
            ensure!(began.elapsed() < PATIENCE, "the daemon does not serve");
            std::thread::sleep(PAUSE);
        }
        let mut console = Client::login(self.console, "calls", PASSWORD)?;
        let answer = console.call("incident.report", &grade_one(key))?;
        let grade_one = began.elapsed().as_secs_f64();
        let grade_one_cpu = cpu_s(daemon.0.id())?;
        let incident = answer["incident"].clone();
        ensure!(incident.is_u64(), "{answer}");
        if whole {
            until_whole(&mut console, &incident, began)?;
        }
        let history = began.elapsed().as_secs_f64();
        Ok(Took {
            grade_one,
            grade_one_cpu,
            history,
        })
    }
}

/// Asks for the newest incident until lists are complete.
fn until_whole(console: &mut Client, incident: &Value, began: Instant) -> Result<()> {
    let newest = json!({ "limit": 1 });
    loop {
        let page = console.call("incident.list", &newest)?;
        let is_newest = page["incidents"][0]["incident"] == *incident;
        if page["archive"]["complete"] == true && is_newest {
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the history is not there: {page}"
        );
        std::thread::sleep(PAUSE);
    }
}

fn grade_one(key: &str) -> Value {
    json!({
        "key": key, "place": "嘉荣广场", "caller": "13900000000", "grade": "I",
        "position": { "lat": 22.9180, "lon": 114.01048, "datum": "wgs84" },
        "text": "持刀伤人", "category": "traffic_minor",
    })
}

/// It is killed, as a power cut would.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
