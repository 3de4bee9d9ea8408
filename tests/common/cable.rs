//! A cable between two ends that speak UDP: it can be pulled, and remembers what it carried.

#![expect(clippy::indexing_slicing, reason = "a datagram is as long as it came")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a thread looks whether the cable is gone.
const LOOK: Duration = Duration::from_millis(50);

/// A datagram on its way.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    /// Since the cable was laid.
    pub(crate) at: Duration,
    /// Which of the links.
    pub(crate) link: usize,
    /// To the link, not from it.
    pub(crate) to_link: bool,
    /// What.
    pub(crate) bytes: Vec<u8>,
}

/// Carries datagrams between links and whoever calls them, until it is pulled.
pub(crate) struct Cable {
    /// Where each link is found through the cable.
    pub(crate) ports: Vec<u16>,
    carried: Arc<Mutex<Vec<Carried>>>,
    pulled: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// One direction of one link.
struct Way {
    from: UdpSocket,
    to: UdpSocket,
    link: (usize, SocketAddr),
    to_link: bool,
    caller: Arc<Mutex<Option<SocketAddr>>>,
    carried: Arc<Mutex<Vec<Carried>>>,
    pulled: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Cable {
    /// A cable to each of these.
    pub(crate) fn to(links: &[SocketAddr]) -> Self {
        let [pulled, over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let carried = Arc::new(Mutex::new(Vec::new()));
        let (mut ports, mut threads) = (Vec::new(), Vec::new());
        let start = Instant::now();
        for link in links.iter().copied().enumerate() {
            let [near, far] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            ports.push(near.local_addr().unwrap().port());
            let caller = Arc::new(Mutex::new(None));
            for (from, to, to_link) in [(&near, &far, true), (&far, &near, false)] {
                from.set_read_timeout(Some(LOOK)).unwrap();
                let way = Way {
                    from: from.try_clone().unwrap(),
                    to: to.try_clone().unwrap(),
                    link,
                    to_link,
                    caller: Arc::clone(&caller),
                    carried: Arc::clone(&carried),
                    pulled: Arc::clone(&pulled),
                    over: Arc::clone(&over),
                };
                threads.push(std::thread::spawn(move || way.carry(start)));
            }
        }
        Self {
            ports,
            carried,
            pulled,
            over,
            threads,
        }
    }

    /// From now on nothing comes through.
    pub(crate) fn pull(&self) {
        self.pulled.store(true, Ordering::Relaxed);
    }

    /// What it carried so far, oldest first.
    pub(crate) fn carried(&self) -> Vec<Carried> {
        let carried = self.carried.lock();
        carried.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Way {
    fn carry(&self, start: Instant) {
        let mut bytes = [0; 2048];
        let (link, at) = self.link;
        while !self.over.load(Ordering::Relaxed) {
            let Ok((length, sender)) = self.from.recv_from(&mut bytes) else {
                continue;
            };
            let mut caller = self.caller.lock().unwrap();
            if self.to_link {
                *caller = Some(sender);
            }
            let other = if self.to_link { Some(at) } else { *caller };
            drop(caller);
            if let Some(other) = other.filter(|_| !self.pulled.load(Ordering::Relaxed)) {
                let bytes = bytes[..length].to_vec();
                // Noted first, or what it causes might be noted before it.
                self.carried.lock().unwrap().push(Carried {
                    at: start.elapsed(),
                    link,
                    to_link: self.to_link,
                    bytes: bytes.clone(),
                });
                self.to.send_to(&bytes, other).unwrap();
            }
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
