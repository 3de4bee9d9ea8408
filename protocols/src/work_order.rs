//! Work orders (工单): an assignment with a number and a state, pushed to a terminal, and the state
//! the officer chose, reported back. They share TMP's service. Nothing here waits or retries, or
//! says what a state means: the numbers are the operator's.
//!
//! **Assumed throughout**: one public grammar, no capture. Of the report's layout nobody says
//! anything; it is taken to be the order's.
//!
//! | low | message | payload |
//! |---|---|---|
//! | AC, BC | order to a terminal, to a group | request 4, destination 4, source 4, order |
//! | AA | report of a terminal | the same |
//! | AD, BD, AB | their acks | request 4, destination 4, \[source 4] result 1 |
//!
//! | bytes of an order | |
//! |---|---|
//! | 0..4 | FF FF FF FF |
//! | 4..8 | day: year 2, month 1, day 1 |
//! | 8..12 | number |
//! | 12..14 | state |
//! | 14..52 | reserved |
//! | 52.. | contents, UTF-16LE, and two zero bytes |

use crate::error::{DecodeError, Layer};
use crate::radio_ip::RadioIp;
use crate::refuse::whole;
use crate::text::Text;
use crate::tmp::TmpResult;
use bytes::BufMut;
use core::fmt;
use nom::combinator::rest;
use nom::number::complete::{be_u16, be_u32, u8};
use nom::{IResult, Parser, bytes::complete::take};

/// As in TMP: copied unchanged. Bit 6, option data, is described by nobody here.
const FLAG: u16 = 0x8000;

/// A work order, a report of one, or an ack of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkOrder<'a> {
    /// Bit 7 of the opcode's high byte, copied unchanged.
    pub flag: bool,
    /// Which way it goes.
    pub way: Way,
    /// Chosen by the sender, repeated in the ack.
    pub request_id: u32,
    /// To whom; in an ack whom the acknowledged one went to.
    pub destination: RadioIp,
    /// What it says.
    pub body: Body<'a>,
}

/// Which way a work order goes; acks have that of what they acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To one terminal.
    Private,
    /// To a group. No single terminal is known to have it.
    Group,
    /// From a terminal: a state the officer chose.
    Report,
}

impl Way {
    const ALL: [Self; 3] = [Self::Private, Self::Group, Self::Report];

    /// Its opcode, and that of its ack.
    fn opcodes(self) -> (u16, u16) {
        match self {
            Self::Private => (0xAC, 0xAD),
            Self::Group => (0xBC, 0xBD),
            Self::Report => (0xAA, 0xAB),
        }
    }
}

/// What a frame of the service says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// The order itself, whole or as far as the terminal repeats it.
    Order {
        /// From whom.
        source: RadioIp,
        /// What is to be done, or how far it is done.
        order: Order<'a>,
    },
    /// It arrived, or why not.
    Ack {
        /// Who had sent it, in the longer form.
        source: Option<RadioIp>,
        /// How it ended.
        result: TmpResult,
    },
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<'a> {
    /// All bits set, says the only source; kept as it came.
    pub header: u32,
    /// Year, month, day; kept as they came.
    pub day: (u16, u8, u8),
    /// Its number, the same for as long as it lives.
    pub number: u32,
    /// How far it is.
    pub state: WorkState,
    /// Nobody says what for.
    pub reserved: [u8; 38],
    /// What is to be done.
    pub contents: Text<'a>,
    /// Whether two zero bytes end it.
    pub ended: bool,
}

/// How far a work order is. From 0x20 on the numbers are the operator's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkState(pub u16);

impl WorkState {
    /// It is new.
    pub const NEW: Self = Self(0x00);
    /// It is taken back.
    pub const DELETE: Self = Self(0x01);
    /// The officer does not take it.
    pub const DECLINE: Self = Self(0x10);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0x00 => "new",
            0x01 => "delete",
            0x10 => "decline",
            0x20..=0x24 => "custom",
            _ => "unknown state",
        }
    }
}

impl<'a> Order<'a> {
    /// Bytes before the contents.
    const FIXED: usize = 52;
    const HEADER: u32 = u32::MAX;

    /// An order to send, of a day as year, month and day.
    #[must_use]
    pub fn new(day: (u16, u8, u8), number: u32, state: WorkState, contents: &'a str) -> Self {
        Self {
            header: Self::HEADER,
            day,
            number,
            state,
            reserved: [0; 38],
            contents: Text::new(contents),
            ended: true,
        }
    }

    fn read(bytes: &'a [u8]) -> IResult<&'a [u8], Self> {
        let day = (be_u16, u8, u8);
        let reserved = take(38usize).map(|raw: &[u8]| raw.as_array().copied());
        let mut fields = (be_u32, day, be_u32, be_u16, reserved, rest);
        let (left, (header, day, number, state, reserved, contents)) = fields.parse(bytes)?;
        // Half a unit of a last character may be zero as well.
        let whole = contents.len().is_multiple_of(2);
        let text = contents.strip_suffix(&[0, 0]).filter(|_| whole);
        let order = Self {
            header,
            day,
            number,
            state: WorkState(state),
            reserved: reserved.unwrap_or([0; 38]),
            contents: Text::from_wire(text.unwrap_or(contents)),
            ended: text.is_some(),
        };
        Ok((left, order))
    }

    fn emit(&self, out: &mut impl BufMut) {
        let (year, month, day) = self.day;
        out.put_u32(self.header);
        out.put_u16(year);
        out.put_slice(&[month, day]);
        out.put_u32(self.number);
        out.put_u16(self.state.0);
        out.put_slice(&self.reserved);
        self.contents.emit(out);
        if self.ended {
            out.put_u16(0);
        }
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        Self::FIXED + self.contents.wire_len() + usize::from(self.ended) * 2
    }
}

impl<'a> WorkOrder<'a> {
    /// Reads a payload; none if the opcode is not one of the table above.
    ///
    /// # Errors
    /// A payload too short for its opcode, or an ack too long.
    pub fn parse(opcode: u16, payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let low = opcode & !FLAG;
        let ways = Way::ALL.map(|way| (way, way.opcodes()));
        let known = ways.into_iter().find_map(|(way, (order, ack))| {
            let is_order = low == order;
            (is_order || low == ack).then_some((way, is_order))
        });
        let Some((way, is_order)) = known else {
            return Ok(None);
        };
        let (request_id, destination, body) = match is_order {
            true => Self::order(payload)?,
            false => Self::ack(payload)?,
        };
        let flag = opcode & FLAG != 0;
        Ok(Some(Self {
            flag,
            way,
            request_id,
            destination,
            body,
        }))
    }

    fn order(payload: &'a [u8]) -> Result<(u32, RadioIp, Body<'a>), DecodeError> {
        let fields = (be_u32, RadioIp::read, RadioIp::read, Order::read);
        let expected = "64 or more, a work order's";
        let (request_id, destination, source, order) =
            whole(Layer::Tmp, payload, expected, fields)?;
        Ok((request_id, destination, Body::Order { source, order }))
    }

    /// The sources differ whether an ack names the sender; its length tells.
    fn ack(payload: &'a [u8]) -> Result<(u32, RadioIp, Body<'a>), DecodeError> {
        let expected = "9 or 13, an ack's";
        let (request_id, destination, source, result) = match payload.len() {
            9 => {
                let fields = (be_u32, RadioIp::read, u8);
                let (request_id, destination, result) =
                    whole(Layer::Tmp, payload, expected, fields)?;
                (request_id, destination, None, result)
            }
            _ => {
                let fields = (be_u32, RadioIp::read, RadioIp::read.map(Some), u8);
                whole(Layer::Tmp, payload, expected, fields)?
            }
        };
        let result = TmpResult(result);
        Ok((request_id, destination, Body::Ack { source, result }))
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        let (order, ack) = self.way.opcodes();
        let low = match self.body {
            Body::Order { .. } => order,
            Body::Ack { .. } => ack,
        };
        low | if self.flag { FLAG } else { 0 }
    }

    /// Writes the payload.
    pub fn emit(&self, out: &mut impl BufMut) {
        out.put_u32(self.request_id);
        self.destination.emit(out);
        match self.body {
            Body::Order { source, order } => {
                source.emit(out);
                order.emit(out);
            }
            Body::Ack { source, result } => {
                source.iter().for_each(|source| source.emit(out));
                out.put_u8(result.0);
            }
        }
    }
}

impl fmt::Display for WorkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.name(), self.0)
    }
}

impl fmt::Display for WorkOrder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (request, to) = (self.request_id, self.destination);
        let (what, group) = match self.way {
            Way::Private => ("work order", ""),
            Way::Group => ("work order", "group "),
            Way::Report => ("work order report", ""),
        };
        match self.body {
            Body::Order { source, order } => {
                let (number, state, contents) = (order.number, order.state, order.contents);
                write!(
                    f,
                    "{what} {request} from {source} to {group}{to}: \
                     no. {number}, {state}: {contents}"
                )
            }
            Body::Ack { result, .. } => write!(f, "{what} {request} to {group}{to}: {result}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn terminal(id: u32) -> RadioIp {
        RadioIp::terminal(id).unwrap()
    }

    fn sample(way: Way) -> WorkOrder<'static> {
        let order = Order::new((2026, 11, 28), 12, WorkState::NEW, "警情");
        WorkOrder {
            flag: false,
            way,
            request_id: 7,
            destination: terminal(1001),
            body: Body::Order {
                source: terminal(1),
                order,
            },
        }
    }

    fn written(order: &WorkOrder<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        order.emit(&mut out);
        out
    }

    #[test]
    fn each_field_where_the_grammar_has_it() {
        let payload = written(&sample(Way::Private));
        let head = [0, 0, 0, 7, 10, 0, 3, 0xE9, 10, 0, 0, 1];
        let order = [255, 255, 255, 255, 0x07, 0xEA, 11, 28, 0, 0, 0, 12, 0, 0];
        let contents = [0x66, 0x8B, 0xC5, 0x60, 0, 0];
        assert_eq!(
            payload,
            [&head[..], &order, &[0; 38], &contents].concat(),
            "{payload:02x?}"
        );
    }

    #[test]
    fn in_words() {
        let words = [Way::Private, Way::Group, Way::Report].map(|way| sample(way).to_string());
        let from_to = "from 1 (subnet 10) to";
        assert_eq!(
            words,
            [
                std_form("work order", &alloc::format!("{from_to} ")),
                std_form("work order", &alloc::format!("{from_to} group ")),
                std_form("work order report", &alloc::format!("{from_to} ")),
            ]
        );
        let ack = WorkOrder::parse(0xAD, &[0, 0, 0, 7, 10, 0, 3, 0xE9, 8]);
        assert_eq!(
            ack.unwrap().unwrap().to_string(),
            "work order 7 to 1001 (subnet 10): no ack of the private call (8)"
        );
    }

    fn std_form(what: &str, from_to: &str) -> String {
        alloc::format!("{what} 7 {from_to}1001 (subnet 10): no. 12, new (0x00): 警情")
    }

    /// From 64 bytes on every start of an order is a shorter one, without its end; acks have two
    /// lengths, and their terminals are the same.
    #[test]
    fn prefixes() {
        let payload = written(&sample(Way::Private));
        for taken in 0..=payload.len() {
            let read = |opcode| WorkOrder::parse(opcode, &payload[..taken]);
            for opcode in [0xAC, 0xBC, 0xAA, 0x80AC] {
                assert_eq!(read(opcode).is_ok(), taken >= 64, "{opcode:#x} {taken}");
            }
            for opcode in [0xAD, 0xBD, 0xAB] {
                assert_eq!(
                    read(opcode).is_ok(),
                    [9, 13].contains(&taken),
                    "{opcode:#x} {taken}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_work_order_is_left_to_others() {
        for opcode in (0..=0xFF).chain([0x40AC, 0x01AC, 0x20AD]) {
            let ours = matches!(opcode, 0xAA..=0xAD | 0xBC | 0xBD);
            let read = WorkOrder::parse(opcode, &[]);
            assert_eq!(read == Ok(None), !ours, "{opcode:#x}");
        }
    }

    #[test]
    fn states_have_names() {
        let known = (0..=0xFF).filter(|state| WorkState(*state).name() != "unknown state");
        assert_eq!(known.count(), 3 + 5);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_again(
            low in proptest::sample::select(&[0xAAu16, 0xAB, 0xAC, 0xAD, 0xBC, 0xBD][..]),
            flag in any::<bool>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..140),
            cut in 0..2usize,
        ) {
            let bytes = &bytes[..bytes.len().min([9, 140][cut])];
            let opcode = low | if flag { FLAG } else { 0 };
            if let Ok(Some(order)) = WorkOrder::parse(opcode, bytes) {
                prop_assert_eq!(&written(&order), bytes);
                prop_assert_eq!(order.opcode(), opcode);
                let _ = order.to_string();
            }
        }

        #[test]
        fn any_contents_fit_the_frame(contents in any::<String>(), times in 1..200usize) {
            let contents = contents.repeat(times);
            let order = Order::new((2026, 1, 1), 1, WorkState::NEW, &contents);
            let body = Body::Order { source: terminal(1), order };
            let order = WorkOrder { body, ..sample(Way::Group) };
            let payload = written(&order);
            prop_assert!(payload.len() <= crate::hdap::MAX_PAYLOAD);
            prop_assert_eq!(WorkOrder::parse(0xBC, &payload), Ok(Some(order)));
        }
    }
}
