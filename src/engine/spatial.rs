//! Where the units are: R-trees by speed class, those that may be sent apart from those that not.
//!
//! The trees only offer units in order of straight distance; the ranking decides. Units that must
//! not be sent stand in trees of their own, so that looking for a free one never walks past a
//! station full of parked busy ones (6 us with 150 of them, 40 us with 1,000).
//!
//! A unit that is sent changes its tree, which costs as much as a ranking. Nobody needs that before
//! its frame is out: it lags behind in its old tree, is looked over there, and moves when there is
//! time ([`Spatial::tidy`]).

use super::id::{EngineTime, Point, UnitId};
use super::policy::{Need, UnitKind};
use super::ranking::Why;
use rstar::primitives::GeomWithData;
use rstar::{PointDistance, RTree};
use std::collections::BTreeMap;

type Spot = GeomWithData<Point, UnitId>;

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
    /// Units that must not be sent any more and stand in the tree of those that may.
    lagging: Vec<UnitId>,
}

impl Spatial {
    /// Most units that lag behind.
    const LAGGING: usize = 64;

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
        if let (Some(old), Some(new)) = (old, placement) {
            if old.is_same_spot(new) {
                return;
            }
            let barred = Placement {
                barred: new.barred,
                ..old
            };
            if old.is_sendable() && barred.is_same_spot(new) && self.lagging.len() < Self::LAGGING {
                return self.lagging.push(unit);
            }
        }
        if let Some(old) = old {
            let lagged = self.catch_up(unit);
            let tree = self.tree_mut(old.kind, old.is_sendable() || lagged);
            tree.remove(&spot(unit, old.point));
        }
        if let Some(new) = placement {
            let tree = self.tree_mut(new.kind, new.is_sendable());
            tree.insert(spot(unit, new.point));
        }
    }

    /// Whether a unit lagged behind; it does no more.
    fn catch_up(&mut self, unit: UnitId) -> bool {
        let at = self.lagging.iter().position(|lagging| *lagging == unit);
        at.map(|at| self.lagging.swap_remove(at)).is_some()
    }

    /// Whether some unit lags behind.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        !self.lagging.is_empty()
    }

    /// Moves what lags behind. What is nearest to a place does not change by it.
    pub fn tidy(&mut self) {
        for unit in std::mem::take(&mut self.lagging) {
            if let Some(placed) = self.placement(unit) {
                let spot = spot(unit, placed.point);
                self.tree_mut(placed.kind, true).remove(&spot);
                self.tree_mut(placed.kind, false).insert(spot);
            }
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
        let tree = self.tree(kind, sendable).nearest_neighbor_iter(&from);
        let mut tree = tree
            .map(move |spot| (spot.data, distance(spot.geom(), &from)))
            .filter(move |(unit, _)| {
                let placed = self.placement(*unit);
                placed.is_some_and(|placed| placed.is_sendable() == sendable)
            })
            .peekable();
        let mut late = match sendable {
            true => Vec::new(),
            false => self.late(kind, from),
        };
        std::iter::from_fn(move || match (tree.peek(), late.last()) {
            (Some((_, near)), Some((_, late))) if near <= late => tree.next(),
            (_, Some(_)) => late.pop(),
            _ => tree.next(),
        })
    }

    /// Units of a class that lag behind, the nearest last.
    fn late(&self, kind: UnitKind, from: Point) -> Vec<(UnitId, u64)> {
        let placed = self.lagging.iter().filter_map(|unit| {
            let placed = self.placement(*unit).filter(|placed| placed.kind == kind)?;
            Some((*unit, distance(&placed.point, &from)))
        });
        let mut late: Vec<_> = placed.collect();
        late.sort_by_key(|(unit, distance)| std::cmp::Reverse((*distance, *unit)));
        late
    }

    fn tree(&self, kind: UnitKind, sendable: bool) -> &RTree<Spot> {
        let [motorcycles, cars, ebikes, feet] = &self.classes;
        let class = match kind {
            UnitKind::Motorcycle => motorcycles,
            UnitKind::Car => cars,
            UnitKind::EBike => ebikes,
            UnitKind::Foot => feet,
        };
        match sendable {
            true => &class.sendable,
            false => &class.others,
        }
    }

    fn tree_mut(&mut self, kind: UnitKind, sendable: bool) -> &mut RTree<Spot> {
        let [motorcycles, cars, ebikes, feet] = &mut self.classes;
        let class = match kind {
            UnitKind::Motorcycle => motorcycles,
            UnitKind::Car => cars,
            UnitKind::EBike => ebikes,
            UnitKind::Foot => feet,
        };
        match sendable {
            true => &mut class.sendable,
            false => &mut class.others,
        }
    }
}

/// A unit stands in its tree at its place as it is. Without link-time optimisation a search takes
/// half the instructions it takes with an array.
impl rstar::Point for Point {
    type Scalar = i64;
    const DIMENSIONS: usize = 2;

    fn generate(mut coordinate: impl FnMut(usize) -> i64) -> Self {
        Self {
            x_cm: coordinate(0),
            y_cm: coordinate(1),
        }
    }

    fn nth(&self, index: usize) -> i64 {
        match index {
            0 => self.x_cm,
            _ => self.y_cm,
        }
    }

    fn nth_mut(&mut self, index: usize) -> &mut i64 {
        match index {
            0 => &mut self.x_cm,
            _ => &mut self.y_cm,
        }
    }
}

/// Centimetres, rounded down.
fn distance(spot: &Point, from: &Point) -> u64 {
    u64::try_from(spot.distance_2(from)).unwrap_or(0).isqrt()
}

fn spot(unit: UnitId, point: Point) -> Spot {
    Spot::new(point, unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where a unit is put: its class, a place, and whether it may be sent.
    fn placement() -> impl Strategy<Value = Option<Placement>> {
        let place = (0usize..2, -9i64..9, -9i64..9, any::<bool>());
        let placement = place.prop_map(|(kind, x_cm, y_cm, sendable)| Placement {
            kind: UnitKind::ALL[kind],
            point: Point { x_cm, y_cm },
            taken_at: EngineTime(0),
            barred: (!sendable).then_some(Why::Committed),
            able: Need::default(),
            reachable: true,
        });
        prop::option::weighted(0.9, placement)
    }

    /// Everything of a class in order; who is equally far stands in the order of ids.
    fn all(spatial: &Spatial, kind: UnitKind, sendable: bool) -> Vec<(u64, UnitId)> {
        let near = spatial.nearest(kind, sendable, Point { x_cm: 1, y_cm: 1 });
        let mut all: Vec<_> = near.map(|(unit, distance)| (distance, unit)).collect();
        assert!(all.is_sorted_by_key(|(distance, _)| *distance));
        all.sort_unstable();
        all
    }

    proptest! {
        /// Whether and when it is tidied makes no difference to who is near.
        #[test]
        fn lagging_shows_nowhere(
            moves in prop::collection::vec((0u32..12, placement(), any::<bool>()), 1..200),
        ) {
            let (mut lazy, mut eager) = (Spatial::default(), Spatial::default());
            for (unit, placement, tidy) in moves {
                lazy.set(UnitId(unit), placement);
                eager.set(UnitId(unit), placement);
                eager.tidy();
                if tidy && unit == 0 {
                    lazy.tidy();
                }
                for (kind, sendable) in [(0, true), (0, false), (1, true), (1, false)] {
                    let kind = UnitKind::ALL[kind];
                    prop_assert_eq!(all(&lazy, kind, sendable), all(&eager, kind, sendable));
                }
            }
        }
    }
}
