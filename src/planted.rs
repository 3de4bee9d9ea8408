//! Faults planted into the daemon on purpose, to see that the simulator's auditor finds them.
//! Without the feature `planted` the question is a constant `false`, and nothing of them is left.

/// A bug somebody might write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Answers, deltas and frames leave before their batch is on the disk.
    EffectsBeforeSync,
    /// A batch's effects leave with the batch before it.
    ReleasedTooFar,
    /// A failed sync is taken for a good one.
    SyncErrorIgnored,
    /// The tail a power cut tore is left where it is.
    TornTailKept,
    /// A snapshot misses an event of the batch it claims to hold.
    SnapshotInMidBatch,
    /// Deadlines are not set again at a start.
    TimerLost,
    /// Deadlines go by the wall clock.
    WallClock,
    /// Keys of commands are forgotten at a start.
    KeyForgotten,
    /// A command is done again when it comes again.
    DoneAgain,
    /// An ack of delivery is matched with whatever its terminal's unit has in hand.
    AckBySource,
    /// A unit is offered for two slots at once.
    OfferedTwice,
    /// A limit runs out without an alarm.
    NoAlarm,
    /// A delta is left out now and then.
    DeltaSkipped,
    /// Nobody is told that the journal failed.
    FailureUntold,
    /// A console that is silent is kept.
    DeadConsoleKept,
}

/// Whether that bug is planted in this thread.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Planted) -> bool {
    false
}

#[cfg(feature = "planted")]
pub(crate) use switch::planted;
#[cfg(feature = "planted")]
pub use switch::{ALL, plant};

#[cfg(feature = "planted")]
mod switch {
    use super::Planted::{self, *};
    use std::cell::Cell;

    /// All of them.
    pub const ALL: &[Planted] = &[
        EffectsBeforeSync,
        ReleasedTooFar,
        SyncErrorIgnored,
        TornTailKept,
        SnapshotInMidBatch,
        TimerLost,
        WallClock,
        KeyForgotten,
        DoneAgain,
        AckBySource,
        OfferedTwice,
        NoAlarm,
        DeltaSkipped,
        FailureUntold,
        DeadConsoleKept,
    ];

    thread_local! {
        static CURRENT: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    /// Plants a bug in this thread, or none.
    pub fn plant(bug: Option<Planted>) {
        CURRENT.set(bug);
    }

    pub(crate) fn planted(bug: Planted) -> bool {
        CURRENT.get() == Some(bug)
    }
}
