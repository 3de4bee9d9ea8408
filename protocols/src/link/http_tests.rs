//! The HTTP example against scripted answers.

use super::http_words::Trouble;
use super::short_data::tmp;
use super::{Answer, HttpConfig, HttpLink, LinkEvent, Refusal, SendFault, Way};
use crate::radio_ip::RadioIp;
use crate::text::Text;
use crate::tmp::{Body, TmpResult};
use alloc::vec::Vec;
use bytes::Bytes;

const CONFIG: HttpConfig = HttpConfig {
    tries: 3,
    retry_ms: 1_000,
    wait_s: 20,
};
const DESK: RadioIp = RadioIp { subnet: 0, id: 1 };
const RADIO: RadioIp = RadioIp {
    subnet: RadioIp::USUAL_SUBNET,
    id: 7,
};

fn text(request_id: u32) -> Bytes {
    let body = Body::Private {
        destination: RADIO,
        source: DESK,
        text: Text::new("警情"),
    };
    tmp(request_id, body)
}

fn ack(request_id: u32) -> Bytes {
    let body = Body::PrivateAck {
        destination: DESK,
        source: RADIO,
        result: TmpResult::OK,
    };
    tmp(request_id, body)
}

fn answer(link: &mut HttpLink, now_ms: u64, way: Way, status: u16, body: &str) -> Vec<LinkEvent> {
    let reply = Some((status, Bytes::copy_from_slice(body.as_bytes())));
    link.handle_answer(now_ms, &Answer { way, reply });
    events(link)
}

fn events(link: &mut HttpLink) -> Vec<LinkEvent> {
    core::iter::from_fn(|| link.poll_event()).collect()
}

fn asked(link: &mut HttpLink) -> serde_json::Value {
    serde_json::from_slice(&link.poll_ask().expect("an ask").body).expect("JSON")
}

fn up() -> HttpLink {
    let mut link = HttpLink::new(CONFIG);
    assert_eq!(asked(&mut link)["wait_s"], 0);
    answer(
        &mut link,
        0,
        Way::Events,
        200,
        r#"{"session":5,"events":[]}"#,
    );
    assert!(link.is_up());
    link
}

#[test]
fn each_text_has_one_verdict_by_what_the_gateway_says() {
    let no_ack = Some(SendFault::NoAck);
    for (status, tries, fault) in [
        (202, 1, None),
        (404, 1, Some(SendFault::Rejected)),
        (500, 3, no_ack),
        (429, 3, no_ack),
        (401, 3, no_ack),
    ] {
        let mut link = up();
        link.send(9, &text(17)).expect("taken");
        let mut seen = Vec::new();
        for now_ms in (0..10_000).step_by(1_000) {
            link.handle_timeout(now_ms);
            while let Some(ask) = link.poll_ask() {
                if ask.way == Way::Messages {
                    seen.extend(answer(&mut link, now_ms, Way::Messages, status, ""));
                }
            }
        }
        let verdicts = seen.into_iter().filter(|event| !is_refusal(event));
        let expected = match fault {
            None => LinkEvent::Sent { token: 9 },
            Some(reason) => LinkEvent::SendFailed { token: 9, reason },
        };
        assert_eq!(verdicts.collect::<Vec<_>>(), [expected], "{status}");
        assert_eq!(link.counts().resent, tries - 1, "{status}");
    }
}

fn is_refusal(event: &LinkEvent) -> bool {
    matches!(event, LinkEvent::Refused { .. })
}

#[test]
fn a_text_is_not_confirmed_before_its_ack_and_nothing_is_taken_twice() {
    let mut link = up();
    link.handle_timeout(100);
    assert_eq!(asked(&mut link)["after"], 0);
    let news = r#"{"session":5,"events":[
        {"seq":1,"kind":"text","radio":7,"text":"1"},
        {"seq":2,"kind":"emergency","radio":7}]}"#;
    // A registration, the text, the emergency.
    assert_eq!(answer(&mut link, 100, Way::Events, 200, news).len(), 3);
    link.handle_timeout(200);
    assert_eq!(asked(&mut link)["after"], 0);
    // The text again, and the emergency as a repeat.
    let again = answer(&mut link, 200, Way::Events, 200, news);
    assert_eq!(again.iter().filter(|event| is_refusal(event)).count(), 1);
    assert_eq!((again.len(), link.counts().repeated), (2, 1));
    link.send(1, &ack(1)).expect("taken");
    link.handle_timeout(1_200);
    assert_eq!(asked(&mut link)["after"], 2);
}

#[test]
fn nonsense_is_counted_by_reason_and_brings_the_link_down_at_last() {
    let refusals = |link: &mut HttpLink, status, body: &str| {
        link.handle_timeout(u64::MAX);
        link.poll_ask().expect("an ask");
        let events = answer(link, 0, Way::Events, status, body);
        let reasons = events.into_iter().filter_map(|event| match event {
            LinkEvent::Refused {
                reason: Refusal::Http(trouble),
                ..
            } => Some(trouble),
            _ => None,
        });
        reasons.collect::<Vec<_>>()
    };
    let mut link = up();
    let odd = r#"{"session":5,"events":[7,{"seq":1,"kind":"x","radio":7},
        {"seq":2,"kind":"status","radio":7},{"seq":3,"kind":"text","radio":0,"text":"a"},
        {"seq":4,"kind":"position","radio":7,"latitude":91.0,"longitude":0.0}]}"#;
    let (body, field) = (Trouble::Body, Trouble::Field);
    let expected = [body, Trouble::Kind, field, field, field];
    assert_eq!(refusals(&mut link, 200, odd), expected);
    for is_up in [true, true, false] {
        assert_eq!(refusals(&mut link, 200, "<html>"), [Trouble::Body]);
        assert_eq!(link.is_up(), is_up);
    }
    assert_eq!(refusals(&mut link, 200, r#"{"session":5,"events":[]}"#), []);
    assert!(link.is_up());
    assert_eq!(refusals(&mut link, 403, ""), [Trouble::Token]);
    assert!(!link.is_up());
}

#[test]
fn a_refused_token_is_told_once_until_it_was_mended() {
    let mut link = up();
    let mut told = |status, body: &str| {
        link.handle_timeout(u64::MAX);
        link.poll_ask().expect("an ask");
        let events = answer(&mut link, 0, Way::Events, status, body);
        let is_cause = |event: &&LinkEvent| matches!(event, LinkEvent::LoginFailed { .. });
        events.iter().filter(is_cause).count()
    };
    assert_eq!([told(401, ""), told(403, ""), told(500, "")], [1, 0, 0]);
    assert_eq!(told(200, r#"{"session":5,"events":[]}"#), 0);
    assert_eq!([told(401, ""), told(401, "")], [1, 0]);
}
