//! Appends past the page cache: one call, durable when it returns (O_DIRECT, RWF_DSYNC).
//!
//! A batch through the page cache is a copy, a page marked, found, locked, written and marked
//! clean, then a flush; past it, the write and the flush. The device takes whole blocks, so the
//! block the last append ended in is kept here: the next one sends it again. Reading it back would
//! be a read of the disk, because the kernel drops the pages that were overwritten. Nothing grows
//! a file this way: that is for the page cache, which also serves all readers.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

/// Disks write no less in one piece whatever sector size they answer to.
const BLOCK: usize = 4096;
/// Most bytes written at once, in whole blocks.
const ROOM: usize = 256 << 10;

/// A file that is appended to past the page cache.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) name: String,
    file: File,
    /// Bytes of whole blocks in the file.
    len: u64,
    room: Room,
    /// Where in the file the block lies that is kept, which is the room's first.
    kept: Option<u64>,
}

impl Direct {
    /// Opens the file `name` at `path`, which has `len` bytes.
    ///
    /// # Errors
    /// `InvalidInput` where the file system has no such way.
    pub(super) fn open(path: &Path, name: &str, len: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(OFlags::DIRECT.bits().cast_signed())
            .open(path)?;
        Ok(Self {
            name: name.to_owned(),
            file,
            len: len - len % BLOCK as u64,
            room: Room::new(),
            kept: None,
        })
    }

    /// Whether so many bytes can be appended at `offset` this way: they lie in whole blocks of the
    /// file, and there is room for these.
    pub(super) fn takes(&self, offset: u64, bytes: usize) -> bool {
        bytes <= ROOM - BLOCK && offset.saturating_add(bytes as u64) <= self.len
    }

    /// Appends what it [`takes`](Self::takes), durably; the rest of its last block becomes zeros.
    /// `cached` is the same file through the page cache.
    ///
    /// # Errors
    /// `InvalidInput` where the file system has no such way; nothing was written then.
    pub(super) fn append(&mut self, cached: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let from = usize::try_from(offset % BLOCK as u64).map_err(|_| outside())?;
        let at = offset - from as u64;
        let to = from + bytes.len();
        let room = self.room.get_mut(to.next_multiple_of(BLOCK));
        let blocks = room.ok_or_else(outside)?;
        let (before, place) = blocks.split_at_mut_checked(from).ok_or_else(outside)?;
        if self.kept.take() != Some(at) {
            cached.read_exact_at(before, at)?;
        }
        let (place, behind) = place
            .split_at_mut_checked(bytes.len())
            .ok_or_else(outside)?;
        place.copy_from_slice(bytes);
        behind.fill(0);
        write_blocks(&self.file, blocks, at)?;
        let last = to - to % BLOCK;
        if last < blocks.len() {
            blocks.copy_within(last.., 0);
            self.kept = Some(at + last as u64);
        }
        Ok(())
    }
}

/// Like `write_all_at`, in whole blocks: what follows a short write begins with one.
fn write_blocks(file: &File, mut blocks: &[u8], mut at: u64) -> io::Result<()> {
    while !blocks.is_empty() {
        let piece = [IoSlice::new(blocks)];
        let written = match pwritev2(file, &piece, at, ReadWriteFlags::DSYNC) {
            Err(Errno::INTR) => continue,
            written => written?,
        };
        let whole = written - written % BLOCK;
        if whole == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        blocks = blocks.get(whole..).unwrap_or_default();
        at += whole as u64;
    }
    Ok(())
}

/// Memory that begins where the device can take it from.
#[derive(Debug)]
struct Room {
    /// Never grows, so never moves.
    bytes: Box<[u8]>,
    start: usize,
}

impl Room {
    fn new() -> Self {
        let bytes = vec![0; ROOM + BLOCK].into_boxed_slice();
        let start = bytes.as_ptr().align_offset(BLOCK);
        Self { bytes, start }
    }

    fn get_mut(&mut self, len: usize) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.start..self.start + len)
    }
}
