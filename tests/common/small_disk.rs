//! A disk that can really be full: a tmpfs in a mount namespace of its own, so that no privilege is
//! needed and nothing is left behind however a test ends.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The mounted disk; it is gone with this.
pub(crate) struct SmallDisk {
    /// Keeps the namespace; ends with its stdin.
    holder: Child,
    at: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many MiB. None, said on stderr, where the system allows no namespaces.
    pub(crate) fn mount(mib: u32) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o size=\"$1\"m none \"$2\" && echo ready && exec cat";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        command
            .args([script, "sh", &mib.to_string()])
            .arg(at.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = match command.spawn() {
            Ok(holder) => holder,
            Err(error) => return skip(&error.to_string()),
        };
        let mut line = String::new();
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        if line.trim() != "ready" {
            let _ = holder.wait();
            return skip("no namespace of its own, or no tmpfs in it");
        }
        Some(Self { holder, at })
    }

    /// Where it is mounted, for those inside.
    pub(crate) fn inside(&self) -> &Path {
        self.at.path()
    }

    /// The same from outside.
    pub(crate) fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.at.path().strip_prefix("/").unwrap())
    }

    /// A command that runs where the disk is mounted; the process is still the caller's child.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--user", "--mount", "--preserve-credentials", "--target"])
            .arg(self.holder.id().to_string());
        command
    }

    /// Takes every byte that is left.
    pub(crate) fn fill(&self) {
        let path = self.ballast();
        let mut ballast = std::fs::File::create(path).unwrap();
        let mut step = vec![0; 1 << 20];
        while !step.is_empty() {
            if ballast.write_all(&step).is_err() {
                step.truncate(step.len() / 2);
            }
        }
    }

    /// Gives them back.
    pub(crate) fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.outside().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn skip<T>(why: &str) -> Option<T> {
    eprintln!("SKIPPED, no disk to fill: {why}");
    None
}
