//! Confirmed delivery: a sender and a receiver whose bursts are lost, repeated and mixed with
//! others', in any order of calls and times.

use crate::spent::{tell, within_bytes};
use bolero::{TypeGenerator, check};
use std::collections::BTreeMap;
use tieqi_protocols::dmr::block::Rate;
use tieqi_protocols::dmr::delivery::{Config, Receiver, ReceiverEvent, Sender, SenderEvent};
use tieqi_protocols::dmr::element::Sap;
use tieqi_protocols::dmr::packet::MAX_OCTETS;
use tieqi_protocols::dmr::transmission::Payload;
use tieqi_protocols::dmr::{Address, DataHeader, Transmission};

/// Sequences in the default suite.
const ITERATIONS: usize = 5_000;
/// Both ends, a packet on its way and one remembered, bytes.
const MAX_HELD: usize = 512 * 1024;

/// Something that happens on the slot.
#[derive(Debug, TypeGenerator)]
enum Step {
    /// A packet is to be sent.
    Send {
        octets: Vec<u8>,
        rate: u8,
        sequence: u8,
    },
    /// What the sender transmitted last reaches the receiver; a set bit loses a burst.
    Down { lost: u32 },
    /// What the receiver transmitted last reaches the sender.
    Up { lost: u32 },
    /// A header of somebody's, if it is one.
    Header { bytes: [u8; 12], to_receiver: bool },
    /// A block of somebody's.
    Block {
        octets: Vec<u8>,
        rate: u8,
        to_receiver: bool,
    },
    /// A burst the receiver could not mend.
    Noise,
    /// Time passes.
    Wait(u16),
}

#[test]
fn slot() {
    check!()
        .with_type::<Vec<Step>>()
        .with_iterations(ITERATIONS)
        .for_each(|steps| {
            within_bytes(MAX_HELD, || {
                let mut slot = Slot::new();
                steps.iter().for_each(|step| slot.take(step));
                slot.end();
            });
        });
    tell("slot");
}

/// Two ends. Each packet the sender took is settled once; neither end's deadline lies in the past;
/// no packet goes out more often than its tries and retries allow; what is received is bounded.
struct Slot {
    sender: Sender,
    receiver: Receiver,
    now_ms: u64,
    taken: u64,
    settled: BTreeMap<u64, u32>,
    went_out: u32,
    down: Option<Transmission>,
    up: Option<Transmission>,
}

impl Slot {
    fn new() -> Self {
        let config = Config::default();
        Self {
            sender: Sender::new(config),
            receiver: Receiver::new(config),
            now_ms: 0,
            taken: 0,
            settled: BTreeMap::new(),
            went_out: 0,
            down: None,
            up: None,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Send {
                octets,
                rate,
                sequence,
            } => self.send(octets, rate_of(*rate), *sequence),
            Step::Down { lost } => {
                if let Some(sent) = self.down.clone() {
                    self.reach_receiver(&sent, *lost);
                }
            }
            Step::Up { lost } => {
                if let Some(sent) = self.up.clone() {
                    self.reach_sender(&sent, *lost);
                }
            }
            Step::Header { bytes, to_receiver } => {
                let mut bytes = bytes.to_vec();
                crate::seeds::seal_pdu(&mut bytes, tieqi_protocols::dmr::crc::Mask::DataHeader);
                if let Ok(Some(header)) = DataHeader::parse(&bytes) {
                    match to_receiver {
                        true => self.receiver.handle_header(self.now_ms, &header),
                        false => self.sender.handle_header(self.now_ms, &header),
                    };
                }
            }
            Step::Block {
                octets,
                rate,
                to_receiver: true,
            } => {
                self.receiver
                    .handle_block(self.now_ms, Some((rate_of(*rate), octets)));
            }
            Step::Block { octets, rate, .. } => {
                let _ = self
                    .sender
                    .handle_block(self.now_ms, rate_of(*rate), octets);
            }
            Step::Noise => self.receiver.handle_block(self.now_ms, None),
            Step::Wait(ms) => self.pass(u64::from(*ms)),
        }
        self.poll();
    }

    fn send(&mut self, octets: &[u8], rate: Rate, sequence: u8) {
        let (destination, source) = (Address::new(1001).unwrap(), Address::new(9).unwrap());
        let sequence = Some(sequence % 8);
        let payload = Payload {
            destination,
            source,
            sap: Sap::IP,
            rate,
            sequence,
            octets,
        };
        let packet = payload.transmission().unwrap();
        if self.sender.send(self.now_ms, packet, self.taken).is_ok() {
            (self.taken, self.went_out) = (self.taken + 1, 0);
        }
    }

    fn reach_receiver(&mut self, sent: &Transmission, lost: u32) {
        if lost & 1 == 0 {
            self.receiver.handle_header(self.now_ms, &sent.header);
        }
        for (at, block) in (1..).zip(&sent.blocks) {
            let octets = block.octets();
            let arrives = lost >> (at % 32) & 1 == 0;
            self.receiver
                .handle_block(self.now_ms, arrives.then_some((block.rate, &*octets)));
            self.poll();
        }
    }

    fn reach_sender(&mut self, sent: &Transmission, lost: u32) {
        if lost & 1 == 0 {
            self.sender.handle_header(self.now_ms, &sent.header);
        }
        for (at, block) in (1..).zip(&sent.blocks) {
            if lost >> (at % 32) & 1 == 0 {
                let _ = self
                    .sender
                    .handle_block(self.now_ms, block.rate, &block.octets());
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.sender.handle_timeout(self.now_ms);
        self.receiver.handle_timeout(self.now_ms);
        for next in [self.sender.poll_timeout(), self.receiver.poll_timeout()] {
            assert!(
                next.is_none_or(|at| at > self.now_ms),
                "{next:?} at {}",
                self.now_ms
            );
        }
    }

    fn poll(&mut self) {
        if let Some(sent) = self.sender.poll_transmit() {
            self.went_out += 1;
            let config = Config::default();
            // Each request for blocks may be answered within each try.
            let most = u32::from(config.tries) + u32::from(config.retries);
            assert!(self.went_out <= most, "sent {} times", self.went_out);
            self.down = Some(sent);
        }
        if let Some(sent) = self.receiver.poll_transmit() {
            self.up = Some(sent);
        }
        match self.sender.poll_event() {
            Some(SenderEvent::Delivered { token } | SenderEvent::Failed { token, .. }) => {
                *self.settled.entry(token).or_default() += 1;
            }
            None => {}
        }
        if let Some(ReceiverEvent::Received(received)) = self.receiver.poll_event() {
            assert!(received.octets.len() <= MAX_OCTETS);
            let _ = received.words();
        }
    }

    /// Left alone, both ends come to rest and owe nothing.
    fn end(&mut self) {
        for _ in 0..16 {
            let next = [self.sender.poll_timeout(), self.receiver.poll_timeout()];
            let Some(next) = next.into_iter().flatten().min() else {
                break;
            };
            self.pass(next.saturating_sub(self.now_ms));
            self.poll();
        }
        assert_eq!(
            (self.sender.poll_timeout(), self.receiver.poll_timeout()),
            (None, None)
        );
        assert_eq!(self.settled.len() as u64, self.taken);
        assert!(self.settled.values().all(|times| *times == 1));
    }
}

fn rate_of(code: u8) -> Rate {
    Rate::ALL[usize::from(code) % 3]
}
