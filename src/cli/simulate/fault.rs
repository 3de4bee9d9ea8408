//! What goes wrong, when, and how often it did.

use crate::radio::Chance;
use std::collections::{BTreeMap, BTreeSet};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The process is killed; what it wrote is still there.
    Kill,
    /// The power goes at some call of the disk: unsynced sectors are kept, lost, torn, reordered.
    PowerCut,
    /// The power goes again while the journal is opened.
    CutAtStart,
    /// A write fails with EIO.
    WriteFails,
    /// A sync fails with EIO.
    SyncFails,
    /// A call fails with ENOSPC.
    NoSpace,
    /// Syncs take 0.1 to 5 s for a while.
    SlowSync,
    /// A bit of the journal turns while the daemon is down.
    Rot,
    /// A sector of the journal is written over another one.
    Misdirected,
    /// A sector of the journal is zeros again.
    LostSector,
    /// The wall clock jumps by up to an hour, or back.
    Wall,
    /// A datagram is lost.
    Lost,
    /// A datagram comes twice.
    Doubled,
    /// A datagram comes late, behind others.
    Delayed,
    /// A byte of a datagram is changed.
    Garbled,
    /// The gateway cannot be reached for a while.
    LinkCut,
    /// A console's connection ends.
    ConsoleCut,
    /// A console's packets go nowhere, and nobody is told.
    HalfOpen,
    /// A console does not read for a while.
    SlowConsole,
}

/// How a fault comes.
enum Way {
    /// From time to time.
    Timed,
    /// To one of so many datagrams.
    Datagram(f64),
    /// With each restart.
    Restart,
}

impl Fault {
    /// All, with their names.
    pub(super) const ALL: [(Self, &'static str); 19] = [
        (Self::Kill, "kill"),
        (Self::PowerCut, "power-cut"),
        (Self::CutAtStart, "cut-at-start"),
        (Self::WriteFails, "write-fails"),
        (Self::SyncFails, "sync-fails"),
        (Self::NoSpace, "no-space"),
        (Self::SlowSync, "slow-sync"),
        (Self::Rot, "rot"),
        (Self::Misdirected, "misdirected"),
        (Self::LostSector, "lost-sector"),
        (Self::Wall, "wall-jump"),
        (Self::Lost, "lost"),
        (Self::Doubled, "doubled"),
        (Self::Delayed, "delayed"),
        (Self::Garbled, "garbled"),
        (Self::LinkCut, "link-cut"),
        (Self::ConsoleCut, "console-cut"),
        (Self::HalfOpen, "half-open"),
        (Self::SlowConsole, "slow-console"),
    ];

    pub(super) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(fault, _)| *fault == self);
        found.map_or("", |(_, name)| name)
    }

    fn way(self) -> Way {
        match self {
            Self::Lost => Way::Datagram(0.02),
            Self::Doubled | Self::Delayed => Way::Datagram(0.01),
            Self::Garbled => Way::Datagram(0.005),
            Self::CutAtStart | Self::Rot | Self::Misdirected | Self::LostSector => Way::Restart,
            _ => Way::Timed,
        }
    }

    /// `all`, `none`, or names with commas between.
    pub(super) fn list(text: &str) -> Result<BTreeSet<Self>, String> {
        let one = |word: &str| {
            let found = Self::ALL.iter().find(|(_, name)| *name == word.trim());
            found.map(|(fault, _)| *fault).ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|(_, name)| *name).collect();
                let names = names.join(", ");
                format!("`{word}` is no fault; there are all, none, {names}")
            })
        };
        match text {
            "all" => Ok(Self::ALL.iter().map(|(fault, _)| *fault).collect()),
            "none" => Ok(BTreeSet::new()),
            list => list.split(',').map(one).collect(),
        }
    }
}

/// Decides what goes wrong next, by a seed, and counts.
pub(super) struct Storm {
    enabled: BTreeSet<Fault>,
    chance: Chance,
    mean_ms: u64,
    next: BTreeMap<Fault, u64>,
    pub(super) counts: BTreeMap<Fault, u64>,
}

impl Storm {
    const STREAM: u64 = 0x57_0514;
    /// Times a fault comes in a run at least, on the average: a few more than are asked for.
    const TIMES: u64 = 20;
    /// It comes this often in a long run, milliseconds.
    const LONGEST_MS: u64 = 1_200_000;
    /// One start in so many meets [`Fault::CutAtStart`].
    const STARTS: u64 = 3;

    pub(super) fn new(seed: u64, hours: f64, enabled: &BTreeSet<Fault>) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked"
        )]
        let run_ms = (hours * 3_600_000.0) as u64;
        let mut storm = Self {
            enabled: enabled.clone(),
            chance: Chance::stream(seed, Self::STREAM),
            mean_ms: (run_ms / Self::TIMES).clamp(1_000, Self::LONGEST_MS),
            next: BTreeMap::new(),
            counts: enabled.iter().map(|fault| (*fault, 0)).collect(),
        };
        for (fault, _) in Fault::ALL {
            if matches!(fault.way(), Way::Timed) && storm.enabled.contains(&fault) {
                // The first comes early, so that a run has room for all.
                let at = storm.chance.below(storm.mean_ms);
                storm.next.insert(fault, at);
            }
        }
        storm
    }

    /// When the next of those that come from time to time is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.next.values().min().copied()
    }

    /// One that is due.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<Fault> {
        let (fault, _) = self.next.iter().find(|(_, at)| **at <= now_ms)?;
        let fault = *fault;
        let gap = self.chance.around(self.mean_ms);
        self.next.insert(fault, now_ms + gap);
        Some(fault)
    }

    /// Whether this datagram, or this start, meets it; then it is counted.
    pub(super) fn hits(&mut self, fault: Fault) -> bool {
        let hit = match fault.way() {
            Way::Datagram(rate) => self.chance.hits(rate),
            Way::Restart if fault == Fault::CutAtStart => self.chance.below(Self::STARTS) == 0,
            Way::Restart | Way::Timed => true,
        };
        let hit = hit && self.enabled.contains(&fault);
        if hit {
            self.fired(fault);
        }
        hit
    }

    pub(super) fn fired(&mut self, fault: Fault) {
        *self.counts.entry(fault).or_default() += 1;
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    /// Evenly from half of `mean` to one and a half of it.
    pub(super) fn around(&mut self, mean: u64) -> u64 {
        self.chance.around(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_listed_by_name() {
        assert_eq!(Fault::list("all").unwrap().len(), Fault::ALL.len());
        assert!(Fault::list("none").unwrap().is_empty());
        let two = BTreeSet::from([Fault::Kill, Fault::Rot]);
        assert_eq!(Fault::list("rot, kill"), Ok(two));
        assert!(Fault::list("rust").unwrap_err().contains("power-cut"));
    }
}
