//! Consoles' TCP sockets: one task reads, one writes; what the bytes mean is the daemon's.

use super::{ConsoleWake, Wake};
use crate::daemon::session::ConsoleId;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Lines that may wait in a writer; bytes are bounded by the session.
const WRITER: usize = 4096;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// Writers of the consoles that are connected.
#[derive(Debug, Default)]
pub(super) struct Consoles {
    writers: BTreeMap<ConsoleId, Sender<Bytes>>,
}

impl Consoles {
    /// Starts the two tasks of a connection.
    pub(super) fn open(
        &mut self,
        console: ConsoleId,
        stream: TcpStream,
        bytes: Sender<ConsoleWake>,
        told: Sender<Wake>,
    ) {
        // Answers are single small lines: they must not wait for more.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (sender, lines) = channel(WRITER);
        self.writers.insert(console, sender);
        tokio::spawn(read(console, reader, bytes));
        tokio::spawn(write(console, writer, lines, told));
    }

    /// Queues a line. False when the console cannot take it: close it.
    pub(super) fn write(&mut self, console: ConsoleId, bytes: Bytes) -> bool {
        match self.writers.get(&console) {
            Some(writer) => writer.try_send(bytes).is_ok(),
            None => true,
        }
    }

    /// Lets the writer finish what is queued and then close.
    pub(super) fn close(&mut self, console: ConsoleId) {
        self.writers.remove(&console);
    }
}

/// Accepts connections for as long as the loop lives.
pub(super) async fn accept(listener: TcpListener, told: Sender<ConsoleWake>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if told.send(ConsoleWake::Opened(stream, peer)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of descriptors, most likely: what is connected goes on.
                tracing::warn!(%error, "failed to accept a console");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn read(console: ConsoleId, mut reader: OwnedReadHalf, told: Sender<ConsoleWake>) {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        buffer.reserve(CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                let bytes = buffer.split().freeze();
                if told.send(ConsoleWake::Bytes(console, bytes)).await.is_err() {
                    return;
                }
            }
        }
    }
    let _ = told.send(ConsoleWake::Closed(console)).await;
}

async fn write(
    console: ConsoleId,
    mut writer: OwnedWriteHalf,
    mut lines: Receiver<Bytes>,
    told: Sender<Wake>,
) {
    while let Some(line) = lines.recv().await {
        let length = line.len();
        if writer.write_all(&line).await.is_err() {
            return;
        }
        if told.send(Wake::Written(console, length)).await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}
