//! `tieqi simulate`: tries to break it. The production loop, journal and links, simulated radios
//! and consoles are stepped by one scheduler over a virtual clock, disk and network; faults come by
//! a seed, and an auditor watches from outside. docs/reliability.md tells what it checks.

mod auditor;
mod desk;
mod fault;
mod life;
mod process;
mod run;
#[cfg(test)]
mod tests;
mod verdict;

use crate::config::Config;
use anyhow::ensure;
use clap::Args;
use fault::Fault;
use indicatif::{ProgressBar, ProgressStyle};
use run::{Plan, Simulation};
use std::io::Write;
use std::time::Instant;
use verdict::Verdict;

/// What to simulate.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// The same seed tells the same story.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Simulated hours; faults come more often in a short run.
    #[arg(long, default_value_t = 24.0)]
    pub hours: f64,
    /// `all`, `none`, or names with commas between.
    #[arg(long, default_value = "all")]
    pub faults: String,
    /// The verdict as one JSON object, the last line of stdout.
    #[arg(long)]
    pub json: bool,
}

/// Runs a simulation and prints its verdict; true when nothing is wrong.
///
/// # Errors
/// When options cannot be.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<bool> {
    ensure!(
        options.hours > 0.0 && options.hours <= 100_000.0,
        "--hours {}: must be above 0 and at most 100,000",
        options.hours
    );
    let plan = Plan {
        seed: options.seed,
        hours: options.hours,
        faults: Fault::list(&options.faults).map_err(anyhow::Error::msg)?,
    };
    let began = Instant::now();
    let bar = bar(options.hours);
    let verdict = simulate(&plan, |ms| bar.set_position(ms / 60_000))?;
    bar.finish_and_clear();
    let took_s = began.elapsed().as_secs_f64();
    let wrong = verdict.wrong();
    match options.json {
        true => {
            let mut json = verdict.json(options.seed);
            if let Some(json) = json.as_object_mut() {
                json.insert("took_s".into(), took_s.into());
            }
            writeln!(out, "{json}")?;
        }
        false => print(&verdict, options, took_s, out)?,
    }
    Ok(wrong.is_empty())
}

fn simulate(plan: &Plan, progress: impl FnMut(u64)) -> anyhow::Result<Verdict> {
    let config = Config::sample()?;
    Ok(Simulation::new(plan, &config)?.run(progress))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked"
)]
fn bar(hours: f64) -> ProgressBar {
    let bar = ProgressBar::new((hours * 60.0) as u64);
    let style = "{bar:40} {pos} of {len} simulated minutes, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

fn print(
    verdict: &Verdict,
    options: &Options,
    took_s: f64,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (figures, _, reports) = &verdict.outcome;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let hours = verdict.simulated_ms as f64 / 3_600_000.0;
    writeln!(
        out,
        "seed {}: {hours:.1} simulated hours in {took_s:.1} s",
        options.seed
    )?;
    let rows = [
        ("commands accepted", verdict.accepted),
        ("reports acknowledged", *reports),
        ("assignments offered", figures.offered),
        ("sent once more", figures.retries),
        ("cleared", figures.cleared),
        ("alarms", figures.alarms),
        ("crashes", verdict.counts.crashes),
        ("failed syncs", verdict.counts.failed_syncs),
        ("link cuts", verdict.counts.link_cuts),
        ("lost", figures.lost),
        ("silent past a limit", figures.silent_past_limit),
    ];
    for (name, count) in rows {
        writeln!(out, "  {name:<22} {count:>10}")?;
    }
    for (fault, count) in &verdict.fired {
        writeln!(out, "  fault {:<16} {count:>10}", fault.name())?;
    }
    writeln!(out, "  log {}", verdict.log)?;
    let wrong = verdict.wrong();
    for line in &wrong {
        writeln!(out, "  WRONG: {line}")?;
    }
    if !wrong.is_empty() {
        let Options {
            seed,
            hours,
            faults,
            ..
        } = options;
        let again = format!("tieqi simulate --seed {seed} --hours {hours} --faults {faults}");
        writeln!(out, "once more: {again}")?;
    }
    Ok(())
}
