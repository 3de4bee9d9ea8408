//! The serial link on a virtual clock: its dialogue in captured bytes, and two ends over a line
//! that loses, doubles and garbles.

extern crate std;

use super::*;
use crate::capture::hex;
use crate::hrnp::{self, Hrnp, Opcode};
use alloc::vec::Vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

const CONNECT: &str = "7e0400fe20100000000c60e1";
const ACCEPT: &str = "7e0400fd10200000000c70d2";
/// A service message: the radio id is asked for.
const QUERY: &str = "025204010000db03";

fn computer() -> SerialLink {
    let mut link = SerialLink::new(SerialEnd::Computer, SerialConfig::default());
    link.opened(0);
    link
}

fn connected() -> SerialLink {
    let mut link = computer();
    link.handle_bytes(0, &hex(ACCEPT));
    sent(&mut link);
    events(&mut link);
    link
}

fn message(number: u8) -> Vec<u8> {
    let hdap = Hdap {
        service: crate::hdap::Service::Rcp,
        reliable: false,
        opcode: 0x0452,
        payload: &[number],
    };
    let mut bytes = Vec::new();
    hdap.emit(&mut bytes);
    bytes
}

fn frame(opcode: Opcode, packet_number: u16, message: Option<&[u8]>) -> Vec<u8> {
    let message = message.map(|bytes| match Hdap::parse(bytes) {
        Ok(Parsed::Complete(message, _)) => message,
        other => panic!("{other:?}"),
    });
    let (source, destination) = (hrnp::RADIO, hrnp::COMPUTER);
    let frame = Hrnp {
        version: hrnp::VERSION,
        block: 0,
        opcode,
        source,
        destination,
        packet_number,
        message,
    };
    let mut bytes = Vec::new();
    frame.emit(&mut bytes);
    bytes
}

fn sent(link: &mut SerialLink) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| link.poll_transmit().map(|bytes| bytes.to_vec())).collect()
}

fn events(link: &mut SerialLink) -> Vec<LinkEvent> {
    core::iter::from_fn(|| link.poll_event()).collect()
}

fn received(link: &mut SerialLink) -> Vec<Vec<u8>> {
    let bytes = |event| match event {
        LinkEvent::Received { bytes, .. } => Some(bytes.to_vec()),
        _ => None,
    };
    events(link).into_iter().filter_map(bytes).collect()
}

const UP: LinkEvent = LinkEvent::Up {
    peer: None,
    device_id: None,
    channel: None,
};

fn down(reason: DownReason) -> LinkEvent {
    LinkEvent::Down { reason }
}

/// Lets the next timer fire; gives its time.
fn fire(link: &mut SerialLink) -> u64 {
    let at_ms = link.poll_timeout().unwrap();
    link.handle_timeout(at_ms);
    at_ms
}

#[test]
fn the_dialogue_is_the_captured_one() {
    let mut link = computer();
    assert_eq!(sent(&mut link), [hex(CONNECT)]);
    link.handle_bytes(5, &hex(ACCEPT));
    assert_eq!(events(&mut link), [UP]);
    link.send(5, 7, hex(QUERY).into()).unwrap();
    let frames = sent(&mut link);
    assert_eq!(frames[0][3..8], [0x00, 0x20, 0x10, 0, 1]);
    assert_eq!(link.send(5, 8, hex(QUERY).into()), Err(Busy::Pending));
    // The captured ack of packet 1.
    link.handle_bytes(6, &hex("7e04001010200001000c71be"));
    assert_eq!(events(&mut link), [LinkEvent::Sent { token: 7 }]);
    link.handle_bytes(7, &frame(Opcode::Data, 1, Some(&message(9))));
    assert_eq!(sent(&mut link), [hex("7e04001020100001000c61ce")]);
    assert_eq!(received(&mut link), [message(9)]);
    link.close(8);
    assert_eq!(sent(&mut link)[0][3], Opcode::Close.code());
    link.handle_bytes(9, &frame(Opcode::CloseAck, 0, None));
    assert_eq!(events(&mut link), [down(DownReason::Closed)]);
}

#[test]
fn connect_goes_on_until_it_is_accepted_and_a_reject_is_told() {
    let mut link = computer();
    link.handle_bytes(1, &frame(Opcode::Reject, 0, None));
    let reason = Refusal::ConnectRejected;
    assert_eq!(
        events(&mut link),
        [LinkEvent::Refused { from: None, reason }]
    );
    assert_eq!((fire(&mut link), fire(&mut link)), (5_000, 10_000));
    assert_eq!(sent(&mut link).len(), 3);
    link.handle_bytes(10_001, &hex(ACCEPT));
    assert!(link.is_up());
}

#[test]
fn the_radio_gives_the_computer_its_address() {
    let mut link = computer();
    let mut accept = hex(ACCEPT);
    accept[5] = 0x25;
    let sum = hrnp::checksum(accept.iter().take(10).copied());
    accept[10..].copy_from_slice(&sum.to_be_bytes());
    link.handle_bytes(0, &accept);
    sent(&mut link);
    link.send(0, 1, hex(QUERY).into()).unwrap();
    assert_eq!(sent(&mut link)[0][4..6], [0x25, 0x10]);
}

#[test]
fn three_tries_a_second_apart_and_then_the_line_is_dead() {
    let mut link = connected();
    link.send(0, 1, hex(QUERY).into()).unwrap();
    assert_eq!((fire(&mut link), fire(&mut link)), (1_000, 2_000));
    let frames = sent(&mut link);
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|frame| *frame == frames[0]));
    assert_eq!(fire(&mut link), 3_000);
    let (token, reason) = (1, SendFault::NoAck);
    let failed = LinkEvent::SendFailed { token, reason };
    assert_eq!(events(&mut link), [failed, down(DownReason::Lost)]);
    assert_eq!(sent(&mut link), [hex(CONNECT)]);
}

#[test]
fn a_quiet_line_is_asked_and_then_given_up() {
    let mut link = connected();
    assert_eq!(fire(&mut link), 60_000);
    link.handle_bytes(60_001, &hex(ACCEPT));
    assert_eq!(events(&mut link), [UP], "somebody is there");
    for at_ms in [120_001, 121_001, 122_001, 123_001] {
        assert_eq!(fire(&mut link), at_ms);
    }
    assert_eq!(events(&mut link), [down(DownReason::Lost)]);
    assert_eq!(sent(&mut link).len(), 4);
}

#[test]
fn packet_65535_is_followed_by_0() {
    let mut link = connected();
    link.number = 65_535;
    for number in [65_535u16, 0, 1] {
        link.send(0, 1, hex(QUERY).into()).unwrap();
        assert_eq!(sent(&mut link)[0][6..8], number.to_be_bytes());
        link.handle_bytes(0, &frame(Opcode::DataAck, number.wrapping_add(7), None));
        assert_eq!(events(&mut link), [], "the ack of another packet");
        link.handle_bytes(0, &frame(Opcode::DataAck, number, None));
        assert_eq!(events(&mut link), [LinkEvent::Sent { token: 1 }]);
    }
}

#[test]
fn data_that_comes_twice_is_acknowledged_twice_and_delivered_once() {
    let mut link = connected();
    let data = frame(Opcode::Data, 4, Some(&message(1)));
    link.handle_bytes(0, &data);
    link.handle_bytes(900, &data);
    assert_eq!(sent(&mut link).len(), 2);
    assert_eq!(received(&mut link), [message(1)]);
    // The same number with other words is another message, as after a restart.
    link.handle_bytes(901, &frame(Opcode::Data, 4, Some(&message(2))));
    assert_eq!(received(&mut link), [message(2)]);
}

#[test]
fn a_lost_port_fails_what_is_on_its_way_and_an_opened_one_connects() {
    let mut link = connected();
    link.send(0, 3, hex(QUERY).into()).unwrap();
    link.handle_bytes(0, &hex(CONNECT)[..5]);
    link.lost();
    let (token, reason) = (3, SendFault::LinkDown);
    let failed = LinkEvent::SendFailed { token, reason };
    assert_eq!(events(&mut link), [failed, down(DownReason::Lost)]);
    assert_eq!((link.poll_timeout(), link.waiting()), (None, (0, 0, 0)));
    link.handle_bytes(1, &hex(ACCEPT));
    assert!(!link.is_up(), "there is no port");
    link.opened(2);
    assert_eq!(sent(&mut link), [hex(CONNECT)]);
}

#[test]
fn our_own_echo_is_nobody() {
    let mut link = connected();
    link.send(0, 3, hex(QUERY).into()).unwrap();
    let own = sent(&mut link).concat();
    link.handle_bytes(0, &[own, hex(CONNECT)].concat());
    let refused = |reason| LinkEvent::Refused { from: None, reason };
    let expected = [refused(Refusal::Stranger), refused(Refusal::Role)];
    assert_eq!(events(&mut link), expected);
}

#[test]
fn close_of_the_radio_is_acknowledged_and_followed_by_a_connect() {
    let mut link = connected();
    link.handle_bytes(0, &frame(Opcode::Close, 6, None));
    assert_eq!(sent(&mut link)[0][3..8], [0xFA, 0x20, 0x10, 0, 6]);
    assert_eq!(events(&mut link), [down(DownReason::PeerClosed)]);
    fire(&mut link);
    assert_eq!(sent(&mut link), [hex(CONNECT)]);
}

#[test]
fn what_begins_like_a_frame_and_does_not_go_on_is_dropped_after_a_gap() {
    let mut link = connected();
    let data = frame(Opcode::Data, 1, Some(&message(1)));
    // A data frame of 30 bytes that ends early swallows the next one only until the gap.
    let broken = hex("7e04000010200009001e000002520400");
    link.handle_bytes(0, &[&broken[..], &data].concat());
    let found = received(&mut link);
    let found = match found.is_empty() {
        true => {
            assert_eq!(fire(&mut link), GAP_MS);
            received(&mut link)
        }
        false => found,
    };
    assert_eq!(found, [message(1)]);
    assert_eq!(link.waiting().0, 0);
}

#[test]
fn flipped_bits_are_refused_and_prefixes_wait() {
    let data = frame(Opcode::Data, 1, Some(&message(1)));
    for (at, bit, flipped) in crate::capture::flips(&data, 0..data.len()) {
        let mut link = connected();
        link.handle_bytes(0, &flipped);
        assert_eq!(received(&mut link), [[0u8; 0]; 0], "bit {bit} of byte {at}");
    }
    for end in 0..data.len() {
        let mut link = connected();
        link.handle_bytes(0, &data[..end]);
        assert_eq!((events(&mut link), link.waiting().0), (Vec::new(), end));
        link.handle_bytes(GAP_MS - 1, &data[end..]);
        assert_eq!(received(&mut link), [message(1)]);
    }
}

/// What a line does with a piece, by a number of chance.
fn garble(piece: &[u8], fate: u8) -> Vec<u8> {
    let mut bytes = piece.to_vec();
    match fate {
        0..=19 => bytes.clear(),
        20..=39 => bytes.extend_from_slice(piece),
        40..=59 => bytes.truncate(piece.len() / 2),
        60..=79 => bytes.splice(0..0, [0x7E, 0x04, fate, 0x00]).for_each(drop),
        80..=99 => {
            let at = usize::from(fate) % bytes.len();
            bytes[at] ^= 1 << (fate % 8);
        }
        _ => {}
    }
    bytes
}

struct Pair {
    now_ms: u64,
    ends: [SerialLink; 2],
    got: [Vec<u8>; 2],
    verdicts: [BTreeSet<u64>; 2],
}

impl Pair {
    fn new() -> Self {
        let end = |end| SerialLink::new(end, SerialConfig::default());
        let mut ends = [end(SerialEnd::Computer), end(SerialEnd::Radio)];
        ends.iter_mut().for_each(|end| end.opened(0));
        Self {
            now_ms: 0,
            ends,
            got: Default::default(),
            verdicts: Default::default(),
        }
    }

    /// Carries what there is, then lets time pass to the next timer.
    fn step(&mut self, fates: &mut impl FnMut() -> u8) {
        for from in 0..2 {
            while let Some(piece) = self.ends[from].poll_transmit() {
                let bytes = garble(&piece, fates());
                self.ends[1 - from].handle_bytes(self.now_ms, &bytes);
            }
        }
        for end in 0..2 {
            for event in events(&mut self.ends[end]) {
                match event {
                    LinkEvent::Received { bytes, .. } => self.got[end].push(bytes[5]),
                    LinkEvent::Sent { token } | LinkEvent::SendFailed { token, .. } => {
                        assert!(self.verdicts[end].insert(token), "two verdicts for {token}");
                    }
                    _ => {}
                }
            }
        }
        let waits = self.ends.iter().any(|end| end.waiting().1 > 0);
        let next = self.ends.iter().filter_map(SerialLink::poll_timeout).min();
        if let (false, Some(at_ms)) = (waits, next) {
            self.now_ms = at_ms;
            self.ends
                .iter_mut()
                .for_each(|end| end.handle_timeout(at_ms));
        }
    }

    fn until(&mut self, fates: &mut impl FnMut() -> u8, done: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if done(self) {
                return;
            }
            self.step(fates);
        }
        panic!("it never came to that, at {} ms", self.now_ms);
    }
}

proptest! {
    #[test]
    fn a_garbling_line_loses_delays_and_never_lies(fates: Vec<u8>) {
        let mut fates = fates.into_iter();
        let mut fate = move || fates.next().unwrap_or(255);
        let mut pair = Pair::new();
        for number in 0..6u8 {
            for end in 0..2 {
                pair.until(&mut fate, |pair| pair.ends[end].ready());
                let token = u64::from(number);
                pair.ends[end].send(pair.now_ms, token, message(number).into()).unwrap();
            }
        }
        pair.until(&mut fate, |pair| pair.verdicts.iter().all(|v| v.len() == 6));
        for got in &pair.got {
            // In order, and each at most once.
            prop_assert!(got.is_sorted_by(|a, b| a < b), "{got:?}");
        }
    }

    #[test]
    fn after_any_noise_the_second_frame_is_taken(
        noise in proptest::collection::vec(
            prop_oneof![Just(0x7Eu8), Just(4), Just(0), Just(2), any::<u8>()], 0..3000),
        cut in 1..64usize,
    ) {
        let mut link = connected();
        let first = frame(Opcode::Data, 1, Some(&message(1)));
        let second = frame(Opcode::Data, 2, Some(&message(2)));
        for piece in [noise, first, second].concat().chunks(cut) {
            link.handle_bytes(0, piece);
            prop_assert!(link.waiting().0 < hrnp::MAX_FRAME);
        }
        // Nothing behind noise is lost; at the latest the gap finds it.
        if link.waiting().0 > 0 {
            link.handle_timeout(GAP_MS);
        }
        prop_assert!(received(&mut link).ends_with(&[message(1), message(2)]));
        prop_assert_eq!(link.waiting().0, 0);
    }
}

/// A line that is never still and never has a gap: what follows the noise comes within two of the
/// largest frames.
#[test]
fn a_line_full_of_noise_is_mended_within_two_frames() {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 28 {
            0..=3 => 0x7E,
            4 => 0x04,
            5..=7 => 0x00,
            _ => u8::try_from(state >> 24).unwrap(),
        }
    };
    for _ in 0..200 {
        let mut link = connected();
        let garbage: Vec<u8> = (0..500).map(|_| noise()).collect();
        link.handle_bytes(0, &garbage);
        let frames = 2 * hrnp::MAX_FRAME / frame(Opcode::Data, 1, Some(&message(1))).len();
        let mut found = None;
        for number in 0..u16::try_from(frames).unwrap() {
            link.handle_bytes(0, &frame(Opcode::Data, number, Some(&message(1))));
            if !received(&mut link).is_empty() {
                found = Some(number);
                break;
            }
        }
        assert!(found.is_some());
    }
}
