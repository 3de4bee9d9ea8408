//! Ring 2: the one loop's content. Consoles' bytes and gateways' datagrams come in, are put in
//! order, decided by the engine, journalled, and what they cause leaves once it is durable.
//!
//! ```text
//! handle(now, Input)   sorts what came into lanes: urgent, normal, positions
//! work(now)            takes the lanes in this order and lets the engine decide
//! next_timer()         when to call work() though nothing came
//! ```
//! Nothing here is async or reads a clock: the shell moves bytes and time, a simulator may too.

pub mod api;
pub mod archive;
mod batch;
pub mod board;
mod control;
pub mod degraded;
mod desk;
mod door;
mod effect;
mod fallback;
mod flood;
pub mod gateway;
mod health;
pub mod notice;
pub mod output;
mod pace;
mod port;
mod position;
mod radio;
pub mod rpc;
mod serve;
pub mod session;
mod show;
mod shown;
mod stage;
pub mod text;
mod unrecorded;
pub mod view;
mod work_order;

#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::config::users::Role;
use crate::engine::Engine;
use crate::engine::claim::Desk;
use crate::engine::command::Command;
use crate::engine::event::Event;
use crate::engine::id::{EngineTime, RadioId, UnitId};
use crate::planted::{Planted, planted};
use batch::Batches;
use board::Touched;
use bytes::Bytes;
use control::Control;
use degraded::{Room, Short};
use door::Strangers;
use effect::Held;
use fallback::Draft;
use gateway::{Gateways, Serial};
use notice::Until;
use output::{LinkId, Outbox, Output};
use position::HeardFix;
use radio::Inbound;
use rpc::{Problem, Request};
use session::{ConsoleId, Cut, Session};
use shown::Shown;
use stage::{Stage, Stages};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use tieqi_protocols::link::Answer;
use view::Views;

/// Now, in the clocks a decision may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Engine time.
    pub at: EngineTime,
    /// Wall clock, milliseconds since 1970 UTC: a label, and the clock of GPS fixes.
    pub wall_ms: i64,
    /// Monotonic, microseconds from some start: only differences count.
    pub mono_us: u64,
}

/// Everything that can come to the daemon.
#[derive(Debug)]
pub enum Input<'a> {
    /// A console connected.
    ConsoleOpened {
        /// Its name from here on.
        console: ConsoleId,
        /// Where it comes from.
        peer: SocketAddr,
    },
    /// A console sent bytes.
    ConsoleBytes {
        /// Which.
        console: ConsoleId,
        /// As they came.
        bytes: &'a [u8],
    },
    /// Bytes to a console are on their way.
    ConsoleWritten {
        /// Which.
        console: ConsoleId,
        /// How many.
        bytes: usize,
    },
    /// So many lines wait for a console that its socket takes no more.
    ConsoleFull(ConsoleId),
    /// A console is gone.
    ConsoleClosed(ConsoleId),
    /// A password was checked.
    PasswordChecked {
        /// For which console.
        console: ConsoleId,
        /// The user's role, none when name or password are wrong.
        role: Option<Role>,
    },
    /// A datagram came to a link's socket.
    Datagram {
        /// Which socket.
        link: LinkId,
        /// From whom.
        from: SocketAddr,
        /// As it came.
        bytes: &'a [u8],
    },
    /// The archive answered.
    ArchiveAnswered {
        /// For which console.
        console: ConsoleId,
        /// Its request's id.
        id: serde_json::Value,
        /// The result as JSON, or why there is none.
        answer: Result<String, String>,
    },
    /// How archive and snapshots are now.
    Archive(archive::Status),
    /// Something happened at a link's serial port.
    Serial {
        /// Which port.
        link: LinkId,
        /// What.
        what: Serial<'a>,
    },
    /// What came of a request to a gateway behind HTTP.
    Answer {
        /// Whose.
        link: LinkId,
        /// What.
        answer: &'a Answer,
    },
    /// Batches up to this one are on the disk.
    Durable(u64),
    /// How much room the journal's disk has.
    Room(Room),
    /// The segment after this one could be prepared, or why not.
    NextSegment(Result<(), String>),
    /// There is no space for the next batches; they wait, and nothing is lost yet.
    JournalStalled(String),
    /// The journal failed; nothing more becomes durable until a restart.
    JournalFailed(String),
}

/// Something waiting for its turn.
#[derive(Debug)]
enum Work {
    Request {
        console: ConsoleId,
        request: Request,
        arrived_us: u64,
    },
    Radio(Inbound),
}

/// The daemon between its sockets and its engine.
pub struct Daemon {
    config: Arc<Config>,
    engine: Engine,
    epoch: u64,
    /// The last time it was handed.
    at: EngineTime,
    sessions: BTreeMap<ConsoleId, Session>,
    strangers: Strangers,
    gateways: Gateways,
    control: Control,
    emergencies: VecDeque<Inbound>,
    urgent: VecDeque<Work>,
    normal: VecDeque<Work>,
    positions: BTreeMap<RadioId, HeardFix>,
    /// Whose position was taken last.
    observed: RadioId,
    batches: Batches<Held>,
    /// Batches that are not durable yet, and when they were decided.
    decided: VecDeque<(u64, Now)>,
    board_seq: u64,
    /// Consoles whose turn to be shown the board comes.
    boards: VecDeque<ConsoleId>,
    moved: BTreeSet<UnitId>,
    noted_at: EngineTime,
    /// Positions are being journalled: up to whom that is done, and when the next piece is due.
    noting: Option<(RadioId, EngineTime)>,
    shown_at: EngineTime,
    /// Rankings shown to the desks.
    shown: Shown,
    /// Numbers told to flood.
    floods: BTreeSet<String>,
    pace: pace::Pace,
    /// Desks that are gone and held claims.
    gone: Vec<Desk>,
    /// Who begins duty with the daemon and did not yet: the disk comes first.
    arriving: VecDeque<Command>,
    stages: Stages,
    counts: view::Counts,
    degraded: Option<String>,
    stalled: Option<(String, Until)>,
    short: Short,
    unrecorded: unrecorded::Heard,
    listed: Option<fallback::Shown>,
    draft: Option<Draft>,
    archive: archive::Status,
    /// Questions the archive has not answered yet.
    questions: usize,
}

impl Daemon {
    /// Requests and frames that may wait in a lane.
    pub const LANE: usize = 1024;
    /// Reports a lane takes beyond that.
    const CALLS: usize = 256;
    /// Emergencies that may wait, in a lane of their own.
    const EMERGENCIES: usize = 64;
    /// Normal work done in one turn. Between turns the sockets are read, so this is what an urgent
    /// input may wait for, and so are the two below.
    const NORMAL_TURN: usize = 16;
    /// Deadlines handled in one turn.
    const DUE_TURN: usize = 16;
    /// Positions taken in one turn.
    const POSITIONS_TURN: usize = 256;
    /// Consoles shown the board in one turn.
    const BOARDS_TURN: usize = 16;
    /// `PositionsNoted` is journalled this often, milliseconds.
    const NOTE_EVERY_MS: u64 = 10_000;
    /// Between two pieces of it, milliseconds.
    const NOTE_REST_MS: u64 = 10;
    /// Positions are shown at most this often, milliseconds.
    const SHOW_EVERY_MS: u64 = 1_000;

    /// A daemon over an engine whose journal was replayed. `epoch` is new at each start.
    #[must_use]
    pub fn new(now: Now, config: impl Into<Arc<Config>>, engine: Engine, epoch: u64) -> Self {
        let config = config.into();
        let mut gateways = Gateways::new(now.at, &config, epoch);
        let [low, high, ..] = epoch.to_le_bytes();
        gateways.resume(&engine.state().links, u16::from_le_bytes([low, high]));
        Self {
            config,
            engine,
            epoch,
            at: now.at,
            sessions: BTreeMap::new(),
            strangers: Strangers::default(),
            gateways,
            control: Control::default(),
            emergencies: VecDeque::new(),
            urgent: VecDeque::new(),
            normal: VecDeque::new(),
            positions: BTreeMap::new(),
            observed: RadioId(0),
            batches: Batches::default(),
            decided: VecDeque::new(),
            board_seq: 0,
            boards: VecDeque::new(),
            moved: BTreeSet::new(),
            noted_at: now.at,
            noting: None,
            shown_at: now.at,
            shown: Shown::default(),
            floods: BTreeSet::new(),
            pace: pace::Pace::default(),
            gone: Vec::new(),
            arriving: VecDeque::new(),
            stages: Stages::default(),
            counts: view::Counts::default(),
            degraded: None,
            stalled: None,
            short: Short::default(),
            unrecorded: unrecorded::Heard::default(),
            listed: None,
            draft: None,
            archive: archive::Status::default(),
            questions: 0,
        }
    }

    /// The engine, to look at.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// First thing after start: config into the journal, the roster on duty, waiting work looked
    /// at, and offers that may not have arrived sent again under the same request id.
    pub fn start(&mut self, now: Now, sign_on: Vec<Command>, out: &mut dyn Outbox) {
        if self.degraded.is_some() {
            return;
        }
        // The register is published in pieces that fit a batch.
        loop {
            let seq = self.engine.state().seq;
            self.execute(now, &Command::PublishPolicy, out);
            if self.engine.state().seq == seq {
                break;
            }
        }
        self.execute(now, &Command::Resume, out);
        self.arriving = sign_on.into();
        self.sign_on_some(now, out);
        self.send_again(now, out);
        self.pump(now, out);
    }

    /// Signs on who begins duty with the daemon; not more than the disk may be behind by.
    fn sign_on_some(&mut self, now: Now, out: &mut dyn Outbox) {
        while !self.records_nothing()
            && let Some(command) = self.arriving.pop_front()
        {
            self.execute(now, &command, out);
        }
    }

    /// Takes what came; consoles' commands and radio messages wait for [`Daemon::work`].
    pub fn handle(&mut self, now: Now, input: Input<'_>, out: &mut dyn Outbox) {
        self.at = now.at;
        match input {
            Input::ConsoleOpened { console, peer } => {
                self.console_opened(now, console, peer, out);
            }
            Input::ConsoleBytes { console, bytes } => self.hear(now, console, bytes, out),
            Input::ConsoleWritten { console, bytes } => {
                if let Some(session) = self.sessions.get_mut(&console) {
                    session.taken(now.at, bytes);
                }
                self.write_board(console, out);
            }
            Input::ConsoleFull(console) => self.cut(console, Cut::Unread, out),
            Input::ConsoleClosed(console) => self.forget(console),
            Input::PasswordChecked { console, role } => {
                self.password_checked(now, console, role, out);
            }
            Input::Datagram { link, from, bytes } => {
                self.counts.datagrams += 1;
                self.gateways.handle_bytes(now.at, link, from, bytes);
                self.pump(now, out);
            }
            Input::ArchiveAnswered {
                console,
                id,
                answer,
            } => self.archive_answered(console, &id, answer, out),
            Input::Archive(status) => self.archive = status,
            Input::Serial { link, what } => {
                self.gateways.handle_serial(now.at, link, what);
                self.pump(now, out);
            }
            Input::Answer { link, answer } => {
                self.gateways.handle_answer(now.at, link, answer);
                self.pump(now, out);
            }
            Input::Durable(batch) => self.durable(now, batch, out),
            Input::Room(room) => self.note_room(room, out),
            Input::NextSegment(prepared) => self.note_segment(prepared, out),
            Input::JournalStalled(reason) => self.stall(reason, Until::Space, out),
            Input::JournalFailed(reason) => {
                if self.degraded.is_none() {
                    self.degrade(reason, out);
                }
            }
        }
    }

    /// Whether a console's socket should rest: enough of its requests wait.
    #[must_use]
    pub fn rests(&self, console: ConsoleId) -> bool {
        let session = self.sessions.get(&console);
        session.is_some_and(|session| session.waiting >= session::MAX_WAITING)
    }

    /// Whether something waits for [`Daemon::work`].
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.may_tidy()
            || !self.emergencies.is_empty()
            || !self.urgent.is_empty()
            || !self.normal.is_empty()
            || !self.positions.is_empty()
            || !self.gone.is_empty()
            || !self.boards.is_empty()
    }

    /// Whether there is something to put in order, and nobody waits for what was decided.
    fn may_tidy(&self) -> bool {
        self.engine.is_untidy() && self.batches.held() == 0
    }

    /// When to call [`Daemon::work`] though nothing came.
    #[must_use]
    pub fn next_timer(&self) -> Option<EngineTime> {
        let deadline = self
            .engine
            .next_deadline()
            .filter(|_| self.degraded.is_none() && !self.is_behind());
        let deaths = self.sessions.values().map(|it| it.dead_at().0).min();
        let note = match self.noting {
            Some((_, next)) => Some(next),
            None => (!self.engine.positions().is_still() && self.degraded.is_none())
                .then(|| self.noted_at.plus_ms(Self::NOTE_EVERY_MS)),
        };
        let show = (!self.moved.is_empty()).then(|| self.shown_at.plus_ms(Self::SHOW_EVERY_MS));
        let (slow, list) = (self.slow_at(), self.fallback_at());
        let links = self.gateways.next_timeout();
        let times = [deadline, links, deaths, note, show, slow, list];
        times.into_iter().flatten().min()
    }

    /// Lets the engine decide on what waits: urgent first, then what is due, then some of the
    /// rest, then positions.
    pub fn work(&mut self, now: Now, out: &mut dyn Outbox) {
        self.at = now.at;
        if self.gateways.handle_timeout(now.at) {
            self.pump(now, out);
        }
        // A terminal that has just become suspect is so before what it said is looked at.
        self.settle(now, out);
        while let Some(inbound) = self.emergencies.pop_front() {
            self.take_radio(now, inbound, out);
        }
        while let Some(work) = self.urgent.pop_front() {
            self.work_on(now, work, out);
        }
        for desk in std::mem::take(&mut self.gone) {
            self.execute(now, &Command::DeskGone { desk }, out);
        }
        self.sign_on_some(now, out);
        self.tick(now, out);
        for _ in 0..Self::NORMAL_TURN {
            let Some(work) = self.normal.pop_front() else {
                break;
            };
            self.work_on(now, work, out);
        }
        self.observe_some(now, out);
        self.settle(now, out);
        self.note_positions(now, out);
        self.show_positions(now);
        self.write_boards(out);
        self.close_silent(now, out);
        self.watch_disk(now, out);
        self.write_fallback(now, out);
        self.pump(now, out);
        if self.may_tidy() {
            self.engine.tidy();
        }
    }

    /// Decides what positions and evidence made necessary.
    fn settle(&mut self, now: Now, out: &mut dyn Outbox) {
        if self.engine.is_unsettled() && self.degraded.is_none() {
            let mut batch = Vec::new();
            self.engine.settle(now.at, &mut batch);
            self.commit(now, batch, None, out);
        }
    }

    fn work_on(&mut self, now: Now, work: Work, out: &mut dyn Outbox) {
        match work {
            Work::Request {
                console,
                request,
                arrived_us,
            } => {
                if let Some(session) = self.sessions.get_mut(&console) {
                    session.waiting = session.waiting.saturating_sub(1);
                }
                self.serve(now, console, request, arrived_us, out);
            }
            Work::Radio(inbound) => self.take_radio(now, inbound, out),
        }
    }

    /// Handles some of what is due, the earliest first. What is left is due at once: the next turn
    /// goes on with it, behind what is urgent.
    fn tick(&mut self, mut now: Now, out: &mut dyn Outbox) {
        if planted(Planted::WallClock) {
            let wall_ms = u64::try_from(now.wall_ms).unwrap_or(0);
            let jump_ms = wall_ms.saturating_sub(self.epoch + now.mono_us / 1000);
            now.at = now.at.plus_ms(jump_ms);
        }
        let is_due = |engine: &Engine| engine.next_deadline().is_some_and(|at| at <= now.at);
        for _ in 0..Self::DUE_TURN {
            if self.degraded.is_some() || self.is_behind() || !is_due(&self.engine) {
                return;
            }
            self.execute(now, &Command::Tick, out);
        }
    }

    /// Decides a command nobody waits for. A rejection is counted: its sender is a radio or
    /// ourselves.
    fn execute(&mut self, now: Now, command: &Command, out: &mut dyn Outbox) {
        self.execute_for(now, command, None, out);
    }

    /// Gives a batch to the journal and holds what it causes until it is durable.
    fn commit(
        &mut self,
        now: Now,
        events: Vec<Event>,
        arrived_us: Option<u64>,
        out: &mut dyn Outbox,
    ) {
        if events.is_empty() {
            return;
        }
        let batch = self.batches.begin();
        self.decided.push_back((batch, now));
        let mut touched = Touched::default();
        let mut records = Vec::with_capacity(events.len());
        for event in &events {
            match batch::record(event) {
                Ok(record) => records.push(record),
                Err(error) => return self.degrade(format!("failed to encode: {error}"), out),
            }
            touched.note(self.views(now.at), event);
            self.counts.note(event);
        }
        // First of all: the disk works while the rest is worked out.
        out.push(Output::Journal {
            batch,
            at: now.at,
            records,
        });
        for event in &events {
            self.cause(now, event, arrived_us, out);
        }
        if events.iter().any(|event| matches!(event, Event::Call(_))) {
            self.tell_floods(now, out);
        }
        if !touched.is_empty() {
            self.change_board(now, &touched, out);
        }
    }

    fn durable(&mut self, now: Now, upto: u64, out: &mut dyn Outbox) {
        while let Some((_, decided)) = self.decided.pop_front_if(|(batch, _)| *batch <= upto) {
            let us = now.mono_us.saturating_sub(decided.mono_us);
            self.stages.note(Stage::Durable, us);
        }
        self.recover(now, out);
        let released: Vec<_> = self.batches.release(upto).collect();
        for held in released {
            self.let_go(held, out);
        }
        self.pump(now, out);
    }

    /// Moves the links along and sorts what they heard into the lanes.
    fn pump(&mut self, now: Now, out: &mut dyn Outbox) {
        let mut heard = Vec::new();
        loop {
            self.gateways.pump(now.at, out, &mut heard);
            if heard.is_empty() {
                break;
            }
            for heard in heard.drain(..) {
                self.sort_radio(now, heard);
            }
        }
    }

    fn views(&self, now: EngineTime) -> Views<'_> {
        Views {
            engine: &self.engine,
            plane: &self.config.plane,
            now,
        }
    }

    /// Writes a line now. Answers are few, but who asks without reading is closed.
    fn write(&mut self, console: ConsoleId, bytes: Bytes, out: &mut dyn Outbox) {
        let Some(session) = self.sessions.get_mut(&console) else {
            return;
        };
        if !session.hand(self.at, bytes.len()) {
            return self.cut(console, Cut::Unread, out);
        }
        out.push(Output::Console { console, bytes });
    }

    fn refuse(
        &mut self,
        console: ConsoleId,
        id: &serde_json::Value,
        problem: &Problem,
        out: &mut dyn Outbox,
    ) {
        self.counts.refuse(problem);
        self.write(console, rpc::refusal(id, problem), out);
    }
}
