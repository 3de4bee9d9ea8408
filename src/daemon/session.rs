//! One console's connection (席位): bytes to requests, who is logged in, whether it keeps up.
//!
//! A session decides nothing about incidents. It bounds what a client can make the daemon hold: one
//! line in, [`MAX_BACKLOG`] bytes out.

use super::notice::Resync;
use super::rpc::{self, MAX_LINE, Problem, Request};
use crate::config::users::Role;
use crate::engine::id::EngineTime;
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Bytes that may wait for a slow console; beyond them deltas are dropped until it resyncs.
pub const MAX_BACKLOG: usize = 256 * 1024;
/// Bad lines in a row before the connection is closed.
pub const MAX_FAULTS: u32 = 16;
/// Wrong passwords before the connection is closed.
pub const MAX_LOGINS: u32 = 5;
/// A console that pinged once is dead after this without a word, milliseconds.
pub const DEAD_MS: u64 = 6_000;
/// Any other is closed after this without a word, milliseconds.
pub const IDLE_MS: u64 = 600_000;
/// A connection nobody logs in on is closed after this, milliseconds.
pub const LOGIN_MS: u64 = 60_000;

/// A console that takes none of what waits for it is cut after this, milliseconds.
pub const STUCK_MS: u64 = 30_000;
/// Requests of one console that may wait; with so many its socket rests.
pub const MAX_WAITING: usize = 16;

/// Names a connection; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsoleId(pub u64);

/// Who sits at the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Nobody yet.
    Nobody,
    /// A password is being checked; the answer goes to this request.
    Checking {
        /// The request's id.
        id: Value,
        /// The name claimed.
        user: String,
    },
    /// A user.
    User {
        /// The name.
        name: String,
        /// What it may do.
        role: Role,
    },
}

/// Why a connection was ended from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Nothing was heard of it for too long.
    Silent,
    /// It takes nothing of what waits for it.
    Stuck,
    /// It asks more than it reads.
    Unread,
    /// Bad lines, or a line without end.
    Garbage,
    /// Wrong passwords.
    Passwords,
    /// Nobody logged in on it, and others wait at the door.
    Crowded,
}

impl Cut {
    /// As `system.health`, /metrics and the log say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Stuck => "stuck",
            Self::Unread => "unread",
            Self::Garbage => "garbage",
            Self::Passwords => "passwords",
            Self::Crowded => "crowded",
        }
    }
}

/// Whether a console follows the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// It did not subscribe.
    No,
    /// It subscribed, and its pages leave when what they show is durable: deltas are made from
    /// here on.
    Soon,
    /// It gets every delta after this one.
    After(u64),
    /// It was too slow: it must subscribe again.
    Lost,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Who sits there.
    pub login: Login,
    /// Whether it follows the board.
    pub follows: Follows,
    /// Bytes handed to its socket and not yet written.
    pub(super) backlog: usize,
    /// When the socket last took some of them, or had none to take.
    taken_at: EngineTime,
    /// Its requests in the lanes.
    pub waiting: usize,
    /// Wrong passwords so far.
    pub failed_logins: u32,
    /// It pinged once, so silence means death.
    pub pings: bool,
    /// The engine's last event when its last command was taken.
    pub acked_seq: u64,
    heard_at: EngineTime,
    /// Since when nobody is logged in, if nobody is.
    stranger_since: EngineTime,
    line: BytesMut,
    faults: u32,
    /// Lines of the board that wait for the socket, and how many bytes of deltas are among them.
    board: VecDeque<Bytes>,
    board_deltas: usize,
    /// Where the units are, if that waits too; newer ones take its place.
    positions: Option<Bytes>,
    /// Whether its turn to be shown the board comes.
    in_line: bool,
}

/// What a session made of bytes.
#[derive(Debug)]
pub enum Heard {
    /// A request in order.
    Request(Request),
    /// A line that is none; it is answered under this id.
    Fault(Value, Problem),
    /// Too many of those, or a line without end: close.
    GiveUp,
}

impl Session {
    /// A new connection.
    #[must_use]
    pub fn new(now: EngineTime, peer: SocketAddr) -> Self {
        Self {
            peer,
            login: Login::Nobody,
            follows: Follows::No,
            backlog: 0,
            taken_at: now,
            waiting: 0,
            failed_logins: 0,
            pings: false,
            acked_seq: 0,
            heard_at: now,
            stranger_since: now,
            line: BytesMut::new(),
            faults: 0,
            board: VecDeque::new(),
            board_deltas: 0,
            positions: None,
            in_line: false,
        }
    }

    /// Takes bytes as they come; whole lines become requests.
    pub fn handle_bytes(&mut self, now: EngineTime, mut bytes: &[u8], heard: &mut Vec<Heard>) {
        self.heard_at = now;
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = bytes.split_at(end);
            bytes = tail.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.take_line(head, heard);
            } else {
                self.line.extend_from_slice(head);
                let line = self.line.split();
                self.take_line(&line, heard);
            }
            if self.faults > MAX_FAULTS {
                return heard.push(Heard::GiveUp);
            }
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > MAX_LINE {
            let message = format!("a line may have {MAX_LINE} bytes at most");
            heard.push(Heard::Fault(
                Value::Null,
                Problem::new(Problem::PARSE, message),
            ));
            heard.push(Heard::GiveUp);
            self.line.clear();
        }
    }

    fn take_line(&mut self, line: &[u8], heard: &mut Vec<Heard>) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match rpc::parse(line) {
            Ok(request) => {
                self.faults = 0;
                heard.push(Heard::Request(request));
            }
            Err((id, problem)) => {
                self.faults += 1;
                heard.push(Heard::Fault(id, problem));
            }
        }
    }

    /// The user, if one is logged in.
    #[must_use]
    pub fn user(&self) -> Option<(&str, Role)> {
        match &self.login {
            Login::User { name, role } => Some((name.as_str(), *role)),
            Login::Nobody | Login::Checking { .. } => None,
        }
    }

    /// Nobody is logged in any more.
    pub fn stranger_since(&mut self, now: EngineTime) {
        self.stranger_since = now;
    }

    /// Whether it follows the board.
    #[must_use]
    pub fn follows_board(&self) -> bool {
        matches!(self.follows, Follows::After(_))
    }

    /// Whether deltas are made for it.
    #[must_use]
    pub fn wants_deltas(&self) -> bool {
        matches!(self.follows, Follows::Soon | Follows::After(_))
    }

    /// It will follow, if it does not already.
    pub fn follow_soon(&mut self) {
        if !self.follows_board() {
            self.follows = Follows::Soon;
        }
    }

    /// When it is closed unless something is heard, or is taken.
    #[must_use]
    pub fn dead_at(&self) -> (EngineTime, Cut) {
        let limit_ms = if self.pings { DEAD_MS } else { IDLE_MS };
        let mut silent_at = self.heard_at.plus_ms(limit_ms);
        if self.user().is_none() {
            // Whatever it says: a byte now and then is no login.
            silent_at = silent_at.min(self.stranger_since.plus_ms(LOGIN_MS));
        }
        let silent = (silent_at, Cut::Silent);
        let stuck = (self.taken_at.plus_ms(STUCK_MS), Cut::Stuck);
        match self.backlog {
            0 => silent,
            _ => silent.min(stuck),
        }
    }

    /// Bytes are handed to its socket. False when far too many wait there: it asks and does not
    /// read.
    pub fn hand(&mut self, now: EngineTime, bytes: usize) -> bool {
        if self.backlog == 0 {
            self.taken_at = now;
        }
        self.backlog += bytes;
        self.backlog <= 4 * MAX_BACKLOG
    }

    /// The socket took some of them.
    pub fn taken(&mut self, now: EngineTime, bytes: usize) {
        self.taken_at = now;
        self.backlog = self.backlog.saturating_sub(bytes);
    }

    /// Starts following: the pages go out as fast as the socket takes them, deltas behind them.
    pub fn follow(&mut self, seq: u64, pages: Vec<Bytes>) {
        self.follows = Follows::After(seq);
        self.board = pages.into();
        self.board_deltas = 0;
        self.positions = None;
    }

    /// Queues the places of the units behind what waits.
    pub fn queue_positions(&mut self, line: &Bytes) {
        if self.follows_board() {
            self.positions = Some(line.clone());
        }
    }

    /// Whether something waits and it is not in the line of those to be shown the board yet: it is
    /// from here on.
    pub fn comes_next(&mut self) -> bool {
        let waits = !self.board.is_empty() || self.positions.is_some();
        let comes = waits && !self.in_line;
        self.in_line |= comes;
        comes
    }

    /// Its turn has come.
    pub fn had_turn(&mut self) {
        self.in_line = false;
    }

    /// Queues a delta. A console that is too far behind loses the board instead of holding memory,
    /// and is told so: true.
    pub fn queue_delta(&mut self, seq: u64, line: &Bytes) -> bool {
        let Follows::After(last) = self.follows else {
            return false;
        };
        if seq <= last {
            return false;
        }
        self.follows = Follows::After(seq);
        // Who keeps up gets it however long it is.
        let behind = self.backlog > 0 || !self.board.is_empty();
        self.board_deltas += line.len();
        self.board.push_back(line.clone());
        if behind && self.board_deltas > MAX_BACKLOG {
            self.follows = Follows::Lost;
            self.board_deltas = 0;
            self.board = [rpc::notice(
                "board.resync",
                &Resync {
                    dropped_after: last,
                },
            )]
            .into();
            self.positions = None;
            return true;
        }
        false
    }

    /// The next line of the board the socket has room for.
    pub fn next_board_line(&mut self) -> Option<Bytes> {
        if self.board.is_empty() && self.backlog < MAX_BACKLOG / 4 {
            return self.positions.take();
        }
        let room = self.backlog == 0 || self.backlog + self.board.front()?.len() <= MAX_BACKLOG;
        let line = if room {
            self.board.pop_front()?
        } else {
            return None;
        };
        self.board_deltas = self.board_deltas.saturating_sub(line.len());
        Some(line)
    }

    /// Bytes of an unfinished line.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.line.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new(EngineTime(0), "127.0.0.1:1".parse().unwrap())
    }

    #[test]
    fn lines_may_come_in_any_pieces() {
        let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.ping\"}\r\n\n";
        for cut in 0..text.len() {
            let (mut session, mut heard) = (session(), Vec::new());
            let (head, tail) = text.split_at(cut);
            session.handle_bytes(EngineTime(0), head.as_bytes(), &mut heard);
            session.handle_bytes(EngineTime(0), tail.as_bytes(), &mut heard);
            assert!(matches!(&heard[..], [Heard::Request(r)] if r.method == "session.ping"));
            assert_eq!(session.unread(), 0);
        }
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let (mut session, mut heard) = (session(), Vec::new());
        for _ in 0..=MAX_LINE / 1024 {
            session.handle_bytes(EngineTime(0), &[b'x'; 1024], &mut heard);
        }
        assert!(matches!(&heard[..2], [Heard::Fault(..), Heard::GiveUp]));
        assert!(session.unread() <= 1024);
    }

    #[test]
    fn garbage_is_answered_and_then_given_up() {
        let (mut session, mut heard) = (session(), Vec::new());
        for _ in 0..=MAX_FAULTS {
            session.handle_bytes(EngineTime(0), b"nonsense\n", &mut heard);
        }
        let faults = heard
            .iter()
            .filter(|heard| matches!(heard, Heard::Fault(..)))
            .count();
        assert_eq!(faults, MAX_FAULTS as usize + 1);
        assert!(matches!(heard.last(), Some(Heard::GiveUp)));
    }
}
