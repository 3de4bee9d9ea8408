//! Fuzzing: no bytes make a decoder panic or allocate more than its frame calls for, and no order
//! of bytes, times and calls makes a link panic, wait for the past, grow without bound or forget
//! what became of a message.
//!
//! `cargo test` tries the corpus in `__fuzz__`, which are the captured frames, and a fixed number of
//! random inputs; `make fuzz` goes on for as long as it is told, and prints the slowest frame of
//! each target. A fault is printed with the seed that makes it again; bytes that made one belong
//! into `__fuzz__/TARGET/crashes`, and are tried ever after.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test file: the lints' exemption covers test functions, not what they call"
)]

mod decoders;
mod delivery;
mod far;
mod links;
mod seeds;
mod spent;
