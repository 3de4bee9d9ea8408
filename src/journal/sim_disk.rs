//! A disk in memory that fails on command and loses power: the other [`Disk`] from day one.
//!
//! It keeps, for every 512-byte sector, what is durable and what was written since. A power cut
//! ([`SimDisk::crash`]) chooses for each sector by a seed: the durable content, any later one, or
//! a mix torn at a byte; so unsynced writes are kept, dropped, torn and reordered. A failed sync
//! leaves its sectors readable but clean, as Linux does: a later sync does not write them, so they
//! may or may not be there after the cut. A failed create, rename or remove happened or did not.
//! It models no latency: whoever drives it lets the news of a sync come late. Rot is `flip`, a
//! write that landed elsewhere is `misdirect`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use super::disk::{Disk, DiskError, Entry};

/// What the disk writes as one piece; even that may tear.
pub const SECTOR_BYTES: usize = 512;

/// What goes wrong at a chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// EIO, once.
    Io,
    /// ENOSPC, once.
    Full,
    /// The power goes: this call and every later one fails until [`SimDisk::crash`].
    PowerCut,
}

/// Files in memory, with durability.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    files: BTreeMap<u64, SimFile>,
    next_file: u64,
    names: BTreeMap<Arc<str>, u64>,
    /// Names that survive a power cut for certain.
    durable_names: BTreeMap<Arc<str>, u64>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    armed: Option<(Call, Fault)>,
    full: bool,
    gone: bool,
    failed: u64,
    off: bool,
}

/// A kind of call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A write.
    Write,
    /// A sync.
    Sync,
    /// Anything else.
    Other,
}

#[derive(Clone, Debug, Default)]
struct SimFile {
    /// What a read sees; a copied disk shares it until one of both is written.
    bytes: Arc<Vec<u8>>,
    durable_len: usize,
    /// Sectors whose durable content is not certain to be what a read sees.
    unsure: BTreeMap<usize, Sector>,
}

#[derive(Clone, Debug)]
struct Sector {
    /// The durable content, then every content written since.
    versions: Vec<[u8; SECTOR_BYTES]>,
    /// Whether the next sync writes it; not so after a failed sync.
    dirty: bool,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the call number `call` (counted from 1 over the disk's life) fail.
    pub fn fail_at(&mut self, call: u64, fault: Fault) {
        self.fault = Some((call, fault));
    }

    /// Lets the next call of a kind fail.
    pub fn fail_next(&mut self, call: Call, fault: Fault) {
        self.armed = Some((call, fault));
    }

    /// No space from here on, or space again: files are neither made nor longer.
    pub fn fill(&mut self, full: bool) {
        self.full = full;
    }

    /// Every call fails from here on, with the power on: the file system is gone.
    pub fn vanish(&mut self) {
        self.gone = true;
    }

    /// Calls that failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.off
    }

    /// A write to one sector landed on another, durably and unnoticed. Whether that changed it.
    pub fn misdirect(&mut self, from: (&str, usize), to: (&str, usize)) -> bool {
        let sector = |disk: &Self, (name, number): (&str, usize)| {
            let file = disk.files.get(disk.names.get(name)?)?;
            Some(file.sector(number))
        };
        let (Some(bytes), Some(before)) = (sector(self, from), sector(self, to)) else {
            return false;
        };
        let file = self.names.get(to.0).and_then(|id| self.files.get_mut(id));
        let at = to.1 * SECTOR_BYTES;
        let target = file.map(|file| Arc::make_mut(&mut file.bytes));
        let target = target.and_then(|bytes| bytes.get_mut(at..at + SECTOR_BYTES));
        let Some(target) = target else { return false };
        target.copy_from_slice(&bytes);
        bytes != before
    }

    /// Calls so far, reads included.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The disk as the next boot finds it: one of the states a power cut may leave, by `seed`.
    /// Seeds divisible by 4 keep nothing unsynced, those with remainder 1 all of it.
    pub fn crash(&self, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let names = if dice.keeps(seed) {
            &self.names
        } else {
            &self.durable_names
        }
        .clone();
        let files = names.values().filter_map(|id| {
            let file = self.files.get(id)?;
            Some((*id, file.crash(seed, &mut dice)))
        });
        Self {
            files: files.collect(),
            next_file: self.next_file,
            durable_names: names.clone(),
            names,
            ..Self::default()
        }
    }

    /// The disk as the next process finds it when only this one was killed: all writes are seen,
    /// the unsynced ones are still at risk.
    pub fn kill(&self) -> Self {
        Self {
            calls: 0,
            fault: None,
            armed: None,
            full: false,
            gone: false,
            off: false,
            ..self.clone()
        }
    }

    /// Turns the bits of `mask` at a byte of a file, durably and unnoticed: rot.
    pub fn flip(&mut self, name: &str, offset: u64, mask: u8) {
        let Some(file) = self.names.get(name).and_then(|id| self.files.get_mut(id)) else {
            return;
        };
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(byte) = Arc::make_mut(&mut file.bytes).get_mut(at) {
            *byte ^= mask;
        }
    }

    /// What a read of the whole file sees.
    pub fn contents(&self, name: &str) -> Option<&[u8]> {
        let file = self.files.get(self.names.get(name)?)?;
        Some(&file.bytes)
    }

    /// Puts a file there, durably, over an existing one: a restored backup, a misplaced copy.
    pub fn plant(&mut self, name: &str, bytes: Vec<u8>) {
        let file = SimFile {
            durable_len: bytes.len(),
            bytes: Arc::new(bytes),
            unsure: BTreeMap::new(),
        };
        self.next_file += 1;
        self.files.insert(self.next_file, file);
        self.names.insert(name.into(), self.next_file);
        self.durable_names.insert(name.into(), self.next_file);
    }

    /// Counts a call; the fault it meets, if any.
    fn call(&mut self, kind: Call) -> Option<io::Error> {
        self.calls += 1;
        let armed = self.armed.filter(|(call, _)| *call == kind);
        if armed.is_some() {
            self.armed = None;
        }
        let counted = self.fault.filter(|(call, _)| *call == self.calls);
        let fault = counted.map(|(_, fault)| fault);
        let fault = fault.or(armed.map(|(_, fault)| fault));
        let fault = fault.or(self.gone.then_some(Fault::Io));
        self.off |= fault == Some(Fault::PowerCut);
        self.failed += u64::from(self.off || fault.is_some());
        match fault {
            _ if self.off => Some(io::Error::other("the power is off")),
            Some(Fault::Full) => Some(io::ErrorKind::StorageFull.into()),
            Some(_) => Some(io::Error::other("input/output error")),
            None => None,
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut SimFile> {
        let file = self.names.get(name).and_then(|id| self.files.get_mut(id));
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn no_space(&mut self) -> Option<io::Error> {
        self.failed += u64::from(self.full);
        self.full.then(|| io::ErrorKind::StorageFull.into())
    }

    fn grows(&self, name: &str, offset: u64, count: usize) -> bool {
        let file = self.names.get(name).and_then(|id| self.files.get(id));
        file.is_some_and(|file| offset.saturating_add(count as u64) > file.bytes.len() as u64)
    }

    fn try_create(&mut self, name: &str, len: u64) -> io::Result<()> {
        let was_off = self.off;
        let failure = self.call(Call::Other).or_else(|| self.no_space());
        if was_off {
            return failure.map_or(Ok(()), Err);
        }
        if self.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // A failed one stopped half-way, unsynced.
        let len = if failure.is_some() { len / 2 } else { len };
        let durable_len = if failure.is_some() { 0 } else { len };
        self.next_file += 1;
        let file = SimFile {
            bytes: Arc::new(vec![0; len]),
            durable_len,
            unsure: BTreeMap::new(),
        };
        self.files.insert(self.next_file, file);
        self.names.insert(name.into(), self.next_file);
        self.settle_names(failure)
    }

    fn try_write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let was_off = self.off;
        let mut failure = self.call(Call::Write);
        if failure.is_none() && self.grows(name, offset, bytes.len()) {
            failure = self.no_space();
        }
        if was_off {
            return failure.map_or(Ok(()), Err);
        }
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let whole = failure.as_ref().is_none_or(|_| self.off);
        // EIO and ENOSPC stop half-way; a power cut finds the whole write in flight.
        let count = if whole { bytes.len() } else { bytes.len() / 2 };
        self.file(name)?
            .write(offset, bytes.get(..count).unwrap_or(bytes));
        failure.map_or(Ok(()), Err)
    }

    fn try_sync(&mut self, name: &str) -> io::Result<()> {
        let failure = self.call(Call::Sync);
        let off = self.off;
        let file = self.file(name)?;
        match failure {
            None => {
                file.durable_len = file.bytes.len();
                file.unsure.retain(|_, sector| !sector.dirty);
                Ok(())
            }
            Some(error) => {
                if !off {
                    file.unsure
                        .values_mut()
                        .for_each(|sector| sector.dirty = false);
                }
                Err(error)
            }
        }
    }

    fn try_read(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if let Some(error) = self.call(Call::Other) {
            return Err(error);
        }
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self
            .file(name)?
            .bytes
            .get(from..)
            .and_then(|rest| rest.get(..buf.len()));
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn try_move(&mut self, from: &str, to: Option<&str>) -> io::Result<()> {
        let was_off = self.off;
        let failure = self.call(Call::Other);
        if was_off {
            return failure.map_or(Ok(()), Err);
        }
        let file = self.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        if let Some(to) = to {
            self.names.insert(to.into(), file);
        }
        self.settle_names(failure)
    }

    /// A failed call leaves its change visible and uncertain.
    fn settle_names(&mut self, failure: Option<io::Error>) -> io::Result<()> {
        match failure {
            Some(error) => Err(error),
            None => {
                self.durable_names.clone_from(&self.names);
                let named: BTreeSet<u64> = self.names.values().copied().collect();
                self.files.retain(|id, _| named.contains(id));
                Ok(())
            }
        }
    }
}

impl SimFile {
    fn sector(&self, number: usize) -> [u8; SECTOR_BYTES] {
        let mut sector = [0; SECTOR_BYTES];
        let bytes = self.bytes.get(number * SECTOR_BYTES..).unwrap_or_default();
        sector
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        sector
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let touched = offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES);
        for number in touched.clone() {
            let before = self.sector(number);
            let sector = self.unsure.entry(number).or_insert_with(|| {
                // This one, and the one this write makes of it.
                let mut versions = Vec::with_capacity(2);
                versions.push(before);
                Sector {
                    versions,
                    dirty: true,
                }
            });
            sector.dirty = true;
        }
        let all = Arc::make_mut(&mut self.bytes);
        if all.len() < end {
            all.resize(end, 0);
        }
        if let Some(target) = all.get_mut(offset..end) {
            target.copy_from_slice(bytes);
        }
        for number in touched {
            let after = self.sector(number);
            if let Some(sector) = self.unsure.get_mut(&number) {
                sector.versions.push(after);
            }
        }
    }

    fn crash(&self, seed: u64, dice: &mut Dice) -> Self {
        let mut bytes = Arc::clone(&self.bytes);
        for (number, sector) in &self.unsure {
            let chosen = dice.choose(seed, &sector.versions);
            let all = Arc::make_mut(&mut bytes);
            let target = all.get_mut(number * SECTOR_BYTES..).unwrap_or_default();
            target
                .iter_mut()
                .zip(chosen)
                .for_each(|(to, from)| *to = from);
        }
        let grown = bytes.len().saturating_sub(self.durable_len);
        let kept = match seed % 4 {
            0 => 0,
            1 => grown,
            _ => dice.below(grown + 1),
        };
        if kept < grown {
            Arc::make_mut(&mut bytes).truncate(self.durable_len + kept);
        }
        Self {
            durable_len: bytes.len(),
            bytes,
            unsure: BTreeMap::new(),
        }
    }
}

/// SplitMix64: the seed is an argument, so every crash can be repeated.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number under `limit`; 0 when that is 0.
    fn below(&mut self, limit: usize) -> usize {
        let limit = limit.max(1) as u64;
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn keeps(&mut self, seed: u64) -> bool {
        match seed % 4 {
            0 => false,
            1 => true,
            _ => self.next().is_multiple_of(2),
        }
    }

    fn choose(&mut self, seed: u64, versions: &[[u8; SECTOR_BYTES]]) -> [u8; SECTOR_BYTES] {
        let (first, second) = match seed % 4 {
            0 => (0, 0),
            1 => (versions.len() - 1, versions.len() - 1),
            2 => (self.below(versions.len()), self.below(versions.len())),
            _ => {
                let one = self.below(versions.len());
                (one, one)
            }
        };
        let blank = [0; SECTOR_BYTES];
        let mut chosen = *versions.get(first).unwrap_or(&blank);
        let torn_at = self.below(SECTOR_BYTES);
        let rest = versions.get(second).unwrap_or(&blank);
        chosen
            .iter_mut()
            .zip(rest)
            .skip(torn_at)
            .for_each(|(to, from)| *to = *from);
        chosen
    }
}

impl Disk for SimDisk {
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.try_create(name, len)
            .map_err(|e| DiskError::new("create", name, e))
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.try_write(name, offset, bytes)
            .map_err(|e| DiskError::new("write", name, e))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.try_sync(name)
            .map_err(|e| DiskError::new("sync", name, e))
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> Result<(), DiskError> {
        self.try_read(name, offset, buf)
            .map_err(|e| DiskError::new("read", name, e))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.try_move(from, Some(to))
            .map_err(|e| DiskError::new("rename", from, e))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.try_move(name, None)
            .map_err(|e| DiskError::new("remove", name, e))
    }

    fn list(&mut self) -> Result<Vec<Entry>, DiskError> {
        if let Some(error) = self.call(Call::Other) {
            return Err(DiskError::new("list", "", error));
        }
        let entries = self.names.iter().filter_map(|(name, id)| {
            let len = self.files.get(id)?.bytes.len() as u64;
            Some(Entry {
                name: name.to_string(),
                len,
            })
        });
        Ok(entries.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> SimDisk {
        let mut disk = SimDisk::new();
        disk.create("a", 2048).unwrap();
        disk.write_at("a", 0, &[1; 2048]).unwrap();
        disk.sync("a").unwrap();
        disk.write_at("a", 0, &[2; 2048]).unwrap();
        disk
    }

    #[test]
    fn a_cut_keeps_what_was_synced_and_any_mix_of_the_rest() {
        let disk = disk();
        assert_eq!(disk.crash(0).contents("a").unwrap(), [1; 2048]);
        assert_eq!(disk.crash(1).contents("a").unwrap(), [2; 2048]);
        let states: Vec<_> = (0..64)
            .map(|seed| disk.crash(seed).contents("a").unwrap().to_vec())
            .collect();
        let reordered = |s: &Vec<u8>| s[0] == 1 && s[600] == 2;
        let torn = |s: &Vec<u8>| s[..512].contains(&1) && s[..512].contains(&2);
        assert!(states.iter().any(reordered) && states.iter().any(torn));
        assert_eq!(disk.crash(7).contents("a"), disk.crash(7).contents("a"));
    }

    #[test]
    fn after_a_failed_sync_only_a_new_write_helps() {
        let mut disk = disk();
        disk.fail_at(disk.calls() + 1, Fault::Io);
        assert!(disk.sync("a").is_err());
        disk.sync("a").unwrap();
        assert_eq!(disk.contents("a").unwrap(), [2; 2048], "still read back");
        assert_eq!(
            disk.crash(0).contents("a").unwrap(),
            [1; 2048],
            "but not there"
        );
        disk.write_at("a", 0, &[2; 2048]).unwrap();
        disk.sync("a").unwrap();
        assert_eq!(disk.crash(0).contents("a").unwrap(), [2; 2048]);
    }

    #[test]
    fn a_failed_rename_happened_or_did_not() {
        let mut disk = disk();
        disk.fail_at(disk.calls() + 1, Fault::PowerCut);
        assert!(disk.rename("a", "b").is_err());
        assert!(disk.sync("b").is_err(), "the power stays off");
        assert!(disk.crash(0).contents("a").is_some() && disk.crash(0).contents("b").is_none());
        assert!(disk.crash(1).contents("b").is_some() && disk.crash(1).contents("a").is_none());
    }

    #[test]
    fn growth_that_was_not_synced_may_shrink() {
        let mut disk = disk();
        disk.write_at("a", 2048, &[3; 1000]).unwrap();
        assert_eq!(disk.crash(0).contents("a").unwrap().len(), 2048);
        assert_eq!(disk.crash(1).contents("a").unwrap().len(), 3048);
    }
}
