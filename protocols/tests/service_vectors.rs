//! Service messages, datagrams and serial frames nobody recorded, kept as vectors of our own making:
//! each reads as the value it was made from, and that value is written as the same bytes. Then that
//! protocols/README.md names source, standing and vector of each frame the code reads.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test file: the lints' exemption covers test functions, not what they call"
)]

use serde_json::Value;
use std::collections::BTreeMap;
use tieqi_protocols::describe::describe;
use tieqi_protocols::dmr::Address;
use tieqi_protocols::gps::{Angle, Gps, GpsField};
use tieqi_protocols::hdap::{Hdap, Service};
use tieqi_protocols::homebrew::{Content, Dmrd, Packet, Slot};
use tieqi_protocols::hrnp::{COMPUTER, Hrnp, Opcode, RADIO, VERSION};
use tieqi_protocols::hstrp::{Hstrp, Kind};
use tieqi_protocols::lp::{Cause, Lp, LpResult, Report, Trigger};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rcp::{CallType, Identity, Rcp, RepeaterStatus, StatusTarget};
use tieqi_protocols::rrs::Rrs;
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};
use tieqi_protocols::work_order::{self, Order, Way, WorkOrder, WorkState};

const README: &str = include_str!("../README.md");
const MADE: &str = include_str!("../../fixtures/radio/services_made.json");

const OFFICER: RadioIp = RadioIp {
    subnet: 10,
    id: 1001,
};
const DESK: RadioIp = RadioIp { subnet: 10, id: 1 };
const GROUP: RadioIp = RadioIp { subnet: 0, id: 110 };
const WORDS: &str = "警情:黄江大道";
const REPEATER: u32 = 4_600_001;

type Made = Vec<(&'static str, Vec<u8>)>;

/// Every one of them, by its name in the fixture.
fn made() -> Made {
    [messages(), datagrams(), serial(), homebrew()].concat()
}

fn messages() -> Made {
    let gps = Gps {
        valid: true,
        latitude: Some(Angle {
            minutes_e4: 13_711_234,
        }),
        longitude: Some(Angle {
            minutes_e4: 68_399_876,
        }),
        ..Gps::NONE
    };
    let field = gps.to_field();
    let all = [
        registrations(),
        texts(),
        orders(),
        places(GpsField(&field)),
        states(),
    ]
    .concat();
    let bytes =
        |(name, message): &(&'static str, Message<'_>)| (*name, message.to_bytes(false).to_vec());
    let mut made: Made = all.iter().map(bytes).collect();
    let check = Message::Rrs(Rrs::OnlineCheck(OFFICER));
    made.push(("reliable", check.to_bytes(true).to_vec()));
    made
}

fn registrations() -> Vec<(&'static str, Message<'static>)> {
    let answer = Rrs::OnlineAnswer {
        radio: OFFICER,
        state: 1,
    };
    vec![
        ("rrs_0002", Message::Rrs(Rrs::OnlineCheck(OFFICER))),
        ("rrs_0082", Message::Rrs(answer)),
    ]
}

fn texts() -> Vec<(&'static str, Message<'static>)> {
    let ack = |source| {
        Message::Tmp(Tmp {
            flag: false,
            request_id: 7,
            body: Body::GroupAck {
                group: GROUP,
                source,
                result: TmpResult(0),
            },
            option: None,
        })
    };
    vec![("tmp_b2_9", ack(None)), ("tmp_b2_13", ack(Some(DESK)))]
}

fn orders() -> Vec<(&'static str, Message<'static>)> {
    let order = |state| work_order::Body::Order {
        source: DESK,
        order: Order {
            header: u32::MAX,
            day: (2026, 11, 28),
            number: 77,
            state,
            reserved: [0; 38],
            contents: Text::new(WORDS),
            ended: true,
        },
    };
    let ack = |source| work_order::Body::Ack {
        source,
        result: TmpResult(0),
    };
    let all = [
        ("tmp_ac", Way::Private, OFFICER, order(WorkState::NEW)),
        ("tmp_bc", Way::Group, GROUP, order(WorkState::NEW)),
        ("tmp_aa", Way::Report, DESK, order(WorkState::DECLINE)),
        ("tmp_ad_9", Way::Private, OFFICER, ack(None)),
        ("tmp_ad_13", Way::Private, OFFICER, ack(Some(DESK))),
        ("tmp_bd", Way::Group, GROUP, ack(None)),
        ("tmp_ab", Way::Report, DESK, ack(None)),
    ];
    let order = |(name, way, destination, body)| {
        let order = WorkOrder {
            flag: false,
            way,
            request_id: 7,
            destination,
            body,
        };
        (name, Message::WorkOrder(order))
    };
    all.map(order).to_vec()
}

fn places(gps: GpsField<'_>) -> Vec<(&'static str, Message<'_>)> {
    let report = |cause, result: Option<u16>, rssi_dbm| {
        Lp::Report(Report {
            cause,
            request_id: 7,
            radio: OFFICER,
            result: result.map(LpResult),
            gps,
            rssi_dbm,
        })
    };
    let request = Lp::Request {
        request_id: 7,
        radio: OFFICER,
        extra: None,
    };
    let emergency = Lp::Emergency {
        radio: OFFICER,
        kind: 0,
        gps,
    };
    let subscribed = Lp::Subscribed {
        request_id: 7,
        radio: OFFICER,
        trigger: Trigger::Either,
        result: LpResult(0),
    };
    let unknown = Lp::Emergency {
        radio: OFFICER,
        kind: 0,
        gps: GpsField(&[0; 40]),
    };
    let all = [
        ("lp_a001_8", request),
        ("lp_a003", report(Cause::Asked, Some(0), Some(-58))),
        ("lp_b003", emergency),
        ("lp_b003_unknown", unknown),
        ("lp_d002", subscribed),
        ("lp_d003", report(Cause::Subscribed, None, None)),
    ];
    all.map(|(name, lp)| (name, Message::Lp(lp))).to_vec()
}

fn states() -> Vec<(&'static str, Message<'static>)> {
    let emergency = RepeaterStatus {
        mode: 1,
        status: 0,
        service: 2,
        call: CallType(3),
        target: 110,
        sender: 1001,
    };
    let status = Rcp::RadioStatus {
        target: StatusTarget(1),
        value: 3,
    };
    let answer = Rcp::BroadcastAnswer {
        states: true,
        result: 0,
    };
    let all = [
        ("rcp_b0c8", status),
        ("rcp_b845_emergency", Rcp::RepeaterStatus(emergency)),
        ("rcp_0452", Rcp::IdentityQuery(Identity(0))),
        ("rcp_80c9", answer),
    ];
    all.map(|(name, rcp)| (name, Message::Rcp(rcp))).to_vec()
}

fn datagrams() -> Made {
    let message = Message::Rrs(Rrs::Registration(OFFICER)).to_bytes(false);
    let twice = [&message[..], &message].concat();
    // Options 1, 5, 6 and 7, each but the last saying that another follows.
    let options = [0x81, 0, 0x85, 1, 2, 0x86, 1, 3, 7, 1, 4];
    let all: [(_, _, &[u8], &[u8]); 4] = [
        ("hstrp_close", Kind::CLOSE, &[], &[]),
        ("hstrp_reject", Kind::REJECT, &[], &[]),
        ("hstrp_two_messages", Kind::DATA, &[], &twice),
        ("hstrp_options", Kind::OPTION, &options, &message),
    ];
    let bytes = |(name, kind, options, messages)| {
        let mut bytes = Vec::new();
        let datagram = Hstrp {
            kind,
            sequence: 7,
            options,
            messages,
        };
        datagram.emit(&mut bytes);
        (name, bytes)
    };
    all.map(bytes).to_vec()
}

fn serial() -> Made {
    let all = [
        ("hrnp_reject", Opcode::Reject, 0),
        ("hrnp_close", Opcode::Close, 0),
        ("hrnp_close_ack", Opcode::CloseAck, 0),
        ("hrnp_block_1", Opcode::DataAck, 1),
    ];
    let bytes = |(name, opcode, block)| {
        let mut bytes = Vec::new();
        let frame = Hrnp {
            version: VERSION,
            block,
            opcode,
            source: COMPUTER,
            destination: RADIO,
            packet_number: 7,
            message: None,
        };
        frame.emit(&mut bytes);
        (name, bytes)
    };
    all.map(bytes).to_vec()
}

fn homebrew() -> Made {
    let (repeater, octets) = (REPEATER, [7; 7]);
    let radio = Address::new(1001).unwrap();
    let place = |repeater| Packet::Position {
        repeater,
        radio,
        octets,
    };
    let burst = Dmrd {
        sequence: 7,
        source: radio,
        destination: Address::new(9).unwrap(),
        repeater,
        slot: Slot::Two,
        is_private: true,
        content: Content::Voice(1),
        stream: 0x0102_0304,
        burst: [0x55; 33],
        quality: None,
    };
    let alias = Packet::Alias {
        repeater: None,
        radio,
        block: 1,
        octets,
    };
    let ack = Packet::Ack {
        is_masters: true,
        number: [1, 2, 3, 4],
    };
    let options = Packet::Options {
        repeater,
        text: b"TS2=9",
    };
    let all = [
        ("homebrew_dmrd_53", Packet::Dmrd(burst)),
        ("homebrew_dmra_15", alias),
        ("homebrew_dmrg_18", place(Some(repeater))),
        ("homebrew_dmrg_14", place(None)),
        ("homebrew_rpto", options),
        ("homebrew_mstack", ack),
        ("homebrew_mstcl", Packet::Closing { repeater }),
        ("homebrew_rptsbkn", Packet::Beacon { repeater }),
    ];
    all.map(|(name, packet)| (name, packet.to_bytes())).to_vec()
}

/// Frozen: what was written once is read and written the same for ever. Each is explained by the
/// words it is kept with.
#[test]
fn frames_of_our_own_making() {
    let kept: Vec<Value> = serde_json::from_str(MADE).unwrap();
    let text = |vector: &Value, key: &str| vector[key].as_str().unwrap().to_owned();
    let kept: Vec<_> = kept
        .iter()
        .map(|vector| ["name", "hex", "says"].map(|key| text(vector, key)))
        .collect();
    let made: Vec<_> = made()
        .into_iter()
        .map(|(name, bytes)| {
            let fields = describe(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            [name.to_owned(), hex, fields[0].value.clone()]
        })
        .collect();
    assert_eq!(made, kept);
}

/// The cells of the README's rows that begin with these words.
fn rows(begins: &str) -> Vec<[&'static str; 4]> {
    let lines = README.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = lines.map(|line| {
        let cells: Vec<_> = line
            .trim_end_matches('|')
            .split(" | ")
            .map(str::trim)
            .collect();
        <[_; 4]>::try_from(cells).unwrap_or_else(|_| panic!("{line}"))
    });
    cells
        .filter(|[frame, ..]| frame.starts_with(begins))
        .collect()
}

/// A frame that is read has a row whose cells say where it is from, how sure that is, and which
/// bytes show it.
fn is_named(section: &str, code: &str) {
    let is_it = |frame: &str| {
        frame
            .split(|char: char| char != '_' && !char.is_alphanumeric())
            .any(|word| word == code)
    };
    let of_it: Vec<_> = rows(section)
        .into_iter()
        .filter(|row| is_it(row[0]))
        .collect();
    assert!(!of_it.is_empty(), "no row for {section} {code}");
    for [frame, source, standing, vector] in of_it {
        assert!(!source.is_empty(), "{frame}");
        let known = ["verified", "assumed"]
            .iter()
            .any(|word| standing.contains(word));
        assert!(known, "{frame}: {standing}");
        assert!(vector.contains('`'), "{frame}: {vector}");
        names_what_is_made(vector);
    }
}

/// Vectors of our own making that a cell names exist.
fn names_what_is_made(cell: &str) {
    let kept: Vec<Value> = serde_json::from_str(MADE).unwrap();
    let of_ours = cell
        .split(';')
        .filter_map(|part| part.trim().strip_prefix("services "));
    for name in of_ours.flat_map(|names| names.split('`').skip(1).step_by(2)) {
        assert!(kept.iter().any(|vector| vector["name"] == name), "{name}");
    }
}

#[test]
fn the_readme_names_source_standing_and_vector_of_every_frame() {
    // An opcode somebody reads has something to say against an empty payload.
    let services = [
        (Service::Rrs, "RRS", 4),
        (Service::Tmp, "TMP", 2),
        (Service::Lp, "LP", 4),
        (Service::Rcp, "RCP", 4),
    ];
    let mut found = BTreeMap::new();
    for (service, section, digits) in services {
        for opcode in 0..=u16::MAX {
            // The high byte of a text's opcode is flags.
            let is_plain = service != Service::Tmp || opcode < 0x100;
            let frame = Hdap {
                service,
                reliable: false,
                opcode,
                payload: &[],
            };
            let is_raw = matches!(Message::from_hdap(&frame), Ok(Message::Raw { .. }));
            if is_plain && !is_raw {
                is_named(section, &format!("{opcode:0digits$X}"));
                *found.entry(section).or_insert(0) += 1;
            }
        }
    }
    let expected = [("LP", 10), ("RCP", 8), ("RRS", 5), ("TMP", 10)];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    is_named("DDS", "DDS");
    is_named("data", "data");
    for word in ["CONNECT", "ACK", "HEARTBEAT", "CLOSE", "REJECT"] {
        is_named("", word);
    }
    for code in 0..=u8::MAX {
        if let Some(opcode) = Opcode::from_code(code) {
            let name = opcode.name();
            assert!(README.contains(name), "no row for {name}");
            is_named("", name);
        }
    }
}
