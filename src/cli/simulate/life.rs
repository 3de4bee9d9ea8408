//! The life of the daemon's process: what it commits, how it dies and starts again, and what
//! strikes it.

use super::fault::Fault;
use super::process::{self, Committed, Disks, Process};
use super::run::{Item, Simulation, WAY_MS};
use crate::journal;

/// A sync, milliseconds.
const SYNC_MS: u64 = 2;

impl Simulation<'_> {
    pub(super) fn begin_sync(&mut self) {
        if self.syncing || !self.process.as_ref().is_some_and(Process::has_waiting) {
            return;
        }
        self.syncing = true;
        let takes_ms = match self.now.ms < self.slow_until {
            true => 100 + self.storm.below(4_900),
            false => SYNC_MS,
        };
        self.later(takes_ms, Item::Synced);
    }

    pub(super) fn synced(&mut self) {
        self.syncing = false;
        if self.process.is_none() {
            return;
        }
        let told = match self.kill_at_commit.take() {
            Some(false) => {
                self.die(None);
                return;
            }
            Some(true) => false,
            None => true,
        };
        self.spoil_commit();
        let mut committed = Committed::Done;
        self.with_daemon(|process, now, out| committed = process.commit(now, told, out));
        match committed {
            Committed::Done | Committed::Stalled => {}
            Committed::Failed => {
                self.counts.failed_syncs += 1;
                self.silent_ms = self.engine_ms();
                // Somebody starts it again.
                self.later(20_000, Item::Start);
            }
            Committed::Dark => {
                let seed = self.storm.below(u64::MAX);
                self.die(Some(seed));
            }
        }
        if !told {
            self.die(None);
        }
    }

    fn spoil_commit(&mut self) {
        let Some(fault) = self.spoil.pop_front() else {
            return;
        };
        let call = 1 + self.storm.below(2);
        let Some(process) = &mut self.process else {
            return;
        };
        match fault {
            Fault::WriteFails => process.spoil(1, journal::Fault::Io),
            Fault::SyncFails => process.spoil(2, journal::Fault::Io),
            Fault::NoSpace => process.spoil(1, journal::Fault::Full),
            _ => process.spoil(call, journal::Fault::PowerCut),
        }
        self.storm.fired(fault);
    }

    pub(super) fn engine_ms(&self) -> Option<u64> {
        let process = self.process.as_ref()?;
        Some(process.now(self.now).at.0)
    }

    /// The process is gone, and with it all its connections.
    fn die(&mut self, dark: Option<u64>) {
        let since = self.silent_ms.or(self.engine_ms());
        let Some(process) = self.process.take() else {
            return;
        };
        if !process.agrees() {
            self.auditor
                .fault(self.now.ms, "the journal does not make what the daemon had");
        }
        self.silent_ms = since;
        self.counts.crashes += 1;
        self.disks = process.die(dark);
        self.syncing = false;
        self.kill_at_commit = None;
        self.agenda
            .retain(|_, item| !matches!(item, Item::Synced | Item::Start | Item::Password(_)));
        let consoles = std::mem::take(&mut self.wires);
        for wire in consoles.into_values() {
            if !wire.half_open
                && let Some(desk) = self.desks.get_mut(wire.desk)
            {
                desk.gone(self.now);
            }
        }
        let down_ms = self.storm.around(5_000);
        self.later(down_ms, Item::Start);
    }

    pub(super) fn start(&mut self) {
        if self.process.is_some() {
            // A daemon whose disk failed is stopped first.
            self.die(None);
            self.agenda.retain(|_, item| !matches!(item, Item::Start));
        }
        self.rot();
        if self.storm.hits(Fault::CutAtStart) {
            let at = self.disks.journal.calls() + 1 + self.storm.below(40);
            self.disks.journal.fail_at(at, journal::Fault::PowerCut);
        }
        let disks = self.disks.clone();
        let mut out = Vec::new();
        match Process::start(disks, self.config, self.now, &mut out) {
            Ok(process) => {
                self.auditor.recovered(self.now.ms, process.daemon.engine());
                self.process = Some(process);
                self.disks = Disks::default();
                self.read_on();
                for output in out {
                    self.take(output);
                }
            }
            Err(reason) => {
                if !self.disks.journal.has_fault() {
                    self.auditor
                        .fault(self.now.ms, &format!("it does not start: {reason}"));
                }
                // Whatever the attempt wrote is at risk as well; the disk before it is one such.
                let seed = self.storm.below(u64::MAX);
                self.disks.journal = self.disks.journal.crash(seed);
                self.later(1_000, Item::Start);
            }
        }
    }

    /// One kind of decay at each start, on a copy.
    fn rot(&mut self) {
        const KINDS: [Fault; 3] = [Fault::Rot, Fault::Misdirected, Fault::LostSector];
        if self
            .disks
            .journal
            .contents(&journal::segment_name(1))
            .is_none()
        {
            return;
        }
        self.rotted += 1;
        let kind = KINDS
            .get((self.rotted % 3) as usize)
            .copied()
            .unwrap_or(Fault::Rot);
        if self.storm.hits(kind)
            && let Some(silent) = process::rot(&self.disks, kind, &mut self.storm, self.now.wall_ms)
        {
            self.auditor.fault(self.now.ms, &silent);
        }
    }

    pub(super) fn read_on(&mut self) {
        let silent = self.silent_ms.take();
        let disk = match &self.process {
            Some(process) => process.disk(),
            None => &self.disks.journal,
        };
        self.auditor.read_on(self.now.ms, disk, silent);
    }

    pub(super) fn strike(&mut self, fault: Fault) {
        let now_ms = self.now.ms;
        match fault {
            Fault::Kill if self.process.is_some() => {
                self.storm.fired(fault);
                match self.storm.below(3) {
                    0 => self.die(None),
                    at_commit => self.kill_at_commit = Some(at_commit == 1),
                }
            }
            Fault::PowerCut | Fault::WriteFails | Fault::SyncFails | Fault::NoSpace => {
                self.spoil.push_back(fault);
            }
            Fault::SlowSync => {
                self.slow_until = now_ms + 30_000;
                self.storm.fired(fault);
            }
            Fault::Wall => {
                self.wall_off_ms = match self.wall_off_ms {
                    0 => i64::try_from(self.storm.below(7_200_000)).unwrap_or(0) - 3_600_000,
                    _ => 0,
                };
                self.storm.fired(fault);
            }
            Fault::LinkCut => {
                self.cut_until = now_ms + self.storm.around(20_000);
                self.counts.link_cuts += 1;
                self.storm.fired(fault);
            }
            Fault::ConsoleCut | Fault::HalfOpen | Fault::SlowConsole => self.strike_console(fault),
            _ => {}
        }
    }

    fn strike_console(&mut self, fault: Fault) {
        let place = self.storm.below(self.wires.len() as u64);
        let place = usize::try_from(place).unwrap_or(0);
        let Some((console, wire)) = self.wires.iter_mut().nth(place) else {
            return;
        };
        match fault {
            Fault::HalfOpen => wire.half_open = true,
            Fault::SlowConsole => wire.slow_until = self.now.ms + 20_000,
            _ => {
                let (console, desk) = (*console, wire.desk);
                if let Some(desk) = self.desks.get_mut(desk) {
                    desk.gone(self.now);
                }
                self.later(WAY_MS, Item::ConsoleEnds(console, false));
            }
        }
        self.storm.fired(fault);
    }
}
