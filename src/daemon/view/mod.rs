//! What consoles see: the views of the API. Engine types are never serialised to clients, so the
//! engine may change and the API stays.
//!
//! A view borrows what it shows and is written once, straight to text. The document of the API
//! (`tieqi schema`) is made from these types.

mod alarm;
mod assignment;
mod call;
mod case;
mod health;
mod incident;
mod names;
mod ranking;
mod schema;
mod suspect;
mod unit;

pub use alarm::{AlarmView, TaskView};
pub use assignment::{AssignmentView, SafetyView, StampView, Stamps};
pub use call::CallView;
pub use health::*;
pub use incident::IncidentView;
pub use names::{Name, Named};
pub use ranking::{ProposalView, RankingView};
pub use suspect::SuspectView;
pub use unit::UnitView;

use crate::engine::Engine;
use crate::engine::detail::By;
use crate::engine::id::{EngineTime, Point, UnitId};
use crate::geo::datum::Datum;
use crate::geo::plane::Plane;
use schemars::JsonSchema;
use serde::Serialize;

/// Everything a view is made from.
#[derive(Clone, Copy)]
pub struct Views<'a> {
    /// The state.
    pub engine: &'a Engine,
    /// The plane points are drawn in.
    pub plane: &'a Plane,
    /// Now.
    pub now: EngineTime,
}

/// A place on the earth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Position {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// Always `wgs84`.
    pub datum: Name<Datum>,
}

impl<'a> Views<'a> {
    /// A point as WGS-84 degrees.
    #[must_use]
    pub fn position(self, point: Point) -> Position {
        let at = self.plane.unproject(point);
        let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
        Position {
            lat: round(at.lat()),
            lon: round(at.lon()),
            datum: Name(Datum::Wgs84),
        }
    }

    fn call_sign(self, unit: UnitId) -> Option<&'a str> {
        Some(self.engine.state().units.get(&unit)?.call_sign.as_str())
    }

    /// Names of the skills of a set; a bit without a name shows as its number.
    fn skills(self, bits: u32) -> Vec<String> {
        let set = (0..32u8).filter(|bit| bits >> bit & 1 == 1);
        set.map(|bit| {
            let named = self.engine.policy().skill_names.get(&bit);
            named.cloned().unwrap_or_else(|| bit.to_string())
        })
        .collect()
    }
}

/// The user's name; none where no person did it.
fn who(by: &By) -> Option<&str> {
    match by {
        By::User(user) => Some(user),
        By::Engine | By::Radio(_) | By::Roster => None,
    }
}

/// A view as JSON text.
#[must_use]
pub fn to_json(view: &impl Serialize) -> String {
    // Views hold no maps with other keys than text: writing one cannot fail.
    serde_json::to_string(view).unwrap_or_else(|_| String::from("null"))
}
