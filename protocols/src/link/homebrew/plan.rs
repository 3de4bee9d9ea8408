//! Who is who on the air: a table, never a formula.

use crate::dmr::{Address, delivery};
use crate::homebrew::Slot;
use crate::radio_ip::RadioIp;
use alloc::collections::BTreeMap;

/// Radio ids of the owner and what they are on the air, both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberPlan {
    to_air: BTreeMap<u32, Address>,
    from_air: BTreeMap<Address, u32>,
}

impl NumberPlan {
    /// Adds a pair; false if either is there already.
    pub fn add(&mut self, id: u32, address: Address) -> bool {
        if self.to_air.contains_key(&id) || self.from_air.contains_key(&address) {
            return false;
        }
        self.to_air.insert(id, address);
        self.from_air.insert(address, id);
        true
    }

    /// What an id is on the air.
    #[must_use]
    pub fn to_air(&self, id: u32) -> Option<Address> {
        self.to_air.get(&id).copied()
    }

    /// All numbers on the air.
    pub fn on_air(&self) -> impl Iterator<Item = Address> {
        self.from_air.keys().copied()
    }

    /// Whose number it is.
    #[must_use]
    pub fn from_air(&self, address: Address) -> Option<u32> {
        self.from_air.get(&address).copied()
    }
}

/// Which side of the air the owner is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The dispatcher's.
    Desk,
    /// The radios', all of the plan.
    Radios,
}

/// Of a link over the air.
#[derive(Debug, Clone)]
pub struct AirLinkConfig {
    /// Which side the owner is on.
    pub side: Side,
    /// The dispatcher to the owner.
    pub dispatcher: RadioIp,
    /// The dispatcher on the air.
    pub desk: Address,
    /// Everybody else, talkgroups too.
    pub plan: NumberPlan,
    /// Where a radio is called that was not heard yet.
    pub slot: Slot,
    /// Preambles before each packet.
    pub preambles: u8,
    /// Times and tries of confirmed packets.
    pub delivery: delivery::Config,
    /// A radio that is heard registers anew after this, milliseconds.
    pub renew_ms: u64,
    /// Nobody must guess it: salts of logins and stream ids come from it.
    pub secret: [u8; 32],
}
