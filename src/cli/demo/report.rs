//! What the demo prints: a live summary, and the report at the end for people or programs.
//!
//! Latencies are wall time, phase times simulated time; they never share a column.

use super::super::audit::Figures;
use super::{Options, SCENE_S};
use crate::radio::Stats;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// Effective calls of an average Dongguan town a day: 1.51 million in 2017 over 33 towns.
const REAL_CALLS_A_DAY: f64 = 125.0;

/// Everything the report is made from.
pub(super) struct Report<'a> {
    pub(super) options: &'a Options,
    pub(super) figures: &'a Figures,
    pub(super) to_scene_ms: &'a [u64],
    pub(super) stats: &'a Stats,
    pub(super) stages: &'a Value,
    pub(super) refused: u64,
    pub(super) took: Duration,
    pub(super) dir: Option<&'a Path>,
}

impl Report<'_> {
    /// Calls a day of the simulated clock.
    fn calls_a_day(&self) -> f64 {
        self.options.rate / self.options.speed * 86_400.0
    }

    /// One object on one line.
    pub(super) fn json(&self) -> String {
        let mut report = serde_json::to_value(self.figures).unwrap_or_default();
        let quantiles = |stage: &str| {
            let of = self.stages.get(stage);
            let at = |name| of.and_then(|of| of.get(name)).cloned().unwrap_or_default();
            json!({ "count": at("count"), "p50": at("p50"), "p99": at("p99") })
        };
        let scene = |percent| self.to_scene_s(percent);
        let more = json!({
            "refused": self.refused,
            "frames_lost": self.stats.frames_lost,
            "offer_to_sent_us": quantiles("offer_to_sent"),
            "report_to_frame_us": quantiles("report_to_frame"),
            "durable_us": quantiles("durable"),
            "emergency_to_backup_us": quantiles("emergency_to_backup"),
            "report_to_scene_simulated_s": { "p50": scene(50), "p90": scene(90) },
            "seconds": self.took.as_secs_f64(),
            "rate": self.options.rate,
            "speed": self.options.speed,
            "seed": self.options.seed,
            "transport": self.options.transport,
            "calls_a_simulated_day": self.calls_a_day(),
            "real_calls_a_day": REAL_CALLS_A_DAY,
            "scene_mean_simulated_s": SCENE_S,
            "deadlines_stretched": self.options.stretch_deadlines,
            "radios": self.stats,
            "origin": "simulated",
        });
        if let (Some(report), Value::Object(more)) = (report.as_object_mut(), more) {
            report.extend(more);
        }
        report.to_string()
    }

    /// From report to the first unit on scene, simulated seconds.
    fn to_scene_s(&self, percent: usize) -> Option<u64> {
        let index = self.to_scene_ms.len().checked_sub(1)? * percent / 100;
        let ms = *self.to_scene_ms.get(index)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "seconds of a day"
        )]
        let simulated = (ms as f64 * self.options.speed / 1000.0) as u64;
        Some(simulated)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Figures {
            incidents,
            offered,
            sent,
            delivered,
            accepted,
            on_scene,
            cleared,
            resolved,
            retries,
            declines,
            expired,
            alarms,
            emergencies,
            emergency_repeats,
            emergency_backups,
            silent_past_limit,
            lost,
            ..
        } = self.figures;
        let (rate, speed) = (self.options.rate, self.options.speed);
        writeln!(
            out,
            "simulated (模拟): {:.0} s at {rate} incidents/s",
            self.took.as_secs_f64()
        )?;
        writeln!(
            out,
            "load        {:.0} calls a day of the simulated clock (speed {speed}); an average \
             town has about {REAL_CALLS_A_DAY:.0}",
            self.calls_a_day()
        )?;
        writeln!(
            out,
            "times       on scene {SCENE_S} s on average, shortened so that the fleet just copes"
        )?;
        if self.options.stretch_deadlines {
            writeln!(out, "deadlines   of people stretched to at least 200 ms")?;
        }
        writeln!(out)?;
        writeln!(
            out,
            "incidents   {incidents} reported, {resolved} resolved, {} refused",
            self.refused
        )?;
        writeln!(
            out,
            "ladder      {offered} offered > {sent} sent > {delivered} delivered > {accepted} \
             accepted > {on_scene} on scene > {cleared} cleared"
        )?;
        writeln!(
            out,
            "exceptions  {retries} retries, {declines} declined, {expired} expired, {alarms} alarms"
        )?;
        if *emergencies > 0 {
            writeln!(
                out,
                "emergency   {emergencies} opened, {emergency_repeats} presses joined, \
                 {emergency_backups} back-ups offered"
            )?;
        }
        writeln!(
            out,
            "radio       {} frames lost on purpose of {}",
            self.stats.frames_lost,
            self.stats.frames_sent + self.stats.frames_received
        )?;
        let (p50, p90) = (self.to_scene_s(50), self.to_scene_s(90));
        if let (Some(p50), Some(p90)) = (p50, p90) {
            writeln!(
                out,
                "arrival     median {p50} s, p90 {p90} s of simulated time from report to scene"
            )?;
        }
        for (stage, name) in [
            ("report_to_frame", "report to frame"),
            ("offer_to_sent", "offer to sent"),
            ("durable", "durable"),
            ("emergency_to_backup", "emergency to back-up's frame"),
        ] {
            let of = |quantile| self.stages.get(stage)?.get(quantile)?.as_u64();
            let some = of("count") > Some(0);
            if let (Some(p50), Some(p99), true) = (of("p50"), of("p99"), some) {
                writeln!(
                    out,
                    "latency     {name}: median {p50} us, p99 {p99} us of wall time"
                )?;
            }
        }
        writeln!(out)?;
        writeln!(
            out,
            "lost        {lost} (acknowledged calls not in the journal)"
        )?;
        writeln!(
            out,
            "silent      {silent_past_limit} (rungs past their limit without a word)"
        )?;
        if let Some(dir) = self.dir {
            let dir = dir.display();
            writeln!(out, "journal     {dir}: `tieqi journal verify {dir}`")?;
        }
        Ok(())
    }
}

/// The live summary.
pub(super) fn live(health: &Value, stats: &Stats, elapsed: Duration) -> String {
    let number = |path: &str| health.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let grades = ["I", "II", "III", "IV"];
    let waiting = grades.map(|grade| {
        let count = number(&format!("/queue/{grade}/waiting"));
        let oldest_ms = number(&format!("/queue/{grade}/oldest_ms"));
        match count {
            0 => format!("{grade} -"),
            _ => format!(
                "{grade} {count} ({:.1} s)",
                Duration::from_millis(oldest_ms).as_secs_f64()
            ),
        }
    });
    let rungs = [
        "offered",
        "sent",
        "delivered",
        "accepted",
        "en_route",
        "on_scene",
    ];
    let rungs = rungs.map(|rung| format!("{rung} {}", number(&format!("/receipts/{rung}"))));
    format!(
        "{:>4.0} s  incidents {} (open {})  alarms {}\n  queue    {}\n  ladder   {}\n  radios   \
         {} on the air, {} texts, {} keys, {} frames lost\n  report to frame  p50 {} us  p99 {} us",
        elapsed.as_secs_f64(),
        number("/since_start/incidents"),
        number("/open_incidents"),
        number("/open_alarms"),
        waiting.join("   "),
        rungs.join("  "),
        stats.registered,
        stats.texts,
        stats.keys.total(),
        stats.frames_lost,
        number("/stages_us/report_to_frame/p50"),
        number("/stages_us/report_to_frame/p99"),
    )
}
