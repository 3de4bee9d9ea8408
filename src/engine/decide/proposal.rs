//! Recommend mode: each slot that misses a unit has one proposal, and it stays until it is answered
//! or its unit can no longer be sent.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::event::{By, Event};
use super::super::id::{EngineTime, IncidentId, ProposalId, UnitId};
use super::super::incident::Incident;
use super::super::policy::Need;
use super::super::proposal::{Over, Proposal, Proposals};
use super::super::queue::{Rank, turn};
use super::super::ranking::Ranking;
use super::super::rejection::Rejection;
use super::super::unit::Duty;
use super::Draft;

impl Engine {
    /// Ends those proposals of an incident that no longer hold.
    pub(super) fn withdraw(&self, draft: &mut Draft, incident: &Incident) {
        for found in self.state.proposals.of(incident.id) {
            let proposal = found.id;
            let ended = self.over(incident, found);
            let ended = ended.map(|why| Event::ProposalEnded { proposal, why });
            draft.events.extend(ended);
        }
    }

    fn over(&self, incident: &Incident, proposal: &Proposal) -> Option<Over> {
        let asked = (proposal.slot, proposal.ranking.need);
        if !incident.phase.is_ours() {
            Some(Over::IncidentEnded)
        } else if !incident.missing().any(|missing| missing == asked) {
            Some(Over::SlotFilled)
        } else if !self.may_go(incident, proposal.unit, asked.1) {
            Some(Over::UnitGone)
        } else {
            None
        }
    }

    /// Whether a ranking for this need would list the unit, however far it is.
    fn may_go(&self, incident: &Incident, unit: UnitId, need: Need) -> bool {
        let placement = self.index.spatial.placement(unit);
        let able = placement.filter(|it| it.is_sendable()).map(|it| it.able);
        able.is_some_and(|able| able.meets(need)) && !incident.holds(unit)
    }

    /// Puts the best unit for each slot without a proposal to the desks; the others stay as they
    /// are, and no unit is proposed twice for one incident.
    pub(super) fn propose(&self, draft: &mut Draft, incident: &Incident) {
        let kept = self.state.proposals.of(incident.id);
        let kept: Vec<_> = kept
            .filter(|it| self.over(incident, it).is_none())
            .collect();
        let mut taken: Vec<UnitId> = kept.iter().map(|it| it.unit).collect();
        let (rank, ..) = turn(self.policy.age_step_ms, draft.now, incident);
        let mut room = self.room(rank);
        let deadline = draft.now.plus_ms(self.proposal_ms(incident));
        for (slot, need) in incident.missing() {
            if kept.iter().any(|it| it.slot == slot) || !self.index.spatial.anyone_for(need) {
                continue;
            }
            if room == 0 {
                return;
            }
            let Ok(ranking) = self.rank_without(draft.now, incident, need, &taken) else {
                return;
            };
            let Some(best) = ranking.first() else {
                continue;
            };
            room -= 1;
            taken.push(best);
            draft.events.push(Event::ProposalMade {
                proposal: draft.ids.next_proposal(),
                incident: incident.id,
                slot,
                ranking,
                deadline,
            });
        }
    }

    /// Proposals that may still be opened for an incident of this rank.
    pub(super) fn room(&self, rank: Rank) -> usize {
        let limit = match rank {
            0 | 1 => Proposals::MAX_GRAVE,
            _ => Proposals::MAX,
        };
        limit.saturating_sub(self.state.proposals.len())
    }

    fn proposal_ms(&self, incident: &Incident) -> u64 {
        let [one, two, three, four] = self.policy.ladder.proposal_ms;
        let by_grade = [one, two, three, four];
        let grade = incident.classification().grade as usize;
        u64::from(by_grade.get(grade).copied().unwrap_or(four).max(1))
    }

    /// Whether an incident misses somebody whom this unit could be proposed as.
    pub(super) fn wants_proposal(&self, id: IncidentId, unit: UnitId, duty: &Duty) -> bool {
        let proposals = &self.state.proposals;
        let known = proposals.of(id).any(|it| it.unit == unit);
        let found = self.state.incidents.get(&id);
        let mut missing = found.into_iter().flat_map(Incident::missing);
        let open = |slot| proposals.of_slot(id, slot).is_none();
        !known && missing.any(|(slot, need)| duty.meets(need) && open(slot))
    }

    /// Whether each slot an incident misses has its proposal.
    pub(super) fn is_proposed_for(&self, incident: &Incident) -> bool {
        let proposed = |slot| self.state.proposals.of_slot(incident.id, slot).is_some();
        let mut missing = incident.missing().peekable();
        missing.peek().is_some() && missing.all(|(slot, _)| proposed(slot))
    }

    /// Whether an incident misses a proposal that somebody might be found for.
    fn may_propose_for(&self, incident: &Incident) -> bool {
        let open = |slot| self.state.proposals.of_slot(incident.id, slot).is_none();
        let mut missing = incident.missing();
        missing.any(|(slot, need)| open(slot) && self.index.spatial.anyone_for(need))
    }

    /// There is room again: proposes for the first incident of the queue that waits without.
    pub(in crate::engine) fn decide_refill(&self, now: EngineTime) -> Vec<Event> {
        /// Incidents looked at; the others are when their review is due.
        const MAX_LOOKED_AT: usize = 64;
        let mut draft = self.draft(now);
        let turns = self
            .queue(now)
            .take_while(|(rank, ..)| self.room(*rank) > 0);
        let without = turns.filter(|(_, _, id)| {
            let found = self.state.incidents.get(id);
            found.is_some_and(|incident| self.may_propose_for(incident))
        });
        for (_, _, id) in without.take(MAX_LOOKED_AT) {
            self.place(&mut draft, id);
            if !draft.events.is_empty() {
                break;
            }
        }
        draft.events
    }

    /// The desk offers somebody for a slot: its proposal is answered.
    pub(super) fn answer_proposal(&self, draft: &mut Draft, incident: IncidentId, slot: u8) {
        let answered = self.state.proposals.of_slot(incident, slot);
        draft
            .events
            .extend(answered.map(|found| Event::ProposalEnded {
                proposal: found.id,
                why: Over::Answered,
            }));
    }

    /// The desk does not want the unit proposed: it is not asked again for a while, as if it had
    /// declined itself. When nobody else could be sent, the supervisor is told at once.
    pub(super) fn decline_proposal(
        &self,
        draft: &mut Draft,
        id: ProposalId,
        reason: &str,
        by: &By,
    ) -> Result<(), Rejection> {
        let proposals = &self.state.proposals;
        let found = proposals.by_id(id).ok_or(Rejection::UnknownProposal(id))?;
        draft.events.push(Event::ProposalDeclined {
            proposal: id,
            held_until: draft.now.plus_ms(u64::from(self.policy.ladder.reoffer_ms)),
            reason: reason.to_owned(),
            by: by.clone(),
        });
        let incident = self.state.incident(found.incident)?;
        let taken: Vec<_> = proposals.of(incident.id).map(|it| it.unit).collect();
        let others = self.rank_without(draft.now, incident, found.ranking.need, &taken)?;
        if others.first().is_none() {
            let about = About {
                incident: Some(incident.id),
                ..About::default()
            };
            self.alarm(draft, AlarmKind::NoUnit, about);
        }
        Ok(())
    }

    /// The ranking a desk chose from: that of a proposal, first of the slot's own, or an answer.
    pub(super) fn seen<'a>(
        &'a self,
        incident: IncidentId,
        slot: u8,
        (id, answer): (u64, Option<&'a Ranking>),
    ) -> Option<&'a Ranking> {
        let proposals = &self.state.proposals;
        let of_slot = proposals.of_slot(incident, slot).into_iter();
        let shown = of_slot.chain(proposals.of(incident)).map(|it| &it.ranking);
        shown.chain(answer).find(|ranking| ranking.as_of == id)
    }

    /// Nobody answered: the supervisor is told, and the proposal stays.
    pub(super) fn proposal_due(&self, draft: &mut Draft, proposal: &Proposal) {
        let about = About {
            incident: Some(proposal.incident),
            unit: Some(proposal.unit),
            ..About::default()
        };
        self.alarm(draft, AlarmKind::ProposalUnanswered, about);
        let incident = self.state.incidents.get(&proposal.incident);
        let limit_ms = incident.map_or(1, |incident| self.proposal_ms(incident));
        draft.events.push(Event::ProposalOverdue {
            proposal: proposal.id,
            deadline: draft.now.plus_ms(limit_ms),
        });
    }
}
