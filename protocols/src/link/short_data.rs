//! What short data and service messages have in common: texts, receipts, places, emergencies. The
//! gateway's owner speaks service messages; a TETRA terminal speaks short data. Nothing here waits.
//!
//! | short data | service message |
//! |---|---|
//! | transfer of a text, receipt wanted | private text; to a group none is wanted |
//! | report that ends it | ack of the text |
//! | text, with a reference or without | private text; its ack is the report if one is wanted |
//! | place | position, or the emergency that was the reason for sending it |
//! | status 0 | emergency |
//! | status 32768 and up | private text of how much more it is: the key of that name |
//!
//! Terminals do not register at the interface: whoever is heard counts as registered.

use super::event::Refusal;
use super::heard::Heard;
use crate::Parsed;
use crate::error::{DecodeError, Layer};
use crate::gps::{Angle, Gps, GpsField};
use crate::hdap::Hdap;
use crate::lip::{Elapsed, Reason, When};
use crate::lp::{Cause, Lp, Report};
use crate::message::Message;
use crate::pei::Coding;
use crate::pei::line::{Data, Party, Said, Service};
use crate::pei::sds::{
    Body as SdsBody, Coded, Delivery, MAX_OCTETS, Sds, Status, TEXT, Transfer, Wanted,
};
use crate::radio_ip::RadioIp;
use crate::refuse::value;
use crate::rrs::Rrs;
use crate::text::{Text, shorten};
use crate::tmp::{Body, Tmp, TmpResult};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

/// Texts of terminals whose receipt may still be reported.
const MAX_OWED: usize = 64;
/// Octets a text has room for behind protocol, head, reference and alphabet.
const ROOM: usize = MAX_OCTETS - 4;

/// Texts whose ends are awaited, both ways.
#[derive(Debug, Default)]
pub(super) struct ShortData {
    /// By the reference we gave: to whom, and the owner's number.
    sent: BTreeMap<u8, (u32, u32)>,
    /// By sender and the number we gave: protocol and reference of what to report on.
    owed: BTreeMap<(u32, u32), (u8, u8)>,
    reference: u8,
    number: u32,
    heard: Heard,
}

/// What came of a message of a terminal.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// Service messages, in order.
    pub messages: Vec<Bytes>,
    /// To be sent back.
    pub answer: Option<Said>,
}

impl ShortData {
    /// What to send for a service message; none if short data has no word for it.
    pub(super) fn say(&mut self, hdap: &[u8]) -> Option<Said> {
        let Ok(Parsed::Complete(frame, _)) = Hdap::parse(hdap) else {
            return None;
        };
        let Ok(Message::Tmp(tmp)) = Message::from_hdap(&frame) else {
            return None;
        };
        let (to, text, wanted) = match tmp.body {
            Body::Private {
                destination, text, ..
            } => (destination.id, text, Wanted::RECEIPT),
            Body::Group { group, text, .. } => (group.id, text, Wanted::NONE),
            Body::PrivateAck { source, .. } => return self.report(source.id, tmp.request_id),
            Body::GroupAck { .. } => return None,
        };
        let words: String = text.chars().collect();
        let coding = Coding::of(&words);
        let units = if coding == Coding::UTF16 {
            ROOM / 2
        } else {
            ROOM
        };
        let octets = coding.write(shorten(&words, units));
        // 0 is left out: some terminals take it for none.
        self.reference = self.reference.checked_add(1).unwrap_or(1);
        if wanted.receipt() {
            self.sent.insert(self.reference, (to, tmp.request_id));
        }
        let sds = Sds::Transfer(Transfer {
            protocol: TEXT,
            wanted,
            full_report: true,
            reference: self.reference,
            forward: None,
            body: SdsBody::Text(Coded {
                coding,
                stamp: None,
                octets: &octets,
            }),
        });
        Some(send(to, &sds))
    }

    fn report(&mut self, to: u32, number: u32) -> Option<Said> {
        let (protocol, reference) = self.owed.remove(&(to, number))?;
        let sds = Sds::Report {
            protocol,
            wants_ack: false,
            status: Delivery::RECEIVED,
            reference,
            forward: None,
            rest: &[],
        };
        Some(send(to, &sds))
    }

    /// What a terminal means.
    pub(super) fn mean(
        &mut self,
        now_ms: u64,
        service: Service,
        (from, to): (Party, Party),
        data: &Data,
    ) -> Result<Meaning, Refusal> {
        let refused = |what, found| Refusal::Frame(value(Layer::Sds, what, found));
        let sds = match service {
            Service::STATUS => Sds::parse_status(&data.octets),
            Service::DATA => Sds::parse(&data.octets),
            Service(other) => return Err(refused("service", u32::from(other))),
        };
        let sds = sds.map_err(Refusal::Frame)?;
        let radio = |party: Party| {
            let radio = RadioIp::terminal(party.number);
            radio.ok_or_else(|| refused("subscriber", party.number))
        };
        let (from, to) = (radio(from)?, radio(to)?);
        let mut meaning = Meaning::default();
        let message = self.message(from, to, &sds).map_err(Refusal::Frame)?;
        if self.heard.is_new(now_ms, from.id) {
            let registration = Message::Rrs(Rrs::Registration(from));
            meaning.messages.push(registration.to_bytes(false));
        }
        meaning.messages.extend(message);
        if let Sds::Report {
            protocol,
            wants_ack: true,
            reference,
            ..
        } = sds
        {
            let status = Delivery::RECEIVED_ACK;
            let ack = Sds::Ack {
                protocol,
                status,
                reference,
            };
            meaning.answer = Some(send(from.id, &ack));
        }
        Ok(meaning)
    }

    fn message(
        &mut self,
        from: RadioIp,
        to: RadioIp,
        sds: &Sds<'_>,
    ) -> Result<Option<Bytes>, DecodeError> {
        let (text, report_on) = match sds {
            Sds::Status(Status::EMERGENCY) => return Ok(Some(emergency(from, Gps::NONE))),
            Sds::Status(Status(number)) => match number.checked_sub(Status::FIRST_OWN.0) {
                Some(key) => (key.to_string(), None),
                None => return Ok(None),
            },
            Sds::ShortReport { outcome, reference } => {
                return Ok(self.ended(from, *reference, Some(outcome.is_ok())));
            }
            Sds::Report {
                status, reference, ..
            } => return Ok(self.ended(from, *reference, status.outcome())),
            Sds::Lip(lip) => {
                let gps = place(lip.degrees_e7(), is_fresh(lip.elapsed));
                return Ok(Some(position(from, gps, lip.reason())));
            }
            Sds::LongLip(long) => {
                let is_fresh = match long.time {
                    When::Elapsed(elapsed) => is_fresh(elapsed),
                    When::Unsaid | When::At(..) => true,
                };
                let reason = (!long.is_users).then_some(Reason(long.extra));
                let gps = place(long.degrees_e7(), is_fresh);
                return Ok(Some(position(from, gps, reason)));
            }
            Sds::Text { text, .. } => (words(text)?, None),
            Sds::Transfer(transfer) => {
                let (SdsBody::Text(text) | SdsBody::Part { text, .. }) = &transfer.body else {
                    return Ok(None);
                };
                let wanted = transfer.wanted.receipt();
                let report_on = wanted.then_some((transfer.protocol, transfer.reference));
                (words(text)?, report_on)
            }
            Sds::Ack { .. } | Sds::Raw(_) => return Ok(None),
        };
        Ok(Some(self.text(from, to, &text, report_on)))
    }

    /// A text of a terminal, under a number of its own; what is owed for it is kept.
    fn text(
        &mut self,
        source: RadioIp,
        destination: RadioIp,
        text: &str,
        report_on: Option<(u8, u8)>,
    ) -> Bytes {
        let again = self
            .owed
            .iter()
            .find(|((radio, _), owed)| *radio == source.id && Some(**owed) == report_on);
        let request_id = match again {
            // Sent again before we reported: the same text.
            Some(((_, number), _)) => *number,
            None => {
                self.number = self.number.wrapping_add(1);
                self.number
            }
        };
        if let Some(owed) = report_on {
            self.owed.insert((source.id, request_id), owed);
            if self.owed.len() > MAX_OWED {
                self.owed.pop_first();
            }
        }
        let body = Body::Private {
            destination,
            source,
            text: Text::new(text),
        };
        tmp(request_id, body)
    }

    /// A text of ours came to its end, one way or the other.
    fn ended(&mut self, from: RadioIp, reference: u8, outcome: Option<bool>) -> Option<Bytes> {
        let is_ok = outcome?;
        let (to, request_id) = *self.sent.get(&reference)?;
        if to != from.id {
            return None;
        }
        self.sent.remove(&reference);
        let body = Body::PrivateAck {
            destination: from,
            source: RadioIp { subnet: 0, id: 1 },
            result: if is_ok { TmpResult::OK } else { TmpResult(1) },
        };
        Some(tmp(request_id, body))
    }
}

fn send(to: u32, sds: &Sds<'_>) -> Said {
    Said::Send {
        to: Party::own(to),
        data: Data::of(sds.to_bytes()),
    }
}

pub(super) fn tmp(request_id: u32, body: Body<'_>) -> Bytes {
    let tmp = Tmp {
        flag: false,
        request_id,
        body,
        option: None,
    };
    Message::Tmp(tmp).to_bytes(false)
}

fn words(text: &Coded<'_>) -> Result<String, DecodeError> {
    let unknown = || value(Layer::Sds, "alphabet", text.coding.0);
    text.words().ok_or_else(unknown)
}

/// A place older than five minutes is not where the terminal is.
fn is_fresh(elapsed: Elapsed) -> bool {
    elapsed.0 <= 1
}

pub(super) fn place((north, east): (i32, i32), valid: bool) -> Gps {
    Gps {
        valid,
        latitude: Some(Angle::from_degrees_e7(north)),
        longitude: Some(Angle::from_degrees_e7(east)),
        ..Gps::NONE
    }
}

pub(super) fn emergency(radio: RadioIp, gps: Gps) -> Bytes {
    let lp = Lp::Emergency {
        radio,
        kind: 0,
        gps: GpsField(&gps.to_field()),
    };
    Message::Lp(lp).to_bytes(false)
}

pub(super) fn position(radio: RadioIp, gps: Gps, reason: Option<Reason>) -> Bytes {
    if reason == Some(Reason::EMERGENCY) {
        return emergency(radio, gps);
    }
    let report = Report {
        cause: Cause::Asked,
        request_id: 0,
        radio,
        result: Some(crate::lp::LpResult::OK),
        gps: GpsField(&gps.to_field()),
        rssi_dbm: None,
    };
    Message::Lp(Lp::Report(report)).to_bytes(false)
}
