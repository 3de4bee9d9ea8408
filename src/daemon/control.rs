//! What gateways tell of themselves: radio control (RCP) and delivery states (DDS). An emergency
//! goes the way of every other one; the rest changes nothing and is shown in `system.health`.

use super::output::LinkId;
use super::radio::Inbound;
use super::view::{RadioHealth, RadioStatus, RepeaterHealth};
use super::{Daemon, Now};
use crate::engine::id::RadioId;
use std::collections::BTreeMap;
use tieqi_protocols::dds::{Dds, Delivery};
use tieqi_protocols::rcp::{Rcp, RepeaterStatus, StatusTarget};

/// The newest a gateway told of itself.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    /// Id of the radio at the port.
    radio: Option<u32>,
    /// What its repeater does.
    repeater: Option<RepeaterStatus>,
    /// What is the matter with the radio at the port.
    status: Option<(StatusTarget, u16)>,
}

/// What gateways told of themselves, by link.
#[derive(Debug, Default)]
pub(super) struct Control(BTreeMap<LinkId, Told>);

impl Control {
    /// Id of the link's radio, state of its repeater, status of its radio; null where not told.
    pub(super) fn view(&self, link: LinkId) -> RadioHealth {
        let told = self.0.get(&link).copied().unwrap_or_default();
        RadioHealth {
            id: told.radio,
            repeater: told.repeater.map(|told| RepeaterHealth {
                status: told.name(),
                call: told.call.name(),
                sender: told.sender,
            }),
            status: told.status.map(|(target, value)| RadioStatus {
                about: target.name(),
                value,
            }),
        }
    }
}

impl Daemon {
    pub(super) fn sort_rcp(&mut self, now: Now, link: LinkId, rcp: &Rcp<'_>) {
        let told = self.control.0.entry(link).or_default();
        match rcp {
            Rcp::RepeaterStatus(status) => {
                told.repeater = Some(*status);
                if let Some(sender) = status.emergency() {
                    self.emergency(Inbound::Emergency {
                        radio: RadioId(sender),
                        fix: None,
                        arrived_us: now.mono_us,
                    });
                }
            }
            Rcp::RadioStatus { target, value } => {
                told.status = Some((*target, *value));
                if matches!(*target, StatusTarget::EMERGENCY | StatusTarget::MAN_DOWN) {
                    let gateway = self.gateways.name_of(link);
                    tracing::warn!(gateway, %target, value, "the gateway's own radio says");
                }
            }
            Rcp::IdentityAnswer { .. } => told.radio = rcp.radio_id().or(told.radio),
            Rcp::BroadcastAnswer { result: 0, .. } => {}
            Rcp::BroadcastAnswer { .. } => {
                let gateway = self.gateways.name_of(link);
                tracing::warn!(gateway, %rcp, "the gateway refuses its set-up");
            }
            Rcp::IdentityQuery(_) | Rcp::BroadcastStates { .. } | Rcp::BroadcastMessages { .. } => {
                self.counts.messages_unused += 1
            }
        }
    }

    /// Nobody waits for it: texts have an ack of their own, positions come or do not.
    pub(super) fn sort_dds(&mut self, link: LinkId, dds: &Dds) {
        if dds.result != Delivery::OK {
            self.counts.data_undelivered += 1;
            tracing::debug!(link = link.0, %dds, "not delivered");
        }
    }
}
