//! How long to wait before connecting again: longer each time, and never in step with others.
//!
//! A gateway that flaps is not hammered, and the links of one that restarts do not all come back in
//! the same millisecond. The draw comes from a seed, so the same link waits the same again.

/// Waits between two CONNECTs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    step: u32,
    lot: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { step: 0, lot: seed }
    }

    /// The next wait: `base_ms` doubled each time up to `most_ms`, less up to a quarter by lot.
    pub(super) fn wait_ms(&mut self, base_ms: u64, most_ms: u64) -> u64 {
        /// Doublings beyond these reach no further than any limit would.
        const STEPS: u32 = 16;
        let grown_ms = base_ms.saturating_mul(1 << self.step);
        let wait_ms = grown_ms.min(most_ms).max(base_ms.min(most_ms));
        self.step = (self.step + 1).min(STEPS);
        wait_ms - self.draw() % (wait_ms / 4 + 1)
    }

    /// The link held: the next wait is a short one again.
    pub(super) fn reset(&mut self) {
        self.step = 0;
    }

    /// SplitMix64, public domain: a full period over any seed.
    fn draw(&mut self) -> u64 {
        self.lot = self.lot.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.lot;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_are_drawn() {
        let mut backoff = Backoff::new(7);
        for most in [5_000, 10_000, 20_000, 30_000, 30_000] {
            let wait = backoff.wait_ms(5_000, 30_000);
            assert!((most * 3 / 4..=most).contains(&wait), "{wait} of {most}");
        }
        backoff.reset();
        assert!(backoff.wait_ms(5_000, 30_000) <= 5_000);
        let waits = |seed| [(); 8].map(|()| Backoff::new(seed).wait_ms(5_000, 30_000));
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }

    #[test]
    fn extremes_do_no_harm() {
        for (base, most) in [(1, 1), (u64::MAX, u64::MAX), (u64::MAX, 1), (1, u64::MAX)] {
            let mut backoff = Backoff::new(u64::MAX);
            for _ in 0..40 {
                assert!(backoff.wait_ms(base, most) <= most);
            }
        }
    }
}
