//! One link against datagrams made by hand or captured; and every bit no checksum covers.

extern crate std;

use super::*;
use crate::capture::{flips, frames, hex, named};
use crate::hdap::Service;
use crate::hstrp::{HEADER, MAX_MESSAGES};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const TRANSCRIPTS: &str = include_str!("../../../fixtures/radio/hytera_transcripts.json");
const CONNECT: &str = "324200240000830400000001040101";
const HEARTBEAT: &str = "324200020000";
const CLOSE: &str = "324200080000";
const RRS: &str = "11000300040a000064bd03";
const LATE_MS: u64 = 100_000;

pub(super) fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

pub(super) fn repeater(peer: SocketAddr) -> Role {
    Role::Connect {
        peer,
        device_id: 1,
        channel: 1,
    }
}

fn sent(link: &mut Link) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| link.poll_transmit())
        .map(|transmit| transmit.bytes.to_vec())
        .collect()
}

fn events(link: &mut Link) -> Vec<LinkEvent> {
    core::iter::from_fn(|| link.poll_event()).collect()
}

fn up(port: u16) -> LinkEvent {
    LinkEvent::Up {
        peer: Some(addr(port)),
        device_id: Some(1),
        channel: Some(1),
    }
}

fn down(reason: DownReason) -> LinkEvent {
    LinkEvent::Down { reason }
}

fn refused(port: u16, reason: Refusal) -> LinkEvent {
    let from = Some(addr(port));
    LinkEvent::Refused { from, reason }
}

fn received(message: &str, channel: Option<u8>) -> LinkEvent {
    let bytes = hex(message).into();
    LinkEvent::Received { bytes, channel }
}

/// Hands in hex digits from a port; gives back what the link sends.
fn hand(link: &mut Link, now_ms: u64, port: u16, digits: &str) -> Vec<Vec<u8>> {
    link.handle_bytes(now_ms, addr(port), &hex(digits));
    sent(link)
}

/// A listening link to which port 1 has connected, its events polled.
fn listening() -> Link {
    let mut link = Link::new(0, Role::Listen, LinkConfig::default());
    assert_eq!(
        hand(&mut link, 0, 1, CONNECT),
        [hex("324200250000830400000001040101")]
    );
    assert_eq!(events(&mut link), [up(1)]);
    link
}

/// A repeater whose connect port 2 has acknowledged, its events polled.
fn connected() -> Link {
    let mut link = Link::new(0, repeater(addr(2)), LinkConfig::default());
    assert_eq!(sent(&mut link), [hex(CONNECT)]);
    hand(&mut link, 0, 2, "324200250000830400000001040101");
    assert_eq!(events(&mut link), [up(2)]);
    link
}

/// Calls every timeout up to `until_ms`, gives the moments at which something was sent.
fn run(link: &mut Link, until_ms: u64) -> Vec<(u64, Vec<u8>)> {
    let mut log = Vec::new();
    while let Some(at) = link.poll_timeout().filter(|at| *at <= until_ms) {
        link.handle_timeout(at);
        log.extend(sent(link).into_iter().map(|bytes| (at, bytes)));
    }
    log
}

#[test]
fn the_captured_private_message_as_the_server_sees_it() {
    let frames = frames(TRANSCRIPTS);
    let step = |name: &str| named(&frames, name);
    let mut link = Link::new(0, Role::Listen, LinkConfig::default());
    link.handle_bytes(0, addr(1), &step("hstrp.1.connect.bin"));
    let mut ack = step("hstrp.2.ack.bin");
    // Captured: the server's own 1. Ours repeats the connect's 2, as the peer library does.
    ack[5] = 2;
    assert_eq!(sent(&mut link), [ack]);
    assert_eq!(events(&mut link), [up(1)]);

    let message = step("hstrp.private_message_to_1002.1.send.bin");
    link.send(5, 77, message[HEADER..].to_vec().into()).unwrap();
    assert_eq!(sent(&mut link), [message]);
    link.handle_bytes(9, addr(1), &step("hstrp.private_message_to_1002.2.ack.bin"));
    assert_eq!(events(&mut link), [LinkEvent::Sent { token: 77 }]);

    let reply = step("hstrp.private_message_to_1002.3.message_reply.bin");
    link.handle_bytes(20, addr(1), &reply);
    assert_eq!(
        sent(&mut link),
        [step("hstrp.private_message_to_1002.4.ack.bin")]
    );
    let bytes = reply[15..].to_vec().into();
    let channel = Some(1);
    assert_eq!(events(&mut link), [LinkEvent::Received { bytes, channel }]);

    link.handle_bytes(30, addr(1), &step("hstrp.heartbeat.bin"));
    assert_eq!(sent(&mut link), [step("hstrp.heartbeat.bin")]);
}

#[test]
fn the_captured_private_message_as_the_repeater_sees_it() {
    let frames = frames(TRANSCRIPTS);
    let step = |name: &str| named(&frames, name);
    let mut link = Link::new(0, repeater(addr(2)), LinkConfig::default());
    assert_eq!(sent(&mut link), [hex(CONNECT)]);
    // The captured ack has sequence 1, the connect 0 (2 in the capture): matched by its kind.
    link.handle_bytes(1, addr(2), &step("hstrp.2.ack.bin"));
    assert_eq!(events(&mut link), [up(2)]);

    link.handle_bytes(
        5,
        addr(2),
        &step("hstrp.private_message_to_1002.1.send.bin"),
    );
    assert_eq!(
        sent(&mut link),
        [step("hstrp.private_message_to_1002.2.ack.bin")]
    );
    let reply = step("hstrp.private_message_to_1002.3.message_reply.bin");
    link.sequence = 20;
    link.send(6, 3, reply[15..].to_vec().into()).unwrap();
    assert_eq!(sent(&mut link), [reply]);
    events(&mut link);
    link.handle_bytes(7, addr(2), &step("hstrp.private_message_to_1002.4.ack.bin"));
    assert_eq!(events(&mut link), [LinkEvent::Sent { token: 3 }]);
}

#[test]
fn the_captured_connect_of_slot_2_keeps_its_realtime_option() {
    let connect = named(&frames(TRANSCRIPTS), "hstrp.3.connect.bin");
    let mut link = Link::new(0, Role::Listen, LinkConfig::default());
    link.handle_bytes(0, addr(1), &connect);
    assert_eq!(sent(&mut link), [hex("3242002500038304000000018401020100")]);
    let (peer, device_id, channel) = (Some(addr(1)), Some(1), Some(2));
    let up = LinkEvent::Up {
        peer,
        device_id,
        channel,
    };
    assert_eq!(events(&mut link), [up]);
}

#[test]
fn a_message_is_tried_three_times_then_given_up() {
    let mut link = listening();
    assert!(link.ready());
    link.send(1000, 5, hex(RRS).into()).unwrap();
    assert!(!link.ready());
    assert_eq!(link.send(1001, 6, hex(RRS).into()), Err(Busy::Pending));
    let first = sent(&mut link).remove(0);
    assert_eq!(run(&mut link, 3000), [(1400, first.clone()), (1800, first)]);
    let (token, reason) = (5, SendFault::NoAck);
    assert_eq!(events(&mut link), [LinkEvent::SendFailed { token, reason }]);
    // An ack that comes now belongs to nothing; the next message has the next sequence.
    hand(&mut link, 3001, 1, "324200010001");
    assert_eq!((events(&mut link), link.counts().stale), (vec![], 1));
    link.send(3002, 6, hex(RRS).into()).unwrap();
    assert_eq!(sent(&mut link)[0][4..6], [0, 2]);
    hand(&mut link, 3003, 1, "324200100002");
    let (token, reason) = (6, SendFault::Rejected);
    assert_eq!(events(&mut link), [LinkEvent::SendFailed { token, reason }]);
}

#[test]
fn sequence_65535_is_followed_by_0() {
    let mut link = listening();
    link.sequence = 65_534;
    for expected in [65_534u16, 65_535, 0, 1] {
        link.send(1, u64::from(expected), hex(RRS).into()).unwrap();
        let [high, low] = expected.to_be_bytes();
        assert_eq!(sent(&mut link)[0][4..6], [high, low]);
        link.handle_bytes(2, addr(1), &[0x32, 0x42, 0, 1, high, low]);
        let token = u64::from(expected);
        assert_eq!(events(&mut link), [LinkEvent::Sent { token }]);
    }
}

#[test]
fn only_whole_messages_are_sent() {
    let mut link = listening();
    let two = [hex(RRS), hex(RRS)].concat();
    for wrong in [vec![], hex(RRS)[..10].to_vec(), two, vec![0xFF; 9]] {
        assert_eq!(link.send(1, 1, wrong.into()), Err(Busy::Malformed));
    }
    assert!(link.ready());
}

#[test]
fn what_is_sent_again_is_acknowledged_again_and_not_delivered_twice() {
    let mut link = listening();
    let data = "32420020000183040000000104010111000300040a000064bd03";
    let ack = vec![hex("324200210001830400000001040101")];
    assert_eq!(hand(&mut link, 1, 1, data), ack);
    assert_eq!(hand(&mut link, 5000, 1, data), ack);
    assert_eq!(events(&mut link), [received(RRS, Some(1))]);
    assert_eq!(link.counts().repeated, 1);
    // Past the window it is taken for a new one; so is the same message with another sequence.
    assert_eq!(hand(&mut link, 5001, 1, data), ack);
    hand(&mut link, 5002, 1, &data.replacen("0001", "0002", 1));
    let twice = [received(RRS, Some(1)), received(RRS, Some(1))];
    assert_eq!(events(&mut link), twice);
    // Eight others displace it.
    for other in 3..=10 {
        hand(
            &mut link,
            5003,
            1,
            &data.replacen("0001", &std::format!("{other:04x}"), 1),
        );
    }
    hand(&mut link, 5004, 1, data);
    assert_eq!(events(&mut link).len(), 9);
}

#[test]
fn nobody_is_heard_before_a_connect() {
    let mut link = Link::new(0, Role::Listen, LinkConfig::default());
    let data = std::format!("324200000001{RRS}");
    for digits in [
        &data,
        HEARTBEAT,
        CLOSE,
        "324200010001",
        "324200250000830400000001040101",
    ] {
        assert_eq!(hand(&mut link, 1, 1, digits), Vec::<Vec<u8>>::new());
        assert_eq!(events(&mut link), [refused(1, Refusal::NoConnect)]);
    }
    assert_eq!(link.send(1, 1, hex(RRS).into()), Err(Busy::Down));
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn a_connect_from_elsewhere_takes_over() {
    let mut link = listening();
    let data = std::format!("324200000001{RRS}");
    hand(&mut link, 1, 1, &data);
    link.send(2, 9, hex(RRS).into()).unwrap();
    sent(&mut link);
    events(&mut link);
    assert_eq!(hand(&mut link, 3, 7, &data), Vec::<Vec<u8>>::new());
    assert_eq!(events(&mut link), [refused(7, Refusal::Stranger)]);
    hand(&mut link, 4, 7, CONNECT);
    let (token, reason) = (9, SendFault::PeerChanged);
    let failed = LinkEvent::SendFailed { token, reason };
    assert_eq!(events(&mut link), [failed, up(7)]);
    hand(&mut link, 5, 1, &data);
    hand(&mut link, 5, 7, &data);
    assert_eq!(
        events(&mut link),
        [refused(1, Refusal::Stranger), received(RRS, None)]
    );
    assert_eq!(link.peer(), Some(addr(7)));
}

#[test]
fn a_connect_sent_again_is_acknowledged_and_nothing_more() {
    let mut link = listening();
    assert_eq!(hand(&mut link, 4999, 1, CONNECT).len(), 1);
    assert_eq!(events(&mut link), []);
    assert_eq!(hand(&mut link, 5000, 1, CONNECT).len(), 1);
    assert_eq!(events(&mut link), [up(1)]);
}

#[test]
fn ten_heartbeats_without_answer_mark_the_link_down_and_any_traffic_up_again() {
    let mut link = listening();
    let beats = run(&mut link, LATE_MS);
    let expected: Vec<_> = (1..=10).map(|beat| (beat * 6000, hex(HEARTBEAT))).collect();
    assert_eq!(beats, expected);
    assert_eq!(events(&mut link), [down(DownReason::Lost)]);
    assert!(!link.is_up());
    assert_eq!(hand(&mut link, LATE_MS, 1, HEARTBEAT), [hex(HEARTBEAT)]);
    assert_eq!(events(&mut link), [up(1)]);
    assert!(link.ready());
}

#[test]
fn a_lost_repeater_connects_again_every_five_seconds() {
    let mut link = connected();
    let log = run(&mut link, 80_000);
    let connects: Vec<_> = log
        .iter()
        .filter(|(_, bytes)| *bytes == hex(CONNECT))
        .collect();
    let at: Vec<_> = connects.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [66_000, 71_000, 76_000]);
    assert_eq!(events(&mut link), [down(DownReason::Lost)]);
    let data = std::format!("324200000001{RRS}");
    hand(&mut link, 80_001, 2, &data);
    hand(&mut link, 80_002, 2, CONNECT);
    hand(&mut link, 80_003, 2, "324200340000830400000001040101");
    hand(&mut link, 80_004, 2, "324200250001830400000001040101");
    let expected = [
        refused(2, Refusal::NoConnect),
        refused(2, Refusal::Role),
        refused(2, Refusal::ConnectRejected),
        up(2),
    ];
    assert_eq!(events(&mut link), expected);
}

#[test]
fn a_heartbeat_is_the_answer_to_ours_or_gets_one_but_not_for_a_double() {
    let mut link = listening();
    assert_eq!(run(&mut link, 6000).len(), 1);
    assert_eq!(hand(&mut link, 6010, 1, HEARTBEAT).len(), 0, "the answer");
    assert_eq!(
        hand(&mut link, 6011, 1, HEARTBEAT).len(),
        1,
        "the peer's own"
    );
    assert_eq!(hand(&mut link, 6012, 1, HEARTBEAT).len(), 0, "its double");
    assert_eq!(
        hand(&mut link, 9011, 1, HEARTBEAT).len(),
        1,
        "half a period later"
    );
    assert_eq!(run(&mut link, 15_011), [(15_011, hex(HEARTBEAT))]);
}

#[test]
fn a_close_from_the_peer_is_acknowledged_however_often_it_comes() {
    let mut link = listening();
    link.send(1, 4, hex(RRS).into()).unwrap();
    sent(&mut link);
    assert_eq!(hand(&mut link, 2, 1, CLOSE), [hex("324200090000")]);
    assert_eq!(hand(&mut link, 3, 1, CLOSE), [hex("324200090000")]);
    let (token, reason) = (4, SendFault::LinkDown);
    let failed = LinkEvent::SendFailed { token, reason };
    assert_eq!(events(&mut link), [failed, down(DownReason::PeerClosed)]);
    assert_eq!((link.poll_timeout(), link.is_closed()), (None, false));
    hand(&mut link, 4, 1, &CONNECT.replacen("0000", "0001", 1));
    assert_eq!(events(&mut link), [up(1)]);

    let mut link = connected();
    hand(&mut link, 2, 2, CLOSE);
    assert_eq!(run(&mut link, 5002), [(5002, hex(CONNECT))]);
}

#[test]
fn our_close_is_tried_three_times_and_stays() {
    let mut link = listening();
    link.send(1, 4, hex(RRS).into()).unwrap();
    sent(&mut link);
    link.close(1000);
    link.close(1001);
    assert_eq!(sent(&mut link), [hex(CLOSE)]);
    let (token, reason) = (4, SendFault::Closed);
    assert_eq!(events(&mut link), [LinkEvent::SendFailed { token, reason }]);
    let again = [(1400, hex(CLOSE)), (1800, hex(CLOSE))];
    assert_eq!(run(&mut link, LATE_MS), again);
    assert_eq!(events(&mut link), [down(DownReason::Closed)]);
    assert!(link.is_closed());
    hand(&mut link, LATE_MS, 1, CONNECT);
    assert_eq!(events(&mut link), [refused(1, Refusal::Closed)]);

    let mut link = connected();
    link.close(10);
    sent(&mut link);
    hand(&mut link, 11, 2, "324200090000");
    assert_eq!(
        (events(&mut link), link.poll_timeout()),
        (vec![down(DownReason::Closed)], None)
    );
    let mut link = Link::new(0, Role::Listen, LinkConfig::default());
    link.close(1);
    assert_eq!(events(&mut link), [down(DownReason::Closed)]);
}

#[test]
fn messages_that_do_not_fit_are_not_acknowledged_until_they_do() {
    let mut link = listening();
    let data = |sequence: usize| std::format!("32420000{sequence:04x}{}", RRS.repeat(MAX_MESSAGES));
    for sequence in 0..MAX_RECEIVED / MAX_MESSAGES {
        assert_eq!(hand(&mut link, 1, 1, &data(sequence)).len(), 1);
    }
    assert_eq!(hand(&mut link, 2, 1, &data(99)).len(), 0);
    assert_eq!(link.counts().unread, 1);
    assert_eq!(events(&mut link).len(), MAX_RECEIVED);
    assert_eq!(hand(&mut link, 3, 1, &data(99)).len(), 1);
    assert_eq!(events(&mut link).len(), MAX_MESSAGES);
}

#[test]
fn verdicts_that_wait_stop_sending_and_strangers_displace_only_strangers() {
    let mut link = listening();
    for sequence in 1..=MAX_VERDICTS {
        link.send(1, 0, hex(RRS).into()).unwrap();
        hand(&mut link, 1, 1, &std::format!("32420001{sequence:04x}"));
    }
    assert_eq!(link.send(1, 0, hex(RRS).into()), Err(Busy::Unpolled));
    for port in 100..100 + 2 * 16 {
        hand(&mut link, 2, port, HEARTBEAT);
    }
    for port in 200..200 + 2 * 16 {
        hand(&mut link, 3, port, CONNECT);
    }
    let all = events(&mut link);
    let sent = all
        .iter()
        .filter(|event| matches!(event, LinkEvent::Sent { .. }));
    assert_eq!(
        (sent.count(), all.len()),
        (MAX_VERDICTS, MAX_EVENTS - MAX_RECEIVED)
    );
    assert_eq!(all.last(), Some(&up(231)));
    assert!(all.contains(&refused(131, Refusal::Stranger)));
}

#[test]
fn datagrams_beyond_the_cap_are_dropped_and_counted() {
    let mut link = listening();
    for _ in 0..MAX_TRANSMITS + 3 {
        link.handle_bytes(1, addr(1), &hex(CONNECT));
    }
    assert_eq!(
        (sent(&mut link).len(), link.counts().dropped),
        (MAX_TRANSMITS, 3)
    );
}

/// What became of one message whose first datagram, or that one's ack, was damaged.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    received: Vec<LinkEvent>,
    tries: usize,
}

/// Sends one message from a repeater to a server. `damage` is done to its first datagram or, if
/// `on_ack`, to the first ack. Whatever happens, it must end in one `Sent`, both ends up.
fn through_a_pair(message: &str, on_ack: bool, damage: (usize, u8)) -> Outcome {
    let flip = |mut bytes: Vec<u8>| {
        bytes[damage.0] ^= 1 << damage.1;
        bytes
    };
    let (mut client, mut server) = (connected(), listening());
    client.send(10, 1, hex(message).into()).unwrap();
    let (mut at, mut tries, mut verdicts, mut received) = (10, 0, vec![], vec![]);
    while verdicts.is_empty() {
        for datagram in sent(&mut client) {
            tries += 1;
            let first = tries == 1;
            let datagram = if first && !on_ack {
                flip(datagram)
            } else {
                datagram
            };
            server.handle_bytes(at, addr(1), &datagram);
            for ack in sent(&mut server) {
                let ack = if first && on_ack { flip(ack) } else { ack };
                client.handle_bytes(at, addr(2), &ack);
            }
        }
        let heard = |event: &LinkEvent| !matches!(event, LinkEvent::Refused { .. });
        verdicts.extend(events(&mut client).into_iter().filter(heard));
        received.extend(events(&mut server).into_iter().filter(heard));
        at = client.poll_timeout().unwrap();
        client.handle_timeout(at);
    }
    assert_eq!(verdicts, [LinkEvent::Sent { token: 1 }], "{damage:?}");
    assert!(client.is_up() && server.is_up(), "{damage:?}");
    Outcome { received, tries }
}

/// The bits of a datagram that no checksum of this protocol covers, by name, and the worst each
/// does when flipped. (The checksum of UDP covers them all, where it is switched on.)
#[test]
fn a_flipped_bit_no_checksum_covers_does_no_more_than_this() {
    let once = |channel| vec![received(RRS, channel)];
    for at in 0..16 {
        for bit in 0..8 {
            let outcome = through_a_pair(RRS, false, (at, bit));
            let (expected, tries) = match (at, bit) {
                // Magic, version, reserved and kind bits: refused, sent again.
                (0..=3, _) => (once(Some(1)), 2),
                // Sequence: taken, acknowledged as another, sent again and taken again. The one
                // flip that delivers twice; the services above know a message by its request id.
                (4 | 5, _) => ([once(Some(1)), once(Some(1))].concat(), 2),
                // The device option ends the chain, or has another length: refused, sent again.
                (6, 7) | (7, _) => (once(Some(1)), 2),
                // Another option in its place, another device: taken, nothing of it is used.
                (6 | 8..=11, _) => (once(Some(1)), 1),
                // The channel option goes on, or has another length: refused, sent again.
                (12, 7) | (13, _) => (once(Some(1)), 2),
                // Another option in its place: taken without a channel.
                (12, _) => (once(None), 1),
                // Channel: taken with the wrong one.
                (14, _) => (once(Some(1 ^ (1 << bit))), 1),
                // HDAP reliable flag, then service: taken as marked, or as another service with
                // the same opcode where there is one (RRS 0x11 and DTP 0x13).
                (_, 7) => (vec![received(&RRS.replacen("11", "91", 1), Some(1))], 1),
                (_, 1) => (vec![received(&RRS.replacen("11", "13", 1), Some(1))], 1),
                (_, _) => (once(Some(1)), 2),
            };
            let received = expected;
            assert_eq!(
                outcome,
                Outcome { received, tries },
                "bit {bit} of byte {at}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_in_an_ack_costs_one_more_try() {
    for at in 0..15 {
        for bit in 0..8 {
            let Outcome {
                received: got,
                tries,
            } = through_a_pair(RRS, true, (at, bit));
            assert_eq!(got, [received(RRS, Some(1))], "bit {bit} of byte {at}");
            // Options of an ack are not read, as long as they are options.
            let options = matches!((at, bit), (6 | 12, 0..7) | (8..=11 | 14, _));
            assert_eq!(tries, if options { 1 } else { 2 }, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_connect_is_mended_by_the_next_one() {
    for (at, bit, flipped) in flips(&hex(CONNECT), 0..15) {
        let mut server = Link::new(0, Role::Listen, LinkConfig::default());
        server.handle_bytes(0, addr(1), &flipped);
        // Sequence, device and channel may be taken wrong; everything else is refused.
        let misread = matches!((at, bit), (4 | 5 | 8..=11 | 14, _) | (6 | 12, 0..7));
        assert_eq!(server.is_up(), misread, "bit {bit} of byte {at}");
        let acks = usize::from(misread);
        assert_eq!(sent(&mut server).len(), acks);
        events(&mut server);
        hand(&mut server, 5000, 1, CONNECT);
        assert_eq!(events(&mut server), [up(1)]);
    }
}

#[test]
fn a_flipped_service_bit_gives_a_known_service_with_its_byte_order_or_nothing() {
    use Service::{Dds, Dtp, Lp, Rcp, Rrs, Tmp, Tp};
    let mut taken = Vec::new();
    for service in [Rcp, Lp, Tmp, Rrs, Tp, Dtp, Dds] {
        for payload in [&[][..], &[1, 2, 3, 4]] {
            let message = Hdap {
                service,
                reliable: false,
                opcode: 0x1234,
                payload,
            };
            let mut bytes = Vec::new();
            message.emit(&mut bytes);
            for (_, bit, flipped) in flips(&bytes, 0..1) {
                match Hdap::parse(&flipped) {
                    Ok(Parsed::Complete(read, _)) if bit == 7 => {
                        let reliable = true;
                        assert_eq!(
                            read,
                            Hdap {
                                reliable,
                                ..message
                            }
                        );
                    }
                    Ok(Parsed::Complete(read, _)) => {
                        assert_eq!(read.payload, payload);
                        taken.push((service, read.service, payload.len(), read.opcode));
                    }
                    // A length read in the other order waits for bytes that no datagram has.
                    Ok(Parsed::Incomplete(_)) => {
                        assert!(matches!((service, payload.len()), (Rcp | Tp, 4)));
                    }
                    Err(_) => assert_ne!(bit, 7),
                }
            }
        }
    }
    let same = |from, to| [(from, to, 0, 0x1234), (from, to, 4, 0x1234)];
    let pairs = [
        (Lp, Tmp),
        (Tmp, Lp),
        (Rrs, Dtp),
        (Tp, Dtp),
        (Dtp, Rrs),
        (Dtp, Tp),
    ];
    let mut expected: Vec<_> = pairs.iter().flat_map(|(a, b)| same(*a, *b)).collect();
    // RCP reads its numbers the other way round.
    expected.extend([(Rcp, Tp, 0, 0x3412), (Tp, Rcp, 0, 0x3412)]);
    expected.sort();
    taken.sort();
    assert_eq!(taken, expected);
}

/// One thing done to a link.
#[derive(Debug, Clone)]
enum Op {
    Bytes(u16, Vec<u8>),
    Wait(u64),
    Send(Vec<u8>),
    Close,
    Poll,
}

fn some_datagram() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![8 => 0u8..0x40, 1 => any::<u8>()];
    let options = prop_oneof![
        Just(vec![]),
        Just(hex("830400000001040101")),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    let messages = prop_oneof![Just(0usize), Just(1), Just(5), Just(MAX_MESSAGES)];
    let built =
        (kind, 0u16..5, options, messages).prop_map(|(kind, sequence, options, messages)| {
            let head = [
                &[0x32, 0x42, 0, kind],
                &sequence.to_be_bytes()[..],
                &options,
            ]
            .concat();
            [head, hex(RRS).repeat(messages)].concat()
        });
    let noise = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![6 => built, 1 => Just(hex(CONNECT)), 1 => noise]
}

fn some_op() -> impl Strategy<Value = Op> {
    let message = prop_oneof![4 => Just(hex(RRS)), 1 => any::<Vec<u8>>()];
    prop_oneof![
        60 => (1u16..4, some_datagram()).prop_map(|(port, bytes)| Op::Bytes(port, bytes)),
        15 => (0u64..8000).prop_map(Op::Wait),
        15 => message.prop_map(Op::Send),
        1 => Just(Op::Close),
        9 => Just(Op::Poll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_queues_stay_bounded_and_each_token_ends_once(
        ops in proptest::collection::vec(some_op(), 0..200),
        connects: bool,
        resumes: bool,
    ) {
        let role = if connects { repeater(addr(2)) } else { Role::Listen };
        let mut link = Link::new(0, role, LinkConfig::default());
        if resumes {
            link.resume(addr(1), None, None, 65_535);
        }
        let (mut now_ms, mut tokens, mut all) = (0, 0, vec![]);
        for op in ops {
            match op {
                Op::Bytes(port, bytes) => link.handle_bytes(now_ms, addr(port), &bytes),
                Op::Wait(ms) => now_ms += ms,
                Op::Send(message) => {
                    let ready = link.ready();
                    let taken = link.send(now_ms, tokens, message.into());
                    prop_assert_eq!(ready, matches!(taken, Ok(()) | Err(Busy::Malformed)));
                    tokens += u64::from(taken.is_ok());
                }
                Op::Close => link.close(now_ms),
                Op::Poll => {
                    sent(&mut link);
                    all.extend(events(&mut link));
                }
            }
            link.handle_timeout(now_ms);
            prop_assert!(link.transmits.len() <= MAX_TRANSMITS);
            prop_assert!(link.events.len() <= MAX_EVENTS);
            prop_assert!(link.poll_timeout().is_none_or(|at| at > now_ms));
        }
        link.close(now_ms);
        run(&mut link, now_ms + LATE_MS);
        all.extend(events(&mut link));
        prop_assert!(link.is_closed());
        let closed = all.iter().filter(|event| **event == down(DownReason::Closed));
        prop_assert_eq!(closed.count(), 1);
        let ended: Vec<_> = all.iter().filter_map(|event| match event {
            LinkEvent::Sent { token } | LinkEvent::SendFailed { token, .. } => Some(*token),
            _ => None,
        }).collect();
        prop_assert_eq!(ended, (0..tokens).collect::<Vec<_>>());
    }
}
