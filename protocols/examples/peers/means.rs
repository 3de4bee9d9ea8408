//! What a frame says, as a flat JSON object. Numbers stay numbers: words are not compared.

use crate::hex;
use serde_json::{Map, Value, json};
use tieqi_protocols::dmr::block::Rate;
use tieqi_protocols::dmr::csbk::Body as Signal;
use tieqi_protocols::dmr::header::Kind;
use tieqi_protocols::dmr::packet::Assembly;
use tieqi_protocols::dmr::slot_type::DataType;
use tieqi_protocols::dmr::transmission::words;
use tieqi_protocols::dmr::{Burst, Csbk, DataHeader, Pdu};
use tieqi_protocols::error::{DecodeError, Layer, Parsed};
use tieqi_protocols::gps::{Angle, Gps, GpsField};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::hrnp::Hrnp;
use tieqi_protocols::hstrp::Hstrp;
use tieqi_protocols::lp::Lp;
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rcp::Rcp;
use tieqi_protocols::rrs::Rrs;
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp};

type Read = Result<Value, DecodeError>;

/// Reads one frame of that kind.
pub(crate) fn of(kind: &str, bytes: &[u8]) -> Read {
    match kind {
        "hdap" => hdap(&whole(Layer::Hdap, bytes, Hdap::parse(bytes)?)?),
        "hrnp" => hrnp(&whole(Layer::Hrnp, bytes, Hrnp::parse(bytes)?)?),
        "hstrp" => hstrp(&Hstrp::parse(bytes)?),
        "burst" => burst(&Burst::parse(bytes)?),
        "packet" => packet(bytes),
        "csbk" => pdu(DataType::Csbk, bytes),
        "header" => pdu(DataType::DataHeader, bytes),
        "voice_header" => pdu(DataType::VoiceHeader, bytes),
        "terminator" => pdu(DataType::Terminator, bytes),
        _ => Ok(Value::Null),
    }
}

fn whole<T>(layer: Layer, bytes: &[u8], parsed: Parsed<T>) -> Result<T, DecodeError> {
    let (found, expected) = (bytes.len(), "one whole frame");
    match parsed {
        Parsed::Complete(frame, taken) if taken == found => Ok(frame),
        _ => Err(DecodeError::Length {
            layer,
            found,
            expected,
        }),
    }
}

/// One object of several.
fn joined<const N: usize>(parts: [Value; N]) -> Value {
    let objects = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(objects.flatten().collect::<Map<_, _>>())
}

fn radio(radio: RadioIp) -> Value {
    json!(format!("{}/{}", radio.subnet, radio.id))
}

fn hdap(frame: &Hdap<'_>) -> Read {
    message(&Message::from_hdap(frame)?, frame.reliable)
}

pub(crate) fn message(message: &Message<'_>, reliable: bool) -> Read {
    let head = json!({
        "service": message.service().code(), "opcode": message.opcode(), "reliable": reliable,
    });
    let body = match message {
        Message::Rrs(rrs) => registration(rrs),
        Message::Tmp(tmp) => text_message(tmp),
        // No peer reads more of them than the opcode.
        Message::WorkOrder(order) => json!({"request_id": order.request_id}),
        Message::Lp(lp) => location(lp)?,
        Message::Rcp(rcp) => control(rcp),
        Message::Dds(dds) => json!({
            "code": dds.code, "radio": radio(dds.radio), "of": dds.opcode, "result": dds.result.0,
        }),
        Message::Raw { payload, .. } => json!({"payload": hex(payload)}),
    };
    Ok(joined([head, body]))
}

fn registration(rrs: &Rrs) -> Value {
    let whose = json!({"radio": radio(rrs.radio())});
    let more = match rrs {
        Rrs::RegistrationAnswer {
            result, renew_s, ..
        } => json!({"result": result.0, "renew_s": renew_s}),
        Rrs::OnlineAnswer { state, .. } => json!({"state": state}),
        _ => Value::Null,
    };
    joined([whose, more])
}

fn text_message(tmp: &Tmp<'_>) -> Value {
    let said = |text: Text<'_>| text.chars().collect::<String>();
    let body = match tmp.body {
        Body::Private {
            destination,
            source,
            text,
        }
        | Body::Group {
            group: destination,
            source,
            text,
        } => json!({
            "destination": radio(destination), "source": radio(source), "text": said(text),
        }),
        Body::PrivateAck {
            destination,
            source,
            result,
        } => json!({
            "destination": radio(destination), "source": radio(source), "result": result.0,
        }),
        Body::GroupAck {
            group,
            source,
            result,
        } => json!({
            "destination": radio(group), "source": source.map(radio), "result": result.0,
        }),
    };
    let head = json!({
        "flag": tmp.flag, "request_id": tmp.request_id, "option": tmp.option.map(hex),
    });
    joined([head, body])
}

fn location(lp: &Lp<'_>) -> Read {
    Ok(match lp {
        Lp::Request {
            request_id,
            radio: whose,
            extra,
        } => json!({"request_id": request_id, "radio": radio(*whose), "extra": extra}),
        Lp::Report(report) => joined([
            json!({
                "request_id": report.request_id, "radio": radio(report.radio),
                "result": report.result.map(|result| result.0), "rssi_dbm": report.rssi_dbm,
            }),
            fix(report.gps)?,
        ]),
        Lp::Emergency {
            radio: whose,
            kind,
            gps,
        } => joined([json!({"radio": radio(*whose), "kind": kind}), fix(*gps)?]),
        Lp::StopEmergency {
            request_id,
            radio: whose,
        } => json!({"request_id": request_id, "radio": radio(*whose)}),
        Lp::EmergencyStopped {
            request_id,
            radio: whose,
            result,
        } => json!({"request_id": request_id, "radio": radio(*whose), "result": result.0}),
        Lp::Subscribe(wanted) => json!({
            "request_id": wanted.request_id, "radio": radio(wanted.radio),
            "trigger": wanted.trigger.code(), "distance_m": wanted.distance_m,
        }),
        Lp::Subscribed {
            request_id,
            radio: whose,
            trigger,
            result,
        } => json!({
            "request_id": request_id, "radio": radio(*whose),
            "trigger": trigger.code(), "result": result.0,
        }),
    })
}

fn fix(gps: GpsField<'_>) -> Read {
    let gps: Gps = gps.read()?;
    let time = gps.time.map(|time| {
        let (hour, minute, second) = (time.hour, time.minute, time.second);
        format!("{hour:02}:{minute:02}:{second:02}")
    });
    let date = gps.date.map(|date| {
        let (year, month, day) = (date.year, date.month, date.day);
        format!("{year}-{month:02}-{day:02}")
    });
    let minutes_e4 = |angle: Angle| angle.minutes_e4;
    Ok(json!({
        "valid": gps.valid, "time": time, "date": date,
        "latitude": gps.latitude.map(minutes_e4), "longitude": gps.longitude.map(minutes_e4),
        "speed_dkn": gps.speed_dkn, "course_deg": gps.course_deg,
    }))
}

fn control(rcp: &Rcp<'_>) -> Value {
    match rcp {
        Rcp::RadioStatus { target, value } => json!({"target": target.0, "value": value}),
        Rcp::RepeaterStatus(status) => json!({
            "mode": status.mode, "status": status.status, "busy_with": status.service,
            "call": status.call.0, "target": status.target, "sender": status.sender,
        }),
        Rcp::IdentityQuery(identity) => json!({"identity": identity.0}),
        Rcp::IdentityAnswer {
            result,
            kind,
            value,
        } => json!({"result": result, "identity": kind.0, "value": hex(value)}),
        Rcp::BroadcastStates { pairs } => json!({"pairs": pairs}),
        Rcp::BroadcastMessages { flags, .. } => json!({"flags": flags}),
        Rcp::BroadcastAnswer { result, .. } => json!({"result": result}),
    }
}

pub(crate) fn hstrp(frame: &Hstrp<'_>) -> Read {
    let messages = frame.messages().map(|message| hdap(&message?));
    let messages: Vec<Value> = messages.collect::<Result<_, _>>()?;
    Ok(json!({
        "bits": frame.kind.bits(), "sequence": frame.sequence,
        "device": frame.device_id(), "channel": frame.channel(), "messages": messages,
    }))
}

pub(crate) fn hrnp(frame: &Hrnp<'_>) -> Read {
    let message = frame.message.as_ref().map(hdap).transpose()?;
    Ok(json!({
        "version": frame.version, "block": frame.block, "opcode": frame.opcode.code(),
        "source": frame.source, "destination": frame.destination,
        "packet": frame.packet_number, "message": message,
    }))
}

fn pdu(data_type: DataType, bytes: &[u8]) -> Read {
    Ok(match Pdu::parse(data_type, bytes)? {
        Some(Pdu::Csbk(block)) => csbk(&block),
        Some(Pdu::Header(it)) => header(&it),
        Some(Pdu::Lc(_, lc)) => json!({
            "protect": lc.protect, "opcode": lc.opcode, "feature_set": lc.feature_set,
            "options": lc.options, "destination": lc.destination.number(),
            "source": lc.source.number(),
        }),
        Some(Pdu::Raw { body, .. }) => json!({"body": hex(&body)}),
        None => Value::Null,
    })
}

pub(crate) fn csbk(block: &Csbk) -> Value {
    let feature_set = match block.body {
        Signal::Raw { feature_set, .. } => feature_set,
        _ => 0,
    };
    let head = json!({
        "last": block.last, "protect": block.protect,
        "opcode": block.body.opcode(), "feature_set": feature_set,
    });
    let ends = |target: u32, source: u32| json!({"target": target, "source": source});
    let body = match block.body {
        Signal::UnitRequest {
            options,
            target,
            source,
        } => joined([
            ends(target.number(), source.number()),
            json!({"options": options}),
        ]),
        Signal::UnitAnswer {
            options,
            answer,
            target,
            source,
        } => joined([
            ends(target.number(), source.number()),
            json!({"options": options, "answer": answer.0}),
        ]),
        Signal::Nack {
            has_more,
            from_radio,
            service,
            reason,
            source,
            target,
        } => joined([
            ends(target.number(), source.number()),
            json!({
                "has_more": has_more, "from_radio": from_radio,
                "service": service, "reason": reason,
            }),
        ]),
        Signal::Activate {
            base_station,
            source,
        } => ends(base_station.number(), source.number()),
        Signal::Preamble {
            is_data,
            is_group,
            blocks_to_follow,
            target,
            source,
        } => joined([
            ends(target.number(), source.number()),
            json!({"is_data": is_data, "is_group": is_group, "blocks": blocks_to_follow}),
        ]),
        // No peer reads these two.
        Signal::Ahoy(ahoy) => ends(ahoy.target.number(), ahoy.source.number()),
        Signal::Ack(ack) => ends(ack.target.number(), ack.source.number()),
        Signal::Raw { payload, .. } => json!({"payload": hex(&payload)}),
    };
    joined([head, body])
}

pub(crate) fn header(it: &DataHeader) -> Value {
    let head = json!({
        "format": it.kind.format(), "is_group": it.is_group,
        "wants_response": it.wants_response, "destination": it.destination.number(),
        "source": it.source.number(), "blocks": it.blocks(),
    });
    let body = match it.kind {
        Kind::Udt(udt) => json!({
            "is_emergency": udt.is_emergency, "option": udt.option, "sap": udt.sap.0,
            "udt_format": udt.format.0, "pad_nibbles": udt.pad_nibbles,
            "is_supplementary": udt.is_supplementary, "protect": udt.protect,
            "opcode": udt.opcode,
        }),
        Kind::Response {
            sap,
            is_first_try,
            sequence,
            ..
        } => json!({
            "sap": sap.0, "is_first_try": is_first_try, "sequence": sequence,
            // Class and type, as they stand in its last octet.
            "verdict": it.to_bytes().get(9).map(|octet| octet >> 3),
        }),
        Kind::Unconfirmed(packet) => json!({
            "sap": packet.sap.0, "pad_octets": packet.pad_octets,
            "is_first_try": packet.is_first_try, "fragment": packet.fragment,
        }),
        Kind::Confirmed {
            packet,
            is_resync,
            sequence,
        } => json!({
            "sap": packet.sap.0, "pad_octets": packet.pad_octets,
            "is_first_try": packet.is_first_try, "fragment": packet.fragment,
            "is_resync": is_resync, "sequence": sequence,
        }),
        Kind::Defined { data, format } => json!({
            "sap": data.sap.0, "may_retry": data.may_retry, "is_first_try": data.is_first_try,
            "pad_bits": data.pad_bits, "data_format": format.0,
        }),
        Kind::Raw {
            data,
            source_port,
            destination_port,
        } => json!({
            "sap": data.sap.0, "may_retry": data.may_retry, "is_first_try": data.is_first_try,
            "pad_bits": data.pad_bits, "source_port": source_port,
            "destination_port": destination_port,
        }),
        Kind::Status {
            sap,
            source_port,
            destination_port,
            status,
        } => json!({
            "sap": sap.0, "source_port": source_port,
            "destination_port": destination_port, "status": status,
        }),
    };
    joined([head, body])
}

pub(crate) fn burst(burst: &Burst) -> Read {
    Ok(json!({
        "sync": format!("{:012x}", burst.sync.bits()), "colour_code": burst.slot.colour_code,
        "data_type": burst.slot.data_type.code(), "octets": hex(&burst.octets()?),
    }))
}

/// Bursts one after the other: preambles, a header, its blocks.
fn packet(bytes: &[u8]) -> Read {
    let mut assembly: Option<Assembly> = None;
    for bytes in bytes.chunks(Burst::LEN) {
        let burst = Burst::parse(bytes)?;
        let (data_type, octets) = (burst.slot.data_type, burst.octets()?);
        match (&mut assembly, Rate::of(data_type)) {
            (Some(assembly), Some(rate)) => assembly.take(rate, &octets)?,
            _ => {
                if let Some(Pdu::Header(header)) = Pdu::parse(data_type, &octets)? {
                    assembly = Assembly::begin(header);
                }
            }
        }
    }
    let (layer, expected) = (Layer::Packet, "a header and its blocks");
    let none = DecodeError::Length {
        layer,
        found: 0,
        expected,
    };
    let assembly = assembly.ok_or(none)?;
    let octets = assembly.finish()?;
    let text = words(assembly.header(), &octets);
    Ok(joined([
        header(assembly.header()),
        json!({"octets": hex(&octets), "text": text}),
    ]))
}
