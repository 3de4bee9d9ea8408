//! The commands of `tieqi`, one file each. They print; what they print comes from elsewhere.
//! Arguments are parsed by the binary.

pub mod archive;
pub mod audit;
pub mod check;
pub mod client;
pub mod decode;
pub mod demo;
mod desk;
pub mod journal;
pub mod prune;
pub mod radio;
pub mod repair;
pub mod replay;
pub mod serve;
pub mod simulate;
mod town;
pub mod transport;
pub mod user;
