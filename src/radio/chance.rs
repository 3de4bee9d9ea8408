//! Seeded chance: SplitMix64 (Steele, Lea and Flood, 2014), in integers only, so that a seed means
//! the same world on every machine. It is no source of secrets and never asks the system for any.

/// 2^64 over the golden ratio, odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of chance.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream with that number under a seed. What one stream draws never moves another.
    #[must_use]
    pub fn stream(seed: u64, number: u64) -> Self {
        Self(mix(seed ^ mix(number.wrapping_add(GOLDEN))))
    }

    /// 64 even bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product: the bias is below one in 2^64 / bound.
        let wide = u128::from(self.draw()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// A number from `-reach` to `reach`.
    pub fn within(&mut self, reach: u32) -> i64 {
        self.below(2 * u64::from(reach) + 1) as i64 - i64::from(reach)
    }

    /// True at this rate, 0 to 1. It draws once whatever the rate is, so that turning one rate
    /// leaves the rest of a seed's story as it is.
    pub fn hits(&mut self, rate: f64) -> bool {
        const STEPS: f64 = (1u64 << 53) as f64;
        ((self.draw() >> 11) as f64) < rate * STEPS
    }

    /// Evenly from half of `mean` to one and a half of it.
    pub fn around(&mut self, mean: u64) -> u64 {
        mean / 2 + self.below(mean + 1)
    }

    /// Many short ones, few long ones, `mean` on the average, at most eight times that.
    ///
    /// The logarithm of an exponential draw is taken by leading zeros and a straight line between
    /// powers of two: a library's `ln` may differ in its last bit from machine to machine.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        /// Binary digits of the fraction.
        const DIGITS: u32 = 16;
        let drawn = self.draw() | 1;
        let zeros = drawn.leading_zeros();
        let fraction = (drawn << zeros << 1) >> (64 - DIGITS);
        // Minus the binary logarithm: 1.5 on the average with the straight line.
        let halvings = (u64::from(zeros + 1) << DIGITS) - fraction;
        let scaled = u128::from(mean) * u128::from(halvings) * 2 / 3;
        ((scaled >> DIGITS) as u64).min(mean.saturating_mul(8))
    }
}

fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_outputs_of_seed_1234567() {
        let mut chance = Chance(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| chance.draw()).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn rates_and_means_are_held() {
        const DRAWS: u64 = 100_000;
        let mut chance = Chance::stream(7, 1);
        let hits = (0..DRAWS).filter(|_| chance.hits(0.05)).count();
        assert!((4_700..5_300).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| !chance.hits(0.0) && chance.hits(1.0)));
        let mean = |sum: u64| sum / DRAWS;
        let around = mean((0..DRAWS).map(|_| chance.around(1_000)).sum());
        assert!((990..1_010).contains(&around), "{around}");
        let exponential: Vec<u64> = (0..DRAWS).map(|_| chance.exponential(1_000)).collect();
        let found = mean(exponential.iter().sum());
        assert!((980..1_020).contains(&found), "{found}");
        let short = exponential.iter().filter(|ms| **ms < 1_000).count();
        assert!((60_000..68_000).contains(&short), "{short}");
        assert!((0..1000).all(|_| (-5..=5).contains(&chance.within(5))));
    }

    #[test]
    fn streams_differ() {
        let first = |seed, number| Chance::stream(seed, number).draw();
        assert_ne!(first(1, 1), first(1, 2));
        assert_ne!(first(1, 1), first(2, 1));
        assert_eq!(first(1, 1), first(1, 1));
    }
}
