//! The document of the console API is what the daemon reads and writes: as it is printed, and
//! against a real daemon.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::{Town, report};
use serde_json::{Value, json};
use std::time::Duration;
use tieqi::daemon::api::{METHODS, document};

const WRITTEN: &str = include_str!("../docs/openrpc.json");

#[test]
fn the_document_in_docs_is_the_code() {
    let now = format!("{:#}\n", document());
    assert!(
        WRITTEN == now,
        "docs/openrpc.json is old: `cargo run -- schema > docs/openrpc.json`"
    );
}

/// Every reference leads somewhere, and every method says what it is for.
#[test]
fn the_document_is_whole() {
    let document = document();
    let methods = document["methods"].as_array().unwrap();
    assert_eq!(methods.len(), METHODS.len());
    for method in methods {
        assert!(
            method["summary"].as_str().unwrap().ends_with('.'),
            "{method}"
        );
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let (reference, _) = reference.split_once('"').unwrap();
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

/// Whether a value is as a schema says, as far as our schemas go: what is not understood fails.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return Ok(());
    };
    let wrong = |what: &str| Err(format!("{what}: {value} for {schema:?}"));
    for (key, rule) in schema {
        match key.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                fits(document, document.pointer(pointer).unwrap(), value)?;
            }
            "type" => {
                let is = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    _ => false,
                };
                let names = rule.as_array().cloned().unwrap_or(vec![rule.clone()]);
                if !names.iter().any(|name| is(name.as_str().unwrap())) {
                    return wrong("type");
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => return wrong("enum"),
            "const" if rule != value => return wrong("const"),
            "minimum" if value.is_number() && value.as_f64() < rule.as_f64() => {
                return wrong("minimum");
            }
            "anyOf" | "oneOf" => {
                let rules = rule.as_array().unwrap().iter();
                let fitting = rules.filter(|rule| fits(document, rule, value).is_ok());
                if fitting.count() == 0 {
                    return wrong("no alternative");
                }
            }
            "allOf" => {
                for rule in rule.as_array().unwrap() {
                    fits(document, rule, value)?;
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return wrong("required");
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        fits(document, rule, value).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                // A field the document does not have is one nobody was told of.
                for name in value.as_object().into_iter().flat_map(|map| map.keys()) {
                    let known = rule.get(name).is_some() || schema.contains_key("allOf");
                    let open = schema.contains_key("additionalProperties");
                    if !known && !open {
                        return wrong(name);
                    }
                }
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    fits(document, rule, value)?;
                }
            }
            "additionalProperties" if rule.is_object() => {
                let named = schema.get("properties");
                for (name, value) in value.as_object().into_iter().flatten() {
                    if named.and_then(|named| named.get(name)).is_none() {
                        fits(document, rule, value)?;
                    }
                }
            }
            "propertyNames" => {
                for name in value.as_object().into_iter().flat_map(|map| map.keys()) {
                    fits(document, rule, &json!(name))?;
                }
            }
            "enum"
            | "const"
            | "minimum"
            | "maximum"
            | "description"
            | "format"
            | "title"
            | "default"
            | "additionalProperties"
            | "maxItems"
            | "minItems"
            | "uniqueItems" => {}
            other => return wrong(&format!("no rule {other}")),
        }
    }
    Ok(())
}

fn result_of<'a>(document: &'a Value, name: &str) -> &'a Value {
    let methods = document["methods"].as_array().unwrap().iter();
    let mut found = methods.filter(|method| method["name"] == name);
    &found.next().expect("the method")["result"]["schema"]
}

/// What a real daemon answers and tells is what the document says.
#[test]
fn what_a_daemon_says_fits_the_document() {
    let document = document();
    let town = Town::start();
    let mut desk = town.console("desk");
    let mut calls = town.console("calls");
    let mut ask = |method: &str, params: Value| {
        let console = if method.starts_with("call.") {
            &mut calls
        } else {
            &mut desk
        };
        let answer = console.call(method, &params).unwrap();
        let schema = result_of(&document, method);
        fits(&document, schema, &answer).unwrap_or_else(|why| panic!("{method}: {why}"));
        answer
    };
    ask("session.ping", json!({}));
    let call = ask(
        "call.arrive",
        json!({ "key": "1", "caller": "13800000001", "desk": "D1" }),
    );
    let call = call["call"].clone();
    ask("call.answer", json!({ "key": "1", "call": call }));
    let mut told = report("schema");
    told["call"] = call;
    let incident = ask("incident.report", told)["incident"].clone();
    ask(
        "incident.note",
        json!({ "key": "1", "incident": incident, "text": "门口有人" }),
    );
    ask("incident.get", json!({ "incident": incident }));
    ask("incident.rank", json!({ "incident": incident }));
    ask("incident.list", json!({ "text": "门口" }));
    ask("call.list", json!({ "phase": "answered" }));
    ask("unit.list", json!({}));
    ask("board.subscribe", json!({}));
    ask("system.health", json!({}));
    // The pages, and the delta of one more note.
    ask(
        "incident.note",
        json!({ "key": "2", "incident": incident, "text": "走了" }),
    );
    let notices = document["x-notices"].as_array().unwrap();
    let mut seen = Vec::new();
    while !seen.contains(&String::from("board.delta")) {
        let notice = desk
            .notice(Duration::from_secs(10))
            .unwrap()
            .expect("a notice");
        let name = notice["method"].as_str().unwrap();
        let found = notices.iter().find(|known| known["name"] == name);
        let schema = &found.expect("a known notice")["params"];
        fits(&document, schema, &notice["params"]).unwrap_or_else(|why| panic!("{name}: {why}"));
        seen.push(name.to_owned());
    }
    assert!(seen.contains(&String::from("board.page")), "{seen:?}");
}
