//! What the daemon wants done outside: ring 3 does it and reports back with an [`super::Input`].

use super::archive::Ask;
use super::session::ConsoleId;
use crate::engine::id::EngineTime;
use bytes::Bytes;
use std::net::SocketAddr;
use tieqi_protocols::link;

/// Names a link by its place among the config's gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub usize);

/// Something to do outside.
#[derive(Debug)]
pub enum Output {
    /// Make these records durable as one batch; answer with `Durable` or `JournalFailed`.
    Journal {
        /// Number of the batch; they come in order.
        batch: u64,
        /// Engine time of all of them.
        at: EngineTime,
        /// Payloads.
        records: Vec<Vec<u8>>,
    },
    /// Send a datagram from a link's socket.
    Datagram {
        /// Which socket.
        link: LinkId,
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: Bytes,
    },
    /// Write to a link's serial line.
    Bytes {
        /// Which line.
        link: LinkId,
        /// One frame.
        bytes: Bytes,
    },
    /// Put a request to a gateway behind HTTP; answer with `Answer`, always and once.
    Ask {
        /// Which gateway's.
        link: LinkId,
        /// What.
        ask: link::Ask,
    },
    /// Write to a console; answer with `ConsoleWritten` when it is on its way.
    Console {
        /// Which.
        console: ConsoleId,
        /// What.
        bytes: Bytes,
    },
    /// Close a console once what it was sent is on its way.
    CloseConsole(ConsoleId),
    /// Check a password off the loop; answer with `PasswordChecked`.
    CheckPassword {
        /// For which console.
        console: ConsoleId,
        /// The name claimed.
        user: String,
        /// The password as typed.
        password: String,
    },
    /// Keep this as the printable list, in the place of the last one.
    Fallback(String),
    /// Ask the archive off the loop; answer with `ArchiveAnswered`.
    AskArchive {
        /// For which console.
        console: ConsoleId,
        /// Its request's id.
        id: serde_json::Value,
        /// What.
        ask: Ask,
        /// Wait, a second at most, until the archive has the engine's events up to this one.
        wanted: u64,
    },
}

/// Takes what the daemon wants at the moment it wants it: the shell starts the disk on a batch
/// while the daemon still works out what it causes. A plain `Vec` does for tests and simulators.
pub trait Outbox {
    /// Takes one.
    fn push(&mut self, output: Output);
}

impl Outbox for Vec<Output> {
    fn push(&mut self, output: Output) {
        Vec::push(self, output);
    }
}
