//! Why bytes were not taken for a frame. Small, copyable, and sorted by cause, so that a gateway
//! can count refusals by reason without making strings.

use core::fmt;

/// What reading from a stream gave: malformed bytes are an error, missing ones are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<T> {
    /// A whole frame and the bytes it took.
    Complete(T, usize),
    /// Not there yet: at least this many bytes are missing.
    Incomplete(usize),
}

/// The layer a fault was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Service message.
    Hdap,
    /// UDP transport.
    Hstrp,
    /// Serial transport.
    Hrnp,
    /// Registration.
    Rrs,
    /// Text messages.
    Tmp,
    /// Positions.
    Lp,
    /// The 40 ASCII bytes of a fix.
    Gps,
    /// Radio control.
    Rcp,
    /// Data delivery states.
    Dds,
    /// DMR: sync, slot type and codes of a burst.
    Burst,
    /// DMR: twelve bytes whose kind only their checksum tells.
    Pdu,
    /// DMR: full link control.
    Lc,
    /// DMR: control signalling block.
    Csbk,
    /// DMR: data header.
    DataHeader,
    /// DMR: data block.
    Block,
    /// DMR: a packet put together from its blocks.
    Packet,
    /// DMR: unified data transport.
    Udt,
    /// Location information protocol.
    Lip,
    /// Homebrew network: repeaters and their master over UDP.
    Homebrew,
    /// A repeater's modem and its host.
    Mmdvm,
    /// TETRA PEI: lines.
    Pei,
    /// TETRA: short data.
    Sds,
    /// Sentences of a receiver.
    Nmea,
}

impl Layer {
    /// Its name as metrics and logs show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hdap => "hdap",
            Self::Hstrp => "hstrp",
            Self::Hrnp => "hrnp",
            Self::Rrs => "rrs",
            Self::Tmp => "tmp",
            Self::Lp => "lp",
            Self::Gps => "gps",
            Self::Rcp => "rcp",
            Self::Dds => "dds",
            Self::Burst => "burst",
            Self::Pdu => "pdu",
            Self::Lc => "lc",
            Self::Csbk => "csbk",
            Self::DataHeader => "data_header",
            Self::Block => "block",
            Self::Packet => "packet",
            Self::Udt => "udt",
            Self::Lip => "lip",
            Self::Homebrew => "homebrew",
            Self::Mmdvm => "mmdvm",
            Self::Pei => "pei",
            Self::Sds => "sds",
            Self::Nmea => "nmea",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the frame does.
    #[error("{layer}: truncated, {missing} more bytes expected")]
    Truncated {
        /// Where.
        layer: Layer,
        /// How many are missing at least.
        missing: usize,
    },
    /// A length that cannot be.
    #[error("{layer}: length {found} where {expected} was expected")]
    Length {
        /// Where.
        layer: Layer,
        /// What the frame says or has.
        found: usize,
        /// What it may be.
        expected: &'static str,
    },
    /// The checksum does not fit the bytes.
    #[error("{layer}: checksum {found:#06x}, but the bytes give {expected:#06x}")]
    Checksum {
        /// Where.
        layer: Layer,
        /// What the frame says.
        found: u32,
        /// What its bytes give.
        expected: u32,
    },
    /// A fixed byte is another one, or a value stands for nothing.
    #[error("{layer}: {what} is {found:#04x}")]
    Value {
        /// Where.
        layer: Layer,
        /// Which field.
        what: &'static str,
        /// What stands there.
        found: u32,
    },
    /// More bits are wrong than the code corrects.
    #[error("{layer}: more bit errors than the code corrects")]
    Uncorrectable {
        /// Where.
        layer: Layer,
    },
}

impl DecodeError {
    /// A short word for counters: `truncated`, `length`, `checksum`, `value` or
    /// `uncorrectable`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Length { .. } => "length",
            Self::Checksum { .. } => "checksum",
            Self::Value { .. } => "value",
            Self::Uncorrectable { .. } => "uncorrectable",
        }
    }

    /// The layer the fault was found in.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match self {
            Self::Truncated { layer, .. }
            | Self::Length { layer, .. }
            | Self::Checksum { layer, .. }
            | Self::Value { layer, .. }
            | Self::Uncorrectable { layer } => *layer,
        }
    }
}
