//! Parameters of `incident.list` become a filter. What a name stands for today is not asked of
//! units: one that is gone still has incidents.

use super::names::{category, grade, wall_ms};
use super::{Call, Context, MAX_NAME, short, some_text};
use crate::daemon::archive::{Cursor, DEFAULT_PAGE, Filter, MAX_PAGE};
use crate::daemon::rpc::Problem;
use crate::daemon::view::Name;
use crate::engine::id::IncidentId;
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

/// Understands the parameters.
pub(super) fn parse(context: Context<'_>, _: &str, params: ListParams) -> Result<Call, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::params(format!(
            "`limit` must be 1 to {MAX_PAGE}, not {limit}"
        )));
    }
    if let Some(key) = &params.category {
        category(context, key)?;
    }
    if let Some(unit) = &params.unit {
        short("unit", unit, MAX_NAME)?;
    }
    if let Some(text) = &params.text {
        some_text("text", text, MAX_NAME)?;
    }
    let time = |what, text: Option<String>| text.map(|text| wall_ms(what, &text)).transpose();
    let filter = Filter {
        from_ms: time("from", params.from)?,
        to_ms: time("to", params.to)?,
        incident: params.incident.map(IncidentId),
        unit: params.unit,
        grade: params.grade.as_deref().map(grade).transpose()?,
        category: params.category,
        text: params.text,
        cursor: params.cursor.as_deref().map(cursor).transpose()?,
        limit,
    };
    Ok(Call::List(Box::new(filter)))
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
    fn cursors_are_taken_back_and_nothing_else_is() {
        assert_eq!(cursor("1700000000000-12").unwrap(), (1_700_000_000_000, 12));
        assert_eq!(cursor("-5-1").unwrap(), (-5, 1));
        for bad in ["", "12", "a-b", "1-", "-", "1-2-x", "1-99999999999"] {
            assert!(cursor(bad).is_err(), "{bad}");
        }
    }
}
