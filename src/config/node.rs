//! A table of the TOML file while it is being checked.
//!
//! Every key a check asks for is remembered; when the table is dropped, keys nobody asked for are
//! faults that list the ones asked for. So a misspelt key is never silently a default, and the code
//! that reads a key is the one place that knows its name, its limits and its fallback. A missing
//! table behaves like one whose keys are all wrong, without a fault for each of them.

use super::fault::{Report, Source, Spot, Text};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Names of the grades as keys.
pub(super) const GRADES: [&str; 4] = ["I", "II", "III", "IV"];

pub(super) struct Node<'a> {
    pub(super) report: &'a Report,
    spot: Spot,
    /// `None` when the table is missing, which is already a fault.
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<String>>,
}

impl<'a> Node<'a> {
    /// The whole file; what is missing from it has no line.
    pub(super) fn root(report: &'a Report, source: &Arc<Source>, table: &'a DeTable<'a>) -> Self {
        Self::new(report, Spot::file(source), Some(table))
    }

    fn new(report: &'a Report, spot: Spot, table: Option<&'a DeTable<'a>>) -> Self {
        Self {
            report,
            spot,
            table,
            asked: RefCell::default(),
        }
    }

    /// Where the table begins.
    pub(super) fn here(&self) -> &Spot {
        &self.spot
    }

    /// Where a key's value stands, or the table when the key is missing.
    pub(super) fn spot(&self, key: &str) -> Spot {
        match self.peek(key) {
            Some(value) => self.at(key, value.span()),
            None => self.spot.clone(),
        }
    }

    /// A table that must be there.
    pub(super) fn section(&self, key: &str) -> Node<'a> {
        let value = self.required(key);
        self.as_table(key, value)
    }

    /// A table that may be missing.
    pub(super) fn section_opt(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value(key)?;
        Some(self.as_table(key, Some(value)))
    }

    /// The tables of `[[key]]`, at least one.
    pub(super) fn list(&self, key: &str) -> Vec<Node<'a>> {
        let Some(value) = self.required(key) else {
            return Vec::new();
        };
        if value.get_ref().as_array().is_some_and(|a| a.is_empty()) {
            self.report
                .fault(&self.at(key, value.span()), "at least one is needed");
        }
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list of tables");
            return Vec::new();
        };
        let name = |i: usize| format!("{key}[{i}]");
        array
            .iter()
            .enumerate()
            .map(|(i, v)| self.as_table(&name(i), Some(v)))
            .collect()
    }

    /// The tables under a table, each with its name: `[profile.NAME]`.
    pub(super) fn named(&self, key: &str) -> Vec<(String, Node<'a>)> {
        let section = self.section(key);
        let names: Vec<String> = section
            .table
            .into_iter()
            .flatten()
            .map(|(k, _)| k.get_ref().to_string())
            .collect();
        names
            .into_iter()
            .map(|name| (name.clone(), section.section(&name)))
            .collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<Text> {
        let value = self.required(key)?;
        self.as_text(key, value)
    }

    pub(super) fn text_opt(&self, key: &str) -> Option<Text> {
        let value = self.value(key)?;
        self.as_text(key, value)
    }

    /// Whether the table has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// A text that may be missing, with the spaces it has.
    pub(super) fn raw_text(&self, key: &str) -> Option<Text> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value, "a text");
            return None;
        };
        Some(Text {
            value: text.to_owned(),
            spot: self.at(key, value.span()),
        })
    }

    /// A list of at least one text; a single text counts as a list of one.
    pub(super) fn texts(&self, key: &str) -> Vec<Text> {
        let Some(value) = self.required(key) else {
            return Vec::new();
        };
        if value.get_ref().as_array().is_some_and(|a| a.is_empty()) {
            self.report
                .fault(&self.at(key, value.span()), "at least one is needed");
        }
        self.as_texts(key, value)
    }

    pub(super) fn texts_opt(&self, key: &str) -> Vec<Text> {
        self.value(key)
            .map_or_else(Vec::new, |value| self.as_texts(key, value))
    }

    /// A whole number within its limits; their lower end after a fault.
    pub(super) fn int(&self, key: &str, range: RangeInclusive<i64>) -> i64 {
        self.int_if(key, range.clone()).unwrap_or(*range.start())
    }

    /// The same for numbers that are compared with others, where a stand-in would make new faults.
    pub(super) fn int_if(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.required(key)?;
        self.as_int(key, value, range)
    }

    pub(super) fn int_or(&self, key: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        self.value(key).map_or(default, |value| {
            self.as_int(key, value, range).unwrap_or(default)
        })
    }

    /// A number of any kind within its limits; their lower end after a fault.
    pub(super) fn float(&self, key: &str, range: RangeInclusive<f64>) -> f64 {
        let Some(value) = self.required(key) else {
            return *range.start();
        };
        self.as_float(key, value, &range)
    }

    /// Exactly `N` numbers.
    pub(super) fn floats<const N: usize>(
        &self,
        key: &str,
        range: RangeInclusive<f64>,
    ) -> Option<[f64; N]> {
        let value = self.required(key)?;
        let items = value.get_ref().as_array().filter(|a| a.len() == N);
        let Some(items) = items else {
            self.wrong(key, value, &format!("a list of {N} numbers"));
            return None;
        };
        let mut out = [0.0; N];
        for (slot, item) in out.iter_mut().zip(items.iter()) {
            *slot = self.as_float(key, item, &range);
        }
        Some(out)
    }

    pub(super) fn flag_or(&self, key: &str, default: bool) -> bool {
        let Some(value) = self.value(key) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(key, value, "true or false");
            default
        })
    }

    /// One whole number for each grade, I to IV.
    pub(super) fn by_grade(&self, key: &str, range: RangeInclusive<i64>) -> [i64; 4] {
        let table = self.section(key);
        GRADES.map(|grade| table.int(grade, range.clone()))
    }

    /// The same for a key that may be left out.
    pub(super) fn by_grade_opt(&self, key: &str, range: RangeInclusive<i64>) -> Option<[i64; 4]> {
        self.value(key)?;
        Some(self.by_grade(key, range))
    }

    /// One of the names, whose meanings are given; `None` after a fault.
    pub(super) fn choice<T: Copy>(&self, key: &str, names: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.report.choice(&text, key, names)
    }

    fn peek(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|k| k == key) {
            asked.push(key.to_owned());
        }
        self.peek(key)
    }

    fn required(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.value(key);
        if value.is_none() && self.table.is_some() {
            self.report
                .fault(&self.spot, format!("the key `{key}` is missing"));
        }
        value
    }

    fn at(&self, key: &str, span: Range<usize>) -> Spot {
        let path = &self.spot.key;
        let dot = if path.is_empty() { "" } else { "." };
        let end = self
            .spot
            .source
            .text
            .get(span.clone())
            .and_then(|t| t.find('\n'));
        let span = span.start..end.map_or(span.end, |len| span.start + len);
        let key = format!("{path}{dot}{key}");
        Spot {
            source: self.spot.source.clone(),
            key,
            span: Some(span),
        }
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.report.fault(
            &self.at(key, value.span()),
            format!("{wanted} is needed, not {found}"),
        );
    }

    fn as_table(&self, key: &str, value: Option<&'a Spanned<DeValue<'a>>>) -> Node<'a> {
        let Some(value) = value else {
            return Self::new(self.report, self.spot.clone(), None);
        };
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(key, value, "a table");
        }
        Self::new(self.report, self.at(key, value.span()), table)
    }

    fn as_text(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value, "a text");
            return None;
        };
        let spot = self.at(key, value.span());
        if text.trim().is_empty() {
            self.report.fault(&spot, "must not be empty");
            return None;
        }
        Some(Text {
            value: text.trim().to_owned(),
            spot,
        })
    }

    fn as_texts(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Text> {
        match value.get_ref().as_array() {
            Some(items) => items
                .iter()
                .filter_map(|item| self.as_text(key, item))
                .collect(),
            None => self.as_text(key, value).into_iter().collect(),
        }
    }

    fn as_int(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let spot = self.at(key, value.span());
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong(key, value, "a whole number");
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => self.report.within(&spot, number, range),
            Err(e) => {
                self.report
                    .fault(&spot, format!("failed to read the number: {e}"));
                None
            }
        }
    }

    fn as_float(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<f64>,
    ) -> f64 {
        let text = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => {
                self.wrong(key, value, "a number");
                return *range.start();
            }
        };
        match text.parse::<f64>() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = (range.start(), range.end());
                let spot = self.at(key, value.span());
                self.report
                    .fault(&spot, format!("{text} is not in {low} to {high}"));
                *range.start()
            }
        }
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if asked.iter().any(|k| k == name) {
                continue;
            }
            let spot = self.at(name, key.span());
            self.report
                .unknown_at(&spot, "key", name, asked.iter().map(String::as_str));
        }
    }
}
