//! A directory as a [`Disk`]: plain files, positioned reads and writes, fdatasync.
//!
//! Opening it for writing takes the data directory's lock. It keeps the handles it used last; one
//! with unsynced writes is never closed behind the caller's back. It never retries a sync and
//! never touches files it was not told to. What is appended within a file, as batches are in a
//! prepared segment, goes past the page cache where the file system can: see [`Direct`].

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::cold::COLD_DIR;
use super::direct::Direct;
use super::disk::{Disk, DiskError, Entry};

/// Name of the lock file in a data directory; the holder's process id is inside.
pub const LOCK_NAME: &str = "lock";

/// What names in the folder of compressed segments start with.
const COLD_FOLDER: &str = "cold/";
const MAX_IDLE_HANDLES: usize = 4;
const FILL_BYTES: usize = 256 << 10;

static ZEROS: [u8; FILL_BYTES] = [0; FILL_BYTES];

/// Why a data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("failed to lock {}: process {pid} holds it", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// What the holder wrote into the lock file; "unknown" if it could not be read.
        pid: String,
    },
    /// The operating system refused.
    #[error("failed to lock {}", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A directory of files.
#[derive(Debug)]
pub struct FileDisk {
    dir: PathBuf,
    /// Held for its lock; `None` when opened for reading.
    lock: Option<File>,
    /// Most recently used last.
    open: Vec<Handle>,
    /// The file last appended to past the page cache.
    direct: Option<Direct>,
    /// The file system has no way past it.
    only_cached: bool,
}

#[derive(Debug)]
struct Handle {
    name: String,
    file: File,
    written: Written,
}

/// What a handle knows of the writes to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// None by it; others may have left some unsynced.
    Unknown,
    /// By it, and not synced.
    Unsynced,
    /// All is on the medium.
    Durable,
}

impl FileDisk {
    /// Takes an existing directory for reading and writing, and its lock.
    pub fn lock(dir: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            dir: dir.to_owned(),
            source,
        };
        let path = dir.join(LOCK_NAME);
        // Not truncated on opening: the process id inside belongs to the holder.
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let known = lock.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let pid = if known { pid.trim() } else { "unknown" }.to_owned();
                return Err(LockError::Held {
                    dir: dir.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        lock.set_len(0).map_err(io)?;
        writeln!(lock, "{}", std::process::id()).map_err(io)?;
        Ok(Self {
            dir: dir.to_owned(),
            lock: Some(lock),
            open: Vec::new(),
            direct: None,
            only_cached: false,
        })
    }

    /// Takes a directory for reading only, without its lock; a daemon may be writing there.
    pub fn read_only(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            lock: None,
            open: Vec::new(),
            direct: None,
            only_cached: false,
        }
    }

    /// The same directory once more, under the same lock: for another thread of its holder.
    ///
    /// # Errors
    /// When the system has no more file handles.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self {
            dir: self.dir.clone(),
            lock: self.lock.as_ref().map(File::try_clone).transpose()?,
            open: Vec::new(),
            direct: None,
            only_cached: false,
        })
    }

    fn writable(&self) -> io::Result<()> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "opened for reading only",
            )),
        }
    }

    /// The handle of `name`, opened if need be; idle ones beyond the limit are closed.
    fn handle(&mut self, name: &str) -> io::Result<&mut Handle> {
        let handle = match self.open.iter().position(|handle| handle.name == name) {
            Some(at) if at + 1 == self.open.len() => None,
            Some(at) => Some(self.open.remove(at)),
            None => {
                let path = self.dir.join(name);
                let file = OpenOptions::new()
                    .read(true)
                    .write(self.lock.is_some())
                    .open(path)?;
                self.close_idle();
                Some(Handle {
                    name: name.to_owned(),
                    file,
                    written: Written::Unknown,
                })
            }
        };
        self.open.extend(handle);
        self.open
            .last_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn close_idle(&mut self) {
        let is_idle = |handle: &Handle| handle.written != Written::Unsynced;
        let idle = self.open.iter().position(is_idle);
        if let Some(at) = idle.filter(|_| self.open.len() >= MAX_IDLE_HANDLES) {
            self.open.remove(at);
        }
    }

    /// Makes the names durable of the folder that `name` is in.
    fn sync_directory(&self, name: &str) -> io::Result<()> {
        let path = self.dir.join(name);
        File::open(path.parent().unwrap_or(&self.dir))?.sync_all()
    }

    /// Makes the one folder there is, for a name in it.
    fn make_folder(&self, name: &str) -> io::Result<()> {
        if !name.starts_with(COLD_FOLDER) || self.dir.join(COLD_DIR).is_dir() {
            return Ok(());
        }
        fs::create_dir(self.dir.join(COLD_DIR))?;
        File::open(&self.dir)?.sync_all()
    }

    fn try_create(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.writable()?;
        self.make_folder(name)?;
        let path = self.dir.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        let filled = fill(&file, len).and_then(|()| self.sync_directory(name));
        if filled.is_err() {
            // Best effort: the caller learns why filling failed, and clears leftovers itself.
            let _ = fs::remove_file(path);
        }
        filled?;
        self.close_idle();
        self.open.push(Handle {
            name: name.to_owned(),
            file,
            written: Written::Durable,
        });
        Ok(())
    }

    fn try_append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.append_direct(name, offset, bytes)? {
            return Ok(());
        }
        self.try_write(name, offset, bytes)
    }

    fn try_write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.writable()?;
        self.forget(name);
        let handle = self.handle(name)?;
        handle.written = Written::Unsynced;
        // It goes on after a short write and after EINTR.
        handle.file.write_all_at(bytes, offset)
    }

    /// Appends past the page cache, durably, if that can be: whether it did.
    fn append_direct(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<bool> {
        self.writable()?;
        if self.only_cached {
            return Ok(false);
        }
        match self.try_direct(name, offset, bytes) {
            Err(error) if is_no_way(&error) => {
                self.only_cached = true;
                Ok(false)
            }
            written => written,
        }
    }

    fn try_direct(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<bool> {
        let Some(mut direct) = self.open_direct(name, offset, bytes.len())? else {
            return Ok(false);
        };
        let takes = direct.takes(offset, bytes.len());
        if takes {
            let handle = self.handle(name)?;
            let before = std::mem::replace(&mut handle.written, Written::Unknown);
            direct.append(&handle.file, offset, bytes)?;
            handle.written = before;
        }
        self.direct = Some(direct);
        Ok(takes)
    }

    /// The way past the page cache, taken out; none where the file becomes longer.
    fn open_direct(&mut self, name: &str, offset: u64, bytes: usize) -> io::Result<Option<Direct>> {
        if let Some(direct) = self.direct.take_if(|direct| direct.name == name) {
            return Ok(Some(direct));
        }
        let len = self.handle(name)?.file.metadata()?.len();
        if offset.saturating_add(bytes as u64) > len {
            return Ok(None);
        }
        let opened = Direct::open(&self.dir.join(name), name, len);
        // Out of descriptors, say: the open one goes through the page cache.
        Ok(opened
            .inspect_err(|error| self.only_cached = is_no_way(error))
            .ok())
    }

    /// What is held of this file is no longer what is in it.
    fn forget(&mut self, name: &str) {
        self.direct.take_if(|direct| direct.name == name);
    }

    fn try_list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        list_folder(&self.dir, "", &mut entries)?;
        let cold = self.dir.join(COLD_DIR);
        if cold.is_dir() {
            list_folder(&cold, COLD_FOLDER, &mut entries)?;
        }
        Ok(entries)
    }
}

/// Whether the file system has no such call, or not for such a file.
fn is_no_way(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

/// Adds the files of a folder, whose names start with `prefix`.
fn list_folder(folder: &Path, prefix: &str, entries: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // A daemon may have renamed it since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        let name = entry.file_name().into_string();
        if let (Ok(name), true) = (name, metadata.is_file()) {
            entries.push(Entry {
                name: format!("{prefix}{name}"),
                len: metadata.len(),
            });
        }
    }
    Ok(())
}

/// Written zeros, not fallocate: syncs into unwritten extents also commit metadata and are slower.
fn fill(file: &File, len: u64) -> io::Result<()> {
    let mut at = 0;
    while at < len {
        let step = usize::try_from(len - at)
            .unwrap_or(FILL_BYTES)
            .min(FILL_BYTES);
        file.write_all_at(ZEROS.get(..step).unwrap_or(&ZEROS), at)?;
        at += step as u64;
    }
    file.sync_all()
}

impl Disk for FileDisk {
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.try_create(name, len)
            .map_err(|e| DiskError::new("create", name, e))
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.try_write(name, offset, bytes)
            .map_err(|e| DiskError::new("write", name, e))
    }

    fn append_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.try_append(name, offset, bytes)
            .map_err(|e| DiskError::new("write", name, e))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let synced = self.writable().and_then(|()| {
            let handle = self.handle(name)?;
            if handle.written != Written::Durable {
                handle.file.sync_data()?;
                handle.written = Written::Durable;
            }
            Ok(())
        });
        synced.map_err(|e| DiskError::new("sync", name, e))
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> Result<(), DiskError> {
        let read = self
            .handle(name)
            .and_then(|handle| handle.file.read_exact_at(buf, offset));
        read.map_err(|e| DiskError::new("read", name, e))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let renamed = self.writable().and_then(|()| {
            fs::rename(self.dir.join(from), self.dir.join(to))?;
            self.open.retain(|handle| handle.name != to);
            self.forget(from);
            self.forget(to);
            if let Some(handle) = self.open.iter_mut().find(|handle| handle.name == from) {
                to.clone_into(&mut handle.name);
            }
            self.sync_directory(to)
        });
        renamed.map_err(|e| DiskError::new("rename", from, e))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let removed = self.writable().and_then(|()| {
            self.open.retain(|handle| handle.name != name);
            self.forget(name);
            fs::remove_file(self.dir.join(name))?;
            self.sync_directory(name)
        });
        removed.map_err(|e| DiskError::new("remove", name, e))
    }

    fn list(&mut self) -> Result<Vec<Entry>, DiskError> {
        let name = self.dir.display().to_string();
        self.try_list()
            .map_err(|e| DiskError::new("list", &name, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_do_as_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::lock(dir.path()).unwrap();
        disk.create("a", 1000).unwrap();
        assert_eq!(
            disk.create("a", 1).unwrap_err().source.kind(),
            io::ErrorKind::AlreadyExists
        );
        disk.write_at("a", 998, b"xyz").unwrap();
        disk.sync("a").unwrap();
        let mut buf = [1; 4];
        disk.read_at("a", 997, &mut buf).unwrap();
        assert_eq!(&buf, b"\0xyz");
        assert!(disk.read_at("a", 998, &mut buf).is_err());
        disk.rename("a", "b").unwrap();
        disk.read_at("b", 997, &mut buf).unwrap();
        assert!(disk.read_at("a", 0, &mut buf).is_err());
        assert!(disk.list().unwrap().contains(&Entry {
            name: "b".into(),
            len: 1001
        }));
        disk.remove("b").unwrap();
        assert_eq!(disk.list().unwrap().len(), 1, "the lock alone");
    }

    #[test]
    fn handles_stay_few_and_unsynced_ones_stay_open() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::lock(dir.path()).unwrap();
        for n in 0..12 {
            disk.create(&format!("f{n}"), 10).unwrap();
        }
        disk.write_at("f0", 0, b"x").unwrap();
        for n in 1..12 {
            disk.read_at(&format!("f{n}"), 0, &mut [0; 10]).unwrap();
        }
        assert!(disk.open.len() <= MAX_IDLE_HANDLES);
        assert!(
            disk.open
                .iter()
                .any(|handle| handle.name == "f0" && handle.written == Written::Unsynced)
        );
        disk.sync("f0").unwrap();
    }

    proptest! {
        /// Past the page cache or through it, now here and now there: what was written is read.
        #[test]
        fn what_is_written_is_read(
            len in 0u64..700_000,
            only_cached in any::<bool>(),
            writes in prop::collection::vec(
                (prop::option::of(0u64..800_000), 0usize..300_000, any::<bool>()),
                1..12,
            ),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut disk = FileDisk::lock(dir.path()).unwrap();
            disk.only_cached = only_cached;
            disk.create("a", len).unwrap();
            let mut naive = vec![0; usize::try_from(len).unwrap()];
            for (number, (offset, length, small)) in (1..).zip(writes) {
                let bytes = vec![number; if small { length % 1_000 } else { length }];
                let end = naive.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                match offset {
                    Some(offset) => disk.write_at("a", offset, &bytes).unwrap(),
                    None => disk.append_at("a", end as u64, &bytes).unwrap(),
                }
                disk.sync("a").unwrap();
                let at = offset.map_or(end, |offset| usize::try_from(offset).unwrap());
                if !bytes.is_empty() && naive.len() < at + bytes.len() {
                    naive.resize(at + bytes.len(), 0);
                }
                if !bytes.is_empty() {
                    naive[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                prop_assert!(fs::read(dir.path().join("a")).unwrap() == naive);
            }
        }
    }

    #[test]
    fn batches_go_past_the_page_cache_where_they_can() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::lock(dir.path()).unwrap();
        disk.create("a", 1 << 20).unwrap();
        disk.append_at("a", 5_000, &[1; 900]).unwrap();
        let past = disk.direct.is_some();
        assert_ne!(past, disk.only_cached, "told once, by the first write");
        disk.append_at("a", 5_900, &[2; 900]).unwrap();
        assert_eq!(disk.direct.is_some(), past);
        if past {
            assert_eq!(disk.handle("a").unwrap().written, Written::Durable);
        }
        disk.append_at("a", 1 << 20, &[3; 900]).unwrap();
        assert!(disk.direct.is_none(), "growing is for the page cache");
        assert_eq!(disk.handle("a").unwrap().written, Written::Unsynced);
        disk.sync("a").unwrap();
        disk.create("b", 1 << 20).unwrap();
        disk.append_at("b", 0, &[4; 900]).unwrap();
        assert_eq!(disk.direct.is_some(), past);
    }

    #[test]
    fn without_another_descriptor_the_open_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::lock(dir.path()).unwrap();
        disk.create("a", 8192).unwrap();
        // Its name is gone, its handle is not.
        fs::rename(dir.path().join("a"), dir.path().join("b")).unwrap();
        disk.append_at("a", 5_000, b"xyz").unwrap();
        disk.sync("a").unwrap();
        assert!(disk.direct.is_none() && !disk.only_cached);
        assert_eq!(
            &fs::read(dir.path().join("b")).unwrap()[5_000..5_003],
            b"xyz"
        );
    }

    #[test]
    fn a_second_opener_is_told_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = FileDisk::lock(dir.path()).unwrap();
        let error = FileDisk::lock(dir.path()).unwrap_err();
        let own = std::process::id().to_string();
        assert!(
            matches!(&error, LockError::Held { pid, .. } if *pid == own),
            "{error}"
        );
        drop(held);
        FileDisk::lock(dir.path()).unwrap();
    }

    #[test]
    fn read_only_needs_no_lock_and_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = FileDisk::lock(dir.path()).unwrap();
        held.create("a", 3).unwrap();
        let mut disk = FileDisk::read_only(dir.path());
        disk.read_at("a", 0, &mut [0; 3]).unwrap();
        let refused = [
            disk.write_at("a", 0, b"x"),
            disk.sync("a"),
            disk.create("b", 1),
            disk.rename("a", "b"),
            disk.remove("a"),
        ];
        for result in refused {
            assert_eq!(
                result.unwrap_err().source.kind(),
                io::ErrorKind::PermissionDenied
            );
        }
    }
}
