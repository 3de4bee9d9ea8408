//! The payloads' fields, service by service, in the order of the layout tables of `rrs`, `tmp`,
//! `lp`, `gps`, `rcp` and `dds`.

use super::walk::Walk;
use crate::dds::Dds;
use crate::gps::{Gps, GpsField};
use crate::lp::{Cause, Lp, Report, Subscription};
use crate::message::Message;
use crate::radio_ip::RadioIp;
use crate::rcp::Rcp;
use crate::rrs::Rrs;
use crate::text::Text;
use crate::tmp::{Body, Tmp, TmpResult};
use crate::work_order::{self, Order, Way, WorkOrder};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Display;

/// What an opcode is called.
pub(super) fn name(message: &Message<'_>) -> &'static str {
    match message {
        Message::Rrs(Rrs::Registration(_)) => "registration",
        Message::Rrs(Rrs::RegistrationAnswer { .. }) => "registration answer",
        Message::Rrs(Rrs::Offline(_)) => "going offline",
        Message::Rrs(Rrs::OnlineCheck(_)) => "online check",
        Message::Rrs(Rrs::OnlineAnswer { .. }) => "online check answer",
        Message::Tmp(tmp) => match tmp.body {
            Body::Private { .. } => "private text",
            Body::PrivateAck { .. } => "ack of a private text",
            Body::Group { .. } => "group text",
            Body::GroupAck { .. } => "ack of a group text",
        },
        Message::WorkOrder(order) => match (order.way, order.body) {
            (Way::Private, work_order::Body::Order { .. }) => "work order",
            (Way::Private, work_order::Body::Ack { .. }) => "ack of a work order",
            (Way::Group, work_order::Body::Order { .. }) => "group work order",
            (Way::Group, work_order::Body::Ack { .. }) => "ack of a group work order",
            (Way::Report, work_order::Body::Order { .. }) => "work order report",
            (Way::Report, work_order::Body::Ack { .. }) => "ack of a work order report",
        },
        Message::Lp(lp) => match lp {
            Lp::Request { .. } => "position request",
            Lp::Report(Report {
                cause: Cause::Asked,
                ..
            }) => "position report",
            Lp::Report(_) => "subscribed position report",
            Lp::StopEmergency { .. } => "stop of emergency reports",
            Lp::EmergencyStopped { .. } => "answer to a stop of emergency reports",
            Lp::Emergency { .. } => "emergency report",
            Lp::Subscribe(_) => "subscription",
            Lp::Subscribed { .. } => "subscription answer",
        },
        Message::Rcp(rcp) => match rcp {
            Rcp::RadioStatus { .. } => "radio status",
            Rcp::RepeaterStatus(_) => "repeater status",
            Rcp::IdentityQuery(_) => "identity query",
            Rcp::IdentityAnswer { .. } => "identity answer",
            Rcp::BroadcastStates { .. } => "broadcast of states",
            Rcp::BroadcastMessages { .. } => "broadcast of messages",
            Rcp::BroadcastAnswer { .. } => "broadcast answer",
        },
        Message::Dds(_) => "delivery state",
        Message::Raw { .. } => "not read",
    }
}

pub(super) fn payload(walk: &mut Walk<'_>, message: &Message<'_>) {
    match message {
        Message::Rrs(rrs) => registration(walk, rrs),
        Message::Tmp(tmp) => text_message(walk, tmp),
        Message::WorkOrder(order) => work_order(walk, order),
        Message::Lp(lp) => location(walk, lp),
        Message::Rcp(rcp) => control(walk, rcp),
        Message::Dds(dds) => delivery(walk, dds),
        Message::Raw { payload: [], .. } => {}
        Message::Raw { payload, .. } => {
            let hex = walk.hex(payload.len());
            walk.next("payload", payload.len(), hex);
        }
    }
}

fn radio(walk: &mut Walk<'_>, name: &'static str, radio: RadioIp) {
    walk.next(name, RadioIp::LEN, radio);
}

fn registration(walk: &mut Walk<'_>, rrs: &Rrs) {
    radio(walk, "radio", rrs.radio());
    match rrs {
        Rrs::Registration(_) | Rrs::Offline(_) | Rrs::OnlineCheck(_) => {}
        Rrs::RegistrationAnswer {
            result, renew_s, ..
        } => {
            walk.next("result", 1, result);
            walk.next("renew", 4, format!("{renew_s} s"));
        }
        Rrs::OnlineAnswer { state, .. } => {
            let name = if *state == 0 { "online" } else { "offline" };
            walk.next("state", 1, format!("{name} ({state})"));
        }
    }
}

fn text_message(walk: &mut Walk<'_>, tmp: &Tmp<'_>) {
    if let Some(option) = tmp.option {
        walk.next("option length", 2, option.len());
    }
    walk.next("request id", 4, tmp.request_id);
    match tmp.body {
        Body::Private {
            destination,
            source,
            text,
        } => {
            radio(walk, "destination", destination);
            radio(walk, "source", source);
            words(walk, text);
        }
        Body::Group {
            group,
            source,
            text,
        } => {
            radio(walk, "group", group);
            radio(walk, "source", source);
            words(walk, text);
        }
        Body::PrivateAck {
            destination,
            source,
            result,
        } => {
            radio(walk, "destination", destination);
            radio(walk, "source", source);
            ended(walk, result);
        }
        Body::GroupAck {
            group,
            source,
            result,
        } => {
            radio(walk, "group", group);
            if let Some(source) = source {
                radio(walk, "source", source);
            }
            ended(walk, result);
        }
    }
    if let Some(option) = tmp.option {
        let hex = walk.hex(option.len());
        walk.next("option data", option.len(), hex);
    }
}

fn work_order(walk: &mut Walk<'_>, message: &WorkOrder<'_>) {
    walk.next("request id", 4, message.request_id);
    let whom = match message.way {
        Way::Group => "group",
        Way::Private | Way::Report => "destination",
    };
    radio(walk, whom, message.destination);
    match message.body {
        work_order::Body::Order { source, order } => {
            radio(walk, "source", source);
            order_fields(walk, &order);
        }
        work_order::Body::Ack { source, result } => {
            if let Some(source) = source {
                radio(walk, "source", source);
            }
            ended(walk, result);
        }
    }
}

fn order_fields(walk: &mut Walk<'_>, order: &Order<'_>) {
    let (year, month, day) = order.day;
    walk.next("header", 4, format!("{:#010x}", order.header));
    walk.next("day", 4, format!("{year}-{month:02}-{day:02}"));
    walk.next("number", 4, order.number);
    walk.next("state", 2, order.state);
    let reserved = walk.hex(order.reserved.len());
    walk.next("reserved", order.reserved.len(), reserved);
    words(walk, order.contents);
    if order.ended {
        walk.next("end of text", 2, 0);
    }
}

fn words(walk: &mut Walk<'_>, text: Text<'_>) {
    let broken = if text.is_lossless() { "" } else { " (broken)" };
    walk.next("text", text.wire_len(), format!("{text}{broken}"));
}

fn ended(walk: &mut Walk<'_>, result: TmpResult) {
    walk.next("result", 1, result);
}

fn location(walk: &mut Walk<'_>, lp: &Lp<'_>) {
    match lp {
        Lp::Request {
            request_id,
            radio: asked,
            extra,
        } => {
            walk.next("request id", 4, request_id);
            radio(walk, "radio", *asked);
            if let Some(extra) = extra {
                walk.next("unknown", 1, format!("{extra:#04x}"));
            }
        }
        Lp::Report(report) => position(walk, report),
        Lp::Emergency {
            radio: alarmed,
            kind,
            gps,
        } => {
            radio(walk, "radio", *alarmed);
            walk.next("kind", 1, kind);
            fix(walk, *gps);
        }
        Lp::StopEmergency {
            request_id,
            radio: asked,
        } => {
            walk.next("request id", 4, request_id);
            radio(walk, "radio", *asked);
        }
        Lp::EmergencyStopped {
            request_id,
            radio: answering,
            result,
        } => {
            walk.next("request id", 4, request_id);
            radio(walk, "radio", *answering);
            walk.next("result", 2, result);
        }
        Lp::Subscribe(subscription) => subscribe(walk, subscription),
        Lp::Subscribed {
            request_id,
            radio: answering,
            trigger,
            result,
        } => {
            walk.next("request id", 4, request_id);
            radio(walk, "radio", *answering);
            walk.next("trigger", 1, trigger);
            walk.next("result", 2, result);
        }
    }
}

fn control(walk: &mut Walk<'_>, rcp: &Rcp<'_>) {
    match rcp {
        Rcp::RadioStatus { target, value } => {
            walk.next("target", 1, target);
            walk.next("value", 2, value);
        }
        Rcp::RepeaterStatus(told) => {
            walk.next("mode", 2, told.mode);
            walk.next("status", 2, format!("{} ({})", told.name(), told.status));
            walk.next("service", 2, told.service);
            walk.next("call type", 2, told.call);
            walk.next("target", 4, told.target);
            walk.next("sender", 4, told.sender);
        }
        Rcp::IdentityQuery(kind) => walk.next("kind", 1, kind),
        Rcp::IdentityAnswer { result, kind, .. } => {
            walk.next("result", 1, result);
            walk.next("kind", 1, kind);
            let hex = walk.hex(4);
            walk.next("value", 4, hex);
        }
        Rcp::BroadcastStates { pairs } => {
            walk.next("count", 1, pairs.len());
            for [what, on] in *pairs {
                walk.next("pair", 2, format!("{what}, {on}"));
            }
        }
        Rcp::BroadcastMessages { flags, reserved } => {
            walk.next("flags", 1, format!("{flags:#04x}"));
            let hex = walk.hex(reserved.len());
            walk.next("reserved", reserved.len(), hex);
        }
        Rcp::BroadcastAnswer { result, .. } => walk.next("result", 1, result),
    }
}

fn delivery(walk: &mut Walk<'_>, dds: &Dds) {
    radio(walk, "radio", dds.radio);
    walk.next("opcode", 2, format!("{:#06x}", dds.opcode));
    walk.next("result", 1, dds.result);
}

fn position(walk: &mut Walk<'_>, report: &Report<'_>) {
    walk.next("request id", 4, report.request_id);
    radio(walk, "radio", report.radio);
    if let Some(result) = report.result {
        walk.next("result", 2, result);
    }
    fix(walk, report.gps);
    if let Some(rssi) = report.rssi_dbm {
        walk.next("rssi", 2, format!("{rssi} dBm"));
    }
}

fn subscribe(walk: &mut Walk<'_>, subscription: &Subscription<'_>) {
    walk.next("request id", 4, subscription.request_id);
    radio(walk, "radio", subscription.radio);
    walk.next("trigger", 1, subscription.trigger);
    walk.next("distance", 4, format!("{} m", subscription.distance_m));
    walk.next("start", 14, subscription.start.escape_ascii());
    walk.next("stop", 14, subscription.stop.escape_ascii());
    walk.next("interval", 8, format!("{} s", subscription.interval_s));
    walk.next(
        "longest interval",
        8,
        format!("{} s", subscription.longest_s),
    );
}

fn fix(walk: &mut Walk<'_>, field: GpsField<'_>) {
    walk.within("fix", Gps::LEN, field, |walk| {
        // What cannot be read has no fields; the group's line says why.
        let Ok(gps) = field.read() else { return };
        walk.next("status", 1, if gps.valid { "valid" } else { "not valid" });
        walk.next("time", 6, known(gps.time));
        walk.next("date", 6, known(gps.date));
        walk.next("latitude", 10, known(gps.latitude));
        walk.next("longitude", 11, known(gps.longitude));
        let speed = gps.speed_dkn;
        let speed = speed.map(|dkn| format!("{}.{} kn", dkn / 10, dkn % 10));
        walk.next("speed", 3, known(speed));
        walk.next(
            "course",
            3,
            known(gps.course_deg.map(|course| format!("{course}°"))),
        );
    });
}

fn known(value: Option<impl Display>) -> String {
    value.map_or_else(|| String::from("unknown"), |value| value.to_string())
}
