//! Tieqi.
fn main() {}
