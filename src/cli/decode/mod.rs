//! `decode`: radio frames in hex, as bytes or captured, explained byte by byte. It reads no sockets
//! and no files itself, and says nothing about whether a frame was wanted.

mod capture;
mod datagram;

use anyhow::Context;
use capture::{Capture, Damage, Packet};
use datagram::{Datagram, Skipped, datagram};
use serde::Serialize;
use std::fmt;
use std::io::Write;
use tieqi_protocols::Parsed;
use tieqi_protocols::describe::{Field, describe};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::hrnp::Hrnp;
use tieqi_protocols::mmdvm::Mmdvm;

/// Bytes shown of a field; longer ones end in an ellipsis.
const SHOWN_BYTES: usize = 8;

/// Describes every frame of `input`, whatever it is: a capture (pcap, pcapng), lines of text, or
/// bytes of frames one after another. With `json` one object a line, else a table a frame. Whether
/// all were taken.
///
/// # Errors
/// `out` cannot be written.
pub fn run(input: &[u8], json: bool, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut told = Told {
        json,
        is_all_taken: true,
        out,
    };
    let done = match (Capture::of(input), text_of(input)) {
        (Some(capture), _) => told.captured(capture),
        (None, Some(lines)) => told.lines(lines),
        (None, None) => told.bytes(input),
    };
    done.context("failed to write the description")?;
    Ok(told.is_all_taken)
}

/// Whether words on a command line are a frame rather than the name of a file.
#[must_use]
pub fn is_frame(words: &str) -> bool {
    text(words).is_some() || unhex(words).is_ok()
}

/// The input as text, if it is: no byte stands in it that nobody types.
fn text_of(input: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(input).ok()?;
    let is_typed = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t');
    text.chars().all(is_typed).then_some(text)
}

/// What was told so far.
struct Told<'a> {
    json: bool,
    is_all_taken: bool,
    out: &'a mut dyn Write,
}

impl Told<'_> {
    /// One frame a line in hex, `0x`, blanks and colons allowed, `#` begins a comment. A line of a
    /// terminal's interface and a sentence of a receiver stand as they are, data behind its header
    /// after a blank or in the next line.
    fn lines(&mut self, lines: &str) -> std::io::Result<()> {
        let said = lines
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut lines = (1..)
            .zip(said)
            .filter(|(_, line)| !line.is_empty())
            .peekable();
        while let Some((number, line)) = lines.next() {
            let mut frame = Frame::read(line);
            if frame.wants_data()
                && let Some((_, data)) = lines.next_if(|(_, next)| unhex(next).is_ok())
            {
                frame = Frame::read(&format!("{line} {data}"));
            }
            self.frame(&Place::line(number), frame)?;
        }
        Ok(())
    }

    /// Frames one after another; what is none goes to the end.
    fn bytes(&mut self, input: &[u8]) -> std::io::Result<()> {
        let mut rest = input;
        while !rest.is_empty() {
            let (frame, behind) = rest
                .split_at_checked(first_frame(rest))
                .unwrap_or((rest, &[]));
            let offset = input.len() - rest.len();
            self.frame(&Place::offset(offset), Frame::of(frame))?;
            rest = behind;
        }
        Ok(())
    }

    fn captured(&mut self, mut capture: Capture<'_>) -> std::io::Result<()> {
        let mut summary = Summary::default();
        while let Some(next) = capture.next() {
            let packet = match next {
                Ok(packet) => packet,
                Err(damage) => {
                    self.is_all_taken = false;
                    summary.damage = Some(damage);
                    break;
                }
            };
            summary.packets += 1;
            match datagram(packet.link_type, packet.bytes) {
                Ok(datagram) => {
                    summary.datagrams += 1;
                    let place = Place::packet(summary.packets, &packet, &datagram);
                    self.frame(&place, Frame::of(datagram.payload))?;
                }
                Err(Skipped::Tcp) => summary.tcp += 1,
                Err(Skipped::Part) => summary.parts += 1,
                Err(Skipped::Other) => summary.others += 1,
            }
        }
        match self.json {
            true => {
                serde_json::to_writer(&mut *self.out, &summary)?;
                writeln!(self.out)
            }
            false => writeln!(self.out, "{summary}"),
        }
    }

    fn frame(&mut self, place: &Place, frame: Frame) -> std::io::Result<()> {
        self.is_all_taken &= frame.outcome.is_ok();
        match self.json {
            true => frame.write_json(place, self.out),
            false => frame.write_table(place, self.out),
        }
    }
}

/// Bytes of the first frame of a stream: only HDAP, HRNP and a modem's frames say where they end.
fn first_frame(bytes: &[u8]) -> usize {
    match (Hrnp::parse(bytes), Hdap::parse(bytes), Mmdvm::parse(bytes)) {
        (Ok(Parsed::Complete(_, taken)), _, _)
        | (_, Ok(Parsed::Complete(_, taken)), _)
        | (_, _, Ok(Parsed::Complete(_, taken))) => taken,
        _ => bytes.len(),
    }
}

/// Where a frame stands in the input.
#[derive(Default, Serialize)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// Bytes from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<usize>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl Place {
    fn line(number: usize) -> Self {
        Self {
            line: Some(number),
            ..Self::default()
        }
    }

    fn offset(offset: usize) -> Self {
        Self {
            offset: Some(offset),
            ..Self::default()
        }
    }

    fn packet(number: u64, packet: &Packet<'_>, datagram: &Datagram<'_>) -> Self {
        let time = packet.at_ns.and_then(|at_ns| {
            let at = jiff::Timestamp::from_nanosecond(i128::from(at_ns)).ok()?;
            Some(at.to_string())
        });
        Self {
            packet: Some(number),
            time,
            from: Some(datagram.from.to_string()),
            to: Some(datagram.to.to_string()),
            ..Self::default()
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, "byte {offset}")?;
        }
        if let Some(packet) = self.packet {
            write!(f, "packet {packet}")?;
        }
        if let Some(time) = &self.time {
            write!(f, " at {time}")?;
        }
        if let Some((from, to)) = self.from.as_ref().zip(self.to.as_ref()) {
            write!(f, " from {from} to {to}")?;
        }
        Ok(())
    }
}

/// What a capture held.
#[derive(Default, Serialize)]
struct Summary {
    packets: u64,
    datagrams: u64,
    /// Passed over.
    tcp: u64,
    parts: u64,
    others: u64,
    #[serde(serialize_with = "words", skip_serializing_if = "Option::is_none")]
    damage: Option<Damage>,
}

fn words<S: serde::Serializer>(damage: &Option<Damage>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&damage.as_ref().map_or_else(String::new, Damage::to_string))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (packets, datagrams) = (self.packets, self.datagrams);
        let (tcp, parts, others) = (self.tcp, self.parts, self.others);
        write!(
            f,
            "{packets} packets, {datagrams} UDP datagrams; passed over: "
        )?;
        write!(f, "{tcp} TCP, {parts} parts of datagrams, {others} others")?;
        match &self.damage {
            Some(damage) => write!(f, "\n{damage}"),
            None => Ok(()),
        }
    }
}

/// One frame, and what became of it.
struct Frame {
    bytes: Vec<u8>,
    outcome: Result<Vec<Field>, Refusal>,
}

/// Why a line is no frame.
#[derive(Serialize)]
struct Refusal {
    /// `hex`, or the layer that refused it.
    layer: &'static str,
    /// A short word for it.
    reason: &'static str,
    /// Expected and found, in words.
    error: String,
}

impl Frame {
    fn read(line: &str) -> Self {
        match text(line).map_or_else(|| unhex(line), Ok) {
            Ok(bytes) => Self::of(&bytes),
            Err(error) => {
                let (layer, reason) = ("hex", "value");
                Self {
                    bytes: Vec::new(),
                    outcome: Err(Refusal {
                        layer,
                        reason,
                        error,
                    }),
                }
            }
        }
    }

    fn of(bytes: &[u8]) -> Self {
        let outcome = describe(bytes).map_err(|error| Refusal {
            layer: error.layer().name(),
            reason: error.reason(),
            error: error.to_string(),
        });
        let bytes = bytes.to_vec();
        Self { bytes, outcome }
    }

    /// Whether it is a header of a terminal's interface whose data is missing.
    fn wants_data(&self) -> bool {
        let is_it = |refusal: &Refusal| (refusal.layer, refusal.reason) == ("pei", "truncated");
        self.outcome.as_ref().is_err_and(is_it)
    }

    fn write_table(&self, place: &Place, out: &mut dyn Write) -> std::io::Result<()> {
        let fields = match &self.outcome {
            Ok(fields) => fields,
            Err(refusal) => return writeln!(out, "{place}: refused: {}\n", refusal.error),
        };
        writeln!(out, "{place}: {} bytes", self.bytes.len())?;
        let names = fields.iter().map(|field| indent(field) + field.name.len());
        let width = names.max().unwrap_or(0);
        let following = fields.iter().skip(1).map(Some).chain([None]);
        for (field, next) in fields.iter().zip(following) {
            // A group's bytes are shown with its fields.
            let is_group = next.is_some_and(|next| next.depth > field.depth);
            let bytes = self.bytes.get(field.bytes.clone()).unwrap_or_default();
            let bytes = if is_group {
                String::new()
            } else {
                shown(bytes)
            };
            let name = format!("{:indent$}{}", "", field.name, indent = indent(field));
            let (at, value) = (field.bytes.start, &field.value);
            writeln!(out, "{at:>5}  {bytes:<25}  {name:<width$}  {value}")?;
        }
        writeln!(out)
    }

    fn write_json(&self, place: &Place, out: &mut dyn Write) -> std::io::Result<()> {
        let line = JsonLine {
            place,
            taken: self.outcome.is_ok(),
            hex: hex(&self.bytes),
            fields: self.outcome.as_ref().ok().map(|fields| {
                let field = |field| JsonField::new(field, &self.bytes);
                fields.iter().map(field).collect()
            }),
            refused: self.outcome.as_ref().err(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)
    }
}

/// The bytes of a line that is no hex but text.
fn text(line: &str) -> Option<Vec<u8>> {
    if line.starts_with('$') {
        return Some(line.as_bytes().to_vec());
    }
    if !(line.starts_with("AT") || line.starts_with("+C")) {
        return None;
    }
    let data = line.rsplit_once(' ').filter(|(head, data)| {
        head.contains(',') && data.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    Some(match data {
        Some((head, data)) => format!("{}\r\n{data}\r\n", head.trim_end()).into_bytes(),
        None => format!("{line}\r\n").into_bytes(),
    })
}

#[derive(Serialize)]
struct JsonLine<'a> {
    #[serde(flatten)]
    place: &'a Place,
    taken: bool,
    hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<JsonField<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a Refusal>,
}

#[derive(Serialize)]
struct JsonField<'a> {
    depth: u8,
    name: &'static str,
    value: &'a str,
    offset: usize,
    hex: String,
}

impl<'a> JsonField<'a> {
    fn new(field: &'a Field, bytes: &[u8]) -> Self {
        Self {
            depth: field.depth,
            name: field.name,
            value: &field.value,
            offset: field.bytes.start,
            hex: hex(bytes.get(field.bytes.clone()).unwrap_or_default()),
        }
    }
}

fn indent(field: &Field) -> usize {
    usize::from(field.depth) * 2
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first bytes of a field, apart.
fn shown(bytes: &[u8]) -> String {
    let head = bytes.iter().take(SHOWN_BYTES);
    let head: Vec<_> = head.map(|byte| format!("{byte:02x}")).collect();
    let rest = if bytes.len() > SHOWN_BYTES {
        " …"
    } else {
        ""
    };
    head.join(" ") + rest
}

/// The bytes of hex digits.
fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let text = text
        .strip_prefix("0x")
        .or(text.strip_prefix("0X"))
        .unwrap_or(text);
    let digits: Vec<char> = text
        .chars()
        .filter(|char| !matches!(char, ' ' | '\t' | ':'))
        .collect();
    if digits.len() % 2 == 1 {
        return Err(format!("hex: {} digits, expected two a byte", digits.len()));
    }
    let value = |char: &char| {
        let digit = char.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or_else(|| format!("hex: found {char:?}, expected a hex digit"))
    };
    let pairs = digits.as_chunks::<2>().0.iter();
    pairs
        .map(|[high, low]| Ok(value(high)? << 4 | value(low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TEXT: &str = "0900a1001a000000070a0003e90a000001668bc5603a00c49e5f6c275953908f03";

    fn decoded(input: &str, json: bool) -> (bool, String) {
        let mut out = Vec::new();
        let is_all_taken = run(input.as_bytes(), json, &mut out).unwrap();
        (is_all_taken, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_table_a_frame() {
        let (is_all_taken, table) = decoded("7e 04 00 fe 20 10 00 00 00 0c 60 e1", false);
        assert!(is_all_taken);
        assert!(table.starts_with("line 1: 12 bytes\n"), "{table}");
        let row = "   10  60 e1                        checksum       0x60e1 fits\n";
        assert!(table.contains(row), "{table}");
        let (is_all_taken, table) = decoded(TEXT, false);
        assert!(is_all_taken);
        let row = "   17  66 8b c5 60 3a 00 c4 9e …    text         警情:黄江大道\n";
        assert!(table.contains(row), "{table}");
    }

    #[test]
    fn hex_as_people_write_it() {
        let spaced = "0x32 42:00 02\t00:00  # heartbeat";
        let (is_all_taken, table) = decoded(spaced, false);
        assert!(is_all_taken, "{table}");
        assert!(table.starts_with("line 1: 6 bytes\n"));
        assert_eq!(decoded("\n  \n# nothing\n", false), (true, String::new()));
    }

    #[test]
    fn lines_of_text_as_they_stand() {
        let report = "+CTSDSR: 12,1234567,0,2345678,0,104 0201746573746d657373616765 # a text";
        let (is_all_taken, table) = decoded(report, false);
        assert!(
            is_all_taken && table.contains("text: testmessage\n"),
            "{table}"
        );
        let gga = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
        let (is_all_taken, table) = decoded(gga, false);
        assert!(is_all_taken && table.contains("47 fits\n"), "{table}");
        assert!(decoded("+CME ERROR: 35\nAT+CTSDS=12,0,0,0,1", false).0);
        let (is_all_taken, refused) = decoded("$GPGGA,123519*00", false);
        assert!(
            !is_all_taken && refused.contains("nmea: checksum"),
            "{refused}"
        );
    }

    #[test]
    fn refusals_say_layer_expected_and_found() {
        let broken = TEXT.replace("8f03", "8e03");
        let expected = "line 1: refused: hdap: checksum 0x008e, but the bytes give 0x008f\n\n";
        assert_eq!(decoded(&broken, false), (false, expected.into()));
        for (input, refusal) in [
            ("0", "hex: 1 digits, expected two a byte"),
            ("zz", "hex: found 'z', expected a hex digit"),
            ("32420102", "hstrp: truncated, 2 more bytes expected"),
            (
                &format!("{TEXT}00"),
                "hdap: length 34 where one frame and nothing after it was expected",
            ),
        ] {
            let (is_all_taken, said) = decoded(input, false);
            assert_eq!(
                (is_all_taken, said),
                (false, format!("line 1: refused: {refusal}\n\n"))
            );
        }
    }

    #[test]
    fn dmr_frames_by_themselves() {
        let pdu = "bd 00 80 05 00 00 09 46 31 3b f2 0e";
        let (is_all_taken, table) = decoded(pdu, false);
        assert!(is_all_taken, "{table}");
        let row = "    7  46 31 3b                     source            4600123\n";
        assert!(table.contains(row), "{table}");
        let row = "   10  f2 0e                        checksum          0xf20e fits\n";
        assert!(table.contains(row), "{table}");
        let burst = "4032016f899802c415d9b91044cd5d7f77fd757ac97a62b0c21819c0741c3d114a";
        let (is_all_taken, table) = decoded(burst, false);
        assert!(is_all_taken, "{table}");
        assert!(table.contains("preamble from 4600123 to 9"), "{table}");
        let refusal = "line 1: refused: pdu: checksum 0xf20f, but the bytes give";
        let (is_all_taken, said) = decoded(&pdu.replace("0e", "0f"), false);
        assert!(!is_all_taken && said.starts_with(refusal), "{said}");
    }

    /// What a vector's frame is as somebody would have it: short data with the line before it, a
    /// checksummed body with its checksum, each burst of a text in a line. None of what is no frame
    /// but a word of a code, or a block only its header explains.
    fn input(vector: &Value) -> Option<String> {
        let hex = vector["hex"].as_str()?;
        let header = || vector["header"].as_str().unwrap_or("AT+CMGS=2345678,144");
        match vector["protocol"].as_str().unwrap() {
            "TETRA PEI +CTSDSR" | "TETRA PEI" => Some(format!("{}\n{hex}\n", header())),
            "CRC-CCITT" => {
                let crc = vector["expected"]["crc"].as_str().unwrap();
                Some([hex, crc.trim_matches('"')].concat())
            }
            "DMR text" => {
                let bursts: Vec<_> = (0..hex.len())
                    .step_by(66)
                    .map(|at| &hex[at..at + 66])
                    .collect();
                Some(bursts.join("\n"))
            }
            "CRC-9" | "CRC-32" | "rate-3/4 trellis" | "Golay(20,8,7)" | "DMR udt" => None,
            _ => Some(hex.to_owned()),
        }
    }

    /// All fixtures there are, no kind told: taken, unless marked as broken.
    #[test]
    fn every_recorded_frame() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/radio");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let (mut files_read, mut taken, mut refused, mut none) = (0, 0, 0, 0);
        for file in files.filter(|path| path.extension().is_some_and(|end| end == "json")) {
            files_read += 1;
            let vectors: Vec<Value> =
                serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            for vector in &vectors {
                let Some(input) = input(vector) else {
                    none += 1;
                    continue;
                };
                let expected = &vector["expected"];
                let marks = [
                    &expected["checksum_verifies"],
                    &expected["hdap"]["checksum_verifies"],
                    &expected["crc_ok"],
                ];
                let is_broken = marks.contains(&&false.into());
                let (is_taken, said) = decoded(&input, false);
                assert_eq!(is_taken, !is_broken, "{vector}: {said}");
                taken += u32::from(is_taken);
                refused += u32::from(!is_taken);
            }
        }
        assert_eq!((files_read, taken, refused, none), (17, 279, 3, 34));
    }

    #[test]
    fn a_capture_tells_when_and_from_where_to_where() {
        let (text, heartbeat) = (unhex(TEXT).unwrap(), unhex("324200020000").unwrap());
        let packets = [
            (17, &text[..]),
            (6, b"GET /"),
            (17, &heartbeat),
            (17, b"\xFF"),
        ];
        let packets = packets.map(|(protocol, payload)| datagram::tests::packet(protocol, payload));
        let at_us = 1_795_857_252_000_000;
        let timed: Vec<_> = packets.iter().map(|packet| (at_us, &packet[..])).collect();
        let good = capture::tests::pcap(101, &timed[..3]);
        let mut out = Vec::new();
        assert!(run(&good, false, &mut out).unwrap());
        let table = String::from_utf8(out).unwrap();
        let head =
            "packet 1 at 2026-11-28T09:14:12Z from 10.0.0.1:30001 to 10.0.0.2:30007: 33 bytes";
        assert!(table.starts_with(head), "{table}");
        assert!(table.contains("警情:黄江大道"), "{table}");
        assert!(
            table.contains("packet 3 at") && !table.contains("packet 2"),
            "{table}"
        );
        let tail =
            "3 packets, 2 UDP datagrams; passed over: 1 TCP, 0 parts of datagrams, 0 others\n";
        assert!(table.ends_with(tail), "{table}");

        // The last is no frame, and the file is cut behind it.
        let mut bad = capture::tests::pcap(101, &timed);
        let cut_at = bad.len();
        bad.extend([0; 7]);
        let mut out = Vec::new();
        assert!(!run(&bad, true, &mut out).unwrap());
        let out = String::from_utf8(out).unwrap();
        let objects: Vec<serde_json::Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(objects.len(), 4, "{out}");
        assert_eq!(objects[0]["to"], "10.0.0.2:30007");
        assert_eq!(
            (&objects[2]["packet"], &objects[2]["taken"]),
            (&4.into(), &false.into())
        );
        let damage = format!("damaged at byte {cut_at}: a header of 16 bytes, 7 left");
        assert_eq!(objects[3]["damage"], damage);
        assert_eq!(
            (&objects[3]["packets"], &objects[3]["tcp"]),
            (&4.into(), &1.into())
        );
    }

    #[test]
    fn bytes_are_cut_into_frames() {
        let hrnp = unhex("7e0400fe20100000000c60e1").unwrap();
        let stream = [&unhex(TEXT).unwrap()[..], &hrnp, &hrnp, b"\x00rest"].concat();
        let mut out = Vec::new();
        assert!(!run(&stream, false, &mut out).unwrap());
        let table = String::from_utf8(out).unwrap();
        for head in [
            "byte 0: 33 bytes",
            "byte 33: 12",
            "byte 45: 12",
            "byte 57: refused",
        ] {
            assert!(table.contains(head), "{head} in {table}");
        }
        assert!(is_frame("0x32 42") && is_frame("+CME ERROR: 35") && !is_frame("town.pcap"));
    }

    #[test]
    fn one_refused_frame_does_not_hide_the_others() {
        let (is_all_taken, lines) = decoded(&format!("# two\nff\n{TEXT}\n"), true);
        assert!(!is_all_taken);
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["line"], &lines[0]["taken"]),
            (&2.into(), &false.into())
        );
        assert_eq!(lines[0]["refused"]["layer"], "hdap");
        assert_eq!(lines[0]["refused"]["reason"], "value");
        assert_eq!(
            (&lines[1]["taken"], &lines[1]["hex"]),
            (&true.into(), &TEXT.into())
        );
        let fields = lines[1]["fields"].as_array().unwrap();
        let text = fields.iter().find(|field| field["name"] == "text").unwrap();
        assert_eq!(text["value"], "警情:黄江大道");
        assert_eq!((&text["offset"], &text["depth"]), (&17.into(), &1.into()));
    }

    /// Whatever a line holds, it is one object: the frame's fields, or why it is none.
    #[test]
    fn any_line_is_explained_or_refused() {
        bolero::check!()
            .with_iterations(5_000)
            .with_max_len(300)
            .for_each(|input: &[u8]| {
                let mut out = Vec::new();
                run(input, true, &mut out).unwrap();
                let lines = [String::from_utf8_lossy(input).into_owned(), hex(input)];
                let lines = lines
                    .into_iter()
                    .filter(|text| text_of(text.as_bytes()).is_some());
                for text in lines {
                    let (is_all_taken, out) = decoded(&text, true);
                    let objects: Vec<serde_json::Value> = out
                        .lines()
                        .map(|line| serde_json::from_str(line).unwrap())
                        .collect();
                    let wanted = |line: &&str| !line.split('#').next().unwrap().trim().is_empty();
                    assert_eq!(objects.len(), text.lines().filter(wanted).count());
                    let is_taken = |object: &serde_json::Value| object["taken"] == true;
                    assert_eq!(objects.iter().all(is_taken), is_all_taken);
                    for object in &objects {
                        assert_eq!(is_taken(object), object["fields"].is_array());
                        assert_ne!(is_taken(object), object["refused"].is_object());
                    }
                    assert_eq!(decoded(&text, false).0, is_all_taken);
                }
            });
    }
}
