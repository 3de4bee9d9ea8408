//! Both ends of a confirmed delivery, by hand and over a line that loses bursts and flips bits.

use super::*;
use crate::dmr::block::Rate;
use crate::dmr::coding::Coding;
use crate::dmr::element::{NackReason, Sap, Verdict};
use crate::dmr::header::Kind;
use crate::dmr::packet::BlockMap;
use crate::dmr::pdu::Pdu;
use crate::dmr::sync::SyncWord;
use crate::dmr::transmission::{BURST_MS, Payload, ShortText};
use crate::dmr::{Address, Burst, Transmission};
use alloc::vec::Vec;
use proptest::prelude::*;

const CONFIG: Config = Config {
    response_ms: 1_000,
    gap_ms: 200,
    tries: 2,
    retries: 3,
};
const DISPATCH: Address = Address::low(9);
const RADIO: Address = Address::low(1001);
const WORDS: &str = "警情:黄江大道三百二十号有人打架,请速到场并报告";

fn text(words: &str) -> Transmission {
    let text = ShortText {
        destination: RADIO,
        source: DISPATCH,
        is_group: false,
        is_confirmed: true,
        rate: Rate::ThreeQuarter,
        coding: Coding::Utf16Le,
        text: words,
    };
    text.transmission().unwrap()
}

fn packet(sequence: u8, octets: &[u8]) -> Transmission {
    let packet = Payload {
        destination: RADIO,
        source: DISPATCH,
        sap: Sap::IP,
        rate: Rate::Half,
        sequence: Some(sequence),
        octets,
    };
    packet.transmission().unwrap()
}

/// Gives a receiver all of a transmission but some of its blocks.
fn hear(receiver: &mut Receiver, now_ms: u64, sent: &Transmission, lost: &[usize]) {
    assert!(receiver.handle_header(now_ms, &sent.header));
    for (at, block) in sent.blocks.iter().enumerate() {
        let octets = block.octets();
        let block = (!lost.contains(&at)).then_some((block.rate, &*octets));
        receiver.handle_block(now_ms, block);
    }
}

fn answer(receiver: &mut Receiver) -> (Verdict, Transmission) {
    let response = receiver.poll_transmit().unwrap();
    let Kind::Response { verdict, .. } = response.header.kind else {
        panic!("{response:?}");
    };
    (verdict, response)
}

fn tell(sender: &mut Sender, now_ms: u64, response: &Transmission) {
    assert!(sender.handle_header(now_ms, &response.header));
    for block in &response.blocks {
        let octets = block.octets();
        sender.handle_block(now_ms, block.rate, &octets).unwrap();
    }
}

#[test]
fn delivered_at_once() {
    let (mut sender, mut receiver) = (Sender::new(CONFIG), Receiver::new(CONFIG));
    sender.send(0, text(WORDS), 7).unwrap();
    let sent = sender.poll_transmit().unwrap();
    assert_eq!(sender.poll_timeout(), Some(sent.lasts_ms() + 1_000));
    hear(&mut receiver, 0, &sent, &[]);
    let (verdict, response) = answer(&mut receiver);
    assert_eq!(verdict, Verdict::Ack);
    tell(&mut sender, 500, &response);
    assert_eq!(
        sender.poll_event(),
        Some(SenderEvent::Delivered { token: 7 })
    );
    assert_eq!(
        (sender.poll_timeout(), receiver.poll_timeout()),
        (None, None)
    );
    let Some(ReceiverEvent::Received(received)) = receiver.poll_event() else {
        panic!("nothing received");
    };
    assert_eq!(received.words().as_deref(), Some(WORDS));
}

#[test]
fn only_the_missing_blocks_go_again() {
    let (mut sender, mut receiver) = (Sender::new(CONFIG), Receiver::new(CONFIG));
    let octets: Vec<u8> = (0..90).collect();
    sender.send(0, packet(3, &octets), 1).unwrap();
    let sent = sender.poll_transmit().unwrap();
    hear(&mut receiver, 0, &sent, &[1, 6]);
    let (verdict, response) = answer(&mut receiver);
    assert_eq!((verdict, receiver.poll_event()), (Verdict::Retry, None));
    tell(&mut sender, 10, &response);
    let again = sender.poll_transmit().unwrap();
    let serials: Vec<_> = again.blocks.iter().map(|block| block.serial).collect();
    assert_eq!(serials, [Some(1), Some(6)]);
    // One of them is lost once more.
    hear(&mut receiver, 20, &again, &[0]);
    let (verdict, response) = answer(&mut receiver);
    assert_eq!(verdict, Verdict::Retry);
    tell(&mut sender, 30, &response);
    let again = sender.poll_transmit().unwrap();
    assert_eq!(again.blocks.len(), 1);
    hear(&mut receiver, 40, &again, &[]);
    let (verdict, response) = answer(&mut receiver);
    assert_eq!(verdict, Verdict::Ack);
    tell(&mut sender, 50, &response);
    assert_eq!(
        sender.poll_event(),
        Some(SenderEvent::Delivered { token: 1 })
    );
    match receiver.poll_event() {
        Some(ReceiverEvent::Received(received)) => assert_eq!(received.octets, octets),
        other => panic!("{other:?}"),
    }
}

/// The header of the blocks asked for is lost: they are known by their serial numbers.
#[test]
fn blocks_without_their_header_are_taken() {
    let mut receiver = Receiver::new(CONFIG);
    let sent = packet(3, &[9; 90]);
    hear(&mut receiver, 0, &sent, &[2, 5]);
    assert_eq!(answer(&mut receiver).0, Verdict::Retry);
    let again = [2, 5].map(|at| sent.blocks[at].octets());
    receiver.handle_block(100, Some((Rate::Half, &again[0])));
    assert_eq!(
        receiver.poll_transmit(),
        None,
        "the other one is on its way"
    );
    receiver.handle_block(160, Some((Rate::Half, &again[1])));
    assert_eq!(answer(&mut receiver).0, Verdict::Ack);
    assert!(matches!(
        receiver.poll_event(),
        Some(ReceiverEvent::Received(_))
    ));
}

#[test]
fn the_longest_times_do_no_harm() {
    let config = Config {
        response_ms: u64::MAX,
        gap_ms: u64::MAX,
        tries: u8::MAX,
        retries: u8::MAX,
    };
    let (mut sender, mut receiver) = (Sender::new(config), Receiver::new(config));
    let sent = packet(3, &[9; 90]);
    sender.send(u64::MAX, sent.clone(), 1).unwrap();
    sender.handle_timeout(u64::MAX);
    hear(&mut receiver, u64::MAX, &sent, &[2]);
    receiver.handle_timeout(u64::MAX);
    hear(&mut receiver, u64::MAX, &sent, &[]);
    assert!(matches!(
        receiver.poll_event(),
        Some(ReceiverEvent::Received(_))
    ));
}

#[test]
fn silence_is_answered_by_trying_again() {
    let mut sender = Sender::new(CONFIG);
    sender.send(0, text("集合"), 2).unwrap();
    for _ in 0..CONFIG.tries {
        assert!(sender.poll_transmit().is_some());
        let due_ms = sender.poll_timeout().unwrap();
        sender.handle_timeout(due_ms - 1);
        assert_eq!(sender.poll_transmit(), None);
        sender.handle_timeout(due_ms);
    }
    let (token, reason) = (2, SendFault::NoResponse);
    assert_eq!(
        sender.poll_event(),
        Some(SenderEvent::Failed { token, reason })
    );
    assert_eq!(
        (sender.poll_transmit(), sender.poll_timeout()),
        (None, None)
    );
}

#[test]
fn a_lost_ack_does_not_deliver_twice() {
    let mut receiver = Receiver::new(CONFIG);
    let sent = text(WORDS);
    hear(&mut receiver, 0, &sent, &[]);
    assert!(matches!(
        receiver.poll_event(),
        Some(ReceiverEvent::Received(_))
    ));
    hear(&mut receiver, 2_000, &sent, &[]);
    assert_eq!(receiver.poll_event(), None);
    assert_eq!(answer(&mut receiver).0, Verdict::Ack);
    // The same words an hour later are another message.
    hear(&mut receiver, 3_600_000, &sent, &[]);
    assert!(matches!(
        receiver.poll_event(),
        Some(ReceiverEvent::Received(_))
    ));
}

#[test]
fn refusals_end_it_but_a_broken_packet_goes_again() {
    let sent = text("集合");
    let nack =
        |reason| Transmission::response(&sent.header, Verdict::Nack(reason), BlockMap::default());
    let mut sender = Sender::new(CONFIG);
    sender.send(0, sent.clone(), 5).unwrap();
    sender.poll_transmit();
    tell(&mut sender, 1, &nack(NackReason::PACKET_CRC));
    assert_eq!(sender.poll_transmit(), Some(sent.clone()));
    tell(&mut sender, 2, &nack(NackReason(4)));
    let (token, reason) = (5, SendFault::Refused(NackReason(4)));
    assert_eq!(
        sender.poll_event(),
        Some(SenderEvent::Failed { token, reason })
    );
}

#[test]
fn a_wrong_crc_is_told() {
    let mut receiver = Receiver::new(CONFIG);
    let (sent, other) = (text("集合"), text("解散"));
    let mixed = Transmission {
        header: sent.header,
        blocks: [&other.blocks[..1], &sent.blocks[1..]].concat(),
    };
    assert_eq!(
        sent.blocks.len(),
        1,
        "one block, of the other text but whole"
    );
    hear(&mut receiver, 0, &mixed, &[]);
    assert_eq!(answer(&mut receiver).0, Verdict::Ack);
    let (long, other) = (packet(1, &[1; 40]), packet(1, &[2; 40]));
    let mixed = Transmission {
        header: long.header,
        blocks: [&other.blocks[..1], &long.blocks[1..]].concat(),
    };
    hear(&mut receiver, 10, &mixed, &[]);
    let verdict = answer(&mut receiver).0;
    assert_eq!(verdict, Verdict::Nack(NackReason::PACKET_CRC));
    let Some(ReceiverEvent::Refused { reason, .. }) = receiver.poll_event() else {
        panic!("taken");
    };
    assert!(matches!(reason, Refusal::Packet(_)));
}

#[test]
fn a_group_is_not_answered_and_not_waited_for() {
    let mut sent = text("集合");
    sent.header.is_group = true;
    let mut sender = Sender::new(CONFIG);
    assert_eq!(sender.send(0, sent.clone(), 1), Err(Busy::Unconfirmed));
    let mut receiver = Receiver::new(CONFIG);
    hear(&mut receiver, 0, &sent, &[]);
    assert_eq!(receiver.poll_transmit(), None);
    assert!(matches!(
        receiver.poll_event(),
        Some(ReceiverEvent::Received(_))
    ));
}

#[test]
fn one_at_a_time() {
    let mut sender = Sender::new(CONFIG);
    sender.send(0, text("一"), 1).unwrap();
    assert_eq!(sender.send(0, text("二"), 2), Err(Busy::Pending));
    let ack = Transmission::response(&text("一").header, Verdict::Ack, BlockMap::default());
    tell(&mut sender, 1, &ack);
    assert_eq!(
        sender.send(2, text("二"), 2),
        Err(Busy::Pending),
        "not polled"
    );
    assert!(sender.poll_event().is_some());
    sender.send(3, text("二"), 2).unwrap();
}

#[test]
fn others_responses_are_passed_over() {
    let sent = packet(3, &[1; 8]);
    let mut sender = Sender::new(CONFIG);
    sender.send(0, sent.clone(), 1).unwrap();
    let mut ack = Transmission::response(&sent.header, Verdict::Ack, BlockMap::default()).header;
    ack.source = Address::low(1002);
    assert!(!sender.handle_header(1, &ack));
    let other = Transmission::response(&packet(4, &[]).header, Verdict::Ack, BlockMap::default());
    assert!(!sender.handle_header(1, &other.header));
    assert!(!sender.handle_header(1, &sent.header));
    assert_eq!(sender.poll_event(), None);
}

#[test]
fn what_stops_coming_is_given_up() {
    let mut receiver = Receiver::new(CONFIG);
    let sent = packet(0, &[7; 60]);
    assert!(receiver.handle_header(0, &sent.header));
    let first = sent.blocks[0].octets();
    receiver.handle_block(60, Some((Rate::Half, &first)));
    receiver.handle_timeout(259);
    assert_eq!(receiver.poll_transmit(), None);
    receiver.handle_timeout(260);
    assert_eq!(answer(&mut receiver).0, Verdict::Retry);
    let due_ms = receiver.poll_timeout().unwrap();
    receiver.handle_timeout(due_ms);
    match receiver.poll_event() {
        Some(ReceiverEvent::Refused { reason, .. }) => assert_eq!(reason, Refusal::Missing),
        other => panic!("{other:?}"),
    }
    assert_eq!(receiver.poll_timeout(), None);
}

/// SplitMix64, public domain.
struct Lot(u64);

impl Lot {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % limit
    }
}

/// One side's bursts as the other hears them: some lost, some with bits flipped.
fn on_air(sent: &Transmission, lot: &mut Lot, loss: u64) -> Vec<Burst> {
    let mut heard = Vec::new();
    for burst in sent.bursts(SyncWord::MsData, 1, 1) {
        let mut bytes = burst.to_bytes();
        if lot.below(100) < loss {
            continue;
        }
        if lot.below(100) < loss {
            for _ in 0..lot.below(12) {
                let bit = lot.below(264) as usize;
                bytes[bit / 8] ^= 0x80 >> (bit % 8);
            }
        }
        heard.extend(Burst::parse(&bytes).ok());
    }
    heard
}

enum Heard<'o> {
    Header(crate::dmr::DataHeader),
    Block(Rate, &'o [u8]),
    Broken,
    Nothing,
}

fn heard<'o>(burst: &Burst, octets: Option<&'o [u8]>) -> Heard<'o> {
    match (Rate::of(burst.slot.data_type), octets) {
        (Some(rate), Some(octets)) => Heard::Block(rate, octets),
        (Some(_), None) => Heard::Broken,
        (None, Some(octets)) => match Pdu::parse(burst.slot.data_type, octets) {
            Ok(Some(Pdu::Header(header))) => Heard::Header(header),
            _ => Heard::Nothing,
        },
        (None, None) => Heard::Nothing,
    }
}

proptest! {
    /// Whatever is lost: every packet ends in one event, in bounded time; what is said to be
    /// delivered was received, unchanged and once.
    #[test]
    fn over_a_lossy_line(
        seed: u64,
        loss in 0..30u64,
        octets in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut lot = Lot(seed);
        let (mut sender, mut receiver) = (Sender::new(CONFIG), Receiver::new(CONFIG));
        let mut now_ms = 0;
        sender.send(now_ms, packet(2, &octets), 1).unwrap();
        let (mut received, mut ended) = (0, None);
        for _ in 0..100 {
            while let Some(sent) = sender.poll_transmit() {
                for burst in on_air(&sent, &mut lot, loss) {
                    now_ms += BURST_MS;
                    let decoded = burst.octets().ok();
                    match heard(&burst, decoded.as_deref()) {
                        Heard::Header(header) => { receiver.handle_header(now_ms, &header); }
                        Heard::Block(rate, octets) => {
                            receiver.handle_block(now_ms, Some((rate, octets)));
                        }
                        Heard::Broken => receiver.handle_block(now_ms, None),
                        Heard::Nothing => {}
                    }
                    if let Some(ReceiverEvent::Received(packet)) = receiver.poll_event() {
                        prop_assert_eq!(&packet.octets, &octets);
                        received += 1;
                    }
                }
            }
            while let Some(sent) = receiver.poll_transmit() {
                for burst in on_air(&sent, &mut lot, loss) {
                    now_ms += BURST_MS;
                    let decoded = burst.octets().ok();
                    match heard(&burst, decoded.as_deref()) {
                        Heard::Header(header) => { sender.handle_header(now_ms, &header); }
                        Heard::Block(rate, octets) => {
                            let _ = sender.handle_block(now_ms, rate, octets);
                        }
                        Heard::Broken | Heard::Nothing => {}
                    }
                }
            }
            if let Some(event) = sender.poll_event() {
                prop_assert_eq!(ended.replace(event), None);
            }
            let due = [sender.poll_timeout(), receiver.poll_timeout()];
            let Some(due_ms) = due.into_iter().flatten().min() else {
                break;
            };
            now_ms = now_ms.max(due_ms);
            sender.handle_timeout(now_ms);
            receiver.handle_timeout(now_ms);
            if let Some(ReceiverEvent::Received(_)) = receiver.poll_event() {
                received += 1;
            }
        }
        prop_assert!(received <= 1, "received {} times", received);
        match ended {
            Some(SenderEvent::Delivered { token: 1 }) => prop_assert_eq!(received, 1),
            Some(SenderEvent::Failed { token: 1, .. }) => prop_assert!(loss > 0),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
