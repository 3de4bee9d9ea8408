//! What comes from the air: service messages become commands, positions become fixes.
//!
//! Acks, texts and emergencies are urgent; registrations are normal; positions overwrite each
//! other, one slot a terminal.

use super::gateway::{Heard, RANK_EMERGENCY, RANK_SIGNALLING};
use super::output::{LinkId, Outbox};
use super::position::HeardFix;
use super::stage::Stage;
use super::{Daemon, Now, Work};
use crate::config::Service;
use crate::engine::command::Command;
use crate::engine::event::Event;
use crate::engine::id::RadioId;
use crate::engine::message::Request;
use crate::engine::position::Fix;
use crate::engine::suspect::Numbered;
use crate::geo::datum::Wgs84;
use bytes::Bytes;
use tieqi_protocols::Parsed;
use tieqi_protocols::gps::{Angle, Gps, GpsField};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::lp::{Lp, Subscription, Trigger};
use tieqi_protocols::message::{Message, Receipt};
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rrs::{RegistrationResult, Rrs};
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};
use tieqi_protocols::work_order::Way;

/// A radio message that waits for its turn.
#[derive(Debug)]
pub(super) enum Inbound {
    /// An ack, a failure, a link's peer: a command as it stands.
    Ack(Command),
    /// A terminal comes on the air.
    Register {
        link: LinkId,
        slot: u8,
        radio: RadioIp,
    },
    /// A terminal leaves it.
    Leave { radio: RadioIp },
    /// A terminal wrote to us.
    Text {
        link: LinkId,
        text: Written,
        arrived_us: u64,
    },
    /// A terminal's emergency button, with where it is if the frame says so.
    Emergency {
        radio: RadioId,
        fix: Option<HeardFix>,
        arrived_us: u64,
    },
}

/// A text from a terminal, or a work order's report in words.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) request_id: u32,
    pub(super) flag: bool,
    pub(super) from: RadioIp,
    /// None when it went to a group: nobody acks those.
    pub(super) to: Option<RadioIp>,
    pub(super) words: String,
    pub(super) is_report: bool,
}

impl Written {
    /// Tells the terminal that we have it.
    fn ack(&self, destination: RadioIp) -> Message<'static> {
        let receipt = Receipt {
            flag: self.flag,
            request_id: self.request_id,
            destination,
            source: self.from,
            result: TmpResult::OK,
        };
        match self.is_report {
            true => receipt.of_work_order(Way::Report),
            false => receipt.of_text(),
        }
    }
}

impl Daemon {
    /// Puts what the links heard into the lanes.
    pub(super) fn sort_radio(&mut self, now: Now, heard: Heard) {
        match heard {
            Heard::Left { rank, arrived_us } => {
                if let Some(arrived_us) = arrived_us {
                    let us = now.mono_us.saturating_sub(arrived_us);
                    let stage = match rank {
                        RANK_EMERGENCY => Stage::EmergencyToBackup,
                        _ => Stage::ReportToFrame,
                    };
                    self.stages.note(stage, us);
                }
            }
            Heard::Sent {
                request,
                decided_us,
            } => {
                let us = now.mono_us.saturating_sub(decided_us);
                self.stages.note(Stage::OfferToSent, us);
                self.urgent_radio(Inbound::Ack(Command::RecordSent { request }));
            }
            Heard::NotSent(request) => self.send_failed(request),
            Heard::Linked { link, peer } => {
                if let Some(link) = self.gateways.link_name(link) {
                    self.normal_radio(Inbound::Ack(Command::RecordLink { link, peer }));
                }
            }
            Heard::Message { link, slot, bytes } => self.sort_message(now, link, slot, &bytes),
        }
    }

    pub(super) fn send_failed(&mut self, request: Request) {
        self.counts.frames_unsent += 1;
        self.urgent_radio(Inbound::Ack(Command::RecordSendFailed { request }));
    }

    /// Whether a message may wait in a lane. One of a flood, and what a full lane has no room for,
    /// is dropped and counted: terminals and gateways repeat themselves.
    fn admits(&mut self, inbound: &Inbound, has_room: bool) -> bool {
        if self.floods_air(inbound) {
            return false;
        }
        self.counts.radio_dropped += u64::from(!has_room);
        has_room
    }

    pub(super) fn urgent_radio(&mut self, inbound: Inbound) {
        if self.admits(&inbound, self.urgent.len() < Self::LANE) {
            self.urgent.push_back(Work::Radio(inbound));
        }
    }

    /// Emergencies go before all that waits, in the order they came.
    pub(super) fn emergency(&mut self, inbound: Inbound) {
        if self.admits(&inbound, self.emergencies.len() < Self::EMERGENCIES) {
            self.emergencies.push_back(inbound);
        }
    }

    fn normal_radio(&mut self, inbound: Inbound) {
        if self.admits(&inbound, self.normal.len() < Self::LANE) {
            self.normal.push_back(Work::Radio(inbound));
        }
    }

    fn sort_message(&mut self, now: Now, link: LinkId, slot: u8, bytes: &Bytes) {
        let message = match Hdap::parse(bytes) {
            Ok(Parsed::Complete(hdap, _)) => Message::from_hdap(&hdap),
            Ok(Parsed::Incomplete(_)) => return self.counts.messages_refused += 1,
            Err(error) => Err(error),
        };
        match message {
            Err(error) => {
                self.counts.messages_refused += 1;
                tracing::debug!(link = link.0, %error, "message refused");
            }
            Ok(Message::Rrs(Rrs::Registration(radio))) => {
                self.spoke(now, link, slot, radio);
                self.normal_radio(Inbound::Register { link, slot, radio });
            }
            Ok(Message::Rrs(Rrs::Offline(radio))) => self.normal_radio(Inbound::Leave { radio }),
            Ok(Message::Tmp(tmp)) => self.sort_tmp(now, link, slot, &tmp),
            Ok(Message::WorkOrder(order)) => self.sort_work_order(now, (link, slot), &order),
            Ok(Message::Lp(Lp::Emergency { radio, gps, .. })) => {
                self.spoke(now, link, slot, radio);
                let fix = self.fix_of(now, gps);
                let inbound = Inbound::Emergency {
                    radio: RadioId(radio.id),
                    fix: fix.map(|fix| (fix, (link, slot))),
                    arrived_us: now.mono_us,
                };
                self.emergency(inbound);
            }
            // Somebody asked it to stop, and it did: the incident stays until a desk ends it.
            Ok(Message::Lp(Lp::EmergencyStopped { radio, result, .. })) if result.is_ok() => {
                let radio = RadioId(radio.id);
                self.urgent_radio(Inbound::Ack(Command::RecordEmergencyCancel { radio }));
            }
            Ok(Message::Lp(Lp::Report(report))) => {
                self.sort_fix(now, (link, slot), report.radio, report.gps);
            }
            Ok(Message::Rcp(rcp)) => self.sort_rcp(now, link, &rcp),
            Ok(Message::Dds(dds)) => self.sort_dds(link, &dds),
            Ok(_) => self.counts.messages_unused += 1,
        }
    }

    /// A terminal spoke of its own accord: where, may speak against it.
    pub(super) fn spoke(&mut self, now: Now, link: LinkId, slot: u8, radio: RadioIp) {
        if let Some(gateway) = self.gateways.name_of(link) {
            let via = (gateway, slot);
            self.engine.hear(now.at, RadioId(radio.id), via);
        }
    }

    fn sort_tmp(&mut self, now: Now, link: LinkId, slot: u8, tmp: &Tmp<'_>) {
        if let Body::Private { source, .. } | Body::Group { source, .. } = tmp.body {
            self.spoke(now, link, slot, source);
        }
        let text = |from, to: Option<RadioIp>, text: Text<'_>| Inbound::Text {
            link,
            arrived_us: now.mono_us,
            text: Written {
                request_id: tmp.request_id,
                flag: tmp.flag,
                from,
                to,
                words: text.chars().collect(),
                is_report: false,
            },
        };
        let inbound = match tmp.body {
            Body::PrivateAck {
                destination,
                result,
                ..
            } => Inbound::Ack(Command::RecordDelivery {
                request: Request::from_wire(tmp.request_id),
                radio: RadioId(destination.id),
                delivered: result.is_ok(),
            }),
            Body::Private {
                destination,
                source,
                text: words,
            } => text(source, Some(destination), words),
            Body::Group {
                source,
                text: words,
                ..
            } => text(source, None, words),
            // A group's ack says nothing about any terminal.
            Body::GroupAck { .. } => return self.counts.messages_unused += 1,
        };
        self.urgent_radio(inbound);
    }

    fn sort_fix(&mut self, now: Now, via: (LinkId, u8), radio: RadioIp, gps: GpsField<'_>) {
        let Some(fix) = self.fix_of(now, gps) else {
            return;
        };
        let radio = RadioId(radio.id);
        // Strangers must not fill the table.
        if self.positions.len() < Self::LANE || self.config.terminals.contains_key(&radio) {
            let older = self.positions.insert(radio, (fix, via));
            self.counts.positions_overwritten += u64::from(older.is_some());
        }
    }

    /// A fix is projected once, here at the edge; GPS time is UTC, so its age is wall less GPS. One
    /// that is none is counted.
    fn fix_of(&mut self, now: Now, gps: GpsField<'_>) -> Option<Fix> {
        let fix = self.read_fix(now, gps);
        self.counts.positions_invalid += u64::from(fix.is_none());
        fix
    }

    fn read_fix(&self, now: Now, gps: GpsField<'_>) -> Option<Fix> {
        let gps = gps.read().unwrap_or(Gps::NONE);
        let (latitude, longitude) = gps.place()?;
        let degrees = |angle: Angle| f64::from(angle.degrees_e7()) / 1e7;
        let at = Wgs84::new(degrees(latitude), degrees(longitude));
        let point = self.config.plane.project(at.ok()?).ok()?;
        let taken_utc_ms = gps.taken_utc_ms();
        let age_ms = taken_utc_ms.map_or(0, |taken| now.wall_ms.saturating_sub(taken));
        let now_ms = i64::try_from(now.at.0).unwrap_or(i64::MAX);
        Some(Fix {
            point,
            taken_ms: now_ms.saturating_sub(age_ms),
        })
    }

    pub(super) fn take_radio(&mut self, now: Now, inbound: Inbound, out: &mut dyn Outbox) {
        match inbound {
            Inbound::Ack(command) => self.execute(now, &command, out),
            Inbound::Register { link, slot, radio } => self.register(now, link, slot, radio, out),
            Inbound::Leave { radio } => {
                let radio = RadioId(radio.id);
                self.execute(now, &Command::RecordRegistration { radio, via: None }, out);
            }
            Inbound::Text {
                link,
                text,
                arrived_us,
            } => self.take_text(now, link, text, arrived_us, out),
            Inbound::Emergency {
                radio,
                fix,
                arrived_us,
            } => {
                // A stranger's fix is nothing to the engine, which learns of them below.
                if let Some(fix) = fix.filter(|_| self.config.terminals.contains_key(&radio)) {
                    self.observe(now, radio, fix, out);
                }
                let command = Command::RecordEmergency { radio };
                self.execute_for(now, &command, Some(arrived_us), out);
            }
        }
    }

    /// Decides a command of a datagram read at `arrived_us`: from an emergency's to its back-up's
    /// frame is timed.
    pub(super) fn execute_for(
        &mut self,
        now: Now,
        command: &Command,
        arrived_us: Option<u64>,
        out: &mut dyn Outbox,
    ) {
        let cry = || match command {
            Command::RecordEmergency { .. } => true,
            Command::RecordText { text, .. } => self.engine.calls_for_help(text),
            _ => false,
        };
        if self.goes_unrecorded(cry) {
            match command {
                Command::RecordEmergency { radio } => self.tell_unrecorded(now, *radio, None, out),
                _ => self.counts.dropped_degraded += 1,
            }
            return;
        }
        let mut batch = Vec::new();
        if let Err(rejection) = self.engine.execute(now.at, command, &mut batch) {
            tracing::warn!(%rejection, ?command, "not taken");
            self.counts.radio_rejected += 1;
        }
        let opens = |event: &Event| matches!(event, Event::EmergencyRaised { .. });
        let timed = arrived_us.filter(|_| batch.iter().any(opens));
        self.commit(now, batch, timed, out);
    }

    /// Answers a registration once it is durable, and asks a terminal that is new on the air where
    /// it is, now and from time to time.
    fn register(&mut self, now: Now, link: LinkId, slot: u8, radio: RadioIp, out: &mut dyn Outbox) {
        let Some(gateway) = self.gateways.name_of(link).map(str::to_owned) else {
            return;
        };
        let id = RadioId(radio.id);
        let via = Some((gateway.clone(), slot));
        let before = self
            .engine
            .state()
            .terminals
            .get(&id)
            .and_then(|known| known.via.clone());
        let command = Command::RecordRegistration {
            radio: id,
            via: via.clone(),
        };
        if self.records_nothing() {
            self.counts.dropped_degraded += 1;
            // Not recorded, so not answered: the terminal asks again.
            return;
        }
        self.execute(now, &command, out);
        let known = self.config.terminals.contains_key(&id);
        let answer = Rrs::RegistrationAnswer {
            radio,
            result: match known {
                true => RegistrationResult::OK,
                false => RegistrationResult::REFUSED,
            },
            renew_s: u32::from(self.config.radio.renew_s),
        };
        self.signal(now, link, &Message::Rrs(answer), out);
        self.engine.renumber(id);
        if !known || before == via || self.engine.is_suspect(id) {
            return;
        }
        self.locate(now, id, out);
    }

    /// After a restart: bursts of positions go on.
    pub(super) fn locate_emergencies(&mut self, now: Now, out: &mut dyn Outbox) {
        let calling: Vec<_> = self.engine.state().emergencies.keys().copied().collect();
        for radio in calling {
            self.locate(now, radio, out);
        }
    }

    /// Asks a terminal on the air where it is, now and from time to time; in a burst while its
    /// emergency is open.
    pub(super) fn locate(&mut self, now: Now, id: RadioId, out: &mut dyn Outbox) {
        let state = self.engine.state();
        let link = state
            .gateway_of(id)
            .and_then(|(gateway, slot)| self.gateways.route(now.at, gateway, Service::Lp, slot));
        let Some(link) = link else { return };
        let calls = state.emergencies.contains_key(&id);
        let (interval_s, rank) = match calls {
            true => (self.config.radio.emergency_interval_s, RANK_EMERGENCY),
            false => (self.config.radio.position_interval_s, RANK_SIGNALLING),
        };
        let radio = self.address_of(id);
        // The request id only has to come back; the address tells whose answer it is.
        let request_id = radio.id;
        let once = Lp::Request {
            request_id,
            radio,
            extra: None,
        };
        let interval_s = u32::from(interval_s);
        let often = Lp::Subscribe(Subscription {
            request_id,
            radio,
            trigger: Trigger::Time,
            distance_m: 0,
            start: Subscription::ALWAYS,
            stop: Subscription::ALWAYS,
            interval_s,
            longest_s: interval_s,
        });
        self.signal_at(now, (link, rank), &Message::Lp(once), out);
        self.signal_at(now, (link, rank), &Message::Lp(often), out);
    }

    /// A text is acked once it is durable. A terminal that missed the ack sends the same again:
    /// that is acked again and otherwise ignored. An older one again may be replayed: that is
    /// evidence, and its words are shown and not taken.
    fn take_text(
        &mut self,
        now: Now,
        link: LinkId,
        text: Written,
        arrived_us: u64,
        out: &mut dyn Outbox,
    ) {
        let radio = RadioId(text.from.id);
        if self.goes_unrecorded(|| self.engine.calls_for_help(&text.words)) {
            // Its number is not noted: it is repeated, and heard when the disk goes on.
            self.tell_unrecorded(now, radio, Some(&text.words), out);
            return;
        }
        let numbered = self.engine.number(now.at, radio, text.request_id);
        self.settle(now, out);
        self.counts.texts_replayed += u64::from(numbered == Numbered::Old);
        let ack = text.to.map(|destination| text.ack(destination));
        let words = text.words;
        let command = match numbered {
            Numbered::New => Some(Command::RecordText { radio, text: words }),
            Numbered::Old => Some(Command::RecordReplay { radio, text: words }),
            Numbered::Again => None,
        };
        if let Some(command) = command {
            self.execute_for(now, &command, Some(arrived_us), out);
        }
        if let Some(ack) = ack {
            self.signal(now, link, &ack, out);
        }
    }
}
