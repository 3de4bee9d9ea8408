//! A handheld as a radio: its registration, its subscription to positions, the texts it sends until
//! they are acknowledged, and which texts it has shown. Who reads them is the crew's business.

use super::carrier::Carrier;
use super::lie::Lying;
use crate::config::Service;
use bytes::Bytes;
use std::collections::VecDeque;
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp};
use tieqi_protocols::work_order::{self, Order, Way, WorkOrder, WorkState};

/// A text of an officer that waits for its ack.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) request_id: u32,
    to: RadioIp,
    flag: bool,
    says: Says,
    tries: u32,
}

/// What an officer sends to the desk.
#[derive(Debug)]
pub(super) enum Says {
    /// A text.
    Words(String),
    /// How far the work order of that number is.
    Order(u32, WorkState),
}

/// Positions somebody asked for from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    pub(super) request_id: u32,
    /// Between two reports, wall milliseconds.
    pub(super) interval_ms: u64,
}

/// One handheld that is switched on.
#[derive(Debug)]
pub(super) struct Handheld {
    pub(super) radio: RadioIp,
    /// Place of its crew.
    pub(super) crew: usize,
    /// Places of the links it is heard on.
    rrs: Option<usize>,
    lp: Option<usize>,
    tmp: Option<usize>,
    pub(super) registered: bool,
    /// Registrations planned before the newest plan are void; the same for position reports.
    pub(super) registration: u32,
    pub(super) watched: u32,
    pub(super) watch: Option<Watch>,
    /// How its receiver lies, while it does.
    pub(super) lying: Option<Lying>,
    /// When the last text reaches it: texts come in order.
    pub(super) reached_at_ms: u64,
    next_request: u32,
    outbox: VecDeque<Written>,
    /// Senders and messages of texts shown.
    shown: VecDeque<(u32, u32)>,
}

impl Handheld {
    /// Between two tries of a text, wall milliseconds: the links' own tries take 1.2 s.
    pub(super) const TEXT_RETRY_MS: u64 = 2_000;
    /// A text is given up after so many tries.
    const TEXT_TRIES: u32 = 5;
    /// Texts waiting at most.
    const OUTBOX: usize = 16;
    /// Texts remembered as shown.
    const SHOWN: usize = 32;

    pub(super) fn new(
        radio: RadioIp,
        crew: usize,
        (gateway, slot): (usize, u8),
        carriers: &[Carrier],
        first_request: u32,
    ) -> Self {
        let link = |service: Service| {
            let fits = |c: &Carrier| c.gateway == gateway && c.carries(service);
            let exact = carriers.iter().position(|c| fits(c) && c.port.slot == slot);
            exact.or_else(|| carriers.iter().position(fits))
        };
        Self {
            radio,
            crew,
            rrs: link(Service::Rrs),
            lp: link(Service::Lp),
            tmp: link(Service::Tmp),
            registered: false,
            registration: 0,
            watched: 0,
            watch: None,
            lying: None,
            reached_at_ms: 0,
            next_request: first_request,
            outbox: VecDeque::new(),
            shown: VecDeque::new(),
        }
    }

    /// The link a service of this handheld uses.
    pub(super) fn link(&self, service: Service) -> Option<usize> {
        match service {
            Service::Rrs => self.rrs,
            Service::Lp => self.lp,
            Service::Tmp => self.tmp,
        }
    }

    /// Keeps a text until it is acknowledged; false when too many wait.
    pub(super) fn write(&mut self, to: RadioIp, flag: bool, says: Says) -> bool {
        if self.outbox.len() >= Self::OUTBOX {
            return false;
        }
        let request_id = self.next_request();
        self.outbox.push_back(Written {
            request_id,
            to,
            flag,
            says,
            tries: 0,
        });
        true
    }

    /// The first text, if it is not on its way yet: they go one after another, so that no later
    /// key overtakes an earlier one.
    pub(super) fn first_try(&mut self) -> Option<(u32, Bytes)> {
        match self.outbox.front() {
            Some(first) if first.tries == 0 => self.try_again(first.request_id),
            _ => None,
        }
    }

    /// The text once more, if it still waits for its ack and tries are left.
    pub(super) fn try_again(&mut self, request_id: u32) -> Option<(u32, Bytes)> {
        let source = self.radio;
        let first = self.outbox.front_mut()?;
        if first.request_id != request_id || first.tries >= Self::TEXT_TRIES {
            return None;
        }
        first.tries += 1;
        let (flag, destination) = (first.flag, first.to);
        let message = match &first.says {
            Says::Words(words) => Message::Tmp(Tmp {
                flag,
                request_id,
                body: Body::Private {
                    destination,
                    source,
                    text: Text::new(words),
                },
                option: None,
            }),
            // A report repeats no contents, and simulated handhelds have no calendar.
            Says::Order(number, state) => Message::WorkOrder(WorkOrder {
                flag,
                way: Way::Report,
                request_id,
                destination,
                body: work_order::Body::Order {
                    source,
                    order: Order::new((0, 0, 0), *number, *state, ""),
                },
            }),
        };
        Some((request_id, message.to_bytes(false)))
    }

    /// Whether that text waits first and its tries are used up; then it is forgotten.
    pub(super) fn give_up(&mut self, request_id: u32) -> bool {
        let spent =
            |first: &Written| first.request_id == request_id && first.tries >= Self::TEXT_TRIES;
        let spent = self.outbox.front().is_some_and(spent);
        if spent {
            self.outbox.pop_front();
        }
        spent
    }

    /// An ack came; late ones are for nothing that waits.
    pub(super) fn acknowledged(&mut self, request_id: u32) {
        if self
            .outbox
            .front()
            .is_some_and(|first| first.request_id == request_id)
        {
            self.outbox.pop_front();
        }
    }

    /// A text to the group: nobody acks those.
    pub(super) fn group_text(&mut self, group: RadioIp, words: &str) -> Bytes {
        let body = Body::Group {
            group,
            source: self.radio,
            text: Text::new(words),
        };
        let text = Message::Tmp(Tmp {
            flag: false,
            request_id: self.next_request(),
            body,
            option: None,
        });
        text.to_bytes(false)
    }

    /// Whether a text is to be shown. The low four bits of a request id number its attempts, so one
    /// that differs in nothing else was shown already.
    pub(super) fn is_new(&mut self, source: RadioIp, request_id: u32) -> bool {
        let text = (source.id, request_id >> 4);
        if self.shown.contains(&text) {
            return false;
        }
        if self.shown.len() >= Self::SHOWN {
            self.shown.pop_front();
        }
        self.shown.push_back(text);
        true
    }

    fn next_request(&mut self) -> u32 {
        self.next_request = self.next_request.wrapping_add(1);
        self.next_request
    }
}
