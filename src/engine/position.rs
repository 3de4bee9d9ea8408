//! Where the terminals are: the latest plausible fix of each, and what was not believed.
//!
//! This table is fed by `observe`, not by events, and equality with replay leaves it out; what a
//! decision used stands in its ranking, and `PositionsNoted` keeps the last known places over a
//! restart.

use super::id::{EngineTime, Point, RadioId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A fix as the edge hands it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fix {
    /// Where.
    pub point: Point,
    /// When it was taken: engine time less the age the edge worked out of GPS and wall time. It may
    /// lie before the journal began, or in the future when a clock is wrong.
    pub taken_ms: i64,
}

/// Why a fix is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Doubt {
    /// Its clock is ahead of ours by more than [`Positions::AHEAD_MS`].
    Future,
    /// It is not newer than the last one.
    Stale,
    /// Nobody moves that fast.
    Jump,
    /// Outside the plane.
    OutOfPlane,
    /// Its terminal is suspect.
    Suspect,
}

/// What became of a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It is the terminal's place now.
    Taken,
    /// It was kept as evidence only.
    Doubted(Doubt),
    /// The config does not know this radio id.
    Stranger,
}

/// A place that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    pub point: Point,
    /// When the fix was taken.
    pub taken_at: EngineTime,
}

#[derive(Debug, Default, Clone)]
struct Track {
    place: Option<Place>,
    /// Its terminal is suspect: somebody else's place goes before it.
    contested: bool,
    /// What was not believed; most terminals have nothing.
    doubts: Option<Box<Doubts>>,
}

#[derive(Debug, Default, Clone)]
struct Doubts {
    /// The last fix that was not believed.
    claimed: Option<Fix>,
    /// Doubtful fixes so far, and when one of each kind was last journalled.
    doubted: u32,
    noted_at: BTreeMap<Doubt, EngineTime>,
}

/// Latest plausible fix of each terminal.
#[derive(Debug, Default, Clone)]
pub struct Positions {
    tracks: BTreeMap<RadioId, Track>,
    moved: BTreeSet<RadioId>,
}

impl Positions {
    /// How far a terminal's clock may be ahead of ours, milliseconds.
    pub const AHEAD_MS: i64 = 10_000;
    /// A terminal's doubtful fixes of one kind are journalled at most this often, milliseconds.
    pub const DOUBT_EVERY_MS: u64 = 60_000;
    /// A first terminal's fix younger than this beats a newer one of the others, milliseconds.
    pub const FRESH_MS: u64 = 60_000;
    /// How much earlier than the last a fix may seem by the reading of clocks alone, milliseconds.
    const JITTER_MS: i64 = 50;
    /// A jump is forgiven when it is within the fixes' own scatter, centimetres.
    const SCATTER_CM: u64 = 20_000;
    /// Fixes one event holds at most: 6 KB.
    const PER_EVENT: usize = 250;

    /// Takes a fix, or says why it is not believed. `speed_cm_s` is the fastest anybody moves.
    pub(super) fn observe(
        &mut self,
        now: EngineTime,
        radio: RadioId,
        fix: Fix,
        speed_cm_s: u64,
    ) -> Observed {
        let track = self.tracks.entry(radio).or_default();
        if let Some(doubt) = track.doubt(now, fix, speed_cm_s) {
            return Observed::Doubted(doubt);
        }
        let taken_at = EngineTime(u64::try_from(fix.taken_ms).unwrap_or(0)).min(now);
        track.place = Some(Place {
            point: fix.point,
            taken_at,
        });
        self.moved.insert(radio);
        Observed::Taken
    }

    /// Keeps a fix that is not believed. Whether it should be journalled now; then it is marked
    /// as journalled.
    pub(super) fn note_doubt(
        &mut self,
        now: EngineTime,
        radio: RadioId,
        (fix, doubt): (Fix, Doubt),
    ) -> bool {
        let track = self.tracks.entry(radio).or_default();
        let doubts = track.doubts.get_or_insert_default();
        doubts.doubted = doubts.doubted.saturating_add(1);
        doubts.claimed = Some(fix);
        let last = doubts.noted_at.get(&doubt);
        let due = last.is_none_or(|last| now.since_ms(*last) >= Self::DOUBT_EVERY_MS);
        if due {
            doubts.noted_at.insert(doubt, now);
        }
        due
    }

    /// Puts back a place the journal kept, unless a newer one is known.
    pub(super) fn restore(&mut self, radio: RadioId, place: Place) {
        let track = self.tracks.entry(radio).or_default();
        if track
            .place
            .is_none_or(|known| known.taken_at <= place.taken_at)
        {
            track.place = Some(place);
        }
        self.moved.remove(&radio);
    }

    /// Whether nothing moved since the last `PositionsNoted`.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.moved.is_empty()
    }

    /// One piece of the terminals that moved since they were last noted, in id order, those with
    /// an id greater than `behind`.
    pub(super) fn moved(&self, behind: RadioId) -> Vec<(RadioId, Point, EngineTime)> {
        let place = |radio: &RadioId| {
            let place = self.of(*radio)?;
            Some((*radio, place.point, place.taken_at))
        };
        self.piece(behind).filter_map(place).collect()
    }

    /// With whom the piece behind `behind` ends; none when there is nothing more.
    #[must_use]
    pub fn end_of_piece(&self, behind: RadioId) -> Option<RadioId> {
        self.piece(behind).last().copied()
    }

    fn piece(&self, behind: RadioId) -> impl Iterator<Item = &RadioId> {
        let rest = self
            .moved
            .range((Bound::Excluded(behind), Bound::Unbounded));
        rest.take(Self::PER_EVENT)
    }

    /// The believed place of a terminal.
    #[must_use]
    pub fn of(&self, radio: RadioId) -> Option<Place> {
        self.tracks.get(&radio)?.place
    }

    /// The believed places of all terminals, in id order.
    pub(super) fn places(&self) -> Vec<(RadioId, Place)> {
        let tracks = self.tracks.iter();
        tracks
            .filter_map(|(radio, track)| Some((*radio, track.place?)))
            .collect()
    }

    /// The last fix of a terminal that was not believed.
    #[must_use]
    pub fn claimed(&self, radio: RadioId) -> Option<Fix> {
        self.doubts(radio)?.claimed
    }

    /// Doubtful fixes of a terminal so far.
    #[must_use]
    pub fn doubted(&self, radio: RadioId) -> u32 {
        self.doubts(radio).map_or(0, |doubts| doubts.doubted)
    }

    fn doubts(&self, radio: RadioId) -> Option<&Doubts> {
        self.tracks.get(&radio)?.doubts.as_deref()
    }

    /// A terminal becomes suspect, or is trusted again.
    pub(super) fn contest(&mut self, radio: RadioId, suspect: bool) {
        self.tracks.entry(radio).or_default().contested = suspect;
    }

    /// A unit's place: its first terminal's fix if fresh, else the newest of them all. That of a
    /// suspect terminal, from when it was believed, is better than none.
    #[must_use]
    pub fn of_unit(&self, now: EngineTime, terminals: &[RadioId]) -> Option<Place> {
        let contested = [false, true].into_iter();
        let mut places = contested.map(|contested| self.best(now, terminals, contested));
        places.find_map(|place| place)
    }

    /// The best place of the terminals that are contested, or of those that are not.
    fn best(&self, now: EngineTime, terminals: &[RadioId], contested: bool) -> Option<Place> {
        let of = |radio: &RadioId| {
            let track = self.tracks.get(radio)?;
            track.place.filter(|_| track.contested == contested)
        };
        let first = terminals.first().and_then(of);
        if let Some(place) = first
            && now.since_ms(place.taken_at) < Self::FRESH_MS
        {
            return Some(place);
        }
        let places = terminals.iter().filter_map(of);
        places.reduce(|best, next| {
            if next.taken_at > best.taken_at {
                next
            } else {
                best
            }
        })
    }
}

impl Track {
    fn doubt(&self, now: EngineTime, fix: Fix, speed_cm_s: u64) -> Option<Doubt> {
        if !fix.point.is_in_plane() {
            return Some(Doubt::OutOfPlane);
        }
        let now_ms = i64::try_from(now.0).unwrap_or(i64::MAX);
        if fix.taken_ms > now_ms.saturating_add(Positions::AHEAD_MS) {
            return Some(Doubt::Future);
        }
        let last = self.place?;
        let last_ms = i64::try_from(last.taken_at.0).unwrap_or(i64::MAX);
        // A fix slightly ahead of our clock was clamped to it, so equal times are not stale.
        // Wall and engine time are read in whole milliseconds, so fixes of one GPS second differ.
        if fix.taken_ms.saturating_add(Positions::JITTER_MS) < last_ms {
            return Some(Doubt::Stale);
        }
        // GPS time has whole seconds, so one more may have passed.
        let elapsed_ms = fix.taken_ms.abs_diff(last_ms) + 1000;
        let reach_cm = speed_cm_s.saturating_mul(elapsed_ms) / 1000 + Positions::SCATTER_CM;
        (last.point.distance_cm(fix.point) > reach_cm).then_some(Doubt::Jump)
    }
}
