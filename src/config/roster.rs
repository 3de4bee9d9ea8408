//! The duty roster (勤务表): a rotation of groups through shifts, and who rides what in each.
//!
//! The rotation is a pattern of days, each a shift or rest, that repeats from `cycle_start`. Every
//! group walks through it with its own offset. The sample town has four groups and the pattern
//! `early early late late night night rest rest` with offsets 0, 2, 4, 6: on any day each shift has
//! one group and one group rests, and each group rests 48 hours every eight days. A shift that ends
//! before it begins crosses midnight and belongs to the day it begins.
//!
//! Pure functions of a local date and time; it reads no clock and signs nobody on.

use super::fault::{Text, or_blank};
use super::node::Node;
use super::origin::Origin;
use super::table::Keys;
use crate::engine::id::RadioId;
use crate::engine::policy::Skills;
use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan};
use std::str::FromStr;

/// Longest pattern, days.
const PATTERN_DAYS_MAX: usize = 366;
/// What a day without duty is called in the pattern.
const REST: &str = "rest";

/// A shift (班次) of the day.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Key used in the pattern and in `roster.csv`.
    pub key: String,
    /// Name in Chinese.
    pub name: String,
    /// Local time it begins.
    pub start: Time,
    /// Local time it ends; before or at `start` means the next day.
    pub end: Time,
}

/// A duty group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Key used in the tables.
    pub key: String,
    /// Days it is ahead in the pattern.
    pub offset_days: u16,
}

/// One crew on one unit, in each of its shifts.
#[derive(Debug, Clone)]
pub struct RosterEntry {
    /// Place of its group in [`Roster::groups`].
    pub group: usize,
    /// Places of its shifts in [`Roster::shifts`].
    pub shifts: Vec<usize>,
    /// Place of its unit in [`super::Config::register`].
    pub unit: usize,
    /// Ids of its officers and auxiliaries.
    pub crew: Vec<String>,
    /// How many of them are sworn.
    pub sworn: u8,
    /// How many are auxiliaries.
    pub auxiliary: u8,
    /// Skills of crew and vehicle together.
    pub skills: Skills,
    /// Terminals carried, the first one first.
    pub terminals: Vec<RadioId>,
    /// Place of its area in [`super::Config::communities`].
    pub area: Option<usize>,
    /// Where the row comes from.
    pub origin: Origin,
}

/// Rotation and entries.
#[derive(Debug, Clone)]
pub struct Roster {
    /// Whether the daemon signs the crews of the moment on when it starts with an empty journal.
    pub sign_on_at_start: bool,
    /// Day 0 of the pattern.
    pub cycle_start: Date,
    /// Place in `shifts` for each day; `None` is rest.
    pub pattern: Vec<Option<usize>>,
    /// Shifts.
    pub shifts: Vec<Shift>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Officer-led motorcycle pairs a shift can have; more is a warning.
    pub officer_led_motorcycles_max: u8,
    /// Who rides what.
    pub entries: Vec<RosterEntry>,
}

/// A group on duty at some moment.
#[derive(Debug, Clone)]
pub struct Duty<'a> {
    /// The group.
    pub group: &'a Group,
    /// Its shift.
    pub shift: &'a Shift,
    /// Local time the shift ends.
    pub until: DateTime,
    /// Its entries in that shift.
    pub entries: Vec<&'a RosterEntry>,
}

impl Roster {
    /// The groups on duty at a local time, in the order of the groups.
    #[must_use]
    pub fn at(&self, local: DateTime) -> Vec<Duty<'_>> {
        let mut out = Vec::new();
        for (place, group) in self.groups.iter().enumerate() {
            for back in [0, 1] {
                let Ok(day) = local.date().checked_sub(back.days()) else {
                    continue;
                };
                let Some(at) = self.shift_of(group, day) else {
                    continue;
                };
                let Some(shift) = self.shifts.get(at) else {
                    continue;
                };
                let Some((from, until)) = span(shift, day) else {
                    continue;
                };
                if from <= local && local < until {
                    let entries = self.entries.iter();
                    let entries = entries
                        .filter(|e| e.group == place && e.shifts.contains(&at))
                        .collect();
                    out.push(Duty {
                        group,
                        shift,
                        until,
                        entries,
                    });
                }
            }
        }
        out
    }

    /// Place of the shift a group has on a day; `None` is rest.
    fn shift_of(&self, group: &Group, day: Date) -> Option<usize> {
        let days = i64::from(day.since(self.cycle_start).ok()?.get_days());
        let length = i64::try_from(self.pattern.len()).ok().filter(|n| *n > 0)?;
        let at = (days + i64::from(group.offset_days)).rem_euclid(length);
        self.pattern
            .get(usize::try_from(at).ok()?)
            .copied()
            .flatten()
    }

    /// Hours of the cycle, from its start, in which nobody is on duty.
    pub(super) fn gaps(&self) -> Vec<DateTime> {
        let start = self.cycle_start.at(0, 0, 0, 0);
        let hours = i64::try_from(self.pattern.len() * 24).unwrap_or(0);
        (0..hours)
            .filter_map(|h| start.checked_add(Span::new().hours(h)).ok())
            .filter(|at| self.at(*at).is_empty())
            .collect()
    }
}

fn span(shift: &Shift, day: Date) -> Option<(DateTime, DateTime)> {
    let last = if shift.end <= shift.start {
        day.checked_add(1.day()).ok()?
    } else {
        day
    };
    Some((day.to_datetime(shift.start), last.to_datetime(shift.end)))
}

/// `[roster]` without its entries, and the file that holds them.
pub(super) fn rotation(root: &Node<'_>) -> (Roster, Option<Text>) {
    let node = root.section("roster");
    let file = node.text("file");
    let sign_on_at_start = node.flag_or("sign_on_at_start", false);
    let cycle_start = local(&node, "cycle_start", "a date like 2026-01-01").unwrap_or(Date::ZERO);
    let most = u8::try_from(node.int("officer_led_motorcycles_max", 0..=200)).unwrap_or(0);
    let shifts = shifts(&node);
    let pattern = pattern(&node, &shifts);
    let groups = groups(&node, pattern.len());
    let roster = Roster {
        sign_on_at_start,
        cycle_start,
        pattern,
        shifts,
        groups,
        officer_led_motorcycles_max: most,
        entries: Vec::new(),
    };
    (roster, file)
}

fn shifts(node: &Node<'_>) -> Vec<Shift> {
    let mut keys = Keys::default();
    let mut out = Vec::new();
    for shift in node.list("shift") {
        let (key, name) = (shift.text("key"), shift.text("name"));
        let start = local::<Time>(&shift, "start", "a time like 07:00");
        let end = local::<Time>(&shift, "end", "a time like 15:00");
        keys.claim(node.report, key.as_ref(), "shift");
        if let Some(key) = key.as_ref().filter(|k| k.value == REST) {
            node.report.fault(
                &key.spot,
                "`rest` is the pattern's word for a day without duty",
            );
        }
        let Some(key) = key else { continue };
        out.push(Shift {
            key: key.value,
            name: or_blank(name),
            start: start.unwrap_or(Time::midnight()),
            end: end.unwrap_or(Time::midnight()),
        });
    }
    out
}

fn pattern(node: &Node<'_>, shifts: &[Shift]) -> Vec<Option<usize>> {
    let days = node.texts("pattern");
    if days.len() > PATTERN_DAYS_MAX {
        let text = format!(
            "the pattern has {} days, the most is {PATTERN_DAYS_MAX}",
            days.len()
        );
        node.report.fault(&node.spot("pattern"), text);
    }
    let day = |text: &Text| {
        let found = shifts.iter().position(|s| s.key == text.value);
        if found.is_none() && text.value != REST {
            let known = shifts.iter().map(|s| s.key.as_str()).chain([REST]);
            node.report.unknown(text, "shift", known);
        }
        found
    };
    days.iter().take(PATTERN_DAYS_MAX).map(day).collect()
}

fn groups(node: &Node<'_>, days: usize) -> Vec<Group> {
    let mut keys = Keys::default();
    let mut out = Vec::new();
    let last = i64::try_from(days.saturating_sub(1)).unwrap_or(0);
    for group in node.list("group") {
        let key = group.text("key");
        let offset = group.int("offset_days", 0..=last);
        keys.claim(node.report, key.as_ref(), "duty group");
        let Some(key) = key else { continue };
        out.push(Group {
            key: key.value,
            offset_days: u16::try_from(offset).unwrap_or(0),
        });
    }
    out
}

/// A local date or time.
fn local<T: FromStr>(node: &Node<'_>, key: &str, like: &str) -> Option<T> {
    let text = node.text(key)?;
    let found = text.value.parse().ok();
    if found.is_none() {
        node.report
            .fault(&text.spot, format!("`{}` is not {like}", text.value));
    }
    found
}
