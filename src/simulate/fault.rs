//! The faults there are, and when each comes: evenly over the run, at moments the seed chooses.

use crate::radio::Chance;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// A name in kebab case, the row of the fault table in docs/reliability.md, and what happens.
macro_rules! faults {
    ($($fault:ident $name:literal $row:literal $says:literal;)+) => {
        /// Something that goes wrong on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $(#[doc = $says] $fault),+ }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$fault),+];

            /// Its name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$fault => $name),+ }
            }

            /// Its row in the fault table of docs/reliability.md.
            #[must_use]
            pub fn row(self) -> u8 {
                match self { $(Self::$fault => $row),+ }
            }
        }
    };
}

faults! {
    Kill "kill" 1 "The process ends; what it wrote is seen by the next one.";
    PowerCut "power-cut" 2 "The power goes: unsynced sectors are kept, lost, torn or reordered.";
    CutInCall "cut-in-call" 3 "The power goes in the middle of a write or a sync.";
    CutInRecovery "cut-in-recovery" 1 "The power goes in the middle of a start.";
    Rot "rot" 4 "A bit of the journal turns while the process is down.";
    Misdirected "misdirected" 5 "A sector's write lands on another one while the process is down.";
    SyncError "sync-error" 6 "A sync fails once with EIO; the next one would succeed.";
    WriteError "write-error" 6 "A write fails once with EIO, half done.";
    NoSpace "no-space" 7 "A write fails with ENOSPC, or the next segment cannot be prepared.";
    Vanished "vanished" 8 "The file system is gone: every call fails until a restart.";
    SlowSync "slow-sync" 9 "Syncs take 100 ms to 5 s for a while.";
    ClockJump "clock-jump" 10 "The wall clock jumps by up to an hour, either way.";
    GatewayDown "gateway-down" 12 "All links of a gateway are cut for a while.";
    Flap "flap" 13 "A gateway's links go up and down ten times a second.";
    Unplugged "unplugged" 14 "The serial line is pulled, and put in again after a while.";
    LineNoise "line-noise" 14 "A frame on the serial line is garbled, cut or has noise before it.";
    Garbage "garbage" 25 "Bits of a datagram turn, or it is cut short.";
    Duplicate "duplicate" 15 "A datagram comes twice.";
    Reorder "reorder" 16 "A datagram is overtaken by those behind it.";
    Late "late" 16 "A datagram comes 5 s to 90 s late.";
    LateAnswer "late-answer" 16 "An officer says yes when the offer has long gone to others.";
    Loss "loss" 17 "A datagram is lost.";
    Cut "cut" 12 "One link is cut for a while.";
    HalfOpen "half-open" 23 "One link carries one direction only for a while.";
    GpsJump "gps-jump" 21 "A terminal's receiver tells a place 333 km away.";
    GpsStuck "gps-stuck" 21 "A terminal's receiver tells the same fix for minutes.";
    GpsFuture "gps-future" 21 "A terminal's receiver is two hours ahead.";
    SlowConsole "slow-console" 22 "A console takes nothing of what it is sent.";
    DeadConsole "dead-console" 23 "A console's cable is pulled: nothing comes or goes.";
    Repeat "repeat" 15 "A command is given again under its key, at once or after its answer.";
}

/// Fewest times an enabled fault must fire.
pub const LEAST: u64 = 10;
/// So many times each fault is planned at least, and a fifth of it more for each hour.
const PLANNED: u64 = 20;

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl Fault {
    /// The faults of `all`, `none`, or names with commas between.
    ///
    /// # Errors
    /// A name that is none.
    pub fn list(text: &str) -> Result<BTreeSet<Self>, String> {
        match text.trim() {
            "all" => Ok(Self::ALL.iter().copied().collect()),
            "none" => Ok(BTreeSet::new()),
            names => names
                .split(',')
                .map(|name| Self::named(name.trim()))
                .collect(),
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|fault| fault.name() == name);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!("`{name}` is no fault; there are {}", known.join(", "))
        })
    }

    /// When it comes in a run of `total_ms`: once in each of as many equal parts as are planned.
    pub(super) fn times(self, seed: u64, total_ms: u64) -> Vec<u64> {
        /// Faults have streams of chance of their own, so that one more moves no other.
        const STREAMS: u64 = 1 << 16;
        let mut chance = Chance::stream(seed, STREAMS + self as u64);
        let parts = PLANNED + total_ms / 3_600_000 * PLANNED / 5;
        let part_ms = total_ms / parts;
        (0..parts)
            .map(|part| part * part_ms + chance.below(part_ms))
            .collect()
    }
}

/// How often something happened, by fault.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Fired(BTreeMap<Fault, u64>);

impl Fired {
    pub(super) fn planned(faults: &BTreeSet<Fault>) -> Self {
        Self(faults.iter().map(|fault| (*fault, 0)).collect())
    }

    pub(super) fn note(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// How often each enabled fault fired.
    pub fn counts(&self) -> impl Iterator<Item = (Fault, u64)> {
        self.0.iter().map(|(fault, count)| (*fault, *count))
    }
}
