//! Information elements the data headers share (TS 102 361-1, 9.3): numbers that stand for
//! something, kept when nobody says what for.

/// Service access point: what a packet is handed to, 4 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sap(pub u8);

impl Sap {
    /// Unified data transport.
    pub const UDT: Self = Self(0);
    /// UDP/IP with a compressed header.
    pub const UDP: Self = Self(3);
    /// IP packets.
    pub const IP: Self = Self(4);
    /// Short data.
    pub const SHORT_DATA: Self = Self(10);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "unified data transport",
            2 => "compressed TCP/IP",
            3 => "compressed UDP/IP",
            4 => "IP",
            5 => "ARP",
            9 => "proprietary",
            10 => "short data",
            _ => "reserved",
        }
    }
}

/// What defined short data is, 6 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataFormat(pub u8);

impl DataFormat {
    /// Anything.
    pub const BINARY: Self = Self(0);
    /// UTF-8.
    pub const UTF8: Self = Self(0x12);
    /// UTF-16, the byte order not said: big-endian unless a mark says otherwise.
    pub const UTF16: Self = Self(0x13);
    /// UTF-16, big-endian.
    pub const UTF16BE: Self = Self(0x14);
    /// UTF-16, little-endian.
    pub const UTF16LE: Self = Self(0x15);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "binary",
            1 => "BCD",
            2 => "7-bit characters",
            3..=0x11 => "ISO 8859",
            0x12 => "UTF-8",
            0x13 => "UTF-16",
            0x14 => "UTF-16BE",
            0x15 => "UTF-16LE",
            0x16 => "UTF-32",
            0x17 => "UTF-32BE",
            0x18 => "UTF-32LE",
            _ => "reserved",
        }
    }
}

/// What unified data transport carries, 4 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UdtFormat(pub u8);

impl UdtFormat {
    /// A position in the manner of NMEA (IEC 61162-1).
    pub const NMEA: Self = Self(5);
    /// UTF-16, big-endian.
    pub const UTF16BE: Self = Self(7);
    /// A position by the location information protocol.
    pub const LIP: Self = Self(11);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "binary",
            1 => "address",
            2 => "BCD",
            3 => "7-bit characters",
            4 => "8-bit characters",
            5 => "NMEA position",
            6 => "IP address",
            7 => "UTF-16BE",
            8 | 9 => "manufacturer's",
            10 => "address and UTF-16BE",
            11 => "LIP position",
            _ => "reserved",
        }
    }
}

/// How a confirmed packet was taken: class and type of a response (table 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// All of it was received.
    Ack,
    /// None of it is kept.
    Nack(NackReason),
    /// Some blocks are to be sent again; a map of them follows.
    Retry,
    /// Not said what it means.
    Unknown {
        /// 2 bits.
        class: u8,
        /// 3 bits.
        kind: u8,
    },
}

/// Why a packet was not kept, 3 bits. The words are the standard's; a public decoder counts them
/// from one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NackReason(pub u8);

impl NackReason {
    /// The CRC-32 of the packet did not fit.
    pub const PACKET_CRC: Self = Self(1);

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "illegal format",
            1 => "packet CRC",
            2 => "memory full",
            3 => "fragment out of sequence",
            4 => "undeliverable",
            5 => "packet out of sequence",
            6 => "invalid user",
            _ => "reserved",
        }
    }
}

impl Verdict {
    /// Class, then type.
    pub(super) fn codes(self) -> (u8, u8) {
        match self {
            Self::Ack => (0, 1),
            Self::Nack(reason) => (1, reason.0),
            Self::Retry => (2, 0),
            Self::Unknown { class, kind } => (class, kind),
        }
    }

    pub(super) fn from_codes(class: u8, kind: u8) -> Self {
        match (class, kind) {
            (0, 1) => Self::Ack,
            (1, reason) => Self::Nack(NackReason(reason)),
            (2, 0) => Self::Retry,
            (class, kind) => Self::Unknown { class, kind },
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "received",
            Self::Nack(reason) => reason.name(),
            Self::Retry => "send some blocks again",
            Self::Unknown { .. } => "unknown response",
        }
    }
}
