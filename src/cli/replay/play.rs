//! The calls, told one by one over the console API at the pace of their times.

use super::super::audit::{self, Acked, Told};
use super::super::client::Client;
use super::super::town;
use super::script::Call;
use super::stage::Stage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is under way after the last call gets at most this long, wall time.
const DRAIN: Duration = Duration::from_secs(10);
/// The bar and the daemon's health are looked at this often; it also keeps the console alive.
const SHOWN_EVERY: Duration = Duration::from_millis(500);
/// Reasons of refusals kept.
const REASONS_KEPT: usize = 10;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Reports the daemon acknowledged, with what was told in each.
    pub(super) acked: Vec<Acked>,
    /// Reports it refused.
    pub(super) refused: u64,
    /// Why, and how often each.
    pub(super) reasons: BTreeMap<String, u64>,
    /// Calls not told, because somebody pressed ctrl-c.
    pub(super) untold: u64,
    /// The daemon's stage times at the end, wall microseconds.
    pub(super) stages: Value,
    /// Wall time.
    pub(super) took: Duration,
}

/// Tells the calls at `speed` times their pace.
///
/// # Errors
/// When the daemon is gone.
pub(super) fn play(
    calls: &[Call],
    speed: f64,
    stage: &Stage,
    zone: &TimeZone,
) -> anyhow::Result<Played> {
    let interrupted = town::interrupt()?;
    let mut client = stage.console()?;
    if let Some(radios) = stage.radios() {
        town::wait_for_radios(radios, &interrupted);
    }
    let bar = bar(calls.len());
    let began = Instant::now();
    let first = calls.first().map(|call| call.at).unwrap_or_default();
    let mut played = Played::default();
    for (told, call) in calls.iter().enumerate() {
        let since = call.at.duration_since(first).as_secs_f64() / speed;
        let due = began + Duration::try_from_secs_f64(since)?;
        if !wait(due, &mut client, &interrupted)? {
            played.untold = u64::try_from(calls.len() - told)?;
            break;
        }
        tell(call, &mut client, stage, &mut played)?;
        bar.inc(1);
        bar.set_message(
            zone.to_datetime(call.at)
                .strftime("%m-%d %H:%M")
                .to_string(),
        );
    }
    if stage.radios().is_some() {
        bar.set_message("…");
        drain(&mut client, &interrupted)?;
    }
    bar.finish_and_clear();
    let mut health = client.call("system.health", &json!({}))?;
    played.stages = health
        .get_mut("stages_us")
        .map(Value::take)
        .unwrap_or_default();
    played.took = began.elapsed();
    Ok(played)
}

/// Until it is time; false when interrupted.
fn wait(due: Instant, client: &mut Client, interrupted: &AtomicBool) -> anyhow::Result<bool> {
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(true);
        }
        std::thread::sleep(left.min(SHOWN_EVERY));
        if left > SHOWN_EVERY {
            client.call("session.ping", &json!({}))?;
        }
    }
}

/// One report. Where the connection broke it is told again on a new one, under the same key.
fn tell(
    call: &Call,
    client: &mut Client,
    stage: &Stage,
    played: &mut Played,
) -> anyhow::Result<()> {
    let mut answer = client.call("incident.report", &call.params);
    if answer
        .as_ref()
        .is_err_and(|error| !audit::is_refusal(error))
    {
        *client = stage.console()?;
        answer = client.call("incident.report", &call.params);
    }
    match answer {
        Ok(answer) => played.acked.extend(audit::acked(&answer, &call.params)),
        Err(error) if audit::is_refusal(&error) => {
            played.refused += 1;
            let known = played.reasons.len() < REASONS_KEPT;
            let reason = error.to_string();
            if known || played.reasons.contains_key(&reason) {
                *played.reasons.entry(reason).or_default() += 1;
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Lets what is under way finish.
fn drain(client: &mut Client, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let until = Instant::now() + DRAIN;
    while Instant::now() < until && !interrupted.load(Ordering::Relaxed) {
        let health = client.call("system.health", &json!({}))?;
        if health.get("open_incidents") == Some(&json!(0)) {
            break;
        }
        std::thread::sleep(SHOWN_EVERY);
    }
    Ok(())
}

/// Acknowledged reports the daemon does not know, or knows otherwise: the next best where its
/// journal cannot be read.
///
/// # Errors
/// When the daemon is gone.
pub(super) fn unknown_to(client: &mut Client, acked: &[Acked]) -> anyhow::Result<u64> {
    let mut unknown = 0;
    for acked in acked {
        let asked = client.call("incident.get", &json!({ "incident": acked.incident.0 }));
        let told = match asked {
            Ok(answer) => answer.get("incident").map(Told::shown),
            Err(error) if audit::is_refusal(&error) => None,
            Err(error) => return Err(error),
        };
        unknown += u64::from(told.as_ref() != Some(&acked.told));
    }
    Ok(unknown)
}

/// On stderr, and only where that is a terminal.
fn bar(calls: usize) -> ProgressBar {
    let length = u64::try_from(calls).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = "{bar:30} {pos}/{len} calls  {msg}  {elapsed} of about {duration}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
