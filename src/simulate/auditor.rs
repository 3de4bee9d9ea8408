//! The auditor: knows nothing but what can be seen from outside. While the run goes on it keeps
//! what consoles were told and what went on the air; at the end it holds that against the journal,
//! read anew.

use super::Broken;
use super::desk::{Asked, Delta};
use super::fault::Fault;
use super::ladder::Ladders;
use super::places::{Believed, Clocks, Places};
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::assignment::{Rung, Source};
use crate::engine::event::{By, Event};
use crate::engine::id::{AssignmentId, EngineTime, IncidentId, RadioId};
use crate::journal::{self, Kind, Record, SimDisk};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tieqi_protocols::Parsed;
use tieqi_protocols::hrnp::Hrnp;
use tieqi_protocols::hstrp::Hstrp;
use tieqi_protocols::lp::{Lp, Report};
use tieqi_protocols::message::Message;
use tieqi_protocols::tmp::Body;

/// Rungs of an assignment that a unit is at work on.
const ACTIVE: [&str; 6] = [
    "offered",
    "sent",
    "delivered",
    "accepted",
    "en_route",
    "on_scene",
];

/// A command, by user, method and key.
type Key = (&'static str, &'static str, String);

/// What one console shows.
#[derive(Debug, Default)]
struct Board {
    /// Epoch and last delta, once it follows.
    at: Option<(u64, u64)>,
    /// The rung of each open assignment of each unit.
    open: BTreeMap<String, BTreeMap<u32, &'static str>>,
    /// The journal had failed: it is shown what is in memory, and told so.
    from_memory: bool,
}

/// See the module.
pub(super) struct Auditor {
    config: Config,
    /// Answers as they came.
    acked: BTreeMap<Key, String>,
    /// Private texts seen on the air: request and terminal.
    aired: BTreeSet<(u32, u32)>,
    /// Messages whose delivery a gateway acknowledged.
    delivered: BTreeSet<u32>,
    /// Incidents that an officer's text named, by terminal.
    said: BTreeSet<(RadioId, IncidentId)>,
    /// Where terminals said they were.
    places: Places,
    /// Rungs and incidents that a console was shown.
    shown: BTreeMap<u32, BTreeSet<String>>,
    incidents: BTreeSet<u32>,
    alarms: BTreeSet<u32>,
    boards: BTreeMap<usize, Board>,
    /// Stretches of engine time in which no process decided durably.
    pub(super) outages: Vec<(u64, u64)>,
    /// Deltas seen.
    pub(super) deltas: u64,
    /// Texts that went out again.
    pub(super) resent: u64,
}

/// What the journal came to.
pub(super) struct Ended {
    pub(super) events: u64,
    pub(super) incidents: u64,
    pub(super) assignments: u64,
    pub(super) hash: blake3::Hash,
    pub(super) state: blake3::Hash,
}

impl Auditor {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            acked: BTreeMap::new(),
            aired: BTreeSet::new(),
            said: BTreeSet::new(),
            places: Places::default(),
            shown: BTreeMap::new(),
            delivered: BTreeSet::new(),
            incidents: BTreeSet::new(),
            alarms: BTreeSet::new(),
            boards: BTreeMap::new(),
            outages: Vec::new(),
            deltas: 0,
            resent: 0,
        }
    }

    /// Commands that were answered.
    pub(super) fn acked(&self) -> u64 {
        self.acked.len() as u64
    }

    /// A command was answered: the same key must get the same answer for ever.
    pub(super) fn answered(
        &mut self,
        user: &'static str,
        asked: &Asked,
        answer: String,
    ) -> Result<(), Broken> {
        let key = (user, asked.method, asked.key.clone());
        match self.acked.get(&key) {
            Some(before) if *before != answer => Err(Broken::new(
                "a key got two answers",
                format!("{key:?}: {before}, then {answer}"),
            )),
            _ => {
                self.acked.insert(key, answer);
                Ok(())
            }
        }
    }

    /// Whether a command was answered before.
    pub(super) fn knows(&self, user: &'static str, asked: &Asked) -> bool {
        self.acked
            .contains_key(&(user, asked.method, asked.key.clone()))
    }

    /// A console begins to follow.
    pub(super) fn anew(&mut self, desk: usize, at: (u64, u64), from_memory: bool) {
        let board = Board {
            at: Some(at),
            open: BTreeMap::new(),
            from_memory,
        };
        self.boards.insert(desk, board);
    }

    /// A console is gone.
    pub(super) fn gone(&mut self, desk: usize) {
        self.boards.remove(&desk);
    }

    /// A console was shown a page.
    pub(super) fn page(&mut self, desk: usize, page: &Delta<'_>) -> Result<(), Broken> {
        self.look(desk, page)
    }

    /// A console was shown a delta: each follows the one before.
    pub(super) fn delta(&mut self, desk: usize, delta: &Delta<'_>) -> Result<(), Broken> {
        self.deltas += 1;
        let board = self.boards.entry(desk).or_default();
        if let Some((epoch, seq)) = board.at
            && (delta.epoch, delta.seq) != (epoch, seq + 1)
        {
            let came = (delta.epoch, delta.seq);
            let what = format!("{came:?} after {:?}", (epoch, seq));
            return Err(Broken::new("a console missed a delta", what));
        }
        board.at = Some((delta.epoch, delta.seq));
        self.look(desk, delta)
    }

    fn look(&mut self, desk: usize, seen: &Delta<'_>) -> Result<(), Broken> {
        let board = self.boards.entry(desk).or_default();
        for assignment in &seen.assignments {
            let id = assignment.assignment;
            if !board.from_memory {
                let shown = self.shown.entry(id).or_default();
                if !shown.contains(assignment.rung) {
                    shown.insert(assignment.rung.to_owned());
                }
            }
            let Some(unit) = &assignment.unit else {
                continue;
            };
            let open = board.open.entry(unit.to_string()).or_default();
            match ACTIVE.into_iter().find(|rung| *rung == assignment.rung) {
                Some(rung) => open.insert(id, rung),
                None => open.remove(&id),
            };
        }
        for assignment in &seen.assignments {
            let open = assignment
                .unit
                .as_ref()
                .and_then(|unit| board.open.get(unit.as_ref()));
            if let Some(open) = open.filter(|open| open.len() > 1) {
                let what = format!("{:?}: {open:?}", assignment.unit);
                return Err(Broken::new("a unit has two active assignments", what));
            }
        }
        if !board.from_memory {
            let incidents = seen.incidents.iter().map(|seen| seen.incident);
            self.incidents.extend(incidents);
            self.alarms
                .extend(seen.alarms.iter().map(|seen| seen.alarm));
        }
        Ok(())
    }

    /// A datagram leaves the daemon.
    pub(super) fn datagram(&mut self, bytes: &Bytes) {
        messages(bytes, |message| {
            if let Message::Tmp(tmp) = message
                && let Body::Private { destination, .. } = tmp.body
                && !self.aired.insert((tmp.request_id, destination.id))
            {
                self.resent += 1;
            }
        });
    }

    /// A datagram comes to the daemon; the lies about places in it.
    pub(super) fn arrived(&mut self, bytes: &Bytes, clocks: Clocks) -> Vec<Fault> {
        let mut lies = Vec::new();
        let context = (&self.config.plane, clocks);
        messages(bytes, |message| match message {
            Message::Tmp(tmp) => match tmp.body {
                Body::PrivateAck { .. } => {
                    self.delivered.insert(tmp.request_id >> 4);
                }
                Body::Private { source, text, .. } => {
                    let words: String = text.chars().collect();
                    let incident = trailing_number(&words).map(IncidentId);
                    let said = incident.map(|incident| (RadioId(source.id), incident));
                    self.said.extend(said);
                }
                _ => {}
            },
            Message::Lp(
                Lp::Report(Report { radio, gps, .. }) | Lp::Emergency { radio, gps, .. },
            ) => {
                lies.extend(self.places.hear(RadioId(radio.id), gps, context));
            }
            _ => {}
        });
        lies
    }

    /// Reads the journal anew and holds everything seen against it, until engine time `at`.
    pub(super) fn finish(&mut self, disk: &mut SimDisk, at: EngineTime) -> Result<Ended, Broken> {
        let mut kept = Kept::new(&self.config, &self.outages);
        let mut fault = None;
        let read = journal::read(disk, 1, u64::MAX, |record| {
            if let Err(broken) = kept.take(&record, &self.places) {
                fault.get_or_insert(broken);
            }
        });
        if let Some(broken) = fault {
            return Err(broken);
        }
        let report = read.map_err(|error| Broken::new("the journal cannot be read", error))?;
        if !report.is_intact() {
            let what = format!("{:?} {:?} {:?}", report.torn, report.damage, report.stray);
            return Err(Broken::new("the journal is not intact", what));
        }
        kept.ladders.finish(at)?;
        self.compare(&kept)?;
        kept.engine.replayed();
        Ok(Ended {
            events: kept.events,
            incidents: kept.incidents.len() as u64,
            assignments: kept.ladders.known() as u64,
            hash: kept.hash.finalize(),
            state: super::machine::state_hash(&kept.engine),
        })
    }

    fn compare(&self, kept: &Kept) -> Result<(), Broken> {
        for (key, answer) in &self.acked {
            let (user, method, id) = key;
            let found = kept
                .answers
                .get(&(user.to_string(), method.to_string(), id.clone()));
            if found != Some(answer) {
                let what = format!("{key:?}: told {answer}, journal has {found:?}");
                return Err(Broken::new("an acknowledged command is lost", what));
            }
        }
        if let Some(message) = kept.delivered.difference(&self.delivered).next() {
            return Err(Broken::new(
                "a delivery nobody acknowledged is recorded",
                message,
            ));
        }
        if let Some(answer) = kept.answered.difference(&self.said).next() {
            return Err(Broken::new("an answer nobody gave is recorded", answer));
        }
        if let Some((request, radio)) = self.aired.difference(&kept.requests).next() {
            let what = format!("request {request:#x} to {radio}");
            return Err(Broken::new("the air was told what no journal holds", what));
        }
        let shown = self.shown.iter();
        let mut shown = shown.flat_map(|(id, rungs)| rungs.iter().map(|rung| (*id, rung)));
        let lost = shown.find(|(id, rung)| !kept.ladders.reached(AssignmentId(*id), rung));
        if let Some(lost) = lost {
            return Err(Broken::new(
                "a console was shown a rung that is lost",
                format!("{lost:?}"),
            ));
        }
        if let Some(lost) = self.incidents.difference(&kept.incidents).next() {
            return Err(Broken::new(
                "a console was shown an incident that is lost",
                lost,
            ));
        }
        match self.alarms.difference(&kept.alarms).next() {
            Some(lost) => Err(Broken::new(
                "a console was shown an alarm that is lost",
                lost,
            )),
            None => Ok(()),
        }
    }
}

/// Shows the messages of a datagram, or of a frame of the serial line.
fn messages(bytes: &Bytes, mut show: impl FnMut(Message<'_>)) {
    if let Ok(frame) = Hstrp::parse(bytes) {
        let messages = frame.messages().flatten();
        let messages = messages.filter_map(|hdap| Message::from_hdap(&hdap).ok());
        messages.for_each(show);
    } else if let Ok(Parsed::Complete(frame, _)) = Hrnp::parse(bytes)
        && let Some(hdap) = frame.message
        && let Ok(message) = Message::from_hdap(&hdap)
    {
        show(message);
    }
}

/// The number a text ends with: keys name their incident so.
fn trailing_number(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    text.get(digits.len()..)?.parse().ok()
}

/// What the journal holds, read anew.
struct Kept {
    engine: Engine,
    ladders: Ladders,
    answers: BTreeMap<(String, String, String), String>,
    requests: BTreeSet<(u32, u32)>,
    incidents: BTreeSet<u32>,
    alarms: BTreeSet<u32>,
    /// Messages of assignments a radio is said to have.
    delivered: BTreeSet<u32>,
    /// Who took an incident over the air.
    answered: BTreeSet<(RadioId, IncidentId)>,
    believed: Believed,
    /// The message of each assignment.
    messages_of: BTreeMap<AssignmentId, u32>,
    messages: BTreeMap<u32, RadioId>,
    events: u64,
    hash: blake3::Hasher,
}

impl Kept {
    fn new(config: &Config, outages: &[(u64, u64)]) -> Self {
        Self {
            engine: Engine::new(config.policy.clone()),
            ladders: Ladders::new(config.policy.ladder, outages.to_vec()),
            answers: BTreeMap::new(),
            requests: BTreeSet::new(),
            incidents: BTreeSet::new(),
            alarms: BTreeSet::new(),
            delivered: BTreeSet::new(),
            answered: BTreeSet::new(),
            believed: Believed::default(),
            messages_of: BTreeMap::new(),
            messages: BTreeMap::new(),
            events: 0,
            hash: blake3::Hasher::new(),
        }
    }

    fn take(&mut self, record: &Record<'_>, places: &Places) -> Result<(), Broken> {
        self.hash
            .update(&record.time_ms.to_le_bytes())
            .update(record.payload);
        if record.kind != Kind::EVENT {
            return Ok(());
        }
        let event: Event = postcard::from_bytes(record.payload)
            .map_err(|error| Broken::new("a record is no event", error))?;
        self.events += 1;
        let at = EngineTime(record.time_ms);
        self.engine.apply(at, &event);
        self.note(&event)?;
        self.believed.take(at, &event, places)?;
        self.ladders.take(at, &event)
    }

    fn note(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::CommandAnswered {
                user,
                method,
                key,
                answer,
                ..
            } => {
                let key = (user.clone(), method.clone(), key.clone());
                if self.answers.insert(key.clone(), answer.clone()).is_some() {
                    return Err(Broken::new("a command was taken twice", format!("{key:?}")));
                }
            }
            Event::IncidentReported { incident, .. } => {
                self.incidents.insert(incident.0);
            }
            Event::AlarmRaised { alarm, .. } => {
                self.alarms.insert(alarm.0);
            }
            Event::AssignmentOffered {
                assignment,
                message,
                offer,
                ..
            } => {
                if let Some(terminal) = offer.terminal {
                    self.messages_of.insert(*assignment, message.0);
                    self.request(message.0, 1, terminal);
                }
            }
            Event::AssignmentRetried {
                assignment,
                attempt,
                terminal,
                ..
            } => {
                if let Some(message) = self.messages_of.get(assignment).copied() {
                    self.request(message, *attempt, *terminal);
                }
            }
            Event::AssignmentAdvanced {
                assignment,
                rung: Rung::Delivered,
                source: Source::Radio,
                ..
            } => self.delivered.extend(self.messages_of.get(assignment)),
            Event::AssignmentAdvanced {
                assignment,
                rung: Rung::Accepted,
                source: Source::Radio,
                by: By::Radio(radio),
                ..
            } => {
                let incident = self.ladders.incident(*assignment);
                let answer = incident.map(|incident| (*radio, incident));
                self.answered.extend(answer);
            }
            Event::MessageQueued { message, radio, .. } => {
                self.messages.insert(message.0, *radio);
                self.request(message.0, 1, *radio);
            }
            Event::MessageRetried {
                message, attempt, ..
            } => {
                if let Some(radio) = self.messages.get(&message.0).copied() {
                    self.request(message.0, *attempt, radio);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn request(&mut self, message: u32, attempt: u8, radio: RadioId) {
        let wire = message << 4 | u32::from(attempt.wrapping_sub(1) & 0x0f);
        self.requests.insert((wire, radio.0));
    }
}
