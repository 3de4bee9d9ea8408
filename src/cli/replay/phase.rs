//! How long each phase of the replayed incidents took, from the journal's own times.
//!
//! Percentiles with the missing stamps counted, never a bare average: an incident nobody came to
//! has no time on scene and must not look like a fast one.

use crate::engine::assignment::Rung;
use crate::engine::event::Event;
use crate::engine::id::{AssignmentId, EngineTime, IncidentId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A phase's name and its figures.
pub(super) type Told = (&'static str, Value);

/// The first time each thing happened to an incident.
#[derive(Debug, Default, Clone, Copy)]
struct Stamps {
    reported: Option<EngineTime>,
    offered: Option<EngineTime>,
    accepted: Option<EngineTime>,
    en_route: Option<EngineTime>,
    on_scene: Option<EngineTime>,
    resolved: Option<EngineTime>,
}

/// Where a phase begins or ends.
type Stamp = fn(&Stamps) -> Option<EngineTime>;

/// Name, begin and end of each phase.
const PHASES: [(&str, Stamp, Stamp); 6] = [
    ("report_to_offer", |it| it.reported, |it| it.offered),
    ("offer_to_accept", |it| it.offered, |it| it.accepted),
    ("accept_to_rolling", |it| it.accepted, |it| it.en_route),
    ("rolling_to_scene", |it| it.en_route, |it| it.on_scene),
    ("report_to_scene", |it| it.reported, |it| it.on_scene),
    ("report_to_resolved", |it| it.reported, |it| it.resolved),
];
/// Percentiles told.
const PERCENTS: [(&str, usize); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// Collects stamps as events come.
pub(super) struct Phases {
    stamps: BTreeMap<IncidentId, Stamps>,
    incident_of: BTreeMap<AssignmentId, IncidentId>,
}

impl Phases {
    /// Only of these incidents.
    pub(super) fn of(incidents: &BTreeSet<IncidentId>) -> Self {
        let stamps = incidents.iter().map(|id| (*id, Stamps::default()));
        Self {
            stamps: stamps.collect(),
            incident_of: BTreeMap::new(),
        }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, at: EngineTime, event: &Event) {
        let first = |stamp: &mut Option<EngineTime>| {
            stamp.get_or_insert(at);
        };
        match event {
            Event::IncidentReported { incident, .. } => {
                self.stamps
                    .entry(*incident)
                    .and_modify(|it| first(&mut it.reported));
            }
            Event::AssignmentOffered {
                assignment,
                incident,
                ..
            } => {
                self.incident_of.insert(*assignment, *incident);
                self.stamps
                    .entry(*incident)
                    .and_modify(|it| first(&mut it.offered));
            }
            Event::AssignmentAdvanced {
                assignment, rung, ..
            } => {
                let incident = self.incident_of.get(assignment);
                let Some(stamps) = incident.and_then(|id| self.stamps.get_mut(id)) else {
                    return;
                };
                match rung {
                    Rung::Accepted => first(&mut stamps.accepted),
                    Rung::EnRoute => first(&mut stamps.en_route),
                    Rung::OnScene => first(&mut stamps.on_scene),
                    _ => {}
                }
            }
            Event::IncidentResolved { incident, .. } => {
                self.stamps
                    .entry(*incident)
                    .and_modify(|it| first(&mut it.resolved));
            }
            _ => {}
        }
    }

    /// Each phase in simulated seconds at `speed`: how many incidents have both stamps, how many
    /// lack one, and percentiles (null without any).
    pub(super) fn told(&self, speed: f64) -> Vec<Told> {
        let told = PHASES.into_iter().map(|(name, from, to)| {
            let took = self
                .stamps
                .values()
                .filter_map(|it| Some(to(it)?.since_ms(from(it)?)));
            let mut took: Vec<u64> = took.collect();
            took.sort_unstable();
            let missing = self.stamps.len() - took.len();
            let mut phase = json!({ "counted": took.len(), "missing": missing });
            if let Some(phase) = phase.as_object_mut() {
                for (name, percent) in PERCENTS {
                    phase.insert(name.into(), json!(simulated_s(&took, percent, speed)));
                }
            }
            (name, phase)
        });
        told.collect()
    }
}

/// A percentile of sorted wall milliseconds (nearest rank), as whole simulated seconds.
fn simulated_s(took: &[u64], percent: usize, speed: f64) -> Option<u64> {
    let rank = (took.len() * percent).div_ceil(100);
    let ms = *took.get(rank.checked_sub(1)?)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "seconds of a day"
    )]
    let simulated = (ms as f64 * speed / 1000.0) as u64;
    Some(simulated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_those_that_have_both_stamps() {
        let took: Vec<u64> = (1..=100).collect();
        let at = |percent| simulated_s(&took, percent, 1000.0);
        assert_eq!([50, 90, 99, 100].map(at), [50, 90, 99, 100].map(Some));
        assert_eq!(simulated_s(&[7], 50, 1000.0), Some(7));
        assert_eq!(simulated_s(&[], 50, 1000.0), None);
        let phases = Phases::of(&[IncidentId(1), IncidentId(2)].into_iter().collect());
        let told = phases.told(1.0);
        for (name, phase) in told {
            assert_eq!(
                (&phase["missing"], &phase["p50"]),
                (&json!(2), &Value::Null),
                "{name}"
            );
        }
    }
}
