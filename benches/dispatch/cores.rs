//! Who runs where: the outside has the first core, the inside has the last.
//!
//! Consoles and gateways are other machines, and here they share two cores with the daemon. Left
//! to the scheduler, who is woken runs on the core of who woke it (a hop of 9 us) or on the other
//! one (18 us and more), for a minute this and for a minute that, and a sync takes 35 us longer on
//! the core that is not interrupted by the disk: that is more than all the daemon decides. So
//! client, gateway and the floor's echoes stay outside, the daemon's loop and who takes the floor's
//! sample stay inside, and each hop of either side is one between cores.

use anyhow::Context;
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// The thread that takes the floor's sample.
pub(crate) const FLOOR: &str = "floor";

/// Every core there is.
pub(crate) struct Cores(CpuSet);

impl Cores {
    /// Asked before anything is placed.
    pub(crate) fn all() -> anyhow::Result<Self> {
        Ok(Self(sched_getaffinity(None)?))
    }

    /// Places the threads there are: the calling one and those it started outside, the loop and
    /// the floor's inside. Those they start from here on stay with them; all others run anywhere.
    pub(crate) fn apart(&self) -> anyhow::Result<()> {
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| self.0.is_set(*core));
        let first = cores.next().context("there is no core to run on")?;
        let last = cores.next_back().unwrap_or(first);
        place(&only(first), &only(last))
    }

    /// Leaves them all to the scheduler.
    pub(crate) fn as_scheduled(&self) -> anyhow::Result<()> {
        place(&self.0, &self.0)
    }
}

fn only(core: usize) -> CpuSet {
    let mut cores = CpuSet::new();
    cores.set(core);
    cores
}

fn place(outside: &CpuSet, inside: &CpuSet) -> anyhow::Result<()> {
    let own = std::fs::read_to_string("/proc/thread-self/comm")?;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        // One of the daemon's own that is not needed any more may have ended.
        let Ok(name) = std::fs::read_to_string(task.path().join("comm")) else {
            continue;
        };
        let cores = match name.trim_end() {
            "tieqi-loop" | FLOOR => inside,
            _ if name == own => outside,
            _ => continue,
        };
        let thread = task.file_name().into_string().ok();
        let thread = thread.and_then(|thread| Pid::from_raw(thread.parse().ok()?));
        sched_setaffinity(thread, cores).context("failed to keep a thread on its core")?;
    }
    Ok(())
}
