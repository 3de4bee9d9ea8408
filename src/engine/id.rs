//! Names of things and the engine's clock, as newtypes: an incident is never taken for a unit.
//!
//! Ids come from counters in the state, so they are dense, start at 1 and are never reused.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since the journal was created (engine time). It never runs backwards; wall time
/// stands beside it only as a label.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct EngineTime(pub u64);

impl EngineTime {
    /// This time plus `ms` milliseconds, saturating.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time, 0 when `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// An incident (警情).
    IncidentId(u32),
    "#"
);
id!(
    /// An assignment (处警单): one incident and one unit.
    AssignmentId(u32),
    "a"
);
id!(
    /// A unit (警力单元) of the register.
    UnitId(u32),
    "u"
);
id!(
    /// An alarm shown at the desks until somebody acknowledges it.
    AlarmId(u32),
    "!"
);
id!(
    /// A task at a desk.
    TaskId(u32),
    "t"
);
id!(
    /// A proposal: a ranking put to the desk for one slot.
    ProposalId(u32),
    "p"
);
id!(
    /// A call (报警电话).
    CallId(u32),
    "c"
);
id!(
    /// A feedback form (反馈单).
    FeedbackId(u32),
    "f"
);
id!(
    /// A message to a terminal: 28 bits, one for each assignment, unit message and safety text.
    MessageNo(u32),
    "m"
);
id!(
    /// The 24-bit number of a terminal on the air.
    RadioId(u32),
    ""
);
id!(
    /// The code of a category (警情类别) in the config; it stays when the config is reordered.
    CategoryCode(u16),
    "c"
);

/// A place in the local plane, integer centimetres east and north of the plane's origin.
/// Made from WGS-84 by [`crate::geo`] at the edge.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Point {
    /// Centimetres east of the origin.
    pub x_cm: i64,
    /// Centimetres north of the origin.
    pub y_cm: i64,
}

impl Point {
    /// Largest |coordinate| the engine takes, 2,000 km: squares of differences then fit an `i64`.
    pub const LIMIT_CM: i64 = 200_000_000;

    /// Whether the engine takes it.
    #[must_use]
    pub fn is_in_plane(self) -> bool {
        let limit = Self::LIMIT_CM.unsigned_abs();
        self.x_cm.unsigned_abs() <= limit && self.y_cm.unsigned_abs() <= limit
    }

    /// Straight distance to `other` in centimetres, rounded down.
    #[must_use]
    pub fn distance_cm(self, other: Self) -> u64 {
        self.distance_squared_cm2(other).isqrt()
    }

    /// Its square, in square centimetres: enough, and much cheaper, to find what is nearest.
    #[must_use]
    pub fn distance_squared_cm2(self, other: Self) -> u64 {
        let dx = self.x_cm.abs_diff(other.x_cm);
        let dy = self.y_cm.abs_diff(other.y_cm);
        (dx.saturating_mul(dx)).saturating_add(dy.saturating_mul(dy))
    }
}
