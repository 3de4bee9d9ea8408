//! `tieqi check`: whether a config can be used, what it holds, or all that is wrong with it.

use crate::config::users::Users;
use crate::config::{Config, Fault, Faults, GatewayRole, Origin, Replay, RosterEntry};
use crate::engine::policy::{Grade, UnitKind};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Columns of the summary's labels.
const LABEL: usize = 14;
/// Columns a fault is drawn in.
const WIDTH: usize = 100;

/// Checks the config at `path` and the users' file it names, and writes what was found to `out`:
/// for people, or as one JSON object on one line. True when the config can be used.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(path: &Path, json: bool, out: &mut dyn Write) -> anyhow::Result<bool> {
    match Config::load(path) {
        Ok(config) => {
            let users = Users::load(&config.console.users).map(|users| users.len());
            if json {
                let told = match &users {
                    Ok(count) => json!(count),
                    Err(error) => json!(error.to_string()),
                };
                let (summary, warnings) = (summary(&config), &config.warnings);
                let ok = users.is_ok();
                let line =
                    json!({"ok": ok, "summary": summary, "users": told, "warnings": warnings});
                writeln!(out, "{line}")?;
            } else {
                draw(out, &config.warnings)?;
                let told = match &users {
                    Ok(0) => "none yet: `tieqi user add NAME --role ROLE`".to_owned(),
                    Ok(count) => count.to_string(),
                    Err(error) => error.to_string(),
                };
                write!(out, "{}", text(path, &config, &told))?;
            }
            Ok(users.is_ok())
        }
        Err(Faults { faults, warnings }) => {
            if json {
                let line = json!({"ok": false, "faults": faults, "warnings": warnings});
                writeln!(out, "{line}")?;
            } else {
                draw(out, &warnings)?;
                draw(out, &faults)?;
                let (faults, warnings) = (faults.len(), warnings.len());
                let path = path.display();
                writeln!(out, "{path}: {faults} faults, {warnings} warnings")?;
            }
            Ok(false)
        }
    }
}

/// Each fault with its line of the file. No colours: the text also goes to logs and mails.
///
/// # Errors
/// When `out` takes nothing.
pub fn draw(out: &mut dyn Write, faults: &[Fault]) -> anyhow::Result<()> {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(WIDTH)
        .with_context_lines(1);
    for fault in faults {
        let mut drawn = String::new();
        handler.render_report(&mut drawn, fault)?;
        writeln!(out, "{drawn}")?;
    }
    Ok(())
}

/// The config in figures.
fn summary(config: &Config) -> Value {
    let by_group = |entries: &[&RosterEntry]| {
        let people: usize = entries.iter().map(|e| e.crew.len()).sum();
        let sworn: usize = entries.iter().map(|e| usize::from(e.sworn)).sum();
        json!({"units": entries.len(), "people": people, "sworn": sworn})
    };
    let groups: BTreeMap<&str, Value> = config
        .roster
        .groups
        .iter()
        .enumerate()
        .map(|(at, g)| (g.key.as_str(), by_group(&entries_of(config, at))))
        .collect();
    let origins: BTreeMap<&str, usize> = Origin::NAMES
        .iter()
        .map(|(name, o)| (*name, origins(config, *o)))
        .collect();
    json!({
        "town": config.town.name,
        "name_zh": config.town.name_zh,
        "code": config.town.code,
        "area_km2": (config.outline.area_km2() * 10.0).round() / 10.0,
        "hash": hash(config),
        "terminals": config.terminals.len(),
        "units": kinds(config).into_iter().collect::<BTreeMap<_, _>>(),
        "officers": officers(config, true),
        "auxiliaries": officers(config, false),
        "communities": config.communities.len(),
        "places": config.places.len(),
        "places_usable": config.usable_places().count(),
        "skills": config.skills.len(),
        "categories": config.categories.len(),
        "plans": config.policy.plans.len(),
        "distinct_plans": config.distinct_plans().len(),
        "groups": groups,
        "gateways": config.gateways.len(),
        "links": config.gateways.iter().map(|g| g.ports().count()).sum::<usize>(),
        "rows": origins,
        "files": config.files.len(),
    })
}

fn text(path: &Path, config: &Config, users: &str) -> String {
    let mut lines = Vec::new();
    let mut line = |label: &str, text: String| lines.push(format!("{label:<LABEL$}{text}"));
    let town = &config.town;
    line(
        "town",
        format!("{} ({}), {}", town.name, town.name_zh, town.code),
    );
    line(
        "outline",
        format!(
            "{:.1} km2, origin {}",
            config.outline.area_km2(),
            town.origin.label()
        ),
    );
    line("clock", town.time_zone_name.clone());
    line("terminals", config.terminals.len().to_string());
    let kinds: Vec<String> = kinds(config)
        .into_iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    line(
        "units",
        format!("{} ({})", config.register.len(), kinds.join(", ")),
    );
    let (sworn, auxiliary) = (officers(config, true), officers(config, false));
    line("officers", format!("{sworn} sworn, {auxiliary} auxiliary"));
    line("communities", config.communities.len().to_string());
    let usable = config.usable_places().count();
    line(
        "places",
        format!("{} ({usable} inside the outline)", config.places.len()),
    );
    line("skills", config.skills.len().to_string());
    line(
        "categories",
        format!("{} ({})", config.categories.len(), grades(config)),
    );
    let distinct = config.distinct_plans().len();
    line(
        "plans",
        format!(
            "{} filled from {distinct} distinct ones",
            config.policy.plans.len()
        ),
    );
    for (at, group) in config.roster.groups.iter().enumerate() {
        let entries = entries_of(config, at);
        let people: usize = entries.iter().map(|e| e.crew.len()).sum();
        let sworn: usize = entries.iter().map(|e| usize::from(e.sworn)).sum();
        let text = format!(
            "{} units, {people} people, {sworn} of them sworn",
            entries.len()
        );
        line(&format!("group {}", group.key), text);
    }
    for gateway in &config.gateways {
        if let Some(serial) = &gateway.serial {
            let (name, path, baud) = (&gateway.name, &serial.path, serial.baud);
            line("gateway", format!("{name} at {path}, {baud} baud"));
            continue;
        }
        if let Some(http) = &gateway.http {
            let (name, at, path) = (&gateway.name, http.address, &http.path);
            line("gateway", format!("{name} at http://{at}{path}"));
            continue;
        }
        let role = match gateway.role {
            GatewayRole::Listen => "listens on",
            GatewayRole::Connect => "connects to",
        };
        if let Some(air) = &gateway.air {
            let (name, host, port) = (&gateway.name, gateway.host, air.port);
            let repeaters = air.repeaters.len();
            let text = format!("{name} {role} {host}:{port}, {repeaters} repeaters");
            line("gateway", text);
            continue;
        }
        let (name, host, links) = (&gateway.name, gateway.host, gateway.links.len());
        line("gateway", format!("{name} {role} {host}, {links} links"));
    }
    line("consoles", config.console.listen.to_string());
    line("users", users.to_owned());
    let rows: Vec<String> = Origin::NAMES
        .iter()
        .map(|(name, o)| format!("{} {name} ({})", origins(config, *o), o.label()))
        .collect();
    line("rows", rows.join(", "));
    line("hash", hash(config));
    let (files, warnings) = (config.files.len(), config.warnings.len());
    line(
        "checked",
        format!(
            "{}: {files} files, no faults, {warnings} warnings",
            path.display()
        ),
    );
    lines.join("\n") + "\n"
}

fn entries_of(config: &Config, group: usize) -> Vec<&RosterEntry> {
    config
        .roster
        .entries
        .iter()
        .filter(|e| e.group == group)
        .collect()
}

fn officers(config: &Config, sworn: bool) -> usize {
    config
        .officers
        .values()
        .filter(|o| o.sworn == sworn)
        .count()
}

fn kinds(config: &Config) -> [(&'static str, usize); 4] {
    UnitKind::ALL.map(|kind| {
        let name = match kind {
            UnitKind::Motorcycle => "motorcycle",
            UnitKind::Car => "car",
            UnitKind::EBike => "ebike",
            UnitKind::Foot => "foot",
        };
        (
            name,
            config.register.iter().filter(|u| u.kind == kind).count(),
        )
    })
}

fn grades(config: &Config) -> String {
    let count = |grade| {
        config
            .categories
            .iter()
            .filter(|c| c.grade == grade)
            .count()
    };
    let parts = Grade::ALL.map(|g| format!("{} {}", g.numeral(), count(g)));
    parts.join(", ")
}

fn hash(config: &Config) -> String {
    blake3::Hash::from_bytes(config.policy.hash)
        .to_hex()
        .to_string()
}

/// Rows of all tables and catalogues with that origin.
fn origins(config: &Config, origin: Origin) -> usize {
    let natures = config.replay.iter().flat_map(Replay::meanings);
    let all = [config.town.origin]
        .into_iter()
        .chain(config.skills.iter().map(|r| r.origin))
        .chain(config.categories.iter().map(|r| r.origin))
        .chain(config.communities.iter().map(|r| r.origin))
        .chain(config.places.iter().map(|r| r.origin))
        .chain(config.terminals.values().map(|r| r.origin))
        .chain(config.officers.values().map(|r| r.origin))
        .chain(config.register.iter().map(|r| r.origin))
        .chain(config.roster.entries.iter().map(|r| r.origin))
        .chain(config.gateways.iter().map(|r| r.origin))
        .chain(natures.map(|r| r.origin));
    all.filter(|o| *o == origin).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &Path, json: bool) -> (bool, String) {
        let mut out = Vec::new();
        let ok = run(path, json, &mut out).unwrap();
        (ok, String::from_utf8(out).unwrap())
    }

    fn shipped() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config/huangjiang.toml")
    }

    #[test]
    fn the_shipped_config_is_told_in_figures() {
        let (ok, text) = check(&shipped(), false);
        assert!(ok, "{text}");
        for part in [
            "黄江镇",
            "228",
            "12 motorcycle, 20 car, 24 ebike, 28 foot",
            "group D",
            "样例",
            "真实",
            "real-11",
            "no faults, 1 warnings",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn json_is_one_line() {
        let (ok, text) = check(&shipped(), true);
        assert!(ok && text.lines().count() == 1);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["ok"], true);
        assert_eq!(value["summary"]["terminals"], 228);
        assert_eq!(value["warnings"][0]["line"], 6);
    }

    #[test]
    fn faults_show_their_line_and_the_known_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.toml");
        std::fs::write(&path, "mode = \"manual\"\n").unwrap();
        let (ok, text) = check(&path, false);
        assert!(!ok);
        for part in [
            "mode = \"manual\"",
            "unknown mode `manual`",
            "known: auto",
            "faults",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let (ok, text) = check(&path, true);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(!ok && text.lines().count() == 1);
        let faults = value["faults"].as_array().unwrap();
        let mode = faults.iter().find(|f| f["key"] == "mode").unwrap();
        assert_eq!((&mode["line"], &mode["column"]), (&json!(1), &json!(8)));
        assert_eq!(mode["known"], json!(["auto", "recommend"]));
    }
}
