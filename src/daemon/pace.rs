//! A flood from one terminal delays no other: beyond so many messages a second what it says is
//! dropped and counted. Terminals repeat what is not acknowledged, and a slot of DMR carries two
//! texts a second: only what is broken or hostile says more.
//!
//! Positions are not counted here: they overwrite each other.

use super::Daemon;
use super::radio::Inbound;
use crate::engine::command::Command;
use crate::engine::id::{EngineTime, RadioId};
use std::collections::{BTreeMap, BTreeSet};

/// Messages of a terminal in a second, and as many pressed alarm keys.
pub(super) const OF_TERMINAL: u32 = 32;
/// The same of all ids together that no terminal of ours has.
pub(super) const OF_STRANGERS: u32 = 128;

/// Who says it, none for a stranger, and whether it is an alarm key.
type Voice = (Option<RadioId>, bool);

/// How much was heard of each within the second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    second: u64,
    heard: BTreeMap<Voice, u32>,
    /// Who was logged.
    told: BTreeSet<Voice>,
}

impl Pace {
    /// Whether one more message is taken.
    fn takes(&mut self, at: EngineTime, voice: Voice) -> bool {
        let second = at.0 / 1000;
        if second != self.second {
            self.second = second;
            self.heard.clear();
        }
        let most = match voice.0 {
            Some(_) => OF_TERMINAL,
            None => OF_STRANGERS,
        };
        let heard = self.heard.entry(voice).or_default();
        *heard = heard.saturating_add(1);
        let takes = *heard <= most;
        if !takes && self.told.insert(voice) {
            let (radio, alarm) = voice;
            tracing::warn!(
                ?radio,
                alarm,
                "floods the air: dropped, and counted from now on"
            );
        }
        takes
    }
}

impl Inbound {
    /// Whose message it is, where it is a terminal's.
    fn said_by(&self) -> Option<RadioId> {
        match self {
            Self::Ack(
                Command::RecordDelivery { radio, .. } | Command::RecordEmergencyCancel { radio },
            )
            | Self::Emergency { radio, .. } => Some(*radio),
            Self::Ack(_) => None,
            Self::Register { radio, .. } | Self::Leave { radio } => Some(RadioId(radio.id)),
            Self::Text { text, .. } => Some(RadioId(text.from.id)),
        }
    }
}

impl Daemon {
    /// Whether a terminal says more than anybody has to say.
    pub(super) fn floods_air(&mut self, inbound: &Inbound) -> bool {
        let Some(radio) = inbound.said_by() else {
            return false;
        };
        let known = self.config.terminals.contains_key(&radio);
        let alarm = matches!(inbound, Inbound::Emergency { .. });
        let takes = self.pace.takes(self.at, (known.then_some(radio), alarm));
        self.counts.radio_flooded += u64::from(!takes);
        !takes
    }
}
