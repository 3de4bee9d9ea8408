//! Serial gateways: a radio at a serial port of this machine, spoken to by HRNP or as a TETRA
//! terminal, by PEI.

use super::fault::Text;
use super::node::Node;
use tieqi_protocols::radio_ip::RadioIp;

/// Bits a second that ports do.
const BAUD: std::ops::RangeInclusive<i64> = 1_200..=4_000_000;
/// What radios do unless they are set up otherwise.
const USUAL_BAUD: i64 = 115_200;
/// Transport timers; no public source tells what radios expect.
const ACK_MS: i64 = 1_000;
const TRIES: i64 = 3;
const QUIET_S: i64 = 60;

/// The port of a serial gateway. 8 bits, no parity, 1 stop bit. It carries all services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialPort {
    /// The device.
    pub path: String,
    /// Bits a second.
    pub baud: u32,
    /// Slot its terminals count as being on, 1 or 2.
    pub slot: u8,
    /// A transport ack is awaited this long, milliseconds.
    pub ack_ms: u32,
    /// Times a frame is sent before `SendFailed`.
    pub tries: u8,
    /// A line that is quiet for so long is asked whether anybody is there, seconds.
    pub quiet_s: u32,
    /// In the set-up of state broadcasts, whether "on" comes before what it is about: sources
    /// differ.
    pub on_first: bool,
    /// What is spoken over it.
    pub speaks: Speaks,
}

/// What is spoken over a serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaks {
    /// HRNP, by a radio.
    Hrnp,
    /// PEI, by a TETRA terminal that is told this first, without the `AT`.
    Pei(Vec<String>),
    /// NMEA 0183, by a receiver in the vehicle with this terminal.
    Nmea(u32),
}

/// What receivers do unless they are set up otherwise.
const RECEIVER_BAUD: i64 = 4_800;

/// Short data of any length, to a subscriber, from here on.
const PEI_SETUP: [&str; 2] = ["E0", "+CTSDS=12,0,0,0,1"];
/// Commands of a set-up, and characters of one.
const SETUP_MAX: usize = 32;
const COMMAND_MAX: usize = 100;

/// The port of a gateway whose transport is HRNP or PEI; none for any other.
pub(super) fn port(node: &Node<'_>, send_ms: u32, taken: &mut Vec<String>) -> Option<SerialPort> {
    let transport = node.text_opt("transport")?;
    let is_pei = match transport.value.as_str() {
        "hstrp" | "homebrew" | "http" => return None,
        "hrnp" => false,
        "pei" => true,
        _ => {
            let known = ["hstrp", "hrnp", "homebrew", "pei", "http"].into_iter();
            node.report.unknown(&transport, "transport", known);
            // Read on as what it most likely is, so that nothing else is told as missing.
            node.text_opt("serial")?;
            false
        }
    };
    let path = path(node, taken);
    let number = |key, range, usual| u32::try_from(node.int_or(key, range, usual)).unwrap_or(1);
    let small = |key, range, usual| u8::try_from(node.int_or(key, range, usual)).unwrap_or(1);
    let port = SerialPort {
        path,
        baud: number("baud", BAUD, USUAL_BAUD),
        slot: small("slot", super::radio::SLOTS, 1),
        ack_ms: number("ack_ms", 1..=super::radio::ACK_MS_MAX, ACK_MS),
        tries: small("tries", 1..=16, TRIES),
        quiet_s: number("quiet_s", 1..=super::radio::LINK_S_MAX, QUIET_S),
        on_first: !is_pei && node.flag_or("broadcast_on_first", false),
        speaks: match is_pei {
            true => Speaks::Pei(pei_setup(node)),
            false => Speaks::Hrnp,
        },
    };
    let retries_ms = port.ack_ms.saturating_mul(u32::from(port.tries));
    if send_ms < retries_ms {
        let text = format!(
            "ack_ms x tries is {retries_ms} ms, longer than ladder.send_ms = {send_ms}: \
             the engine tries again before the link gives up"
        );
        node.report.warn(&node.spot("ack_ms"), text);
    }
    Some(port)
}

/// The port of a `[[gps]]`: a receiver in the vehicle of one of the terminals.
pub(super) fn receiver(
    node: &Node<'_>,
    taken: &mut Vec<String>,
    vehicles: &mut Vec<Text>,
) -> SerialPort {
    let number = |key, range, usual| u32::try_from(node.int_or(key, range, usual)).unwrap_or(1);
    let radio_id = node.int_if("radio_id", 1..=i64::from(RadioIp::MAX_ID));
    vehicles.extend(radio_id.map(|id| Text {
        value: id.to_string(),
        spot: node.spot("radio_id"),
    }));
    SerialPort {
        path: path(node, taken),
        baud: number("baud", BAUD, RECEIVER_BAUD),
        slot: 1,
        ack_ms: 1,
        tries: 1,
        quiet_s: 1,
        on_first: false,
        speaks: Speaks::Nmea(radio_id.and_then(|id| u32::try_from(id).ok()).unwrap_or(1)),
    }
}

/// The device, which nobody else may have.
fn path(node: &Node<'_>, taken: &mut Vec<String>) -> String {
    let Some(path) = node.text("serial") else {
        return String::new();
    };
    if taken.contains(&path.value) {
        let text = format!("port `{}` is taken by another gateway", path.value);
        node.report.fault(&path.spot, text);
    }
    taken.push(path.value.clone());
    path.value
}

/// The commands of `setup`, their `AT` taken off.
fn pei_setup(node: &Node<'_>) -> Vec<String> {
    if !node.has("setup") {
        return PEI_SETUP.map(String::from).into();
    }
    let commands = node.texts_opt("setup");
    if commands.len() > SETUP_MAX {
        let text = format!("more than {SETUP_MAX} commands");
        node.report.fault(&node.spot("setup"), text);
    }
    let command = |command: Text| {
        let plain = command
            .value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~'));
        if !plain || command.value.len() > COMMAND_MAX {
            let text = format!("a command is at most {COMMAND_MAX} printable characters");
            node.report.fault(&command.spot, text);
        }
        let bare = command.value.strip_prefix("AT");
        bare.map_or(command.value.clone(), str::to_owned)
    };
    commands.into_iter().map(command).collect()
}
