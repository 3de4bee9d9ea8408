//! Service messages, datagrams and serial frames made from values.

use crate::{frame, means};
use serde_json::Value;
use tieqi_protocols::dds::{Dds, Delivery};
use tieqi_protocols::gps::{Angle, Date, Gps, GpsField, Time};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::hrnp::{COMPUTER, Hrnp, Opcode, RADIO, VERSION};
use tieqi_protocols::hstrp::{Hstrp, Kind as Sort, endpoint_options};
use tieqi_protocols::lp::{Cause, Lp, LpResult, Report, Subscription, Trigger};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rcp::{CallType, Identity, RECEIVING, Rcp, RepeaterStatus, StatusTarget};
use tieqi_protocols::rrs::{RegistrationResult, Rrs};
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};

const WORDS: &str = "警情:黄江大道";
const RADIO_1001: RadioIp = RadioIp {
    subnet: 10,
    id: 1001,
};
const LAST: RadioIp = RadioIp {
    subnet: 255,
    id: RadioIp::MAX_ID,
};
const DISPATCHER: RadioIp = RadioIp { subnet: 10, id: 1 };
const GROUP: RadioIp = RadioIp { subnet: 0, id: 110 };

/// Every one of them.
pub(crate) fn frames() -> Vec<Value> {
    [service_messages(), datagrams(), serial()].concat()
}

fn service_messages() -> Vec<Value> {
    let registrations = registrations().map(|(name, rrs)| (name, Message::Rrs(rrs)));
    let texts = texts().map(|(name, tmp)| (name, Message::Tmp(tmp)));
    let states = states().map(|(name, rcp)| (name, Message::Rcp(rcp)));
    let delivery = Dds {
        code: 8,
        radio: RADIO_1001,
        opcode: 0xA001,
        result: Delivery(5),
    };
    let field = fix(68_399_876).to_field();
    let places = places(GpsField(&field)).map(|(name, lp)| (name, Message::Lp(lp)));
    let all = registrations
        .into_iter()
        .chain(texts)
        .chain(states)
        .chain(places);
    let all = all.chain([("delivery state", Message::Dds(delivery))]);
    all.filter_map(|(name, message)| hdap(name, &message, name.contains("reliable")))
        .collect()
}

fn hdap(name: &str, message: &Message<'_>, reliable: bool) -> Option<Value> {
    let means = means::message(message, reliable).ok()?;
    Some(frame(name, "hdap", &message.to_bytes(reliable), means))
}

fn registrations() -> [(&'static str, Rrs); 7] {
    let answer = |result, renew_s| Rrs::RegistrationAnswer {
        radio: RADIO_1001,
        result: RegistrationResult(result),
        renew_s,
    };
    [
        ("registration", Rrs::Registration(RADIO_1001)),
        ("registration, reliable", Rrs::Registration(LAST)),
        ("registration answer", answer(0, 1800)),
        ("registration refused", answer(2, 0xFFFE)),
        ("going offline", Rrs::Offline(RADIO_1001)),
        ("online check", Rrs::OnlineCheck(RADIO_1001)),
        (
            "online check answer",
            Rrs::OnlineAnswer {
                radio: RADIO_1001,
                state: 1,
            },
        ),
    ]
}

fn texts() -> [(&'static str, Tmp<'static>); 9] {
    let tmp = |request_id, body| Tmp {
        flag: false,
        request_id,
        body,
        option: None,
    };
    let to = |text| Body::Private {
        destination: RADIO_1001,
        source: DISPATCHER,
        text: Text::new(text),
    };
    let ack = |result| Body::PrivateAck {
        destination: DISPATCHER,
        source: RADIO_1001,
        result: TmpResult(result),
    };
    let group_ack = |source| Body::GroupAck {
        group: GROUP,
        source,
        result: TmpResult(0),
    };
    let group = Body::Group {
        group: GROUP,
        source: DISPATCHER,
        text: Text::new(WORDS),
    };
    [
        ("private text", tmp(7, to(WORDS))),
        ("private text, reliable", tmp(u32::MAX, to("a"))),
        ("private text of a surrogate pair", tmp(8, to("𠮷A"))),
        (
            "private text, flag set",
            Tmp {
                flag: true,
                ..tmp(9, to("OK"))
            },
        ),
        ("ack of a private text", tmp(7, ack(0))),
        ("failed private text", tmp(7, ack(8))),
        ("group text", tmp(10, group)),
        ("ack of a group text", tmp(10, group_ack(None))),
        (
            "ack of a group text with its source",
            tmp(10, group_ack(Some(DISPATCHER))),
        ),
    ]
}

fn states() -> [(&'static str, Rcp<'static>); 9] {
    let repeater = |call| {
        Rcp::RepeaterStatus(RepeaterStatus {
            mode: 1,
            status: 0,
            service: 2,
            call: CallType(call),
            target: 110,
            sender: 1001,
        })
    };
    [
        (
            "radio status",
            Rcp::RadioStatus {
                target: StatusTarget(1),
                value: 3,
            },
        ),
        ("repeater status", repeater(1)),
        ("repeater status, emergency", repeater(3)),
        ("identity query", Rcp::IdentityQuery(Identity(0))),
        (
            "identity answer",
            Rcp::IdentityAnswer {
                result: 0,
                kind: Identity(1),
                value: [10, 0, 3, 0xE9],
            },
        ),
        (
            "broadcast of states",
            Rcp::BroadcastStates {
                pairs: &[[0, 1], [RECEIVING, 1]],
            },
        ),
        (
            "broadcast of messages",
            Rcp::BroadcastMessages {
                flags: 7,
                reserved: [0; 7],
            },
        ),
        (
            "broadcast of states answer",
            Rcp::BroadcastAnswer {
                states: true,
                result: 0,
            },
        ),
        (
            "broadcast of messages answer",
            Rcp::BroadcastAnswer {
                states: false,
                result: 1,
            },
        ),
    ]
}

fn fix(longitude_minutes_e4: i32) -> Gps {
    Gps {
        valid: true,
        time: Some(Time {
            hour: 8,
            minute: 7,
            second: 40,
        }),
        date: Some(Date {
            year: 2026,
            month: 11,
            day: 28,
        }),
        latitude: Some(Angle {
            minutes_e4: -13_711_234,
        }),
        longitude: Some(Angle {
            minutes_e4: longitude_minutes_e4,
        }),
        speed_dkn: Some(42),
        course_deg: Some(270),
    }
}

fn places(gps: GpsField<'_>) -> [(&'static str, Lp<'_>); 12] {
    let report = |cause, result: Option<u16>, rssi_dbm| {
        Lp::Report(Report {
            cause,
            request_id: 7,
            radio: RADIO_1001,
            result: result.map(LpResult),
            gps,
            rssi_dbm,
        })
    };
    let request = |extra| Lp::Request {
        request_id: 7,
        radio: RADIO_1001,
        extra,
    };
    let subscription = Subscription {
        request_id: 7,
        radio: RADIO_1001,
        trigger: Trigger::Either,
        distance_m: 100,
        start: Subscription::ALWAYS,
        stop: Subscription::ALWAYS,
        interval_s: 30,
        longest_s: 3600,
    };
    let subscribed = Lp::Subscribed {
        request_id: 7,
        radio: RADIO_1001,
        trigger: Trigger::Either,
        result: LpResult(0),
    };
    let emergency = Lp::Emergency {
        radio: RADIO_1001,
        kind: 0,
        gps,
    };
    let stop = Lp::StopEmergency {
        request_id: 7,
        radio: RADIO_1001,
    };
    let stopped = Lp::EmergencyStopped {
        request_id: 7,
        radio: RADIO_1001,
        result: LpResult(0),
    };
    [
        ("position request", request(None)),
        ("position request of 9 bytes", request(Some(0))),
        ("position report", report(Cause::Asked, Some(0), None)),
        (
            "position report, reliable",
            report(Cause::Asked, Some(6), None),
        ),
        (
            "position report with RSSI",
            report(Cause::Asked, Some(0), Some(-58)),
        ),
        ("emergency report", emergency),
        ("stop of emergency reports", stop),
        ("answer to a stop of emergency reports", stopped),
        ("subscription", Lp::Subscribe(subscription)),
        ("subscription answer", subscribed),
        ("subscribed report", report(Cause::Subscribed, None, None)),
        (
            "subscribed report with RSSI",
            report(Cause::Subscribed, Some(0), Some(-120)),
        ),
    ]
}

fn registration(emit: impl FnOnce(Hdap<'_>) -> Option<Value>) -> Option<Value> {
    let (mut payload, message) = (Vec::new(), Message::Rrs(Rrs::Registration(RADIO_1001)));
    message.emit_payload(&mut payload);
    emit(Hdap {
        service: message.service(),
        reliable: false,
        opcode: message.opcode(),
        payload: &payload,
    })
}

fn datagrams() -> Vec<Value> {
    let options = endpoint_options(99_999, 2);
    let sorts = [
        ("connect", Sort::CONNECT.with(Sort::OPTION), 2),
        (
            "ack of a connect",
            Sort::CONNECT.with(Sort::OPTION).with(Sort::ACK),
            1,
        ),
        ("heartbeat", Sort::HEARTBEAT, 0),
        ("ack", Sort::ACK, 65_535),
        ("ack with options", Sort::ACK.with(Sort::OPTION), 1),
        ("close", Sort::CLOSE, 0),
        ("reject", Sort::REJECT, 7),
    ];
    let bare = sorts.into_iter().filter_map(|(name, kind, sequence)| {
        datagram(
            name,
            Hstrp {
                kind,
                sequence,
                options: &[],
                messages: &[],
            },
            &options,
        )
    });
    let carrying = [("data", Sort::DATA), ("data with options", Sort::OPTION)];
    let carrying = carrying.into_iter().filter_map(|(name, kind)| {
        registration(|message| {
            let mut messages = Vec::new();
            message.emit(&mut messages);
            let bare = Hstrp {
                kind,
                sequence: 256,
                options: &[],
                messages: &messages,
            };
            datagram(name, bare, &options)
        })
    });
    bare.chain(carrying).collect()
}

fn datagram(name: &str, bare: Hstrp<'_>, options: &[u8]) -> Option<Value> {
    let options = if bare.kind.has(Sort::OPTION) {
        options
    } else {
        &[]
    };
    let (whole, mut bytes) = (Hstrp { options, ..bare }, Vec::new());
    whole.emit(&mut bytes);
    Some(frame(name, "hstrp", &bytes, means::hstrp(&whole).ok()?))
}

fn serial() -> Vec<Value> {
    let empty = |opcode: Opcode, packet_number| Hrnp {
        version: VERSION,
        block: 0,
        opcode,
        source: COMPUTER,
        destination: RADIO,
        packet_number,
        message: None,
    };
    let opcodes = [
        Opcode::Connect,
        Opcode::Accept,
        Opcode::Reject,
        Opcode::Close,
        Opcode::CloseAck,
        Opcode::DataAck,
    ];
    let bare = opcodes.map(|opcode| serial_frame(opcode.name(), &empty(opcode, 65_535)));
    let data = registration(|message| {
        let message = Some(message);
        serial_frame(
            "DATA",
            &Hrnp {
                message,
                ..empty(Opcode::Data, 1)
            },
        )
    });
    bare.into_iter().chain([data]).flatten().collect()
}

fn serial_frame(name: &str, whole: &Hrnp<'_>) -> Option<Value> {
    let mut bytes = Vec::new();
    whole.emit(&mut bytes);
    Some(frame(name, "hrnp", &bytes, means::hrnp(whole).ok()?))
}
