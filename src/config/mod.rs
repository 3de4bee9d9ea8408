//! The config: one commented TOML file and the tables beside it, checked as a whole.
//!
//! Everything wrong is found in one go, each fault with its file, key and line. What comes out is
//! complete: whoever holds a [`Config`] needs no further check, and the engine's share of it is a
//! [`Policy`]. Config holds the register only; who is on duty is signed on through the console.
//! The users' file is apart ([`users`]), because the daemon's commands write it.

mod catalogue;
mod desk;
mod dispatch;
mod duty;
mod fault;
mod homebrew;
mod http;
mod load;
mod node;
mod origin;
mod radio;
mod register;
mod replay;
mod retention;
mod roster;
pub mod sample;
mod serial;
mod suspect;
mod table;
mod town;
pub mod users;
mod work_order;

pub use catalogue::{CategoryEntry, Skill};
pub use desk::{Chain, Console, Http, Journal, Log, LogFormat};
pub use fault::{Fault, Faults};
pub use homebrew::{AirPort, AirSide};
pub use http::{HttpPort, Token};
pub use load::read_capped;
pub use origin::Origin;
pub use radio::{AnyPort, Gateway, GatewayLink, GatewayRole, LinkLimits, Radio, Service};
pub use register::{Officer, Terminal, UnitEntry};
pub use replay::{Column, Columns, Meaning, Replay};
pub use retention::Retention;
pub use roster::{Duty, Group, Roster, RosterEntry, Shift};
pub use serial::{SerialPort, Speaks};
pub use town::{Community, Place, PlaceKind, Town};

use crate::engine::id::RadioId;
use crate::engine::policy::{Plan, Policy};
use crate::geo::{Outline, Plane};
use catalogue::Plans;
use fault::{Report, Source, Spot, Text};
use jiff::civil::DateTime;
use load::Files;
use node::Node;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeTable;

/// A checked config.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which town.
    pub town: Town,
    /// The local plane.
    pub plane: Plane,
    /// The town's outline.
    pub outline: Outline,
    /// The engine's share, with the hash over all files.
    pub policy: Policy,
    /// Skills.
    pub skills: Vec<Skill>,
    /// Categories with all their names, in the config's order.
    pub categories: Vec<CategoryEntry>,
    /// Communities.
    pub communities: Vec<Community>,
    /// Places and grid points, also those outside the outline (see [`Config::usable_places`]).
    pub places: Vec<Place>,
    /// Terminals by radio id.
    pub terminals: BTreeMap<RadioId, Terminal>,
    /// Officers and auxiliaries by id.
    pub officers: BTreeMap<String, Officer>,
    /// Units, in the order of `policy.register`.
    pub register: Vec<UnitEntry>,
    /// Rotation and crews.
    pub roster: Roster,
    /// Gateways.
    pub gateways: Vec<Gateway>,
    /// What goes over the air.
    pub radio: Radio,
    /// Timers and bounds of links.
    pub link: LinkLimits,
    /// The consoles' door.
    pub console: Console,
    /// `/metrics` and `/healthz`.
    pub http: Http,
    /// Where the journal lives.
    pub journal: Journal,
    /// How long what is kept.
    pub retention: Retention,
    /// The log.
    pub log: Log,
    /// How `tieqi replay` reads a table of calls, where the config says.
    pub replay: Option<Replay>,
    /// What is worth a look.
    pub warnings: Vec<Fault>,
    /// Files read, the main one first.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// Reads and checks the config at `path` and the files it names.
    ///
    /// # Errors
    /// All faults at once.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        Self::load_with(path, &mut read_capped)
    }

    /// The same with the files' bytes from `read`, which gets each path joined to the folder of
    /// `path`: for configs in memory.
    ///
    /// # Errors
    /// All faults at once.
    pub fn load_with(
        path: &Path,
        read: &mut dyn FnMut(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Self, Faults> {
        let report = Report::default();
        let dir = path.parent().unwrap_or(Path::new(""));
        let checked = {
            let mut files = Files::new(dir, &report, read);
            let config = files
                .main(path)
                .and_then(|main| parsed(&report, &main, dir, &mut files));
            let (hash, read) = files.finish();
            config.map(|config| (config, hash, read))
        };
        let clean = report.clean();
        let found = report.into_faults();
        match checked {
            Some((mut config, hash, files)) if clean => {
                config.policy.hash = hash;
                config.files = files;
                config.warnings = found.warnings;
                Ok(config)
            }
            _ => Err(found),
        }
    }

    /// Groups, shifts and crews on duty at a local time (see [`Roster`] for the rotation).
    #[must_use]
    pub fn roster_now(&self, local: DateTime) -> Vec<Duty<'_>> {
        self.roster.at(local)
    }

    /// Places inside the outline.
    pub fn usable_places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|p| p.inside)
    }

    /// Address of a terminal on the air: its subnet, then the 24 bits of its id.
    #[must_use]
    pub fn address_of(&self, radio: RadioId) -> Option<Ipv4Addr> {
        let subnet = u32::from(self.terminals.get(&radio)?.subnet);
        Some(Ipv4Addr::from(subnet << 24 | radio.0))
    }

    /// Each distinct plan once, with one category that has it.
    #[must_use]
    pub fn distinct_plans(&self) -> Vec<(String, &Plan)> {
        distinct(&self.policy, &self.categories)
    }
}

/// The main file as a tree, checked. `None` whenever a part is missing, which is a fault by then.
fn parsed(
    report: &Report,
    main: &Arc<Source>,
    dir: &Path,
    files: &mut Files<'_>,
) -> Option<Config> {
    let text = main.text.clone();
    let (tree, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        for error in errors {
            let span = error.span().or(Some(0..0));
            report.fault(
                &Spot {
                    span,
                    ..Spot::file(main)
                },
                error.message(),
            );
        }
        return None;
    }
    let root = Node::root(report, main, tree.get_ref());
    checked(&root, dir, files)
}

/// Tables named in `[files]`.
struct Named {
    communities: Option<Text>,
    places: Option<Text>,
    terminals: Option<Text>,
    officers: Option<Text>,
    units: Option<Text>,
}

fn named(root: &Node<'_>) -> Named {
    let node = root.section("files");
    Named {
        communities: node.text("communities"),
        places: node.text("places"),
        terminals: node.text("terminals"),
        officers: node.text("officers"),
        units: node.text("units"),
    }
}

fn checked(root: &Node<'_>, dir: &Path, files: &mut Files<'_>) -> Option<Config> {
    let report = root.report;
    let names = named(root);
    let ground = town::ground(root, files);
    let skills = catalogue::skills(root);
    let categories = catalogue::categories(root);
    let plans = catalogue::plans(root, &categories, &skills);
    let dispatch = dispatch::dispatch(root);
    let radio = radio::radio(root);
    let link = radio::link(root, dispatch.ladder.send_ms);
    let (gateways, vehicles) = radio::gateways(root, files, dispatch.ladder.send_ms);
    let desk = desk::desk(root, dir);
    let (mut roster, roster_file) = roster::rotation(root);
    let replay = replay::replay(root, files, &categories);

    let dispatcher = radio.as_ref().map(|r| r.dispatcher);
    let terminals = files
        .table(names.terminals)
        .map(|s| register::terminals(report, &s, &gateways, dispatcher))
        .unwrap_or_default();
    let ids: Vec<_> = terminals.rows.keys().map(|id| id.0.to_string()).collect();
    for radio in &vehicles {
        let known = ids.iter().map(String::as_str);
        terminals.unknown(report, radio, "terminal of a receiver", known);
    }
    let groups: Vec<&str> = roster.groups.iter().map(|g| g.key.as_str()).collect();
    let officers = files
        .table(names.officers)
        .map(|s| register::officers(report, &s, &skills, &groups))
        .unwrap_or_default();
    // Without a plane no position can be checked; the tables that hold some are left out.
    let ground = ground?;
    let communities = files
        .table(names.communities)
        .map(|s| town::communities(report, &s, &ground))
        .unwrap_or_default();
    let places = files
        .table(names.places)
        .map(|s| town::places(report, &s, &ground))
        .unwrap_or_default();
    let known = register::Known {
        skills: &skills,
        places: &places,
        terminals: &terminals,
    };
    let register = files
        .table(names.units)
        .map(|s| register::units(report, &s, &known))
        .unwrap_or_default();
    let roster_source = files.table(roster_file);
    if let Some(source) = &roster_source {
        let known = duty::Known {
            register: &register,
            officers: &officers,
            terminals: &terminals,
            communities: &communities,
        };
        roster.entries = duty::entries(report, source, &roster, &known);
    }
    let policy = policy(
        plans,
        dispatch,
        &skills,
        &categories,
        &register.rows,
        &terminals.rows,
    )?;
    if let Some(source) = roster_source.filter(|_| report.clean()) {
        let plans = distinct(&policy, &categories);
        duty::review(report, &source, &roster, &register.rows, &plans);
    }
    let (desk, outline) = (desk?, ground.outline?);
    Some(Config {
        town: ground.town,
        plane: ground.plane,
        outline,
        policy,
        skills,
        categories,
        communities: communities.rows,
        places: places.rows,
        terminals: terminals.rows,
        officers: officers.rows,
        register: register.rows,
        roster,
        gateways,
        radio: radio?,
        link,
        console: desk.console,
        http: desk.http,
        journal: desk.journal,
        log: desk.log,
        replay,
        retention: retention::retention(root),
        warnings: Vec::new(),
        files: Vec::new(),
    })
}

/// The engine's share; `None` when a plan is missing.
fn policy(
    plans: Plans,
    dispatch: dispatch::Dispatch,
    skills: &[Skill],
    categories: &[CategoryEntry],
    register: &[UnitEntry],
    terminals: &BTreeMap<RadioId, Terminal>,
) -> Option<Policy> {
    let default_plans: [Plan; 4] = plans.unclassified.try_into().ok()?;
    // Without a plan of its own an emergency gets what the gravest unknown gets.
    let [gravest, ..] = default_plans.clone();
    Some(Policy {
        hash: [0; 32],
        mode: dispatch.mode,
        skill_names: skills.iter().map(|s| (s.bit, s.key.clone())).collect(),
        categories: catalogue::of_policy(categories),
        plans: plans.by_category,
        default_plans,
        emergency: plans.emergency.unwrap_or(gravest),
        register: register
            .iter()
            .map(|u| (u.call_sign.clone(), u.kind))
            .collect(),
        terminals: Arc::new(terminals.keys().copied().collect()),
        speed_cm_s: dispatch.speed_cm_s,
        plausible_cm_s: dispatch.plausible_cm_s,
        suspicion: dispatch.suspicion,
        stale_fix_ms: dispatch.stale_fix_ms,
        age_step_ms: dispatch.age_step_ms,
        safety: dispatch.safety,
        ladder: dispatch.ladder,
        answer_ms: dispatch.answer_ms,
        keys: dispatch.keys,
        top_k: dispatch.top_k,
        max_open_incidents: dispatch.max_open_incidents,
    })
}

fn distinct<'p>(policy: &'p Policy, categories: &[CategoryEntry]) -> Vec<(String, &'p Plan)> {
    let mut out: Vec<(String, &Plan)> = Vec::new();
    for ((code, grade), plan) in &policy.plans {
        if out.iter().any(|(_, p)| *p == plan) {
            continue;
        }
        let key = categories
            .iter()
            .find(|c| c.code == *code)
            .map_or("?", |c| c.key.as_str());
        out.push((format!("`{key}`, grade {}", grade.numeral()), plan));
    }
    out
}

#[cfg(test)]
mod tests;
