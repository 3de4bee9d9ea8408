//! Reports and what the desks say of incidents.

use super::super::Engine;
use super::super::event::{By, Event};
use super::super::id::{IncidentId, Point};
use super::super::incident::{Classification, Incident, Phase, Report, Step};
use super::super::policy::{Grade, Plan};
use super::super::rejection::Rejection;
use super::Draft;

impl Engine {
    pub(super) fn report_incident(
        &self,
        draft: &mut Draft,
        report: &Report,
    ) -> Result<IncidentId, Rejection> {
        self.check_report(report)?;
        self.room_for(report.classification.grade)?;
        let incident = IncidentId(self.state.counters.incident + 1);
        let unclassified_ms = u64::from(self.policy.ladder.unclassified_ms);
        let review_at = draft.now.plus_ms(unclassified_ms);
        draft.events.push(Event::IncidentReported {
            incident,
            report: report.clone(),
            review_at,
        });
        if report.classification.category.is_some() {
            let confirmed = self.confirmed(draft, incident, report.classification, By::Engine);
            draft.events.push(confirmed);
        }
        Ok(incident)
    }

    /// Whether one more incident may be open. The gravest still come in when everything else is
    /// refused.
    pub(super) fn room_for(&self, grade: Grade) -> Result<(), Rejection> {
        let limit = self.policy.max_open_incidents;
        let room = if grade == Grade::One { limit / 10 } else { 0 };
        if self.state.open_incidents >= limit.saturating_add(room) {
            return Err(Rejection::Full {
                what: "open incidents",
                limit,
            });
        }
        Ok(())
    }

    /// Whether what was told is possible.
    pub(super) fn check_report(&self, report: &Report) -> Result<(), Rejection> {
        self.check_classification(report.classification)?;
        check_point(report.point)
    }

    pub(super) fn confirm(
        &self,
        draft: &mut Draft,
        id: IncidentId,
        classification: Option<Classification>,
        place: Option<&(String, Option<Point>)>,
        by: &By,
    ) -> Result<(), Rejection> {
        let incident = self.legal(id, Step::Confirm, "reported, queued, assigned or underway")?;
        if let Some((place, point)) = place {
            check_point(*point)?;
            let (place, point) = (place.clone(), *point);
            let by = by.clone();
            draft.events.push(Event::IncidentRelocated {
                incident: id,
                place,
                point,
                by,
            });
        }
        let classification = match classification {
            Some(new) => new,
            None if incident.phase == Phase::Reported => incident.classification(),
            None => return Ok(()),
        };
        self.check_classification(classification)?;
        let confirmed = self.confirmed(draft, id, classification, by.clone());
        draft.events.push(confirmed);
        Ok(())
    }

    fn confirmed(
        &self,
        draft: &Draft,
        incident: IncidentId,
        classification: Classification,
        by: By,
    ) -> Event {
        let known = self.state.incidents.get(&incident);
        let is_emergency = known.is_some_and(|known| known.emergency.is_some());
        let (plan, grade) = match is_emergency {
            true => (&self.policy.emergency, Grade::One),
            false => (self.plan(classification), classification.grade),
        };
        let review_at = draft.now.plus_ms(self.waiting_ms(grade));
        Event::IncidentConfirmed {
            incident,
            classification,
            needs: plan.needs.clone(),
            limits: plan.limits,
            review_at,
            by,
        }
    }

    pub(super) fn plan(&self, classification: Classification) -> &Plan {
        let [one, two, three, four] = &self.policy.default_plans;
        let default = match classification.grade {
            Grade::One => one,
            Grade::Two => two,
            Grade::Three => three,
            Grade::Four => four,
        };
        let planned = classification
            .category
            .and_then(|category| self.policy.plans.get(&(category, classification.grade)));
        planned.unwrap_or(default)
    }

    /// How long an incident of this grade may wait before the desk is told.
    pub(super) fn waiting_ms(&self, grade: Grade) -> u64 {
        let [one, two, three, four] = self.policy.ladder.waiting_ms;
        u64::from(match grade {
            Grade::One => one,
            Grade::Two => two,
            Grade::Three => three,
            Grade::Four => four,
        })
    }

    pub(super) fn note(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        text: &str,
        by: &str,
    ) -> Result<(), Rejection> {
        let found = self.state.incident(incident)?;
        if found.notes.len() >= Incident::MAX_NOTES {
            let limit = u32::try_from(Incident::MAX_NOTES).unwrap_or(u32::MAX);
            return Err(Rejection::Full {
                what: "notes on one incident",
                limit,
            });
        }
        let (text, by) = (text.to_owned(), by.to_owned());
        draft
            .events
            .push(Event::IncidentNoted { incident, text, by });
        Ok(())
    }

    pub(super) fn cancel(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        reason: &str,
        by: &By,
    ) -> Result<(), Rejection> {
        self.legal(
            incident,
            Step::Cancel,
            "reported, queued, assigned or underway",
        )?;
        let (reason, by) = (reason.to_owned(), by.clone());
        draft.events.push(Event::IncidentCancelled {
            incident,
            reason,
            by,
        });
        Ok(())
    }

    pub(super) fn resolve(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        by: &By,
    ) -> Result<(), Rejection> {
        let found = self.legal(
            incident,
            Step::Resolve,
            "reported, queued, assigned or underway",
        )?;
        self.resolved(draft, found, by.clone());
        Ok(())
    }

    /// The work is done; from here on a feedback form is awaited.
    pub(super) fn resolved(&self, draft: &mut Draft, incident: &Incident, by: By) {
        draft.events.push(Event::IncidentResolved {
            incident: incident.id,
            by,
        });
        self.await_feedback(draft, incident);
    }

    pub(super) fn close(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        by: &By,
    ) -> Result<(), Rejection> {
        let expected = "resolved, followed up, or referred and taken";
        let found = self.legal(incident, Step::Close, expected)?;
        if found.phase == Phase::Referred && !found.is_received() {
            return Err(Rejection::WrongPhase {
                incident,
                phase: found.phase,
                expected,
            });
        }
        draft.events.push(Event::IncidentClosed {
            incident,
            by: by.clone(),
        });
        Ok(())
    }

    /// The incident, if its lifecycle allows `step` now.
    pub(super) fn legal(
        &self,
        id: IncidentId,
        step: Step,
        expected: &'static str,
    ) -> Result<&Incident, Rejection> {
        let incident = self.state.incident(id)?;
        let phase = incident.phase;
        phase
            .after(step)
            .map(|_| incident)
            .ok_or(Rejection::WrongPhase {
                incident: id,
                phase,
                expected,
            })
    }

    fn check_classification(&self, classification: Classification) -> Result<(), Rejection> {
        match classification.category {
            Some(code) if !self.policy.categories.contains_key(&code) => {
                Err(Rejection::UnknownCategory(code))
            }
            _ => Ok(()),
        }
    }
}

fn check_point(point: Option<Point>) -> Result<(), Rejection> {
    match point {
        Some(point) if !point.is_in_plane() => {
            Err(Rejection::Invalid("the position lies outside the plane"))
        }
        _ => Ok(()),
    }
}
