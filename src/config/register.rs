//! The register: terminals, officers and units. Who is on duty is the roster's matter, and in the
//! running daemon the sign-on's.

use super::catalogue::{Skill, skill_set};
use super::dispatch::KINDS;
use super::fault::{Report, Source, Spot, Text};
use super::origin::Origin;
use super::radio::{Gateway, Service};
use super::table::{self, Checked, Keys, Row, Shared};
use super::town::Place;
use crate::engine::id::{Point, RadioId};
use crate::engine::policy::{Skills, UnitKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Largest radio id: 24 bits.
const RADIO_ID_MAX: i64 = 0xFF_FFFF;
/// Longest call sign, characters: it goes over the air with each text.
const CALL_SIGN_CHARS_MAX: usize = 16;

/// A handheld or mobile radio (终端).
#[derive(Debug, Clone)]
pub struct Terminal {
    /// First byte of its address.
    pub subnet: u8,
    /// Model, for people.
    pub model: Arc<str>,
    /// Place in [`super::Config::gateways`] of the gateway it is usually on.
    pub gateway: usize,
    /// Slot it is usually on.
    pub slot: u8,
    /// Where the row comes from.
    pub origin: Origin,
}

/// A police officer (民警) or auxiliary (辅警).
#[derive(Debug, Clone)]
pub struct Officer {
    /// Name.
    pub name: Box<str>,
    /// Whether sworn.
    pub sworn: bool,
    /// Squad, for people.
    pub squad: Arc<str>,
    /// Duty group of the roster.
    pub group: Option<Arc<str>>,
    /// Skills.
    pub skills: Skills,
    /// Where the row comes from.
    pub origin: Origin,
}

/// A unit (警力单元) of the register.
#[derive(Debug, Clone)]
pub struct UnitEntry {
    /// Call sign (呼号).
    pub call_sign: Arc<str>,
    /// What it moves with.
    pub kind: UnitKind,
    /// Squad, for people.
    pub squad: Arc<str>,
    /// Key of the place it is posted at.
    pub post: Arc<str>,
    /// That place in the plane.
    pub home: Point,
    /// Skills its vehicle brings.
    pub skills: Skills,
    /// Its terminals, the first one first.
    pub terminals: Vec<RadioId>,
    /// Where the row comes from.
    pub origin: Origin,
}

pub(super) fn terminals(
    report: &Report,
    source: &Arc<Source>,
    gateways: &[Gateway],
    dispatcher: Option<Ipv4Addr>,
) -> Checked<BTreeMap<RadioId, Terminal>> {
    const COLUMNS: &[&str] = &["radio_id", "subnet", "model", "gateway", "slot", "origin"];
    let mut ids = Keys::default();
    let mut lacking = BTreeSet::new();
    let mut models = Shared::default();
    let mut out = Vec::new();
    for row in table::rows(report, source, COLUMNS) {
        let id = row
            .int("radio_id", 1..=RADIO_ID_MAX)
            .and_then(|id| u32::try_from(id).ok());
        let subnet = row
            .int("subnet", 0..=255)
            .and_then(|s| u8::try_from(s).ok());
        let (model, gateway) = (row.text("model"), row.text("gateway"));
        let slot = row.int("slot", 1..=2).and_then(|s| u8::try_from(s).ok());
        let origin = row.origin();
        if id.is_some() {
            ids.claim(report, row.text("radio_id").as_ref(), "radio id");
        }
        let gateway = gateway.and_then(|name| place_of(report, &name, gateways));
        let (Some(id), Some(subnet), Some(model)) = (id, subnet, model) else {
            continue;
        };
        let (Some(gateway), Some(slot)) = (gateway, slot) else {
            continue;
        };
        if dispatcher.map(u32::from) == Some(u32::from(subnet) << 24 | id) {
            let text = "has the address of the dispatcher (radio.dispatcher_address)";
            report.fault(&row.spot("radio_id"), text);
        }
        if lacking.insert((gateway, slot)) {
            lacking_links(report, &row.spot("slot"), gateways.get(gateway), slot);
        }
        let model = models.of(&model.value);
        let terminal = Terminal {
            subnet,
            model,
            gateway,
            slot,
            origin,
        };
        out.push((RadioId(id), terminal));
    }
    Checked {
        rows: out.into_iter().collect(),
        keys: ids,
    }
}

fn place_of(report: &Report, name: &Text, gateways: &[Gateway]) -> Option<usize> {
    let found = gateways.iter().position(|g| g.name == name.value);
    if found.is_none() {
        report.unknown(name, "gateway", gateways.iter().map(|g| g.name.as_str()));
    }
    found
}

/// A terminal's slot must carry all three services.
fn lacking_links(report: &Report, spot: &Spot, gateway: Option<&Gateway>, slot: u8) {
    let Some(gateway) = gateway.filter(|gateway| !gateway.carries_all()) else {
        return;
    };
    for (name, service) in Service::NAMES {
        if !gateway
            .links
            .iter()
            .any(|l| l.service == service && l.slot == slot)
        {
            let text = format!(
                "gateway `{}` has no {name} link on slot {slot}",
                gateway.name
            );
            report.fault(spot, text);
        }
    }
}

pub(super) fn officers(
    report: &Report,
    source: &Arc<Source>,
    skills: &[Skill],
    groups: &[&str],
) -> Checked<BTreeMap<String, Officer>> {
    const COLUMNS: &[&str] = &["id", "name", "sworn", "squad", "group", "skills", "origin"];
    let (mut ids, mut shared) = (Keys::default(), Shared::default());
    let mut out = Vec::new();
    for row in table::rows(report, source, COLUMNS) {
        let (id, name, squad) = (row.text("id"), row.text("name"), row.text("squad"));
        let sworn = row.choice("sworn", &[("true", true), ("false", false)]);
        let group = row.text_opt("group");
        let skills = skill_set(report, &row.words("skills"), skills);
        let origin = row.origin();
        ids.claim(report, id.as_ref(), "officer");
        if let Some(group) = group
            .as_ref()
            .filter(|g| !groups.contains(&g.value.as_str()))
        {
            report.unknown(group, "duty group", groups.iter().copied());
        }
        let (Some(id), Some(name), Some(squad), Some(sworn)) = (id, name, squad, sworn) else {
            continue;
        };
        let squad = shared.of(&squad.value);
        let group = group.map(|group| shared.of(&group.value));
        let officer = Officer {
            name: name.value.into(),
            sworn,
            squad,
            group,
            skills,
            origin,
        };
        out.push((id.value, officer));
    }
    Checked {
        rows: out.into_iter().collect(),
        keys: ids,
    }
}

/// What units refer to.
pub(super) struct Known<'a> {
    pub(super) skills: &'a [Skill],
    pub(super) places: &'a Checked<Vec<Place>>,
    pub(super) terminals: &'a Checked<BTreeMap<RadioId, Terminal>>,
}

pub(super) fn units(
    report: &Report,
    source: &Arc<Source>,
    known: &Known<'_>,
) -> Checked<Vec<UnitEntry>> {
    const COLUMNS: &[&str] = &[
        "call_sign",
        "kind",
        "squad",
        "post",
        "skills",
        "terminal_1",
        "terminal_2",
        "origin",
    ];
    let places: BTreeMap<&str, &Place> = known
        .places
        .rows
        .iter()
        .map(|p| (p.key.as_str(), p))
        .collect();
    let (mut signs, mut radios) = (Keys::default(), Keys::default());
    let mut shared = Shared::default();
    let mut out = Vec::new();
    for row in table::rows(report, source, COLUMNS) {
        let (call_sign, kind) = (row.text("call_sign"), row.choice("kind", &KINDS));
        let (squad, post) = (row.text("squad"), row.text("post"));
        let skills = skill_set(report, &row.words("skills"), known.skills);
        let origin = row.origin();
        signs.claim(report, call_sign.as_ref(), "call sign");
        let terminals = carried(report, &row, known, &mut radios);
        let home = post
            .as_ref()
            .and_then(|post| home(report, post, known, &places));
        let (Some(call_sign), Some(kind), Some(squad)) = (call_sign, kind, squad) else {
            continue;
        };
        let (Some(post), Some(home)) = (post, home) else {
            continue;
        };
        if call_sign.value.chars().count() > CALL_SIGN_CHARS_MAX {
            let text = format!("a call sign has at most {CALL_SIGN_CHARS_MAX} characters");
            report.fault(&call_sign.spot, text);
        }
        out.push(UnitEntry {
            call_sign: call_sign.value.into(),
            kind,
            squad: shared.of(&squad.value),
            post: shared.of(&post.value),
            home,
            skills,
            terminals,
            origin,
        });
    }
    out.shrink_to_fit();
    Checked {
        rows: out,
        keys: signs,
    }
}

fn carried(report: &Report, row: &Row<'_>, known: &Known<'_>, radios: &mut Keys) -> Vec<RadioId> {
    let mut out = Vec::new();
    for column in ["terminal_1", "terminal_2"] {
        let Some(text) = row.text_opt(column) else {
            continue;
        };
        if let Some(id) = radio_id(report, &text, known.terminals) {
            radios.claim(report, Some(&text), "terminal");
            out.push(id);
        }
    }
    if out.is_empty() {
        report.warn(
            &row.spot("terminal_1"),
            "the unit has no terminal: voice only (仅语音)",
        );
    }
    out
}

fn home(
    report: &Report,
    post: &Text,
    known: &Known<'_>,
    places: &BTreeMap<&str, &Place>,
) -> Option<Point> {
    let Some(place) = places.get(post.value.as_str()) else {
        known
            .places
            .unknown(report, post, "place", places.keys().copied());
        return None;
    };
    if !place.inside {
        let text = format!(
            "place `{}` lies outside the outline and is not used",
            post.value
        );
        report.fault(&post.spot, text);
    }
    Some(place.point)
}

/// The terminal a text names.
pub(super) fn radio_id(
    report: &Report,
    text: &Text,
    terminals: &Checked<BTreeMap<RadioId, Terminal>>,
) -> Option<RadioId> {
    let id = table::as_int(report, text, 1..=RADIO_ID_MAX)?;
    let id = RadioId(u32::try_from(id).ok()?);
    if !terminals.rows.contains_key(&id) {
        // No likely names: ids that look alike are not the likelier ones.
        terminals.unknown(report, text, "terminal", []);
        return None;
    }
    Some(id)
}
