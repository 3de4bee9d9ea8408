//! The engine as a snapshot keeps it: the journalled state and the last noted positions.
//!
//! Indexes are not kept: they are made again from the state. What the last events made necessary
//! is not kept either: it stands in the journal behind them.

use super::Engine;
use super::assignment::Rung;
use super::deadline::Due;
use super::id::RadioId;
use super::policy::Policy;
use super::position::Place;
use super::state::State;
use serde::Serialize;

/// Layout of an [`Image`] in postcard. It rises with every change of [`State`] or of anything in
/// it, and with every change of what an event makes of it; older snapshots are then left alone and
/// the journal is replayed.
pub const IMAGE_FORMAT: u16 = 4;

/// The journalled state and where each terminal was last noted.
pub type Image = (State, Vec<(RadioId, Place)>);

impl Engine {
    /// What a snapshot of a replayed engine holds; it serialises to the bytes of an [`Image`].
    pub fn image(&self) -> impl Serialize + '_ {
        (&self.state, self.positions.places())
    }

    /// The engine an image was taken of, under the policy in force now.
    #[must_use]
    pub fn restored(policy: Policy, (state, places): Image) -> Self {
        let mut engine = Self::new(policy);
        for (radio, place) in places {
            engine.positions.restore(radio, place);
        }
        for radio in state.suspects.keys() {
            engine.positions.contest(*radio, true);
        }
        engine.state = state;
        engine.index_all();
        engine.replayed();
        engine
    }

    /// Makes all indexes from the state.
    fn index_all(&mut self) {
        let (state, index) = (&self.state, &mut self.index);
        for assignment in state.assignments.values() {
            if !assignment.rung.is_open() {
                continue;
            }
            let due = Due::Assignment(assignment.id);
            index.deadlines.set(due, Some(assignment.deadline));
            let check = assignment.safety.map(|safety| safety.deadline);
            index.deadlines.set(Due::Safety(assignment.id), check);
            if assignment.rung != Rung::Stacked {
                index.by_message.insert(assignment.message, assignment.id);
            }
        }
        for proposal in state.proposals.iter() {
            let due = Due::Proposal(proposal.id);
            index.deadlines.set(due, Some(proposal.deadline));
        }
        for (incident, claim) in &state.claims {
            index.deadlines.set(Due::Claim(*incident), claim.renew_by);
        }
        for message in state.messages.values() {
            let due = Due::Message(message.no);
            index.deadlines.set(due, Some(message.deadline));
        }
        for call in state.calls.values() {
            index.deadlines.set(Due::Call(call.id), call.due());
            index.callers.set(call);
        }
        let incidents: Vec<_> = state.incidents.keys().copied().collect();
        let units: Vec<_> = state.units.keys().copied().collect();
        let at = state.at;
        for incident in incidents {
            self.touch_incident(incident);
        }
        for unit in units {
            self.touch_unit(at, unit);
        }
    }
}
