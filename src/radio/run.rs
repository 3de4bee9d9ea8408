//! The simulated radios on real sockets and real time: one UDP socket a link, or a serial port for
//! all of a gateway's. It moves bytes and time only; what they mean is [`World`]'s. One future, on
//! whatever runtime it is awaited; only serial ports have a task each, which ends with it.

use super::carrier::End;
use super::options::{RadioError, RadioOptions};
use super::stats::Stats;
use super::world::World;
use crate::config::Config;
use crate::serial::{self, News};
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Largest datagram there is.
const DATAGRAM: usize = 65_536;
/// Datagrams taken from one socket before the next one has its turn.
const BURST: usize = 64;
/// News of serial ports that may wait.
const NEWS: usize = 64;
/// How long closing frames may take to be written to serial ports.
const FAREWELL: Duration = Duration::from_secs(1);
/// Longest nap when nothing is due.
const NAP_MS: u64 = 1_000;

/// Runs the radios until `shutdown` turns true or its sender is gone, then closes the links
/// politely. Dropping the future instead is a power cut. `stats` is kept up to date after each
/// turn; the last ones are also returned.
///
/// # Errors
/// Options that cannot be, or sockets that are not to be had. Once it runs it does not fail:
/// datagrams a socket refuses are lost, as on any network.
pub async fn run(
    config: &Config,
    options: RadioOptions,
    mut shutdown: watch::Receiver<bool>,
    stats: watch::Sender<Stats>,
) -> Result<Stats, RadioError> {
    let clock = Clock(Instant::now());
    let mut world = World::new(clock.now_ms(), wall_ms(), config, &options)?;
    let (told, mut news) = mpsc::channel(NEWS);
    let mut lines = JoinSet::new();
    let mut wires = Vec::new();
    for (link, port) in world.ports().enumerate() {
        wires.push(match port.end.clone() {
            End::Serial(path, baud) => {
                let (frames, waiting) = mpsc::channel(serial::WAITING);
                let wrap = move |news| (link, news);
                lines.spawn(serial::run((path, baud), waiting, told.clone(), wrap));
                Wire::Serial(frames)
            }
            End::Listen(at) => Wire::Udp(bound(at).await?),
            End::Connect(peer) => {
                let at = SocketAddr::new(from_where(peer.ip()), 0);
                Wire::Udp(bound(at).await?)
            }
        });
    }
    let mut buffer = vec![0; DATAGRAM];
    loop {
        flush(&mut world, &wires);
        stats.send_if_modified(|told| {
            let changed = told != world.stats();
            told.clone_from(world.stats());
            changed
        });
        let nap_ms = clock.now_ms() + NAP_MS;
        let due_ms = world
            .poll_timeout()
            .map_or(nap_ms, |at_ms| at_ms.min(nap_ms));
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => break,
            () = sleep_until(clock.at(due_ms)) => {}
            () = poll_fn(|context| readable(&wires, context)) => {}
            Some((link, news)) = news.recv() => {
                let (now_ms, wall_ms) = (clock.now_ms(), wall_ms());
                match news {
                    News::Opened => world.plug(now_ms, wall_ms, link, true),
                    News::Bytes(bytes) => world.handle_bytes(now_ms, wall_ms, link, None, &bytes),
                    News::Lost => world.plug(now_ms, wall_ms, link, false),
                }
            }
        }
        for (link, wire) in wires.iter().enumerate() {
            let Wire::Udp(socket) = wire else { continue };
            for _ in 0..BURST {
                match socket.try_recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        let from = Some(from);
                        world.handle_bytes(clock.now_ms(), wall_ms(), link, from, bytes);
                        flush(&mut world, &wires);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // What an earlier datagram caused, such as a port nobody listens on.
                    Err(_) => {}
                }
            }
        }
        world.handle_timeout(clock.now_ms(), wall_ms());
    }
    world.close(clock.now_ms(), wall_ms());
    flush(&mut world, &wires);
    // A serial port's task writes what waits, then ends with its sender.
    drop(wires);
    let _ = tokio::time::timeout(FAREWELL, lines.join_all()).await;
    stats.send_replace(world.stats().clone());
    Ok(world.stats().clone())
}

/// What a link's bytes are written to.
enum Wire {
    Udp(UdpSocket),
    Serial(mpsc::Sender<Bytes>),
}

/// Ready when any socket has something to read.
fn readable(wires: &[Wire], context: &mut Context<'_>) -> Poll<()> {
    let ready = |wire: &Wire| match wire {
        Wire::Udp(socket) => socket.poll_recv_ready(context).is_ready(),
        Wire::Serial(_) => false,
    };
    // All of them are asked, so that each one wakes us.
    match wires.iter().map(ready).fold(false, |any, one| any | one) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

/// Sends what waits. A full socket loses datagrams; the links send them again.
fn flush(world: &mut World, wires: &[Wire]) {
    while let Some(transmit) = world.poll_transmit() {
        match (wires.get(transmit.link), transmit.to) {
            (Some(Wire::Udp(socket)), Some(to)) => {
                let _ = socket.try_send_to(&transmit.bytes, to);
            }
            (Some(Wire::Serial(frames)), None) => {
                let _ = frames.try_send(transmit.bytes);
            }
            _ => {}
        }
    }
}

async fn bound(at: SocketAddr) -> Result<UdpSocket, RadioError> {
    let bound = async {
        let socket = UdpSocket::bind(at).await?;
        // Until the runtime has seen it writable once, `try_send_to` would drop the first CONNECT.
        socket.writable().await?;
        Ok(socket)
    };
    bound
        .await
        .map_err(|source| RadioError::Bind { at, source })
}

/// The address to send from: loopback stays on loopback.
fn from_where(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(at) if at.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(at) if at.is_loopback() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Milliseconds since the start.
struct Clock(Instant);

impl Clock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, ms: u64) -> Instant {
        self.0 + Duration::from_millis(ms)
    }
}

/// UTC since 1970.
fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
