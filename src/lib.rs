//! Tieqi (铁骑): a police dispatch engine and PDT radio gateway daemon.
pub mod cli;
pub mod config;
pub mod engine;
pub mod geo;
