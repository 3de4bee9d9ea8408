//! What a replay prints: the fate of every row, the ladder, and phase times. Which of it is real
//! and which is not stands in it.
//!
//! Latencies are wall time, phase times simulated time; they never share a column.

use super::super::audit::Figures;
use super::Options;
use super::play::Played;
use super::script::Counts;
use crate::config::Origin;
use crate::radio::{RadioOptions, Stats};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Everything the report is made from.
pub(super) struct Report<'a> {
    pub(super) options: &'a Options,
    /// Of the table's rows, as the config says.
    pub(super) origin: Origin,
    /// First and last call, local time.
    pub(super) span: Option<(String, String)>,
    pub(super) time_zone: &'a str,
    pub(super) counts: &'a Counts,
    pub(super) played: &'a Played,
    pub(super) stats: Option<&'a Stats>,
    /// Counted from the journal, where it can be read.
    pub(super) figures: Option<&'a Figures>,
    /// The same for phase times.
    pub(super) phases: Option<&'a [(&'static str, Value)]>,
    pub(super) lost: u64,
}

/// Adds the fields of an object.
fn add(to: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        to.extend(more);
    }
}

impl Report<'_> {
    fn reported(&self) -> u64 {
        u64::try_from(self.played.acked.len()).unwrap_or(u64::MAX)
    }

    fn lost_by(&self) -> &'static str {
        match self.figures {
            Some(_) => "journal",
            None => "incident.get",
        }
    }

    /// Whether deadlines of people stand at 200 ms where the speed would have brought them lower.
    fn stretched(&self) -> bool {
        let own = self.options.connect.is_none();
        own && self.options.with_radios && self.options.stretch_deadlines
    }

    /// Simulated seconds that one text's longest time on the air stands for.
    fn air_s(&self) -> f64 {
        f64::from(RadioOptions::default().air_ms) / 1000.0 * self.options.speed
    }

    /// One object on one line.
    pub(super) fn json(&self) -> String {
        let mut out = Map::new();
        if let Some(figures) = self.figures {
            add(&mut out, serde_json::to_value(figures).unwrap_or_default());
        }
        add(
            &mut out,
            serde_json::to_value(self.counts).unwrap_or_default(),
        );
        let (from, to) = self.span.clone().unzip();
        let quantiles = |stage: &str| {
            let at = |name| self.played.stages.get(stage).and_then(|of| of.get(name));
            json!({ "p50": at("p50"), "p99": at("p99") })
        };
        let phases = self.phases.map(|phases| {
            let named = phases
                .iter()
                .map(|(name, it)| ((*name).to_owned(), it.clone()));
            named.collect::<Map<_, _>>()
        });
        let more = json!({
            "reported": self.reported(),
            "refused": self.played.refused,
            "refused_why": self.played.reasons,
            "untold": self.played.untold,
            "lost": self.lost,
            "lost_counted_from": self.lost_by(),
            "phases_simulated_s": phases,
            "phases_include_air_simulated_s": self.air_s(),
            "report_to_frame_us": quantiles("report_to_frame"),
            "durable_us": quantiles("durable"),
            "first_call": from,
            "last_call": to,
            "time_zone": self.time_zone,
            "seconds": self.played.took.as_secs_f64(),
            "speed": self.options.speed,
            "seed": self.options.seed,
            "transport": self.options.transport,
            "with_radios": self.options.with_radios,
            "own_daemon": self.options.connect.is_none(),
            "deadlines_stretched": self.stretched(),
            "radios": self.stats,
            "origin": "simulated",
            "origins": {
                "calls": self.origin,
                "units": "sample",
                "categories_and_grades": "sample",
                "response_times": "simulated",
            },
        });
        add(&mut out, more);
        Value::Object(out).to_string()
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.head(&mut text);
        let _ = self.rows(&mut text);
        let _ = self.ladder(&mut text);
        let _ = self.times(&mut text);
        let _ = self.end(&mut text);
        text
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        let (calls, speed) = (self.origin.label(), self.options.speed);
        writeln!(
            out,
            "simulated (模拟): replayed calls are {calls}; units, categories and grades are 样例, \
             every response time 模拟"
        )?;
        if let Some((from, to)) = &self.span {
            writeln!(out, "calls       {from} to {to}, {}", self.time_zone)?;
        }
        let seconds = self.played.took.as_secs_f64();
        writeln!(
            out,
            "pace        speed {speed}, {seconds:.0} s of wall time"
        )?;
        let deadlines = match self.options {
            Options {
                connect: Some(_), ..
            } => "those of the daemon that was there, on real time",
            Options {
                with_radios: false, ..
            } => "on real time: nobody is on duty",
            _ if self.stretched() => "of people stretched to at least 200 ms",
            _ => "of people run at that speed too",
        };
        writeln!(out, "deadlines   {deadlines}")?;
        writeln!(out)
    }

    fn rows(&self, out: &mut String) -> std::fmt::Result {
        let Counts {
            read,
            bad_rows,
            outside_window,
            ignored,
            without_location,
            outside_box,
            unclassified,
            inversions,
            ambiguous_times,
        } = self.counts;
        writeln!(
            out,
            "rows        {read} read ({inversions} earlier than the row before), {bad_rows} bad, \
             {outside_window} outside the hours"
        )?;
        let (reported, refused) = (self.reported(), self.played.refused);
        writeln!(
            out,
            "calls       {ignored} ignored (no calls), {reported} reported, {refused} refused, {} \
             not told",
            self.played.untold
        )?;
        writeln!(
            out,
            "of them     {without_location} without location ({outside_box} outside the box), \
             {unclassified} of an unlisted nature; {ambiguous_times} rows of an hour that came \
             twice"
        )?;
        for (reason, count) in &self.played.reasons {
            writeln!(out, "refused     {count} times: {reason}")?;
        }
        Ok(())
    }

    fn ladder(&self, out: &mut String) -> std::fmt::Result {
        let Some(figures) = self.figures else {
            return Ok(());
        };
        let Figures {
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
            ..
        } = figures;
        writeln!(
            out,
            "ladder      {offered} offered > {sent} sent > {delivered} delivered > {accepted} \
             accepted > {on_scene} on scene > {cleared} cleared; {resolved} incidents resolved"
        )?;
        writeln!(
            out,
            "exceptions  {retries} retries, {declines} declined, {expired} expired, {alarms} alarms"
        )?;
        if let Some(stats) = self.stats {
            writeln!(
                out,
                "radio       {} frames lost on purpose of {}",
                stats.frames_lost,
                stats.frames_sent + stats.frames_received
            )?;
        }
        Ok(())
    }

    fn times(&self, out: &mut String) -> std::fmt::Result {
        let known = |(_, phase): &(&str, Value)| phase.get("counted") != Some(&json!(0));
        let Some(phases) = self.phases.filter(|it| it.iter().any(known)) else {
            return writeln!(out, "phases      无数据 (no data)");
        };
        writeln!(out)?;
        writeln!(
            out,
            "phases, simulated seconds   p50    p90    p95    p99  counted  stamp missing"
        )?;
        for (name, phase) in phases {
            let of = |key| phase.get(key).and_then(Value::as_u64);
            let at = |key| of(key).map_or("-".to_owned(), |seconds| seconds.to_string());
            writeln!(
                out,
                "  {:<22} {:>6} {:>6} {:>6} {:>6}  {:>7}  {:>13}",
                name.replace('_', " "),
                at("p50"),
                at("p90"),
                at("p95"),
                at("p99"),
                at("counted"),
                at("missing"),
            )?;
        }
        writeln!(
            out,
            "  Links run on real time: at this speed one text on the air counts as up to {:.0} s.",
            self.air_s()
        )
    }

    fn end(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out)?;
        for (stage, name) in [
            ("report_to_frame", "report to frame"),
            ("durable", "durable"),
        ] {
            let of = |quantile| self.played.stages.get(stage)?.get(quantile)?.as_u64();
            if let (Some(p50), Some(p99)) = (of("p50"), of("p99"))
                && p99 > 0
            {
                writeln!(
                    out,
                    "latency     {name}: median {p50} us, p99 {p99} us of wall time"
                )?;
            }
        }
        let how = match self.figures {
            Some(_) => "acknowledged calls not in the journal",
            None => "acknowledged calls the daemon does not show; its journal was not read",
        };
        writeln!(out, "lost        {} ({how})", self.lost)?;
        if let Some(figures) = self.figures {
            let silent = figures.silent_past_limit;
            writeln!(
                out,
                "silent      {silent} (rungs past their limit without a word)"
            )?;
        }
        if let Some(dir) = self.options.keep.as_deref() {
            let dir = dir.display();
            writeln!(out, "journal     {dir}: `tieqi journal verify {dir}`")?;
        }
        Ok(())
    }
}
