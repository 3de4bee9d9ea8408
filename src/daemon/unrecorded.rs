//! What terminals say while nothing is recorded: a cry for help must reach somebody though the
//! journal cannot take it.
//!
//! It changes nothing, is not acknowledged, and is told to every console, to the log and to the
//! printable list, by which the dispatcher acts and later makes up for it.

use super::notice::Unrecorded;
use super::output::Outbox;
use super::{Daemon, Now, rpc};
use crate::engine::id::{EngineTime, RadioId};

/// Messages that are remembered: the last of each terminal, the oldest give way.
const KEPT: usize = 200;
/// The same cry or text of one terminal is told again after this long, milliseconds: terminals
/// repeat what is not acknowledged.
const AGAIN_MS: u64 = 10_000;

/// The last of what could not be recorded, the newest at the end; none of a terminal twice.
#[derive(Debug, Default)]
pub(super) struct Heard {
    messages: Vec<Message>,
    /// How many were told since the start.
    pub(super) told: u64,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) radio: RadioId,
    /// None is the alarm key.
    pub(super) text: Option<String>,
    pub(super) at: EngineTime,
}

impl Heard {
    /// Whether it is news; then it is remembered.
    fn note(&mut self, radio: RadioId, text: Option<&str>, at: EngineTime) -> bool {
        let same = |it: &Message| it.radio == radio && it.text.as_deref() == text;
        let known = self.messages.iter().position(same);
        let known = known.and_then(|index| Some((index, self.messages.get(index)?.at)));
        if let Some((index, before)) = known {
            if at.since_ms(before) < AGAIN_MS {
                return false;
            }
            self.messages.remove(index);
        }
        if self.messages.len() >= KEPT {
            self.messages.remove(0);
        }
        let text = text.map(str::to_owned);
        self.messages.push(Message { radio, text, at });
        self.told += 1;
        true
    }

    /// What is remembered, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().rev()
    }
}

impl Daemon {
    /// Tells of an alarm key (no text) or a text that is not recorded.
    pub(super) fn tell_unrecorded(
        &mut self,
        now: Now,
        radio: RadioId,
        text: Option<&str>,
        out: &mut dyn Outbox,
    ) {
        self.counts.dropped_degraded += 1;
        if !self.unrecorded.note(radio, text, now.at) {
            return;
        }
        let unit = self.engine.state().holder(radio);
        let unit = unit.map(|unit| unit.call_sign.as_str());
        tracing::error!(radio = radio.0, unit, text, "heard, and not recorded");
        let place = self.engine.positions().of(radio);
        let notice = Unrecorded {
            radio,
            unit,
            emergency: text.is_none_or(|text| self.engine.calls_for_help(text)),
            text,
            position: place.map(|place| self.views(now.at).position(place.point)),
        };
        let line = rpc::notice("board.unrecorded", &notice);
        self.tell_all(&line, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_told_from_time_to_time_and_memory_stays_bounded() {
        let mut heard = Heard::default();
        let at = EngineTime(50_000);
        assert!(heard.note(RadioId(1), None, at));
        assert!(!heard.note(RadioId(1), None, at.plus_ms(AGAIN_MS - 1)));
        assert!(heard.note(RadioId(1), Some("求助"), at), "another message");
        assert!(heard.note(RadioId(1), None, at.plus_ms(AGAIN_MS)));
        let kept: Vec<_> = heard.newest_first().map(|it| it.text.as_deref()).collect();
        assert_eq!(kept, [None, Some("求助")]);
        for radio in 0..1_000 {
            heard.note(RadioId(radio), Some("x"), at);
        }
        assert_eq!(heard.messages.len(), KEPT);
        assert_eq!(heard.newest_first().next().unwrap().radio, RadioId(999));
    }
}
