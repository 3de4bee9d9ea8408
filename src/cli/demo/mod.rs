//! `tieqi demo`: a whole town in one process. The daemon, simulated radios and callers speak over
//! real sockets, as they would from three machines; the report is counted from the journal.

pub mod audit;
pub mod calls;
mod desk;
mod report;

use super::client::Client;
use crate::config::users::{Role, Users};
use crate::config::{Config, GatewayRole};
use crate::engine::policy::Policy;
use crate::radio::{RadioOptions, Radios, Rates, Stats};
use crate::shell::Server;
use anyhow::{Context, bail};
use audit::Acked;
use calls::Calls;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the demo runs.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// How long, e.g. 30s or 5m; until ctrl-c when not given.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Incidents a second of wall time.
    #[arg(long, default_value_t = 3.0)]
    pub rate: f64,
    /// How much faster than life the simulated world runs; links always run on real time.
    #[arg(long, default_value_t = 60.0)]
    pub speed: f64,
    /// Seed of calls and radios.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Keeps the data directory here instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// A handheld's emergency button is pressed during the run.
    #[arg(long)]
    pub emergency: bool,
    /// Another town's config instead of the sample one.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Lets deadlines of people that the speed brings under 200 ms stand at 200 ms.
    #[arg(long)]
    pub stretch_deadlines: bool,
    /// The report as one JSON object, the last line of stdout.
    #[arg(long)]
    pub json: bool,
}

/// Shortest deadline of people, milliseconds of wall time.
const SHORTEST_MS: u32 = 200;
/// Mean time on scene at Grade III, simulated seconds: shorter than in life, so that the fleet
/// just copes with the default rate.
const SCENE_S: u32 = 40;
/// After the last call, what is under way gets this long.
const DRAIN: Duration = Duration::from_secs(3);
const USERS: [(&str, Role); 2] = [("calls", Role::CallTaker), ("desk", Role::Dispatcher)];
/// Behind a loopback socket on a free port, for as long as the demo runs.
const PASSWORD: &str = "demo-of-tieqi";

/// Reads a duration like `30s` or `5m`.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|error| format!("`{text}` is no duration like 30s: {error}"))?;
    Duration::try_from(span).map_err(|error| error.to_string())
}

/// Runs the demo and prints its report; true when nothing was lost or silent.
///
/// # Errors
/// When the town cannot be started.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut config = town(options)?;
    let dir = DataDir::new(options.keep.as_deref())?;
    let server = Server::start(config.clone(), users()?, dir.path())?;
    point_radios_at(&mut config, &server);
    let radios =
        Radios::start(&config, radio_options(options)).context("failed to start the radios")?;
    let stop = Arc::new(AtomicBool::new(false));
    let (desk_stop, at) = (Arc::clone(&stop), server.console);
    let desk = std::thread::spawn(move || desk::work(at, "desk", PASSWORD, &desk_stop));
    let began = Instant::now();
    let (acked, refused, stages) = take_calls(options, &config, &server, &radios)?;
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let desked = desk.join();
    let stats = radios.stop().context("failed to run the radios")?;
    server.stop();
    if let Ok(Err(error)) = desked {
        tracing::warn!(%error, "the dispatcher stopped early");
    }
    let (figures, to_scene_ms) = audit::audit(dir.path(), config.policy.ladder, &acked)?;
    let report = report::Report {
        options,
        figures: &figures,
        to_scene_ms: &to_scene_ms,
        stats: &stats,
        stages: &stages,
        refused,
        took,
        dir: options.keep.as_deref(),
    };
    match options.json {
        true => writeln!(out, "{}", report.json())?,
        false => write!(out, "{}", report.text())?,
    }
    Ok(figures.lost == 0 && figures.silent_past_limit == 0)
}

/// The town with free ports, its people's deadlines and its fastest move brought to the speed.
fn town(options: &Options) -> anyhow::Result<Config> {
    if !(options.rate > 0.0 && options.rate <= 1000.0) {
        bail!("--rate {}: must be above 0 and at most 1000", options.rate);
    }
    if !(options.speed >= 1.0 && options.speed <= 3600.0) {
        bail!("--speed {}: must be 1 to 3600", options.speed);
    }
    let mut config = match &options.config {
        Some(path) => Config::load(path)?,
        None => Config::sample()?,
    };
    config.console.listen.set_port(0);
    config.http.listen.set_port(0);
    config.roster.sign_on_at_start = true;
    for gateway in &mut config.gateways {
        if gateway.role != GatewayRole::Listen {
            bail!(
                "gateway {} does not listen: the demo's radios connect",
                gateway.name
            );
        }
        for link in &mut gateway.links {
            link.port = 0;
        }
    }
    hurry(&mut config.policy, options)?;
    Ok(config)
}

fn hurry(policy: &mut Policy, options: &Options) -> anyhow::Result<()> {
    let mut shortest = u32::MAX;
    let mut scale = |ms: &mut u32| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a u32, less"
        )]
        let scaled = (f64::from(*ms) / options.speed) as u32;
        shortest = shortest.min(scaled);
        *ms = scaled.max(SHORTEST_MS);
    };
    let plans = policy.plans.values_mut().chain(&mut policy.default_plans);
    for plan in plans.chain([&mut policy.emergency]) {
        let limits = &mut plan.limits;
        scale(&mut limits.accept_ms);
        scale(&mut limits.roll_ms);
        scale(&mut limits.arrive_ms);
        scale(&mut limits.on_scene_ms);
    }
    let safety = &mut policy.safety;
    let checks = [&mut safety.en_route_ms, &mut safety.on_scene_ms];
    for every_ms in checks.into_iter().flatten().flatten() {
        scale(every_ms);
    }
    scale(&mut safety.answer_ms);
    policy.age_step_ms.iter_mut().for_each(&mut scale);
    let ladder = &mut policy.ladder;
    ladder.waiting_ms.iter_mut().for_each(&mut scale);
    scale(&mut ladder.reoffer_ms);
    scale(&mut ladder.stacked_ms);
    scale(&mut ladder.unclassified_ms);
    if shortest < SHORTEST_MS && !options.stretch_deadlines {
        bail!(
            "--speed {} brings a deadline of people down to {shortest} ms; at least {SHORTEST_MS} \
             ms are needed: go slower, or give --stretch-deadlines",
            options.speed
        );
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let plausible = (f64::from(policy.plausible_cm_s) * options.speed) as u32;
    policy.plausible_cm_s = plausible;
    Ok(())
}

fn users() -> anyhow::Result<Users> {
    let mut users = Users::load(Path::new(""))?;
    for (name, role) in USERS {
        users.add(name, role, PASSWORD)?;
    }
    Ok(users)
}

/// The daemon took free ports; the radios must know them.
fn point_radios_at(config: &mut Config, server: &Server) {
    let links = config
        .gateways
        .iter_mut()
        .flat_map(|gateway| &mut gateway.links);
    for (link, bound) in links.zip(&server.links) {
        link.port = bound.port();
    }
}

fn radio_options(options: &Options) -> RadioOptions {
    RadioOptions {
        seed: options.seed,
        speed: options.speed,
        scene_s: SCENE_S,
        emergency_after_ms: options
            .emergency
            .then(|| emergency_after_ms(options.duration)),
        rates: Rates {
            // Enough for every rung's exception to be seen within half a minute.
            delivery_loss: 0.12,
            decline: 0.08,
            ..Rates::default()
        },
        ..RadioOptions::default()
    }
}

/// A third into the run: people are at work by then.
fn emergency_after_ms(duration: Option<Duration>) -> u32 {
    const LATEST: Duration = Duration::from_secs(10);
    let third = duration.map_or(LATEST, |whole| whole / 3).min(LATEST);
    // Registering takes a moment before the run begins.
    let after = third + Duration::from_millis(1500);
    u32::try_from(after.as_millis()).unwrap_or(u32::MAX)
}

/// Reports calls until the time is up, then lets what is under way finish. The acknowledged ones,
/// how many were refused, and the daemon's stage times.
fn take_calls(
    options: &Options,
    config: &Config,
    server: &Server,
    radios: &Radios,
) -> anyhow::Result<(Vec<Acked>, u64, Value)> {
    let interrupted = interrupt()?;
    let mut client = Client::login(server.console, "calls", PASSWORD)?;
    let mut calls = Calls::new(config, options.seed);
    let screen = screen();
    let (mut acked, mut refused) = (Vec::new(), 0u64);
    wait_for_radios(radios, &interrupted);
    let began = Instant::now();
    let mut next = began;
    let mean = Duration::from_secs_f64(1.0 / options.rate);
    let mean_us = u64::try_from(mean.as_micros()).unwrap_or(u64::MAX);
    let mut shown = began;
    let over = |now: Instant| options.duration.is_some_and(|limit| now - began >= limit);
    while !over(Instant::now()) && !interrupted.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= next {
            next += Duration::from_micros(calls.gap_us(mean_us));
            let call = calls
                .ring()
                .context("the config has no places or no categories")?;
            match client.call("incident.report", &call.params) {
                Ok(answer) => acked.extend(audit::acked(&answer, &call.caller)),
                Err(error) if audit::is_refusal(&error) => refused += 1,
                Err(error) => return Err(error),
            }
        }
        if now >= shown {
            shown = now + Duration::from_secs(1);
            let health = client.call("system.health", &json!({}))?;
            screen.set_message(report::live(&health, &radios.stats(), began.elapsed()));
        }
        let wake = next.min(shown);
        std::thread::sleep(wake.saturating_duration_since(Instant::now()).min(DRAIN));
    }
    let drained = Instant::now() + DRAIN;
    while Instant::now() < drained {
        let health = client.call("system.health", &json!({}))?;
        screen.set_message(report::live(&health, &radios.stats(), began.elapsed()));
        std::thread::sleep(Duration::from_millis(500));
    }
    screen.finish_and_clear();
    let health = client.call("system.health", &json!({}))?;
    Ok((
        acked,
        refused,
        health.get("stages_us").cloned().unwrap_or_default(),
    ))
}

/// Most handhelds register within a second or two; calls need not wait for the last.
fn wait_for_radios(radios: &Radios, interrupted: &AtomicBool) {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        let Stats {
            handhelds,
            registered,
            ..
        } = radios.stats();
        let enough = handhelds > 0 && registered * 10 >= handhelds * 9;
        if enough || Instant::now() > patience || interrupted.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn screen() -> ProgressBar {
    let screen = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        screen.set_style(style);
    }
    screen
}

/// Set by ctrl-c or SIGTERM.
fn interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let waiting = std::thread::Builder::new().name("tieqi-signal".into());
    waiting.spawn(move || {
        if super::serve::wait_for_signal().is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    })?;
    Ok(flag)
}

/// The data directory: kept where the user said, else temporary and removed.
struct DataDir {
    path: PathBuf,
    temporary: bool,
}

impl DataDir {
    fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let (path, temporary) = match keep {
            Some(path) => (path.to_owned(), false),
            None => {
                let name = format!("tieqi-demo-{}", std::process::id());
                (std::env::temp_dir().join(name), true)
            }
        };
        if path
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            bail!(
                "{} is not empty: the demo starts a fresh journal",
                path.display()
            );
        }
        std::fs::create_dir_all(&path)
            .with_context(|| format!("failed to make {}", path.display()))?;
        Ok(Self { path, temporary })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
