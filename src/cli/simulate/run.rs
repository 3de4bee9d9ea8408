//! One scheduler over a virtual clock: daemon, disk, network, radios and consoles take turns, and
//! each seed tells one story.

use super::auditor::Auditor;
use super::desk::{Desk, Wish};
use super::fault::{Fault, Storm};
use super::process::{Disks, Instant, Process};
use super::verdict::{Counts, Verdict};
use crate::config::users::Role;
use crate::config::{AnyPort, Config};
use crate::daemon::Input;
use crate::daemon::output::{LinkId, Output};
use crate::daemon::session::ConsoleId;
use crate::radio::{RadioOptions, Rates, Terminals, World};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What to simulate.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) hours: f64,
    pub(super) faults: BTreeSet<Fault>,
}

/// 24 November 2026, eight in the morning in the sample town.
const WALL_MS: i64 = 1_795_478_400_000;
/// Desks, and how often each reports: about twenty times what such a town has.
const DESKS: u64 = 3;
const CALL_EVERY_US: u64 = 130_000_000;
/// Ports of the simulated gateways.
const RADIO_PORT: u16 = 40_000;
/// Time one way, milliseconds.
pub(super) const WAY_MS: u64 = 1;
/// A password, milliseconds.
const PASSWORD_MS: u64 = 30;
/// Turns of the daemon at one moment before it is said to spin.
const SPIN: u32 = 20_000;

/// What is on its way.
pub(super) enum Item {
    ToDaemon(LinkId, SocketAddr, Bytes),
    ToRadios(usize, SocketAddr, Bytes),
    FromConsole(ConsoleId, String),
    ToConsole(ConsoleId, Bytes),
    ConsoleEnds(ConsoleId, bool),
    Password(ConsoleId),
    Synced,
    Start,
}

/// A console's connection.
pub(super) struct Wire {
    pub(super) desk: usize,
    pub(super) half_open: bool,
    pub(super) slow_until: u64,
}

pub(super) struct Simulation<'a> {
    pub(super) config: &'a Config,
    pub(super) storm: Storm,
    pub(super) now: Instant,
    pub(super) end_ms: u64,
    pub(super) wall_off_ms: i64,
    pub(super) process: Option<Process>,
    /// The machine's disks while nothing runs.
    pub(super) disks: Disks,
    pub(super) world: World,
    pub(super) links: BTreeMap<u16, LinkId>,
    pub(super) ports: Vec<SocketAddr>,
    pub(super) desks: Vec<Desk<'a>>,
    pub(super) wires: BTreeMap<ConsoleId, Wire>,
    pub(super) next_console: u64,
    pub(super) agenda: BTreeMap<(u64, u64), Item>,
    pub(super) order: u64,
    pub(super) syncing: bool,
    pub(super) slow_until: u64,
    pub(super) cut_until: u64,
    /// What the next commits meet, one each.
    pub(super) spoil: VecDeque<Fault>,
    pub(super) kill_at_commit: Option<bool>,
    /// Engine time since when nothing is written any more.
    pub(super) silent_ms: Option<u64>,
    pub(super) rotted: u64,
    pub(super) spun: u32,
    pub(super) auditor: Auditor,
    pub(super) counts: Counts,
    pub(super) log: blake3::Hasher,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(plan: &Plan, config: &'a Config) -> anyhow::Result<Self> {
        let now = Instant {
            ms: 0,
            wall_ms: WALL_MS,
        };
        let options = RadioOptions {
            terminals: Terminals::Roster,
            daemon: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            seed: plan.seed,
            rates: Rates {
                loss: 0.0,
                need_help: 0.002,
                ..Rates::default()
            },
            ..RadioOptions::default()
        };
        let world = World::new(now.ms, now.wall_ms, config, &options)?;
        let ports = config.gateways.iter().flat_map(|gateway| gateway.ports());
        let mut links = BTreeMap::new();
        let mut addresses = Vec::new();
        for (index, port) in ports.enumerate() {
            let AnyPort::Udp(link) = port else {
                anyhow::bail!("the simulator knows gateways over UDP only");
            };
            links.insert(link.port, LinkId(index));
            addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, link.port)));
        }
        let desks = (1..=DESKS).map(|number| Desk::new(number, plan.seed, config, CALL_EVERY_US));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked"
        )]
        let end_ms = (plan.hours * 3_600_000.0) as u64;
        let mut simulation = Self {
            config,
            storm: Storm::new(plan.seed, plan.hours, &plan.faults),
            now,
            end_ms,
            wall_off_ms: 0,
            process: None,
            disks: Disks::default(),
            world,
            links,
            ports: addresses,
            desks: desks.collect(),
            wires: BTreeMap::new(),
            next_console: 0,
            agenda: BTreeMap::new(),
            order: 0,
            syncing: false,
            slow_until: 0,
            cut_until: 0,
            spoil: VecDeque::new(),
            kill_at_commit: None,
            silent_ms: None,
            rotted: 0,
            spun: 0,
            auditor: Auditor::new(config),
            counts: Counts::default(),
            log: blake3::Hasher::new(),
        };
        simulation.later(0, Item::Start);
        Ok(simulation)
    }

    /// Runs to the end; `progress` gets simulated milliseconds done.
    pub(super) fn run(mut self, mut progress: impl FnMut(u64)) -> Verdict {
        while let Some(next_ms) = self.next_ms().filter(|next| *next < self.end_ms) {
            self.advance(next_ms);
            self.step();
            progress(self.now.ms);
        }
        self.finish()
    }

    fn next_ms(&self) -> Option<u64> {
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let process = self.process.as_ref();
        let daemon = process.and_then(|process| process.next_ms(self.now.ms));
        let desks = self.desks.iter().map(Desk::next_ms).min();
        let others = [
            agenda,
            daemon,
            desks,
            self.world.poll_timeout(),
            self.storm.next_ms(),
        ];
        others.into_iter().flatten().min()
    }

    fn advance(&mut self, ms: u64) {
        let ms = ms.max(self.now.ms);
        self.spun = if ms == self.now.ms { self.spun + 1 } else { 0 };
        if self.spun == SPIN {
            self.auditor.fault(ms, "time stands still");
            self.spun = 0;
            return self.advance(ms + 1);
        }
        let elapsed = i64::try_from(ms).unwrap_or(i64::MAX);
        self.now = Instant {
            ms,
            wall_ms: WALL_MS + elapsed + self.wall_off_ms,
        };
    }

    /// The wall clock of everybody else.
    fn true_wall_ms(&self) -> i64 {
        self.now.wall_ms - self.wall_off_ms
    }

    fn step(&mut self) {
        let now_ms = self.now.ms;
        while let Some(fault) = self.storm.due(now_ms) {
            self.strike(fault);
        }
        while let Some(entry) = self.agenda.first_entry().filter(|it| it.key().0 <= now_ms) {
            let item = entry.remove();
            self.deliver(item);
        }
        if self.world.poll_timeout().is_some_and(|at| at <= now_ms) {
            self.world.handle_timeout(now_ms, self.true_wall_ms());
            self.carry_radios();
        }
        for desk in 0..self.desks.len() {
            let wishes = match self.desks.get_mut(desk) {
                Some(it) if it.next_ms() <= now_ms => it.act(self.now),
                _ => continue,
            };
            self.grant(desk, wishes);
        }
        self.with_daemon(|process, now, out| process.work(now, out));
        self.begin_sync();
    }

    pub(super) fn later(&mut self, ms: u64, item: Item) {
        self.order += 1;
        self.agenda.insert((self.now.ms + ms, self.order), item);
    }

    /// Lets the daemon do something, and does what it wants.
    pub(super) fn with_daemon(
        &mut self,
        run: impl FnOnce(&mut Process, Instant, &mut Vec<Output>),
    ) {
        let Some(process) = &mut self.process else {
            return;
        };
        let mut out = Vec::new();
        run(process, self.now, &mut out);
        for output in out {
            self.take(output);
        }
    }

    pub(super) fn take(&mut self, output: Output) {
        match output {
            Output::Journal { batch, at, records } => {
                for record in &records {
                    self.note("journal", record);
                }
                if let Some(process) = &mut self.process {
                    process.append(batch, at, records);
                }
            }
            Output::Datagram { link, to, bytes } => {
                self.note("datagram", &bytes);
                self.auditor.sent(&bytes);
                let radio = usize::from(to.port().saturating_sub(RADIO_PORT));
                if let Some(from) = self.ports.get(link.0).copied() {
                    self.air(bytes, |bytes| Item::ToRadios(radio, from, bytes));
                }
            }
            // The simulated town has no serial line, and nobody prints its list.
            Output::Bytes { .. } | Output::Fallback(_) => {}
            Output::Console { console, bytes } => {
                self.note("console", &bytes);
                self.later(WAY_MS, Item::ToConsole(console, bytes));
            }
            Output::CloseConsole(console) => self.later(WAY_MS, Item::ConsoleEnds(console, true)),
            Output::CheckPassword { console, .. } => {
                self.later(PASSWORD_MS, Item::Password(console));
            }
            // Nobody asks the archive here.
            Output::AskArchive { .. } => {}
        }
    }

    /// Into the log whose hash is the same for the same seed.
    fn note(&mut self, what: &str, bytes: &[u8]) {
        self.log.update(&self.now.ms.to_le_bytes());
        self.log.update(what.as_bytes());
        self.log.update(bytes);
    }

    /// Over the network, which loses, doubles, delays and spoils.
    fn air(&mut self, bytes: Bytes, item: impl Fn(Bytes) -> Item) {
        if self.now.ms < self.cut_until || self.storm.hits(Fault::Lost) {
            return;
        }
        let mut bytes = bytes;
        if self.storm.hits(Fault::Garbled) {
            let mut spoilt = bytes.to_vec();
            let place = self.storm.below(spoilt.len() as u64);
            let mask = 1 << self.storm.below(8);
            if let Some(byte) = usize::try_from(place)
                .ok()
                .and_then(|at| spoilt.get_mut(at))
            {
                *byte ^= mask;
            }
            bytes = spoilt.into();
        }
        if self.storm.hits(Fault::Doubled) {
            let late = self.storm.below(50);
            self.later(WAY_MS + late, item(bytes.clone()));
        }
        let late = match self.storm.hits(Fault::Delayed) {
            true => self.storm.below(2_000),
            false => 0,
        };
        self.later(WAY_MS + late, item(bytes));
    }

    fn carry_radios(&mut self) {
        while let Some(transmit) = self.world.poll_transmit() {
            let Some(link) = transmit
                .to
                .and_then(|to| self.links.get(&to.port()).copied())
            else {
                continue;
            };
            let port = RADIO_PORT + u16::try_from(transmit.link).unwrap_or(0);
            let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            self.air(transmit.bytes, |bytes| Item::ToDaemon(link, from, bytes));
        }
    }

    fn deliver(&mut self, item: Item) {
        match item {
            Item::ToDaemon(link, from, bytes) => {
                let bytes = &bytes;
                let input = Input::Datagram { link, from, bytes };
                self.with_daemon(|process, now, out| process.handle(now, input, out));
            }
            Item::ToRadios(link, from, bytes) => {
                let wall_ms = self.true_wall_ms();
                self.world
                    .handle_bytes(self.now.ms, wall_ms, link, Some(from), &bytes);
                self.carry_radios();
            }
            Item::FromConsole(console, line) => {
                if self.wires.get(&console).is_some_and(|wire| !wire.half_open) {
                    let bytes = line.as_bytes();
                    let input = Input::ConsoleBytes { console, bytes };
                    self.with_daemon(|process, now, out| process.handle(now, input, out));
                }
            }
            Item::ToConsole(console, bytes) => self.write_console(console, bytes),
            Item::ConsoleEnds(console, by_daemon) => self.console_ends(console, by_daemon),
            Item::Password(console) => {
                let role = Some(Role::Supervisor);
                let input = Input::PasswordChecked { console, role };
                self.with_daemon(|process, now, out| process.handle(now, input, out));
            }
            Item::Synced => self.synced(),
            Item::Start => self.start(),
        }
    }

    fn write_console(&mut self, console: ConsoleId, bytes: Bytes) {
        let Some(wire) = self.wires.get(&console) else {
            return;
        };
        let (desk, half_open, slow_until) = (wire.desk, wire.half_open, wire.slow_until);
        if half_open {
            return;
        }
        if self.now.ms < slow_until {
            return self.later(slow_until - self.now.ms, Item::ToConsole(console, bytes));
        }
        let count = bytes.len();
        let input = Input::ConsoleWritten {
            console,
            bytes: count,
        };
        self.with_daemon(|process, now, out| process.handle(now, input, out));
        let wishes = match self.desks.get_mut(desk) {
            Some(desk) => desk.hear(self.now, &bytes, &mut self.auditor),
            None => Vec::new(),
        };
        self.grant(desk, wishes);
    }

    fn console_ends(&mut self, console: ConsoleId, by_daemon: bool) {
        let Some(wire) = self.wires.remove(&console) else {
            return;
        };
        if by_daemon
            && !wire.half_open
            && let Some(desk) = self.desks.get_mut(wire.desk)
            && desk
                .line
                .as_ref()
                .is_some_and(|line| line.console == console)
        {
            desk.gone(self.now);
        }
        let input = Input::ConsoleClosed(console);
        self.with_daemon(|process, now, out| process.handle(now, input, out));
    }

    fn grant(&mut self, desk: usize, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Say(console, line) => self.later(WAY_MS, Item::FromConsole(console, line)),
                Wish::Hang(console) => {
                    if self.wires.get(&console).is_some_and(|wire| !wire.half_open) {
                        self.later(WAY_MS, Item::ConsoleEnds(console, false));
                    }
                }
                Wish::Connect => self.connect(desk),
            }
        }
    }

    fn connect(&mut self, desk: usize) {
        if self.process.is_none() {
            return;
        }
        self.next_console += 1;
        let console = ConsoleId(self.next_console);
        let wire = Wire {
            desk,
            half_open: false,
            slow_until: 0,
        };
        self.wires.insert(console, wire);
        let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let input = Input::ConsoleOpened { console, peer };
        self.with_daemon(|process, now, out| process.handle(now, input, out));
        if let Some(it) = self.desks.get_mut(desk) {
            let wish = it.opened(self.now, console);
            self.grant(desk, vec![wish]);
        }
    }

    fn finish(mut self) -> Verdict {
        let at_ms = self.silent_ms.or(self.engine_ms()).unwrap_or(0);
        // What is on its way to the disk is let through; then the journal is read to its end.
        self.with_daemon(|process, now, out| {
            process.commit(now, true, out);
        });
        self.read_on();
        if self
            .process
            .as_ref()
            .is_some_and(|process| !process.agrees())
        {
            let what = "the journal does not make what the daemon had";
            self.auditor.fault(self.now.ms, what);
        }
        Verdict {
            simulated_ms: self.now.ms,
            accepted: self.auditor.accepted,
            counts: self.counts,
            fired: self.storm.counts,
            log: self.log.finalize().to_hex().to_string(),
            outcome: self.auditor.finish(at_ms),
        }
    }
}
