//! Assignments as work orders (工单), on gateways that have them switched on.
//!
//! A work order is another form of an offer's text: its ack is the text's, and a state the officer
//! reports is the key it stands for, with the order's number as the incident's. Each unit gets its
//! own order, so a delivery is always one terminal's word.

use super::output::LinkId;
use super::radio::{Inbound, Written};
use super::{Daemon, Now};
use crate::engine::command::Command;
use crate::engine::id::{IncidentId, RadioId};
use crate::engine::message::Request;
use crate::engine::policy::Key;
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::work_order::{Body, Order, Way, WorkOrder, WorkState};

impl Daemon {
    /// Whether assignments go over a link as work orders.
    pub(super) fn has_work_orders(&self, link: LinkId) -> bool {
        let name = self.gateways.name_of(link);
        let mut gateways = self.config.gateways.iter();
        gateways.any(|gateway| gateway.work_orders && Some(gateway.name.as_str()) == name)
    }

    /// What an offer's text, or the one that takes it back, says as a work order.
    pub(super) fn work_order<'a>(
        &self,
        now: Now,
        (request, destination): (Request, RadioIp),
        (incident, state): (IncidentId, WorkState),
        words: &'a str,
    ) -> Message<'a> {
        let order = Order::new(self.day(now), incident.0, state, words);
        Message::WorkOrder(WorkOrder {
            flag: self.config.radio.tmp_flag_bit7,
            way: Way::Private,
            request_id: request.to_wire(),
            destination,
            body: Body::Order {
                source: self.own_address(),
                order,
            },
        })
    }

    /// The town's date, for people; zeros where the clock tells none.
    fn day(&self, now: Now) -> (u16, u8, u8) {
        let Ok(at) = jiff::Timestamp::from_millisecond(now.wall_ms) else {
            return (0, 0, 0);
        };
        let date = at.to_zoned(self.config.town.time_zone.clone()).date();
        let small = |number: i8| u8::try_from(number).unwrap_or(0);
        let year = u16::try_from(date.year()).unwrap_or(0);
        (year, small(date.month()), small(date.day()))
    }

    pub(super) fn sort_work_order(
        &mut self,
        now: Now,
        (link, slot): (LinkId, u8),
        message: &WorkOrder<'_>,
    ) {
        match (message.way, message.body) {
            (Way::Private, Body::Ack { result, .. }) => {
                let delivery = Command::RecordDelivery {
                    request: Request::from_wire(message.request_id),
                    radio: RadioId(message.destination.id),
                    delivered: result.is_ok(),
                };
                self.urgent_radio(Inbound::Ack(delivery));
            }
            (Way::Report, Body::Order { source, order }) => {
                self.spoke(now, link, slot, source);
                let text = Written {
                    request_id: message.request_id,
                    flag: message.flag,
                    from: source,
                    to: Some(message.destination),
                    words: self.words_of(order),
                    is_report: true,
                };
                let arrived_us = now.mono_us;
                self.urgent_radio(Inbound::Text {
                    link,
                    text,
                    arrived_us,
                });
            }
            // A group's ack says nothing about any terminal, and orders are for terminals.
            _ => self.counts.messages_unused += 1,
        }
    }

    /// The key a state stands for, as if it had been written; a state that means nothing here is
    /// for a desk to read.
    fn words_of(&self, order: Order<'_>) -> String {
        let means = self.config.radio.work_states.get(&order.state.0);
        let has = |(text, key): (&String, &Key)| (Some(key) == means).then(|| text.clone());
        let key = self.engine.policy().keys.iter().find_map(has);
        let number = order.number;
        key.map_or_else(
            || format!("工单 {number} 状态 {:#04x}", order.state.0),
            |key| format!("{key} {number}"),
        )
    }
}
