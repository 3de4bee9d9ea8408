//! Answers from the archive. They are JSON text: rows hold it as consoles see it.
//!
//! Words are found by reading: an answer looks at no more than [`MAX_LOOKED_AT`] rows and then
//! says where to go on. Words in Chinese need no index that way, and a search over a year of a town
//! is a few pages.

use super::store::{CallRow, Index, Row, Store, StoreError};
use crate::daemon::archive::{Ask, CallFilter, Cursor, Filter, Span, Status};
use crate::daemon::view::{Named, to_json};
use crate::engine::id::{CallId, IncidentId};
use serde_json::json;
use std::ops::Range;

/// Rows one answer looks at.
const MAX_LOOKED_AT: usize = 20_000;
/// Bytes of one page.
const MAX_PAGE_BYTES: usize = 256 * 1024;

/// Answers a question: JSON text, or why not. `wanted` is what the asker knows to have happened.
pub(super) fn answer(
    store: Option<&Store>,
    status: &Status,
    ask: &Ask,
    wanted: u64,
) -> Result<String, String> {
    let note = to_json(&status.note(wanted));
    match (ask, store) {
        (Ask::List(filter), Some(store)) => {
            let page = list(store, filter).map_err(|error| error.to_string())?;
            Ok(page.text("incidents", &note))
        }
        (Ask::Calls(filter), Some(store)) => {
            let page = list_calls(store, filter).map_err(|error| error.to_string())?;
            Ok(page.text("calls", &note))
        }
        (Ask::List(_), None) => Ok(Page::default().text("incidents", &note)),
        (Ask::Calls(_), None) => Ok(Page::default().text("calls", &note)),
        (Ask::Get(id), Some(store)) => {
            let found = get(store, *id, &note).map_err(|error| error.to_string())?;
            found.ok_or_else(|| match status.has(wanted) && !status.gap {
                true => format!("there is no incident {id}"),
                false => format!("incident {id} is not in the archive yet"),
            })
        }
        (Ask::Get(id), None) => Err(format!(
            "incident {id} is in the archive, which is not there"
        )),
    }
}

/// What one answer holds of a list.
#[derive(Default)]
struct Page {
    items: Vec<String>,
    /// The last one looked at, when there may be more behind it.
    next: Option<Cursor>,
}

impl Page {
    fn text(&self, of: &str, note: &str) -> String {
        let items = self.items.join(",");
        let next = json!(self.next.map(|(time, number)| format!("{time}-{number}")));
        format!(r#"{{"{of}":[{items}],"next":{next},"archive":{note}}}"#)
    }

    /// The only one there is, or none.
    fn of(item: Option<String>) -> Self {
        let items = item.into_iter().collect();
        Self { items, next: None }
    }

    /// What `find` makes of the numbers of an index, newest first.
    fn read(
        store: &Store,
        index: Index<'_>,
        span: &Span,
        find: impl Fn(u32) -> Result<Option<String>, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut page = Self::default();
        let inside = bounds(span);
        if inside.is_empty() {
            return Ok(page);
        }
        let (mut looked_at, mut bytes, mut full) = (0, 0, false);
        store.visit(index, inside, |cursor| {
            looked_at += 1;
            page.next = Some(cursor);
            if let Some(item) = find(cursor.1)? {
                bytes += item.len();
                page.items.push(item);
            }
            full = page.items.len() >= span.limit
                || looked_at >= MAX_LOOKED_AT
                || bytes >= MAX_PAGE_BYTES;
            Ok(!full)
        })?;
        page.next = page.next.filter(|_| full);
        Ok(page)
    }
}

/// From where on, and where it ends.
fn bounds(span: &Span) -> Range<Cursor> {
    let until = span.to_ms.map_or((i64::MAX, u32::MAX), |to_ms| (to_ms, 0));
    let end = span.cursor.map_or(until, |cursor| cursor.min(until));
    (span.from_ms.unwrap_or(i64::MIN), 0)..end
}

fn list(store: &Store, filter: &Filter) -> Result<Page, StoreError> {
    let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let inside = bounds(&filter.span);
    let find = |number| {
        let found = store.row(IncidentId(number), |row| {
            let inside = inside.contains(&(row.reported_ms, number));
            (inside && fits(&row, filter, &words)).then(|| row.summary.to_owned())
        })?;
        Ok(found.flatten())
    };
    if let Some(id) = filter.incident {
        let found = find(id.0)?.filter(|summary| has_unit(summary, filter));
        return Ok(Page::of(found));
    }
    let unit = filter.unit.as_deref();
    let index = unit.map_or(Index::Incidents, Index::OfUnit);
    Page::read(store, index, &filter.span, find)
}

fn list_calls(store: &Store, filter: &CallFilter) -> Result<Page, StoreError> {
    let inside = bounds(&filter.span);
    let find = |number| {
        let found = store.call(CallId(number), |row| {
            let inside = inside.contains(&(row.arrived_ms, number));
            (inside && call_fits(&row, filter)).then(|| row.summary.to_owned())
        })?;
        Ok(found.flatten())
    };
    if let Some(id) = filter.call {
        return Ok(Page::of(find(id.0)?));
    }
    let caller = filter.caller.as_deref();
    let index = caller.map_or(Index::Calls, Index::OfCaller);
    Page::read(store, index, &filter.span, find)
}

fn call_fits(row: &CallRow<'_>, filter: &CallFilter) -> bool {
    filter
        .caller
        .as_deref()
        .is_none_or(|caller| row.caller == caller)
        && filter.phase.is_none_or(|phase| row.phase == phase.name())
        && (filter.invalid).is_none_or(|kind| row.invalid == kind.name())
        && !(filter.without_incident && row.attached)
}

fn fits(row: &Row<'_>, filter: &Filter, words: &[&str]) -> bool {
    filter.grade.is_none_or(|grade| row.grade == grade.name())
        && filter
            .category
            .as_deref()
            .is_none_or(|category| row.category == category)
        && (filter.areas.iter()).all(|area| row.point.is_some_and(|point| area.holds(point)))
        && words.iter().all(|word| row.words.contains(word))
}

/// Asked by number, the unit is looked for in the row itself.
fn has_unit(summary: &str, filter: &Filter) -> bool {
    let Some(unit) = &filter.unit else {
        return true;
    };
    let summary: Option<serde_json::Value> = serde_json::from_str(summary).ok();
    let units = summary
        .as_ref()
        .and_then(|summary| summary["units"].as_array());
    units.is_some_and(|units| units.iter().any(|found| found == unit.as_str()))
}

fn get(store: &Store, id: IncidentId, note: &str) -> Result<Option<String>, StoreError> {
    let deliveries = store.deliveries(id)?.join(",");
    store.row(id, |row| {
        let Row {
            incident,
            assignments,
            calls,
            ..
        } = row;
        format!(r#"{{"incident":{incident},"assignments":{assignments},"calls":{calls},"#)
            + &format!(r#""durable":true,"deliveries":[{deliveries}],"archive":{note}}}"#)
    })
}
