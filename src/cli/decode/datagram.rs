//! Datagrams: the UDP payload of a captured packet, over Ethernet (with or without VLAN tags),
//! Linux's cooked captures, loopback or bare IP. Only what a capture shows whole is taken: no
//! fragment is put together, no stream of TCP followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const VLAN: [u16; 2] = [0x8100, 0x88A8];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A datagram and its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) payload: &'a [u8],
}

/// Why a packet is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    /// A piece of a TCP stream.
    Tcp,
    /// A part of a datagram, or one the capture cut.
    Part,
    /// Neither UDP nor TCP over IP, or of a link that is not read.
    Other,
}

/// The datagram of a packet whose link has this LINKTYPE_ number.
pub(super) fn datagram(link_type: u32, bytes: &[u8]) -> Result<Datagram<'_>, Skipped> {
    let packet = ip(link_type, bytes).ok_or(Skipped::Other)?;
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => over_ipv4(packet),
        Some(6) => over_ipv6(packet),
        _ => Err(Skipped::Other),
    }
}

/// The IP packet behind the link's header.
fn ip(link_type: u32, bytes: &[u8]) -> Option<&[u8]> {
    match link_type {
        // NULL and LOOP: four bytes of family, whose order and numbers differ by system.
        0 | 108 => bytes.get(4..),
        1 => behind_tags(bytes, 12),
        // RAW, by its several numbers, IPV4 and IPV6.
        12 | 14 | 101 | 228 | 229 => Some(bytes),
        // LINUX_SLL and LINUX_SLL2.
        113 => behind_tags(bytes, 14),
        276 => is_ip(u16_at(bytes, 0)?).then(|| bytes.get(20..)).flatten(),
        _ => None,
    }
}

/// What stands behind an EtherType at `at`, and behind VLAN tags.
fn behind_tags(bytes: &[u8], mut at: usize) -> Option<&[u8]> {
    while VLAN.contains(&u16_at(bytes, at)?) {
        at += 4;
    }
    is_ip(u16_at(bytes, at)?)
        .then(|| bytes.get(at + 2..))
        .flatten()
}

fn is_ip(kind: u16) -> bool {
    [IPV4, IPV6].contains(&kind)
}

fn over_ipv4(packet: &[u8]) -> Result<Datagram<'_>, Skipped> {
    let header = packet.first_chunk::<20>().ok_or(Skipped::Part)?;
    let [first, _, _, _, _, _, flags, fragment, _, protocol, ..] = *header;
    let [.., a, b, c, d, e, f, g, h] = *header;
    // More fragments, or not the first.
    if flags & 0x3F != 0 || fragment != 0 {
        return Err(Skipped::Part);
    }
    let size = usize::from(first & 0x0F) * 4;
    let body = packet.get(size..).filter(|_| size >= 20);
    let ends = (
        Ipv4Addr::new(a, b, c, d).into(),
        Ipv4Addr::new(e, f, g, h).into(),
    );
    over_ip(protocol, ends, body.ok_or(Skipped::Part)?)
}

fn over_ipv6(packet: &[u8]) -> Result<Datagram<'_>, Skipped> {
    let (header, body) = packet.split_first_chunk::<40>().ok_or(Skipped::Part)?;
    let protocol = header.get(6).copied().unwrap_or_default();
    let address = |at: usize| {
        let raw = header.get(at..).and_then(|rest| rest.first_chunk::<16>());
        raw.map(|raw| IpAddr::from(Ipv6Addr::from(*raw)))
    };
    let ends = address(8).zip(address(24)).ok_or(Skipped::Part)?;
    over_ip(protocol, ends, body)
}

fn over_ip(protocol: u8, ends: (IpAddr, IpAddr), body: &[u8]) -> Result<Datagram<'_>, Skipped> {
    match protocol {
        UDP => udp(ends, body).ok_or(Skipped::Part),
        TCP => Err(Skipped::Tcp),
        _ => Err(Skipped::Other),
    }
}

fn udp((from, to): (IpAddr, IpAddr), body: &[u8]) -> Option<Datagram<'_>> {
    // Ethernet pads short packets, so the length counts.
    let size = usize::from(u16_at(body, 4)?);
    Some(Datagram {
        from: SocketAddr::new(from, u16_at(body, 0)?),
        to: SocketAddr::new(to, u16_at(body, 2)?),
        payload: body.get(8..size)?,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An IPv4 packet of one protocol with ports, from 10.0.0.1 to 10.0.0.2.
    pub(crate) fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let size = u16::try_from(payload.len() + 8).unwrap();
        let mut out = vec![0x45, 0];
        out.extend((size + 20).to_be_bytes());
        out.extend([0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        for word in [30_001, 30_007, size, 0] {
            out.extend(word.to_be_bytes());
        }
        out.extend(payload);
        out
    }

    fn ethernet(tags: &[u8], packet: &[u8]) -> Vec<u8> {
        let padding = [0; 9];
        [&[0; 12], tags, &IPV4.to_be_bytes(), packet, &padding].concat()
    }

    #[test]
    fn over_every_link() {
        let bare = packet(UDP, b"hi");
        let sll2 = [&IPV4.to_be_bytes()[..], &[0; 18], &bare].concat();
        let sll = [&[0; 14], &IPV4.to_be_bytes()[..], &bare].concat();
        for (link_type, bytes) in [
            (0, [&[2, 0, 0, 0][..], &bare].concat()),
            (1, ethernet(&[], &bare)),
            (1, ethernet(&[0x81, 0, 0, 7], &bare)),
            (1, ethernet(&[0x88, 0xA8, 0, 7, 0x81, 0, 0, 7], &bare)),
            (101, bare.clone()),
            (113, sll),
            (276, sll2),
        ] {
            let found = datagram(link_type, &bytes).unwrap();
            assert_eq!(found.payload, b"hi", "{link_type}");
            assert_eq!(found.from.to_string(), "10.0.0.1:30001");
            assert_eq!(found.to.to_string(), "10.0.0.2:30007");
        }
    }

    #[test]
    fn over_ipv6_too() {
        let mut six = vec![0x60, 0, 0, 0, 0, 10, UDP, 64];
        for last in [1, 2] {
            six.extend([0; 15]);
            six.push(last);
        }
        six.extend(&packet(UDP, b"hi")[20..]);
        let found = datagram(101, &six).unwrap();
        let ends = (found.from.to_string(), found.to.to_string());
        assert_eq!(ends, ("[::1]:30001".into(), "[::2]:30007".into()));
        assert_eq!(found.payload, b"hi");
    }

    #[test]
    fn what_is_passed_over() {
        let whole = packet(UDP, b"hello");
        let mut fragment = whole.clone();
        fragment[6] = 0x20;
        let mut later = whole.clone();
        later[7] = 1;
        let mut is_whole = whole.clone();
        is_whole[6] = 0x40; // "do not fragment"
        assert!(datagram(101, &is_whole).is_ok());
        for (link_type, bytes, expected) in [
            (101, packet(TCP, b""), Skipped::Tcp),
            (101, packet(1, b""), Skipped::Other),
            (101, fragment, Skipped::Part),
            (101, later, Skipped::Part),
            (101, whole[..whole.len() - 1].into(), Skipped::Part),
            (101, whole[..12].into(), Skipped::Part),
            (101, vec![], Skipped::Other),
            (
                1,
                [&[0; 12], &[8, 6][..], &[0; 28]].concat(),
                Skipped::Other,
            ),
            (147, whole, Skipped::Other),
        ] {
            assert_eq!(datagram(link_type, &bytes), Err(expected), "{bytes:02x?}");
        }
    }
}
