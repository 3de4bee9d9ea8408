//! `[suspect]`: how much evidence makes a terminal suspect. All of it may be left out.

use super::node::Node;
use crate::engine::suspect::Suspicion;

/// Messages that may be asked for: fewer than two are no pattern, and a hundred never come.
const CHANGES: std::ops::RangeInclusive<i64> = 2..=100;
/// Of jumps and replays one may be enough.
const TIMES: std::ops::RangeInclusive<i64> = 1..=100;
/// Longest time in which evidence counts, seconds: a day.
const WITHIN_S: std::ops::RangeInclusive<i64> = 1..=86_400;
/// Most terminals marked at once; 0 marks none and only alarms.
const AT_ONCE: std::ops::RangeInclusive<i64> = 0..=255;

pub(super) fn suspicion(root: &Node<'_>) -> Suspicion {
    let usual = Suspicion::default();
    let Some(node) = root.section_opt("suspect") else {
        return usual;
    };
    let times = |key, limits, default: u8| {
        u8::try_from(node.int_or(key, limits, i64::from(default))).unwrap_or(default)
    };
    let wait = |key, default_ms: u32| {
        let seconds = node.int_or(key, WITHIN_S, i64::from(default_ms / 1000));
        u32::try_from(seconds.saturating_mul(1000)).unwrap_or(default_ms)
    };
    Suspicion {
        changes: times("changes", CHANGES, usual.changes),
        changes_within_ms: wait("changes_within_s", usual.changes_within_ms),
        jumps: times("jumps", TIMES, usual.jumps),
        replays: times("replays", TIMES, usual.replays),
        within_ms: wait("within_s", usual.within_ms),
        late_ms: wait("late_s", usual.late_ms),
        at_once: times("at_once", AT_ONCE, usual.at_once),
    }
}
