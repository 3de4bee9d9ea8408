//! The consoles' door: who may come in, and who must go for them.
//!
//! Whoever has not logged in keeps nobody out: when too many such connections stand here, of one
//! address or in all, or every place is taken, the one that came first is ended for the one that
//! comes. So a flood of idle connections takes memory and descriptors for so many and no more, and
//! a console that logs in as soon as it is connected gets in.

use super::output::{Outbox, Output};
use super::rpc::{self, Problem};
use super::session::{ConsoleId, Cut, Session};
use super::{Daemon, Now};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Connections nobody is logged in on, by address, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Strangers(BTreeSet<(IpAddr, ConsoleId)>);

impl Strangers {
    pub(super) fn insert(&mut self, peer: SocketAddr, console: ConsoleId) {
        self.0.insert((peer.ip(), console));
    }

    pub(super) fn remove(&mut self, peer: SocketAddr, console: ConsoleId) {
        self.0.remove(&(peer.ip(), console));
    }

    /// Who must go before one more of `peer` comes in; `full` when every place is taken.
    fn in_the_way(&self, peer: SocketAddr, full: bool) -> Option<ConsoleId> {
        let ip = peer.ip();
        let mut own = self.0.range((ip, ConsoleId(0))..=(ip, ConsoleId(u64::MAX)));
        let first = own.next().map(|(_, console)| *console);
        // The first is taken out already.
        if own.count() + 1 >= Daemon::STRANGERS_OF_ONE {
            return first;
        }
        let crowded = full || self.0.len() >= Daemon::STRANGERS;
        let all = self.0.iter().map(|(_, console)| *console);
        all.min().filter(|_| crowded)
    }
}

impl Daemon {
    /// Connections without a login, of all addresses.
    pub const STRANGERS: usize = 1_024;
    /// The same of one address.
    pub const STRANGERS_OF_ONE: usize = 256;

    pub(super) fn console_opened(
        &mut self,
        now: Now,
        console: ConsoleId,
        peer: SocketAddr,
        out: &mut dyn Outbox,
    ) {
        let limit = self.config.console.max_sessions;
        let full = self.sessions.len() >= limit;
        if let Some(stranger) = self.strangers.in_the_way(peer, full) {
            self.cut(stranger, Cut::Crowded, out);
        } else if full {
            let problem = Problem::busy("the list of consoles", limit);
            let bytes = rpc::refusal(&Value::Null, &problem);
            out.push(Output::Console { console, bytes });
            out.push(Output::CloseConsole(console));
            self.counts.consoles_refused += 1;
            return;
        }
        self.strangers.insert(peer, console);
        self.sessions.insert(console, Session::new(now.at, peer));
    }
}
