//! DMR layer 2: bursts of 33 bytes, what they carry, and messages cut into them. It neither keys a
//! transmitter nor grants a channel; voice stays unread.
//!
//! ```text
//! text -> header, blocks -> coded -> burst: | info | slot type | sync | slot type | info |
//!          CRC-CCITT,        BPTC,             98       10        48       10        98  bits
//!          CRC-9, CRC-32     trellis
//! ```
//! Clauses are those of ETSI TS 102 361-1 (air interface), -2 (voice services) and -4 (trunking),
//! unless another text is named, as public sources cite them. Layouts give bits, counted from bit 7
//! of the first byte. What a correcting code cannot mend is refused, and so is whatever fails its
//! checksum: but a code that meets more errors than it was made for may also mend wrongly, and only
//! the checksum behind it tells. Nothing public shows that a PDT terminal sends the same.

mod address;
pub mod block;
pub mod bptc;
pub mod burst;
pub mod coding;
pub mod crc;
pub mod csbk;
pub mod delivery;
pub mod element;
pub mod golay;
pub mod header;
pub mod lc;
pub mod nmea;
pub mod packet;
pub mod pdu;
pub mod slot_type;
pub mod sync;
pub mod transmission;
pub mod trellis;
pub mod trunking;
pub mod udt;

pub use address::Address;
pub use burst::Burst;
pub use csbk::Csbk;
pub use header::DataHeader;
pub use pdu::Pdu;
pub use transmission::Transmission;
