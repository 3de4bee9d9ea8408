//! Refusals by kind: as the clients saw them, as `system.health` and /metrics say.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// How many of each kind.
#[derive(Default, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Refusals(pub(crate) BTreeMap<String, u32>);

impl Refusals {
    pub(crate) fn note(&mut self, kind: &str) {
        *self.0.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind.clone()).or_default() += count;
        }
    }

    pub(crate) fn total(&self) -> u32 {
        self.0.values().sum()
    }

    /// As `system.health` says.
    pub(crate) fn of(counts: &Value) -> Self {
        let counts = counts.as_object().into_iter().flatten();
        let counts =
            counts.filter_map(|(kind, count)| Some((kind.clone(), count.as_u64()? as u32)));
        Self(counts.collect())
    }
}

/// The kind of an error object, as docs/console-api.md names it.
pub(crate) fn kind(error: &Value) -> String {
    let named = error["data"]["kind"].as_str();
    let by_code = match error["code"].as_i64() {
        Some(5) => "busy",
        Some(1) => "rejected",
        _ => "other",
    };
    named.unwrap_or(by_code).to_owned()
}

/// The page of /metrics.
pub(crate) fn metrics(at: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(at)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// A counter of that page, by its one label.
pub(crate) fn counter(page: &str, name: &str) -> Refusals {
    let lines = page.lines().filter_map(|line| {
        let (label, value) = line
            .strip_prefix(name)?
            .strip_prefix('{')?
            .split_once('}')?;
        let label = label.split('"').nth(1)?;
        Some((label.to_owned(), value.trim().parse::<f64>().ok()? as u32))
    });
    Refusals(lines.collect())
}
