//! Reading the config's files: caps, encodings, and the hash over all of them.

use super::fault::{Report, Source, Spot, Text};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest main file, bytes.
pub(super) const MAIN_BYTES_MAX: usize = 1 << 20;
/// Largest table, bytes.
pub(super) const TABLE_BYTES_MAX: usize = 32 << 20;

/// Reads a file, but never more than the largest cap and one byte: what stands beyond is a fault
/// anyway, and a device or a wrong path must not fill the memory.
///
/// # Errors
/// When it cannot be opened or read.
pub fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let cap = u64::try_from(TABLE_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    std::fs::File::open(path)?
        .take(cap)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The files of one config while they are read.
pub(super) struct Files<'a> {
    reader: &'a mut dyn FnMut(&Path) -> io::Result<Vec<u8>>,
    report: &'a Report,
    dir: PathBuf,
    hasher: blake3::Hasher,
    read: Vec<PathBuf>,
}

impl<'a> Files<'a> {
    pub(super) fn new(
        dir: &Path,
        report: &'a Report,
        reader: &'a mut dyn FnMut(&Path) -> io::Result<Vec<u8>>,
    ) -> Self {
        let hasher = blake3::Hasher::new();
        Self {
            reader,
            report,
            dir: dir.to_path_buf(),
            hasher,
            read: Vec::new(),
        }
    }

    /// The main file, as text.
    pub(super) fn main(&mut self, path: &Path) -> Option<Arc<Source>> {
        let name = path.to_string_lossy().into_owned();
        let spot = Spot::file(&Source::new(&name, ""));
        let bytes = self.bytes(&spot, path, MAIN_BYTES_MAX)?;
        self.decode(&name, bytes)
    }

    /// A file another file names.
    pub(super) fn read(&mut self, name: &Text, cap: usize) -> Option<Vec<u8>> {
        let path = self.dir.join(&name.value);
        self.bytes(&name.spot, &path, cap)
    }

    /// A table another file names, as text.
    pub(super) fn table(&mut self, name: Option<Text>) -> Option<Arc<Source>> {
        let name = name?;
        let bytes = self.read(&name, TABLE_BYTES_MAX)?;
        self.decode(&name.value, bytes)
    }

    /// BLAKE3 over all files read, and their paths.
    pub(super) fn finish(self) -> ([u8; 32], Vec<PathBuf>) {
        (*self.hasher.finalize().as_bytes(), self.read)
    }

    fn bytes(&mut self, spot: &Spot, path: &Path, cap: usize) -> Option<Vec<u8>> {
        let bytes = match (self.reader)(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.report
                    .fault(spot, format!("failed to read {}: {e}", path.display()));
                return None;
            }
        };
        if bytes.len() > cap {
            let text = format!("{} is larger than {} KiB", path.display(), cap >> 10);
            self.report.fault(spot, text);
            return None;
        }
        // The length goes in first, so that moving bytes from file to file changes the hash.
        self.hasher
            .update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.hasher.update(&bytes);
        self.read.push(path.to_path_buf());
        Some(bytes)
    }

    fn decode(&self, name: &str, bytes: Vec<u8>) -> Option<Arc<Source>> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(e.as_bytes()).into_owned();
                let spot = Spot {
                    span: Some(at..at),
                    ..Spot::file(&Source::new(name, &text))
                };
                self.report
                    .fault(&spot, "is not UTF-8 from here on; save it as UTF-8");
                return None;
            }
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let source = Source::new(name, text);
        if text.trim().is_empty() {
            self.report.fault(&Spot::file(&source), "is empty");
            return None;
        }
        Some(source)
    }
}
