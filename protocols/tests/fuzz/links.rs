//! The links, over UDP, serial lines, HTTP and the air, as either end: any order of bytes, calls and times.
//! What must hold is said in `Owner`.

use crate::far::{Far, Odd, air, answer, asked, message, peer};
use crate::spent::{tell, within_bytes};
use bolero::{TypeGenerator, check};
use bytes::Bytes;
use std::collections::BTreeMap;
use tieqi_protocols::link::homebrew::Side;
use tieqi_protocols::link::{
    AnyLink, HttpConfig, HttpLink, Link, LinkConfig, LinkEvent, MAX_EVENTS, MAX_TRANSMITS, PeiLink,
    Role, SerialConfig, SerialEnd, SerialLink,
};

/// Sequences of each target in the default suite.
const ITERATIONS: usize = 5_000;
/// What a link and all that waits in it may hold, bytes: [`MAX_EVENTS`] frames and more.
const MAX_HELD: usize = 256 * 1024;
/// Of 256 lots, those that end a link.
const RARE: u8 = 16;

/// Timers of a link over HTTP.
const HTTP: HttpConfig = HttpConfig {
    tries: 3,
    retry_ms: 1_000,
    wait_s: 20,
};

/// Something that happens to a link.
#[derive(Debug, TypeGenerator)]
enum Step {
    /// Any bytes.
    Bytes { stranger: bool, bytes: Vec<u8> },
    /// A whole frame, its fields as they may be.
    Frame {
        stranger: bool,
        kind: u8,
        number: u8,
        carries: bool,
        turned: bool,
    },
    /// The peer connects as it should.
    Connect,
    /// The right answer to what the link sent last.
    Answer,
    /// What came last comes again.
    Again,
    /// Some time passes, at most a minute.
    Wait(u16),
    /// The link's own deadline comes.
    Due,
    /// A message is to be sent.
    Send,
    /// Some of what happened is asked for.
    Poll(u8),
    /// The port opens.
    Opened,
    /// The port is lost; rarely, or nothing else would be tried.
    Lost(u8),
    /// The owner ends it; as rarely.
    Close(u8),
}

macro_rules! target {
    ($name:ident, $far:expr, $link:expr) => {
        #[test]
        fn $name() {
            check!()
                .with_type::<Vec<Step>>()
                .with_iterations(ITERATIONS)
                .for_each(|steps| {
                    within_bytes(MAX_HELD, || {
                        let mut owner = Owner::new($far, $link);
                        steps.iter().for_each(|step| owner.take(step));
                        owner.end();
                    });
                });
            tell(stringify!($name));
        }
    };
}

target!(
    datagram_listens,
    Far::Datagram,
    AnyLink::Datagram(Link::new(0, Role::Listen, LinkConfig::default()))
);
target!(datagram_connects, Far::Datagram, {
    let role = Role::Connect {
        peer: peer(false),
        device_id: 1,
        channel: 1,
    };
    AnyLink::Datagram(Link::new(0, role, LinkConfig::default()))
});
target!(
    serial_computer,
    Far::Serial,
    AnyLink::Serial(SerialLink::new(
        SerialEnd::Computer,
        SerialConfig::default()
    ))
);
target!(
    serial_radio,
    Far::Serial,
    AnyLink::Serial(SerialLink::new(SerialEnd::Radio, SerialConfig::default()))
);
target!(
    terminal,
    Far::Terminal,
    AnyLink::Pei(PeiLink::new(
        SerialConfig::default(),
        vec!["E0".into(), "+CTSDS=12,0,0,0,1".into()]
    ))
);
target!(
    air_master,
    Far::Air(Box::new(air(false, Side::Radios))),
    AnyLink::Air(Box::new(air(true, Side::Desk)))
);
target!(
    air_client,
    Far::Air(Box::new(air(true, Side::Radios))),
    AnyLink::Air(Box::new(air(false, Side::Desk)))
);

target!(
    http_gateway,
    Far::Gateway,
    AnyLink::Http(Box::new(HttpLink::new(HTTP)))
);

/// Otherwise the sequences above would try closed doors: each link comes up and is rid of a message
/// when its peer does as it should.
#[test]
fn a_far_end_that_behaves_brings_its_link_up() {
    let serial = |end| AnyLink::Serial(SerialLink::new(end, SerialConfig::default()));
    let listening = Link::new(0, Role::Listen, LinkConfig::default());
    let boxed = |is_master, side| Box::new(air(is_master, side));
    for (far, link) in [
        (Far::Datagram, AnyLink::Datagram(listening)),
        (Far::Serial, serial(SerialEnd::Computer)),
        (Far::Serial, serial(SerialEnd::Radio)),
        (
            Far::Terminal,
            AnyLink::Pei(PeiLink::new(SerialConfig::default(), vec!["E0".into()])),
        ),
        (
            Far::Air(boxed(false, Side::Radios)),
            AnyLink::Air(boxed(true, Side::Desk)),
        ),
        (
            Far::Air(boxed(true, Side::Radios)),
            AnyLink::Air(boxed(false, Side::Desk)),
        ),
        (Far::Gateway, AnyLink::Http(Box::new(HttpLink::new(HTTP)))),
    ] {
        let mut owner = Owner::new(far, link);
        for _ in 0..4 {
            owner.take(&Step::Connect);
            owner.take(&Step::Answer);
        }
        assert!(owner.link.is_up(), "{:?}", owner.link);
        owner.take(&Step::Send);
        owner.take(&Step::Answer);
        assert_eq!(
            (owner.taken, owner.verdicts.len()),
            (1, 1),
            "{:?}",
            owner.link
        );
        owner.end();
    }
}

/// Whoever owns the link. Of each message it took it wants to hear once, and only once; a deadline
/// that has passed is not given again; what waits is bounded.
struct Owner {
    link: AnyLink,
    far: Far,
    now_ms: u64,
    taken: u64,
    verdicts: BTreeMap<u64, u32>,
    /// What the link sent last, and what came last.
    sent: Bytes,
    came: (bool, Vec<u8>),
}

impl Owner {
    fn new(far: Far, link: AnyLink) -> Self {
        let (sent, came) = (Bytes::new(), (false, Vec::new()));
        let mut owner = Self {
            link,
            far,
            now_ms: 0,
            taken: 0,
            verdicts: BTreeMap::new(),
            sent,
            came,
        };
        owner.link.opened(0);
        owner.poll(u8::MAX);
        owner
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Bytes { stranger, bytes } => self.come(*stranger, bytes.clone()),
            Step::Frame {
                stranger,
                kind,
                number,
                carries,
                turned,
            } => {
                let bytes = self.far.frame(Odd {
                    kind: *kind,
                    number: u16::from(*number),
                    carries: *carries,
                    turned: *turned,
                });
                self.come(*stranger, bytes);
            }
            Step::Connect => {
                let frames = self.far.begin(self.now_ms, self.taken);
                frames.into_iter().for_each(|bytes| self.come(false, bytes));
            }
            Step::Answer => {
                let frames = self.far.answer(self.now_ms, &self.sent.clone());
                frames.into_iter().for_each(|bytes| self.come(false, bytes));
            }
            Step::Again => {
                let (stranger, bytes) = self.came.clone();
                self.come(stranger, bytes);
            }
            Step::Wait(ms) => self.pass(u64::from(*ms) % 60_000),
            Step::Due => self.due(),
            Step::Send => self.send(),
            Step::Poll(most) => self.poll(*most),
            Step::Opened => self.link.opened(self.now_ms),
            Step::Lost(lot) if *lot < RARE => self.link.lost(),
            Step::Close(lot) if *lot < RARE => self.link.close(self.now_ms),
            Step::Lost(_) | Step::Close(_) => {}
        }
        // Most owners ask after each step; this one sometimes leaves it.
        if !matches!(step, Step::Bytes { .. } | Step::Frame { carries: true, .. }) {
            self.poll(u8::MAX);
        }
    }

    fn come(&mut self, stranger: bool, bytes: Vec<u8>) {
        let from = (!self.far.is_line()).then(|| peer(stranger));
        match self.far {
            Far::Gateway => self.link.handle_answer(self.now_ms, &answer(&bytes)),
            _ => self.link.handle_bytes(self.now_ms, from, &bytes),
        }
        self.came = (stranger, bytes);
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.link.handle_timeout(self.now_ms);
        let next = self.link.poll_timeout();
        assert!(
            next.is_none_or(|at| at > self.now_ms),
            "{next:?} at {}",
            self.now_ms
        );
    }

    fn due(&mut self) {
        if let Some(at) = self.link.poll_timeout() {
            self.pass(at.saturating_sub(self.now_ms));
        }
    }

    fn send(&mut self) {
        let ready = self.link.ready();
        let taken = self
            .link
            .send(self.now_ms, self.taken, message(self.taken).into());
        assert_eq!(taken.is_ok(), ready, "{taken:?}");
        self.taken += u64::from(taken.is_ok());
    }

    fn poll(&mut self, most: u8) {
        let most = usize::from(most);
        for at in 0..most {
            let Some(event) = self.link.poll_event() else {
                break;
            };
            assert!(at < MAX_EVENTS);
            if let LinkEvent::Sent { token } | LinkEvent::SendFailed { token, .. } = event {
                *self.verdicts.entry(token).or_default() += 1;
            }
        }
        for at in 0..most {
            let Some((_, bytes)) = self.link.poll_transmit() else {
                break;
            };
            assert!(at < MAX_TRANSMITS);
            self.sent = bytes;
        }
        for at in 0..most {
            let Some(ask) = self.link.poll_ask() else {
                break;
            };
            // One each way.
            assert!(at < 2, "{ask:?}");
            self.sent = asked(&ask);
        }
        assert!(
            self.verdicts
                .iter()
                .all(|(token, times)| *token < self.taken && *times == 1)
        );
    }

    /// Closed, and given time, it owes nothing any more.
    fn end(&mut self) {
        self.poll(u8::MAX);
        self.link.close(self.now_ms);
        for _ in 0..16 {
            self.due();
            self.poll(u8::MAX);
        }
        assert_eq!(self.link.poll_timeout(), None, "{:?}", self.link);
        assert_eq!(self.verdicts.len() as u64, self.taken);
        assert!(!self.link.is_up() && !self.link.ready());
    }
}
