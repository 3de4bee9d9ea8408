//! Consoles' TCP sockets: one task reads, one writes; what the bytes mean is the daemon's.

use super::{ConsoleWake, Wake};
use crate::daemon::session::ConsoleId;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;

/// Lines that may wait in a writer; bytes are bounded by the session.
const WRITER: usize = 4096;
/// Lines written at once: a call of the system costs more than a line.
const AT_ONCE: usize = 16;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// Closed consoles that may take that long at once; any more are ended as they are.
const LINGERING: usize = 256;
/// How long a closed console may take to read what it was sent and to close its own end.
const LINGER: Duration = Duration::from_secs(2);

/// The consoles that are connected: lines to their writers, and both tasks.
#[derive(Debug)]
pub(super) struct Consoles {
    open: BTreeMap<ConsoleId, Open>,
    lingering: Arc<Semaphore>,
}

impl Default for Consoles {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            lingering: Arc::new(Semaphore::new(LINGERING)),
        }
    }
}

#[derive(Debug)]
struct Open {
    lines: Sender<Bytes>,
    /// Its reader may read on.
    taken: Arc<Notify>,
    tasks: [AbortHandle; 2],
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
        let taken = Arc::new(Notify::new());
        let reading = tokio::spawn(read(console, reader, bytes, Arc::clone(&taken)));
        let writing = tokio::spawn(write(console, writer, lines, told));
        let tasks = [reading.abort_handle(), writing.abort_handle()];
        let lines = sender;
        let open = Open {
            lines,
            taken,
            tasks,
        };
        self.open.insert(console, open);
    }

    /// What a console sent was taken: its reader goes on. So each has at most one chunk under way,
    /// and one that is told to rest fills its own socket and nobody else's.
    pub(super) fn read_on(&self, console: ConsoleId) {
        if let Some(open) = self.open.get(&console) {
            open.taken.notify_one();
        }
    }

    /// Queues a line. False when the console cannot take it: close it.
    pub(super) fn write(&mut self, console: ConsoleId, bytes: Bytes) -> bool {
        match self.open.get(&console) {
            Some(open) => open.lines.try_send(bytes).is_ok(),
            None => true,
        }
    }

    /// Lets the writer finish what is queued and then close. A peer that neither reads nor closes
    /// does not keep the socket.
    pub(super) fn close(&mut self, console: ConsoleId) {
        let Some(Open { tasks, .. }) = self.open.remove(&console) else {
            return;
        };
        let end = move || tasks.iter().for_each(AbortHandle::abort);
        match Arc::clone(&self.lingering).try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(async move {
                tokio::time::sleep(LINGER).await;
                end();
                drop(place);
            })),
            Err(_) => end(),
        }
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

async fn read(
    console: ConsoleId,
    mut reader: OwnedReadHalf,
    told: Sender<ConsoleWake>,
    taken: Arc<Notify>,
) {
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
                taken.notified().await;
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
    let mut some = Vec::with_capacity(AT_ONCE);
    while lines.recv_many(&mut some, AT_ONCE).await > 0 {
        let bytes = match &some[..] {
            [line] => line.clone(),
            lines => Bytes::from(lines.concat()),
        };
        some.clear();
        let length = bytes.len();
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
        if told.send(Wake::Written(console, length)).await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}
