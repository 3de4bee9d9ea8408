//! The demo's callers: a seeded stream of calls at the town's places.
//!
//! The mix of categories is an assumption that shows every grade; nothing here is the town's real
//! distribution, and the report says that it is simulated.

use crate::config::{Config, Place};
use crate::engine::policy::Grade;
use crate::geo::Wgs84;
use crate::radio::Chance;
use serde_json::{Value, json};

/// The stream of chance the calls draw from; the radios have others.
const CALLS: u64 = 0x110;

/// A stream of calls.
pub struct Calls<'a> {
    chance: Chance,
    places: Vec<&'a Place>,
    categories: Vec<(&'a str, bool, u32)>,
    number: u32,
}

/// One call, as the call-taker types it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
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
            chance: Chance::stream(seed, CALLS),
            places: config.usable_places().collect(),
            categories: categories.collect(),
            number: 0,
        }
    }

    /// Wall time until the next call, microseconds: many short gaps, few long ones, `mean_us` on
    /// the average.
    pub fn gap_us(&mut self, mean_us: u64) -> u64 {
        self.chance.exponential(mean_us)
    }

    /// The next call; none when the config has no places or categories.
    pub fn ring(&mut self) -> Option<Call> {
        self.number += 1;
        let count = u64::try_from(self.places.len()).unwrap_or(0);
        let index = usize::try_from(self.chance.below(count)).unwrap_or(0);
        let place = *self.places.get(index)?;
        let total: u32 = self.categories.iter().map(|(_, _, weight)| weight).sum();
        let mut thrown = u32::try_from(self.chance.below(u64::from(total))).unwrap_or(0);
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
        Some(Call { params })
    }

    /// Within about 150 m.
    fn near(&mut self, at: Wgs84) -> Option<Wgs84> {
        const SPREAD_E7: u32 = 14_000;
        let mut off = || {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let e7 = self.chance.within(SPREAD_E7) as f64;
            e7 / 1e7
        };
        Wgs84::new(at.lat() + off(), at.lon() + off()).ok()
    }
}
