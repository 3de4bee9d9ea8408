//! `tieqi replay`: real calls of a published table through the real console API, at their own pace
//! or faster, against a daemon of its own or one that runs.
//!
//! The calls are real where the config says so; the fleet, the grades and every response time are
//! not, and the report says that too.

mod phase;
mod play;
mod report;
mod script;
mod stage;
mod table;

use super::audit::{self, Audit, Figures};
use super::transport::Transport;
use crate::config::{Config, Replay};
use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use phase::Phases;
use play::Played;
use script::{Call, Window, script};
use stage::Stage;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Fastest pace.
const SPEED_MAX: f64 = 100_000.0;

/// What is replayed, how and where.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// The table of calls, CSV, maybe gzipped.
    #[arg(long, value_name = "FILE")]
    pub calls: PathBuf,
    /// The config; its `[replay]` says how the table is read.
    #[arg(long)]
    pub config: PathBuf,
    /// Calls from this local time on, like 2018-05-12T20:00.
    #[arg(long, value_name = "LOCAL TIME")]
    pub from: Option<DateTime>,
    /// Calls before this local time.
    #[arg(long, value_name = "LOCAL TIME")]
    pub to: Option<DateTime>,
    /// How much faster than life calls come and the simulated world runs; links and the air always
    /// run on real time, so over Homebrew 20.
    #[arg(
        long,
        default_value_t = 600.0,
        default_value_if("transport", "homebrew", "20")
    )]
    pub speed: f64,
    /// Lets deadlines of people that the speed brings under 200 ms stand at 200 ms.
    #[arg(long)]
    pub stretch_deadlines: bool,
    /// Simulated gateways and handhelds for the fleet, and a dispatcher. Without, nobody is sent.
    #[arg(long)]
    pub with_radios: bool,
    /// What the daemon and these radios speak.
    #[arg(long, value_enum, default_value_t, requires = "with_radios")]
    #[arg(conflicts_with = "connect")]
    pub transport: Transport,
    /// Leaves out rows that cannot be read, and counts them, instead of importing nothing.
    #[arg(long)]
    pub skip_bad: bool,
    /// Seed of the radios.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Keeps the data directory here instead of a temporary one.
    #[arg(long, value_name = "DIR", conflicts_with = "connect")]
    pub keep: Option<PathBuf>,
    /// A daemon that runs, instead of one of its own; its deadlines stay as they are.
    #[arg(long, value_name = "ADDR", requires = "user")]
    pub connect: Option<SocketAddr>,
    /// Who reports there; with radios it is the dispatcher too.
    #[arg(long, requires = "connect")]
    pub user: Option<String>,
    /// The password; asked for when not given.
    #[arg(long, requires = "connect", conflicts_with = "password_stdin")]
    pub password: Option<String>,
    /// Reads the password from stdin instead of asking.
    #[arg(long, requires = "connect")]
    pub password_stdin: bool,
    /// Where that daemon's journal lies, to count `lost` and phase times from it.
    #[arg(long, value_name = "DIR", requires = "connect")]
    pub journal: Option<PathBuf>,
    /// The report as one JSON object, the last line of stdout.
    #[arg(long)]
    pub json: bool,
}

/// Replays and prints the report; true when nothing was lost or silent.
///
/// # Errors
/// When the table cannot be read as it is, or the daemon cannot be had.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<bool> {
    if !(1.0..=SPEED_MAX).contains(&options.speed) {
        bail!("--speed {}: must be 1 to {SPEED_MAX}", options.speed);
    }
    let mut config = Config::load(&options.config)?;
    let Some(map) = config.replay.clone() else {
        let file = options.config.display();
        bail!("{file} has no [replay]: nothing says how a table of calls is read");
    };
    let zone = config.town.time_zone.clone();
    let (calls, counts) = calls(options, &map, &zone)?;
    let mut stage = Stage::open(options, &mut config)?;
    let played = play::play(&calls, options.speed, &stage, &zone)?;
    let asked = match stage.journal() {
        Some(_) => None,
        None => Some(play::unknown_to(&mut stage.console()?, &played.acked)?),
    };
    let stats = stage.close()?;
    let counted = match stage.journal() {
        Some(dir) => Some(count(dir, &config, &played, options.speed)?),
        None => None,
    };
    let (figures, phases) = counted.unzip();
    let lost = figures.as_ref().map(|figures| figures.lost).or(asked);
    let silent = figures.as_ref().map_or(0, |it| it.silent_past_limit);
    let local = |call: &Call| zone.to_datetime(call.at).to_string();
    let report = report::Report {
        options,
        origin: map.origin,
        span: calls.first().map(local).zip(calls.last().map(local)),
        time_zone: &config.town.time_zone_name,
        counts: &counts,
        played: &played,
        stats: stats.as_ref(),
        figures: figures.as_ref(),
        phases: phases.as_deref(),
        lost: lost.unwrap_or(0),
    };
    match options.json {
        true => writeln!(out, "{}", report.json())?,
        false => write!(out, "{}", report.text())?,
    }
    Ok(report.lost == 0 && silent == 0)
}

/// The calls to tell. All rows are read before the first is told.
fn calls(
    options: &Options,
    map: &Replay,
    zone: &TimeZone,
) -> anyhow::Result<(Vec<Call>, script::Counts)> {
    let file = options.calls.display();
    let moment = |local: Option<DateTime>| -> anyhow::Result<Option<Timestamp>> {
        let moment = local.map(|local| zone.to_timestamp(local));
        moment
            .transpose()
            .context("failed to place --from or --to in the town's time zone")
    };
    let window = Window {
        from: moment(options.from)?,
        to: moment(options.to)?,
    };
    if let (Some(from), Some(to)) = (window.from, window.to)
        && from >= to
    {
        bail!("--from must be before --to");
    }
    let bytes = table::bytes(&options.calls)?;
    let table = table::read(&bytes, map, zone)
        .map_err(|fault| anyhow::anyhow!("{file}: {fault}; nothing was imported"))?;
    if table.bad > 0 && !options.skip_bad {
        let mut text = format!("{file}: {} of {} rows are bad", table.bad, table.read);
        for fault in &table.faults {
            write!(text, "\n  {fault}")?;
        }
        bail!("{text}\nnothing was imported; --skip-bad leaves them out and counts them");
    }
    let (calls, counts) = script(table, &bytes, map, window);
    if calls.is_empty() {
        bail!(
            "{file}: no call is left to tell: {} rows, {} outside the hours, {} ignored",
            counts.read,
            counts.outside_window,
            counts.ignored
        );
    }
    Ok((calls, counts))
}

/// Figures and phase times from the journal, against the client's own record.
fn count(
    dir: &Path,
    config: &Config,
    played: &Played,
    speed: f64,
) -> anyhow::Result<(Figures, Vec<phase::Told>)> {
    let incidents: BTreeSet<_> = played.acked.iter().map(|acked| acked.incident).collect();
    let mut phases = Phases::of(&incidents);
    let mut audit = Audit::new(config.policy.ladder);
    let last = audit::walk(dir, |at, event| {
        audit.take(at, event);
        phases.take(at, event);
    })?;
    let (figures, _) = audit.finish(last, &played.acked);
    Ok((figures, phases.told(speed)))
}
