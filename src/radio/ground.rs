//! The simulated ground: where named places are, which points lie in town, how fast a unit moves.
//! Straight lines only; it knows no roads.

use super::chance::Chance;
use super::options::Pace;
use crate::config::Config;
use crate::engine::id::Point;
use crate::engine::policy::UnitKind;
use crate::geo::{Outline, Plane};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tieqi_protocols::gps::{Angle, Date, Gps, Time};

/// Town and places.
#[derive(Debug)]
pub(super) struct Ground {
    plane: Plane,
    outline: Outline,
    /// The longest name first: 黄江大道北 is not 黄江大道.
    names: Vec<(String, Point)>,
    speed_cm_s: [u32; 4],
}

impl Ground {
    pub(super) fn new(config: &Config) -> Self {
        let places = config.usable_places().map(|p| (p.name.clone(), p.point));
        let communities = config.communities.iter().map(|c| (c.name.clone(), c.point));
        let mut names: Vec<(String, Point)> = places.chain(communities).collect();
        names.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
        Self {
            plane: config.plane,
            outline: config.outline.clone(),
            names,
            speed_cm_s: config.policy.speed_cm_s,
        }
    }

    /// Where the longest place name is that stands in the text.
    pub(super) fn place_in(&self, text: &str) -> Option<Point> {
        let stands = |(name, _): &&(String, Point)| text.contains(name.as_str());
        self.names.iter().find(stands).map(|(_, point)| *point)
    }

    /// Any named place.
    pub(super) fn any_place(&self, chance: &mut Chance) -> Point {
        let at = chance.below(self.names.len() as u64) as usize;
        self.names
            .get(at)
            .map_or(Point::default(), |(_, point)| *point)
    }

    /// A point in town that far from another, in any direction; nearer when that leads out of
    /// town, the point itself when all do.
    pub(super) fn beside(&self, chance: &mut Chance, from: Point, distance_cm: u64) -> Point {
        /// Directions tried at each distance.
        const TRIES: usize = 8;
        for shrink in [1, 2, 4] {
            let reach = i64::try_from(distance_cm / shrink).unwrap_or(0);
            for _ in 0..TRIES {
                let to = shifted(from, direction(chance), reach);
                if self.outline.contains(self.plane.unproject(to)) {
                    return to;
                }
            }
        }
        from
    }

    /// Speed on the way to a scene, simulated.
    pub(super) fn speed_cm_s(&self, kind: UnitKind) -> u32 {
        let places = UnitKind::ALL.into_iter().zip(self.speed_cm_s);
        let known = places.into_iter().find(|(known, _)| *known == kind);
        known.map_or(1, |(_, speed)| speed.max(1))
    }

    /// What the receiver of a handheld there would tell.
    pub(super) fn fix(&self, now_ms: u64, wall_ms: i64, leg: &Leg) -> Gps {
        let at = self.plane.unproject(leg.place_at(now_ms));
        let angle = |degrees: f64| Angle::from_degrees_e7((degrees * 1e7).round() as i32);
        let moving = leg.is_moving(now_ms);
        let (time, date) = utc(wall_ms).unzip();
        Gps {
            valid: true,
            time,
            date,
            latitude: Some(angle(at.lat())),
            longitude: Some(angle(at.lon())),
            speed_dkn: Some(if moving { leg.speed_dkn() } else { 0 }),
            course_deg: moving.then(|| leg.course_deg()),
        }
    }
}

/// A vector at most 1000 long in any direction, even over the circle.
fn direction(chance: &mut Chance) -> (i64, i64) {
    /// Half the side of the square drawn from.
    const REACH: u32 = 1000;
    loop {
        let (x, y) = (chance.within(REACH), chance.within(REACH));
        // The middle is too coarse for a direction, the corners would favour the diagonals.
        if (10_000..=1_000_000).contains(&(x * x + y * y)) {
            return (x, y);
        }
    }
}

fn shifted(from: Point, (x, y): (i64, i64), reach_cm: i64) -> Point {
    /// Digits of the length beyond those of the vector.
    const FINE: i64 = 1000;
    let length = ((x * x + y * y) * FINE * FINE).isqrt().max(1);
    let along = |axis: i64| axis * FINE * reach_cm / length;
    Point {
        x_cm: from.x_cm + along(x),
        y_cm: from.y_cm + along(y),
    }
}

fn utc(wall_ms: i64) -> Option<(Time, Date)> {
    let at = Timestamp::from_millisecond(wall_ms).ok()?;
    let at = TimeZone::UTC.to_datetime(at);
    let small = |number: i8| u8::try_from(number).ok();
    let time = Time {
        hour: small(at.hour())?,
        minute: small(at.minute())?,
        second: small(at.second())?,
    };
    let date = Date {
        year: u16::try_from(at.year()).ok()?,
        month: small(at.month())?,
        day: small(at.day())?,
    };
    Some((time, date))
}

/// A straight way from one point to another, or a stay at one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    from: Point,
    to: Point,
    start_ms: u64,
    arrive_ms: u64,
    speed_cm_s: u32,
}

impl Leg {
    pub(super) fn parked(at: Point) -> Self {
        Self {
            from: at,
            to: at,
            start_ms: 0,
            arrive_ms: 0,
            speed_cm_s: 0,
        }
    }

    /// A way that starts now, at a simulated speed.
    pub(super) fn new(now_ms: u64, from: Point, to: Point, speed_cm_s: u32, pace: Pace) -> Self {
        let simulated_ms = from.distance_cm(to) * 1000 / u64::from(speed_cm_s.max(1));
        Self {
            from,
            to,
            start_ms: now_ms,
            arrive_ms: now_ms + pace.wall_ms(simulated_ms),
            speed_cm_s,
        }
    }

    pub(super) fn arrive_ms(&self) -> u64 {
        self.arrive_ms
    }

    pub(super) fn place_at(&self, now_ms: u64) -> Point {
        if now_ms >= self.arrive_ms {
            return self.to;
        }
        let whole = i128::from(self.arrive_ms - self.start_ms).max(1);
        let gone = i128::from(now_ms.saturating_sub(self.start_ms));
        let along = |from: i64, to: i64| from + (i128::from(to - from) * gone / whole) as i64;
        Point {
            x_cm: along(self.from.x_cm, self.to.x_cm),
            y_cm: along(self.from.y_cm, self.to.y_cm),
        }
    }

    fn is_moving(&self, now_ms: u64) -> bool {
        now_ms < self.arrive_ms && self.from != self.to
    }

    /// Tenths of a knot, simulated. A knot is 1852 m an hour, 51.444 cm/s.
    fn speed_dkn(&self) -> u16 {
        let tenths = u64::from(self.speed_cm_s) * 10_000 / 51_444;
        u16::try_from(tenths).unwrap_or(Gps::MAX_SPEED_DKN)
    }

    /// The nearest of the eight winds: it needs no arc tangent.
    fn course_deg(&self) -> u16 {
        let (x, y) = (self.to.x_cm - self.from.x_cm, self.to.y_cm - self.from.y_cm);
        // 5/12 is the tangent of 22.6 degrees, half of the angle between two winds.
        let (mostly_x, mostly_y) = (y.abs() * 12 < x.abs() * 5, x.abs() * 12 < y.abs() * 5);
        match (x >= 0, y >= 0) {
            (_, true) if mostly_y => 0,
            (_, false) if mostly_y => 180,
            (true, _) if mostly_x => 90,
            (false, _) if mostly_x => 270,
            (true, true) => 45,
            (true, false) => 135,
            (false, false) => 225,
            (false, true) => 315,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio::RadioOptions;

    fn ground() -> Ground {
        Ground::new(&Config::sample().unwrap())
    }

    fn at(x_cm: i64, y_cm: i64) -> Point {
        Point { x_cm, y_cm }
    }

    #[test]
    fn the_longest_name_wins() {
        let mut ground = ground();
        let place = ground
            .place_in("#1 II级 纠纷 嘉荣广场南门 1.2公里")
            .unwrap();
        assert_eq!(ground.place_in("嘉荣广场"), Some(place));
        assert_eq!(ground.place_in("无名路"), None);
        ground
            .names
            .insert(0, ("嘉荣广场南门".to_owned(), at(1, 2)));
        assert_eq!(ground.place_in("嘉荣广场南门"), Some(at(1, 2)));
    }

    #[test]
    fn points_beside_lie_in_town_and_as_far_as_asked() {
        let (ground, mut chance) = (ground(), Chance::stream(1, 1));
        let from = ground.place_in("嘉荣广场").unwrap();
        for _ in 0..100 {
            let to = ground.beside(&mut chance, from, 50_000);
            assert!(ground.outline.contains(ground.plane.unproject(to)));
            let far = from.distance_cm(to);
            assert!((12_400..=50_000).contains(&far), "{far}");
        }
        let all_out = ground.beside(&mut chance, at(50_000_000, 0), 100);
        assert_eq!(all_out, at(50_000_000, 0));
    }

    #[test]
    fn a_leg_is_straight_and_even() {
        let pace = RadioOptions {
            speed: 10.0,
            ..RadioOptions::default()
        }
        .pace();
        let leg = Leg::new(1_000, at(0, 0), at(30_000, 40_000), 1_000, pace);
        // 500 m at 10 m/s, ten times as fast.
        assert_eq!(leg.arrive_ms(), 6_000);
        assert_eq!(leg.place_at(0), at(0, 0));
        assert_eq!(leg.place_at(3_500), at(15_000, 20_000));
        assert_eq!(leg.place_at(9_000), at(30_000, 40_000));
        assert!(leg.is_moving(5_999) && !leg.is_moving(6_000));
        assert_eq!((leg.speed_dkn(), leg.course_deg()), (194, 45));
        let courses = [(0, 9), (9, 0), (0, -9), (-9, 0), (9, -9), (-9, -9), (-9, 9)];
        let courses = courses.map(|(x, y)| Leg::new(0, at(0, 0), at(x, y), 1, pace).course_deg());
        assert_eq!(courses, [0, 90, 180, 270, 135, 225, 315]);
    }

    #[test]
    fn a_fix_carries_real_utc_and_the_place_to_20_cm() {
        let ground = ground();
        let place = ground.place_in("嘉荣广场").unwrap();
        let leg = Leg::parked(place);
        let fix = ground.fix(5, 1_445_884_608_999, &leg);
        assert_eq!(fix.taken_utc_ms(), Some(1_445_884_608_000));
        let (latitude, longitude) = fix.place().unwrap();
        let degrees = |angle: Angle| f64::from(angle.degrees_e7()) / 1e7;
        let seen = crate::geo::Wgs84::new(degrees(latitude), degrees(longitude)).unwrap();
        assert!(ground.plane.project(seen).unwrap().distance_cm(place) <= 20);
        assert_eq!((fix.speed_dkn, fix.course_deg), (Some(0), None));
    }
}
