//! What consoles see of calls, tasks, and of an incident beyond its dispatch.

use super::wire::{Named, Views, names};
use crate::engine::call::{Call, CallPhase, Invalid};
use crate::engine::case::{Agency, Feedback, Outcome};
use crate::engine::event::By;
use crate::engine::incident::Incident;
use crate::engine::task::{Task, TaskKind};
use serde_json::{Value, json};

names!(CallPhase {
    Ringing => "ringing", Answered => "answered", Ended => "ended", Abandoned => "abandoned",
    Invalid => "invalid",
});
names!(Invalid { Nuisance => "nuisance", Misdial => "misdial", Silent => "silent" });
names!(Agency {
    City110 => "city_110", Fire119 => "119", Ambulance120 => "120", Hotline12345 => "12345",
    Branch => "branch", Neighbour => "neighbour",
});
names!(Outcome {
    Handled => "handled", Mediated => "mediated", CaseFiled => "case_filed",
    HandedOver => "handed_over", NothingFound => "nothing_found",
    FalseReport => "false_report", Other => "other",
});

/// The user's name; none where no person did it.
fn who(by: &By) -> Option<&str> {
    match by {
        By::User(user) => Some(user),
        By::Engine | By::Radio(_) | By::Roster => None,
    }
}

impl Views<'_> {
    /// A call (报警电话) with its stamps.
    #[must_use]
    pub fn call(&self, call: &Call) -> Value {
        let answered = call.answered.as_ref();
        let rang_at = call.ring.desk.as_ref().map(|_| call.arrived_at);
        let called_back = call
            .called_back
            .as_ref()
            .map(|(at, by, outcome)| json!({ "at": at, "by": who(by), "outcome": outcome }));
        json!({
            "call": call.id,
            "phase": call.phase.name(),
            "invalid": call.invalid.map(Named::name),
            "line": call.ring.source.name(),
            "caller": call.ring.caller,
            "trunk": call.ring.trunk,
            "desk": call.ring.desk,
            "incident": call.incident,
            "answered_by": answered.map(|(_, by)| by),
            "stamps": {
                "called": call.ring.called_at,
                "arrived": call.arrived_at,
                "rang": rang_at,
                "answered": answered.map(|(at, _)| at),
                "ended": call.ended_at,
            },
            "called_back": called_back,
        })
    }

    /// A task; one about a caller names the number to call.
    #[must_use]
    pub fn task(&self, task: &Task) -> Value {
        let state = self.engine.state();
        let call = match task.kind {
            TaskKind::CallBack { call } => Some(call),
            TaskKind::Voice | TaskKind::TellCaller => None,
        };
        let called = call.and_then(|call| state.calls.get(&call));
        let told = (task.kind == TaskKind::TellCaller).then_some(task.about.incident);
        let told = told.flatten().and_then(|id| state.incidents.get(&id));
        let number = called.map(|call| call.ring.caller.as_str());
        json!({
            "task": task.id,
            "kind": match task.kind {
                TaskKind::Voice => "voice",
                TaskKind::CallBack { .. } => "call_back",
                TaskKind::TellCaller => "tell_caller",
            },
            "call": call,
            "number": number.or(told.map(|incident| incident.report.caller.as_str())),
            "incident": task.about.incident,
            "assignment": task.about.assignment,
            "unit": task.about.unit.and_then(|unit| self.call_sign(unit)),
            "opened_at": task.opened_at,
        })
    }

    fn feedback(&self, feedback: &Feedback) -> Value {
        json!({
            "feedback": feedback.id,
            "assignment": feedback.assignment,
            "outcome": feedback.form.outcome.name(),
            "injured": feedback.form.injured,
            "persons": feedback.form.persons,
            "text": feedback.form.text,
            "at": feedback.at,
            "by": who(&feedback.by),
        })
    }

    /// An incident's calls, links, referral, feedback, and what was reported beside what was
    /// confirmed.
    #[must_use]
    pub(super) fn case(&self, incident: &Incident) -> Value {
        let state = self.engine.state();
        let reported = incident.report.classification;
        let category = reported.category;
        let category = category.and_then(|code| self.engine.policy().categories.get(&code));
        let referral = incident.referral.as_ref().map(|referral| {
            let receipt = referral.receipt.as_ref().map(|(at, receiver, number)| {
                json!({ "at": at, "receiver": receiver, "number": number })
            });
            let returned = referral.returned.as_ref();
            let returned = returned.map(|(at, reason)| json!({ "at": at, "reason": reason }));
            json!({
                "to": referral.to.name(), "name": referral.name, "reason": referral.reason,
                "at": referral.at, "receipt": receipt, "returned": returned,
            })
        });
        let feedback: Vec<_> = incident.feedback.iter().map(|f| self.feedback(f)).collect();
        let follow_up = incident.follow_up.as_ref().map(|follow_up| {
            json!({
                "at": follow_up.at, "satisfied": follow_up.satisfied, "text": follow_up.text,
                "by": who(&follow_up.by),
            })
        });
        json!({
            "reported": {
                "grade": reported.grade.name(),
                "category": category.map(|category| category.key.as_str()),
            },
            "first_call_at": state.first_call_at(incident),
            "calls": incident.calls,
            "links": incident.links,
            "sender_number": incident.sender_number,
            "referral": referral,
            "merged_into": incident.merged_into,
            "feedback": feedback,
            "feedback_due": incident.feedback_due,
            "follow_up": follow_up,
        })
    }
}
