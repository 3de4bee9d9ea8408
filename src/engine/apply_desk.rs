//! What proposals, claims and alarms make of the state; the rest is in [`super::apply`].

use super::Engine;
use super::alarm::{About, Alarm, AlarmKind};
use super::claim::Claim;
use super::deadline::Due;
use super::event::Event;
use super::id::{AlarmId, CallId, EngineTime, IncidentId, ProposalId};
use super::proposal::{Proposal, Proposals};
use super::state::State;

impl Engine {
    pub(super) fn apply_proposal(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::ProposalMade {
                proposal,
                incident,
                slot,
                ranking,
                deadline,
            } => {
                let counters = &mut self.state.counters;
                counters.proposal = counters.proposal.max(proposal.0);
                self.state.proposals.insert(Proposal {
                    id: *proposal,
                    incident: *incident,
                    slot: *slot,
                    unit: ranking.first()?,
                    ranking: ranking.clone(),
                    made_at: at,
                    deadline: *deadline,
                    overdue: 0,
                });
                let due = Due::Proposal(*proposal);
                self.index.deadlines.set(due, Some(*deadline));
            }
            Event::ProposalOverdue { proposal, deadline } => {
                self.state.proposals.put_off(*proposal, *deadline)?;
                let due = Due::Proposal(*proposal);
                self.index.deadlines.set(due, Some(*deadline));
            }
            Event::ProposalEnded { proposal, .. } => {
                // Its unit is free for the incident's other slots.
                self.end_proposal(*proposal)?;
            }
            Event::ProposalDeclined {
                proposal,
                held_until,
                ..
            } => {
                let old = self.end_proposal(*proposal)?;
                let incident = self.state.incidents.get_mut(&old.incident)?;
                incident.hold(at, old.unit, *held_until);
                self.touch_incident(old.incident);
            }
            Event::RankingOverridden {
                assignment, shown, ..
            } => {
                self.state.assignments.get_mut(assignment)?.overrode = Some(shown.as_of);
            }
            _ => return None,
        }
        Some(())
    }

    /// Takes a proposal out; its incident is looked at again.
    fn end_proposal(&mut self, id: ProposalId) -> Option<Proposal> {
        self.todo.refill |= self.state.proposals.len() >= Proposals::MAX;
        let old = self.state.proposals.remove(id)?;
        self.index.deadlines.set(Due::Proposal(id), None);
        self.todo.place(old.incident);
        Some(old)
    }

    pub(super) fn apply_claim(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        match event {
            Event::IncidentClaimed { incident, desk, .. } => {
                self.state.incidents.get(incident)?;
                let claim = Claim {
                    desk: desk.clone(),
                    since: at,
                    renew_by: None,
                };
                self.state.claims.insert(*incident, claim);
                self.index.deadlines.set(Due::Claim(*incident), None);
            }
            Event::ClaimQuestioned { incident, renew_by } => {
                self.state.claims.get_mut(incident)?.renew_by = Some(*renew_by);
                let due = Due::Claim(*incident);
                self.index.deadlines.set(due, Some(*renew_by));
            }
            Event::ClaimReleased { incident, .. } => {
                self.state.claims.contains_key(incident).then_some(())?;
                self.unclaim(*incident);
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn apply_alarm(&mut self, at: EngineTime, event: &Event) -> Option<()> {
        let state = &mut self.state;
        match event {
            Event::AlarmRaised { alarm, kind, about } => {
                state.alarms_by_cause.insert((*kind, *about), *alarm);
                raise(state, at, *alarm, (*kind, *about), None)?;
            }
            Event::AlarmRepeated { alarm } => {
                let found = state.alarms.get_mut(alarm)?;
                found.times = found.times.saturating_add(1);
            }
            Event::AlarmAcked { alarm, .. } => {
                let found = state.alarms.remove(alarm)?;
                state.alarms_by_cause.remove(&(found.kind, found.about));
            }
            _ => return None,
        }
        Some(())
    }

    /// Nobody claims an incident any more.
    pub(super) fn unclaim(&mut self, incident: IncidentId) {
        self.state.claims.remove(&incident);
        self.index.deadlines.set(Due::Claim(incident), None);
    }
}

/// Shows an alarm; when there are too many the oldest that is not urgent makes room.
pub(super) fn raise(
    state: &mut State,
    at: EngineTime,
    id: AlarmId,
    (kind, about): (AlarmKind, About),
    call: Option<CallId>,
) -> Option<()> {
    state.counters.alarm = state.counters.alarm.max(id.0);
    let new = Alarm {
        id,
        kind,
        about,
        call,
        raised_at: at,
        times: 1,
    };
    state.alarms.insert(id, new);
    if state.alarms.len() > State::MAX_ALARMS {
        let mut alarms = state.alarms.values();
        let oldest = alarms.find(|alarm| !alarm.kind.is_urgent());
        let oldest = oldest.or_else(|| state.alarms.values().next())?;
        let (id, cause) = (oldest.id, (oldest.kind, oldest.about));
        state.alarms.remove(&id);
        state.alarms_by_cause.remove(&cause);
    }
    Some(())
}
