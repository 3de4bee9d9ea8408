//! The printable list (备用清单): what a dispatcher needs to go on with paper, telephone and voice
//! when this program cannot.
//!
//! Open incidents in the order of the queue, with who was sent and how far they are, then the units
//! on duty with their last place. Plain text, one line an item; what callers said is shortened and
//! holds no control characters. It shows the state at hand, durable or not.

use super::output::{Outbox, Output};
use super::unrecorded::Heard;
use super::{Daemon, Now};
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::assignment::{Assignment, Rung};
use crate::engine::id::{EngineTime, IncidentId, Point, UnitId};
use crate::engine::incident::Incident;
use crate::engine::queue::{Turn, turn};
use crate::engine::unit::{Unit, UnitState};
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Bound;
use tieqi_protocols::text::shorten;

/// Most incidents on the list; the rest is counted.
const INCIDENTS: usize = 1_000;
/// Most units on the list; the rest is counted.
const UNITS: usize = 2_000;
/// What of a text stands there, units of UTF-16.
const WORDS: usize = 60;

/// Lines written in one turn.
const LINES_TURN: usize = 16;
/// Incidents or units looked at in one turn.
const FOUND_TURN: usize = 512;

/// What a list shows.
#[derive(Debug)]
pub(super) struct Shown {
    at: EngineTime,
    seq: u64,
    positions: u64,
    unrecorded: u64,
    degraded: bool,
    /// Of the list before, once this one is done of this one.
    places: Places,
}

/// Where each unit was last, in words.
type Places = BTreeMap<UnitId, At>;

/// A place in words: worked out again only when its unit moved.
#[derive(Debug)]
struct At {
    point: Point,
    degrees: String,
    near: String,
}

/// A list that is being written, some of it each turn: the whole takes milliseconds, and a call may
/// come meanwhile. What changes before its line is written is on it; the head says when it began.
#[derive(Debug)]
pub(super) struct Draft {
    /// When it began.
    now: Now,
    stage: Stage,
    /// Open incidents, the first of the queue among them; and how many there are in all.
    open: Vec<(Turn, IncidentId)>,
    open_in_all: usize,
    on_duty: Vec<UnitId>,
    places: Places,
    text: String,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The open incidents are found, up to this one.
    Open(IncidentId),
    /// The units on duty are found, up to this one.
    OnDuty(UnitId),
    /// So many incidents have their lines.
    Incidents(usize),
    /// So many units have theirs.
    Units(usize),
    Done,
}

impl Daemon {
    /// The list is written at most this often, milliseconds, but at once when it becomes likely
    /// that it is needed.
    pub const FALLBACK_EVERY_MS: u64 = 5_000;
    /// And this often while terminals say what is recorded nowhere else.
    const UNRECORDED_EVERY_MS: u64 = 1_000;

    /// When to go on with the list, or to begin the next if what it shows has changed.
    pub(super) fn fallback_at(&self) -> Option<EngineTime> {
        let degraded = self.degraded().is_some();
        let Some(listed) = self.listed.as_ref().filter(|it| it.degraded == degraded) else {
            return Some(EngineTime(0));
        };
        if self.draft.is_some() {
            return Some(self.at);
        }
        if self.unrecorded.told != listed.unrecorded {
            return Some(listed.at.plus_ms(Self::UNRECORDED_EVERY_MS));
        }
        let now = (self.engine.state().seq, self.counts.positions);
        let differs = now != (listed.seq, listed.positions);
        differs.then(|| listed.at.plus_ms(Self::FALLBACK_EVERY_MS))
    }

    /// Writes some of the list.
    pub(super) fn write_fallback(&mut self, now: Now, out: &mut dyn Outbox) {
        if self.fallback_at().is_none_or(|at| at > now.at) {
            return;
        }
        let degraded = self.degraded().is_some();
        let begun = self.draft.take();
        let places = |it: &mut Shown| std::mem::take(&mut it.places);
        let goes_on = self
            .listed
            .as_ref()
            .is_some_and(|it| it.degraded == degraded);
        let mut draft = match begun.filter(|_| goes_on) {
            Some(draft) => draft,
            None => {
                let places = self.listed.as_mut().map(places).unwrap_or_default();
                self.listed = Some(Shown {
                    at: now.at,
                    seq: self.engine.state().seq,
                    positions: self.counts.positions,
                    unrecorded: self.unrecorded.told,
                    degraded,
                    places: Places::new(),
                });
                Draft::new(now, places)
            }
        };
        let list = List {
            engine: &self.engine,
            config: &self.config,
            degraded: self.degraded(),
            unrecorded: &self.unrecorded,
            now: draft.now,
        };
        // A string takes everything.
        let _ = list.go_on(&mut draft);
        match draft.stage {
            Stage::Done => {
                if let Some(listed) = &mut self.listed {
                    listed.places = draft.places;
                }
                out.push(Output::Fallback(draft.text));
            }
            _ => self.draft = Some(draft),
        }
    }
}

impl Draft {
    fn new(now: Now, places: Places) -> Self {
        Self {
            now,
            stage: Stage::Open(IncidentId(0)),
            open: Vec::new(),
            open_in_all: 0,
            on_duty: Vec::new(),
            places,
            text: String::new(),
        }
    }
}

struct List<'a> {
    engine: &'a Engine,
    config: &'a Config,
    degraded: Option<&'a str>,
    unrecorded: &'a Heard,
    /// When the list began.
    now: Now,
}

impl List<'_> {
    fn go_on(&self, draft: &mut Draft) -> fmt::Result {
        draft.stage = match draft.stage {
            Stage::Open(behind) => self.find_open(behind, draft),
            Stage::OnDuty(behind) => self.find_on_duty(behind, draft)?,
            Stage::Incidents(done) => self.incidents(done, draft)?,
            Stage::Units(done) => self.units(done, draft)?,
            Stage::Done => Stage::Done,
        };
        Ok(())
    }

    fn find_open(&self, behind: IncidentId, draft: &mut Draft) -> Stage {
        let step_ms = self.engine.policy().age_step_ms;
        let behind = (Bound::Excluded(behind), Bound::Unbounded);
        let mut last = None;
        let next = self.engine.state().incidents.range(behind);
        for (id, incident) in next.take(FOUND_TURN) {
            last = Some(*id);
            if incident.phase.is_open() {
                draft.open.push((turn(step_ms, self.now.at, incident), *id));
                draft.open_in_all += 1;
            }
        }
        if draft.open.len() > 2 * INCIDENTS {
            draft.open.select_nth_unstable(INCIDENTS);
            draft.open.truncate(INCIDENTS);
        }
        last.map_or(Stage::OnDuty(UnitId(0)), Stage::Open)
    }

    /// Finds units; then the head is written.
    fn find_on_duty(&self, behind: UnitId, draft: &mut Draft) -> Result<Stage, fmt::Error> {
        let behind = (Bound::Excluded(behind), Bound::Unbounded);
        let mut last = None;
        for (id, unit) in self.engine.state().units.range(behind).take(FOUND_TURN) {
            last = Some(*id);
            if unit.duty.is_some() {
                draft.on_duty.push(*id);
            }
        }
        if let Some(last) = last {
            return Ok(Stage::OnDuty(last));
        }
        draft.open.sort_unstable();
        self.head(draft)?;
        Ok(Stage::Incidents(0))
    }

    fn head(&self, draft: &mut Draft) -> fmt::Result {
        let f = &mut draft.text;
        writeln!(f, "铁骑 备用清单 (Tieqi fallback list)")?;
        writeln!(f, "{} {}", self.config.town.name_zh, self.wall(self.now.at))?;
        match self.degraded {
            None => writeln!(f, "状态: 正常")?,
            Some(reason) => writeln!(f, "状态: 降级 DEGRADED, {}", Words(reason))?,
        }
        writeln!(
            f,
            "改用电话和话音调度；每次派警、到场请记时间，恢复后补录。"
        )?;
        self.unrecorded(f)?;
        writeln!(f, "\n== 未结警情 {} ==", draft.open_in_all)
    }

    /// What terminals said while nothing was recorded.
    fn unrecorded(&self, f: &mut String) -> fmt::Result {
        let mut messages = self.unrecorded.newest_first().peekable();
        if messages.peek().is_some() {
            writeln!(f, "\n== 未入库的电台消息，待补录 ==")?;
        }
        for message in messages {
            let unit = self.engine.state().holder(message.radio);
            let call_sign = unit.map_or("?", |unit| unit.call_sign.as_str());
            let said = Words(message.text.as_deref().unwrap_or("紧急求助"));
            let radio = message.radio.0;
            writeln!(
                f,
                "{} {call_sign} 终端 {radio} | {said}",
                self.wall(message.at)
            )?;
        }
        Ok(())
    }

    fn incidents(&self, done: usize, draft: &mut Draft) -> Result<Stage, fmt::Error> {
        let f = &mut draft.text;
        let listed = draft.open.iter().take(INCIDENTS);
        for ((rank, ..), id) in listed.skip(done).take(LINES_TURN) {
            if let Some(incident) = self.engine.state().incidents.get(id) {
                self.incident(f, *rank, incident)?;
            }
        }
        let done = done + LINES_TURN;
        if done < draft.open.len().min(INCIDENTS) {
            return Ok(Stage::Incidents(done));
        }
        rest(f, draft.open_in_all, INCIDENTS)?;
        writeln!(f, "\n== 在勤警力 {} ==", draft.on_duty.len())?;
        Ok(Stage::Units(0))
    }

    fn units(&self, done: usize, draft: &mut Draft) -> Result<Stage, fmt::Error> {
        let f = &mut draft.text;
        let listed = draft.on_duty.iter().take(UNITS);
        for id in listed.skip(done).take(LINES_TURN) {
            if let Some(unit) = self.engine.state().units.get(id) {
                self.unit(f, unit, &mut draft.places)?;
            }
        }
        let done = done + LINES_TURN;
        if done < draft.on_duty.len().min(UNITS) {
            return Ok(Stage::Units(done));
        }
        rest(f, draft.on_duty.len(), UNITS)?;
        Ok(Stage::Done)
    }

    fn incident(&self, f: &mut String, rank: u8, incident: &Incident) -> fmt::Result {
        let classification = incident.classification();
        let category = classification
            .category
            .and_then(|code| self.engine.policy().categories.get(&code))
            .map_or("未分类", |category| category.name.as_str());
        let report = &incident.report;
        write!(f, "[{rank}] {} ", incident.id)?;
        match incident.emergency {
            Some(_) => write!(f, "紧急")?,
            None => write!(f, "{}级", classification.grade.numeral())?,
        }
        write!(f, " {category}")?;
        write!(f, " | {}", Words(&report.place))?;
        write!(f, " | 报警 {}", self.wall(incident.reported_at))?;
        if !report.caller.is_empty() {
            write!(f, " | 来电 {}", Words(&report.caller))?;
        }
        let missing = incident.missing().count();
        if missing > 0 {
            write!(f, " | 还缺 {missing}")?;
        }
        writeln!(f, " | {}", Words(&report.text))?;
        for assignment in self.engine.state().open_assignments(incident) {
            self.assignment(f, assignment)?;
        }
        Ok(())
    }

    fn assignment(&self, f: &mut String, assignment: &Assignment) -> fmt::Result {
        let state = self.engine.state();
        let unit = state.units.get(&assignment.unit);
        let call_sign = unit.map_or("?", |unit| unit.call_sign.as_str());
        write!(f, "      {call_sign} {}", rung(assignment.rung))?;
        if let Some(stamp) = assignment.stamp(assignment.rung) {
            write!(f, " {}", self.wall(stamp.at))?;
        }
        match unit.and_then(|unit| state.reachable(unit)) {
            Some(radio) => writeln!(f, " | 终端 {}", radio.0),
            None => writeln!(f, " | 仅语音"),
        }
    }

    fn unit(&self, f: &mut String, unit: &Unit, places: &mut Places) -> fmt::Result {
        let Some(duty) = &unit.duty else {
            return Ok(());
        };
        write!(f, "{} {}", unit.call_sign, stands(unit))?;
        let place = self
            .engine
            .positions()
            .of_unit(self.now.at, &duty.terminals);
        match place {
            Some(place) => {
                let at = places
                    .entry(unit.id)
                    .or_insert_with(|| self.at(place.point));
                if at.point != place.point {
                    *at = self.at(place.point);
                }
                let age_s = self.now.at.since_ms(place.taken_at) / 1_000;
                write!(f, " | {} {age_s}秒前{}", at.degrees, at.near)?;
            }
            None => write!(f, " | 位置不明")?,
        }
        match self.engine.state().reachable(unit) {
            Some(radio) => write!(f, " | 终端 {}", radio.0)?,
            None => write!(f, " | 仅语音")?,
        }
        if !duty.vehicle.is_empty() {
            write!(f, " | {}", Words(&duty.vehicle))?;
        }
        if !duty.area.is_empty() {
            write!(f, " | {}", Words(&duty.area))?;
        }
        writeln!(f)
    }

    fn at(&self, point: Point) -> At {
        let at = self.config.plane.unproject(point);
        let places = self.config.usable_places();
        let near = places.min_by_key(|near| near.point.distance_squared_cm2(point));
        At {
            point,
            degrees: format!("{:.5},{:.5}", at.lat(), at.lon()),
            near: near.map_or_else(String::new, |near| format!(" 近{}", near.name)),
        }
    }

    /// The wall clock at an engine time, in the town's zone.
    fn wall(&self, at: EngineTime) -> Wall {
        let ago_ms = i64::try_from(self.now.at.since_ms(at)).unwrap_or(i64::MAX);
        let wall = Timestamp::from_millisecond(self.now.wall_ms.saturating_sub(ago_ms));
        let zone = &self.config.town.time_zone;
        Wall(wall.ok().map(|wall| zone.to_datetime(wall)))
    }
}

/// A local time as it is printed, month first; without one a question mark.
struct Wall(Option<DateTime>);

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(at) = self.0 else {
            return f.write_char('?');
        };
        let (month, day) = (at.month(), at.day());
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        write!(f, "{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

fn rest(f: &mut String, all: usize, limit: usize) -> fmt::Result {
    match all.saturating_sub(limit) {
        0 => Ok(()),
        more => writeln!(f, "… 另有 {more}"),
    }
}

/// A text as it may be printed: in one line, short, nothing that turns the direction round.
struct Words<'a>(&'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_odd = |letter: char| {
            letter.is_control()
                || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2066}'..='\u{2069}')
        };
        for piece in shorten(self.0, WORDS).split_inclusive(is_odd) {
            f.write_str(piece.trim_end_matches(is_odd))?;
            if piece.ends_with(char::is_control) {
                f.write_char(' ')?;
            }
        }
        Ok(())
    }
}

fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Stacked => "待办",
        Rung::Offered => "待发",
        Rung::Sent => "已发",
        Rung::Delivered => "送达",
        Rung::Accepted => "签收",
        Rung::EnRoute => "途中",
        Rung::OnScene => "到场",
        Rung::Cleared => "完毕",
        Rung::Declined => "拒绝",
        Rung::Expired => "超时",
        Rung::Recalled => "撤销",
    }
}

fn stands(unit: &Unit) -> &'static str {
    match unit.state() {
        _ if unit.emergency.is_some() => "紧急求助",
        UnitState::OffDuty => "下勤",
        UnitState::Available => "可派",
        UnitState::Committed => "处警中",
        UnitState::OutOfService => "停派",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_says_stays_in_its_line() {
        assert_eq!(Words("a\nb\r\u{202e}c\u{1b}[2J").to_string(), "a b c [2J");
        let long = "长".repeat(1_000);
        assert!(Words(&long).to_string().chars().count() <= WORDS);
    }
}
