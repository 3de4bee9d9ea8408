//! Where terminals said they were, as it came to the daemon, and whether the journal and its
//! rankings believed no more than that.

use super::Broken;
use super::fault::Fault;
use crate::engine::event::Event;
use crate::engine::id::{EngineTime, Point, RadioId};
use crate::geo::datum::Wgs84;
use crate::geo::plane::Plane;
use std::collections::BTreeMap;
use tieqi_protocols::gps::{Angle, GpsField};

/// The clocks when a message comes: the daemon's two, and the right one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) at: EngineTime,
    pub(super) wall_ms: i64,
    pub(super) true_wall_ms: i64,
}

/// A fix may be so much ahead of the daemon's clock, ms: 10 s, and what it waits for its turn.
const AHEAD_MS: i64 = 60_000;
/// Clocks are read a moment apart, ms.
const SLACK_MS: i64 = 1_000;
/// Nobody is so far from town, centimetres.
const FAR_CM: i64 = 20_000_000;
/// Nobody gets there in so short a time, ms.
const NEVER_MS: u64 = 3_600_000;
/// A datagram's delay makes no fix older than this, ms.
const OLD_MS: i64 = 180_000;
/// Nor a clock newer, ms.
const NEW_MS: i64 = 60_000;

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The latest time of each place a terminal told, by the daemon's clocks; engine time.
    told: BTreeMap<(Point, RadioId), i64>,
    /// Places where that terminal is not or was not yet. In a long run somebody else may really be
    /// there, or it itself at another time: then `told` has the place, too.
    lies: BTreeMap<(Point, RadioId), Fault>,
}

impl Places {
    /// A fix comes to the daemon; which lie it is, if it is one.
    pub(super) fn hear(
        &mut self,
        radio: RadioId,
        gps: GpsField<'_>,
        (plane, clocks): (&Plane, Clocks),
    ) -> Option<Fault> {
        let gps = gps.read().ok()?;
        let (latitude, longitude) = gps.place()?;
        let degrees = |angle: Angle| f64::from(angle.degrees_e7()) / 1e7;
        let at = Wgs84::new(degrees(latitude), degrees(longitude)).ok()?;
        let point = plane.project(at).ok()?;
        let utc_ms = gps.taken_utc_ms()?;
        let now_ms = i64::try_from(clocks.at.0).unwrap_or(i64::MAX);
        let taken_ms = now_ms - (clocks.wall_ms - utc_ms);
        let lie = match utc_ms - clocks.true_wall_ms {
            NEW_MS.. => Some(Fault::GpsFuture),
            ..0 if utc_ms + OLD_MS < clocks.true_wall_ms => Some(Fault::GpsStuck),
            _ if is_far(point) => Some(Fault::GpsJump),
            _ => None,
        };
        match lie {
            Some(lie @ (Fault::GpsFuture | Fault::GpsJump)) => {
                self.lies.insert((point, radio), lie);
            }
            _ if taken_ms <= now_ms + AHEAD_MS => {
                let latest = self.told.entry((point, radio)).or_insert(taken_ms);
                *latest = taken_ms.max(*latest);
            }
            _ => {}
        }
        lie
    }

    /// The terminal whose lie a place is, and nobody's truth.
    fn lie_at(&self, point: Point) -> Option<(RadioId, Fault)> {
        let here = (point, RadioId(0))..=(point, RadioId(u32::MAX));
        let mut lies = self.lies.range(here.clone());
        let (&(_, radio), &lie) = lies.next()?;
        self.told
            .range(here)
            .next()
            .is_none()
            .then_some((radio, lie))
    }
}

/// Whether a place is out of anybody's reach: the plane's middle is the town.
fn is_far(point: Point) -> bool {
    point.distance_cm(Point::default()) > FAR_CM.unsigned_abs()
}

/// What the journal believed, record by record.
#[derive(Debug, Default)]
pub(super) struct Believed {
    /// When each terminal's place was last noted, and whether that was out of reach.
    noted: BTreeMap<RadioId, (EngineTime, bool)>,
}

impl Believed {
    /// Takes the next event.
    pub(super) fn take(
        &mut self,
        at: EngineTime,
        event: &Event,
        places: &Places,
    ) -> Result<(), Broken> {
        match event {
            Event::PositionsNoted { fixes } => {
                let mut fixes = fixes.iter();
                fixes.try_for_each(|fix| self.note(*fix, places))
            }
            Event::UnitsRanked { ranking, .. } => {
                let mut points = ranking.candidates.iter().map(|candidate| candidate.point);
                points.try_for_each(|point| self.honest(at, point, places))
            }
            _ => Ok(()),
        }
    }

    fn note(
        &mut self,
        (radio, point, taken): (RadioId, Point, EngineTime),
        places: &Places,
    ) -> Result<(), Broken> {
        self.honest(taken, point, places)?;
        self.noted.insert(radio, (taken, is_far(point)));
        if places.lie_at(point).is_some() {
            return Ok(());
        }
        let taken_ms = i64::try_from(taken.0).unwrap_or(i64::MAX);
        let how = || format!("{radio} at {point:?}, {taken_ms}");
        match places.told.get(&(point, radio)) {
            Some(latest) if taken_ms <= latest.max(&0) + SLACK_MS => Ok(()),
            Some(_) => Err(Broken::new("a position passes for newer than it is", how())),
            None => Err(Broken::new("a position nobody told is believed", how())),
        }
    }

    /// A place must be no lie, but of a terminal that was last known too long ago, or that far.
    fn honest(&self, at: EngineTime, point: Point, places: &Places) -> Result<(), Broken> {
        let Some((radio, lie)) = places.lie_at(point) else {
            return Ok(());
        };
        let known = self.noted.get(&radio);
        let known = known.filter(|(noted, far)| !far && at.since_ms(*noted) <= NEVER_MS);
        match known {
            None if lie == Fault::GpsJump => Ok(()),
            _ => {
                let how = format!("{} of {radio} at {}: {point:?}", lie.name(), at.0);
                Err(Broken::new("a lying position is believed", how))
            }
        }
    }
}
