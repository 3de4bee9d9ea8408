//! Ring 3: moves bytes and time between the outside and the daemon, and decides nothing.
//!
//! Threads: one for the loop and its sockets, one for the disk, one for archive and snapshots, one
//! for the printable list, one for HTTP, a small pool for password hashes and questions to the
//! archive. Every channel is bounded. [`Server::start`] is the one way in, for `serve`, the demo,
//! tests and benchmarks alike.

pub mod archive;
mod ask;
pub(crate) mod base;
pub mod clock;
mod console;
pub(crate) mod disk;
mod event_loop;
mod fallback;
mod http;
mod mailbox;
pub(crate) mod replay;
pub(crate) mod start;

use crate::config::users::Role;
use crate::daemon::degraded::Room;
use crate::daemon::output::LinkId;
use crate::daemon::session::ConsoleId;
use crate::serial::News;
use bytes::Bytes;
use std::net::SocketAddr;
use tieqi_protocols::link::Answer;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

pub use base::BaseError;
pub use fallback::FALLBACK_NAME;
pub use start::{Server, StartError};

/// Everything but consoles' bytes that can wake the loop.
#[derive(Debug)]
enum Wake {
    /// Bytes are on their way to a console.
    Written(ConsoleId, usize),
    /// The archive answered a console's request.
    ArchiveAnswered(ConsoleId, serde_json::Value, Result<String, String>),
    /// A password was checked.
    PasswordChecked(ConsoleId, Option<Role>),
    /// A datagram came to a link's socket.
    Datagram(LinkId, SocketAddr, Bytes),
    /// Something happened at a link's serial port.
    Serial(LinkId, News),
    /// What came of a request to a gateway behind HTTP.
    Answer(LinkId, Answer),
    /// Batches up to this one are durable.
    Durable(u64),
    /// How much room the journal's disk has.
    Room(Room),
    /// The segment after this one was prepared, or could not be.
    NextSegment(Result<(), String>),
    /// There is no space for the next segment; it is tried again.
    JournalStalled(String),
    /// The journal failed for good.
    JournalFailed(String),
    /// How are you? Gauges are brought up to date on the way.
    Pulse(oneshot::Sender<http::Pulse>),
    /// Stop.
    Stop,
}

/// What wakes the loop from consoles.
#[derive(Debug)]
enum ConsoleWake {
    /// Somebody connected.
    Opened(TcpStream, SocketAddr),
    /// Bytes came.
    Bytes(ConsoleId, Bytes),
    /// It is gone.
    Closed(ConsoleId),
}
