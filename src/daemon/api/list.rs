//! Parameters of `incident.list` and `call.list` become filters. What a name stands for today is
//! not asked of units: one that is gone still has incidents.

use super::names::{category, grade, wall_ms};
use super::{Call, Context, MAX_NAME, short, some_text};
use crate::config::{Config, PlaceKind};
use crate::daemon::archive::{Area, Ask, CallFilter, Cursor, DEFAULT_PAGE, Filter, MAX_PAGE, Span};
use crate::daemon::rpc::Problem;
use crate::daemon::view::{Name, Named};
use crate::engine::call::{CallPhase, Invalid};
use crate::engine::id::{CallId, IncidentId, Point};
use crate::engine::policy::Grade;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    /// Reported at or after this time.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// Reported before this time.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
    /// Its number.
    #[serde(default)]
    incident: Option<u32>,
    /// Call sign of a unit that ever had it.
    #[serde(default)]
    unit: Option<String>,
    /// Its grade.
    #[serde(default)]
    #[schemars(with = "Option<Name<Grade>>")]
    grade: Option<String>,
    /// Key of its category.
    #[serde(default)]
    category: Option<String>,
    /// Key of the grid it lies in: that with the nearest centre.
    #[serde(default)]
    grid: Option<String>,
    /// Key of the community it lies in: that with the nearest centre.
    #[serde(default)]
    community: Option<String>,
    /// Words that all stand in place, text, caller or notes.
    #[serde(default)]
    text: Option<String>,
    /// The `next` of an earlier page.
    #[serde(default)]
    cursor: Option<String>,
    /// How many, 1 to 200; 50 unless named.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallListParams {
    /// Came in at or after this time.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// Came in before this time.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
    /// Its number.
    #[serde(default)]
    call: Option<u32>,
    /// The caller's number, all of it; empty for those that were withheld.
    #[serde(default)]
    caller: Option<String>,
    /// Where it stands.
    #[serde(default)]
    #[schemars(with = "Option<Name<CallPhase>>")]
    phase: Option<String>,
    /// What kind of invalid it is.
    #[serde(default)]
    #[schemars(with = "Option<Name<Invalid>>")]
    invalid: Option<String>,
    /// Only those that belong to no incident.
    #[serde(default)]
    without_incident: bool,
    /// The `next` of an earlier page.
    #[serde(default)]
    cursor: Option<String>,
    /// How many, 1 to 200; 50 unless named.
    #[serde(default)]
    limit: Option<usize>,
}

/// Which calls are asked for.
pub(super) fn calls(_: Context<'_>, _: &str, params: CallListParams) -> Result<Call, Problem> {
    if let Some(caller) = &params.caller {
        short("caller", caller, MAX_NAME)?;
    }
    let filter = CallFilter {
        span: span(params.from, params.to, params.cursor, params.limit)?,
        call: params.call.map(CallId),
        caller: params.caller,
        phase: name("phase", params.phase)?,
        invalid: name("invalid", params.invalid)?,
        without_incident: params.without_incident,
    };
    Ok(Call::Ask(Ask::Calls(Box::new(filter))))
}

fn name<T: Named>(what: &str, name: Option<String>) -> Result<Option<T>, Problem> {
    let named = name.map(|name| T::named(&name)).transpose();
    named.map_err(|why| Problem::params(format!("`{what}`: {why}")))
}

fn span(
    from: Option<String>,
    to: Option<String>,
    next: Option<String>,
    limit: Option<usize>,
) -> Result<Span, Problem> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let why = format!("`limit` must be 1 to {MAX_PAGE}, not {limit}");
        return Err(Problem::params(why));
    }
    let time = |what, text: Option<String>| text.map(|text| wall_ms(what, &text)).transpose();
    Ok(Span {
        from_ms: time("from", from)?,
        to_ms: time("to", to)?,
        cursor: next.as_deref().map(cursor).transpose()?,
        limit,
    })
}

/// Which incidents are asked for.
pub(super) fn incidents(
    context: Context<'_>,
    _: &str,
    params: ListParams,
) -> Result<Call, Problem> {
    if let Some(key) = &params.category {
        category(context, key)?;
    }
    if let Some(unit) = &params.unit {
        short("unit", unit, MAX_NAME)?;
    }
    if let Some(text) = &params.text {
        some_text("text", text, MAX_NAME)?;
    }
    let filter = Filter {
        span: span(params.from, params.to, params.cursor, params.limit)?,
        incident: params.incident.map(IncidentId),
        unit: params.unit,
        grade: params.grade.as_deref().map(grade).transpose()?,
        category: params.category,
        areas: areas(context.config, params.grid, params.community)?,
        text: params.text,
    };
    Ok(Call::Ask(Ask::List(Box::new(filter))))
}

fn areas(
    config: &Config,
    grid: Option<String>,
    community: Option<String>,
) -> Result<Vec<Area>, Problem> {
    let grids = config.usable_places();
    let grids = grids.filter(|place| place.kind == PlaceKind::Grid);
    let grids = grids.map(|place| (place.key.as_str(), place.point));
    let communities = config.communities.iter();
    let communities = communities.map(|place| (place.key.as_str(), place.point));
    let grid = grid.map(|key| area("grid", &key, grids.collect()));
    let community = community.map(|key| area("community", &key, communities.collect()));
    grid.into_iter().chain(community).collect()
}

fn area(what: &str, key: &str, all: Vec<(&str, Point)>) -> Result<Area, Problem> {
    let own = all.iter().position(|(known, _)| *known == key);
    let own = own.ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|(key, _)| *key).collect();
        let known = known.join(", ");
        Problem::params(format!("`{what}`: `{key}` is not known; known are {known}"))
    })?;
    let centres = all.into_iter().map(|(_, point)| point).collect();
    Ok(Area { centres, own })
}

/// A cursor as an earlier page gave it: `1700000000000-12`.
fn cursor(text: &str) -> Result<Cursor, Problem> {
    let parsed = text
        .rsplit_once('-')
        .and_then(|(time, number)| Some((time.parse().ok()?, number.parse().ok()?)));
    parsed.ok_or_else(|| Problem::params("`cursor` must be the `next` of an earlier page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_what_is_nearest_to_its_centre() {
        let config = Config::sample().unwrap();
        let grid = config
            .places
            .iter()
            .find(|it| it.key == "grid-005")
            .unwrap();
        let found = areas(&config, Some("grid-005".into()), None)
            .unwrap()
            .remove(0);
        assert!(found.centres.len() > 50, "all grids of the town");
        assert!(found.holds(grid.point));
        let others = found.centres.iter().filter(|centre| **centre != grid.point);
        assert!(others.clone().count() + 1 == found.centres.len());
        assert!(others.into_iter().all(|centre| !found.holds(*centre)));
        // Every place of the plane is in one area and no more.
        for (x_cm, y_cm) in [(0, 0), (123_456, -98_765), (-400_000, 250_000)] {
            let all = (0..found.centres.len()).map(|own| Area {
                own,
                ..found.clone()
            });
            assert_eq!(all.filter(|it| it.holds(Point { x_cm, y_cm })).count(), 1);
        }
    }

    #[test]
    fn an_unknown_area_is_refused_with_those_there_are() {
        let config = Config::sample().unwrap();
        let refused = areas(&config, None, Some("grid-005".into())).unwrap_err();
        assert!(
            refused
                .message
                .contains("known are community-1, community-2"),
            "{refused:?}"
        );
    }

    #[test]
    fn cursors_are_taken_back_and_nothing_else_is() {
        assert_eq!(cursor("1700000000000-12").unwrap(), (1_700_000_000_000, 12));
        assert_eq!(cursor("-5-1").unwrap(), (-5, 1));
        for bad in ["", "12", "a-b", "1-", "-", "1-2-x", "1-99999999999"] {
            assert!(cursor(bad).is_err(), "{bad}");
        }
    }
}
