//! DMR frames nobody recorded, kept as vectors of our own making: each reads as the value it was
//! made from, and that value is written as the same bytes. Then what no single file can check: a
//! recorded message of several bursts, a campaign of random and broken frames, and that
//! protocols/README.md names source, standing and vector of every frame.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test file: the lints' exemption covers test functions, not what they call"
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Display;
use tieqi_protocols::describe::{describe, describe_burst, describe_lip, describe_pdu};
use tieqi_protocols::dmr::block::{Block, Rate};
use tieqi_protocols::dmr::coding::Coding;
use tieqi_protocols::dmr::crc::Mask;
use tieqi_protocols::dmr::csbk::{Answer, Body};
use tieqi_protocols::dmr::element::{NackReason, Sap, UdtFormat, Verdict};
use tieqi_protocols::dmr::header::{Kind, ShortData, UdtHeader};
use tieqi_protocols::dmr::lc::{Lc, LcKind};
use tieqi_protocols::dmr::nmea::Nmea;
use tieqi_protocols::dmr::packet::{Assembly, BlockMap, MAX_OCTETS};
use tieqi_protocols::dmr::slot_type::{DataType, SlotType};
use tieqi_protocols::dmr::sync::SyncWord;
use tieqi_protocols::dmr::transmission::{Payload, ShortText, words};
use tieqi_protocols::dmr::trunking::{Ack, AckChannel, Ahoy, ServiceKind};
use tieqi_protocols::dmr::udt::Content;
use tieqi_protocols::dmr::{Address, Burst, Csbk, DataHeader, Pdu, Transmission};
use tieqi_protocols::gps::{Angle, Time};
use tieqi_protocols::lip::Lip;
use tieqi_protocols::pei::{self, Sds};

const README: &str = include_str!("../README.md");
const BURSTS: &str = include_str!("../../fixtures/radio/dmr_bursts.json");
const MADE: &str = include_str!("../../fixtures/radio/dmr_made.json");
/// Names of the README, and the files they stand for.
const FIXTURES: [(&str, &str); 8] = [
    ("bursts", BURSTS),
    ("made", MADE),
    ("csbk", include_str!("../../fixtures/radio/dmr_csbk.json")),
    ("fec", include_str!("../../fixtures/radio/dmr_fec_crc.json")),
    ("pdus", include_str!("../../fixtures/radio/dmr_pdus.json")),
    (
        "text",
        include_str!("../../fixtures/radio/generated_dmr_short_data_utf16.json"),
    ),
    ("lip", include_str!("../../fixtures/radio/lip.json")),
    (
        "pei",
        include_str!("../../fixtures/radio/tetra_pei_sds.json"),
    ),
];

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
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

fn bytes_of(vector: &Value) -> Vec<u8> {
    bytes(vector["hex"].as_str().unwrap())
}

fn named(text: &str, name: &str) -> Vec<u8> {
    let vectors = vectors(text);
    bytes_of(
        vectors
            .iter()
            .find(|vector| vector["name"] == name)
            .unwrap(),
    )
}

fn address(number: u32) -> Address {
    Address::new(number).unwrap()
}

/// A frame of ours: its name, its bytes, what it says.
type Made = (String, Vec<u8>, String);

fn burst(name: &str, data_type: DataType, octets: &[u8], says: impl Display) -> Made {
    let colour_code = 1;
    let slot = SlotType {
        colour_code,
        data_type,
    };
    let burst = Burst::new(SyncWord::MsData, slot, octets).unwrap();
    let bytes = burst.to_bytes();
    let read = Burst::parse(&bytes).unwrap();
    assert_eq!((read, &*read.octets().unwrap()), (burst, octets));
    (format!("burst_{name}"), bytes.to_vec(), says.to_string())
}

/// Bursts of what is not read further, and of link control.
fn made_bursts() -> Vec<Made> {
    let lc = Lc {
        protect: false,
        opcode: 0,
        feature_set: 0,
        options: 0x80,
        destination: address(110),
        source: address(1001),
    };
    let raw = |mask| Pdu::Raw {
        mask,
        body: *b"0123456789",
    };
    let pdus = [
        ("0", raw(Mask::PiHeader)),
        ("2", Pdu::Lc(LcKind::Terminator, lc)),
        ("4", raw(Mask::MbcHeader)),
        ("11", raw(Mask::Usbd)),
    ];
    let pdus = pdus.map(|(name, pdu)| {
        let octets = pdu.to_bytes();
        assert_eq!(Pdu::parse(pdu.data_type(), &octets), Ok(Some(pdu)));
        burst(name, pdu.data_type(), &octets, pdu)
    });
    let bare = [("5", DataType::MbcContinuation), ("9", DataType::Idle)];
    let bare =
        bare.map(|(name, data_type)| burst(name, data_type, b"0123456789AB", data_type.name()));
    pdus.into_iter().chain(bare).collect()
}

/// Blocks of each rate, confirmed and not.
fn made_blocks() -> Vec<Made> {
    let mut made = Vec::new();
    for rate in Rate::ALL {
        for serial in [None, Some(5)] {
            let is_confirmed = serial.is_some();
            let data: Vec<u8> = (b'A'..).take(rate.data_octets(is_confirmed)).collect();
            let block = Block::new(rate, serial, &data).unwrap();
            let octets = block.octets();
            assert_eq!(Block::parse(rate, is_confirmed, &octets), Ok(block));
            let name = rate.data_type().name();
            let (short, says) = match serial {
                None => ("", format!("{name}, unconfirmed")),
                Some(serial) => ("_confirmed", format!("{name}, confirmed, block {serial}")),
            };
            let name = format!("{}{short}", rate.data_type().code());
            made.push(burst(&name, rate.data_type(), &octets, says));
        }
    }
    made
}

fn made_blocks_of_control() -> Vec<Made> {
    let (target, source) = (address(1001), Address::DISPATCHER);
    let ahoy = Ahoy {
        options: 0,
        flag: false,
        is_ambient: false,
        is_group: false,
        appended_blocks: 0,
        kind: ServiceKind::STATUS,
        target,
        source,
    };
    let ack = |channel| {
        Body::Ack(Ack {
            channel,
            information: 0,
            reason: 0x44,
            target,
            source,
        })
    };
    let answer = Body::UnitAnswer {
        options: 0,
        answer: Answer::PROCEED,
        target,
        source: address(1002),
    };
    let bodies = [
        answer,
        Body::Ahoy(ahoy),
        ack(AckChannel::ControlDown),
        ack(AckChannel::ControlUp),
        ack(AckChannel::PayloadDown),
        ack(AckChannel::PayloadUp),
    ];
    bodies
        .map(|body| {
            let csbk = Csbk::new(body);
            let bytes = csbk.to_bytes();
            assert_eq!(Csbk::parse(&bytes), Ok(csbk));
            (
                format!("csbk_{}", body.opcode()),
                bytes.to_vec(),
                csbk.to_string(),
            )
        })
        .into()
}

fn made_headers() -> Vec<Made> {
    let packet = Payload {
        destination: address(1001),
        source: address(9),
        sap: Sap::IP,
        rate: Rate::Half,
        sequence: Some(5),
        octets: b"0123456789",
    };
    let confirmed = packet.transmission().unwrap().header;
    let response = |verdict| {
        let missing = BlockMap::default().with(1);
        Transmission::response(&confirmed, verdict, missing).header
    };
    let data = ShortData {
        sap: Sap::SHORT_DATA,
        blocks: 2,
        may_retry: false,
        is_first_try: true,
        pad_bits: 16,
    };
    let of = |kind| DataHeader {
        kind,
        wants_response: false,
        ..confirmed
    };
    let raw = Kind::Raw {
        data,
        source_port: 1,
        destination_port: 2,
    };
    let status = Kind::Status {
        sap: Sap::SHORT_DATA,
        source_port: 0,
        destination_port: 0,
        status: 517,
    };
    let headers = [
        ("1_nack", response(Verdict::Nack(NackReason::PACKET_CRC))),
        ("1_retry", response(Verdict::Retry)),
        ("3", confirmed),
        ("14_raw", of(raw)),
        ("14_status", of(status)),
    ];
    headers
        .map(|(name, header)| {
            let bytes = header.to_bytes();
            assert_eq!(DataHeader::parse(&bytes), Ok(Some(header)));
            (format!("header_{name}"), bytes.to_vec(), header.to_string())
        })
        .into()
}

fn udt_header(format: UdtFormat, blocks: usize, pad_nibbles: u8) -> UdtHeader {
    UdtHeader {
        is_emergency: false,
        option: false,
        sap: Sap::UDT,
        format,
        pad_nibbles,
        blocks: u8::try_from(blocks).unwrap(),
        is_supplementary: false,
        protect: false,
        opcode: 27,
    }
}

fn made_unified_data() -> Vec<Made> {
    // 22 degrees 51.1234 minutes north, 113 degrees 59.9876 minutes east.
    let short = Nmea {
        valid: true,
        speed_kn: 17,
        latitude: Angle {
            minutes_e4: 13_711_234,
        },
        longitude: Angle {
            minutes_e4: 68_399_876,
        },
        time: Time {
            hour: 8,
            minute: 7,
            second: 40,
        },
        course_deg: None,
    };
    let course_deg = Some(270);
    let long = Nmea {
        course_deg,
        ..short
    };
    // The place of a recorded report.
    let lip = Lip::parse_sds(&named(FIXTURES[6].1, "live beacon")).unwrap();
    let lip = Lip::parse_udt(&lip.to_udt()).unwrap();
    let contents = [
        ("5_short", Content::Nmea(short)),
        ("5_long", Content::Nmea(long)),
        ("7", Content::Text("警情:黄江大道".into())),
        ("11", Content::Lip(lip)),
    ];
    contents
        .map(|(name, content)| {
            let (blocks, padding) = content.blocks().unwrap();
            let octets: Vec<u8> = blocks
                .iter()
                .flat_map(|block| block.data().to_vec())
                .collect();
            let header = udt_header(content.format(), blocks.len(), padding);
            assert_eq!(Content::parse(&header, &octets).as_ref(), Ok(&content));
            (format!("udt_{name}"), octets, content.to_string())
        })
        .into()
}

/// Whole texts as bursts, one after the other.
fn made_texts() -> Vec<Made> {
    let text = |coding, is_confirmed| ShortText {
        destination: address(1001),
        source: address(9),
        is_group: false,
        is_confirmed,
        rate: Rate::ThreeQuarter,
        coding,
        text: "警情:黄江大道",
    };
    let texts = [
        ("utf8", text(Coding::Utf8, false)),
        ("utf16be", text(Coding::Utf16Be, false)),
        ("confirmed", text(Coding::Utf16Le, true)),
    ];
    texts
        .map(|(name, text)| {
            let sent = text.transmission().unwrap();
            let bursts = sent.bursts(SyncWord::BsData, 1, 1);
            let bytes: Vec<u8> = bursts.flat_map(|burst| burst.to_bytes()).collect();
            let (header, octets) = packet(&bytes);
            assert_eq!(words(&header, &octets).as_deref(), Some(text.text));
            (format!("text_{name}"), bytes, text.text.to_string())
        })
        .into()
}

/// The packet of some bursts, one after the other.
fn packet(bursts: &[u8]) -> (DataHeader, Vec<u8>) {
    let mut assembly: Option<Assembly> = None;
    for bytes in bursts.chunks(Burst::LEN) {
        let burst = Burst::parse(bytes).unwrap();
        let (data_type, octets) = (burst.slot.data_type, burst.octets().unwrap());
        if let Some(rate) = Rate::of(data_type) {
            assembly.as_mut().unwrap().take(rate, &octets).unwrap();
        } else if let Ok(Some(Pdu::Header(header))) = Pdu::parse(data_type, &octets) {
            assembly = Assembly::begin(header);
        }
    }
    let assembly = assembly.unwrap();
    (*assembly.header(), assembly.finish().unwrap())
}

fn made() -> Vec<Made> {
    [
        made_bursts(),
        made_blocks(),
        made_blocks_of_control(),
        made_headers(),
        made_unified_data(),
        made_texts(),
    ]
    .concat()
}

/// Frozen: what was written once is read and written the same for ever.
#[test]
fn frames_of_our_own_making() {
    let kept: Vec<_> = vectors(MADE)
        .iter()
        .map(|vector| {
            let text = |name: &str| vector[name].as_str().unwrap().to_owned();
            (text("name"), text("hex"), text("says"))
        })
        .collect();
    let made: Vec<_> = made()
        .into_iter()
        .map(|(name, bytes, says)| (name, hex(&bytes), says))
        .collect();
    assert_eq!(made, kept);
}

/// Those of them that stand alone, as `decode` explains them.
#[test]
fn frames_of_our_own_making_are_explained() {
    let mut explained = 0;
    for vector in vectors(MADE) {
        let bytes = bytes_of(&vector);
        if matches!(bytes.len(), 12 | 33) && !vector["name"].as_str().unwrap().starts_with("udt") {
            assert_eq!(
                describe(&bytes).unwrap()[0].value,
                vector["says"],
                "{vector}"
            );
            explained += 1;
        }
    }
    assert_eq!(explained, 6 + 6 + 6 + 5);
}

/// Three bursts in a row off the air: a header and its two blocks, whose CRC-32 fits. Cut by us,
/// their octets give the same bursts.
#[test]
fn a_recorded_message() {
    let bursts = [
        "test_transmission:63",
        "test_transmission:65",
        "test_transmission:67",
    ];
    let bursts = bursts.map(|name| named(BURSTS, name)).concat();
    let (header, octets) = packet(&bursts);
    assert_eq!(hex(&octets), "d6790062620003bf0007");
    let (rate, sequence) = (Rate::Half, None);
    let again = Payload {
        destination: header.destination,
        source: header.source,
        sap: Sap::UDP,
        rate,
        sequence,
        octets: &octets,
    };
    let again = again.transmission().unwrap();
    let sent = again
        .bursts(SyncWord::BsData, 5, 0)
        .flat_map(|burst| burst.to_bytes());
    assert_eq!(hex(&sent.collect::<Vec<_>>()), hex(&bursts));
}

/// SplitMix64, public domain.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Random bytes, and recorded frames with random bytes changed: nothing panics, and what reads is
/// written so that it reads the same again.
#[test]
fn no_input_does_harm() {
    let seed = 0x0DA7_ABA5;
    let mut lot = Lot(seed);
    let recorded: Vec<Vec<u8>> = FIXTURES
        .iter()
        .filter(|(name, _)| *name != "fec")
        .flat_map(|(_, text)| vectors(text))
        .map(|vector| bytes_of(&vector))
        .collect();
    let (mut bursts, mut pdus) = (0, 0);
    for round in 0..60_000 {
        let mut frame = match round % 3 {
            0 => (0..lot.below(40)).map(|_| lot.next() as u8).collect(),
            _ => recorded[lot.below(recorded.len())].clone(),
        };
        for _ in 0..lot.below(6) {
            let at = lot.below(frame.len().max(1));
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << lot.below(8);
            }
        }
        let _ = describe(&frame);
        if let Ok(burst) = Burst::parse(&frame) {
            assert_eq!(Burst::parse(&burst.to_bytes()), Ok(burst), "seed {seed:#x}");
            if let Ok(octets) = burst.octets() {
                feed(burst.slot.data_type, &octets);
            }
            bursts += 1;
        }
        if let Ok(pdu) = Pdu::told_by_checksum(&frame) {
            assert_eq!(
                Pdu::told_by_checksum(&pdu.to_bytes()),
                Ok(pdu),
                "seed {seed:#x}"
            );
            pdus += 1;
        }
        for format in 0..16 {
            let header = udt_header(UdtFormat(format), frame.len() / 12 % 5, frame.len() as u8);
            let _ = Content::parse(&header, &frame);
        }
        let _ = (
            Nmea::parse(&frame),
            Lip::parse_udt(&frame),
            BlockMap::from_octets(&frame),
        );
    }
    assert!(
        bursts > 10_000 && pdus > 2_000,
        "{bursts} bursts, {pdus} PDUs: seed {seed:#x}"
    );
}

/// What a burst carries, handed on.
fn feed(data_type: DataType, octets: &[u8]) {
    let Some(rate) = Rate::of(data_type) else {
        if let Ok(Some(Pdu::Header(header))) = Pdu::parse(data_type, octets) {
            let assembly = Assembly::begin(header);
            let octets = assembly.map(|assembly| assembly.finish().unwrap_or_default());
            assert!(octets.unwrap_or_default().len() <= MAX_OCTETS);
        }
        return;
    };
    for is_confirmed in [false, true] {
        if let Ok(block) = Block::parse(rate, is_confirmed, octets) {
            assert_eq!(*block.octets(), *octets);
        }
    }
}

#[test]
fn proper_prefixes_are_refused() {
    let all = FIXTURES.iter().filter(|(name, _)| *name != "fec");
    for vector in all.flat_map(|(_, text)| vectors(text)) {
        let bytes = bytes_of(&vector);
        for taken in 0..bytes.len().min(33) {
            let prefix = &bytes[..taken];
            if taken < 33 {
                assert_eq!(describe_burst(prefix).unwrap_err().reason(), "truncated");
            }
            if taken < 12 {
                assert_eq!(describe_pdu(prefix).unwrap_err().reason(), "truncated");
            }
            if taken < 11 {
                assert_eq!(describe_lip(prefix).unwrap_err().reason(), "truncated");
            }
        }
    }
}

/// The rows of the README's tables: frame, source, standing, vector.
fn rows() -> Vec<[&'static str; 4]> {
    let lines = README.lines().filter(|line| line.starts_with("| "));
    lines
        .filter(|line| !line.starts_with("| frame "))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 4, "{line}");
            [cells[0], cells[1], cells[2], cells[3]]
        })
        .collect()
}

/// What the code reads, as the README's rows begin. Asked of the code itself, so that a new frame
/// needs a row.
fn frames() -> BTreeSet<String> {
    let mut frames = BTreeSet::new();
    for data_type in DataType::ALL {
        frames.insert(format!("burst {}: {}", data_type.code(), data_type.name()));
    }
    for opcode in 0..64 {
        let (feature_set, payload) = (0, [0; 8]);
        let raw = Csbk::new(Body::Raw {
            opcode,
            feature_set,
            payload,
        });
        let read = Csbk::parse(&raw.to_bytes()).unwrap();
        if !matches!(read.body, Body::Raw { .. }) {
            frames.insert(format!("CSBK {opcode}:"));
        }
    }
    for (format, low) in (0..16).flat_map(|format| [(format, 0), (format, 1)]) {
        let mut body = [0; 10];
        (body[0], body[1]) = (format, low);
        let mask = Mask::DataHeader;
        let bytes = Pdu::Raw { mask, body }.to_bytes();
        if let Some(header) = DataHeader::parse(&bytes).unwrap() {
            frames.insert(format!("header {format}: {}", header.kind.name()));
        }
    }
    for rate in Rate::ALL.map(|rate| rate.data_type().name()) {
        frames.extend([format!("{rate}, unconfirmed"), format!("{rate}, confirmed")]);
    }
    for coding in Coding::ALL {
        frames.insert(format!("text in {}", coding.format().name()));
    }
    frames.extend(pei_frames());
    for format in 0..16 {
        let raw = Content::Raw(Vec::new());
        let octets: Vec<u8> = raw.blocks().unwrap().0[0].data().to_vec();
        let header = udt_header(UdtFormat(format), 1, 0);
        if !matches!(Content::parse(&header, &octets), Ok(Content::Raw(_))) {
            frames.insert(format!("UDT {format}: {}", UdtFormat(format).name()));
        }
    }
    frames
}

/// Short data and alphabets of PEI, asked of the code in the same way.
fn pei_frames() -> BTreeSet<String> {
    let mut frames = BTreeSet::new();
    for (protocol, head) in (0..=255).flat_map(|protocol| [(protocol, 0), (protocol, 0x4D)]) {
        for kind in [0x00, 0x10, 0x20] {
            let octets = [
                &[protocol, head | kind, 5, 0, 3, 1, 2, 1],
                [0; 3].as_slice(),
            ]
            .concat();
            let parsed = [Sds::parse(&octets), Sds::parse_status(&octets[..2])];
            let read = parsed
                .iter()
                .flatten()
                .filter(|sds| !matches!(sds, Sds::Raw(_)));
            frames.extend(read.map(|sds| format!("SDS {}", sds.name())));
        }
    }
    let codings = (0..128).map(pei::Coding).filter_map(pei::Coding::name);
    frames.extend(codings.map(|name| format!("SDS alphabet {name}")));
    frames
}

/// A frame nobody recorded and nobody made is assumed, and its tests are named.
fn is_made_in_tests(standing: &str, vector: &str) -> bool {
    standing.starts_with("assumed") && vector.starts_with("in the tests of")
}

#[test]
fn the_readme_names_source_standing_and_vector_of_every_frame() {
    let rows = rows();
    for [frame, source, standing, vector] in &rows {
        let cells = [frame, source, standing, vector];
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{frame}");
    }
    for frame in frames() {
        let of_it: Vec<_> = rows
            .iter()
            .filter(|row| row[0].starts_with(&frame))
            .collect();
        assert!(!of_it.is_empty(), "no row for {frame}");
        for [_, _, standing, vector] in of_it {
            let known = ["verified", "assumed"];
            assert!(
                known.iter().any(|word| standing.starts_with(word)),
                "{frame}: {standing}"
            );
            let made = is_made_in_tests(standing, vector);
            assert!(made || names_a_vector(vector), "{frame}: {vector}");
            // What nobody but us ever wrote is not verified.
            let is_ours = vector
                .split(';')
                .all(|part| part.trim().starts_with("made "));
            assert!(!(is_ours && standing.starts_with("verified")), "{frame}");
        }
    }
}

/// Whether a cell names vectors, by name or by their bytes, and all of them exist.
fn names_a_vector(cell: &str) -> bool {
    cell.split(';').all(|part| {
        let (file, names) = part.trim().split_once(' ').unwrap_or((part, ""));
        let fixture = FIXTURES.iter().find(|(known, _)| *known == file);
        let Some((_, text)) = fixture else {
            return false;
        };
        let vectors = vectors(text);
        let mut names = names.split('`').skip(1).step_by(2).peekable();
        names.peek().is_some()
            && names.all(|name| {
                let is_it = |vector: &Value| vector["name"] == name || vector["hex"] == name;
                vectors.iter().any(is_it)
            })
    })
}
