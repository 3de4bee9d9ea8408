//! Two slots at the ends of one line: the dispatcher's and the radios'.

extern crate std;

use super::air::MAX_WAITING;
use super::*;
use crate::capture::{bytes_of, frames};
use crate::dmr::block::Rate;
use crate::dmr::coding::Coding;
use crate::dmr::csbk::{Body, Csbk};
use crate::dmr::delivery::{Config, SendFault};
use crate::dmr::element::Sap;
use crate::dmr::header::{Kind, UdtHeader};
use crate::dmr::lc::{Lc, LcKind};
use crate::dmr::nmea::Nmea;
use crate::dmr::slot_type::SlotType;
use crate::dmr::sync::SyncWord;
use crate::dmr::transmission::ShortText;
use crate::dmr::{Address, Burst, DataHeader, Pdu, Transmission, udt};
use crate::gps::{Angle, Time};
use crate::homebrew::{Content, Dmrd, Packet, Slot};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const CAPTURED: &str =
    include_str!("../../../../fixtures/radio/captured_homebrew_login_and_data.json");
const WORDS: &str = "警情:黄江大道";

fn desk() -> Address {
    Address::new(9).unwrap()
}

fn radio() -> Address {
    Address::new(4_600_123).unwrap()
}

fn air(ours: Address, stream: u32) -> Air {
    Air::new(AirConfig {
        repeater: 4_600_001,
        slot: Slot::One,
        ours: BTreeSet::from([ours]),
        colour_code: 1,
        sync: SyncWord::BsData,
        preambles: 2,
        delivery: Config::default(),
        stream,
    })
}

fn text(words: &str, is_confirmed: bool) -> Transmission {
    let text = ShortText {
        destination: radio(),
        source: desk(),
        is_group: false,
        is_confirmed,
        rate: Rate::ThreeQuarter,
        coding: Coding::Utf16Le,
        text: words,
    };
    text.transmission().unwrap()
}

fn header(kind: Kind) -> DataHeader {
    DataHeader {
        is_group: false,
        wants_response: true,
        destination: desk(),
        source: radio(),
        kind,
    }
}

fn only(kind: Kind) -> Transmission {
    let (header, blocks) = (header(kind), vec![]);
    Transmission { header, blocks }
}

fn status(status: u16) -> Transmission {
    let (source_port, destination_port) = (0, 0);
    only(Kind::Status {
        sap: Sap::SHORT_DATA,
        source_port,
        destination_port,
        status,
    })
}

fn dmrd(sequence: u8, pdu: &Pdu) -> Dmrd {
    let data_type = pdu.data_type();
    let colour_code = 1;
    let slot = SlotType {
        colour_code,
        data_type,
    };
    let burst = Burst::new(SyncWord::BsData, slot, &pdu.to_bytes()).unwrap();
    Dmrd {
        sequence,
        source: radio(),
        destination: desk(),
        repeater: 4_600_001,
        slot: Slot::One,
        is_private: true,
        content: Content::Data(data_type.code()),
        stream: 77,
        burst: burst.to_bytes(),
        quality: None,
    }
}

fn events_of(air: &mut Air) -> Vec<AirEvent> {
    let events = core::iter::from_fn(|| air.poll_event());
    events
        .filter(|e| !matches!(e, AirEvent::Heard { .. }))
        .collect()
}

/// A line of two ends.
struct Line {
    now_ms: u64,
    random: u64,
    loss_percent: u64,
    double_percent: u64,
    delay_ms: u64,
    ends: [Air; 2],
    wire: BTreeMap<(u64, u64), (usize, Dmrd)>,
    serial: u64,
    events: [Vec<AirEvent>; 2],
    sent_at: [Vec<u64>; 2],
    /// Whether answers are given at once.
    answers: bool,
}

impl Line {
    fn new(seed: u64) -> Self {
        Self {
            now_ms: 0,
            random: seed | 1,
            loss_percent: 0,
            double_percent: 0,
            delay_ms: 0,
            ends: [air(desk(), 1000), air(radio(), 2000)],
            wire: BTreeMap::new(),
            serial: 0,
            events: [vec![], vec![]],
            sent_at: [vec![], vec![]],
            answers: true,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit.max(1)
    }

    fn run(&mut self, duration_ms: u64) {
        let end_ms = self.now_ms + duration_ms;
        loop {
            for at in 0..2 {
                self.settle(at);
            }
            let timeouts = self.ends.iter().filter_map(Air::poll_timeout);
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let next = timeouts.chain(arrival).min();
            let Some(next_ms) = next.filter(|at| *at <= end_ms) else {
                self.now_ms = end_ms;
                return;
            };
            self.now_ms = self.now_ms.max(next_ms);
            while let Some(entry) = self.wire.first_entry()
                && entry.key().0 <= self.now_ms
            {
                let (to, burst) = entry.remove();
                self.ends[to].handle_burst(self.now_ms, &burst);
            }
            for end in &mut self.ends {
                end.handle_timeout(self.now_ms);
            }
        }
    }

    fn settle(&mut self, at: usize) {
        while let Some(event) = self.ends[at].poll_event() {
            if let AirEvent::Text { answer, .. } | AirEvent::Status { answer, .. } = &event
                && let Some(answer) = answer.clone().filter(|_| self.answers)
            {
                self.ends[at].answer(self.now_ms, answer);
            }
            self.events[at].push(event);
        }
        while let Some(burst) = self.ends[at].poll_transmit() {
            self.sent_at[at].push(self.now_ms);
            let read = Packet::Dmrd(burst).to_bytes();
            let Ok(Packet::Dmrd(burst)) = Packet::parse(&read) else {
                panic!("not a burst")
            };
            if self.below(100) < self.loss_percent {
                continue;
            }
            let copies = 1 + u64::from(self.below(100) < self.double_percent);
            for _ in 0..copies {
                let arrival = self.now_ms + self.below(self.delay_ms + 1);
                self.serial += 1;
                self.wire.insert((arrival, self.serial), (1 - at, burst));
            }
        }
    }

    fn texts(&self, at: usize) -> Vec<&str> {
        let events = self.events[at].iter();
        let texts = events.filter_map(|event| match event {
            AirEvent::Text { words, .. } => Some(words.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn verdicts(&self, at: usize) -> Vec<(u64, bool)> {
        let verdict = |event: &AirEvent| match event {
            AirEvent::Delivered { token } => Some((*token, true)),
            AirEvent::Failed { token, .. } => Some((*token, false)),
            _ => None,
        };
        self.events[at].iter().filter_map(verdict).collect()
    }
}

/// Written by another program, relayed by MMDVMHost, DMRGateway and hblink3.
#[test]
fn the_captured_bursts_are_a_text() {
    let mut air = air(desk(), 0);
    for frame in frames(CAPTURED) {
        let bytes = bytes_of(&frame);
        if let (Ok(Packet::Dmrd(burst)), "Homebrew") =
            (Packet::parse(&bytes), frame["protocol"].as_str().unwrap())
        {
            air.handle_burst(0, &burst);
        }
    }
    let expected = AirEvent::Text {
        from: radio(),
        to: desk(),
        is_group: false,
        words: String::from(WORDS),
        answer: None,
    };
    assert_eq!(events_of(&mut air), [expected]);
}

#[test]
fn a_text_goes_out_a_burst_each_60_ms_and_is_delivered() {
    let mut line = Line::new(1);
    let packet = text(WORDS, true);
    let bursts = 2 + 1 + packet.blocks.len();
    line.ends[0].send(0, 5, packet).unwrap();
    line.run(5000);
    let expected: Vec<u64> = (0..bursts as u64).map(|at| at * 60).collect();
    assert_eq!(line.sent_at[0], expected);
    assert_eq!(line.texts(1), [WORDS]);
    assert_eq!(line.events[0][0], AirEvent::Sent { token: 5 });
    assert_eq!(line.verdicts(0), [(5, true)]);
}

/// One stream id a transmission, numbers from 0 up.
#[test]
fn a_transmission_is_one_stream() {
    let mut air = air(desk(), 40);
    for token in 0..2 {
        air.send(0, token, text(WORDS, false)).unwrap();
    }
    let mut sent = vec![];
    for now_ms in 0..3000 {
        air.handle_timeout(now_ms);
        sent.extend(
            air.poll_transmit()
                .map(|burst| (burst.stream, burst.sequence)),
        );
    }
    let of_one = sent.len() as u8 / 2;
    let numbers = |stream| (0..of_one).map(move |number| (stream, number));
    assert_eq!(sent, numbers(41).chain(numbers(42)).collect::<Vec<_>>());
}

#[test]
fn only_the_lost_block_is_sent_again() {
    let mut line = Line::new(1);
    let packet = text(WORDS, true);
    let blocks = packet.blocks.len();
    assert!(blocks >= 2);
    line.ends[0].send(0, 5, packet).unwrap();
    line.run(3 * 60 - 1);
    // The first block, lost on the way.
    line.ends[0].handle_timeout(3 * 60);
    line.now_ms = 3 * 60;
    assert!(line.ends[0].poll_transmit().is_some());
    line.run(8000);
    let sent = line.sent_at[0].len() + 1;
    assert_eq!(line.texts(1), [WORDS]);
    assert_eq!(line.verdicts(0), [(5, true)]);
    // All, then two preambles, a header and the one block.
    assert_eq!(sent, (2 + 1 + blocks) + (2 + 1 + 1));
}

#[test]
fn a_radio_that_is_not_there_fails_once() {
    let mut line = Line::new(1);
    line.loss_percent = 100;
    line.ends[0].send(0, 5, text(WORDS, true)).unwrap();
    line.ends[0].send(0, 6, text("next", true)).unwrap();
    line.run(30_000);
    assert_eq!(line.verdicts(0), [(5, false), (6, false)]);
    let reason = SendFault::NoResponse;
    assert!(line.events[0].contains(&AirEvent::Failed { token: 5, reason }));
}

/// Nothing goes out while somebody speaks.
#[test]
fn a_slot_is_not_talked_into() {
    let mut air = air(desk(), 0);
    let mut voice = dmrd(0, &Pdu::Csbk(Csbk::new(activate())));
    (voice.content, voice.stream) = (Content::Voice(1), 3);
    for at in 0..10u8 {
        voice.sequence = at;
        air.handle_burst(60 * u64::from(at), &voice);
        if at == 0 {
            air.send(0, 1, text(WORDS, true)).unwrap();
        }
        air.handle_timeout(60 * u64::from(at) + 59);
        assert_eq!(air.poll_transmit(), None);
    }
    let due_ms = air.poll_timeout().unwrap();
    assert_eq!(due_ms, 60 * 9 + 180);
    air.handle_timeout(due_ms);
    assert!(air.poll_transmit().is_some());
}

fn activate() -> Body {
    let base_station = Address::ALL;
    let source = radio();
    Body::Activate {
        base_station,
        source,
    }
}

/// What is not kept is not acknowledged: without an answer of the owner the sender gives up.
#[test]
fn nothing_is_acknowledged_but_by_the_owner() {
    let mut line = Line::new(1);
    line.answers = false;
    line.ends[0].send(0, 5, text(WORDS, true)).unwrap();
    line.run(30_000);
    assert_eq!(
        (line.texts(1), line.verdicts(0)),
        (vec![WORDS], vec![(5, false)])
    );
    assert!(line.sent_at[1].is_empty());
}

#[test]
fn a_status_is_told_once_and_answered_each_time() {
    let mut line = Line::new(1);
    line.ends[1].send(0, 1, status(12)).unwrap();
    line.ends[1].send(0, 2, status(12)).unwrap();
    line.ends[1].send(0, 3, status(1023)).unwrap();
    line.run(5000);
    let told: Vec<_> = line.events[0]
        .iter()
        .filter_map(|event| match event {
            AirEvent::Status { from, status, .. } => Some((*from, *status)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(radio(), 12), (radio(), 1023)]);
    assert_eq!(line.sent_at[0].len(), 3);
    let radio = radio();
    let answered = line.events[1].iter();
    let answered = answered.filter(|event| **event == AirEvent::Answered { radio });
    assert_eq!(answered.count(), 3);
}

#[test]
fn a_position_and_its_emergency_flag() {
    let place = Nmea {
        latitude: Angle::from_degrees_e7(228_765_432),
        longitude: Angle::from_degrees_e7(1_140_123_456),
        valid: true,
        speed_kn: 3,
        time: Time {
            hour: 8,
            minute: 30,
            second: 20,
        },
        course_deg: None,
    };
    for is_emergency in [false, true] {
        let content = udt::Content::Nmea(place);
        let (blocks, pad_nibbles) = content.blocks().unwrap();
        let header = header(Kind::Udt(UdtHeader {
            is_emergency,
            option: false,
            sap: Sap::UDT,
            format: content.format(),
            pad_nibbles,
            blocks: u8::try_from(blocks.len()).unwrap(),
            is_supplementary: false,
            protect: false,
            opcode: 27,
        }));
        let mut line = Line::new(1);
        let packet = Transmission { header, blocks };
        line.ends[1].send(0, 1, packet).unwrap();
        line.run(2000);
        let from = radio();
        let told: Vec<_> = line.events[0]
            .iter()
            .filter(|event| !matches!(event, AirEvent::Heard { .. }))
            .collect();
        let read = AirEvent::Data {
            from,
            content,
            is_emergency,
        };
        match is_emergency {
            false => assert_eq!(told, [&read]),
            true => assert_eq!(told, [&AirEvent::Emergency { from }, &read]),
        }
    }
}

#[test]
fn the_emergency_of_a_call_is_told_once() {
    let call = |options| {
        let lc = Lc {
            protect: false,
            opcode: 0,
            feature_set: 0,
            options,
            destination: desk(),
            source: radio(),
        };
        Pdu::Lc(LcKind::Header, lc)
    };
    let mut air = air(desk(), 0);
    for sequence in 0..3 {
        air.handle_burst(0, &dmrd(sequence, &call(0x80)));
    }
    let from = radio();
    assert_eq!(events_of(&mut air), [AirEvent::Emergency { from }]);
    let mut plain = dmrd(0, &call(0));
    plain.stream += 1;
    air.handle_burst(0, &plain);
    assert_eq!(events_of(&mut air), []);
}

/// A packet between two radios is neither read nor answered, whole or in pieces.
#[test]
fn others_packets_are_left_alone() {
    let mut line = Line::new(1);
    line.ends[0] = air(Address::new(5).unwrap(), 0);
    let mut packet = text(WORDS, true);
    (packet.header.source, packet.header.destination) = (radio(), desk());
    packet.blocks.pop();
    line.ends[1].send(0, 1, packet).unwrap();
    line.ends[1].send(0, 2, status(7)).unwrap();
    line.run(20_000);
    let heard = |event: &AirEvent| matches!(event, AirEvent::Heard { .. });
    assert!(line.events[0].iter().all(heard));
    assert!(line.sent_at[0].is_empty());
}

#[test]
fn what_waits_is_bounded() {
    let mut air = air(desk(), 0);
    let taken = (0..100).take_while(|token| air.send(0, *token, text(WORDS, true)).is_ok());
    assert_eq!(taken.count(), MAX_WAITING + 1);
    for _ in 0..100 {
        air.answer(0, text(WORDS, false));
    }
    let mut noise = dmrd(0, &Pdu::Csbk(Csbk::new(activate())));
    for stream in 0..1000 {
        (noise.stream, noise.burst[3]) = (stream, 0xFF);
        air.handle_burst(0, &noise);
    }
    assert!(core::iter::from_fn(|| air.poll_event()).count() <= 32);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(150)
    })]

    /// Whatever is lost, doubled or overtaken: each text has one verdict, none that is told as
    /// delivered was lost, and none comes twice.
    #[test]
    fn over_any_line_each_text_has_one_true_verdict(
        seed in 1..u64::MAX / 2,
        loss_percent in 0..50u64,
        double_percent in 0..50u64,
        delay_ms in 0..150u64,
        texts in 1..6u64,
    ) {
        let mut line = Line::new(seed);
        (line.loss_percent, line.double_percent) = (loss_percent, double_percent);
        line.delay_ms = delay_ms;
        let words = |token: u64| alloc::format!("{WORDS} {token}");
        for token in 0..texts {
            line.ends[0].send(0, token, text(&words(token), true)).unwrap();
        }
        line.run(300_000);
        let verdicts = line.verdicts(0);
        let tokens: Vec<_> = verdicts.iter().map(|(token, _)| *token).collect();
        prop_assert_eq!(tokens, (0..texts).collect::<Vec<_>>());
        let heard = line.texts(1);
        for (token, is_delivered) in verdicts {
            let times = heard.iter().filter(|heard| **heard == words(token)).count();
            prop_assert!(times <= 1, "{} came {} times", token, times);
            prop_assert!(!is_delivered || times == 1, "{} never came", token);
        }
        if loss_percent == 0 && delay_ms < 60 {
            prop_assert_eq!(heard.len() as u64, texts);
        }
    }

    #[test]
    fn random_bursts_never_panic(
        bursts in proptest::collection::vec((any::<[u8; 33]>(), 0..16u8, any::<u8>()), 0..60),
    ) {
        let mut air = air(desk(), 0);
        for (at, (burst, code, sequence)) in (0..).zip(bursts) {
            let mut noise = dmrd(sequence, &Pdu::Csbk(Csbk::new(activate())));
            (noise.burst, noise.content) = (burst, Content::Data(code));
            air.handle_burst(at * 30, &noise);
            air.handle_timeout(at * 30);
            while air.poll_event().is_some() {}
        }
    }
}
