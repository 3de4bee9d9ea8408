//! What proposals and claims make of the state; the rest is in [`super::apply`].

use super::Engine;
use super::claim::Claim;
use super::deadline::Due;
use super::event::Event;
use super::id::{EngineTime, IncidentId};
use super::proposal::{Proposal, Proposals};

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
                self.todo.refill |= self.state.proposals.len() >= Proposals::MAX;
                let old = self.state.proposals.remove(*proposal)?;
                self.index.deadlines.set(Due::Proposal(*proposal), None);
                // Its unit is free for the incident's other slots.
                self.todo.place(old.incident);
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

    /// Nobody claims an incident any more.
    pub(super) fn unclaim(&mut self, incident: IncidentId) {
        self.state.claims.remove(&incident);
        self.index.deadlines.set(Due::Claim(incident), None);
    }
}
