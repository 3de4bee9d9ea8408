//! When the disk does not do its part (降级): every console is told within a second, nothing is
//! acknowledged, reading and ranking go on, and what waits for the disk stays bounded.
//!
//! ```text
//! the journal failed          until a restart   commands are refused
//! no space for the next batch until space       commands wait for their answer
//! no answer for a second      until the disk    the same
//! little space, no spare      a warning         nothing else changes
//! ```

use super::notice::{Degraded, Recovered, Space, Until};
use super::output::Outbox;
use super::rpc::{self, Problem};
use super::session::ConsoleId;
use super::{Daemon, Now};
use crate::engine::id::EngineTime;
use crate::planted::{Planted, planted};
use bytes::Bytes;

/// What the data directory's file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes a process of ours can still write.
    pub free_bytes: u64,
    /// Bytes it has in all.
    pub total_bytes: u64,
}

impl Room {
    /// Whether less than a tenth is free.
    #[must_use]
    pub fn is_low(self) -> bool {
        self.free_bytes < self.total_bytes / 10
    }
}

/// Whether space is short, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Short {
    pub(super) room: Option<Room>,
    /// Why the next segment cannot be prepared, if it cannot.
    pub(super) no_segment: Option<String>,
    told: bool,
}

impl Short {
    /// Whether it is: an alarm.
    pub(super) fn is_short(&self) -> bool {
        self.no_segment.is_some() || self.room.is_some_and(Room::is_low)
    }

    /// As consoles see it.
    pub(super) fn view(&self) -> Space<'_> {
        let mib = |bytes: fn(Room) -> u64| self.room.map(|room| bytes(room) >> 20);
        Space {
            low: self.is_short(),
            free_mib: mib(|room| room.free_bytes),
            total_mib: mib(|room| room.total_bytes),
            reason: self.no_segment.as_deref(),
        }
    }
}

impl Daemon {
    /// Batches that may wait for the disk before commands are refused and nothing due is decided.
    pub(super) const UNDURABLE: u64 = 4_096;
    /// A disk that takes longer for a batch is told to the consoles, milliseconds.
    pub const SLOW_DISK_MS: u64 = 1_000;

    /// Read-only from here on: the journal is damaged or cannot be written.
    pub fn degrade(&mut self, reason: String, out: &mut dyn Outbox) {
        tracing::error!(%reason, "degraded: nothing is accepted until a restart");
        let notice = Degraded {
            reason: &reason,
            until: Until::Restart,
        };
        if !planted(Planted::FailureUntold) {
            self.tell_all(&rpc::notice("board.degraded", &notice), out);
        }
        self.degraded = Some(reason);
    }

    /// Acknowledgements wait until the disk goes on.
    pub(super) fn stall(&mut self, reason: String, until: Until, out: &mut dyn Outbox) {
        let told = self.stalled.as_ref().map(|(_, until)| *until);
        if told != Some(until) && self.degraded.is_none() {
            tracing::error!(%reason, "stalled: nothing is acknowledged for now");
            let reason = &reason;
            let notice = Degraded { reason, until };
            self.tell_all(&rpc::notice("board.degraded", &notice), out);
        }
        self.stalled = Some((reason, until));
    }

    /// The disk went on; a slow one has to catch up first.
    pub(super) fn recover(&mut self, now: Now, out: &mut dyn Outbox) {
        let late = |decided: &Now| now.at.since_ms(decided.at) >= Self::SLOW_DISK_MS;
        let behind = self.decided.front().is_some_and(|(_, at)| late(at));
        if !behind && self.stalled.take().is_some() {
            tracing::info!("the disk went on");
            self.tell_all(&rpc::notice("board.recovered", &Recovered {}), out);
        }
    }

    /// When the disk counts as slow, unless it answers first.
    pub(super) fn slow_at(&self) -> Option<EngineTime> {
        let (_, decided) = self.decided.front()?;
        let waits = self.stalled.is_none() && self.degraded.is_none();
        waits.then(|| decided.at.plus_ms(Self::SLOW_DISK_MS))
    }

    /// Tells that the disk is slow, when it is.
    pub(super) fn watch_disk(&mut self, now: Now, out: &mut dyn Outbox) {
        if self.slow_at().is_some_and(|at| at <= now.at) {
            let limit = Self::SLOW_DISK_MS;
            let reason = format!("the journal's disk takes longer than {limit} ms");
            self.stall(reason, Until::Disk, out);
        }
    }

    /// Whether so much waits for the disk that no more may.
    pub(super) fn is_behind(&self) -> bool {
        self.batches.behind() >= Self::UNDURABLE
    }

    /// Whether what the air tells is not recorded, so that it must not be acknowledged either.
    pub(super) fn records_nothing(&self) -> bool {
        self.goes_unrecorded(|| false)
    }

    /// The same of a message. A cry for help waits for the disk, however much does.
    pub(super) fn goes_unrecorded(&self, cry: impl FnOnce() -> bool) -> bool {
        self.degraded.is_some() || (self.is_behind() && !cry())
    }

    /// Why a command is refused whatever it says, if it is.
    pub(super) fn refuses(&self) -> Option<Problem> {
        match &self.degraded {
            Some(reason) => {
                let message = format!("nothing is accepted until a restart: {reason}");
                Some(Problem::new(Problem::DEGRADED, message))
            }
            None if self.is_behind() => {
                let limit = usize::try_from(Self::UNDURABLE).unwrap_or(usize::MAX);
                Some(Problem::busy("what waits for the disk", limit))
            }
            None => None,
        }
    }

    /// How much room the disk has.
    pub(super) fn note_room(&mut self, room: Room, out: &mut dyn Outbox) {
        self.short.room = Some(room);
        self.tell_short(out);
    }

    /// Whether the next segment could be prepared, and why not.
    pub(super) fn note_segment(&mut self, prepared: Result<(), String>, out: &mut dyn Outbox) {
        self.short.no_segment = prepared.err();
        self.tell_short(out);
    }

    fn tell_short(&mut self, out: &mut dyn Outbox) {
        let low = self.short.is_short();
        if low == std::mem::replace(&mut self.short.told, low) {
            return;
        }
        let view = self.short.view();
        match low {
            true => tracing::error!(?view, "the journal's disk is nearly full"),
            false => tracing::info!(?view, "the journal's disk has room again"),
        }
        let line = rpc::notice("board.space", &view);
        self.tell_all(&line, out);
    }

    /// Why nothing is acknowledged, if nothing is.
    #[must_use]
    pub fn degraded(&self) -> Option<&str> {
        let stalled = self.stalled.as_ref().map(|(reason, _)| reason.as_str());
        self.degraded.as_deref().or(stalled)
    }

    pub(super) fn tell_all(&mut self, line: &Bytes, out: &mut dyn Outbox) {
        for console in self.logged_in() {
            self.write(console, line.clone(), out);
        }
    }

    /// The consoles somebody is logged in at.
    pub(super) fn logged_in(&self) -> Vec<ConsoleId> {
        let known = self.sessions.iter().filter(|(_, it)| it.user().is_some());
        known.map(|(console, _)| *console).collect()
    }
}
