//! The floor: what two hops and one sync cost here, with nothing decided in between.
//!
//! One sample is one TCP echo (the console's hop), one fdatasync of 256 bytes at the next offset of
//! a zero-filled file (the journal's), one UDP echo (the gateway's), each with blocking threads,
//! one after the other. The daemon needs the same waits: it cannot be below. What begins on the
//! air has a UDP echo in the place of the TCP echo.

use super::cores;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

const RECORD: usize = 256;
const FILE: u64 = 16 << 20;

/// What the sample begins with.
enum Hop {
    Console,
    Radio,
}

/// The thread that takes the samples; it ends with this.
pub(crate) struct Floor {
    ask: SyncSender<(Duration, Hop)>,
    took: Receiver<anyhow::Result<u64>>,
}

impl Floor {
    /// Starts it and the echoes.
    pub(crate) fn start(dir: &Path) -> anyhow::Result<Self> {
        let mut sampler = Sampler::start(dir)?;
        let (ask, asked) = sync_channel(0);
        let (tell, took) = sync_channel(1);
        let serve = move || {
            while let Ok((rest, hop)) = asked.recv() {
                // Here: whoever asks wakes this core, and a hop to one just woken is none of an
                // idle machine.
                std::thread::sleep(rest);
                if tell.send(sampler.sample(&hop)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(cores::FLOOR.into());
        thread.spawn(serve)?;
        Ok(Self { ask, took })
    }

    /// One sample, after a rest, of what a console begins, nanoseconds.
    pub(crate) fn sample(&self, rest: Duration) -> anyhow::Result<u64> {
        self.take(rest, Hop::Console)
    }

    /// One sample, after a rest, of what a terminal begins, nanoseconds.
    pub(crate) fn sample_of_radio(&self, rest: Duration) -> anyhow::Result<u64> {
        self.take(rest, Hop::Radio)
    }

    fn take(&self, rest: Duration, hop: Hop) -> anyhow::Result<u64> {
        self.ask.send((rest, hop))?;
        self.took.recv()?
    }
}

/// The three echoes.
struct Sampler {
    stream: TcpStream,
    socket: UdpSocket,
    file: File,
    offset: u64,
}

impl Sampler {
    /// Starts the echo threads; they end with the process.
    fn start(dir: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let stream = TcpStream::connect(listener.local_addr()?)?;
        stream.set_nodelay(true)?;
        let (mut peer, _) = listener.accept()?;
        peer.set_nodelay(true)?;
        std::thread::spawn(move || {
            let mut buffer = [0u8; RECORD];
            while peer.read_exact(&mut buffer).is_ok() && peer.write_all(&buffer).is_ok() {}
        });
        let echo = UdpSocket::bind("127.0.0.1:0")?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(echo.local_addr()?)?;
        std::thread::spawn(move || {
            let mut buffer = [0u8; RECORD];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..length], from);
            }
        });
        let path = dir.join("floor");
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(path)?;
        let zeros = vec![0u8; 1 << 20];
        for step in 0..FILE >> 20 {
            file.write_all_at(&zeros, step << 20)?;
        }
        file.sync_all()?;
        Ok(Self {
            stream,
            socket,
            file,
            offset: 0,
        })
    }

    /// One sample, nanoseconds.
    fn sample(&mut self, hop: &Hop) -> anyhow::Result<u64> {
        let began = Instant::now();
        match hop {
            Hop::Console => {
                let mut buffer = [7u8; RECORD];
                self.stream.write_all(&buffer)?;
                self.stream.read_exact(&mut buffer)?;
            }
            Hop::Radio => self.echo()?,
        }
        self.file.write_all_at(&[7u8; RECORD], self.offset)?;
        self.file.sync_data()?;
        self.echo()?;
        let took = began.elapsed();
        self.offset = (self.offset + RECORD as u64) % FILE;
        Ok(u64::try_from(took.as_nanos())?)
    }

    fn echo(&self) -> anyhow::Result<()> {
        let mut buffer = [7u8; RECORD];
        self.socket.send(&buffer)?;
        self.socket.recv(&mut buffer)?;
        Ok(())
    }
}
