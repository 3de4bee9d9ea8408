//! JSON-RPC 2.0, one UTF-8 object a line. It frames, parses and answers; it knows no method.
//!
//! Sizes and depth are checked before anything is built from a line, so that nobody outside can
//! make the daemon allocate more than a line's worth.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest line a client may send, bytes without the line end.
pub const MAX_LINE: usize = 256 * 1024;
/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// A request whose envelope is in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Echoed in the answer: a string, a number or null.
    pub id: Value,
    /// What is asked.
    pub method: String,
    /// An object; empty when none was sent.
    pub params: Value,
}

/// Why a request got no result. Codes below -32000 are JSON-RPC's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What kind, for programs.
    pub code: i32,
    /// What was wrong and what was expected, for people.
    pub message: String,
    /// Typed detail; `kind` names a rejection.
    pub data: Option<Value>,
}

impl Problem {
    /// Not JSON, not UTF-8, too deep or too long.
    pub const PARSE: i32 = -32700;
    /// JSON, but no request.
    pub const INVALID_REQUEST: i32 = -32600;
    /// No such method.
    pub const UNKNOWN_METHOD: i32 = -32601;
    /// The method's parameters are not these.
    pub const INVALID_PARAMS: i32 = -32602;
    /// The engine refused; `data.kind` says why.
    pub const REJECTED: i32 = 1;
    /// Nobody is logged in on this connection.
    pub const NOT_LOGGED_IN: i32 = 2;
    /// The role does not allow it.
    pub const FORBIDDEN: i32 = 3;
    /// The journal failed: nothing is accepted until a restart.
    pub const DEGRADED: i32 = 4;
    /// Too much at once; try again.
    pub const BUSY: i32 = 5;
    /// The key was used with other parameters.
    pub const KEY_REUSED: i32 = 6;

    /// A problem without detail.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// Too much waits already; `what` is full and takes `limit`.
    pub fn busy(what: &str, limit: usize) -> Self {
        let message = format!("{what} is full ({limit}): try again, under the same key");
        Self::new(Self::BUSY, message)
    }

    /// Its name in the counts of refusals: of a rejection the rejection's own.
    #[must_use]
    pub fn kind(&self) -> &str {
        let own = self
            .data
            .as_ref()
            .and_then(|data| data.get("kind")?.as_str());
        own.unwrap_or(match self.code {
            Self::PARSE => "parse",
            Self::INVALID_REQUEST => "invalid_request",
            Self::UNKNOWN_METHOD => "unknown_method",
            Self::INVALID_PARAMS => "invalid_params",
            Self::NOT_LOGGED_IN => "not_logged_in",
            Self::FORBIDDEN => "forbidden",
            Self::DEGRADED => "degraded",
            Self::BUSY => "busy",
            Self::KEY_REUSED => "key_reused",
            _ => "rejected",
        })
    }

    /// Wrong parameters.
    pub fn params(message: impl Into<String>) -> Self {
        Self::new(Self::INVALID_PARAMS, message)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    jsonrpc: String,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Option<Value>,
}

/// Tells an id of null from no id.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// Parses one line.
///
/// # Errors
/// The problem to answer with, under the request's id where one could be read.
pub fn parse(line: &[u8]) -> Result<Request, (Value, Problem)> {
    let refuse = |code, message: String| (Value::Null, Problem::new(code, message));
    if line.len() > MAX_LINE {
        return Err(refuse(
            Problem::PARSE,
            format!("a line may have {MAX_LINE} bytes at most"),
        ));
    }
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(refuse(Problem::PARSE, "the line is not UTF-8".into()));
    };
    if is_deep(line) {
        return Err(refuse(
            Problem::PARSE,
            format!("nested deeper than {MAX_DEPTH}"),
        ));
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| {
        let code = match error.classify() {
            serde_json::error::Category::Data => Problem::INVALID_REQUEST,
            _ => Problem::PARSE,
        };
        refuse(code, format!("failed to read a request: {error}"))
    })?;
    let Some(id) = envelope
        .id
        .filter(|id| id.is_string() || id.is_number() || id.is_null())
    else {
        let message = "a request needs an id: a string or a number".into();
        return Err(refuse(Problem::INVALID_REQUEST, message));
    };
    let problem = |message: &str| Problem::new(Problem::INVALID_REQUEST, message);
    if envelope.jsonrpc != "2.0" {
        return Err((id, problem("`jsonrpc` must be \"2.0\"")));
    }
    let params = envelope.params.unwrap_or_else(|| json!({}));
    if !params.is_object() {
        return Err((id, Problem::params("`params` must be an object")));
    }
    Ok(Request {
        id,
        method: envelope.method,
        params,
    })
}

/// Few brackets cannot be deep, and counting them costs next to nothing.
fn is_deep(line: &[u8]) -> bool {
    let brackets = line.iter().filter(|byte| matches!(byte, b'[' | b'{'));
    brackets.count() > MAX_DEPTH && depth(line) > MAX_DEPTH
}

/// Deepest nesting of brackets outside strings. Malformed input gives some number, no panic.
fn depth(line: &[u8]) -> usize {
    let (mut deepest, mut now) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The line that answers with a result, which is JSON already.
#[must_use]
pub fn answer(id: &Value, result: &str) -> Bytes {
    Bytes::from(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}\n"
    ))
}

/// The line that answers with a problem.
#[must_use]
pub fn refusal(id: &Value, problem: &Problem) -> Bytes {
    let mut error = json!({ "code": problem.code, "message": problem.message });
    if let (Some(data), Some(error)) = (&problem.data, error.as_object_mut()) {
        error.insert("data".into(), data.clone());
    }
    Bytes::from(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}\n"
    ))
}

/// A line nobody asked for: a page, a delta, positions.
#[must_use]
pub fn notice(method: &str, params: &impl Serialize) -> Bytes {
    let params = serde_json::to_string(params).unwrap_or_else(|_| "null".into());
    Bytes::from(format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{params}}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line of bad input, and what the answer says.
    #[test]
    fn bad_lines_get_a_reason() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let cases: [(&[u8], i32, &str); 9] = [
            (b"", Problem::PARSE, "EOF"),
            (b"hello", Problem::PARSE, "expected value"),
            (b"\xff\xfe", Problem::PARSE, "UTF-8"),
            (deep.as_bytes(), Problem::PARSE, "deeper"),
            (b"[]", Problem::INVALID_REQUEST, "invalid length"),
            (
                br#"{"jsonrpc":"2.0","method":"x"}"#,
                Problem::INVALID_REQUEST,
                "id",
            ),
            (
                br#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
                Problem::INVALID_REQUEST,
                "2.0",
            ),
            (
                br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#,
                -32600,
                "duplicate",
            ),
            (
                br#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#,
                -32602,
                "object",
            ),
        ];
        for (line, code, says) in cases {
            let (_, problem) = parse(line).unwrap_err();
            assert_eq!(problem.code, code, "{problem:?}");
            assert!(problem.message.contains(says), "{problem:?}");
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let line = br#"{"jsonrpc":"2.0","id":"a","method":"x","params":{"text":"[[[\"[[{{"}}"#;
        assert_eq!(depth(line), 2);
        assert_eq!(parse(line).unwrap().method, "x");
    }
}
