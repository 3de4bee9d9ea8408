//! Simulated radios: gateways with handhelds, and officers who read, press keys and drive. They
//! stand in for a town on the air in `tieqi radio`, in the demo and in tests.
//!
//! ```text
//! daemon's ports ◀── datagrams ──▶ network (loses, delays) ──▶ links ──▶ handhelds ──▶ crews
//! ```
//! [`World`] is pure: bytes, both clocks and a seed go in; datagrams, a deadline and counters come
//! out. It speaks only bytes and shares no state with the daemon, so what it counts is a second
//! witness. [`run`] gives it sockets and real time. What it does not simulate: voice, radio
//! coverage, roads, and any PDT conformity of the frames (see `tieqi_protocols`).

mod act;
mod agenda;
mod carrier;
mod chance;
mod crew;
mod emergency;
mod ground;
mod handheld;
mod hear;
mod lie;
mod muster;
mod network;
mod notice;
mod options;
mod run;
mod send;
mod stats;
mod thread;
mod world;

#[cfg(test)]
mod tests;

pub use carrier::{End, Port};
pub use chance::Chance;
pub use lie::Lie;
pub use options::{RadioError, RadioOptions, Rates, Terminals};
pub use run::run;
pub use stats::{Keys, Stats};
pub use thread::Radios;
pub use world::{Transmit, World};
