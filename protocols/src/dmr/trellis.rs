//! The rate 3/4 trellis code (TS 102 361-1, B.2.4): 144 bits as 48 groups of three, each of which
//! chooses one of eight points by the group before it, and a last point that leads back to state 0.
//!
//! ```text
//! state = last group   point = NEXT[state][group]   sent as four bits, POINTS[point]
//! ```
//! Points are sent in the order 0, 4, 8, …, 48, 1, 5, …, 45, 2, 6, …, 3, 7, …. Read with the
//! Viterbi algorithm: of all paths through the states, the one that differs in the fewest bits.
//! The code always finds one; how far it lies off says how far to trust it.

use super::burst::Info;

/// Data and the point back.
const STEPS: usize = 49;
/// Points by state and group of three bits (B.2.4).
const NEXT: [[u8; 8]; 8] = [
    [0, 8, 4, 12, 2, 10, 6, 14],
    [4, 12, 2, 10, 6, 14, 0, 8],
    [1, 9, 5, 13, 3, 11, 7, 15],
    [5, 13, 3, 11, 7, 15, 1, 9],
    [3, 11, 7, 15, 1, 9, 5, 13],
    [7, 15, 1, 9, 5, 13, 3, 11],
    [2, 10, 6, 14, 0, 8, 4, 12],
    [6, 14, 0, 8, 4, 12, 2, 10],
];
/// The four bits of each point, two symbols of two: +3 is 01, +1 is 00, -1 is 10, -3 is 11
/// (B.2.4).
const POINTS: [u8; 16] = [2, 10, 7, 15, 14, 6, 11, 3, 13, 5, 8, 0, 1, 9, 4, 12];

/// The point after 0 to 48 that is sent as the next one.
fn order() -> impl Iterator<Item = usize> {
    (0..4).flat_map(|first| (first..STEPS).step_by(4))
}

/// What a path has cost so far, wrong bits; more than any real one.
const FAR: u8 = 200;

/// The 196 bits of 144.
#[must_use]
pub fn encode(data: &[u8; 18]) -> Info {
    let mut points = [0u8; STEPS];
    let mut state = 0;
    for (point, group) in points.iter_mut().zip(groups(data).chain([0])) {
        let row = NEXT.get(state).unwrap_or(&[0; 8]);
        let chosen = row.get(group).map_or(0, |point| usize::from(*point));
        *point = POINTS.get(chosen).copied().unwrap_or(0);
        state = group;
    }
    let sent = order().map(|at| points.get(at).copied().unwrap_or(0));
    Info::of_nibbles(sent)
}

/// The 144 bits nearest to the 196 of `info`, and how many of these were wrong.
#[must_use]
pub fn decode(info: &Info) -> ([u8; 18], u8) {
    let mut received = [0u8; STEPS];
    for (at, nibble) in order().zip(info.nibbles()) {
        if let Some(point) = received.get_mut(at) {
            *point = nibble;
        }
    }
    // From state 0, forwards: the cheapest way into each state, and the state it comes from.
    let mut costs = [0, FAR, FAR, FAR, FAR, FAR, FAR, FAR];
    let mut ways = [[0u8; 8]; STEPS];
    for (way, nibble) in ways.iter_mut().zip(received) {
        costs = step(costs, nibble, way);
    }
    // To state 0, backwards. A state is the group that led into it.
    let mut state = 0u8;
    let mut bits = 0u128;
    let mut data = [0u8; 18];
    let mut out = data.rchunks_exact_mut(3);
    for (at, way) in ways.iter().rev().enumerate() {
        state = way.get(usize::from(state)).copied().unwrap_or(0);
        if at + 1 < STEPS {
            bits |= u128::from(state) << (at % 8 * 3);
        }
        if at % 8 == 7 {
            let [.., a, b, c] = bits.to_be_bytes();
            out.next()
                .into_iter()
                .for_each(|to| to.copy_from_slice(&[a, b, c]));
            bits = 0;
        }
    }
    (data, costs[0])
}

/// One point further: the new costs; `way` is where each comes from.
fn step(costs: [u8; 8], nibble: u8, way: &mut [u8; 8]) -> [u8; 8] {
    let apart = POINTS.map(|point| (point ^ nibble).count_ones() as u8);
    let mut cheapest = [u8::MAX; 8];
    for ((from, cost), points) in (0u8..).zip(costs).zip(NEXT) {
        for ((best, way), point) in cheapest.iter_mut().zip(way.iter_mut()).zip(points) {
            let total = cost + apart.get(usize::from(point)).copied().unwrap_or(0);
            if total < *best {
                (*best, *way) = (total, from);
            }
        }
    }
    cheapest
}

/// The 48 groups of three bits.
fn groups(data: &[u8; 18]) -> impl Iterator<Item = usize> {
    let (triples, _) = data.as_chunks::<3>();
    triples.iter().flat_map(|[a, b, c]| {
        let bits = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        (0..8).rev().map(move |group| bits >> (group * 3) & 7)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{frames, hex};
    use proptest::prelude::*;

    #[test]
    fn the_vectors_both_ways() {
        let vectors = frames(include_str!("../../../fixtures/radio/dmr_fec_crc.json"));
        let mut seen = 0;
        for vector in vectors
            .iter()
            .filter(|vector| vector["name"] == "trellis34")
        {
            let data = hex(vector["expected"]["decoded_hex"].as_str().unwrap());
            let data = *data.as_array().unwrap();
            let bits = vector["bits"].as_str().unwrap().bytes();
            let mut info = Info::default();
            for (at, _) in (0..).zip(bits).filter(|(_, bit)| *bit == b'1') {
                info.set(at);
            }
            assert_eq!(encode(&data), info);
            assert_eq!(decode(&info), (data, 0));
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn points_differ() {
        let mut points = POINTS;
        points.sort_unstable();
        assert!(points.iter().copied().eq(0..16));
        let mut order: alloc::vec::Vec<_> = order().collect();
        order.sort_unstable();
        assert!(order.into_iter().eq(0..STEPS));
    }

    proptest! {
        /// Two paths differ in three bits at least, so one wrong bit never leads astray.
        #[test]
        fn one_wrong_bit_is_corrected(data: [u8; 18]) {
            let sent = encode(&data);
            for at in 0..196 {
                let mut received = sent;
                received.flip(at);
                prop_assert_eq!(decode(&received), (data, 1));
            }
        }

        /// The nearest path is at most as far as the one that was sent.
        #[test]
        fn no_path_is_nearer(data: [u8; 18], wrong in proptest::collection::vec(0u8..196, 0..20)) {
            let mut received = encode(&data);
            wrong.iter().for_each(|at| received.flip(*at));
            let (read, cost) = decode(&received);
            let apart = |other: &Info| {
                let bits = other.nibbles().zip(received.nibbles());
                bits.map(|(a, b)| (a ^ b).count_ones()).sum::<u32>()
            };
            prop_assert_eq!(u32::from(cost), apart(&encode(&read)));
            prop_assert!(u32::from(cost) <= apart(&encode(&data)));
        }
    }
}
