//! One slot of one repeater: packets go out as bursts, one each 60 ms and one transmission at a
//! time, and bursts that come in become texts, states, positions and emergencies.
//!
//! ```text
//! send ─▶ waiting ─▶ on the air ─▶ response: Delivered, or the blocks it asks for, or Failed
//!                     ▲  nothing goes out while somebody speaks, nor before an answer is due
//! bursts ─▶ header, blocks ─▶ Text, Status, Position ─ answer ─▶ goes before all that waits
//! ```
//! The answer to a packet is handed to the owner, who sends it back once what the packet says is
//! kept: an acknowledgement is a promise. Voice is not followed, but for the emergency bit of its
//! header (TS 102 361-1, 9.3.31: options, bit 7). A doubled datagram is known by its stream and
//! number; one out of order costs a block, which is asked for again where the packet is confirmed.

use super::air_event::{AirEvent, AirRefusal};
use crate::dmr::block::Rate;
use crate::dmr::csbk::Body;
use crate::dmr::delivery::{Config, Receiver, ReceiverEvent, Sender, SenderEvent};
use crate::dmr::element::Verdict;
use crate::dmr::header::{Kind, UdtHeader};
use crate::dmr::packet::BlockMap;
use crate::dmr::slot_type::DataType;
use crate::dmr::sync::SyncWord;
use crate::dmr::transmission::BURST_MS;
use crate::dmr::udt;
use crate::dmr::{Address, Burst, DataHeader, Pdu, Transmission};
use crate::error::DecodeError;
use crate::homebrew::{Content, Dmrd, Slot};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

/// Most transmissions that wait for the slot.
pub(super) const MAX_WAITING: usize = 16;
/// Most answers that wait for it, and most events to be polled; the oldest is dropped.
const MAX_QUEUED: usize = 32;
/// A slot is taken for free when nothing came for so long.
const HANG_MS: u64 = 3 * BURST_MS;
/// How long after a repetition a second answer may still come. The answer to short data says not
/// which, so the next packet waits for it to be over.
const LATE_MS: u64 = 1_000;
/// Datagrams remembered, to know a doubled one.
const SEEN: usize = 16;

/// Of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AirConfig {
    /// Of the repeater.
    pub repeater: u32,
    /// Which slot of it.
    pub slot: Slot,
    /// Whom we answer for. Packets from one radio to another are not ours to read.
    pub ours: BTreeSet<Address>,
    /// Of the bursts that go out; repeaters put their own.
    pub colour_code: u8,
    /// Whose bursts they are.
    pub sync: SyncWord,
    /// Preambles before each transmission, so that sleeping radios listen.
    pub preambles: u8,
    /// Times and tries of confirmed packets.
    pub delivery: Config,
    /// The first stream id; each transmission takes the next.
    pub stream: u32,
}

/// One slot; see the module.
#[derive(Debug)]
pub struct Air {
    config: AirConfig,
    sender: Sender,
    receiver: Receiver,
    waiting: VecDeque<(u64, Transmission)>,
    answers: VecDeque<Transmission>,
    /// Blocks or a whole packet the sender wants out once more.
    again: Option<Transmission>,
    /// The packet was sent more than once, in whole or in part.
    is_repeated: bool,
    /// No new packet before.
    quiet_until_ms: u64,
    going: Going,
    unified: Option<Unified>,
    /// Whose blocks come now.
    blocks_for: BlocksFor,
    /// The stream of their header. A block of another one lost its header, and may be of a packet
    /// that looks the same.
    blocks_stream: u32,
    /// The slot is somebody else's until then.
    busy_until_ms: u64,
    stream: u32,
    seen: VecDeque<(u32, u8)>,
    calling: Option<u32>,
    /// Whose last text the owner has not answered: it is not acknowledged though it comes again.
    unkept: Option<Address>,
    /// The status told last, and until when it may come again because its answer was lost.
    status: Option<(Address, u16, u64)>,
    transmits: VecDeque<Dmrd>,
    events: VecDeque<AirEvent>,
}

/// The transmission on the air.
#[derive(Debug, Default)]
struct Going {
    bursts: VecDeque<Dmrd>,
    next_ms: u64,
}

/// Unified data that is not all there.
#[derive(Debug)]
struct Unified {
    header: DataHeader,
    udt: UdtHeader,
    octets: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlocksFor {
    Nobody,
    Sender,
    Receiver,
    Unified,
}

impl Air {
    /// A slot on which nothing happened.
    #[must_use]
    pub fn new(config: AirConfig) -> Self {
        // A response may be due only when the preambles are through, too.
        let preambles_ms = BURST_MS * u64::from(config.preambles);
        let delivery = Config {
            response_ms: config.delivery.response_ms.saturating_add(preambles_ms),
            ..config.delivery
        };
        Self {
            sender: Sender::new(delivery),
            receiver: Receiver::new(delivery),
            waiting: VecDeque::new(),
            answers: VecDeque::new(),
            again: None,
            is_repeated: false,
            quiet_until_ms: 0,
            going: Going::default(),
            unified: None,
            blocks_for: BlocksFor::Nobody,
            blocks_stream: 0,
            busy_until_ms: 0,
            stream: config.stream,
            seen: VecDeque::new(),
            calling: None,
            unkept: None,
            status: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// Takes a burst of this slot.
    pub fn handle_burst(&mut self, now_ms: u64, dmrd: &Dmrd) {
        let name = (dmrd.stream, dmrd.sequence);
        if self.seen.contains(&name) {
            return;
        }
        if self.seen.len() >= SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(name);
        self.busy_until_ms = now_ms.saturating_add(HANG_MS);
        if !matches!(dmrd.content, Content::Data(_)) {
            return;
        }
        if dmrd.stream != self.blocks_stream {
            self.blocks_for = BlocksFor::Nobody;
        }
        let read = Burst::parse(&dmrd.burst);
        let read = read.and_then(|burst| Ok((burst.slot.data_type, burst.octets()?)));
        let taken = match read {
            Ok((data_type, octets)) => match Rate::of(data_type) {
                Some(rate) => self.take_block(now_ms, rate, &octets),
                None => self.take_pdu(now_ms, dmrd.stream, data_type, &octets),
            },
            Err(error) => {
                if self.blocks_for == BlocksFor::Receiver {
                    self.receiver.handle_block(now_ms, None);
                }
                Err(error)
            }
        };
        if let Err(error) = taken {
            self.tell(AirEvent::Refused(AirRefusal::Burst(error)));
        }
        self.settle(now_ms);
    }

    /// Lines up a packet; it goes out when the slot is free.
    ///
    /// # Errors
    /// Gives it back when too many wait.
    pub fn send(
        &mut self,
        now_ms: u64,
        token: u64,
        packet: Transmission,
    ) -> Result<(), Transmission> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(packet);
        }
        self.waiting.push_back((token, packet));
        self.handle_timeout(now_ms);
        Ok(())
    }

    /// Sends an answer before all that waits.
    pub fn answer(&mut self, now_ms: u64, answer: Transmission) {
        self.unkept
            .take_if(|from| *from == answer.header.destination);
        self.queue_answer(Some(answer));
        self.handle_timeout(now_ms);
    }

    /// Does what is due: the next burst, or the next transmission. A burst that is late does not
    /// hasten the ones after it.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.receiver.poll_timeout().is_some_and(|at| at <= now_ms) {
            self.receiver.handle_timeout(now_ms);
            self.settle(now_ms);
        }
        if self.going.bursts.is_empty() && self.is_free(now_ms) {
            self.begin(now_ms);
        }
        if now_ms >= self.going.next_ms
            && let Some(burst) = self.going.bursts.pop_front()
        {
            self.transmits.push_back(burst);
            self.going.next_ms = now_ms.saturating_add(BURST_MS);
        }
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let free_ms = self.busy_until_ms.max(self.going.next_ms);
        let going = (!self.going.bursts.is_empty()).then_some(self.going.next_ms);
        let asks = self.sender.poll_timeout();
        let has_next = asks.is_none() && !self.waiting.is_empty();
        let next = has_next.then_some(free_ms.max(self.quiet_until_ms));
        let can_begin = !self.answers.is_empty() || self.again.is_some();
        let begins = can_begin.then_some(free_ms);
        let overdue = asks.map(|at| at.max(free_ms));
        let times = [going, begins, next, overdue, self.receiver.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// The next burst to send.
    pub fn poll_transmit(&mut self) -> Option<Dmrd> {
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<AirEvent> {
        self.events.pop_front()
    }

    /// Packets that wait for the slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn is_free(&self, now_ms: u64) -> bool {
        now_ms >= self.busy_until_ms && now_ms >= self.going.next_ms
    }

    /// Begins the next transmission, if there is one: an answer, a packet again, a new one.
    fn begin(&mut self, now_ms: u64) {
        if let Some(answer) = self.answers.pop_front() {
            return self.put_on_air(now_ms, &answer, 0);
        }
        if self.again.is_none() {
            self.sender.handle_timeout(now_ms);
            self.settle(now_ms);
        }
        let preambles = self.config.preambles;
        if let Some(again) = self.again.take() {
            self.is_repeated = true;
            return self.put_on_air(now_ms, &again, preambles);
        }
        if self.sender.poll_timeout().is_some() || now_ms < self.quiet_until_ms {
            return;
        }
        let Some((token, packet)) = self.waiting.pop_front() else {
            return;
        };
        // One that nobody answers only goes out.
        let sent = self.sender.send(now_ms, packet.clone(), token);
        let packet = match sent {
            Ok(()) => self.sender.poll_transmit().unwrap_or(packet),
            Err(_) => packet,
        };
        self.tell(AirEvent::Sent { token });
        self.put_on_air(now_ms, &packet, preambles);
    }

    fn put_on_air(&mut self, now_ms: u64, packet: &Transmission, preambles: u8) {
        self.stream = self.stream.wrapping_add(1);
        let config = &self.config;
        let head = Dmrd {
            sequence: 0,
            source: packet.header.source,
            destination: packet.header.destination,
            repeater: config.repeater,
            slot: config.slot,
            is_private: !packet.header.is_group,
            content: Content::Data(0),
            stream: self.stream,
            burst: [0; Burst::LEN],
            quality: Some((0, 0)),
        };
        let bursts = packet.bursts(config.sync, config.colour_code, preambles);
        let bursts = bursts.zip((0..=u8::MAX).cycle());
        self.going.bursts = bursts
            .map(|(burst, sequence)| Dmrd {
                sequence,
                content: Content::Data(burst.slot.data_type.code()),
                burst: burst.to_bytes(),
                ..head
            })
            .collect();
        self.going.next_ms = now_ms;
    }

    fn take_block(&mut self, now_ms: u64, rate: Rate, octets: &[u8]) -> Result<(), DecodeError> {
        match self.blocks_for {
            BlocksFor::Nobody => Ok(()),
            BlocksFor::Sender => self.sender.handle_block(now_ms, rate, octets),
            BlocksFor::Receiver => {
                self.receiver.handle_block(now_ms, Some((rate, octets)));
                Ok(())
            }
            BlocksFor::Unified => self.take_unified(octets),
        }
    }

    fn take_unified(&mut self, octets: &[u8]) -> Result<(), DecodeError> {
        let Some(unified) = &mut self.unified else {
            return Ok(());
        };
        unified.octets.extend_from_slice(octets);
        if unified.octets.len() < usize::from(unified.udt.blocks) * octets.len() {
            return Ok(());
        }
        self.blocks_for = BlocksFor::Nobody;
        let Some(Unified {
            header,
            udt,
            octets,
        }) = self.unified.take()
        else {
            return Ok(());
        };
        let content = udt::Content::parse(&udt, &octets)?;
        self.tell(AirEvent::Data {
            from: header.source,
            content,
            is_emergency: udt.is_emergency,
        });
        Ok(())
    }

    fn take_pdu(
        &mut self,
        now_ms: u64,
        stream: u32,
        data_type: DataType,
        octets: &[u8],
    ) -> Result<(), DecodeError> {
        /// Of service options: an emergency.
        const EMERGENCY: u8 = 0x80;
        match Pdu::parse(data_type, octets)? {
            Some(Pdu::Header(header)) => {
                self.blocks_stream = stream;
                self.take_header(now_ms, &header);
            }
            Some(Pdu::Csbk(csbk)) => match csbk.body {
                Body::UnitRequest {
                    options, source, ..
                } => {
                    self.hear(source);
                    self.call(stream, source, options & EMERGENCY != 0);
                }
                Body::Preamble { source, .. } | Body::Activate { source, .. } => self.hear(source),
                _ => {}
            },
            Some(Pdu::Lc(_, lc)) if lc.feature_set == 0 && !lc.protect => {
                self.hear(lc.source);
                self.call(stream, lc.source, lc.options & EMERGENCY != 0);
            }
            _ => {}
        }
        Ok(())
    }

    fn take_header(&mut self, now_ms: u64, header: &DataHeader) {
        self.hear(header.source);
        let is_ours = header.is_group || self.config.ours.contains(&header.destination);
        self.blocks_for = match header.kind {
            // Nobody can answer what is still going out: it is a late answer to the packet before,
            // and of short data nothing else tells the two apart.
            Kind::Response { .. } if !self.going.bursts.is_empty() => BlocksFor::Nobody,
            Kind::Response { verdict, .. } => {
                let is_known = self.sender.handle_header(now_ms, header);
                if !is_known && is_ours && verdict == Verdict::Ack {
                    self.tell(AirEvent::Answered {
                        radio: header.destination,
                    });
                }
                BlocksFor::Sender
            }
            Kind::Udt(udt) => {
                if udt.is_emergency {
                    self.tell(AirEvent::Emergency {
                        from: header.source,
                    });
                }
                let (header, octets) = (*header, Vec::new());
                self.unified = Some(Unified {
                    header,
                    udt,
                    octets,
                });
                BlocksFor::Unified
            }
            _ if !is_ours => BlocksFor::Nobody,
            Kind::Status { status, .. } => {
                self.take_status(now_ms, header, status);
                BlocksFor::Nobody
            }
            _ => match self.receiver.handle_header(now_ms, header) {
                true => BlocksFor::Receiver,
                false => BlocksFor::Nobody,
            },
        };
    }

    /// A status that comes again because its answer was lost is answered, and not told again.
    fn take_status(&mut self, now_ms: u64, header: &DataHeader, status: u16) {
        let wants = header.wants_response && !header.is_group;
        let ack = || Transmission::response(header, Verdict::Ack, BlockMap::default());
        let answer = wants.then(ack);
        let until_ms = now_ms.saturating_add(self.config.delivery.response_ms * 2);
        let known = self.status.replace((header.source, status, until_ms));
        let is_again = known.is_some_and(|(from, number, until_ms)| {
            (from, number) == (header.source, status) && now_ms < until_ms
        });
        if wants && is_again {
            return self.queue_answer(answer);
        }
        self.tell(AirEvent::Status {
            from: header.source,
            to: header.destination,
            status,
            answer,
        });
    }

    /// An emergency call is told once, though its header comes several times.
    fn call(&mut self, stream: u32, from: Address, is_emergency: bool) {
        if is_emergency && self.calling.replace(stream) != Some(stream) {
            self.tell(AirEvent::Emergency { from });
        }
    }

    fn hear(&mut self, radio: Address) {
        self.tell(AirEvent::Heard { radio });
    }

    /// Makes events of what sender and receiver made of a burst or of the time.
    fn settle(&mut self, now_ms: u64) {
        self.again = self.sender.poll_transmit().or(self.again.take());
        match self.sender.poll_event() {
            Some(SenderEvent::Delivered { token }) => {
                self.end_packet(now_ms);
                self.tell(AirEvent::Delivered { token });
            }
            Some(SenderEvent::Failed { token, reason }) => {
                self.end_packet(now_ms);
                self.tell(AirEvent::Failed { token, reason });
            }
            None => {}
        }
        let answer = self.receiver.poll_transmit();
        match self.receiver.poll_event() {
            Some(ReceiverEvent::Received(received)) => match received.words() {
                Some(words) => {
                    let header = received.header;
                    self.unkept = answer.as_ref().map(|_| header.source);
                    self.tell(AirEvent::Text {
                        from: header.source,
                        to: header.destination,
                        is_group: header.is_group,
                        words,
                        answer,
                    });
                }
                None => self.tell(AirEvent::Refused(AirRefusal::NoText)),
            },
            Some(ReceiverEvent::Refused { reason, .. }) => {
                self.queue_answer(answer);
                self.tell(AirEvent::Refused(AirRefusal::Packet(reason)));
            }
            // Asks for blocks, or acknowledges once more what was handed on before.
            None => self.queue_answer(answer.filter(|answer| !self.is_promise(answer))),
        }
    }

    /// Whether it acknowledges what the owner has not.
    fn is_promise(&self, answer: &Transmission) -> bool {
        let Kind::Response { verdict, .. } = answer.header.kind else {
            return false;
        };
        verdict == Verdict::Ack && self.unkept == Some(answer.header.destination)
    }

    fn end_packet(&mut self, now_ms: u64) {
        self.again = None;
        if core::mem::take(&mut self.is_repeated) {
            let left_ms = BURST_MS * self.going.bursts.len() as u64;
            let over_ms = self.going.next_ms.max(now_ms).saturating_add(left_ms);
            self.quiet_until_ms = over_ms.saturating_add(LATE_MS);
        }
    }

    fn queue_answer(&mut self, answer: Option<Transmission>) {
        if self.answers.len() >= MAX_QUEUED {
            self.answers.pop_front();
        }
        self.answers.extend(answer);
    }

    fn tell(&mut self, event: AirEvent) {
        if self.events.len() >= MAX_QUEUED {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
