//! The captures both ways, and what is none.

extern crate std;

use super::*;
use crate::capture::{bytes_of, flips, frames, hex, named};
use crate::dmr::{Burst, Pdu};
use alloc::string::ToString;
use proptest::prelude::*;
use serde_json::Value;

const PUBLIC: &str = include_str!("../../../fixtures/radio/homebrew.json");
const CAPTURED: &str =
    include_str!("../../../fixtures/radio/captured_homebrew_login_and_data.json");

fn all() -> impl Iterator<Item = Value> {
    [PUBLIC, CAPTURED].into_iter().flat_map(frames)
}

#[test]
fn every_capture_is_read_and_written_again() {
    let mut words = alloc::collections::BTreeMap::<&[u8], usize>::new();
    for vector in all() {
        let bytes = bytes_of(&vector);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.to_bytes(), bytes, "{vector}");
        *words.entry(packet.word()).or_default() += 1;
    }
    let seen: Vec<_> = words.into_iter().collect();
    let expected: [(&[u8], usize); 12] = [
        (b"DMRA", 1),
        (b"DMRC", 5),
        (b"DMRD", 22),
        (b"DMRP", 6),
        (b"MSTNAK", 2),
        (b"MSTPONG", 4),
        (b"RPTACK", 6),
        (b"RPTC", 3),
        (b"RPTCL", 2),
        (b"RPTK", 2),
        (b"RPTL", 2),
        (b"RPTPING", 4),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn bursts_say_what_their_source_says() {
    for vector in frames(PUBLIC) {
        let (bytes, expected) = (bytes_of(&vector), &vector["expected"]);
        let Ok(Packet::Dmrd(dmrd)) = Packet::parse(&bytes) else {
            assert_eq!(expected["seq"], Value::Null);
            continue;
        };
        let (kind, low) = match dmrd.content {
            Content::Data(low) => ("data_sync", low),
            Content::VoiceSync(low) => ("voice_sync", low),
            Content::Voice(low) => ("voice", low),
        };
        let (ber, rssi) = dmrd.quality.unwrap();
        assert_eq!(expected["seq"], dmrd.sequence);
        assert_eq!(expected["src"], dmrd.source.number());
        assert_eq!(expected["dst"], dmrd.destination.number());
        assert_eq!(expected["repeater"], dmrd.repeater);
        assert_eq!(expected["slot"], dmrd.slot.number());
        assert_eq!(expected["call"] == "private", dmrd.is_private);
        assert_eq!(expected["frame_type"], kind);
        assert_eq!(expected["dtype_vseq"], low);
        assert_eq!(expected["stream_id"], alloc::format!("{:08x}", dmrd.stream));
        assert_eq!(
            (&expected["ber"], &expected["rssi"]),
            (&ber.into(), &rssi.into())
        );
        assert_eq!(hex(expected["burst"].as_str().unwrap()), dmrd.burst);
    }
}

/// What a datagram says beside its burst is what the burst says.
#[test]
fn the_type_beside_a_captured_burst_is_the_bursts_own() {
    let mut headers = 0;
    for vector in frames(CAPTURED) {
        let bytes = bytes_of(&vector);
        let Ok(Packet::Dmrd(dmrd)) = Packet::parse(&bytes) else {
            continue;
        };
        let burst = Burst::parse(&dmrd.burst).unwrap();
        assert_eq!(dmrd.content.data_type(), Some(burst.slot.data_type));
        let octets = burst.octets().unwrap();
        if let Ok(Some(Pdu::Header(header))) = Pdu::parse(burst.slot.data_type, &octets) {
            assert_eq!(header.source, dmrd.source);
            assert_eq!(header.destination, dmrd.destination);
            assert_eq!(header.is_group, !dmrd.is_private);
            headers += 1;
        }
    }
    assert_eq!(headers, 2);
}

#[test]
fn the_hash_of_both_captured_logins() {
    let steps = frames(CAPTURED);
    for (ack, key_of) in [
        ("cap.jsonl@11.424s RPTACK", "cap.jsonl@11.436s RPTK"),
        ("cap2.jsonl@11.356s RPTACK", "cap2.jsonl@11.366s RPTK"),
    ] {
        let (ack, sent) = (named(&steps, ack), named(&steps, key_of));
        let Ok(Packet::Ack { number, .. }) = Packet::parse(&ack) else {
            panic!("no salt");
        };
        let hash = key(number, b"s3cr37w0rd");
        let repeater = 4_600_001;
        assert_eq!(Packet::Key { repeater, hash }.to_bytes(), sent);
        assert_ne!(key(number, b"s3cr37word"), hash);
    }
}

#[test]
fn the_captured_details_field_by_field_and_written_again() {
    let steps = frames(CAPTURED);
    let bytes = named(&steps, "cap.jsonl@11.446s RPTC");
    let Ok(Packet::Config { details, .. }) = Packet::parse(&bytes) else {
        panic!("no configuration");
    };
    let expected = [
        (Field::Callsign, "TQ1"),
        (Field::Rx, "361000000"),
        (Field::Tx, "351000000"),
        (Field::Power, "01"),
        (Field::Colour, "01"),
        (Field::Latitude, "23.04999"),
        (Field::Longitude, "114.05000"),
        (Field::Height, "000"),
        (Field::Location, "Huangjiang"),
        (Field::Description, "Lab"),
        (Field::Slots, "3"),
        (Field::Url, "none"),
        (Field::Software, "20260713"),
        (Field::Package, "MMDVM"),
    ];
    let read: Vec<_> = expected
        .iter()
        .map(|(field, _)| details.get(*field))
        .collect();
    let said: Vec<_> = expected.iter().map(|(_, value)| *value).collect();
    assert_eq!(read, said);
    assert_eq!(details::write(Form::Full, &expected), details.bytes());
    let short = named(&steps, "cap.jsonl@13.455s DMRC");
    let Ok(Packet::Config { details, .. }) = Packet::parse(&short) else {
        panic!("no configuration");
    };
    assert_eq!(details.get(Field::Slots), "3");
    assert_eq!(details.get(Field::Location), "");
    let again: Vec<_> = Form::Short
        .fields()
        .iter()
        .map(|(field, _)| *field)
        .collect();
    let values: Vec<_> = again.iter().map(|field| details.get(*field)).collect();
    let values: Vec<_> = again.iter().zip(&values).map(|(f, v)| (*f, &**v)).collect();
    assert_eq!(details::write(Form::Short, &values), details.bytes());
}

#[test]
fn what_no_capture_has() {
    let repeater = 4_600_001;
    let radio = Address::new(4_600_123).unwrap();
    for (packet, digits) in [
        (Packet::Closing { repeater }, "4d5354434c004630c1"),
        (Packet::Beacon { repeater }, "52505453424b4e004630c1"),
        (
            Packet::Ack {
                is_masters: true,
                number: [1, 2, 3, 4],
            },
            "4d535441434b01020304",
        ),
        (
            Packet::Options {
                repeater,
                text: b"TS2=9",
            },
            "5250544f004630c15453323d39",
        ),
        (
            Packet::Position {
                repeater: Some(repeater),
                radio,
                octets: [7; 7],
            },
            "444d5247004630c146313b07070707070707",
        ),
        (
            Packet::Position {
                repeater: None,
                radio,
                octets: [7; 7],
            },
            "444d524746313b07070707070707",
        ),
        (
            Packet::Alias {
                repeater: None,
                radio,
                block: 1,
                octets: [7; 7],
            },
            "444d524146313b0107070707070707",
        ),
    ] {
        assert_eq!(packet.to_bytes(), hex(digits));
        assert_eq!(Packet::parse(&hex(digits)), Ok(packet));
    }
}

/// A repeater whose id begins with the letter L.
#[test]
fn a_configuration_is_not_taken_for_a_farewell() {
    let repeater = u32::from_be_bytes(*b"L\x01\x02\x03");
    let bytes = details::write(Form::Full, &[]);
    let details = Details::new(Form::Full, &bytes).unwrap();
    let packet = Packet::Config { repeater, details };
    assert_eq!(Packet::parse(&packet.to_bytes()), Ok(packet));
    let packet = Packet::Close { repeater };
    assert_eq!(Packet::parse(&packet.to_bytes()), Ok(packet));
}

/// No cut packet reads as a whole one, but a burst without its last two bytes and an alias without
/// an id.
#[test]
fn other_lengths_are_refused() {
    for vector in all() {
        let bytes = bytes_of(&vector);
        for taken in 0..bytes.len() {
            let read = Packet::parse(&bytes[..taken]);
            match read {
                Err(error) => assert!(matches!(error.reason(), "truncated" | "length")),
                Ok(Packet::Dmrd(dmrd)) => assert!(taken == 53 && dmrd.quality.is_none()),
                Ok(Packet::Alias { repeater, .. }) => assert_eq!(repeater, None),
                Ok(packet) => panic!("{packet} of {taken} bytes of {vector}"),
            }
        }
        let longer = [&bytes[..], &[0]].concat();
        let error = Packet::parse(&longer).unwrap_err();
        // A longer farewell begins a configuration, a longer alias may be one with an id.
        let begins = longer.starts_with(b"RPTCL") || longer.starts_with(b"DMRA");
        assert!(begins || error.reason() == "length", "{error}");
    }
    let long = [&b"RPTO"[..], &[0; 4 + MAX_OPTIONS + 1]].concat();
    assert_eq!(Packet::parse(&long).unwrap_err().reason(), "length");
    assert_eq!(Packet::parse(b"HELO....").unwrap_err().reason(), "value");
    let mut both = named(&frames(CAPTURED), "cap2.jsonl@15.951s DMRD");
    both[15] |= 0x30;
    assert_eq!(Packet::parse(&both).unwrap_err().reason(), "value");
}

#[test]
fn words_of_a_packet() {
    let steps = frames(CAPTURED);
    for (name, words) in [
        ("cap.jsonl@11.422s RPTL", "login, repeater 4600001"),
        (
            "cap.jsonl@11.424s RPTACK",
            "acknowledgement, salt or id 161af302",
        ),
        (
            "cap2.jsonl@16.123s DMRD",
            "slot 2, data header from 4600123 to 9",
        ),
    ] {
        let bytes = named(&steps, name);
        assert_eq!(Packet::parse(&bytes).unwrap().to_string(), words);
    }
}

/// There is no checksum: a flipped bit gives another packet or none, and never a panic.
#[test]
fn flipped_bits_are_written_as_read() {
    for vector in all() {
        let bytes = bytes_of(&vector);
        for (_, _, flipped) in flips(&bytes, 0..bytes.len()) {
            if let Ok(packet) = Packet::parse(&flipped) {
                assert_eq!(packet.to_bytes(), flipped);
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        word in 0..KINDS.len(),
        noise in proptest::collection::vec(any::<u8>(), 0..MAX_LEN),
    ) {
        let bytes = [KINDS[word].0, &noise].concat();
        if let Ok(packet) = Packet::parse(&bytes) {
            prop_assert_eq!(&packet.to_bytes(), &bytes);
            let _ = packet.to_string();
        }
    }
}

/// A packet that is read has a row in the README.
#[test]
fn the_readme_has_a_row_of_every_packet() {
    let readme = include_str!("../../README.md");
    let rows = || {
        readme
            .lines()
            .filter(|line| line.starts_with("| ") && !line.ends_with("none |"))
    };
    for (word, _) in KINDS {
        let word = core::str::from_utf8(word).unwrap();
        let has = |row: &str| {
            let frame = row.trim_start_matches("| ").split(" | ").next();
            let words = frame.unwrap().split(|char: char| !char.is_alphanumeric());
            words.into_iter().any(|one| one == word)
        };
        assert!(rows().any(has), "no row for {word}");
    }
}
