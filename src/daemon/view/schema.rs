//! Schemas of the ids and times of the engine, which knows no JSON.

use crate::engine::id::{
    AlarmId, AssignmentId, CallId, EngineTime, FeedbackId, IncidentId, MessageNo, ProposalId,
    RadioId, TaskId,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

macro_rules! numbers {
    ($($type:ident $says:literal)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($type))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": 0, "description": $says })
            }
        }
    )+};
}

numbers! {
    AlarmId "An alarm's number."
    AssignmentId "An assignment's number."
    CallId "A call's number."
    EngineTime "Milliseconds since the journal was created."
    FeedbackId "A feedback form's number."
    IncidentId "An incident's number."
    MessageNo "A text's counter on the air."
    ProposalId "A proposal's number."
    RadioId "The 24-bit number of a terminal on the air."
    TaskId "A task's number."
}
