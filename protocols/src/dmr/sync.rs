//! The 48 bits in the middle of a burst that say whose it is (TS 102 361-1, 9.1.1). Two words
//! differ in ten bits at least, so four wrong ones are made good.

/// A sync word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncWord {
    /// A base station's voice.
    BsVoice,
    /// A base station's data.
    BsData,
    /// A radio's voice.
    MsVoice,
    /// A radio's data.
    MsData,
    /// A radio's reverse channel.
    MsReverse,
    /// Direct mode, slot 1, voice.
    Slot1Voice,
    /// Direct mode, slot 1, data.
    Slot1Data,
    /// Direct mode, slot 2, voice.
    Slot2Voice,
    /// Direct mode, slot 2, data.
    Slot2Data,
    /// Reserved.
    Reserved,
}

impl SyncWord {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::BsVoice,
        Self::BsData,
        Self::MsVoice,
        Self::MsData,
        Self::MsReverse,
        Self::Slot1Voice,
        Self::Slot1Data,
        Self::Slot2Voice,
        Self::Slot2Data,
        Self::Reserved,
    ];
    /// Wrong bits that are made good.
    pub const CORRECTS: u32 = 4;

    /// Its 48 bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        match self {
            Self::BsVoice => 0x755F_D7DF_75F7,
            Self::BsData => 0xDFF5_7D75_DF5D,
            Self::MsVoice => 0x7F7D_5DD5_7DFD,
            Self::MsData => 0xD5D7_F77F_D757,
            Self::MsReverse => 0x77D5_5F7D_FD77,
            Self::Slot1Voice => 0x5D57_7F77_57FF,
            Self::Slot1Data => 0xF7FD_D5DD_FD55,
            Self::Slot2Voice => 0x7DFF_D5F5_5D5F,
            Self::Slot2Data => 0xD755_7F5F_F7F5,
            Self::Reserved => 0xDD7F_F5D7_57DD,
        }
    }

    /// The word 48 received bits were, if any.
    #[must_use]
    pub fn nearest(received: u64) -> Option<Self> {
        let near = |word: &Self| (word.bits() ^ received).count_ones() <= Self::CORRECTS;
        Self::ALL.into_iter().find(near)
    }

    /// Whether the burst around it has a slot type and data.
    #[must_use]
    pub fn is_data(self) -> bool {
        matches!(
            self,
            Self::BsData | Self::MsData | Self::Slot1Data | Self::Slot2Data
        )
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BsVoice => "base station voice",
            Self::BsData => "base station data",
            Self::MsVoice => "radio voice",
            Self::MsData => "radio data",
            Self::MsReverse => "radio reverse channel",
            Self::Slot1Voice => "direct slot 1 voice",
            Self::Slot1Data => "direct slot 1 data",
            Self::Slot2Voice => "direct slot 2 voice",
            Self::Slot2Data => "direct slot 2 data",
            Self::Reserved => "reserved",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of wrong bits on every word, alone and with two others.
    #[test]
    fn four_wrong_bits_are_made_good() {
        let words = SyncWord::ALL;
        let pairs = words.iter().flat_map(|a| words.map(|b| (*a, b)));
        let apart = pairs.filter(|(a, b)| a != b);
        let least = apart.map(|(a, b)| (a.bits() ^ b.bits()).count_ones()).min();
        assert_eq!(least, Some(10));
        for word in words {
            for first in 0..48 {
                for second in first..48 {
                    let pattern = 1u64 << first | 1 << second;
                    let also = 1 << (second * 7 % 48) | 1 << (first * 5 % 48);
                    for pattern in [pattern, pattern | also] {
                        assert_eq!(SyncWord::nearest(word.bits() ^ pattern), Some(word));
                    }
                }
            }
            let five = word.bits() ^ 0x1F;
            assert_ne!(SyncWord::nearest(five), Some(word));
        }
    }
}
