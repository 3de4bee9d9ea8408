//! PEI, the peripheral equipment interface of TETRA terminals (EN 300 392-5): short data as lines
//! of text over a serial line. Some multi-mode terminals share it; nothing public shows a PDT
//! terminal that does. Voice, and all commands but those of short data, stay unread.
//!
//! ```text
//! computer -> radio     AT+CTSDS=12,0,0,0,1 CR LF            what is sent from here on: short data
//!                       AT+CMGS=2345678,120 CR LF            to whom, how many bits
//!                       82029C01...65 ^Z                     the bits, in hex
//! radio -> computer     OK | ERROR | +CME ERROR: 35          how it ended
//!                       +CMGS: 0,3,156                       where it is kept, how far it got
//!                       +CTSDSR: 12,1234567,0,2345678,0,120  whose, how many bits
//!                       82029C01...65                        the bits, in hex
//! ```
//! [`line`] reads and writes lines, [`sds`] the bits, [`coding`] texts in them; a place in them is
//! [`lip`](crate::lip)'s. The dialogue is a link's ([`link`](crate::link)). Clauses of short data
//! are those of EN 300 392-2, as ftl/tetra-pei and other public sources cite them.

pub mod coding;
mod element;
pub mod line;
pub mod sds;
#[cfg(test)]
mod tests;

pub use coding::Coding;
pub use line::{Reader, Said};
pub use sds::Sds;
