//! What the config lets the engine decide with: grades, categories, plans, limits, speeds, keys.
//!
//! A policy is read by `decide` only. Whatever of it a decision used stands in the decision's
//! events, so replay never needs the policy of that day; its hash is journalled when it changes.

use super::id::{CategoryCode, RadioId};
use super::safety::SafetyChecks;
use super::suspect::Suspicion;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Grade of an incident (警情级别). `One` is "life or violence now".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// I, 红.
    One,
    /// II, 橙.
    Two,
    /// III, 黄.
    Three,
    /// IV, 蓝.
    Four,
}

impl Grade {
    /// All grades, gravest first.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Four];

    /// The Roman numeral.
    #[must_use]
    pub fn numeral(self) -> &'static str {
        match self {
            Self::One => "I",
            Self::Two => "II",
            Self::Three => "III",
            Self::Four => "IV",
        }
    }
}

/// What a unit moves with; also its speed class in the spatial index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UnitKind {
    /// 铁骑.
    Motorcycle,
    /// 警车.
    Car,
    /// 电动车.
    EBike,
    /// 步巡.
    Foot,
}

impl UnitKind {
    /// All kinds; a kind's place here is its speed class.
    pub const ALL: [Self; 4] = [Self::Motorcycle, Self::Car, Self::EBike, Self::Foot];
}

/// A set of skills, one bit each; the config names the bits.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Skills(pub u32);

impl Skills {
    /// Whether every skill of `needed` is here.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }
}

/// What one slot of a plan asks of the unit that fills it.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Need {
    /// Skills the unit must have.
    pub skills: Skills,
    /// Sworn officers its crew must hold. Auxiliaries do not handle cases alone.
    pub sworn: u8,
}

impl Need {
    /// Whether who can do this can do what is asked.
    #[must_use]
    pub fn meets(self, asked: Self) -> bool {
        self.skills.covers(asked.skills) && self.sworn >= asked.sworn
    }
}

/// Limits of people, in milliseconds: named profiles of the config, never "the national standard".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From delivery on the terminal to the officer's key.
    pub accept_ms: u32,
    /// From acceptance to rolling.
    pub roll_ms: u32,
    /// From rolling to the scene.
    pub arrive_ms: u32,
    /// On scene before the desk is asked.
    pub on_scene_ms: u32,
}

/// A response plan (预案): the slots to fill and the limits to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One entry for each unit to send, 1 to [`Plan::MAX_NEEDS`].
    pub needs: Vec<Need>,
    /// Limits of people.
    pub limits: Limits,
    /// From the end of the work to the feedback form, milliseconds; 0 sets no limit.
    pub feedback_ms: u32,
}

impl Plan {
    /// Most units one plan may ask for.
    pub const MAX_NEEDS: usize = 8;
}

/// A category as the config names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Key on the wire, e.g. `traffic_injury`.
    pub key: String,
    /// Name in Chinese, as radios show it.
    pub name: String,
    /// Grade a report takes when nobody says another.
    pub grade: Grade,
}

/// What a status key of a terminal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Key {
    /// 签收.
    Accept,
    /// 退单.
    Decline,
    /// 出警.
    Rolling,
    /// 到达现场.
    OnScene,
    /// 处置完毕.
    Clear,
    /// 请求支援: an emergency.
    NeedHelp,
    /// 解除求助: the emergency is taken back, which is written down and ends nothing.
    HelpOver,
}

/// Whether offers go out by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Offers go out at once; decline or expiry offers the next unit.
    Auto,
    /// The ranking is put to the desk; nobody is offered anything without a command.
    Recommend,
}

/// Limits of the receipt ladder below the officer, and of waiting, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// From the offer until a gateway took the frame.
    pub send_ms: u32,
    /// From there until the terminal has it, for each attempt.
    pub deliver_ms: u32,
    /// Attempts on the air, 1 to 16 (the attempt has four bits of the request id).
    pub attempts: u8,
    /// Before a unit that declined or let an offer expire is asked again for that incident.
    pub reoffer_ms: u32,
    /// A stacked assignment is reviewed after this.
    pub stacked_ms: u32,
    /// A report without a category is alarmed after this.
    pub unclassified_ms: u32,
    /// An incident that no unit can be offered for is alarmed after this, by grade (I to IV), and
    /// again each time it passes.
    pub waiting_ms: [u32; 4],
    /// A proposal unanswered for this long alarms the supervisor, by grade, and again each time.
    pub proposal_ms: [u32; 4],
}

/// Everything a decision may use beside the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// BLAKE3 over the config's files.
    pub hash: [u8; 32],
    /// Whether offers go out by themselves.
    pub mode: Mode,
    /// Keys of the skills by bit, as consoles show them.
    pub skill_names: BTreeMap<u8, String>,
    /// Categories by code.
    pub categories: BTreeMap<CategoryCode, Category>,
    /// Plan for each category and grade; the checked config fills every pair.
    pub plans: BTreeMap<(CategoryCode, Grade), Plan>,
    /// Plan of a report without a category, by grade in the order of [`Grade::ALL`].
    pub default_plans: [Plan; 4],
    /// Plan of an officer's emergency: who backs up.
    pub emergency: Plan,
    /// Call signs of the register, in the config's order, with their kinds. Held once, however
    /// many engines decide by it.
    pub register: Arc<[(Arc<str>, UnitKind)]>,
    /// Radio ids the config knows. Others are strangers and change nothing.
    pub terminals: Arc<BTreeSet<RadioId>>,
    /// Speed for ranking in cm/s, in the order of [`UnitKind::ALL`].
    pub speed_cm_s: [u32; 4],
    /// The fastest anybody moves, cm/s: a fix that would need more is not believed.
    pub plausible_cm_s: u32,
    /// How much evidence makes a terminal suspect.
    pub suspicion: Suspicion,
    /// A fix older than this is flagged in a ranking, milliseconds.
    pub stale_fix_ms: u32,
    /// After this an incident of Grade III or IV counts one grade higher (index 0: III to II,
    /// 1: IV to III), in milliseconds. Nothing ages into Grade I.
    pub age_step_ms: [u32; 2],
    /// Safety checks of officers at work.
    pub safety: SafetyChecks,
    /// Limits of the receipt ladder.
    pub ladder: Ladder,
    /// A call that rings longer is alarmed, milliseconds.
    pub answer_ms: u32,
    /// Texts of status keys, trimmed.
    pub keys: BTreeMap<String, Key>,
    /// Candidates a ranking lists.
    pub top_k: u8,
    /// Most incidents that may be open at once; reports beyond are refused.
    pub max_open_incidents: u32,
}
