//! The daemon's own doors and rooms: consoles, the HTTP port, the journal, the log.

use super::node::Node;
use super::radio::{address, same_socket};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Most console sessions at once.
const SESSIONS_MAX: i64 = 10_000;
/// Size of a journal segment, MiB.
const SEGMENT_MIB: std::ops::RangeInclusive<i64> = 1..=1_024;
/// The journal's reserve: a segment is always kept ahead, filled with zeros.
const RESERVE_MIB: u32 = 64;
/// Records between two snapshots, and how many unless the config says: three days of a town, less
/// than a second's replay.
const SNAPSHOT_EVERY: std::ops::RangeInclusive<i64> = 100..=10_000_000;
const SNAPSHOT_EVERY_DEFAULT: u64 = 50_000;

/// The consoles' (席位) door.
#[derive(Debug, Clone)]
pub struct Console {
    /// Address of the TCP API.
    pub listen: SocketAddr,
    /// Whether an address that is not loopback may be served without TLS.
    pub allow_plaintext: bool,
    /// Sessions at once.
    pub max_sessions: usize,
    /// File of users, resolved against the config's folder.
    pub users: PathBuf,
}

/// `/metrics` and `/healthz`.
#[derive(Debug, Clone, Copy)]
pub struct Http {
    /// Address, always loopback: these pages ask nobody who they are.
    pub listen: SocketAddr,
}

/// Hash that chains journal records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// BLAKE3.
    Blake3,
    /// SM3, where SM algorithms are required.
    Sm3,
}

/// Where the journal lives.
#[derive(Debug, Clone)]
pub struct Journal {
    /// Data directory; relative to the working directory, not to the config.
    pub dir: PathBuf,
    /// Size of a segment, MiB.
    pub segment_mib: u32,
    /// Hash of the chain.
    pub chain: Chain,
    /// File of the printable list, in `dir` unless absolute; none for its usual name there.
    pub fallback: Option<PathBuf>,
    /// Records between two snapshots.
    pub snapshot_every: u64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log on stderr.
#[derive(Debug, Clone)]
pub struct Log {
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// All of them.
pub(super) struct Desk {
    pub(super) console: Console,
    pub(super) http: Http,
    pub(super) journal: Journal,
    pub(super) log: Log,
}

pub(super) fn desk(root: &Node<'_>, dir: &Path) -> Option<Desk> {
    let console = console(root, dir);
    let http = http(root, console.as_ref().map(|c| c.listen));
    let (journal, log) = (journal(root), log(root));
    Some(Desk {
        console: console?,
        http: http?,
        journal: journal?,
        log: log?,
    })
}

fn console(root: &Node<'_>, dir: &Path) -> Option<Console> {
    let node = root.section("console");
    let listen: Option<SocketAddr> = address(&node, "listen");
    let allow_plaintext = node.flag_or("allow_plaintext", false);
    let max_sessions = usize::try_from(node.int("max_sessions", 1..=SESSIONS_MAX)).unwrap_or(1);
    let users = node.text("users");
    if let Some(listen) = listen.filter(|l| !l.ip().is_loopback()) {
        let text = format!("{listen} is not loopback: passwords and calls would cross the network");
        if allow_plaintext {
            node.report.warn(
                &node.spot("listen"),
                format!("{text} in plain text, as allowed"),
            );
        } else {
            let way = "; use a loopback address, or set allow_plaintext = true";
            node.report
                .fault(&node.spot("listen"), text + " in plain text" + way);
        }
    }
    Some(Console {
        listen: listen?,
        allow_plaintext,
        max_sessions,
        users: dir.join(users?.value),
    })
}

fn http(root: &Node<'_>, console: Option<SocketAddr>) -> Option<Http> {
    let node = root.section("http");
    let listen: SocketAddr = address(&node, "listen")?;
    if !listen.ip().is_loopback() {
        let text = format!("{listen} is not loopback: these pages ask nobody who they are");
        node.report.fault(&node.spot("listen"), text);
    }
    if console.is_some_and(|console| same_socket(console, listen)) {
        node.report.fault(
            &node.spot("listen"),
            format!("{listen} is taken by console.listen"),
        );
    }
    Some(Http { listen })
}

fn journal(root: &Node<'_>) -> Option<Journal> {
    let node = root.section("journal");
    let dir = node.text("dir");
    let segment_mib = u32::try_from(node.int("segment_mib", SEGMENT_MIB)).unwrap_or(1);
    let chain = node.choice("chain", &[("blake3", Chain::Blake3), ("sm3", Chain::Sm3)]);
    let default = i64::try_from(SNAPSHOT_EVERY_DEFAULT).unwrap_or(i64::MAX);
    let every = node.int_or("snapshot_every", SNAPSHOT_EVERY, default);
    if segment_mib < RESERVE_MIB {
        let text = format!(
            "the segment kept ahead is the reserve of a full disk: use {RESERVE_MIB} or more"
        );
        node.report.warn(&node.spot("segment_mib"), text);
    }
    Some(Journal {
        dir: dir?.value.into(),
        segment_mib,
        chain: chain?,
        fallback: node.text_opt("fallback").map(|path| path.value.into()),
        snapshot_every: u64::try_from(every).unwrap_or(SNAPSHOT_EVERY_DEFAULT),
    })
}

fn log(root: &Node<'_>) -> Option<Log> {
    let node = root.section("log");
    let filter = node.text("filter");
    let format = node.choice(
        "format",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    Some(Log {
        filter: filter?.value,
        format: format?,
    })
}
