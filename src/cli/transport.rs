//! What a town of a command's own speaks to its radios: what its config says, or Homebrew, with
//! DMR repeaters in place of its gateways.
//!
//! There are several, because a burst takes 60 ms of its slot: a whole fleet behind one repeater
//! would wait for its turn on the air.

use super::town::PASSWORD;
use crate::config::{AirPort, Config, Gateway, GatewayRole, Origin};
use clap::ValueEnum;
use serde::Serialize;
use std::net::Ipv4Addr;
use tieqi_protocols::dmr::Address;
use tieqi_protocols::link::homebrew::{NumberPlan, Passphrase};

/// What the daemon and its simulated radios speak.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// What the gateways of the config do.
    #[default]
    Config,
    /// Homebrew: DMR repeaters log in to the daemon, and every burst takes its time on the air.
    Homebrew,
}

/// Terminals at home on one repeater, but for a register too large for [`REPEATERS`] of them. One
/// slot carries about two texts with their answers a second.
const TERMINALS: usize = 12;
/// Repeaters at most.
const REPEATERS: usize = 64;
/// The first repeater's id; the others follow.
const FIRST_REPEATER: u32 = 4_600_001;
/// Numbers on the air: the dispatcher's, and the first terminal's; the others follow.
const DESK: u32 = 4_600_000;
const FIRST_NUMBER: u32 = 4_610_000;
/// The slot of all of them.
const SLOT: u8 = 1;

impl Transport {
    /// Gives a town the gateways it is to have.
    pub(super) fn equip(self, config: &mut Config) {
        match self {
            Self::Config => {}
            Self::Homebrew => repeaters(config),
        }
    }
}

/// Repeaters in place of the gateways; each terminal is at home on one of them and known to all.
fn repeaters(config: &mut Config) {
    let share = config.terminals.len().div_ceil(REPEATERS).max(TERMINALS);
    let mut plan = NumberPlan::default();
    let terminals = config.terminals.iter_mut().enumerate();
    for ((place, (radio, terminal)), number) in terminals.zip(FIRST_NUMBER..) {
        plan.add(radio.0, on_air(number));
        (terminal.gateway, terminal.slot) = (place / share, SLOT);
    }
    let ids = (FIRST_REPEATER..).take(config.terminals.len().div_ceil(share));
    config.gateways = ids.map(|id| repeater(id, &plan)).collect();
}

/// One that logs in to the daemon, on any free port of loopback.
fn repeater(id: u32, plan: &NumberPlan) -> Gateway {
    let air = AirPort {
        port: 0,
        passphrase: Passphrase(PASSWORD.into()),
        repeaters: vec![id],
        desk: on_air(DESK),
        slot: SLOT,
        preambles: 1,
        plan: plan.clone(),
    };
    Gateway {
        name: format!("repeater-{id}"),
        role: GatewayRole::Listen,
        host: Ipv4Addr::LOCALHOST.into(),
        accept_from: None,
        device_id: 0,
        links: Vec::new(),
        serial: None,
        air: Some(air),
        http: None,
        work_orders: false,
        origin: Origin::Simulated,
    }
}

/// A register is far smaller than the 24 bits of a number.
fn on_air(number: u32) -> Address {
    Address::new(number).unwrap_or(Address::ALL)
}
