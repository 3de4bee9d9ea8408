//! DMR frames made from values: signalling, headers, link control, bursts, whole texts.

use crate::{frame, hex, means};
use serde_json::{Value, json};
use std::iter::once;
use tieqi_protocols::dmr::block::Rate;
use tieqi_protocols::dmr::coding::Coding;
use tieqi_protocols::dmr::csbk::{Answer, Body as Signal};
use tieqi_protocols::dmr::element::{NackReason, Sap, UdtFormat, Verdict};
use tieqi_protocols::dmr::header::{Kind, ShortData, UdtHeader};
use tieqi_protocols::dmr::lc::{Lc, LcKind};
use tieqi_protocols::dmr::packet::BlockMap;
use tieqi_protocols::dmr::slot_type::SlotType;
use tieqi_protocols::dmr::sync::SyncWord;
use tieqi_protocols::dmr::transmission::{Payload, ShortText};
use tieqi_protocols::dmr::{Address, Burst, Csbk, DataHeader, Pdu, Transmission};

const WORDS: &str = "警情:黄江大道";

/// Every one of them.
pub(crate) fn frames() -> Vec<Value> {
    [signals(), headers(), voice(), bursts(), packets()].concat()
}

fn address(number: u32) -> Address {
    Address::new(number).unwrap_or(Address::ALL)
}

fn signals() -> Vec<Value> {
    let (target, source) = (address(1001), address(4_600_123));
    let options = 0x80;
    let preamble = |is_data, is_group, blocks_to_follow| Signal::Preamble {
        is_data,
        is_group,
        blocks_to_follow,
        target,
        source,
    };
    let answer = |answer| Signal::UnitAnswer {
        options,
        answer,
        target,
        source,
    };
    let nack = Signal::Nack {
        has_more: true,
        from_radio: true,
        service: 4,
        reason: 0x21,
        source,
        target,
    };
    let bodies = [
        (
            "unit request",
            Signal::UnitRequest {
                options,
                target,
                source,
            },
        ),
        ("unit answer", answer(Answer::PROCEED)),
        ("unit answer, denied", answer(Answer::DENY)),
        ("refusal", nack),
        (
            "activation",
            Signal::Activate {
                base_station: Address::ALL,
                source,
            },
        ),
        ("preamble of data", preamble(true, false, 5)),
        ("preamble of data to a group", preamble(true, true, 255)),
        ("preamble of control", preamble(false, false, 1)),
    ];
    let block = |(name, body): (&str, Signal)| {
        let block = Csbk::new(body);
        frame(name, "csbk", &block.to_bytes(), means::csbk(&block))
    };
    bodies.into_iter().map(block).collect()
}

fn voice() -> Vec<Value> {
    let lc = |opcode, destination| Lc {
        protect: false,
        opcode,
        feature_set: 0,
        options: 0x80,
        destination: address(destination),
        source: address(1001),
    };
    let kinds = [
        ("voice header", "voice_header", LcKind::Header, lc(0, 110)),
        (
            "voice header, one radio",
            "voice_header",
            LcKind::Header,
            lc(3, 1002),
        ),
        ("terminator", "terminator", LcKind::Terminator, lc(0, 110)),
    ];
    kinds
        .into_iter()
        .flat_map(|(name, kind, which, lc)| {
            let pdu = Pdu::Lc(which, lc);
            let octets = pdu.to_bytes();
            let means = means::of(kind, &octets).unwrap_or_default();
            let alone = frame(name, kind, &octets, means);
            let data_type = pdu.data_type();
            let slot = SlotType {
                colour_code: 15,
                data_type,
            };
            let burst = Burst::new(SyncWord::BsData, slot, &octets);
            once(Some(alone)).chain([burst.and_then(|burst| one(name, &burst))])
        })
        .flatten()
        .collect()
}

fn text(is_confirmed: bool, rate: Rate, coding: Coding, words: &str) -> Option<Transmission> {
    let text = ShortText {
        destination: address(1001),
        source: address(4_600_123),
        is_group: false,
        is_confirmed,
        rate,
        coding,
        text: words,
    };
    text.transmission()
}

fn octets_of(sequence: Option<u8>, octets: &[u8]) -> Option<Transmission> {
    let payload = Payload {
        destination: address(1001),
        source: address(9),
        sap: Sap::IP,
        rate: Rate::Half,
        sequence,
        octets,
    };
    payload.transmission()
}

fn headers() -> Vec<Value> {
    let of = |transmission: Option<Transmission>| transmission.map(|sent| sent.header);
    let confirmed = of(octets_of(Some(5), b"0123456789"));
    let response = |verdict| {
        let missing = BlockMap::default().with(1);
        confirmed.map(|header| Transmission::response(&header, verdict, missing).header)
    };
    let wanting = response(Verdict::Ack).map(|header| DataHeader {
        wants_response: true,
        ..header
    });
    let with = |kind| {
        confirmed.map(|header| DataHeader {
            kind,
            wants_response: false,
            ..header
        })
    };
    let (sap, source_port, destination_port) = (Sap::SHORT_DATA, 1, 2);
    let data = ShortData {
        sap,
        blocks: 33,
        may_retry: true,
        is_first_try: true,
        pad_bits: 16,
    };
    let status = Kind::Status {
        sap,
        source_port,
        destination_port,
        status: 517,
    };
    let all = [
        ("unconfirmed", of(octets_of(None, b"0123456789"))),
        ("confirmed", confirmed),
        ("ack", response(Verdict::Ack)),
        ("ack, wanting a response", wanting),
        ("nack", response(Verdict::Nack(NackReason::PACKET_CRC))),
        ("retry", response(Verdict::Retry)),
        (
            "text",
            of(text(false, Rate::ThreeQuarter, Coding::Utf16Be, WORDS)),
        ),
        (
            "confirmed text",
            of(text(true, Rate::Half, Coding::Utf8, WORDS)),
        ),
        (
            "raw short data",
            with(Kind::Raw {
                data,
                source_port,
                destination_port,
            }),
        ),
        ("status", with(status)),
        ("unified data", with(Kind::Udt(udt()))),
    ];
    let header = |(name, header): (&str, Option<DataHeader>)| {
        let header = header?;
        Some(frame(
            name,
            "header",
            &header.to_bytes(),
            means::header(&header),
        ))
    };
    all.into_iter().filter_map(header).collect()
}

fn udt() -> UdtHeader {
    UdtHeader {
        is_emergency: true,
        option: false,
        sap: Sap::UDT,
        format: UdtFormat(11),
        pad_nibbles: 3,
        blocks: 1,
        is_supplementary: false,
        protect: false,
        opcode: 27,
    }
}

fn one(name: &str, burst: &Burst) -> Option<Value> {
    let means = means::burst(burst).ok()?;
    Some(frame(
        &format!("burst of {name}"),
        "burst",
        &burst.to_bytes(),
        means,
    ))
}

/// Every rate, confirmed and not; all data syncs, several colour codes.
fn bursts() -> Vec<Value> {
    let syncs = [
        SyncWord::BsData,
        SyncWord::MsData,
        SyncWord::Slot1Data,
        SyncWord::Slot2Data,
    ];
    let mut turns = syncs.into_iter().cycle().zip((0..16u8).cycle());
    let mut all = Vec::new();
    for rate in Rate::ALL {
        for is_confirmed in [false, true] {
            let (sync, colour_code) = turns.next().unwrap_or((SyncWord::BsData, 1));
            let sort = if is_confirmed {
                "confirmed"
            } else {
                "unconfirmed"
            };
            let Some(sent) = text(is_confirmed, rate, Coding::Utf16Le, WORDS) else {
                continue;
            };
            for (at, burst) in sent.bursts(sync, colour_code, 1).enumerate() {
                let name = format!("{sort} {}, {at}", rate.data_type().name());
                all.extend(one(&name, &burst));
            }
        }
    }
    all
}

/// Whole texts, so long that they fill a block, need another, or many.
fn packets() -> Vec<Value> {
    let long = WORDS.repeat(20);
    let lengths = [
        ("none", ""),
        ("one", "a"),
        ("usual", WORDS),
        ("long", &long),
    ];
    let codings = [Coding::Utf8, Coding::Utf16Be, Coding::Utf16Le];
    let mut all = Vec::new();
    for (rate, coding) in Rate::ALL.into_iter().zip(codings) {
        for is_confirmed in [false, true] {
            for (length, words) in lengths {
                let Some(sent) = text(is_confirmed, rate, coding, words) else {
                    continue;
                };
                let bursts = sent.bursts(SyncWord::MsData, 1, 2);
                let bytes: Vec<u8> = bursts.flat_map(|burst| burst.to_bytes()).collect();
                let mut means = means::header(&sent.header);
                if let Some(fields) = means.as_object_mut() {
                    fields.insert("octets".into(), json!(hex(&coding.encode(words))));
                    fields.insert("text".into(), json!(words));
                }
                let sort = if is_confirmed {
                    "confirmed"
                } else {
                    "unconfirmed"
                };
                let name = format!("{sort} text, {}, {length}", rate.data_type().name());
                all.push(frame(&name, "packet", &bytes, means));
            }
        }
    }
    all
}
