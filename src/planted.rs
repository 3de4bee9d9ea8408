//! Faults planted into the daemon on purpose, to see that the simulator's auditor finds them.
//! Without the feature `planted` the question is a constant `false`, and nothing of them is left.

/// A name, and what is wrong.
macro_rules! bugs {
    ($($bug:ident $says:literal;)+) => {
        /// A bug somebody might write.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Planted { $(#[doc = $says] $bug),+ }

        /// All of them.
        #[cfg(feature = "planted")]
        pub const ALL: &[Planted] = &[$(Planted::$bug),+];
    };
}

bugs! {
    EffectsBeforeSync "Answers, deltas and frames leave before their batch is on the disk.";
    ReleasedTooFar "A batch's effects leave with the batch before it.";
    SyncErrorIgnored "A failed sync is taken for a good one.";
    TornTailKept "The tail a power cut tore is left where it is.";
    SnapshotInMidBatch "A snapshot misses an event of the batch it claims to hold.";
    TimerLost "Deadlines are not set again at a start.";
    WallClock "Deadlines go by the wall clock.";
    KeyForgotten "Keys of commands are forgotten at a start.";
    DoneAgain "A command is done again when it comes again.";
    AckBySource "An ack of delivery is matched with whatever its terminal's unit has in hand.";
    LateAnswer "An answer that comes after its assignment ended is taken.";
    AnswerToAnother "An answer to what ended is taken for what its unit has in hand.";
    OfferedTwice "A unit is offered for two slots at once.";
    NoAlarm "A limit runs out without an alarm.";
    DeltaSkipped "A delta is left out now and then.";
    FailureUntold "Nobody is told that the journal failed.";
    DeadConsoleKept "A console that is silent is kept.";
}

/// Whether that bug is planted in this thread.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Planted) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use switch::plant;
#[cfg(feature = "planted")]
pub(crate) use switch::planted;

#[cfg(feature = "planted")]
mod switch {
    use super::Planted;
    use std::cell::Cell;

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
