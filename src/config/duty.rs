//! The roster's table: rows checked against the register, against each other, and against what
//! the plans will ask of every shift.

use super::catalogue::CREW_MAX;
use super::fault::{Report, Source, Spot, Text};
use super::register::{self, Officer, Terminal, UnitEntry};
use super::roster::{Roster, RosterEntry};
use super::table::{self, Checked, Row};
use super::town::Community;
use crate::engine::id::RadioId;
use crate::engine::policy::{Need, Plan, Skills, UnitKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What rows refer to.
pub(super) struct Known<'a> {
    pub(super) register: &'a Checked<Vec<UnitEntry>>,
    pub(super) officers: &'a Checked<BTreeMap<String, Officer>>,
    pub(super) terminals: &'a Checked<BTreeMap<RadioId, Terminal>>,
    pub(super) communities: &'a Checked<Vec<Community>>,
}

pub(super) fn entries(
    report: &Report,
    source: &Arc<Source>,
    roster: &Roster,
    known: &Known<'_>,
) -> Vec<RosterEntry> {
    const COLUMNS: &[&str] = &[
        "group",
        "shift",
        "unit",
        "crew",
        "terminals",
        "area",
        "origin",
    ];
    let units: BTreeMap<&str, usize> = known
        .register
        .rows
        .iter()
        .enumerate()
        .map(|(i, u)| (&*u.call_sign, i))
        .collect();
    let mut taken = Taken::default();
    let mut out = Vec::new();
    for row in table::rows(report, source, COLUMNS) {
        let group = row.text("group").and_then(|g| group(report, &g, roster));
        let shifts = row
            .text("shift")
            .map(|s| shifts(report, &s, roster))
            .unwrap_or_default();
        let unit = row.text("unit").and_then(|unit| {
            let found = units.get(unit.value.as_str()).copied();
            if found.is_none() {
                known
                    .register
                    .unknown(report, &unit, "unit", units.keys().copied());
            }
            found
        });
        let area = row
            .text_opt("area")
            .and_then(|a| area(report, &a, known.communities));
        let terminals = terminals(report, &row, known, unit);
        let crew = crew(
            report,
            &row,
            known,
            group.and_then(|g| roster.groups.get(g)),
        );
        let origin = row.origin();
        let (Some(group), Some(unit)) = (group, unit) else {
            continue;
        };
        let Some(vehicle) = known.register.rows.get(unit) else {
            continue;
        };
        let mut skills = vehicle.skills;
        let mut sworn = 0_u8;
        for officer in crew.iter().filter_map(|id| known.officers.rows.get(id)) {
            skills = Skills(skills.0 | officer.skills.0);
            sworn += u8::from(officer.sworn);
        }
        if vehicle.kind == UnitKind::Car && sworn == 0 && !crew.is_empty() {
            report.warn(
                &row.spot("crew"),
                format!("car `{}` has no officer", vehicle.call_sign),
            );
        }
        let auxiliary = u8::try_from(crew.len())
            .unwrap_or(u8::MAX)
            .saturating_sub(sworn);
        let entry = RosterEntry {
            group,
            shifts,
            unit,
            crew,
            sworn,
            auxiliary,
            skills,
            terminals,
            area,
            origin,
        };
        taken.claim(report, &row, roster, &entry, &vehicle.call_sign);
        out.push(entry);
    }
    out
}

fn group(report: &Report, text: &Text, roster: &Roster) -> Option<usize> {
    let found = roster.groups.iter().position(|g| g.key == text.value);
    if found.is_none() {
        report.unknown(
            text,
            "duty group",
            roster.groups.iter().map(|g| g.key.as_str()),
        );
    }
    found
}

/// Shifts separated by spaces, or `*` for all.
fn shifts(report: &Report, text: &Text, roster: &Roster) -> Vec<usize> {
    if text.value == "*" {
        return (0..roster.shifts.len()).collect();
    }
    let mut out = Vec::new();
    for word in text.value.split_whitespace() {
        match roster.shifts.iter().position(|s| s.key == word) {
            Some(at) if !out.contains(&at) => out.push(at),
            Some(_) => report.fault(&text.spot, format!("shift `{word}` stands twice")),
            None => {
                let known = roster.shifts.iter().map(|s| s.key.as_str());
                report.unknown_at(&text.spot, "shift", word, known);
            }
        }
    }
    out
}

fn area(report: &Report, text: &Text, communities: &Checked<Vec<Community>>) -> Option<usize> {
    let found = communities.rows.iter().position(|c| c.key == text.value);
    if found.is_none() {
        communities.unknown(
            report,
            text,
            "community",
            communities.rows.iter().map(|c| c.key.as_str()),
        );
    }
    found
}

/// Terminals of the row, or the unit's own when the row names none.
fn terminals(
    report: &Report,
    row: &Row<'_>,
    known: &Known<'_>,
    unit: Option<usize>,
) -> Vec<RadioId> {
    let words = row.words("terminals");
    if words.is_empty() {
        let unit = unit.and_then(|u| known.register.rows.get(u));
        return unit.map(|u| u.terminals.clone()).unwrap_or_default();
    }
    words
        .iter()
        .filter_map(|w| register::radio_id(report, w, known.terminals))
        .collect()
}

fn crew(
    report: &Report,
    row: &Row<'_>,
    known: &Known<'_>,
    group: Option<&super::roster::Group>,
) -> Vec<String> {
    let words = row.words("crew");
    if words.is_empty() || words.len() > CREW_MAX {
        let text = format!("a crew has 1 to {CREW_MAX} people, not {}", words.len());
        report.fault(&row.spot("crew"), text);
    }
    let mut out = Vec::new();
    for word in words.into_iter().take(CREW_MAX) {
        let Some(officer) = known.officers.rows.get(&word.value) else {
            known.officers.unknown(
                report,
                &word,
                "officer",
                known.officers.rows.keys().map(String::as_str),
            );
            continue;
        };
        if let (Some(own), Some(group)) = (&officer.group, group)
            && **own != *group.key
        {
            let text = format!("`{}` is of group `{own}`, not `{}`", word.value, group.key);
            report.warn(&word.spot, text);
        }
        out.push(word.value);
    }
    out
}

/// Who and what is taken in each group and shift.
#[derive(Default)]
struct Taken(BTreeSet<(usize, usize, &'static str, String)>);

impl Taken {
    fn claim(
        &mut self,
        report: &Report,
        row: &Row<'_>,
        roster: &Roster,
        entry: &RosterEntry,
        call_sign: &str,
    ) {
        let mut things = vec![("unit", call_sign.to_owned())];
        things.extend(entry.crew.iter().map(|id| ("crew", id.clone())));
        things.extend(
            entry
                .terminals
                .iter()
                .map(|id| ("terminals", id.to_string())),
        );
        for &shift in &entry.shifts {
            for (what, name) in &things {
                if self.0.insert((entry.group, shift, *what, name.clone())) {
                    continue;
                }
                let (group, shift) = names(roster, entry.group, shift);
                let text = format!("`{name}` stands twice in shift `{shift}` of group `{group}`");
                report.fault(&row.spot(what), text);
            }
        }
    }
}

fn names(roster: &Roster, group: usize, shift: usize) -> (&str, &str) {
    let group = roster.groups.get(group).map_or("?", |g| g.key.as_str());
    (
        group,
        roster.shifts.get(shift).map_or("?", |s| s.key.as_str()),
    )
}

/// Warnings about whole shifts: hours without anybody, too many officer-led motorcycle pairs,
/// slots of plans nobody on the shift could fill.
pub(super) fn review(
    report: &Report,
    source: &Arc<Source>,
    roster: &Roster,
    register: &[UnitEntry],
    plans: &[(String, &Plan)],
) {
    let spot = Spot::file(source);
    let gaps = roster.gaps();
    if let Some(first) = gaps.first() {
        let text = format!(
            "nobody is on duty in {} hours of the cycle, first {first}",
            gaps.len()
        );
        report.warn(&spot, text);
    }
    for group in 0..roster.groups.len() {
        for shift in 0..roster.shifts.len() {
            let crews: Vec<&RosterEntry> = roster
                .entries
                .iter()
                .filter(|e| e.group == group && e.shifts.contains(&shift))
                .collect();
            review_shift(
                report,
                &spot,
                roster,
                names(roster, group, shift),
                &crews,
                register,
            );
            unfilled(report, &spot, names(roster, group, shift), &crews, plans);
        }
    }
}

fn review_shift(
    report: &Report,
    spot: &Spot,
    roster: &Roster,
    (group, shift): (&str, &str),
    crews: &[&RosterEntry],
    register: &[UnitEntry],
) {
    let led = crews.iter().filter(|e| {
        e.sworn > 0
            && register
                .get(e.unit)
                .is_some_and(|u| u.kind == UnitKind::Motorcycle)
    });
    let (led, most) = (led.count(), roster.officer_led_motorcycles_max);
    if led > usize::from(most) {
        let text = format!(
            "shift `{shift}` of group `{group}` has {led} officer-led motorcycle pairs, \
             more than officer_led_motorcycles_max = {most}"
        );
        report.warn(spot, text);
    }
}

fn unfilled(
    report: &Report,
    spot: &Spot,
    (group, shift): (&str, &str),
    crews: &[&RosterEntry],
    plans: &[(String, &Plan)],
) {
    let mut told: Vec<Need> = Vec::new();
    for (name, plan) in plans {
        for need in &plan.needs {
            let fits = |e: &&RosterEntry| e.skills.covers(need.skills) && e.sworn >= need.sworn;
            if told.contains(need) || crews.iter().any(fits) {
                continue;
            }
            told.push(*need);
            let text = format!(
                "nobody in shift `{shift}` of group `{group}` can fill a slot of the plan of {name}"
            );
            report.warn(spot, text);
        }
    }
}
