//! Fields that are not whole bytes: reading them with nom, and putting them one after the other.

use nom::IResult;
use nom::Parser;
use nom::bits::complete::take;
use nom::combinator::map;
use nom::error::{Error, ErrorKind};

/// Bytes, and how many bits of the first are taken.
pub(crate) type Input<'a> = (&'a [u8], usize);

/// All of `bytes` as bit fields. Only parsers that fail for want of bits belong here; none then
/// means that the bytes are too few or too many.
pub(crate) fn whole<'a, T>(
    bytes: &'a [u8],
    parser: impl Parser<Input<'a>, Output = T, Error = Error<Input<'a>>>,
) -> Option<T> {
    let end = |(rest, bits): Input<'a>| match (rest, bits) {
        ([], 0) => Ok(((rest, bits), ())),
        _ => Err(nom::Err::Error(Error::new((rest, bits), ErrorKind::Eof))),
    };
    let parsed = (parser, end).parse((bytes, 0));
    parsed.ok().map(|(_, (value, ()))| value)
}

/// One bit.
pub(crate) fn flag(input: Input<'_>) -> IResult<Input<'_>, bool> {
    map(take(1usize), |bit: u8| bit != 0).parse(input)
}

/// A number of so many bits, the first its sign.
pub(crate) fn signed(bits: u32, count: u32) -> i32 {
    let spare = 32 - count;
    (bits << spare) as i32 >> spare
}

/// Up to 128 bits, filled from the highest of them downwards.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bits {
    value: u128,
    count: u32,
}

impl Bits {
    /// The low `count` bits of `value` come next.
    pub(crate) fn put(self, value: impl Into<u128>, count: u32) -> Self {
        let mask = (1u128 << count).wrapping_sub(1);
        Self {
            value: self.value << count | value.into() & mask,
            count: self.count + count,
        }
    }

    /// All of them as `N` bytes, zeros behind.
    pub(crate) fn bytes<const N: usize>(self) -> [u8; N] {
        let spare = 128u32.saturating_sub(self.count);
        let bytes = self.value.checked_shl(spare).unwrap_or(0).to_be_bytes();
        let mut out = [0; N];
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_and_read_again() {
        let bits = Bits::default().put(1u8, 1).put(0x2Au8, 7).put(0xABCu16, 12);
        let bytes: [u8; 3] = bits.bytes();
        assert_eq!(bytes, [0xAA, 0xAB, 0xC0]);
        let fields = (flag, take(7usize), take(12usize), take(4usize));
        let read: Option<(bool, u8, u16, u8)> = whole(&bytes, fields);
        assert_eq!(read, Some((true, 0x2A, 0xABC, 0)));
        assert_eq!(whole(&bytes, flag), None, "bits are left");
        assert_eq!(whole(&[], flag), None);
    }
}
