//! A vendor's gateway behind HTTP: the worked example of docs/porting-a-gateway.md, whose words are
//! ours. No vendor's own interface is public, so nothing here is known to fit one.
//!
//! ```text
//! texts   one ask at a time -> taken | refused | anything else: said again, then given up
//! events  a long poll      -> what terminals did; the next poll says up to where it was taken
//! ```
//! Sockets are the owner's: it puts each [`Ask`] to the gateway and gives back exactly one
//! [`Answer`], silence included, so nothing is awaited here that does not end.
//!
//! `Sent` says that the gateway took a text; the terminal's receipt comes as an event. The link is
//! up while polls are answered, and down after [`HttpConfig::tries`] in a row that were not, or the
//! first that refuses our token. A text of a terminal is asked for again until the owner has
//! acknowledged it: what was not kept is not confirmed.

use super::event::{Busy, DownReason, Events, LinkEvent, SendFault};
use super::heard::Heard;
use super::homebrew::LoginFault;
use super::http_words::{Event, Inbox, Poll, Said, Trouble, say};
use super::timer::{Timer, Timers};
use super::{LinkCounts, Refusal};
use alloc::collections::{BTreeMap, VecDeque};
use bytes::Bytes;

/// Texts of terminals that may wait for their acks; then no further event is taken.
const MAX_OWED: usize = 16;
/// Service messages one event may become: a registration goes before.
const MESSAGES: usize = 2;
/// From an answer to the next poll, which confirms it, milliseconds: the owner makes it durable
/// meanwhile, and a gateway that answers at once is not asked without rest.
const PAUSE_MS: u64 = 100;

/// Timers of a link.
#[derive(Debug, Clone, Copy)]
pub struct HttpConfig {
    /// Times a text, or a poll, is put before it counts as failed.
    pub tries: u32,
    /// Before one that failed is put again, milliseconds.
    pub retry_ms: u64,
    /// The gateway may hold a poll back so long while it has no news, seconds.
    pub wait_s: u32,
}

/// Where an ask goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// A text out: `POST …/messages`.
    Messages,
    /// News in: `POST …/events`, which the gateway may hold back.
    Events,
}

/// A request to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Where it goes; at most one is unanswered each way.
    pub way: Way,
    /// JSON.
    pub body: Bytes,
}

/// What came of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The ask's.
    pub way: Way,
    /// Status and body; none if nothing came in time, or nothing that is HTTP.
    pub reply: Option<(u16, Bytes)>,
}

/// One gateway's link; see the module.
#[derive(Debug)]
pub struct HttpLink {
    config: HttpConfig,
    is_up: bool,
    is_closed: bool,
    flight: Option<Flight>,
    /// An ask is out each way. One may outlive its text.
    asked_text: bool,
    asked_news: bool,
    failed_polls: u32,
    /// The owner knows that our token is refused.
    is_told: bool,
    /// The gateway's count of events, and up to where they were taken.
    session: Option<u64>,
    taken: u32,
    /// Texts of terminals by number: whom the owner's ack goes to, once it comes.
    owed: BTreeMap<u32, u32>,
    heard: Heard,
    timers: Timers,
    asks: VecDeque<Ask>,
    events: Events,
    counts: LinkCounts,
}

/// The text that has no verdict yet.
#[derive(Debug)]
struct Flight {
    token: u64,
    body: Bytes,
    tries: u32,
}

impl HttpLink {
    /// A link that is down; its first poll waits to be put.
    #[must_use]
    pub fn new(config: HttpConfig) -> Self {
        let mut link = Self {
            config: HttpConfig {
                tries: config.tries.max(1),
                retry_ms: config.retry_ms.max(1),
                ..config
            },
            is_up: false,
            is_closed: false,
            flight: None,
            asked_text: false,
            asked_news: false,
            failed_polls: 0,
            is_told: false,
            session: None,
            taken: 0,
            owed: BTreeMap::new(),
            heard: Heard::default(),
            timers: Timers::default(),
            asks: VecDeque::new(),
            events: Events::default(),
            counts: LinkCounts::default(),
        };
        link.poll();
        link
    }

    /// Takes what came of an ask.
    pub fn handle_answer(&mut self, now_ms: u64, answer: &Answer) {
        let asked = match answer.way {
            Way::Messages => &mut self.asked_text,
            Way::Events => &mut self.asked_news,
        };
        if !core::mem::take(asked) || self.is_closed {
            self.counts.stale += 1;
            return;
        }
        self.counts.received += 1;
        let reply = answer.reply.as_ref();
        let reply = reply.ok_or(Trouble::Silence);
        let body = reply.and_then(|(status, body)| Trouble::of(*status).map_or(Ok(body), Err));
        match answer.way {
            Way::Messages => self.on_text(now_ms, body.err()),
            Way::Events => match body.and_then(|body| Inbox::parse(body)) {
                Ok(inbox) => self.on_news(now_ms, &inbox),
                Err(trouble) => self.on_no_news(now_ms, trouble),
            },
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.timers.expire(Timer::Ack, now_ms) {
            self.put();
        }
        if self.timers.expire(Timer::Reconnect, now_ms) {
            self.poll();
        }
    }

    /// Sends one message. Each message taken ends in exactly one `Sent` or `SendFailed` with its
    /// `token`.
    ///
    /// # Errors
    /// Says why the message is not taken; then no event follows. One the interface has no word for
    /// is [`Busy::Malformed`].
    pub fn send(&mut self, token: u64, hdap: &[u8]) -> Result<(), Busy> {
        if !self.is_up {
            return Err(Busy::Down);
        }
        if self.flight.is_some() || self.asked_text {
            return Err(Busy::Pending);
        }
        if !self.events.fits_verdict() {
            return Err(Busy::Unpolled);
        }
        match say(hdap).ok_or(Busy::Malformed)? {
            Said::Text(body) => {
                let tries = 0;
                self.flight = Some(Flight { token, body, tries });
                self.put();
            }
            Said::Ack { radio, number } => {
                if self.owed.get(&number) == Some(&radio) {
                    self.owed.remove(&number);
                }
                self.events.push(LinkEvent::Sent { token });
            }
        }
        Ok(())
    }

    /// Ends the link for good.
    pub fn close(&mut self) {
        if !self.is_closed {
            self.go_down(SendFault::Closed, DownReason::Closed);
            self.is_closed = true;
            self.timers = Timers::default();
            self.asks.clear();
        }
    }

    /// The next request to put to the gateway.
    pub fn poll_ask(&mut self) -> Option<Ask> {
        self.asks.pop_front()
    }

    /// When to call `handle_timeout`, if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.timers.next()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop()
    }

    /// Whether `send` takes a message now.
    #[must_use]
    pub fn ready(&self) -> bool {
        let is_free = self.flight.is_none() && !self.asked_text;
        self.is_up && is_free && self.events.fits_verdict()
    }

    /// Whether the link carries messages.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// What was counted; `received` counts answers, `stale` those nobody waits for.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// Puts the text that waits for its verdict.
    fn put(&mut self) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        self.counts.resent += u64::from(flight.tries > 0);
        flight.tries += 1;
        let body = flight.body.clone();
        self.asked_text = true;
        let way = Way::Messages;
        self.asks.push_back(Ask { way, body });
    }

    fn on_text(&mut self, now_ms: u64, trouble: Option<Trouble>) {
        if let Some(trouble) = trouble {
            self.refuse(trouble);
        }
        let Some(flight) = &self.flight else {
            // Its link went down meanwhile, and the text was told as not sent.
            self.counts.stale += 1;
            return;
        };
        let token = flight.token;
        let verdict = match trouble {
            None => LinkEvent::Sent { token },
            Some(Trouble::Refused) => LinkEvent::SendFailed {
                token,
                reason: SendFault::Rejected,
            },
            Some(_) if flight.tries >= self.config.tries => LinkEvent::SendFailed {
                token,
                reason: SendFault::NoAck,
            },
            Some(_) => {
                let at_ms = now_ms.saturating_add(self.config.retry_ms);
                return self.timers.set(Timer::Ack, at_ms);
            }
        };
        self.flight = None;
        self.events.push(verdict);
    }

    /// Asks for news from where all before was taken and, if it is a text, kept.
    fn poll(&mut self) {
        self.asked_news = true;
        let first_owed = self.owed.keys().next();
        let poll = Poll {
            session: self.session,
            after: first_owed.map_or(self.taken, |first| first.saturating_sub(1)),
            // The first answer brings the link up: it is not held back.
            wait_s: if self.is_up { self.config.wait_s } else { 0 },
        };
        let (way, body) = (Way::Events, poll.to_json());
        self.asks.push_back(Ask { way, body });
    }

    fn on_news(&mut self, now_ms: u64, inbox: &Inbox) {
        self.failed_polls = 0;
        if self.session != Some(inbox.session) {
            // The gateway counts anew: its terminals' texts have other numbers from here on, so
            // all of them are told as registered again before they are taken.
            self.session = Some(inbox.session);
            self.taken = 0;
            self.owed.clear();
            self.heard.clear();
        }
        if !self.is_up {
            (self.is_up, self.is_told) = (true, false);
            self.events.push(LinkEvent::Up {
                peer: None,
                device_id: None,
                channel: None,
            });
        }
        let mut pause_ms = PAUSE_MS;
        for event in &inbox.events {
            match Event::parse(event) {
                // Without its number nobody can say it was taken: it is passed over.
                Err(trouble) => self.refuse(trouble),
                Ok(event) if self.fits(&event) => {
                    if self.owed.contains_key(&event.seq) {
                        pause_ms = self.config.retry_ms;
                    }
                    self.take(now_ms, &event);
                }
                Ok(_) => {
                    self.counts.unread += 1;
                    break;
                }
            }
        }
        self.timers
            .set(Timer::Reconnect, now_ms.saturating_add(pause_ms));
    }

    fn fits(&self, event: &Event) -> bool {
        let is_owed = self.owed.contains_key(&event.seq);
        let room = is_owed || self.owed.len() < MAX_OWED;
        self.events.fits_received(MESSAGES) && room
    }

    fn take(&mut self, now_ms: u64, event: &Event) {
        let is_owed = self.owed.contains_key(&event.seq);
        if event.seq <= self.taken && !is_owed {
            self.counts.repeated += 1;
            return self.refuse(Trouble::Repeated);
        }
        self.taken = self.taken.max(event.seq);
        let message = match event.to_message() {
            Ok(message) => message,
            Err(trouble) => return self.refuse(trouble),
        };
        if event.tells_presence() {
            self.heard.note(now_ms, event.radio.id);
        } else if self.heard.is_new(now_ms, event.radio.id) {
            self.tell(event.registration());
        }
        if event.wants_ack() {
            self.owed.insert(event.seq, event.radio.id);
        }
        self.tell(message);
    }

    fn tell(&mut self, bytes: Bytes) {
        let channel = None;
        self.events.push(LinkEvent::Received { bytes, channel });
    }

    fn on_no_news(&mut self, now_ms: u64, trouble: Trouble) {
        self.refuse(trouble);
        self.failed_polls = self.failed_polls.saturating_add(1);
        if trouble == Trouble::Token || self.failed_polls >= self.config.tries {
            self.go_down(SendFault::LinkDown, DownReason::Lost);
        }
        if trouble == Trouble::Token && !core::mem::replace(&mut self.is_told, true) {
            let cause = LoginFault::Token;
            self.events.push(LinkEvent::LoginFailed { cause });
        }
        let at_ms = now_ms.saturating_add(self.config.retry_ms);
        self.timers.set(Timer::Reconnect, at_ms);
    }

    fn go_down(&mut self, fault: SendFault, reason: DownReason) {
        self.timers.stop(Timer::Ack);
        if let Some(Flight { token, .. }) = self.flight.take() {
            let reason = fault;
            self.events.push(LinkEvent::SendFailed { token, reason });
        }
        if core::mem::take(&mut self.is_up) {
            self.events.push(LinkEvent::Down { reason });
        }
    }

    fn refuse(&mut self, trouble: Trouble) {
        self.counts.refused += 1;
        self.events.push(LinkEvent::Refused {
            from: None,
            reason: Refusal::Http(trouble),
        });
    }
}
