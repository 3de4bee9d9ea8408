//! Terminals that may not be who they say (可疑终端): a radio id is a field anyone can program.
//!
//! ```text
//! evidence (beside the journal) --enough--> Marked --dispatcher--> Trusted, or Barred for good
//! ```
//! While one is suspect, what it sends is kept and changes nothing, and whatever is sent goes as if
//! it were off the air. Its call for help is never suppressed: it is as loud as a stranger's. What
//! counts as evidence, and what cannot be told from the air, is in docs/decisions/0018.

use super::Engine;
use super::id::{EngineTime, MessageNo, RadioId};
use super::position::{Doubt, Fix, Observed};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Why a terminal is suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It was heard through two gateways or slots to and fro, faster than a radio moves.
    TwoPlaces,
    /// Its position jumped, again and again.
    Jumps,
    /// It sent what it had sent before, or a position of long ago.
    Replay,
    /// A dispatcher said so: it is lost or stolen.
    Reported,
}

/// A terminal that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub since: EngineTime,
    /// Messages that were kept and changed nothing, positions not among them.
    pub ignored: u32,
    /// Who barred it; none while nobody has decided.
    pub barred_by: Option<String>,
    /// Gateway and slot it last registered through: where it is, once it is trusted.
    pub via: Option<(String, u8)>,
}

/// A message of a suspect terminal that changed nothing. Texts are [`super::event::Event`]s of
/// their own, as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ignored {
    /// It says that it has a text, or cannot have it.
    Ack {
        /// Which text.
        message: MessageNo,
        /// Whether it has it.
        delivered: bool,
    },
    /// It registered.
    Registered {
        /// The gateway's name in the config.
        gateway: String,
        /// The slot.
        slot: u8,
    },
    /// It left the air.
    Left,
    /// It took its emergency back.
    HelpOver,
}

/// What becomes of a suspect terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuspectEvent {
    /// It is not believed from here on.
    Marked {
        /// Which.
        radio: RadioId,
        /// Why.
        cause: Cause,
    },
    /// It sent something that changed nothing.
    Ignored {
        /// Which.
        radio: RadioId,
        /// What it sent.
        what: Ignored,
    },
    /// It is believed again.
    Trusted {
        /// Which.
        radio: RadioId,
        /// The user.
        by: String,
    },
    /// It stays barred until somebody trusts it.
    Barred {
        /// Which.
        radio: RadioId,
        /// The user.
        by: String,
    },
}

/// How much evidence makes a terminal suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// Changes of gateway or slot, to and fro.
    pub changes: u8,
    /// Within this time, milliseconds: less than a radio needs to move and register so often.
    pub changes_within_ms: u32,
    /// Jumps, each from where it was believed to be.
    pub jumps: u8,
    /// Messages it had sent before.
    pub replays: u8,
    /// Jumps and replays count within this time, milliseconds.
    pub within_ms: u32,
    /// A position older than the last one by more than this is a replay, milliseconds.
    pub late_ms: u32,
    /// Most terminals that evidence alone may mark at once. When many look suspect the fault is
    /// ours, and a mute fleet is worse than a cloned radio: beyond it there is only the alarm.
    pub at_once: u8,
}

impl Default for Suspicion {
    fn default() -> Self {
        Self {
            changes: 4,
            changes_within_ms: 60_000,
            jumps: 3,
            replays: 2,
            within_ms: 600_000,
            late_ms: 600_000,
            at_once: 8,
        }
    }
}

/// What the number of a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// Not seen before.
    New,
    /// The last one again: the terminal missed its ack.
    Again,
    /// An earlier one again: replayed.
    Old,
}

/// Gateway and slot something came through.
pub type Via<'a> = (&'a str, u8);

/// What speaks against each terminal so far. Like positions it is beside the journal: what comes
/// of it is journalled.
#[derive(Debug, Default, Clone)]
pub(super) struct Evidence {
    of: BTreeMap<RadioId, Box<Trace>>,
}

#[derive(Debug, Default, Clone)]
struct Trace {
    /// Where it was last heard.
    heard: Option<(Box<str>, u8)>,
    /// Where its last believed position was heard.
    fixed: Option<(Box<str>, u8)>,
    /// Whether its last position was a jump: one wild fix makes many that seem to jump back.
    jumping: bool,
    /// Number of its last text.
    last_text: Option<u32>,
    /// Numbers of its texts since it registered, the newest last.
    texts: VecDeque<u32>,
    /// When what speaks against it happened; most terminals have nothing.
    counts: Option<Box<Counts>>,
}

#[derive(Debug, Default, Clone)]
struct Counts {
    changes: VecDeque<EngineTime>,
    jumps: VecDeque<EngineTime>,
    replays: VecDeque<EngineTime>,
}

/// How many numbers of texts are remembered of a terminal.
const TEXTS: usize = 16;

impl Engine {
    /// Whether a terminal is suspect.
    #[must_use]
    pub fn is_suspect(&self, radio: RadioId) -> bool {
        self.state.suspects.contains_key(&radio)
    }

    /// A terminal spoke of its own accord. Answers to us are no evidence: they come back through
    /// whichever gateway we asked by.
    pub fn hear(&mut self, now: EngineTime, radio: RadioId, via: Via<'_>) {
        let Some(trace) = self.trace(radio) else {
            return;
        };
        let moved = is_elsewhere(trace.heard.as_ref(), via);
        note(&mut trace.heard, via);
        let rules = self.policy.suspicion;
        let (changes, within_ms) = (rules.changes, rules.changes_within_ms);
        if moved && self.counts(now, radio, |it| &mut it.changes, changes, within_ms) {
            self.suspect(radio, Cause::TwoPlaces);
        }
    }

    /// What the number of a text from a terminal says.
    pub fn number(&mut self, now: EngineTime, radio: RadioId, number: u32) -> Numbered {
        let Some(trace) = self.trace(radio) else {
            return Numbered::New;
        };
        if trace.last_text == Some(number) {
            return Numbered::Again;
        }
        if trace.texts.contains(&number) {
            self.replayed_by(now, radio);
            return Numbered::Old;
        }
        trace.last_text = Some(number);
        trace.texts.push_back(number);
        if trace.texts.len() > TEXTS {
            trace.texts.pop_front();
        }
        Numbered::New
    }

    /// A terminal registered: it may have been switched on, and may count its texts from the start.
    pub fn renumber(&mut self, radio: RadioId) {
        if let Some(trace) = self.trace(radio) {
            trace.texts.clear();
        }
    }

    /// What a fix says for or against its terminal.
    pub(super) fn weigh(
        &mut self,
        now: EngineTime,
        radio: RadioId,
        fix: Fix,
        (observed, via): (Observed, Option<Via<'_>>),
    ) {
        let Some(trace) = self.trace(radio) else {
            return;
        };
        match observed {
            Observed::Taken => {
                trace.jumping = false;
                if let Some(via) = via {
                    note(&mut trace.fixed, via);
                }
            }
            Observed::Doubted(Doubt::Jump) => {
                let again = std::mem::replace(&mut trace.jumping, true);
                let elsewhere = via.is_some_and(|via| is_elsewhere(trace.fixed.as_ref(), via));
                let (jumps, within_ms) =
                    (self.policy.suspicion.jumps, self.policy.suspicion.within_ms);
                if elsewhere {
                    self.suspect(radio, Cause::TwoPlaces);
                } else if !again && self.counts(now, radio, |it| &mut it.jumps, jumps, within_ms) {
                    self.suspect(radio, Cause::Jumps);
                }
            }
            Observed::Doubted(Doubt::Stale) if self.is_late(radio, fix) => {
                self.replayed_by(now, radio);
            }
            Observed::Doubted(_) | Observed::Stranger => {}
        }
    }

    fn is_late(&self, radio: RadioId, fix: Fix) -> bool {
        let last = self.positions.of(radio).map(|place| place.taken_at.0);
        let last_ms = i64::try_from(last.unwrap_or(0)).unwrap_or(i64::MAX);
        last_ms.saturating_sub(fix.taken_ms) > i64::from(self.policy.suspicion.late_ms)
    }

    fn replayed_by(&mut self, now: EngineTime, radio: RadioId) {
        let (replays, within_ms) = (
            self.policy.suspicion.replays,
            self.policy.suspicion.within_ms,
        );
        if self.counts(now, radio, |it| &mut it.replays, replays, within_ms) {
            self.suspect(radio, Cause::Replay);
        }
    }

    /// Notes one more; whether there are enough of them within the time.
    fn counts(
        &mut self,
        now: EngineTime,
        radio: RadioId,
        which: fn(&mut Counts) -> &mut VecDeque<EngineTime>,
        enough: u8,
        within_ms: u32,
    ) -> bool {
        let Some(trace) = self.trace(radio) else {
            return false;
        };
        let times = which(trace.counts.get_or_insert_default());
        times.push_back(now);
        while times.len() > usize::from(enough) {
            times.pop_front();
        }
        let first = times.front().copied().unwrap_or(now);
        times.len() == usize::from(enough) && now.since_ms(first) <= u64::from(within_ms)
    }

    /// It is decided at the next [`Engine::settle`].
    fn suspect(&mut self, radio: RadioId, cause: Cause) {
        self.evidence.of.remove(&radio);
        self.todo.suspect.entry(radio).or_insert(cause);
    }

    /// What is known of a terminal of the config that is still believed.
    fn trace(&mut self, radio: RadioId) -> Option<&mut Trace> {
        let known = self.policy.terminals.contains(&radio) && !self.is_suspect(radio);
        known.then(|| self.evidence.of.entry(radio).or_default().as_mut())
    }

    pub(super) fn apply_suspect(&mut self, at: EngineTime, event: &SuspectEvent) -> Option<()> {
        match event {
            SuspectEvent::Marked { radio, cause } => self.mark(at, *radio, *cause, None),
            SuspectEvent::Barred { radio, by } => match self.state.suspects.get_mut(radio) {
                Some(suspect) => suspect.barred_by = Some(by.clone()),
                None => self.mark(at, *radio, Cause::Reported, Some(by.clone())),
            },
            SuspectEvent::Ignored { radio, what } => {
                self.note_ignored(*radio)?;
                let suspect = self.state.suspects.get_mut(radio)?;
                match what {
                    Ignored::Registered { gateway, slot } => {
                        suspect.via = Some((gateway.clone(), *slot));
                    }
                    Ignored::Left => suspect.via = None,
                    Ignored::Ack { .. } | Ignored::HelpOver => {}
                }
            }
            SuspectEvent::Trusted { radio, .. } => {
                let suspect = self.state.suspects.remove(radio)?;
                self.state.terminals.entry(*radio).or_default().via = suspect.via;
                self.positions.contest(*radio, false);
                self.touch_holder(at, *radio);
            }
        }
        Some(())
    }

    fn mark(&mut self, since: EngineTime, radio: RadioId, cause: Cause, by: Option<String>) {
        let known = self.state.terminals.get(&radio);
        let suspect = Suspect {
            cause,
            since,
            ignored: 0,
            barred_by: by,
            via: known.and_then(|terminal| terminal.via.clone()),
        };
        self.state.suspects.insert(radio, suspect);
        self.positions.contest(radio, true);
        self.evidence.of.remove(&radio);
        self.touch_holder(since, radio);
    }

    /// Counts a message of a terminal, if that is suspect.
    pub(super) fn note_ignored(&mut self, radio: RadioId) -> Option<()> {
        let suspect = self.state.suspects.get_mut(&radio)?;
        suspect.ignored = suspect.ignored.saturating_add(1);
        Some(())
    }
}

fn is_elsewhere(known: Option<&(Box<str>, u8)>, (gateway, slot): Via<'_>) -> bool {
    known.is_some_and(|(name, number)| (&**name, *number) != (gateway, slot))
}

fn note(place: &mut Option<(Box<str>, u8)>, (gateway, slot): Via<'_>) {
    let same = place.is_some() && !is_elsewhere(place.as_ref(), (gateway, slot));
    if !same {
        *place = Some((gateway.into(), slot));
    }
}
