//! Proposals (派警建议): in recommend mode the ranking for a missing slot is put to the desk, not
//! sent.
//!
//! ```text
//! made ─▶ open ⟲ overdue (the supervisor is alarmed, it stays)
//!           └─▶ answered │ declined │ unit gone │ slot filled │ incident ended
//! ```
//! An open one never changes: nobody driving by moves it under the cursor. It ends when a desk
//! offers somebody for its slot or declines it, when its unit can no longer be sent, or when
//! nothing is missing.

use super::id::{EngineTime, IncidentId, ProposalId, UnitId};
use super::ranking::Ranking;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Why a proposal is no longer open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Over {
    /// A desk offered a unit for its slot: the one proposed, or another.
    Answered,
    /// Its unit can no longer be sent; the next best is proposed anew.
    UnitGone,
    /// Its slot is filled, or the plan no longer asks for it.
    SlotFilled,
    /// Its incident ended.
    IncidentEnded,
}

/// One open proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// The incident.
    pub incident: IncidentId,
    /// The slot it would fill.
    pub slot: u8,
    /// The unit proposed: the ranking's first.
    pub unit: UnitId,
    /// The ranking shown; an offer names its [`Ranking::as_of`].
    pub ranking: Ranking,
    /// When it was made.
    pub made_at: EngineTime,
    /// When the supervisor is alarmed, for the first time or again.
    pub deadline: EngineTime,
    /// How often its deadline passed.
    pub overdue: u32,
}

/// The open proposals: at most one for each slot of an incident.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposals {
    by_id: BTreeMap<ProposalId, Proposal>,
    #[serde(with = "super::pairs")]
    by_slot: BTreeMap<(IncidentId, u8), ProposalId>,
    by_unit: BTreeMap<UnitId, BTreeSet<ProposalId>>,
}

impl Proposals {
    /// Most proposals open at once; what waits beyond is proposed for as these are answered.
    pub const MAX: usize = 128;
    /// Most when those of rank 0 and Grade I are counted: the gravest still get theirs.
    pub const MAX_GRAVE: usize = 256;

    /// One by id.
    #[must_use]
    pub fn by_id(&self, id: ProposalId) -> Option<&Proposal> {
        self.by_id.get(&id)
    }

    /// The one for a slot.
    #[must_use]
    pub fn of_slot(&self, incident: IncidentId, slot: u8) -> Option<&Proposal> {
        self.by_id.get(self.by_slot.get(&(incident, slot))?)
    }

    /// Those of an incident, by slot.
    pub fn of(&self, incident: IncidentId) -> impl Iterator<Item = &Proposal> {
        let slots = self.by_slot.range((incident, 0)..=(incident, u8::MAX));
        slots.filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Those that propose a unit, by id.
    pub fn of_unit(&self, unit: UnitId) -> impl Iterator<Item = &Proposal> {
        let ids = self.by_unit.get(&unit).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.by_id.values()
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds one; an older one for the same slot makes room.
    pub(super) fn insert(&mut self, new: Proposal) {
        if let Some(old) = self.by_slot.insert((new.incident, new.slot), new.id) {
            self.by_id.remove(&old);
        }
        self.by_unit.entry(new.unit).or_default().insert(new.id);
        self.by_id.insert(new.id, new);
    }

    /// Moves a deadline that has passed.
    pub(super) fn put_off(&mut self, id: ProposalId, deadline: EngineTime) -> Option<()> {
        let found = self.by_id.get_mut(&id)?;
        found.deadline = deadline;
        found.overdue = found.overdue.saturating_add(1);
        Some(())
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: ProposalId) -> Option<Proposal> {
        let old = self.by_id.remove(&id)?;
        self.by_slot.remove(&(old.incident, old.slot));
        if let Some(of_unit) = self.by_unit.get_mut(&old.unit)
            && of_unit.remove(&id)
            && of_unit.is_empty()
        {
            self.by_unit.remove(&old.unit);
        }
        Some(old)
    }
}
