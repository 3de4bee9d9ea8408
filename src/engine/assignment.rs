//! The assignment (处警单): one incident and one unit, climbing the receipt ladder.
//!
//! ```text
//! Stacked ─▶ Offered ─▶ Sent ─▶ Delivered ─▶ Accepted ─▶ EnRoute ─▶ OnScene ─▶ Cleared
//!              ▲ retry ┘  └─ gateway  └─ terminal  └─ officer
//!              └────────── Declined · Expired · Recalled (from any open rung that says so below)
//! ```
//! Three acks, three words: *Sent* is the gateway's, *Delivered* the terminal's, *Accepted* the
//! officer's. A rung may be skipped upwards (a pressed key proves the text arrived) and repeats are
//! [`Move::Already`]: anything outside may repeat, delay or reorder.

use super::id::{AssignmentId, EngineTime, IncidentId, MessageNo, RadioId, TaskId, UnitId};
use super::policy::Limits;
use super::safety::Safety;
use serde::{Deserialize, Serialize};

/// Where an assignment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rung {
    /// Waiting behind the unit's active assignment.
    Stacked,
    /// Given to a gateway (派警).
    Offered,
    /// The gateway took it.
    Sent,
    /// The terminal has it (送达).
    Delivered,
    /// The officer took it (签收).
    Accepted,
    /// Rolling (出警).
    EnRoute,
    /// On scene (到达现场).
    OnScene,
    /// Done (处置完毕). Terminal.
    Cleared,
    /// Refused by the officer (退单). Terminal.
    Declined,
    /// Not answered within its limit. Terminal.
    Expired,
    /// Taken back by the desk or the engine. Terminal.
    Recalled,
}

/// What may happen to an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The unit's turn has come.
    Offer,
    /// No delivery ack: the next attempt.
    Retry,
    /// Transport ack of the gateway.
    Send,
    /// Delivery ack of the terminal.
    Deliver,
    /// Officer's key or voice.
    Accept,
    /// Officer's key or voice.
    Roll,
    /// Officer's key or voice.
    Arrive,
    /// Officer's key or voice.
    Clear,
    /// Officer's key or voice.
    Decline,
    /// A limit ran out.
    Expire,
    /// The desk or the engine takes it back.
    Recall,
}

/// What a step does at a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It moves there.
    To(Rung),
    /// A repeat or a late one: nothing happens.
    Already,
    /// Not legal here.
    Illegal,
}

impl Rung {
    /// All rungs, in the order of the ladder.
    pub const ALL: [Self; 11] = [
        Self::Stacked,
        Self::Offered,
        Self::Sent,
        Self::Delivered,
        Self::Accepted,
        Self::EnRoute,
        Self::OnScene,
        Self::Cleared,
        Self::Declined,
        Self::Expired,
        Self::Recalled,
    ];

    /// Not ended yet.
    #[must_use]
    pub fn is_open(self) -> bool {
        self < Self::Cleared
    }

    /// Open and waiting for the officer's answer.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::Offered | Self::Sent | Self::Delivered)
    }

    /// The table of this lifecycle.
    #[must_use]
    pub fn take(self, step: Step) -> Move {
        use Rung::*;
        match step {
            Step::Offer => match self {
                Stacked => Move::To(Offered),
                _ => Move::Illegal,
            },
            Step::Retry => match self {
                Offered | Sent => Move::To(Offered),
                _ => Move::Illegal,
            },
            Step::Send => self.climb(Sent),
            Step::Deliver => self.climb(Delivered),
            Step::Accept => self.climb(Accepted),
            Step::Roll => self.climb(EnRoute),
            Step::Arrive => self.climb(OnScene),
            Step::Clear => match self {
                Accepted | EnRoute | OnScene => Move::To(Cleared),
                Cleared => Move::Already,
                _ => Move::Illegal,
            },
            Step::Decline => match self {
                Offered | Sent | Delivered => Move::To(Declined),
                Declined => Move::Already,
                _ => Move::Illegal,
            },
            Step::Expire => match self {
                Offered | Sent | Delivered => Move::To(Expired),
                _ => Move::Illegal,
            },
            Step::Recall => match self {
                Recalled => Move::Already,
                open if open.is_open() => Move::To(Recalled),
                _ => Move::Illegal,
            },
        }
    }

    /// Upwards on the ladder, rungs may be skipped; downwards is a late repeat.
    fn climb(self, to: Self) -> Move {
        match self {
            Self::Stacked | Self::Declined | Self::Expired | Self::Recalled => Move::Illegal,
            from if from < to => Move::To(to),
            _ => Move::Already,
        }
    }
}

/// Who said that a rung was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A frame.
    Radio,
    /// A dispatcher, for somebody heard on the air.
    Voice,
    /// A desk of its own accord.
    Console,
    /// The engine, from other facts.
    Inferred,
}

/// When a rung was reached, and who said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Engine time.
    pub at: EngineTime,
    /// Who said so.
    pub source: Source,
}

/// One incident and one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its id.
    pub id: AssignmentId,
    /// The incident it serves.
    pub incident: IncidentId,
    /// The slot of the incident's plan it fills.
    pub slot: u8,
    /// The unit that goes.
    pub unit: UnitId,
    /// Where it stands.
    pub rung: Rung,
    /// Its message counter on the air.
    pub message: MessageNo,
    /// Attempt on the air, 1 to 16; 0 while stacked.
    pub attempt: u8,
    /// The terminal it was sent to; none means by voice.
    pub terminal: Option<RadioId>,
    /// Straight distance when offered, metres.
    pub distance_m: Option<u32>,
    /// The safety check of this rung, if it has one.
    pub safety: Option<Safety>,
    /// The voice task it opened, if it did; open or done.
    pub task: Option<TaskId>,
    /// When this rung's limit runs out; kept but unused once ended.
    pub deadline: EngineTime,
    /// Limits of people in force for it.
    pub limits: Limits,
    /// Events the state had seen when it was opened: a ranking older than this did not show it.
    pub opened_seq: u64,
    /// The ranking a person chose against, if one did.
    pub overrode: Option<u64>,
    /// When each rung was reached, by [`Rung`]'s order up to the terminal ones; none where a rung
    /// was skipped. A retry keeps the first attempt's stamps.
    pub stamps: [Option<Stamp>; 11],
}

impl Assignment {
    /// Notes the rung reached; the last one's safety check ends.
    pub(super) fn reach(&mut self, rung: Rung, at: EngineTime, source: Source) {
        self.rung = rung;
        self.safety = None;
        if let Some(slot) = self.stamps.get_mut(rung as usize)
            && slot.is_none()
        {
            *slot = Some(Stamp { at, source });
        }
    }

    /// The stamp of a rung, if it was reached.
    #[must_use]
    pub fn stamp(&self, rung: Rung) -> Option<Stamp> {
        self.stamps.get(rung as usize).copied().flatten()
    }
}
