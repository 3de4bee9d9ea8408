//! Where the units are: R-trees by speed class, those that may be sent apart from those that not.
//!
//! The trees only offer units in order of straight distance; the ranking decides. Units that must
//! not be sent stand in trees of their own, so that looking for a free one never walks past a
//! station full of parked busy ones (6 us with 150 of them, 40 us with 1,000).

use super::id::{EngineTime, Point, UnitId};
use super::policy::{Need, UnitKind};
use super::ranking::Why;
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
    /// Why it must not be sent, whatever is asked; none when it may.
    pub barred: Option<Why>,
    /// What it can do: the skills and sworn officers it has.
    pub able: Need,
    /// Whether a terminal of it is registered.
    pub reachable: bool,
}

impl Placement {
    /// Whether it may be sent.
    #[must_use]
    pub fn is_sendable(self) -> bool {
        self.barred.is_none()
    }

    /// Whether both stand at one point of one tree.
    fn is_same_spot(self, other: Self) -> bool {
        let tree = |of: Self| (of.kind, of.point, of.is_sendable());
        tree(self) == tree(other)
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
    /// By unit id: ids are dense, and a ranking looks here for every unit the trees offer.
    placed: Vec<Option<Placement>>,
    /// Units that may be sent, by what they can do.
    able: BTreeMap<Need, usize>,
}

impl Spatial {
    /// Puts a unit where it is now, or takes it out. The trees stay as they are when it did not
    /// move.
    pub fn set(&mut self, unit: UnitId, placement: Option<Placement>) {
        let index = usize::try_from(unit.0).unwrap_or(usize::MAX);
        if placement.is_some() && index >= self.placed.len() {
            self.placed.resize(index.saturating_add(1), None);
        }
        let Some(slot) = self.placed.get_mut(index) else {
            return;
        };
        let old = std::mem::replace(slot, placement);
        self.count(old, placement);
        if let (Some(old), Some(new)) = (old, placement)
            && old.is_same_spot(new)
        {
            return;
        }
        if let Some(old) = old {
            self.tree_mut(old).remove(&spot(unit, old.point));
        }
        if let Some(new) = placement {
            self.tree_mut(new).insert(spot(unit, new.point));
        }
    }

    fn count(&mut self, old: Option<Placement>, new: Option<Placement>) {
        let able = |placement: Option<Placement>| {
            placement.filter(|it| it.is_sendable()).map(|it| it.able)
        };
        let (old, new) = (able(old), able(new));
        if old == new {
            return;
        }
        if let Some(able) = old
            && let Some(units) = self.able.get_mut(&able)
        {
            *units = units.saturating_sub(1);
            if *units == 0 {
                self.able.remove(&able);
            }
        }
        if let Some(able) = new {
            *self.able.entry(able).or_default() += 1;
        }
    }

    /// Whether any unit that may be sent meets a need: without one there is nothing to rank.
    #[must_use]
    pub fn anyone_for(&self, need: Need) -> bool {
        self.able.keys().any(|able| able.meets(need))
    }

    /// Where a unit stands.
    #[must_use]
    pub fn placement(&self, unit: UnitId) -> Option<Placement> {
        let index = usize::try_from(unit.0).unwrap_or(usize::MAX);
        self.placed.get(index).copied().flatten()
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
        if placement.is_sendable() {
            &mut class.sendable
        } else {
            &mut class.others
        }
    }
}

fn spot(unit: UnitId, point: Point) -> Spot {
    Spot::new([point.x_cm, point.y_cm], unit)
}
