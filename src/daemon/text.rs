//! The words a terminal shows. Number, grade, category and distance always stand; the place is
//! shortened to fit, never in the middle of a character.

use crate::config::Config;
use crate::engine::Engine;
use crate::engine::assignment::Assignment;
use crate::engine::incident::Incident;
use crate::engine::message::Body;
use tieqi_protocols::text::shorten;

/// Units of UTF-16 in `text`.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// An assignment as the officer reads it, at most `max_units` of UTF-16:
/// `#12 II级 交通事故 黄江大道17号 1.2公里`, and to an emergency
/// `#12 紧急 求助 铁骑01 近嘉荣广场 350米`.
#[must_use]
pub fn offer(
    engine: &Engine,
    config: &Config,
    assignment: &Assignment,
    max_units: usize,
) -> String {
    let Some(incident) = engine.state().incidents.get(&assignment.incident) else {
        return assignment.incident.to_string();
    };
    let classification = incident.classification();
    let category = classification
        .category
        .and_then(|code| engine.policy().categories.get(&code))
        .map_or("警情", |category| category.name.as_str());
    let grade = classification.grade.numeral();
    let head = match incident.emergency {
        Some(_) => format!("{} 紧急 求助 ", incident.id),
        None => format!("{} {grade}级 {category} ", incident.id),
    };
    let tail = assignment.distance_m.map_or(String::new(), distance);
    let room = max_units.saturating_sub(units(&head) + units(&tail));
    let place = place(config, incident);
    let place = shorten(&place, room);
    let whole = format!("{head}{place}{tail}");
    shorten(&whole, max_units).to_owned()
}

/// The place in words; an emergency's is who calls, and the nearest place with a name.
fn place(config: &Config, incident: &Incident) -> String {
    let said = &incident.report.place;
    let at = incident
        .report
        .point
        .filter(|_| incident.emergency.is_some());
    let nearest = at.and_then(|at| {
        let places = config.usable_places();
        places.min_by_key(|place| place.point.distance_squared_cm2(at))
    });
    match nearest {
        Some(place) => format!("{said} 近{}", place.name),
        None => said.clone(),
    }
}

fn distance(metres: u32) -> String {
    match metres {
        0..1000 => format!(" {metres}米"),
        _ => format!(" {}.{}公里", metres / 1000, metres % 1000 / 100),
    }
}

/// A message as the officer reads it.
#[must_use]
pub fn message(body: &Body, max_units: usize) -> String {
    match body {
        Body::Text(text) => shorten(text, max_units).to_owned(),
        Body::Recalled(incident) => format!("撤销 {incident}"),
        Body::Safety(incident) => format!("安全确认 {incident}：请回复"),
    }
}
