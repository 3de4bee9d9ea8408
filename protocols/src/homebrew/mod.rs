//! Homebrew network: DMR repeaters and hotspots log in to a master over UDP and exchange bursts
//! with it. All numbers are big-endian. There is no checksum: UDP's own has to do.
//!
//! ```text
//! repeater  RPTL id ──▶ ◀── RPTACK salt        hash = SHA-256(salt, passphrase)
//!           RPTK id hash ──▶ ◀── RPTACK id
//!           RPTC id details ──▶ ◀── RPTACK id
//!          [RPTO id options ──▶ ◀── RPTACK id]
//!           RPTPING id ──▶ ◀── MSTPONG id      from time to time
//!           DMRD … ◀─▶ DMRD …                  bursts, see `dmrd`
//!           RPTCL id ──▶                       MSTNAK id refuses any of them: log in again
//!                        ◀── MSTCL id          the master goes away
//! ```
//! | packet | bytes | layout |
//! |---|---|---|
//! | `RPTL` login | 8 | id 4 |
//! | `RPTK` key | 40 | id 4, hash 32 |
//! | `RPTC` configuration | 302 | id 4, [`details`] 294 |
//! | `DMRC` the same in short | 119 | id 4, [`details`] 111 |
//! | `RPTO` options | 8 to 300 | id 4, text |
//! | `RPTPING`, `MSTPONG`, `RPTSBKN` | 11 | id 4 |
//! | `RPTCL`, `MSTCL` | 9 | id 4 |
//! | `RPTACK`, `MSTACK`, `MSTNAK` | 10 | id 4; salt 4 in the answer to a login |
//! | `DMRD` burst | 53, 55 | see [`dmrd`] |
//! | `DMRA` alias | 15, 19 | id 4 or not there, radio 3, block 1, 7 octets |
//! | `DMRG` position | 14, 18 | id 4 or not there, radio 3, 7 octets |
//! | `DMRP` ping within a site | 4 | |
//!
//! From captures between MMDVMHost, DMRGateway and hblink3, and the sources of these three. The
//! hex dialect of 2015, `DMRD` with an HMAC between masters (`OpenBridge`) and trunking messages in
//! `DMRD` are not read.

pub mod details;
pub mod dmrd;

pub use details::{Details, Field, Form};
pub use dmrd::{Content, Dmrd, Slot};

use crate::dmr::Address;
use crate::error::{DecodeError, Layer};
use crate::refuse::{length, value, whole};
use alloc::vec::Vec;
use core::fmt;
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{map_opt, rest};
use nom::error::Error;
use nom::number::complete::{be_u8, be_u24, be_u32};
use sha2::{Digest, Sha256};

/// Longest packet: a configuration.
pub const MAX_LEN: usize = 302;
/// Longest options, what MMDVMHost has room for.
pub const MAX_OPTIONS: usize = 292;

/// One datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packet<'a> {
    /// A repeater asks for a salt.
    Login {
        /// Which.
        repeater: u32,
    },
    /// It proves that it knows the passphrase.
    Key {
        /// Which.
        repeater: u32,
        /// Of [`key`].
        hash: [u8; 32],
    },
    /// It tells what and where it is.
    Config {
        /// Which.
        repeater: u32,
        /// What.
        details: Details<'a>,
    },
    /// What it wants of the master; words of the master's own.
    Options {
        /// Which.
        repeater: u32,
        /// Unread.
        text: &'a [u8],
    },
    /// It is alive.
    Ping {
        /// Which.
        repeater: u32,
    },
    /// It leaves.
    Close {
        /// Which.
        repeater: u32,
    },
    /// The master takes a step of the login.
    Ack {
        /// `MSTACK`, not `RPTACK`.
        is_masters: bool,
        /// The salt in answer to a login, else the repeater's id.
        number: [u8; 4],
    },
    /// The master does not take it; the repeater has to log in anew.
    Nak {
        /// Whom it refuses.
        repeater: u32,
    },
    /// The master is alive.
    Pong {
        /// Whom it answers.
        repeater: u32,
    },
    /// The master goes away.
    Closing {
        /// Whom it tells.
        repeater: u32,
    },
    /// The master wants the repeater's beacon on the air.
    Beacon {
        /// Whose.
        repeater: u32,
    },
    /// A burst of a slot.
    Dmrd(Dmrd),
    /// Part of a speaker's name, from the embedded signalling of a call.
    Alias {
        /// Where; none within a site.
        repeater: Option<u32>,
        /// Whose.
        radio: Address,
        /// Which part.
        block: u8,
        /// Unread.
        octets: [u8; 7],
    },
    /// A speaker's position, from the embedded signalling of a call.
    Position {
        /// Where; none within a site.
        repeater: Option<u32>,
        /// Whose.
        radio: Address,
        /// Unread.
        octets: [u8; 7],
    },
    /// MMDVMHost and DMRGateway on one site, alive.
    LocalPing,
}

/// The hash of a login: SHA-256 of the salt as it came and the passphrase.
#[must_use]
pub fn key(salt: [u8; 4], passphrase: &[u8]) -> [u8; 32] {
    let digest = Sha256::new().chain_update(salt).chain_update(passphrase);
    digest.finalize().into()
}

impl<'a> Packet<'a> {
    /// Reads one datagram.
    ///
    /// # Errors
    /// First bytes of no packet, a length its kind does not have, a burst neither voice nor data.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        // An id that begins with the letter L makes an RPTC look like an RPTCL: the length tells.
        if let Some(id) = bytes.strip_prefix(b"RPTCL").and_then(|id| id.as_array()) {
            let repeater = u32::from_be_bytes(*id);
            return Ok(Self::Close { repeater });
        }
        let cut = |word: &[u8]| bytes.strip_prefix(word);
        let found = KINDS.iter().find_map(|(word, read)| Some(read(cut(word)?)));
        found.unwrap_or_else(|| Err(unknown(bytes)))
    }

    /// Appends its bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.word());
        if let Some(repeater) = self.repeater().filter(|_| self.begins_with_id()) {
            out.extend_from_slice(&repeater.to_be_bytes());
        }
        match self {
            Self::Key { hash, .. } => out.extend_from_slice(hash),
            Self::Config { details, .. } => out.extend_from_slice(details.bytes()),
            Self::Options { text, .. } => out.extend(text.iter().take(MAX_OPTIONS)),
            Self::Ack { number, .. } => out.extend_from_slice(number),
            Self::Dmrd(dmrd) => dmrd.emit(out),
            Self::Alias {
                radio,
                block,
                octets,
                ..
            } => {
                out.extend_from_slice(&dmrd::address_bytes(*radio));
                out.push(*block);
                out.extend_from_slice(octets);
            }
            Self::Position { radio, octets, .. } => {
                out.extend_from_slice(&dmrd::address_bytes(*radio));
                out.extend_from_slice(octets);
            }
            _ => {}
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.emit(&mut bytes);
        bytes
    }

    /// The repeater it names; an acknowledgement may hold a salt in that place, so it names none.
    #[must_use]
    pub fn repeater(&self) -> Option<u32> {
        match self {
            Self::Login { repeater }
            | Self::Key { repeater, .. }
            | Self::Config { repeater, .. }
            | Self::Options { repeater, .. }
            | Self::Ping { repeater }
            | Self::Close { repeater }
            | Self::Nak { repeater }
            | Self::Pong { repeater }
            | Self::Closing { repeater }
            | Self::Beacon { repeater } => Some(*repeater),
            Self::Alias { repeater, .. } | Self::Position { repeater, .. } => *repeater,
            Self::Dmrd(dmrd) => Some(dmrd.repeater),
            Self::Ack { .. } | Self::LocalPing => None,
        }
    }

    /// Its first bytes.
    #[must_use]
    pub fn word(&self) -> &'static [u8] {
        match self {
            Self::Login { .. } => b"RPTL",
            Self::Key { .. } => b"RPTK",
            Self::Config { details, .. } => match details.form() {
                Form::Full => b"RPTC",
                Form::Short => b"DMRC",
            },
            Self::Options { .. } => b"RPTO",
            Self::Ping { .. } => b"RPTPING",
            Self::Close { .. } => b"RPTCL",
            Self::Ack { is_masters, .. } => match is_masters {
                true => b"MSTACK",
                false => b"RPTACK",
            },
            Self::Nak { .. } => b"MSTNAK",
            Self::Pong { .. } => b"MSTPONG",
            Self::Closing { .. } => b"MSTCL",
            Self::Beacon { .. } => b"RPTSBKN",
            Self::Dmrd(_) => b"DMRD",
            Self::Alias { .. } => b"DMRA",
            Self::Position { .. } => b"DMRG",
            Self::LocalPing => b"DMRP",
        }
    }

    /// In words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Login { .. } => "login",
            Self::Key { .. } => "key",
            Self::Config { .. } => "configuration",
            Self::Options { .. } => "options",
            Self::Ping { .. } => "ping",
            Self::Close { .. } => "the repeater leaves",
            Self::Ack { .. } => "acknowledgement",
            Self::Nak { .. } => "refusal",
            Self::Pong { .. } => "pong",
            Self::Closing { .. } => "the master leaves",
            Self::Beacon { .. } => "beacon wanted",
            Self::Dmrd(_) => "burst",
            Self::Alias { .. } => "alias",
            Self::Position { .. } => "position",
            Self::LocalPing => "ping within a site",
        }
    }

    /// Whether the id stands right behind the first bytes.
    fn begins_with_id(&self) -> bool {
        !matches!(self, Self::Dmrd(_))
    }
}

type Read = for<'b> fn(&'b [u8]) -> Result<Packet<'b>, DecodeError>;

/// What begins each packet, and how what follows is read. No word begins another one.
const KINDS: [(&[u8], Read); 16] = [
    (b"RPTL", |rest| {
        by_id(rest, |repeater| Packet::Login { repeater })
    }),
    (b"RPTK", key_packet),
    (b"RPTC", |rest| config(rest, Form::Full)),
    (b"DMRC", |rest| config(rest, Form::Short)),
    (b"RPTO", options),
    (b"RPTPING", |rest| {
        by_id(rest, |repeater| Packet::Ping { repeater })
    }),
    (b"RPTACK", |rest| ack(rest, false)),
    (b"MSTACK", |rest| ack(rest, true)),
    (b"MSTNAK", |rest| {
        by_id(rest, |repeater| Packet::Nak { repeater })
    }),
    (b"MSTPONG", |rest| {
        by_id(rest, |repeater| Packet::Pong { repeater })
    }),
    (b"MSTCL", |rest| {
        by_id(rest, |repeater| Packet::Closing { repeater })
    }),
    (b"RPTSBKN", |rest| {
        by_id(rest, |repeater| Packet::Beacon { repeater })
    }),
    (b"DMRD", |rest| Dmrd::parse(rest).map(Packet::Dmrd)),
    (b"DMRA", alias),
    (b"DMRG", position),
    (b"DMRP", local_ping),
];

fn unknown(bytes: &[u8]) -> DecodeError {
    let layer = Layer::Homebrew;
    let begun = KINDS.iter().find(|(word, _)| word.starts_with(bytes));
    match (begun, bytes.first_chunk()) {
        (None, Some(first)) => value(layer, "the first word", u32::from_be_bytes(*first)),
        (None, None) => value(layer, "the first byte", bytes.first().copied().unwrap_or(0)),
        (Some((word, _)), _) => DecodeError::Truncated {
            layer,
            missing: word.len() - bytes.len(),
        },
    }
}

/// A packet of a fixed length: too short is truncated, too long a wrong length.
fn exact<'a, T>(
    rest: &'a [u8],
    size: usize,
    expected: &'static str,
    parser: impl Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
) -> Result<T, DecodeError> {
    let layer = Layer::Homebrew;
    let missing = size.saturating_sub(rest.len());
    match missing {
        0 => whole(layer, rest, expected, parser),
        _ => Err(DecodeError::Truncated { layer, missing }),
    }
}

fn by_id<'a>(rest: &'a [u8], packet: fn(u32) -> Packet<'a>) -> Result<Packet<'a>, DecodeError> {
    exact(rest, 4, "a word and 4, an id", be_u32).map(packet)
}

fn key_packet(rest: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let hash = map_opt(take(32usize), |hash: &[u8]| hash.as_array().copied());
    let fields = exact(rest, 36, "a word and 36, id and hash", (be_u32, hash));
    fields.map(|(repeater, hash)| Packet::Key { repeater, hash })
}

fn config(bytes: &[u8], form: Form) -> Result<Packet<'_>, DecodeError> {
    let details = map_opt(take(form.width()), move |bytes| Details::new(form, bytes));
    let expected = "a word, an id and 294 or 111 of details";
    let fields = exact(bytes, 4 + form.width(), expected, (be_u32, details));
    fields.map(|(repeater, details)| Packet::Config { repeater, details })
}

fn options(bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    if bytes.len() > 4 + MAX_OPTIONS {
        return Err(length(
            Layer::Homebrew,
            bytes.len(),
            "4 to 296, an id and options",
        ));
    }
    let fields = exact(bytes, 4, "a word, an id and a text", (be_u32, rest));
    fields.map(|(repeater, text)| Packet::Options { repeater, text })
}

fn ack(rest: &[u8], is_masters: bool) -> Result<Packet<'_>, DecodeError> {
    let number = exact(rest, 4, "a word and 4, a salt or an id", be_u32)?;
    let number = number.to_be_bytes();
    Ok(Packet::Ack { is_masters, number })
}

/// The id of a packet that may go without one, by how much there is.
fn with_or_without_id(rest: &[u8], without: usize) -> Result<(Option<u32>, &[u8]), DecodeError> {
    let layer = Layer::Homebrew;
    let with = without + 4;
    match rest.split_first_chunk() {
        Some((id, rest)) if rest.len() == without => Ok((Some(u32::from_be_bytes(*id)), rest)),
        _ if rest.len() == without => Ok((None, rest)),
        _ if rest.len() < with => Err(DecodeError::Truncated {
            layer,
            missing: with - rest.len(),
        }),
        _ => Err(length(
            layer,
            rest.len(),
            "a word and its fields, with an id or without",
        )),
    }
}

fn alias(rest: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let (repeater, rest) = with_or_without_id(rest, 11)?;
    let fields = (be_u24, be_u8, take(7usize));
    let (radio, block, octets) = exact(rest, 11, "11, an alias", fields)?;
    Ok(Packet::Alias {
        repeater,
        radio: Address::low(radio),
        block,
        octets: octets.as_array().copied().unwrap_or_default(),
    })
}

fn position(rest: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let (repeater, rest) = with_or_without_id(rest, 10)?;
    let (radio, octets) = exact(rest, 10, "10, a position", (be_u24, take(7usize)))?;
    Ok(Packet::Position {
        repeater,
        radio: Address::low(radio),
        octets: octets.as_array().copied().unwrap_or_default(),
    })
}

fn local_ping(bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    match bytes {
        [] => Ok(Packet::LocalPing),
        _ => Err(length(Layer::Homebrew, bytes.len(), "a word alone")),
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dmrd(dmrd) => return dmrd.fmt(f),
            Self::Ack { number, .. } => {
                let [a, b, c, d] = number;
                return write!(
                    f,
                    "acknowledgement, salt or id {a:02x}{b:02x}{c:02x}{d:02x}"
                );
            }
            _ => f.write_str(self.name())?,
        }
        match self.repeater() {
            Some(repeater) => write!(f, ", repeater {repeater}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
