//! DMR frames: bursts, bare PDUs of twelve bytes, location reports. The fields of a PDU that came
//! in a burst stand at no place of its bytes, since coding spreads each of them over many.

use super::walk::{Field, Walk};
use crate::dmr::block::{Block, Rate};
use crate::dmr::csbk::{Body, Csbk};
use crate::dmr::header::{Kind, Packet, ShortData};
use crate::dmr::lc::Lc;
use crate::dmr::sync::SyncWord;
use crate::dmr::{Address, Burst, DataHeader, Pdu};
use crate::error::DecodeError;
use crate::hdap::Service;
use crate::lip::{Lip, Shape};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Describes a frame of one of these lengths: 33 a burst, 12 a PDU told by its checksum, 11 a
/// location report. None of another length.
pub(super) fn by_length(bytes: &[u8]) -> Option<Result<Vec<Field>, DecodeError>> {
    match bytes.len() {
        Burst::LEN => Some(describe_burst(bytes)),
        Pdu::LEN => Some(describe_pdu(bytes)),
        Lip::SDS_LEN => Some(describe_lip(bytes)),
        _ => None,
    }
}

/// Whether bytes that were taken for nothing are more likely a broken DMR frame than a broken
/// service message.
pub(super) fn looks_like_one(bytes: &[u8]) -> bool {
    match bytes {
        [Lip::SDS_PID, ..] if bytes.len() == Lip::SDS_LEN => true,
        [b'2', b'B', ..] | [crate::hrnp::START, ..] => false,
        _ if bytes.len() == Burst::LEN => has_sync(bytes),
        [first, ..] => bytes.len() == Pdu::LEN && Service::from_code(first & 0x7F).is_none(),
        [] => false,
    }
}

fn has_sync(bytes: &[u8]) -> bool {
    let middle = bytes.iter().skip(13).take(7);
    let bits = middle.fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    SyncWord::nearest(bits >> 4 & 0xFFFF_FFFF_FFFF).is_some()
}

/// Describes one burst, and the PDU or block it carries.
///
/// # Errors
/// What the burst's reader refuses, and what that of its PDU does. A block whose CRC-9 fits is a
/// confirmed one; any other is taken for an unconfirmed one, since only its header would tell.
pub fn describe_burst(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let burst = Burst::parse(bytes)?;
    let octets = burst.octets()?;
    let data_type = burst.slot.data_type;
    let (words, inside) = match Rate::of(data_type) {
        Some(rate) => block(rate, &octets)?,
        None => match Pdu::parse(data_type, &octets)? {
            Some(pdu) => (pdu.to_string(), pdu_fields(&pdu, &octets)),
            None => (String::from(data_type.name()), Vec::new()),
        },
    };
    let mut walk = Walk::new(bytes);
    walk.within("burst", bytes.len(), words, |walk| {
        walk.shared("slot type", 12..21, burst.slot);
        walk.shared("sync", 13..20, burst.sync.name());
        walk.shared("information", 0..bytes.len(), format!("{octets:?}"));
    });
    let mut fields = walk.into_fields();
    let end = bytes.len();
    fields.extend(inside.into_iter().map(|field| Field {
        depth: field.depth.saturating_add(1),
        bytes: end..end,
        ..field
    }));
    Ok(fields)
}

/// Describes a bare PDU, told by the checksum that fits.
///
/// # Errors
/// Not twelve bytes, or no checksum fits.
pub fn describe_pdu(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let pdu = Pdu::told_by_checksum(bytes)?;
    Ok(pdu_fields(&pdu, bytes))
}

/// Describes a location report of short data.
///
/// # Errors
/// What its reader refuses.
pub fn describe_lip(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let lip = Lip::parse_sds(bytes)?;
    let mut walk = Walk::new(bytes);
    walk.within("lip", bytes.len(), lip, |walk| {
        let (north, east) = lip.degrees_e7();
        let unknown = || String::from("unknown");
        walk.shared("protocol", 0..1, "location information protocol");
        walk.shared("age", 1..2, lip.elapsed.name());
        walk.shared("longitude", 1..5, format!("{east} e-7 degrees"));
        walk.shared("latitude", 4..8, format!("{north} e-7 degrees"));
        let metres = lip.error.metres().map(|metres| format!("{metres} m"));
        walk.shared("position error", 7..8, metres.unwrap_or_else(unknown));
        let kmh = lip.velocity.kmh().map(|kmh| format!("{kmh} km/h"));
        walk.shared("velocity", 8..9, kmh.unwrap_or_else(unknown));
        let ddeg = lip.direction_ddeg();
        walk.shared("direction", 8..9, format!("{}.{}°", ddeg / 10, ddeg % 10));
        if let Shape::Sds { is_users, extra } = lip.shape {
            let what = if is_users {
                "user's"
            } else {
                "reason for sending"
            };
            walk.shared("extra", 9..11, format!("{what} {extra}"));
        }
    });
    Ok(walk.into_fields())
}

fn block(rate: Rate, octets: &[u8]) -> Result<(String, Vec<Field>), DecodeError> {
    let confirmed = Block::parse(rate, true, octets).ok();
    let name = rate.data_type().name();
    let Some(serial) = confirmed.and_then(|block| block.serial) else {
        let mut walk = Walk::new(octets);
        walk.next("data", octets.len(), walk.hex(octets.len()));
        return Ok((format!("{name}, unconfirmed"), walk.into_fields()));
    };
    let mut walk = Walk::new(octets);
    walk.next("serial, CRC-9", 2, format!("{serial}, fits"));
    let rest = octets.len() - 2;
    walk.next("data", rest, walk.hex(rest));
    Ok((
        format!("{name}, confirmed, block {serial}"),
        walk.into_fields(),
    ))
}

fn pdu_fields(pdu: &Pdu, bytes: &[u8]) -> Vec<Field> {
    let mut walk = Walk::new(bytes);
    let name = match pdu {
        Pdu::Csbk(_) => "csbk",
        Pdu::Header(_) => "data header",
        Pdu::Lc(..) => "link control",
        Pdu::Raw { .. } => "pdu",
    };
    walk.within(name, bytes.len(), pdu, |walk| {
        let check = match pdu {
            Pdu::Csbk(block) => csbk(walk, block),
            Pdu::Header(data) => header(walk, data),
            Pdu::Lc(_, lc) => link_control(walk, lc),
            Pdu::Raw { body, .. } => {
                walk.next("not read", body.len(), walk.hex(body.len()));
                2
            }
        };
        let fits = format!("0x{} fits", walk.hex(check));
        walk.next("checksum", check, fits);
    });
    walk.into_fields()
}

/// Up to the checksum, whose bytes it tells.
fn csbk(walk: &mut Walk<'_>, block: &Csbk) -> usize {
    let last = if block.last { ", last block" } else { "" };
    let secret = if block.protect { ", protected" } else { "" };
    let opcode = block.body.opcode();
    walk.next("opcode", 1, format!("{opcode}{last}{secret}"));
    walk.next("feature set", 1, format!("0x{}", walk.hex(1)));
    match &block.body {
        Body::UnitRequest { target, source, .. } => {
            walk.next("options", 1, format!("0x{}", walk.hex(1)));
            walk.next("reserved", 1, 0);
            pair(walk, ("target", *target), ("source", *source));
        }
        Body::UnitAnswer {
            answer,
            target,
            source,
            ..
        } => {
            walk.next("options", 1, format!("0x{}", walk.hex(1)));
            walk.next(
                "answer",
                1,
                format!("{} ({:#04x})", answer.name(), answer.0),
            );
            pair(walk, ("target", *target), ("source", *source));
        }
        Body::Nack {
            from_radio,
            service,
            reason,
            source,
            target,
            ..
        } => {
            let by = if *from_radio {
                "by a radio"
            } else {
                "by a base station"
            };
            walk.next("service", 1, format!("{service}, refused {by}"));
            walk.next("reason", 1, format!("{reason:#04x}"));
            pair(walk, ("source", *source), ("target", *target));
        }
        Body::Activate {
            base_station,
            source,
        } => {
            walk.next("reserved", 2, 0);
            pair(walk, ("base station", *base_station), ("source", *source));
        }
        Body::Preamble {
            is_data,
            is_group,
            blocks_to_follow,
            target,
            source,
        } => {
            let what = if *is_data { "data" } else { "control" };
            let whom = if *is_group { "a group" } else { "one radio" };
            walk.next("announces", 1, format!("{what} for {whom}"));
            walk.next("blocks to follow", 1, blocks_to_follow);
            pair(walk, ("target", *target), ("source", *source));
        }
        Body::Ahoy(ahoy) => {
            walk.next(
                "options",
                1,
                format!("{:#04x}, flag {}", ahoy.options, ahoy.flag),
            );
            let (kind, blocks) = (ahoy.kind.name(), ahoy.appended_blocks);
            walk.next("service", 1, format!("{kind}, {blocks} blocks appended"));
            pair(walk, ("target", ahoy.target), ("source", ahoy.source));
        }
        Body::Ack(ack) => {
            let (info, reason) = (ack.information, ack.reason);
            walk.next("response", 2, format!("{info:#04x}, reason {reason:#04x}"));
            pair(walk, ("target", ack.target), ("source", ack.source));
        }
        Body::Raw { payload, .. } => {
            walk.next("payload", payload.len(), walk.hex(payload.len()));
        }
    }
    2
}

fn pair(walk: &mut Walk<'_>, first: (&'static str, Address), second: (&'static str, Address)) {
    walk.next(first.0, 3, first.1);
    walk.next(second.0, 3, second.1);
}

fn header(walk: &mut Walk<'_>, header: &DataHeader) -> usize {
    let whom = if header.is_group {
        "a group"
    } else {
        "one radio"
    };
    let wants = if header.wants_response {
        ", response wanted"
    } else {
        ""
    };
    walk.next(
        "format",
        1,
        format!("{} for {whom}{wants}", header.kind.name()),
    );
    walk.next("access point", 1, sap_words(header));
    let (to, from) = (header.destination, header.source);
    pair(walk, ("destination", to), ("source", from));
    match &header.kind {
        Kind::Unconfirmed(packet) => {
            walk.next("blocks", 1, blocks(packet));
            walk.next("fragment", 1, packet.fragment);
        }
        Kind::Confirmed {
            packet,
            is_resync,
            sequence,
        } => {
            walk.next("blocks", 1, blocks(packet));
            let resync = if *is_resync { ", from here" } else { "" };
            let fragment = packet.fragment;
            walk.next(
                "sequence",
                1,
                format!("packet {sequence}{resync}, fragment {fragment}"),
            );
        }
        Kind::Response {
            blocks,
            verdict,
            sequence,
            ..
        } => {
            walk.next("blocks", 1, blocks);
            walk.next(
                "response",
                1,
                format!("{}, packet {sequence}", verdict.name()),
            );
        }
        Kind::Defined { data, format } => {
            walk.next("data", 1, format!("{}{}", format.name(), try_words(data)));
            walk.next("padding", 1, format!("{} bits", data.pad_bits));
        }
        Kind::Raw {
            data,
            source_port,
            destination_port,
        } => {
            let ports = format!("{source_port} to {destination_port}");
            walk.next("ports", 1, ports + try_words(data));
            walk.next("padding", 1, format!("{} bits", data.pad_bits));
        }
        Kind::Status {
            source_port,
            destination_port,
            status,
            ..
        } => {
            let ports = format!("port {source_port} to {destination_port}");
            walk.next("status", 2, format!("{status}, {ports}"));
        }
        Kind::Udt(udt) => {
            let (blocks, padding) = (udt.blocks, udt.pad_nibbles);
            walk.next(
                "blocks",
                1,
                format!("{blocks}, {padding} half octets of padding"),
            );
            walk.next("opcode", 1, udt.opcode);
        }
    }
    2
}

/// What stands beside the access point in its byte.
fn sap_words(header: &DataHeader) -> String {
    match &header.kind {
        Kind::Udt(udt) => format!("{}, {}", udt.sap.name(), udt.format.name()),
        Kind::Unconfirmed(packet) | Kind::Confirmed { packet, .. } => {
            format!(
                "{}, {} octets of padding",
                packet.sap.name(),
                packet.pad_octets
            )
        }
        Kind::Defined { data, .. } | Kind::Raw { data, .. } => {
            format!("{}, {} blocks", data.sap.name(), data.blocks)
        }
        Kind::Response { sap, .. } | Kind::Status { sap, .. } => String::from(sap.name()),
    }
}

fn blocks(packet: &Packet) -> String {
    let again = if packet.is_first_try { "" } else { ", again" };
    format!("{}{again}", packet.blocks)
}

fn try_words(data: &ShortData) -> &'static str {
    match (data.may_retry, data.is_first_try) {
        (true, true) => ", blocks may be asked for again",
        (true, false) => ", blocks sent again",
        (false, true) => "",
        (false, false) => ", again",
    }
}

fn link_control(walk: &mut Walk<'_>, lc: &Lc) -> usize {
    let secret = if lc.protect { ", protected" } else { "" };
    walk.next("opcode", 1, format!("{}{secret}", lc.opcode));
    walk.next("feature set", 1, format!("{:#04x}", lc.feature_set));
    walk.next("options", 1, format!("{:#04x}", lc.options));
    pair(walk, ("destination", lc.destination), ("source", lc.source));
    3
}

#[cfg(test)]
mod tests {
    use super::super::describe;
    use super::*;
    use crate::capture::{bytes_of, flips, frames, hex};
    use crate::error::Layer;

    const FILES: [&str; 5] = [
        include_str!("../../../fixtures/radio/dmr_bursts.json"),
        include_str!("../../../fixtures/radio/dmr_csbk.json"),
        include_str!("../../../fixtures/radio/dmr_pdus.json"),
        include_str!("../../../fixtures/radio/generated_dmr_short_data_utf16.json"),
        include_str!("../../../fixtures/radio/lip.json"),
    ];

    /// Every frame of the fixtures, its kind not told: taken, unless it is marked as broken.
    #[test]
    fn every_vector_is_told_apart() {
        let (mut taken, mut refused) = (0, 0);
        for vector in FILES.into_iter().flat_map(frames) {
            let bytes = bytes_of(&vector);
            let kind = match (bytes.len(), vector["protocol"].as_str().unwrap()) {
                (33, _) => "burst",
                (11, _) => "lip",
                (_, "DMR CSBK") => "csbk",
                _ => "data header",
            };
            if vector["expected"]["crc_ok"] == false {
                let error = describe(&bytes).unwrap_err();
                assert_eq!((error.layer(), error.reason()), (Layer::Pdu, "checksum"));
                refused += 1;
            } else {
                assert_eq!(describe(&bytes).unwrap()[0].name, kind, "{vector}");
                taken += 1;
            }
        }
        assert_eq!((taken, refused), (18 + 7 + 8 + 6 + 2, 1));
    }

    /// No byte of a bare PDU is left out or said twice.
    #[test]
    fn every_byte_of_a_pdu_is_described_once() {
        for vector in [FILES[1], FILES[2]].into_iter().flat_map(frames) {
            let Ok(fields) = describe(&bytes_of(&vector)) else {
                continue;
            };
            let mut at = 0;
            for field in &fields[1..] {
                assert_eq!(field.bytes.start, at, "{field:?}");
                at = field.bytes.end;
            }
            assert_eq!(at, 12);
        }
    }

    fn lines(digits: &str) -> Vec<String> {
        let fields = describe(&hex(digits)).unwrap();
        let line = |field: &Field| {
            format!(
                "{}{}: {}",
                "  ".repeat(field.depth.into()),
                field.name,
                field.value
            )
        };
        fields.iter().map(line).collect()
    }

    #[test]
    fn a_header_in_its_burst() {
        let burst = "4d6d02c70790198e5798b001058d5d7f77fd7573383c1d5a3162300d1040758309";
        let expected = [
            "burst: short data, defined from 4600123 to 9: UTF-16LE, 2 blocks",
            "  slot type: colour code 1, data header",
            "  sync: radio data",
            "  information: 0da200000946313b5530593e",
            "  data header: short data, defined from 4600123 to 9: UTF-16LE, 2 blocks",
            "    format: short data, defined for one radio",
            "    access point: short data, 2 blocks",
            "    destination: 9",
            "    source: 4600123",
            "    data: UTF-16LE",
            "    padding: 48 bits",
            "    checksum: 0x593e fits",
        ];
        assert_eq!(lines(burst), expected);
    }

    #[test]
    fn blocks_tell_whether_they_are_confirmed() {
        let confirmed = "2522222222a632b222222222560dff57d75df5dce2822222222791522222222c11";
        assert_eq!(
            lines(confirmed)[0],
            "burst: rate 3/4 data, confirmed, block 1"
        );
        let unconfirmed = "4895742ee0e717ff3040768c45ed5d7f77fd757096462df49f615c2c8112e4307c";
        assert_eq!(lines(unconfirmed)[0], "burst: rate 1/2 data, unconfirmed");
    }

    #[test]
    fn a_report() {
        let expected = [
            "lip: 37.9919565,23.7641895 within 200 m less than 5 s old",
            "  protocol: location information protocol",
            "  age: less than 5 s old",
            "  longitude: 237641895 e-7 degrees",
            "  latitude: 379919565 e-7 degrees",
            "  position error: 200 m",
            "  velocity: unknown",
            "  direction: 337.5°",
            "  extra: reason for sending 2",
        ];
        assert_eq!(lines("0a010e6239b0439affe020"), expected);
    }

    /// A bare PDU has nothing that corrects: any flipped bit is refused. A burst corrects, or is
    /// refused, and never says anything else.
    #[test]
    fn a_flipped_bit_changes_no_meaning() {
        for vector in FILES.into_iter().flat_map(frames) {
            let bytes = bytes_of(&vector);
            let Ok(whole) = describe(&bytes) else {
                continue;
            };
            if bytes.len() == Lip::SDS_LEN {
                continue;
            }
            for (at, bit, flipped) in flips(&bytes, 0..bytes.len()) {
                match describe(&flipped) {
                    Ok(fields) => assert_eq!(fields, whole, "{at}.{bit} {vector}"),
                    Err(_) => assert_eq!(bytes.len(), 12, "{at}.{bit} {vector}"),
                }
            }
        }
    }

    #[test]
    fn refusals_name_the_likelier_kind() {
        let burst = hex("53df0a83b7a8282c2509625014fdff57d75df5dcadde429028c87ae3341e24191c");
        let mut broken = burst.clone();
        broken[..6].fill(0x55);
        assert_eq!(describe(&broken).unwrap_err().layer(), Layer::Burst);
        broken[13..20].fill(0);
        assert_eq!(describe(&broken).unwrap_err().layer(), Layer::Hdap);
        let mut pdu = hex("bd00000100019a00019c56ce");
        pdu[11] ^= 1;
        assert_eq!(describe(&pdu).unwrap_err().layer(), Layer::Pdu);
        // 02 is a service.
        let mut pdu = hex("023a2337fc2337fe820081a3");
        assert_eq!(describe(&pdu).unwrap()[0].name, "data header");
        pdu[11] ^= 1;
        assert_eq!(describe(&pdu).unwrap_err().layer(), Layer::Hdap);
        let lip = hex("0a010e6239b0439affe021");
        assert_eq!(describe(&lip).unwrap_err().layer(), Layer::Lip);
    }
}
