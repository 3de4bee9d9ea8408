//! The words of the HTTP example: JSON on one side, service messages on the other. Each field is
//! told in docs/porting-a-gateway.md.

use super::short_data::{emergency, place, position, tmp};
use crate::Parsed;
use crate::gps::Gps;
use crate::hdap::Hdap;
use crate::message::Message;
use crate::radio_ip::RadioIp;
use crate::rrs::Rrs;
use crate::text::{Text, shorten};
use crate::tmp::{Body, TmpResult};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest text taken from a terminal, UTF-16 units; what is beyond is cut.
const TEXT_UNITS: usize = 1000;
/// A place older than this is not where the terminal is, seconds.
const FRESH_S: u32 = 300;

/// Why an answer, or an event in it, was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Trouble {
    /// Nothing came in time, or nothing that is HTTP.
    #[error("the gateway does not answer")]
    Silence,
    /// 401 or 403.
    #[error("the gateway does not take our token")]
    Token,
    /// Another 4xx but 408 and 429: the same again would be refused again.
    #[error("the gateway refuses it")]
    Refused,
    /// Any other status but 2xx.
    #[error("the gateway is in trouble")]
    Status,
    /// Not the JSON that belongs there.
    #[error("not the JSON that belongs there")]
    Body,
    /// An event that says something impossible.
    #[error("an event with an impossible field")]
    Field,
    /// An event of a kind nobody here knows.
    #[error("an event of an unknown kind")]
    Kind,
    /// An event that was taken before.
    #[error("an event that was taken before")]
    Repeated,
}

impl Trouble {
    /// What a status says against an answer; none if it is good.
    #[must_use]
    pub(super) fn of(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            401 | 403 => Some(Self::Token),
            408 | 429 => Some(Self::Status),
            400..=499 => Some(Self::Refused),
            _ => Some(Self::Status),
        }
    }

    /// A short word for counters.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Silence => "http_silence",
            Self::Token => "http_token",
            Self::Refused => "http_refused",
            Self::Status => "http_status",
            Self::Body => "http_body",
            Self::Field => "http_field",
            Self::Kind => "http_kind",
            Self::Repeated => "http_repeated",
        }
    }
}

/// What a service message of the owner is here.
pub(super) enum Said {
    /// A text to put to the gateway.
    Text(Bytes),
    /// A text of a terminal is kept.
    Ack { radio: u32, number: u32 },
}

/// A text, as the gateway gets it.
#[derive(Serialize)]
struct Outgoing<'a> {
    message: u32,
    to: u32,
    group: bool,
    text: &'a str,
}

/// What to do for a service message; none if the interface has no word for it.
pub(super) fn say(hdap: &[u8]) -> Option<Said> {
    let Ok(Parsed::Complete(frame, _)) = Hdap::parse(hdap) else {
        return None;
    };
    let Ok(Message::Tmp(tmp)) = Message::from_hdap(&frame) else {
        return None;
    };
    let number = tmp.request_id;
    let (to, group, text) = match tmp.body {
        Body::Private {
            destination, text, ..
        } => (destination.id, false, text),
        Body::Group { group, text, .. } => (group.id, true, text),
        Body::PrivateAck { source, .. } => {
            let radio = source.id;
            return Some(Said::Ack { radio, number });
        }
        Body::GroupAck { .. } => return None,
    };
    let words: String = text.chars().collect();
    Some(Said::Text(json(&Outgoing {
        message: number,
        to,
        group,
        text: &words,
    })))
}

/// A question for news.
#[derive(Serialize)]
pub(super) struct Poll {
    pub(super) session: Option<u64>,
    pub(super) after: u32,
    pub(super) wait_s: u32,
}

impl Poll {
    pub(super) fn to_json(&self) -> Bytes {
        json(self)
    }
}

/// Numbers, words and booleans always have a JSON.
fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// The answer to a poll.
#[derive(Deserialize)]
pub(super) struct Inbox {
    /// New whenever the gateway counts its events from the start.
    pub(super) session: u64,
    /// Each is read by itself: one that is broken spoils no other.
    pub(super) events: Vec<Value>,
}

impl Inbox {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Trouble> {
        serde_json::from_slice(body).map_err(|_| Trouble::Body)
    }
}

/// What a terminal did.
pub(super) struct Event {
    /// The gateway's number of it: from 1, rising.
    pub(super) seq: u32,
    pub(super) radio: RadioIp,
    words: Result<Words, Trouble>,
}

#[derive(Deserialize)]
struct Words {
    kind: String,
    radio: u32,
    message: Option<u32>,
    ok: Option<bool>,
    text: Option<String>,
    status: Option<u32>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    age_s: Option<u32>,
}

impl Event {
    /// An event whose number can be read, whatever else it says.
    pub(super) fn parse(value: &Value) -> Result<Self, Trouble> {
        let seq = value.get("seq").and_then(Value::as_u64);
        let seq = seq.and_then(|seq| u32::try_from(seq).ok());
        let words = Words::deserialize(value).map_err(|_| Trouble::Field);
        let radio = words.as_ref().map_or(0, |words| words.radio);
        Ok(Self {
            seq: seq.ok_or(Trouble::Body)?,
            radio: RadioIp::terminal(radio).unwrap_or(RadioIp { subnet: 0, id: 0 }),
            words,
        })
    }

    /// Whether it says itself that the terminal is on the air, or left it.
    pub(super) fn tells_presence(&self) -> bool {
        self.is(&["registered", "left"])
    }

    /// Whether the owner acknowledges it.
    pub(super) fn wants_ack(&self) -> bool {
        self.is(&["text", "status"])
    }

    fn is(&self, kinds: &[&str]) -> bool {
        let words = self.words.as_ref();
        words.is_ok_and(|words| kinds.contains(&words.kind.as_str()))
    }

    pub(super) fn registration(&self) -> Bytes {
        Message::Rrs(Rrs::Registration(self.radio)).to_bytes(false)
    }

    /// The service message it is.
    pub(super) fn to_message(&self) -> Result<Bytes, Trouble> {
        let words = self.words.as_ref().map_err(|trouble| *trouble)?;
        let radio = self.radio;
        if radio.id == 0 {
            return Err(Trouble::Field);
        }
        match words.kind.as_str() {
            "registered" => Ok(self.registration()),
            "left" => Ok(Message::Rrs(Rrs::Offline(radio)).to_bytes(false)),
            "delivered" => {
                let (number, ok) = words.message.zip(words.ok).ok_or(Trouble::Field)?;
                let body = Body::PrivateAck {
                    destination: radio,
                    source: DESK,
                    result: if ok { TmpResult::OK } else { TmpResult(1) },
                };
                Ok(tmp(number, body))
            }
            "text" => {
                let text = words.text.as_deref().ok_or(Trouble::Field)?;
                Ok(self.text(shorten(text, TEXT_UNITS)))
            }
            "status" => {
                let status = words.status.ok_or(Trouble::Field)?;
                Ok(self.text(&status.to_string()))
            }
            "position" => Ok(position(radio, words.gps()?.ok_or(Trouble::Field)?, None)),
            "emergency" => Ok(emergency(radio, words.gps()?.unwrap_or(Gps::NONE))),
            _ => Err(Trouble::Kind),
        }
    }

    /// A text under the event's number, by which it is acknowledged.
    fn text(&self, text: &str) -> Bytes {
        let body = Body::Private {
            destination: DESK,
            source: self.radio,
            text: Text::new(text),
        };
        tmp(self.seq, body)
    }
}

/// Who acks and texts are for, where the interface does not say.
const DESK: RadioIp = RadioIp { subnet: 0, id: 1 };

impl Words {
    /// The place it names, if it names one.
    fn gps(&self) -> Result<Option<Gps>, Trouble> {
        let Some((north, east)) = self.latitude.zip(self.longitude) else {
            return Ok(None);
        };
        let fits = |degrees: f64, most: f64| degrees.abs() <= most;
        if !fits(north, 90.0) || !fits(east, 180.0) {
            return Err(Trouble::Field);
        }
        #[expect(clippy::cast_possible_truncation, reason = "180e7 fits")]
        let degrees_e7 = |degrees: f64| (degrees * 1e7) as i32;
        let is_fresh = self.age_s.unwrap_or(0) <= FRESH_S;
        Ok(Some(place((degrees_e7(north), degrees_e7(east)), is_fresh)))
    }
}
