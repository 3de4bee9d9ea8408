//! The real binary in a process of its own: its place on the disk, its start, its end.

use super::small_disk::SmallDisk;
use super::{PASSWORD, tieqi};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tieqi::config::sample::{FILES, MAIN};

/// A config, users and a data directory on the disk.
pub(crate) struct Place {
    folder: TempDir,
    /// The config's main file.
    pub(crate) config: PathBuf,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Where consoles connect.
    pub(crate) console: SocketAddr,
    /// Where /healthz is.
    pub(crate) http: SocketAddr,
    /// The printable list, beside the data.
    pub(crate) fallback: PathBuf,
    /// The disk the data is on, if that is one of its own.
    pub(crate) disk: Option<SmallDisk>,
    /// A write beyond the limit of a file's size fails and is no signal.
    pub(crate) survives_limits: bool,
}

impl Place {
    /// The sample town on ports that are free now; all are held until all are chosen.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in FILES {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let tcp = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [console, http] = tcp.each_ref().map(|it| it.local_addr().unwrap());
        let config = folder.path().join(MAIN);
        let users = folder.path().join("users.toml");
        let mut text = std::fs::read_to_string(&config).unwrap();
        let mut put = |old: &str, new: String| {
            assert!(text.contains(old), "the sample has no {old}");
            text = text.replace(old, &new);
        };
        put("127.0.0.1:7110", console.to_string());
        put("127.0.0.1:7111", http.to_string());
        put("\"users.toml\"", format!("{:?}", users.to_str().unwrap()));
        put("segment_mib = 64", "segment_mib = 1".to_owned());
        let fallback = folder.path().join("fallback.txt");
        let list = format!("fallback = {:?} #", fallback.to_str().unwrap());
        put("# fallback =", list);
        put("snapshot_every = 50000", "snapshot_every = 100".to_owned());
        put("plausible_km_h = 216", "plausible_km_h = 400".to_owned());
        let mut udp = Vec::new();
        for port in [30001, 30002, 30003, 30004, 30007, 30008] {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let free = socket.local_addr().unwrap().port();
            put(&format!("port = {port} "), format!("port = {free} "));
            udp.push(socket);
        }
        std::fs::write(&config, text).unwrap();
        let data = folder.path().join("data");
        let place = Self {
            folder,
            config,
            data,
            console,
            http,
            fallback,
            disk: None,
            survives_limits: false,
        };
        place.add_user("calls", "call-taker");
        place
    }

    /// The same with its data on a disk of so many MiB; none where that cannot be had.
    pub(crate) fn on_small_disk(mib: u32) -> Option<Self> {
        let disk = SmallDisk::mount(mib)?;
        let data = disk.inside().join("data");
        Some(Self {
            data,
            disk: Some(disk),
            ..Self::new()
        })
    }

    /// Somebody who may log in besides "calls".
    pub(crate) fn add_user(&self, name: &str, role: &str) {
        let mut adding = tieqi()
            .args([
                "user",
                "add",
                name,
                "--role",
                role,
                "--password-stdin",
                "--file",
            ])
            .arg(self.folder.path().join("users.toml"))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(adding.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(adding.wait().unwrap().success());
    }

    /// The command that serves it.
    pub(crate) fn serve(&self) -> Command {
        let mut command = match &self.disk {
            Some(disk) => {
                let mut inside = disk.enter();
                inside.arg(env!("CARGO_BIN_EXE_tieqi"));
                inside
            }
            None if self.survives_limits => {
                let mut limited = Command::new("sh");
                let script = "trap '' XFSZ && exec \"$@\"";
                limited.args(["-c", script, "sh", env!("CARGO_BIN_EXE_tieqi")]);
                limited
            }
            None => tieqi(),
        };
        command
            .arg("serve")
            .arg(&self.config)
            .arg("--dir")
            .arg(&self.data);
        command
            .env("RUST_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

/// A daemon of another process; it is killed when dropped.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    /// Starts it and waits until it says that it serves.
    pub(crate) fn start(place: &Place) -> Self {
        let mut child = place.serve().spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("serving") {
            let before = said.len();
            let length = log.read_line(&mut said).unwrap();
            assert!(length > 0, "it ended: {said}");
            assert!(!said[before..].contains("damaged"), "{said}");
        }
        // Nobody may block on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self(child)
    }

    /// SIGKILL: nothing is flushed, nobody says goodbye.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
