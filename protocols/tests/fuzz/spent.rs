//! What a decoder spends on one frame: bytes, held to a bound, and time, only told.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static SLOWEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs it; at no time may it hold more bytes than the bound, nor take ten times as many in all.
pub(crate) fn within<T>(bound: usize, run: impl Fn() -> T) -> T {
    let (mut out, began) = (None, Instant::now());
    let spent = allocation_counter::measure(|| out = Some(run()));
    let took = began.elapsed();
    let bound = bound as u64;
    assert!(spent.bytes_max <= bound, "{spent:?} over {bound} bytes");
    assert!(
        spent.bytes_total <= 10 * bound,
        "{spent:?} over ten times {bound} bytes"
    );
    if took > SLOWEST.get() {
        SLOWEST.set(SLOWEST.get().max(took.min(again(&run))));
    }
    out.unwrap()
}

/// How long it takes at best: a slow run may only have been interrupted.
fn again<T>(run: impl Fn() -> T) -> Duration {
    let runs = (0..3).map(|_| {
        let began = Instant::now();
        run();
        began.elapsed()
    });
    runs.min().unwrap_or_default()
}

/// Says how long the slowest took, on this thread: each target has its own.
pub(crate) fn tell(target: &str) {
    let slowest_us = SLOWEST.get().as_micros();
    println!("{target}: slowest {slowest_us} µs");
}

#[test]
#[should_panic(expected = "over 99 bytes")]
fn a_bound_is_held() {
    within(100, || vec![1u8; 100]);
    within(99, || vec![1u8; 100]);
}
