//! Ring 1: the domain. Commands become events, events become state; nothing else happens here.
pub mod id;
pub mod policy;
