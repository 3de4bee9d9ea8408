//! A desk and radios whose messages go over the air, each with its end of the network.

extern crate std;

use super::*;
use crate::Parsed;
use crate::capture::hex;
use crate::dmr::{Address, delivery};
use crate::gps::{Angle, Gps, GpsField};
use crate::hdap::Hdap;
use crate::homebrew::Slot;
use crate::link::{LinkEvent, Refusal as LinkRefusal};
use crate::lp::{Cause, Lp, LpResult, Report};
use crate::message::Message;
use crate::radio_ip::RadioIp;
use crate::rrs::{RegistrationResult, Rrs};
use crate::text::Text;
use crate::tmp::{Body, Tmp, TmpResult};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::net::SocketAddr;
use std::vec::Vec;

const RADIO: u32 = 1001;

fn dispatcher() -> RadioIp {
    RadioIp {
        subnet: 10,
        id: 0x00FA_0001,
    }
}

fn radio() -> RadioIp {
    RadioIp::terminal(RADIO).unwrap()
}

fn config(side: Side) -> AirLinkConfig {
    let mut plan = NumberPlan::default();
    assert!(plan.add(RADIO, Address::new(4_600_123).unwrap()));
    AirLinkConfig {
        side,
        dispatcher: dispatcher(),
        desk: Address::new(4_600_000).unwrap(),
        plan,
        slot: Slot::One,
        preambles: 1,
        delivery: delivery::Config::default(),
        renew_ms: 60_000,
        secret: [side as u8; 32],
    }
}

/// The desk is the master, the radios log in.
struct Pair {
    now_ms: u64,
    ends: [AirLink; 2],
    told: [Vec<String>; 2],
    bytes: [Vec<Vec<u8>>; 2],
}

const DESK: usize = 0;
const RADIOS: usize = 1;

fn addr(at: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], [62_031, 50_000][at]))
}

impl Pair {
    fn new() -> Self {
        let words = Passphrase(Bytes::from_static(b"s3cr37w0rd"));
        let known = BTreeMap::from([(7, words.clone())]);
        let master = End::Master(Master::new(MasterConfig::new(known)));
        let client = Client::new(0, ClientConfig::new(addr(DESK), 7, words));
        let ends = [
            AirLink::new(config(Side::Desk), master),
            AirLink::new(config(Side::Radios), End::Client(client)),
        ];
        let mut pair = Self {
            now_ms: 0,
            ends,
            told: [Vec::new(), Vec::new()],
            bytes: [Vec::new(), Vec::new()],
        };
        pair.run(1000);
        assert!(pair.ends.iter().all(AirLink::is_up));
        pair.told = [Vec::new(), Vec::new()];
        pair
    }

    fn run(&mut self, duration_ms: u64) {
        let end_ms = self.now_ms + duration_ms;
        loop {
            let mut moved = true;
            while core::mem::take(&mut moved) {
                for at in [DESK, RADIOS] {
                    while let Some(event) = self.ends[at].poll_event() {
                        self.note(at, event);
                    }
                    while let Some(transmit) = self.ends[at].poll_transmit() {
                        let other = &mut self.ends[1 - at];
                        other.handle_bytes(self.now_ms, addr(at), &transmit.bytes);
                        moved = true;
                    }
                }
            }
            let next = self.ends.iter().filter_map(AirLink::poll_timeout).min();
            let Some(next_ms) = next.filter(|at| *at <= end_ms) else {
                self.now_ms = end_ms;
                return;
            };
            self.now_ms = self.now_ms.max(next_ms);
            for end in &mut self.ends {
                end.handle_timeout(self.now_ms);
            }
        }
    }

    fn note(&mut self, at: usize, event: LinkEvent) {
        match event {
            LinkEvent::Received { bytes, .. } => {
                let Ok(Parsed::Complete(frame, _)) = Hdap::parse(&bytes) else {
                    panic!("no message");
                };
                let message = Message::from_hdap(&frame).unwrap();
                self.told[at].push(message.to_string());
                self.bytes[at].push(bytes.to_vec());
            }
            LinkEvent::Refused { reason, .. } => self.told[at].push(reason.reason().into()),
            LinkEvent::SendFailed { reason, .. } => self.told[at].push(reason.to_string()),
            _ => {}
        }
    }

    fn send(&mut self, at: usize, message: &Message<'_>) {
        let bytes = message.to_bytes(false);
        self.ends[at].send(self.now_ms, 1, &bytes).unwrap();
    }
}

fn text(request_id: u32, destination: RadioIp, source: RadioIp) -> Message<'static> {
    let text = Text::new("1 42");
    let body = Body::Private {
        destination,
        source,
        text,
    };
    tmp(request_id, body)
}

fn tmp(request_id: u32, body: Body<'_>) -> Message<'_> {
    let (flag, option) = (false, None);
    Message::Tmp(Tmp {
        flag,
        request_id,
        body,
        option,
    })
}

fn ack(request_id: u32, destination: RadioIp, source: RadioIp) -> Message<'static> {
    let result = TmpResult::OK;
    let body = Body::PrivateAck {
        destination,
        source,
        result,
    };
    tmp(request_id, body)
}

/// The request the radios' side gave the text it received last.
fn last_request(pair: &Pair, at: usize) -> u32 {
    let bytes = pair.bytes[at].last().unwrap();
    u32::from_be_bytes(*bytes[5..9].as_array().unwrap())
}

#[test]
fn a_text_is_acked_under_its_own_request_once_the_radio_has_it() {
    let mut pair = Pair::new();
    pair.send(DESK, &text(0x1234, radio(), dispatcher()));
    pair.run(800);
    assert!(pair.told[RADIOS][0].contains("1 42"), "{:?}", pair.told);
    assert!(pair.told[DESK].is_empty());
    let request_id = last_request(&pair, RADIOS);
    pair.send(RADIOS, &ack(request_id, radio(), dispatcher()));
    pair.run(1000);
    let acked = ack(0x1234, radio(), dispatcher()).to_bytes(false).to_vec();
    assert!(pair.bytes[DESK].contains(&acked), "{:?}", pair.told);
}

#[test]
fn a_radio_that_says_nothing_ends_as_not_acked() {
    let mut pair = Pair::new();
    pair.send(DESK, &text(5, radio(), dispatcher()));
    pair.run(60_000);
    let (result, request_id) = (TmpResult(8), 5);
    let body = Body::PrivateAck {
        destination: radio(),
        source: dispatcher(),
        result,
    };
    let failed = tmp(request_id, body).to_bytes(false).to_vec();
    let acks = pair.bytes[DESK].iter().filter(|bytes| **bytes == failed);
    assert_eq!(acks.count(), 1);
}

#[test]
fn a_radio_registers_when_it_is_heard_and_hears_of_it_when_it_is_known() {
    let mut pair = Pair::new();
    pair.send(RADIOS, &Message::Rrs(Rrs::Registration(radio())));
    pair.run(1000);
    let registration = Message::Rrs(Rrs::Registration(radio())).to_bytes(false);
    assert_eq!(pair.bytes[DESK].last().unwrap(), &registration.to_vec());
    assert!(pair.bytes[RADIOS].is_empty(), "not before it is known");
    let answer = Rrs::RegistrationAnswer {
        radio: radio(),
        result: RegistrationResult::OK,
        renew_s: 60,
    };
    pair.send(DESK, &Message::Rrs(answer));
    pair.run(1000);
    let answer = Message::Rrs(answer).to_bytes(false).to_vec();
    assert_eq!(pair.bytes[RADIOS][0], answer);
}

#[test]
fn positions_and_emergencies_come_in() {
    let mut pair = Pair::new();
    let gps = Gps {
        valid: true,
        latitude: Some(Angle::from_degrees_e7(229_180_000)),
        longitude: Some(Angle::from_degrees_e7(1_140_105_000)),
        ..Gps::NONE
    };
    let field = gps.to_field();
    let report = Report {
        cause: Cause::Asked,
        request_id: 0,
        radio: radio(),
        result: Some(LpResult::OK),
        gps: GpsField(&field),
        rssi_dbm: None,
    };
    let report = Message::Lp(Lp::Report(report));
    pair.send(RADIOS, &report);
    pair.run(1000);
    let place = |bytes: &[u8]| {
        let Ok(Parsed::Complete(frame, _)) = Hdap::parse(bytes) else {
            return None;
        };
        match Message::from_hdap(&frame) {
            Ok(Message::Lp(lp)) => lp.gps()?.read().ok()?.place(),
            _ => None,
        }
    };
    let came = pair.bytes[DESK].last().unwrap();
    assert_eq!(place(came), gps.place());
    let (kind, gps) = (0, GpsField(&field));
    let alarm = Lp::Emergency {
        radio: radio(),
        kind,
        gps,
    };
    pair.send(RADIOS, &Message::Lp(alarm));
    pair.run(1000);
    let alarms = pair.told[DESK]
        .iter()
        .filter(|told| told.contains("mergency"));
    assert_eq!(alarms.count(), 1, "{:?}", pair.told);
}

/// A number that is not in the plan is nobody's, either way.
#[test]
fn strangers_numbers_are_counted_and_not_called() {
    let mut pair = Pair::new();
    let stranger = RadioIp::terminal(77).unwrap();
    pair.send(DESK, &text(5, stranger, dispatcher()));
    pair.run(1000);
    assert!(
        pair.told[DESK][0].contains("not in the plan"),
        "{:?}",
        pair.told
    );
    let mut config = config(Side::Radios);
    config.plan.add(77, Address::new(4_600_999).unwrap());
    let words = Passphrase(Bytes::from_static(b"s3cr37w0rd"));
    let client = Client::new(pair.now_ms, ClientConfig::new(addr(DESK), 7, words));
    pair.ends[RADIOS] = AirLink::new(config, End::Client(client));
    pair.run(1000);
    pair.told[DESK].clear();
    pair.send(RADIOS, &text(6, dispatcher(), stranger));
    pair.run(1000);
    let reason = LinkRefusal::UnknownNumber.reason();
    assert!(pair.told[DESK].iter().all(|told| told == reason));
    assert!(!pair.told[DESK].is_empty());
}

#[test]
fn what_is_no_message_is_not_taken() {
    let mut pair = Pair::new();
    let taken = pair.ends[DESK].send(pair.now_ms, 1, &hex("09"));
    assert_eq!(taken, Err(crate::link::Busy::Malformed));
    pair.ends[RADIOS].close(pair.now_ms);
    pair.run(100);
    let words = text(1, radio(), dispatcher()).to_bytes(false);
    let taken = pair.ends[DESK].send(pair.now_ms, 1, &words);
    assert_eq!(taken, Err(crate::link::Busy::Down));
}
