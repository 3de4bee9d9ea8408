//! The daemon in a process of its own, so that its memory is its own.

use crate::client::{PASSWORD, USER};
use crate::town;
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tieqi::config::Config;
use tieqi::config::users::{Role, Users};
use tieqi::engine::policy::{Grade, Limits, Need, Plan, Skills};
use tieqi::shell::Server;

/// The argument that makes this program the daemon.
const SERVE: &str = "--serve";
/// What units of the reserve can do besides nothing: grave calls are theirs alone.
const GRAVE: Skills = Skills(0b10);
/// What ordinary units can.
const ORDINARY: Skills = Skills(0b01);

/// Who is on duty, by unit: first the reserve, which only what is grave gets, so that there is
/// always somebody for it; then ordinary units, which run out; then those that call for help.
#[derive(Clone, Copy)]
pub(crate) struct Fleet {
    pub(crate) reserve: u32,
    pub(crate) ordinary: u32,
    pub(crate) callers: u32,
    pub(crate) liars: u32,
}

impl Fleet {
    pub(crate) fn units(self) -> u32 {
        self.reserve + self.ordinary + self.callers + self.liars
    }

    fn skills(self, unit: u32) -> Skills {
        if unit < self.reserve {
            GRAVE
        } else if unit < self.reserve + self.ordinary {
            ORDINARY
        } else {
            Skills(0)
        }
    }

    pub(crate) fn caller(self, number: u32) -> u32 {
        self.reserve + self.ordinary + number % self.callers
    }

    pub(crate) fn liar(self, number: u32) -> u32 {
        self.reserve + self.ordinary + self.callers + number % self.liars
    }
}

/// The running child.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) console: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) links: Vec<SocketAddr>,
}

/// Resident memory, MiB.
#[derive(Clone, Copy, serde::Serialize)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    /// The most it ever was.
    pub(crate) peak: f64,
}

impl Daemon {
    /// Starts it; it ends with its stdin.
    pub(crate) fn start(dir: &Path, fleet: Fleet, sessions: usize) -> anyhow::Result<Self> {
        let Fleet {
            reserve,
            ordinary,
            callers,
            liars,
        } = fleet;
        let numbers = [reserve, ordinary, callers, liars].map(|number| number.to_string());
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .arg(dir)
            .arg(sessions.to_string())
            .args(numbers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let at: Value = serde_json::from_str(&line).context("the daemon did not start")?;
        Ok(Self {
            child,
            console: serde_json::from_value(at["console"].clone())?,
            http: serde_json::from_value(at["http"].clone())?,
            links: serde_json::from_value(at["links"].clone())?,
        })
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
            Some((kib / 102.4).round() / 10.0)
        };
        Ok(Memory {
            now: mib("VmRSS:").context("no VmRSS")?,
            peak: mib("VmHWM:").context("no VmHWM")?,
        })
    }

    /// Processor time used so far, seconds.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        crate::process::cpu_s(self.child.id())
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

/// Runs the daemon when this process was started for that; false when it was not.
pub(crate) fn serve() -> anyhow::Result<bool> {
    let mut arguments = std::env::args().skip_while(|argument| argument != SERVE);
    if arguments.next().is_none() {
        return Ok(false);
    }
    let dir = arguments.next().context("no folder")?;
    let numbers = arguments.map(|number| number.parse());
    let numbers = numbers.collect::<Result<Vec<u32>, _>>()?;
    let [sessions, reserve, ordinary, callers, liars] = numbers[..] else {
        anyhow::bail!("five numbers expected")
    };
    let fleet = Fleet {
        reserve,
        ordinary,
        callers,
        liars,
    };
    let dir = Path::new(&dir);
    // Hundreds log in at once, and their passwords are not what is measured.
    let mut users = Users::with_cost(argon2::Params::new(8, 1, 1, None)?)?;
    users.add(USER, Role::Supervisor, PASSWORD)?;
    let server = Server::start(config(fleet, sessions as usize)?, users, &dir.join("data"))?;
    let at = json!({ "console": server.console, "http": server.http, "links": server.links });
    println!("{at}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    server.stop();
    Ok(true)
}

fn config(fleet: Fleet, sessions: usize) -> anyhow::Result<Config> {
    let mut config = town::config(fleet.units())?;
    config.console.max_sessions = sessions;
    for unit in 0..fleet.units() {
        let skills = fleet.skills(unit);
        config.register[unit as usize].skills = skills;
        if let Some(officer) = config.officers.get_mut(&town::officer(unit)) {
            officer.skills = skills;
        }
    }
    let hour = 3_600_000;
    let limits = Limits {
        accept_ms: hour,
        roll_ms: hour,
        arrive_ms: hour,
        on_scene_ms: hour,
    };
    let plan = |grade| Plan {
        needs: vec![Need {
            skills: if grade == Grade::One { GRAVE } else { ORDINARY },
            sworn: 0,
        }],
        limits,
        feedback_ms: 0,
    };
    let policy = &mut config.policy;
    for ((_, grade), planned) in &mut policy.plans {
        *planned = plan(*grade);
    }
    policy.default_plans = Grade::ALL.map(plan);
    policy.emergency = plan(Grade::One);
    Ok(config)
}
