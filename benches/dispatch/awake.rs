//! Keeps the cores from sleeping: one spinning thread a core, of idle priority.
//!
//! A virtual core that has nothing to do is handed back to the host, and comes back with cold
//! caches. That costs both sides of the comparison, but the one that computes more pays more: it
//! measures the host's other guests. A spinning thread of idle priority gives way at once to
//! whatever wakes up, so that neither side waits for it.

use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// The spinning threads, until dropped.
pub(crate) struct Awake {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Awake {
    pub(crate) fn keep() -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism()?.get();
        let (told, ready) = std::sync::mpsc::sync_channel(cores);
        let threads = (0..cores).map(|_| {
            let (stop, told) = (Arc::clone(&stop), told.clone());
            std::thread::spawn(move || {
                let _ = told.send(go_idle());
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        });
        let threads = threads.collect();
        let awake = Self { stop, threads };
        for _ in 0..cores {
            ready
                .recv()?
                .context("failed to lower a thread's priority")?;
        }
        Ok(awake)
    }
}

fn go_idle() -> anyhow::Result<()> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
        .map_err(|error| anyhow::anyhow!("{error:?}"))
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
