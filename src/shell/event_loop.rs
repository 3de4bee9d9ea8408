//! The loop: waits for whatever comes first, hands it to the daemon, does what the daemon wants.

use super::archive::Archive;
use super::ask;
use super::clock::Clock;
use super::console::{self, Consoles};
use super::disk::{Append, Writer};
use super::{ConsoleWake, Wake, fallback, http};
use crate::config::HttpPort;
use crate::config::users::Users;
use crate::daemon::gateway::Serial;
use crate::daemon::output::{LinkId, Outbox, Output};
use crate::daemon::session::ConsoleId;
use crate::daemon::{Daemon, Input};
use crate::engine::command::Command;
use crate::journal::FileDisk;
use crate::serial::{self, News};
use bytes::Bytes;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Wakes that may wait.
const WAKES: usize = 4096;
/// Consoles' chunks that may wait; no console has more than one.
const CHUNKS: usize = 256;
/// Wakes taken before the daemon works and what it wants is done.
const TURN: usize = 256;
/// Consoles' chunks taken before that: one may hold a hundred requests.
const CHUNKS_TURN: usize = 16;
/// A timer that is so late means that the process did not run: it was stopped, or its machine was.
const HELD_UP: Duration = Duration::from_secs(1);
/// Rounds of reading before the next turn then.
const ROUNDS: usize = 8;
/// Rest after a failed receive, so that a socket that always fails does not take the core.
const PAUSE: Duration = Duration::from_millis(10);
/// Largest datagram read; longer ones are cut and then refused by their checksum.
const DATAGRAM: usize = 2048;

/// What the loop needs to begin.
pub(super) struct Parts {
    pub(super) daemon: Daemon,
    pub(super) clock: Clock,
    pub(super) users: Users,
    pub(super) consoles: TcpListener,
    pub(super) links: Vec<Port>,
    pub(super) journal: Writer<FileDisk>,
    pub(super) archive: Archive,
    pub(super) fallback: fallback::Slot,
    pub(super) sign_on: Vec<Command>,
}

/// What a link goes over, before the loop runs.
#[derive(Debug)]
pub(super) enum Port {
    /// A bound socket.
    Udp(UdpSocket),
    /// A serial port by path and bits a second; it may come and go.
    Serial(String, u32),
    /// A gateway behind HTTP.
    Http(HttpPort),
}

/// What a link's output is written to, or asked of.
enum Wire {
    Udp(Arc<tokio::net::UdpSocket>),
    Serial(Sender<Bytes>),
    Http(Arc<HttpPort>),
}

/// Channels into the loop, made before it runs so that the disk thread can have one end.
pub(super) fn wakes() -> (Sender<Wake>, Receiver<Wake>) {
    channel(WAKES)
}

struct Loop {
    daemon: Daemon,
    clock: Clock,
    next_console: u64,
    /// Consoles that were heard and are not read on yet.
    resting: Vec<ConsoleId>,
    /// Until when it meant to sleep.
    due: Option<Instant>,
    /// That was missed, and it was seen to.
    late: bool,
    outside: Outside,
}

/// Everything the daemon's wishes are done with.
struct Outside {
    users: Arc<Users>,
    consoles: Consoles,
    links: Vec<Wire>,
    journal: Writer<FileDisk>,
    archive: Archive,
    fallback: fallback::Slot,
    /// Consoles whose writer took no more: the daemon must hear of it.
    full: Vec<ConsoleId>,
    chunks: Sender<ConsoleWake>,
    told: Sender<Wake>,
}

/// Runs until [`Wake::Stop`].
pub(super) async fn run(
    parts: Parts,
    told: Sender<Wake>,
    mut wakes: Receiver<Wake>,
) -> std::io::Result<()> {
    let (chunks, mut chunked) = channel(CHUNKS);
    let listener = tokio::net::TcpListener::from_std(parts.consoles)?;
    let accepting = tokio::spawn(console::accept(listener, chunks.clone()));
    let mut links = Vec::new();
    for (index, port) in parts.links.into_iter().enumerate() {
        links.push(wire(LinkId(index), port, &told)?);
    }
    let mut this = Loop {
        daemon: parts.daemon,
        clock: parts.clock,
        next_console: 0,
        resting: Vec::new(),
        due: None,
        late: false,
        outside: Outside {
            users: Arc::new(parts.users),
            consoles: Consoles::default(),
            links,
            journal: parts.journal,
            archive: parts.archive,
            fallback: parts.fallback,
            full: Vec::new(),
            chunks,
            told,
        },
    };
    let now = this.clock.now();
    this.daemon.start(now, parts.sign_on, &mut this.outside);
    loop {
        if this.was_held_up() && this.catch_up(&mut wakes, &mut chunked).await {
            break;
        }
        this.turn();
        // The tasks at the sockets run only while this one waits, and it may always have something
        // to do: without this nobody would be heard or answered until the queues are empty.
        tokio::task::yield_now().await;
        this.due = this.timer();
        tokio::select! {
            biased;
            wake = wakes.recv() => {
                let Some(wake) = wake else { break };
                if this.take_all(wake, &mut wakes) {
                    break;
                }
            }
            chunk = chunked.recv() => {
                if let Some(chunk) = chunk {
                    this.take_chunk(chunk);
                }
            }
            () = sleep_until(this.due) => {}
        }
        this.take_chunks(&mut chunked);
    }
    accepting.abort();
    Ok(())
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        // A sleep is rounded up to a whole millisecond.
        Some(at) if at <= Instant::now() => {}
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Starts the task that reads a link.
fn wire(link: LinkId, port: Port, told: &Sender<Wake>) -> std::io::Result<Wire> {
    match port {
        Port::Udp(socket) => {
            let socket = Arc::new(tokio::net::UdpSocket::from_std(socket)?);
            tokio::spawn(receive(link, Arc::clone(&socket), told.clone()));
            Ok(Wire::Udp(socket))
        }
        Port::Serial(path, baud) => {
            let (frames, waiting) = channel(serial::WAITING);
            let wrap = move |news| Wake::Serial(link, news);
            tokio::spawn(serial::run((path, baud), waiting, told.clone(), wrap));
            Ok(Wire::Serial(frames))
        }
        Port::Http(http) => Ok(Wire::Http(Arc::new(http))),
    }
}

async fn receive(link: LinkId, socket: Arc<tokio::net::UdpSocket>, told: Sender<Wake>) {
    let mut buffer = [0u8; DATAGRAM];
    loop {
        // On Linux an ICMP error of an earlier send shows up here; the socket stays good.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let bytes = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        if told.send(Wake::Datagram(link, from, bytes)).await.is_err() {
            return;
        }
    }
}

impl Loop {
    /// Lets the daemon do some of what waits, and sends what was decided on its way.
    fn turn(&mut self) {
        let now = self.clock.now();
        self.daemon.work(now, &mut self.outside);
        for console in std::mem::take(&mut self.outside.full) {
            self.daemon
                .handle(now, Input::ConsoleFull(console), &mut self.outside);
        }
        self.resting.retain(|console| {
            let rests = self.daemon.rests(*console);
            if !rests {
                self.outside.consoles.read_on(*console);
            }
            rests
        });
        if let Some(synced) = self.outside.journal.flush() {
            let now = self.clock.now();
            let synced = synced.map_or_else(Input::JournalFailed, Input::Durable);
            self.daemon.handle(now, synced, &mut self.outside);
        }
    }

    /// Whether the timers became so late that the process cannot have run meanwhile.
    fn was_held_up(&mut self) -> bool {
        let late = self.due.is_some_and(|due| due.elapsed() > HELD_UP);
        !std::mem::replace(&mut self.late, late) && late
    }

    /// Hears what waits in the sockets before anything that is due: who spoke in the meantime is
    /// neither silent nor late. True means stop.
    async fn catch_up(
        &mut self,
        wakes: &mut Receiver<Wake>,
        chunks: &mut Receiver<ConsoleWake>,
    ) -> bool {
        tracing::warn!("the process was held up: reading what came meanwhile");
        for _ in 0..ROUNDS {
            tokio::task::yield_now().await;
            if let Ok(wake) = wakes.try_recv()
                && self.take_all(wake, wakes)
            {
                return true;
            }
            self.take_chunks(chunks);
        }
        false
    }

    fn take_chunks(&mut self, chunks: &mut Receiver<ConsoleWake>) {
        for _ in 0..CHUNKS_TURN {
            let Ok(chunk) = chunks.try_recv() else { break };
            self.take_chunk(chunk);
        }
    }

    /// When the next turn begins though nothing came: at once while something waits.
    fn timer(&self) -> Option<Instant> {
        if self.daemon.has_work() {
            return Some(Instant::now());
        }
        self.daemon.next_timer().map(|at| self.clock.instant(at))
    }

    /// Takes what waits, so that urgent input is seen before the next turn; true means stop.
    fn take_all(&mut self, first: Wake, wakes: &mut Receiver<Wake>) -> bool {
        if self.take(first) {
            return true;
        }
        for _ in 0..TURN {
            let Ok(wake) = wakes.try_recv() else { break };
            if self.take(wake) {
                return true;
            }
        }
        false
    }

    fn take(&mut self, wake: Wake) -> bool {
        let now = self.clock.now();
        self.hear_of_archive(now);
        let input = match &wake {
            Wake::Written(console, bytes) => {
                let (console, bytes) = (*console, *bytes);
                Input::ConsoleWritten { console, bytes }
            }
            Wake::ArchiveAnswered(console, id, answer) => {
                let (console, id, answer) = (*console, id.clone(), answer.clone());
                Input::ArchiveAnswered {
                    console,
                    id,
                    answer,
                }
            }
            Wake::PasswordChecked(console, role) => {
                let (console, role) = (*console, *role);
                Input::PasswordChecked { console, role }
            }
            Wake::Datagram(link, from, bytes) => {
                let (link, from) = (*link, *from);
                Input::Datagram { link, from, bytes }
            }
            Wake::Serial(link, news) => Input::Serial {
                link: *link,
                what: match news {
                    News::Opened => Serial::Opened,
                    News::Bytes(bytes) => Serial::Bytes(bytes),
                    News::Lost => Serial::Lost,
                },
            },
            Wake::Answer(link, answer) => Input::Answer {
                link: *link,
                answer,
            },
            Wake::Durable(batch) => {
                self.outside.journal.note_durable(*batch);
                Input::Durable(*batch)
            }
            Wake::Room(room) => Input::Room(*room),
            Wake::NextSegment(prepared) => Input::NextSegment(prepared.clone()),
            Wake::JournalStalled(reason) => Input::JournalStalled(reason.clone()),
            Wake::JournalFailed(reason) => Input::JournalFailed(reason.clone()),
            Wake::Pulse(_) => {
                self.daemon.export_gauges(now);
                if let Wake::Pulse(answer) = wake {
                    let degraded = self.daemon.degraded().map(str::to_owned);
                    let _ = answer.send(http::Pulse { degraded });
                }
                return false;
            }
            Wake::Stop => return true,
        };
        self.daemon.handle(now, input, &mut self.outside);
        false
    }

    /// Archive and snapshots go on by themselves; the daemon knows when it may be asked.
    fn hear_of_archive(&mut self, now: crate::daemon::Now) {
        if let Some(status) = self.outside.archive.news() {
            let news = Input::Archive(status);
            self.daemon.handle(now, news, &mut self.outside);
        }
    }

    fn take_chunk(&mut self, chunk: ConsoleWake) {
        let now = self.clock.now();
        self.hear_of_archive(now);
        let bytes: Bytes;
        let input = match chunk {
            ConsoleWake::Opened(stream, peer) => {
                self.next_console += 1;
                let console = ConsoleId(self.next_console);
                // Its tasks first: the daemon may turn it away at once.
                self.outside.open(console, stream);
                Input::ConsoleOpened { console, peer }
            }
            ConsoleWake::Bytes(console, some) => {
                bytes = some;
                self.resting.push(console);
                Input::ConsoleBytes {
                    console,
                    bytes: &bytes,
                }
            }
            ConsoleWake::Closed(console) => {
                self.outside.consoles.close(console);
                Input::ConsoleClosed(console)
            }
        };
        self.daemon.handle(now, input, &mut self.outside);
    }
}

impl Outside {
    fn open(&mut self, console: ConsoleId, stream: TcpStream) {
        let (chunks, told) = (self.chunks.clone(), self.told.clone());
        self.consoles.open(console, stream, chunks, told);
    }

    fn check_password(&self, console: ConsoleId, user: String, password: String) {
        let (users, told) = (Arc::clone(&self.users), self.told.clone());
        tokio::spawn(async move {
            let checked = tokio::task::spawn_blocking(move || users.verify(&user, &password));
            let role = checked.await.unwrap_or(None);
            let _ = told.send(Wake::PasswordChecked(console, role)).await;
        });
    }
}

impl Outbox for Outside {
    fn push(&mut self, output: Output) {
        match output {
            Output::Journal { batch, at, records } => {
                self.journal.push(Append { batch, at, records });
            }
            Output::Datagram { link, to, bytes } => {
                if let Some(Wire::Udp(socket)) = self.links.get(link.0)
                    && let Err(error) = socket.try_send_to(&bytes, to)
                {
                    // As if lost on the way: the link sends it again.
                    tracing::debug!(link = link.0, %to, %error, "failed to send");
                }
            }
            Output::Bytes { link, bytes } => {
                if let Some(Wire::Serial(frames)) = self.links.get(link.0)
                    && frames.try_send(bytes).is_err()
                {
                    tracing::debug!(link = link.0, "too much waits for a serial line");
                }
            }
            Output::Ask { link, ask } => {
                if let Some(Wire::Http(http)) = self.links.get(link.0) {
                    let (http, told) = (Arc::clone(http), self.told.clone());
                    tokio::spawn(async move {
                        let answer = ask::put(&http, ask).await;
                        let _ = told.send(Wake::Answer(link, answer)).await;
                    });
                }
            }
            Output::Console { console, bytes } => {
                if !self.consoles.write(console, bytes) {
                    self.full.push(console);
                }
            }
            Output::Fallback(list) => self.fallback.put(list),
            Output::CloseConsole(console) => self.consoles.close(console),
            Output::CheckPassword {
                console,
                user,
                password,
            } => self.check_password(console, user, password),
            Output::AskArchive {
                console,
                id,
                ask,
                wanted,
            } => {
                let (archive, told) = (self.archive.clone(), self.told.clone());
                tokio::spawn(async move {
                    let answer = archive.answer(ask, wanted).await;
                    let _ = told.send(Wake::ArchiveAnswered(console, id, answer)).await;
                });
            }
        }
    }
}
