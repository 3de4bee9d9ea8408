//! `[replay]`: how a table of real calls is read, and what its natures are here.
//!
//! Everything about the table is said in the config: whether it has a header, where each column
//! stands, how times are written, which datum positions have. Nothing here reads the table itself.

use super::catalogue::CategoryEntry;
use super::fault::{Report, Source};
use super::load::Files;
use super::node::{GRADES, Node};
use super::origin::Origin;
use super::table::{self, Keys};
use crate::engine::policy::Grade;
use crate::geo::{Bounds, Datum};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Columns a table without a header may have.
const COLUMNS_MAX: i64 = 1_000;
/// What the natures' table calls a nature that is no call.
const IGNORE: &str = "ignore";
/// Lines calls come in on.
const LINES: [(&str, &str); 2] = [("110", "110"), ("122", "122")];

/// Where a value stands in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Under this name of the header.
    Named(String),
    /// At this place, from 1; the table has no header.
    Number(usize),
}

/// Where each value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The source's own number of a call.
    pub id: Option<Column>,
    /// When it came in.
    pub time: Column,
    /// Where, in words.
    pub place: Column,
    /// Latitude, degrees.
    pub lat: Column,
    /// Longitude, degrees.
    pub lon: Column,
    /// What kind of call, in the source's words.
    pub nature: Column,
}

/// What a nature is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Key of the category and the grade if not the category's own; none is no call at all.
    pub category: Option<(String, Option<Grade>)>,
    /// Where the row comes from.
    pub origin: Origin,
}

/// How a table of calls is read.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Whether the first row names the columns.
    pub header: bool,
    /// Between two values.
    pub delimiter: u8,
    /// Where each value stands.
    pub columns: Columns,
    /// How times are written (strptime), in the town's local time.
    pub time_format: String,
    /// Datum of positions.
    pub datum: Datum,
    /// Where the table's rows come from.
    pub origin: Origin,
    /// The line each call is reported on.
    pub source: &'static str,
    /// Positions outside are wrong geocodes.
    pub bounds: Bounds,
    natures: BTreeMap<String, Meaning>,
    /// Beginnings of natures, for those listed with a `*` at the end.
    beginnings: BTreeMap<String, Meaning>,
}

impl Replay {
    /// What a nature is here: as listed, else by the longest beginning; none when nobody said.
    #[must_use]
    pub fn meaning(&self, nature: &str) -> Option<&Meaning> {
        let by_beginning = || {
            let fits = self
                .beginnings
                .iter()
                .filter(|(it, _)| nature.starts_with(it.as_str()));
            fits.max_by_key(|(it, _)| it.len())
                .map(|(_, meaning)| meaning)
        };
        self.natures.get(nature).or_else(by_beginning)
    }

    /// All listed natures' meanings.
    pub fn meanings(&self) -> impl Iterator<Item = &Meaning> {
        self.natures.values().chain(self.beginnings.values())
    }
}

pub(super) fn replay(
    root: &Node<'_>,
    files: &mut Files<'_>,
    categories: &[CategoryEntry],
) -> Option<Replay> {
    let node = root.section_opt("replay")?;
    let header = node.flag_or("header", true);
    let delimiter = delimiter(&node);
    let columns = columns(&node.section("columns"), header);
    let time_format = node.text("time_format");
    let datum = node.choice("datum", &Datum::NAMES);
    let source = node.choice("source", &LINES);
    let origin = node.choice("origin", &Origin::NAMES);
    let bounds = bounds(&node);
    let natures = files.table(node.text("natures"));
    let (natures, beginnings) = natures
        .map(|source| meanings(node.report, &source, categories))
        .unwrap_or_default();
    Some(Replay {
        header,
        delimiter: delimiter?,
        columns: columns?,
        time_format: time_format?.value,
        datum: datum?,
        origin: origin?,
        source: source?,
        bounds: bounds?,
        natures,
        beginnings,
    })
}

/// One character of ASCII. Not trimmed as other texts are: a tab is one.
fn delimiter(node: &Node<'_>) -> Option<u8> {
    let Some(text) = node.raw_text("delimiter") else {
        return Some(b',');
    };
    match text.value.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        _ => {
            let fault = "one character of ASCII is needed, no quote and no line end";
            node.report.fault(&text.spot, fault);
            None
        }
    }
}

fn columns(node: &Node<'_>, header: bool) -> Option<Columns> {
    let column = |key: &str| match header {
        true => node.text(key).map(|name| Column::Named(name.value)),
        false => {
            let number = usize::try_from(node.int_if(key, 1..=COLUMNS_MAX)?).ok()?;
            Some(Column::Number(number))
        }
    };
    let id = node.has("id").then(|| column("id"));
    let (time, place, nature) = (column("time"), column("place"), column("nature"));
    let (lat, lon) = (column("lat"), column("lon"));
    Some(Columns {
        id: match id {
            Some(id) => Some(id?),
            None => None,
        },
        time: time?,
        place: place?,
        lat: lat?,
        lon: lon?,
        nature: nature?,
    })
}

fn bounds(node: &Node<'_>) -> Option<Bounds> {
    let [west, south, east, north] = node.floats::<4>("box_deg", -180.0..=180.0)?;
    if west < east && south < north {
        return Some(Bounds {
            west,
            south,
            east,
            north,
        });
    }
    let text = "west, south, east and north are needed, in this order";
    node.report.fault(&node.spot("box_deg"), text);
    None
}

/// Natures as listed, and beginnings of natures.
type Meanings = (BTreeMap<String, Meaning>, BTreeMap<String, Meaning>);

fn meanings(report: &Report, source: &Arc<Source>, categories: &[CategoryEntry]) -> Meanings {
    const COLUMNS: &[&str] = &["nature", "category", "grade", "origin"];
    let mut keys = Keys::default();
    let (mut natures, mut beginnings) = Meanings::default();
    for row in table::rows(report, source, COLUMNS) {
        let (nature, category) = (row.text("nature"), row.text("category"));
        let grade = row.text_opt("grade").and_then(|text| {
            let mut names = GRADES.into_iter().zip(Grade::ALL);
            let found = names.find(|(name, _)| *name == text.value);
            if found.is_none() {
                report.unknown(&text, "grade", GRADES);
            }
            found.map(|(_, grade)| grade)
        });
        let origin = row.origin();
        keys.claim(report, nature.as_ref(), "nature");
        let (Some(nature), Some(category)) = (nature, category) else {
            continue;
        };
        let known = || categories.iter().map(|it| it.key.as_str());
        let category = match category.value == IGNORE {
            true => None,
            false => {
                if !known().any(|key| key == category.value) {
                    report.unknown(&category, "category", known().chain([IGNORE]));
                }
                Some((category.value, grade))
            }
        };
        let meaning = Meaning { category, origin };
        match nature.value.strip_suffix('*') {
            Some(beginning) => beginnings.insert(beginning.to_owned(), meaning),
            None => natures.insert(nature.value, meaning),
        };
    }
    (natures, beginnings)
}

#[cfg(test)]
mod tests {
    use crate::config::{Column, Config, Faults};
    use crate::engine::policy::Grade;
    use std::path::Path;

    /// A shipped config with one text of one of its files replaced.
    fn with(main: &str, old: &str, new: &str) -> Result<Config, Faults> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let mut hits = 0;
        let config = Config::load_with(&dir.join(main), &mut |path| {
            let text = std::fs::read_to_string(path)?;
            hits += usize::from(text.contains(old));
            Ok(text.replacen(old, new, 1).into_bytes())
        });
        assert!(hits > 0, "no {old}");
        config
    }

    fn fault(old: &str, new: &str) -> (String, String) {
        let faults = with("milwaukee.toml", old, new).unwrap_err().faults;
        assert_eq!(faults.len(), 1, "{faults:?}");
        (faults[0].key.clone(), faults[0].text.clone())
    }

    #[test]
    fn shipped_maps_are_read() {
        let map = with("milwaukee.toml", "a", "a").unwrap().replay.unwrap();
        assert_eq!(map.columns.time, Column::Named("time".to_owned()));
        assert!(map.meaning("TRAFFIC STOP").unwrap().category.is_none());
        let grade = |nature: &str| map.meaning(nature).unwrap().category.clone().unwrap();
        let own = ("robbery".to_owned(), None);
        assert_eq!(grade("ROBBERY ARMED"), own);
        assert_eq!(grade("SHOTSPOTTER").1, Some(Grade::Two));
        assert_eq!(grade("LOUD MUSIC - ANYWHERE").0, "noise");
        assert!(map.meaning("NEVER HEARD OF").is_none());
        let map = with("montgomery.toml", "a", "a").unwrap().replay.unwrap();
        assert_eq!(map.columns.time, Column::Number(4));
        // The longest beginning wins.
        assert!(map.meaning("Fire: FIRE ALARM").unwrap().category.is_none());
        assert!(
            map.meaning("Fire: VEHICLE ACCIDENT")
                .unwrap()
                .category
                .is_some()
        );
    }

    #[test]
    fn faults_of_the_map_are_told() {
        let (key, text) = fault("lat = \"latitude\"", "lat = 4");
        assert_eq!(key, "replay.columns.lat");
        assert!(text.contains("a text is needed"));
        assert_eq!(
            fault("delimiter = \",\"", "delimiter = \"::\"").0,
            "replay.delimiter"
        );
        assert_eq!(
            fault(
                "[-88.2, 42.8, -87.7, 43.3]  #",
                "[-87.7, 42.8, -88.2, 43.3]  #"
            )
            .0,
            "replay.box_deg"
        );
        assert_eq!(
            fault("datum = \"wgs84\"\nsource", "datum = \"wgs\"\nsource").0,
            "replay.datum"
        );
        let (key, text) = fault("FRAUD,fraud,", "FRAUD,frauds,");
        assert_eq!(
            (key.as_str(), text.as_str()),
            ("category", "unknown category `frauds`")
        );
        assert_eq!(
            fault(
                "SHOTSPOTTER,armed_violence,II",
                "SHOTSPOTTER,armed_violence,2"
            )
            .0,
            "grade"
        );
        assert!(with("milwaukee.toml", "delimiter = \",\"", "delimiter = \"\\t\"").is_ok());
    }

    #[test]
    fn a_box_is_an_outline_and_must_be_one() {
        let config = with("milwaukee.toml", "a", "a").unwrap();
        assert_eq!(config.outline.bounds().west, -88.2);
        let (key, _) = fault(
            "deg = [-88.2, 42.8, -87.7, 43.3]\nplane",
            "deg = [-87.7, 42.8, -88.2, 43.3]\nplane",
        );
        assert_eq!(key, "town.outline_bounds_deg");
    }
}
