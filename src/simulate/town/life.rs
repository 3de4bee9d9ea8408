//! Commits, crashes and starts: what becomes of the process when the disk does what it does.

use super::*;

impl Town {
    /// What the daemon is told by the disk once it hears of it.
    pub(super) fn synced(&mut self, batch: u64) -> Result<(), Broken> {
        if let Some(process) = &mut self.process {
            process.committed(batch);
        }
        self.give(Input::Durable(batch))?;
        self.note_sound();
        self.prepare()?;
        self.commit()
    }

    pub(super) fn note_sound(&mut self) {
        if let Some(process) = &self.process
            && process.is_durable()
        {
            self.sound_at = process.now(self.now_ms, 0).at.0;
        }
    }

    pub(super) fn prepare(&mut self) -> Result<(), Broken> {
        let prepared = self.process.as_mut().is_none_or(Process::prepare);
        if !prepared {
            self.no_space();
            if self.disks.journal.disk().is_off() {
                return self.crash(true);
            }
            self.later(millis(STALL), Job::Prepare { life: self.life });
        }
        Ok(())
    }

    /// A call failed for lack of space: somebody will make some.
    pub(super) fn no_space(&mut self) {
        if self.full {
            self.fired.note(Fault::NoSpace);
            self.full = false;
            let after_ms = 5_000 + self.chance.below(20_000);
            self.later(after_ms, Job::Space);
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), Broken> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let progress = process.commit()?;
        self.progressed(progress)
    }

    pub(super) fn progressed(&mut self, progress: Progress) -> Result<(), Broken> {
        match progress {
            Progress::Idle => Ok(()),
            Progress::Synced(batch) => {
                let slow = self.slow_until > self.now_ms;
                let after_ms = match slow {
                    true => 100 + self.chance.below(4_900),
                    false => self.chance.below(3),
                };
                if slow {
                    self.fired.note(Fault::SlowSync);
                }
                self.later(
                    after_ms,
                    Job::Synced {
                        life: self.life,
                        batch,
                    },
                );
                Ok(())
            }
            Progress::Stalled(reason) => {
                self.no_space();
                if self.disks.journal.disk().is_off() {
                    return self.crash(true);
                }
                self.later(millis(STALL), Job::Again { life: self.life });
                self.give(Input::JournalStalled(reason))
            }
            Progress::Failed(reason) => self.journal_failed(reason),
        }
    }

    pub(super) fn journal_failed(&mut self, reason: String) -> Result<(), Broken> {
        if self.disks.journal.disk().is_off() {
            return self.crash(true);
        }
        if !self.disk_trouble {
            return Err(Broken::new("the journal failed on a sound disk", reason));
        }
        self.figures.failed_syncs += 1;
        let after_ms = 2_000 + self.chance.below(20_000);
        self.later(after_ms, Job::Replace { life: self.life });
        let now_ms = self.now_ms;
        let hears = |desk: &&Desk| {
            desk.console.is_some()
                && desk.untaken.is_empty()
                && desk.slow_until <= now_ms
                && desk.dead_until == 0
        };
        let listening = self.desks.iter().filter(hears).count();
        self.warned = 0;
        self.give(Input::JournalFailed(reason))?;
        match self.warned < listening {
            true => Err(Broken::new(
                "a console was not told that the journal failed",
                now_ms,
            )),
            false => Ok(()),
        }
    }

    /// The process ends without a word; with `power` what was not synced is at risk.
    pub(super) fn crash(&mut self, power: bool) -> Result<(), Broken> {
        let Some(process) = self.process.take() else {
            return Ok(());
        };
        self.figures.crashes += 1;
        self.live = Some(process).filter(Process::is_durable);
        self.next_life(power);
        let down_ms = match self.chance.hits(0.8) {
            true => 200 + self.chance.below(5_000),
            false => 5_000 + self.chance.below(60_000),
        };
        self.later(down_ms, Job::Start);
        Ok(())
    }

    pub(super) fn next_life(&mut self, power: bool) {
        self.life += 1;
        self.disk_trouble = false;
        self.full = false;
        for desk in 0..self.desks.len() {
            self.lose(desk);
        }
        let seed = self.chance.draw();
        for platter in [&self.disks.journal, &self.disks.snapshots] {
            self.figures.failed_calls += platter.disk().failed();
        }
        let after = |platter: &Platter| {
            let disk = platter.disk();
            Platter::new(if power { disk.crash(seed) } else { disk.kill() })
        };
        self.disks = Disks {
            journal: after(&self.disks.journal),
            snapshots: after(&self.disks.snapshots),
        };
    }

    pub(super) fn start(&mut self) -> Result<(), Broken> {
        if self.process.is_some() {
            return Ok(());
        }
        if std::mem::take(&mut self.cut_start) {
            let mut disk = self.disks.journal.disk();
            let call = disk.calls() + 1 + self.chance.below(12);
            disk.fail_at(call, journal::Fault::PowerCut);
        }
        let mut out = Vec::new();
        let clocks = (self.now_ms, self.wall_ms());
        let before = self.live.as_ref();
        match Process::start(&self.config, &self.disks, clocks, before, &mut out) {
            Ok(process) => self.started(process, out),
            Err(reason) => self.start_failed(&reason),
        }
    }

    pub(super) fn start_failed(&mut self, reason: &str) -> Result<(), Broken> {
        if !self.disks.journal.disk().is_off() {
            return Err(Broken::new("the daemon does not start", reason));
        }
        self.fired.note(Fault::CutInRecovery);
        self.figures.failed_starts += 1;
        self.next_life(true);
        self.later(1_000, Job::Start);
        Ok(())
    }

    pub(super) fn started(&mut self, process: Process, out: Vec<Output>) -> Result<(), Broken> {
        if let Some(damage) = &process.recovery.damage {
            return Err(Broken::new("a start found damage nobody made", damage));
        }
        self.live = None;
        if !process.found_it {
            return Err(Broken::new(
                "a start did not find the state of before",
                self.now_ms,
            ));
        }
        let opened_at = process.recovery.engine_time_ms;
        self.auditor
            .outages
            .push((self.sound_at, opened_at.max(self.sound_at) + 1));
        self.sound_at = opened_at;
        self.process = Some(process);
        self.carry_out(out)?;
        self.open_line()?;
        self.commit()?;
        self.prepare()
    }
}
