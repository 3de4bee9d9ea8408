//! The catalogues: skills, categories (警情类别), profiles of limits and response plans (预案).
//!
//! It fills a plan for every category and grade, the more specific rule first; it does not ask
//! whether anybody on duty could fill the slots (the roster's check does).

use super::fault::{Report, Spot, Text, or_blank};
use super::node::{GRADES, Node};
use super::origin::Origin;
use super::table::Keys;
use crate::engine::id::CategoryCode;
use crate::engine::policy::{Category, Grade, Limits, Need, Plan, Skills};
use std::collections::BTreeMap;

/// Bits a skill set has.
const SKILL_BIT_MAX: i64 = 31;
/// Longest limit of people, seconds: a day.
const LIMIT_S_MAX: i64 = 86_400;
/// Longest wait for a feedback form, seconds: an ended incident is kept for a day.
const FEEDBACK_S_MAX: i64 = 43_200;
/// Most people in a crew, hence most sworn officers a slot can ask for.
pub(super) const CREW_MAX: usize = 8;
/// What stands for "any" in a plan.
const ANY: &str = "*";

/// A skill a unit can have by its crew or its vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Key used in the other files.
    pub key: String,
    /// Bit in [`Skills`], 0 to 31; it stays when the list is reordered.
    pub bit: u8,
    /// Name in Chinese.
    pub name: String,
    /// Where the row comes from.
    pub origin: Origin,
}

/// A category with everything people see of it; the engine's part stands in the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryEntry {
    /// Stable code.
    pub code: CategoryCode,
    /// Key on the wire.
    pub key: String,
    /// Name in Chinese, as radios show it.
    pub name: String,
    /// Name in English.
    pub name_en: String,
    /// Grade a report takes when nobody says another.
    pub grade: Grade,
    /// Where the row comes from.
    pub origin: Origin,
}

pub(super) fn skills(root: &Node<'_>) -> Vec<Skill> {
    let (mut keys, mut bits) = (Keys::default(), BTreeMap::new());
    let mut out: Vec<Skill> = Vec::new();
    for node in root.list("skill") {
        let (key, name) = (node.text("key"), node.text("name"));
        let bit = node
            .int_if("bit", 0..=SKILL_BIT_MAX)
            .and_then(|b| u8::try_from(b).ok());
        let origin = node.choice("origin", &Origin::NAMES);
        keys.claim(node.report, key.as_ref(), "skill");
        let Some(key) = key else { continue };
        if let Some(bit) = bit
            && let Some(first) = bits.insert(bit, key.value.clone())
        {
            let text = format!("bit {bit} is taken by skill `{first}`");
            node.report.fault(&node.spot("bit"), text);
        }
        let bit = bit.unwrap_or(0);
        out.push(Skill {
            key: key.value,
            bit,
            name: or_blank(name),
            origin: origin.unwrap_or(Origin::Sample),
        });
    }
    out
}

/// The set the words name; unknown ones are faults.
pub(super) fn skill_set(report: &Report, words: &[Text], skills: &[Skill]) -> Skills {
    let mut set = 0;
    for word in words {
        match skills.iter().find(|s| s.key == word.value) {
            Some(skill) => set |= 1 << skill.bit,
            None => report.unknown(word, "skill", skills.iter().map(|s| s.key.as_str())),
        }
    }
    Skills(set)
}

pub(super) fn categories(root: &Node<'_>) -> Vec<CategoryEntry> {
    let grades = grade_names();
    let (mut keys, mut codes) = (Keys::default(), BTreeMap::new());
    let mut out = Vec::new();
    for node in root.list("category") {
        let code = node
            .int_if("code", 1..=i64::from(u16::MAX))
            .and_then(|c| u16::try_from(c).ok());
        let (key, name, name_en) = (node.text("key"), node.text("name"), node.text("name_en"));
        let (grade, origin) = (
            node.choice("grade", &grades),
            node.choice("origin", &Origin::NAMES),
        );
        keys.claim(node.report, key.as_ref(), "category");
        let Some(key) = key else { continue };
        if let Some(code) = code
            && let Some(first) = codes.insert(code, key.value.clone())
        {
            let text = format!("code {code} is taken by category `{first}`");
            node.report.fault(&node.spot("code"), text);
        }
        out.push(CategoryEntry {
            code: CategoryCode(code.unwrap_or(0)),
            key: key.value,
            name: or_blank(name),
            name_en: or_blank(name_en),
            grade: grade.unwrap_or(Grade::Four),
            origin: origin.unwrap_or(Origin::Sample),
        });
    }
    out
}

/// The engine's part of the categories.
pub(super) fn of_policy(entries: &[CategoryEntry]) -> BTreeMap<CategoryCode, Category> {
    let part = |e: &CategoryEntry| {
        (
            e.code,
            Category {
                key: e.key.clone(),
                name: e.name.clone(),
                grade: e.grade,
            },
        )
    };
    entries.iter().map(part).collect()
}

/// Plans of every category and grade, and those of a report without a category.
pub(super) struct Plans {
    pub(super) by_category: BTreeMap<(CategoryCode, Grade), Plan>,
    pub(super) unclassified: Vec<Plan>,
    /// `[emergency]`, if it is there.
    pub(super) emergency: Option<Plan>,
}

/// `[[plan]]` as written: `None` is "any".
struct Rule {
    categories: Option<Vec<CategoryCode>>,
    grades: Option<Vec<Grade>>,
    needs: Vec<Need>,
    limits: Profile,
    spot: Spot,
    used: bool,
}

pub(super) fn plans(root: &Node<'_>, categories: &[CategoryEntry], skills: &[Skill]) -> Plans {
    let profiles = profiles(root);
    let mut rules: Vec<Rule> = root
        .list("plan")
        .iter()
        .filter_map(|node| rule(node, categories, skills, &profiles))
        .collect();
    overlaps(root.report, &rules);
    let mut out = Plans {
        by_category: BTreeMap::new(),
        unclassified: Vec::new(),
        emergency: root
            .section_opt("emergency")
            .and_then(|node| emergency(&node, skills, &profiles)),
    };
    let mut missing = Vec::new();
    for (grade, at) in Grade::ALL.into_iter().zip(0..) {
        match choose(&mut rules, None, grade, at) {
            Some(plan) => out.unclassified.push(plan),
            None => missing.push(format!(
                "reports without a category, grade {}",
                grade.numeral()
            )),
        }
        for entry in categories {
            match choose(&mut rules, Some(entry.code), grade, at) {
                Some(plan) => {
                    out.by_category.insert((entry.code, grade), plan);
                }
                None => missing.push(format!("`{}`, grade {}", entry.key, grade.numeral())),
            }
        }
    }
    // Without any plan that is the fault, not each pair.
    if !missing.is_empty() && !rules.is_empty() {
        let text = format!(
            "no plan for {}; add one with category \"*\"",
            missing.join("; ")
        );
        root.report.fault(&root.spot("plan"), text);
    }
    for rule in rules.iter().filter(|r| !r.used) {
        root.report.warn(
            &rule.spot,
            "this plan is never used: more specific ones stand before it",
        );
    }
    out
}

/// The most specific rule: category and grade, category, grade, neither.
fn choose(rules: &mut [Rule], code: Option<CategoryCode>, grade: Grade, at: usize) -> Option<Plan> {
    let fits = |rule: &Rule| {
        let category = match (&rule.categories, code) {
            (None, _) => true,
            (Some(codes), Some(code)) => codes.contains(&code),
            (Some(_), None) => false,
        };
        category
            && rule
                .grades
                .as_ref()
                .is_none_or(|grades| grades.contains(&grade))
    };
    let best = rules
        .iter_mut()
        .filter(|rule| fits(rule))
        .max_by_key(|rule| (rule.categories.is_some(), rule.grades.is_some()))?;
    best.used = true;
    Some(Plan {
        needs: best.needs.clone(),
        limits: *best.limits.people.get(at)?,
        feedback_ms: *best.limits.feedback_ms.get(at)?,
    })
}

/// Two plans of the same rank for the same category and grade: which wins would be chance.
fn overlaps(report: &Report, rules: &[Rule]) {
    fn meet<T: PartialEq>(a: &Option<Vec<T>>, b: &Option<Vec<T>>) -> bool {
        match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => a.iter().any(|x| b.contains(x)),
            _ => false,
        }
    }
    for (i, rule) in rules.iter().enumerate() {
        let earlier = rules.iter().take(i);
        for other in earlier
            .filter(|o| meet(&rule.categories, &o.categories) && meet(&rule.grades, &o.grades))
        {
            let text = format!(
                "covers a category and grade that `{}` covers too",
                other.spot.key
            );
            report.fault(&rule.spot, text);
        }
    }
}

fn rule(
    node: &Node<'_>,
    categories: &[CategoryEntry],
    skills: &[Skill],
    profiles: &BTreeMap<String, Profile>,
) -> Option<Rule> {
    let report = node.report;
    let grades = grade_names();
    let wanted = node.texts("category");
    let codes = named(&wanted, |text| {
        let found = categories.iter().find(|c| c.key == text.value);
        if found.is_none() {
            report.unknown(text, "category", categories.iter().map(|c| c.key.as_str()));
        }
        found.map(|c| c.code)
    });
    let grades = named(&node.texts("grade"), |text| {
        report.choice(text, "grade", &grades)
    });
    let needs = needs(node, skills);
    let profile = node.text("profile");
    node.choice("origin", &Origin::NAMES);
    let limits = limits_of(node, &profile?, profiles)?;
    let spot = node.here().clone();
    Some(Rule {
        categories: codes,
        grades,
        needs,
        limits,
        spot,
        used: false,
    })
}

/// The back-up an officer's emergency gets, under Grade I's limits of its profile.
fn emergency(
    node: &Node<'_>,
    skills: &[Skill],
    profiles: &BTreeMap<String, Profile>,
) -> Option<Plan> {
    let needs = needs(node, skills);
    let profile = node.text("profile");
    node.choice("origin", &Origin::NAMES);
    let limits = limits_of(node, &profile?, profiles)?;
    let ([people, ..], [feedback_ms, ..]) = (limits.people, limits.feedback_ms);
    Some(Plan {
        needs,
        limits: people,
        feedback_ms,
    })
}

fn limits_of(
    node: &Node<'_>,
    profile: &Text,
    profiles: &BTreeMap<String, Profile>,
) -> Option<Profile> {
    let limits = profiles.get(&profile.value).copied();
    if limits.is_none() {
        let known = profiles.keys().map(String::as_str);
        node.report.unknown(profile, "profile", known);
    }
    limits
}

/// The things a list names, `None` for "any".
fn named<T>(texts: &[Text], find: impl Fn(&Text) -> Option<T>) -> Option<Vec<T>> {
    if texts.iter().any(|t| t.value == ANY) {
        return None;
    }
    Some(texts.iter().filter_map(find).collect())
}

fn needs(node: &Node<'_>, skills: &[Skill]) -> Vec<Need> {
    let most = i64::try_from(Plan::MAX_NEEDS).unwrap_or(i64::MAX);
    let mut needs = Vec::new();
    for slot in node.list("needs") {
        let count = slot.int_or("count", 1..=most, 1);
        let skills = skill_set(slot.report, &slot.texts_opt("skills"), skills);
        let sworn = u8::try_from(slot.int_or("sworn", 0..=CREW_MAX as i64, 0)).unwrap_or(0);
        for _ in 0..count {
            needs.push(Need { skills, sworn });
        }
    }
    if needs.len() > Plan::MAX_NEEDS {
        let text = format!(
            "asks for {} units; the most is {}",
            needs.len(),
            Plan::MAX_NEEDS
        );
        node.report.fault(&node.spot("needs"), text);
    }
    needs
}

/// A profile of limits, by grade.
#[derive(Clone, Copy)]
struct Profile {
    people: [Limits; 4],
    /// 0 sets no limit.
    feedback_ms: [u32; 4],
}

fn profiles(root: &Node<'_>) -> BTreeMap<String, Profile> {
    let mut out = BTreeMap::new();
    for (name, node) in root.named("profile") {
        node.choice("origin", &Origin::NAMES);
        let ms = |key: &str| {
            node.by_grade(key, 1..=LIMIT_S_MAX)
                .map(|s| u32::try_from(s * 1000).unwrap_or(u32::MAX))
        };
        let (accept, roll) = (ms("accept_s"), ms("roll_s"));
        let (arrive, on_scene) = (ms("arrive_s"), ms("on_scene_s"));
        let mut limits = [Limits {
            accept_ms: 0,
            roll_ms: 0,
            arrive_ms: 0,
            on_scene_ms: 0,
        }; 4];
        let columns = accept
            .into_iter()
            .zip(roll)
            .zip(arrive.into_iter().zip(on_scene));
        for (slot, ((accept_ms, roll_ms), (arrive_ms, on_scene_ms))) in
            limits.iter_mut().zip(columns)
        {
            *slot = Limits {
                accept_ms,
                roll_ms,
                arrive_ms,
                on_scene_ms,
            };
        }
        let feedback_s = node.by_grade_opt("feedback_s", 1..=FEEDBACK_S_MAX);
        let profile = Profile {
            people: limits,
            feedback_ms: feedback_s
                .unwrap_or_default()
                .map(|s| u32::try_from(s * 1000).unwrap_or(u32::MAX)),
        };
        out.insert(name, profile);
    }
    out
}

fn grade_names() -> [(&'static str, Grade); 4] {
    let mut out = [("", Grade::One); 4];
    for (slot, pair) in out.iter_mut().zip(GRADES.into_iter().zip(Grade::ALL)) {
        *slot = pair;
    }
    out
}
