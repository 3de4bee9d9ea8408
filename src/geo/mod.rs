//! Places on the earth: datums, the local integer plane and polygons.
//!
//! Floats live here and nowhere deeper: the engine gets integer centimetres. Nothing here reads a
//! file or knows a config; it works on numbers and bytes handed in.

pub mod datum;
pub mod outline;
pub mod plane;

pub use datum::{Bd09, Datum, DatumError, Gcj02, Wgs84};
pub use outline::{Bounds, Outline, OutlineError};
pub use plane::{Plane, PlaneError};
