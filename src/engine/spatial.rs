//! Where the units are: R-trees by speed class, those that may be sent apart from those that not.
//!
//! The trees only offer units in order of straight distance; the ranking decides. Units that must
//! not be sent stand in trees of their own, so that looking for a free one never walks past a
//! station full of parked busy ones (6 us with 150 of them, 40 us with 1,000).

use super::id::{EngineTime, Point, UnitId};
use super::policy::UnitKind;
use rstar::primitives::GeomWithData;
use rstar::{PointDistance, RTree};
use std::collections::BTreeMap;

type Spot = GeomWithData<[i64; 2], UnitId>;

/// Where one unit stands in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Its speed class.
    pub kind: UnitKind,
    /// Where it is.
    pub point: Point,
    /// When the fix that says so was taken.
    pub taken_at: EngineTime,
    /// Whether it may be sent.
    pub sendable: bool,
}

impl Placement {
    /// Whether both stand at one point of one tree.
    fn is_same_spot(self, other: Self) -> bool {
        (self.kind, self.point, self.sendable) == (other.kind, other.point, other.sendable)
    }
}

#[derive(Debug, Default, Clone)]
struct Class {
    sendable: RTree<Spot>,
    others: RTree<Spot>,
}

/// All units on duty that have a place.
#[derive(Debug, Default, Clone)]
pub struct Spatial {
    classes: [Class; UnitKind::ALL.len()],
    placed: BTreeMap<UnitId, Placement>,
}

impl Spatial {
    /// Puts a unit where it is now, or takes it out. The trees stay as they are when only its fix is newer.
    pub fn set(&mut self, unit: UnitId, placement: Option<Placement>) {
        let old = self.placed.get(&unit).copied();
        if let (Some(old), Some(new)) = (old, placement)
            && old.is_same_spot(new)
        {
            self.placed.insert(unit, new);
            return;
        }
        if let Some(old) = old {
            self.tree_mut(old).remove(&spot(unit, old.point));
            self.placed.remove(&unit);
        }
        if let Some(new) = placement {
            self.tree_mut(new).insert(spot(unit, new.point));
            self.placed.insert(unit, new);
        }
    }

    /// Where a unit stands.
    #[must_use]
    pub fn placement(&self, unit: UnitId) -> Option<Placement> {
        self.placed.get(&unit).copied()
    }

    /// Units that may be sent (or those that may not) of one class, nearest first, with their
    /// straight distance in centimetres.
    pub fn nearest(
        &self,
        kind: UnitKind,
        sendable: bool,
        from: Point,
    ) -> impl Iterator<Item = (UnitId, u64)> + '_ {
        let [motorcycles, cars, ebikes, feet] = &self.classes;
        let class = match kind {
            UnitKind::Motorcycle => motorcycles,
            UnitKind::Car => cars,
            UnitKind::EBike => ebikes,
            UnitKind::Foot => feet,
        };
        let tree = if sendable {
            &class.sendable
        } else {
            &class.others
        };
        let from = [from.x_cm, from.y_cm];
        tree.nearest_neighbor_iter(&from).map(move |spot| {
            let squared = spot.geom().distance_2(&from);
            (spot.data, u64::try_from(squared).unwrap_or(0).isqrt())
        })
    }

    fn tree_mut(&mut self, placement: Placement) -> &mut RTree<Spot> {
        let [motorcycles, cars, ebikes, feet] = &mut self.classes;
        let class = match placement.kind {
            UnitKind::Motorcycle => motorcycles,
            UnitKind::Car => cars,
            UnitKind::EBike => ebikes,
            UnitKind::Foot => feet,
        };
        if placement.sendable {
            &mut class.sendable
        } else {
            &mut class.others
        }
    }
}

fn spot(unit: UnitId, point: Point) -> Spot {
    Spot::new([point.x_cm, point.y_cm], unit)
}
