//! How much one source may send: a bucket that fills steadily, and is emptied by one a datagram. A
//! source over its limit is not read, so it delays nobody.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

/// How fast a bucket fills, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Datagrams a second in the long run.
    pub per_s: u32,
    /// Datagrams at once.
    pub burst: u32,
}

/// What one source may still send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Thousandths of a datagram.
    left: u64,
    at_ms: u64,
}

impl Bucket {
    pub(super) fn full(now_ms: u64, rate: Rate) -> Self {
        let left = u64::from(rate.burst) * 1000;
        Self {
            left,
            at_ms: now_ms,
        }
    }

    /// Whether one more may come now.
    pub(super) fn take(&mut self, now_ms: u64, rate: Rate) -> bool {
        let since_ms = now_ms.saturating_sub(self.at_ms);
        let filled = since_ms.saturating_mul(rate.per_s.into());
        let most = u64::from(rate.burst) * 1000;
        self.left = self.left.saturating_add(filled).min(most);
        self.at_ms = self.at_ms.max(now_ms);
        let taken = self.left.checked_sub(1000);
        self.left = taken.unwrap_or(self.left);
        taken.is_some()
    }
}

/// Buckets of those who are not logged in, one an address whatever the port.
#[derive(Debug, Default)]
pub(super) struct Strangers(BTreeMap<IpAddr, Bucket>);

impl Strangers {
    /// Addresses remembered; the one quiet for longest makes room, and is as good as new when it
    /// comes back.
    const MOST: usize = 256;

    pub(super) fn take(&mut self, now_ms: u64, from: IpAddr, rate: Rate) -> bool {
        if self.0.len() >= Self::MOST && !self.0.contains_key(&from) {
            let quiet = self.0.iter().min_by_key(|(_, bucket)| bucket.at_ms);
            let quiet = quiet.map(|(address, _)| *address);
            quiet.map(|address| self.0.remove(&address));
        }
        let bucket = self.0.entry(from);
        let bucket = bucket.or_insert_with(|| Bucket::full(now_ms, rate));
        bucket.take(now_ms, rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_s: 10,
        burst: 20,
    };

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_flood_gets_its_rate_and_others_theirs() {
        let mut strangers = Strangers::default();
        let mut taken = 0;
        for now_ms in 0..10_000 {
            taken += u32::from(strangers.take(now_ms, address(1), RATE));
            let is_second = now_ms % 1000 == 0;
            assert!(!is_second || strangers.take(now_ms, address(2), RATE));
        }
        assert_eq!(taken, RATE.burst + 10 * RATE.per_s - 1);
    }

    #[test]
    fn addresses_are_forgotten_not_collected() {
        let mut strangers = Strangers::default();
        for number in 0..10_000 {
            assert!(strangers.take(number.into(), address(number), RATE));
            assert!(strangers.0.len() <= Strangers::MOST);
        }
        assert!(strangers.0.contains_key(&address(9_999)));
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_does_no_harm() {
        let mut bucket = Bucket::full(u64::MAX, RATE);
        let taken = (0..100).filter(|_| bucket.take(u64::MAX, RATE)).count();
        assert_eq!(taken, 20);
        assert!(!bucket.take(0, RATE));
        let mut bucket = Bucket::full(0, RATE);
        assert!(!(0..100).all(|_| bucket.take(0, RATE)));
        assert!(bucket.take(u64::MAX, RATE));
    }
}
