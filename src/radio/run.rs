//! The simulated radios on real sockets and real time: one UDP socket a link. It moves bytes and
//! time only; what they mean is [`World`]'s. No channel and no task of its own: one future, on
//! whatever runtime it is awaited.

use super::carrier::{End, Port};
use super::options::{RadioError, RadioOptions};
use super::stats::Stats;
use super::world::World;
use crate::config::Config;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Largest datagram there is.
const DATAGRAM: usize = 65_536;
/// Datagrams taken from one socket before the next one has its turn.
const BURST: usize = 64;
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
    let mut sockets = Vec::new();
    for port in world.ports() {
        sockets.push(bound(port).await?);
    }
    let mut buffer = vec![0; DATAGRAM];
    loop {
        flush(&mut world, &sockets);
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
            () = poll_fn(|context| readable(&sockets, context)) => {}
        }
        for (link, socket) in sockets.iter().enumerate() {
            for _ in 0..BURST {
                match socket.try_recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        world.handle_bytes(clock.now_ms(), wall_ms(), link, from, bytes);
                        flush(&mut world, &sockets);
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
    flush(&mut world, &sockets);
    stats.send_replace(world.stats().clone());
    Ok(world.stats().clone())
}

/// Ready when any socket has something to read.
fn readable(sockets: &[UdpSocket], context: &mut Context<'_>) -> Poll<()> {
    let ready = |socket: &UdpSocket| socket.poll_recv_ready(context).is_ready();
    // All of them are asked, so that each one wakes us.
    match sockets.iter().map(ready).fold(false, |any, one| any | one) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

/// Sends what waits. A full socket loses datagrams; the links send them again.
fn flush(world: &mut World, sockets: &[UdpSocket]) {
    while let Some(transmit) = world.poll_transmit() {
        if let Some(socket) = sockets.get(transmit.link) {
            let _ = socket.try_send_to(&transmit.bytes, transmit.to);
        }
    }
}

async fn bound(port: &Port) -> Result<UdpSocket, RadioError> {
    let at = match port.end {
        End::Listen(at) => at,
        End::Connect(peer) => SocketAddr::new(from_where(peer.ip()), 0),
    };
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
