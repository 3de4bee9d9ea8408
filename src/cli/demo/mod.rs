//! `tieqi demo`: a whole town in one process. The daemon, simulated radios and callers speak over
//! real sockets, as they would from three machines; the report is counted from the journal.

pub mod calls;
mod report;

use super::audit::{self, Acked};
use super::client::Client;
use super::desk;
use super::town::{self, DataDir, PASSWORD};
use super::transport::Transport;
use crate::config::Config;
use crate::radio::{RadioOptions, Radios, Rates};
use crate::shell::Server;
use anyhow::{Context, bail};
use calls::Calls;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the demo runs.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// How long, e.g. 30s or 5m; until ctrl-c when not given.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Incidents a second of wall time; over Homebrew 0.5.
    #[arg(
        long,
        default_value_t = 3.0,
        default_value_if("transport", "homebrew", "0.5")
    )]
    pub rate: f64,
    /// How much faster than life the simulated world runs; links and the air always run on real
    /// time, so over Homebrew 10.
    #[arg(
        long,
        default_value_t = 60.0,
        default_value_if("transport", "homebrew", "10")
    )]
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
    /// What the daemon and its radios speak.
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,
    /// Lets deadlines of people that the speed brings under 200 ms stand at 200 ms.
    #[arg(long)]
    pub stretch_deadlines: bool,
    /// The report as one JSON object, the last line of stdout.
    #[arg(long)]
    pub json: bool,
}

/// Mean time on scene at Grade III, simulated seconds: shorter than in life, so that the fleet
/// just copes with the default rate.
const SCENE_S: u32 = 40;
/// After the last call, what is under way gets this long.
const DRAIN: Duration = Duration::from_secs(3);
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
    let dir = DataDir::new("demo", options.keep.as_deref())?;
    let server = Server::start(config.clone(), town::users()?, dir.path())?;
    town::point_radios_at(&mut config, &server);
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
    options.transport.equip(&mut config);
    town::on_free_ports(&mut config)?;
    config.roster.sign_on_at_start = true;
    town::hurry(&mut config.policy, options.speed, options.stretch_deadlines)?;
    Ok(config)
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
    let interrupted = town::interrupt()?;
    let mut client = Client::login(server.console, "calls", PASSWORD)?;
    let mut calls = Calls::new(config, options.seed);
    let screen = screen();
    let (mut acked, mut refused) = (Vec::new(), 0u64);
    town::wait_for_radios(radios, &interrupted);
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
                Ok(answer) => acked.extend(audit::acked(&answer, &call.params)),
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

fn screen() -> ProgressBar {
    let screen = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        screen.set_style(style);
    }
    screen
}
