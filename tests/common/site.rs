//! A site of simulated radios behind programs of others: the handhelds log in to it as a repeater,
//! and their bursts go on to a program that takes them from a host or a modem.
//!
//! ```text
//! handhelds == Homebrew ==> site ── DMRC, DMRD ──▶ DMRGateway    (as MMDVMHost sends them)
//!                           site ── E0 frames ───▶ MMDVMHost     (as a modem over UDP does)
//! ```

#![expect(clippy::indexing_slicing, reason = "a datagram is as long as it came")]

use super::air::GOOD;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tieqi_protocols::Parsed;
use tieqi_protocols::dmr::{Address, Burst};
use tieqi_protocols::homebrew::{Content, Details, Dmrd, Form, Packet, Slot};
use tieqi_protocols::link::homebrew::{Event, Master, MasterConfig, Passphrase};
use tieqi_protocols::mmdvm::Mmdvm;

/// Between two words about itself.
const TELL: Duration = Duration::from_secs(1);
/// How long it waits at one end before it looks at the other: a burst takes 60 ms.
const TURN: Duration = Duration::from_millis(2);

/// Until it is dropped.
pub(crate) struct Site {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Where the site is found, and the program it speaks to.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    /// Its handhelds log in here.
    pub(crate) radios: u16,
    /// The program sends to this one.
    pub(crate) local: u16,
    /// The program.
    pub(crate) program: u16,
}

/// What a program takes and gives.
pub(crate) trait Speech: Send + 'static {
    /// What is said by itself, once a second.
    fn alive(&self) -> Option<Vec<u8>>;
    /// A burst of a radio.
    fn say(&self, burst: &Dmrd) -> Vec<u8>;
    /// Something the program sent: a burst for the radios, an answer.
    fn hear(&mut self, bytes: &[u8]) -> (Option<Dmrd>, Option<Vec<u8>>);
}

impl Site {
    /// Of this repeater.
    pub(crate) fn start(repeater: u32, ports: Ports, speech: impl Speech) -> Self {
        let [radios, local] = [ports.radios, ports.local].map(|port| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
            socket.set_read_timeout(Some(TURN)).unwrap();
            socket
        });
        let program = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.program));
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            carry(repeater, &radios, (&local, program), (speech, &told));
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
    (local, program): (&UdpSocket, SocketAddr),
    (mut speech, over): (impl Speech, &AtomicBool),
) {
    let known = BTreeMap::from([(repeater, Passphrase(GOOD.into()))]);
    let mut master = Master::new(MasterConfig::new(known));
    let start = Instant::now();
    let (mut told, mut bytes) = (None::<Instant>, [0; 2048]);
    let tell = |bytes: &[u8]| {
        local.send_to(bytes, program).unwrap();
    };
    while !over.load(Ordering::Relaxed) {
        if told.is_none_or(|told| told.elapsed() >= TELL) {
            told = Some(Instant::now());
            speech.alive().iter().for_each(|bytes| tell(bytes));
        }
        let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap();
        if let Ok((length, from)) = radios.recv_from(&mut bytes) {
            master.handle_bytes(now_ms, from, &bytes[..length], [1, 2, 3, 4]);
        }
        master.handle_timeout(now_ms);
        if let Ok((length, _)) = local.recv_from(&mut bytes) {
            let (burst, answer) = speech.hear(&bytes[..length]);
            // With no radio on the air nobody hears it.
            burst.map(|burst| master.send(&Dmrd { repeater, ..burst }));
            answer.iter().for_each(|bytes| tell(bytes));
        }
        while let Some(event) = master.poll_event() {
            if let Event::Burst(burst) = event {
                tell(&speech.say(&burst));
            }
        }
        while let Some(datagram) = master.poll_transmit() {
            radios.send_to(&datagram.bytes, datagram.to).unwrap();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What MMDVMHost says to DMRGateway: no login, only who it is.
pub(crate) struct AsHost {
    pub(crate) repeater: u32,
}

impl Speech for AsHost {
    /// `DMRC`: call sign, receive and transmit frequency, power, colour code, slots, software,
    /// package.
    fn alive(&self) -> Option<Vec<u8>> {
        let fields = format!(
            "{:8}{:09}{:09}{:02}{:02}{}{:40}{:40}",
            "TIEQI", 449_000_000, 444_000_000, 25, 1, 3, "20230212", "MMDVM"
        );
        let repeater = self.repeater;
        let details = Details::new(Form::Short, fields.as_bytes()).unwrap();
        Some(Packet::Config { repeater, details }.to_bytes())
    }

    fn say(&self, burst: &Dmrd) -> Vec<u8> {
        Packet::Dmrd(*burst).to_bytes()
    }

    /// DMRGateway names no repeater: the id it writes was never set.
    fn hear(&mut self, bytes: &[u8]) -> (Option<Dmrd>, Option<Vec<u8>>) {
        match Packet::parse(bytes) {
            Ok(Packet::Dmrd(burst)) => (Some(burst), None),
            _ => (None, None),
        }
    }
}

/// What a modem says to MMDVMHost: answers, as captured, and bursts.
#[derive(Default)]
pub(crate) struct AsModem {
    mode: u8,
    stream: u32,
    sequence: u8,
}

impl Speech for AsModem {
    fn alive(&self) -> Option<Vec<u8>> {
        None
    }

    fn say(&self, burst: &Dmrd) -> Vec<u8> {
        /// Data sync, in the control byte.
        const DATA: u8 = 0x40;
        let [first, second] = Mmdvm::DATA;
        let kind = match burst.slot {
            Slot::One => first,
            Slot::Two => second,
        };
        let Content::Data(data_type) = burst.content else {
            unreachable!("no simulated radio speaks");
        };
        frame(kind, &[&[DATA | data_type], &burst.burst[..]].concat())
    }

    fn hear(&mut self, bytes: &[u8]) -> (Option<Dmrd>, Option<Vec<u8>>) {
        let Ok(Parsed::Complete(heard, _)) = Mmdvm::parse(bytes) else {
            return (None, None);
        };
        if let Some((_, burst, _)) = heard.burst() {
            return (self.burst(heard.kind, *burst), None);
        }
        let answer = match heard.name() {
            "GET_VERSION" => {
                // Protocol 2, D-Star and no other mode but DMR, no processor's number.
                let head = [2, 2, 0, 2];
                frame(0, &[&head[..], &[0; 16], b"MMDVM Tieqi"].concat())
            }
            // Nothing transmits, 20 bursts fit each slot's queue.
            "GET_STATUS" => frame(1, &[&[self.mode, 0, 0, 0, 20, 20][..], &[0; 11]].concat()),
            name => {
                if name == "SET_MODE" {
                    self.mode = heard.data.first().copied().unwrap_or(0);
                }
                frame(0x70, &[heard.kind])
            }
        };
        (None, Some(answer))
    }
}

impl AsModem {
    /// What goes on the air; the line tells neither who sends it nor where a transmission begins.
    fn burst(&mut self, kind: u8, burst: [u8; Burst::LEN]) -> Option<Dmrd> {
        let data_type = Burst::parse(&burst).ok()?.slot.data_type;
        let is_block = matches!(data_type.code(), 7 | 8 | 10);
        self.stream += u32::from(!is_block);
        self.sequence = self.sequence.wrapping_add(1);
        Some(Dmrd {
            sequence: self.sequence,
            source: Address::ALL,
            destination: Address::ALL,
            repeater: 0,
            slot: if kind == Mmdvm::DATA[0] {
                Slot::One
            } else {
                Slot::Two
            },
            is_private: true,
            content: Content::Data(data_type.code()),
            stream: self.stream,
            burst,
            quality: None,
        })
    }
}

fn frame(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Mmdvm { kind, data }.emit(&mut bytes);
    bytes
}
