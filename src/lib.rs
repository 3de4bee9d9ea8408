//! Tieqi (铁骑): a police dispatch engine and PDT radio gateway daemon.
//!
//! Three rings, dependencies only inward; ARCHITECTURE.md draws them.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod geo;
pub mod journal;
pub mod planted;
pub mod radio;
pub mod serial;
pub mod shell;
pub mod simulate;
