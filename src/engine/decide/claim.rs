//! Who works which incident, and what the others may still do to it.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::claim::{Claim, Desk, Freed};
use super::super::command::{CaseAct, Command};
use super::super::event::Event;
use super::super::id::IncidentId;
use super::super::incident::Phase;
use super::super::rejection::Rejection;
use super::Draft;

impl Engine {
    /// Refuses a command on an incident another desk works.
    pub(super) fn check_claim(&self, desk: &Desk, command: &Command) -> Result<(), Rejection> {
        let incident = match command {
            Command::Confirm { incident, .. }
            | Command::Cancel { incident, .. }
            | Command::Resolve { incident, .. }
            | Command::Close { incident, .. }
            | Command::Offer { incident, .. }
            | Command::Case { incident, .. } => Some(*incident),
            Command::Recall { assignment, .. } | Command::Advance { assignment, .. } => {
                let found = self.state.assignments.get(assignment);
                found.map(|found| found.incident)
            }
            Command::DeclineProposal { proposal, .. } => {
                let found = self.state.proposals.by_id(*proposal);
                found.map(|found| found.incident)
            }
            _ => None,
        };
        if let Command::Case {
            act: CaseAct::Merge { into },
            ..
        } = command
        {
            self.held_by(*into, desk)?;
        }
        incident.map_or(Ok(()), |incident| self.held_by(incident, desk))
    }

    fn held_by(&self, incident: IncidentId, desk: &Desk) -> Result<(), Rejection> {
        match self.state.claims.get(&incident) {
            Some(claim) if !claim.is_of(desk) => Err(Rejection::Claimed {
                incident,
                holder: claim.desk.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// A desk takes an incident in hand. Its own user may move a claim to another console; from
    /// somebody else only `take_over` takes it.
    pub(super) fn claim(
        &self,
        draft: &mut Draft,
        id: IncidentId,
        desk: &Desk,
        take_over: bool,
    ) -> Result<(), Rejection> {
        let incident = self.state.incident(id)?;
        let phase = incident.phase;
        if matches!(phase, Phase::Closed | Phase::Cancelled) {
            return Err(Rejection::WrongPhase {
                incident: id,
                phase,
                expected: "not closed or cancelled",
            });
        }
        let old = self.state.claims.get(&id);
        if old.is_some_and(|old| old.desk == *desk && old.renew_by.is_none()) {
            return Ok(());
        }
        if !take_over && old.is_none_or(|old| old.desk.user != desk.user) {
            self.held_by(id, desk)?;
        }
        if self.state.claims_of(desk).count() >= Claim::MAX_PER_DESK {
            let limit = u32::try_from(Claim::MAX_PER_DESK).unwrap_or(u32::MAX);
            return Err(Rejection::Full {
                what: "incidents claimed by one desk",
                limit,
            });
        }
        draft.events.push(Event::IncidentClaimed {
            incident: id,
            desk: desk.clone(),
            from: old.map(|old| old.desk.clone()),
        });
        Ok(())
    }

    /// Gives an incident back; one nobody claims is left as it is.
    pub(super) fn release_claim(
        &self,
        draft: &mut Draft,
        incident: IncidentId,
        desk: &Desk,
    ) -> Result<(), Rejection> {
        self.state.incident(incident)?;
        self.held_by(incident, desk)?;
        if self.state.claims.contains_key(&incident) {
            let why = Freed::Released;
            draft.events.push(Event::ClaimReleased { incident, why });
        }
        Ok(())
    }

    /// A desk is gone: what it worked on is anybody's, and the supervisor is told.
    pub(super) fn desk_gone(&self, draft: &mut Draft, desk: &Desk) {
        for incident in self.state.claims_of(desk) {
            self.free_claim(draft, incident, Freed::DeskGone);
        }
    }

    /// Nobody renewed a claim after the restart.
    pub(super) fn claim_due(&self, draft: &mut Draft, incident: IncidentId) {
        self.free_claim(draft, incident, Freed::NotRenewed);
    }

    fn free_claim(&self, draft: &mut Draft, incident: IncidentId, why: Freed) {
        let about = About {
            incident: Some(incident),
            ..About::default()
        };
        self.alarm(draft, AlarmKind::DeskGone, about);
        draft.events.push(Event::ClaimReleased { incident, why });
    }

    /// After a restart no console is the one it was.
    pub(super) fn question_claims(&self, draft: &mut Draft) {
        let renew_by = draft.now.plus_ms(Claim::RENEW_MS);
        for incident in self.state.claims.keys().copied() {
            draft
                .events
                .push(Event::ClaimQuestioned { incident, renew_by });
        }
    }
}
