//! One target a decoder. Each is given the input as it is, and a captured frame the input alters,
//! its checksums made to fit.

use crate::seeds::{self, altered, seal_hdap, seal_hrnp, seal_hstrp, seal_nmea, seal_pdu};
use crate::spent::{tell, within};
use bolero::check;
use tieqi_protocols::describe;
use tieqi_protocols::dmr::block::{Block, Rate};
use tieqi_protocols::dmr::coding::{self, Coding};
use tieqi_protocols::dmr::crc::Mask;
use tieqi_protocols::dmr::element::{DataFormat, Sap, UdtFormat};
use tieqi_protocols::dmr::header::UdtHeader;
use tieqi_protocols::dmr::nmea::Nmea;
use tieqi_protocols::dmr::packet::{Assembly, MAX_OCTETS};
use tieqi_protocols::dmr::slot_type::{DataType, SlotType};
use tieqi_protocols::dmr::sync::SyncWord;
use tieqi_protocols::dmr::transmission::words;
use tieqi_protocols::dmr::udt::Content;
use tieqi_protocols::dmr::{Burst, Csbk, DataHeader, Pdu};
use tieqi_protocols::gps::GpsField;
use tieqi_protocols::hdap::{Hdap, MAX_PAYLOAD, Service};
use tieqi_protocols::homebrew::Packet;
use tieqi_protocols::hrnp::Hrnp;
use tieqi_protocols::hstrp::Hstrp;
use tieqi_protocols::lip::{Lip, LongReport};
use tieqi_protocols::message::Message;
use tieqi_protocols::mmdvm::{Mmdvm, START};
use tieqi_protocols::nmea::{self, Sentence};
use tieqi_protocols::pei::{Reader, Sds};
use tieqi_protocols::text::Text;
use tieqi_protocols::{Parsed, error::DecodeError};

/// Inputs of each target in the default suite.
const ITERATIONS: usize = 10_000;
/// Longest input: it can overfill the largest frame.
const MAX_LEN: usize = MAX_PAYLOAD + 64;

/// A target: its name, and what it does with each input.
macro_rules! target {
    ($name:ident, $run:expr) => {
        #[test]
        fn $name() {
            let run: fn(&[u8]) = $run;
            check!()
                .with_iterations(ITERATIONS)
                .with_max_len(MAX_LEN)
                .for_each(|input: &[u8]| run(input));
            tell(stringify!($name));
        }
    };
}

target!(hdap, |input| {
    with_seeds(&seeds::HDAP, input, seal_hdap, |bytes| {
        if let Some(frame) = complete(within(0, || Hdap::parse(bytes))) {
            message(&frame);
        }
    });
});

target!(hstrp, |input| {
    with_seeds(&seeds::HSTRP, input, seal_hstrp, |bytes| {
        if let Ok(frame) = within(0, || Hstrp::parse(bytes)) {
            let mut again = Vec::new();
            frame.emit(&mut again);
            assert_eq!(again, bytes);
            frame.messages().flatten().for_each(|frame| message(&frame));
            let _ = (frame.options().count(), frame.ack(), frame.device_id());
        }
    });
});

target!(hrnp, |input| {
    with_seeds(&seeds::HRNP, input, seal_hrnp, |bytes| {
        if let Some(frame) = complete(within(0, || Hrnp::parse(bytes))) {
            let mut again = Vec::new();
            frame.emit(&mut again);
            assert_eq!(again, bytes[..again.len()]);
            frame.message.iter().for_each(message);
        }
        assert!(bytes.is_empty() || tieqi_protocols::hrnp::resync(bytes) > 0);
    });
});

target!(rcp, |input| service(
    Service::Rcp,
    &[
        0xB0C8, 0xB845, 0x0452, 0x8452, 0x10C9, 0x1847, 0x8847, 0x80C9
    ],
    input
));
target!(rrs, |input| service(
    Service::Rrs,
    &[0x03, 0x80, 0x01, 0x02, 0x82],
    input
));
target!(tmp, |input| service(
    Service::Tmp,
    &[0xA1, 0xA2, 0xB1, 0xB2, 0x40A1, 0x80A1, 0xC0B1, 0x40A2],
    input
));
target!(work_order, |input| service(
    Service::Tmp,
    &[0xAC, 0xAD, 0xAA, 0xAB, 0xBC, 0xBD, 0x80AC],
    input
));
target!(lp, |input| service(
    Service::Lp,
    &[
        0xA001, 0xA002, 0xA003, 0xB003, 0xD001, 0xD002, 0xD003, 0xD004
    ],
    input
));
target!(dds, |input| service(
    Service::Dds,
    &[0x07, 0x08, 0x09, 0x11, 0x12, 0x13],
    input
));

target!(gps, |input| {
    let mut field = *b"A080740281126N2251.1234E11359.98764.2270";
    let script = input.as_chunks::<2>().0;
    script
        .iter()
        .for_each(|[at, byte]| field[usize::from(*at) % 40] = *byte);
    fix(GpsField(&field));
    if let Some((field, _)) = input.split_first_chunk::<40>() {
        fix(GpsField(field));
    }
});

target!(text, |input| {
    let text = Text::from_wire(input);
    within(0, || text.chars().count());
    let mut again = Vec::new();
    text.emit(&mut again);
    assert!(again.len() == text.wire_len() && again.len() <= input.len());
    for format in 0..32 {
        // A byte becomes three at most, while their buffer doubles.
        within(64 + 9 * input.len(), || {
            coding::decode(DataFormat(format), input)
        });
    }
    for coding in [Coding::Utf8, Coding::Utf16Be, Coding::Utf16Le] {
        let said = coding.decode(input);
        assert_eq!(coding.decode(&coding.encode(&said)), said);
    }
});

target!(burst, |input| {
    with_seeds(&seeds::BURSTS, input, unsealed, |bytes| {
        let Ok(read) = within(0, || Burst::parse(bytes)) else {
            return;
        };
        if let Ok(octets) = within(0, || read.octets()) {
            let _ = within(0, || Pdu::parse(read.slot.data_type, &octets));
        }
    });
    // One that carries what was altered, so that the codes let it through.
    let octets = altered(&seeds::PDUS, input);
    let Some((sync, data_type)) = input.first().and_then(|byte| {
        let syncs = SyncWord::ALL.into_iter().filter(|sync| sync.is_data());
        let sync = syncs.cycle().nth(usize::from(byte >> 4))?;
        Some((sync, DataType::from_code(byte & 15)?))
    }) else {
        return;
    };
    let slot = SlotType {
        colour_code: 1,
        data_type,
    };
    if let Some(burst) = Burst::new(sync, slot, &octets) {
        let read = within(0, || Burst::parse(&burst.to_bytes()));
        assert_eq!(read, Ok(burst));
        assert_eq!(*burst.octets().unwrap(), octets);
        let _ = within(0, || Pdu::parse(data_type, &octets));
    }
});

target!(csbk, |input| pdu(input, Mask::Csbk, |bytes| {
    let read = within(0, || Csbk::parse(bytes));
    read.is_ok_and(|it| Csbk::parse(&it.to_bytes()) == Ok(it))
}));
target!(data_header, |input| pdu(input, Mask::DataHeader, |bytes| {
    let read = within(0, || DataHeader::parse(bytes));
    read.is_ok_and(|it| it.is_none_or(|it| DataHeader::parse(&it.to_bytes()) == Ok(Some(it))))
}));
target!(other_pdus, |input| {
    for mask in [Mask::PiHeader, Mask::MbcHeader, Mask::Usbd] {
        pdu(input, mask, |bytes| {
            within(0, || Pdu::told_by_checksum(bytes)).is_ok()
        });
    }
    for code in 0..16 {
        if let Some(data_type) = DataType::from_code(code) {
            let _ = within(0, || Pdu::parse(data_type, input));
        }
    }
});

target!(block, |input| {
    for rate in Rate::ALL {
        for serial in [None, input.first().map(|byte| byte & 0x7F)] {
            let is_confirmed = serial.is_some();
            let _ = within(0, || Block::parse(rate, is_confirmed, input));
            let data = input
                .get(..rate.data_octets(is_confirmed))
                .unwrap_or_default();
            if let Some(block) = Block::new(rate, serial, data) {
                assert_eq!(Block::parse(rate, is_confirmed, &block.octets()), Ok(block));
            }
        }
    }
});

// Blocks after a header, in any number, some passed over, some not sealed.
target!(packet, |input| {
    let mut header = altered(&seeds::PDUS, input);
    header.resize(12, 0);
    seal_pdu(&mut header, Mask::DataHeader);
    let Ok(Some(header)) = DataHeader::parse(&header) else {
        return;
    };
    within(MAX_PACKET, || {
        let Some(mut assembly) = Assembly::begin(header) else {
            return;
        };
        for (at, octets) in input.chunks(12).enumerate() {
            let serial = u8::try_from(at).ok().filter(|_| header.is_confirmed());
            match Block::new(Rate::Half, serial, &octets[..octets.len().min(10)]) {
                Some(block) => drop(assembly.take(Rate::Half, &block.octets())),
                None => drop(assembly.take(Rate::Half, octets)),
            }
            if octets[0] == 0 {
                assembly.skip();
            }
        }
        let _ = assembly.missing().to_octets(usize::from(header.blocks()));
        if let Ok(octets) = assembly.finish() {
            assert!(octets.len() <= MAX_OCTETS);
            let _ = words(&header, &octets);
        }
    });
});
/// All of a packet's blocks, and its octets several times over.
const MAX_PACKET: usize = 64 * 1024;

target!(unified_data, |input| {
    let Some((&[first, second, third], octets)) = input.split_first_chunk::<3>() else {
        return;
    };
    let header = UdtHeader {
        is_emergency: false,
        option: false,
        sap: Sap::UDT,
        format: UdtFormat(first % 16),
        pad_nibbles: second % 32,
        blocks: third % 4 + 1,
        is_supplementary: false,
        protect: second >= 128,
        opcode: 27,
    };
    let mut octets = octets.to_vec();
    octets.resize(usize::from(header.blocks) * 12, third);
    seal_pdu(&mut octets, Mask::Appended);
    if let Ok(content) = within(512, || Content::parse(&header, &octets)) {
        let _ = (content.blocks(), content.to_string());
    }
});

target!(position, |input| {
    with_seeds(&seeds::LIP, input, unsealed, |bytes| {
        let sds = within(0, || Lip::parse_sds(bytes));
        let udt = within(0, || Lip::parse_udt(bytes));
        for lip in [sds, udt].into_iter().flatten() {
            let _ = (lip.to_sds(), lip.to_udt(), lip.degrees_e7());
            let _ = lip.to_string();
        }
        if let Ok(nmea) = within(0, || Nmea::parse(bytes)) {
            let _ = (nmea.to_bytes(), nmea.to_string());
        }
    });
});

target!(homebrew, |input| {
    with_seeds(&seeds::HOMEBREW, input, unsealed, |bytes| {
        if let Ok(packet) = within(0, || Packet::parse(bytes)) {
            assert_eq!(packet.to_bytes(), bytes);
            within(4 * 1024 + 4 * bytes.len(), || packet.to_string());
        }
    });
});

target!(modem, |input| {
    with_seeds(&seeds::MODEM, input, unsealed, |bytes| {
        if let Some(frame) = complete(within(0, || Mmdvm::parse(bytes))) {
            let mut again = Vec::new();
            frame.emit(&mut again);
            // The longest short ones can be said in the long way too.
            let is_long = bytes.starts_with(&[START, 0]);
            assert!(is_long || again == bytes[..again.len()]);
            assert_eq!(complete(Mmdvm::parse(&again)), Some(frame));
            let _ = (frame.burst(), frame.to_string());
        }
    });
});

target!(pei_line, |input| {
    with_seeds(&seeds::PEI, input, unsealed, |bytes| {
        within(16 * 1024 + 2 * bytes.len(), || {
            let (mut reader, mut rest) = (Reader::default(), bytes);
            while let Some(said) = reader.read(&mut rest) {
                drop(said.map(|said| said.to_bytes()));
            }
            assert!(rest.is_empty());
        });
    });
});

target!(short_data, |input| {
    with_seeds(&seeds::SDS, input, unsealed, |bytes| {
        // A line holds no more.
        let bytes = bytes.get(..MAX_SHORT_DATA).unwrap_or(bytes);
        let bound = 256 + 4 * bytes.len();
        let status = within(bound, || Sds::parse_status(bytes));
        for sds in [within(bound, || Sds::parse(bytes)), status] {
            let Ok(sds) = sds else { continue };
            // The long report is written in the one form its sources describe.
            let is_place = matches!(sds, Sds::LongLip(_));
            assert!(is_place || sds.to_bytes() == bytes, "{sds:?}");
            within(1024 + 32 * bytes.len(), || sds.to_string());
        }
        let _ = within(0, || {
            LongReport::parse(bytes).map(|report| report.degrees_e7())
        });
    });
});

/// Octets of the longest line of a terminal, two digits each.
const MAX_SHORT_DATA: usize = 300;

target!(sentence, |input| {
    with_seeds(&seeds::NMEA, input, seal_nmea, |bytes| {
        if let Ok(sentence) = within(2 * 1024, || Sentence::parse(bytes)) {
            assert_eq!(
                Sentence::parse(sentence.to_bytes().trim_ascii_end()),
                Ok(sentence)
            );
            let _ = (sentence.fix(), sentence.taken_utc_ms(0));
        }
        let _ = complete(within(2 * 1024, || Sentence::next(bytes)));
        assert!(bytes.is_empty() || nmea::resync(bytes) > 0);
    });
});

target!(described, |input| {
    with_seeds(&seeds::HDAP, input, seal_hdap, described_as_any);
    with_seeds(&seeds::HSTRP, input, seal_hstrp, described_as_any);
    with_seeds(&seeds::HRNP, input, seal_hrnp, described_as_any);
    with_seeds(&seeds::BURSTS, input, unsealed, described_as_any);
    with_seeds(
        &seeds::PDUS,
        input,
        |bytes| seal_pdu(bytes, Mask::Csbk),
        described_as_any,
    );
    with_seeds(&seeds::LIP, input, unsealed, described_as_any);
    with_seeds(&seeds::HOMEBREW, input, unsealed, described_as_any);
    with_seeds(&seeds::MODEM, input, unsealed, described_as_any);
    with_seeds(&seeds::PEI, input, unsealed, described_as_any);
    with_seeds(&seeds::NMEA, input, seal_nmea, described_as_any);
});

/// Of frames without a checksum.
fn unsealed(_: &mut [u8]) {}

/// The input itself, and what its changes make of a captured frame.
fn with_seeds(seeds: &[Vec<u8>], input: &[u8], seal: fn(&mut [u8]), read: impl Fn(&[u8])) {
    read(input);
    let mut frame = altered(seeds, input);
    read(&frame);
    seal(&mut frame);
    read(&frame);
}

fn complete<T>(parsed: Result<Parsed<T>, DecodeError>) -> Option<T> {
    match parsed {
        Ok(Parsed::Complete(frame, _)) => Some(frame),
        Ok(Parsed::Incomplete(missing)) => {
            assert!(missing > 0, "incomplete, but nothing is missing");
            None
        }
        Err(_) => None,
    }
}

/// What is read is written again the same, and said in so many words.
fn message(frame: &Hdap<'_>) {
    let Ok(message) = within(0, || Message::from_hdap(frame)) else {
        return;
    };
    let mut payload = Vec::new();
    message.emit_payload(&mut payload);
    assert_eq!(payload, frame.payload);
    within(1024 + 32 * payload.len(), || message.to_string());
    if let Message::Lp(lp) = message
        && let Some(gps) = lp.gps()
    {
        fix(gps);
    }
}

/// A payload under an opcode the service's reader knows, or any.
fn service(service: Service, opcodes: &[u16], input: &[u8]) {
    let Some((&[high, low], payload)) = input.split_first_chunk::<2>() else {
        return;
    };
    let any = u16::from_be_bytes([high, low]);
    let opcode = opcodes.get(usize::from(high) % (opcodes.len() + 1));
    let opcode = opcode.copied().unwrap_or(any);
    // Few lengths are right: the shortest of each kind are tried along.
    for length in (0..=60).chain([payload.len()]) {
        if let Some(payload) = payload.get(..length) {
            message(&Hdap {
                service,
                reliable: low > 127,
                opcode,
                payload,
            });
        }
    }
}

fn fix(field: GpsField<'_>) {
    if let Ok(gps) = within(0, || field.read()) {
        let again = gps.to_field();
        assert_eq!(GpsField(&again).read(), Ok(gps));
        let _ = (gps.place(), gps.taken_utc_ms(), gps.to_string());
    }
}

/// Ten bytes of the input, then a captured PDU it alters, with a CRC that fits.
fn pdu(input: &[u8], mask: Mask, reads: impl Fn(&[u8]) -> bool) {
    let mut frame = altered(&seeds::PDUS, input);
    for bytes in [&mut frame, &mut input.to_vec()] {
        let _ = reads(bytes);
        bytes.resize(12, 0);
        seal_pdu(bytes, mask);
        let _ = reads(bytes);
    }
}

/// A description costs so many fields, each with a few words: all of it at most 64 times the frame.
fn described_as_any(bytes: &[u8]) {
    let bound = 8 * 1024 + 64 * bytes.len();
    let readers = [
        describe::describe,
        describe::describe_hdap,
        describe::describe_hstrp,
        describe::describe_hrnp,
        describe::describe_homebrew,
        describe::describe_mmdvm,
        describe::describe_pei,
        describe::describe_nmea,
        describe::describe_burst,
        describe::describe_pdu,
        describe::describe_lip,
    ];
    for read in readers {
        if let Ok(fields) = within(bound, || read(bytes)) {
            assert!(fields.len() <= 64 + bytes.len());
            let inside = |end: usize| end <= bytes.len().max(33);
            assert!(
                fields.iter().all(|field| inside(field.bytes.end)),
                "{fields:?}"
            );
        }
    }
}
