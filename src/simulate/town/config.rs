//! What the simulated town is made of.

use crate::config::{Config, SerialPort, Speaks};

/// The config of the simulated town: two gateways over UDP and one at a serial line, crews on
/// duty, a position a minute.
pub(super) fn town(config: &Config) -> Config {
    let mut config = config.clone();
    config.roster.sign_on_at_start = true;
    config.radio.position_interval_s = 60;
    if let [only] = config.gateways.as_slice() {
        let mut second = only.clone();
        second.name = format!("{}-b", only.name);
        for link in &mut second.links {
            link.port += 100;
        }
        let mut serial = only.clone();
        serial.name = format!("{}-serial", only.name);
        serial.links.clear();
        serial.serial = Some(serial_port());
        config.gateways.extend([second, serial]);
        // Every third terminal.
        let place = config.gateways.len() - 1;
        for terminal in config.terminals.values_mut().step_by(3) {
            (terminal.gateway, terminal.slot) = (place, 1);
        }
    }
    config
}

/// The serial line's port, as the sample has it.
fn serial_port() -> SerialPort {
    SerialPort {
        path: "line".to_owned(),
        baud: 115_200,
        slot: 1,
        ack_ms: 600,
        tries: 3,
        quiet_s: 60,
        on_first: false,
        speaks: Speaks::Hrnp,
    }
}
