//! The refusals the payload files share. Nothing here knows a layout.

use crate::error::{DecodeError, Layer};
use nom::error::Error;
use nom::{Parser, combinator::all_consuming};

/// Runs a parser that must take all of a payload; anything else is a wrong length. Only parsers
/// that fail for want of bytes belong here: values are judged after it.
pub(crate) fn whole<'a, T>(
    layer: Layer,
    payload: &'a [u8],
    expected: &'static str,
    parser: impl Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
) -> Result<T, DecodeError> {
    let parsed = all_consuming(parser).parse(payload);
    let (_, value) = parsed.map_err(|_| length(layer, payload.len(), expected))?;
    Ok(value)
}

/// All of `bytes` as one frame of `N`: fewer are truncated, more a wrong length.
pub(crate) fn exactly<'a, const N: usize>(
    layer: Layer,
    bytes: &'a [u8],
    expected: &'static str,
) -> Result<&'a [u8; N], DecodeError> {
    let missing = N.saturating_sub(bytes.len());
    if missing > 0 {
        return Err(DecodeError::Truncated { layer, missing });
    }
    bytes
        .as_array()
        .ok_or_else(|| length(layer, bytes.len(), expected))
}

/// A checksum that does not fit.
pub(crate) fn check(layer: Layer, found: u32, expected: u32) -> Result<(), DecodeError> {
    let error = DecodeError::Checksum {
        layer,
        found,
        expected,
    };
    (found == expected).then_some(()).ok_or(error)
}

/// A length that cannot be.
pub(crate) fn length(layer: Layer, found: usize, expected: &'static str) -> DecodeError {
    DecodeError::Length {
        layer,
        found,
        expected,
    }
}

/// A value that stands for nothing.
pub(crate) fn value(layer: Layer, what: &'static str, found: impl Into<u32>) -> DecodeError {
    DecodeError::Value {
        layer,
        what,
        found: found.into(),
    }
}
