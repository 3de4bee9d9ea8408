//! The lines of the interface, both ways: a reader that finds them in whatever comes, and what each
//! says. It does not look into the bits they carry.
//!
//! A line ends with CR, LF or ^Z; blank ones are nothing. Data stands in hex on the line behind its
//! header, whose length counts bits: 84 and 88 are both said of 11 octets, and a half octet may be
//! left out. There is no checksum: what stands is told by its form alone. Noise spoils the line it
//! falls into, and of data its header or its hex: the line after those is read again.

use crate::error::{DecodeError, Layer};
use crate::refuse::{length, value};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::BufMut;
use core::fmt;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n};
use nom::character::complete::{char as letter, digit1, space0};
use nom::combinator::{
    all_consuming, map, map_opt, map_res, opt, recognize, rest, value as always,
};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// Characters of a line, at most: data of [`MAX_OCTETS`](super::sds::MAX_OCTETS) in hex, and room.
pub const MAX_LINE: usize = 600;
/// Ends what is sent.
const END_OF_DATA: u8 = 0x1A;

/// Something that was said, by either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A command without data, its `AT` taken off; a radio that echoes says it too.
    Command(String),
    /// `AT+CMGS`: send this.
    Send {
        /// To whom.
        to: Party,
        /// What.
        data: Data,
    },
    /// The command is done.
    Ok,
    /// It is not.
    Fault(Fault),
    /// `+CMGS`: what became of what was to be sent.
    Sent(Receipt),
    /// `+CTSDSR`: this came in.
    Received {
        /// What it is.
        service: Service,
        /// From whom, if that is shown.
        from: Option<Party>,
        /// To whom.
        to: Party,
        /// What.
        data: Data,
    },
    /// Any other line.
    Other(String),
}

/// Bits, and how many: at most eight times the octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// As the header says.
    pub bits: u16,
    /// As many as hold them.
    pub octets: Vec<u8>,
}

/// A subscriber, and the country and network if they are said: 4, 5 and 8 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party {
    /// Country and network.
    pub network: Option<(u16, u32)>,
    /// At most 8 digits.
    pub number: u32,
}

/// What came in (`AI service`, 6.17.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(pub u8);

impl Service {
    /// Short data of any length, with its protocol.
    pub const DATA: Self = Self(12);
    /// A status.
    pub const STATUS: Self = Self(13);
}

/// Why a command is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Whose number it is; none of a bare `ERROR`.
    pub number: Option<(FaultKind, u16)>,
}

/// Which list an error's number is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// `+CME ERROR`: of the terminal.
    Equipment,
    /// `+CMS ERROR`: of the message.
    Message,
}

impl Fault {
    /// Whether the same command must fail again: it is not allowed (3), not supported (4), or its
    /// form is wrong (25 and 33 to 44). All else may pass: the terminal is busy, out of range, or
    /// says no reason.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self.number,
            Some((FaultKind::Equipment, 3 | 4 | 25 | 33..=44))
        )
    }
}

/// What became of a message: numbers whose list nobody shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Where it is kept.
    pub instance: u16,
    /// How far it got.
    pub status: Option<u16>,
    /// Its reference, if the terminal chose one.
    pub reference: Option<u16>,
}

impl Party {
    /// A subscriber of the terminal's own network.
    #[must_use]
    pub fn own(number: u32) -> Self {
        let network = None;
        Self { network, number }
    }
}

impl Data {
    /// Whole octets.
    #[must_use]
    pub fn of(octets: Vec<u8>) -> Self {
        let bits = u16::try_from(octets.len() * 8).unwrap_or(u16::MAX);
        Self { bits, octets }
    }
}

/// One line, data not yet put to its header.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line<'a> {
    Said(Said),
    Head(Head),
    Hex(&'a str),
}

/// A line that data follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    Send(Party, u16),
    Received(Service, Option<Party>, Party, u16),
}

impl Head {
    fn with(self, data: &str) -> Result<Said, DecodeError> {
        let (Self::Send(_, bits) | Self::Received(.., bits)) = self;
        let octets = unhex(data);
        if octets.len() != usize::from(bits).div_ceil(8) {
            let expected = "as many octets as its header says";
            return Err(length(Layer::Pei, octets.len(), expected));
        }
        let data = Data { bits, octets };
        Ok(match self {
            Self::Send(to, _) => Said::Send { to, data },
            Self::Received(service, from, to, _) => Said::Received {
                service,
                from,
                to,
                data,
            },
        })
    }
}

/// Finds lines in what comes. It holds at most one line and one header.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    /// The line is too long already, or noise is in it.
    spoilt: Option<DecodeError>,
    head: Option<Head>,
}

impl Reader {
    /// Takes bytes off `input` until something was said or nothing is left.
    ///
    /// # Errors
    /// A line that is too long or holds noise, data that does not fit its header, a header without
    /// data, or one of a form nobody describes. All of it is passed over.
    pub fn read(&mut self, input: &mut &[u8]) -> Option<Result<Said, DecodeError>> {
        while let Some((byte, rest)) = input.split_first() {
            let before = *input;
            *input = rest;
            match byte {
                b'\r' | b'\n' | &END_OF_DATA => match self.end_of_line(*byte) {
                    Ended::Nothing => {}
                    Ended::Said(said) => return Some(said),
                    Ended::Again(error) => {
                        *input = before;
                        return Some(Err(error));
                    }
                },
                _ if self.spoilt.is_some() => {}
                b' '..=b'~' if self.line.len() < MAX_LINE => self.line.push(*byte),
                b' '..=b'~' => {
                    let expected = "600 characters at most";
                    self.spoilt = Some(length(Layer::Pei, MAX_LINE + 1, expected));
                }
                noise => self.spoilt = Some(value(Layer::Pei, "character", *noise)),
            }
        }
        None
    }

    /// Whether a line has begun, or data is awaited.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        !self.line.is_empty() || self.spoilt.is_some() || self.head.is_some()
    }

    /// Forgets what has begun.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn end_of_line(&mut self, end: u8) -> Ended {
        if let Some(error) = self.spoilt.take() {
            self.line.clear();
            return Ended::Said(Err(error));
        }
        let text = core::str::from_utf8(&self.line).unwrap_or_default().trim();
        if text.is_empty() {
            if end == END_OF_DATA {
                // Data that was cut off: nothing follows its header.
                self.head = None;
            }
            self.line.clear();
            return Ended::Nothing;
        }
        let ended = match (parse(text), self.head.take()) {
            (Ok(Line::Hex(data)), Some(head)) => Ended::Said(head.with(data)),
            // The line stays and is read again on its own.
            (_, Some(_)) => {
                return Ended::Again(value(Layer::Pei, "line in place of data", self.first()));
            }
            (Ok(Line::Said(said)), None) => Ended::Said(Ok(said)),
            (Ok(Line::Head(head)), None) => {
                self.head = Some(head);
                Ended::Nothing
            }
            (Ok(Line::Hex(data)), None) => Ended::Said(Ok(Said::Other(data.into()))),
            (Err(error), None) => Ended::Said(Err(error)),
        };
        self.line.clear();
        ended
    }

    fn first(&self) -> u8 {
        self.line.first().copied().unwrap_or(0)
    }
}

/// What the end of a line gave.
enum Ended {
    Nothing,
    Said(Result<Said, DecodeError>),
    /// The same end is to be read again.
    Again(DecodeError),
}

fn parse(text: &str) -> Result<Line<'_>, DecodeError> {
    let wrong = |_| value(Layer::Pei, "line", text.bytes().next().unwrap_or(0));
    let (_, line) = all_consuming(line).parse(text).map_err(wrong)?;
    Ok(line)
}

type Read<'a, T> = IResult<&'a str, T>;

fn line(input: &str) -> Read<'_, Line<'_>> {
    let said = alt((
        always(Said::Ok, tag("OK")),
        map(fault, Said::Fault),
        map(preceded((tag("+CMGS:"), space0), receipt), Said::Sent),
    ));
    let known = alt((
        map(terminated(said, nom::combinator::eof), Line::Said),
        map(terminated(head, nom::combinator::eof), Line::Head),
        map(terminated(hex, nom::combinator::eof), Line::Hex),
    ));
    alt((known, map(other, Line::Said))).parse(input)
}

/// Headers that do not read are not other lines: data would be taken for one.
fn other(input: &str) -> Read<'_, Said> {
    let is_head = |text: &&str| text.starts_with("+CTSDSR:") || text.starts_with("AT+CMGS=");
    let command = map(preceded(tag("AT"), rest), |text: &str| {
        Said::Command(text.into())
    });
    let any = map(rest, |text: &str| Said::Other(text.into()));
    let whole = nom::combinator::verify(nom::combinator::peek(rest), move |text: &str| {
        !is_head(&text)
    });
    preceded(whole, alt((command, any))).parse(input)
}

fn fault(input: &str) -> Read<'_, Fault> {
    let kind = alt((
        always(FaultKind::Equipment, tag("+CME ERROR:")),
        always(FaultKind::Message, tag("+CMS ERROR:")),
    ));
    let numbered = map((terminated(kind, space0), number), Some);
    let bare = always(None, tag("ERROR"));
    map(alt((numbered, bare)), |number| Fault { number }).parse(input)
}

fn receipt(input: &str) -> Read<'_, Receipt> {
    let more = || opt(preceded(comma, number));
    let read = |(instance, status, reference)| Receipt {
        instance,
        status,
        reference,
    };
    map((number, more(), more()), read).parse(input)
}

/// Of `+CTSDSR` three numbers are said at least: what, to whom, how many bits.
fn head(input: &str) -> Read<'_, Head> {
    let send = preceded(tag("AT+CMGS="), (terminated(party, comma), number));
    let field = || take_while(|char: char| char != ',');
    let received = preceded(
        (tag("+CTSDSR:"), space0),
        map_opt(
            separated_list1(letter(','), field()),
            |fields: Vec<&str>| {
                let (service, from, to, bits) = match *fields.as_slice() {
                    [service, to, bits] | [service, to, _, bits] => (service, "", to, bits),
                    [service, from, _, to, _, bits] | [service, from, _, to, _, bits, _] => {
                        (service, from, to, bits)
                    }
                    _ => return None,
                };
                let from = match from.trim() {
                    "" => None,
                    from => Some(only(party, from)?),
                };
                let service = Service(u8::try_from(only(number, service)?).ok()?);
                let (to, bits) = (only(party, to)?, only(number, bits)?);
                Some(Head::Received(service, from, to, bits))
            },
        ),
    );
    alt((map(send, |(to, bits)| Head::Send(to, bits)), received)).parse(input)
}

fn only<'a, T>(parser: impl Fn(&'a str) -> Read<'a, T>, field: &'a str) -> Option<T> {
    let parsed = all_consuming(parser).parse(field.trim());
    parsed.ok().map(|(_, read)| read)
}

fn comma(input: &str) -> Read<'_, char> {
    delimited(space0, letter(','), space0).parse(input)
}

fn number(input: &str) -> Read<'_, u16> {
    map_res(digit1, str::parse).parse(input)
}

/// 17 digits with country and network, else at most 8.
fn party(input: &str) -> Read<'_, Party> {
    let digits = |count| {
        recognize(take_while_m_n(count, count, |char: char| {
            char.is_ascii_digit()
        }))
    };
    let full = map(
        (
            map_res(digits(4), str::parse),
            map_res(digits(5), str::parse),
            map_res(digits(8), str::parse),
        ),
        |(country, network, number)| Party {
            network: Some((country, network)),
            number,
        },
    );
    let short = take_while_m_n(1, 8, |char: char| char.is_ascii_digit());
    alt((full, map(map_res(short, str::parse), Party::own))).parse(input)
}

fn hex(input: &str) -> Read<'_, &str> {
    take_while_m_n(1, MAX_LINE, |char: char| char.is_ascii_hexdigit()).parse(input)
}

/// A half octet at the end is filled up with 0.
fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0) as u8;
    let octet = |pair: &[u8]| match pair {
        [high, low] => digit(high) << 4 | digit(low),
        [high, ..] => digit(high) << 4,
        [] => 0,
    };
    digits.as_bytes().chunks(2).map(octet).collect()
}

impl Said {
    /// Writes it, with its line ends.
    pub fn emit(&self, out: &mut impl BufMut) {
        let text = match self {
            Self::Command(_) => alloc::format!("{self}\r\n"),
            Self::Send { to, data } => {
                let hex = Hex(&data.octets);
                alloc::format!("AT+CMGS={to},{}\r\n{hex}\x1A", data.bits)
            }
            Self::Received { data, .. } => {
                alloc::format!("\r\n{self}\r\n{}\r\n", Hex(&data.octets))
            }
            Self::Ok | Self::Fault(_) | Self::Sent(_) | Self::Other(_) => {
                alloc::format!("\r\n{self}\r\n")
            }
        };
        out.put_slice(text.as_bytes());
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.emit(&mut out);
        out
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            Some((country, network)) => {
                write!(f, "{country:04}{network:05}{:08}", self.number)
            }
            None => write!(f, "{}", self.number),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some((FaultKind::Equipment, number)) => write!(f, "+CME ERROR: {number}"),
            Some((FaultKind::Message, number)) => write!(f, "+CMS ERROR: {number}"),
            None => f.write_str("ERROR"),
        }
    }
}

impl fmt::Display for Said {
    /// Its first line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "AT{command}"),
            Self::Send { to, data } => write!(f, "AT+CMGS={to},{}", data.bits),
            Self::Ok => f.write_str("OK"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Sent(receipt) => {
                write!(f, "+CMGS: {}", receipt.instance)?;
                let more = [receipt.status, receipt.reference];
                more.iter()
                    .flatten()
                    .try_for_each(|number| write!(f, ",{number}"))
            }
            Self::Received {
                service,
                from,
                to,
                data,
            } => {
                write!(f, "+CTSDSR: {},", service.0)?;
                let kind = |party: &Party| u8::from(party.network.is_some());
                match from {
                    Some(from) => write!(f, "{from},{}", kind(from))?,
                    None => f.write_str(",")?,
                }
                write!(f, ",{to},{},{}", kind(to), data.bits)
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}
