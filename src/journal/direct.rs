//! Overwrites past the page cache: one call, durable when it returns (O_DIRECT, RWF_DSYNC).
//!
//! A batch through the page cache is a copy, a page marked, found, locked, written and marked
//! clean, then a flush; past it, the write and the flush. The device takes whole blocks, so the
//! window of the file around the last write is held here; a write changes the window and sends the
//! blocks it touched. Nothing grows a file this way: that is for the page cache, which also
//! serves all readers (the kernel drops the pages that were overwritten).

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

/// Disks write no less in one piece whatever sector size they answer to.
const BLOCK: usize = 4096;
/// Most bytes written at once.
const ROOM: usize = 256 << 10;
/// Bytes of the file read at least: some 15 batches of one report. Few, because the batch behind
/// whose back they are read waits.
const AHEAD: usize = 16 << 10;

/// A file of whole blocks that is written past the page cache.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) name: String,
    file: File,
    /// Bytes of whole blocks in the file.
    len: u64,
    room: Room,
    /// Where in the file the window lies and how long it is; none after a failed write.
    window: Option<(u64, usize)>,
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
            window: None,
        })
    }

    /// Whether so many bytes at `offset` can be written this way: they lie in whole blocks of the
    /// file, and the window has room for these.
    pub(super) fn takes(&self, offset: u64, bytes: usize) -> bool {
        bytes <= ROOM - BLOCK && offset.saturating_add(bytes as u64) <= self.len
    }

    /// Writes what it [`takes`](Self::takes), durably. `cached` is the same file through the page
    /// cache.
    ///
    /// # Errors
    /// `InvalidInput` where the file system has no such way; nothing was written then.
    pub(super) fn write(&mut self, cached: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (at, len) = match self.window.take() {
            Some((at, len)) if at <= offset && offset + bytes.len() as u64 <= at + len as u64 => {
                (at, len)
            }
            _ => self.read(cached, offset, bytes.len())?,
        };
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let from = usize::try_from(offset - at).map_err(|_| outside())?;
        let to = from + bytes.len();
        let window = self.room.get_mut(len).ok_or_else(outside)?;
        let place = window.get_mut(from..to).ok_or_else(outside)?;
        place.copy_from_slice(bytes);
        let first = from - from % BLOCK;
        let blocks = window.get(first..to.next_multiple_of(BLOCK));
        write_blocks(&self.file, blocks.ok_or_else(outside)?, at + first as u64)?;
        self.window = Some((at, len));
        Ok(())
    }

    /// Reads the window that begins with the block of `offset`, for so many bytes there: its place
    /// and length.
    fn read(&mut self, cached: &File, offset: u64, bytes: usize) -> io::Result<(u64, usize)> {
        let within = usize::try_from(offset % BLOCK as u64).unwrap_or(0);
        let at = offset - within as u64;
        let whole = (within + bytes).next_multiple_of(BLOCK).max(AHEAD);
        let len = usize::try_from(self.len - at).map_or(whole, |rest| rest.min(whole));
        let window = self.room.get_mut(len);
        cached.read_exact_at(window.ok_or(io::ErrorKind::OutOfMemory)?, at)?;
        Ok((at, len))
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
