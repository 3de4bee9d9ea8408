//! The methods of the console API: who may call them, what they take, what they answer.
//!
//! Each method's parameters are a struct with no unknown fields allowed, so a typing error is told
//! and not ignored. Names (call signs, categories, officers) are resolved here; the engine sees
//! ids only. [`METHODS`] is the way in.

mod alarm;
mod answer;
mod assignment;
mod call;
mod case;
mod incident;
mod list;
mod method;
mod names;
mod openrpc;
mod params;
mod report;
mod session;
mod terminal;
mod unit;

pub use answer::{
    Delivery, Got, Listed, ListedCall, ListedCalls, ListedIncident, LoggedIn, Pong, Ranked,
    Subscribed, Units, answer,
};
pub use method::{METHODS, Method};
pub use openrpc::{SchemaOf, document};

use super::archive::Ask;
use super::rpc::Problem;
use super::session::ConsoleId;
use super::shown::Shown;
use crate::config::Config;
use crate::config::users::Role;
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::detail::By;
use crate::engine::id::{EngineTime, IncidentId};

/// Longest free text, characters.
pub const MAX_TEXT: usize = 2000;
/// Longest name, number, place or key, characters.
pub const MAX_NAME: usize = 200;
/// Longest idempotency key, bytes.
pub const MAX_KEY: usize = 64;

/// What a request asks for once its parameters are understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Checks a password.
    Login {
        /// The user's name.
        user: String,
        /// The password as typed.
        password: String,
    },
    /// "I am still here."
    Ping,
    /// The best units for an incident.
    Rank(IncidentId),
    /// A page of the archive.
    Ask(Ask),
    /// One incident with its assignments.
    Get(IncidentId),
    /// All units.
    Units,
    /// Snapshot, then deltas.
    Subscribe,
    /// How the daemon is.
    Health,
    /// Something journalled, under a key.
    Do {
        /// What.
        command: Command,
        /// The client's idempotency key.
        key: String,
    },
}

/// What names are resolved against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Units and call signs.
    pub engine: &'a Engine,
    /// Categories, officers, plane.
    pub config: &'a Config,
    /// Rankings that were shown.
    pub shown: &'a Shown,
    /// The console that asks.
    pub console: ConsoleId,
    /// Engine time.
    pub now: EngineTime,
    /// The role of its user, none before anybody is logged in.
    pub role: Option<Role>,
}

fn keyed(command: Command, key: String) -> Result<Call, Problem> {
    if key.is_empty() || key.len() > MAX_KEY {
        let message = format!("`key` must have 1 to {MAX_KEY} bytes: make a new one per command");
        return Err(Problem::params(message));
    }
    Ok(Call::Do { command, key })
}

fn short(what: &str, text: &str, limit: usize) -> Result<(), Problem> {
    match text.chars().count() {
        length if length > limit => {
            let message = format!("`{what}` has {length} characters, at most {limit} are taken");
            Err(Problem::params(message))
        }
        _ => Ok(()),
    }
}

fn some_text(what: &str, text: &str, limit: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::params(format!("`{what}` must not be empty")));
    }
    short(what, text, limit)
}

/// Whether a dispatcher asks, for what more may call and only they may do.
fn dispatcher(context: Context<'_>, what: &str) -> Result<(), Problem> {
    if context.role >= Some(Role::Dispatcher) {
        return Ok(());
    }
    let message = format!("{what} needs the role dispatcher");
    Err(Problem::new(Problem::FORBIDDEN, message))
}

fn by(user: &str) -> By {
    By::User(user.to_owned())
}
