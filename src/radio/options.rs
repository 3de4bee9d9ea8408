//! How the simulated town behaves: who is switched on, what is lost, how long people take.

use crate::config::{Config, SerialPort, Speaks};
use crate::engine::id::RadioId;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Why the radios cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RadioError {
    /// No gateway of that name.
    #[error("failed to find gateway `{name}`; the config has {known}")]
    Gateway {
        /// As given.
        name: String,
        /// What there is.
        known: String,
    },
    /// A radio id the config does not know.
    #[error("failed to find terminal {0} on the gateways chosen")]
    Terminal(RadioId),
    /// Nothing to simulate.
    #[error("failed to start: no terminal is switched on")]
    Nobody,
    /// A rate that is none.
    #[error("failed to take {name} = {value}: a rate is 0 to 1")]
    Rate {
        /// Which.
        name: &'static str,
        /// As given.
        value: f64,
    },
    /// A speed that is none.
    #[error(
        "failed to take speed = {0}: it must be from {least} to {most}",
        least = RadioOptions::SPEED_MIN,
        most = RadioOptions::SPEED_MAX
    )]
    Speed(f64),
    /// A serial port, but no serial gateway.
    #[error("failed to use serial port {0}: choose one gateway with transport = \"hrnp\"")]
    Serial(String),
    /// A socket that is not to be had.
    #[error("failed to bind {at}")]
    Bind {
        /// Where.
        at: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Which handhelds are switched on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Terminals {
    /// Those of the roster's crews, all groups and shifts.
    #[default]
    Roster,
    /// All of the register.
    All,
    /// These.
    List(BTreeSet<RadioId>),
}

impl FromStr for Terminals {
    type Err = String;

    /// `roster`, `all`, or radio ids with commas between.
    fn from_str(text: &str) -> Result<Self, String> {
        let id = |word: &str| match word.trim().parse() {
            Ok(id) => Ok(RadioId(id)),
            Err(_) => Err(format!("`{word}` is no radio id, nor `roster` nor `all`")),
        };
        match text.trim() {
            "roster" => Ok(Self::Roster),
            "all" => Ok(Self::All),
            list => Ok(Self::List(
                list.split(',').map(id).collect::<Result<_, _>>()?,
            )),
        }
    }
}

/// How often things go wrong, 0 to 1 each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// A datagram is dropped at the gateway's socket, each way. Default 0.01.
    pub loss: f64,
    /// A text or its ack of delivery is lost on the air, one as often as the other: no A2 comes.
    /// Default 0.02.
    pub delivery_loss: f64,
    /// A terminal is not reached and the gateway says so (result 8). Default 0.005.
    pub delivery_fail: f64,
    /// An offer is declined. Default 0.05.
    pub decline: f64,
    /// An offer is never answered. Default 0.01.
    pub ignore: f64,
    /// The need-help key is pressed on a scene. Default 0.
    pub need_help: f64,
    /// A text goes to the group from a scene. Default 0.
    pub group_text: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            loss: 0.01,
            delivery_loss: 0.02,
            delivery_fail: 0.005,
            decline: 0.05,
            ignore: 0.01,
            need_help: 0.0,
            group_text: 0.0,
        }
    }
}

impl Rates {
    /// Nothing ever goes wrong.
    pub const NONE: Self = Self {
        loss: 0.0,
        delivery_loss: 0.0,
        delivery_fail: 0.0,
        decline: 0.0,
        ignore: 0.0,
        need_help: 0.0,
        group_text: 0.0,
    };

    fn check(&self) -> Result<(), RadioError> {
        let rates = [
            ("loss", self.loss),
            ("delivery_loss", self.delivery_loss),
            ("delivery_fail", self.delivery_fail),
            ("decline", self.decline),
            ("ignore", self.ignore),
            ("need_help", self.need_help),
            ("group_text", self.group_text),
        ];
        match rates
            .into_iter()
            .find(|(_, rate)| !(0.0..=1.0).contains(rate))
        {
            Some((name, value)) => Err(RadioError::Rate { name, value }),
            None => Ok(()),
        }
    }
}

/// What to simulate, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct RadioOptions {
    /// Name of the gateway to be; default all.
    pub gateway: Option<String>,
    /// Who is switched on; default the roster's crews.
    pub terminals: Terminals,
    /// Where the daemon is; default the gateway's configured host, or loopback when that is the
    /// address for any.
    pub daemon: Option<IpAddr>,
    /// Our end of the serial line of the one serial gateway chosen; default the config's `serial`,
    /// which fits when the radios run on another machine.
    pub serial: Option<String>,
    /// The same seed tells the same story. Default 1.
    pub seed: u64,
    /// How many times faster the simulated world runs: driving, key delays, times on scene,
    /// position intervals; never the links, the air or registrations. Default 1.
    pub speed: f64,
    /// What goes wrong how often.
    pub rates: Rates,
    /// A datagram is held for up to this long, each way, wall milliseconds. Default 5.
    pub delay_ms: u32,
    /// A text is on the air from half of this to all of it, wall milliseconds. Default 120.
    pub air_ms: u32,
    /// From reading an offer to the key, on the average; simulated seconds. Default 5.
    pub key_s: u32,
    /// From accepting to rolling, on the average; simulated seconds. Default 10.
    pub roll_s: u32,
    /// On scene on the average at Grade III, simulated seconds; twice as long at Grade I, half as
    /// long again at II, two thirds at IV. Default 600.
    pub scene_s: u32,
    /// So long after the start somebody presses the emergency button of a handheld, wall
    /// milliseconds. Default never.
    pub emergency_after_ms: Option<u32>,
    /// First registrations are spread over this, wall milliseconds. Default 1500.
    pub spread_ms: u32,
}

impl Default for RadioOptions {
    fn default() -> Self {
        Self {
            gateway: None,
            terminals: Terminals::Roster,
            daemon: None,
            serial: None,
            seed: 1,
            speed: 1.0,
            rates: Rates::default(),
            delay_ms: 5,
            air_ms: 120,
            key_s: 5,
            roll_s: 10,
            scene_s: 600,
            emergency_after_ms: None,
            spread_ms: 1500,
        }
    }
}

impl RadioOptions {
    /// Slowest world.
    pub const SPEED_MIN: f64 = 0.01;
    /// Fastest world.
    pub const SPEED_MAX: f64 = 100_000.0;

    pub(super) fn check(&self, config: &Config) -> Result<(), RadioError> {
        self.rates.check()?;
        if !(Self::SPEED_MIN..=Self::SPEED_MAX).contains(&self.speed) {
            return Err(RadioError::Speed(self.speed));
        }
        let names = || config.gateways.iter().map(|gateway| gateway.name.as_str());
        match &self.gateway {
            Some(name) if names().all(|known| known != name) => Err(RadioError::Gateway {
                name: name.clone(),
                known: names().collect::<Vec<_>>().join(", "),
            }),
            _ => self.check_serial(config),
        }
    }

    fn check_serial(&self, config: &Config) -> Result<(), RadioError> {
        let chosen = |name: &String| self.gateway.as_ref().is_none_or(|only| only == name);
        let is_radio = |port: &SerialPort| port.speaks == Speaks::Hrnp;
        let lines = config.gateways.iter();
        let lines = lines.filter(|it| it.serial.as_ref().is_some_and(is_radio));
        match &self.serial {
            Some(path) if lines.filter(|it| chosen(&it.name)).count() != 1 => {
                Err(RadioError::Serial(path.clone()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn pace(&self) -> Pace {
        Pace(self.speed)
    }
}

/// How fast the simulated world runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(f64);

impl Pace {
    /// Wall milliseconds that so many simulated ones take, rounded up.
    pub(super) fn wall_ms(self, simulated_ms: u64) -> u64 {
        (simulated_ms as f64 / self.0).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_read() {
        assert_eq!("roster".parse(), Ok(Terminals::Roster));
        assert_eq!(" all ".parse(), Ok(Terminals::All));
        let list = [7, 3].map(RadioId).into_iter().collect();
        assert_eq!("7, 3,7".parse(), Ok(Terminals::List(list)));
        assert!("everybody".parse::<Terminals>().is_err());
        assert!("1,,2".parse::<Terminals>().is_err());
    }

    #[test]
    fn impossible_options_are_refused() {
        let config = Config::sample().unwrap();
        let refused = |options: RadioOptions| options.check(&config).unwrap_err().to_string();
        let rates = |loss| RadioOptions {
            rates: Rates {
                loss,
                ..Rates::NONE
            },
            ..RadioOptions::default()
        };
        assert!(refused(rates(1.5)).contains("loss = 1.5"));
        assert!(refused(rates(f64::NAN)).contains("a rate is 0 to 1"));
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let options = RadioOptions {
                speed,
                ..RadioOptions::default()
            };
            assert!(refused(options).contains("speed"));
        }
        let elsewhere = RadioOptions {
            gateway: Some("nowhere".to_owned()),
            ..RadioOptions::default()
        };
        assert!(refused(elsewhere).contains("huangjiang-1"));
        let no_line = RadioOptions {
            serial: Some("/dev/ttyUSB0".to_owned()),
            ..RadioOptions::default()
        };
        assert!(refused(no_line).contains("transport = \"hrnp\""));
        assert!(RadioOptions::default().check(&config).is_ok());
    }

    #[test]
    fn pace() {
        assert_eq!(Pace(1.0).wall_ms(30_000), 30_000);
        assert_eq!(Pace(60.0).wall_ms(30_000), 500);
        assert_eq!(Pace(60.0).wall_ms(1), 1);
    }
}
