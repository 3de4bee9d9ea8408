//! Frames of a modem, and the bursts in them.

use super::dmr::describe_burst;
use super::only;
use super::walk::{Field, Walk};
use crate::dmr::Burst;
use crate::error::{DecodeError, Layer};
use crate::mmdvm::Mmdvm;
use alloc::format;
use alloc::vec::Vec;

/// Describes one frame. A burst in it that would be refused does not make the frame so.
///
/// # Errors
/// What its reader refuses.
pub fn describe_mmdvm(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let frame = only(Layer::Mmdvm, bytes, Mmdvm::parse(bytes)?)?;
    let mut walk = Walk::new(bytes);
    walk.within("mmdvm", bytes.len(), frame, |walk| {
        walk.next("start", 1, "0xe0");
        walk.next("length", bytes.len() - 2 - frame.data.len(), bytes.len());
        walk.next("type", 1, format!("{:#04x} {}", frame.kind, frame.name()));
        match frame.burst() {
            Some((control, burst, rest)) => {
                walk.next("control", 1, format!("{control:#04x}"));
                match describe_burst(burst) {
                    Ok(fields) => walk.graft(Burst::LEN, fields),
                    Err(refused) => {
                        walk.next("burst", Burst::LEN, format!("not taken ({refused})"))
                    }
                }
                left(walk, "field strength", rest.len());
            }
            None => left(walk, "data", frame.data.len()),
        }
    });
    Ok(walk.into_fields())
}

fn left(walk: &mut Walk<'_>, name: &'static str, size: usize) {
    if size > 0 {
        walk.next(name, size, walk.hex(size));
    }
}

#[cfg(test)]
mod tests {
    use crate::capture::{bytes_of, frames, hex};
    use crate::describe::describe;

    const FIXTURE: &str = include_str!("../../../fixtures/radio/captured_mmdvm_modem_frames.json");

    /// Down to the fields of the frame itself, each byte is described once.
    #[test]
    fn every_captured_byte_is_described_once() {
        for vector in frames(FIXTURE) {
            let bytes = bytes_of(&vector);
            let mut at = 0;
            for field in describe(&bytes)
                .unwrap()
                .iter()
                .filter(|field| field.depth == 1)
            {
                assert_eq!(field.bytes.start, at, "{field:?} of {vector}");
                at = field.bytes.end;
            }
            assert_eq!(at, bytes.len(), "{vector}");
        }
    }

    #[test]
    fn a_burst_in_its_frame() {
        let digits = "e0251a464d6d02c70790198e5798b001058d5d7f77fd7573383c1d5a3162";
        let vectors = frames(FIXTURE);
        let starts = |vector: &&serde_json::Value| {
            vector["hex"]
                .as_str()
                .is_some_and(|text| text.starts_with(digits))
        };
        let bytes = bytes_of(vectors.iter().find(starts).unwrap());
        let fields = describe(&bytes).unwrap();
        let values: alloc::vec::Vec<_> = fields.iter().map(|field| &*field.value).collect();
        assert_eq!(values[0], "DMR_DATA2, 34 bytes");
        assert!(
            values.contains(&"short data, defined from 4600123 to 9: UTF-16LE, 2 blocks"),
            "{values:?}"
        );
        // A burst that is none, as it stands.
        let fields = describe(&hex(&["e02518", &"00".repeat(34)].concat())).unwrap();
        assert!(fields.last().unwrap().value.starts_with("not taken"));
        assert_eq!(describe(&hex("e00300ff")).unwrap_err().reason(), "length");
    }
}
