//! What a decoder spends on one frame: bytes and time, both held to a bound, and the time told.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static SLOWEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Longest that one frame may take.
const FRAME: Duration = Duration::from_millis(1);
/// Times a frame that took too long is tried: it may only have been interrupted, in each of them.
const AGAIN: usize = 50;

/// Runs it for one frame; at no time may it hold more bytes than the bound, nor take ten times as
/// many in all, nor longer than [`FRAME`].
pub(crate) fn within<T>(bound: usize, run: impl Fn() -> T) -> T {
    let (out, took) = held(bound, &run);
    assert!(took <= FRAME, "{took:?} for one frame");
    out
}

/// The same for a sequence, which may take its time.
pub(crate) fn within_bytes<T>(bound: usize, run: impl Fn() -> T) -> T {
    held(bound, &run).0
}

fn held<T>(bound: usize, run: &impl Fn() -> T) -> (T, Duration) {
    let (mut out, began) = (None, Instant::now());
    let spent = allocation_counter::measure(|| out = Some(run()));
    let took = began.elapsed();
    let bound = bound as u64;
    assert!(spent.bytes_max <= bound, "{spent:?} over {bound} bytes");
    assert!(
        spent.bytes_total <= 10 * bound,
        "{spent:?} over ten times {bound} bytes"
    );
    let took = match took > SLOWEST.get() {
        true => took.min(again(run)),
        false => took,
    };
    SLOWEST.set(SLOWEST.get().max(took));
    (out.unwrap(), took)
}

/// How long it takes at best.
fn again<T>(run: impl Fn() -> T) -> Duration {
    let mut best = Duration::MAX;
    for tried in 0..AGAIN {
        let began = Instant::now();
        run();
        best = best.min(began.elapsed());
        if best <= FRAME && tried >= 3 {
            break;
        }
    }
    best
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
