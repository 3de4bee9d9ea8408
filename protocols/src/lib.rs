//! Radio frames and link machines of the Tieqi dispatch engine.
#![no_std]
extern crate alloc;
