//! The one queue: every incident that misses a unit, by effective grade, then age, then number.
//!
//! Incidents wait in lanes, one for each grade and need. Within a lane the effective grade can only
//! fall from front to back, so a lane never has to be sorted again as time passes, and merging the
//! fronts gives the whole order. A freed unit looks only into the lanes it qualifies for.

use super::id::{EngineTime, IncidentId};
use super::incident::Incident;
use super::policy::{Grade, Need};
use std::collections::{BTreeMap, BTreeSet};

/// Rank in the queue: 0 is an officer's emergency, 1 to 4 are the grades.
pub type Rank = u8;

/// Place in the queue: effective grade, report, number. Smaller goes first.
pub type Turn = (Rank, EngineTime, IncidentId);

/// The rank an incident counts as after waiting for `waited_ms`: III rises to II after
/// `step_ms[0]`, IV to III after `step_ms[1]` and on. Nothing rises to I, and nothing but an
/// emergency, which has no grade here, is of rank 0.
#[must_use]
pub fn effective_rank(step_ms: [u32; 2], grade: Option<Grade>, waited_ms: u64) -> Rank {
    let [third, fourth] = step_ms.map(u64::from);
    let Some(grade) = grade else { return 0 };
    match grade {
        Grade::One => 1,
        Grade::Two => 2,
        Grade::Three if waited_ms >= third => 2,
        Grade::Three => 3,
        Grade::Four if waited_ms >= fourth.saturating_add(third) => 2,
        Grade::Four if waited_ms >= fourth => 3,
        Grade::Four => 4,
    }
}

/// An incident's place in the queue.
#[must_use]
pub fn turn(step_ms: [u32; 2], now: EngineTime, incident: &Incident) -> Turn {
    let grade = class(incident);
    let waited_ms = now.since_ms(incident.reported_at);
    (
        effective_rank(step_ms, grade, waited_ms),
        incident.reported_at,
        incident.id,
    )
}

/// The grade an incident waits by, none for an emergency: that sorts first.
fn class(incident: &Incident) -> Option<Grade> {
    let graded = incident.emergency.is_none();
    graded.then(|| incident.classification().grade)
}

type Lane = (Option<Grade>, Need);

/// Lanes of incidents that miss units.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Queue {
    lanes: BTreeMap<Lane, BTreeSet<(EngineTime, IncidentId)>>,
    waiting: BTreeMap<IncidentId, BTreeSet<Lane>>,
}

impl Queue {
    /// Puts an incident into the lanes of what it misses now, and out of the others.
    pub fn set(&mut self, incident: &Incident) {
        let grade = class(incident);
        let lanes: BTreeSet<Lane> = incident.missing().map(|(_, need)| (grade, need)).collect();
        self.replace(incident.id, incident.reported_at, lanes);
    }

    /// Takes an incident out.
    pub fn remove(&mut self, incident: &Incident) {
        self.replace(incident.id, incident.reported_at, BTreeSet::new());
    }

    fn replace(&mut self, id: IncidentId, reported_at: EngineTime, lanes: BTreeSet<Lane>) {
        let entry = (reported_at, id);
        for lane in self.waiting.remove(&id).unwrap_or_default() {
            if let Some(waiting) = self.lanes.get_mut(&lane)
                && waiting.remove(&entry)
                && waiting.is_empty()
            {
                self.lanes.remove(&lane);
            }
        }
        for lane in &lanes {
            self.lanes.entry(*lane).or_default().insert(entry);
        }
        if !lanes.is_empty() {
            self.waiting.insert(id, lanes);
        }
    }

    /// Incidents that wait, in the order they are served, of the lanes `qualifies` lets through.
    /// One that misses several kinds of units comes once: it heads all its lanes at its turn.
    pub fn in_order(
        &self,
        step_ms: [u32; 2],
        now: EngineTime,
        qualifies: impl Fn(Need) -> bool,
    ) -> impl Iterator<Item = Turn> {
        let mut fronts: Vec<_> = self
            .lanes
            .iter()
            .filter(|((_, need), _)| qualifies(*need))
            .map(|((grade, _), waiting)| (*grade, waiting.iter().peekable()))
            .collect();
        let turn_of = move |grade, (reported_at, id): (EngineTime, IncidentId)| {
            let rank = effective_rank(step_ms, grade, now.since_ms(reported_at));
            (rank, reported_at, id)
        };
        std::iter::from_fn(move || {
            let next = fronts
                .iter_mut()
                .filter_map(|(grade, lane)| lane.peek().map(|front| turn_of(*grade, **front)))
                .min()?;
            for (grade, lane) in &mut fronts {
                lane.next_if(|front| turn_of(*grade, **front) == next);
            }
            Some(next)
        })
    }

    /// How many wait, by confirmed grade and emergencies aside, and since when the oldest does.
    #[must_use]
    pub fn by_grade(&self) -> [(usize, Option<EngineTime>); 4] {
        Grade::ALL.map(|grade| {
            let lanes = self.lanes.iter().filter(|((of, _), _)| *of == Some(grade));
            let entries: BTreeSet<_> = lanes.flat_map(|(_, waiting)| waiting).collect();
            (
                entries.len(),
                entries.first().map(|(reported_at, _)| *reported_at),
            )
        })
    }
}
