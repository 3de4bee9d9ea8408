//! The radios against a scripted daemon: the same link machine at its other end, the same codecs,
//! a virtual clock. Nothing here sleeps but the one test over real sockets, and that waits for
//! events.

mod air;
mod story;
mod udp;

use super::carrier::End;
use super::{RadioOptions, Rates, Terminals, World};
use crate::config::{Config, Service};
use crate::engine::id::RadioId;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::OnceLock;
use tieqi_protocols::Parsed;
use tieqi_protocols::gps::Gps;
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::link::{Link, LinkConfig, LinkEvent, Role};
use tieqi_protocols::lp::{Cause, Lp, Subscription, Trigger};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rrs::{RegistrationResult, Rrs};
use tieqi_protocols::text::Text;
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};

/// 2026-05-01 08:00 in the town: group duty as the sample roster has it.
const WALL_MS: i64 = 1_777_593_600_000;
const DESK: RadioIp = RadioIp {
    subnet: 10,
    id: 16_384_001,
};
/// Both handhelds of 铁骑01, a motorcycle: 10 m/s.
const FIRST: u32 = 3_100_001;
const SECOND: u32 = 3_100_002;

fn config() -> &'static Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    CONFIG.get_or_init(|| Config::sample().unwrap())
}

/// Both handhelds of one motorcycle, sixty times as fast, nothing lost.
fn quiet() -> RadioOptions {
    RadioOptions {
        terminals: Terminals::List([FIRST, SECOND].map(RadioId).into()),
        speed: 60.0,
        rates: Rates::NONE,
        delay_ms: 0,
        ..RadioOptions::default()
    }
}

/// What the scripted daemon heard of the town, with the time it came, milliseconds.
#[derive(Debug, Default)]
struct Log {
    registrations: Vec<(u64, u32)>,
    /// Request id, handheld, result.
    acks: Vec<(u64, u32, u32, u8)>,
    /// Texts by handheld, each once however often it was sent.
    texts: Vec<(u64, u32, String)>,
    text_copies: usize,
    subscribed: Vec<u32>,
    fixes: Vec<(u64, u32, Cause, Gps)>,
    groups: Vec<String>,
    online: Vec<(u32, u8)>,
}

/// The daemon's end.
struct Desk {
    links: Vec<Link>,
    services: Vec<(Service, u8)>,
    outboxes: Vec<VecDeque<Bytes>>,
    log: Log,
    seen: BTreeSet<(u32, u32)>,
    renew_s: u32,
    /// Registrations, then texts of officers, left unanswered at first.
    deaf_to_registrations: usize,
    deaf_to_texts: usize,
    subscribe: bool,
}

impl Desk {
    fn new(world: &World) -> Self {
        let links = |_: &_| Link::new(0, Role::Listen, LinkConfig::default());
        Self {
            links: world.ports().map(links).collect(),
            services: world
                .ports()
                .map(|port| (port.service.unwrap(), port.slot))
                .collect(),
            outboxes: world.ports().map(|_| VecDeque::new()).collect(),
            log: Log::default(),
            seen: BTreeSet::new(),
            renew_s: 3600,
            deaf_to_registrations: 0,
            deaf_to_texts: 0,
            subscribe: true,
        }
    }

    fn link_for(&self, service: Service, slot: u8) -> usize {
        let fits = |known: &(Service, u8)| *known == (service, slot);
        self.services.iter().position(fits).unwrap()
    }

    fn push(&mut self, service: Service, slot: u8, message: &Message<'_>) {
        let link = self.link_for(service, slot);
        self.outboxes[link].push_back(message.to_bytes(false));
    }

    /// Slots of the sample alternate.
    fn slot_of(radio: u32) -> u8 {
        if radio % 2 == 1 { 1 } else { 2 }
    }

    fn send_text(&mut self, radio: u32, request_id: u32, words: &str) {
        let body = Body::Private {
            destination: RadioIp::terminal(radio).unwrap(),
            source: DESK,
            text: Text::new(words),
        };
        self.send_tmp(radio, request_id, body);
    }

    fn send_tmp(&mut self, radio: u32, request_id: u32, body: Body<'_>) {
        let tmp = Message::Tmp(Tmp {
            flag: false,
            request_id,
            body,
            option: None,
        });
        self.push(Service::Tmp, Self::slot_of(radio), &tmp);
    }

    fn hear(&mut self, now_ms: u64, link: usize, bytes: &[u8]) {
        let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(bytes) else {
            panic!("not one message")
        };
        let slot = self.services[link].1;
        match Message::from_hdap(&hdap).unwrap() {
            Message::Rrs(Rrs::Registration(radio)) => self.register(now_ms, slot, radio),
            Message::Rrs(Rrs::OnlineAnswer { radio, state }) => {
                self.log.online.push((radio.id, state));
            }
            Message::Lp(Lp::Subscribed { radio, result, .. }) => {
                assert!(result.is_ok());
                self.log.subscribed.push(radio.id);
            }
            Message::Lp(Lp::Report(report)) => {
                let gps = report.gps.read().unwrap();
                assert_eq!(report.result.is_some(), report.cause == Cause::Asked);
                self.log
                    .fixes
                    .push((now_ms, report.radio.id, report.cause, gps));
            }
            Message::Tmp(tmp) => self.hear_tmp(now_ms, &tmp),
            other => panic!("{other}"),
        }
    }

    fn register(&mut self, now_ms: u64, slot: u8, radio: RadioIp) {
        self.log.registrations.push((now_ms, radio.id));
        if self.log.registrations.len() <= self.deaf_to_registrations {
            return;
        }
        let answer = Rrs::RegistrationAnswer {
            radio,
            result: RegistrationResult::OK,
            renew_s: self.renew_s,
        };
        self.push(Service::Rrs, slot, &Message::Rrs(answer));
        if std::mem::take(&mut self.subscribe) || !self.log.subscribed.contains(&radio.id) {
            let once = Lp::Request {
                request_id: 7,
                radio,
                extra: None,
            };
            let often = Lp::Subscribe(Subscription {
                request_id: 8,
                radio,
                trigger: Trigger::Time,
                distance_m: 0,
                start: Subscription::ALWAYS,
                stop: Subscription::ALWAYS,
                interval_s: 30,
                longest_s: 30,
            });
            self.push(Service::Lp, slot, &Message::Lp(once));
            self.push(Service::Lp, slot, &Message::Lp(often));
        }
    }

    fn hear_tmp(&mut self, now_ms: u64, tmp: &Tmp<'_>) {
        match tmp.body {
            Body::PrivateAck {
                destination,
                source,
                result,
            } => {
                assert_eq!(source, DESK);
                let ack = (now_ms, tmp.request_id, destination.id, result.0);
                self.log.acks.push(ack);
            }
            Body::Private {
                destination,
                source,
                text,
            } => {
                assert_eq!(destination, DESK);
                self.log.text_copies += 1;
                if self.seen.insert((source.id, tmp.request_id)) {
                    let text = text.chars().collect();
                    self.log.texts.push((now_ms, source.id, text));
                }
                if self.log.text_copies > self.deaf_to_texts {
                    let ack = Body::PrivateAck {
                        destination,
                        source,
                        result: TmpResult::OK,
                    };
                    self.send_tmp(source.id, tmp.request_id, ack);
                }
            }
            Body::Group { group, text, .. } => {
                assert_eq!(group.subnet, 0);
                self.log.groups.push(text.chars().collect());
            }
            Body::GroupAck { .. } => panic!("nobody asked"),
        }
    }
}

/// World and desk on one virtual clock, with a network that is as fast as light.
struct Bench {
    now_ms: u64,
    world: World,
    desk: Desk,
    /// All datagrams of the radios, for comparing runs.
    trace: Vec<(u64, usize, Bytes)>,
}

impl Bench {
    fn new(options: &RadioOptions) -> Self {
        let world = World::new(0, WALL_MS, config(), options).unwrap();
        let desk = Desk::new(&world);
        let trace = Vec::new();
        Self {
            now_ms: 0,
            world,
            desk,
            trace,
        }
    }

    fn wall_ms(&self) -> i64 {
        WALL_MS + i64::try_from(self.now_ms).unwrap()
    }

    /// Where the radios' socket of a link is.
    fn radio_side(link: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 40_000 + u16::try_from(link).unwrap()))
    }

    fn desk_side(&self, link: usize) -> SocketAddr {
        match self.world.ports().nth(link).unwrap().end {
            End::Connect(peer) => peer,
            End::Listen(at) => at,
            End::Serial(..) => panic!("the sample has no serial gateway"),
        }
    }

    /// Lets everything happen that happens at this millisecond.
    fn settle(&mut self) {
        let now_ms = self.now_ms;
        loop {
            let mut moved = false;
            while let Some(transmit) = self.world.poll_transmit() {
                moved = true;
                assert_eq!(transmit.to, Some(self.desk_side(transmit.link)));
                self.trace
                    .push((now_ms, transmit.link, transmit.bytes.clone()));
                let from = Self::radio_side(transmit.link);
                self.desk.links[transmit.link].handle_bytes(now_ms, from, &transmit.bytes);
            }
            for link in 0..self.desk.links.len() {
                while let Some(event) = self.desk.links[link].poll_event() {
                    moved = true;
                    if let LinkEvent::Received { bytes, .. } = event {
                        self.desk.hear(now_ms, link, &bytes);
                    }
                }
                if self.desk.links[link].ready()
                    && let Some(bytes) = self.desk.outboxes[link].pop_front()
                {
                    moved = true;
                    self.desk.links[link].send(now_ms, 1, bytes).unwrap();
                }
                while let Some(transmit) = self.desk.links[link].poll_transmit() {
                    moved = true;
                    let (wall_ms, from) = (self.wall_ms(), self.desk_side(link));
                    let world = &mut self.world;
                    world.handle_bytes(now_ms, wall_ms, link, Some(from), &transmit.bytes);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Goes on to the next thing that is due, at most to `until_ms`; false when that is reached.
    fn step(&mut self, until_ms: u64) -> bool {
        self.settle();
        let links = self.desk.links.iter().filter_map(Link::poll_timeout);
        let due_ms = links
            .chain(self.world.poll_timeout())
            .min()
            .unwrap_or(until_ms);
        let more = due_ms < until_ms;
        self.now_ms = due_ms.min(until_ms).max(self.now_ms);
        for link in &mut self.desk.links {
            link.handle_timeout(self.now_ms);
        }
        self.world.handle_timeout(self.now_ms, self.wall_ms());
        self.settle();
        more
    }

    fn run_until(&mut self, until_ms: u64) {
        while self.step(until_ms) {}
    }

    /// Runs until something holds; it must within ten minutes of the virtual clock.
    fn run_to(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until_ms = self.now_ms + 600_000;
        while !holds(self) {
            assert!(
                self.step(until_ms),
                "{what} never came: {:?}",
                self.desk.log
            );
        }
    }

    /// Keys a handheld sent so far, and when.
    fn keys(&self, radio: u32) -> Vec<(u64, &str)> {
        let ours = self
            .desk
            .log
            .texts
            .iter()
            .filter(|(_, from, _)| *from == radio);
        ours.map(|(at_ms, _, text)| (*at_ms, text.as_str()))
            .collect()
    }

    fn pressed(&self, text: &str) -> Option<u64> {
        let found = self
            .desk
            .log
            .texts
            .iter()
            .find(|(_, _, known)| known == text);
        found.map(|(at_ms, ..)| *at_ms)
    }
}

/// How often each text came.
fn counted<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut out = BTreeMap::new();
    for text in texts {
        *out.entry(text).or_default() += 1;
    }
    out
}
