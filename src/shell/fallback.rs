//! The thread that keeps the printable list on disk and looks how much room the journal's disk has.
//!
//! The loop never waits for it: a list that was not written yet gives way to the next one. It is
//! written to a temporary file, synced and renamed, so that there is always a whole one; a path on
//! another disk goes on when the journal's own fails. What fails here is logged, and tried again
//! with the next list.

use super::Wake;
use crate::daemon::degraded::Room;
use std::fs::{File, OpenOptions, rename};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Name of the list in the data directory, unless the config says another.
pub const FALLBACK_NAME: &str = "fallback.txt";
/// How often room is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The newest list that is not written yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Debug, Default)]
struct Waiting {
    list: Option<String>,
    closed: bool,
}

impl Slot {
    /// Puts a list in the place of one that waits.
    pub(super) fn put(&self, list: String) {
        self.change(|waiting| waiting.list = Some(list));
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.change(|waiting| waiting.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        let (waiting, told) = &*self.0;
        change(&mut waiting.lock().unwrap_or_else(PoisonError::into_inner));
        told.notify_one();
    }

    /// The next list, if one comes before it is time to look at the disk; none at the end.
    fn next(&self) -> Option<Option<String>> {
        let (waiting, told) = &*self.0;
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |waiting: &mut Waiting| waiting.list.is_none() && !waiting.closed;
        let waited = told.wait_timeout_while(waiting, LOOK, idle);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match waiting.list.take() {
            None if waiting.closed => None,
            list => Some(list),
        }
    }
}

/// Serves until the slot is closed. What the daemon before this one wrote last stays beside the
/// list: it may hold what was recorded nowhere else.
pub(super) fn run(slot: &Slot, path: &Path, data: &Path, told: &Sender<Wake>) {
    match rename(path, beside(path, ".before")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "failed to keep the last fallback list");
        }
        _ => {}
    }
    let mut failed = false;
    loop {
        if let Some(room) = room(data) {
            // The loop may be busy or gone: the next look tells it.
            let _ = told.try_send(Wake::Room(room));
        }
        let Some(list) = slot.next() else { return };
        let Some(list) = list else { continue };
        let written = write(path, list.as_bytes());
        if let Err(error) = &written
            && !failed
        {
            tracing::error!(%error, path = %path.display(), "failed to write the fallback list");
        }
        failed = written.is_err();
    }
}

/// Puts `bytes` in the place of the file at `path`, whole or not at all. Nobody else may read it:
/// it holds callers' numbers.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(path, ".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The file of that name and ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn room(dir: &Path) -> Option<Room> {
    let found = rustix::fs::statvfs(dir);
    let found = found.inspect_err(|error| tracing::warn!(%error, "failed to look at the disk"));
    let found = found.ok()?;
    Some(Room {
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_always_whole_and_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FALLBACK_NAME);
        write(&path, "第一".as_bytes()).unwrap();
        write(&path, b"2").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        let slot = Slot::default();
        slot.put("old".into());
        slot.put("new".into());
        slot.close();
        assert_eq!(slot.next(), Some(Some("new".into())));
        assert_eq!(slot.next(), None);
    }

    #[test]
    fn a_list_that_cannot_be_written_leaves_the_last_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FALLBACK_NAME);
        write(&path, b"good").unwrap();
        std::fs::create_dir(beside(&path, ".new")).unwrap();
        write(&path, b"never").unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"good");
    }

    #[test]
    fn the_list_of_the_daemon_before_stays_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FALLBACK_NAME);
        let (told, _heard) = tokio::sync::mpsc::channel(1);
        for list in ["first", "second"] {
            let slot = Slot::default();
            slot.put(list.into());
            slot.close();
            run(&slot, &path, dir.path(), &told);
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read(beside(&path, ".before")).unwrap(), b"first");
    }

    #[test]
    fn there_is_room_somewhere() {
        let room = room(Path::new("/")).unwrap();
        assert!(room.free_bytes <= room.total_bytes && room.total_bytes > 0);
        assert_eq!(super::room(Path::new("/nowhere at all")), None);
    }
}
