//! The subcommands as plain functions: no argument parsing, no exit codes.

pub mod journal;
