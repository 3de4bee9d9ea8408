//! What events hold beside plain values: who, why, how. Journalled, so frozen like
//! [`super::event`].

use super::assignment::Source;
use super::id::{EngineTime, RadioId};
use serde::{Deserialize, Serialize};

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The engine by its rules.
    Engine,
    /// A user at a desk.
    User(String),
    /// A terminal.
    Radio(RadioId),
    /// The duty roster.
    Roster,
}

impl By {
    /// Who said it, where the event names no source: `desk` is what a desk's word counts as.
    #[must_use]
    pub fn source(&self, desk: Source) -> Source {
        match self {
            Self::User(_) => desk,
            Self::Radio(_) => Source::Radio,
            Self::Engine | Self::Roster => Source::Inferred,
        }
    }
}

/// Why an assignment was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecallCause {
    /// A dispatcher said so.
    Desk(String),
    /// Its incident ended.
    IncidentEnded,
    /// Others fill the incident's slots.
    Surplus,
    /// The unit went off duty or out of service.
    UnitLeft,
    /// Its incident joined another one.
    Merged,
}

/// The limits and the way of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The terminal it goes to; none means somebody must say it by voice.
    pub terminal: Option<RadioId>,
    /// Straight distance in metres.
    pub distance_m: Option<u32>,
    /// When the first rung's limit runs out.
    pub deadline: EngineTime,
}

/// A link by its place in the config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkName {
    /// The gateway's name.
    pub gateway: String,
    /// Its service, as the API names it.
    pub service: String,
    /// Its slot.
    pub slot: u8,
}

/// Who is at the other end of a link; opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Address and port.
    pub address: String,
    /// Device id it named.
    pub device_id: Option<u32>,
    /// Channel it named.
    pub channel: Option<u8>,
}
