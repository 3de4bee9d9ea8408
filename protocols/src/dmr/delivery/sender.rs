//! The sending end: one packet at a time, until a response settles it.

use super::Config;
use crate::dmr::block::Rate;
use crate::dmr::element::{NackReason, Verdict};
use crate::dmr::header::{DataHeader, Kind};
use crate::dmr::packet::{Assembly, BlockMap};
use crate::dmr::transmission::{Transmission, sequence_of};
use crate::error::DecodeError;

/// Sends packets and waits for their responses.
#[derive(Debug, Clone)]
pub struct Sender {
    config: Config,
    pending: Option<Pending>,
    transmit: Option<Transmission>,
    event: Option<SenderEvent>,
}

/// The packet that is not settled yet.
#[derive(Debug, Clone)]
struct Pending {
    token: u64,
    packet: Transmission,
    deadline_ms: u64,
    tries: u8,
    retries: u8,
    /// A request for blocks whose map has not come yet.
    retry: Option<Assembly>,
}

/// How a packet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderEvent {
    /// The terminal has all of it.
    Delivered {
        /// As given to `send`.
        token: u64,
    },
    /// It is given up. The terminal may have it nevertheless, if its responses were lost.
    Failed {
        /// As given to `send`.
        token: u64,
        /// Why.
        reason: SendFault,
    },
}

/// Why a packet was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendFault {
    /// No response to any of the tries.
    NoResponse,
    /// The terminal refused it.
    Refused(NackReason),
    /// It asked for blocks again too often.
    TooManyRetries,
}

/// Why `send` did not take a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Busy {
    /// Another packet is not settled, or its event not polled.
    #[error("another packet is not settled yet")]
    Pending,
    /// Nobody answers a packet like that: it is a group's, or not a confirmed one.
    #[error("not a packet that is acknowledged")]
    Unconfirmed,
}

impl Sender {
    /// A sender with nothing to send.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (pending, transmit, event) = (None, None, None);
        Self {
            config,
            pending,
            transmit,
            event,
        }
    }

    /// Takes a packet; it is transmitted at the next poll.
    ///
    /// # Errors
    /// Another one is on its way, or nobody would answer it.
    pub fn send(&mut self, now_ms: u64, packet: Transmission, token: u64) -> Result<(), Busy> {
        if self.pending.is_some() || self.event.is_some() {
            return Err(Busy::Pending);
        }
        if packet.header.is_group || !packet.header.is_confirmed() {
            return Err(Busy::Unconfirmed);
        }
        self.pending = Some(Pending {
            token,
            packet,
            deadline_ms: now_ms,
            tries: 0,
            retries: 0,
            retry: None,
        });
        self.send_whole(now_ms, SendFault::NoResponse);
        Ok(())
    }

    /// A header came. Of another packet, or no response, it is passed over; whether it was ours.
    pub fn handle_header(&mut self, now_ms: u64, header: &DataHeader) -> bool {
        let Some(pending) = &mut self.pending else {
            return false;
        };
        let Kind::Response { verdict, .. } = header.kind else {
            return false;
        };
        let sent = &pending.packet.header;
        let is_ours = header.source == sent.destination
            && header.destination == sent.source
            && sequence_of(header) == sequence_of(sent);
        if !is_ours {
            return false;
        }
        match verdict {
            Verdict::Ack => self.settle(None),
            Verdict::Nack(NackReason::PACKET_CRC) => {
                self.send_whole(now_ms, SendFault::Refused(NackReason::PACKET_CRC));
            }
            Verdict::Nack(reason) => self.settle(Some(SendFault::Refused(reason))),
            Verdict::Retry => pending.retry = Assembly::begin(*header),
            // It did answer; the deadline decides.
            Verdict::Unknown { .. } => {}
        }
        true
    }

    /// A block came; it counts only after a request for blocks.
    ///
    /// # Errors
    /// The map of blocks cannot be read. The deadline then sends all of them again.
    pub fn handle_block(
        &mut self,
        now_ms: u64,
        rate: Rate,
        octets: &[u8],
    ) -> Result<(), DecodeError> {
        let Some(pending) = &mut self.pending else {
            return Ok(());
        };
        let Some(retry) = &mut pending.retry else {
            return Ok(());
        };
        retry.take(rate, octets)?;
        if retry.missing().count() > 0 {
            return Ok(());
        }
        let map = retry.finish();
        pending.retry = None;
        self.send_some(now_ms, BlockMap::from_octets(&map?));
        Ok(())
    }

    /// The time [`poll_timeout`](Self::poll_timeout) told of may have come.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self
            .poll_timeout()
            .is_some_and(|deadline_ms| now_ms >= deadline_ms)
        {
            self.send_whole(now_ms, SendFault::NoResponse);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.pending.as_ref().map(|pending| pending.deadline_ms)
    }

    /// What is to go out now.
    pub fn poll_transmit(&mut self) -> Option<Transmission> {
        self.transmit.take()
    }

    /// How the packet ended.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.event.take()
    }

    /// All of it once more, unless it went out often enough; then that is why it failed.
    fn send_whole(&mut self, now_ms: u64, reason: SendFault) {
        let config = self.config;
        match &mut self.pending {
            None => {}
            Some(pending) if pending.tries >= config.tries => self.settle(Some(reason)),
            Some(pending) => {
                pending.tries += 1;
                pending.retry = None;
                let lasts_ms = pending.packet.lasts_ms();
                pending.deadline_ms = config.deadline_ms(now_ms, lasts_ms);
                self.transmit = Some(pending.packet.clone());
            }
        }
    }

    /// Only the blocks asked for.
    fn send_some(&mut self, now_ms: u64, asked: BlockMap) {
        let config = self.config;
        let Some(pending) = &mut self.pending else {
            return;
        };
        let again = pending.packet.again(asked);
        if again.blocks.is_empty() {
            return;
        }
        if pending.retries >= config.retries {
            return self.settle(Some(SendFault::TooManyRetries));
        }
        pending.retries += 1;
        pending.deadline_ms = config.deadline_ms(now_ms, again.lasts_ms());
        self.transmit = Some(again);
    }

    fn settle(&mut self, fault: Option<SendFault>) {
        self.transmit = None;
        if let Some(Pending { token, .. }) = self.pending.take() {
            self.event = Some(match fault {
                None => SenderEvent::Delivered { token },
                Some(reason) => SenderEvent::Failed { token, reason },
            });
        }
    }
}
