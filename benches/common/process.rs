//! What the kernel counts of a process.

use anyhow::Context;

/// What the kernel counts processor time in: ticks a second.
const TICKS: f64 = 100.0;

/// Processor time a process used so far, all its threads, seconds.
pub(crate) fn cpu_s(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no fields")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || Some(fields.next()?.parse::<f64>().ok()? / TICKS);
    let (user, system) = (ticks().context("no time")?, ticks().context("no time")?);
    Ok(user + system)
}
