//! What a link over the air makes of what comes from there: the other half of [`AirLink`].

use super::air::Air;
use super::air_event::AirEvent;
use super::air_link::{AirLink, Asked, End, MAX_ASKED, Way};
use super::event::Event;
use super::{PRESENT, Side};
use crate::dmr::{Address, Transmission, udt};
use crate::gps::{Angle, Gps, GpsField};
use crate::homebrew::Slot;
use crate::link::{DownReason, LinkEvent, Refusal};
use crate::lp::{Cause, Lp, LpResult, Report};
use crate::message::Message;
use crate::radio_ip::RadioIp;
use crate::rrs::{RegistrationResult, Rrs};
use crate::text::Text;
use crate::tmp::{Body, Tmp, TmpResult};
use alloc::string::ToString;
use alloc::vec::Vec;

impl AirLink {
    pub(super) fn settle(&mut self, now_ms: u64) {
        while let Some(event) = match &mut self.end {
            End::Master(master) => master.poll_event(),
            End::Client(client) => client.poll_event(),
        } {
            self.on_network(now_ms, event);
        }
        let ways: Vec<Way> = self.airs.keys().copied().collect();
        for way in ways {
            while let Some(event) = self.airs.get_mut(&way).and_then(Air::poll_event) {
                self.on_air_event(now_ms, way, event);
            }
            while let Some(burst) = self.airs.get_mut(&way).and_then(Air::poll_transmit) {
                // One that is not taken is lost like any other on its way.
                let _ = match &mut self.end {
                    End::Master(master) => master.send(&burst),
                    End::Client(client) => client.send(&burst),
                };
            }
        }
    }

    fn on_network(&mut self, now_ms: u64, event: Event) {
        match event {
            Event::Up { repeater, peer } => {
                for slot in Slot::ALL {
                    let config = self.air_config(repeater, slot);
                    let air = self.airs.entry((repeater, slot));
                    air.or_insert_with(|| Air::new(config));
                }
                self.events.push(LinkEvent::Up {
                    peer: Some(peer),
                    device_id: Some(repeater),
                    channel: None,
                });
            }
            Event::Down { repeater, reason } => self.on_down(repeater, reason),
            Event::LoginFailed { cause, .. } => self.events.push(LinkEvent::LoginFailed { cause }),
            Event::Burst(burst) => {
                if let Some(air) = self.airs.get_mut(&(burst.repeater, burst.slot)) {
                    air.handle_burst(now_ms, &burst);
                }
            }
            Event::Refused { from, reason } => self.events.push(LinkEvent::Refused {
                from: Some(from),
                reason: Refusal::Homebrew(reason),
            }),
        }
    }

    fn on_down(&mut self, repeater: u32, reason: DownReason) {
        for slot in Slot::ALL {
            self.airs.remove(&(repeater, slot));
        }
        let lost = self.pending.iter();
        let lost = lost.filter(|(_, pending)| pending.way.0 == repeater);
        let lost: Vec<u64> = lost.map(|(token, _)| *token).collect();
        for token in lost {
            self.delivery_ended(token, NO_CONTACT);
        }
        if self.airs.is_empty() {
            self.events.push(LinkEvent::Down { reason });
        }
    }

    fn on_air_event(&mut self, now_ms: u64, way: Way, event: AirEvent) {
        match event {
            AirEvent::Sent { .. } => {}
            AirEvent::Delivered { token } => self.delivery_ended(token, TmpResult::OK),
            AirEvent::Failed { token, .. } => self.delivery_ended(token, NO_ACK),
            AirEvent::Answered { radio } => self.registered(radio),
            AirEvent::Heard { radio } => self.hear(now_ms, way, radio, false),
            AirEvent::Text {
                from,
                to,
                is_group,
                words,
                answer,
            } => self.text(way, (from, to, is_group), &words, answer),
            AirEvent::Status {
                from,
                status: PRESENT,
                answer,
                ..
            } => {
                if let (Some(id), Some(answer)) = (self.config.plan.from_air(from), answer) {
                    self.ask(Asked::Presence(id), way, answer);
                }
                self.hear(now_ms, way, from, true);
            }
            AirEvent::Status {
                from,
                to,
                status,
                answer,
            } => self.text(way, (from, to, false), &status.to_string(), answer),
            AirEvent::Data { from, content, .. } => self.data(way, from, &content),
            AirEvent::Emergency { from } => {
                if let Some(radio) = self.radio(from) {
                    let gps = &Gps::NONE.to_field();
                    let (kind, gps) = (0, GpsField(gps));
                    let alarm = Lp::Emergency { radio, kind, gps };
                    self.receive(way, &Message::Lp(alarm));
                }
            }
            AirEvent::Refused(reason) => self.refuse(Refusal::Air(reason)),
        }
    }

    /// Whoever is heard for the first time, on another way, or after a long silence registers.
    fn hear(&mut self, now_ms: u64, way: Way, radio: Address, asks: bool) {
        if self.config.side == Side::Radios {
            return;
        }
        let Some(radio) = self.radio(radio) else {
            return;
        };
        let known = self.heard.get(&radio.id);
        let is_fresh = known.is_some_and(|(at, until_ms)| *at == way && now_ms < *until_ms);
        if is_fresh && !asks {
            return;
        }
        let until_ms = now_ms.saturating_add(self.config.renew_ms);
        self.heard.insert(radio.id, (way, until_ms));
        self.receive(way, &Message::Rrs(Rrs::Registration(radio)));
    }

    fn text(
        &mut self,
        way: Way,
        (from, to, is_group): (Address, Address, bool),
        words: &str,
        answer: Option<Transmission>,
    ) {
        let (Some(source), Some(destination)) = (self.radio(from), self.radio(to)) else {
            return;
        };
        self.requests = self.requests.wrapping_add(16);
        let request_id = self.requests;
        if let Some(answer) = answer {
            self.ask(Asked::Text(request_id), way, answer);
        }
        let text = Text::new(words);
        let body = match is_group {
            true => Body::Group {
                group: destination,
                source,
                text,
            },
            false => Body::Private {
                destination,
                source,
                text,
            },
        };
        self.receive(way, &tmp(false, request_id, body));
    }

    fn data(&mut self, way: Way, from: Address, content: &udt::Content) {
        let (latitude, longitude, speed_kn) = match content {
            udt::Content::Nmea(nmea) if nmea.valid => {
                (nmea.latitude, nmea.longitude, Some(nmea.speed_kn))
            }
            udt::Content::Lip(lip) => {
                let (north, east) = lip.degrees_e7();
                let angle = Angle::from_degrees_e7;
                (angle(north), angle(east), None)
            }
            udt::Content::Text(words) => {
                let to = self.config.desk;
                return self.text(way, (from, to, false), words, None);
            }
            udt::Content::Nmea(_) | udt::Content::Raw(_) => return,
        };
        let Some(radio) = self.radio(from) else {
            return;
        };
        // It says what time of day it is from, and no date: it counts as of now.
        let gps = Gps {
            valid: true,
            latitude: Some(latitude),
            longitude: Some(longitude),
            speed_dkn: speed_kn.map(|knots| u16::from(knots) * 10),
            ..Gps::NONE
        };
        let report = Report {
            cause: Cause::Asked,
            request_id: 0,
            radio,
            result: Some(LpResult::OK),
            gps: GpsField(&gps.to_field()),
            rssi_dbm: None,
        };
        self.receive(way, &Message::Lp(Lp::Report(report)));
    }

    fn delivery_ended(&mut self, token: u64, result: TmpResult) {
        if let Some(pending) = self.pending.remove(&token) {
            let body = Body::PrivateAck {
                destination: pending.destination,
                source: pending.source,
                result,
            };
            let ack = tmp(pending.flag, pending.request_id, body);
            self.receive(pending.way, &ack);
        }
    }

    /// A radio's status was answered: it is registered, and tells where it is.
    fn registered(&mut self, radio: Address) {
        let Some(id) = self.config.plan.from_air(radio) else {
            return;
        };
        let radio = usual(id);
        let way = (0, self.config.slot);
        let renew_s = u32::try_from(self.config.renew_ms / 1000).unwrap_or(u32::MAX);
        let answer = Rrs::RegistrationAnswer {
            radio,
            result: RegistrationResult::OK,
            renew_s: renew_s.clamp(1, 65_534),
        };
        let request = Lp::Request {
            request_id: 0,
            radio,
            extra: None,
        };
        self.receive(way, &Message::Rrs(answer));
        self.receive(way, &Message::Lp(request));
    }

    fn receive(&mut self, (_, slot): Way, message: &Message<'_>) {
        self.events.push(LinkEvent::Received {
            bytes: message.to_bytes(false),
            channel: Some(slot.number()),
        });
    }

    pub(super) fn refuse(&mut self, reason: Refusal) {
        self.events.push(LinkEvent::Refused { from: None, reason });
    }

    fn ask(&mut self, what: Asked, way: Way, answer: Transmission) {
        self.asked.retain(|(asked, ..)| *asked != what);
        if self.asked.len() >= MAX_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((what, way, answer));
    }
}

/// No answer to any of the tries.
const NO_ACK: TmpResult = TmpResult(8);
/// The repeater went away.
const NO_CONTACT: TmpResult = TmpResult(10);

fn tmp(flag: bool, request_id: u32, body: Body<'_>) -> Message<'_> {
    Message::Tmp(Tmp {
        flag,
        request_id,
        body,
        option: None,
    })
}

pub(super) fn usual(id: u32) -> RadioIp {
    let subnet = RadioIp::USUAL_SUBNET;
    RadioIp { subnet, id }
}
