//! Terminals that do not register: whoever is heard counts as registered, told again once in
//! [`RENEW_MS`].

use alloc::collections::BTreeMap;

/// How often a terminal that is heard is told as registered, milliseconds.
pub(super) const RENEW_MS: u64 = 60_000;
/// Terminals remembered; then all are told once more.
const MAX: usize = 4096;

/// When each was told last.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(BTreeMap<u32, u64>);

impl Heard {
    /// Whether a terminal that is heard now is to be told as registered; then it counts as told.
    pub(super) fn is_new(&mut self, now_ms: u64, radio: u32) -> bool {
        let is_due = |at: &u64| now_ms.saturating_sub(*at) >= RENEW_MS;
        let is_new = self.0.get(&radio).is_none_or(is_due);
        if is_new {
            self.note(now_ms, radio);
        }
        is_new
    }

    /// A terminal was told as registered, or as gone.
    pub(super) fn note(&mut self, now_ms: u64, radio: u32) {
        if self.0.len() >= MAX {
            self.0.clear();
        }
        self.0.insert(radio, now_ms);
    }

    /// Nobody counts as told.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
