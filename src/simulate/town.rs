//! The town: load, faults, and the one scheduler that moves daemon, radios and desks over the
//! virtual clock. Whatever happens at the same millisecond happens in the order it was planned.

use super::auditor::{Auditor, Ended};
use super::desk::{Asked, Desk, Told};
use super::fault::{Fault, Fired};
use super::machine::{Disks, Platter, Process, Progress};
use super::net::{Net, Way};
use super::{Broken, Plan, Verdict};
use crate::config::Config;
use crate::config::users::Role;
use crate::daemon::Input;
use crate::daemon::output::{LinkId, Output};
use crate::daemon::session::ConsoleId;
use crate::engine::id::Point;
use crate::journal;
use crate::radio::{Chance, RadioError, RadioOptions, Rates, World};
use crate::shell::disk::{Append, STALL};
use bytes::Bytes;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

/// Wall time at the beginning, UTC ms: a Monday morning, the early shift on duty.
const BEGIN_WALL_MS: i64 = 1_764_550_800_000;
/// Mean time between two reports, ms: twenty times what a town of a hundred thousand has.
const REPORT_MS: u64 = 45_000;
/// A desk says something this often, ms.
const SPEAK_MS: u64 = 2_000;
/// Snapshots are made this often, ms.
const SNAPSHOT_MS: u64 = 600_000;
/// After the load everything gets this long to come to rest, ms.
const QUIET_MS: u64 = 180_000;
/// The gateways' sockets have ports from here on.
const PORTS: u16 = 40_000;
/// Turns of the loop at one moment; more means that it spins.
const SPIN: u32 = 100_000;

/// What is to happen at a time.
enum Job {
    Start,
    Arrive { link: usize, way: Way, bytes: Bytes },
    Synced { life: u64, batch: u64 },
    Again { life: u64 },
    Prepare { life: u64 },
    Space,
    Fault(Fault),
    Replace { life: u64 },
    Speak(usize),
    Report,
    Snapshot,
}

/// What the daemon hears of what it did.
enum News {
    Written(ConsoleId, usize),
    Password(ConsoleId, String),
    NoArchive(ConsoleId, serde_json::Value),
}

/// See the module.
pub(super) struct Town {
    plan: Plan,
    config: Config,
    now_ms: u64,
    skew_ms: i64,
    agenda: BTreeMap<(u64, u64), Job>,
    tickets: u64,
    chance: Chance,
    disks: Disks,
    process: Option<Process>,
    /// Counts processes; what one was promised is nothing to the next.
    life: u64,
    consoles: u64,
    world: World,
    net: Net,
    gateways: Vec<Vec<usize>>,
    peers: Vec<SocketAddr>,
    desks: Vec<Desk>,
    auditor: Auditor,
    fired: Fired,
    slow_until: u64,
    /// The next segment cannot be prepared until somebody makes space.
    full: bool,
    /// A cut is to come in the next start.
    cut_start: bool,
    /// A fault of the disk was made, so the journal may fail.
    disk_trouble: bool,
    /// Engine time of the last durable decision.
    sound_at: u64,
    /// The state when all of it was durable, at the crash.
    live: Option<blake3::Hash>,
    /// Consoles told that nothing is accepted.
    warned: usize,
    datagrams: u64,
    crashes: u64,
    failed_starts: u64,
    failed_calls: u64,
    failed_syncs: u64,
}

impl Town {
    pub(super) fn new(config: &Config, plan: &Plan) -> Result<Self, RadioError> {
        let config = town(config);
        let options = RadioOptions {
            seed: plan.seed,
            delay_ms: 0,
            rates: Rates {
                loss: 0.0,
                need_help: 0.01,
                ..Rates::default()
            },
            ..RadioOptions::default()
        };
        let world = World::new(0, BEGIN_WALL_MS, &config, &options)?;
        let mut gateways: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut peers = Vec::new();
        for (link, port) in world.ports().enumerate() {
            gateways.entry(port.gateway.clone()).or_default().push(link);
            peers.push(match port.end {
                crate::radio::End::Connect(at) | crate::radio::End::Listen(at) => at,
                crate::radio::End::Serial(..) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            });
        }
        /// Radios, faults, network and desks have others.
        const STREAM: u64 = 5 << 32;
        let mut town = Self {
            auditor: Auditor::new(&config),
            config,
            now_ms: 0,
            skew_ms: 0,
            agenda: BTreeMap::new(),
            tickets: 0,
            chance: Chance::stream(plan.seed, STREAM),
            disks: Disks::default(),
            process: None,
            life: 0,
            consoles: 0,
            world,
            net: Net::new(plan.seed),
            gateways: gateways.into_values().collect(),
            peers,
            desks: vec![
                Desk::new("calls", false, plan.seed),
                Desk::new("desk", true, plan.seed),
            ],
            fired: Fired::planned(&plan.faults),
            slow_until: 0,
            full: false,
            cut_start: false,
            disk_trouble: false,
            sound_at: 0,
            live: None,
            warned: 0,
            datagrams: 0,
            crashes: 0,
            failed_starts: 0,
            failed_calls: 0,
            failed_syncs: 0,
            plan: plan.clone(),
        };
        town.later(0, Job::Start);
        town.later(10, Job::Speak(0));
        town.later(11, Job::Speak(1));
        town.later(5_000, Job::Report);
        town.later(SNAPSHOT_MS, Job::Snapshot);
        for fault in town.plan.faults.clone() {
            for at_ms in fault.times(town.plan.seed, town.plan.total_ms) {
                // The first minute everybody signs on.
                town.later(at_ms + 60_000, Job::Fault(fault));
            }
        }
        Ok(town)
    }

    /// Runs to the end or to the first promise broken.
    pub(super) fn run(mut self, progress: &mut dyn FnMut(u64)) -> Verdict {
        let ended = self.load(progress).and_then(|()| self.end());
        let (ended, broken) = match ended {
            Ok(ended) => (Some(ended), None),
            Err(broken) => (None, Some((self.now_ms, broken))),
        };
        let verdict = Verdict::new(&self.plan, broken, self.fired);
        let ended = ended.as_ref();
        Verdict {
            accepted: self.auditor.acked(),
            incidents: ended.map_or(0, |ended| ended.incidents),
            assignments: ended.map_or(0, |ended| ended.assignments),
            events: ended.map_or(0, |ended| ended.events),
            deltas: self.auditor.deltas,
            datagrams: self.datagrams,
            crashes: self.crashes,
            failed_starts: self.failed_starts,
            failed_calls: self.failed_calls,
            failed_syncs: self.failed_syncs,
            link_cuts: self.net.cuts,
            resends: self.auditor.resent,
            hash: ended.map_or(String::new(), |ended| ended.hash.to_hex().to_string()),
            ..verdict
        }
    }

    /// The load with its faults, then quiet.
    fn load(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), Broken> {
        let calm_at = 60_000 + self.plan.total_ms;
        self.until(calm_at, progress)?;
        self.net.calm();
        self.slow_until = 0;
        self.desks.iter_mut().for_each(|desk| desk.slow_until = 0);
        self.desks.iter_mut().for_each(|desk| desk.dead_until = 0);
        self.agenda
            .retain(|_, job| !matches!(job, Job::Report | Job::Fault(_)));
        self.until(calm_at + QUIET_MS, progress)?;
        // The last sync is on its way.
        for _ in 0..100 {
            if self.process.as_ref().is_some_and(Process::is_durable) {
                break;
            }
            self.until(self.now_ms + 1, progress)?;
        }
        Ok(())
    }

    /// The last process ends, and the journal is read anew.
    fn end(&mut self) -> Result<Ended, Broken> {
        // Every report is answered; a dispatcher may have more to do than there was time for.
        let open = self.desks.first().map_or(0, |desk| desk.open(self.now_ms));
        if open > 0 {
            return Err(Broken::new("reports are not answered", open));
        }
        let (at, live) = match &self.process {
            Some(process) if !process.failed && process.is_durable() => {
                let now = process.now(self.now_ms, self.wall_ms());
                (now.at, process.state_hash())
            }
            Some(process) => {
                let how = (process.failed, process.is_durable());
                return Err(Broken::new("the daemon did not come to rest", how));
            }
            None => return Err(Broken::new("no daemon runs", self.now_ms)),
        };
        self.process = None;
        let ended = self.auditor.finish(&mut self.disks.journal.disk(), at)?;
        match ended.state == live {
            true => Ok(ended),
            false => Err(Broken::new("the replayed state is not the live one", at)),
        }
    }

    fn wall_ms(&self) -> i64 {
        self.true_wall_ms() + self.skew_ms
    }

    /// Without the jumps of the daemon's clock.
    fn true_wall_ms(&self) -> i64 {
        BEGIN_WALL_MS + i64::try_from(self.now_ms).unwrap_or(0)
    }

    fn later(&mut self, after_ms: u64, job: Job) {
        self.tickets += 1;
        self.agenda
            .insert((self.now_ms + after_ms, self.tickets), job);
    }

    fn until(&mut self, end_ms: u64, progress: &mut dyn FnMut(u64)) -> Result<(), Broken> {
        let mut told_ms = self.now_ms;
        loop {
            self.moment()?;
            let next = self.next_ms().max(self.now_ms + 1);
            if next > end_ms {
                self.now_ms = end_ms;
                return Ok(());
            }
            self.now_ms = next;
            if self.now_ms >= told_ms + 60_000 {
                told_ms = self.now_ms;
                progress(self.now_ms);
            }
        }
    }

    fn next_ms(&self) -> u64 {
        let job = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let daemon = self.process.as_ref().and_then(|process| {
            let base = process.now(self.now_ms, 0).at;
            let timer = process.daemon.next_timer()?;
            Some(self.now_ms + timer.since_ms(base))
        });
        let times = [job, self.world.poll_timeout(), daemon];
        times.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Everything that happens now.
    fn moment(&mut self) -> Result<(), Broken> {
        for _ in 0..SPIN {
            let mut moved = false;
            if let Some(entry) = self.agenda.first_entry()
                && entry.key().0 <= self.now_ms
            {
                let job = entry.remove();
                self.perform(job)?;
                self.commit()?;
                moved = true;
            }
            if self
                .world
                .poll_timeout()
                .is_some_and(|at| at <= self.now_ms)
            {
                self.world.handle_timeout(self.now_ms, self.true_wall_ms());
                moved = true;
            }
            self.transmit();
            moved |= self.turn()?;
            if !moved {
                return Ok(());
            }
        }
        Err(Broken::new("the loop spins", self.now_ms))
    }

    /// One turn of the daemon's loop, if there is something to do.
    fn turn(&mut self) -> Result<bool, Broken> {
        let wall_ms = self.wall_ms();
        let Some(process) = &mut self.process else {
            return Ok(false);
        };
        let now = process.now(self.now_ms, wall_ms);
        let due = process.daemon.next_timer().is_some_and(|at| at <= now.at);
        if !due && !process.daemon.has_work() {
            return Ok(false);
        }
        let mut out = Vec::new();
        process.daemon.work(now, &mut out);
        self.carry_out(out)?;
        self.commit()?;
        Ok(true)
    }

    fn perform(&mut self, job: Job) -> Result<(), Broken> {
        match job {
            Job::Start => self.start(),
            Job::Arrive { link, way, bytes } => self.arrive(link, way, &bytes),
            Job::Synced { life, batch } if life == self.life => self.synced(batch),
            Job::Again { life } if life == self.life => {
                let progress = self.process.as_mut().map(Process::again).transpose()?;
                self.progressed(progress.unwrap_or(Progress::Idle))
            }
            Job::Prepare { life } if life == self.life => self.prepare(),
            Job::Replace { life } if life == self.life => {
                let power = self.chance.hits(0.5);
                self.crash(power)
            }
            Job::Space => {
                self.full = false;
                self.disks.journal.disk().fill(false);
                Ok(())
            }
            Job::Fault(fault) => self.befall(fault),
            Job::Speak(desk) => {
                self.later(SPEAK_MS, Job::Speak(desk));
                self.speak(desk)
            }
            Job::Report => {
                let next_ms = self.chance.exponential(REPORT_MS) + 1;
                self.later(next_ms, Job::Report);
                self.report();
                Ok(())
            }
            Job::Snapshot => {
                self.later(SNAPSHOT_MS, Job::Snapshot);
                if let Some(process) = &mut self.process {
                    process.snapshot(&self.disks);
                }
                Ok(())
            }
            Job::Synced { .. } | Job::Again { .. } | Job::Prepare { .. } | Job::Replace { .. } => {
                Ok(())
            }
        }
    }

    /// Gives the daemon one input and does what it wants.
    fn give(&mut self, input: Input<'_>) -> Result<(), Broken> {
        let wall_ms = self.wall_ms();
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let now = process.now(self.now_ms, wall_ms);
        let mut out = Vec::new();
        process.handle(now, input, &mut out);
        self.carry_out(out)
    }

    fn carry_out(&mut self, out: Vec<Output>) -> Result<(), Broken> {
        let mut news = VecDeque::new();
        for output in out {
            self.wish(output, &mut news)?;
        }
        while let Some(heard) = news.pop_front() {
            match heard {
                News::Written(console, bytes) => {
                    self.give(Input::ConsoleWritten { console, bytes })?;
                }
                News::Password(console, user) => {
                    let role = match user.as_str() {
                        "calls" => Role::CallTaker,
                        _ => Role::Supervisor,
                    };
                    let role = Some(role);
                    self.give(Input::PasswordChecked { console, role })?;
                }
                News::NoArchive(console, id) => {
                    let answer = Err("no archive is simulated".to_owned());
                    self.give(Input::ArchiveAnswered {
                        console,
                        id,
                        answer,
                    })?;
                }
            }
        }
        Ok(())
    }

    fn wish(&mut self, output: Output, news: &mut VecDeque<News>) -> Result<(), Broken> {
        match output {
            Output::Journal { batch, at, records } => {
                if let Some(process) = &mut self.process {
                    process.append(Append { batch, at, records });
                }
            }
            Output::Datagram { link, to, bytes } => {
                self.auditor.datagram(&bytes);
                let to = to.port().checked_sub(PORTS).map(usize::from);
                if to == Some(link.0) {
                    self.send(link.0, Way::Out, &bytes);
                }
            }
            Output::Bytes { .. } => {}
            Output::Console { console, bytes } => self.tell(console, bytes, news)?,
            Output::CloseConsole(console) => {
                let found = self
                    .desks
                    .iter()
                    .position(|desk| desk.console == Some(console));
                if let Some(desk) = found {
                    self.lose(desk);
                }
            }
            Output::CheckPassword { console, user, .. } => {
                news.push_back(News::Password(console, user));
            }
            Output::AskArchive { console, id, .. } => news.push_back(News::NoArchive(console, id)),
        }
        Ok(())
    }

    /// What the daemon is told by the disk once it hears of it.
    fn synced(&mut self, batch: u64) -> Result<(), Broken> {
        if let Some(process) = &mut self.process {
            process.committed(batch);
        }
        self.give(Input::Durable(batch))?;
        self.note_sound();
        self.prepare()?;
        self.commit()
    }

    fn note_sound(&mut self) {
        if let Some(process) = &self.process
            && process.is_durable()
        {
            self.sound_at = process.now(self.now_ms, 0).at.0;
        }
    }

    fn prepare(&mut self) -> Result<(), Broken> {
        let prepared = self.process.as_mut().is_none_or(Process::prepare);
        if !prepared {
            self.no_space();
            if self.disks.journal.disk().is_off() {
                return self.crash(true);
            }
            self.later(millis(STALL), Job::Prepare { life: self.life });
        }
        Ok(())
    }

    /// A call failed for lack of space: somebody will make some.
    fn no_space(&mut self) {
        if self.full {
            self.fired.note(Fault::NoSpace);
            self.full = false;
            let after_ms = 5_000 + self.chance.below(20_000);
            self.later(after_ms, Job::Space);
        }
    }

    fn commit(&mut self) -> Result<(), Broken> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let progress = process.commit()?;
        self.progressed(progress)
    }

    fn progressed(&mut self, progress: Progress) -> Result<(), Broken> {
        match progress {
            Progress::Idle => Ok(()),
            Progress::Synced(batch) => {
                let slow = self.slow_until > self.now_ms;
                let after_ms = match slow {
                    true => 100 + self.chance.below(4_900),
                    false => self.chance.below(3),
                };
                if slow {
                    self.fired.note(Fault::SlowSync);
                }
                self.later(
                    after_ms,
                    Job::Synced {
                        life: self.life,
                        batch,
                    },
                );
                Ok(())
            }
            Progress::Stalled(reason) => {
                self.no_space();
                if self.disks.journal.disk().is_off() {
                    return self.crash(true);
                }
                self.later(millis(STALL), Job::Again { life: self.life });
                self.give(Input::JournalStalled(reason))
            }
            Progress::Failed(reason) => self.journal_failed(reason),
        }
    }

    fn journal_failed(&mut self, reason: String) -> Result<(), Broken> {
        if self.disks.journal.disk().is_off() {
            return self.crash(true);
        }
        if !self.disk_trouble {
            return Err(Broken::new("the journal failed on a sound disk", reason));
        }
        self.failed_syncs += 1;
        let after_ms = 2_000 + self.chance.below(20_000);
        self.later(after_ms, Job::Replace { life: self.life });
        let now_ms = self.now_ms;
        let hears = |desk: &&Desk| {
            desk.console.is_some()
                && desk.untaken.is_empty()
                && desk.slow_until <= now_ms
                && desk.dead_until == 0
        };
        let listening = self.desks.iter().filter(hears).count();
        self.warned = 0;
        self.give(Input::JournalFailed(reason))?;
        match self.warned < listening {
            true => Err(Broken::new(
                "a console was not told that the journal failed",
                now_ms,
            )),
            false => Ok(()),
        }
    }

    /// The process ends without a word; with `power` what was not synced is at risk.
    fn crash(&mut self, power: bool) -> Result<(), Broken> {
        let Some(process) = self.process.take() else {
            return Ok(());
        };
        self.crashes += 1;
        self.live = process.is_durable().then(|| process.state_hash());
        drop(process);
        self.next_life(power);
        let down_ms = match self.chance.hits(0.8) {
            true => 200 + self.chance.below(5_000),
            false => 5_000 + self.chance.below(60_000),
        };
        self.later(down_ms, Job::Start);
        Ok(())
    }

    fn next_life(&mut self, power: bool) {
        self.life += 1;
        self.disk_trouble = false;
        self.full = false;
        for desk in 0..self.desks.len() {
            self.lose(desk);
        }
        let seed = self.chance.draw();
        for platter in [&self.disks.journal, &self.disks.snapshots] {
            self.failed_calls += platter.disk().failed();
        }
        let after = |platter: &Platter| {
            let disk = platter.disk();
            Platter::new(if power { disk.crash(seed) } else { disk.kill() })
        };
        self.disks = Disks {
            journal: after(&self.disks.journal),
            snapshots: after(&self.disks.snapshots),
        };
    }

    fn start(&mut self) -> Result<(), Broken> {
        if self.process.is_some() {
            return Ok(());
        }
        if std::mem::take(&mut self.cut_start) {
            let mut disk = self.disks.journal.disk();
            let call = disk.calls() + 1 + self.chance.below(12);
            disk.fail_at(call, journal::Fault::PowerCut);
        }
        let mut out = Vec::new();
        let clocks = (self.now_ms, self.wall_ms());
        match Process::start(&self.config, &self.disks, clocks, &mut out) {
            Ok(process) => self.started(process, out),
            Err(reason) => self.start_failed(&reason),
        }
    }

    fn start_failed(&mut self, reason: &str) -> Result<(), Broken> {
        if !self.disks.journal.disk().is_off() {
            return Err(Broken::new("the daemon does not start", reason));
        }
        self.fired.note(Fault::CutInRecovery);
        self.failed_starts += 1;
        self.next_life(true);
        self.later(1_000, Job::Start);
        Ok(())
    }

    fn started(&mut self, process: Process, out: Vec<Output>) -> Result<(), Broken> {
        if let Some(damage) = &process.recovery.damage {
            return Err(Broken::new("a start found damage nobody made", damage));
        }
        if let Some(live) = self.live.take()
            && live != process.recovered
        {
            return Err(Broken::new(
                "a start did not find the state of before",
                self.now_ms,
            ));
        }
        let opened_at = process.recovery.engine_time_ms;
        self.auditor
            .outages
            .push((self.sound_at, opened_at.max(self.sound_at) + 1));
        self.sound_at = opened_at;
        self.process = Some(process);
        self.carry_out(out)?;
        self.commit()?;
        self.prepare()
    }

    /// A datagram goes on its way.
    fn send(&mut self, link: usize, way: Way, bytes: &Bytes) {
        self.datagrams += 1;
        let arrivals = self
            .net
            .carry(self.now_ms, (link, way), bytes, &mut self.fired);
        for (at_ms, bytes) in arrivals {
            self.later(at_ms - self.now_ms, Job::Arrive { link, way, bytes });
        }
    }

    fn arrive(&mut self, link: usize, way: Way, bytes: &Bytes) -> Result<(), Broken> {
        match way {
            Way::In => {
                let port = PORTS + u16::try_from(link).unwrap_or(0);
                let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let link = LinkId(link);
                if self.process.is_some() {
                    self.auditor.arrived(bytes);
                }
                self.give(Input::Datagram { link, from, bytes })
            }
            Way::Out => {
                let from = self.peers.get(link).copied();
                let wall_ms = self.true_wall_ms();
                self.world
                    .handle_bytes(self.now_ms, wall_ms, link, from, bytes);
                Ok(())
            }
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.world.poll_transmit() {
            self.send(transmit.link, Way::In, &transmit.bytes);
        }
    }

    /// Bytes come to a console.
    fn tell(
        &mut self,
        console: ConsoleId,
        bytes: Bytes,
        news: &mut VecDeque<News>,
    ) -> Result<(), Broken> {
        let found = self
            .desks
            .iter()
            .position(|desk| desk.console == Some(console));
        let Some(place) = found else { return Ok(()) };
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        let waits = desk.slow_until > self.now_ms || !desk.untaken.is_empty();
        if waits || desk.dead_until > self.now_ms {
            desk.untaken.push_back(bytes);
            return Ok(());
        }
        news.push_back(News::Written(console, bytes.len()));
        self.hear(place, &bytes)
    }

    fn hear(&mut self, place: usize, bytes: &Bytes) -> Result<(), Broken> {
        let now_ms = self.now_ms;
        let mut replies = Vec::new();
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let Some(desk) = self.desks.get_mut(place) else {
                return Ok(());
            };
            let (told, reply) = desk
                .hear(now_ms, line)
                .map_err(|reason| Broken::new("a console was told what is no answer", reason))?;
            replies.extend(reply);
            if let Some(told) = told {
                self.take(place, told)?;
            }
        }
        // Its answer goes with what it says next, at the latest.
        if let Some(desk) = self.desks.get_mut(place) {
            desk.reply.extend(replies);
        }
        Ok(())
    }

    fn take(&mut self, place: usize, told: Told) -> Result<(), Broken> {
        match told {
            Told::Answer(asked, answer) => {
                let user = self.desks.get(place).map_or("", |desk| desk.user);
                if self.auditor.knows(user, &asked) && self.plan.faults.contains(&Fault::Repeat) {
                    self.fired.note(Fault::Repeat);
                }
                self.auditor.answered(user, &asked, answer)
            }
            Told::Refused(asked, problem) => self.refused(place, asked, problem),
            Told::Anew {
                epoch,
                seq,
                from_memory,
            } => {
                self.auditor.anew(place, (epoch, seq), from_memory);
                Ok(())
            }
            Told::Delta(delta) => self.auditor.delta(place, &delta),
            Told::Page(page) => self.auditor.page(place, &page),
            Told::Degraded => {
                self.warned += 1;
                Ok(())
            }
        }
    }

    /// Only reports must be taken in the end; whatever else may have become wrong meanwhile.
    fn refused(&mut self, place: usize, asked: Asked, problem: String) -> Result<(), Broken> {
        let at_ms = self.now_ms + 5_000;
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        // Read-only it does not repeat what may not be durable.
        let later = problem.contains("until a restart") || problem.contains("under the same key");
        if later {
            desk.retry(at_ms, asked);
        } else if self.auditor.knows(desk.user, &asked) {
            return Err(Broken::new(
                "an answered key was refused",
                (asked.key, problem),
            ));
        } else if asked.method == "incident.report" {
            return Err(Broken::new("a report was refused", problem));
        }
        Ok(())
    }

    /// A desk's connection is gone.
    fn lose(&mut self, place: usize) {
        let now_ms = self.now_ms;
        if let Some(desk) = self.desks.get_mut(place) {
            desk.lost(now_ms);
        }
        self.auditor.gone(place);
    }

    /// A desk says what it has to say, connects first where it must, and takes what it let wait.
    fn speak(&mut self, place: usize) -> Result<(), Broken> {
        let now_ms = self.now_ms;
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        if desk.dead_until > now_ms || self.process.is_none() {
            return Ok(());
        }
        if desk.dead_until > 0 {
            desk.dead_until = 0;
            return self.revive(place);
        }
        let Some(console) = desk.console else {
            return self.connect(place);
        };
        let mut taken = 0;
        if desk.slow_until <= now_ms {
            let untaken = std::mem::take(&mut desk.untaken);
            for bytes in untaken {
                taken += bytes.len();
                self.hear(place, &bytes)?;
            }
        }
        if taken > 0 {
            let bytes = taken;
            self.give(Input::ConsoleWritten { console, bytes })?;
        }
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        let mut bytes = std::mem::take(&mut desk.reply);
        if desk.logged_in {
            bytes.extend(desk.speak(now_ms));
        }
        let bytes = &bytes;
        self.give(Input::ConsoleBytes { console, bytes })
    }

    fn connect(&mut self, place: usize) -> Result<(), Broken> {
        self.consoles += 1;
        let console = ConsoleId(self.consoles);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        desk.console = Some(console);
        let bytes = &desk.greet();
        self.give(Input::ConsoleOpened { console, peer })?;
        self.give(Input::ConsoleBytes { console, bytes })
    }

    /// A cable is back. The daemon must have noticed that it was pulled.
    fn revive(&mut self, place: usize) -> Result<(), Broken> {
        let still = self.desks.get(place).and_then(|desk| desk.console);
        match still {
            Some(console) => Err(Broken::new("a dead console was not noticed", console.0)),
            None => self.connect(place),
        }
    }

    /// Somebody calls.
    fn report(&mut self) {
        let places: Vec<_> = self.config.usable_places().collect();
        let at = usize::try_from(self.chance.below(places.len() as u64)).unwrap_or(0);
        let place = places
            .get(at)
            .map_or("somewhere", |place| place.name.as_str());
        let categories: Vec<_> = self.config.policy.categories.values().collect();
        let at = usize::try_from(self.chance.below(categories.len() as u64)).unwrap_or(0);
        let category = categories.get(at).map(|category| category.key.as_str());
        /// Not all calls come from known places.
        const REACH_CM: u32 = 200_000;
        let (x_cm, y_cm) = (self.chance.within(REACH_CM), self.chance.within(REACH_CM));
        let at = self.config.plane.unproject(Point { x_cm, y_cm });
        let position = json!({ "lat": at.lat(), "lon": at.lon(), "datum": "wgs84" });
        let params = json!({
            "place": place, "category": category, "caller": self.tickets.to_string(),
            "position": position,
        });
        let now_ms = self.now_ms;
        if let Some(desk) = self.desks.first_mut() {
            desk.plan(now_ms, "incident.report", params);
        }
    }

    /// A fault happens.
    fn befall(&mut self, fault: Fault) -> Result<(), Broken> {
        use journal::{Call, Fault as DiskFault};
        match fault {
            Fault::Kill | Fault::PowerCut => {
                if self.process.is_none() {
                    self.later(5_000, Job::Fault(fault));
                    return Ok(());
                }
                self.fired.note(fault);
                return self.crash(fault == Fault::PowerCut);
            }
            Fault::CutInRecovery => {
                self.cut_start = true;
                return self.crash(true);
            }
            Fault::Rot | Fault::Misdirected => return self.spoil(fault),
            _ => {}
        }
        let now_ms = self.now_ms;
        match fault {
            Fault::CutInCall
            | Fault::SyncError
            | Fault::WriteError
            | Fault::Vanished
            | Fault::NoSpace => {
                if self.process.as_ref().is_none_or(|process| process.failed) || self.disk_trouble {
                    self.later(5_000, Job::Fault(fault));
                    return Ok(());
                }
                let mut disk = self.disks.journal.disk();
                let call = if self.chance.hits(0.5) {
                    Call::Write
                } else {
                    Call::Sync
                };
                match fault {
                    Fault::CutInCall => disk.fail_next(call, DiskFault::PowerCut),
                    Fault::SyncError => disk.fail_next(Call::Sync, DiskFault::Io),
                    Fault::WriteError => disk.fail_next(Call::Write, DiskFault::Io),
                    Fault::Vanished => disk.vanish(),
                    _ if self.chance.hits(0.85) => disk.fail_next(Call::Write, DiskFault::Full),
                    _ => {
                        disk.fill(true);
                        self.full = true;
                        return Ok(());
                    }
                }
                self.disk_trouble = true;
                self.fired.note(fault);
            }
            Fault::SlowSync => self.slow_until = now_ms + 30_000,
            Fault::ClockJump => {
                self.fired.note(fault);
                self.skew_ms = match self.chance.hits(0.3) {
                    true => 0,
                    false => self.chance.within(3_600_000),
                };
            }
            Fault::SlowConsole | Fault::DeadConsole => {
                let place = usize::from(self.chance.hits(0.5));
                let long_ms = 10_000 + self.chance.below(40_000);
                let desk = self
                    .desks
                    .get_mut(place)
                    .filter(|desk| desk.console.is_some() && desk.pinged && desk.dead_until == 0);
                let Some(desk) = desk else {
                    self.later(3_000, Job::Fault(fault));
                    return Ok(());
                };
                self.fired.note(fault);
                match fault {
                    Fault::SlowConsole => desk.slow_until = now_ms + long_ms,
                    _ => desk.dead_until = now_ms + long_ms,
                }
            }
            Fault::Repeat => {
                let place = usize::from(self.chance.hits(0.5));
                self.desks.get_mut(place).map(|desk| desk.repeat(now_ms));
            }
            _ => {
                let counts = [Fault::GatewayDown, Fault::Flap, Fault::Cut, Fault::HalfOpen];
                if counts.contains(&fault) {
                    self.fired.note(fault);
                }
                self.net.begin(now_ms, fault, &self.gateways);
            }
        }
        Ok(())
    }

    /// A copy of the disk loses a bit or gets a sector in the wrong place: a start must say so.
    fn spoil(&mut self, fault: Fault) -> Result<(), Broken> {
        let mut disk = self.disks.journal.disk().kill();
        let used: Vec<_> = used_sectors(&disk);
        let mut pick = |of: u64| usize::try_from(self.chance.below(of)).unwrap_or(0);
        let (from, to) = (pick(used.len() as u64), pick(used.len() as u64));
        let (Some(from), Some(to)) = (used.get(from), used.get(to)) else {
            return Ok(());
        };
        let changed = match fault {
            Fault::Rot => {
                let sector = disk.contents(&to.0).unwrap_or_default();
                let begin = to.1 * journal::SECTOR_BYTES;
                let bytes = sector
                    .get(begin..begin + journal::SECTOR_BYTES)
                    .unwrap_or_default();
                let inked: Vec<_> = (0..bytes.len())
                    .filter(|at| bytes.get(*at) != Some(&0))
                    .collect();
                let at = inked.get(pick(inked.len() as u64)).copied().unwrap_or(0);
                disk.flip(&to.0, (begin + at) as u64, 1 << pick(8));
                true
            }
            _ => disk.misdirect((&from.0, from.1), (&to.0, to.1)),
        };
        if !changed {
            return Ok(());
        }
        self.fired.note(fault);
        match journal::verify(&mut disk, |_, _| {}) {
            Ok(report) if report.is_intact() => {
                let what = format!("{fault:?} {to:?}");
                Err(Broken::new("a changed journal passed for sound", what))
            }
            _ => Ok(()),
        }
    }
}

/// Sectors of segments that hold something.
fn used_sectors(disk: &journal::SimDisk) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for index in 1.. {
        let name = journal::segment_name(index);
        let Some(bytes) = disk.contents(&name) else {
            break;
        };
        let sectors = bytes.chunks(journal::SECTOR_BYTES).enumerate();
        let used = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
        found.extend(used.map(|(number, _)| (name.clone(), number)));
    }
    found
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The config of the simulated town: two gateways, crews on duty, a position a minute.
fn town(config: &Config) -> Config {
    let mut config = config.clone();
    config.roster.sign_on_at_start = true;
    config.radio.position_interval_s = 60;
    if let [only] = config.gateways.as_slice() {
        let mut second = only.clone();
        second.name = format!("{}-b", only.name);
        for link in &mut second.links {
            link.port += 100;
        }
        config.gateways.push(second);
    }
    config
}
