//! Two links and a bad network between them, on a virtual clock. A failing case prints its seed.

extern crate std;

use super::tests::{addr, repeater};
use super::*;
use crate::hdap::Service;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

const SERVER: usize = 0;
const REPEATER: usize = 1;
/// Longest delay of a datagram; with the tries of a message still within the window.
const MAX_DELAY_MS: u64 = 600;
/// Enough for any two ends to find each other again: one heartbeat or one connect, and answers.
const RECOVERY_MS: u64 = 15_000;

/// What the network does to a datagram.
#[derive(Debug, Clone, Copy)]
struct Weather {
    loss_percent: u64,
    double_percent: u64,
    delay_ms: u64,
    /// Direction that is cut altogether: towards the server, the repeater, or none.
    cut: [bool; 2],
}

const CLEAR: Weather = Weather {
    loss_percent: 0,
    double_percent: 0,
    delay_ms: 5,
    cut: [false, false],
};

/// One end and what its owner saw.
struct End {
    link: Link,
    next_send_ms: u64,
    taken: u64,
    verdicts: BTreeMap<u64, Vec<bool>>,
    /// Tokens of the other end in the order they came, and when.
    received: Vec<(u64, u64)>,
    transmitted: u64,
}

struct Net {
    now_ms: u64,
    random: u64,
    weather: Weather,
    /// Mean pause of an owner between two messages; none are sent at 0.
    pause_ms: u64,
    ends: [End; 2],
    wire: BTreeMap<(u64, u64), (usize, Bytes)>,
    serial: u64,
}

impl Net {
    fn new(seed: u64, roles: [Role; 2]) -> Self {
        let end = |role| End {
            link: Link::new(0, role, LinkConfig::default()),
            next_send_ms: 0,
            taken: 0,
            verdicts: BTreeMap::new(),
            received: vec![],
            transmitted: 0,
        };
        Self {
            now_ms: 0,
            random: seed | 1,
            weather: CLEAR,
            pause_ms: 0,
            ends: roles.map(end),
            wire: BTreeMap::new(),
            serial: 0,
        }
    }

    fn server_and_repeater(seed: u64) -> Self {
        Self::new(seed, [Role::Listen, repeater(addr(0))])
    }

    /// A number below `limit` (xorshift).
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit.max(1)
    }

    fn run(&mut self, duration_ms: u64) {
        let end_ms = self.now_ms + duration_ms;
        loop {
            for at in [SERVER, REPEATER] {
                self.settle(at);
            }
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let timeouts = self.ends.iter().filter_map(|end| end.link.poll_timeout());
            let sends = self
                .ends
                .iter()
                .map(|end| end.next_send_ms.max(self.now_ms + 1));
            let sends = sends.filter(|_| self.pause_ms > 0);
            let next = timeouts.chain(sends).chain(arrival).min();
            let Some(next_ms) = next.filter(|at| *at <= end_ms) else {
                self.now_ms = end_ms;
                return;
            };
            self.now_ms = self.now_ms.max(next_ms);
            self.step();
        }
    }

    /// Does what is due now.
    fn step(&mut self) {
        while let Some(entry) = self.wire.first_entry()
            && entry.key().0 <= self.now_ms
        {
            let (to, bytes) = entry.remove();
            let from = u16::try_from(1 - to).unwrap();
            self.ends[to]
                .link
                .handle_bytes(self.now_ms, addr(from), &bytes);
        }
        for at in [SERVER, REPEATER] {
            self.ends[at].link.handle_timeout(self.now_ms);
            if self.pause_ms > 0 && self.ends[at].next_send_ms <= self.now_ms {
                let pause_ms = self.below(2 * self.pause_ms);
                let end = &mut self.ends[at];
                end.next_send_ms = self.now_ms + pause_ms;
                let ready = end.link.ready();
                let sent = end.link.send(self.now_ms, end.taken, message(end.taken));
                assert_eq!(sent.is_ok(), ready);
                end.taken += u64::from(ready);
            }
        }
    }

    /// Polls an end empty.
    fn settle(&mut self, at: usize) {
        while let Some(event) = self.ends[at].link.poll_event() {
            let end = &mut self.ends[at];
            match event {
                LinkEvent::Received { bytes, .. } => {
                    end.received.push((token_of(&bytes), self.now_ms));
                }
                LinkEvent::Sent { token } => end.verdicts.entry(token).or_default().push(true),
                LinkEvent::SendFailed { token, .. } => {
                    end.verdicts.entry(token).or_default().push(false);
                }
                _ => {}
            }
        }
        while let Some(Transmit { bytes, .. }) = self.ends[at].link.poll_transmit() {
            self.ends[at].transmitted += 1;
            let to = 1 - at;
            if self.weather.cut[to] || self.below(100) < self.weather.loss_percent {
                continue;
            }
            let copies = 1 + u64::from(self.below(100) < self.weather.double_percent);
            for _ in 0..copies {
                let arrival = self.now_ms + self.below(self.weather.delay_ms + 1);
                self.serial += 1;
                self.wire
                    .insert((arrival, self.serial), (to, bytes.clone()));
            }
        }
    }

    /// What must hold for the messages of one end, once nothing is on its way.
    fn audit(&self, sender: usize) -> Result<(), TestCaseError> {
        let (from, to) = (&self.ends[sender], &self.ends[1 - sender]);
        for token in 0..from.taken {
            let verdicts = from.verdicts.get(&token).map_or(&[][..], Vec::as_slice);
            prop_assert_eq!(verdicts.len(), 1, "token {} of end {}", token, sender);
            let seen = to.received.iter().enumerate();
            let seen: Vec<_> = seen.filter(|(_, (other, _))| *other == token).collect();
            prop_assert!(
                !verdicts[0] || !seen.is_empty(),
                "sent, not received: {token}"
            );
            for pair in seen.windows(2) {
                let ((first, (_, early)), (second, (_, late))) = (pair[0], pair[1]);
                let known = second - first < REPEATS && late - early < REPEAT_WINDOW_MS;
                prop_assert!(!known, "received twice: {token} at {early} and {late}");
            }
        }
        prop_assert_eq!(from.verdicts.len() as u64, from.taken);
        Ok(())
    }
}

/// A message that carries its token.
fn message(token: u64) -> Bytes {
    let mut bytes = Vec::new();
    let message = Hdap {
        service: Service::Tmp,
        reliable: false,
        opcode: 0x00A1,
        payload: &token.to_be_bytes(),
    };
    message.emit(&mut bytes);
    bytes.into()
}

fn token_of(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[5..13].try_into().unwrap())
}

fn some_weather() -> impl Strategy<Value = (u64, Weather)> {
    let cut = prop_oneof![
        5 => Just([false, false]),
        1 => Just([true, false]),
        1 => Just([false, true]),
        1 => Just([true, true]),
    ];
    let delay = prop_oneof![0..20u64, 0..=MAX_DELAY_MS];
    let times = (1000..90_000u64, delay);
    (times, 0..70u64, 0..50u64, cut).prop_map(|(times, loss_percent, double_percent, cut)| {
        let (duration_ms, delay_ms) = times;
        let weather = Weather {
            loss_percent,
            double_percent,
            delay_ms,
            cut,
        };
        (duration_ms, weather)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn every_message_ends_once_and_both_ends_find_each_other_again(
        seed: u64,
        pause_ms in 1..2000u64,
        first in 0..=u16::MAX,
        weathers in proptest::collection::vec(some_weather(), 1..5),
    ) {
        let mut net = Net::server_and_repeater(seed);
        net.ends[REPEATER].link.sequence = first;
        net.pause_ms = pause_ms;
        for (duration_ms, weather) in weathers {
            net.weather = weather;
            net.run(duration_ms);
        }
        net.weather = CLEAR;
        net.run(RECOVERY_MS);
        for end in &net.ends {
            prop_assert!(end.link.is_up(), "{:?}", end.link);
        }
        let before = [net.ends[0].received.len(), net.ends[1].received.len()];
        net.run(RECOVERY_MS);
        net.pause_ms = 0;
        net.run(RECOVERY_MS);
        for at in [SERVER, REPEATER] {
            prop_assert!(net.ends[at].received.len() > before[at], "nothing flows to {}", at);
            net.audit(at)?;
        }
    }
}

#[test]
fn on_a_clear_network_every_message_arrives_once_past_the_wrap() {
    let mut net = Net::server_and_repeater(1);
    net.run(100);
    for end in &mut net.ends {
        end.link.sequence = 65_500;
    }
    net.pause_ms = 100;
    net.run(10_000);
    net.pause_ms = 0;
    net.run(2000);
    for at in [SERVER, REPEATER] {
        let (from, to) = (&net.ends[at], &net.ends[1 - at]);
        let tokens: Vec<_> = to.received.iter().map(|(token, _)| *token).collect();
        assert_eq!(tokens, (0..from.taken).collect::<Vec<_>>());
        assert!(from.taken > 60, "the sequence wrapped: {}", from.taken);
        assert!(from.verdicts.values().all(|verdicts| *verdicts == [true]));
        assert_eq!(from.link.counts().resent, 0);
    }
}

/// Both ends have a heartbeat timer. Ten heartbeats a minute with an answer each, whichever end
/// starts them, make 20; the spare ones are the minute's edges.
#[test]
fn two_ends_that_both_keep_time_do_not_storm() {
    for (name, double_percent, delay_ms) in [
        ("clear", 0, 5),
        ("no delay", 0, 0),
        ("slow", 0, 5000),
        ("all doubled", 100, 5),
        ("all doubled and slow", 100, 600),
    ] {
        let mut net = Net::server_and_repeater(7);
        net.run(100);
        net.weather.double_percent = double_percent;
        net.weather.delay_ms = delay_ms;
        let mut before = 0;
        for minute in 0..60 {
            net.run(60_000);
            let total: u64 = net.ends.iter().map(|end| end.transmitted).sum();
            let minute_count = total - before;
            let most = if double_percent == 0 { 22 } else { 40 };
            assert!(
                (10..=most).contains(&minute_count),
                "{name} {minute}: {minute_count}"
            );
            before = total;
        }
        for end in &net.ends {
            assert!(end.link.is_up(), "{name}");
        }
    }
}

#[test]
fn a_cut_of_any_length_in_any_direction_is_mended() {
    for cut in [[true, false], [false, true], [true, true]] {
        for cut_ms in (1000..200_000).step_by(3700) {
            let mut net = Net::server_and_repeater(cut_ms);
            net.run(100);
            net.weather.cut = cut;
            net.run(cut_ms);
            net.weather.cut = [false, false];
            net.run(RECOVERY_MS);
            for end in &net.ends {
                assert!(end.link.is_up(), "{cut:?} for {cut_ms} ms: {:?}", end.link);
            }
        }
    }
}

#[test]
fn a_restarted_repeater_is_heard_at_once_and_a_restarted_server_within_the_heartbeats() {
    let mut net = Net::server_and_repeater(3);
    net.pause_ms = 500;
    net.run(20_000);
    let now_ms = net.now_ms;
    net.ends[REPEATER].link = Link::new(now_ms, repeater(addr(0)), LinkConfig::default());
    let before = net.ends[SERVER].received.len();
    net.run(3000);
    assert!(net.ends[SERVER].received.len() > before);
    let now_ms = net.now_ms;
    net.ends[SERVER].link = Link::new(now_ms, Role::Listen, LinkConfig::default());
    net.run(66_000 + RECOVERY_MS);
    assert!(net.ends.iter().all(|end| end.link.is_up()));
    // A server that remembers its peer needs no more than one heartbeat.
    let now_ms = net.now_ms;
    let mut link = Link::new(now_ms, Role::Listen, LinkConfig::default());
    link.resume(addr(1), Some(1), Some(1), 30_000);
    assert_eq!(link.send(now_ms, 0, message(0)), Err(Busy::Down));
    net.ends[SERVER].link = link;
    net.pause_ms = 0;
    net.run(6100);
    assert!(net.ends.iter().all(|end| end.link.is_up()));
}
