//! What the gateway and its handhelds make of messages from the daemon.

use super::carrier::Outgoing;
use super::handheld::Watch;
use super::world::{Now, Task, World};
use crate::config::Service;
use bytes::Bytes;
use tieqi_protocols::Parsed;
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::lp::{Cause, Lp, LpResult, Subscription, Trigger};
use tieqi_protocols::message::{Message, Receipt};
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rcp::{Identity, Rcp};
use tieqi_protocols::rrs::{RegistrationResult, Rrs};
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};
use tieqi_protocols::work_order::{self, Way, WorkOrder};

/// A text that reaches a handheld, or does not.
#[derive(Debug)]
pub(super) struct Arrived {
    /// None when no such handheld is switched on.
    handheld: Option<usize>,
    /// The link it came on.
    link: usize,
    pub(super) request_id: u32,
    pub(super) flag: bool,
    destination: RadioIp,
    pub(super) source: RadioIp,
    pub(super) words: String,
    /// It is a work order.
    pub(super) by_order: bool,
}

impl World {
    /// Shortest interval of position reports, wall milliseconds.
    const REPORT_MS_MIN: u64 = 200;
    /// Before a refused handheld tries again, wall milliseconds.
    const REFUSED_MS: u64 = 30_000;
    /// Things planned at most; a text that comes beyond is lost on the air.
    const PLANNED: usize = 1 << 20;
    /// Id of the radio at a serial port.
    const GATEWAY_RADIO: u32 = 1001;
    /// The gateway could not reach the terminal: no ack of the private call.
    const NOT_REACHED: TmpResult = TmpResult(8);

    pub(super) fn hear(&mut self, now: Now, link: usize, bytes: &Bytes) {
        let message = match Hdap::parse(bytes) {
            Ok(Parsed::Complete(hdap, _)) => Message::from_hdap(&hdap).ok(),
            _ => None,
        };
        match message {
            Some(Message::Rrs(rrs)) => self.hear_rrs(now, link, rrs),
            Some(Message::Lp(Lp::Request {
                request_id, radio, ..
            })) => {
                self.report(radio, Cause::Asked, request_id);
            }
            Some(Message::Lp(Lp::Subscribe(subscription))) => self.subscribe(now, &subscription),
            Some(Message::Tmp(tmp)) => self.hear_tmp(now, link, &tmp),
            Some(Message::WorkOrder(order)) => self.hear_work_order(now, link, &order),
            Some(Message::Rcp(rcp)) => self.hear_rcp(link, &rcp),
            _ => self.stats.refused += 1,
        }
    }

    /// The gateway's radio says who it is and lets itself be set up.
    fn hear_rcp(&mut self, link: usize, rcp: &Rcp<'_>) {
        let answer = match *rcp {
            Rcp::IdentityQuery(kind) => Rcp::IdentityAnswer {
                result: 0,
                kind,
                value: match kind {
                    Identity::IP => {
                        let [_, high, middle, low] = Self::GATEWAY_RADIO.to_be_bytes();
                        [RadioIp::USUAL_SUBNET, high, middle, low]
                    }
                    _ => Self::GATEWAY_RADIO.to_le_bytes(),
                },
            },
            Rcp::BroadcastStates { .. } => Rcp::BroadcastAnswer {
                states: true,
                result: 0,
            },
            Rcp::BroadcastMessages { .. } => Rcp::BroadcastAnswer {
                states: false,
                result: 0,
            },
            _ => return self.stats.refused += 1,
        };
        let answer = Message::Rcp(answer).to_bytes(false);
        self.push(Some(link), Outgoing::Message(answer));
    }

    fn hear_rrs(&mut self, now: Now, link: usize, rrs: Rrs) {
        let handheld = self.muster.by_radio.get(&rrs.radio().id).copied();
        match rrs {
            Rrs::RegistrationAnswer {
                result, renew_s, ..
            } => {
                if let Some(handheld) = handheld {
                    self.registered(now, handheld, result, renew_s);
                }
            }
            Rrs::OnlineCheck(radio) => {
                let state = u8::from(handheld.is_none());
                let answer = Message::Rrs(Rrs::OnlineAnswer { radio, state });
                self.push(Some(link), Outgoing::Message(answer.to_bytes(false)));
            }
            _ => self.stats.refused += 1,
        }
    }

    fn registered(&mut self, now: Now, handheld: usize, result: RegistrationResult, renew_s: u32) {
        let is_ok = result == RegistrationResult::OK;
        let Some(radio) = self.handheld(handheld) else {
            return;
        };
        let was_ok = std::mem::replace(&mut radio.registered, is_ok);
        self.stats.registrations += u64::from(is_ok);
        self.stats.registered =
            (self.stats.registered + u64::from(is_ok)).saturating_sub(u64::from(was_ok));
        // Renewed after 70 to 90 % of the time given: before it ends, and not all at once.
        let renew_ms = u64::from(renew_s.max(1)) * 1000;
        let wait_ms = match is_ok {
            true => renew_ms * (70 + self.air.below(21)) / 100,
            false => Self::REFUSED_MS,
        };
        self.register_at(now.ms + wait_ms, handheld);
    }

    fn report(&mut self, radio: RadioIp, cause: Cause, request_id: u32) {
        let Some(handheld) = self.muster.by_radio.get(&radio.id).copied() else {
            return;
        };
        self.push_fix(handheld, cause, request_id);
    }

    pub(super) fn push_fix(&mut self, handheld: usize, cause: Cause, request_id: u32) {
        let link = self.handheld(handheld).and_then(|h| h.link(Service::Lp));
        let fix = Outgoing::Fix {
            handheld,
            cause,
            request_id,
        };
        self.push(link, fix);
    }

    /// Positions from now on. Whatever the trigger, reports go by time: a simulated handheld does
    /// not measure how far it went.
    fn subscribe(&mut self, now: Now, subscription: &Subscription<'_>) {
        let Some(handheld) = self.muster.by_radio.get(&subscription.radio.id).copied() else {
            return;
        };
        let simulated_ms = u64::from(subscription.interval_s.max(1)) * 1000;
        let interval_ms = self.pace.wall_ms(simulated_ms).max(Self::REPORT_MS_MIN);
        let request_id = subscription.request_id;
        let first_ms = self.air.below(interval_ms);
        let Some(radio) = self.handheld(handheld) else {
            return;
        };
        radio.watched = radio.watched.wrapping_add(1);
        let plan = radio.watched;
        let is_on = subscription.trigger != Trigger::Cancel;
        radio.watch = is_on.then_some(Watch {
            request_id,
            interval_ms,
        });
        let link = radio.link(Service::Lp);
        let answer = Message::Lp(Lp::Subscribed {
            request_id,
            radio: radio.radio,
            trigger: subscription.trigger,
            result: LpResult::OK,
        });
        self.push(link, Outgoing::Message(answer.to_bytes(false)));
        self.agenda
            .note(now.ms + first_ms, Task::Report { handheld, plan });
    }

    fn hear_tmp(&mut self, now: Now, link: usize, tmp: &Tmp<'_>) {
        match tmp.body {
            Body::Private {
                destination,
                source,
                text,
            } => {
                let arrived = Arrived {
                    handheld: None,
                    link,
                    request_id: tmp.request_id,
                    flag: tmp.flag,
                    destination,
                    source,
                    words: text.chars().collect(),
                    by_order: false,
                };
                self.send_on_air(now, arrived);
            }
            // The ack names whom the text went to and who had sent it: the handheld is the sender.
            Body::PrivateAck { source, result, .. } if result.is_ok() => {
                let handheld = self.muster.by_radio.get(&source.id).copied();
                if let Some(handheld) = handheld {
                    self.acknowledged(now, handheld, tmp.request_id);
                }
            }
            // Failures are tried again when no ack came in time.
            Body::PrivateAck { .. } | Body::GroupAck { .. } => {}
            Body::Group { group, .. } => {
                self.stats.group_texts_heard += 1;
                let answer = Message::Tmp(Tmp {
                    flag: tmp.flag,
                    request_id: tmp.request_id,
                    body: Body::GroupAck {
                        group,
                        source: None,
                        result: TmpResult::OK,
                    },
                    option: None,
                });
                self.push(Some(link), Outgoing::Message(answer.to_bytes(false)));
            }
        }
    }

    /// An order is a text that is answered in its own way.
    fn hear_work_order(&mut self, now: Now, link: usize, message: &WorkOrder<'_>) {
        let destination = message.destination;
        match (message.way, message.body) {
            (Way::Private, work_order::Body::Order { source, order }) => {
                self.stats.work_orders += 1;
                let arrived = Arrived {
                    handheld: None,
                    link,
                    request_id: message.request_id,
                    flag: message.flag,
                    destination,
                    source,
                    words: order.contents.chars().collect(),
                    by_order: true,
                };
                self.send_on_air(now, arrived);
            }
            (Way::Report, work_order::Body::Ack { source, result }) if result.is_ok() => {
                self.stats.work_order_reports += 1;
                let id = source.map(|source| source.id);
                let handheld = id.and_then(|id| self.muster.by_radio.get(&id).copied());
                if let Some(handheld) = handheld {
                    self.acknowledged(now, handheld, message.request_id);
                }
            }
            _ => self.stats.refused += 1,
        }
    }

    /// A text is on the air for a while, and texts to one handheld come in order.
    fn send_on_air(&mut self, now: Now, arrived: Arrived) {
        let handheld = self.muster.by_radio.get(&arrived.destination.id).copied();
        let air_ms = u64::from(self.options.air_ms);
        let mut at_ms = now.ms + air_ms / 2 + self.air.below(air_ms / 2 + 1);
        if let Some(radio) = handheld.and_then(|handheld| self.handheld(handheld)) {
            at_ms = at_ms.max(radio.reached_at_ms);
            radio.reached_at_ms = at_ms;
        }
        let arrived = Arrived {
            handheld,
            ..arrived
        };
        if at_ms <= now.ms {
            self.arrive(now, &arrived);
        } else if self.agenda.len() < Self::PLANNED {
            self.agenda.note(at_ms, Task::Arrive(Box::new(arrived)));
        } else {
            self.stats.overflows += 1;
        }
    }

    /// A text arrives, or is lost, or its ack is.
    pub(super) fn arrive(&mut self, now: Now, text: &Arrived) {
        let rates = self.options.rates;
        // All are drawn each time: turning one rate leaves the rest of the story as it is.
        let (fails, lost) = (
            self.air.hits(rates.delivery_fail),
            self.air.hits(rates.delivery_loss),
        );
        let ack_lost = self.air.hits(0.5);
        let Some(handheld) = text.handheld.filter(|_| !fails) else {
            self.stats.undelivered += 1;
            return self.answer(text, Self::NOT_REACHED);
        };
        self.stats.lost_on_air += u64::from(lost);
        match (lost, ack_lost) {
            (true, false) => return,
            (true, true) => {}
            (false, _) => {
                self.stats.delivered += 1;
                self.answer(text, TmpResult::OK);
            }
        }
        self.stats.texts += 1;
        let is_new = self
            .handheld(handheld)
            .is_some_and(|radio| radio.is_new(text.source, text.request_id));
        match is_new {
            true => self.show(now, handheld, text),
            false => self.stats.repeated += 1,
        }
    }

    /// Whether the text was delivered, as the gateway tells the daemon.
    fn answer(&mut self, text: &Arrived, result: TmpResult) {
        let receipt = Receipt {
            flag: text.flag,
            request_id: text.request_id,
            destination: text.destination,
            source: text.source,
            result,
        };
        let answer = match text.by_order {
            true => receipt.of_work_order(Way::Private),
            false => receipt.of_text(),
        };
        self.push(Some(text.link), Outgoing::Message(answer.to_bytes(false)));
    }
}
