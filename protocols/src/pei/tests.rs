//! Lines and short data against the public vectors, and against noise.

use super::line::{Data, Fault, FaultKind, MAX_LINE, Party, Reader, Receipt, Said, Service};
use super::sds::{Body, Coded, Delivery, Forward, ForwardTo, Sds, ShortOutcome, Stamp, Status};
use super::sds::{Transfer, Wanted};
use super::{Coding, sds};
use crate::capture::{bytes_of, flips, frames, named};
use crate::error::DecodeError;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;
use serde_json::Value;

const FIXTURE: &str = include_str!("../../../fixtures/radio/tetra_pei_sds.json");

fn vectors() -> Vec<Value> {
    let vectors = frames(FIXTURE);
    assert_eq!(vectors.len(), 13);
    vectors
}

fn octets(name: &str) -> Vec<u8> {
    named(&vectors(), name)
}

/// All that is said in some bytes.
fn said(bytes: &[u8]) -> Vec<Result<Said, DecodeError>> {
    read_by(&mut Reader::default(), bytes)
}

fn read_by(reader: &mut Reader, mut bytes: &[u8]) -> Vec<Result<Said, DecodeError>> {
    core::iter::from_fn(|| reader.read(&mut bytes)).collect()
}

fn received(header: &str, hex: &str) -> Vec<u8> {
    format!("\r\n{header}\r\n{}\r\n", hex.to_uppercase()).into_bytes()
}

fn text(words: &str) -> Coded<'_> {
    Coded {
        coding: Coding::LATIN1,
        stamp: None,
        octets: words.as_bytes(),
    }
}

#[test]
fn every_recorded_line_both_ways() {
    let mut read = 0;
    for vector in vectors() {
        let Some(header) = vector["header"].as_str() else {
            continue;
        };
        let line = received(header, vector["hex"].as_str().unwrap());
        let said = said(&line);
        let [Ok(said)] = said.as_slice() else {
            panic!("{vector}: {said:?}");
        };
        assert_eq!(said.to_string(), header);
        assert_eq!(said.to_bytes(), line);
        let Said::Received {
            service,
            from,
            to,
            data,
        } = said
        else {
            panic!("{said:?}");
        };
        assert_eq!(
            (*from, *to),
            (Some(Party::own(1_234_567)), Party::own(2_345_678))
        );
        assert_eq!(data.octets, bytes_of(&vector));
        let parsed = match *service {
            Service::STATUS => Sds::parse_status(&data.octets),
            _ => Sds::parse(&data.octets),
        };
        assert_eq!(parsed.unwrap().to_bytes(), data.octets, "{vector}");
        read += 1;
    }
    assert_eq!(read, 12);
}

#[test]
fn what_the_recorded_messages_say() {
    let stamp = Stamp {
        frame: 0,
        month: 4,
        day: 11,
        hour: 10,
        minute: 15,
    };
    let transfer = |reference, forward, text| {
        Sds::Transfer(Transfer {
            protocol: sds::TEXT,
            wanted: Wanted::NONE,
            full_report: true,
            reference,
            forward,
            body: Body::Text(text),
        })
    };
    let stamped = |words| Coded {
        stamp: Some(stamp),
        ..text(words)
    };
    let part = |reference, number| {
        Sds::Transfer(Transfer {
            protocol: sds::PARTS,
            wanted: Wanted::NONE,
            full_report: true,
            reference,
            forward: None,
            body: Body::Part {
                reference: 0xC9,
                parts: 2,
                number,
                text: stamped("testmessage"),
            },
        })
    };
    let report = |wants_ack, reference| Sds::Report {
        protocol: sds::TEXT,
        wants_ack,
        status: Delivery::RECEIVED,
        reference,
        forward: None,
        rest: &[],
    };
    let forward = Forward {
        validity: 10,
        to: ForwardTo::Subscriber(0x01_0203),
    };
    for (name, expected) in [
        (
            "simple text",
            Sds::Text {
                immediate: false,
                text: text("testmessage"),
            },
        ),
        (
            "simple immediate text",
            Sds::Text {
                immediate: true,
                text: text("testmessage"),
            },
        ),
        (
            "SDS-TRANSFER text",
            transfer(156, None, text("testmessage")),
        ),
        (
            "SDS-TRANSFER with store/forward",
            transfer(156, Some(forward), text("testmessage")),
        ),
        (
            "SDS-TRANSFER with timestamp",
            transfer(156, None, stamped("testmessage")),
        ),
        ("concatenated 1 of 2", part(0xC9, 1)),
        ("concatenated 2 of 2", part(0xCA, 2)),
        ("SDS-REPORT", report(false, 201)),
        ("SDS-REPORT ack required", report(true, 202)),
        (
            "SDS-ACK",
            Sds::Ack {
                protocol: sds::TEXT,
                status: Delivery::RECEIVED_ACK,
                reference: 201,
            },
        ),
    ] {
        assert_eq!(Sds::parse(&octets(name)), Ok(expected), "{name}");
    }
    let wanted = octets("encode SDS-TRANSFER delivery report requested");
    let Ok(Sds::Transfer(transfer)) = Sds::parse(&wanted) else {
        panic!("no transfer");
    };
    assert!(transfer.wanted.receipt());
    assert_eq!(Sds::Transfer(transfer).to_bytes(), wanted);
    assert_eq!(wanted.len() * 8, 144);
}

/// The vector's own project writes 7C where it reads 7A; 7A.. is a status here.
#[test]
fn short_reports_begin_with_7c() {
    assert_eq!(
        Sds::parse_status(&octets("SDS-SHORT-REPORT")),
        Ok(Sds::Status(Status(0x7ACA)))
    );
    for (first, is_ok) in [(0x7C, false), (0x7D, false), (0x7E, true), (0x7F, true)] {
        let octets = [first, 202];
        let short = Sds::parse_status(&octets).unwrap();
        let outcome = ShortOutcome(first & 3);
        assert_eq!(outcome.is_ok(), is_ok);
        let reference = 202;
        assert_eq!(short, Sds::ShortReport { outcome, reference });
        assert_eq!(short.to_bytes(), octets);
    }
    assert_eq!(
        Sds::parse_status(&octets("status")),
        Ok(Sds::Status(Status(0x8004)))
    );
    assert_eq!(
        Sds::parse_status(&[0, 0]),
        Ok(Sds::Status(Status::EMERGENCY))
    );
}

#[test]
fn answers_and_commands_both_ways() {
    let receipt = |instance, status, reference| {
        Said::Sent(Receipt {
            instance,
            status,
            reference,
        })
    };
    let fault = |number| Said::Fault(Fault { number });
    for (line, expected) in [
        ("OK", Said::Ok),
        ("ERROR", fault(None)),
        ("+CME ERROR: 35", fault(Some((FaultKind::Equipment, 35)))),
        ("+CMS ERROR: 500", fault(Some((FaultKind::Message, 500)))),
        ("+CMGS: 0", receipt(0, None, None)),
        ("+CMGS: 0,3,156", receipt(0, Some(3), Some(156))),
        (
            "+CTXG: 1,3,0,0,4000",
            Said::Other("+CTXG: 1,3,0,0,4000".into()),
        ),
    ] {
        let bytes = format!("\r\n{line}\r\n").into_bytes();
        assert_eq!(said(&bytes), [Ok(expected.clone())]);
        assert_eq!(expected.to_bytes(), bytes);
    }
    let select = Said::Command("+CTSDS=12,0,0,0,1".into());
    assert_eq!(select.to_bytes(), b"AT+CTSDS=12,0,0,0,1\r\n");
    assert_eq!(said(&select.to_bytes()), [Ok(select)]);
    let send = Said::Send {
        to: Party::own(2_345_678),
        data: Data::of(octets("SDS-TRANSFER text")),
    };
    let bytes = b"AT+CMGS=2345678,120\r\n82029C01746573746D657373616765\x1A";
    assert_eq!(send.to_bytes(), bytes);
    assert_eq!(said(bytes), [Ok(send)]);
    for (number, is_final) in [(3, true), (35, true), (14, false)] {
        let number = Some((FaultKind::Equipment, number));
        assert_eq!(Fault { number }.is_final(), is_final);
    }
    assert!(!Fault { number: None }.is_final());
}

#[test]
fn headers_in_the_forms_radios_use() {
    let lip = "0a112853a9ff4d4fffe810";
    for (header, from) in [
        (
            "+CTSDSR: 12,2269001,0,9999,0,84",
            Some(Party::own(2_269_001)),
        ),
        (
            "+CTSDSR: 12,2269001,0,9999,0,88,0",
            Some(Party::own(2_269_001)),
        ),
        ("+CTSDSR:12,9999,88", None),
        ("+CTSDSR: 12, 9999, 0, 88", None),
        ("+CTSDSR: 12,,,9999,0,88", None),
        (
            "+CTSDSR: 12,09011638300023404,1,9999,0,88",
            Some(Party {
                network: Some((901, 16_383)),
                number: 23_404,
            }),
        ),
    ] {
        let said = said(&received(header, lip));
        let [
            Ok(Said::Received {
                from: found,
                to,
                data,
                ..
            }),
        ] = said.as_slice()
        else {
            panic!("{header}: {said:?}");
        };
        assert_eq!((*found, *to), (from, Party::own(9999)), "{header}");
        assert!(matches!(Sds::parse(&data.octets), Ok(Sds::Lip(_))));
    }
    // A half octet left out.
    let half = received("+CTSDSR: 12,2269001,0,9999,0,84", &lip[..21]);
    assert!(matches!(
        said(&half).as_slice(),
        [Ok(Said::Received { .. })]
    ));
    for header in [
        "+CTSDSR: 12,9999",
        "+CTSDSR: 12,x,0,9999,0,88",
        "+CTSDSR: 300,1,0,9999,0,88",
        "+CTSDSR: 12,1,0,9999,0,99999",
    ] {
        let refused = &said(&received(header, lip))[0];
        assert_eq!(refused.as_ref().unwrap_err().reason(), "value", "{header}");
    }
}

#[test]
fn data_must_fit_its_header() {
    for hex in ["8004FF", "80", "80040"] {
        let said = said(&received("+CTSDSR: 13,1,0,2,0,16", hex));
        let reason = said[0].as_ref().unwrap_err().reason();
        assert_eq!(reason, "length", "{hex}");
    }
    // The line in its place is read on its own.
    let said = said(b"+CTSDSR: 13,1,0,2,0,16\r\nOK\r\n");
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].as_ref().unwrap_err().reason(), "value");
    assert_eq!(said[1], Ok(Said::Ok));
}

#[test]
fn cut_messages_are_truncated_and_long_lines_dropped() {
    for vector in vectors()
        .iter()
        .skip(3)
        .filter(|vector| vector["name"] != "SDS-SHORT-REPORT")
    {
        let bytes = bytes_of(vector);
        for taken in 0..4.min(bytes.len()) {
            let error = Sds::parse(&bytes[..taken]).err();
            assert!(error.is_none_or(|error| error.reason() == "truncated"));
        }
        assert!(Sds::parse(&bytes[..2]).is_err());
    }
    let long = format!("{}\r\nOK\r\n", "A".repeat(MAX_LINE + 1));
    let said = said(long.as_bytes());
    assert_eq!(said[0].as_ref().unwrap_err().reason(), "length");
    assert_eq!(said[1..], [Ok(Said::Ok)]);
}

/// There is no checksum: of a flipped bit only what no line may hold is noticed. None gives two
/// messages or panics.
#[test]
fn flipped_bits_give_one_message_at_most() {
    let vector = &vectors()[3];
    let line = received(
        vector["header"].as_str().unwrap(),
        vector["hex"].as_str().unwrap(),
    );
    let mut unharmed = 0;
    for (_, _, flipped) in flips(&line, 0..line.len()) {
        let messages = said(&flipped);
        let messages = messages.iter().flatten();
        let of_data = messages.filter(|said| matches!(said, Said::Received { .. }));
        unharmed += of_data.count();
    }
    assert!(unharmed < line.len() * 8);
}

/// Noise without line ends, with them, in pieces: the second message behind it is taken.
#[test]
fn the_second_line_after_any_noise_is_read() {
    let message = received("+CTSDSR: 13,1234567,0,2345678,0,16", "8004");
    let config = ProptestConfig::with_cases(500);
    proptest!(config, |(noise: Vec<u8>, cut in 1usize..40)| {
        let all = [noise.as_slice(), &message, &message].concat();
        let mut reader = Reader::default();
        let pieces = all.chunks(cut);
        let said: Vec<_> = pieces.flat_map(|piece| read_by(&mut reader, piece)).collect();
        let last = said.last().unwrap().as_ref().unwrap();
        prop_assert_eq!(last.to_bytes(), message.clone());
        prop_assert!(!reader.is_amid());
    });
}

proptest! {
    #[test]
    fn whatever_reads_is_written_again(octets: Vec<u8>, first in 0usize..8, kind: u8) {
        let protocol = [0x82, 0x8A, 0x89, 0x02, 0x0A, 0xC3, 0x82, 0x00][first];
        let octets = [&[protocol, kind], octets.as_slice()].concat();
        for parsed in [Sds::parse(&octets), Sds::parse_status(&octets)].into_iter().flatten() {
            let _ = parsed.to_string();
            let is_place = matches!(parsed, Sds::LongLip(_));
            prop_assert!(is_place || parsed.to_bytes() == octets, "{parsed:?}");
        }
    }

    #[test]
    fn any_transfer_both_ways(
        words in "[ -~]{0,60}",
        wanted in 0u8..4,
        full_report: bool,
        reference: u8,
        to in 0usize..4,
        stamp in proptest::option::of((0u8..2, 1u8..13, 1u8..32, 0u8..24, 0u8..60)),
        number in 1u8..5,
    ) {
        let stamp = stamp.map(|(frame, month, day, hour, minute)| Stamp {
            frame,
            month,
            day,
            hour,
            minute,
        });
        let text = Coded { stamp, ..text(&words) };
        let forward: Option<ForwardTo> = [
            None,
            Some(ForwardTo::Short(reference)),
            Some(ForwardTo::Foreign(1, 2)),
            Some(ForwardTo::Nobody),
        ][to];
        let part = Body::Part { reference, parts: 4, number, text };
        for (protocol, body) in [(sds::TEXT, Body::Text(text)), (sds::PARTS, part)] {
            let transfer = Sds::Transfer(Transfer {
                protocol,
                wanted: Wanted(wanted),
                full_report,
                reference,
                forward: forward.map(|to| Forward { validity: number, to }),
                body,
            });
            let bytes = transfer.to_bytes();
            prop_assert_eq!(Sds::parse(&bytes), Ok(transfer));
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        for said in said(&bytes).into_iter().flatten() {
            let _: String = said.to_string();
            prop_assert!(!said.to_bytes().is_empty());
        }
    }
}

#[test]
fn a_reader_forgets() {
    let mut reader = Reader::default();
    assert_eq!(
        read_by(&mut reader, b"+CTSDSR: 13,1,0,2,0,16\r\n80"),
        vec![]
    );
    assert!(reader.is_amid());
    reader.forget();
    assert!(!reader.is_amid());
    assert_eq!(read_by(&mut reader, b"OK\r"), [Ok(Said::Ok)]);
}
