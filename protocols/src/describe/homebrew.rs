//! Homebrew datagrams, and the bursts in them.

use super::dmr::describe_burst;
use super::walk::{Field, Walk};
use crate::dmr::Burst;
use crate::error::DecodeError;
use crate::homebrew::{Details, Dmrd, Packet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Describes one datagram. A burst in it that would be refused does not make the datagram so.
///
/// # Errors
/// What its reader refuses.
pub fn describe_homebrew(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let packet = Packet::parse(bytes)?;
    let mut walk = Walk::new(bytes);
    walk.within("homebrew", bytes.len(), packet, |walk| {
        let word = packet.word();
        walk.next("packet", word.len(), String::from_utf8_lossy(word));
        inside(walk, &packet);
    });
    Ok(walk.into_fields())
}

fn inside(walk: &mut Walk<'_>, packet: &Packet<'_>) {
    if let Packet::Dmrd(dmrd) = packet {
        return burst(walk, dmrd);
    }
    if let Some(repeater) = packet.repeater() {
        walk.next("repeater", 4, repeater);
    }
    match packet {
        Packet::Key { .. } => walk.next("hash", 32, "SHA-256 of salt and passphrase"),
        Packet::Config { details, .. } => config(walk, details),
        Packet::Options { text, .. } => {
            walk.next("options", text.len(), String::from_utf8_lossy(text));
        }
        Packet::Ack { .. } => walk.next("salt or id", 4, walk.hex(4)),
        Packet::Alias { radio, block, .. } => {
            walk.next("radio", 3, radio);
            walk.next("block", 1, block);
            walk.next("octets", 7, walk.hex(7));
        }
        Packet::Position { radio, .. } => {
            walk.next("radio", 3, radio);
            walk.next("octets", 7, walk.hex(7));
        }
        _ => {}
    }
}

fn config(walk: &mut Walk<'_>, details: &Details<'_>) {
    for (field, width) in details.form().fields() {
        walk.next(field.name(), *width, details.get(*field));
    }
}

fn burst(walk: &mut Walk<'_>, dmrd: &Dmrd) {
    walk.next("sequence", 1, dmrd.sequence);
    walk.next("source", 3, dmrd.source);
    walk.next("destination", 3, dmrd.destination);
    walk.next("repeater", 4, dmrd.repeater);
    let whom = if dmrd.is_private {
        "one radio"
    } else {
        "group"
    };
    let slot = dmrd.slot.number();
    walk.next("bits", 1, format!("slot {slot}, {whom}, {}", dmrd.content));
    walk.next("stream", 4, format!("{:08x}", dmrd.stream));
    match dmrd
        .content
        .data_type()
        .map(|_| describe_burst(&dmrd.burst))
    {
        Some(Ok(fields)) => walk.graft(Burst::LEN, fields),
        Some(Err(refused)) => walk.next("burst", Burst::LEN, format!("not taken ({refused})")),
        None => walk.next("burst", Burst::LEN, "not read"),
    }
    if let Some((ber, rssi)) = dmrd.quality {
        walk.next("bit errors", 1, ber);
        walk.next("field strength", 1, format!("-{rssi} dBm"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, frames};
    use crate::describe::describe;

    const FIXTURES: [&str; 2] = [
        include_str!("../../../fixtures/radio/homebrew.json"),
        include_str!("../../../fixtures/radio/captured_homebrew_login_and_data.json"),
    ];

    /// Down to the fields of the datagram itself, each byte is described once.
    #[test]
    fn every_captured_byte_is_described_once() {
        for vector in FIXTURES.into_iter().flat_map(frames) {
            let bytes = bytes_of(&vector);
            let fields = describe(&bytes).unwrap();
            let mut at = 0;
            for field in fields.iter().filter(|field| field.depth == 1) {
                assert_eq!(field.bytes.start, at, "{field:?} of {vector}");
                at = field.bytes.end;
            }
            assert_eq!(at, bytes.len(), "{vector}");
            assert_eq!(fields[0].bytes, 0..bytes.len());
        }
    }

    #[test]
    fn a_captured_data_header_with_what_its_burst_carries() {
        let vectors = frames(FIXTURES[1]);
        let is_it = |vector: &&serde_json::Value| vector["name"] == "cap2.jsonl@16.123s DMRD";
        let bytes = bytes_of(vectors.iter().find(is_it).unwrap());
        let fields = describe(&bytes).unwrap();
        let lines: Vec<_> = fields
            .iter()
            .map(|field| {
                format!(
                    "{:?} {} {}: {}",
                    field.bytes, field.depth, field.name, field.value
                )
            })
            .collect();
        for line in [
            "0..55 0 homebrew: slot 2, data header from 4600123 to 9",
            "4..5 1 sequence: 3",
            "15..16 1 bits: slot 2, one radio, data header",
            "20..53 1 burst: short data, defined from 4600123 to 9: UTF-16LE, 2 blocks",
            "54..55 1 field strength: -0 dBm",
        ] {
            assert!(
                lines.iter().any(|shown| shown == line),
                "{line} in {lines:#?}"
            );
        }
    }

    #[test]
    fn refusals_are_the_readers() {
        assert_eq!(describe(b"RPTL").unwrap_err().reason(), "truncated");
        assert_eq!(
            describe(b"DMRX0000").unwrap_err().layer(),
            crate::error::Layer::Homebrew
        );
    }
}
