//! Parts of short data that texts and transfers share: when one was sent, and for whom a network
//! keeps it. [`sds`](super::sds) shows where they stand.

use crate::error::{DecodeError, Layer};
use crate::refuse::value;
use bytes::BufMut;
use nom::Parser;
use nom::number::complete::{be_u24, u8};

/// When a text was sent, by its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// 0 local time, 1 UTC; 2 bits.
    pub frame: u8,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// How long a network keeps a message, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Forward {
    /// Code of the time, 5 bits.
    pub validity: u8,
    /// For whom.
    pub to: ForwardTo,
}

/// For whom a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForwardTo {
    /// A short number.
    Short(u8),
    /// A subscriber of the network, 24 bits.
    Subscriber(u32),
    /// Of another network: 24 bits, and its 24.
    Foreign(u32, u32),
    /// Nobody else.
    Nobody,
}

impl Stamp {
    pub(super) fn of(bits: u32) -> Result<Self, DecodeError> {
        let field = |shift: u32, count: u32| (bits >> shift & ((1 << count) - 1)) as u8;
        let stamp = Self {
            frame: field(22, 2),
            month: field(16, 4),
            day: field(11, 5),
            hour: field(6, 5),
            minute: field(0, 6),
        };
        let spare = field(20, 2);
        known("reserved bits", spare, spare == 0)?;
        Ok(stamp)
    }

    pub(super) fn bits(self) -> u32 {
        let fields = [
            (self.frame, 2),
            (0, 2),
            (self.month, 4),
            (self.day, 5),
            (self.hour, 5),
            (self.minute, 6),
        ];
        let put =
            |bits, (field, count): (u8, u32)| bits << count | u32::from(field) & ((1 << count) - 1);
        fields.into_iter().fold(0, put)
    }
}

impl Forward {
    pub(super) fn read_if(
        stored: bool,
        octets: &[u8],
    ) -> Result<(&[u8], Option<Self>), DecodeError> {
        if !stored {
            return Ok((octets, None));
        }
        let (octets, head) = nom_of(u8)(octets)?;
        let (octets, to) = match head & 7 {
            0 => nom_of(u8.map(ForwardTo::Short))(octets)?,
            1 => nom_of(be_u24.map(ForwardTo::Subscriber))(octets)?,
            2 => {
                let foreign = |(subscriber, network)| ForwardTo::Foreign(subscriber, network);
                nom_of((be_u24, be_u24).map(foreign))(octets)?
            }
            7 => (octets, ForwardTo::Nobody),
            kind => return Err(value(Layer::Sds, "kind of a forward address", kind)),
        };
        let validity = head >> 3;
        Ok((octets, Some(Self { validity, to })))
    }

    pub(super) fn emit(&self, out: &mut impl BufMut) {
        let head = |kind| self.validity << 3 | kind;
        match self.to {
            ForwardTo::Short(address) => out.put_slice(&[head(0), address]),
            ForwardTo::Subscriber(address) => {
                out.put_u8(head(1));
                out.put_uint(address.into(), 3);
            }
            ForwardTo::Foreign(address, network) => {
                out.put_u8(head(2));
                out.put_uint(address.into(), 3);
                out.put_uint(network.into(), 3);
            }
            ForwardTo::Nobody => out.put_u8(head(7)),
        }
    }
}

pub(super) fn truncated() -> DecodeError {
    let (layer, missing) = (Layer::Sds, 1);
    DecodeError::Truncated { layer, missing }
}

/// Only parsers that fail for want of octets belong here.
pub(super) fn nom_of<'a, T>(
    mut parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> impl FnMut(&'a [u8]) -> Result<(&'a [u8], T), DecodeError> {
    move |octets| parser.parse(octets).map_err(|_| truncated())
}

pub(super) fn known(what: &'static str, found: u8, is_known: bool) -> Result<(), DecodeError> {
    is_known
        .then_some(())
        .ok_or_else(|| value(Layer::Sds, what, found))
}
