//! Outlines of towns and areas: polygons from GeoJSON, and whether they are what they claim to be.
//!
//! Published outlines are often in another datum or a size too large; an outline is therefore held
//! against a stated area and bounding box before anybody asks it a question. It works on bytes
//! handed in and takes them as WGS-84, the datum RFC 7946 prescribes.

use super::datum::Wgs84;
use super::plane::{Plane, PlaneError};
use geo::{Area, BoundingRect, Contains, MapCoords};
use geojson::{Feature, GeoJson, Geometry, GeometryValue};

/// Most vertices an outline may have.
const MAX_VERTICES: usize = 200_000;
/// Deepest nesting of GeoJSON collections.
const MAX_DEPTH: usize = 4;

/// West, south, east and north in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least longitude.
    pub west: f64,
    /// Least latitude.
    pub south: f64,
    /// Greatest longitude.
    pub east: f64,
    /// Greatest latitude.
    pub north: f64,
}

/// Why an outline is refused.
#[derive(Debug, thiserror::Error)]
pub enum OutlineError {
    /// Not GeoJSON.
    #[error("failed to read the outline: {0}")]
    Json(String),
    /// No polygon in it, or none by that name.
    #[error("failed to read the outline: no polygon in it{}", named(.0))]
    Empty(Option<String>),
    /// A ring that encloses nothing: fewer than three positions. One whose last position does not
    /// repeat the first is closed: publishers often leave that out, and the area tells a torn one.
    #[error("failed to read the outline: a ring needs three positions of longitude and latitude")]
    Ring,
    /// More than 200,000 positions, or collections too deep.
    #[error("failed to read the outline: more than {MAX_VERTICES} positions or nested too deep")]
    TooLarge,
    /// A box whose edges are not west, south, east, north.
    #[error("failed to take the box: west must be less than east and south less than north")]
    Box,
    /// A position that is no place on earth.
    #[error(transparent)]
    Position(#[from] super::datum::DatumError),
    /// A position too far from the plane's origin.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// The area is not the stated one.
    #[error(
        "failed to accept the outline: its area is {found_km2:.1} km2, {percent:+.1} % against \
         the stated {stated_km2} km2"
    )]
    Area {
        /// Area of the polygons, km2.
        found_km2: f64,
        /// Area the config states, km2.
        stated_km2: f64,
        /// Difference in percent of the stated area.
        percent: f64,
    },
    /// The bounding box is not the stated one.
    #[error(
        "failed to accept the outline: it lies {off_m:.0} m off the stated box (it spans \
         {}, {} to {}, {}); is it in another datum?",
        .found.west, .found.south, .found.east, .found.north
    )]
    Shifted {
        /// Largest difference of an edge, metres.
        off_m: f64,
        /// Where it lies.
        found: Bounds,
    },
}

/// One or more polygons, holes allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    polygons: geo::MultiPolygon<f64>,
    bounds: Bounds,
    area_km2: f64,
}

impl Outline {
    /// Largest difference between the area and the stated one, percent.
    pub const AREA_TOLERANCE_PERCENT: f64 = 1.0;
    /// Largest difference between an edge and the stated one, metres.
    pub const SHIFT_TOLERANCE_M: f64 = 100.0;

    /// All polygons of a GeoJSON text, or those of the features whose `name` is `named`.
    ///
    /// # Errors
    /// When it is not GeoJSON, holds no closed polygon, or a position cannot be.
    pub fn from_geojson(
        bytes: &[u8],
        plane: &Plane,
        named: Option<&str>,
    ) -> Result<Self, OutlineError> {
        let text = std::str::from_utf8(bytes).map_err(|e| OutlineError::Json(e.to_string()))?;
        let text = text.trim_start_matches('\u{feff}');
        let json: GeoJson = text
            .parse()
            .map_err(|e: geojson::Error| OutlineError::Json(e.to_string()))?;
        let mut rings = Vec::new();
        for geometry in geometries(json, named) {
            collect(geometry.value, 0, &mut rings)?;
        }
        let vertices: usize = rings.iter().flatten().map(Vec::len).sum();
        if vertices > MAX_VERTICES {
            return Err(OutlineError::TooLarge);
        }
        let polygons = rings
            .into_iter()
            .map(polygon)
            .collect::<Result<Vec<_>, _>>()?;
        Self::of(geo::MultiPolygon::new(polygons), plane, named)
    }

    /// A rectangle of meridians and parallels, where no finer outline is at hand.
    ///
    /// # Errors
    /// When it encloses nothing, or a corner cannot be.
    pub fn from_bounds(bounds: Bounds, plane: &Plane) -> Result<Self, OutlineError> {
        if !(bounds.west < bounds.east && bounds.south < bounds.north) {
            return Err(OutlineError::Box);
        }
        let (low, high) = ((bounds.west, bounds.south), (bounds.east, bounds.north));
        let polygon = geo::Rect::new(low, high).to_polygon();
        Self::of(geo::MultiPolygon::new(vec![polygon]), plane, None)
    }

    fn of(
        polygons: geo::MultiPolygon<f64>,
        plane: &Plane,
        named: Option<&str>,
    ) -> Result<Self, OutlineError> {
        let Some(rect) = polygons.bounding_rect() else {
            return Err(OutlineError::Empty(named.map(str::to_owned)));
        };
        let bounds = Bounds {
            west: rect.min().x,
            south: rect.min().y,
            east: rect.max().x,
            north: rect.max().y,
        };
        let metres = polygons.try_map_coords(|c| {
            let at = plane.project(Wgs84::new(c.y, c.x)?)?;
            Ok::<_, OutlineError>(geo::coord! {
                x: at.x_cm as f64 / 100.0,
                y: at.y_cm as f64 / 100.0,
            })
        })?;
        let area_km2 = metres.unsigned_area() / 1e6;
        Ok(Self {
            polygons,
            bounds,
            area_km2,
        })
    }

    /// Whether the place lies inside (the edge does not).
    #[must_use]
    pub fn contains(&self, at: Wgs84) -> bool {
        self.polygons.contains(&geo::Point::new(at.lon(), at.lat()))
    }

    /// Area in km2, holes taken off.
    #[must_use]
    pub fn area_km2(&self) -> f64 {
        self.area_km2
    }

    /// The box it lies in.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Number of positions of all rings.
    #[must_use]
    pub fn vertices(&self) -> usize {
        use geo::CoordsIter;
        self.polygons.coords_count()
    }

    /// Holds the outline against the area it should have.
    ///
    /// # Errors
    /// When it differs by more than [`Self::AREA_TOLERANCE_PERCENT`].
    pub fn check_area(&self, stated_km2: f64) -> Result<(), OutlineError> {
        let percent = (self.area_km2 - stated_km2) / stated_km2 * 100.0;
        if percent.abs() <= Self::AREA_TOLERANCE_PERCENT {
            return Ok(());
        }
        Err(OutlineError::Area {
            found_km2: self.area_km2,
            stated_km2,
            percent,
        })
    }

    /// Holds the outline against the box it should lie in.
    ///
    /// # Errors
    /// When an edge differs by more than [`Self::SHIFT_TOLERANCE_M`].
    pub fn check_bounds(&self, stated: Bounds) -> Result<(), OutlineError> {
        const METRES_PER_DEGREE: f64 = 111_000.0;
        let found = self.bounds;
        let shrink = found.south.to_radians().cos();
        let off_m = [
            (found.west - stated.west) * shrink,
            (found.east - stated.east) * shrink,
            found.south - stated.south,
            found.north - stated.north,
        ]
        .into_iter()
        .fold(0.0, |most: f64, d| most.max(d.abs()))
            * METRES_PER_DEGREE;
        // A NaN in the stated box must not pass as "no difference".
        if off_m <= Self::SHIFT_TOLERANCE_M && stated.all_finite() {
            return Ok(());
        }
        Err(OutlineError::Shifted { off_m, found })
    }
}

impl Bounds {
    /// Whether a place lies in the box, its edges included.
    #[must_use]
    pub fn contain(self, lat: f64, lon: f64) -> bool {
        (self.south..=self.north).contains(&lat) && (self.west..=self.east).contains(&lon)
    }

    fn all_finite(self) -> bool {
        [self.west, self.south, self.east, self.north]
            .iter()
            .all(|v| v.is_finite())
    }
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map_or(String::new(), |name| {
        format!(" of a feature named `{name}`")
    })
}

fn geometries(json: GeoJson, named: Option<&str>) -> Vec<Geometry> {
    let wanted = |feature: &Feature| {
        let name = feature.property("name").and_then(|v| v.as_str());
        named.is_none() || name == named
    };
    match json {
        GeoJson::Geometry(geometry) if named.is_none() => vec![geometry],
        GeoJson::Geometry(_) => Vec::new(),
        GeoJson::Feature(feature) if wanted(&feature) => feature.geometry.into_iter().collect(),
        GeoJson::Feature(_) => Vec::new(),
        GeoJson::FeatureCollection(all) => all
            .features
            .into_iter()
            .filter(wanted)
            .filter_map(|f| f.geometry)
            .collect(),
    }
}

/// A polygon's rings as (longitude, latitude).
type Rings = Vec<Vec<(f64, f64)>>;

fn collect(value: GeometryValue, depth: usize, out: &mut Vec<Rings>) -> Result<(), OutlineError> {
    if depth > MAX_DEPTH {
        return Err(OutlineError::TooLarge);
    }
    match value {
        GeometryValue::Polygon { coordinates } => out.push(rings(coordinates)?),
        GeometryValue::MultiPolygon { coordinates } => {
            for polygon in coordinates {
                out.push(rings(polygon)?);
            }
        }
        GeometryValue::GeometryCollection { geometries } => {
            for geometry in geometries {
                collect(geometry.value, depth + 1, out)?;
            }
        }
        // Points and lines enclose nothing; a file may label its outline with one.
        _ => {}
    }
    Ok(())
}

fn rings(polygon: geojson::PolygonType) -> Result<Rings, OutlineError> {
    let position = |p: &geojson::Position| match p.as_slice() {
        [lon, lat, ..] => Ok((*lon, *lat)),
        _ => Err(OutlineError::Ring),
    };
    polygon
        .iter()
        .map(|ring| ring.iter().map(position).collect())
        .collect()
}

fn polygon(rings: Rings) -> Result<geo::Polygon<f64>, OutlineError> {
    let mut lines = Vec::with_capacity(rings.len());
    for ring in rings {
        for &(lon, lat) in &ring {
            Wgs84::new(lat, lon)?;
        }
        if ring.len() < 3 {
            return Err(OutlineError::Ring);
        }
        lines.push(geo::LineString::from(ring));
    }
    let mut lines = lines.into_iter();
    let Some(outer) = lines.next() else {
        return Err(OutlineError::Ring);
    };
    Ok(geo::Polygon::new(outer, lines.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &[u8] = include_bytes!("../../config/huangjiang/outline_wgs84.geojson");
    const BAD: &[u8] =
        include_bytes!("../../fixtures/huangjiang/outline_27_percent_too_large.geojson");
    const BOX: Bounds = Bounds {
        west: 113.9275,
        south: 22.8003,
        east: 114.0558,
        north: 22.9387,
    };

    fn plane() -> Plane {
        Plane::new(228_700_000, 1_139_900_000).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Outline, OutlineError> {
        Outline::from_geojson(bytes, &plane(), None)
    }

    #[test]
    fn the_town_is_what_it_claims() {
        let town = read(REAL).unwrap();
        town.check_area(93.3).unwrap();
        town.check_bounds(BOX).unwrap();
        assert_eq!(town.vertices(), 1297);
        assert!(town.contains(Wgs84::new(22.918, 114.01048).unwrap()));
        assert!(!town.contains(Wgs84::new(22.98964, 114.01453).unwrap()));
    }

    #[test]
    fn an_outline_a_quarter_too_large_and_shifted_is_refused_with_the_figure() {
        let bad = read(BAD).unwrap();
        let text = bad.check_area(93.3).unwrap_err().to_string();
        assert!(text.contains("118.") && text.contains("+26.6 %"), "{text}");
        let text = bad.check_bounds(BOX).unwrap_err().to_string();
        assert!(text.contains("m off the stated box"), "{text}");
        let nan = Bounds {
            west: f64::NAN,
            ..BOX
        };
        assert!(read(REAL).unwrap().check_bounds(nan).is_err());
        assert!(read(REAL).unwrap().check_area(f64::NAN).is_err());
    }

    #[test]
    fn features_are_chosen_by_name() {
        let named = |n| Outline::from_geojson(REAL, &plane(), Some(n));
        assert!(named("黄江镇").is_ok());
        assert!(matches!(named("常平镇"), Err(OutlineError::Empty(Some(_)))));
    }

    #[test]
    fn what_is_no_outline_is_refused() {
        for text in [
            "",
            "{}",
            "[1]",
            r#"{"type":"Point","coordinates":[114,22]}"#,
            r#"{"type":"Polygon","coordinates":[]}"#,
            r#"{"type":"Polygon","coordinates":[[[114,22],[114,23]]]}"#,
            r#"{"type":"Polygon","coordinates":[[[114,22],[114,23],[115]]]}"#,
            r#"{"type":"Polygon","coordinates":[[[114,122],[114,23],[115,22],[114,122]]]}"#,
            r#"{"type":"Polygon","coordinates":[[[14,22],[14,23],[15,22],[14,22]]]}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(&[0xff, 0xfe]).is_err());
        for cut in (0..REAL.len()).step_by(997) {
            assert!(read(&REAL[..cut]).is_err());
        }
    }

    #[test]
    fn holes_do_not_count() {
        let text = r#"{"type":"Polygon","coordinates":[
            [[114,22],[114.1,22],[114.1,22.1],[114,22.1],[114,22]],
            [[114.04,22.04],[114.06,22.04],[114.06,22.06],[114.04,22.06],[114.04,22.04]]]}"#;
        let outline = read(text.as_bytes()).unwrap();
        assert!(!outline.contains(Wgs84::new(22.05, 114.05).unwrap()));
        assert!(outline.contains(Wgs84::new(22.01, 114.01).unwrap()));
        assert!(
            (outline.area_km2() - 0.96 * 114.2).abs() < 0.5,
            "{}",
            outline.area_km2()
        );
    }
}
