//! RRS: a terminal registers, goes offline, or is asked whether it is there. It does not decide who
//! is present: silence past the renew time is the engine's matter.
//!
//! | opcode | message | payload |
//! |---|---|---|
//! | 0003 | registration | radio 4 |
//! | 0080 | registration answer | radio 4, result 1, renew seconds 4 |
//! | 0001 | going offline | radio 4 |
//! | 0002 | online check | radio 4 |
//! | 0082 | online check answer | radio 4, state 1 |

use crate::error::{DecodeError, Layer};
use crate::radio_ip::RadioIp;
use crate::refuse::whole;
use bytes::BufMut;
use core::fmt;
use nom::number::complete::{be_u32, u8};

const ANSWER: &str = "9, a registration answer's";
const CHECKED: &str = "5, an online check answer's";
const ALONE: &str = "4, a radio address alone";

/// A registration message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rrs {
    /// A terminal came on the air or renews.
    Registration(RadioIp),
    /// Answer to it.
    RegistrationAnswer {
        /// Who registered.
        radio: RadioIp,
        /// Whether it may.
        result: RegistrationResult,
        /// After how many seconds it registers again, 1 to 65534.
        renew_s: u32,
    },
    /// A terminal is being switched off.
    Offline(RadioIp),
    /// Are you there?
    OnlineCheck(RadioIp),
    /// Answer to it.
    OnlineAnswer {
        /// Who was asked about.
        radio: RadioIp,
        /// 0 online, 1 offline.
        state: u8,
    },
}

/// How a registration ended. Unknown numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegistrationResult(pub u8);

impl RegistrationResult {
    /// Registered.
    pub const OK: Self = Self(0);
    /// Refused, no reason given.
    pub const REFUSED: Self = Self(1);
    /// Refused for its password.
    pub const PASSWORD: Self = Self(2);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OK => "ok",
            Self::REFUSED => "refused",
            Self::PASSWORD => "wrong password",
            _ => "unknown result",
        }
    }
}

impl Rrs {
    /// Reads a payload; none if the opcode is not one of the table above.
    ///
    /// # Errors
    /// A payload of another length than the opcode's.
    pub fn parse(opcode: u16, payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let alone = || whole(Layer::Rrs, payload, ALONE, RadioIp::read);
        Ok(Some(match opcode {
            0x0001 => Self::Offline(alone()?),
            0x0002 => Self::OnlineCheck(alone()?),
            0x0003 => Self::Registration(alone()?),
            0x0080 => {
                let fields = (RadioIp::read, u8, be_u32);
                let (radio, result, renew_s) = whole(Layer::Rrs, payload, ANSWER, fields)?;
                let result = RegistrationResult(result);
                Self::RegistrationAnswer {
                    radio,
                    result,
                    renew_s,
                }
            }
            0x0082 => {
                let (radio, state) = whole(Layer::Rrs, payload, CHECKED, (RadioIp::read, u8))?;
                Self::OnlineAnswer { radio, state }
            }
            _ => return Ok(None),
        }))
    }

    /// The opcode it goes under.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        match self {
            Self::Offline(_) => 0x0001,
            Self::OnlineCheck(_) => 0x0002,
            Self::Registration(_) => 0x0003,
            Self::RegistrationAnswer { .. } => 0x0080,
            Self::OnlineAnswer { .. } => 0x0082,
        }
    }

    /// The terminal it is about.
    #[must_use]
    pub fn radio(&self) -> RadioIp {
        match self {
            Self::Offline(radio) | Self::OnlineCheck(radio) | Self::Registration(radio) => *radio,
            Self::RegistrationAnswer { radio, .. } | Self::OnlineAnswer { radio, .. } => *radio,
        }
    }

    /// Writes the payload.
    pub fn emit(&self, out: &mut impl BufMut) {
        self.radio().emit(out);
        match self {
            Self::Offline(_) | Self::OnlineCheck(_) | Self::Registration(_) => {}
            Self::RegistrationAnswer {
                result, renew_s, ..
            } => {
                out.put_u8(result.0);
                out.put_u32(*renew_s);
            }
            Self::OnlineAnswer { state, .. } => out.put_u8(*state),
        }
    }
}

impl fmt::Display for RegistrationResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Display for Rrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration(radio) => write!(f, "{radio} registers"),
            Self::RegistrationAnswer {
                radio,
                result,
                renew_s,
            } => write!(f, "registration of {radio}: {result}, renew in {renew_s} s"),
            Self::Offline(radio) => write!(f, "{radio} goes offline"),
            Self::OnlineCheck(radio) => write!(f, "is {radio} online?"),
            Self::OnlineAnswer { radio, state: 0 } => write!(f, "{radio} is online"),
            Self::OnlineAnswer { radio, state } => write!(f, "{radio} is offline ({state})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn radio(id: u32) -> RadioIp {
        RadioIp::terminal(id).unwrap()
    }

    #[test]
    fn captured_answer() {
        let payload = [0x0A, 0x23, 0x38, 0x63, 0, 0, 0, 0x07, 0x08];
        let answer = Rrs::parse(0x0080, &payload).unwrap().unwrap();
        let expected = Rrs::RegistrationAnswer {
            radio: radio(2_308_195),
            result: RegistrationResult::OK,
            renew_s: 1800,
        };
        assert_eq!(answer, expected);
        let words = "registration of 2308195 (subnet 10): ok (0), renew in 1800 s";
        assert_eq!(answer.to_string(), words);
    }

    #[test]
    fn every_prefix_and_every_longer_payload_is_refused() {
        let payload = [0x0A, 0, 0, 1, 0, 0, 0, 0, 60, 0];
        for (opcode, length) in [(1, 4), (2, 4), (3, 4), (0x80, 9), (0x82, 5)] {
            for taken in 0..=payload.len() {
                let parsed = Rrs::parse(opcode, &payload[..taken]);
                assert_eq!(parsed.is_ok(), taken == length, "{opcode:#x} {taken}");
            }
        }
        assert_eq!(Rrs::parse(0x0004, &payload), Ok(None));
        assert_eq!(Rrs::parse(0x0103, &payload[..4]), Ok(None));
    }

    fn any_rrs() -> impl Strategy<Value = Rrs> {
        let radio = (any::<u8>(), 0..=RadioIp::MAX_ID);
        (0..5u8, radio, any::<u8>(), any::<u32>()).prop_map(|(kind, radio, byte, renew_s)| {
            let (subnet, id) = radio;
            let radio = RadioIp { subnet, id };
            let result = RegistrationResult(byte);
            match kind {
                0 => Rrs::Registration(radio),
                1 => Rrs::Offline(radio),
                2 => Rrs::OnlineCheck(radio),
                3 => Rrs::OnlineAnswer { radio, state: byte },
                _ => Rrs::RegistrationAnswer {
                    radio,
                    result,
                    renew_s,
                },
            }
        })
    }

    proptest! {
        #[test]
        fn round_trip(message in any_rrs()) {
            let mut payload = Vec::new();
            message.emit(&mut payload);
            prop_assert_eq!(Rrs::parse(message.opcode(), &payload), Ok(Some(message)));
        }
    }
}
