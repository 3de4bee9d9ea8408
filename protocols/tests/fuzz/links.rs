//! The links, over UDP and serial, as either end: any order of bytes, calls and times. What must
//! hold is said in `Owner`.

use crate::spent::{tell, within};
use bolero::{TypeGenerator, check};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use tieqi_protocols::Parsed;
use tieqi_protocols::hdap::{Hdap, Service};
use tieqi_protocols::hrnp::{COMPUTER, Hrnp, Opcode, RADIO, VERSION};
use tieqi_protocols::hstrp::{Hstrp, Kind, endpoint_options};
use tieqi_protocols::link::{
    AnyLink, Link, LinkConfig, LinkEvent, MAX_EVENTS, MAX_TRANSMITS, Role, SerialConfig, SerialEnd,
    SerialLink,
};

/// Sequences of each target in the default suite.
const ITERATIONS: usize = 5_000;
/// What a link and all that waits in it may hold, bytes: [`MAX_EVENTS`] frames and more.
const MAX_HELD: usize = 256 * 1024;
/// Of 256 lots, those that end a link.
const RARE: u8 = 16;
const OPCODES: [Opcode; 7] = [
    Opcode::Connect,
    Opcode::Accept,
    Opcode::Data,
    Opcode::DataAck,
    Opcode::Close,
    Opcode::CloseAck,
    Opcode::Reject,
];

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

fn peer(stranger: bool) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 30_000 + u16::from(stranger)).into()
}

macro_rules! target {
    ($name:ident, $link:expr) => {
        #[test]
        fn $name() {
            check!()
                .with_type::<Vec<Step>>()
                .with_iterations(ITERATIONS)
                .for_each(|steps| {
                    within(MAX_HELD, || {
                        let mut owner = Owner::new($link);
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
    AnyLink::Datagram(Link::new(0, Role::Listen, LinkConfig::default()))
);
target!(datagram_connects, {
    let role = Role::Connect {
        peer: peer(false),
        device_id: 1,
        channel: 1,
    };
    AnyLink::Datagram(Link::new(0, role, LinkConfig::default()))
});
target!(
    serial_computer,
    AnyLink::Serial(SerialLink::new(
        SerialEnd::Computer,
        SerialConfig::default()
    ))
);
target!(
    serial_radio,
    AnyLink::Serial(SerialLink::new(SerialEnd::Radio, SerialConfig::default()))
);

/// Whoever owns the link. Of each message it took it wants to hear once, and only once; a deadline
/// that has passed is not given again; what waits is bounded.
struct Owner {
    link: AnyLink,
    now_ms: u64,
    taken: u64,
    verdicts: BTreeMap<u64, u32>,
    /// What the link sent last, and what came last.
    sent: Bytes,
    came: (bool, Vec<u8>),
}

impl Owner {
    fn new(link: AnyLink) -> Self {
        let (sent, came) = (Bytes::new(), (false, Vec::new()));
        let mut owner = Self {
            link,
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
                let bytes = self.frame(*kind, u16::from(*number), *carries, *turned);
                self.come(*stranger, bytes);
            }
            Step::Connect => {
                let options = Kind::CONNECT.with(Kind::OPTION).bits();
                let kind = if self.is_serial() { 0 } else { options };
                let bytes = self.frame(kind, 0, false, false);
                self.come(false, bytes);
            }
            Step::Answer => {
                let answer = self.answer();
                self.come(false, answer);
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

    fn is_serial(&self) -> bool {
        matches!(self.link, AnyLink::Serial(_))
    }

    fn come(&mut self, stranger: bool, bytes: Vec<u8>) {
        let from = (!self.is_serial()).then(|| peer(stranger));
        self.link.handle_bytes(self.now_ms, from, &bytes);
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

    /// A frame of the link's transport.
    fn frame(&self, kind: u8, number: u16, carries: bool, turned: bool) -> Vec<u8> {
        let (mut out, payload) = (Vec::new(), message(number.into()));
        if self.is_serial() {
            let opcode = OPCODES[usize::from(kind) % OPCODES.len()];
            let message = (opcode == Opcode::Data).then(|| hdap(&payload));
            serial(opcode, number, turned, message).emit(&mut out);
        } else {
            let kind = Kind::from_bits(kind & 0x3F).unwrap();
            let options = endpoint_options(1, 1);
            let options = if kind.has(Kind::OPTION) {
                options.as_slice()
            } else {
                &[]
            };
            let messages = if carries { payload.as_slice() } else { &[] };
            Hstrp {
                kind,
                sequence: number,
                options,
                messages,
            }
            .emit(&mut out);
        }
        out
    }

    /// What a well-behaved peer answers to what the link sent last.
    fn answer(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Ok(frame) = Hstrp::parse(&self.sent) {
            frame.ack().emit(&mut out);
        } else if let Ok(Parsed::Complete(frame, _)) = Hrnp::parse(&self.sent) {
            let opcode = match frame.opcode {
                Opcode::Connect => Opcode::Accept,
                Opcode::Close => Opcode::CloseAck,
                _ => Opcode::DataAck,
            };
            let turned = frame.source == COMPUTER;
            serial(opcode, frame.packet_number, turned, None).emit(&mut out);
        }
        out
    }
}

fn serial(opcode: Opcode, number: u16, from_radio: bool, message: Option<Hdap<'_>>) -> Hrnp<'_> {
    let (source, destination) = if from_radio {
        (RADIO, COMPUTER)
    } else {
        (COMPUTER, RADIO)
    };
    let (version, block, packet_number) = (VERSION, 0, number);
    Hrnp {
        version,
        block,
        opcode,
        source,
        destination,
        packet_number,
        message,
    }
}

/// A message that differs by its number.
fn message(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (service, reliable, opcode) = (Service::Tmp, false, 0x00A1);
    Hdap {
        service,
        reliable,
        opcode,
        payload: &number.to_be_bytes(),
    }
    .emit(&mut bytes);
    bytes
}

fn hdap(bytes: &[u8]) -> Hdap<'_> {
    let Ok(Parsed::Complete(frame, _)) = Hdap::parse(bytes) else {
        unreachable!("made by `message`")
    };
    frame
}
