//! Durable before it leaves: what a batch causes is held until the journal has it.

use crate::engine::event::Event;
use crate::planted::{Planted, planted};
use std::collections::VecDeque;

/// Most events are shorter.
const SHORT: usize = 1024;

/// An event as the journal's payload. A vector that grows while it is written is moved a dozen
/// times, so most are written on the stack first.
///
/// # Errors
/// None of ours has one: what an event is made of can always be written.
pub(super) fn record(event: &Event) -> postcard::Result<Vec<u8>> {
    match postcard::to_slice(event, &mut [0; SHORT]) {
        Err(postcard::Error::SerializeBufferFull) => postcard::to_allocvec(event),
        written => written.map(|bytes| bytes.to_vec()),
    }
}

/// Numbers batches and holds what must wait for them. Batches become durable in order.
#[derive(Debug)]
pub(super) struct Batches<T> {
    last: u64,
    durable: u64,
    held: VecDeque<(u64, T)>,
}

impl<T> Default for Batches<T> {
    fn default() -> Self {
        Self {
            last: 0,
            durable: 0,
            held: VecDeque::new(),
        }
    }
}

impl<T> Batches<T> {
    /// The number of a new batch.
    pub(super) fn begin(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Whether everything decided so far is durable.
    #[must_use]
    pub(super) fn is_durable(&self) -> bool {
        self.durable == self.last
    }

    /// Batches that are not durable yet.
    #[must_use]
    pub(super) fn behind(&self) -> u64 {
        self.last - self.durable
    }

    /// Holds `item` until the newest batch is durable; gives it back when it is already.
    pub(super) fn hold(&mut self, item: T) -> Option<T> {
        if self.is_durable() {
            return Some(item);
        }
        self.held.push_back((self.last, item));
        None
    }

    /// Batches up to `upto` are durable: what waited for them may leave, in order.
    pub(super) fn release(&mut self, upto: u64) -> impl Iterator<Item = T> + '_ {
        self.durable = self.durable.max(upto.min(self.last));
        let durable = self.durable;
        std::iter::from_fn(move || {
            let (batch, _) = self.held.front()?;
            if *batch > durable && !planted(Planted::ReleasedTooFar) {
                return None;
            }
            self.held.pop_front().map(|(_, item)| item)
        })
    }

    /// Items held.
    #[must_use]
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::RadioId;

    #[test]
    fn a_record_is_the_same_however_long() {
        for length in [0, SHORT - 9, SHORT - 3, SHORT, 9 * SHORT] {
            let event = Event::TextReceived {
                radio: RadioId(1),
                unit: None,
                text: "x".repeat(length),
            };
            assert_eq!(record(&event), postcard::to_allocvec(&event), "{length}");
        }
    }

    #[test]
    fn nothing_leaves_before_its_batch() {
        let mut batches = Batches::default();
        assert_eq!(batches.hold("read"), Some("read"));
        batches.begin();
        assert_eq!(batches.hold("first"), None);
        batches.begin();
        assert_eq!(batches.hold("second"), None);
        assert_eq!(batches.release(1).collect::<Vec<_>>(), ["first"]);
        assert!(!batches.is_durable());
        assert_eq!(batches.release(2).collect::<Vec<_>>(), ["second"]);
        assert_eq!(batches.release(9).count(), 0);
        assert!(batches.is_durable());
    }
}
