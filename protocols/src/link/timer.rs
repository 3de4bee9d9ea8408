//! The link's timers: a fixed set, at most one deadline each.

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// Our message or CLOSE was not acknowledged.
    Ack,
    /// Time for our next heartbeat; on a serial line, it was quiet for too long.
    Heartbeat,
    /// Time for the next CONNECT.
    Reconnect,
    /// The rest of a frame did not come (serial).
    Gap,
}

impl Timer {
    pub(super) const ALL: [Self; 4] = [Self::Ack, Self::Heartbeat, Self::Reconnect, Self::Gap];
}

/// The deadlines, milliseconds of the owner's clock.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Timers([Option<u64>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at_ms: u64) {
        self.put(timer, Some(at_ms));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.put(timer, None);
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0.get(timer as usize).is_some_and(Option::is_some)
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.0.iter().flatten().min().copied()
    }

    /// Whether it is due; a due timer is stopped.
    pub(super) fn expire(&mut self, timer: Timer, now_ms: u64) -> bool {
        let deadline = self.0.get(timer as usize).copied().flatten();
        let due = deadline.is_some_and(|at| at <= now_ms);
        if due {
            self.stop(timer);
        }
        due
    }

    fn put(&mut self, timer: Timer, deadline: Option<u64>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = deadline;
        }
    }
}

/// Heartbeats between two ends of which both may keep a timer. A heartbeat that comes while ours
/// is unanswered *is* the answer; any other is answered, but at most once in half a period:
/// without that, one datagram doubled by the network would be answered forever.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pulse {
    awaiting: bool,
    missed: u32,
    answered_ms: Option<u64>,
}

impl Pulse {
    /// Something valid came from the peer.
    pub(super) fn hear(&mut self) {
        self.missed = 0;
    }

    /// A heartbeat came. `None`: it answered ours. Otherwise it is the peer's own, and this tells
    /// whether to answer it.
    pub(super) fn beat(&mut self, now_ms: u64, period_ms: u64) -> Option<bool> {
        if core::mem::take(&mut self.awaiting) {
            return None;
        }
        let last = self.answered_ms;
        let answer = last.is_none_or(|last| now_ms.saturating_sub(last) >= period_ms / 2);
        if answer {
            self.answered_ms = Some(now_ms);
        }
        Some(answer)
    }

    /// A period passed: how many heartbeats in a row went unanswered. The next one is on its way.
    pub(super) fn period(&mut self) -> u32 {
        self.missed += u32::from(self.awaiting);
        self.awaiting = true;
        self.missed
    }
}
