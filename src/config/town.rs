//! The town: its name, clock, plane and outline, and the places and communities in it.

use super::fault::{Report, Source, Text};
use super::load::Files;
use super::node::Node;
use super::origin::Origin;
use super::table::{self, Checked, Keys, Row};
use crate::engine::id::Point;
use crate::geo::{Bounds, Datum, Outline, Plane, Wgs84};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Largest outline file, bytes.
const OUTLINE_BYTES_MAX: usize = 16 << 20;
/// Area a town, city or province may state, km2.
const AREA_KM2: std::ops::RangeInclusive<f64> = 0.01..=500_000.0;
/// Largest doubt about a place, metres.
const UNCERTAINTY_M_MAX: i64 = 100_000;

/// Which town, or part of one, this daemon dispatches for.
#[derive(Debug, Clone)]
pub struct Town {
    /// Name in Latin letters.
    pub name: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Administrative division code, e.g. 441900114.
    pub code: u64,
    /// Zone that local times are shown in and the roster is kept in; never the engine's time.
    pub time_zone: TimeZone,
    /// Name of the zone in the IANA database.
    pub time_zone_name: String,
    /// Where the outline comes from.
    pub origin: Origin,
}

/// A community (社区).
#[derive(Debug, Clone)]
pub struct Community {
    /// Key used in the other files.
    pub key: String,
    /// Name in Chinese.
    pub name: String,
    /// Centre.
    pub at: Wgs84,
    /// Centre in the plane.
    pub point: Point,
    /// Where the row comes from.
    pub origin: Origin,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A square, a street, a park.
    Place,
    /// The centre of a grid (网格).
    Grid,
}

/// A named place: for the demo's calls, the units' posts and free-text lookups.
#[derive(Debug, Clone)]
pub struct Place {
    /// Key used in the other files.
    pub key: String,
    /// Name in Chinese.
    pub name: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Where, converted from the datum the row states.
    pub at: Wgs84,
    /// Where in the plane.
    pub point: Point,
    /// Doubt about the coordinate, metres.
    pub uncertainty_m: u32,
    /// Whether it lies inside the outline. One outside is a warning and is not to be used.
    pub inside: bool,
    /// Where the row comes from.
    pub origin: Origin,
}

/// The parts of `[town]` the rest of the config stands on.
pub(super) struct Ground {
    pub(super) town: Town,
    pub(super) plane: Plane,
    pub(super) outline: Option<Outline>,
}

pub(super) fn ground(root: &Node<'_>, files: &mut Files<'_>) -> Option<Ground> {
    let node = root.section("town");
    let report = node.report;
    let name = node.text("name");
    let name_zh = node.text("name_zh");
    let code = node.int("code", 1..=999_999_999_999);
    let zone = node.text("time_zone");
    let origin = node.choice("origin", &Origin::NAMES);
    let file = node.text_opt("outline");
    let area_km2 = (file.is_some()).then(|| node.float("outline_area_km2", AREA_KM2));
    let bounds = node.floats::<4>("outline_bounds_deg", -180.0..=180.0);
    let lat = node.int_if("plane_lat_e7", -900_000_000..=900_000_000);
    let lon = node.int_if("plane_lon_e7", -1_800_000_000..=1_800_000_000);
    let plane = Plane::new(lat?, lon?)
        .map_err(|e| report.fault(&node.spot("plane_lat_e7"), e.to_string()))
        .ok()?;
    let bounds = bounds.map(|[west, south, east, north]| Bounds {
        west,
        south,
        east,
        north,
    });
    let outline = match file {
        Some(file) => outline(&node, files, &plane, &file, (area_km2, bounds)),
        None => bounds.and_then(|bounds| {
            Outline::from_bounds(bounds, &plane)
                .map_err(|e| report.fault(&node.spot("outline_bounds_deg"), e.to_string()))
                .ok()
        }),
    };
    let time_zone = zone.as_ref().and_then(|zone| time_zone(report, zone));
    let town = Town {
        name: name?.value,
        name_zh: name_zh?.value,
        code: u64::try_from(code).unwrap_or(0),
        time_zone: time_zone?,
        time_zone_name: zone?.value,
        origin: origin?,
    };
    Some(Ground {
        town,
        plane,
        outline,
    })
}

/// The outline in a file, held against what the config states of it.
fn outline(
    node: &Node<'_>,
    files: &mut Files<'_>,
    plane: &Plane,
    file: &Text,
    (area_km2, bounds): (Option<f64>, Option<Bounds>),
) -> Option<Outline> {
    let report = node.report;
    let bytes = files.read(file, OUTLINE_BYTES_MAX)?;
    let outline = Outline::from_geojson(&bytes, plane, None)
        .map_err(|e| report.fault(&file.spot, e.to_string()))
        .ok()?;
    if let Some(Err(e)) = area_km2.map(|area_km2| outline.check_area(area_km2)) {
        report.fault(&node.spot("outline_area_km2"), e.to_string());
    }
    if let Some(Err(e)) = bounds.map(|bounds| outline.check_bounds(bounds)) {
        report.fault(&node.spot("outline_bounds_deg"), e.to_string());
    }
    Some(outline)
}

fn time_zone(report: &Report, name: &Text) -> Option<TimeZone> {
    TimeZone::get(&name.value)
        .map_err(|e| report.fault(&name.spot, format!("failed to find the time zone: {e}")))
        .ok()
}

pub(super) fn communities(
    report: &Report,
    source: &Arc<Source>,
    ground: &Ground,
) -> Checked<Vec<Community>> {
    const COLUMNS: &[&str] = &["key", "name", "lat", "lon", "datum", "origin"];
    let mut keys = Keys::default();
    let mut out = Vec::new();
    for row in table::rows(report, source, COLUMNS) {
        let (key, name, at) = (
            row.text("key"),
            row.text("name"),
            position(report, &row, ground),
        );
        let origin = row.origin();
        keys.claim(report, key.as_ref(), "community");
        let (Some(key), Some(name), Some((at, point))) = (key, name, at) else {
            continue;
        };
        if ground.outline.as_ref().is_some_and(|o| !o.contains(at)) {
            report.warn(
                &key.spot,
                format!("community `{}` lies outside the outline", key.value),
            );
        }
        out.push(Community {
            key: key.value,
            name: name.value,
            at,
            point,
            origin,
        });
    }
    Checked { rows: out, keys }
}

pub(super) fn places(
    report: &Report,
    source: &Arc<Source>,
    ground: &Ground,
) -> Checked<Vec<Place>> {
    const COLUMNS: &[&str] = &[
        "key",
        "name",
        "kind",
        "lat",
        "lon",
        "datum",
        "uncertainty_m",
        "origin",
    ];
    const KINDS: [(&str, PlaceKind); 2] = [("place", PlaceKind::Place), ("grid", PlaceKind::Grid)];
    let mut keys = Keys::default();
    let mut out = Vec::new();
    for row in table::rows(report, source, COLUMNS) {
        let (key, name) = (row.text("key"), row.text("name"));
        let (kind, at) = (row.choice("kind", &KINDS), position(report, &row, ground));
        let uncertainty = row.int("uncertainty_m", 0..=UNCERTAINTY_M_MAX);
        let origin = row.origin();
        keys.claim(report, key.as_ref(), "place");
        let (Some(key), Some(name), Some(kind), Some((at, point))) = (key, name, kind, at) else {
            continue;
        };
        let inside = ground.outline.as_ref().is_none_or(|o| o.contains(at));
        if !inside {
            let text = format!(
                "place `{}` ({}) lies outside the outline: not used",
                key.value, at
            );
            report.warn(&row.spot("lat"), text);
        }
        let uncertainty_m = uncertainty.and_then(|m| u32::try_from(m).ok()).unwrap_or(0);
        let (key, name) = (key.value, name.value);
        out.push(Place {
            key,
            name,
            kind,
            at,
            point,
            uncertainty_m,
            inside,
            origin,
        });
    }
    Checked { rows: out, keys }
}

/// The columns `lat`, `lon` and `datum` as a place in the plane.
fn position(report: &Report, row: &Row<'_>, ground: &Ground) -> Option<(Wgs84, Point)> {
    let (lat, lon, datum) = (
        row.float("lat"),
        row.float("lon"),
        row.choice("datum", &Datum::NAMES),
    );
    let (lat, lon, datum) = (lat?, lon?, datum?);
    let fault = |text: String| report.fault(&row.spot("lat"), text);
    let at = datum
        .to_wgs84(lat, lon)
        .map_err(|e| fault(e.to_string()))
        .ok()?;
    let point = ground
        .plane
        .project(at)
        .map_err(|e| fault(e.to_string()))
        .ok()?;
    Some((at, point))
}
