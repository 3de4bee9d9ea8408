//! What the small benchmarks share: rounds, medians, and where a result goes.

use serde_json::Value;

/// Rounds; a figure is the median of theirs.
pub(crate) const ROUNDS: usize = 5;

/// Whether only a smoke of a second is wanted, which says nothing about speed.
pub(crate) fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick" || argument == "--test")
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Two digits after the point.
pub(crate) fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Writes target/`name`.json and the last line of stdout.
pub(crate) fn publish(name: &str, result: &Value) -> anyhow::Result<()> {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    std::fs::create_dir_all(target)?;
    std::fs::write(format!("{target}/{name}.json"), format!("{result}\n"))?;
    println!("{result}");
    Ok(())
}
