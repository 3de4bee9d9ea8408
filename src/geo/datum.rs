//! The three datums of Chinese maps as three types, and the way between them.
//!
//! Receivers give WGS-84; AMap, Tencent and official map sites GCJ-02; Baidu BD-09. Round
//! Huangjiang they lie 600 m and 1,235 m apart, enough to choose the wrong nearest unit. The
//! transform is unofficial: it was reconstructed by others, not published by its makers. This file
//! never guesses a datum; whoever brings a coordinate says which one it is in.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;
use std::fmt;

/// Semi-major axis the transform takes, metres. The often seen 6378245 differs by 5-9 mm.
const AXIS_M: f64 = 6_378_137.0;
/// Squared eccentricity the transform takes.
const ECCENTRICITY_SQ: f64 = 0.006_693_421_622_965_943;
/// West, south, east and north of the box in which GCJ-02 differs from WGS-84, degrees.
const BOX: (f64, f64, f64, f64) = (72.004, 0.8293, 137.8347, 55.8271);
/// Rounds of the inverse: 6 mm are left after two, 16 micrometres after three.
const ROUNDS: usize = 3;
/// The factor BD-09 multiplies its angles by.
const BD_PI: f64 = PI * 3000.0 / 180.0;
/// What BD-09 adds to longitude and latitude, degrees.
const BD_SHIFT: (f64, f64) = (0.0065, 0.006);

/// Which datum a coordinate is given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datum {
    /// GPS and BeiDou receivers.
    Wgs84,
    /// 火星坐标: AMap, Tencent, official map sites.
    Gcj02,
    /// 百度坐标.
    Bd09,
}

impl Datum {
    /// All datums with the names configs and messages use.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("wgs84", Self::Wgs84),
        ("gcj02", Self::Gcj02),
        ("bd09", Self::Bd09),
    ];

    /// A coordinate given in this datum, as WGS-84.
    ///
    /// # Errors
    /// When the numbers are no place on earth.
    pub fn to_wgs84(self, lat: f64, lon: f64) -> Result<Wgs84, DatumError> {
        match self {
            Self::Wgs84 => Wgs84::new(lat, lon),
            Self::Gcj02 => Gcj02::new(lat, lon).map(Gcj02::to_wgs84),
            Self::Bd09 => Bd09::new(lat, lon).map(Bd09::to_wgs84),
        }
    }
}

/// Why two numbers are no place.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DatumError {
    /// NaN or infinite.
    #[error("failed to read a coordinate: {lat}, {lon} is not finite")]
    NotFinite {
        /// Latitude as given.
        lat: f64,
        /// Longitude as given.
        lon: f64,
    },
    /// Latitude beyond 90 or longitude beyond 180 degrees.
    #[error(
        "failed to read a coordinate: latitude {lat}, longitude {lon} is beyond 90 or 180 degrees"
    )]
    OutOfRange {
        /// Latitude as given.
        lat: f64,
        /// Longitude as given.
        lon: f64,
    },
    /// 0, 0: what receivers say when they have no fix.
    #[error("failed to read a coordinate: 0, 0 means that the receiver had no fix")]
    NoFix,
}

macro_rules! datum {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Serialize)]
        pub struct $name {
            lat: f64,
            lon: f64,
        }

        impl $name {
            /// A coordinate in degrees, north and east positive.
            ///
            /// # Errors
            /// NaN, infinite or out of range numbers, and 0, 0.
            pub fn new(lat: f64, lon: f64) -> Result<Self, DatumError> {
                check(lat, lon)?;
                Ok(Self { lat, lon })
            }

            /// Latitude in degrees.
            #[must_use]
            pub fn lat(self) -> f64 {
                self.lat
            }

            /// Longitude in degrees.
            #[must_use]
            pub fn lon(self) -> f64 {
                self.lon
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:.6}, {:.6}", self.lat, self.lon)
            }
        }
    };
}

datum!(
    /// A coordinate in WGS-84, what receivers give and the plane is made from.
    Wgs84
);
datum!(
    /// A coordinate in GCJ-02 (火星坐标).
    Gcj02
);
datum!(
    /// A coordinate in BD-09 (百度坐标).
    Bd09
);

impl Wgs84 {
    /// The place on earth nearest to two computed numbers. Only for results of arithmetic on
    /// places already checked: here 0, 0 is a place, not a missing fix.
    pub(super) fn nearest(lat: f64, lon: f64) -> Self {
        let bound = |v: f64, limit: f64| {
            if v.is_nan() {
                0.0
            } else {
                v.clamp(-limit, limit)
            }
        };
        Self {
            lat: bound(lat, 90.0),
            lon: bound(lon, 180.0),
        }
    }

    /// The same place in GCJ-02; unchanged outside the box of the transform.
    #[must_use]
    pub fn to_gcj02(self) -> Gcj02 {
        let (lat, lon) = shift(self.lat, self.lon);
        Gcj02 { lat, lon }
    }

    /// The same place in BD-09.
    #[must_use]
    pub fn to_bd09(self) -> Bd09 {
        self.to_gcj02().to_bd09()
    }
}

impl Gcj02 {
    /// The same place in WGS-84, by fixed-point iteration (error about 16 micrometres).
    #[must_use]
    pub fn to_wgs84(self) -> Wgs84 {
        let (mut lat, mut lon) = (self.lat, self.lon);
        for _ in 0..ROUNDS {
            let (forward_lat, forward_lon) = shift(lat, lon);
            lat += self.lat - forward_lat;
            lon += self.lon - forward_lon;
        }
        Wgs84 { lat, lon }
    }

    /// The same place in BD-09.
    #[must_use]
    pub fn to_bd09(self) -> Bd09 {
        if !in_box(self.lat, self.lon) {
            return Bd09 {
                lat: self.lat,
                lon: self.lon,
            };
        }
        let (lat, lon) = bd_shift(self.lat, self.lon);
        Bd09 { lat, lon }
    }
}

impl Bd09 {
    /// The same place in GCJ-02, by the same iteration.
    #[must_use]
    pub fn to_gcj02(self) -> Gcj02 {
        if !in_box(self.lat, self.lon) {
            return Gcj02 {
                lat: self.lat,
                lon: self.lon,
            };
        }
        let (mut lat, mut lon) = (self.lat - BD_SHIFT.1, self.lon - BD_SHIFT.0);
        for _ in 0..ROUNDS {
            let (forward_lat, forward_lon) = bd_shift(lat, lon);
            lat += self.lat - forward_lat;
            lon += self.lon - forward_lon;
        }
        Gcj02 { lat, lon }
    }

    /// The same place in WGS-84.
    #[must_use]
    pub fn to_wgs84(self) -> Wgs84 {
        self.to_gcj02().to_wgs84()
    }
}

fn check(lat: f64, lon: f64) -> Result<(), DatumError> {
    if !lat.is_finite() || !lon.is_finite() {
        return Err(DatumError::NotFinite { lat, lon });
    }
    if lat.abs() > 90.0 || lon.abs() > 180.0 {
        return Err(DatumError::OutOfRange { lat, lon });
    }
    if lat == 0.0 && lon == 0.0 {
        return Err(DatumError::NoFix);
    }
    Ok(())
}

fn in_box(lat: f64, lon: f64) -> bool {
    let (west, south, east, north) = BOX;
    (west..=east).contains(&lon) && (south..=north).contains(&lat)
}

/// WGS-84 to GCJ-02, degrees.
fn shift(lat: f64, lon: f64) -> (f64, f64) {
    if !in_box(lat, lon) {
        return (lat, lon);
    }
    let (x, y) = (lon - 105.0, lat - 35.0);
    let radians = lat.to_radians();
    let magic = 1.0 - ECCENTRICITY_SQ * radians.sin() * radians.sin();
    let root = magic.sqrt();
    let metres_per_lat = (AXIS_M * (1.0 - ECCENTRICITY_SQ)) / (magic * root) * PI / 180.0;
    let metres_per_lon = AXIS_M / root * radians.cos() * PI / 180.0;
    (
        lat + north_m(x, y) / metres_per_lat,
        lon + east_m(x, y) / metres_per_lon,
    )
}

/// Metres GCJ-02 moves a place north.
fn north_m(x: f64, y: f64) -> f64 {
    let base = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * x.abs().sqrt();
    base + ripple(x)
        + (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0
        + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y / 30.0 * PI).sin()) * 2.0 / 3.0
}

/// Metres GCJ-02 moves a place east.
fn east_m(x: f64, y: f64) -> f64 {
    let base = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * x.abs().sqrt();
    base + ripple(x)
        + (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0
        + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0
}

fn ripple(x: f64) -> f64 {
    (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0
}

/// GCJ-02 to BD-09, degrees.
fn bd_shift(lat: f64, lon: f64) -> (f64, f64) {
    let radius = lon.hypot(lat) + 0.000_02 * (lat * BD_PI).sin();
    let angle = lat.atan2(lon) + 0.000_003 * (lon * BD_PI).cos();
    (
        radius * angle.sin() + BD_SHIFT.1,
        radius * angle.cos() + BD_SHIFT.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METRES_PER_DEGREE: f64 = 111_000.0;

    /// Points of the public transform: WGS-84, GCJ-02, BD-09 (latitude, longitude).
    const TABLE: [[(f64, f64); 3]; 3] = [
        [
            (22.877, 113.996),
            (22.874206405, 114.001006233),
            (22.880545269, 114.007424427),
        ],
        [
            (22.9, 114.03),
            (22.897315153, 114.035090102),
            (22.903221399, 114.041590006),
        ],
        [
            (22.85, 113.96),
            (22.847095267, 113.964922300),
            (22.853007894, 113.971452574),
        ],
    ];

    #[track_caller]
    fn same(got: (f64, f64), want: (f64, f64)) {
        let off = (got.0 - want.0).abs().max((got.1 - want.1).abs());
        assert!(off < 1e-9, "{got:?} is {off} degrees from {want:?}");
    }

    #[test]
    fn the_table_both_ways() {
        for [wgs, gcj, bd] in TABLE {
            let at = Wgs84::new(wgs.0, wgs.1).unwrap();
            same((at.to_gcj02().lat, at.to_gcj02().lon), gcj);
            same((at.to_bd09().lat, at.to_bd09().lon), bd);
            let back = Gcj02::new(gcj.0, gcj.1).unwrap().to_wgs84();
            same((back.lat, back.lon), wgs);
            let back = Bd09::new(bd.0, bd.1).unwrap().to_wgs84();
            assert!((back.lat - wgs.0).abs() < 5e-9 && (back.lon - wgs.1).abs() < 5e-9);
        }
    }

    #[test]
    fn tokyo_is_outside_the_box() {
        let tokyo = Wgs84::new(35.68, 139.77).unwrap();
        same(
            (tokyo.to_gcj02().lat, tokyo.to_gcj02().lon),
            (35.68, 139.77),
        );
        same((tokyo.to_bd09().lat, tokyo.to_bd09().lon), (35.68, 139.77));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (lat, lon) in [(f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert!(matches!(
                Wgs84::new(lat, lon),
                Err(DatumError::NotFinite { .. })
            ));
        }
        for (lat, lon) in [(90.1, 1.0), (1.0, -180.1), (113.9, 22.9)] {
            assert!(matches!(
                Gcj02::new(lat, lon),
                Err(DatumError::OutOfRange { .. })
            ));
        }
        assert_eq!(Bd09::new(0.0, 0.0), Err(DatumError::NoFix));
        assert_eq!(Datum::Wgs84.to_wgs84(-0.0, 0.0), Err(DatumError::NoFix));
    }

    /// Two published outlines of the same city, one in each datum: 40 vertices of the GCJ-02 one
    /// beside the nearest segment of the WGS-84 one.
    #[test]
    fn two_outlines_of_dongguan_meet() {
        let text = include_str!("../../fixtures/huangjiang/dongguan_boundary_pairs.csv");
        let (mut kept, mut raw) = (Vec::new(), Vec::new());
        for line in text.lines().skip(1) {
            let n: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
            let at = Gcj02::new(n[0], n[1]).unwrap().to_wgs84();
            kept.push(to_segment_m((at.lat, at.lon), (n[2], n[3]), (n[4], n[5])));
            raw.push(to_segment_m((n[0], n[1]), (n[2], n[3]), (n[4], n[5])));
        }
        kept.sort_by(f64::total_cmp);
        raw.sort_by(f64::total_cmp);
        assert_eq!(kept.len(), 40);
        assert!(kept[20] < 1.0 && kept[39] < 25.0, "{kept:?}");
        assert!(raw[20] > 400.0, "unconverted they lie far apart: {raw:?}");
    }

    fn to_segment_m(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
        let flat = |q: (f64, f64)| ((q.1 - p.1) * 0.92, q.0 - p.0);
        let ((ax, ay), (bx, by)) = (flat(a), flat(b));
        let (dx, dy) = (bx - ax, by - ay);
        let along = (-(ax * dx + ay * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        (ax + along * dx).hypot(ay + along * dy) * METRES_PER_DEGREE
    }

    proptest! {
        #[test]
        fn there_and_back_is_within_a_millimetre(lat in 18.0..50.0f64, lon in 75.0..134.0f64) {
            let at = Wgs84::new(lat, lon).unwrap();
            let near = |b: Wgs84| (b.lat - lat).hypot(b.lon - lon) * METRES_PER_DEGREE;
            prop_assert!(near(at.to_gcj02().to_wgs84()) < 0.001);
            prop_assert!(near(at.to_bd09().to_wgs84()) < 0.005);
        }

        #[test]
        fn no_number_panics(lat in any::<f64>(), lon in any::<f64>()) {
            for (_, datum) in Datum::NAMES {
                let _ = datum.to_wgs84(lat, lon);
            }
        }
    }
}
