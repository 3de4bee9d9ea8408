//! BPTC(196,96): the block product code of control signalling, headers and rate 1/2 data
//! (TS 102 361-1, B.1.1). 96 bits stand in a table of 13 rows and 15 columns; each row is a
//! Hamming(15,11,3) word, each column a Hamming(13,9,3) word.
//!
//! ```text
//!          3        8        4 columns
//!     +--------+---------+--------+
//!   1 |reserved|  data   |        |   bit 0 of the 196 stands before the table and is
//!     +--------+---------+ parity |   reserved too; bit i of the table's order is sent
//!   8 |      data        |        |   as bit 181 i mod 196
//!     +------------------+--------+
//!   4 |     parity       | parity |
//!     +------------------+--------+
//!              11            4
//! ```
//! Mended row by row, then column by column, which takes any three wrong bits. Four in the corners
//! of a rectangle it cannot take: two rows and two columns then look alike from either side.

use super::burst::Info;

/// Wrong bits it corrects wherever they are.
pub const CORRECTS: usize = 3;

/// Rounds over rows and columns. One would do for three wrong bits; two mend most of five and six,
/// and a third mends nothing that two do not.
const ROUNDS: usize = 2;
/// What each column adds to a row's syndrome.
const IN_ROW: [u8; 15] = [9, 13, 15, 14, 7, 10, 5, 11, 12, 6, 3, 8, 4, 2, 1];
/// What each row adds to a column's syndrome.
const IN_COLUMN: [u8; 13] = [15, 14, 7, 10, 5, 11, 12, 6, 3, 8, 4, 2, 1];

/// The table; the first bit of a row is its bit 14.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Table([u16; 13]);

/// The 96 bits of `info`, mended; none if it holds more wrong bits than can be told apart. Beyond
/// [`CORRECTS`] they may also be other bits: what they are protected by has to tell.
#[must_use]
pub fn decode(info: &Info) -> Option<[u8; 12]> {
    let mut table = Table::of(info);
    table.mend().then(|| table.data())
}

/// The 196 bits of 96; the four reserved ones are 0.
#[must_use]
pub fn encode(data: &[u8; 12]) -> Info {
    Table::with(data).info()
}

impl Table {
    /// As received.
    fn of(info: &Info) -> Self {
        let mut places = SENT_AS.iter();
        Self([(); 13].map(|()| {
            let row = places.by_ref().take(15);
            row.fold(0, |row, place| row << 1 | u16::from(info.bit(*place)))
        }))
    }

    /// With parity.
    fn with(data: &[u8; 12]) -> Self {
        // The three reserved bits, then the data: 99 bits, eleven a row.
        let bits = data
            .iter()
            .fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut rows = [0u16; 13];
        for (row, shift) in rows
            .iter_mut()
            .take(9)
            .zip((0..9).rev().map(|row| row * 11))
        {
            let word = ((bits >> shift) as u16 & 0x7FF) << 4;
            *row = word | u16::from(row_syndrome(word));
        }
        let sums = column_syndromes(&rows);
        rows.iter_mut()
            .skip(9)
            .zip(sums)
            .for_each(|(row, sum)| *row = sum);
        Self(rows)
    }

    fn data(&self) -> [u8; 12] {
        let rows = self.0.iter().take(9);
        let bits = rows.fold(0u128, |bits, row| bits << 11 | u128::from(row >> 4 & 0x7FF));
        let mut data = [0; 12];
        let bytes = bits.to_be_bytes().into_iter().skip(4);
        data.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        data
    }

    fn info(&self) -> Info {
        let mut info = Info::default();
        let mut places = SENT_AS.iter();
        for row in self.0 {
            for (column, place) in (0..15).rev().zip(places.by_ref()) {
                if row >> column & 1 != 0 {
                    info.set(*place);
                }
            }
        }
        info
    }

    /// Whether all rows and columns are words of their codes in the end.
    fn mend(&mut self) -> bool {
        for _ in 0..ROUNDS {
            self.0
                .iter_mut()
                .for_each(|row| *row ^= wrong_in_row(row_syndrome(*row)));
            if self.mend_columns() && self.0.iter().all(|row| row_syndrome(*row) == 0) {
                return true;
            }
        }
        false
    }

    /// All columns at once: bit k of each column's syndrome stands in word k. Whether each is a
    /// word of the code now: two of the fifteen syndromes belong to no row.
    fn mend_columns(&mut self) -> bool {
        let sums = column_syndromes(&self.0);
        for (row, code) in self.0.iter_mut().zip(IN_COLUMN) {
            let bits = BITS.iter().zip(sums);
            *row ^= bits.fold(ROW, |same, (bit, sum)| match code & bit {
                0 => same & !sum,
                _ => same & sum,
            });
        }
        column_syndromes(&self.0) == [0; 4]
    }
}

/// The bits of a syndrome, the highest first, as the parity bits stand.
const BITS: [u8; 4] = [8, 4, 2, 1];
/// The columns that each bit of a row's syndrome sums.
#[expect(clippy::indexing_slicing, reason = "at compile time, within both")]
const IN_SUM: [u16; 4] = {
    let mut sums = [0; 4];
    let mut at = 0;
    while at < 4 * 15 {
        let (bit, column) = (at / 15, at % 15);
        if IN_ROW[column] & BITS[bit] != 0 {
            sums[bit] |= 1 << (14 - column);
        }
        at += 1;
    }
    sums
};
/// All bits of a row.
const ROW: u16 = 0x7FFF;

fn row_syndrome(row: u16) -> u8 {
    let bits = BITS.iter().zip(IN_SUM);
    let odd = bits.filter(|(_, columns)| (row & columns).count_ones() % 2 == 1);
    odd.fold(0, |sum, (bit, _)| sum | bit)
}

/// The wrong bit of a row by its syndrome. The code is perfect: each syndrome has its bit.
fn wrong_in_row(syndrome: u8) -> u16 {
    WRONG_IN_ROW
        .get(usize::from(syndrome))
        .copied()
        .unwrap_or(0)
}

fn column_syndromes(rows: &[u16; 13]) -> [u16; 4] {
    BITS.map(|bit| {
        let rows = rows.iter().zip(IN_COLUMN);
        let adding = rows.filter(|(_, code)| code & bit != 0);
        adding.fold(0, |sum, (row, _)| sum ^ row)
    })
}

/// Where the bits of the table stand among the 196, row by row.
#[expect(clippy::indexing_slicing, reason = "at compile time, below 195")]
const SENT_AS: [u8; 195] = {
    let mut places = [0; 195];
    let mut at = 0;
    while at < 195 {
        places[at] = ((at + 1) * 181 % 196) as u8;
        at += 1;
    }
    places
};

#[expect(clippy::indexing_slicing, reason = "at compile time, below 16")]
const WRONG_IN_ROW: [u16; 16] = {
    let mut wrong = [0; 16];
    let mut column = 0;
    while column < 15 {
        wrong[IN_ROW[column] as usize] = 1 << (14 - column);
        column += 1;
    }
    wrong
};

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const DATA: [u8; 12] = *b"\xBD\x00\x80\x05\x00\x00\x09\x46\x31\x3B\xF2\x0E";

    #[test]
    fn each_bit_has_one_place() {
        let mut places: Vec<u8> = SENT_AS.to_vec();
        places.sort_unstable();
        assert_eq!(places, (1..196).collect::<Vec<u8>>(), "bit 0 is reserved");
        for at in 0..96 {
            let mut data = [0; 12];
            data[at / 8] = 0x80 >> (at % 8);
            assert_eq!(decode(&encode(&data)), Some(data));
        }
    }

    #[test]
    fn reserved_bits_do_not_matter() {
        // Bit 0, and the first three of the table, which their parity follows.
        let mut info = encode(&DATA);
        info.flip(0);
        assert_eq!(decode(&info), Some(DATA));
        let mut table = Table::with(&DATA);
        table.0[0] ^= 0x4000;
        assert_eq!(decode(&table.info()), Some(DATA));
    }

    /// Whether the table of no data, with these bits wrong, reads as no data. The codes are
    /// linear, so it stands for every other data.
    fn is_mended(wrong: &[usize]) -> Option<bool> {
        let mut table = Table([0; 13]);
        for bit in wrong {
            table.0[bit / 15] ^= 1 << (bit % 15);
        }
        table.mend().then_some(table == Table([0; 13]))
    }

    /// All 1,235,780 patterns; bit 195 stands for the one before the table, which nothing reads.
    #[test]
    fn up_to_three_wrong_bits_are_corrected() {
        let mut patterns = 0u32;
        let mut check = |wrong: &[usize]| {
            let inside: Vec<_> = wrong.iter().copied().filter(|bit| *bit < 195).collect();
            assert_eq!(is_mended(&inside), Some(true), "{wrong:?}");
            patterns += 1;
        };
        check(&[]);
        for a in 0..196 {
            check(&[a]);
            for b in 0..a {
                check(&[a, b]);
                (0..b).for_each(|c| check(&[a, b, c]));
            }
        }
        assert_eq!(patterns, 1 + 196 + 19_110 + 1_235_780);
    }

    /// The corners of every rectangle: known to fail. Where a third row's syndrome is the sum of
    /// the two, the result is another word of the code, and only what it protects can tell.
    #[test]
    fn rectangles_of_four_wrong_bits_are_not() {
        let (mut mended, mut refused, mut other) = (0, 0, 0);
        for (top, bottom) in (0..13).flat_map(|a| (0..a).map(move |b| (a * 15, b * 15))) {
            for (left, right) in (0..15).flat_map(|a| (0..a).map(move |b| (a, b))) {
                match is_mended(&[top + left, top + right, bottom + left, bottom + right]) {
                    Some(true) => mended += 1,
                    Some(false) => other += 1,
                    None => refused += 1,
                }
            }
        }
        assert_eq!(mended + refused + other, 8190);
        assert_eq!((mended, refused, other), (0, 1260, 6930));
    }

    /// Of any patterns of four, seeded: all but 12 in 20,000 are mended.
    #[test]
    fn most_patterns_of_four_are_corrected() {
        let seed = 0x7E1_u64;
        let mut lot = seed;
        let mut draw = |below: u64| {
            lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from((lot >> 33) % below).unwrap()
        };
        let mut mended = 0;
        for _ in 0..20_000 {
            let mut wrong: Vec<usize> = (0..4).map(|_| draw(195)).collect();
            wrong.sort_unstable();
            wrong.dedup();
            mended += u32::from(is_mended(&wrong) == Some(true));
        }
        assert_eq!(mended, 19_988, "seed {seed:#x}");
    }
}
