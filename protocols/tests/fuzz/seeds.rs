//! The captured frames, altered: random bytes alone never get past a checksum.

use serde_json::Value;
use std::sync::LazyLock;
use tieqi_protocols::dmr::crc::{Mask, ccitt};
use tieqi_protocols::hdap::{OVERHEAD, checksum};
use tieqi_protocols::hstrp::Hstrp;

type Frames = LazyLock<Vec<Vec<u8>>>;

pub(crate) static HDAP: Frames =
    LazyLock::new(|| frames(include_str!("../../../fixtures/radio/hytera_hdap.json"), 7));
pub(crate) static HSTRP: Frames = LazyLock::new(|| {
    let captured = include_str!("../../../fixtures/radio/hytera_hstrp.json");
    let dialogue = include_str!("../../../fixtures/radio/hytera_transcripts.json");
    let all = [frames(captured, 6), frames(dialogue, 6)].concat();
    all.into_iter()
        .filter(|frame| frame.starts_with(b"2B"))
        .collect()
});
pub(crate) static HRNP: Frames =
    LazyLock::new(|| frames(include_str!("../../../fixtures/radio/hytera_hrnp.json"), 12));
pub(crate) static HOMEBREW: Frames = LazyLock::new(|| {
    let login = include_str!("../../../fixtures/radio/captured_homebrew_login_and_data.json");
    let data = include_str!("../../../fixtures/radio/homebrew.json");
    [frames(login, 4), frames(data, 4)].concat()
});
pub(crate) static BURSTS: Frames = LazyLock::new(|| {
    let captured = include_str!("../../../fixtures/radio/dmr_bursts.json");
    let made = include_str!("../../../fixtures/radio/dmr_made.json");
    let all = [frames(captured, 33), frames(made, 33)].concat();
    all.into_iter().filter(|frame| frame.len() == 33).collect()
});
pub(crate) static PDUS: Frames = LazyLock::new(|| {
    let captured = include_str!("../../../fixtures/radio/dmr_pdus.json");
    let made = include_str!("../../../fixtures/radio/dmr_made.json");
    let all = [frames(captured, 12), frames(made, 12)].concat();
    all.into_iter().filter(|frame| frame.len() == 12).collect()
});
pub(crate) static LIP: Frames =
    LazyLock::new(|| frames(include_str!("../../../fixtures/radio/lip.json"), 11));

pub(crate) static MODEM: Frames = LazyLock::new(|| {
    let captured = include_str!("../../../fixtures/radio/captured_mmdvm_modem_frames.json");
    frames(captured, 3)
});
/// Short data of TETRA terminals.
pub(crate) static SDS: Frames = LazyLock::new(|| {
    frames(
        include_str!("../../../fixtures/radio/tetra_pei_sds.json"),
        2,
    )
});
/// The same behind its header, as terminals say it.
pub(crate) static PEI: Frames = LazyLock::new(|| {
    let text = include_str!("../../../fixtures/radio/tetra_pei_sds.json");
    let entries: Vec<Value> = serde_json::from_str(text).unwrap();
    let line = |entry: &Value| {
        let (header, data) = (entry["header"].as_str()?, entry["hex"].as_str()?);
        Some(format!("\r\n{header}\r\n{data}\r\n").into_bytes())
    };
    entries.iter().filter_map(line).collect()
});
/// The sentences of most manuals.
pub(crate) static NMEA: Frames = LazyLock::new(|| {
    let lines: [&[u8]; 2] = [
        b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A",
        b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47",
    ];
    lines.map(<[u8]>::to_vec).to_vec()
});

fn frames(text: &str, shortest: usize) -> Vec<Vec<u8>> {
    let entries: Vec<Value> = serde_json::from_str(text).unwrap();
    let bytes = entries
        .iter()
        .filter_map(|entry| unhex(entry["hex"].as_str()?));
    bytes.filter(|bytes| bytes.len() >= shortest).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

/// A seed with the script's changes: its first byte says which seed, every three after it one
/// change: how, where, with what.
pub(crate) fn altered(seeds: &[Vec<u8>], script: &[u8]) -> Vec<u8> {
    let Some((&which, changes)) = script.split_first() else {
        return Vec::new();
    };
    let mut bytes = seeds[usize::from(which) % seeds.len()].clone();
    for change in changes.as_chunks::<3>().0 {
        let [how, place, what] = *change;
        let at = usize::from(place) % (bytes.len() + 1);
        match how % 5 {
            0 if at < bytes.len() => bytes[at] = what,
            1 if at < bytes.len() => bytes[at] ^= 1 << (what % 8),
            2 => bytes.insert(at, what),
            3 => bytes.truncate(at),
            // A run of one byte, so that lengths come near their caps.
            4 => bytes.extend(std::iter::repeat_n(what, usize::from(place) * 5)),
            _ => {}
        }
    }
    bytes
}

/// Length, checksum and end byte that fit.
pub(crate) fn seal_hdap(bytes: &mut [u8]) {
    let Some(payload) = bytes.len().checked_sub(OVERHEAD) else {
        return;
    };
    let length = u16::try_from(payload).unwrap_or(u16::MAX);
    let is_control = bytes[0] & 0x7F == 0x02;
    let length = if is_control {
        length.to_le_bytes()
    } else {
        length.to_be_bytes()
    };
    bytes[3..5].copy_from_slice(&length);
    let sum = checksum(&bytes[1..5 + payload]);
    bytes[5 + payload..].copy_from_slice(&[sum, 3]);
}

/// The same for the message of a datagram.
pub(crate) fn seal_hstrp(bytes: &mut [u8]) {
    let Ok(frame) = Hstrp::parse(bytes) else {
        // The message does not fit yet: it begins behind the options, or at once.
        let at = if bytes.get(3).is_some_and(|kind| kind & 0x20 != 0) {
            15
        } else {
            6
        };
        return seal_hdap(bytes.get_mut(at..).unwrap_or_default());
    };
    let at = bytes.len() - frame.messages.len();
    seal_hdap(&mut bytes[at..]);
}

/// Length and checksum that fit, of the message too.
pub(crate) fn seal_hrnp(bytes: &mut [u8]) {
    if bytes.len() < 12 {
        return;
    }
    seal_hdap(&mut bytes[12..]);
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    bytes[8..10].copy_from_slice(&length.to_be_bytes());
    bytes[10..12].fill(0);
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    bytes[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// The CRC of twelve bytes that fits under that mask.
pub(crate) fn seal_pdu(bytes: &mut [u8], mask: Mask) {
    if let Some((body, crc)) = bytes.split_last_chunk_mut::<2>() {
        *crc = ccitt(body, mask).to_be_bytes();
    }
}

/// A sentence's checksum, between `$` and its last three characters.
pub(crate) fn seal_nmea(line: &mut [u8]) {
    let [b'$', body @ .., b'*', high, low] = line else {
        return;
    };
    let sum = body.iter().fold(0, |sum, byte| sum ^ byte);
    let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
    (*high, *low) = (digit(sum >> 4), digit(sum));
}
