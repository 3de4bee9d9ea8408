//! The methods of the console API: who may call them, what they take, what they answer.
//!
//! Each method's parameters are a struct with no unknown fields allowed, so a typing error is told
//! and not ignored. Names (call signs, categories, officers) are resolved here; the engine sees
//! ids only.

mod answer;
mod case;
mod line;
mod list;
mod names;
mod params;
mod report;

use super::archive::Filter;
use super::rpc::Problem;
use super::session::ConsoleId;
use super::shown::Shown;
use super::wire::Named;
use crate::config::Config;
use crate::config::users::Role;
use crate::engine::Engine;
use crate::engine::assignment::{Source as StampSource, Step};
use crate::engine::claim::Desk;
use crate::engine::command::Command;
use crate::engine::detail::By;
use crate::engine::id::{AlarmId, AssignmentId, EngineTime, IncidentId};
use crate::engine::incident::Classification;
use crate::engine::message::Talkgroup;
use crate::engine::policy::Grade;
pub use answer::answer;
use names::{category, duty, grade, point, unit_id};
use params::*;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tieqi_protocols::radio_ip::RadioIp;

/// Longest free text, characters.
pub const MAX_TEXT: usize = 2000;
/// Longest name, number, place or key, characters.
pub const MAX_NAME: usize = 200;
/// Longest idempotency key, bytes.
pub const MAX_KEY: usize = 64;

/// What a request asks for once its parameters are understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Checks a password.
    Login {
        /// The user's name.
        user: String,
        /// The password as typed.
        password: String,
    },
    /// "I am still here."
    Ping,
    /// The best units for an incident.
    Rank(IncidentId),
    /// A page of the archive.
    List(Box<Filter>),
    /// One incident with its assignments.
    Get(IncidentId),
    /// All units.
    Units,
    /// Snapshot, then deltas.
    Subscribe,
    /// How the daemon is.
    Health,
    /// Something journalled, under a key.
    Do {
        /// What.
        command: Command,
        /// The client's idempotency key.
        key: String,
    },
}

/// The methods there are, with the least role that may call each.
pub const METHODS: &[(&str, Option<Role>)] = &[
    ("session.login", None),
    ("session.ping", None),
    ("system.health", Some(Role::Viewer)),
    ("board.subscribe", Some(Role::Viewer)),
    ("incident.report", Some(Role::CallTaker)),
    ("incident.confirm", Some(Role::CallTaker)),
    ("incident.rank", Some(Role::Viewer)),
    ("incident.note", Some(Role::CallTaker)),
    ("incident.get", Some(Role::Viewer)),
    ("incident.list", Some(Role::Viewer)),
    ("incident.claim", Some(Role::Dispatcher)),
    ("incident.release", Some(Role::Dispatcher)),
    ("incident.cancel", Some(Role::Dispatcher)),
    ("incident.resolve", Some(Role::Dispatcher)),
    ("incident.close", Some(Role::Dispatcher)),
    ("assignment.offer", Some(Role::Dispatcher)),
    ("assignment.recall", Some(Role::Dispatcher)),
    ("assignment.advance", Some(Role::Dispatcher)),
    ("unit.list", Some(Role::Viewer)),
    ("unit.sign_on", Some(Role::Dispatcher)),
    ("unit.sign_off", Some(Role::Dispatcher)),
    ("unit.edit_crew", Some(Role::Dispatcher)),
    ("unit.status", Some(Role::Dispatcher)),
    ("unit.message", Some(Role::Dispatcher)),
    ("talkgroup.message", Some(Role::Dispatcher)),
    ("alarm.ack", Some(Role::Dispatcher)),
    ("call.arrive", Some(Role::CallTaker)),
    ("call.answer", Some(Role::CallTaker)),
    ("call.end", Some(Role::CallTaker)),
    ("call.attach", Some(Role::CallTaker)),
    ("incident.refer", Some(Role::Dispatcher)),
    ("incident.receipt", Some(Role::Dispatcher)),
    ("incident.return", Some(Role::Dispatcher)),
    ("incident.merge", Some(Role::Dispatcher)),
    ("incident.split", Some(Role::Dispatcher)),
    ("incident.link", Some(Role::Dispatcher)),
    ("incident.reopen", Some(Role::Dispatcher)),
    ("incident.undo", Some(Role::Dispatcher)),
    ("incident.feedback", Some(Role::Dispatcher)),
    ("incident.follow_up", Some(Role::Dispatcher)),
    ("task.done", Some(Role::CallTaker)),
];

/// What names are resolved against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Units and call signs.
    pub engine: &'a Engine,
    /// Categories, officers, plane.
    pub config: &'a Config,
    /// Rankings that were shown.
    pub shown: &'a Shown,
    /// The console that asks.
    pub console: ConsoleId,
    /// Engine time.
    pub now: EngineTime,
    /// The role of its user, none before anybody is logged in.
    pub role: Option<Role>,
}

fn read<T: DeserializeOwned>(params: &Value) -> Result<T, Problem> {
    T::deserialize(params)
        .map_err(|error| Problem::params(format!("failed to read `params`: {error}")))
}

/// The least role for `method`: none before anybody is logged in.
///
/// # Errors
/// When there is no such method.
pub fn role_for(method: &str) -> Result<Option<Role>, Problem> {
    let found = METHODS.iter().find(|(name, _)| *name == method);
    found.map(|(_, role)| *role).ok_or_else(|| {
        let known: Vec<_> = METHODS.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "there is no method `{method}`; there are {}",
            known.join(", ")
        );
        Problem::new(Problem::UNKNOWN_METHOD, message)
    })
}

/// Understands a request of `user`.
///
/// # Errors
/// Unknown method, wrong parameters, names that stand for nothing.
pub fn parse(
    context: Context<'_>,
    user: &str,
    method: &str,
    params: &Value,
) -> Result<Call, Problem> {
    match method {
        "session.login" => {
            let LoginParams { user, password } = read(params)?;
            short("user", &user, MAX_NAME)?;
            short("password", &password, MAX_NAME)?;
            Ok(Call::Login { user, password })
        }
        "session.ping" => read::<NoParams>(params).map(|_| Call::Ping),
        "system.health" => read::<NoParams>(params).map(|_| Call::Health),
        "board.subscribe" => read::<NoParams>(params).map(|_| Call::Subscribe),
        "unit.list" => read::<NoParams>(params).map(|_| Call::Units),
        "incident.rank" => Ok(Call::Rank(IncidentId(
            read::<ReadIncident>(params)?.incident,
        ))),
        "incident.get" => Ok(Call::Get(IncidentId(
            read::<ReadIncident>(params)?.incident,
        ))),
        "incident.list" => list::parse(context, read(params)?),
        "incident.report" => report::report(context, user, read(params)?),
        "incident.confirm" => confirm(context, user, read(params)?),
        "incident.claim" | "incident.release" => claim(context, user, method, params),
        "incident.split" => report::split(context, user, read(params)?),
        "incident.refer" | "incident.receipt" | "incident.return" | "incident.merge"
        | "incident.link" | "incident.reopen" | "incident.undo" | "incident.feedback"
        | "incident.follow_up" => case::parse(context, user, method, params),
        _ if method.starts_with("call.") => line::parse(context, user, method, params),
        "task.done" => line::task_done(context, user, params),
        _ if method.starts_with("incident.") => incident(user, method, params),
        _ if method.starts_with("assignment.") => assignment(context, user, method, params),
        _ if method.starts_with("unit.") => unit(context, user, method, params),
        "talkgroup.message" => talkgroup(user, read(params)?),
        "alarm.ack" => {
            let AlarmParams { key, alarm } = read(params)?;
            keyed(
                Command::AckAlarm {
                    alarm: AlarmId(alarm),
                    by: user.to_owned(),
                },
                key,
            )
        }
        _ => role_for(method).and(Err(Problem::params("this method takes no such call"))),
    }
}

fn keyed(command: Command, key: String) -> Result<Call, Problem> {
    if key.is_empty() || key.len() > MAX_KEY {
        let message = format!("`key` must have 1 to {MAX_KEY} bytes: make a new one per command");
        return Err(Problem::params(message));
    }
    Ok(Call::Do { command, key })
}

fn short(what: &str, text: &str, limit: usize) -> Result<(), Problem> {
    match text.chars().count() {
        length if length > limit => {
            let message = format!("`{what}` has {length} characters, at most {limit} are taken");
            Err(Problem::params(message))
        }
        _ => Ok(()),
    }
}

fn some_text(what: &str, text: &str, limit: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::params(format!("`{what}` must not be empty")));
    }
    short(what, text, limit)
}

fn by(user: &str) -> By {
    By::User(user.to_owned())
}

fn confirm(context: Context<'_>, user: &str, params: ConfirmParams) -> Result<Call, Problem> {
    let incident = IncidentId(params.incident);
    let known = context.engine.state().incidents.get(&incident);
    let category = params
        .category
        .as_deref()
        .map(|key| category(context, key))
        .transpose()?;
    let grade = params.grade.as_deref().map(grade).transpose()?;
    let old = known.map(|incident| incident.classification());
    let classification = (category.is_some() || grade.is_some()).then(|| Classification {
        category: category
            .map(|(code, _)| code)
            .or(old.and_then(|old| old.category)),
        grade: grade
            .or(category.map(|(_, grade)| grade))
            .or(old.map(|old| old.grade))
            .unwrap_or(Grade::Two),
    });
    let position = params
        .position
        .map(|position| point(context, &position))
        .transpose()?;
    let place = match (params.place, position) {
        (None, None) => None,
        (place, position) => {
            let place = place.or(known.map(|incident| incident.report.place.clone()));
            let place = place.unwrap_or_default();
            some_text("place", &place, MAX_NAME)?;
            Some((
                place,
                position.or(known.and_then(|incident| incident.report.point)),
            ))
        }
    };
    keyed(
        Command::Confirm {
            incident,
            classification,
            place,
            by: by(user),
        },
        params.key,
    )
}

fn incident(user: &str, method: &str, params: &Value) -> Result<Call, Problem> {
    match method {
        "incident.note" => {
            let NoteParams {
                key,
                incident,
                text,
            } = read(params)?;
            some_text("text", &text, MAX_TEXT)?;
            let (incident, by) = (IncidentId(incident), user.to_owned());
            keyed(Command::Note { incident, text, by }, key)
        }
        "incident.cancel" => {
            let CancelParams {
                key,
                incident,
                reason,
            } = read(params)?;
            some_text("reason", &reason, MAX_TEXT)?;
            keyed(
                Command::Cancel {
                    incident: IncidentId(incident),
                    reason,
                    by: by(user),
                },
                key,
            )
        }
        "incident.resolve" => {
            let IncidentParams { key, incident } = read(params)?;
            keyed(
                Command::Resolve {
                    incident: IncidentId(incident),
                    by: by(user),
                },
                key,
            )
        }
        "incident.close" => {
            let IncidentParams { key, incident } = read(params)?;
            keyed(
                Command::Close {
                    incident: IncidentId(incident),
                    by: by(user),
                },
                key,
            )
        }
        _ => Err(role_for(method)
            .err()
            .unwrap_or_else(|| Problem::params("no such call"))),
    }
}

fn claim(context: Context<'_>, user: &str, method: &str, params: &Value) -> Result<Call, Problem> {
    let IncidentParams { key, incident } = read(params)?;
    let incident = IncidentId(incident);
    let desk = Desk {
        user: user.to_owned(),
        console: context.console.0,
    };
    let command = match method {
        "incident.claim" => Command::Claim {
            incident,
            desk,
            take_over: context.role == Some(Role::Supervisor),
        },
        _ => Command::Release { incident, desk },
    };
    keyed(command, key)
}

fn assignment(
    context: Context<'_>,
    user: &str,
    method: &str,
    params: &Value,
) -> Result<Call, Problem> {
    match method {
        "assignment.offer" => {
            let OfferParams {
                key,
                incident,
                unit,
                ranking,
                stack,
            } = read(params)?;
            let (incident, unit) = (IncidentId(incident), unit_id(context, &unit)?);
            let shown = context.shown.find(incident, ranking).cloned().map(Box::new);
            keyed(
                Command::Offer {
                    incident,
                    unit,
                    ranking,
                    shown,
                    stack,
                    by: by(user),
                },
                key,
            )
        }
        "assignment.recall" => {
            let RecallParams {
                key,
                assignment,
                reason,
            } = read(params)?;
            some_text("reason", &reason, MAX_TEXT)?;
            let assignment = AssignmentId(assignment);
            keyed(
                Command::Recall {
                    assignment,
                    reason,
                    by: by(user),
                },
                key,
            )
        }
        "assignment.advance" => {
            let AdvanceParams {
                key,
                assignment,
                to,
                source,
            } = read(params)?;
            let step = Step::named(&to).map_err(|why| Problem::params(format!("`to`: {why}")))?;
            let source = match source.as_deref() {
                None | Some("voice") => StampSource::Voice,
                Some("console") => StampSource::Console,
                Some(other) => {
                    let message =
                        format!("`source`: `{other}` is not known; known are voice, console");
                    return Err(Problem::params(message));
                }
            };
            let assignment = AssignmentId(assignment);
            keyed(
                Command::Advance {
                    assignment,
                    step,
                    source,
                    by: by(user),
                },
                key,
            )
        }
        _ => Err(role_for(method)
            .err()
            .unwrap_or_else(|| Problem::params("no such call"))),
    }
}

fn unit(context: Context<'_>, user: &str, method: &str, params: &Value) -> Result<Call, Problem> {
    match method {
        "unit.sign_on" | "unit.edit_crew" => {
            let params: DutyParams = read(params)?;
            let unit = unit_id(context, &params.unit)?;
            let duty = duty(context, unit, &params)?;
            let by = by(user);
            let command = match method {
                "unit.sign_on" => Command::SignOn { unit, duty, by },
                _ => Command::EditCrew { unit, duty, by },
            };
            keyed(command, params.key)
        }
        "unit.sign_off" => {
            let UnitParams { key, unit } = read(params)?;
            keyed(
                Command::SignOff {
                    unit: unit_id(context, &unit)?,
                    by: by(user),
                },
                key,
            )
        }
        "unit.status" => {
            let StatusParams {
                key,
                unit,
                status,
                reason,
            } = read(params)?;
            let out = match status.as_str() {
                "available" => None,
                "out_of_service" => {
                    some_text("reason", &reason, MAX_NAME)?;
                    Some(reason)
                }
                other => {
                    let message = format!(
                        "`status`: `{other}` cannot be set; known are available, out_of_service"
                    );
                    return Err(Problem::params(message));
                }
            };
            let unit = unit_id(context, &unit)?;
            keyed(
                Command::SetService {
                    unit,
                    out,
                    by: by(user),
                },
                key,
            )
        }
        "unit.message" => {
            let MessageParams { key, unit, text } = read(params)?;
            some_text("text", &text, MAX_TEXT)?;
            let unit = unit_id(context, &unit)?;
            keyed(
                Command::SendText {
                    unit,
                    text,
                    by: by(user),
                },
                key,
            )
        }
        _ => Err(role_for(method)
            .err()
            .unwrap_or_else(|| Problem::params("no such call"))),
    }
}

fn talkgroup(user: &str, params: GroupMessageParams) -> Result<Call, Problem> {
    some_text("text", &params.text, MAX_TEXT)?;
    if !(1..=RadioIp::MAX_ID).contains(&params.talkgroup) {
        let message = format!("`talkgroup` must be 1 to {}", RadioIp::MAX_ID);
        return Err(Problem::params(message));
    }
    let command = Command::SendGroupText {
        talkgroup: Talkgroup(params.talkgroup),
        text: params.text,
        by: by(user),
    };
    keyed(command, params.key)
}
