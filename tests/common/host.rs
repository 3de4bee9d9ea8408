//! What MMDVMHost is to DMRGateway, with radios instead of a modem: the handhelds log in to it as a
//! repeater, and their bursts go on as they are. It has no login, only tells DMRGateway who it is
//! (`DMRC`, once a second), as MMDVMHost does.

#![expect(clippy::indexing_slicing, reason = "a datagram is as long as it came")]

use super::air::GOOD;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tieqi_protocols::homebrew::{Details, Dmrd, Form, Packet};
use tieqi_protocols::link::homebrew::{Event, Master, MasterConfig, Passphrase};

/// Between two words about itself.
const TELL: Duration = Duration::from_secs(1);
/// How long it waits at one end before it looks at the other: a burst takes 60 ms.
const TURN: Duration = Duration::from_millis(2);

/// A site's host, until it is dropped.
pub(crate) struct Host {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Of this repeater: `radios` is where its handhelds log in, `local` where DMRGateway, which is
    /// at `gateway`, sends to.
    pub(crate) fn start(repeater: u32, radios: u16, local: u16, gateway: u16) -> Self {
        let [radios, local] = [radios, local].map(|port| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
            socket.set_read_timeout(Some(TURN)).unwrap();
            socket
        });
        let gateway = SocketAddr::from((Ipv4Addr::LOCALHOST, gateway));
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            carry(repeater, &radios, (&local, gateway), &told);
        });
        Self {
            over,
            thread: Some(thread),
        }
    }
}

fn carry(
    repeater: u32,
    radios: &UdpSocket,
    (local, gateway): (&UdpSocket, SocketAddr),
    over: &AtomicBool,
) {
    let known = BTreeMap::from([(repeater, Passphrase(GOOD.into()))]);
    let mut master = Master::new(MasterConfig::new(known));
    let start = Instant::now();
    let (mut told, mut bytes) = (None::<Instant>, [0; 2048]);
    while !over.load(Ordering::Relaxed) {
        if told.is_none_or(|told| told.elapsed() >= TELL) {
            told = Some(Instant::now());
            local.send_to(&details(repeater), gateway).unwrap();
        }
        let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap();
        if let Ok((length, from)) = radios.recv_from(&mut bytes) {
            master.handle_bytes(now_ms, from, &bytes[..length], [1, 2, 3, 4]);
        }
        master.handle_timeout(now_ms);
        if let Ok((length, _)) = local.recv_from(&mut bytes)
            && let Ok(Packet::Dmrd(burst)) = Packet::parse(&bytes[..length])
        {
            // DMRGateway names no repeater: the id it writes was never set. With no radio on the
            // air nobody hears it.
            let _ = master.send(&Dmrd { repeater, ..burst });
        }
        while let Some(event) = master.poll_event() {
            if let Event::Burst(burst) = event {
                let bytes = Packet::Dmrd(burst).to_bytes();
                local.send_to(&bytes, gateway).unwrap();
            }
        }
        while let Some(datagram) = master.poll_transmit() {
            radios.send_to(&datagram.bytes, datagram.to).unwrap();
        }
    }
}

/// `DMRC`: call sign, receive and transmit frequency, power, colour code, slots, software, package.
fn details(repeater: u32) -> Vec<u8> {
    let fields = format!(
        "{:8}{:09}{:09}{:02}{:02}{}{:40}{:40}",
        "TIEQI", 449_000_000, 444_000_000, 25, 1, 3, "20230212", "MMDVM"
    );
    let details = Details::new(Form::Short, fields.as_bytes()).unwrap();
    Packet::Config { repeater, details }.to_bytes()
}

impl Drop for Host {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
