//! Full link control of voice headers and terminators (TS 102 361-1, 9.1.6): who calls whom. Read
//! to tell what a burst is; calls are not followed. Its Reed-Solomon code RS(12,9,4) (B.3.6) is
//! used as a checksum only, behind a mask that tells header from terminator.
//!
//! ```text
//! |PF|R| opcode | feature set | body: options 8, destination 24, source 24 | parity |
//!  1  1    6          8                          56                            24    bits
//! ```

use super::Address;
use super::address::address;
use crate::bits::{Bits, flag, whole};
use crate::error::{DecodeError, Layer};
use crate::refuse::{check, exactly};
use nom::Parser;
use nom::bits::complete::take;

/// A full link control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lc {
    /// Its first bit: the rest is protected.
    pub protect: bool,
    /// Full link control opcode, 6 bits: 0 a group's call, 3 one radio's.
    pub opcode: u8,
    /// 0 standard, else a maker's.
    pub feature_set: u8,
    /// Service options; in a maker's own control whatever it means.
    pub options: u8,
    /// Who is called.
    pub destination: Address,
    /// Who calls.
    pub source: Address,
}

/// Which of the two it is: the mask of its parity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LcKind {
    /// Before voice.
    Header,
    /// After voice.
    Terminator,
}

impl LcKind {
    fn mask(self) -> u8 {
        match self {
            Self::Header => 0x96,
            Self::Terminator => 0x99,
        }
    }
}

impl Lc {
    /// Reads 12 bytes. A reserved bit is not kept.
    ///
    /// # Errors
    /// Other parity than the bytes give, or not 12 bytes.
    pub fn parse(kind: LcKind, bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = exactly::<12>(Layer::Lc, bytes, "12, a link control")?;
        let [body @ .., a, b, c] = bytes;
        check(Layer::Lc, number([*a, *b, *c]), number(parity(body, kind)))?;
        let fields = (
            flag,
            flag,
            take(6usize),
            take(8usize),
            take(8usize),
            address,
            address,
        );
        let read = |(protect, _, opcode, feature_set, options, destination, source)| Self {
            protect,
            opcode,
            feature_set,
            options,
            destination,
            source,
        };
        let missing = DecodeError::Truncated {
            layer: Layer::Lc,
            missing: 1,
        };
        whole(body, fields.map(read)).ok_or(missing)
    }

    /// Its 12 bytes.
    #[must_use]
    pub fn to_bytes(&self, kind: LcKind) -> [u8; 12] {
        let bits = Bits::default()
            .put(self.protect, 1)
            .put(0u8, 1)
            .put(self.opcode, 6)
            .put(self.feature_set, 8)
            .put(self.options, 8)
            .put(self.destination.number(), 24)
            .put(self.source.number(), 24);
        let body = bits.bytes::<9>();
        bits.put(number(parity(&body, kind)), 24).bytes()
    }
}

fn number([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

/// The three parity bytes as sent: what is left of the body divided by
/// x^3 + 14 x^2 + 56 x + 64 over GF(256), behind the mask.
fn parity(body: &[u8; 9], kind: LcKind) -> [u8; 3] {
    let rest = body.iter().fold([0; 3], |[a, b, c], byte| {
        let top = byte ^ a;
        [b ^ times(top, 14), c ^ times(top, 56), times(top, 64)]
    });
    rest.map(|byte| byte ^ kind.mask())
}

/// Product in GF(256) by x^8 + x^4 + x^3 + x^2 + 1.
fn times(a: u8, b: u8) -> u8 {
    (0..8).rev().fold(0u8, |product, bit| {
        let reduced = (product << 1) ^ ((product >> 7) * 0x1D);
        reduced ^ ((b >> bit & 1) * a)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, flips, frames};

    #[test]
    fn the_vectors_both_ways() {
        let vectors = frames(include_str!("../../../fixtures/radio/dmr_fec_crc.json"));
        let kinds = [
            LcKind::Header,
            LcKind::Header,
            LcKind::Terminator,
            LcKind::Terminator,
        ];
        let vectors = vectors.iter().filter(|vector| vector["name"] == "rs12_9");
        assert_eq!(vectors.clone().count(), kinds.len());
        for (vector, kind) in vectors.zip(kinds) {
            let bytes = bytes_of(vector);
            let lc = Lc::parse(kind, &bytes).unwrap();
            assert_eq!((lc.opcode, lc.feature_set, lc.options), (3, 0, 0));
            assert_eq!(lc.to_bytes(kind).to_vec(), bytes);
            let other = match kind {
                LcKind::Header => LcKind::Terminator,
                LcKind::Terminator => LcKind::Header,
            };
            assert_eq!(Lc::parse(other, &bytes).unwrap_err().reason(), "checksum");
            for (at, bit, flipped) in flips(&bytes, 0..12) {
                assert!(Lc::parse(kind, &flipped).is_err(), "{at}.{bit}");
            }
            for taken in 0..12 {
                let error = Lc::parse(kind, &bytes[..taken]).unwrap_err();
                assert_eq!(error.reason(), "truncated");
            }
        }
    }
}
