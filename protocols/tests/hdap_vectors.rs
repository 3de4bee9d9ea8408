//! Every captured service message: decoded to what its bytes say, and written again byte for byte.
//! Of the peer's own reading only plain numbers are compared, see fixtures/radio/NOTICE.md.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test file: the lints' exemption covers test functions, not what they call"
)]

use serde_json::Value;
use tieqi_protocols::gps::Gps;
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::hrnp::Hrnp;
use tieqi_protocols::hstrp::Hstrp;
use tieqi_protocols::lp::{Lp, LpResult, Subscription, Trigger};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rrs::Rrs;
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};
use tieqi_protocols::{DecodeError, Parsed};

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../fixtures/radio/hytera_hdap.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn frame(bytes: &[u8]) -> Hdap<'_> {
    match Hdap::parse(bytes) {
        Ok(Parsed::Complete(frame, taken)) if taken == bytes.len() => frame,
        other => panic!("{other:?}"),
    }
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

/// A peer's address as plain numbers.
fn radio(value: &Value) -> RadioIp {
    RadioIp {
        subnet: u8::try_from(number(&value["subnet"])).unwrap(),
        id: number(&value["radio_id"]),
    }
}

#[test]
fn service_opcode_and_checksum() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 17);
    let mut refused = 0;
    for vector in &vectors {
        let (name, expected) = (&vector["name"], &vector["expected"]);
        let bytes = bytes(vector["hex"].as_str().unwrap());
        assert_eq!(bytes.len() as u64, vector["length"], "{name}");
        if expected["checksum_verifies"] == false {
            refused += 1;
            let error = Hdap::parse(&bytes).unwrap_err();
            assert!(
                matches!(error, DecodeError::Checksum { .. }),
                "{name}: {error}"
            );
            continue;
        }
        let frame = frame(&bytes);
        assert_eq!(frame.service.name(), expected["service"], "{name}");
        assert_eq!(frame.reliable, expected["reliable"], "{name}");
        assert_eq!(hex(&bytes[1..3]), expected["opcode_hex"], "{name}");
        assert_eq!(
            hex(&bytes[bytes.len() - 2..][..1]),
            expected["checksum_hex"],
            "{name}"
        );
    }
    assert_eq!(refused, 1);
}

#[test]
fn written_again_byte_for_byte() {
    for vector in vectors() {
        let bytes = bytes(vector["hex"].as_str().unwrap());
        if vector["expected"]["checksum_verifies"] == true {
            let message = Message::from_hdap(&frame(&bytes)).unwrap();
            assert_eq!(message.to_bytes(false), bytes, "{}", vector["name"]);
        }
    }
}

/// What no capture shows: our own vectors, so that a change of what is read or written is seen.
#[test]
fn the_made_messages_read_and_write_the_same() {
    let made = include_str!("../../fixtures/radio/hytera_made.json");
    let made: Vec<Value> = serde_json::from_str(made).unwrap();
    assert_eq!(made.len(), 3);
    for vector in made {
        let bytes = bytes(vector["hex"].as_str().unwrap());
        let message = Message::from_hdap(&frame(&bytes)).unwrap();
        assert_eq!(message.to_string(), vector["says"], "{}", vector["name"]);
        assert_eq!(message.to_bytes(false), bytes, "{}", vector["name"]);
    }
}

#[test]
fn a_flipped_byte_is_refused() {
    for vector in vectors() {
        let bytes = bytes(vector["hex"].as_str().unwrap());
        if vector["expected"]["checksum_verifies"] == false {
            continue;
        }
        // From the opcode on: the checksum leaves the first byte out.
        for at in 1..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            let parsed = Hdap::parse(&flipped);
            let is_whole = matches!(parsed, Ok(Parsed::Complete(..)));
            assert!(!is_whole, "{} byte {at}", vector["name"]);
        }
    }
}

#[test]
fn values_of_every_vector() {
    let (mut control, mut raw) = (0, 0);
    for vector in vectors() {
        let expected = &vector["expected"];
        let bytes = bytes(vector["hex"].as_str().unwrap());
        if expected["checksum_verifies"] == false {
            continue;
        }
        match Message::from_hdap(&frame(&bytes)).unwrap() {
            Message::Rrs(rrs) => check_rrs(&rrs, expected),
            Message::Tmp(tmp) => check_tmp(&tmp, expected),
            Message::Lp(lp) => check_lp(&lp, expected),
            // Their values are checked where they are read.
            Message::Rcp(_) | Message::Dds(_) => control += 1,
            // No capture has one.
            Message::WorkOrder(order) => panic!("{order}"),
            Message::Raw { .. } => raw += 1,
        }
    }
    assert_eq!((control, raw), (3, 3), "three RCP opcodes are not read");
}

fn check_rrs(rrs: &Rrs, expected: &Value) {
    let peer = &expected["peer_decode"];
    assert_eq!(rrs.radio(), radio(&peer["radio_ip"]));
    if let Rrs::RegistrationAnswer { renew_s, .. } = rrs {
        assert_eq!(*renew_s, number(&peer["renew_time_seconds"]));
    }
}

fn check_tmp(tmp: &Tmp<'_>, expected: &Value) {
    let peer = &expected["peer_decode"];
    assert_eq!(tmp.request_id, number(&peer["request_id"]));
    assert_eq!(tmp.option.is_some(), peer["has_option"]);
    if let Some(option) = tmp.option {
        assert_eq!(hex(option), peer["option_data"]);
    }
    let (destination, source) = match tmp.body {
        Body::Private {
            destination,
            source,
            text,
        } => {
            assert_eq!(text.to_string(), expected["text"]);
            (destination, source)
        }
        Body::PrivateAck {
            destination,
            source,
            result,
        } => {
            assert_eq!(result, TmpResult::OK);
            (destination, source)
        }
        Body::Group { .. } | Body::GroupAck { .. } => panic!("no vector has one: {tmp}"),
    };
    assert_eq!(destination, radio(&peer["destination_ip"]));
    assert_eq!(source, radio(&peer["source_ip"]));
}

fn check_lp(lp: &Lp<'_>, expected: &Value) {
    let peer = &expected["peer_decode"];
    if let Some(ip) = peer.get("radio_ip") {
        assert_eq!(lp.radio(), radio(ip));
    }
    match lp {
        Lp::Request { request_id, .. } => assert_eq!(*request_id, number(&peer["request_id"])),
        Lp::Report(report) => {
            if let Some(request_id) = peer.get("request_id") {
                assert_eq!(report.request_id, number(request_id));
            }
            assert_eq!(report.result, Some(LpResult::OK));
            let rssi = expected["rssi_dbm"].as_i64();
            assert_eq!(report.rssi_dbm.map(i64::from), rssi);
            if let Some(ascii) = expected["gps_ascii"].as_str() {
                assert_eq!(report.gps.0.as_slice(), ascii.as_bytes());
            }
            let gps = report.gps.read().unwrap();
            assert!(gps.place().is_some());
            assert_eq!(gps.to_field(), *report.gps.0);
            if let Some(fix) = peer.get("gpsdata") {
                check_gps(&gps, fix);
            }
        }
        Lp::Subscribe(subscription) => {
            assert_eq!(subscription.request_id, 0x2000_0002);
            assert_eq!(subscription.radio.id, 222_222);
            assert_eq!(subscription.trigger, Trigger::Either);
            assert_eq!(subscription.distance_m, 1000);
            assert_eq!(subscription.start, Subscription::ALWAYS);
            assert_eq!((subscription.interval_s, subscription.longest_s), (60, 500));
        }
        Lp::Emergency { .. }
        | Lp::StopEmergency { .. }
        | Lp::EmergencyStopped { .. }
        | Lp::Subscribed { .. } => panic!("no vector has one: {lp}"),
    }
}

/// The peer keeps degrees times a hundred plus minutes in a float; four decimals are exact in it.
fn check_gps(gps: &Gps, peer: &Value) {
    for (angle, name) in [(gps.latitude, "latitude"), (gps.longitude, "longitude")] {
        let written = (peer[name].as_f64().unwrap() * 10_000.0).round() as i32;
        let steps = written / 1_000_000 * 600_000 + written % 1_000_000;
        assert_eq!(angle.unwrap().minutes_e4, steps, "{name}");
    }
    let knots = peer["speed_knots"].as_f64().unwrap();
    assert_eq!(f64::from(gps.speed_dkn.unwrap()), (knots * 10.0).round());
    assert_eq!(
        u32::from(gps.course_deg.unwrap()),
        number(&peer["direction"])
    );
}

/// The messages captured inside datagrams and serial frames, likewise.
#[test]
fn carried_messages_are_written_again_byte_for_byte() {
    let fixtures = [
        include_str!("../../fixtures/radio/hytera_hstrp.json"),
        include_str!("../../fixtures/radio/hytera_hrnp.json"),
        include_str!("../../fixtures/radio/hytera_transcripts.json"),
    ];
    let parse = |text| serde_json::from_str::<Vec<Value>>(text).unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for vector in fixtures.into_iter().flat_map(parse) {
        let bytes = bytes(vector["hex"].as_str().unwrap());
        let frames = match bytes.first() {
            Some(0x7E) => match Hrnp::parse(&bytes) {
                Ok(Parsed::Complete(frame, _)) => frame.message.into_iter().collect(),
                other => panic!("{other:?}"),
            },
            Some(b'2') => match Hstrp::parse(&bytes) {
                Ok(datagram) => datagram.messages().map(Result::unwrap).collect(),
                Err(_) => Vec::new(), // the edited one
            },
            _ => vec![frame(&bytes)],
        };
        for frame in frames {
            let message = Message::from_hdap(&frame).unwrap();
            let mut as_captured = Vec::new();
            frame.emit(&mut as_captured);
            assert_eq!(message.to_bytes(frame.reliable), as_captured, "{message}");
            assert!(!frame.reliable, "README says that no capture sets it");
            *seen.entry(frame.service.name()).or_insert(0) += 1;
        }
    }
    let expected = [("RCP", 14), ("RRS", 2), ("TMP", 4)];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

/// What the Python peer writes for values we know (a peer's claim, not captures): read, and written
/// by us from those values.
#[test]
fn the_peers_encodings_both_ways() {
    let terminal = |id| RadioIp::terminal(id).unwrap();
    let tmp = |request_id, body| {
        let (flag, option) = (false, None);
        Message::Tmp(Tmp {
            flag,
            request_id,
            body,
            option,
        })
    };
    let cases = [
        (
            "0900a1001a000000070a0003e90a000001668bc5603a00c49e5f6c275953908f03",
            tmp(
                7,
                Body::Private {
                    destination: terminal(1001),
                    source: terminal(1),
                    text: Text::new("警情:黄江大道"),
                },
            ),
        ),
        (
            "0900a2000d000000070a0003e90a000001007b03",
            tmp(
                7,
                Body::PrivateAck {
                    destination: terminal(1001),
                    source: terminal(1),
                    result: TmpResult::OK,
                },
            ),
        ),
        (
            "0900b10010000000080000006e0a000001c69608543803",
            tmp(
                8,
                Body::Group {
                    group: RadioIp::group(110).unwrap(),
                    source: terminal(1),
                    text: Text::new("集合"),
                },
            ),
        ),
        (
            "08a0010008000000030a0003e99003",
            Message::Lp(Lp::Request {
                request_id: 3,
                radio: terminal(1001),
                extra: None,
            }),
        ),
        (
            "11008000090a0003e9000000012c8603",
            Message::Rrs(Rrs::RegistrationAnswer {
                radio: terminal(1001),
                result: tieqi_protocols::rrs::RegistrationResult::OK,
                renew_s: 300,
            }),
        ),
        (
            "0241080500016e0000007503",
            Message::Raw {
                service: tieqi_protocols::hdap::Service::Rcp,
                opcode: 0x0841,
                payload: &[1, 110, 0, 0, 0],
            },
        ),
    ];
    for (encoded, message) in cases {
        let encoded = bytes(encoded);
        assert_eq!(Message::from_hdap(&frame(&encoded)), Ok(message));
        assert_eq!(message.to_bytes(false), encoded, "{message}");
    }
}
