//! Datagrams as the machine sees them: what one asks for, and the ones it builds itself.

use super::event::Refusal;
use crate::hstrp::{Hstrp, Kind};
use alloc::vec::Vec;
use bytes::Bytes;

/// What a datagram asks for, by its kind and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Connect,
    ConnectAck,
    ConnectReject,
    Close,
    CloseAck,
    Heartbeat,
    Ack,
    Reject,
    Data,
}

impl Act {
    /// Control datagrams carry no message, data carries one at least.
    pub(super) fn of(frame: &Hstrp<'_>) -> Result<Self, Refusal> {
        const CONNECT_ACK: Kind = Kind::CONNECT.with(Kind::ACK);
        const CONNECT_REJECT: Kind = Kind::CONNECT.with(Kind::REJECT);
        const CLOSE_ACK: Kind = Kind::CLOSE.with(Kind::ACK);
        let act = match frame.kind.without(Kind::OPTION) {
            Kind::DATA if frame.messages.is_empty() => return Err(Refusal::Empty),
            Kind::DATA => return Ok(Act::Data),
            Kind::CONNECT => Act::Connect,
            CONNECT_ACK => Act::ConnectAck,
            CONNECT_REJECT => Act::ConnectReject,
            Kind::CLOSE => Act::Close,
            CLOSE_ACK => Act::CloseAck,
            Kind::HEARTBEAT => Act::Heartbeat,
            Kind::ACK => Act::Ack,
            Kind::REJECT => Act::Reject,
            _ => return Err(Refusal::Kind(frame.kind)),
        };
        match frame.messages.is_empty() {
            true => Ok(act),
            false => Err(Refusal::Stowaway),
        }
    }
}

/// A heartbeat or CLOSE: sequence 0, no options, as captured.
pub(super) fn control(kind: Kind) -> Bytes {
    datagram(&Hstrp {
        kind,
        sequence: 0,
        options: &[],
        messages: &[],
    })
}

pub(super) fn datagram(frame: &Hstrp<'_>) -> Bytes {
    let mut bytes = Vec::with_capacity(frame.wire_len());
    frame.emit(&mut bytes);
    bytes.into()
}
