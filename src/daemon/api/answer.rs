//! What a command is answered with: worked out from the events of its batch.

use crate::engine::Engine;
use crate::engine::call::CallEvent;
use crate::engine::case::CaseEvent;
use crate::engine::event::{By, Event};
use serde_json::{Value, json};

/// What a command answers, from what came of it.
#[must_use]
pub fn answer(engine: &Engine, events: &[Event]) -> Value {
    let mut answer = serde_json::Map::new();
    let mut offered = Vec::new();
    let mut proposed = Vec::new();
    for event in events {
        match event {
            Event::IncidentReported { incident, .. } => {
                answer.insert("incident".into(), json!(incident));
            }
            Event::AssignmentOffered {
                assignment,
                unit,
                incident,
                ..
            } => {
                let call_sign = engine.state().units.get(unit).map(|unit| &unit.call_sign);
                let entry = json!({
                    "assignment": assignment, "incident": incident, "unit": call_sign,
                });
                offered.push(entry);
            }
            Event::ProposalMade {
                proposal,
                incident,
                slot,
                ranking,
                ..
            } => {
                let first = ranking.first().and_then(|id| engine.state().units.get(&id));
                proposed.push(json!({
                    "proposal": proposal, "incident": incident, "slot": slot,
                    "unit": first.map(|unit| &unit.call_sign), "ranking": ranking.as_of,
                }));
            }
            Event::Call(CallEvent::Arrived { call, .. }) => {
                answer.insert("call".into(), json!(call));
            }
            Event::TaskOpened { task, .. } => {
                answer.insert("task".into(), json!(task));
            }
            Event::Case(CaseEvent::FeedbackGiven { feedback, .. }) => {
                answer.insert("feedback".into(), json!(feedback));
            }
            Event::AssignmentStacked { assignment, .. } => {
                answer.insert("stacked".into(), json!(assignment));
            }
            Event::MessageQueued {
                message,
                by: By::User(_),
                ..
            }
            | Event::TalkgroupMessaged { message, .. } => {
                answer.insert("message".into(), json!(message));
            }
            _ => {}
        }
    }
    if !offered.is_empty() {
        answer.insert("offered".into(), Value::Array(offered));
    }
    if !proposed.is_empty() {
        answer.insert("proposed".into(), Value::Array(proposed));
    }
    answer.insert("seq".into(), json!(engine.state().seq));
    Value::Object(answer)
}
