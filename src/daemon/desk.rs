//! Who sits at a console: logging in, leaving, and what a desk that left claimed.

use super::api::LoggedIn;
use super::output::{Outbox, Output};
use super::rpc::{self, Problem};
use super::session::{self, ConsoleId, Cut, Login};
use super::view::to_json;
use super::{Daemon, Now};
use crate::config::users::Role;
use crate::engine::claim::Desk;
use crate::planted::{Planted, planted};

impl Daemon {
    pub(super) fn password_checked(
        &mut self,
        now: Now,
        console: ConsoleId,
        role: Option<Role>,
        out: &mut dyn Outbox,
    ) {
        let Some(session) = self.sessions.get_mut(&console) else {
            return;
        };
        let Login::Checking { id, user } = std::mem::replace(&mut session.login, Login::Nobody)
        else {
            return;
        };
        let peer = session.peer;
        match role {
            Some(role) => {
                tracing::info!(console = console.0, user, peer = %session.peer, "logged in");
                session.login = Login::User { name: user, role };
                let result = LoggedIn {
                    role,
                    epoch: self.epoch,
                    heartbeat_ms: session::DEAD_MS / 3,
                };
                self.write(console, rpc::answer(&id, &to_json(&result)), out);
            }
            None => {
                session.stranger_since(now.at);
                self.strangers.insert(peer, console);
                session.failed_logins += 1;
                let again = session.failed_logins < session::MAX_LOGINS;
                tracing::warn!(console = console.0, user, peer = %session.peer, "login refused");
                let message = "wrong user or password";
                let problem = Problem::new(Problem::NOT_LOGGED_IN, message);
                self.refuse(console, &id, &problem, out);
                if !again {
                    self.cut(console, Cut::Passwords, out);
                }
            }
        }
    }

    /// Ends connections nothing was heard from for too long.
    pub(super) fn close_silent(&mut self, now: Now, out: &mut dyn Outbox) {
        let sessions = self.sessions.iter();
        let dead = sessions.filter_map(|(console, session)| {
            let (at, why) = session.dead_at();
            let kept = planted(Planted::DeadConsoleKept);
            (at <= now.at && !kept).then_some((*console, why))
        });
        for (console, why) in dead.collect::<Vec<_>>() {
            self.cut(console, why, out);
        }
    }

    /// Ends a connection; whoever still reads is told why.
    pub(super) fn cut(&mut self, console: ConsoleId, why: Cut, out: &mut dyn Outbox) {
        tracing::info!(console = console.0, reason = why.name(), "console cut");
        *self.counts.consoles_cut.entry(why.name()).or_default() += 1;
        self.forget(console);
        let params = serde_json::json!({ "reason": why.name() });
        let bytes = rpc::notice("session.cut", &params);
        out.push(Output::Console { console, bytes });
        out.push(Output::CloseConsole(console));
    }

    /// A connection is gone, and its desk with it.
    pub(super) fn forget(&mut self, console: ConsoleId) {
        if let Some(session) = self.sessions.remove(&console) {
            self.strangers.remove(session.peer, console);
            self.left(console, &session.login);
        }
    }

    /// Whoever was logged in is so no more: the next work frees what that desk claimed.
    pub(super) fn left(&mut self, console: ConsoleId, login: &Login) {
        let Login::User { name, .. } = login else {
            return;
        };
        let desk = Desk {
            user: name.clone(),
            console: console.0,
        };
        if self.engine.state().claims_of(&desk).next().is_some() {
            self.gone.push(desk);
        }
    }
}
