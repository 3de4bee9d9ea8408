//! A simulated dispatcher: follows the board, confirms over "voice" what radio alone may not do,
//! acknowledges alarms and closes what is resolved. A real desk does the same by hand.

use super::audit;
use super::client::Client;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Works until told to stop or the connection is gone.
///
/// # Errors
/// When the daemon cannot be reached.
pub(super) fn work(
    at: SocketAddr,
    user: &str,
    password: &str,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut client = Client::login(at, user, password)?;
    client.call("board.subscribe", &json!({}))?;
    let mut keys = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let Some(notice) = client.notice(Duration::from_millis(100))? else {
            continue;
        };
        if notice.get("method") == Some(&json!("board.resync")) {
            client.call("board.subscribe", &json!({}))?;
        }
        for (method, mut params) in todo(&notice) {
            keys += 1;
            if let Some(params) = params.as_object_mut() {
                params.insert("key".into(), json!(format!("desk-{keys}")));
            }
            // Somebody else, or the next event, may have been faster.
            if let Err(error) = client.call(method, &params)
                && !audit::is_refusal(&error)
            {
                return Err(error);
            }
        }
    }
    Ok(())
}

/// What a notice asks of a dispatcher.
fn todo(notice: &Value) -> Vec<(&'static str, Value)> {
    let mut calls = Vec::new();
    let params = notice.get("params").unwrap_or(&Value::Null);
    let list = |name: &str| {
        params
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for alarm in list("alarms") {
        if alarm.get("kind") == Some(&json!("clear_to_confirm"))
            && let Some(assignment) = alarm.get("assignment")
        {
            let confirmed = json!({ "assignment": assignment, "to": "cleared", "source": "voice" });
            calls.push(("assignment.advance", confirmed));
        }
        if let Some(id) = alarm.get("alarm") {
            calls.push(("alarm.ack", json!({ "alarm": id })));
        }
    }
    for incident in list("incidents") {
        if incident.get("phase") == Some(&json!("resolved"))
            && let Some(id) = incident.get("incident")
        {
            calls.push(("incident.close", json!({ "incident": id })));
        }
    }
    calls
}
