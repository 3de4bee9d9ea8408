//! Where a row comes from. Consoles, exports and reports show it wherever an input is not real.

use serde::{Deserialize, Serialize};

/// Origin of a row: what is real, what is a labelled sample, what a simulator made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From a source named in the NOTICE beside the file (真实).
    Real,
    /// Invented to show the format, and labelled so (样例).
    Sample,
    /// Made by a simulator (模拟).
    Simulated,
}

impl Origin {
    /// All origins with the names the files use.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("real", Self::Real),
        ("sample", Self::Sample),
        ("simulated", Self::Simulated),
    ];

    /// The label shown to people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Real => "真实",
            Self::Sample => "样例",
            Self::Simulated => "模拟",
        }
    }
}
