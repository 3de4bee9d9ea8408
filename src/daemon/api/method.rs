//! The methods there are. One table says who may call each, what it takes, what it answers and
//! which function understands it: the daemon asks it, and the document of the API is made from it.

use super::answer::{Answer, Got, Listed, ListedCalls, LoggedIn, Pong, Ranked, Subscribed, Units};
use super::openrpc::SchemaOf;
use super::params::{IncidentParams, NoParams, ReadIncident};
use super::{
    Call, Context, alarm, assignment, call, case, incident, list, report, session, terminal, unit,
};
use crate::config::users::Role;
use crate::daemon::rpc::Problem;
use crate::daemon::view::Health;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A method of the console API.
#[derive(Clone, Copy)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// The least role that may call it; none before anybody is logged in.
    pub role: Option<Role>,
    /// What it is for, in one sentence.
    pub says: &'static str,
    /// Understands its parameters.
    pub(super) parse: fn(Context<'_>, &str, Value) -> Result<Call, Problem>,
    /// The schema of its parameters.
    pub(super) params: SchemaOf,
    /// The schema of its answer.
    pub(super) result: SchemaOf,
}

impl Method {
    /// A method by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(name: &str) -> Result<&'static Self, Problem> {
        let found = METHODS.iter().find(|method| method.name == name);
        found.ok_or_else(|| {
            let known: Vec<_> = METHODS.iter().map(|method| method.name).collect();
            let known = known.join(", ");
            let message = format!("there is no method `{name}`; there are {known}");
            Problem::new(Problem::UNKNOWN_METHOD, message)
        })
    }

    /// Understands a request of `user`.
    ///
    /// # Errors
    /// Wrong parameters, names that stand for nothing.
    pub fn parse(&self, context: Context<'_>, user: &str, params: Value) -> Result<Call, Problem> {
        (self.parse)(context, user, params)
    }
}

/// `name, role, handler(params) -> answer, what for`.
macro_rules! methods {
    ($($name:literal $role:ident $handler:path, $params:ty => $result:ty, $says:literal;)+) => {
        &[$(Method {
            name: $name,
            role: methods!(@role $role),
            says: $says,
            parse: |context, user, params| {
                let params = <$params>::deserialize(params).map_err(|error| {
                    Problem::params(format!("failed to read `params`: {error}"))
                })?;
                $handler(context, user, params)
            },
            params: <$params>::json_schema,
            result: |generator| generator.subschema_for::<$result>(),
        }),+]
    };
    (@role Nobody) => { None };
    (@role $role:ident) => { Some(Role::$role) };
}

/// The methods there are.
pub const METHODS: &[Method] = methods! {
    "session.login" Nobody session::login, session::LoginParams => LoggedIn,
        "Says who sits at this console.";
    "session.ping" Nobody session::ping, NoParams => Pong,
        "Says that this console is alive.";
    "system.health" Viewer session::health, NoParams => Health<'static>,
        "How the daemon is.";
    "board.subscribe" Viewer session::subscribe, NoParams => Subscribed<'static>,
        "All there is, in pages, and from then on every change.";

    "call.arrive" CallTaker call::arrive, call::ArriveParams => Answer<'static>,
        "A telephone rings.";
    "call.answer" CallTaker call::answer, call::AnswerParams => Answer<'static>,
        "Somebody answers it.";
    "call.end" CallTaker call::end, call::EndParams => Answer<'static>,
        "The line is closed, or the call was none of ours.";
    "call.attach" CallTaker call::attach, call::AttachParams => Answer<'static>,
        "A call belongs to an incident.";
    "call.list" Viewer list::calls, list::CallListParams => ListedCalls<'static>,
        "Calls of the archive, with an incident or without, the newest arrival first.";

    "incident.report" CallTaker report::report, report::ReportParams => Answer<'static>,
        "Somebody reports something; units are sent to it.";
    "incident.confirm" CallTaker incident::confirm, incident::ConfirmParams => Answer<'static>,
        "Category, grade and place are these.";
    "incident.note" CallTaker incident::note, incident::NoteParams => Answer<'static>,
        "A line for whoever reads the incident.";
    "incident.get" Viewer incident::get, ReadIncident => Got<'static>,
        "One incident with its assignments and calls.";
    "incident.list" Viewer list::incidents, list::ListParams => Listed<'static>,
        "Incidents of the archive, the newest report first.";
    "incident.rank" Viewer incident::rank, ReadIncident => Ranked<'static>,
        "The best units for it now, and the nearer ones passed over, with why.";
    "incident.claim" Dispatcher incident::claim, IncidentParams => Answer<'static>,
        "This desk works it; others keep off.";
    "incident.release" Dispatcher incident::release, IncidentParams => Answer<'static>,
        "This desk works it no more.";
    "incident.cancel" Dispatcher incident::cancel, incident::ReasonParams => Answer<'static>,
        "It was nothing.";
    "incident.resolve" Dispatcher incident::resolve, IncidentParams => Answer<'static>,
        "The work is done.";
    "incident.close" Dispatcher incident::close, IncidentParams => Answer<'static>,
        "Its file is closed.";
    "incident.refer" Dispatcher case::refer, case::ReferParams => Answer<'static>,
        "Others are asked to take it (移交).";
    "incident.receipt" Dispatcher case::receipt, case::ReceiptParams => Answer<'static>,
        "Others took it.";
    "incident.return" Dispatcher case::give_back, incident::ReasonParams => Answer<'static>,
        "Others gave it back (退单); it is queued again.";
    "incident.merge" Dispatcher case::merge, case::MergeParams => Answer<'static>,
        "It is a duplicate of another one.";
    "incident.split" Dispatcher report::split, report::ReportParams => Answer<'static>,
        "A call becomes an incident of its own, linked with the one it leaves.";
    "incident.link" Dispatcher case::link, case::LinkParams => Answer<'static>,
        "It has to do with another one.";
    "incident.reopen" Dispatcher case::reopen, incident::ReasonParams => Answer<'static>,
        "There is work again.";
    "incident.undo" Dispatcher case::undo, IncidentParams => Answer<'static>,
        "Takes the last merge, close, cancel or resolve back, within ten minutes.";
    "incident.feedback" Dispatcher case::feedback, case::FeedbackParams => Answer<'static>,
        "What came of it (反馈单).";
    "incident.follow_up" Dispatcher case::follow_up, case::FollowUpParams => Answer<'static>,
        "What the caller said afterwards (回访).";

    "assignment.offer" Dispatcher assignment::offer, assignment::OfferParams => Answer<'static>,
        "A unit of the ranking shown is told to go.";
    "proposal.decline" Dispatcher assignment::decline,
        assignment::DeclineParams => Answer<'static>,
        "The unit proposed is not wanted; the next best is proposed.";
    "assignment.recall" Dispatcher assignment::recall, assignment::RecallParams => Answer<'static>,
        "A unit is called off.";
    "assignment.advance" Dispatcher assignment::advance,
        assignment::AdvanceParams => Answer<'static>,
        "A unit said by voice how far it is.";

    "unit.list" Viewer unit::list, NoParams => Units<'static>,
        "All units with duty, state and position.";
    "unit.sign_on" Dispatcher unit::sign_on, unit::DutyParams => Answer<'static>,
        "A unit comes on duty.";
    "unit.sign_off" Dispatcher unit::sign_off, unit::UnitParams => Answer<'static>,
        "A unit goes off duty.";
    "unit.edit_crew" Dispatcher unit::edit_crew, unit::DutyParams => Answer<'static>,
        "Who is in it, and with what, changed.";
    "unit.status" Dispatcher unit::status, unit::StatusParams => Answer<'static>,
        "Out of service, or back.";
    "unit.message" Dispatcher unit::message, unit::MessageParams => Answer<'static>,
        "A text to a unit.";
    "talkgroup.message" Dispatcher unit::talkgroup, unit::GroupMessageParams => Answer<'static>,
        "A text to a talkgroup; nobody acknowledges it.";

    "terminal.trust" Dispatcher terminal::trust, terminal::TrustParams => Answer<'static>,
        "A suspect terminal is believed again, or stays barred.";

    "alarm.ack" Dispatcher alarm::ack, alarm::AlarmParams => Answer<'static>,
        "Somebody knows.";
    "task.done" CallTaker alarm::done, alarm::TaskParams => Answer<'static>,
        "It is done.";
};
