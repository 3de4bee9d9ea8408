//! This library's side of the check against other programs (tests/peers): `emit` prints frames made
//! from values, `read` reads frames others made. One JSON object a line, both ways: `name`, `kind`,
//! `hex`, and in `means` what the frame says, under the names the other side uses too. It judges
//! nothing.

mod air;
mod means;
mod services;

use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, stdin};

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("emit") => {
            for frame in services::frames().iter().chain(&air::frames()) {
                println!("{frame}");
            }
        }
        Some("read") => {
            for line in stdin().lock().lines() {
                println!("{}", read(&serde_json::from_str(&line?)?)?);
            }
        }
        _ => return Err("say `emit` or `read`".into()),
    }
    Ok(())
}

/// A frame made here, and what was meant by it.
fn frame(name: &str, kind: &str, bytes: &[u8], means: Value) -> Value {
    json!({"name": format!("ours: {name}"), "kind": kind, "hex": hex(bytes), "means": means})
}

/// The frame with what it means here, or why it is refused.
fn read(frame: &Value) -> Result<Value, Box<dyn Error>> {
    let text = |name| frame.get(name).and_then(Value::as_str).ok_or("no text");
    let (name, kind, digits) = (text("name")?, text("kind")?, text("hex")?);
    let (outcome, value) = match means::of(kind, &unhex(digits)?) {
        Ok(means) => ("means", means),
        Err(refusal) => ("refused", json!(refusal.to_string())),
    };
    Ok(json!({"name": name, "kind": kind, "hex": digits, outcome: value}))
}

fn unhex(digits: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pairs = (0..digits.len()).step_by(2);
    let byte = |at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or("odd"), 16);
    Ok(pairs.map(byte).collect::<Result<_, _>>()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
