//! The link to a terminal on a virtual clock: its dialogue in lines, and a scripted terminal behind a
//! line that loses, garbles and cuts.

extern crate std;

use super::*;
use crate::capture::frames;
use crate::gps::Gps;
use crate::lp::Lp;
use crate::message::Message;
use crate::pei::Coding;
use crate::pei::line::{Data, Party, Reader, Said, Service};
use crate::pei::sds::{self, Body as SdsBody, Coded, Delivery, Sds, Transfer, Wanted};
use crate::radio_ip::RadioIp;
use crate::rrs::Rrs;
use crate::text::Text;
use crate::tmp::{Body, Tmp, TmpResult};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SETUP: &str = "+CTSDS=12,0,0,0,1";
const OK: &[u8] = b"\r\nOK\r\n";

fn opened() -> PeiLink {
    let mut link = PeiLink::new(SerialConfig::default(), vec![SETUP.into()]);
    link.opened(0);
    link
}

fn up() -> PeiLink {
    let mut link = opened();
    link.handle_bytes(0, OK);
    link.handle_bytes(0, OK);
    assert!(link.ready());
    written(&mut link);
    events(&mut link);
    link
}

fn written(link: &mut PeiLink) -> Vec<u8> {
    core::iter::from_fn(|| link.poll_transmit())
        .flatten()
        .collect()
}

fn events(link: &mut PeiLink) -> Vec<LinkEvent> {
    core::iter::from_fn(|| link.poll_event()).collect()
}

fn tmp(request_id: u32, body: Body<'_>) -> Bytes {
    let option = None;
    let flag = true;
    Message::Tmp(Tmp {
        flag,
        request_id,
        body,
        option,
    })
    .to_bytes(false)
}

fn text(request_id: u32, to: u32, words: &str) -> Bytes {
    let body = Body::Private {
        destination: RadioIp::terminal(to).unwrap(),
        source: RadioIp::terminal(1).unwrap(),
        text: Text::new(words),
    };
    tmp(request_id, body)
}

fn received(service: Service, from: u32, octets: Vec<u8>) -> Vec<u8> {
    Said::Received {
        service,
        from: Some(Party::own(from)),
        to: Party::own(1),
        data: Data::of(octets),
    }
    .to_bytes()
}

/// The service messages told, taken apart in words.
fn told(link: &mut PeiLink) -> Vec<String> {
    use alloc::string::ToString;
    let messages = events(link).into_iter().filter_map(|event| match event {
        LinkEvent::Received { bytes, .. } => Some(bytes),
        _ => None,
    });
    let words = messages.map(|bytes| {
        let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(&bytes) else {
            panic!("no service message");
        };
        Message::from_hdap(&hdap).unwrap().to_string()
    });
    words.collect()
}

fn report(reference: u8, status: u8, wants_ack: bool) -> Vec<u8> {
    let (protocol, forward, rest) = (sds::TEXT, None, &[][..]);
    let status = Delivery(status);
    Sds::Report {
        protocol,
        wants_ack,
        status,
        reference,
        forward,
        rest,
    }
    .to_bytes()
}

#[test]
fn the_set_up_is_said_one_command_at_a_time() {
    let mut link = opened();
    assert_eq!(written(&mut link), b"AT\r\n");
    assert!(events(&mut link).is_empty());
    link.handle_bytes(5, b"AT\r\n\r\nOK");
    assert_eq!(written(&mut link), b"");
    link.handle_bytes(6, b"\r\n");
    assert_eq!(written(&mut link), b"AT+CTSDS=12,0,0,0,1\r\n");
    assert!(!link.is_up());
    // A command this terminal does not know is passed over.
    link.handle_bytes(7, b"\r\n+CME ERROR: 4\r\n");
    let events = events(&mut link);
    assert!(matches!(
        events.as_slice(),
        [LinkEvent::Refused { .. }, LinkEvent::Up { .. }]
    ));
    assert!(link.ready());
}

#[test]
fn a_text_goes_out_and_its_report_comes_back_as_its_ack() {
    let mut link = up();
    link.send(10, 7, &text(99, 2_345_678, "testmessage"))
        .unwrap();
    let line = b"AT+CMGS=2345678,120\r\n82060101746573746D657373616765\x1A";
    assert_eq!(written(&mut link), line);
    assert_eq!(link.send(11, 8, &text(100, 1, "x")), Err(Busy::Pending));
    link.handle_bytes(20, b"\r\n+CMGS: 0,3,1\r\n\r\nOK\r\n");
    assert_eq!(events(&mut link), [LinkEvent::Sent { token: 7 }]);
    // Of somebody else, then kept by the network: neither ends it.
    link.handle_bytes(30, &received(Service::DATA, 5, report(1, 0, false)));
    link.handle_bytes(
        30,
        &received(Service::DATA, 2_345_678, report(1, 0x22, false)),
    );
    assert_eq!(told(&mut link).len(), 2, "two registrations");
    link.handle_bytes(40, &received(Service::DATA, 2_345_678, report(1, 0, true)));
    let ack = tmp(
        99,
        Body::PrivateAck {
            destination: RadioIp::terminal(2_345_678).unwrap(),
            source: RadioIp { subnet: 0, id: 1 },
            result: TmpResult::OK,
        },
    );
    let [LinkEvent::Received { bytes, .. }] = &events(&mut link)[..] else {
        panic!("no ack");
    };
    let payload = 3..ack.len() - 2;
    assert_eq!(bytes[payload.clone()], ack[payload], "but for the flag");
    // The report wanted an ack.
    assert_eq!(written(&mut link), b"AT+CMGS=2345678,32\r\n82200101\x1A");
    link.handle_bytes(50, OK);
    // The same report again ends nothing.
    link.handle_bytes(60, &received(Service::DATA, 2_345_678, report(1, 0, false)));
    assert!(told(&mut link).is_empty());
}

#[test]
fn chinese_is_cut_to_what_fits_and_nothing_else_is_sent() {
    let mut link = up();
    link.send(0, 1, &text(1, 5, &"警".repeat(200))).unwrap();
    let line = written(&mut link);
    let Some(Ok(Said::Send { data, .. })) = Reader::default().read(&mut line.as_slice()) else {
        panic!("no command");
    };
    assert_eq!(data.octets.len(), 4 + 125 * 2);
    assert_eq!(data.octets[3], Coding::UTF16.0);
    link.handle_bytes(1, OK);
    let radio = RadioIp::terminal(5).unwrap();
    let asked = Message::Lp(Lp::Request {
        request_id: 1,
        radio,
        extra: None,
    });
    assert_eq!(
        link.send(2, 2, &asked.to_bytes(false)),
        Err(Busy::Malformed)
    );
    assert_eq!(link.send(2, 2, b"nonsense"), Err(Busy::Malformed));
}

#[test]
fn what_terminals_say_by_themselves() {
    let mut link = up();
    let lip =
        crate::capture::bytes_of(&frames(include_str!("../../../fixtures/radio/lip.json"))[1]);
    let simple = Sds::Text {
        immediate: false,
        text: Coded {
            coding: Coding::LATIN1,
            stamp: None,
            octets: b"1",
        },
    };
    for (service, octets, words) in [
        (Service::DATA, simple.to_bytes(), "text 1 from 77"),
        (Service::STATUS, vec![0x80, 4], "text 2 from 77"),
        (Service::DATA, lip, "44.9386"),
        (Service::STATUS, vec![0, 0], "emergency"),
    ] {
        link.handle_bytes(0, &received(service, 77, octets));
        let told = told(&mut link);
        assert!(
            told.last().is_some_and(|last| last.contains(words)),
            "{words}: {told:?}"
        );
    }
    assert_eq!(link.counts().refused, 0);
    link.handle_bytes(0, &received(Service(9), 77, vec![1]));
    link.handle_bytes(0, &received(Service::DATA, 0x0100_0000, vec![0x80, 4, 1]));
    assert_eq!(link.counts().refused, 2);
}

#[test]
fn a_place_sent_for_an_emergency_is_one() {
    let beacon =
        crate::capture::bytes_of(&frames(include_str!("../../../fixtures/radio/lip.json"))[0]);
    let mut link = up();
    link.handle_bytes(0, &received(Service::DATA, 77, beacon));
    let messages = events(&mut link);
    let [_, LinkEvent::Received { bytes, .. }] = &messages[..] else {
        panic!("{messages:?}");
    };
    let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(bytes) else {
        panic!("{bytes:?}");
    };
    let Ok(Message::Lp(Lp::Emergency { gps, .. })) = Message::from_hdap(&hdap) else {
        panic!("{hdap:?}");
    };
    assert!(gps.read().unwrap_or(Gps::NONE).place().is_some());
}

#[test]
fn a_text_that_wants_a_report_gets_one_when_it_is_acked() {
    let mut link = up();
    let transfer = Sds::Transfer(Transfer {
        protocol: sds::TEXT,
        wanted: Wanted::RECEIPT,
        full_report: true,
        reference: 42,
        forward: None,
        body: SdsBody::Text(Coded {
            coding: Coding::UTF16,
            stamp: None,
            octets: &Coding::UTF16.write("收到"),
        }),
    });
    let line = received(Service::DATA, 77, transfer.to_bytes());
    link.handle_bytes(0, &line);
    link.handle_bytes(1, &line);
    let told: Vec<_> = events(&mut link);
    let [registration, first, again] = told.as_slice() else {
        panic!("{told:?}");
    };
    let registered = Message::Rrs(Rrs::Registration(RadioIp::terminal(77).unwrap()));
    let bytes = registered.to_bytes(false);
    let channel = None;
    assert_eq!(*registration, LinkEvent::Received { bytes, channel });
    assert_eq!(first, again, "sent again under the same number");
    let ack = Body::PrivateAck {
        destination: RadioIp::terminal(1).unwrap(),
        source: RadioIp::terminal(77).unwrap(),
        result: TmpResult::OK,
    };
    link.send(2, 5, &tmp(1, ack)).unwrap();
    assert_eq!(written(&mut link), b"AT+CMGS=77,32\r\n8210002A\x1A");
    link.handle_bytes(3, OK);
    assert_eq!(
        link.send(4, 6, &tmp(1, ack)),
        Err(Busy::Malformed),
        "nothing is owed"
    );
}

#[test]
fn errors_that_may_pass_are_tried_again_and_others_end_a_message() {
    for (answer, tries) in [(&b"\r\n+CME ERROR: 35\r\n"[..], 1), (b"\r\nERROR\r\n", 3)] {
        let mut link = up();
        link.send(0, 7, &text(1, 5, "x")).unwrap();
        let mut said = 0;
        while let Some(at) = link.poll_timeout().filter(|_| link.flight_is_there()) {
            said += u32::from(!written(&mut link).is_empty());
            link.handle_bytes(at - 1, answer);
            link.handle_timeout(at);
        }
        assert_eq!(said, tries);
        let failed = LinkEvent::SendFailed {
            token: 7,
            reason: SendFault::Rejected,
        };
        assert_eq!(events(&mut link), [failed]);
        assert!(link.is_up());
    }
}

#[test]
fn silence_ends_a_message_and_the_link_is_set_up_anew() {
    let mut link = up();
    link.send(0, 7, &text(1, 5, "x")).unwrap();
    for at in [1000, 2000, 3000] {
        assert_eq!(link.poll_timeout(), Some(at));
        link.handle_timeout(at);
    }
    let (token, reason) = (7, SendFault::NoAck);
    let failed = LinkEvent::SendFailed { token, reason };
    let down = LinkEvent::Down {
        reason: DownReason::Lost,
    };
    assert_eq!(events(&mut link), [failed, down]);
    assert_eq!(link.send(3001, 8, &text(1, 5, "x")), Err(Busy::Down));
    written(&mut link);
    link.handle_timeout(8000);
    assert_eq!(written(&mut link), b"AT\r\n");
}

#[test]
fn a_late_answer_is_not_the_next_commands() {
    let mut link = up();
    link.send(0, 7, &text(1, 5, "x")).unwrap();
    link.handle_timeout(1000);
    assert_eq!(link.counts().resent, 1);
    link.handle_bytes(1010, OK);
    assert!(!link.ready(), "the other OK may be on its way");
    link.handle_bytes(1100, OK);
    assert_eq!(link.counts().stale, 1);
    link.handle_timeout(1010 + GAP_MS);
    assert!(link.ready());
    assert_eq!(events(&mut link), [LinkEvent::Sent { token: 7 }]);
}

#[test]
fn a_quiet_line_is_asked_and_a_lost_port_told() {
    let mut link = up();
    link.handle_timeout(60_000);
    assert_eq!(written(&mut link), b"AT\r\n");
    link.handle_bytes(60_010, OK);
    assert!(link.ready() && events(&mut link).is_empty());
    link.lost();
    assert!(matches!(events(&mut link)[..], [LinkEvent::Down { .. }]));
    assert_eq!(link.poll_timeout(), None);
    link.handle_bytes(60_020, OK);
    link.opened(60_030);
    assert_eq!(written(&mut link), b"AT\r\n");
    link.close(60_040);
    link.opened(60_050);
    assert_eq!((written(&mut link), link.is_up()), (vec![], false));
}

/// A terminal that answers every command, and reports on every text it was given.
#[derive(Default)]
struct Scripted {
    reader: Reader,
    /// Times each text came, by its reference.
    took: BTreeMap<u8, u32>,
}

impl Scripted {
    fn take(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(said) = self.reader.read(&mut bytes) {
            match said {
                Ok(Said::Command(_)) => out.extend_from_slice(OK),
                Ok(Said::Send { to, data }) => match Sds::parse(&data.octets) {
                    Ok(Sds::Transfer(transfer)) => {
                        *self.took.entry(transfer.reference).or_default() += 1;
                        out.extend_from_slice(b"\r\n+CMGS: 0\r\n\r\nOK\r\n");
                        let report = report(transfer.reference, 0, true);
                        out.extend(received(Service::DATA, to.number, report));
                    }
                    Ok(_) => out.extend_from_slice(OK),
                    Err(_) => out.extend_from_slice(b"\r\n+CME ERROR: 34\r\n"),
                },
                Ok(_) => {}
                Err(_) => out.extend_from_slice(b"\r\nERROR\r\n"),
            }
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every text ends once, queues stay bounded, and after the noise all are delivered.
    #[test]
    fn over_a_lossy_line(harm in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..60)) {
        let mut link = opened();
        let mut radio = Scripted::default();
        let mut harm = harm.into_iter();
        let mut spoil = |mut bytes: Vec<u8>| {
            let Some((kind, at)) = harm.next().filter(|_| !bytes.is_empty()) else {
                return bytes;
            };
            let at = usize::from(at) % bytes.len();
            match kind % 4 {
                0 => bytes.clear(),
                1 => bytes[at] ^= 1 << (kind / 4 % 8),
                2 => bytes.truncate(at),
                _ => {}
            }
            bytes
        };
        let (mut now, mut token, mut ended) = (0, 0, Vec::new());
        let mut to_link = Vec::new();
        for _ in 0..2_000 {
            if link.ready() && token < 20 {
                token += 1;
                link.send(now, token, &text(token as u32, 5, "x")).unwrap();
            }
            let to_radio = spoil(written(&mut link));
            to_link.extend(spoil(radio.take(&to_radio)));
            now += 5;
            link.handle_bytes(now, &core::mem::take(&mut to_link));
            let (answers, transmits, waiting) = link.waiting();
            prop_assert!(answers <= 16 && transmits <= MAX_TRANSMITS && waiting <= MAX_EVENTS);
            for event in events(&mut link) {
                match event {
                    LinkEvent::Sent { token } | LinkEvent::SendFailed { token, .. } => ended.push(token),
                    _ => {}
                }
            }
            if let Some(at) = link.poll_timeout().filter(|_| !link.ready()) {
                now = now.max(at);
                link.handle_timeout(now);
            }
        }
        prop_assert_eq!(ended, (1..=20).collect::<Vec<u64>>());
        prop_assert!(link.ready());
        // Once the line is quiet again texts come through.
        link.send(now, 21, &text(21, 5, "x")).unwrap();
        let said = radio.take(&written(&mut link));
        link.handle_bytes(now, &said);
        let sent = LinkEvent::Sent { token: 21 };
        prop_assert!(events(&mut link).contains(&sent));
    }
}
