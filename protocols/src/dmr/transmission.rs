//! What goes out at once: a header and its blocks, or the bursts of both with preambles before
//! them. Made from a text, from octets, or as the response to a packet. When to send it is
//! `delivery`'s.

use super::Address;
use super::block::{Block, Rate};
use super::burst::Burst;
use super::coding::{self, Coding};
use super::csbk::{self, Csbk};
use super::element::{Sap, Verdict};
use super::header::{DataHeader, Kind, Packet, ShortData};
use super::packet::{BlockMap, cut};
use super::slot_type::{DataType, SlotType};
use super::sync::SyncWord;
use alloc::string::String;
use alloc::vec::Vec;

/// How long a burst and the other slot's take, milliseconds (TS 102 361-1, 4.2.2).
pub const BURST_MS: u64 = 60;

/// A header and its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmission {
    /// Says how many blocks.
    pub header: DataHeader,
    /// All of one rate.
    pub blocks: Vec<Block>,
}

/// A text to one radio or to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortText<'a> {
    /// To whom.
    pub destination: Address,
    /// From whom.
    pub source: Address,
    /// The destination is a group; nobody acknowledges then.
    pub is_group: bool,
    /// The radio is to acknowledge, and its blocks are confirmed ones.
    pub is_confirmed: bool,
    /// Rate of the blocks.
    pub rate: Rate,
    /// Coding of the words.
    pub coding: Coding,
    /// What it says.
    pub text: &'a str,
}

/// Octets to one radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// To whom.
    pub destination: Address,
    /// From whom.
    pub source: Address,
    /// What they are handed to.
    pub sap: Sap,
    /// Rate of the blocks.
    pub rate: Rate,
    /// N(S), 3 bits; none if nobody is to acknowledge.
    pub sequence: Option<u8>,
    /// What they are.
    pub octets: &'a [u8],
}

impl ShortText<'_> {
    /// Cuts it into blocks; none if it needs more than the 63 a header can announce.
    #[must_use]
    pub fn transmission(&self) -> Option<Transmission> {
        let is_confirmed = self.is_confirmed && !self.is_group;
        let octets = self.coding.encode(self.text);
        let (blocks, padding) = cut(&octets, self.rate, is_confirmed)?;
        let count = u8::try_from(blocks.len())
            .ok()
            .filter(|count| *count < 64)?;
        let data = ShortData {
            sap: Sap::SHORT_DATA,
            blocks: count,
            may_retry: is_confirmed,
            is_first_try: true,
            pad_bits: u8::try_from(padding * 8).ok()?,
        };
        let format = self.coding.format();
        let header = DataHeader {
            is_group: self.is_group,
            wants_response: is_confirmed,
            destination: self.destination,
            source: self.source,
            kind: Kind::Defined { data, format },
        };
        Some(Transmission { header, blocks })
    }
}

impl Payload<'_> {
    /// Cuts them into blocks; none if they need more than the 127 a header can announce.
    #[must_use]
    pub fn transmission(&self) -> Option<Transmission> {
        let is_confirmed = self.sequence.is_some();
        let (blocks, padding) = cut(self.octets, self.rate, is_confirmed)?;
        let packet = Packet {
            sap: self.sap,
            pad_octets: u8::try_from(padding).ok()?,
            is_first_try: true,
            blocks: u8::try_from(blocks.len()).ok()?,
            // The only fragment.
            fragment: if is_confirmed { 8 } else { 0 },
        };
        let kind = self.sequence.map_or(Kind::Unconfirmed(packet), |sequence| {
            let (is_resync, sequence) = (false, sequence & 7);
            Kind::Confirmed {
                packet,
                is_resync,
                sequence,
            }
        });
        let header = DataHeader {
            is_group: false,
            wants_response: is_confirmed,
            destination: self.destination,
            source: self.source,
            kind,
        };
        Some(Transmission { header, blocks })
    }
}

impl Transmission {
    /// The response to a packet; the blocks that are missing go into [`Verdict::Retry`].
    #[must_use]
    pub fn response(to: &DataHeader, verdict: Verdict, missing: BlockMap) -> Self {
        let map = match verdict {
            Verdict::Retry => cut(&missing.to_octets(to.blocks().into()), Rate::Half, false),
            _ => None,
        };
        let (blocks, _) = map.unwrap_or_default();
        let kind = Kind::Response {
            sap: sap_of(to),
            is_first_try: false,
            blocks: u8::try_from(blocks.len()).unwrap_or(0),
            verdict,
            sequence: sequence_of(to),
        };
        let header = DataHeader {
            is_group: false,
            wants_response: false,
            destination: to.source,
            source: to.destination,
            kind,
        };
        Self { header, blocks }
    }

    /// The blocks asked for once more, and a header that says so.
    #[must_use]
    pub fn again(&self, asked: BlockMap) -> Self {
        let is_asked = |block: &&Block| block.serial.is_some_and(|at| asked.contains(at));
        let blocks: Vec<_> = self.blocks.iter().filter(is_asked).copied().collect();
        let mut header = self.header;
        let count = u8::try_from(blocks.len()).unwrap_or(0);
        match &mut header.kind {
            Kind::Confirmed { packet, .. } => {
                (packet.blocks, packet.is_first_try) = (count, false);
            }
            Kind::Defined { data, .. } | Kind::Raw { data, .. } => {
                (data.blocks, data.is_first_try) = (count, false);
            }
            _ => {}
        }
        Self { header, blocks }
    }

    /// Its bursts: so many preambles, the header, the blocks.
    pub fn bursts(
        &self,
        sync: SyncWord,
        colour_code: u8,
        preambles: u8,
    ) -> impl Iterator<Item = Burst> {
        let burst = move |data_type, octets: &[u8]| {
            let slot = SlotType {
                colour_code,
                data_type,
            };
            Burst::new(sync, slot, octets)
        };
        let after = u8::try_from(self.blocks.len()).unwrap_or(u8::MAX);
        let preamble = move |left: u8| {
            let body = csbk::Body::Preamble {
                is_data: true,
                is_group: self.header.is_group,
                blocks_to_follow: after.saturating_add(1).saturating_add(left),
                target: self.header.destination,
                source: self.header.source,
            };
            burst(DataType::Csbk, &Csbk::new(body).to_bytes())
        };
        let before = (0..preambles).rev().map(preamble);
        let header = burst(DataType::DataHeader, &self.header.to_bytes());
        let blocks = self.blocks.iter();
        let blocks = blocks.map(move |block| burst(block.rate.data_type(), &block.octets()));
        before.chain([header]).chain(blocks).flatten()
    }

    /// How long its bursts take on the air, preambles aside.
    #[must_use]
    pub fn lasts_ms(&self) -> u64 {
        BURST_MS * (1 + self.blocks.len() as u64)
    }
}

/// The words of a packet, if its header says that it is a text.
#[must_use]
pub fn words(header: &DataHeader, octets: &[u8]) -> Option<String> {
    match header.kind {
        Kind::Defined { format, .. } => coding::decode(format, octets),
        _ => None,
    }
}

/// N(S) of a packet; short data has none and counts as 0.
pub(super) fn sequence_of(header: &DataHeader) -> u8 {
    match header.kind {
        Kind::Confirmed { sequence, .. } | Kind::Response { sequence, .. } => sequence,
        _ => 0,
    }
}

fn sap_of(header: &DataHeader) -> Sap {
    match header.kind {
        Kind::Udt(udt) => udt.sap,
        Kind::Response { sap, .. } | Kind::Status { sap, .. } => sap,
        Kind::Unconfirmed(packet) | Kind::Confirmed { packet, .. } => packet.sap,
        Kind::Defined { data, .. } | Kind::Raw { data, .. } => data.sap,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{bytes_of, frames};
    use crate::dmr::packet::Assembly;
    use crate::dmr::pdu::Pdu;
    use proptest::prelude::*;

    const PEER: ShortText<'_> = ShortText {
        destination: Address::low(9),
        source: Address::low(4_600_123),
        is_group: false,
        is_confirmed: false,
        rate: Rate::Half,
        coding: Coding::Utf16Le,
        text: "警情:黄江大道",
    };

    /// The words of bursts, read as a receiver would.
    fn read(bursts: impl Iterator<Item = [u8; 33]>) -> Option<String> {
        let mut assembly: Option<Assembly> = None;
        for bytes in bursts {
            let burst = Burst::parse(&bytes).unwrap();
            let octets = burst.octets().unwrap();
            match (Rate::of(burst.slot.data_type), &mut assembly) {
                (Some(rate), Some(assembly)) => assembly.take(rate, &octets).unwrap(),
                (Some(_), None) => panic!("a block without header"),
                (None, _) => match Pdu::parse(burst.slot.data_type, &octets) {
                    Ok(Some(Pdu::Header(header))) => assembly = Assembly::begin(header),
                    Ok(Some(Pdu::Csbk(_))) => {}
                    other => panic!("{other:?}"),
                },
            }
        }
        let assembly = assembly?;
        words(assembly.header(), &assembly.finish().ok()?)
    }

    /// Another program's six bursts of the same text, relayed by a third one: ours are the same
    /// bytes, and read as the same words.
    #[test]
    fn a_peers_message_both_ways() {
        let text = include_str!("../../../fixtures/radio/generated_dmr_short_data_utf16.json");
        let theirs: Vec<_> = frames(text).iter().map(bytes_of).collect();
        let bursts = PEER.transmission().unwrap();
        let ours = bursts
            .bursts(SyncWord::MsData, 1, 3)
            .map(|burst| burst.to_bytes());
        assert_eq!(ours.map(Vec::from).collect::<Vec<_>>(), theirs);
        let whole = theirs.iter().map(|bytes| *bytes.as_array().unwrap());
        assert_eq!(read(whole).as_deref(), Some(PEER.text));
        assert_eq!(bursts.lasts_ms(), 180);
    }

    /// The same bursts as a host and its modem exchanged them: both directions, 12 in all.
    #[test]
    fn the_bursts_on_a_modems_line() {
        let text = include_str!("../../../fixtures/radio/captured_mmdvm_modem_frames.json");
        for (direction, sync) in [
            ("modem->host", SyncWord::MsData),
            ("host->modem", SyncWord::BsData),
        ] {
            let frames = frames(text);
            // Frame start, length, type: data of slot 2; then a control byte and the burst.
            let lines = frames
                .iter()
                .filter(|frame| frame["direction"] == direction);
            let lines = lines
                .map(bytes_of)
                .filter(|bytes| bytes[..3] == [0xE0, 37, 0x1A]);
            let bursts: Vec<[u8; 33]> =
                lines.map(|bytes| *bytes[4..].as_array().unwrap()).collect();
            assert_eq!(bursts.len(), 6);
            for bytes in &bursts {
                assert_eq!(Burst::parse(bytes).unwrap().sync, sync);
            }
            assert_eq!(read(bursts.into_iter()).as_deref(), Some(PEER.text));
        }
    }

    #[test]
    fn what_is_too_long_is_not_cut() {
        let long = "警".repeat(63 * 24);
        for rate in Rate::ALL {
            let units = (63 * rate.octets() - 4) / 2;
            let text = &long[..units * 3];
            let fits = ShortText { rate, text, ..PEER };
            assert_eq!(fits.transmission().unwrap().blocks.len(), 63);
            let text = &long[..units * 3 + 3];
            let longer = ShortText { text, ..fits };
            assert_eq!(longer.transmission(), None);
        }
    }

    #[test]
    fn a_response_names_the_packet_and_what_is_missing() {
        let packet = Payload {
            destination: Address::low(9),
            source: Address::low(1001),
            sap: Sap::IP,
            rate: Rate::ThreeQuarter,
            sequence: Some(5),
            octets: &[7; 100],
        };
        let packet = packet.transmission().unwrap();
        let missing = BlockMap::default().with(2).with(4);
        let retry = Transmission::response(&packet.header, Verdict::Retry, missing);
        assert_eq!((retry.blocks.len(), retry.header.blocks()), (1, 1));
        assert_eq!(
            retry.blocks[0].data()[..8],
            [0xEB, 255, 255, 255, 255, 255, 255, 255]
        );
        assert_eq!(retry.header.destination, packet.header.source);
        let again = packet.again(missing);
        let serials: Vec<_> = again.blocks.iter().map(|block| block.serial).collect();
        assert_eq!(
            (serials, again.header.blocks()),
            ([Some(2), Some(4)].to_vec(), 2)
        );
        let ack = Transmission::response(&packet.header, Verdict::Ack, BlockMap::default());
        let Kind::Response { sequence, sap, .. } = ack.header.kind else {
            panic!("{ack:?}");
        };
        assert_eq!((sequence, sap, ack.blocks.len()), (5, Sap::IP, 0));
    }

    proptest! {
        #[test]
        fn any_text_survives_as_bursts(
            text in any::<String>(),
            rate in proptest::sample::select(Rate::ALL.to_vec()),
            coding in proptest::sample::select(Coding::ALL.to_vec()),
            (is_group, is_confirmed) in any::<(bool, bool)>(),
            preambles in 0..9u8,
        ) {
            let message = ShortText { is_group, is_confirmed, rate, coding, text: &text, ..PEER };
            let sent = message.transmission().unwrap();
            let bursts = sent.bursts(SyncWord::BsData, 7, preambles);
            let bytes: Vec<_> = bursts.map(|burst| burst.to_bytes()).collect();
            prop_assert_eq!(bytes.len(), usize::from(preambles) + 1 + sent.blocks.len());
            prop_assert_eq!(read(bytes.into_iter()), Some(text));
        }
    }
}
