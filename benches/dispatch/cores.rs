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

/// Places the threads there are: the calling one and those it started outside, the loop and the
/// floor's inside. Those they start from here on stay with them; all others run where they like.
pub(crate) fn place_all() -> anyhow::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let cores: Vec<_> = (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect();
    let (Some(outside), Some(inside)) = (cores.first(), cores.last()) else {
        anyhow::bail!("there is no core to run on");
    };
    let own = std::fs::read_to_string("/proc/thread-self/comm")?;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        let name = std::fs::read_to_string(task.path().join("comm"))?;
        let core = match name.trim_end() {
            "tieqi-loop" | FLOOR => inside,
            _ if name == own => outside,
            _ => continue,
        };
        let thread = task.file_name().into_string().ok();
        let thread = thread.and_then(|thread| Pid::from_raw(thread.parse().ok()?));
        let mut only = CpuSet::new();
        only.set(*core);
        sched_setaffinity(thread, &only)
            .with_context(|| format!("failed to stay on core {core}"))?;
    }
    Ok(())
}
