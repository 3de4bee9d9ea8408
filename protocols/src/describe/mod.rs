//! A frame field by field, for people: what each byte is and what it means. Nothing decides by
//! these words; a program reads the frames themselves.
//!
//! Recognised by its first bytes: `2B` is HSTRP, 0x7E is HRNP, 0xE0 a modem's, `RPT`, `MST` and
//! `DMR` are Homebrew, `$` a sentence of a receiver, `AT` and `+C` a line of a terminal's
//! interface; anything else is taken for HDAP.
//! What is none of these may be a DMR frame, by its length: 33 bytes are a burst, 12 a PDU whose
//! checksum tells its kind, 11 a location report. Only frames that would be accepted are described;
//! of others the refusal says what is wrong.

mod dmr;
mod homebrew;
mod mmdvm;
mod payload;
mod text;
mod walk;

pub use dmr::{describe_burst, describe_lip, describe_pdu};
pub use homebrew::describe_homebrew;
pub use mmdvm::describe_mmdvm;
pub use text::{describe_nmea, describe_pei};
pub use walk::Field;

use crate::error::{DecodeError, Layer, Parsed};
use crate::hdap::Hdap;
use crate::hrnp::Hrnp;
use crate::hstrp::{Hstrp, HstrpOption};
use crate::message::Message;
use crate::refuse::length;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use walk::Walk;

/// Describes one whole frame of any kind.
///
/// # Errors
/// What the frame's reader refuses, and bytes after its end.
pub fn describe(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    if let Some(described) = text::by_first_bytes(bytes) {
        return described;
    }
    let refused = match by_first_bytes(bytes) {
        Ok(fields) => return Ok(fields),
        Err(refused) => refused,
    };
    match dmr::by_length(bytes) {
        Some(Err(_)) if !dmr::looks_like_one(bytes) => Err(refused),
        Some(described) => described,
        None => Err(refused),
    }
}

fn by_first_bytes(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    match bytes {
        [b'2', b'B', ..] => describe_hstrp(bytes),
        [crate::hrnp::START, ..] => describe_hrnp(bytes),
        [crate::mmdvm::START, ..] => describe_mmdvm(bytes),
        [b'R', b'P', b'T', ..] | [b'M', b'S', b'T', ..] | [b'D', b'M', b'R', ..] => {
            describe_homebrew(bytes)
        }
        _ => describe_hdap(bytes),
    }
}

/// Describes one service message.
///
/// # Errors
/// As [`describe`].
pub fn describe_hdap(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let frame = only(Layer::Hdap, bytes, Hdap::parse(bytes)?)?;
    let mut walk = Walk::new(bytes);
    hdap(&mut walk, &frame)?;
    Ok(walk.into_fields())
}

/// Describes one datagram.
///
/// # Errors
/// As [`describe`].
pub fn describe_hstrp(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let frame = Hstrp::parse(bytes)?;
    let mut walk = Walk::new(bytes);
    walk.within("hstrp", bytes.len(), frame, |walk| hstrp(walk, &frame))?;
    Ok(walk.into_fields())
}

/// Describes one serial frame.
///
/// # Errors
/// As [`describe`].
pub fn describe_hrnp(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let frame = only(Layer::Hrnp, bytes, Hrnp::parse(bytes)?)?;
    let mut walk = Walk::new(bytes);
    walk.within("hrnp", bytes.len(), frame, |walk| hrnp(walk, &frame))?;
    Ok(walk.into_fields())
}

/// The frame if it took all the bytes.
fn only<T>(layer: Layer, bytes: &[u8], parsed: Parsed<T>) -> Result<T, DecodeError> {
    match parsed {
        Parsed::Complete(frame, taken) if taken == bytes.len() => Ok(frame),
        Parsed::Complete(..) => Err(length(layer, bytes.len(), "one frame and nothing after it")),
        Parsed::Incomplete(missing) => Err(DecodeError::Truncated { layer, missing }),
    }
}

fn hdap(walk: &mut Walk<'_>, frame: &Hdap<'_>) -> Result<(), DecodeError> {
    let message = Message::from_hdap(frame)?;
    walk.within("hdap", frame.wire_len(), message, |walk| {
        let reliable = if frame.reliable { ", reliable" } else { "" };
        walk.next("service", 1, format!("{}{reliable}", frame.service.name()));
        walk.next("opcode", 2, opcode(&message));
        walk.next("length", 2, frame.payload.len());
        payload::payload(walk, &message);
        let checksum = format!("0x{} fits", walk.hex(1));
        walk.next("checksum", 1, checksum);
        walk.next("end", 1, "0x03");
        Ok(())
    })
}

fn opcode(message: &Message<'_>) -> String {
    let (code, name) = (message.opcode(), payload::name(message));
    format!("{code:#06x} {name}")
}

fn hstrp(walk: &mut Walk<'_>, frame: &Hstrp<'_>) -> Result<(), DecodeError> {
    walk.next("magic", 2, "2B");
    walk.next("version", 1, 0);
    walk.next("kind", 1, frame.kind);
    walk.next("sequence", 2, frame.sequence);
    for option in frame.options() {
        walk.next("option", 2 + option.data.len(), option_words(&option));
    }
    for message in frame.messages() {
        hdap(walk, &message?)?;
    }
    Ok(())
}

fn option_words(option: &HstrpOption<'_>) -> String {
    let number = option.data.iter().take(8);
    let number = number.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    match (option.id, option.data.len()) {
        (1, 0) => String::from("1 realtime"),
        (3, 4) => format!("3 device {number}"),
        (4, 1) => format!("4 channel {number}"),
        (5, 1) => format!("5 XPT site {number}"),
        (6, 1) => format!("6 XPT index {number}"),
        (7, 1) => format!("7 XPT channel type {number}"),
        (id, size) => format!("{id} unknown, {size} bytes"),
    }
}

fn hrnp(walk: &mut Walk<'_>, frame: &Hrnp<'_>) -> Result<(), DecodeError> {
    walk.next("start", 1, "0x7e");
    walk.next("version", 1, frame.version);
    walk.next("block", 1, frame.block);
    walk.next("opcode", 1, frame.opcode.name());
    walk.next("source", 1, format!("{:#04x}", frame.source));
    walk.next("destination", 1, format!("{:#04x}", frame.destination));
    walk.next("packet number", 2, frame.packet_number);
    walk.next("length", 2, frame.wire_len());
    let checksum = format!("0x{} fits", walk.hex(2));
    walk.next("checksum", 2, checksum);
    match &frame.message {
        Some(message) => hdap(walk, message),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, frames, hex};
    use alloc::vec;
    use core::fmt::Write;
    use proptest::prelude::*;

    const FIXTURES: [&str; 4] = [
        include_str!("../../../fixtures/radio/hytera_hdap.json"),
        include_str!("../../../fixtures/radio/hytera_hstrp.json"),
        include_str!("../../../fixtures/radio/hytera_hrnp.json"),
        include_str!("../../../fixtures/radio/hytera_transcripts.json"),
    ];
    const TEXT: &str = "0900a1001a000000070a0003e90a000001668bc5603a00c49e5f6c275953908f03";

    fn table(digits: &str) -> String {
        let fields = describe(&hex(digits)).unwrap();
        fields.iter().fold(String::new(), |mut out, field| {
            let (indent, range) = (usize::from(field.depth) * 2, &field.bytes);
            let (name, value) = (field.name, &field.value);
            let _ = writeln!(
                out,
                "{:02}..{:02} {:indent$}{name}: {value}",
                range.start, range.end, ""
            );
            out
        })
    }

    #[test]
    fn a_text() {
        let expected = "\
00..33 hdap: TMP: text 7 from 1 (subnet 10) to 1001 (subnet 10): 警情:黄江大道
00..01   service: TMP
01..03   opcode: 0x00a1 private text
03..05   length: 26
05..09   request id: 7
09..13   destination: 1001 (subnet 10)
13..17   source: 1 (subnet 10)
17..31   text: 警情:黄江大道
31..32   checksum: 0x8f fits
32..33   end: 0x03
";
        assert_eq!(table(TEXT), expected);
    }

    #[test]
    fn a_captured_position() {
        let expected = "\
00..59 hdap: LP: position 5576 of 3 (subnet 10): fix 47.4002633,7.5184550 \
2021-12-06 18:40:30Z 0.0 kn 207°, -58 dBm
00..01   service: LP
01..03   opcode: 0xd004 subscribed position report
03..05   length: 52
05..09   request id: 5576
09..13   radio: 3 (subnet 10)
13..15   result: ok (0x00)
15..55   fix: fix 47.4002633,7.5184550 2021-12-06 18:40:30Z 0.0 kn 207°
15..16     status: valid
16..22     time: 18:40:30Z
22..28     date: 2021-12-06
28..38     latitude: 47.4002633
38..49     longitude: 7.5184550
49..52     speed: 0.0 kn
52..55     course: 207°
55..57   rssi: -58 dBm
57..58   checksum: 0x63 fits
58..59   end: 0x03
";
        let frames = frames(FIXTURES[0]);
        let captured = frames.last().unwrap()["hex"].as_str().unwrap();
        assert_eq!(table(captured), expected);
    }

    #[test]
    fn a_repeaters_ack_in_its_datagram() {
        let ack = "3242002000148304000000010401010900a2000d00000000000003ea00000001009503";
        let table = table(ack);
        for line in [
            "\n03..04   kind: OPTION\n",
            "\n04..06   sequence: 20\n",
            "\n06..12   option: 3 device 1\n12..15   option: 4 channel 1\n",
            "\n16..18     opcode: 0x00a2 ack of a private text\n",
            "\n32..33     result: ok (0)\n",
        ] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
    }

    #[test]
    fn a_serial_frame() {
        let table = table("7e04000020100001001b43b502471808000700000000000000c403");
        for line in [
            "\n03..04   opcode: DATA\n04..05   source: 0x20\n",
            "\n10..12   checksum: 0x43b5 fits\n",
            "\n13..15     opcode: 0x1847 broadcast of messages\n15..17     length: 8\n",
            "\n17..18     flags: 0x07\n18..25     reserved: 00000000000000\n",
        ] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
    }

    /// Not in the fixture files: two acks a radio and a computer exchanged, and what the Python
    /// peer writes for the bare frames.
    #[test]
    fn bare_frames() {
        for (digits, words) in [
            ("7e04001020100001000c61ce", "DATA_ACK"),
            ("7e04001010200001000c71be", "DATA_ACK"),
            ("7e04001020100005000c61ca", "DATA_ACK"),
            ("7e0400fe20100000000c60e1", "CONNECT"),
            ("7e0400fd10200000000c70d2", "ACCEPT"),
            ("324200040000", "CONNECT"),
            ("324200020000", "HEARTBEAT"),
            ("324200010000", "ACK"),
            ("324200080000", "CLOSE"),
        ] {
            let fields = describe(&hex(digits)).unwrap();
            let is_kind = |field: &&Field| matches!(field.name, "kind" | "opcode");
            assert_eq!(
                fields.iter().find(is_kind).unwrap().value,
                words,
                "{digits}"
            );
        }
    }

    /// No byte is left out or said twice: the fields without a group of their own stand one after
    /// the other from the first byte to the last.
    #[test]
    fn every_captured_byte_is_described_once() {
        let mut described = 0;
        for frame in FIXTURES.into_iter().flat_map(frames) {
            let bytes = bytes_of(&frame);
            let Ok(fields) = describe(&bytes) else {
                let expected = &frame["expected"];
                let verdicts = [expected, &expected["hdap"]].map(|said| &said["checksum_verifies"]);
                assert!(verdicts.contains(&&false.into()), "{frame}");
                continue;
            };
            let mut at = 0;
            for (field, next) in fields
                .iter()
                .zip(fields.iter().skip(1).map(Some).chain([None]))
            {
                if next.is_none_or(|next| next.depth <= field.depth) {
                    assert_eq!(field.bytes.start, at, "{field:?}");
                    at = field.bytes.end;
                }
            }
            assert_eq!(at, bytes.len());
            described += 1;
        }
        assert_eq!(described, 17 + 11 + 9 + 14 - 2);
    }

    #[test]
    fn what_follows_or_is_missing_is_refused() {
        for digits in [TEXT, "7e0400fe20100000000c60e1"] {
            let whole = hex(digits);
            let layer = match whole[0] {
                0x7E => Layer::Hrnp,
                _ => Layer::Hdap,
            };
            let longer = [&whole[..], &[0]].concat();
            let (found, expected) = (longer.len(), "one frame and nothing after it");
            let error = DecodeError::Length {
                layer,
                found,
                expected,
            };
            assert_eq!(describe(&longer), Err(error));
            for taken in 0..whole.len() {
                let error = describe(&whole[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated", "{taken}");
            }
        }
        let mut datagram = hex("324200000001");
        assert!(describe(&datagram).is_ok());
        datagram.push(0x09);
        assert_eq!(describe(&datagram).unwrap_err().reason(), "truncated");
        assert_eq!(describe(b"2B").unwrap_err().layer(), Layer::Hstrp);
    }

    #[test]
    fn a_broken_fix_is_shown_as_such() {
        let payload = [&[0, 0, 0, 1, 10, 0, 0, 2, 0, 0][..], &[b'x'; 40]].concat();
        let frame = Hdap {
            service: crate::hdap::Service::Lp,
            reliable: true,
            opcode: 0xA002,
            payload: &payload,
        };
        let mut bytes = vec![];
        frame.emit(&mut bytes);
        let fields = describe(&bytes).unwrap();
        let fix = fields.iter().find(|field| field.name == "fix").unwrap();
        assert_eq!(fix.value, "not a fix (gps: status is 0x78)");
        assert_eq!(fields[1].value, "LP, reliable");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(
            start in proptest::sample::select(vec![&b"2B\0"[..], &[0x7E, 4, 0], &[0x09, 0], &[]]),
            noise in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = describe(&[start, &noise].concat());
        }
    }
}
