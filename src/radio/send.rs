//! What handhelds send when it is time: registrations, positions, and texts until they are
//! acknowledged.

use super::carrier::Outgoing;
use super::handheld::Handheld;
use super::world::{Now, Task, World};
use crate::config::Service;
use bytes::Bytes;
use tieqi_protocols::gps::GpsField;
use tieqi_protocols::lp::{Cause, Lp, LpResult, Report};
use tieqi_protocols::message::Message;
use tieqi_protocols::rrs::Rrs;

impl World {
    /// Before a registration nobody answered is sent again, wall milliseconds.
    const REGISTER_MS: u64 = 3_000;

    /// Plans a registration within the spread; plans before it are void.
    pub(super) fn register_soon(&mut self, now_ms: u64, handheld: usize) {
        let wait_ms = self.air.below(u64::from(self.options.spread_ms) + 1);
        self.register_at(now_ms + wait_ms, handheld);
    }

    pub(super) fn register_at(&mut self, at_ms: u64, handheld: usize) {
        let Some(radio) = self.handheld(handheld) else {
            return;
        };
        radio.registration = radio.registration.wrapping_add(1);
        let plan = radio.registration;
        self.agenda.note(at_ms, Task::Register { handheld, plan });
    }

    /// Registers, and plans to do it again should nobody answer.
    pub(super) fn register(&mut self, now: Now, handheld: usize, plan: u32) {
        let due = |radio: &&mut Handheld| radio.registration == plan;
        let Some(radio) = self.handheld(handheld).filter(due) else {
            return;
        };
        let link = radio.link(Service::Rrs);
        self.push(link, Outgoing::Register(handheld));
        let wait_ms = Self::REGISTER_MS + self.air.below(1_000);
        self.register_at(now.ms + wait_ms, handheld);
    }

    pub(super) fn report_again(&mut self, now: Now, handheld: usize, plan: u32) {
        let due = |radio: &&mut Handheld| radio.watched == plan;
        let watch = self
            .handheld(handheld)
            .filter(due)
            .and_then(|radio| radio.watch);
        if let Some(watch) = watch {
            self.push_fix(handheld, Cause::Subscribed, watch.request_id);
            let at_ms = now.ms + watch.interval_ms;
            self.agenda.note(at_ms, Task::Report { handheld, plan });
        }
    }

    /// The bytes of what goes out now.
    pub(super) fn written(&mut self, now: Now, outgoing: Outgoing) -> Option<Bytes> {
        match outgoing {
            Outgoing::Message(bytes) => Some(bytes),
            Outgoing::Register(handheld) => {
                let radio = self.handheld(handheld)?.radio;
                Some(Message::Rrs(Rrs::Registration(radio)).to_bytes(false))
            }
            Outgoing::Fix {
                handheld,
                cause,
                request_id,
            } => {
                let radio = self.muster.handhelds.get(handheld)?;
                let crew = self.muster.crews.get(radio.crew)?;
                let told = radio.lying.as_ref().filter(|it| it.lasts(now.ms));
                let fix = match told {
                    Some(lying) => lying.fix(&self.ground, now, &crew.leg),
                    None => self.ground.fix(now.ms, now.wall_ms, &crew.leg),
                };
                let fix = fix.to_field();
                let report = Report {
                    cause,
                    request_id,
                    radio: radio.radio,
                    result: (cause == Cause::Asked).then_some(LpResult::OK),
                    gps: GpsField(&fix),
                    rssi_dbm: None,
                };
                self.stats.positions += 1;
                Some(Message::Lp(Lp::Report(report)).to_bytes(false))
            }
        }
    }

    /// Sends the first text that waits, unless it is on its way.
    pub(super) fn write_next(&mut self, now: Now, handheld: usize) {
        let first = self.handheld(handheld).and_then(Handheld::first_try);
        self.transmit(now, handheld, first);
    }

    fn transmit(&mut self, now: Now, handheld: usize, text: Option<(u32, Bytes)>) {
        let Some((request_id, bytes)) = text else {
            return;
        };
        let link = self
            .handheld(handheld)
            .and_then(|radio| radio.link(Service::Tmp));
        self.push(link, Outgoing::Message(bytes));
        let at_ms = now.ms + Handheld::TEXT_RETRY_MS;
        self.agenda.note(
            at_ms,
            Task::Retry {
                handheld,
                request_id,
            },
        );
    }

    /// No ack came in time.
    pub(super) fn retry(&mut self, now: Now, handheld: usize, request_id: u32) {
        let Some(radio) = self.handheld(handheld) else {
            return;
        };
        let again = radio.try_again(request_id);
        if again.is_none() && radio.give_up(request_id) {
            self.stats.unacknowledged += 1;
            return self.write_next(now, handheld);
        }
        self.transmit(now, handheld, again);
    }

    /// The daemon has a text: the next one may go.
    pub(super) fn acknowledged(&mut self, now: Now, handheld: usize, request_id: u32) {
        if let Some(radio) = self.handheld(handheld) {
            radio.acknowledged(request_id);
            self.write_next(now, handheld);
        }
    }
}
