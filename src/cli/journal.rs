//! `tieqi journal verify | show | export`: reading a journal for a person or a program.
//!
//! Nothing here changes the journal or takes its lock, so a daemon may be running. What a payload
//! means is the caller's: it hands in a decoder. Findings and progress go to stderr, figures and
//! records to `out`.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::engine::event::Event;
use crate::journal::{
    self, Damage, FileDisk, Kind, Record, Repaired, Report, Stray, Torn, opened_wall_ms,
};

/// Segments from which on `verify` draws a progress bar: about a second's work.
const PROGRESS_FROM_SEGMENTS: usize = 16;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Checks every byte of the journal in `dir`; true if nothing at all is wrong. Prints a summary,
/// or with `json` one object on one line.
pub fn verify(dir: &Path, json: bool, out: &mut dyn Write) -> Result<bool> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{bar:40} segment {pos} of {len}, {eta} left")?;
    bar.set_style(style);
    let report = journal::verify(&mut disk(dir)?, |done, total| {
        if done == 0 && total >= PROGRESS_FROM_SEGMENTS {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(PROGRESS_EVERY);
        }
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if json {
        serde_json::to_writer(&mut *out, &Verified::of(&report))?;
        writeln!(out)?;
    } else {
        summarise(&report, out)?;
    }
    Ok(report.is_intact())
}

/// Prints the records numbered `range`, one a line, as people read them; `decode` turns the
/// payload of an event into text. True if nothing is wrong in the segments that were read.
pub fn show(
    dir: &Path,
    range: RangeInclusive<u64>,
    decode: impl Fn(&[u8]) -> String,
    out: &mut dyn Write,
) -> Result<bool> {
    let report = visit(dir, range, |record| {
        let text = match record.kind {
            Kind::EVENT => printable(&decode(record.payload)),
            Kind::OPENED => "opened".to_owned(),
            Kind::REPAIRED => "repaired: what followed was given up".to_owned(),
            Kind(kind) => format!("kind {kind}, {} bytes", record.payload.len()),
        };
        let Record {
            seq,
            time_ms,
            wall_ms,
            last,
            ..
        } = record;
        let end = if last { '.' } else { ',' };
        writeln!(
            out,
            "{seq:>10}{end} {} +{time_ms} ms  {text}",
            wall(wall_ms)
        )
    })?;
    complain(&report);
    Ok(report.is_intact())
}

/// Writes all records as JSON Lines; `decode` turns the payload of an event into JSON, anything
/// that is no JSON is written as a string. True if nothing is wrong.
pub fn export(dir: &Path, decode: impl Fn(&[u8]) -> String, out: &mut dyn Write) -> Result<bool> {
    let report = visit(dir, 1..=u64::MAX, |record| {
        let payload = match record.kind {
            Kind::EVENT => raw(decode(record.payload))?,
            Kind::OPENED => raw(format!("{:?}", opened_wall_ms(record.payload).unwrap_or(0)))?,
            _ => raw(record
                .payload
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect())?,
        };
        let Record {
            seq,
            batch,
            time_ms,
            wall_ms,
            kind,
            last,
            ..
        } = record;
        let wall = wall(wall_ms);
        let kind = kind_name(kind);
        let line = Line {
            seq,
            batch,
            last,
            time_ms,
            wall,
            kind,
            payload,
        };
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)
    })?;
    complain(&report);
    Ok(report.is_intact())
}

/// An event's payload as people read it.
#[must_use]
pub fn event_text(payload: &[u8]) -> String {
    match postcard::from_bytes::<Event>(payload) {
        Ok(event) => format!("{event:?}"),
        Err(error) => format!("unreadable: {error}"),
    }
}

/// An event's payload as JSON.
#[must_use]
pub fn event_json(payload: &[u8]) -> String {
    let event = postcard::from_bytes::<Event>(payload);
    let json = event
        .ok()
        .and_then(|event| serde_json::to_string(&event).ok());
    json.unwrap_or_else(|| event_text(payload))
}

/// One line of an export.
#[derive(Serialize)]
struct Line {
    seq: u64,
    batch: u64,
    last: bool,
    time_ms: u64,
    wall: String,
    kind: String,
    payload: Box<RawValue>,
}

/// The object `verify` prints.
#[derive(Serialize)]
struct Verified<'a> {
    intact: bool,
    segments: u64,
    batches: u64,
    records: u64,
    bytes: u64,
    last_seq: Option<u64>,
    chain_hash: Option<String>,
    torn: &'a [Torn],
    damage: &'a [Damage],
    stray: &'a [Stray],
    repaired: &'a [Repaired],
}

impl<'a> Verified<'a> {
    fn of(report: &'a Report) -> Self {
        Self {
            intact: report.is_intact(),
            segments: report.segments,
            batches: report.batches,
            records: report.records,
            bytes: report.bytes,
            last_seq: report.tip.map(|tip| tip.seq),
            chain_hash: report.tip.map(|tip| hex(&tip.digest)),
            torn: &report.torn,
            damage: &report.damage,
            stray: &report.stray,
            repaired: &report.repaired,
        }
    }
}

pub(super) fn disk(dir: &Path) -> Result<FileDisk> {
    ensure!(
        dir.is_dir(),
        "failed to read the journal: {} is no directory",
        dir.display()
    );
    let found = std::fs::read_dir(dir)
        .with_context(|| format!("failed to list {}", dir.display()))?
        .filter_map(Result::ok)
        .any(|entry| {
            entry
                .file_name()
                .to_str()
                .and_then(journal::segment_index)
                .is_some()
        });
    ensure!(
        found,
        "failed to read the journal: {} holds no segments",
        dir.display()
    );
    Ok(FileDisk::read_only(dir))
}

/// Visits records until writing one fails, whose error is returned.
fn visit(
    dir: &Path,
    range: RangeInclusive<u64>,
    mut write: impl FnMut(Record<'_>) -> io::Result<()>,
) -> Result<Report> {
    let mut written = Ok(());
    let report = journal::read(&mut disk(dir)?, *range.start(), *range.end(), |record| {
        if written.is_ok() {
            written = write(record);
        }
    })?;
    written.context("failed to write the records")?;
    Ok(report)
}

fn summarise(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Report {
        segments,
        batches,
        records,
        bytes,
        ..
    } = report;
    writeln!(
        out,
        "{records} records in {batches} batches, {bytes} bytes in {segments} segments"
    )?;
    if let Some(tip) = report.tip {
        let wall = wall(report.wall_ms);
        writeln!(
            out,
            "last record {} of {wall}, chain hash {}",
            tip.seq,
            hex(&tip.digest)
        )?;
    }
    for finding in findings(report) {
        writeln!(out, "{finding}")?;
    }
    writeln!(
        out,
        "{}",
        if report.is_intact() {
            "intact"
        } else {
            "NOT intact"
        }
    )
}

fn complain(report: &Report) {
    for finding in findings(report) {
        eprintln!("{finding}");
    }
}

fn findings(report: &Report) -> impl Iterator<Item = String> {
    let damage = report.damage.iter().map(ToString::to_string);
    let torn = report.torn.iter().map(ToString::to_string);
    let stray = report.stray.iter().map(ToString::to_string);
    let repaired = report.repaired.iter().map(ToString::to_string);
    damage.chain(torn).chain(stray).chain(repaired)
}

pub(super) fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::EVENT => "event".to_owned(),
        Kind::OPENED => "opened".to_owned(),
        Kind::REPAIRED => "repaired".to_owned(),
        Kind(kind) => kind.to_string(),
    }
}

fn raw(text: String) -> io::Result<Box<RawValue>> {
    let quoted = match RawValue::from_string(text.clone()) {
        // A line break between JSON tokens would break JSON Lines.
        Ok(value) if !text.contains(['\n', '\r']) => return Ok(value),
        _ => serde_json::to_string(&text)?,
    };
    Ok(RawValue::from_string(quoted)?)
}

/// Text without what would steer a terminal or turn its reading direction.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(char, '\u{2066}'..='\u{2069}');
        if char.is_control() || turns {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
}

pub(super) fn wall(wall_ms: i64) -> String {
    match Timestamp::from_millisecond(wall_ms) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => format!("{wall_ms} ms"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Disk as _, FIRST_RECORD_AT, Journal, Options, segment_name};

    const WALL_MS: i64 = 1_700_000_000_000;

    fn written(dir: &Path) {
        let options = Options {
            segment_bytes: 8192,
            ..Options::at(WALL_MS)
        };
        let disk = FileDisk::lock(dir).unwrap();
        let (mut journal, _) = Journal::open(disk, &options, |_| ()).unwrap();
        for (time_ms, texts) in [(1_500, ["{\"a\":1}", "灭火"]), (2_000, ["b\"\u{1b}", "c"])] {
            for text in texts {
                journal.push(Kind::EVENT, time_ms, text.as_bytes()).unwrap();
            }
            journal.commit().unwrap();
        }
    }

    fn text(payload: &[u8]) -> String {
        String::from_utf8_lossy(payload).into_owned()
    }

    #[test]
    fn verify_tells_figures_and_findings() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let mut out = Vec::new();
        assert!(verify(dir.path(), false, &mut out).unwrap());
        insta::assert_snapshot!(text(&out), @"
        5 records in 3 batches, 365 bytes in 1 segments
        last record 5 of 2023-11-14T22:13:22.000Z, chain hash baf1175de4ef6fccc36feb5f68ef3fd7726f0f6b1f536d2c4804d962817fcea5
        intact
        ");
        let mut disk = FileDisk::lock(dir.path()).unwrap();
        disk.write_at(&segment_name(1), FIRST_RECORD_AT as u64 + 90, b"?")
            .unwrap();
        let mut out = Vec::new();
        assert!(!verify(dir.path(), true, &mut out).unwrap());
        insta::assert_snapshot!(text(&out), @r#"{"intact":false,"segments":1,"batches":2,"records":3,"bytes":216,"last_seq":5,"chain_hash":"baf1175de4ef6fccc36feb5f68ef3fd7726f0f6b1f536d2c4804d962817fcea5","torn":[],"damage":[{"segment":1,"offset":4172,"seq":2,"resumes_at":4,"kind":"bad_record"}],"stray":[],"repaired":[]}"#);
    }

    #[test]
    fn show_prints_a_range() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let mut out = Vec::new();
        assert!(show(dir.path(), 2..=4, text, &mut out).unwrap());
        insta::assert_snapshot!(text(&out), @r#"
        2, 2023-11-14T22:13:21.500Z +1500 ms  {"a":1}
        3. 2023-11-14T22:13:21.500Z +1500 ms  灭火
        4, 2023-11-14T22:13:22.000Z +2000 ms  b"\u{1b}
        "#);
    }

    #[test]
    fn export_writes_json_lines() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let mut out = Vec::new();
        assert!(export(dir.path(), text, &mut out).unwrap());
        let out = text(&out);
        for line in out.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        insta::assert_snapshot!(out, @r#"
        {"seq":1,"batch":1,"last":true,"time_ms":0,"wall":"2023-11-14T22:13:20.000Z","kind":"opened","payload":1700000000000}
        {"seq":2,"batch":2,"last":false,"time_ms":1500,"wall":"2023-11-14T22:13:21.500Z","kind":"event","payload":{"a":1}}
        {"seq":3,"batch":2,"last":true,"time_ms":1500,"wall":"2023-11-14T22:13:21.500Z","kind":"event","payload":"灭火"}
        {"seq":4,"batch":4,"last":false,"time_ms":2000,"wall":"2023-11-14T22:13:22.000Z","kind":"event","payload":"b\"\u001b"}
        {"seq":5,"batch":4,"last":true,"time_ms":2000,"wall":"2023-11-14T22:13:22.000Z","kind":"event","payload":"c"}
        "#);
    }

    #[test]
    fn a_directory_without_a_journal_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(verify(dir.path(), false, &mut Vec::new()).is_err());
        assert!(verify(&dir.path().join("none"), false, &mut Vec::new()).is_err());
    }
}
