//! What the consoles are shown, a few consoles a turn. Answers do not come this way: they do not
//! wait for anybody's board.

use super::board::Touched;
use super::effect::Held;
use super::output::Outbox;
use super::session::{ConsoleId, Session};
use super::{Daemon, Now, board};
use crate::planted::{Planted, planted};
use bytes::Bytes;

impl Daemon {
    /// Queues a delta for everybody who follows.
    pub(super) fn show_delta(&mut self, seq: u64, line: &Bytes) {
        for (console, session) in &mut self.sessions {
            let lost = session.queue_delta(seq, line);
            self.counts.boards_lost += u64::from(lost);
            if session.comes_next() {
                self.boards.push_back(*console);
            }
        }
    }

    /// Queues where the units are that moved, at most once a second.
    pub(super) fn show_positions(&mut self, now: Now) {
        let due = now.at.since_ms(self.shown_at) >= Self::SHOW_EVERY_MS;
        if !due || self.moved.is_empty() {
            return;
        }
        self.shown_at = now.at;
        let moved = std::mem::take(&mut self.moved);
        if !self.sessions.values().any(Session::follows_board) {
            return;
        }
        let Some(line) = board::positions(self.views(now.at), &moved) else {
            return;
        };
        for (console, session) in &mut self.sessions {
            session.queue_positions(&line);
            if session.comes_next() {
                self.boards.push_back(*console);
            }
        }
    }

    /// The board's next number, and a delta where somebody follows.
    pub(super) fn change_board(&mut self, now: Now, touched: &Touched, out: &mut dyn Outbox) {
        self.board_seq += 1;
        let skipped = planted(Planted::DeltaSkipped) && self.board_seq.is_multiple_of(50);
        if !skipped && self.sessions.values().any(Session::wants_deltas) {
            let seq = self.board_seq;
            let line = touched.delta(self.views(now.at), self.epoch, seq);
            self.hold(now, Held::Delta { seq, line }, out);
        }
    }

    /// Shows the board to some of those it changed for, each in its turn: hundreds of sockets are
    /// not written to while somebody grave waits.
    pub(super) fn write_boards(&mut self, out: &mut dyn Outbox) {
        for _ in 0..Self::BOARDS_TURN {
            let Some(console) = self.boards.pop_front() else {
                return;
            };
            if let Some(session) = self.sessions.get_mut(&console) {
                session.had_turn();
            }
            self.write_board(console, out);
        }
    }

    pub(super) fn write_board(&mut self, console: ConsoleId, out: &mut dyn Outbox) {
        while let Some(session) = self.sessions.get_mut(&console)
            && let Some(line) = session.next_board_line()
        {
            self.write(console, line, out);
        }
    }
}
