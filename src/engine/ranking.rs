//! Who gets there first: the exact k best units for one place, with reasons.
//!
//! Travel time comes from one function, [`travel_ms`], which knows straight lines and a speed for
//! each class of unit; roads will take its place. Within a class the time cannot fall as the
//! distance grows, so the search of a class may stop at the first unit slower than the k-th best.

use super::id::{EngineTime, Point, UnitId};
use super::policy::{Need, Policy, UnitKind};
use super::spatial::{Placement, Spatial};
use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

/// What a dispatcher should know about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The time is along a straight line: no roads are known.
    StraightLine,
    /// Its fix is older than the config trusts.
    StaleFix,
    /// No terminal is registered: only by voice (仅语音).
    VoiceOnly,
}

/// A unit that can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub unit: UnitId,
    /// Time to get there, milliseconds.
    pub travel_ms: u32,
    /// Straight distance, metres.
    pub distance_m: u32,
    /// Where it is, as this decision saw it.
    pub point: Point,
    /// Age of that fix, milliseconds.
    pub fix_age_ms: u64,
    /// What to know about it.
    pub reasons: ArrayVec<Reason, 3>,
}

/// Why a nearer unit is not a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// It works on another assignment.
    Committed,
    /// It is out of service.
    OutOfService,
    /// It lacks a skill the slot asks for.
    LacksSkill,
    /// Its crew has too few sworn officers: auxiliaries do not handle cases alone.
    LacksSworn,
    /// It declined, did not answer or was recalled for this incident a moment ago.
    Held,
    /// Another slot of the same incident takes it.
    Taken,
    /// Nobody knows where it is: it is free, but only a person can send it.
    NoPosition,
    /// Its own crew calls for help.
    Emergency,
}

/// A unit nearer than the first candidate that is not one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Which.
    pub unit: UnitId,
    /// Time it would take, milliseconds; `u32::MAX` where nobody knows where it is.
    pub travel_ms: u32,
    /// Why not.
    pub why: Why,
}

/// A choice that explains itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    /// Events the state had seen when it was made; an offer names it.
    pub as_of: u64,
    /// What the slot asks for.
    pub need: Need,
    /// The best, fastest first, ties by id.
    pub candidates: Vec<Candidate>,
    /// At most [`Ranking::MAX_PASSED`] units that would be faster than the first candidate.
    pub passed_over: Vec<PassedOver>,
}

impl Ranking {
    /// Most units listed as passed over.
    pub const MAX_PASSED: usize = 8;
    /// Most units of a class looked at to be passed over. Ties go by id, so a station full of
    /// parked cars on one spot would otherwise be walked from end to end for a list of eight.
    pub const MAX_WALKED: usize = 64;
    /// Most candidates a config may ask for.
    pub const MAX_K: u8 = 16;

    /// The unit it recommends.
    #[must_use]
    pub fn first(&self) -> Option<UnitId> {
        self.candidates.first().map(|best| best.unit)
    }
}

/// Time for a straight distance at the speed of `kind`, milliseconds, rounded up.
#[must_use]
pub fn travel_ms(policy: &Policy, kind: UnitKind, distance_cm: u64) -> u32 {
    let [motorcycle, car, ebike, foot] = policy.speed_cm_s;
    let speed_cm_s = match kind {
        UnitKind::Motorcycle => motorcycle,
        UnitKind::Car => car,
        UnitKind::EBike => ebike,
        UnitKind::Foot => foot,
    };
    let ms = distance_cm
        .saturating_mul(1000)
        .div_ceil(u64::from(speed_cm_s.max(1)));
    u32::try_from(ms).unwrap_or(u32::MAX)
}

/// Where and for what to rank.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Events the state has seen.
    pub as_of: u64,
    /// Now.
    pub now: EngineTime,
    /// Where to.
    pub to: Point,
    /// What the slot asks for.
    pub need: Need,
}

/// A unit found, with the time it needs and the straight distance in centimetres.
struct Found {
    travel_ms: u32,
    unit: UnitId,
    distance_cm: u64,
    placement: Placement,
}

/// The exact best `policy.top_k` units; `held` tells of a unit that this incident must not have.
#[must_use]
pub fn rank(
    policy: &Policy,
    spatial: &Spatial,
    question: Question,
    held: impl Fn(UnitId) -> Option<Why>,
) -> Ranking {
    let k = usize::from(policy.top_k.clamp(1, Ranking::MAX_K));
    let mut best: Vec<Found> = Vec::with_capacity(k + 1);
    let mut passed: Vec<PassedOver> = Vec::new();
    for kind in UnitKind::ALL {
        for (unit, distance_cm) in spatial.nearest(kind, true, question.to) {
            let travel_ms = travel_ms(policy, kind, distance_cm);
            if best.len() == k && best.last().is_some_and(|worst| travel_ms > worst.travel_ms) {
                break;
            }
            let Some(placement) = spatial.placement(unit) else {
                continue;
            };
            if let Some(why) = held(unit).or_else(|| lacks(placement.able, question.need)) {
                let new = PassedOver {
                    unit,
                    travel_ms,
                    why,
                };
                pass(&mut passed, new);
                continue;
            }
            let at =
                best.partition_point(|other| (other.travel_ms, other.unit) < (travel_ms, unit));
            let found = Found {
                travel_ms,
                unit,
                distance_cm,
                placement,
            };
            best.insert(at, found);
            best.truncate(k);
        }
    }
    let first_ms = best.first().map_or(u32::MAX, |first| first.travel_ms);
    pass_barred(policy, spatial, question.to, first_ms, &mut passed);
    passed.retain(|unit| unit.travel_ms < first_ms);
    let candidates = best
        .iter()
        .map(|found| candidate(policy, question.now, found));
    Ranking {
        as_of: question.as_of,
        need: question.need,
        candidates: candidates.collect(),
        passed_over: passed,
    }
}

fn lacks(able: Need, need: Need) -> Option<Why> {
    if !able.skills.covers(need.skills) {
        return Some(Why::LacksSkill);
    }
    (able.sworn < need.sworn).then_some(Why::LacksSworn)
}

/// Passes over the units nearer than the first candidate that must not be sent at all.
fn pass_barred(
    policy: &Policy,
    spatial: &Spatial,
    to: Point,
    first_ms: u32,
    passed: &mut Vec<PassedOver>,
) {
    for kind in UnitKind::ALL {
        let nearest = spatial.nearest(kind, false, to).take(Ranking::MAX_WALKED);
        for (unit, distance_cm) in nearest {
            let travel_ms = travel_ms(policy, kind, distance_cm);
            let full = passed.len() == Ranking::MAX_PASSED;
            let last_ms = passed.last().map_or(0, |last| last.travel_ms);
            if travel_ms >= first_ms || full && travel_ms > last_ms {
                break;
            }
            if let Some(why) = spatial.placement(unit).and_then(|found| found.barred) {
                let new = PassedOver {
                    unit,
                    travel_ms,
                    why,
                };
                pass(passed, new);
            }
        }
    }
}

/// Keeps the nearest few, in order.
fn pass(passed: &mut Vec<PassedOver>, new: PassedOver) {
    let key = |unit: &PassedOver| (unit.travel_ms, unit.unit);
    let at = passed.partition_point(|other| key(other) < key(&new));
    if at < Ranking::MAX_PASSED {
        passed.insert(at, new);
        passed.truncate(Ranking::MAX_PASSED);
    }
}

fn candidate(policy: &Policy, now: EngineTime, found: &Found) -> Candidate {
    let placement = found.placement;
    let fix_age_ms = now.since_ms(placement.taken_at);
    let is_stale = fix_age_ms > u64::from(policy.stale_fix_ms);
    let reasons = [
        Some(Reason::StraightLine),
        is_stale.then_some(Reason::StaleFix),
        (!placement.reachable).then_some(Reason::VoiceOnly),
    ];
    Candidate {
        unit: found.unit,
        travel_ms: found.travel_ms,
        distance_m: u32::try_from(found.distance_cm / 100).unwrap_or(u32::MAX),
        point: placement.point,
        fix_age_ms,
        reasons: reasons.into_iter().flatten().collect(),
    }
}
