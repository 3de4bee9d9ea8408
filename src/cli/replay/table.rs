//! A table of real calls, read by the column map of the config. What cannot be read is told with
//! line and column; nothing is guessed and nothing left out in silence.
//!
//! It works on bytes handed in and imports nothing.

use crate::config::{Column, Columns, Replay};
use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::fmt;
use std::io::Read;
use std::path::Path;

/// Largest table, bytes, unpacked: ten years of a large city.
const BYTES_MAX: u64 = 1 << 30;
/// Most rows.
const ROWS_MAX: u64 = 20_000_000;
/// Faults kept; more are only counted.
const FAULTS_KEPT: usize = 20;
/// What a gzipped file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Where a call was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Location {
    /// Latitude and longitude, WGS-84.
    At(f64, f64),
    /// The row says nothing.
    Missing,
    /// Outside the box, so a wrong geocode.
    Outside,
}

/// One call of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Line it begins on, from 1.
    pub(super) line: u64,
    /// The source's own number of it.
    pub(super) id: Option<String>,
    /// When it came in.
    pub(super) at: Timestamp,
    /// Where, in words; may be empty.
    pub(super) place: String,
    /// Where.
    pub(super) location: Location,
    /// What kind, in the source's words.
    pub(super) nature: String,
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line, from 1.
    pub(super) line: u64,
    /// Column as the config names it; empty when the whole row is meant.
    pub(super) column: String,
    /// Why.
    pub(super) text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// All rows in the file's order.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Rows that could be read.
    pub(super) rows: Vec<Row>,
    /// Rows there are.
    pub(super) read: u64,
    /// Rows that could not be read.
    pub(super) bad: u64,
    /// The first of their faults.
    pub(super) faults: Vec<Fault>,
    /// Rows earlier than the row before.
    pub(super) inversions: u64,
    /// Local times there were twice, in the night the clocks go back; the first one is taken.
    pub(super) ambiguous: u64,
}

/// The bytes of a file, unpacked if it is gzipped.
///
/// # Errors
/// When it cannot be read or is larger than 1 GiB.
pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let failed = || format!("failed to read {}", path.display());
    let capped = |reader: &mut dyn Read| -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= BYTES_MAX => Ok(bytes),
            _ => bail!("it is larger than {} MiB", BYTES_MAX >> 20),
        }
    };
    let mut file = std::fs::File::open(path).with_context(failed)?;
    let bytes = capped(&mut file).with_context(failed)?;
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    capped(&mut flate2::read::MultiGzDecoder::new(bytes.as_slice())).with_context(failed)
}

/// Reads a table.
///
/// # Errors
/// When the header lacks a column, or there is nothing in it: then no row means anything.
pub(super) fn read(bytes: &[u8], map: &Replay, zone: &TimeZone) -> Result<Table, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(map.delimiter)
        .from_reader(bytes);
    let mut lines = Lines {
        bytes,
        at: 0,
        line: 1,
    };
    let mut record = csv::ByteRecord::new();
    let whole = |line, text: &str| Fault {
        line,
        column: String::new(),
        text: text.to_owned(),
    };
    let places = match map.header {
        false => Places::numbered(&map.columns),
        true => match reader.read_byte_record(&mut record) {
            Ok(true) => Places::named(&map.columns, &record)?,
            Ok(false) => return Err(whole(1, "the file is empty")),
            Err(error) => return Err(whole(1, &error.to_string())),
        },
    };
    let reading = Reading { map, zone, places };
    let mut table = Table::default();
    let mut before = Timestamp::MIN;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(whole(lines.line, &error.to_string())),
        }
        table.read += 1;
        if table.read > ROWS_MAX {
            return Err(whole(lines.line, "there are more than 20,000,000 rows"));
        }
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        match reading.row(line, &record) {
            Ok((row, ambiguous)) => {
                table.inversions += u64::from(row.at < before);
                table.ambiguous += u64::from(ambiguous);
                before = row.at;
                table.rows.push(row);
            }
            Err(fault) => {
                table.bad += 1;
                if table.faults.len() < FAULTS_KEPT {
                    table.faults.push(fault);
                }
            }
        }
    }
    match table.read {
        0 => Err(whole(lines.line, "there are no rows")),
        _ => Ok(table),
    }
}

/// Counts lines as the reader goes on: its own count is off after blank ones.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first byte at or after `byte` that does not end a line.
    fn of(&mut self, byte: u64) -> u64 {
        let to = usize::try_from(byte).unwrap_or(usize::MAX);
        let is_end = |at: usize| matches!(self.bytes.get(at), Some(b'\r' | b'\n'));
        let mut to = to.max(self.at);
        while is_end(to) {
            to += 1;
        }
        let passed = self.bytes.get(self.at..to).unwrap_or_default();
        let ends = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line += u64::try_from(ends).unwrap_or(0);
        self.at = to;
        self.line
    }
}

/// A column with its place in the rows, from 0.
struct Place {
    at: usize,
    /// As faults name it.
    name: String,
}

/// Where each value stands in the rows of this file.
struct Places {
    id: Option<Place>,
    time: Place,
    place: Place,
    lat: Place,
    lon: Place,
    nature: Place,
    /// Fields of a row, where a header says how many there are.
    fields: Option<usize>,
}

impl Places {
    fn numbered(columns: &Columns) -> Self {
        let place = |column: &Column, what: &str| match column {
            Column::Number(number) => Place {
                at: number.saturating_sub(1),
                name: format!("{number} ({what})"),
            },
            // The config's check lets no name through where there is no header.
            Column::Named(name) => Place {
                at: usize::MAX,
                name: name.clone(),
            },
        };
        Self {
            id: columns.id.as_ref().map(|id| place(id, "id")),
            time: place(&columns.time, "time"),
            place: place(&columns.place, "place"),
            lat: place(&columns.lat, "lat"),
            lon: place(&columns.lon, "lon"),
            nature: place(&columns.nature, "nature"),
            fields: None,
        }
    }

    fn named(columns: &Columns, header: &csv::ByteRecord) -> Result<Self, Fault> {
        let mut names = Vec::new();
        for (at, field) in header.iter().enumerate() {
            names.push(text(1, &format!("{}", at + 1), field)?);
        }
        let place = |column: &Column| {
            let Column::Named(name) = column else {
                return Err(missing("", &names));
            };
            let at = names.iter().position(|known| known == name);
            let at = at.ok_or_else(|| missing(name, &names))?;
            let name = format!("`{name}`");
            Ok(Place { at, name })
        };
        Ok(Self {
            id: columns.id.as_ref().map(place).transpose()?,
            time: place(&columns.time)?,
            place: place(&columns.place)?,
            lat: place(&columns.lat)?,
            lon: place(&columns.lon)?,
            nature: place(&columns.nature)?,
            fields: Some(names.len()),
        })
    }
}

fn missing(name: &str, names: &[&str]) -> Fault {
    let there = names.join(", ");
    Fault {
        line: 1,
        column: format!("`{name}`"),
        text: format!("the header has no such column; it has {there}"),
    }
}

fn text<'r>(line: u64, column: &str, field: &'r [u8]) -> Result<&'r str, Fault> {
    let text = std::str::from_utf8(field).map_err(|error| Fault {
        line,
        column: column.to_owned(),
        text: format!(
            "is not UTF-8 at byte {} of the value; save the file as UTF-8",
            error.valid_up_to() + 1
        ),
    })?;
    Ok(text.trim())
}

/// What rows are read by.
struct Reading<'a> {
    map: &'a Replay,
    zone: &'a TimeZone,
    places: Places,
}

impl Reading<'_> {
    /// A row, and whether its local time was there twice.
    fn row(&self, line: u64, record: &csv::ByteRecord) -> Result<(Row, bool), Fault> {
        let places = &self.places;
        if let Some(fields) = places.fields.filter(|fields| *fields != record.len()) {
            return Err(Fault {
                line,
                column: String::new(),
                text: format!("the row has {} fields, the header {fields}", record.len()),
            });
        }
        let value = |place: &Place| {
            let field = record.get(place.at).ok_or_else(|| Fault {
                line,
                column: place.name.clone(),
                text: format!("the row has only {} fields", record.len()),
            })?;
            text(line, &place.name, field)
        };
        let (at, ambiguous) = self.time(value(&places.time)?).map_err(|text| Fault {
            line,
            column: places.time.name.clone(),
            text,
        })?;
        let degrees = |place: &Place| {
            let text = value(place)?;
            if text.is_empty() {
                return Ok(None);
            }
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Some).ok_or_else(|| Fault {
                line,
                column: place.name.clone(),
                text: format!("`{text}` is no number of degrees"),
            })
        };
        let id = places.id.as_ref().map(value).transpose()?;
        let row = Row {
            line,
            id: id.filter(|id| !id.is_empty()).map(str::to_owned),
            at,
            place: value(&places.place)?.to_owned(),
            location: self.location(degrees(&places.lat)?, degrees(&places.lon)?),
            nature: value(&places.nature)?.to_owned(),
        };
        Ok((row, ambiguous))
    }

    /// A local time is one moment, two in the night the clocks go back, or none when they go
    /// forward. A time with an offset of its own is always one.
    fn time(&self, text: &str) -> Result<(Timestamp, bool), String> {
        let format = &self.map.time_format;
        let wrong = |error: jiff::Error| format!("`{text}` is no time like `{format}`: {error}");
        let parts = BrokenDownTime::parse(format, text).map_err(wrong)?;
        if parts.offset().is_some() {
            return parts.to_timestamp().map(|at| (at, false)).map_err(wrong);
        }
        let local = parts.to_datetime().map_err(wrong)?;
        let moment = self.zone.to_ambiguous_timestamp(local);
        let twice = match moment.offset() {
            AmbiguousOffset::Unambiguous { .. } => false,
            AmbiguousOffset::Fold { .. } => true,
            AmbiguousOffset::Gap { .. } => {
                return Err(format!("`{text}` is skipped when the clocks go forward"));
            }
        };
        moment.earlier().map(|at| (at, twice)).map_err(wrong)
    }

    fn location(&self, lat: Option<f64>, lon: Option<f64>) -> Location {
        let (Some(lat), Some(lon)) = (lat, lon) else {
            return Location::Missing;
        };
        match self.map.datum.to_wgs84(lat, lon) {
            Ok(at) if self.map.bounds.contain(at.lat(), at.lon()) => {
                Location::At(at.lat(), at.lon())
            }
            _ => Location::Outside,
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
