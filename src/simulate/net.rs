//! The network between the daemon's links and the gateways': what becomes of a datagram on its way.

use super::fault::{Fault, Fired};
use crate::radio::Chance;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// From a gateway to the daemon.
    In,
    /// From the daemon to a gateway.
    Out,
}

/// The network's weather.
pub(super) struct Net {
    chance: Chance,
    /// Links that carry nothing one way until then.
    cut: BTreeMap<(usize, Way), u64>,
    /// Links that go up and down until then.
    flaps: BTreeMap<usize, u64>,
    /// What may befall a datagram until then.
    weather: BTreeMap<Fault, u64>,
    /// Links cut so far.
    pub(super) cuts: u64,
}

/// Usual delay, ms, at most.
const DELAY_MS: u64 = 3;
/// Of the datagrams in bad weather, the share it befalls.
const SHARE: f64 = 0.25;
/// A flapping link is up and down in turn for this long, ms.
const FLAP_MS: u64 = 50;

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        /// Radios have the streams below.
        const STREAM: u64 = 3 << 32;
        Self {
            chance: Chance::stream(seed, STREAM),
            cut: BTreeMap::new(),
            flaps: BTreeMap::new(),
            weather: BTreeMap::new(),
            cuts: 0,
        }
    }

    /// A fault of the network begins. `gateways` are the links of each.
    pub(super) fn begin(&mut self, now_ms: u64, fault: Fault, gateways: &[Vec<usize>]) {
        let until = now_ms + 5_000 + self.chance.below(60_000);
        let place = self.chance.below(gateways.len() as u64);
        let Some(links) = usize::try_from(place).ok().and_then(|at| gateways.get(at)) else {
            return;
        };
        let at = usize::try_from(self.chance.below(links.len() as u64)).unwrap_or(0);
        let one = links.get(at).copied().unwrap_or_default();
        let way = if self.chance.hits(0.5) {
            Way::In
        } else {
            Way::Out
        };
        match fault {
            Fault::GatewayDown => {
                let ends = links
                    .iter()
                    .flat_map(|link| [(*link, Way::In), (*link, Way::Out)]);
                self.cut.extend(ends.map(|end| (end, until)));
                self.cuts += links.len() as u64;
            }
            Fault::Flap => {
                self.flaps.extend(links.iter().map(|link| (*link, until)));
                self.cuts += links.len() as u64;
            }
            Fault::Cut => {
                self.cut
                    .extend([Way::In, Way::Out].map(|way| ((one, way), until)));
                self.cuts += 1;
            }
            Fault::HalfOpen => {
                self.cut.insert((one, way), until);
                self.cuts += 1;
            }
            _ => {
                self.weather.insert(fault, until);
            }
        }
    }

    /// Everything is as it should be from here on.
    pub(super) fn calm(&mut self) {
        self.cut.clear();
        self.flaps.clear();
        self.weather.clear();
    }

    /// What of a datagram arrives: when, and what is left of it.
    pub(super) fn carry(
        &mut self,
        now_ms: u64,
        (link, way): (usize, Way),
        bytes: &Bytes,
        fired: &mut Fired,
    ) -> Vec<(u64, Bytes)> {
        let until = self.cut.get(&(link, way)).copied().unwrap_or(0);
        let flaps = self.flaps.get(&link).copied().unwrap_or(0);
        if until > now_ms || (flaps > now_ms && (now_ms / FLAP_MS).is_multiple_of(2)) {
            return Vec::new();
        }
        let mut arrivals = vec![(now_ms + 1 + self.chance.below(DELAY_MS), bytes.clone())];
        self.weather.retain(|_, until| *until > now_ms);
        let weather: BTreeSet<Fault> = self.weather.keys().copied().collect();
        for fault in weather {
            if self.chance.hits(SHARE) {
                fired.note(fault);
                self.befall(fault, &mut arrivals);
            }
        }
        arrivals
    }

    fn befall(&mut self, fault: Fault, arrivals: &mut Vec<(u64, Bytes)>) {
        let Some((at, bytes)) = arrivals.first_mut() else {
            return;
        };
        match fault {
            Fault::Loss => arrivals.clear(),
            Fault::Duplicate => {
                let again = (*at + self.chance.below(300), bytes.clone());
                arrivals.push(again);
            }
            Fault::Reorder => *at += 5 + self.chance.below(50),
            Fault::Late => *at += 5_000 + self.chance.below(85_000),
            Fault::Garbage => {
                let mut broken = bytes.to_vec();
                let place = usize::try_from(self.chance.below(broken.len() as u64)).unwrap_or(0);
                match broken.get_mut(place) {
                    Some(byte) if self.chance.hits(0.7) => *byte ^= 1 << self.chance.below(8),
                    _ => broken.truncate(place),
                }
                *bytes = broken.into();
            }
            _ => {}
        }
    }
}
