//! Tieqi.

pub mod cli;
pub mod journal;
