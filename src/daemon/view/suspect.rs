//! Terminals that may not be who they say.

use super::{Name, Position, Views};
use crate::engine::id::{EngineTime, RadioId};
use crate::engine::suspect::{Cause, Suspect};
use schemars::JsonSchema;
use serde::Serialize;

/// A terminal that is not believed: what it sends is shown and changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Suspect")]
pub struct SuspectView<'a> {
    /// Which.
    pub radio: RadioId,
    /// Call sign of the unit that holds it.
    pub unit: Option<&'a str>,
    /// Why.
    pub cause: Name<Cause>,
    /// Since when.
    pub since: EngineTime,
    /// Messages that changed nothing, positions not among them.
    pub ignored: u32,
    /// Who barred it; none while nobody has decided.
    pub barred_by: Option<&'a str>,
    /// The gateway it last registered through.
    pub gateway: Option<&'a str>,
    /// The slot there.
    pub slot: Option<u8>,
    /// Where it last said it was, since the start of the daemon; nobody believes it.
    pub claims: Option<Position>,
}

impl<'a> Views<'a> {
    /// A suspect terminal.
    #[must_use]
    pub fn suspect(self, radio: RadioId, suspect: &'a Suspect) -> SuspectView<'a> {
        let holder = self.engine.state().holder(radio);
        let via = suspect.via.as_ref();
        let claimed = self.engine.positions().claimed(radio);
        // Outside the plane there is nothing to show.
        let claimed = claimed.filter(|fix| fix.point.is_in_plane());
        SuspectView {
            radio,
            unit: holder.map(|unit| unit.call_sign.as_str()),
            cause: Name(suspect.cause),
            since: suspect.since,
            ignored: suspect.ignored,
            barred_by: suspect.barred_by.as_deref(),
            gateway: via.map(|(gateway, _)| gateway.as_str()),
            slot: via.map(|(_, slot)| *slot),
            claims: claimed.map(|fix| self.position(fix.point)),
        }
    }
}
