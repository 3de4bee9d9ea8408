//! The local plane: WGS-84 to integer centimetres east and north of a configured origin.
//!
//! An equirectangular plane whose scale is fixed at the origin, with the two second-order terms
//! that keep it true farther out (meridians lean together; parallels bend). Its constants are
//! integers and so is its arithmetic, so every machine finds the same centimetre. Distances are
//! true to 0.002 % within 15 km of the origin and to 0.05 % within 100 km (tested against the
//! geodesic); it serves a town or a city, not a continent. It knows no roads and no heights.

use super::datum::Wgs84;
use crate::engine::id::Point;
use serde::{Deserialize, Serialize};

/// Units of a configured origin in a degree.
const E7: f64 = 1e7;
/// Units a coordinate is rounded to before the integers begin: 0.1 mm.
const NANO: f64 = 1e9;
const NANO_I: i128 = 1_000_000_000;
const MICROMETRES_PER_CM: i128 = 10_000;
/// Rounds of the inverse. Within 1,000 km each shrinks the error at least four times.
const ROUNDS: usize = 24;

/// Why a plane cannot be made, or a place not be drawn in it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PlaneError {
    /// Too near a pole, or no longitude.
    #[error(
        "failed to lay a plane at latitude {lat}, longitude {lon}: \
         latitude must be within {} degrees",
        Plane::MAX_ORIGIN_LAT
    )]
    Origin {
        /// Latitude in degrees.
        lat: f64,
        /// Longitude in degrees.
        lon: f64,
    },
    /// Beyond [`Point::LIMIT_CM`] of the origin.
    #[error("failed to place {at} in the plane: farther than 2,000 km from its origin")]
    TooFar {
        /// The place.
        at: Wgs84,
    },
}

/// A local plane. The numbers go into snapshots: the same plane for as long as the journal lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plane {
    /// Latitude of the origin in 1e-7 degrees.
    pub origin_lat_e7: i64,
    /// Longitude of the origin in 1e-7 degrees.
    pub origin_lon_e7: i64,
    /// Micrometres a degree of longitude at the origin.
    pub east_um: i64,
    /// Micrometres a degree of latitude at the origin.
    pub north_um: i64,
    /// Micrometres a degree of longitude loses for each degree north.
    pub lean_um: i64,
    /// Micrometres a parallel rises for each square degree of longitude.
    pub bend_um: i64,
}

impl Plane {
    /// Farthest latitude an origin may have, degrees.
    pub const MAX_ORIGIN_LAT: f64 = 60.0;

    /// The plane at `origin_lat_e7`, `origin_lon_e7` (1e-7 degrees), with the scale of the WGS-84
    /// ellipsoid there (series of the meridian and the parallel, NIMA TR8350.2).
    ///
    /// # Errors
    /// When the origin is beyond [`Self::MAX_ORIGIN_LAT`] or no longitude.
    pub fn new(origin_lat_e7: i64, origin_lon_e7: i64) -> Result<Self, PlaneError> {
        let (lat, lon) = (origin_lat_e7 as f64 / E7, origin_lon_e7 as f64 / E7);
        if lat.abs() > Self::MAX_ORIGIN_LAT || lon.abs() > 180.0 {
            return Err(PlaneError::Origin { lat, lon });
        }
        let radian = std::f64::consts::PI / 180.0;
        let phi = lat * radian;
        let north = 111_132.954 - 559.822 * cos(2.0 * phi) + 1.175 * cos(4.0 * phi);
        let east = 111_412.84 * cos(phi) - 93.5 * cos(3.0 * phi) + 0.118 * cos(5.0 * phi);
        let lean = north * sin(phi) * radian;
        let bend = east * sin(phi) * radian / 2.0;
        let micro = |metres: f64| (metres * 1e6).round() as i64;
        Ok(Self {
            origin_lat_e7,
            origin_lon_e7,
            east_um: micro(east),
            north_um: micro(north),
            lean_um: micro(lean),
            bend_um: micro(bend),
        })
    }

    /// The place in integer centimetres east and north of the origin.
    ///
    /// # Errors
    /// When it is farther than [`Point::LIMIT_CM`] on either axis.
    pub fn project(&self, at: Wgs84) -> Result<Point, PlaneError> {
        let north = nano(at.lat()) - i128::from(self.origin_lat_e7) * 100;
        let east = nano(at.lon()) - i128::from(self.origin_lon_e7) * 100;
        let scale = i128::from(self.east_um) - round(i128::from(self.lean_um) * north, NANO_I);
        let x = round(scale * east, NANO_I * MICROMETRES_PER_CM);
        let rise = round(i128::from(self.bend_um) * east * east, NANO_I * NANO_I);
        let y = round(
            i128::from(self.north_um) * north + rise * NANO_I,
            NANO_I * MICROMETRES_PER_CM,
        );
        match (i64::try_from(x), i64::try_from(y)) {
            (Ok(x_cm), Ok(y_cm))
                if x_cm.abs() <= Point::LIMIT_CM && y_cm.abs() <= Point::LIMIT_CM =>
            {
                Ok(Point { x_cm, y_cm })
            }
            _ => Err(PlaneError::TooFar { at }),
        }
    }

    /// The coordinate of a point, for people and maps; within a centimetre up to 1,000 km from the
    /// origin. A point no place on earth projects to gives the nearest latitude and longitude that
    /// are one.
    #[must_use]
    pub fn unproject(&self, point: Point) -> Wgs84 {
        let (x, y) = (point.x_cm as f64 * 1e4, point.y_cm as f64 * 1e4);
        let (mut north, mut east) = (y / self.north_um as f64, x / self.east_um as f64);
        for _ in 0..ROUNDS {
            north = (y - self.bend_um as f64 * east * east) / self.north_um as f64;
            east = x / (self.east_um as f64 - self.lean_um as f64 * north);
        }
        Wgs84::nearest(
            self.origin_lat_e7 as f64 / E7 + north,
            self.origin_lon_e7 as f64 / E7 + east,
        )
    }
}

/// Degrees to nanodegrees; the float is checked to lie on earth, so it fits.
fn nano(degrees: f64) -> i128 {
    (degrees * NANO).round() as i128
}

/// Division rounded to nearest, halves away from zero.
fn round(value: i128, by: i128) -> i128 {
    let half = if value < 0 { -by / 2 } else { by / 2 };
    (value + half) / by
}

/// Cosine by its series: `f64::cos` may differ in its last bit from machine to machine.
fn cos(x: f64) -> f64 {
    series(1.0, 0.0, x)
}

/// Sine by its series.
fn sin(x: f64) -> f64 {
    series(x, 1.0, x)
}

/// Sums `first - first x^2/((n+1)(n+2)) + ...`; enough terms for |x| up to 6.
fn series(first: f64, n: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (first, first, n);
    for _ in 0..20 {
        term *= -x * x / ((n + 1.0) * (n + 2.0));
        sum += term;
        n += 2.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Distance, Geodesic};
    use proptest::prelude::*;

    fn town() -> Plane {
        Plane::new(228_700_000, 1_139_900_000).unwrap()
    }

    fn at(lat: f64, lon: f64) -> Wgs84 {
        Wgs84::new(lat, lon).unwrap()
    }

    /// Relative error of the plane's distance between two places against the geodesic.
    fn error(plane: &Plane, a: Wgs84, b: Wgs84) -> f64 {
        let (p, q) = (plane.project(a).unwrap(), plane.project(b).unwrap());
        let (dx, dy) = ((p.x_cm - q.x_cm) as f64, (p.y_cm - q.y_cm) as f64);
        let flat_m = dx.hypot(dy) / 100.0;
        let true_m = Geodesic.distance(
            geo::Point::new(a.lon(), a.lat()),
            geo::Point::new(b.lon(), b.lat()),
        );
        if true_m < 500.0 {
            0.0
        } else {
            (flat_m - true_m).abs() / true_m
        }
    }

    #[test]
    fn the_constants_of_the_town_are_frozen() {
        assert_eq!(
            town(),
            Plane {
                origin_lat_e7: 228_700_000,
                origin_lon_e7: 1_139_900_000,
                east_um: 102_620_418_483,
                north_um: 110_742_215_219,
                lean_um: 751_172_743,
                bend_um: 348_040_994,
            }
        );
        let point = town().project(at(22.9, 114.03)).unwrap();
        assert_eq!(
            point,
            Point {
                x_cm: 410_392,
                y_cm: 332_282
            }
        );
    }

    #[test]
    fn the_series_are_the_functions() {
        for step in -63..=63 {
            let x = f64::from(step) / 12.0;
            assert!(
                (cos(x) - x.cos()).abs() < 1e-12 && (sin(x) - x.sin()).abs() < 1e-12,
                "{x}"
            );
        }
    }

    #[test]
    fn far_places_and_polar_origins_are_refused() {
        assert!(matches!(
            town().project(at(51.5, -0.1)),
            Err(PlaneError::TooFar { .. })
        ));
        assert!(matches!(
            town().project(at(-90.0, 114.0)),
            Err(PlaneError::TooFar { .. })
        ));
        assert!(Plane::new(800_000_000, 0).is_err());
        assert!(Plane::new(0, 1_800_000_001).is_err());
        assert!(Plane::new(i64::MAX, i64::MIN).is_err());
    }

    #[test]
    fn unproject_takes_any_point() {
        for x_cm in [i64::MIN, -Point::LIMIT_CM, 0, 1, Point::LIMIT_CM, i64::MAX] {
            for y_cm in [i64::MIN, -Point::LIMIT_CM, 0, Point::LIMIT_CM, i64::MAX] {
                let got = town().unproject(Point { x_cm, y_cm });
                assert!(got.lat().abs() <= 90.0 && got.lon().abs() <= 180.0);
            }
        }
    }

    proptest! {
        #[test]
        fn distances_hold_their_bound(
            (a, b, c, d) in (-1.0..1.0f64, -1.0..1.0f64, -1.0..1.0f64, -1.0..1.0f64),
        ) {
            for (reach_deg, bound) in [(0.095, 2e-5), (0.64, 5e-4)] {
                let p = at(22.87 + a * reach_deg, 113.99 + b * reach_deg);
                let q = at(22.87 + c * reach_deg, 113.99 + d * reach_deg);
                let off = error(&town(), p, q);
                prop_assert!(off < bound, "{off} within {reach_deg} degrees");
            }
        }

        #[test]
        fn there_and_back_is_a_centimetre(
            lat in 14.0..31.0f64, lon in 105.0..123.0f64,
        ) {
            let point = town().project(at(lat, lon)).unwrap();
            let again = town().project(town().unproject(point)).unwrap();
            prop_assert!(point.distance_cm(again) <= 1);
        }

        #[test]
        fn no_place_panics(
            lat in -90.0..90.0f64, lon in -180.0..180.0f64,
            origin_lat in any::<i64>(), origin_lon in any::<i64>(),
        ) {
            let _ = town().project(at(lat, lon));
            if let Ok(plane) = Plane::new(origin_lat % 600_000_001, origin_lon % 1_800_000_001) {
                let _ = plane.project(at(lat, lon));
            }
        }
    }
}
