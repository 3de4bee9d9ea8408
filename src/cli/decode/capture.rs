//! Captures: packets with their times out of a pcap or pcapng file, as their drafts
//! (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng) lay them out. What the packets hold is
//! `datagram`'s.
//!
//! Nothing is believed that the file does not hold: a length that reaches past its end, or a block
//! whose two lengths differ, ends the reading with its offset, and what came before stands.

use std::fmt;

/// A section begins; the same in both byte orders.
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// First words of a pcap file with microseconds, and with nanoseconds.
const MICROSECONDS: u32 = 0xA1B2_C3D4;
const NANOSECONDS: u32 = 0xA1B2_3C4D;
/// Bytes of a pcap file's and a packet's header.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;
/// The upper bits of a pcap file's link type say other things.
const LINK_TYPE: u32 = 0x0FFF_FFFF;

/// One packet as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Nanoseconds since 1970 UTC, if the file says.
    pub(super) at_ns: Option<u64>,
    /// What the bytes begin with (LINKTYPE_ numbers).
    pub(super) link_type: u32,
    pub(super) bytes: &'a [u8],
}

/// Where a capture stops making sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// Bytes from the start of the file.
    pub(super) offset: usize,
    pub(super) what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged at byte {}: {}", self.offset, self.what)
    }
}

/// Reads packets one by one.
pub(super) struct Capture<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
    kind: Kind,
}

enum Kind {
    Pcap { link_type: u32, nanoseconds: bool },
    Pcapng { interfaces: Vec<Interface> },
}

/// An interface of a pcapng section.
#[derive(Clone, Copy)]
struct Interface {
    link_type: u32,
    resolution: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        })
    }

    /// A length or an offset.
    fn size(self, bytes: &[u8], at: usize) -> Option<usize> {
        usize::try_from(self.u32(bytes, at)?).ok()
    }
}

impl<'a> Capture<'a> {
    /// A capture, if the bytes begin like one.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        if Order::Big.u32(bytes, 0)? == SECTION {
            let interfaces = Vec::new();
            return Some(Self {
                bytes,
                at: 0,
                order: Order::Little,
                kind: Kind::Pcapng { interfaces },
            });
        }
        [Order::Little, Order::Big].into_iter().find_map(|order| {
            let nanoseconds = match order.u32(bytes, 0)? {
                MICROSECONDS => false,
                NANOSECONDS => true,
                _ => return None,
            };
            // A file cut within its header has no packets; that is told at the first.
            let link_type = order.u32(bytes, 20).unwrap_or_default() & LINK_TYPE;
            let kind = Kind::Pcap {
                link_type,
                nanoseconds,
            };
            let at = FILE_HEADER;
            Some(Self {
                bytes,
                at,
                order,
                kind,
            })
        })
    }

    /// The next packet; none at the end.
    pub(super) fn next(&mut self) -> Option<Result<Packet<'a>, Damage>> {
        loop {
            let left = self.bytes.len().checked_sub(self.at);
            if left == Some(0) {
                return None;
            }
            let found = match &self.kind {
                Kind::Pcap { .. } => self.record().map(Some),
                Kind::Pcapng { .. } => self.block(),
            };
            match found {
                Ok(None) => {}
                Ok(Some(packet)) => return Some(Ok(packet)),
                Err(what) => {
                    let offset = self.at.min(self.bytes.len());
                    // Nothing behind it can be found again.
                    self.at = self.bytes.len();
                    return Some(Err(Damage { offset, what }));
                }
            }
        }
    }

    fn record(&mut self) -> Result<Packet<'a>, String> {
        let Kind::Pcap {
            link_type,
            nanoseconds,
        } = self.kind
        else {
            return Err("no pcap".to_owned());
        };
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let read = |at| self.order.u32(rest, at);
        let header = read(0).zip(read(4)).zip(self.order.size(rest, 8));
        let Some(((seconds, fraction), size)) = header.filter(|_| rest.len() >= PACKET_HEADER)
        else {
            return Err(format!(
                "a header of {PACKET_HEADER} bytes, {} left",
                rest.len()
            ));
        };
        let body = rest.get(PACKET_HEADER..).unwrap_or_default();
        let bytes = body
            .get(..size)
            .ok_or_else(|| format!("a packet of {size} bytes, {} left", body.len()))?;
        self.at += PACKET_HEADER + size;
        let fraction_ns = u64::from(fraction) * if nanoseconds { 1 } else { 1000 };
        let at_ns = u64::from(seconds) * 1_000_000_000 + fraction_ns;
        Ok(Packet {
            at_ns: Some(at_ns),
            link_type,
            bytes,
        })
    }

    /// The next block; none when it is no packet.
    fn block(&mut self) -> Result<Option<Packet<'a>>, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let short = || format!("a block of 12 bytes or more, {} left", rest.len());
        if Order::Big.u32(rest, 0) == Some(SECTION) {
            self.order = [Order::Little, Order::Big]
                .into_iter()
                .find(|order| order.u32(rest, 8) == Some(0x1A2B_3C4D))
                .ok_or("a section without a byte order")?;
            self.kind = Kind::Pcapng {
                interfaces: Vec::new(),
            };
        }
        let kind = self.order.u32(rest, 0).ok_or_else(short)?;
        let size = self.order.size(rest, 4).ok_or_else(short)?;
        let block = rest
            .get(..size)
            .ok_or_else(|| format!("a block of {size} bytes, {} left", rest.len()))?;
        let end = size.checked_sub(4).filter(|_| size >= 12);
        let again = end.and_then(|end| self.order.size(block, end));
        if again != Some(size) {
            return Err(format!("a block of {size} bytes, whose end says otherwise"));
        }
        let body = block.get(8..size - 4).unwrap_or_default();
        let packet = self.packet(kind, body)?;
        self.at += size;
        Ok(packet)
    }

    fn packet(&mut self, kind: u32, body: &'a [u8]) -> Result<Option<Packet<'a>>, String> {
        let order = self.order;
        let Kind::Pcapng { interfaces } = &mut self.kind else {
            return Ok(None);
        };
        match kind {
            INTERFACE => {
                let link_type = order.u16(body, 0).ok_or("an interface without a type")?;
                interfaces.push(Interface {
                    link_type: u32::from(link_type),
                    resolution: resolution(order, body).unwrap_or(6),
                });
                Ok(None)
            }
            ENHANCED_PACKET => {
                let place = order.size(body, 0).unwrap_or_default();
                let interface = interfaces
                    .get(place)
                    .ok_or_else(|| format!("a packet of interface {place}, which is unknown"))?;
                let size = order.size(body, 12).unwrap_or_default();
                let bytes = body.get(20..).and_then(|data| data.get(..size));
                let bytes = bytes.ok_or_else(|| format!("a packet of {size} bytes in less"))?;
                let time = order.u32(body, 4).zip(order.u32(body, 8));
                Ok(Some(Packet {
                    at_ns: time.and_then(|time| nanoseconds(time, interface.resolution)),
                    link_type: interface.link_type,
                    bytes,
                }))
            }
            SIMPLE_PACKET => {
                let interface = interfaces.first().ok_or("a packet before any interface")?;
                let size = order.size(body, 0).unwrap_or_default();
                let data = body.get(4..).unwrap_or_default();
                Ok(Some(Packet {
                    at_ns: None,
                    link_type: interface.link_type,
                    bytes: data.get(..size).unwrap_or(data),
                }))
            }
            _ => Ok(None),
        }
    }
}

/// The option if_tsresol of an interface.
fn resolution(order: Order, body: &[u8]) -> Option<u8> {
    const RESOLUTION: u16 = 9;
    let mut options = body.get(8..)?;
    loop {
        let (code, size) = (order.u16(options, 0)?, usize::from(order.u16(options, 2)?));
        match code {
            0 => return None,
            RESOLUTION => return options.get(4).copied(),
            _ => options = options.get(4 + size.next_multiple_of(4)..)?,
        }
    }
}

/// Time in units of 10^-n seconds, or of 2^-n with the highest bit set.
fn nanoseconds((high, low): (u32, u32), resolution: u8) -> Option<u64> {
    let units = u128::from(high) << 32 | u128::from(low);
    let exponent = u32::from(resolution & 0x7F);
    let a_second = match resolution & 0x80 {
        0 => 10u128.checked_pow(exponent)?,
        _ => 1u128.checked_shl(exponent)?,
    };
    u64::try_from(units.checked_mul(1_000_000_000)? / a_second).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A pcap file of packets with their times in microseconds.
    pub(crate) fn pcap(link_type: u32, packets: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = MICROSECONDS.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
        file.extend(link_type.to_le_bytes());
        for (at_us, bytes) in packets {
            let size = u32::try_from(bytes.len()).unwrap();
            let (seconds, rest) = (at_us / 1_000_000, at_us % 1_000_000);
            let words = [seconds, rest].map(|word| u32::try_from(word).unwrap());
            for word in [words[0], words[1], size, size] {
                file.extend(word.to_le_bytes());
            }
            file.extend(*bytes);
        }
        file
    }

    fn big_block(kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = body.len().next_multiple_of(4) - body.len();
        let size = u32::try_from(12 + body.len() + padding)
            .unwrap()
            .to_be_bytes();
        let padding = vec![0; padding];
        [&kind.to_be_bytes()[..], &size, body, &padding, &size].concat()
    }

    /// A big-endian pcapng file: an interface of milliseconds, one packet, one without a time.
    fn pcapng(packet: &[u8]) -> Vec<u8> {
        let size = u32::try_from(packet.len()).unwrap().to_be_bytes();
        let section = [0x1A, 0x2B, 0x3C, 0x4D, 0, 1, 0, 0];
        let unknown_size = [0xFF; 8];
        // A name of 3 bytes, padded, then the resolution, then the end.
        let options = [
            0, 2, 0, 3, b'e', b'n', b'0', 0, 0, 9, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0,
        ];
        let interface = [&[0, 1, 0, 0, 0, 0, 0, 0][..], &options].concat();
        let head = [[0; 4], [0; 4], 1500u32.to_be_bytes(), size, size].concat();
        [
            big_block(SECTION, &[section, unknown_size].concat()),
            big_block(INTERFACE, &interface),
            big_block(0xBAD, b"not known"),
            big_block(ENHANCED_PACKET, &[&head, packet].concat()),
            big_block(SIMPLE_PACKET, &[&size, packet].concat()),
        ]
        .concat()
    }

    fn all(bytes: &[u8]) -> Vec<Result<Packet<'_>, Damage>> {
        let mut capture = Capture::of(bytes).unwrap();
        std::iter::from_fn(|| capture.next()).collect()
    }

    #[test]
    fn packets_of_both_kinds() {
        let packet = |at_ns, link_type| {
            let bytes = &b"hello"[..];
            Ok(Packet {
                at_ns,
                link_type,
                bytes,
            })
        };
        let classic = pcap(101, &[(1_500_000, b"hello"), (2_000_001, b"hello")]);
        let times = [1_500_000_000, 2_000_001_000].map(Some);
        assert_eq!(all(&classic), times.map(|at| packet(at, 101)));
        let newer = pcapng(b"hello");
        let times = [Some(1_500_000_000), None];
        assert_eq!(all(&newer), times.map(|at| packet(at, 1)));
        assert!(Capture::of(b"2B\0\x02").is_none() && Capture::of(b"").is_none());
    }

    #[test]
    fn units_of_time() {
        assert_eq!(nanoseconds((0, 3), 9), Some(3));
        assert_eq!(nanoseconds((1, 0), 0x80 | 32), Some(1_000_000_000));
        assert_eq!(nanoseconds((u32::MAX, u32::MAX), 0), None);
        assert_eq!(nanoseconds((0, 1), 0xFF), Some(0));
        assert_eq!(nanoseconds((0, 1), 0x7F), None);
    }

    /// Cut anywhere, the packets before the cut are read and the rest is told.
    #[test]
    fn a_cut_file_is_damaged_where_it_is_cut() {
        for whole in [pcap(1, &[(0, b"one"), (0, b"three")]), pcapng(b"hello")] {
            let packets = all(&whole);
            for cut in 4..whole.len() {
                let found = all(&whole[..cut]);
                let good = found.iter().take_while(|found| found.is_ok()).count();
                assert_eq!(found[..good], packets[..good], "{cut}");
                assert!(found.len() <= good + 1, "{cut}");
                for damage in found.iter().filter_map(|found| found.as_ref().err()) {
                    assert!(damage.offset <= cut, "{cut}: {damage}");
                }
                // Between two packets or blocks a cut cannot be seen.
                let unseen = whole.len() > cut && found.len() == good;
                assert!(!unseen || Capture::of(&whole[..cut]).is_some());
            }
        }
        let file = pcap(1, &[(0, b"one")]);
        let cut = all(&file[..30]).pop().unwrap();
        let expected = "damaged at byte 24: a header of 16 bytes, 6 left";
        assert_eq!(cut.unwrap_err().to_string(), expected);
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut file = pcap(1, &[(0, b"one")]);
        file[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        let damage = all(&file).pop().unwrap().unwrap_err();
        assert_eq!(damage.offset, 24);
        assert!(damage.what.contains("4294967295 bytes, 3 left"), "{damage}");
        let mut file = pcapng(b"hello");
        let last = file.len() - 1;
        file[last] = 0;
        let damage = all(&file).pop().unwrap().unwrap_err();
        assert!(damage.what.contains("says otherwise"), "{damage}");
    }

    #[test]
    fn anything_ends() {
        bolero::check!()
            .with_iterations(5_000)
            .for_each(|bytes: &[u8]| {
                for head in [
                    &b"\x0A\x0D\x0D\x0A"[..],
                    b"\xD4\xC3\xB2\xA1",
                    b"\xA1\xB2\x3C\x4D",
                ] {
                    let file = [head, bytes].concat();
                    let found = all(&file);
                    assert!(found.len() <= file.len() / 12 + 1);
                }
            });
    }
}
