//! Who is on the air: handhelds and the crews that share a vehicle, from the config. A handheld no
//! unit has is carried by somebody on foot.

use super::carrier::Carrier;
use super::chance::Chance;
use super::crew::Crew;
use super::ground::Ground;
use super::handheld::Handheld;
use super::options::{RadioError, RadioOptions, Terminals};
use crate::config::{Config, Terminal};
use crate::engine::id::RadioId;
use crate::engine::policy::UnitKind;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tieqi_protocols::radio_ip::RadioIp;

/// Everybody who is on the air.
#[derive(Debug, Default)]
pub(super) struct Muster {
    pub(super) crews: Vec<Crew>,
    pub(super) handhelds: Vec<Handheld>,
    /// Places in `handhelds` by radio id.
    pub(super) by_radio: BTreeMap<u32, usize>,
}

impl Muster {
    pub(super) fn new(
        wall_ms: i64,
        config: &Config,
        options: &RadioOptions,
        ground: &Ground,
        carriers: &[Carrier],
    ) -> Result<Self, RadioError> {
        let units = units(wall_ms, config);
        // Numbers of texts go up from the wall clock: a radio switched on again must not repeat
        // the last number it used, which would be taken for the same text. Another seed is another
        // world: where two meet, a radio's double must not seem to replay it.
        let first_request = (wall_ms / 1000) as u32 ^ (options.seed as u32) << 24;
        let mut muster = Self::default();
        let mut crew_of: BTreeMap<usize, usize> = BTreeMap::new();
        for radio in switched_on(config, options)? {
            let served = |t: &&Terminal| carriers.iter().any(|c| c.gateway == t.gateway);
            let Some(terminal) = config.terminals.get(&radio).filter(served) else {
                match &options.terminals {
                    Terminals::List(_) => return Err(RadioError::Terminal(radio)),
                    Terminals::Roster | Terminals::All => continue,
                }
            };
            let unit = units.get(&radio).copied();
            let known = unit.and_then(|unit| crew_of.get(&unit).copied());
            let crew = known.unwrap_or_else(|| {
                let crew = muster.crews.len();
                crew_of.extend(unit.map(|unit| (unit, crew)));
                muster
                    .crews
                    .push(crew_with(radio, unit, config, options, ground));
                crew
            });
            let address = RadioIp {
                subnet: terminal.subnet,
                id: radio.0,
            };
            let usual = (terminal.gateway, terminal.slot);
            let handheld = Handheld::new(address, crew, usual, carriers, first_request);
            muster.by_radio.insert(radio.0, muster.handhelds.len());
            muster.handhelds.push(handheld);
        }
        match muster.handhelds.is_empty() {
            true => Err(RadioError::Nobody),
            false => Ok(muster),
        }
    }
}

fn switched_on(config: &Config, options: &RadioOptions) -> Result<BTreeSet<RadioId>, RadioError> {
    Ok(match &options.terminals {
        Terminals::All => config.terminals.keys().copied().collect(),
        Terminals::Roster => {
            let entries = config.roster.entries.iter();
            entries.flat_map(|e| e.terminals.iter().copied()).collect()
        }
        Terminals::List(list) => {
            let unknown = |radio: &&RadioId| !config.terminals.contains_key(radio);
            match list.iter().find(unknown) {
                Some(radio) => return Err(RadioError::Terminal(*radio)),
                None => list.clone(),
            }
        }
    })
}

/// The unit each terminal is with: as the crews of the moment have them, then as any crew of the
/// roster has, then as the register says.
fn units(wall_ms: i64, config: &Config) -> BTreeMap<RadioId, usize> {
    let mut units = BTreeMap::new();
    let mut claim = |terminals: &[RadioId], unit: usize| {
        for radio in terminals {
            units.entry(*radio).or_insert(unit);
        }
    };
    if let Ok(now) = Timestamp::from_millisecond(wall_ms) {
        let local = config.town.time_zone.to_datetime(now);
        for duty in config.roster_now(local) {
            for entry in duty.entries {
                claim(&entry.terminals, entry.unit);
            }
        }
    }
    for entry in &config.roster.entries {
        claim(&entry.terminals, entry.unit);
    }
    for (unit, entry) in config.register.iter().enumerate() {
        claim(&entry.terminals, unit);
    }
    units
}

/// A crew with a chance of its own, which no other crew's story moves.
fn crew_with(
    first: RadioId,
    unit: Option<usize>,
    config: &Config,
    options: &RadioOptions,
    ground: &Ground,
) -> Crew {
    let mut chance = Chance::stream(options.seed, u64::from(first.0));
    match unit.and_then(|unit| config.register.get(unit)) {
        Some(unit) => Crew::new(unit.kind, unit.home, chance),
        None => {
            let home = ground.any_place(&mut chance);
            Crew::new(UnitKind::Foot, home, chance)
        }
    }
}
