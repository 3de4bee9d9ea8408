//! Answers from the archive. They are JSON text: rows hold it as consoles see it.
//!
//! Words are found by reading: an answer looks at no more than [`MAX_LOOKED_AT`] incidents and then
//! says where to go on. Words in Chinese need no index that way, and a search over a year of a town
//! is a few pages.

use super::store::{Row, Store, StoreError};
use crate::daemon::archive::{Ask, Cursor, Filter, Status};
use crate::daemon::view::{Named, to_json};
use crate::engine::id::IncidentId;
use serde_json::json;

/// Incidents one answer looks at.
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
            Ok(page.text(&note))
        }
        (Ask::List(_), None) => Ok(Page::default().text(&note)),
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

#[derive(Default)]
struct Page {
    incidents: Vec<String>,
    /// The last incident looked at, when there may be more behind it.
    next: Option<Cursor>,
}

impl Page {
    fn text(&self, note: &str) -> String {
        let incidents = self.incidents.join(",");
        let next = json!(self.next.map(|(time, number)| format!("{time}-{number}")));
        format!(r#"{{"incidents":[{incidents}],"next":{next},"archive":{note}}}"#)
    }
}

fn list(store: &Store, filter: &Filter) -> Result<Page, StoreError> {
    let words: Vec<String> = match &filter.text {
        Some(text) => text
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        None => Vec::new(),
    };
    let from_ms = filter.from_ms.unwrap_or(i64::MIN);
    let until = filter
        .to_ms
        .map_or((i64::MAX, u32::MAX), |to_ms| (to_ms, 0));
    let end = filter.cursor.map_or(until, |cursor| cursor.min(until));
    let mut page = Page::default();
    if let Some(id) = filter.incident {
        let found = store.row(id, |row| {
            let inside = (from_ms..end.0).contains(&row.reported_ms);
            (inside && fits(&row, filter, &words)).then(|| row.summary.to_owned())
        })?;
        let of_unit = found.flatten().filter(|summary| has_unit(summary, filter));
        page.incidents.extend(of_unit);
        return Ok(page);
    }
    if end <= (from_ms, 0) {
        return Ok(page);
    }
    let (mut looked_at, mut bytes) = (0, 0);
    store.visit(filter.unit.as_deref(), from_ms, end, |cursor| {
        if page.incidents.len() >= filter.limit
            || looked_at >= MAX_LOOKED_AT
            || bytes >= MAX_PAGE_BYTES
        {
            return Ok(false);
        }
        looked_at += 1;
        page.next = Some(cursor);
        let found = store.row(IncidentId(cursor.1), |row| {
            fits(&row, filter, &words).then(|| row.summary.to_owned())
        })?;
        if let Some(summary) = found.flatten() {
            bytes += summary.len();
            page.incidents.push(summary);
        }
        Ok(true)
    })?;
    let stopped = page.incidents.len() >= filter.limit
        || looked_at >= MAX_LOOKED_AT
        || bytes >= MAX_PAGE_BYTES;
    page.next = page.next.filter(|_| stopped);
    Ok(page)
}

fn fits(row: &Row<'_>, filter: &Filter, words: &[String]) -> bool {
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
