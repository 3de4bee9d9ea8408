//! What each fault does when its time has come.

use super::*;

impl Town {
    /// A fault happens.
    pub(super) fn befall(&mut self, fault: Fault) -> Result<(), Broken> {
        use journal::{Call, Fault as DiskFault};
        match fault {
            Fault::Kill | Fault::PowerCut => {
                if self.process.is_none() {
                    self.later(5_000, Job::Fault(fault));
                    return Ok(());
                }
                self.fired.note(fault);
                return self.crash(fault == Fault::PowerCut);
            }
            Fault::CutInRecovery => {
                self.cut_start = true;
                return self.crash(true);
            }
            Fault::Rot | Fault::Misdirected => return self.spoil(fault),
            _ => {}
        }
        let now_ms = self.now_ms;
        match fault {
            Fault::CutInCall
            | Fault::SyncError
            | Fault::WriteError
            | Fault::Vanished
            | Fault::NoSpace => {
                if self.process.as_ref().is_none_or(|process| process.failed) || self.disk_trouble {
                    self.later(5_000, Job::Fault(fault));
                    return Ok(());
                }
                let mut disk = self.disks.journal.disk();
                let call = if self.chance.hits(0.5) {
                    Call::Write
                } else {
                    Call::Sync
                };
                match fault {
                    Fault::CutInCall => disk.fail_next(call, DiskFault::PowerCut),
                    Fault::SyncError => disk.fail_next(Call::Sync, DiskFault::Io),
                    Fault::WriteError => disk.fail_next(Call::Write, DiskFault::Io),
                    Fault::Vanished => disk.vanish(),
                    _ if self.chance.hits(0.85) => disk.fail_next(Call::Write, DiskFault::Full),
                    _ => {
                        disk.fill(true);
                        self.full = true;
                        return Ok(());
                    }
                }
                self.disk_trouble = true;
                self.fired.note(fault);
            }
            Fault::SlowSync => self.slow_until = now_ms + 30_000,
            Fault::ClockJump => {
                self.fired.note(fault);
                self.skew_ms = match self.chance.hits(0.3) {
                    true => 0,
                    false => self.chance.within(3_600_000),
                };
            }
            Fault::SlowConsole | Fault::DeadConsole => {
                let place = usize::from(self.chance.hits(0.5));
                let long_ms = 10_000 + self.chance.below(40_000);
                let desk = self
                    .desks
                    .get_mut(place)
                    .filter(|desk| desk.console.is_some() && desk.pinged && desk.dead_until == 0);
                let Some(desk) = desk else {
                    self.later(3_000, Job::Fault(fault));
                    return Ok(());
                };
                self.fired.note(fault);
                match fault {
                    Fault::SlowConsole => desk.slow_until = now_ms + long_ms,
                    _ => desk.dead_until = now_ms + long_ms,
                }
            }
            Fault::Unplugged => return self.pull(),
            Fault::LineNoise => self.disturb(),
            Fault::LateAnswer => {
                // The longest limit is a minute and a half.
                self.world.dawdle(95_000 + self.chance.below(120_000));
            }
            Fault::GpsJump | Fault::GpsStuck | Fault::GpsFuture => {
                let lie = match fault {
                    Fault::GpsJump => Lie::Jump,
                    Fault::GpsStuck => Lie::Stuck,
                    _ => Lie::Future,
                };
                // Long enough for a stuck fix to be old, and to be told a few times.
                let until_ms = now_ms + 360_000 + self.chance.below(240_000);
                let lot = (self.chance.draw(), lie);
                let wall_ms = self.true_wall_ms();
                self.world.mislead(now_ms, wall_ms, lot, until_ms);
            }
            Fault::Repeat => {
                let place = usize::from(self.chance.hits(0.5));
                self.desks.get_mut(place).map(|desk| desk.repeat(now_ms));
            }
            _ => {
                let counts = [Fault::GatewayDown, Fault::Flap, Fault::Cut, Fault::HalfOpen];
                if counts.contains(&fault) {
                    self.fired.note(fault);
                }
                self.net.begin(now_ms, fault, &self.gateways);
            }
        }
        Ok(())
    }

    /// A copy of the disk loses a bit or gets a sector in the wrong place: a start must say so.
    pub(super) fn spoil(&mut self, fault: Fault) -> Result<(), Broken> {
        let mut disk = self.disks.journal.disk().kill();
        let firsts = first_records(&disk);
        let mut pick = |of: usize| usize::try_from(self.chance.below(of as u64)).unwrap_or(0);
        let mut sector = || {
            let segment = pick(firsts.len());
            let name = journal::segment_name(u32::try_from(segment).unwrap_or(0) + 1);
            let used = used_sectors(disk.contents(&name)?);
            Some((segment, (name, used.get(pick(used.len())).copied()?)))
        };
        let (Some((_, from)), Some((segment, to))) = (sector(), sector()) else {
            return Ok(());
        };
        let changed = match fault {
            Fault::Rot => {
                let sector = disk.contents(&to.0).unwrap_or_default();
                let begin = to.1 * journal::SECTOR_BYTES;
                let bytes = sector
                    .get(begin..begin + journal::SECTOR_BYTES)
                    .unwrap_or_default();
                let inked: Vec<_> = (0..bytes.len())
                    .filter(|at| bytes.get(*at) != Some(&0))
                    .collect();
                let at = inked.get(pick(inked.len())).copied().unwrap_or(0);
                disk.flip(&to.0, (begin + at) as u64, 1 << pick(8));
                true
            }
            _ => disk.misdirect((&from.0, from.1), (&to.0, to.1)),
        };
        if !changed {
            return Ok(());
        }
        self.fired.note(fault);
        // From the segment before to the one behind: nothing else changed, and the end reads all.
        let begin = segment.checked_sub(1).and_then(|before| firsts.get(before));
        let begin = begin.map_or(1, |first| first + 1);
        let end = firsts.get(segment + 2).copied().unwrap_or(u64::MAX);
        match journal::read(&mut disk, begin, end, |_| {}) {
            Ok(report) if report.is_intact() => {
                let what = format!("{fault:?} {to:?}");
                Err(Broken::new("a changed journal passed for sound", what))
            }
            _ => Ok(()),
        }
    }
}

/// The number of the first record of each used segment, where the journal's layout has it.
fn first_records(disk: &journal::SimDisk) -> Vec<u64> {
    let header = |index| disk.contents(&journal::segment_name(index))?.get(24..32);
    let first = |bytes: &[u8]| Some(u64::from_le_bytes(*bytes.first_chunk()?));
    let all = (1..).map_while(|index| header(index).and_then(first));
    all.take_while(|first| *first > 0).collect()
}

/// Sectors of a segment that hold something.
fn used_sectors(segment: &[u8]) -> Vec<usize> {
    let sectors = segment.chunks(journal::SECTOR_BYTES).enumerate();
    let used = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
    used.map(|(number, _)| number).collect()
}
