//! How the engine dispatches: mode, ranking, queue, receipt ladder and status keys.

use super::fault::Text;
use super::node::{GRADES, Node};
use super::suspect::suspicion;
use super::table::Keys;
use crate::engine::policy::{Key, Ladder, Mode, UnitKind};
use crate::engine::safety::SafetyChecks;
use crate::engine::suspect::Suspicion;
use std::collections::BTreeMap;

/// Candidates a ranking may list.
const TOP_K: std::ops::RangeInclusive<i64> = 1..=16;
/// Speeds for ranking, km/h.
const SPEED_KM_H: std::ops::RangeInclusive<i64> = 1..=200;
/// Longest of the engine's own waits, seconds: a day.
const WAIT_S_MAX: i64 = 86_400;
/// Longest deadline of a frame, milliseconds.
const FRAME_MS_MAX: i64 = 120_000;
/// Attempts on the air: the request id has four bits for them.
const ATTEMPTS: std::ops::RangeInclusive<i64> = 1..=16;
/// Open incidents an engine may be sized for.
const OPEN_INCIDENTS: std::ops::RangeInclusive<i64> = 1..=1_000_000;
/// Longest status key, characters.
const KEY_CHARS_MAX: usize = 16;

/// Speeds nobody moves faster than, km/h: a helicopter's at most.
const PLAUSIBLE_KM_H: std::ops::RangeInclusive<i64> = 20..=400;

/// Whether offers go out by themselves.
const MODES: [(&str, Mode); 2] = [("auto", Mode::Auto), ("recommend", Mode::Recommend)];

/// Names of the kinds of units, in the order of [`UnitKind::ALL`].
pub(super) const KINDS: [(&str, UnitKind); 4] = [
    ("motorcycle", UnitKind::Motorcycle),
    ("car", UnitKind::Car),
    ("ebike", UnitKind::EBike),
    ("foot", UnitKind::Foot),
];

/// The parts of a policy that are plain numbers.
pub(super) struct Dispatch {
    pub(super) mode: Mode,
    pub(super) top_k: u8,
    pub(super) speed_cm_s: [u32; 4],
    pub(super) plausible_cm_s: u32,
    pub(super) suspicion: Suspicion,
    pub(super) stale_fix_ms: u32,
    pub(super) age_step_ms: [u32; 2],
    pub(super) max_open_incidents: u32,
    pub(super) ladder: Ladder,
    pub(super) safety: SafetyChecks,
    pub(super) answer_ms: u32,
    pub(super) keys: BTreeMap<String, Key>,
}

pub(super) fn dispatch(root: &Node<'_>) -> Dispatch {
    let mode = root.choice("mode", &MODES).unwrap_or(Mode::Auto);
    let ranking = root.section("ranking");
    let top_k = u8::try_from(ranking.int("top_k", TOP_K)).unwrap_or(1);
    let speeds = ranking.section("speeds_km_h");
    // 1 km/h is 250/9 cm/s.
    let speed_cm_s =
        KINDS.map(|(kind, _)| u32::try_from(speeds.int(kind, SPEED_KM_H) * 250 / 9).unwrap_or(28));
    let plausible = ranking.int("plausible_km_h", PLAUSIBLE_KM_H) * 250 / 9;
    let plausible_cm_s = u32::try_from(plausible).unwrap_or(u32::MAX);
    let stale_fix_ms = ms(ranking.int("stale_fix_s", 1..=WAIT_S_MAX));
    let queue = root.section("queue");
    let steps = queue.section("age_step_s");
    let [_, _, third, fourth] = GRADES;
    let age_step_ms = [third, fourth].map(|grade| ms(steps.int(grade, 1..=WAIT_S_MAX)));
    let [waiting_ms, proposal_ms] =
        ["waiting_s", "proposal_s"].map(|key| queue.by_grade(key, 1..=WAIT_S_MAX).map(ms));
    let max_open_incidents =
        u32::try_from(queue.int("max_open_incidents", OPEN_INCIDENTS)).unwrap_or(1);
    Dispatch {
        mode,
        top_k,
        speed_cm_s,
        plausible_cm_s,
        suspicion: suspicion(root),
        stale_fix_ms,
        age_step_ms,
        max_open_incidents,
        safety: root
            .section_opt("safety")
            .map(|node| safety(&node))
            .unwrap_or_default(),
        answer_ms: answer_ms(root),
        ladder: ladder(&root.section("ladder"), waiting_ms, proposal_ms),
        keys: keys(&root.section("keys")),
    }
}

/// A call that rings longer is alarmed. The section may be left out.
fn answer_ms(root: &Node<'_>) -> u32 {
    const ANSWER_S: i64 = 15;
    let seconds = root
        .section_opt("calls")
        .map(|calls| calls.int_or("answer_s", 1..=WAIT_S_MAX, ANSWER_S));
    ms(seconds.unwrap_or(ANSWER_S))
}

fn ladder(node: &Node<'_>, waiting_ms: [u32; 4], proposal_ms: [u32; 4]) -> Ladder {
    let frame = |key| u32::try_from(node.int(key, 1..=FRAME_MS_MAX)).unwrap_or(1);
    let wait = |key| ms(node.int(key, 1..=WAIT_S_MAX));
    Ladder {
        send_ms: frame("send_ms"),
        deliver_ms: frame("deliver_ms"),
        attempts: u8::try_from(node.int("attempts", ATTEMPTS)).unwrap_or(1),
        reoffer_ms: wait("reoffer_s"),
        stacked_ms: wait("stacked_s"),
        unclassified_ms: wait("unclassified_s"),
        waiting_ms,
        proposal_ms,
    }
}

/// `[safety]`: whoever is not named is not asked.
fn safety(node: &Node<'_>) -> SafetyChecks {
    let every = |key: &str| {
        let by_grade = node.section_opt(key)?;
        Some(GRADES.map(|grade| ms(by_grade.int(grade, 1..=WAIT_S_MAX))))
    };
    SafetyChecks {
        en_route_ms: every("en_route_s"),
        on_scene_ms: every("on_scene_s"),
        answer_ms: ms(node.int("answer_s", 1..=WAIT_S_MAX)),
    }
}

/// Texts that are keys. One may be followed by a space and an incident number, so a key has no
/// space itself.
fn keys(node: &Node<'_>) -> BTreeMap<String, Key> {
    const NAMES: [(&str, Key); 7] = [
        ("accept", Key::Accept),
        ("decline", Key::Decline),
        ("rolling", Key::Rolling),
        ("on_scene", Key::OnScene),
        ("clear", Key::Clear),
        ("need_help", Key::NeedHelp),
        ("help_over", Key::HelpOver),
    ];
    let mut taken = Keys::default();
    let mut out = BTreeMap::new();
    for (name, key) in NAMES {
        let texts = match key {
            // Not every town has one: the emergency ends by hand all the same.
            Key::HelpOver => node.texts_opt(name),
            _ => node.texts(name),
        };
        for text in texts {
            taken.claim(node.report, Some(&text), "key text");
            if unfit(&text) {
                let limit = format!("a key has 1 to {KEY_CHARS_MAX} characters and no space");
                node.report.fault(&text.spot, limit);
            }
            out.insert(text.value, key);
        }
    }
    out
}

fn unfit(text: &Text) -> bool {
    text.value.chars().count() > KEY_CHARS_MAX
        || text
            .value
            .chars()
            .any(|c| c.is_whitespace() || c.is_control())
}

fn ms(seconds: i64) -> u32 {
    u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX)
}
