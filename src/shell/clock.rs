//! The only clock: engine time goes on from the journal by the monotonic clock, wall time is a
//! label beside it.

use crate::daemon::Now;
use crate::engine::id::EngineTime;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells engine time since a start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_ms: u64,
}

impl Clock {
    /// A clock that shows `engine_ms` now.
    #[must_use]
    pub fn at(engine_ms: u64) -> Self {
        Self {
            started: Instant::now(),
            started_ms: engine_ms,
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        Now {
            at: EngineTime(self.started_ms.saturating_add(millis(elapsed))),
            wall_ms: wall_ms(),
            mono_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// When this clock will show `at`.
    #[must_use]
    pub fn instant(&self, at: EngineTime) -> Instant {
        self.started + Duration::from_millis(at.0.saturating_sub(self.started_ms))
    }
}

/// Wall clock, milliseconds since 1970 UTC.
#[must_use]
pub fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(millis(since)).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(millis(before.duration())).unwrap_or(i64::MAX),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
