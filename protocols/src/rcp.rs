//! RCP: the radio at the gateway tells its own state, a repeater what it repeats, and both are set
//! up to tell it. All numbers are little-endian. It does not decide what an emergency means.
//!
//! | opcode | message | payload |
//! |---|---|---|
//! | B0C8 | radio status | target 1, value 2 |
//! | B845 | repeater status | mode 2, status 2, service 2, call type 2, target 4, sender 4 |
//! | 0452 | identity query | kind 1 (0 id, 1 IP) |
//! | 8452 | its answer | result 1, kind 1, value 4 |
//! | 10C9 | broadcast of states | count 1, then count pairs of what 1 and on 1 |
//! | 1847 | broadcast of messages | flags 1 (1 TMP, 2 short data, 4 CSBK), zeros 7 |
//! | 80C9, 8847 | answers of these | result 1 |
//!
//! ```text
//! 02 45b8 1000 0100 0400 0400 0000 fd080000 fa372300 c3 03   repeater status, a private call
//! 02 c910 0500 02 0001 0101 4f 03                            tell sending and receiving
//! ```
//! Sources differ on which byte of a pair comes first; the capture above makes sense only with what
//! it is about first, and both orders can be written. Everything else (0833, 0850, 0851, B844 …)
//! is not read.

use crate::error::{DecodeError, Layer};
use crate::radio_ip::RadioIp;
use crate::refuse::{length, value, whole};
use bytes::BufMut;
use core::fmt;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u16, le_u32, u8};

/// Most pairs of a broadcast of states.
pub const MAX_PAIRS: usize = 32;
/// Zeros after the flags of a broadcast of messages.
const RESERVED: usize = 7;

/// A radio control message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rcp<'a> {
    /// Something about the gateway's own radio changed.
    RadioStatus {
        /// What.
        target: StatusTarget,
        /// To what; the meaning is the target's.
        value: u16,
    },
    /// A repeater carries something, or stops to.
    RepeaterStatus(RepeaterStatus),
    /// Who are you?
    IdentityQuery(Identity),
    /// The answer.
    IdentityAnswer {
        /// 0 ok.
        result: u8,
        /// What was asked for.
        kind: Identity,
        /// As it stands on the wire; see [`Rcp::radio_id`].
        value: [u8; 4],
    },
    /// Tell these states by yourself from now on, or no longer.
    BroadcastStates {
        /// Pairs of bytes, at most [`MAX_PAIRS`]; more are cut when emitted.
        pairs: &'a [[u8; 2]],
    },
    /// Pass these messages on from now on.
    BroadcastMessages {
        /// 1 texts, 2 short data, 4 control blocks.
        flags: u8,
        /// Zeros in all captures but one.
        reserved: [u8; RESERVED],
    },
    /// Whether a broadcast was set.
    BroadcastAnswer {
        /// Of states; else of messages.
        states: bool,
        /// 0 ok, 1 failed.
        result: u8,
    },
}

/// What a repeater does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RepeaterStatus {
    /// 0 digital in captures, otherwise unexplained.
    pub mode: u16,
    /// 0 to 15, see [`RepeaterStatus::name`].
    pub status: u16,
    /// What is carried: 0 nothing, 1 voice, 2 text, 3 location, 4 registration …
    pub service: u16,
    /// What kind of call.
    pub call: CallType,
    /// Whom it is for, 24 bits of it.
    pub target: u32,
    /// Who sends, 24 bits of it; 0 nobody.
    pub sender: u32,
}

impl RepeaterStatus {
    /// The status in words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.status {
            0 => "local repeating",
            1 => "call hang",
            2 => "IP repeating",
            10 => "remote talk time is over",
            _ => "other status",
        }
    }

    /// Who is in distress, if this tells of an emergency and who sent it.
    #[must_use]
    pub fn emergency(&self) -> Option<u32> {
        let sender = self.sender & RadioIp::MAX_ID;
        (self.call.is_emergency() && sender != 0).then_some(sender)
    }
}

/// A kind of call. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallType(pub u16);

impl CallType {
    /// A group call of an emergency.
    pub const EMERGENCY_GROUP: Self = Self(3);
    /// The alarm itself.
    pub const EMERGENCY_ALARM: Self = Self(5);
    /// The alarm with a call.
    pub const EMERGENCY_ALARM_CALL: Self = Self(12);

    /// Whether somebody pressed the emergency button.
    #[must_use]
    pub fn is_emergency(self) -> bool {
        matches!(
            self,
            Self::EMERGENCY_GROUP | Self::EMERGENCY_ALARM | Self::EMERGENCY_ALARM_CALL
        )
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "private call",
            1 => "group call",
            2 => "call to all",
            3 => "emergency group call",
            4 => "remote monitor",
            5 => "emergency alarm",
            6 => "priority private call",
            7 => "priority group call",
            8 => "priority call to all",
            12 => "emergency alarm call",
            _ => "other call",
        }
    }
}

/// What a radio status is about. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusTarget(pub u8);

impl StatusTarget {
    /// The emergency button of the gateway's own radio.
    pub const EMERGENCY: Self = Self(0x09);
    /// The gateway's own radio lies.
    pub const MAN_DOWN: Self = Self(0x0E);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0x06 => "channel",
            0x09 => "emergency",
            0x0B => "signal strength",
            0x0E => "man down",
            0x11 => "power",
            0x12 => "disabled",
            0x17 => "lone worker",
            _ => "other target",
        }
    }
}

/// What identity is asked for. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub u8);

impl Identity {
    /// The radio id.
    pub const ID: Self = Self(0);
    /// The address made of subnet and id.
    pub const IP: Self = Self(1);
}

/// What a broadcast of states is about.
pub const SENDING: u8 = 0;
/// See [`SENDING`].
pub const RECEIVING: u8 = 1;
/// See [`SENDING`].
pub const REPEATER: u8 = 2;

/// The pairs that switch on the states of `about`, either order of a pair.
#[must_use]
pub fn switched_on<const N: usize>(about: [u8; N], on_first: bool) -> [[u8; 2]; N] {
    about.map(|what| if on_first { [1, what] } else { [what, 1] })
}

impl<'a> Rcp<'a> {
    /// Reads a payload; none if the opcode is not one of the table above.
    ///
    /// # Errors
    /// A payload of another length than the opcode's, or a count that does not fit it.
    pub fn parse(opcode: u16, payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        const RCP: Layer = Layer::Rcp;
        Ok(Some(match opcode {
            0xB0C8 => {
                let (target, value) = whole(RCP, payload, "3, a radio status", (u8, le_u16))?;
                let target = StatusTarget(target);
                Self::RadioStatus { target, value }
            }
            0xB845 => Self::RepeaterStatus(repeater_status(payload)?),
            0x0452 => Self::IdentityQuery(Identity(whole(RCP, payload, "1, a query", u8)?)),
            0x8452 => {
                let fields = (u8, u8, take(4usize));
                let (result, kind, bytes) = whole(RCP, payload, "6, an identity", fields)?;
                let mut value = [0; 4];
                value
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(to, from)| *to = *from);
                let kind = Identity(kind);
                Self::IdentityAnswer {
                    result,
                    kind,
                    value,
                }
            }
            0x10C9 => Self::BroadcastStates {
                pairs: pairs(payload)?,
            },
            0x1847 => {
                let fields = (u8, take(RESERVED));
                let (flags, bytes) = whole(RCP, payload, "8, a broadcast of messages", fields)?;
                let mut reserved = [0; RESERVED];
                reserved
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(to, from)| *to = *from);
                Self::BroadcastMessages { flags, reserved }
            }
            0x80C9 | 0x8847 => Self::BroadcastAnswer {
                states: opcode == 0x80C9,
                result: whole(RCP, payload, "1, a result", u8)?,
            },
            _ => return Ok(None),
        }))
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        match self {
            Self::RadioStatus { .. } => 0xB0C8,
            Self::RepeaterStatus(_) => 0xB845,
            Self::IdentityQuery(_) => 0x0452,
            Self::IdentityAnswer { .. } => 0x8452,
            Self::BroadcastStates { .. } => 0x10C9,
            Self::BroadcastMessages { .. } => 0x1847,
            Self::BroadcastAnswer { states: true, .. } => 0x80C9,
            Self::BroadcastAnswer { states: false, .. } => 0x8847,
        }
    }

    /// The radio id of an identity that was told: the last three bytes of an address, as captured;
    /// a bare id is little-endian like all numbers here (assumed).
    #[must_use]
    pub fn radio_id(&self) -> Option<u32> {
        match *self {
            Self::IdentityAnswer {
                result: 0,
                kind,
                value,
            } => Some(
                RadioIp::MAX_ID
                    & match kind {
                        Identity::IP => u32::from_be_bytes(value),
                        _ => u32::from_le_bytes(value),
                    },
            ),
            _ => None,
        }
    }

    /// Writes the payload.
    pub fn emit(&self, out: &mut impl BufMut) {
        match self {
            Self::RadioStatus { target, value } => {
                out.put_u8(target.0);
                out.put_u16_le(*value);
            }
            Self::RepeaterStatus(told) => {
                out.put_u16_le(told.mode);
                out.put_u16_le(told.status);
                out.put_u16_le(told.service);
                out.put_u16_le(told.call.0);
                out.put_u32_le(told.target);
                out.put_u32_le(told.sender);
            }
            Self::IdentityQuery(kind) => out.put_u8(kind.0),
            Self::IdentityAnswer {
                result,
                kind,
                value,
            } => {
                out.put_u8(*result);
                out.put_u8(kind.0);
                out.put_slice(value);
            }
            Self::BroadcastStates { pairs } => {
                let pairs = pairs.get(..MAX_PAIRS).unwrap_or(pairs);
                out.put_u8(u8::try_from(pairs.len()).unwrap_or(0));
                out.put_slice(pairs.as_flattened());
            }
            Self::BroadcastMessages { flags, reserved } => {
                out.put_u8(*flags);
                out.put_slice(reserved);
            }
            Self::BroadcastAnswer { result, .. } => out.put_u8(*result),
        }
    }
}

fn repeater_status(payload: &[u8]) -> Result<RepeaterStatus, DecodeError> {
    let fields = (le_u16, le_u16, le_u16, le_u16, le_u32, le_u32);
    let read = whole(Layer::Rcp, payload, "16, a repeater status", fields)?;
    let (mode, status, service, call, target, sender) = read;
    Ok(RepeaterStatus {
        mode,
        status,
        service,
        call: CallType(call),
        target,
        sender,
    })
}

/// The pairs that a count announces: as many as there are.
fn pairs(payload: &[u8]) -> Result<&[[u8; 2]], DecodeError> {
    let wrong = || length(Layer::Rcp, payload.len(), "1 and two for each pair");
    let counted: Result<_, nom::Err<nom::error::Error<&[u8]>>> = u8.parse(payload);
    let (rest, count) = counted.map_err(|_| wrong())?;
    let (pairs, odd) = rest.as_chunks::<2>();
    if !odd.is_empty() || pairs.len() != usize::from(count) {
        return Err(wrong());
    }
    match pairs.len() > MAX_PAIRS {
        true => Err(value(Layer::Rcp, "count of pairs", count)),
        false => Ok(pairs),
    }
}

impl fmt::Display for CallType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Display for StatusTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::ID => "id",
            Self::IP => "IP",
            _ => "other identity",
        };
        write!(f, "{name} ({})", self.0)
    }
}

impl fmt::Display for Rcp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RadioStatus { target, value } => write!(f, "radio status: {target} is {value}"),
            Self::RepeaterStatus(told) => {
                let (name, status, call) = (told.name(), told.status, told.call);
                let (sender, target) = (told.sender, told.target);
                write!(
                    f,
                    "repeater: {name} ({status}), {call} from {sender} to {target}"
                )
            }
            Self::IdentityQuery(kind) => write!(f, "query of {kind}"),
            Self::IdentityAnswer { result, kind, .. } => match self.radio_id() {
                Some(id) => write!(f, "{kind}: radio {id}"),
                None => write!(f, "{kind}: result {result}"),
            },
            Self::BroadcastStates { pairs } => write!(f, "broadcast of states: {pairs:?}"),
            Self::BroadcastMessages { flags, .. } => {
                write!(f, "broadcast of messages: {flags:#04x}")
            }
            Self::BroadcastAnswer { states, result } => {
                let what = if *states { "states" } else { "messages" };
                write!(f, "broadcast of {what}: result {result}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::hex;
    use crate::error::Parsed;
    use crate::hdap::Hdap;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const OPCODES: [u16; 8] = [
        0xB0C8, 0xB845, 0x0452, 0x8452, 0x10C9, 0x1847, 0x80C9, 0x8847,
    ];

    /// A captured message in words.
    fn words(digits: &str) -> alloc::string::String {
        let bytes = hex(digits);
        match Hdap::parse(&bytes) {
            Ok(Parsed::Complete(hdap, _)) => {
                let read = Rcp::parse(hdap.opcode, hdap.payload).unwrap().unwrap();
                let mut out = Vec::new();
                read.emit(&mut out);
                assert_eq!((out.as_slice(), read.opcode()), (hdap.payload, hdap.opcode));
                read.to_string()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn captured_ones_say_what_they_mean() {
        let called = "repeater: other status (4), private call (0) from 2308090 to 2301";
        assert_eq!(
            words("0245b810000100040004000000fd080000fa372300c303"),
            called
        );
        let states = "broadcast of states: [[0, 1], [1, 1]]";
        assert_eq!(words("02c910050002000101014f03"), states);
        assert_eq!(
            words("02471808000700000000000000c403"),
            "broadcast of messages: 0x07"
        );
        assert_eq!(words("0247880100006203"), "broadcast of messages: result 0");
        assert_eq!(words("025284060000010a0003e95f03"), "IP (1): radio 1001");
    }

    #[test]
    fn emergencies_are_three_call_types_of_a_known_sender() {
        let told = |call, sender| RepeaterStatus {
            mode: 0,
            status: 4,
            service: 1,
            call: CallType(call),
            target: 110,
            sender,
        };
        let calls = (0..40).filter(|call| told(*call, 1001).emergency() == Some(1001));
        assert_eq!(calls.collect::<Vec<_>>(), [3, 5, 12]);
        assert_eq!(told(3, 0).emergency(), None);
        assert_eq!(told(3, 0x0A00_03E9).emergency(), Some(1001));
    }

    #[test]
    fn either_order_of_a_pair_is_written() {
        let about = [SENDING, REPEATER];
        assert_eq!(switched_on(about, false), [[0, 1], [2, 1]]);
        assert_eq!(switched_on(about, true), [[1, 0], [1, 2]]);
    }

    #[test]
    fn a_count_that_lies_is_refused() {
        for payload in [&[][..], &[1], &[1, 0], &[0, 0, 1], &[2, 0, 1, 1]] {
            assert!(Rcp::parse(0x10C9, payload).is_err(), "{payload:?}");
        }
        let many = [&[33][..], &[0; 66]].concat();
        let error = Rcp::parse(0x10C9, &many).unwrap_err();
        assert_eq!(error.to_string(), "rcp: count of pairs is 0x21");
    }

    #[test]
    fn prefixes_are_refused_and_others_are_not_read() {
        for opcode in OPCODES.into_iter().filter(|opcode| *opcode != 0x10C9) {
            let taken = (0..40).filter(|length| Rcp::parse(opcode, &[0; 40][..*length]).is_ok());
            assert_eq!(taken.count(), 1, "{opcode:#x}");
        }
        for opcode in [0x0833, 0x0850, 0x0851, 0xB844, 0x0841] {
            assert_eq!(Rcp::parse(opcode, &[0; 5]), Ok(None));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_again(
            opcode in proptest::sample::select(OPCODES.to_vec()),
            bytes in proptest::collection::vec(any::<u8>(), 0..70),
        ) {
            if let Ok(Some(message)) = Rcp::parse(opcode, &bytes) {
                let mut out = Vec::new();
                message.emit(&mut out);
                prop_assert_eq!(&out, &bytes);
                prop_assert_eq!(message.opcode(), opcode);
                let _ = message.to_string();
            }
        }
    }
}
