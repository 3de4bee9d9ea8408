//! What is due when, on a clock handed in. Things due at the same millisecond come in the order
//! they were noted. Nothing is taken off again: who notes a thing checks that it still holds.

use std::collections::BTreeMap;

/// Things with a time.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    due: BTreeMap<(u64, u64), T>,
    noted: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self {
            due: BTreeMap::new(),
            noted: 0,
        }
    }
}

impl<T> Agenda<T> {
    pub(super) fn note(&mut self, at_ms: u64, thing: T) {
        self.noted += 1;
        self.due.insert((at_ms, self.noted), thing);
    }

    /// The first thing due by now, with the time it was due.
    pub(super) fn pop(&mut self, now_ms: u64) -> Option<(u64, T)> {
        let first = self.due.first_entry()?;
        let (at_ms, _) = *first.key();
        (at_ms <= now_ms).then(|| (at_ms, first.remove()))
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.due.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_of_time_then_of_noting() {
        let mut agenda = Agenda::default();
        for (at_ms, thing) in [(20, 'c'), (10, 'a'), (20, 'd'), (10, 'b'), (21, 'e')] {
            agenda.note(at_ms, thing);
        }
        assert_eq!((agenda.next(), agenda.len()), (Some(10), 5));
        let due: String = std::iter::from_fn(|| agenda.pop(20).map(|(_, thing)| thing)).collect();
        assert_eq!(due, "abcd");
        assert_eq!(agenda.next(), Some(21));
    }
}
