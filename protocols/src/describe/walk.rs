//! Going over a frame from its first byte to its last, noting what stands where. It keeps count of
//! the offsets so that no description states one.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{Display, Write};
use core::ops::Range;

/// One field of a frame, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// 0 for the frame itself; the fields of a group follow it one deeper.
    pub depth: u8,
    /// What it is called; lower case.
    pub name: &'static str,
    /// What it means; of a group, all of it in one line.
    pub value: String,
    /// Where it stands in the bytes described.
    pub bytes: Range<usize>,
}

/// A walk over `bytes`.
pub(super) struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
    depth: u8,
    fields: Vec<Field>,
}

impl<'b> Walk<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        let (at, depth, fields) = (0, 0, Vec::new());
        Self {
            bytes,
            at,
            depth,
            fields,
        }
    }

    pub(super) fn into_fields(self) -> Vec<Field> {
        self.fields
    }

    /// The next `size` bytes are one field.
    pub(super) fn next(&mut self, name: &'static str, size: usize, value: impl Display) {
        self.note(name, size, value);
        self.at += size;
    }

    /// A field of bits that share their bytes with others; the walk does not move.
    pub(super) fn shared(&mut self, name: &'static str, bytes: Range<usize>, value: impl Display) {
        let at = self.at;
        self.at = bytes.start;
        self.note(name, bytes.len(), value);
        self.at = at;
    }

    /// The next `size` bytes are a group whose fields `inner` notes.
    pub(super) fn within<T>(
        &mut self,
        name: &'static str,
        size: usize,
        value: impl Display,
        inner: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let end = self.at + size;
        self.note(name, size, value);
        self.depth = self.depth.saturating_add(1);
        let result = inner(self);
        self.depth = self.depth.saturating_sub(1);
        self.at = end;
        result
    }

    /// The next `size` bytes are what these fields describe, which stand one deeper.
    pub(super) fn graft(&mut self, size: usize, fields: Vec<Field>) {
        let (at, depth) = (self.at, self.depth);
        self.fields.extend(fields.into_iter().map(|field| Field {
            depth: field.depth.saturating_add(depth),
            bytes: at + field.bytes.start..at + field.bytes.end,
            ..field
        }));
        self.at += size;
    }

    /// The next `size` bytes in hex.
    pub(super) fn hex(&self, size: usize) -> String {
        let bytes = self.bytes.get(self.at..self.at + size).unwrap_or_default();
        bytes.iter().fold(String::new(), |mut hex, byte| {
            // Writing into a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    fn note(&mut self, name: &'static str, size: usize, value: impl Display) {
        self.fields.push(Field {
            depth: self.depth,
            name,
            value: value.to_string(),
            bytes: self.at..self.at + size,
        });
    }
}
