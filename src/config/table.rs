//! A CSV file of the config while it is being checked: rows whose columns are asked for by name.
//!
//! UTF-8 with or without a byte order mark, comma separated, a header line, as spreadsheets write
//! it. All values are texts here; the columns' meanings belong to the checks.

use super::fault::{Report, Source, Spot, Text};
use super::origin::Origin;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Most rows a table may have: units and terminals of a province.
pub(super) const ROWS_MAX: usize = 200_000;

/// One row.
pub(super) struct Row<'a> {
    report: &'a Report,
    source: Arc<Source>,
    columns: &'static [&'static str],
    /// In the order of `columns`; empty where the row is too short.
    fields: Vec<(String, Range<usize>)>,
}

/// The rows of a table, read one at a time: a province's table is never held as rows.
pub(super) struct Rows<'a> {
    report: &'a Report,
    source: &'a Arc<Source>,
    columns: &'static [&'static str],
    /// None when the header had a fault, or after the last row.
    records: Option<csv::StringRecordsIntoIter<&'a [u8]>>,
    /// Fields of the header, and where in it each column stands.
    header: usize,
    order: Vec<usize>,
    read: usize,
}

/// The rows of a table whose header must name exactly `columns`, in any order.
pub(super) fn rows<'a>(
    report: &'a Report,
    source: &'a Arc<Source>,
    columns: &'static [&'static str],
) -> Rows<'a> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(source.text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(e) => {
            let text = format!("failed to read the header: {e}");
            report.fault(&Spot::file(source), text);
            csv::StringRecord::new()
        }
    };
    let order = match header.is_empty() {
        true => None,
        false => order(report, source, &header, columns),
    };
    Rows {
        report,
        source,
        columns,
        records: order.is_some().then(|| reader.into_records()),
        header: header.len(),
        order: order.unwrap_or_default(),
        read: 0,
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        loop {
            let record = self.record()?;
            let start = record
                .position()
                .map_or(0, |p| usize::try_from(p.byte()).unwrap_or(0));
            let spans = spans(&self.source.text, start, record.len());
            if record.len() != self.header {
                self.refuse(record.len(), spans.first().cloned());
                continue;
            }
            let field = |at: &usize| {
                let text = record.get(*at).unwrap_or_default().to_owned();
                (text, spans.get(*at).cloned().unwrap_or(0..0))
            };
            return Some(Row {
                report: self.report,
                source: self.source.clone(),
                columns: self.columns,
                fields: self.order.iter().map(field).collect(),
            });
        }
    }
}

impl Rows<'_> {
    /// The next line, unless there are too many.
    fn record(&mut self) -> Option<csv::StringRecord> {
        let fault = match self.records.as_mut()?.next() {
            Some(Ok(record)) if self.read < ROWS_MAX => {
                self.read += 1;
                return Some(record);
            }
            Some(Ok(_)) => Some(format!("has more than {ROWS_MAX} rows")),
            Some(Err(e)) => Some(format!("failed to read a row: {e}")),
            None if self.read == 0 => Some("has no rows".to_owned()),
            None => None,
        };
        self.records = None;
        if let Some(text) = fault {
            self.report.fault(&Spot::file(self.source), text);
        }
        None
    }

    fn refuse(&self, found: usize, span: Option<Range<usize>>) {
        let spot = Spot {
            source: self.source.clone(),
            key: String::new(),
            span: Some(span.unwrap_or(0..0)),
        };
        let want = self.header;
        let text = format!("the row has {found} fields, the header {want}");
        self.report.fault(&spot, text);
    }
}

/// Where in the header each wanted column stands; `None` when one is missing.
fn order(
    report: &Report,
    source: &Arc<Source>,
    header: &csv::StringRecord,
    columns: &'static [&'static str],
) -> Option<Vec<usize>> {
    let spans = spans(&source.text, 0, header.len());
    let mut seen: Vec<&str> = Vec::new();
    for (name, span) in header.iter().zip(spans) {
        let spot = Spot {
            source: source.clone(),
            key: name.to_owned(),
            span: Some(span),
        };
        if !columns.contains(&name) {
            report.unknown_at(&spot, "column", name, columns.iter().copied());
        } else if seen.contains(&name) {
            report.fault(&spot, format!("the column `{name}` stands twice"));
        }
        seen.push(name);
    }
    let mut order = Vec::new();
    for column in columns {
        match header.iter().position(|name| name == *column) {
            Some(at) => order.push(at),
            None => {
                let spot = Spot {
                    span: Some(0..0),
                    ..Spot::file(source)
                };
                report.fault(&spot, format!("the column `{column}` is missing"));
            }
        }
    }
    (order.len() == columns.len()).then_some(order)
}

/// Bytes of each field of the row at `start`; of the whole line when quotes hide them.
fn spans(text: &str, start: usize, fields: usize) -> Vec<Range<usize>> {
    let rest = text.get(start..).unwrap_or_default();
    // The reader's position may stand on the line break before the row.
    let skip = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let start = start + skip;
    let line = rest
        .get(skip..)
        .unwrap_or_default()
        .split(['\r', '\n'])
        .next()
        .unwrap_or_default();
    if line.contains('"') {
        return vec![start..start + line.len(); fields];
    }
    let mut at = start;
    line.split(',')
        .map(|field| {
            let span = at..at + field.len();
            at = span.end + 1;
            span
        })
        .collect()
}

impl Row<'_> {
    /// Where a column's value stands.
    pub(super) fn spot(&self, column: &str) -> Spot {
        let span = self.field(column).map(|(_, span)| span.clone());
        Spot {
            source: self.source.clone(),
            key: column.to_owned(),
            span,
        }
    }

    pub(super) fn text(&self, column: &str) -> Option<Text> {
        let text = self.text_opt(column);
        if text.is_none() {
            self.report.fault(&self.spot(column), "must not be empty");
        }
        text
    }

    pub(super) fn text_opt(&self, column: &str) -> Option<Text> {
        let (value, _) = self.field(column).filter(|(value, _)| !value.is_empty())?;
        Some(Text {
            value: value.clone(),
            spot: self.spot(column),
        })
    }

    /// Values separated by spaces, maybe none.
    pub(super) fn words(&self, column: &str) -> Vec<Text> {
        let Some(text) = self.text_opt(column) else {
            return Vec::new();
        };
        let word = |w: &str| Text {
            value: w.to_owned(),
            spot: text.spot.clone(),
        };
        text.value.split_whitespace().map(word).collect()
    }

    pub(super) fn int(&self, column: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let text = self.text(column)?;
        as_int(self.report, &text, range)
    }

    pub(super) fn float(&self, column: &str) -> Option<f64> {
        let text = self.text(column)?;
        let number = text.value.parse::<f64>().ok();
        if number.is_none() {
            self.report
                .fault(&text.spot, format!("`{}` is not a number", text.value));
        }
        number
    }

    pub(super) fn choice<T: Copy>(&self, column: &str, names: &[(&str, T)]) -> Option<T> {
        let text = self.text(column)?;
        self.report.choice(&text, column, names)
    }

    /// The column every table has.
    pub(super) fn origin(&self) -> Origin {
        self.choice("origin", &Origin::NAMES)
            .unwrap_or(Origin::Sample)
    }

    fn field(&self, column: &str) -> Option<&(String, Range<usize>)> {
        let at = self.columns.iter().position(|c| *c == column)?;
        self.fields.get(at)
    }
}

/// A whole number within its limits; `None` after a fault.
pub(super) fn as_int(report: &Report, text: &Text, range: RangeInclusive<i64>) -> Option<i64> {
    match text.value.parse::<i64>() {
        Ok(number) => report.within(&text.spot, number, range),
        Err(_) => {
            report.fault(
                &text.spot,
                format!("`{}` is not a whole number", text.value),
            );
            None
        }
    }
}

/// What a table gave, and the keys of all its rows: a reference to a row that had a fault of its
/// own is not reported as unknown too.
pub(super) struct Checked<T> {
    pub(super) rows: T,
    pub(super) keys: Keys,
}

impl<T: Default> Default for Checked<T> {
    fn default() -> Self {
        Self {
            rows: T::default(),
            keys: Keys::default(),
        }
    }
}

impl<T> Checked<T> {
    /// Reports a name that no row has, faulty or not.
    pub(super) fn unknown<'n>(
        &self,
        report: &Report,
        text: &Text,
        what: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        // A table that could not be read has its own fault and no keys.
        if !self.keys.0.is_empty() && !self.keys.0.contains_key(text.value.as_str()) {
            report.unknown(text, what, known);
        }
    }
}

/// Keys already taken, and where: the file and the byte.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<Box<str>, (Arc<Source>, usize)>);

impl Keys {
    /// Takes a key; a second taker is a fault that names the first.
    pub(super) fn claim(&mut self, report: &Report, key: Option<&Text>, what: &str) {
        let Some(key) = key else { return };
        if let Some((source, start)) = self.0.get(key.value.as_str()) {
            let before = source.text.get(..*start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let (value, file) = (&key.value, &source.name);
            report.fault(
                &key.spot,
                format!("{what} `{value}` stands twice, first at {file}:{line}"),
            );
            return;
        }
        let start = key.spot.span.as_ref().map_or(0, |span| span.start);
        let first = (key.spot.source.clone(), start);
        self.0.insert(key.value.as_str().into(), first);
    }
}

/// Texts that many rows have, each held once.
#[derive(Default)]
pub(super) struct Shared(BTreeSet<Arc<str>>);

impl Shared {
    /// The one copy of a text.
    pub(super) fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(held) = self.0.get(text) {
            return held.clone();
        }
        let held: Arc<str> = text.into();
        self.0.insert(held.clone());
        held
    }
}
