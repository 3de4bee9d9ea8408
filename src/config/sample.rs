//! The shipped sample town inside the binary: the demo, benchmarks and tests need no file.
//!
//! `serve` never falls back to it: a town without a config is a fault, not a sample.

use super::{Config, Faults};
use std::io;
use std::path::Path;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        /// The files by their names under `config/`, the main one first.
        pub const FILES: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../../config/", $name)))),+];
    };
}

files![
    "huangjiang.toml",
    "huangjiang/outline_wgs84.geojson",
    "huangjiang/communities.csv",
    "huangjiang/places.csv",
    "huangjiang/terminals.csv",
    "huangjiang/officers.csv",
    "huangjiang/units.csv",
    "huangjiang/roster.csv",
];

/// Name of the main file in [`FILES`].
pub const MAIN: &str = "huangjiang.toml";

impl Config {
    /// The sample town, checked like any other config. Paths in it (users, journal) are relative.
    ///
    /// # Errors
    /// Never in a released binary: a test loads it.
    pub fn sample() -> Result<Self, Faults> {
        Self::load_with(Path::new(MAIN), &mut |path| {
            let found = FILES.iter().find(|(name, _)| Path::new(name) == path);
            found
                .map(|(_, bytes)| bytes.to_vec())
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_shipped_config() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(MAIN);
        let (shipped, sample) = (Config::load(&path).unwrap(), Config::sample().unwrap());
        assert_eq!(shipped.policy, sample.policy);
        assert_eq!(sample.files.len(), FILES.len());
    }
}
