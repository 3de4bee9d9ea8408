//! The console API as an OpenRPC document, made from the types that read requests and write
//! answers. docs/openrpc.json is this; a test keeps it so.

use super::method::{METHODS, Method};
use crate::daemon::notice::{
    Degraded, Delta, Flood, Page, Positions, Recovered, Resync, Space, Unrecorded,
};
use crate::daemon::rpc::Problem;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

/// Makes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What the daemon tells unasked.
const NOTICES: &[(&str, SchemaOf)] = &[
    ("board.page", SchemaGenerator::subschema_for::<Page>),
    ("board.delta", SchemaGenerator::subschema_for::<Delta<'_>>),
    (
        "board.positions",
        SchemaGenerator::subschema_for::<Positions<'_>>,
    ),
    ("board.resync", SchemaGenerator::subschema_for::<Resync>),
    (
        "board.degraded",
        SchemaGenerator::subschema_for::<Degraded<'_>>,
    ),
    (
        "board.recovered",
        SchemaGenerator::subschema_for::<Recovered>,
    ),
    ("board.flood", SchemaGenerator::subschema_for::<Flood<'_>>),
    ("board.space", SchemaGenerator::subschema_for::<Space<'_>>),
    (
        "board.unrecorded",
        SchemaGenerator::subschema_for::<Unrecorded<'_>>,
    ),
];

/// Codes of errors below JSON-RPC's own, and what they mean.
const ERRORS: &[(i32, &str)] = &[
    (
        Problem::REJECTED,
        "the engine refused; `data.kind` says why",
    ),
    (
        Problem::NOT_LOGGED_IN,
        "nobody is logged in on this connection",
    ),
    (Problem::FORBIDDEN, "the role does not allow it"),
    (
        Problem::DEGRADED,
        "the journal failed: nothing is accepted until a restart",
    ),
    (Problem::BUSY, "too much at once: try again"),
    (
        Problem::KEY_REUSED,
        "the key was used with other parameters",
    ),
];

/// The document, of OpenRPC 1.3.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let methods = METHODS.iter().map(|found| method(&mut generator, found));
    let methods: Vec<Value> = methods.collect();
    let notices = NOTICES.iter().map(|(name, schema)| {
        let params = schema(&mut generator);
        json!({ "name": name, "params": params })
    });
    let notices: Vec<Value> = notices.collect();
    let errors = ERRORS.iter();
    let errors = errors.map(|(code, message)| json!({ "code": code, "message": message }));
    let errors: Vec<Value> = errors.collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Tieqi console API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over TCP, one UTF-8 object a line. \
                See console-api.md for a session.",
        },
        "methods": methods,
        "x-notices": notices,
        "x-errors": errors,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn method(generator: &mut SchemaGenerator, method: &Method) -> Value {
    let params = (method.params)(generator).to_value();
    let required = params.get("required").and_then(Value::as_array);
    let properties = params.get("properties").and_then(Value::as_object);
    let params = properties.into_iter().flatten().map(|(name, schema)| {
        let required = required.is_some_and(|all| all.iter().any(|one| one == name));
        json!({ "name": name, "required": required, "schema": schema })
    });
    let params: Vec<Value> = params.collect();
    json!({
        "name": method.name,
        "summary": method.says,
        "paramStructure": "by-name",
        "params": params,
        "result": { "name": "result", "schema": (method.result)(generator) },
        "x-role": method.role.map(|role| role.to_string()),
    })
}
