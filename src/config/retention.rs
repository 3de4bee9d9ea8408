//! How long what is kept (留存): only `tieqi journal prune` removes anything, and nothing younger.

use super::node::Node;
use std::ops::RangeInclusive;

/// Logs are kept half a year at least (Cybersecurity Law of the PRC, article 21).
const LOGS_DAYS: RangeInclusive<i64> = 180..=36_500;
/// Incidents are kept three years at least.
const INCIDENTS_YEARS: RangeInclusive<i64> = 3..=100;
const DAY_MS: i64 = 24 * 3_600_000;
/// Never less than a year, whichever it is.
const YEAR_DAYS: i64 = 366;

/// What `journal prune` must leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days every record is kept.
    pub logs_days: u32,
    /// Years an incident's records are kept behind the last of them; a year has 366 days.
    pub incidents_years: u32,
}

impl Retention {
    /// Records from this wall time on are kept, UTC ms since 1970.
    #[must_use]
    pub fn logs_from_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(i64::from(self.logs_days) * DAY_MS)
    }

    /// Incidents with a record from this wall time on are kept, UTC ms since 1970.
    #[must_use]
    pub fn incidents_from_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(i64::from(self.incidents_years) * YEAR_DAYS * DAY_MS)
    }
}

/// The section may be missing: then it is the least that is allowed.
pub(super) fn retention(root: &Node<'_>) -> Retention {
    let node = root.section_opt("retention");
    let number = |key, range: RangeInclusive<i64>| {
        let least = *range.start();
        let read = node.as_ref().map(|node| node.int_or(key, range, least));
        u32::try_from(read.unwrap_or(least)).unwrap_or(u32::MAX)
    };
    Retention {
        logs_days: number("logs_days", LOGS_DAYS),
        incidents_years: number("incidents_years", INCIDENTS_YEARS),
    }
}
