//! Hundreds of consoles that follow the board: most read as fast as they can, some a few bytes a
//! second, and now and then many ask much more than there is room for.

use crate::client::{PASSWORD, USER};
use crate::refusals::{Refusals, kind};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::Instant;

/// How many there are.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) quick: u32,
    pub(crate) slow: u32,
    /// Of the quick ones, how many ask too much.
    pub(crate) greedy: u32,
    /// Beyond the daemon's limit.
    pub(crate) beyond: u32,
}

/// What they ask for at once, and how often.
const BURST: u32 = 40;
const BURST_EVERY: Duration = Duration::from_secs(5);
/// A console says that it lives.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Bytes a slow one reads in a second.
const SIP: usize = 4;

/// What they saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) lines: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Boards dropped, of the quick ones.
    pub(crate) resyncs: AtomicU32,
    /// Connections ended by the daemon: quick ones, slow ones.
    pub(crate) quick_cut: AtomicU32,
    pub(crate) slow_cut: AtomicU32,
    /// Told that there are too many.
    pub(crate) beyond: AtomicU32,
    pub(crate) asked: AtomicU32,
    pub(crate) answered: AtomicU32,
    pub(crate) refused: Mutex<Refusals>,
    ready: AtomicU32,
    asking: AtomicBool,
    done: AtomicBool,
}

/// The crowd on a thread of its own.
pub(crate) struct Watchers {
    pub(crate) seen: Arc<Seen>,
    thread: std::thread::JoinHandle<anyhow::Result<()>>,
}

impl Watchers {
    /// Connects them all; returns when each follows the board.
    pub(crate) fn connect(at: SocketAddr, crowd: Crowd) -> anyhow::Result<Self> {
        let seen = Arc::new(Seen::default());
        let of_thread = Arc::clone(&seen);
        let thread = std::thread::spawn(move || watch(at, crowd, of_thread));
        while seen.ready.load(Ordering::Relaxed) < crowd.quick + crowd.slow {
            anyhow::ensure!(!thread.is_finished(), "the consoles could not connect");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { seen, thread })
    }

    /// The greedy ones begin to ask too much, or stop.
    pub(crate) fn ask(&self, asking: bool) {
        self.seen.asking.store(asking, Ordering::Relaxed);
    }

    /// Whether every question was answered.
    pub(crate) fn is_answered(&self) -> bool {
        let asked = self.seen.asked.load(Ordering::Relaxed);
        self.seen.answered.load(Ordering::Relaxed) >= asked
    }

    pub(crate) fn leave(self) -> anyhow::Result<()> {
        self.seen.done.store(true, Ordering::Relaxed);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow::anyhow!("the watchers panicked"))?
    }
}

fn watch(at: SocketAddr, crowd: Crowd, seen: Arc<Seen>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (bursts, _) = watch::channel(0);
    let (calm, _) = watch::channel(0);
    runtime.block_on(async {
        for number in 0..crowd.quick {
            let stream = login(at).await?;
            let (reader, writer) = stream.into_split();
            // The others are told of a burst that never comes.
            let told = match number < crowd.greedy {
                true => bursts.subscribe(),
                false => calm.subscribe(),
            };
            tokio::spawn(ask(writer, number, told, Arc::clone(&seen)));
            tokio::spawn(quick(reader, Arc::clone(&seen)));
        }
        for _ in 0..crowd.slow {
            let stream = login(at).await?;
            tokio::spawn(slow(stream, Arc::clone(&seen)));
        }
        for _ in 0..crowd.beyond {
            let mut line = String::new();
            TcpStream::connect(at)
                .await?
                .read_to_string(&mut line)
                .await?;
            let told: Value = serde_json::from_str(&line)?;
            let busy = kind(&told["error"]) == "busy";
            seen.beyond.fetch_add(u32::from(busy), Ordering::Relaxed);
        }
        let mut next = Instant::now() + BURST_EVERY;
        while !seen.done.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if seen.asking.load(Ordering::Relaxed) && next.elapsed() > Duration::ZERO {
                next += BURST_EVERY;
                bursts.send_modify(|bursts| *bursts += 1);
            }
        }
        Ok(())
    })
}

async fn login(at: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let params = json!({ "user": USER, "password": PASSWORD });
    stream
        .write_all(line("login", "session.login", &params).as_bytes())
        .await?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await?;
    let answer: Value = serde_json::from_slice(&answer[..length])?;
    anyhow::ensure!(answer["result"]["role"] == "supervisor", "{answer}");
    stream
        .write_all(line("board", "board.subscribe", &json!({})).as_bytes())
        .await?;
    Ok(stream)
}

fn line(id: &str, method: &str, params: &Value) -> String {
    let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    format!("{request}\n")
}

/// Pings, and asks too much when all the greedy ones do.
async fn ask(
    mut writer: OwnedWriteHalf,
    number: u32,
    mut bursts: watch::Receiver<u32>,
    seen: Arc<Seen>,
) {
    let spread = Duration::from_millis(u64::from(number) * 37 % 2_000);
    let mut pinged = Instant::now() + spread;
    loop {
        let lines = tokio::select! {
            () = tokio::time::sleep_until(pinged) => {
                pinged += PING_EVERY;
                line("ping", "session.ping", &json!({}))
            }
            Ok(()) = bursts.changed() => {
                let burst = *bursts.borrow_and_update();
                seen.asked.fetch_add(BURST, Ordering::Relaxed);
                let note = |asked| {
                    let params = json!({ "key": format!("{number}-{burst}-{asked}"),
                                         "incident": 999_999_999, "text": "?" });
                    line("note", "incident.note", &params)
                };
                (0..BURST).map(note).collect()
            }
        };
        if writer.write_all(lines.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads at once.
async fn quick(mut reader: OwnedReadHalf, seen: Arc<Seen>) {
    seen.ready.fetch_add(1, Ordering::Relaxed);
    let mut buffer = vec![0; 64 * 1024];
    let mut rest = Vec::new();
    while let Ok(length) = reader.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        seen.bytes.fetch_add(length as u64, Ordering::Relaxed);
        rest.extend_from_slice(&buffer[..length]);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        for line in rest[..end].split(|byte| *byte == b'\n') {
            heard(line, &seen);
        }
        rest.drain(..=end);
    }
    if !seen.done.load(Ordering::Relaxed) {
        seen.quick_cut.fetch_add(1, Ordering::Relaxed);
    }
}

fn heard(line: &[u8], seen: &Seen) {
    seen.lines.fetch_add(1, Ordering::Relaxed);
    // Notices begin with their method: deltas are counted, not read.
    if line.starts_with(b"{\"jsonrpc\":\"2.0\",\"method\":\"board.resync") {
        seen.resyncs.fetch_add(1, Ordering::Relaxed);
    }
    let Some(answer) = line.strip_prefix(b"{\"jsonrpc\":\"2.0\",\"id\":\"") else {
        return;
    };
    let noted = u32::from(answer.starts_with(b"note"));
    seen.answered.fetch_add(noted, Ordering::Relaxed);
    let answer: Value = serde_json::from_slice(line).unwrap_or_default();
    if answer["error"].is_null() {
        return;
    }
    let mut refused = seen.refused.lock().unwrap_or_else(PoisonError::into_inner);
    refused.note(&kind(&answer["error"]));
}

async fn slow(mut stream: TcpStream, seen: Arc<Seen>) {
    seen.ready.fetch_add(1, Ordering::Relaxed);
    let mut sip = [0; SIP];
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // What it has not read yet hides that it was cut; a write does not.
        let alive = stream.write_all(b"\n").await.is_ok();
        if !alive || !stream.read(&mut sip).await.is_ok_and(|length| length > 0) {
            break;
        }
    }
    if !seen.done.load(Ordering::Relaxed) {
        seen.slow_cut.fetch_add(1, Ordering::Relaxed);
    }
}
