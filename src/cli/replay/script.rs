//! Rows become calls: which are no calls at all, which lie outside the hours asked for, in what
//! order they are told, and what is said of each.

use super::table::{Location, Row, Table};
use crate::config::Replay;
use crate::engine::policy::Grade;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// Stands for a place nobody wrote down.
const NO_PLACE: &str = "地点不明 (no place given)";
/// Bytes of the table's hash that go into keys.
const HASH_CHARS: usize = 16;

/// One report to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// When it came in.
    pub(super) at: Timestamp,
    /// Parameters of `incident.report`.
    pub(super) params: Value,
}

/// What became of the rows before anything was reported.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Rows of the table.
    pub(super) read: u64,
    /// Rows that cannot be read, left out by `--skip-bad`.
    pub(super) bad_rows: u64,
    /// Rows outside `--from` and `--to`.
    pub(super) outside_window: u64,
    /// What officers do by themselves.
    pub(super) ignored: u64,
    /// Calls without a usable position; they are reported without one.
    pub(super) without_location: u64,
    /// Of them, those with a position outside the box.
    pub(super) outside_box: u64,
    /// Calls of a nature nobody listed; they are reported without a category.
    pub(super) unclassified: u64,
    /// Rows of the table earlier than the row before.
    pub(super) inversions: u64,
    /// Local times there were twice; the first one was taken.
    pub(super) ambiguous_times: u64,
}

/// From the first moment on, and before the second.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Window {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Window {
    fn has(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// The calls in the order of their times, rows of one moment in the table's order.
pub(super) fn script(
    table: Table,
    bytes: &[u8],
    map: &Replay,
    window: Window,
) -> (Vec<Call>, Counts) {
    let mut counts = Counts {
        read: table.read,
        bad_rows: table.bad,
        inversions: table.inversions,
        ambiguous_times: table.ambiguous,
        ..Counts::default()
    };
    // The same row of the same table has the same key: told again, it makes no second incident.
    let hash = blake3::hash(bytes).to_hex();
    let hash = hash.get(..HASH_CHARS).unwrap_or_default();
    let mut rows = table.rows;
    rows.sort_by_key(|row| (row.at, row.line));
    let mut calls = Vec::new();
    for row in rows {
        if !window.has(row.at) {
            counts.outside_window += 1;
            continue;
        }
        let category = match map.meaning(&row.nature) {
            Some(meaning) if meaning.category.is_none() => {
                counts.ignored += 1;
                continue;
            }
            Some(meaning) => meaning.category.as_ref(),
            None => {
                counts.unclassified += 1;
                None
            }
        };
        counts.without_location += u64::from(!matches!(row.location, Location::At(..)));
        counts.outside_box += u64::from(row.location == Location::Outside);
        let params = params(&row, hash, map.source, category);
        calls.push(Call { at: row.at, params });
    }
    (calls, counts)
}

fn params(
    row: &Row,
    hash: &str,
    source: &str,
    category: Option<&(String, Option<Grade>)>,
) -> Value {
    let id = row.id.as_deref().map(|id| format!(" [{id}]"));
    let place = match row.place.as_str() {
        "" => NO_PLACE,
        place => place,
    };
    let mut params = json!({
        "key": format!("replay-{hash}-{}", row.line),
        "source": source,
        "place": place,
        "text": format!("{}{}", row.nature, id.unwrap_or_default()),
        "occurred_at": row.at.to_string(),
    });
    let mut add = |name: &str, value: Value| {
        if let Some(params) = params.as_object_mut() {
            params.insert(name.to_owned(), value);
        }
    };
    if let Location::At(lat, lon) = row.location {
        add(
            "position",
            json!({ "lat": lat, "lon": lon, "datum": "wgs84" }),
        );
    }
    if let Some((category, grade)) = category {
        add("category", json!(category));
        if let Some(grade) = grade {
            add("grade", json!(grade.numeral()));
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    const DAY: &str = "fixtures/calls/milwaukee_2018-05-12.csv";

    fn told(config: &str, bytes: &[u8], window: Window) -> (Vec<Call>, Counts) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(config);
        let config = Config::load(&path).unwrap();
        let map = config.replay.unwrap();
        let table = table::read(bytes, &map, &config.town.time_zone).unwrap();
        script(table, bytes, &map, window)
    }

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
    }

    #[test]
    fn every_row_of_the_day_has_one_fate_and_calls_come_in_order() {
        let (calls, counts) = told("milwaukee.toml", &fixture(DAY), Window::default());
        let expected = Counts {
            read: 1523,
            ignored: 636,
            without_location: 9,
            outside_box: 8,
            inversions: 485,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
        assert_eq!(calls.len(), 1523 - 636);
        assert!(calls.is_sorted_by_key(|call| call.at));
        let mut keys: Vec<_> = calls
            .iter()
            .map(|call| call.params["key"].as_str())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), calls.len());
        for call in &calls {
            let occurred_at: Timestamp = call.params["occurred_at"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(occurred_at, call.at);
        }
    }

    #[test]
    fn hours_begin_with_from_and_end_before_to() {
        let rows = "id,time,location,latitude,longitude,district,nature,status\n\
                    3,2018-05-12 20:30:00,A,43.0,-87.9,1,THEFT,x\n\
                    2,2018-05-12 20:00:00,B,,,1,UNHEARD OF,x\n\
                    1,2018-05-12 19:59:59,,43.0,-87.9,1,FIGHT,x\n";
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let window = Window {
            from: at("2018-05-12T20:00:00-05"),
            to: at("2018-05-12T20:30:00-05"),
        };
        let (calls, counts) = told("milwaukee.toml", rows.as_bytes(), window);
        assert_eq!(
            (
                counts.outside_window,
                counts.unclassified,
                counts.without_location
            ),
            (2, 1, 1)
        );
        let [call] = calls.as_slice() else {
            unreachable!("{calls:?}")
        };
        assert_eq!(call.params["text"], "UNHEARD OF [2]");
        assert!(call.params.get("category").is_none() && call.params.get("position").is_none());
        let (calls, _) = told("milwaukee.toml", rows.as_bytes(), Window::default());
        let texts: Vec<_> = calls
            .iter()
            .map(|call| call.params["text"].clone())
            .collect();
        assert_eq!(texts, ["FIGHT [1]", "UNHEARD OF [2]", "THEFT [3]"]);
        // A call without a place in words is told all the same.
        assert_eq!(calls[0].params["place"], NO_PLACE);
    }

    #[test]
    fn a_table_without_a_header_is_told_too() {
        let bytes = fixture("fixtures/calls/montgomery.csv");
        let (calls, counts) = told("montgomery.toml", &bytes, Window::default());
        assert_eq!((counts.read, counts.ignored, calls.len()), (285, 167, 118));
        assert_eq!(counts.without_location, 0);
        // 2018-05-15 12:06 in New York.
        assert_eq!(calls[0].params["occurred_at"], "2018-05-15T16:06:00Z");
        assert!(
            calls[0].params["text"]
                .as_str()
                .unwrap()
                .starts_with("Traffic: ")
        );
    }
}
