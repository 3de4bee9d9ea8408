//! Emergencies: a known terminal's opens an incident of rank 0 at once; an unknown or suspect one's
//! is a loud alarm, and a dispatcher who knows more makes the incident.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::event::{By, Event};
use super::super::id::{AlarmId, IncidentId, Point, RadioId};
use super::super::incident::{Classification, Incident, Report, Source};
use super::super::policy::Grade;
use super::super::rejection::Rejection;
use super::Draft;

impl Engine {
    /// The emergency button or key of a terminal.
    pub(super) fn record_emergency(&self, draft: &mut Draft, radio: RadioId) {
        if let Some(incident) = self.state.emergencies.get(&radio).copied() {
            let repeated = Event::EmergencyRepeated { incident, radio };
            draft.events.push(repeated);
            return self.need_help(draft, radio, Some(incident));
        }
        if !self.policy.terminals.contains(&radio) {
            self.stranger(draft, radio);
            return self.need_help(draft, radio, None);
        }
        match self.is_suspect(radio) {
            true => self.need_help(draft, radio, None),
            false => self.believe_emergency(draft, radio),
        }
    }

    /// A terminal of ours calls for help: its incident, and the alarm that names it.
    pub(super) fn believe_emergency(&self, draft: &mut Draft, radio: RadioId) {
        let classification = Classification {
            category: None,
            grade: Grade::One,
        };
        let holder = self.state.holder(radio);
        let report = Report {
            source: Source::RadioEmergency,
            by: radio.to_string(),
            place: holder.map_or_else(|| radio.to_string(), |unit| unit.call_sign.clone()),
            point: self.place_of(draft, radio),
            caller: radio.to_string(),
            text: String::new(),
            occurred_at_ms: None,
            classification,
        };
        let incident = self.open_emergency(draft, radio, report, By::Engine);
        self.need_help(draft, radio, Some(incident));
    }

    /// The terminal takes its emergency back: written down, and nothing more.
    pub(super) fn record_emergency_cancel(&self, draft: &mut Draft, radio: RadioId) {
        if let Some(incident) = self.state.emergencies.get(&radio).copied() {
            let cancelled = Event::EmergencyCancelled { incident, radio };
            draft.events.push(cancelled);
        }
    }

    /// A dispatcher makes an incident of the alarm an unknown terminal's emergency raised.
    pub(super) fn report_emergency(
        &self,
        draft: &mut Draft,
        id: AlarmId,
        report: &Report,
        by: &By,
    ) -> Result<(), Rejection> {
        let alarm = self.state.alarms.get(&id);
        let alarm = alarm.ok_or(Rejection::UnknownAlarm(id))?;
        let radio = match (alarm.kind, alarm.about.radio, alarm.about.incident) {
            (AlarmKind::NeedHelp, Some(radio), None) => radio,
            _ => {
                let text = "the alarm is no emergency that still wants an incident";
                return Err(Rejection::Invalid(text));
            }
        };
        if self.state.emergencies.contains_key(&radio) {
            let text = "this terminal's emergency has an incident already";
            return Err(Rejection::Invalid(text));
        }
        self.check_report(report)?;
        let report = Report {
            source: Source::RadioEmergency,
            ..report.clone()
        };
        self.open_emergency(draft, radio, report, by.clone());
        if let By::User(by) = by {
            let (alarm, by) = (id, by.clone());
            draft.events.push(Event::AlarmAcked { alarm, by });
        }
        Ok(())
    }

    /// An incident of rank 0. It is never refused for want of room: there is at most one for each
    /// terminal the config knows or a desk has vouched for.
    fn open_emergency(
        &self,
        draft: &mut Draft,
        radio: RadioId,
        report: Report,
        by: By,
    ) -> IncidentId {
        let incident = IncidentId(self.state.counters.incident + 1);
        let classification = report.classification;
        let review_at = draft.now.plus_ms(self.waiting_ms(Grade::One));
        draft.events.push(Event::IncidentReported {
            incident,
            report,
            review_at,
        });
        draft.events.push(Event::EmergencyRaised {
            incident,
            radio,
            unit: self.state.holder(radio).map(|unit| unit.id),
        });
        draft.events.push(Event::IncidentConfirmed {
            incident,
            classification,
            needs: self.policy.emergency.needs.clone(),
            limits: self.policy.emergency.limits,
            review_at,
            by,
        });
        incident
    }

    /// An urgent alarm that names the unit.
    fn need_help(&self, draft: &mut Draft, radio: RadioId, incident: Option<IncidentId>) {
        let about = About {
            incident,
            assignment: None,
            unit: self.state.holder(radio).map(|unit| unit.id),
            radio: Some(radio),
        };
        self.alarm(draft, AlarmKind::NeedHelp, about);
    }

    /// Where a terminal is: its own fix, else its unit's.
    fn place_of(&self, draft: &Draft, radio: RadioId) -> Option<Point> {
        let own = self.positions.of(radio);
        let place = own.or_else(|| {
            let duty = self.state.holder(radio)?.duty.as_ref()?;
            self.positions.of_unit(draft.now, &duty.terminals)
        });
        place.map(|place| place.point)
    }

    /// An emergency that came without a position takes the first one its terminal reports.
    pub(super) fn locate_emergency(&self, draft: &mut Draft, incident: &Incident) -> bool {
        let Some(emergency) = &incident.emergency else {
            return false;
        };
        let known = incident.report.point.is_some();
        let Some(point) = self.place_of(draft, emergency.radio).filter(|_| !known) else {
            return false;
        };
        draft.events.push(Event::IncidentRelocated {
            incident: incident.id,
            place: incident.report.place.clone(),
            point: Some(point),
            by: By::Radio(emergency.radio),
        });
        true
    }
}
