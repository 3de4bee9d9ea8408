//! Texts to a terminal that are not offers: what a desk writes, and "recalled".
//!
//! They climb a short ladder of their own (queued, delivered or failed) with the same attempts and
//! limits as an offer's text.

use super::Engine;
use super::deadline::Due;
use super::event::Event;
use super::id::{EngineTime, IncidentId, MessageNo, RadioId, UnitId};
use serde::{Deserialize, Serialize};

/// A talkgroup (通话组), 24 bits. What is told to it is told to nobody in particular: no terminal
/// acknowledges it, and it is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talkgroup(pub u32);

/// What a message says; the edge puts it into words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// A desk's words.
    Text(String),
    /// The unit need not go to this incident any more (撤销).
    Recalled(IncidentId),
    /// Is all well there? (安全确认)
    Safety(IncidentId),
}

/// A message nobody has acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its counter on the air.
    pub no: MessageNo,
    /// The unit it is for.
    pub unit: UnitId,
    /// The terminal it goes to.
    pub radio: RadioId,
    /// What it says.
    pub body: Body,
    /// Attempt on the air, from 1.
    pub attempt: u8,
    /// When this attempt's limit runs out.
    pub deadline: EngineTime,
}

/// The request id of a text on the air: message counter and attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Message counter, 28 bits.
    pub message: MessageNo,
    /// Attempt, 1 to 16.
    pub attempt: u8,
}

impl Request {
    /// Largest message counter; 1 follows it.
    pub const MAX_MESSAGE: u32 = 0x0FFF_FFFF;

    /// The 32 bits on the air: counter above, attempt less one in the low four.
    #[must_use]
    pub fn to_wire(self) -> u32 {
        (self.message.0 & Self::MAX_MESSAGE) << 4 | u32::from(self.attempt.wrapping_sub(1) & 0x0F)
    }

    /// The request of 32 bits from the air.
    #[must_use]
    pub fn from_wire(bits: u32) -> Self {
        Self {
            message: MessageNo(bits >> 4),
            attempt: u8::try_from(bits & 0x0F).unwrap_or(0) + 1,
        }
    }
}

impl Engine {
    pub(super) fn apply_message(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::MessageQueued {
                message,
                unit,
                radio,
                body,
                deadline,
                ..
            } => {
                self.state.counters.message = message.0;
                let new = Message {
                    no: *message,
                    unit: *unit,
                    radio: *radio,
                    body: body.clone(),
                    attempt: 1,
                    deadline: *deadline,
                };
                self.state.messages.insert(*message, new);
                self.index
                    .deadlines
                    .set(Due::Message(*message), Some(*deadline));
            }
            Event::MessageRetried {
                message,
                attempt,
                deadline,
            } => {
                let found = self.state.messages.get_mut(message)?;
                found.attempt = *attempt;
                found.deadline = *deadline;
                self.index
                    .deadlines
                    .set(Due::Message(*message), Some(*deadline));
            }
            Event::MessageDelivered { message } | Event::MessageFailed { message } => {
                self.state.messages.remove(message)?;
                self.index.deadlines.set(Due::Message(*message), None);
            }
            _ => return None,
        }
        Some(())
    }
}
