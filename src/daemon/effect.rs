//! What an event causes outside, and what is held until its batch is durable.

use super::gateway::{Frame, Heard, RANK_SIGNALLING};
use super::output::{LinkId, Outbox};
use super::session::ConsoleId;
use super::{Daemon, Now, text};
use crate::config::Service;
use crate::engine::assignment::Rung;
use crate::engine::event::Event;
use crate::engine::id::{AssignmentId, IncidentId, MessageNo, RadioId};
use crate::engine::message::{self, Request, Talkgroup};
use crate::engine::queue;
use crate::planted::{Planted, planted};
use bytes::Bytes;
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::text::{Text, shorten};
use tieqi_protocols::tmp::{Body, Tmp};
use tieqi_protocols::work_order::WorkState;

/// Texts go with the lowest grade: offers first.
const TEXT_RANK: u8 = 4;

/// Something that must not leave before its batch is durable.
#[derive(Debug)]
pub(super) enum Held {
    /// An answer.
    Line { console: ConsoleId, line: Bytes },
    /// A snapshot.
    Pages {
        console: ConsoleId,
        seq: u64,
        pages: Vec<Bytes>,
    },
    /// A delta, for everybody who follows.
    Delta { seq: u64, line: Bytes },
    /// A frame for a link; boxed since it is the largest.
    Frame { link: LinkId, frame: Box<Frame> },
}

/// A text to a terminal.
struct Outgoing<'a> {
    radio: RadioId,
    request: Request,
    rank: u8,
    words: &'a str,
    /// What it says of which incident, where the gateway takes work orders.
    order: Option<(IncidentId, WorkState)>,
    arrived_us: Option<u64>,
}

impl Daemon {
    /// Holds something for the newest batch, or lets it go when that is durable already.
    pub(super) fn hold(&mut self, now: Now, held: Held, out: &mut dyn Outbox) {
        let early = planted(Planted::EffectsBeforeSync);
        let held = if early {
            Some(held)
        } else {
            self.batches.hold(held)
        };
        if let Some(held) = held {
            self.let_go(held, out);
            self.pump(now, out);
        }
    }

    pub(super) fn let_go(&mut self, held: Held, out: &mut dyn Outbox) {
        match held {
            Held::Line { console, line } => self.write(console, line, out),
            Held::Pages {
                console,
                seq,
                pages,
            } => {
                if let Some(session) = self.sessions.get_mut(&console) {
                    session.follow(seq, pages);
                }
                self.write_board(console, out);
            }
            Held::Delta { seq, line } => self.show_delta(seq, &line),
            Held::Frame { link, frame } => {
                let mut heard = Vec::new();
                self.gateways.push(link, *frame, &mut heard);
                self.unsent(heard);
            }
        }
    }

    /// Frames that no queue took are told to the engine like any other failure.
    fn unsent(&mut self, heard: Vec<Heard>) {
        for heard in heard {
            if let Heard::NotSent(request) = heard {
                self.send_failed(request);
            }
        }
    }

    /// What an event sends to the terminals.
    pub(super) fn cause(
        &mut self,
        now: Now,
        event: &Event,
        arrived_us: Option<u64>,
        out: &mut dyn Outbox,
    ) {
        match event {
            Event::AssignmentOffered { assignment, .. } => {
                self.send_offer(now, *assignment, arrived_us, out);
            }
            Event::AssignmentRetried { assignment, .. } => {
                self.send_offer(now, *assignment, None, out);
            }
            Event::MessageQueued { message, .. } | Event::MessageRetried { message, .. } => {
                self.send_message(now, *message, out);
            }
            Event::TalkgroupMessaged {
                message,
                talkgroup,
                text,
                ..
            } => self.send_group(now, *message, *talkgroup, text, out),
            Event::EmergencyRaised { radio, .. } => self.locate(now, *radio, out),
            Event::IncidentResolved { incident, .. }
            | Event::IncidentCancelled { incident, .. } => {
                let found = self.engine.state().incidents.get(incident);
                let emergency = found.and_then(|found| found.emergency.as_ref());
                if let Some(radio) = emergency.map(|ended| ended.radio) {
                    self.locate(now, radio, out);
                }
            }
            _ => {}
        }
    }

    /// After a restart: whatever a terminal may not have is sent again as the same attempt.
    pub(super) fn send_again(&mut self, now: Now, out: &mut dyn Outbox) {
        let state = self.engine.state();
        let undelivered = |rung: Rung| matches!(rung, Rung::Offered | Rung::Sent);
        let offers: Vec<_> = state
            .assignments
            .values()
            .filter(|assignment| undelivered(assignment.rung))
            .map(|assignment| assignment.id)
            .collect();
        let messages: Vec<_> = state.messages.keys().copied().collect();
        for assignment in offers {
            self.send_offer(now, assignment, None, out);
        }
        for message in messages {
            self.send_message(now, message, out);
        }
        self.locate_emergencies(now, out);
    }

    fn send_offer(
        &mut self,
        now: Now,
        id: AssignmentId,
        arrived_us: Option<u64>,
        out: &mut dyn Outbox,
    ) {
        let state = self.engine.state();
        let Some(assignment) = state.assignments.get(&id) else {
            return;
        };
        let (Some(radio), true) = (assignment.terminal, assignment.rung.is_unanswered()) else {
            return;
        };
        let Some(incident) = state.incidents.get(&assignment.incident) else {
            return;
        };
        let (rank, ..) = queue::turn(self.engine.policy().age_step_ms, now.at, incident);
        let request = Request {
            message: assignment.message,
            attempt: assignment.attempt,
        };
        let words = text::offer(
            &self.engine,
            &self.config,
            assignment,
            self.config.radio.text_units_max,
        );
        let text = Outgoing {
            radio,
            request,
            rank,
            words: &words,
            order: Some((assignment.incident, WorkState::NEW)),
            arrived_us,
        };
        self.send_text(now, &text, out);
    }

    fn send_message(&mut self, now: Now, no: MessageNo, out: &mut dyn Outbox) {
        let Some(message) = self.engine.state().messages.get(&no) else {
            return;
        };
        let request = Request {
            message: no,
            attempt: message.attempt,
        };
        let radio = message.radio;
        let words = text::message(&message.body, self.config.radio.text_units_max);
        let order = match message.body {
            message::Body::Recalled(incident) => Some((incident, WorkState::DELETE)),
            message::Body::Text(_) | message::Body::Safety(_) => None,
        };
        let text = Outgoing {
            radio,
            request,
            rank: TEXT_RANK,
            words: &words,
            order,
            arrived_us: None,
        };
        self.send_text(now, &text, out);
    }

    /// Goes out once on every gateway and slot that carries texts: where the group's members are,
    /// nobody knows. After a restart it is not sent again.
    fn send_group(
        &mut self,
        now: Now,
        message: MessageNo,
        talkgroup: Talkgroup,
        words: &str,
        out: &mut dyn Outbox,
    ) {
        let request = Request {
            message,
            attempt: 1,
        };
        let words = shorten(words, self.config.radio.text_units_max).to_owned();
        for link in self.gateways.links_of(Service::Tmp) {
            let text = Message::Tmp(Tmp {
                flag: self.config.radio.tmp_flag_bit7,
                request_id: request.to_wire(),
                body: Body::Group {
                    group: RadioIp {
                        subnet: 0,
                        id: talkgroup.0,
                    },
                    source: self.own_address(),
                    text: Text::new(&words),
                },
                option: None,
            });
            let frame = Frame {
                request: Some(request),
                ..self.frame(now, TEXT_RANK, &text)
            };
            let frame = Box::new(frame);
            self.hold(now, Held::Frame { link, frame }, out);
        }
    }

    fn send_text(&mut self, now: Now, text: &Outgoing<'_>, out: &mut dyn Outbox) {
        let (radio, request, words) = (text.radio, text.request, text.words);
        let link = self
            .engine
            .state()
            .gateway_of(radio)
            .and_then(|(gateway, slot)| self.gateways.route(now.at, gateway, Service::Tmp, slot));
        let Some(link) = link else {
            return self.send_failed(request);
        };
        let destination = self.address_of(radio);
        let order = text.order.filter(|_| self.has_work_orders(link));
        let message = match order {
            Some(order) => self.work_order(now, (request, destination), order, words),
            None => Message::Tmp(Tmp {
                flag: self.config.radio.tmp_flag_bit7,
                request_id: request.to_wire(),
                body: Body::Private {
                    destination,
                    source: self.own_address(),
                    text: Text::new(words),
                },
                option: None,
            }),
        };
        let frame = self.frame(now, text.rank, &message);
        let frame = Frame {
            request: Some(request),
            arrived_us: text.arrived_us,
            ..frame
        };
        self.hold(
            now,
            Held::Frame {
                link,
                frame: Box::new(frame),
            },
            out,
        );
    }

    /// A frame nobody waits to hear of.
    fn frame(&self, now: Now, rank: u8, message: &Message<'_>) -> Frame {
        let ttl_ms = u64::from(self.config.link.ttl_s) * 1000;
        Frame {
            rank,
            request: None,
            expires_at: now.at.plus_ms(ttl_ms),
            arrived_us: None,
            decided_us: now.mono_us,
            bytes: message.to_bytes(false),
        }
    }

    /// Sends a message nobody waits to hear of: an answer, a request for positions.
    pub(super) fn signal(
        &mut self,
        now: Now,
        link: LinkId,
        message: &Message<'_>,
        out: &mut dyn Outbox,
    ) {
        self.signal_at(now, (link, RANK_SIGNALLING), message, out);
    }

    pub(super) fn signal_at(
        &mut self,
        now: Now,
        (link, rank): (LinkId, u8),
        message: &Message<'_>,
        out: &mut dyn Outbox,
    ) {
        let frame = Box::new(self.frame(now, rank, message));
        self.hold(now, Held::Frame { link, frame }, out);
    }

    /// A terminal's address on the air.
    pub(super) fn address_of(&self, radio: RadioId) -> RadioIp {
        let known = self.config.terminals.get(&radio);
        let subnet = known.map_or(RadioIp::USUAL_SUBNET, |terminal| terminal.subnet);
        RadioIp {
            subnet,
            id: radio.0,
        }
    }

    /// Our own address on the air.
    pub(super) fn own_address(&self) -> RadioIp {
        let [subnet, high, middle, low] = self.config.radio.dispatcher.octets();
        let id = u32::from_be_bytes([0, high, middle, low]);
        RadioIp { subnet, id }
    }
}
