//! The radios on a thread of their own, as the demo and the tests run them.

use super::{RadioError, RadioOptions, Stats, run};
use crate::config::Config;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// Radios that run. Dropping them switches them off.
#[derive(Debug)]
pub struct Radios {
    shutdown: watch::Sender<bool>,
    stats: watch::Receiver<Stats>,
    thread: Option<JoinHandle<Result<Stats, RadioError>>>,
}

impl Radios {
    /// Switches the radios on.
    ///
    /// # Errors
    /// When the thread cannot be started; what else goes wrong shows in [`Radios::stop`].
    pub fn start(config: &Config, options: RadioOptions) -> std::io::Result<Self> {
        let (shutdown, told) = watch::channel(false);
        let (counted, stats) = watch::channel(Stats::default());
        let config = config.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name("tieqi-radio".into());
        let thread =
            thread.spawn(move || runtime.block_on(run(&config, options, told, counted)))?;
        Ok(Self {
            shutdown,
            stats,
            thread: Some(thread),
        })
    }

    /// What they did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.borrow().clone()
    }

    /// Switches them off; what they did in all.
    ///
    /// # Errors
    /// Why they stopped early.
    pub fn stop(mut self) -> Result<Stats, RadioError> {
        let last = self.stats();
        match self.switch_off() {
            Some(outcome) => outcome,
            None => Ok(last),
        }
    }

    fn switch_off(&mut self) -> Option<Result<Stats, RadioError>> {
        let _ = self.shutdown.send(true);
        self.thread.take()?.join().ok()
    }
}

impl Drop for Radios {
    fn drop(&mut self) {
        self.switch_off();
    }
}
