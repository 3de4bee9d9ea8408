//! The register and duty: who is on, with whom, in what, reachable how.

use super::super::Engine;
use super::super::event::{By, Event, RecallCause};
use super::super::id::{RadioId, UnitId};
use super::super::message::Body;
use super::super::policy::Skills;
use super::super::rejection::Rejection;
use super::super::unit::{Duty, Unit, UnitState};
use super::Draft;
use std::collections::BTreeSet;

impl Engine {
    /// Registers call signs the state does not know, and the config's hash when it changed.
    pub(super) fn publish_policy(&self, draft: &mut Draft) {
        /// Units registered in one batch; the command is given again until nothing comes of it.
        const PER_BATCH: usize = 5_000;
        let known = u32::try_from(self.state.units.len()).unwrap_or(u32::MAX);
        let new = self.policy.register.iter();
        let known_signs = &self.state.call_signs;
        let new = new.filter(|(call_sign, _)| !known_signs.contains_key(&**call_sign));
        for (id, (call_sign, kind)) in (known + 1..).zip(new).take(PER_BATCH) {
            draft.events.push(Event::UnitRegistered {
                unit: UnitId(id),
                call_sign: call_sign.to_string(),
                kind: *kind,
            });
        }
        let hash = self.policy.hash;
        if hash != self.state.policy_hash {
            draft.events.push(Event::PolicyPublished { hash });
        }
    }

    pub(super) fn sign_on(
        &self,
        draft: &mut Draft,
        id: UnitId,
        duty: &Duty,
        by: &By,
    ) -> Result<(), Rejection> {
        let unit = self.state.unit(id)?;
        if unit.state() != UnitState::OffDuty {
            return Err(wrong_state(unit, "off duty"));
        }
        self.check_duty(id, duty)?;
        draft.events.push(Event::UnitSignedOn {
            unit: id,
            duty: duty.clone(),
            by: by.clone(),
        });
        Ok(())
    }

    pub(super) fn edit_crew(
        &self,
        draft: &mut Draft,
        id: UnitId,
        duty: &Duty,
        by: &By,
    ) -> Result<(), Rejection> {
        let unit = self.state.unit(id)?;
        if unit.state() == UnitState::OffDuty {
            return Err(wrong_state(unit, "on duty"));
        }
        self.check_duty(id, duty)?;
        draft.events.push(Event::UnitCrewEdited {
            unit: id,
            duty: duty.clone(),
            by: by.clone(),
        });
        Ok(())
    }

    fn check_duty(&self, id: UnitId, duty: &Duty) -> Result<(), Rejection> {
        if duty.crew.is_empty() {
            return Err(Rejection::Invalid(
                "a unit on duty has a crew of at least one",
            ));
        }
        if duty.crew.len() > Duty::MAX_CREW {
            return Err(Rejection::Invalid("a crew has at most 16 members"));
        }
        if duty.terminals.len() > Duty::MAX_TERMINALS {
            return Err(Rejection::Invalid("a unit has at most 8 terminals"));
        }
        let officers: BTreeSet<_> = duty.crew.iter().map(|member| &member.officer).collect();
        if officers.len() != duty.crew.len() {
            return Err(Rejection::Invalid("an officer is named twice in the crew"));
        }
        let mut seen: BTreeSet<RadioId> = BTreeSet::new();
        for radio in &duty.terminals {
            if !self.policy.terminals.contains(radio) {
                return Err(Rejection::UnknownTerminal(*radio));
            }
            if !seen.insert(*radio) {
                return Err(Rejection::Invalid("a terminal is named twice"));
            }
            let holder = self
                .state
                .terminals
                .get(radio)
                .and_then(|terminal| terminal.holder);
            if let Some(holder) = holder.filter(|holder| *holder != id) {
                return Err(Rejection::TerminalTaken {
                    radio: *radio,
                    holder,
                });
            }
        }
        if duty.skills == Skills(u32::MAX) {
            return Err(Rejection::Invalid(
                "a unit cannot have every skill there is",
            ));
        }
        Ok(())
    }

    pub(super) fn sign_off(&self, draft: &mut Draft, id: UnitId, by: &By) -> Result<(), Rejection> {
        let unit = self.state.unit(id)?;
        let idle = unit.duty.is_some() && unit.active.is_none();
        if !idle {
            return Err(wrong_state(unit, "on duty without an active assignment"));
        }
        self.unstack(draft, unit);
        draft.events.push(Event::UnitSignedOff {
            unit: id,
            by: by.clone(),
        });
        Ok(())
    }

    pub(super) fn set_service(
        &self,
        draft: &mut Draft,
        id: UnitId,
        out: Option<&str>,
        by: &By,
    ) -> Result<(), Rejection> {
        let unit = self.state.unit(id)?;
        if unit.duty.is_none() {
            return Err(wrong_state(unit, "on duty"));
        }
        let by = by.clone();
        match out {
            Some(reason) => {
                self.unstack(draft, unit);
                let reason = reason.to_owned();
                draft.events.push(Event::UnitTakenOut {
                    unit: id,
                    reason,
                    by,
                });
            }
            None if unit.out_of_service.is_some() => {
                draft.events.push(Event::UnitReturned { unit: id, by });
            }
            None => {}
        }
        Ok(())
    }

    /// What waits behind a unit that leaves goes back to the queue.
    fn unstack(&self, draft: &mut Draft, unit: &Unit) {
        for stacked in &unit.stacked {
            self.take_back(draft, *stacked, RecallCause::UnitLeft, By::Engine);
        }
    }

    pub(super) fn send_text(
        &self,
        draft: &mut Draft,
        id: UnitId,
        text: &str,
        by: &By,
    ) -> Result<(), Rejection> {
        let unit = self.state.unit(id)?;
        let radio = self
            .state
            .reachable(unit)
            .ok_or(Rejection::Unreachable(id))?;
        self.message(draft, (id, radio), Body::Text(text.to_owned()), by.clone());
        Ok(())
    }

    pub(super) fn note_positions(&self, draft: &mut Draft, behind: RadioId) {
        let fixes = self.positions.moved(behind);
        if !fixes.is_empty() {
            draft.events.push(Event::PositionsNoted { fixes });
        }
    }
}

fn wrong_state(unit: &Unit, expected: &'static str) -> Rejection {
    Rejection::WrongUnitState {
        unit: unit.id,
        state: unit.state(),
        expected,
    }
}
