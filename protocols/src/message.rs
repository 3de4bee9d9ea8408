//! Which payload a service message carries, and the way back to a frame. It neither sends nor
//! answers.
//!
//! An opcode nobody documents, and the services without a reader of their own (TP, DTP), are kept
//! as raw bytes: not knowing them is no fault of the sender's.

use crate::dds::Dds;
use crate::error::DecodeError;
use crate::hdap::{Hdap, MAX_PAYLOAD, OVERHEAD, Service};
use crate::lp::Lp;
use crate::radio_ip::RadioIp;
use crate::rcp::Rcp;
use crate::rrs::Rrs;
use crate::tmp::{self, Tmp, TmpResult};
use crate::work_order::{self, Way, WorkOrder};
use bytes::{BufMut, Bytes, BytesMut};
use core::fmt;

/// That a text or a work order arrived, or why not. The addresses are those of what arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Bit 7 of the opcode's high byte, copied unchanged.
    pub flag: bool,
    /// The number it repeats.
    pub request_id: u32,
    /// To whom it went.
    pub destination: RadioIp,
    /// From whom it came.
    pub source: RadioIp,
    /// What became of it.
    pub result: TmpResult,
}

impl Receipt {
    /// For a private text.
    #[must_use]
    pub fn of_text(self) -> Message<'static> {
        Message::Tmp(Tmp {
            flag: self.flag,
            request_id: self.request_id,
            body: tmp::Body::PrivateAck {
                destination: self.destination,
                source: self.source,
                result: self.result,
            },
            option: None,
        })
    }

    /// For a work order, or a report of one, that went this way.
    #[must_use]
    pub fn of_work_order(self, way: Way) -> Message<'static> {
        Message::WorkOrder(WorkOrder {
            flag: self.flag,
            way,
            request_id: self.request_id,
            destination: self.destination,
            body: work_order::Body::Ack {
                source: Some(self.source),
                result: self.result,
            },
        })
    }
}

/// A service message, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Registration.
    Rrs(Rrs),
    /// Text.
    Tmp(Tmp<'a>),
    /// Work order, of the texts' service.
    WorkOrder(WorkOrder<'a>),
    /// Location.
    Lp(Lp<'a>),
    /// Radio control.
    Rcp(Rcp<'a>),
    /// Data delivery state.
    Dds(Dds),
    /// Not read.
    Raw {
        /// Whose.
        service: Service,
        /// Which; of a service that is read, none of its readers' opcodes.
        opcode: u16,
        /// At most [`MAX_PAYLOAD`] bytes; more are cut when emitted.
        payload: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Reads a frame's payload.
    ///
    /// # Errors
    /// A known opcode whose payload has a wrong length or an impossible value. A fix is not looked
    /// into: that is [`GpsField::read`](crate::gps::GpsField::read)'s.
    pub fn from_hdap(frame: &Hdap<'a>) -> Result<Self, DecodeError> {
        let (opcode, payload) = (frame.opcode, frame.payload);
        let read = match frame.service {
            Service::Rrs => Rrs::parse(opcode, payload)?.map(Self::Rrs),
            Service::Tmp => match Tmp::parse(opcode, payload)? {
                Some(tmp) => Some(Self::Tmp(tmp)),
                None => WorkOrder::parse(opcode, payload)?.map(Self::WorkOrder),
            },
            Service::Lp => Lp::parse(opcode, payload)?.map(Self::Lp),
            Service::Rcp => Rcp::parse(opcode, payload)?.map(Self::Rcp),
            Service::Dds => Dds::parse(opcode, payload)?.map(Self::Dds),
            Service::Tp | Service::Dtp => None,
        };
        Ok(read.unwrap_or(Self::Raw {
            service: frame.service,
            opcode,
            payload,
        }))
    }

    /// The service it goes under.
    #[must_use]
    pub fn service(&self) -> Service {
        match self {
            Self::Rrs(_) => Service::Rrs,
            Self::Tmp(_) | Self::WorkOrder(_) => Service::Tmp,
            Self::Lp(_) => Service::Lp,
            Self::Rcp(_) => Service::Rcp,
            Self::Dds(_) => Service::Dds,
            Self::Raw { service, .. } => *service,
        }
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        match self {
            Self::Rrs(rrs) => rrs.opcode(),
            Self::Tmp(tmp) => tmp.opcode(),
            Self::WorkOrder(order) => order.opcode(),
            Self::Lp(lp) => lp.opcode(),
            Self::Rcp(rcp) => rcp.opcode(),
            Self::Dds(dds) => dds.opcode(),
            Self::Raw { opcode, .. } => *opcode,
        }
    }

    /// Writes the payload alone.
    pub fn emit_payload(&self, out: &mut impl BufMut) {
        match self {
            Self::Rrs(rrs) => rrs.emit(out),
            Self::Tmp(tmp) => tmp.emit(out),
            Self::WorkOrder(order) => order.emit(out),
            Self::Lp(lp) => lp.emit(out),
            Self::Rcp(rcp) => rcp.emit(out),
            Self::Dds(dds) => dds.emit(out),
            Self::Raw { payload, .. } => out.put_slice(payload),
        }
    }

    /// Writes the whole frame; `reliable` is bit 7 of its first byte.
    pub fn emit(&self, reliable: bool, out: &mut impl BufMut) {
        let mut payload = BytesMut::with_capacity(128);
        self.emit_payload(&mut payload);
        self.framed(reliable, &payload).emit(out);
    }

    /// The whole frame; `reliable` is bit 7 of its first byte.
    #[must_use]
    pub fn to_bytes(&self, reliable: bool) -> Bytes {
        let mut payload = BytesMut::with_capacity(128);
        self.emit_payload(&mut payload);
        let mut out = BytesMut::with_capacity(payload.len().min(MAX_PAYLOAD) + OVERHEAD);
        self.framed(reliable, &payload).emit(&mut out);
        out.freeze()
    }

    fn framed<'p>(&self, reliable: bool, payload: &'p [u8]) -> Hdap<'p> {
        Hdap {
            service: self.service(),
            reliable,
            opcode: self.opcode(),
            payload,
        }
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rrs(rrs) => write!(f, "RRS: {rrs}"),
            Self::Tmp(tmp) => write!(f, "TMP: {tmp}"),
            Self::WorkOrder(order) => write!(f, "TMP: {order}"),
            Self::Lp(lp) => write!(f, "LP: {lp}"),
            Self::Rcp(rcp) => write!(f, "RCP: {rcp}"),
            Self::Dds(dds) => write!(f, "DDS: {dds}"),
            Self::Raw { payload, .. } => self.framed(false, payload).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Parsed;
    use crate::radio_ip::RadioIp;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const SERVICES: [Service; 7] = [
        Service::Rcp,
        Service::Lp,
        Service::Tmp,
        Service::Rrs,
        Service::Tp,
        Service::Dtp,
        Service::Dds,
    ];

    fn frame(bytes: &[u8]) -> Hdap<'_> {
        match Hdap::parse(bytes) {
            Ok(Parsed::Complete(frame, taken)) if taken == bytes.len() => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn framed_and_read_again() {
        let message = Message::Rrs(Rrs::Registration(RadioIp::terminal(1001).unwrap()));
        for reliable in [false, true] {
            let bytes = message.to_bytes(reliable);
            assert_eq!(frame(&bytes).reliable, reliable);
            assert_eq!(Message::from_hdap(&frame(&bytes)), Ok(message));
            let mut out = Vec::new();
            message.emit(reliable, &mut out);
            assert_eq!(out, bytes);
        }
        assert_eq!(message.to_string(), "RRS: 1001 (subnet 10) registers");
    }

    #[test]
    fn what_nobody_reads_is_raw() {
        let payload = [1, 2, 3];
        for service in SERVICES {
            let frame = Hdap {
                service,
                reliable: false,
                opcode: 0x1234,
                payload: &payload,
            };
            let raw = Message::from_hdap(&frame).unwrap();
            assert!(matches!(raw, Message::Raw { opcode: 0x1234, .. }));
            let words = alloc::format!("{} 0x1234, 3 bytes", service.name());
            assert_eq!(raw.to_string(), words);
        }
    }

    #[test]
    fn too_long_a_raw_payload_still_gives_a_frame() {
        let payload = vec![3; 2 * MAX_PAYLOAD];
        let raw = Message::Raw {
            service: Service::Dtp,
            opcode: 1,
            payload: &payload,
        };
        assert_eq!(frame(&raw.to_bytes(true)).payload.len(), MAX_PAYLOAD);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(
            service in proptest::sample::select(SERVICES.to_vec()),
            (opcode, flags) in (any::<u16>(), any::<bool>()),
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            // Half of them with an opcode the readers know.
            let known = [
                0x80u16, 0x82, 0xA1, 0x40B1, 0xB2, 0xA001, 0xA003, 0xB003, 0xD001, 0x10C9, 0xB0C8,
                0xB845, 0x8452, 0x08, 0xAC, 0xAD,
            ];
            let known = known.get(usize::from(opcode) % 16).copied();
            let opcode = known.filter(|_| flags).unwrap_or(opcode);
            let frame = Hdap { service, reliable: flags, opcode, payload: &payload };
            if let Ok(message) = Message::from_hdap(&frame) {
                let mut out = Vec::new();
                message.emit_payload(&mut out);
                prop_assert_eq!(&out, &payload);
                prop_assert_eq!((message.service(), message.opcode()), (service, opcode));
                let _ = message.to_string();
            }
        }
    }
}
