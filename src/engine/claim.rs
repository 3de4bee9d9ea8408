//! Claims (认领): one desk works an incident, the others see who and keep their hands off it.
//!
//! ```text
//! claimed ─▶ released by its desk │ taken over by a supervisor │ desk gone │ not renewed
//!    └─ restart ─▶ to be renewed within 30 s
//! ```
//! A claim belongs to a user at a console. Notes may always be added: news about an incident is
//! never refused.

use super::id::EngineTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A user at a console (席位).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Desk {
    /// The user.
    pub user: String,
    /// The console's number; counted anew from 1 at each start.
    pub console: u64,
}

impl fmt::Display for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at console {}", self.user, self.console)
    }
}

/// Who works an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The desk.
    pub desk: Desk,
    /// Since when.
    pub since: EngineTime,
    /// The process ended since: its user must claim again by then.
    pub renew_by: Option<EngineTime>,
}

impl Claim {
    /// Most incidents one desk claims at once.
    pub const MAX_PER_DESK: usize = 32;
    /// After a restart a claim waits this long for its user, milliseconds.
    pub const RENEW_MS: u64 = 30_000;

    /// Whether `desk` may work the incident. While it must be renewed its user is known but not the
    /// console, since consoles are numbered anew.
    #[must_use]
    pub fn is_of(&self, desk: &Desk) -> bool {
        match self.renew_by {
            None => self.desk == *desk,
            Some(_) => self.desk.user == desk.user,
        }
    }
}

/// Why a claim ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Freed {
    /// Its desk gave it back.
    Released,
    /// Nothing is heard of its desk any more.
    DeskGone,
    /// Nobody renewed it after a restart.
    NotRenewed,
}
