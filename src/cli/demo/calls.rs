//! The demo's callers: a seeded stream of calls at the town's places.
//!
//! The mix of categories is an assumption that shows every grade; nothing here is the town's real
//! distribution, and the report says that it is simulated.

use crate::config::{Config, Place};
use crate::engine::policy::Grade;
use crate::geo::Wgs84;
use serde_json::{Value, json};

/// A small generator with a seed (SplitMix64, Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed, the same throws.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ bits >> 31
    }

    /// 0 to 1.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (self.throw() >> 11) as f64;
        fraction / (1u64 << 53) as f64
    }

    /// One of `many`.
    pub fn pick<'a, T>(&mut self, many: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.throw())
            .unwrap_or(0)
            .checked_rem(many.len())?;
        many.get(index)
    }
}

/// A stream of calls.
pub struct Calls<'a> {
    dice: Dice,
    places: Vec<&'a Place>,
    categories: Vec<(&'a str, bool, u32)>,
    number: u32,
}

/// One call, as the call-taker types it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The caller's number: unique, so that the journal can be searched for it.
    pub caller: String,
    /// Parameters of `incident.report`.
    pub params: Value,
}

impl<'a> Calls<'a> {
    /// The calls of `seed` in the town of `config`.
    #[must_use]
    pub fn new(config: &'a Config, seed: u64) -> Self {
        // About 15 % Grade I: "life or violence now", an assumption.
        let weight = |grade| match grade {
            Grade::One => 15,
            Grade::Two => 25,
            Grade::Three => 35,
            Grade::Four => 25,
        };
        let of_grade = |grade| {
            config
                .categories
                .iter()
                .filter(move |row| row.grade == grade)
                .count()
                .max(1)
        };
        let categories = config.categories.iter().map(|row| {
            // Codes of the sample config below 2000 are the traffic line's.
            let traffic = row.code.0 < 2000;
            let share = u32::try_from(of_grade(row.grade)).unwrap_or(1);
            (row.key.as_str(), traffic, weight(row.grade) * 100 / share)
        });
        Self {
            dice: Dice::new(seed),
            places: config.usable_places().collect(),
            categories: categories.collect(),
            number: 0,
        }
    }

    /// Wall seconds until the next call, at `rate` a second on average (exponential gaps).
    pub fn gap_s(&mut self, rate: f64) -> f64 {
        -(1.0 - self.dice.unit()).ln() / rate
    }

    /// The next call; none when the config has no places or categories.
    pub fn ring(&mut self) -> Option<Call> {
        self.number += 1;
        let place = *self.dice.pick(&self.places)?;
        let total: u32 = self.categories.iter().map(|(_, _, weight)| weight).sum();
        let mut thrown = u32::try_from(self.dice.throw() % u64::from(total.max(1))).unwrap_or(0);
        let (category, traffic, _) = *self.categories.iter().find(|(_, _, weight)| {
            let hit = thrown < *weight;
            thrown = thrown.saturating_sub(*weight);
            hit
        })?;
        let at = self.near(place.at)?;
        let caller = format!("139{:08}", self.number);
        let params = json!({
            "key": format!("demo-{}", self.number),
            "source": if traffic { "122" } else { "110" },
            "place": place.name,
            "position": { "lat": at.lat(), "lon": at.lon(), "datum": "wgs84" },
            "caller": caller,
            "text": "模拟警情",
            "category": category,
        });
        Some(Call { caller, params })
    }

    /// Within about 150 m.
    fn near(&mut self, at: Wgs84) -> Option<Wgs84> {
        const SPREAD_DEG: f64 = 0.0014;
        let mut off = || (self.dice.unit() - 0.5) * 2.0 * SPREAD_DEG;
        Wgs84::new(at.lat() + off(), at.lon() + off()).ok()
    }
}
