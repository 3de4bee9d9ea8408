//! The town: load, faults, and the one scheduler that moves daemon, radios and desks over the
//! virtual clock. Whatever happens at the same millisecond happens in the order it was planned.

mod config;
mod consoles;
mod faults;
mod life;
mod line;

use super::auditor::{Auditor, Ended};
use super::desk::{Asked, Desk, Told};
use super::fault::{Fault, Fired};
use super::machine::{Disks, Platter, Process, Progress};
use super::net::{Net, Way};
use super::places::Clocks;
use super::verdict::Figures;
use super::{Broken, Plan, Verdict};
use crate::config::Config;
use crate::config::users::Role;
use crate::daemon::Input;
use crate::daemon::output::{LinkId, Output};
use crate::daemon::session::ConsoleId;
use crate::engine::id::Point;
use crate::journal;
use crate::radio::{Chance, End, Lie, RadioError, RadioOptions, Rates, World};
use crate::shell::disk::{Append, STALL};
use bytes::Bytes;
use line::Line;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Wall time at the beginning, UTC ms: a Monday morning, the early shift on duty.
const BEGIN_WALL_MS: i64 = 1_764_550_800_000;
/// Mean time between two reports, ms: twenty times what a town of a hundred thousand has.
const REPORT_MS: u64 = 45_000;
/// Time on a scene, seconds: short, so that a town's crews can do twenty towns' work.
const SCENE_S: u32 = 180;
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
    Arrive {
        link: usize,
        way: Way,
        bytes: Bytes,
    },
    Bytes {
        way: Way,
        frame: Bytes,
        bytes: Bytes,
        pulls: u64,
    },
    Plug,
    Talks {
        life: u64,
        pulls: u64,
    },
    Synced {
        life: u64,
        batch: u64,
    },
    Again {
        life: u64,
    },
    Prepare {
        life: u64,
    },
    Space,
    Fault(Fault),
    Replace {
        life: u64,
    },
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
    config: Arc<Config>,
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
    line: Line,
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
    /// The process that crashed, when all it had decided was durable.
    live: Option<Process>,
    /// Consoles told that nothing is accepted.
    warned: usize,
    figures: Figures,
}

impl Town {
    pub(super) fn new(config: &Config, plan: &Plan) -> Result<Self, RadioError> {
        let config = config::town(config);
        let options = RadioOptions {
            seed: plan.seed,
            delay_ms: 0,
            scene_s: SCENE_S,
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
        let mut line = Line::new(usize::MAX, plan.seed);
        for (link, port) in world.ports().enumerate() {
            let at = match port.end {
                End::Connect(at) | End::Listen(at) => {
                    gateways.entry(port.gateway.clone()).or_default().push(link);
                    at
                }
                End::Serial(..) => {
                    line.link = link;
                    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
                }
            };
            peers.push(at);
        }
        /// Radios, faults, network and desks have others.
        const STREAM: u64 = 5 << 32;
        let mut town = Self {
            auditor: Auditor::new(&config),
            config: config.into(),
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
            line,
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
            figures: Figures::default(),
            plan: plan.clone(),
        };
        town.later(0, Job::Start);
        town.later(5, Job::Plug);
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
        let mut figures = Figures {
            accepted: self.auditor.acked(),
            deltas: self.auditor.deltas,
            link_cuts: self.net.cuts,
            resends: self.auditor.resent,
            ..self.figures
        };
        let mut hash = String::new();
        if let Some(ended) = ended {
            figures.incidents = ended.incidents;
            figures.assignments = ended.assignments;
            figures.events = ended.events;
            hash = ended.hash.to_hex().to_string();
        }
        Verdict {
            hash,
            ..Verdict::new(&self.plan, broken, (figures, self.fired))
        }
    }

    /// The load with its faults, then quiet.
    fn load(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), Broken> {
        let calm_at = 60_000 + self.plan.total_ms;
        self.until(calm_at, progress)?;
        self.net.calm();
        self.line.calm();
        self.slow_until = 0;
        for desk in &mut self.desks {
            (desk.slow_until, desk.dead_until) = (0, 0);
        }
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

    fn next_ms(&mut self) -> u64 {
        let job = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let daemon = self.process.as_mut().and_then(|process| {
            let base = process.now(self.now_ms, 0).at;
            let timer = process.next_timer()?;
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
                let before = self.world.stats().late_answers;
                self.world.handle_timeout(self.now_ms, self.true_wall_ms());
                for _ in before..self.world.stats().late_answers {
                    self.fired.note(Fault::LateAnswer);
                }
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
        let Some(out) = process.turn(now) else {
            return Ok(false);
        };
        self.carry_out(out)?;
        self.commit()?;
        Ok(true)
    }

    fn perform(&mut self, job: Job) -> Result<(), Broken> {
        match job {
            Job::Start => self.start(),
            Job::Arrive { link, way, bytes } => self.arrive(link, way, &bytes),
            Job::Bytes {
                way,
                frame,
                bytes,
                pulls,
            } => self.come(way, (&frame, &bytes), pulls),
            Job::Plug => self.plug(),
            Job::Talks { life, pulls } => self.talks(life, pulls),
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
                let config = &self.config;
                let process = self.process.as_mut();
                process.map_or(Ok(()), |it| it.snapshot(config, &self.disks))
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
            Output::Bytes { bytes, .. } => {
                self.auditor.datagram(&bytes);
                self.wire(Way::Out, &bytes);
            }
            // The town has no gateway over HTTP, and nobody prints its list.
            Output::Ask { .. } | Output::Fallback(_) => {}
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

    /// A datagram goes on its way.
    fn send(&mut self, link: usize, way: Way, bytes: &Bytes) {
        if link == self.line.link {
            return self.wire(way, bytes);
        }
        self.figures.datagrams += 1;
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
                self.audit(bytes);
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

    /// The auditor sees what comes to the daemon.
    fn audit(&mut self, bytes: &Bytes) {
        let (wall_ms, true_wall_ms) = (self.wall_ms(), self.true_wall_ms());
        let Some(process) = &self.process else { return };
        let clocks = Clocks {
            at: process.now(self.now_ms, wall_ms).at,
            wall_ms,
            true_wall_ms,
        };
        for lie in self.auditor.arrived(bytes, clocks) {
            self.fired.note(lie);
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.world.poll_transmit() {
            self.send(transmit.link, Way::In, &transmit.bytes);
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
