//! Receivers that lie about place or time: they jump, are stuck, or come from the future.

use super::ground::{Ground, Leg};
use super::handheld::Handheld;
use super::world::{Now, World};
use tieqi_protocols::gps::{Angle, Gps};

/// What is wrong with a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It tells a place three degrees, 333 km, north of where it is.
    Jump,
    /// It tells what it told first, time included.
    Stuck,
    /// Its clock is two hours ahead, and it is 33 m off, by which its fixes are known.
    Future,
}

/// A receiver that lies until then.
#[derive(Debug)]
pub(super) struct Lying {
    lie: Lie,
    until_ms: u64,
    first: Gps,
}

impl Lying {
    pub(super) fn lasts(&self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }

    /// What it tells.
    pub(super) fn fix(&self, ground: &Ground, now: Now, leg: &Leg) -> Gps {
        /// How far ahead its clock is, ms.
        const AHEAD_MS: i64 = 7_200_000;
        /// 1e-7 degrees of latitude.
        const FAR: i32 = 30_000_000;
        const NEAR: i32 = 3_000;
        match self.lie {
            Lie::Jump => north(ground.fix(now.ms, now.wall_ms, leg), FAR),
            Lie::Stuck => self.first,
            Lie::Future => north(ground.fix(now.ms, now.wall_ms + AHEAD_MS, leg), NEAR),
        }
    }
}

fn north(fix: Gps, degrees_e7: i32) -> Gps {
    let moved = |angle: Angle| Angle::from_degrees_e7(angle.degrees_e7() + degrees_e7);
    Gps {
        latitude: fix.latitude.map(moved),
        ..fix
    }
}

impl World {
    /// The receiver of a handheld that tells its place lies until `until_ms`; `lot` says which.
    pub fn mislead(&mut self, now_ms: u64, wall_ms: i64, (lot, lie): (u64, Lie), until_ms: u64) {
        let honest = |radio: &Handheld| radio.lying.as_ref().is_none_or(|it| !it.lasts(now_ms));
        let tells = |radio: &&mut Handheld| radio.watch.is_some() && honest(radio);
        let telling = self.muster.handhelds.iter_mut();
        let mut telling: Vec<_> = telling.filter(tells).collect();
        let place = (lot % telling.len().max(1) as u64) as usize;
        let Some(radio) = telling.get_mut(place) else {
            return;
        };
        let Some(crew) = self.muster.crews.get(radio.crew) else {
            return;
        };
        radio.lying = Some(Lying {
            lie,
            until_ms,
            first: self.ground.fix(now_ms, wall_ms, &crew.leg),
        });
    }
}
