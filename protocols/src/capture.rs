//! The public captures in fixtures/radio, for tests only.

extern crate std;

use serde_json::Value;
use std::vec::Vec;

/// The frames of one fixture file.
pub(crate) fn frames(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("a list of frames")
}

/// Bytes of hex digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// The captured bytes of a frame.
pub(crate) fn bytes_of(frame: &Value) -> Vec<u8> {
    hex(frame["hex"].as_str().expect("hex"))
}

/// The frame of that name.
pub(crate) fn named(frames: &[Value], name: &str) -> Vec<u8> {
    let found = frames.iter().find(|frame| frame["name"] == name);
    bytes_of(found.expect(name))
}

/// The bytes with one bit of them flipped, for each bit of the range.
pub(crate) fn flips(
    bytes: &[u8],
    range: core::ops::Range<usize>,
) -> impl Iterator<Item = (usize, u8, Vec<u8>)> {
    let bits = range.flat_map(|at| (0..8).map(move |bit| (at, bit)));
    bits.map(move |(at, bit)| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << bit;
        (at, bit, flipped)
    })
}
