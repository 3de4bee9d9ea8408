//! Names on the wire become ids, points and times; what stands for nothing is refused with what is
//! known.

use super::params::PositionParams;
use super::unit::DutyParams;
use super::{Context, MAX_NAME, short};
use crate::daemon::rpc::Problem;
use crate::daemon::view::Named;
use crate::engine::id::{CategoryCode, Point, RadioId, UnitId};
use crate::engine::policy::Grade;
use crate::engine::unit::{CrewMember, Duty};
use crate::geo::Datum;

/// Crew, skills and terminals of a duty: sworn or not is the register's word, never the console's.
pub(super) fn duty(
    context: Context<'_>,
    unit: UnitId,
    params: &DutyParams,
) -> Result<Duty, Problem> {
    short("vehicle", &params.vehicle, MAX_NAME)?;
    short("area", &params.area, MAX_NAME)?;
    let call_sign = context
        .engine
        .state()
        .units
        .get(&unit)
        .map(|unit| unit.call_sign.as_str());
    let entry = context
        .config
        .register
        .iter()
        .find(|entry| Some(&*entry.call_sign) == call_sign);
    let mut skills = entry.map(|entry| entry.skills).unwrap_or_default();
    let mut crew = Vec::new();
    for id in &params.crew {
        let officer = context.config.officers.get(id).ok_or_else(|| {
            Problem::params(format!("`crew`: `{id}` is not in the register of officers"))
        })?;
        skills.0 |= officer.skills.0;
        crew.push(CrewMember {
            officer: id.clone(),
            sworn: officer.sworn,
        });
    }
    let terminals = match &params.terminals {
        Some(ids) => ids.iter().copied().map(RadioId).collect(),
        None => entry
            .map(|entry| entry.terminals.clone())
            .unwrap_or_default(),
    };
    let until_ms = params
        .until
        .as_deref()
        .map(|at| wall_ms("until", at))
        .transpose()?;
    let (vehicle, area) = (params.vehicle.clone(), params.area.clone());
    Ok(Duty {
        crew,
        vehicle,
        terminals,
        skills,
        area,
        until_ms,
    })
}

pub(super) fn unit_id(context: Context<'_>, call_sign: &str) -> Result<UnitId, Problem> {
    let found = context.engine.state().call_signs.get(call_sign);
    found
        .copied()
        .ok_or_else(|| Problem::params(format!("there is no unit with call sign `{call_sign}`")))
}

pub(super) fn category(context: Context<'_>, key: &str) -> Result<(CategoryCode, Grade), Problem> {
    let categories = &context.engine.policy().categories;
    let found = categories.iter().find(|(_, category)| category.key == key);
    found
        .map(|(code, category)| (*code, category.grade))
        .ok_or_else(|| {
            let known: Vec<_> = categories
                .values()
                .map(|category| category.key.as_str())
                .collect();
            let message = format!(
                "`category`: `{key}` is not known; known are {}",
                known.join(", ")
            );
            Problem::params(message)
        })
}

pub(super) fn grade(name: &str) -> Result<Grade, Problem> {
    Grade::named(name).map_err(|why| Problem::params(format!("`grade`: {why}")))
}

/// A position in its stated datum, as a point of the plane. One without a datum is not taken:
/// mixing datums is off by 600 m in this town.
pub(super) fn point(context: Context<'_>, position: &PositionParams) -> Result<Point, Problem> {
    let refuse = |why: String| Problem::params(format!("`position`: {why}"));
    let datum = Datum::named(&position.datum).map_err(refuse)?;
    let at = datum
        .to_wgs84(position.lat, position.lon)
        .map_err(|error| refuse(error.to_string()))?;
    context
        .config
        .plane
        .project(at)
        .map_err(|error| refuse(error.to_string()))
}

/// RFC 3339 with an offset, as milliseconds since 1970 UTC.
pub(super) fn wall_ms(what: &str, text: &str) -> Result<i64, Problem> {
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(jiff::Timestamp::as_millisecond).map_err(|error| {
        let message =
            format!("`{what}`: `{text}` is no time like 2026-11-23T03:00:00+08:00: {error}");
        Problem::params(message)
    })
}
