//! Both ends by themselves against the captures, and together over a network that loses, doubles,
//! delays and cuts.

extern crate std;

use super::*;
use crate::capture::{frames, hex, named};
use crate::dmr::Address;
use crate::homebrew::{Content, Dmrd, Field, Packet, Slot};
use crate::link::{Busy, DownReason, Transmit};
use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const CAPTURED: &str =
    include_str!("../../../../fixtures/radio/captured_homebrew_login_and_data.json");
const REPEATER: u32 = 4_600_001;
const GOOD: &[u8] = b"s3cr37w0rd";

fn addr(number: u32) -> SocketAddr {
    let [_, _, high, low] = number.to_be_bytes();
    SocketAddr::from(([192, 0, high, low], 62_031))
}

const MASTER: u32 = 0;

fn passphrase(words: &'static [u8]) -> Passphrase {
    Passphrase(Bytes::from_static(words))
}

fn client(words: &'static [u8]) -> Client {
    Client::new(
        0,
        ClientConfig::new(addr(MASTER), REPEATER, passphrase(words)),
    )
}

fn master() -> Master {
    let repeaters = (0..8).map(|number| (REPEATER + number, passphrase(GOOD)));
    Master::new(MasterConfig::new(repeaters.collect()))
}

fn burst(repeater: u32, number: u32) -> Dmrd {
    Dmrd {
        sequence: 0,
        source: Address::new(number).unwrap(),
        destination: Address::new(9).unwrap(),
        repeater,
        slot: Slot::Two,
        is_private: false,
        content: Content::Voice(1),
        stream: number,
        burst: [0x5A; 33],
        quality: Some((0, 0)),
    }
}

fn sent_by_client(client: &mut Client) -> Vec<Vec<u8>> {
    let sent = core::iter::from_fn(|| client.poll_transmit());
    sent.map(|transmit| transmit.bytes.to_vec()).collect()
}

fn sent_by_master(master: &mut Master) -> Vec<Vec<u8>> {
    let sent = core::iter::from_fn(|| master.poll_transmit());
    sent.map(|transmit| transmit.bytes.to_vec()).collect()
}

fn events_of(mut poll: impl FnMut() -> Option<Event>) -> Vec<Event> {
    core::iter::from_fn(&mut poll).collect()
}

fn failed(cause: LoginFault) -> Event {
    let repeater = REPEATER;
    Event::LoginFailed { repeater, cause }
}

fn refused(number: u32, reason: Refusal) -> Event {
    let from = addr(number);
    Event::Refused { from, reason }
}

#[test]
fn both_captured_logins_byte_for_byte_as_the_repeater() {
    let steps = frames(CAPTURED);
    let step = |name: &str| named(&steps, name);
    for [login, salt, key, ack, config, again] in [
        [
            "cap.jsonl@11.422s RPTL",
            "cap.jsonl@11.424s RPTACK",
            "cap.jsonl@11.436s RPTK",
            "cap.jsonl@11.436s RPTACK",
            "cap.jsonl@11.446s RPTC",
            "cap.jsonl@11.446s RPTACK",
        ],
        [
            "cap2.jsonl@11.356s RPTL",
            "cap2.jsonl@11.356s RPTACK",
            "cap2.jsonl@11.366s RPTK",
            "cap2.jsonl@11.366s RPTACK",
            "cap2.jsonl@11.376s RPTC",
            "cap2.jsonl@11.376s RPTACK",
        ],
    ] {
        let details = step(config)[8..].to_vec().into();
        let usual = ClientConfig::new(addr(MASTER), REPEATER, passphrase(GOOD));
        let mut client = Client::new(0, ClientConfig { details, ..usual });
        for (at, ours, theirs) in [(0, login, salt), (1, key, ack), (2, config, again)] {
            assert_eq!(sent_by_client(&mut client), [step(ours)]);
            client.handle_bytes(at, addr(MASTER), &step(theirs));
        }
        let (repeater, peer) = (REPEATER, addr(MASTER));
        let up = Event::Up { repeater, peer };
        assert_eq!(events_of(|| client.poll_event()), [up]);
        client.handle_timeout(client.poll_timeout().unwrap());
        let ping = step("cap.jsonl@21.455s RPTP");
        assert_eq!(sent_by_client(&mut client), [ping]);
        client.handle_bytes(6000, addr(MASTER), &step("cap.jsonl@21.455s MSTP"));
        client.close();
        let close = step("cap.jsonl@43.392s RPTC");
        assert_eq!(sent_by_client(&mut client), [close]);
        client.handle_bytes(6001, addr(MASTER), &step("cap.jsonl@43.392s MSTN"));
        let (repeater, reason) = (REPEATER, DownReason::Closed);
        let down = Event::Down { repeater, reason };
        assert_eq!(events_of(|| client.poll_event()), [down]);
        assert_eq!((client.poll_timeout(), client.counts().refused), (None, 0));
    }
}

#[test]
fn the_captured_dialogue_byte_for_byte_as_the_master() {
    let steps = frames(CAPTURED);
    let step = |name: &str| named(&steps, name);
    let mut master = master();
    let salt = *hex("a52814c8").as_array().unwrap();
    for (ours, theirs) in [
        ("cap2.jsonl@11.356s RPTL", "cap2.jsonl@11.356s RPTACK"),
        ("cap2.jsonl@11.366s RPTK", "cap2.jsonl@11.366s RPTACK"),
        ("cap2.jsonl@11.376s RPTC", "cap2.jsonl@11.376s RPTACK"),
        ("cap2.jsonl@21.383s RPTP", "cap2.jsonl@21.383s MSTP"),
    ] {
        master.handle_bytes(0, addr(1), &step(ours), salt);
        assert_eq!(sent_by_master(&mut master), [step(theirs)]);
    }
    let told = master.details(REPEATER).unwrap();
    assert_eq!(told.get(Field::Location), "Huangjiang");
    let bursts = steps.iter().filter(|frame| {
        frame["protocol"] == "Homebrew" && frame["name"].as_str().unwrap().ends_with("DMRD")
    });
    for frame in bursts {
        master.handle_bytes(100, addr(1), &crate::capture::bytes_of(frame), salt);
    }
    let close = step("cap2.jsonl@31.326s RPTC");
    master.handle_bytes(200, addr(1), &close, salt);
    assert_eq!(
        sent_by_master(&mut master),
        [step("cap2.jsonl@31.328s MSTN")]
    );
    let events = events_of(|| master.poll_event());
    let (repeater, peer) = (REPEATER, addr(1));
    assert_eq!(events[0], Event::Up { repeater, peer });
    let sequences = events[1..7].iter().map(|event| match event {
        Event::Burst(burst) => burst.sequence,
        other => panic!("{other:?}"),
    });
    assert!(sequences.eq(0..6));
    let reason = DownReason::PeerClosed;
    assert_eq!(events[7..], [Event::Down { repeater, reason }]);
}

/// Each refusal has its true cause, told once however often it is repeated.
#[test]
fn why_a_login_fails_is_told_once() {
    let ack = |number| {
        let is_masters = false;
        Packet::Ack { is_masters, number }
    };
    let (nak, id) = (Packet::Nak { repeater: REPEATER }, REPEATER.to_be_bytes());
    let salt = [1, 2, 3, 4];
    for (answers, cause) in [
        (vec![], LoginFault::Unreachable),
        (vec![nak], LoginFault::UnknownId),
        (vec![ack(salt), nak], LoginFault::WrongPassphrase),
        (vec![ack(salt), ack(id), nak], LoginFault::Details),
    ] {
        let mut client = client(GOOD);
        for _ in 0..5 {
            sent_by_client(&mut client);
            for answer in &answers {
                client.handle_bytes(0, addr(MASTER), &answer.to_bytes());
            }
            // Until the next login.
            while sent_by_client(&mut client)
                .last()
                .is_none_or(|sent| &sent[..4] != b"RPTL")
            {
                client.handle_timeout(client.poll_timeout().unwrap());
            }
        }
        assert_eq!(
            events_of(|| client.poll_event()),
            [failed(cause)],
            "{answers:?}"
        );
    }
}

#[test]
fn a_cause_is_told_again_after_it_was_mended() {
    let mut client = client(GOOD);
    let nak = Packet::Nak { repeater: REPEATER }.to_bytes();
    client.handle_bytes(0, addr(MASTER), &nak);
    let mut master = master();
    client.handle_timeout(client.poll_timeout().unwrap());
    for _ in 0..3 {
        for sent in sent_by_client(&mut client) {
            master.handle_bytes(0, addr(1), &sent, [7; 4]);
        }
        for sent in sent_by_master(&mut master) {
            client.handle_bytes(11_000, addr(MASTER), &sent);
        }
    }
    assert!(client.is_up() && master.is_up(REPEATER));
    client.handle_bytes(30_000, addr(MASTER), &nak);
    assert!(!client.is_up(), "it logs in again at once");
    assert_eq!(sent_by_client(&mut client).last().unwrap()[..4], *b"RPTL");
    // This one may be late; that of the next login is not.
    client.handle_bytes(30_001, addr(MASTER), &nak);
    let next_ms = client.poll_timeout().unwrap();
    client.handle_timeout(next_ms);
    client.handle_bytes(next_ms, addr(MASTER), &nak);
    let events = events_of(|| client.poll_event());
    let (repeater, reason, peer) = (REPEATER, DownReason::PeerClosed, addr(MASTER));
    let unknown = failed(LoginFault::UnknownId);
    let (up, down) = (
        Event::Up { repeater, peer },
        Event::Down { repeater, reason },
    );
    assert_eq!(events, [unknown.clone(), up, down, unknown]);
}

#[test]
fn a_wrong_passphrase_and_a_stranger_are_refused_by_the_master() {
    let mut master = master();
    let salt = [9, 9, 9, 9];
    for (id, words, last) in [
        (REPEATER, &b"guess"[..], Refusal::WrongPassphrase),
        (1, GOOD, Refusal::UnknownRepeater),
    ] {
        let login = Packet::Login { repeater: id }.to_bytes();
        master.handle_bytes(0, addr(3), &login, salt);
        let hash = crate::homebrew::key(salt, words);
        let key = Packet::Key { repeater: id, hash }.to_bytes();
        if last == Refusal::WrongPassphrase {
            master.handle_bytes(0, addr(3), &key, salt);
        }
        let nak = Packet::Nak { repeater: id }.to_bytes();
        assert_eq!(sent_by_master(&mut master).last(), Some(&nak));
        assert_eq!(events_of(|| master.poll_event()), [refused(3, last)]);
    }
}

/// In every state of both ends: what does not belong there is counted, and changes nothing.
#[test]
fn frames_that_do_not_belong_are_counted_and_the_link_stays_up() {
    let mut net = Net::new(1, 1);
    net.run(1000);
    let (mut master, mut client) = (net.master, net.clients.remove(0).client);
    events_of(|| master.poll_event());
    events_of(|| client.poll_event());
    let repeater = REPEATER;
    let mut wrong_length = Packet::Ping { repeater }.to_bytes();
    wrong_length.push(0);
    let number = repeater.to_be_bytes();
    let is_masters = true;
    let ack = Packet::Ack { is_masters, number }.to_bytes();
    let other = Packet::Nak { repeater: 7 }.to_bytes();
    let ping = Packet::Ping { repeater }.to_bytes();
    let close = Packet::Close { repeater }.to_bytes();
    for (from, bytes, reason) in [
        (1, b"QQQQ...".to_vec(), "value"),
        (1, wrong_length.clone(), "length"),
        (1, b"RPTPI".to_vec(), "truncated"),
        (1, ack.clone(), "role"),
        (1, Packet::Dmrd(burst(7, 1)).to_bytes(), "state"),
        (2, Packet::Dmrd(burst(repeater, 1)).to_bytes(), "stranger"),
        (2, close.clone(), "stranger"),
    ] {
        master.handle_bytes(net.now_ms, addr(from), &bytes, [0; 4]);
        let events = events_of(|| master.poll_event());
        let [Event::Refused { reason: found, .. }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(found.reason(), reason);
        assert!(master.is_up(repeater));
    }
    for (from, bytes, reason) in [
        (MASTER, b"QQQQ...".to_vec(), "value"),
        (MASTER, wrong_length, "length"),
        (MASTER, ping, "role"),
        (MASTER, other.clone(), "other_repeater"),
        (5, other, "stranger"),
        (5, close, "stranger"),
    ] {
        client.handle_bytes(net.now_ms, addr(from), &bytes);
        let events = events_of(|| client.poll_event());
        let [Event::Refused { reason: found, .. }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(found.reason(), reason);
        assert!(client.is_up());
    }
    client.handle_bytes(net.now_ms, addr(MASTER), &ack);
    assert_eq!((client.counts().passed_over, client.is_up()), (1, true));
}

/// Whoever floods is not even read, and everybody else is served in the same moment.
#[test]
fn a_flood_delays_nobody() {
    let mut net = Net::new(3, 1);
    net.run(1000);
    let flood = Packet::Login {
        repeater: REPEATER + 1,
    }
    .to_bytes();
    let (mut answered, mut pongs) = (0, 0);
    for now_ms in 1000..11_000 {
        for _ in 0..10 {
            net.master.handle_bytes(now_ms, addr(66), &flood, [1; 4]);
        }
        if now_ms % 100 == 0 {
            let bytes = Packet::Dmrd(burst(REPEATER, 3)).to_bytes();
            net.master.handle_bytes(now_ms, addr(1), &bytes, [0; 4]);
            let ping = Packet::Ping { repeater: REPEATER }.to_bytes();
            net.master.handle_bytes(now_ms, addr(1), &ping, [0; 4]);
        }
        for transmit in core::iter::from_fn(|| net.master.poll_transmit()) {
            answered += u32::from(transmit.to == addr(66));
            pongs += u32::from(transmit.to == addr(1));
        }
    }
    let bursts = events_of(|| net.master.poll_event());
    let bursts = bursts
        .iter()
        .filter(|event| matches!(event, Event::Burst(_)));
    assert_eq!((pongs, bursts.count()), (100, 100));
    assert!(answered <= 40 + 50, "{answered}");
}

/// One who knows an id and no passphrase does not throw its repeater out.
#[test]
fn a_repeater_is_not_thrown_out_in_its_name() {
    let mut net = Net::new(2, 1);
    net.run(1000);
    for packet in [
        Packet::Login { repeater: REPEATER },
        Packet::Key {
            repeater: REPEATER,
            hash: [0; 32],
        },
        Packet::Ping { repeater: REPEATER },
        Packet::Close { repeater: REPEATER },
    ] {
        net.master
            .handle_bytes(net.now_ms, addr(9), &packet.to_bytes(), [5; 4]);
    }
    net.master.send(&burst(REPEATER, 77)).unwrap();
    net.run(1000);
    assert_eq!(net.clients[0].heard, [77]);
    assert!(net.clients[0].client.is_up());
}

#[test]
fn who_is_down_takes_nothing() {
    let mut client = client(GOOD);
    assert_eq!(client.send(&burst(1, 1)), Err(Busy::Down));
    let mut master = master();
    assert_eq!(master.send(&burst(REPEATER, 1)), Err(Busy::Down));
    let mut net = Net::new(1, 1);
    net.run(1000);
    let taken = (0..10_000).take_while(|_| net.master.send(&burst(REPEATER, 1)).is_ok());
    assert_eq!(taken.count(), 256);
    let client = &mut net.clients[0].client;
    let taken = (0..10_000).take_while(|_| client.send(&burst(REPEATER, 1)).is_ok());
    assert_eq!(taken.count(), 32);
}

#[test]
fn a_master_that_goes_away_and_comes_back_is_found_again() {
    let mut net = Net::new(3, 2);
    net.run(1000);
    net.master.close();
    net.run(1000);
    assert!(net.clients.iter().all(|end| !end.client.is_up()));
    net.run(30_000);
    assert!(net.clients.iter().all(|end| end.client.is_up()));
    // A restart: it knows nobody, and says so at the next ping.
    net.master = master();
    net.run(20_000);
    assert!(net.clients.iter().all(|end| end.client.is_up()));
    assert_eq!(net.master.repeaters().count(), 2);
}

// Both ends over a network.

struct End {
    client: Client,
    heard: Vec<u32>,
    faults: Vec<LoginFault>,
}

struct Net {
    now_ms: u64,
    random: u64,
    loss_percent: u64,
    double_percent: u64,
    delay_ms: u64,
    is_cut: bool,
    master: Master,
    clients: Vec<End>,
    heard: BTreeMap<u32, Vec<u32>>,
    refused: BTreeMap<&'static str, u64>,
    /// By arrival; to the master with its sender's number, or to that client.
    wire: BTreeMap<(u64, u64), (u32, bool, Bytes)>,
    serial: u64,
}

impl Net {
    fn new(seed: u64, clients: u32) -> Self {
        let client = |number| {
            let id = REPEATER + number;
            let mut config = ClientConfig::new(addr(MASTER), id, passphrase(GOOD));
            config.seed = seed + u64::from(number);
            End {
                client: Client::new(0, config),
                heard: vec![],
                faults: vec![],
            }
        };
        Self {
            now_ms: 0,
            random: seed | 1,
            loss_percent: 0,
            double_percent: 0,
            delay_ms: 5,
            is_cut: false,
            master: master(),
            clients: (0..clients).map(client).collect(),
            heard: BTreeMap::new(),
            refused: BTreeMap::new(),
            wire: BTreeMap::new(),
            serial: 0,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit.max(1)
    }

    fn run(&mut self, duration_ms: u64) {
        let end_ms = self.now_ms + duration_ms;
        loop {
            self.settle();
            let timeouts = self
                .clients
                .iter()
                .filter_map(|end| end.client.poll_timeout());
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let next = timeouts.chain(self.master.poll_timeout()).chain(arrival);
            let Some(next_ms) = next.min().filter(|at| *at <= end_ms) else {
                self.now_ms = end_ms;
                return;
            };
            self.now_ms = self.now_ms.max(next_ms);
            while let Some(entry) = self.wire.first_entry()
                && entry.key().0 <= self.now_ms
            {
                let (number, to_master, bytes) = entry.remove();
                let salt = u32::try_from(self.below(1 << 32)).unwrap().to_be_bytes();
                let now_ms = self.now_ms;
                match to_master {
                    true => self.master.handle_bytes(now_ms, addr(number), &bytes, salt),
                    false => {
                        let end = &mut self.clients[number as usize - 1];
                        end.client.handle_bytes(now_ms, addr(MASTER), &bytes);
                    }
                }
            }
            self.master.handle_timeout(self.now_ms);
            for end in &mut self.clients {
                end.client.handle_timeout(self.now_ms);
            }
        }
    }

    fn settle(&mut self) {
        while let Some(event) = self.master.poll_event() {
            match event {
                Event::Burst(burst) => {
                    let heard = self.heard.entry(burst.repeater).or_default();
                    heard.push(burst.stream);
                }
                Event::Refused { reason, .. } => {
                    *self.refused.entry(reason.reason()).or_default() += 1;
                }
                _ => {}
            }
        }
        for end in &mut self.clients {
            while let Some(event) = end.client.poll_event() {
                match event {
                    Event::Burst(burst) => end.heard.push(burst.stream),
                    Event::LoginFailed { cause, .. } => end.faults.push(cause),
                    _ => {}
                }
            }
        }
        while let Some(Transmit { to, bytes }) = self.master.poll_transmit() {
            let number = (1..9).find(|number| addr(*number) == to);
            if let Some(number) = number.filter(|number| *number as usize <= self.clients.len()) {
                self.carry(number, false, &bytes);
            }
        }
        for at in 0..self.clients.len() {
            while let Some(Transmit { bytes, .. }) = self.clients[at].client.poll_transmit() {
                self.carry(u32::try_from(at).unwrap() + 1, true, &bytes);
            }
        }
    }

    fn carry(&mut self, number: u32, to_master: bool, bytes: &Bytes) {
        if self.is_cut || self.below(100) < self.loss_percent {
            return;
        }
        let copies = 1 + u64::from(self.below(100) < self.double_percent);
        for _ in 0..copies {
            let arrival = self.now_ms + self.below(self.delay_ms + 1);
            self.serial += 1;
            let what = (number, to_master, bytes.clone());
            self.wire.insert((arrival, self.serial), what);
        }
    }

    fn exchange(&mut self) -> bool {
        for at in 0..self.clients.len() {
            let id = REPEATER + u32::try_from(at).unwrap();
            let ours = self.clients[at].client.send(&burst(id, id));
            let theirs = self.master.send(&burst(id, id + 1000));
            if ours.is_err() || theirs.is_err() {
                return false;
            }
        }
        self.run(1000);
        (0..self.clients.len()).all(|at| {
            let id = REPEATER + u32::try_from(at).unwrap();
            let up = self.heard.get(&id).is_some_and(|heard| heard.contains(&id));
            up && self.clients[at].heard.contains(&(id + 1000))
        })
    }
}

fn some_weather() -> impl Strategy<Value = (u64, u64, u64, u64, bool)> {
    let delay = prop_oneof![0..20u64, 0..3000u64];
    (1000..120_000u64, 0..60u64, 0..50u64, delay, any::<bool>())
}

/// The longest wait, its steps, and the master's patience.
const RECOVERY_MS: u64 = 60_000 + 4 * 3 * 2_000 + 45_000;

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(100)
    })]

    #[test]
    fn after_any_weather_all_are_logged_in_and_nobody_is_blamed(
        seed in 1..u64::MAX / 2,
        clients in 1..5u32,
        weathers in proptest::collection::vec(some_weather(), 1..4),
    ) {
        let mut net = Net::new(seed, clients);
        for (duration_ms, loss, double, delay_ms, is_cut) in weathers {
            (net.loss_percent, net.double_percent) = (loss, double);
            (net.delay_ms, net.is_cut) = (delay_ms, is_cut);
            net.run(duration_ms);
        }
        (net.loss_percent, net.double_percent, net.delay_ms, net.is_cut) = (0, 0, 5, false);
        net.run(RECOVERY_MS);
        prop_assert!(net.exchange(), "{:?}", net.clients[0].client);
        for end in &net.clients {
            let blamed = end.faults.iter().find(|cause| **cause != LoginFault::Unreachable);
            prop_assert_eq!(blamed, None);
        }
    }

    #[test]
    fn random_datagrams_never_panic(
        noise in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..40),
        word in proptest::sample::select(vec![&b"RPTL"[..], b"RPTK", b"RPTPING", b"DMRD", b"MST"]),
    ) {
        let (mut master, mut client) = (master(), client(GOOD));
        for (at, noise) in (0..).zip(noise) {
            let bytes = [word, &noise].concat();
            master.handle_bytes(at, addr(1), &bytes, [1; 4]);
            client.handle_bytes(at, addr(MASTER), &bytes);
            master.handle_timeout(at);
            client.handle_timeout(at);
        }
        let waiting = events_of(|| master.poll_event()).len() + sent_by_master(&mut master).len();
        prop_assert!(waiting <= 16 + 64 + MAX_BURSTS + 256);
    }
}
