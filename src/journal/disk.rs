//! The one storage seam: what the journal and the snapshots ask of a disk.
//!
//! A `Disk` is a flat set of named files. `FileDisk` is a directory, `SimDisk` a machine that
//! loses power. The seam knows nothing of records, batches or segments, and never retries.

use std::io;

/// A failed call of a [`Disk`]; the operating system's reason is its source.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} {name}")]
pub struct DiskError {
    /// What was tried, a verb: "create", "write", "sync", "read", "rename", "remove", "list".
    pub operation: &'static str,
    /// The file it was tried on.
    pub name: String,
    /// The operating system's reason.
    #[source]
    pub source: io::Error,
}

impl DiskError {
    /// An error of `operation` on the file `name`.
    pub fn new(operation: &'static str, name: &str, source: io::Error) -> Self {
        Self {
            operation,
            name: name.to_owned(),
            source,
        }
    }

    /// Whether it was for lack of space (ENOSPC, or a quota).
    pub fn is_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

/// One file of a [`Disk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the directory of all of them.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// Named files with explicit durability. A name is one word, or `cold/` and a word.
///
/// What `write_at` wrote may be lost, kept, torn or reordered by a power cut until `sync` of that
/// file returned `Ok`. `create`, `rename` and `remove` are durable when they return `Ok` and in
/// either state when they return `Err`. After a failed `sync` the bytes read back are no proof of
/// what is on the medium: whoever needs them there must write them again.
pub trait Disk {
    /// Makes a file of `len` zero bytes, written out and synced. Fails if it exists.
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError>;
    /// Writes all of `bytes` at `offset`; the file grows when that lies beyond its end.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;
    /// The same where the file has nothing but zeros behind `bytes`: a disk may write whole blocks,
    /// and may write them durably at once.
    fn append_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.write_at(name, offset, bytes)
    }
    /// Makes every earlier write to the file durable, its length included.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;
    /// Fills `buf` from `offset`; fewer bytes in the file are an error.
    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> Result<(), DiskError>;
    /// Renames a file, over an existing one if there is one.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;
    /// All files, in no particular order.
    fn list(&mut self) -> Result<Vec<Entry>, DiskError>;
}

impl<D: Disk + ?Sized> Disk for &mut D {
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        (**self).create(name, len)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).write_at(name, offset, bytes)
    }

    fn append_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).append_at(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).sync(name)
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> Result<(), DiskError> {
        (**self).read_at(name, offset, buf)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        (**self).rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).remove(name)
    }

    fn list(&mut self) -> Result<Vec<Entry>, DiskError> {
        (**self).list()
    }
}
