//! The receiving end: collects one packet at a time and answers for it. It answers for whoever the
//! packet was for; a gateway that listens to others' packets polls no transmissions.

use super::Config;
use crate::dmr::Address;
use crate::dmr::block::Rate;
use crate::dmr::element::{NackReason, Verdict};
use crate::dmr::header::{DataHeader, Kind};
use crate::dmr::packet::{Assembly, BlockMap};
use crate::dmr::transmission::{Transmission, sequence_of, words};
use crate::error::DecodeError;
use alloc::string::String;
use alloc::vec::Vec;

/// Receives packets.
#[derive(Debug, Clone)]
pub struct Receiver {
    config: Config,
    collecting: Option<Collecting>,
    /// The confirmed packet delivered last, to acknowledge again but not deliver again, and until
    /// when it may come again.
    last: Option<(Delivered, u64)>,
    transmit: Option<Transmission>,
    event: Option<ReceiverEvent>,
}

/// A packet that is not all there.
#[derive(Debug, Clone)]
struct Collecting {
    assembly: Assembly,
    /// Blocks of this transmission still to come.
    to_come: u8,
    deadline_ms: u64,
    retries: u8,
}

/// What a packet that is sent again has in common with the first try; a new one may look like it in
/// all but its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Delivered {
    source: Address,
    destination: Address,
    sequence: u8,
    octets: Vec<u8>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverEvent {
    /// A packet, whole and checked.
    Received(Received),
    /// A packet is given up.
    Refused {
        /// Its header.
        header: DataHeader,
        /// Why.
        reason: Refusal,
    },
}

/// A packet, whole and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its header.
    pub header: DataHeader,
    /// Its octets without padding and checksum.
    pub octets: Vec<u8>,
}

/// Why a packet is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Its blocks do not make a packet.
    Packet(DecodeError),
    /// Blocks are missing, and were not sent again.
    Missing,
    /// Another header came before its last block.
    Overtaken,
}

impl Received {
    /// Its words, if it is a text.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        words(&self.header, &self.octets)
    }
}

impl Receiver {
    /// A receiver that has heard nothing.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            collecting: None,
            last: None,
            transmit: None,
            event: None,
        }
    }

    /// A header came. Responses, states and unified data are not collected; whether it was taken.
    pub fn handle_header(&mut self, now_ms: u64, header: &DataHeader) -> bool {
        if matches!(header.kind, Kind::Response { .. }) {
            return false;
        }
        let deadline_ms = now_ms.saturating_add(self.config.gap_ms);
        let same = self.collecting.as_mut();
        let same = same.filter(|known| is_same(known.assembly.header(), header));
        let is_same = same.is_some();
        if let Some(collecting) = same
            && !is_first_try(header)
        {
            collecting.to_come = header.blocks();
            collecting.deadline_ms = deadline_ms;
            return true;
        }
        let Some(assembly) = Assembly::begin(*header) else {
            return false;
        };
        if !is_same {
            self.refuse(Refusal::Overtaken);
        }
        self.collecting = Some(Collecting {
            assembly,
            to_come: header.blocks(),
            deadline_ms,
            retries: 0,
        });
        true
    }

    /// A block came, or a burst of one that could not be mended: none.
    pub fn handle_block(&mut self, now_ms: u64, block: Option<(Rate, &[u8])>) {
        let Some(collecting) = &mut self.collecting else {
            return;
        };
        if collecting.to_come == 0 {
            // The header of what was asked for was lost, its blocks come nevertheless.
            let missing = collecting.assembly.missing().count();
            collecting.to_come = u8::try_from(missing).unwrap_or(u8::MAX);
        }
        let taken = block.map(|(rate, octets)| collecting.assembly.take(rate, octets));
        if !matches!(taken, Some(Ok(()))) {
            collecting.assembly.skip();
        }
        collecting.deadline_ms = now_ms.saturating_add(self.config.gap_ms);
        collecting.to_come = collecting.to_come.saturating_sub(1);
        if collecting.to_come == 0 {
            self.settle(now_ms);
        }
    }

    /// The time [`poll_timeout`](Self::poll_timeout) told of may have come.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        let due_ms = self.poll_timeout();
        if due_ms.is_none_or(|due_ms| now_ms < due_ms) {
            return;
        }
        match &self.collecting {
            // The blocks that were asked for did not even begin to come.
            Some(collecting) if collecting.to_come == 0 => self.refuse(Refusal::Missing),
            _ => self.settle(now_ms),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.collecting
            .as_ref()
            .map(|collecting| collecting.deadline_ms)
    }

    /// A response that is to go out now.
    pub fn poll_transmit(&mut self) -> Option<Transmission> {
        self.transmit.take()
    }

    /// What happened. Each call makes one event at most; one that is not polled before the next is
    /// gone.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.event.take()
    }

    /// The transmission is over: deliver, or ask for what is missing, or give up.
    fn settle(&mut self, now_ms: u64) {
        let config = self.config;
        let Some(collecting) = &mut self.collecting else {
            return;
        };
        let header = *collecting.assembly.header();
        let answers = header.is_confirmed() && !header.is_group;
        let missing = collecting.assembly.missing();
        if missing.count() > 0 {
            if !answers || collecting.retries >= config.retries {
                return self.refuse(Refusal::Missing);
            }
            collecting.retries += 1;
            collecting.to_come = 0;
            let response = Transmission::response(&header, Verdict::Retry, missing);
            collecting.deadline_ms = config.deadline_ms(now_ms, response.lasts_ms());
            self.transmit = Some(response);
            return;
        }
        match collecting.assembly.finish() {
            Ok(octets) => {
                self.collecting = None;
                self.deliver(now_ms, header, octets, answers);
            }
            Err(error) => {
                self.refuse(Refusal::Packet(error));
                if answers {
                    self.respond(&header, Verdict::Nack(NackReason::PACKET_CRC));
                }
            }
        }
    }

    fn deliver(&mut self, now_ms: u64, header: DataHeader, octets: Vec<u8>, answers: bool) {
        if answers {
            self.respond(&header, Verdict::Ack);
            let this = Delivered {
                source: header.source,
                destination: header.destination,
                sequence: sequence_of(&header),
                octets: octets.clone(),
            };
            let again = |(last, until_ms): (Delivered, u64)| last == this && now_ms < until_ms;
            let is_repeated = self.last.take().is_some_and(again);
            let until_ms = now_ms.saturating_add(self.config.remember_ms(&header));
            self.last = Some((this, until_ms));
            if is_repeated {
                return;
            }
        }
        self.event = Some(ReceiverEvent::Received(Received { header, octets }));
    }

    fn respond(&mut self, to: &DataHeader, verdict: Verdict) {
        let response = Transmission::response(to, verdict, BlockMap::default());
        self.transmit = Some(response);
    }

    /// Gives up what is being collected, if anything.
    fn refuse(&mut self, reason: Refusal) {
        if let Some(Collecting { assembly, .. }) = self.collecting.take() {
            let header = *assembly.header();
            self.event = Some(ReceiverEvent::Refused { header, reason });
        }
    }
}

impl Config {
    /// How long a packet is remembered: as long as its sender may repeat it.
    fn remember_ms(&self, header: &DataHeader) -> u64 {
        let lasts_ms = crate::dmr::transmission::BURST_MS * (1 + u64::from(header.blocks()));
        let each_ms = self.response_ms.saturating_add(lasts_ms);
        let repeats = u64::from(self.tries) + u64::from(self.retries);
        each_ms.saturating_mul(repeats)
    }
}

/// Whether all blocks of a packet follow, not only some.
fn is_first_try(header: &DataHeader) -> bool {
    match header.kind {
        Kind::Confirmed { packet, .. } => packet.is_first_try,
        Kind::Defined { data, .. } | Kind::Raw { data, .. } => data.is_first_try,
        _ => true,
    }
}

/// Whether a header is of the confirmed packet that is being received.
fn is_same(known: &DataHeader, header: &DataHeader) -> bool {
    let named = |header: &DataHeader| {
        let names = (header.source, header.destination, sequence_of(header));
        (names, header.kind.format(), header.is_confirmed())
    };
    known.is_confirmed() && named(known) == named(header)
}
