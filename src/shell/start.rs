//! Starting and stopping the daemon: sockets, journal, replay, threads.

use super::archive::{self, Feed, Rules, SNAPSHOT_DIR};
use super::base::BaseError;
use super::clock::{Clock, wall_ms};
use super::replay::{self, Opened};
use super::{FALLBACK_NAME, Wake, disk, event_loop, fallback, http, mailbox};
use crate::config::users::Users;
use crate::config::{AnyPort, Chain, Config, GatewayRole};
use crate::daemon::Daemon;
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::event::By;
use crate::engine::id::UnitId;
use crate::engine::unit::{CrewMember, Duty};
use crate::journal::{FileDisk, HashKind, LockError, OpenError, Options, Recovery};
use jiff::Timestamp;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::thread::JoinHandle;
use tokio::sync::mpsc::Sender;

/// Batches that may wait for the disk thread.
const APPENDS: usize = 1024;

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("failed to use the data directory {dir}")]
    Dir {
        /// Which.
        dir: String,
        /// Why.
        source: io::Error,
    },
    /// Another daemon has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The journal was pruned, and its base cannot be used.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A record is not one of ours.
    #[error(
        "failed to read record {seq} of the journal: {reason}; a newer tieqi wrote it: use that \
         one, or a later one"
    )]
    Record {
        /// Which.
        seq: u64,
        /// What the decoder says.
        reason: String,
    },
    /// A socket is taken or not allowed.
    #[error("failed to listen on {at} for {what}")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// For what.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
}

/// A running daemon. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    /// Where consoles connect.
    pub console: SocketAddr,
    /// Where /metrics and /healthz are.
    pub http: SocketAddr,
    /// Where each link over UDP listens or connects from, in the config's order.
    pub links: Vec<SocketAddr>,
    /// What opening the journal found.
    pub recovery: Recovery,
    told: Sender<Wake>,
    threads: Vec<JoinHandle<()>>,
    archive: Option<(Feed, JoinHandle<()>)>,
    fallback: Option<(fallback::Slot, JoinHandle<()>)>,
}

impl Server {
    /// Opens the journal in `dir`, replays it, binds the config's sockets (port 0 takes a free
    /// one) and runs.
    ///
    /// # Errors
    /// What must be mended first; nothing runs then.
    pub fn start(config: Config, users: Users, dir: &Path) -> Result<Self, StartError> {
        let in_dir = |source| StartError::Dir {
            dir: dir.display().to_string(),
            source,
        };
        std::fs::create_dir_all(dir).map_err(in_dir)?;
        // First of all: whoever runs already is named by its lock, not by a port it took.
        let disk = FileDisk::lock(dir)?;
        let consoles = bind_tcp(config.console.listen, "consoles")?;
        let metrics = bind_tcp(config.http.listen, "/metrics")?;
        let links = bind_links(&config)?;
        let options = Options {
            segment_bytes: usize::try_from(config.journal.segment_mib).unwrap_or(16) << 20,
            hash: match config.journal.chain {
                Chain::Blake3 => HashKind::Blake3,
                Chain::Sm3 => HashKind::Sm3,
            },
            ..Options::at(wall_ms())
        };
        let mut snapshots = snapshot_disk(dir);
        let old = disk.again().map_err(in_dir)?;
        let Opened {
            journal,
            recovery,
            engine,
        } = replay::open(disk, snapshots.as_mut(), &options, &config.policy)?;
        let feed = Feed::behind(journal.tip());
        let rules = Rules {
            policy: config.policy.clone(),
            plane: config.plane,
        };
        let snapshots = (snapshots, config.journal.snapshot_every);
        // A damaged journal stays as it is until it is repaired.
        let old = recovery.damage.is_none().then_some(old);
        let (archive, follow) = archive::start(dir, rules, snapshots, old, feed.clone());
        let clock = Clock::at(recovery.engine_time_ms);
        // Before the daemon makes its histograms.
        http::recorder();
        let sign_on = roster(&config, &engine, Timestamp::now());
        let list = config.journal.fallback.as_deref();
        let list = dir.join(list.unwrap_or(Path::new(FALLBACK_NAME)));
        let epoch = u64::try_from(wall_ms()).unwrap_or(0);
        let mut daemon = Daemon::new(clock.now(), config, engine, epoch);
        if let Some(damage) = &recovery.damage {
            let reason = format!("the journal is damaged ({damage}): read-only until repaired");
            daemon.degrade(reason, &mut Vec::new());
        }
        let (told, wakes) = event_loop::wakes();
        let (appends, batches) = mailbox::mailbox(APPENDS);
        let journal = disk::Shared::new(journal, feed.clone());
        let address = |result: io::Result<SocketAddr>, what| {
            let at = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            result.map_err(|source| StartError::Listen { at, what, source })
        };
        let (console, http) = (
            address(consoles.local_addr(), "consoles")?,
            address(metrics.local_addr(), "HTTP")?,
        );
        let bound = links.iter().filter_map(|port| match port {
            event_loop::Port::Udp(socket) => Some(address(socket.local_addr(), "a link")),
            event_loop::Port::Serial(..) | event_loop::Port::Http(_) => None,
        });
        let bound = bound.collect::<Result<Vec<_>, _>>()?;
        let lists = fallback::Slot::default();
        let parts = event_loop::Parts {
            daemon,
            clock,
            users,
            consoles,
            links,
            journal: disk::Writer::new(journal.clone(), appends),
            archive,
            fallback: lists.clone(),
            sign_on,
        };
        let disk_told = told.clone();
        let http_told = told.clone();
        let loop_told = told.clone();
        let threads = vec![
            spawn("tieqi-disk", move || {
                disk::go_first();
                disk::run(&journal, &batches, &disk_told)
            })?,
            spawn("tieqi-loop", move || run_loop(parts, loop_told, wakes))?,
        ];
        let (slot, data, room_told) = (lists.clone(), dir.to_owned(), told.clone());
        let writing = spawn("tieqi-fallback", move || {
            fallback::run(&slot, &list, &data, &room_told);
        })?;
        let archive = Some((feed, spawn("tieqi-archive", follow)?));
        // Not joined: it serves until the process ends or its sender is gone.
        spawn("tieqi-http", move || {
            if let Err(error) = http::serve(metrics, http_told) {
                tracing::error!(%error, "failed to serve /metrics");
            }
        })?;
        Ok(Self {
            console,
            http,
            links: bound,
            recovery,
            told,
            threads,
            archive,
            fallback: Some((lists, writing)),
        })
    }

    /// Stops the loop, lets the disk finish, makes a snapshot, and waits for all of it.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        let _ = self.told.blocking_send(Wake::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some((lists, thread)) = self.fallback.take() {
            lists.close();
            let _ = thread.join();
        }
        // Last: it has everything by then, and makes a snapshot of it.
        if let Some((feed, thread)) = self.archive.take() {
            feed.close();
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// The snapshots' own directory. Without one the daemon runs all the same.
fn snapshot_disk(dir: &Path) -> Option<FileDisk> {
    let dir = dir.join(SNAPSHOT_DIR);
    let made = std::fs::create_dir_all(&dir).map_err(|error| error.to_string());
    let disk = made.and_then(|()| FileDisk::lock(&dir).map_err(|error| error.to_string()));
    disk.inspect_err(|error| tracing::warn!(%error, "there will be no snapshots"))
        .ok()
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map_err(StartError::Thread)
}

fn run_loop(
    parts: event_loop::Parts,
    told: Sender<Wake>,
    wakes: tokio::sync::mpsc::Receiver<Wake>,
) {
    /// Password hashes at once, each takes a core for tens of milliseconds, and one answer of the
    /// archive.
    const POOL: usize = 3;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(POOL)
        .build();
    // A task like those at the sockets: what wakes the runtime's main one is a call of the system,
    // and another to hear it, from its own thread, too.
    let ran = runtime.and_then(|runtime| {
        runtime.block_on(async { tokio::spawn(event_loop::run(parts, told, wakes)).await? })
    });
    if let Err(error) = ran {
        tracing::error!(%error, "failed to run the loop");
    }
}

fn bind_tcp(at: SocketAddr, what: &'static str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(at).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| StartError::Listen { at, what, source })
}

/// Binds the sockets. A serial port that is not there yet is no reason not to start.
fn bind_links(config: &Config) -> Result<Vec<event_loop::Port>, StartError> {
    let ports = config
        .gateways
        .iter()
        .flat_map(|gateway| gateway.ports().map(move |port| (gateway, port)));
    ports
        .map(|(gateway, port)| {
            let at = match (port, gateway.role) {
                (AnyPort::Serial(serial), _) => {
                    return Ok(event_loop::Port::Serial(serial.path.clone(), serial.baud));
                }
                (AnyPort::Http(http), _) => return Ok(event_loop::Port::Http(http.clone())),
                (AnyPort::Udp(link), GatewayRole::Listen) => {
                    SocketAddr::new(gateway.host, link.port)
                }
                (AnyPort::Air(air), GatewayRole::Listen) => SocketAddr::new(gateway.host, air.port),
                // We connect from any port.
                (AnyPort::Udp(_) | AnyPort::Air(_), GatewayRole::Connect) => {
                    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
                }
            };
            let bound = UdpSocket::bind(at).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            let bound = bound.map_err(|source| StartError::Listen {
                at,
                what: "a radio link",
                source,
            })?;
            Ok(event_loop::Port::Udp(bound))
        })
        .collect()
}

/// Sign-on of the units the roster has on duty at that time and that are not on yet, where the
/// config says so. Call signs get their ids from the register's order when the journal is new.
pub(crate) fn roster(config: &Config, engine: &Engine, now: Timestamp) -> Vec<Command> {
    if !config.roster.sign_on_at_start {
        return Vec::new();
    }
    let local = now.to_zoned(config.town.time_zone.clone()).datetime();
    let mut commands = Vec::new();
    for duty in config.roster_now(local) {
        let until = duty.until.to_zoned(config.town.time_zone.clone());
        let until_ms = until.ok().map(|until| until.timestamp().as_millisecond());
        for entry in duty.entries {
            let Some(row) = config.register.get(entry.unit) else {
                continue;
            };
            let known = engine.state().call_signs.get(&*row.call_sign).copied();
            let unit = known.or_else(|| Some(UnitId(u32::try_from(entry.unit).ok()? + 1)));
            let Some(unit) = unit else { continue };
            let on_duty = engine
                .state()
                .units
                .get(&unit)
                .is_some_and(|unit| unit.duty.is_some());
            if on_duty {
                continue;
            }
            let crew = entry.crew.iter().map(|id| CrewMember {
                officer: id.clone(),
                sworn: config.officers.get(id).is_some_and(|officer| officer.sworn),
            });
            let area = entry.area.and_then(|area| config.communities.get(area));
            let duty = Duty {
                crew: crew.collect(),
                vehicle: String::new(),
                terminals: entry.terminals.clone(),
                skills: entry.skills,
                area: area.map_or(String::new(), |area| area.name.clone()),
                until_ms,
            };
            commands.push(Command::SignOn {
                unit,
                duty,
                by: By::Roster,
            });
        }
    }
    commands
}
