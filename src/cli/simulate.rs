//! `tieqi simulate`: the daemon in a world that goes wrong, and the verdict on it.

use crate::config::Config;
use crate::simulate::{self, Fault, Plan, Verdict};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// What is simulated.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// The same seed tells the same story.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Further seeds, one after the other, until one fails.
    #[arg(long, default_value_t = 1)]
    pub seeds: u64,
    /// Simulated hours.
    #[arg(long, default_value_t = 24.0, value_parser = hours)]
    pub hours: f64,
    /// What goes wrong: all, none, or names with commas; see docs/reliability.md.
    #[arg(long, default_value = "all", value_parser = Fault::list)]
    pub faults: BTreeSet<Fault>,
    /// Another town's config instead of the sample one.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// The verdict as one JSON object, the last line of stdout.
    #[arg(long)]
    pub json: bool,
}

/// Reads a number of hours.
fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
    match (0.1..=10_000.0).contains(&hours) {
        true => Ok(hours),
        false => Err(format!("`{text}`: 0.1 to 10000 hours")),
    }
}

/// A verdict with what it took.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    took_s: f64,
    hours_a_minute: f64,
    again: String,
}

/// Runs the seeds and prints a verdict on each; true when all passed.
///
/// # Errors
/// When the config cannot be used.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<bool> {
    let config = match &options.config {
        Some(path) => Config::load(path)?,
        None => Config::sample()?,
    };
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        if !one(options, &config, seed, out)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn one(options: &Options, config: &Config, seed: u64, out: &mut dyn Write) -> anyhow::Result<bool> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    let total_ms = (options.hours * 3_600_000.0) as u64;
    let plan = Plan {
        seed,
        total_ms,
        faults: options.faults.clone(),
    };
    let bar = ProgressBar::new(total_ms / 60_000);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {pos} of {len} simulated minutes, {eta} left",
    )?);
    let began = Instant::now();
    let verdict = simulate::run(config, &plan, &mut |ms| bar.set_position(ms / 60_000))?;
    bar.finish_and_clear();
    let took_s = began.elapsed().as_secs_f64();
    let told = Told {
        verdict: &verdict,
        took_s: (took_s * 100.0).round() / 100.0,
        hours_a_minute: (verdict.hours / took_s * 60.0).round(),
        again: again(options, seed),
    };
    match options.json {
        true => writeln!(out, "{}", serde_json::to_string(&told)?)?,
        false => write_text(&told, out)?,
    }
    Ok(verdict.passed)
}

/// The one command that tells the same story.
fn again(options: &Options, seed: u64) -> String {
    let all: BTreeSet<Fault> = Fault::ALL.iter().copied().collect();
    let names: Vec<_> = options.faults.iter().map(|fault| fault.name()).collect();
    let faults = match names.as_slice() {
        _ if options.faults == all => "all".to_owned(),
        [] => "none".to_owned(),
        names => names.join(","),
    };
    let mut command = format!(
        "tieqi simulate --seed {seed} --hours {} --faults {faults}",
        options.hours
    );
    if let Some(config) = &options.config {
        command.push_str(&format!(" --config {}", config.display()));
    }
    command
}

fn write_text(told: &Told<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let verdict = told.verdict;
    writeln!(
        out,
        "seed {}: {} simulated hours in {} s, {} hours a minute",
        verdict.seed, verdict.hours, told.took_s, told.hours_a_minute
    )?;
    let counted = &verdict.figures;
    let figures = [
        ("accepted commands", counted.accepted),
        ("incidents", counted.incidents),
        ("assignments", counted.assignments),
        ("events", counted.events),
        ("deltas", counted.deltas),
        ("datagrams", counted.datagrams),
        ("crashes", counted.crashes),
        ("failed starts", counted.failed_starts),
        ("failed disk calls", counted.failed_calls),
        ("failed syncs", counted.failed_syncs),
        ("link cuts", counted.link_cuts),
        ("re-sends", counted.resends),
    ];
    for (name, count) in figures {
        writeln!(out, "  {name:<18} {count:>10}")?;
    }
    if verdict.faults.counts().next().is_some() {
        writeln!(out, "faults (row of the table in docs/reliability.md)")?;
    }
    for (fault, count) in verdict.faults.counts() {
        let (name, row) = (fault.name(), fault.row());
        writeln!(out, "  {name:<15} {row:>2} {count:>10}")?;
    }
    for name in &verdict.too_rare {
        writeln!(
            out,
            "too rare: {name}; at least {} are needed",
            simulate::LEAST
        )?;
    }
    if let (Some(broken), Some(at_ms)) = (&verdict.broken, verdict.broken_at_ms) {
        writeln!(out, "BROKEN after {at_ms} ms: {broken}")?;
    }
    match verdict.passed {
        true => writeln!(out, "nothing was broken; journal {}", verdict.hash)?,
        false => writeln!(out, "FAILED; again: {}", told.again)?,
    }
    Ok(())
}
