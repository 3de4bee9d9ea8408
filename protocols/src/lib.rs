//! Radio frames and link machines of the Tieqi dispatch engine: bytes in, values out, and back.
//!
//! No I/O, no clock, no threads: time is an argument, sockets are elsewhere. Nothing that comes
//! from outside may panic: every length is capped before it is used, slices are taken with `get`,
//! and a frame whose checksum fails is never accepted.
//!
//! ```text
//! Hdap (service, opcode, payload)    inside    Hstrp datagram (UDP)  or  Hrnp frame (serial)
//! Pdu, Block (header, control, data) inside    Burst, 33 bytes of a DMR slot
//! Burst                              inside    Dmrd, a Homebrew datagram (UDP)
//!                                              or  Mmdvm, a frame of a modem (serial, UDP)
//! ```
//! All public evidence for these frames comes from DMR models; nothing public shows them on a
//! PDT-mode terminal. protocols/README.md says for each frame what it was checked against.
#![no_std]

extern crate alloc;

mod bits;
#[cfg(test)]
mod capture;
pub mod dds;
pub mod describe;
pub mod dmr;
pub mod error;
pub mod gps;
pub mod hdap;
pub mod homebrew;
pub mod hrnp;
pub mod hstrp;
pub mod link;
pub mod lip;
pub mod lp;
pub mod message;
pub mod mmdvm;
pub mod nmea;
pub mod pei;
pub mod radio_ip;
pub mod rcp;
mod refuse;
pub mod rrs;
pub mod text;
pub mod tmp;
pub mod work_order;

pub use error::{DecodeError, Parsed};
