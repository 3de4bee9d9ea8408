//! An officer's emergency (紧急求助): what makes an incident rank 0, above every grade.
//!
//! A terminal has at most one open emergency. It opens with the button or the status key, further
//! presses join it, a cancel from the terminal is written down, and only a person ends it. While it
//! is open its unit is marked beside its state and is not sent anywhere.

use super::Engine;
use super::event::Event;
use super::id::{EngineTime, IncidentId, RadioId, UnitId};
use super::incident::Incident;
use serde::{Deserialize, Serialize};

/// The emergency an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// The terminal whose button was pressed.
    pub radio: RadioId,
    /// The unit that held it then; nobody's where the terminal is unknown or off duty.
    pub unit: Option<UnitId>,
    /// How often it was pressed.
    pub presses: u32,
    /// When it was last pressed.
    pub last_at: EngineTime,
    /// When the terminal last took it back. It stays open all the same.
    pub cancelled_at: Option<EngineTime>,
}

impl Engine {
    pub(super) fn apply_emergency(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::EmergencyRaised {
                incident: id,
                radio,
                unit,
            } => {
                let incident = self.state.incidents.get_mut(id)?;
                incident.emergency = Some(Emergency {
                    radio: *radio,
                    unit: *unit,
                    presses: 1,
                    last_at: at,
                    cancelled_at: None,
                });
                self.state.emergencies.insert(*radio, *id);
                if let Some(unit) = unit {
                    let found = self.state.units.get_mut(unit)?;
                    found.emergency.get_or_insert(*id);
                    self.touch_unit(at, *unit);
                }
                self.touch_incident(*id);
            }
            Event::EmergencyRepeated { incident, .. } => {
                let found = self.emergency_mut(*incident)?;
                found.presses = found.presses.saturating_add(1);
                found.last_at = at;
            }
            Event::EmergencyCancelled { incident, .. } => {
                self.emergency_mut(*incident)?.cancelled_at = Some(at);
            }
            _ => return None,
        }
        Some(())
    }

    fn emergency_mut(&mut self, incident: IncidentId) -> Option<&mut Emergency> {
        let incident = self.state.incidents.get_mut(&incident)?;
        incident.emergency.as_mut()
    }

    /// An ended incident is open again, and so is its emergency: its terminal has no other.
    pub(super) fn revive_emergency(&mut self, at: EngineTime, id: IncidentId) {
        let incident = self.state.incidents.get(&id);
        let Some(ended) = incident.and_then(|found| found.emergency.as_ref()) else {
            return;
        };
        let (radio, unit) = (ended.radio, ended.unit);
        self.state.emergencies.insert(radio, id);
        if let Some(unit) = unit
            && let Some(found) = self.state.units.get_mut(&unit)
        {
            found.emergency.get_or_insert(id);
            self.touch_unit(at, unit);
        }
    }

    /// An incident ended: its terminal may open another emergency, and its unit is as before.
    pub(super) fn end_emergency(&mut self, at: EngineTime, id: IncidentId) {
        let incident = self.state.incidents.get(&id);
        let Some(ended) = incident.and_then(|found| found.emergency.as_ref()) else {
            return;
        };
        let (radio, unit) = (ended.radio, ended.unit);
        if self.state.emergencies.get(&radio) == Some(&id) {
            self.state.emergencies.remove(&radio);
        }
        let Some(unit) = unit else { return };
        // Another terminal of the unit may have one open.
        let others = self.state.emergencies.values();
        let others = others.filter_map(|id| self.state.incidents.get(id));
        let next = others.filter(|other| other.is_emergency_of(unit));
        let next = next.map(|other| other.id).min();
        if let Some(unit) = self.state.units.get_mut(&unit) {
            unit.emergency = next;
        }
        self.touch_unit(at, unit);
    }
}

impl Incident {
    /// Whether it is an emergency of that unit.
    #[must_use]
    pub fn is_emergency_of(&self, unit: UnitId) -> bool {
        let emergency = self.emergency.as_ref();
        emergency.is_some_and(|emergency| emergency.unit == Some(unit))
    }
}
