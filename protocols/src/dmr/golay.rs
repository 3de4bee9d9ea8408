//! Golay(20,8,7) of the slot type (TS 102 361-1, B.3.1): eight bits and twelve parity bits, any
//! three wrong ones corrected.

/// Wrong bits it corrects: two words differ in eight at least.
pub const CORRECTS: u32 = 3;

/// Parity of each data bit, the highest first.
const ROWS: [u16; 8] = [0x3DA, 0xD99, 0x6CD, 0x367, 0xDC6, 0xA97, 0x93E, 0x8EB];

/// The words of the code, in the order of their data.
#[expect(clippy::indexing_slicing, reason = "at compile time, within both")]
const WORDS: [u32; 256] = {
    let mut words = [0; 256];
    let mut data = 0;
    while data < 256 {
        let (mut parity, mut bit) = (0, 0);
        while bit < 8 {
            if data & (0x80 >> bit) != 0 {
                parity ^= ROWS[bit];
            }
            bit += 1;
        }
        words[data] = (data as u32) << 12 | parity as u32;
        data += 1;
    }
    words
};

/// The 20 bits of `data`.
#[must_use]
pub fn encode(data: u8) -> u32 {
    WORDS.get(usize::from(data)).copied().unwrap_or(0)
}

/// The data of 20 received bits; none if more than [`CORRECTS`] are wrong. Four wrong ones are
/// always noticed, five may read as other data.
#[must_use]
pub fn decode(received: u32) -> Option<u8> {
    let near = |word: &u32| (word ^ received).count_ones() <= CORRECTS;
    let sent = encode((received >> 12) as u8);
    let word = [sent].into_iter().chain(WORDS).find(near)?;
    u8::try_from(word >> 12).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::frames;
    use alloc::vec::Vec;

    /// All patterns of so many bits of 20.
    fn patterns(bits: u32) -> impl Iterator<Item = u32> {
        (0u32..1 << 20).filter(move |pattern| pattern.count_ones() == bits)
    }

    #[test]
    fn the_vectors() {
        let vectors = frames(include_str!("../../../fixtures/radio/dmr_fec_crc.json"));
        let golay = vectors
            .iter()
            .filter(|vector| vector["name"] == "golay20_8");
        let binary = |text: &serde_json::Value| u32::from_str_radix(text.as_str().unwrap(), 2);
        let mut seen = 0;
        for vector in golay {
            let bits = binary(&vector["bits"]).unwrap();
            let data = u8::try_from(binary(&vector["expected"]["data"]).unwrap()).unwrap();
            assert_eq!((encode(data), decode(bits)), (bits, Some(data)));
            seen += 1;
        }
        assert_eq!(seen, 4);
    }

    /// Every pattern on every codeword.
    #[test]
    fn up_to_three_wrong_bits_are_corrected() {
        let mut corrected = 0u32;
        for pattern in (0..=CORRECTS).flat_map(patterns) {
            for data in 0..=u8::MAX {
                let received = encode(data) ^ pattern;
                assert_eq!(decode(received), Some(data), "{data:02x} {pattern:05x}");
                corrected += 1;
            }
        }
        assert_eq!(corrected, 256 * (1 + 20 + 190 + 1140));
    }

    /// The code is linear, so one word stands for all.
    #[test]
    fn four_wrong_bits_are_refused() {
        let read: Vec<_> = patterns(4)
            .map(|pattern| decode(encode(0x36) ^ pattern))
            .collect();
        assert_eq!(read, [None; 4845]);
    }
}
