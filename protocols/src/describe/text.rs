//! Lines of text, part by part: those of a terminal's interface and sentences of a receiver.

use super::Field;
use super::walk::Walk;
use crate::error::{DecodeError, Layer};
use crate::nmea::{Kind, Sentence};
use crate::pei::line::{Data, Service};
use crate::pei::{Reader, Said, Sds};
use crate::refuse::length;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Whether bytes begin like a line of text of one of the two kinds, and what describes it.
pub(super) fn by_first_bytes(bytes: &[u8]) -> Option<Result<Vec<Field>, DecodeError>> {
    match bytes.trim_ascii_start() {
        [b'$', b'A'..=b'Z', ..] => Some(describe_nmea(bytes)),
        [b'A', b'T', ..] | [b'+', b'C', ..] => Some(describe_pei(bytes)),
        _ => None,
    }
}

/// Describes one sentence of a receiver.
///
/// # Errors
/// What its reader refuses.
pub fn describe_nmea(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    const MINIMUM: [&str; 14] = [
        "sentence",
        "time",
        "status",
        "latitude",
        "half",
        "longitude",
        "half",
        "knots",
        "course",
        "date",
        "variation",
        "half",
        "mode",
        "navigation",
    ];
    const FIX: [&str; 15] = [
        "sentence",
        "time",
        "latitude",
        "half",
        "longitude",
        "half",
        "quality",
        "satellites",
        "dilution",
        "height",
        "unit",
        "geoid",
        "unit",
        "correction age",
        "station",
    ];
    let line = bytes.trim_ascii_end();
    let sentence = Sentence::parse(line)?;
    let names = match sentence.kind {
        Kind::Minimum { .. } => MINIMUM.as_slice(),
        Kind::Fix { .. } => FIX.as_slice(),
    };
    let mut walk = Walk::new(bytes);
    walk.within("nmea", bytes.len(), sentence, |walk| {
        let mut fields = line.split(|byte| matches!(byte, b',' | b'*'));
        let count = fields.clone().count();
        for (field, name) in fields.clone().take(count - 1).zip(names) {
            walk.next(name, field.len() + 1, field.escape_ascii());
        }
        let sum = fields.next_back().unwrap_or_default();
        let rest = bytes.len() - line.len();
        walk.next(
            "checksum",
            sum.len() + rest,
            format!("{} fits", sum.escape_ascii()),
        );
    });
    Ok(walk.into_fields())
}

/// Describes one line of a terminal's interface, with its data if it has some.
///
/// # Errors
/// What its reader refuses, nothing said or something after it. Of data whose message is refused
/// the refusal is told in its place: the line itself is one.
pub fn describe_pei(bytes: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let mut reader = Reader::default();
    let ended = [bytes, b"\r"].concat();
    let mut rest = ended.as_slice();
    let missing = DecodeError::Truncated {
        layer: Layer::Pei,
        missing: 1,
    };
    let said = reader.read(&mut rest).ok_or(missing)??;
    if reader.read(&mut rest).is_some() || reader.is_amid() {
        let expected = "one line and its data";
        return Err(length(Layer::Pei, bytes.len(), expected));
    }
    let mut walk = Walk::new(bytes);
    walk.within("pei", bytes.len(), &said, |walk| match &said {
        Said::Received {
            service,
            from,
            to,
            data,
        } => {
            let from = from.map_or(String::from("somebody"), |from| from.to_string());
            let header = format!("from {from} to {to}, {} bits", data.bits);
            let head = header_len(bytes);
            walk.next("received", head, header);
            walk.next("data", bytes.len() - head, words(*service, data));
        }
        Said::Send { to, data } => {
            let head = header_len(bytes);
            walk.next("send", head, format!("to {to}, {} bits", data.bits));
            walk.next("data", bytes.len() - head, words(Service::DATA, data));
        }
        _ => walk.next("line", bytes.len(), &said),
    });
    Ok(walk.into_fields())
}

/// Bytes before the data: all but the last line that is not blank.
fn header_len(bytes: &[u8]) -> usize {
    let is_end = |byte: &u8| byte.is_ascii_control();
    let last = bytes.iter().rposition(|byte| !is_end(byte)).unwrap_or(0);
    let before = bytes.get(..last).unwrap_or_default();
    before.iter().rposition(is_end).map_or(0, |at| at + 1)
}

fn words(service: Service, data: &Data) -> String {
    let sds = match service {
        Service::STATUS => Sds::parse_status(&data.octets),
        Service::DATA => Sds::parse(&data.octets),
        Service(_) => return format!("{} octets", data.octets.len()),
    };
    match sds {
        Ok(sds) => sds.to_string(),
        Err(error) => format!("refused: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::frames;
    use crate::describe::describe;

    fn lines(fields: &[Field]) -> Vec<String> {
        let line = |field: &Field| {
            let (name, value, bytes) = (field.name, &field.value, &field.bytes);
            format!("{}..{} {name}: {value}", bytes.start, bytes.end)
        };
        fields.iter().map(line).collect()
    }

    #[test]
    fn a_recorded_line_with_its_data() {
        let fixture = include_str!("../../../fixtures/radio/tetra_pei_sds.json");
        for vector in frames(fixture) {
            let Some(header) = vector["header"].as_str() else {
                continue;
            };
            let text = format!("{header}\r\n{}\r\n", vector["hex"].as_str().unwrap());
            let fields = describe(text.as_bytes()).unwrap();
            let [all, head, data] = fields.as_slice() else {
                panic!("{fields:?}");
            };
            assert_eq!(all.bytes, 0..text.len());
            assert_eq!(head.bytes, 0..header.len() + 2);
            assert_eq!(data.bytes, head.bytes.end..text.len());
            assert!(!data.value.starts_with("refused"), "{vector}");
        }
    }

    #[test]
    fn what_is_said_of_lines() {
        let send = b"AT+CMGS=2345678,104\r\n0201746573746D657373616765\x1A";
        let expected = [
            "0..48 pei: AT+CMGS=2345678,104",
            "0..21 send: to 2345678, 104 bits",
            "21..48 data: text: testmessage",
        ];
        assert_eq!(lines(&describe(send).unwrap()), expected);
        let fault = b"+CME ERROR: 35\r\n";
        let expected = ["0..16 pei: +CME ERROR: 35", "0..16 line: +CME ERROR: 35"];
        assert_eq!(lines(&describe(fault).unwrap()), expected);
        for (text, layer) in [
            (&b"+CTSDSR: 13,1,0,2,0,16"[..], Layer::Pei),
            (b"+CTSDSR: 13,1,0,2,0,16\r\n80\r\n", Layer::Pei),
            (b"ATZ\r\nOK\r\n", Layer::Pei),
            (b"$GPRMC,,V,,,,,,,*00", Layer::Nmea),
        ] {
            let error = describe(text).unwrap_err();
            assert_eq!(error.layer(), layer, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn every_byte_of_a_sentence() {
        let gga = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n";
        let fields = describe(gga).unwrap();
        let mut at = 0;
        for field in &fields[1..] {
            assert_eq!(field.bytes.start, at, "{field:?}");
            at = field.bytes.end;
        }
        assert_eq!(at, gga.len());
        let lines = lines(&fields);
        assert_eq!(
            lines[0],
            "0..67 nmea: fix 48.1173000,11.5166667 12:35:19Z by 8 satellites"
        );
        assert_eq!(lines[3], "14..23 latitude: 4807.038");
        assert_eq!(lines[15], "62..63 station: ");
        assert_eq!(lines[16], "63..67 checksum: 47 fits");
    }
}
