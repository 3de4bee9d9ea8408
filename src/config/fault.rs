//! What is wrong with a config: where, what, and which names would have been right.
//!
//! Checks never stop at the first fault; they write into a [`Report`] and go on with a stand-in.
//! Nothing here decides what is a fault.

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use serde::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Names listed after "known:" before the rest is counted.
const KNOWN_SHOWN: usize = 20;
/// Names kept with a fault, and names compared for the best likeness.
const KNOWN_KEPT: usize = 40;
const KNOWN_COMPARED: usize = 10_000;
/// Least likeness (Jaro-Winkler) of a name offered as "did you mean".
const LIKENESS: f64 = 0.8;
/// Faults kept; a wrong separator in a large table would otherwise print a book.
const FAULTS_KEPT: usize = 200;

/// One thing wrong, or worth a look, in one file of the config.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    /// The file as the config names it.
    pub file: String,
    /// Dotted key in TOML, column name in CSV; empty for the whole file.
    pub key: String,
    /// Line, from 1; 0 when it concerns the whole file.
    pub line: usize,
    /// Column in characters, from 1; 0 when it concerns the whole file.
    pub column: usize,
    /// What is wrong, in words.
    pub text: String,
    /// Names that would have been accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// The accepted name most like the one given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    #[serde(skip)]
    warning: bool,
    #[serde(skip)]
    span: Range<usize>,
    #[serde(skip)]
    source: Arc<NamedSource<Arc<str>>>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn severity(&self) -> Option<Severity> {
        Some(if self.warning {
            Severity::Warning
        } else {
            Severity::Error
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let mut parts = Vec::new();
        if let Some(name) = &self.did_you_mean {
            parts.push(format!("did you mean `{name}`?"));
        }
        if !self.known.is_empty() {
            let shown = self
                .known
                .iter()
                .take(KNOWN_SHOWN)
                .cloned()
                .collect::<Vec<_>>();
            let more = self.known.len().saturating_sub(KNOWN_SHOWN);
            let tail = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            parts.push(format!("known: {}{tail}", shown.join(", ")));
        }
        (!parts.is_empty()).then(|| Box::new(parts.join(" ")) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.line > 0).then_some(&*self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.span.clone());
        (self.line > 0).then(|| Box::new(std::iter::once(label)) as Box<_>)
    }
}

/// Everything wrong with a config, at once.
#[derive(Debug, Clone, Serialize)]
pub struct Faults {
    /// What keeps the config from being used.
    pub faults: Vec<Fault>,
    /// What is only worth a look.
    pub warnings: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => write!(f, "failed to load the config: 1 fault"),
            many => write!(f, "failed to load the config: {many} faults"),
        }
    }
}

impl std::error::Error for Faults {}

impl Diagnostic for Faults {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.faults.iter().map(|f| f as &dyn Diagnostic)))
    }
}

/// A file of the config, read and decoded.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
    named: Arc<NamedSource<Arc<str>>>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Arc<Self> {
        let text: Arc<str> = text.into();
        let named = Arc::new(NamedSource::new(name, text.clone()));
        Arc::new(Self {
            name: name.to_owned(),
            text,
            named,
        })
    }
}

/// A place in a file that a fault can point at.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) source: Arc<Source>,
    pub(super) key: String,
    /// Bytes; `None` is the whole file.
    pub(super) span: Option<Range<usize>>,
}

impl Spot {
    /// The whole of a file.
    pub(super) fn file(source: &Arc<Source>) -> Self {
        Self {
            source: source.clone(),
            key: String::new(),
            span: None,
        }
    }
}

/// A text of the config and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) spot: Spot,
}

/// What stands in for a text whose absence is a fault already: rows go on being checked, and
/// references to them stay known.
pub(super) fn or_blank(text: Option<Text>) -> String {
    text.map_or(String::new(), |text| text.value)
}

/// Collects faults and warnings while the checks go on.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Fault>>,
}

impl Report {
    pub(super) fn fault(&self, spot: &Spot, text: impl Into<String>) {
        self.add(make(spot, text.into(), false));
    }

    pub(super) fn warn(&self, spot: &Spot, text: impl Into<String>) {
        self.add(make(spot, text.into(), true));
    }

    /// A name that stands for nothing.
    pub(super) fn unknown<'n>(
        &self,
        text: &Text,
        what: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        self.unknown_at(&text.spot, what, &text.value, known);
    }

    pub(super) fn unknown_at<'n>(
        &self,
        spot: &Spot,
        what: &str,
        value: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        if self.faults.borrow().len() >= FAULTS_KEPT {
            return;
        }
        let mut fault = make(spot, format!("unknown {what} `{value}`"), false);
        let names: Vec<&str> = known.into_iter().take(KNOWN_COMPARED).collect();
        let best = names
            .iter()
            .map(|name| (strsim::jaro_winkler(name, value), *name))
            .filter(|(like, _)| *like >= LIKENESS)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        fault.did_you_mean = best.map(|(_, name)| name.to_owned());
        fault.known = names
            .into_iter()
            .take(KNOWN_KEPT)
            .map(str::to_owned)
            .collect();
        self.add(fault);
    }

    /// The number when it lies in the range; `None` after a fault.
    pub(super) fn within(
        &self,
        spot: &Spot,
        value: i64,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        if range.contains(&value) {
            return Some(value);
        }
        self.fault(
            spot,
            format!("{value} is not in {} to {}", range.start(), range.end()),
        );
        None
    }

    /// The meaning of a name.
    pub(super) fn choice<T: Copy>(
        &self,
        text: &Text,
        what: &str,
        names: &[(&str, T)],
    ) -> Option<T> {
        let found = names
            .iter()
            .find(|(name, _)| *name == text.value)
            .map(|(_, v)| *v);
        if found.is_none() {
            self.unknown(text, what, names.iter().map(|(name, _)| *name));
        }
        found
    }

    pub(super) fn clean(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    pub(super) fn into_faults(self) -> Faults {
        let sorted = |mut list: Vec<Fault>| {
            list.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
            list
        };
        Faults {
            faults: sorted(self.faults.into_inner()),
            warnings: sorted(self.warnings.into_inner()),
        }
    }

    fn add(&self, fault: Fault) {
        let list = if fault.warning {
            &self.warnings
        } else {
            &self.faults
        };
        let mut list = list.borrow_mut();
        if list.len() < FAULTS_KEPT {
            list.push(fault);
        }
    }
}

fn make(spot: &Spot, text: String, warning: bool) -> Fault {
    let (line, column) = spot
        .span
        .as_ref()
        .map_or((0, 0), |s| place(&spot.source.text, s.start));
    Fault {
        file: spot.source.name.clone(),
        key: spot.key.clone(),
        line,
        column,
        text,
        known: Vec::new(),
        did_you_mean: None,
        warning,
        span: spot.span.clone().unwrap_or(0..0),
        source: spot.source.named.clone(),
    }
}

/// Line and column in characters, from 1, of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}
